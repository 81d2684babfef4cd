"""Drills of accounts: one is cut off, or gone, or holds more than its name says; or the token is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crosstrade_panel.simulator import wire
from crosstrade_panel.simulator.book import BookError
from crosstrade_panel.simulator.drill import CLOSING, FOR_A_WHILE, SPELL_S, Drill
from crosstrade_panel.simulator.faults import NoFaults, Reply
from crosstrade_panel.simulator.presses import press_of
from crosstrade_panel.simulator.rows import account_of, without
from crosstrade_panel.simulator.spells import FirstPress, Spell, Standstill

if TYPE_CHECKING:
    from crosstrade_panel.simulator.book import Book
    from crosstrade_panel.simulator.faults import Call, Floor, Raw, ReadKind, Row
    from crosstrade_panel.simulator.instruments import Contract
    from crosstrade_panel.simulator.link import Link

_OFFLINE: dict[str, Row] = {
    "flatten": {"orderIds": [], "closedPositions": [], "success": True},
    "cancel": {"orderIds": [], "success": True},
}


class Disconnected(Standstill):
    """The accounts concerned lose their broker: nothing fills, and they are shown empty and disconnected."""

    def read(self, book: Book, kind: ReadKind, account: str, data: Row) -> Row:
        del account
        if not self.is_on:
            return data
        if kind in {"accounts", "snapshot"}:
            for row in wire.rows(data, "accounts"):
                details = row if kind == "accounts" else row["account"]
                assert isinstance(details, dict)  # noqa: S101
                if details["name"] in self.accounts:
                    details |= {"connectionStatus": "Disconnected", "isAccountFlat": True}
        return without(data, kind, _all_pairs(book, self.accounts))


class Vanished(Standstill):
    """The accounts concerned are gone from every list, and nothing of theirs fills."""

    def read(self, book: Book, kind: ReadKind, account: str, data: Row) -> Row:
        if not self.is_on:
            return data
        if kind == "orders" and account in self.accounts:
            raise BookError
        if kind in {"accounts", "snapshot"}:
            rows = [row for row in wire.rows(data, "accounts") if account_of(row) not in self.accounts]
            return data | {"accounts": rows}
        return without(data, kind, _all_pairs(book, self.accounts))


class Offline(Spell):
    """The add-on is away: presses do nothing, and every list is empty, with `success: true`."""

    async def before(self, call: Call, link: Link | None) -> Reply | Raw | None:
        await super().before(call, link)
        press = press_of(call)
        if press is None or not self.is_on:
            return None
        answer = _OFFLINE.get(press)
        if answer is None:
            return Reply(408, wire.encode(wire.refusal("NinjaTrader is not connected")))
        return Reply(200, wire.encode(answer))

    def read(self, book: Book, kind: ReadKind, account: str, data: Row) -> Row:
        del book, account
        if not self.is_on:
            return data
        key = "accounts" if kind == "snapshot" else kind
        return data | {key: []} | ({"count": 0} if "count" in data else {})


class AliasAtRoll(NoFaults):
    """When armed, an account that holds a front month gets one contract of the next month as well."""

    def arm(self, book: Book, floor: Floor) -> None:
        del floor
        held = {(picture.account, picture.contract) for picture in book.positions()}
        for picture in book.positions():
            month = _next_month(book, picture.contract)
            if month is not None and book.contract(picture.contract.root) == picture.contract:
                if (picture.account, month) not in held:
                    book.open_position(picture.account, month.name, 1 if picture.side == "Long" else -1)
                return


class TokenRevoked(FirstPress):
    """The token is no longer accepted: from the first press on, which is refused, or from its answer on."""

    def __init__(self, *, acts: bool) -> None:
        super().__init__()
        self._acts = acts
        self._is_revoked = False

    def door(self, call: Call) -> str | None:
        self._is_revoked = self._is_revoked or (self.is_first(call) and not self._acts)
        return "Unauthorized" if self._is_revoked else None

    async def after(self, call: Call, reply: Reply, link: Link | None) -> Reply:
        del link
        self._is_revoked = self._is_revoked or self.is_first(call)
        return reply


def _all_pairs(book: Book, accounts: frozenset[str]) -> frozenset[tuple[str, str]]:
    return frozenset((p.account, p.contract.name) for p in book.positions() if p.account in accounts)


def _next_month(book: Book, contract: Contract) -> Contract | None:
    later = [
        each
        for each in book.listing.contracts
        if each.root == contract.root and (each.year, each.month) > (contract.year, contract.month)
    ]
    return min(later, key=lambda each: (each.year, each.month), default=None)


ACCOUNT: tuple[Drill, ...] = (
    Drill(
        "account-disconnected",
        "account",
        "Broker disconnects",
        "The account loses its broker: nothing fills, and it is shown empty and disconnected.",
        lambda clock, scale: Disconnected(clock, SPELL_S * scale),
        applies=FOR_A_WHILE,
        needs="an open position",
        presses=CLOSING,
    ),
    Drill(
        "account-vanished",
        "account",
        "Account vanishes",
        "The account is gone from every list, and nothing of it fills.",
        lambda clock, scale: Vanished(clock, SPELL_S * scale),
        applies=FOR_A_WHILE,
        needs="an open position",
        presses=CLOSING,
    ),
    Drill(
        "add-on-offline",
        "account",
        "Add-on offline",
        "The add-on is away: presses do nothing, and every list is empty as if all were well.",
        lambda clock, scale: Offline(clock, SPELL_S * scale),
        applies=FOR_A_WHILE,
        presses=CLOSING,
    ),
    Drill(
        "alias-at-roll",
        "account",
        "Two months at a roll",
        "The account also holds the next month of its contract, which the bare root does not mean.",
        lambda _, __: AliasAtRoll(),
        applies="the moment it is armed",
        needs="an open position in a front month; arming adds one contract of the next",
        presses=(),
    ),
    Drill(
        "token-revoked",
        "account",
        "Token revoked at press",
        "The press is refused because the token is no longer accepted, and so is everything after it.",
        lambda _, __: TokenRevoked(acts=False),
        applies="from the first press on, until disarmed",
        over_stream="an error frame for each message; the stream stays open, and a new one is refused",
    ),
    Drill(
        "token-revoked-after",
        "account",
        "Token revoked after",
        "The press acts and is answered, and then the token is no longer accepted.",
        lambda _, __: TokenRevoked(acts=True),
        applies="from the answer to the first press on, until disarmed",
        over_stream="an error frame for each message; the stream stays open, and a new one is refused",
    ),
)
