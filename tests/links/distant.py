"""What stands at both ends of the wire: the contract server far away, and the panel's own parts near by."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Self

from crosstrade_panel.crosstrade.link import Link
from crosstrade_panel.crosstrade.rest import LinkReport, RestGateway
from crosstrade_panel.domain.scope import OneAccount, Scope
from crosstrade_panel.domain.snapshot import Position
from crosstrade_panel.trading.budget import Budget
from crosstrade_panel.trading.desk import Desk
from crosstrade_panel.trading.pace import Pace
from crosstrade_panel.trading.press import Phase, Press, PressBook
from crosstrade_panel.trading.record import Record
from crosstrade_panel.trading.watch import Watch
from tests.contract.server import ContractServer
from tests.contract.wire import Connection
from tests.contract_server import Call
from tests.crosstrade.gateways import RealClock, gateway_to
from tests.fakes import MemoryJournal
from tests.links.wire import FAR, Line

SCOPE = OneAccount("Sim101", "MES 12-25")

Figure = Callable[[str, float], None]
"""Notes a measured time, given in seconds, in the test's record."""


class DistantServer(ContractServer):
    """The contract server, with TLS, on the far host. `opened`: when each connection was accepted."""

    def __init__(self, line: Line, *, idle_s: float | None = None) -> None:
        super().__init__(tls=True, hosts=(FAR,), idle_s=idle_s)
        self.opened: dict[int, float] = {}
        self._line = line

    def start(self) -> Self:
        """Listen over there; the threads that serve are over there, too."""
        alarm, self._bell = socket.socketpair()
        with self._line.far.inside():
            self._listener = socket.create_server((FAR, self.port), backlog=64)
            self._listener.setblocking(False)
            self.port = self._listener.getsockname()[1]
            self._thread = threading.Thread(target=self._accept, args=(self._listener, alarm), name="distant")
            self._thread.start()
        return self

    @property
    def base_url(self) -> str:
        return f"https://{FAR}:{self.port}"

    def _welcome(self, raw: socket.socket) -> None:
        self.opened[self.connections + 1] = time.monotonic()
        super()._welcome(raw)

    def forget(self, number: int) -> None:
        """Lose a connection without a word, as a machine that is restarted: its RST never arrives."""
        with self._changed:
            link, thread = next(each for each in self._links.items() if each[0].number == number)
        flow = flow_of(link)
        self._line.wire.lost_flows.add(flow)
        link.cut(reset=True)
        thread.join(5)
        self._line.wire.lost_flows.discard(flow)

    def number_of(self, link: Link) -> int:
        """The server's number of the connection that a link has."""
        with self._changed:
            return next(each.number for each in self._links if flow_of(each) == flow_of(link))

    def calls_on(self, number: int) -> list[Call]:
        """What came over one connection."""
        return [call for call in self.log if call.connection == number]


def flow_of(end: Link | Connection) -> int:
    """The client's port of a connection, seen from either end."""
    if isinstance(end, Connection):
        port: int = end._sock.getpeername()[1]
    else:
        assert end._pipe is not None
        port = end._pipe.sock.getsockname()[1]
    return port


@dataclass(frozen=True, slots=True)
class Shown:
    """What a press showed at a moment (monotonic seconds)."""

    at: float
    phase: Phase
    rows: tuple[Position, ...] | None


@dataclass
class Panel:
    """The real gateway, watch and proof. `shown`: every change of a press."""

    gateway: RestGateway
    watch: Watch
    desk: Desk
    journal: MemoryJournal
    reports: list[tuple[float, LinkReport]]
    shown: list[Shown] = field(default_factory=list)

    def press(self, scope: Scope = SCOPE) -> Press:
        """A completed gesture, entered in the book."""
        clock = self.desk.clock
        press = Press(f"press-{len(self.desk.book.presses)}", scope, clock.monotonic(), clock.now())
        self.desk.book.open(press)
        return press

    async def prove_both(self) -> tuple[Link, Link]:
        """Connect both links and read over each; the one proven last comes first."""
        await self.gateway.warm()
        await self.gateway.positions()
        await self.gateway.snapshot()
        first, second = sorted(self.gateway._links, key=lambda link: -link.proven_at)
        return first, second


@contextlib.asynccontextmanager
async def panel_at(
    server: DistantServer | str, pace: Pace, *, watching: bool = False, **options: Any
) -> AsyncIterator[Panel]:
    """A panel that is closed again; `watching` reads in the background meanwhile."""
    reports: list[tuple[float, LinkReport]] = []
    clock = RealClock()

    def on_link(report: LinkReport) -> None:
        reports.append((time.monotonic(), report))

    async with gateway_to(server, pace=pace, on_link=on_link, **options) as gateway:
        watch = Watch(gateway, clock, Budget(clock.monotonic()), pace)
        shown: list[Shown] = []
        journal = MemoryJournal()

        def on_change(press: Press) -> None:
            shown.append(Shown(time.monotonic(), press.phase, press.shows))

        record = Record(journal, clock, gateway.origin, is_practice=False)
        desk = Desk(gateway, watch, record, PressBook(pace), clock, pace, on_change)
        running = asyncio.create_task(watch.run()) if watching else None
        try:
            yield Panel(gateway, watch, desk, journal, reports, shown)
        finally:
            if running is not None:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
            await watch.stop()


async def passing(seconds: float) -> None:
    """Let time pass in which something must not happen; there is no event to wait for."""
    await asyncio.sleep(seconds)


@contextlib.contextmanager
def server_on(line: Line, *, idle_s: float | None = None) -> Iterator[DistantServer]:
    """A server on the far host; the wire is whole again before it stops."""
    with DistantServer(line, idle_s=idle_s) as server:
        try:
            yield server
        finally:
            line.wire.heal()
