"""The folders and files of the panel, private to the user.

POSIX: folders are 0700 and files 0600, whatever the umask; what is found wider is narrowed. A symbolic link
is followed only where its owner is the user or root, as Linux does in sticky folders: somebody who keeps the
journal on another disk may, somebody else who plants a link may not. No file of the panel holds the token,
but they tell what was traded.

Windows: nothing is done here. All of it lies in the user's profile, whose access list (the user,
Administrators and SYSTEM; `icacls` shows it as inherited, "(I)") every new folder and file inherits; mode
bits mean nothing there. A home of one's own elsewhere has the access list of that place.
"""

import errno
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from crosstrade_panel.domain.value import dataclass

APP_NAME = "crosstrade-panel"
HOME_VARIABLE = "CROSSTRADE_PANEL_HOME"
"""Environment variable that puts everything under one folder: portable use, tests."""

_PRIVATE_FOLDER = 0o700
PRIVATE_FILE = 0o600


@dataclass(frozen=True, slots=True)
class Paths:
    """The three folders; none of them has to exist yet."""

    data: Path
    config: Path
    log: Path

    @property
    def journal(self) -> Path:
        """The journal's database."""
        return self.data / "journal.sqlite3"

    @property
    def settings(self) -> Path:
        """The settings file."""
        return self.config / "settings.toml"

    def log_of(self, program: str) -> Path:
        """The log of one program (`panel`, `command`): two that rotate one file would lose lines."""
        return self.log / f"{program}.log"


def find_paths(environ: Mapping[str, str] | None = None) -> Paths:
    """The folders of this user, or those under `CROSSTRADE_PANEL_HOME` when it is set. Touches no disk."""
    home = (os.environ if environ is None else environ).get(HOME_VARIABLE, "").strip()
    if home:
        root = Path(os.path.abspath(os.path.expanduser(home)))  # noqa: PTH100, PTH111 - pathlib's expanduser raises
        return Paths(root / "data", root / "config", root / "log")
    import platformdirs  # noqa: PLC0415 - not needed with a home of one's own

    dirs = platformdirs.PlatformDirs(APP_NAME, appauthor=False)
    return Paths(dirs.user_data_path, dirs.user_config_path, dirs.user_log_path)


def make_private_folder(folder: Path) -> None:
    """Make a folder that only the user can enter, and those above it; narrow one that exists.

    Raises:
        OSError: it could not be made, or something else has its name.
    """
    missing = []
    above = folder
    while not above.exists() and above != above.parent:
        missing.append(above)
        above = above.parent
    refuse_foreign_link(folder)
    for each in reversed(missing):  # `mkdir(parents=True)` makes those above as wide as the umask lets it
        each.mkdir(mode=_PRIVATE_FOLDER, exist_ok=True)
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    narrow(folder, _PRIVATE_FOLDER)


def make_private_file(path: Path, *beside: str) -> None:
    """Make an empty file that only the user can read; take the rights of others from one that exists.

    `beside`: endings of files that another library makes next to it; narrowed where they exist.
    Never opens a file that exists: closing a second descriptor drops SQLite's locks on POSIX
    (https://www.sqlite.org/howtocorrupt.html, 2.2).

    Raises:
        OSError: it could not be made, or is a link that somebody else put there.
    """
    for each in (path, *(path.with_name(path.name + ending) for ending in beside)):
        refuse_foreign_link(each)
        narrow(each, PRIVATE_FILE)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE_FILE))
    except FileExistsError:
        return


def narrow(path: Path, mode: int) -> None:
    """Take from a file or folder of the user what goes beyond a mode; nothing where it is not there.

    Another user's is left alone: its mode is not ours to choose.
    """
    if os.name != "posix":
        return
    try:
        about = path.stat()
        # No device or pipe, to which a link may lead: root would take it from everybody.
        is_plain = stat.S_ISREG(about.st_mode) or stat.S_ISDIR(about.st_mode)
        is_ours = is_plain and about.st_uid == os.geteuid()
        if is_ours and about.st_mode & 0o777 & ~mode:
            path.chmod(stat.S_IMODE(about.st_mode) & mode)
    except (FileNotFoundError, PermissionError):
        return


def refuse_foreign_link(path: Path) -> None:
    """Do not write through a symbolic link of another user.

    Raises:
        PermissionError: it is one.
    """
    if os.name != "posix":
        return
    try:
        about = path.lstat()
    except FileNotFoundError:
        return
    if stat.S_ISLNK(about.st_mode) and about.st_uid not in {0, os.geteuid()}:
        raise PermissionError(errno.EPERM, "a link of another user")
