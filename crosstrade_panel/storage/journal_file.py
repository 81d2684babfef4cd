"""The journal's database: opening, setting aside, appending. Everything here may block or fail."""

import errno
import json
import math
import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias, cast

from crosstrade_panel.domain.value import dataclass
from crosstrade_panel.storage.owner import Owner
from crosstrade_panel.storage.paths import make_private_file, make_private_folder
from crosstrade_panel.system_clock import system_seconds
from crosstrade_panel.trading.ports import Entry, EntryKind, Fact

SCHEMA_VERSION = 1
APPLICATION_ID = 0x43545041
"""Marks a database as this program's."""

BUSY_S = 0.25
"""How long a commit waits for another process that is writing."""

_CACHE_KB = 512
"""Of its pages: rows are only added, and a cache of the usual size would fill for days of presses."""

MAX_FACTS = 1_000_000
"""Characters of JSON in one row; more is replaced by its length."""

_SCHEMA = """
CREATE TABLE presses (
    seq INTEGER PRIMARY KEY, press_id TEXT NOT NULL UNIQUE, at TEXT NOT NULL, after_s REAL,
    facts TEXT NOT NULL,
    pid INTEGER NOT NULL, started TEXT NOT NULL, boot TEXT NOT NULL, system_s REAL NOT NULL
);
CREATE TABLE steps (
    seq INTEGER PRIMARY KEY, press_id TEXT NOT NULL, kind TEXT NOT NULL, at TEXT NOT NULL, after_s REAL,
    facts TEXT NOT NULL, verdict TEXT, pid INTEGER NOT NULL
);
CREATE INDEX steps_of_press ON steps (press_id, kind, seq);
CREATE INDEX verdicts ON steps (verdict, press_id) WHERE verdict IS NOT NULL;
CREATE TABLE upkeep (opened INTEGER NOT NULL, checkpointed INTEGER NOT NULL);
INSERT INTO upkeep VALUES (0, 0);
PRAGMA application_id = {application_id};
PRAGMA user_version = {version};
"""

_NEW_PRESS = (
    "INSERT OR IGNORE INTO presses (press_id, at, after_s, facts, pid, started, boot, system_s)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)

Connect: TypeAlias = Callable[[str], sqlite3.Connection]


class Problem(StrEnum):
    """Why the journal writes nothing, or nothing just now."""

    DISK_FULL = "disk full"
    READ_ONLY = "read-only"
    CANNOT_OPEN = "cannot open"
    BUSY = "busy"
    BROKEN = "broken"
    CORRUPT = "corrupt"
    HANGS = "hangs"
    NEWER = "newer version"
    CLOSED = "closed"


class JournalFileError(Exception):
    """The database could not do what was asked."""

    def __init__(self, problem: Problem, detail: str = "") -> None:
        super().__init__(f"{problem.value} ({detail})" if detail else problem.value)
        self.problem = problem


class RowError(Exception):
    """A row, not the disk, was at fault: writing it again would fail again."""


@dataclass(frozen=True, slots=True)
class Row:
    """An entry as it is stored: nothing in it can fail to be encoded any more."""

    press_id: str
    kind: EntryKind
    at: str
    after_s: float | None
    facts: str
    verdict: str | None
    system_s: float

    @classmethod
    def of(cls, entry: Entry, redact: Callable[[str], str]) -> "Row":
        """Encode an entry now, before its facts can change. Never raises."""
        return cls(
            press_id=storable(entry.press_id),
            kind=entry.kind,
            at=entry.at.astimezone(UTC).isoformat(),
            after_s=entry.after_s if math.isfinite(entry.after_s) else None,
            facts=redact(_json(entry.facts)),
            verdict=_verdict(entry),
            system_s=system_seconds(),
        )


def connect(path: str) -> sqlite3.Connection:
    """A connection that begins and ends transactions only when told."""
    return sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)


class JournalFile:
    """An open database, for one thread. Every method raises JournalFileError, `append` RowError too."""

    def __init__(self, path: Path, owner: Owner, connection: sqlite3.Connection) -> None:
        self._path = path
        self._owner = owner
        self._connection = connection

    @classmethod
    def open(cls, path: Path, owner: Owner, connect: Connect = connect) -> "JournalFile":
        """Open, or begin, the database at this path.

        Raises:
            JournalFileError: with CORRUPT the file was not touched; see `set_aside`.
        """
        connection: sqlite3.Connection | None = None
        try:
            make_private_folder(path.parent)
            make_private_file(path, "-wal", "-shm")
            _refuse_newer(path)
            connection = connect(str(path))
            _prepare(connection)
        except (sqlite3.Error, OSError, JournalFileError) as error:
            if connection is not None:
                connection.close()
            raise _error(error) from error
        return cls(path, owner, connection)

    def append(self, rows: Sequence[Row]) -> None:
        """Commit rows, all or none. Does not wait for the disk: see `sync`."""
        execute = self._connection.execute
        try:
            if len(rows) == 1:  # a transaction by itself, as of every press's intent
                self._insert(rows[0])
                return
            execute("BEGIN IMMEDIATE")
            for row in rows:
                self._insert(row)
            execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            raise _error(error) from error

    def sync(self) -> None:
        """Wait until everything committed is on the disk.

        An fsync of the write-ahead log alone: no checkpoint, nothing is copied, no reader or writer waits.
        """
        try:
            descriptor = os.open(f"{self._path}-wal", os.O_RDWR)  # for writing: Windows flushes nothing else
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except FileNotFoundError:
            return  # a file system without WAL: SQLite synced at the commit
        except OSError as error:
            raise _error(error) from error

    def checkpoint(self) -> None:
        """Copy the log into the database, then start the log afresh.

        The first commit after a complete checkpoint syncs the new log's header: paid here by a commit of our
        own, or the next press would pay it.
        """
        try:
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            self._connection.execute("UPDATE upkeep SET checkpointed = checkpointed + 1")
        except sqlite3.Error as error:
            raise _error(error) from error

    def is_sound(self) -> bool:
        """Read the whole database. Seconds for a large one."""
        try:
            return self._connection.execute("PRAGMA quick_check(1)").fetchall() == [("ok",)]
        except sqlite3.DatabaseError:
            return False

    def close(self) -> None:
        """Close; the last connection of all processes checkpoints and removes the log."""
        try:
            self._connection.close()
        except sqlite3.Error as error:
            raise _error(error) from error

    def _insert(self, row: Row) -> None:
        execute = self._connection.execute
        common = (row.press_id, row.at, row.after_s, row.facts)
        if row.kind is EntryKind.INTENT:
            owner = self._owner
            done = execute(_NEW_PRESS, (*common, owner.pid, owner.started, owner.boot, row.system_s))
            if done.rowcount == 1:
                return
            # a second intent of one press is wrong, but is kept: nothing is lost, nothing updated away
        execute(
            "INSERT INTO steps (press_id, at, after_s, facts, kind, verdict, pid)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (*common, row.kind.value, row.verdict, self._owner.pid),
        )

    def _roll_back(self) -> None:
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error:
            return  # the caller gives this connection up


def set_aside(path: Path) -> Path:
    """Rename a database that cannot be used, with its log, and give its new name. Nothing is deleted.

    Raises:
        JournalFileError: it could not be renamed (on Windows while another process has it open).
    """
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
    aside = path.with_name(f"{path.stem}.corrupt-{stamp}{path.suffix}")
    try:
        # the log first: SQLite would delete a log that it finds beside a new, empty database
        for ending in ("-wal", "-shm", ""):
            part = path.with_name(path.name + ending)
            if part.exists():
                part.rename(aside.with_name(aside.name + ending))
    except OSError as error:
        raise _error(error) from error
    return aside


def open_for_reading(path: Path) -> sqlite3.Connection | None:
    """A connection that cannot write; None when there is no journal yet.

    Raises:
        JournalFileError: it cannot be read.
    """
    if not path.exists():
        return None
    uri = path.absolute().as_uri()
    if not uri.startswith("file:///"):
        uri = uri.replace("file://", "file:////", 1)  # a Windows share: SQLite takes no host name
    connection: sqlite3.Connection | None = None
    try:
        connection = sqlite3.connect(f"{uri}?mode=ro", timeout=BUSY_S, isolation_level=None, uri=True)
        version = _version(connection)
    except sqlite3.Error as error:
        if connection is not None:
            connection.close()
        raise _error(error) from error
    if version == SCHEMA_VERSION:
        return connection
    connection.close()
    if version > SCHEMA_VERSION:
        raise JournalFileError(Problem.NEWER, f"version {version}")
    return None


def _refuse_newer(path: Path) -> None:
    """Look at the version without leave to write: a journal of a later program is not to be touched."""
    connection = open_for_reading(path)
    if connection is not None:
        connection.close()


def _prepare(connection: sqlite3.Connection) -> None:
    """Set the connection up and make the tables of a new database.

    synchronous=NORMAL: in WAL mode a commit then writes without waiting for the disk. No checkpoint by
    itself: that would sync inside a press's commit.
    """
    execute = connection.execute
    execute("PRAGMA journal_mode = WAL").fetchall()
    execute("PRAGMA synchronous = NORMAL")
    execute("PRAGMA wal_autocheckpoint = 0").fetchall()
    execute(f"PRAGMA journal_size_limit = {4 << 20}").fetchall()
    execute(f"PRAGMA cache_size = -{_CACHE_KB}")
    if _version(connection) == 0:
        execute("BEGIN IMMEDIATE")
        if _version(connection) == 0:  # else another process was quicker
            if execute("SELECT count(*) FROM sqlite_master").fetchone() != (0,):
                raise JournalFileError(Problem.CORRUPT, "not a journal")
            schema = _SCHEMA.format(application_id=APPLICATION_ID, version=SCHEMA_VERSION)
            for statement in schema.split(";"):
                execute(statement)
        execute("COMMIT")
    # a first commit syncs the log's header, as after a checkpoint: now, and not in a press
    execute("UPDATE upkeep SET opened = opened + 1")
    # ignored, for a press has no column without a value; but prepared: a third of what the first intent takes
    execute(_NEW_PRESS, (None,) * 8)


def _version(connection: sqlite3.Connection) -> int:
    return int(cast("tuple[int]", connection.execute("PRAGMA user_version").fetchone())[0])


def _error(error: sqlite3.Error | OSError | JournalFileError) -> JournalFileError | RowError:
    """What an error of SQLite or the system means to the journal."""
    if isinstance(error, JournalFileError):
        return error
    if isinstance(error, OSError):
        return JournalFileError(_OS_PROBLEMS.get(error.errno or 0, Problem.CANNOT_OPEN), str(error.errno))
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code in _SQLITE_PROBLEMS:
        return JournalFileError(_SQLITE_PROBLEMS[code], str(error))
    if isinstance(error, sqlite3.OperationalError):
        return JournalFileError(Problem.BROKEN, str(error))
    return RowError(str(error))


def reading_error(error: sqlite3.Error | OSError | ValueError | JournalFileError) -> JournalFileError:
    """The error of a reading; a row with a time or kind that cannot be read is a corrupt file, too."""
    if isinstance(error, ValueError):
        return JournalFileError(Problem.CORRUPT, str(error))
    translated = _error(error)
    return translated if isinstance(translated, JournalFileError) else JournalFileError(Problem.BROKEN)


_OS_PROBLEMS = {
    errno.ENOSPC: Problem.DISK_FULL,
    getattr(errno, "EDQUOT", errno.ENOSPC): Problem.DISK_FULL,
    errno.EROFS: Problem.READ_ONLY,
    errno.EACCES: Problem.READ_ONLY,
    errno.EPERM: Problem.READ_ONLY,
    errno.EIO: Problem.BROKEN,
}

_SQLITE_PROBLEMS = {
    sqlite3.SQLITE_FULL: Problem.DISK_FULL,
    sqlite3.SQLITE_READONLY: Problem.READ_ONLY,
    sqlite3.SQLITE_PERM: Problem.READ_ONLY,
    sqlite3.SQLITE_CANTOPEN: Problem.CANNOT_OPEN,
    sqlite3.SQLITE_BUSY: Problem.BUSY,
    sqlite3.SQLITE_LOCKED: Problem.BUSY,
    sqlite3.SQLITE_CORRUPT: Problem.CORRUPT,
    sqlite3.SQLITE_NOTADB: Problem.CORRUPT,
    sqlite3.SQLITE_IOERR: Problem.BROKEN,
    sqlite3.SQLITE_PROTOCOL: Problem.BUSY,
}


def storable(text: str) -> str:
    """A text without lone surrogates, which SQLite refuses."""
    return text.encode("utf-8", "backslashreplace").decode()


_FACTS = json.JSONEncoder(default=str)


def _json(facts: Mapping[str, Fact]) -> str:
    """Facts as ASCII JSON, whatever is in them."""
    try:
        text = _FACTS.encode(dict(facts))
    except (TypeError, ValueError, RecursionError) as error:
        text = json.dumps({"not_encodable": type(error).__name__})
    return text if len(text) <= MAX_FACTS else json.dumps({"too_long": len(text)})


def _verdict(entry: Entry) -> str | None:
    verdict = entry.facts.get("verdict") if entry.kind is EntryKind.OUTCOME else None
    return storable(verdict) if isinstance(verdict, str) else None
