"""Laws of what is told after the outcome, in worlds that nobody chose: never more than was read, twice."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crosstrade_panel.domain.names import fold
from crosstrade_panel.domain.outcome import Cause, Outcome, Reason
from crosstrade_panel.domain.scope import EveryAccount, OneAccount, Scope, Side
from crosstrade_panel.domain.snapshot import Account, Flaws, OrdersRead, Position, PositionsRead, Source
from crosstrade_panel.domain.ticket import ReverseTicket
from crosstrade_panel.trading.cancel import Cancel
from crosstrade_panel.trading.flatten import Flatten
from crosstrade_panel.trading.ports import (
    EntryKind,
    NotSentError,
    ReadFailedError,
    Receipt,
    RefusedError,
    UnknownOutcomeError,
)
from crosstrade_panel.trading.press import Press
from crosstrade_panel.trading.reverse import Reverse
from tests.fakes import FakeGateway, VirtualTimeLoop, order, position

SLOW_MACHINES = [HealthCheck.too_slow]
FLAT = {"flat", "flat_orders_not_checked", "orders_working", "nothing_open"}
NOTHING: tuple[Position, ...] = ()
SHORT, LONG, OTHER = position(), position(side=Side.LONG), position(instrument="NQ 12-25")
AWAY = position("Sim102")


@dataclass
class RememberingGateway(FakeGateway):
    """Keeps every read that it answered, and every moment in which something was sent."""

    answered: list[PositionsRead | OrdersRead] = field(default_factory=list)

    async def positions(self) -> PositionsRead:
        read = await super().positions()
        self.answered.append(read)
        return read

    async def snapshot(self) -> PositionsRead:
        read = await super().snapshot()
        self.answered.append(read)
        return read

    async def orders(self, account: str) -> OrdersRead:
        read = await super().orders(account)
        self.answered.append(read)
        return read


STEPS = st.lists(
    st.tuples(
        st.sampled_from([0.3, 1.0, 2.5, 6.0, 30.0]),
        st.sampled_from([NOTHING, NOTHING, (SHORT,), (LONG,), (OTHER,), (AWAY,), (LONG, AWAY)]),
        st.sampled_from(["ok", "ok", "ok", "fail", "count", "row", "unlisted", "slow", "sleep", "order"]),
    ),
    min_size=2,
    max_size=9,
)
ENDS = st.lists(st.sampled_from(["accepted", "lost", "late", "refused", "busy", "unsent"]), max_size=4)


def play(gateway: RememberingGateway, panel: Any, steps: list[Any]) -> None:
    """The world, step by step."""
    loop, at = asyncio.get_running_loop(), 0.0

    def step(rows: tuple[Position, ...], how: str) -> None:
        gateway.open, gateway.latency_s = list(rows), 1.7 if how == "slow" else 0.02
        spoiled = {"count": Flaws("count"), "row": Flaws(accounts=frozenset({"sim101"}))}.get(how, Flaws())
        gateway.flaws = lambda _source, _number: spoiled
        gateway.working = {"Sim101": [order()] if how == "order" else []}
        gateway.accounts_listed = [Account("Sim102", connected=True)]
        if how != "unlisted":
            gateway.accounts_listed.append(Account("Sim101", connected=True))

        def fail(_gateway: FakeGateway, _source: Source, _number: int) -> None:
            if how == "fail":
                raise ReadFailedError(Reason(Cause.SERVER_FAILED))

        gateway.before_read = fail
        if how == "sleep":
            panel.desk.begin_anew()

    for wait_s, rows, how in steps:
        at += wait_s
        loop.call_later(at, step, rows, how)


def ending(ends: list[str], answers: list[float]) -> Callable[[FakeGateway, object], Receipt]:
    """How the presses end, one after another; then they are accepted. `answers`: when one was answered."""
    left = list(ends)

    def on_press(gateway: Any, _what: object) -> Receipt:
        how = left.pop(0) if left else "accepted"
        now = gateway.now()
        reason = Reason(Cause.OVER_BUDGET, "Rate limit exceeded", 429, 0.2)
        match how:
            case "lost":
                raise UnknownOutcomeError(Reason(Cause.NO_ANSWER), sent_at=now)
            case "late":
                late: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()

                def answer() -> None:
                    if not late.done():
                        answers.append(gateway.now())
                        late.set_result(gateway.receipt([SHORT], ("id",)))

                asyncio.get_running_loop().call_later(4.0, answer)
                raise UnknownOutcomeError(Reason(Cause.NO_ANSWER), sent_at=now, late=late)
            case "unsent":
                raise NotSentError(Reason(Cause.CONNECT_FAILED), may_try_elsewhere=True)
            case "refused" | "busy":
                said = Reason(Cause.SERVER_SAID_NO, "no", 400) if how == "refused" else reason
                raise RefusedError(said, sent_at=now, answered_at=now)
            case _:
                pass
        answers.append(now)
        return gateway.receipt([SHORT], ("id",))  # type: ignore[no-any-return]

    return on_press


def speaks_of(read: PositionsRead, account: str) -> bool:
    """Whether a read is clean for an account, by the words of the product alone."""
    is_listed = read.accounts is None or any(fold(each.name) == fold(account) for each in read.accounts)
    return read.flaws.everything is None and not read.flaws.spoil(account) and is_listed


def rows_of(read: PositionsRead, account: str, scope: Scope) -> list[Position]:
    return [
        row
        for row in read.positions
        if fold(row.account or "") == fold(account) and scope.instrument in {None, row.instrument}
    ]


def reads_by(gateway: RememberingGateway, account: str, since: float, until: float) -> list[PositionsRead]:
    return [
        read
        for read in gateway.answered
        if isinstance(read, PositionsRead)
        and read.stamp.sent_at >= since
        and read.stamp.answered_at <= until + 1e-6
        and speaks_of(read, account)
    ]


def has_two(reads: Sequence[PositionsRead | OrdersRead], gap_s: float) -> bool:
    return any(
        b.stamp.sent_at >= a.stamp.answered_at + gap_s - 1e-6 for a in reads for b in reads if a is not b
    )


def told(panel: Any, press: Press) -> list[tuple[float, dict[str, str]]]:
    """What the journal has as told: when, and what of each account."""
    return [
        (
            press.began_at + entry.after_s,
            {fate["account"]: fate["verdict"] for fate in entry.facts["fates"]},
        )
        for entry in panel.journal.entries
        if entry.kind is EntryKind.OUTCOME and entry.press_id == press.id
    ]


def in_virtual_time(work: Callable[[], Any]) -> None:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(work())


@settings(max_examples=250, deadline=None, suppress_health_check=SLOW_MACHINES)
@given(
    STEPS, ENDS, st.sampled_from([OneAccount("Sim101"), OneAccount("Sim101", "MES 12-25"), EveryAccount()])
)
def test_flat_and_reopened_are_never_told_without_two_clean_reads_of_it_since_the_act(
    make_desk: Any, steps: list[Any], ends: list[str], scope: Scope
) -> None:
    async def run() -> None:
        gateway, answers = RememberingGateway(open=[SHORT], latency_s=0.02), list[float]()
        panel = make_desk(gateway)
        await panel.look()
        gateway.on_flatten = ending(ends, answers)
        async with panel.followed():
            play(gateway, panel, steps)
            press = panel.press(scope)
            await Flatten(panel.desk)(press)
            await asyncio.sleep(75.0)
        history = told(panel, press)
        for count, (at, fates) in enumerate(history):
            earlier = history[count - 1][1] if count else {}
            for account, verdict in fates.items():
                was = earlier.get(account)
                # It may have been flat, and open again, before there was an outcome to tell.
                is_reopened_at_once = verdict == "reopened" and was is None
                if (verdict in FLAT and was not in FLAT) or is_reopened_at_once:
                    since = max([press.sent_at or press.began_at, *(each for each in answers if each <= at)])
                    clear = [
                        read
                        for read in reads_by(gateway, account, since, at)
                        if not rows_of(read, account, scope)
                    ]
                    assert has_two(clear, 1.0), (account, verdict)
                if verdict == "reopened" and was != "reopened":
                    assert was in FLAT or is_reopened_at_once
                    open_ = [
                        read
                        for read in reads_by(gateway, account, press.began_at, at)
                        if rows_of(read, account, scope)
                    ]
                    assert has_two(open_, 0.0), (account, verdict)
        acting = [end for end in ends if end not in {"unsent", "busy"}]
        tried = len(ends) if not acting else ends.index(acting[0])
        assert len(gateway.sent) <= tried + 1  # what may have acted is the last that is sent
        assert len(gateway.sent) == len(panel.journal.facts(EntryKind.ATTEMPT))

    in_virtual_time(run)


@settings(max_examples=120, deadline=None, suppress_health_check=SLOW_MACHINES)
@given(STEPS, ENDS)
def test_a_reverse_is_sent_once_and_reversed_only_by_two_reads_of_the_expected_side_and_size(
    make_desk: Any, steps: list[Any], ends: list[str]
) -> None:
    async def run() -> None:
        gateway, answers = RememberingGateway(open=[SHORT], latency_s=0.02), list[float]()
        panel = make_desk(gateway)
        await panel.look()
        gateway.on_reverse = ending(ends, answers)
        async with panel.followed():
            play(gateway, panel, steps)
            press = panel.reverse_press(ReverseTicket("Sim101", "MES 12-25", Side.SHORT, 2))
            await Reverse(panel.desk)(press)
            await asyncio.sleep(40.0)
        assert len(gateway.sent) == 1
        was = None
        for at, fates in told(panel, press):
            is_news, was = fates.get("Sim101") != was, fates.get("Sim101")
            if was == "reversed" and is_news:  # a late answer only completes what was told
                since = max([press.sent_at or press.began_at, *(each for each in answers if each <= at)])
                expected = [
                    read
                    for read in reads_by(gateway, "Sim101", since, at)
                    if [(row.side, row.quantity) for row in rows_of(read, "Sim101", press.scope)]
                    == [(Side.LONG, 2)]
                ]
                assert has_two(expected, 1.0)

    in_virtual_time(run)


def cancelling(ends: list[str]) -> Callable[..., Receipt]:
    """How the requests end, one after another; then they are accepted, and nothing happens."""
    left = list(ends)

    def on_cancel(gateway: FakeGateway, *_: object) -> Receipt:
        now = gateway.now()
        match left.pop(0) if left else "accepted":
            case "lost":
                raise UnknownOutcomeError(Reason(Cause.NO_ANSWER), sent_at=now)
            case "gone" | "refused" as how:
                cause = Cause.ORDER_GONE if how == "gone" else Cause.SERVER_SAID_NO
                raise RefusedError(Reason(cause), sent_at=now, answered_at=now)
            case "unsent":
                raise NotSentError(Reason(Cause.CONNECT_FAILED), may_try_elsewhere=True)
            case _:
                return gateway.receipt(None)

    return on_cancel


def play_orders(gateway: RememberingGateway, steps: list[tuple[float, str]]) -> None:
    """What becomes of the order, step by step."""

    def step(how: str) -> None:
        states = {"works": ["Working"], "filled": ["Filled"]}.get(how, [])
        gateway.working = {"Sim101": [order(state=state) for state in states]}
        spoiled = Flaws(accounts=frozenset({"sim101"})) if how == "row" else Flaws()
        gateway.flaws = lambda _source, _number: spoiled
        gateway.accounts_listed = [] if how == "unlisted" else [Account("Sim101", connected=True)]

        def fail(_gateway: FakeGateway, _source: Source, _number: int) -> None:
            if how == "fail":
                raise ReadFailedError(Reason(Cause.SERVER_FAILED))

        gateway.before_read = fail

    at = 0.0
    for wait_s, how in steps:
        at += wait_s
        asyncio.get_running_loop().call_later(at, step, how)


@settings(max_examples=120, deadline=None, suppress_health_check=SLOW_MACHINES)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([0.3, 1.0, 2.5, 6.0]),
            st.sampled_from(["works", "gone", "gone", "filled", "fail", "row", "unlisted"]),
        ),
        max_size=8,
    ),
    st.lists(st.sampled_from(["accepted", "lost", "gone", "refused", "unsent"]), max_size=2),
)
def test_cancelled_is_never_told_without_two_clean_reads_of_the_orders_nor_of_one_that_was_seen_filled(
    make_desk: Any, steps: list[tuple[float, str]], ends: list[str]
) -> None:
    async def run() -> None:
        gateway = RememberingGateway(working={"Sim101": [order()]}, latency_s=0.02)
        panel = make_desk(gateway)
        await panel.look()
        gateway.on_cancel = cancelling(ends)
        play_orders(gateway, steps)
        async with panel.followed():
            press = panel.cancel_press(order())
            outcome: Outcome = await Cancel(panel.desk)(press)
            await asyncio.sleep(30.0)
        assert len(gateway.cancelled) == 1
        assert outcome.cancel is not None
        for told_at, fates in told(panel, press):
            if "cancelled" in fates.values():
                reads = [
                    read
                    for read in gateway.answered
                    if isinstance(read, OrdersRead)
                    and read.stamp.sent_at >= press.began_at
                    and read.stamp.answered_at <= told_at + 1e-6
                    and not read.flaws.spoil("Sim101")
                ]
                gone = [read for read in reads if not any(each.is_working for each in read.orders)]
                assert has_two(gone, 1.0)
                assert not any(each.state == "Filled" for read in reads for each in read.orders)

    in_virtual_time(run)
