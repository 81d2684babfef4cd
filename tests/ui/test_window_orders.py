"""The table of what is in scope: positions, their badges, and working orders beneath them."""

from dataclasses import replace

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor, QFontMetrics, QGuiApplication, QImage, QTextDocument
from PySide6.QtTest import QTest

from crosstrade_panel.ui import theme
from crosstrade_panel.ui.preview_table import PreviewTable
from crosstrade_panel.ui.view import OrderRow, PositionRow
from tests.ui import gallery
from tests.ui.conftest import Desk

LEFT = Qt.MouseButton.LeftButton


def table(desk: Desk) -> PreviewTable:
    found = desk.window.findChild(PreviewTable, "scopePreview")
    assert found is not None
    return found


def show(desk: Desk, rows: tuple[PositionRow, ...], orders: tuple[OrderRow, ...], leaves: str = "") -> None:
    preview = replace(gallery.POSITIONS.preview, rows=rows, orders=orders, leaves=leaves)
    desk.window.show_panel(replace(gallery.POSITIONS, preview=preview))
    desk.settle()


def click(desk: Desk, row: int) -> None:
    at = table(desk).visualRect(table(desk).model().index(row, 2)).center()
    QTest.mouseClick(table(desk).viewport(), LEFT, pos=at)


def cells(desk: Desk) -> list[tuple[str, ...]]:
    return [tuple(cell.text for cell in line.cells) for line in table(desk).line_model.lines]


def picture(desk: Desk, row: int, column: int) -> QImage:
    area = table(desk).visualRect(table(desk).model().index(row, column))
    return table(desk).viewport().grab(area).toImage()


def colours(image: QImage) -> set[str]:
    return {QColor(image.pixel(x, y)).name() for x in range(image.width()) for y in range(image.height())}


def test_positions_come_first_then_orders_each_in_the_order_of_the_view(desk: Desk) -> None:
    show(desk, gallery.NO_STOP, gallery.ORDERS)
    assert cells(desk) == [
        ("Sim101", "MES 12-25", "Short 2", "5780.125", "+612.50"),
        ("Sim101", "NQ 12-25", "Long 1", "21,345.25", "−1,212.50"),
        ("Sim101", "MES 12-25", "Buy 2 Limit", "5760.00", "Working"),
        ("Sim101", "NQ 12-25", "Sell 1 Stop market", "21,300.25", "Accepted"),
        ("Sim101", "NQ 12-25", "Sell 1 Limit", "21,400.00", "Working"),
    ]


@pytest.mark.parametrize("choice", ["dark", "light"])
def test_an_order_is_muted_and_a_badge_stands_out(desk: Desk, choice: str) -> None:
    desk.window.apply_theme(choice)
    colours_of = theme.resolve(choice)
    show(desk, gallery.NO_STOP, gallery.ORDERS)
    assert colours_of.text in colours(picture(desk, 1, 1))
    assert colours_of.dim in colours(picture(desk, 3, 4))
    assert colours_of.text not in colours(picture(desk, 3, 4))
    badged = colours(picture(desk, 0, 1))
    assert {colours_of.doubt_surface, colours_of.doubt} <= badged
    assert colours_of.doubt_surface not in colours(picture(desk, 1, 1))
    assert theme.contrast(colours_of.doubt, colours_of.doubt_surface) >= theme.LEAST_CONTRAST


@pytest.mark.parametrize("width", [300, 320, 333, 420])
@pytest.mark.parametrize("name", ["orders", "orders_of_many", "orders_left", "everything", "long_names"])
def test_no_row_is_wider_than_the_table(desk: Desk, width: int, name: str) -> None:
    desk.window.resize(width, 740)
    desk.window.show_panel(dict(gallery.states())[name])
    desk.settle()
    view = table(desk)
    widths = [view.columnWidth(column) for column in range(5) if not view.isColumnHidden(column)]
    assert sum(widths) <= view.viewport().width()


@pytest.mark.parametrize("width", [320, 333, 420])
@pytest.mark.parametrize("name", ["orders", "orders_of_many", "orders_left", "everything"])
def test_no_size_average_or_profit_is_cut(desk: Desk, width: int, name: str) -> None:
    desk.window.resize(width, 740)
    desk.window.show_panel(dict(gallery.states())[name])
    desk.settle()
    metrics = table(desk).fontMetrics()
    for row, line in enumerate(table(desk).line_model.lines):
        for column in (2, 3, 4):
            if not table(desk).is_order(row) and not table(desk).isColumnHidden(column):
                text = line.cells[column].text
                assert metrics.horizontalAdvance(text) + 6 <= table(desk).columnWidth(column), text


def test_the_badge_is_spelled_out_at_320_pixels(desk: Desk) -> None:
    desk.window.resize(320, 740)
    for name in ("orders", "orders_of_many"):
        desk.window.show_panel(dict(gallery.states())[name])
        desk.settle()
        delegate = table(desk).itemDelegate()
        room = table(desk).columnWidth(1) - 9
        font, label, _ = delegate._fit_badged(table(desk).font(), "MES 12-25", "no stop", room)  # type: ignore[attr-defined]
        assert label == "no stop", name
        assert font.pixelSize() >= 9


def test_a_contract_keeps_its_month_where_there_is_no_room_for_the_words_of_the_badge(desk: Desk) -> None:
    desk.window.resize(320, 740)
    desk.window.show_panel(dict(gallery.states())["long_names"])
    desk.settle()
    room = table(desk).columnWidth(1) - 9
    delegate = table(desk).itemDelegate()
    font, label, small = delegate._fit_badged(table(desk).font(), "MES 12-25", "no stop", room)  # type: ignore[attr-defined]
    used = (
        QFontMetrics(font).horizontalAdvance("MES 12-25") + QFontMetrics(small).horizontalAdvance(label) + 7
    )
    assert label == "!"
    assert used <= room
    assert font.pixelSize() >= 9


def test_a_screen_reader_hears_the_badge_and_what_the_cells_of_an_order_are(desk: Desk) -> None:
    show(desk, gallery.NO_STOP, gallery.ORDERS)
    model = table(desk).model()

    def heard(row: int, column: int) -> object:
        return model.index(row, column).data(Qt.ItemDataRole.AccessibleTextRole)

    assert heard(0, 1) == "MES 12-25, no stop"
    assert heard(1, 1) is None
    assert [heard(3, column) for column in (2, 3, 4)] == [
        "Working order: Sell 1 Stop market", "Price: 21,300.25", "State: Accepted",
    ]  # fmt: skip


def test_what_is_copied_says_the_badge(desk: Desk) -> None:
    show(desk, gallery.NO_STOP[:1], ())
    table(desk).copy_all()
    assert QGuiApplication.clipboard().text() == "Sim101\tMES 12-25 (no stop)\tShort 2\t5780.125\t+612.50"


def test_a_tooltip_shows_server_text_as_it_is(desk: Desk) -> None:
    show(desk, (), (replace(gallery.ORDERS[0], what="<b>Buy</b> & <img src=x>"),))
    tip = table(desk).model().index(0, 2).data(Qt.ItemDataRole.ToolTipRole)
    document = QTextDocument()
    document.setHtml(tip)
    assert "<b>Buy</b> & <img src=x>" in document.toPlainText()


def test_a_click_on_an_order_chooses_its_pair(desk: Desk) -> None:
    show(desk, gallery.NO_STOP, gallery.ORDERS)
    desk.clock.now += 1
    for row in (2, 3, 4):
        click(desk, row)
    assert desk.heard == [("row_chosen", row.key) for row in gallery.ORDERS]


def test_an_order_that_moved_just_now_ignores_clicks(desk: Desk) -> None:
    show(desk, gallery.NO_STOP, gallery.ORDERS)
    desk.clock.now += 1
    show(desk, gallery.NO_STOP[:1], gallery.ORDERS)
    desk.clock.now += 0.29
    click(desk, 1)
    assert desk.heard == []
    click(desk, 0)
    assert desk.heard == [("row_chosen", ("Sim101", "MES 12-25"))]
    desk.clock.now += 0.02
    click(desk, 1)
    assert len(desk.heard) == 2


def test_an_order_in_the_place_of_a_position_of_the_same_pair_has_moved(desk: Desk) -> None:
    show(desk, gallery.NO_STOP[:1], gallery.ORDERS[:1])
    desk.clock.now += 1
    show(desk, (), gallery.ORDERS[:1])
    click(desk, 0)
    assert desk.heard == []


def test_an_order_that_only_changed_its_price_stayed_where_it_was(desk: Desk) -> None:
    show(desk, gallery.NO_STOP, gallery.ORDERS)
    desk.clock.now += 1
    show(desk, gallery.NO_STOP, (*gallery.ORDERS[:2], replace(gallery.ORDERS[2], price="21,400.25")))
    click(desk, 4)
    assert desk.heard == [("row_chosen", ("Sim101", "NQ 12-25"))]


def test_two_orders_of_one_pair_both_stay_where_they_were_when_another_comes_beneath(desk: Desk) -> None:
    show(desk, gallery.NO_STOP, gallery.ORDERS)
    desk.clock.now += 1
    show(desk, gallery.NO_STOP, (*gallery.ORDERS, gallery.ORDERS[2]))
    for row in (3, 4):
        click(desk, row)
    assert desk.heard == [("row_chosen", ("Sim101", "NQ 12-25"))] * 2
    click(desk, 5)
    assert len(desk.heard) == 2


def test_an_order_whose_pair_is_not_known_cannot_be_chosen(desk: Desk) -> None:
    show(desk, (), (replace(gallery.ORDERS[0], key=None),))
    desk.clock.now += 1
    click(desk, 0)
    assert desk.heard == []


def test_six_rows_are_in_sight_however_many_there_are(desk: Desk) -> None:
    height = table(desk).height()
    top = table(desk).mapTo(desk.window, QPoint(0, 0))
    for rows, orders in ((0, 0), (1, 3), (7, 0), (7, 40), (0, 40)):
        many = tuple(replace(gallery.ORDERS[n % 3], price=str(n)) for n in range(orders))
        show(desk, gallery.many_rows(rows), many)
        assert table(desk).height() == height
        assert table(desk).mapTo(desk.window, QPoint(0, 0)) == top
        assert table(desk).viewport().height() // table(desk).rowHeight(0) == 6 if rows + orders else True
        assert (table(desk).verticalScrollBar().maximum() > 0) is (rows + orders > 6)


def test_order_words_lie_at_one_place_and_never_over_the_instrument(desk: Desk) -> None:
    for width in (320, 420):
        desk.window.resize(width, 740)
        show(desk, gallery.NO_STOP, gallery.ORDERS)
        delegate = table(desk).itemDelegate()
        left, font, _ = delegate._place_orders(table(desk).font())  # type: ignore[attr-defined]
        metrics = table(desk).fontMetrics()
        assert left >= table(desk).columnViewportPosition(1) + metrics.horizontalAdvance("MES 12-25") + 3
        assert font.pixelSize() >= 9
