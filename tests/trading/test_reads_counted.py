"""What each read costs, when the next one is made, and who is told of it."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from crosstrade_panel.domain.outcome import Cause, Outcome, Reason, Verdict
from crosstrade_panel.domain.scope import EveryAccount, OneAccount
from crosstrade_panel.domain.snapshot import Account, Flaws, Source
from crosstrade_panel.trading.budget import VERIFYING_LEAVES, Budget
from crosstrade_panel.trading.flatten import Flatten
from crosstrade_panel.trading.ports import ReadFailedError, Receipt, RefusedError
from crosstrade_panel.trading.press import Lock, Phase
from crosstrade_panel.trading.reads import FailedRead
from tests.fakes import FakeGateway, fail_reads, position

pytestmark = pytest.mark.anyio

Make = Callable[..., Any]
FAILED = Reason(Cause.SERVER_FAILED)


# -- the bucket ---


async def test_a_pause_of_no_length_closes_nothing_but_empties_the_bucket() -> None:
    budget = Budget(0.0)
    budget.back_off(0.0, 0.0)
    assert budget.wait_s(0.0, 0.0) == pytest.approx(1 / 3)
    budget.back_off(0.0, 2.0)
    budget.back_off(1.0, 0.5)  # the longer pause stands
    assert budget.wait_s(1.0, 0.0) == pytest.approx(1.0)
    overdrawn = Budget(0.0)
    for _ in range(23):
        overdrawn.spend(0.0)
    overdrawn.back_off(0.0, 0.0)
    assert overdrawn.level(0.0) == -3.0


async def test_each_sign_doubles_the_caution_up_to_four_and_calls_under_way_together_are_one() -> None:
    budget = Budget(100.0)
    assert budget.caution(100.0) == 1.0
    budget.back_off(100.0, 0.0)
    assert budget.caution(100.0) == 2.0
    budget.back_off(104.9, 0.0)
    assert budget.caution(100.0) == 2.0
    budget.back_off(105.0, 0.0)
    doubled = budget.caution(105.0)
    assert 3.9 < doubled < 4.0  # what had faded of the first one is not doubled
    budget.back_off(110.0, 0.0)
    assert budget.caution(110.0) == 4.0
    assert budget.caution(410.0) == 2.0
    assert budget.caution(710.0) == 1.0
    assert budget.caution(9999.0) == 1.0


async def test_an_answer_much_slower_than_those_before_is_a_sign_and_the_first_ones_are_none() -> None:
    budget = Budget(0.0)
    for _ in range(4):
        budget.answered(10.0, 5.0)
    assert budget.caution(10.0) == 1.0
    steady = Budget(0.0)
    for _ in range(5):
        steady.answered(10.0, 0.2)
    steady.answered(10.0, 0.8)
    assert steady.caution(10.0) == 1.0  # four times as long, and not more
    steady.answered(10.0, 0.81)
    assert steady.caution(10.0) == 2.0
    quick = Budget(0.0)
    for _ in range(5):
        quick.answered(10.0, 0.01)
    quick.answered(10.0, 0.5)
    assert quick.caution(10.0) == 1.0
    quick.answered(10.0, 0.51)
    assert quick.caution(10.0) == 2.0


# -- the watch ---


async def test_every_read_spends_one_token_unless_it_was_paid_for(make_panel: Make) -> None:
    watch = make_panel(FakeGateway(latency_s=0.0)).desk.watch

    def level() -> float:
        level: float = watch.budget.level(1000.0)
        return round(level)

    assert level() == 20
    await watch.positions(Source.POSITIONS)
    await watch.list_accounts()
    await watch.orders("Sim101")
    assert level() == 17
    await watch.positions(Source.POSITIONS, is_paid=True)
    await watch.list_accounts(is_paid=True)
    await watch.orders("Sim101", is_paid=True)
    assert level() == 17


async def test_the_background_spends_one_token_a_read(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(latency_s=0.0))
    spent: list[float] = []
    budget = panel.desk.watch.budget
    spend = budget.spend

    def count(now: float) -> None:
        spent.append(now)
        spend(now)

    budget.spend = count
    background = asyncio.create_task(panel.desk.watch.run())
    await asyncio.sleep(30.0)
    background.cancel()
    await asyncio.gather(background, return_exceptions=True)
    assert len(spent) == len(panel.gateway.reads) > 10


async def test_whoever_follows_is_told_of_each_read_and_of_each_failure_with_its_source(
    make_panel: Make,
) -> None:
    panel = make_panel()
    told: list[Any] = []
    panel.desk.watch.followers.append(told.append)
    reads = [
        await panel.desk.watch.positions(Source.SNAPSHOT),
        await panel.desk.watch.positions(Source.POSITIONS),
        await panel.desk.watch.list_accounts(),
        await panel.desk.watch.orders("Sim101"),
    ]
    assert told == reads
    assert [read.source for read in reads[:2]] == [Source.SNAPSHOT, Source.POSITIONS]
    told.clear()
    panel.gateway.before_read = fail_reads(*Source)
    for call in (
        panel.desk.watch.positions(Source.SNAPSHOT),
        panel.desk.watch.positions(Source.POSITIONS),
        panel.desk.watch.list_accounts(),
        panel.desk.watch.orders("Sim101"),
    ):
        with pytest.raises(ReadFailedError):
            await call
    assert told == [
        FailedRead(Source.SNAPSHOT, FAILED),
        FailedRead(Source.POSITIONS, FAILED),
        FailedRead(Source.ACCOUNTS, FAILED),
        FailedRead(Source.ORDERS, FAILED, "Sim101"),
    ]
    assert panel.desk.watch.failing.reason == FAILED


async def test_a_listing_with_a_flaw_in_all_of_it_changes_no_accounts(make_panel: Make) -> None:
    panel = make_panel()
    await panel.desk.watch.list_accounts()
    known = panel.desk.watch.accounts
    panel.gateway.accounts_listed = [Account("New")]
    panel.gateway.flaws = lambda _source, _number: Flaws("count")
    await panel.desk.watch.list_accounts()
    assert panel.desk.watch.accounts == known


async def test_the_second_read_of_bad_news_goes_at_once_to_the_other_endpoint_and_in_no_storm(
    make_panel: Make,
) -> None:
    panel = make_panel()
    watch = panel.desk.watch
    for source, other in ((Source.SNAPSHOT, Source.POSITIONS), (Source.POSITIONS, Source.SNAPSHOT)):
        await asyncio.sleep(1.0)
        await watch.positions(source)
        panel.gateway.reads.clear()
        watch.read_at_once()
        await asyncio.sleep(0.1)
        assert [each for each, _ in panel.gateway.reads] == [other]
    for wait_s, is_due in ((0.35, False), (0.1, True)):  # 0.45 and 0.55 s after the last one
        await asyncio.sleep(wait_s)
        panel.gateway.reads.clear()
        watch.read_at_once()
        await asyncio.sleep(0.0)
        assert len(panel.gateway.reads) == is_due
    await asyncio.sleep(1.0)
    while watch.budget.wait_s(panel.clock.monotonic(), VERIFYING_LEAVES) <= 0:
        watch.budget.spend(panel.clock.monotonic())
    panel.gateway.reads.clear()
    watch.read_at_once()
    await asyncio.sleep(0.0)
    assert panel.gateway.reads == []


async def test_accounts_are_asked_in_turn_and_those_that_matter_more_often(make_panel: Make) -> None:
    names = ("Plain", "Holding", "Focus", "Wanted")

    async def asked(seconds: float, **facts: Any) -> dict[str, int]:
        accounts = [Account(name, connected=True) for name in names]
        panel = make_panel(FakeGateway(accounts_listed=accounts, open=[position("Holding")]))
        counts = dict.fromkeys(names, 0)
        orders = panel.gateway.orders

        async def count(account: str) -> Any:
            counts[account] += 1
            return await orders(account)

        panel.gateway.orders = count
        panel.desk.watch.focus = facts.get("focus")
        panel.desk.watch.orders_wanted = facts.get("wanted", frozenset())
        background = asyncio.create_task(panel.desk.watch.run())
        await asyncio.sleep(seconds)
        background.cancel()
        await asyncio.gather(background, return_exceptions=True)
        return counts

    counts = await asked(600.0, focus="FOCUS", wanted=frozenset({"wanted"}))
    assert counts["Plain"] < min(counts["Holding"], counts["Focus"])
    assert max(counts["Holding"], counts["Focus"]) < counts["Wanted"]
    assert counts["Plain"] > 0
    plain = await asked(600.0)
    assert abs(plain["Focus"] - plain["Plain"]) <= 1
    assert abs(plain["Wanted"] - plain["Plain"]) <= 1


async def test_a_disconnected_account_is_asked_for_nothing_and_none_known_leaves_the_turn_to_positions(
    make_panel: Make,
) -> None:
    panel = make_panel(FakeGateway(accounts_listed=[Account("Off", connected=False)]))
    background = asyncio.create_task(panel.desk.watch.run())
    await asyncio.sleep(60.0)
    background.cancel()
    await asyncio.gather(background, return_exceptions=True)
    sources = [source for source, _ in panel.gateway.reads]
    assert set(sources) == {Source.POSITIONS, Source.SNAPSHOT}
    # The turn of the orders goes to either endpoint, now this one and now that.
    assert abs(sources.count(Source.POSITIONS) - sources.count(Source.SNAPSHOT)) <= 1


async def test_with_caution_the_background_waits_longer(make_panel: Make) -> None:
    counts = []
    for signs in (0, 1):
        panel = make_panel()
        for _ in range(signs):
            panel.desk.watch.budget.back_off(panel.clock.monotonic(), 0.0)
        background = asyncio.create_task(panel.desk.watch.run())
        await asyncio.sleep(60.0)
        background.cancel()
        await asyncio.gather(background, return_exceptions=True)
        counts.append(len(panel.gateway.reads))
    assert counts[1] < 0.65 * counts[0]


# -- a press ---


async def test_a_press_told_that_nothing_is_open_without_proof_of_it_is_refused_in_the_servers_words(
    make_panel: Make,
) -> None:
    said = Reason(Cause.NO_POSITION, "No positions found", 400)

    def none(gateway: FakeGateway, _scope: object) -> Receipt:
        raise RefusedError(said, sent_at=gateway.now(), answered_at=gateway.now())

    panel = make_panel(FakeGateway(open=[position(), position("Sim102")], on_flatten=none))
    phases: list[Phase] = []
    panel.desk = replace(panel.desk, on_change=lambda press: phases.append(press.phase))
    await panel.look()
    press = panel.press(OneAccount("Sim101"))
    told: Outcome = await Flatten(panel.desk)(press)
    assert (told.verdict, told.reason, told.elsewhere_open) == (Verdict.REFUSED, said, 1)
    assert [(fate.still_open, fate.reason) for fate in told.fates] == [((position(),), said)]
    assert told.at == panel.clock.now()
    assert list(dict.fromkeys(phases)) == [Phase.VERIFYING, Phase.ENDED]


async def test_a_wait_that_just_fits_into_three_seconds_is_waited(make_panel: Make) -> None:
    for pause_s, sent in ((3.0, 2), (3.01, 1)):
        panel = make_panel(FakeGateway(open=[position()], latency_s=0.0))

        def over(gateway: FakeGateway, _scope: object, pause_s: float = pause_s) -> Receipt:
            reason = Reason(Cause.OVER_BUDGET, "Rate limit exceeded", 429, pause_s)
            raise RefusedError(reason, sent_at=gateway.now(), answered_at=gateway.now())

        panel.gateway.on_flatten = over
        await Flatten(panel.desk)(panel.press(OneAccount("Sim101")))
        assert len(panel.gateway.sent) == sent


async def test_where_no_listing_answers_the_last_failure_is_the_reason(make_panel: Make) -> None:
    panel = make_panel(FakeGateway())
    causes = {Source.SNAPSHOT: Cause.SERVER_FAILED, Source.ACCOUNTS: Cause.WRONG_PATH}

    def fail(_gateway: FakeGateway, source: Source, _number: int) -> None:
        if source in causes:
            raise ReadFailedError(Reason(causes[source]))

    panel.gateway.before_read = fail
    told: Outcome = await Flatten(panel.desk)(panel.press(EveryAccount()))
    assert told.reason is not None
    assert told.reason.cause in {Cause.SERVER_FAILED, Cause.WRONG_PATH}


async def test_a_reverse_locks_its_own_pair_and_no_other_one_of_the_account(make_panel: Make) -> None:
    panel = make_panel()
    book = panel.desk.book
    panel.press(OneAccount("Sim101", "NQ 12-25"))
    now = panel.clock.monotonic()
    assert book.flatten_lock(OneAccount("Sim101", "MES 12-25"), now).lock is Lock.FREE
    assert not book.reverse_is_locked("Sim101", "MES 12-25", now)
    assert book.reverse_is_locked("Sim101", "NQ 12-25", now)
    assert book.reverse_is_locked("sim101", "nq 12-25", now)
    assert not book.reverse_is_locked("Sim102", "NQ 12-25", now)
