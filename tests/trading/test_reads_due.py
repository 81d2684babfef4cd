"""When the next read after a press is due, to the tenth of a second; none is made twice at a time."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from crosstrade_panel.domain.outcome import Outcome, Verdict
from crosstrade_panel.domain.scope import EveryAccount, OneAccount, Scope, Side
from crosstrade_panel.domain.snapshot import Flaws, Source
from crosstrade_panel.domain.ticket import ReverseTicket
from crosstrade_panel.trading.flatten import Flatten
from crosstrade_panel.trading.press import Lock
from tests.fakes import NOON, FakeGateway, fail_reads, position

pytestmark = pytest.mark.anyio

Make = Callable[..., Any]
SIM101 = OneAccount("Sim101")
POSITIONS = (Source.POSITIONS, Source.SNAPSHOT)


def stays_open(gateway: FakeGateway, _scope: object) -> Any:
    return gateway.receipt(list(gateway.open))


async def flatten(panel: Any, scope: Scope = SIM101) -> Outcome:
    outcome: Outcome = await Flatten(panel.desk)(panel.press(scope))
    return outcome


def sent_at(gateway: FakeGateway, *sources: Source, since: float = 1000.0) -> list[float]:
    return [round(at - since, 2) for source, at in gateway.reads if source in (sources or POSITIONS)]


async def test_the_look_before_the_second_half_is_put_off_until_that_one_is_due(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position()], latency_s=0.4))
    assert (await flatten(panel)).verdict is Verdict.FLAT
    assert sent_at(panel.gateway, since=1000.4) == [0.0, 0.5, 1.4]


async def test_a_second_half_that_failed_is_read_half_a_second_later(make_panel: Make) -> None:
    def fail(gateway: FakeGateway, source: Source, number: int) -> None:
        if gateway.now() >= 1001.0:
            fail_reads(Source.SNAPSHOT)(gateway, source, number)

    panel = make_panel(FakeGateway(open=[position()], before_read=fail, latency_s=0.0))
    assert (await flatten(panel)).verdict is Verdict.FLAT
    assert sent_at(panel.gateway) == [0.0, 0.5, 1.0, 1.5]


async def test_a_second_half_that_settles_nothing_is_read_again_no_faster_than_a_pair_takes(
    make_panel: Make,
) -> None:
    def spoiled(source: Source, _number: int) -> Flaws:
        return Flaws(accounts=frozenset({"sim101"})) if source is Source.SNAPSHOT else Flaws()

    panel = make_panel(FakeGateway(open=[position()], flaws=spoiled, latency_s=0.0))
    assert (await flatten(panel)).verdict is Verdict.NOT_PROVED
    assert sent_at(panel.gateway)[:6] == [0.0, 0.5, 1.0, 2.0, 3.0, 3.5]


@pytest.mark.parametrize("factor", [1.0, 0.5])
async def test_past_the_last_look_of_a_longer_window_a_read_is_made_every_two_gaps(
    make_panel: Make, factor: float
) -> None:
    panel = make_panel(FakeGateway(open=[position()], on_flatten=stays_open, latency_s=0.0))
    panel.desk = replace(panel.desk, pace=panel.desk.pace.scaled(factor))
    panel.desk.book._pace = panel.desk.pace
    ticket = ReverseTicket("Sim101", "MES 12-25", Side.SHORT, 2)
    panel.reverse_press(ticket).outcome = Outcome(Verdict.UNKNOWN, NOON)
    assert (await flatten(panel)).verdict is Verdict.STILL_OPEN
    late = [at for at in sent_at(panel.gateway) if at >= 10.0 * factor]
    assert late == pytest.approx([at * factor for at in (10.0, 12.0, 14.0, 16.0, 18.0, 20.0, 22.0)])


@pytest.mark.parametrize("slow", [Source.ORDERS, Source.ACCOUNTS])
async def test_what_is_slow_to_answer_is_not_asked_for_again_before_it_has(
    make_panel: Make, slow: Source
) -> None:
    def script(gateway: FakeGateway, source: Source, number: int) -> None:
        if slow is Source.ACCOUNTS:  # asked for only where the snapshot fails
            fail_reads(Source.SNAPSHOT)(gateway, source, number)
        gateway.latency_s = 2.5 if source is slow else 0.01

    panel = make_panel(FakeGateway(open=[position()], before_read=script))
    assert (await flatten(panel)).verdict is Verdict.FLAT
    assert len(sent_at(panel.gateway, slow)) == 1


async def test_an_account_whose_orders_cannot_be_read_does_not_keep_another_one_from_its_turn(
    make_panel: Make,
) -> None:
    panel = make_panel(FakeGateway(open=[position(), position("Sim102")]))
    orders = panel.gateway.orders

    async def of_the_second_only(account: str) -> Any:
        if account == "Sim101":
            fail_reads(Source.ORDERS)(panel.gateway, Source.ORDERS, 0)
        return await orders(account)

    panel.gateway.orders = of_the_second_only
    outcome = await flatten(panel, EveryAccount())
    assert {fate.account: fate.verdict for fate in outcome.fates} == {
        "Sim101": Verdict.FLAT_ORDERS_NOT_CHECKED,
        "Sim102": Verdict.FLAT,
    }


async def test_every_read_of_a_press_leaves_three_tokens_for_the_next_press(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position()], on_flatten=stays_open))
    budget = panel.desk.watch.budget
    levels: list[float] = []
    for _ in range(17):
        budget.spend(panel.clock.monotonic())
    panel.gateway.before_read = lambda gateway, _source, _number: levels.append(budget.level(gateway.now()))
    assert (await flatten(panel)).verdict is Verdict.STILL_OPEN
    assert len(levels) > 5
    assert min(levels) >= 2.99


async def test_a_press_that_was_answered_is_locked_until_one_read_after_it_was_answered_too(
    make_panel: Make,
) -> None:
    panel = make_panel(FakeGateway(open=[position()], on_flatten=stays_open, before_read=fail_reads(*Source)))
    press = panel.press(SIM101)
    flattening = asyncio.create_task(Flatten(panel.desk)(press))
    await asyncio.sleep(1.2)
    assert sent_at(panel.gateway)
    assert press.read_since_answer is False
    lock = panel.desk.book.flatten_lock
    assert lock(SIM101, panel.clock.monotonic()).lock is Lock.LOCKED
    panel.gateway.before_read = None
    await asyncio.sleep(1.0)
    assert lock(SIM101, panel.clock.monotonic()).lock is Lock.AGAIN
    await flattening
