"""The exchange without its socket, in virtual time: its bytes, our own readers, and faults on request."""

import asyncio
from contextvars import ContextVar
from dataclasses import dataclass, field, replace

from crosstrade_panel.crosstrade import wire
from crosstrade_panel.crosstrade.wire import Answer
from crosstrade_panel.domain.outcome import Cause, Reason
from crosstrade_panel.domain.scope import Scope
from crosstrade_panel.domain.snapshot import AccountsRead, OrdersRead, PositionsRead
from crosstrade_panel.domain.ticket import ReverseTicket
from crosstrade_panel.simulator import wire as exchange_wire
from crosstrade_panel.simulator.api import Api
from crosstrade_panel.simulator.book import Book, PendingReverse
from crosstrade_panel.simulator.faults import Call
from crosstrade_panel.simulator.wire import Row
from crosstrade_panel.trading.ports import (
    NotSentError,
    OnDelivered,
    ReadFailedError,
    Receipt,
    UnknownOutcomeError,
    Way,
)

PRESS_FAULTS = (
    "never left",
    "lost on the way",
    "answer lost",
    "late",
    "408",
    "408 acted",
    "500",
    "500 acted",
    "429",
    "429 from the edge",
    "no",
    "half done",
    "unreadable",
)
READ_FAULTS = ("lost", "500", "no list", "wrong count", "bad row", "slow", "nothing listed", "cut off")
_ACTS_ALL_THE_SAME = {"answer lost", "late", "408 acted", "500 acted", "half done", "unreadable"}
_TRIP_S = 0.02
_SLOW_S = 2.0
_LATE_S = 4.0
_DEADLINE_S = 15.0
_READ_DEADLINE_S = 3.0
_POLL_S = 0.05

press_under_way: ContextVar[str] = ContextVar("press_under_way", default="")
"""Whose request it is: the log of the exchange does not know."""


@dataclass
class World:
    """A book with its log, and what goes wrong next. Times are those of the running loop."""

    book: Book = field(default_factory=lambda: Book(walking=False))
    calls: list[Call] = field(default_factory=list)
    of_press: dict[int, str] = field(default_factory=dict)
    never_left: list[str] = field(default_factory=list)
    press_faults: list[str] = field(default_factory=list)
    read_faults: list[str] = field(default_factory=list)
    ways: tuple[Way, ...] = (Way.REST, Way.REST)

    def __post_init__(self) -> None:
        self._api = Api(self.book)

    @staticmethod
    def now() -> float:
        """Virtual seconds."""
        return asyncio.get_running_loop().time()

    def advance(self) -> None:
        """Let the book come up to now."""
        self.book.advance(self.now())

    # -- the port: presses ---

    async def flatten(
        self, scope: Scope, way: Way = Way.REST, on_delivered: OnDelivered | None = None
    ) -> Receipt:
        """Close the positions of a scope."""
        del way, on_delivered
        return await self._press(wire.FLATTEN_PATH, wire.flatten_body(scope))

    async def reverse(
        self, ticket: ReverseTicket, way: Way = Way.REST, on_delivered: OnDelivered | None = None
    ) -> Receipt:
        """Close the position of a ticket and place its order."""
        del way, on_delivered
        return await self._press(wire.reverse_path(ticket), wire.reverse_body(ticket))

    async def cancel_order(self, account: str, order_id: str) -> Receipt:
        """Cancel one order."""
        return await self._press(wire.cancel_path(account, order_id), b"{}")

    async def cancel_orders(self, account: str, instrument: str) -> Receipt:
        """Cancel every order of one account in one instrument."""
        return await self._press(wire.cancel_orders_path(account), wire.cancel_orders_body(instrument))

    def renew(self) -> None:
        """There are no links."""

    async def _press(self, path: str, body: bytes) -> Receipt:
        fault = self.press_faults.pop(0) if self.press_faults else ""
        sent_at = self.now()
        if fault == "never left":
            self.never_left.append(press_under_way.get())
            raise NotSentError(Reason(Cause.CONNECT_FAILED), may_try_elsewhere=True)
        await asyncio.sleep(_TRIP_S)
        if fault == "lost on the way":
            await self._give_up(sent_at)
        call = self._arrived("POST", path, body)
        status, answer = await self._carried_out(call, fault)
        if fault == "answer lost":
            await self._give_up(sent_at)
        if fault == "late":
            await asyncio.sleep(_LATE_S)
        self._answered(call, status, answer)
        await asyncio.sleep(_TRIP_S)
        return wire.read_receipt(Answer(status, answer, sent_at, self.now()))

    async def _give_up(self, sent_at: float) -> None:
        await asyncio.sleep(_DEADLINE_S)
        raise UnknownOutcomeError(Reason(Cause.NO_ANSWER), sent_at=sent_at)

    async def _carried_out(self, call: Call, fault: str) -> tuple[int, bytes]:
        if fault and fault not in _ACTS_ALL_THE_SAME:
            return _INSTEAD[fault]
        path, _, query = call.path.partition("?")
        done = self._api.rest(call.method, path, query, call.body, 0)
        if isinstance(done, PendingReverse):
            self.calls[call.number] = replace(self.calls[call.number], acted=True)
            while (answer := self._api.reversed(done)) is None:
                await asyncio.sleep(_POLL_S)
                self.advance()
            done = answer
        if done.acted:
            self.calls[call.number] = replace(self.calls[call.number], acted=True)
        if fault == "half done":
            return done.status, exchange_wire.encode(done.data | {"success": False, "error": "Some failed"})
        return _INSTEAD.get(fault) or (done.status, exchange_wire.encode(done.data))

    # -- the port: reads ---

    async def positions(self) -> PositionsRead:
        """All open positions."""
        status, body, sent_at = await self._read(wire.POSITIONS_PATH, "positions")
        return wire.read_positions(Answer(status, body, sent_at, self.now()))

    async def snapshot(self) -> PositionsRead:
        """All accounts with their open positions."""
        status, body, sent_at = await self._read(wire.SNAPSHOT_PATH, "snapshot")
        return wire.read_snapshot(Answer(status, body, sent_at, self.now()))

    async def accounts(self) -> AccountsRead:
        """All accounts."""
        status, body, sent_at = await self._read(wire.ACCOUNTS_PATH, "accounts")
        return wire.read_accounts(Answer(status, body, sent_at, self.now()))

    async def orders(self, account: str) -> OrdersRead:
        """The orders of one account."""
        status, body, sent_at = await self._read(wire.orders_path(account), "orders")
        return wire.read_orders(Answer(status, body, sent_at, self.now()), account)

    async def _read(self, path: str, kind: str) -> tuple[int, bytes, float]:
        fault = self.read_faults.pop(0) if self.read_faults else ""
        sent_at = self.now()
        await asyncio.sleep(_TRIP_S)
        if fault == "lost":
            await asyncio.sleep(_READ_DEADLINE_S)
            raise ReadFailedError(Reason(Cause.NO_ANSWER))
        call = self._arrived("GET", path, b"")
        bare, _, query = path.partition("?")
        done = self._api.rest("GET", bare, query, b"", int(self.now() * 1000))
        assert not isinstance(done, PendingReverse)
        failure: Row = {"error": "no"}
        status, data = (500, failure) if fault == "500" else (done.status, done.data)
        body = exchange_wire.encode(_spoilt(data, kind, fault))
        self._answered(call, status, body)
        await asyncio.sleep(_SLOW_S if fault == "slow" else _TRIP_S)
        return status, body, sent_at

    # -- the log ---

    def _arrived(self, method: str, path: str, body: bytes) -> Call:
        self.advance()
        call = Call(len(self.calls), method, path, body, self.now(), began_at=self.now())
        self.calls.append(call)
        if method == "POST":
            self.of_press[call.number] = press_under_way.get()
        return call

    def _answered(self, call: Call, status: int, answer: bytes) -> None:
        known = self.calls[call.number]
        self.calls[call.number] = replace(
            known, status=status, answered_at=self.now(), answer=answer, answer_size=len(answer)
        )


_INSTEAD: dict[str, tuple[int, bytes]] = {
    "408": (408, b'{"error": "NinjaTrader is not connected"}'),
    "408 acted": (408, b'{"error": "NinjaTrader is not connected"}'),
    "500": (500, b'{"error": "Internal server error"}'),
    "500 acted": (500, b'{"error": "Internal server error"}'),
    "429": (429, b'{"error": "Rate limit exceeded"}'),
    "429 from the edge": (429, b"<html>"),
    "no": (400, b'{"error": "Invalid request"}'),
    "unreadable": (200, b"<html>"),
}


def _spoilt(data: Row, kind: str, fault: str) -> Row:
    """An answer of a read with something wrong in it."""
    key = "accounts" if kind == "snapshot" else kind
    if key not in data:
        return data
    match fault:
        case "no list":
            return {name: value for name, value in data.items() if name != key}
        case "wrong count" if "count" in data:
            return data | {"count": 99}
        case "bad row" if kind == "positions":
            rows = exchange_wire.rows(data, key)
            bad: Row = {"account": "Sim101", "instrument": 17, "marketPosition": "Long", "quantity": 1}
            return data | {"positions": [*rows, bad], "count": len(rows) + 1}
        case "nothing listed" if kind in {"snapshot", "accounts"}:
            return data | {key: []}
        case "cut off" if kind in {"snapshot", "accounts"}:
            return data | {key: [_cut_off(row, kind) for row in exchange_wire.rows(data, key)]}
    return data


def _cut_off(row: Row, kind: str) -> Row:
    details = row["account"] if kind == "snapshot" else row
    assert isinstance(details, dict)
    if details["name"] != "Sim101":
        return row
    gone = details | {"connectionStatus": "Disconnected"}
    return row | {"account": gone, "positions": []} if kind == "snapshot" else gone
