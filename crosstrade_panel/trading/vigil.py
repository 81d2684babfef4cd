"""After the outcome: nothing is final before it is acknowledged (product section 3).

What was proved flat stays watched; what was not proved goes on being read. The reads are the watch's own.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime

from crosstrade_panel.domain.names import fold
from crosstrade_panel.domain.outcome import Cause, Fate, Outcome, Reason, Verdict, headline
from crosstrade_panel.domain.snapshot import OrdersRead, PositionsRead, in_scope
from crosstrade_panel.trading.cancel_proof import CancelCase, CancelProof, Sent
from crosstrade_panel.trading.desk import Desk
from crosstrade_panel.trading.evidence import Evidence, Judgement, Look, Proof
from crosstrade_panel.trading.flat_proof import FlattenCase, FlattenProof
from crosstrade_panel.trading.flatten import PROVED, headline_of
from crosstrade_panel.trading.press import OpenedAgain, Press
from crosstrade_panel.trading.reads import FailedRead, Read
from crosstrade_panel.trading.reverse_proof import ReverseCase, ReverseProof

_FINAL = frozenset({Verdict.NOT_SENT, Verdict.REFUSED, Verdict.REVERSED, Verdict.CANCELLED})
_WAITS_FOR_ORDERS = frozenset(
    {
        Verdict.FLAT_ORDERS_NOT_CHECKED,
        Verdict.ORDERS_WORKING,
        Verdict.REVERSE_WORKING,
        Verdict.STILL_WORKING,
    }
)
_REVERSE_PROVED = frozenset({Verdict.REVERSED, Verdict.REVERSE_WORKING, Verdict.REVERSE_MISMATCH})
_CANCEL_TOLD = frozenset({Verdict.CANCELLED, Verdict.STILL_WORKING})


@dataclass(slots=True)
class _Kept:
    """What is remembered of a press after its outcome. `flat_since`: by folded account, monotonic seconds."""

    flat_since: dict[str, float] = field(default_factory=dict)
    shown: object = None


@dataclass(frozen=True, slots=True)
class _News:
    """What the reads amount to now. `at` where the verdict has a time of its own."""

    verdict: Verdict
    fates: tuple[Fate, ...]
    reason: Reason | None
    judgement: Judgement
    at: datetime | None = None


class Vigil:
    """Goes on with the presses of a desk's book that have their outcome, until they are acknowledged."""

    def __init__(self, desk: Desk) -> None:
        """Follow the desk's watch from now on."""
        self._desk = desk
        self._kept: dict[str, _Kept] = {}
        desk.watch.followers.append(self.on_read)

    def on_read(self, read: Read) -> None:
        """A read has come back, whoever asked for it."""
        presses = self._desk.book.presses
        watched = [press for press in presses if self._is_watched(press, presses[-1])]
        for press in watched:
            proof = press.proof if press.proof is not None else self._take_over(press)
            self._look(press, proof, read)
        self._kept = {press.id: self._kept[press.id] for press in watched}
        self._desk.watch.orders_wanted = frozenset(
            fold(fate.account)
            for press in watched
            for fate in (() if press.outcome is None else press.outcome.fates)
            if fate.verdict in _WAITS_FOR_ORDERS or (press.cancel is not None or press.is_reverse)
        )

    def _is_watched(self, press: Press, newest: Press) -> bool:
        outcome = press.outcome
        if outcome is None or press.acknowledged or outcome.verdict in _FINAL:
            return False
        if press.is_unresolved or press is newest:
            return True
        ended_at = press.began_at if press.ended_at is None else press.ended_at
        return self._desk.clock.monotonic() - ended_at <= self._desk.pace.reopened_loud_s

    def _take_over(self, press: Press) -> Proof:
        """Begin to prove a press that never got that far: of an earlier run, or broken off."""
        desk = self._desk
        doubt = None if press.outcome is None else press.outcome.reason
        doubt = doubt or Reason(Cause.INTERRUPTED)
        evidence, gap_s = Evidence(desk.clock.monotonic()), desk.pace.second_read_s
        if press.cancel is not None:
            in_doubt = {fold(account): ((Sent.DOUBTFUL, doubt),) for account in press.cancel.accounts}
            press.proof = CancelProof(CancelCase(press.cancel, in_doubt, gap_s), evidence)
        elif press.ticket is not None:
            press.proof = ReverseProof(ReverseCase(press.ticket, doubt=doubt, gap_s=gap_s), evidence)
        else:
            seen = desk.watch.roster.copy()
            press.proof = FlattenProof(FlattenCase(press.scope, {}, seen, doubt=doubt, gap_s=gap_s), evidence)
        return press.proof

    # -- one press, one read ---

    def _look(self, press: Press, proof: Proof, read: Read) -> None:
        kept = self._kept.get(press.id)
        if kept is None:
            kept = self._kept[press.id] = self._begin(press)
        self._take_in(press, proof.evidence, kept, read)
        before = press.outcome
        assert before is not None  # noqa: S101 - only such a press is watched
        match proof:
            case FlattenProof():
                news = self._follow_flatten(press, proof, kept, before)
            case ReverseProof():
                news = self._follow_reverse(press, proof, before)
            case CancelProof():
                news = self._follow_cancel(proof, before)
            case _:
                return
        if news is not None and _shape(news.verdict, news.fates) != _shape(before.verdict, before.fates):
            self._tell(press, before, news)

    def _begin(self, press: Press) -> _Kept:
        outcome = press.outcome
        kept = _Kept()
        if outcome is None:
            return kept
        proved_s, ended_at = outcome.timings.proved_s, press.ended_at or press.began_at
        since = ended_at if proved_s is None else press.began_at + proved_s
        kept.flat_since = {fold(fate.account): since for fate in outcome.fates if fate.verdict in PROVED}
        return kept

    def _take_in(self, press: Press, evidence: Evidence, kept: _Kept, read: Read) -> None:
        evidence.ended_at = None
        match read:
            case PositionsRead():
                evidence.add_positions(read)
                rows = in_scope(press.scope, read.positions)
                press.shows = rows
                shown: object = frozenset((row.pair, row.side, row.quantity) for row in rows)
            case OrdersRead():
                evidence.add_orders(read)
                shown = kept.shown
            case FailedRead():
                shown = kept.shown
                if read.account is None:
                    evidence.fail(read.source, read.reason)
            case _:
                evidence.add_listing(read)
                shown = kept.shown
        evidence.forget_old()
        if shown != kept.shown:
            # For hours they would all be alike: only what changed is part of the story.
            kept.shown = shown
            self._desk.record.read(press, read)

    def _tell(self, press: Press, before: Outcome, news: _News) -> None:
        desk = self._desk
        proved_at = news.judgement.proved_at
        is_good = news.verdict in PROVED or news.verdict in {Verdict.REVERSED, Verdict.CANCELLED}
        was_flat = before.verdict in PROVED
        late_s, timings, at = None, before.timings, news.at or desk.clock.now()
        if is_good and was_flat:
            at, late_s = before.at, before.late_s  # only the orders came later; flat was proved then
        elif is_good and proved_at is not None:
            late_s = desk.clock.monotonic() - press.began_at
            timings, at = replace(timings, proved_s=proved_at - press.began_at), desk.wall_time(proved_at)
        fates = news.fates
        checked = sum(fate.verdict in {Verdict.FLAT, Verdict.ORDERS_WORKING} for fate in fates)
        unchecked = sum(fate.verdict is Verdict.FLAT_ORDERS_NOT_CHECKED for fate in fates)
        desk.revise(
            press,
            replace(
                before,
                verdict=news.verdict,
                at=at,
                fates=fates,
                reason=news.reason,
                timings=timings,
                late_s=late_s,
                flat_at=before.at if was_flat and news.verdict is Verdict.REOPENED else before.flat_at,
                elsewhere_open=news.judgement.elsewhere_open,
                orders_checked=(checked, checked + unchecked),
            ),
        )

    # -- a flatten ---

    def _follow_flatten(
        self, press: Press, proof: FlattenProof, kept: _Kept, before: Outcome
    ) -> _News | None:
        judgement = proof.judge(final=False)
        found = {fold(fate.account): fate for fate in judgement.fates}
        proved_at = judgement.proved_at
        fates: list[Fate] = []
        opened_at: float | None = None
        for old in before.fates or judgement.fates:
            key = fold(old.account)
            if old.verdict in PROVED and before.fates:
                look = self._opened_again(proof, old, kept.flat_since.get(key, press.began_at))
                if look is None:
                    fates.append(_with_its_orders(old, found.get(key)))
                    self._is_closed_again(press, proof, old)
                    continue
                rows = proof.where_it_was_flat(old, look)
                if self._is_loud(old, kept.flat_since.get(key, press.began_at), look):
                    fates.append(Fate(old.account, Verdict.REOPENED, still_open=rows))
                    opened_at = look.stamp.answered_at
                    continue
                fates.append(old)
                if press.opened_again is None:
                    press.opened_again = OpenedAgain(rows, self._desk.wall_time(look.stamp.answered_at))
                    self._desk.record.note(press, "open again, long after it was flat")
                continue
            new = _not_proved_before(old, found.get(key))
            if new.verdict in PROVED and proved_at is not None:
                kept.flat_since[key] = proved_at
            fates.append(new)
        told = replace(judgement, fates=tuple(fates))
        if not before.fates and not judgement.settled:
            return None  # nobody has said which accounts there are
        verdict, reason = headline_of(proof.case, told)
        at = None if opened_at is None else self._desk.wall_time(opened_at)
        return _News(verdict, told.fates, reason, judgement, at)

    def _opened_again(self, proof: FlattenProof, old: Fate, since: float) -> Look | None:
        """The second of two reads that show something open where it was flat; after one, the next is due."""
        run = proof.opened_again(old, since)
        if len(run) == 1:
            self._desk.watch.read_at_once()
        return run[-1] if len(run) > 1 else None

    def _is_closed_again(self, press: Press, proof: FlattenProof, old: Fate) -> None:
        """Take the quiet line back once nothing is read as open there."""
        opened = press.opened_again
        if opened is None or not proof.evidence.reads:
            return
        looks = proof.looks(old.account)
        if looks and looks[-1].is_clean and not proof.where_it_was_flat(old, looks[-1]):
            press.opened_again = None

    def _is_loud(self, old: Fate, since: float, look: Look) -> bool:
        """Soon after the proof; or while an order from before the press may be what opened it."""
        is_soon = look.stamp.answered_at - since <= self._desk.pace.reopened_loud_s
        return is_soon or old.verdict in {Verdict.ORDERS_WORKING, Verdict.FLAT_ORDERS_NOT_CHECKED}

    # -- a reverse, a cancel ---

    def _follow_reverse(self, press: Press, proof: ReverseProof, before: Outcome) -> _News | None:
        now = self._desk.clock.monotonic()
        proof.evidence.ended_at = now
        judgement = proof.judge(final=True)
        fate = judgement.fates[0]
        if fate.verdict not in _REVERSE_PROVED:
            return None
        sent_at = press.began_at if press.sent_at is None else press.sent_at
        is_over = now > sent_at + self._desk.pace.reverse_lock_s
        if before.verdict is Verdict.REVERSE_MISMATCH and is_over:
            return None
        return _News(fate.verdict, judgement.fates, fate.reason, judgement)

    @staticmethod
    def _follow_cancel(proof: CancelProof, before: Outcome) -> _News | None:
        judgement = proof.judge(final=True)
        found = {fold(fate.account): fate for fate in judgement.fates}
        old_fates = before.fates or judgement.fates
        fates = tuple(_cancel_fate(old, found[fold(old.account)]) for old in old_fates)
        verdict = headline(fates) or before.verdict
        reason = next((fate.reason for fate in fates if fate.verdict is verdict), None)
        return _News(verdict, fates, reason, judgement)


def _with_its_orders(old: Fate, found: Fate | None) -> Fate:
    """What was flat, with what is known of its orders by now; never less, whatever reads are forgotten."""
    if found is None or found.verdict not in {Verdict.FLAT, Verdict.ORDERS_WORKING}:
        return old
    return old if old.verdict is Verdict.NOTHING_OPEN else found


def _not_proved_before(old: Fate, found: Fate | None) -> Fate:
    """What was not proved: proved now, or shown by the newest read."""
    if found is None:
        return old
    if found.verdict in PROVED or found.verdict is Verdict.CLOSED_MORE_THAN_ASKED:
        return found
    # Once it was flat, the other side is something that opened again, and no overfill of this press.
    if found.verdict is Verdict.OVERFILLED and old.verdict is not Verdict.REOPENED:
        return found
    return replace(old, still_open=found.still_open) if found.still_open else old


def _cancel_fate(old: Fate, found: Fate) -> Fate:
    is_filled = found.reason is not None and found.reason.cause is Cause.ORDER_FILLED
    return found if found.verdict in _CANCEL_TOLD or is_filled else old


def _shape(verdict: Verdict, fates: tuple[Fate, ...]) -> object:
    """What is told, without the prices, which change with every read."""
    return (
        verdict,
        tuple(
            (
                fold(fate.account),
                fate.verdict,
                frozenset((row.pair, row.side, row.quantity) for row in fate.still_open),
                frozenset(order.order_id for order in fate.working_orders),
            )
            for fate in fates
        ),
    )
