"""Keeps the newest picture of the accounts: reads in the background, and every read that a press makes."""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import replace
from typing import TypeVar

from crosstrade_panel.domain.names import fold
from crosstrade_panel.domain.outcome import Cause, Reason
from crosstrade_panel.domain.scope import Scope, account_of
from crosstrade_panel.domain.snapshot import (
    ENDED,
    Account,
    AccountsRead,
    OrdersRead,
    Position,
    PositionsRead,
    Source,
    Stamp,
)
from crosstrade_panel.domain.value import dataclass
from crosstrade_panel.trading.budget import BACKGROUND_LEAVES, VERIFYING_LEAVES, Budget
from crosstrade_panel.trading.pace import Pace
from crosstrade_panel.trading.ports import READ_SOURCES, Clock, Gateway, ReadFailedError
from crosstrade_panel.trading.reads import FailedRead, Read
from crosstrade_panel.trading.roster import Roster, Seen

_log = logging.getLogger(__name__)

_Read = TypeVar("_Read", PositionsRead, AccountsRead, OrdersRead)

_KEPT_READS = 8
_KEPT_EPOCHS = 64
_MOST_UNDER_WAY = 2
_SILENCE = frozenset(
    {Cause.NO_ANSWER, Cause.CONNECTION_LOST, Cause.CONNECT_TIMEOUT, Cause.CONNECT_FAILED, Cause.PROXY}
)
_GIVEN_UP = frozenset({Cause.NO_ANSWER, Cause.CONNECT_TIMEOUT})
# Each read given up in a row halves the cadence, twice: a link that heals is noticed within five seconds.
_MOST_HALVED = 2
# What the server says of the snapshot alone: without it nothing would say which accounts there are.
_NO_SNAPSHOT = frozenset(
    {
        Cause.WRONG_PATH,
        Cause.SERVER_SAID_NO,
        Cause.SERVER_FAILED,
        Cause.UNREADABLE,
        Cause.SAYS_NOTHING,
        Cause.TOO_LARGE,
    }
)
_TURNS = (Source.SNAPSHOT, Source.POSITIONS, Source.ORDERS)
# How much sooner than the others an account's orders are read again.
_WANTED, _IN_FOCUS, _HOLDING = 16.0, 4.0, 4.0
_NEVER_ASKED_S = 1e9


@dataclass(frozen=True, slots=True)
class Failing:
    """Reads have been failing without a break since then (monotonic seconds), last for that reason."""

    since: float
    reason: Reason


@dataclass(frozen=True, slots=True)
class Picture:
    """The newest reads (oldest first) and the accounts seen so far, as they were at one moment."""

    reads: tuple[PositionsRead, ...]
    seen: Mapping[str, Seen]

    def last_good(self, scope: Scope) -> Mapping[str, "Shown"]:
        """What the newest good read showed for each account in scope, by folded name; absent: not known."""
        wanted = account_of(scope)
        missing = set(self.seen) if wanted is None else {fold(wanted)}
        found: dict[str, Shown] = {}
        for read in reversed(self.reads):
            if not missing:
                break
            if read.flaws.everything is not None:
                continue
            # A snapshot speaks only of the accounts that it lists.
            listed = None if read.accounts is None else {fold(account.name) for account in read.accounts}
            told = missing - read.flaws.accounts
            told = told if listed is None else told & listed
            rows: dict[str, list[Position]] = {key: [] for key in told}
            for row in read.positions:
                if row.account is not None and fold(row.account) in told:
                    rows[fold(row.account)].append(row)
            found |= {key: Shown(tuple(each), read.stamp) for key, each in rows.items()}
            missing -= told
        return found


@dataclass(frozen=True, slots=True)
class Shown:
    """The open rows of one account in one good read, and when that was made."""

    rows: tuple[Position, ...]
    stamp: Stamp


class Watch:
    """The newest reads and what they showed. Every read of the program goes through here.

    Listeners are called after each read, failed ones too; followers are handed the read itself. Neither may
    raise. `orders_read`: the newest clean read of each account's orders, by folded name. `focus`,
    `orders_wanted`: the (folded) accounts whose orders come first. `ended_orders`: ids of orders that a
    cancel found ended, whatever their state is said to be. `look_around` is called before anything that was
    read is judged: it notices that the machine slept meanwhile, and then everything begins anew.
    """

    def __init__(self, gateway: Gateway, clock: Clock, budget: Budget, pace: Pace) -> None:
        """Start knowing nothing."""
        self._gateway = gateway
        self._clock = clock
        self._pace = pace
        self.budget = budget
        self.roster = Roster()
        self.listeners: list[Callable[[], None]] = []
        self.followers: list[Callable[[Read], None]] = []
        self.look_around: Callable[[], None] = _nothing
        self.orders_read: dict[str, OrdersRead] = {}
        self.orders_wanted: frozenset[str] = frozenset()
        self.ended_orders: set[str] = set()
        self.focus: str | None = None
        self._orders_asked: dict[str, float] = {}
        self.failing: Failing | None = None
        self.latest: PositionsRead | None = None
        self.accounts: tuple[Account, ...] = ()
        self._recent: deque[PositionsRead] = deque(maxlen=_KEPT_READS)
        self._epochs = {source: deque[int](maxlen=_KEPT_EPOCHS) for source in READ_SOURCES}
        self._under_way: set[asyncio.Task[None]] = set()
        self._waiting: set[asyncio.Task[None]] = set()
        self._at_once_at = -_NEVER_ASKED_S
        self._unanswered = 0
        self._lists_next = False
        self.anew_at = -_NEVER_ASKED_S
        self._verifying = 0
        self._wake = asyncio.Event()
        self.is_hidden = False

    async def positions(self, source: Source, *, is_paid: bool = False) -> PositionsRead:
        """Read the open positions from one of the two endpoints that list them.

        `is_paid`: whoever decided that it may go out has spent its token already, here as in other reads.

        Raises:
            ReadFailedError: it shows nothing.
        """
        call = self._gateway.snapshot if source is Source.SNAPSHOT else self._gateway.positions
        if not is_paid:
            self.budget.spend(self._clock.monotonic())
        try:
            read = self._dated(await _foreseen(call()))
        except ReadFailedError as error:
            if source is Source.SNAPSHOT:
                self._lists_next = error.reason.cause in _NO_SNAPSHOT
            self._note_failure(error.reason, source)
            raise
        self._note_positions(read)
        return read

    async def list_accounts(self, *, is_paid: bool = False) -> AccountsRead:
        """Read the list of accounts.

        Raises:
            ReadFailedError: it shows nothing.
        """
        if not is_paid:
            self.budget.spend(self._clock.monotonic())
        try:
            read = await _foreseen(self._gateway.accounts())
        except ReadFailedError as error:
            self._note_failure(error.reason, Source.ACCOUNTS)
            raise
        if read.flaws.everything is None:
            self.accounts = read.accounts
            self.roster.observe_accounts(read.accounts)
        self._tell(read)
        return read

    async def orders(self, account: str, *, is_paid: bool = False) -> OrdersRead:
        """Read the orders of one account.

        Raises:
            ReadFailedError: it shows nothing.
        """
        now = self._clock.monotonic()
        if not is_paid:
            self.budget.spend(now)
        self._orders_asked[fold(account)] = now
        try:
            read = self._with_ended(await _foreseen(self._gateway.orders(account)))
        except ReadFailedError as error:
            # An add-on may not know this call at all: that says nothing of the link. Silence does, unless
            # another read was answered meanwhile: positions are asked for only in two beats of three.
            if error.reason.cause in _SILENCE and not any(
                each.stamp.answered_at >= now for each in self._recent
            ):
                self._fail(error.reason)
            self._back_off(error.reason)
            self._tell(FailedRead(Source.ORDERS, error.reason, account))
            raise
        self.roster.observe_orders(read)
        known = self.orders_read.get(fold(account))
        is_newest = known is None or read.stamp.sent_at >= known.stamp.sent_at
        if is_newest and not read.flaws.spoil(account):
            self.orders_read[fold(account)] = read
        self._tell(read)
        return read

    def picture(self) -> "Picture":
        """What is known at this moment; cheap, so that a press can keep it."""
        reads = sorted(self._recent, key=lambda read: read.stamp.sent_at)
        return Picture(tuple(reads), self.roster.copy())

    def age_s(self) -> float | None:
        """How old the newest picture is, from when it was asked for; None without one that still counts."""
        if self.latest is None or self.latest.stamp.sent_at < self.anew_at:
            return None
        return self._clock.monotonic() - self.latest.stamp.sent_at

    def begin_verifying(self) -> None:
        """A press reads for itself now; the background pauses."""
        self._verifying += 1

    def end_verifying(self) -> None:
        """The press is done reading."""
        self._verifying -= 1

    def wake(self) -> None:
        """Read at once instead of at the next beat."""
        self._wake.set()

    async def run(self) -> None:
        """Read in the background until cancelled; positions, snapshot and some account's orders in turn.

        A read that is stuck does not stop the next one, which goes over the other link.
        """
        turn = 0
        try:
            while True:
                is_free = not self._verifying and len(self._under_way) < _MOST_UNDER_WAY
                # Looked at now and not at the last beat: a press may have read since, or the wake be early.
                wait_s = self._budget_wait_s()
                if is_free and wait_s <= 0:
                    self._take_turn(turn)
                    turn += 1
                await self._pause(wait_s or max(self._cadence_s(), self._budget_wait_s()))
        finally:
            await self.stop()

    def read_at_once(self) -> None:
        """Read the positions now, whatever the beat says: bad news wants its second read."""
        now = self._clock.monotonic()
        # News that keeps changing would be asked for again and again: never in a storm.
        is_due = now >= self._at_once_at + self._pace.second_read_s / 2
        is_free = len(self._under_way) < _MOST_UNDER_WAY
        if is_due and is_free and self.budget.wait_s(now, VERIFYING_LEAVES) <= 0:
            self._at_once_at = now
            newest = max(self._recent, key=lambda read: read.stamp.sent_at, default=None)
            is_snapshot = newest is not None and newest.source is Source.SNAPSHOT
            self.budget.spend(now)
            self.start(self._read_quietly(Source.POSITIONS if is_snapshot else Source.SNAPSHOT))

    def start(self, reading: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Let a read run on its own; `stop` ends it if it is still under way then."""
        task = asyncio.create_task(reading)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return task

    def wait_for(self, waiting: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Let something run that waits for news without reading itself: it takes no read's place."""
        task = asyncio.create_task(waiting)
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)
        return task

    def begin_anew(self) -> None:
        """The machine slept: its clock may have stood still, so the age of what was read says nothing."""
        self.anew_at = self._clock.monotonic()
        self._wake.set()

    def back_off(self, reason: Reason) -> None:
        """The server said "too many" to something else than a read: reads pause all the same."""
        self._back_off(reason)

    async def stop(self) -> None:
        """End every read that is under way."""
        under_way = [*self._under_way, *self._waiting]
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)

    def _take_turn(self, turn: int) -> None:
        # Not left to the read's own task: what is decided in between would count on the same token.
        self.budget.spend(self._clock.monotonic())
        source = _TURNS[turn % len(_TURNS)]
        if source is Source.ORDERS:
            account = None if self.is_hidden else self._account_to_ask()
            if account is not None:
                self.start(self._read_orders_quietly(account))
                return
            source = _TURNS[turn // len(_TURNS) % 2]
        if source is Source.SNAPSHOT and self._lists_next:
            self._lists_next = False  # then the snapshot again: it may be back
            self.start(self._list_quietly())
            return
        self.start(self._read_quietly(source))

    def _account_to_ask(self) -> str | None:
        """Whose orders are due: read longest ago; positions, focus or a press make that count for more."""
        now = self._clock.monotonic()
        holding = set()
        if self.latest is not None:
            holding = {fold(row.account) for row in self.latest.positions if row.account is not None}
        focus = None if self.focus is None else fold(self.focus)

        def urgency(account: Account) -> float:
            key = fold(account.name)
            asked = self._orders_asked.get(key)
            age_s = _NEVER_ASKED_S if asked is None else now - asked
            weight = 1.0 + (_HOLDING if key in holding else 0.0) + (_IN_FOCUS if key == focus else 0.0)
            return age_s * (weight + (_WANTED if key in self.orders_wanted else 0.0))

        asking = (account for account in self.accounts if account.connected is not False)
        found = max(asking, key=urgency, default=None)
        return None if found is None else found.name

    async def _read_quietly(self, source: Source) -> None:
        with contextlib.suppress(ReadFailedError):  # noted by the call itself
            await self.positions(source, is_paid=True)

    async def _list_quietly(self) -> None:
        with contextlib.suppress(ReadFailedError):  # noted by the call itself
            await self.list_accounts(is_paid=True)

    async def _read_orders_quietly(self, account: str) -> None:
        with contextlib.suppress(ReadFailedError):  # the followers were told
            await self.orders(account, is_paid=True)

    def _with_ended(self, read: OrdersRead) -> OrdersRead:
        """The read, without the doubt about orders that a cancel found ended."""
        if not self.ended_orders:
            return read
        orders = tuple(
            replace(order, state=ENDED)
            if order.is_in_doubt and order.order_id in self.ended_orders
            else order
            for order in read.orders
        )
        return replace(read, orders=orders)

    async def _pause(self, pause_s: float) -> None:
        self._wake.clear()
        timer = asyncio.get_running_loop().call_later(pause_s, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            timer.cancel()

    def _budget_wait_s(self) -> float:
        return self.budget.wait_s(self._clock.monotonic(), BACKGROUND_LEAVES)

    def _cadence_s(self) -> float:
        if self.is_hidden:
            return self._pace.background_hidden_s
        is_open = self.latest is not None and self.latest.positions
        usual_s = self._pace.background_open_s if is_open else self._pace.background_flat_s
        slower = max(self.budget.caution(self._clock.monotonic()), 2.0 ** min(self._unanswered, _MOST_HALVED))
        return usual_s * slower

    def _note_positions(self, read: PositionsRead) -> None:
        self.failing = None
        self._recent.append(read)
        self.roster.observe_positions(read)
        is_newest = self.latest is None or read.stamp.sent_at >= self.latest.stamp.sent_at
        if read.flaws.everything is None and is_newest:
            self.latest = read
            if read.accounts is not None:
                self.accounts = read.accounts
        self._tell(read)

    def _dated(self, read: PositionsRead) -> PositionsRead:
        """The read, spoiled where the server's own time in it is not newer than in the one before.

        It is then an old picture served again. Looked at here, where every read passes, of a press or not.
        """
        epoch, earlier = read.stamp.epoch_ms, self._epochs[read.source]
        if epoch is None:
            return read
        # Newer than the one before, not than all: a clock may be set back. Seen once is seen for good.
        is_new = not earlier or (epoch > earlier[-1] and epoch not in earlier)
        earlier.append(epoch)
        if is_new:
            return read
        why = read.flaws.everything or "the server's time is that of an earlier read"
        return replace(read, flaws=replace(read.flaws, everything=why))

    def _note_failure(self, reason: Reason, source: Source) -> None:
        if reason.cause in _GIVEN_UP:
            self._unanswered += 1
        self._fail(reason)
        self._back_off(reason)
        self._tell(FailedRead(source, reason))

    def _fail(self, reason: Reason) -> None:
        since = self._clock.monotonic() if self.failing is None else self.failing.since
        self.failing = Failing(since, reason)

    def _back_off(self, reason: Reason) -> None:
        if reason.cause is Cause.OVER_BUDGET:
            pause_s = self._pace.back_off_s if reason.retry_after_s is None else reason.retry_after_s
            self.budget.back_off(self._clock.monotonic(), pause_s)

    def _tell(self, read: Read) -> None:
        if not isinstance(read, FailedRead):
            took_s = read.stamp.answered_at - read.stamp.sent_at
            self.budget.answered(self._clock.monotonic(), took_s)
            if self._unanswered:
                self._unanswered = 0
                self.wake()  # not at the beat of a dead link
        self.look_around()
        for follower in self.followers:
            follower(read)
        for listener in self.listeners:
            listener()


def _nothing() -> None:
    """Nobody looks around."""


async def _foreseen(call: Awaitable[_Read]) -> _Read:
    """A read that fails in no other way than the port says.

    A mistake of ours in a read must neither end the watch nor turn a refusal into a doubt.
    """
    try:
        return await call
    except ReadFailedError:
        raise
    except Exception as error:
        _log.exception("a read failed in a way that is not foreseen")
        raise ReadFailedError(Reason(Cause.INTERNAL)) from error
