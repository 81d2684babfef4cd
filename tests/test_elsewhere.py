"""Noticing that another process wrote to the journal, without reading it all the time."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

from crosstrade_panel.elsewhere import Stir, last_write


class Told:
    """How often it was told."""

    def __init__(self) -> None:
        self.times = 0
        self._news = threading.Condition()

    def __call__(self) -> None:
        with self._news:
            self.times += 1
            self._news.notify_all()

    def more_than(self, times: int) -> bool:
        with self._news:
            return self._news.wait_for(lambda: self.times > times, 5)


def journal(folder: Path) -> sqlite3.Connection:
    base = sqlite3.connect(folder / "journal.sqlite3", isolation_level=None)
    base.execute("PRAGMA journal_mode = WAL").fetchall()
    base.execute("PRAGMA wal_autocheckpoint = 0").fetchall()
    base.execute("CREATE TABLE t (x)")
    return base


def test_it_tells_once_of_each_write_and_is_silent_in_between(tmp_path: Path) -> None:
    told = Told()
    with closing(journal(tmp_path)) as base:
        stir = Stir(tmp_path / "journal.sqlite3", told, every_s=0.01, anyway_s=60.0)
        try:
            assert told.more_than(0)
            for times in range(1, 4):
                assert told.times == times
                base.execute("INSERT INTO t VALUES (1)")
                assert told.more_than(times)
        finally:
            stir.stop()


def test_now_and_then_it_tells_all_the_same(tmp_path: Path) -> None:
    told = Told()
    with closing(journal(tmp_path)):
        stir = Stir(tmp_path / "journal.sqlite3", told, every_s=0.01, anyway_s=0.05)
        try:
            assert told.more_than(2)
        finally:
            stir.stop()


def test_where_nothing_tells_it_tells_every_time(tmp_path: Path) -> None:
    told = Told()
    assert last_write(tmp_path / "journal.sqlite3") is None
    stir = Stir(tmp_path / "journal.sqlite3", told, every_s=0.01, anyway_s=60.0)
    try:
        assert told.more_than(3)
    finally:
        stir.stop()
