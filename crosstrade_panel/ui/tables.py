"""The tables of the window: what they share, order ids, closed positions."""

from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPoint,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import (
    QBrush,
    QColor,
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QMenu, QTableView, QWidget

from crosstrade_panel.ui import captions
from crosstrade_panel.ui.fit import plain_tip
from crosstrade_panel.ui.lines import Cell, Line, Lines, same_at_first
from crosstrade_panel.ui.theme import DARK, Theme
from crosstrade_panel.ui.view import ClosedRow

_ARROWS_SAID = {captions.RISES: captions.RISING, captions.FALLS: captions.FALLING}

_TOLD = frozenset(
    {
        Qt.ItemDataRole.DisplayRole,
        Qt.ItemDataRole.ToolTipRole,
        Qt.ItemDataRole.AccessibleTextRole,
        Qt.ItemDataRole.TextAlignmentRole,
        Qt.ItemDataRole.ForegroundRole,
    }
)

ROW_HEIGHT = 24
"""A row is something to click: as high as the least target is to be."""
HEADER_HEIGHT = 24

Index = QModelIndex | QPersistentModelIndex


class LineModel(QAbstractTableModel):
    """Rows of finished cells under fixed headings.

    Signals:
        more_wanted: the end is in sight, and `has_more`; asked once for each batch.
    """

    more_wanted = Signal()

    def __init__(self, headings: Sequence[str], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.has_more = False
        self._headings = tuple(headings)
        self._sorts: tuple[str, ...] = ()
        self._sorted_by: tuple[int, Qt.SortOrder] | None = None
        self._lines = Lines.of(())
        self._theme = DARK

    @property
    def lines(self) -> Lines:
        """What is shown."""
        return self._lines

    def offer_sorting(self, sorts: Sequence[str]) -> None:
        """Say of each heading what a click on it sorts by."""
        self._sorts = tuple(sorts)

    def show_sorting(self, sorted_by: tuple[int, Qt.SortOrder] | None) -> None:
        """Say of the headings which one the rows are sorted by."""
        self._sorted_by = sorted_by
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(self._headings) - 1)

    def show_lines(self, lines: Lines) -> None:
        """Show other rows; where they are the same rows as before, only those that changed are repainted."""
        same = same_at_first(self._lines.keys, lines.keys)
        if not same and (len(lines) or len(self._lines)):
            self.beginResetModel()
            self._lines = lines
            self.endResetModel()
            return
        # Of thousands of positions and some orders beneath them only the orders come and go.
        old = self._lines.first(same)
        if same < len(self._lines):
            self.beginRemoveRows(QModelIndex(), same, len(self._lines) - 1)
            self._lines = old
            self.endRemoveRows()
        if same < len(lines):
            self.beginInsertRows(QModelIndex(), same, len(lines) - 1)
            self._lines = lines
            self.endInsertRows()
        self._lines = lines
        last = len(self._headings) - 1
        for first_row, last_row in lines.first(same).runs_changed_since(old):
            self.dataChanged.emit(self.index(first_row, 0), self.index(last_row, last))

    def append_lines(self, lines: Lines) -> None:
        """Show the same rows, and further ones beneath them."""
        first = len(self._lines)
        if len(lines) > first:
            self.beginInsertRows(QModelIndex(), first, len(lines) - 1)
            self._lines = lines
            self.endInsertRows()

    def canFetchMore(self, parent: Index) -> bool:
        return self.has_more and not parent.isValid()

    def fetchMore(self, _parent: Index) -> None:
        # Whoever answers says whether there is still more.
        self.has_more = False
        self.more_wanted.emit()

    def show_theme(self, theme: Theme) -> None:
        """Colour the cells for another theme."""
        self._theme = theme

    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._lines)

    def columnCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._headings)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        if orientation is not Qt.Orientation.Horizontal:
            return None
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return f"{self._headings[section]}{self._arrow_of(section)}"
            case Qt.ItemDataRole.TextAlignmentRole if self._headings[section] in captions.NUMBER_HEADINGS:
                return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            case Qt.ItemDataRole.ToolTipRole if self._sorts:
                return captions.SORT_BY.format(heading=self._sorts[section])
            case Qt.ItemDataRole.AccessibleTextRole if arrow := self._arrow_of(section):
                return _ARROWS_SAID[arrow].format(heading=self._headings[section])
            case _:
                return None

    def _arrow_of(self, section: int) -> str:
        """In the heading's text: Qt's own arrow lies nearer to the next one, and Fusion's is upside down."""
        if self._sorted_by is None or self._sorted_by[0] != section:
            return ""
        return captions.RISES if self._sorted_by[1] is Qt.SortOrder.AscendingOrder else captions.FALLS

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid() or index.row() >= len(self._lines):
            return None
        if role not in _TOLD:  # asked for with every cell that is painted
            return None
        cell = self._lines[index.row()].cells[index.column()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return cell.text
            case Qt.ItemDataRole.ToolTipRole:
                return plain_tip(cell.tip or cell.text)
            case Qt.ItemDataRole.AccessibleTextRole if cell.spoken:
                return cell.spoken
            case Qt.ItemDataRole.TextAlignmentRole:
                across = Qt.AlignmentFlag.AlignRight if cell.is_number else Qt.AlignmentFlag.AlignLeft
                return across | Qt.AlignmentFlag.AlignVCenter
            case Qt.ItemDataRole.ForegroundRole:
                return self._brush(cell)
            case _:
                return None

    def _brush(self, cell: Cell) -> QBrush | None:
        if cell.sign is not None:
            return QBrush(QColor(self._theme.profit_colour(cell.sign)))
        if cell.tone is not None:
            return QBrush(QColor(self._theme.tone_colour(cell.tone)))
        return QBrush(QColor(self._theme.dim)) if cell.is_dim else None

    def as_text(self, rows: Sequence[int]) -> str:
        """Rows as tab-separated lines, for the clipboard."""
        return "\n".join(
            "\t".join(
                f"{cell.text} ({cell.badge})" if cell.badge else cell.text for cell in self._lines[row].cells
            )
            for row in rows
        )


class LineTable(QTableView):
    """A read-only table; Ctrl+C copies the chosen rows, its menu all of them.

    `weights` are widths of the columns in pixels at 11 px text; the first column takes what is left.
    """

    def __init__(
        self, headings: Sequence[str], weights: Sequence[int], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._model = LineModel(headings, self)
        self.weights = tuple(weights)
        self._height_rows: tuple[int, int] | None = None
        self.setModel(self._model)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setWordWrap(False)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setCornerButtonEnabled(False)
        self.verticalHeader().hide()
        self.verticalHeader().setMinimumSectionSize(ROW_HEIGHT)
        self.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header = self.horizontalHeader()
        header.setFixedHeight(HEADER_HEIGHT)
        header.setMinimumSectionSize(20)
        header.setSectionsClickable(False)
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._open_menu)
        self._menu = QMenu(self)
        self._menu.addAction(captions.COPY, self.copy_chosen)
        self._menu.addAction(captions.COPY_ALL, self.copy_all)

    @property
    def line_model(self) -> LineModel:
        """The rows."""
        return self._model

    def show_lines(self, lines: Lines) -> None:
        """Show other rows; the place it is scrolled to and the rows chosen stay."""
        was = self._model.lines
        if lines.keys == was.keys:
            self._model.show_lines(lines)
            return
        bar, chosen = self.verticalScrollBar().value(), {was.keys[row] for row in self._chosen_rows()}
        self.selectionModel().clear()  # Qt would choose the neighbour of a row that goes
        self._model.show_lines(lines)
        self.verticalScrollBar().setValue(bar)
        if chosen:
            for row, key in enumerate(lines.keys):
                if key in chosen:
                    self.selectRow(row)
        self._share_width()
        self._share_height()

    def show_theme(self, theme: Theme) -> None:
        """Colour the cells for another theme."""
        self._model.show_theme(theme)
        self.viewport().update()

    def copy_chosen(self) -> None:
        """Put the chosen rows on the clipboard."""
        self._copy(self._chosen_rows())

    def copy_all(self) -> None:
        """Put all rows on the clipboard."""
        self._copy(range(len(self._model.lines)))

    def _copy(self, rows: Sequence[int]) -> None:
        if rows:
            QGuiApplication.clipboard().setText(self._model.as_text(rows))

    def _chosen_rows(self) -> list[int]:
        return sorted(index.row() for index in self.selectionModel().selectedRows())

    def add_menu_action(self, text: str, act: Callable[[], None], keys: str = "") -> None:
        """Offer one more thing in the menu of the rows, and by keys while the table has the focus."""
        action = self._menu.addAction(text, act)
        if keys:
            action.setShortcut(QKeySequence(keys))
            action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
            self.addAction(action)

    def offer_sorting(self, sorts: Sequence[str], sort_by: Callable[[int], None]) -> None:
        """Sort by a column with a click on its heading, from the menu, and with Ctrl+1 and on.

        `sorts` says by what; `sort_by` does it.
        """
        self._model.offer_sorting(sorts)
        header = self.horizontalHeader()
        header.setSectionsClickable(True)
        header.sectionClicked.connect(sort_by)
        for column, sort in enumerate(sorts):
            text = captions.SORT_BY.format(heading=sort)
            self.add_menu_action(text, self._sorter(sort_by, column), f"Ctrl+{column + 1}")

    @staticmethod
    def _sorter(sort_by: Callable[[int], None], column: int) -> Callable[[], None]:
        # No lambda with a default: Qt would hand it whether the action is checked.
        return lambda: sort_by(column)

    def show_sorting(self, sorted_by: tuple[int, Qt.SortOrder] | None) -> None:
        """Show the arrow in the heading that the rows are sorted by, or none."""
        self._model.show_sorting(sorted_by)

    def _open_menu(self, at: QPoint) -> None:
        self._menu.popup(self.viewport().mapToGlobal(at))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy_chosen()
            event.accept()
            return
        super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._share_width()
        self._share_height()

    def columns_for(self, width: int) -> tuple[int, ...]:
        """Columns that are shown at a width in pixels."""
        del width  # all of them: what does not fit is scrolled to
        return tuple(range(len(self.weights)))

    def weights_for(self, width: int) -> tuple[int, ...]:
        """What the columns weigh at a width in pixels."""
        del width
        return self.weights

    def _share_width(self) -> None:
        width = self.viewport().width()
        shown = self.columns_for(width)
        weights = self.weights_for(width)
        rest = width - sum(weights[column] for column in shown[1:])
        for column, weight in enumerate(weights):
            self.setColumnHidden(column, column not in shown)
            wanted = max(rest, weight) if column == shown[0] else weight
            if column in shown and self.columnWidth(column) != wanted:
                self.setColumnWidth(column, wanted)

    def fit_height(self, least_rows: int, most_rows: int) -> None:
        """Be as high as the rows are, within bounds; beyond them it scrolls."""
        self._height_rows = (least_rows, most_rows)
        self._share_height()

    def _share_height(self) -> None:
        if self._height_rows is None:
            return
        least, most = self._height_rows
        rows = min(max(len(self._model.lines), least), most)
        width = self.viewport().width()
        shown = sum(self.weights[column] for column in self.columns_for(width))
        is_wider = bool(self._model.lines) and shown > width
        policy = Qt.ScrollBarPolicy
        self.setHorizontalScrollBarPolicy(policy.ScrollBarAsNeeded if is_wider else policy.ScrollBarAlwaysOff)
        self.setFixedHeight(HEADER_HEIGHT + rows * ROW_HEIGHT + 3 + (9 if is_wider else 0))

    def minimumSizeHint(self) -> QSize:
        return QSize(60, HEADER_HEIGHT + 2 * ROW_HEIGHT)


class ReportTable(LineTable):
    """What the server reported, a few rows of it.

    A click on a heading sorts by it, the next one the other way round, the third as reported.
    """

    def __init__(self, headings: Sequence[str], weights: Sequence[int]) -> None:
        super().__init__(headings, weights)
        self._reported = Lines.of(())
        self._sorted_by: tuple[int, Qt.SortOrder] | None = None
        self.add_menu_action(captions.AS_REPORTED, self.sort_as_reported, "Ctrl+0")
        self.offer_sorting(headings, self.sort_by)

    def show_lines(self, lines: Lines) -> None:
        """Show other rows, in the order that was chosen."""
        self._reported = lines
        super().show_lines(self._in_order(lines))

    def sort_by(self, column: int) -> None:
        """Sort by a column: rising, falling, as reported."""
        rising, falling = Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder
        match self._sorted_by:
            case (sorted_column, order) if sorted_column == column:
                self._sorted_by = (column, falling) if order is rising else None
            case _:
                self._sorted_by = (column, rising)
        self._show_order()

    def sort_as_reported(self) -> None:
        """Show the order of the answer again."""
        self._sorted_by = None
        self._show_order()

    def _show_order(self) -> None:
        self.show_sorting(self._sorted_by)
        self.show_lines(self._reported)

    def _in_order(self, lines: Lines) -> Lines:
        if self._sorted_by is None:
            return lines
        column, order = self._sorted_by
        return Lines.of(
            sorted(
                lines,
                key=lambda line: _rank(line.cells[column]),
                reverse=order is Qt.SortOrder.DescendingOrder,
            )
        )


class ClosedTable(ReportTable):
    """The closed positions as reported. What does not fit is in the tooltip, and in what is copied."""

    _ACCOUNT, _INSTRUMENT, _POSITION, _AVERAGE, _MARKET, _PROFIT = range(6)

    def __init__(self) -> None:
        super().__init__(captions.CLOSED_HEADINGS, (66, 62, 52, 60, 60, 60))
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def columns_for(self, width: int) -> tuple[int, ...]:
        """All where they fit; else, one by one, without a shared account, the market, the average."""
        shown = list(super().columns_for(width))
        accounts = {line.cells[self._ACCOUNT].text for line in self.line_model.lines}
        spared = [self._ACCOUNT] if len(accounts) <= 1 else []
        for column in (*spared, self._MARKET, self._AVERAGE):
            if sum(self.weights[each] for each in shown) <= width:
                break
            shown.remove(column)
        return tuple(shown)


def _rank(cell: Cell) -> tuple[bool, Decimal, str]:
    """Where a cell comes in a sorted column: numbers by their size, what is none of them at the end."""
    if not cell.is_number:
        return (False, Decimal(0), cell.text.casefold())
    try:
        value = Decimal(cell.text.replace("−", "-").replace(",", ""))
    except InvalidOperation:
        return (True, Decimal(0), cell.text)
    return (not value.is_finite(), value if value.is_finite() else Decimal(0), "")


def closed_lines(rows: Sequence[ClosedRow]) -> Lines:
    """Closed positions as lines; the number keeps equal rows apart."""
    return Lines.of(
        [
            Line(
                (number, row.account, row.instrument),
                (
                    Cell(row.account, tip=_tip(row)),
                    Cell(row.instrument, tip=_tip(row)),
                    Cell(row.position, tip=_tip(row)),
                    Cell(row.average, is_number=True, tip=_tip(row)),
                    Cell(row.market, is_number=True, tip=_tip(row)),
                    Cell(row.profit, is_number=True, sign=row.profit_sign, tip=_tip(row)),
                ),
            )
            for number, row in enumerate(rows)
        ]
    )


def _tip(row: ClosedRow) -> str:
    names = captions.CLOSED_HEADINGS[3:]
    prices = zip(names, (row.average, row.market, row.profit), strict=True)
    return " · ".join(
        [row.account, row.instrument, row.position, *(f"{name} {text}" for name, text in prices)]
    )


def order_id_lines(order_ids: Sequence[str]) -> Lines:
    """Order ids as lines."""
    return Lines.of(
        [Line((number, order_id), (Cell(order_id),)) for number, order_id in enumerate(order_ids)]
    )
