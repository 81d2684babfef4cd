"""A shortcut of Windows, written and read through the shell's own COM objects. No Qt.

Only the shell can give a shortcut the AppUserModelID by which the taskbar knows a pinned program again
(https://learn.microsoft.com/windows/win32/shell/appids).
"""

import sys
from pathlib import Path

from crosstrade_panel.domain.value import dataclass


@dataclass(frozen=True, slots=True)
class Link:
    """What a shortcut holds. `app_id` is empty where the shell keeps none."""

    target: str
    arguments: tuple[str, ...]
    icon: str
    about: str
    app_id: str


if sys.platform == "win32":
    import ctypes
    import subprocess
    from collections.abc import Iterator
    from contextlib import contextmanager
    from ctypes import (
        POINTER,
        WINFUNCTYPE,
        byref,
        c_int,
        c_ubyte,
        c_uint,
        c_ulong,
        c_ushort,
        c_void_p,
        c_wchar_p,
        create_unicode_buffer,
    )

    class _Guid(ctypes.Structure):
        _fields_ = (("a", c_ulong), ("b", c_ushort), ("c", c_ushort), ("d", c_ubyte * 8))

        @classmethod
        def of(cls, text: str) -> "_Guid":
            made = cls()
            ctypes.oledll.ole32.CLSIDFromString(c_wchar_p(text), byref(made))
            return made

    class _PropertyKey(ctypes.Structure):
        _fields_ = (("format", _Guid), ("number", c_ulong))

    class _Variant(ctypes.Structure):
        """PROPVARIANT holding a string; the union is two pointers long."""

        _fields_ = (("kind", c_ushort), ("reserved", c_ushort * 3), ("text", c_wchar_p), ("more", c_void_p))

    _SHELL_LINK = "{00021401-0000-0000-C000-000000000046}"
    _I_SHELL_LINK = "{000214F9-0000-0000-C000-000000000046}"
    _I_PERSIST_FILE = "{0000010B-0000-0000-C000-000000000046}"
    _I_PROPERTY_STORE = "{886D8EEB-8CF2-4446-8D02-CDBA1DBDCF99}"
    _APP_USER_MODEL = "{9F4C2855-9F79-4B39-A8D0-E1D42DE1D5F3}"
    _APP_ID_NUMBER = 5
    _PROGRAMS = "{A77F5D77-2E2B-44C3-A6A2-ABA601054A51}"

    _IN_PROCESS, _APARTMENT, _STRING, _READ = 1, 2, 31, 0
    _CHANGED_MODE = -2147417850  # RPC_E_CHANGED_MODE: this thread has COM already, of another kind
    _NOT_THERE = (-2147467263, -2147467262)  # E_NOTIMPL, E_NOINTERFACE
    _ROOM = 32768

    class _Object:
        """One interface of a COM object; methods go by their place in its table."""

        def __init__(self, pointer: c_void_p) -> None:
            self._pointer = pointer

        def call(self, index: int, *arguments: tuple[object, object]) -> None:
            """Call a method with (type, value) pairs; OSError when it fails."""
            kinds = [kind for kind, _ in arguments]
            method = WINFUNCTYPE(ctypes.HRESULT, *kinds)(index, f"method {index}")  # type: ignore[arg-type]
            method(self._pointer, *(value for _, value in arguments))

        def other(self, interface: str) -> "_Object":
            """Another interface of the same object."""
            found = c_void_p()
            identifier = _Guid.of(interface)
            self.call(0, (c_void_p, byref(identifier)), (c_void_p, byref(found)))
            return _Object(found)

        def release(self) -> None:
            """Give it back."""
            WINFUNCTYPE(c_ulong)(2, "Release")(self._pointer)

    @contextmanager
    def _shell_link() -> "Iterator[tuple[_Object, _Object]]":
        """A new link, and the interface that loads and saves it."""
        has_com = True
        try:
            ctypes.oledll.ole32.CoInitializeEx(None, _APARTMENT)
        except OSError as error:
            if error.winerror != _CHANGED_MODE:
                raise
            has_com = False
        try:
            found = c_void_p()
            kind, interface = _Guid.of(_SHELL_LINK), _Guid.of(_I_SHELL_LINK)
            ctypes.oledll.ole32.CoCreateInstance(
                byref(kind), None, _IN_PROCESS, byref(interface), byref(found)
            )
            link = _Object(found)
            try:
                file = link.other(_I_PERSIST_FILE)
                try:
                    yield link, file
                finally:
                    file.release()
            finally:
                link.release()
        finally:
            if has_com:
                ctypes.windll.ole32.CoUninitialize()

    def _app_id_key() -> _PropertyKey:
        return _PropertyKey(_Guid.of(_APP_USER_MODEL), _APP_ID_NUMBER)

    def _give_app_id(link: _Object, app_id: str) -> None:
        """Without it the entry still starts the program, only the taskbar may show two icons for it."""
        try:
            store = link.other(_I_PROPERTY_STORE)
        except OSError as error:
            if error.winerror in _NOT_THERE:
                return
            raise
        try:
            key, value = _app_id_key(), _Variant(_STRING, text=app_id)
            store.call(6, (c_void_p, byref(key)), (c_void_p, byref(value)))
            store.call(7)
        except OSError as error:
            if error.winerror not in _NOT_THERE:
                raise
        finally:
            store.release()

    def _app_id_of(link: _Object) -> str:
        try:
            store = link.other(_I_PROPERTY_STORE)
        except OSError:
            return ""
        try:
            key, value = _app_id_key(), _Variant()
            store.call(5, (c_void_p, byref(key)), (c_void_p, byref(value)))
            text = value.text if value.kind == _STRING else None
            ctypes.windll.ole32.PropVariantClear(byref(value))
        except OSError:
            return ""
        else:
            return text or ""
        finally:
            store.release()

    def write(path: Path, link: Link) -> None:
        """Make the shortcut, or make it anew.

        Raises:
            OSError: the shell did not.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        with _shell_link() as (shell, file):
            shell.call(20, (c_wchar_p, link.target))
            shell.call(11, (c_wchar_p, subprocess.list2cmdline(list(link.arguments))))
            shell.call(9, (c_wchar_p, str(Path(link.target).parent)))
            shell.call(7, (c_wchar_p, link.about))
            shell.call(17, (c_wchar_p, link.icon), (c_int, 0))
            _give_app_id(shell, link.app_id)
            file.call(6, (c_wchar_p, str(path)), (c_int, 1))

    def read(path: Path) -> Link:
        """What a shortcut holds.

        Raises:
            OSError: it is none, or not there.
        """
        with _shell_link() as (shell, file):
            file.call(5, (c_wchar_p, str(path)), (c_ulong, _READ))
            buffer, number = create_unicode_buffer(_ROOM), c_int()
            shell.call(3, (c_wchar_p, buffer), (c_int, _ROOM), (c_void_p, None), (c_ulong, 0))
            target = buffer.value
            shell.call(10, (c_wchar_p, buffer), (c_int, _ROOM))
            arguments = tuple(buffer.value.split())
            shell.call(6, (c_wchar_p, buffer), (c_int, _ROOM))
            about = buffer.value
            shell.call(16, (c_wchar_p, buffer), (c_int, _ROOM), (POINTER(c_int), byref(number)))
            return Link(target, arguments, buffer.value, about, _app_id_of(shell))

    def programs_folder() -> Path:
        """The Start menu of this user.

        Raises:
            OSError: the shell does not know it.
        """
        identifier, found = _Guid.of(_PROGRAMS), c_wchar_p()
        ctypes.oledll.shell32.SHGetKnownFolderPath(byref(identifier), c_uint(0), None, byref(found))
        folder = Path(found.value or "")
        ctypes.windll.ole32.CoTaskMemFree(found)
        return folder
