"""Our own copy of the API's token bucket: an estimate, as other tools drink from the same one."""

CAPACITY = 20.0
REFILL_PER_S = 3.0

BACKGROUND_LEAVES = 8.0
"""What a background read must leave in the bucket."""
VERIFYING_LEAVES = 3.0
"""What a verifying read must leave in the bucket. A press looks at no reserve and waits for nothing."""

_MOST_BACK_OFF_S = 30.0
_ROUNDING_S = 1e-6


class Budget:
    """A token bucket of 20 that refills at 3/s. Times are monotonic seconds."""

    def __init__(self, now: float) -> None:
        """Start full."""
        self._level = CAPACITY
        self._at = now
        self._closed_until = now

    def level(self, now: float) -> float:
        """Tokens estimated to be left; below 0 when presses overdrew it."""
        elapsed = max(0.0, now - self._at)
        return min(CAPACITY, self._level + elapsed * REFILL_PER_S)

    def spend(self, now: float) -> None:
        """Account for a call that goes out now, whatever is left."""
        self._level = self.level(now) - 1.0
        self._at = now

    def wait_s(self, now: float, leaving: float) -> float:
        """How long until a read may go out that leaves so many tokens; 0 when it may go now."""
        missing = leaving + 1.0 - self.level(now)
        wait_s = max(missing / REFILL_PER_S, self._closed_until - now)
        # What is left of a wait by rounding would be waited for in vain, again and again.
        return wait_s if wait_s > _ROUNDING_S else 0.0

    def back_off(self, now: float, pause_s: float) -> None:
        """The server said "too many": no read for so long, at most 30 s. Presses do not ask."""
        self._level = min(self.level(now), 0.0)
        self._at = now
        self._closed_until = now + min(max(pause_s, 0.0), _MOST_BACK_OFF_S)
