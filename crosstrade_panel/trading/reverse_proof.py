"""Whether a reverse did what was asked: the expected side and size, by two clean reads."""

from dataclasses import dataclass

from crosstrade_panel.domain.names import fold
from crosstrade_panel.domain.outcome import Cause, Fate, Reason, Verdict
from crosstrade_panel.domain.scope import OneAccount, is_outside
from crosstrade_panel.domain.snapshot import Order, OrdersRead, Position
from crosstrade_panel.domain.ticket import ReverseTicket
from crosstrade_panel.trading.evidence import Evidence, Judgement, Look, TwoReads, two_reads
from crosstrade_panel.trading.ports import Receipt


@dataclass(frozen=True, slots=True)
class ReverseCase:
    """What is known of a reverse when its verification begins. `doubt`: why there is no usable answer."""

    ticket: ReverseTicket
    receipt: Receipt | None = None
    doubt: Reason | None = None
    gap_s: float = 1.0


class ReverseProof:
    """Collects the reads after a reverse and judges them."""

    def __init__(self, case: ReverseCase, evidence: Evidence) -> None:
        """Begin with what is known."""
        self._case = case
        self._pair = OneAccount(case.ticket.account, case.ticket.instrument)
        self.evidence = evidence

    def judge(self, *, final: bool) -> Judgement:
        """What the reads amount to; `final` when no further read will come."""
        looks = self.evidence.looks(self._pair.account, self._is_in_pair)
        clean = [look for look in looks if look.is_clean]
        run = _last_run(clean)
        # A read that is not clean proves nothing, but a row in it that contradicts the newest run breaks it.
        newest = looks[-1] if looks else None
        broken = bool(newest and run and not newest.is_clean and _shape(newest) != _shape(run[-1]) and newest.blocking)
        proof = TwoReads() if broken else self._two(run)
        verdict, reason, settled = self._decide(run, proof, final=final)
        entry = self._entry()
        rows = run[-1].blocking if run else (newest.blocking if newest else ())
        fate = Fate(
            self._pair.account,
            verdict,
            still_open=() if verdict is Verdict.REVERSED else rows,
            working_orders=(entry,) if verdict is Verdict.REVERSE_WORKING and entry is not None else (),
            reason=reason,
        )
        first = proof.first if not settled and not proof.is_proved else None
        wants_orders = not settled and bool(run) and not self._is_as_expected(run[-1]) and self._entry_id() is not None
        return Judgement(
            fates=(fate,),
            settled=settled,
            candidate_at=None if first is None else first.stamp.answered_at,
            candidate_source=None if first is None else first.source,
            wants_listing=self.evidence.listing is None,
            orders_wanted=(self._pair.account,) if wants_orders else (),
            proved_at=None if proof.second is None else proof.second.stamp.answered_at,
        )

    def _two(self, run: list[Look]) -> TwoReads:
        return two_reads(
            run,
            gap_s=self._case.gap_s,
            not_before=float("-inf"),
            other_failed=self.evidence.other_failed,
        )

    def _decide(self, run: list[Look], proof: TwoReads, *, final: bool) -> tuple[Verdict, Reason | None, bool]:
        """The verdict so far, its reason, and whether it is settled."""
        if not run:
            verdict, reason = self._unproved(Reason(Cause.READS_FAILED))
            return verdict, reason, final
        last = run[-1]
        if not proof.is_proved:
            verdict, reason = self._unproved(Reason(Cause.READS_DISAGREE if len(run) == 1 else Cause.READS_FAILED))
            return verdict, reason, final
        objection = self._objection()
        if objection is not None:
            return (*objection, final)
        if self._is_as_expected(last):
            return Verdict.REVERSED, None, True
        entry = self._entry()
        if self._old_side_is_gone(last) and entry is not None and entry.is_working:
            return Verdict.REVERSE_WORKING, None, final or self._case.ticket.order_type.needs_limit_price or (
                self._case.ticket.order_type.needs_stop_price
            )
        if self._case.doubt is not None and not self._old_side_is_gone(last):
            return Verdict.UNKNOWN, self._case.doubt, final
        entry_is_over = entry is not None and not entry.is_working
        return Verdict.REVERSE_MISMATCH, None, final or (entry_is_over and not last.blocking)

    def _unproved(self, reason: Reason) -> tuple[Verdict, Reason]:
        if self._case.doubt is not None:
            return Verdict.UNKNOWN, self._case.doubt
        return Verdict.NOT_PROVED, self.evidence.last_failure or reason

    def _objection(self) -> tuple[Verdict, Reason] | None:
        listing = self.evidence.listing
        listed = self.evidence.listed(self._pair.account)
        if listing is None or listed is None or listing.flaws.spoil(self._pair.account):
            cause = Cause.NOTHING_LISTED if listing is None or not listing.accounts else Cause.NOT_LISTED
            doubt = self._case.doubt
            return (Verdict.UNKNOWN, doubt) if doubt is not None else (Verdict.CANNOT_TELL, Reason(cause))
        if listed.connected is False:
            return Verdict.CANNOT_TELL, Reason(Cause.NOT_CONNECTED)
        return None

    def _is_in_pair(self, row: Position) -> bool:
        return not is_outside(self._pair, row.account, row.instrument, None)

    def _is_as_expected(self, look: Look) -> bool:
        ticket = self._case.ticket
        if len(look.blocking) != 1:
            return False
        row = look.blocking[0]
        return row.side is ticket.entering and row.quantity == ticket.quantity

    def _old_side_is_gone(self, look: Look) -> bool:
        return all(row.side is self._case.ticket.entering for row in look.blocking)

    def _entry_id(self) -> str | None:
        receipt = self._case.receipt
        return receipt.order_ids[0] if receipt is not None and receipt.order_ids else None

    def _entry(self) -> Order | None:
        """The entry as the newest clean order read lists it; None when it is not there or was not looked for."""
        read: OrdersRead | None = self.evidence.orders.get(fold(self._pair.account))
        if read is None:
            return None
        return next((order for order in read.orders if order.order_id == self._entry_id()), None)


def _shape(look: Look) -> frozenset[tuple[object, ...]]:
    return frozenset((row.pair, row.side, row.quantity) for row in look.blocking)


def _last_run(clean: list[Look]) -> list[Look]:
    """The newest looks that all show the same rows."""
    run: list[Look] = []
    for look in reversed(clean):
        if run and _shape(look) != _shape(run[0]):
            break
        run.insert(0, look)
    return run
