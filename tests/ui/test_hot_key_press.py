"""The key of the whole desktop at the window: a click on FLATTEN for one account, and nothing else."""

from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from crosstrade_panel import texts
from crosstrade_panel.desktop import hot_key
from crosstrade_panel.domain.scope import EveryAccount, OneAccount
from crosstrade_panel.manners import Manners
from crosstrade_panel.ui import captions
from crosstrade_panel.ui.press_button import PressButton
from crosstrade_panel.ui.view import FlattenView, Gesture, Look, SettingsView
from tests.log_guard import AnnounceLog
from tests.ui import gallery
from tests.ui.conftest import Desk

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def refused(desk: Desk) -> list[None]:
    heard: list[None] = []
    desk.window.hot_key_refused.connect(lambda: heard.append(None))
    return heard


def flatten(desk: Desk) -> PressButton:
    found = desk.window.findChild(PressButton, "flattenButton")
    assert isinstance(found, PressButton)
    return found


def show(desk: Desk, **changes: object) -> None:
    view: FlattenView = replace(gallery.POSITIONS.flatten, **changes)  # type: ignore[arg-type]
    desk.window.show_panel(replace(gallery.POSITIONS, flatten=view))


def test_it_presses_for_the_very_scope_on_the_button_minimised_or_not(
    desk: Desk, refused: list[None]
) -> None:
    desk.window.showMinimized()
    desk.window.press_hot_key()
    assert desk.flattened == [gallery.POSITIONS.flatten.scope]
    assert desk.flattened[0] is gallery.POSITIONS.flatten.scope
    assert isinstance(desk.flattened[0], OneAccount)
    assert refused == []


def test_a_storm_of_presses_is_one_press(desk: Desk) -> None:
    for _ in range(50):
        desk.window.press_hot_key()
    assert len(desk.flattened) == 1


def test_the_button_is_up_again_and_a_click_is_a_press_of_its_own(desk: Desk) -> None:
    desk.window.press_hot_key()
    desk.clock.now += 1
    QTest.mouseClick(flatten(desk), LEFT)
    assert len(desk.flattened) == 2


@pytest.mark.parametrize("seconds", [0.0, 5.0])
def test_what_asks_to_be_held_is_never_pressed_and_that_is_said(
    desk: Desk, refused: list[None], seconds: float
) -> None:
    show(desk, gesture=Gesture.HOLD)  # FLATTEN AGAIN of one account
    desk.window.press_hot_key()
    desk.pass_time(seconds)
    assert (desk.flattened, refused) == ([], [None])


def test_all_accounts_are_never_pressed_even_by_a_click(desk: Desk, refused: list[None]) -> None:
    show(desk, scope=EveryAccount(), gesture=Gesture.CLICK)
    desk.window.press_hot_key()
    assert (desk.flattened, refused) == ([], [None])


def test_a_lock_swallows_it_as_it_would_a_click(desk: Desk) -> None:
    show(desk, look=Look.LOCKED)
    desk.window.press_hot_key()
    assert (desk.flattened, desk.swallowed) == ([], ["flattenButton"])


def test_while_the_pointer_holds_the_button_down_it_does_nothing(desk: Desk) -> None:
    QTest.mousePress(flatten(desk), LEFT)
    desk.window.press_hot_key()
    assert desk.flattened == []
    QTest.mouseRelease(flatten(desk), LEFT)
    assert len(desk.flattened) == 1


def test_the_button_says_which_key_presses_it(desk: Desk) -> None:
    desk.window.name_hot_key("Ctrl+Alt+F9")
    assert "Ctrl+Alt+F9" in flatten(desk).toolTip()
    desk.window.name_hot_key("")
    assert flatten(desk).toolTip() == captions.FLATTEN_CHORD


def test_the_page_offers_it_where_the_system_has_one(desk: Desk) -> None:
    form = desk.window.settings
    desk.window.open_settings()
    form.show_settings(gallery.SETTINGS)
    part = form.findChild(type(form._hot_key), "hotKeyPart")
    assert part is not None
    without = {name: value for name, value in gallery.SETTINGS.values.items() if name != "hot_key"}
    form.show_settings(SettingsView(without))
    assert part.isHidden()
    form.show_settings(SettingsView({**without, "hot_key": "Ctrl+Alt+F9"}, notes={"hot_key": "It presses."}))
    assert not part.isHidden()
    assert form._combos["hot_key"].currentData() == "Ctrl+Alt+F9"
    assert form._notes["hot_key"].text() == "It presses."


def test_a_place_beside_ninjatrader_is_offered_where_it_can_be_found(desk: Desk) -> None:
    asked: list[None] = []
    desk.window.neighbour_requested.connect(lambda: asked.append(None))
    assert not desk.window._menu._neighbour.isVisible()
    desk.window.offer_neighbour()
    assert desk.window._menu._neighbour.isVisible()
    desk.window._menu._neighbour.trigger()
    assert asked == [None]


def test_a_key_of_the_system_reaches_the_button_until_the_panel_leaves(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[str] = []

    class OneKey:
        def register(self, number: int, modifiers: int, key: int) -> int:
            held.append("held")
            return 0

        def unregister(self, number: int) -> None:
            held.clear()

    monkeypatch.setattr(hot_key, "_system_keys", OneKey)
    manners = Manners(desk.window, None, lambda _: None)
    said, is_so = manners.follow_hot_key("Ctrl+Alt+F9")
    assert (said, is_so, held) == (texts.hot_key_note("Ctrl+Alt+F9", None), True, ["held"])
    assert "Ctrl+Alt+F9" in flatten(desk).toolTip()
    manners._hot_key.pressed.emit()
    assert desk.flattened == [gallery.POSITIONS.flatten.scope]
    manners.end()
    assert held == []


def test_a_key_that_another_program_has_is_said_and_not_on_the_button(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, announce_log: AnnounceLog
) -> None:
    announce_log("no hot key")

    class Taken:
        def register(self, number: int, modifiers: int, key: int) -> int:
            return 1409

        def unregister(self, number: int) -> None:
            raise AssertionError("it was never ours")

    monkeypatch.setattr(hot_key, "_system_keys", Taken)
    manners = Manners(desk.window, None, lambda _: None)
    said, is_so = manners.follow_hot_key("Ctrl+Alt+F9")
    assert (said, is_so) == (
        "Another program has Ctrl+Alt+F9: it does nothing here. Choose another one.",
        False,
    )
    assert flatten(desk).toolTip() == captions.FLATTEN_CHORD
    manners.end()
