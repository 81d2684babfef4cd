"""P12: from the answer to FLAT on the screen, the proof at its own pace; the exchange is flat at once."""

from tests.benchmarks.panel_plan import Plan
from tests.benchmarks.press import measured
from tests.benchmarks.table import Figure, Goal, Row

_READS_APART_MS = 1000.0
_FULL, _QUICK = 30, 2


def run(quick: bool) -> list[Figure]:
    rows: list[Row] = []
    goals: list[Goal] = []
    for round_trip_s in (0.0, 0.040):
        plan = Plan(
            rounds=_QUICK if quick else _FULL,
            warm_up=1,
            round_trip_s=round_trip_s,
            hurry=1.0,
            watches_flat=True,
        )
        name = "loopback" if not round_trip_s else f"{round_trip_s * 1000:.0f} ms round trip"
        row = Row(name, measured(plan)["answer → FLAT"].samples)
        rows.append(row)
        limit_ms = _READS_APART_MS + 3 * round_trip_s * 1000 + 50
        goals.append(Goal(f"{name}: p50", row.median, must=limit_ms, unit="ms", is_ratio=False))
    return [Figure("P12", "answer → FLAT painted", tuple(rows), tuple(goals))]
