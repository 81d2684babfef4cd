"""After the outcome: nothing is final before it is acknowledged (product section 3).

What was proved flat stays watched; what was not proved goes on being read. The reads are the watch's own.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field, replace
from datetime import datetime

from crosstrade_panel.domain.names import fold
from crosstrade_panel.domain.outcome import Cause, Fate, Outcome, Reason, Verdict, headline
from crosstrade_panel.domain.scope import account_of
from crosstrade_panel.domain.snapshot import OrdersRead, Position, PositionsRead, same_rows, shown_in
from crosstrade_panel.domain.value import dataclass
from crosstrade_panel.trading.cancel_proof import CancelCase, CancelProof, Sent
from crosstrade_panel.trading.desk import Desk
from crosstrade_panel.trading.evidence import Evidence, Judgement, Proof
from crosstrade_panel.trading.flat_proof import FlattenCase, FlattenProof, OpenAgain
from crosstrade_panel.trading.flatten import PROVED, UNTOLD, headline_of
from crosstrade_panel.trading.press import OpenedAgain, Press
from crosstrade_panel.trading.reads import FailedRead, Read
from crosstrade_panel.trading.reverse_proof import ReverseCase, ReverseProof

_log = logging.getLogger(__name__)

_FINAL = frozenset({Verdict.NOT_SENT, Verdict.REFUSED, Verdict.REVERSED, Verdict.CANCELLED})
_MAY_OPEN_AGAIN = frozenset({Verdict.FLAT_ORDERS_NOT_CHECKED, Verdict.ORDERS_WORKING})
_TOLD_AS_FLAT = frozenset({Verdict.FLAT, Verdict.NOTHING_OPEN})
_WAITS_FOR_ORDERS = _MAY_OPEN_AGAIN | {Verdict.REVERSE_WORKING, Verdict.STILL_WORKING}
_REVERSE_PROVED = frozenset({Verdict.REVERSED, Verdict.REVERSE_WORKING, Verdict.REVERSE_MISMATCH})
_MAY_NAME_NOBODY = frozenset({Verdict.UNKNOWN, Verdict.NOT_PROVED, Verdict.CANNOT_TELL})
_CANCEL_TOLD = frozenset({Verdict.CANCELLED, Verdict.STILL_WORKING})


@dataclass(slots=True)
class _Kept:
    """What is remembered of a press after its outcome, by folded account; times in monotonic seconds.

    `exposed_at`: when an order from before the press was last known, or feared, to work. `opened`: when it
    was first seen open again, and since when it had been flat. `quiet`: what opened long after the proof.
    `shown`, `orders_shown`: what the journal was last told of the reads; for hours they would all be alike,
    and only what changed is part of the story.
    """

    flat_since: dict[str, float] = field(default_factory=dict)
    exposed_at: dict[str, float] = field(default_factory=dict)
    opened: dict[str, tuple[float, float]] = field(default_factory=dict)
    quiet: dict[str, OpenedAgain] = field(default_factory=dict)
    shown: tuple[Position, ...] | None = None
    orders_shown: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _News:
    """What the reads amount to now. `opened_at`, `flat_at`: of what has just been found open again."""

    verdict: Verdict
    fates: tuple[Fate, ...]
    reason: Reason | None
    judgement: Judgement
    opened_at: datetime | None = None
    flat_at: datetime | None = None


class Vigil:
    """Goes on with the presses of a desk's book that have their outcome, until they are acknowledged."""

    def __init__(self, desk: Desk, others: Callable[[], Iterable[Press]] = tuple) -> None:
        """Follow the desk's watch from now on.

        `others`: presses of other processes that are shown here. A command line ends with its window, and
        nobody would go on with its press.
        """
        self._desk = desk
        self._others = others
        self._before: dict[str, Mapping[str, tuple[Position, ...]]] = {}
        self._kept: dict[str, _Kept] = {}
        desk.watch.followers.append(self.on_read)

    def on_read(self, read: Read) -> None:
        """A read has come back, whoever asked for it."""
        own, others = self._desk.book.presses, tuple(self._others())
        self._remember_before((*others, *self._desk.book.elsewhere))
        watched = [press for press in own if self._is_watched(press, own[-1])]
        watched += [press for press in others if self._is_followed(press)]
        self._kept = {press.id: self._kept.get(press.id) or self._begin(press) for press in watched}
        for press in (*own, *others):
            if press.outcome is not None and press.id not in self._kept:
                press.proof = None  # of a hundred accounts each read that it holds on to is a megabyte
        for press in watched:
            try:
                self._look(press, read)
            except Exception:  # noqa: BLE001 - a mistake here must cost neither the read nor another press
                _log.exception("a press could not be followed after its outcome")
        self._desk.watch.orders_wanted = frozenset(
            key for press in watched for key in self._accounts_to_ask(press)
        )

    def _is_followed(self, press: Press) -> bool:
        """Whether a press of another process is gone on with, as one's own is.

        Not a reverse, of whose ticket the journal is asked for too little, nor one that closed more than was
        asked: what it closed was told to the other process alone, and no read takes that back.
        """
        outcome = press.outcome
        if outcome is None or press.is_reverse:
            return False
        is_more = any(fate.verdict is Verdict.CLOSED_MORE_THAN_ASKED for fate in outcome.fates)
        is_whole = bool(outcome.fates) or outcome.verdict in _MAY_NAME_NOBODY  # else rows are missing
        if is_more or not is_whole or not self._is_watched(press, None):
            return False
        if press.proof is not None and press.proof.evidence.earliest < self._desk.watch.anew_at:
            press.proof.evidence.begin_anew(self._desk.watch.anew_at)  # the desk knows its own presses alone
        return True

    def _remember_before(self, presses: Iterable[Press]) -> None:
        """Keep what was read before each of them began: the watch forgets it before it is needed."""
        known = self._before
        self._before = {
            press.id: known[press.id] if press.id in known else self._shown_before(press) for press in presses
        }

    def _shown_before(self, press: Press) -> Mapping[str, tuple[Position, ...]]:
        picture = self._desk.watch.picture()
        reads = tuple(read for read in picture.reads if read.stamp.answered_at <= press.began_at)
        shown = replace(picture, reads=reads).last_good(press.scope)
        return {key: each.rows for key, each in shown.items()}

    def _is_watched(self, press: Press, newest: Press | None) -> bool:
        outcome = press.outcome
        if outcome is None or press.acknowledged or outcome.verdict in _FINAL:
            return False
        if press.is_unresolved or press is newest:
            return True
        known_at = [_ended_at(press)]
        if press.id in self._kept:
            known_at.extend(self._kept[press.id].flat_since.values())
        return self._desk.clock.monotonic() - max(known_at) <= self._desk.pace.reopened_loud_s

    def _accounts_to_ask(self, press: Press) -> list[str]:
        """Whose orders decide something: those not read yet, those that work, and those just told as none."""
        outcome, kept = press.outcome, self._kept[press.id]
        if outcome is None or outcome.verdict in _FINAL:
            return []
        is_about_orders = press.cancel is not None or press.is_reverse
        just_now = self._desk.clock.monotonic() - self._desk.pace.reopened_loud_s
        return [
            fold(fate.account)
            for fate in outcome.fates
            if is_about_orders
            or fate.verdict in _WAITS_FOR_ORDERS
            or (fate.verdict in _TOLD_AS_FLAT and kept.flat_since.get(fold(fate.account), 0.0) >= just_now)
        ]

    def _begin(self, press: Press) -> _Kept:
        outcome, proof = press.outcome, press.proof
        assert outcome is not None  # noqa: S101 - only such a press is watched
        proved_s = outcome.timings.proved_s
        since = _ended_at(press) if proved_s is None else press.began_at + proved_s
        kept = _Kept({fold(fate.account): since for fate in outcome.fates if fate.verdict in PROVED})
        if proof is None:
            return kept
        # What the journal has of the window already.
        if proof.evidence.reads:
            kept.shown = shown_in(press.scope, proof.evidence.reads[-1].read)
        kept.orders_shown = {key: _orders_shown(reads[-1]) for key, reads in proof.evidence.orders.items()}
        return kept

    def _take_over(self, press: Press) -> Proof:
        """Begin to prove what was not proved here: of an earlier run, broken off, or of another process."""
        desk = self._desk
        doubt = _doubt_of(press)
        evidence, pace = Evidence(desk.clock.monotonic()), desk.pace
        gap_s, recent_s = pace.second_read_s, pace.read_least_deadline_s
        if press.cancel is not None:
            in_doubt = {fold(account): ((Sent.DOUBTFUL, doubt),) for account in press.cancel.accounts}
            return CancelProof(CancelCase(press.cancel, in_doubt, gap_s), evidence)
        if press.ticket is not None:
            case = ReverseCase(press.ticket, doubt=doubt, gap_s=gap_s, recent_s=recent_s)
            return ReverseProof(case, evidence)
        seen = desk.watch.roster.copy()
        before = self._before.get(press.id, {})
        flatten = FlattenCase(press.scope, before, seen, doubt=doubt, gap_s=gap_s, recent_s=recent_s)
        return FlattenProof(flatten, evidence)

    # -- one press, one read ---

    def _look(self, press: Press, read: Read) -> None:
        kept, before = self._kept[press.id], press.outcome
        if press.proof is None:
            press.proof = self._take_over(press)
        proof = press.proof
        assert before is not None  # noqa: S101 - only such a press is watched
        self._take_in(press, proof.evidence, kept, read)
        if isinstance(proof, FlattenProof):
            news = self._follow_flatten(press, proof, before, read)
            self._say_quietly(press, kept)
        elif isinstance(proof, ReverseProof):
            news = self._follow_reverse(press, proof, before)
        else:
            assert isinstance(proof, CancelProof)  # noqa: S101 - there is no other one
            news = self._follow_cancel(proof, before)
        if news is not None and not (news.verdict is before.verdict and _are_alike(news.fates, before.fates)):
            self._tell(press, before, news)

    def _take_in(self, press: Press, evidence: Evidence, kept: _Kept, read: Read) -> None:
        evidence.ended_at = None
        match read:
            case PositionsRead():
                evidence.add_positions(read)
                rows = shown_in(press.scope, read)
                if rows is not None and evidence.reads and evidence.reads[-1].read is read:
                    press.shows = rows
                    if kept.shown is None or not same_rows(kept.shown, rows):
                        kept.shown = rows
                        self._desk.record.read(press, read)
            case OrdersRead():
                evidence.add_orders(read)
                key = fold(read.account)
                shown = _orders_shown(read)
                is_new = key not in kept.orders_shown or kept.orders_shown[key] != shown
                if is_new and key in self._accounts_to_ask(press) and not read.flaws.spoil(read.account):
                    kept.orders_shown[key] = shown
                    self._desk.record.read(press, read)
            case FailedRead():
                if read.account is None:
                    evidence.fail(read.source, read.reason)
            case _:
                evidence.add_listing(read)
        evidence.forget_old()

    def _tell(self, press: Press, before: Outcome, news: _News) -> None:
        desk = self._desk
        proved_at = news.judgement.proved_at
        is_good = news.verdict in PROVED or news.verdict in {Verdict.REVERSED, Verdict.CANCELLED}
        was_flat = before.verdict in PROVED
        late_s, timings, at, flat_at = None, before.timings, desk.clock.now(), before.flat_at
        if news.verdict is before.verdict or (is_good and was_flat):
            # Only its rows changed, or only its orders came later: flat was proved then.
            at, late_s = before.at, before.late_s
        elif is_good and proved_at is not None:
            at = desk.wall_time(proved_at)
            if press.ended_at is None:  # of an earlier run, whose clock was another
                late_s = (at - press.began).total_seconds()
            else:
                late_s = desk.clock.monotonic() - press.began_at
                timings = replace(timings, proved_s=proved_at - press.began_at)
        elif news.verdict is Verdict.REOPENED and news.opened_at is not None:
            at, flat_at = news.opened_at, before.at if was_flat else news.flat_at
        else:
            timings = replace(timings, proved_s=None)
        checked = sum(fate.verdict in {Verdict.FLAT, Verdict.ORDERS_WORKING} for fate in news.fates)
        unchecked = sum(fate.verdict is Verdict.FLAT_ORDERS_NOT_CHECKED for fate in news.fates)
        desk.revise(
            press,
            replace(
                before,
                verdict=news.verdict,
                at=at,
                fates=news.fates,
                reason=news.reason,
                timings=timings,
                late_s=late_s,
                flat_at=flat_at,
                elsewhere_open=news.judgement.elsewhere_open,
                orders_checked=(checked, checked + unchecked),
            ),
        )

    # -- a flatten ---

    def _follow_flatten(self, press: Press, proof: FlattenProof, before: Outcome, read: Read) -> _News | None:
        kept = self._kept[press.id]
        judgement = proof.judge(final=False)
        found = _by_account(judgement.fates)
        final: Mapping[str, Fate] = {}
        is_late = self._is_answered_late_and_read(press, proof, before)
        if is_late:
            found = _with_final(found, proof.judge(final=True).fates)
        fates: list[Fate] = []
        for old in (*before.fates, *_joining(proof, before, judgement.fates)):
            key = fold(old.account)
            now_found = found.get(key)
            is_more = now_found is not None and now_found.verdict is Verdict.CLOSED_MORE_THAN_ASKED
            if old.verdict not in PROVED or is_more:
                new = _not_proved_before(old, now_found, is_final=is_late)
                # Who connects an account hours later and trades on it was not left with that by this press.
                is_quiet = not old.takes_headline and not self._is_soon(press)
                if now_found is not None and self._is_told_by_now(proof, old, now_found, read):
                    if is_quiet and before.verdict in PROVED:
                        self._say_later(kept, key, now_found.still_open, self._desk.clock.monotonic())
                    else:
                        kept.quiet.pop(key, None)
                        final = final or _by_account(proof.judge(final=True).fates)
                        new = final[key]
                if key in kept.quiet and new.verdict is old.verdict:
                    new = old
                if new.verdict in PROVED and judgement.proved_at is not None:
                    kept.quiet.pop(key, None)
                    kept.flat_since[key] = _ended_at(press) if is_quiet else judgement.proved_at
                fates.append(new)
                continue
            since = kept.flat_since[key]
            seen = proof.opened_again(old, since)
            if seen is None or not seen.is_proved:
                fates.append(self._still_flat(kept, old, now_found, since))
                if seen is not None and isinstance(read, PositionsRead) and seen.first.stamp is read.stamp:
                    self._desk.watch.read_at_once()
            elif self._is_loud(kept, key, since, seen):
                fates.append(Fate(old.account, Verdict.REOPENED, still_open=seen.rows))
                kept.opened[key] = seen.first.stamp.answered_at, since
            else:
                fates.append(old)
                self._say_later(kept, key, seen.rows, seen.first.stamp.answered_at)
        told = replace(judgement, fates=tuple(fates))
        verdict, reason = headline_of(proof.case, told)
        if not before.fates and verdict is before.verdict:
            return None  # nothing was told of single accounts, and nothing is proved of them all yet
        # Another account may have kept it from being told until now.
        still = (fold(fate.account) for fate in fates if fate.verdict is Verdict.REOPENED)
        opened_at, flat_at = min(
            (kept.opened[key] for key in still if key in kept.opened), default=(None, None)
        )
        return _News(verdict, told.fates, reason, judgement, self._wall(opened_at), self._wall(flat_at))

    @staticmethod
    def _is_told_by_now(proof: FlattenProof, old: Fate, found: Fate, read: Read) -> bool:
        """Whether something is open in an account that could not be told, and this read tells of it."""
        if _cause(old) not in UNTOLD or not found.still_open or not isinstance(read, PositionsRead):
            return False
        is_listed = proof.evidence.listed(old.account) is not None
        return is_listed and read.stamp.sent_at >= proof.evidence.there_from(old.account)

    def _say_later(self, kept: _Kept, key: str, rows: tuple[Position, ...], seen_at: float) -> None:
        """Keep what is to be said quietly: that it is open, and since when that was first seen."""
        known = kept.quiet.get(key)
        at = self._desk.wall_time(seen_at) if known is None else known.at
        kept.quiet[key] = OpenedAgain(rows, at)

    def _is_soon(self, press: Press) -> bool:
        """Whether what is found now is still told as loud as the outcome itself."""
        return self._desk.clock.monotonic() - _ended_at(press) <= self._desk.pace.reopened_loud_s

    def _is_answered_late_and_read(self, press: Press, proof: FlattenProof, before: Outcome) -> bool:
        """Whether an answer came late and was followed by reads for a whole window: no doubt is left."""
        is_unknown = any(fate.verdict is Verdict.UNKNOWN for fate in before.fates)
        if not is_unknown or proof.case.doubt is not None:
            return False
        answered_at = press.began_at if press.answered_at is None else press.answered_at
        return self._desk.clock.monotonic() >= answered_at + self._desk.pace.window_s

    def _still_flat(self, kept: _Kept, old: Fate, found: Fate | None, since: float) -> Fate:
        """What was flat and is not known to be open, with what is known of its orders by now.

        Never less than was known, whatever reads are forgotten. Long after the proof only the orders from
        before are still its own: a trader who goes on trading has not been left with them by this press.
        """
        key, now = fold(old.account), self._desk.clock.monotonic()
        if found is not None and found.verdict in PROVED:
            kept.quiet.pop(key, None)
        if old.verdict in _MAY_OPEN_AGAIN:
            kept.exposed_at[key] = now
        if found is None or found.verdict not in {*_TOLD_AS_FLAT, Verdict.ORDERS_WORKING}:
            return old
        if found.verdict is Verdict.FLAT:
            return old if old.verdict is Verdict.NOTHING_OPEN else found
        if found.verdict is Verdict.NOTHING_OPEN:
            return found if old.verdict is Verdict.ORDERS_WORKING else old
        is_soon = now - since <= self._desk.pace.reopened_loud_s
        if old.verdict is Verdict.NOTHING_OPEN:
            return found if is_soon else old
        if is_soon or old.verdict is Verdict.FLAT_ORDERS_NOT_CHECKED:
            return found
        known = {order.order_id for order in old.working_orders}
        left = tuple(order for order in found.working_orders if order.order_id in known)
        return replace(found, working_orders=left) if left else Fate(old.account, Verdict.FLAT)

    def _is_loud(self, kept: _Kept, key: str, since: float, seen: OpenAgain) -> bool:
        """Soon after the proof, or after an order from before the press was left: that may have opened it."""
        if key in kept.quiet:
            return False
        exposed_at = max(since, kept.exposed_at.get(key, since))
        return seen.first.stamp.answered_at - exposed_at <= self._desk.pace.reopened_loud_s

    def _say_quietly(self, press: Press, kept: _Kept) -> None:
        """Show what opened long after the proof, or take it back."""
        rows = tuple(row for each in kept.quiet.values() for row in each.rows)
        told = OpenedAgain(rows, min(each.at for each in kept.quiet.values())) if rows else None
        was = press.opened_again
        if told is None or was is None:
            if told is was:
                return
        elif told.at == was.at and same_rows(told.rows, was.rows):
            return
        if told is None or press.opened_again is None:
            text = "flat again" if told is None else "open again, long after it was flat"
            self._desk.record.note(press, text)
        press.opened_again = told
        self._desk.on_change(press)

    def _wall(self, at: float | None) -> datetime | None:
        return None if at is None else self._desk.wall_time(at)

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
        is_worse = fate.verdict is Verdict.REVERSE_MISMATCH and before.verdict is Verdict.REVERSE_WORKING
        if is_worse and not proof.is_mismatch_beyond_doubt(fate.still_open):
            return None
        return _News(fate.verdict, judgement.fates, fate.reason, judgement)

    @staticmethod
    def _follow_cancel(proof: CancelProof, before: Outcome) -> _News | None:
        judgement = proof.judge(final=True)
        known = _by_account(before.fates)
        fates = tuple(_cancel_fate(known.get(fold(found.account)), found) for found in judgement.fates)
        verdict = headline(fates) or before.verdict
        reason = next((fate.reason for fate in fates if fate.verdict is verdict), None)
        return _News(verdict, fates, reason, judgement)


def _by_account(fates: Iterable[Fate]) -> dict[str, Fate]:
    return {fold(fate.account): fate for fate in fates}


def _ended_at(press: Press) -> float:
    """When it ended, of an earlier run when it began; monotonic seconds."""
    return press.began_at if press.ended_at is None else press.ended_at


def _doubt_of(press: Press) -> Reason | None:
    """Why there was no usable answer, as far as its outcome tells; None where there was one."""
    outcome = press.outcome
    assert outcome is not None  # noqa: S101 - only such a press is watched
    told = [(outcome.verdict, outcome.reason), *((fate.verdict, fate.reason) for fate in outcome.fates)]
    doubts = [reason for verdict, reason in told if verdict is Verdict.UNKNOWN]
    if not doubts:
        return None
    return next((reason for reason in doubts if reason is not None), Reason(Cause.INTERRUPTED))


def _orders_shown(read: OrdersRead) -> object:
    return frozenset((order.order_id, order.state, order.filled) for order in read.orders)


def _joining(proof: FlattenProof, before: Outcome, judged: tuple[Fate, ...]) -> list[Fate]:
    """The accounts that a press concerns and its outcome did not name, as not proved.

    A press that was broken off named those alone whose rows it had seen, or none; "every account" also means
    those that are listed by now. To what is proved only an account is added that was closed without asking.
    """
    known = {fold(fate.account) for fate in before.fates}
    is_wide = account_of(proof.case.scope) is None
    doubt = proof.case.doubt
    verdict = Verdict.NOT_PROVED if doubt is None else Verdict.UNKNOWN
    return [
        Fate(fate.account, verdict, reason=doubt or fate.reason, takes_headline=fate.takes_headline)
        for fate in judged
        if fold(fate.account) not in known
        and (
            fate.verdict is Verdict.CLOSED_MORE_THAN_ASKED
            or not known
            or (is_wide and before.verdict not in PROVED)
        )
    ]


def _with_final(found: dict[str, Fate], final: tuple[Fate, ...]) -> dict[str, Fate]:
    """The last word on every account that is not proved."""
    return {
        fold(fate.account): found[fold(fate.account)] if found[fold(fate.account)].verdict in PROVED else fate
        for fate in final
    }


def _not_proved_before(old: Fate, found: Fate | None, *, is_final: bool) -> Fate:
    """What was not proved: proved now, or shown by the newest read."""
    if found is None:
        return old
    if is_final and old.verdict is Verdict.UNKNOWN:
        return found
    if found.verdict in PROVED or found.verdict is Verdict.CLOSED_MORE_THAN_ASKED:
        return found
    # Once it was flat, the other side is something that opened again, and no overfill of this press.
    if found.verdict is Verdict.OVERFILLED and old.verdict is not Verdict.REOPENED:
        return found
    if not found.still_open or same_rows(old.still_open, found.still_open):
        return old
    return replace(old, still_open=found.still_open)


def _cancel_fate(old: Fate | None, found: Fate) -> Fate:
    is_filled = found.reason is not None and found.reason.cause is Cause.ORDER_FILLED
    return found if old is None or found.verdict in _CANCEL_TOLD or is_filled else old


def _are_alike(some: tuple[Fate, ...], others: tuple[Fate, ...]) -> bool:
    """Whether fates tell the same, but for the prices, which change with every read."""
    return len(some) == len(others) and all(
        one is other
        or (
            one.verdict is other.verdict
            and fold(one.account) == fold(other.account)
            and _cause(one) is _cause(other)
            and same_rows(one.still_open, other.still_open)
            and {order.order_id for order in one.working_orders}
            == {order.order_id for order in other.working_orders}
        )
        for one, other in zip(some, others, strict=True)
    )


def _cause(fate: Fate) -> Cause | None:
    return None if fate.reason is None else fate.reason.cause
