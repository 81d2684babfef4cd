"""The journal's writing thread: queues rows, commits, syncs, keeps what the disk does not take."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from crosstrade_panel.domain.value import dataclass
from crosstrade_panel.storage.journal_file import (
    Connect,
    JournalFile,
    JournalFileError,
    Problem,
    Row,
    RowError,
    set_aside,
)
from crosstrade_panel.storage.owner import this_process
from crosstrade_panel.trading.ports import Entry, EntryKind, Fact

logger = logging.getLogger(__name__)

_SYNCED = frozenset({EntryKind.ATTEMPT, EntryKind.ANSWER, EntryKind.OUTCOME})
_EXPENDABLE = frozenset({EntryKind.READ, EntryKind.NOTE})
_ROWS_WITHOUT_CHECKPOINT = 5_000
_MAX_WAITING_CHARACTERS = 64_000_000


@dataclass(frozen=True, slots=True)
class Pace:
    """How long the journal waits for what. The defaults are for use, others for tests."""

    idle_s: float = 2.0
    """Without a write for so long, it checkpoints."""
    hang_s: float = 1.0
    """A call to the disk that takes longer counts as hanging; noticed a quarter later at the latest."""
    first_pause_s: float = 0.05
    """Before the first new try; each further one waits twice as long."""
    longest_pause_s: float = 5.0
    max_waiting: int = 5_000
    """Rows kept while the disk does not take them; reads and notes only up to half of it."""


class JournalWriter:
    """Commits rows in their order on a daemon thread; a second thread notices when the first one hangs."""

    def __init__(
        self,
        path: Path,
        *,
        connect: Connect,
        pace: Pace,
        on_problem: Callable[[str | None], None] | None,
    ) -> None:
        """Begin to open the database, without waiting for it."""
        self._path = path
        self._connect = connect
        self._pace = pace
        self._on_problem = on_problem
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)
        self._watch = threading.Condition(self._lock)
        self._rows: deque[tuple[Row, Future[bool]]] = deque()
        self._characters = 0
        self._lost = 0
        self._trouble: Problem | None = None
        self._busy_since: float | None = None
        self._hanging = False
        self._suspect = False
        self._closing = False
        self._hopeless = False
        # the writing thread's own
        self._file: JournalFile | None = None
        self._uncheckpointed = 0
        self._last_write = time.monotonic()
        self._next_try = 0.0
        self._pause_s = pace.first_pause_s
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()
        threading.Thread(target=self._watch_for_hanging, name="journal-watch", daemon=True).start()

    @property
    def problem(self) -> Problem | None:
        """Why nothing is being written just now."""
        return Problem.HANGS if self._hanging else self._trouble

    def put(self, row: Row, done: "Future[bool]", *, wake: bool = True) -> None:
        """Queue a row; `done` is settled when it is committed, or could not be at the first try.

        Without `wake` the thread is to be woken later; it also finds the row with the next one.
        """
        with self._lock:
            taken = not self._closing and self._trouble is not Problem.NEWER and self._has_room(row)
            if taken:
                self._rows.append((row, done))
                self._characters += len(row.facts)
                if row.kind is EntryKind.INTENT:
                    self._next_try = 0.0  # a press asks the disk again now, whatever it said before
                if wake:
                    self._work.notify()
            else:
                self._lost += 1
        if not taken:
            done.set_result(False)

    def wake(self) -> None:
        """Have the thread look for rows."""
        with self._lock:
            self._work.notify()

    def look_into_it(self) -> None:
        """A reader found the database corrupt: check it, and set it aside if it is."""
        with self._lock:
            self._suspect = True
            self._work.notify()

    def close(self, timeout_s: float) -> bool:
        """Write what waits and end; False when the disk did not let it in time."""
        with self._lock:
            self._closing = True
            self._work.notify()
            self._watch.notify()
        self._thread.join(timeout_s)
        self._abandon(Problem.CLOSED)
        return not self._thread.is_alive()

    def _has_room(self, row: Row) -> bool:
        share = 2 if row.kind in _EXPENDABLE else 1
        return (
            len(self._rows) < self._pace.max_waiting // share
            and self._characters < _MAX_WAITING_CHARACTERS // share
        )

    def _abandon(self, trouble: Problem) -> None:
        with self._lock:
            self._closing = True
            self._trouble = trouble
            rows = list(self._rows)
            self._rows.clear()
            self._watch.notify()
        _settle(rows, committed=False)

    # --- the writing thread

    def _run(self) -> None:
        try:
            self._attempt(())
            while self._wait_for_work():
                self._turn()
            self._drop_file()
        except Exception:  # a bug in here must show as "journal off", never as a press that waits for it
            logger.exception("the journal's thread ended")
            self._abandon(Problem.BROKEN)
            self._tell()

    def _wait_for_work(self) -> bool:
        """Wait for rows, idleness, the time of a new try or the end; False when all is done."""
        with self._lock:
            while True:
                now = time.monotonic()
                if self._closing and (self._hopeless or not self._rows):
                    return False
                last_chance = self._closing and self._trouble is not Problem.BUSY
                if self._rows and (self._file is not None or now >= self._next_try or last_chance):
                    return True
                due = self._due()
                if self._suspect or (due is not None and now >= due):
                    return True
                self._work.wait(None if due is None else due - now)

    def _due(self) -> float | None:
        if self._trouble is Problem.NEWER:
            return None
        if self._file is None:
            return self._next_try
        return self._last_write + self._pace.idle_s if self._uncheckpointed else None

    def _turn(self) -> None:
        with self._lock:
            rows, suspect = tuple(self._rows), self._suspect
            self._suspect = False
        if suspect:
            self._check()
        if rows or self._file is None:
            self._attempt(rows)
        elif not suspect:
            self._checkpoint()

    def _attempt(self, rows: Sequence[tuple[Row, "Future[bool]"]]) -> None:
        """Commit rows, opening the database if need be. Rows leave the queue only when they are in it."""
        error = self._try(rows)
        if error is None:
            return
        if self._trouble is not error.problem:
            logger.warning("the journal is off: %s", error)
        with self._lock:
            self._next_try = time.monotonic() + self._pause_s
            self._hopeless = self._closing and error.problem is not Problem.BUSY
            if error.problem is Problem.NEWER:  # for good: nothing is kept
                rows = tuple(self._rows)
                self._rows.clear()
        self._pause_s = min(self._pause_s * 2, self._pace.longest_pause_s)
        self._say(error.problem)
        _settle(rows, committed=False)  # last: who reads False must find the problem said

    def _try(self, rows: Sequence[tuple[Row, "Future[bool]"]]) -> JournalFileError | None:
        """Commit rows on the open connection, on a new one, and once more when a corrupt file was set aside.

        What an old connection calls corrupt may be a file that another process has replaced: only what is
        found over a new one counts.
        """
        for last in (False, False, True):
            fresh = self._file is None
            try:
                with self._at_the_disk():
                    if self._file is None:
                        self._file = JournalFile.open(self._path, this_process(), self._connect)
                    self._append(self._file, rows)
            except JournalFileError as error:
                self._drop_file()
                if last or error.problem is not Problem.CORRUPT or (fresh and not self._set_aside()):
                    return error
            else:
                self._succeed(rows)
                return None
        raise AssertionError("the last try returns")

    def _succeed(self, rows: Sequence[tuple[Row, "Future[bool]"]]) -> None:
        with self._lock:
            for row, _ in rows[: len(self._rows)]:  # fewer only after close() gave up on a hanging disk
                self._rows.popleft()
                self._characters -= len(row.facts)
        self._pause_s = self._pace.first_pause_s
        self._say(None)
        _settle(rows, committed=True)
        if rows:
            self._last_write = time.monotonic()
            self._uncheckpointed += len(rows)
            self._after_commit(rows)

    def _append(self, file: JournalFile, rows: Sequence[tuple[Row, "Future[bool]"]]) -> None:
        with self._lock:
            lost, self._lost = self._lost, 0
        extra = [_note({"lost_rows": lost})] if lost else []
        try:
            if rows or extra:
                file.append([*extra, *(row for row, _ in rows)])
        except RowError:
            # one bad row must not hold up the others; the good ones are committed each by itself
            for row, done in rows:
                try:
                    file.append([row])
                except RowError as error:
                    logger.warning("a journal row was refused: %s", error)
                    _settle([(row, done)], committed=False)
        except JournalFileError:
            with self._lock:
                self._lost += lost
            raise

    def _after_commit(self, rows: Sequence[tuple[Row, "Future[bool]"]]) -> None:
        """What no press waits for: the sync behind a sent one, a checkpoint when idleness never came."""
        if any(row.kind in _SYNCED for row, _ in rows):
            self._upkeep(JournalFile.sync)
        if self._uncheckpointed > _ROWS_WITHOUT_CHECKPOINT:
            self._checkpoint()

    def _checkpoint(self) -> None:
        self._uncheckpointed = 0
        self._upkeep(JournalFile.checkpoint)

    def _upkeep(self, call: Callable[[JournalFile], None]) -> None:
        """Sync or checkpoint. A failure is told; the next row shows whether the disk works all the same."""
        if self._file is None:
            return
        try:
            with self._at_the_disk():
                call(self._file)
        except JournalFileError as error:
            if error.problem is not Problem.BUSY:
                logger.warning("the journal was not synced: %s", error)
                self._say(error.problem)

    def _check(self) -> None:
        """Look at the whole file over a new connection, and set it aside if it is corrupt."""
        self._drop_file()
        try:
            with self._at_the_disk():
                self._file = JournalFile.open(self._path, this_process(), self._connect)
                sound = self._file.is_sound()
        except JournalFileError:
            return  # the next attempt meets the same and deals with it
        if not sound:
            self._drop_file()
            self._set_aside()

    def _set_aside(self) -> bool:
        try:
            with self._at_the_disk():
                aside = set_aside(self._path)
        except JournalFileError as error:
            logger.warning("the journal is corrupt and cannot be renamed: %s", error)
            return False
        logger.warning("the journal was corrupt and is now %s", aside.name)
        done: Future[bool] = Future()
        note = (_note({"set_aside": aside.name}), done)
        with self._lock:
            self._rows.append(note)  # last: rows being written are the first ones
        return True

    def _drop_file(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            try:
                with self._at_the_disk():
                    file.close()
            except JournalFileError as error:
                logger.warning("the journal did not close: %s", error)

    # --- noticing that it hangs

    @contextmanager
    def _at_the_disk(self) -> Iterator[None]:
        with self._lock:
            self._busy_since = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                self._busy_since = None
                was_hanging, self._hanging = self._hanging, False
            if was_hanging:
                self._tell()

    def _watch_for_hanging(self) -> None:
        while True:
            with self._lock:
                while not self._is_overdue():
                    if self._closing:
                        return
                    # Looks by itself: a thread that each write wakes would run in the middle of a press.
                    self._watch.wait(self._pace.hang_s / 4)
                self._hanging = True
            self._tell()

    def _is_overdue(self) -> bool:
        return (
            not self._hanging
            and self._busy_since is not None
            and time.monotonic() >= self._busy_since + self._pace.hang_s
        )

    def _say(self, trouble: Problem | None) -> None:
        with self._lock:
            if self._trouble is trouble or self._trouble is Problem.CLOSED:
                return
            self._trouble = trouble
        self._tell()

    def _tell(self) -> None:
        if self._on_problem is None:
            return
        try:
            self._on_problem(self.problem)
        except Exception:  # a listener's bug must not end the journal
            logger.exception("a listener of the journal failed")


def _settle(rows: Sequence[tuple[Row, "Future[bool]"]], *, committed: bool) -> None:
    for _, done in rows:
        with suppress(InvalidStateError):  # settled before: at the first try, or by close()
            done.set_result(committed)


def _note(facts: dict[str, Fact]) -> Row:
    """A row about the journal itself, which belongs to no press."""
    return Row.of(Entry("", EntryKind.NOTE, 0.0, datetime.now(UTC), facts), str)
