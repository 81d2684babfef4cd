"""The one button of a banner: the gestures of section 2, what it hands out, and what it never does."""

from dataclasses import replace

import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QAccessible, QFocusEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QScrollArea, QWidget

from crosstrade_panel.domain.scope import OneAccount, Side
from crosstrade_panel.ui import status_notes
from crosstrade_panel.ui.action_button import HEIGHT, ActionButton
from crosstrade_panel.ui.banner import BannerCard
from crosstrade_panel.ui.button_paint import Painting, Weight, fitted_texts
from crosstrade_panel.ui.press_button import Phase, PressButton
from crosstrade_panel.ui.view import BannerAction, BannerView, Gesture, Look
from tests.ui import gallery
from tests.ui.conftest import Desk

LEFT = Qt.MouseButton.LeftButton
CHORD = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier
OFF = QPoint(-30, 10)
HOLD = replace(gallery.FLATTEN_REOPENED, gesture=Gesture.HOLD)


def show(desk: Desk, *banners: BannerView) -> None:
    desk.window.show_panel(replace(gallery.POSITIONS, banners=banners))
    desk.settle()


def show_settled(desk: Desk, *banners: BannerView) -> None:
    """Show banners, and let them lie for a while."""
    show(desk, *banners)
    desk.clock.now += 1


def reopened(action: BannerAction | None = gallery.FLATTEN_REOPENED, **changes: object) -> BannerView:
    return replace(gallery.REOPENED, action=action, **changes)  # type: ignore[arg-type]


def card(desk: Desk, press_id: str = "p7") -> BannerCard:
    return next(each for each in desk.window.findChildren(BannerCard) if each.view.press_id == press_id)


def action(desk: Desk, press_id: str = "p7") -> ActionButton:
    return card(desk, press_id).action_button


# A click


@pytest.mark.parametrize(
    "banner", [gallery.REOPENED, gallery.ORDERS_WORKING, gallery.TOO_MANY], ids=["flatten", "cancel", "stop"]
)
def test_a_click_hands_out_the_press_and_the_very_action_shown_on_release_inside(
    desk: Desk, banner: BannerView
) -> None:
    show_settled(desk, banner)
    QTest.mousePress(action(desk, banner.press_id), LEFT)
    assert desk.acted == []
    QTest.mouseRelease(action(desk, banner.press_id), LEFT)
    assert desk.acted == [(banner.press_id, banner.action)]
    assert desk.acted[0][1] is banner.action
    assert desk.flattened == []


def test_sliding_off_cancels_a_click(desk: Desk) -> None:
    show_settled(desk, reopened())
    QTest.mousePress(action(desk), LEFT)
    QTest.mouseMove(action(desk), OFF)
    QTest.mouseRelease(action(desk), LEFT)
    assert desk.acted == []


def test_a_double_click_on_an_action_is_one_press(desk: Desk) -> None:
    show_settled(desk, reopened())
    QTest.mouseClick(action(desk), LEFT)
    QTest.mouseDClick(action(desk), LEFT)
    assert len(desk.acted) == 1


@pytest.mark.parametrize("look", [Look.LOCKED, Look.DISABLED])
def test_a_locked_action_swallows_and_a_disabled_one_does_nothing(desk: Desk, look: Look) -> None:
    show_settled(desk, reopened(replace(gallery.FLATTEN_REOPENED, look=look)))
    before = action(desk).grab().toImage()
    QTest.mouseClick(action(desk), LEFT)
    action(desk).click()
    action(desk).click()
    assert desk.acted == []
    if look is Look.LOCKED:
        assert set(desk.swallowed) == {"bannerActionButton"}
        assert action(desk).is_flashing
        assert action(desk).grab().toImage() != before
    else:
        assert not action(desk).isEnabled()


def test_an_action_that_looks_dead_still_fires(desk: Desk) -> None:
    dead = replace(gallery.FLATTEN_REOPENED, look=Look.LOOKS_DEAD)
    show_settled(desk, reopened(dead))
    QTest.mouseClick(action(desk), LEFT)
    assert desk.acted == [("p7", dead)]


def test_an_action_comes_goes_and_comes_back_on_the_same_card(desk: Desk) -> None:
    show_settled(desk, reopened(None))
    first = card(desk)
    assert not action(desk).isVisible()
    show_settled(desk, reopened(replace(gallery.FLATTEN_REOPENED, look=Look.DISABLED)))
    show_settled(desk, reopened())
    show_settled(desk, reopened(None))
    action(desk).click()
    action(desk).click()
    assert desk.acted == []
    show_settled(desk, reopened())
    assert card(desk) is first
    QTest.mouseClick(action(desk), LEFT)
    assert desk.acted == [("p7", gallery.FLATTEN_REOPENED)]


def test_the_lock_after_a_press_outlasts_a_moment_without_the_action(desk: Desk) -> None:
    show_settled(desk, reopened())
    QTest.mouseClick(action(desk), LEFT)
    show(desk, reopened(None))
    show(desk, reopened())
    desk.clock.now += 0.35  # long enough in its place, and still within the half second
    QTest.mouseClick(action(desk), LEFT)
    assert len(desk.acted) == 1
    assert desk.swallowed == ["bannerActionButton"]


# Changes during a gesture


OTHERS = {
    "another scope": replace(gallery.FLATTEN_REOPENED, scope=OneAccount("Sim101")),
    "another side": replace(gallery.FLATTEN_REOPENED, scope=OneAccount("Sim101", "MES 12-25", Side.LONG)),
    "orders instead": replace(gallery.CANCEL_ORDERS),
    "a hold instead": HOLD,
    "locked": replace(gallery.FLATTEN_REOPENED, look=Look.LOCKED),
    "gone": None,
}


@pytest.mark.parametrize("name", list(OTHERS))
def test_a_click_is_cancelled_by_an_action_that_means_something_else(desk: Desk, name: str) -> None:
    show_settled(desk, reopened())
    pressed = action(desk)
    QTest.mousePress(pressed, LEFT)
    show(desk, reopened(OTHERS[name]))
    assert pressed.phase is Phase.IDLE
    show(desk, reopened())
    QTest.mouseRelease(pressed, LEFT)
    assert desk.acted == []


def test_other_orders_cancel_a_gesture(desk: Desk) -> None:
    show_settled(desk, gallery.ORDERS_WORKING)
    pressed = action(desk, "p8")
    QTest.mousePress(pressed, LEFT)
    other = replace(gallery.CANCEL_ORDERS, order_ids=gallery.IDS[1:])
    show(desk, replace(gallery.ORDERS_WORKING, action=other))
    QTest.mouseRelease(pressed, LEFT)
    assert desk.acted == []


def test_a_press_that_leaves_takes_its_gesture_with_it(desk: Desk) -> None:
    show_settled(desk, reopened(HOLD))
    pressed = action(desk)
    QTest.mousePress(pressed, LEFT)
    desk.pass_time(0.3)
    show(desk)
    assert pressed.phase is Phase.IDLE
    desk.pass_time(1)
    assert desk.acted == []


@pytest.mark.parametrize("gesture", list(Gesture))
def test_repaints_at_five_a_second_neither_rebuild_nor_cancel(desk: Desk, gesture: Gesture) -> None:
    shown = replace(gallery.FLATTEN_REOPENED, gesture=gesture)
    show_settled(desk, reopened(shown))
    before, pressed = card(desk), action(desk)
    titles = [each for each in before.children() if each.objectName() == "bannerTitle"]
    QTest.mousePress(pressed, LEFT)
    for _ in range(2):
        desk.pass_time(0.2)
        show(desk, reopened(replace(shown)))
        assert pressed.phase is not Phase.IDLE
    desk.pass_time(0.12)
    QTest.mouseRelease(pressed, LEFT)
    assert desk.acted == [("p7", shown)]
    assert card(desk) is before
    assert [each for each in card(desk).children() if each.objectName() == "bannerTitle"] == titles


def test_new_words_around_the_same_act_do_not_cancel_and_the_action_first_shown_is_handed_out(
    desk: Desk,
) -> None:
    show_settled(desk, reopened(HOLD))
    pressed = action(desk)
    QTest.mousePress(pressed, LEFT)
    desk.pass_time(0.3)
    newer = replace(HOLD, lines=("closes 2 positions",), spoken="closes 2 positions")
    show(desk, reopened(newer, lines=("one line", "two lines", "three lines", "four lines", "a fifth")))
    desk.pass_time(0.3)
    QTest.mouseRelease(pressed, LEFT)
    assert desk.acted == [("p7", HOLD)]
    assert desk.acted[0][1] is HOLD


# What moves


def test_a_newer_press_moves_an_older_action_from_under_the_finger_and_cancels_it(desk: Desk) -> None:
    show_settled(desk, reopened(HOLD))
    pressed = action(desk)
    QTest.mousePress(pressed, LEFT)
    desk.pass_time(0.3)
    show(desk, gallery.TOO_MANY, reopened(HOLD))
    assert pressed.phase is Phase.IDLE
    desk.pass_time(1)
    QTest.mouseRelease(pressed, LEFT)
    assert desk.acted == []


@pytest.mark.parametrize("moves", ["it came", "a newer press", "a longer title", "scrolled"])
def test_an_action_that_came_to_lie_there_just_now_swallows_a_click(desk: Desk, moves: str) -> None:
    area = desk.window.findChild(QScrollArea, "lowerArea")
    assert area is not None
    if moves != "it came":
        show_settled(desk, reopened())
    match moves:
        case "it came":
            show(desk, reopened())
        case "a newer press":
            show(desk, gallery.TOO_MANY, reopened())
        case "a longer title":
            show(desk, reopened(title=f"REOPENED · {gallery.LONG_NAME} · {gallery.LONG_NAME}"))
        case _:
            area.verticalScrollBar().setValue(area.verticalScrollBar().value() + 12)
    desk.clock.now += 0.29
    QTest.mouseClick(action(desk), LEFT)
    assert desk.acted == []
    assert desk.swallowed == ["bannerActionButton"]
    desk.clock.now += 0.02
    QTest.mouseClick(action(desk), LEFT)
    assert desk.acted == [("p7", gallery.FLATTEN_REOPENED)]


def test_acknowledging_is_not_done_by_a_click_that_was_aimed_at_another_press(desk: Desk) -> None:
    show_settled(desk, reopened(None))
    show(desk, gallery.STILL_OPEN, reopened(None))
    desk.clock.now += 0.29
    which = card(desk).findChild(QPushButton, "acknowledgeButton")
    assert which is not None
    QTest.mouseClick(which, LEFT)
    QTest.mouseDClick(which, LEFT)
    assert desk.heard == []
    desk.clock.now += 0.02
    QTest.mouseClick(which, LEFT)
    assert desk.heard == [("acknowledged", "p7")]


def test_a_line_more_or_less_does_not_move_the_action(desk: Desk) -> None:
    show_settled(desk, reopened())
    at = action(desk).mapTo(desk.window, QPoint(0, 0))
    show(desk, reopened(lines=tuple(f"line {n}" for n in range(9))))
    assert action(desk).mapTo(desk.window, QPoint(0, 0)) == at


def test_no_action_ever_covers_or_moves_flatten_or_reverse(desk: Desk) -> None:
    lower = desk.window.findChild(QScrollArea, "lowerArea")
    assert lower is not None
    for name, view in gallery.states():
        desk.window.show_panel(view)
        desk.settle()
        reverse = desk.window.findChild(PressButton, "reverseButton")
        assert reverse is not None
        foot = reverse.mapTo(desk.window, QPoint(0, reverse.height())).y()
        assert lower.mapTo(desk.window, QPoint(0, 0)).y() >= foot, name
        for each in desk.window.findChildren(ActionButton):
            assert lower.isAncestorOf(each)


def test_the_newest_press_is_in_sight_with_its_action_though_many_are_stacked(desk: Desk) -> None:
    desk.window.resize(320, 740)
    show_settled(desk, gallery.TOO_MANY)
    show_settled(desk, gallery.STILL_OPEN, gallery.ORDERS_WORKING, gallery.TOO_MANY)
    desk.settle()
    QTest.qWait(1)  # the scrolling to the newest comes after the layout
    lower = desk.window.findChild(QScrollArea, "lowerArea")
    assert lower is not None
    newest = action(desk, "p6")
    top = newest.mapTo(lower.viewport(), QPoint(0, 0)).y()
    assert top >= 0
    assert top + newest.height() <= lower.viewport().height()
    assert lower.verticalScrollBar().maximum() > 0
    for press_id in ("p6", "p8", "p9"):
        assert card(desk, press_id).height() >= 64 + 30


# A hold


def test_a_hold_on_an_action_fires_after_its_time_and_fills_visibly(desk: Desk) -> None:
    show_settled(desk, gallery.STILL_OPEN)
    pressed = action(desk, "p6")
    QTest.mousePress(pressed, LEFT)
    start = pressed.grab().toImage()
    desk.pass_time(0.48)
    assert desk.acted == []
    assert pressed.grab().toImage() != start
    desk.pass_time(0.03)
    assert desk.acted == [("p6", gallery.FLATTEN_AGAIN)]
    QTest.mouseRelease(pressed, LEFT)
    assert len(desk.acted) == 1


def test_a_hold_on_an_action_counts_uninterrupted_ticks_only(desk: Desk) -> None:
    show_settled(desk, gallery.STILL_OPEN)
    pressed = action(desk, "p6")
    QTest.mousePress(pressed, LEFT)
    desk.pass_time(0.49)
    desk.stall(0.4)
    assert desk.acted == []
    QTest.mouseRelease(pressed, LEFT)
    desk.pass_time(1)
    assert desk.acted == []


@pytest.mark.parametrize("cause", ["move", "leave", "focus", "deactivate", "ungrab", "minimise"])
def test_a_hold_on_an_action_is_cancelled_as_on_flatten(desk: Desk, cause: str) -> None:
    show_settled(desk, gallery.STILL_OPEN)
    pressed = action(desk, "p6")
    QTest.mousePress(pressed, LEFT)
    desk.pass_time(0.3)
    match cause:
        case "move":
            QTest.mouseMove(pressed, OFF)
            QTest.mouseMove(pressed, pressed.rect().center())
        case "leave":
            QApplication.sendEvent(pressed, QEvent(QEvent.Type.Leave))
        case "focus":
            QApplication.sendEvent(pressed, QFocusEvent(QEvent.Type.FocusOut))
        case "deactivate":
            QApplication.sendEvent(pressed, QEvent(QEvent.Type.WindowDeactivate))
        case "ungrab":
            QApplication.sendEvent(pressed, QEvent(QEvent.Type.UngrabMouse))
        case _:
            desk.window.showMinimized()
    assert pressed.phase is Phase.IDLE
    desk.pass_time(2)
    QTest.mouseRelease(pressed, LEFT)
    assert desk.acted == []


# Keys and assistive technology


@pytest.mark.parametrize("key", [Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Select])
def test_no_key_fires_an_action_by_default_focus(desk: Desk, key: Qt.Key) -> None:
    show_settled(desk, reopened())
    action(desk).setFocus()
    for _ in range(4):
        QTest.keyClick(action(desk), key)
    desk.pass_time(1)
    assert (desk.acted, desk.swallowed, desk.flattened) == ([], [], [])
    assert not action(desk).is_armed


def focus(desk: Desk, widget: QWidget) -> None:
    desk.window.activateWindow()
    assert QTest.qWaitForWindowActive(desk.window)
    widget.setFocus()
    assert widget.hasFocus()


def test_the_chord_presses_the_action_that_has_the_focus_and_no_other(desk: Desk) -> None:
    show_settled(desk, gallery.TOO_MANY, reopened())
    QTest.keyClick(desk.window, Qt.Key.Key_B, CHORD)
    assert desk.acted == []
    focus(desk, action(desk))
    QTest.keyClick(action(desk), Qt.Key.Key_B, CHORD)
    assert desk.acted == [("p7", gallery.FLATTEN_REOPENED)]


def test_the_chord_holds_where_an_action_is_held_and_leaving_it_cancels(desk: Desk) -> None:
    show_settled(desk, reopened(HOLD))
    focus(desk, action(desk))
    QTest.keyPress(action(desk), Qt.Key.Key_B, CHORD)
    desk.pass_time(0.4)
    desk.window.setFocus()
    desk.pass_time(1)
    QTest.keyRelease(desk.window, Qt.Key.Key_B, CHORD)
    assert desk.acted == []
    focus(desk, action(desk))
    QTest.keyPress(action(desk), Qt.Key.Key_B, CHORD)
    desk.pass_time(0.55)
    assert desk.acted == [("p7", HOLD)]
    QTest.keyRelease(action(desk), Qt.Key.Key_B, CHORD)


@pytest.mark.parametrize("gesture", list(Gesture))
def test_the_accessible_action_arms_and_a_second_one_within_three_seconds_fires(
    desk: Desk, gesture: Gesture
) -> None:
    shown = replace(gallery.FLATTEN_REOPENED, gesture=gesture)
    show_settled(desk, reopened(shown))
    action(desk).click()
    assert action(desk).is_armed
    desk.clock.now += 3.1
    action(desk).click()
    assert desk.acted == []
    desk.clock.now += 2.9
    action(desk).click()
    assert desk.acted == [("p7", shown)]


def test_another_action_disarms(desk: Desk) -> None:
    show_settled(desk, reopened())
    action(desk).click()
    show_settled(desk, reopened(OTHERS["another scope"]))
    action(desk).click()
    assert desk.acted == []


def test_an_action_is_named_for_a_screen_reader_and_reached_by_the_tab_key(desk: Desk) -> None:
    show_settled(desk, gallery.STILL_OPEN, reopened())
    interface = QAccessible.queryAccessibleInterface(action(desk))
    assert interface is not None
    assert interface.role() == QAccessible.Role.Button
    name = interface.text(QAccessible.Text.Name)
    assert name.startswith("FLATTEN")
    assert gallery.FLATTEN_REOPENED.spoken in name
    chain = []
    widget: QWidget | None = desk.window.findChild(QWidget, "reverseButton")
    for _ in range(45):
        assert widget is not None
        widget = widget.nextInFocusChain()
        if widget is not None and widget.isVisible() and widget.focusPolicy() & Qt.FocusPolicy.TabFocus:
            chain.append(widget)
    wanted = [
        widget for press_id in ("p6", "p7") for widget in card(desk, press_id).inputs if widget.isVisible()
    ]
    assert [widget for widget in chain if widget in wanted] == wanted
    names = [widget.objectName() for widget in chain]
    assert names.index("ticketToggle") < names.index("bannerActionButton") < names.index("orderIds")


# Sleep


def test_whatever_is_held_or_armed_is_cancelled_at_once_when_told(desk: Desk) -> None:
    show_settled(desk, reopened(HOLD))
    flatten = desk.window.findChild(PressButton, "flattenButton")
    reverse = desk.window.findChild(PressButton, "reverseButton")
    assert flatten is not None
    assert reverse is not None
    phases = []
    for pressed in (flatten, reverse, action(desk)):
        idle = pressed.grab().toImage()
        QTest.mousePress(pressed, LEFT)
        desk.pass_time(0.1)
        phases.append(pressed.phase)
        desk.window.cancel_gestures()
        phases.append(pressed.phase)
        assert pressed.share_held == 0
        assert pressed.grab().toImage() == idle
        desk.pass_time(1)
        QTest.mouseRelease(pressed, LEFT)
    assert phases == [Phase.DOWN, Phase.IDLE, Phase.HOLDING, Phase.IDLE, Phase.HOLDING, Phase.IDLE]
    armed = []
    for pressed in (flatten, reverse, action(desk)):
        pressed.click()
        armed.append(pressed.is_armed)
        desk.window.cancel_gestures()
        armed.append(pressed.is_armed)
        pressed.click()
    assert armed == [True, False] * 3
    desk.window.cancel_gestures()
    QTest.keyPress(desk.window, Qt.Key.Key_R, CHORD)
    desk.pass_time(0.1)
    desk.window.cancel_gestures()
    desk.pass_time(1)
    QTest.keyRelease(desk.window, Qt.Key.Key_R, CHORD)
    assert (desk.flattened, desk.acted) == ([], [])
    assert [what for what in desk.reverse if what != "released"] == [("started", gallery.TICKET)] * 2
    assert desk.reverse.count("released") == 2


def lines_of(button: ActionButton) -> tuple[int, str]:
    """The size of the lines of a button in pixels, and all of their words."""
    shown = replace(SHOWN, title=button.face.title, lines=button.face.lines)
    _, body = fitted_texts(button, shown)
    assert not body.is_cut
    return body.font.pixelSize(), "".join(body.lines).replace(" ", "")


SHOWN = Painting(
    "", (), Look.READY, is_pressed=False, share_held=0.0, is_hold=True, is_flashing=False,
    weight=Weight.ACTION, has_focus=False,
)  # fmt: skip


@pytest.mark.parametrize("width", [320, 480])
def test_a_name_of_forty_letters_is_told_in_whole_and_in_no_smaller_print_than_that_around_it(
    desk: Desk, width: int
) -> None:
    desk.window.resize(width, 900)
    desk.window.show_panel(gallery.states_by_name()["action_long_names"])
    desk.settle()
    button = action(desk, gallery.STILL_OPEN.press_id)
    size, words = lines_of(button)
    assert size >= 11
    for part in (gallery.LONG_NAME, "MES12-25", "Short", "thefirstmaystillact"):
        assert part in words
    label = card(desk, gallery.STILL_OPEN.press_id).findChild(QLabel, "bannerLines")
    assert label is not None
    assert size >= label.font().pixelSize()
    assert gallery.LONG_NAME in button.accessibleName()


def test_a_button_that_has_grown_is_as_high_until_the_window_has_another_width(desk: Desk) -> None:
    desk.window.resize(320, 900)
    view = gallery.states_by_name()["action_long_names"]
    banner = view.banners[0]
    assert banner.action is not None
    desk.window.show_panel(view)
    desk.settle()
    button = action(desk, gallery.STILL_OPEN.press_id)
    high = button.height()
    assert high > HEIGHT
    short = replace(banner, action=replace(banner.action, lines=("Apex-03",)))
    desk.window.show_panel(replace(view, banners=(short,)))
    desk.settle()
    assert button.height() == high
    desk.window.resize(480, 900)
    desk.settle()
    assert button.height() == HEIGHT


def test_a_button_that_grew_a_moment_ago_takes_no_press_that_was_aimed_at_what_lay_there(desk: Desk) -> None:
    desk.window.resize(320, 900)
    view = gallery.states_by_name()["action_long_names"]
    banner = view.banners[0]
    assert banner.action is not None
    before = replace(banner, action=replace(banner.action, gesture=Gesture.CLICK, lines=("Apex-03",)))
    desk.window.show_panel(replace(view, banners=(before,)))
    desk.settle()
    button = action(desk, gallery.STILL_OPEN.press_id)
    desk.pass_time(1.0)
    grown = replace(banner, action=replace(banner.action, gesture=Gesture.CLICK))
    desk.window.show_panel(replace(view, banners=(grown,)))
    desk.settle()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert desk.acted == []
    assert desk.swallowed == ["bannerActionButton"]
    desk.pass_time(1.0)
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert desk.acted == [(banner.press_id, grown.action)]


# Notes, which lie above the outcomes


def noted(desk: Desk, *notes: str) -> None:
    status = replace(gallery.POSITIONS.status, notes=notes)
    desk.window.show_panel(replace(gallery.POSITIONS, status=status, banners=(reopened(HOLD),)))
    desk.settle()


def test_a_note_that_comes_or_goes_does_not_move_an_action_from_under_the_finger(desk: Desk) -> None:
    noted(desk, "the first")
    desk.clock.now += 1
    notes = desk.window.findChild(QLabel, "statusNotes")
    assert notes is not None
    pressed = action(desk)
    at = pressed.mapTo(desk.window, QPoint())
    for said in ((), ("the first", "and another")):
        QTest.mousePress(pressed, LEFT)
        desk.pass_time(0.3)
        noted(desk, *said)
        assert (notes.text(), pressed.mapTo(desk.window, QPoint())) == ("! the first", at)
        desk.pass_time(HOLD.hold_s)
        QTest.mouseRelease(pressed, LEFT)
        assert desk.acted.pop() == ("p7", HOLD)
        desk.clock.now += 1
    noted(desk, "and another")
    assert notes.text() == "! and another"


def test_a_note_is_brought_into_sight_and_said_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []
    monkeypatch.setattr(status_notes, "announce", lambda _widget, text: heard.append(text))
    desk.window.resize(333, 640)
    noted(desk)
    area = desk.window.findChild(QScrollArea, "lowerArea")
    notes = desk.window.findChild(QLabel, "statusNotes")
    assert area is not None
    assert notes is not None
    desk.window.open_settings()
    desk.settle()
    assert area.verticalScrollBar().value() > 0
    noted(desk, "3 presses unresolved — close again to leave")
    noted(desk, "3 presses unresolved — close again to leave")
    assert not notes.visibleRegion().isEmpty()
    assert heard == ["3 presses unresolved — close again to leave"]
    desk.window.open_settings()
    desk.settle()
    noted(desk)
    assert notes.visibleRegion().isEmpty()
    assert area.verticalScrollBar().value() > 0, "what goes scrolls nothing"
