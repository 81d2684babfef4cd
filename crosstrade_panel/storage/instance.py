"""One panel per user and data folder: it holds the folder's lock, and hears what others tell it."""

import logging
import os
import selectors
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from hmac import compare_digest
from pathlib import Path
from typing import TypeAlias

from crosstrade_panel.domain.value import dataclass
from crosstrade_panel.storage import nudge
from crosstrade_panel.storage.nudge import ANSWER, LONGEST, Ear, Look, Raise
from crosstrade_panel.storage.paths import PRIVATE_FILE, make_private_folder, refuse_foreign_link

if sys.platform == "win32":
    import ctypes
    import msvcrt

    _IS_LOCKED = 33  # ERROR_LOCK_VIOLATION
else:
    import fcntl

_log = logging.getLogger(__name__)

LOCK = "panel.lock"

_PATIENCE_S = 1.0
_DISK_S = 1.0
_AGAIN_S = 0.05
_STARTING_S = 10.0
_LINE_S = 0.5
_ANSWER_S = 2.0
_MOST_CALLERS = 16
_AT_ONCE = 8
_BREATH_S = 0.005
_CLOSE_S = 0.5

OnRaise: TypeAlias = Callable[[str, Callable[[], None]], None]
OnLook: TypeAlias = Callable[[str], None]


class Other(Enum):
    """What came of a panel that runs already."""

    ANSWERED = "answered"
    """It has shown its window."""
    SILENT = "silent"
    """It holds the lock and does not answer."""


@dataclass(slots=True)
class _Caller:
    """One call under way: what it said so far, and when it is hung up on."""

    line: socket.socket
    until: float
    heard: bytes = b""
    is_answered_later: bool = False


class Instance:
    """The panel of a data folder, from `claim` to `close`.

    A thread of its own hears what others say: no caller, however many, slow or wrong, reaches the window.
    """

    def __init__(self, lock: int | None, ear: Ear | None) -> None:
        """Begin to listen; without a lock or an ear it is a panel that others cannot see."""
        self._lock = lock
        self._ear = ear
        self._on_raise: OnRaise | None = None
        self._on_look: OnLook | None = None
        self._began_at = time.monotonic()
        self._callers: dict[socket.socket, _Caller] = {}
        self._bell, self._wake = socket.socketpair()
        self._thread = threading.Thread(target=self._listen, name="instance", daemon=True)
        if ear is not None:
            self._thread.start()

    @property
    def is_heard(self) -> bool:
        """Whether others can reach this panel."""
        return self._ear is not None

    def attach(self, on_raise: OnRaise, on_look: OnLook) -> None:
        """Say what to do; both are called on the listening thread and must not raise.

        `on_raise` is handed a start-up id, perhaps empty, and what to call once the window is shown: only
        then the caller hears an answer. Until something is attached a panel that has just been started
        answers by itself, as its window is on its way.
        """
        self._on_raise, self._on_look = on_raise, on_look

    def close(self) -> None:
        """Stop listening and give the lock back; a second start is the panel from now on."""
        ear, self._ear = self._ear, None
        if ear is not None:
            with suppress(OSError):
                self._wake.send(b"x")
            self._thread.join(_CLOSE_S)
            ear.close()
        self._bell.close()
        self._wake.close()
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)  # which unlocks; the file stays, as another may have it open

    # --- the listening thread

    def _listen(self) -> None:
        ear = self._ear
        assert ear is not None  # noqa: S101 - started with one
        ear.socket.setblocking(False)  # noqa: FBT003 - a socket's own method
        with selectors.DefaultSelector() as selector:
            selector.register(ear.socket, selectors.EVENT_READ)
            selector.register(self._bell, selectors.EVENT_READ)
            while True:
                ready = [key.fileobj for key, _ in selector.select(self._next_end_s())]
                if self._bell in ready:
                    break
                for each in ready:
                    if isinstance(each, socket.socket) and each in self._callers:
                        self._hear(selector, self._callers[each], ear.secret)
                if ear.socket in ready:
                    self._accept(selector, ear.socket)
                now = time.monotonic()
                for caller in [each for each in self._callers.values() if each.until <= now]:
                    self._hang_up(selector, caller)
            for caller in list(self._callers.values()):
                self._hang_up(selector, caller)

    def _next_end_s(self) -> float | None:
        ends = [caller.until for caller in self._callers.values()]
        return max(0.0, min(ends) - time.monotonic()) if ends else None

    def _accept(self, selector: selectors.BaseSelector, ear: socket.socket) -> None:
        """Take some calls; of too many the oldest are hung up on. A flood leaves the window its share."""
        for _ in range(_AT_ONCE):
            try:
                line, _address = ear.accept()
            except BlockingIOError:
                return
            except OSError:  # too many files are open
                break
            line.setblocking(False)  # noqa: FBT003 - a socket's own method
            try:
                is_mine = nudge.is_mine(line)
            except OSError:
                is_mine = False
            if not is_mine:
                line.close()
                continue
            while len(self._callers) >= _MOST_CALLERS:
                self._hang_up(selector, next(iter(self._callers.values())))
            self._callers[line] = _Caller(line, time.monotonic() + _LINE_S)
            selector.register(line, selectors.EVENT_READ)
        time.sleep(_BREATH_S)

    def _hang_up(self, selector: selectors.BaseSelector, caller: _Caller) -> None:
        self._callers.pop(caller.line, None)
        with suppress(KeyError, ValueError):
            selector.unregister(caller.line)
        caller.line.close()

    def _hear(self, selector: selectors.BaseSelector, caller: _Caller, secret: bytes) -> None:
        try:
            heard = caller.line.recv(LONGEST + 1)
        except BlockingIOError:
            return
        except OSError:
            heard = b""
        if not heard or caller.is_answered_later:  # after the line there is nothing more to say
            self._hang_up(selector, caller)
            return
        caller.heard += heard
        line, end, _ = caller.heard.partition(b"\n")
        if not end and len(caller.heard) < LONGEST:
            return
        begin, line = line[: len(secret)], line[len(secret) :]
        word = nudge.decode(line) if end and compare_digest(begin, secret) else None
        if isinstance(word, Raise):
            caller.is_answered_later, caller.until = True, time.monotonic() + _ANSWER_S
            self._raise(word, caller.line)
            return
        self._hang_up(selector, caller)
        if isinstance(word, Look) and self._on_look is not None:
            self._on_look(word.press_id)

    def _raise(self, word: Raise, line: socket.socket) -> None:
        def answer() -> None:
            with suppress(OSError):  # three bytes fit; a caller who is gone hears nothing
                line.send(ANSWER)

        if self._on_raise is not None:
            self._on_raise(word.startup_id, answer)
        elif time.monotonic() < self._began_at + _STARTING_S:
            answer()


def claim(data: Path, *, startup_id: str = "", patience_s: float = _PATIENCE_S) -> Instance | Other:
    """Become the panel of this data folder, or have the one that is there come to the front.

    A disk that takes no lock, or hangs, hides the panel from others and stops nothing.
    """
    found: list[Instance | Other] = []
    is_given_up = threading.Event()

    def find() -> None:
        try:
            claimed = _claim(data, startup_id, patience_s)
        except OSError as error:
            _log.warning("no lock on the data folder: %s", error)
            claimed = Instance(None, None)
        found.append(claimed)
        if is_given_up.is_set() and isinstance(claimed, Instance):
            claimed.close()

    finder = threading.Thread(target=find, name="claim", daemon=True)
    finder.start()
    finder.join(patience_s + _DISK_S)
    if not found:
        is_given_up.set()
        return Instance(None, None)
    return found[0]


def _claim(data: Path, startup_id: str, patience_s: float) -> Instance | Other:
    until = time.monotonic() + patience_s
    while True:
        lock = _lock(data)
        if lock is not None:
            return Instance(lock, _ear(data))
        left_s = until - time.monotonic()
        with suppress(OSError):
            if left_s > 0 and nudge.tell(data, Raise(startup_id), left_s, wants_answer=True):
                return Other.ANSWERED
        if time.monotonic() + _AGAIN_S >= until:
            return Other.SILENT
        time.sleep(_AGAIN_S)  # it is ending, or has not begun to listen yet


def _ear(data: Path) -> Ear | None:
    try:
        return nudge.listen(data)
    except OSError as error:
        _log.warning("nobody can call this panel: %s", error)
        return None


def _lock(data: Path) -> int | None:
    """The lock of a data folder, as an open file; None where another process has it.

    The system gives it back when its holder dies, however it dies; a stopped process keeps it.
    """
    make_private_folder(data)
    path = data / LOCK
    refuse_foreign_link(path)
    file = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), PRIVATE_FILE)
    try:
        if sys.platform == "win32":
            _lock_first_byte(file)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(file)
        if isinstance(error, PermissionError | BlockingIOError):
            return None
        raise
    return file


if sys.platform == "win32":

    def _lock_first_byte(file: int) -> None:
        """The system's own call: that of the C library tells "locked" and "cannot lock" apart on some alone.

        Raises:
            BlockingIOError: another has it.
            OSError: it cannot be locked.
        """
        kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
        if not kernel32.LockFile(ctypes.c_void_p(msvcrt.get_osfhandle(file)), 0, 0, 1, 0):
            error = ctypes.get_last_error()
            if error == _IS_LOCKED:
                raise BlockingIOError("another has it")
            raise ctypes.WinError(error)
