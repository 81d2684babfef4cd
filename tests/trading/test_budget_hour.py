"""The budget, over simulated hours in which others drink from the same bucket, and rule by rule."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from crosstrade_panel.domain.outcome import Cause, Reason
from crosstrade_panel.domain.scope import OneAccount
from crosstrade_panel.domain.snapshot import Source
from crosstrade_panel.trading import watch as watch_module
from crosstrade_panel.trading.budget import BACKGROUND_LEAVES, REFILL_PER_S, VERIFYING_LEAVES, Budget
from crosstrade_panel.trading.flatten import Flatten
from crosstrade_panel.trading.ports import ReadFailedError
from crosstrade_panel.trading.watch import Watch
from tests.budget.hour import Gestures, Hour, Load, live
from tests.fakes import FakeGateway, position

Make = Callable[..., Any]

A_THIRD = REFILL_PER_S / 3
ROUNDING = 1e-6
OTHERS_TAKE_HALF = Load(together=(0.3, 1.5))
OTHERS_TAKE_NEARLY_ALL = Load(together=(2.3, 2.5), spell_s=(600.0, 600.0))


def assert_rules_kept(hour: Hour) -> None:
    """What holds whatever the others do."""
    assert hour.per_second() < 0.9 * A_THIRD
    assert hour.most_per_second(60.0) < 0.9 * A_THIRD
    left = hour.left
    assert min(left["background"]) >= BACKGROUND_LEAVES - ROUNDING
    assert min(left["verifying"]) >= VERIFYING_LEAVES - ROUNDING
    assert hour.errors == []
    # Nothing of ours stands between a gesture and its bytes.
    assert max(hour.held_up) == 0.0


@pytest.mark.parametrize("seed", range(10))
def test_no_press_of_an_hour_lacks_a_token_that_our_reads_have_taken(seed: int) -> None:
    # In ten hours; over hundreds it is a few presses in a thousand: tests/budget/hour.py counts them.
    hour = live(seed, OTHERS_TAKE_HALF)
    assert_rules_kept(hour)
    assert len(hour.times("press")) > 15
    assert len(hour.times("background")) > 1000
    assert hour.only_because_of_our_reads() == []


@pytest.mark.parametrize("seed", range(3))
def test_where_others_take_nearly_all_the_background_gives_way_after_the_first_signs(seed: int) -> None:
    hour = live(seed, OTHERS_TAKE_NEARLY_ALL)
    assert_rules_kept(hour)
    left_over = REFILL_PER_S - len(hour.exchange.draws) / hour.hour_s
    first_at = next(each.at for each in hour.exchange.decisions if each.who != "press" and not each.granted)
    later = [at for at in hour.times("background") if at > first_at]
    assert len(later) / (hour.begin + hour.hour_s - first_at) < left_over
    # Before the first sign nobody can know; `python -m tests.budget.hour` measures how often that costs.
    assert len(hour.only_because_of_our_reads()) <= len(hour.times("press")) / 10


def test_a_background_that_leaves_nothing_and_never_rests_takes_the_tokens_of_presses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watch_module, "BACKGROUND_LEAVES", 0.0)
    monkeypatch.setattr(Watch, "_cadence_s", lambda _watch: 0.2)
    hour = live(0, OTHERS_TAKE_HALF, hour_s=900.0)
    assert hour.per_second() > A_THIRD
    assert hour.only_because_of_our_reads()


def test_the_replay_refuses_what_others_alone_have_used_up() -> None:
    hour = live(0, Load(together=(6.0, 6.0)), Gestures(fits=10), hour_s=600.0)
    refused, ours = hour.refused(), hour.only_because_of_our_reads()
    assert refused
    assert len(ours) < len(refused)


# -- rule by rule ---


def test_each_sign_makes_the_background_slower_and_that_fades() -> None:
    budget = Budget(0.0)
    assert budget.caution(0.0) == 1.0
    budget.back_off(0.0, 1.0)
    assert budget.caution(0.0) == 2.0
    budget.back_off(1.0, 1.0)  # was under way with the first
    assert budget.caution(1.0) < 2.0
    budget.back_off(10.0, 1.0)
    assert 3.5 < budget.caution(10.0) < 4.0
    for at in (20.0, 30.0, 40.0):
        budget.back_off(at, 1.0)
    assert budget.caution(40.0) == 4.0
    assert budget.caution(340.0) == pytest.approx(2.0)
    assert budget.caution(700.0) == 1.0


def test_a_shorter_pause_does_not_end_a_longer_one() -> None:
    budget = Budget(0.0)
    budget.back_off(0.0, 20.0)
    budget.back_off(1.0, 0.35)
    assert budget.wait_s(1.0, VERIFYING_LEAVES) == pytest.approx(19.0)


def test_an_answer_much_slower_than_usual_is_a_sign() -> None:
    budget = Budget(0.0)
    for number in range(8):
        budget.answered(float(number), 0.1)
    budget.answered(10.0, 0.45)  # four times as slow, and still fast
    assert budget.caution(10.0) == 1.0
    budget.answered(11.0, 0.7)
    assert budget.caution(11.0) == 2.0


def test_a_server_that_was_always_slow_gives_no_sign() -> None:
    budget = Budget(0.0)
    for number in range(30):
        budget.answered(float(number), 2.5)
    assert budget.caution(30.0) == 1.0


def test_the_first_answers_say_nothing_of_what_is_usual() -> None:
    budget = Budget(0.0)
    budget.answered(0.0, 0.1)
    budget.answered(1.0, 2.5)
    assert budget.caution(1.0) == 1.0


@pytest.mark.anyio
async def test_the_background_halves_its_pace_after_slow_answers(make_panel: Make) -> None:
    gateway = FakeGateway(open=[position()], latency_s=0.1)
    panel = make_panel(gateway)
    task = asyncio.create_task(panel.desk.watch.run())
    await asyncio.sleep(30.0)
    gateway.reads.clear()
    await asyncio.sleep(12.0)
    assert len(gateway.reads) == 10
    gateway.latency_s = 0.7
    await asyncio.sleep(3.0)
    gateway.latency_s = 0.1
    gateway.reads.clear()
    await asyncio.sleep(12.0)
    assert 4 <= len(gateway.reads) <= 6
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.anyio
@pytest.mark.parametrize(("said_s", "pause_s"), [(7.0, 7.0), (300.0, 30.0)])
async def test_after_too_many_the_background_pauses_as_told_and_a_press_goes_out_at_once(
    make_panel: Make, said_s: float, pause_s: float
) -> None:
    def refuse(_gateway: FakeGateway, _source: Source, _number: int) -> None:
        raise ReadFailedError(Reason(Cause.OVER_BUDGET, "Rate limit exceeded", 429, said_s))

    gateway = FakeGateway(open=[position()], before_read=refuse)
    panel = make_panel(gateway)
    task = asyncio.create_task(panel.desk.watch.run())
    await asyncio.sleep(1.0)
    gateway.before_read = None
    assert len(gateway.reads) == 1
    before = panel.clock.monotonic()
    press = panel.press(OneAccount("Sim101"))
    pressing = asyncio.create_task(Flatten(panel.desk)(press))
    await asyncio.sleep(0.02)
    assert len(gateway.sent) == 1
    assert press.sent_at == before
    await asyncio.sleep(pause_s - 1.5)
    assert len(gateway.reads) == 1
    await asyncio.sleep(10.0)
    assert len(gateway.reads) > 2
    await pressing
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.anyio
async def test_waking_the_watch_does_not_take_what_is_to_be_left(make_panel: Make) -> None:
    gateway = FakeGateway()
    panel = make_panel(gateway)
    watch, now = panel.desk.watch, panel.clock.monotonic()
    task = asyncio.create_task(watch.run())
    await asyncio.sleep(0.1)
    for _ in range(14):
        watch.budget.spend(now)
    for _ in range(5):
        watch.wake()
        await asyncio.sleep(0.05)
    assert len(gateway.reads) == 1
    await asyncio.sleep(1.5)
    assert len(gateway.reads) == 2
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
