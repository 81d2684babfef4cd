"""Whether a flatten did what was asked: product section 3, as one pure judgement over the reads."""

from collections.abc import Iterable, Mapping
from dataclasses import field, replace

from crosstrade_panel.domain.names import fold, is_alias, may_be_same_instrument
from crosstrade_panel.domain.outcome import Cause, Fate, Reason, Verdict
from crosstrade_panel.domain.scope import Scope, Side, account_of, is_outside
from crosstrade_panel.domain.snapshot import Order, OrdersRead, Pair, Position
from crosstrade_panel.domain.value import dataclass
from crosstrade_panel.trading.evidence import (
    Blocks,
    Claim,
    Evidence,
    Judgement,
    Look,
    TwoReads,
    agreeing,
    two_reads,
)
from crosstrade_panel.trading.ports import Receipt
from crosstrade_panel.trading.roster import Seen

_MOST_KEPT = 64


@dataclass(frozen=True, slots=True)
class FlattenCase:
    """What is known of a flatten when its verification begins.

    `before`: what the last good read before the press showed, by folded account; absent where not known.
    `fresh`: the (folded) accounts of which that read is young enough to say that nothing was open.
    `nothing_to_close`: the server refused because there was no position.
    `seen`: the accounts of the session so far; None for a program without a past (the command line).
    `doubt`: why there is no usable answer; None when there was one.
    `prove_from`: the proof's second read must be sent then or later: a reverse may still place its entry.
    `recent_s`: how old, when the reading ends, a read may be that says "still open".
    """

    scope: Scope
    before: Mapping[str, tuple[Position, ...]]
    seen: Mapping[str, Seen] | None
    receipt: Receipt | None = None
    doubt: Reason | None = None
    nothing_to_close: bool = False
    fresh: frozenset[str] = frozenset()
    prove_from: float = float("-inf")
    gap_s: float = 1.0
    recent_s: float = 3.0


@dataclass(slots=True)
class _Account:
    """What is known of one account before the reads. `is_meant`: the scope names it, or every account."""

    name: str
    key: str
    is_meant: bool
    before: tuple[Position, ...] | None
    closed: tuple[Position, ...]
    sides: dict[Pair, Side] = field(default_factory=dict)
    watched: frozenset[Pair] = frozenset()
    opposite: dict[int, tuple[Look, Claim]] = field(default_factory=dict)
    near: dict[str, bool] = field(default_factory=dict)
    sides_as_spelt: dict[tuple[str | None, str | None], Side | None] = field(default_factory=dict)
    flat_since: float | None = None


@dataclass(frozen=True, slots=True)
class _Finding:
    """The fate of one account so far; `pending` until nothing more can be expected."""

    fate: Fate
    pending: bool
    proof: TwoReads = field(default_factory=TwoReads)
    bad_news_at: float | None = None
    positions_wanted_since: float | None = None
    wants_orders: bool = False
    has_orders: bool = False
    needs_orders: bool = False
    opened_at: float | None = None


@dataclass(frozen=True, slots=True)
class OpenAgain:
    """Something that opened where it was flat: the first look that showed it, and the newest rows.

    `is_proved`: a second look confirmed it.
    """

    first: Look
    rows: tuple[Position, ...]
    is_proved: bool


class FlattenProof:
    """Collects the reads after a flatten and judges them."""

    def __init__(self, case: FlattenCase, evidence: Evidence) -> None:
        """Begin with what is known."""
        self.evidence = evidence
        self._take(case)

    def _take(self, case: FlattenCase) -> None:
        self.case = case
        receipt = case.receipt
        self._closed = () if receipt is None or receipt.closed_positions is None else receipt.closed_positions
        self._known: dict[str, _Account] = {}
        self._is_unresolved_alias = self._names_no_contract()

    def take_answer(self, receipt: Receipt, doubt: Reason | None = None) -> None:
        """The answer came late; with `doubt` where it tells of a half."""
        self._take(replace(self.case, receipt=receipt, doubt=doubt))
        self.evidence.begin_anew(receipt.answered_at)

    def opened_again(self, fate: Fate, since: float) -> OpenAgain | None:
        """What the newest clean reads, sent after `since`, agree on as open where it was flat.

        That is in a watched pair; where no pair was ever known, anywhere in the scope.
        """
        account = self._known[fold(fate.account)]
        looks = [
            (look, rows)
            for look in self.evidence.looks(account.name, self._blocking(account))
            if look.is_clean and look.stamp.sent_at > since
            for rows in [self._where_it_was_flat(account, look)]
        ]
        run, confirmed = agreeing(
            (look, frozenset((row.pair, row.side) for row in rows)) for look, rows in looks
        )
        return OpenAgain(run[0], looks[-1][1], is_proved=confirmed is not None) if run else None

    def _where_it_was_flat(self, account: _Account, look: Look) -> tuple[Position, ...]:
        """The open rows of a look that lie where it was said that nothing was open."""
        if not account.watched:
            return look.blocking
        return tuple(row for row in look.blocking if self._is_watched(account, row))

    @staticmethod
    def _is_watched(account: _Account, row: Position) -> bool:
        """Whether a row may lie in a watched pair, by whatever name an endpoint calls its instrument."""
        name = row.instrument or ""  # of no known form, and so perhaps any
        known = account.near.get(name)
        if known is None:
            known = any(may_be_same_instrument(name, watched) for _, watched in account.watched)
            account.near[name] = known
        return known

    def judge(self, *, final: bool) -> Judgement:
        """What the reads amount to; `final` when no further read will come."""
        accounts = self._accounts()
        findings = [self._find(account, final=final) for account in accounts]
        reason = self._scope_reason()
        pending = [finding for finding in findings if finding.pending]
        candidates = [
            finding.proof.first
            for finding in pending
            if finding.proof.first is not None and not finding.proof.is_proved
        ]
        first = min(candidates, key=lambda look: look.stamp.answered_at, default=None)
        bad_news = [finding.bad_news_at for finding in pending if finding.bad_news_at is not None]
        if not any(finding.wants_orders for finding in pending):
            # One read at once for all of them, and not one for each.
            wanted = (finding.positions_wanted_since for finding in pending)
            bad_news.extend(at for at in wanted if at is not None)
        deciding = [
            finding.proof.second.stamp.answered_at for finding in findings if finding.proof.second is not None
        ]
        needing = [finding for finding in findings if finding.needs_orders]
        # Accounts that had positions first.
        asking = [each for each in zip(accounts, findings, strict=True) if each[1].wants_orders]
        asking.sort(key=lambda each: not each[0].watched)
        return Judgement(
            fates=tuple(finding.fate for finding in findings),
            settled=not pending and reason is None,
            candidate_at=None if first is None else first.stamp.answered_at,
            candidate_source=None if first is None else first.source,
            second_from=self.case.prove_from,
            bad_news_at=max(bad_news, default=None),
            wants_listing=self.evidence.listing is None,
            orders_wanted=tuple(self._reported_name(account.name) for account, _ in asking),
            proved_at=max(deciding, default=None),
            elsewhere_open=self._elsewhere(accounts),
            orders_checked=(sum(finding.has_orders for finding in needing), len(needing)),
            scope_reason=reason,
            opened_at=_least(finding.opened_at for finding in findings),
            flat_since=_least(
                account.flat_since
                for account, finding in zip(accounts, findings, strict=True)
                if finding.opened_at is not None
            ),
        )

    # -- what is known ---

    def _scope_reason(self) -> Reason | None:
        """Why "every account" cannot be told at all: nobody has said which accounts there are."""
        if account_of(self.case.scope) is not None:
            return None
        listing = self.evidence.listing
        if listing is None:
            return self.evidence.last_failure or Reason(Cause.NOTHING_LISTED)
        return None if listing.accounts else Reason(Cause.NOTHING_LISTED)

    def _accounts(self) -> list[_Account]:
        """Every account that the press concerns: the scope's, and those that the server says it touched."""
        case = self.case
        names: dict[str, str] = {}
        wanted = account_of(case.scope)
        if wanted is not None:
            names[fold(wanted)] = wanted
        else:
            for seen in (case.seen or {}).values():
                names.setdefault(fold(seen.name), seen.name)
            for key, name in self.evidence.names.items():
                names.setdefault(key, name)
        for row in self._closed:
            if row.account is not None:
                names.setdefault(fold(row.account), row.account)
        for key, name in names.items():
            if key not in self._known:
                self._known[key] = self._describe(key, name)
        return [self._known[key] for key in names]

    def _describe(self, key: str, name: str) -> _Account:
        scope = self.case.scope
        wanted = account_of(scope)
        before = self.case.before.get(key)
        closed = tuple(
            row for row in self._closed if fold(wanted or "" if row.account is None else row.account) == key
        )
        asked_for = [
            row for row in before or () if not is_outside(scope, row.account, row.instrument, row.side)
        ]
        watched = frozenset(row.pair for row in (*asked_for, *closed) if row.pair is not None)
        # What the server says it closed is newer than what was read before.
        sides = {
            row.pair: row.side
            for row in (*(before or ()), *closed)
            if row.pair is not None and row.side is not None
        }
        is_meant = wanted is None or fold(wanted) == key
        return _Account(name, key, is_meant, before, closed, sides, watched)

    def _names_no_contract(self) -> bool:
        """Whether the scope's instrument may mean another contract than the rows; their own name is none."""
        instrument = self.case.scope.instrument
        if instrument is None or not is_alias(instrument):
            return False
        known = {row.instrument for rows in self.case.before.values() for row in rows}
        known.update(row.instrument for row in self._closed)
        return instrument.casefold() not in {name.casefold() for name in known if name is not None}

    def _reported_name(self, account: str) -> str:
        """The account's name as the API spells it."""
        listed = self.evidence.listed(account)
        return self.evidence.names.get(fold(account), account) if listed is None else listed.name

    def _elsewhere(self, accounts: list[_Account]) -> int | None:
        newest = self.evidence.newest_whole()
        if newest is None:
            return None
        looks = (newest.look(account.key, self._blocking(account)) for account in accounts)
        return len(newest.read.positions) - sum(len(look.blocking) for look in looks)

    # -- one account ---

    def _find(self, account: _Account, *, final: bool) -> _Finding:
        looks = self.evidence.looks(account.name, self._blocking(account))
        finding = self._positions(account, looks, final=final)
        is_more = any(
            is_outside(self.case.scope, row.account, row.instrument, row.side) for row in account.closed
        )
        if is_more and finding.fate.verdict.rank > Verdict.CLOSED_MORE_THAN_ASKED.rank:
            fate = replace(finding.fate, verdict=Verdict.CLOSED_MORE_THAN_ASKED, takes_headline=True)
            return replace(finding, fate=fate)
        return finding

    def _blocking(self, account: _Account) -> Blocks:
        return lambda row: self._blocks(account, row)

    def _blocks(self, account: _Account, row: Position) -> bool:
        """Whether an open row stands against "flat". The side never decides, unless it was left as asked."""
        if not self._concerns(account, row):
            return False
        asked = self.case.scope.side
        if asked is None or row.side is not asked.opposite or row.pair is None:
            return True
        left_as_asked = account.sides.get(row.pair) is asked.opposite
        return not left_as_asked

    def _concerns(self, account: _Account, row: Position) -> bool:
        """Whether a row of the account cannot be shown to lie outside the scope and every watched pair."""
        instrument = self.case.scope.instrument
        if row.instrument is None or (account.is_meant and instrument is None):
            return True
        if account.is_meant and may_be_same_instrument(row.instrument, instrument or ""):
            return True
        return (row.account is None and not account.is_meant) or row.pair in account.watched

    def _positions(self, account: _Account, looks: list[Look], *, final: bool) -> _Finding:
        quiet = self._never_there(account, looks)
        if quiet is not None:
            return _Finding(quiet, pending=False)
        blocked = [look for look in looks if look.blocking]
        last_blocked = blocked[-1] if blocked else None
        clear = [
            look
            for look in looks
            if look.is_clean
            and not look.is_blind
            and not look.blocking
            and (last_blocked is None or look.stamp.sent_at > last_blocked.stamp.sent_at)
        ]
        proof = two_reads(
            clear,
            gap_s=self.case.gap_s,
            not_before=self.case.prove_from,
            other_failed=self.evidence.other_failed,
        )
        if proof.is_proved:
            return self._proved(account, clear, proof, final=final)
        if clear or last_blocked is None:
            return self._unread(account, looks, clear, proof, final=final)
        if account.flat_since is not None:
            return self._reopened(account, looks, account.flat_since, final=final)
        return self._open(account, looks, last_blocked, final=final)

    def _reopened(self, account: _Account, looks: list[Look], since: float, *, final: bool) -> _Finding:
        """Something is open where two reads had shown nothing: the word for that needs two reads as well."""
        later = [look for look in looks if look.is_clean and look.stamp.sent_at > since]
        run, confirmed = agreeing(
            (look, frozenset((row.pair, row.side) for row in look.blocking)) for look in later
        )
        rows = (later or looks)[-1].blocking
        if confirmed is not None:
            fate = Fate(account.name, Verdict.REOPENED, still_open=rows)
            return _Finding(fate, pending=False, opened_at=run[0].stamp.answered_at)
        if final:
            verdict, reason = self._unproved(Verdict.NOT_PROVED, Reason(Cause.READS_DISAGREE))
            return _Finding(Fate(account.name, verdict, still_open=rows, reason=reason), pending=False)
        fate = Fate(account.name, Verdict.STILL_OPEN, still_open=rows)
        return _Finding(fate, pending=True, bad_news_at=run[0].stamp.answered_at if run else None)

    def _never_there(self, account: _Account, looks: list[Look]) -> Fate | None:
        """The fate of an account that was never connected and never held anything: named, no more."""
        if self.case.seen is None or account_of(self.case.scope) is not None:
            return None
        listed = self.evidence.listed(account.name)
        seen = self.case.seen.get(account.key)
        if listed is None or listed.connected is not False or any(look.rows for look in looks):
            return None
        was_there = seen is not None and (seen.ever_connected or seen.ever_held)
        if account.closed or was_there or account.key in self.evidence.ever_connected:
            return None
        return Fate(
            account.name, Verdict.CANNOT_TELL, reason=Reason(Cause.NOT_CONNECTED), takes_headline=False
        )

    def _proved(self, account: _Account, clear: list[Look], proof: TwoReads, *, final: bool) -> _Finding:
        """Two clean reads show nothing; now the listing, the name and the orders."""
        objection = self._objection(account, clear[-1])
        if objection is not None:
            verdict, reason = objection
            fate = Fate(account.name, verdict, reason=reason)
            # A listing may be behind and right itself; a name that says too little stays so.
            return _Finding(fate, pending=not final and reason.cause is not Cause.ALIAS, proof=proof)
        account.flat_since = clear[-1].stamp.answered_at
        if self._was_nothing_open(account):
            return self._nothing_open(account, clear, proof)
        orders = self.evidence.orders_since(account.name, clear[0].stamp.sent_at)
        if orders is None:
            fate = Fate(account.name, Verdict.FLAT_ORDERS_NOT_CHECKED)
            return _Finding(fate, pending=not final, proof=proof, wants_orders=not final, needs_orders=True)
        working = self._left_working(account, orders)
        if working:
            goes_on = not final and not self._work_on(account, clear[0].stamp.sent_at, working)
            return _Finding(
                Fate(account.name, Verdict.ORDERS_WORKING, working_orders=working),
                pending=goes_on,
                proof=proof,
                wants_orders=goes_on,
                has_orders=True,
                needs_orders=True,
            )
        # An order that a read no longer lists may have been filled since the positions were read: flat is
        # what positions show that were asked for after the orders.
        if not self._was_read_after_its_orders(account, clear):
            return _Finding(
                Fate(account.name, Verdict.FLAT_ORDERS_NOT_CHECKED),
                pending=not final,
                proof=proof,
                positions_wanted_since=orders.stamp.answered_at,
                needs_orders=True,
            )
        return _Finding(
            Fate(account.name, Verdict.FLAT), pending=False, proof=proof, has_orders=True, needs_orders=True
        )

    def _nothing_open(self, account: _Account, clear: list[Look], proof: TwoReads) -> _Finding:
        """Nothing to close, so no orders to wait for; those that two reads showed to work are told, too."""
        since = clear[0].stamp.sent_at
        orders = self.evidence.orders_since(account.name, since)
        working = () if orders is None else self._left_working(account, orders)
        if not working or not self._work_on(account, since, working):
            return _Finding(Fate(account.name, Verdict.NOTHING_OPEN), pending=False, proof=proof)
        fate = Fate(account.name, Verdict.ORDERS_WORKING, working_orders=working)
        return _Finding(fate, pending=False, proof=proof, has_orders=True, needs_orders=True)

    def _work_on(self, account: _Account, since: float, working: tuple[Order, ...]) -> bool:
        """Whether these orders are there to stay: listed alike by two reads, and none is on its way out."""
        if any(order.is_passing for order in working):
            return False
        reads = [read for read in self.evidence.orders.get(account.key, ()) if read.stamp.sent_at >= since]
        ids = {order.order_id for order in working}
        return any(
            read.stamp.answered_at + self.case.gap_s <= reads[-1].stamp.sent_at
            and {order.order_id for order in self._left_working(account, read)} == ids
            for read in reads
        )

    def _was_read_after_its_orders(self, account: _Account, clear: list[Look]) -> bool:
        """Whether the newest clear look was sent after an answer that listed no working order."""
        since, until = clear[0].stamp.sent_at, clear[-1].stamp.sent_at
        return any(
            not self._left_working(account, read)
            for read in self.evidence.orders.get(account.key, ())
            if since <= read.stamp.sent_at and read.stamp.answered_at <= until
        )

    def _objection(self, account: _Account, last: Look) -> tuple[Verdict, Reason] | None:
        """What stands against a proof that the positions alone would give."""
        absence = self.evidence.absence(account.name)
        if absence is not None:
            return self._unproved(*absence)
        listed = self.evidence.listed(account.name)
        if listed is not None and listed.is_flat is False and not last.rows:
            return self._unproved(Verdict.NOT_PROVED, Reason(Cause.FLAG_CONTRADICTS))
        if self._is_unresolved_alias and last.rows:
            return self._unproved(Verdict.NOT_PROVED, Reason(Cause.ALIAS))
        return None

    def _unproved(self, verdict: Verdict, reason: Reason) -> tuple[Verdict, Reason]:
        """What is not proved is UNKNOWN where there was no usable answer either."""
        doubt = self.case.doubt
        return (verdict, reason) if doubt is None else (Verdict.UNKNOWN, doubt)

    def _was_nothing_open(self, account: _Account) -> bool:
        """Whether it is known that there was nothing to close."""
        receipt = self.case.receipt
        if account.watched or account.closed:
            return False
        if receipt is not None and receipt.order_ids and not receipt.closed_positions:
            return False  # something was cancelled, and no row says where
        if self.case.nothing_to_close:
            return True
        reported_none = receipt is not None and receipt.closed_positions is not None
        return reported_none or (account.before is not None and account.key in self.case.fresh)

    def _left_working(self, account: _Account, read: OrdersRead) -> tuple[Order, ...]:
        """The orders of a read that may still do something where it is to stay flat."""
        return tuple(order for order in read.orders if self._is_left_working(account, order))

    def _is_left_working(self, account: _Account, order: Order) -> bool:
        """Whether a working order may belong to a watched pair; where none is known, to the scope."""
        if not order.is_working:
            return False
        if order.instrument is None:
            return True
        if not account.watched:
            return not is_outside(self.case.scope, order.account, order.instrument, None)
        instrument = order.instrument
        return any(may_be_same_instrument(instrument, watched) for _, watched in account.watched)

    def _unread(
        self, account: _Account, looks: list[Look], clear: list[Look], proof: TwoReads, *, final: bool
    ) -> _Finding:
        """Nothing open was seen, but not twice."""
        absence = None if self.evidence.listing is None else self.evidence.absence(account.name)
        verdict, reason = self._unproved(*(absence or (Verdict.NOT_PROVED, self._why_unread(looks))))
        wants_orders = (
            bool(clear)
            and not final
            and self.evidence.orders_since(account.name, clear[0].stamp.sent_at) is None
            and not self._was_nothing_open(account)
        )
        fate = Fate(account.name, verdict, reason=reason)
        return _Finding(fate, pending=not final, proof=proof, wants_orders=wants_orders)

    def _why_unread(self, looks: list[Look]) -> Reason:
        if any(not look.is_clean for look in looks):
            return Reason(Cause.ROW_UNREADABLE)
        if any(look.blocking for look in looks):
            return Reason(Cause.READS_DISAGREE)
        return self.evidence.last_failure or Reason(Cause.READS_FAILED)

    # -- something is open ---

    def _open(self, account: _Account, looks: list[Look], last: Look, *, final: bool) -> _Finding:
        """The newest read shows something open."""
        over, confirmed = self._overfilled(account, looks)
        if confirmed is not None:
            return _Finding(
                Fate(account.name, Verdict.OVERFILLED, still_open=over[-1].blocking),
                pending=False,
                proof=TwoReads(over[0], confirmed),
            )
        if not final:
            fate = Fate(account.name, Verdict.STILL_OPEN, still_open=last.blocking)
            return _Finding(fate, pending=True, bad_news_at=over[0].stamp.answered_at if over else None)
        clean = [look for look in looks if look.is_clean]
        newest = clean[-1] if clean and clean[-1].blocking else last
        verdict, reason = self._open_at_the_end(account, newest)
        return _Finding(Fate(account.name, verdict, still_open=newest.blocking, reason=reason), pending=False)

    def _overfilled(self, account: _Account, looks: list[Look]) -> tuple[list[Look], Look | None]:
        """The newest run of clean reads that agree on an opposite position, and the one that proves it."""
        return agreeing((look, self._opposite(account, look)) for look in looks if look.is_clean)

    def _opposite(self, account: _Account, look: Look) -> Claim:
        """The rows of a look on the other side of what was there; kept, as every judgement asks again."""
        if not account.sides:
            return frozenset()
        known = account.opposite.get(id(look))
        if known is not None and known[0] is look:
            return known[1]
        rows = frozenset(
            (row.pair, row.side, row.quantity) for row in look.blocking if self._is_opposite(account, row)
        )
        if len(account.opposite) > _MOST_KEPT:
            account.opposite.clear()
        account.opposite[id(look)] = (look, rows)
        return rows

    def _is_opposite(self, account: _Account, row: Position) -> bool:
        """Whether a row lies on the other side of what was there and was asked to be closed."""
        name = (row.account, row.instrument)
        if name not in account.sides_as_spelt:
            account.sides_as_spelt[name] = None if row.pair is None else account.sides.get(row.pair)
        was = account.sides_as_spelt[name]
        if was is None or row.side is None or row.side is was:
            return False
        asked = self.case.scope.side
        return asked is None or was is asked

    def _open_at_the_end(self, account: _Account, newest: Look) -> tuple[Verdict, Reason | None]:
        asked = self.case.scope.side
        listed = self.evidence.listed(account.name)
        if listed is not None and listed.connected is False:
            return self._unproved(Verdict.CANNOT_TELL, Reason(Cause.NOT_CONNECTED))
        if self._is_unresolved_alias:
            return self._unproved(Verdict.NOT_PROVED, Reason(Cause.ALIAS))
        if not newest.is_clean:
            return self._unproved(Verdict.NOT_PROVED, Reason(Cause.ROW_UNREADABLE))
        ended_at = self.evidence.ended_at
        if ended_at is not None and newest.stamp.sent_at < ended_at - self.case.recent_s:
            why = self.evidence.last_failure or Reason(Cause.READS_FAILED)
            return self._unproved(Verdict.NOT_PROVED, why)
        is_opposite = [self._is_opposite(account, row) for row in newest.blocking]
        same_side = [
            row
            for row, other_side in zip(newest.blocking, is_opposite, strict=True)
            if not other_side and (asked is None or row.side is not asked.opposite)
        ]
        if same_side:
            return Verdict.STILL_OPEN, None
        cause = Cause.READS_DISAGREE if any(is_opposite) else Cause.OTHER_SIDE
        return self._unproved(Verdict.NOT_PROVED, Reason(cause))


def _least(times: Iterable[float | None]) -> float | None:
    return min((at for at in times if at is not None), default=None)
