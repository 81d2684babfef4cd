"""The exchange's state and rules: prices walk, orders fill, flatten and reverse act (api-contract.md §3).

Pure and seeded. Time comes in as monotonic seconds; things happen only in `advance` and in the call itself.
"""

from __future__ import annotations

import heapq
from collections import defaultdict, deque
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Literal

from crosstrade_panel.simulator.faults import Faults, NoFaults
from crosstrade_panel.simulator.instruments import Contract, Listing
from crosstrade_panel.simulator.ledger import (
    DEFAULT_ACCOUNTS,
    OPENINGS,
    AccountPicture,
    Action,
    Opening,
    Order,
    OrderType,
    Position,
    PositionPicture,
    PracticeAccount,
    StateChange,
)
from crosstrade_panel.simulator.market import Market

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

REVERSE_WAIT_S = 5.0
"""How long a reverse waits for the old position and its orders to go; then its entry is placed anyway."""
WALK_STEP_S = 0.25
STOP_TICKS = 40
TARGET_TICKS = 60
_LONGEST_CATCH_UP_S = 60.0
_REMEMBERED_ORDERS = 2000
_REMEMBERED_CHANGES = 10_000


class BookError(Exception):
    """The exchange says no; `error` is the text of the answer."""

    def __init__(self, error: str = "Invalid request") -> None:
        super().__init__(error)
        self.error = error


@dataclass(frozen=True, slots=True)
class FlattenRequest:
    """Criteria that all have to be met; None means any."""

    account: str | None = None
    instrument: str | None = None
    side: Literal["Long", "Short"] | None = None


@dataclass(frozen=True, slots=True)
class Flattened:
    """What a flatten ordered: the picture before the close, and the ids of the orders it cancels."""

    closed: tuple[PositionPicture, ...]
    order_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReverseRequest:
    """The order that is to follow the close."""

    instrument: str
    action: Literal["Buy", "Sell"]
    quantity: int
    order_type: OrderType
    time_in_force: Literal["Day", "Gtc"]
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    oco_id: str = ""
    strategy: str = ""


@dataclass(slots=True, eq=False)
class PendingReverse:
    """A reverse under way. `entry` is None until the new order is placed, for good where it is `dropped`."""

    account: str
    contract: Contract
    request: ReverseRequest
    entry: Order | None = None
    dropped: bool = False


class Book:
    """Accounts, prices, positions and orders of one exchange. Not thread-safe: its owner holds one lock.

    `time_scale` multiplies every delay: of fills, of cancels, of a reverse's wait. Prices walk at their pace.
    """

    def __init__(
        self,
        *,
        seed: int = 1,
        accounts: Sequence[PracticeAccount] = DEFAULT_ACCOUNTS,
        openings: Sequence[Opening] = OPENINGS,
        listing: Listing | None = None,
        faults: Faults | None = None,
        walking: bool = True,
        time_scale: float = 1.0,
    ) -> None:
        self.listing = listing or Listing()
        self.faults: Faults = faults or NoFaults()
        self.walking = walking
        self.time_scale = time_scale
        self.now: float | None = None
        # One stream each: an id more or less never changes a delay.
        self._delay_random, self._id_random = Random(f"{seed}:delay"), Random(f"{seed}:id")
        self._market = Market(seed, self.listing.contracts)
        self._accounts = {account.name.casefold(): account for account in accounts}
        self._realized: dict[str, Decimal] = defaultdict(Decimal)
        self._positions: dict[tuple[str, Contract], Position] = {}
        self._live: dict[str, Order] = {}
        self._done: deque[Order] = deque(maxlen=_REMEMBERED_ORDERS)
        self._reverses: list[PendingReverse] = []
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._agenda_number = 0
        self._next_step = 0.0
        self._epoch_ms = 0
        self._story: deque[StateChange] = deque(maxlen=_REMEMBERED_CHANGES)
        self._openings = tuple(openings)
        self._open_with(self._openings)

    # ---- time

    def advance(self, now: float) -> None:
        """Let everything happen that is due by this moment, in its order. Going back in time does nothing."""
        if self.now is None:
            self.now = now
            self._next_step = now + WALK_STEP_S
            # What it opened with, when there was no time yet.
            opening = [replace(change, at=now) for change in self._story]
            self._story.clear()
            self._story.extend(opening)
        while True:
            due = self._agenda[0][0] if self._agenda else float("inf")
            if min(due, self._next_step) > now:
                break
            self.now = max(self.now, min(due, self._next_step))
            if due <= self._next_step:
                heapq.heappop(self._agenda)[2]()
            else:
                if self.walking:
                    self._market.step()
                    self._fill_reached()
                # After a sleep of the machine only the last minute is walked.
                self._next_step = max(self._next_step + WALK_STEP_S, now - _LONGEST_CATCH_UP_S)
            self._place_free_entries()
        self.now = max(self.now, now)

    def next_epoch(self, wall_ms: int) -> int:
        """The stamp of a snapshot: the wall clock's milliseconds, and always more than the one before."""
        self._epoch_ms = max(self._epoch_ms + 1, wall_ms)
        return self._epoch_ms

    # ---- reading

    def account(self, name: str) -> PracticeAccount:
        """The account of that name, whatever its case."""
        found = self._accounts.get(name.casefold())
        if found is None:
            raise BookError
        return found

    def contract(self, name: str) -> Contract:
        """The contract that a name means."""
        found = self.listing.find(name)
        if found is None:
            raise BookError
        return found

    def price(self, contract: Contract) -> Decimal:
        """Last price."""
        return self._market.last(contract)

    def positions(
        self, request: FlattenRequest | None = None, *, include_flat: bool = False
    ) -> tuple[PositionPicture, ...]:
        """Positions that meet the criteria; the flat ones are the pairs that held something once."""
        wanted = self._wanted(request or FlattenRequest())
        return tuple(
            self._picture(position)
            for position in self._positions.values()
            if (include_flat or position.signed) and wanted(position)
        )

    def accounts(self) -> tuple[AccountPicture, ...]:
        """Every account with its money."""
        return tuple(self._account_picture(account) for account in self._accounts.values())

    def orders(self, account: str | None = None, *, active_only: bool = True) -> tuple[Order, ...]:
        """Orders of one account or of all, terminal ones first."""
        name = None if account is None else self.account(account).name
        known = [] if active_only else list(self._done)
        return tuple(order for order in [*known, *self._live.values()] if name in {None, order.account})

    # ---- acting

    def flatten(self, request: FlattenRequest) -> Flattened:
        """Order every matching position closed and its pair's orders cancelled. Orders elsewhere survive."""
        self.faults.flattening(self, request)
        closed = self.positions(request)
        order_ids: list[str] = []
        for picture in closed:
            order_ids += self.close(picture)
        return self.faults.flattened(self, request, Flattened(closed, tuple(order_ids)))

    def begin_reverse(self, account: str, request: ReverseRequest) -> PendingReverse:
        """Close what is open; the entry follows once that and its orders are gone, after the wait anyway."""
        name = self.account(account).name
        contract = self.contract(request.instrument)
        for price in (request.limit_price, request.stop_price):
            if price is not None and price % contract.tick:
                raise BookError
        self.faults.reversing(self, name, contract)
        pair = FlattenRequest(name, contract.name)
        pictures = self.positions(pair)
        if not pictures:
            no_position = f"No position found for instrument '{request.instrument}' in account '{account}'"
            raise BookError(no_position)
        for picture in pictures:
            self.close(picture)
        pending = PendingReverse(name, contract, request)
        self._reverses.append(pending)
        self.later(REVERSE_WAIT_S * self.time_scale, partial(self._place_entry, pending))
        self._place_free_entries()
        return pending

    def cancel(self, account: str, order_id: str) -> Order:
        """Ask for one order to be cancelled, and with it its OCO group."""
        name = self.account(account).name
        order = self._live.get(order_id)
        if order is None or order.account != name:
            gone = f"Order '{order_id}' not found or already terminal"
            raise BookError(gone)
        for each in self.faults.cancelling(self, (order,)):
            self._cancel(each)
        return order

    def cancel_all(self, account: str, instrument: str | None = None) -> tuple[Order, ...]:
        """Ask for every order of an account, or of one instrument in it, to be cancelled."""
        contract = None if instrument is None else self.contract(instrument)
        orders = tuple(order for order in self.orders(account) if contract in {None, order.contract})
        for order in self.faults.cancelling(self, orders):
            self._cancel(order)
        return orders

    # ---- the world outside: what a market, a bot, a drill or a test does

    def story(self) -> tuple[StateChange, ...]:
        """What positions and orders became, one entry for each fill and each change of an order."""
        return tuple(self._story)

    def reset(self) -> None:
        """Positions, orders and money as at the start. Prices and time go on; a reverse under way is over."""
        for pending in self._reverses:
            pending.dropped = True
        pairs = {(order.account, order.contract) for order in self._live.values()} | set(self._positions)
        for kept in (self._reverses, self._agenda, self._positions, self._live, self._done, self._realized):
            kept.clear()
        for pair in pairs:
            self._changed(*pair)
        self._open_with(self._openings)

    def later(self, delay_s: float, action: Callable[[], None]) -> None:
        """Do something after a while, unscaled, as part of `advance`."""
        self._agenda_number += 1
        due = (self.now or 0.0) + max(0.0, delay_s)
        heapq.heappush(self._agenda, (due, self._agenda_number, action))

    def close(self, picture: PositionPicture) -> list[str]:
        """Cancel what rests on the pair and send the offsetting order. Ids of the cancelled."""
        pair = (picture.account, picture.contract)
        cancelled = [
            order
            for order in self._live.values()
            # A market order is on its way already. So a second flatten in flight closes twice: so does NT8.
            if (order.account, order.contract) == pair
            and order.order_type != "Market"
            and not self.faults.survives(order)
        ]
        for order in cancelled:
            self._cancel(order)
        action: Action = "Sell" if picture.side == "Long" else "BuyToCover"
        closing = Order(self._new_id(), *pair, action, "Market", picture.quantity, purpose="close")
        self._place(closing)
        return [order.order_id for order in cancelled]

    def fill(self, order: Order) -> None:
        """Fill an order at the last price, one that is being cancelled too."""
        if order.is_live:
            order.state = "Working"
            self._fill(order)

    def retire(self, order: Order) -> None:
        """Let an order be cancelled at once."""
        if order.is_live:
            order.state = "Cancelled"
            self._forget(order)
            self._changed(order.account, order.contract)

    def set_price(self, instrument: str, price: Decimal) -> None:
        """Move a market: every resting order that this price reaches fills. The walk goes on from there."""
        self._market.move(self.contract(instrument), price)
        self._fill_reached()

    def open_position(
        self, account: str, instrument: str, signed_quantity: int, price: Decimal | None = None
    ) -> None:
        """Fill this many contracts at once, at the last price or at the one given; negative sells."""
        contract = self.contract(instrument)
        self._book_fill(
            self.account(account).name,
            contract,
            signed_quantity,
            self.price(contract) if price is None else price,
        )

    def rest_order(
        self,
        account: str,
        instrument: str,
        action: Action,
        quantity: int,
        *,
        limit_price: Decimal | None = None,
        stop_price: Decimal | None = None,
        oco_id: str = "",
    ) -> Order:
        """Let an order work at a price."""
        kind: OrderType = (
            "Limit" if stop_price is None else "StopMarket" if limit_price is None else "StopLimit"
        )
        return self._place(
            Order(
                self._new_id(),
                self.account(account).name,
                self.contract(instrument),
                action,
                kind,
                quantity,
                limit_price=limit_price,
                stop_price=stop_price,
                oco_id=oco_id,
            )
        )

    # ---- inside

    def _open_with(self, openings: Iterable[Opening]) -> None:
        for opening in openings:
            if opening.account.casefold() not in self._accounts:
                continue
            contract = self.contract(opening.instrument)
            entry = self.price(contract) + opening.entry_ticks * contract.tick
            self.open_position(opening.account, opening.instrument, opening.signed_quantity, entry)
            if opening.strategy:
                self._bracket(opening.account, contract, opening.signed_quantity, opening.strategy)
        if openings and "sim102" in self._accounts:
            # An entry without a position: a flatten leaves it working.
            ym = self.contract("YM 12-25")
            self.rest_order("Sim102", ym.name, "Buy", 1, limit_price=self.price(ym) - 3 * TARGET_TICKS)

    def _wanted(self, request: FlattenRequest) -> Callable[[Position], bool]:
        account = None if request.account is None else self.account(request.account).name
        contract = None if request.instrument is None else self.contract(request.instrument)
        return lambda position: (
            account in {None, position.account}
            and contract in {None, position.contract}
            and request.side in {None, position.side}
        )

    def _picture(self, position: Position) -> PositionPicture:
        price = self.price(position.contract)
        return PositionPicture(
            position.account,
            position.contract,
            position.side,
            abs(position.signed),
            position.average,
            price,
            position.unrealized(price),
        )

    def _account_picture(self, account: PracticeAccount) -> AccountPicture:
        held = [p for p in self._positions.values() if p.account == account.name and p.signed]
        return AccountPicture(
            account.name,
            account.display_name or account.name,
            account.provider,
            account.connection_status,
            not held,
            account.opening_cash + self._realized[account.name],
            self._realized[account.name],
            sum((p.unrealized(self.price(p.contract)) for p in held), Decimal(0)),
        )

    def _place_free_entries(self) -> None:
        for pending in list(self._reverses):
            position = self._positions.get((pending.account, pending.contract))
            if (position and position.signed) or any(
                (order.account, order.contract) == (pending.account, pending.contract)
                for order in self._live.values()
            ):
                continue
            self._place_entry(pending)

    def _place_entry(self, pending: PendingReverse) -> None:
        if pending not in self._reverses:
            return
        self._reverses.remove(pending)
        request = pending.request
        pending.entry = self._place(
            Order(
                self._new_id(),
                pending.account,
                pending.contract,
                request.action,
                request.order_type,
                request.quantity,
                request.limit_price,
                request.stop_price,
                request.time_in_force,
                request.oco_id,
                request.strategy,
                purpose="entry",
            )
        )

    def _place(self, order: Order) -> Order:
        if self.faults.rejects(order):
            order.state = "Rejected"
            self._done.append(order)
            self._changed(order.account, order.contract)
            return order
        self._live[order.order_id] = order
        if order.order_type == "Market":
            order.state = "Submitted"
            usual_s = self._delay_random.uniform(0.05, 0.15) * self.time_scale
            self.later(self.faults.fill_delay_s(order, usual_s), partial(self._fill, order))
        else:
            order.state = "Accepted" if order.stop_price is not None else "Working"
        self._changed(order.account, order.contract)
        if order.is_resting and order.reached_by(self.price(order.contract)):
            self._fill(order)
        return order

    def _cancel(self, order: Order) -> None:
        group = [order] if not order.oco_id else self._oco_group(order)
        for member in group:
            if member.is_live and member.state != "CancelPending":
                member.state = "CancelPending"
                usual_s = self._delay_random.uniform(0.01, 0.04) * self.time_scale
                self.later(self.faults.cancel_delay_s(member, usual_s), partial(self.retire, member))
                self._changed(member.account, member.contract)

    def _fill(self, order: Order) -> None:
        if not order.is_live or order.state == "CancelPending":
            return
        price = self.price(order.contract)
        order.state, order.filled, order.fill_price = "Filled", order.quantity, price
        self._forget(order)
        self._book_fill(order.account, order.contract, order.direction * order.quantity, price)
        for other in self._oco_group(order) if order.oco_id else ():
            self.retire(other)
        if order.strategy:
            self._bracket(order.account, order.contract, order.direction * order.quantity, order.strategy)

    def _forget(self, order: Order) -> None:
        self._live.pop(order.order_id, None)
        self._done.append(order)

    def _book_fill(self, account: str, contract: Contract, signed_quantity: int, price: Decimal) -> None:
        position = self._positions.setdefault((account, contract), Position(account, contract))
        self._realized[account] += position.fill(signed_quantity, price)
        self._changed(account, contract)

    def _changed(self, account: str, contract: Contract) -> None:
        position = self._positions.get((account, contract))
        working = tuple(
            order.order_id
            for order in self._live.values()
            if (order.account, order.contract) == (account, contract)
        )
        signed = 0 if position is None else position.signed
        self._story.append(StateChange(self.now or 0.0, account, contract.name, signed, working))
        self.faults.changed(self, account, contract)

    def _bracket(self, account: str, contract: Contract, signed_quantity: int, strategy: str) -> None:
        """Stop and target around the last price, as an ATM template places them: one cancels the other."""
        up = 1 if signed_quantity > 0 else -1
        price, oco_id = self.price(contract), self._new_id()
        action: Action = "Sell" if up > 0 else "BuyToCover"
        prices = {
            "stop_price": price - up * STOP_TICKS * contract.tick,
            "limit_price": price + up * TARGET_TICKS * contract.tick,
        }
        for kind, at in prices.items():
            # The template's name stays with the entry: an exit that carried it would attach brackets itself.
            self.rest_order(
                account,
                contract.name,
                action,
                abs(signed_quantity),
                oco_id=f"{strategy}-{oco_id}",
                **{kind: at},
            )

    def _oco_group(self, order: Order) -> list[Order]:
        return [
            other
            for other in self._live.values()
            if other.account == order.account and other.oco_id == order.oco_id
        ]

    def _fill_reached(self) -> None:
        for order in list(self._live.values()):
            if order.is_resting and order.reached_by(self.price(order.contract)):
                self._fill(order)

    def _new_id(self) -> str:
        return f"{self._id_random.getrandbits(128):032x}"
