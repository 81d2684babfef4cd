"""Notices that the machine, or this program, was asleep: what was read before proves nothing any more."""

import asyncio
from collections.abc import Callable
from typing import Protocol

BEAT_S = 1.0
SLEPT_S = 4.0
"""Longer than that without a beat: every link would have been used meanwhile, so none is proven."""


class AwakeClock(Protocol):
    """A clock that goes on while the machine sleeps."""

    def monotonic(self) -> float:
        """Monotonic seconds, the machine's sleep included."""


class Wakefulness:
    """Tells how many seconds were slept through, each time.

    A suspended machine, a stopped process and an event loop that was held up are all the same here.
    """

    def __init__(
        self,
        clock: AwakeClock,
        on_sleep: Callable[[float], None],
        *,
        beat_s: float = BEAT_S,
        slept_s: float = SLEPT_S,
    ) -> None:
        """Awake now."""
        self._clock = clock
        self._on_sleep = on_sleep
        self._beat_s = beat_s
        self._slept_s = slept_s
        self._last = clock.monotonic()

    async def run(self) -> None:
        """Look at every beat, until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(self._beat_s)

    def look(self) -> None:
        """Tell of a sleep now, if there was one since the last look.

        For whoever is woken with something in hand: an answer that lay in the socket through the sleep is
        read before the beat is heard.
        """
        now = self._clock.monotonic()
        slept_s = now - self._last - self._beat_s
        self._last = now
        if slept_s > self._slept_s:
            self._on_sleep(slept_s)
