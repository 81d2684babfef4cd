"""What the trader and the journal are told of a press that did not simply go well, fact by fact."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from crosstrade_panel.domain.outcome import Cause, Outcome, Reason, Verdict
from crosstrade_panel.domain.scope import EveryAccount, OneAccount, Scope, Side
from crosstrade_panel.domain.snapshot import Flaws, Position, Source
from crosstrade_panel.domain.ticket import OrderType, ReverseTicket
from crosstrade_panel.trading.flatten import Flatten
from crosstrade_panel.trading.ports import (
    EntryKind,
    NotSentError,
    ReadFailedError,
    Receipt,
    RefusedError,
    UnknownOutcomeError,
    Way,
)
from crosstrade_panel.trading.press import Phase, Press
from crosstrade_panel.trading.reverse import Reverse
from tests.fakes import FakeGateway, fail_reads, order, position

pytestmark = pytest.mark.anyio

Make = Callable[..., Any]
SIM101 = OneAccount("Sim101")
MES = OneAccount("Sim101", "MES 12-25")
TICKET = ReverseTicket("Sim101", "MES 12-25", Side.SHORT, 2)
LONG = position(side=Side.LONG)
NO = Reason(Cause.SERVER_SAID_NO, "Invalid request", 400)
NEVER_LEFT = Reason(Cause.CONNECT_FAILED)
DOUBT = Reason(Cause.NO_ANSWER)


def raising(error: Exception, *left: Position) -> Callable[[FakeGateway, object], Receipt]:
    def on_press(gateway: FakeGateway, _what: object) -> Receipt:
        gateway.open = list(left) if left else gateway.open
        raise error

    return on_press


def no_at(sent_at: float, answered_at: float) -> RefusedError:
    return RefusedError(NO, sent_at=sent_at, answered_at=answered_at)


def outcome_of(press: Press) -> Outcome:
    assert press.outcome is not None
    return press.outcome


async def flatten(panel: Any, scope: Scope = SIM101) -> Press:
    press: Press = panel.press(scope)
    await Flatten(panel.desk)(press)
    return press


async def reverse(panel: Any) -> Press:
    press: Press = panel.reverse_press(TICKET)
    await Reverse(panel.desk)(press)
    return press


# -- refused ---


async def test_a_refused_flatten_says_why_for_each_account_and_how_much_is_open_elsewhere(
    make_panel: Make,
) -> None:
    rows = [position(), position("Sim102"), position(instrument="NQ 12-25")]
    for scope, elsewhere, accounts in (
        (MES, 2, ["Sim101"]),
        (SIM101, 1, ["Sim101"]),
        (EveryAccount("MES 12-25"), 1, ["Sim101", "Sim102"]),
        (EveryAccount(), 0, ["Sim101", "Sim102"]),
    ):
        panel = make_panel(FakeGateway(open=list(rows), on_flatten=raising(no_at(1000.1, 1000.2))))
        press = await flatten(panel, scope)
        told = outcome_of(press)
        assert (told.verdict, told.reason, told.elsewhere_open) == (Verdict.REFUSED, NO, elsewhere)
        assert told.at == panel.clock.now()
        assert [(fate.account, fate.reason) for fate in told.fates] == [(name, NO) for name in accounts]
        assert sum(len(fate.still_open) for fate in told.fates) == len(rows) - elsewhere
        assert press.read_since_answer is True


async def test_what_is_open_elsewhere_is_told_only_where_the_whole_list_could_be_read(
    make_panel: Make,
) -> None:
    panel = make_panel(FakeGateway(open=[position(), LONG], on_flatten=raising(no_at(1000.1, 1000.2))))
    panel.gateway.flaws = lambda _source, _number: Flaws("count")
    assert outcome_of(await flatten(panel)).elsewhere_open is None
    panel.gateway.before_read = fail_reads(*Source)
    press = await flatten(panel)
    assert outcome_of(press).elsewhere_open is None
    assert outcome_of(press).fates[0].reason == NO
    assert not press.read_since_answer


async def test_after_a_no_the_positions_are_read_and_where_they_fail_the_snapshot(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position()], on_flatten=raising(no_at(1000.1, 1000.2))))
    await flatten(panel)
    # Nobody had listed the accounts yet: only the snapshot says of which a read tells.
    assert [source for source, _ in panel.gateway.reads] == [Source.SNAPSHOT]
    panel.gateway.reads.clear()
    await flatten(panel)
    assert [source for source, _ in panel.gateway.reads] == [Source.POSITIONS]
    panel.gateway.reads.clear()
    panel.gateway.before_read = fail_reads(Source.POSITIONS)
    press = await flatten(panel)
    assert [source for source, _ in panel.gateway.reads] == [Source.POSITIONS, Source.SNAPSHOT]
    reads = [each for each in panel.journal.entries if each.press_id == press.id]
    told = [(e.facts["source"], e.facts.get("failed")) for e in reads if e.kind is EntryKind.READ]
    assert told == [("positions", True), ("snapshot", None)]


# -- not sent, broken off ---


async def test_what_never_left_says_why_for_its_account_and_when(make_panel: Make) -> None:
    for do in (flatten, reverse):
        error = raising(NotSentError(NEVER_LEFT))
        panel = make_panel(FakeGateway(open=[position()], on_flatten=error, on_reverse=error))
        press = await do(panel)
        told = outcome_of(press)
        assert (told.verdict, told.reason, told.at) == (Verdict.NOT_SENT, NEVER_LEFT, panel.clock.now())
        assert [(fate.account, fate.reason) for fate in told.fates] == [("Sim101", NEVER_LEFT)]
        assert press.may_have_left is False
        (answer,) = panel.journal.facts(EntryKind.ANSWER)
        assert (answer["result"], answer["cause"]) == ("not_sent", "connect_failed")


async def test_a_wide_press_that_is_broken_off_names_each_account_that_was_seen_open(
    make_panel: Make,
) -> None:
    rows = (position(), position("Sim102"))
    panel = make_panel(FakeGateway(open=list(rows)))

    async def hang(*_: object) -> Receipt:
        await asyncio.sleep(60.0)
        raise AssertionError

    panel.gateway.flatten = hang
    press = panel.press(EveryAccount())
    task = asyncio.create_task(Flatten(panel.desk)(press))
    await asyncio.sleep(1.5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    told = outcome_of(press)
    interrupted = Reason(Cause.INTERRUPTED)
    assert (told.verdict, told.reason, told.at) == (Verdict.UNKNOWN, interrupted, panel.clock.now())
    assert [(fate.account, fate.still_open, fate.reason) for fate in told.fates] == [
        ("Sim101", rows[:1], interrupted),
        ("Sim102", rows[1:], interrupted),
    ]


async def test_a_mistake_before_the_first_byte_is_not_sent_and_called_a_mistake(
    make_panel: Make, announce_log: Any
) -> None:
    announce_log("not foreseen")
    panel = make_panel(FakeGateway(open=[position()]))

    async def broken(*_: object) -> None:
        raise KeyError

    panel.desk = replace(panel.desk, after_intent=broken)
    press = await flatten(panel)
    told = outcome_of(press)
    assert (told.verdict, told.reason) == (Verdict.NOT_SENT, Reason(Cause.INTERNAL))
    assert told.fates[0].reason == Reason(Cause.INTERNAL)
    assert panel.gateway.sent == []


# -- silence ---


def hanging(panel: Any, seconds: float) -> None:
    async def slowly(*_: object) -> Receipt:
        await asyncio.sleep(seconds)
        receipt: Receipt = panel.gateway.receipt([])
        return receipt

    panel.gateway.flatten = slowly


async def test_in_silence_both_endpoints_are_read_in_turn_and_each_read_is_written_down(
    make_panel: Make,
) -> None:
    panel = make_panel(FakeGateway(open=[position()]))
    hanging(panel, 6.0)
    panel.gateway.before_read = lambda gateway, source, number: (
        fail_reads(Source.SNAPSHOT)(gateway, source, number) if len(gateway.reads) == 2 else None
    )
    press = panel.press(SIM101)
    task = asyncio.create_task(Flatten(panel.desk)(press))
    await asyncio.sleep(5.5)
    sources = [source for source, _ in panel.gateway.reads]
    assert sources == [Source.POSITIONS, Source.SNAPSHOT, Source.POSITIONS, Source.SNAPSHOT]
    told = [(each["source"], each.get("failed", False)) for each in panel.journal.facts(EntryKind.READ)]
    assert told == [("positions", False), ("snapshot", True), ("positions", False), ("snapshot", False)]
    assert press.is_read_in_silence is True
    assert all(each is press for each in panel.changes)
    await task
    await asyncio.sleep(1.0)
    assert press.is_read_in_silence is False


async def test_what_was_shown_in_silence_stays_shown_when_a_later_read_cannot_be_believed(
    make_panel: Make,
) -> None:
    panel = make_panel(FakeGateway(open=[position()]))
    hanging(panel, 6.0)
    panel.gateway.flaws = lambda _source, number: Flaws() if number == 0 else Flaws("count")
    press = panel.press(SIM101)
    task = asyncio.create_task(Flatten(panel.desk)(press))
    await asyncio.sleep(5.0)
    assert len(panel.gateway.reads) > 1
    assert press.shows == (position(),)
    await task


# -- delivered, and answered late ---


async def test_a_reverse_that_was_delivered_says_so_before_it_is_answered(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position()]))
    seen: list[float | None] = []

    async def delivering(ticket: ReverseTicket, _way: Way, on_delivered: Callable[[float], None]) -> Receipt:
        on_delivered(panel.clock.monotonic() + 0.25)
        seen.extend(each.delivered_at for each in panel.changes)
        panel.gateway.open = [LONG]
        receipt: Receipt = panel.gateway.receipt(None, ("entry-1",))
        return receipt

    panel.gateway.reverse = delivering
    press = await reverse(panel)
    assert outcome_of(press).timings.delivered_s == pytest.approx(0.25)
    assert seen == [press.delivered_at]
    assert panel.journal.facts(EntryKind.ATTEMPT) == [{"number": 1, "way": "rest"}]


async def lost(make_panel: Make, *rows: Position, scope: Scope = SIM101) -> Any:
    """A flatten told UNKNOWN, and the future of its answer."""
    answer: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
    error = UnknownOutcomeError(DOUBT, sent_at=1000.1, late=answer)
    panel = make_panel(FakeGateway(open=[position()], on_flatten=raising(error, *rows)))
    await panel.look()
    panel.gateway.before_read = fail_reads(*Source)
    press = await flatten(panel, scope)
    assert outcome_of(press).verdict is Verdict.UNKNOWN
    panel.changes.clear()
    return panel, answer, press


async def test_a_late_answer_is_noted_on_the_press_whatever_it_says(make_panel: Make) -> None:
    for end in (Receipt(("id",), (), "", 1000.1, 1014.0), no_at(1000.1, 1014.0)):
        panel, answer, press = await lost(make_panel)
        if isinstance(end, Exception):
            answer.set_exception(end)
        else:
            answer.set_result(end)
        await asyncio.sleep(0.01)
        assert press.notes == ["late answer"]
        assert press.answered_at == 1014.0
        assert panel.changes
        assert all(each is press for each in panel.changes)


async def test_a_late_doubt_is_written_down_as_one_and_is_no_answer(make_panel: Make) -> None:
    panel, answer, press = await lost(make_panel)
    failed = Reason(Cause.SERVER_FAILED, "Bad gateway", 502)
    answer.set_exception(UnknownOutcomeError(failed))
    await asyncio.sleep(0.01)
    results = [(each["result"], each["cause"]) for each in panel.journal.facts(EntryKind.ANSWER)]
    assert results == [("unknown", "no_answer"), ("unknown", "server_failed")]
    assert (press.notes, press.answered_at) == ([], None)
    assert panel.changes == [press]


async def test_a_late_refusal_of_a_wide_press_keeps_what_is_proved_of_single_accounts(
    make_panel: Make,
) -> None:
    answer: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
    error = UnknownOutcomeError(DOUBT, sent_at=1000.1, late=answer)
    rows = [position(), position("Sim102")]
    panel = make_panel(FakeGateway(open=rows, on_flatten=raising(error, position("Sim102"))))
    await panel.look()
    asyncio.get_running_loop().call_later(4.0, answer.set_exception, no_at(1000.1, 1004.0))
    told = outcome_of(await flatten(panel, EveryAccount()))
    assert (told.verdict, told.reason) == (Verdict.REFUSED, NO)
    assert {fate.account: (fate.verdict, fate.reason) for fate in told.fates} == {
        "Sim101": (Verdict.FLAT, None),
        "Sim102": (Verdict.REFUSED, NO),
    }
    assert told.at == panel.clock.now()


# -- a reverse ---


@pytest.mark.parametrize(
    ("error", "result", "cause", "phases"),
    [
        (NotSentError(NEVER_LEFT), "not_sent", Cause.CONNECT_FAILED, []),
        (no_at(1000.1, 1000.2), "refused", Cause.SERVER_SAID_NO, []),
        (UnknownOutcomeError(DOUBT), "unknown", Cause.NO_ANSWER, [Phase.CHECKING]),
    ],
)
async def test_a_reverse_that_failed_is_written_down_with_how_and_why(
    make_panel: Make, error: Exception, result: str, cause: Cause, phases: list[Phase]
) -> None:
    panel = make_panel(FakeGateway(open=[position()], on_reverse=raising(error)))
    told_phases: list[Phase] = []
    panel.desk = replace(panel.desk, on_change=lambda press: told_phases.append(press.phase))
    told = outcome_of(await reverse(panel))
    assert told.reason is not None
    assert told.reason.cause is cause
    assert [fate.reason for fate in told.fates] == [told.reason]
    (answer,) = panel.journal.facts(EntryKind.ANSWER)
    assert (answer["result"], answer["cause"]) == (result, cause.value)
    assert list(dict.fromkeys(told_phases)) == [*phases, Phase.ENDED]


async def test_a_reverse_that_was_answered_is_verified_and_keeps_the_servers_warning(
    make_panel: Make,
) -> None:
    panel = make_panel(FakeGateway(open=[position()]))

    def warned(gateway: FakeGateway, ticket: ReverseTicket) -> Receipt:
        gateway.open = [position(side=ticket.entering)]
        return replace(gateway.receipt(None, ("entry-1",)), warning="careful")

    panel.gateway.on_reverse = warned
    phases: list[Phase] = []
    panel.desk = replace(panel.desk, on_change=lambda press: phases.append(press.phase))
    press = await reverse(panel)
    told = outcome_of(press)
    assert (told.verdict, told.warning) == (Verdict.REVERSED, "careful")
    assert list(dict.fromkeys(phases)) == [Phase.VERIFYING, Phase.ENDED]
    assert told.timings.proved_s is not None
    assert (told.at - press.began).total_seconds() == pytest.approx(told.timings.proved_s)


async def test_reversed_is_told_by_the_time_of_its_proof_however_late_the_accounts_were_listed(
    make_panel: Make,
) -> None:
    panel = make_panel(FakeGateway(open=[position()]))
    listed_from = panel.clock.monotonic() + 4.0

    def late(gateway: FakeGateway, source: Source, number: int) -> None:
        if gateway.now() < listed_from:
            fail_reads(Source.SNAPSHOT, Source.ACCOUNTS)(gateway, source, number)

    panel.gateway.before_read = late
    press = await reverse(panel)
    told = outcome_of(press)
    assert (told.verdict, panel.clock.monotonic() > listed_from) == (Verdict.REVERSED, True)
    assert told.timings.proved_s is not None
    assert told.timings.proved_s < 3.0
    assert (told.at - press.began).total_seconds() == pytest.approx(told.timings.proved_s)


async def test_only_a_reverse_that_is_reversed_has_a_time_of_its_proof(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position()]))

    def wrong_size(gateway: FakeGateway, _ticket: ReverseTicket) -> Receipt:
        gateway.open = [replace(LONG, quantity=1)]
        return gateway.receipt(None, ("entry-1",))

    panel.gateway.on_reverse = wrong_size
    told = outcome_of(await reverse(panel))
    assert (told.verdict, told.timings.proved_s, told.warning) == (Verdict.REVERSE_MISMATCH, None, "")
    assert told.at == panel.clock.now()
    unanswered = make_panel(FakeGateway(open=[position()], on_reverse=raising(UnknownOutcomeError(DOUBT))))
    assert outcome_of(await reverse(unanswered)).warning == ""


async def test_a_reverse_half_done_is_followed_by_the_id_that_the_server_reported(make_panel: Make) -> None:
    half = UnknownOutcomeError(
        Reason(Cause.HALF_DONE), receipt=Receipt(("entry-1",), None, "look out", 1000.1, 1000.2)
    )

    def rejected(gateway: FakeGateway, ticket: ReverseTicket) -> Receipt:
        gateway.open = []
        gateway.working = {ticket.account: [order(state="Rejected", order_id="entry-1")]}
        raise half

    panel = make_panel(FakeGateway(open=[position()], on_reverse=rejected))
    press = await reverse(panel)
    told = outcome_of(press)
    # Only by the id is the entry found, and found rejected: no doubt is left.
    assert (told.verdict, told.warning) == (Verdict.REVERSE_MISMATCH, "look out")
    assert told.order_ids == ("entry-1",)


async def test_a_reverse_refused_late_is_told_when_the_reading_ends(make_panel: Make) -> None:
    answer: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
    error = UnknownOutcomeError(DOUBT, sent_at=1000.1, late=answer)
    panel = make_panel(FakeGateway(open=[position()], on_reverse=raising(error)))
    asyncio.get_running_loop().call_later(2.0, answer.set_exception, no_at(1000.1, 1002.0))
    told = outcome_of(await reverse(panel))
    assert (told.verdict, told.at) == (Verdict.REFUSED, panel.clock.now())


async def test_a_reverse_of_a_resting_entry_is_judged_by_reads_as_recent_as_the_pace_says(
    make_panel: Make,
) -> None:
    panel = make_panel(FakeGateway(open=[position()]))
    slow = replace(panel.desk.pace, read_least_deadline_s=11.5)
    ticket = ReverseTicket(
        "Sim101", "MES 12-25", Side.SHORT, 2, OrderType.LIMIT, limit_price=Decimal("5000.25")
    )
    for pace, verdict in ((panel.desk.pace, Verdict.NOT_PROVED), (slow, Verdict.REVERSE_MISMATCH)):
        panel.gateway.open = [position()]

        def stays(gateway: FakeGateway, _ticket: ReverseTicket) -> Receipt:
            began = gateway.now()
            gateway.before_read = lambda gateway, _source, _number: (
                fail_reads(*Source)(gateway, Source.POSITIONS, 0) if gateway.now() > began + 3.0 else None
            )
            gateway.open = [position()]
            return gateway.receipt(None, ("entry-1",))

        panel.gateway.on_reverse = stays
        panel.gateway.before_read = None
        desk = replace(panel.desk, pace=pace)
        press = panel.reverse_press(ticket)
        outcome = await Reverse(desk)(press)
        assert outcome.verdict is verdict


async def test_the_fresh_read_says_why_the_last_endpoint_did_not_answer(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position()]))
    causes = {Source.POSITIONS: Cause.NO_ANSWER, Source.SNAPSHOT: Cause.SERVER_FAILED}

    def fail(_gateway: FakeGateway, source: Source, _number: int) -> None:
        raise ReadFailedError(Reason(causes[source]))

    panel.gateway.before_read = fail
    found = await Reverse(panel.desk).look("Sim101", "MES 12-25")
    assert found == Reason(Cause.SERVER_FAILED)


async def test_the_fresh_read_looks_at_the_one_pair_and_at_no_other_row(make_panel: Make) -> None:
    other = position(instrument="NQ 12-25")
    panel = make_panel(FakeGateway(open=[other]))
    assert await Reverse(panel.desk).look("Sim101", "MES 12-25") == Reason(Cause.NO_POSITION)
    panel.gateway.open = [other, position()]
    held = await Reverse(panel.desk).look("Sim101", "MES 12-25")
    assert not isinstance(held, Reason)
    assert (held.instrument, held.side, held.quantity) == ("MES 12-25", Side.SHORT, 2)


@pytest.mark.parametrize("lost", ["account", "instrument", "side", "quantity"])
async def test_a_position_of_which_anything_is_not_known_is_not_reversed(make_panel: Make, lost: str) -> None:
    facts: dict[str, Any] = {
        "account": "Sim101",
        "instrument": "MES 12-25",
        "side": Side.SHORT,
        "quantity": 2,
    }
    panel = make_panel(FakeGateway(open=[Position(**(facts | {lost: None}))]))
    assert await Reverse(panel.desk).look("Sim101", "MES 12-25") == Reason(Cause.ROW_UNREADABLE)
