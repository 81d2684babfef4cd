"""Drills of the reads: what the exchange shows is not what is so, or cannot be read."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from crosstrade_panel.simulator import wire
from crosstrade_panel.simulator.drill import ALWAYS, CLOSING, FOR_A_WHILE, FROM_PRESS, SPELL_S, Drill
from crosstrade_panel.simulator.faults import NoFaults, Reply
from crosstrade_panel.simulator.presses import press_of
from crosstrade_panel.simulator.rows import account_of, respelt, without
from crosstrade_panel.simulator.spells import Spell, Standstill

if TYPE_CHECKING:
    from collections.abc import Callable

    from crosstrade_panel.simulator.book import Book
    from crosstrade_panel.simulator.faults import Call, Floor, ReadKind, Row, View
    from crosstrade_panel.simulator.instruments import Contract
    from crosstrade_panel.simulator.ledger import AccountPicture, Order, PositionPicture
    from crosstrade_panel.simulator.link import Link


class Flicker(Standstill):
    """Nothing fills for a while; meanwhile reads show and hide the pairs concerned in turn."""

    def __init__(self, clock: Callable[[], float], lasts_s: float) -> None:
        super().__init__(clock, lasts_s)
        self._reads = 0

    def read(self, book: Book, kind: ReadKind, account: str, data: Row) -> Row:
        del book, account
        if not self.is_on or kind not in {"positions", "snapshot"}:
            return data
        self._reads += 1
        return data if self._reads % 2 else without(data, kind, self.pairs)


class ListMissing(Spell):
    """Answers that should list positions have no such list."""

    def read(self, book: Book, kind: ReadKind, account: str, data: Row) -> Row:
        del book, account
        if not self.is_on:
            return data
        if kind == "positions":
            return {key: value for key, value in data.items() if key != "positions"}
        if kind == "snapshot":
            rows = [{"account": row["account"]} for row in wire.rows(data, "accounts")]
            return data | {"accounts": rows}
        return data


class RowLeftOut(Standstill):
    """Nothing fills for a while; meanwhile the list leaves the pairs concerned out, and still counts them."""

    def read(self, book: Book, kind: ReadKind, account: str, data: Row) -> Row:
        del book, account
        if not self.is_on or kind != "positions":
            return data
        return without(data, kind, self.pairs) | {"count": data["count"]}


class ListTruncated(NoFaults):
    """The list of positions ends after its first row, and counts more than there ever were."""

    def read(self, book: Book, kind: ReadKind, account: str, data: Row) -> Row:
        del book, account
        if kind != "positions":
            return data
        rows = wire.rows(data, "positions")
        return data | {"positions": rows[:1], "count": len(rows) + 2}


class BadRow(Spell):
    """One row of the first account concerned cannot be read."""

    def read(self, book: Book, kind: ReadKind, account: str, data: Row) -> Row:
        del account
        if not self.is_on or kind not in {"positions", "snapshot"}:
            return data
        name = min(self.accounts, default=book.accounts()[0].name)
        bad: Row = {"account": name, "instrument": 17, "marketPosition": "Sideways", "quantity": "two"}
        if kind == "positions":
            rows = [*wire.rows(data, "positions"), bad]
            return data | {"positions": rows, "count": len(rows)}
        for row in wire.rows(data, "accounts"):
            if account_of(row) == name:
                wire.rows(row, "positions").append(bad)
        return data


class RepeatedEpoch(Spell):
    """The first snapshot after the press is given again and again, stamp and all."""

    def __init__(self, clock: Callable[[], float], lasts_s: float | None = None) -> None:
        super().__init__(clock, lasts_s)
        self._kept: Row | None = None

    def read(self, book: Book, kind: ReadKind, account: str, data: Row) -> Row:
        del book, account
        if not self.is_on or kind != "snapshot":
            return data
        self._kept = data if self._kept is None else self._kept
        return self._kept


@dataclass(frozen=True, slots=True)
class Past:
    """What a book looked like at one moment."""

    at: float
    account_pictures: tuple[AccountPicture, ...]
    position_pictures: tuple[PositionPicture, ...]
    known_orders: tuple[Order, ...]

    @classmethod
    def of(cls, book: Book) -> Past:
        """The book as it is now."""
        orders = tuple(replace(order) if order.is_live else order for order in book.orders(active_only=False))
        return cls(book.now or 0.0, book.accounts(), book.positions(include_flat=True), orders)

    def accounts(self) -> tuple[AccountPicture, ...]:
        return self.account_pictures

    def positions(self, *, include_flat: bool = False) -> tuple[PositionPicture, ...]:
        return tuple(p for p in self.position_pictures if include_flat or p.side != "Flat")

    def orders(self, account: str | None = None, *, active_only: bool = True) -> tuple[Order, ...]:
        return tuple(
            order
            for order in self.known_orders
            if account in {None, order.account} and (order.is_live or not active_only)
        )


class Lag(NoFaults):
    """Every read shows what was so a while ago."""

    def __init__(self, lag_s: float) -> None:
        self._lag_s = lag_s
        self._pasts: deque[Past] = deque()

    def arm(self, book: Book, floor: Floor) -> None:
        del floor
        self._pasts.append(Past.of(book))

    def changed(self, book: Book, account: str, contract: Contract) -> None:
        del account, contract
        self._pasts.append(Past.of(book))

    def view(self, book: Book) -> View:
        then = (book.now or 0.0) - self._lag_s
        while len(self._pasts) > 1 and self._pasts[1].at <= then:
            self._pasts.popleft()
        return self._pasts[0]


class OtherCase(NoFaults):
    """Positions and orders spell their account in another case than the list of accounts does."""

    def read(self, book: Book, kind: ReadKind, account: str, data: Row) -> Row:
        del book, account
        if kind in {"positions", "orders"}:
            return data | {kind: respelt(wire.rows(data, kind))}
        if kind == "snapshot":
            for row in wire.rows(data, "accounts"):
                row["positions"] = respelt(wire.rows(row, "positions"))
        return data

    async def after(self, call: Call, reply: Reply, link: Link | None) -> Reply:
        del link
        if press_of(call) != "flatten" or reply.status != 200:
            return reply
        fields = json.loads(reply.body)
        fields["closedPositions"] = respelt(fields["closedPositions"])
        return Reply(reply.status, wire.encode(fields))


READS: tuple[Drill, ...] = (
    Drill(
        "flicker",
        "reads",
        "Position flickers",
        "The position stays open for a while, and every second read does not show it.",
        lambda clock, scale: Flicker(clock, SPELL_S * scale),
        applies=FOR_A_WHILE,
        needs="an open position",
        presses=CLOSING,
    ),
    Drill(
        "list-missing",
        "reads",
        "List missing",
        "Reads succeed, and the list of positions is not in them.",
        lambda clock, _: ListMissing(clock),
        applies=FROM_PRESS,
        presses=CLOSING,
    ),
    Drill(
        "row-left-out",
        "reads",
        "Row left out",
        "The position stays open for a while, and the list leaves it out although it counts it.",
        lambda clock, scale: RowLeftOut(clock, SPELL_S * scale),
        applies=f"{FOR_A_WHILE}, in the list of positions only",
        needs="an open position",
        presses=CLOSING,
    ),
    Drill(
        "list-truncated",
        "reads",
        "List cut short",
        "The list of positions ends after its first row, and counts more.",
        lambda _, __: ListTruncated(),
        applies=f"{ALWAYS}, in the list of positions only",
        presses=(),
    ),
    Drill(
        "bad-row",
        "reads",
        "One unreadable row",
        "One row of an account cannot be read.",
        lambda clock, _: BadRow(clock),
        applies=FROM_PRESS,
        presses=CLOSING,
    ),
    Drill(
        "repeated-epoch",
        "reads",
        "Frozen snapshot",
        "Every snapshot of the accounts after the press is the same one, time stamp and all.",
        lambda clock, _: RepeatedEpoch(clock),
        applies=FROM_PRESS,
        over_stream="the stream has no snapshot; a press over it begins the drill",
        presses=CLOSING,
    ),
    Drill(
        "lagging-reads",
        "reads",
        "Lagging reads",
        "Every read shows what was so two seconds ago.",
        lambda _, scale: Lag(2.0 * scale),
        applies=ALWAYS,
        presses=(),
    ),
    Drill(
        "other-case",
        "reads",
        "Other capital letters",
        "Positions, orders and answers write the account in other capital letters than the account list.",
        lambda _, __: OtherCase(),
        applies=ALWAYS,
        presses=(),
    ),
)
