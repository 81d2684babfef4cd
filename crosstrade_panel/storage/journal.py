"""The journal: every press is written here before it is sent."""

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from crosstrade_panel.storage import journal_view
from crosstrade_panel.storage.journal_file import (
    Connect,
    JournalFileError,
    Problem,
    Row,
    connect,
    open_for_reading,
    reading_error,
)
from crosstrade_panel.storage.journal_view import PressRecord
from crosstrade_panel.storage.journal_writer import JournalWriter, Pace
from crosstrade_panel.storage.owner import this_process
from crosstrade_panel.system_clock import system_seconds
from crosstrade_panel.trading.ports import Entry, EntryKind

if TYPE_CHECKING:
    from crosstrade_panel.storage.journal_list import ListedPress, Offered, Wanted

T = TypeVar("T")

_LOOK_UP_EVERY = 250_000
"""Steps of SQLite, some milliseconds, after which a long reading asks whether it is still wanted.

Not more often: each time it waits for its turn with the window.
"""


class SqliteJournal:
    """The journal in an SQLite database.

    `write` never raises and never blocks. What the disk does not take is kept, within bounds, and tried again
    with growing pauses; `problem` says why meanwhile. Nothing is updated: each entry is a row of its own.

    `on_problem` is called with each change of `problem`, from one of the journal's threads: hand it to the
    window's thread with `call_soon_threadsafe`. `redact` takes secrets out of the facts.

    Readings go over connections and threads of their own: one thread for what a press may wait for, one for
    what is only looked at. Their futures hold JournalFileError when the journal cannot be read, and wait as
    long as the disk does: give them a deadline.
    """

    def __init__(
        self,
        path: Path,
        *,
        on_problem: Callable[[str | None], None] | None = None,
        redact: Callable[[str], str] = str,
        connect: Connect = connect,
        pace: Pace | None = None,
    ) -> None:
        """Begin to open the database, without waiting for it."""
        self.path = path
        self._redact = redact
        self._writer = JournalWriter(path, connect=connect, pace=pace or Pace(), on_problem=on_problem)
        self._locks = _Reader("journal-read")
        self._views = _Reader("journal-view")

    @property
    def problem(self) -> str | None:
        """Why nothing is being written just now, one of `Problem`; None while all is well."""
        return self._writer.problem

    def write(self, entry: Entry) -> "Future[bool]":
        """Queue one row; True once committed, False when the first try failed or the journal is off.

        False does not mean lost: within bounds the row is kept and tried again. Cancelling the future does
        nothing: a press that stops waiting still gets its row.
        """
        done: Future[bool] = Future()
        done.set_running_or_notify_cancel()
        is_attempt = entry.kind is EntryKind.ATTEMPT
        self._writer.put(Row.of(entry, self._redact), done, wake=not is_attempt)
        if is_attempt:
            self._wake_behind()
        return done

    def _wake_behind(self) -> None:
        """Wake the thread in the loop's next turn: the request leaves in this one, and would wait for it."""
        import asyncio  # noqa: PLC0415 - slow, and whoever has a loop has it already

        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._writer.wake()
        else:
            loop.call_soon(self._writer.wake)

    def close(self, timeout_s: float = 1.0) -> bool:
        """Write what waits and close; False when the disk did not let it in time. Bounded, whatever hangs."""
        until = time.monotonic() + timeout_s
        readers = (self._locks, self._views)
        for reader in readers:
            reader.close()
        closed = self._writer.close(timeout_s)
        ended = [reader.is_over(until) for reader in readers]
        return closed and all(ended)

    def recent(
        self, limit: int = 100, before: int | None = None, *, containing: str = ""
    ) -> "Future[list[PressRecord]]":
        """The latest presses, newest first; `before` is the `seq` of the last one already shown.

        `containing` is looked for in the facts of the press and in its verdicts, whatever the case (ASCII).
        """
        return self._ask(lambda connection: journal_view.recent(connection, limit, before, containing), [])

    def timeline(self, press_id: str) -> "Future[list[Entry]]":
        """Everything journalled about one press, in order."""
        return self._ask(lambda connection: journal_view.timeline(connection, press_id), [], self._views)

    # What takes long stops once `given_up` is set; its answer then is what it would be without a journal.

    def listed(
        self,
        wanted: "Wanted",
        before: int | None = None,
        limit: int = 200,
        given_up: threading.Event | None = None,
    ) -> "Future[list[ListedPress]]":
        """A page of the list as it is sorted; `before` is the `seq` of the last line already shown."""
        from crosstrade_panel.storage import journal_list  # noqa: PLC0415 - for the window only

        return self._ask(
            lambda connection: journal_list.listed(connection, wanted, before, limit),
            [],
            self._views,
            given_up,
        )

    def how_many(self, wanted: "Wanted", given_up: threading.Event | None = None) -> "Future[int]":
        """How many presses are wanted."""
        from crosstrade_panel.storage import journal_list  # noqa: PLC0415 - as above

        return self._ask(
            lambda connection: journal_list.how_many(connection, wanted), 0, self._views, given_up
        )

    def offered(self, given_up: threading.Event | None = None) -> "Future[Offered]":
        """What the list can be narrowed to."""
        from crosstrade_panel.storage import journal_list  # noqa: PLC0415 - as above

        return self._ask(journal_list.offered, journal_list.Offered(), self._views, given_up)

    def open_presses(self) -> "Future[list[PressRecord]]":
        """Presses with neither outcome nor acknowledgement whose process is gone: to be shown as UNKNOWN."""
        return self._ask(
            lambda connection: [
                press for press in journal_view.without_outcome(connection) if not press.owner_alive
            ],
            [],
        )

    def presses_elsewhere(
        self, within_s: float = 20.0, and_mine: str | None = None
    ) -> "Future[list[PressRecord]]":
        """What other living processes pressed within the last seconds, ended or not, newest first.

        `and_mine` names a press of this process to be listed too, so that its `seq` can be compared.
        """
        me = this_process()
        since_s = system_seconds() - within_s
        return self._ask(
            lambda connection: [
                press
                for press in journal_view.since(connection, since_s)
                if press.owner_alive and (press.owner != me or press.press_id == and_mine)
            ],
            [],
        )

    def _ask(
        self,
        question: Callable[[sqlite3.Connection], T],
        without_journal: T,
        reader: "_Reader | None" = None,
        given_up: threading.Event | None = None,
    ) -> "Future[T]":
        """Have a question answered on a reading thread."""
        answer: Future[T] = Future()
        answer.set_running_or_notify_cancel()
        taken = (reader or self._locks).put(lambda: self._answer(question, without_journal, answer, given_up))
        if not taken:
            answer.set_exception(JournalFileError(Problem.CLOSED))
        return answer

    def _answer(
        self,
        question: Callable[[sqlite3.Connection], T],
        without_journal: T,
        answer: "Future[T]",
        given_up: threading.Event | None,
    ) -> None:
        if given_up is not None and given_up.is_set():
            answer.set_result(without_journal)
            return
        try:
            connection = open_for_reading(self.path)
            result = without_journal
            if connection is not None:
                with closing(connection):
                    if given_up is not None:
                        connection.set_progress_handler(given_up.is_set, _LOOK_UP_EVERY)
                    result = question(connection)
        except (sqlite3.Error, OSError, ValueError, JournalFileError) as error:
            if given_up is not None and given_up.is_set():
                answer.set_result(without_journal)
                return
            translated = reading_error(error)
            if translated.problem is Problem.CORRUPT:
                self._writer.look_into_it()
            answer.set_exception(translated)
        else:
            answer.set_result(result)


class _Reader:
    """A thread that answers questions one after the other; begun with the first."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._news = threading.Condition()
        self._questions: deque[Callable[[], None]] = deque()
        self._closing = False
        self._thread: threading.Thread | None = None

    def put(self, question: Callable[[], None]) -> bool:
        """Have a question answered; False after the end."""
        with self._news:
            if self._closing:
                return False
            self._questions.append(question)
            self._news.notify()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
            return True

    def close(self) -> None:
        """Answer what was asked, and end."""
        with self._news:
            self._closing = True
            self._news.notify()

    def is_over(self, until: float) -> bool:
        """Whether it has ended by then (monotonic seconds)."""
        if self._thread is None:
            return True
        self._thread.join(max(0.0, until - time.monotonic()))
        return not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            with self._news:
                self._news.wait_for(lambda: self._questions or self._closing)
                if not self._questions:
                    return
                question = self._questions.popleft()
            question()
