"""The reads after a press: when they are made, how many, and when they end."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from crosstrade_panel.domain.outcome import Cause, Reason, Verdict
from crosstrade_panel.domain.scope import EveryAccount, OneAccount, Side
from crosstrade_panel.domain.snapshot import Account, Flaws, Source
from crosstrade_panel.trading.flatten import Flatten
from crosstrade_panel.trading.ports import EntryKind, ReadFailedError
from tests.fakes import FakeGateway, fail_reads, position

pytestmark = pytest.mark.anyio

Make = Callable[..., Any]
SIM101 = OneAccount("Sim101")
POSITION_READS = {Source.POSITIONS, Source.SNAPSHOT}


def stays_open(gateway: FakeGateway, _scope: object) -> Any:
    return gateway.receipt(list(gateway.open))


def position_reads(gateway: FakeGateway, since: float = 1000.0) -> list[float]:
    return [round(at - since, 2) for source, at in gateway.reads if source in POSITION_READS]


async def test_reads_follow_the_schedule_while_something_stays_open(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position()], on_flatten=stays_open, latency_s=0.0))
    await Flatten(panel.desk)(panel.press(SIM101))
    assert position_reads(panel.gateway) == [0.0, 0.5, 1.0, 2.0, 3.5, 5.5, 8.0, 10.0]
    sources = [source for source, _ in panel.gateway.reads]
    assert sources == [Source.POSITIONS, Source.SNAPSHOT] * 4


async def test_the_second_read_is_of_the_other_endpoint_a_second_after_the_first_was_answered(
    make_panel: Make,
) -> None:
    panel = make_panel(FakeGateway(open=[position()], latency_s=0.2))
    await Flatten(panel.desk)(panel.press(SIM101))
    first, *_, last = [
        (source, round(at - 1000.2, 2)) for source, at in panel.gateway.reads if source in POSITION_READS
    ]
    assert (first, last) == ((Source.POSITIONS, 0.0), (Source.SNAPSHOT, 1.2))


async def test_reads_that_fail_at_once_never_become_a_storm(make_panel: Make) -> None:
    for sources in ((*Source,), (Source.SNAPSHOT, Source.ACCOUNTS), (Source.POSITIONS,), (Source.ORDERS,)):
        gateway = FakeGateway(
            open=[position()], on_flatten=stays_open, before_read=fail_reads(*sources), latency_s=0.0
        )
        panel = make_panel(gateway)
        await Flatten(panel.desk)(panel.press(SIM101))
        assert max(Counter(source for source, _ in gateway.reads).values()) <= 25
        gateway.reads.clear()
        gateway.on_flatten = None
        await Flatten(panel.desk)(panel.press(SIM101))
        assert len(gateway.reads) <= 60


async def test_bad_news_that_cannot_be_confirmed_is_asked_for_again_but_never_in_a_storm(
    make_panel: Make,
) -> None:
    gateway = FakeGateway(open=[position()], latency_s=0.0)
    panel = make_panel(gateway)
    await panel.look()
    gateway.reads.clear()

    def overfill(_gateway: FakeGateway, _scope: object) -> Any:
        gateway.open = [position(side=Side.LONG)]
        return gateway.receipt([position()])

    def fail_after_the_first(_gateway: FakeGateway, _source: Source, _number: int) -> None:
        if len(gateway.reads) > 1:
            raise ReadFailedError(Reason(Cause.SERVER_FAILED))

    gateway.on_flatten, gateway.before_read = overfill, fail_after_the_first
    outcome = await Flatten(panel.desk)(panel.press(SIM101))
    assert outcome.verdict is Verdict.NOT_PROVED
    assert position_reads(gateway)[:2] == [0.0, 0.05]
    assert len(position_reads(gateway)) <= 30


async def test_an_overfill_that_keeps_changing_is_not_claimed_and_does_not_drain_the_budget(
    make_panel: Make,
) -> None:
    gateway = FakeGateway(open=[position()])
    panel = make_panel(gateway)
    await panel.look()

    def change(_gateway: FakeGateway, _source: Source, number: int) -> None:
        gateway.open = [position(side=Side.LONG, quantity=number + 1)]

    gateway.before_read = change
    outcome = await Flatten(panel.desk)(panel.press(SIM101))
    assert outcome.verdict is Verdict.NOT_PROVED
    assert panel.desk.watch.budget.level(panel.clock.monotonic()) >= 2.9


async def test_an_empty_budget_delays_reads_and_stops_none_for_ever(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position()]))
    for _ in range(20):
        panel.desk.watch.budget.spend(panel.clock.monotonic())
    outcome = await Flatten(panel.desk)(panel.press(SIM101))
    assert outcome.verdict is Verdict.FLAT
    assert position_reads(panel.gateway)[0] >= 1.3
    assert panel.desk.watch.budget.level(panel.clock.monotonic()) >= 2.9


async def test_a_budget_closed_for_the_whole_window_ends_not_proved_without_a_read(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position()]))
    panel.desk.watch.budget.back_off(panel.clock.monotonic(), 30.0)
    outcome = await Flatten(panel.desk)(panel.press(SIM101))
    assert (outcome.verdict, outcome.reason) == (Verdict.NOT_PROVED, Reason(Cause.READS_FAILED))
    assert not panel.gateway.reads
    assert panel.clock.monotonic() == pytest.approx(1010.01, abs=0.1)


async def test_reads_stuck_for_twenty_seconds_do_not_keep_the_outcome_waiting(make_panel: Make) -> None:
    gateway = FakeGateway(open=[position()])
    panel = make_panel(gateway)
    press = panel.press(SIM101)
    gateway.before_read = lambda *_: setattr(gateway, "latency_s", 20.0)
    outcome = await Flatten(panel.desk)(press)
    assert outcome.verdict is Verdict.NOT_PROVED
    assert panel.clock.monotonic() == pytest.approx(1015.0, abs=0.1)
    assert len(gateway.reads) == 2
    await panel.desk.watch.stop()


async def test_one_stuck_read_does_not_stop_the_others(make_panel: Make) -> None:
    gateway = FakeGateway(open=[position()])
    panel = make_panel(gateway)
    await panel.look()

    def first_is_stuck(_gateway: FakeGateway, _source: Source, number: int) -> None:
        gateway.latency_s = 30.0 if number == 2 else 0.01

    gateway.before_read = first_is_stuck
    outcome = await Flatten(panel.desk)(panel.press(SIM101))
    assert outcome.verdict is Verdict.FLAT
    assert panel.clock.monotonic() < 1003.0
    await panel.desk.watch.stop()


async def test_a_read_under_way_at_the_end_of_the_window_still_counts(make_panel: Make) -> None:
    gateway = FakeGateway(open=[position()], on_flatten=stays_open)
    panel = make_panel(gateway)
    began = panel.clock.monotonic()

    def slow(_gateway: FakeGateway, _source: Source, _number: int) -> None:
        if gateway.now() >= began + 9.0:
            gateway.open, gateway.latency_s = [], 1.4

    gateway.before_read = slow
    outcome = await Flatten(panel.desk)(panel.press(SIM101))
    assert outcome.verdict is Verdict.FLAT_ORDERS_NOT_CHECKED or outcome.verdict is Verdict.FLAT
    assert panel.clock.monotonic() - began <= 15.1


async def test_past_the_window_nothing_new_is_begun_while_the_last_read_is_under_way(
    make_panel: Make,
) -> None:
    gateway = FakeGateway(open=[position()], on_flatten=stays_open)
    panel = make_panel(gateway)
    began = panel.clock.monotonic()

    def slow(_gateway: FakeGateway, _source: Source, _number: int) -> None:
        if gateway.now() >= began + 9.0:
            gateway.latency_s = 2.5

    gateway.before_read = slow
    outcome = await Flatten(panel.desk)(panel.press(SIM101))
    assert outcome.verdict is Verdict.STILL_OPEN
    assert position_reads(gateway, began)[-1] == pytest.approx(10.01, abs=0.02)
    assert panel.clock.monotonic() - began == pytest.approx(12.5, abs=0.05)


async def test_orders_of_many_accounts_are_read_one_at_a_time_and_told_as_far_as_they_came(
    make_panel: Make,
) -> None:
    names = [f"Apex-{number:02}" for number in range(60)]
    rows = [position(name) for name in names]
    gateway = FakeGateway(accounts_listed=[Account(name, connected=True) for name in names], open=rows)
    panel = make_panel(gateway)
    await panel.look()
    outcome = await Flatten(panel.desk)(panel.press(EveryAccount()))
    assert outcome.verdict is Verdict.FLAT_ORDERS_NOT_CHECKED
    checked, wanted = outcome.orders_checked
    assert 20 < checked < wanted == 60
    assert checked == sum(fate.verdict is Verdict.FLAT for fate in outcome.fates)


async def test_an_account_whose_row_is_bad_in_one_endpoint_is_not_proved_by_the_other(
    make_panel: Make,
) -> None:
    def flaws(source: Source, _number: int) -> Flaws:
        return Flaws(accounts=frozenset({"sim101"})) if source is Source.SNAPSHOT else Flaws()

    panel = make_panel(FakeGateway(open=[position()], flaws=flaws))
    outcome = await Flatten(panel.desk)(panel.press(SIM101))
    assert (outcome.verdict, outcome.reason) == (Verdict.NOT_PROVED, Reason(Cause.ROW_UNREADABLE))


async def test_the_background_pauses_while_a_press_reads_for_itself(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position()], on_flatten=stays_open))
    background = asyncio.create_task(panel.desk.watch.run())
    await asyncio.sleep(0.1)
    began = panel.clock.monotonic()
    await Flatten(panel.desk)(panel.press(SIM101))
    assert len(position_reads(panel.gateway, began)) <= 10
    background.cancel()
    await asyncio.gather(background, return_exceptions=True)


async def test_an_account_that_cannot_be_proved_does_not_keep_another_one_from_its_second_endpoint(
    make_panel: Make,
) -> None:
    slow = position()
    gateway = FakeGateway(open=[slow])
    panel = make_panel(gateway)
    gateway.accounts_listed.append(Account("Gone", connected=True))
    await panel.look()
    gateway.accounts_listed[2] = Account("Gone", connected=False)

    def close_late(_gateway: FakeGateway, _scope: object) -> Any:
        asyncio.get_running_loop().call_later(4.0, gateway.open.clear)
        return gateway.receipt([slow])

    gateway.on_flatten = close_late
    outcome = await Flatten(panel.desk)(panel.press(EveryAccount()))
    assert {fate.account: fate.verdict for fate in outcome.fates} == {
        "Sim101": Verdict.FLAT,
        "Sim102": Verdict.NOTHING_OPEN,
        "Gone": Verdict.CANNOT_TELL,
    }
    assert outcome.verdict is Verdict.CANNOT_TELL
    assert len(position_reads(gateway)) <= 18


async def test_an_account_whose_row_is_bad_in_one_endpoint_does_not_draw_every_read_there(
    make_panel: Make,
) -> None:
    gateway = FakeGateway(open=[position()])
    panel = make_panel(gateway)
    await panel.look()
    # Of Sim102 one endpoint makes a first half that the other one never completes.
    gateway.flaws = lambda source, _number: Flaws(
        accounts=frozenset({"sim102"}) if source is Source.SNAPSHOT else frozenset()
    )

    def close_late(_gateway: FakeGateway, _scope: object) -> Any:
        asyncio.get_running_loop().call_later(4.0, gateway.open.clear)
        return gateway.receipt([position()])

    gateway.on_flatten = close_late
    outcome = await Flatten(panel.desk)(panel.press(EveryAccount()))
    assert {fate.account: (fate.verdict, fate.reason) for fate in outcome.fates} == {
        "Sim101": (Verdict.FLAT, None),
        "Sim102": (Verdict.NOT_PROVED, Reason(Cause.ROW_UNREADABLE)),
    }
    assert len(position_reads(gateway)) <= 18


async def test_while_one_endpoint_is_stuck_the_other_one_is_read(make_panel: Make) -> None:
    gateway = FakeGateway(open=[position()], on_flatten=stays_open)
    panel = make_panel(gateway)

    def stuck(_gateway: FakeGateway, source: Source, _number: int) -> None:
        gateway.latency_s = 8.0 if source is Source.SNAPSHOT else 0.01

    gateway.before_read = stuck
    outcome = await Flatten(panel.desk)(panel.press(SIM101))
    assert outcome.verdict is Verdict.STILL_OPEN
    sources = [source for source, _ in gateway.reads if source in POSITION_READS]
    assert sources[:3] == [Source.POSITIONS, Source.SNAPSHOT, Source.POSITIONS]
    await panel.desk.watch.stop()


async def test_while_the_list_of_positions_is_stuck_the_snapshot_is_read(make_panel: Make) -> None:
    gateway = FakeGateway(open=[position()], on_flatten=stays_open)
    panel = make_panel(gateway)

    def stuck(_gateway: FakeGateway, source: Source, number: int) -> None:
        gateway.latency_s = 8.0 if source is Source.POSITIONS and number > 1 else 0.01

    gateway.before_read = stuck
    outcome = await Flatten(panel.desk)(panel.press(SIM101))
    assert outcome.verdict is Verdict.STILL_OPEN
    sources = [source for source, _ in gateway.reads if source in POSITION_READS]
    first_stuck = sources.index(Source.POSITIONS, 1)
    assert sources[first_stuck + 1 : first_stuck + 4] == [Source.SNAPSHOT] * 3
    await panel.desk.watch.stop()


class LateFailingGateway(FakeGateway):
    """Reads that take long; those of `failing` then end without an answer."""

    failing: frozenset[Source] = frozenset()

    async def _read(self, source: Source) -> Any:
        found = await super()._read(source)
        if source in self.failing:
            raise ReadFailedError(Reason(Cause.SERVER_FAILED))
        return found


@pytest.mark.parametrize("fails", [True, False])
async def test_a_read_that_comes_back_after_the_end_is_no_part_of_the_press(
    make_panel: Make, fails: bool
) -> None:
    for late in ({Source.POSITIONS}, {Source.ACCOUNTS}, {Source.ORDERS}):
        gateway = LateFailingGateway(open=[position()])
        panel = make_panel(gateway)
        await panel.look()

        def slow(each: FakeGateway, source: Source, _number: int, late: set[Source] = late) -> None:
            if source is Source.SNAPSHOT and late != {Source.ORDERS}:
                raise ReadFailedError(Reason(Cause.SERVER_FAILED))
            each.latency_s = 40.0 if source in late else 0.01

        gateway.before_read = slow
        gateway.failing = frozenset(late) if fails else frozenset()
        press = panel.press(SIM101)
        outcome = await Flatten(panel.desk)(press)
        rows = len(panel.journal.entries)
        await asyncio.sleep(60.0)
        assert len(panel.journal.entries) == rows
        assert press.outcome is outcome
        assert outcome.verdict is not Verdict.FLAT


async def test_what_one_press_reads_is_heard_by_every_other_one_that_is_reading(make_panel: Make) -> None:
    gateway = FakeGateway(open=[position()], on_flatten=stays_open, latency_s=0.0)
    panel = make_panel(gateway)
    first, second = panel.press(SIM101), panel.press(EveryAccount("MES 12-25"))
    reading = asyncio.create_task(Flatten(panel.desk)(first))
    await asyncio.sleep(3.0)
    gateway.reads.clear()
    with_other = asyncio.create_task(Flatten(panel.desk)(second))
    await asyncio.sleep(1.2)
    assert len(gateway.reads) == 4  # the look of the first press at 3.5 s, three of the second
    heard = [
        entry.facts["source"]
        for entry in panel.journal.entries
        if entry.press_id == first.id and entry.kind is EntryKind.READ and entry.after_s >= 3.0
    ]
    assert len(heard) == 4
    await asyncio.gather(reading, with_other)


async def test_a_press_whose_own_reads_all_fail_is_proved_by_those_of_others(make_panel: Make) -> None:
    answers = False

    def only_others(_gateway: FakeGateway, _source: Source, _number: int) -> None:
        if not answers:
            raise ReadFailedError(Reason(Cause.SERVER_FAILED))

    panel = make_panel(FakeGateway(open=[position()], latency_s=0.0, before_read=only_others))
    press = panel.press(SIM101)
    flattening = asyncio.create_task(Flatten(panel.desk)(press))
    for pause_s, source in ((0.2, Source.SNAPSHOT), (1.05, Source.POSITIONS)):
        await asyncio.sleep(pause_s)
        assert not flattening.done()
        answers = True
        await panel.desk.watch.orders("Sim101")
        await panel.look(source)
        answers = False
    outcome = await flattening
    assert outcome.verdict is Verdict.FLAT
    assert panel.clock.monotonic() == pytest.approx(1001.25)


async def test_the_orders_of_many_accounts_come_calmly_after_the_first_eight(make_panel: Make) -> None:
    names = [f"Apex-{number:02}" for number in range(16)]
    rows = [position(name) for name in names]
    gateway = FakeGateway(accounts_listed=[Account(name, connected=True) for name in names], open=rows)
    panel = make_panel(gateway)
    await panel.look()
    await Flatten(panel.desk)(panel.press(EveryAccount()))
    asked_at = [at for source, at in gateway.reads if source is Source.ORDERS]
    gaps = [round(later - earlier, 2) for earlier, later in itertools.pairwise(asked_at)]
    assert max(gaps[:7]) < 0.1
    assert min(gaps[7:15]) == max(gaps[7:15]) == 0.5
