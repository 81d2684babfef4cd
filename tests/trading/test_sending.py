"""On the way: what goes out again and what never does, a silent server, answers that come late, a sleep."""

import asyncio
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from crosstrade_panel.domain.outcome import Cause, Outcome, Reason, Verdict
from crosstrade_panel.domain.scope import EveryAccount, OneAccount, Scope, Side
from crosstrade_panel.domain.snapshot import Account, Flaws, Position, Source
from crosstrade_panel.domain.ticket import ReverseTicket
from crosstrade_panel.trading.flatten import Flatten
from crosstrade_panel.trading.ports import (
    EntryKind,
    NotSentError,
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
TICKET = ReverseTicket("Sim101", "MES 12-25", Side.SHORT, 2)
LONG = position(side=Side.LONG)
UNREACHED = NotSentError(Reason(Cause.CONNECT_FAILED), may_try_elsewhere=True)
CLOSED = NotSentError(Reason(Cause.STREAM_NOT_OPEN), may_try_elsewhere=True)
SAID = "Rate limit exceeded"


def over_budget(gateway: FakeGateway, retry_after_s: float | None = None, said: str = SAID) -> RefusedError:
    reason = Reason(Cause.OVER_BUDGET, said, 429, retry_after_s)
    return RefusedError(reason, sent_at=gateway.now() - 0.01, answered_at=gateway.now())


def ending(*ends: Exception | Callable[[FakeGateway], Exception]) -> Callable[[FakeGateway, object], Receipt]:
    """These ends, one after another, the last one for ever; None closes everything."""
    left: Iterator[Any] = iter(ends)
    last: list[Any] = [None]

    def on_press(gateway: FakeGateway, _what: object) -> Receipt:
        last[0] = next(left, last[0] if last[0] is not None else None)
        if last[0] is None:
            closed, gateway.open = gateway.open, []
            return gateway.receipt(closed)
        raise last[0](gateway) if callable(last[0]) and not isinstance(last[0], Exception) else last[0]

    return on_press


def times_of_attempts(panel: Any) -> list[float]:
    return [round(entry.after_s, 2) for entry in panel.journal.entries if entry.kind is EntryKind.ATTEMPT]


async def flatten(panel: Any, scope: Scope = SIM101) -> Press:
    press: Press = panel.press(scope)
    await Flatten(panel.desk)(press)
    return press


def outcome_of(press: Press) -> Outcome:
    assert press.outcome is not None
    return press.outcome


def shown_of(press: Press) -> tuple[Position, ...] | None:
    return press.shows


# -- too many requests ---


async def test_a_flatten_answered_too_many_requests_goes_out_again_and_is_verified_like_any_other(
    make_panel: Make,
) -> None:
    panel = make_panel(FakeGateway(open=[position()]))
    await panel.look()
    panel.gateway.on_flatten = lambda gateway, scope: ending(
        *([over_budget] if len(gateway.sent) < 3 else [])
    )(gateway, scope)
    press = await flatten(panel)
    assert outcome_of(press).verdict is Verdict.FLAT
    assert times_of_attempts(panel) == [0.0, 0.36, 0.72]
    assert [each["number"] for each in panel.journal.facts(EntryKind.ATTEMPT)] == [1, 2, 3]
    assert [each["result"] for each in panel.journal.facts(EntryKind.ANSWER)] == [
        "refused",
        "refused",
        "accepted",
    ]


async def test_it_goes_out_again_at_most_five_times_and_then_is_refused_with_the_state_read(
    make_panel: Make,
) -> None:
    panel = make_panel(FakeGateway(open=[position()], on_flatten=ending(over_budget)))
    press = await flatten(panel)
    assert (outcome_of(press).verdict, outcome_of(press).reason) == (
        Verdict.REFUSED,
        Reason(Cause.OVER_BUDGET, SAID, 429),
    )
    assert len(panel.gateway.sent) == 6
    assert times_of_attempts(panel)[-1] < 3.0
    assert len(panel.journal.facts(EntryKind.ANSWER)) == 6
    assert outcome_of(press).fates[0].still_open == (position(),)


@pytest.mark.parametrize(
    ("retry_after_s", "attempts"),
    [
        (1.0, [0.0, 1.01, 2.02]),
        (2.9, [0.0, 2.91]),
        (3.0, [0.0]),
        (30.0, [0.0]),
        (0.0, [0.0] + [0.01 * n for n in range(1, 6)]),
    ],
)
async def test_it_waits_as_long_as_the_server_says_and_not_at_all_where_that_does_not_fit(
    make_panel: Make, retry_after_s: float, attempts: list[float]
) -> None:
    panel = make_panel(
        FakeGateway(open=[position()], on_flatten=ending(lambda gateway: over_budget(gateway, retry_after_s)))
    )
    press = await flatten(panel)
    assert outcome_of(press).verdict is Verdict.REFUSED
    assert times_of_attempts(panel) == pytest.approx(attempts)


async def test_a_429_without_words_is_somebody_elses_and_is_never_tried_again(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(on_flatten=ending(lambda gateway: over_budget(gateway, said=""))))
    assert outcome_of(await flatten(panel)).verdict is Verdict.REFUSED
    assert len(panel.gateway.sent) == 1


async def test_no_other_refusal_and_no_doubt_is_ever_tried_again(make_panel: Make) -> None:
    def no(gateway: FakeGateway) -> RefusedError:
        reason = Reason(Cause.SERVER_SAID_NO, "Invalid request", 400)
        return RefusedError(reason, sent_at=gateway.now(), answered_at=gateway.now())

    for end in (no, UnknownOutcomeError(Reason(Cause.OVER_BUDGET, SAID, 429))):
        panel = make_panel(FakeGateway(on_flatten=ending(end)))
        await flatten(panel)
        assert len(panel.gateway.sent) == 1


async def test_a_doubt_after_a_repeat_is_a_doubt(make_panel: Make) -> None:
    lost = UnknownOutcomeError(Reason(Cause.NO_ANSWER))
    panel = make_panel(FakeGateway(open=[position()], on_flatten=ending(over_budget, lost)))
    press = await flatten(panel)
    assert len(panel.gateway.sent) == 2
    assert press.may_have_left
    assert outcome_of(press).verdict is Verdict.STILL_OPEN


async def test_stop_ends_the_repeating_at_once_and_every_attempt_has_one_answer(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position()], on_flatten=ending(over_budget)))
    press = panel.press(SIM101)
    asyncio.get_running_loop().call_later(0.5, press.stop.set)
    outcome = await Flatten(panel.desk)(press)
    assert outcome.verdict is Verdict.REFUSED
    assert times_of_attempts(panel) == [0.0, 0.36]
    assert len(panel.journal.facts(EntryKind.ANSWER)) == 2
    assert panel.clock.monotonic() < 1000.6


async def test_stop_wins_also_in_the_very_moment_in_which_the_pause_ends(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position()], on_flatten=ending(over_budget)))
    press = panel.press(SIM101)
    loop = asyncio.get_running_loop()

    def arm() -> None:  # in the step after the one in which the pause was begun, so that both end together
        loop.call_at(loop.time() + 0.35, press.stop.set)

    def change(_press: Press) -> None:
        if press.phase is Phase.REPEATING:
            loop.call_soon(arm)

    desk = dataclasses.replace(panel.desk, on_change=change)
    outcome = await Flatten(desk)(press)
    assert outcome.verdict is Verdict.REFUSED
    assert len(panel.gateway.sent) == 1


async def test_a_stop_pressed_while_the_attempt_was_out_counts_when_it_is_refused(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position()], on_flatten=ending(over_budget)))
    press = panel.press(SIM101)
    press.stop.set()
    await Flatten(panel.desk)(press)
    assert len(panel.gateway.sent) == 1


async def test_while_it_waits_it_says_so_and_reads_leave_the_tokens_to_it(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position()], on_flatten=ending(lambda each: over_budget(each, 1.0))))
    press = panel.press(SIM101)
    task = asyncio.create_task(Flatten(panel.desk)(press))
    await asyncio.sleep(0.5)
    assert press.phase is Phase.REPEATING
    assert panel.desk.watch.budget.wait_s(panel.clock.monotonic(), -100.0) == pytest.approx(0.51)
    await task


async def test_a_refusal_that_ends_it_makes_the_reads_pause_as_long_as_the_server_says(
    make_panel: Make,
) -> None:
    panel = make_panel(FakeGateway(on_flatten=ending(lambda each: over_budget(each, 20.0))))
    await flatten(panel)
    assert panel.desk.watch.budget.wait_s(panel.clock.monotonic(), -100.0) > 19.0


async def test_a_reverse_answered_too_many_requests_is_refused_and_never_tried_again(
    make_panel: Make,
) -> None:
    panel = make_panel(FakeGateway(open=[position()], on_reverse=ending(over_budget)))
    outcome = await Reverse(panel.desk)(panel.reverse_press(TICKET))
    assert (outcome.verdict, len(panel.gateway.sent)) == (Verdict.REFUSED, 1)
    assert panel.desk.watch.budget.wait_s(panel.clock.monotonic(), -100.0) > 1.5


async def test_what_is_forbidden_between_the_intent_and_the_sending_is_not_sent(make_panel: Make) -> None:
    panel = make_panel()

    async def forbid(_desk: object, _press: Press, _written: object) -> None:
        raise NotSentError(Reason(Cause.LOCKED))

    desk = dataclasses.replace(panel.desk, after_intent=forbid)
    outcome = await Flatten(desk)(panel.press(SIM101))
    assert (outcome.verdict, outcome.reason) == (Verdict.NOT_SENT, Reason(Cause.LOCKED))
    assert panel.gateway.sent == []


# -- ways ---

STREAM_FIRST = (Way.STREAM, Way.REST, Way.STREAM)
REST_FIRST = (Way.REST, Way.REST, Way.STREAM)


@pytest.mark.parametrize("ways", [STREAM_FIRST, REST_FIRST])
async def test_what_provably_never_left_takes_every_way_once_in_turn(
    make_panel: Make, ways: tuple[Way, ...]
) -> None:
    panel = make_panel(FakeGateway(ways=ways, on_flatten=ending(UNREACHED, CLOSED, CLOSED)))
    press = await flatten(panel)
    assert panel.gateway.sent_over == list(ways)
    assert (outcome_of(press).verdict, outcome_of(press).reason) == (Verdict.NOT_SENT, UNREACHED.reason)
    assert [(each["number"], each["way"]) for each in panel.journal.facts(EntryKind.ATTEMPT)] == [
        (number, way.value) for number, way in enumerate(ways, 1)
    ]
    assert not press.may_have_left


@pytest.mark.parametrize("ways", [STREAM_FIRST, REST_FIRST])
@pytest.mark.parametrize("before", [0, 1, 2])
async def test_only_what_never_left_goes_on_to_the_next_way(
    make_panel: Make, ways: tuple[Way, ...], before: int
) -> None:
    for end in (
        UnknownOutcomeError(Reason(Cause.NO_ANSWER)),
        NotSentError(Reason(Cause.BAD_TOKEN)),
        lambda gateway: over_budget(gateway, said=""),
    ):
        panel = make_panel(FakeGateway(ways=ways, on_flatten=ending(*[UNREACHED] * before, end)))
        await flatten(panel)
        assert panel.gateway.sent_over == list(ways[: before + 1])


async def test_a_way_that_carries_it_is_the_last_one_taken(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position()], ways=STREAM_FIRST))
    await panel.look()
    panel.gateway.on_flatten = lambda gateway, _scope: (
        ending(CLOSED)(gateway, _scope) if len(gateway.sent) == 1 else ending()(gateway, _scope)
    )
    assert outcome_of(await flatten(panel)).verdict is Verdict.FLAT
    assert panel.gateway.sent_over == [Way.STREAM, Way.REST]


@pytest.mark.parametrize("ways", [STREAM_FIRST, REST_FIRST])
async def test_a_reverse_takes_the_first_way_only(make_panel: Make, ways: tuple[Way, ...]) -> None:
    panel = make_panel(FakeGateway(open=[position()], ways=ways, on_reverse=ending(UNREACHED)))
    outcome = await Reverse(panel.desk)(panel.reverse_press(TICKET))
    assert (outcome.verdict, panel.gateway.sent_over) == (Verdict.NOT_SENT, [ways[0]])


async def test_when_it_was_delivered_is_told_before_the_answer(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position()], ways=STREAM_FIRST))
    await panel.look()
    inner = panel.gateway.flatten

    async def delivering(scope: Scope, way: Way, on_delivered: Callable[[float], None]) -> Receipt:
        on_delivered(panel.clock.monotonic())
        assert panel.changes
        receipt: Receipt = await inner(scope, way)
        return receipt

    panel.gateway.flatten = delivering
    assert outcome_of(await flatten(panel)).timings.delivered_s == pytest.approx(0.0, abs=0.001)


# -- silence ---


def silent_for(seconds: float, *rows: Position) -> Callable[..., Any]:
    """The server acts at once and answers after so long."""

    def slow(panel: Any) -> None:
        async def flatten_slowly(_scope: Scope, _way: Way, _on_delivered: object) -> Receipt:
            panel.gateway.sent.append(_scope)
            panel.gateway.open = list(rows)
            await asyncio.sleep(seconds)
            return Receipt((), (position(),), "", panel.clock.monotonic() - seconds, panel.clock.monotonic())

        panel.gateway.flatten = flatten_slowly

    return slow


async def test_a_second_after_sending_without_an_answer_reads_begin_and_are_shown_and_prove_nothing(
    make_panel: Make,
) -> None:
    panel = make_panel(FakeGateway(open=[position()]))
    await panel.look()
    silent_for(8.0)(panel)
    background = asyncio.create_task(panel.desk.watch.run())
    await asyncio.sleep(0.5)
    panel.gateway.reads.clear()
    press = panel.press(SIM101)
    sent_at = panel.clock.monotonic()
    task = asyncio.create_task(Flatten(panel.desk)(press))
    await asyncio.sleep(0.99)
    assert shown_of(press) is None
    await asyncio.sleep(0.1)
    assert shown_of(press) == ()
    assert panel.changes
    await asyncio.sleep(6.0)
    in_silence = [round(at - sent_at, 2) for source, at in panel.gateway.reads if at - sent_at >= 0.9]
    assert in_silence[0] == 1.0
    assert len(in_silence) == 6  # and not those of the background besides
    assert (press.phase, press.outcome) == (Phase.SENDING, None)
    outcome = await task
    assert outcome.verdict is Verdict.FLAT
    assert outcome.timings.proved_s is not None
    assert outcome.timings.proved_s >= 9.0
    background.cancel()
    await asyncio.gather(background, return_exceptions=True)


async def test_an_answer_within_the_second_is_no_silence(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position()]))
    await panel.look()
    silent_for(0.9)(panel)
    panel.gateway.reads.clear()
    await flatten(panel)
    assert panel.gateway.reads[0][1] - 1000.02 == pytest.approx(0.9)


async def test_reads_in_silence_end_with_the_answer(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position()]))
    silent_for(1.5)(panel)
    press = panel.press(SIM101)
    await Flatten(panel.desk)(press)
    await asyncio.sleep(1.0)
    panel.gateway.reads.clear()
    await asyncio.sleep(20.0)
    assert panel.gateway.reads == []
    assert panel.desk.watch._verifying == 0
    assert not press.is_read_in_silence


async def test_in_silence_only_what_can_be_believed_is_shown(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position()]))
    silent_for(12.0, LONG)(panel)
    press = panel.press(SIM101)
    task = asyncio.create_task(Flatten(panel.desk)(press))
    panel.gateway.flaws = lambda _source, _number: Flaws("count")
    await asyncio.sleep(3.0)
    assert shown_of(press) is None
    panel.gateway.flaws = lambda _source, _number: Flaws(accounts=frozenset({"sim101"}))
    await asyncio.sleep(3.0)
    assert shown_of(press) is None
    panel.gateway.flaws = lambda _source, _number: Flaws()
    panel.gateway.accounts_listed = [Account("Sim102")]
    panel.gateway.before_read = fail_reads(Source.POSITIONS)
    await asyncio.sleep(3.0)
    assert shown_of(press) is None
    panel.gateway.before_read = None
    await asyncio.sleep(2.5)
    assert shown_of(press) == (LONG,)
    await task


async def test_in_silence_nothing_open_is_shown_only_where_a_read_tells_of_the_account(
    make_panel: Make,
) -> None:
    panel = make_panel(FakeGateway(open=[position()]))
    silent_for(12.0)(panel)
    press = panel.press(SIM101)
    task = asyncio.create_task(Flatten(panel.desk)(press))
    panel.gateway.open = []
    panel.gateway.accounts_listed = [Account("Sim101", connected=False)]
    await asyncio.sleep(6.0)
    assert shown_of(press) is None
    panel.gateway.accounts_listed = [Account("Sim101", connected=True)]
    await asyncio.sleep(4.0)
    assert shown_of(press) == ()
    await task


async def test_a_read_in_silence_that_comes_back_after_the_answer_is_the_last_one(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position()], latency_s=0.5))
    silent_for(1.2, position())(panel)
    press = panel.press(SIM101)
    task = asyncio.create_task(Flatten(panel.desk)(press))
    await asyncio.sleep(1.1)
    assert shown_of(press) is None
    assert panel.desk.watch._verifying == 1
    await asyncio.sleep(0.5)
    assert panel.desk.watch._verifying == 1  # by the verification alone
    await task


async def test_several_ways_that_are_all_silent_are_read_for_once(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position()], ways=REST_FIRST))

    async def never_connects(_scope: Scope, _way: Way, _on_delivered: object) -> Receipt:
        await asyncio.sleep(3.0)
        raise UNREACHED

    panel.gateway.flatten = never_connects
    press = await flatten(panel)
    assert outcome_of(press).verdict is Verdict.NOT_SENT
    assert len(panel.gateway.reads) <= 8
    await asyncio.sleep(2.0)
    assert panel.desk.watch._verifying == 0


async def test_a_reverse_and_its_silence(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position()]))

    async def slow(_ticket: ReverseTicket, _way: Way, _on_delivered: object) -> Receipt:
        await asyncio.sleep(3.0)
        panel.gateway.open = [LONG]
        receipt: Receipt = panel.gateway.receipt(None, ("entry-1",))
        return receipt

    panel.gateway.reverse = slow
    press = panel.reverse_press(TICKET)
    task = asyncio.create_task(Reverse(panel.desk)(press))
    await asyncio.sleep(1.1)
    assert press.shows == (position(),)
    assert (await task).verdict is Verdict.REVERSED


# -- late answers ---


class Late:
    """A press whose answer is given up, and comes later or never."""

    def __init__(self, *rows: Position) -> None:
        self.answer: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self.rows = rows

    def __call__(self, gateway: FakeGateway, _what: object) -> Receipt:
        gateway.open = list(self.rows)
        raise UnknownOutcomeError(Reason(Cause.NO_ANSWER), sent_at=gateway.now(), late=self.answer)

    def accept(self, gateway: FakeGateway, *closed: Position, ids: tuple[str, ...] = ("id",)) -> None:
        self.answer.set_result(gateway.receipt(list(closed), ids))

    def refuse(self, gateway: FakeGateway) -> Reason:
        reason = Reason(Cause.SERVER_SAID_NO, "Invalid request", 400)
        self.answer.set_exception(RefusedError(reason, sent_at=gateway.now(), answered_at=gateway.now()))
        return reason


async def unknown(make_panel: Make, *rows: Position, scope: Scope = SIM101) -> tuple[Any, Late, Press]:
    """A flatten that ended UNKNOWN because nothing was read, and whose answer may still come."""
    late = Late(*rows)
    panel = make_panel(FakeGateway(open=[position()], on_flatten=late))
    await panel.look()
    panel.gateway.before_read = fail_reads(*Source)
    press = await flatten(panel, scope)
    assert outcome_of(press).verdict is Verdict.UNKNOWN
    panel.gateway.before_read = None
    return panel, late, press


async def test_a_late_answer_is_recorded_and_lifts_the_doubt_and_only_reads_after_it_prove(
    make_panel: Make,
) -> None:
    panel, late, press = await unknown(make_panel)
    async with panel.followed():
        await asyncio.sleep(1.0)  # one clean read of nothing open
        late.accept(panel.gateway, position(), ids=("late-id",))
        await asyncio.sleep(0.0)
        answered_at = panel.clock.monotonic()
        await asyncio.sleep(10.0)
    told = outcome_of(press)
    assert told.verdict is Verdict.FLAT
    reads = [at for source, at in panel.gateway.reads if source is not Source.ORDERS and at >= answered_at]
    proved_at = press.began_at + (told.timings.proved_s or 0.0)
    assert len([at for at in reads if at < proved_at]) >= 2
    assert told.order_ids == ("late-id",)
    assert told.closed_positions == (position(),)
    assert told.timings.answered_s == pytest.approx(answered_at - press.began_at)
    assert told.late_s is not None
    assert press.notes == ["late answer"]
    assert [each["result"] for each in panel.journal.facts(EntryKind.ANSWER)] == ["unknown", "accepted"]


async def test_a_late_answer_with_something_still_open_is_still_open_and_not_unknown(
    make_panel: Make,
) -> None:
    panel, late, press = await unknown(make_panel, position())
    async with panel.followed():
        late.accept(panel.gateway, position())
        await asyncio.sleep(9.0)
        assert outcome_of(press).verdict is Verdict.UNKNOWN  # no answer is given a shorter window
        await asyncio.sleep(4.0)
    assert (outcome_of(press).verdict, outcome_of(press).reason) == (Verdict.STILL_OPEN, None)
    assert outcome_of(press).fates[0].still_open == (position(),)


async def test_a_late_answer_of_a_wide_press_leaves_what_is_proved_and_ends_the_doubt_of_the_rest(
    make_panel: Make,
) -> None:
    panel, late, press = await unknown(make_panel, position(), scope=EveryAccount())
    async with panel.followed():
        late.accept(panel.gateway, position())
        await asyncio.sleep(13.0)
    assert {fate.account: fate.verdict for fate in outcome_of(press).fates} == {
        "Sim101": Verdict.STILL_OPEN,
        "Sim102": Verdict.NOTHING_OPEN,
    }


async def test_a_late_answer_that_closed_more_than_asked_is_told_even_of_a_flat_press(
    make_panel: Make,
) -> None:
    late = Late()
    panel = make_panel(FakeGateway(open=[position()], on_flatten=late))
    await panel.look()
    press = await flatten(panel)
    assert outcome_of(press).verdict is Verdict.FLAT
    async with panel.followed():
        late.accept(panel.gateway, position(), position("Sim102"))
        await asyncio.sleep(10.0)
    assert outcome_of(press).verdict is Verdict.CLOSED_MORE_THAN_ASKED
    assert [(fate.account, fate.verdict) for fate in outcome_of(press).fates] == [
        ("Sim101", Verdict.FLAT),
        ("Sim102", Verdict.CLOSED_MORE_THAN_ASKED),
    ]
    more = Late()
    own = make_panel(FakeGateway(open=[position()], on_flatten=more))
    await own.look()
    narrow = await flatten(own, OneAccount("Sim101", "MES 12-25"))
    async with own.followed():
        more.accept(own.gateway, position(), position(instrument="NQ 12-25"))
        await asyncio.sleep(10.0)
    assert outcome_of(narrow).verdict is Verdict.CLOSED_MORE_THAN_ASKED


async def test_a_late_refusal_turns_unknown_into_refused(make_panel: Make) -> None:
    panel, late, press = await unknown(make_panel, position())
    reason = late.refuse(panel.gateway)
    await asyncio.sleep(0.01)
    told = outcome_of(press)
    assert (told.verdict, told.reason) == (Verdict.REFUSED, reason)
    assert [(fate.verdict, fate.reason) for fate in told.fates] == [(Verdict.REFUSED, reason)]
    assert told.timings.answered_s is not None
    assert panel.outcomes() == ["unknown", "refused"]
    assert [each["result"] for each in panel.journal.facts(EntryKind.ANSWER)] == ["unknown", "refused"]


async def test_a_refusal_that_comes_while_it_is_read_for_ends_refused_with_what_is_open(
    make_panel: Make,
) -> None:
    for press_and_run in (True, False):
        late = Late(position())
        panel = make_panel(FakeGateway(open=[position()], on_flatten=late, on_reverse=late))
        await panel.look()
        asyncio.get_running_loop().call_later(2.0, late.refuse, panel.gateway)
        if press_and_run:
            outcome = outcome_of(await flatten(panel))
        else:
            outcome = await Reverse(panel.desk)(panel.reverse_press(TICKET))
        assert outcome.verdict is Verdict.REFUSED
        assert outcome.fates[0].verdict is Verdict.REFUSED
        assert outcome.fates[0].still_open == (position(),)
        assert outcome.reason is not None
        assert outcome.reason.cause is Cause.SERVER_SAID_NO


async def test_a_refusal_of_what_is_proved_flat_changes_nothing(make_panel: Make) -> None:
    late = Late()
    panel = make_panel(FakeGateway(open=[position()], on_flatten=late))
    await panel.look()
    press = await flatten(panel)
    late.refuse(panel.gateway)
    await asyncio.sleep(0.01)
    assert outcome_of(press).verdict is Verdict.FLAT


@pytest.mark.parametrize(
    "error", [UnknownOutcomeError(Reason(Cause.SERVER_FAILED)), NotSentError(Reason(Cause.STREAM_NOT_OPEN))]
)
async def test_a_late_unknown_is_recorded_and_changes_nothing(make_panel: Make, error: Exception) -> None:
    panel, late, press = await unknown(make_panel)
    before = outcome_of(press)
    late.answer.set_exception(error)
    await asyncio.sleep(0.01)
    assert outcome_of(press) is before
    assert panel.outcomes() == ["unknown"]
    assert len(panel.journal.facts(EntryKind.ANSWER)) == 2


async def test_an_answer_that_cannot_come_any_more_changes_nothing(make_panel: Make) -> None:
    panel, late, press = await unknown(make_panel)
    before = outcome_of(press)
    late.answer.cancel()
    await asyncio.sleep(0.01)
    assert outcome_of(press) is before
    assert len(panel.journal.facts(EntryKind.ANSWER)) == 1


async def test_what_was_acknowledged_is_final_for_late_answers_too(make_panel: Make) -> None:
    for is_refused in (True, False):
        panel, late, press = await unknown(make_panel)
        panel.desk.book.acknowledge(press.id)
        if is_refused:
            late.refuse(panel.gateway)
        else:
            late.accept(panel.gateway)
        await asyncio.sleep(0.01)
        assert panel.outcomes() == ["unknown"]
        assert len(panel.journal.facts(EntryKind.ANSWER)) == 2


async def test_a_late_answer_while_it_is_verified_opens_the_window_again(make_panel: Make) -> None:
    late = Late(position())
    panel = make_panel(FakeGateway(open=[position()], on_flatten=late))
    await panel.look()
    asyncio.get_running_loop().call_later(8.0, late.accept, panel.gateway, position())
    press = await flatten(panel)
    assert outcome_of(press).verdict is Verdict.STILL_OPEN
    assert outcome_of(press).order_ids == ("id",)
    assert panel.clock.monotonic() - press.began_at == pytest.approx(18.0, abs=0.2)


async def test_reads_from_before_the_late_answer_never_prove_with_one_from_after_it(make_panel: Make) -> None:
    late = Late()
    panel = make_panel(FakeGateway(open=[position()], on_flatten=late))
    await panel.look()
    panel.gateway.reads.clear()
    asyncio.get_running_loop().call_later(0.9, late.accept, panel.gateway, position())
    press = await flatten(panel)
    told = outcome_of(press)
    assert told.verdict is Verdict.FLAT
    assert told.timings.proved_s is not None
    assert told.timings.proved_s >= 0.9 + 1.0


async def test_a_late_answer_of_a_reverse_names_its_entry(make_panel: Make) -> None:
    late = Late()
    panel = make_panel(FakeGateway(open=[position()], on_reverse=late))
    await panel.look()
    press = panel.reverse_press(TICKET)
    await Reverse(panel.desk)(press)
    assert outcome_of(press).verdict is Verdict.UNKNOWN
    panel.gateway.working = {"Sim101": [order(order_id="entry-1")]}
    async with panel.followed():
        late.answer.set_result(panel.gateway.receipt(None, ("entry-1",)))
        await asyncio.sleep(15.0)
    assert outcome_of(press).verdict is Verdict.REVERSE_WORKING
    assert outcome_of(press).order_ids == ("entry-1",)


async def test_a_late_answer_to_a_press_that_was_never_read_for_is_kept(make_panel: Make) -> None:
    panel = make_panel()
    late = Late()
    press = panel.press(SIM101)
    panel.desk.await_late(press, late.answer)
    late.accept(panel.gateway, position())
    await asyncio.sleep(0.01)
    assert (press.outcome, press.closed_positions) == (None, (position(),))
    panel.desk.begin_anew()  # and there is no proof that could begin anew
    assert panel.gateway.renewed == 1


async def test_waiting_for_late_answers_takes_no_reads_place(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position()]))
    for _ in range(3):
        panel.gateway.on_flatten = Late(position())
        await flatten(panel)
    panel.gateway.reads.clear()
    async with panel.followed():
        await asyncio.sleep(12.0)
    assert len(panel.gateway.reads) >= 9


# -- a sleep of the machine ---


async def test_reads_of_before_a_sleep_prove_nothing_together_with_one_of_after(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position()]))
    await panel.look()
    asyncio.get_running_loop().call_later(0.6, panel.desk.begin_anew)
    press = await flatten(panel)
    told = outcome_of(press)
    assert told.verdict is Verdict.FLAT
    assert told.timings.proved_s is not None
    assert told.timings.proved_s >= 0.6 + 1.0
    assert panel.gateway.renewed == 1


async def test_a_verification_under_way_opens_its_window_again_after_a_sleep(make_panel: Make) -> None:
    panel = make_panel(
        FakeGateway(open=[position()], on_flatten=lambda each, _: each.receipt(list(each.open)))
    )
    await panel.look()
    asyncio.get_running_loop().call_later(9.0, panel.desk.begin_anew)
    press = await flatten(panel)
    assert outcome_of(press).verdict is Verdict.STILL_OPEN
    # At the next look at the latest; reads that are under way over the old links prove nothing.
    assert 19.0 <= panel.clock.monotonic() - press.began_at <= 20.1


async def test_after_the_outcome_a_read_from_before_the_sleep_is_no_half_of_a_proof(make_panel: Make) -> None:
    panel = make_panel(
        FakeGateway(open=[position()], on_flatten=lambda each, _: each.receipt(list(each.open)))
    )
    await panel.look()
    press = await flatten(panel)
    async with panel.followed():
        panel.gateway.open = []
        await asyncio.sleep(1.1)
        panel.desk.begin_anew()
        slept_at = panel.clock.monotonic()
        assert outcome_of(press).verdict is Verdict.STILL_OPEN
        while outcome_of(press).verdict is Verdict.STILL_OPEN:  # noqa: ASYNC110 - virtual time
            await asyncio.sleep(0.05)
    assert panel.clock.monotonic() >= slept_at + 1.0


async def test_what_was_read_before_a_sleep_is_of_no_known_age(make_panel: Make) -> None:
    panel = make_panel(FakeGateway())
    await panel.look()
    await asyncio.sleep(0.1)
    panel.desk.begin_anew()
    assert panel.desk.watch.age_s() is None
    panel.gateway.on_flatten = ending(UnknownOutcomeError(Reason(Cause.NO_ANSWER)))
    press = await flatten(panel)
    # "Nothing was open" was read before it slept: that is not known of the moment of the press.
    assert outcome_of(press).verdict is Verdict.FLAT
    assert panel.desk.watch.age_s() is not None
