"""Which process a press belongs to, and whether that process still lives."""

import os
import sys
from functools import cache
from pathlib import Path

from crosstrade_panel.domain.value import dataclass

_LINUX = sys.platform == "linux"
_DEAD_STATES = frozenset({"Z", "X", "x"})
_BOOT_MOVES_S = 30.0
"""By as much the boot's wall-clock time may differ between two looks at it: clocks are set, and rounded."""


@dataclass(frozen=True, slots=True)
class Owner:
    """A process, told apart from a later one with the same number.

    `started` is its start in the system's own spelling: on Linux counted from the boot, elsewhere a time of
    day that no later boot repeats. `boot` tells one run of the system from the next: on Linux a name that no
    other has, elsewhere its time of day in seconds, which moves a little from process to process.
    """

    pid: int
    started: str
    boot: str

    def is_alive(self) -> bool:
        """Whether this very process runs now."""
        if _LINUX and self.boot != boot_id():
            return False
        return bool(self.started) and self.started == _started(self.pid)

    def is_of_this_boot(self) -> bool:
        """Whether it ran, or runs, since the system was last started: then its clock is ours."""
        return is_same_boot(self.boot, boot_id())


def this_process() -> Owner:
    """The process that asks."""
    pid = os.getpid()
    try:
        started = _own_start(pid)
    except ProcessLookupError:
        started = ""
    return Owner(pid, started, boot_id())


# Read once; what could not be read is no answer, and is asked again.


@cache
def _own_start(pid: int) -> str:
    started = _started(pid)
    if not started:
        raise ProcessLookupError(pid)
    return started


@cache
def _boot_name() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()


def is_same_boot(boot: str, other: str) -> bool:
    """Whether two processes saw the same run of the system."""
    try:
        return boot == other or abs(float(boot) - float(other)) <= _BOOT_MOVES_S
    except ValueError:  # names
        return False


def boot_id() -> str:
    """This run of the system."""
    if _LINUX:
        try:
            return _boot_name()
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
