"""Pickers, tables, banners, ticket, first-run card, menu: what they ask for, and what they never do."""

from dataclasses import replace

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QGuiApplication, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QComboBox,
    QDialog,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QScrollArea,
    QTableView,
    QTabWidget,
    QToolButton,
    QWidget,
)

from crosstrade_panel.domain.scope import Side
from crosstrade_panel.domain.ticket import OrderType, TimeInForce
from crosstrade_panel.ui.main_window import MainWindow
from crosstrade_panel.ui.pickers import Picker
from crosstrade_panel.ui.tables import LineTable
from crosstrade_panel.ui.view import Choice, ResultView, TicketFields, TicketView
from tests.ui import gallery
from tests.ui.conftest import Desk

LEFT = Qt.MouseButton.LeftButton
SCREEN = QTest.createTouchDevice()


def picker(desk: Desk, name: str = "accountPicker") -> Picker:
    found = desk.window.findChild(Picker, name)
    assert found is not None
    return found


def table(desk: Desk, name: str) -> LineTable:
    found = desk.window.findChild(LineTable, name)
    assert found is not None
    return found


def edit(desk: Desk, name: str) -> QLineEdit:
    found = desk.window.findChild(QLineEdit, name)
    assert found is not None
    return found


def push(desk: Desk, name: str) -> QPushButton:
    found = desk.window.findChild(QPushButton, name)
    assert found is not None
    return found


def line_of(which: Picker) -> QLineEdit:
    line = which.lineEdit()
    assert line is not None
    return line


def filtered_list(desk: Desk) -> QAbstractItemView:
    found = line_of(picker(desk)).completer().popup()
    assert found is not None
    return found


def type_into(which: Picker, text: str) -> None:
    which.setFocus()
    line_of(which).selectAll()
    QTest.keyClicks(line_of(which), text)


# Pickers


def test_a_picked_account_is_asked_for_and_shown_only_when_a_view_says_so(desk: Desk) -> None:
    which = picker(desk)
    which.activated.emit(which.findData("Sim102"))
    assert desk.heard == [("account_chosen", "Sim102")]
    assert which.currentText() == "Sim101"
    desk.window.show_panel(replace(gallery.POSITIONS, account="Sim102"))
    assert which.currentText() == "Sim102"


def test_an_account_can_be_picked_with_the_mouse(desk: Desk) -> None:
    which = picker(desk)
    which.showPopup()
    view = which.view()
    rect = view.visualRect(which.model().index(which.findData("Sim102"), 0))
    QTest.mouseMove(view.viewport(), rect.center())
    QTest.mouseClick(view.viewport(), LEFT, pos=rect.center())
    assert desk.heard == [("account_chosen", "Sim102")]
    assert which.currentText() == "Sim101", "shown is what is committed, until a view says otherwise"


def test_all_accounts_is_a_choice_like_any_other(desk: Desk) -> None:
    picker(desk).activated.emit(0)
    assert desk.heard == [("account_chosen", None)]


def test_headings_cannot_be_chosen(desk: Desk) -> None:
    which = picker(desk)
    rows = [row for row in range(which.count()) if which.model().index(row, 0).data() in {"LIVE", "SIM"}]
    assert len(rows) == 2
    for row in rows:
        assert which.model().flags(which.model().index(row, 0)) == Qt.ItemFlag.NoItemFlags
        which.activated.emit(row)
    assert desk.heard == []


def test_typed_text_counts_only_by_enter(desk: Desk) -> None:
    type_into(picker(desk), "sim102")
    assert desk.heard == []
    QTest.keyClick(line_of(picker(desk)), Qt.Key.Key_Return)
    assert desk.heard == [("account_chosen", "Sim102")]


@pytest.mark.parametrize("how", ["focus", "late focus", "escape"])
def test_typed_text_that_is_left_is_dropped_though_it_names_an_account(desk: Desk, how: str) -> None:
    desk.window.activateWindow()
    assert QTest.qWaitForWindowActive(desk.window)
    type_into(picker(desk), "Sim102")
    filtered = next(
        each
        for each in QApplication.topLevelWidgets()
        if each.isVisible() and each.objectName() == "pickerFilter"
    )
    if how == "escape":
        filtered.hide()
        QTest.keyClick(line_of(picker(desk)), Qt.Key.Key_Escape)
        QTest.keyClick(line_of(picker(desk)), Qt.Key.Key_Return)
    else:
        if how == "focus":
            filtered.hide()
        push(desk, "flattenButton").setFocus()
        filtered.hide()
    assert desk.heard == []
    assert picker(desk).currentText() == "Sim101"


def test_an_account_that_is_not_listed_is_never_asked_for(desk: Desk) -> None:
    type_into(picker(desk), "Sim10")
    QTest.keyClick(line_of(picker(desk)), Qt.Key.Key_Return)
    assert desk.heard == []
    assert picker(desk).currentText() == "Sim101"


def test_nothing_typed_is_not_all(desk: Desk) -> None:
    which = picker(desk)
    which.setFocus()
    line_of(which).selectAll()
    QTest.keyClick(line_of(which), Qt.Key.Key_Delete)
    QTest.keyClick(line_of(which), Qt.Key.Key_Return)
    assert desk.heard == []
    assert which.currentText() == "Sim101"


def test_a_typed_alias_of_an_instrument_is_handed_on_as_typed(desk: Desk) -> None:
    type_into(picker(desk, "instrumentPicker"), "ES")
    QTest.keyClick(line_of(picker(desk, "instrumentPicker")), Qt.Key.Key_Return)
    assert desk.heard == [("instrument_typed", "ES")]
    assert picker(desk, "instrumentPicker").currentText() == "MES 12-25"


def test_two_names_that_differ_by_case_only_are_not_chosen_by_typing(desk: Desk) -> None:
    twins = (Choice(None, "All accounts"), Choice("sim", "sim"), Choice("SIM", "SIM"))
    desk.window.show_panel(replace(gallery.POSITIONS, accounts=twins, account=None))
    type_into(picker(desk), "Sim")
    QTest.keyClick(line_of(picker(desk)), Qt.Key.Key_Return)
    assert desk.heard == []


@pytest.mark.parametrize(
    ("typed", "left"),
    [("apex", ["Apex-03", "Apex-07"]), ("SECOND", ["Sim102"]), ("10", ["Sim101", "Sim102"]), ("zzz", [])],
)
def test_typing_leaves_the_names_and_nicknames_that_contain_it(
    desk: Desk, typed: str, left: list[str]
) -> None:
    desk.window.activateWindow()
    assert QTest.qWaitForWindowActive(desk.window)
    type_into(picker(desk), typed)
    filtered = filtered_list(desk)
    assert filtered.isVisible() is bool(left)
    model = filtered.model()
    if left:
        assert [str(model.index(row, 0).data()).split(" · ")[0] for row in range(model.rowCount())] == left
    filtered.hide()
    assert desk.heard == []


def test_enter_takes_the_name_that_is_marked_in_the_filtered_list(desk: Desk) -> None:
    desk.window.activateWindow()
    assert QTest.qWaitForWindowActive(desk.window)
    type_into(picker(desk), "second")
    filtered = filtered_list(desk)
    QTest.keyClick(filtered, Qt.Key.Key_Down)
    QTest.keyClick(filtered, Qt.Key.Key_Return)
    assert desk.heard == [("account_chosen", "Sim102")]
    assert picker(desk).currentText() == "Sim101"


def test_accounts_stand_under_live_and_sim_with_their_nicknames(desk: Desk) -> None:
    model = picker(desk).model()
    assert [model.index(row, 0).data() for row in range(model.rowCount())] == [
        "All accounts", "LIVE", "Apex-03 · evaluation", "Apex-07 · not connected", "SIM", "Sim101",
        "Sim102 · second",
    ]  # fmt: skip


def test_an_account_that_is_gone_is_greyed_in_the_closed_picker_and_explained(desk: Desk) -> None:
    colour = line_of(picker(desk)).palette().text().color()
    desk.window.show_panel(gallery.states_by_name()["account_gone"])
    desk.settle()
    assert picker(desk).currentText() == "Apex-09"
    assert line_of(picker(desk)).palette().text().color() != colour
    assert "not listed now" in picker(desk).toolTip()
    notes = desk.window.findChild(QLabel, "statusNotes")
    assert notes is not None
    assert "Apex-09 is not listed now" in notes.text()
    desk.window.show_panel(gallery.POSITIONS)
    assert line_of(picker(desk)).palette().text().color() == colour


def press_field(desk: Desk, which: Picker, *, way: int = 0) -> None:
    """Press the text of a picker, go `way` pixels aside, and let go; through the window, as Qt does."""
    handle = desk.window.windowHandle()
    at = line_of(which).mapTo(desk.window, line_of(which).rect().center())
    QTest.mousePress(handle, LEFT, pos=at)
    if way:
        QTest.mouseMove(handle, at + QPoint(way // 2, 0))
        QTest.mouseMove(handle, at + QPoint(way, 0))
    QTest.mouseRelease(handle, LEFT, pos=at + QPoint(way, 0))


def is_open(which: Picker) -> bool:
    return which.view().isVisible()


@pytest.mark.parametrize("name", ["accountPicker", "instrumentPicker"])
def test_a_click_into_the_text_of_a_picker_opens_its_list_and_asks_for_nothing(desk: Desk, name: str) -> None:
    which = picker(desk, name)
    handle = desk.window.windowHandle()
    at = line_of(which).mapTo(desk.window, line_of(which).rect().center())
    QTest.mousePress(handle, LEFT, pos=at)
    assert not is_open(which), "nothing is there that could take the release for its own"
    QTest.mouseRelease(handle, LEFT, pos=at)
    assert is_open(which)
    QTest.keyClick(which.view(), Qt.Key.Key_Escape)
    assert not is_open(which)
    assert desk.heard == []


def test_a_tap_on_the_text_of_a_picker_opens_its_list(desk: Desk) -> None:
    which, at = picker(desk), line_of(picker(desk)).rect().center()
    QTest.touchEvent(desk.window, SCREEN).press(0, at, line_of(which))
    QTest.touchEvent(desk.window, SCREEN).release(0, at, line_of(which))
    assert is_open(which)
    which.hidePopup()


@pytest.mark.parametrize("way", [-25, 25, 200])
def test_a_drag_over_the_text_of_a_picker_opens_no_list(desk: Desk, way: int) -> None:
    press_field(desk, picker(desk), way=way)
    assert not is_open(picker(desk))


def test_a_click_on_the_text_of_an_open_picker_closes_its_list_and_does_not_open_it_again(
    desk: Desk,
) -> None:
    which = picker(desk)
    for _ in range(3):
        press_field(desk, which)
        assert is_open(which)
        # To a list that is open the system gives every click, wherever it was.
        over = which.view().window()
        at = over.mapFromGlobal(line_of(which).mapToGlobal(line_of(which).rect().center()))
        QTest.mousePress(over.windowHandle(), LEFT, pos=at)
        assert not is_open(which)
        # Only some of Qt's platforms would play it again to the text.
        assert over.testAttribute(Qt.WidgetAttribute.WA_NoMouseReplay)
        QTest.mouseRelease(
            desk.window.windowHandle(), LEFT, pos=line_of(which).mapTo(desk.window, QPoint(5, 5))
        )
        assert not is_open(which)
    assert desk.heard == []


def test_what_is_typed_at_a_list_that_a_click_opened_filters(desk: Desk) -> None:
    desk.window.activateWindow()
    assert QTest.qWaitForWindowActive(desk.window)
    which = picker(desk)
    press_field(desk, which)
    QTest.keyClicks(which.view(), "s")
    assert not is_open(which)
    QTest.keyClicks(line_of(which), "im102")
    assert line_of(which).text() == "sim102"
    assert filtered_list(desk).isVisible()
    QTest.keyClick(line_of(which), Qt.Key.Key_Return)
    assert desk.heard == [("account_chosen", "Sim102")]


def test_a_click_into_text_that_is_being_typed_opens_no_list_of_everything(desk: Desk) -> None:
    desk.window.activateWindow()
    assert QTest.qWaitForWindowActive(desk.window)
    type_into(picker(desk), "Sim10")
    filtered_list(desk).hide()
    press_field(desk, picker(desk))
    assert not is_open(picker(desk))
    assert line_of(picker(desk)).text() == "Sim10"


def test_escape_closes_the_list_of_what_was_typed(desk: Desk) -> None:
    desk.window.activateWindow()
    assert QTest.qWaitForWindowActive(desk.window)
    type_into(picker(desk), "Sim10")
    assert filtered_list(desk).isVisible()
    QTest.keyClick(filtered_list(desk), Qt.Key.Key_Escape)
    assert not filtered_list(desk).isVisible()
    assert picker(desk).currentText() == "Sim101"
    assert desk.heard == []


def test_the_focus_that_tab_brings_opens_no_list(desk: Desk) -> None:
    desk.window.activateWindow()
    assert QTest.qWaitForWindowActive(desk.window)
    for name in ("accountPicker", "instrumentPicker"):
        line_of(picker(desk, name)).setFocus(Qt.FocusReason.TabFocusReason)
        assert not is_open(picker(desk, name))


@pytest.mark.parametrize("key", [Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageDown, Qt.Key.Key_Home])
def test_no_arrow_key_steps_through_accounts(desk: Desk, key: Qt.Key) -> None:
    QTest.keyClick(picker(desk), key)
    picker(desk).hidePopup()
    assert desk.heard == []


@pytest.mark.parametrize("name", ["accountPicker", "instrumentPicker", "ticketOrderType", "directionPicker"])
def test_the_wheel_over_a_closed_picker_changes_nothing(desk: Desk, name: str) -> None:
    push(desk, "ticketToggle").setChecked(True)
    desk.settle()
    which = desk.window.findChild(QWidget, name)
    assert which is not None
    which.setFocus()
    for amount in (120, -120):
        event = QWheelEvent(
            QPointF(10, 10), QPointF(which.mapToGlobal(QPoint(10, 10))), QPoint(0, amount), QPoint(0, amount),
            Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip
        QApplication.sendEvent(which, event)
    assert desk.heard == []
    if isinstance(which, QComboBox):
        assert which.currentText() in {"Sim101", "MES 12-25", "Market"}


def test_views_do_not_disturb_what_is_being_typed(desk: Desk) -> None:
    type_into(picker(desk), "Si")
    more = (*gallery.ACCOUNTS, Choice("Sim103", "Sim103", "SIM"))
    desk.window.show_panel(replace(gallery.POSITIONS, accounts=more))
    assert line_of(picker(desk)).text() == "Si"


def test_an_open_list_does_not_move_under_the_pointer(desk: Desk) -> None:
    which = picker(desk)
    which.showPopup()
    rows = which.count()
    desk.window.show_panel(replace(gallery.POSITIONS, accounts=gallery.ACCOUNTS[:2], account="Apex-03"))
    assert which.count() == rows
    which.hidePopup()
    assert which.count() == 3
    assert which.currentText() == "Apex-03"


def test_an_account_that_is_no_longer_listed_is_still_named(desk: Desk) -> None:
    desk.window.show_panel(replace(gallery.POSITIONS, account="Gone-1"))
    assert picker(desk).currentText() == "Gone-1"


@pytest.mark.parametrize(("name", "side"), [("sideAny", None), ("sideLong", Side.LONG)])
def test_a_side_is_asked_for_and_shown_only_when_a_view_says_so(
    desk: Desk, name: str, side: Side | None
) -> None:
    QTest.mouseClick(push(desk, name), LEFT)
    assert desk.heard == [("side_chosen", side)]
    assert push(desk, "sideShort").isChecked()
    desk.window.show_panel(replace(gallery.POSITIONS, side=side))
    assert push(desk, name).isChecked()


# Rows


def click_row(desk: Desk, row: int) -> None:
    view = table(desk, "scopePreview")
    at = view.visualRect(view.model().index(row, 1)).center()
    QTest.mouseClick(view.viewport(), LEFT, pos=at)


def show_rows(desk: Desk, *places: int) -> None:
    rows = gallery.many_rows(8)
    preview = replace(gallery.POSITIONS.preview, rows=tuple(rows[place] for place in places))
    desk.window.show_panel(replace(gallery.POSITIONS, preview=preview))


def test_a_click_on_a_row_chooses_it(desk: Desk) -> None:
    show_rows(desk, 0, 1, 2)
    desk.clock.now += 1
    click_row(desk, 1)
    assert desk.heard == [("row_chosen", ("Apex-01", "MES 12-25"))]


def test_a_row_that_moved_just_now_ignores_clicks(desk: Desk) -> None:
    show_rows(desk, 0, 1, 2)
    desk.clock.now += 1
    show_rows(desk, 1, 2)
    desk.clock.now += 0.29
    click_row(desk, 0)
    assert desk.heard == []
    desk.clock.now += 0.02
    click_row(desk, 0)
    assert desk.heard == [("row_chosen", ("Apex-01", "MES 12-25"))]


def test_a_row_that_stayed_where_it_was_takes_clicks_at_once(desk: Desk) -> None:
    show_rows(desk, 0, 1, 2)
    desk.clock.now += 1
    show_rows(desk, 0, 2, 1)
    click_row(desk, 0)
    assert desk.heard == [("row_chosen", ("Apex-00", "MES 12-25"))]


def test_a_row_that_slips_away_between_press_and_release_is_not_chosen(desk: Desk) -> None:
    show_rows(desk, 0, 1, 2)
    desk.clock.now += 1
    view = table(desk, "scopePreview")
    at = view.visualRect(view.model().index(0, 1)).center()
    QTest.mousePress(view.viewport(), LEFT, pos=at)
    show_rows(desk, 1, 2)
    desk.clock.now += 1
    QTest.mouseRelease(view.viewport(), LEFT, pos=at)
    assert desk.heard == []


def test_a_row_without_a_key_cannot_be_chosen(desk: Desk) -> None:
    row = replace(gallery.ROW, key=None)
    desk.window.show_panel(
        replace(gallery.POSITIONS, preview=replace(gallery.POSITIONS.preview, rows=(row,)))
    )
    desk.clock.now += 1
    click_row(desk, 0)
    assert desk.heard == []


def test_enter_chooses_the_row_with_the_focus(desk: Desk) -> None:
    show_rows(desk, 0, 1, 2)
    desk.clock.now += 1
    table(desk, "scopePreview").setCurrentIndex(table(desk, "scopePreview").model().index(2, 0))
    QTest.keyClick(table(desk, "scopePreview"), Qt.Key.Key_Return)
    assert desk.heard == [("row_chosen", ("Apex-02", "MES 12-25"))]


def test_the_row_beside_one_that_went_is_not_chosen_in_its_place(desk: Desk) -> None:
    show_rows(desk, 0, 1, 2)
    preview = table(desk, "scopePreview")
    for gone in (2, 1):
        preview.selectRow(gone)
        show_rows(desk, *range(gone))
        desk.clock.now += 1
        assert preview.selectionModel().selectedRows() == []
        QTest.keyClick(preview, Qt.Key.Key_Return)
    assert desk.heard == []


def test_rows_that_come_and_go_beneath_others_leave_those_as_they_are(desk: Desk) -> None:
    show_rows(desk, 0, 1, 2)
    preview = table(desk, "scopePreview")
    resets: list[None] = []
    preview.model().modelReset.connect(lambda: resets.append(None))
    preview.selectRow(1)
    for places in ((0, 1, 3, 4, 5), (0, 1), (0, 1, 6), (0, 1, 2, 6)):
        show_rows(desk, *places)
        model = preview.model()
        shown = [model.data(model.index(row, 0)) for row in range(model.rowCount())]
        assert shown == [f"Apex-{place:02}" for place in places]
        assert [index.row() for index in preview.selectionModel().selectedRows()] == [1]
    assert resets == []
    show_rows(desk, 6, 0)
    assert resets == [None]


def test_the_offer_to_widen_is_one_click(desk: Desk) -> None:
    desk.window.show_panel(dict(gallery.states())["leaves"])
    QTest.mouseClick(push(desk, "leavesButton"), LEFT)
    assert desk.heard == [("widen_side_requested", None)]


# Results


def test_order_ids_are_copied_one_by_one_and_all(desk: Desk) -> None:
    ids = table(desk, "orderIds")
    ids.selectRow(1)
    QTest.keyClick(ids, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == gallery.IDS[1]
    menu = ids.findChild(QMenu)
    assert menu is not None
    menu.actions()[1].trigger()
    assert QGuiApplication.clipboard().text() == "\n".join(gallery.IDS)


def test_closed_positions_show_every_field_and_the_total(desk: Desk) -> None:
    model = table(desk, "closedPositions").model()
    shown = {
        model.headerData(n, Qt.Orientation.Horizontal): model.index(0, n).data()
        for n in range(model.columnCount())
    }
    assert shown == {
        "Account": "Sim102", "Instr.": "NQ 12-25", "Closed": "Short 2", "P/L": "+612.50", "Avg": "5780.125",
        "Market": "5774.00",
    }  # fmt: skip
    total = desk.window.findChild(QLabel, "closedTotal")
    assert total is not None
    assert "+612.50" in total.text()


def test_closed_positions_are_copied_as_columns_with_every_field(desk: Desk) -> None:
    table(desk, "closedPositions").copy_all()
    assert QGuiApplication.clipboard().text().split("\t") == [
        "Sim102", "NQ 12-25", "Short 2", "5780.125", "5774.00", "+612.50",
    ]  # fmt: skip


def test_before_anything_is_reported_the_page_says_so_and_shows_no_empty_tables(desk: Desk) -> None:
    desk.window.show_panel(replace(gallery.POSITIONS, result=ResultView()))
    desk.settle()
    said = desk.window.findChild(QLabel, "noResult")
    assert said is not None
    assert said.isVisible()
    assert not table(desk, "orderIds").isVisible()
    assert not table(desk, "closedPositions").isVisible()
    desk.window.show_panel(gallery.POSITIONS)
    desk.settle()
    assert not said.isVisible()
    assert table(desk, "orderIds").isVisible()


def test_a_page_is_as_high_as_it_needs_though_another_is_longer(desk: Desk) -> None:
    desk.window.show_panel(gallery.states_by_name()["connecting"])
    desk.settle()
    area = desk.window.findChild(QScrollArea, "lowerArea")
    assert area is not None
    assert area.verticalScrollBar().maximum() == 0


def test_the_journal_says_outcomes_with_a_symbol(desk: Desk) -> None:
    model = table(desk, "journalView").model()
    assert [model.index(row, 2).data() for row in range(3)] == ["✓ FLAT", "✗ REVERSE MISMATCH", "! UNKNOWN"]


def test_what_a_table_cuts_is_in_its_tooltip(desk: Desk) -> None:
    desk.window.show_panel(dict(gallery.states())["long_names"])
    model = table(desk, "scopePreview").model()
    tip = model.index(0, 0).data(Qt.ItemDataRole.ToolTipRole)
    assert gallery.LONG_NAME in tip
    assert "no stop" in tip
    assert gallery.LONG_NAME in picker(desk).toolTip()


# Banners


def test_an_unresolved_press_is_acknowledged_by_its_own_button(desk: Desk) -> None:
    desk.window.show_panel(replace(gallery.POSITIONS, banners=gallery.BANNERS))
    desk.settle()
    buttons = [
        each for each in desk.window.findChildren(QPushButton, "acknowledgeButton") if each.isVisible()
    ]
    assert len(buttons) == 4
    buttons[1].click()
    assert desk.heard == [("acknowledged", "b2")]


def test_banners_stand_in_the_order_of_the_view_and_leave_with_it(desk: Desk) -> None:
    desk.window.show_panel(replace(gallery.POSITIONS, banners=gallery.BANNERS[1:]))
    desk.window.show_panel(replace(gallery.POSITIONS, banners=gallery.BANNERS))
    desk.settle()
    titles = [each for each in desk.window.findChildren(QLabel, "bannerTitle") if each.isVisible()]
    titles.sort(key=lambda label: label.mapTo(desk.window, QPoint(0, 0)).y())
    assert [label.text()[2:] for label in titles] == [banner.title for banner in gallery.BANNERS]
    assert [label.text()[0] for label in titles] == ["…", "✗", "!", "○"]
    desk.window.show_panel(replace(gallery.POSITIONS, banners=()))
    desk.settle()
    assert not any(each.isVisible() for each in desk.window.findChildren(QLabel, "bannerTitle"))


def test_a_banner_that_changes_keeps_its_card(desk: Desk) -> None:
    before = desk.window.findChild(QLabel, "bannerTitle")
    changed = replace(gallery.FLAT_BANNER, title="was flat 14:31:07 — not read since")
    desk.window.show_panel(replace(gallery.POSITIONS, banners=(changed,)))
    assert desk.window.findChild(QLabel, "bannerTitle") is before
    assert before is not None
    assert before.text().endswith("not read since")


# Ticket


def test_the_ticket_is_collapsed_and_opens(desk: Desk) -> None:
    quantity = edit(desk, "ticketQuantity")
    assert not quantity.isVisible()
    push(desk, "ticketToggle").click()
    assert quantity.isVisible()
    assert not edit(desk, "ticketLimitPrice").isVisible()


def test_an_edit_hands_out_all_fields(desk: Desk) -> None:
    push(desk, "ticketToggle").click()
    QTest.keyClicks(edit(desk, "ticketQuantity"), "3")
    kind = desk.window.findChild(QComboBox, "ticketOrderType")
    assert kind is not None
    kind.setCurrentIndex(kind.findData(OrderType.STOP_LIMIT))
    kind.activated.emit(kind.currentIndex())
    QTest.keyClicks(edit(desk, "ticketLimitPrice"), "5")
    assert edit(desk, "ticketStopPrice").isVisible()
    assert desk.heard[-1] == (
        "ticket_edited",
        TicketFields("3", OrderType.STOP_LIMIT, "5", "", TimeInForce.DAY, "", ""),
    )


def test_a_view_resets_the_ticket_without_being_an_edit(desk: Desk) -> None:
    push(desk, "ticketToggle").click()
    QTest.keyClicks(edit(desk, "ticketQuantity"), "3")
    desk.heard.clear()
    desk.window.show_panel(replace(gallery.POSITIONS, ticket=TicketView(TicketFields(), "2")))
    assert edit(desk, "ticketQuantity").text() == ""
    assert edit(desk, "ticketQuantity").placeholderText() == "2"
    assert desk.heard == []


def test_what_is_wrong_with_the_ticket_is_said_though_it_is_collapsed(desk: Desk) -> None:
    desk.window.show_panel(replace(gallery.POSITIONS, ticket=TicketView(problem="not on the tick")))
    problem = desk.window.findChild(QLabel, "ticketProblem")
    assert problem is not None
    assert problem.isVisible()
    assert problem.text() == "not on the tick"


# First run, menu, window


def test_the_first_run_card_takes_a_token_hidden_and_offers_practice(desk: Desk) -> None:
    desk.window.show_panel(dict(gallery.states())["needs_token"])
    desk.settle()
    token = edit(desk, "tokenField")
    assert token.isVisible()
    assert token.echoMode() is QLineEdit.EchoMode.Password
    push(desk, "saveTokenButton").click()
    assert desk.heard == []
    QTest.keyClicks(token, "made-up")
    QTest.keyClick(token, Qt.Key.Key_Return)
    push(desk, "practiceButton").click()
    assert desk.heard == [("token_entered", "made-up"), ("practice_requested", None)]
    desk.window.show_panel(gallery.POSITIONS)
    assert token.text() == ""
    assert not token.isVisible()


def test_closing_asks_and_stays(desk: Desk) -> None:
    assert not desk.window.close()
    assert desk.window.isVisible()
    assert desk.heard == [("close_requested", None)]


def test_the_pin_is_told_and_the_window_stays_visible(desk: Desk) -> None:
    pin = desk.window.findChild(QToolButton, "pinButton")
    assert pin is not None
    QTest.mouseClick(pin, LEFT)
    assert desk.heard == [("pin_toggled", False)]
    assert not desk.window.windowFlags() & Qt.WindowType.WindowStaysOnTopHint
    assert desk.window.isVisible()
    desk.window.set_pinned(True)
    assert desk.window.windowFlags() & Qt.WindowType.WindowStaysOnTopHint
    assert len(desk.heard) == 1


def test_about_says_what_this_is_not_and_stops_nothing(desk: Desk) -> None:
    desk.window.show_about()
    about = desk.window.findChild(QDialog, "aboutWindow")
    assert about is not None
    assert about.isVisible()
    assert not about.isModal()
    words = " ".join(label.text() for label in about.findChildren(QLabel))
    assert "not affiliated with CrossTrade or NinjaTrader" in words
    about.close()


def test_the_menu_chooses_a_theme_and_asks_to_quit(desk: Desk) -> None:
    menus = desk.window.findChildren(QMenu)
    actions = {action.text(): action for menu in menus for action in menu.actions()}
    actions["Light"].trigger()
    actions["Quit"].trigger()
    assert desk.heard == [("theme_chosen", "light"), ("close_requested", None)]


def test_hostile_text_is_shown_as_it_is(desk: Desk) -> None:
    banner = replace(gallery.FLAT_BANNER, title="<b>bold</b><img src=x>", lines=("<a href='x'>y</a>",))
    desk.window.show_panel(replace(gallery.POSITIONS, banners=(banner,)))
    title = desk.window.findChild(QLabel, "bannerTitle")
    assert title is not None
    assert "<b>bold</b>" in title.text()
    assert title.textFormat() is Qt.TextFormat.PlainText


def test_no_table_measures_its_contents(desk: Desk) -> None:
    for each in desk.window.findChildren(QTableView):
        header = each.horizontalHeader()
        modes = {header.sectionResizeMode(n) for n in range(header.count())}
        assert modes == {header.ResizeMode.Fixed}


def test_a_page_is_made_when_it_is_looked_at_and_once_only(qapp: QApplication) -> None:
    window = MainWindow()
    made: list[QWidget] = []
    window.journal_made.connect(made.append)
    window.settings_made.connect(made.append)
    assert not window.has_journal
    tabs = window.findChild(QTabWidget)
    assert tabs is not None
    tabs.setCurrentIndex(2)
    assert made == [tabs.widget(2)]
    assert window.settings is tabs.currentWidget()
    assert [tabs.tabText(number) for number in range(3)] == ["Last result", "Journal", "Settings"]
    window.make_pages()
    qapp.processEvents()
    assert made == [window.settings, window.journal]
    assert tabs.widget(1) is window.journal
    assert tabs.currentIndex() == 2, "the page in sight stays in sight"
    window.deleteLater()
