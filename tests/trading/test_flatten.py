"""Flatten, from the gesture to the outcome, on a scripted API in virtual time."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from crosstrade_panel.domain.outcome import Cause, Outcome, Reason, Verdict
from crosstrade_panel.domain.scope import EveryAccount, OneAccount, Scope, Side
from crosstrade_panel.domain.snapshot import Account, Position, Source
from crosstrade_panel.domain.ticket import ReverseTicket
from crosstrade_panel.trading.flatten import Flatten
from crosstrade_panel.trading.ports import (
    EntryKind,
    NotSentError,
    Receipt,
    RefusedError,
    UnknownOutcomeError,
)
from crosstrade_panel.trading.press import Phase
from tests.fakes import NOON, FakeGateway, MemoryJournal, VirtualTimeLoop, fail_reads, order, position

pytestmark = pytest.mark.anyio


async def test_flat_is_said_after_two_clean_reads_a_second_apart_from_both_endpoints(
    make_panel: Callable[..., Any],
) -> None:
    panel = make_panel(FakeGateway(open=[position()]))
    await panel.look()
    before = len(panel.gateway.reads)

    outcome = await Flatten(panel.desk)(panel.press(OneAccount("Sim101")))

    assert outcome.verdict is Verdict.FLAT
    reads = [(source, at) for source, at in panel.gateway.reads[before:] if source is not Source.ORDERS]
    assert reads[-1][1] - reads[0][1] >= 1.0
    assert {source for source, _ in reads} == {Source.POSITIONS, Source.SNAPSHOT}
    assert outcome.timings.proved_s == pytest.approx(1.03, abs=0.02)


async def test_nothing_open_is_said_when_nothing_was_open_before(make_panel: Callable[..., Any]) -> None:
    panel = make_panel()
    await panel.look()
    outcome = await Flatten(panel.desk)(panel.press(OneAccount("Sim101")))
    assert outcome.verdict is Verdict.NOTHING_OPEN


async def test_every_account_gets_its_own_fate_and_the_headline_is_the_worst(
    make_panel: Callable[..., Any],
) -> None:
    stays = position("Sim102", "ES 12-25", Side.LONG, 3)

    def close_one(gateway: FakeGateway, _scope: object) -> Any:
        closed, gateway.open = gateway.open, [stays]
        return gateway.receipt(closed)

    panel = make_panel(FakeGateway(open=[position(), stays], on_flatten=close_one))
    await panel.look()
    outcome = await Flatten(panel.desk)(panel.press(EveryAccount()))
    assert outcome.verdict is Verdict.STILL_OPEN
    assert {fate.account: fate.verdict for fate in outcome.fates} == {
        "Sim101": Verdict.FLAT,
        "Sim102": Verdict.STILL_OPEN,
    }


async def test_a_working_order_in_a_watched_pair_is_told_as_orders_working(
    make_panel: Callable[..., Any],
) -> None:
    panel = make_panel(FakeGateway(open=[position()], working={"Sim101": [order()]}))
    await panel.look()
    outcome = await Flatten(panel.desk)(panel.press(OneAccount("Sim101")))
    assert outcome.verdict is Verdict.ORDERS_WORKING
    assert [each.order_id for each in outcome.fates[0].working_orders] == ["order-1"]


# -- the outcome table, for one account and for all ---

SCOPES = [OneAccount("Sim101"), EveryAccount()]
Make = Callable[..., Any]


def raising(error: Exception) -> Callable[[FakeGateway, object], Any]:
    def on_flatten(_gateway: FakeGateway, _scope: object) -> Any:
        raise error

    return on_flatten


def doubt_after(act: Callable[[FakeGateway], None]) -> Callable[[FakeGateway, object], Any]:
    """The server acts, and its answer is lost."""

    def on_flatten(gateway: FakeGateway, _scope: object) -> Any:
        act(gateway)
        raise UnknownOutcomeError(Reason(Cause.NO_ANSWER))

    return on_flatten


def close_all(gateway: FakeGateway) -> None:
    gateway.open = []


def leaving(*rows: Position) -> Callable[[FakeGateway, object], Any]:
    """The server accepts; afterwards these rows are open."""

    def on_flatten(gateway: FakeGateway, _scope: object) -> Any:
        closed, gateway.open = gateway.open, list(rows)
        return gateway.receipt(closed)

    return on_flatten


def closing_at(moment_s: float) -> Callable[[FakeGateway, object], Any]:
    """The server accepts at once and closes so long afterwards."""

    def on_flatten(gateway: FakeGateway, _scope: object) -> Any:
        closed = list(gateway.open)
        asyncio.get_running_loop().call_later(moment_s, close_all, gateway)
        return gateway.receipt(closed)

    return on_flatten


async def flatten(panel: Any, scope: Scope) -> Outcome:
    outcome: Outcome = await Flatten(panel.desk)(panel.press(scope))
    return outcome


@pytest.mark.parametrize("scope", SCOPES)
async def test_what_provably_never_left_goes_out_once_more_and_is_then_not_sent(
    make_panel: Make, scope: Scope
) -> None:
    panel = make_panel(
        FakeGateway(on_flatten=raising(NotSentError(Reason(Cause.CONNECT_FAILED), may_try_elsewhere=True)))
    )
    outcome = await flatten(panel, scope)
    assert outcome.verdict is Verdict.NOT_SENT
    assert panel.gateway.sent == [scope, scope]
    assert panel.journal.kinds() == [
        EntryKind.INTENT,
        EntryKind.ATTEMPT,
        EntryKind.ANSWER,
        EntryKind.ATTEMPT,
        EntryKind.ANSWER,
        EntryKind.OUTCOME,
    ]
    assert not panel.gateway.reads


async def test_what_no_other_link_could_do_better_is_not_tried_again(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(on_flatten=raising(NotSentError(Reason(Cause.NO_TOKEN)))))
    outcome = await flatten(panel, OneAccount("Sim101"))
    assert (outcome.verdict, outcome.reason) == (Verdict.NOT_SENT, Reason(Cause.NO_TOKEN))
    assert len(panel.gateway.sent) == 1


async def test_a_second_attempt_that_arrives_is_verified_like_any_other(
    make_panel: Make,
) -> None:
    def once(gateway: FakeGateway, _scope: object) -> Any:
        if len(gateway.sent) == 1:
            raise NotSentError(Reason(Cause.CONNECT_FAILED), may_try_elsewhere=True)
        return leaving()(gateway, _scope)

    panel = make_panel(FakeGateway(open=[position()], on_flatten=once))
    await panel.look()
    assert (await flatten(panel, OneAccount("Sim101"))).verdict is Verdict.FLAT


@pytest.mark.parametrize("scope", SCOPES)
async def test_a_refusal_is_told_with_what_is_open_all_the_same(make_panel: Make, scope: Scope) -> None:
    reason = Reason(Cause.SERVER_SAID_NO, "Invalid request", 400)
    error = RefusedError(reason, sent_at=1000.0, answered_at=1000.01)
    panel = make_panel(FakeGateway(open=[position()], on_flatten=raising(error)))
    outcome = await flatten(panel, scope)
    assert (outcome.verdict, outcome.reason) == (Verdict.REFUSED, reason)
    assert [(fate.account, fate.verdict, fate.still_open) for fate in outcome.fates] == [
        ("Sim101", Verdict.REFUSED, (position(),))
    ]
    assert len(panel.gateway.sent) == 1


async def test_a_refusal_is_not_kept_back_by_reads_that_fail_or_are_stuck(
    make_panel: Make,
) -> None:
    error = RefusedError(Reason(Cause.TOKEN_REFUSED, "", 401), sent_at=1000.0, answered_at=1000.01)
    failing = make_panel(FakeGateway(on_flatten=raising(error), before_read=fail_reads(*Source)))
    outcome = await flatten(failing, OneAccount("Sim101"))
    assert (outcome.verdict, outcome.fates[0].still_open) == (Verdict.REFUSED, ())
    gateway = FakeGateway(open=[position()], on_flatten=raising(error))
    stuck = make_panel(gateway)

    def hang(_gateway: FakeGateway, _source: Source, _number: int) -> None:
        gateway.latency_s = 20.0

    gateway.before_read = hang
    began = gateway.now()
    assert (await flatten(stuck, OneAccount("Sim101"))).verdict is Verdict.REFUSED
    assert gateway.now() - began < 4.0
    await stuck.desk.watch.stop()


@pytest.mark.parametrize("scope", SCOPES)
async def test_no_position_with_proof_is_nothing_open_and_without_it_refused(
    make_panel: Make, scope: Scope
) -> None:
    error = RefusedError(
        Reason(Cause.NO_POSITION, "No position found", 400), sent_at=1000.0, answered_at=1000.01
    )
    nothing = make_panel(FakeGateway(on_flatten=raising(error)))
    assert (await flatten(nothing, scope)).verdict is Verdict.NOTHING_OPEN
    something = make_panel(FakeGateway(open=[position()], on_flatten=raising(error)))
    outcome = await flatten(something, scope)
    assert outcome.verdict is Verdict.REFUSED
    assert [fate.still_open for fate in outcome.fates if fate.account == "Sim101"] == [(position(),)]
    assert outcome.elsewhere_open == 0


NO_POSITION = RefusedError(
    Reason(Cause.NO_POSITION, "No position found", 400), sent_at=1000.0, answered_at=1000.01
)


async def test_no_position_while_a_reverse_may_still_enter_is_read_on_until_it_cannot(
    make_panel: Make,
) -> None:
    gateway = FakeGateway(on_flatten=raising(NO_POSITION))
    panel = make_panel(gateway)
    await panel.look()
    panel.reverse_press(ReverseTicket("Sim101", "MES 12-25", Side.SHORT, 2)).phase = Phase.VERIFYING
    asyncio.get_running_loop().call_later(4.0, gateway.open.append, position(side=Side.LONG))
    outcome = await flatten(panel, OneAccount("Sim101"))
    assert outcome.verdict is Verdict.REFUSED
    assert outcome.fates[0].still_open == (position(side=Side.LONG),)


async def test_no_position_does_not_hide_what_two_reads_show_on_the_other_side(make_panel: Make) -> None:
    gateway = FakeGateway(open=[position()], on_flatten=raising(NO_POSITION))
    panel = make_panel(gateway)
    await panel.look()
    gateway.open = [position(side=Side.LONG)]  # the stop was hit, and then the orphan of its target
    outcome = await flatten(panel, OneAccount("Sim101"))
    assert (outcome.verdict, outcome.fates[0].still_open) == (Verdict.OVERFILLED, tuple(gateway.open))


@pytest.mark.parametrize("scope", SCOPES)
async def test_no_position_of_an_account_that_is_away_cannot_be_told(make_panel: Make, scope: Scope) -> None:
    gateway = FakeGateway(on_flatten=raising(NO_POSITION))
    panel = make_panel(gateway)
    await panel.look()
    gateway.accounts_listed[0] = Account("Sim101", connected=False)
    outcome = await flatten(panel, scope)
    assert (outcome.verdict, outcome.reason) == (Verdict.CANNOT_TELL, Reason(Cause.NOT_CONNECTED))


@pytest.mark.parametrize(
    ("connected", "has_past", "elsewhere"), [(True, True, 0), (False, True, None), (True, False, 0)]
)
async def test_after_a_refusal_nothing_open_is_said_only_of_an_account_of_which_a_read_tells(
    make_panel: Make, connected: bool, has_past: bool, elsewhere: int | None
) -> None:
    error = RefusedError(Reason(Cause.SERVER_SAID_NO, "", 400), sent_at=1000.0, answered_at=1000.01)
    gateway = FakeGateway(on_flatten=raising(error))
    panel = make_panel(gateway, has_past=has_past)
    gateway.accounts_listed[0] = Account("Sim101", connected=connected)
    if has_past:
        await panel.look()
    outcome = await flatten(panel, OneAccount("Sim101"))
    assert outcome.verdict is Verdict.REFUSED
    assert outcome.elsewhere_open == elsewhere


async def test_no_position_where_one_was_read_before_is_flat_and_its_orders_are_looked_at(
    make_panel: Make,
) -> None:
    gateway = FakeGateway(open=[position()], working={"Sim101": [order()]}, on_flatten=raising(NO_POSITION))
    panel = make_panel(gateway)
    await panel.look()
    gateway.open.clear()  # the target was hit in this moment; the stop still works
    outcome = await flatten(panel, OneAccount("Sim101"))
    assert outcome.verdict is Verdict.ORDERS_WORKING


async def test_cancelled_orders_without_a_closed_position_are_not_nothing_open(
    make_panel: Make,
) -> None:
    gateway = FakeGateway(working={"Sim101": [order()]})
    gateway.on_flatten = lambda each, _: each.receipt([], ("id-1",))
    panel = make_panel(gateway)
    await panel.look()
    assert (await flatten(panel, OneAccount("Sim101"))).verdict is Verdict.ORDERS_WORKING


@pytest.mark.parametrize("scope", SCOPES)
async def test_a_lost_answer_is_unknown_until_two_reads_prove_flat(make_panel: Make, scope: Scope) -> None:
    panel = make_panel(FakeGateway(open=[position()], on_flatten=doubt_after(close_all)))
    await panel.look()
    press = panel.press(scope)
    outcome = await Flatten(panel.desk)(press)
    assert outcome.verdict is Verdict.FLAT
    assert len(panel.gateway.sent) == 1
    assert {change.phase for change in panel.changes} == {Phase.ENDED}  # one object, told again and again
    assert [facts["result"] for facts in panel.journal.facts(EntryKind.ANSWER)] == ["unknown"]


@pytest.mark.parametrize("scope", SCOPES)
async def test_a_lost_answer_stays_unknown_while_reads_fail(make_panel: Make, scope: Scope) -> None:
    gateway = FakeGateway(open=[position()], on_flatten=doubt_after(close_all))
    panel = make_panel(gateway)
    await panel.look()
    gateway.before_read = fail_reads(*Source)
    outcome = await flatten(panel, scope)
    assert (outcome.verdict, outcome.reason) == (Verdict.UNKNOWN, Reason(Cause.NO_ANSWER))


async def test_a_wide_doubt_without_any_past_or_read_is_unknown(make_panel: Make) -> None:
    gateway = FakeGateway(on_flatten=doubt_after(close_all), before_read=fail_reads(*Source))
    outcome = await flatten(make_panel(gateway, has_past=False), EveryAccount())
    assert (outcome.verdict, outcome.reason) == (Verdict.UNKNOWN, Reason(Cause.NO_ANSWER))
    accepted = FakeGateway(before_read=fail_reads(*Source))
    outcome = await flatten(make_panel(accepted, has_past=False), EveryAccount())
    assert (outcome.verdict, outcome.reason) == (Verdict.CANNOT_TELL, Reason(Cause.SERVER_FAILED))


async def test_half_done_keeps_what_the_server_reported_and_verifies(make_panel: Make) -> None:
    def half(gateway: FakeGateway, _scope: object) -> Any:
        closed, gateway.open = gateway.open, []
        raise UnknownOutcomeError(
            Reason(Cause.HALF_DONE),
            sent_at=gateway.now(),
            answered_at=gateway.now(),
            receipt=gateway.receipt(closed, ("id",)),
        )

    panel = make_panel(FakeGateway(open=[position()], on_flatten=half))
    outcome = await flatten(panel, OneAccount("Sim101"))
    assert (outcome.verdict, outcome.order_ids, outcome.closed_positions) == (
        Verdict.FLAT,
        ("id",),
        (position(),),
    )


@pytest.mark.parametrize("scope", SCOPES)
async def test_flat_with_orders_that_cannot_be_read_says_so(make_panel: Make, scope: Scope) -> None:
    gateway = FakeGateway(open=[position()], before_read=fail_reads(Source.ORDERS))
    panel = make_panel(gateway)
    await panel.look()
    outcome = await flatten(panel, scope)
    assert outcome.verdict is Verdict.FLAT_ORDERS_NOT_CHECKED
    assert outcome.orders_checked == (0, 1)
    order_reads = [at for source, at in gateway.reads if source is Source.ORDERS]
    assert len(order_reads) <= 11


@pytest.mark.parametrize("scope", SCOPES)
async def test_what_stays_open_to_the_end_of_the_window_is_still_open(make_panel: Make, scope: Scope) -> None:
    panel = make_panel(FakeGateway(open=[position()], on_flatten=leaving(position())))
    await panel.look()
    began = panel.clock.monotonic()
    outcome = await flatten(panel, scope)
    assert outcome.verdict is Verdict.STILL_OPEN
    assert 10.0 <= panel.clock.monotonic() - began < 10.2
    assert outcome.timings.proved_s is None
    assert (outcome.at - NOON).total_seconds() > 10.0


@pytest.mark.parametrize("scope", SCOPES)
async def test_the_opposite_side_by_two_reads_is_overfilled_and_told_at_once(
    make_panel: Make, scope: Scope
) -> None:
    panel = make_panel(FakeGateway(open=[position()], on_flatten=leaving(position(side=Side.LONG))))
    await panel.look()
    began = panel.clock.monotonic()
    outcome = await flatten(panel, OneAccount("Sim101"))
    assert outcome.verdict is Verdict.OVERFILLED
    assert panel.clock.monotonic() - began < 0.5
    again = make_panel(FakeGateway(open=[position()], on_flatten=leaving(position(side=Side.LONG))))
    assert (await flatten(again, scope)).verdict is Verdict.OVERFILLED


async def test_a_row_closed_outside_the_scope_is_closed_more_than_asked(
    make_panel: Make,
) -> None:
    panel = make_panel(FakeGateway(open=[position(), position(instrument="NQ 12-25")]))
    outcome = await flatten(panel, OneAccount("Sim101", "MES 12-25"))
    assert outcome.verdict is Verdict.CLOSED_MORE_THAN_ASKED
    wide = make_panel(FakeGateway(open=[position(), position("Sim102", "NQ 12-25")]))
    outcome = await flatten(wide, EveryAccount("MES 12-25"))
    assert outcome.verdict is Verdict.CLOSED_MORE_THAN_ASKED
    assert {fate.account: fate.verdict for fate in outcome.fates} == {
        "Sim101": Verdict.FLAT,
        "Sim102": Verdict.CLOSED_MORE_THAN_ASKED,
    }


@pytest.mark.parametrize("scope", SCOPES)
async def test_an_accepted_press_whose_reads_fail_is_not_proved(make_panel: Make, scope: Scope) -> None:
    gateway = FakeGateway(open=[position()])
    panel = make_panel(gateway)
    await panel.look()
    gateway.before_read = fail_reads(*Source)
    outcome = await flatten(panel, scope)
    assert outcome.verdict is Verdict.NOT_PROVED
    assert outcome.reason == Reason(Cause.SERVER_FAILED)


async def test_everything_with_an_empty_listing_cannot_be_told(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(accounts_listed=[]), has_past=False)
    outcome = await flatten(panel, EveryAccount())
    assert (outcome.verdict, outcome.reason) == (Verdict.CANNOT_TELL, Reason(Cause.NOTHING_LISTED))


async def test_everything_where_no_account_was_ever_connected_cannot_be_told(
    make_panel: Make,
) -> None:
    panel = make_panel(FakeGateway(accounts_listed=[Account("Old", connected=False)]))
    await panel.look()
    outcome = await flatten(panel, EveryAccount())
    assert (outcome.verdict, outcome.reason) == (Verdict.CANNOT_TELL, Reason(Cause.NOT_CONNECTED))


async def test_an_account_that_vanishes_cannot_be_told(make_panel: Make) -> None:
    gateway = FakeGateway(open=[position("Sim102")])
    panel = make_panel(gateway)
    await panel.look()
    gateway.accounts_listed.pop()
    for scope in (OneAccount("Sim102"), EveryAccount()):
        outcome = await flatten(panel, scope)
        assert (outcome.verdict, outcome.reason) == (Verdict.CANNOT_TELL, Reason(Cause.NOT_LISTED))
        assert outcome.timings.proved_s is None


async def test_where_the_snapshot_fails_the_accounts_endpoint_lists_and_positions_are_read_twice(
    make_panel: Make,
) -> None:
    panel = make_panel(FakeGateway(open=[position()], before_read=fail_reads(Source.SNAPSHOT)))
    outcome = await flatten(panel, OneAccount("Sim101"))
    assert outcome.verdict is Verdict.FLAT
    assert outcome.timings.proved_s is not None
    assert outcome.timings.proved_s < 2.0
    assert sum(source is Source.ACCOUNTS for source, _ in panel.gateway.reads) == 1


async def test_where_no_listing_answers_at_all_nobody_can_tell(make_panel: Make) -> None:
    gateway = FakeGateway(open=[position()], before_read=fail_reads(Source.SNAPSHOT, Source.ACCOUNTS))
    outcome = await flatten(make_panel(gateway), OneAccount("Sim101"))
    assert (outcome.verdict, outcome.reason) == (Verdict.CANNOT_TELL, Reason(Cause.NOTHING_LISTED))


# -- times ---


async def test_a_fill_in_the_last_second_of_the_window_is_still_proved(
    make_panel: Make,
) -> None:
    panel = make_panel(FakeGateway(open=[position()], on_flatten=closing_at(9.0)))
    began = panel.clock.monotonic()
    outcome = await flatten(panel, OneAccount("Sim101"))
    assert outcome.verdict is Verdict.FLAT
    assert 11.0 <= panel.clock.monotonic() - began < 12.0


async def test_a_fill_after_the_window_is_still_open(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position()], on_flatten=closing_at(10.5)))
    assert (await flatten(panel, OneAccount("Sim101"))).verdict is Verdict.STILL_OPEN


async def test_while_a_reverse_may_still_enter_flat_is_not_said_before_twenty_seconds(
    make_panel: Make,
) -> None:
    panel = make_panel(FakeGateway(open=[position()]))
    await panel.look()
    ticket = ReverseTicket("Sim101", "MES 12-25", Side.SHORT, 2)
    reverse = panel.reverse_press(ticket)
    reverse.outcome = Outcome(Verdict.UNKNOWN, NOON)
    began = panel.clock.monotonic()
    outcome = await flatten(panel, OneAccount("Sim101"))
    assert outcome.verdict is Verdict.FLAT
    assert 20.0 <= panel.clock.monotonic() - began < 21.0
    assert len(panel.gateway.reads) < 25


async def test_the_entry_of_a_reverse_that_comes_late_is_found(make_panel: Make) -> None:
    gateway = FakeGateway(open=[position()])
    panel = make_panel(gateway)
    await panel.look()
    panel.reverse_press(ReverseTicket("Sim101", "MES 12-25", Side.SHORT, 2)).outcome = Outcome(
        Verdict.UNKNOWN, NOON
    )
    asyncio.get_running_loop().call_later(15.0, gateway.open.append, position(side=Side.LONG))

    def keep(_gateway: FakeGateway, _scope: object) -> Any:
        closed = tuple(gateway.open)
        gateway.open.clear()
        return gateway.receipt(list(closed))

    gateway.on_flatten = keep
    assert (await flatten(panel, OneAccount("Sim101"))).verdict is Verdict.OVERFILLED


async def test_the_servers_own_time_counts_once_also_between_the_watch_and_a_press(
    make_panel: Make,
) -> None:
    gateway = FakeGateway(open=[position()], epoch=lambda _source, _number: 5)
    panel = make_panel(gateway)
    await panel.look()
    outcome = await flatten(panel, OneAccount("Sim101"))
    assert outcome.verdict is Verdict.NOT_PROVED
    assert outcome.reason == Reason(Cause.ROW_UNREADABLE)


async def test_the_case_of_an_account_does_not_matter(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position()]))
    await panel.look()
    outcome = await flatten(panel, OneAccount("SIM101"))
    assert outcome.verdict is Verdict.FLAT


# -- what may go wrong on the way ---


async def test_a_press_that_fails_in_an_unforeseen_way_is_unknown(
    make_panel: Make, announce_log: Any
) -> None:
    announce_log("not foreseen")
    panel = make_panel(FakeGateway(open=[position()], on_flatten=raising(RuntimeError("a bug"))))
    press = panel.press(OneAccount("Sim101"))
    outcome = await Flatten(panel.desk)(press)
    assert (outcome.verdict, outcome.reason) == (Verdict.UNKNOWN, Reason(Cause.INTERNAL))
    assert press.outcome is outcome
    assert len(panel.gateway.sent) == 1


async def test_a_read_that_fails_in_an_unforeseen_way_is_a_failed_read(
    make_panel: Make, announce_log: Any
) -> None:
    announce_log("a read failed in a way that is not foreseen")

    def crash(_gateway: FakeGateway, source: Source, _number: int) -> None:
        if source is Source.SNAPSHOT:
            raise KeyError("a bug")

    panel = make_panel(FakeGateway(open=[position()], before_read=crash))
    assert (await flatten(panel, OneAccount("Sim101"))).verdict is Verdict.FLAT


@pytest.mark.parametrize(
    ("cause", "verdict"),
    [(None, Verdict.UNKNOWN), (NotSentError(Reason(Cause.INTERRUPTED)), Verdict.NOT_SENT)],
)
async def test_a_press_cancelled_while_sending_is_unknown_unless_the_gateway_knows_better(
    make_panel: Make, cause: Exception | None, verdict: Verdict
) -> None:
    def cancelled(_gateway: FakeGateway, _scope: object) -> Any:
        raise asyncio.CancelledError from cause

    panel = make_panel(FakeGateway(on_flatten=cancelled))
    press = panel.press(OneAccount("Sim101"))
    with pytest.raises(asyncio.CancelledError):
        await Flatten(panel.desk)(press)
    assert press.outcome is not None
    assert press.outcome.verdict is verdict


async def test_a_press_cancelled_before_sending_is_not_sent(make_panel: Make) -> None:
    panel = make_panel(journal=MemoryJournal(None))
    press = panel.press(EveryAccount())
    task = asyncio.create_task(Flatten(panel.desk)(press))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert press.outcome is not None
    assert press.outcome.reason == Reason(Cause.INTERRUPTED_BEFORE_SENDING)
    assert not panel.gateway.sent


async def test_a_press_cancelled_while_verifying_is_unknown_and_keeps_what_was_read(
    make_panel: Make,
) -> None:
    rows = (position(), position("Sim102", "ES 12-25"))
    panel = make_panel(FakeGateway(open=list(rows), on_flatten=leaving(*rows)))
    press = panel.press(EveryAccount())
    task = asyncio.create_task(Flatten(panel.desk)(press))
    await asyncio.sleep(3.0)
    assert press.shows == rows
    assert press.interim is Verdict.STILL_OPEN
    assert press.phase is Phase.VERIFYING
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert press.outcome is not None
    assert press.outcome.verdict is Verdict.UNKNOWN
    assert {fate.account: fate.still_open for fate in press.outcome.fates} == {
        "Sim101": (rows[0],),
        "Sim102": (rows[1],),
    }
    await panel.desk.watch.stop()


async def test_nothing_is_said_to_be_shown_before_the_first_read(make_panel: Make) -> None:
    gateway = FakeGateway(open=[position()])
    panel = make_panel(gateway)
    seen: list[object] = []
    press = panel.press(OneAccount("Sim101"))
    gateway.before_read = lambda *_: seen.append(press.shows)
    await Flatten(panel.desk)(press)
    assert seen[0] is None


# -- the journal ---


async def test_a_press_waits_twenty_milliseconds_for_a_hanging_journal_and_is_sent(
    make_panel: Make,
) -> None:
    panel = make_panel(FakeGateway(open=[position()]), journal=MemoryJournal(None))
    press = panel.press(OneAccount("Sim101"))
    outcome = await Flatten(panel.desk)(press)
    assert outcome.verdict is Verdict.FLAT
    assert press.notes == ["journal late"]
    assert panel.journal.facts(EntryKind.NOTE) == [{"text": "journal late"}]
    attempt = next(entry for entry in panel.journal.entries if entry.kind is EntryKind.ATTEMPT)
    assert attempt.after_s == pytest.approx(0.02)


async def test_a_journal_that_comes_in_time_or_after_the_loop_is_waited_for_no_longer(
    make_panel: Make,
) -> None:
    journal = MemoryJournal(None)
    panel = make_panel(FakeGateway(open=[position()]), journal=journal)
    press = panel.press(OneAccount("Sim101"))
    asyncio.get_running_loop().call_later(0.005, lambda: journal.futures[0].set_result(True))
    await Flatten(panel.desk)(press)
    assert press.notes == []
    attempt = next(entry for entry in journal.entries if entry.kind is EntryKind.ATTEMPT)
    assert attempt.after_s == pytest.approx(0.005)


@pytest.mark.parametrize("end", ["false", "error", "cancelled"])
async def test_no_journal_however_broken_stops_a_press(make_panel: Make, end: str) -> None:
    journal = MemoryJournal(None)
    panel = make_panel(FakeGateway(open=[position()]), journal=journal)

    def break_it() -> None:
        match end:
            case "false":
                journal.futures[0].set_result(False)
            case "error":
                journal.futures[0].set_exception(OSError("disk full"))
            case _:
                journal.futures[0].cancel()

    asyncio.get_running_loop().call_later(0.005, break_it)
    press = panel.press(OneAccount("Sim101"))
    assert (await Flatten(panel.desk)(press)).verdict is Verdict.FLAT
    assert press.notes == ["journal off"]


def test_a_journal_that_answers_after_the_loop_is_gone_troubles_nobody(
    make_panel: Make,
) -> None:
    journal = MemoryJournal(None)

    async def run() -> None:
        panel = make_panel(FakeGateway(), journal=journal)
        await Flatten(panel.desk)(panel.press(OneAccount("Sim101")))

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(run())
    journal.futures[0].set_result(True)


async def test_the_journal_tells_the_whole_story_of_a_press(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position()], working={"Sim101": [order()]}))
    await panel.look()
    await flatten(panel, OneAccount("Sim101", "MES 12-25", Side.SHORT))
    (intent,) = panel.journal.facts(EntryKind.INTENT)
    assert intent == {
        "action": "flatten",
        "account": "Sim101",
        "instrument": "MES 12-25",
        "side": "short",
        "origin": "https://example.test",
        "practice": False,
    }
    (answer,) = panel.journal.facts(EntryKind.ANSWER)
    assert answer["order_ids"] == ["id-1", "id-2"]
    assert answer["closed_positions"][0]["average_price"] == "5780.25"
    reads = panel.journal.facts(EntryKind.READ)
    assert {facts["source"] for facts in reads} == {"positions", "snapshot", "orders"}
    (outcome,) = panel.journal.facts(EntryKind.OUTCOME)
    assert outcome["verdict"] == "orders_working"
    assert outcome["fates"][0]["working_orders"][0]["order_id"] == "order-1"
    assert json.loads(json.dumps([entry.facts for entry in panel.journal.entries]))


async def test_a_press_spends_from_the_budget_and_never_waits_for_it(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position()]))
    budget = panel.desk.watch.budget
    for _ in range(30):
        budget.spend(panel.clock.monotonic())
    press = panel.press(OneAccount("Sim101"))
    level = budget.level(panel.clock.monotonic())
    task = asyncio.create_task(Flatten(panel.desk)(press))
    await asyncio.sleep(0.001)
    assert panel.gateway.sent == [OneAccount("Sim101")]
    assert budget.level(panel.clock.monotonic()) == pytest.approx(level - 1.0, abs=0.01)
    assert (await task).verdict in {Verdict.FLAT, Verdict.NOT_PROVED}


async def test_the_record_knows_the_journals_problem_and_notes_an_acknowledgement(
    make_panel: Make,
) -> None:
    panel = make_panel(journal=MemoryJournal())
    panel.journal.problem = "disk full"
    assert panel.desk.record.problem == "disk full"
    panel.desk.record.acknowledged(panel.press(OneAccount("Sim101")))
    assert panel.journal.kinds() == [EntryKind.ACKNOWLEDGED]


async def test_what_opens_again_while_its_orders_are_still_looked_at_is_reopened(
    make_panel: Make,
) -> None:
    def leave_order(gateway: FakeGateway, _scope: Scope) -> Receipt:
        closed, gateway.open = gateway.open, []
        gateway.working = {"Sim101": [replace(order(), state="CancelPending")]}
        return gateway.receipt(closed)

    gateway = FakeGateway(open=[position()], on_flatten=leave_order)
    panel = make_panel(gateway)
    await panel.look()
    press = panel.press(OneAccount("Sim101"))
    flattening = asyncio.create_task(Flatten(panel.desk)(press))
    await asyncio.sleep(3.0)
    assert press.interim is Verdict.ORDERS_WORKING
    gateway.open = [position(side=Side.LONG, quantity=1)]
    outcome = await flattening
    assert outcome.verdict is Verdict.REOPENED
    assert outcome.fates[0].still_open == (position(side=Side.LONG, quantity=1),)
    assert outcome.flat_at is not None
    assert (
        1 < (outcome.flat_at - press.began).total_seconds() < 3 < (outcome.at - press.began).total_seconds()
    )


async def test_orders_that_work_on_are_told_as_soon_as_two_reads_list_them(
    make_panel: Make,
) -> None:
    def leave_order(gateway: FakeGateway, _scope: Scope) -> Receipt:
        closed, gateway.open = gateway.open, []
        gateway.working = {"Sim101": [order()]}
        return gateway.receipt(closed)

    gateway = FakeGateway(open=[position()], on_flatten=leave_order)
    panel = make_panel(gateway)
    await panel.look()
    outcome = await Flatten(panel.desk)(panel.press(OneAccount("Sim101")))
    assert outcome.verdict is Verdict.ORDERS_WORKING
    assert panel.clock.monotonic() - 1000 < 3


@pytest.mark.parametrize("passing", [{"state": "CancelPending"}, {"order_type": "Market"}])
async def test_orders_that_are_on_their_way_out_are_waited_for(
    make_panel: Make, passing: dict[str, Any]
) -> None:
    def leave_order(gateway: FakeGateway, _scope: Scope) -> Receipt:
        closed, gateway.open = gateway.open, []
        gateway.working = {"Sim101": [replace(order(), **passing)]}
        return gateway.receipt(closed)

    gateway = FakeGateway(open=[position()], on_flatten=leave_order)
    panel = make_panel(gateway)
    await panel.look()
    flattening = asyncio.create_task(Flatten(panel.desk)(panel.press(OneAccount("Sim101"))))
    await asyncio.sleep(4.0)
    assert not flattening.done()
    gateway.working = {}
    assert (await flattening).verdict is Verdict.FLAT


async def test_an_order_that_is_gone_from_the_list_may_have_filled_so_the_positions_are_read_again(
    make_panel: Make,
) -> None:
    opened = [position(side=Side.LONG, quantity=1)]

    def fill(gateway: FakeGateway, source: Source, _number: int) -> None:
        # Filled just before its account's orders are read: no read of the positions has seen it.
        if source is Source.ORDERS and len(positions_read_by(gateway)) >= 2:
            gateway.working, gateway.open = {}, opened

    gateway = FakeGateway(open=[position()], before_read=fill)
    gateway.working = {"Sim101": [replace(order(), state="CancelPending")]}
    panel = make_panel(gateway)
    await panel.look()
    gateway.reads.clear()
    outcome = await Flatten(panel.desk)(panel.press(OneAccount("Sim101")))
    assert outcome.verdict is Verdict.REOPENED


def positions_read_by(gateway: FakeGateway) -> list[Source]:
    return [source for source, _ in gateway.reads if source is not Source.ORDERS]
