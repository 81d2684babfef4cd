"""Beside NinjaTrader: which window is meant, and never off the screen."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtWidgets import QWidget

from crosstrade_panel.desktop import neighbour
from crosstrade_panel.desktop.neighbour import Box, Found, choose, spot_beside

ROOM = Box(0, 0, 1920, 1040)
NT = r"C:\Program Files\NinjaTrader 8\bin\NinjaTrader.exe"
BIG = Box(100, 50, 1200, 900)


def found(program: str = NT, frame: Box = BIG, room: Box = ROOM) -> Found:
    return Found(program, frame, room)


def test_the_foremost_window_of_the_program_is_meant() -> None:
    front, back = found(frame=Box(0, 0, 800, 600)), found()
    assert choose([found(r"C:\Windows\explorer.exe"), front, back]) is front
    assert choose([found(NT.upper())]) is not None


@pytest.mark.parametrize(
    "window",
    [
        found(r"C:\Temp\NinjaTrader.exe.txt\notepad.exe"),
        found(r"C:\Temp\NotNinjaTrader.exe"),
        found(""),
        found(frame=Box(0, 0, 1920, 40)),
    ],
    ids=["a folder of that name", "another name", "not told", "a tool strip"],
)
def test_another_program_or_a_strip_is_not_meant(window: Found) -> None:
    assert choose([window]) is None


@pytest.mark.parametrize(
    ("frame", "spot"),
    [
        (BIG, (1200, 50)),
        (Box(700, 50, 1800, 900), (360, 50)),
        (Box(0, 0, 1920, 1040), (1580, 0)),
        (Box(100, 700, 1200, 1040), (1200, 340)),
        (Box(-300, -200, 600, 500), (600, 0)),
    ],
    ids=["to the right", "to the left", "over its edge", "not below the screen", "not above it"],
)
def test_it_goes_where_there_is_room(frame: Box, spot: tuple[int, int]) -> None:
    assert spot_beside(frame, ROOM, 340, 700) == spot


edges = st.integers(-4000, 4000)
sizes = st.integers(1, 3000)


@given(left=edges, top=edges, width=sizes, height=sizes)
def test_wherever_the_other_one_is_ours_stays_on_the_screen(
    left: int, top: int, width: int, height: int
) -> None:
    room = Box(-1280, 200, 0, 1224)
    x, y = spot_beside(Box(left, top, left + width, top + height), room, 340, 700)
    assert room.left <= x <= room.right - 340
    assert room.top <= y <= room.bottom - 700


@pytest.mark.skipif(sys.platform == "win32", reason="there it can")
def test_elsewhere_nothing_is_moved(window: QWidget) -> None:
    assert not neighbour.can_place()
    assert not neighbour.place_beside(int(window.winId()))


@pytest.mark.skipif(sys.platform != "win32", reason="Windows' own windows")
def test_without_ninjatrader_nothing_is_moved_and_asking_breaks_nothing(window: QWidget) -> None:
    assert neighbour.can_place()
    assert not neighbour.place_beside(int(window.winId()))
