"""Keeps the newest picture of the accounts: reads in the background, and every read that a press makes."""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from crosstrade_panel.domain.names import fold
from crosstrade_panel.domain.outcome import Cause, Reason
from crosstrade_panel.domain.scope import Scope, account_of
from crosstrade_panel.domain.snapshot import (
    Account,
    AccountsRead,
    OrdersRead,
    Position,
    PositionsRead,
    Source,
    Stamp,
)
from crosstrade_panel.trading.budget import BACKGROUND_LEAVES, Budget
from crosstrade_panel.trading.pace import Pace
from crosstrade_panel.trading.ports import READ_SOURCES, Clock, Gateway, ReadFailedError
from crosstrade_panel.trading.roster import Roster, Seen

_log = logging.getLogger(__name__)

_Read = TypeVar("_Read", PositionsRead, AccountsRead, OrdersRead)

_KEPT_READS = 8
_KEPT_EPOCHS = 64
_MOST_UNDER_WAY = 2
_DEFAULT_BACK_OFF_S = 2.0


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

    Listeners are called after each read, failed ones too; they must not raise.
    """

    def __init__(self, gateway: Gateway, clock: Clock, budget: Budget, pace: Pace) -> None:
        """Start knowing nothing."""
        self._gateway = gateway
        self._clock = clock
        self._pace = pace
        self.budget = budget
        self.roster = Roster()
        self.listeners: list[Callable[[], None]] = []
        self.failing: Failing | None = None
        self.latest: PositionsRead | None = None
        self.accounts: tuple[Account, ...] = ()
        self._recent: deque[PositionsRead] = deque(maxlen=_KEPT_READS)
        self._epochs = {source: deque[int](maxlen=_KEPT_EPOCHS) for source in READ_SOURCES}
        self._under_way: set[asyncio.Task[None]] = set()
        self._verifying = 0
        self._wake = asyncio.Event()
        self.is_hidden = False

    async def positions(self, source: Source) -> PositionsRead:
        """Read the open positions from one of the two endpoints that list them.

        Raises:
            ReadFailedError: it shows nothing.
        """
        call = self._gateway.snapshot if source is Source.SNAPSHOT else self._gateway.positions
        self.budget.spend(self._clock.monotonic())
        try:
            read = self._dated(await _foreseen(call()))
        except ReadFailedError as error:
            self._note_failure(error.reason)
            raise
        self._note_positions(read)
        return read

    async def list_accounts(self) -> AccountsRead:
        """Read the list of accounts.

        Raises:
            ReadFailedError: it shows nothing.
        """
        self.budget.spend(self._clock.monotonic())
        try:
            read = await _foreseen(self._gateway.accounts())
        except ReadFailedError as error:
            self._note_failure(error.reason)
            raise
        if read.flaws.everything is None:
            self.accounts = read.accounts
            self.roster.observe_accounts(read.accounts)
        self._tell()
        return read

    async def orders(self, account: str) -> OrdersRead:
        """Read the orders of one account.

        Raises:
            ReadFailedError: it shows nothing.
        """
        self.budget.spend(self._clock.monotonic())
        try:
            read = await _foreseen(self._gateway.orders(account))
        except ReadFailedError as error:
            # An add-on may not know this call at all: that says nothing of the link.
            self._back_off(error.reason)
            raise
        self.roster.observe_orders(read)
        return read

    def picture(self) -> "Picture":
        """What is known at this moment; cheap, so that a press can keep it."""
        reads = sorted(self._recent, key=lambda read: read.stamp.sent_at)
        return Picture(tuple(reads), self.roster.copy())

    def age_s(self) -> float | None:
        """How old the newest picture is, from when it was asked for; None without one."""
        return None if self.latest is None else self._clock.monotonic() - self.latest.stamp.sent_at

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
        """Read in the background until cancelled; positions and snapshot in turn.

        A read that is stuck does not stop the next one, which goes over the other link.
        """
        turn = 0
        try:
            while True:
                if not self._verifying and len(self._under_way) < _MOST_UNDER_WAY:
                    self.start(self._read_quietly((Source.SNAPSHOT, Source.POSITIONS)[turn % 2]))
                    turn += 1
                await self._pause()
        finally:
            await self.stop()

    def start(self, reading: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Let a read run on its own; `stop` ends it if it is still under way then."""
        task = asyncio.create_task(reading)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return task

    async def stop(self) -> None:
        """End every read that is under way."""
        under_way = list(self._under_way)
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)

    async def _read_quietly(self, source: Source) -> None:
        with contextlib.suppress(ReadFailedError):  # noted by the call itself
            await self.positions(source)

    async def _pause(self) -> None:
        now = self._clock.monotonic()
        pause_s = max(self._cadence_s(), self.budget.wait_s(now, BACKGROUND_LEAVES))
        self._wake.clear()
        timer = asyncio.get_running_loop().call_later(pause_s, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            timer.cancel()

    def _cadence_s(self) -> float:
        if self.is_hidden:
            return self._pace.background_hidden_s
        if self.latest is not None and self.latest.positions:
            return self._pace.background_open_s
        return self._pace.background_flat_s

    def _note_positions(self, read: PositionsRead) -> None:
        self.failing = None
        self._recent.append(read)
        self.roster.observe_positions(read)
        is_newest = self.latest is None or read.stamp.sent_at >= self.latest.stamp.sent_at
        if read.flaws.everything is None and is_newest:
            self.latest = read
            if read.accounts is not None:
                self.accounts = read.accounts
        self._tell()

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

    def _note_failure(self, reason: Reason) -> None:
        now = self._clock.monotonic()
        self.failing = Failing(now if self.failing is None else self.failing.since, reason)
        self._back_off(reason)
        self._tell()

    def _back_off(self, reason: Reason) -> None:
        if reason.cause is Cause.OVER_BUDGET:
            pause_s = _DEFAULT_BACK_OFF_S if reason.retry_after_s is None else reason.retry_after_s
            self.budget.back_off(self._clock.monotonic(), pause_s)

    def _tell(self) -> None:
        for listener in self.listeners:
            listener()


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
