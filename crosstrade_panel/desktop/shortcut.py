"""The entry in the Start menu or the applications menu, for who installed with pip. No Qt.

The text of the Linux entry is the one that the package for Debian carries, too.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from crosstrade_panel.desktop import identity
from crosstrade_panel.desktop.autostart import exec_line
from crosstrade_panel.domain.value import dataclass

MARK = "X-CrossTradePanel-Shortcut=true"
"""Line of an entry that this program made: only such a one is replaced or taken away."""

ICON_SIZES = (16, 24, 32, 48, 64, 128, 256)
_ENTRY = f"{identity.DESKTOP_FILE}.desktop"


class ShortcutError(Exception):
    """The menu could not be changed; the text says why."""


class ForeignEntryError(ShortcutError):
    """An entry of that name is there that somebody else made; it was left alone."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self.path = path


@dataclass(frozen=True, slots=True)
class Words:
    """What the menu shows."""

    name: str
    kind: str
    about: str
    practice: str
    keywords: tuple[str, ...]


def entry_text(command: Sequence[str], words: Words, *extra: str) -> str:
    """The Linux entry: the window, and practice as its one action.

    Raises:
        ValueError: the command has control characters.
    """
    line = exec_line(command)
    lines = [
        "[Desktop Entry]",
        "Type=Application",
        f"Name={words.name}",
        f"GenericName={words.kind}",
        f"Comment={words.about}",
        f"Exec={line}",
        f"Icon={identity.DESKTOP_FILE}",
        "Terminal=false",
        "Categories=Office;Finance;",
        f"Keywords={''.join(f'{word};' for word in words.keywords)}",
        "StartupNotify=true",
        f"StartupWMClass={identity.DESKTOP_FILE}",
        "Actions=Practice;",
        *extra,
        "",
        "[Desktop Action Practice]",
        f"Name={words.practice}",
        f"Exec={line} --practice",
        "",
    ]
    return "\n".join(lines)


def install(
    command: Sequence[str], icons: Path, words: Words, environ: Mapping[str, str] | None = None
) -> Path:
    """Put the entry into this user's menu, or bring it up to date; where it is now.

    `command`: what opens the window, with an absolute path. `icons`: the folder with the program's icon.

    Raises:
        ShortcutError: it could not be written, is somebody else's, or this system has no such menu.
    """
    try:
        if sys.platform == "win32":
            return _install_link(command, icons, words)
        elif sys.platform == "darwin":  # noqa: RET505 - so that each system's checker sees its own arm
            raise ShortcutError("not on this system")
        else:
            return _install_entry(command, icons, words, os.environ if environ is None else environ)
    except (OSError, ValueError) as error:
        raise ShortcutError(str(error)) from error


def remove(words: Words, environ: Mapping[str, str] | None = None) -> Path | None:
    """Take the entry away, and its icons; where it was, or None when there was none.

    Raises:
        ShortcutError: it could not be removed, or is somebody else's.
    """
    try:
        if sys.platform == "win32":
            return _remove_link(words)
        else:  # noqa: RET505 - as above
            return _remove_entry(os.environ if environ is None else environ)
    except OSError as error:
        raise ShortcutError(str(error)) from error


# --- Linux


def _data_home(environ: Mapping[str, str]) -> Path:
    base = environ.get("XDG_DATA_HOME", "")
    return Path(base) if base.startswith("/") else Path("~/.local/share").expanduser()


def _icons(data: Path) -> Iterator[tuple[str, Path]]:
    """Name of the source, and where the theme wants it."""
    theme, name = data / "icons" / "hicolor", identity.DESKTOP_FILE
    yield f"{name}.svg", theme / "scalable" / "apps" / f"{name}.svg"
    for size in ICON_SIZES:
        yield f"{name}-{size}.png", theme / f"{size}x{size}" / "apps" / f"{name}.png"


def _is_foreign(path: Path) -> bool:
    try:
        return MARK not in path.read_text("utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return False


def _install_entry(command: Sequence[str], icons: Path, words: Words, environ: Mapping[str, str]) -> Path:
    data = _data_home(environ)
    path = data / "applications" / _ENTRY
    if _is_foreign(path):
        raise ForeignEntryError(path)
    text = entry_text(command, words, MARK)
    for source, place in _icons(data):
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(icons / source, place)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(prefix=f".{_ENTRY}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        Path(temporary).chmod(0o644)  # menus are read by others than the user's own programs
        Path(temporary).replace(path)
    except OSError:
        with suppress(OSError):
            Path(temporary).unlink(missing_ok=True)
        raise
    return path


def _remove_entry(environ: Mapping[str, str]) -> Path | None:
    data = _data_home(environ)
    path = data / "applications" / _ENTRY
    if _is_foreign(path):
        raise ForeignEntryError(path)
    if not path.exists():
        return None
    path.unlink(missing_ok=True)
    for _, place in _icons(data):
        place.unlink(missing_ok=True)
        # The folders that came with it go with it, as long as nothing else is in them.
        for folder in (place.parent, place.parent.parent):
            with suppress(OSError):
                folder.rmdir()
    for folder in (data / "icons" / "hicolor", data / "icons", path.parent):
        with suppress(OSError):
            folder.rmdir()
    return path


# --- Windows

if sys.platform == "win32":
    from crosstrade_panel.desktop import shell_link

    def link_path(words: Words) -> Path:
        """Where the Start menu of this user has it; the installer puts its own there, too."""
        return shell_link.programs_folder() / f"{words.name}.lnk"

    def _install_link(command: Sequence[str], icons: Path, words: Words) -> Path:
        path = link_path(words)
        program, *arguments = command
        shell_link.write(
            path,
            shell_link.Link(
                target=program,
                arguments=tuple(arguments),
                icon=str(icons / f"{identity.DESKTOP_FILE}.ico"),
                about=words.about,
                app_id=identity.WINDOWS_APP_ID,
            ),
        )
        return path

    def _remove_link(words: Words) -> Path | None:
        path = link_path(words)
        if not path.exists():
            return None
        path.unlink()
        return path
