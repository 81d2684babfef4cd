"""Start at login: a desktop entry on Linux, a value of the Run key on Windows. No Qt.

The entry names the settings file that asked for it: only that one takes it away again, and what somebody
made by hand is left alone.
"""

import os
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

RUN_VALUE = "CrossTrade Panel (start_at_login)"
"""Name of the value on Windows; an installer's own must have another."""

_RUN_KEY = r"Software\Microsoft\Windows\CurrentVersion\Run"
_ENTRY = "crosstrade-panel.desktop"
_MARK = "X-CrossTradePanel-Settings="
_PLAIN = re.compile(r"[\w@+=:,./-]+", re.ASCII)


class AutostartError(Exception):
    """The desktop could not be told."""


def start_at_login(
    wanted: bool,  # noqa: FBT001 - the value of the setting
    command: Sequence[str],
    settings: Path,
    environ: Mapping[str, str] | None = None,
) -> None:
    """Bring the desktop in line with the setting; nothing is written where it is so already.

    Raises:
        AutostartError: it could not be read or written, or this system has no such thing.
    """
    try:
        if sys.platform == "win32":
            _in_registry(wanted, command)
        elif sys.platform == "darwin":
            if wanted:
                raise AutostartError("not on this system")
        else:
            _as_entry(wanted, command, settings, os.environ if environ is None else environ)
    except (OSError, ValueError) as error:
        raise AutostartError(str(error)) from error


def command_of(argv0: str, home: str = "") -> tuple[str, ...]:
    """What starts the window: the program itself where it is one, else Python with the package.

    `home`: the folder that a portable panel keeps everything in.
    """
    is_frozen = getattr(sys, "frozen", False)
    # Without a console, whichever of the two commands this is.
    window = "crosstrade-panel-gui.exe" if sys.platform == "win32" else "crosstrade-panel-gui"
    beside = Path(sys.executable if is_frozen else argv0).absolute().with_name(window)
    if beside.is_file():
        words: tuple[str, ...] = (str(beside),)
    else:
        words = (sys.executable,) if is_frozen else (sys.executable, "-m", "crosstrade_panel")
    if home and sys.platform != "win32":
        return ("env", f"CROSSTRADE_PANEL_HOME={home}", *words)
    return words


def entry_path(environ: Mapping[str, str]) -> Path:
    """Where the desktop looks for it."""
    base = environ.get("XDG_CONFIG_HOME", "")
    folder = Path(base) if base.startswith("/") else Path("~/.config").expanduser()
    return folder / "autostart" / _ENTRY


def _as_entry(wanted: bool, command: Sequence[str], settings: Path, environ: Mapping[str, str]) -> None:  # noqa: FBT001
    path, mark = entry_path(environ), f"{_MARK}{_escaped(str(settings))}"
    try:
        found = path.read_text("utf-8")
    except FileNotFoundError:
        found = ""
    lines = found.splitlines()
    if not wanted:
        if mark in lines:
            path.unlink(missing_ok=True)
        return
    is_by_hand = bool(found) and not any(line.startswith(_MARK) for line in lines)
    text = _entry_text(command, mark)
    if is_by_hand or text == found:
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(prefix=f".{_ENTRY}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        Path(temporary).replace(path)
    except OSError:
        with suppress(OSError):
            Path(temporary).unlink(missing_ok=True)
        raise


def _entry_text(command: Sequence[str], mark: str) -> str:
    return "\n".join(
        (
            "[Desktop Entry]",
            "Type=Application",
            "Name=CrossTrade Panel",
            f"Exec={exec_line(command)}",
            "Icon=crosstrade-panel",
            "Terminal=false",
            "X-GNOME-Autostart-enabled=true",
            mark,
            "",
        )
    )


def exec_line(command: Sequence[str]) -> str:
    """The value of Exec.

    Raises:
        ValueError: a word has control characters.
    """
    return " ".join(_quoted(word) for word in command)


def _quoted(word: str) -> str:
    """One argument of Exec: quoted where it must be, then escaped as every value of such a file is."""
    if not word.isprintable():
        raise ValueError("a path with control characters")
    if not _PLAIN.fullmatch(word):
        word = '"' + re.sub(r'(["`$\\])', r"\\\1", word) + '"'
    return _escaped(word).replace("%", "%%")


def _escaped(text: str) -> str:
    if not text.isprintable():
        raise ValueError("a path with control characters")
    return text.replace("\\", "\\\\")


def _in_registry(wanted: bool, command: Sequence[str]) -> None:  # noqa: FBT001
    if sys.platform == "win32":
        import subprocess  # noqa: PLC0415 - for the quoting alone
        import winreg  # noqa: PLC0415 - this system only

        with winreg.CreateKeyEx(winreg.HKEY_CURRENT_USER, _RUN_KEY, 0, winreg.KEY_ALL_ACCESS) as key:
            if wanted:
                line = subprocess.list2cmdline(list(command))
                winreg.SetValueEx(key, RUN_VALUE, 0, winreg.REG_SZ, line)
            else:
                with suppress(FileNotFoundError):
                    winreg.DeleteValue(key, RUN_VALUE)
