"""The folders and files of the panel, private to the user."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

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
    """Make a folder that only the user can enter; one that exists is left as it is.

    Raises:
        OSError: it could not be made, or something else has its name.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=_PRIVATE_FOLDER, exist_ok=True)


def make_private_file(path: Path) -> None:
    """Make an empty file that only the user can read; take the rights of others from one that exists.

    Never opens a file that exists: closing a second descriptor drops SQLite's locks on POSIX
    (https://www.sqlite.org/howtocorrupt.html, 2.2).

    Raises:
        OSError: it could not be made.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE_FILE))
    except FileExistsError:
        mode = path.stat().st_mode & 0o777
        if os.name == "posix" and mode & ~PRIVATE_FILE:
            path.chmod(mode & PRIVATE_FILE)
