"""Whether a flatten did what was asked: product section 3, as one pure judgement over the reads."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from crosstrade_panel.domain.names import fold, is_alias
from crosstrade_panel.domain.outcome import Cause, Fate, Reason, Verdict
from crosstrade_panel.domain.scope import OneAccount, Scope, Side, account_of, is_outside
from crosstrade_panel.domain.snapshot import Order, Pair, Position
from crosstrade_panel.trading.evidence import Evidence, Judgement, Look, TwoReads, two_reads
from crosstrade_panel.trading.ports import Receipt
from crosstrade_panel.trading.roster import Seen


@dataclass(frozen=True, slots=True)
class FlattenCase:
    """What is known of a flatten when its verification begins.

    `before`: what the last good read before the press showed, by folded account; absent where not known.
    `before_is_fresh`: that read is young enough to say that nothing was open.
    `nothing_to_close`: the server refused because there was no position.
    `seen`: the accounts of the session so far; None for a program without a past (the command line).
    `doubt`: why there is no usable answer; None when there was one.
    `prove_from`: the proof's second read must be sent then or later (a reverse may still place its entry).
    """

    scope: Scope
    before: Mapping[str, tuple[Position, ...]]
    seen: Mapping[str, Seen] | None
    receipt: Receipt | None = None
    doubt: Reason | None = None
    nothing_to_close: bool = False
    before_is_fresh: bool = True
    prove_from: float = float("-inf")
    gap_s: float = 1.0


@dataclass(slots=True)
class _Account:
    """What is known of one account before the reads are looked at."""

    name: str
    before: tuple[Position, ...] | None
    closed: tuple[Position, ...]
    sides: dict[Pair, Side | None] = field(default_factory=dict)
    watched: frozenset[Pair] = frozenset()


@dataclass(frozen=True, slots=True)
class _Finding:
    """The fate of one account so far; `pending` until nothing more can be expected."""

    fate: Fate
    pending: bool
    proof: TwoReads = TwoReads()
    wants_confirmation: bool = False
    wants_orders: bool = False
    has_orders: bool = False
    needs_orders: bool = False


class FlattenProof:
    """Collects the reads after a flatten and judges them."""

    def __init__(self, case: FlattenCase, evidence: Evidence) -> None:
        """Begin with what is known."""
        self._case = case
        self.evidence = evidence

    def judge(self, *, final: bool) -> Judgement:
        """What the reads amount to; `final` when no further read will come."""
        findings = [self._find(account, final=final) for account in self._accounts()]
        reason = self._scope_reason()
        wants_listing = self.evidence.listing is None
        pending = [finding for finding in findings if finding.pending]
        candidates = [
            finding.proof.first
            for finding in pending
            if finding.proof.first is not None and not finding.proof.is_proved
        ]
        first = min(candidates, key=lambda look: look.stamp.answered_at, default=None)
        deciding = [
            finding.proof.second.stamp.answered_at
            for finding in findings
            if finding.proof.second is not None
        ]
        needing = [finding for finding in findings if finding.needs_orders]
        return Judgement(
            fates=tuple(finding.fate for finding in findings),
            settled=not pending and reason is None,
            candidate_at=None if first is None else first.stamp.answered_at,
            candidate_source=None if first is None else first.source,
            wants_confirmation=any(finding.wants_confirmation for finding in findings),
            wants_listing=wants_listing,
            orders_wanted=tuple(finding.fate.account for finding in findings if finding.wants_orders),
            proved_at=max(deciding, default=None),
            elsewhere_open=self._elsewhere(),
            orders_checked=(sum(finding.has_orders for finding in needing), len(needing)),
            scope_reason=reason,
        )

    def _scope_reason(self) -> Reason | None:
        """Why "every account" cannot be told at all: nobody has said which accounts there are."""
        if account_of(self._case.scope) is not None:
            return None
        listing = self.evidence.listing
        if listing is None or not listing.accounts:
            return Reason(Cause.NOTHING_LISTED)
        return None

    def _accounts(self) -> list[_Account]:
        case = self._case
        names: dict[str, str] = {}
        wanted = account_of(case.scope)
        if wanted is not None:
            names[fold(wanted)] = wanted
        else:
            for seen in (case.seen or {}).values():
                names.setdefault(fold(seen.name), seen.name)
            for listed in () if self.evidence.listing is None else self.evidence.listing.accounts:
                names.setdefault(fold(listed.name), listed.name)
            for indexed in self.evidence.reads:
                for key, rows in indexed.rows.items():
                    names.setdefault(key, rows[0].account or key)
        for row in self._closed():
            if row.account is not None:
                names.setdefault(fold(row.account), row.account)
        return [self._describe(key, name) for key, name in names.items()]

    def _closed(self) -> tuple[Position, ...]:
        receipt = self._case.receipt
        return () if receipt is None or receipt.closed_positions is None else receipt.closed_positions

    def _describe(self, key: str, name: str) -> _Account:
        scope = self._case.scope
        before = self._case.before.get(key)
        closed = tuple(row for row in self._closed() if row.account is not None and fold(row.account) == key)
        account = _Account(name, before, closed)
        watched: set[Pair] = set()
        for row in before or ():
            if row.pair is not None:
                account.sides[row.pair] = row.side
                if not is_outside(scope, row.account, row.instrument, row.side):
                    watched.add(row.pair)
        for row in closed:
            if row.pair is not None:
                account.sides[row.pair] = row.side
                watched.add(row.pair)
        account.watched = frozenset(watched)
        return account

    def _find(self, account: _Account, *, final: bool) -> _Finding:
        def blocks(row: Position) -> bool:
            return self._blocks(account, row)

        looks = self.evidence.looks(account.name, blocks)
        finding = self._positions(account, looks, final=final)
        asked_for_more = [row for row in account.closed if self._is_more_than_asked(row)]
        if asked_for_more and finding.fate.verdict.rank > Verdict.CLOSED_MORE_THAN_ASKED.rank:
            fate = replace(
                finding.fate,
                verdict=Verdict.CLOSED_MORE_THAN_ASKED,
                still_open=finding.fate.still_open,
                takes_headline=True,
            )
            return replace(finding, fate=fate)
        return finding

    def _is_more_than_asked(self, row: Position) -> bool:
        return is_outside(self._case.scope, row.account, row.instrument, row.side)

    def _blocks(self, account: _Account, row: Position) -> bool:
        """Whether an open row stands against "flat". The side never decides, unless it was left as asked."""
        scope = self._case.scope
        everyone_or_this = OneAccount(account.name, scope.instrument)
        if is_outside(everyone_or_this, row.account, row.instrument, None) and row.pair not in account.watched:
            return False
        if scope.side is None or row.side is not scope.side.opposite or row.pair is None:
            return True
        left_as_asked = account.sides.get(row.pair) is scope.side.opposite
        return not left_as_asked

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
            and not look.blocking
            and (last_blocked is None or look.stamp.sent_at > last_blocked.stamp.sent_at)
        ]
        proof = two_reads(
            clear,
            gap_s=self._case.gap_s,
            not_before=self._case.prove_from,
            other_failed=self.evidence.other_failed,
        )
        if proof.is_proved:
            return self._proved(account, clear[-1], proof, final=final)
        if clear or last_blocked is None:
            return self._unread(account, proof, final=final, has_clear=bool(clear))
        return self._open(account, blocked, last_blocked, final=final)

    def _never_there(self, account: _Account, looks: list[Look]) -> Fate | None:
        """The fate of an account that was never connected and never held anything: named, no more."""
        if self._case.seen is None or account_of(self._case.scope) is not None:
            return None
        listed = self.evidence.listed(account.name)
        seen = self._case.seen.get(fold(account.name))
        if listed is None or listed.connected is not False or any(look.rows for look in looks):
            return None
        if account.closed or (seen is not None and (seen.ever_connected or seen.ever_held)):
            return None
        return Fate(
            account.name, Verdict.CANNOT_TELL, reason=Reason(Cause.NOT_CONNECTED), takes_headline=False
        )

    def _proved(self, account: _Account, last: Look, proof: TwoReads, *, final: bool) -> _Finding:
        """Two clean reads show nothing; now the listing, the name and the orders."""
        objection = self._objection(account, last)
        if objection is not None:
            verdict, reason = objection
            fate = Fate(account.name, verdict, reason=reason)
            # A listing may be behind and right itself; a name that says too little stays so.
            return _Finding(fate, pending=not final and reason.cause is not Cause.ALIAS, proof=proof)
        if self._was_nothing_open(account):
            return _Finding(Fate(account.name, Verdict.NOTHING_OPEN), pending=False, proof=proof)
        orders = self.evidence.orders.get(fold(account.name))
        if orders is None:
            fate = Fate(account.name, Verdict.FLAT_ORDERS_NOT_CHECKED)
            return _Finding(
                fate, pending=not final, proof=proof, wants_orders=not final, needs_orders=True
            )
        working = tuple(order for order in orders.orders if self._is_left_working(account, order))
        verdict = Verdict.ORDERS_WORKING if working else Verdict.FLAT
        return _Finding(
            Fate(account.name, verdict, working_orders=working),
            pending=bool(working) and not final,
            proof=proof,
            wants_orders=bool(working) and not final,
            has_orders=True,
            needs_orders=True,
        )

    def _objection(self, account: _Account, last: Look) -> tuple[Verdict, Reason] | None:
        """What stands against a proof that the positions alone would give."""
        listing = self.evidence.listing
        if listing is None or not listing.accounts:
            return self._doubtful(Cause.NOTHING_LISTED)
        listed = self.evidence.listed(account.name)
        if listed is None or listing.flaws.spoil(account.name):
            return self._doubtful(Cause.NOT_LISTED)
        if listed.connected is False:
            return Verdict.CANNOT_TELL, Reason(Cause.NOT_CONNECTED)
        if listed.is_flat is False and not last.rows:
            return Verdict.NOT_PROVED, Reason(Cause.FLAG_CONTRADICTS)
        if self._is_unresolved_alias() and last.rows:
            return Verdict.NOT_PROVED, Reason(Cause.ALIAS)
        return None

    def _doubtful(self, cause: Cause) -> tuple[Verdict, Reason]:
        doubt = self._case.doubt
        if doubt is not None:
            return Verdict.UNKNOWN, doubt
        return Verdict.CANNOT_TELL, Reason(cause)

    def _is_unresolved_alias(self) -> bool:
        """Whether the scope's instrument may mean another contract than the rows; the exact name is no alias."""
        instrument = self._case.scope.instrument
        if instrument is None or not is_alias(instrument):
            return False
        known = {row.instrument for rows in self._case.before.values() for row in rows}
        known.update(row.instrument for row in self._closed())
        return instrument.casefold() not in {name.casefold() for name in known if name is not None}

    def _was_nothing_open(self, account: _Account) -> bool:
        """Whether it is known that there was nothing to close."""
        if self._case.nothing_to_close:
            return True
        if account.watched or account.closed:
            return False
        receipt = self._case.receipt
        reported_none = receipt is not None and receipt.closed_positions is not None
        return reported_none or (account.before is not None and self._case.before_is_fresh)

    def _is_left_working(self, account: _Account, order: Order) -> bool:
        """Whether a working order belongs to a watched pair; where none is known, to the scope."""
        if not order.is_working:
            return False
        if order.instrument is None:
            return True
        if account.watched:
            return (fold(account.name), fold(order.instrument)) in account.watched
        return not is_outside(self._case.scope, order.account, order.instrument, None)

    def _unread(self, account: _Account, proof: TwoReads, *, final: bool, has_clear: bool) -> _Finding:
        """Nothing open was seen, but not twice."""
        doubt = self._case.doubt
        reason = doubt or self.evidence.last_failure or Reason(Cause.READS_FAILED)
        verdict = Verdict.UNKNOWN if doubt is not None else Verdict.NOT_PROVED
        fate = Fate(account.name, verdict, reason=reason)
        wants_orders = has_clear and not final and fold(account.name) not in self.evidence.orders
        wants_orders = wants_orders and not self._was_nothing_open(account)
        return _Finding(fate, pending=not final, proof=proof, wants_orders=wants_orders)

    def _open(self, account: _Account, blocked: list[Look], last: Look, *, final: bool) -> _Finding:
        """The newest read shows something open."""
        over = self._overfilled(account, blocked)
        if len(over) > 1:
            return _Finding(
                Fate(account.name, Verdict.OVERFILLED, still_open=over[-1].blocking),
                pending=False,
                proof=TwoReads(over[-2], over[-1]),
            )
        if not final:
            fate = Fate(account.name, Verdict.STILL_OPEN, still_open=last.blocking)
            return _Finding(fate, pending=True, wants_confirmation=bool(over))
        clean = [look for look in blocked if look.is_clean]
        rows = (clean[-1] if clean else last).blocking
        verdict, reason = self._open_at_the_end(account, rows, is_clean=bool(clean))
        return _Finding(Fate(account.name, verdict, still_open=rows, reason=reason), pending=False)

    def _overfilled(self, account: _Account, blocked: list[Look]) -> list[Look]:
        """The newest run of clean reads that agree on an opposite position; two of them prove it."""
        run: list[Look] = []
        for look in blocked:
            opposite = {self._signature(row) for row in look.blocking if self._is_opposite(account, row)}
            if not opposite or not look.is_clean:
                run = run if not look.is_clean else []
                continue
            before = {self._signature(row) for row in run[-1].blocking} if run else set()
            follows = bool(run) and look.stamp.sent_at >= run[-1].stamp.answered_at
            run = [*run, look] if follows and opposite & before else [look]
        return run

    def _is_opposite(self, account: _Account, row: Position) -> bool:
        """Whether a row lies on the other side of what was there and was asked to be closed."""
        if row.pair is None or row.side is None:
            return False
        was = account.sides.get(row.pair)
        asked = self._case.scope.side
        return was is not None and row.side is was.opposite and (asked is None or was is asked)

    @staticmethod
    def _signature(row: Position) -> tuple[Pair | None, Side | None, int | None]:
        return (row.pair, row.side, row.quantity)

    def _open_at_the_end(
        self, account: _Account, rows: tuple[Position, ...], *, is_clean: bool
    ) -> tuple[Verdict, Reason | None]:
        asked = self._case.scope.side
        if self._is_unresolved_alias():
            return Verdict.NOT_PROVED, Reason(Cause.ALIAS)
        if not is_clean:
            return Verdict.NOT_PROVED, Reason(Cause.ROW_UNREADABLE)
        open_rows = [
            row
            for row in rows
            if row.side is not None
            and (asked is None or row.side is asked)
            and not self._is_opposite(account, row)
        ]
        if open_rows:
            return Verdict.STILL_OPEN, None
        if any(self._is_opposite(account, row) for row in rows):
            return Verdict.NOT_PROVED, Reason(Cause.READS_DISAGREE)
        return Verdict.NOT_PROVED, Reason(Cause.OTHER_SIDE)

    def _elsewhere(self) -> int | None:
        newest = self.evidence.newest_clean()
        if newest is None:
            return None
        accounts = {fold(account.name): account for account in self._accounts()}
        return sum(
            row.account is None
            or fold(row.account) not in accounts
            or not self._blocks(accounts[fold(row.account)], row)
            for row in newest.positions
        )
