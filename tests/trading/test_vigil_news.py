"""After the outcome: the facts beside each new verdict, of several accounts, late answers and slow reads."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from crosstrade_panel.domain.outcome import Cause, Fate, Outcome, Reason, Verdict
from crosstrade_panel.domain.scope import EveryAccount, OneAccount, Scope, Side
from crosstrade_panel.domain.snapshot import Account, Position, Source
from crosstrade_panel.trading.flatten import Flatten
from crosstrade_panel.trading.ports import EntryKind, Receipt, UnknownOutcomeError
from crosstrade_panel.trading.press import Press
from crosstrade_panel.trading.vigil import Vigil
from tests.fakes import NOON, FakeGateway, fail_reads, position

pytestmark = pytest.mark.anyio

Make = Callable[..., Any]
SIM101 = OneAccount("Sim101")
SHORT, LONG, OTHER = position(), position(side=Side.LONG), position("Sim102")
DOUBT = Reason(Cause.NO_ANSWER)
POSITIONS = (Source.POSITIONS, Source.SNAPSHOT)


def leaving(*rows: Position) -> Callable[[FakeGateway, object], Receipt]:
    def on_flatten(gateway: FakeGateway, _scope: object) -> Receipt:
        was, gateway.open = gateway.open, list(rows)
        return gateway.receipt(was)

    return on_flatten


def losing(*rows: Position, late: asyncio.Future[Receipt] | None = None) -> Any:
    def on_flatten(gateway: FakeGateway, _scope: object) -> Receipt:
        gateway.open = list(rows)
        raise UnknownOutcomeError(DOUBT, sent_at=gateway.now(), late=late)

    return on_flatten


async def flatten(panel: Any, scope: Scope = SIM101) -> Press:
    await panel.look()
    press: Press = panel.press(scope)
    await Flatten(panel.desk)(press)
    return press


def outcome_of(press: Press) -> Outcome:
    assert press.outcome is not None
    return press.outcome


def verdicts(press: Press) -> list[Verdict]:
    return [fate.verdict for fate in outcome_of(press).fates]


def first_sight(panel: Any, since: float) -> float:
    """Seconds after noon at which the first read of the positions since then was answered."""
    sent_at = next(at for source, at in panel.gateway.reads if at >= since and source in POSITIONS)
    return float(sent_at + panel.gateway.latency_s - 1000.0)


# -- reopened ---


async def test_reopened_is_told_since_it_was_first_seen_though_another_account_is_proved_flat(
    make_panel: Make,
) -> None:
    panel = make_panel(FakeGateway(open=[SHORT, OTHER]))
    press = await flatten(panel, EveryAccount())
    flat = outcome_of(press)
    assert flat.verdict is Verdict.FLAT
    async with panel.followed():
        await asyncio.sleep(5.0)
        since, panel.gateway.open = panel.clock.monotonic(), [OTHER]
        await asyncio.sleep(5.0)
    told = outcome_of(press)
    assert verdicts(press) == [Verdict.FLAT, Verdict.REOPENED]
    assert (told.at - NOON).total_seconds() == pytest.approx(first_sight(panel, since))
    assert (told.flat_at, told.late_s) == (flat.at, None)


async def test_reopened_says_that_all_was_flat_when_the_last_account_was(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[SHORT, OTHER], on_flatten=leaving(OTHER)))
    press = await flatten(panel, EveryAccount())
    ended = outcome_of(press)
    assert verdicts(press) == [Verdict.FLAT, Verdict.STILL_OPEN]
    async with panel.followed():
        panel.gateway.open = []
        await asyncio.sleep(10.0)
        flat = outcome_of(press)
        assert (flat.verdict, flat.at > ended.at) == (Verdict.FLAT, True)
        panel.gateway.open = [LONG]
        await asyncio.sleep(5.0)
    assert verdicts(press) == [Verdict.REOPENED, Verdict.FLAT]
    assert outcome_of(press).flat_at == flat.at


async def test_what_reopened_beside_an_overfill_is_told_with_its_own_time_when_the_overfill_is_gone(
    make_panel: Make,
) -> None:
    panel = make_panel(FakeGateway(open=[SHORT, OTHER], on_flatten=leaving(LONG)))
    press = await flatten(panel, EveryAccount())
    assert outcome_of(press).verdict is Verdict.OVERFILLED
    async with panel.followed():
        await asyncio.sleep(10.0)
        assert verdicts(press) == [Verdict.OVERFILLED, Verdict.FLAT]
        panel.gateway.open, opened = [LONG, OTHER], panel.clock.now()
        await asyncio.sleep(5.0)
        before = outcome_of(press)
        assert (before.verdict, verdicts(press)[1]) == (Verdict.OVERFILLED, Verdict.REOPENED)
        panel.gateway.open = [OTHER]
        await asyncio.sleep(10.0)
    told = outcome_of(press)
    assert verdicts(press) == [Verdict.FLAT, Verdict.REOPENED]
    assert told.verdict is Verdict.REOPENED
    assert opened <= told.at <= opened + timedelta(seconds=3)
    assert told.flat_at is not None
    assert told.flat_at < opened


async def test_the_minute_in_which_reopened_is_loud_begins_with_the_proof_and_not_with_the_end(
    make_panel: Make,
) -> None:
    def slow_orders(gateway: FakeGateway, source: Source, _number: int) -> None:
        gateway.latency_s = 7.0 if source is Source.ORDERS else 0.01

    panel = make_panel(FakeGateway(open=[SHORT], before_read=slow_orders))
    press = await flatten(panel)
    proved_s = outcome_of(press).timings.proved_s
    assert proved_s is not None
    assert press.ended_at is not None
    assert press.ended_at > press.began_at + proved_s + 5.0
    panel.gateway.before_read, panel.gateway.latency_s = None, 0.01
    Vigil(panel.desk)
    await asyncio.sleep(press.began_at + proved_s + 62.0 - panel.clock.monotonic())
    panel.gateway.open = [LONG]
    await panel.look()
    assert outcome_of(press).verdict is Verdict.FLAT
    assert press.opened_again is not None
    assert press.opened_again.rows == (LONG,)


# -- what is told besides ---


async def test_flat_late_says_how_much_is_open_elsewhere_by_then(make_panel: Make) -> None:
    rows = [SHORT, OTHER]
    panel = make_panel(FakeGateway(open=rows, on_flatten=lambda gateway, _scope: gateway.receipt([])))
    press = await flatten(panel)
    assert (outcome_of(press).verdict, outcome_of(press).elsewhere_open) == (Verdict.STILL_OPEN, 1)
    async with panel.followed():
        panel.gateway.open = []
        await asyncio.sleep(10.0)
    assert (outcome_of(press).verdict, outcome_of(press).elsewhere_open) == (Verdict.FLAT, 0)


async def test_while_one_account_is_in_doubt_the_whole_keeps_its_reason_when_another_is_flat(
    make_panel: Make,
) -> None:
    panel = make_panel(FakeGateway(open=[SHORT, OTHER], on_flatten=losing(OTHER)))
    await panel.look()
    panel.gateway.before_read = fail_reads(*Source)
    press = panel.press(EveryAccount())
    await Flatten(panel.desk)(press)
    assert (outcome_of(press).verdict, outcome_of(press).reason) == (Verdict.UNKNOWN, DOUBT)
    panel.gateway.before_read = None
    async with panel.followed():
        await asyncio.sleep(10.0)
    assert verdicts(press) == [Verdict.FLAT, Verdict.UNKNOWN]
    assert (outcome_of(press).verdict, outcome_of(press).reason) == (Verdict.UNKNOWN, DOUBT)


async def test_an_account_that_appears_after_an_answered_press_is_not_proved_and_in_no_doubt(
    make_panel: Make,
) -> None:
    panel = make_panel(FakeGateway(open=[SHORT], on_flatten=leaving(SHORT)))
    press = await flatten(panel, EveryAccount())
    async with panel.followed():
        panel.gateway.accounts_listed.append(Account("New", connected=True))
        panel.gateway.open = [SHORT, position("New")]
        await asyncio.sleep(10.0)
    assert outcome_of(press).verdict is Verdict.STILL_OPEN
    new = outcome_of(press).fates[-1]
    assert (new.account, new.verdict) == ("New", Verdict.NOT_PROVED)


async def test_a_list_of_accounts_alone_ends_what_only_wanted_one(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[SHORT], before_read=fail_reads(Source.SNAPSHOT, Source.ACCOUNTS)))
    press = panel.press(SIM101)
    await Flatten(panel.desk)(press)
    told = outcome_of(press)
    assert (told.verdict, told.reason) == (Verdict.CANNOT_TELL, Reason(Cause.NOTHING_LISTED))
    Vigil(panel.desk)
    panel.gateway.before_read = None
    await panel.desk.watch.list_accounts()
    assert outcome_of(press).verdict is Verdict.FLAT


# -- answered late, and read for a whole window ---


async def answered_late(make_panel: Make, *rows: Position) -> tuple[Any, Press]:
    """A press that was in doubt, with nothing read of it; then its answer came."""
    late: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
    panel = make_panel(FakeGateway(open=[SHORT], on_flatten=losing(*rows, late=late)))
    await panel.look()
    panel.gateway.before_read = fail_reads(*Source)
    press = panel.press(SIM101)
    await Flatten(panel.desk)(press)
    now = panel.clock.monotonic()
    late.set_result(Receipt(("id",), (SHORT,), "", now, now))
    await asyncio.sleep(0.01)
    assert verdicts(press) == [Verdict.UNKNOWN]
    return panel, press


async def test_answered_late_and_not_read_since_is_not_proved_for_the_reason_why_the_reads_failed(
    make_panel: Make,
) -> None:
    panel, press = await answered_late(make_panel)
    panel.gateway.before_read = fail_reads(*Source, cause=Cause.WRONG_PATH)
    async with panel.followed():
        await asyncio.sleep(20.0)
    told = outcome_of(press)
    assert (told.verdict, told.reason) == (Verdict.NOT_PROVED, Reason(Cause.WRONG_PATH))
    assert told.fates == (Fate("Sim101", Verdict.NOT_PROVED, reason=Reason(Cause.WRONG_PATH)),)


async def test_answered_late_an_account_that_is_away_cannot_be_told_whatever_is_listed_as_open(
    make_panel: Make,
) -> None:
    panel, press = await answered_late(make_panel, SHORT)
    panel.gateway.before_read = None
    panel.gateway.accounts_listed[0] = Account("Sim101", connected=False)
    async with panel.followed():
        await asyncio.sleep(20.0)
    away = Reason(Cause.NOT_CONNECTED)
    assert outcome_of(press).fates == (Fate("Sim101", Verdict.CANNOT_TELL, still_open=(SHORT,), reason=away),)
    assert (outcome_of(press).verdict, outcome_of(press).reason) == (Verdict.CANNOT_TELL, away)


# -- an account that was not connected, and is by now ---


async def flat_without(make_panel: Make, *, was_connected: bool) -> tuple[Any, Press]:
    """Everything is flattened while Sim102 is not connected."""
    panel = make_panel(FakeGateway(open=[SHORT]))
    if was_connected:
        await panel.look()
    panel.gateway.accounts_listed[1] = Account("Sim102", connected=False)
    return panel, await flatten(panel, EveryAccount())


def connect(panel: Any, *rows: Position) -> None:
    panel.gateway.accounts_listed[1] = Account("Sim102", connected=True)
    panel.gateway.open = list(rows)


def said_quietly(press: Press) -> tuple[Position, ...]:
    return () if press.opened_again is None else press.opened_again.rows


async def connect_late(panel: Any, *rows: Position) -> None:
    """When what is found is no longer told as loud, and with time to prove it."""
    await asyncio.sleep(panel.desk.pace.reopened_loud_s + 10.0)
    connect(panel, *rows)
    await asyncio.sleep(10.0)


@pytest.mark.parametrize("was_connected", [False, True])
async def test_what_is_open_in_an_account_that_connects_is_still_open_and_flat_no_longer_claimed(
    make_panel: Make, was_connected: bool
) -> None:
    panel, press = await flat_without(make_panel, was_connected=was_connected)
    assert outcome_of(press).verdict is (Verdict.CANNOT_TELL if was_connected else Verdict.FLAT)
    async with panel.followed():
        await asyncio.sleep(5.0)
        connect(panel, OTHER)
        await asyncio.sleep(5.0)
        told = outcome_of(press)
        assert told.verdict is Verdict.STILL_OPEN
        assert told.fates[1] == Fate("Sim102", Verdict.STILL_OPEN, still_open=(OTHER,))
        assert (told.timings.proved_s, told.reason) == (None, None)
        panel.gateway.open = []
        await asyncio.sleep(20.0)
    assert outcome_of(press).verdict is Verdict.FLAT
    assert all(fate.takes_headline for fate in outcome_of(press).fates)


async def test_rows_of_an_account_that_is_still_away_are_shown_and_it_still_cannot_be_told(
    make_panel: Make,
) -> None:
    panel, press = await flat_without(make_panel, was_connected=True)
    async with panel.followed():
        panel.gateway.open = [OTHER]
        await asyncio.sleep(5.0)
    away = Reason(Cause.NOT_CONNECTED)
    assert outcome_of(press).fates[1] == Fate("Sim102", Verdict.CANNOT_TELL, still_open=(OTHER,), reason=away)


async def test_what_is_open_in_an_account_that_connects_long_after_the_press_is_said_quietly(
    make_panel: Make,
) -> None:
    panel, press = await flat_without(make_panel, was_connected=False)
    then = outcome_of(press).fates[1]
    async with panel.followed():
        await connect_late(panel, OTHER)
        assert (outcome_of(press).verdict, outcome_of(press).fates[1]) == (Verdict.FLAT, then)
        assert said_quietly(press) == (OTHER,)
        panel.gateway.open = []
        await asyncio.sleep(10.0)
    assert said_quietly(press) == ()
    assert outcome_of(press).verdict is Verdict.FLAT


async def test_what_is_open_in_an_account_that_connects_late_keeps_the_others_from_being_called_flat(
    make_panel: Make,
) -> None:
    panel = make_panel(FakeGateway(open=[SHORT], on_flatten=leaving(SHORT)))
    panel.gateway.accounts_listed[1] = Account("Sim102", connected=False)
    press = await flatten(panel, EveryAccount())
    assert outcome_of(press).verdict is Verdict.STILL_OPEN
    async with panel.followed():
        await connect_late(panel, SHORT, OTHER)
        panel.gateway.open = [OTHER]
        await asyncio.sleep(10.0)
    assert verdicts(press) == [Verdict.FLAT, Verdict.STILL_OPEN]
    assert outcome_of(press).verdict is Verdict.STILL_OPEN


async def test_a_side_that_was_not_asked_for_in_an_account_that_connects_is_not_called_still_open(
    make_panel: Make,
) -> None:
    panel = make_panel(FakeGateway(open=[LONG]))
    panel.gateway.accounts_listed[1] = Account("Sim102", connected=False)
    press = await flatten(panel, EveryAccount(side=Side.LONG))
    async with panel.followed():
        connect(panel, OTHER)
        await asyncio.sleep(5.0)
    told = outcome_of(press).fates[1]
    assert (told.verdict, told.reason) == (Verdict.NOT_PROVED, Reason(Cause.OTHER_SIDE))
    assert told.still_open == (OTHER,)


@pytest.mark.parametrize("listed", [[], [Account("Sim101", connected=True)]])
async def test_an_account_that_was_not_listed_and_comes_back_with_a_position_is_still_open(
    make_panel: Make, listed: list[Account]
) -> None:
    panel = make_panel(FakeGateway(open=[OTHER]))
    await panel.look()
    was, panel.gateway.accounts_listed = panel.gateway.accounts_listed, listed
    press = panel.press(OneAccount("Sim102"))
    await Flatten(panel.desk)(press)
    cause = Cause.NOT_LISTED if listed else Cause.NOTHING_LISTED
    assert (outcome_of(press).verdict, outcome_of(press).reason) == (Verdict.CANNOT_TELL, Reason(cause))
    async with panel.followed():
        panel.gateway.open = [OTHER]
        await asyncio.sleep(5.0)
        assert outcome_of(press).verdict is Verdict.CANNOT_TELL
        panel.gateway.accounts_listed = was
        await asyncio.sleep(5.0)
    assert outcome_of(press).fates == (Fate("Sim102", Verdict.STILL_OPEN, still_open=(OTHER,)),)


async def test_who_trades_on_an_account_that_connected_long_after_the_press_is_told_quietly(
    make_panel: Make,
) -> None:
    panel, press = await flat_without(make_panel, was_connected=False)
    async with panel.followed():
        await connect_late(panel)
        assert verdicts(press) == [Verdict.FLAT, Verdict.NOTHING_OPEN]
        panel.gateway.open = [OTHER]
        await asyncio.sleep(5.0)
    assert outcome_of(press).verdict is Verdict.FLAT
    assert said_quietly(press) == (OTHER,)


async def test_a_late_answer_that_tells_of_half_is_kept_and_leaves_the_doubt(make_panel: Make) -> None:
    late: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
    panel = make_panel(FakeGateway(open=[SHORT], on_flatten=losing(SHORT, late=late)))
    press = await flatten(panel)
    assert outcome_of(press).verdict is Verdict.STILL_OPEN
    half = Reason(Cause.HALF_DONE, "Failed to close all")
    receipt = panel.gateway.receipt([SHORT, OTHER], ("id-1",))
    late.set_exception(UnknownOutcomeError(half, answered_at=panel.gateway.now(), receipt=receipt))
    async with panel.followed():
        await asyncio.sleep(5.0)
    told = outcome_of(press)
    assert (told.order_ids, told.closed_positions) == (("id-1",), (SHORT, OTHER))
    assert told.verdict is Verdict.CLOSED_MORE_THAN_ASKED
    assert [fate.verdict for fate in told.fates] == [Verdict.STILL_OPEN, Verdict.CLOSED_MORE_THAN_ASKED]
    kept = panel.journal.facts(EntryKind.ANSWER)[-1]
    assert (kept["result"], kept["order_ids"]) == ("unknown", ["id-1"])
    assert len(kept["closed_positions"]) == 2


async def test_a_late_answer_without_a_report_changes_nothing(make_panel: Make) -> None:
    late: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
    panel = make_panel(FakeGateway(open=[SHORT], on_flatten=losing(SHORT, late=late)))
    press = await flatten(panel)
    told = outcome_of(press)
    late.set_exception(UnknownOutcomeError(DOUBT, answered_at=panel.gateway.now()))
    await asyncio.sleep(1.0)
    assert (press.outcome, press.notes) == (told, [])
