"""Use cases are tested in virtual time: ten seconds of verification take none."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest

from crosstrade_panel.domain.cancel import ListedOrders
from crosstrade_panel.domain.scope import OneAccount, Scope
from crosstrade_panel.domain.snapshot import Order, Source
from crosstrade_panel.domain.ticket import ReverseTicket
from crosstrade_panel.trading.budget import Budget
from crosstrade_panel.trading.desk import Desk
from crosstrade_panel.trading.pace import Pace
from crosstrade_panel.trading.ports import EntryKind
from crosstrade_panel.trading.press import Press, PressBook
from crosstrade_panel.trading.record import Record
from crosstrade_panel.trading.vigil import Vigil
from crosstrade_panel.trading.watch import Watch
from tests.fakes import FakeGateway, LoopClock, MemoryJournal, VirtualTimeLoop


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Callable[[], VirtualTimeLoop]]]:
    """Every async test here runs in virtual time."""
    return ("asyncio", {"loop_factory": VirtualTimeLoop})


@dataclass
class Panel:
    """A desk with its fakes, and a counter for the names of presses."""

    gateway: FakeGateway
    journal: MemoryJournal
    clock: LoopClock
    desk: Desk
    changes: list[Press] = field(default_factory=list)
    made: int = 0

    def press(self, scope: Scope, ticket: ReverseTicket | None = None) -> Press:
        """A completed gesture, entered in the book."""
        self.made += 1
        press = Press(f"press-{self.made}", scope, self.clock.monotonic(), self.clock.now(), ticket)
        self.desk.book.open(press)
        return press

    def cancel_press(self, *orders: Order) -> Press:
        """A completed gesture on these listed orders."""
        listed = ListedOrders(orders)
        press = self.press(listed.scope)
        press.cancel = listed
        return press

    def reverse_press(self, ticket: ReverseTicket) -> Press:
        """A completed reverse gesture."""
        return self.press(OneAccount(ticket.account, ticket.instrument), ticket)

    async def look(self, *sources: Source) -> None:
        """Let the watch read, as the background does before a press."""
        for source in sources or (Source.SNAPSHOT, Source.POSITIONS):
            await self.desk.watch.positions(source)

    @contextlib.asynccontextmanager
    async def followed(self) -> AsyncIterator[None]:
        """What the window has besides: the background reads, and the vigil over presses that have ended."""
        Vigil(self.desk)
        background = asyncio.create_task(self.desk.watch.run())
        try:
            yield
        finally:
            background.cancel()
            await asyncio.gather(background, return_exceptions=True)

    def outcomes(self, press: Press | None = None) -> list[str]:
        """The verdicts that the journal has, in order; of one press or of all."""
        return [
            str(entry.facts["verdict"])
            for entry in self.journal.entries
            if entry.kind is EntryKind.OUTCOME and (press is None or entry.press_id == press.id)
        ]


def _make(
    gateway: FakeGateway | None = None, *, has_past: bool = True, journal: MemoryJournal | None = None
) -> Panel:
    gateway = gateway or FakeGateway()
    journal = journal or MemoryJournal()
    clock = LoopClock()
    pace = Pace()
    watch = Watch(gateway, clock, Budget(clock.monotonic()), pace)
    changes: list[Press] = []
    desk = Desk(
        gateway,
        watch,
        Record(journal, clock, "https://example.test", is_practice=False),
        PressBook(pace),
        clock,
        pace,
        changes.append,
        has_past,
    )
    return Panel(gateway, journal, clock, desk, changes)


@pytest.fixture
def make_panel() -> Callable[..., Panel]:
    """Makes a desk over a scripted API; call it inside the running loop."""
    return _make


@pytest.fixture(scope="session")
def make_desk() -> Callable[..., Panel]:
    """The same for property tests, which may not use a fixture that lives as long as one example."""
    return _make
