"""What a flatten takes for granted, and for how long; its phases; the errors that end it."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from crosstrade_panel.domain.outcome import Cause, Outcome, Reason, Verdict
from crosstrade_panel.domain.scope import EveryAccount, OneAccount, Scope
from crosstrade_panel.domain.snapshot import Account, Source
from crosstrade_panel.trading.flatten import Flatten
from crosstrade_panel.trading.ports import (
    NotSentError,
    ReadFailedError,
    Receipt,
    RefusedError,
    UnknownOutcomeError,
)
from crosstrade_panel.trading.press import Phase
from tests.fakes import FakeGateway, fail_reads, position

pytestmark = pytest.mark.anyio

Make = Callable[..., Any]
SIM101 = OneAccount("Sim101")


def accepting(gateway: FakeGateway, _scope: object) -> Receipt:
    """Everything is closed, and the answer does not say what."""
    gateway.open = []
    return gateway.receipt(None)


async def flatten(panel: Any, scope: Scope = SIM101) -> Outcome:
    outcome: Outcome = await Flatten(panel.desk)(panel.press(scope))
    return outcome


async def test_nothing_was_open_where_a_read_of_the_last_ten_seconds_showed_nothing(make_panel: Make) -> None:
    for age_s, verdict in ((0.0, Verdict.NOTHING_OPEN), (9.9, Verdict.NOTHING_OPEN), (10.1, Verdict.FLAT)):
        panel = make_panel(FakeGateway(on_flatten=accepting, latency_s=0.0))
        await panel.look()
        await asyncio.sleep(age_s)
        assert (await flatten(panel)).verdict is verdict
    never_read = make_panel(FakeGateway(on_flatten=accepting))
    assert (await flatten(never_read)).verdict is Verdict.FLAT


async def test_what_was_read_before_a_sleep_says_not_that_nothing_was_open(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(on_flatten=accepting))
    await panel.look()
    await asyncio.sleep(0.1)
    panel.desk.begin_anew()
    assert (await flatten(panel)).verdict is Verdict.FLAT


async def test_an_account_never_connected_is_passed_over_only_by_a_program_that_has_a_past(
    make_panel: Make,
) -> None:
    for has_past, verdict in ((True, Verdict.FLAT), (False, Verdict.CANNOT_TELL)):
        accounts = [Account("Sim101", connected=True), Account("Never", connected=False)]
        panel = make_panel(FakeGateway(open=[position()], accounts_listed=accounts), has_past=has_past)
        await panel.look()
        assert (await flatten(panel, EveryAccount())).verdict is verdict


async def test_while_it_waits_to_go_out_again_it_says_so_and_when_it_goes_it_is_sent(
    make_panel: Make,
) -> None:
    left = [1]

    def once(gateway: FakeGateway, scope: object) -> Receipt:
        if left:
            left.pop()
            reason = Reason(Cause.OVER_BUDGET, "Rate limit exceeded", 429)
            raise RefusedError(reason, sent_at=gateway.now(), answered_at=gateway.now())
        return accepting(gateway, scope)

    panel = make_panel(FakeGateway(open=[position()], on_flatten=once))
    phases: list[Phase] = []
    panel.desk = replace(panel.desk, on_change=lambda press: phases.append(press.phase))
    assert (await flatten(panel)).verdict is Verdict.FLAT
    assert list(dict.fromkeys(phases)) == [Phase.REPEATING, Phase.SENDING, Phase.VERIFYING, Phase.ENDED]


async def test_where_the_snapshot_fails_the_list_of_accounts_is_read_for_one_token(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position()], on_flatten=accepting))
    panel.gateway.before_read = fail_reads(Source.SNAPSHOT)
    spent: list[float] = []
    budget = panel.desk.watch.budget
    spend = budget.spend

    def count(now: float) -> None:
        spent.append(now)
        spend(now)

    budget.spend = count
    assert (await flatten(panel)).verdict is Verdict.FLAT
    assert Source.ACCOUNTS in [source for source, _ in panel.gateway.reads]
    assert len(spent) == len(panel.gateway.reads) + 1  # and the press


async def test_a_list_of_accounts_that_fails_says_why_nobody_can_tell(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(on_flatten=accepting))

    def fail(_gateway: FakeGateway, source: Source, _number: int) -> None:
        if source is Source.SNAPSHOT:
            raise ReadFailedError(Reason(Cause.SERVER_FAILED, "snapshot"))
        if source is Source.ACCOUNTS:
            raise ReadFailedError(Reason(Cause.WRONG_PATH, "accounts", 404))

    panel.gateway.before_read = fail
    assert (await flatten(panel, EveryAccount())).reason in {
        Reason(Cause.WRONG_PATH, "accounts", 404),
        Reason(Cause.SERVER_FAILED, "snapshot"),
    }


async def test_a_list_of_accounts_read_by_another_press_lists_them_for_this_one_too(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position()], on_flatten=accepting))
    panel.gateway.before_read = fail_reads(Source.SNAPSHOT, Source.ACCOUNTS)
    press = panel.press(EveryAccount())
    task = asyncio.create_task(Flatten(panel.desk)(press))
    await asyncio.sleep(2.5)
    panel.gateway.before_read = fail_reads(Source.SNAPSHOT)
    await panel.desk.watch.list_accounts()
    assert press.proof is not None
    assert press.proof.evidence.listing is not None
    assert [each.name for each in press.proof.evidence.listing.accounts] == ["Sim101", "Sim102"]
    assert (await task).verdict is Verdict.FLAT


def test_the_errors_of_a_call_keep_their_facts() -> None:
    reason = Reason(Cause.SERVER_SAID_NO, "no", 400)
    refused = RefusedError(reason, sent_at=1.0, answered_at=2.0)
    assert (refused.reason, refused.sent_at, refused.answered_at) == (reason, 1.0, 2.0)
    assert refused.args == ("server_said_no", "no")
    receipt = Receipt(("id",), None, "", 1.0, 2.0)
    unknown = UnknownOutcomeError(reason, sent_at=1.0, answered_at=2.0, receipt=receipt)
    assert (unknown.sent_at, unknown.answered_at) == (1.0, 2.0)
    assert (unknown.receipt, unknown.late) == (receipt, None)
    nothing = UnknownOutcomeError(reason)
    assert (nothing.sent_at, nothing.answered_at, nothing.receipt) == (None, None, None)
    assert NotSentError(reason).may_try_elsewhere is False
    assert NotSentError(reason, may_try_elsewhere=True).may_try_elsewhere is True
