"""Which process a press belongs to, and whether that process still lives."""

import os
import sys
from pathlib import Path

from crosstrade_panel.domain.value import dataclass

_LINUX = sys.platform == "linux"
_DEAD_STATES = frozenset({"Z", "X", "x"})


@dataclass(frozen=True, slots=True)
class Owner:
    """A process, told apart from a later one with the same number.

    `started` is its start in the system's own spelling. `boot` tells one run of the system from the next; on
    Linux it is compared, because there starts are counted from the boot; elsewhere starts are wall-clock
    times that no later boot repeats, and `boot` (which moves when the clock is set) is only for the reader.
    """

    pid: int
    started: str
    boot: str

    def is_alive(self) -> bool:
        """Whether this very process runs now."""
        if _LINUX and self.boot != boot_id():
            return False
        return bool(self.started) and self.started == _started(self.pid)


def this_process() -> Owner:
    """The process that asks."""
    return Owner(os.getpid(), _started(os.getpid()), boot_id())


def boot_id() -> str:
    """This run of the system."""
    if _LINUX:
        try:
            return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        except OSError:
            return ""
    import psutil  # noqa: PLC0415 - slow to import

    return f"{psutil.boot_time():.0f}"


def _started(pid: int) -> str:
    """When a process began; empty when it is gone, or has ended and is not yet collected."""
    if _LINUX:
        # Not psutil's create_time(): that adds the boot's wall-clock time, which moves when the clock is set,
        # and costs 20 ms of import in front of a press from the command line.
        try:
            fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        except OSError:
            return ""
        return "" if fields[0] in _DEAD_STATES else f"tick {fields[19]}"
    import psutil  # noqa: PLC0415 - slow to import

    try:
        process = psutil.Process(pid)
        return "" if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.6f}"
    except psutil.Error:
        return ""
