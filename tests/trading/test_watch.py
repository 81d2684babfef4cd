"""The watch: the newest picture, the accounts of the session, cadence, and every way a read can fail."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from crosstrade_panel.domain.outcome import Cause, Reason
from crosstrade_panel.domain.scope import EveryAccount, OneAccount
from crosstrade_panel.domain.snapshot import Account, Flaws, OrdersRead, Source
from crosstrade_panel.trading.ports import ReadFailedError, failed
from crosstrade_panel.trading.roster import Seen
from crosstrade_panel.trading.watch import Picture
from tests.fakes import FakeGateway, fail_reads, order, position, positions_read

pytestmark = pytest.mark.anyio

Make = Callable[..., Any]


async def test_the_newest_picture_is_the_one_asked_for_last_not_the_one_answered_last(
    make_panel: Make,
) -> None:
    gateway = FakeGateway(open=[position()], latency_s=5.0)
    watch = make_panel(gateway).desk.watch
    slow = asyncio.create_task(watch.positions(Source.SNAPSHOT))
    await asyncio.sleep(1.0)
    gateway.open, gateway.latency_s = [], 0.01
    gateway.accounts_listed = [Account("Sim103")]
    await watch.positions(Source.SNAPSHOT)
    await slow
    assert watch.latest.positions == ()
    assert [account.name for account in watch.accounts] == ["Sim103"]
    assert watch.picture().last_good(OneAccount("Sim103"))["sim103"].rows == ()


async def test_a_picture_with_a_flaw_in_all_of_it_is_no_newest_picture(make_panel: Make) -> None:
    watch = make_panel(FakeGateway(open=[position()], flaws=lambda _s, _n: Flaws("count"))).desk.watch
    assert watch.age_s() is None
    await watch.positions(Source.SNAPSHOT)
    await watch.list_accounts()
    assert watch.latest is None
    assert watch.accounts == ()
    assert watch.picture().last_good(EveryAccount()) == {}


async def test_the_age_of_the_picture_counts_from_when_it_was_asked_for(make_panel: Make) -> None:
    watch = make_panel(FakeGateway(latency_s=0.5)).desk.watch
    await watch.positions(Source.POSITIONS)
    await asyncio.sleep(2.0)
    assert watch.age_s() == pytest.approx(2.5)


async def test_what_was_read_before_the_machine_slept_has_no_age_and_the_first_read_after_it_has(
    make_panel: Make,
) -> None:
    watch = make_panel(FakeGateway(latency_s=0.5)).desk.watch
    await watch.positions(Source.POSITIONS)
    watch.begin_anew()
    assert watch.age_s() is None
    await watch.positions(Source.POSITIONS)  # sent in the same moment
    assert watch.age_s() == pytest.approx(0.5)


async def test_a_picture_served_again_with_the_same_server_time_is_no_new_one(make_panel: Make) -> None:
    times = iter([5, 5, 6, 4, 6, 7])
    gateway = FakeGateway(epoch=lambda _source, _number: next(times))
    watch = make_panel(gateway).desk.watch
    clean = [(await watch.positions(Source.POSITIONS)).flaws.everything is None for _ in range(6)]
    assert clean == [True, False, True, False, False, True]


async def test_the_flaw_a_read_has_of_itself_is_kept_when_its_time_is_old_too(make_panel: Make) -> None:
    gateway = FakeGateway(epoch=lambda _source, _number: 5, flaws=lambda _source, _number: Flaws("count"))
    watch = make_panel(gateway).desk.watch
    await watch.positions(Source.POSITIONS)
    assert (await watch.positions(Source.POSITIONS)).flaws.everything == "count"


async def test_failures_in_a_row_are_told_with_their_beginning_and_end_with_an_answer(
    make_panel: Make,
) -> None:
    gateway = FakeGateway(before_read=fail_reads(*Source))
    watch = make_panel(gateway).desk.watch
    told: list[object] = []
    watch.listeners.append(lambda: told.append(watch.failing))
    for source in (Source.POSITIONS, Source.SNAPSHOT):
        with pytest.raises(ReadFailedError):
            await watch.positions(source)
        await asyncio.sleep(1.0)
    with pytest.raises(ReadFailedError):
        await watch.list_accounts()
    assert watch.failing.since == pytest.approx(1000.0)
    gateway.before_read = None
    await watch.positions(Source.POSITIONS)
    assert watch.failing is None
    assert len(told) == 4


async def test_orders_that_cannot_be_read_say_nothing_of_the_link(make_panel: Make) -> None:
    watch = make_panel(FakeGateway(before_read=fail_reads(Source.ORDERS))).desk.watch
    with pytest.raises(ReadFailedError):
        await watch.orders("Sim101")
    assert watch.failing is None


async def test_silence_to_orders_is_told_of_the_link_unless_another_read_was_answered_meanwhile(
    make_panel: Make,
) -> None:
    watch = make_panel(FakeGateway(before_read=fail_reads(Source.ORDERS, cause=Cause.NO_ANSWER))).desk.watch
    await watch.positions(Source.POSITIONS)
    await asyncio.sleep(1.0)
    with pytest.raises(ReadFailedError):
        await watch.orders("Sim101")
    assert watch.failing.since == pytest.approx(1001.01)
    assert watch.failing.reason.cause is Cause.NO_ANSWER
    await watch.positions(Source.POSITIONS)
    assert watch.failing is None


async def test_orders_alone_that_hang_say_nothing_of_the_link(make_panel: Make) -> None:
    gateway = FakeGateway()
    watch = make_panel(gateway).desk.watch

    async def silent(account: str) -> OrdersRead:
        await asyncio.sleep(3.0)
        raise ReadFailedError(Reason(Cause.NO_ANSWER))

    gateway.orders = silent  # type: ignore[method-assign]
    stuck = asyncio.ensure_future(watch.orders("Sim101"))
    await asyncio.sleep(1.2)
    await watch.positions(Source.POSITIONS)
    with pytest.raises(ReadFailedError):
        await stuck
    assert watch.failing is None


@pytest.mark.parametrize(("retry_after_s", "pause_s"), [(None, 2.0), (7.0, 7.0), (300.0, 30.0)])
async def test_too_many_requests_make_reads_pause_as_long_as_the_server_says(
    make_panel: Make, retry_after_s: float | None, pause_s: float
) -> None:
    def refuse(_gateway: FakeGateway, _source: Source, _number: int) -> None:
        raise ReadFailedError(Reason(Cause.OVER_BUDGET, retry_after_s=retry_after_s))

    panel = make_panel(FakeGateway(before_read=refuse))
    with pytest.raises(ReadFailedError):
        await panel.desk.watch.positions(Source.POSITIONS)
    assert panel.desk.watch.budget.wait_s(panel.clock.monotonic(), -100.0) == pytest.approx(pause_s)


async def test_the_background_reads_both_endpoints_in_turn_faster_while_something_is_open(
    make_panel: Make,
) -> None:
    gateway = FakeGateway(latency_s=0.0)
    panel = make_panel(gateway)
    task = asyncio.create_task(panel.desk.watch.run())
    await asyncio.sleep(6.2)
    assert [round(at - 1000, 1) for _, at in gateway.reads] == [0.0, 1.5, 3.0, 4.5, 6.0]
    assert [source for source, _ in gateway.reads[:2]] == [Source.SNAPSHOT, Source.POSITIONS]
    gateway.open = [position()]
    await asyncio.sleep(5.0)  # the third turn is that of the orders, and shows no position
    gateway.reads.clear()
    await asyncio.sleep(2.3)
    assert [round(at - 1000, 1) for _, at in gateway.reads] == [11.7, 12.9]
    panel.desk.watch.is_hidden = True
    await asyncio.sleep(2.0)
    gateway.reads.clear()
    await asyncio.sleep(9.0)
    assert len(gateway.reads) <= 1
    gateway.reads.clear()
    panel.desk.watch.wake()
    await asyncio.sleep(0.1)
    assert len(gateway.reads) == 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize(
    ("cause", "lists"),
    [
        (Cause.WRONG_PATH, True),
        (Cause.SAYS_NOTHING, True),
        (Cause.NO_ANSWER, False),
        (Cause.OVER_BUDGET, False),
    ],
)
async def test_where_the_snapshot_is_refused_the_accounts_are_listed_in_every_other_turn_of_it(
    make_panel: Make, cause: Cause, lists: bool
) -> None:
    gateway = FakeGateway(before_read=fail_reads(Source.SNAPSHOT, cause=cause))
    panel = make_panel(gateway)
    task = asyncio.create_task(panel.desk.watch.run())
    await asyncio.sleep(60.0)
    asked = [source for source, _ in gateway.reads if source in {Source.SNAPSHOT, Source.ACCOUNTS}]
    if lists:
        assert asked[:4] == [Source.SNAPSHOT, Source.ACCOUNTS, Source.SNAPSHOT, Source.ACCOUNTS]
        every = [source for source, _ in gateway.reads]
        assert every[:3] == [Source.SNAPSHOT, Source.POSITIONS, Source.ACCOUNTS]
        assert [account.name for account in panel.desk.watch.accounts] == ["Sim101", "Sim102"]
    else:
        assert Source.ACCOUNTS not in asked
    gateway.before_read = None
    await asyncio.sleep(30.0)
    gateway.reads.clear()
    await asyncio.sleep(30.0)
    assert Source.ACCOUNTS not in {source for source, _ in gateway.reads}
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_listing_that_fails_as_well_ends_nothing(make_panel: Make) -> None:
    failing = fail_reads(Source.SNAPSHOT, Source.ACCOUNTS, cause=Cause.WRONG_PATH)
    gateway = FakeGateway(before_read=failing)
    panel = make_panel(gateway)
    task = asyncio.create_task(panel.desk.watch.run())
    await asyncio.sleep(30.0)
    assert not task.done()
    assert panel.desk.watch.accounts == ()
    assert panel.desk.watch.latest is not None
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_reads_that_are_stuck_or_fail_neither_end_nor_multiply_the_background(make_panel: Make) -> None:
    gateway = FakeGateway(latency_s=20.0)
    panel = make_panel(gateway)
    task = asyncio.create_task(panel.desk.watch.run())
    await asyncio.sleep(10.0)
    assert len(gateway.reads) == 2
    gateway.latency_s, gateway.before_read = 0.01, fail_reads(*Source)
    await asyncio.sleep(20.0)
    assert len(gateway.reads) > 4
    assert not task.done()
    gateway.before_read, gateway.latency_s = None, 20.0
    await asyncio.sleep(4.0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert panel.desk.watch._under_way == set()


async def test_the_session_remembers_who_was_connected_and_who_held_something(make_panel: Make) -> None:
    gateway = FakeGateway(
        accounts_listed=[Account("Sim101", connected=True), Account("Old", connected=False), Account("Bare")],
        open=[position("Holds")],
        working={"Orders": [order("Orders")]},
    )
    watch = make_panel(gateway).desk.watch
    await watch.list_accounts()
    await watch.positions(Source.POSITIONS)
    await watch.orders("Orders")
    await watch.orders("Idle")
    gateway.accounts_listed = [Account("SIM101", connected=False)]
    gateway.open = [position(None)]  # type: ignore[arg-type]
    await watch.positions(Source.SNAPSHOT)
    assert watch.roster.seen == {
        "sim101": Seen("Sim101", ever_connected=True),
        "old": Seen("Old"),
        "bare": Seen("Bare"),
        "holds": Seen("Holds", ever_held=True),
        "orders": Seen("Orders", ever_held=True),
        "idle": Seen("Idle"),
    }


def test_what_was_last_known_of_an_account_is_from_the_newest_good_read_that_speaks_of_it() -> None:
    hidden = position(None)  # type: ignore[arg-type]
    reads = (
        positions_read(1.0, position("Sim102"), position()),
        positions_read(2.0, source=Source.SNAPSHOT),
        positions_read(3.0, flaws=Flaws("count")),
        positions_read(4.0, hidden, flaws=Flaws(accounts=frozenset({"sim101", "sim102"}))),
    )
    picture = Picture(reads, {"sim101": Seen("Sim101"), "sim102": Seen("Sim102"), "sim103": Seen("Sim103")})
    known = picture.last_good(EveryAccount())
    assert {key: (shown.rows, shown.stamp.sent_at) for key, shown in known.items()} == {
        "sim101": ((), 2.0),
        "sim102": ((position("Sim102"),), 1.0),
        "sim103": ((), 4.0),
    }
    assert Picture((), {}).last_good(OneAccount("Sim101")) == {}


def test_of_one_account_the_picture_is_good_also_where_the_session_never_heard_of_it() -> None:
    reads = (positions_read(1.0, position("Sim102")), positions_read(2.0, source=Source.SNAPSHOT))
    picture = Picture(reads, {"sim102": Seen("Sim102")})
    assert {key: shown.rows for key, shown in picture.last_good(OneAccount("SIM101")).items()} == {
        "sim101": ()
    }
    assert {key: shown.rows for key, shown in picture.last_good(EveryAccount()).items()} == {
        "sim102": (position("Sim102"),)
    }


async def test_only_an_order_in_doubt_that_a_cancel_found_ended_is_read_as_ended(make_panel: Make) -> None:
    orders = [
        order(order_id="gone", state="Unknown"),
        order(order_id="gone too", state=None),
        order(order_id="in doubt", state="Unknown"),
        order(order_id="works", state="Working"),
        order(order_id="works again", state="Working"),
    ]
    watch = make_panel(FakeGateway(working={"Sim101": orders})).desk.watch
    watch.ended_orders |= {"gone", "gone too", "works again"}
    read = await watch.orders("Sim101")
    assert [each.order_id for each in read.orders if each.is_working] == ["in doubt", "works", "works again"]
    assert [each.state for each in read.orders] == ["Ended", "Ended", "Unknown", "Working", "Working"]


async def test_the_background_waits_until_its_read_leaves_the_tokens_of_the_presses(make_panel: Make) -> None:
    panel = make_panel(FakeGateway())
    for _ in range(12):
        panel.desk.watch.budget.spend(panel.clock.monotonic())
    levels: list[float] = []
    panel.gateway.before_read = lambda gateway, _source, _number: levels.append(
        panel.desk.watch.budget.level(gateway.now())
    )
    task = asyncio.create_task(panel.desk.watch.run())
    await asyncio.sleep(5.0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert levels
    assert min(levels) >= 7.99


def test_a_read_that_failed_has_a_cause_and_no_words() -> None:
    assert failed(Cause.TOO_LARGE).reason == Reason(Cause.TOO_LARGE)


async def test_a_server_whose_clock_is_set_back_is_believed_again_from_the_next_read_on(
    make_panel: Make,
) -> None:
    times = iter([5000, 6000, 1000, 2000, 3000])
    watch = make_panel(FakeGateway(epoch=lambda _source, _number: next(times))).desk.watch
    clean = [(await watch.positions(Source.POSITIONS)).flaws.everything is None for _ in range(5)]
    assert clean == [True, True, False, True, True]


async def test_a_server_whose_clock_was_set_back_is_believed_also_when_it_catches_up(
    make_panel: Make,
) -> None:
    times = iter([1000, *range(100, 180), 1000])
    watch = make_panel(FakeGateway(epoch=lambda _source, _number: next(times))).desk.watch
    clean = [(await watch.positions(Source.POSITIONS)).flaws.everything is None for _ in range(82)]
    assert clean == [True, False, *[True] * 80]


async def test_of_many_reads_the_picture_keeps_the_last_eight(make_panel: Make) -> None:
    panel = make_panel(FakeGateway())
    for _ in range(30):
        await panel.look()
    kept = panel.desk.watch.picture().reads
    assert [read.stamp.sent_at for read in kept] == [at for _, at in panel.gateway.reads][-8:]


async def test_an_answer_much_slower_than_those_before_makes_the_background_careful(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(latency_s=0.1))
    for _ in range(3):
        await panel.look()
    assert panel.desk.watch.budget.caution(panel.clock.monotonic()) == 1.0
    panel.gateway.latency_s = 2.0
    await panel.look(Source.POSITIONS)
    assert panel.desk.watch.budget.caution(panel.clock.monotonic()) == 2.0
