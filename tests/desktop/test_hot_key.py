"""The key of the whole desktop: asked for once, given back, told when another has it; one press each."""

import ctypes
import sys
from collections.abc import Iterator
from ctypes import wintypes

import pytest
from PySide6.QtCore import QByteArray
from PySide6.QtWidgets import QApplication

from crosstrade_panel.desktop.hot_key import COMBINATIONS, OFF, HotKey, HotKeyProblem
from crosstrade_panel.storage.settings import SETTINGS, BadValueError
from crosstrade_panel.ui import captions
from tests.log_guard import AnnounceLog

KEY, OTHER = "Ctrl+Alt+F9", "Ctrl+Shift+F9"
NO_REPEAT = 0x4000


class KeysOnPaper:
    """The system's calls, written down; `error` is what the next registration ends with."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int, int]] = []
        self.numbers: set[int] = set()
        self.error = 0

    def register(self, number: int, modifiers: int, key: int) -> int:
        self.calls.append(("register", modifiers, key))
        if not self.error:
            self.numbers.add(number)
        return self.error

    def unregister(self, number: int) -> None:
        self.calls.append(("unregister", 0, 0))
        self.numbers.remove(number)


@pytest.fixture
def keys() -> KeysOnPaper:
    return KeysOnPaper()


@pytest.fixture
def hot_key(qapp: QApplication, keys: KeysOnPaper) -> Iterator[HotKey]:
    made = HotKey(keys=keys)
    yield made
    made.follow(OFF)


def message(number: int, kind: int = 0x0312) -> wintypes.MSG:
    made = wintypes.MSG()
    made.message, made.wParam = kind, number
    return made


def hear(hot_key: HotKey, *messages: wintypes.MSG, kind: bytes = b"windows_generic_MSG") -> int:
    """How many presses are told of when Qt hands these messages on."""
    told: list[None] = []

    def tell() -> None:
        told.append(None)

    hot_key.pressed.connect(tell)
    for each in messages:
        passed_on = hot_key._filter.nativeEventFilter(QByteArray(kind), ctypes.addressof(each))
        assert passed_on == (False, 0)  # what others wait for is never swallowed
    hot_key.pressed.disconnect(tell)
    return len(told)


def test_a_combination_is_asked_for_without_repetition_and_given_back(
    hot_key: HotKey, keys: KeysOnPaper
) -> None:
    assert hot_key.follow(KEY) is None
    assert hot_key.held == KEY
    assert hot_key.follow(KEY) is None
    assert hot_key.follow(OFF) is None
    assert hot_key.held == OFF
    modifiers, key = COMBINATIONS[KEY]
    assert keys.calls == [("register", modifiers | NO_REPEAT, key), ("unregister", 0, 0)]


def test_another_combination_takes_the_first_ones_place(hot_key: HotKey, keys: KeysOnPaper) -> None:
    hot_key.follow(KEY)
    hot_key.follow(OTHER)
    assert hot_key.held == OTHER
    assert [call for call, *_ in keys.calls] == ["register", "unregister", "register"]


@pytest.mark.parametrize(("error", "problem"), [(1409, HotKeyProblem.TAKEN), (5, HotKeyProblem.REFUSED)])
def test_what_another_program_has_is_told_and_nothing_is_ours(
    hot_key: HotKey, keys: KeysOnPaper, announce_log: AnnounceLog, error: int, problem: HotKeyProblem
) -> None:
    announce_log(f"no hot key {KEY.replace('+', '.')}: error {error}")
    keys.error = error
    assert hot_key.follow(KEY) is problem
    assert hot_key.held == OFF
    keys.error = 0
    assert hot_key.follow(KEY) is None  # the other one was closed meanwhile


def test_a_press_is_told_once_and_only_ours(hot_key: HotKey, keys: KeysOnPaper) -> None:
    hot_key.follow(KEY)
    [number] = keys.numbers
    assert hear(hot_key, message(number)) == 1
    assert hear(hot_key, message(number), message(number)) == 2
    assert hear(hot_key, message(number + 1), message(number, kind=0x0100)) == 0
    assert hear(hot_key, message(number), kind=b"xcb_generic_event_t") == 0


def test_a_message_that_was_still_waiting_when_it_was_turned_off_presses_nothing(
    hot_key: HotKey, keys: KeysOnPaper
) -> None:
    hot_key.follow(KEY)
    [number] = keys.numbers
    hot_key.follow(OFF)
    assert hear(hot_key, message(number)) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="there it is")
def test_a_system_without_such_keys_says_so(qapp: QApplication) -> None:
    assert HotKey().follow(KEY) is HotKeyProblem.NOT_HERE


def test_the_setting_the_page_and_the_key_know_the_same_combinations() -> None:
    assert set(captions.HOT_KEYS) == {OFF, *COMBINATIONS}
    for each in captions.HOT_KEYS:
        assert SETTINGS["hot_key"].check(each) == each
    assert SETTINGS["hot_key"].default == OFF
    with pytest.raises(BadValueError):
        SETTINGS["hot_key"].check("F9")


@pytest.mark.skipif(sys.platform != "win32", reason="Windows' own keys")
def test_windows_gives_a_key_to_one_alone_and_tells_the_other(
    qapp: QApplication, announce_log: AnnounceLog
) -> None:
    announce_log("no hot key .*: error 1409")
    first, second = HotKey(), HotKey()
    try:
        assert first.follow(KEY) is None
        assert second.follow(KEY) is HotKeyProblem.TAKEN
        first.follow(OFF)
        assert second.follow(KEY) is None
    finally:
        first.follow(OFF)
        second.follow(OFF)
