"""The journal on a disk that works."""

import asyncio
import json
import os
import sqlite3
import stat
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path

import pytest

from crosstrade_panel.domain.secret import Secret
from crosstrade_panel.storage.journal import SqliteJournal
from crosstrade_panel.storage.journal_file import JournalFile, Row, connect
from crosstrade_panel.storage.journal_writer import Pace
from crosstrade_panel.storage.log import Redactor
from crosstrade_panel.storage.owner import this_process
from crosstrade_panel.trading.ports import Entry, EntryKind, Fact, Journal

NOW = datetime(2026, 1, 2, 14, 31, 7, 412000, tzinfo=UTC)
SOON_S = 10.0


def entry(press_id: str, kind: EntryKind = EntryKind.INTENT, **facts: Fact) -> Entry:
    if kind is EntryKind.INTENT and not facts:
        facts = {
            "action": "flatten",
            "account": "Sim101",
            "instrument": "MES 12-25",
            "side": "short",
            "origin": "http://127.0.0.1:9",
            "practice": True,
        }
    return Entry(press_id, kind, 0.25, NOW, facts)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SOON_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        threading.Event().wait(0.005)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "journal.sqlite3"


@pytest.fixture
def journal(path: Path) -> Iterator[SqliteJournal]:
    journal = SqliteJournal(path, pace=Pace(idle_s=0.05))
    yield journal
    assert journal.close(SOON_S)


def test_it_is_the_journal_that_the_use_cases_ask_for(journal: SqliteJournal) -> None:
    port: Journal = journal
    assert port.write(entry("p1")).result(SOON_S) is True
    assert port.problem is None


def test_a_press_is_told_as_it_was_written(journal: SqliteJournal) -> None:
    written = [
        entry("p1"),
        entry("p1", EntryKind.ATTEMPT, link=1),
        entry("p1", EntryKind.ANSWER, status=200, order_ids=["a", "b"]),
        entry("p1", EntryKind.READ, open=[]),
        entry("p1", EntryKind.NOTE, text="journal late – é \ud800 \x00"),
        entry("p1", EntryKind.OUTCOME, verdict="flat"),
        entry("p1", EntryKind.ACKNOWLEDGED),
    ]
    for one in written:
        assert journal.write(one).result(SOON_S)
    journal.write(entry("p2")).result(SOON_S)

    assert journal.timeline("p1").result(SOON_S) == written


def test_the_list_shows_the_newest_first_with_scope_and_latest_verdict(journal: SqliteJournal) -> None:
    for number in range(5):
        journal.write(entry(f"p{number}"))
    journal.write(entry("p4", EntryKind.OUTCOME, verdict="unknown"))
    journal.write(entry("p4", EntryKind.OUTCOME, verdict="flat")).result(SOON_S)

    first, second = journal.recent(2).result(SOON_S)
    assert (first.press_id, first.verdict, first.ended_at, first.ended_after_s) == ("p4", "flat", NOW, 0.25)
    assert (first.action, first.account, first.instrument, first.side) == (
        "flatten",
        "Sim101",
        "MES 12-25",
        "short",
    )
    assert first.practice
    assert first.origin == "http://127.0.0.1:9"
    assert first.owner == this_process()
    assert first.owner_alive
    assert (second.press_id, second.verdict, second.ended_at) == ("p3", None, None)
    older = journal.recent(9, before=second.seq).result(SOON_S)
    assert [press.press_id for press in older] == ["p2", "p1", "p0"]


def test_the_list_can_be_filtered_by_scope_and_verdict(journal: SqliteJournal) -> None:
    journal.write(entry("a", action="flatten", account="50%_A\\x"))
    journal.write(entry("b", action="reverse", account="Größe"))
    journal.write(entry("b", EntryKind.OUTCOME, verdict="reverse_mismatch")).result(SOON_S)

    def found(text: str) -> list[str]:
        return [press.press_id for press in journal.recent(containing=text).result(SOON_S)]

    assert found("50%_a") == ["a"]
    assert found("5%A") == []
    assert found("Größe") == ["b"]
    assert found("MISMATCH") == ["b"]
    assert found("nothing like it") == []


def test_there_is_nothing_to_tell_before_there_is_a_journal(
    tmp_path: Path, announce_log: Callable[[str], None]
) -> None:
    announce_log("the journal is off")
    hidden = threading.Event()

    def connect(_: str) -> sqlite3.Connection:
        hidden.wait(SOON_S)
        raise sqlite3.OperationalError("never")

    journal = SqliteJournal(tmp_path / "none" / "journal.sqlite3", connect=connect)
    assert journal.recent().result(SOON_S) == []
    assert journal.timeline("p").result(SOON_S) == []
    assert journal.open_presses().result(SOON_S) == []
    assert journal.presses_elsewhere().result(SOON_S) == []
    hidden.set()
    journal.close(SOON_S)


def test_my_own_press_in_flight_is_neither_left_over_nor_elsewhere(journal: SqliteJournal) -> None:
    journal.write(entry("p1")).result(SOON_S)
    assert journal.open_presses().result(SOON_S) == []
    assert journal.presses_elsewhere().result(SOON_S) == []


def test_nothing_is_updated_away_not_even_a_second_intent(journal: SqliteJournal) -> None:
    journal.write(entry("p1", action="flatten"))
    journal.write(entry("p1", action="reverse")).result(SOON_S)
    told = journal.timeline("p1").result(SOON_S)
    assert [one.facts for one in told] == [{"action": "flatten"}, {"action": "reverse"}]


def test_facts_are_those_of_the_moment_of_writing(journal: SqliteJournal) -> None:
    facts: dict[str, Fact] = {"action": "flatten"}
    done = journal.write(Entry("p1", EntryKind.INTENT, 0.0, NOW, facts))
    facts["action"] = "reverse"
    done.result(SOON_S)
    assert journal.timeline("p1").result(SOON_S)[0].facts == {"action": "flatten"}


def test_facts_that_cannot_be_encoded_still_leave_a_row(journal: SqliteJournal) -> None:
    circle: list[Fact] = []
    circle.append(circle)
    deep: Fact = None
    for _ in range(100_000):
        deep = [deep]
    journal.write(entry("circle", circle=circle))
    journal.write(entry("deep", deep=deep))
    journal.write(entry("long", long="x" * 2_000_000))
    journal.write(Entry("nan", EntryKind.INTENT, float("nan"), NOW)).result(SOON_S)
    while deep:  # a deep list is freed recursively otherwise
        assert isinstance(deep, list)
        deep = deep.pop()

    assert journal.timeline("circle").result(SOON_S)[0].facts == {"not_encodable": "ValueError"}
    assert journal.timeline("deep").result(SOON_S)[0].facts == {"not_encodable": "RecursionError"}
    assert journal.timeline("long").result(SOON_S)[0].facts["too_long"] > 2_000_000  # type: ignore[operator]
    assert len(journal.timeline("nan").result(SOON_S)) == 1


def test_a_press_that_stops_waiting_still_gets_its_row(journal: SqliteJournal) -> None:
    async def press() -> None:
        done = journal.write(entry("p1"))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.wrap_future(done), 0)
        assert not done.cancelled()

    asyncio.run(press())
    wait_until(lambda: len(journal.timeline("p1").result(SOON_S)) == 1)


def test_a_commit_does_not_wait_for_the_disk_but_a_sent_press_is_synced_right_after(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    real = os.fsync
    may_sync = threading.Event()

    def fsync(descriptor: int) -> None:
        may_sync.wait(SOON_S)
        synced.append(os.fstat(descriptor).st_ino)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    journal = SqliteJournal(path)
    assert journal.write(entry("p1")).result(SOON_S)
    assert journal.write(entry("p1", EntryKind.ATTEMPT)).result(SOON_S)  # while the sync waits
    assert synced == []
    log = path.with_name(path.name + "-wal").stat().st_ino
    may_sync.set()
    wait_until(lambda: synced == [log])
    assert journal.close(SOON_S)


def test_the_row_of_an_attempt_is_written_a_turn_later_so_that_the_request_leaves_first(
    journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[str] = []
    wake = journal._writer.wake

    def note() -> None:
        woken.append("woken")
        wake()

    monkeypatch.setattr(journal._writer, "wake", note)

    async def press() -> None:
        assert await asyncio.wrap_future(journal.write(entry("p1")))
        attempt = journal.write(entry("p1", EntryKind.ATTEMPT))
        assert woken == []
        await asyncio.sleep(0)
        assert woken == ["woken"]
        assert await asyncio.wait_for(asyncio.wrap_future(attempt), SOON_S)

    asyncio.run(press())


def test_without_a_loop_the_row_of_an_attempt_is_written_at_once(journal: SqliteJournal) -> None:
    assert journal.write(entry("p1", EntryKind.ATTEMPT)).result(SOON_S)


def test_an_attempt_whose_loop_is_over_is_written_at_the_end(path: Path) -> None:
    journal = SqliteJournal(path, pace=Pace(idle_s=3600))
    assert journal.write(entry("p1")).result(SOON_S)

    async def press() -> "Future[bool]":
        return journal.write(entry("p1", EntryKind.ATTEMPT))

    attempt = asyncio.run(press())
    assert journal.close(SOON_S)
    assert attempt.result(0)


def test_what_a_first_press_writes_is_prepared_when_the_journal_opens_and_is_no_press(path: Path) -> None:
    said: list[str] = []

    def traced(path: str) -> sqlite3.Connection:
        connection = connect(path)
        connection.set_trace_callback(said.append)
        return connection

    opened = JournalFile.open(path, this_process(), traced)
    prepared = [each for each in said if " INTO presses " in each]
    opened.append([Row.of(entry("p1", EntryKind.INTENT), str)])
    written = [each for each in said if " INTO presses " in each][len(prepared) :]
    opened.close()
    assert len(prepared) == len(written) == 1
    # SQLite's own text of them, with the values in their places.
    assert prepared[0].partition("VALUES")[0] == written[0].partition("VALUES")[0]
    assert set(prepared[0].partition("VALUES")[2].strip(" ()").split(", ")) == {"NULL"}
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT press_id FROM presses").fetchall() == [("p1",)]
    connection.close()


def test_it_checkpoints_when_idle_and_never_in_a_press(path: Path) -> None:
    journal = SqliteJournal(path, pace=Pace(idle_s=0.05))
    for _ in range(300):
        journal.write(entry("p1", EntryKind.READ, filler="x" * 4096)).result(SOON_S)

    def checkpointed() -> int:
        with sqlite3.connect(path) as connection:
            count: int = connection.execute("SELECT checkpointed FROM upkeep").fetchone()[0]
        connection.close()
        return count

    before = path.stat().st_size
    wait_until(lambda: checkpointed() > 0)
    assert path.stat().st_size > before
    once = checkpointed()
    assert journal.close(SOON_S)
    assert checkpointed() == once, "an idle journal checkpoints once, not for ever"


def test_no_checkpoint_comes_by_itself(path: Path) -> None:
    journal = SqliteJournal(path, pace=Pace(idle_s=3600))
    for _ in range(400):  # SQLite's own limit would be 1,000 pages
        journal.write(entry("p1", EntryKind.READ, filler="x" * 16_000)).result(SOON_S)
    assert path.with_name(path.name + "-wal").stat().st_size > 1_200 * 4096
    assert path.stat().st_size < 100_000
    assert journal.close(SOON_S)


def test_closing_writes_what_waits_and_a_closed_journal_says_so(path: Path) -> None:
    journal = SqliteJournal(path)
    futures = [journal.write(entry(f"p{number}")) for number in range(200)]
    assert journal.close(SOON_S)
    assert all(done.result(0) for done in futures)
    assert journal.problem == "closed"
    assert journal.write(entry("late")).result(SOON_S) is False
    assert journal.recent().exception(SOON_S) is not None

    again = SqliteJournal(path)
    assert len(again.recent(1000).result(SOON_S)) == 200
    assert again.close(SOON_S)


def test_many_threads_may_write_at_once(journal: SqliteJournal) -> None:
    def write(name: str) -> None:
        for number in range(50):
            journal.write(entry(f"{name}{number}"))

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcdefgh"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journal.write(entry("last")).result(SOON_S)
    assert len(journal.recent(1000).result(SOON_S)) == 401


def test_a_secret_in_a_servers_words_does_not_reach_the_disk(path: Path) -> None:
    redact = Redactor()
    redact.hide(Secret('made"up\\token'))
    journal = SqliteJournal(path, redact=redact)
    said = 'no such user: made"up\\token (Authorization: Bearer other.one)'
    journal.write(entry("p1", EntryKind.ANSWER, said=said)).result(SOON_S)
    (answer,) = journal.timeline("p1").result(SOON_S)
    assert answer.facts == {"said": "no such user: (hidden) (Authorization: Bearer (hidden))"}
    everything = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert b"token" not in everything
    assert b"other.one" not in everything
    assert journal.close(SOON_S)


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")
def test_the_files_are_the_users_own(path: Path) -> None:
    before = os.umask(0)
    try:
        journal = SqliteJournal(path)
        journal.write(entry("p1")).result(SOON_S)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {
        "journal.sqlite3": 0o600,
        "journal.sqlite3-wal": 0o600,
        "journal.sqlite3-shm": 0o600,
    }
    assert journal.close(SOON_S)


def test_a_hundred_thousand_presses_are_listed_and_filtered_in_time(path: Path) -> None:
    journal = SqliteJournal(path)
    journal.write(entry("first")).result(SOON_S)
    assert journal.close(SOON_S)
    at, facts = NOW.isoformat(), json.dumps(dict(entry("x").facts))
    with sqlite3.connect(path) as connection:
        connection.executemany(
            "INSERT INTO presses (press_id, at, after_s, facts, pid, started, boot, system_s)"
            " VALUES (?, ?, 0, ?, 1, 'tick 1', 'another', 1.0)",
            ((f"p{number}", at, facts) for number in range(100_000)),
        )
        connection.executemany(
            "INSERT INTO steps (press_id, kind, at, after_s, facts, verdict, pid)"
            " VALUES (?, 'outcome', ?, 0, ?, 'flat', 1)",
            ((f"p{number}", at, facts) for number in range(100_000)),
        )
    connection.close()
    journal = SqliteJournal(path)

    def took(question: Callable[[], object]) -> float:
        begun = time.perf_counter()
        question()
        return time.perf_counter() - begun

    # An order of magnitude, for a busy machine: tests/benchmarks/journal.py measures.
    assert min(took(lambda: journal.recent(100).result(SOON_S)) for _ in range(3)) < 1.0
    assert min(took(lambda: journal.recent(containing="no such").result(SOON_S)) for _ in range(3)) < 2.0
    assert journal.close(SOON_S)
