"""Plays one cell: the real exchange over a real socket, and everything of the panel but its window."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from crosstrade_panel.crosstrade.address import parse_base_url
from crosstrade_panel.crosstrade.rest import RestGateway
from crosstrade_panel.crosstrade.stream import Stream, StreamState
from crosstrade_panel.crosstrade.stream_gateway import StreamGateway
from crosstrade_panel.domain.cancel import ListedOrders
from crosstrade_panel.domain.outcome import Outcome, Reason
from crosstrade_panel.domain.scope import EveryAccount, OneAccount, Scope
from crosstrade_panel.domain.snapshot import Source
from crosstrade_panel.domain.ticket import ReverseTicket
from crosstrade_panel.simulator.book import Book
from crosstrade_panel.simulator.bucket import REFILL_PER_S, TokenBucket
from crosstrade_panel.simulator.server import PracticeExchange
from crosstrade_panel.storage.journal import SqliteJournal
from crosstrade_panel.trading.budget import Budget
from crosstrade_panel.trading.cancel import Cancel
from crosstrade_panel.trading.desk import Desk
from crosstrade_panel.trading.flatten import Flatten
from crosstrade_panel.trading.pace import Pace
from crosstrade_panel.trading.press import Press, PressBook
from crosstrade_panel.trading.record import Record
from crosstrade_panel.trading.reverse import Reverse
from crosstrade_panel.trading.vigil import Vigil
from crosstrade_panel.trading.watch import Watch
from tests.crosstrade.gateways import RealClock
from tests.matrix.cell import Cell
from tests.matrix.judge import Asked, Claim, Played
from tests.matrix.promised import Promise

ACCOUNT, INSTRUMENT, QUIET = "Sim101", "MES 12-25", "GC 02-26"
_AFTER_THE_END_S = 4.0
"""How long an outcome is watched that nothing is expected to change: three background reads."""
_LATE_S = 25.0
"""How long a late outcome may take, from when it became possible: the orders of three accounts."""
_MOST_S = 10.0
_NOTICED_S = 0.15
_APART_S = 0.04


class ScaledBudget(Budget):
    """A budget for a clock that runs faster by one factor."""

    def __init__(self, now: float, scale: float) -> None:
        super().__init__(now / scale)
        self._scale = scale
        self._inner = Budget(now / scale)

    def level(self, now: float) -> float:
        return self._inner.level(now / self._scale)

    def spend(self, now: float) -> None:
        self._inner.spend(now / self._scale)

    def wait_s(self, now: float, leaving: float) -> float:
        return self._inner.wait_s(now / self._scale, leaving) * self._scale

    def back_off(self, now: float, pause_s: float) -> None:
        self._inner.back_off(now / self._scale, pause_s / self._scale)

    def answered(self, now: float, took_s: float) -> None:
        # How long an answer takes is this machine's affair and no matter of scale.
        self._inner.answered(now / self._scale, took_s)

    def caution(self, now: float) -> float:
        return self._inner.caution(now / self._scale)


@dataclass
class Panel:
    """The desk of one cell, and every change of what it told."""

    desk: Desk
    stream: Stream | None
    claims: list[Claim] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def on_change(self, press: Press) -> None:
        """Keep what is told, when it is another thing than before."""
        self.changed.set()
        outcome = press.outcome
        if outcome is None or (self.outcomes and self.outcomes[-1] is outcome):
            return
        self.outcomes.append(outcome)
        fates = tuple((fate.account, fate.verdict.value) for fate in outcome.fates if fate.takes_headline)
        self.claims.append(Claim(self.desk.clock.monotonic(), outcome.verdict.value, fates))


@contextlib.asynccontextmanager
async def panel_at(
    exchange: PracticeExchange, cell: Cell, scale: float, journal: Path
) -> AsyncIterator[Panel]:
    """Everything of the window's program that is no window, with every waiting time scaled."""
    clock, pace, url = RealClock(), Pace().scaled(scale), parse_base_url(exchange.base_url)
    stream = None
    if cell.over == "stream":
        stream = Stream(url, exchange.token, clock=clock, pace=pace)
    rest = RestGateway(url, exchange.token, clock=clock, pace=pace)
    gateway = StreamGateway(rest, stream) if cell.over == "stream" else rest
    watch = Watch(gateway, clock, ScaledBudget(clock.monotonic(), scale), pace)
    book = SqliteJournal(journal)
    panel: Panel
    desk = Desk(
        gateway,
        watch,
        Record(book, clock, gateway.origin, is_practice=True),
        PressBook(pace),
        clock,
        pace,
        lambda press: panel.on_change(press),  # noqa: PLW0108 - made a moment later
    )
    panel = Panel(desk, stream)
    Vigil(desk)
    watching: asyncio.Task[None] | None = None
    try:
        await gateway.warm()
        await watch.positions(Source.POSITIONS)
        await watch.positions(Source.SNAPSHOT)
        for account in watch.accounts:
            await watch.orders(account.name)
        watching = asyncio.create_task(watch.run())
        await _after_a_beat(watch)
        yield panel
    finally:
        await gateway.aclose()
        if watching is not None:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        await watch.stop()
        await asyncio.to_thread(book.close)


async def _after_a_beat(watch: Watch) -> None:
    """Until the background has made a read: the next one comes a beat later, and none is under way."""
    beat = asyncio.Event()
    watch.listeners.append(beat.set)
    await beat.wait()
    watch.listeners.remove(beat.set)


async def play(cell: Cell, promise: Promise, scale: float, folder: Path) -> Played:
    """Play one cell to its end. Every waiting time is multiplied by `scale`."""
    book = Book(walking=False, time_scale=scale)
    resting = book.rest_order(ACCOUNT, QUIET, "Buy", 1, limit_price=book.price(book.contract(QUIET)) - 10)
    exchange = PracticeExchange(book=book, budget=TokenBucket(refill_per_s=REFILL_PER_S / scale))
    await asyncio.to_thread(exchange.start)
    try:
        async with panel_at(exchange, cell, scale, folder / f"{uuid.uuid4().hex}.db") as panel:
            exchange.drill = cell.drill
            await _until_noticed(panel, cell)
            pressed_at = panel.desk.clock.monotonic()
            asked = await _press(panel, cell, resting.order_id)
            await _live_on(panel, promise, pressed_at, scale)
            return Played(
                asked, scale, pressed_at, tuple(exchange.calls), exchange.story(), tuple(panel.claims)
            )
    finally:
        await asyncio.to_thread(exchange.stop)


async def _until_noticed(panel: Panel, cell: Cell) -> None:
    """What happens to idle connections when a drill is armed needs a moment to arrive."""
    if cell.drill == "link-closed-idle":
        await asyncio.sleep(_NOTICED_S)
    if cell.drill == "stream-taken" and panel.stream is not None:
        # A machine that is too busy takes the connection for dead before it has heard the goodbye.
        async with asyncio.timeout(_MOST_S):
            while panel.stream.report.state is not StreamState.TAKEN_OVER:  # noqa: ASYNC110 - as a trader sees it
                await asyncio.sleep(0.01)


async def _press(panel: Panel, cell: Cell, order_id: str) -> Asked:
    match cell.action:
        case "narrow":
            await Flatten(panel.desk)(_made(panel, OneAccount(ACCOUNT, INSTRUMENT)))
            return Asked("flatten", ACCOUNT, INSTRUMENT)
        case "wide":
            await Flatten(panel.desk)(_made(panel, EveryAccount()))
            return Asked("flatten")
        case "reverse":
            return await _reverse(panel)
        case _:
            read = panel.desk.watch.orders_read[ACCOUNT.casefold()]
            listed = ListedOrders(tuple(order for order in read.orders if order.order_id == order_id))
            await Cancel(panel.desk)(_made(panel, listed.scope, listed=listed))
            return Asked("cancel", ACCOUNT, order_id=order_id)


async def _reverse(panel: Panel) -> Asked:
    """As the button does it: a fresh read, and what that shows is what is sent."""
    reverse = Reverse(panel.desk)
    held = await reverse.look(ACCOUNT, INSTRUMENT)
    if isinstance(held, Reason):
        # There is no press: the button says why, and the command line ends so.
        claim = Claim(panel.desk.clock.monotonic(), "not_sent", ((ACCOUNT, "not_sent"),))
        panel.claims.append(claim)
        return Asked("reverse", ACCOUNT, INSTRUMENT)
    ticket = ReverseTicket(ACCOUNT, held.instrument, held.side, held.quantity)
    await reverse(_made(panel, OneAccount(ACCOUNT, held.instrument), ticket))
    return Asked("reverse", ACCOUNT, INSTRUMENT, (ticket.entering.value.capitalize(), ticket.quantity))


def _made(
    panel: Panel, scope: Scope, ticket: ReverseTicket | None = None, listed: ListedOrders | None = None
) -> Press:
    clock = panel.desk.clock
    press = Press(uuid.uuid4().hex, scope, clock.monotonic(), clock.now(), ticket, cancel=listed)
    panel.desk.book.open(press)
    return press


async def _live_on(panel: Panel, promise: Promise, pressed_at: float, scale: float) -> None:
    """Go on reading until nothing more can change."""
    clock = panel.desk.clock

    def verdict() -> str:
        return panel.claims[-1].verdict if panel.claims else ""

    may_change_until = pressed_at + promise.lives_s * scale
    until = max(may_change_until, clock.monotonic()) + _LATE_S * scale
    while clock.monotonic() < until and (
        verdict() not in promise.last or clock.monotonic() < may_change_until
    ):
        panel.changed.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(scale):
                await panel.changed.wait()
    await asyncio.sleep(_AFTER_THE_END_S * scale)


async def play_many(
    cells: Sequence[tuple[Cell, Promise]], scale: float, folder: Path, at_once: int
) -> list[Played | BaseException]:
    """Play cells side by side; what broke one is its result."""
    turns = asyncio.Semaphore(at_once)

    async def in_turn(number: int, cell: Cell, promise: Promise) -> Played:
        # So many beginnings at the same moment would hold each other up.
        await asyncio.sleep(min(number, at_once) * _APART_S)
        async with turns:
            return await play(cell, promise, scale, folder)

    playing = (in_turn(number, *each) for number, each in enumerate(cells))
    return await asyncio.gather(*playing, return_exceptions=True)
