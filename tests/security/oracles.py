"""What must hold of whatever the wire makes of a reply, judged by a second reading that shares no code.

The second reading is `json` of the standard library, and a few lines that follow the contract. It knows less
than the first: it says only what may never be claimed.
"""

import dataclasses
import json
import unicodedata
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from enum import Enum
from functools import lru_cache
from typing import Any

from crosstrade_panel.domain.outcome import Reason
from crosstrade_panel.domain.scope import EveryAccount, OneAccount
from crosstrade_panel.domain.snapshot import (
    Account,
    AccountsRead,
    Flaws,
    Mode,
    Order,
    OrdersRead,
    Position,
    PositionsRead,
    Source,
)
from crosstrade_panel.trading.ports import (
    GatewayError,
    ReadFailedError,
    Receipt,
    RefusedError,
    UnknownOutcomeError,
)

NOTHING = object()
"""What bytes mean that are no JSON."""

_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_WORK = ("orderIds", "closedPositions", "orderId")


class BrokenLawError(AssertionError):
    """Something was claimed that the reply does not say."""


def require(holds: object, law: str) -> None:
    if not holds:
        raise BrokenLawError(law)


def meaning(body: bytes) -> Any:
    """The reply as the standard library reads it; the last of two equal keys counts."""
    try:
        return json.loads(
            body.decode("utf-8"), parse_float=_decimal, parse_int=_decimal, parse_constant=_refuse
        )
    except (ValueError, RecursionError):
        return NOTHING


def _decimal(text: str) -> Any:
    try:
        return Decimal(text)
    except InvalidOperation:
        return Decimal("NaN")


def _refuse(name: str) -> Any:
    raise ValueError(name)


def levels(reply: Any) -> Iterator[dict[str, Any]]:
    """The reply and what its `data` wraps, however often."""
    while isinstance(reply, dict):
        yield reply
        reply = reply.get("data")


def says_no(reply: Any) -> bool:
    return any(
        (level.get("success") is not None and level["success"] is not True) or bool(level.get("error"))
        for level in levels(reply)
    )


def says_yes(reply: Any) -> bool:
    return any(level.get("success") is True for level in levels(reply))


def reports_work(reply: Any) -> bool:
    """Whether one of the two levels that the contract knows names an order or a closed position."""
    known = [level for level, _ in zip(levels(reply), range(2), strict=False)]
    return any(level.get(key) not in (None, "", [], {}, False) for level in known for key in _WORK)


def lists(reply: Any, key: str) -> list[list[Any]]:
    """Every list of that name, flat or under `data`."""
    known = [level for level, _ in zip(levels(reply), range(2), strict=False)]
    return [level[key] for level in known if isinstance(level.get(key), list)]


def is_clearly_flat(row: Any) -> bool:
    return (
        isinstance(row, dict)
        and isinstance(row.get("marketPosition"), str)
        and row["marketPosition"].lower() == "flat"
        and isinstance(row.get("quantity"), Decimal)
        and row["quantity"] == 0
    )


def essence(row: Any, parent: str | None = None) -> tuple[Any, ...]:
    """What an open row says in its own words: account, instrument, side, size."""
    if not isinstance(row, dict):
        return ("no row",)
    account = parent if row.get("account") is None else row["account"]
    side = row.get("marketPosition")
    return (
        account,
        row.get("instrument"),
        side.lower() if isinstance(side, str) else side,
        row.get("quantity"),
    )


def of_position(position: Position) -> tuple[Any, ...]:
    side = None if position.side is None else position.side.value
    return (position.account, position.instrument, side, position.quantity)


# -- the laws ---


def check_positions(reply: Any, read: PositionsRead) -> None:
    """A read of positions that is whole says exactly what the reply says."""
    key = "positions" if read.source is Source.POSITIONS else "accounts"
    found = lists(reply, key)
    require(found, "a read without its list key is no read")
    require(not says_no(reply), "a reply that says no is no read")
    if read.source is Source.POSITIONS:
        rows = [(row, None) for each in found for row in each]
    else:
        rows = [(row, _name_in(entry)) for each in found for entry in each for row in _held(entry)]
    open_rows = [(row, parent) for row, parent in rows if not is_clearly_flat(row)]
    if read.flaws.everything is not None:
        return  # spoilt for all: no claim is built on it
    require(all(each == found[0] for each in found), "two lists are no clean read")
    rows = rows[: len(rows) // len(found)]
    open_rows = open_rows[: len(open_rows) // len(found)]
    _check_count(reply, found[0])
    require(len(open_rows) <= len(read.positions) <= len(rows), "a row disappeared")
    for position in read.positions:
        account = position.account
        require(account is not None, "a row without an account spoils all")
        require(position.is_readable or read.flaws.spoil(account or ""), "a bad row left its account good")
    if read.flaws != Flaws():
        return
    said = Counter(_hashable(essence(row, parent)) for row, parent in open_rows)
    claimed = Counter(_hashable(of_position(position)) for position in read.positions)
    # A row that says Flat in a way that is not read as such is kept, and spoils.
    require(said == claimed, "a clean read shows other positions than the reply")
    if read.accounts is not None:
        check_accounts(found[0], list(read.accounts))
        require(
            all(isinstance(entry, dict) for entry in found[0]), "an entry without positions in a clean read"
        )


def _check_count(reply: Any, rows: list[Any]) -> None:
    for level, _ in zip(levels(reply), range(2), strict=False):
        if "count" in level:
            said = level["count"]
            require(isinstance(said, Decimal) and said == len(rows), "a wrong count in a clean read")
            return


def _held(entry: Any) -> list[Any]:
    held = entry.get("positions") if isinstance(entry, dict) else None
    return held if isinstance(held, list) else []


def _name_in(entry: Any) -> Any:
    """The name that an entry of an account listing carries."""
    if isinstance(entry, dict):
        inner = entry.get("account", entry)
        entry = inner.get("name") if isinstance(inner, dict) else inner
    return entry if isinstance(entry, str) else None


def check_accounts(entries: list[Any], accounts: list[Account]) -> None:
    """A clean listing names exactly the accounts that the reply names; SIM only where it says so."""
    require(
        [_name_in(entry) for entry in entries] == [each.name for each in accounts], "other accounts than said"
    )
    for entry, account in zip(entries, accounts, strict=True):
        inner = entry.get("account", entry) if isinstance(entry, dict) else {}
        inner = inner if isinstance(inner, dict) else {}
        provider, status = inner.get("provider"), inner.get("connectionStatus")
        if account.mode is Mode.SIM:
            require(isinstance(provider, str) and provider.lower() == "simulator", "live shown as SIM")
        if account.connected:
            require(isinstance(status, str) and status.lower() == "connected", "connected without saying so")
        require(
            account.is_flat is None or account.is_flat is inner.get("isAccountFlat"), "flat without saying so"
        )


def check_listing(reply: Any, read: AccountsRead) -> None:
    require(not says_no(reply), "a reply that says no is no read")
    found = [reply] if isinstance(reply, list) else lists(reply, "accounts")
    if not found and isinstance(reply, dict):
        wrapped = reply.get("data")
        found = [wrapped] if isinstance(wrapped, list) else lists(reply, "data")
    require(found, "a read without its list key is no read")
    if read.flaws == Flaws():
        require(all(each == found[0] for each in found), "two lists are no clean read")
        _check_count(reply, found[0])
        check_accounts(found[0], list(read.accounts))
        folded = [each.name.casefold() for each in read.accounts]
        require(len(set(folded)) == len(folded), "an account listed twice in a clean read")


def check_orders(reply: Any, read: OrdersRead) -> None:
    require(not says_no(reply), "a reply that says no is no read")
    found = [reply] if isinstance(reply, list) else lists(reply, "orders")
    require(found, "a read without its list key is no read")
    if read.flaws != Flaws():
        return
    require(all(each == found[0] for each in found), "two lists are no clean read")
    _check_count(reply, found[0])
    require(len(found[0]) == len(read.orders), "an order disappeared")
    for row, order in zip(found[0], read.orders, strict=True):
        _check_order(row, order)


def _check_order(row: Any, order: Order) -> None:
    require(isinstance(row, dict), "no row, but a clean read")
    require(
        (order.order_id, order.instrument) == (row.get("orderId"), row.get("instrument")), "another order"
    )
    state = row.get("orderState")
    if not order.is_working:
        terminal = isinstance(state, str) and state.lower() in {"filled", "cancelled", "rejected"}
        require(terminal, "an order counted as ended that does not say so")


def check_receipt(reply: Any, status: int, ending: "Receipt | GatewayError") -> None:
    """The table of the contract's section 2."""
    match ending:
        case Receipt():
            require(200 <= status < 300, "accepted with a status that is none")
            require(isinstance(reply, dict), "accepted without an object")
            require(not says_no(reply), "accepted although a level says no")
            known = [level for level, _ in zip(levels(reply), range(2), strict=False)]
            named = any(level.get(key) is not None for level in known for key in _WORK)
            require(says_yes(reply) or named, "accepted without a yes")
        case RefusedError():
            require(status < 500 and status != 408, "refused where it may have acted")
            if status == 400 or status < 300:
                require(not reports_work(reply), "refused although work is reported")
            if status < 300:
                # An error that is a number of any kind is one all the same.
                errors = [level.get("error") for level in levels(reply)]
                odd = any(isinstance(error, Decimal) for error in errors)
                require(isinstance(reply, dict) and (says_no(reply) or odd), "refused without a no")
                require(not says_yes(reply), "refused although a level says yes")
        case UnknownOutcomeError():
            decided = 300 <= status < 500 and status not in {400, 408}
            require(not decided, "unknown although the status says no")
        case _:
            require(False, "an ending that a receipt does not have")


def check_scope(reply: Any, scope: Any) -> None:
    """A body asks for exactly what it says; a name in it is sent unaltered, however long, but is one."""
    for name in (scope.instrument, scope.account if isinstance(scope, OneAccount) else None):
        require(name is None or is_visible(name), "a name that cannot be seen")
    require(isinstance(reply, dict), "a scope without an object")
    require(set(reply) <= {"account", "instrument", "marketPosition"}, "a scope with another field")
    match scope:
        case OneAccount(account=account):
            require(account == reply.get("account"), "another account")
        case EveryAccount():
            require("account" not in reply, "a wider scope than the body")
        case _:
            require(False, "no scope")
    require(scope.instrument == reply.get("instrument"), "another instrument")
    side = None if scope.side is None else scope.side.value
    require(side == reply.get("marketPosition"), "another side")


def check_harmless(value: object) -> None:
    """Every text is inert and short, every number finite and short to write, whatever it hangs in."""
    match value:
        case None | bool() | Enum():
            return
        case str():
            require(is_inert(value), f"text that acts: {value[:40]!r}")
        case Decimal():
            require(value.is_finite() and len(format(value, "f")) < 200, "a number without bounds")
        case int():
            require(abs(value) < 10**16, "a whole number without bounds")
        case float():
            require(value == value and abs(value) < 1e15, "a number without bounds")  # noqa: PLR0124 - NaN
        case list() | tuple() | frozenset() | set():
            for each in value:
                check_harmless(each)
        case Reason() | Receipt():
            _check_fields(value)
        case GatewayError():
            check_harmless(value.reason)
            require(is_inert(str(value)), "an error that prints what acts")
            if isinstance(value, UnknownOutcomeError):
                check_harmless(value.receipt)
        case _ if dataclasses.is_dataclass(value):
            _check_fields(value)
        case _:
            require(False, f"what is this: {type(value).__name__}")


def _check_fields(value: Any) -> None:
    for each in dataclasses.fields(value):
        check_harmless(getattr(value, each.name))


@lru_cache(maxsize=8192)
def is_inert(text: str) -> bool:
    return len(text) <= 700 and is_visible(text)


def is_visible(text: str) -> bool:
    return not any(unicodedata.category(character) in _INVISIBLE for character in text)


def _hashable(parts: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(part if isinstance(part, str | Decimal | int | None) else repr(part) for part in parts)


__all__ = [
    "NOTHING",
    "BrokenLawError",
    "ReadFailedError",
    "check_harmless",
    "check_listing",
    "check_orders",
    "check_positions",
    "check_receipt",
    "check_scope",
    "meaning",
]
