"""What a read showed: accounts, positions, working orders, and how far the read can be believed."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import field
from decimal import Decimal
from enum import Enum

from crosstrade_panel.domain.names import fold, may_be_same_instrument
from crosstrade_panel.domain.scope import Scope, Side, account_of, is_outside
from crosstrade_panel.domain.value import dataclass


class Mode(Enum):
    """Whose money an account trades. Whatever is not known to be simulated is live."""

    LIVE = "LIVE"
    SIM = "SIM"
    PRACTICE = "PRACTICE"


@dataclass(frozen=True, slots=True)
class Account:
    """An account as the API listed it. None: the listing did not say."""

    name: str
    provider: str | None = None
    connected: bool | None = None
    is_flat: bool | None = None
    display_name: str | None = None

    @property
    def mode(self) -> Mode:
        """SIM for NinjaTrader's own simulator, else LIVE."""
        return Mode.SIM if (self.provider or "").casefold() == "simulator" else Mode.LIVE


@dataclass(frozen=True, slots=True)
class Position:
    """An open position. None: that field of the row could not be read; quantity is always positive."""

    account: str | None
    instrument: str | None
    side: Side | None
    quantity: int | None
    average_price: Decimal | None = None
    market_price: Decimal | None = None
    unrealized: Decimal | None = None
    instrument_type: str | None = None
    row_type: str | None = None

    @property
    def is_readable(self) -> bool:
        """Whether account, instrument, side and quantity are all known."""
        return None not in (self.account, self.instrument, self.side, self.quantity)

    @property
    def pair(self) -> "Pair | None":
        """Account and instrument, in the form in which they are compared."""
        if self.account is None or self.instrument is None:
            return None
        return (fold(self.account), fold(self.instrument))


Pair = tuple[str, str]
"""Account and instrument, both folded."""

ENDED = "Ended"
"""Our own word for an order in state Unknown whose cancel was answered "already terminal"."""

# NinjaTrader's order states that end an order; in every other one, unknown ones included, it still works.
TERMINAL_ORDER_STATES = frozenset({"filled", "cancelled", "rejected", ENDED.casefold()})

_PASSING_STATES = frozenset({"initialized", "submitted", "cancelpending", "cancelsubmitted"})


@dataclass(frozen=True, slots=True)
class Order:
    """An order of an account. None: that field of the row could not be read."""

    account: str
    order_id: str | None
    instrument: str | None
    state: str | None
    order_type: str | None = None
    action: str | None = None
    quantity: int | None = None
    filled: int | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    oco_id: str | None = None

    @property
    def is_working(self) -> bool:
        """Whether the order may still trade."""
        return self.state is None or self.state.casefold() not in TERMINAL_ORDER_STATES

    @property
    def is_in_doubt(self) -> bool:
        """Whether nobody knows its state: it counts as working, until a cancel finds it ended."""
        return self.state is None or self.state.casefold() == "unknown"

    @property
    def is_passing(self) -> bool:
        """Whether it is about to become something else by itself: sent just now, or being cancelled."""
        state, kind = (self.state or "").casefold(), (self.order_type or "").casefold()
        return state in _PASSING_STATES or kind == "market"


class Source(Enum):
    """Which endpoint a read came from."""

    POSITIONS = "positions"
    SNAPSHOT = "snapshot"
    ACCOUNTS = "accounts"
    ORDERS = "orders"


@dataclass(frozen=True, slots=True)
class Stamp:
    """When a read was made: monotonic seconds, and the server's own time in ms where it gave one."""

    sent_at: float
    answered_at: float
    epoch_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Flaws:
    """What makes a read unfit as proof: a reason for all of it, or for single (folded) accounts."""

    everything: str | None = None
    accounts: frozenset[str] = frozenset()

    def spoil(self, account: str) -> bool:
        """Whether nothing good may be concluded from the read for this account."""
        return self.everything is not None or fold(account) in self.accounts


@dataclass(frozen=True, slots=True)
class PositionsRead:
    """One answer that lists open positions; from the snapshot it lists the accounts too."""

    source: Source
    stamp: Stamp
    positions: tuple[Position, ...]
    accounts: tuple[Account, ...] | None = None
    flaws: Flaws = field(default_factory=Flaws)

    def of(self, account: str) -> tuple[Position, ...]:
        """The open rows of an account, with those whose account could not be read."""
        wanted = fold(account)
        return tuple(row for row in self.positions if row.account is None or fold(row.account) == wanted)


@dataclass(frozen=True, slots=True)
class AccountsRead:
    """One answer that lists the accounts."""

    stamp: Stamp
    accounts: tuple[Account, ...]
    flaws: Flaws = field(default_factory=Flaws)


@dataclass(frozen=True, slots=True)
class OrdersRead:
    """One answer that lists the orders of one account, working or not."""

    stamp: Stamp
    account: str
    orders: tuple[Order, ...]
    flaws: Flaws = field(default_factory=Flaws)


def in_scope(scope: Scope, positions: Iterable[Position]) -> tuple[Position, ...]:
    """The rows that a scope would touch; one that cannot be shown to be outside is inside."""
    if account_of(scope) is None and scope.instrument is None and scope.side is None:
        return tuple(positions)
    return tuple(row for row in positions if not is_outside(scope, row.account, row.instrument, row.side))


def same_rows(some: Sequence[Position], others: Sequence[Position]) -> bool:
    """Whether two lists hold the same positions, whatever their prices; cheap in the same order."""
    if some is others:
        return True
    if len(some) != len(others):
        return False
    if all(
        one.quantity == other.quantity
        and one.side is other.side
        and one.instrument == other.instrument
        and one.account == other.account
        for one, other in zip(some, others, strict=True)
    ):
        return True
    return Counter(map(_without_prices, some)) == Counter(map(_without_prices, others))


def _without_prices(row: Position) -> tuple[object, ...]:
    return row.pair, row.side, row.quantity


def shown_in(scope: Scope, read: PositionsRead) -> tuple[Position, ...] | None:
    """What a read shows of a scope; None where it is not to be believed, or says nothing of the account."""
    account = account_of(scope)
    if read.flaws.everything is not None:
        return None
    if account is not None:
        is_listed = read.accounts is None or find_account(read.accounts, account) is not None
        if read.flaws.spoil(account) or not is_listed:
            return None
    return in_scope(scope, read.positions)


def tells_of_all(scope: Scope, read: PositionsRead, accounts: Sequence[Account]) -> bool:
    """Whether "nothing open" may be concluded from a read for all of a scope.

    `accounts`: those that were listed last. A read that lists none speaks of them; where none are, or none
    were yet, nobody knows which there are: an add-on that is away answers with empty lists, as if all were
    well.
    """
    name = account_of(scope)
    listed = accounts if read.accounts is None else read.accounts
    if not listed:
        return False
    if name is None:
        return read.flaws.everything is None and not read.flaws.accounts
    if read.flaws.spoil(name):
        return False
    # Of an account that is gone a read is silent, and one that is not connected is shown empty whatever it
    # holds.
    found = find_account(listed, name)
    return found is not None and found.connected is not False


def total_unrealized(positions: Iterable[Position]) -> Decimal | None:
    """Open profit or loss in account currency; None when any row does not say."""
    total = Decimal(0)
    for row in positions:
        if row.unrealized is None:
            return None
        total += row.unrealized
    return total


def find_account(accounts: Iterable[Account], name: str) -> Account | None:
    """The account of that name, without regard to case."""
    wanted = fold(name)
    return next((account for account in accounts if fold(account.name) == wanted), None)


def protects(order: Order, position: Position) -> bool:
    """Whether an order may be a stop that protects the position; what cannot be read may be one."""
    if not order.is_working or position.side is None:
        return order.is_working
    one, other = order.instrument, position.instrument
    if one is not None and other is not None and not may_be_same_instrument(one, other):
        return False
    is_stop = order.order_type is None or "stop" in order.order_type.casefold()
    opposite = "sell" if position.side is Side.LONG else "buy"
    return is_stop and (order.action is None or order.action.casefold().startswith(opposite))
