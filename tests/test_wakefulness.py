"""A sleep of the machine is noticed, and only that."""

import asyncio
from collections.abc import Callable

import pytest

from crosstrade_panel.system_clock import SystemClock
from crosstrade_panel.wakefulness import notice_sleep
from tests.fakes import VirtualTimeLoop

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Callable[[], VirtualTimeLoop]]]:
    return ("asyncio", {"loop_factory": VirtualTimeLoop})


class SleepingClock:
    """Goes with the loop, and further while the machine sleeps."""

    def __init__(self) -> None:
        self.slept_s = 0.0

    def with_sleep(self) -> float:
        return asyncio.get_running_loop().time() + self.slept_s


async def test_a_sleep_is_told_once_with_its_length() -> None:
    clock, told = SleepingClock(), list[float]()
    task = asyncio.create_task(notice_sleep(clock, told.append))
    await asyncio.sleep(60)
    assert told == []
    clock.slept_s += 3600
    await asyncio.sleep(60)
    assert [round(seconds) for seconds in told] == [3600]
    clock.slept_s += 5
    await asyncio.sleep(60)
    assert [round(seconds) for seconds in told] == [3600, 5]
    task.cancel()


async def test_a_slow_moment_is_no_sleep() -> None:
    clock, told = SleepingClock(), list[float]()
    task = asyncio.create_task(notice_sleep(clock, told.append))
    for _ in range(20):
        clock.slept_s += 3.5
        await asyncio.sleep(2)
    assert told == []
    task.cancel()


def test_the_systems_clock_with_sleep_never_goes_back() -> None:
    clock = SystemClock()
    assert clock.with_sleep() <= clock.with_sleep()
