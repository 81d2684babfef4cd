"""A key of the whole desktop, heard whatever program has the focus. Windows alone has one.

Only the one combination is asked for, through RegisterHotKey: no other key is ever seen, as it would be by a
hook (https://learn.microsoft.com/windows/win32/api/winuser/nf-winuser-registerhotkey).
"""

import ctypes
import logging
import sys
from collections.abc import Callable, Mapping
from ctypes import wintypes
from enum import Enum
from typing import Protocol

from PySide6.QtCore import QAbstractNativeEventFilter, QByteArray, QCoreApplication, QObject, Signal

_log = logging.getLogger(__name__)

_ALT, _CONTROL, _SHIFT, _NO_REPEAT = 0x0001, 0x0002, 0x0004, 0x4000
_F9, _LETTER_F = 0x78, 0x46
OFF = "off"

# Not F12, which debuggers own, nor what a remote desktop takes for itself (Ctrl+Alt+End, Ctrl+Alt+Break).
COMBINATIONS: Mapping[str, tuple[int, int]] = {
    "Ctrl+Alt+F9": (_CONTROL | _ALT, _F9),
    "Ctrl+Shift+F9": (_CONTROL | _SHIFT, _F9),
    "Ctrl+Alt+Shift+F": (_CONTROL | _ALT | _SHIFT, _LETTER_F),
}
"""What the setting may name: modifiers and virtual key."""

_NUMBER = 0x0F1A
"""Ours in this process; Windows leaves a program everything below 0xC000."""
_WM_HOTKEY = 0x0312
_TAKEN = 1409  # ERROR_HOTKEY_ALREADY_REGISTERED
_MESSAGE = b"windows_generic_MSG"


class HotKeyProblem(Enum):
    """Why there is no hot key."""

    TAKEN = "taken"
    """Another program has this combination."""
    REFUSED = "refused"
    """Windows did not give it, and said something else."""
    NOT_HERE = "not here"
    """This system has none."""


class Keys(Protocol):
    """The system's own calls."""

    def register(self, number: int, modifiers: int, key: int) -> int:
        """Ask for a combination, for the thread that calls; the error's number, or nothing."""

    def unregister(self, number: int) -> None:
        """Give it back."""


class HotKey(QObject):
    """One combination at a time, or none.

    Signals:
        pressed: it went down; once, however long it is held.
    """

    pressed = Signal()

    def __init__(self, parent: QObject | None = None, keys: Keys | None = None) -> None:
        """Ask for nothing yet. `keys`: other calls than the system's, for tests."""
        super().__init__(parent)
        self._keys = keys if keys is not None else _system_keys()
        self._held = OFF
        self._filter = _Filter(self._on_message)

    @property
    def held(self) -> str:
        """The combination that is ours now, or "off"."""
        return self._held

    def follow(self, wanted: str) -> HotKeyProblem | None:
        """Have this combination, or with "off" none; on the window's thread. Why not, where it failed."""
        if wanted == self._held:
            return None
        self._give_back()
        if wanted == OFF:
            return None
        if self._keys is None:
            return HotKeyProblem.NOT_HERE
        modifiers, key = COMBINATIONS[wanted]
        error = self._keys.register(_NUMBER, modifiers | _NO_REPEAT, key)
        if error:
            _log.warning("no hot key %s: error %s", wanted, error)
            return HotKeyProblem.TAKEN if error == _TAKEN else HotKeyProblem.REFUSED
        self._held = wanted
        if (app := QCoreApplication.instance()) is not None:
            app.installNativeEventFilter(self._filter)
        return None

    def _give_back(self) -> None:
        if self._held == OFF or self._keys is None:
            return
        self._held = OFF
        self._keys.unregister(_NUMBER)
        if (app := QCoreApplication.instance()) is not None:
            app.removeNativeEventFilter(self._filter)

    def _on_message(self, kind: bytes, address: int) -> None:
        if kind != _MESSAGE or self._held == OFF or not address:
            return
        message = wintypes.MSG.from_address(address)
        if message.message == _WM_HOTKEY and message.wParam == _NUMBER:
            self.pressed.emit()


class _Filter(QAbstractNativeEventFilter):
    """Looks at what Windows sends to this process, and lets all of it go on."""

    def __init__(self, on_message: Callable[[bytes, int], None]) -> None:
        super().__init__()
        self._on_message = on_message

    def nativeEventFilter(
        self, kind: QByteArray | bytes | bytearray | memoryview, message: int
    ) -> tuple[bool, int]:
        self._on_message(bytes(kind.data() if isinstance(kind, QByteArray) else kind), int(message))
        return False, 0


def _system_keys() -> Keys | None:
    if sys.platform == "win32":

        class Windows:
            """user32."""

            def __init__(self) -> None:
                self._user32 = ctypes.WinDLL("user32", use_last_error=True)

            def register(self, number: int, modifiers: int, key: int) -> int:
                """For this thread, not for a window: those are made anew now and then."""
                is_ours = self._user32.RegisterHotKey(None, number, modifiers, key)
                return 0 if is_ours else ctypes.get_last_error() or -1

            def unregister(self, number: int) -> None:
                self._user32.UnregisterHotKey(None, number)

        return Windows()
    return None
