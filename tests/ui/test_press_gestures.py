"""Every rule of gestures in section 2 of the product's specification, with real mouse and key events."""

from dataclasses import replace

import pytest
from PySide6.QtCore import QEvent, QObject, QPoint, Qt
from PySide6.QtGui import QAccessible, QFocusEvent, QHideEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from crosstrade_panel.domain.scope import EveryAccount, OneAccount
from crosstrade_panel.ui.press_button import Phase, PressButton
from crosstrade_panel.ui.view import FlattenView, Gesture, Look, PanelView
from tests.ui import gallery
from tests.ui.conftest import Desk

LEFT = Qt.MouseButton.LeftButton
CHORD = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier
OFF = QPoint(-30, 10)


def button(desk: Desk, name: str = "flattenButton") -> PressButton:
    found = desk.window.findChild(PressButton, name)
    assert found is not None
    return found


def part(desk: Desk, name: str) -> QWidget:
    found = desk.window.findChild(QWidget, name)
    assert found is not None
    return found


def flatten(desk: Desk) -> PressButton:
    return button(desk)


def reverse(desk: Desk) -> PressButton:
    return button(desk, "reverseButton")


def show_flatten(desk: Desk, **changes: object) -> PanelView:
    view = replace(gallery.POSITIONS, flatten=replace(gallery.FLATTEN, **changes))  # type: ignore[arg-type]
    desk.window.show_panel(view)
    return view


def show_hold(desk: Desk) -> None:
    show_flatten(desk, scope=EveryAccount(), gesture=Gesture.HOLD, lines=("All accounts",))


def inside(widget: QWidget) -> QPoint:
    return widget.rect().center()


# One click


def test_a_click_fires_on_release_inside_with_the_scope_that_is_shown(desk: Desk) -> None:
    QTest.mousePress(flatten(desk), LEFT)
    assert desk.flattened == []
    QTest.mouseRelease(flatten(desk), LEFT)
    assert desk.flattened == [gallery.SCOPE]
    assert desk.flattened[0] is gallery.FLATTEN.scope


class PaintSpy(QObject):
    """Writes down what a button is just when it is painted."""

    def __init__(self, watched: PressButton) -> None:
        super().__init__()
        self.seen: list[tuple[Phase, object]] = []
        self._watched = watched
        watched.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.Paint:
            self.seen.append((self._watched.phase, self._watched.face.payload))
        return False


def test_a_press_is_painted_before_the_press_event_is_over(desk: Desk) -> None:
    before = flatten(desk).grab().toImage()
    spy = PaintSpy(flatten(desk))
    QTest.mousePress(flatten(desk), LEFT)
    assert spy.seen == [(Phase.DOWN, gallery.SCOPE)]
    assert flatten(desk).grab().toImage() != before
    QTest.mouseRelease(flatten(desk), LEFT, pos=OFF)


def test_sliding_off_cancels_and_releasing_outside_does_nothing(desk: Desk) -> None:
    QTest.mousePress(flatten(desk), LEFT)
    QTest.mouseRelease(flatten(desk), LEFT, pos=OFF)
    assert desk.flattened == []
    assert flatten(desk).phase is Phase.IDLE


def test_coming_back_within_the_same_press_stays_cancelled(desk: Desk) -> None:
    QTest.mousePress(flatten(desk), LEFT)
    QTest.mouseMove(flatten(desk), OFF)
    QTest.mouseMove(flatten(desk), inside(flatten(desk)))
    QTest.mouseRelease(flatten(desk), LEFT)
    assert desk.flattened == []


@pytest.mark.parametrize("other", [Qt.MouseButton.RightButton, Qt.MouseButton.MiddleButton])
def test_no_other_mouse_button_ever_fires(desk: Desk, other: Qt.MouseButton) -> None:
    QTest.mouseClick(flatten(desk), other)
    QTest.mouseDClick(flatten(desk), other)
    assert desk.flattened == []


@pytest.mark.parametrize("other", [Qt.MouseButton.RightButton, Qt.MouseButton.MiddleButton])
def test_no_other_mouse_button_even_begins_a_gesture(desk: Desk, other: Qt.MouseButton) -> None:
    QTest.mousePress(reverse(desk), other)
    desk.pass_time(1)
    QTest.mouseRelease(reverse(desk), other)
    QTest.mousePress(flatten(desk), other)
    assert flatten(desk).phase is Phase.IDLE
    QTest.mouseRelease(flatten(desk), other)
    assert (desk.reverse, desk.flattened) == ([], [])


def test_a_second_button_during_a_press_cancels_it(desk: Desk) -> None:
    QTest.mousePress(flatten(desk), LEFT)
    QTest.mousePress(flatten(desk), Qt.MouseButton.RightButton)
    QTest.mouseRelease(flatten(desk), Qt.MouseButton.RightButton)
    QTest.mouseRelease(flatten(desk), LEFT)
    assert desk.flattened == []


def test_a_double_click_is_one_press(desk: Desk) -> None:
    QTest.mouseClick(flatten(desk), LEFT)
    QTest.mouseDClick(flatten(desk), LEFT)
    assert desk.flattened == [gallery.SCOPE]
    assert desk.swallowed == ["flattenButton"] * len(desk.swallowed)
    assert desk.swallowed


def test_a_storm_of_clicks_is_one_press_until_half_a_second_is_over(desk: Desk) -> None:
    for number in range(25):
        QTest.mouseClick(flatten(desk), LEFT)
        desk.clock.now += 0.019
        show_flatten(desk, lines=(f"a view that knows nothing of the press, {number}",))
    assert len(desk.flattened) == 1
    desk.clock.now += 0.2
    QTest.mouseClick(flatten(desk), LEFT)
    assert len(desk.flattened) == 2


def test_after_a_press_another_scope_may_be_pressed_at_once(desk: Desk) -> None:
    QTest.mouseClick(flatten(desk), LEFT)
    other = OneAccount("Sim102")
    show_flatten(desk, scope=other)
    QTest.mouseClick(flatten(desk), LEFT)
    assert desk.flattened == [gallery.SCOPE, other]


def test_a_click_on_a_locked_button_is_swallowed_and_shown(desk: Desk) -> None:
    show_flatten(desk, look=Look.LOCKED)
    before = flatten(desk).grab().toImage()
    QTest.mouseClick(flatten(desk), LEFT)
    assert desk.flattened == []
    assert desk.swallowed == ["flattenButton"]
    assert flatten(desk).is_flashing
    assert flatten(desk).grab().toImage() != before
    desk.clock.now += 1
    assert not flatten(desk).is_flashing


def test_a_lock_that_comes_during_a_press_swallows_its_release(desk: Desk) -> None:
    QTest.mousePress(flatten(desk), LEFT)
    show_flatten(desk, look=Look.LOCKED)
    assert flatten(desk).phase is Phase.IDLE
    QTest.mouseRelease(flatten(desk), LEFT)
    assert desk.flattened == []


def test_a_press_swallowed_by_a_lock_does_not_fire_when_the_lock_ends_before_its_release(desk: Desk) -> None:
    show_flatten(desk, look=Look.LOCKED)
    QTest.mousePress(flatten(desk), LEFT)
    show_flatten(desk)
    QTest.mouseRelease(flatten(desk), LEFT)
    assert desk.flattened == []


def test_looks_dead_and_still_fires(desk: Desk) -> None:
    show_flatten(desk, look=Look.LOOKS_DEAD)
    QTest.mouseClick(flatten(desk), LEFT)
    assert desk.flattened == [gallery.SCOPE]


def test_disabled_fires_for_nothing(desk: Desk) -> None:
    show_flatten(desk, look=Look.DISABLED)
    QTest.mouseClick(flatten(desk), LEFT)
    QTest.keyClick(desk.window, Qt.Key.Key_F, CHORD)
    assert desk.flattened == []
    assert not flatten(desk).isEnabled()
    show_flatten(desk)
    QTest.mouseClick(flatten(desk), LEFT)
    assert desk.flattened == [gallery.SCOPE]


def test_a_scope_that_changes_between_press_and_release_cancels(desk: Desk) -> None:
    QTest.mousePress(flatten(desk), LEFT)
    show_flatten(desk, scope=OneAccount("Sim101"))
    QTest.mouseRelease(flatten(desk), LEFT)
    assert desk.flattened == []


def test_a_scope_that_changes_and_comes_back_cancels_all_the_same(desk: Desk) -> None:
    QTest.mousePress(flatten(desk), LEFT)
    show_flatten(desk, scope=OneAccount("Sim101"))
    show_flatten(desk)
    QTest.mouseRelease(flatten(desk), LEFT)
    assert desk.flattened == []


def test_new_words_for_the_same_scope_do_not_cancel(desk: Desk) -> None:
    QTest.mousePress(flatten(desk), LEFT)
    show_flatten(desk, lines=("closes 2 positions",), look=Look.LOOKS_DEAD)
    QTest.mouseRelease(flatten(desk), LEFT)
    assert desk.flattened == [gallery.SCOPE]


def test_a_click_that_becomes_a_hold_cancels(desk: Desk) -> None:
    QTest.mousePress(flatten(desk), LEFT)
    show_flatten(desk, gesture=Gesture.HOLD)
    QTest.mouseRelease(flatten(desk), LEFT)
    assert desk.flattened == []


def test_another_scope_is_painted_before_it_can_be_clicked(desk: Desk) -> None:
    spy = PaintSpy(flatten(desk))
    show_flatten(desk, scope=OneAccount("Sim102"))
    assert spy.seen == [(Phase.IDLE, OneAccount("Sim102"))]


def test_hiding_the_window_cancels_a_click(desk: Desk) -> None:
    QTest.mousePress(flatten(desk), LEFT)
    desk.window.hide()
    assert flatten(desk).phase is Phase.IDLE


# A hold


def test_a_hold_fires_when_it_was_long_enough_and_not_before(desk: Desk) -> None:
    show_hold(desk)
    QTest.mousePress(flatten(desk), LEFT)
    desk.pass_time(0.69)
    assert desk.flattened == []
    assert flatten(desk).share_held > 0.95
    desk.pass_time(0.02)
    assert desk.flattened == [EveryAccount()]
    desk.pass_time(3)
    QTest.mouseRelease(flatten(desk), LEFT)
    assert desk.flattened == [EveryAccount()]


def test_a_hold_let_go_early_does_nothing_and_does_not_add_up(desk: Desk) -> None:
    show_hold(desk)
    for _ in range(3):
        QTest.mousePress(flatten(desk), LEFT)
        desk.pass_time(0.6)
        QTest.mouseRelease(flatten(desk), LEFT)
    assert desk.flattened == []
    assert flatten(desk).share_held == 0


def test_a_hold_button_does_not_fire_by_a_click(desk: Desk) -> None:
    show_hold(desk)
    QTest.mouseClick(flatten(desk), LEFT)
    QTest.mouseDClick(flatten(desk), LEFT)
    assert desk.flattened == []


def test_the_fill_of_a_hold_is_visible(desk: Desk) -> None:
    show_hold(desk)
    QTest.mousePress(flatten(desk), LEFT)
    start = flatten(desk).grab().toImage()
    desk.pass_time(0.3)
    assert flatten(desk).grab().toImage() != start
    QTest.mouseRelease(flatten(desk), LEFT)


def test_a_stalled_loop_is_not_counted(desk: Desk) -> None:
    show_hold(desk)
    QTest.mousePress(flatten(desk), LEFT)
    desk.pass_time(0.3)
    desk.stall(0.5)
    desk.pass_time(0.3)
    assert desk.flattened == []
    desk.pass_time(0.2)
    assert desk.flattened == [EveryAccount()]


def test_a_stalled_loop_never_completes_a_hold_and_two_more_ticks_are_needed(desk: Desk) -> None:
    show_hold(desk)
    QTest.mousePress(flatten(desk), LEFT)
    desk.pass_time(0.69)
    desk.stall(0.4)
    assert desk.flattened == []
    desk.clock.now += 0.1
    desk.tick()
    assert desk.flattened == [], "one tick after a gap is not enough"
    desk.clock.now += 0.015
    desk.tick()
    assert desk.flattened == [EveryAccount()]


def test_a_release_that_was_queued_behind_a_stall_wins(desk: Desk) -> None:
    show_hold(desk)
    QTest.mousePress(flatten(desk), LEFT)
    desk.pass_time(0.69)
    desk.stall(0.4)
    QTest.mouseRelease(flatten(desk), LEFT)
    desk.pass_time(1)
    assert desk.flattened == []


def test_a_machine_that_slept_cancels_the_hold(desk: Desk) -> None:
    show_hold(desk)
    QTest.mousePress(flatten(desk), LEFT)
    desk.stall(60)
    desk.pass_time(2)
    assert desk.flattened == []


def test_a_hold_whose_button_is_no_longer_down_cancels_though_no_release_came(desk: Desk) -> None:
    show_hold(desk)
    QTest.mousePress(flatten(desk), LEFT)
    desk.pass_time(0.3)
    QTest.mouseRelease(part(desk, "linkPill"), LEFT)  # Qt now knows of no button that is down
    assert QApplication.mouseButtons() == Qt.MouseButton.NoButton
    desk.pass_time(1)
    assert desk.flattened == []


@pytest.mark.parametrize("cause", ["move", "leave", "focus", "deactivate", "ungrab", "hide", "minimise"])
def test_a_hold_is_cancelled_by_whatever_takes_the_finger_or_the_window_away(desk: Desk, cause: str) -> None:
    show_hold(desk)
    pressed = flatten(desk)
    QTest.mousePress(pressed, LEFT)
    desk.pass_time(0.3)
    match cause:
        case "move":
            QTest.mouseMove(pressed, OFF)
            QTest.mouseMove(pressed, inside(pressed))
        case "leave":
            QApplication.sendEvent(pressed, QEvent(QEvent.Type.Leave))
        case "focus":
            QApplication.sendEvent(pressed, QFocusEvent(QEvent.Type.FocusOut))
        case "deactivate":
            QApplication.sendEvent(pressed, QEvent(QEvent.Type.WindowDeactivate))
        case "ungrab":
            QApplication.sendEvent(pressed, QEvent(QEvent.Type.UngrabMouse))
        case "hide":
            QApplication.sendEvent(pressed, QHideEvent())
        case _:
            desk.window.showMinimized()
    assert pressed.phase is Phase.IDLE
    desk.pass_time(2)
    QTest.mouseRelease(pressed, LEFT)
    assert desk.flattened == []


def test_a_hold_is_cancelled_by_another_scope(desk: Desk) -> None:
    show_hold(desk)
    QTest.mousePress(flatten(desk), LEFT)
    desk.pass_time(0.5)
    show_flatten(desk, scope=EveryAccount("MES 12-25"), gesture=Gesture.HOLD)
    desk.pass_time(1)
    assert desk.flattened == []


def test_a_hold_that_fired_locks_too(desk: Desk) -> None:
    show_hold(desk)
    QTest.mousePress(flatten(desk), LEFT)
    desk.pass_time(0.75)
    QTest.mouseRelease(flatten(desk), LEFT)
    QTest.mousePress(flatten(desk), LEFT)
    assert flatten(desk).phase is Phase.IDLE
    assert desk.swallowed == ["flattenButton"]
    QTest.mouseRelease(flatten(desk), LEFT)


# REVERSE


def test_reverse_tells_its_start_its_hold_and_its_release(desk: Desk) -> None:
    QTest.mousePress(reverse(desk), LEFT)
    assert desk.reverse == [("started", gallery.TICKET)]
    desk.pass_time(0.52)
    assert desk.reverse[1:] == [("held", gallery.TICKET)]
    desk.pass_time(2)
    assert reverse(desk).phase is Phase.SPENT
    assert reverse(desk).look is Look.READY
    assert reverse(desk).share_held == 1
    QTest.mouseRelease(reverse(desk), LEFT)
    assert desk.reverse[2:] == ["released"]
    assert desk.flattened == []


def test_reverse_let_go_before_the_hold_is_complete_is_only_released(desk: Desk) -> None:
    QTest.mousePress(reverse(desk), LEFT)
    desk.pass_time(0.4)
    QTest.mouseRelease(reverse(desk), LEFT)
    desk.pass_time(2)
    assert desk.reverse == [("started", gallery.TICKET), "released"]


@pytest.mark.parametrize("waits_s", [0.2, 0.8])
def test_leaving_reverse_is_letting_go_even_after_the_hold(desk: Desk, waits_s: float) -> None:
    QTest.mousePress(reverse(desk), LEFT)
    desk.pass_time(waits_s)
    QTest.mouseMove(reverse(desk), OFF)
    assert desk.reverse[-1] == "released"
    QTest.mouseRelease(reverse(desk), LEFT)
    assert desk.reverse.count("released") == 1


def test_reverse_with_another_ticket_is_released(desk: Desk) -> None:
    QTest.mousePress(reverse(desk), LEFT)
    desk.pass_time(0.8)
    other = replace(gallery.REVERSE, ticket=replace(gallery.TICKET, quantity=3))
    desk.window.show_panel(replace(gallery.POSITIONS, reverse=other))
    assert desk.reverse[-1] == "released"
    QTest.mouseRelease(reverse(desk), LEFT)


def test_reverse_that_was_sent_is_shown_as_let_go(desk: Desk) -> None:
    QTest.mousePress(reverse(desk), LEFT)
    desk.pass_time(0.8)
    desk.window.reverse_done()
    assert reverse(desk).phase is Phase.IDLE
    QTest.mouseRelease(reverse(desk), LEFT)
    assert desk.reverse.count("released") == 1


def test_reverse_without_a_ticket_is_disabled(desk: Desk) -> None:
    desk.window.show_panel(replace(gallery.POSITIONS, reverse=replace(gallery.REVERSE, ticket=None)))
    QTest.mousePress(reverse(desk), LEFT)
    desk.pass_time(2)
    QTest.mouseRelease(reverse(desk), LEFT)
    assert desk.reverse == []


# Keys


@pytest.mark.parametrize("name", ["flattenButton", "reverseButton"])
@pytest.mark.parametrize("key", [Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Select])
def test_no_key_fires_by_default_focus(desk: Desk, name: str, key: Qt.Key) -> None:
    pressed = button(desk, name)
    pressed.setFocus()
    for _ in range(4):
        QTest.keyPress(pressed, key)
        assert not pressed.isDown()
        QTest.keyRelease(pressed, key)
    desk.pass_time(2)
    assert (desk.flattened, desk.reverse, desk.swallowed) == ([], [], [])
    assert not pressed.is_armed


@pytest.mark.parametrize(
    "focus", ["accountPicker", "scopePreview", "flattenButton", "orderIds", "menuButton"]
)
def test_the_chord_fires_wherever_the_focus_is(desk: Desk, focus: str) -> None:
    widget = part(desk, focus)
    widget.setFocus()
    QTest.keyPress(widget, Qt.Key.Key_F, CHORD)
    assert desk.flattened == [gallery.SCOPE]
    QTest.keyRelease(widget, Qt.Key.Key_F, CHORD)
    assert desk.flattened == [gallery.SCOPE]


def test_a_part_of_the_chord_or_more_than_it_fires_nothing(desk: Desk) -> None:
    for modifiers in (
        Qt.KeyboardModifier.NoModifier,
        Qt.KeyboardModifier.ControlModifier,
        Qt.KeyboardModifier.AltModifier,
        CHORD | Qt.KeyboardModifier.ShiftModifier,
        CHORD | Qt.KeyboardModifier.MetaModifier,
    ):
        QTest.keyClick(desk.window, Qt.Key.Key_F, modifiers)
        QTest.keyClick(desk.window, Qt.Key.Key_R, modifiers)
    assert (desk.flattened, desk.reverse) == ([], [])


def test_a_chord_kept_down_is_one_press_though_the_keyboard_repeats_it(desk: Desk) -> None:
    from PySide6.QtGui import QKeyEvent

    QTest.keyPress(desk.window, Qt.Key.Key_F, CHORD)
    for _ in range(60):
        for kind in (QEvent.Type.KeyRelease, QEvent.Type.KeyPress):
            repeated = QKeyEvent(kind, Qt.Key.Key_F, CHORD, "", True, 1)
            QApplication.sendEvent(desk.window, repeated)
        desk.clock.now += 0.03
    assert desk.flattened == [gallery.SCOPE]
    QTest.keyRelease(desk.window, Qt.Key.Key_F, CHORD)


def repeat_chord(desk: Desk, seconds: float, *, as_real_keys: bool) -> None:
    """The keyboard repeats the F: marked as repeated, or, as X servers can, looking like real keys."""
    from PySide6.QtGui import QKeyEvent

    for _ in range(int(seconds / 0.03)):
        for kind in (QEvent.Type.KeyRelease, QEvent.Type.KeyPress):
            repeated = QKeyEvent(kind, Qt.Key.Key_F, CHORD, "", not as_real_keys, 1)
            QApplication.sendEvent(desk.window, repeated)
            desk.clock.now += 0.001
        desk.pass_time(0.028)


def test_a_repetition_that_looks_like_real_keys_is_one_press_too(desk: Desk) -> None:
    QTest.keyPress(desk.window, Qt.Key.Key_F, CHORD)
    repeat_chord(desk, 3, as_real_keys=True)
    assert desk.flattened == [gallery.SCOPE]
    QTest.keyRelease(desk.window, Qt.Key.Key_F, CHORD)
    desk.pass_time(1)
    QTest.keyClick(desk.window, Qt.Key.Key_F, CHORD)
    assert len(desk.flattened) == 2


@pytest.mark.parametrize("as_real_keys", [True, False])
def test_a_chord_that_the_keyboard_repeats_can_be_held(desk: Desk, as_real_keys: bool) -> None:
    show_hold(desk)
    QTest.keyPress(desk.window, Qt.Key.Key_F, CHORD)
    desk.pass_time(0.66)
    repeat_chord(desk, 0.2, as_real_keys=as_real_keys)
    assert desk.flattened == [EveryAccount()]
    QTest.keyRelease(desk.window, Qt.Key.Key_F, CHORD)


def test_a_key_that_was_down_before_control_and_alt_is_no_chord(desk: Desk) -> None:
    from PySide6.QtGui import QKeyEvent

    QApplication.sendEvent(desk.window, QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_F, CHORD, "", True, 1))
    desk.pass_time(1)
    assert desk.flattened == []


@pytest.mark.parametrize("first", [Qt.Key.Key_F, Qt.Key.Key_Control, Qt.Key.Key_Alt])
def test_a_chord_let_go_just_before_its_hold_is_complete_does_not_fire(desk: Desk, first: Qt.Key) -> None:
    from PySide6.QtGui import QKeyEvent

    show_hold(desk)
    QTest.keyPress(desk.window, Qt.Key.Key_F, CHORD)
    desk.pass_time(0.69)
    QApplication.sendEvent(desk.window, QKeyEvent(QEvent.Type.KeyRelease, first, CHORD))
    desk.pass_time(1)
    assert desk.flattened == []
    assert flatten(desk).phase is Phase.IDLE


def test_letting_go_of_the_letter_releases_a_held_reverse_at_once(desk: Desk) -> None:
    from PySide6.QtGui import QKeyEvent

    QTest.keyPress(desk.window, Qt.Key.Key_R, CHORD)
    desk.pass_time(0.6)
    QApplication.sendEvent(desk.window, QKeyEvent(QEvent.Type.KeyRelease, Qt.Key.Key_R, CHORD))
    assert desk.reverse[-1] == "released"


def test_a_chord_holds_where_holding_is_due(desk: Desk) -> None:
    show_hold(desk)
    QTest.keyPress(desk.window, Qt.Key.Key_F, CHORD)
    desk.pass_time(0.5)
    QTest.keyRelease(desk.window, Qt.Key.Key_F, CHORD)
    desk.pass_time(1)
    assert desk.flattened == []
    QTest.keyPress(desk.window, Qt.Key.Key_F, CHORD)
    desk.pass_time(0.75)
    assert desk.flattened == [EveryAccount()]
    QTest.keyRelease(desk.window, Qt.Key.Key_F, CHORD)


def test_letting_go_of_control_lets_go_of_the_chord(desk: Desk) -> None:
    QTest.keyPress(desk.window, Qt.Key.Key_R, CHORD)
    desk.pass_time(0.3)
    QTest.keyRelease(desk.window, Qt.Key.Key_Control, Qt.KeyboardModifier.AltModifier)
    desk.pass_time(1)
    assert desk.reverse == [("started", gallery.TICKET), "released"]


def test_a_chord_held_when_the_window_loses_the_keyboard_is_let_go(desk: Desk) -> None:
    QTest.keyPress(desk.window, Qt.Key.Key_R, CHORD)
    desk.pass_time(0.3)
    QApplication.sendEvent(reverse(desk), QEvent(QEvent.Type.WindowDeactivate))
    desk.pass_time(1)
    assert desk.reverse == [("started", gallery.TICKET), "released"]


def test_the_chord_of_reverse_holds(desk: Desk) -> None:
    QTest.keyPress(desk.window, Qt.Key.Key_R, CHORD)
    desk.pass_time(0.6)
    assert desk.reverse == [("started", gallery.TICKET), ("held", gallery.TICKET)]
    QTest.keyRelease(desk.window, Qt.Key.Key_R, CHORD)
    assert desk.reverse[-1] == "released"


def test_a_chord_during_a_mouse_press_is_no_second_press(desk: Desk) -> None:
    QTest.mousePress(flatten(desk), LEFT)
    QTest.keyClick(desk.window, Qt.Key.Key_F, CHORD)
    QTest.mouseRelease(flatten(desk), LEFT)
    assert desk.flattened == [gallery.SCOPE]


# Assistive technology


def press_by_screen_reader(widget: QWidget) -> None:
    interface = QAccessible.queryAccessibleInterface(widget)
    assert interface is not None
    interface.actionInterface().doAction("Press")


def settle_press(desk: Desk, qtbot: object, count: int) -> None:
    # Qt emits its `clicked` 100 ms after the action.
    heard: list[int] = []
    widget = flatten(desk)
    widget.clicked.connect(lambda: heard.append(1))
    press_by_screen_reader(widget)
    qtbot.waitUntil(lambda: bool(heard), timeout=3000)  # type: ignore[attr-defined]
    assert len(desk.flattened) == count


@pytest.mark.parametrize("gesture", list(Gesture))
def test_the_accessible_action_arms_first_and_fires_the_second_time(
    desk: Desk, qtbot: object, gesture: Gesture
) -> None:
    show_flatten(desk, gesture=gesture)
    settle_press(desk, qtbot, 0)
    assert flatten(desk).is_armed
    desk.clock.now += 2.9
    settle_press(desk, qtbot, 1)
    assert not flatten(desk).is_armed


def test_an_armed_button_is_not_armed_for_ever(desk: Desk) -> None:
    flatten(desk).click()
    desk.clock.now += 3.1
    flatten(desk).click()
    assert desk.flattened == []
    assert flatten(desk).is_armed


def test_another_scope_disarms(desk: Desk) -> None:
    flatten(desk).click()
    show_flatten(desk, scope=OneAccount("Sim102"))
    flatten(desk).click()
    assert desk.flattened == []


def test_arming_announces_the_scope(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(PressButton, "announce", lambda self, text: said.append(text))
    flatten(desk).click()
    assert len(said) == 1
    assert gallery.FLATTEN.spoken in said[0]


def test_the_accessible_action_on_a_locked_button_is_swallowed(desk: Desk) -> None:
    show_flatten(desk, look=Look.LOCKED)
    flatten(desk).click()
    flatten(desk).click()
    assert desk.flattened == []
    assert desk.swallowed == ["flattenButton"] * 2


def test_reverse_by_screen_reader_waits_for_its_read_and_not_for_ever(desk: Desk) -> None:
    reverse(desk).click()
    assert desk.reverse == []
    reverse(desk).click()
    assert desk.reverse == [("started", gallery.TICKET), ("held", gallery.TICKET)]
    desk.pass_time(2.9)
    assert desk.reverse[-1] != "released"
    desk.pass_time(0.3)
    assert desk.reverse[-1] == "released"


def test_a_screen_reader_finds_a_button_that_says_its_scope(desk: Desk) -> None:
    interface = QAccessible.queryAccessibleInterface(flatten(desk))
    assert interface is not None
    assert interface.role() == QAccessible.Role.Button
    assert gallery.FLATTEN.spoken in interface.text(QAccessible.Text.Name)


def test_every_start_has_exactly_one_end(desk: Desk) -> None:
    began: list[object] = []
    ended: list[int] = []
    flatten(desk).gesture_began.connect(began.append)
    flatten(desk).gesture_ended.connect(lambda: ended.append(1))
    for _ in range(3):
        QTest.mouseClick(flatten(desk), LEFT)
        desk.clock.now += 1
        QTest.mousePress(flatten(desk), LEFT)
        QTest.mouseRelease(flatten(desk), LEFT, pos=OFF)
        desk.clock.now += 1
    assert len(began) == len(ended) == 6


def test_the_view_of_the_gallery_is_what_it_says() -> None:
    assert isinstance(gallery.FLATTEN, FlattenView)
    assert isinstance(gallery.SCOPE, OneAccount)
