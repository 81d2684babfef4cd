"""What a trader does with the window, against the practice exchange inside it."""

import asyncio
import json
import re
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication, QWidget

from crosstrade_panel.domain.scope import Side
from crosstrade_panel.storage import journal
from crosstrade_panel.storage.journal_writer import JournalWriter
from crosstrade_panel.ui.view import Gesture
from tests.e2e.panel import Panel, running, until
from tests.log_guard import AnnounceLog

pytestmark = pytest.mark.anyio

FLATTEN_PATH = "/v1/api/positions/flatten"


def held(panel: Panel) -> dict[tuple[str, str], int]:
    """What is really open: signed sizes by account and instrument."""
    with panel.exchange.book_now() as book:
        return {
            (row.account, row.contract.name): (row.quantity if row.side == "Long" else -row.quantity)
            for row in book.positions()
        }


async def test_flatten_of_one_account_lists_what_was_reported_then_says_flat_by_proof(
    qapp: QApplication,
) -> None:
    async with running(qapp, practice=True) as panel:
        await panel.is_read()
        assert panel.badge == "PRACTICE"
        await panel.choose("Sim101")
        before = held(panel)
        await panel.click(panel.flatten)
        said = await panel.says("FLAT ")

        assert re.match(r"FLAT \d\d:\d\d:\d\d\.\d\d\d · Sim101\nper the practice exchange", said), said
        assert "NinjaTrader" not in said
        assert "proved" in said
        ids = panel.rows("orderIds")
        assert len(ids) >= 2
        assert all(re.fullmatch(r"[0-9a-f]{32}", each[0]) for each in ids)
        closed = panel.rows("closedPositions")
        assert {row[1] for row in closed} == {"MES 12-25", "NQ 12-25"}
        assert all(re.fullmatch(r"[+−]?[\d,]+\.\d\d", row[5]) for row in closed), closed
        after = held(panel)
        assert after == {pair: size for pair, size in before.items() if pair[0] != "Sim101"}
        assert len(after) == len(before) - 2
        [call] = panel.exchange.calls.of("POST")
        assert call.path == FLATTEN_PATH
        assert json.loads(call.body) == {"account": "Sim101"}
        told = [("FLATTEN Sim101 · practice", "✓ FLAT")]
        await until(lambda: [row[1:] for row in panel.rows("journalView")] == told, "the journal's line")


async def test_all_accounts_is_flattened_by_holding_and_by_nothing_shorter(qapp: QApplication) -> None:
    async with running(qapp, practice=True) as panel:
        await panel.is_read()
        assert panel.flatten.face.gesture is Gesture.HOLD
        await panel.click(panel.flatten)
        assert panel.exchange.calls.of("POST") == []
        await panel.hold(panel.flatten)
        await panel.says("FLAT ")
        assert held(panel) == {}
        [call] = panel.exchange.calls.of("POST")
        assert json.loads(call.body) == {}


async def test_reverse_turns_short_2_into_long_2_by_proof(qapp: QApplication) -> None:
    async with running(qapp, practice=True) as panel:
        await panel.is_read()
        await panel.choose("Sim101", "MES 12-25")
        assert panel.reverse.face.lines[0] == "Short 2 → BUY 2 MES 12-25 · Market · Day"
        await panel.hold(panel.reverse)
        said = await panel.says("REVERSED ")
        assert "Long 2 MES 12-25 as of " in said
        assert held(panel)["Sim101", "MES 12-25"] == 2
        [call] = panel.exchange.calls.of("POST")
        assert len(panel.rows("orderIds")) == 1
        assert json.loads(call.body)["action"].lower() == "buy"


async def test_a_side_filter_closes_that_side_only(qapp: QApplication) -> None:
    async with running(qapp, practice=True) as panel:
        await panel.is_read()
        await panel.choose("Sim101")
        panel.window.side_chosen.emit(Side.LONG)
        assert panel.flatten.face.lines == ("Sim101 · Long", "closes 1 position · orders may remain")
        await panel.click(panel.flatten)
        await panel.says("FLAT ")
        [call] = panel.exchange.calls.of("POST")
        assert json.loads(call.body) == {"account": "Sim101", "marketPosition": "long"}
        left = held(panel)
        assert left["Sim101", "MES 12-25"] == -2
        assert ("Sim101", "NQ 12-25") not in left


async def test_close_with_a_press_on_its_way_stays_and_a_second_close_leaves(qapp: QApplication) -> None:
    async with running(qapp, practice=True) as panel:
        await panel.is_read()
        await panel.choose("Sim101")
        await panel.click(panel.flatten)
        panel.window.close()
        assert not panel.program._closed.is_set()
        assert panel.window.isVisible()
        notes = panel.find("statusNotes", QWidget)
        assert not notes.isHidden()
        panel.window.close()
        assert panel.program._closed.is_set()


async def test_a_disk_that_hangs_stops_neither_a_press_nor_the_end(
    qapp: QApplication, monkeypatch: pytest.MonkeyPatch, announce_log: AnnounceLog
) -> None:
    announce_log("journal", must_come=False)
    release = threading.Event()
    writers: list[JournalWriter] = []

    def hanging(path: Path, **options: Any) -> JournalWriter:
        def connect(_path: Path) -> sqlite3.Connection:
            release.wait(30)
            raise OSError("hung")

        writers.append(JournalWriter(path, **{**options, "connect": connect}))
        return writers[-1]

    monkeypatch.setattr(journal, "JournalWriter", hanging)
    async with running(qapp, practice=True) as panel:
        await panel.is_read()
        await panel.choose("Sim101")
        await panel.click(panel.flatten)
        said = await panel.says("FLAT ")
        assert "journal late" in said or "journal off" in said
        began = time.monotonic()
    assert time.monotonic() - began < 6
    release.set()
    for writer in writers:  # what it has to say of the disk is said before the next test listens
        await asyncio.to_thread(writer._thread.join, 10)
        assert not writer._thread.is_alive()


async def test_minimised_it_reads_rarely_and_at_once_when_somebody_looks_again(qapp: QApplication) -> None:
    async with running(qapp, practice=True) as panel:
        await panel.is_read()
        watch = panel.program._watch
        assert watch is not None
        assert not watch.is_hidden
        panel.window.showMinimized()
        await until(lambda: watch.is_hidden, "rest")
        calls = panel.exchange.calls
        await until(lambda: not watch._under_way, "the last read")
        before = len(calls)
        await asyncio.sleep(2.0)
        assert len(calls) <= before + 1  # the beat that had begun
        before = len(calls)
        panel.window.showNormal()
        await until(lambda: not watch.is_hidden and len(calls) > before, "a read at once", 3.0)


async def test_minimised_with_a_press_unresolved_it_reads_as_ever(qapp: QApplication) -> None:
    async with running(qapp, practice=True) as panel:
        await panel.is_read()
        panel.exchange.drill = "slow-fills-30"
        await panel.choose("Sim101")
        await panel.click(panel.flatten)
        panel.window.showMinimized()
        await asyncio.sleep(0.5)
        assert panel.program._watch is not None
        assert not panel.program._watch.is_hidden
