"""The contract's JSON, written down a second time on purpose: bytes to requests, pictures to bytes.

Reading is strict. A field nobody documented, a blank name or a wrong case is refused where a real server
might shrug and act on more than was meant: here it is a mistake of the client, and it has to show.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Literal, NoReturn, TypeVar

from crosstrade_panel.simulator.book import BookError, FlattenRequest, ReverseRequest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from crosstrade_panel.simulator.book import Flattened
    from crosstrade_panel.simulator.ledger import AccountPicture, Order, OrderType, PositionPicture

Row = dict[str, object]
_Word = TypeVar("_Word", bound=str)

_LARGEST_PRICE = Decimal(10**9)
_LARGEST_QUANTITY = 10_000
_SIDES: dict[str, Literal["Long", "Short"]] = {"long": "Long", "short": "Short"}


class Vocabulary:
    """How one transport spells the enumerations: upper case over REST, NT8's own case over the stream."""

    def __init__(
        self,
        actions: Mapping[str, Literal["Buy", "Sell"]],
        order_types: Mapping[str, OrderType],
        times_in_force: Mapping[str, Literal["Day", "Gtc"]],
    ) -> None:
        self.actions = actions
        self.order_types = order_types
        self.times_in_force = times_in_force


REST_WORDS = Vocabulary(
    {"BUY": "Buy", "SELL": "Sell"},
    {"MARKET": "Market", "LIMIT": "Limit", "STOPMARKET": "StopMarket", "STOPLIMIT": "StopLimit"},
    {"DAY": "Day", "GTC": "Gtc"},
)
STREAM_WORDS = Vocabulary(
    {"Buy": "Buy", "Sell": "Sell"},
    {"Market": "Market", "Limit": "Limit", "StopMarket": "StopMarket", "StopLimit": "StopLimit"},
    {"Day": "Day", "Gtc": "Gtc"},
)

# ---- reading


def body_object(body: bytes | str) -> Row:
    """The JSON object of a body, its fractions as Decimal. Anything else is an invalid request."""
    try:
        value = json.loads(body, parse_float=Decimal, parse_constant=_refuse)
    except (ValueError, RecursionError, ArithmeticError) as error:
        raise BookError from error
    if not isinstance(value, dict):
        raise BookError
    return value


def flatten_request(fields: Row) -> FlattenRequest:
    """The criteria of a flatten; without any it means everything."""
    _only(fields, {"account", "instrument", "marketPosition"})
    side = _optional_text(fields, "marketPosition")
    return FlattenRequest(
        _optional_text(fields, "account"),
        _optional_text(fields, "instrument"),
        None if side is None else _word(side, _SIDES),
    )


def reverse_request(fields: Row, words: Vocabulary) -> ReverseRequest:
    """The nine fields of a reverse. Prices have to be there, or not, as the order type says."""
    _only(
        fields,
        {"instrument", "action", "quantity", "orderType", "timeInForce"}
        | {"limitPrice", "stopPrice", "ocoId", "strategy"},
    )
    order_type = _word(_text(fields, "orderType"), words.order_types)
    return ReverseRequest(
        _text(fields, "instrument"),
        _word(_text(fields, "action"), words.actions),
        _quantity(fields),
        order_type,
        _word(_text(fields, "timeInForce"), words.times_in_force),
        _price(fields, "limitPrice", needed=order_type in {"Limit", "StopLimit"}),
        _price(fields, "stopPrice", needed=order_type in {"StopMarket", "StopLimit"}),
        _optional_text(fields, "ocoId") or "",
        _optional_text(fields, "strategy") or "",
    )


def cancel_orders_instrument(fields: Row) -> str | None:
    """The instrument whose orders are to be cancelled; None for all of the account."""
    _only(fields, {"instrument"})
    return _optional_text(fields, "instrument")


def no_fields(fields: Row) -> None:
    """Refuse whatever is in a body that has to be `{}`."""
    _only(fields, set())


def text(fields: Row, key: str) -> str:
    """A name that has to be there."""
    return _text(fields, key)


def flag(value: object, *, default: bool) -> bool:
    """`true` or `false`, from a query or from arguments."""
    match value:
        case None:
            return default
        case bool():
            return value
        case str() if value.lower() in {"true", "false"}:
            return value.lower() == "true"
        case _:
            raise BookError


def _only(fields: Row, known: set[str]) -> None:
    if not fields.keys() <= known:
        raise BookError


def _text(fields: Row, key: str) -> str:
    value = fields.get(key)
    if not isinstance(value, str) or not value.strip():
        raise BookError
    return value


def _optional_text(fields: Row, key: str) -> str | None:
    return _text(fields, key) if key in fields else None


def _word(value: str, words: Mapping[str, _Word]) -> _Word:
    if value not in words:
        raise BookError
    return words[value]


def _quantity(fields: Row) -> int:
    value = fields.get("quantity")
    if type(value) is not int or not 1 <= value <= _LARGEST_QUANTITY:
        raise BookError
    return value


def _price(fields: Row, key: str, *, needed: bool) -> Decimal | None:
    value = fields.get(key)
    if (key in fields) is not needed:
        raise BookError
    if not needed:
        return None
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not 0 < value < _LARGEST_PRICE:
        raise BookError
    return Decimal(value)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


# ---- writing


def encode(data: object) -> bytes:
    """JSON bytes. Decimal goes out as a plain number."""
    return json.dumps(data, default=_number, separators=(",", ":"), allow_nan=False).encode()


def refusal(error: str) -> Row:
    """The body of a 400: real ones often hold nothing but `error`."""
    return {"error": error}


def flattened(done: Flattened) -> Row:
    """The answer to a flatten."""
    answer: Row = {"orderIds": list(done.order_ids), "closedPositions": [_position(p) for p in done.closed]}
    if not done.closed:
        answer["warning"] = "No open positions match"
    return answer | {"success": True}


def order_placed(order: Order) -> Row:
    """The answer to a reverse and to the cancel of one order."""
    return {"orderId": order.order_id, "success": True}


def orders_cancelled(orders: Iterable[Order]) -> Row:
    """The answer to the cancel of many."""
    return {"orderIds": [order.order_id for order in orders], "success": True}


def positions(pictures: Iterable[PositionPicture]) -> Row:
    """The plural list."""
    rows = [_position(picture) | {"tag": ""} for picture in pictures]
    return {"positions": rows, "count": len(rows), "success": True}


def accounts(pictures: Iterable[AccountPicture]) -> Row:
    """Every account."""
    return {"accounts": [_account(picture) for picture in pictures], "success": True}


def snapshot(
    epoch_ms: int, account_pictures: Iterable[AccountPicture], position_pictures: Iterable[PositionPicture]
) -> Row:
    """Accounts and their positions in one."""
    held: dict[str, list[Row]] = {}
    for picture in position_pictures:
        held.setdefault(picture.account, []).append(_position(picture) | {"tag": ""})
    stamp = datetime.fromtimestamp(epoch_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return {
        "type": "snapshot",
        "timestamp": stamp.replace("+00:00", "Z"),
        "epoch": epoch_ms,
        "accounts": [
            {"account": _account(picture), "positions": held.get(picture.name, [])}
            for picture in account_pictures
        ],
        "success": True,
    }


def orders(listed: Iterable[Order]) -> Row:
    """Orders of one account."""
    return {"orders": [_order(order) for order in listed], "success": True}


def rows(data: Row, key: str) -> list[Row]:
    """The rows of a list that was written here."""
    listed = data[key]
    assert isinstance(listed, list)  # noqa: S101
    return listed


def _position(picture: PositionPicture) -> Row:
    return {
        "type": "NinjaTrader.Cbi.Position",
        "account": picture.account,
        "instrument": picture.contract.name,
        "instrumentType": "Future",
        "marketPosition": picture.side,
        "quantity": picture.quantity,
        "averagePrice": picture.average_price,
        "marketPrice": picture.market_price,
        "unrealizedProfitLoss": picture.unrealized,
    }


def _account(picture: AccountPicture) -> Row:
    return {
        "name": picture.name,
        "displayName": picture.display_name,
        "provider": picture.provider,
        "status": "Enabled",
        "connectionStatus": picture.connection_status,
        "isAccountFlat": picture.is_flat,
        "item": {
            "cashValue": picture.cash,
            "netLiquidation": picture.cash + picture.unrealized,
            "realizedProfitLoss": picture.realized,
            "unrealizedProfitLoss": picture.unrealized,
        },
    }


def _order(order: Order) -> Row:
    return {
        "account": order.account,
        "orderId": order.order_id,
        "instrument": order.contract.name,
        "action": order.action,
        "orderType": order.order_type,
        "orderState": order.state,
        "quantity": order.quantity,
        "filled": order.filled,
        "limitPrice": order.limit_price or 0,
        "stopPrice": order.stop_price or 0,
        "averageFillPrice": order.fill_price or 0,
        "timeInForce": order.time_in_force,
        "ocoId": order.oco_id,
        "strategy": order.strategy,
    }


def _number(value: object) -> float:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(type(value))
