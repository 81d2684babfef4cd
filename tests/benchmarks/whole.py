"""The whole program in a process of its own: window, journal, watch, as it runs for a trader."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"

from PySide6.QtWidgets import QApplication

from crosstrade_panel import app as app_module
from crosstrade_panel.app import Program
from crosstrade_panel.runtime import install_crash_hooks, run
from crosstrade_panel.storage.log import Redactor, end_log, start_log
from crosstrade_panel.storage.paths import HOME_VARIABLE, find_paths
from crosstrade_panel.trading import budget
from crosstrade_panel.trading.pace import Pace
from tests.benchmarks.large_exchange import TOKEN

ROOT = Path(__file__).resolve().parents[2]
MB = 1024.0 * 1024.0
_MARK = "result: "
Numbers = dict[str, Any]
Work = Callable[[Program], Awaitable[Numbers]]


def in_a_process(module: str, *arguments: object) -> Numbers:
    """What `python -m module arguments` found; its process has nothing else in it."""
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    found = [line for line in done.stdout.splitlines() if line.startswith(_MARK)]
    if done.returncode or not found:
        message = f"{module} ended with {done.returncode}: {done.stdout}"
        raise RuntimeError(message)
    numbers: Numbers = json.loads(found[-1].removeprefix(_MARK))
    return numbers


def tell(numbers: Numbers) -> None:
    """Hand numbers to `in_a_process`."""
    print(_MARK + json.dumps(numbers), flush=True)


def hurry(cadence_s: float) -> None:
    """Background reads this often, and a budget that lets them; everything else takes as long as it does."""
    budget.REFILL_PER_S = 1e6
    usual = Pace
    setattr(  # noqa: B010 - the type checker takes it for a constant
        app_module,
        "Pace",
        lambda: replace(usual(), background_open_s=cadence_s, background_flat_s=cadence_s),
    )


def run_program(
    work: Work,
    *,
    base_url: str | None = None,
    cadence_s: float | None = None,
    prepare: Callable[[Path], None] | None = None,
) -> None:
    """Run the window, connected; do the work beside it, tell what it found, and leave.

    Without an address it is the practice window. `prepare` is given the journal's path before the start.
    """
    if cadence_s is not None:
        hurry(cadence_s)
    with TemporaryDirectory() as home:
        os.environ[HOME_VARIABLE] = home
        os.environ["XTRADE_TOKEN"] = TOKEN
        paths = find_paths()
        if prepare is not None:
            prepare(paths.journal)
        application = QApplication(sys.argv[:1])
        application.setStyle("Fusion")
        log = start_log(paths.log_of("panel"), Redactor())
        install_crash_hooks()
        program = Program(application, paths, Redactor(), practice=base_url is None, base_url=base_url)
        program.show()
        try:
            run(application, lambda: _with(program, work), lambda: program.is_unresolved)
        finally:
            end_log(log)


async def _with(program: Program, work: Work) -> int:
    main = asyncio.ensure_future(program.main())
    try:
        await until(lambda: _is_read(program), main)
        tell(await work(program))
    finally:
        program._closed.set()
        await asyncio.wait_for(main, 30)
    return 0


def _is_read(program: Program) -> bool:
    desk = program._presenter._desk
    return desk is not None and desk.watch.latest is not None and bool(desk.watch.accounts)


async def until(
    condition: Callable[[], object], main: "asyncio.Future[Any] | None" = None, deadline_s: float = 60.0
) -> None:
    """Wait for a condition; looked at every few milliseconds, because Qt's widgets tell nobody."""
    end = time.monotonic() + deadline_s
    while not condition():
        assert main is None or not main.done(), "the program ended"
        assert time.monotonic() < end, "it never came"
        await asyncio.sleep(0.01)
