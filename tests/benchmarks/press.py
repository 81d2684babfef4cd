"""P1: from the release of the mouse to the last byte at the server, over REST, over loopback."""

from typing import cast

from tests.benchmarks.panel_plan import Plan
from tests.benchmarks.table import Figure, Goal, Row, ratio
from tests.benchmarks.whole import in_a_process

FULL, QUICK = 300, 6
OURS = "FLATTEN, whole program"
NAMES = {
    "ours": OURS,
    "floor": "floor: pre-encoded, one write",
    "httpx": "bare httpx, warm",
    "websockets": "bare websockets, warm",
    "vendor": "vendor: requests.post",
}


def measured(plan: Plan) -> dict[str, Row]:
    """The rows of one process that carried out a plan."""
    found = cast("dict[str, list[float]]", in_a_process("tests.benchmarks.panel", plan.as_json()))
    return {name: Row(NAMES.get(name, name), tuple(each)) for name, each in found.items()}


def run(quick: bool) -> list[Figure]:
    rows = measured(Plan(rows=tuple(NAMES), rounds=QUICK if quick else FULL))
    ours, bare = rows["ours"], rows["httpx"]
    goals = (
        Goal("p50 against bare httpx", ratio(ours, bare), must=1.5, aim=1.0),
        Goal("p50, times faster than vendor", ratio(rows["vendor"], ours), must=9.0, at_least=True),
    )
    return [
        Figure(
            "P1",
            "mouse released → last byte at the server, REST, loopback",
            tuple(rows[name] for name in NAMES),
            goals,
            bare.name,
        )
    ]
