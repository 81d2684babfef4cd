"""What the journal knows about presses. Everything here may block or raise sqlite3.Error."""

import json
import math
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import datetime
from typing import TypeAlias, TypedDict, cast

from crosstrade_panel.domain.value import dataclass
from crosstrade_panel.storage.journal_file import storable
from crosstrade_panel.storage.owner import Owner
from crosstrade_panel.trading.ports import Entry, EntryKind, Fact

_PRESSES = """
SELECT p.seq, p.press_id, p.at, p.facts, p.pid, p.started, p.boot, p.system_s,
       o.verdict, o.at, o.after_s, o.facts,
       EXISTS (SELECT 1 FROM steps a WHERE a.press_id = p.press_id AND a.kind = 'acknowledged')
FROM presses p LEFT JOIN steps o ON o.seq = (
    SELECT max(seq) FROM steps l WHERE l.press_id = p.press_id AND l.kind = 'outcome')
"""


@dataclass(frozen=True, slots=True)
class PressRecord:
    """One press as the journal knows it.

    `seq` orders presses as they were journalled. `verdict` and what begins with `ended` are of the latest
    OUTCOME row, None without one. `began_system_s` is the system's monotonic clock at the press, comparable
    only while `owner_alive`, which was found out when the record was read.
    """

    seq: int
    press_id: str
    at: datetime
    action: str
    account: str | None
    instrument: str | None
    side: str | None
    origin: str
    practice: bool
    facts: Mapping[str, Fact]
    owner: Owner
    owner_alive: bool
    began_system_s: float
    verdict: str | None = None
    ended_at: datetime | None = None
    ended_after_s: float | None = None
    ended_facts: Mapping[str, Fact] = field(default_factory=dict)
    acknowledged: bool = False


def recent(
    connection: sqlite3.Connection, limit: int, before: int | None, containing: str
) -> list[PressRecord]:
    """The latest presses, newest first."""
    where = ["p.seq < ?"]
    values: list[object] = [1 << 62 if before is None else before]
    if containing:
        where.append(
            "(p.facts LIKE ? ESCAPE '\\' OR p.press_id IN (SELECT press_id FROM steps"
            " WHERE verdict IS NOT NULL AND verdict LIKE ? ESCAPE '\\'))"
        )
        values += [like(json.dumps(containing)[1:-1]), like(storable(containing))]
    return _records(connection, where, values, limit)


def without_outcome(connection: sqlite3.Connection) -> list[PressRecord]:
    """Presses with neither outcome nor acknowledgement, newest first.

    That a press was cut short, by the end of the session say, is no outcome while it is less than a day ago:
    it acted perhaps, and nobody went on to look. Asked so that an index answers for all the others.
    """
    where = [
        """(NOT EXISTS (SELECT 1 FROM steps e WHERE e.press_id = p.press_id AND e.kind = 'outcome')
            OR (p.at >= strftime('%Y-%m-%dT%H:%M:%S', 'now', '-1 day')
                AND p.press_id IN
                    (SELECT press_id FROM steps WHERE verdict = 'unknown' AND facts LIKE '%"interrupted"%')
                AND NOT EXISTS (SELECT 1 FROM steps e WHERE e.press_id = p.press_id
                    AND e.kind = 'outcome' AND e.verdict IS NOT 'unknown')))""",
        "NOT EXISTS (SELECT 1 FROM steps e WHERE e.press_id = p.press_id AND e.kind = 'acknowledged')",
    ]
    return _records(connection, where, [], -1)


def since(connection: sqlite3.Connection, system_s: float) -> list[PressRecord]:
    """Presses that began after that moment of the system's clock, of this boot or another, newest first.

    Only the last hundred are looked at: nobody presses more often than that while a lock lasts.
    """
    where = ["p.seq > (SELECT max(seq) - 100 FROM presses)", "p.system_s >= ?"]
    return _records(connection, where, [system_s], -1)


def timeline(connection: sqlite3.Connection, press_id: str) -> list[Entry]:
    """Everything journalled about one press, in order."""
    rows = connection.execute(
        "SELECT 0, seq, 'intent', at, after_s, facts FROM presses WHERE press_id = ?"
        " UNION ALL SELECT 1, seq, kind, at, after_s, facts FROM steps WHERE press_id = ? ORDER BY 1, 2",
        (storable(press_id), storable(press_id)),
    )
    return [
        Entry(
            press_id=press_id,
            kind=EntryKind(kind),
            after_s=math.nan if after_s is None else after_s,
            at=datetime.fromisoformat(at),
            facts=facts_of(facts),
        )
        for _, _, kind, at, after_s, facts in rows
    ]


def _records(
    connection: sqlite3.Connection, where: list[str], values: Sequence[object], limit: int
) -> list[PressRecord]:
    rows = connection.execute(
        f"{_PRESSES} WHERE {' AND '.join(where)} ORDER BY p.seq DESC LIMIT ?",
        (*values, limit),
    ).fetchall()
    alive: dict[Owner, bool] = {}
    records: list[PressRecord] = []
    for row in rows:
        owner = Owner(row[4], row[5], row[6])
        if owner not in alive:
            alive[owner] = owner.is_alive()
        records.append(_record(row, owner, owner_alive=alive[owner]))
    return records


class Asked(TypedDict):
    """What a press asked for, of whom, as its first row says."""

    action: str
    account: str | None
    instrument: str | None
    side: str | None
    origin: str
    practice: bool


def asked_of(facts: Mapping[str, Fact]) -> Asked:
    """The columns that every view of a press has."""
    return {
        "action": name_of(facts.get("action")) or "",
        "account": name_of(facts.get("account")),
        "instrument": name_of(facts.get("instrument")),
        "side": name_of(facts.get("side")),
        "origin": name_of(facts.get("origin")) or "",
        "practice": facts.get("practice") is True,
    }


_Columns: TypeAlias = tuple[
    int, str, str, str, int, str, str, float, str | None, str | None, float | None, str | None, int
]


def _record(row: _Columns, owner: Owner, *, owner_alive: bool) -> PressRecord:
    seq, press_id, at, text, *_, system_s, verdict, ended_at, ended_after_s, ended_facts, acknowledged = row
    facts = facts_of(text)
    return PressRecord(
        seq=seq,
        press_id=press_id,
        at=datetime.fromisoformat(at),
        **asked_of(facts),
        facts=facts,
        owner=owner,
        owner_alive=owner_alive,
        began_system_s=system_s,
        verdict=verdict,
        ended_at=None if ended_at is None else datetime.fromisoformat(ended_at),
        ended_after_s=ended_after_s,
        ended_facts={} if ended_facts is None else facts_of(ended_facts),
        acknowledged=bool(acknowledged),
    )


def facts_of(text: str) -> dict[str, Fact]:
    """Facts of a row; a row that was tampered with shows none."""
    try:
        facts = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Fact]", facts) if isinstance(facts, dict) else {}


def like(text: str) -> str:
    """The pattern for "contains this text"."""
    for special in "\\%_":
        text = text.replace(special, f"\\{special}")
    return f"%{text}%"


def name_of(fact: Fact) -> str | None:
    """A fact that is text."""
    return fact if isinstance(fact, str) else None
