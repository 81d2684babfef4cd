"""States that no view alone makes: a gesture under way, an open list, a menu, a card of its own."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from PySide6.QtCore import QCoreApplication, QEvent, QPoint, QRect, QSize, Qt
from PySide6.QtGui import QImage, QPainter
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QLineEdit, QMenu, QPushButton, QScrollArea, QWidget

from crosstrade_panel import texts
from crosstrade_panel.desktop.silent_panel import SilentPanelCard
from crosstrade_panel.desktop.tray import Tray, TrayState, TrayWords
from crosstrade_panel.simulator.drill import GROUPS
from crosstrade_panel.ui import captions, theme
from crosstrade_panel.ui.main_window import MainWindow
from crosstrade_panel.ui.press_button import PressButton

Part = TypeVar("Part", bound=QWidget)
FLATTEN, REVERSE = "flattenButton", "reverseButton"


@dataclass(frozen=True, slots=True)
class Scene:
    """A state of `tests.ui.gallery`, and what is done in it; it gives the windows that it opened."""

    state: str
    act: Callable[[MainWindow], list[QWidget]]


def _part(window: MainWindow, kind: type[Part], name: str) -> Part:
    found = window.findChild(kind, name)
    assert found is not None, name
    return found


def _press(name: str) -> Callable[[MainWindow], list[QWidget]]:
    def act(window: MainWindow) -> list[QWidget]:
        button = _part(window, PressButton, name)
        QTest.mousePress(button, Qt.MouseButton.LeftButton)
        QTest.qWait(320)
        return []

    return act


def _arm(window: MainWindow) -> list[QWidget]:
    _part(window, PressButton, FLATTEN).clicked.emit()  # as an assistive technology presses
    return []


def _swallow(window: MainWindow) -> list[QWidget]:
    QTest.mouseClick(_part(window, PressButton, FLATTEN), Qt.MouseButton.LeftButton)
    return []


def _hover(window: MainWindow) -> list[QWidget]:
    for name in (FLATTEN, REVERSE):
        button = _part(window, PressButton, name)
        button.setAttribute(Qt.WidgetAttribute.WA_UnderMouse, True)
        button.update()
    return []


def _focus(name: str) -> Callable[[MainWindow], list[QWidget]]:
    def act(window: MainWindow) -> list[QWidget]:
        window.activateWindow()
        QTest.qWaitForWindowActive(window)
        _part(window, QWidget, name).setFocus(Qt.FocusReason.TabFocusReason)
        return []

    return act


def _list(window: MainWindow) -> list[QWidget]:
    picker = _part(window, QComboBox, "accountPicker")
    picker.showPopup()
    QTest.qWait(30)
    return [picker.view().window()]


def _filter(window: MainWindow) -> list[QWidget]:
    window.activateWindow()
    QTest.qWaitForWindowActive(window)
    picker = _part(window, QComboBox, "accountPicker")
    edit = picker.lineEdit()
    assert isinstance(edit, QLineEdit)
    edit.setFocus()
    edit.selectAll()
    QTest.keyClicks(edit, "trader 1")
    QTest.qWait(30)
    popup = edit.completer().popup()
    return [popup] if popup is not None and popup.isVisible() else []


def _menu(*path: str) -> Callable[[MainWindow], list[QWidget]]:
    def act(window: MainWindow) -> list[QWidget]:
        menu = _part(window, QMenu, "panelMenu")
        at = window.mapToGlobal(QPoint(20, 34))
        menu.popup(at)
        opened: list[QWidget] = [menu]
        for number, caption in enumerate(path):
            action = next(each for each in menu.actions() if caption in each.text())
            found = action.menu()
            assert isinstance(found, QMenu)
            menu = found
            menu.popup(at + QPoint(14 + 20 * number, 60 + 60 * number))
            opened.append(menu)
        return opened

    return act


def _ticket(window: MainWindow) -> list[QWidget]:
    _part(window, QPushButton, "ticketToggle").setChecked(True)
    for _ in range(6):
        QCoreApplication.sendPostedEvents()
    _part(window, QScrollArea, "lowerArea").verticalScrollBar().setValue(0)
    return []


def _about(window: MainWindow) -> list[QWidget]:
    window.show_about()
    about = window.findChild(QWidget, "aboutWindow")
    assert about is not None
    return [about]


def _silent(window: MainWindow) -> list[QWidget]:
    card = SilentPanelCard(
        captions.WINDOW, f"{texts.PANEL_SILENT}\n\n{texts.PANEL_SILENT_MORE}", texts.START_ANOTHER, texts.QUIT
    )
    card.setParent(window, Qt.WindowType.Window)
    card.show()
    return [card]


def _tray(window: MainWindow) -> list[QWidget]:
    tips = {state: texts.TRAY_TIPS[state.value] for state in TrayState}
    words = TrayWords(texts.SHOW_PANEL, texts.QUIT, tips)
    tray = Tray(theme.icon_path("crosstrade-panel.svg"), words, window)
    tray.menu.popup(window.mapToGlobal(QPoint(40, 80)))
    return [tray.menu]


SCENES = {
    "holding_flatten": Scene("all_accounts", _press(FLATTEN)),
    "holding_reverse": Scene("positions", _press(REVERSE)),
    "pressed_flatten": Scene("positions", _press(FLATTEN)),
    "armed_by_screen_reader": Scene("positions", _arm),
    "swallowed_click": Scene("way_sent", _swallow),
    "hovered": Scene("positions", _hover),
    "focus_flatten": Scene("positions", _focus(FLATTEN)),
    "focus_reverse": Scene("positions", _focus(REVERSE)),
    "focus_side": Scene("positions", _focus("sideLong")),
    "focus_table": Scene("positions", _focus("scopePreview")),
    "list_of_accounts": Scene("everything", _list),
    "list_with_a_gone_account": Scene("account_gone", _list),
    "list_filtered": Scene("everything", _filter),
    "menu": Scene("positions", _menu()),
    "menu_of_the_stream": Scene("stream_taken", _menu()),
    "menu_of_practice": Scene("drill_armed", _menu(captions.DRILLS, "Answers")),
    **{
        f"menu_of_{group}": Scene("drills_of_the_program", _menu(captions.DRILLS, group.capitalize()))
        for group in GROUPS
    },
    "ticket_open": Scene("positions", _ticket),
    "ticket_problem_open": Scene("ticket_problem", _ticket),
    "about": Scene("positions", _about),
    "panel_does_not_answer": Scene("positions", _silent),
    "tray_menu": Scene("positions", _tray),
}


def close(window: MainWindow, opened: list[QWidget]) -> None:
    """End what a scene began."""
    window.cancel_gestures()
    for button in (Qt.MouseButton.LeftButton,):
        if QApplication.mouseButtons() & button:
            QTest.mouseRelease(window, button, pos=QPoint(1, 1))
    for each in reversed(opened):
        each.hide()
    window.hide()
    window.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


def picture(window: MainWindow, opened: list[QWidget]) -> QImage:
    """The window with what lies over it."""
    origin = window.geometry().topLeft()
    parts = [(QPoint(0, 0), window.grab().toImage())]
    parts += [(each.mapToGlobal(QPoint(0, 0)) - origin, each.grab().toImage()) for each in opened]
    scale = parts[0][1].devicePixelRatio()
    around = QRect(QPoint(0, 0), window.size())
    for at, image in parts[1:]:
        around |= QRect(at, QSize(int(image.width() / scale), int(image.height() / scale)))
    made = QImage(around.size() * scale, QImage.Format.Format_RGB32)
    made.setDevicePixelRatio(scale)
    made.fill(Qt.GlobalColor.gray)
    painter = QPainter(made)
    for at, image in parts:
        painter.drawImage(at - around.topLeft(), image)
    painter.end()
    return made
