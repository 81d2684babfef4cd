"""The journal and processes that die."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from crosstrade_panel.storage import owner
from crosstrade_panel.storage.journal import SqliteJournal
from crosstrade_panel.storage.owner import is_same_boot, this_process
from crosstrade_panel.trading.ports import Entry, EntryKind, Fact
from tests.storage.test_journal import NOW, wait_until

STEPS = ["intent", "attempt", "answer", "read", "read", "outcome", "acknowledged"]
SOON_S = 20.0


@contextmanager
def child(path: Path, press_id: str) -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("press_writer.py")), str(path), press_id],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def step(process: "subprocess.Popen[str]", kind: str) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{kind}\n")
    process.stdin.flush()
    assert process.stdout.readline() == "done\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "journal.sqlite3"


@pytest.mark.parametrize("steps", range(1, len(STEPS) + 1))
def test_a_killed_process_leaves_exactly_the_story_so_far(path: Path, steps: int) -> None:
    with child(path, "p1") as process:
        for kind in STEPS[:steps]:
            step(process, kind)
        process.kill()
        process.wait(SOON_S)

    journal = SqliteJournal(path)
    told = journal.timeline("p1").result(SOON_S)
    assert [(one.kind.value, one.facts["step"]) for one in told] == [
        (kind, number) for number, kind in enumerate(STEPS[:steps])
    ]
    left_open = [press.press_id for press in journal.open_presses().result(SOON_S)]
    assert left_open == ([] if "outcome" in STEPS[:steps] else ["p1"])
    assert journal.write(Entry("p2", EntryKind.INTENT, 0.0, NOW)).result(SOON_S)
    assert journal.close(SOON_S)


def test_a_press_killed_amid_many_writes_is_a_story_without_holes(path: Path) -> None:
    with child(path, "p1") as process:
        step(process, "intent")
        assert process.stdin is not None
        process.stdin.write("read\n" * 2_000)
        process.stdin.flush()
        assert process.stdout is not None
        answered = 1 + sum(process.stdout.readline() == "done\n" for _ in range(300))
        process.kill()
        process.wait(SOON_S)

    journal = SqliteJournal(path)
    told = journal.timeline("p1").result(SOON_S)
    assert [one.facts["step"] for one in told] == list(range(len(told)))
    assert len(told) >= answered
    assert journal.close(SOON_S)


def test_a_living_process_is_elsewhere_and_a_dead_one_left_its_press_open(path: Path) -> None:
    journal = SqliteJournal(path)
    journal.write(Entry("mine", EntryKind.INTENT, 0.0, NOW)).result(SOON_S)
    with child(path, "theirs") as process:
        step(process, "intent")
        (press,) = journal.presses_elsewhere().result(SOON_S)
        assert press.press_id == "theirs"
        assert press.owner.pid == process.pid
        assert press.owner_alive
        both = journal.presses_elsewhere(and_mine="mine").result(SOON_S)
        assert [each.press_id for each in both] == ["theirs", "mine"]
        assert both[0].seq > both[1].seq
        assert journal.open_presses().result(SOON_S) == []
        assert journal.presses_elsewhere(within_s=0.0).result(SOON_S) == []

        process.kill()  # and not yet waited for: a dead process that nobody collected is dead, too
        wait_until(lambda: journal.presses_elsewhere().result(SOON_S) == [])
        process.wait(SOON_S)
        assert [press.press_id for press in journal.open_presses().result(SOON_S)] == ["theirs"]

    journal.write(Entry("theirs", EntryKind.ACKNOWLEDGED, 9.0, NOW)).result(SOON_S)
    assert journal.open_presses().result(SOON_S) == []
    assert journal.close(SOON_S)


def test_two_processes_write_at_once_and_nothing_is_lost(path: Path) -> None:
    # both begin the file at once, too
    with child(path, "a") as first, child(path, "b") as second:
        processes = (first, second)
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("intent\n" + "read\n" * 200)
            process.stdin.close()
            process.stdin = None
        for process in processes:
            assert process.stdout is not None
            # "not done" would be a row that is tried again: allowed, but not lost
            assert len(process.stdout.read().splitlines()) == 201
            assert process.wait(SOON_S) == 0
    journal = SqliteJournal(path)
    for press_id in "ab":
        told = journal.timeline(press_id).result(SOON_S)
        assert [one.facts["step"] for one in told] == list(range(201))
    assert journal.close(SOON_S)


def test_only_the_very_same_process_counts_as_alive() -> None:
    me = this_process()
    assert me.is_alive()
    assert not replace(me, started="tick 1").is_alive(), "the number was given to another process"
    assert not replace(me, started="").is_alive()
    with subprocess.Popen([sys.executable, "-c", ""], stdin=subprocess.DEVNULL) as process:
        process.wait(SOON_S)
    assert not replace(me, pid=process.pid).is_alive()
    if sys.platform == "linux":
        assert not replace(me, boot="an earlier one").is_alive()


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("a-name", "a-name", True),
        ("a-name", "another", False),
        ("1765000000", "1765000001", True),  # the same boot, seen by two processes of Windows
        ("1765000000", "1764999000", False),
        ("", "1765000000", False),
    ],
)
def test_a_boot_is_the_same_where_only_its_time_of_day_moved_a_little(
    one: str, other: str, is_same: bool
) -> None:
    assert is_same_boot(one, other) is is_same
    assert is_same_boot(other, one) is is_same


def test_this_process_is_of_this_boot_and_another_name_is_not() -> None:
    assert this_process().is_of_this_boot()
    assert not replace(this_process(), boot="an earlier one").is_of_this_boot()


@pytest.mark.skipif(sys.platform != "linux", reason="reads what Linux tells of processes")
def test_what_the_system_did_not_tell_of_this_process_once_is_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    me = this_process()
    owner._boot_name.cache_clear()
    owner._own_start.cache_clear()

    def refuse(*_: object) -> str:
        raise OSError("too many open files")

    with monkeypatch.context() as full:
        full.setattr(Path, "read_text", refuse)
        assert not this_process().is_alive()
    assert this_process() == me
    assert this_process().is_alive()


@pytest.mark.parametrize(
    ("verdict", "cause", "is_open"),
    [
        ("unknown", "interrupted", True),
        ("unknown", "no_answer", False),
        ("flat", None, False),
        ("not_sent", "interrupted_before_sending", False),
    ],
)
def test_a_press_that_was_cut_short_is_left_open_until_its_outcome_is_known(
    path: Path, verdict: str, cause: str | None, is_open: bool
) -> None:
    with child(path, "theirs") as process:
        step(process, "intent")
    process.wait(SOON_S)
    journal = SqliteJournal(path)

    def end(verdict: str, cause: str | None) -> list[str]:
        facts: dict[str, Fact] = {"verdict": verdict, "fates": [], "cause": cause}
        journal.write(Entry("theirs", EntryKind.OUTCOME, 1.0, NOW, facts)).result(SOON_S)
        return [press.press_id for press in journal.open_presses().result(SOON_S)]

    assert end(verdict, cause) == (["theirs"] if is_open else [])
    assert end("flat", None) == []
    assert journal.close(SOON_S)
