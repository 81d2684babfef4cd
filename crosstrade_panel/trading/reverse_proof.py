"""Whether a reverse did what was asked: the expected side and size, by two clean reads."""

from dataclasses import replace

from crosstrade_panel.domain.names import fold, same_instrument
from crosstrade_panel.domain.outcome import Cause, Fate, Reason, Verdict
from crosstrade_panel.domain.scope import OneAccount, is_outside
from crosstrade_panel.domain.snapshot import Order, OrdersRead, Position
from crosstrade_panel.domain.ticket import ReverseTicket
from crosstrade_panel.domain.value import dataclass
from crosstrade_panel.trading.evidence import Evidence, Judgement, Look, TwoReads, two_reads
from crosstrade_panel.trading.ports import Receipt


@dataclass(frozen=True, slots=True)
class ReverseCase:
    """What is known of a reverse when its verification begins.

    `doubt`: why there is no usable answer. `recent_s`: how old, when the reading ends, a read may be that
    shows another side or size.
    """

    ticket: ReverseTicket
    receipt: Receipt | None = None
    doubt: Reason | None = None
    gap_s: float = 1.0
    recent_s: float = 3.0


class ReverseProof:
    """Collects the reads after a reverse and judges them."""

    def __init__(self, case: ReverseCase, evidence: Evidence) -> None:
        """Begin with what is known."""
        self.case = case
        self._pair = OneAccount(case.ticket.account, case.ticket.instrument)
        self.evidence = evidence

    def take_answer(self, receipt: Receipt, doubt: Reason | None = None) -> None:
        """The answer came late; with `doubt` where it tells of a half."""
        self.case = replace(self.case, receipt=receipt, doubt=doubt)
        self.evidence.begin_anew(receipt.answered_at)

    def judge(self, *, final: bool) -> Judgement:
        """What the reads amount to; `final` when no further read will come."""
        looks = self.evidence.looks(self._pair.account, self._is_in_pair)
        run = _last_run(looks)
        proof = two_reads(
            run,
            gap_s=self.case.gap_s,
            not_before=float("-inf"),
            other_failed=self.evidence.other_failed,
        )
        verdict, reason, settled = self._decide(run, proof, final=final)
        orders = self._orders(run)
        entry = self._entry(orders)
        rows = run[-1].blocking if run else (looks[-1].blocking if looks else ())
        fate = Fate(
            self._pair.account,
            verdict,
            still_open=() if verdict is Verdict.REVERSED else rows,
            working_orders=(entry,) if verdict is Verdict.REVERSE_WORKING and entry is not None else (),
            reason=reason,
        )
        first = proof.first if not settled and not proof.is_proved else None
        wants_orders = (
            not settled
            and bool(run)
            and self._old_side_is_gone(run[-1])
            and not self._is_as_expected(run[-1])
            and self._entry_id() is not None
        )
        return Judgement(
            fates=(fate,),
            settled=settled,
            candidate_at=None if first is None else first.stamp.answered_at,
            candidate_source=None if first is None else first.source,
            wants_listing=self.evidence.listing is None,
            orders_wanted=(self._reported_name(),) if wants_orders else (),
            proved_at=None if proof.second is None else proof.second.stamp.answered_at,
        )

    def is_mismatch_beyond_doubt(self, rows: tuple[Position, ...]) -> bool:
        """Whether more than one read of the orders stands behind a mismatch that only they can show.

        While the rows are none, or on the side that was to be entered, an entry that rests explains them all.
        """
        if any(row.side is not self.case.ticket.entering for row in rows):
            return True
        reads = self.evidence.orders.get(fold(self._pair.account), [])[-2:]
        wanted = self._entry_id()
        is_listed = any(
            order.is_working and order.order_id == wanted for read in reads for order in read.orders
        )
        return not is_listed and len(reads) > 1 and reads[1].stamp.sent_at >= reads[0].stamp.answered_at

    def _decide(
        self, run: list[Look], proof: TwoReads, *, final: bool
    ) -> tuple[Verdict, Reason | None, bool]:
        """The verdict so far, its reason, and whether it is settled."""
        if not proof.is_proved:
            return (*self._not_read_twice(run), final)
        absence = self.evidence.absence(self._pair.account)
        if absence is not None:
            return (*self._unproved(*absence), final)
        last = run[-1]
        if self._is_as_expected(last):
            return Verdict.REVERSED, None, True
        orders = self._orders(run)
        entry = self._entry(orders)
        if self._old_side_is_gone(last):
            if entry is not None and entry.is_working:
                # A market order works on only until it is filled: that may come yet.
                return Verdict.REVERSE_WORKING, None, final or self._rests
            if not last.blocking and entry is not None and _is_given_up(entry):
                return Verdict.REVERSE_MISMATCH, None, True
        if not final:
            # Two reads agree on what is not asked for, but the reverse may not be through with it.
            return (*self._unproved(Verdict.NOT_PROVED, Reason(Cause.READS_DISAGREE)), False)
        why = self._why_not_through(last, orders)
        if why is not None:
            return (*self._unproved(Verdict.NOT_PROVED, Reason(why)), True)
        return Verdict.REVERSE_MISMATCH, None, True

    @property
    def _rests(self) -> bool:
        """Whether the entry is meant to work for a while."""
        kind = self.case.ticket.order_type
        return kind.needs_limit_price or kind.needs_stop_price

    def _why_not_through(self, last: Look, orders: OrdersRead | None) -> Cause | None:
        """Why it may not be through: an old read, no answer, an entry not looked for; None where it is."""
        ended_at = self.evidence.ended_at
        if ended_at is not None and last.stamp.sent_at < ended_at - self.case.recent_s:
            return Cause.READS_FAILED
        may_enter = self._rests or not last.blocking
        is_gone = self._old_side_is_gone(last)
        if self.case.doubt is not None:
            return self.case.doubt.cause if may_enter or not is_gone else None
        return Cause.ENTRY_UNREAD if orders is None and may_enter and is_gone else None

    def _not_read_twice(self, run: list[Look]) -> tuple[Verdict, Reason]:
        absence = None if self.evidence.listing is None else self.evidence.absence(self._pair.account)
        if absence is not None:
            return self._unproved(*absence)
        cause = Cause.READS_DISAGREE if run and self.evidence.last_failure is None else Cause.READS_FAILED
        return self._unproved(Verdict.NOT_PROVED, self.evidence.last_failure or Reason(cause))

    def _unproved(self, verdict: Verdict, reason: Reason) -> tuple[Verdict, Reason]:
        """What is not proved is UNKNOWN where there was no usable answer either."""
        doubt = self.case.doubt
        return (verdict, reason) if doubt is None else (Verdict.UNKNOWN, doubt)

    def _reported_name(self) -> str:
        """The account's name as the API spells it."""
        listed = self.evidence.listed(self._pair.account)
        return self._pair.account if listed is None else listed.name

    def _is_in_pair(self, row: Position) -> bool:
        return not is_outside(self._pair, row.account, row.instrument, None)

    def _is_as_expected(self, look: Look) -> bool:
        ticket = self.case.ticket
        if len(look.blocking) != 1:
            return False
        row = look.blocking[0]
        is_this_one = row.instrument is not None and same_instrument(row.instrument, ticket.instrument)
        return is_this_one and row.side is ticket.entering and row.quantity == ticket.quantity

    def _old_side_is_gone(self, look: Look) -> bool:
        return all(row.side is self.case.ticket.entering for row in look.blocking)

    def _entry_id(self) -> str | None:
        receipt = self.case.receipt
        return receipt.order_ids[0] if receipt is not None and receipt.order_ids else None

    def _orders(self, run: list[Look]) -> OrdersRead | None:
        """The newest clean read of the orders since the positions are what they are now."""
        return self.evidence.orders_since(self._pair.account, run[0].stamp.sent_at) if run else None

    def _entry(self, orders: OrdersRead | None) -> Order | None:
        """The entry as that read lists it; None when it is not there or was not looked for."""
        wanted = self._entry_id()
        if orders is None or wanted is None:
            return None
        return next((order for order in orders.orders if order.order_id == wanted), None)


def _is_given_up(entry: Order) -> bool:
    """Whether the entry ended without a fill; a filled one may only be ahead of the positions."""
    state = None if entry.state is None else entry.state.casefold()
    return state in {"cancelled", "rejected"} and not entry.filled


def _shape(look: Look) -> frozenset[tuple[object, ...]]:
    return frozenset((row.pair, row.side, row.quantity) for row in look.blocking)


def _last_run(looks: list[Look]) -> list[Look]:
    """The newest clean looks that all show the same rows.

    A look that is not clean proves nothing, but a row in it that the run does not have breaks the run.
    """
    run: list[Look] = []
    for look in reversed(looks):
        if look.is_clean and not look.is_blind and (not run or _shape(look) == _shape(run[0])):
            run.insert(0, look)
        elif look.is_clean or (look.blocking and (not run or _shape(look) != _shape(run[0]))):
            break
    return run
