"""How late the event loop comes to what is due."""

import time

from PySide6.QtCore import QObject, Qt, QTimer

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
        self._due = 0.0
        self._worked = 0.0
        self._timer = QTimer(parent)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(BEAT_MS)
        self._timer.timeout.connect(self._look)

    def begin(self) -> None:
        self.late_ms, self.own_ms = [], []
        self._due = time.perf_counter() + BEAT_MS / 1000
        self._worked = time.thread_time()
        self._timer.start()

    def end(self) -> dict[str, list[float]]:
        """Milliseconds, one for each beat."""
        self._timer.stop()
        return {"late": self.late_ms, "own": self.own_ms}

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
