"""P8: memory after 10,000 reads of 100 accounts × 20 positions, and whether it grows.

`python -m tests.benchmarks.memory ADDRESS READS` reads as fast as it can in a process of its own.
"""

import asyncio
import sys

import psutil

from crosstrade_panel.app import Program
from tests.benchmarks.large_exchange import large_exchange
from tests.benchmarks.table import Figure, Goal, Row
from tests.benchmarks.whole import MB, Numbers, in_a_process, run_program

_READS, _QUICK_READS = 10_000, 400
_CADENCE_S = 0.002
_SAMPLES = 100
_AROUND = 5
"""Samples at the middle and at the end whose medians are compared: one alone may meet a read in hand."""


def run(quick: bool) -> list[Figure]:
    """RSS at the start, half way and in the end, and the growth in the second half."""
    reads = _QUICK_READS if quick else _READS
    with large_exchange() as address:
        found = in_a_process(__spec__.name, address, reads)
    taken, half = found["rss"], len(found["rss"]) // 2
    middle = Row(f"after {reads // 2:,} reads", tuple(taken[half - _AROUND : half + _AROUND]), "MB")
    end = Row(f"after {reads:,} reads", tuple(taken[-2 * _AROUND :]), "MB")
    rows = (Row("before the first", (found["start"],), "MB"), middle, end)
    goals = (
        Goal("RSS in the end", end.median, 140.0, 110.0, unit="MB", is_ratio=False),
        Goal("growth in the second half", end.median - middle.median, 1.0, unit="MB", is_ratio=False),
    )
    every_ms = 1000 * found["seconds"] / reads
    notes = (
        f"100 accounts × 20 positions, read every {every_ms:.0f} ms, not every 1.2 s",
        f"highest: {max(taken):.1f} MB; private (USS) in the end: {found['uss']:.1f} MB",
    )
    return [Figure("P8", "memory", rows, goals, notes=notes)]


async def _measure(program: Program, reads: int) -> Numbers:
    desk = program._presenter._desk
    assert desk is not None
    process, loop = psutil.Process(), asyncio.get_running_loop()
    start, began = process.memory_info().rss / MB, loop.time()
    taken: list[float] = []
    over, done = asyncio.Event(), [0]

    def count(_: object) -> None:
        done[0] += 1
        if done[0] % (reads // _SAMPLES) == 0:
            taken.append(process.memory_info().rss / MB)
        if done[0] >= reads:
            over.set()

    desk.watch.followers.append(count)
    await over.wait()
    seconds = loop.time() - began
    return {"start": start, "rss": taken, "seconds": seconds, "uss": process.memory_full_info().uss / MB}


if __name__ == "__main__":
    wanted = int(sys.argv[2])
    run_program(lambda program: _measure(program, wanted), base_url=sys.argv[1], cadence_s=_CADENCE_S)
