"""CANCEL n ORDERS: exactly the listed orders, each request once, and told only by what was read of them."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from crosstrade_panel.domain.outcome import Cause, Outcome, Reason, Verdict
from crosstrade_panel.domain.snapshot import Account, Flaws, Order, Source
from crosstrade_panel.trading.cancel import Cancel
from crosstrade_panel.trading.ports import (
    READ_SOURCES,
    EntryKind,
    NotSentError,
    RefusedError,
    UnknownOutcomeError,
    Way,
)
from crosstrade_panel.trading.press import Phase, Press
from tests.fakes import FakeGateway, MemoryJournal, fail_reads, order, position

pytestmark = pytest.mark.anyio

Make = Callable[..., Any]
ONE, TWO, OTHER = order(order_id="a"), order(order_id="b"), order("Sim102", order_id="c")


def gone(gateway: FakeGateway) -> RefusedError:
    reason = Reason(Cause.ORDER_GONE, "Order not found or already terminal", 400)
    return RefusedError(reason, sent_at=gateway.now() - 0.01, answered_at=gateway.now())


def refused(gateway: FakeGateway, reason: Reason | None = None) -> RefusedError:
    return RefusedError(
        reason or Reason(Cause.SERVER_SAID_NO, "no", 400),
        sent_at=gateway.now() - 0.01,
        answered_at=gateway.now(),
    )


def answering(*errors: Callable[[FakeGateway], Exception]) -> Callable[..., Any]:
    """One error after another; what is accepted beyond them stays as it is."""
    left = list(errors)

    def on_cancel(gateway: FakeGateway, *_: object) -> Any:
        if left:
            raise left.pop(0)(gateway)
        return gateway.receipt(None, ())

    return on_cancel


async def listed(make_panel: Make, *orders: Order, **fields: Any) -> Any:
    """A panel that has read positions and the orders of both accounts."""
    by_account: dict[str, list[Order]] = {"Sim101": [], "Sim102": []}
    for each in orders:
        by_account[each.account].append(each)
    panel = make_panel(FakeGateway(working=by_account), **fields)
    await panel.look()
    for account in by_account:
        await panel.desk.watch.orders(account)
    panel.gateway.reads.clear()
    return panel


async def cancel(panel: Any, *orders: Order) -> Outcome:
    outcome: Outcome = await Cancel(panel.desk)(panel.cancel_press(*orders))
    return outcome


def order_reads(panel: Any) -> list[float]:
    return [at for source, at in panel.gateway.reads if source is Source.ORDERS]


# -- what is sent ---


async def test_a_pair_whose_orders_are_all_listed_is_one_request_and_the_others_go_by_their_ids(
    make_panel: Make,
) -> None:
    nq, unlisted = order(instrument="NQ 12-25", order_id="d"), order(instrument="NQ 12-25", order_id="e")
    panel = await listed(make_panel, ONE, TWO, OTHER, nq, unlisted)
    outcome = await cancel(panel, ONE, TWO, OTHER, nq)
    assert sorted(panel.gateway.cancelled, key=str) == [
        ("Sim101", "MES 12-25", None),
        ("Sim101", None, "d"),
        ("Sim102", None, "c"),
    ]
    assert outcome.verdict is Verdict.CANCELLED
    assert panel.gateway.working == {"Sim101": [unlisted], "Sim102": []}
    attempts = panel.journal.facts(EntryKind.ATTEMPT)
    assert [(each["account"], each["instrument"], each["order_id"]) for each in attempts] == [
        ("Sim101", "MES 12-25", None),
        ("Sim101", None, "d"),
        ("Sim102", None, "c"),
    ]
    assert {each["way"] for each in attempts} == {Way.REST.value}
    assert panel.journal.facts(EntryKind.INTENT)[0]["action"] == "cancel"
    assert [each["order_id"] for each in panel.journal.facts(EntryKind.INTENT)[0]["orders"]] == list("abcd")


async def test_orders_read_too_long_ago_or_before_a_sleep_do_not_stand_for_a_pair(make_panel: Make) -> None:
    by_ids = [("Sim101", None, "a"), ("Sim101", None, "b")]
    old = await listed(make_panel, ONE, TWO)
    await asyncio.sleep(10.1)
    await old.look()
    await cancel(old, ONE, TWO)
    assert old.gateway.cancelled == by_ids
    slept = await listed(make_panel, ONE, TWO)
    await asyncio.sleep(0.1)
    slept.desk.begin_anew()
    await slept.look()
    await cancel(slept, ONE, TWO)
    assert slept.gateway.cancelled == by_ids


@pytest.mark.parametrize("instrument", ["MES 12-25", "MESZ25"])
async def test_nothing_is_sent_while_a_position_is_open_in_a_pair(make_panel: Make, instrument: str) -> None:
    panel = await listed(make_panel, ONE, OTHER)
    panel.gateway.open = [position(instrument=instrument)]
    await panel.look(Source.POSITIONS)
    outcome = await cancel(panel, ONE, OTHER)
    assert (outcome.verdict, outcome.reason) == (Verdict.NOT_SENT, Reason(Cause.NOT_AS_READ))
    assert [fate.account for fate in outcome.fates] == ["Sim101", "Sim102"]
    assert panel.gateway.cancelled == []
    assert panel.journal.kinds() == [EntryKind.INTENT, EntryKind.OUTCOME]


async def test_nothing_is_sent_where_nobody_knows_whether_a_position_is_open(make_panel: Make) -> None:
    never_read = make_panel(FakeGateway(working={"Sim101": [ONE]}, before_read=fail_reads(*Source)))
    assert (await cancel(never_read, ONE)).verdict is Verdict.NOT_SENT
    spoiled = await listed(make_panel, ONE)
    spoiled.gateway.flaws = lambda _source, _number: Flaws(accounts=frozenset({"sim101"}))
    await spoiled.look(Source.POSITIONS)
    assert (await cancel(spoiled, ONE)).verdict is Verdict.NOT_SENT
    assert not never_read.gateway.cancelled
    assert not spoiled.gateway.cancelled


@pytest.mark.parametrize("gone", [False, True])
async def test_nothing_is_sent_where_no_read_tells_of_the_account(make_panel: Make, gone: bool) -> None:
    panel = await listed(make_panel, ONE)
    panel.gateway.accounts_listed[0] = Account("Sim103" if gone else "Sim101", connected=gone)
    await panel.look()
    outcome = await cancel(panel, ONE)
    assert (outcome.verdict, outcome.reason) == (Verdict.NOT_SENT, Reason(Cause.NOT_READ))
    assert panel.gateway.cancelled == []


@pytest.mark.parametrize("has_slept", [False, True])
@pytest.mark.parametrize("now", ["open", "flat", "unread"])
async def test_what_was_read_too_long_ago_is_read_again_before_anything_is_sent(
    make_panel: Make, has_slept: bool, now: str
) -> None:
    panel = await listed(make_panel, ONE)
    await asyncio.sleep(0.1 if has_slept else panel.desk.pace.fresh_s + 1.0)
    if has_slept:
        panel.desk.begin_anew()
    panel.gateway.open = [position()] if now == "open" else []
    panel.gateway.before_read = fail_reads(*READ_SOURCES) if now == "unread" else None
    outcome = await cancel(panel, ONE)
    if now == "flat":
        assert panel.gateway.cancelled == [("Sim101", None, "a")]
        assert panel.journal.kinds()[:3] == [EntryKind.INTENT, EntryKind.READ, EntryKind.ATTEMPT]
    else:
        cause = Cause.NOT_AS_READ if now == "open" else Cause.NOT_READ
        assert (outcome.verdict, outcome.reason) == (Verdict.NOT_SENT, Reason(cause))
        assert panel.gateway.cancelled == []


async def test_a_position_in_another_pair_hinders_nothing(make_panel: Make) -> None:
    panel = await listed(make_panel, ONE)
    panel.gateway.open = [position(instrument="NQ 12-25"), position("Sim102")]
    await panel.look()
    assert (await cancel(panel, ONE)).verdict is Verdict.CANCELLED


async def test_at_most_four_requests_are_under_way_at_once(make_panel: Make) -> None:
    orders = [order(instrument=f"MES {month:02}-26", order_id=f"id-{month}") for month in range(1, 11)]
    panel = await listed(make_panel, *orders)
    under_way: list[int] = []

    def count(gateway: FakeGateway, *_: object) -> Any:
        under_way.append(len(gateway.cancelled))
        gateway.working = {}
        return gateway.receipt(None)

    panel.gateway.on_cancel = count
    await cancel(panel, *orders)
    assert len(panel.gateway.cancelled) == 10
    assert under_way[0] == 4
    assert max(sent - done for done, sent in enumerate(under_way)) <= 4


@pytest.mark.parametrize(
    "error",
    [
        lambda _gateway: NotSentError(Reason(Cause.CONNECT_FAILED), may_try_elsewhere=True),
        lambda gateway: refused(gateway, Reason(Cause.OVER_BUDGET, "Rate limit exceeded", 429, 0.1)),
        lambda _gateway: UnknownOutcomeError(Reason(Cause.NO_ANSWER)),
        gone,
    ],
)
async def test_each_request_is_sent_once_whatever_comes_back(make_panel: Make, error: Any) -> None:
    panel = await listed(make_panel, ONE, OTHER)
    panel.gateway.on_cancel = answering(error, error, error, error)
    await cancel(panel, ONE, OTHER)
    assert sorted(panel.gateway.cancelled) == [("Sim101", None, "a"), ("Sim102", None, "c")]


# -- what is told ---


async def test_cancelled_is_told_by_two_clean_reads_a_second_apart_and_not_sooner(make_panel: Make) -> None:
    panel = await listed(make_panel, ONE)
    outcome = await cancel(panel, ONE)
    first, second = order_reads(panel)
    assert second >= first + 0.01 + 1.0
    assert (outcome.verdict, outcome.fates[0].ended_orders) == (Verdict.CANCELLED, (ONE,))
    assert outcome.cancel is not None
    assert outcome.cancel.orders == (ONE,)
    assert outcome.timings.proved_s == pytest.approx(1.05, abs=0.1)
    assert panel.outcomes() == ["cancelled"]


async def test_what_still_works_is_still_working_by_two_reads(make_panel: Make) -> None:
    panel = await listed(make_panel, ONE, TWO)

    def only_one(gateway: FakeGateway, *_: object) -> Any:
        gateway.working["Sim101"] = [replace(TWO, state="CancelPending")]
        return gateway.receipt(None, ("a",))

    panel.gateway.on_cancel = only_one
    outcome = await cancel(panel, ONE, TWO)
    assert outcome.verdict is Verdict.STILL_WORKING
    assert [each.order_id for each in outcome.fates[0].working_orders] == ["b"]
    assert [each.order_id for each in outcome.fates[0].ended_orders] == ["a"]


async def test_one_read_alone_that_shows_an_order_working_is_shown_and_no_more(make_panel: Make) -> None:
    panel = await listed(make_panel, ONE)
    panel.gateway.on_cancel = answering()
    panel.gateway.before_read = lambda gateway, source, number: (
        fail_reads(Source.ORDERS)(gateway, source, number) if order_reads(panel)[1:] else None
    )
    outcome = await cancel(panel, ONE)
    assert (outcome.verdict, outcome.reason) == (Verdict.NOT_PROVED, Reason(Cause.ORDERS_UNREAD))
    assert outcome.fates[0].working_orders == (ONE,)


async def test_an_order_found_filled_is_never_called_cancelled_however_long_it_is_read(
    make_panel: Make,
) -> None:
    panel = await listed(make_panel, ONE)

    def filled_once(gateway: FakeGateway, source: Source, _number: int) -> None:
        if source is Source.ORDERS:
            is_first = len(order_reads(panel)) == 1
            gateway.working["Sim101"] = [replace(ONE, state="Filled", filled=2)] if is_first else []

    panel.gateway.on_cancel = answering(gone)
    panel.gateway.before_read = filled_once
    press = panel.cancel_press(ONE)
    outcome = await Cancel(panel.desk)(press)
    assert (outcome.verdict, outcome.reason) == (Verdict.NOT_PROVED, Reason(Cause.ORDER_FILLED))
    async with panel.followed():
        await asyncio.sleep(120.0)
    assert panel.outcomes() == ["not_proved"]
    assert press.outcome is outcome


async def test_what_was_filled_in_part_before_it_was_listed_does_not_keep_the_rest_from_being_cancelled(
    make_panel: Make,
) -> None:
    part = replace(ONE, state="PartFilled", filled=1)
    for filled, verdict in ((1, Verdict.CANCELLED), (2, Verdict.NOT_PROVED)):
        panel = await listed(make_panel, part)

        def end(gateway: FakeGateway, *_: object, filled: int = filled) -> Any:
            gateway.working["Sim101"] = [replace(part, state="Cancelled", filled=filled)]
            return gateway.receipt(None, ("a",))

        panel.gateway.on_cancel = end
        assert (await cancel(panel, part)).verdict is verdict


async def test_an_order_of_unknown_state_works_until_its_cancel_finds_it_ended(make_panel: Make) -> None:
    doubtful = replace(ONE, state="Unknown")
    accepted = await listed(make_panel, doubtful)
    accepted.gateway.on_cancel = answering()
    assert (await cancel(accepted, doubtful)).verdict is Verdict.STILL_WORKING
    ended = await listed(make_panel, doubtful)
    ended.gateway.on_cancel = answering(gone)
    outcome = await cancel(ended, doubtful)
    assert outcome.verdict is Verdict.CANCELLED
    assert outcome.reason is not None
    assert outcome.reason.cause is Cause.ORDER_GONE
    assert not (await ended.desk.watch.orders("Sim101")).orders[0].is_working
    working = await ended.desk.watch.orders("Sim102")
    assert working.orders == ()


async def test_the_empty_lists_of_an_add_on_that_is_away_never_prove_anything(make_panel: Make) -> None:
    for accounts, cause in (
        ([], Cause.NOTHING_LISTED),
        ([Account("Sim102", connected=True)], Cause.NOT_LISTED),
        ([Account("Sim101", connected=False)], Cause.NOT_CONNECTED),
    ):
        panel = await listed(make_panel, ONE)

        def away(gateway: FakeGateway, *_: object, accounts: list[Account] = accounts) -> Any:
            gateway.working, gateway.accounts_listed = {}, list(accounts)
            return gateway.receipt(None, ("a",))

        panel.gateway.on_cancel = away
        outcome = await cancel(panel, ONE)
        assert (outcome.verdict, outcome.reason) == (Verdict.CANNOT_TELL, Reason(cause))


async def test_reads_without_the_orders_prove_nothing_while_nobody_lists_their_account_readably(
    make_panel: Make,
) -> None:
    for cause in (Cause.ORDERS_UNREAD, Cause.ROW_UNREADABLE):
        panel = await listed(make_panel, ONE)
        if cause is Cause.ORDERS_UNREAD:
            panel.gateway.before_read = fail_reads(Source.SNAPSHOT, Source.ACCOUNTS)
        else:
            panel.gateway.flaws = lambda source, _number: Flaws(
                accounts=frozenset() if source is Source.ORDERS else frozenset({"sim101"})
            )
        press = panel.cancel_press(ONE)
        outcome = await Cancel(panel.desk)(press)
        assert panel.gateway.working["Sim101"] == []
        assert len(order_reads(panel)) >= 2
        assert (outcome.verdict, outcome.reason) == (Verdict.NOT_PROVED, Reason(cause))
        assert outcome.fates[0].ended_orders == ()


async def test_orders_that_cannot_be_read_are_not_proved_and_after_doubt_unknown(make_panel: Make) -> None:
    for answer, verdict in (
        (answering(), Verdict.NOT_PROVED),
        (answering(lambda _gateway: UnknownOutcomeError(Reason(Cause.NO_ANSWER))), Verdict.UNKNOWN),
    ):
        panel = await listed(make_panel, ONE)
        panel.gateway.on_cancel, panel.gateway.before_read = answer, fail_reads(Source.ORDERS)
        assert (await cancel(panel, ONE)).verdict is verdict


async def test_each_account_is_told_for_itself(make_panel: Make) -> None:
    accounts = [f"Sim10{number}" for number in range(1, 6)]
    orders = [order(name, order_id=name) for name in accounts]
    panel = await listed(make_panel, ONE)
    panel.gateway.accounts_listed = [Account(name, connected=True) for name in accounts]
    panel.gateway.working = {each.account: [each] for each in orders}
    await panel.look()
    endings: dict[str, Callable[[FakeGateway], Exception]] = {
        "Sim102": refused,
        "Sim103": lambda _gateway: NotSentError(Reason(Cause.CONNECT_FAILED)),
        "Sim104": lambda _gateway: UnknownOutcomeError(Reason(Cause.NO_ANSWER)),
    }

    def on_cancel(gateway: FakeGateway, account: str, *_: object) -> Any:
        if account in endings:
            raise endings[account](gateway)
        if account == "Sim101":
            gateway.working[account] = []
        return gateway.receipt(None, (account,))

    panel.gateway.on_cancel = on_cancel
    panel.gateway.before_read = lambda gateway, *_: gateway.working.update(
        {"Sim104": []} if gateway.now() > 1003.0 else {}
    )
    press = panel.cancel_press(*orders)
    outcome = await Cancel(panel.desk)(press)
    assert {fate.account: fate.verdict for fate in outcome.fates} == {
        "Sim101": Verdict.CANCELLED,
        "Sim102": Verdict.REFUSED,
        "Sim103": Verdict.NOT_SENT,
        "Sim104": Verdict.CANCELLED,
        "Sim105": Verdict.STILL_WORKING,
    }
    assert outcome.verdict is Verdict.STILL_WORKING
    assert outcome.order_ids == ("Sim101", "Sim105")
    results = [each["result"] for each in panel.journal.facts(EntryKind.ANSWER)]
    assert sorted(results) == ["accepted", "accepted", "not_sent", "refused", "unknown"]
    assert press.phase is Phase.ENDED


async def test_what_never_left_is_not_sent(make_panel: Make) -> None:
    panel = await listed(make_panel, ONE, OTHER)
    never = lambda _gateway: NotSentError(Reason(Cause.CONNECT_FAILED))  # noqa: E731
    panel.gateway.on_cancel = answering(never, never)
    outcome = await cancel(panel, ONE, OTHER)
    assert (outcome.verdict, outcome.reason) == (Verdict.NOT_SENT, Reason(Cause.CONNECT_FAILED))
    assert not panel.gateway.reads


async def test_too_many_requests_are_told_and_make_the_reads_pause(make_panel: Make) -> None:
    panel = await listed(make_panel, ONE)
    over = Reason(Cause.OVER_BUDGET, "Rate limit exceeded", 429, 5.0)
    panel.gateway.on_cancel = answering(lambda gateway: refused(gateway, over))
    outcome = await cancel(panel, ONE)
    assert (outcome.verdict, outcome.reason) == (Verdict.REFUSED, over)
    assert panel.gateway.reads[0][1] >= 1005.0


# -- interrupted ---


async def interrupted(panel: Any, *orders: Order) -> Press:
    press: Press = panel.cancel_press(*orders)
    task = asyncio.create_task(Cancel(panel.desk)(press))
    await asyncio.sleep(0.005)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return press


async def test_interrupted_midway_is_unknown_for_every_account(make_panel: Make) -> None:
    panel = await listed(make_panel, ONE, OTHER)
    press = await interrupted(panel, ONE, OTHER)
    assert press.outcome is not None
    assert (press.outcome.verdict, press.outcome.reason) == (Verdict.UNKNOWN, Reason(Cause.INTERRUPTED))
    assert [fate.account for fate in press.outcome.fates] == ["Sim101", "Sim102"]


@pytest.mark.parametrize(("clean", "verdict"), [({"a", "c"}, Verdict.NOT_SENT), ({"c"}, Verdict.UNKNOWN)])
async def test_a_request_that_never_left_does_not_speak_for_one_that_did(
    make_panel: Make, clean: set[str], verdict: Verdict
) -> None:
    panel = await listed(make_panel, ONE, OTHER)

    async def hang(_account: str, order_id: str) -> Any:
        try:
            await asyncio.sleep(60.0)
        except asyncio.CancelledError as error:
            reason = Reason(Cause.INTERRUPTED)
            raise error from NotSentError(reason) if order_id in clean else UnknownOutcomeError(reason)

    panel.gateway.cancel_order = hang
    press = await interrupted(panel, ONE, OTHER)
    assert press.outcome is not None
    assert press.outcome.verdict is verdict


async def test_interrupted_before_the_first_request_is_not_sent(make_panel: Make) -> None:
    panel = await listed(make_panel, ONE, journal=MemoryJournal(None))
    press = await interrupted(panel, ONE)
    assert press.outcome is not None
    assert press.outcome.verdict is Verdict.NOT_SENT
    assert panel.gateway.cancelled == []


async def test_a_mistake_in_one_request_does_not_let_the_others_go_on_behind_the_outcome(
    make_panel: Make, announce_log: Any
) -> None:
    announce_log("not foreseen")
    panel = await listed(make_panel, ONE, OTHER)
    ended: list[float] = []

    async def cancel_order(account: str, _order_id: str) -> Any:
        if account == "Sim101":
            raise KeyError(account)
        await asyncio.sleep(1.0)
        ended.append(panel.clock.monotonic())
        return panel.gateway.receipt(None)

    panel.gateway.cancel_order = cancel_order
    press = panel.cancel_press(ONE, OTHER)
    outcome = await Cancel(panel.desk)(press)
    assert (outcome.verdict, outcome.reason) == (Verdict.UNKNOWN, Reason(Cause.INTERNAL))
    assert ended
    assert ended[0] <= (press.ended_at or 0.0)


# -- afterwards ---


async def test_still_working_becomes_cancelled_late_by_two_reads(make_panel: Make) -> None:
    panel = await listed(make_panel, ONE)
    panel.gateway.on_cancel = answering()
    press = panel.cancel_press(ONE)
    await Cancel(panel.desk)(press)
    assert panel.outcomes() == ["still_working"]
    async with panel.followed():
        panel.gateway.working = {}
        await asyncio.sleep(20.0)
    assert panel.outcomes() == ["still_working", "cancelled"]
    assert press.outcome is not None
    assert press.outcome.late_s is not None


async def test_a_cancel_interrupted_or_of_an_earlier_run_is_told_by_the_orders_and_never_as_flat(
    make_panel: Make,
) -> None:
    panel = await listed(make_panel, ONE, OTHER)
    press = await interrupted(panel, ONE, OTHER)
    earlier = panel.cancel_press(order(order_id="z"))
    earlier.outcome = Outcome(Verdict.UNKNOWN, panel.clock.now(), reason=Reason(Cause.INTERRUPTED))
    earlier.phase = Phase.ENDED
    assert press.outcome is not None
    async with panel.followed():
        await asyncio.sleep(30.0)
        assert press.outcome.verdict is Verdict.STILL_WORKING
        assert earlier.outcome.verdict is Verdict.CANCELLED
        panel.gateway.working = {}
        await asyncio.sleep(30.0)
    assert (panel.outcomes(press)[0], panel.outcomes(press)[-1]) == ("unknown", "cancelled")
    assert not {"flat", "nothing_open"} & set(panel.outcomes())


async def test_what_was_told_of_a_cancel_is_not_taken_back_because_reads_fail(make_panel: Make) -> None:
    panel = await listed(make_panel, ONE)
    panel.gateway.on_cancel = answering()
    await cancel(panel, ONE)
    panel.gateway.before_read = fail_reads(*Source)
    async with panel.followed():
        await asyncio.sleep(60.0)
    assert panel.outcomes() == ["still_working"]


async def test_a_refused_cancel_is_told_as_soon_as_one_read_shows_that_the_orders_work_on(
    make_panel: Make,
) -> None:
    panel = make_panel(FakeGateway(working={"Sim101": [order()]}))
    await panel.look()
    await panel.desk.watch.orders("Sim101")
    panel.gateway.on_cancel = answering(refused)
    began = panel.clock.monotonic()
    outcome = await Cancel(panel.desk)(panel.cancel_press(order()))
    assert outcome.verdict is Verdict.REFUSED
    assert outcome.fates[0].working_orders == (order(),)
    assert panel.clock.monotonic() - began < 0.5
