"""What is measured of the program, and how growth is told from noise."""

import ctypes
import gc
import os
import sys
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

MB = 1024.0 * 1024.0
BLOCK_S = 30.0
MOST_MB_PER_10K_READS = 1.0
"""Performance P8: less than 1 MB between read 5,000 and read 10,000, and so on."""
LEAST_JUDGED_S = 300.0
"""Less than that, behind the warm-up, shows no trend."""

MEMORY = ("memory MB", "RSS MB", "USS MB")
"""Of these the first is judged: RSS without what is mapped from files, which the system can take back."""
COUNTS = (
    "tasks",
    "supervised tasks",
    "tasks of the watch",
    "threads",
    "file descriptors",
    "sockets",
    "links",
    "widgets",
    "top-level widgets",
    "banner cards",
    "timers",
    "presses in the book",
    "unacknowledged presses",
)
"""Of these there must be no more in the end than behind the warm-up."""
TOLD = (
    "RSS of files MB",
    "in use MB",
    "Python's blocks",
    "sockets established",
    "evidence reads kept",
    "journal KB",
    "reads",
    "presses",
)
"""Of these more is no fault: the reads kept swing with the presses in hand, and those are judged."""


class Series:
    """So many samples at most: seconds since start, and each gauge by name.

    What measures must not grow itself: the room for all of them is taken, and touched, with the first.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._count = 0
        self._at = self._room()
        self._values: dict[str, array[float]] = {}

    def _room(self) -> "array[float]":
        return array("d", [0.0]) * self._most

    def add(self, at: float, sample: Mapping[str, float]) -> None:
        """Where there is room for no more, the newest takes the place of the one before."""
        number = min(self._count, self._most - 1)
        self._at[number] = at
        for name in {*self._values, *sample}:
            # A gauge that is met later than the others was nothing until then.
            self._values.setdefault(name, self._room())[number] = sample.get(name, 0.0)
        self._count = number + 1

    @property
    def at(self) -> "array[float]":
        return self._at[: self._count]

    def of(self, name: str, since: float = 0.0, until: float = float("inf")) -> list[float]:
        return [value for at, value in zip(self.at, self._values[name], strict=False) if since <= at <= until]


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Theil–Sen: the median of the slopes between all pairs; a third of the points may lie."""
    found = [
        (later[1] - earlier[1]) / (later[0] - earlier[0])
        for number, earlier in enumerate(points)
        for later in points[number + 1 :]
        if later[0] > earlier[0]
    ]
    return median(found) if found else 0.0


def floors(at: Sequence[float], values: Sequence[float], block: float) -> list[tuple[float, float]]:
    """The least value of each block: work in hand comes and goes above it, and what leaks lifts it."""
    least: dict[int, tuple[float, float]] = {}
    for when, value in zip(at, values, strict=True):
        number = int((when - at[0]) // block)
        if number not in least or value < least[number][1]:
            least[number] = (when, value)
    return [least[number] for number in sorted(least)]


@dataclass(frozen=True, slots=True)
class Growth:
    """One gauge from the warm-up to the end. `rise` is the slope of its floors times the time judged."""

    name: str
    first: float
    last: float
    rise: float
    is_too_much: bool
    unit: str


def growths(series: Series, warm_up_s: float) -> list[Growth]:
    """Each gauge behind the warm-up: medians of the first and the last third, and its trend."""
    start, end = warm_up_s, series.at[-1]
    third = (end - start) / 3
    is_judged = end - start >= LEAST_JUDGED_S
    at = [each for each in series.at if each >= start]
    reads = series.of("reads", start)
    found: list[Growth] = []
    for name in (*MEMORY, *COUNTS, *TOLD):
        values = series.of(name, start)
        first = median(series.of(name, start, start + third))
        last = median(series.of(name, end - third))
        lowest = floors(at, values, BLOCK_S)
        if name in MEMORY:
            read_at = dict(zip(at, reads, strict=True))
            per_10k = 10_000 * slope([(read_at[when], value) for when, value in lowest])
            too_much = is_judged and name == MEMORY[0] and per_10k >= MOST_MB_PER_10K_READS
            found.append(Growth(name, first, last, per_10k, too_much, "MB per 10,000 reads"))
        else:
            rise = slope(lowest) * (end - start)
            too_much = is_judged and name in COUNTS and rise >= 0.5
            found.append(Growth(name, first, last, rise, too_much, "in the time judged"))
    return found


def table(found: Iterable[Growth]) -> list[str]:
    lines = [f"{'':24}{'first third':>12}{'last third':>12}{'trend':>10}"]
    for each in found:
        verdict = "  GROWS" if each.is_too_much else ""
        numbers = f"{each.first:12.1f}{each.last:12.1f}{each.rise:+10.2f}"
        lines.append(f"{each.name:24}{numbers}  {each.unit}{verdict}")
    return lines


def objects_by_type() -> Counter[str]:
    """How many objects of each type the collector knows of, those from before the start left out."""
    kinds = Counter(type(each) for each in gc.get_objects())
    found: Counter[str] = Counter()
    for kind, count in kinds.items():
        found[sys.intern(f"{kind.__module__}.{kind.__qualname__}")] += count
    return found


def most_grown(before: Counter[str], after: Counter[str], most: int = 12) -> list[str]:
    grown = Counter({name: after[name] - before[name] for name in after if after[name] > before[name]})
    return [f"{count:+8d}  {name}  ({after[name]})" for name, count in grown.most_common(most)]


def most_moved(before: Counter[str], after: Counter[str], most: int = 16) -> list[str]:
    """What has more bytes than before, and what has less: blocks that grow together change their name."""
    moved = {name: after[name] - before[name] for name in {*before, *after} if after[name] != before[name]}
    largest = sorted(moved, key=lambda name: -abs(moved[name]))[:most]
    return [f"{moved[name] >> 10:+8d} kB  {name}  ({after[name] >> 10} kB)" for name in largest]


class Blocks(ctypes.Structure):
    """`struct mallinfo2` of glibc."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    )


def blocks() -> Blocks:
    """What the C library has given out and what it keeps; nothing where it is another one."""
    try:
        mallinfo2 = ctypes.CDLL(None).mallinfo2
    except (OSError, AttributeError, TypeError):
        return Blocks()
    mallinfo2.restype = Blocks
    found: Blocks = mallinfo2()
    return found


def resident() -> Counter[str]:
    """Bytes in memory by what they are mapped from: a file's name, `[heap]`, or unnamed blocks by their size.

    What is mapped from a file, and was not written to, is the system's to take back: a library's code that is
    met late raises RSS and is no growth of ours.
    """
    found: Counter[str] = Counter()
    name = ""
    for line in Path("/proc/self/smaps").read_text().splitlines() if sys.platform == "linux" else ():
        word, _, rest = line.partition(" ")
        if not word.endswith(":"):
            parts = rest.split(maxsplit=4)
            begin, _, end = word.partition("-")
            size = (int(end, 16) - int(begin, 16)) >> 10
            kind = parts[0]
            name = f"{kind} {parts[4]}" if len(parts) > 4 else f"{kind} unnamed, {size} kB"
        elif word == "Rss:":
            found[name] += int(rest.split()[0]) * 1024
    return found


def in_use() -> float:
    """Bytes that the C library has given out, Python's own arenas not among them; 0 where it does not tell.

    What RSS has more of is kept for the next use, or lost between pieces.
    """
    found = blocks()
    return float(found.uordblks + found.hblkhd)


def descriptors() -> tuple[int, Counter[str]]:
    """How many file descriptors are open, and of what kind; sockets by their state where they have one."""
    if sys.platform != "linux":
        import psutil

        mine = psutil.Process()
        states = Counter(f"socket {each.status.lower()}" for each in mine.net_connections("inet"))
        return (mine.num_fds() if hasattr(mine, "num_fds") else mine.num_handles()), states
    kinds: Counter[str] = Counter()
    states = _states()
    count = 0
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - names only, and many times
        try:
            target = os.readlink(f"/proc/self/fd/{name}")  # noqa: PTH115
        except OSError:  # the listing's own
            continue
        count += 1
        kind = target.partition(":")[0] if ":" in target and not target.startswith("/") else "file"
        if kind == "socket":
            kind = f"socket {states.get(target[8:-1], 'of no peer')}"
        kinds[kind] += 1
    return count, kinds


def _states() -> dict[str, str]:
    """The state of every TCP socket, by inode."""
    words = {"01": "established", "02": "syn_sent", "04": "fin_wait1", "05": "fin_wait2", "07": "close"}
    words |= {"06": "time_wait", "08": "close_wait", "09": "last_ack", "0A": "listen", "0B": "closing"}
    found = {}
    for table_of in ("/proc/net/tcp", "/proc/net/tcp6"):
        path = Path(table_of)
        if path.exists():
            for line in path.read_text().splitlines()[1:]:
                fields = line.split()
                found[fields[9]] = words.get(fields[3], fields[3])
    return found
