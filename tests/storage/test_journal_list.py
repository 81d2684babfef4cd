"""The journal's list: what its filters mean, page by page, and that nobody waits for it."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from crosstrade_panel.storage.journal import SqliteJournal
from crosstrade_panel.storage.journal_list import Offered, Wanted
from crosstrade_panel.storage.journal_writer import Pace
from crosstrade_panel.trading.ports import Entry, EntryKind, Fact

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
SOON_S = 10.0


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqliteJournal]:
    journal = SqliteJournal(tmp_path / "data" / "journal.sqlite3", pace=Pace(idle_s=0.05))
    yield journal
    assert journal.close(SOON_S)


def write(
    journal: SqliteJournal,
    press_id: str,
    *verdicts: str,
    at: datetime = NOON,
    acknowledged: bool = False,
    **facts: Fact,
) -> None:
    """One press as the use cases journal it."""
    intent: dict[str, Fact] = {
        "action": "flatten", "account": "Sim101", "instrument": "MES 12-25", "side": None,
        "origin": "http://127.0.0.1:9", "practice": True, **facts,
    }  # fmt: skip
    entries = [Entry(press_id, EntryKind.INTENT, 0.0, at, intent)]
    entries += [Entry(press_id, EntryKind.OUTCOME, 1.0, at, {"verdict": each}) for each in verdicts]
    if acknowledged:
        entries.append(Entry(press_id, EntryKind.ACKNOWLEDGED, 2.0, at))
    for entry in entries:
        assert journal.write(entry).result(SOON_S)


def ids(journal: SqliteJournal, wanted: Wanted, before: int | None = None, limit: int = 200) -> list[str]:
    found = [press.press_id for press in journal.listed(wanted, before, limit).result(SOON_S)]
    if before is None and len(found) < limit:
        assert journal.how_many(wanted).result(SOON_S) == len(found)
    return found


def test_a_line_tells_the_scope_the_latest_outcome_and_whether_it_was_acknowledged(
    journal: SqliteJournal,
) -> None:
    write(journal, "a", "still_open", "flat", side="short", acknowledged=True)
    [line] = journal.listed(Wanted()).result(SOON_S)
    assert (line.press_id, line.at, line.action) == ("a", NOON, "flatten")
    assert (line.account, line.instrument, line.side) == ("Sim101", "MES 12-25", "short")
    assert (line.verdict, line.acknowledged) == ("flat", True)


def test_the_list_comes_newest_first_page_by_page(journal: SqliteJournal) -> None:
    for number in range(7):
        write(journal, f"p{number}")
    first = journal.listed(Wanted(), None, 3).result(SOON_S)
    assert [press.press_id for press in first] == ["p6", "p5", "p4"]
    assert ids(journal, Wanted(), first[-1].seq, 3) == ["p3", "p2", "p1"]
    assert journal.how_many(Wanted()).result(SOON_S) == 7


def test_an_outcome_is_the_latest_one_and_none_is_one_too(journal: SqliteJournal) -> None:
    write(journal, "late", "still_open", "flat")
    write(journal, "open", "still_open")
    write(journal, "none")
    assert ids(journal, Wanted(verdict="flat")) == ["late"]
    assert ids(journal, Wanted(verdict="still_open")) == ["open"]
    assert ids(journal, Wanted(verdict="")) == ["none"]
    assert ids(journal, Wanted(verdict="overfilled")) == []


def test_an_account_is_meant_to_the_letter(journal: SqliteJournal) -> None:
    write(journal, "one", account="Sim101")
    write(journal, "longer", account="Sim1011")
    write(journal, "all", account=None)
    write(journal, "odd", account='Ωa "b" %_\\')
    write(journal, "cancel", account=None, orders=[{"account": "Sim101", "order_id": "x"}])
    assert ids(journal, Wanted(account="Sim101")) == ["cancel", "one"]
    assert ids(journal, Wanted(account="")) == ["cancel", "all"]
    assert ids(journal, Wanted(account='Ωa "b" %_\\')) == ["odd"]


def test_a_day_begins_and_ends_with_its_seconds(journal: SqliteJournal) -> None:
    day = datetime(2026, 1, 2, tzinfo=UTC)
    for name, at in (
        ("before", day - timedelta(microseconds=1)),
        ("first", day),
        ("last", day + timedelta(days=1) - timedelta(microseconds=1)),
        ("after", day + timedelta(days=1)),
    ):
        write(journal, name, at=at)
    assert ids(journal, Wanted(since=day, until=day + timedelta(days=1))) == ["last", "first"]


def test_a_text_is_found_in_the_press_or_by_what_its_outcome_is_called(journal: SqliteJournal) -> None:
    write(journal, "mes", "flat", instrument="MES 12-25")
    write(journal, "nq", "orders_working", instrument="NQ 12-25")
    write(journal, "odd", instrument="100%_\\ \"Ω\" 'x' --")
    assert ids(journal, Wanted(text="nq 12")) == ["nq"]
    assert ids(journal, Wanted(text="zzz", meant=("flat", "still_open"))) == ["mes"]
    for part in ("100%_", '"Ω"', "' --", "\\"):
        assert ids(journal, Wanted(text=part)) == ["odd"], part
    assert ids(journal, Wanted(text="%")) == ["odd"]


def test_filters_narrow_each_other(journal: SqliteJournal) -> None:
    write(journal, "a", "flat", account="A")
    write(journal, "b", "unknown", account="A")
    write(journal, "c", "flat", account="B")
    assert ids(journal, Wanted(account="A", verdict="flat", text="mes")) == ["a"]


def test_what_can_be_chosen_is_what_there_is(journal: SqliteJournal) -> None:
    assert journal.offered().result(SOON_S) == Offered()
    write(journal, "a", account="B")
    write(journal, "b", account="A", at=NOON - timedelta(days=3))
    write(journal, "c", account=None, at=NOON + timedelta(minutes=59))
    offered = journal.offered().result(SOON_S)
    assert offered == Offered(("A", "B"), (NOON, NOON - timedelta(days=3)))


def test_a_row_that_was_tampered_with_is_listed_all_the_same(journal: SqliteJournal) -> None:
    import sqlite3

    write(journal, "a", "flat")
    connection = sqlite3.connect(journal.path)
    with connection:
        connection.execute("UPDATE presses SET facts = '{not json'")
    connection.close()
    [line] = journal.listed(Wanted()).result(SOON_S)
    assert (line.account, line.action, line.verdict) == (None, "", "flat")
    assert journal.offered().result(SOON_S).accounts == ()


def fill(journal: SqliteJournal, presses: int) -> None:
    """Many presses at once."""
    import sqlite3

    write(journal, "first")
    facts = json.dumps({"action": "flatten", "account": "Sim101"})
    connection = sqlite3.connect(journal.path)
    with connection:
        connection.executemany(
            "INSERT INTO presses (press_id, at, after_s, facts, pid, started, boot, system_s)"
            " VALUES (?, ?, 0, ?, 1, 'tick 1', 'another', 1.0)",
            ((f"p{number}", NOON.isoformat(), facts) for number in range(presses)),
        )
    connection.close()


def test_a_long_reading_that_nobody_wants_any_more_stops(journal: SqliteJournal) -> None:
    fill(journal, 60_000)
    given_up = threading.Event()
    given_up.set()
    assert journal.how_many(Wanted(text="no such"), given_up).result(SOON_S) == 0
    assert journal.listed(Wanted(), None, 5, given_up).result(SOON_S) == []
    # And in the middle of its work: nothing that it says is an error.
    given_up = threading.Event()
    wanted = Wanted(text="a", meant=("flat",), verdict="flat", account="nobody")
    answers = [journal.how_many(Wanted(text="no such"), given_up) for _ in range(30)]
    given_up.set()
    assert {answer.result(SOON_S) for answer in answers} == {0}
    assert journal.how_many(wanted).result(SOON_S) == 0


def test_what_a_press_may_wait_for_does_not_queue_behind_what_is_only_looked_at(
    journal: SqliteJournal,
) -> None:
    fill(journal, 60_000)
    answers = [journal.how_many(Wanted(text="no such")) for _ in range(40)]
    journal.presses_elsewhere().result(SOON_S)
    assert not answers[-1].done()
    assert [answer.result(SOON_S) for answer in answers] == [0] * 40
