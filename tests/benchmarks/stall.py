"""P7: how long the event loop stands still with 100 accounts × 20 positions, and how soon a press is seen.

`python -m tests.benchmarks.stall ADDRESS SECONDS UNRESOLVED ROWS PATIENCE` is one run of the program in a
process of its own: for so long, with so many flattens of everything that got no answer to speak of, and then
while so many rows of the journal load. Each ten seconds of it begin once the machine is calm: for that it
waits `PATIENCE` seconds at most in all.
"""

import asyncio
import math
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtTest import QTest

from crosstrade_panel.app import Program
from crosstrade_panel.ui import press_button
from crosstrade_panel.ui.press_button import PressButton
from crosstrade_panel.ui.tables import LineTable
from crosstrade_panel.ui.view import Look
from tests.benchmarks.large_exchange import large_exchange
from tests.benchmarks.lateness import BareLoop, Lateness, Patience
from tests.benchmarks.long_journal import fill
from tests.benchmarks.table import Figure, Goal, Row
from tests.benchmarks.whole import Numbers, in_a_process, run_program, until

_LEFT = Qt.MouseButton.LeftButton
_SETTLE_S = 12.0
_SECONDS, _QUICK_SECONDS = 600.0, 20.0
_PIECE_S = 10.0
_PATIENCE_S = 1_800.0
"""For so long it waits for a machine that is calm."""
_ROWS, _QUICK_ROWS = 10_000, 1_000
_UNRESOLVED = 3
_CADENCE_S = 2 / 3
"""Positions are read in two turns of three: so they are new once a second."""
_P99_MS = 8.0
_TRIES = 20
_FRAME_MS = 16.0


def run(quick: bool) -> list[Figure]:
    """The lateness of the loop, quiet, with presses unresolved, while the journal loads; and of the paint."""
    seconds, rows, patience_s = (
        (_QUICK_SECONDS, _QUICK_ROWS, 0.0) if quick else (_SECONDS, _ROWS, _PATIENCE_S)
    )
    with large_exchange() as address:
        with BareLoop().running() as bare:
            found = in_a_process(__spec__.name, address, seconds, 0, rows, patience_s)
        unresolved = in_a_process(__spec__.name, address, seconds / 4, _UNRESOLVED, 0, patience_s)
    still = Row("a bare loop in a process beside it", bare.late_ms(found["usual"]["spans"]))
    paint = Row("press → its paint", tuple(found["paint"]))
    busy_paint = Row("press → its paint, so many unresolved", tuple(unresolved["paint"]))
    measured = {
        "refreshed at 1 Hz": found["usual"],
        f"while {found['rows']:,} journal rows load": found["loading"],
        f"with {_UNRESOLVED} unresolved flattens of everything": unresolved["usual"],
    }
    late = [Row(name, tuple(each["late"])) for name, each in measured.items()]
    own = [Row(f"{name}: own work", tuple(each["own"])) for name, each in measured.items()]
    goals = [
        Goal(f"{row.name}, p{share * 100:g}", row.quantile(share), must_ms, unit="ms", is_ratio=False)
        # Three at once is more than any goal speaks of; shown all the same.
        for row in (*late[:2], *own[:2])
        for share, must_ms in ((0.99, _P99_MS), (0.999, _FRAME_MS))
    ]
    painted = Goal("press feedback painted, p99", paint.quantile(0.99), _FRAME_MS, unit="ms", is_ratio=False)
    rows_shown = (still, *late, *own, paint, busy_paint)
    longest = ", ".join(f"{row.name} {max(row.samples):.1f} ms" for row in rows_shown)
    notes = (
        f"100 accounts × 20 positions, every price another one each time; {seconds:.0f} s",
        f"with presses unresolved {seconds / 4:.0f} s; {found['reads']} and {unresolved['reads']} reads",
        f"each {_PIECE_S:.0f} s began once a bare loop was in time for 5 s; waited {found['waited_s']:.0f} s",
        "sampled every 5 ms: a stall counts for as long as it is",
        "own work: what of each wait the loop's thread was at work itself; the rest is of the machine",
        f"p99.9 of a bare loop in a process beside it: {still.quantile(0.999):.1f} ms; longest: {longest}",
    )
    return [Figure("P7", "stall of the event loop", rows_shown, (*goals, painted), notes=notes)]


# -- in its own process


class Finger:
    """Presses FLATTEN at moments that the loop does not choose, and lets go before anything is complete."""

    def __init__(self, button: PressButton) -> None:
        self.painted_ms: list[float] = []
        self._button = button
        self._fell_at: float | None = None
        self._random = Random(1)
        self._is_over = threading.Event()
        self._thread: threading.Thread
        self._loop = asyncio.get_running_loop()
        paint = getattr(press_button, "paint_button")  # noqa: B009 - the type checker wants it exported

        def painted(*arguments: Any) -> None:
            paint(*arguments)
            if button in arguments and self._fell_at is not None and button.phase.name != "IDLE":
                self.painted_ms.append((time.perf_counter() - self._fell_at) * 1000)
                self._fell_at = None

        # Not the method of the class: Qt keeps the one that it has called before.
        setattr(press_button, "paint_button", painted)  # noqa: B010 - its names are the type checker's, too

    def begin(self) -> None:
        """Go on pressing."""
        self._is_over.clear()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def end(self) -> list[float]:
        """Milliseconds from each press so far to the end of the paint that shows it."""
        self._is_over.set()
        self._thread.join()
        return self.painted_ms

    def _run(self) -> None:
        while not self._is_over.wait(self._random.uniform(0.3, 0.7)):
            self._loop.call_soon_threadsafe(self._press, time.perf_counter())

    def _press(self, fell_at: float) -> None:
        if self._button.look in {Look.READY, Look.LOOKS_DEAD}:
            self._fell_at = fell_at
            QTest.mousePress(self._button, _LEFT)
            QTimer.singleShot(60, self._button, self._let_go)

    def _let_go(self) -> None:
        QTest.mouseRelease(self._button, _LEFT, pos=QPoint(-50, -50))
        self._fell_at = None


async def _measure(
    program: Program, seconds: float, unresolved: int, rows: int, patience: Patience
) -> Numbers:
    desk = program._presenter._desk
    button = program._window.findChild(PressButton, "flattenButton")
    assert desk is not None
    assert isinstance(button, PressButton)
    reads = [0]
    desk.watch.followers.append(lambda _: reads.__setitem__(0, reads[0] + 1))
    for _ in range(unresolved):
        await _flatten_everything(program, button)
    await asyncio.sleep(_SETTLE_S)
    lateness, finger = Lateness(program._window), Finger(button)
    found: Numbers = {"reads": 0}
    pieces = math.ceil(seconds / _PIECE_S)
    for _ in range(pieces):
        await patience.calm()
        before = reads[0]
        lateness.begin()
        finger.begin()
        await asyncio.sleep(seconds / pieces)
        found |= {"usual": lateness.end(), "paint": finger.end(), "reads": found["reads"] + reads[0] - before}
    open_now = sum(press.is_unresolved for press in program._presenter.book.presses)
    assert open_now == unresolved, f"{open_now} presses are unresolved"
    found["waited_s"] = patience.waited_s
    if rows:
        await patience.calm()
        found |= await _load_the_journal(program, rows)
    return found


async def _flatten_everything(program: Program, button: PressButton) -> None:
    """By the gesture: held until it is out, and waited for until it is told.

    A loop that comes late breaks a hold, as it should: then it is held again.
    """
    known = len(program._presenter.book.presses)
    for _ in range(_TRIES):
        await until(lambda: button.look in {Look.READY, Look.LOOKS_DEAD})
        QTest.mousePress(button, _LEFT)
        with suppress(AssertionError):
            await until(lambda: len(program._presenter.book.presses) > known, deadline_s=2.0)
        QTest.mouseRelease(button, _LEFT)
        if len(program._presenter.book.presses) > known:
            break
    await until(lambda: all(press.outcome is not None for press in program._presenter.book.presses))


async def _load_the_journal(program: Program, rows: int) -> Numbers:
    """Scroll to the end of the journal's page again and again."""
    page = program._window.journal
    tabs = program._window._tabs
    lateness = Lateness(program._window)
    lateness.begin()
    tabs.setCurrentWidget(page)
    table = page.findChild(LineTable, "journalView")
    assert isinstance(table, LineTable)
    bar, model = table.verticalScrollBar(), table.line_model
    end = time.monotonic() + 240
    while len(model.lines) < rows and time.monotonic() < end:
        bar.setValue(bar.maximum())
        await asyncio.sleep(0.02)
    await asyncio.sleep(1.0)
    return {"loading": lateness.end(), "rows": len(model.lines)}


def main() -> None:
    address, seconds, unresolved, rows, patience_s = sys.argv[1:]

    def prepare(journal: Path) -> None:
        if int(rows):
            fill(journal, int(rows) + 200)

    run_program(
        lambda program: _measure(
            program, float(seconds), int(unresolved), int(rows), Patience(float(patience_s))
        ),
        base_url=address,
        cadence_s=_CADENCE_S,
        prepare=prepare,
    )


if __name__ == "__main__":
    main()
