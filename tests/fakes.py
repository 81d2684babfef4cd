"""The named fakes of all tests: virtual time, an API whose state a test scripts, a journal in memory."""

import asyncio
import itertools
import selectors
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from crosstrade_panel.domain.outcome import Cause, Reason
from crosstrade_panel.domain.scope import Scope, Side
from crosstrade_panel.domain.snapshot import (
    Account,
    AccountsRead,
    Flaws,
    Order,
    OrdersRead,
    Position,
    PositionsRead,
    Source,
    Stamp,
)
from crosstrade_panel.domain.ticket import ReverseTicket
from crosstrade_panel.trading.ports import Entry, EntryKind, OnDelivered, ReadFailedError, Receipt, Way

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


class _JumpingSelector(selectors.DefaultSelector):
    """Instead of waiting for a timer, moves its loop's clock to it."""

    loop: "VirtualTimeLoop"

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Take what is ready; with nothing ready, jump."""
        ready: list[tuple[selectors.SelectorKey, int]] = super().select(0)
        if ready:
            return ready
        if timeout is None:
            # Only another thread can wake us; if none does, the test is waiting for nothing.
            woken: list[tuple[selectors.SelectorKey, int]] = super().select(5)
            if not woken:
                message = "every task waits for something that will never happen"
                raise RuntimeError(message)
            return woken
        self.loop.virtual_now += max(timeout, 0.0)
        return []


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose time passes only while nothing else is to be done."""

    def __init__(self) -> None:
        """Start at a time that is nobody's epoch."""
        selector = _JumpingSelector()
        selector.loop = self
        self.virtual_now = 1000.0
        super().__init__(selector)
        # Else what is due within one tick of the real clock, 16 ms on Windows, would come too early.
        self._clock_resolution = 1e-9

    def time(self) -> float:
        """Virtual seconds."""
        return self.virtual_now


class LoopClock:
    """The clock of the running loop; its wall time moves with it."""

    def monotonic(self) -> float:
        """Virtual seconds."""
        return asyncio.get_running_loop().time()

    def now(self) -> datetime:
        """Noon, plus what has passed."""
        return NOON + timedelta(seconds=self.monotonic() - 1000.0)


class MemoryJournal:
    """Keeps every entry; `result` says how writes end, None lets them hang."""

    def __init__(self, result: bool | None = True) -> None:
        """Start empty."""
        self.entries: list[Entry] = []
        self.futures: list[Future[bool]] = []
        self.result = result
        self.problem: str | None = None

    def write(self, entry: Entry) -> "Future[bool]":
        """Keep one row."""
        self.entries.append(entry)
        future: Future[bool] = Future()
        self.futures.append(future)
        if self.result is not None:
            future.set_result(self.result)
        return future

    def kinds(self) -> list[EntryKind]:
        """What was recorded, in order."""
        return [entry.kind for entry in self.entries]

    def facts(self, kind: EntryKind) -> list[Mapping[str, Any]]:
        """The facts of every row of one kind."""
        return [entry.facts for entry in self.entries if entry.kind is kind]


def position(
    account: str = "Sim101",
    instrument: str = "MES 12-25",
    side: Side | None = Side.SHORT,
    quantity: int | None = 2,
) -> Position:
    """An open position with plausible prices."""
    return Position(
        account,
        instrument,
        side,
        quantity,
        average_price=Decimal("5780.25"),
        market_price=Decimal("5774.00"),
        unrealized=Decimal("62.50"),
        instrument_type="Future",
    )


def order(
    account: str = "Sim101",
    instrument: str | None = "MES 12-25",
    state: str | None = "Working",
    order_id: str = "order-1",
) -> Order:
    """A working order."""
    return Order(
        account, order_id, instrument, state, order_type="Stop Market", action="Buy", quantity=2, filled=0
    )


@dataclass
class FakeGateway:
    """The API as a state that answers at once, or after `latency_s`.

    `on_flatten` and `on_reverse` decide what a press does: change the state, return a receipt, or raise.
    `before_read` is called with the source and the number of the read before each one; it may change the
    state or raise ReadFailedError.
    """

    accounts_listed: list[Account] = field(
        default_factory=lambda: [
            Account("Sim101", "Simulator", connected=True),
            Account("Sim102", "Simulator", connected=True),
        ]
    )
    open: list[Position] = field(default_factory=list)
    working: dict[str, list[Order]] = field(default_factory=dict)
    latency_s: float = 0.01
    on_flatten: "Callable[[FakeGateway, Scope], Receipt] | None" = None
    on_reverse: "Callable[[FakeGateway, ReverseTicket], Receipt] | None" = None
    before_read: "Callable[[FakeGateway, Source, int], None] | None" = None
    flaws: Callable[[Source, int], Flaws] = lambda _source, _number: Flaws()
    epoch: Callable[[Source, int], int | None] = lambda _source, _number: None
    sent: list[Scope | ReverseTicket] = field(default_factory=list)
    sent_over: list[Way] = field(default_factory=list)
    cancelled: list[tuple[str, str | None, str | None]] = field(default_factory=list)
    reads: list[tuple[Source, float]] = field(default_factory=list)
    ways: tuple[Way, ...] = (Way.REST, Way.REST)
    renewed: int = 0
    on_cancel: "Callable[[FakeGateway, str, str | None, str | None], Receipt] | None" = None
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def now(self) -> float:
        """The time of the running loop."""
        return asyncio.get_running_loop().time()

    def receipt(self, closed: list[Position] | None = None, ids: tuple[str, ...] = ()) -> Receipt:
        """An accepted answer that took `latency_s`."""
        return Receipt(
            ids, None if closed is None else tuple(closed), "", self.now() - self.latency_s, self.now()
        )

    async def flatten(
        self, scope: Scope, way: Way = Way.REST, on_delivered: OnDelivered | None = None
    ) -> Receipt:
        """Send it; without a script everything is closed at once."""
        self.sent.append(scope)
        self.sent_over.append(way)
        await asyncio.sleep(self.latency_s)
        if self.on_flatten is not None:
            return self.on_flatten(self, scope)
        closed, self.open = self.open, []
        return self.receipt(closed, ("id-1", "id-2") if closed else ())

    async def cancel_order(self, account: str, order_id: str) -> Receipt:
        """Send it; without a script the order is gone at once."""
        return await self._cancel(account, None, order_id)

    async def cancel_orders(self, account: str, instrument: str) -> Receipt:
        """Send it; without a script the pair's orders are gone at once."""
        return await self._cancel(account, instrument, None)

    async def _cancel(self, account: str, instrument: str | None, order_id: str | None) -> Receipt:
        self.cancelled.append((account, instrument, order_id))
        await asyncio.sleep(self.latency_s)
        if self.on_cancel is not None:
            return self.on_cancel(self, account, instrument, order_id)
        orders = self.working.get(account, [])
        gone = [each for each in orders if instrument == each.instrument or order_id == each.order_id]
        self.working[account] = [each for each in orders if each not in gone]
        return self.receipt(None, tuple(each.order_id or "" for each in gone))

    def renew(self) -> None:
        """Count it."""
        self.renewed += 1

    async def reverse(
        self, ticket: ReverseTicket, way: Way = Way.REST, on_delivered: OnDelivered | None = None
    ) -> Receipt:
        """Send it; without a script the new position is there at once."""
        self.sent.append(ticket)
        self.sent_over.append(way)
        await asyncio.sleep(self.latency_s)
        if self.on_reverse is not None:
            return self.on_reverse(self, ticket)
        self.open = [position(ticket.account, ticket.instrument, ticket.entering, ticket.quantity)]
        return self.receipt(None, ("entry-1",))

    async def positions(self) -> PositionsRead:
        """All open positions."""
        stamp, flaws, rows = await self._read(Source.POSITIONS)
        return PositionsRead(Source.POSITIONS, stamp, rows, None, flaws)

    async def snapshot(self) -> PositionsRead:
        """All accounts with their positions."""
        stamp, flaws, rows = await self._read(Source.SNAPSHOT)
        return PositionsRead(Source.SNAPSHOT, stamp, rows, tuple(self.accounts_listed), flaws)

    async def accounts(self) -> AccountsRead:
        """All accounts."""
        stamp, flaws, _ = await self._read(Source.ACCOUNTS)
        return AccountsRead(stamp, tuple(self.accounts_listed), flaws)

    async def orders(self, account: str) -> OrdersRead:
        """The orders of one account."""
        stamp, flaws, _ = await self._read(Source.ORDERS)
        return OrdersRead(stamp, account, tuple(self.working.get(account, [])), flaws)

    async def _read(self, source: Source) -> tuple[Stamp, Flaws, tuple[Position, ...]]:
        sent_at, number = self.now(), next(self._numbers)
        self.reads.append((source, sent_at))
        if self.before_read is not None:
            self.before_read(self, source, number)
        # The state is what it was when the request arrived.
        rows = tuple(self.open)
        await asyncio.sleep(self.latency_s)
        return Stamp(sent_at, self.now(), self.epoch(source, number)), self.flaws(source, number), rows


def fail_reads(
    *sources: Source, cause: Cause = Cause.SERVER_FAILED
) -> "Callable[[FakeGateway, Source, int], None]":
    """A script in which every read of these endpoints fails."""

    def fail(_gateway: FakeGateway, source: Source, _number: int) -> None:
        if source in sources:
            raise ReadFailedError(Reason(cause))

    return fail


def positions_read(
    sent_at: float,
    *rows: Position,
    source: Source = Source.POSITIONS,
    listed: "tuple[Account, ...] | None" = None,
    flaws: Flaws | None = None,
    took_s: float = 0.1,
    epoch_ms: int | None = None,
) -> PositionsRead:
    """One read, for tests that judge reads without making them; a snapshot lists Sim101 unless told so."""
    if source is Source.SNAPSHOT and listed is None:
        listed = (Account("Sim101", "Simulator", connected=True),)
    stamp = Stamp(sent_at, sent_at + took_s, epoch_ms)
    return PositionsRead(source, stamp, rows, listed, flaws or Flaws())
