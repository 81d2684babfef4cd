"""Keeps the newest picture of the accounts: reads in the background, and every read that a press makes."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass

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
    find_account,
)
from crosstrade_panel.trading.budget import BACKGROUND_LEAVES, Budget
from crosstrade_panel.trading.pace import Pace
from crosstrade_panel.trading.ports import Clock, Gateway, ReadFailedError
from crosstrade_panel.trading.roster import Roster, Seen

_KEPT_READS = 8
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

    def last_good(self, scope: Scope) -> Mapping[str, tuple[Position, ...]]:
        """What the newest good read showed for each account in scope, by folded name; absent: not known."""
        wanted = account_of(scope)
        names = [wanted] if wanted is not None else [seen.name for seen in self.seen.values()]
        found: dict[str, tuple[Position, ...]] = {}
        for name in names:
            for read in reversed(self.reads):
                if not read.flaws.spoil(name) and _speaks_of(read, name):
                    found[fold(name)] = read.of(name)
                    break
        return found

    def is_fresh(self, now: float, most_s: float) -> bool:
        """Whether the newest read is no older than that."""
        return bool(self.reads) and now - self.reads[-1].stamp.sent_at <= most_s

    def last_epochs(self) -> Mapping[Source, int]:
        """The server's own time in the newest read of each endpoint that gave one."""
        epochs: dict[Source, int] = {}
        for read in self.reads:
            if read.stamp.epoch_ms is not None:
                epochs[read.source] = max(read.stamp.epoch_ms, epochs.get(read.source, 0))
        return epochs


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
            read = await call()
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
            read = await self._gateway.accounts()
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
            read = await self._gateway.orders(account)
        except ReadFailedError as error:
            # An add-on may not know this call at all: that says nothing of the link.
            self._back_off(error.reason)
            raise
        self.roster.observe_orders(read)
        return read

    def picture(self) -> "Picture":
        """What is known at this moment; cheap, so that a press can keep it."""
        return Picture(tuple(self._recent), self.roster.copy())

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
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await self._wake.wait()

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
        if read.flaws.everything is None:
            if self.latest is None or read.stamp.sent_at >= self.latest.stamp.sent_at:
                self.latest = read
            if read.accounts is not None:
                self.accounts = read.accounts
        self._tell()

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


def _speaks_of(read: PositionsRead, name: str) -> bool:
    """Whether a read says anything of an account: a snapshot speaks only of those that it lists."""
    return read.accounts is None or find_account(read.accounts, name) is not None
