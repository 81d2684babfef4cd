"""What the journal's page shows: reads the journal behind the window, a page at a time, and exports it."""

import asyncio
import csv
import logging
import math
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from concurrent.futures import Future
from datetime import date, datetime, time, timedelta
from pathlib import Path
from threading import Event
from time import sleep
from typing import Any, Protocol, TypeVar

from crosstrade_panel import texts
from crosstrade_panel.domain.outcome import Verdict
from crosstrade_panel.runtime import in_thread
from crosstrade_panel.storage.journal import SqliteJournal
from crosstrade_panel.storage.journal_file import JournalFileError
from crosstrade_panel.storage.journal_list import ListedPress, Sorting, SortKey, Wanted
from crosstrade_panel.trading.ports import Entry, EntryKind, Fact
from crosstrade_panel.ui.describe import tone_of
from crosstrade_panel.ui.masks import Masks
from crosstrade_panel.ui.view import (
    Choice,
    JournalChoices,
    JournalFilter,
    JournalPage,
    JournalRow,
    JournalSorting,
    TimelineRow,
    TimelineView,
    Tone,
)

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

PAGE = 100
_EXPORT_PAGE = 500
_ROWS_AT_A_GO = 50
_BREATH_S = 0.001
"""A thread that computes keeps the window from its turn: it steps back after so many rows."""
_WAIT_S = 5.0
_EXPORT_WAIT_S = 60.0
_COUNT_AFTER_S = 0.25
"""Counting takes as long as filtering: only once nobody types any more."""
_ACTS = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""


class Screen(Protocol):
    """The journal's page."""

    @property
    def filter(self) -> JournalFilter:
        """What the list is to be narrowed to."""

    @property
    def timeline_of(self) -> str:
        """The press whose timeline is in sight."""

    def show_page(self, page: JournalPage) -> None:
        """Show another list."""

    def append_page(self, page: JournalPage) -> None:
        """Show older lines beneath."""

    def show_count(self, text: str) -> None:
        """Say how many there are, or what became of an export."""

    def show_choices(self, choices: JournalChoices) -> None:
        """Offer filters."""

    def show_timeline(self, view: TimelineView) -> None:
        """Show a press."""


class Supervisor(Protocol):
    """Owns every task."""

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> object:
        """Run it; whatever goes wrong in it is reported."""


class Archive:
    """Answers the journal's page. The list is read anew when it is narrowed, and its top when a press ends.

    One question is under way at a time; a newer wish makes its answer void. `masks` are there while account
    names are not to be shown; what is exported has the names.
    """

    def __init__(
        self,
        journal: SqliteJournal,
        screen: Screen,
        supervisor: Supervisor,
        *,
        now: Callable[[], datetime],
        masks: Callable[[], Masks | None],
    ) -> None:
        self._journal = journal
        self._screen = screen
        self._supervisor = supervisor
        self._now = now
        self._masks = masks
        self._wanted = Wanted()
        self._sorting = self._sorted_so = JournalSorting()
        self._listed: list[ListedPress] = []
        self._rows: list[JournalRow] = []
        self._has_more = False
        self._asked = PAGE
        self._total: int | None = None
        self._is_reading = False
        self._is_anew = True
        self._news = asyncio.Event()
        self._given_up = Event()

    # What the page asks for

    def narrow(self, filter_: JournalFilter) -> None:
        """Another filter, or another order."""
        self._wanted = wanted_of(filter_)
        self._sorting = filter_.sorting
        self._asked = PAGE
        self._is_anew = True
        self._begin()

    def look(self) -> None:
        """There may be newer presses, or another outcome of one that is listed."""
        self._begin()

    def look_after(self, written: "Future[bool] | None") -> None:
        """The same, once the journal has taken what it is to show."""

        async def wait() -> None:
            if written is not None:
                await asyncio.wait({asyncio.wrap_future(written)}, timeout=_WAIT_S)
            self._begin()
            if self._screen.timeline_of:
                await self._show_timeline(self._screen.timeline_of)

        self._supervisor.start("journal", wait())

    def repaint(self) -> None:
        """Names are masked now, or are not any more."""
        self._rows = self._rows_of(self._listed)
        self._show_page()
        if self._screen.timeline_of:
            self.open(self._screen.timeline_of)

    def more(self) -> None:
        """The presses behind those that are listed."""
        self._supervisor.start("journal", self._read_more())

    def open(self, press_id: str) -> None:
        """The timeline of a press."""
        self._supervisor.start("timeline", self._show_timeline(press_id))

    def export_list(self, path: str) -> None:
        """Everything that the filter leaves, not only what is loaded."""
        wanted = self._wanted
        self._supervisor.start(
            "export", self._export(Path(path), lambda file: write_list(self._journal, wanted, file))
        )

    def export_timeline(self, press_id: str, path: str) -> None:
        """Every step of a press."""
        self._supervisor.start(
            "export", self._export(Path(path), lambda file: write_timeline(self._journal, press_id, file))
        )

    # Reading

    def _begin(self) -> None:
        self._news.set()
        self._given_up.set()
        if not self._is_reading:
            self._is_reading = True
            self._supervisor.start("journal", self._read())

    async def _read(self) -> None:
        try:
            while self._news.is_set():
                self._news.clear()
                self._given_up = Event()
                wanted, is_anew, sorting = self._wanted, self._is_anew, self._sorting
                # Newest first, what is older stays as it is; in another order news may lie anywhere.
                limit = PAGE if sorting == JournalSorting() else self._asked
                found = await _answer(self._journal.listed(wanted, None, limit, self._given_up))
                if self._given_up.is_set():
                    continue
                self._is_anew = False
                self._sorted_so = sorting if found is not None else self._sorted_so
                self._take_top(found, limit, is_anew=is_anew)
                if not await self._is_left_alone():
                    continue
                if found is not None:
                    await self._read_what_can_wait(wanted)
        finally:
            self._is_reading = False

    async def _is_left_alone(self) -> bool:
        try:
            async with asyncio.timeout(_COUNT_AFTER_S):
                await self._news.wait()
        except TimeoutError:
            return True
        return False

    async def _read_what_can_wait(self, wanted: Wanted) -> None:
        if self._has_more:
            total = await _answer(self._journal.how_many(wanted, self._given_up))
            if not self._given_up.is_set():
                self._total = total
                self._say_how_many()
        offered = await _answer(self._journal.offered(self._given_up))
        if offered is not None and not self._given_up.is_set():
            hours = offered.hours  # thousands of them in a large journal: too long for the window's thread
            days = await in_thread("days", lambda: days_of(hours))
            self._screen.show_choices(self._choices(offered.accounts, days))

    def _take_top(self, found: list[ListedPress] | None, limit: int, *, is_anew: bool) -> None:
        """Take the first page; newest first, what is older and loaded already stays beneath it."""
        if found is None:
            self._screen.show_count(texts.JOURNAL_UNREADABLE)
            return
        is_full = len(found) == limit
        kept = 0
        if not is_anew and is_full and self._sorted_so == JournalSorting():
            kept = sum(press.seq < found[-1].seq for press in self._listed)
        self._has_more = self._has_more if kept else is_full
        beneath = self._listed[len(self._listed) - kept :], self._rows[len(self._rows) - kept :]
        above = len(self._listed) - kept  # a page and what was pressed since: few
        known = dict(zip(self._listed[:above], self._rows[:above], strict=True))
        today = self._today()
        self._listed = [*found, *beneath[0]]
        self._rows = [*(known.get(press) or self._row(press, today) for press in found), *beneath[1]]
        if len(self._listed) > self._asked + PAGE:
            # Little more than was scrolled to: a session of many presses would keep a row of each.
            del self._listed[self._asked :], self._rows[self._asked :]
            self._has_more = True
        self._show_page()
        self._total = None if is_anew else self._total
        self._say_how_many()

    def _show_page(self) -> None:
        self._screen.show_page(JournalPage(tuple(self._rows), self._has_more, self._sorted_so))

    async def _read_more(self) -> None:
        wanted = self._wanted
        last = self._listed[-1].seq if self._listed else None
        found = await _answer(self._journal.listed(wanted, last, PAGE))
        if found is None or wanted is not self._wanted or not self._listed or self._listed[-1].seq != last:
            return
        rows = self._rows_of(found)
        self._asked += PAGE
        self._listed += found
        self._rows += rows
        self._has_more = len(found) == PAGE
        self._screen.append_page(JournalPage(tuple(rows), self._has_more))
        self._say_how_many()

    async def _show_timeline(self, press_id: str) -> None:
        entries = await _answer(self._journal.timeline(press_id))
        if entries is None:
            self._screen.show_count(texts.JOURNAL_UNREADABLE)
            return
        view = await in_thread("timeline", lambda: timeline_view(press_id, entries))
        names = {name for entry in entries for name in accounts_in(entry.facts)} if self._masks() else ()
        self._screen.show_timeline(self._masked(view, *names))

    async def _export(self, path: Path, write: Callable[[Path], int]) -> None:
        self._screen.show_count(texts.EXPORT_RUNNING)
        try:
            rows = await in_thread("export", lambda: write(path))
        except (OSError, JournalFileError, TimeoutError) as error:
            why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            self._screen.show_count(texts.not_exported(why))
        else:
            self._screen.show_count(texts.exported(path.name, rows))

    def _say_how_many(self) -> None:
        shown = len(self._listed)
        if self._has_more and self._total is None:
            is_newest = self._sorted_so == JournalSorting()
            self._screen.show_count(texts.journal_first(shown, is_newest=is_newest))
        else:
            self._screen.show_count(texts.journal_count(shown, self._total if self._has_more else None))

    # From the journal to the page

    def _rows_of(self, presses: Iterable[ListedPress]) -> list[JournalRow]:
        today = self._today()
        return [self._row(press, today) for press in presses]

    def _today(self) -> date:
        return self._now().astimezone().date()

    def _row(self, press: ListedPress, today: date) -> JournalRow:
        verdict, full_time = _verdict(press.verdict), texts.full_time(press.at)
        return self._masked(
            JournalRow(
                press.press_id,
                texts.journal_time(full_time, today),
                texts.press_words(
                    press.action, press.account, press.instrument, press.side, is_practice=press.practice
                ),
                texts.listed_verdict(press.verdict),
                Tone.DOUBT if verdict is None else tone_of(verdict),
                full_time,
            ),
            press.account,
        )

    def _choices(self, names: tuple[str, ...], days: tuple[date, ...]) -> JournalChoices:
        today = self._today()
        accounts = tuple(Choice(name, name) for name in names)
        if (masks := self._masks()) is not None:
            masks.learn(names)
            accounts = masks.of(accounts)
        verdicts = sorted(Verdict, key=texts.verdict_word)
        return JournalChoices(
            (Choice("", texts.ALL_ACCOUNTS), *accounts),
            (
                *(Choice(each.value, texts.verdict_word(each)) for each in verdicts),
                Choice("", texts.NO_OUTCOME),
            ),
            tuple(Choice(day.isoformat(), texts.day_words(day, today)) for day in days),
        )

    def _masked(self, shown: _T, *names: str | None) -> _T:
        masks = self._masks()
        if masks is None:
            return shown
        masks.learn(names)
        return masks.of(shown)


def wanted_of(filter_: JournalFilter) -> Wanted:
    """A filter as a question to the journal: its day is one of this place, the journal's times are UTC."""
    since = until = None
    if filter_.day is not None:
        since = datetime.combine(filter_.day, time()).astimezone()
        until = datetime.combine(filter_.day + timedelta(days=1), time()).astimezone()
    meant = texts.verdicts_meant(filter_.text)
    sorting = Sorting(SortKey(filter_.sorting.key.value), is_falling=filter_.sorting.is_falling)
    return Wanted(filter_.text, meant, filter_.account, filter_.outcome, since, until, sorting)


def days_of(hours: Iterable[datetime]) -> tuple[date, ...]:
    """The days of this place in which those hours lie, in their order."""
    return tuple(dict.fromkeys(hour.astimezone().date() for hour in hours))


def timeline_view(press_id: str, entries: Iterable[Entry]) -> TimelineView:
    """The steps of a press in words."""
    rows = []
    for entry in entries:
        what, detail = texts.step_words(entry.kind, entry.facts)
        rows.append(
            TimelineRow(
                texts.after_text(entry.after_s), texts.clock_time(entry.at), what, detail, _tone(entry)
            )
        )
    return TimelineView(press_id, rows[0].what if rows else "", tuple(rows))


def accounts_in(fact: "Fact | Mapping[str, Fact]") -> Iterator[str]:
    """Every account that facts of the journal name."""
    if isinstance(fact, list):
        for each in fact:
            yield from accounts_in(each)
    elif isinstance(fact, Mapping):
        for key, value in fact.items():
            if key == "account" and isinstance(value, str):
                yield value
            elif key in {"accounts", "spoiled_accounts"} and isinstance(value, list):
                yield from (name for name in value if isinstance(name, str))
            else:
                yield from accounts_in(value)


def _tone(entry: Entry) -> Tone:
    if entry.kind is EntryKind.OUTCOME:
        verdict = _verdict(str(entry.facts.get("verdict")))
        return Tone.DOUBT if verdict is None else tone_of(verdict)
    if entry.kind is EntryKind.ANSWER and entry.facts.get("result") != "accepted":
        return Tone.DOUBT
    return Tone.DOUBT if entry.facts.get("failed") is True else Tone.NEUTRAL


def _verdict(text: str | None) -> Verdict | None:
    try:
        return None if text is None else Verdict(text)
    except ValueError:  # written by another version
        return None


# CSV


def cell(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_ACTS) else text


def write_list(journal: SqliteJournal, wanted: Wanted, path: Path) -> int:
    """Write the presses that are wanted, as they are sorted; how many. Takes seconds for a large journal.

    Raises:
        OSError: the file could not be written.
        JournalFileError: the journal could not be read.
    """

    def rows() -> Iterable[tuple[str, ...]]:
        before: int | None = None
        while found := journal.listed(wanted, before, _EXPORT_PAGE).result(_EXPORT_WAIT_S):
            for press in found:
                yield (
                    press.at.isoformat(),
                    texts.full_time(press.at),
                    press.action,
                    press.account or texts.ALL_ACCOUNTS,
                    press.instrument or "",
                    press.side or "",
                    texts.listed_verdict(press.verdict),
                    "yes" if press.acknowledged else "",
                    press.press_id,
                    texts.PRACTICE_SERVER if press.practice else press.origin,
                )
            before = found[-1].seq

    return _write(path, texts.LIST_COLUMNS, rows())


def write_timeline(journal: SqliteJournal, press_id: str, path: Path) -> int:
    """Write every step of a press; how many.

    Raises:
        OSError: the file could not be written.
        JournalFileError: the journal could not be read.
    """
    entries = journal.timeline(press_id).result(_EXPORT_WAIT_S)
    rows = (
        (
            "" if math.isnan(entry.after_s) else f"{entry.after_s:.6f}",
            entry.at.isoformat(),
            texts.full_time(entry.at),
            entry.kind.value,
            *texts.step_words(entry.kind, entry.facts),
        )
        for entry in entries
    )
    return _write(path, texts.TIMELINE_COLUMNS, rows)


def _write(path: Path, columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> int:
    """Write a whole file or none: beside its place first. UTF-8 with the mark that spreadsheets look for."""
    beside = path.with_name(f"{path.name}.part")
    number = 0
    try:
        with beside.open("w", encoding="utf-8-sig", newline="", errors="backslashreplace") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            for row in rows:
                writer.writerow([cell(text) for text in row])
                number += 1
                if number % _ROWS_AT_A_GO == 0:
                    sleep(_BREATH_S)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    return number


async def _answer(question: "Future[_T]") -> _T | None:
    """What the journal answers; None when it cannot be read in time."""
    try:
        async with asyncio.timeout(_WAIT_S):
            return await asyncio.wrap_future(question)
    except (TimeoutError, JournalFileError) as error:
        _log.warning("the journal could not be read: %r", error)
        return None
