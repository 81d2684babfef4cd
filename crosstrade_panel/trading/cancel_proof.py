"""Whether listed orders were cancelled: by two clean reads of the orders, account for account."""

from collections.abc import Mapping
from dataclasses import replace
from enum import Enum

from crosstrade_panel.domain.cancel import ListedOrders
from crosstrade_panel.domain.names import fold
from crosstrade_panel.domain.outcome import Cause, Fate, Reason, Verdict
from crosstrade_panel.domain.snapshot import Order, OrdersRead
from crosstrade_panel.domain.value import dataclass
from crosstrade_panel.trading.evidence import Evidence, Judgement
from crosstrade_panel.trading.ports import Receipt


class Sent(Enum):
    """What came of a request to cancel; the value is its spelling in the journal."""

    ACCEPTED = "accepted"
    GONE = "gone"
    """The order had ended already."""
    REFUSED = "refused"
    NOT = "not_sent"
    DOUBTFUL = "unknown"


@dataclass(frozen=True, slots=True)
class CancelCase:
    """The orders, and what came of the requests of each (folded) account."""

    listed: ListedOrders
    sent: Mapping[str, tuple[tuple[Sent, Reason | None], ...]]
    gap_s: float = 1.0


class CancelProof:
    """Collects the reads of the orders after a cancel and judges them."""

    def __init__(self, case: CancelCase, evidence: Evidence) -> None:
        """Begin with what is known."""
        self.case = case
        self.evidence = evidence
        # Kept apart from the reads: those are forgotten, and a terminal order may be listed only once.
        self._filled: set[str] = set()

    def take_answer(self, receipt: Receipt, doubt: Reason | None = None) -> None:
        """A cancel goes over REST, where an answer that was given up never comes."""

    def judge(self, *, final: bool) -> Judgement:
        """What the reads amount to; `final` when no further read will come."""
        fates: list[Fate] = []
        proved: list[float] = []
        firsts: list[float] = []
        pending: list[str] = []
        for account in self.case.listed.accounts:
            reads = self.evidence.orders.get(fold(account), [])
            if self._shows_a_fill(account, reads):
                self._filled.add(fold(account))
            run = self._ended_run(account, reads)
            second = self._second(run)
            if second is not None and self.evidence.absence(account) is None:
                proved.append(second.stamp.answered_at)
                fates.append(self._ended(account))
                continue
            fate = self._working(account, reads)
            fates.append(fate)
            if fate.verdict in {Verdict.REFUSED, Verdict.NOT_SENT} and fate.working_orders:
                continue  # a no is not kept from the trader: nothing was done, and they are seen to work on
            pending.append(account)
            if run:
                firsts.append(run[0].stamp.answered_at)
        is_over = final or not pending
        return Judgement(
            fates=tuple(fates),
            settled=is_over,
            candidate_at=min(firsts, default=None),
            orders_wanted=() if is_over else tuple(pending),
            # The snapshot lists the accounts: an add-on that is away may answer with no orders at all.
            wants_listing=self.evidence.listing is None,
            proved_at=max(proved, default=None),
        )

    def _ended_run(self, account: str, reads: list[OrdersRead]) -> list[OrdersRead]:
        """The newest reads that all show none of the listed orders working."""
        run: list[OrdersRead] = []
        there_from = self.evidence.there_from(account)
        for read in reversed(reads):
            if self._still_working(account, read) or read.stamp.sent_at < there_from:
                break
            run.insert(0, read)
        return run

    def _second(self, run: list[OrdersRead]) -> OrdersRead | None:
        if not run:
            return None
        from_s = run[0].stamp.answered_at + self.case.gap_s
        return next((read for read in run if read.stamp.sent_at >= from_s), None)

    def _still_working(self, account: str, read: OrdersRead) -> tuple[Order, ...]:
        ids = {order.order_id for order in self.case.listed.of(account)}
        return tuple(order for order in read.orders if order.is_working and order.order_id in ids)

    def _ids_working(self, account: str, read: OrdersRead) -> frozenset[str | None]:
        return frozenset(order.order_id for order in self._still_working(account, read))

    def _shows_a_fill(self, account: str, reads: list[OrdersRead]) -> bool:
        """Whether one of the listed orders was filled further than it was when it was listed."""
        before = {order.order_id: order.filled or 0 for order in self.case.listed.of(account)}
        return any(
            (order.state or "").casefold() == "filled" or (order.filled or 0) > before[order.order_id]
            for read in reads
            for order in read.orders
            if order.order_id in before
        )

    def _ended(self, account: str) -> Fate:
        mine = self.case.listed.of(account)
        if fold(account) in self._filled:
            reason = Reason(Cause.ORDER_FILLED)
            return Fate(account, Verdict.NOT_PROVED, reason=reason, ended_orders=mine)
        sent = self.case.sent.get(fold(account), ())
        gone = next((reason for how, reason in sent if how is Sent.GONE), None)
        return Fate(account, Verdict.CANCELLED, reason=gone, ended_orders=mine)

    def _working(self, account: str, reads: list[OrdersRead]) -> Fate:
        """Not proved to have ended: what the newest read shows, and what the server said."""
        sent = self.case.sent.get(fold(account), ())
        working = self._still_working(account, reads[-1]) if reads else ()
        ids = frozenset(order.order_id for order in working)
        mine = self.case.listed.of(account) if reads else ()
        ended = tuple(order for order in mine if order.order_id not in ids)
        fate = Fate(account, Verdict.STILL_WORKING, working_orders=working, ended_orders=ended)
        refused = self._all_of(sent, Sent.REFUSED)
        if refused is not None:
            return replace(fate, verdict=Verdict.REFUSED, reason=refused)
        never_left = self._all_of(sent, Sent.NOT)
        if never_left is not None:
            return replace(fate, verdict=Verdict.NOT_SENT, reason=never_left)
        if any(ids & self._ids_working(account, read) for read in reads[-2:-1]):
            return fate
        doubt = next((reason for how, reason in sent if how is Sent.DOUBTFUL), None)
        if doubt is not None:
            return replace(fate, verdict=Verdict.UNKNOWN, reason=doubt, ended_orders=())
        absence = None if self.evidence.listing is None else self.evidence.absence(account)
        # Bad news needs two reads as well: one alone is shown, and no more is said.
        why = Cause.READS_DISAGREE if working and len(reads) > 1 else Cause.ORDERS_UNREAD
        verdict, reason = absence or (Verdict.NOT_PROVED, Reason(why))
        return replace(fate, verdict=verdict, reason=reason, ended_orders=())

    @staticmethod
    def _all_of(sent: tuple[tuple[Sent, Reason | None], ...], how: Sent) -> Reason | None:
        """Why, where every request of an account ended that way."""
        if not sent or any(each is not how for each, _ in sent):
            return None
        return next((reason for _, reason in sent if reason is not None), Reason(Cause.SERVER_SAID_NO))
