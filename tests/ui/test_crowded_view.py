"""What a view of thousands of rows costs: nothing is made again that was made of the same reads."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from crosstrade_panel import texts
from crosstrade_panel.domain.outcome import Fate, Outcome, Verdict
from crosstrade_panel.domain.scope import EveryAccount, OneAccount, Side
from crosstrade_panel.domain.snapshot import Account, OrdersRead, Position, PositionsRead, Source, Stamp
from crosstrade_panel.trading.pace import Pace
from crosstrade_panel.trading.press import FlattenLock, Lock, Phase, Press
from crosstrade_panel.ui import describe
from crosstrade_panel.ui.describe import Picture
from crosstrade_panel.ui.main_window import MainWindow
from crosstrade_panel.ui.preview_table import PreviewTable, preview_lines
from tests.fakes import NOON, FakeGateway, LoopClock, VirtualTimeLoop, order, position
from tests.ui import gallery
from tests.ui.rig import Rig

ACCOUNTS = tuple(Account(f"Apex-{number:02}", "Rithmic") for number in range(10))
ROWS = tuple(
    position(account.name, f"ES {month:02}-26", side)
    for account in ACCOUNTS
    for month, side in ((3, Side.LONG), (6, Side.SHORT), (9, Side.SHORT))
)
READ = PositionsRead(Source.SNAPSHOT, Stamp(1.0, 1.1), ROWS, ACCOUNTS)
ORDERS = {"apex-01": OrdersRead(Stamp(1.0, 1.1), "Apex-01", (order("Apex-01", "ES 03-26"),))}
SHORT = EveryAccount(side=Side.SHORT)
FREE = FlattenLock(Lock.FREE)


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Callable[[], VirtualTimeLoop]]]:
    return ("asyncio", {"loop_factory": VirtualTimeLoop})


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Position]:
    """Every row of the preview that is made."""
    rows: list[Position] = []
    make = describe.position_row

    def note(row: Position, *more: Any) -> object:
        rows.append(row)
        return make(row, *more)

    monkeypatch.setattr(describe, "position_row", note)
    return rows


def picture(**changes: Any) -> Picture:
    return replace(Picture(READ, 0.4, ACCOUNTS, None, ORDERS), **changes)


def test_between_two_reads_no_row_is_made_twice_and_the_age_grows(made: list[Position]) -> None:
    earlier = picture()
    before = describe.preview(SHORT, earlier)
    later = describe.preview(SHORT, picture(age_s=0.6).after(earlier))
    assert len(made) == 20
    assert later.rows is before.rows
    assert later.orders is before.orders
    assert (before.leaves, before.rows[0].position) == (later.leaves, "Short 2")
    assert "0.4 s ago" in before.summary
    assert "0.6 s ago" in later.summary


@pytest.mark.parametrize(
    "changes",
    [
        {"read": replace(READ, positions=ROWS[:1])},
        {"read": replace(READ)},
        {"accounts": (*ACCOUNTS, Account("Sim101", "Simulator"))},
        {"orders": {}},
        {"orders": {"apex-01": replace(ORDERS["apex-01"])}},
        {"orders": {"apex-02": ORDERS["apex-01"]}},
    ],
)
def test_another_read_of_whatever_kind_makes_all_of_it_anew(
    changes: dict[str, Any], made: list[Position]
) -> None:
    earlier = picture()
    describe.preview(EveryAccount(), earlier)
    made.clear()
    other = picture(**changes)
    describe.preview(EveryAccount(), other.after(earlier))
    assert len(made) == len(other.positions)


def test_another_scope_and_other_names_are_made_of_the_same_reads_by_themselves() -> None:
    shown = picture()
    every, short = describe.preview(EveryAccount(), shown), describe.preview(SHORT, shown)
    one = describe.preview(OneAccount("Apex-01"), shown)
    masked = describe.preview(OneAccount("Apex-01"), shown, lambda _: "Ap••")
    assert [len(each.rows) for each in (every, short, one, masked)] == [30, 20, 3, 3]
    assert {row.account for row in masked.rows} == {"Ap••"}
    assert {row.account for row in one.rows} == {"Apex-01"}
    buttons = [
        describe.flatten_button(scope, shown, FREE, Pace(), missing="").lines[1]
        for scope in (EveryAccount(), SHORT, OneAccount("Apex-01"))
    ]
    assert [line.partition(" position")[0] for line in buttons] == ["closes 30", "closes 20", "closes 3"]
    assert buttons[2] == "closes 3 positions, cancels 1 order"


def test_no_row_is_compared_with_all_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = 0

    def count(_one: Position, _other: object) -> bool:
        nonlocal compared
        compared += 1
        return False

    monkeypatch.setattr(Position, "__eq__", count)
    assert describe.preview(EveryAccount(), picture()).leaves == ""
    assert describe.preview(SHORT, picture()).leaves.startswith("leaves Long 2 ES 03-26")
    assert compared == 0


def test_a_read_that_stays_for_hours_keeps_little_of_what_was_looked_at() -> None:
    shown = picture()
    for number in range(1000):
        describe.preview(OneAccount(f"Apex-{number}"), shown)
    assert len(shown.made) <= 100


def test_the_lines_of_an_outcome_are_those_of_the_newest_one(monkeypatch: pytest.MonkeyPatch) -> None:
    told = 0
    tell = texts.outcome_lines

    def count(outcome: Outcome, **more: Any) -> tuple[str, ...]:
        nonlocal told
        told += 1
        return tell(outcome, **more)

    monkeypatch.setattr(texts, "outcome_lines", count)
    fates = tuple(Fate(each.name, Verdict.STILL_OPEN, still_open=ROWS[:2]) for each in ACCOUNTS)
    press = Press("a", EveryAccount(), 990.0, NOON, phase=Phase.ENDED)
    press.outcome = Outcome(Verdict.STILL_OPEN, NOON, scope=press.scope, fates=fates)
    shown = picture()

    def lines(*, is_practice: bool = False) -> tuple[str, ...]:
        return describe.banner(press, shown, 1000.0, is_practice=is_practice).lines

    assert lines() == lines()
    assert told == 1
    assert any("practice exchange" in line for line in lines(is_practice=True))
    press.outcome = replace(press.outcome, fates=fates[:1])
    assert "Apex-09" not in " ".join(lines())
    assert told == 3


def test_rows_that_are_the_same_as_before_are_not_shown_again(qtbot: Any) -> None:
    table = PreviewTable(0.3)
    qtbot.addWidget(table)
    shown = describe.preview(EveryAccount(), picture())
    table.show_rows(shown.rows, shown.orders)
    lines = table.line_model.lines
    table.show_rows(shown.rows, shown.orders)
    assert table.line_model.lines is lines
    dearer = tuple(replace(row, market_price=Decimal(1), unrealized=Decimal(1)) for row in ROWS)
    later = describe.preview(EveryAccount(), picture(read=replace(READ, positions=dearer)))
    changed: list[tuple[int, int]] = []
    table.line_model.dataChanged.connect(lambda first, last: changed.append((first.row(), last.row())))
    table.show_rows(later.rows, shown.orders)
    assert changed == [(0, len(ROWS) - 1)]
    assert table.line_model.lines[0].cells[4].text == "+1.00"


def test_the_same_rows_in_another_order_have_moved() -> None:
    shown = describe.preview(EveryAccount(), picture())
    lines = preview_lines(shown.rows, shown.orders)
    again = preview_lines(shown.rows, shown.orders)
    assert again.keys == lines.keys
    turned = preview_lines(shown.rows[::-1], shown.orders)
    assert turned.keys != lines.keys
    assert turned[0].choice == shown.rows[-1].key


@pytest.mark.anyio
async def test_the_record_of_told_alarms_holds_only_presses_that_are_still_in_the_book() -> None:
    rig = Rig()
    rig.connect()
    for number in range(200):
        press = Press(f"p{number}", OneAccount("Sim101"), 990.0, NOON + timedelta(seconds=number))
        press.phase, press.acknowledged = Phase.ENDED, True
        press.outcome = Outcome(Verdict.STILL_OPEN, NOON, scope=press.scope)
        rig.presenter.book.open(press)
        for _ in range(2):  # what is told once is not told again
            rig.presenter.on_press_changed(press)
            await rig.turn()
        assert len(rig.alerts) == number + 1
    known = {press.id for press in rig.presenter.book.presses}
    assert set(rig.presenter._alerted) == known
    assert len(known) < 60


def test_of_thousands_of_rows_only_those_that_are_named_are_put_into_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wanted = texts.named(texts.position_text(row) for row in ROWS)
    assert "more" in wanted
    worded = 0
    word = texts.position_text

    def count(row: Position) -> str:
        nonlocal worded
        worded += 1
        return word(row)

    monkeypatch.setattr(texts, "position_text", count)
    assert texts.shows_text(ROWS, is_practice=False) == f"NinjaTrader shows {wanted} (one read)"
    assert texts.shows_text(ROWS[:1], is_practice=False) == "NinjaTrader shows Long 2 ES 03-26 (one read)"
    assert worded < 10


def many(number: int) -> list[Position]:
    return [position(f"Apex-{each:04}", "ES 03-26") for each in range(number)]


async def crowd() -> Rig:
    """A presenter that is about to hear of two thousand positions."""
    rig = Rig(FakeGateway(open=many(2000)))
    rig.connect()
    await rig.watch.positions(Source.POSITIONS)
    return rig


@pytest.mark.anyio
async def test_thousands_of_rows_are_made_in_many_turns_and_painted_in_one(made: list[Position]) -> None:
    rig = await crowd()
    painted, most = len(rig.views), 0
    for _ in range(30):
        before = len(made)
        await asyncio.sleep(0)
        most = max(most, len(made) - before)
        if len(made) < 2000:  # not even what was going to be painted anyway
            rig.presenter.look_again()
            assert len(rig.views) == painted
    assert most <= 250
    assert (len(made), len(rig.view().preview.rows)) == (2000, 2000)
    assert len(rig.views) == painted + 1
    rig.presenter.look_again()
    await rig.turn()
    assert len(made) == 2000
    assert len(rig.views) == painted + 2


@pytest.mark.anyio
async def test_a_press_that_moves_on_is_painted_with_the_rows_that_are_being_made(
    made: list[Position],
) -> None:
    rig = Rig(FakeGateway(open=many(2000)))
    rig.connect()
    press = Press("p1", OneAccount("Sim101"), 990.0, NOON)
    press.phase = Phase.ENDED
    press.outcome = Outcome(Verdict.STILL_OPEN, NOON, scope=press.scope)
    rig.presenter.book.open(press)
    await rig.watch.positions(Source.POSITIONS)
    await asyncio.sleep(0)
    painted = len(rig.views)
    rig.presenter.on_press_changed(press)
    for _ in range(3):
        await asyncio.sleep(0)
    assert rig.alerts == [press]
    assert 0 < len(made) < 2000
    assert len(rig.views) == painted
    for _ in range(30):
        await asyncio.sleep(0)
    assert [banner.press_id for banner in rig.view().banners] == ["p1"]


@pytest.mark.anyio
async def test_a_storm_of_reads_puts_no_paint_off_for_longer_than_a_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rig = await crowd()
    began = rig.clock.monotonic()
    turns = 0
    monkeypatch.setattr(LoopClock, "monotonic", lambda _: began + turns * 0.05)
    painted = len(rig.views)
    while len(rig.views) == painted:
        turns += 1
        rig.presenter.on_read()
        await asyncio.sleep(0)
        assert turns < 10
    assert len(rig.view().preview.rows) == 2000
    assert turns > 3


@pytest.mark.anyio
async def test_a_row_that_cannot_be_made_does_not_end_the_looking(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rig = await crowd()
    make = describe.position_row
    monkeypatch.setattr(describe, "position_row", lambda *_: 1 / 0)
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    await rig.turn()
    monkeypatch.setattr(describe, "position_row", make)
    painted = len(rig.views)
    rig.presenter.look_again()
    for _ in range(30):
        await asyncio.sleep(0)
    assert len(rig.views) == painted + 1


def test_thousands_of_rows_of_the_same_scope_follow_in_turns_and_of_another_scope_at_once(
    qtbot: Any,
) -> None:
    window = MainWindow()
    qtbot.addWidget(window)
    table = window.findChild(PreviewTable)
    assert table is not None
    shown = table.line_model
    rows = gallery.many_rows(300)
    view = gallery.states_by_name()["positions"]
    orders = len(view.preview.orders)
    window.show_panel(view)
    few = len(shown.lines)
    crowded = replace(view, preview=replace(view.preview, rows=rows))
    seen: list[int] = []
    for signal in (shown.modelReset, shown.rowsInserted):
        signal.connect(lambda *_: seen.append(len(shown.lines)))
    window.show_panel(crowded)
    assert len(shown.lines) == few
    # The same rows again begin nothing anew, other ones do.
    for second in range(100):
        if len(shown.lines) != few:
            break
        summary = f"read {second} s ago"
        window.show_panel(replace(crowded, preview=replace(crowded.preview, summary=summary)))
        qtbot.wait(1)
    assert len(shown.lines) == 300 + orders
    assert seen == [300 + orders]
    window.show_panel(replace(crowded, preview=replace(crowded.preview, rows=rows[:220])))
    window.show_panel(replace(crowded, preview=replace(crowded.preview, rows=rows[:280])))
    qtbot.waitUntil(lambda: len(shown.lines) == 280 + orders)
    qtbot.wait(30)
    assert len(shown.lines) == 280 + orders
    elsewhere = replace(
        crowded,
        flatten=replace(view.flatten, scope=EveryAccount("NQ 12-25")),
        preview=replace(view.preview, rows=rows[:250]),
    )
    window.show_panel(replace(crowded, preview=replace(crowded.preview, rows=rows[:260])))
    window.show_panel(elsewhere)
    assert len(shown.lines) == 250 + orders
    qtbot.wait(30)
    assert len(shown.lines) == 250 + orders
