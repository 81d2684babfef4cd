"""Notices that the machine, or this program, was asleep: what was read before proves nothing any more."""

import asyncio
from collections.abc import Callable
from typing import Protocol

_BEAT_S = 1.0
_SLEPT_S = 4.0
"""Longer than that without a beat: every link would have been used meanwhile, so none is proven."""


class AwakeClock(Protocol):
    """A clock that goes on while the machine sleeps."""

    def with_sleep(self) -> float:
        """Monotonic seconds, the machine's sleep included."""


async def notice_sleep(clock: AwakeClock, on_sleep: Callable[[float], None]) -> None:
    """Tell how many seconds were slept through, each time, until cancelled.

    A suspended machine, a stopped process and an event loop that was held up are all the same here.
    """
    while True:
        before = clock.with_sleep()
        await asyncio.sleep(_BEAT_S)
        slept_s = clock.with_sleep() - before - _BEAT_S
        if slept_s > _SLEPT_S:
            on_sleep(slept_s)
