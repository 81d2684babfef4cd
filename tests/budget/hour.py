"""An hour on one virtual clock: 50 accounts, three other tools, a trader, and the exchange's own bucket.

`python -m tests.budget.hour 200` runs 200 hours with seeds of their own and prints what came of each.
"""

import asyncio
import bisect
import contextvars
import math
import sys
import time
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Literal, NoReturn

from crosstrade_panel.domain.cancel import ListedOrders
from crosstrade_panel.domain.names import fold
from crosstrade_panel.domain.outcome import Cause, Reason, Verdict
from crosstrade_panel.domain.scope import EveryAccount, OneAccount, Scope, Side, account_of
from crosstrade_panel.domain.snapshot import (
    Account,
    AccountsRead,
    Flaws,
    Order,
    OrdersRead,
    Position,
    PositionsRead,
    Source,
    Stamp,
    in_scope,
)
from crosstrade_panel.domain.ticket import Action, ReverseTicket
from crosstrade_panel.simulator.book import Book, BookError, FlattenRequest, ReverseRequest
from crosstrade_panel.simulator.bucket import TokenBucket
from crosstrade_panel.simulator.ledger import PositionPicture, PracticeAccount
from crosstrade_panel.trading.budget import Budget
from crosstrade_panel.trading.cancel import Cancel
from crosstrade_panel.trading.desk import Desk
from crosstrade_panel.trading.evidence import Judgement, Proof
from crosstrade_panel.trading.flatten import Flatten
from crosstrade_panel.trading.pace import Pace
from crosstrade_panel.trading.ports import OnDelivered, ReadFailedError, Receipt, RefusedError, Way
from crosstrade_panel.trading.press import Lock, Press, PressBook
from crosstrade_panel.trading.record import Record
from crosstrade_panel.trading.reverse import Reverse
from crosstrade_panel.trading.vigil import Vigil
from crosstrade_panel.trading.watch import Watch
from tests.fakes import LoopClock, MemoryJournal, VirtualTimeLoop

HOUR_S = 3600.0
_CONTRACTS = ("MES 12-25", "ES 12-25", "NQ 12-25", "CL 01-26")
_SIDES = {"Long": Side.LONG, "Short": Side.SHORT}
_WORDS: dict[Side, Literal["Long", "Short"]] = {Side.LONG: "Long", Side.SHORT: "Short"}
_ACCOUNTS = 50

WHO: contextvars.ContextVar[str] = contextvars.ContextVar("who asks", default="own")
"""`background`, `verifying`, or `own`: a read that a press makes for itself. A task takes it along."""
_REFUSED_BEFORE: contextvars.ContextVar[bool] = contextvars.ContextVar("a repeat", default=False)


@dataclass(frozen=True, slots=True)
class Load:
    """What the other tools draw: each polls at a pace of its own, and at times asks for much at once.

    `together`: least and most requests per second of all of them, anew after each spell. `bursts`: requests
    at one beat. `jitter`: how far a beat may stray, as a part of the period.
    """

    together: tuple[float, float] = (0.3, 2.5)
    spell_s: tuple[float, float] = (60.0, 600.0)
    bursts: tuple[int, ...] = (1,) * 18 + (4, 6)
    jitter: float = 0.2
    tools: int = 3

    def draws(self, random: Random, until: float) -> list[float]:
        """When they ask for a token, seconds from the start of the hour."""
        found: list[float] = []
        at = 0.0
        while at < until:
            end = min(until, at + random.uniform(*self.spell_s))
            shares = [random.uniform(0.2, 1.0) for _ in range(self.tools)]
            rate = random.uniform(*self.together)
            for share in shares:
                found += self._one_tool(random, rate * share / sum(shares), at, end)
            at = end
        return sorted(found)

    def _one_tool(self, random: Random, rate: float, begin: float, end: float) -> Iterator[float]:
        period_s = sum(self.bursts) / len(self.bursts) / rate
        at = begin + random.uniform(0.0, period_s)
        while at < end:
            yield from (at + 0.02 * number for number in range(random.choice(self.bursts)))
            at += period_s * random.uniform(1.0 - self.jitter, 1.0 + self.jitter)


@dataclass(frozen=True, slots=True)
class Decision:
    """What the exchange's bucket said to one call of ours. `estimate`: our own copy, right after spending."""

    at: float
    who: str
    granted: bool
    estimate: float
    level: float


class Exchange:
    """A gateway whose every call asks the exchange's bucket for a token when it arrives there."""

    def __init__(self, seed: int, load: Load, budget: "MarkingBudget", hour_s: float = HOUR_S) -> None:
        """Prepare the hour; it begins when the loop's clock is read first."""
        self.random = Random(f"{seed}:world")
        self.names = [f"ACCT-{number:02d}" for number in range(_ACCOUNTS)]
        self.book = Book(
            seed=seed,
            accounts=[PracticeAccount(name) for name in self.names],
            openings=(),
            walking=False,
        )
        self.listed = tuple(Account(name, "Simulator", connected=True) for name in self.names)
        self.bucket = TokenBucket()
        self.begin = asyncio.get_running_loop().time()
        self.draws = [self.begin + at for at in load.draws(Random(f"{seed}:tools"), hour_s)]
        self._drawn = 0
        self.decisions: list[Decision] = []
        self.budget = budget
        self.ways = (Way.REST, Way.REST)

    # -- the world ---

    def now(self) -> float:
        """The loop's time, with everything done that is due by then."""
        now = asyncio.get_running_loop().time()
        self.book.advance(now)
        return now

    def open_something(self) -> None:
        """A bot enters somewhere, most often with an order that rests beside the position."""
        account, contract = self.random.choice(self.names), self.random.choice(_CONTRACTS)
        self.now()
        self.book.open_position(account, contract, self.random.choice((-2, -1, 1, 3)))
        if self.random.random() < 0.6:
            self.rest_order(account, contract)

    def rest_order(self, account: str, contract: str) -> None:
        """An order that nothing reaches."""
        price = self.book.price(self.book.contract(contract))
        self.book.rest_order(account, contract, "Buy", 1, limit_price=price * 9 // 10)

    def close_something(self) -> None:
        """A target is reached somewhere."""
        self.now()
        held = self.book.positions()
        if held:
            row = self.random.choice(held)
            self.book.flatten(FlattenRequest(row.account, row.contract.name))

    def holding(self) -> tuple[PositionPicture, ...]:
        """What is open."""
        self.now()
        return self.book.positions()

    # -- the bucket ---

    async def _arrive(self, who: str) -> float:
        """Half the way there, then the bucket; the seconds until there would be a token, 0 with one."""
        loop = asyncio.get_running_loop()
        sent_at = loop.time()
        estimate = self.budget.level(sent_at)
        await asyncio.sleep(self.random.uniform(0.015, 0.1))
        now = self.now()
        while self._drawn < len(self.draws) and self.draws[self._drawn] <= now:
            self.bucket.take(self.draws[self._drawn])
            self._drawn += 1
        level = self.bucket.level(now)
        wait_s = self.bucket.take(now)
        self.decisions.append(Decision(now, who, not wait_s, estimate, level))
        return wait_s

    async def _back(self) -> float:
        await asyncio.sleep(self.random.uniform(0.015, 0.1))
        return self.now()

    # -- reads ---

    async def _read(self) -> float:
        sent_at = asyncio.get_running_loop().time()
        wait_s = await self._arrive(WHO.get())
        if wait_s:
            await self._back()
            raise ReadFailedError(_over_budget(wait_s))
        return sent_at

    async def positions(self) -> PositionsRead:
        """All open positions."""
        sent_at = await self._read()
        rows = self._rows()
        return PositionsRead(Source.POSITIONS, Stamp(sent_at, await self._back()), rows, None, Flaws())

    async def snapshot(self) -> PositionsRead:
        """All accounts with their positions."""
        sent_at = await self._read()
        rows = self._rows()
        stamp = Stamp(sent_at, await self._back())
        return PositionsRead(Source.SNAPSHOT, stamp, rows, self.listed, Flaws())

    async def accounts(self) -> AccountsRead:
        """All accounts."""
        sent_at = await self._read()
        return AccountsRead(Stamp(sent_at, await self._back()), self.listed, Flaws())

    async def orders(self, account: str) -> OrdersRead:
        """The orders of one account that work."""
        sent_at = await self._read()
        found = tuple(
            Order(each.account, each.order_id, each.contract.name, each.state)
            for each in self.book.orders(account)
        )
        return OrdersRead(Stamp(sent_at, await self._back()), account, found, Flaws())

    def _rows(self) -> tuple[Position, ...]:
        return tuple(map(_row, self.book.positions()))

    # -- presses ---

    async def flatten(
        self, scope: Scope, way: Way = Way.REST, on_delivered: OnDelivered | None = None
    ) -> Receipt:
        """Close what a scope holds."""
        who = "repeat" if _REFUSED_BEFORE.get() else "press"
        sent_at = await self._send(who)
        side = None if scope.side is None else _WORDS[scope.side]
        done = self.book.flatten(FlattenRequest(account_of(scope), scope.instrument, side))
        closed = tuple(map(_row, done.closed))
        return Receipt(done.order_ids, closed, "", sent_at, await self._back())

    async def reverse(
        self, ticket: ReverseTicket, way: Way = Way.REST, on_delivered: OnDelivered | None = None
    ) -> Receipt:
        """Close, then place the order of a ticket."""
        sent_at = await self._send("press")
        request = ReverseRequest(
            ticket.instrument,
            "Buy" if ticket.action is Action.BUY else "Sell",
            ticket.quantity,
            "Market",
            "Day",
        )
        try:
            pending = self.book.begin_reverse(ticket.account, request)
        except BookError as error:
            await self._say_no(Reason(Cause.NO_POSITION, error.error, 400), sent_at)
        while pending.entry is None:
            await asyncio.sleep(0.02)
            self.now()
        return Receipt((pending.entry.order_id,), None, "", sent_at, await self._back())

    async def cancel_order(self, account: str, order_id: str) -> Receipt:
        """Cancel one order."""
        sent_at = await self._send("press")
        try:
            order = self.book.cancel(account, order_id)
        except BookError as error:
            await self._say_no(Reason(Cause.ORDER_GONE, error.error, 400), sent_at)
        return Receipt((order.order_id,), None, "", sent_at, await self._back())

    async def cancel_orders(self, account: str, instrument: str) -> Receipt:
        """Cancel every order of a pair."""
        sent_at = await self._send("press")
        orders = self.book.cancel_all(account, instrument)
        return Receipt(tuple(order.order_id for order in orders), None, "", sent_at, await self._back())

    def renew(self) -> None:
        """Nothing to begin anew."""

    async def _send(self, who: str) -> float:
        sent_at = asyncio.get_running_loop().time()
        wait_s = await self._arrive(who)
        if wait_s:
            _REFUSED_BEFORE.set(True)  # of this press's task
            await self._say_no(_over_budget(wait_s), sent_at)
        return sent_at

    async def _say_no(self, reason: Reason, sent_at: float) -> NoReturn:
        raise RefusedError(reason, sent_at=sent_at, answered_at=await self._back())


def _over_budget(wait_s: float) -> Reason:
    # The practice exchange's header: whole seconds.
    return Reason(Cause.OVER_BUDGET, "Rate limit exceeded", 429, float(math.ceil(wait_s)))


def _row(picture: PositionPicture) -> Position:
    return Position(picture.account, picture.contract.name, _SIDES[picture.side], picture.quantity)


class MarkingWatch(Watch):
    """A watch whose reads at the beat can be told from those that a press makes."""

    def _take_turn(self, turn: int) -> None:
        before = WHO.set("background")
        super()._take_turn(turn)
        WHO.reset(before)

    def read_at_once(self) -> None:
        before = WHO.set("verifying")
        super().read_at_once()
        WHO.reset(before)


class MarkingBudget(Budget):
    """A budget that notes what each kind of call left in it."""

    def __init__(self, now: float) -> None:
        """Start full."""
        super().__init__(now)
        self.left: dict[str, list[float]] = {"background": [], "verifying": [], "own": []}

    def spend(self, now: float) -> None:
        super().spend(now)
        self.left[WHO.get()].append(self.level(now))


class MarkingDesk(Desk):
    """A desk whose verifying reads can be told from the others of a press."""

    async def verify(self, press: Press, proof: Proof, *, until: float = float("-inf")) -> Judgement:
        before = WHO.set("verifying")
        try:
            return await super().verify(press, proof, until=until)
        finally:
            WHO.reset(before)


@dataclass
class Hour:
    """What happened. `held_up`: seconds from each flatten's gesture to its bytes. `errors`: of the loop."""

    seed: int
    exchange: Exchange
    desk: Desk
    begin: float
    hour_s: float
    outcomes: list[Verdict] = field(default_factory=list)
    held_up: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def left(self) -> dict[str, list[float]]:
        """What each kind of call left in our own copy of the bucket."""
        return self.exchange.budget.left

    def times(self, who: str, *, granted: bool | None = None) -> list[float]:
        """When such calls arrived at the bucket."""
        return [
            each.at for each in self.exchange.decisions if each.who == who and granted in {None, each.granted}
        ]

    def per_second(self, who: str = "background") -> float:
        """Averaged over the hour."""
        return len(self.times(who)) / self.hour_s

    def most_per_second(self, window_s: float = 60.0, who: str = "background") -> float:
        """In the busiest window of that length."""
        times = self.times(who)
        return max(
            (
                (bisect.bisect_right(times, at + window_s) - number) / window_s
                for number, at in enumerate(times)
            ),
            default=0.0,
        )

    def refused(self) -> list[Decision]:
        """The presses, at their first attempt, that had no token."""
        return [each for each in self.exchange.decisions if each.who == "press" and not each.granted]

    def only_because_of_our_reads(self, *kept: str) -> list[Decision]:
        """Those of them that get a token in a replay: the same tools, the same presses, no read of ours.

        `kept`: kinds of calls that are in the replay all the same.
        """
        bucket, in_replay = TokenBucket(), dict[float, bool]()
        decisions = self.exchange.decisions
        calls = [(each.at, each.who == "press") for each in decisions if each.who in {"press", *kept}]
        calls = sorted(calls + [(at, False) for at in self.exchange.draws])
        for at, is_press in calls:
            granted = bucket.take(at) == 0.0
            if is_press:
                in_replay[at] = granted
        return [each for each in self.refused() if in_replay[each.at]]


@dataclass(frozen=True, slots=True)
class Gestures:
    """How often the trader presses. `bursts`: presses in one fit of it, a second or so apart."""

    fits: int = 30
    bursts: tuple[int, ...] = (1, 1, 1, 2, 2, 3)
    apart_s: tuple[float, float] = (0.3, 3.0)


class Trader:
    """Presses at moments that nobody chose."""

    def __init__(self, exchange: Exchange, desk: Desk, hour: Hour, random: Random) -> None:
        """Sit down at that desk."""
        self._exchange, self._desk, self._hour, self._random = exchange, desk, hour, random
        self._tasks: set[asyncio.Task[None]] = set()
        self._made = 0

    async def fit(self, gestures: Gestures) -> None:
        """Press once, or a few times in a row."""
        for _ in range(self._random.choice(gestures.bursts)):
            press = self._random.choice(
                [self._flatten_narrow, self._flatten_narrow, self._flatten_wide, self._reverse, self._cancel]
            )
            task = asyncio.get_running_loop().create_task(press(), context=contextvars.Context())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            await asyncio.sleep(self._random.uniform(*gestures.apart_s))

    async def rest(self) -> None:
        """Until every press has its outcome."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    def _open(
        self, scope: Scope, ticket: ReverseTicket | None = None, cancel: ListedOrders | None = None
    ) -> Press:
        self._made += 1
        clock = self._desk.clock
        press = Press(f"press-{self._made}", scope, clock.monotonic(), clock.now(), ticket, cancel)
        self._desk.book.open(press)
        return press

    async def _end(self, press: Press, work: Coroutine[None, None, object]) -> None:
        await work
        if press.outcome is not None:
            self._hour.outcomes.append(press.outcome.verdict)
        await asyncio.sleep(self._random.uniform(1.0, 60.0))
        self._desk.book.acknowledge(press.id)

    async def _flatten(self, scope: Scope) -> None:
        if self._desk.book.flatten_lock(scope, self._desk.clock.monotonic()).lock is Lock.LOCKED:
            return
        press = self._open(scope)
        await self._end(press, Flatten(self._desk)(press))
        if press.sent_at is not None and not _REFUSED_BEFORE.get():
            self._hour.held_up.append(press.sent_at - press.began_at)

    async def _flatten_narrow(self) -> None:
        held = self._exchange.holding()
        account = self._random.choice(held).account if held else self._random.choice(self._exchange.names)
        await self._flatten(OneAccount(account))

    async def _flatten_wide(self) -> None:
        await self._flatten(EveryAccount())

    async def _reverse(self) -> None:
        held = self._exchange.holding()
        if not held:
            return
        row = self._random.choice(held)
        reverse = Reverse(self._desk)
        found = await reverse.look(row.account, row.contract.name)
        await asyncio.sleep(0.4)
        now = self._desk.clock.monotonic()
        if isinstance(found, Reason) or self._desk.book.reverse_is_locked(
            row.account, row.contract.name, now
        ):
            return
        ticket = ReverseTicket(found.account, found.instrument, found.side, found.quantity)
        press = self._open(OneAccount(found.account, found.instrument), ticket)
        await self._end(press, reverse(press))

    async def _cancel(self) -> None:
        watch = self._desk.watch
        for key, read in watch.orders_read.items():
            scope = OneAccount(read.account)
            if watch.latest is not None and in_scope(scope, watch.latest.positions):
                continue
            working = tuple(order for order in read.orders if order.is_working)
            if working and fold(read.account) == key:
                listed = ListedOrders(working)
                press = self._open(listed.scope, cancel=listed)
                await self._end(press, Cancel(self._desk)(press))
                return


async def _live(seed: int, load: Load, gestures: Gestures, hour_s: float) -> Hour:
    clock, pace = LoopClock(), Pace()
    exchange = Exchange(seed, load, MarkingBudget(clock.monotonic()), hour_s)
    watch = MarkingWatch(exchange, clock, exchange.budget, pace)
    record = Record(MemoryJournal(), clock, "https://example.test", is_practice=False)
    desk = MarkingDesk(exchange, watch, record, PressBook(pace), clock, pace, lambda _press: None)
    Vigil(desk)
    begin = clock.monotonic()
    hour = Hour(seed, exchange, desk, begin, hour_s)
    asyncio.get_running_loop().set_exception_handler(
        lambda _loop, context: hour.errors.append(f"{context.get('message')}: {context.get('exception')!r}")
    )
    random = Random(f"{seed}:trader")
    trader = Trader(exchange, desk, hour, random)
    loop = asyncio.get_running_loop()
    fits: set[asyncio.Task[None]] = set()

    def begin_fit() -> None:
        task = loop.create_task(trader.fit(gestures))
        fits.add(task)
        task.add_done_callback(fits.discard)

    for _ in range(8):
        exchange.open_something()
    for happens, mean_s in ((exchange.open_something, 25.0), (exchange.close_something, 60.0)):
        at = random.expovariate(1 / mean_s)
        while at < hour_s:
            loop.call_at(begin + at, happens)
            at += random.expovariate(1 / mean_s)
    for _ in range(gestures.fits):
        loop.call_at(begin + random.uniform(10.0, hour_s - 100.0), begin_fit)
    watching = loop.create_task(watch.run())
    await asyncio.sleep(hour_s)
    await trader.rest()
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    return hour


def live(
    seed: int,
    load: Load | None = None,
    gestures: Gestures | None = None,
    *,
    hour_s: float = HOUR_S,
) -> Hour:
    """Live through one hour, which takes seconds."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(_live(seed, load or Load(), gestures or Gestures(), hour_s))


def main(hours: int) -> None:
    """Live through so many hours of each load and print what came of them."""
    loads = {
        "others take 0.3 to 1.5 of 3 per second": Load(together=(0.3, 1.5)),
        "others take 0.3 to 2.0 of 3 per second": Load(together=(0.3, 2.0)),
        "others take 0.3 to 2.5 of 3 per second": Load(),
    }
    for name, load in loads.items():
        began, lived = time.perf_counter(), [live(seed, load) for seed in range(hours)]
        ours = [len(hour.only_because_of_our_reads()) for hour in lived]
        print(
            f"{name}: {hours} hours in {time.perf_counter() - began:.0f} s;",
            f"background {sum(hour.per_second() for hour in lived) / hours:.2f}/s,",
            f"at most {max(hour.most_per_second() for hour in lived):.2f}/s in a minute;",
            f"{sum(len(hour.times('press')) for hour in lived)} presses,",
            f"{sum(len(hour.refused()) for hour in lived)} refused, {sum(ours)} only because of our reads,",
            f"in {sum(map(bool, ours))} hours",
            flush=True,
        )


if __name__ == "__main__":
    main(int(sys.argv[1]))
