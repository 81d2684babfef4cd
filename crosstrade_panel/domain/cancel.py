"""Orders that are to be cancelled: exactly those that were listed, and in which requests."""

from collections.abc import Mapping

from crosstrade_panel.domain.names import fold, is_alias, may_be_same_instrument
from crosstrade_panel.domain.scope import EveryAccount, OneAccount, Scope, ScopeError, require_name
from crosstrade_panel.domain.snapshot import Order, OrdersRead
from crosstrade_panel.domain.value import dataclass


@dataclass(frozen=True, slots=True)
class ListedOrders:
    """Working orders as they were listed to the trader; each can be named to the API."""

    orders: tuple[Order, ...]

    def __post_init__(self) -> None:
        if not self.orders:
            raise ScopeError("no order is listed, and none must never mean all")
        for order in self.orders:
            require_name("account", order.account)
            require_name("instrument", order.instrument)
            require_name("order id", order.order_id)
        if len({(fold(order.account), order.order_id) for order in self.orders}) < len(self.orders):
            raise ScopeError("an order is listed twice")

    @property
    def accounts(self) -> tuple[str, ...]:
        """Their accounts, each once, as first spelled."""
        names: dict[str, str] = {}
        for order in self.orders:
            names.setdefault(fold(order.account), order.account)
        return tuple(names.values())

    def of(self, account: str) -> tuple[Order, ...]:
        """Those of one account."""
        return tuple(order for order in self.orders if fold(order.account) == fold(account))

    @property
    def scope(self) -> Scope:
        """The narrowest scope that holds all of them."""
        instruments = {order.instrument for order in self.orders}
        instrument = instruments.pop() if len(instruments) == 1 else None
        accounts = self.accounts
        return EveryAccount(instrument) if len(accounts) > 1 else OneAccount(accounts[0], instrument)


@dataclass(frozen=True, slots=True)
class CancelRequest:
    """One request: every order of an account in one instrument, or one order by its id."""

    account: str
    instrument: str | None
    order_id: str | None
    orders: tuple[Order, ...]


def cancel_requests(listed: ListedOrders, known: Mapping[str, OrdersRead]) -> tuple[CancelRequest, ...]:
    """The requests that cancel exactly these orders.

    One for a whole pair only where the list holds every working order that the newest read of the account
    (`known`, by folded name) shows there; else one for each order. Never one for a whole account.
    """
    requests: list[CancelRequest] = []
    for account in listed.accounts:
        mine = listed.of(account)
        read = known.get(fold(account))
        for instrument in dict.fromkeys(order.instrument or "" for order in mine):
            here = tuple(order for order in mine if order.instrument == instrument)
            if read is not None and len(here) > 1 and _holds_all(here, instrument, read):
                requests.append(CancelRequest(account, instrument, None, here))
                continue
            requests.extend(CancelRequest(account, None, order.order_id, (order,)) for order in here)
    return tuple(requests)


def _holds_all(here: tuple[Order, ...], instrument: str, read: OrdersRead) -> bool:
    """Whether no other order could be meant by the pair; one whose instrument is not known could be.

    A name that moves at a roll (`MES`) never stands for a pair: who knows what it means to the server.
    """
    ids = {order.order_id for order in here}
    there = {
        order.order_id
        for order in read.orders
        if order.is_working
        and (order.instrument is None or may_be_same_instrument(order.instrument, instrument))
    }
    return not is_alias(instrument) and not read.flaws.spoil(read.account) and there <= ids
