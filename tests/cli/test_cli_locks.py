"""The command line gives way to another process's press."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from crosstrade_panel.domain.outcome import Verdict
from crosstrade_panel.domain.scope import EveryAccount, OneAccount, Side
from crosstrade_panel.elsewhere import presses_of
from crosstrade_panel.storage.journal import SqliteJournal
from crosstrade_panel.storage.journal_file import JournalFileError, Problem
from crosstrade_panel.storage.journal_view import PressRecord
from crosstrade_panel.storage.owner import Owner
from crosstrade_panel.system_clock import system_seconds
from crosstrade_panel.trading.ports import Entry, EntryKind
from tests.contract_server import ContractServer

if TYPE_CHECKING:
    from tests.cli.conftest import Run

FLATTEN = ["flatten", "--account", "Sim101", "--instrument", "MES 12-25", "--json"]
REVERSE = ["reverse", "--account", "Sim101", "--instrument", "MES 12-25", "--side", "short", "--json"]
OWN_SEQ = 100
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def record(
    origin: str,
    *,
    action: str = "flatten",
    account: str | None = "Sim101",
    instrument: str | None = None,
    side: str | None = None,
    age_s: float = 1.0,
    verdict: str | None = None,
    quantity: object = 2,
    seq: int = 1,
    press_id: str = "",
    ended_after_s: float | None = None,
) -> PressRecord:
    """A press of process 4711, so long ago."""
    return PressRecord(
        seq=seq,
        press_id=press_id or f"press-{age_s}",
        at=NOON,
        action=action,
        account=account,
        instrument=instrument,
        side=side,
        origin=origin,
        practice=False,
        facts={"quantity": quantity},  # type: ignore[dict-item]
        owner=Owner(4711, "tick 1", "boot"),
        owner_alive=True,
        began_system_s=system_seconds() - age_s,
        verdict=verdict,
        ended_at=None,
        ended_after_s=ended_after_s,
    )


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> list[PressRecord]:
    """What the journal says of other processes; a waiting time of its own size, for locks of seconds.

    Nothing is said before the command's own intent is in the journal; that row's number is OWN_SEQ. Ages are
    those at the question, however long the machine took to come to it.
    """
    records: list[PressRecord] = []
    began_at = system_seconds()

    def presses_elsewhere(
        journal: SqliteJournal, _within_s: float, and_mine: str | None = None
    ) -> "Future[list[PressRecord]]":
        answer: Future[list[PressRecord]] = Future()
        if and_mine is None:
            answer.set_result([])
        else:
            until = system_seconds() + 10  # a flatten does not wait for its row as long as this
            while not journal.timeline(and_mine).result(10):
                assert system_seconds() < until, "asked before the intent was written"
            late_s = system_seconds() - began_at
            rows = [replace(row, began_system_s=row.began_system_s + late_s) for row in records]
            answer.set_result([record("mine", press_id=and_mine, seq=OWN_SEQ), *rows])
        return answer

    monkeypatch.setattr(SqliteJournal, "presses_elsewhere", presses_elsewhere)
    monkeypatch.setenv("CROSSTRADE_PANEL_PACE", "0.4")  # locks of 1.2 s and 8 s
    return records


@pytest.mark.parametrize(
    ("press", "is_locked"),
    [
        ({}, True),
        ({"account": None}, True),
        ({"instrument": "MES 12-25"}, True),
        ({"account": "Sim102"}, False),
        ({"instrument": "NQ 12-25"}, False),
        ({"side": "long"}, False),  # narrower than the press that is asked for
        ({"age_s": 2.0}, False),
        ({"verdict": "flat"}, False),
        ({"verdict": "flat", "age_s": 0.1}, True),
        ({"verdict": "not_sent", "age_s": 0.0}, False),
        ({"seq": OWN_SEQ + 1}, False),  # it will give way to this one
        ({"verdict": "unknown"}, True),
        ({"verdict": "made up"}, True),
        ({"action": "reverse", "instrument": "MES 12-25", "side": "short", "verdict": "reversed"}, False),
    ],
)
def test_a_flatten_gives_way_to_a_press_that_covers_it(
    run: "Run",
    server: ContractServer,
    elsewhere: list[PressRecord],
    press: dict[str, Any],
    is_locked: bool,
) -> None:
    elsewhere.append(record(server.base_url, **press))
    done = run(*FLATTEN, "--base-url", server.base_url)
    assert (done.code == 4) is is_locked
    assert len(server.presses) == (not is_locked)
    if is_locked:
        assert "process 4711 pressed FLATTEN" in done.json["detail"]


@pytest.mark.parametrize(
    ("press", "is_locked"),
    [
        ({}, True),
        ({"age_s": 7.0}, True),
        ({"side": "long"}, True),
        ({"account": "Sim102"}, False),
        ({"verdict": "flat"}, False),
        ({"action": "reverse", "instrument": "MES 12-25", "side": "short"}, True),
        ({"action": "reverse", "instrument": "MES 12-25", "side": "short", "verdict": "unknown"}, True),
        ({"action": "reverse", "instrument": "NQ 12-25", "side": "short"}, False),
        ({"action": "reverse", "instrument": "MES 12-25", "verdict": "not_sent", "age_s": 0.0}, False),
        ({"action": "reverse", "instrument": "MES 12-25", "seq": OWN_SEQ + 1}, False),
        ({"seq": OWN_SEQ + 1}, True),  # a flatten gives way to no reverse
        ({"verdict": "flat", "ended_after_s": 60.0}, True),  # over only after the read
        ({"verdict": "flat", "ended_after_s": 60.0, "account": "Sim102"}, False),
    ],
)
def test_a_reverse_gives_way_to_whatever_may_still_act(
    run: "Run",
    server: ContractServer,
    elsewhere: list[PressRecord],
    press: dict[str, Any],
    is_locked: bool,
) -> None:
    elsewhere.append(record(server.base_url, **press))
    done = run(*REVERSE, "--base-url", server.base_url)
    assert (done.code == 4) is is_locked
    assert len(server.presses) == (not is_locked)


def test_a_press_against_another_server_locks_nothing(
    run: "Run", server: ContractServer, elsewhere: list[PressRecord]
) -> None:
    elsewhere.append(record("https://app.crosstrade.io:443", account=None))
    assert run(*FLATTEN, "--base-url", server.base_url).code == 0


def test_after_a_reverse_elsewhere_a_flatten_is_proved_until_its_entry_can_no_more_come(
    run: "Run", server: ContractServer, elsewhere: list[PressRecord]
) -> None:
    elsewhere.append(
        record(server.base_url, action="reverse", instrument="MES 12-25", side="short", age_s=6.0)
    )
    done = run(*FLATTEN, "--base-url", server.base_url)
    assert done.code == 0
    assert done.json["timings_ms"]["proved"] > 1900  # 8 s after the reverse


def _never(*_: object) -> "Future[list[PressRecord]]":
    return Future()


def _unreadable(*_: object) -> "Future[list[PressRecord]]":
    answer: Future[list[PressRecord]] = Future()
    answer.set_exception(JournalFileError(Problem.CORRUPT))
    return answer


@pytest.mark.parametrize("answer", [_never, _unreadable])
def test_a_journal_that_cannot_be_read_in_time_locks_no_flatten_and_refuses_a_reverse(
    run: "Run", server: ContractServer, monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    monkeypatch.setattr(SqliteJournal, "presses_elsewhere", answer)
    done = run(*REVERSE, "--base-url", server.base_url)
    assert (done.code, done.json["outcome"]) == (4, "not_sent")
    assert "the journal cannot be written and read in time" in done.json["detail"]
    assert server.presses == []
    assert run(*FLATTEN, "--base-url", server.base_url).code == 0


def test_what_the_journal_asked_early_knows_serves_when_it_is_slow_later(
    run: "Run", server: ContractServer, elsewhere: list[PressRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    early: Future[list[PressRecord]] = Future()
    early.set_result([record(server.base_url)])
    waiting = [Future[list[PressRecord]](), early]
    monkeypatch.setattr(SqliteJournal, "presses_elsewhere", lambda *_: waiting.pop())
    assert run(*FLATTEN, "--base-url", server.base_url).code == 4


def test_a_reverse_takes_no_answer_from_before_its_own_question(
    run: "Run", server: ContractServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    early: Future[list[PressRecord]] = Future()
    early.set_result([])
    waiting = [Future[list[PressRecord]](), early]
    monkeypatch.setattr(SqliteJournal, "presses_elsewhere", lambda *_: waiting.pop())
    done = run(*REVERSE, "--base-url", server.base_url)
    assert (done.code, server.presses) == (4, [])
    assert waiting == []


def test_a_reverse_that_does_not_find_its_own_row_is_not_sent(
    run: "Run", server: ContractServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_file(*_: object) -> "Future[list[PressRecord]]":
        answer: Future[list[PressRecord]] = Future()
        answer.set_result([])
        return answer

    monkeypatch.setattr(SqliteJournal, "presses_elsewhere", no_file)
    done = run(*REVERSE, "--base-url", server.base_url)
    assert (done.code, server.presses) == (4, [])
    assert "the journal cannot be written and read in time" in done.json["detail"]


@pytest.mark.parametrize(
    ("late_s", "is_committed", "is_sent"),
    [(0.1, True, True), (0.1, False, False), (60.0, True, False)],
)
def test_a_reverse_waits_a_little_for_its_intent_and_is_not_sent_without(
    run: "Run",
    server: ContractServer,
    monkeypatch: pytest.MonkeyPatch,
    late_s: float,
    is_committed: bool,
    is_sent: bool,
) -> None:
    real, timers = SqliteJournal.write, []

    def slow(journal: SqliteJournal, entry: Entry) -> "Future[bool]":
        if entry.kind is not EntryKind.INTENT:
            return real(journal, entry)
        done: Future[bool] = Future()
        written = real(journal, entry)

        def settle() -> None:
            done.set_result(written.result(10) and is_committed)

        timers.append(threading.Timer(late_s, settle))
        timers[-1].start()
        return done

    monkeypatch.setattr(SqliteJournal, "write", slow)
    done = run(*REVERSE, "--base-url", server.base_url)
    for timer in timers:
        timer.cancel()
        timer.join()
    assert (done.code == 0, len(server.presses)) == (is_sent, int(is_sent))
    assert is_sent or "the journal cannot be written and read in time" in done.json["detail"]


def test_a_reverse_that_gave_way_has_its_outcome_in_the_journal(
    run: "Run",
    server: ContractServer,
    elsewhere: list[PressRecord],
    journal: Callable[[], list[tuple[str, str, dict[str, Any]]]],
) -> None:
    elsewhere.append(record(server.base_url))
    assert run(*REVERSE, "--base-url", server.base_url).code == 4
    kinds = [kind for _, kind, _ in journal()]
    assert kinds == ["intent", "outcome"]
    assert journal()[-1][2]["verdict"] == "not_sent"


# --- what a row of the journal says


def test_rows_become_presses_oldest_first_with_what_they_came_to() -> None:
    rows = [
        record("o", age_s=1.0, verdict="flat", side="short"),
        record("o", age_s=5.0, account=None, instrument="MES 12-25"),
        record("p"),
        record("o", action="reverse", instrument="MES 12-25", side="short", age_s=9.0),
    ]
    reverse, wide, narrow = presses_of(rows, "o")
    assert (narrow.scope, narrow.is_unresolved) == (OneAccount("Sim101", None, Side.SHORT), False)
    assert narrow.outcome is not None
    assert narrow.outcome.verdict is Verdict.FLAT
    assert (wide.scope, wide.is_unresolved) == (EveryAccount("MES 12-25"), True)
    assert reverse.ticket is not None
    assert (reverse.ticket.quantity, reverse.ticket.leaving) == (2, Side.SHORT)


@pytest.mark.parametrize(
    "row",
    [
        record("o", account=""),
        record("o", instrument=" "),
        record("o", action="reverse", account=None),
        record("o", action="reverse", instrument=None),
    ],
)
def test_a_row_that_cannot_be_read_may_touch_everything(row: PressRecord) -> None:
    [press] = presses_of([row], "o")
    assert (press.scope, press.ticket) == (EveryAccount(), None)


@pytest.mark.parametrize("quantity", [None, "2", 0, -1])
def test_a_reverse_without_a_quantity_still_counts(quantity: object) -> None:
    [press] = presses_of([record("o", action="reverse", instrument="ES 12-25", quantity=quantity)], "o")
    assert press.ticket is not None
    assert press.ticket.quantity == 1
