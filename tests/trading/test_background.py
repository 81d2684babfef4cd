"""The background reads in turn: positions, snapshot, some account's orders; who is asked, and how often."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from crosstrade_panel.domain.outcome import Cause, Reason
from crosstrade_panel.domain.snapshot import Account, Flaws, Source
from crosstrade_panel.trading.ports import ReadFailedError
from crosstrade_panel.trading.reads import FailedRead, Read
from tests.fakes import FakeGateway, fail_reads, order, position

pytestmark = pytest.mark.anyio

Make = Callable[..., Any]


class AskedGateway(FakeGateway):
    """Knows besides whose orders were asked for."""

    def __init__(self, **fields: Any) -> None:
        super().__init__(**fields)
        self.asked: list[str] = []

    async def orders(self, account: str) -> Any:
        self.asked.append(account)
        return await super().orders(account)


async def run_for(panel: Any, seconds: float) -> None:
    task = asyncio.create_task(panel.desk.watch.run())
    await asyncio.sleep(seconds)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_two_of_three_reads_are_positions_and_snapshot_and_one_is_orders(make_panel: Make) -> None:
    gateway = AskedGateway(open=[position()], latency_s=0.0)
    panel = make_panel(gateway)
    await run_for(panel, 10.9)
    assert [source for source, _ in gateway.reads] == [
        Source.SNAPSHOT,
        Source.POSITIONS,
        Source.ORDERS,
    ] * 3
    gaps = [b[1] - a[1] for a, b in zip(gateway.reads[1:], gateway.reads[2:], strict=False)]
    assert gaps == pytest.approx([1.2] * 7)


async def test_while_flat_the_beat_is_slower_and_each_link_is_used_every_three_seconds(
    make_panel: Make,
) -> None:
    gateway = AskedGateway(latency_s=0.0)
    await run_for(make_panel(gateway), 12.1)
    assert [round(at - 1000.0, 1) for _, at in gateway.reads] == [1.5 * beat for beat in range(9)]


async def test_every_connected_account_gets_its_turn_and_the_others_are_not_asked(make_panel: Make) -> None:
    gateway = AskedGateway(
        accounts_listed=[
            *(Account(f"Sim{number}", connected=True) for number in range(6)),
            Account("Unsaid"),
            Account("Gone", connected=False),
        ]
    )
    await run_for(make_panel(gateway), 120.0)
    asked = Counter(gateway.asked)
    assert set(asked) == {*(f"Sim{number}" for number in range(6)), "Unsaid"}
    assert max(asked.values()) - min(asked.values()) <= 1


@pytest.mark.parametrize("why", ["holding", "focus", "wanted"])
async def test_accounts_with_positions_in_focus_or_wanted_come_first_and_oftener_but_not_alone(
    make_panel: Make, why: str
) -> None:
    names = [f"Sim{number}" for number in range(10)]
    gateway = AskedGateway(accounts_listed=[Account(name, connected=True) for name in names])
    panel = make_panel(gateway)
    match why:
        case "holding":
            gateway.open = [position("SIM7")]
        case "focus":
            panel.desk.watch.focus = "sim7"
        case _:
            panel.desk.watch.orders_wanted = frozenset({"sim7"})
    await run_for(panel, 180.0)
    asked = Counter(gateway.asked)
    assert gateway.asked[0] == "Sim7"
    assert set(asked) == set(names)
    assert asked["Sim7"] > 2 * max(count for name, count in asked.items() if name != "Sim7")


async def test_of_two_accounts_the_one_with_a_position_is_asked_for_its_orders_four_times_of_five(
    make_panel: Make,
) -> None:
    names = [f"Sim{number}" for number in range(2)]
    gateway = AskedGateway(accounts_listed=[Account(name, connected=True) for name in names])
    panel = make_panel(gateway)
    gateway.open = [position("Sim1")]
    await run_for(panel, 300.0)
    asked = Counter(gateway.asked)
    assert asked["Sim1"] == pytest.approx(4 * asked["Sim0"], rel=0.15)


async def test_hidden_it_reads_no_orders_and_still_both_endpoints(make_panel: Make) -> None:
    gateway = AskedGateway()
    panel = make_panel(gateway)
    panel.desk.watch.is_hidden = True
    await run_for(panel, 95.0)
    counts = Counter(source for source, _ in gateway.reads)
    assert set(counts) == {Source.SNAPSHOT, Source.POSITIONS}
    assert sum(counts.values()) == 10


async def test_before_any_account_is_known_the_turn_of_the_orders_is_one_of_the_positions(
    make_panel: Make,
) -> None:
    gateway = AskedGateway(before_read=fail_reads(Source.SNAPSHOT, Source.ACCOUNTS))
    await run_for(make_panel(gateway), 10.0)
    assert gateway.asked == []
    assert len(gateway.reads) == 7


async def test_orders_that_fail_are_told_to_who_follows_and_asked_for_again_in_their_turn(
    make_panel: Make,
) -> None:
    gateway = AskedGateway(before_read=fail_reads(Source.ORDERS))
    panel = make_panel(gateway)
    told: list[Read] = []
    panel.desk.watch.followers.append(told.append)
    await run_for(panel, 20.0)
    assert panel.desk.watch.failing is None
    failed = [read for read in told if isinstance(read, FailedRead)]
    assert [read.account for read in failed] == gateway.asked
    assert len(failed) >= 4
    assert {read.source for read in failed} == {Source.ORDERS}


async def test_orders_are_asked_for_also_while_no_positions_can_be_read(make_panel: Make) -> None:
    gateway = AskedGateway(before_read=fail_reads(Source.SNAPSHOT, Source.POSITIONS))
    panel = make_panel(gateway)
    await panel.desk.watch.list_accounts()
    await run_for(panel, 20.0)
    assert set(gateway.asked) == {"Sim101", "Sim102"}


async def test_the_newest_clean_orders_are_kept_for_each_account(make_panel: Make) -> None:
    gateway = FakeGateway(working={"Sim101": [order()]}, latency_s=3.0)
    watch = make_panel(gateway).desk.watch
    slow = asyncio.create_task(watch.orders("Sim101"))
    await asyncio.sleep(1.0)
    gateway.latency_s, gateway.working = 0.01, {"Sim101": [order(order_id="new")]}
    newest = await watch.orders("Sim101")
    await slow
    assert watch.orders_read == {"sim101": newest}
    gateway.flaws = lambda _source, _number: Flaws(accounts=frozenset({"sim101"}))
    await watch.orders("Sim101")
    assert watch.orders_read == {"sim101": newest}


async def test_orders_over_budget_make_the_reads_pause(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(before_read=fail_reads(Source.ORDERS, cause=Cause.OVER_BUDGET)))
    with pytest.raises(ReadFailedError):
        await panel.desk.watch.orders("Sim101")
    assert panel.desk.watch.budget.wait_s(panel.clock.monotonic(), -100.0) == pytest.approx(2.0)


# -- a read at once ---


async def test_a_read_at_once_is_of_the_other_endpoint_than_the_newest_read(make_panel: Make) -> None:
    for last, other in ((Source.POSITIONS, Source.SNAPSHOT), (Source.SNAPSHOT, Source.POSITIONS)):
        panel = make_panel(FakeGateway())
        await panel.look(last)
        panel.desk.watch.read_at_once()
        await asyncio.sleep(0.1)
        assert panel.gateway.reads[-1][0] is other
    fresh = make_panel(FakeGateway())
    fresh.desk.watch.read_at_once()
    await asyncio.sleep(0.1)
    assert [source for source, _ in fresh.gateway.reads] == [Source.SNAPSHOT]


async def test_a_read_at_once_leaves_tokens_for_presses_and_does_not_pile_up(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(latency_s=9.0))
    for _ in range(10):
        panel.desk.watch.read_at_once()
    await asyncio.sleep(0.4)
    assert len(panel.gateway.reads) == 1
    for _ in range(4):
        await asyncio.sleep(0.6)
        panel.desk.watch.read_at_once()
    await asyncio.sleep(0.0)
    assert len(panel.gateway.reads) == 2
    await panel.desk.watch.stop()
    drained = make_panel(FakeGateway())
    drained.desk.watch.budget.back_off(drained.clock.monotonic(), 5.0)
    drained.desk.watch.read_at_once()
    await asyncio.sleep(0.1)
    assert drained.gateway.reads == []


async def test_stopping_ends_what_waits_as_well(make_panel: Make) -> None:
    watch = make_panel(FakeGateway()).desk.watch
    waiting = watch.wait_for(asyncio.sleep(1e6))
    await watch.stop()
    assert waiting.cancelled()


async def test_what_is_no_refusal_of_the_budget_closes_nothing(make_panel: Make) -> None:
    panel = make_panel(FakeGateway())
    panel.desk.watch.back_off(Reason(Cause.SERVER_SAID_NO))
    assert panel.desk.watch.budget.wait_s(panel.clock.monotonic(), 8.0) == 0.0


async def test_reads_given_up_in_a_row_halve_the_beat_twice_and_an_answer_restores_it(
    make_panel: Make,
) -> None:
    is_silent = True

    def give_up(_gateway: FakeGateway, _source: Source, _number: int) -> None:
        if is_silent:
            raise ReadFailedError(Reason(Cause.NO_ANSWER))

    gateway = FakeGateway(latency_s=0.0, before_read=give_up)
    panel = make_panel(gateway)
    task = asyncio.create_task(panel.desk.watch.run())
    await asyncio.sleep(22.0)
    assert [round(at - 1000.0, 1) for _, at in gateway.reads] == [0.0, 1.5, 4.5, 10.5, 16.5]
    is_silent = False
    await asyncio.sleep(10.0)
    later = [round(at - 1000.0, 1) for _, at in gateway.reads][5:]
    assert later == [22.5, 22.5, 24.0, 25.5, 27.0, 28.5, 30.0, 31.5]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_server_that_fails_at_once_is_asked_at_the_usual_beat(make_panel: Make) -> None:
    gateway = FakeGateway(latency_s=0.0, before_read=fail_reads(*Source))
    await run_for(make_panel(gateway), 6.1)
    assert [round(at - 1000.0, 1) for _, at in gateway.reads] == [0.0, 1.5, 3.0, 4.5, 6.0]
