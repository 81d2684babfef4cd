"""The list of the journal's page: a press on one line where there is room, and on several where not."""

from collections.abc import Sequence
from heapq import nlargest

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QKeyEvent, QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from crosstrade_panel.ui import captions
from crosstrade_panel.ui.fit import break_lines, sized
from crosstrade_panel.ui.lines import Cell, Line, Lines
from crosstrade_panel.ui.tables import HEADER_HEIGHT, ROW_HEIGHT, LineTable
from crosstrade_panel.ui.theme import DARK, SYMBOLS, Theme
from crosstrade_panel.ui.view import JournalRow, JournalSorting, JournalSortKey, Tone

_LEAST_HEIGHT = HEADER_HEIGHT + 7 * ROW_HEIGHT
_TIME, _PRESS, _OUTCOME = range(3)
_KEYS = (JournalSortKey.TIME, JournalSortKey.ACCOUNT, JournalSortKey.OUTCOME)
_SIZE = 11
_WIDE = 400
"""Pixels; a narrower list gives the press lines of its own, whatever is listed just now."""
_ROOM = 10
"""What a cell needs beside its text, in pixels."""
_PAD = 3
_ARROW = 12
"""What the arrow of the order needs beside a heading, in pixels."""
_MOST_LINES = 4
_MEASURED = 8
"""So many of the longest presses say how many lines a row needs."""


def journal_lines(rows: Sequence[JournalRow], earlier: Lines | None = None) -> Lines:
    """Presses as lines; the symbol says what the colour says. `earlier`: the lines of the first of them."""

    def make(number: int) -> Line:
        row = rows[number]
        tip = f"{row.full_time or row.time} · {row.what} · {row.outcome}"
        return Line(
            row.press_id,
            (
                Cell(row.time, tip=tip),
                Cell(row.what, tip=tip),
                Cell(f"{SYMBOLS[row.tone]} {row.outcome}", tone=row.tone, tip=tip),
            ),
        )

    known = () if earlier is None else earlier.keys
    return Lines((*known, *(row.press_id for row in rows[len(known) :])), rows, make)


class PressDelegate(QStyledItemDelegate):
    """Paints a press: in one line, or time and outcome side by side and beneath them the press in full.

    By itself and from the finished cells: Qt would ask the model for eight things of each cell, and a page of
    them would take longer than a frame.
    """

    def __init__(self, table: "JournalTable") -> None:
        super().__init__(table)
        self._table = table
        self._colours: dict[Tone | None, QColor] = {}
        self.show_theme(DARK)

    def show_theme(self, theme: Theme) -> None:
        """Paint in other colours."""
        self._colours = {tone: QColor(theme.tone_colour(tone)) for tone in Tone}
        self._colours[None] = QColor(theme.text)
        self._line_colour = QColor(theme.line)
        self._chosen, self._chosen_text = QColor(theme.selected), QColor(theme.selected_text)

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        table, area, column = self._table, option.rect, index.column()
        cells = table.line_model.lines[index.row()].cells
        is_chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.save()
        painter.setClipRect(area)
        painter.setFont(table.print_font)
        if is_chosen:
            painter.fillRect(area, self._chosen)
        if not table.is_tall:
            self._write(
                painter, area, area.left() + _PAD, area.right() - _PAD, cells[column], is_chosen=is_chosen
            )
            painter.restore()
            return
        # Each cell paints its part of what lies across several: it may be the only one painted anew.
        wide = table.room + _PAD
        painter.fillRect(area.left(), area.bottom(), area.width(), 1, self._line_colour)
        upper = QRect(area.left(), area.top(), area.width(), ROW_HEIGHT)
        left = (area.left() if column == _TIME else table.columnViewportPosition(_OUTCOME)) + _PAD
        right = area.right() - _PAD if column == _TIME else wide
        self._write(
            painter, upper, left, right, cells[_TIME if column == _TIME else _OUTCOME], is_chosen=is_chosen
        )
        lower = QRect(area.left(), area.top() + ROW_HEIGHT - _PAD, area.width(), table.line_height)
        for line in table.press_lines(cells[_PRESS].text):
            self._write(painter, lower, _PAD, wide, Cell(line), is_chosen=is_chosen)
            lower.translate(0, lower.height())
        painter.restore()

    def _write(
        self, painter: QPainter, part: QRect, left: int, right: int, cell: Cell, *, is_chosen: bool
    ) -> None:
        """A text from `left` to `right` at the height of `part`, where it reaches into that."""
        width = self._table.print_metrics.horizontalAdvance(cell.text)
        if left + width < part.left():
            return
        text = cell.text
        if width > right - left:
            text = self._table.print_metrics.elidedText(text, Qt.TextElideMode.ElideMiddle, right - left)
        painter.setPen(self._chosen_text if is_chosen else self._colours[cell.tone])
        room = QRect(left, part.top(), right - left + 1, part.height())
        painter.drawText(room, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, text)


class JournalTable(LineTable):
    """The presses. Enter or a double click opens one, a click on a heading asks for another order.

    All rows are of one height, which the longest press decides: thousands of them are laid out at once.

    Signals:
        press_opened: a press id.
        heading_chosen: a JournalSortKey.
    """

    press_opened = Signal(str)
    heading_chosen = Signal(object)

    def __init__(self) -> None:
        super().__init__(captions.JOURNAL_HEADINGS, (56, 100, 60))
        self.setObjectName("journalView")
        self.setAccessibleName(captions.JOURNAL)
        self._longest: tuple[tuple[int, str], ...] = ()
        self._lines = 0
        self.print_font = sized(self.font(), _SIZE)
        self.print_metrics = QFontMetrics(self.print_font)
        self.room = 0
        self._sorting: JournalSorting | None = None
        self._delegate = PressDelegate(self)
        self.setItemDelegate(self._delegate)
        self.add_menu_action(captions.OPEN_TIMELINE, self.open_chosen)
        self.offer_sorting(captions.JOURNAL_SORTS, self._on_heading)
        self.doubleClicked.connect(self._on_double_click)
        self.show_order(JournalSorting())

    def show_order(self, sorting: JournalSorting) -> None:
        """Say in which order the rows are; another one begins at its top."""
        if sorting == self._sorting:
            return
        self._sorting = sorting
        orders = Qt.SortOrder
        order = orders.DescendingOrder if sorting.is_falling else orders.AscendingOrder
        self.show_sorting((_KEYS.index(sorting.key), order))
        self.scrollToTop()

    def make_room(self, rows: Sequence[JournalRow], *, is_more: bool = False) -> None:
        """Time and outcome get what their longest words need; the press what is left, or lines of its own.

        `is_more`: rows beneath those that there are; nothing gets narrower.
        """
        if self.font().family() != self.print_font.family():  # the stylesheet's, once it is shown
            self.print_font = sized(self.font(), _SIZE)
            self.print_metrics = QFontMetrics(self.print_font)
        metrics = self.print_metrics

        def width_of(texts: set[str], most: int) -> int:
            return min(max((metrics.horizontalAdvance(text) for text in texts), default=0) + _ROOM, most)

        lengths = {len(row.time): row.time for row in rows}
        least_time, what, least_outcome = self.weights if is_more else (56, self.weights[_PRESS], 60)
        time = max(least_time, width_of(set(lengths.values()), 90))
        outcome = max(least_outcome, width_of({f"{SYMBOLS[row.tone]} {row.outcome}" for row in rows}, 200))
        # The longest by their letters: not each of thousands is measured.
        likely = nlargest(_MEASURED, {row.what for row in rows}, key=len)
        presses = {(metrics.horizontalAdvance(press), press) for press in likely}
        if is_more:
            presses.update(self._longest)
        self._longest = tuple(sorted(presses, reverse=True)[:_MEASURED])
        self.weights = (time, what, outcome)
        self._share_width()

    @property
    def is_tall(self) -> bool:
        """Whether a press has lines of its own beneath its time and outcome."""
        return self._lines > 0

    @property
    def _press_heading(self) -> int:
        heading = captions.JOURNAL_HEADINGS[_PRESS]
        return self.print_metrics.horizontalAdvance(heading) + _ROOM + _ARROW

    @property
    def line_height(self) -> int:
        """Of the lines of a press, in pixels."""
        return self.print_metrics.height()

    def press_lines(self, press: str) -> tuple[str, ...]:
        """A press on the lines that a row has for it; what goes beyond them is on the last one."""
        lines = break_lines(press, self.print_font, self.room)
        return (*lines[: self._lines - 1], " ".join(lines[self._lines - 1 :]))

    def weights_for(self, width: int) -> tuple[int, ...]:
        """The press takes the room, the time does not; a long outcome leaves it some."""
        time, what, outcome = self.weights
        if self.is_tall:
            return (time + _ARROW, self._press_heading, max(60, width - time - _ARROW - self._press_heading))
        outcome = max(60, min(outcome, width - time - what))
        return (time, max(what, width - time - outcome), outcome)

    def _share_width(self) -> None:
        self._share_lines(self.viewport().width())
        super()._share_width()

    def _share_lines(self, width: int) -> None:
        """How many lines a press needs beneath its time and outcome: none, where all fits beside them."""
        time, _, outcome = self.weights
        self.room = width - 2 * _PAD
        widest = self._longest[0][0] + _ROOM if self._longest else 0
        lines = 0
        if width < _WIDE or time + widest + outcome > width:
            needed = [len(break_lines(press, self.print_font, self.room)) for _, press in self._longest]
            lines = min(max(needed, default=1), _MOST_LINES)
        if lines == self._lines:
            return
        first = self.indexAt(QPoint(0, 0))
        self._lines = lines
        # Beneath each other the press is the last one: its heading goes to the right.
        self.horizontalHeader().moveSection(self.horizontalHeader().visualIndex(_PRESS), 2 if lines else 1)
        height = ROW_HEIGHT + lines * self.line_height + 2 if lines else ROW_HEIGHT
        self.verticalHeader().setDefaultSectionSize(height)
        if first.isValid():
            self.scrollTo(first, LineTable.ScrollHint.PositionAtTop)

    def show_theme(self, theme: Theme) -> None:
        """Colour the cells for another theme."""
        self._delegate.show_theme(theme)
        super().show_theme(theme)

    def open_chosen(self) -> None:
        """Open the press with the focus."""
        self._open(self.currentIndex().row())

    def _open(self, number: int) -> None:
        if 0 <= number < len(self.line_model.lines):
            self.press_opened.emit(str(self.line_model.lines.keys[number]))

    def _on_double_click(self, index: QModelIndex) -> None:
        self._open(index.row())

    def _on_heading(self, column: int) -> None:
        self.heading_chosen.emit(_KEYS[column])

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter} and not event.isAutoRepeat():
            event.accept()
            self.open_chosen()
            return
        super().keyPressEvent(event)

    def minimumSizeHint(self) -> QSize:
        return QSize(60, _LEAST_HEIGHT)
