"""The real window and what others tell it: another process's press, a second start, a flood of nonsense."""

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import Future
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication

from crosstrade_panel import texts
from crosstrade_panel.simulator.book import FlattenRequest
from crosstrade_panel.storage.instance import Instance, claim
from crosstrade_panel.storage.journal import SqliteJournal
from crosstrade_panel.storage.journal_file import JournalFileError, Problem
from crosstrade_panel.storage.journal_view import PressRecord
from crosstrade_panel.storage.nudge import SOCKET, Raise, nudge, tell
from crosstrade_panel.storage.owner import Owner, _started, boot_id
from crosstrade_panel.system_clock import system_seconds
from crosstrade_panel.trading.press import PressBook
from tests.e2e.panel import Panel, running, until

pytestmark = pytest.mark.anyio
on_posix = pytest.mark.skipif(
    sys.platform == "win32", reason="Unix sockets, and the journal's log by its time"
)

PRESS = "0123456789abcdef" * 2


@asynccontextmanager
async def only_panel(qapp: QApplication, home: Path) -> AsyncIterator[Panel]:
    claimed = claim(home / "data")
    assert isinstance(claimed, Instance)
    async with running(qapp, practice=True, instance=claimed) as panel:
        await panel.is_read()
        yield panel
    claimed.close()


def journal_of_another(
    home: Path, panel: Panel, *, verdict: str | None = None, fates: tuple[Mapping[str, object], ...] = ()
) -> None:
    """As another living process would write its press of Sim101."""
    owner = Owner(os.getppid(), _started(os.getppid()), boot_id())
    facts = {"action": "flatten", "account": "Sim101", "origin": panel.exchange.base_url.removesuffix("/")}
    now = datetime.now(UTC).isoformat()
    path = home / "data" / "journal.sqlite3"
    with closing(sqlite3.connect(path, timeout=5, isolation_level=None)) as base:
        base.execute(
            "INSERT INTO presses (press_id, at, after_s, facts, pid, started, boot, system_s)"
            " VALUES (?, ?, 0, ?, ?, ?, ?, ?)",
            (PRESS, now, json.dumps(facts), owner.pid, owner.started, owner.boot, system_seconds()),
        )
        if verdict is not None:
            base.execute(
                "INSERT INTO steps (press_id, at, after_s, facts, kind, verdict, pid)"
                " VALUES (?, ?, 1, ?, 'outcome', ?, ?)",
                (PRESS, now, json.dumps({"verdict": verdict, "fates": fates}), verdict, owner.pid),
            )


async def test_a_press_of_another_process_is_shown_read_for_and_acknowledged(
    qapp: QApplication, home_of_its_own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with only_panel(qapp, home_of_its_own) as panel:
        watch = panel.program._watch
        assert watch is not None
        reads: list[float] = []
        real = watch.read_at_once

        def read_at_once() -> None:
            reads.append(time.monotonic())
            real()

        monkeypatch.setattr(watch, "read_at_once", read_at_once)
        journal_of_another(home_of_its_own, panel, verdict="unknown")
        nudge(home_of_its_own / "data", PRESS, wait_s=1.0)
        said = await panel.says("UNKNOWN")
        assert texts.ANOTHER_PROCESS in said
        assert len(reads) == 1
        assert panel.exchange.calls.of("POST") == []
        panel.window.acknowledged.emit(PRESS)
        await until(lambda: panel.banner == "", "no banner")
        nudge(home_of_its_own / "data", PRESS, wait_s=1.0)  # seen already
        await until(lambda: panel.program._hearsay is not None and not panel.program._hearsay._ids, "a look")
        assert panel.banner == ""


async def test_what_another_process_left_open_becomes_flat_late_and_the_journal_has_it(
    qapp: QApplication, home_of_its_own: Path
) -> None:
    async with only_panel(qapp, home_of_its_own) as panel:
        left = {"account": "Sim101", "verdict": "still_open", "still_open": []}
        journal_of_another(home_of_its_own, panel, verdict="still_open", fates=(left,))
        nudge(home_of_its_own / "data", PRESS, wait_s=1.0)
        said = await panel.says("STILL OPEN")
        assert texts.ANOTHER_PROCESS in said
        await until(lambda: " shows " in panel.banner, "what is read now")
        with panel.exchange.book_now() as book:
            book.flatten(FlattenRequest("Sim101"))
        said = await panel.says("FLAT (late, ")
        assert texts.ANOTHER_PROCESS in said
        journal = panel.program._journal
        rows = await asyncio.wrap_future(journal.recent(10))
        assert [(row.press_id, row.verdict) for row in rows] == [(PRESS, "flat")]
        assert panel.exchange.calls.of("POST") == []


async def test_a_press_that_no_journal_has_shows_nothing_and_reads_nothing(
    qapp: QApplication, home_of_its_own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with only_panel(qapp, home_of_its_own) as panel:
        watch, hearsay = panel.program._watch, panel.program._hearsay
        assert watch is not None
        assert hearsay is not None
        reads: list[None] = []
        asked: list[int] = []
        real = hearsay._recent
        monkeypatch.setattr(watch, "read_at_once", lambda: reads.append(None))

        def recent(limit: int) -> "Future[list[PressRecord]]":
            asked.append(limit)
            return real(limit)

        monkeypatch.setattr(hearsay, "_recent", recent)
        nudge(home_of_its_own / "data", "f" * 32, wait_s=1.0)
        await until(lambda: asked, "the journal, asked")
        await asyncio.sleep(0.1)
        assert (panel.banner, reads) == ("", [])


async def test_a_second_start_raises_the_window_and_only_then_is_answered(
    qapp: QApplication, home_of_its_own: Path
) -> None:
    async with only_panel(qapp, home_of_its_own) as panel:
        panel.window.showMinimized()
        loop = asyncio.get_running_loop()
        data = home_of_its_own / "data"
        asked = loop.run_in_executor(None, lambda: tell(data, Raise(), 5.0, wants_answer=True))
        time.sleep(0.3)  # noqa: ASYNC251 - the loop hangs
        assert not asked.done()
        assert panel.window.isMinimized()
        assert await asked
        assert not panel.window.isMinimized()


_FLOOD = """
import os, socket, sys
number = 0
while True:
    number += 1
    line = socket.socket(socket.AF_UNIX)
    line.setblocking(False)
    try:
        line.connect(sys.argv[1])
        line.send(os.urandom(10_000) if number % 2 else b"press %032x\\n" % number)
    except OSError:
        pass
    if number % 3:
        line.close()
    if number == 1000:
        print("a thousand", flush=True)
"""


@on_posix
async def test_a_flood_disturbs_neither_the_window_nor_a_press(
    qapp: QApplication, home_of_its_own: Path
) -> None:
    async with only_panel(qapp, home_of_its_own) as panel:
        await panel.choose("Sim101")
        flood = subprocess.Popen(  # noqa: ASYNC220 - waits for nothing
            [sys.executable, "-c", _FLOOD, str(home_of_its_own / "data" / SOCKET)], stdout=subprocess.PIPE
        )
        try:
            assert flood.stdout is not None
            await asyncio.get_running_loop().run_in_executor(None, flood.stdout.readline)
            await panel.click(panel.flatten)
            flat = asyncio.ensure_future(panel.says("FLAT "))
            gaps: list[float] = []
            while not flat.done():
                began = time.monotonic()
                await asyncio.sleep(0.005)
                gaps.append(time.monotonic() - began)
            await flat
            assert flood.poll() is None
        finally:
            flood.kill()
            flood.communicate()
        assert sorted(gaps)[len(gaps) * 9 // 10] < 0.05, sorted(gaps)[-20:]


@on_posix
async def test_another_processs_press_locks_within_a_moment_though_the_journal_is_seldom_read(
    qapp: QApplication, home_of_its_own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with only_panel(qapp, home_of_its_own) as panel:
        journal = panel.program._journal
        asked: list[float] = []
        real = journal.presses_elsewhere

        def presses_elsewhere(within_s: float) -> "Future[list[PressRecord]]":
            asked.append(time.monotonic())
            return real(within_s)

        monkeypatch.setattr(journal, "presses_elsewhere", presses_elsewhere)
        await asyncio.sleep(4.0)
        assert 1 <= len(asked) <= 5
        await until(lambda: time.monotonic() - asked[-1] < 0.05, "a look a moment ago")
        began = time.monotonic()
        journal_of_another(home_of_its_own, panel)
        await until(lambda: panel.program._presenter.book.elsewhere, "the other press", 3)
        assert time.monotonic() - began < 0.8


async def seen_and_failed(
    home: Path, panel: Panel
) -> "tuple[PressBook, SqliteJournal, Future[list[PressRecord]]]":
    """Another process's press is known, and here is what a look at the journal that fails gives."""
    book = panel.program._presenter.book
    journal_of_another(home, panel)
    await until(lambda: book.elsewhere, "the other press")
    failed: Future[list[PressRecord]] = Future()
    failed.set_exception(JournalFileError(Problem.BUSY))
    return book, panel.program._journal, failed


@on_posix
async def test_a_look_at_the_journal_that_fails_once_unlocks_nothing(
    qapp: QApplication, home_of_its_own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with only_panel(qapp, home_of_its_own) as panel:
        book, journal, failed = await seen_and_failed(home_of_its_own, panel)
        real, asked = journal.presses_elsewhere, list[bool]()

        def presses_elsewhere(within_s: float) -> "Future[list[PressRecord]]":
            asked.append(bool(book.elsewhere))
            return failed if len(asked) == 1 else real(within_s)

        monkeypatch.setattr(journal, "presses_elsewhere", presses_elsewhere)
        await until(lambda: len(asked) > 2, "two more looks")
        assert asked == [True] * len(asked)


@on_posix
async def test_a_journal_that_can_not_be_read_locks_nothing_for_long(
    qapp: QApplication, home_of_its_own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with only_panel(qapp, home_of_its_own) as panel:
        book, journal, failed = await seen_and_failed(home_of_its_own, panel)
        monkeypatch.setattr(journal, "presses_elsewhere", lambda _: failed)
        await until(lambda: not book.elsewhere, "no lock")


async def test_quit_in_the_tray_is_the_close_rule(qapp: QApplication, home_of_its_own: Path) -> None:
    async with only_panel(qapp, home_of_its_own) as panel:
        tray = panel.program._manners._tray
        assert tray is not None
        await panel.choose("Sim101")
        await panel.click(panel.flatten)
        await until(lambda: panel.program._presenter.book.presses, "a press")
        tray.quit_requested.emit()
        assert not panel.program._closed.is_set()
        tray.quit_requested.emit()
        assert panel.program._closed.is_set()


async def test_a_session_that_ends_is_never_blocked_by_a_press_on_its_way(
    qapp: QApplication, home_of_its_own: Path
) -> None:
    async with only_panel(qapp, home_of_its_own) as panel:
        await panel.choose("Sim101")
        await panel.click(panel.flatten)
        await until(lambda: panel.program._presenter.book.presses, "a press")
        panel.program._on_session_ends()
        assert panel.program._closed.is_set()


async def test_once_it_leaves_the_next_start_is_the_panel(qapp: QApplication, home_of_its_own: Path) -> None:
    async with only_panel(qapp, home_of_its_own) as panel:
        panel.program._closed.set()
        await until(lambda: not panel.window.isVisible(), "no window")
        found = await asyncio.get_running_loop().run_in_executor(None, claim, home_of_its_own / "data")
        assert isinstance(found, Instance)
        assert found.is_heard
        found.close()
