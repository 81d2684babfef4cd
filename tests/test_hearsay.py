"""Of what others say of presses only the journal is believed."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from crosstrade_panel import hearsay
from crosstrade_panel.domain.outcome import Cause, Verdict
from crosstrade_panel.domain.scope import EveryAccount, OneAccount, Side
from crosstrade_panel.domain.snapshot import Order
from crosstrade_panel.hearsay import Hearsay
from crosstrade_panel.storage.journal_file import JournalFileError, Problem
from crosstrade_panel.storage.journal_view import PressRecord
from crosstrade_panel.storage.owner import Owner, this_process
from crosstrade_panel.system_clock import SystemClock, system_seconds
from crosstrade_panel.trading.ports import Fact
from crosstrade_panel.trading.press import Phase, Press

pytestmark = pytest.mark.anyio

ORIGIN = "https://example.test"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
OTHER = Owner(4711, "tick 1", this_process().boot)


def record(press_id: str = "a", **changes: object) -> PressRecord:
    """A flatten of another living process, five seconds ago."""
    made = PressRecord(
        seq=1,
        press_id=press_id,
        at=NOON,
        action="flatten",
        account="Sim101",
        instrument="MES 12-25",
        side=None,
        origin=ORIGIN,
        practice=False,
        facts={},
        owner=OTHER,
        owner_alive=True,
        began_system_s=system_seconds() - 5.0,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


class Journal:
    """Rows by hand; it counts how often it is asked."""

    def __init__(self, *rows: PressRecord) -> None:
        self.rows = list(rows)
        self.asked = 0
        self.was_asked = asyncio.Event()
        self.error: JournalFileError | None = None

    def recent(self, limit: int) -> "Future[list[PressRecord]]":
        self.asked += 1
        self.was_asked.set()
        answer: Future[list[PressRecord]] = Future()
        if self.error is None:
            answer.set_result(self.rows[:limit])
        else:
            answer.set_exception(self.error)
        return answer


@asynccontextmanager
async def listening(journal: Journal) -> AsyncIterator[tuple[Hearsay, list[Press]]]:
    """What is shown of what is heard."""
    shown: list[Press] = []
    heard = Hearsay(journal.recent, SystemClock())
    task = asyncio.create_task(heard.run(ORIGIN, shown.append))
    try:
        yield heard, shown
    finally:
        task.cancel()
        await asyncio.wait({task})


async def shown_of(*rows: PressRecord, press_id: str = "a") -> list[Press]:
    journal = Journal(*rows)
    async with listening(journal) as (heard, shown):
        heard.hear(press_id)
        await asyncio.wait_for(journal.was_asked.wait(), 5)
        for _ in range(5):
            await asyncio.sleep(0)
        return shown


async def test_a_press_that_the_journal_has_is_shown_with_its_scope() -> None:
    [press] = await shown_of(record(side="long"))
    assert (press.id, press.scope, press.outcome) == ("a", OneAccount("Sim101", "MES 12-25", Side.LONG), None)


@pytest.mark.parametrize(
    "row",
    [
        record("b"),
        record(owner=this_process()),
        record(owner=Owner(4711, "tick 1", "another boot"), owner_alive=False),
        record(origin="https://other.test"),
        record(acknowledged=True),
        record(action="cancel"),
        record(began_system_s=system_seconds() - 1000.0),
    ],
    ids=["not there", "our own", "an earlier boot", "another server", "seen", "a cancel", "long ago"],
)
async def test_anything_else_is_not_shown(row: PressRecord) -> None:
    assert await shown_of(row) == []


async def test_its_outcome_is_told_as_far_as_its_rows_tell() -> None:
    facts: Mapping[str, Fact] = {
        "verdict": "still_open",
        "fates": [
            {
                "account": "Sim101",
                "verdict": "still_open",
                "still_open": [
                    {
                        "account": "Sim101",
                        "instrument": "MES 12-25",
                        "side": "long",
                        "quantity": 2,
                        "average_price": "4500.25",
                    }
                ],
                "cause": "reads_disagree",
            }
        ],
        "sent_s": 0.002,
        "answered_s": 0.04,
        "proved_s": None,
        "cause": "server_said_no",
        "said": "no",
        "status": 400,
        "elsewhere_open": 3,
        "late_s": 12,
    }  # fmt: skip
    [press] = await shown_of(record(verdict="still_open", ended_at=NOON, ended_facts=facts))
    outcome = press.outcome
    assert outcome is not None
    assert outcome.verdict is Verdict.STILL_OPEN
    [fate] = outcome.fates
    assert (fate.account, fate.verdict, fate.reason and fate.reason.cause) == (
        "Sim101",
        Verdict.STILL_OPEN,
        Cause.READS_DISAGREE,
    )
    [row] = fate.still_open
    assert (row.side, row.quantity, str(row.average_price)) == (Side.LONG, 2, "4500.25")
    assert (outcome.timings.sent_s, outcome.timings.answered_s, outcome.timings.proved_s) == (
        0.002,
        0.04,
        None,
    )
    assert outcome.reason is not None
    assert (outcome.reason.said, outcome.reason.status) == ("no", 400)
    assert (outcome.elsewhere_open, outcome.late_s) == (3, 12.0)


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"fates": "all"},
        {"fates": [7, None, {}]},
        {"fates": [{"verdict": "?", "still_open": [7, {"side": 3, "quantity": "x", "average_price": "y"}]}]},
        {"fates": [{"still_open": 7}], "sent_s": True, "late_s": "soon", "elsewhere_open": "x", "cause": []},
    ],
)  # fmt: skip
async def test_rows_that_were_tampered_with_show_less_and_break_nothing(facts: dict[str, Fact]) -> None:
    [press] = await shown_of(record(verdict="unknown", ended_facts=facts))
    assert press.outcome is not None
    assert press.outcome.verdict is Verdict.UNKNOWN


async def test_the_orders_that_were_left_working_are_told_too() -> None:
    working: list[Fact] = [
        {
            "account": "Sim101",
            "order_id": "id-7",
            "instrument": "MES 12-25",
            "state": "Working",
            "order_type": "Limit",
            "action": "Buy",
            "quantity": 2,
            "filled": 0,
            "limit_price": "4500.25",
            "stop_price": None,
        },
        {"quantity": "x", "filled": [], "limit_price": "y"},
        7,
    ]
    fate: dict[str, Fact] = {
        "account": "Sim101",
        "verdict": "orders_working",
        "working_orders": working,
    }
    [press] = await shown_of(record(verdict="orders_working", ended_facts={"fates": [fate]}))
    assert press.outcome is not None
    assert press.outcome.fates[0].working_orders == (
        Order("Sim101", "id-7", "MES 12-25", "Working", "Limit", "Buy", 2, 0, Decimal("4500.25")),
        Order("Sim101", None, None, None),
    )
    assert press.phase is Phase.ENDED


async def test_a_scope_that_cannot_be_read_counts_as_everything() -> None:
    [press] = await shown_of(record(account="\u200b"))
    assert press.scope == EveryAccount()


async def test_a_press_whose_process_died_without_an_outcome_is_unknown() -> None:
    [press] = await shown_of(record(owner_alive=False))
    assert press.outcome is not None
    assert press.outcome.verdict is Verdict.UNKNOWN
    assert press.outcome.reason is not None
    assert press.outcome.reason.cause is Cause.INTERRUPTED


async def test_a_journal_that_cannot_be_read_shows_nothing_and_is_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hearsay, "_BREATH_S", 0.0)
    journal = Journal(record())
    journal.error = JournalFileError(Problem.BROKEN)
    async with listening(journal) as (heard, shown):
        heard.hear("a")
        await asyncio.wait_for(journal.was_asked.wait(), 5)
        journal.error = None
        journal.was_asked.clear()
        heard.hear("a")
        await asyncio.wait_for(journal.was_asked.wait(), 5)
        for _ in range(5):
            await asyncio.sleep(0)
    assert [press.id for press in shown] == ["a"]


async def test_a_thousand_forged_words_ask_the_journal_a_few_times() -> None:
    journal = Journal(record())
    async with listening(journal) as (heard, shown):
        for number in range(1000):
            heard.hear(f"{number:032x}")
            if number % 10 == 0:
                await asyncio.sleep(0)
        heard.hear("a")
        assert journal.asked <= 2
        assert len(heard._ids) <= 32
        assert shown == []


async def test_a_press_without_an_outcome_is_looked_up_again_until_it_has_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hearsay, "_AGAIN_S", 0.01)
    monkeypatch.setattr(hearsay, "_BREATH_S", 0.0)
    journal = Journal(record())
    async with listening(journal) as (heard, shown):
        heard.hear("a")
        while journal.asked < 4:
            journal.was_asked.clear()
            await asyncio.wait_for(journal.was_asked.wait(), 5)
        assert [press.outcome for press in shown] == [None]
        journal.rows = [record(owner_alive=False)]
        async with asyncio.timeout(5):
            while len(shown) < 2:  # noqa: ASYNC110 - the list tells nobody
                await asyncio.sleep(0.01)
        assert shown[1].outcome is not None
        assert shown[1].outcome.verdict is Verdict.UNKNOWN
        asked = journal.asked
        await asyncio.sleep(0.05)
        assert journal.asked == asked
