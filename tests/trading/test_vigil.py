"""After a flatten: flat stays watched, the rest goes on being read, and nothing is told by one read."""

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from crosstrade_panel.domain.outcome import Cause, Fate, Outcome, Reason, Verdict
from crosstrade_panel.domain.scope import EveryAccount, OneAccount, Scope, Side
from crosstrade_panel.domain.snapshot import Account, Flaws, OrdersRead, Position, Source, Stamp
from crosstrade_panel.trading.flatten import Flatten
from crosstrade_panel.trading.ports import EntryKind, Receipt, UnknownOutcomeError
from crosstrade_panel.trading.press import OpenedAgain, Phase, Press
from crosstrade_panel.trading.vigil import Vigil
from tests.fakes import NOON, FakeGateway, fail_reads, order, position, positions_read

pytestmark = pytest.mark.anyio

Make = Callable[..., Any]
SIM101 = OneAccount("Sim101")
LONG = position(side=Side.LONG)


async def flatten(panel: Any, scope: Scope = SIM101) -> Press:
    press: Press = panel.press(scope)
    await Flatten(panel.desk)(press)
    return press


async def flat_press(panel: Any, scope: Scope = SIM101) -> Press:
    """A press that closed what was open and was proved, a second ago, not followed yet."""
    await panel.look()
    press = await flatten(panel, scope)
    assert verdict_of(press) is Verdict.FLAT
    await asyncio.sleep(1.0)
    return press


def verdict_of(press: Press) -> Verdict:
    assert press.outcome is not None
    return press.outcome.verdict


async def until_other_than(press: Press, verdict: Verdict) -> None:
    for _ in range(300):
        if verdict_of(press) is not verdict:
            return
        await asyncio.sleep(0.1)
    message = f"still {verdict.value} after half a minute"
    raise AssertionError(message)


def quiet_line(press: Press) -> OpenedAgain | None:
    return press.opened_again


def outcome_of(press: Press) -> Outcome:
    assert press.outcome is not None
    return press.outcome


def reads_of(panel: Any, press: Press) -> int:
    return sum(entry.kind is EntryKind.READ and entry.press_id == press.id for entry in panel.journal.entries)


def stays(*rows: Position, closed: list[Position] | None = None) -> Callable[[FakeGateway, object], Any]:
    def on_flatten(gateway: FakeGateway, _scope: object) -> Any:
        was, gateway.open = gateway.open, list(rows)
        return gateway.receipt(was if closed is None else closed)

    return on_flatten


def lost(
    *rows: Position, late: asyncio.Future[Receipt] | None = None
) -> Callable[[FakeGateway, object], Any]:
    def on_flatten(gateway: FakeGateway, _scope: object) -> Any:
        gateway.open = list(rows)
        raise UnknownOutcomeError(Reason(Cause.NO_ANSWER), sent_at=gateway.now(), late=late)

    return on_flatten


# -- what was flat and opens again ---


async def test_two_reads_that_agree_on_a_watched_pair_are_reopened_since_the_first_of_them(
    make_panel: Make,
) -> None:
    panel = make_panel(FakeGateway(open=[position()]))
    press = await flat_press(panel)
    flat = outcome_of(press)
    async with panel.followed():
        await asyncio.sleep(5.0)
        seen_at = panel.clock.monotonic()
        panel.gateway.open = [LONG]
        await asyncio.sleep(3.0)
    told = outcome_of(press)
    assert told.verdict is Verdict.REOPENED
    assert told.fates[0].still_open == (LONG,)
    assert told.flat_at == flat.at
    sighted = next(at for _, at in panel.gateway.reads if at >= seen_at)
    assert (told.at - NOON).total_seconds() == pytest.approx(sighted - 1000.0 + 0.01)
    assert panel.outcomes() == ["flat", "reopened"]
    assert panel.journal.facts(EntryKind.OUTCOME)[-1]["flat_at"] == flat.at.isoformat()


async def test_after_the_first_sight_the_second_read_is_sent_at_once_and_not_at_the_next_beat(
    make_panel: Make,
) -> None:
    panel = make_panel(FakeGateway(open=[position()]))
    press = await flat_press(panel)
    Vigil(panel.desk)
    panel.gateway.open = [LONG]
    panel.gateway.reads.clear()
    before = panel.clock.monotonic()
    await panel.desk.watch.positions(Source.SNAPSHOT)
    assert verdict_of(press) is Verdict.FLAT
    assert press.shows == (LONG,)
    await asyncio.sleep(0.05)
    assert [(source, round(at - before, 2)) for source, at in panel.gateway.reads] == [
        (Source.SNAPSHOT, 0.0),
        (Source.POSITIONS, 0.01),
    ]
    assert verdict_of(press) is Verdict.REOPENED


async def test_one_read_alone_says_nothing_and_reads_that_disagree_say_nothing(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position()]))
    press = await flat_press(panel)
    rows = iter([[LONG], [], [LONG], [position()], [position()]])
    Vigil(panel.desk)
    panel.desk.watch.budget.back_off(panel.clock.monotonic(), 30.0)  # no read of its own
    for _ in range(4):
        panel.gateway.open = next(rows)
        await panel.desk.watch.positions(Source.POSITIONS)
        assert verdict_of(press) is Verdict.FLAT
    panel.gateway.open = next(rows)
    await panel.desk.watch.positions(Source.POSITIONS)
    assert verdict_of(press) is Verdict.REOPENED


async def test_a_second_read_that_fails_is_not_asked_for_in_a_storm(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position()], latency_s=0.0))
    press = await flat_press(panel)
    panel.gateway.open = [LONG]
    panel.gateway.reads.clear()
    panel.gateway.before_read = lambda gateway, source, number: (
        None if len(gateway.reads) == 1 else fail_reads(*Source)(gateway, source, number)
    )
    async with panel.followed():
        await asyncio.sleep(6.0)
    assert verdict_of(press) is Verdict.FLAT
    assert len(panel.gateway.reads) <= 7


async def test_news_that_changes_with_every_read_neither_drains_the_budget_nor_is_believed(
    make_panel: Make,
) -> None:
    panel = make_panel(FakeGateway(open=[position()]))
    press = await flat_press(panel)

    sides = itertools.cycle((Side.LONG, Side.SHORT))

    def flicker(gateway: FakeGateway, source: Source, _number: int) -> None:
        if source is not Source.ORDERS:
            gateway.open = [position(side=next(sides))]

    panel.gateway.before_read = flicker
    panel.gateway.reads.clear()
    async with panel.followed():
        await asyncio.sleep(10.0)
    assert verdict_of(press) is Verdict.FLAT
    assert len(panel.gateway.reads) <= 20
    assert panel.desk.watch.budget.level(panel.clock.monotonic()) > 8.0


async def test_where_every_read_is_slower_than_the_beat_reopened_is_told_all_the_same(
    make_panel: Make,
) -> None:
    panel = make_panel(FakeGateway(open=[position()]))
    press = await flat_press(panel)
    panel.gateway.open, panel.gateway.latency_s = [LONG], 2.0
    async with panel.followed():
        await asyncio.sleep(8.0)
    assert verdict_of(press) is Verdict.REOPENED


async def test_a_read_sent_before_the_proof_was_complete_is_no_sight_of_anything(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position()]))
    press = await flat_press(panel)
    vigil = Vigil(panel.desk)
    proved_at = press.began_at + (outcome_of(press).timings.proved_s or 0.0)
    for sent_at in (proved_at - 0.5, proved_at - 0.01, proved_at):
        vigil.on_read(positions_read(sent_at, LONG, took_s=0.01))
    assert verdict_of(press) is Verdict.FLAT
    for sent_at in (proved_at + 0.01, proved_at + 0.03):
        vigil.on_read(positions_read(sent_at, LONG, took_s=0.01))
    assert verdict_of(press) is Verdict.REOPENED


async def test_reads_that_are_not_clean_never_say_reopened(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position()]))
    press = await flat_press(panel)
    shown = press.shows
    panel.gateway.open = [LONG]
    panel.gateway.flaws = lambda _source, _number: Flaws("count")
    async with panel.followed():
        await asyncio.sleep(10.0)
    assert verdict_of(press) is Verdict.FLAT
    assert press.shows == shown


async def test_only_the_watched_pairs_of_a_wide_scope_are_watched(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position(), position("Sim102")]))
    press = await flat_press(panel, EveryAccount())
    async with panel.followed():
        panel.gateway.open = [position(instrument="NQ 12-25"), position("Sim102", "ES 12-25")]
        await asyncio.sleep(10.0)
        assert verdict_of(press) is Verdict.FLAT
        panel.gateway.open = [position("Sim102", "MESZ25")]  # the same contract by another name
        await asyncio.sleep(5.0)
    assert {fate.account: fate.verdict for fate in outcome_of(press).fates} == {
        "Sim101": Verdict.FLAT,
        "Sim102": Verdict.REOPENED,
    }
    assert verdict_of(press) is Verdict.REOPENED


async def test_nothing_open_watches_its_scope(make_panel: Make) -> None:
    panel = make_panel()
    await panel.look()
    press = await flatten(panel, OneAccount("Sim101", "MES 12-25"))
    assert verdict_of(press) is Verdict.NOTHING_OPEN
    async with panel.followed():
        panel.gateway.open = [position(instrument="NQ 12-25"), position("Sim102")]
        await asyncio.sleep(5.0)
        assert verdict_of(press) is Verdict.NOTHING_OPEN
        panel.gateway.open = [position()]
        await asyncio.sleep(5.0)
    assert verdict_of(press) is Verdict.REOPENED


async def test_what_was_left_as_asked_on_the_other_side_is_not_reopened(make_panel: Make) -> None:
    other = position(instrument="NQ 12-25", side=Side.LONG)
    panel = make_panel(FakeGateway(open=[position(), other], on_flatten=stays(other)))
    await panel.look()
    panel.gateway.on_flatten = stays(other, closed=[position()])
    press = await flatten(panel, OneAccount("Sim101", side=Side.SHORT))
    assert verdict_of(press) is Verdict.FLAT
    async with panel.followed():
        await asyncio.sleep(10.0)
    assert verdict_of(press) is Verdict.FLAT


@pytest.mark.parametrize(("after_s", "is_loud"), [(55.0, True), (65.0, False)])
async def test_reopened_is_loud_within_a_minute_of_the_proof_and_a_quiet_line_later(
    make_panel: Make, after_s: float, is_loud: bool
) -> None:
    panel = make_panel(FakeGateway(open=[position()]))
    press = await flat_press(panel)
    proved_at = press.began_at + (outcome_of(press).timings.proved_s or 0.0)
    async with panel.followed():
        await asyncio.sleep(proved_at + after_s - panel.clock.monotonic())
        panel.gateway.open = [LONG]
        await asyncio.sleep(4.0)
    if is_loud:
        assert (verdict_of(press), press.opened_again) == (Verdict.REOPENED, None)
        return
    assert verdict_of(press) is Verdict.FLAT
    assert press.opened_again is not None
    assert press.opened_again.rows == (LONG,)
    assert (press.opened_again.at - NOON).total_seconds() == pytest.approx(
        proved_at + after_s - 1000, abs=1.6
    )
    assert panel.outcomes() == ["flat"]
    assert panel.journal.facts(EntryKind.NOTE) == [{"text": "open again, long after it was flat"}]


async def test_the_quiet_line_follows_the_size_keeps_its_time_and_is_taken_back_by_two_reads(
    make_panel: Make,
) -> None:
    panel = make_panel(FakeGateway(open=[position()]))
    press = await flat_press(panel)
    async with panel.followed():
        await asyncio.sleep(70.0)
        panel.gateway.open = [LONG]
        await asyncio.sleep(4.0)
        assert press.opened_again is not None
        since = press.opened_again.at
        panel.changes.clear()
        panel.gateway.open = [position(side=Side.LONG, quantity=4)]
        await asyncio.sleep(20.0)
        assert (press.opened_again.rows, press.opened_again.at) == (tuple(panel.gateway.open), since)
        assert panel.changes == [press]
        panel.gateway.open = []
        await asyncio.sleep(1.3)
        assert quiet_line(press) is not None  # one read alone does not say flat
        await asyncio.sleep(5.0)
        assert quiet_line(press) is None
        panel.gateway.open = [LONG]
        await asyncio.sleep(5.0)
        line = quiet_line(press)
        assert line is not None
        assert line.at > since
    assert [facts["text"] for facts in panel.journal.facts(EntryKind.NOTE)] == [
        "open again, long after it was flat",
        "flat again",
        "open again, long after it was flat",
    ]


async def test_the_quiet_line_of_one_account_is_not_taken_back_by_another_one_that_is_flat(
    make_panel: Make,
) -> None:
    panel = make_panel(FakeGateway(open=[position(), position("Sim102")]))
    press = await flat_press(panel, EveryAccount())
    async with panel.followed():
        await asyncio.sleep(70.0)
        panel.gateway.open = [LONG]
        await asyncio.sleep(20.0)
        assert press.opened_again is not None
        since = press.opened_again.at
        panel.gateway.open = [LONG, position("Sim102")]
        await asyncio.sleep(20.0)
        assert (press.opened_again.rows, press.opened_again.at) == (tuple(panel.gateway.open), since)
        panel.gateway.open = [position("Sim102")]
        await asyncio.sleep(20.0)
        assert press.opened_again.rows == (position("Sim102"),)
    assert len(panel.journal.facts(EntryKind.NOTE)) == 1


async def test_reopened_becomes_flat_late_by_two_reads_and_reopened_again(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position()]))
    press = await flat_press(panel)
    async with panel.followed():
        panel.gateway.open = [LONG]
        await asyncio.sleep(5.0)
        reopened = outcome_of(press)
        panel.gateway.open = [position(side=Side.LONG, quantity=5)]
        await asyncio.sleep(5.0)
        assert outcome_of(press).fates[0].still_open == tuple(panel.gateway.open)
        assert outcome_of(press).at == reopened.at  # since when, not how much
        panel.gateway.open = []
        before = len(panel.gateway.reads)
        await until_other_than(press, Verdict.REOPENED)
        flat = [at for source, at in panel.gateway.reads[before:] if source is not Source.ORDERS]
        assert flat[-1] - flat[0] >= 1.0
        assert outcome_of(press).late_s == pytest.approx(panel.clock.monotonic() - press.began_at, abs=0.2)
        await asyncio.sleep(5.0)
        assert verdict_of(press) is Verdict.FLAT
        again = outcome_of(press)
        panel.gateway.open = [LONG]
        await asyncio.sleep(5.0)
        assert (verdict_of(press), outcome_of(press).flat_at) == (Verdict.REOPENED, again.at)
    assert [each for each in panel.outcomes() if each != "flat_orders_not_checked"] == [
        "flat",
        "reopened",
        "reopened",
        "flat",
        "reopened",
    ]


async def test_the_other_side_after_flat_is_reopened_and_no_overfill(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position()]))
    press = await flat_press(panel)
    async with panel.followed():
        panel.gateway.open = [LONG]
        await asyncio.sleep(15.0)
    assert panel.outcomes() == ["flat", "reopened"]
    assert verdict_of(press) is Verdict.REOPENED


@pytest.mark.parametrize("is_told_first", [True, False])
async def test_a_late_answer_does_not_make_an_overfill_of_what_opened_after_flat(
    make_panel: Make, is_told_first: bool
) -> None:
    late: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
    panel = make_panel(FakeGateway(open=[position()], on_flatten=lost(late=late)))
    press = await flat_press(panel)
    async with panel.followed():
        panel.gateway.open = [LONG]
        if is_told_first:
            await until_other_than(press, Verdict.FLAT)
        # It says on which side the pair was, and what was read before it proves nothing any more.
        late.set_result(panel.gateway.receipt([position()]))
        await asyncio.sleep(15.0)
    assert press.closed_positions == (position(),)
    told = panel.outcomes()
    assert [verdict for verdict, _ in itertools.groupby(told)] == ["flat", "reopened"]
    assert outcome_of(press).fates[0].still_open == (LONG,)


async def test_after_the_window_the_journal_has_a_read_only_where_what_it_shows_changed(
    make_panel: Make,
) -> None:
    panel = make_panel(FakeGateway(open=[position()], on_flatten=stays(position())))
    await panel.look()
    press = await flatten(panel)
    before = reads_of(panel, press)
    async with panel.followed():
        await asyncio.sleep(60.0)
        assert reads_of(panel, press) == before
        panel.gateway.open = [position(quantity=1)]
        await asyncio.sleep(60.0)
        assert reads_of(panel, press) == before + 1
    assert len(panel.gateway.reads) > 90


async def test_working_orders_that_change_are_part_of_the_story_too(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position()], working={"Sim101": [order()], "Sim102": []}))
    await panel.look()
    press = await flatten(panel)
    before = reads_of(panel, press)
    async with panel.followed():
        await asyncio.sleep(30.0)
        assert reads_of(panel, press) == before
        panel.gateway.working = {"Sim101": [], "Sim102": [order("Sim102")]}
        await asyncio.sleep(30.0)
    assert reads_of(panel, press) == before + 1
    assert panel.journal.facts(EntryKind.READ)[-1]["account"] == "Sim101"


# -- orders ---


async def test_orders_not_checked_become_flat_at_the_time_of_the_proof_when_they_are_read(
    make_panel: Make,
) -> None:
    panel = make_panel(FakeGateway(open=[position()], before_read=fail_reads(Source.ORDERS)))
    await panel.look()
    press = await flatten(panel)
    not_checked = outcome_of(press)
    assert not_checked.verdict is Verdict.FLAT_ORDERS_NOT_CHECKED
    panel.gateway.before_read = None
    async with panel.followed():
        await asyncio.sleep(10.0)
    flat = outcome_of(press)
    assert (flat.verdict, flat.at, flat.late_s) == (Verdict.FLAT, not_checked.at, None)
    assert flat.orders_checked == (1, 1)
    assert flat.timings == not_checked.timings


async def test_orders_working_become_flat_at_the_time_of_the_proof_when_they_are_gone(
    make_panel: Make,
) -> None:
    panel = make_panel(FakeGateway(open=[position()], working={"Sim101": [order()]}))
    await panel.look()
    press = await flatten(panel)
    working = outcome_of(press)
    assert working.verdict is Verdict.ORDERS_WORKING
    async with panel.followed():
        await asyncio.sleep(120.0)
        assert outcome_of(press) is working
        panel.gateway.working = {}
        await asyncio.sleep(10.0)
    assert (verdict_of(press), outcome_of(press).at) == (Verdict.FLAT, working.at)
    assert panel.outcomes() == ["orders_working", "flat"]


async def test_forgotten_reads_never_make_an_outcome_worse(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position()]))
    press = await flat_press(panel)
    panel.gateway.before_read = fail_reads(Source.ORDERS)
    async with panel.followed():
        await asyncio.sleep(300.0)
    assert (verdict_of(press), panel.outcomes()) == (Verdict.FLAT, ["flat"])
    assert len(press.proof.evidence.reads) <= 8  # type: ignore[union-attr]


async def test_an_order_soon_after_the_proof_is_orders_working(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position()]))
    press = await flat_press(panel)
    async with panel.followed():
        panel.gateway.working = {"Sim101": [order()]}
        await asyncio.sleep(15.0)
    assert verdict_of(press) is Verdict.ORDERS_WORKING


async def test_an_order_that_works_where_nothing_was_open_is_orders_working_until_it_is_gone(
    make_panel: Make,
) -> None:
    panel = make_panel(FakeGateway(working={"Sim101": [order(), order("Sim101", "NQ 12-25", "order-2")]}))
    await panel.look()
    press = await flatten(panel, OneAccount("Sim101", "MES 12-25"))
    nothing = outcome_of(press)
    assert nothing.verdict is Verdict.NOTHING_OPEN, "no order holds up what was proved"
    async with panel.followed():
        await until_other_than(press, Verdict.NOTHING_OPEN)
        working = outcome_of(press)
        assert (working.verdict, working.at) == (Verdict.ORDERS_WORKING, nothing.at)
        assert [each.order_id for each in working.fates[0].working_orders] == [order().order_id]
        panel.gateway.working = {}
        await until_other_than(press, Verdict.ORDERS_WORKING)
    assert (verdict_of(press), outcome_of(press).at) == (Verdict.NOTHING_OPEN, nothing.at)
    assert panel.outcomes() == ["nothing_open", "orders_working", "nothing_open"]


async def test_one_read_of_an_order_where_nothing_was_open_is_not_told(make_panel: Make) -> None:
    panel = make_panel(FakeGateway())
    await panel.look()
    await flatten(panel)
    async with panel.followed():
        await asyncio.sleep(1.0)
        seen: list[object] = []

        def only_once(read: object) -> None:
            if isinstance(read, OrdersRead) and read.orders:
                seen.append(read)
                panel.gateway.working = {}

        panel.desk.watch.followers.append(only_once)
        panel.gateway.working = {"Sim101": [order()]}
        await asyncio.sleep(30.0)
        assert len(seen) == 1
    assert panel.outcomes() == ["nothing_open"]


async def test_an_order_placed_long_after_nothing_was_open_is_none_of_the_presss_own(
    make_panel: Make,
) -> None:
    panel = make_panel(FakeGateway())
    await panel.look()
    press = await flatten(panel)
    async with panel.followed():
        await asyncio.sleep(90.0)
        panel.gateway.working = {"Sim101": [order()]}
        await asyncio.sleep(60.0)
    assert verdict_of(press) is Verdict.NOTHING_OPEN


async def test_an_order_placed_long_after_the_proof_is_none_of_the_presss_own(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position()], working={"Sim101": [order()]}))
    await panel.look()
    press = await flatten(panel)
    new = order(order_id="order-2")
    async with panel.followed():
        await asyncio.sleep(120.0)
        panel.gateway.working = {"Sim101": [order(), new]}
        await asyncio.sleep(20.0)
        assert outcome_of(press).fates[0].working_orders == (order(),)
        panel.gateway.working = {"Sim101": [new]}
        await asyncio.sleep(20.0)
        assert verdict_of(press) is Verdict.FLAT
        await asyncio.sleep(120.0)
        panel.gateway.open = [LONG]
        await asyncio.sleep(10.0)
    assert verdict_of(press) is Verdict.FLAT
    assert press.opened_again is not None


@pytest.mark.parametrize("working", [[order()], None])
async def test_while_an_order_from_before_is_left_or_unread_reopened_is_loud_at_any_time(
    make_panel: Make, working: list[Any] | None
) -> None:
    fails = fail_reads(Source.ORDERS) if working is None else None
    panel = make_panel(FakeGateway(open=[position()], working={"Sim101": working or []}, before_read=fails))
    await panel.look()
    press = await flatten(panel)
    async with panel.followed():
        await asyncio.sleep(600.0)
        panel.gateway.open = [LONG]
        await asyncio.sleep(5.0)
    assert (verdict_of(press), press.opened_again) == (Verdict.REOPENED, None)


async def test_what_an_order_from_before_opened_is_loud_also_where_the_order_was_read_as_gone_first(
    make_panel: Make,
) -> None:
    panel = make_panel(FakeGateway(open=[position()], working={"Sim101": [order()]}))
    await panel.look()
    press = await flatten(panel)
    async with panel.followed():
        await asyncio.sleep(300.0)
        panel.gateway.working = {}  # filled; the positions lag behind
        await asyncio.sleep(8.0)
        assert verdict_of(press) is Verdict.FLAT
        panel.gateway.open = [LONG]
        await asyncio.sleep(5.0)
    assert verdict_of(press) is Verdict.REOPENED


# -- what was not proved goes on ---


@pytest.mark.parametrize(
    ("on_flatten", "broken", "verdict"),
    [
        (stays(position()), None, Verdict.STILL_OPEN),
        (lost(), Source.POSITIONS, Verdict.UNKNOWN),
        (stays(), Source.POSITIONS, Verdict.NOT_PROVED),
        (stays(LONG), None, Verdict.OVERFILLED),
    ],
)
async def test_what_was_not_proved_becomes_flat_late_by_two_reads(
    make_panel: Make, on_flatten: Any, broken: Source | None, verdict: Verdict
) -> None:
    panel = make_panel(FakeGateway(open=[position()], on_flatten=on_flatten))
    await panel.look()
    if broken is not None:
        panel.gateway.before_read = fail_reads(Source.POSITIONS, Source.SNAPSHOT)
    press = await flatten(panel)
    assert verdict_of(press) is verdict
    panel.gateway.before_read, panel.gateway.open = None, []
    panel.gateway.reads.clear()
    async with panel.followed():
        await until_other_than(press, verdict)
        reads = [at for source, at in panel.gateway.reads if source is not Source.ORDERS]
        assert reads[-1] >= reads[0] + 1.0
        await asyncio.sleep(10.0)
    told = outcome_of(press)
    assert told.verdict is Verdict.FLAT
    assert told.late_s is not None
    assert told.late_s > 1.0
    assert told.timings.proved_s == pytest.approx((told.at - press.began).total_seconds())


async def test_an_account_that_could_not_be_told_becomes_flat_late_when_it_is_listed_again(
    make_panel: Make,
) -> None:
    panel = make_panel(FakeGateway(open=[position()]))
    await panel.look()
    listed = panel.gateway.accounts_listed
    panel.gateway.accounts_listed = [Account("Sim101", connected=False)]
    press = await flatten(panel)
    assert verdict_of(press) is Verdict.CANNOT_TELL
    panel.gateway.accounts_listed = listed
    async with panel.followed():
        await asyncio.sleep(10.0)
    assert verdict_of(press) is Verdict.FLAT


async def test_what_stays_open_is_told_with_its_newest_rows_and_one_outcome_for_each_change(
    make_panel: Make,
) -> None:
    panel = make_panel(FakeGateway(open=[position()], on_flatten=stays(position())))
    await panel.look()
    press = await flatten(panel)
    still_open = outcome_of(press)
    async with panel.followed():
        await asyncio.sleep(60.0)
        assert outcome_of(press) is still_open
        panel.gateway.open = [position(quantity=1)]
        await asyncio.sleep(60.0)
    assert outcome_of(press).fates[0].still_open == (position(quantity=1),)
    assert outcome_of(press).at == still_open.at
    assert panel.outcomes() == ["still_open", "still_open"]


async def test_the_fates_of_a_wide_press_change_account_by_account(make_panel: Make) -> None:
    rows = [position(), position("Sim102"), position("Sim103")]
    panel = make_panel(FakeGateway(open=list(rows), on_flatten=stays(*rows[:2])))
    panel.gateway.accounts_listed.append(Account("Sim103", connected=True))
    await panel.look()
    press = await flatten(panel, EveryAccount())
    told: list[dict[str, Verdict]] = []
    async with panel.followed():
        for open_now in (rows[:2], rows[1:2], []):
            panel.gateway.open = open_now
            await asyncio.sleep(15.0)
            told.append({fate.account: fate.verdict for fate in outcome_of(press).fates})
    assert told == [
        {"Sim101": Verdict.STILL_OPEN, "Sim102": Verdict.STILL_OPEN, "Sim103": Verdict.FLAT},
        {"Sim101": Verdict.FLAT, "Sim102": Verdict.STILL_OPEN, "Sim103": Verdict.FLAT},
        {"Sim101": Verdict.FLAT, "Sim102": Verdict.FLAT, "Sim103": Verdict.FLAT},
    ]
    assert outcome_of(press).late_s is not None


async def test_what_overfills_after_the_window_is_told_by_two_reads(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position()], on_flatten=stays(position())))
    await panel.look()
    press = await flatten(panel)
    async with panel.followed():
        panel.gateway.open = [LONG]
        await asyncio.sleep(5.0)
    assert verdict_of(press) is Verdict.OVERFILLED
    assert panel.outcomes()[0] == "still_open"


async def test_of_a_wide_press_one_account_reopens_while_another_is_still_open(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position(), position("Sim102")], on_flatten=stays(position())))
    await panel.look()
    press = await flatten(panel, EveryAccount())
    assert verdict_of(press) is Verdict.STILL_OPEN
    ended = outcome_of(press).at  # no proof has a time of its own where one account keeps all from it
    async with panel.followed():
        panel.gateway.open = [position(), position("Sim102")]
        await asyncio.sleep(10.0)
        told = outcome_of(press)
        assert told.verdict is Verdict.REOPENED
        assert told.flat_at == ended
        assert NOON < ended < told.at
        assert [fate.verdict for fate in told.fates] == [Verdict.STILL_OPEN, Verdict.REOPENED]


async def test_an_account_that_appears_later_keeps_an_unproved_everything_from_being_flat(
    make_panel: Make,
) -> None:
    panel = make_panel(FakeGateway(open=[position()], on_flatten=stays(position())))
    await panel.look()
    press = await flatten(panel, EveryAccount())
    async with panel.followed():
        panel.gateway.accounts_listed.append(Account("New", connected=True))
        panel.gateway.open = [position("New")]
        await asyncio.sleep(20.0)
        assert verdict_of(press) is not Verdict.FLAT
        assert outcome_of(press).fates[-1].account == "New"
        panel.gateway.open = []
        await asyncio.sleep(20.0)
    assert verdict_of(press) is Verdict.FLAT


async def test_an_acknowledged_press_is_final(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position()], on_flatten=stays(position())))
    await panel.look()
    press = await flatten(panel)
    panel.desk.book.acknowledge(press.id)
    async with panel.followed():
        panel.gateway.open = []
        await asyncio.sleep(20.0)
    assert panel.outcomes() == ["still_open"]


async def test_a_flat_press_that_is_neither_the_newest_nor_a_minute_young_is_watched_no_more(
    make_panel: Make,
) -> None:
    panel = make_panel(FakeGateway(open=[position()]))
    press = await flat_press(panel)
    other = await flatten(panel, OneAccount("Sim102"))
    async with panel.followed():
        await asyncio.sleep(30.0)
        panel.gateway.open = [LONG]
        await asyncio.sleep(5.0)
        assert verdict_of(press) is Verdict.REOPENED  # not the newest, but within the minute
        panel.gateway.open = []
        await asyncio.sleep(15.0)
        assert verdict_of(press) is Verdict.FLAT
        await asyncio.sleep(40.0)
        panel.gateway.open = [LONG]  # within the minute since it was flat again
        await asyncio.sleep(5.0)
        assert verdict_of(press) is Verdict.REOPENED
        panel.gateway.open = []
        await asyncio.sleep(90.0)
        panel.gateway.open = [LONG]
        await asyncio.sleep(20.0)
    assert (verdict_of(press), press.opened_again) == (Verdict.FLAT, None)
    assert verdict_of(other) is Verdict.NOTHING_OPEN


async def test_a_press_without_an_outcome_is_left_to_its_own_reads(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position()]))
    press = panel.press(SIM101)
    async with panel.followed():
        await asyncio.sleep(5.0)
    assert (press.outcome, press.proof, panel.journal.entries) == (None, None, [])


async def test_a_mistake_in_following_one_press_costs_neither_the_read_nor_another_press(
    make_panel: Make, announce_log: Any
) -> None:
    announce_log("could not be followed")
    panel = make_panel(FakeGateway(open=[position()]))
    press = await flat_press(panel)
    broken = await flatten(panel, OneAccount("Sim102"))
    broken.proof = None
    broken.cancel = "no orders"  # type: ignore[assignment]
    Vigil(panel.desk)
    panel.gateway.open = [LONG]
    for _ in range(2):
        await panel.desk.watch.positions(Source.POSITIONS)
    assert verdict_of(press) is Verdict.REOPENED


# -- presses that are taken over ---


def interrupted(panel: Any, scope: Scope = SIM101) -> Press:
    """A press of an earlier run, as the journal left it."""
    press: Press = panel.press(scope)
    press.phase, press.may_have_left = Phase.ENDED, True
    press.began_at, press.began = press.began_at - 3600.0, NOON - timedelta(seconds=90)
    press.outcome = Outcome(Verdict.UNKNOWN, press.began, scope=scope, reason=Reason(Cause.INTERRUPTED))
    return press


@pytest.mark.parametrize("scope", [SIM101, EveryAccount()])
async def test_a_press_of_an_earlier_run_becomes_flat_late_by_two_reads_made_now(
    make_panel: Make, scope: Scope
) -> None:
    panel = make_panel()
    await panel.look()
    press = interrupted(panel, scope)
    async with panel.followed():
        await until_other_than(press, Verdict.UNKNOWN)
        reads = [at for source, at in panel.gateway.reads if source is not Source.ORDERS]
        assert reads[-1] - reads[2] >= 1.0
        await asyncio.sleep(10.0)
    told = outcome_of(press)
    assert told.verdict is Verdict.FLAT
    assert told.late_s is not None
    assert told.late_s == pytest.approx((told.at - press.began).total_seconds())
    assert told.late_s < 110.0  # by the wall clock, as the other run's own clock is gone


async def test_a_press_of_an_earlier_run_stays_unknown_while_something_is_open_or_nobody_is_listed(
    make_panel: Make,
) -> None:
    panel = make_panel(FakeGateway(open=[position()]))
    press = interrupted(panel, EveryAccount())
    async with panel.followed():
        await asyncio.sleep(20.0)
        assert panel.outcomes() == []
        assert press.shows == (position(),)
        panel.gateway.open, panel.gateway.accounts_listed = [], []
        await asyncio.sleep(20.0)
    assert verdict_of(press) is Verdict.UNKNOWN


async def test_an_account_that_nobody_has_heard_of_since_is_not_proved_with_the_others(
    make_panel: Make,
) -> None:
    panel = make_panel()
    await panel.look()
    press = interrupted(panel, EveryAccount())
    press.outcome = replace(outcome_of(press), fates=(Fate("Elsewhere", Verdict.UNKNOWN),))
    async with panel.followed():
        await asyncio.sleep(20.0)
    assert verdict_of(press) is Verdict.UNKNOWN
    assert {fate.account: fate.verdict for fate in outcome_of(press).fates} == {
        "Elsewhere": Verdict.UNKNOWN,
        "Sim101": Verdict.FLAT,
        "Sim102": Verdict.FLAT,
    }


async def test_a_wide_press_broken_off_is_not_flat_because_the_rows_it_had_seen_are(make_panel: Make) -> None:
    gone = position("Sim102")
    panel = make_panel(FakeGateway(open=[position(), gone], on_flatten=stays(position(), gone)))
    await panel.look()
    press = panel.press(EveryAccount())
    panel.gateway.on_flatten = stays(position(), closed=[])
    task = asyncio.create_task(Flatten(panel.desk)(press))
    await asyncio.sleep(0.1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert [fate.account for fate in outcome_of(press).fates] == ["Sim101"]
    async with panel.followed():
        panel.gateway.open = []
        panel.gateway.accounts_listed.pop()  # Sim102 vanishes: nobody can tell
        await asyncio.sleep(20.0)
        assert verdict_of(press) is not Verdict.FLAT
        panel.gateway.accounts_listed.append(Account("Sim102", connected=True))
        await asyncio.sleep(20.0)
    assert verdict_of(press) is Verdict.FLAT


async def test_reads_of_the_accounts_alone_serve_the_proof_as_well(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position()], on_flatten=stays(position())))
    await panel.look()
    press = await flatten(panel)
    vigil = Vigil(panel.desk)
    panel.gateway.open = []
    panel.gateway.before_read = fail_reads(Source.SNAPSHOT)
    for _ in range(3):
        await asyncio.sleep(1.5)
        await panel.desk.watch.list_accounts()
        with pytest.raises(Exception, match="server_failed"):
            await panel.desk.watch.positions(Source.SNAPSHOT)
        await panel.desk.watch.positions(Source.POSITIONS)
    vigil.on_read(OrdersRead(Stamp(panel.clock.monotonic(), panel.clock.monotonic()), "Sim101", ()))
    await panel.desk.watch.positions(Source.POSITIONS)
    assert verdict_of(press) is Verdict.FLAT
