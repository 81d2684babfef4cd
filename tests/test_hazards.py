"""Hazards of the libraries that can come back with an upgrade; each in its own process, as some abort."""

import importlib.metadata
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

MANY_EMITS_AND_HOPS = """
import asyncio, sys
from PySide6.QtCore import QCoreApplication, QObject, QTimer, Signal  # before qasync, which picks its binding
import qasync

EMITS, HOPS = 5_000, 20_000

class Source(QObject):
    flag = Signal(bool)
    thing = Signal(object)

app = QCoreApplication([])
source, heard, timed = Source(), [], []
source.flag.connect(lambda value: heard.append(value))
source.thing.connect(lambda value: heard.append(value))

async def main():
    for number in range(EMITS):
        source.flag.emit(number % 2 == 0)
        source.thing.emit(None)
    for _ in range(HOPS):
        await asyncio.sleep(0)
    for _ in range(500):
        QTimer.singleShot(0, lambda: timed.append(None))
    while len(timed) < 500:
        await asyncio.sleep(0.001)

with asyncio.Runner(loop_factory=lambda: qasync.QEventLoop(app)) as runner:
    runner.run(main())
assert len(heard) == 2 * EMITS, len(heard)
assert heard[:4] == [True, None, False, None], heard[:4]
print("alive", sys.getrefcount(None) > 0)
"""


def run_alone(source: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    return subprocess.run(
        [sys.executable, "-c", source], env=environ, capture_output=True, text=True, check=False, timeout=120
    )


def test_signals_by_the_thousand_and_loop_hops_by_the_ten_thousand_leave_the_interpreter_alive() -> None:
    done = run_alone(MANY_EMITS_AND_HOPS)
    assert (done.returncode, done.stdout) == (0, "alive True\n"), done.stderr


def test_the_qt_that_loses_references_is_not_installed() -> None:
    version = importlib.metadata.version("PySide6-Essentials")
    assert version != "6.12.0" or sys.version_info >= (3, 12)


def test_the_qt_that_loses_references_can_not_be_locked() -> None:
    assert not re.search(
        r"^pyside6-essentials==6\.12\.0\b", (ROOT / "requirements.lock").read_text("utf-8"), re.MULTILINE
    )
    assert '"PySide6-Essentials>=6.10,!=6.12.0"' in (ROOT / "pyproject.toml").read_text("utf-8")


def test_an_abort_would_be_seen() -> None:
    assert run_alone("import os; os.abort()").returncode != 0


def test_qasync_keeps_to_the_binding_that_was_imported_first() -> None:
    done = run_alone("import PySide6.QtCore, qasync; print(qasync.QtModuleName)")
    assert (done.returncode, done.stdout) == (0, "PySide6\n"), done.stderr


def test_no_source_is_read_into_memory_for_what_the_window_imports_after_qt() -> None:
    done = run_alone(
        "import linecache, crosstrade_panel.app, httpx\n"
        "print([name for name in linecache.cache if 'httpx' in name or 'crosstrade_panel' in name])\n"
        "from PySide6.QtWidgets import QApplication, QLabel\n"
        "application = QApplication([]); print(QLabel('works').text())\n"
    )
    assert (done.returncode, done.stdout) == (0, "[]\nworks\n"), done.stderr
