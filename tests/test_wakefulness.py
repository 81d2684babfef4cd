"""A sleep of the machine is noticed, and only that."""

import asyncio
import sys
import time
from collections.abc import Callable

import pytest

from crosstrade_panel.system_clock import SystemClock, system_seconds
from crosstrade_panel.wakefulness import Wakefulness
from tests.fakes import VirtualTimeLoop

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Callable[[], VirtualTimeLoop]]]:
    return ("asyncio", {"loop_factory": VirtualTimeLoop})


class SleepingClock:
    """Goes with the loop, and further while the machine sleeps."""

    def __init__(self) -> None:
        self.slept_s = 0.0

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time() + self.slept_s


async def test_a_sleep_is_told_once_with_its_length() -> None:
    clock, told = SleepingClock(), list[float]()
    task = asyncio.create_task(Wakefulness(clock, told.append).run())
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
    task = asyncio.create_task(Wakefulness(clock, told.append).run())
    for _ in range(20):
        clock.slept_s += 3.5
        await asyncio.sleep(2)
    assert told == []
    task.cancel()


async def test_whoever_is_woken_with_an_answer_in_hand_hears_of_the_sleep_first_and_only_once() -> None:
    clock, told = SleepingClock(), list[float]()
    awake = Wakefulness(clock, told.append)
    task = asyncio.create_task(awake.run())
    await asyncio.sleep(10.5)
    awake.look()
    assert told == []
    clock.slept_s += 3600
    awake.look()
    assert [round(seconds) for seconds in told] == [3599]
    await asyncio.sleep(10)
    awake.look()
    assert len(told) == 1
    task.cancel()


async def test_a_program_in_a_hurry_calls_less_a_sleep() -> None:
    clock, told = SleepingClock(), list[float]()
    task = asyncio.create_task(Wakefulness(clock, told.append, beat_s=0.1, slept_s=0.4).run())
    await asyncio.sleep(1)
    clock.slept_s += 0.3
    await asyncio.sleep(1)
    assert told == []
    clock.slept_s += 0.5
    await asyncio.sleep(1)
    assert [round(seconds, 1) for seconds in told] == [0.5]
    task.cancel()


def test_the_systems_clock_never_goes_back() -> None:
    clock = SystemClock()
    assert clock.monotonic() <= clock.monotonic()


@pytest.mark.skipif(sys.platform != "linux", reason="the others' clocks are read in another way")
def test_the_systems_clock_goes_on_in_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    """CLOCK_BOOTTIME, which nobody can move in a test: so what is asked for is looked at."""
    asked: list[int] = []

    def clock_gettime(which: int) -> float:
        asked.append(which)
        return 4711.0

    monkeypatch.setattr(time, "clock_gettime", clock_gettime)
    assert system_seconds() == SystemClock().monotonic() == 4711.0
    assert asked == [time.CLOCK_BOOTTIME] * 2
