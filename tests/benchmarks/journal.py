"""P10: the journal's page with 100,000 presses: how soon it is there, and how soon it is narrowed.

`python -m tests.benchmarks.journal ADDRESS PRESSES TIMES PATIENCE` is one run of the program in a process of
its own; each time begins once the machine is calm: for that it waits `PATIENCE` seconds at most in all.
"""

import asyncio
import sys
import time

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit

from crosstrade_panel.app import Program
from crosstrade_panel.ui.tables import LineTable
from tests.benchmarks.large_exchange import large_exchange
from tests.benchmarks.lateness import BareLoop, Lateness, Patience
from tests.benchmarks.long_journal import fill
from tests.benchmarks.table import Figure, Goal, Row
from tests.benchmarks.whole import Numbers, in_a_process, run_program, until

_PRESSES = 100_000
_TIMES, _QUICK_TIMES = 30, 5
_SETTLE_S = 3.0
_BETWEEN_S = 0.5
_PATIENCE_S = 1_800.0
"""For so long it waits for a machine that is calm."""
_FRAME_MS = 16.0
_WORDS = ("apex-07", "unknown", "reversed", "mes 12-25", "apex-33", "nothing to be found")
"""Some that are in every tenth press, some in one of a hundred, one in none."""


def run(quick: bool) -> list[Figure]:
    """From the click on the tab, and from the last letter typed, to the list that shows it."""
    with large_exchange(1, 2) as address, BareLoop().running() as bare:
        times, patience_s = (_QUICK_TIMES, 0.0) if quick else (_TIMES, _PATIENCE_S)
        found = in_a_process(__spec__.name, address, _PRESSES, times, patience_s)
    opening, filtering = (
        Row("opening the view", tuple(found["open"])),
        Row("filtering", tuple(found["filter"])),
    )
    late, own = Row("late meanwhile", tuple(found["late"])), Row("of that, own work", tuple(found["own"]))
    still = Row("a bare loop in a process beside it", bare.late_ms(found["spans"]))
    goals = (
        Goal("opening, p95", opening.quantile(0.95), 100.0, unit="ms", is_ratio=False),
        Goal("filtering, p95", filtering.quantile(0.95), 200.0, unit="ms", is_ratio=False),
        Goal("stall, the longest", max(late.samples), _FRAME_MS, unit="ms", is_ratio=False),
        Goal("stall by own work, the longest", max(own.samples), _FRAME_MS, unit="ms", is_ratio=False),
    )
    notes = (
        f"{_PRESSES:,} presses; filters: {', '.join(_WORDS)}",
        f"each time began once a bare loop had been in time for 5 s; waited: {found['waited_s']:.0f} s",
        f"longest stall of a bare loop in a process beside it: {max(still.samples):.1f} ms",
    )
    return [Figure("P10", "the journal's page", (opening, filtering, still, late, own), goals, notes=notes)]


async def _measure(program: Program, times: int, patience: Patience) -> Numbers:
    tabs, page = program._window._tabs, program._window.journal
    first = tabs.currentWidget()
    table = page.findChild(LineTable, "journalView")
    typed = page.findChild(QLineEdit, "journalSearch")
    assert isinstance(table, LineTable)
    assert isinstance(typed, QLineEdit)
    archive = program._archive
    assert archive is not None
    shown_at = 0.0
    show_page = page.show_page

    def shown(*arguments: object) -> None:
        nonlocal shown_at
        show_page(*arguments)  # type: ignore[arg-type]
        shown_at = time.perf_counter()

    setattr(page, "show_page", shown)  # noqa: B010 - the type checker takes it for a constant

    async def seen(since: float) -> float:
        await until(lambda: shown_at > since)
        return (shown_at - since) * 1000

    await asyncio.sleep(_SETTLE_S)
    lateness = Lateness(program._window)
    found: Numbers = {}
    opened: list[float] = []
    narrowed: list[float] = []
    bar = tabs.tabBar()
    for number in range(times):
        await patience.calm()
        lateness.begin()
        began = time.perf_counter()
        QTest.mouseClick(bar, Qt.MouseButton.LeftButton, pos=bar.tabRect(tabs.indexOf(page)).center())
        opened.append(await seen(began))
        await asyncio.sleep(_BETWEEN_S)
        typed.setText(_WORDS[number % len(_WORDS)][:-1])
        await asyncio.sleep(0.05)
        began = time.perf_counter()
        typed.setText(_WORDS[number % len(_WORDS)])
        narrowed.append(await seen(began))
        await asyncio.sleep(_BETWEEN_S)
        typed.clear()
        tabs.setCurrentWidget(first)
        await asyncio.sleep(_BETWEEN_S)
        found |= lateness.end()
    return {**found, "waited_s": patience.waited_s, "open": opened, "filter": narrowed}


if __name__ == "__main__":
    server, presses, so_often, wait_s = sys.argv[1:]
    run_program(
        lambda program: _measure(program, int(so_often), Patience(float(wait_s))),
        base_url=server,
        prepare=lambda path: fill(path, int(presses)),
    )
