"""The window is where it was with these screens, and never out of sight."""

from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QSettings
from PySide6.QtWidgets import QWidget

from crosstrade_panel.desktop.placement import Placement
from crosstrade_panel.desktop.screens import Rect, Screen, layout_key

BUILT_IN = Screen("eDP-1", Rect(0, 0, 1920, 1080), Rect(0, 0, 1920, 1050))
DOCKED = Screen("DP-2", Rect(1920, 0, 2560, 1440), Rect(1920, 0, 2560, 1440))
ALONE, BOTH = (BUILT_IN,), (BUILT_IN, DOCKED)


class Desk:
    """A window, its store, and screens that come and go by hand."""

    def __init__(self, window: QWidget, folder: Path) -> None:
        self.window = window
        self.path = folder / "window.ini"
        self.screens: tuple[Screen, ...] = BOTH
        self.placement = self.begin()

    def begin(self) -> Placement:
        self.store = QSettings(str(self.path), QSettings.Format.IniFormat)
        return Placement(self.window, self.store, lambda: self.screens)

    def lie(self, x: int, y: int, width: int = 400, height: int = 700) -> None:
        """The trader puts it there."""
        self.window.show()
        self.window.resize(width, height)
        self.window.move(x, y)
        QCoreApplication.sendPostedEvents()
        self.placement._note_place()

    def change(self, screens: tuple[Screen, ...]) -> None:
        """Screens come and go; the system may have pushed the window about before anybody hears of it."""
        self.screens = screens
        self.placement.follow_screens()

    def restart(self) -> None:
        self.placement.keep()
        self.store.sync()
        self.window.hide()
        self.window.resize(333, 740)
        self.window.move(0, 0)
        self.placement = self.begin()
        self.placement.restore()

    def touches(self, *, right: int | None = None, bottom: int | None = None) -> bool:
        """Whether its frame ends exactly there: as far as it may, and no further."""
        frame = self.window.frameGeometry()
        ends = (frame.x() + frame.width(), frame.y() + frame.height())
        return right in {None, ends[0]} and bottom in {None, ends[1]}

    @property
    def place(self) -> tuple[int, int, int, int]:
        return self.window.x(), self.window.y(), self.window.width(), self.window.height()


@pytest.fixture
def desk(window: QWidget, tmp_path: Path) -> Desk:
    return Desk(window, tmp_path)


def test_it_comes_back_where_it_was(desk: Desk) -> None:
    desk.lie(2500, 300)
    desk.restart()
    assert desk.place == (2500, 300, 400, 700)


def test_a_screen_that_is_unplugged_never_takes_it_out_of_sight(desk: Desk) -> None:
    desk.lie(2500, 300)
    desk.change(ALONE)
    assert desk.touches(right=1920)
    assert desk.place[1:] == (300, 400, 700)


def test_each_layout_of_the_screens_has_a_place_of_its_own(desk: Desk) -> None:
    desk.lie(2500, 300)
    desk.change(ALONE)
    desk.lie(50, 60, 350, 650)
    desk.change(BOTH)
    assert desk.place == (2500, 300, 400, 700)
    desk.change(ALONE)
    assert desk.place == (50, 60, 350, 650)
    desk.screens = BOTH
    desk.restart()
    assert desk.place == (2500, 300, 400, 700)


def test_where_the_system_pushes_it_when_a_screen_goes_is_not_remembered(desk: Desk) -> None:
    desk.lie(2500, 300)
    desk.window.move(10, 10)  # by the system, just before it says that the screen went
    desk.screens = ALONE
    desk.placement._note_place()
    desk.placement.follow_screens()
    desk.change(BOTH)
    assert desk.place == (2500, 300, 400, 700)


def test_with_screens_never_seen_it_keeps_its_place_where_that_can_be_seen(desk: Desk) -> None:
    desk.lie(100, 90)
    desk.screens = ALONE
    desk.restart()
    assert desk.place == (100, 90, 400, 700)


def test_with_screens_never_seen_it_comes_into_sight(desk: Desk) -> None:
    desk.lie(4000, 700)
    desk.screens = ALONE
    desk.restart()
    assert desk.touches(right=1920, bottom=1050)
    assert desk.place[2:] == (400, 700)


def test_a_place_under_a_bar_of_the_desktop_is_not_in_sight(desk: Desk) -> None:
    desk.screens = ALONE
    desk.lie(100, 380)
    desk.change(ALONE)
    assert desk.touches(bottom=1050)
    assert (desk.window.x(), *desk.place[2:]) == (100, 400, 700)


def test_a_minimised_window_has_no_place(desk: Desk) -> None:
    desk.lie(2500, 300)
    desk.window.showMinimized()
    desk.window.move(0, 0)
    desk.placement._note_place()
    desk.restart()
    assert desk.place == (2500, 300, 400, 700)


@pytest.mark.parametrize(
    "value", ["", "nonsense", "1 2 3", "1 2 3 4 5", "99999999 0 1 1", "\x00", "-1 -2 -3 -4"]
)
def test_a_place_that_cannot_be_read_is_none(desk: Desk, value: str) -> None:
    desk.store.setValue(f"layouts/{layout_key(BOTH)}", value)
    desk.store.setValue("layouts/last", value)
    desk.window.move(30, 40)
    desk.placement.restore()
    assert desk.place[:2] == (30, 40)


def test_the_trader_moving_it_is_noted_by_itself(desk: Desk) -> None:
    desk.window.show()
    desk.window.move(200, 210)
    QCoreApplication.sendPostedEvents()
    assert desk.placement._settle.isActive()
    desk.restart()  # at once: what has not settled yet is kept too
    assert desk.place[:2] == (200, 210)
