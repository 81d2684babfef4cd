"""The honest half: the contract's paths, answered from the book."""

from __future__ import annotations

import difflib
import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal
from urllib.parse import parse_qs, unquote

from tests.contract.behaviours import Act, Call, Effect
from tests.contract.state import Book, Json, Order, Position, State, resolve_instrument

Kind = Literal[
    "flatten", "reverse", "cancel", "cancel_all", "positions", "snapshot", "accounts", "orders", "unknown"
]
AccountsShape = Literal["objects", "data", "bare", "strings"]
Plan = tuple["Answer", Callable[[], None] | None]

_PATHS = (
    "/v1/api/positions",
    "/v1/api/positions/flatten",
    "/v1/api/accounts",
    "/v1/api/accounts/snapshot",
    "/v1/api/accounts/{account}/orders",
    "/v1/api/accounts/{account}/orders/cancel",
    "/v1/api/accounts/{account}/positions/reverseposition",
)
_ORDER_TYPES = {"MARKET": "Market", "LIMIT": "Limit", "STOPMARKET": "StopMarket", "STOPLIMIT": "StopLimit"}


@dataclass(frozen=True, slots=True)
class Answer:
    """A JSON answer before it is put on the wire."""

    status: int
    body: Json
    headers: tuple[tuple[str, str], ...] = ()

    def encoded(self) -> bytes:
        """Return the body as bytes."""
        return json.dumps(self.body, default=float).encode()


class InvalidRequestError(Exception):
    """The arguments are not the contract's."""


def kind_of(call: Call) -> Kind:
    """Return which of the contract's calls this is, by method and raw path."""
    match call.method, call.path.split("/")[1:]:
        case "POST", ["v1", "api", "positions", "flatten"]:
            return "flatten"
        case "POST", ["v1", "api", "accounts", _, "positions", "reverseposition"]:
            return "reverse"
        case "POST", ["v1", "api", "accounts", _, "orders", "cancel"]:
            return "cancel_all"
        case "POST", ["v1", "api", "accounts", _, "orders", _, "cancel"]:
            return "cancel"
        case "GET", ["v1", "api", "positions"]:
            return "positions"
        case "GET", ["v1", "api", "accounts", "snapshot"]:
            return "snapshot"
        case "GET", ["v1", "api", "accounts"]:
            return "accounts"
        case "GET", ["v1", "api", "accounts", _, "orders"]:
            return "orders"
        case _:
            return "unknown"


@dataclass(slots=True)
class Api:
    """Answers calls as the contract says.

    Attributes:
        settle_s: how long a change takes to show in the state.
        entry_s: how long after the close a reverse places its entry.
        lag_s: how old the pictures are that reads show.
        accounts_shape: which of the tolerated forms ``GET /accounts`` has.
        has_snapshot: whether the snapshot path exists.
        honours_active_only: whether the orders read leaves terminal orders out when asked to.
        budget: whether the token bucket (20, 3/s) is enforced.
        pro_plan: without it every call is a 401.
    """

    book: Book
    token: str
    settle_s: float = 0.0
    entry_s: float = 0.0
    lag_s: float = 0.0
    accounts_shape: AccountsShape = "objects"
    has_snapshot: bool = True
    honours_active_only: bool = True
    budget: bool = False
    pro_plan: bool = True
    _tokens: float = 20.0
    _tokens_at: float = field(default_factory=time.monotonic)
    _ids: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, call: Call, act: Act) -> Answer:
        """Return the contract's answer, after what ``act`` says was done to the book."""
        denied = self._denied(call)
        if denied is not None:
            return denied
        try:
            answer, change = self._plan(call)
        except InvalidRequestError:
            return Answer(400, {"error": "Invalid request"})
        if callable(act) and kind_of(call) != "unknown":
            self._apply(call, act)
        elif act is True and change is not None:
            change()
            call.acted = True
        return answer

    def _apply(self, call: Call, effect: Effect) -> None:
        call.acted = True
        self.book.change(lambda state: effect(state, call), self.settle_s)

    def _denied(self, call: Call) -> Answer | None:
        if call.header("authorization") != f"Bearer {self.token}":
            return Answer(401, {"error": "Invalid or missing token"})
        if not self.pro_plan:
            return Answer(401, {"error": "api_requires_pro", "success": False})
        if self.budget and not self._take_token():
            return Answer(429, {"error": "Rate limit exceeded"}, (("Retry-After", "1"),))
        return None

    def _take_token(self) -> bool:
        with self._lock:
            now = time.monotonic()
            self._tokens = min(20.0, self._tokens + 3.0 * (now - self._tokens_at))
            self._tokens_at = now
            if self._tokens < 1:
                return False
            self._tokens -= 1
            return True

    def _plan(self, call: Call) -> Plan:
        match kind_of(call):
            case "flatten":
                return self._flatten(call)
            case "reverse":
                return self._reverse(call)
            case "cancel":
                return self._cancel(call)
            case "cancel_all":
                return self._cancel_all(call)
            case "positions":
                return self._positions(call), None
            case "snapshot" if self.has_snapshot:
                return self._snapshot(), None
            case "accounts":
                return self._accounts(), None
            case "orders":
                return self._orders(call), None
            case _:
                nearest = difflib.get_close_matches(call.path, _PATHS, 1, 0.0)
                return Answer(404, {"error": "Not found", "did_you_mean": nearest[0]}), None

    # -- the two actions -------------------------------------------------------------------------------

    def _flatten(self, call: Call) -> Plan:
        body = _object(call.body)
        state = self.book.state()
        # A blank filter counts as absent: of all that a server may do with it, the worst for the client.
        name, instrument, side = (_text(body, key) for key in ("account", "instrument", "marketPosition"))
        account = _known_account(state, name) if name else None
        if side and side not in {"long", "short"}:
            raise InvalidRequestError
        exact = resolve_instrument(instrument, state.instruments()) if instrument else None

        def asked(position: Position) -> bool:
            return (
                (not name or position.account == account)
                and (not instrument or position.instrument == exact)
                and (not side or position.side.lower() == side)
            )

        closed = [position for position in state.positions if asked(position)]
        pairs = {position.pair for position in closed}
        doomed = [
            order for order in state.orders if order.working and (order.account, order.instrument) in pairs
        ]
        answer: dict[str, Json] = {
            "orderIds": [order.order_id for order in doomed],
            "closedPositions": [_closed_row(position) for position in closed],
            "success": True,
        }
        if not closed:
            answer["warning"] = "No open positions matched"
        ids = {order.order_id for order in doomed}
        return Answer(200, answer), lambda: self.book.change(
            lambda now: _close(now, pairs, ids), self.settle_s
        )

    def _reverse(self, call: Call) -> Plan:
        body = _object(call.body)
        state = self.book.state()
        asked_account = _segment(call, 4)
        account = _known_account(state, asked_account)
        action, kind, duration = (_required(body, key) for key in ("action", "orderType", "timeInForce"))
        instrument, quantity = _required(body, "instrument"), body.get("quantity")
        prices = {key: _price(body, key) for key in ("limitPrice", "stopPrice")}
        needs = {
            "LIMIT": {"limitPrice"},
            "STOPMARKET": {"stopPrice"},
            "STOPLIMIT": {"limitPrice", "stopPrice"},
        }
        if (
            action not in {"BUY", "SELL"}
            or kind not in _ORDER_TYPES
            or duration not in {"DAY", "GTC"}
            or isinstance(quantity, bool)
            or not isinstance(quantity, int)
            or quantity < 1
            or any(prices[key] is None for key in needs.get(kind, set()))
        ):
            raise InvalidRequestError
        exact = resolve_instrument(instrument, state.instruments())
        held = next((p for p in state.positions if p.pair == (account, exact)), None)
        if held is None:
            error = f"No position found for instrument '{instrument}' in account '{asked_account}'"
            return Answer(400, {"error": error}), None
        order = Order(
            account,
            held.instrument,
            self._new_id(),
            "Buy" if action == "BUY" else "Sell",
            _ORDER_TYPES[kind],
            "Filled" if kind == "MARKET" else "Working",
            quantity,
            prices["limitPrice"],
            prices["stopPrice"],
            _text(body, "ocoId"),
        )
        ids = {o.order_id for o in state.orders if o.working and (o.account, o.instrument) == held.pair}

        def change() -> None:
            self.book.change(lambda now: _close(now, {held.pair}, ids), self.settle_s)
            self.book.change(lambda now: _enter(now, order, held), self.settle_s + self.entry_s)

        return Answer(200, {"orderId": order.order_id, "success": True}), change

    def _cancel(self, call: Call) -> Plan:
        state = self.book.state()
        account, order_id = _known_account(state, _segment(call, 4)), _segment(call, 6)
        _object(call.body)
        order = next((o for o in state.orders if (o.account, o.order_id) == (account, order_id)), None)
        if order is None or not order.working:
            return Answer(400, {"error": f"Order {order_id} not found or already terminal"}), None
        return (
            Answer(200, {"orderId": order_id, "success": True}),
            lambda: self.book.change(lambda now: _close(now, set(), {order_id}), self.settle_s),
        )

    def _cancel_all(self, call: Call) -> Plan:
        state = self.book.state()
        account, instrument = (
            _known_account(state, _segment(call, 4)),
            _text(_object(call.body), "instrument"),
        )
        exact = resolve_instrument(instrument, state.instruments()) if instrument else None
        ids = [
            order.order_id
            for order in state.orders
            if order.working and order.account == account and (not instrument or order.instrument == exact)
        ]
        return (
            Answer(200, {"orderIds": ids, "success": True}),
            lambda: self.book.change(lambda now: _close(now, set(), set(ids)), self.settle_s),
        )

    # -- the reads -------------------------------------------------------------------------------------

    def _positions(self, call: Call) -> Answer:
        state = self.book.state(self.lag_s)
        rows = [position.row() for position in state.positions]
        if _query(call, "includeFlat") == "true":
            pairs = self.book.pairs_seen() - {position.pair for position in state.positions}
            rows += [Position(*pair, "Flat", 0).row() for pair in sorted(pairs)]
        return Answer(200, {"positions": rows, "count": len(rows), "success": True})

    def _snapshot(self) -> Answer:
        state, now = self.book.state(self.lag_s), datetime.now(UTC)
        accounts: list[Json] = [
            {
                "account": account.row(state.positions),
                "positions": [p.row() for p in state.positions if p.account == account.name],
            }
            for account in state.accounts
        ]
        body: dict[str, Json] = {
            "type": "snapshot",
            "timestamp": now.isoformat(),
            "epoch": int(now.timestamp() * 1000),
            "accounts": accounts,
        }
        return Answer(200, body)

    def _accounts(self) -> Answer:
        state = self.book.state(self.lag_s)
        rows = [account.row(state.positions) for account in state.accounts]
        match self.accounts_shape:
            case "objects":
                return Answer(200, {"accounts": rows, "success": True})
            case "data":
                return Answer(200, {"data": rows, "success": True})
            case "bare":
                return Answer(200, rows)
            case "strings":
                return Answer(
                    200, {"accounts": [account.name for account in state.accounts], "success": True}
                )

    def _orders(self, call: Call) -> Answer:
        state = self.book.state(self.lag_s)
        account = _known_account(state, _segment(call, 4))
        only_active = self.honours_active_only and _query(call, "activeOnly") == "true"
        orders = [o for o in state.orders if o.account == account and (o.working or not only_active)]
        return Answer(200, {"orders": [order.row() for order in orders], "success": True})

    def _new_id(self) -> str:
        with self._lock:
            self._ids += 1
            return f"order-{self._ids:04}"


def _close(state: State, pairs: set[tuple[str, str]], order_ids: set[str]) -> State:
    return replace(
        state,
        positions=tuple(p for p in state.positions if p.pair not in pairs),
        orders=tuple(
            replace(o, state="Cancelled") if o.order_id in order_ids and o.working else o
            for o in state.orders
        ),
    )


def _enter(state: State, order: Order, held: Position) -> State:
    """Place the entry of a reverse; a market order fills at once against whatever is there by then."""
    orders = (*state.orders, order)
    if order.working:
        return replace(state, orders=orders)
    signed = order.quantity if order.action == "Buy" else -order.quantity
    rest = tuple(p for p in state.positions if p.pair != held.pair)
    for position in state.positions:
        if position.pair == held.pair:
            signed += position.quantity if position.side == "Long" else -position.quantity
    if not signed:
        return replace(state, positions=rest, orders=orders)
    side = "Long" if signed > 0 else "Short"
    filled = Position(held.account, held.instrument, side, abs(signed), held.market, held.market)
    return replace(state, positions=(*rest, filled), orders=orders)


def _closed_row(position: Position) -> dict[str, Json]:
    row = position.row()
    del row["tag"]
    return row


def _object(body: bytes) -> dict[str, Json]:
    try:
        decoded = json.loads(body or b"{}", parse_float=Decimal)
    except ValueError as error:
        raise InvalidRequestError from error
    if not isinstance(decoded, dict):
        raise InvalidRequestError
    return decoded


def _text(body: dict[str, Json], key: str) -> str:
    value = body.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidRequestError
    return value.strip()


def _required(body: dict[str, Json], key: str) -> str:
    value = _text(body, key)
    if not value:
        raise InvalidRequestError
    return value


def _price(body: dict[str, Json], key: str) -> Decimal | None:
    match body.get(key):
        case None:
            return None
        case int() | Decimal() as price if not isinstance(price, bool):
            return Decimal(price)
        case _:
            raise InvalidRequestError


def _known_account(state: State, name: str) -> str:
    account = state.account(name)
    if account is None:
        raise InvalidRequestError
    return account.name


def _segment(call: Call, index: int) -> str:
    return unquote(call.path.split("/")[index])


def _query(call: Call, key: str) -> str | None:
    values: Sequence[str] = parse_qs(call.target.partition("?")[2]).get(key, ())
    return values[-1] if values else None
