"""A journal of many presses, written in seconds: the schema by the program, the rows straight into it."""

import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from crosstrade_panel.storage.journal import SqliteJournal
from crosstrade_panel.trading.ports import Entry, EntryKind

_BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
_EVERY_S = 250
_ACCOUNTS = 40
_VERDICTS = (
    ("flat",) * 90 + ("nothing_open",) * 5 + ("unknown", "refused", "still_open", "reversed", "reopened")
)
_READS = 3


def fill(path: Path, presses: int) -> None:
    """Make the journal there, with so many flattens and what a good day writes of each."""
    path.parent.mkdir(parents=True, exist_ok=True)
    first = {"action": "flatten", "account": "Sim101"}
    journal = SqliteJournal(path)
    assert journal.write(Entry("first", EntryKind.INTENT, 0.0, _BEGAN, first)).result(10)
    assert journal.write(Entry("first", EntryKind.OUTCOME, 1.0, _BEGAN, {"verdict": "flat"})).result(10)
    assert journal.close(10)
    connection = sqlite3.connect(path)
    connection.executemany(
        "INSERT INTO presses (press_id, at, after_s, facts, pid, started, boot, system_s)"
        " VALUES (?, ?, 0.0, ?, 1, 'long ago', 'another', 1.0)",
        (_press(number) for number in range(presses)),
    )
    connection.executemany(
        "INSERT INTO steps (press_id, kind, at, after_s, facts, verdict, pid) VALUES (?, ?, ?, ?, ?, ?, 1)",
        _steps(presses),
    )
    connection.commit()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.close()


def _press(number: int) -> tuple[str, str, str]:
    facts = {
        "action": "flatten",
        "account": None if number % 10 == 0 else f"Apex-{number % _ACCOUNTS:02d}",
        "instrument": "MES 12-25",
        "side": None,
        "origin": "https://app.crosstrade.io:443",
        "practice": False,
    }
    at = _BEGAN + timedelta(seconds=number * _EVERY_S)
    return f"{number:032x}", at.isoformat(), json.dumps(facts)


def _steps(presses: int) -> Iterator[tuple[str, str, str, float, str, str | None]]:
    random = Random(1)
    read = {"source": "positions", "positions": [], "took_s": 0.03, "epoch_ms": None}
    for number in range(presses):
        at = (_BEGAN + timedelta(seconds=number * _EVERY_S, milliseconds=1)).isoformat()
        press, verdict = f"{number:032x}", random.choice(_VERDICTS)
        answer = {"result": "accepted", "order_ids": [press], "closed_positions": [], "warning": ""}
        yield press, "attempt", at, 0.001, '{"number": 1, "way": "rest"}', None
        yield press, "answer", at, 0.04, json.dumps(answer), None
        for turn in range(_READS):
            yield press, "read", at, 0.5 + turn, json.dumps(read), None
        yield press, "outcome", at, 1.2, json.dumps({"verdict": verdict, "fates": []}), verdict
