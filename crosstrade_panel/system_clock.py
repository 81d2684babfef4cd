"""The real time, for whoever composes the program."""

import sys
import time
from datetime import UTC, datetime

# The one that goes on while the machine sleeps. Windows' both do; its monotonic one is read by Python up to
# 3.12 in steps of 16 ms, in which a fast answer would have taken no time at all.
_CLOCK = getattr(time, {"linux": "CLOCK_BOOTTIME", "darwin": "CLOCK_MONOTONIC"}.get(sys.platform, ""), None)


def system_seconds() -> float:
    """Monotonic seconds, the machine's sleep included; `time.monotonic` leaves that out on Linux and macOS.

    A read of before the sleep would else look as fresh as it was then, and the wall time of what was read
    would be off by the whole night. Comparable between processes of one boot.
    """
    if sys.platform == "win32":
        return time.perf_counter()
    return time.monotonic() if _CLOCK is None else time.clock_gettime(_CLOCK)


class SystemClock:
    """This machine's clocks."""

    def monotonic(self) -> float:
        """Seconds that never go back, not even in sleep stand still; see `system_seconds`."""
        return system_seconds()

    def now(self) -> datetime:
        """The wall clock, aware UTC."""
        return datetime.now(UTC)
