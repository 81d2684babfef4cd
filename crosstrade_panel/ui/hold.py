"""The counting of a hold, and where its ticks come from."""

from collections.abc import Callable
from typing import Protocol

from PySide6.QtCore import QObject, Qt, QTimer

from crosstrade_panel.domain.value import dataclass

TICK_MS = 15
SLEEP_S = 5.0
"""A gap as long as this was no stalled loop: the machine slept."""

TICKS_AFTER_GAP = 2
"""Product, section 2: after a gap queued input must have had a turn of the loop before a hold completes."""


@dataclass(slots=True)
class HoldCount:
    """How long a button was held without interruption. All times are monotonic seconds."""

    needed_s: float
    gap_s: float
    last: float
    counted_s: float = 0.0
    owed_ticks: int = 0
    slept: bool = False

    def tick(self, now: float) -> bool:
        """Count one tick; whether the hold is complete with it."""
        gap = max(0.0, now - self.last)
        self.last = now
        if gap > self.gap_s:
            self.owed_ticks = TICKS_AFTER_GAP
            self.slept = self.slept or gap > SLEEP_S
            return False
        self.counted_s += gap
        self.owed_ticks = max(0, self.owed_ticks - 1)
        return self.owed_ticks == 0 and self.counted_s >= self.needed_s

    def interrupt(self, now: float) -> None:
        """Something else than a stall interrupted it; treated as a gap."""
        self.last = now
        self.owed_ticks = TICKS_AFTER_GAP

    @property
    def share(self) -> float:
        """How much of the hold is done, 0 to 1."""
        return min(1.0, self.counted_s / self.needed_s) if self.needed_s > 0 else 1.0


class Ticks(Protocol):
    """A source of ticks, each from a turn of the event loop of its own."""

    def start(self, tick: Callable[[], None]) -> None:
        """Call `tick` again and again until stopped."""

    def stop(self) -> None:
        """No tick after this."""


class QtTicks:
    """Ticks of a precise Qt timer. They say that time passed, never how much: the clock says that."""

    def __init__(self, parent: QObject) -> None:
        self._timer = QTimer(parent)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self._on_timeout)
        self._tick: Callable[[], None] | None = None

    def start(self, tick: Callable[[], None]) -> None:
        """Begin; a second start replaces the first."""
        self._tick = tick
        self._timer.start()

    def stop(self) -> None:
        """End."""
        self._timer.stop()
        self._tick = None

    def _on_timeout(self) -> None:
        if self._tick is not None:
            self._tick()
