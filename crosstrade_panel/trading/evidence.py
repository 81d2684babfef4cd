"""The reads made after a press, judged one by one: which are clean, and what each says of one account."""

from bisect import insort
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field, replace
from typing import Protocol, TypeAlias

from crosstrade_panel.domain.names import fold
from crosstrade_panel.domain.outcome import Cause, Fate, Reason, Verdict
from crosstrade_panel.domain.snapshot import (
    Account,
    AccountsRead,
    OrdersRead,
    Position,
    PositionsRead,
    Source,
    Stamp,
)
from crosstrade_panel.domain.value import dataclass
from crosstrade_panel.trading.ports import READ_SOURCES, Receipt

_NEVER = float("-inf")
_KEPT_READS = 8
_KEPT_ORDERS_READS = 4

Blocks: TypeAlias = Callable[[Position], bool]
"""Whether an open row stands in the way of what is to be proved of an account."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one read of the positions says of one account. `blocking` rows keep it from being proved.

    `is_blind`: the account was cut off when it was made, as far as the listings say; half of no proof.
    """

    stamp: Stamp
    source: Source
    is_clean: bool
    blocking: tuple[Position, ...]
    rows: tuple[Position, ...]
    is_blind: bool = False


@dataclass(frozen=True, slots=True)
class IndexedRead:
    """One read with its rows by (folded) account, because every account asks every read.

    `connected`: the accounts that the read lists and does not call disconnected; None where it lists none.
    `looks` are kept: an evidence serves one proof, in which the same rows always block.
    """

    read: PositionsRead
    rows: Mapping[str, tuple[Position, ...]]
    unreadable: tuple[Position, ...]
    spoiled: frozenset[str]
    connected: frozenset[str] | None
    looks: dict[str, Look] = field(default_factory=dict)

    @property
    def is_whole(self) -> bool:
        """Whether nothing spoils all of it."""
        return self.read.flaws.everything is None and not self.unreadable

    def look(self, key: str, blocks: Blocks) -> Look:
        """What it says of one (folded) account."""
        known = self.looks.get(key)
        if known is not None:
            return known
        rows = (*self.rows.get(key, ()), *self.unreadable)
        # A snapshot that does not list an account says nothing of it, and one that calls it disconnected does
        # not say how it stands at the broker.
        speaks = self.connected is None or key in self.connected
        is_clean = speaks and self.is_whole and key not in self.spoiled
        look = Look(self.read.stamp, self.read.source, is_clean, tuple(filter(blocks, rows)), rows)
        self.looks[key] = look
        return look


def _index(read: PositionsRead) -> IndexedRead:
    rows: dict[str, list[Position]] = {}
    unreadable: list[Position] = []
    spoiled = set(read.flaws.accounts)
    for row in read.positions:
        if row.account is None:
            unreadable.append(row)
            continue
        key = fold(row.account)
        rows.setdefault(key, []).append(row)
        if not row.is_readable:
            spoiled.add(key)
    connected = None
    if read.accounts is not None:
        connected = frozenset(fold(each.name) for each in read.accounts if each.connected is not False)
    by_account = {key: tuple(each) for key, each in rows.items()}
    return IndexedRead(read, by_account, tuple(unreadable), frozenset(spoiled), connected)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the reads amount to so far.

    `settled`: no further read is needed. `candidate_at`: when the first clean read was answered that still
    wants its second, with its source; `second_from`: that second one counts only if it is sent then or later.
    `bad_news_at`: when bad news was answered that one read brought, to be read again at once.
    `proved_at`: when the deciding read was answered.
    """

    fates: tuple[Fate, ...]
    settled: bool
    candidate_at: float | None = None
    candidate_source: Source | None = None
    second_from: float = _NEVER
    bad_news_at: float | None = None
    wants_listing: bool = False
    orders_wanted: tuple[str, ...] = ()
    proved_at: float | None = None
    elsewhere_open: int | None = None
    orders_checked: tuple[int, int] = (0, 0)
    opened_at: float | None = None
    """When something was first read as open where it had been proved flat: `flat_since`."""
    flat_since: float | None = None
    scope_reason: Reason | None = None
    """Why the scope as a whole is not proved, where no single account is to blame."""


class Proof(Protocol):
    """What is to be proved, and the reads so far."""

    evidence: "Evidence"

    def judge(self, *, final: bool) -> Judgement:
        """What the reads amount to; `final` when no further read will come."""

    def take_answer(self, receipt: Receipt, doubt: Reason | None = None) -> None:
        """The answer came after all, and late: only what is read from then on proves anything.

        `doubt`: why it settles nothing all the same, where it tells of half of it.
        """


@dataclass(slots=True)
class Evidence:
    """Reads sent after `earliest` (monotonic seconds): the answer of the press, or its sending without one.

    `failed`: the endpoints whose last read failed. `names`, `ever_connected`: every account listed since, by
    folded name. `ended_at`: when the reading ended; None while it goes on. `beginnings`: it may begin anew.
    """

    earliest: float
    reads: list[IndexedRead] = field(default_factory=list)
    failed: set[Source] = field(default_factory=set)
    last_failure: Reason | None = None
    listing: AccountsRead | None = None
    names: dict[str, str] = field(default_factory=dict)
    ever_connected: set[str] = field(default_factory=set)
    orders: dict[str, list[OrdersRead]] = field(default_factory=dict)
    last_source: Source | None = None
    ended_at: float | None = None
    beginnings: int = 1
    _listed: dict[str, Account] = field(default_factory=dict)
    _there: list[tuple[float, frozenset[str]]] = field(default_factory=list)

    def add(self, read: PositionsRead | AccountsRead | OrdersRead) -> None:
        """Take in a read of whatever kind."""
        match read:
            case PositionsRead():
                self.add_positions(read)
            case OrdersRead():
                self.add_orders(read)
            case _:
                self.add_listing(read)

    def add_positions(self, read: PositionsRead) -> None:
        """Take in a read of the positions; one sent too early is no evidence."""
        if read.stamp.sent_at < self.earliest:
            return
        self.failed.discard(read.source)
        self.last_source = read.source
        indexed = _index(read)
        insort(self.reads, indexed, key=lambda item: item.read.stamp.sent_at)
        for key, rows in indexed.rows.items():
            self.names.setdefault(key, rows[0].account or key)
        if read.accounts is not None and indexed.is_whole:
            self._take_listing(AccountsRead(read.stamp, read.accounts, read.flaws))

    def add_listing(self, read: AccountsRead) -> None:
        """Take in a list of accounts."""
        if read.stamp.sent_at >= self.earliest and read.flaws.everything is None:
            self._take_listing(read)

    def add_orders(self, read: OrdersRead) -> None:
        """Take in the orders of an account; one that is not clean is as good as none."""
        if read.stamp.sent_at >= self.earliest and not read.flaws.spoil(read.account):
            reads = self.orders.setdefault(fold(read.account), [])
            insort(reads, read, key=lambda item: item.stamp.sent_at)
            del reads[:-_KEPT_ORDERS_READS]

    def fail(self, source: Source, reason: Reason) -> None:
        """A read of the positions failed."""
        self.failed.add(source)
        self.last_source = source
        self.last_failure = reason

    def looks(self, account: str, blocks: Blocks) -> list[Look]:
        """What every read says of one account, oldest first; rows that `blocks` accepts stand in the way."""
        key = fold(account)
        looks = [indexed.look(key, blocks) for indexed in self.reads]
        there_from = self.there_from(account)
        if there_from == _NEVER:
            return looks
        return [look if look.stamp.sent_at >= there_from else replace(look, is_blind=True) for look in looks]

    def there_from(self, account: str) -> float:
        """Since when every listing has named the account, and not as cut off."""
        key, there_from = fold(account), _NEVER
        for sent_at, there in self._there:
            if key not in there:
                there_from = float("inf")
            elif there_from == float("inf"):
                there_from = sent_at
        return there_from

    def listed(self, account: str) -> Account | None:
        """The account in the newest clean listing."""
        return self._listed.get(fold(account))

    def absence(self, account: str) -> tuple[Verdict, Reason] | None:
        """Why nobody can tell how an account stands, by the newest clean listing; None where it is there."""
        listing = self.listing
        if listing is None or not listing.accounts:
            return Verdict.CANNOT_TELL, Reason(Cause.NOTHING_LISTED)
        listed = self.listed(account)
        if listed is None:
            return Verdict.CANNOT_TELL, Reason(Cause.NOT_LISTED)
        if listing.flaws.spoil(account):
            return Verdict.NOT_PROVED, Reason(Cause.ROW_UNREADABLE)
        return (Verdict.CANNOT_TELL, Reason(Cause.NOT_CONNECTED)) if listed.connected is False else None

    def orders_since(self, account: str, at: float) -> OrdersRead | None:
        """The newest clean read of an account's orders, if it was sent then or later."""
        reads = self.orders.get(fold(account))
        return reads[-1] if reads and reads[-1].stamp.sent_at >= at else None

    def begin_anew(self, at: float) -> None:
        """Forget every read: what was sent before then is no evidence any more."""
        self.beginnings += 1
        self.earliest = max(self.earliest, at)
        self.ended_at = None
        self.reads.clear()
        self.orders.clear()
        self.failed.clear()
        self.listing = self.last_failure = self.last_source = None
        self._listed = {}
        self._there.clear()

    def forget_old(self) -> None:
        """Keep the newest reads only: after the outcome they come for hours."""
        del self.reads[:-_KEPT_READS]
        del self._there[:-_KEPT_READS]

    def other_failed(self, source: Source) -> bool:
        """Whether the other endpoint is absent or failed when it was last asked since the press."""
        return other_source(source) in self.failed

    def next_source(self, candidate: Source | None) -> Source:
        """Which endpoint to read next: not that of the first half of a proof, if the other one answers."""
        if candidate is not None:
            other = other_source(candidate)
            return candidate if other in self.failed else other
        # The snapshot also lists the accounts, so a proof that it is half of needs no further call.
        return Source.POSITIONS if self.last_source is None else other_source(self.last_source)

    def newest_whole(self) -> IndexedRead | None:
        """The newest read without a flaw in all of it."""
        return next((indexed for indexed in reversed(self.reads) if indexed.is_whole), None)

    def _take_listing(self, read: AccountsRead) -> None:
        for account in read.accounts:
            key = fold(account.name)
            self.names.setdefault(key, account.name)
            if account.connected is True:
                self.ever_connected.add(key)
        there = frozenset(fold(account.name) for account in read.accounts if account.connected is not False)
        insort(self._there, (read.stamp.sent_at, there), key=lambda item: item[0])
        if self.listing is None or read.stamp.sent_at >= self.listing.stamp.sent_at:
            self.listing = read
            self._listed = {fold(account.name): account for account in read.accounts}


def other_source(source: Source) -> Source:
    """The other one of the two endpoints that list positions."""
    return READ_SOURCES[1] if source is READ_SOURCES[0] else READ_SOURCES[0]


@dataclass(frozen=True, slots=True)
class TwoReads:
    """How far a claim about one account is proved by two clean reads."""

    first: Look | None = None
    second: Look | None = None

    @property
    def is_proved(self) -> bool:
        """Whether both halves are there."""
        return self.second is not None


Claim: TypeAlias = "frozenset[object]"


def agreeing(told: Iterable[tuple[Look, Claim]]) -> tuple[list[Look], Look | None]:
    """The newest run of clean looks that all make one claim, and the one that confirms its first.

    `told`: looks with what they claim, oldest first; one that claims nothing ends the run. The confirming
    look was sent after the first was answered. Reads that overlap confirm nothing, but do not begin anew
    either: where every read is slower than the beat, each overlaps with its neighbours.
    """
    run: list[Look] = []
    common: Claim = frozenset()
    for look, claim in told:
        if not claim:
            run = []
        elif run and claim & common:
            run.append(look)
            common &= claim
        else:
            run, common = [look], claim
    confirmed = (look for look in run[1:] if look.stamp.sent_at >= run[0].stamp.answered_at)
    return run, next(confirmed, None)


def two_reads(
    agreeing: Iterable[Look],
    *,
    gap_s: float,
    not_before: float,
    other_failed: Callable[[Source], bool],
) -> TwoReads:
    """Find two clean reads, the second sent `gap_s` after the first was answered, from both endpoints.

    Both may come from one endpoint where the other one failed. `agreeing` must be clean, oldest first, and
    unbroken: nothing that contradicts them lies between. The second has to be sent at `not_before` or later.
    """
    looks = list(agreeing)
    if not looks:
        return TwoReads()
    firsts: dict[Source, Look] = {}
    for look in looks:
        if look.stamp.sent_at >= not_before:
            for first in firsts.values():
                if look.stamp.sent_at < first.stamp.answered_at + gap_s:
                    continue
                if first.source is not look.source or other_failed(look.source):
                    return TwoReads(first, look)
        known = firsts.get(look.source)
        if known is None or look.stamp.answered_at < known.stamp.answered_at:
            firsts[look.source] = look
    return TwoReads(looks[0])
