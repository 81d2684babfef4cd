"""P2: the same at 40 ms there and back."""

from tests.benchmarks.panel_plan import Plan
from tests.benchmarks.press import FULL, NAMES, QUICK, measured
from tests.benchmarks.table import Figure, Goal, ratio

ROUND_TRIP_S = 0.040


def run(quick: bool) -> list[Figure]:
    rows = measured(Plan(rows=tuple(NAMES), rounds=QUICK if quick else FULL, round_trip_s=ROUND_TRIP_S))
    ours, floor = rows["ours"], rows["floor"]
    goals = (
        Goal("p50 against the floor", ratio(ours, floor), must=1.10, aim=1.05),
        Goal("p99 against the floor's", ratio(ours, floor, 0.99), must=1.35),
        Goal("p50, times faster than vendor", ratio(rows["vendor"], ours), must=5.5, at_least=True),
    )
    title = "mouse released → last byte at the server, REST, 40 ms round trip"
    note = "the line is a process of its own: 20 ms each way, and a round trip for each new connection"
    return [Figure("P2", title, tuple(rows[name] for name in NAMES), goals, floor.name, (note,))]
