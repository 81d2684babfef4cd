"""The journal on a disk that is full, broken, read-only or hangs: no press ever waits for it."""

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from crosstrade_panel.storage.journal import SqliteJournal
from crosstrade_panel.storage.journal_file import connect
from crosstrade_panel.storage.journal_writer import Pace
from crosstrade_panel.trading.ports import EntryKind
from tests.storage.test_journal import SOON_S, entry, wait_until

FAST = Pace(idle_s=0.05, hang_s=60, first_pause_s=0.02, longest_pause_s=0.1)
WATCHFUL = replace(FAST, hang_s=0.3)
HOLD_THE_LOCK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
connection.close()
"""
AnnounceLog = Callable[..., None]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "journal.sqlite3"


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 512 KiB that really says ENOSPC."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("mounting a tmpfs needs Linux and root")
    mount = tmp_path / "tiny"
    mount.mkdir()
    if not run("mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(mount)):
        pytest.skip("this machine lets nobody mount")
    yield mount
    assert run("umount", "-l", str(mount))


def said(journal: SqliteJournal) -> str | None:
    """What the journal says now; a call, because mypy takes a property for constant."""
    return journal.problem


def run(program: str, *arguments: str) -> bool:
    found = shutil.which(program)
    return found is not None and subprocess.run([found, *arguments], check=False).returncode == 0


def fill(file: Path) -> None:
    with file.open("wb", buffering=0) as writing:
        while True:
            writing.write(b"x" * 4096)


def test_a_full_disk_is_said_and_everything_is_written_once_there_is_room(
    tiny_disk: Path, announce_log: AnnounceLog
) -> None:
    announce_log("the journal is off: disk full")
    heard: list[str | None] = []
    journal = SqliteJournal(tiny_disk / "journal.sqlite3", on_problem=heard.append, pace=FAST)
    assert journal.write(entry("before")).result(SOON_S)
    filler = tiny_disk / "filler"
    with pytest.raises(OSError, match="No space left"):
        fill(filler)

    big = [entry(f"p{number}", EntryKind.INTENT, text="y" * 2000) for number in range(20)]
    results = [journal.write(one) for one in big]
    begun = time.monotonic()
    assert results[-1].result(SOON_S) is False
    assert time.monotonic() - begun < 1.0
    assert said(journal) == "disk full"
    assert [press.press_id for press in journal.recent(99).result(SOON_S)][-1] == "before"

    filler.unlink()
    wait_until(lambda: journal.problem is None)
    wait_until(lambda: len(journal.recent(99).result(SOON_S)) == 21)
    assert [press.press_id for press in journal.recent(99).result(SOON_S)] == [
        *(f"p{number}" for number in reversed(range(20))),
        "before",
    ]
    assert heard == ["disk full", None]
    assert journal.close(SOON_S)


def test_a_database_at_its_limit_counts_as_a_full_disk(path: Path, announce_log: AnnounceLog) -> None:
    announce_log("the journal is off: disk full")
    limit = 40

    def limited(name: str) -> sqlite3.Connection:
        connection = connect(name)
        connection.execute(f"PRAGMA max_page_count = {limit}").fetchall()
        return connection

    journal = SqliteJournal(path, connect=limited, pace=FAST)
    results = [journal.write(entry(f"p{number}", text="y" * 20_000)).result(SOON_S) for number in range(12)]
    assert results[0] is True
    assert results[-1] is False
    assert said(journal) == "disk full"
    limit = 10_000
    wait_until(lambda: len(journal.recent(99).result(SOON_S)) == 12)
    assert said(journal) is None
    assert journal.close(SOON_S)


def test_what_waits_is_bounded_and_what_was_lost_is_counted(path: Path, announce_log: AnnounceLog) -> None:
    announce_log("the journal is off")
    broken = threading.Event()
    broken.set()

    def breakable(name: str) -> sqlite3.Connection:
        if broken.is_set():
            raise sqlite3.OperationalError("disk I/O error")
        return connect(name)

    journal = SqliteJournal(path, connect=breakable, pace=Pace(max_waiting=10, longest_pause_s=0.1))
    wait_until(lambda: journal.problem == "broken")
    for _ in range(20):
        journal.write(entry("p1", EntryKind.READ))
    for number in range(20):
        journal.write(entry(f"p{number}"))
    broken.clear()
    wait_until(lambda: journal.problem is None)
    assert journal.write(entry("after")).result(SOON_S)

    presses = journal.recent(99).result(SOON_S)
    assert [press.press_id for press in presses] == ["after", "p4", "p3", "p2", "p1", "p0"]
    assert [note.facts for note in journal.timeline("").result(SOON_S)] == [{"lost_rows": 30}]
    assert journal.close(SOON_S)


def test_a_press_asks_the_disk_again_at_once_whatever_it_said_before(
    path: Path, announce_log: AnnounceLog
) -> None:
    announce_log("the journal is off: cannot open")
    path.parent.write_text("in the way")
    journal = SqliteJournal(path, pace=Pace(first_pause_s=3600, longest_pause_s=3600))
    wait_until(lambda: journal.problem == "cannot open")
    path.parent.unlink()
    waiting = journal.write(entry("p0", EntryKind.READ))
    assert journal.write(entry("p1")).result(SOON_S)
    assert waiting.result(SOON_S)
    assert journal.close(SOON_S)


def test_a_folder_that_is_a_file_stops_nothing(tmp_path: Path, announce_log: AnnounceLog) -> None:
    announce_log("the journal is off: cannot open")
    (tmp_path / "data").write_text("in the way")
    journal = SqliteJournal(tmp_path / "data" / "journal.sqlite3", pace=FAST)
    assert journal.write(entry("p1")).result(SOON_S) is False
    assert said(journal) == "cannot open"
    (tmp_path / "data").unlink()
    wait_until(lambda: len(journal.recent().result(SOON_S)) == 1)
    assert said(journal) is None
    assert journal.close(SOON_S)


@pytest.mark.skipif(sys.platform == "win32", reason="no mode makes a folder read-only there")
def test_a_read_only_folder_stops_nothing(tmp_path: Path, announce_log: AnnounceLog) -> None:
    announce_log("the journal is off: (read-only|cannot open)")
    folder = tmp_path / "data"
    folder.mkdir()
    root = os.name == "posix" and os.geteuid() == 0
    if root:  # root is stopped by no mode
        if not run("mount", "--bind", "-o", "ro", str(folder), str(folder)):
            pytest.skip("this machine lets nobody mount")
    else:
        folder.chmod(0o500)
    try:
        journal = SqliteJournal(folder / "journal.sqlite3", pace=FAST)
        assert journal.write(entry("p1")).result(SOON_S) is False
        assert said(journal) == "read-only"
        begun = time.monotonic()
        assert journal.close(SOON_S), "what cannot be written does not hold up the end"
        assert time.monotonic() - begun < 1.0
    finally:
        if root:
            assert run("umount", "-l", str(folder))
        else:
            folder.chmod(0o700)


class HangingConnection(sqlite3.Connection):
    """A disk that stops answering while `hangs` is set."""

    hangs: threading.Event
    goes_on: threading.Event

    def execute(self, *arguments: Any) -> sqlite3.Cursor:
        if self.hangs.is_set():
            self.goes_on.wait(60)
        return super().execute(*arguments)


@pytest.fixture
def hanging() -> Iterator[type[HangingConnection]]:
    class Connection(HangingConnection):
        hangs = threading.Event()
        goes_on = threading.Event()

    yield Connection
    Connection.goes_on.set()


def test_a_disk_that_hangs_stops_neither_a_press_nor_the_end(
    path: Path, hanging: type[HangingConnection]
) -> None:
    heard: list[str | None] = []

    def hang(name: str) -> sqlite3.Connection:
        return sqlite3.connect(name, isolation_level=None, factory=hanging, check_same_thread=False)

    before = set(threading.enumerate())
    journal = SqliteJournal(path, connect=hang, on_problem=heard.append, pace=WATCHFUL)
    assert journal.write(entry("p0")).result(SOON_S)
    hanging.hangs.set()
    begun = time.monotonic()
    waiting = [journal.write(entry(f"p{number}")) for number in range(1, 100)]
    assert time.monotonic() - begun < 0.5
    wait_until(lambda: heard[-1:] == ["hangs"])
    assert said(journal) == "hangs"

    begun = time.monotonic()
    assert journal.close(0.2) is False
    assert time.monotonic() - begun < 0.5 + 0.2
    assert [done.result(0) for done in waiting] == [False] * 99

    hanging.goes_on.set()  # let the thread end, so that the next test begins with a quiet process
    wait_until(lambda: not any(each.name == "journal" for each in set(threading.enumerate()) - before))


def test_a_disk_that_recovers_from_hanging_gets_every_row(
    path: Path, hanging: type[HangingConnection]
) -> None:
    heard: list[str | None] = []
    journal = SqliteJournal(
        path,
        connect=lambda name: sqlite3.connect(name, isolation_level=None, factory=hanging),
        on_problem=heard.append,
        pace=WATCHFUL,
    )
    hanging.hangs.set()
    done = journal.write(entry("p1"))
    wait_until(lambda: journal.problem == "hangs")
    hanging.hangs.clear()
    hanging.goes_on.set()
    assert done.result(SOON_S)
    wait_until(lambda: heard[-2:] == ["hangs", None])
    assert journal.close(SOON_S)


def test_another_programs_lock_delays_a_row_and_nothing_else(path: Path, announce_log: AnnounceLog) -> None:
    announce_log("the journal is off: busy")
    journal = SqliteJournal(path, pace=FAST)
    assert journal.write(entry("p1")).result(SOON_S)
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            HOLD_THE_LOCK,
            str(path),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        begun = time.monotonic()
        done = journal.write(entry("p2"))
        assert time.monotonic() - begun < 0.2
        assert done.result(SOON_S) is False
        assert said(journal) == "busy"
        assert [press.press_id for press in journal.recent().result(SOON_S)] == ["p1"]
    wait_until(lambda: journal.problem is None)
    wait_until(lambda: len(journal.recent().result(SOON_S)) == 2)
    assert journal.close(SOON_S)


def aside(path: Path) -> list[Path]:
    return sorted(path.parent.glob("journal.corrupt-*.sqlite3"))


@pytest.mark.parametrize("content", [b"not a database at all" * 500, b"SQLite format 3\x00" + b"\xff" * 8000])
def test_a_corrupt_file_is_set_aside_whole_and_a_new_journal_begun(
    path: Path, content: bytes, announce_log: AnnounceLog
) -> None:
    announce_log("the journal was corrupt and is now journal.corrupt-")
    path.parent.mkdir()
    path.write_bytes(content)
    journal = SqliteJournal(path, pace=FAST)
    assert journal.write(entry("p1")).result(SOON_S)
    assert said(journal) is None
    (kept,) = aside(path)
    assert kept.read_bytes() == content
    wait_until(lambda: bool(journal.timeline("").result(SOON_S)))
    assert [note.facts for note in journal.timeline("").result(SOON_S)] == [{"set_aside": kept.name}]
    assert [press.press_id for press in journal.recent().result(SOON_S)] == ["p1"]
    assert journal.close(SOON_S)


def filled(path: Path) -> None:
    journal = SqliteJournal(path)
    for number in range(50):
        journal.write(entry(f"p{number}", text="z" * 3000))
    assert journal.close(SOON_S)


def test_a_truncated_file_is_set_aside_when_it_shows(path: Path, announce_log: AnnounceLog) -> None:
    announce_log("the journal was corrupt")
    # Windows renames nothing that is being read: it is tried again.
    announce_log("cannot be renamed|the journal is off: corrupt", must_come=False)
    filled(path)
    os.truncate(path, path.stat().st_size // 2)
    cut = path.read_bytes()
    journal = SqliteJournal(path, pace=FAST)
    journal.recent(100).exception(SOON_S)  # at the latest now
    wait_until(lambda: len(aside(path)) == 1)
    assert journal.write(entry("new")).result(SOON_S)
    assert aside(path)[0].read_bytes()[100:] == cut[100:]  # SQLite may have counted an opening in the header
    assert journal.close(SOON_S)


def test_a_file_that_goes_bad_under_an_open_journal_is_set_aside(
    path: Path, announce_log: AnnounceLog
) -> None:
    announce_log("the journal was corrupt")
    filled(path)
    journal = SqliteJournal(path, pace=Pace(idle_s=3600, first_pause_s=0.02))
    assert journal.write(entry("before")).result(SOON_S)
    wait_until(lambda: journal.problem is None)
    with path.open("r+b") as file:
        file.seek(0)
        file.write(b"\xee" * path.stat().st_size)
    path.with_name(path.name + "-wal").write_bytes(b"\xee" * 5000)
    for number in range(5):
        journal.write(entry(f"after{number}", text="z" * 30_000))
    journal.recent().exception(SOON_S)
    wait_until(lambda: len(aside(path)) >= 1)
    assert journal.write(entry("new")).result(SOON_S)
    wait_until(lambda: journal.problem is None)
    assert "new" in [press.press_id for press in journal.recent().result(SOON_S)]
    assert journal.close(SOON_S)


def test_what_only_a_reader_finds_corrupt_is_looked_into(path: Path, announce_log: AnnounceLog) -> None:
    announce_log("the journal was corrupt")
    filled(path)
    with path.open("r+b") as file:
        file.seek(20 * 4096)
        file.write(b"\xee" * 4096)
    journal = SqliteJournal(path, pace=FAST)
    assert journal.write(entry("p-after")).result(SOON_S)
    assert journal.recent(100).exception(SOON_S) is not None
    wait_until(lambda: len(aside(path)) == 1)
    assert journal.write(entry("new")).result(SOON_S)
    assert [press.press_id for press in journal.recent().result(SOON_S)] == ["new"]
    assert journal.close(SOON_S)


def test_a_corrupt_file_that_cannot_be_renamed_is_left_alone_and_tried_again(
    path: Path, announce_log: AnnounceLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    announce_log("the journal is corrupt and cannot be renamed")
    announce_log("the journal is off: corrupt")
    announce_log("the journal was corrupt")

    def held(self: Path, target: Path) -> Path:
        raise PermissionError(13, "another process has it open")

    path.parent.mkdir()
    path.write_bytes(b"no database" * 1000)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", held)
        journal = SqliteJournal(path, pace=FAST)
        done = journal.write(entry("p1"))
        assert done.result(SOON_S) is False
        wait_until(lambda: said(journal) == "corrupt")
        assert path.read_bytes() == b"no database" * 1000
    wait_until(lambda: said(journal) is None)
    wait_until(lambda: len(journal.recent().result(SOON_S)) == 1)
    assert journal.close(SOON_S)


def test_a_failing_sync_is_said_until_the_disk_takes_a_row_again(
    path: Path, announce_log: AnnounceLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    announce_log("the journal was not synced: broken")

    def fails(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    journal = SqliteJournal(path, pace=Pace(idle_s=3600))
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fails)
        assert journal.write(entry("p1", EntryKind.ATTEMPT)).result(SOON_S), "committed all the same"
        wait_until(lambda: said(journal) == "broken")
    assert journal.write(entry("p2")).result(SOON_S)
    wait_until(lambda: said(journal) is None)
    assert journal.close(SOON_S)


def test_one_row_that_sqlite_refuses_holds_up_no_other(path: Path, announce_log: AnnounceLog) -> None:
    announce_log("a journal row was refused")

    class Refusing(sqlite3.Connection):
        def execute(self, *arguments: Any) -> sqlite3.Cursor:
            if len(arguments) == 2 and arguments[1][0] == "bad":
                raise sqlite3.IntegrityError("not this one")
            return super().execute(*arguments)

    started = threading.Event()

    def connect_late(name: str) -> sqlite3.Connection:
        started.wait(SOON_S)  # so that all rows come in one batch
        return sqlite3.connect(name, isolation_level=None, factory=Refusing)

    journal = SqliteJournal(path, connect=connect_late, pace=FAST)
    results = [journal.write(entry(name)) for name in ("p1", "bad", "p2")]
    started.set()
    assert [done.result(SOON_S) for done in results] == [True, False, True]
    assert [press.press_id for press in journal.recent().result(SOON_S)] == ["p2", "p1"]
    assert said(journal) is None
    assert journal.close(SOON_S)


def test_a_bug_in_the_journal_shows_as_a_journal_that_is_off(path: Path, announce_log: AnnounceLog) -> None:
    announce_log("the journal's thread ended")

    def bug(name: str) -> sqlite3.Connection:
        raise ZeroDivisionError(name)

    heard: list[str | None] = []
    journal = SqliteJournal(path, connect=bug, on_problem=heard.append)
    wait_until(lambda: heard == ["broken"])
    assert journal.write(entry("p1")).result(SOON_S) is False
    assert said(journal) == "broken"
    assert journal.close(SOON_S)


def test_garbage_in_the_log_loses_no_more_than_the_log(path: Path) -> None:
    filled(path)
    path.with_name(path.name + "-wal").write_bytes(os.urandom(100_000))
    journal = SqliteJournal(path, pace=FAST)
    assert journal.write(entry("new")).result(SOON_S)
    assert len(journal.recent(99).result(SOON_S)) == 51
    assert journal.close(SOON_S)


def test_somebody_elses_database_is_set_aside_not_written_to(path: Path, announce_log: AnnounceLog) -> None:
    announce_log("the journal was corrupt")
    path.parent.mkdir()
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE recipes (name TEXT)")
    other.close()
    journal = SqliteJournal(path, pace=FAST)
    assert journal.write(entry("p1")).result(SOON_S)
    (kept,) = aside(path)
    with sqlite3.connect(kept) as other:
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("recipes",)]
    other.close()
    assert journal.close(SOON_S)


def test_a_journal_of_a_later_version_is_not_touched(path: Path, announce_log: AnnounceLog) -> None:
    announce_log("the journal is off: newer version")
    filled(path)
    with sqlite3.connect(path) as later:
        later.execute("PRAGMA user_version = 2")
        later.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    later.close()
    before = path.read_bytes()
    journal = SqliteJournal(path, pace=FAST)
    wait_until(lambda: journal.problem == "newer version")
    assert journal.write(entry("p1")).result(SOON_S) is False
    assert journal.recent().exception(SOON_S) is not None
    assert journal.close(SOON_S)
    assert path.read_bytes() == before
    assert aside(path) == []


def test_a_listener_that_fails_does_not_end_the_journal(path: Path, announce_log: AnnounceLog) -> None:
    announce_log("the journal is off")
    announce_log("a listener of the journal failed")

    def fail(problem: str | None) -> None:
        raise RuntimeError(problem)

    path.parent.write_text("in the way")
    journal = SqliteJournal(path, on_problem=fail, pace=FAST)
    assert journal.write(entry("p1")).result(SOON_S) is False
    path.parent.unlink()
    wait_until(lambda: journal.problem is None)
    assert journal.write(entry("p2")).result(SOON_S)
    assert journal.close(SOON_S)


def test_a_limit_on_file_size_stops_nothing(path: Path) -> None:
    """EFBIG instead of ENOSPC, in a process of its own: the limit cannot be lifted again everywhere."""
    pytest.importorskip("resource", reason="POSIX only")
    code = """
import resource, sys, time
from datetime import UTC, datetime
from dataclasses import replace
from pathlib import Path
from crosstrade_panel.storage.journal import SqliteJournal
from crosstrade_panel.trading.ports import Entry, EntryKind
journal = SqliteJournal(Path(sys.argv[1]))
row = lambda name: Entry(name, EntryKind.INTENT, 0.0, datetime.now(UTC), {"text": "x" * 20_000})
assert journal.write(row("p0")).result(10)
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, hard))
results = [journal.write(row(f"q{number}")).result(10) for number in range(5)]
assert results[-1] is False, results
assert journal.problem, "it must be said"
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
assert journal.write(row("last")).result(10)
assert len(journal.recent(99).result(10)) == 7
assert journal.close(10)
"""
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, str(path)], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
