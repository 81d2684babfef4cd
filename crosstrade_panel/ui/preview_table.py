"""The table of "in scope now": positions, then working orders as muted rows."""

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from heapq import nlargest

from PySide6.QtCore import QPoint, QRect, QRectF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetrics,
    QFontMetricsF,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from crosstrade_panel import texts
from crosstrade_panel.ui import captions
from crosstrade_panel.ui.fit import sized
from crosstrade_panel.ui.lines import Cell, Line, Lines, same_at_first
from crosstrade_panel.ui.tables import Index, LineTable
from crosstrade_panel.ui.theme import DARK, SYMBOLS, Theme
from crosstrade_panel.ui.view import OrderRow, PositionRow, Tone

_ACCOUNT, _INSTRUMENT, _WHAT, _PRICE, _STATE = range(5)
_WEIGHTS = (60, 70, 62, 64, 84)
_LEAST_ACCOUNT = 44
_MEASURED = 12
_BADGED_SIZES = ((11, 10), (11, 9), (11, 8), (10, 8), (9, 8))
"""Of an instrument and its badge, in pixels."""
_ORDER_SIZES = (11, 10, 9)
_NO_PRICE = "–"
_CHIP_HEIGHT = 15
_PAD = 3
_STEP = 6
"""Columns that make room for a badge change their width in steps, not with every digit."""


def preview_lines(
    rows: Sequence[PositionRow], orders: Sequence[OrderRow], keys: Sequence[object] | None = None
) -> Lines:
    """Positions first, then orders, each in the order given. `keys`: where they are known already."""
    every: tuple[PositionRow | OrderRow, ...] = (*rows, *orders)
    if keys is None:
        keys = (*_keys_of([row.key for row in rows]), *_keys_of([row.key for row in orders], is_order=True))

    def make(number: int) -> Line:
        row = every[number]
        cells = _position_cells(row) if isinstance(row, PositionRow) else _order_cells(row)
        return Line(keys[number], cells, row.key)

    return Lines(keys, every, make)


def _keys_of(pairs: Sequence[object], *, is_order: bool = False) -> list[object]:
    """What makes a row the same as before: its pair, whether it is an order, and which one of its pair."""
    seen: dict[object, int] = {}
    made: list[object] = []
    for pair in pairs:
        seen[pair] = number = seen.get(pair, 0) + 1
        made.append((is_order, pair, number))
    return made


def _position_cells(row: PositionRow) -> tuple[Cell, ...]:
    tip = _tip(row.account, row.instrument, row.position, row.average, row.profit, row.badge)
    spoken = f"{row.instrument}, {row.badge}" if row.badge else ""
    return (
        Cell(row.account, tip=tip),
        Cell(row.instrument, tip=tip, badge=row.badge, spoken=spoken),
        Cell(row.position, tip=tip),
        Cell(row.average, is_number=True, tip=tip),
        Cell(row.profit, is_number=True, sign=row.profit_sign, tip=tip),
    )


def _order_cells(row: OrderRow) -> tuple[Cell, ...]:
    tip = _tip(row.account, row.instrument, row.what, row.price, row.state)
    return (
        Cell(row.account, tip=tip, is_dim=True),
        Cell(row.instrument, tip=tip, is_dim=True),
        Cell(row.what, tip=tip, is_dim=True, spoken=f"{captions.WORKING_ORDER}: {row.what}"),
        Cell(row.price, tip=tip, is_dim=True, spoken=f"{captions.ORDER_PRICE}: {row.price}"),
        Cell(row.state, tip=tip, is_dim=True, spoken=f"{captions.ORDER_STATE}: {row.state}"),
    )


def _tip(*parts: str) -> str:
    return " · ".join(part for part in parts if part)


def _order_words(what: str, price: str) -> str:
    """What an order does and where it rests; one at the market rests nowhere."""
    return what if price == _NO_PRICE else _tip(what, price)


def _longest(texts: Iterable[str]) -> str:
    return max(texts, key=len, default="")


def _chip_width(font: QFont, label: str) -> float:
    return QFontMetricsF(font).horizontalAdvance(label) + 2 * _PAD + 1


class PreviewTable(LineTable):
    """What is in scope. A click on a row, or Enter, chooses its pair, unless it has just moved.

    Signals:
        row_chosen: (account, instrument) of the row.
    """

    row_chosen = Signal(object)

    def __init__(self, moved_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(captions.PREVIEW_HEADINGS, _WEIGHTS)
        self._moved_s = moved_s
        self._clock = clock
        self._moved_at: dict[object, float] = {}
        self._pressed_key: object = None
        self._pairs: tuple[Sequence[object], Sequence[object]] = ([], [])
        self._longest_order = ("", "", "", "")
        self._order_count = 0
        self._hint = ""
        self._accounts: set[str] = set()
        self._shown_rows: tuple[Sequence[PositionRow], Sequence[OrderRow]] = (), ()
        self._delegate = PreviewDelegate(self)
        self.setItemDelegate(self._delegate)
        self.setSelectionMode(LineTable.SelectionMode.SingleSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def show_rows(self, rows: Sequence[PositionRow], orders: Sequence[OrderRow] = ()) -> None:
        """Show positions and orders; a row at another place than before, or a new one, has moved."""
        for _ in self.show_in_steps(rows, orders):
            pass

    def show_in_steps(self, rows: Sequence[PositionRow], orders: Sequence[OrderRow]) -> Iterator[None]:
        """`show_rows` in parts, as thousands of rows need them; nothing is seen before the last."""
        if rows is self._shown_rows[0] and orders is self._shown_rows[1]:
            return
        yield
        wished = yield from self._wished_weights(rows)
        yield
        pairs = [row.key for row in rows], [row.key for row in orders]
        # Of thousands of rows the pairs are much sooner compared than the keys are made.
        kept = self.line_model.lines.keys[: len(rows)] if pairs[0] == self._pairs[0] else _keys_of(pairs[0])
        lines = preview_lines(rows, orders, (*kept, *_keys_of(pairs[1], is_order=True)))
        yield
        self._shown_rows = rows, orders
        self._pairs = pairs
        self._note_moves(self.line_model.lines.keys, lines.keys)
        self._order_count = len(orders)
        self._accounts = {row.account for row in rows} | {row.account for row in orders}
        whats = {row.what for row in orders}
        self._longest_order = (
            _longest(row.instrument for row in orders),
            _longest(_order_words(row.what, row.price) for row in orders),
            # No order has both perhaps: it is what each of them has room in.
            _order_words(_longest(map(texts.order_brief, whats)), _longest(row.price for row in orders)),
            _longest(row.state for row in orders),
        )
        is_same_width = wished == self.weights
        self.weights = wished
        self.show_lines(lines)
        if not is_same_width:
            self._share_width()

    def show_hint(self, hint: str) -> None:
        """Say something in the place of rows; seen only where there are none."""
        if hint != self._hint:
            self._hint = hint
            self.viewport().update()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self._hint and not len(self.line_model.lines):
            painter = QPainter(self.viewport())
            painter.setPen(QColor(self._delegate.theme.dim))
            painter.drawText(self.viewport().rect(), Qt.AlignmentFlag.AlignCenter, self._hint)
            painter.end()

    def is_order(self, row: int) -> bool:
        """Whether a row is a working order."""
        return row >= len(self.line_model.lines) - self._order_count

    def _note_moves(self, was: Sequence[object], now: Sequence[object]) -> None:
        at, first = self._clock(), same_at_first(was, now)
        if first == len(was) == len(now):
            return
        places = {key: place for place, key in enumerate(was[first:])}
        moved = {key: at for place, key in enumerate(now[first:]) if places.get(key, -1) != place}
        # One that went and came again has moved once more: the others' times need not outlive their use.
        kept = {key: moved_at for key, moved_at in self._moved_at.items() if at - moved_at < self._moved_s}
        self._moved_at = kept | moved

    def show_theme(self, theme: Theme) -> None:
        """Colour the cells for another theme."""
        self._delegate.theme = theme
        super().show_theme(theme)

    @property
    def longest_order(self) -> tuple[str, str, str, str]:
        """The longest instrument, words, brief words and state of the orders: all begin at one place."""
        return self._longest_order

    def _wished_weights(self, rows: Sequence[PositionRow]) -> Generator[None, None, tuple[int, ...]]:
        """A badge takes its room from what the other columns do not need."""
        badge = _longest(row.badge for row in rows)
        if not badge:
            return _WEIGHTS
        # Not the font of the moment: until it is shown for the first time that is not yet the stylesheet's.
        metrics = QFontMetrics(sized(self.font(), _BADGED_SIZES[0][0]))

        def width_of(column: int, texts: Iterable[str]) -> int:
            # The longest texts by their letters: thousands of rows need not be measured each.
            every = [*texts]
            longest = max(map(len, every))
            likely = nlargest(_MEASURED, {text for text in every if len(text) >= longest - 1}, key=len)
            widest = max(metrics.horizontalAdvance(text) for text in likely) + 2 * _PAD + 2
            return min(-(-widest // _STEP) * _STEP, _WEIGHTS[column])

        chip = metrics.horizontalAdvance(badge) + 2 * _PAD
        instrument = width_of(_INSTRUMENT, (row.instrument for row in rows)) + chip
        what = width_of(_WHAT, (row.position for row in rows))
        yield
        price = width_of(_PRICE, (row.average for row in rows))
        yield
        return 54, instrument, what, price, width_of(_STATE, (row.profit for row in rows))

    def weights_for(self, width: int) -> tuple[int, ...]:
        """As wished, but no row is ever wider than the table: the badge gives way, then the account."""
        surplus = max(0, sum(self.weights[column] for column in self.columns_for(width)) - width)
        instrument = max(self.weights[_INSTRUMENT] - surplus, _WEIGHTS[_INSTRUMENT])
        surplus -= self.weights[_INSTRUMENT] - instrument
        account = max(self.weights[_ACCOUNT] - surplus, _LEAST_ACCOUNT)
        return (account, instrument, *self.weights[_WHAT:])

    def columns_for(self, width: int) -> tuple[int, ...]:
        """All where they fit; else without the account where it is the same, else without the average."""
        every = super().columns_for(width)
        if width >= sum(self.weights):
            return every
        if len(self._accounts) <= 1 and width >= _WEIGHTS[_INSTRUMENT] + sum(self.weights[_WHAT:]):
            return every[_INSTRUMENT:]
        return (*every[:_PRICE], _STATE)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        super().mousePressEvent(event)
        is_left = event.button() is Qt.MouseButton.LeftButton
        line = self._line_at(event.position().toPoint()) if is_left else None
        self._pressed_key = None if line is None else line.key

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        key, self._pressed_key = self._pressed_key, None
        line = self._line_at(event.position().toPoint())
        if event.button() is Qt.MouseButton.LeftButton and line is not None and key == line.key:
            self._choose(line)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter} and not event.isAutoRepeat():
            event.accept()
            index = self.currentIndex()
            if index.isValid():
                self._choose(self.line_model.lines[index.row()])
            return
        super().keyPressEvent(event)

    def _line_at(self, at: QPoint) -> Line | None:
        index = self.indexAt(at)
        return self.line_model.lines[index.row()] if index.isValid() else None

    def _choose(self, line: Line) -> None:
        has_moved = self._clock() - self._moved_at.get(line.key, float("-inf")) < self._moved_s
        if line.choice is not None and not has_moved:
            self.row_chosen.emit(line.choice)


class PreviewDelegate(QStyledItemDelegate):
    """Paints a badge as a chip beside the instrument, and an order's words across its columns.

    By itself and from the finished cells: Qt would ask the model for eight things of each cell, and to paint
    what was read would take most of a frame.
    """

    def __init__(self, table: PreviewTable) -> None:
        super().__init__(table)
        self._table = table
        self._placed: tuple[tuple[object, ...], tuple[float, QFont, bool]] | None = None
        self.theme = DARK

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        line = self._table.line_model.lines[index.row()]
        cell = line.cells[index.column()]
        if self._is_selected(option):
            painter.fillRect(option.rect, QColor(self.theme.selected))
        if cell.badge:
            self._paint_badged(painter, option, cell)
        elif self._table.is_order(index.row()) and index.column() >= _INSTRUMENT:
            self._paint_order(painter, option, index, line)
        else:
            self._paint_text(painter, option, cell)

    def _paint_text(self, painter: QPainter, option: QStyleOptionViewItem, cell: Cell) -> None:
        room = option.rect.adjusted(_PAD, 0, -_PAD, 0)
        font: QFont = option.font
        across = Qt.AlignmentFlag.AlignRight if cell.is_number else Qt.AlignmentFlag.AlignLeft
        text = QFontMetrics(font).elidedText(cell.text, self._table.textElideMode(), room.width())
        painter.setFont(font)
        painter.setPen(self._ink(option, cell))
        painter.drawText(room, across | Qt.AlignmentFlag.AlignVCenter, text)

    def _ink(self, option: QStyleOptionViewItem, cell: Cell) -> QColor:
        if self._is_selected(option):
            return QColor(self.theme.selected_text)
        if cell.sign is not None:
            return QColor(self.theme.profit_colour(cell.sign))
        return QColor(self.theme.dim if cell.is_dim else self.theme.text)

    def _paint_badged(self, painter: QPainter, option: QStyleOptionViewItem, cell: Cell) -> None:
        area: QRect = option.rect
        room = area.width() - 3 * _PAD
        font, label, small = self._fit_badged(option.font, cell.text, cell.badge, room)
        chip_width = _chip_width(small, label)
        shown = QFontMetricsF(font).elidedText(cell.text, Qt.TextElideMode.ElideMiddle, room - chip_width)
        left = area.left() + 2 * _PAD + QFontMetricsF(font).horizontalAdvance(shown)
        painter.save()
        painter.setClipRect(area, Qt.ClipOperation.IntersectClip)
        painter.setFont(font)
        painter.setPen(QColor(self.theme.selected_text if self._is_selected(option) else self.theme.text))
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(QRectF(area.adjusted(_PAD, 0, 0, 0)), middle | Qt.AlignmentFlag.AlignLeft, shown)
        chip = QRectF(left, area.center().y() - _CHIP_HEIGHT / 2 + 0.5, chip_width, _CHIP_HEIGHT)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(QColor(self.theme.doubt_surface))
        painter.setPen(QPen(QColor(self.theme.doubt), 1))
        painter.drawRoundedRect(chip, 4, 4)
        painter.setFont(small)
        painter.drawText(chip, Qt.AlignmentFlag.AlignCenter, label)
        painter.restore()

    @staticmethod
    def _fit_badged(font: QFont, text: str, badge: str, room: float) -> tuple[QFont, str, QFont]:
        """Text and badge at the largest sizes that fit; else the badge's symbol, and the tooltip says it."""
        for pixels, chip_pixels in _BADGED_SIZES:
            large, small = sized(font, pixels), sized(font, chip_pixels)
            if QFontMetricsF(large).horizontalAdvance(text) + _chip_width(small, badge) <= room:
                return large, badge, small
        bold, symbol = sized(font, _BADGED_SIZES[0][1]), SYMBOLS[Tone.DOUBT]
        bold.setBold(True)
        large = font
        for pixels in _ORDER_SIZES:  # a contract without its month is another one: it is the last to be cut
            large = sized(font, pixels)
            if QFontMetricsF(large).horizontalAdvance(text) + _chip_width(bold, symbol) <= room:
                break
        return large, symbol, bold

    def _paint_order(self, painter: QPainter, option: QStyleOptionViewItem, index: Index, line: Line) -> None:
        if index.column() == _INSTRUMENT:
            self._paint_text(painter, option, line.cells[_INSTRUMENT])
        area: QRect = option.rect
        what, price, state = (line.cells[column].text for column in (_WHAT, _PRICE, _STATE))
        left, used, is_brief = self._place_orders(option.font)
        words = _order_words(texts.order_brief(what) if is_brief else what, price)
        metrics = QFontMetricsF(used)
        right = self._table.columnViewportPosition(_STATE) + self._table.columnWidth(_STATE) - _PAD
        box = QRectF(left, area.top(), max(right - left, 1.0), area.height())
        painter.save()
        # Each cell of the row paints its part of the words.
        painter.setClipRect(area, Qt.ClipOperation.IntersectClip)
        painter.setFont(used)
        painter.setPen(QColor(self.theme.selected_text if self._is_selected(option) else self.theme.dim))
        middle = Qt.AlignmentFlag.AlignVCenter
        taken = metrics.horizontalAdvance(words) + 2 * _PAD
        shown = metrics.elidedText(words, Qt.TextElideMode.ElideMiddle, box.width())
        painter.drawText(box, middle | Qt.AlignmentFlag.AlignLeft, shown)
        if taken + metrics.horizontalAdvance(state) <= box.width():
            painter.drawText(box, middle | Qt.AlignmentFlag.AlignRight, state)
        painter.restore()

    def _place_orders(self, font: QFont) -> tuple[float, QFont, bool]:
        """Where the words of all orders begin, in what size, and whether they are brief.

        Under the positions' if they fit there, else behind the instrument; where the account takes the room
        the type is abbreviated and the state left to the tooltip: side, quantity and price are never cut.
        """
        table = self._table
        right = table.columnViewportPosition(_STATE) + table.columnWidth(_STATE) - _PAD
        column = float(table.columnViewportPosition(_WHAT) + _PAD)
        ahead = float(table.columnViewportPosition(_INSTRUMENT) + 3 * _PAD)
        # Asked for with every cell, and the same for all of them.
        key = (table.longest_order, right, column, ahead, font.family())
        if self._placed is None or self._placed[0] != key:
            self._placed = (key, self._find_place(font, right, column, ahead))
        return self._placed[1]

    def _find_place(
        self, font: QFont, right: float, column: float, ahead: float
    ) -> tuple[float, QFont, bool]:
        instrument, words, brief, state = self._table.longest_order
        ahead = min(ahead + QFontMetricsF(font).horizontalAdvance(instrument), column)
        used = font
        for left, pixels in ((column, _ORDER_SIZES[0]), *((ahead, size) for size in _ORDER_SIZES[:-1])):
            used = sized(font, pixels)
            metrics = QFontMetricsF(used)
            needed = metrics.horizontalAdvance(words) + metrics.horizontalAdvance(state) + 2 * _PAD
            if needed <= right - left:
                return left, used, False
        for pixels in _ORDER_SIZES:
            used = sized(font, pixels)
            if QFontMetricsF(used).horizontalAdvance(brief) <= right - ahead:
                break
        return ahead, used, True

    @staticmethod
    def _is_selected(option: QStyleOptionViewItem) -> bool:
        return bool(option.state & QStyle.StateFlag.State_Selected)
