"""Drills of cancelling: what the first cancel is told, and what its orders do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crosstrade_panel.simulator import wire
from crosstrade_panel.simulator.book import BookError
from crosstrade_panel.simulator.drill import Drill
from crosstrade_panel.simulator.faults import NoFaults

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crosstrade_panel.simulator.book import Book
    from crosstrade_panel.simulator.faults import ReadKind, Row
    from crosstrade_panel.simulator.ledger import Order


class CancelIgnored(NoFaults):
    """The first cancel is accepted, and its orders go on working."""

    def __init__(self) -> None:
        self._done = False

    def cancelling(self, book: Book, orders: Sequence[Order]) -> Sequence[Order]:
        del book
        ignored, self._done = not self._done, True
        return () if ignored else orders


class CancelTooLate(NoFaults):
    """A moment before the first cancel its orders end by themselves; lists go on showing them as Unknown."""

    def __init__(self) -> None:
        self._done = False
        self._gone: dict[str, Order] = {}

    def cancelling(self, book: Book, orders: Sequence[Order]) -> Sequence[Order]:
        if self._done or not orders:
            return orders
        self._done = True
        for order in orders:
            self._gone[order.order_id] = order
            book.retire(order)
        names = ", ".join(f"'{order.order_id}'" for order in orders)
        raise BookError(f"Order {names} not found or already terminal")

    def read(self, book: Book, kind: ReadKind, account: str, data: Row) -> Row:
        del book
        if kind != "orders":
            return data
        ghosts = wire.rows(
            wire.orders(order for order in self._gone.values() if order.account == account), "orders"
        )
        others = [row for row in wire.rows(data, "orders") if row["orderId"] not in self._gone]
        return data | {"orders": [*others, *(row | {"orderState": "Unknown"} for row in ghosts)]}


class CancelRefused(NoFaults):
    """The first cancel is refused, and its orders go on working."""

    def __init__(self) -> None:
        self._done = False

    def cancelling(self, book: Book, orders: Sequence[Order]) -> Sequence[Order]:
        del book
        if self._done:
            return orders
        self._done = True
        raise BookError("Order cannot be cancelled")


CANCELS: tuple[Drill, ...] = (
    Drill(
        "cancel-ignored",
        "market",
        "Cancel without effect",
        "The cancel is accepted, and its orders go on working.",
        lambda _, __: CancelIgnored(),
        applies="the first cancel after it is armed",
        needs="a working order",
        presses=("cancel",),
    ),
    Drill(
        "cancel-too-late",
        "market",
        "Cancel comes too late",
        "The cancel is told that the order has ended already, while lists still show it as Unknown.",
        lambda _, __: CancelTooLate(),
        applies="the first cancel after it is armed, and the lists of orders from then on",
        needs="a working order",
        presses=("cancel",),
    ),
    Drill(
        "cancel-refused",
        "market",
        "Cancel refused",
        "The cancel is refused, and its orders go on working.",
        lambda _, __: CancelRefused(),
        applies="the first cancel after it is armed",
        needs="a working order",
        presses=("cancel",),
    ),
)
