"""P4: the first click after the start, and a click after idling, where the server closes idle links.

The idling is compressed: the panel's cadence and the server's patience are both shortened by the same factor,
so that as many reads, and as many chances to close a link, lie between two clicks as in a longer time: half a
minute, or one and a half times as long as the server's patience. An hour is that again and again.
"""

from tests.benchmarks.panel_plan import Plan
from tests.benchmarks.press import measured
from tests.benchmarks.table import Figure, Goal, Row, ratio

_FASTER = 20.0
_STARTS, _CLICKS = 100, 100
_IDLING_S = 1.5
_LONGER = 1.5


def run(quick: bool) -> list[Figure]:
    starts, clicks = (3, 6) if quick else (_STARTS, _CLICKS)
    found = [measured(Plan(is_first=True)) for _ in range(starts)]
    first = Row("first click", tuple(ms for each in found for ms in each["first click"].samples))
    later = Row("a later click", tuple(ms for each in found for ms in each["ours"].samples))
    goal = Goal("first click: p50 against later ones", ratio(first, later), must=1.2)
    note = f"{starts} starts of the program; the later clicks are the fourth and fifth of each"
    figures = [Figure("P4", "the first click after the start", (later, first), (goal,), later.name, (note,))]
    rows, goals, idled = [], [], []
    for patience_s in (5.0, 60.0, None):
        words = "never" if patience_s is None else f"after {patience_s:.0f} s"
        idling_s = max(_IDLING_S, _LONGER * (patience_s or 0.0) / _FASTER)
        idled.append(f"{idling_s} s stand for {idling_s * _FASTER:.0f} s (closes {words})")
        plan = Plan(
            rounds=clicks,
            stress=("", "idle"),
            idling_s=idling_s,
            cadence=1 / _FASTER,
            server_idle_s=None if patience_s is None else patience_s / _FASTER,
        )
        each = measured(plan)
        rows.append(Row(f"closes {words}: usual", each["ours"].samples))
        rows.append(Row(f"closes {words}: after idling", each["idle"].samples))
        above = ratio(each["idle"], each["ours"])
        goals.append(Goal(f"closes {words}: p50 after idling against a usual one", above, must=1.2))
    idling = f"{_FASTER:.0f} times faster: before each click {', '.join(idled)}"
    return [*figures, Figure("P4", "a click after idling", tuple(rows), tuple(goals), "", (idling,))]
