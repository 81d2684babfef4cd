"""Qt's event loop as asyncio's, the owner of every task, and what happens when something breaks."""

import asyncio
import logging
import signal
import sys
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

import qasync  # type: ignore[import-untyped]  # isort: skip - after PySide6, or it may pick another binding

_log = logging.getLogger(__name__)

# Python sees a signal only when it runs; Qt alone would sleep through Ctrl-C.
_LET_PYTHON_RUN_MS = 250
_STOP_S = 2.0


class TaskSupervisor:
    """Owns every task of the program: keeps it, names it, reports what goes wrong in it."""

    def __init__(self, on_error: Callable[[str], None]) -> None:
        """`on_error` is told the name of a task that broke."""
        self._on_error = on_error
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Run it; whatever goes wrong in it is reported, never lost."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    async def stop(self) -> None:
        """Cancel everything and wait, but not for ever: a task that will not end must not keep the window."""
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


def run(app: QApplication, main: Callable[[], Coroutine[Any, Any, int]]) -> int:
    """Run `main` on Qt's loop; its result is the exit code. Ctrl-C cancels it, so that it can clean up."""
    app.setQuitOnLastWindowClosed(False)
    heartbeat = QTimer()
    heartbeat.timeout.connect(_nothing)
    heartbeat.start(_LET_PYTHON_RUN_MS)
    try:
        with asyncio.Runner(loop_factory=lambda: qasync.QEventLoop(app)) as runner:
            return runner.run(main())
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    finally:
        heartbeat.stop()


def _nothing() -> None:
    """Python runs; that is all."""


def install_crash_hooks() -> None:
    """What nobody caught goes into the log; the program lives on where it can."""

    def on_exception(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
            return
        _log.critical("an error that nobody caught", exc_info=(kind, error, trace))

    def on_thread_exception(arguments: threading.ExceptHookArgs) -> None:
        if arguments.exc_value is not None:
            _log.critical(
                "an error that nobody caught in thread %s",
                arguments.thread.name if arguments.thread is not None else "?",
                exc_info=arguments.exc_value,
            )

    sys.excepthook = on_exception
    threading.excepthook = on_thread_exception
