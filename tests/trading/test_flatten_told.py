"""What is told of a flatten beside its verdict: when, by what warning, and by reads how far apart."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from crosstrade_panel.domain.outcome import Cause, Fate, Outcome, Reason, Verdict
from crosstrade_panel.domain.scope import EveryAccount, OneAccount, Scope, Side
from crosstrade_panel.domain.snapshot import Position, Source
from crosstrade_panel.domain.ticket import ReverseTicket
from crosstrade_panel.trading.evidence import Judgement
from crosstrade_panel.trading.flat_proof import FlattenCase
from crosstrade_panel.trading.flatten import Flatten, headline_of
from crosstrade_panel.trading.ports import EntryKind, ReadFailedError, Receipt, UnknownOutcomeError
from crosstrade_panel.trading.press import Phase, Press
from tests.fakes import NOON, FakeGateway, fail_reads, order, position

pytestmark = pytest.mark.anyio

Make = Callable[..., Any]
SIM101, MES = OneAccount("Sim101"), OneAccount("Sim101", "MES 12-25")
SHORT, LONG, NQ = position(), position(side=Side.LONG), position(instrument="NQ 12-25")
DOUBT = Reason(Cause.NO_ANSWER)
POSITIONS = (Source.POSITIONS, Source.SNAPSHOT)


async def flatten(panel: Any, scope: Scope = SIM101) -> tuple[Press, Outcome]:
    press: Press = panel.press(scope)
    return press, await Flatten(panel.desk)(press)


def answering(*closed: Position, warning: str = "", is_half_done: bool = False) -> Any:
    """Everything is closed, and the answer names these rows."""

    def on_flatten(gateway: FakeGateway, _scope: object) -> Receipt:
        gateway.open = []
        receipt = replace(gateway.receipt(list(closed), ("id-1",)), warning=warning)
        if is_half_done:
            raise UnknownOutcomeError(Reason(Cause.HALF_DONE), sent_at=gateway.now(), receipt=receipt)
        return receipt

    return on_flatten


def losing(gateway: FakeGateway, _scope: object) -> Receipt:
    """Everything is closed, and no answer says so."""
    gateway.open = []
    raise UnknownOutcomeError(DOUBT, sent_at=gateway.now())


# -- what the server reported ---


async def test_an_answer_is_told_with_its_ids_its_rows_and_its_warning(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[SHORT], on_flatten=answering(SHORT, warning="careful")))
    press, told = await flatten(panel)
    assert (told.verdict, told.warning) == (Verdict.FLAT, "careful")
    assert (told.order_ids, told.closed_positions) == (("id-1",), (SHORT,))
    assert (press.order_ids, press.closed_positions) == (("id-1",), (SHORT,))


async def test_an_outcome_names_the_scope_of_its_press(make_panel: Make) -> None:
    for scope in (SIM101, MES, EveryAccount("MES 12-25", Side.SHORT)):
        press, told = await flatten(make_panel(FakeGateway(open=[SHORT])), scope)
        assert told.scope == scope
        assert press.outcome is told


async def test_whoever_is_asked_after_the_intent_is_handed_the_desk_the_press_and_what_was_written(
    make_panel: Make,
) -> None:
    panel = make_panel(FakeGateway(open=[SHORT]))
    asked: list[object] = []

    async def ask(*handed: object) -> None:
        assert not panel.gateway.sent  # before the first byte
        asked.extend(handed)

    panel.desk = replace(panel.desk, after_intent=ask)
    press, _ = await flatten(panel)
    assert panel.journal.entries[0].kind is EntryKind.INTENT
    assert asked == [panel.desk, press, panel.journal.futures[0]]


async def test_what_was_half_done_is_told_with_its_warning_and_judged_by_the_rows_that_it_named(
    make_panel: Make,
) -> None:
    half_done = answering(SHORT, NQ, warning="look out", is_half_done=True)
    panel = make_panel(FakeGateway(open=[SHORT, NQ], on_flatten=half_done))
    _, told = await flatten(panel, MES)
    assert (told.verdict, told.warning) == (Verdict.CLOSED_MORE_THAN_ASKED, "look out")
    assert told.closed_positions == (SHORT, NQ)


async def test_without_an_answer_it_says_that_it_checks_and_no_warning(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[SHORT], on_flatten=losing))
    phases: list[Phase] = []
    panel.desk = replace(panel.desk, on_change=lambda press: phases.append(press.phase))
    _, told = await flatten(panel)
    assert (told.verdict, told.warning) == (Verdict.FLAT, "")
    assert list(dict.fromkeys(phases)) == [Phase.CHECKING, Phase.ENDED]


# -- when ---


async def test_flat_is_told_by_the_time_of_its_proof_however_long_its_orders_took(make_panel: Make) -> None:
    def slow_orders(gateway: FakeGateway, source: Source, _number: int) -> None:
        gateway.latency_s = 4.0 if source is Source.ORDERS else 0.01

    panel = make_panel(FakeGateway(open=[SHORT], before_read=slow_orders))
    press, told = await flatten(panel)
    assert told.verdict is Verdict.FLAT
    assert told.timings.proved_s is not None
    assert told.timings.proved_s < 2.0
    assert panel.clock.monotonic() > press.began_at + 4.0
    assert (told.at - press.began).total_seconds() == pytest.approx(told.timings.proved_s)


async def reopening(make_panel: Make, scope: Scope, *closed: Position) -> tuple[Outcome, float]:
    """What is told where the pair opens again while its orders go, and when that was first read."""
    rows = list(closed)

    def leave_order(gateway: FakeGateway, _scope: object) -> Receipt:
        gateway.open, gateway.working = [], {"Sim101": [replace(order(), state="CancelPending")]}
        return gateway.receipt(rows)

    panel = make_panel(FakeGateway(open=[SHORT], on_flatten=leave_order))
    await panel.look()
    press = panel.press(scope)
    flattening = asyncio.create_task(Flatten(panel.desk)(press))
    await asyncio.sleep(3.0)
    panel.gateway.open = [LONG]
    opened_at, told = panel.clock.monotonic(), await flattening
    sighted_at = next(at for source, at in panel.gateway.reads if at >= opened_at and source in POSITIONS)
    assert panel.clock.monotonic() > sighted_at + 0.01  # the second read came later
    return told, sighted_at + panel.gateway.latency_s


async def test_reopened_is_told_by_the_time_of_the_first_read_that_showed_it(make_panel: Make) -> None:
    told, sighted_at = await reopening(make_panel, SIM101, SHORT)
    assert told.verdict is Verdict.REOPENED
    assert (told.at - NOON).total_seconds() == pytest.approx(sighted_at - 1000.0)
    assert told.flat_at is not None
    assert told.flat_at < told.at


async def test_only_reopened_is_told_with_since_when_it_was_flat(make_panel: Make) -> None:
    told, _ = await reopening(make_panel, MES, SHORT, NQ)
    assert (told.verdict, told.flat_at) == (Verdict.CLOSED_MORE_THAN_ASKED, None)


# -- how far apart, and how long ---


async def test_the_two_reads_of_a_flatten_are_as_far_apart_as_the_pace_says(make_panel: Make) -> None:
    for factor in (0.1, 0.5):
        panel = make_panel(FakeGateway(open=[SHORT]))
        panel.desk = replace(panel.desk, pace=panel.desk.pace.scaled(factor))
        _, told = await flatten(panel)
        assert told.verdict is Verdict.FLAT
        assert told.timings.proved_s is not None
        assert factor <= told.timings.proved_s < 2 * factor


def reversed_unknown(panel: Any) -> None:
    """A reverse that may place its entry for another twenty seconds."""
    ticket = ReverseTicket("Sim101", "MES 12-25", Side.SHORT, 2)
    panel.reverse_press(ticket).outcome = Outcome(Verdict.UNKNOWN, NOON)


async def test_without_an_answer_too_flat_is_not_said_while_a_reverse_may_still_enter(
    make_panel: Make,
) -> None:
    panel = make_panel(FakeGateway(open=[SHORT], on_flatten=losing))
    await panel.look()
    reversed_unknown(panel)
    press, told = await flatten(panel)
    assert told.verdict is Verdict.FLAT
    assert told.timings.proved_s is not None
    assert 20.0 <= told.timings.proved_s < 22.0
    assert press.outcome is told


async def test_reads_go_on_for_a_while_after_the_reverse_can_no_longer_enter(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[SHORT]))
    await panel.look()
    reversed_unknown(panel)
    began = panel.clock.monotonic()

    def fail_for_a_while(gateway: FakeGateway, source: Source, number: int) -> None:
        if 18.5 < gateway.now() - began < 21.6:
            fail_reads(*Source)(gateway, source, number)

    panel.gateway.before_read = fail_for_a_while
    _, told = await flatten(panel)
    assert told.verdict is Verdict.FLAT


# -- what was known before ---


async def test_an_account_in_which_nothing_was_ever_seen_is_known_to_hold_nothing_by_the_list_of_positions(
    make_panel: Make,
) -> None:
    def accept(gateway: FakeGateway, _scope: object) -> Receipt:
        return gateway.receipt(None)

    panel = make_panel(FakeGateway(on_flatten=accept))
    await panel.look(Source.POSITIONS)
    assert panel.desk.watch.roster.seen == {}
    _, told = await flatten(panel)
    assert told.verdict is Verdict.NOTHING_OPEN


# -- why ---


def test_where_an_account_cannot_be_told_either_it_says_why_not() -> None:
    away = Reason(Cause.NOT_CONNECTED)
    case = FlattenCase(EveryAccount(), {}, None)
    judgement = Judgement(
        (Fate("Old", Verdict.CANNOT_TELL, reason=away),),
        settled=True,
        scope_reason=Reason(Cause.NOTHING_LISTED),
    )
    assert headline_of(case, judgement) == (Verdict.CANNOT_TELL, away)


async def test_a_list_of_accounts_that_failed_last_says_why_nobody_can_tell(make_panel: Make) -> None:
    wrong = Reason(Cause.WRONG_PATH, "accounts", 404)
    snapshots: list[float] = []

    def script(gateway: FakeGateway, source: Source, _number: int) -> None:
        gateway.latency_s = 0.01
        if source is Source.ACCOUNTS:
            raise ReadFailedError(wrong)
        if source is Source.SNAPSHOT:
            snapshots.append(gateway.now())
            if len(snapshots) == 1:
                raise ReadFailedError(Reason(Cause.SERVER_FAILED, "snapshot"))
            gateway.latency_s = 40.0  # and says nothing more

    panel = make_panel(FakeGateway(before_read=script))
    _, told = await flatten(panel, EveryAccount())
    assert (told.verdict, told.reason) == (Verdict.CANNOT_TELL, wrong)
    failed = {facts["source"] for facts in panel.journal.facts(EntryKind.READ) if "failed" in facts}
    assert failed == {"snapshot", "accounts"}
    await panel.desk.watch.stop()
