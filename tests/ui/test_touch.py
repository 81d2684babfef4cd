"""A finger on a touch screen presses as a mouse does: one press, on release inside, held where it is due."""

from PySide6.QtCore import QPoint
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget

from tests.ui import gallery
from tests.ui.conftest import Desk

FINGER, OTHER = 0, 1
SCREEN = QTest.createTouchDevice()


def button(desk: Desk) -> QWidget:
    found = desk.window.findChild(QWidget, "flattenButton")
    assert found is not None
    return found


def touch(desk: Desk, *acts: tuple[str, int, QPoint]) -> None:
    """Fingers go down, move or go up, at places of the button."""
    event = QTest.touchEvent(desk.window, SCREEN, autoCommit=False)
    for act, finger, at in acts:
        getattr(event, act)(finger, at, button(desk))
    event.commit()


def test_a_tap_is_one_press_of_the_scope_that_is_shown(desk: Desk) -> None:
    middle = button(desk).rect().center()
    touch(desk, ("press", FINGER, middle))
    assert desk.flattened == []
    touch(desk, ("release", FINGER, middle))
    assert desk.flattened == [gallery.SCOPE]


def test_a_finger_that_slides_off_presses_nothing(desk: Desk) -> None:
    middle, beside = button(desk).rect().center(), QPoint(20, -30)
    touch(desk, ("press", FINGER, middle))
    touch(desk, ("move", FINGER, beside))
    touch(desk, ("release", FINGER, beside))
    assert desk.flattened == []
    touch(desk, ("press", FINGER, middle))
    touch(desk, ("move", FINGER, beside))
    touch(desk, ("move", FINGER, middle))
    touch(desk, ("release", FINGER, middle))
    assert desk.flattened == [], "once off it stays cancelled"


def test_taps_in_quick_succession_are_one_press(desk: Desk) -> None:
    middle = button(desk).rect().center()
    for _ in range(5):
        touch(desk, ("press", FINGER, middle))
        touch(desk, ("release", FINGER, middle))
    assert desk.flattened == [gallery.SCOPE]


def test_a_second_finger_makes_no_second_press(desk: Desk) -> None:
    middle = button(desk).rect().center()
    touch(desk, ("press", FINGER, middle))
    touch(desk, ("move", FINGER, middle), ("press", OTHER, middle + QPoint(20, 0)))
    touch(desk, ("move", FINGER, middle), ("release", OTHER, middle + QPoint(20, 0)))
    touch(desk, ("release", FINGER, middle))
    assert len(desk.flattened) <= 1


def test_where_a_hold_is_due_a_tap_does_nothing_and_a_finger_that_stays_fires(desk: Desk) -> None:
    desk.window.show_panel(gallery.states_by_name()["everything"])
    desk.settle()
    middle = button(desk).rect().center()
    touch(desk, ("press", FINGER, middle))
    desk.pass_time(0.3)
    touch(desk, ("release", FINGER, middle))
    desk.pass_time(1.0)
    assert desk.flattened == []
    touch(desk, ("press", FINGER, middle))
    desk.pass_time(0.8)
    assert desk.flattened == [gallery.states_by_name()["everything"].flatten.scope]
    touch(desk, ("release", FINGER, middle))
    assert len(desk.flattened) == 1
