"""A press of another process after its outcome: gone on with here, as nobody else does any more."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from crosstrade_panel.domain.outcome import Cause, Fate, Outcome, Reason, Timings, Verdict
from crosstrade_panel.domain.scope import EveryAccount, OneAccount, Scope, Side
from crosstrade_panel.domain.snapshot import Position, Source
from crosstrade_panel.domain.ticket import ReverseTicket
from crosstrade_panel.trading.press import Phase, Press
from crosstrade_panel.trading.vigil import Vigil
from tests.fakes import FakeGateway, order, position

pytestmark = pytest.mark.anyio

Make = Callable[..., Any]
SIM101 = OneAccount("Sim101")
LONG = position(side=Side.LONG)


def told(
    panel: Any,
    verdict: Verdict | None,
    *fates: Fate,
    scope: Scope = SIM101,
    reason: Reason | None = None,
    ago_s: float = 12.0,
) -> Press:
    """As the journal tells of a press of another process, which began so long ago."""
    began_at, began = panel.clock.monotonic() - ago_s, panel.clock.now() - timedelta(seconds=ago_s)
    outcome = None
    if verdict is not None:
        at = panel.clock.now()
        timings = Timings(proved_s=ago_s) if verdict is Verdict.FLAT else Timings()
        outcome = Outcome(verdict, at, fates, scope, reason=reason, timings=timings)
    phase = Phase.SENDING if outcome is None else Phase.ENDED
    return Press("other", scope, began_at, began, phase=phase, may_have_left=True, outcome=outcome)


def still_open(*rows: Position) -> Fate:
    return Fate("Sim101", Verdict.STILL_OPEN, rows)


def flat(account: str = "Sim101") -> Fate:
    return Fate(account, Verdict.FLAT)


def outcome_of(press: Press) -> Outcome:
    assert press.outcome is not None
    return press.outcome


@contextlib.asynccontextmanager
async def following(panel: Any, *presses: Press) -> AsyncIterator[list[Press]]:
    shown = list(presses)
    Vigil(panel.desk, lambda: shown)
    background = asyncio.create_task(panel.desk.watch.run())
    try:
        yield shown
    finally:
        background.cancel()
        await asyncio.gather(background, return_exceptions=True)


async def test_still_open_becomes_flat_late_by_two_reads_made_here(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position()]))
    press = told(panel, Verdict.STILL_OPEN, still_open(position()))
    async with following(panel, press):
        await asyncio.sleep(10.0)
        assert outcome_of(press).verdict is Verdict.STILL_OPEN
        assert press.shows == (position(),)
        assert panel.outcomes() == []
        panel.gateway.open = []
        await asyncio.sleep(12.0)
    now_told = outcome_of(press)
    assert now_told.verdict is Verdict.FLAT
    assert now_told.late_s == pytest.approx((now_told.at - press.began).total_seconds())
    assert 22.0 < (now_told.late_s or 0.0) < 27.0
    assert panel.outcomes(press)[-1] == "flat"
    assert press in panel.changes
    assert panel.gateway.sent == []


async def test_what_it_shows_open_follows_the_reads(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position(quantity=1)]))
    press = told(panel, Verdict.STILL_OPEN, still_open(position()))
    async with following(panel, press):
        await asyncio.sleep(3.0)
    assert outcome_of(press).fates[0].still_open == (position(quantity=1),)
    assert outcome_of(press).verdict is Verdict.STILL_OPEN


@pytest.mark.parametrize(
    ("reason", "fates", "doubt"),
    [
        (Reason(Cause.NO_ANSWER), (), Cause.NO_ANSWER),
        (
            None,
            (Fate("Sim101", Verdict.UNKNOWN, reason=Reason(Cause.CONNECTION_LOST)),),
            Cause.CONNECTION_LOST,
        ),
        (None, (), Cause.INTERRUPTED),
    ],
)
async def test_a_doubt_of_the_other_process_stays_the_reason_until_flat_is_proved(
    make_panel: Make, reason: Reason | None, fates: tuple[Fate, ...], doubt: Cause
) -> None:
    panel = make_panel(FakeGateway(open=[position()]))
    press = told(panel, Verdict.UNKNOWN, *fates, reason=reason)
    async with following(panel, press):
        await asyncio.sleep(15.0)
        assert outcome_of(press).verdict is Verdict.UNKNOWN
        assert press.proof is not None
        found = press.proof.case.doubt  # type: ignore[attr-defined]
        assert found.cause is doubt
        panel.gateway.open = []
        await asyncio.sleep(12.0)
    assert outcome_of(press).verdict is Verdict.FLAT


async def test_an_answered_press_that_is_still_open_is_never_told_as_one_without_an_answer(
    make_panel: Make,
) -> None:
    panel = make_panel(FakeGateway(open=[position()]))
    press = told(panel, Verdict.STILL_OPEN, still_open(position()), reason=Reason(Cause.READS_DISAGREE))
    async with following(panel, press):
        await asyncio.sleep(3.0)
    assert press.proof is not None
    assert press.proof.case.doubt is None  # type: ignore[attr-defined]


async def test_flat_that_opens_again_where_something_was_open_before_is_reopened(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position()]))
    await panel.look()
    await asyncio.sleep(0.1)
    press = told(panel, None, ago_s=0.0)
    panel.gateway.open = [position(), position(instrument="ES 12-25")]  # which is none of its own
    async with following(panel, press) as shown:
        await asyncio.sleep(1.0)
        panel.gateway.open = []
        await asyncio.sleep(14.0)  # the watch has forgotten by now what was open before
        press = shown[0] = told(panel, Verdict.FLAT, flat(), ago_s=14.9)
        await asyncio.sleep(3.0)
        panel.gateway.open = [position(instrument="ES 12-25")]
        await asyncio.sleep(5.0)
        assert outcome_of(press).verdict is Verdict.FLAT
        panel.gateway.open = [LONG]
        await asyncio.sleep(5.0)
    assert outcome_of(press).verdict is Verdict.REOPENED
    assert outcome_of(press).fates[0].still_open == (LONG,)
    assert panel.outcomes(press) == ["reopened"]


async def test_what_another_process_pressed_is_remembered_from_the_journal_before_anybody_points_at_it(
    make_panel: Make,
) -> None:
    panel = make_panel(FakeGateway(open=[position()]))
    await panel.look()
    await asyncio.sleep(0.1)
    press = told(panel, None, ago_s=0.0)
    panel.desk.book.elsewhere = (press,)
    async with following(panel) as shown:
        await asyncio.sleep(15.0)
        assert press.proof is None  # shown nowhere
        panel.desk.book.elsewhere = ()
        press = replace(press, outcome=replace(outcome_of(told(panel, Verdict.STILL_OPEN, still_open()))))
        panel.desk.book.elsewhere = (press,)
        shown.append(press)
        await asyncio.sleep(3.0)
        panel.gateway.open = [LONG]
        await asyncio.sleep(5.0)
    assert outcome_of(press).verdict is Verdict.OVERFILLED


async def test_a_flat_of_more_than_a_minute_ago_is_told_as_it_was(make_panel: Make) -> None:
    panel = make_panel()
    press = told(panel, Verdict.FLAT, flat(), ago_s=61.0)
    async with following(panel, press):
        panel.gateway.open = [LONG]
        await asyncio.sleep(10.0)
    assert outcome_of(press).verdict is Verdict.FLAT
    assert press.proof is None


async def test_flat_that_was_proved_here_is_watched_for_another_minute(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position()]))
    press = told(panel, Verdict.STILL_OPEN, still_open(position()), ago_s=80.0)
    async with following(panel, press):
        await asyncio.sleep(3.0)
        panel.gateway.open = []
        await asyncio.sleep(12.0)
        assert outcome_of(press).verdict is Verdict.FLAT
        panel.gateway.open = [LONG]
        await asyncio.sleep(6.0)
    assert panel.outcomes(press)[-2:] == ["flat", "reopened"]


async def test_what_was_read_for_it_is_let_go_once_it_is_watched_no_more(make_panel: Make) -> None:
    panel = make_panel()
    press = told(panel, Verdict.STILL_OPEN, still_open(position()), ago_s=80.0)
    async with following(panel, press):
        await asyncio.sleep(15.0)
        assert outcome_of(press).verdict is Verdict.FLAT
        assert press.proof is not None
        await asyncio.sleep(65.0)
    assert press.proof is None


async def test_orders_that_work_are_read_until_they_are_gone(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(working={"Sim101": [order()]}))
    press = told(panel, Verdict.ORDERS_WORKING, Fate("Sim101", Verdict.ORDERS_WORKING, (), (order(),)))
    async with following(panel, press):
        await asyncio.sleep(90.0)
        assert outcome_of(press).verdict is Verdict.ORDERS_WORKING
        panel.gateway.working = {}
        await asyncio.sleep(20.0)
    assert outcome_of(press).verdict is Verdict.FLAT


@pytest.mark.parametrize("kind", ["reverse", "closed more", "refused", "on its way", "rows missing"])
async def test_what_no_read_here_can_take_further_stays_as_it_was_told(make_panel: Make, kind: str) -> None:
    panel = make_panel()
    press = told(panel, Verdict.STILL_OPEN, still_open(position()))
    match kind:
        case "reverse":
            ticket = ReverseTicket("Sim101", "MES 12-25", Side.LONG, 2)
            press = replace(told(panel, Verdict.UNKNOWN, reason=Reason(Cause.NO_ANSWER)), ticket=ticket)
        case "closed more":
            press = told(
                panel, Verdict.STILL_OPEN, still_open(), Fate("Sim102", Verdict.CLOSED_MORE_THAN_ASKED)
            )
        case "rows missing":
            press = told(panel, Verdict.STILL_OPEN)
        case "refused":
            press = told(panel, Verdict.REFUSED, reason=Reason(Cause.SERVER_SAID_NO))
        case _:
            press = told(panel, None)
    before = press.outcome
    async with following(panel, press):
        await asyncio.sleep(15.0)
    assert press.outcome is before
    assert press.proof is None
    assert panel.outcomes() == []


async def test_after_the_machine_slept_its_proof_starts_again(make_panel: Make) -> None:
    panel = make_panel()
    press = told(panel, Verdict.STILL_OPEN, still_open(position()))
    Vigil(panel.desk, lambda: [press])
    await panel.look(Source.POSITIONS, Source.SNAPSHOT)  # the first is what it begins with
    await asyncio.sleep(2.0)
    panel.desk.begin_anew()
    await panel.desk.watch.positions(Source.POSITIONS)
    assert outcome_of(press).verdict is Verdict.STILL_OPEN
    await asyncio.sleep(1.5)
    await panel.desk.watch.positions(Source.SNAPSHOT)
    assert outcome_of(press).verdict is Verdict.FLAT_ORDERS_NOT_CHECKED  # proof of the positions


async def test_put_away_it_is_followed_no_more(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position()]))
    press = told(panel, Verdict.STILL_OPEN, still_open(position()))
    async with following(panel, press) as shown:
        await asyncio.sleep(3.0)
        shown.clear()
        panel.gateway.open = []
        await asyncio.sleep(10.0)
    assert outcome_of(press).verdict is Verdict.STILL_OPEN
    assert panel.outcomes() == []


async def test_a_wide_press_that_nobody_could_tell_of_is_flat_once_the_accounts_are_listed(
    make_panel: Make,
) -> None:
    panel = make_panel()
    press = told(panel, Verdict.CANNOT_TELL, scope=EveryAccount(), reason=Reason(Cause.NOTHING_LISTED))
    async with following(panel, press):
        await asyncio.sleep(20.0)
    assert outcome_of(press).verdict is Verdict.FLAT


async def test_a_wide_press_is_flat_when_every_account_is(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position("Sim102")]))
    press = told(
        panel,
        Verdict.STILL_OPEN,
        flat(),
        Fate("Sim102", Verdict.STILL_OPEN, (position("Sim102"),)),
        scope=EveryAccount(),
    )
    async with following(panel, press):
        await asyncio.sleep(6.0)
        assert outcome_of(press).verdict is Verdict.STILL_OPEN
        panel.gateway.open = []
        await asyncio.sleep(20.0)
    assert outcome_of(press).verdict is Verdict.FLAT
    assert [fate.account for fate in outcome_of(press).fates] == ["Sim101", "Sim102"]
