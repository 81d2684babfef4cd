"""P11: a line that goes dead while nothing is done, until the status line says so. Takes network namespaces.

Linux and the right to make namespaces; where there is none, that is said instead of figures.
"""

import asyncio
import json
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import cast

from tests.benchmarks.panel_plan import Plan
from tests.benchmarks.table import Figure, Goal, Row
from tests.benchmarks.whole import in_a_process, tell
from tests.links.namespace import NamespaceError

_FULL, _QUICK = 10, 1


def run(quick: bool) -> list[Figure]:
    from crosstrade_panel.trading.pace import Pace

    title = "the line goes dead while idle → the status says so"
    found = cast("dict[str, object]", in_a_process("tests.benchmarks.dead_link", _QUICK if quick else _FULL))
    if "missing" in found:
        return [Figure("P11", title, (), notes=(f"not measured: {found['missing']}",))]
    row = Row("status line", tuple(cast("list[float]", found["ms"])))
    limit_ms = (Pace().background_open_s + 3.0) * 1000
    goal = Goal("the slowest, cadence + 3 s", max(row.samples), must=limit_ms, unit="ms", is_ratio=False)
    return [Figure("P11", title, (row,), (goal,))]


def measure(times: int) -> dict[str, object]:
    """In a namespace of our own, with the server in another; the wire between them is cut and healed."""
    from crosstrade_panel.ui.presenter import Presenter
    from crosstrade_panel.ui.view import Tone
    from tests.benchmarks import panel
    from tests.benchmarks.ends import Ends
    from tests.links.wire import FAR, Line

    found: list[float] = []

    def is_well(presenter: Presenter) -> bool:
        shown = presenter._shown
        return shown is not None and shown.status.tone is Tone.GOOD

    async def watch(bench: panel.Bench, line: Line) -> None:
        presenter = bench.program._presenter
        for number in range(times):
            await asyncio.sleep(1.0 + 0.37 * (number % 4))
            line.wire.cut()
            began = time.monotonic()
            await panel.until(lambda: not is_well(presenter), "the status line")
            found.append((time.monotonic() - began) * 1000)
            line.wire.heal()
            await panel.until(lambda: is_well(presenter), "the link again")
            await asyncio.sleep(2.0)

    try:
        with Line() as line, tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
            ends = Ends(Path(folder), host=FAR)
            with line.far.inside():
                ends.__enter__()
            try:
                panel.program_at(
                    replace(Plan(), hurry=1.0), Path(folder), ends, lambda bench: watch(bench, line)
                )
            finally:
                line.wire.heal()
                ends.__exit__(None, None, None)
    except NamespaceError as error:
        return {"missing": str(error)}
    return {"ms": found}


if __name__ == "__main__":
    tell(json.loads(json.dumps(measure(int(sys.argv[1])))))
