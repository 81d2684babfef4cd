"""Cost against size: what a press takes with more accounts, positions, presses in the journal."""

from math import log

from tests.benchmarks.panel_plan import Plan
from tests.benchmarks.press import measured
from tests.benchmarks.table import Figure, Row

_FULL, _QUICK = 60, 4


def run(quick: bool) -> list[Figure]:
    rounds = _QUICK if quick else _FULL
    found = {
        "accounts": {n: Plan(rows=_ROWS, rounds=rounds, accounts=n, positions=n) for n in (1, 10, 100)},
        "positions": {n: Plan(rows=_ROWS, rounds=rounds, accounts=12, positions=n) for n in (1, 100, 2000)},
        "past presses": {n: Plan(rows=_ROWS, rounds=rounds, journalled=n) for n in (0, 1_000, 100_000)},
    }
    return [
        _line(name, {size: measured(plan) for size, plan in sizes.items()}) for name, sizes in found.items()
    ]


_ROWS = ("ours", "floor")


def _line(name: str, found: dict[int, dict[str, Row]]) -> Figure:
    """The exponent compares the press with the floor of the same minute, between the ends."""
    rows = tuple(Row(f"{size:,} {name}", each["ours"].samples) for size, each in found.items())
    over = {size: each["ours"].median / each["floor"].median for size, each in found.items()}
    least, most = min(size for size in over if size), max(over)
    exponent = log(over[most] / over[least]) / log(most / least)
    note = f"exponent {exponent:+.2f} from {least:,} to {most:,} (each over the floor of its own run)"
    return Figure("growth", f"a press, by the number of {name}", rows, notes=(note,))
