"""What was seen to be wrong when every state was looked at, at every scale and in both themes."""

import re
from dataclasses import replace
from itertools import pairwise, product

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QImage
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
    QMenu,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from crosstrade_panel import texts
from crosstrade_panel.domain.snapshot import Mode
from crosstrade_panel.simulator.drill import GROUPS
from crosstrade_panel.simulator.drills import DRILLS
from crosstrade_panel.ui import theme
from crosstrade_panel.ui.fit import FitLabel, WrapLabel, break_lines, sized
from crosstrade_panel.ui.preview_table import PreviewTable
from crosstrade_panel.ui.timeline import StepTable
from crosstrade_panel.ui.view import Look, OrderRow, PracticeView, StreamView, TimelineRow, Tone
from tests.ui import gallery
from tests.ui.conftest import Desk

BOUND = (
    ("In scope — 2 positions, 3 orders, −$600.00 · read 0.4 s ago", "read 0.4 s ago"),
    ("In scope — 12 positions, −$600.00 · read 3 min ago", "read 3 min ago"),
    ("STILL OPEN 14:31:07.412 · All accounts", "All accounts"),
    (texts.FALLBACK, "right-click"),
    ("no answer yet — NinjaTrader shows Long 2 MES 12-25 (one read)", "Long 2 MES 12-25"),
    ("REVERSE sent · Sim101 · BUY 2 MES 12-25 · Market · Day", "BUY 2 MES 12-25"),
    ("Sell 2 ES 12-25 Stop Market (Working), Sell 20 MES 12-25 Limit (Working)", "Sell 20 MES 12-25"),
)


@pytest.mark.parametrize(("text", "whole"), BOUND)
def test_what_belongs_together_stays_on_one_line(qapp: QApplication, text: str, whole: str) -> None:
    font = sized(qapp.font(), 11)
    for width in range(140, 420):
        lines = break_lines(text, font, width)
        assert sum(whole in line for line in lines) == 1, (width, lines)
        assert not any(line.startswith(("·", "›")) for line in lines), (width, lines)


def test_lines_are_remembered_for_just_that_font_and_width(qapp: QApplication) -> None:
    text = texts.FALLBACK
    found = set()
    for size in (9, 11, 16, 24):
        for is_bold in (False, True):
            for width in range(60, 600, 60):
                font = sized(qapp.font(), size)
                font.setBold(is_bold)
                lines = break_lines(text, font, width)
                assert (
                    lines
                    == break_lines(text, QFont(font), float(width))
                    == break_lines.__wrapped__(text, font, width)
                )
                found.add(lines)
    assert len(found) > 10


def test_a_label_takes_as_much_room_as_its_font_and_text_of_now_need(qapp: QApplication) -> None:
    label = WrapLabel(texts.FALLBACK)
    heights = [label.heightForWidth(200)]
    label.setStyleSheet("font-size: 24px; font-weight: bold")
    label.ensurePolished()
    heights.append(label.heightForWidth(200))
    label.setText(texts.FALLBACK * 2)
    heights.append(label.heightForWidth(200))
    assert heights[0] * 2 < heights[1] < heights[2]


def part(desk: Desk, name: str) -> QWidget:
    found = desk.window.findChild(QWidget, name)
    assert found is not None, name
    return found


RINGS = [("flattenButton", look) for look in Look if look is not Look.DISABLED]
RINGS.append(("reverseButton", Look.READY))


@pytest.mark.parametrize("choice", ["dark", "light"])
@pytest.mark.parametrize(("name", "look"), RINGS)
def test_the_focus_ring_of_a_press_button_stands_out(desk: Desk, name: str, look: Look, choice: str) -> None:
    desk.window.apply_theme(choice)
    view = gallery.POSITIONS
    desk.window.show_panel(replace(view, flatten=replace(view.flatten, look=look)))
    part(desk, "accountPicker").setFocus()
    desk.window.activateWindow()
    button = part(desk, name)
    before = button.grab().toImage()
    button.setFocus(Qt.FocusReason.TabFocusReason)
    after = button.grab().toImage()
    row = before.height() // 2
    pairs = {
        (before.pixelColor(x, y).name(), after.pixelColor(x, y).name())
        for x, y in product(range(10), range(row - 30, row + 30))
        if before.pixelColor(x, y) != after.pixelColor(x, y)
    }
    # Where the line is solid, and not where it is blended with what lies beneath.
    assert max(theme.contrast(was, now) for was, now in pairs) >= 3


def test_the_hatching_of_a_dead_button_is_as_coarse_at_200_per_cent(desk: Desk) -> None:
    desk.window.show_panel(gallery.states_by_name()["looks_dead"])
    desk.settle()
    button = part(desk, "flattenButton")
    dark = {}
    for scale in (1, 2):
        picture = QImage(button.size() * scale, QImage.Format.Format_RGB32)
        picture.setDevicePixelRatio(scale)
        button.render(picture)
        row = [picture.pixelColor(x, 14 * scale).lightness() for x in range(20 * scale, 200 * scale)]
        middle = (min(row) + max(row)) / 2
        dark[scale] = sum(was >= middle > now for was, now in pairwise(row))
    assert 20 <= dark[1] <= 24
    assert abs(dark[2] - dark[1]) <= 1


def test_in_a_list_only_the_accounts_that_are_away_are_slanted(desk: Desk) -> None:
    desk.window.show_panel(gallery.states_by_name()["account_gone"])
    desk.settle()
    picker = part(desk, "accountPicker")
    assert isinstance(picker, QComboBox)
    assert picker.property("greyed") is True
    picker.showPopup()
    slanted = {}
    for row in range(picker.count()):
        option = QStyleOptionViewItem()
        picker.view().initViewItemOption(option)
        index = picker.model().index(row, 0)
        delegate = picker.itemDelegate()
        assert isinstance(delegate, QStyledItemDelegate)
        delegate.initStyleOption(option, index)
        slanted[index.data()] = option.font.italic()
    picker.hidePopup()
    assert slanted == {
        "All accounts": False,
        "LIVE": False,
        "Apex-03 · evaluation": False,
        "Apex-07 · not connected": True,
        "Apex-09 · not listed now": True,
    }


@pytest.mark.parametrize("mode", ["looks_dead", "long_names"])
def test_at_320_pixels_the_budget_gives_way_to_what_is_wrong_with_the_link(desk: Desk, mode: str) -> None:
    desk.window.resize(320, 740)
    link, budget = part(desk, "linkStatus"), part(desk, "budgetStatus")
    assert isinstance(link, FitLabel)
    assert isinstance(budget, FitLabel)
    desk.window.show_panel(gallery.states_by_name()[mode])
    desk.settle()
    assert link.fitted().lines == ("✗ NinjaTrader not connected",)
    assert link.fitted().font.pixelSize() >= 10
    assert not budget.isVisible()
    assert "budget ~17" in link.toolTip()
    desk.window.show_panel(gallery.POSITIONS)
    desk.settle()
    assert budget.isVisible()
    assert budget.fitted().lines == ("budget ~17",)
    assert link.fitted().lines == ("✓ REST 38 ms",)


@pytest.mark.parametrize("choice", ["dark", "light"])
def test_a_mark_in_a_menu_is_the_one_of_the_settings(desk: Desk, choice: str) -> None:
    desk.window.apply_theme(choice)
    pictures = {}
    for is_wanted in (False, True):
        desk.window.show_panel(replace(gallery.POSITIONS, stream=StreamView(is_wanted=is_wanted)))
        menu = part(desk, "panelMenu")
        assert isinstance(menu, QMenu)
        menu.popup(desk.window.pos())
        picture = menu.grab().toImage()
        menu.hide()
        pictures[is_wanted] = {
            picture.pixelColor(x, y).name() for x, y in product(range(40), range(picture.height()))
        }
    accent = QColor(theme.resolve(choice).accent).name()
    assert accent in pictures[True]
    assert accent not in pictures[False]


LONG_ORDERS = (
    OrderRow(
        ("Sim101", "MES 12-25"), "Sim101", "MES 12-25", "BuyToCover 2 Stop Market", "6022.25", "Working"
    ),
    OrderRow(("Apex-03", "NQ 12-25"), "Apex-03", "NQ 12-25", "Sell 1 Stop Limit", "21,300.25", "Accepted"),
    OrderRow(("Apex-03", "NQ 12-25"), "Apex-03", "NQ 12-25", "SellShort 12 Limit", "21,400.00", "Working"),
)


@pytest.mark.parametrize("width", [320, 333])
@pytest.mark.parametrize("name", ["orders_of_many", "all_accounts", "everything"])
def test_side_quantity_and_price_of_an_order_are_whole_beside_the_account(
    desk: Desk, name: str, width: int
) -> None:
    desk.window.resize(width, 740)
    view = gallery.states_by_name()[name]
    desk.window.show_panel(replace(view, preview=replace(view.preview, orders=LONG_ORDERS)))
    desk.settle()
    table = part(desk, "scopePreview")
    assert isinstance(table, PreviewTable)
    assert not table.isColumnHidden(0)
    left, font, is_brief = table.itemDelegate()._place_orders(table.font())  # type: ignore[attr-defined]
    right = table.columnViewportPosition(4) + table.columnWidth(4)
    assert font.pixelSize() >= 10
    assert is_brief
    for row in LONG_ORDERS:
        words = f"{texts.order_brief(row.what)} · {row.price}"
        assert QFontMetrics(font).horizontalAdvance(words) <= right - left, words


@pytest.mark.parametrize(
    ("what", "brief"),
    [
        ("BuyToCover 2 Stop Market", "Buy 2 STP"),
        ("Buy to cover 2 StopMarket", "Buy 2 STP"),
        ("SellShort 12 Limit", "Sell 12 LMT"),
        ("Sell 1 Stop Limit", "Sell 1 STP LMT"),
        ("Sell 1 STOPLIMIT", "Sell 1 STP LMT"),
        ("Buy 3 Stop", "Buy 3 STP"),
        ("Buy 1 Market", "Buy 1 MKT"),
        ("Buy 1 MIT", "Buy 1 MIT"),
        ("Limitless 1 Something", "Limitless 1 Something"),
        ("order", "order"),
    ],
)
def test_an_order_in_brief_is_what_a_chart_trader_calls_it(what: str, brief: str) -> None:
    assert texts.order_brief(what) == brief


LONG_STEP = TimelineRow(
    "+2.300 s",
    "14:31:08.500",
    "read of accounts and positions: Long 2 MES 12-25 in Apex-03, Short 1 NQ 12-25 in Apex-07",
    "",
    Tone.NEUTRAL,
)


@pytest.mark.parametrize("width", [320, 333, 420, 520])
def test_what_happened_stands_in_full_in_the_list_of_the_steps(desk: Desk, width: int) -> None:
    desk.window.resize(width, 1000)
    gallery.show_timeline(desk.window)
    desk.window.journal.show_timeline(replace(gallery.TIMELINE, rows=(*gallery.TIMELINE.rows, LONG_STEP)))
    desk.settle()
    steps = part(desk, "timelineSteps")
    assert isinstance(steps, StepTable)
    metrics = QFontMetrics(steps.print_font)
    assert steps.is_tall is (width <= 420)
    for row, line in enumerate(steps.line_model.lines):
        after, time, what = (cell.text for cell in line.cells)
        assert metrics.horizontalAdvance(after) + 3 <= steps.columnWidth(0)
        assert metrics.horizontalAdvance(time) + 3 <= steps.columnWidth(1)
        if steps.is_tall:
            shown = steps.lines_of(what)
            assert "".join(shown).replace(" ", "") == what.replace(" ", "")
            assert all(metrics.horizontalAdvance(each) <= steps.room for each in shown)
            assert steps.rowHeight(row) >= 15 + len(shown) * metrics.height()
        else:
            assert steps.rowHeight(row) == 24


def test_of_very_many_steps_none_is_measured_before_it_is_painted(desk: Desk) -> None:
    desk.window.resize(320, 1000)
    gallery.show_timeline(desk.window)
    desk.window.journal.show_timeline(replace(gallery.TIMELINE, rows=(LONG_STEP,) * 301))
    desk.settle()
    steps = part(desk, "timelineSteps")
    assert isinstance(steps, StepTable)
    assert {steps.rowHeight(row) for row in range(301)} == {steps.rowHeight(0)}
    assert steps.lines_of(LONG_STEP.what) == (LONG_STEP.what,)


def test_a_window_made_wider_gives_every_step_one_line_again(desk: Desk) -> None:
    desk.window.resize(320, 1000)
    gallery.show_timeline(desk.window)
    desk.settle()
    steps = part(desk, "timelineSteps")
    assert isinstance(steps, StepTable)
    assert steps.rowHeight(4) > steps.rowHeight(0) > 24
    desk.window.resize(520, 1000)
    desk.settle()
    assert {steps.rowHeight(row) for row in range(len(gallery.TIMELINE.rows))} == {24}


def test_the_chip_tells_every_drill_at_320_pixels(desk: Desk) -> None:
    desk.window.resize(320, 740)
    chip = part(desk, "drillChip")
    assert isinstance(chip, FitLabel)
    for name, drill in DRILLS.items():
        practice = PracticeView(gallery.REAL_DRILLS, name)
        desk.window.show_panel(replace(gallery.POSITIONS, mode=Mode.PRACTICE, practice=practice))
        desk.settle()
        assert chip.fitted().lines == (f"Drill: {drill.title}",)
        assert chip.fitted().font.pixelSize() >= 9, drill.title


_JARGON = re.compile(
    r"\b(https?|json|utf|gzip|headers?|body|bytes?|host|success:|retry|epoch|reset)\b", re.IGNORECASE
)


def test_a_drill_is_told_in_words_of_the_trade() -> None:
    for drill in DRILLS.values():
        assert not _JARGON.search(drill.title), drill.title
        assert not re.search(r"\d{3}", drill.title), drill.title
        assert not _JARGON.search(drill.description), drill.description
        # A code only behind the words: it is what the journal names.
        words = re.sub(r" \(code [2-5]\d\d\)\.$", "", drill.description)
        assert not re.search(r"\b[2-5]\d\d\b(?!,)", words), drill.description


def test_the_kinds_of_drills_are_written_like_the_rest_of_the_menu(desk: Desk) -> None:
    desk.window.show_panel(gallery.states_by_name()["drills_of_the_program"])
    menu = part(desk, "drillMenu")
    assert isinstance(menu, QMenu)
    kinds = [each.text() for each in menu.actions() if each.menu() is not None]
    assert kinds == [group.capitalize() for group in GROUPS]
