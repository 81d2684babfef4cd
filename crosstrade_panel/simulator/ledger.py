"""What the book keeps: accounts, orders, positions. Arithmetic only, no time and no rules."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from crosstrade_panel.simulator.instruments import Contract

Side = Literal["Long", "Short", "Flat"]
Action = Literal["Buy", "Sell", "BuyToCover"]
OrderType = Literal["Market", "Limit", "StopMarket", "StopLimit"]
OrderState = Literal["Submitted", "Accepted", "Working", "CancelPending", "Filled", "Cancelled", "Rejected"]

TERMINAL: frozenset[OrderState] = frozenset({"Filled", "Cancelled", "Rejected"})
"""NT8's names of the states in which an order can do nothing more."""


@dataclass(frozen=True, slots=True)
class PracticeAccount:
    """An account to open the exchange with. Any provider but "Simulator" makes it look live."""

    name: str
    provider: str = "Simulator"
    display_name: str = ""
    opening_cash: Decimal = Decimal(50_000)
    connection_status: str = "Connected"


@dataclass(slots=True)
class Order:
    """One order. `oco_id` and `strategy` are empty where there is none."""

    order_id: str
    account: str
    contract: Contract
    action: Action
    order_type: OrderType
    quantity: int
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    time_in_force: Literal["Day", "Gtc"] = "Gtc"
    oco_id: str = ""
    strategy: str = ""
    state: OrderState = "Working"
    filled: int = 0
    fill_price: Decimal | None = None
    triggered: bool = False
    purpose: Literal["", "close", "entry"] = ""
    """A flatten's or a reverse's closing order, a reverse's new one, or any other."""

    @property
    def direction(self) -> int:
        """1 for a purchase, -1 for a sale."""
        return -1 if self.action == "Sell" else 1

    @property
    def is_live(self) -> bool:
        """Whether it can still do something."""
        return self.state not in TERMINAL

    @property
    def is_resting(self) -> bool:
        """Whether it waits for a price: not a market order (Submitted), not being cancelled."""
        return self.state in {"Accepted", "Working"}

    def reached_by(self, price: Decimal) -> bool:
        """Whether a resting order fills at this price; a stop limit remembers that its stop was touched."""
        if self.stop_price is not None and not self.triggered:
            self.triggered = (price - self.stop_price) * self.direction >= 0
            if not self.triggered:
                return False
        return self.limit_price is None or (self.limit_price - price) * self.direction >= 0


@dataclass(slots=True)
class Position:
    """What an account holds of a contract, as the lots it was built from, oldest first; lots are signed.

    Lots keep every sum exact: an average would have to be rounded.
    """

    account: str
    contract: Contract
    lots: list[tuple[int, Decimal]] = field(default_factory=list)

    @property
    def signed(self) -> int:
        """Contracts held, negative when short."""
        return sum(quantity for quantity, _ in self.lots)

    @property
    def side(self) -> Side:
        """As answers spell it."""
        signed = self.signed
        return "Flat" if signed == 0 else "Long" if signed > 0 else "Short"

    @property
    def average(self) -> Decimal:
        """Average entry price; zero when flat."""
        signed = self.signed
        return sum((q * p for q, p in self.lots), Decimal(0)) / signed if signed else Decimal(0)

    def unrealized(self, price: Decimal) -> Decimal:
        """Open profit or loss in dollars at this price."""
        return sum((q * (price - p) for q, p in self.lots), Decimal(0)) * self.contract.point_value

    def fill(self, signed_quantity: int, price: Decimal) -> Decimal:
        """Book a fill, oldest lots first, through flat to the other side if larger. Dollars realized."""
        realized = Decimal(0)
        left = signed_quantity
        while left and self.lots and (self.lots[0][0] > 0) != (left > 0):
            held, entry = self.lots[0]
            closed = min(abs(left), abs(held)) * (1 if held > 0 else -1)
            realized += closed * (price - entry) * self.contract.point_value
            left += closed
            if held == closed:
                self.lots.pop(0)
            else:
                self.lots[0] = (held - closed, entry)
        if left:
            self.lots.append((left, price))
        return realized


@dataclass(frozen=True, slots=True)
class PositionPicture:
    """A position as it stood at one moment. Quantity never negative."""

    account: str
    contract: Contract
    side: Side
    quantity: int
    average_price: Decimal
    market_price: Decimal
    unrealized: Decimal


@dataclass(frozen=True, slots=True)
class StateChange:
    """What an account held and had working on one contract right after a fill or a change of an order.

    `at` is monotonic, on the exchange's clock; `working_orders` are the ids of all that may still fill.
    """

    at: float
    account: str
    instrument: str
    signed: int
    working_orders: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AccountPicture:
    """An account as it stood at one moment. Money in dollars."""

    name: str
    display_name: str
    provider: str
    connection_status: str
    is_flat: bool
    cash: Decimal
    realized: Decimal
    unrealized: Decimal


@dataclass(frozen=True, slots=True)
class Opening:
    """A position to open the exchange with: entry and brackets in ticks from the opening price."""

    account: str
    instrument: str
    signed_quantity: int
    entry_ticks: int
    strategy: str = ""
    """An ATM template's name puts a stop and a target around the position."""


DEFAULT_ACCOUNTS = (
    PracticeAccount("Sim101", display_name="Practice 1"),
    PracticeAccount("Sim102", display_name="Practice 2", opening_cash=Decimal(100_000)),
    # Looks live on purpose: the panel must treat it as money.
    PracticeAccount("APEX-04417-01", provider="Rithmic", display_name="Apex 04417"),
)

OPENINGS = (
    Opening("Sim101", "MES 12-25", -2, entry_ticks=9, strategy="Bracket"),
    Opening("Sim101", "NQ 12-25", 1, entry_ticks=-14, strategy="Bracket"),
    Opening("Sim102", "ES 12-25", 3, entry_ticks=6, strategy="Bracket"),
    # Without a stop, so that a newcomer sees what the panel says of an unprotected position.
    Opening("APEX-04417-01", "CL 01-26", -1, entry_ticks=12),
)
