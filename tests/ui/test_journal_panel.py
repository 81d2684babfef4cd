"""The journal's page: what is asked for, what is shown, and that it stands in nobody's way."""

from dataclasses import replace
from datetime import date

import pytest
from PySide6.QtCore import QModelIndex, QPoint, QRect, Qt
from PySide6.QtGui import QFontMetrics, QGuiApplication, QImage, QPainter
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QLabel, QLineEdit, QMenu, QPushButton, QTableView, QTabWidget

from crosstrade_panel.ui.fit import sized
from crosstrade_panel.ui.journal_table import JournalTable
from crosstrade_panel.ui.pickers import PlainCombo
from crosstrade_panel.ui.press_button import PressButton
from crosstrade_panel.ui.view import (
    JournalFilter,
    JournalPage,
    JournalRow,
    JournalSorting,
    JournalSortKey,
    Tone,
)
from tests.ui import gallery
from tests.ui.conftest import Desk

LEFT = Qt.MouseButton.LeftButton
CONTROL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def heard(desk: Desk) -> list[tuple[object, ...]]:
    """What the page asks for, with the page in sight."""
    asked: list[tuple[object, ...]] = []
    page = desk.window.journal
    page.filter_changed.connect(lambda wanted: asked.append(("filter", wanted)))
    page.more_requested.connect(lambda: asked.append(("more",)))
    page.press_opened.connect(lambda press_id: asked.append(("open", press_id)))
    page.list_export_requested.connect(lambda path: asked.append(("list", path)))
    page.timeline_export_requested.connect(lambda press_id, path: asked.append(("press", press_id, path)))
    tabs(desk).setCurrentIndex(1)
    desk.settle()
    return asked


def tabs(desk: Desk) -> QTabWidget:
    found = desk.window.findChild(QTabWidget, "resultTabs")
    assert found is not None
    return found


def table(desk: Desk, name: str = "journalView") -> QTableView:
    found = desk.window.findChild(QTableView, name)
    assert found is not None
    return found


def heading(view: QTableView, column: int, role: int = Qt.ItemDataRole.DisplayRole) -> object:
    return view.model().headerData(column, Qt.Orientation.Horizontal, role)


def push(desk: Desk, name: str) -> QPushButton:
    found = desk.window.findChild(QPushButton, name)
    assert found is not None
    return found


def label(desk: Desk, name: str) -> str:
    found = desk.window.findChild(QLabel, name)
    assert found is not None
    return found.text()


def choose(desk: Desk, name: str, value: str | None) -> None:
    combo = desk.window.findChild(PlainCombo, name)
    assert combo is not None
    row = 0 if value is None else combo.findData(value)
    assert row >= 0, value
    combo.setFocus()
    while combo.currentIndex() != row:
        QTest.keyClick(combo, Qt.Key.Key_Down if row > combo.currentIndex() else Qt.Key.Key_Up)


def many(count: int, first: int = 0) -> tuple[JournalRow, ...]:
    return tuple(
        JournalRow(f"q{n}", "14:31:07", f"FLATTEN {n}", "FLAT", Tone.GOOD) for n in range(first, count)
    )


def test_looking_at_the_page_is_told(desk: Desk) -> None:
    looks: list[int] = []
    desk.window.journal.looked_at.connect(lambda: looks.append(1))
    tabs(desk).setCurrentIndex(1)
    assert looks == [1]


def test_every_filter_is_asked_for_together_with_the_others(
    desk: Desk, heard: list[tuple[object, ...]]
) -> None:
    desk.window.journal.show_choices(gallery.CHOICES)
    search = desk.window.findChild(QLineEdit, "journalSearch")
    assert search is not None
    QTest.keyClicks(search, "m")
    choose(desk, "journalAccount", "Apex-03")
    choose(desk, "journalOutcome", "")
    choose(desk, "journalDay", "2026-11-20")
    assert heard[0] == ("filter", JournalFilter("m"))
    assert heard[-1] == ("filter", JournalFilter("m", "Apex-03", "", date(2026, 11, 20)))
    choose(desk, "journalAccount", None)
    assert heard[-1] == ("filter", JournalFilter("m", None, "", date(2026, 11, 20)))


def test_what_is_chosen_stays_though_it_is_offered_no_more(
    desk: Desk, heard: list[tuple[object, ...]]
) -> None:
    page = desk.window.journal
    page.show_choices(gallery.CHOICES)
    choose(desk, "journalAccount", "Apex-03")
    page.show_choices(replace(gallery.CHOICES, accounts=()))
    assert page.filter.account == "Apex-03"
    page.show_choices(gallery.CHOICES)
    assert page.filter.account == "Apex-03"


def test_more_is_asked_for_once_when_the_end_is_in_sight(desk: Desk, heard: list[tuple[object, ...]]) -> None:
    page, view = desk.window.journal, table(desk)
    page.show_page(JournalPage(many(100), has_more=True))
    desk.settle()
    assert ("more",) not in heard
    for _ in range(2):
        view.scrollToBottom()
        desk.settle()
    assert heard.count(("more",)) == 1
    assert not view.model().canFetchMore(QModelIndex())  # not again before there is an answer
    at = view.verticalScrollBar().value()
    page.append_page(JournalPage(many(200, 100), has_more=False))
    assert view.model().rowCount() == 200
    assert view.verticalScrollBar().value() == at
    view.scrollToBottom()
    desk.settle()
    assert heard.count(("more",)) == 1


def test_a_press_beneath_the_first_page_opens_its_own_timeline(
    desk: Desk, heard: list[tuple[object, ...]]
) -> None:
    page, view = desk.window.journal, table(desk)
    page.show_page(JournalPage(many(100), has_more=True))
    page.append_page(JournalPage(many(200, 100), has_more=True))
    page.append_page(JournalPage(many(250, 200)))
    for row in (50, 100, 199, 249):
        view.setCurrentIndex(view.model().index(row, 0))
        QTest.keyClick(view, Qt.Key.Key_Return)
    opened = [what for what in heard if what != ("more",)]
    assert opened == [("open", f"q{row}") for row in (50, 100, 199, 249)]


def test_newer_presses_come_on_top_and_what_is_chosen_stays_chosen(
    desk: Desk, heard: list[tuple[object, ...]]
) -> None:
    page, view = desk.window.journal, table(desk)
    page.show_page(JournalPage(many(50)))
    view.selectRow(7)
    page.show_page(JournalPage((replace(many(1)[0], press_id="new"), *many(50))))
    assert [index.row() for index in view.selectionModel().selectedRows()] == [8]


@pytest.mark.parametrize("how", ["enter", "double click", "menu"])
def test_a_press_is_opened_by_key_by_mouse_and_from_the_menu(
    desk: Desk, heard: list[tuple[object, ...]], how: str
) -> None:
    view = table(desk)
    view.setCurrentIndex(view.model().index(1, 0))
    if how == "enter":
        QTest.keyClick(view, Qt.Key.Key_Return)
    elif how == "double click":
        at = view.visualRect(view.model().index(1, 1)).center()
        QTest.mouseClick(view.viewport(), LEFT, pos=at)
        QTest.mouseDClick(view.viewport(), LEFT, pos=at)
    else:
        menu = view.findChild(QMenu)
        assert menu is not None
        next(each for each in menu.actions() if "timeline" in each.text()).trigger()
    assert heard == [("open", "p0")]


def test_a_timeline_takes_the_lists_place_and_tells_each_step_in_full(
    desk: Desk, heard: list[tuple[object, ...]]
) -> None:
    page = desk.window.journal
    page.show_timeline(gallery.TIMELINE)
    desk.settle()
    assert not table(desk).isVisible()
    steps = table(desk, "timelineSteps")
    assert steps.isVisible()
    assert page.timeline_of == "p1"
    assert label(desk, "timelineTitle") == gallery.TIMELINE.title
    shown = [[steps.model().index(row, across).data() for across in range(3)] for row in range(7)]
    assert shown[1] == ["+0.001 s", "14:31:06.201", "attempt 1 over REST"]
    assert shown[4][2].startswith("! read of accounts")
    assert shown[5][2] == "✓ FLAT"
    QTest.keyClick(steps, Qt.Key.Key_Down)
    QTest.keyClick(steps, Qt.Key.Key_Down)
    assert label(desk, "timelineDetail").split("\n") == [
        "+0.038 s  14:31:06.238", "accepted, 3 order ids", gallery.TIMELINE.rows[2].detail
    ]  # fmt: skip
    # A step that comes late leaves the chosen one chosen.
    late = replace(gallery.TIMELINE.rows[5], what="FLAT (late, 31 s)")
    page.show_timeline(replace(gallery.TIMELINE, rows=(*gallery.TIMELINE.rows, late)))
    assert steps.model().rowCount() == 8
    assert label(desk, "timelineDetail").startswith("+0.038 s")


@pytest.mark.parametrize("key", [None, Qt.Key.Key_Escape])
def test_the_way_back_is_a_button_or_escape_and_the_list_is_as_it_was(
    desk: Desk, heard: list[tuple[object, ...]], key: Qt.Key | None
) -> None:
    table(desk).selectRow(1)
    desk.window.journal.show_timeline(gallery.TIMELINE)
    if key is None:
        QTest.mouseClick(push(desk, "timelineBackButton"), LEFT)
    else:
        QTest.keyClick(table(desk, "timelineSteps"), key)
    assert table(desk).isVisible()
    assert desk.window.journal.timeline_of == ""
    assert [index.row() for index in table(desk).selectionModel().selectedRows()] == [1]


def test_rows_of_the_list_and_of_a_timeline_are_copied_as_columns(
    desk: Desk, heard: list[tuple[object, ...]]
) -> None:
    table(desk).selectRow(1)
    QTest.keyClick(table(desk), Qt.Key.Key_C, CONTROL)
    assert QGuiApplication.clipboard().text() == "14:12:44\tREVERSE Sim101 · MES 12-25\t✗ REVERSE MISMATCH"
    desk.window.journal.show_timeline(gallery.TIMELINE)
    steps = table(desk, "timelineSteps")
    QTest.keyClick(steps, Qt.Key.Key_A, CONTROL)
    QTest.keyClick(steps, Qt.Key.Key_C, CONTROL)
    lines = QGuiApplication.clipboard().text().split("\n")
    assert len(lines) == 7
    assert lines[1] == "+0.001 s\t14:31:06.201\tattempt 1 over REST"


def test_the_dialog_of_an_export_blocks_nothing_and_flatten_fires_beside_it(
    desk: Desk, heard: list[tuple[object, ...]], tmp_path: object
) -> None:
    QTest.mouseClick(push(desk, "journalExportButton"), LEFT)
    dialog = desk.window.findChild(QFileDialog, "exportDialog")
    assert dialog is not None
    assert dialog.isVisible()
    assert dialog.windowModality() is Qt.WindowModality.NonModal
    assert not dialog.isModal()
    assert dialog.testOption(QFileDialog.Option.DontUseNativeDialog)
    flatten = desk.window.findChild(PressButton, "flattenButton")
    assert flatten is not None
    QTest.mousePress(flatten, LEFT)
    QTest.mouseRelease(flatten, LEFT)
    assert desk.flattened == [gallery.SCOPE]
    dialog.fileSelected.emit("/somewhere/list.csv")
    dialog.close()
    desk.settle()
    assert heard == [("list", "/somewhere/list.csv")]


def test_a_timeline_is_exported_by_its_press(desk: Desk, heard: list[tuple[object, ...]]) -> None:
    desk.window.journal.show_timeline(gallery.TIMELINE)
    QTest.mouseClick(push(desk, "timelineExportButton"), LEFT)
    dialog = desk.window.findChild(QFileDialog, "exportDialog")
    assert dialog is not None
    dialog.fileSelected.emit("/somewhere/press.csv")
    assert heard == [("press", "p1", "/somewhere/press.csv")]


def test_ten_thousand_rows_come_in_batches_of_a_few_milliseconds(
    desk: Desk, heard: list[tuple[object, ...]]
) -> None:
    import time

    page = desk.window.journal
    page.show_page(JournalPage(many(9_900), has_more=True))
    took = []
    for number in range(5):
        batch = many(9_900 + 100 * (number + 1), 9_900 + 100 * number)
        begun = time.perf_counter()
        page.append_page(JournalPage(batch, has_more=True))
        took.append(time.perf_counter() - begun)
    assert table(desk).model().rowCount() == 10_400
    assert min(took) < 0.1  # an order of magnitude: tests/benchmarks/journal.py measures


# Order ids and closed positions


def test_all_order_ids_are_one_click_away(desk: Desk) -> None:
    QTest.mouseClick(push(desk, "copyIdsButton"), LEFT)
    assert QGuiApplication.clipboard().text() == "\n".join(gallery.IDS)


def closed(desk: Desk) -> list[str]:
    model = table(desk, "closedPositions").model()
    return [f"{model.index(row, 0).data()} {model.index(row, 5).data()}" for row in range(model.rowCount())]


def test_closed_positions_are_sorted_by_a_heading_and_as_reported_again(desk: Desk) -> None:
    rows = tuple(
        replace(gallery.RESULT.closed[0], account=account, profit=profit)
        for account, profit in (("b", "+612.50"), ("A", "−1,020.00"), ("c", "–"), ("a2", "+9.00"))
    )
    shown = replace(gallery.POSITIONS, result=replace(gallery.RESULT, closed=rows))
    desk.window.show_panel(shown)
    desk.window.resize(480, 740)
    desk.settle()
    reported = ["b +612.50", "A −1,020.00", "c –", "a2 +9.00"]
    assert closed(desk) == reported
    header = table(desk, "closedPositions").horizontalHeader()

    def click(column: int) -> None:
        at = QPoint(header.sectionViewportPosition(column) + 20, 8)
        QTest.mouseClick(header.viewport(), LEFT, pos=at)

    click(5)
    assert closed(desk) == ["A −1,020.00", "a2 +9.00", "b +612.50", "c –"]
    click(5)
    assert closed(desk)[1:] == ["b +612.50", "a2 +9.00", "A −1,020.00"]
    # A new result keeps the order that was chosen.
    desk.window.show_panel(replace(shown, result=replace(shown.result, closed=rows[:2])))
    assert closed(desk) == ["b +612.50", "A −1,020.00"]
    click(5)
    assert closed(desk) == reported[:2]
    click(0)
    assert closed(desk) == ["A −1,020.00", "b +612.50"]


def test_closed_positions_and_order_ids_are_sorted_by_keys_and_from_the_menu_too(desk: Desk) -> None:
    ids = table(desk, "orderIds")

    def shown() -> list[str]:
        return [ids.model().index(row, 0).data() for row in range(ids.model().rowCount())]

    assert shown() == list(gallery.IDS)
    header = ids.horizontalHeader()
    QTest.mouseClick(header.viewport(), LEFT, pos=QPoint(20, 8))
    assert shown() == sorted(gallery.IDS)
    ids.setFocus()
    QTest.keyClick(ids, Qt.Key.Key_1, CONTROL)
    assert shown() == sorted(gallery.IDS, reverse=True)
    QTest.keyClick(ids, Qt.Key.Key_0, CONTROL)
    assert shown() == list(gallery.IDS)
    assert heading(ids, 0) == "Order ids (reported)"
    menu = table(desk, "closedPositions").findChild(QMenu)
    assert menu is not None
    next(each for each in menu.actions() if each.text() == "Sort by P/L").trigger()
    assert heading(table(desk, "closedPositions"), 5) == "P/L\u2009▴"


# The order of the journal's list


def click_heading(desk: Desk, column: int) -> None:
    header = table(desk).horizontalHeader()
    at = QPoint(header.sectionViewportPosition(column) + 8, 8)
    QTest.mouseClick(header.viewport(), LEFT, pos=at)


def sortings(heard: list[tuple[object, ...]]) -> list[JournalSorting]:
    return [what[1].sorting for what in heard if isinstance(what[1], JournalFilter)]


TIME, ACCOUNT, OUTCOME = JournalSortKey.TIME, JournalSortKey.ACCOUNT, JournalSortKey.OUTCOME


def test_a_click_on_a_heading_asks_for_that_order_and_the_next_one_for_the_other_way_round(
    desk: Desk, heard: list[tuple[object, ...]]
) -> None:
    for column in (2, 2, 1, 0, 0):
        click_heading(desk, column)
    assert sortings(heard) == [
        JournalSorting(OUTCOME, is_falling=False),  # the worst first
        JournalSorting(OUTCOME, is_falling=True),
        JournalSorting(ACCOUNT, is_falling=False),
        JournalSorting(TIME, is_falling=True),  # the newest first
        JournalSorting(TIME, is_falling=False),
    ]


@pytest.mark.parametrize("how", ["keys", "menu"])
def test_the_order_is_chosen_with_the_keyboard_too(
    desk: Desk, heard: list[tuple[object, ...]], how: str
) -> None:
    view = table(desk)
    if how == "keys":
        view.setFocus()
        QTest.keyClick(view, Qt.Key.Key_2, CONTROL)
    else:
        menu = view.findChild(QMenu)
        assert menu is not None
        next(each for each in menu.actions() if each.text() == "Sort by account").trigger()
    assert sortings(heard) == [JournalSorting(ACCOUNT, is_falling=False)]


def test_another_order_keeps_what_is_chosen_and_typed_and_another_filter_keeps_the_order(
    desk: Desk, heard: list[tuple[object, ...]]
) -> None:
    desk.window.journal.show_choices(gallery.CHOICES)
    choose(desk, "journalAccount", "Apex-03")
    click_heading(desk, 2)
    worst_first = JournalSorting(OUTCOME, is_falling=False)
    assert heard[-1] == ("filter", JournalFilter(account="Apex-03", sorting=worst_first))
    search = desk.window.findChild(QLineEdit, "journalSearch")
    assert search is not None
    QTest.keyClicks(search, "m")
    assert heard[-1] == ("filter", JournalFilter("m", "Apex-03", sorting=worst_first))


def test_the_arrow_shows_the_order_that_is_shown_and_not_the_one_that_was_asked_for(
    desk: Desk, heard: list[tuple[object, ...]]
) -> None:
    view, page, spoken = table(desk), desk.window.journal, Qt.ItemDataRole.AccessibleTextRole
    assert [heading(view, column) for column in range(3)] == ["Time\u2009▾", "Press by account", "Outcome"]
    assert heading(view, 0, spoken) == "Time, sorted, falling"
    click_heading(desk, 1)
    assert heading(view, 0) == "Time\u2009▾"
    page.show_page(JournalPage(many(50), sorting=sortings(heard)[-1]))
    assert [heading(view, column) for column in range(3)] == ["Time", "Press by account\u2009▴", "Outcome"]
    assert heading(view, 1, spoken) == "Press by account, sorted, rising"
    click_heading(desk, 1)
    page.show_page(JournalPage(many(50), sorting=sortings(heard)[-1]))
    assert heading(view, 1) == "Press by account\u2009▾"
    assert (heading(view, 0, spoken), heading(view, 1, spoken)) == (None, "Press by account, sorted, falling")
    assert not view.horizontalHeader().isSortIndicatorShown()


def test_another_order_begins_at_its_top_and_a_press_that_is_open_stays_open(
    desk: Desk, heard: list[tuple[object, ...]]
) -> None:
    page, view = desk.window.journal, table(desk)
    page.show_page(JournalPage(many(100)))
    view.scrollToBottom()
    assert view.verticalScrollBar().value() > 0
    page.show_page(JournalPage(tuple(reversed(many(100)))))
    assert view.verticalScrollBar().value() > 0  # news in the same order move nothing
    page.show_timeline(gallery.TIMELINE)
    click_heading(desk, 2)
    page.show_page(JournalPage(many(100), sorting=sortings(heard)[-1]))
    assert view.verticalScrollBar().value() == 0
    assert page.timeline_of == gallery.TIMELINE.press_id


# The press in full


def told(desk: Desk, press: str) -> str:
    """A press as its lines in the list tell it."""
    view = desk.window.findChild(JournalTable, "journalView")
    assert view is not None
    metrics = QFontMetrics(sized(view.font(), 11))
    room = view.viewport().width() - 6
    lines = view.press_lines(press)
    shown = [metrics.elidedText(line, Qt.TextElideMode.ElideMiddle, room) for line in lines]
    bottom = view.rowViewportPosition(0) + 24 - 3 + len(lines) * view.line_height
    assert bottom <= view.rowViewportPosition(1), "it reaches into the next row"
    return "".join(shown).replace(" ", "")


@pytest.mark.parametrize(
    "press",
    [
        "FLATTEN Sim101",
        "REVERSE APEX-12345-07 · MES 12-25 · Short",
        f"FLATTEN {gallery.LONG_NAME} · MES 12-25 · Short",
    ],
)
def test_the_whole_press_is_told_in_the_narrowest_window(
    desk: Desk, heard: list[tuple[object, ...]], press: str
) -> None:
    desk.window.resize(320, 900)
    rows = many(20)
    desk.window.journal.show_page(JournalPage((replace(rows[0], what=press), *rows[1:])))
    desk.settle()
    assert desk.window.width() == 320
    assert told(desk, press) == press.replace(" ", "")


def test_where_all_fits_beside_each_other_a_press_is_one_line(
    desk: Desk, heard: list[tuple[object, ...]]
) -> None:
    view = desk.window.findChild(JournalTable, "journalView")
    assert view is not None
    rows = many(20)
    long = replace(rows[0], what=f"FLATTEN {gallery.LONG_NAME} · MES 12-25 · Short")
    for width, first, is_tall in ((320, rows[0], True), (480, rows[0], False), (480, long, True),
                                  (760, long, False)):  # fmt: skip
        desk.window.resize(width, 900)
        desk.window.journal.show_page(JournalPage((first, *rows[1:])))
        desk.settle()
        assert view.is_tall is is_tall, width
        # The heading of what is painted on the right is on the right.
        header = view.horizontalHeader()
        assert [header.logicalIndex(place) for place in range(3)] == ([0, 2, 1] if is_tall else [0, 1, 2])
        assert (view.rowHeight(0) == 24) is not is_tall


def test_a_row_of_several_lines_is_painted_alike_whichever_part_of_it_is_painted_anew(
    desk: Desk, heard: list[tuple[object, ...]]
) -> None:
    desk.window.resize(320, 900)
    desk.settle()
    view = table(desk)
    whole = view.viewport().grab().toImage()
    pieces = QImage(whole.size(), whole.format())
    painter = QPainter(pieces)
    for left in range(0, view.viewport().width(), 37):
        part = QRect(left, 0, 37, view.viewport().height())
        painter.drawPixmap(part.topLeft(), view.viewport().grab(part))
    painter.end()
    assert pieces.copy(0, 0, 288, 100) == whole.copy(0, 0, 288, 100)
    # The press lies across all columns, beneath time and outcome.
    second = QRect(view.columnWidth(0) + 4, view.rowViewportPosition(1) + 24, 60, 12)
    assert view.model().index(1, 1).data().startswith("REVERSE Sim101 · MES")
    assert len({whole.pixel(x, y) for x in range(second.left(), second.right())
                for y in range(second.top(), second.bottom())}) > 4  # fmt: skip
