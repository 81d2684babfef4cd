"""The command line in its own home, against the independent server, as a call and as a process."""

import json
import logging
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from crosstrade_panel import cli, cli_session
from crosstrade_panel.storage.credentials import StoreProblem
from tests.contract_server import ContractServer


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one object on standard output."""
        [line] = self.out.splitlines()
        decoded = json.loads(line)
        assert isinstance(decoded, dict)
        return decoded


Run = Callable[..., Ran]


class EmptyStore:
    """A keyring without a token; `problem` as given."""

    problem: StoreProblem | None = None

    def load(self, origin: str) -> str | None:
        return None

    def save(self, origin: str, token: str) -> None:
        raise NotImplementedError  # the command line keeps no token


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home of its own; no token, no server and no keyring of this machine."""
    for name in ("XTRADE_TOKEN", "CROSSTRADE_TOKEN", "CROSSTRADE_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CROSSTRADE_PANEL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CROSSTRADE_PANEL_PACE", "0.1")
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    monkeypatch.setattr(cli_session, "KeyringStore", EmptyStore)
    level = logging.getLogger().level
    yield tmp_path / "home"
    logging.getLogger().setLevel(level)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ContractServer]:
    """The independent server; its token is in the environment."""
    with ContractServer() as server:
        monkeypatch.setenv("CROSSTRADE_TOKEN", server.token)
        yield server


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """The command line as a call."""

    def call(*arguments: str) -> Ran:
        capsys.readouterr()
        code = cli.run(arguments)
        printed = capsys.readouterr()
        return Ran(code, printed.out, printed.err)

    return call


def command(*arguments: str) -> list[str]:
    """The program as a process."""
    return [sys.executable, "-m", "crosstrade_panel", *arguments]


def run_process(*arguments: str, **environment: str) -> Ran:
    """The program as a process, to its end."""
    done = subprocess.run(
        command(*arguments),
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **environment},
    )
    return Ran(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def process() -> Run:
    """The command line as a process."""
    return run_process


@pytest.fixture
def program() -> Callable[..., list[str]]:
    """The words that start the program."""
    return command


def journal_rows(home: Path) -> list[tuple[str, str, dict[str, Any]]]:
    """Every row of the journal as (press, kind, facts), intents first."""
    database = sqlite3.connect(home / "data" / "journal.sqlite3")
    try:
        rows = database.execute("SELECT press_id, 'intent', facts FROM presses").fetchall()
        rows += database.execute("SELECT press_id, kind, facts FROM steps ORDER BY seq").fetchall()
    finally:
        database.close()
    return [(press, kind, json.loads(facts)) for press, kind, facts in rows]


@pytest.fixture
def journal(home: Path) -> Callable[[], list[tuple[str, str, dict[str, Any]]]]:
    """What the journal holds."""
    return lambda: journal_rows(home)
