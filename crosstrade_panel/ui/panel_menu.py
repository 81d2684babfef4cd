"""The menu of the window: drills, stream, theme, about, quit."""

from PySide6.QtCore import Signal
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMenu, QWidget

from crosstrade_panel.ui import captions, theme
from crosstrade_panel.ui.fit import plain_tip
from crosstrade_panel.ui.view import DrillChoice, PracticeView, StreamView


def _label(text: str) -> str:
    """Qt takes an ampersand for the mark of a shortcut."""
    return text.replace("&", "&&")


class PanelMenu(QMenu):
    """What is one click away but needs no place in the window.

    Signals:
        drill_chosen: the name of a drill, or None for no drill.
        practice_reset_requested: the practice exchange shall begin anew.
        stream_toggled: whether presses shall go over the stream.
        stream_reconnect_requested: the stream shall be taken back from the tool that took it over.
        theme_chosen: "system", "dark" or "light".
        neighbour_requested: the window shall stand beside NinjaTrader's.
        settings_requested, fallback_requested, about_requested, quit_requested: as they say.
    """

    drill_chosen = Signal(object)
    practice_reset_requested = Signal()
    stream_toggled = Signal(bool)
    stream_reconnect_requested = Signal()
    theme_chosen = Signal(str)
    neighbour_requested = Signal()
    settings_requested = Signal()
    fallback_requested = Signal()
    about_requested = Signal()
    quit_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("panelMenu")
        self.setToolTipsVisible(True)
        self._practice: PracticeView | None = None
        self._is_wanted = False
        self._drills = QMenu(captions.DRILLS, self)
        self._drills.setObjectName("drillMenu")
        self._drills.setToolTipsVisible(True)
        self._drill_group = QActionGroup(self)
        self._drill_group.setExclusive(True)
        self._drill_group.triggered.connect(self._on_drill)
        self._groups: list[QMenu] = []
        self.addMenu(self._drills)
        self._drills.menuAction().setVisible(False)
        self._stream = self._item("streamAction", captions.STREAM, captions.STREAM_TIP)
        self._stream.setCheckable(True)
        self._stream.triggered.connect(self._on_stream)
        self._take_back = self._item(
            "takeStreamBackAction", captions.TAKE_STREAM_BACK, captions.TAKE_STREAM_BACK_TIP
        )
        self._take_back.setVisible(False)
        self._take_back.triggered.connect(self._on_take_back)
        self._neighbour = self._item("neighbourAction", captions.NEIGHBOUR, captions.NEIGHBOUR_TIP)
        self._neighbour.setVisible(False)
        self._neighbour.triggered.connect(self._on_neighbour)
        self.addSeparator()
        self._item("settingsAction", captions.SETTINGS_ITEM, captions.SETTINGS_TIP).triggered.connect(
            self._on_settings
        )
        self._item("fallbackAction", captions.BY_HAND, captions.BY_HAND_TIP).triggered.connect(
            self._on_fallback
        )
        self._theme_actions = self._make_themes()
        self.addAction(captions.ABOUT, self._on_about)
        self.addSeparator()
        self.addAction(captions.QUIT, self._on_quit)

    def _item(self, name: str, text: str, tip: str) -> QAction:
        action = QAction(text, self)
        action.setObjectName(name)
        action.setToolTip(tip)
        action.setStatusTip(tip)
        self.addAction(action)
        return action

    def _make_themes(self) -> dict[str, QAction]:
        themes = QMenu(captions.THEME, self)
        group = QActionGroup(themes)
        made = {}
        for choice in theme.CHOICES:
            action = QAction(captions.THEMES[choice], themes)
            action.setCheckable(True)
            action.setData(choice)
            group.addAction(action)
            themes.addAction(action)
            made[choice] = action
        group.triggered.connect(self._on_theme)
        self.addMenu(themes)
        return made

    # What is shown

    def show_theme(self, choice: str) -> None:
        """Mark the theme that is used."""
        self._theme_actions[choice].setChecked(True)

    def offer_neighbour(self) -> None:
        """This system tells where NinjaTrader's window is."""
        self._neighbour.setVisible(True)

    def show_stream(self, stream: StreamView) -> None:
        """Mark whether presses go over the stream, and offer to take it back."""
        self._is_wanted = stream.is_wanted
        self._stream.setChecked(stream.is_wanted)
        self._take_back.setVisible(stream.may_reconnect)

    def show_practice(self, practice: PracticeView | None) -> None:
        """Offer the drills; an open menu is rebuilt only when there are others."""
        old, self._practice = self._practice, practice
        self._drills.menuAction().setVisible(practice is not None)
        if practice is None:
            return
        if old is None or old.drills != practice.drills:
            self._make_drills(practice.drills)
        self._mark_drill()

    def _make_drills(self, drills: tuple[DrillChoice, ...]) -> None:
        for action in self._drill_group.actions():
            self._drill_group.removeAction(action)
        self._drills.clear()
        for menu in self._groups:
            menu.deleteLater()
        self._groups.clear()
        self._drills.addAction(self._drill_action(None, captions.NO_DRILL, ""))
        self._drills.addSeparator()
        places: dict[str, QMenu] = {"": self._drills}
        for drill in drills:
            if drill.group not in places:
                menu = QMenu(_label(drill.group[:1].upper() + drill.group[1:]), self._drills)
                menu.setToolTipsVisible(True)
                self._drills.addMenu(menu)
                self._groups.append(menu)
                places[drill.group] = menu
            action = self._drill_action(drill.name, drill.title, drill.description)
            places[drill.group].addAction(action)
        self._drills.addSeparator()
        again = QAction(captions.START_OVER, self._drills)
        again.setObjectName("startOverAction")
        again.setToolTip(captions.START_OVER_TIP)
        again.setStatusTip(captions.START_OVER_TIP)
        again.triggered.connect(self._on_start_over)
        self._drills.addAction(again)

    def _drill_action(self, name: str | None, title: str, description: str) -> QAction:
        action = QAction(_label(title), self._drills)
        action.setCheckable(True)
        action.setData(name)
        action.setToolTip(plain_tip(description or title))
        action.setStatusTip(description)
        self._drill_group.addAction(action)
        return action

    def _mark_drill(self) -> None:
        armed = None if self._practice is None else self._practice.armed
        for action in self._drill_group.actions():
            if action.data() == armed:
                action.setChecked(True)
                return

    # What is chosen. A view says what is so: until then the marks stay where they were.

    def _on_drill(self, action: QAction) -> None:
        name = action.data()
        self._mark_drill()
        self.drill_chosen.emit(name)

    def _on_stream(self) -> None:
        self._stream.setChecked(self._is_wanted)
        self.stream_toggled.emit(not self._is_wanted)

    def _on_theme(self, action: QAction) -> None:
        self.theme_chosen.emit(str(action.data()))

    def _on_start_over(self) -> None:
        self.practice_reset_requested.emit()

    def _on_take_back(self) -> None:
        self.stream_reconnect_requested.emit()

    def _on_neighbour(self) -> None:
        self.neighbour_requested.emit()

    def _on_settings(self) -> None:
        self.settings_requested.emit()

    def _on_fallback(self) -> None:
        self.fallback_requested.emit()

    def _on_about(self) -> None:
        self.about_requested.emit()

    def _on_quit(self) -> None:
        self.quit_requested.emit()
