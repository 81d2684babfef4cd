"""What the server knows: accounts, positions, working orders, and how they looked a moment ago."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

Json = None | bool | int | float | Decimal | str | Sequence["Json"] | dict[str, "Json"]

TERMINAL = frozenset({"Filled", "Cancelled", "Rejected"})
_POINT_VALUES = {
    "ES": Decimal(50),
    "MES": Decimal(5),
    "NQ": Decimal(20),
    "MNQ": Decimal(2),
    "YM": Decimal(5),
    "MYM": Decimal("0.5"),
    "RTY": Decimal(50),
    "M2K": Decimal(5),
    "CL": Decimal(1000),
    "GC": Decimal(100),
}
MONTH_CODES = "FGHJKMNQUVXZ"


@dataclass(frozen=True, slots=True)
class Account:
    """An account as the add-on lists it."""

    name: str
    provider: str = "Simulator"
    connected: bool = True
    cash: Decimal = Decimal(50_000)

    def row(self, positions: Sequence[Position]) -> dict[str, Json]:
        """Return the account's JSON row."""
        open_profit = sum((p.profit for p in positions if p.account == self.name), Decimal(0))
        status = "Connected" if self.connected else "Disconnected"
        return {
            "name": self.name,
            "displayName": self.name,
            "provider": self.provider,
            "status": "Enabled",
            "connectionStatus": status,
            "isAccountFlat": not any(p.account == self.name for p in positions),
            "item": {
                "cashValue": self.cash,
                "netLiquidation": self.cash + open_profit,
                "realizedProfitLoss": 0,
                "unrealizedProfitLoss": open_profit,
            },
        }


@dataclass(frozen=True, slots=True)
class Position:
    """An open position. ``side`` is ``Long`` or ``Short``."""

    account: str
    instrument: str
    side: str
    quantity: int
    average: Decimal = Decimal(6000)
    market: Decimal = Decimal(6000)

    @property
    def pair(self) -> tuple[str, str]:
        """The account and instrument."""
        return self.account, self.instrument

    @property
    def profit(self) -> Decimal:
        """The open profit in the account's currency."""
        sign = 1 if self.side == "Long" else -1
        root = self.instrument.partition(" ")[0]
        return (self.market - self.average) * sign * self.quantity * _POINT_VALUES.get(root, 1)

    def row(self) -> dict[str, Json]:
        """Return the position's JSON row."""
        return {
            "type": "NinjaTrader.Cbi.Position",
            "account": self.account,
            "instrument": self.instrument,
            "instrumentType": "Future",
            "marketPosition": self.side,
            "quantity": self.quantity,
            "averagePrice": self.average,
            "marketPrice": self.market,
            "unrealizedProfitLoss": self.profit,
            "tag": "",
        }


@dataclass(frozen=True, slots=True)
class Order:
    """An order. ``state`` is one of NinjaTrader's names, ``action`` is ``Buy`` or ``Sell``."""

    account: str
    instrument: str
    order_id: str
    action: str = "Buy"
    order_type: str = "Limit"
    state: str = "Working"
    quantity: int = 1
    limit: Decimal | None = None
    stop: Decimal | None = None
    oco_id: str = ""

    @property
    def working(self) -> bool:
        """Whether the order is not in a terminal state."""
        return self.state not in TERMINAL

    def row(self) -> dict[str, Json]:
        """Return the order's JSON row."""
        return {
            "account": self.account,
            "orderId": self.order_id,
            "instrument": self.instrument,
            "orderType": self.order_type,
            "orderState": self.state,
            "quantity": self.quantity,
            "filled": self.quantity if self.state == "Filled" else 0,
            "limitPrice": self.limit or 0,
            "stopPrice": self.stop or 0,
            "action": self.action,
            "ocoId": self.oco_id,
        }


@dataclass(frozen=True, slots=True)
class State:
    """Everything at one moment."""

    accounts: tuple[Account, ...] = ()
    positions: tuple[Position, ...] = ()
    orders: tuple[Order, ...] = ()

    def account(self, name: str) -> Account | None:
        """Return the account of that name, compared without case, or None."""
        return next((a for a in self.accounts if a.name.casefold() == name.casefold()), None)

    def instruments(self) -> frozenset[str]:
        """Return every instrument that a position or an order names."""
        return frozenset([p.instrument for p in self.positions] + [o.instrument for o in self.orders])


Change = Callable[[State], State]


@dataclass(slots=True)
class Book:
    """The state over time: changes may be due later, and the past can be asked for.

    ``due`` and ``at`` are monotonic seconds.
    """

    first: State
    _past: list[tuple[float, State]] = field(default_factory=list)
    _due: list[tuple[float, Change]] = field(default_factory=list)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        self._past.append((float("-inf"), self.first))

    def change(self, change: Change, delay_s: float = 0.0) -> None:
        """Apply ``change`` after ``delay_s`` seconds, in the order in which changes fall due."""
        with self._lock:
            self._due.append((time.monotonic() + delay_s, change))
            self._due.sort(key=lambda entry: entry[0])
            self._settle()

    def state(self, lag_s: float = 0.0) -> State:
        """Return the state as it was ``lag_s`` seconds ago."""
        with self._lock:
            self._settle()
            moment = time.monotonic() - lag_s
            return next(state for when, state in reversed(self._past) if when <= moment)

    def pairs_seen(self) -> frozenset[tuple[str, str]]:
        """Return each account and instrument that ever had a position."""
        with self._lock:
            self._settle()
            return frozenset(p.pair for _, state in self._past for p in state.positions)

    def _settle(self) -> None:
        now = time.monotonic()
        while self._due and self._due[0][0] <= now:
            when, change = self._due.pop(0)
            self._past.append((when, change(self._past[-1][1])))


def contract_number(instrument: str) -> tuple[int, int]:
    """Return the year and month of ``MES 12-25``, or zeros."""
    month, _, year = instrument.partition(" ")[2].partition("-")
    return (int(year), int(month)) if month.isdigit() and year.isdigit() else (0, 0)


def resolve_instrument(asked: str, known: frozenset[str]) -> str | None:
    """Return the known instrument meant by ``ES 12-25``, ``ES``, ``ES1!`` or ``ESZ25``, or None."""
    for name in sorted(known, key=contract_number):
        root = name.partition(" ")[0]
        year, month = contract_number(name)
        code = f"{root}{MONTH_CODES[month - 1]}{year:02}" if month else name
        if asked.upper() in {name.upper(), root, f"{root}1!", code}:
            return name
    return None


def default_state() -> State:
    """Return a small believable state: a bracketed short, a long, a live account, a lone order."""
    apex = "APEX 1/2#3!"
    return State(
        accounts=(Account("Sim101"), Account("Sim102"), Account(apex, provider="Rithmic")),
        positions=(
            Position("Sim101", "MES 12-25", "Short", 2, Decimal("5780.25"), Decimal("5774.5")),
            Position("Sim101", "ES 12-25", "Long", 1, Decimal("5770.125"), Decimal("5774.5")),
            Position(apex, "MNQ 12-25", "Long", 1, Decimal("20110.5"), Decimal("20100.25")),
        ),
        orders=(
            Order(
                "Sim101",
                "MES 12-25",
                "stop-of-mes",
                "Buy",
                "StopMarket",
                "Accepted",
                2,
                stop=Decimal(5790),
                oco_id="b1",
            ),
            Order(
                "Sim101",
                "MES 12-25",
                "target-of-mes",
                "Buy",
                "Limit",
                "Working",
                2,
                limit=Decimal(5760),
                oco_id="b1",
            ),
            Order("Sim101", "NQ 12-25", "resting-nq", "Buy", "Limit", "Working", 1, limit=Decimal(20000)),
            Order("Sim101", "MES 12-25", "filled-long-ago", "Sell", "Market", "Filled", 2),
        ),
    )
