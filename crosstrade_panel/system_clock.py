"""The real time, for whoever composes the program."""

import time
from datetime import UTC, datetime


class SystemClock:
    """This machine's clocks."""

    def monotonic(self) -> float:
        """Seconds that never go back; comparable between processes of one boot."""
        return time.monotonic()

    def now(self) -> datetime:
        """The wall clock, aware UTC."""
        return datetime.now(UTC)
