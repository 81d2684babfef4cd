"""The journal keeps little of itself in memory, however long it grows."""

import sqlite3
from pathlib import Path

from crosstrade_panel.storage.journal import SqliteJournal
from crosstrade_panel.trading.ports import Entry, EntryKind
from tests.fakes import NOON


def test_the_pages_that_the_writer_keeps_are_bounded_to_half_a_megabyte(tmp_path: Path) -> None:
    made: list[sqlite3.Connection] = []

    def connect(path: str) -> sqlite3.Connection:
        made.append(sqlite3.connect(path, isolation_level=None, check_same_thread=False))
        return made[-1]

    journal = SqliteJournal(tmp_path / "journal.sqlite3", connect=connect)
    assert journal.write(Entry("a", EntryKind.INTENT, 0.0, NOON, {"action": "flatten"})).result(10)
    kept = [connection.execute("PRAGMA cache_size").fetchone() for connection in made]
    assert journal.close(10)
    assert kept == [(-512,)]
