"""The request budget of one user."""

from __future__ import annotations

CAPACITY = 20
REFILL_PER_S = 3.0


class TokenBucket:
    """Capacity and refill of api-contract.md §1, for HTTP and WebSocket together. Monotonic seconds."""

    def __init__(self, capacity: float = CAPACITY, refill_per_s: float = REFILL_PER_S) -> None:
        self._capacity = float(capacity)
        self._refill_per_s = refill_per_s
        self._level = self._capacity
        self._at: float | None = None

    def take(self, now: float) -> float:
        """Spend one token. Zero when there was one, else the seconds until there is."""
        level = self.level(now)
        if level >= 1.0:
            self._level = level - 1.0
            return 0.0
        return (1.0 - level) / self._refill_per_s

    def level(self, now: float) -> float:
        """Tokens left at this moment."""
        passed = 0.0 if self._at is None else max(0.0, now - self._at)
        self._at = now if self._at is None else max(self._at, now)
        self._level = min(self._capacity, self._level + passed * self._refill_per_s)
        return self._level
