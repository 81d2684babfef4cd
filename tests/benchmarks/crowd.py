"""P5: a press while a read is stuck, while the budget is empty, and with a long journal."""

from tests.benchmarks.panel_plan import Plan
from tests.benchmarks.press import FULL, QUICK, measured
from tests.benchmarks.table import Figure, Goal, Row, ratio

STRESSES = ("stuck read", "no budget")
PRESSES = 100_000


def run(quick: bool) -> list[Figure]:
    rounds = QUICK if quick else FULL
    rows = measured(Plan(rounds=rounds, stress=("", *STRESSES)))
    found = [Figure("P5", "a press beside a read stuck for 3 s, and without budget", *_told(rows, STRESSES))]
    long = measured(Plan(rows=("ours", "floor"), rounds=rounds, journalled=PRESSES))
    short = measured(Plan(rows=("ours", "floor"), rounds=rounds))
    # Two processes: each is measured by the floor of its own minutes.
    above = ratio(long["ours"], long["floor"]) / ratio(short["ours"], short["floor"])
    return [
        *found,
        Figure(
            "P5",
            f"a press with {PRESSES:,} presses in the journal",
            (
                Row("100,000 presses", long["ours"].samples),
                Row("its floor", long["floor"].samples),
                Row("none", short["ours"].samples),
                Row("its floor ", short["floor"].samples),
            ),
            (Goal("p50 over its floor's, against that without a journal", above, must=1.2),),
            "none",
        ),
    ]


def _told(rows: dict[str, Row], names: tuple[str, ...]) -> tuple[tuple[Row, ...], tuple[Goal, ...], str]:
    usual = rows["ours"]
    goals = tuple(
        Goal(f"{name}: p50 against a usual press", ratio(rows[name], usual), must=1.2) for name in names
    )
    return (usual, *(rows[name] for name in names)), goals, usual.name
