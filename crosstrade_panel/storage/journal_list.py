"""The journal as a list, a page at a time. Everything here may block or raise sqlite3.Error.

A module by itself: no press needs it, and from the command line each would wait for its import.
"""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from enum import Enum
from typing import TypeAlias, cast

from crosstrade_panel.domain.outcome import Verdict
from crosstrade_panel.domain.value import dataclass
from crosstrade_panel.storage.journal_file import storable
from crosstrade_panel.storage.journal_view import asked_of, facts_of, like


class SortKey(Enum):
    """What the list can be sorted by; where that is equal, the newest press is first."""

    TIME = "time"
    ACCOUNT = "account"
    """Presses of all accounts at once come after every name."""
    OUTCOME = "outcome"
    """Worst first, then what another version wrote; presses without one are last either way."""


@dataclass(frozen=True, slots=True)
class Sorting:
    """In which order presses are listed: newest first, unless said otherwise.

    `is_falling`: the other way round; from late to early, from Z to A, from the best outcome to the worst.
    """

    key: SortKey = SortKey.TIME
    is_falling: bool = True


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which presses of the journal's list are wanted, and in which order.

    What is left out is not asked for.

    `text` is looked for in the facts of the press, whatever the case (ASCII); a press with one of the
    verdicts `meant` is found by it too. `account`: "" for presses of all accounts at once. `verdict`, of the
    latest outcome: "" for none. `since` is the first moment, `until` the first one after.
    """

    text: str = ""
    meant: tuple[str, ...] = ()
    account: str | None = None
    verdict: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    sorting: Sorting = Sorting()


@dataclass(frozen=True, slots=True)
class ListedPress:
    """One line of the journal's list. `seq` orders presses as they were journalled.

    `origin`: the server that it was for, empty where the journal does not tell; `practice`: that was the
    practice exchange of the program.
    """

    seq: int
    press_id: str
    at: datetime
    action: str
    account: str | None
    instrument: str | None
    side: str | None
    verdict: str | None
    acknowledged: bool
    origin: str = ""
    practice: bool = False


@dataclass(frozen=True, slots=True)
class Offered:
    """What the list can be narrowed to: accounts (of the latest presses), and hours with presses."""

    accounts: tuple[str, ...] = ()
    hours: tuple[datetime, ...] = ()


# One row for a whole page: for each row that Python fetches, the thread waits for its turn with the window.
_LISTED = """
SELECT json_group_array(json_array(seq, press_id, at, facts, verdict, acknowledged)) FROM (
    SELECT p.seq, p.press_id, p.at, p.facts,
           (SELECT o.verdict FROM steps o WHERE o.press_id = p.press_id AND o.kind = 'outcome'
            ORDER BY o.seq DESC LIMIT 1) AS verdict,
           EXISTS (SELECT 1 FROM steps a WHERE a.press_id = p.press_id AND a.kind = 'acknowledged')
           AS acknowledged
    FROM json_each(?) wanted JOIN presses p ON p.seq = wanted.value ORDER BY wanted.key LIMIT -1)
"""
_COUNTED = "SELECT count(*) FROM presses p"
_LATEST_VERDICT = (
    "(SELECT o.verdict FROM steps o WHERE o.press_id = p.press_id AND o.kind = 'outcome'"
    " ORDER BY o.seq DESC LIMIT 1)"
)
_EVERY_VERDICT = """
WITH RECURSIVE found (verdict) AS (
    SELECT min(verdict) FROM steps WHERE verdict IS NOT NULL
    UNION ALL
    SELECT (SELECT min(verdict) FROM steps WHERE verdict > found.verdict) FROM found
    WHERE verdict IS NOT NULL)
SELECT json_group_array(verdict) FROM found WHERE verdict IS NOT NULL
"""
"""From each to the next in the index: there are a dozen, of a hundred thousand presses."""
_RARE = 2_000
_OFFERED_OF_LATEST = 20_000
_ListedRow: TypeAlias = tuple[int, str, str, str, str | None, int]


def listed(
    connection: sqlite3.Connection, wanted: Wanted, before: int | None, limit: int
) -> list[ListedPress]:
    """A page of the list as it is sorted; `before` is the `seq` of the last line already shown."""
    found = _PAGES[wanted.sorting.key](connection, wanted, before, limit)
    text = cast("tuple[str]", connection.execute(_LISTED, (json.dumps(found),)).fetchone())[0]
    return [_listed(row) for row in cast("list[_ListedRow]", json.loads(text))]


def _by_time(connection: sqlite3.Connection, wanted: Wanted, after: int | None, limit: int) -> list[int]:
    if wanted.sorting.is_falling:
        return _newest(connection, wanted, after, limit)
    where, values = _conditions(connection, wanted)
    page = f"SELECT p.seq FROM presses p WHERE p.seq > ? AND {where} ORDER BY p.seq LIMIT ?"  # noqa: S608
    return _numbers(connection, page, [-1 if after is None else after, *values, limit])


def _newest(connection: sqlite3.Connection, wanted: Wanted, before: int | None, limit: int) -> list[int]:
    where, values = _conditions(connection, wanted)
    page = f"SELECT p.seq FROM presses p WHERE p.seq < ? AND {where} ORDER BY p.seq DESC LIMIT ?"  # noqa: S608
    return _numbers(connection, page, [1 << 62 if before is None else before, *values, limit])


# As the writer spells it: a hundred thousand facts are searched, not parsed. Behind the name come instrument
# and side, and order its presses too; the quotation mark that ends it keeps `Apex` before `Apex-03`.
_ACCOUNT = "substr(p.facts, instr(p.facts, '\"account\": ') + 11, 250) COLLATE NOCASE"


def _by_account(connection: sqlite3.Connection, wanted: Wanted, after: int | None, limit: int) -> list[int]:
    where, values = _conditions(connection, wanted)
    # The limit keeps SQLite from making the key anew for each time that it is looked at.
    keys = f"SELECT p.seq AS seq, {_ACCOUNT} AS account FROM presses p WHERE {where} LIMIT -1"  # noqa: S608
    is_behind = "1"
    if after is not None:
        last = connection.execute(f"SELECT {_ACCOUNT} FROM presses p WHERE seq = ?", (after,)).fetchone()  # noqa: S608
        if last is None:
            return []
        account = cast("tuple[str]", last)[0]
        sign = "<" if wanted.sorting.is_falling else ">"
        is_behind = f"(account {sign} ? OR (account = ? AND seq < ?))"
        values += [account, account, after]
    way = "DESC" if wanted.sorting.is_falling else "ASC"
    return _numbers(
        connection,
        f"SELECT seq FROM ({keys}) WHERE {is_behind} ORDER BY account {way}, seq DESC LIMIT ?",  # noqa: S608
        [*values, limit],
    )


def _by_outcome(connection: sqlite3.Connection, wanted: Wanted, after: int | None, limit: int) -> list[int]:
    """One outcome after the other: of a hundred thousand presses only a page is looked up."""
    verdicts = [wanted.verdict] if wanted.verdict is not None else _verdicts(connection, wanted.sorting)
    before = after
    if after is not None:
        last = connection.execute(
            f"SELECT {_LATEST_VERDICT} FROM presses p WHERE p.seq = ?",  # noqa: S608
            (after,),
        ).fetchone()
        verdict = cast("tuple[str | None]", last or (None,))[0] or ""
        verdicts = verdicts[verdicts.index(verdict) :] if verdict in verdicts else []
    found: list[int] = []
    for verdict in verdicts:
        found += _newest(connection, replace(wanted, verdict=verdict), before, limit - len(found))
        if len(found) >= limit:
            break
        before = None
    return found


def _verdicts(connection: sqlite3.Connection, sorting: Sorting) -> list[str]:
    """The outcomes that there are, as they are sorted; "" for none."""
    ranks = {verdict.value: verdict.rank for verdict in Verdict}
    found = connection.execute(_EVERY_VERDICT).fetchone()
    verdicts = cast("list[str]", json.loads(cast("tuple[str]", found)[0]))
    verdicts.sort(key=lambda each: (ranks.get(each, len(ranks)), each), reverse=sorting.is_falling)
    return [*verdicts, ""]


_PAGES = {SortKey.TIME: _by_time, SortKey.ACCOUNT: _by_account, SortKey.OUTCOME: _by_outcome}


def _numbers(connection: sqlite3.Connection, question: str, values: Sequence[object]) -> list[int]:
    """The presses that a question finds, gathered into one text."""
    gathered = connection.execute(f"SELECT json_group_array(seq) FROM ({question})", values)  # noqa: S608
    return cast("list[int]", json.loads(cast("tuple[str]", gathered.fetchone())[0]))


def how_many(connection: sqlite3.Connection, wanted: Wanted) -> int:
    """How many presses are wanted."""
    where, values = _conditions(connection, wanted)
    row = connection.execute(f"{_COUNTED} WHERE {where}", values).fetchone()
    return int(cast("tuple[int]", row)[0])


def offered(connection: sqlite3.Connection) -> Offered:
    """What the list can be narrowed to."""
    accounts = connection.execute(
        "SELECT json_group_array(DISTINCT CASE WHEN json_valid(facts)"
        " THEN json_extract(facts, '$.account') END)"
        " FROM presses WHERE seq > (SELECT max(seq) FROM presses) - ?",
        (_OFFERED_OF_LATEST,),
    ).fetchone()
    hours = connection.execute("SELECT json_group_array(DISTINCT substr(at, 1, 13)) FROM presses").fetchone()
    names = json.loads(cast("tuple[str]", accounts)[0])
    spelled = json.loads(cast("tuple[str]", hours)[0])
    return Offered(
        tuple(sorted(name for name in names if isinstance(name, str))),
        tuple(sorted((datetime.fromisoformat(f"{hour}:00:00+00:00") for hour in spelled), reverse=True)),
    )


def _conditions(connection: sqlite3.Connection, wanted: Wanted) -> tuple[str, list[object]]:
    """What is wanted as SQL.

    The plus keeps SQLite from walking by press id instead of by `seq`; without it a rare outcome is found at
    once, instead of after all that ended otherwise.
    """
    where: list[str] = ["1"]
    values: list[object] = []
    if wanted.since is not None:
        where.append("p.at >= ?")
        values.append(_second(wanted.since))
    if wanted.until is not None:
        where.append("p.at < ?")
        values.append(_second(wanted.until))
    if wanted.account is not None:
        # As the writer spells it: a hundred thousand facts are searched, not parsed.
        name = json.dumps(storable(wanted.account)) if wanted.account else "null"
        where.append("instr(p.facts, ?) > 0")
        values.append(f'"account": {name}')
    if wanted.verdict == "":
        where.append("+p.press_id NOT IN (SELECT press_id FROM steps WHERE verdict IS NOT NULL)")
    elif wanted.verdict is not None:
        plus = "" if _is_rare(connection, wanted.verdict) else "+"
        where.append(f"{plus}p.press_id IN (SELECT press_id FROM steps WHERE verdict = ?)")  # noqa: S608
        where.append(f"{_LATEST_VERDICT} = ?")
        values += [wanted.verdict, wanted.verdict]
    if wanted.text:
        marks = ", ".join("?" * len(wanted.meant))
        ended_so = f"+p.press_id IN (SELECT press_id FROM steps WHERE verdict IN ({marks}))"  # noqa: S608
        where.append(f"(p.facts LIKE ? ESCAPE '\\' OR {ended_so})")
        values += [like(json.dumps(storable(wanted.text))[1:-1]), *wanted.meant]
    return " AND ".join(where), values


def _is_rare(connection: sqlite3.Connection, verdict: str) -> bool:
    counted = "SELECT count(*) FROM (SELECT 1 FROM steps WHERE verdict = ? LIMIT ?)"
    row = connection.execute(counted, (verdict, _RARE)).fetchone()
    return cast("tuple[int]", row)[0] < _RARE


def _second(at: datetime) -> str:
    """A time as rows begin with it, to be compared as text."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _listed(row: _ListedRow) -> ListedPress:
    seq, press_id, at, text, verdict, acknowledged = row
    return ListedPress(
        seq=seq,
        press_id=press_id,
        at=datetime.fromisoformat(at),
        **asked_of(facts_of(text)),
        verdict=verdict,
        acknowledged=bool(acknowledged),
    )
