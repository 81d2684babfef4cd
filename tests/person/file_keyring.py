"""A keyring of a desktop that keeps what it is told, for a program that is started as a process."""

import json
import os
from pathlib import Path

from keyring.backend import KeyringBackend

VARIABLE = "PERSON_KEYRING"
BACKEND = "tests.person.file_keyring.FileKeyring"


def kept(path: Path) -> dict[str, str]:
    """What is in it, by service and user."""
    if not path.exists():
        return {}
    found: dict[str, str] = json.loads(path.read_text("utf-8"))
    return found


class FileKeyring(KeyringBackend):
    """In the file that the environment names."""

    priority = 1.0

    def get_password(self, service: str, username: str) -> str | None:
        """What was kept."""
        return kept(self._path).get(f"{service} {username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        """Keep it."""
        self._path.write_text(json.dumps({**kept(self._path), f"{service} {username}": password}), "utf-8")

    def delete_password(self, service: str, username: str) -> None:
        """Forget it."""
        left = {key: value for key, value in kept(self._path).items() if key != f"{service} {username}"}
        self._path.write_text(json.dumps(left), "utf-8")

    @property
    def _path(self) -> Path:
        return Path(os.environ[VARIABLE])
