"""Our own copy of the API's token bucket: an estimate, as other tools drink from the same one.

Guaranteed, whatever the others do: a background read goes out only where this copy keeps 8 tokens, a
verifying one where it keeps 3; background reads stay below a third of the refill; a press asks for nothing.

Not guaranteed, as nothing can: that the bucket itself holds what this copy says. The API never tells what is
left; the first sign that others drink more than we leave is a 429, or answers that become slow. Each sign
doubles the time between background reads, up to four times as long, and that fades over minutes. Until the
first one, and while the reads that a proof needs are made, a press can find a bucket that others and we have
emptied together. tests/budget/hour.py measures how often.
"""

import math
from collections import deque

CAPACITY = 20.0
REFILL_PER_S = 3.0

BACKGROUND_LEAVES = 8.0
"""What a background read must leave in the bucket."""
VERIFYING_LEAVES = 3.0
"""What a verifying read must leave in the bucket. A press looks at no reserve and waits for nothing."""

_MOST_BACK_OFF_S = 30.0
_MOST_CAUTION = 4.0
"""At 4 × 1.2 s two reads of the positions are 9.6 s apart at most: a reverse needs one within 10 s."""
_CAUTION_HALVES_S = 300.0
_NEXT_SIGN_S = 5.0  # calls that were under way together are one sign
_SLOW_LEAST_S = 0.5
_SLOW_TIMES = 4.0  # the median
_REMEMBERED = 20
_FEWEST_REMEMBERED = 5
_ROUNDING_S = 1e-6


class Budget:
    """A token bucket of 20 that refills at 3/s. Times are monotonic seconds."""

    def __init__(self, now: float) -> None:
        """Start full."""
        self._level = CAPACITY
        self._at = now
        self._closed_until = now
        self._caution = 1.0
        self._sign_at = now - _NEXT_SIGN_S
        self._took_s: deque[float] = deque(maxlen=_REMEMBERED)

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
        # A press may be told to come back sooner than a read was: the longer pause stands.
        self._closed_until = max(self._closed_until, now + min(max(pause_s, 0.0), _MOST_BACK_OFF_S))
        self._take_sign(now)

    def answered(self, now: float, took_s: float) -> None:
        """A read was answered; one much slower than those before is a server that throttles unsaid."""
        from statistics import median  # noqa: PLC0415 - a press of the command line comes before any read

        usual_s = median(self._took_s) if len(self._took_s) >= _FEWEST_REMEMBERED else took_s
        self._took_s.append(took_s)
        if took_s > max(_SLOW_LEAST_S, _SLOW_TIMES * usual_s):
            self._take_sign(now)

    def caution(self, now: float) -> float:
        """How many times longer than usual the background waits from read to read: 1 to 4."""
        faded = math.exp2(-max(0.0, now - self._sign_at) / _CAUTION_HALVES_S)
        return max(1.0, self._caution * faded)

    def _take_sign(self, now: float) -> None:
        if now >= self._sign_at + _NEXT_SIGN_S:
            self._caution = min(_MOST_CAUTION, 2.0 * self.caution(now))
            self._sign_at = now
