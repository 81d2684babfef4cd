"""The whole program in this process, and beside it the rods: `python -m tests.benchmarks.panel JSON`.

A release of the mouse is a real one (`QTest.mouseRelease` on the real button of the shown window); the clock
starts right before it and stops where the server, another process, read the last byte. The program has its
window, its journal on disk, its links and its proof. Only what comes after a press is hurried, so that three
hundred of them end this day: a tenth of the waiting times of proof and lock, and of the budget's refill.
"""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import certifi
from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton, QVBoxLayout, QWidget

from crosstrade_panel import app as app_module
from crosstrade_panel.app import Program
from crosstrade_panel.runtime import install_crash_hooks, run
from crosstrade_panel.storage.log import Redactor, end_log, start_log
from crosstrade_panel.storage.paths import HOME_VARIABLE, find_paths
from crosstrade_panel.system_clock import system_seconds
from crosstrade_panel.trading import budget
from crosstrade_panel.trading.pace import Pace
from crosstrade_panel.trading.press import Press
from crosstrade_panel.ui.banner import BannerCard
from crosstrade_panel.ui.press_button import PressButton
from crosstrade_panel.ui.view import Gesture, Look
from tests.benchmarks.bare import Rods
from tests.benchmarks.ends import TOKEN, Ends
from tests.benchmarks.long_journal import fill
from tests.benchmarks.panel_plan import Plan
from tests.benchmarks.whole import tell

LEFT = Qt.MouseButton.LeftButton
PATIENCE_S = 20.0
FINGER_S = 0.05
"""How long a finger stays down."""

_PLENTY = 16.0
"""Tokens of 20; presses one upon the other would measure how soon those come back."""

SETTLES_S = 0.06
"""What a click set going has come to an end by then, a round trip apart."""


def hurried(factor: float, cadence: float) -> Pace:
    """What follows a press, hurried; deadlines and what a press itself waits for are as ever."""
    usual = Pace()
    quick = usual.scaled(factor)
    return replace(
        usual,
        background_open_s=usual.background_open_s * cadence,
        background_flat_s=usual.background_flat_s * cadence,
        second_read_s=quick.second_read_s,
        looks_s=quick.looks_s,
        window_s=quick.window_s,
        least_lock_s=quick.least_lock_s,
    )


async def until(condition: Callable[[], object], what: str) -> None:
    """Looked at every few milliseconds, between the clicks: Qt's widgets tell nobody."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(what)
        await asyncio.sleep(0.005)


class Bench:
    """One run of the program with the rods beside it."""

    def __init__(self, app: QApplication, plan: Plan, ends: Ends) -> None:
        self.plan, self.ends = plan, ends
        self.program = Program(app, find_paths(), Redactor(), practice=False, base_url=ends.base_url)
        self.random = Random(7)
        self.program.show()
        self.window = self.program._window
        flatten = self.window.findChild(PressButton, "flattenButton")
        assert isinstance(flatten, PressButton)
        self.flatten = flatten
        self.rods = Rods(ends.base_url, str(ends.authority), TOKEN)
        self._rod_window = QWidget()
        layout = QVBoxLayout(self._rod_window)
        self._buttons: dict[str, QPushButton] = {}
        for name in ("floor", "httpx", "websockets", "vendor"):
            button = self._buttons[name] = QPushButton(name)
            button.clicked.connect(getattr(self.rods, name))
            layout.addWidget(button)
        self._turn = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        main = asyncio.ensure_future(self.program.main())
        try:
            yield
        finally:
            self.program._closed.set()
            await main

    async def prepare_rods(self) -> None:
        self._rod_window.show()
        await self.rods.open()

    async def is_live(self) -> None:
        """Positions were read, and a press would need no handshake."""
        await until(lambda: self.program._gateway is not None, "a gateway")
        await until(lambda: self.flatten.look is Look.READY, "FLATTEN, ready")
        if self.plan.uses_stream:
            await until(lambda: self.gateway._stream is not None and self.gateway._stream.is_open, "a stream")

    @property
    def gateway(self) -> Any:
        gateway: Any = self.program._gateway
        return gateway

    def _aimed_at(self, account: str) -> bool:
        face = self.flatten.face
        return self.flatten.look is Look.READY and face.gesture is Gesture.CLICK and account in face.lines[0]

    async def aim(self) -> str:
        """Choose the next account, as from the list of the picker."""
        account = self.ends.accounts[self._turn % len(self.ends.accounts)]
        self._turn += 1
        self.window.account_chosen.emit(account)
        await until(lambda: self._aimed_at(account), f"FLATTEN of {account}")
        await asyncio.sleep(SETTLES_S + self.random.random() * 0.1)
        return account

    async def _release(self, button: QWidget) -> float:
        """Press and release; milliseconds until the server had it all."""
        QTest.mousePress(button, LEFT)
        await asyncio.sleep(FINGER_S)
        began: list[float] = []

        def release() -> None:
            began.append(time.monotonic())
            QTest.mouseRelease(button, LEFT)

        self.ends.forget()
        asyncio.get_running_loop().call_soon(release)
        await asyncio.sleep(SETTLES_S + self.plan.round_trip_s)
        await until(lambda: self.ends.arrived, "the press, at the server")
        return (self.ends.arrived[0] - began[0]) * 1000

    async def click(self, row: str) -> float:
        """One click: "ours" by the panel, else by the rod of that name."""
        if row == "ours":
            return await self.click_ours()
        await asyncio.sleep(self.random.random() * 0.1)
        took_ms = await self._release(self._buttons[row])
        await asyncio.sleep(self.plan.round_trip_s)
        return took_ms

    async def click_ours(self, stress: str = "") -> float:
        account = await self.aim()
        await self.under(stress)
        took_ms = await self._release(self.flatten)
        if stress == "stuck read":
            self.ends.tell(stick=False)
        await self.settle(account, is_read=stress != "no budget")
        return took_ms

    async def settle(self, account: str, *, is_read: bool = True) -> Press:
        """Until the press has its outcome and is acknowledged; then its position is open again.

        `is_read`: there are tokens for the reads that prove it, within the hurried window.
        """
        press = self.program._presenter.book.presses[-1]
        await until(lambda: press.outcome is not None, "an outcome")
        assert press.outcome is not None
        assert not is_read or press.outcome.verdict.value in {"flat", "nothing_open"}, press.outcome
        self.window.acknowledged.emit(press.id)
        self.ends.tell(open=account)
        return press

    async def under(self, stress: str) -> None:
        """Bring about what a press must not care about."""
        match stress:
            case "stuck read":
                self.ends.tell(stick=True)
                links = self.gateway._rest
                await until(lambda: any(not link.is_idle for link in links._links), "a read")
                await asyncio.sleep(self.random.uniform(0.05, 2.5))
            case "no budget":
                watch = self.program._watch
                assert watch is not None
                for _ in range(40):
                    watch.budget.spend(system_seconds())
            case "idle":
                await asyncio.sleep(self.plan.idling_s)
            case _:
                pass

    async def rounds(self) -> dict[str, list[float]]:
        """Every row once a round, in an order that changes; the first rounds do not count."""
        plan = self.plan
        found: dict[str, list[float]] = {}
        turns = [
            *((row, "") for row in plan.rows if row != "ours"),
            *(("ours", each) for each in plan.stress),
        ]
        for number in range(plan.warm_up + plan.rounds):
            self.random.shuffle(turns)
            for row, stress in turns:
                took_ms = await (self.click_ours(stress) if row == "ours" else self.click(row))
                if number >= plan.warm_up:
                    found.setdefault(stress or row, []).append(took_ms)
        return found

    def _has_budget(self) -> bool:
        watch = self.program._watch
        return watch is not None and watch.budget.level(system_seconds()) >= _PLENTY

    async def flats(self) -> list[float]:
        """Milliseconds from each answer to the painted FLAT."""
        painted = Painted(self.program)
        found = []
        for _ in range(self.plan.warm_up + self.plan.rounds):
            await until(self._has_budget, "the budget that a first press has")
            account = await self.aim()
            await self._release(self.flatten)
            press = self.program._presenter.book.presses[-1]
            painted.at = 0.0  # until now it was the card of the press before
            await until(lambda: painted.at, "FLAT, painted")
            assert press.answered_at is not None
            found.append((painted.at - press.answered_at) * 1000)
            await self.settle(account)
        return found[self.plan.warm_up :]


class Painted(QObject):
    """When FLAT was first painted on a card, by the clock of a press."""

    def __init__(self, program: Program) -> None:
        super().__init__()
        self._program = program
        self.at = 0.0
        application = QApplication.instance()
        assert application is not None
        application.installEventFilter(self)

    def shows_flat(self) -> bool:
        view = self._program._presenter._shown
        if view is None or not view.banners:
            return False
        newest = self._program._presenter.book.presses[-1]
        return view.banners[0].press_id == newest.id and view.banners[0].title.startswith("FLAT ")

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        is_paint = not self.at and event.type() is QEvent.Type.Paint and isinstance(watched, BannerCard)
        if is_paint and self.shows_flat():
            QTimer.singleShot(0, self._note)  # once it is over
        return False

    def _note(self) -> None:
        self.at = self.at or system_seconds()


async def clicks(bench: Bench) -> dict[str, list[float]]:
    """What the plan wants of a program that is live."""
    if bench.plan.watches_flat:
        return {"answer → FLAT": await bench.flats()}
    if bench.plan.is_first:
        first = await bench.click_ours()
        return {"first click": [first], "ours": [await bench.click_ours() for _ in range(4)][2:]}
    if set(bench.plan.rows) != {"ours"}:
        await bench.prepare_rods()
    return await bench.rounds()


def program_at(plan: Plan, home: Path, ends: Ends, work: Callable[[Bench], Awaitable[None]]) -> None:
    """Run the program against these ends, do the work once it is live, and leave."""
    os.environ.update({HOME_VARIABLE: str(home / "panel"), "XTRADE_TOKEN": TOKEN})
    paths = find_paths()
    names = [f"Sim-{number:03}" for number in range(plan.accounts)]
    ends.accounts = names[: min(plan.positions, len(names), 12)]
    ends.tell(fill=[names, plan.positions])
    ends.tell(idle_s=plan.server_idle_s)
    certifi.where = lambda: str(ends.authority)
    if plan.uses_stream:
        paths.config.mkdir(parents=True, mode=0o700)
        paths.settings.write_text("use_stream = true\n")
    if plan.journalled:
        fill(paths.journal, plan.journalled)
    pace = hurried(plan.hurry, plan.cadence)
    setattr(app_module, "Pace", lambda: pace)  # noqa: B010 - to the type checker a constant
    budget.REFILL_PER_S = budget.REFILL_PER_S / min(plan.hurry, plan.cadence)
    app = QApplication(["bench"])
    app.setStyle("Fusion")
    log = start_log(paths.log_of("panel"), Redactor())
    install_crash_hooks()
    bench = Bench(app, plan, ends)

    async def main() -> int:
        async with bench.running():
            await bench.is_live()
            await work(bench)
        return 0

    try:
        run(app, main)
    finally:
        end_log(log)


def measure(plan: Plan, home: Path) -> dict[str, list[float]]:
    """Run the program and do what the plan says."""
    found: dict[str, list[float]] = {}

    async def work(bench: Bench) -> None:
        found.update(await clicks(bench))

    with Ends(home, plan.round_trip_s) as ends:
        program_at(plan, home, ends, work)
    return found


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        tell(measure(Plan.of(sys.argv[1]), Path(folder)))
