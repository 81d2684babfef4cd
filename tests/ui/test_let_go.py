"""A gesture that was begun and sent nothing says so on its own button, and nothing else ever does."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QColor, QFocusEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from crosstrade_panel import texts
from crosstrade_panel.domain.scope import EveryAccount, OneAccount
from crosstrade_panel.ui import press_button
from crosstrade_panel.ui.action_button import ActionButton
from crosstrade_panel.ui.button_paint import Painting
from crosstrade_panel.ui.press_button import TOLD_S, Phase, PressButton
from crosstrade_panel.ui.theme import DARK, LIGHT, Theme
from crosstrade_panel.ui.view import BannerView, Gesture, Look
from tests.ui import gallery
from tests.ui.conftest import Desk

LEFT = Qt.MouseButton.LeftButton
CHORD = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier
OFF = QPoint(-30, 10)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a screen reader is told."""
    heard: list[str] = []
    monkeypatch.setattr(PressButton, "announce", lambda _self, text: heard.append(text))
    return heard


def flatten(desk: Desk) -> PressButton:
    found = desk.window.findChild(PressButton, "flattenButton")
    assert found is not None
    return found


def show(desk: Desk, *banners: BannerView, **changes: object) -> None:
    shown = replace(gallery.FLATTEN, **changes)  # type: ignore[arg-type]
    desk.window.show_panel(replace(gallery.POSITIONS, flatten=shown, banners=banners))
    desk.settle()


def show_hold(desk: Desk, *banners: BannerView, **changes: object) -> None:
    wide = {"scope": EveryAccount(), "gesture": Gesture.HOLD, "lines": ("All accounts", "closes 3 positions")}
    show(desk, *banners, **(wide | changes))


def lines_painted(widget: QWidget, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    painted: list[Painting] = []

    def note(_widget: QWidget, painting: Painting, _theme: Theme) -> None:
        painted.append(painting)

    with monkeypatch.context() as patch:
        patch.setattr(press_button, "paint_button", note)
        widget.grab()
    return painted[-1].all_lines


def share_of(widget: QWidget, colour: str) -> float:
    """How much of a button is of exactly this colour."""
    image = widget.grab().toImage()
    wanted = QColor(colour).rgb()
    found = sum(image.pixel(x, y) == wanted for x in range(image.width()) for y in range(image.height()))
    return found / (image.width() * image.height())


def press_and_let_go(desk: Desk) -> None:
    QTest.mousePress(flatten(desk), LEFT)
    desk.pass_time(0.4)
    QTest.mouseRelease(flatten(desk), LEFT)


def click(desk: Desk) -> None:
    QTest.mouseClick(flatten(desk), LEFT)


def double_click(desk: Desk) -> None:
    QTest.mouseClick(flatten(desk), LEFT)
    QTest.mouseDClick(flatten(desk), LEFT)
    QTest.mouseRelease(flatten(desk), LEFT)


def press_chord_briefly(desk: Desk) -> None:
    QTest.keyPress(desk.window, Qt.Key.Key_F, CHORD)
    desk.pass_time(0.3)
    QTest.keyRelease(desk.window, Qt.Key.Key_F, CHORD)
    desk.pass_time(0.3)


def slide_off(desk: Desk) -> None:
    QTest.mousePress(flatten(desk), LEFT)
    QTest.mouseMove(flatten(desk), OFF)
    QTest.mouseRelease(flatten(desk), LEFT, pos=OFF)


def release_outside(desk: Desk) -> None:
    QTest.mousePress(flatten(desk), LEFT)
    QTest.mouseRelease(flatten(desk), LEFT, pos=OFF)


def lose_focus(desk: Desk) -> None:
    QTest.mousePress(flatten(desk), LEFT)
    QApplication.sendEvent(
        flatten(desk), QFocusEvent(QEvent.Type.FocusOut, Qt.FocusReason.ActiveWindowFocusReason)
    )
    QTest.mouseRelease(flatten(desk), LEFT)


def press_another_button(desk: Desk) -> None:
    QTest.mousePress(flatten(desk), LEFT)
    QTest.mousePress(flatten(desk), Qt.MouseButton.RightButton)
    QTest.mouseRelease(flatten(desk), Qt.MouseButton.RightButton)
    QTest.mouseRelease(flatten(desk), LEFT)


@pytest.mark.parametrize(
    ("gesture", "words"),
    [
        (press_and_let_go, texts.LET_GO),
        (click, texts.LET_GO),
        (double_click, texts.LET_GO),
        (press_chord_briefly, texts.LET_GO),
        (slide_off, texts.CANCELLED_GESTURE),
        (release_outside, texts.CANCELLED_GESTURE),
        (lose_focus, texts.CANCELLED_GESTURE),
        (press_another_button, texts.CANCELLED_GESTURE),
    ],
)
@pytest.mark.parametrize("title", [texts.FLATTEN, texts.FLATTEN_AGAIN])
def test_a_hold_that_is_not_completed_says_that_nothing_was_sent(
    desk: Desk,
    said: list[str],
    monkeypatch: pytest.MonkeyPatch,
    title: str,
    gesture: Callable[[Desk], None],
    words: str,
) -> None:
    show_hold(desk, title=title)
    before = lines_painted(flatten(desk), monkeypatch)
    height = flatten(desk).height()
    gesture(desk)
    assert desk.flattened == []
    assert lines_painted(flatten(desk), monkeypatch) == (*before, words)
    assert said[-1] == words
    assert "nothing was sent" in words
    assert flatten(desk).height() == height
    desk.clock.now += TOLD_S + 0.1
    assert lines_painted(flatten(desk), monkeypatch) == before


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=["dark", "light"])
def test_what_was_not_sent_stands_out_among_the_lines_of_the_button(desk: Desk, theme: Theme) -> None:
    desk.window.apply_theme(theme.name)
    show_hold(desk)
    before = share_of(flatten(desk), theme.flatten.text)
    click(desk)
    assert share_of(flatten(desk), theme.flatten.text) > before + 0.05
    assert not flatten(desk).is_flashing


def test_sliding_off_where_a_click_is_due_says_that_it_was_cancelled(
    desk: Desk, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    slide_off(desk)
    assert lines_painted(flatten(desk), monkeypatch)[-1] == texts.CANCELLED_GESTURE
    assert said == [texts.CANCELLED_GESTURE]


def test_what_was_sent_is_never_called_not_sent(desk: Desk, said: list[str]) -> None:
    click(desk)
    desk.clock.now += 1
    double_click(desk)
    assert len(desk.flattened) == 2
    assert flatten(desk).told == ""
    show_hold(desk)
    QTest.mousePress(flatten(desk), LEFT)
    desk.pass_time(0.8)
    assert len(desk.flattened) == 3
    QTest.mouseRelease(flatten(desk), LEFT, pos=OFF)
    assert flatten(desk).told == ""
    desk.clock.now += 1
    QTest.keyPress(desk.window, Qt.Key.Key_F, CHORD)
    desk.pass_time(0.8)
    QTest.keyRelease(desk.window, Qt.Key.Key_F, CHORD)
    desk.pass_time(0.3)
    assert len(desk.flattened) == 4
    assert flatten(desk).told == ""
    assert said == []


@pytest.mark.parametrize("look", [Look.LOCKED, Look.DISABLED])
def test_nothing_is_said_where_no_gesture_had_begun(desk: Desk, said: list[str], look: Look) -> None:
    show_hold(desk, look=look)
    for gesture in (click, double_click, slide_off):
        gesture(desk)
    show_hold(desk)
    QTest.mouseMove(flatten(desk), OFF)
    QTest.mouseClick(flatten(desk), Qt.MouseButton.RightButton)
    assert flatten(desk).told == ""
    assert said == []


@pytest.mark.parametrize("look", [Look.LOCKED, Look.DISABLED])
def test_who_presses_by_keys_what_is_locked_hears_why(desk: Desk, said: list[str], look: Look) -> None:
    show_hold(desk, look=look)
    press_chord_briefly(desk)
    assert flatten(desk).told == ""
    assert said == [flatten(desk).face.spoken]


def test_a_lock_that_ends_a_gesture_speaks_for_itself(desk: Desk, said: list[str]) -> None:
    show_hold(desk)
    QTest.mousePress(flatten(desk), LEFT)
    show_hold(desk, look=Look.LOCKED)  # sent by another button, or another process
    QTest.mouseRelease(flatten(desk), LEFT)
    assert flatten(desk).told == ""
    assert said == []


@pytest.mark.parametrize("change", [{"scope": OneAccount("Sim102")}, {"hold_s": 0.5}])
def test_a_button_that_changes_under_the_finger_says_that_nothing_was_sent(
    desk: Desk, said: list[str], change: dict[str, object]
) -> None:
    show_hold(desk)
    QTest.mousePress(flatten(desk), LEFT)
    show_hold(desk, **change)
    QTest.mouseRelease(flatten(desk), LEFT)
    assert desk.flattened == []
    assert flatten(desk).told == texts.CANCELLED_GESTURE


def test_the_next_gesture_begins_with_a_clean_button_and_is_as_long(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    show_hold(desk)
    before = lines_painted(flatten(desk), monkeypatch)
    click(desk)
    QTest.mousePress(flatten(desk), LEFT)
    assert lines_painted(flatten(desk), monkeypatch) == before
    desk.pass_time(0.69)
    assert desk.flattened == []
    desk.pass_time(0.02)
    assert desk.flattened == [EveryAccount()]
    QTest.mouseRelease(flatten(desk), LEFT)
    assert flatten(desk).told == ""


def test_a_press_that_is_sent_by_any_button_ends_what_was_said(desk: Desk) -> None:
    show_hold(desk)
    click(desk)
    show_hold(desk, gallery.REOPENED)
    assert flatten(desk).told == ""


@pytest.mark.parametrize("change", [{"look": Look.LOCKED}, {"scope": EveryAccount("MES 12-25")}])
def test_it_is_not_said_of_another_scope_or_under_a_lock(desk: Desk, change: dict[str, object]) -> None:
    show_hold(desk)
    click(desk)
    show_hold(desk, lines=("All accounts", "closes 4 positions"))
    assert flatten(desk).told == texts.LET_GO
    show_hold(desk, **change)
    assert flatten(desk).told == ""


def test_a_window_that_went_away_comes_back_without_it(desk: Desk) -> None:
    show_hold(desk)
    QTest.mousePress(flatten(desk), LEFT)
    desk.window.hide()
    desk.window.show()
    QTest.mouseRelease(flatten(desk), LEFT)
    assert flatten(desk).told == ""


def test_reverse_is_told_by_who_knows_more(desk: Desk, said: list[str]) -> None:
    reverse = desk.window.findChild(PressButton, "reverseButton")
    assert reverse is not None
    QTest.mouseClick(reverse, LEFT)
    assert reverse.phase is Phase.IDLE
    assert reverse.told == ""
    assert said == []


# The buttons of outcomes


def action(desk: Desk) -> ActionButton:
    return next(each for each in desk.window.findChildren(ActionButton) if each.isVisible())


def test_flatten_again_in_a_card_says_it_too_and_the_card_stays_as_high(desk: Desk, said: list[str]) -> None:
    again = replace(gallery.REOPENED, action=gallery.FLATTEN_AGAIN)
    show(desk, again)
    desk.clock.now += 1
    height = action(desk).height()
    QTest.mouseClick(action(desk), LEFT)
    assert desk.acted == []
    assert action(desk).told == texts.LET_GO
    assert action(desk).height() == height
    assert flatten(desk).told == ""
    newer = replace(gallery.STILL_OPEN, press_id="newer", action=None)
    show(desk, newer, again)
    assert action(desk).told == ""
    assert said == [texts.LET_GO]


def test_stop_sends_nothing_and_never_says_so(desk: Desk, said: list[str]) -> None:
    show(desk, gallery.TOO_MANY)
    desk.clock.now += 1
    QTest.mousePress(action(desk), LEFT)
    QTest.mouseRelease(action(desk), LEFT, pos=OFF)
    assert desk.acted == []
    assert action(desk).told == ""
    assert said == []
