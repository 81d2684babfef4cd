"""The journal's list in another order: sorted in the database, page by page, narrowed as ever."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from crosstrade_panel.storage.journal import SqliteJournal
from crosstrade_panel.storage.journal_list import Sorting, SortKey, Wanted
from crosstrade_panel.storage.journal_writer import Pace
from tests.storage.test_journal_list import SOON_S, write

TIME, ACCOUNT, OUTCOME = SortKey.TIME, SortKey.ACCOUNT, SortKey.OUTCOME


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqliteJournal]:
    journal = SqliteJournal(tmp_path / "data" / "journal.sqlite3", pace=Pace(idle_s=0.05))
    yield journal
    assert journal.close(SOON_S)


def listed(
    journal: SqliteJournal, key: SortKey, narrowed: Wanted | None = None, *, is_falling: bool = False
) -> list[str]:
    """All of the list, and the same two at a time."""
    wanted = replace(narrowed or Wanted(), sorting=Sorting(key, is_falling=is_falling))
    whole = [press.press_id for press in journal.listed(wanted).result(SOON_S)]
    paged: list[str] = []
    last: int | None = None
    while found := journal.listed(wanted, last, 2).result(SOON_S):
        paged += [press.press_id for press in found]
        last = found[-1].seq
        assert len(paged) <= len(whole)
    assert paged == whole
    return whole


def test_unless_said_otherwise_the_newest_press_is_first_and_the_other_way_round_the_oldest(
    journal: SqliteJournal,
) -> None:
    for name in "abc":
        write(journal, name)
    assert [press.press_id for press in journal.listed(Wanted()).result(SOON_S)] == ["c", "b", "a"]
    assert listed(journal, TIME, is_falling=True) == ["c", "b", "a"]
    assert listed(journal, TIME) == ["a", "b", "c"]


def test_accounts_are_sorted_whatever_the_case_each_with_its_newest_press_first(
    journal: SqliteJournal,
) -> None:
    for number, name in enumerate(("sim102", "Apex-03", None, "Sim101", "apex-03", "Sim101", "Apex")):
        write(journal, f"p{number}", account=name)
    # The shorter name before the one that goes on, all accounts at once after every name.
    assert listed(journal, ACCOUNT) == ["p6", "p4", "p1", "p5", "p3", "p0", "p2"]
    assert listed(journal, ACCOUNT, is_falling=True) == ["p2", "p0", "p5", "p3", "p4", "p1", "p6"]


def test_presses_of_one_account_lie_together_by_instrument_too_and_a_name_with_quotes_is_a_name(
    journal: SqliteJournal,
) -> None:
    write(journal, "nq", account='A "1"', instrument="NQ 12-25")
    write(journal, "other", account='B", "account": "A', instrument="MES 12-25")
    write(journal, "mes", account='A "1"', instrument="MES 12-25")
    write(journal, "cancel", account="C", orders=[{"account": "A", "order_id": "x"}])
    write(journal, "longer", account="A 1")
    assert listed(journal, ACCOUNT) == ["longer", "mes", "nq", "other", "cancel"]


def test_the_worst_outcome_is_first_and_a_press_without_one_last_either_way(journal: SqliteJournal) -> None:
    write(journal, "none")
    write(journal, "flat", "flat")
    write(journal, "was open", "still_open", "flat")
    write(journal, "doubt", "unknown")
    write(journal, "future", "of the future")
    write(journal, "over", "overfilled")
    write(journal, "over again", "overfilled")
    worst_first = ["over again", "over", "doubt", "was open", "flat", "future", "none"]
    assert listed(journal, OUTCOME) == worst_first
    best_first = ["future", "was open", "flat", "doubt", "over again", "over", "none"]
    assert listed(journal, OUTCOME, is_falling=True) == best_first


@pytest.mark.parametrize("key", list(SortKey))
def test_a_sorted_list_is_narrowed_as_any_other(journal: SqliteJournal, key: SortKey) -> None:
    for number in range(12):
        write(
            journal,
            f"p{number}",
            "flat" if number % 2 else "unknown",
            account=f"A{number % 3}",
            instrument="NQ 12-25" if number > 5 else "MES 12-25",
        )
    assert sorted(listed(journal, key, Wanted(account="A1", text="nq"))) == ["p10", "p7"]
    assert sorted(listed(journal, key, Wanted(verdict="unknown", text="mes"))) == ["p0", "p2", "p4"]
    assert listed(journal, key, Wanted(verdict="overfilled")) == []


@pytest.mark.parametrize("key", list(SortKey))
def test_rows_that_were_tampered_with_are_listed_in_every_order(journal: SqliteJournal, key: SortKey) -> None:
    for name in "abc":
        write(journal, name, "flat")
    connection = sqlite3.connect(journal.path)
    with connection:
        connection.execute("UPDATE presses SET facts = '{not json' WHERE press_id = 'b'")
    connection.close()
    assert sorted(listed(journal, key)) == ["a", "b", "c"]
    assert sorted(listed(journal, key, is_falling=True)) == ["a", "b", "c"]


@pytest.mark.parametrize("key", list(SortKey))
def test_there_is_nothing_after_a_press_that_the_journal_does_not_know(
    journal: SqliteJournal, key: SortKey
) -> None:
    write(journal, "a", "flat")
    for is_falling in (True, False):
        sorting = Sorting(key, is_falling=is_falling)
        after = 0 if sorting == Sorting() else 99
        assert journal.listed(Wanted(sorting=sorting), after, 5).result(SOON_S) == []


def test_an_outcome_that_thousands_have_is_found_as_a_rare_one_is(journal: SqliteJournal) -> None:
    write(journal, "first", "unknown")
    connection = sqlite3.connect(journal.path)
    with connection:
        many = range(2_500)
        connection.executemany(
            "INSERT INTO presses (press_id, at, after_s, facts, pid, started, boot, system_s)"
            " VALUES (?, '2026-01-02T12:00:00+00:00', 0, '{}', 1, 'tick 1', 'another', 1.0)",
            ((f"p{number}",) for number in many),
        )
        connection.executemany(
            "INSERT INTO steps (press_id, kind, at, after_s, facts, verdict, pid)"
            " VALUES (?, 'outcome', '2026-01-02T12:00:00+00:00', 1, '{}', 'flat', 1)",
            ((f"p{number}",) for number in many),
        )
    connection.close()
    write(journal, "p7", "still_open")
    worst_first = Wanted(sorting=Sorting(OUTCOME, is_falling=False))
    found = [press.press_id for press in journal.listed(worst_first, None, 4).result(SOON_S)]
    assert found == ["p7", "first", "p2499", "p2498"]
    assert journal.how_many(Wanted(verdict="flat")).result(SOON_S) == 2_499
    assert journal.how_many(Wanted(verdict="still_open")).result(SOON_S) == 1
