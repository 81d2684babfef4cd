"""Reads after a press until the proof is complete or the window ends."""

import asyncio
from collections.abc import Callable, Coroutine

from crosstrade_panel.domain.names import fold
from crosstrade_panel.domain.snapshot import AccountsRead, OrdersRead, PositionsRead, Source
from crosstrade_panel.trading.budget import VERIFYING_LEAVES
from crosstrade_panel.trading.evidence import Judgement, Proof, other_source
from crosstrade_panel.trading.pace import Pace
from crosstrade_panel.trading.ports import READ_SOURCES, Clock, ReadFailedError
from crosstrade_panel.trading.reads import FailedRead, Read
from crosstrade_panel.trading.watch import Watch

_MOST_UNDER_WAY = 2
_ORDERS_AT_ONCE = 8
"""The orders of so many accounts are read one right after the other; those of more come calmly, or a wide
press would empty the bucket just when the trader presses again."""
_NEVER = float("inf")
_LONG_AGO = float("-inf")


class Verification:
    """The reads of one press: at once, early, a second one when the first asks for it, then ever more rarely.

    A read that is stuck does not stop the next one, and one that comes late within the window still counts.
    So does what others read meanwhile: what the panel was shown, no press may speak against.
    """

    def __init__(
        self,
        proof: Proof,
        watch: Watch,
        clock: Clock,
        pace: Pace,
        *,
        on_judgement: Callable[[Judgement], None],
        on_read: Callable[[Read], None],
        until: float = _LONG_AGO,
    ) -> None:
        """Prepare; `until` (monotonic seconds) makes the window longer than usual."""
        self._proof = proof
        self._watch = watch
        self._clock = clock
        self._pace = pace
        self._on_judgement = on_judgement
        self._on_read = on_read
        self._under_way: dict[asyncio.Task[None], Source] = {}
        self._until = until
        self._begin()
        self._positions_sent_at = _LONG_AGO
        self._listing_sent_at = _LONG_AGO
        self._orders_at: dict[str, float] = {}
        self._orders_sent_at = _LONG_AGO
        self._news = asyncio.Event()
        self._is_over = False

    def _begin(self) -> None:
        """Open the window: at first, and when the evidence begins anew (a late answer, a sleep)."""
        now, pace = self._clock.monotonic(), self._pace
        self._beginnings = self._proof.evidence.beginnings
        self._end = max(now + pace.window_s, self._until)
        self._last_end = self._end + pace.stretch_s + pace.read_least_deadline_s
        self._looks = [now + look for look in pace.looks_s]
        self._stretched = False

    async def run(self) -> Judgement:
        """Read until settled or the window's end; the judgement returned is final."""
        self._watch.begin_verifying()
        self._watch.followers.append(self._overhear)
        try:
            while True:
                self._watch.look_around()
                if self._beginnings != self._proof.evidence.beginnings:
                    self._begin()
                judgement = self._proof.judge(final=False)
                self._on_judgement(judgement)
                if judgement.settled:
                    return judgement
                now = self._clock.monotonic()
                if now >= self._end and not self._look_is_due(now) and not self._may_stretch(judgement, now):
                    if self._positions_under_way() == 0 or now >= self._last_end:
                        return self._conclude(now)
                    # The last look is under way: its answer belongs to the window.
                    await self._until_read(self._last_end - now)
                    continue
                for due_at, start in self._plan(judgement):
                    if due_at <= now and self._budget_wait(now) <= 0:
                        start(now)
                await self._wait(judgement)
        finally:
            # Reads still under way belong to the watch: cancelling them would cost a warm link.
            self._is_over = True
            self._watch.followers.remove(self._overhear)
            self._watch.end_verifying()

    def _conclude(self, now: float) -> Judgement:
        """The last word; a read that comes later is no part of it."""
        self._proof.evidence.ended_at = now
        judgement = self._proof.judge(final=True)
        self._on_judgement(judgement)
        return judgement

    def _look_is_due(self, now: float) -> bool:
        """Whether the look that ends the window is still to be made."""
        return (
            bool(self._looks)
            and self._looks[0] <= now
            and self._positions_under_way() < _MOST_UNDER_WAY
            and self._budget_wait(now) <= 0
        )

    def _positions_under_way(self) -> int:
        return sum(source in READ_SOURCES for source in self._under_way.values())

    def _may_stretch(self, judgement: Judgement, now: float) -> bool:
        """A first clean read near the end gets its second one; so does bad news."""
        if self._stretched or (judgement.candidate_at is None and judgement.bad_news_at is None):
            return False
        self._stretched = True
        self._end = min(now + self._pace.stretch_s, self._last_end)
        return True

    def _plan(self, judgement: Judgement) -> list[tuple[float, Callable[[float], None]]]:
        """What is to be read next, and when (monotonic seconds)."""

        def read_positions(now: float) -> None:
            source = self._next_source(judgement, now)
            self._looks = [look for look in self._looks if look > now]
            self._positions_sent_at = now
            self._start(self._read_positions(source), source)

        def list_accounts(now: float) -> None:
            self._listing_sent_at = now
            self._start(self._list_accounts(), Source.ACCOUNTS)

        plan = [
            (self._positions_due(judgement), read_positions),
            (self._listing_due(judgement), list_accounts),
        ]
        account, due_at = self._orders_due(judgement)

        def read_orders(now: float) -> None:
            self._orders_at[fold(account)] = self._orders_sent_at = now
            self._start(self._read_orders(account), Source.ORDERS)

        return [*plan, (due_at, read_orders)]

    def _next_source(self, judgement: Judgement, now: float) -> Source:
        """The endpoint that a first half waits for; else both in turn, as other accounts may want either."""
        evidence = self._proof.evidence
        second_at = self._second_at(judgement)
        if second_at is not None and self._positions_sent_at < second_at <= now:
            return evidence.next_source(judgement.candidate_source)
        source = evidence.next_source(None)
        # What is stuck there would only be stuck twice.
        return other_source(source) if source in self._under_way.values() else source

    def _second_at(self, judgement: Judgement) -> float | None:
        """From when on a second half counts; None where none is wanted."""
        if judgement.candidate_at is None:
            return None
        return max(judgement.candidate_at + self._pace.second_read_s, judgement.second_from)

    def _positions_due(self, judgement: Judgement) -> float:
        under_way = self._positions_under_way()
        if under_way >= _MOST_UNDER_WAY:
            return _NEVER
        sent_at, gap_s = self._positions_sent_at, self._pace.second_read_s
        half_a_gap_later = sent_at + gap_s / 2
        second_at = self._second_at(judgement)
        # Past the last look only what a longer window was given for: rarely.
        look_at = self._looks[0] if self._looks else sent_at + 2 * gap_s
        if second_at is not None and second_at - gap_s / 2 < look_at < second_at:
            look_at = second_at  # the second half is that look
        due = [look_at]
        if judgement.bad_news_at is not None and not under_way:
            # At once; asked already and not confirmed by it: once more, but never in a storm.
            due.append(half_a_gap_later if sent_at > judgement.bad_news_at else sent_at + gap_s / 20)
        if second_at is not None:
            # Asked already and not settled by it: soon where it failed, else no faster than a pair takes.
            again_at = half_a_gap_later if self._proof.evidence.failed else sent_at + gap_s
            due.append(again_at if sent_at >= second_at else second_at)
        return min(due)

    def _listing_due(self, judgement: Judgement) -> float:
        """Only where the snapshot does not bring the list of accounts."""
        wanted = judgement.wants_listing and Source.SNAPSHOT in self._proof.evidence.failed
        if not wanted or Source.ACCOUNTS in self._under_way.values():
            return _NEVER
        return self._listing_sent_at + self._pace.second_read_s

    def _orders_due(self, judgement: Judgement) -> tuple[str, float]:
        """The account whose orders were not read for the longest time, one at a time."""
        if not judgement.orders_wanted or Source.ORDERS in self._under_way.values():
            return "", _NEVER
        due_at = {
            account: self._orders_at.get(fold(account), _LONG_AGO) + self._pace.second_read_s
            for account in judgement.orders_wanted
        }
        account = min(due_at, key=lambda name: due_at[name])
        is_many = len(self._orders_at) >= _ORDERS_AT_ONCE
        calm_at = self._orders_sent_at + (self._pace.second_read_s / 2 if is_many else 0.0)
        return account, max(due_at[account], calm_at)

    def _budget_wait(self, now: float) -> float:
        return self._watch.budget.wait_s(now, VERIFYING_LEAVES)

    async def _wait(self, judgement: Judgement) -> None:
        """Until a read comes back or the next one is due."""
        now = self._clock.monotonic()
        due_at = min(due_at for due_at, _ in self._plan(judgement))
        until = self._end if now < self._end else self._last_end
        await self._until_read(min(max(due_at - now, self._budget_wait(now)), until - now))

    async def _until_read(self, pause_s: float) -> None:
        """Until a read comes back, of this press or another, or so long."""
        self._news.clear()
        timer = asyncio.get_running_loop().call_later(max(pause_s, 0.0), self._news.set)
        try:
            await self._news.wait()
        finally:
            timer.cancel()

    def _start(self, work: Coroutine[None, None, None], source: Source) -> None:
        # Here and not in the task: the next decision must not count on the same token.
        self._watch.budget.spend(self._clock.monotonic())
        task = self._watch.start(work)
        self._under_way[task] = source
        task.add_done_callback(self._came_back)

    def _came_back(self, done: asyncio.Task[None]) -> None:
        self._under_way.pop(done, None)
        self._news.set()

    def _overhear(self, read: Read) -> None:
        """What another press or the background has read. That a read of theirs failed is their news."""
        if asyncio.current_task() in self._under_way or isinstance(read, FailedRead):
            return
        if read.stamp.sent_at < self._proof.evidence.earliest:
            return
        self._take_in(read)
        self._news.set()

    def _take_in(self, read: PositionsRead | AccountsRead | OrdersRead) -> None:
        # What comes back after the end is the watch's, and whoever follows that.
        if not self._is_over:
            self._proof.evidence.add(read)
            self._on_read(read)

    async def _read_positions(self, source: Source) -> None:
        try:
            read = await self._watch.positions(source, is_paid=True)
        except ReadFailedError as error:
            if self._is_over:
                return
            self._proof.evidence.fail(source, error.reason)
            self._on_read(FailedRead(source, error.reason))
        else:
            self._take_in(read)

    async def _list_accounts(self) -> None:
        try:
            read = await self._watch.list_accounts(is_paid=True)
        except ReadFailedError as error:
            if self._is_over:
                return
            self._proof.evidence.last_failure = error.reason
            self._on_read(FailedRead(Source.ACCOUNTS, error.reason))
        else:
            self._take_in(read)

    async def _read_orders(self, account: str) -> None:
        # A read of the orders that fails is no news of the positions: they stay "not checked".
        try:
            read = await self._watch.orders(account, is_paid=True)
        except ReadFailedError as error:
            if not self._is_over:
                self._on_read(FailedRead(Source.ORDERS, error.reason, account))
        else:
            self._take_in(read)
        finally:
            # The second of two reads counts from the answer to the first.
            self._orders_at[fold(account)] = self._clock.monotonic()
