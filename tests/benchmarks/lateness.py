"""How late the event loop comes to what is due.

`python -m tests.benchmarks.lateness` is a loop with nothing else to do, until its standard input ends: what
the machine alone makes late. With a number of seconds it ends once that loop was in time for a while, or
after so long.
"""

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Self

from PySide6.QtCore import QObject, Qt, QTimer

from crosstrade_panel.runtime import in_thread
from tests.benchmarks.whole import ROOT

BEAT_MS = 5
_CALM_S, _CALM_MS = 5.0, 8.0
"""For so long no beat was later than that: half a frame."""


class Lateness:
    """Something is due every 5 ms; each is late by how long the loop took to come to it.

    What became due during a stall counts with what it had to wait, so that a stall weighs as much as the time
    it takes: a click at any moment meets this distribution. `own_ms` is what of each wait this thread was at
    work: on a machine that others use too, the rest is their part.
    """

    def __init__(self, parent: QObject) -> None:
        self.late_ms: list[float] = []
        self.own_ms: list[float] = []
        self._spans: list[tuple[float, float]] = []
        self._began = self._due = 0.0
        self._worked = 0.0
        self._timer = QTimer(parent)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(BEAT_MS)
        self._timer.timeout.connect(self._look)

    def begin(self) -> None:
        """Go on, from now."""
        self._began = time.perf_counter()
        self._due = self._began + BEAT_MS / 1000
        self._worked = time.thread_time()
        self._timer.start()

    def end(self) -> dict[str, Any]:
        """Milliseconds, one for each beat so far; and the times that were looked at, in seconds."""
        self._timer.stop()
        self._spans.append((self._began, time.perf_counter()))
        return {"late": self.late_ms, "own": self.own_ms, "spans": self._spans}

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

    def late_ms(self, spans: Iterable[tuple[float, float]]) -> tuple[float, ...]:
        """By how much each beat of those times was late. Seconds of the clock that all processes share."""
        return tuple(
            late_ms for began, ended in spans for due, late_ms in self._beats if began <= due < ended
        )


class Patience:
    """Waits until the machine is calm: for so many seconds at most, all its times together.

    On a machine that others use too, what they take would else be measured. What is measured next counts
    whatever comes: nothing is left out afterwards.
    """

    def __init__(self, limit_s: float) -> None:
        self.waited_s = 0.0
        self._limit_s = limit_s

    async def calm(self) -> None:
        """Until a loop with nothing else to do was in time for a while, or patience is at its end."""
        left_s = self._limit_s - self.waited_s
        if left_s <= 0:
            return
        command = [sys.executable, "-m", __name__, str(left_s)]
        began = time.perf_counter()
        await in_thread("calm", lambda: subprocess.run(command, cwd=ROOT, check=True))
        self.waited_s += time.perf_counter() - began


async def _beats() -> AsyncIterator[tuple[float, float]]:
    due = time.perf_counter()
    while True:
        due += BEAT_MS / 1000
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        yield due, max(0.0, time.perf_counter() - due) * 1000


async def _beat(is_over: threading.Event) -> None:
    beats = []
    async for beat in _beats():
        beats.append(beat)
        if is_over.is_set():
            break
    for due, late_ms in beats:
        print(f"{due:.6f} {late_ms:.3f}")


async def _become_calm(limit_s: float) -> None:
    began = late_at = time.perf_counter()
    async for due, late_ms in _beats():
        late_at = due if late_ms > _CALM_MS else late_at
        if due - late_at > _CALM_S or due - began > limit_s:
            return


def main() -> None:
    if sys.argv[1:]:
        asyncio.run(_become_calm(float(sys.argv[1])))
        return
    is_over = threading.Event()

    def wait() -> None:
        sys.stdin.read()
        is_over.set()

    threading.Thread(target=wait, daemon=True).start()
    asyncio.run(_beat(is_over))


if __name__ == "__main__":
    main()
