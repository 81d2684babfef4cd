"""Our copy of the token bucket, and every waiting time scaled by one factor."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosstrade_panel.trading.budget import BACKGROUND_LEAVES, VERIFYING_LEAVES, Budget
from crosstrade_panel.trading.pace import Pace


def test_the_bucket_holds_twenty_and_refills_three_a_second() -> None:
    budget = Budget(0.0)
    for _ in range(20):
        budget.spend(0.0)
    assert budget.level(0.0) == 0.0
    assert budget.level(1.0) == 3.0
    assert budget.level(60.0) == 20.0
    assert budget.level(-5.0) == 0.0


def test_a_read_waits_until_it_leaves_the_reserve() -> None:
    budget = Budget(0.0)
    assert budget.wait_s(0.0, BACKGROUND_LEAVES) == 0.0
    for _ in range(12):
        budget.spend(0.0)
    assert budget.wait_s(0.0, VERIFYING_LEAVES) == 0.0
    assert budget.wait_s(0.0, BACKGROUND_LEAVES) == pytest.approx(1 / 3)


def test_too_many_closes_the_bucket_for_at_most_thirty_seconds() -> None:
    budget = Budget(0.0)
    budget.back_off(0.0, 300.0)
    assert budget.wait_s(0.0, VERIFYING_LEAVES) == 30.0
    budget.back_off(31.0, -1.0)
    assert budget.wait_s(31.0, VERIFYING_LEAVES) == pytest.approx(4 / 3)


def test_five_answers_say_what_is_usual_and_of_many_the_last_twenty() -> None:
    budget = Budget(0.0)
    for _ in range(5):
        budget.answered(0.0, 0.1)
    budget.answered(0.0, 1.0)
    assert budget.caution(0.0) == 2.0
    slower = Budget(0.0)
    for _ in range(100):
        slower.answered(0.0, 0.1)
    for _ in range(20):
        slower.answered(0.0, 0.4)
    slower.answered(0.0, 1.5)
    assert slower.caution(0.0) == 1.0


@given(st.floats(0.0, 1e6), st.integers(0, 40), st.floats(0.0, 20.0))
def test_having_waited_as_told_there_is_nothing_left_to_wait(now: float, spent: int, leaving: float) -> None:
    budget = Budget(now)
    for _ in range(spent):
        budget.spend(now)
    leaving = min(leaving, 19.0)
    assert budget.wait_s(now + budget.wait_s(now, leaving), leaving) == 0.0


def test_one_factor_scales_every_time() -> None:
    scaled = Pace().scaled(0.1)
    assert scaled.window_s == pytest.approx(1.0)
    assert scaled.looks_s[-1] == pytest.approx(1.0)
    assert scaled.hold_wide_s == pytest.approx(0.07)
