"""The order that a reverse places after it has closed a position."""

import re
from decimal import Decimal, InvalidOperation
from enum import Enum

from crosstrade_panel.domain.names import is_name, read_contract
from crosstrade_panel.domain.scope import ScopeError, Side, require_name
from crosstrade_panel.domain.value import dataclass

# Tick sizes as the exchanges list them (CME, CBOT, NYMEX, COMEX). Not listed: unknown, no tick is asked for.
_TICK_SIZES = {
    "ES": Decimal("0.25"),
    "MES": Decimal("0.25"),
    "NQ": Decimal("0.25"),
    "MNQ": Decimal("0.25"),
    "YM": Decimal(1),
    "MYM": Decimal(1),
    "RTY": Decimal("0.1"),
    "M2K": Decimal("0.1"),
    "CL": Decimal("0.01"),
    "MCL": Decimal("0.01"),
    "GC": Decimal("0.1"),
    "MGC": Decimal("0.1"),
}

_PRICE = re.compile(r"\d{1,12}(?:[.,]\d{1,12})?")
_THOUSANDS = re.compile(r"[1-9]\d{0,2}(?:,\d{3})+")
_QUANTITY = re.compile(r"\d{1,9}")


class OrderType(Enum):
    """How the new order is executed."""

    MARKET = "market"
    LIMIT = "limit"
    STOP_MARKET = "stop-market"
    STOP_LIMIT = "stop-limit"

    @property
    def needs_limit_price(self) -> bool:
        """Whether the order has a limit price."""
        return self in {OrderType.LIMIT, OrderType.STOP_LIMIT}

    @property
    def needs_stop_price(self) -> bool:
        """Whether the order has a stop price."""
        return self in {OrderType.STOP_MARKET, OrderType.STOP_LIMIT}


class TimeInForce(Enum):
    """How long the new order works."""

    DAY = "day"
    GTC = "gtc"


class Action(Enum):
    """What the new order does."""

    BUY = "buy"
    SELL = "sell"


def tick_size_of(instrument: str) -> Decimal | None:
    """The smallest price step, in points; None when it is not known."""
    return _TICK_SIZES.get(read_contract(instrument).root)


def read_price(text: str) -> Decimal:
    """Read a price as typed, in points; a decimal comma is taken for a decimal point.

    Raises:
        ScopeError: not one plain positive number.
    """
    typed = text.strip()
    if _THOUSANDS.fullmatch(typed) and typed.isascii():
        # A price a thousand times too low would execute at once.
        whole = typed.replace(",", "")
        meant = f"{whole} or {typed.replace(',', '.')}" if typed.count(",") == 1 else whole
        message = f"{text!r} may mean {meant}: type what is meant, without a comma"
        raise ScopeError(message)
    if _PRICE.fullmatch(typed) and typed.isascii():
        price = Decimal(typed.replace(",", "."))
        if price > 0:
            return price
    message = f"{text!r} is not a price: digits with at most one decimal point or comma, above zero"
    raise ScopeError(message)


def read_quantity(text: str) -> int:
    """Read a number of contracts as typed.

    Raises:
        ScopeError: not a positive whole number.
    """
    typed = text.strip()
    if not _QUANTITY.fullmatch(typed) or not typed.isascii() or int(typed) == 0:
        message = f"{text!r} is not a number of contracts: a whole number from 1"
        raise ScopeError(message)
    return int(typed)


@dataclass(frozen=True, slots=True)
class ReverseTicket:
    """A reverse of one position: close what is held, then place one order on the other side.

    `leaving` is the side held now; prices are in points.
    """

    account: str
    instrument: str
    leaving: Side
    quantity: int
    order_type: OrderType = OrderType.MARKET
    time_in_force: TimeInForce = TimeInForce.DAY
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    oco_id: str | None = None
    strategy: str | None = None

    def __post_init__(self) -> None:
        require_name("account", self.account)
        require_name("instrument", self.instrument)
        _require_kind("side", self.leaving, Side)
        _require_kind("order type", self.order_type, OrderType)
        _require_kind("time in force", self.time_in_force, TimeInForce)
        _require_quantity(self.quantity)
        kind = self.order_type
        _require_price("limit price", self.limit_price, self.instrument, kind, needed=kind.needs_limit_price)
        _require_price("stop price", self.stop_price, self.instrument, kind, needed=kind.needs_stop_price)
        for what, name in (("OCO id", self.oco_id), ("ATM strategy", self.strategy)):
            if name is not None and not is_name(name):
                message = f"{what} is left out or has a visible name, not {name!r}"
                raise ScopeError(message)

    @property
    def action(self) -> Action:
        """What the new order does: leaving a long position sells."""
        return Action.SELL if self.leaving is Side.LONG else Action.BUY

    @property
    def entering(self) -> Side:
        """The side held afterwards."""
        return self.leaving.opposite


def _require_kind(what: str, value: object, kind: type[Enum]) -> None:
    if not isinstance(value, kind):
        message = f"{what} cannot be {value!r}"
        raise ScopeError(message)


def _require_quantity(quantity: object) -> None:
    if not isinstance(quantity, int) or isinstance(quantity, bool) or quantity < 1:
        message = f"quantity is a whole number of contracts from 1, not {quantity!r}"
        raise ScopeError(message)


def _require_price(what: str, price: object, instrument: str, order_type: OrderType, *, needed: bool) -> None:
    if price is None:
        if needed:
            message = f"a {order_type.value} order needs a {what}"
            raise ScopeError(message)
        return
    if not needed:
        message = f"a {order_type.value} order takes no {what}"
        raise ScopeError(message)
    if not isinstance(price, Decimal) or not price.is_finite() or price <= 0:
        message = f"{what} is a positive number, not {price}"
        raise ScopeError(message)
    tick = tick_size_of(instrument)
    if tick is not None and not _is_on_tick(price, tick):
        message = f"{what} {price:f} is not on the tick: {instrument} moves in steps of {tick}"
        raise ScopeError(message)


def _is_on_tick(price: Decimal, tick: Decimal) -> bool:
    try:
        return price % tick == 0
    except InvalidOperation:  # more digits than can be divided: no price of this world
        return False
