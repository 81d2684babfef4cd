"""How late the event loop comes to what is due.

`python -m tests.benchmarks.lateness` is a loop with nothing else to do, until its standard input ends: what
the machine alone makes late.
"""

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

from PySide6.QtCore import QObject, Qt, QTimer

from tests.benchmarks.whole import ROOT

BEAT_MS = 5


class Lateness:
    """Something is due every 5 ms; each is late by how long the loop took to come to it.

    What became due during a stall counts with what it had to wait, so that a stall weighs as much as the time
    it takes: a click at any moment meets this distribution. `own_ms` is what of each wait this thread was at
    work: on a machine that others use too, the rest is their part.
    """

    def __init__(self, parent: QObject) -> None:
        self.late_ms: list[float] = []
        self.own_ms: list[float] = []
        self._began = self._due = 0.0
        self._worked = 0.0
        self._timer = QTimer(parent)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(BEAT_MS)
        self._timer.timeout.connect(self._look)

    def begin(self) -> None:
        self.late_ms, self.own_ms = [], []
        self._began = time.perf_counter()
        self._due = self._began + BEAT_MS / 1000
        self._worked = time.thread_time()
        self._timer.start()

    def end(self) -> dict[str, Any]:
        """Milliseconds, one for each beat; and the time that it was, in seconds."""
        self._timer.stop()
        return {"late": self.late_ms, "own": self.own_ms, "span": (self._began, time.perf_counter())}

    def _look(self) -> None:
        now, worked = time.perf_counter(), time.thread_time()
        own_ms, self._worked = (worked - self._worked) * 1000, worked
        if now < self._due:  # Qt's timer may be a fraction of a millisecond early
            self._note(0.0, 0.0)
        while self._due <= now:
            self._note((now - self._due) * 1000, own_ms)

    def _note(self, late_ms: float, own_ms: float) -> None:
        self.late_ms.append(late_ms)
        # The work was done last: what came due early in the stall waited for all of it, and no longer.
        self.own_ms.append(min(late_ms, own_ms))
        self._due += BEAT_MS / 1000


class BareLoop:
    """How late a loop with nothing else to do comes, in a process beside this one."""

    def __init__(self) -> None:
        self._beats: list[tuple[float, float]] = []

    @contextmanager
    def running(self) -> Iterator[Self]:
        """Beside what is done meanwhile; what it found is there afterwards."""
        command, pipe = [sys.executable, "-m", __name__], subprocess.PIPE
        with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as process:
            yield self
            said, _ = process.communicate()
        assert process.returncode == 0, "the bare loop broke"
        told = iter(map(float, said.split()))
        self._beats = list(zip(told, told, strict=True))

    def late_ms(self, began: float, ended: float) -> tuple[float, ...]:
        """By how much each beat of that time was late. Seconds of the clock that all processes share."""
        return tuple(late_ms for due, late_ms in self._beats if began <= due < ended)


async def _beat(is_over: threading.Event) -> list[tuple[float, float]]:
    beats, due = list[tuple[float, float]](), time.perf_counter()
    while not is_over.is_set():
        due += BEAT_MS / 1000
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        beats.append((due, max(0.0, time.perf_counter() - due) * 1000))
    return beats


def main() -> None:
    is_over = threading.Event()

    def wait() -> None:
        sys.stdin.read()
        is_over.set()

    threading.Thread(target=wait, daemon=True).start()
    for due, late_ms in asyncio.run(_beat(is_over)):
        print(f"{due:.6f} {late_ms:.3f}")


if __name__ == "__main__":
    main()
