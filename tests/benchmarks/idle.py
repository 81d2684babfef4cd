"""P9: what the panel costs while nobody touches it: one account, one read a second.

`python -m tests.benchmarks.idle ADDRESS SECONDS` is the panel alone, its exchange in another process; the
address "practice" is the practice window, which has the exchange inside.
"""

import asyncio
import sys

import psutil

from crosstrade_panel.app import Program
from tests.benchmarks.large_exchange import large_exchange
from tests.benchmarks.table import Figure, Goal, Row
from tests.benchmarks.whole import Numbers, in_a_process, run_program

_SETTLE_S = 10.0
_SLICE_S = 5.0
_SECONDS, _QUICK_SECONDS = 60.0, 10.0
_CADENCE_S = 1.0


def run(quick: bool) -> list[Figure]:
    """CPU time of the process, in slices of 5 s, against a core."""
    seconds = _QUICK_SECONDS if quick else _SECONDS
    with large_exchange(1, 2) as address:
        alone = in_a_process(__spec__.name, address, seconds)
    practice = in_a_process(__spec__.name, "practice", seconds)
    panel = Row("the panel, 1 read/s", tuple(alone["share"]), "%")
    inside = Row("the practice window, its exchange inside", tuple(practice["share"]), "%")
    goals = (Goal("the panel, of a core", panel.median, 1.5, 0.7, unit="%", is_ratio=False),)
    notes = (
        f"{alone['reads']} reads in {seconds:.0f} s, two positions; user and system time of the process",
    )
    return [Figure("P9", "idle CPU", (panel, inside), goals, notes=notes)]


async def _measure(program: Program, seconds: float) -> Numbers:
    desk = program._presenter._desk
    assert desk is not None
    reads = [0]
    desk.watch.followers.append(lambda _: reads.__setitem__(0, reads[0] + 1))
    await asyncio.sleep(_SETTLE_S)
    process, loop = psutil.Process(), asyncio.get_running_loop()
    reads[0], share = 0, list[float]()
    for _ in range(int(seconds / _SLICE_S)):
        at, spent = loop.time(), sum(process.cpu_times()[:2])
        await asyncio.sleep(_SLICE_S)
        share.append(100 * (sum(process.cpu_times()[:2]) - spent) / (loop.time() - at))
    return {"share": share, "reads": reads[0]}


if __name__ == "__main__":
    where, so_long = sys.argv[1], float(sys.argv[2])
    run_program(
        lambda program: _measure(program, so_long),
        base_url=None if where == "practice" else where,
        cadence_s=_CADENCE_S,
    )
