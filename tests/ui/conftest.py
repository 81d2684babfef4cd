"""What the tests of the window share: an injected clock, ticks by hand, a panel without a screen."""

import os
import sys
from collections.abc import Callable, Iterator

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QCoreApplication, QEvent, Qt
from PySide6.QtGui import QFont, QFontDatabase
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from crosstrade_panel.ui.main_window import MainWindow
from crosstrade_panel.ui.press_button import Environment
from crosstrade_panel.ui.view import JournalPage
from tests.ui import gallery


class HandClock:
    """Monotonic seconds that move when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class HandTicks:
    """Ticks by hand."""

    def __init__(self) -> None:
        self.tick: Callable[[], None] | None = None

    def start(self, tick: Callable[[], None]) -> None:
        self.tick = tick

    def stop(self) -> None:
        self.tick = None


class Desk:
    """A shown window with its signals written down, a clock and ticks by hand."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.all_ticks: list[HandTicks] = []
        self.window = MainWindow(Environment(clock=self.clock, ticks=self._make_ticks), theme_choice="dark")
        self.flattened: list[object] = []
        self.reverse: list[object] = []
        self.swallowed: list[str] = []
        self.heard: list[tuple[str, object]] = []
        self.window.flatten_requested.connect(self.flattened.append)
        self.window.reverse_started.connect(lambda ticket: self.reverse.append(("started", ticket)))
        self.window.reverse_held.connect(lambda ticket: self.reverse.append(("held", ticket)))
        self.window.reverse_released.connect(lambda: self.reverse.append("released"))
        self.window.gesture_swallowed.connect(self.swallowed.append)
        self.acted: list[tuple[str, object]] = []
        self.window.banner_action_requested.connect(lambda *what: self.acted.append(what))
        for name in (
            "account_chosen", "instrument_chosen", "instrument_typed", "side_chosen", "row_chosen",
            "ticket_edited", "acknowledged", "token_entered", "pin_toggled", "theme_chosen",
            "drill_chosen", "stream_toggled",
        ):  # fmt: skip
            getattr(self.window, name).connect(self._hear(name))
        for name in (
            "widen_side_requested",
            "practice_requested",
            "close_requested",
            "practice_reset_requested",
            "stream_reconnect_requested",
        ):
            getattr(self.window, name).connect(self._hear(name, None))
        self.window.show_panel(gallery.POSITIONS)
        self.window.journal.show_page(JournalPage(gallery.JOURNAL))
        self.window.show()
        self.settle()

    def _make_ticks(self, parent: QWidget) -> HandTicks:
        ticks = HandTicks()
        self.all_ticks.append(ticks)
        return ticks

    def _hear(self, name: str, *instead: object) -> Callable[..., None]:
        def hear(*values: object) -> None:
            self.heard.append((name, *(instead or values)))  # type: ignore[arg-type]

        return hear

    def settle(self) -> None:
        """Let layouts take place."""
        for _ in range(8):
            QCoreApplication.sendPostedEvents()

    def pass_time(self, seconds: float, step: float = 0.015) -> None:
        """Time passes with a healthy event loop: a tick every 15 ms."""
        end = self.clock.now + seconds
        while self.clock.now < end - 1e-9:
            self.clock.now = min(end, self.clock.now + step)
            self.tick()

    def stall(self, seconds: float) -> None:
        """Time passes without a tick, then one comes."""
        self.clock.now += seconds
        self.tick()

    def tick(self) -> None:
        for ticks in self.all_ticks:
            if ticks.tick is not None:
                ticks.tick()


@pytest.fixture(scope="session", autouse=True)
def font_of_the_window(qapp: QApplication) -> None:
    """On Windows the one that the window has there; without a screen Qt takes whichever it finds first.

    Where it is missing, as under Wine, its stand-in is a wider one, laid out as on Linux: the width of each
    letter is not rounded up on top of that.
    """
    if sys.platform == "win32":
        font = QFont("Segoe UI", 9)
        if "Segoe UI" not in QFontDatabase.families():
            font.setHintingPreference(QFont.HintingPreference.PreferVerticalHinting)
        qapp.setFont(font)


@pytest.fixture
def desk(qapp: QApplication) -> Iterator[Desk]:
    made = Desk()
    yield made
    for each in (Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton, Qt.MouseButton.MiddleButton):
        if QApplication.mouseButtons() & each:
            QTest.mouseRelease(made.window, each)  # a failed test leaves no finger on the next one's desk
    made.window.hide()
    made.window.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


def pytest_itemcollected(item: pytest.Item) -> None:
    """The screen that is none says so whenever a window is shown; nothing is wrong."""
    if item.path.parent.name == "ui":
        item.add_marker(pytest.mark.qt_log_ignore("^This plugin does not support", extend=True))
