"""P3: over the stream, over loopback."""

from tests.benchmarks.panel_plan import Plan
from tests.benchmarks.press import FULL, QUICK, measured
from tests.benchmarks.table import Figure, Goal, ratio


def run(quick: bool) -> list[Figure]:
    names = ("ours", "websockets", "floor")
    rows = measured(Plan(rows=names, rounds=QUICK if quick else FULL, uses_stream=True))
    ours, bare = rows["ours"], rows["websockets"]
    goals = (Goal("p50 against bare websockets", ratio(ours, bare), must=2.5, aim=1.5),)
    title = "mouse released → last byte at the server, stream, loopback"
    return [Figure("P3", title, tuple(rows[name] for name in names), goals, bare.name)]
