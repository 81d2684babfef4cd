"""Processes of our own that press and halt, and what their journal holds."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 20.0


class Child:
    """`tests/e2e/stopping.py` as a process; killed at the end, whatever becomes of the test."""

    def __init__(self, program: str, action: str, step: str, base_url: str, **environment: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.stopping", program, action, step, base_url],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.said: list[str] = []
        self._listener = threading.Thread(target=self._listen, name="child")
        self._listener.start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.said.append(line.strip())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        return self._process.pid

    def hears(self, word: str) -> None:
        """Wait until it says so; it ends by its kill, if not."""
        end = time.monotonic() + PATIENCE_S
        while word not in self.said:
            assert time.monotonic() < end, f"it never said {word!r}: {self.said}"
            assert self._process.poll() is None or self._listener.is_alive(), f"it ended: {self.said}"
            time.sleep(0.005)

    def stop(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """Collect it, too, whether or not it ended by itself."""
        self._process.kill()
        self._process.wait(PATIENCE_S)
        self._listener.join(PATIENCE_S)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def ends(self) -> int:
        """Wait for its own end; its exit code."""
        code = self._process.wait(PATIENCE_S)
        self._listener.join(PATIENCE_S)
        return code


@contextmanager
def reading(home: Path) -> Iterator[sqlite3.Connection]:
    path = home / "data" / "journal.sqlite3"
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as base:
        yield base


def stories(home: Path, without: frozenset[str] = frozenset({"note", "read"})) -> list[list[str]]:
    """The kinds of all rows of each press, oldest first; an outcome that got better counts once."""
    with reading(home) as base:
        presses = base.execute("SELECT press_id FROM presses ORDER BY seq").fetchall()
        steps = base.execute("SELECT press_id, kind FROM steps ORDER BY seq").fetchall()
    told = [
        ["intent", *(kind for owner, kind in steps if owner == press and kind not in without)]
        for (press,) in presses
    ]
    return [
        [kind for before, kind in pairwise(["", *kinds]) if not before == kind == "outcome"] for kinds in told
    ]


def wait_for_story(home: Path, kinds: list[str], *, number: int = 0, reads: int = 0) -> None:
    """Until the journal's own thread has committed so much of that press."""
    end = time.monotonic() + PATIENCE_S
    while True:
        found = stories(home, frozenset({"note"}))
        told = found[number] if len(found) > number else []
        if [kind for kind in told if kind != "read"] == kinds and told.count("read") >= reads:
            return
        assert time.monotonic() < end, (told, kinds)
        time.sleep(0.005)


def assert_sound(home: Path) -> None:
    with reading(home) as base:
        assert base.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
