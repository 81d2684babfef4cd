"""After the outcome: whom it asks, and what exactly is told of what it finds."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from crosstrade_panel.domain.outcome import Cause, Fate, Outcome, Reason, Verdict
from crosstrade_panel.domain.scope import EveryAccount, OneAccount, Scope, Side
from crosstrade_panel.domain.snapshot import Account, Position, Source
from crosstrade_panel.domain.ticket import OrderType, ReverseTicket
from crosstrade_panel.trading.cancel import Cancel
from crosstrade_panel.trading.flatten import Flatten
from crosstrade_panel.trading.ports import EntryKind, Receipt, RefusedError, UnknownOutcomeError
from crosstrade_panel.trading.press import Phase, Press
from crosstrade_panel.trading.reverse import Reverse
from crosstrade_panel.trading.vigil import Vigil
from tests.fakes import NOON, FakeGateway, fail_reads, order, position

pytestmark = pytest.mark.anyio

Make = Callable[..., Any]
SIM101 = OneAccount("Sim101")
LONG = position(side=Side.LONG)
DOUBT = Reason(Cause.NO_ANSWER)
MARKET = ReverseTicket("Sim101", "MES 12-25", Side.SHORT, 2)
LIMIT = ReverseTicket("Sim101", "MES 12-25", Side.SHORT, 2, OrderType.LIMIT, limit_price=Decimal("5000.25"))


def outcome_of(press: Press) -> Outcome:
    assert press.outcome is not None
    return press.outcome


def verdicts(press: Press) -> dict[str, Verdict]:
    return {fate.account: fate.verdict for fate in outcome_of(press).fates}


async def flatten(panel: Any, scope: Scope = SIM101) -> Press:
    await panel.look()
    press: Press = panel.press(scope)
    await Flatten(panel.desk)(press)
    return press


def leaving(*rows: Position) -> Callable[[FakeGateway, object], Receipt]:
    def on_press(gateway: FakeGateway, _what: object) -> Receipt:
        was, gateway.open = gateway.open, list(rows)
        return gateway.receipt(was)

    return on_press


def of_earlier_run(
    panel: Any, scope: Scope, reason: Reason | None = DOUBT, *, ticket: ReverseTicket | None = None
) -> Press:
    press: Press = panel.press(scope, ticket)
    press.phase, press.may_have_left = Phase.ENDED, True
    press.began_at, press.began = press.began_at - 3600.0, NOON - timedelta(seconds=90)
    press.outcome = Outcome(Verdict.UNKNOWN, press.began, scope=scope, reason=reason)
    return press


# -- whose orders are asked for ---


async def test_for_a_minute_after_flat_the_orders_of_its_accounts_are_asked_for_first(
    make_panel: Make,
) -> None:
    panel = make_panel(FakeGateway(open=[position()]))
    await flatten(panel)
    async with panel.followed():
        await asyncio.sleep(5.0)
        assert panel.desk.watch.orders_wanted == {"sim101"}
        await asyncio.sleep(45.0)
        assert panel.desk.watch.orders_wanted == {"sim101"}
        await asyncio.sleep(15.0)
        assert panel.desk.watch.orders_wanted == frozenset()


async def test_what_is_still_open_is_not_asked_for_its_orders_but_what_is_flat_or_unread_is(
    make_panel: Make,
) -> None:
    rows = [position(), position("Sim102")]
    panel = make_panel(FakeGateway(open=rows, on_flatten=leaving(position("Sim102"))))
    press = await flatten(panel, EveryAccount())
    async with panel.followed():
        await asyncio.sleep(5.0)
        assert verdicts(press) == {"Sim101": Verdict.FLAT, "Sim102": Verdict.STILL_OPEN}
        assert panel.desk.watch.orders_wanted == {"sim101"}
    unread = make_panel(FakeGateway(open=[position()], before_read=fail_reads(Source.ORDERS)))
    press = await flatten(unread)
    assert outcome_of(press).verdict is Verdict.FLAT_ORDERS_NOT_CHECKED
    async with unread.followed():
        await asyncio.sleep(90.0)
        assert unread.desk.watch.orders_wanted == {"sim101"}


async def test_a_press_that_was_not_sent_or_was_refused_is_asked_for_nothing(make_panel: Make) -> None:
    def refuse(_gateway: FakeGateway, _scope: object) -> Receipt:
        raise RefusedError(Reason(Cause.SERVER_SAID_NO), sent_at=1000.1, answered_at=1000.2)

    panel = make_panel(FakeGateway(open=[position()], on_flatten=refuse))
    await flatten(panel)
    async with panel.followed():
        await asyncio.sleep(5.0)
        assert panel.desk.watch.orders_wanted == frozenset()


async def test_of_a_reverse_and_a_cancel_the_orders_are_asked_for_until_they_are_over(
    make_panel: Make,
) -> None:
    panel = make_panel(FakeGateway(open=[position()], on_reverse=leaving()))
    await panel.look()
    press = panel.reverse_press(LIMIT)
    await Reverse(panel.desk)(press)
    async with panel.followed():
        await asyncio.sleep(3.0)
        assert panel.desk.watch.orders_wanted == {"sim101"}
        panel.gateway.open = [LONG]
        await asyncio.sleep(5.0)
        assert outcome_of(press).verdict is Verdict.REVERSED
        assert panel.desk.watch.orders_wanted == frozenset()


# -- taken over ---


async def test_an_account_known_before_and_missing_now_keeps_an_earlier_everything_from_being_flat(
    make_panel: Make,
) -> None:
    panel = make_panel()
    await panel.look()
    panel.gateway.accounts_listed.pop()
    press = of_earlier_run(panel, EveryAccount())
    async with panel.followed():
        await asyncio.sleep(30.0)
    assert outcome_of(press).verdict is not Verdict.FLAT


@pytest.mark.parametrize("ticket", [MARKET, LIMIT])
async def test_a_reverse_of_an_earlier_run_that_shows_nothing_open_stays_unknown_whatever_its_orders_say(
    make_panel: Make, ticket: ReverseTicket
) -> None:
    panel = make_panel(FakeGateway())
    await panel.look()
    press = of_earlier_run(panel, OneAccount("Sim101", "MES 12-25"), ticket=ticket)
    async with panel.followed():
        await asyncio.sleep(60.0)
    assert any(source is Source.ORDERS for source, _ in panel.gateway.reads)
    assert (outcome_of(press).verdict, outcome_of(press).reason) == (Verdict.UNKNOWN, DOUBT)
    assert panel.outcomes() == []


@pytest.mark.parametrize("what", ["flatten", "reverse", "cancel"])
async def test_what_is_taken_over_is_proved_by_reads_as_far_apart_as_the_pace_says(
    make_panel: Make, what: str
) -> None:
    for factor, is_proved in ((0.2, True), (1.0, False)):
        panel = make_panel(FakeGateway(open=[LONG] if what == "reverse" else []))
        panel.desk = replace(panel.desk, pace=panel.desk.pace.scaled(factor))
        pair = OneAccount("Sim101", "MES 12-25")
        press = of_earlier_run(panel, pair, ticket=MARKET if what == "reverse" else None)
        if what == "cancel":
            press.cancel = panel.cancel_press(order()).cancel
            panel.desk.book._presses.pop()
        Vigil(panel.desk)
        for source in (Source.SNAPSHOT, Source.POSITIONS, Source.SNAPSHOT):
            await panel.desk.watch.positions(source)
            await panel.desk.watch.orders("Sim101")
            await asyncio.sleep(0.25)
        assert (outcome_of(press).verdict is not Verdict.UNKNOWN) == is_proved


async def test_an_earlier_run_that_became_flat_is_watched_on_beside_a_newer_press(make_panel: Make) -> None:
    panel = make_panel()
    await panel.look()
    press = of_earlier_run(panel, SIM101)
    await flatten(panel, OneAccount("Sim102"))
    async with panel.followed():
        await asyncio.sleep(10.0)
        assert outcome_of(press).verdict is Verdict.FLAT
        panel.gateway.open = [LONG]
        await asyncio.sleep(10.0)
    assert outcome_of(press).verdict is Verdict.REOPENED


# -- what is told ---


async def test_what_becomes_flat_late_says_when_what_else_is_open_and_whose_orders_were_read(
    make_panel: Make,
) -> None:
    rows = [position(), position("Sim102")]
    panel = make_panel(FakeGateway(open=rows, on_flatten=lambda gateway, _scope: gateway.receipt([])))
    press = await flatten(panel)
    assert outcome_of(press).verdict is Verdict.STILL_OPEN
    async with panel.followed():
        panel.gateway.open = [position("Sim102")]
        await asyncio.sleep(15.0)
    told = outcome_of(press)
    assert (told.verdict, told.elsewhere_open, told.reason) == (Verdict.FLAT, 1, None)
    assert told.orders_checked == (1, 1)
    assert told.late_s is not None
    assert told.timings.proved_s is not None
    assert told.late_s >= told.timings.proved_s
    assert (told.at - press.began).total_seconds() == pytest.approx(told.timings.proved_s)


async def test_accounts_whose_orders_nobody_could_read_are_counted_as_not_checked(make_panel: Make) -> None:
    rows = [position(), position("Sim102")]
    panel = make_panel(FakeGateway(open=rows, on_flatten=leaving(*rows)))
    press = await flatten(panel, EveryAccount())
    orders = panel.gateway.orders

    async def of_one_only(account: str) -> Any:
        if account == "Sim102":
            fail_reads(Source.ORDERS)(panel.gateway, Source.ORDERS, 0)
        return await orders(account)

    panel.gateway.orders = of_one_only
    panel.gateway.working = {"Sim101": [order()]}
    async with panel.followed():
        panel.gateway.open = []
        await asyncio.sleep(20.0)
    told = outcome_of(press)
    assert verdicts(press) == {
        "Sim101": Verdict.ORDERS_WORKING,
        "Sim102": Verdict.FLAT_ORDERS_NOT_CHECKED,
    }
    assert told.orders_checked == (1, 2)
    assert told.elsewhere_open == 0


async def test_reopened_says_since_when_it_was_flat_by_the_proof_of_its_own_account(make_panel: Make) -> None:
    rows = [position(), position("Sim102")]
    panel = make_panel(FakeGateway(open=rows, on_flatten=leaving(*rows)))
    press = await flatten(panel, EveryAccount())
    ended = outcome_of(press).at
    async with panel.followed():
        panel.gateway.open = [position("Sim102")]
        await asyncio.sleep(10.0)
        assert verdicts(press) == {"Sim101": Verdict.FLAT, "Sim102": Verdict.STILL_OPEN}
        before = panel.clock.now()
        panel.gateway.open = [LONG, position("Sim102")]
        await asyncio.sleep(10.0)
    told = outcome_of(press)
    assert verdicts(press)["Sim101"] is Verdict.REOPENED
    assert told.verdict is Verdict.REOPENED
    assert told.flat_at is not None
    assert ended < told.flat_at < before < told.at


async def test_a_cancel_that_is_found_filled_later_says_so(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(working={"Sim101": [order()]}))
    await panel.look()
    await panel.desk.watch.orders("Sim101")
    panel.gateway.on_cancel = lambda gateway, *_: gateway.receipt(None)
    panel.gateway.before_read = fail_reads(Source.ORDERS)
    press = panel.cancel_press(order())
    await Cancel(panel.desk)(press)
    assert outcome_of(press).reason == Reason(Cause.ORDERS_UNREAD)
    panel.gateway.before_read = None
    panel.gateway.working = {"Sim101": [replace(order(), state="Filled", filled=2)]}
    async with panel.followed():
        await asyncio.sleep(30.0)
    assert (outcome_of(press).verdict, outcome_of(press).reason) == (
        Verdict.NOT_PROVED,
        Reason(Cause.ORDER_FILLED),
    )
    assert panel.journal.facts(EntryKind.OUTCOME)[-1]["cause"] == "order_filled"


async def test_a_cancel_whose_orders_are_read_at_last_loses_its_reason_with_its_doubt(
    make_panel: Make,
) -> None:
    panel = make_panel(FakeGateway(working={"Sim101": [order()]}))
    await panel.look()
    await panel.desk.watch.orders("Sim101")

    def lost(_gateway: FakeGateway, *_: object) -> Receipt:
        raise UnknownOutcomeError(DOUBT)

    panel.gateway.on_cancel, panel.gateway.before_read = lost, fail_reads(Source.ORDERS)
    press = panel.cancel_press(order())
    await Cancel(panel.desk)(press)
    assert (outcome_of(press).verdict, outcome_of(press).reason) == (Verdict.UNKNOWN, DOUBT)
    panel.gateway.before_read = None
    async with panel.followed():
        await asyncio.sleep(30.0)
        assert (outcome_of(press).verdict, outcome_of(press).reason) == (Verdict.STILL_WORKING, None)
        panel.gateway.working = {}
        await asyncio.sleep(30.0)
    assert (outcome_of(press).verdict, outcome_of(press).reason) == (Verdict.CANCELLED, None)


async def test_a_listed_account_that_appears_after_flat_is_none_of_the_presss_own(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position()]))
    press = await flatten(panel, EveryAccount())
    named = verdicts(press)
    async with panel.followed():
        panel.gateway.accounts_listed.append(Account("New", connected=True))
        panel.gateway.open = [position("New")]
        await asyncio.sleep(20.0)
    assert verdicts(press) == named
    assert outcome_of(press).verdict is Verdict.FLAT


@pytest.mark.parametrize(
    ("reason", "told"),
    [(DOUBT, DOUBT), (None, Reason(Cause.INTERRUPTED)), (Reason(Cause.INTERNAL), Reason(Cause.INTERNAL))],
)
async def test_an_account_that_was_never_connected_keeps_the_doubt_of_an_earlier_run_and_no_headline(
    make_panel: Make, reason: Reason | None, told: Reason
) -> None:
    panel = make_panel()
    panel.gateway.accounts_listed.append(Account("Never", connected=False))
    await panel.look()
    press = of_earlier_run(panel, EveryAccount(), reason)
    async with panel.followed():
        await asyncio.sleep(30.0)
    fates = {fate.account: fate for fate in outcome_of(press).fates}
    assert outcome_of(press).verdict is Verdict.FLAT
    assert fates["Never"] == Fate("Never", Verdict.UNKNOWN, reason=told, takes_headline=False)
