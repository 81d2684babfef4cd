"""The owner of all tasks, and the end of the program: soon, whatever hangs, and without a traceback."""

import asyncio
import gc
import logging
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crosstrade_panel.runtime import DaemonThreads, Garbage, TaskSupervisor, in_thread
from tests.log_guard import AnnounceLog

ON_POSIX = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")


# --- the supervisor ---------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_a_task_that_breaks_is_reported_by_name_and_harms_no_other(announce_log: AnnounceLog) -> None:
    announce_log("task of glass broke")
    broken: list[str] = []
    supervisor = TaskSupervisor(broken.append)
    going_on = asyncio.Event()

    async def break_() -> None:
        raise ZeroDivisionError

    async def go_on() -> None:
        await asyncio.sleep(0)
        going_on.set()

    supervisor.start("of glass", break_())
    supervisor.start("of steel", go_on())
    await going_on.wait()
    await supervisor.stop()
    assert broken == ["of glass"]


async def _in_a_turn_of_its_own(act: Callable[[], None]) -> None:
    """As the loop calls a slot: in no task."""
    done = asyncio.Event()

    def turn() -> None:
        act()
        done.set()

    asyncio.get_running_loop().call_soon(turn)
    await done.wait()


@pytest.mark.anyio
async def test_a_task_started_at_once_has_taken_its_first_step_when_the_start_returns() -> None:
    supervisor = TaskSupervisor(lambda _: None)
    steps: list[str] = []
    over = asyncio.Event()

    async def work() -> None:
        async with asyncio.timeout(10):  # which asks for the task that runs
            steps.append("first")
            await asyncio.sleep(0)
            task = asyncio.current_task()
            steps.append("second" if task is None else task.get_name())
            over.set()

    def act() -> None:
        supervisor.start("quick", work(), at_once=True)
        steps.append("started")

    await _in_a_turn_of_its_own(act)
    await over.wait()
    assert steps == ["first", "started", "quick"]
    assert "call_soon" not in vars(asyncio.get_running_loop())
    await supervisor.stop()


@pytest.mark.anyio
async def test_a_task_that_is_over_or_breaks_at_once_is_told_as_any_other(announce_log: AnnounceLog) -> None:
    announce_log("task of glass broke")
    broken: list[str] = []
    supervisor = TaskSupervisor(broken.append)

    async def break_() -> None:
        raise ZeroDivisionError

    async def nothing() -> None:
        pass

    def act() -> None:
        supervisor.start("of air", nothing(), at_once=True)
        supervisor.start("of glass", break_(), at_once=True)

    await _in_a_turn_of_its_own(act)
    await supervisor.stop()
    await asyncio.sleep(0)
    assert broken == ["of glass"]


@pytest.mark.anyio
async def test_within_another_task_a_start_at_once_is_a_start_like_any_other() -> None:
    supervisor = TaskSupervisor(lambda _: None)
    steps: list[str] = []

    async def work() -> None:
        steps.append("first")

    supervisor.start("patient", work(), at_once=True)
    steps.append("started")
    await asyncio.sleep(0.01)
    assert steps == ["started", "first"]
    await supervisor.stop()


@pytest.mark.anyio
async def test_nothing_is_started_at_once_after_the_end() -> None:
    supervisor = TaskSupervisor(lambda _: None)
    await supervisor.stop()
    steps: list[str] = []

    async def work() -> None:
        steps.append("first")

    def act() -> None:
        supervisor.start("late", work(), at_once=True)

    await _in_a_turn_of_its_own(act)
    assert steps == []


@pytest.mark.anyio
async def test_a_task_that_nobody_else_refers_to_is_kept() -> None:
    supervisor = TaskSupervisor(lambda _: None)
    waiting: list[asyncio.Future[None]] = []
    done = asyncio.Event()

    async def wait() -> None:
        # Only this future refers to the task, and only this list to the future.
        waiting.append(asyncio.get_running_loop().create_future())
        await waiting[0]
        done.set()

    supervisor.start("alone", wait())
    await asyncio.sleep(0)
    import gc

    gc.collect()
    assert len(supervisor._tasks) == 1
    waiting[0].set_result(None)
    await done.wait()
    await supervisor.stop()
    assert not supervisor._tasks


@pytest.mark.anyio
async def test_a_cancelled_task_is_no_error_and_nothing_begins_after_the_stop() -> None:
    broken: list[str] = []
    supervisor = TaskSupervisor(broken.append)
    supervisor.start("for ever", asyncio.sleep(3600))
    await supervisor.stop()
    assert supervisor.start("too late", asyncio.sleep(3600)) is None
    assert broken == []
    assert not supervisor._tasks


# --- threads ----------------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_who_stops_waiting_for_a_thread_leaves_it_nothing_to_complain_of() -> None:
    release, ended = threading.Event(), threading.Event()

    def call() -> int:
        release.wait(10)
        ended.set()
        return 1

    waiting = asyncio.ensure_future(in_thread("worker", call))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    release.set()
    assert ended.wait(5)
    for thread in threading.enumerate():
        if thread.name == "worker":
            thread.join(5)  # pytest fails on an exception in it


@pytest.mark.anyio
async def test_what_a_thread_raises_comes_back_whole() -> None:
    def call() -> None:
        raise OSError("disk")

    with pytest.raises(OSError, match="disk"):
        await in_thread("worker", call)


def test_the_end_waits_for_no_thread_of_the_executor() -> None:
    release = threading.Event()
    executor = DaemonThreads()
    future = executor.submit(release.wait, 10)
    began = time.monotonic()
    executor.shutdown()
    assert time.monotonic() - began < 1
    assert all(thread.daemon for thread in threading.enumerate() if thread.name == "executor")
    release.set()
    assert future.result(5)


class Cycle:
    def __init__(self) -> None:
        self.me = self


@pytest.fixture
def no_other_sweep() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_other_sweep")
def test_garbage_is_collected_on_the_thread_that_calls() -> None:
    where: list[str] = []
    cycle = Cycle()
    weakref.finalize(cycle, lambda: where.append(threading.current_thread().name))
    del cycle
    Garbage().collect()
    assert where == ["MainThread"]


def test_the_longer_a_sweep_takes_the_sooner_is_the_next_and_short_ones_come_ever_later() -> None:
    took_s, now = 0.0, 0.0

    def clock() -> float:
        nonlocal now
        now += took_s
        return now

    garbage = Garbage(clock)
    assert [garbage.collect(), garbage.collect()] == [1_130, 1_130]
    took_s = 0.002
    assert garbage.collect() == 565
    assert garbage.collect() == 565  # this one looked at what came in two pauses
    took_s = 0.005
    assert [garbage.collect(), garbage.collect()] == [113, 97]
    took_s = 0.0001
    assert [garbage.collect() for _ in range(5)] == [194, 388, 776, 1_130, 1_130]


@pytest.mark.usefixtures("no_other_sweep")
def test_garbage_that_survived_one_sweep_is_gone_with_the_next() -> None:
    garbage = Garbage()
    for _ in range(3):
        cycle = Cycle()
        gone = weakref.ref(cycle)
        garbage.collect()
        del cycle
        garbage.collect()
        assert gone() is None


@pytest.mark.usefixtures("no_other_sweep")
def test_garbage_that_has_grown_old_is_collected_within_two_minutes() -> None:
    now = 0.0
    garbage = Garbage(lambda: now)
    cycle = Cycle()
    gone = weakref.ref(cycle)
    for _ in range(2):
        garbage.collect()
    del cycle
    garbage.collect()
    garbage.collect()
    assert gone() is not None
    now = 120.0
    garbage.collect()
    assert gone() is None


@pytest.mark.usefixtures("no_other_sweep")
def test_what_is_old_is_not_looked_through_while_there_is_something_to_do_unless_it_lasts() -> None:
    now, is_busy = 0.0, True
    garbage = Garbage(lambda: now, lambda: is_busy)
    swept: list[int] = []
    note = lambda phase, info: swept.append(info["generation"]) if phase == "stop" else None  # noqa: E731
    gc.callbacks.append(note)
    try:
        for now in (0.0, 120.0, 1_919.0, 1_920.0, 2_100.0):  # noqa: B007 - the clock
            garbage.collect()
        is_busy = False
        for now in (2_109.0, 2_110.0):  # noqa: B007 - nor just when the last of it is acknowledged
            garbage.collect()
    finally:
        gc.callbacks.remove(note)
    assert [generation == 2 for generation in swept] == [False, False, False, True, False, False, True]


SWEPT = """
import asyncio, gc, sys
from PySide6.QtWidgets import QApplication
from crosstrade_panel import runtime

async def main():
    swept = []
    gc.callbacks.append(lambda phase, info: swept.append(phase))
    await asyncio.sleep(0.4)
    print(swept.count("stop"))
    return 0

runtime._SWEEP_MS = runtime._SOONEST_MS = 20
sys.exit(runtime.run(QApplication([]), main))
"""


def test_while_the_program_runs_it_is_swept_again_and_again() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SWEPT], capture_output=True, text=True, timeout=60, check=True
    )
    assert int(done.stdout) >= 3


IN_TIME = """
import asyncio, sys, time
from PySide6.QtWidgets import QApplication
from crosstrade_panel.runtime import run

async def main():
    early = []
    for _ in range(8):
        began = time.monotonic()
        await asyncio.sleep(0.2)
        early.append(0.2 - (time.monotonic() - began))
    print(max(early))
    return 0

sys.exit(run(QApplication([]), main))
"""


def test_no_wait_ends_before_its_time_as_those_of_qt_may() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IN_TIME], capture_output=True, text=True, timeout=60, check=True
    )
    assert float(done.stdout) < 0.002


# --- the end of the program -------------------------------------------------------------------------------

STUCK = """
import asyncio, logging, sys, threading, time
from PySide6.QtWidgets import QApplication
from crosstrade_panel.runtime import TaskSupervisor, in_thread, run
logging.basicConfig(format="%(message)s")
app = QApplication([])
supervisor = TaskSupervisor(print)

async def deaf():
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            print("deaf", flush=True)

async def ask():
    await in_thread("keyring", lambda: time.sleep(3600))

async def look_up():
    await asyncio.get_running_loop().run_in_executor(None, time.sleep, 3600)

async def main():
    for each in sys.argv[1:]:
        supervisor.start(each, globals()[each]())
    await asyncio.sleep(0.1)
    await supervisor.stop()
    return 7

sys.exit(run(app, main))
"""


def leave(*what: str) -> tuple[subprocess.CompletedProcess[str], float]:
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", STUCK, *what], capture_output=True, text=True, timeout=60, check=False
    )
    return done, time.monotonic() - began


@pytest.mark.parametrize("what", ["ask", "look_up"])
def test_a_thread_that_is_blocked_does_not_keep_the_program(what: str) -> None:
    done, took_s = leave(what)
    assert (done.returncode, done.stderr) == (7, ""), done.stderr
    assert took_s < 4


def test_a_task_that_ignores_its_cancellation_is_ended_with_the_process() -> None:
    done, took_s = leave("deaf")
    assert done.returncode == 7
    assert "task deaf does not end" in done.stderr
    assert "Traceback" not in done.stderr
    assert took_s < 10


def start_practice(home: Path) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-m", "crosstrade_panel", "--practice"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    )
    journal = home / "data" / "journal.sqlite3"
    end = time.monotonic() + 20
    while not journal.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "the program did not start"
        time.sleep(0.02)
    return process


@ON_POSIX
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_real_program_ends_cleanly_when_it_is_asked_to(
    home_of_its_own: Path, number: signal.Signals, code: int
) -> None:
    process = start_practice(home_of_its_own)
    process.send_signal(number)
    out, errors = process.communicate(timeout=15)
    assert process.returncode == code, errors
    assert out == ""
    lines = [line for line in errors.splitlines() if "propagateSizeHints" not in line]
    assert lines == []
    log = (home_of_its_own / "log" / "panel.log").read_text("utf-8")
    assert not re.search("Traceback|Task was destroyed|ERROR|CRITICAL", log), log
    with sqlite3.connect(home_of_its_own / "data" / "journal.sqlite3") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def test_a_signal_that_comes_twice_is_answered_once(home_of_its_own: Path) -> None:
    process = start_practice(home_of_its_own)
    for _ in range(2):
        process.terminate()
        time.sleep(0.05)
    _, errors = process.communicate(timeout=15)
    assert process.returncode in ({1} if sys.platform == "win32" else {143, -signal.SIGTERM}), errors
    assert "Traceback" not in errors


def test_what_nobody_caught_goes_into_the_log(announce_log: AnnounceLog) -> None:
    from crosstrade_panel.runtime import install_crash_hooks

    announce_log("nobody", level=logging.CRITICAL)
    kept: tuple[Callable[..., object], ...] = (sys.excepthook, threading.excepthook, sys.unraisablehook)
    try:
        install_crash_hooks()
        thread = threading.Thread(target=lambda: 1 / 0)
        thread.start()
        thread.join()
        sys.excepthook(OSError, OSError("for the hook"), None)
    finally:
        sys.excepthook, threading.excepthook, sys.unraisablehook = kept
