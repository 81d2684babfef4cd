"""Fuzz of the wire: hostile replies through every reader, judged by a second reading of the same bytes.

    python -m tests.fuzz_wire --inputs 1000000 --seed 1 --processes 2

An input is made from the seed and its number alone, so that `--only NUMBER` makes it again, whatever the
number of processes was. Ends with 1 when a law was broken.
"""

import argparse
import concurrent.futures
import gc
import itertools
import multiprocessing
import os
import platform
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

_MEASURED = ("wire.py", "untrusted.py")
_PACKAGE = Path(__file__).resolve().parent.parent / "crosstrade_panel" / "crosstrade"
_STATUSES = (200, 200, 201, 204, 299, 302, 400, 400, 401, 403, 404, 408, 409, 429, 500, 502, 503, 599)
_HEADERS: tuple[dict[str, str], ...] = (
    {},
    {"retry-after": "1"},
    {"retry-after": "0.35", "content-type": "text/html"},
    {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"},
    {"retry-after": "-1"},
    {"retry-after": "9" * 400},
    {"retry-after": "\u0663"},
    {"retry-after": "1e400"},
    {"retry-after": ""},
)
_SHOWN = 20
LONGEST_S = 1.0
"""Processor seconds that one reader may take for one input."""

MOST_GROWTH = 64 * 1024 * 1024
"""Bytes by which one process may grow after the first tenth of its inputs."""

MOST_BLOCKS = 150_000
"""Pieces of memory in use by which it may grow: the bounded caches of names and texts, and no leak."""


@dataclass(slots=True)
class Tally:
    """What a run, or a part of it, came to."""

    inputs: int = 0
    json: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    broken_count: int = 0
    slowest_s: float = 0.0
    slowest: str = ""
    growth: int = 0
    blocks: int = 0
    coverage: bytes = b""

    def add(self, other: "Tally") -> None:
        """Take in another part."""
        self.inputs += other.inputs
        self.json += other.json
        self.outcomes += other.outcomes
        self.broken += other.broken
        self.broken_count += other.broken_count
        self.growth = max(self.growth, other.growth)
        self.blocks = max(self.blocks, other.blocks)
        if other.slowest_s > self.slowest_s:
            self.slowest_s, self.slowest = other.slowest_s, other.slowest

    @property
    def is_good(self) -> bool:
        """Whether every law held."""
        is_small = self.growth <= MOST_GROWTH and self.blocks <= MOST_BLOCKS
        return not self.broken_count and self.slowest_s <= LONGEST_S and is_small


def make(seed: int, number: int) -> bytes:
    """The input of that number."""
    from tests.security.mutations import Mutator

    return Mutator(seed * 2**40 + number).make()


def run(seed: int, numbers: range) -> Tally:
    """Make these inputs and read each in every way."""
    tally = Tally()
    rss = _memory()
    settled = blocks = 0
    for done, number in enumerate(numbers):
        if done == max(2000, len(numbers) // 10):
            gc.collect()
            settled, blocks = rss(), sys.getallocatedblocks()
        _digest(make(seed, number), number, tally)
    gc.collect()
    if settled:
        tally.growth, tally.blocks = max(0, rss() - settled), max(0, sys.getallocatedblocks() - blocks)
    return tally


def _memory() -> Callable[[], int]:
    import psutil

    process = psutil.Process()
    return lambda: int(process.memory_info().rss)


def _digest(body: bytes, number: int, tally: Tally) -> None:
    from tests.security import oracles

    tally.inputs += 1
    reply = oracles.meaning(body)
    tally.json += reply is not oracles.NOTHING
    # By turns, so that every status meets every kind of reply.
    status, headers = _STATUSES[number % len(_STATUSES)], _HEADERS[number % len(_HEADERS)]
    for name, read, judge in _readings(body, status, headers):
        began = time.thread_time()
        ending: Any
        try:
            ending, outcome = read(), "read"
        except Exception as error:  # noqa: BLE001 - which ones may come is what is being tested
            ending, outcome = error, type(error).__name__
        took = time.thread_time() - began
        if took > tally.slowest_s:
            tally.slowest_s, tally.slowest = took, f"{name} of input {number}, {len(body)} bytes"
        tally.outcomes[f"{name}: {outcome}"] += 1
        try:
            judge(reply, ending)
        except Exception as broken:  # noqa: BLE001 - a judge that breaks is a finding as well
            tally.broken_count += 1
            if len(tally.broken) < _SHOWN:
                tally.broken.append(f"{name} of input {number}, status {status}: {broken!r}: {body[:400]!r}")


def _readings(
    body: bytes, status: int, headers: dict[str, str]
) -> Iterator[tuple[str, Callable[[], Any], Callable[[Any, Any], None]]]:
    """Every reader with what judges it."""
    from crosstrade_panel.crosstrade import wire
    from crosstrade_panel.domain.scope import ScopeError
    from crosstrade_panel.trading.ports import GatewayError, ReadFailedError
    from tests.security import oracles

    good = wire.Answer(200, body, 10.0, 11.0, headers)
    other = wire.Answer(status, body, 10.0, 11.0, headers)

    def reading(check: Callable[[Any, Any], None], status: int = 200) -> Callable[[Any, Any], None]:
        def judge(reply: Any, ending: Any) -> None:
            oracles.check_harmless(ending)
            if isinstance(ending, Exception):
                oracles.require(isinstance(ending, ReadFailedError), "another error than a failed read")
                return
            oracles.require(status == 200, "a read with a status that is none")
            oracles.require(reply is not oracles.NOTHING, "a read of what is no JSON")
            check(reply, ending)

        return judge

    def receipt(status: int) -> Callable[[Any, Any], None]:
        def judge(reply: Any, ending: Any) -> None:
            oracles.require(
                not isinstance(ending, Exception) or isinstance(ending, GatewayError), "a foreign error"
            )
            oracles.check_harmless(ending)
            oracles.check_receipt(reply, status, ending)

        return judge

    def scope(reply: Any, ending: Any) -> None:
        if isinstance(ending, Exception):
            oracles.require(isinstance(ending, ScopeError), "another error than of a scope")
            return
        oracles.check_scope(reply, ending)

    def frame_scope(reply: Any, ending: Any) -> None:
        scope(reply.get("args") if isinstance(reply, dict) else reply, ending)

    def frame_id(reply: Any, ending: Any) -> None:
        # It skips what it does not need, so it may find one in what is no JSON; the body is read later.
        said = reply.get("id") if isinstance(reply, dict) else ending
        oracles.require(ending is None or ending == said, "an answer for somebody else")

    yield "receipt 200", lambda: wire.read_receipt(good), receipt(200)
    yield "receipt", lambda: wire.read_receipt(other), receipt(status)
    yield "positions", lambda: wire.read_positions(good), reading(oracles.check_positions)
    yield "snapshot", lambda: wire.read_snapshot(good), reading(oracles.check_positions)
    yield "accounts", lambda: wire.read_accounts(good), reading(oracles.check_listing)
    yield "orders", lambda: wire.read_orders(good, "Sim101"), reading(oracles.check_orders)
    yield (
        "positions, any status",
        lambda: wire.read_positions(other),
        reading(oracles.check_positions, status),
    )
    yield "frame receipt", lambda: wire.read_receipt(wire.answer_of_frame(body, 10.0, 11.0)), receipt(200)
    yield (
        "frame positions",
        lambda: wire.read_positions(wire.answer_of_frame(body, 10.0, 11.0)),
        reading(oracles.check_positions),
    )
    yield "frame id", lambda: wire.id_of_frame(body), frame_id
    yield "frame scope", lambda: wire.scope_of_frame(body), frame_scope
    yield "scope", lambda: wire.scope_of_body(body), scope


def _part(seed: int, start: int, stop: int) -> Tally:
    """A part of a run, in a process of its own, with the lines that it reached."""
    import coverage

    measured = coverage.Coverage(
        data_file=None, branch=True, config_file=False, include=[str(_PACKAGE / "*")]
    )
    measured.start()  # before the modules are imported
    try:
        tally = run(seed, range(start, stop))
    finally:
        measured.stop()
    tally.coverage = measured.get_data().dumps()
    return tally


def run_parts(inputs: int, seed: int, processes: int) -> tuple[Tally, str]:
    """The whole run over several processes, and the table of what it reached."""
    import coverage

    whole = Tally()
    reached = coverage.Coverage(data_file=None, branch=True, config_file=False)
    bounds = [inputs * number // processes for number in range(processes + 1)]
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(processes, context) as pool:
        parts = [pool.submit(_part, seed, *pair) for pair in itertools.pairwise(bounds)]
        for part in parts:
            tally = part.result()
            whole.add(tally)
            data = coverage.CoverageData(no_disk=True)
            data.loads(tally.coverage)
            reached.get_data().update(data)
    table = StringIO()
    reached.report(file=table, include=[str(_PACKAGE / name) for name in _MEASURED], show_missing=True)
    return whole, table.getvalue().replace(f"{_PACKAGE.parent.parent}{os.sep}", "")


def report(tally: Tally, *, command: str, seconds: float, reached: str) -> str:
    """The result as it is kept in `tests/records/`."""
    import msgspec

    by_reader = [f"  {count:>9,}  {name}" for name, count in sorted(tally.outcomes.items())]
    lines = [
        command,
        (
            f"{platform.python_implementation()} {platform.python_version()}, msgspec {msgspec.__version__},"
            f" {platform.system()} {platform.machine()}"
        ),
        "",
        f"inputs           {tally.inputs:,}",
        f"still JSON       {tally.json:,} ({100 * tally.json / tally.inputs:.1f} %)",
        f"readings         {sum(tally.outcomes.values()):,}",
        f"laws broken      {tally.broken_count:,}",
        f"slowest reading  {tally.slowest_s * 1000:.1f} ms of processor time ({tally.slowest})",
        f"memory           {tally.growth / 1e6:.1f} MB and {tally.blocks:,} blocks more after a tenth",
        f"seconds          {seconds:.0f}",
        "",
        "outcomes by reader",
        *by_reader,
        "",
        "reached",
        reached.rstrip(),
        *(["", "broken", *tally.broken[:_SHOWN]] if tally.broken else []),
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz_wire", description=__doc__.partition("\n")[0])
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--only", type=int, metavar="NUMBER", help="make and read one input, and show it")
    options = parser.parse_args(arguments)
    if options.only is not None:
        print(make(options.seed, options.only))
        tally = run(options.seed, range(options.only, options.only + 1))
        print(*sorted(tally.outcomes), *tally.broken, sep="\n")
        return 0 if tally.is_good else 1
    began = time.monotonic()
    tally, reached = run_parts(options.inputs, options.seed, options.processes)
    command = f"python -m tests.fuzz_wire --inputs {options.inputs} --seed {options.seed}"
    command += f" --processes {options.processes}"
    print(report(tally, command=command, seconds=time.monotonic() - began, reached=reached))
    return 0 if tally.is_good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
