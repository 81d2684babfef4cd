"""What never moves, never is cut, and always can be read."""

from dataclasses import replace
from itertools import pairwise

import pytest
from PySide6.QtCore import QEvent, QPoint, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFocusEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QLabel,
    QPushButton,
    QTableView,
    QWidget,
)

from crosstrade_panel.domain.snapshot import Mode
from crosstrade_panel.ui import button_paint, theme
from crosstrade_panel.ui.fit import FitLabel, WrapLabel
from crosstrade_panel.ui.main_window import MainWindow
from crosstrade_panel.ui.press_button import PressButton
from crosstrade_panel.ui.view import Look, PanelView
from tests.ui import gallery
from tests.ui.conftest import Desk

STATES = dict(gallery.states())
ABOVE = (
    "linkStatus", "modeBadge", "accountPicker", "instrumentPicker", "directionPicker", "scopeSummary",
    "flattenButton", "reverseButton",
)  # fmt: skip
NAMES = (
    "accountPicker", "instrumentPicker", "directionPicker", "scopePreview", "flattenButton", "reverseButton",
    "reverseTicket", "outcomeBanner", "orderIds", "closedPositions", "journalView", "linkStatus", "modeBadge",
)  # fmt: skip


def part(desk: Desk, name: str) -> QWidget:
    found = desk.window.findChild(QWidget, name)
    assert found is not None, name
    return found


def place(desk: Desk, name: str) -> QRect:
    widget = part(desk, name)
    return QRect(widget.mapTo(desk.window, QPoint(0, 0)), widget.size())


def heights(desk: Desk) -> list[tuple[str, int, int]]:
    return [(name, place(desk, name).top(), place(desk, name).height()) for name in ABOVE]


@pytest.mark.parametrize("width", [320, 333, 480])
def test_nothing_above_flatten_or_reverse_ever_changes_height(desk: Desk, width: int) -> None:
    desk.window.resize(width, 740)
    desk.settle()
    before = heights(desk)
    for name, view in STATES.items():
        desk.window.show_panel(view)
        desk.settle()
        assert heights(desk) == before, name
    toggle = desk.window.findChild(QPushButton, "ticketToggle")
    assert toggle is not None
    toggle.setChecked(True)
    desk.settle()
    assert heights(desk) == before


@pytest.mark.parametrize("name", list(STATES))
def test_nothing_is_cut_at_320_pixels(desk: Desk, name: str) -> None:
    desk.window.resize(320, 740)
    desk.window.show_panel(STATES[name])
    desk.settle()
    assert desk.window.width() == 320
    for label in desk.window.findChildren(QLabel):
        if label.isVisible() and label.text():
            assert not is_cut(label), (label.objectName(), label.text())
    for button in desk.window.findChildren(QAbstractButton):
        if button.isVisible() and not isinstance(button, PressButton) and button.text():
            room = button.fontMetrics().horizontalAdvance(button.text())
            assert room <= button.width(), (button.objectName(), button.text())
    for press in desk.window.findChildren(PressButton):
        head, body = button_paint.fitted_texts(press, painting(press))
        box = button_paint.text_box(press.width(), press.height(), press.weight)
        assert not head.is_cut
        assert not body.is_cut, press.face.lines
        assert head.height + body.height <= box.height() + 1
        assert len(head.lines) == 1


def is_cut(label: QLabel) -> bool:
    if isinstance(label, FitLabel):
        return label.fitted().is_cut
    if isinstance(label, WrapLabel):
        return label.heightForWidth(label.width()) > label.height() + 1
    return label.sizeHint().width() > label.width()


def painting(press: PressButton) -> button_paint.Painting:
    return button_paint.Painting(
        title=press.face.title,
        lines=press.face.lines,
        look=press.look,
        is_pressed=False,
        share_held=0,
        is_hold=False,
        is_flashing=False,
        weight=press.weight,
        has_focus=False,
    )


def test_every_part_lies_inside_the_window_at_320_pixels(desk: Desk) -> None:
    desk.window.resize(320, 740)
    for view in STATES.values():
        desk.window.show_panel(view)
        desk.settle()
        # The budget gives way where what is wrong with the link needs its room.
        budget = ("budgetStatus",) if part(desk, "budgetStatus").isVisible() else ()
        for name in (*ABOVE, "pinButton", "menuButton", "scopePreview", *budget):
            assert desk.window.rect().contains(place(desk, name)), name
        row = [place(desk, name) for name in ("linkPill", *budget, "modeBadge", "pinButton", "menuButton")]
        assert all(left.right() < right.left() for left, right in pairwise(row))


def test_the_preview_shows_six_rows_and_scrolls(desk: Desk) -> None:
    desk.window.show_panel(
        replace(STATES["everything"], preview=replace(STATES["everything"].preview, leaves=""))
    )
    desk.settle()
    table = desk.window.findChild(QTableView, "scopePreview")
    assert table is not None
    assert table.viewport().height() >= 6 * table.rowHeight(0)
    assert table.verticalScrollBar().maximum() > 0


def test_flatten_is_the_largest_control_and_reverse_keeps_its_distance(desk: Desk) -> None:
    flatten, reverse = place(desk, "flattenButton"), place(desk, "reverseButton")
    assert flatten.width() >= 120
    assert flatten.height() >= 64
    assert reverse.top() - flatten.bottom() - 1 >= 12
    assert reverse.height() < flatten.height()
    for button in desk.window.findChildren(QAbstractButton):
        if button.isVisible() and button.objectName() != "flattenButton":
            assert button.width() * button.height() < flatten.width() * flatten.height()


def test_the_buttons_stay_where_they_are_in_a_small_window(desk: Desk) -> None:
    desk.window.resize(QSize(320, 560))
    for view in STATES.values():
        desk.window.show_panel(view)
        desk.settle()
        assert desk.window.rect().contains(place(desk, "reverseButton"))


@pytest.mark.parametrize("which", [theme.DARK, theme.LIGHT], ids=["dark", "light"])
def test_every_text_has_enough_contrast(which: theme.Theme) -> None:
    pairs = list(which.pairs())
    assert len(pairs) > 40
    for use, ink, ground in pairs:
        assert theme.contrast(ink, ground) >= theme.LEAST_CONTRAST, (use, theme.contrast(ink, ground))


def test_the_measure_of_contrast_is_the_standard_one() -> None:
    assert theme.contrast("#000000", "#ffffff") == pytest.approx(21)
    assert theme.contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("which", [theme.DARK, theme.LIGHT], ids=["dark", "light"])
def test_nothing_but_flatten_is_red_on_yellow(which: theme.Theme) -> None:
    pair = (which.flatten.rim, which.flatten.face)
    for other in (which.reverse, which.dead, which.locked, which.disabled):
        assert (other.rim, other.face) != pair
    sheet = theme.stylesheet(which)
    assert which.flatten.rim not in sheet
    assert which.flatten.face not in sheet


@pytest.mark.parametrize("choice", ["dark", "light"])
@pytest.mark.parametrize("mode", list(Mode))
def test_the_frame_and_the_badge_say_whose_money_it_is(desk: Desk, mode: Mode, choice: str) -> None:
    desk.window.apply_theme(choice)
    desk.window.show_panel(replace(gallery.POSITIONS, mode=mode))
    badge = desk.window.findChild(QLabel, "modeBadge")
    assert badge is not None
    assert badge.text() == mode.value
    picture = desk.window.grab().toImage()
    assert QColor(picture.pixel(1, 300)).name() == theme.resolve(choice).mode_colour(mode)


@pytest.mark.parametrize("look", list(Look))
def test_every_look_of_flatten_is_another_picture(desk: Desk, look: Look) -> None:
    pictures = []
    for each in Look:
        desk.window.show_panel(replace(gallery.POSITIONS, flatten=replace(gallery.FLATTEN, look=each)))
        pictures.append(part(desk, "flattenButton").grab().toImage())
    assert all(one != other for n, one in enumerate(pictures) for other in pictures[:n])


def test_every_label_is_plain_text(desk: Desk) -> None:
    for view in STATES.values():
        desk.window.show_panel(view)
        for label in desk.window.findChildren(QLabel):
            assert label.textFormat() is Qt.TextFormat.PlainText, label.objectName()


def test_every_named_part_exists_and_has_a_name_for_a_screen_reader(desk: Desk) -> None:
    for name in NAMES:
        assert part(desk, name).accessibleName(), name


def test_everything_that_takes_the_focus_has_names(desk: Desk) -> None:
    desk.window.show_panel(STATES["stacked"])
    for widget in desk.window.findChildren(QWidget):
        own = widget.window() is desk.window and not widget.objectName().startswith("qt_")
        if own and widget.focusPolicy() & Qt.FocusPolicy.TabFocus and widget.focusProxy() is None:
            assert widget.objectName(), widget
            says = widget.accessibleName() or (isinstance(widget, QAbstractButton) and widget.text())
            assert says, widget.objectName()


def test_the_keyboard_reaches_everything(desk: Desk) -> None:
    desk.window.activateWindow()
    desk.window.show_panel(STATES["leaves"])
    desk.settle()
    part(desk, "accountPicker").setFocus()
    reached = []
    for _ in range(40):
        focus = QApplication.focusWidget() or desk.window.focusWidget()
        assert focus is not None
        if focus.objectName() in reached:
            break
        reached.append(focus.objectName())
        QTest.keyClick(focus, Qt.Key.Key_Tab)
    top_to_bottom = [
        "accountPicker", "instrumentPicker", "scopePreview", "leavesButton", "flattenButton", "reverseButton",
        "ticketToggle", "orderIds", "closedPositions", "pinButton", "menuButton",
    ]  # fmt: skip
    assert [name for name in reached if name in top_to_bottom] == top_to_bottom
    assert {"sideAny", "sideLong", "sideShort"} <= set(reached)


@pytest.mark.parametrize("name", ["flattenButton", "reverseButton", "menuButton", "ticketToggle", "orderIds"])
def test_the_focus_can_be_seen(desk: Desk, name: str) -> None:
    part(desk, "accountPicker").setFocus()
    desk.window.activateWindow()
    QTest.qWaitForWindowActive(desk.window)
    widget = part(desk, name)
    without = widget.grab().toImage()
    widget.setFocus()
    assert widget.hasFocus()
    assert widget.grab().toImage() != without


@pytest.mark.parametrize("name", ["flattenButton", "reverseButton"])
def test_a_button_under_the_pointer_shows_it_unless_it_does_nothing(desk: Desk, name: str) -> None:
    widget = part(desk, name)
    for view, shows_it in ((gallery.POSITIONS, True), (STATES["locked"], False)):
        desk.window.show_panel(view)
        pictures = []
        for is_under in (False, True):
            widget.setAttribute(Qt.WidgetAttribute.WA_UnderMouse, is_under)
            pictures.append(widget.grab().toImage())
        assert (pictures[0] != pictures[1]) is shows_it


@pytest.mark.parametrize("name", ["flattenButton", "reverseButton"])
def test_a_click_leaves_no_focus_ring_on_a_press_button(desk: Desk, name: str) -> None:
    part(desk, "accountPicker").setFocus()
    desk.window.activateWindow()
    QTest.qWaitForWindowActive(desk.window)
    widget = part(desk, name)
    without = widget.grab().toImage()
    widget.setFocus(Qt.FocusReason.MouseFocusReason)
    assert widget.hasFocus()
    assert widget.grab().toImage() == without


@pytest.mark.parametrize("name", ["flattenButton", "reverseButton"])
def test_a_window_that_is_woken_shows_the_ring_only_to_who_went_by_keyboard(desk: Desk, name: str) -> None:
    part(desk, "accountPicker").setFocus()
    desk.window.activateWindow()
    QTest.qWaitForWindowActive(desk.window)
    widget = part(desk, name)
    without = widget.grab().toImage()
    woken = QFocusEvent(QEvent.Type.FocusIn, Qt.FocusReason.ActiveWindowFocusReason)
    for reason, has_ring in ((Qt.FocusReason.MouseFocusReason, False), (Qt.FocusReason.TabFocusReason, True)):
        part(desk, "accountPicker").setFocus()
        widget.setFocus(reason)
        QApplication.sendEvent(widget, woken)
        assert (widget.grab().toImage() != without) is has_ring, reason


def test_a_view_shown_again_touches_nothing(desk: Desk) -> None:
    view = STATES["everything"]
    desk.window.show_panel(view)
    table = desk.window.findChild(QTableView, "scopePreview")
    assert table is not None
    told: list[int] = []
    table.model().dataChanged.connect(lambda *_: told.append(1))
    table.model().modelReset.connect(lambda: told.append(1))
    for _ in range(10):
        desk.window.show_panel(replace(view))
    assert told == []


def test_a_price_that_moves_repaints_its_row_only(desk: Desk) -> None:
    view = STATES["everything"]
    desk.window.show_panel(view)
    table = desk.window.findChild(QTableView, "scopePreview")
    assert table is not None
    told: list[int] = []
    table.model().dataChanged.connect(lambda first, _last, *_: told.append(first.row()))
    rows = view.preview.rows
    moved = (*rows[:4], replace(rows[4], profit="+1.00", profit_sign=1), *rows[5:])
    desk.window.show_panel(replace(view, preview=replace(view.preview, rows=moved)))
    assert told == [4]


@pytest.mark.parametrize("choice", ["dark", "light", "system"])
def test_a_theme_can_be_forced(desk: Desk, choice: str) -> None:
    desk.window.apply_theme(choice)
    expected = theme.LIGHT if choice == "light" else theme.DARK
    background = QColor(desk.window.grab().toImage().pixel(6, 300)).name()
    assert background == expected.window


def test_the_window_stays_on_top_and_begins_small(qapp: QApplication) -> None:
    window = MainWindow(theme_choice="dark")
    assert window.windowFlags() & Qt.WindowType.WindowStaysOnTopHint
    assert abs(window.width() - 333) < 10
    assert abs(window.height() - 740) < 20
    window.deleteLater()


def test_the_icons_are_there() -> None:
    for name in ("chevron", "pin", "menu"):
        for which in ("dark", "light"):
            assert theme.icon_path(f"{name}-{which}.svg").is_file()
    assert theme.icon_path("crosstrade-panel.svg").is_file()


def test_fifty_accounts_and_thirty_positions_are_shown_quickly(desk: Desk) -> None:
    import time

    view: PanelView = STATES["everything"]
    desk.window.show_panel(view)
    start = time.perf_counter()
    for number in range(100):
        rows = tuple(replace(row, profit=f"+{number}.00") for row in view.preview.rows)
        desk.window.show_panel(replace(view, preview=replace(view.preview, rows=rows, summary=str(number))))
    assert (time.perf_counter() - start) / 100 < 0.1  # an order of magnitude: tests/benchmarks measure
