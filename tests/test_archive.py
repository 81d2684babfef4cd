"""The journal's page and the journal: what is read when, what is told of a press, and what is exported."""

import asyncio
import csv
import math
from collections.abc import Coroutine, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from crosstrade_panel import archive, texts
from crosstrade_panel.archive import PAGE, Archive, wanted_of
from crosstrade_panel.domain.outcome import Cause, Verdict
from crosstrade_panel.storage.journal import SqliteJournal
from crosstrade_panel.storage.journal_list import Wanted
from crosstrade_panel.storage.journal_writer import Pace
from crosstrade_panel.trading.ports import Entry, EntryKind, Fact
from crosstrade_panel.ui.masks import Masks
from crosstrade_panel.ui.view import (
    JournalChoices,
    JournalFilter,
    JournalPage,
    JournalRow,
    JournalSorting,
    JournalSortKey,
    TimelineView,
    Tone,
)

NOW = datetime(2026, 1, 2, 12, 0, 0, 412000, tzinfo=UTC)
SOON_S = 10.0


class PageOnPaper:
    """The journal's page, without a window."""

    def __init__(self) -> None:
        self.filter = JournalFilter()
        self.timeline_of = ""
        self.rows: list[JournalRow] = []
        self.has_more = False
        self.shown: list[int] = []
        self.count = ""
        self.sorting = JournalSorting()
        self.choices = JournalChoices()
        self.timeline: TimelineView | None = None

    def show_page(self, page: JournalPage) -> None:
        self.rows, self.has_more, self.sorting = list(page.rows), page.has_more, page.sorting
        self.shown.append(len(page.rows))

    def append_page(self, page: JournalPage) -> None:
        self.rows += page.rows
        self.has_more = page.has_more

    def show_count(self, text: str) -> None:
        self.count = text

    def show_choices(self, choices: JournalChoices) -> None:
        self.choices = choices

    def show_timeline(self, view: TimelineView) -> None:
        self.timeline, self.timeline_of = view, view.press_id

    def ids(self) -> list[str]:
        return [row.press_id for row in self.rows]


class Tasks:
    """Starts tasks and keeps them."""

    def __init__(self) -> None:
        self.tasks: list[asyncio.Task[None]] = []

    def start(self, _name: str, work: Coroutine[Any, Any, None]) -> None:
        self.tasks.append(asyncio.ensure_future(work))


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqliteJournal]:
    journal = SqliteJournal(tmp_path / "data" / "journal.sqlite3", pace=Pace(idle_s=0.05))
    yield journal
    assert journal.close(SOON_S)


@pytest.fixture
def page() -> PageOnPaper:
    return PageOnPaper()


@pytest.fixture
def tasks() -> Tasks:
    return Tasks()


def make(journal: SqliteJournal, page: PageOnPaper, tasks: Tasks, masks: Masks | None = None) -> Archive:
    return Archive(journal, page, tasks, now=lambda: NOW, masks=lambda: masks)


def write(journal: SqliteJournal, press_id: str, kind: EntryKind = EntryKind.INTENT, **facts: Fact) -> None:
    if kind is EntryKind.INTENT:
        facts = {"action": "flatten", "account": "Sim101", "instrument": "MES 12-25", **facts}
    assert journal.write(Entry(press_id, kind, 0.038, NOW, facts)).result(SOON_S)


async def settle(tasks: Tasks) -> None:
    async with asyncio.timeout(SOON_S):
        while pending := [task for task in tasks.tasks if not task.done()]:
            await asyncio.wait(pending)
    for task in tasks.tasks:
        task.result()


# The list


@pytest.mark.anyio
async def test_the_list_is_read_with_its_outcomes_count_and_choices(
    journal: SqliteJournal, page: PageOnPaper, tasks: Tasks
) -> None:
    write(journal, "a", account=None)
    write(journal, "b", side="short")
    write(journal, "b", EntryKind.OUTCOME, verdict="flat")
    make(journal, page, tasks).look()
    await settle(tasks)
    assert [(row.what, row.outcome, row.tone) for row in page.rows] == [
        ("FLATTEN Sim101 · MES 12-25 · Short", "FLAT", Tone.GOOD),
        ("FLATTEN All accounts · MES 12-25", "no outcome", Tone.DOUBT),
    ]
    assert page.count == "2 presses"
    assert [choice.value for choice in page.choices.accounts] == ["", "Sim101"]
    assert {choice.value for choice in page.choices.outcomes} == {"", *(each.value for each in Verdict)}
    today = NOW.astimezone().date().isoformat()
    assert [(day.value, day.label) for day in page.choices.days] == [(today, f"{today} (today)")]


@pytest.mark.anyio
async def test_older_presses_come_a_page_at_a_time_and_newer_ones_on_top_of_all(
    journal: SqliteJournal, page: PageOnPaper, tasks: Tasks
) -> None:
    for number in range(2 * PAGE + 5):
        write(journal, f"p{number}")
    archived = make(journal, page, tasks)
    archived.look()
    await settle(tasks)
    newest = [f"p{number}" for number in reversed(range(2 * PAGE + 5))]
    assert page.ids() == newest[:PAGE]
    assert page.has_more
    assert page.count == f"{PAGE} of {2 * PAGE + 5} presses"
    archived.more()
    await settle(tasks)
    assert page.ids() == newest[: 2 * PAGE]
    write(journal, "new")
    write(journal, newest[0], EntryKind.OUTCOME, verdict="unknown")
    archived.look()
    await settle(tasks)
    assert page.ids() == ["new", *newest[: 2 * PAGE]]
    assert page.rows[1].outcome == "UNKNOWN"
    archived.more()
    await settle(tasks)
    assert (page.ids(), page.has_more) == (["new", *newest], False)
    assert page.count == f"{2 * PAGE + 6} presses"


@pytest.mark.anyio
async def test_a_long_session_keeps_little_more_than_was_scrolled_to(
    journal: SqliteJournal, page: PageOnPaper, tasks: Tasks
) -> None:
    archived = make(journal, page, tasks)
    for number in range(3 * PAGE):
        write(journal, f"p{number}")
        if number % 50 == 49:  # as the window looks, after each press
            archived.look()
            await settle(tasks)
    newest = [f"p{number}" for number in reversed(range(3 * PAGE))]
    assert page.ids() == newest[: len(page.rows)]
    assert len(page.rows) <= 2 * PAGE
    assert page.has_more


@pytest.mark.anyio
async def test_of_many_wishes_at_once_the_last_one_is_shown(
    journal: SqliteJournal, page: PageOnPaper, tasks: Tasks
) -> None:
    for number in range(20):
        write(journal, f"p{number}", account=f"A{number % 2}")
    archived = make(journal, page, tasks)
    for text in ("m", "me", "mes", "nothing", ""):
        archived.narrow(JournalFilter(text, account="A1"))
        await asyncio.sleep(0)
    await settle(tasks)
    assert page.shown == [10]  # no page that nobody waits for any more
    assert page.ids() == [f"p{number}" for number in range(19, 0, -2)]
    assert len(tasks.tasks) == 1


WORST_FIRST = JournalSorting(JournalSortKey.OUTCOME, is_falling=False)


@pytest.mark.anyio
async def test_another_order_keeps_the_filter_and_goes_on_page_by_page(
    journal: SqliteJournal, page: PageOnPaper, tasks: Tasks
) -> None:
    for number in range(2 * PAGE + 5):
        write(journal, f"p{number}", account=f"A{number % 2}")
        if number % 50 == 0:
            write(journal, f"p{number}", EntryKind.OUTCOME, verdict="unknown" if number % 100 else "flat")
    archived = make(journal, page, tasks)
    archived.narrow(JournalFilter(account="A0", sorting=WORST_FIRST))
    await settle(tasks)
    assert page.sorting == WORST_FIRST
    assert page.ids()[:6] == ["p150", "p50", "p200", "p100", "p0", "p204"]
    assert (len(page.rows), page.has_more) == (PAGE, True)
    archived.more()
    await settle(tasks)
    assert len(set(page.ids())) == len(page.rows) == PAGE + 3
    archived.narrow(JournalFilter(account="A0"))
    await settle(tasks)
    assert (page.sorting, page.ids()[:2]) == (JournalSorting(), ["p204", "p202"])


@pytest.mark.anyio
async def test_in_another_order_news_come_where_they_belong_and_all_that_was_loaded_is_read_anew(
    journal: SqliteJournal, page: PageOnPaper, tasks: Tasks
) -> None:
    for number in range(PAGE + 20):
        write(journal, f"p{number}")
        write(journal, f"p{number}", EntryKind.OUTCOME, verdict="flat")
    archived = make(journal, page, tasks)
    archived.narrow(JournalFilter(sorting=WORST_FIRST))
    await settle(tasks)
    archived.more()
    await settle(tasks)
    assert len(page.rows) == PAGE + 20
    write(journal, "bad")
    write(journal, "bad", EntryKind.OUTCOME, verdict="still_open")
    write(journal, "p3", EntryKind.OUTCOME, verdict="unknown")
    archived.look()
    await settle(tasks)
    assert page.ids()[:3] == ["bad", "p3", f"p{PAGE + 19}"]
    assert len(set(page.ids())) == len(page.rows) == PAGE + 21
    assert page.count == f"{PAGE + 21} presses"


@pytest.mark.anyio
async def test_the_list_is_exported_as_it_is_sorted(
    journal: SqliteJournal, page: PageOnPaper, tasks: Tasks, tmp_path: Path
) -> None:
    for name in ("B", "A", "C"):
        write(journal, name, account=name)
    archived = make(journal, page, tasks)
    by_account = JournalSorting(JournalSortKey.ACCOUNT, is_falling=False)
    archived.narrow(JournalFilter(sorting=by_account))
    path = tmp_path / "list.csv"
    archived.export_list(str(path))
    await settle(tasks)
    assert [row[-2] for row in rows_of(path)[1:]] == ["A", "B", "C"]
    # Names that are masked meanwhile change neither the order nor its arrow.
    archived.repaint()
    assert page.sorting == by_account


@pytest.mark.anyio
async def test_a_press_made_in_practice_is_told_apart_in_the_list_and_in_its_export(
    journal: SqliteJournal, page: PageOnPaper, tasks: Tasks, tmp_path: Path
) -> None:
    write(journal, "live", origin="https://app.crosstrade.io:443", practice=False)
    write(journal, "practised", origin="http://127.0.0.1:40123", practice=True)
    archived = make(journal, page, tasks)
    archived.look()
    path = tmp_path / "list.csv"
    archived.export_list(str(path))
    await settle(tasks)
    assert [row.what for row in page.rows] == [
        "FLATTEN Sim101 · MES 12-25 · practice",
        "FLATTEN Sim101 · MES 12-25",
    ]
    head, *rows = rows_of(path)
    assert head[-1] == "server"
    assert [row[-1] for row in rows] == ["practice", "https://app.crosstrade.io:443"]


@pytest.mark.anyio
async def test_a_journal_that_cannot_be_read_is_said(
    page: PageOnPaper, tasks: Tasks, tmp_path: Path, announce_log: Any
) -> None:
    announce_log("could not be read")
    journal = SqliteJournal(tmp_path / "data" / "journal.sqlite3")
    assert journal.close(SOON_S)
    make(journal, page, tasks).look()
    await settle(tasks)
    assert page.count == texts.JOURNAL_UNREADABLE


@pytest.mark.anyio
async def test_masked_names_are_masked_here_too_and_come_back(
    journal: SqliteJournal, page: PageOnPaper, tasks: Tasks
) -> None:
    write(journal, "a", account="Old-Account-7")
    write(journal, "a", EntryKind.READ, source="snapshot", positions=[{"account": "Elsewhere-9"}])
    masks = [Masks()]
    archived = Archive(journal, page, tasks, now=lambda: NOW, masks=lambda: masks[0] if masks else None)
    archived.look()
    archived.open("a")
    await settle(tasks)
    assert page.timeline is not None
    for text in (page.rows[0].what, page.choices.accounts[1].label, str(page.timeline)):
        assert "Old-••" in text
        assert "Old-Account" not in text
    assert "Elsewhere-9" not in str(page.timeline)
    assert page.choices.accounts[1].value == "Old-Account-7"
    masks.clear()
    archived.repaint()
    await settle(tasks)
    assert page.rows[0].what == "FLATTEN Old-Account-7 · MES 12-25"


def test_a_day_is_one_of_this_place() -> None:
    wanted = wanted_of(JournalFilter("flat", "A", "", date(2026, 1, 2)))
    assert (wanted.text, wanted.account, wanted.verdict) == ("flat", "A", "")
    assert wanted.since is not None
    assert wanted.until is not None
    assert wanted.since.astimezone().date() == date(2026, 1, 2)
    assert timedelta(hours=22) < wanted.until - wanted.since < timedelta(hours=26)
    assert {"flat", "flat_orders_not_checked", "orders_working"} <= set(wanted.meant)


# The timeline


@pytest.mark.anyio
async def test_a_timeline_tells_every_step_with_both_times(
    journal: SqliteJournal, page: PageOnPaper, tasks: Tasks
) -> None:
    write(journal, "a")
    write(journal, "a", EntryKind.ATTEMPT, number=1, way="rest")
    write(journal, "a", EntryKind.OUTCOME, verdict="still_open", fates=[])
    write(journal, "a", EntryKind.OUTCOME, verdict="flat", late_s=31.0)
    write(journal, "a", EntryKind.ACKNOWLEDGED)
    archived = make(journal, page, tasks)
    archived.open("a")
    await settle(tasks)
    assert page.timeline is not None
    assert [(row.what, row.tone) for row in page.timeline.rows] == [
        ("pressed: FLATTEN Sim101 · MES 12-25", Tone.NEUTRAL),
        ("attempt 1 over REST", Tone.NEUTRAL),
        ("STILL OPEN", Tone.BAD),
        ("FLAT (late, 31 s)", Tone.GOOD),
        ("acknowledged", Tone.NEUTRAL),
    ]
    assert {row.after for row in page.timeline.rows} == {"+0.038 s"}
    assert {row.time for row in page.timeline.rows} == {texts.clock_time(NOW)}
    # What is written later is shown as soon as it is.
    write(journal, "a", EntryKind.NOTE, text="late answer")
    archived.look_after(None)
    await settle(tasks)
    assert page.timeline.rows[-1].what == "late answer"


ORDER: dict[str, Fact] = {
    "account": "A",
    "order_id": "o1",
    "instrument": "NQ",
    "state": "Working",
    "quantity": 2,
}
ROW: dict[str, Fact] = {"account": "A", "instrument": "NQ", "side": "long", "quantity": 2}


@pytest.mark.parametrize(
    ("kind", "facts", "what", "detail"),
    [
        (
            EntryKind.INTENT,
            {"action": "reverse", "account": "A", "instrument": "NQ", "side": "long", "order_action": "sell",
             "quantity": 2, "order_type": "limit", "limit_price": "5.5", "origin": "https://x:443"},
            "pressed: REVERSE A · NQ",
            "SELL 2 limit 5.5; to https://x:443",
        ),
        (
            EntryKind.INTENT,
            {"action": "cancel", "account": "A", "orders": [ORDER], "origin": "x", "practice": True},
            "pressed: CANCEL A",
            "2 NQ Working o1; to x; practice exchange",
        ),
        (EntryKind.ATTEMPT, {"number": 2, "way": "stream"}, "attempt 2 over the stream", ""),
        (
            EntryKind.ANSWER,
            {"result": "accepted", "order_ids": ["i1", "i2"], "closed_positions": [ROW], "warning": "w",
             "sent_s": 0.002, "answered_s": 0.038},
            "accepted, 2 order ids",
            "order ids: i1, i2; reported closed: Long 2 NQ in A; warning: “w”; sent 2 ms · answered 38 ms",
        ),
        (
            EntryKind.ANSWER,
            {"result": "refused", "cause": "server_said_no", "said": "no!", "status": 400},
            "refused: CrossTrade said no: “no!”",
            "code 400",
        ),
        (EntryKind.READ, {"source": "positions", "positions": []}, "read of positions: nothing open", ""),
        (
            EntryKind.READ,
            {"source": "snapshot", "positions": [ROW], "took_s": 0.02, "spoiled_accounts": ["B"]},
            "read of accounts and positions: Long 2 NQ in A",
            "Long 2 NQ in A; spoiled for B; took 20 ms",
        ),
        (
            EntryKind.READ,
            {"source": "accounts", "accounts": ["A"]},
            "read of accounts: 1 account listed",
            "A",
        ),
        (
            EntryKind.READ,
            {"source": "orders", "account": "A", "working": [ORDER]},
            "read of orders of A: 1 order working",
            "2 NQ Working o1",
        ),
        (
            EntryKind.READ,
            {"source": "positions", "failed": True, "cause": Cause.NINJATRADER_OFFLINE.value, "status": 408},
            "read of positions failed: NinjaTrader did not answer CrossTrade",
            "code 408",
        ),
        (
            EntryKind.OUTCOME,
            {"verdict": "orders_working", "elsewhere_open": 3, "proved_s": 1.2,
             "fates": [{"account": "A", "verdict": "orders_working", "working_orders": [ORDER]}]},
            "FLAT, ORDERS WORKING",
            "A: FLAT, ORDERS WORKING (2 NQ Working o1); elsewhere 3 open; proved 1.2 s",
        ),
        (EntryKind.OUTCOME, {"verdict": "of the future", "cause": "odd"}, "of the future", "odd"),
        (EntryKind.NOTE, {"lost_rows": 3}, "note", "lost_rows: 3"),
        (EntryKind.NOTE, {"text": "a\u202eb\x1b[31m"}, "a b [31m", ""),
    ],
)  # fmt: skip
def test_a_step_is_told_in_a_few_words_and_in_full(
    kind: EntryKind, facts: dict[str, Fact], what: str, detail: str
) -> None:
    assert texts.step_words(kind, facts) == (what, detail)


@pytest.mark.parametrize("kind", list(EntryKind))
@pytest.mark.parametrize("nonsense", [None, 5, "x", [], [5], {}, {"a": []}, [{"account": [1]}]])
def test_facts_that_fit_nothing_are_no_obstacle(kind: EntryKind, nonsense: Fact) -> None:
    names = (
        "action", "account", "orders", "number", "way", "result", "order_ids", "closed_positions", "said",
        "cause", "source", "failed", "positions", "accounts", "working", "verdict", "fates", "late_s", "text",
    )  # fmt: skip
    for name in names:
        what, _ = texts.step_words(kind, {name: nonsense})
        assert what.isprintable()


def test_times_since_the_press_are_told_to_the_millisecond() -> None:
    assert texts.after_text(0.0384) == "+0.038 s"
    assert texts.after_text(1234.5) == "+1,234.500 s"
    assert texts.after_text(math.nan) == ""


# Export


@pytest.mark.parametrize("acts", ["=1+1", "+1", "-1", "@a", "\tx", "\rx"])
def test_no_cell_is_a_formula(acts: str) -> None:
    assert archive.cell(acts) == f"'{acts}"
    assert archive.cell(f"a{acts}") == f"a{acts}"


def rows_of(path: Path) -> list[list[str]]:
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


@pytest.mark.anyio
async def test_the_list_is_exported_as_it_is_narrowed_and_not_only_what_is_loaded(
    journal: SqliteJournal, page: PageOnPaper, tasks: Tasks, tmp_path: Path
) -> None:
    for number in range(PAGE + 20):
        write(journal, f"p{number}", account="=cmd|'/c calc'!A1" if number % 2 else "B")
    write(journal, "p1", EntryKind.OUTCOME, verdict="flat")
    write(journal, "p1", EntryKind.ACKNOWLEDGED)
    archived = make(journal, page, tasks)
    archived.narrow(JournalFilter(account="=cmd|'/c calc'!A1"))
    await settle(tasks)
    path = tmp_path / "list.csv"
    archived.export_list(str(path))
    await settle(tasks)
    head, *rows = rows_of(path)
    assert head == list(texts.LIST_COLUMNS)
    assert len(rows) == (PAGE + 20) // 2
    assert rows[-1][2:] == [
        "flatten", "'=cmd|'/c calc'!A1", "MES 12-25", "", "FLAT", "yes", "p1", ""
    ]  # fmt: skip
    assert rows[-1][0] == "2026-01-02T12:00:00.412000+00:00"
    assert page.count == f"exported {len(rows)} rows to list.csv"
    assert not (tmp_path / "list.csv.part").exists()


@pytest.mark.anyio
async def test_a_timeline_is_exported_step_by_step(
    journal: SqliteJournal, page: PageOnPaper, tasks: Tasks, tmp_path: Path
) -> None:
    write(journal, "a")
    write(journal, "a", EntryKind.NOTE, text="-2+3")
    path = tmp_path / "press.csv"
    make(journal, page, tasks).export_timeline("a", str(path))
    await settle(tasks)
    head, first, note = rows_of(path)
    assert head == list(texts.TIMELINE_COLUMNS)
    assert (first[0], first[3]) == ("0.038000", "intent")
    assert note[4] == "'-2+3"


@pytest.mark.anyio
async def test_a_file_that_cannot_be_written_is_said_and_leaves_nothing(
    journal: SqliteJournal, page: PageOnPaper, tasks: Tasks, tmp_path: Path
) -> None:
    write(journal, "a")
    path = tmp_path / "taken.csv"
    path.mkdir()
    make(journal, page, tasks).export_list(str(path))
    await settle(tasks)
    assert page.count.startswith("not exported: ")
    assert not (tmp_path / "taken.csv.part").exists()


def test_an_export_that_breaks_leaves_the_old_file_whole(journal: SqliteJournal, tmp_path: Path) -> None:
    write(journal, "a")
    path = tmp_path / "list.csv"
    path.write_text("old")
    assert journal.close(SOON_S)
    with pytest.raises(Exception, match="closed"):
        archive.write_list(journal, Wanted(), path)
    assert path.read_text() == "old"
