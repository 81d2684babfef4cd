"""What is written down and told of a cancel, request by request: numbers, names, times, reasons."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from crosstrade_panel.domain.outcome import Cause, Outcome, Reason, Verdict
from crosstrade_panel.domain.snapshot import Order, Source
from crosstrade_panel.trading.cancel import Cancel
from crosstrade_panel.trading.ports import EntryKind, NotSentError, Receipt, RefusedError, UnknownOutcomeError
from crosstrade_panel.trading.press import Phase, Press
from tests.fakes import NOON, FakeGateway, fail_reads, order

pytestmark = pytest.mark.anyio

Make = Callable[..., Any]
ONE, TWO, OTHER = order(order_id="a"), order(order_id="b"), order("Sim102", order_id="c")
SAID_NO = Reason(Cause.SERVER_SAID_NO, "no", 400)
NO = RefusedError(SAID_NO, sent_at=1000.1, answered_at=1000.2)
ACCEPTED = Receipt(("a",), None, "", 1000.1, 1000.2)
GONE = Reason(Cause.ORDER_GONE, "Order not found or already terminal", 400)


async def listed(make_panel: Make, *orders: Order) -> Any:
    """A panel that has read the positions and both accounts' orders, and notes each phase that it tells."""
    by_account: dict[str, list[Order]] = {"Sim101": [], "Sim102": []}
    for each in orders:
        by_account[each.account].append(each)
    panel = make_panel(FakeGateway(working=by_account))
    await panel.look()
    for account in by_account:
        await panel.desk.watch.orders(account)
    return panel


def scripted(panel: Any, endings: Mapping[str, Receipt | BaseException]) -> None:
    """Let each request, by its order, end like that; an accepted one ends its order."""

    def on_cancel(
        gateway: FakeGateway, account: str, _instrument: str | None, order_id: str | None
    ) -> Receipt:
        ending = endings[order_id or "pair"]
        if isinstance(ending, BaseException):
            raise ending
        left = gateway.working[account]
        gateway.working[account] = [] if order_id is None else [o for o in left if o.order_id != order_id]
        return ending

    panel.gateway.on_cancel = on_cancel


async def cancelled(panel: Any, *orders: Order) -> tuple[Press, Outcome]:
    press = panel.cancel_press(*orders)
    return press, await Cancel(panel.desk)(press)


async def test_every_request_has_its_number_and_every_answer_names_its_request(make_panel: Make) -> None:
    panel = await listed(make_panel, ONE, TWO, OTHER)
    scripted(panel, {"pair": Receipt(("a", "b"), None, "", 1000.1, 1000.2), "c": NO})
    await cancelled(panel, ONE, TWO, OTHER)
    attempts = panel.journal.facts(EntryKind.ATTEMPT)
    assert [(each["number"], each["account"]) for each in attempts] == [(1, "Sim101"), (2, "Sim102")]
    named = [
        (each["result"], each["account"], each["instrument"], each["order_id"])
        for each in panel.journal.facts(EntryKind.ANSWER)
    ]
    assert sorted(named, key=str) == [
        ("accepted", "Sim101", "MES 12-25", None),
        ("refused", "Sim102", None, "c"),
    ]


@pytest.mark.parametrize(
    ("last", "answered_s"),
    [
        (Receipt(("c",), None, "", 1000.1, 1000.5), 0.5),
        (RefusedError(SAID_NO, sent_at=1000.1, answered_at=1000.5), 0.5),
        (UnknownOutcomeError(Reason(Cause.SERVER_FAILED), sent_at=1000.1, answered_at=1000.5), 0.5),
        (UnknownOutcomeError(Reason(Cause.NO_ANSWER), sent_at=1000.1), None),
        (NotSentError(Reason(Cause.CONNECT_FAILED)), None),
    ],
)
@pytest.mark.parametrize("is_first", [True, False])
async def test_it_was_sent_with_its_first_request_and_answered_with_its_last(
    make_panel: Make, last: Receipt | Exception, answered_s: float | None, is_first: bool
) -> None:
    panel = await listed(make_panel, ONE, OTHER)
    among: Receipt = Receipt(("a",), None, "", 1000.2, 1000.3)
    scripted(panel, {"a": among, "c": last} if is_first else {"a": last, "c": among})
    press = panel.cancel_press(ONE, OTHER)
    press.began_at = 1000.0
    outcome = await Cancel(panel.desk)(press)
    sent_s = 0.2 if isinstance(last, NotSentError) else 0.1
    assert outcome.timings.sent_s == pytest.approx(sent_s)
    assert outcome.timings.answered_s == (None if answered_s is None else pytest.approx(answered_s))


async def test_a_press_of_which_nothing_left_was_neither_sent_nor_answered_and_says_the_first_reason(
    make_panel: Make,
) -> None:
    panel = await listed(make_panel, ONE, OTHER)
    first, second = Reason(Cause.CONNECT_FAILED), Reason(Cause.CERTIFICATE)
    scripted(panel, {"a": NotSentError(first), "c": NotSentError(second)})
    _, outcome = await cancelled(panel, ONE, OTHER)
    assert (outcome.verdict, outcome.reason) == (Verdict.NOT_SENT, first)
    assert {fate.reason for fate in outcome.fates} == {first}
    assert (outcome.timings.sent_s, outcome.timings.answered_s) == (None, None)
    single = await listed(make_panel, ONE)
    scripted(single, {"a": NotSentError(second)})
    assert (await cancelled(single, ONE))[1].reason == second


@pytest.mark.parametrize(
    ("ending", "phase"),
    [
        (ACCEPTED, Phase.VERIFYING),
        (NO, Phase.VERIFYING),
        (UnknownOutcomeError(Reason(Cause.NO_ANSWER)), Phase.CHECKING),
    ],
)
async def test_after_doubt_it_says_that_it_checks_and_else_that_it_verifies(
    make_panel: Make, ending: Receipt | Exception, phase: Phase
) -> None:
    panel = await listed(make_panel, ONE, OTHER)
    scripted(panel, {"a": ending, "c": Receipt(("c",), None, "", 1000.1, 1000.2)})
    phases: list[Phase] = []
    panel.desk = replace(panel.desk, on_change=lambda press: phases.append(press.phase))
    await cancelled(panel, ONE, OTHER)
    assert list(dict.fromkeys(phases)) == [phase, Phase.ENDED]


@pytest.mark.parametrize(
    "endings",
    [
        {"a": ACCEPTED, "c": NotSentError(SAID_NO)},
        {"a": ACCEPTED, "c": NO},
        {"a": ACCEPTED, "c": Receipt(("c",), None, "", 1000.1, 1000.2)},
    ],
)
async def test_a_cancel_that_left_and_is_interrupted_while_it_is_verified_is_unknown(
    make_panel: Make, endings: dict[str, Receipt | Exception]
) -> None:
    panel = await listed(make_panel, ONE, OTHER)
    scripted(panel, endings)
    press = panel.cancel_press(ONE, OTHER)
    task = asyncio.create_task(Cancel(panel.desk)(press))
    await asyncio.sleep(0.5)  # answered at once, and two reads are a second apart
    assert press.phase is Phase.VERIFYING
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert press.outcome is not None
    assert (press.outcome.verdict, press.outcome.reason) == (Verdict.UNKNOWN, Reason(Cause.INTERRUPTED))
    assert {fate.reason for fate in press.outcome.fates} == {Reason(Cause.INTERRUPTED)}


async def test_an_order_of_unknown_state_works_on_where_its_cancel_was_refused_or_had_no_answer(
    make_panel: Make,
) -> None:
    doubtful = replace(ONE, state="Unknown")
    for error in (NO, UnknownOutcomeError(Reason(Cause.NO_ANSWER))):
        panel = await listed(make_panel, doubtful)
        scripted(panel, {"a": error})
        await cancelled(panel, doubtful)
        assert panel.desk.watch.ended_orders == set()
        assert (await panel.desk.watch.orders("Sim101")).orders[0].is_working


async def test_only_what_is_cancelled_as_a_whole_has_a_time_of_its_proof(make_panel: Make) -> None:
    panel = await listed(make_panel, ONE, OTHER)
    scripted(panel, {"a": ACCEPTED, "c": NO})
    _, partly = await cancelled(panel, ONE, OTHER)
    assert (partly.verdict, partly.timings.proved_s) == (Verdict.REFUSED, None)
    assert partly.reason == SAID_NO
    assert partly.at == panel.clock.now()
    whole = await listed(make_panel, ONE)
    press, outcome = await cancelled(whole, ONE)
    assert outcome.verdict is Verdict.CANCELLED
    assert outcome.timings.proved_s is not None
    since_noon = timedelta(seconds=press.began_at + outcome.timings.proved_s - 1000.0)
    assert abs(outcome.at - NOON - since_noon) < timedelta(milliseconds=1)


async def test_cancelled_is_told_by_the_time_of_its_proof_however_late_the_accounts_were_listed(
    make_panel: Make,
) -> None:
    panel = await listed(make_panel, ONE)
    scripted(panel, {"a": ACCEPTED})
    listed_from = panel.clock.monotonic() + 3.0

    def late(gateway: FakeGateway, source: Source, number: int) -> None:
        if gateway.now() < listed_from:
            fail_reads(Source.SNAPSHOT, Source.ACCOUNTS)(gateway, source, number)

    panel.gateway.before_read = late
    press, outcome = await cancelled(panel, ONE)
    assert outcome.verdict is Verdict.CANCELLED
    assert outcome.timings.proved_s is not None
    assert panel.clock.now() - outcome.at > timedelta(seconds=0.5)
    assert (outcome.at - press.began).total_seconds() == pytest.approx(outcome.timings.proved_s)


async def test_a_cancel_whose_request_was_broken_off_by_itself_is_interrupted_and_no_mistake(
    make_panel: Make,
) -> None:
    panel = await listed(make_panel, ONE, OTHER)
    scripted(panel, {"a": asyncio.CancelledError(), "c": ACCEPTED})
    press = panel.cancel_press(ONE, OTHER)
    with pytest.raises(asyncio.CancelledError):
        await Cancel(panel.desk)(press)
    assert press.outcome is not None
    assert (press.outcome.verdict, press.outcome.reason) == (Verdict.UNKNOWN, Reason(Cause.INTERRUPTED))


async def test_the_second_read_waits_as_long_as_the_pace_says(make_panel: Make) -> None:
    panel = await listed(make_panel, ONE)
    panel.desk = replace(panel.desk, pace=panel.desk.pace.scaled(0.2))
    _, outcome = await cancelled(panel, ONE)
    assert outcome.verdict is Verdict.CANCELLED
    assert outcome.timings.proved_s == pytest.approx(0.25, abs=0.1)


async def test_an_order_that_had_ended_already_is_cancelled_for_the_reason_the_server_gave(
    make_panel: Make,
) -> None:
    panel = await listed(make_panel, ONE)
    panel.gateway.working = {}
    scripted(panel, {"a": RefusedError(GONE, sent_at=1000.1, answered_at=1000.2)})
    _, outcome = await cancelled(panel, ONE)
    assert (outcome.verdict, outcome.reason) == (Verdict.CANCELLED, GONE)
    assert panel.desk.watch.ended_orders == {"a"}
    assert panel.journal.facts(EntryKind.ANSWER)[0]["result"] == "gone"


async def test_what_never_left_before_the_interruption_does_not_make_a_clean_one_unknown(
    make_panel: Make,
) -> None:
    panel = await listed(make_panel, ONE, OTHER)

    async def cancel_order(_account: str, order_id: str) -> Receipt:
        if order_id == "a":
            raise NotSentError(Reason(Cause.CONNECT_FAILED))
        try:
            await asyncio.sleep(60.0)
        except asyncio.CancelledError as error:
            raise error from NotSentError(Reason(Cause.INTERRUPTED))
        raise AssertionError

    panel.gateway.cancel_order = cancel_order
    press = panel.cancel_press(ONE, OTHER)
    task = asyncio.create_task(Cancel(panel.desk)(press))
    await asyncio.sleep(0.5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert press.outcome is not None
    assert press.outcome.verdict is Verdict.NOT_SENT
