"""NinjaTrader's window, and a place beside it. No Qt.

Everything is measured in the screen's own pixels, by Windows alone: Qt counts in others on a screen that is
scaled, and the two windows may be on different ones.
"""

import sys
from collections.abc import Iterable
from pathlib import PureWindowsPath

from crosstrade_panel.domain.value import dataclass

PROGRAM = "ninjatrader.exe"
"""Name of its file, in any case."""

_SMALLEST = 200
"""Pixels; what is narrower or lower is a tool strip, and no window to stand beside."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on the desktop; right and bottom lie outside."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Across."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Down."""
        return self.bottom - self.top


@dataclass(frozen=True, slots=True)
class Found:
    """A window of another program. `room`: its screen without the taskbar."""

    program: str
    frame: Box
    room: Box


def choose(windows: Iterable[Found]) -> Found | None:
    """NinjaTrader's foremost window that is one; `windows` come from front to back."""
    for window in windows:
        is_big = min(window.frame.width, window.frame.height) >= _SMALLEST
        if is_big and PureWindowsPath(window.program).name.casefold() == PROGRAM:
            return window
    return None


def spot_beside(frame: Box, room: Box, width: int, height: int) -> tuple[int, int]:
    """Where a window of that size goes: right of the other one, else left of it, else over its right edge.

    Never off the screen, whatever the other one does; the tops are level where that is possible.
    """
    if frame.right + width <= room.right:
        left = max(frame.right, room.left)
    elif frame.left - width >= room.left:
        left = min(frame.left, room.right) - width
    else:
        left = min(frame.right, room.right) - width
    left = max(room.left, min(left, room.right - width))
    top = max(room.top, min(frame.top, room.bottom - height))
    return left, top


def can_place() -> bool:
    """Whether this system tells of other programs' windows."""
    return sys.platform == "win32"


def place_beside(window: int) -> bool:
    """Move our window, by its handle, beside NinjaTrader's; False where there is none to be seen."""
    if sys.platform == "win32":
        found = choose(_windows())
        if found is None:
            return False
        own = _frame(window)
        left, top = spot_beside(found.frame, found.room, own.width, own.height)
        # The rectangle that is set includes an edge that nobody sees; the one that is meant does not.
        outer = _outer(window)
        left, top = left - (own.left - outer.left), top - (own.top - outer.top)
        return bool(_user32().SetWindowPos(window, None, left, top, 0, 0, _ONLY_MOVE))
    return False


if sys.platform == "win32":
    import ctypes
    from collections.abc import Iterator
    from ctypes import wintypes

    _ONLY_MOVE = 0x0001 | 0x0004 | 0x0010  # no size, no order, no focus
    _NEAREST = 2
    _FRAME = 9  # DWMWA_EXTENDED_FRAME_BOUNDS
    _CLOAKED = 14
    _ASK_LITTLE = 0x1000  # PROCESS_QUERY_LIMITED_INFORMATION
    _LONGEST_PATH = 32768
    _OnWindow = ctypes.WINFUNCTYPE(wintypes.BOOL, wintypes.HWND, wintypes.LPARAM)

    class _Monitor(ctypes.Structure):
        _fields_ = (
            ("size", wintypes.DWORD),
            ("whole", wintypes.RECT),
            ("work", wintypes.RECT),
            ("flags", wintypes.DWORD),
        )

    def _user32() -> ctypes.WinDLL:
        library = ctypes.WinDLL("user32")
        # Handles are as wide as pointers: without this they would be cut.
        library.MonitorFromWindow.restype = wintypes.HMONITOR
        library.MonitorFromWindow.argtypes = (wintypes.HWND, wintypes.DWORD)
        library.GetMonitorInfoW.argtypes = (wintypes.HMONITOR, ctypes.c_void_p)
        library.GetWindowRect.argtypes = (wintypes.HWND, ctypes.POINTER(wintypes.RECT))
        library.GetWindowThreadProcessId.argtypes = (wintypes.HWND, ctypes.POINTER(wintypes.DWORD))
        library.SetWindowPos.argtypes = (wintypes.HWND, wintypes.HWND, *[ctypes.c_int] * 4, wintypes.UINT)
        library.EnumWindows.argtypes = (_OnWindow, wintypes.LPARAM)
        for name in ("IsWindowVisible", "IsIconic"):
            getattr(library, name).argtypes = (wintypes.HWND,)
        return library

    def _dwm() -> ctypes.WinDLL:
        library = ctypes.WinDLL("dwmapi")
        pointer = ctypes.c_void_p
        library.DwmGetWindowAttribute.argtypes = (wintypes.HWND, wintypes.DWORD, pointer, wintypes.DWORD)
        return library

    def _windows() -> Iterator[Found]:
        """All that can be seen, from front to back."""
        user32, handles = _user32(), list[int]()

        def take(handle: int, _: int) -> bool:
            if user32.IsWindowVisible(handle) and not user32.IsIconic(handle) and not _is_cloaked(handle):
                handles.append(handle)
            return True

        user32.EnumWindows(_OnWindow(take), 0)
        for handle in handles:
            monitor = _Monitor(size=ctypes.sizeof(_Monitor))
            screen = user32.MonitorFromWindow(handle, _NEAREST)
            if user32.GetMonitorInfoW(screen, ctypes.byref(monitor)):
                yield Found(_program(user32, handle), _frame(handle), _box(monitor.work))

    def _program(user32: ctypes.WinDLL, handle: int) -> str:
        """The file that a window's process runs; empty where Windows does not tell us."""
        process = wintypes.DWORD()
        user32.GetWindowThreadProcessId(handle, ctypes.byref(process))
        kernel32 = ctypes.WinDLL("kernel32")
        kernel32.OpenProcess.restype = wintypes.HANDLE
        kernel32.CloseHandle.argtypes = (wintypes.HANDLE,)
        kernel32.QueryFullProcessImageNameW.argtypes = (
            wintypes.HANDLE,
            wintypes.DWORD,
            wintypes.LPWSTR,
            ctypes.POINTER(wintypes.DWORD),
        )
        opened = kernel32.OpenProcess(_ASK_LITTLE, False, process)
        if not opened:
            return ""
        try:
            room = wintypes.DWORD(_LONGEST_PATH)
            path = ctypes.create_unicode_buffer(_LONGEST_PATH)
            told = kernel32.QueryFullProcessImageNameW(opened, 0, path, ctypes.byref(room))
            return path.value if told else ""
        finally:
            kernel32.CloseHandle(opened)

    def _frame(handle: int) -> Box:
        """What is seen of a window, without the edge that only takes the mouse."""
        rect = wintypes.RECT()
        failed = _dwm().DwmGetWindowAttribute(handle, _FRAME, ctypes.byref(rect), ctypes.sizeof(rect))
        return _outer(handle) if failed else _box(rect)

    def _outer(handle: int) -> Box:
        rect = wintypes.RECT()
        _user32().GetWindowRect(handle, ctypes.byref(rect))
        return _box(rect)

    def _is_cloaked(handle: int) -> bool:
        """On another virtual desktop, say: "visible", and not to be seen."""
        value = wintypes.DWORD()
        failed = _dwm().DwmGetWindowAttribute(handle, _CLOAKED, ctypes.byref(value), ctypes.sizeof(value))
        return not failed and bool(value.value)

    def _box(rect: wintypes.RECT) -> Box:
        return Box(rect.left, rect.top, rect.right, rect.bottom)
