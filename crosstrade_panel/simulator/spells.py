"""When a drill happens: once, with the first press after arming, or for a while from that press on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crosstrade_panel.simulator.book import FlattenRequest
from crosstrade_panel.simulator.faults import NoFaults
from crosstrade_panel.simulator.presses import press_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from crosstrade_panel.simulator.book import Book
    from crosstrade_panel.simulator.faults import Call, Raw, Reply
    from crosstrade_panel.simulator.instruments import Contract
    from crosstrade_panel.simulator.ledger import Order
    from crosstrade_panel.simulator.link import Link
    from crosstrade_panel.simulator.presses import PressKind

ANY_PRESS: frozenset[PressKind] = frozenset({"flatten", "reverse", "cancel"})


class FirstPress(NoFaults):
    """Something that happens to the first press after arming, of these kinds, and to no other."""

    def __init__(self, kinds: Collection[PressKind] = ANY_PRESS) -> None:
        self._kinds = kinds
        self._number: int | None = None

    def is_first(self, call: Call) -> bool:
        """Whether this is that press. The first one asked about is."""
        if self._number is None and press_of(call) in self._kinds:
            self._number = call.number
        return call.number == self._number

    async def before(self, call: Call, link: Link | None) -> Reply | Raw | None:
        """Take note of it."""
        del link
        self.is_first(call)
        return None


class Spell(NoFaults):
    """Something that is so from the first flatten's or reverse's arrival on, for a while or until disarmed.

    It concerns the accounts and pairs whose positions that press met.
    """

    def __init__(self, clock: Callable[[], float], lasts_s: float | None = None) -> None:
        self._clock = clock
        self._lasts_s = lasts_s
        self._began_at: float | None = None
        self.pairs: frozenset[tuple[str, str]] = frozenset()

    @property
    def is_on(self) -> bool:
        """Whether it is so now."""
        return self._began_at is not None and self.left_s > 0

    @property
    def left_s(self) -> float:
        """Seconds until it is over, as it looks from the beginning until it begins."""
        if self._lasts_s is None:
            return float("inf")
        begun = self._clock() if self._began_at is None else self._began_at
        return max(0.0, begun + self._lasts_s - self._clock())

    @property
    def accounts(self) -> frozenset[str]:
        """The accounts concerned."""
        return frozenset(account for account, _ in self.pairs)

    async def before(self, call: Call, link: Link | None) -> Reply | Raw | None:
        """Begin with the first press."""
        del link
        if press_of(call) in {"flatten", "reverse"}:
            self._begin()
        return None

    def flattening(self, book: Book, request: FlattenRequest) -> None:
        """Concern what it meets."""
        self._begin(book, request)

    def reversing(self, book: Book, account: str, contract: Contract) -> None:
        """Concern its pair."""
        self._begin(book, FlattenRequest(account, contract.name))

    def _begin(self, book: Book | None = None, request: FlattenRequest | None = None) -> None:
        if self._began_at is None:
            self._began_at = self._clock()
        if book is not None and not self.pairs:
            self.pairs = frozenset((p.account, p.contract.name) for p in book.positions(request))


class Standstill(Spell):
    """A spell during which nothing fills on the pairs concerned."""

    def fill_delay_s(self, order: Order, usual_s: float) -> float:
        """Not before it is over."""
        concerned = self.is_on and (order.account, order.contract.name) in self.pairs
        return usual_s + self.left_s if concerned else usual_s
