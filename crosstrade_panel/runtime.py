"""Qt's event loop as asyncio's, the owner of every task, and what happens when something breaks."""

import asyncio
import contextvars
import gc
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor, Future
from contextlib import suppress
from functools import partial
from types import FrameType, TracebackType
from typing import Any, ParamSpec, Self, TypeVar

from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtWidgets import QApplication

import qasync  # type: ignore[import-untyped]  # isort: skip - after PySide6, or it may pick another binding

_log = logging.getLogger(__name__)

_FIRST_PAINT_MS = 250
_SWEEP_MS = 1_130
"""Where little is to be swept, which is nearly always: out of step with what comes each second."""
_SOONEST_MS = 97
_LONG_S = 0.001
"""A sweep that takes longer is followed by one so much sooner: what lies in between is as much less."""
_OLDEST_AFTER_S = 120.0
_OLDEST_LATEST_S = 1_800.0
_CALM_S = 10.0

_THREAD_TURN_S = 0.001
"""After so long a thread gives way to another. With Python's 5 ms the window came 20 ms late to what was due,
and not 12, beside the thread that reads the journal."""

_MMAP_THRESHOLD = -3  # M_MMAP_THRESHOLD of malloc.h
_LARGE_BLOCK = 128 * 1024
_STOP_S = 2.0
_LAST_RESORT_S = 3.0
_LOG_S = 0.2
_OTHER_ENDS = ("SIGTERM", "SIGHUP", "SIGBREAK")

_P = ParamSpec("_P")
_T = TypeVar("_T")


class TaskSupervisor:
    """Owns every task of the program: keeps it, names it, reports what goes wrong in it."""

    def __init__(self, on_error: Callable[[str], None]) -> None:
        """`on_error` is told the name of a task that broke."""
        self._on_error = on_error
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_over = False

    def start(
        self, name: str, work: Coroutine[Any, Any, None], *, at_once: bool = False
    ) -> "asyncio.Task[None] | None":
        """Run it; whatever goes wrong in it is reported, never lost. Nothing begins after `stop`.

        `at_once`: its first step is taken before this returns, where no other task is being run.
        """
        if self._is_over:
            work.close()
            return None
        if at_once:
            task = start_at_once(name, work)
        else:
            task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    async def stop(self) -> None:
        """Cancel everything and wait, but not for ever: a task that will not end must not keep the window."""
        self._is_over = True
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            _, stuck = await asyncio.wait(tasks, timeout=_STOP_S)
            for task in stuck:
                _log.error("task %s does not end", task.get_name())

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            _log.error("task %s broke", task.get_name(), exc_info=error)
            self._on_error(task.get_name())


def start_at_once(name: str, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
    """A task that has taken its first step; within another task one as any other.

    A turn of Qt's loop costs a press up to a millisecond: it paints what is due before it runs a new task.
    Python 3.12 can do so (`eager_start`); before, the step that the task asks the loop for is taken here.
    """
    loop = asyncio.get_running_loop()
    if asyncio.current_task() is not None:
        return loop.create_task(work, name=name)
    if sys.version_info >= (3, 12):
        return asyncio.Task(work, loop=loop, name=name, eager_start=True)
    steps: list[Callable[[], object]] = []

    def call_soon(step: Callable[[], object], *, context: contextvars.Context | None = None) -> None:
        steps.append(partial((context or contextvars.copy_context()).run, step))

    loop.call_soon = call_soon  # type: ignore[method-assign, assignment]
    try:
        task = loop.create_task(work, name=name)
    finally:
        del loop.call_soon
    for step in steps:
        step()
    return task


class DaemonThreads(Executor):
    """A thread of its own for each call; no exit waits for it: looking up a host may hang for minutes."""

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> "Future[_T]":
        """Begin at once; cancelling the future does nothing to the call."""
        return in_background("executor", lambda: fn(*args, **kwargs))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002
        """Wait for nobody."""


def in_background(name: str, call: Callable[[], _T]) -> "Future[_T]":
    """Run what may block on a daemon thread; what it raises is in the future."""
    answer: Future[_T] = Future()
    # Or who stops waiting would cancel it, and the answer that comes later would have nowhere to go.
    answer.set_running_or_notify_cancel()

    def work() -> None:
        try:
            result = call()
        except BaseException as error:  # noqa: BLE001 - handed over whole to who waits
            answer.set_exception(error)
        else:
            answer.set_result(result)

    threading.Thread(target=work, name=name, daemon=True).start()
    return answer


async def in_thread(name: str, call: Callable[[], _T]) -> _T:
    """The result of what may block; who is cancelled stops waiting, and the thread goes on alone."""
    return await asyncio.wrap_future(in_background(name, call))


def run(
    app: QApplication,
    main: Callable[[], Coroutine[Any, Any, int]],
    is_busy: Callable[[], bool] = lambda: False,
) -> int:
    """Run `main` on Qt's loop; its result is the exit code. `is_busy`: whether no long work is to begin now.

    Ctrl-C and SIGTERM cancel it, so that it can clean up: 130, 143. What then still does not end, a task that
    takes no cancellation, ends with the process, three seconds later.
    """
    app.setQuitOnLastWindowClosed(False)
    sweep = QTimer()  # Python sees a signal only when it runs: Qt alone would sleep through Ctrl-C
    garbage = Garbage(is_busy=is_busy)
    sweep.timeout.connect(lambda: sweep.setInterval(garbage.collect()))
    usual_s = sys.getswitchinterval()
    sys.setswitchinterval(_THREAD_TURN_S)
    gc.disable()
    gc.freeze()  # no sweep looks through the imports until `keep_what_is_loaded`, nor after it
    sweep.start(_SWEEP_MS)
    QTimer.singleShot(_FIRST_PAINT_MS, give_large_blocks_back)  # behind the first paint
    code = 128 + signal.SIGINT
    last_resort: threading.Timer | None = None
    try:
        with asyncio.Runner(loop_factory=lambda: _make_loop(app)) as runner, _Ending() as ending:
            try:
                code = runner.run(ending.watch(main()))
            except asyncio.CancelledError:
                code = 128 + ending.number
            finally:
                last_resort = threading.Timer(_LAST_RESORT_S, _end_now, (code,))
                last_resort.daemon = True
                last_resort.start()
    except KeyboardInterrupt:
        return code
    finally:
        sweep.stop()
        gc.enable()
        sys.setswitchinterval(usual_s)
        if last_resort is not None:
            last_resort.cancel()
    return code


class _Ending:
    """The end of a session, or of the terminal, cancels the main task as Ctrl-C does."""

    def __init__(self) -> None:
        self.number = int(signal.SIGTERM)
        self._task: asyncio.Task[int] | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for name in _OTHER_ENDS:
                number = getattr(signal, name, None)
                if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    async def watch(self, main: Coroutine[Any, Any, int]) -> int:
        """Run what a signal is to cancel."""
        self._task = asyncio.current_task()
        try:
            return await main
        finally:
            self._task = None

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        self.number = number
        if self._task is not None:
            self._task.cancel()
            self._task.get_loop().call_soon_threadsafe(_nothing)  # wake it


def _make_loop(app: QApplication) -> asyncio.AbstractEventLoop:
    qt_loop = qasync.QEventLoop(app)
    # Qt's own choice may be a twentieth off, either way: a second read came 50 ms late.
    timer = qt_loop._timer  # noqa: SLF001 - it offers no other way
    timer.startTimer = partial(_start_precisely, timer)
    loop: asyncio.AbstractEventLoop = qt_loop
    loop.set_default_executor(DaemonThreads())
    return loop


def _start_precisely(timer: QObject, delay_ms: int) -> int:
    return QObject.startTimer(timer, delay_ms, Qt.TimerType.PreciseTimer)


def _end_now(code: int) -> None:
    _log.error("the program does not end by itself; it is ended")
    time.sleep(_LOG_S)
    os._exit(code)


def give_large_blocks_back() -> None:
    """Have every large block of memory returned to the system once it is freed; only glibc has to be told.

    By itself it keeps what it was given back and hands it out in pieces: a few replies of megabytes, gone
    long since, then stay part of the process for days (seen: 16 MB).
    """
    import ctypes  # noqa: PLC0415 - after the first paint

    with suppress(OSError, AttributeError, TypeError):  # another C library, or none of that name
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, _LARGE_BLOCK)


def keep_what_is_loaded() -> None:
    """What is imported and made by now stays: it is not looked through for garbage again and again."""
    gc.collect()
    gc.freeze()


class Garbage:
    """Collects garbage as Python would by itself, but on the thread that calls.

    The threads of journal, log and practice would else destroy what belongs to Qt's thread, when a cycle with
    a widget or timer in it is collected there; the next event for it ends the process (seen).
    """

    def __init__(
        self, clock: Callable[[], float] = time.perf_counter, is_busy: Callable[[], bool] = lambda: False
    ) -> None:
        """Nothing is old yet. `clock`: seconds, finer than a sweep takes."""
        self._clock = clock
        self._is_busy = is_busy
        self._busy_at = -_CALM_S
        self._oldest_due = clock() + _OLDEST_AFTER_S
        self._pause_ms = _SWEEP_MS
        self._has_survivors = False

    def collect(self) -> int:
        """Collect what is young; how many milliseconds until the next time.

        By how long it took, not by how many are counted: what was freed is taken off that, and all who live
        are looked through. What survived is looked at once more with the next ones; what survived that, too,
        every two minutes, but for up to half an hour not while there is something to do: with three wide
        presses unresolved it takes 0.1 to 0.2 s, which breaks a hold. Python would look at ten times as much.
        """
        began = self._clock()
        late_s = began - self._oldest_due
        if self._is_busy():
            self._busy_at = began
        if late_s >= _OLDEST_LATEST_S or (late_s >= 0 and began >= self._busy_at + _CALM_S):
            self._oldest_due = began + _OLDEST_AFTER_S
            self._has_survivors = False
            gc.collect()
            return self._pause_ms
        generation = 1 if self._has_survivors else 0
        gc.collect(generation)
        self._has_survivors = not self._has_survivors
        times_as_long = max(0.5, (self._clock() - began) / (_LONG_S * (1 + generation)))
        self._pause_ms = max(_SOONEST_MS, min(round(self._pause_ms / times_as_long), _SWEEP_MS))
        return self._pause_ms


def _nothing() -> None:
    """Python runs; that is all."""


def install_crash_hooks() -> None:
    """What nobody caught goes into the log; the program lives on where it can."""

    def on_exception(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
            return
        _log.critical("an error that nobody caught", exc_info=(kind, error, trace))

    def on_unraisable(arguments: "sys.UnraisableHookArgs") -> None:
        _log.error("an error that nobody could catch", exc_info=arguments.exc_value)

    def on_thread_exception(arguments: threading.ExceptHookArgs) -> None:
        if arguments.exc_value is not None:
            _log.critical(
                "an error that nobody caught in thread %s",
                arguments.thread.name if arguments.thread is not None else "?",
                exc_info=arguments.exc_value,
            )

    sys.excepthook = on_exception
    threading.excepthook = on_thread_exception
    sys.unraisablehook = on_unraisable
