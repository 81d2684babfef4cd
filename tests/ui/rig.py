"""A presenter over a scripted API in virtual time, for every test of what it decides."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from crosstrade_panel.domain.scope import Scope
from crosstrade_panel.domain.snapshot import Source
from crosstrade_panel.domain.ticket import ReverseTicket
from crosstrade_panel.trading.budget import Budget
from crosstrade_panel.trading.desk import Desk
from crosstrade_panel.trading.pace import Pace
from crosstrade_panel.trading.press import Press
from crosstrade_panel.trading.record import Record
from crosstrade_panel.trading.vigil import Vigil
from crosstrade_panel.trading.watch import Watch
from crosstrade_panel.ui.presenter import Presenter
from crosstrade_panel.ui.view import PanelView
from tests.fakes import FakeGateway, LoopClock, MemoryJournal, position


class LooseSupervisor:
    """Starts tasks and keeps them."""

    def __init__(self) -> None:
        self.tasks: list[asyncio.Task[None]] = []

    def start(self, _name: str, work: Coroutine[Any, Any, None], *, at_once: bool = False) -> None:
        self.tasks.append(asyncio.get_running_loop().create_task(work))


class Rig:
    """A presenter over a scripted API; what it shows and tells is written down."""

    def __init__(self, gateway: FakeGateway | None = None) -> None:
        self.gateway = gateway or FakeGateway(open=[position()])
        self.clock = LoopClock()
        self.pace = Pace()
        self.journal = MemoryJournal()
        self.views: list[PanelView] = []
        self.alerts: list[Press] = []
        self.reverse_ends = 0
        self.committed: list[str | None] = []
        self.supervisor = LooseSupervisor()
        self.made = 0
        self.presenter = Presenter(
            self.clock,
            self.pace,
            self.supervisor,
            new_id=self._new_id,
            show=self._show,
            alert=self.alerts.append,
            reverse_ended=self._end_reverse,
            account_committed=self.committed.append,
        )
        self.watch = Watch(self.gateway, self.clock, Budget(self.clock.monotonic()), self.pace)

    def connect(self, *, is_practice: bool = False, last_account: str | None = None) -> None:
        desk = Desk(
            gateway=self.gateway,
            watch=self.watch,
            record=Record(self.journal, self.clock, "https://example.test", is_practice=is_practice),
            book=self.presenter.new_book(),
            clock=self.clock,
            pace=self.pace,
            on_change=self.presenter.on_press_changed,
        )
        Vigil(desk, lambda: self.presenter.pressed_elsewhere)
        self.presenter.connect(desk, is_practice=is_practice, last_account=last_account)

    def _new_id(self) -> str:
        self.made += 1
        return f"press-{self.made}"

    def _show(self, view: PanelView) -> None:
        self.views.append(view)

    def _end_reverse(self) -> None:
        # As the window does: what ends shows itself as released.
        self.reverse_ends += 1
        self.presenter.on_reverse_released()

    def view(self) -> PanelView:
        return self.views[-1]

    def scope(self) -> Scope:
        return self.presenter.scope

    @property
    def sent(self) -> list[Scope | ReverseTicket]:
        return self.gateway.sent

    async def read(self) -> None:
        for source in (Source.SNAPSHOT, Source.POSITIONS):
            await self.watch.positions(source)
        await self.turn()

    async def turn(self) -> None:
        for _ in range(4):
            await asyncio.sleep(0)

    async def pass_time(self, seconds: float) -> None:
        """As a timer of the window does, it looks at the time now and then."""
        end = self.clock.monotonic() + seconds
        while (left := end - self.clock.monotonic()) > 0:
            await asyncio.sleep(min(0.2, left))
            self.presenter.refresh()

    async def finish(self) -> None:
        await asyncio.gather(*self.supervisor.tasks)
        await self.turn()

    def hold_reverse(self) -> ReverseTicket:
        """The finger goes down on REVERSE."""
        ticket = self.view().reverse.ticket
        assert ticket is not None, self.view().reverse.lines
        self.presenter.on_reverse_started(ticket)
        return ticket
