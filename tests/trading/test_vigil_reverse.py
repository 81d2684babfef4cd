"""After a reverse: an entry that works is followed, and one that comes late is found."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from crosstrade_panel.domain.outcome import Cause, Outcome, Reason, Verdict
from crosstrade_panel.domain.scope import Side
from crosstrade_panel.domain.snapshot import Position, Source
from crosstrade_panel.domain.ticket import OrderType, ReverseTicket
from crosstrade_panel.trading.ports import Receipt, UnknownOutcomeError
from crosstrade_panel.trading.press import Press
from crosstrade_panel.trading.reverse import Reverse
from crosstrade_panel.trading.vigil import Vigil
from tests.fakes import FakeGateway, fail_reads, order, position

pytestmark = pytest.mark.anyio

Make = Callable[..., Any]
MARKET = ReverseTicket("Sim101", "MES 12-25", Side.SHORT, 2)
LIMIT = ReverseTicket("Sim101", "MES 12-25", Side.SHORT, 2, OrderType.LIMIT, limit_price=Decimal("5000.25"))
NEW = position(side=Side.LONG)
ENTRY = order(order_id="entry-1")


def leaving(*rows: Position, entry: bool = False, is_lost: bool = False) -> Any:
    def on_reverse(gateway: FakeGateway, _ticket: ReverseTicket) -> Receipt:
        gateway.open, gateway.working = list(rows), {"Sim101": [ENTRY] if entry else []}
        if is_lost:
            raise UnknownOutcomeError(Reason(Cause.NO_ANSWER), sent_at=gateway.now())
        return gateway.receipt(None, ("entry-1",))

    return on_reverse


async def reverse(panel: Any, ticket: ReverseTicket = MARKET) -> Press:
    await panel.look()
    press: Press = panel.reverse_press(ticket)
    await Reverse(panel.desk)(press)
    return press


def outcome_of(press: Press) -> Outcome:
    assert press.outcome is not None
    return press.outcome


async def working(make_panel: Make) -> tuple[Any, Press]:
    panel = make_panel(FakeGateway(open=[position()], on_reverse=leaving(entry=True)))
    press = await reverse(panel, LIMIT)
    assert outcome_of(press).verdict is Verdict.REVERSE_WORKING
    return panel, press


async def test_a_working_entry_that_fills_is_reversed(make_panel: Make) -> None:
    panel, press = await working(make_panel)
    async with panel.followed():
        await asyncio.sleep(300.0)
        assert panel.outcomes() == ["reverse_working"]
        panel.gateway.open, panel.gateway.working = [NEW], {}
        await asyncio.sleep(10.0)
    assert outcome_of(press).verdict is Verdict.REVERSED
    assert outcome_of(press).late_s == pytest.approx(302.0, abs=4.0)
    assert outcome_of(press).fates[0].working_orders == ()
    assert panel.outcomes() == ["reverse_working", "reversed"]


async def test_a_working_entry_that_is_gone_is_a_mismatch(make_panel: Make) -> None:
    panel, press = await working(make_panel)
    async with panel.followed():
        await asyncio.sleep(60.0)
        panel.gateway.working = {}
        await asyncio.sleep(10.0)
    assert outcome_of(press).verdict is Verdict.REVERSE_MISMATCH
    assert panel.outcomes() == ["reverse_working", "reverse_mismatch"]


async def test_one_read_without_the_entry_is_no_mismatch(make_panel: Make) -> None:
    panel, press = await working(make_panel)
    asked: list[float] = []

    def once_empty(gateway: FakeGateway, source: Source, _number: int) -> None:
        if source is Source.ORDERS:
            asked.append(gateway.now())
            gateway.working = {"Sim101": [] if len(asked) == 3 else [ENTRY]}

    panel.gateway.before_read = once_empty
    async with panel.followed():
        await asyncio.sleep(60.0)
    assert len(asked) > 5
    assert panel.outcomes() == ["reverse_working"]
    assert outcome_of(press).verdict is Verdict.REVERSE_WORKING


async def test_a_working_entry_whose_orders_cannot_be_read_is_told_no_worse(make_panel: Make) -> None:
    panel, _ = await working(make_panel)
    panel.gateway.before_read = fail_reads(Source.ORDERS)
    async with panel.followed():
        await asyncio.sleep(60.0)
    assert panel.outcomes() == ["reverse_working"]


async def test_while_the_entry_works_the_old_side_by_two_reads_is_a_mismatch(make_panel: Make) -> None:
    panel, press = await working(make_panel)
    async with panel.followed():
        panel.gateway.open, panel.gateway.working = [position()], {}
        await asyncio.sleep(10.0)
    assert outcome_of(press).verdict is Verdict.REVERSE_MISMATCH
    assert outcome_of(press).fates[0].still_open == (position(),)


@pytest.mark.parametrize(("after_s", "verdict"), [(12.0, Verdict.REVERSED), (22.0, Verdict.REVERSE_MISMATCH)])
async def test_an_entry_that_comes_late_is_reversed_while_it_may_be_this_ones_and_not_later(
    make_panel: Make, after_s: float, verdict: Verdict
) -> None:
    panel = make_panel(FakeGateway(open=[position()], on_reverse=leaving()))
    press = await reverse(panel)
    assert outcome_of(press).verdict is Verdict.REVERSE_MISMATCH
    async with panel.followed():
        await asyncio.sleep(press.began_at + after_s - panel.clock.monotonic())
        panel.gateway.open = [NEW]
        await asyncio.sleep(6.0)
    assert outcome_of(press).verdict is verdict


async def test_a_reverse_without_an_answer_is_reversed_late_by_proof_and_else_stays_unknown(
    make_panel: Make,
) -> None:
    panel = make_panel(FakeGateway(open=[position()], on_reverse=leaving(position(), is_lost=True)))
    press = await reverse(panel)
    assert outcome_of(press).verdict is Verdict.UNKNOWN
    async with panel.followed():
        for rows in ([], [position()]):
            panel.gateway.open = rows
            await asyncio.sleep(20.0)
            assert panel.outcomes() == ["unknown"]
        panel.gateway.open = [NEW]
        await asyncio.sleep(10.0)
    assert outcome_of(press).verdict is Verdict.REVERSED


async def test_a_reverse_of_an_earlier_run_is_told_by_reads_made_now(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[NEW]))
    await panel.look()
    press = panel.reverse_press(MARKET)
    press.outcome = Outcome(Verdict.UNKNOWN, panel.clock.now(), reason=Reason(Cause.INTERRUPTED))
    async with panel.followed():
        await asyncio.sleep(0.5)
        assert outcome_of(press).verdict is Verdict.UNKNOWN
        await asyncio.sleep(5.0)
    assert outcome_of(press).verdict is Verdict.REVERSED


async def test_reversed_is_final(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position()]))
    press = await reverse(panel)
    assert outcome_of(press).verdict is Verdict.REVERSED
    async with panel.followed():
        panel.gateway.open = []
        await asyncio.sleep(20.0)
    assert panel.outcomes() == ["reversed"]


async def test_a_working_entry_that_fills_is_reversed_also_where_the_orders_cannot_be_read(
    make_panel: Make,
) -> None:
    panel, press = await working(make_panel)
    panel.gateway.before_read = fail_reads(Source.ORDERS)
    async with panel.followed():
        panel.gateway.open = [NEW]
        await asyncio.sleep(10.0)
    assert outcome_of(press).verdict is Verdict.REVERSED


async def test_an_entry_may_come_late_for_as_long_as_the_reverse_may_enter_since_it_was_sent(
    make_panel: Make,
) -> None:
    def slowly(gateway: FakeGateway, _ticket: ReverseTicket) -> Receipt:
        gateway.open, gateway.latency_s = [], 0.01
        return Receipt(("entry-1",), None, "", gateway.now(), gateway.now())

    panel = make_panel(FakeGateway(open=[position()], on_reverse=slowly))
    await panel.look()
    panel.gateway.latency_s = 5.0  # until it was sent
    press = panel.reverse_press(MARKET)
    await Reverse(panel.desk)(press)
    assert press.sent_at == pytest.approx(press.began_at + 5.0)
    assert outcome_of(press).verdict is Verdict.REVERSE_MISMATCH
    Vigil(panel.desk)
    await asyncio.sleep(press.sent_at + 17.0 - panel.clock.monotonic())
    panel.gateway.open = [NEW]
    for source in (Source.SNAPSHOT, Source.POSITIONS):
        await panel.desk.watch.positions(source)
        await asyncio.sleep(1.1)
    assert outcome_of(press).verdict is Verdict.REVERSED


@pytest.mark.parametrize(("factor", "is_told"), [(1.0, True), (0.2, False)])
async def test_a_reverse_of_an_earlier_run_is_no_mismatch_by_reads_older_than_the_pace_says(
    make_panel: Make, factor: float, is_told: bool
) -> None:
    panel = make_panel(FakeGateway(open=[position(side=Side.LONG, quantity=1)]))
    panel.desk = replace(panel.desk, pace=panel.desk.pace.scaled(factor))
    press = panel.reverse_press(MARKET)
    press.outcome = Outcome(Verdict.UNKNOWN, panel.clock.now(), reason=Reason(Cause.INTERRUPTED))
    Vigil(panel.desk)
    await panel.look()
    panel.gateway.latency_s = 2.0  # answered so long after it was asked for
    for source in (Source.SNAPSHOT, Source.POSITIONS):
        await asyncio.sleep(1.1)
        await panel.desk.watch.positions(source)
    told = Verdict.REVERSE_MISMATCH if is_told else Verdict.UNKNOWN
    assert outcome_of(press).verdict is told
