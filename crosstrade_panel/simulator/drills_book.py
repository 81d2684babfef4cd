"""Drills of the market: the answers are true, and what the orders do is not what was hoped for."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from crosstrade_panel.simulator.book import TARGET_TICKS, Flattened, FlattenRequest
from crosstrade_panel.simulator.drill import CLOSING, Drill
from crosstrade_panel.simulator.faults import NoFaults

if TYPE_CHECKING:
    from collections.abc import Iterable

    from crosstrade_panel.simulator.book import Book
    from crosstrade_panel.simulator.drill import Make
    from crosstrade_panel.simulator.faults import Floor
    from crosstrade_panel.simulator.instruments import Contract
    from crosstrade_panel.simulator.ledger import Action, Order, PositionPicture


class NothingOpen(NoFaults):
    """A moment before the first flatten or reverse acts, what it means is closed by somebody else."""

    def __init__(self) -> None:
        self._done = False

    def flattening(self, book: Book, request: FlattenRequest) -> None:
        if not self._done:
            self._done = True
            for picture in book.positions(request):
                book.open_position(picture.account, picture.contract.name, -_signed(picture))
                for order in _on_pair(book, picture):
                    book.retire(order)

    def reversing(self, book: Book, account: str, contract: Contract) -> None:
        self.flattening(book, FlattenRequest(account, contract.name))


class SurvivingOrders(NoFaults):
    """Each pair with a position has an entry order that a flatten and a reverse forget to cancel.

    With `refill_s`, that order fills this long after its pair became flat, on the side that was closed.
    """

    def __init__(self, refill_s: float | None = None) -> None:
        self._refill_s = refill_s
        self._entries: dict[tuple[str, Contract], Order] = {}
        # One order a pair: what has refilled once, or was cancelled, does not come back.
        self._served: set[tuple[str, Contract]] = set()
        self._is_pressed = False

    def arm(self, book: Book, floor: Floor) -> None:
        del floor
        self._place(book, book.positions())

    def flattening(self, book: Book, request: FlattenRequest) -> None:
        self._is_pressed = True
        self._place(book, book.positions(request))

    def reversing(self, book: Book, account: str, contract: Contract) -> None:
        self.flattening(book, FlattenRequest(account, contract.name))

    def survives(self, order: Order) -> bool:
        return any(order is entry for entry in self._entries.values())

    def changed(self, book: Book, account: str, contract: Contract) -> None:
        entry = self._entries.get((account, contract))
        if self._refill_s is None or entry is None or not self._is_pressed:
            return
        if not book.positions(FlattenRequest(account, contract.name)):
            del self._entries[account, contract]
            book.later(self._refill_s, partial(self._refill, book, entry))

    def _refill(self, book: Book, entry: Order) -> None:
        if book.faults is self:
            book.fill(entry)

    def _place(self, book: Book, pictures: Iterable[PositionPicture]) -> None:
        for picture in pictures:
            pair = (picture.account, picture.contract)
            if pair not in self._served:
                self._served.add(pair)
                up = 1 if picture.side == "Long" else -1
                stop = book.price(picture.contract) + up * TARGET_TICKS * picture.contract.tick
                self._entries[pair] = book.rest_order(
                    picture.account,
                    picture.contract.name,
                    "Buy" if up > 0 else "Sell",
                    picture.quantity,
                    stop_price=stop,
                )


class Overfill(NoFaults):
    """The target fills while the close is under way, so that the close opens the opposite side. Once."""

    def __init__(self, target_s: float, close_s: float) -> None:
        self._target_s = target_s
        self._close_s = close_s
        self._is_pressed = False
        self._pairs: set[tuple[str, Contract]] = set()

    def flattening(self, book: Book, request: FlattenRequest) -> None:
        if self._is_pressed:
            return
        self._is_pressed = True
        for picture in book.positions(request):
            self._pairs.add((picture.account, picture.contract))
            book.later(self._target_s, partial(book.fill, _target(book, picture)))

    def reversing(self, book: Book, account: str, contract: Contract) -> None:
        self.flattening(book, FlattenRequest(account, contract.name))

    def fill_delay_s(self, order: Order, usual_s: float) -> float:
        if order.purpose != "close" or (order.account, order.contract) not in self._pairs:
            return usual_s
        self._pairs.discard((order.account, order.contract))
        return self._close_s

    def cancel_delay_s(self, order: Order, usual_s: float) -> float:
        return self._close_s if (order.account, order.contract) in self._pairs else usual_s


class ClosedOutside(NoFaults):
    """The first flatten closes, and reports, one position that it was not asked for."""

    def __init__(self) -> None:
        self._done = False

    def flattening(self, book: Book, request: FlattenRequest) -> None:
        """See to it that there is one: another account's, where all that is open is meant."""
        if self._done or request.account is None or len(book.positions()) > len(book.positions(request)):
            return
        own = book.account(request.account).name
        others = [account.name for account in book.accounts() if account.name != own]
        if others:
            book.open_position(others[0], "ES", 1)

    def flattened(self, book: Book, request: FlattenRequest, done: Flattened) -> Flattened:
        del request
        meant = {(picture.account, picture.contract) for picture in done.closed}
        outside = [p for p in book.positions() if (p.account, p.contract) not in meant]
        if self._done or not outside:
            return done
        self._done = True
        return Flattened((*done.closed, outside[0]), (*done.order_ids, *book.close(outside[0])))


class SlowFills(NoFaults):
    """Every market order takes this long to fill."""

    def __init__(self, fill_s: float) -> None:
        self._fill_s = fill_s

    def fill_delay_s(self, order: Order, usual_s: float) -> float:
        del order, usual_s
        return self._fill_s


class WaitRunsOut(NoFaults):
    """The closing order of the first reverse takes longer than a reverse waits."""

    def __init__(self, close_s: float) -> None:
        self._close_s = close_s
        self._pair: tuple[str, Contract] | None = None
        self._done = False

    def reversing(self, book: Book, account: str, contract: Contract) -> None:
        del book
        self._pair, self._done = (None, True) if self._done else ((account, contract), True)

    def fill_delay_s(self, order: Order, usual_s: float) -> float:
        if order.purpose != "close" or (order.account, order.contract) != self._pair:
            return usual_s
        self._pair = None
        return self._close_s


class EntryRejected(NoFaults):
    """The entry of the first reverse is rejected by the broker."""

    def __init__(self) -> None:
        self._done = False

    def rejects(self, order: Order) -> bool:
        rejected = order.purpose == "entry" and not self._done
        self._done = self._done or rejected
        return rejected


class DifferentFates(NoFaults):
    """Where the first flatten closes positions in several accounts, the last account's are rejected."""

    def __init__(self) -> None:
        self._unlucky: str | None = None
        self._done = False

    def arm(self, book: Book, floor: Floor) -> None:
        """See to it that two accounts hold something."""
        del floor
        holding = {picture.account for picture in book.positions()}
        for account in book.accounts():
            if len(holding) < 2 and account.name not in holding:
                book.open_position(account.name, "ES", 1)
                holding.add(account.name)

    def flattening(self, book: Book, request: FlattenRequest) -> None:
        accounts = list(dict.fromkeys(picture.account for picture in book.positions(request)))
        if not self._done and len(accounts) > 1:
            self._done, self._unlucky = True, accounts[-1]

    def flattened(self, book: Book, request: FlattenRequest, done: Flattened) -> Flattened:
        del book, request
        self._unlucky = None
        return done

    def rejects(self, order: Order) -> bool:
        return order.purpose == "close" and order.account == self._unlucky


def _signed(picture: PositionPicture) -> int:
    return picture.quantity if picture.side == "Long" else -picture.quantity


def _on_pair(book: Book, picture: PositionPicture) -> list[Order]:
    return [order for order in book.orders(picture.account) if order.contract == picture.contract]


def _target(book: Book, picture: PositionPicture) -> Order:
    """The working exit at a profit; one is placed where there is none."""
    exit_up = -1 if picture.side == "Long" else 1
    for order in _on_pair(book, picture):
        if order.order_type == "Limit" and order.is_resting and order.direction == exit_up:
            return order
    price = book.price(picture.contract) - exit_up * TARGET_TICKS * picture.contract.tick
    side: Action = "Sell" if exit_up < 0 else "BuyToCover"
    return book.rest_order(picture.account, picture.contract.name, side, picture.quantity, limit_price=price)


def _slow_fills(fill_s: float) -> Make:
    return lambda _clock, scale: SlowFills(fill_s * scale)


MARKET: tuple[Drill, ...] = (
    Drill(
        "nothing-open",
        "market",
        "Nothing open any more",
        "A moment before the press acts, its positions were closed by somebody else.",
        lambda _, __: NothingOpen(),
        applies="the first flatten or reverse after it is armed",
        presses=CLOSING,
    ),
    Drill(
        "surviving-order",
        "market",
        "Resting order survives",
        "The positions are closed, and an entry order goes on working on each of their instruments.",
        lambda _, __: SurvivingOrders(),
        applies="every flatten and reverse, one order for each account and instrument",
        needs="an open position; arming puts an entry stop beside each",
        presses=CLOSING,
    ),
    Drill(
        "refill",
        "market",
        "An entry stop reopens",
        "Three seconds after everything is flat, a forgotten entry stop opens the position again.",
        lambda _, scale: SurvivingOrders(3.0 * scale),
        applies="every flatten and reverse, once for each account and instrument",
        needs="an open position; arming puts an entry stop beside each",
        presses=CLOSING,
    ),
    Drill(
        "overfill",
        "market",
        "Overfill",
        "The target fills while the position is being closed, and the close opens the opposite side.",
        lambda _, scale: Overfill(0.5 * scale, scale),
        applies="the first flatten or reverse after it is armed",
        needs="an open position; one without a target gets one",
        presses=CLOSING,
    ),
    Drill(
        "closed-outside",
        "market",
        "Closed more than asked",
        "The flatten closes, and reports, a position that it was not asked for.",
        lambda _, __: ClosedOutside(),
        applies="the first flatten after it is armed",
        needs="a flatten that leaves something open; one of an account gets something to leave",
        presses=("flatten",),
    ),
    *(
        Drill(
            f"slow-fills-{seconds}",
            "market",
            f"Slow fills, {seconds} s",
            f"Every market order takes {seconds} seconds to fill.",
            _slow_fills(seconds),
            applies="every market order while it is armed",
            needs="an open position",
            presses=CLOSING,
        )
        for seconds in (5, 9, 30)
    ),
    Drill(
        "reverse-wait-over",
        "market",
        "Reverse: wait runs out",
        "The close of the reverse does not fill in its five seconds, and the entry is placed all the same.",
        lambda _, scale: WaitRunsOut(9.0 * scale),
        applies="the first reverse after it is armed",
        needs="an open position",
        presses=("reverse",),
    ),
    Drill(
        "entry-rejected",
        "market",
        "Reverse: entry rejected",
        "The reverse closes the position, and its entry is rejected.",
        lambda _, __: EntryRejected(),
        applies="the first reverse after it is armed",
        needs="an open position",
        presses=("reverse",),
    ),
    Drill(
        "different-fates",
        "market",
        "Two accounts, two fates",
        "The flatten closes one account's positions, and another's closing orders are rejected.",
        lambda _, __: DifferentFates(),
        applies="the first flatten after it is armed that meets two accounts",
        needs="a flatten of all accounts; arming sees to it that two hold something",
        presses=("flatten",),
    ),
)
