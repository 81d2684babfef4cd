"""The outcome banners: the last press on top, unresolved ones stacked beneath."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QMoveEvent
from PySide6.QtWidgets import QFrame, QSizePolicy, QVBoxLayout, QWidget

from crosstrade_panel.ui import captions
from crosstrade_panel.ui.action_button import AcknowledgeButton, ActionButton, has_moved
from crosstrade_panel.ui.fit import WrapLabel
from crosstrade_panel.ui.press_button import Environment, Phase
from crosstrade_panel.ui.speech import announce
from crosstrade_panel.ui.theme import DARK, SYMBOLS, Theme
from crosstrade_panel.ui.view import BannerView, Tone

_LOUD = frozenset({Tone.BAD, Tone.DOUBT})
"""Announced at once, whatever a screen reader is saying just then."""


class BannerCard(QFrame):
    """The outcome of one press.

    Its button lies above the lines, so that a line more or less does not move it.

    Signals:
        acknowledged: the press id.
        action_requested: the press id, and the BannerAction shown when the gesture began.
        gesture_swallowed: the object name of the button.
    """

    acknowledged = Signal(str)
    action_requested = Signal(str, object)
    gesture_swallowed = Signal(str)

    def __init__(self, view: BannerView, environment: Environment, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("banner", True)
        self._view = view
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 5, 8, 6)
        column.setSpacing(3)
        self._title = WrapLabel()
        self._title.setObjectName("bannerTitle")
        font = self._title.font()
        font.setBold(True)
        self._title.setFont(font)
        self._lines = WrapLabel()
        self._lines.setObjectName("bannerLines")
        self._lines.setProperty("dim", True)
        self._action = ActionButton(environment, self)
        self._action.gesture_completed.connect(self._on_action)
        self._action.gesture_swallowed.connect(self.gesture_swallowed)
        self._acknowledge = AcknowledgeButton(environment, self)
        self._acknowledge.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._acknowledge.clicked.connect(self._on_acknowledge)
        column.addWidget(self._title)
        column.addWidget(self._action)
        column.addWidget(self._lines)
        column.addWidget(self._acknowledge, 0, Qt.AlignmentFlag.AlignRight)
        self._paint_view(view)

    @property
    def view(self) -> BannerView:
        """What is shown."""
        return self._view

    @property
    def action_button(self) -> ActionButton:
        """The button of its action; hidden where there is none."""
        return self._action

    @property
    def inputs(self) -> tuple[QWidget, ...]:
        """What takes the focus, in order."""
        return self._action, self._acknowledge

    def note_move(self) -> None:
        """The card lies elsewhere now than a moment ago."""
        self._action.note_move()
        self._acknowledge.note_move()

    def show_banner(self, view: BannerView) -> bool:
        """Show another state of the press; whether anything changed."""
        if view == self._view:
            return False
        is_other_tone = view.tone is not self._view.tone
        self._view = view
        self._paint_view(view)
        if is_other_tone:
            for widget in (self, self._title):
                self.style().unpolish(widget)
                self.style().polish(widget)
        return True

    def _paint_view(self, view: BannerView) -> None:
        self.setProperty("tone", "" if view.tone is Tone.NEUTRAL else view.tone.value)
        # The button first: a gesture under way must meet the new action before anything else is painted.
        self._action.show_action(view.action)
        for label, text in (
            (self._title, f"{SYMBOLS[view.tone]} {view.title}"),
            (self._lines, "\n".join(view.lines)),
        ):
            if label.text() != text:
                label.setText(text)
        self._lines.setVisible(bool(view.lines))
        self._acknowledge.setVisible(view.may_acknowledge)
        self._acknowledge.setAccessibleName(f"{captions.ACKNOWLEDGE}: {view.title}")
        self.setAccessibleName(f"{view.title}. {' '.join(view.lines)}")

    def _on_acknowledge(self) -> None:
        self.acknowledged.emit(self._view.press_id)

    def _on_action(self, action: object) -> None:
        self.action_requested.emit(self._view.press_id, action)

    def moveEvent(self, event: QMoveEvent) -> None:
        super().moveEvent(event)
        if has_moved(event):
            self.note_move()


class BannerArea(QWidget):
    """All banners, the newest on top; the part of the window that it lies in scrolls.

    Signals:
        acknowledged: the press id.
        action_requested: the press id, and the BannerAction shown when the gesture began.
        gesture_swallowed: the object name of a button.
        press_arrived: a press is shown that was not there before.
        cards_changed: other cards, or another order of them.
    """

    acknowledged = Signal(str)
    action_requested = Signal(str, object)
    gesture_swallowed = Signal(str)
    press_arrived = Signal()
    cards_changed = Signal()

    def __init__(self, environment: Environment, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._environment = environment
        self._theme = DARK
        self._cards: dict[str, BannerCard] = {}
        self._shown: tuple[BannerView, ...] = ()
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(5)
        self.hide()

    def show_banners(self, banners: tuple[BannerView, ...]) -> None:
        """Show these, in this order; a press keeps its card."""
        if banners == self._shown:
            return
        before, self._shown = self._shown, banners
        wanted = {view.press_id for view in banners}
        for press_id in [each for each in self._cards if each not in wanted]:
            card = self._cards.pop(press_id)
            self._column.removeWidget(card)
            card.hide()
            card.deleteLater()
        is_new = False
        for place, view in enumerate(banners):
            if view.press_id not in self._cards:
                is_new = True
                self._add(view)
            card = self._cards[view.press_id]
            card.show_banner(view)
            if self._column.indexOf(card) != place:
                self._column.insertWidget(place, card)
        self.setVisible(bool(banners))
        self.setAccessibleDescription(banners[0].title if banners else "")
        self._announce(before)
        if [view.press_id for view in banners] != [view.press_id for view in before]:
            self.cards_changed.emit()
        if is_new:
            for card in self._cards.values():
                card.action_button.hush()
            self.press_arrived.emit()

    def _add(self, view: BannerView) -> None:
        card = BannerCard(view, self._environment, self)
        card.action_button.show_theme(self._theme)
        card.acknowledged.connect(self.acknowledged)
        card.action_requested.connect(self.action_requested)
        card.gesture_swallowed.connect(self.gesture_swallowed)
        self._cards[view.press_id] = card

    def show_theme(self, theme: Theme) -> None:
        """Paint the buttons in other colours."""
        self._theme = theme
        for card in self._cards.values():
            card.action_button.show_theme(theme)

    def cancel_gestures(self) -> None:
        """Cancel what is begun or armed."""
        for card in self._cards.values():
            card.action_button.cancel()

    def note_move(self) -> None:
        """All cards lie elsewhere now than a moment ago: they were scrolled."""
        for card in self._cards.values():
            card.note_move()

    @property
    def is_pressed(self) -> bool:
        """Whether a gesture on a button of these is under way."""
        return any(card.action_button.phase is not Phase.IDLE for card in self._cards.values())

    def inputs(self) -> tuple[QWidget, ...]:
        """What takes the focus, from top to bottom."""
        return tuple(widget for view in self._shown for widget in self._cards[view.press_id].inputs)

    def focused_action(self) -> ActionButton | None:
        """The button that has the keyboard, if one of these has."""
        return next(
            (card.action_button for card in self._cards.values() if card.action_button.hasFocus()), None
        )

    def moveEvent(self, event: QMoveEvent) -> None:
        super().moveEvent(event)
        if has_moved(event):
            self.note_move()

    def _announce(self, before: tuple[BannerView, ...]) -> None:
        said = {view.press_id: view.title for view in before}
        for view in self._shown:
            if said.get(view.press_id) != view.title:
                announce(self, view.title, is_urgent=view.tone in _LOUD)
