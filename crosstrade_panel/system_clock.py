"""The real time, for whoever composes the program."""

import sys
import time
from datetime import UTC, datetime

# Windows' own monotonic clock goes on in sleep.
_WITH_SLEEP = {"linux": "CLOCK_BOOTTIME", "darwin": "CLOCK_MONOTONIC"}


class SystemClock:
    """This machine's clocks."""

    def monotonic(self) -> float:
        """Seconds that never go back; comparable between processes of one boot."""
        return time.monotonic()

    def with_sleep(self) -> float:
        """Monotonic seconds, the machine's sleep included; `monotonic` leaves that out on Linux and macOS."""
        name = _WITH_SLEEP.get(sys.platform)
        return time.monotonic() if name is None else time.clock_gettime(getattr(time, name))

    def now(self) -> datetime:
        """The wall clock, aware UTC."""
        return datetime.now(UTC)
