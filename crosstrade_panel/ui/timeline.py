"""The story of one press: every step with its times, and the chosen one in full."""

from collections.abc import Sequence

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QKeyEvent, QKeySequence, QPainter
from PySide6.QtWidgets import (
    QHBoxLayout,
    QPushButton,
    QSizePolicy,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from crosstrade_panel.ui import captions
from crosstrade_panel.ui.fit import WrapLabel, break_lines, sized
from crosstrade_panel.ui.lines import Cell, Line, Lines
from crosstrade_panel.ui.tables import HEADER_HEIGHT, ROW_HEIGHT, LineTable
from crosstrade_panel.ui.theme import DARK, SYMBOLS, Theme
from crosstrade_panel.ui.view import TimelineRow, TimelineView, Tone

_NOTHING = TimelineView("", "")
_WHAT = 2
_SIZE = 11
_WIDE = 400
"""Pixels; in a narrower table what happened has lines of its own."""
_PAD = 3
_MOST_LINES = 3
_MOST_MEASURED = 300
"""Steps; of more each row has one line for what happened, and none is measured before it is painted."""
_LEAST_HEIGHT, _MOST_HEIGHT = 6 * ROW_HEIGHT, 12 * ROW_HEIGHT


def timeline_lines(rows: Sequence[TimelineRow]) -> Lines:
    """Steps as lines; a step never changes, and more only come behind."""

    def make(number: int) -> Line:
        row = rows[number]
        tip = f"{row.after} {row.time} · {row.what}" + (f" · {row.detail}" if row.detail else "")
        tone = None if row.tone is Tone.NEUTRAL else row.tone
        what = row.what if tone is None else f"{SYMBOLS[row.tone]} {row.what}"
        return Line(number, (Cell(row.after), Cell(row.time), Cell(what, tone=tone, tip=tip)))

    return Lines(range(len(rows)), tuple(rows), make)


class StepDelegate(QStyledItemDelegate):
    """Paints a step: on one line, or its times and beneath them what happened, in full."""

    def __init__(self, table: "StepTable") -> None:
        super().__init__(table)
        self._table = table
        self.theme = DARK

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        table, area = self._table, option.rect
        if not table.is_tall:
            super().paint(painter, option, index)
            return
        cells = table.line_model.lines[index.row()].cells
        what = cells[_WHAT]
        is_chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        chosen_ink = self.theme.selected_text if is_chosen else None
        painter.save()
        painter.setClipRect(area)
        painter.setFont(table.print_font)
        if is_chosen:
            painter.fillRect(area, QColor(self.theme.selected))
        painter.fillRect(area.left(), area.bottom(), area.width(), 1, QColor(self.theme.line))
        if index.column() != _WHAT:
            painter.setPen(QColor(chosen_ink or self.theme.dim))
            times = QRect(area.left() + _PAD, area.top(), area.width() - _PAD, ROW_HEIGHT - _PAD)
            painter.drawText(times, Qt.AlignmentFlag.AlignVCenter, cells[index.column()].text)
        # Each cell paints its part of the words: it may be the only one painted anew.
        ink = self.theme.text if what.tone is None else self.theme.tone_colour(what.tone)
        painter.setPen(QColor(chosen_ink or ink))
        line = QRect(_PAD, area.top() + ROW_HEIGHT - 2 * _PAD, table.room, table.print_metrics.height())
        for words in table.lines_of(what.text):
            shown = table.print_metrics.elidedText(words, Qt.TextElideMode.ElideMiddle, table.room)
            painter.drawText(line, Qt.AlignmentFlag.AlignVCenter, shown)
            line.translate(0, line.height())
        painter.restore()


class StepTable(LineTable):
    """The steps. In a narrow window what happened has lines of its own; what is copied has details too."""

    def __init__(self) -> None:
        self.is_tall = False
        """Whether what happened has lines of its own beneath the times."""
        self.room = 0
        super().__init__(captions.TIMELINE_HEADINGS, (74, 86, 120))
        self.setObjectName("timelineSteps")
        self.setAccessibleName(captions.TIMELINE)
        self.verticalHeader().setMinimumSectionSize(ROW_HEIGHT)
        self.print_font = sized(self.font(), _SIZE)
        self.print_metrics = QFontMetrics(self.print_font)
        self._delegate = StepDelegate(self)
        self.setItemDelegate(self._delegate)

    def show_steps(self, rows: Sequence[TimelineRow]) -> None:
        """Show these steps."""
        self.show_lines(timeline_lines(rows))
        self._share_width()
        self._share_height()

    def lines_of(self, what: str) -> tuple[str, ...]:
        """What happened on the lines that its row has for it; what goes beyond them is on the last one."""
        most = _MOST_LINES if len(self.line_model.lines) <= _MOST_MEASURED else 1
        if most == 1 or self.print_metrics.horizontalAdvance(what) <= self.room:
            return (what,)
        lines = break_lines(what, self.print_font, self.room)
        return lines if len(lines) <= most else (*lines[: most - 1], " ".join(lines[most - 1 :]))

    def weights_for(self, width: int) -> tuple[int, ...]:
        first, second, last = self.weights
        return (first, second, max(last, width - first - second))

    def show_theme(self, theme: Theme) -> None:
        """Colour the cells for another theme."""
        self._delegate.theme = theme
        super().show_theme(theme)

    def _share_width(self) -> None:
        if self.font().family() != self.print_font.family():  # the stylesheet's, once it is shown
            self.print_font = sized(self.font(), _SIZE)
            self.print_metrics = QFontMetrics(self.print_font)
        width = self.viewport().width()
        self.is_tall, self.room = width < _WIDE, width - 2 * _PAD
        self._share_rows()
        super()._share_width()

    def _share_rows(self) -> None:
        """Every row gets the lines that it needs; of many steps every row gets one."""
        header, steps = self.verticalHeader(), self.line_model.lines
        line = self.print_metrics.height()
        least = ROW_HEIGHT + line - _PAD if self.is_tall else ROW_HEIGHT
        header.setDefaultSectionSize(least)
        for row in range(len(steps)):
            lines = len(self.lines_of(steps[row].cells[_WHAT].text)) if self.is_tall else 1
            height = least + (lines - 1) * line
            if header.sectionSize(row) != height:
                header.resizeSection(row, height)

    def _share_height(self) -> None:
        rows = min(max(self.verticalHeader().length(), _LEAST_HEIGHT), _MOST_HEIGHT)
        self.setFixedHeight(HEADER_HEIGHT + rows + 3)


class Timeline(QWidget):
    """One press, in place of the journal's list.

    Signals:
        back_requested: the list is wanted again.
        export_requested: this press is to be written to a file.
    """

    back_requested = Signal()
    export_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view = _NOTHING
        self._back = QPushButton(captions.BACK)
        self._back.setObjectName("timelineBackButton")
        self._back.setProperty("link", True)
        self._back.clicked.connect(self._on_back)
        self._export = QPushButton(captions.EXPORT)
        self._export.setObjectName("timelineExportButton")
        self._export.setToolTip(captions.EXPORT_TIP)
        self._export.setProperty("link", True)
        self._export.clicked.connect(self._on_export)
        for button in (self._back, self._export):
            button.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._title = WrapLabel()
        self._title.setObjectName("timelineTitle")
        font = self._title.font()
        font.setBold(True)
        self._title.setFont(font)
        self._steps = StepTable()
        self._steps.selectionModel().currentRowChanged.connect(self._on_row)
        self._detail = WrapLabel()
        self._detail.setObjectName("timelineDetail")
        self._detail.setProperty("dim", True)
        row = QHBoxLayout()
        row.addWidget(self._back)
        row.addStretch(1)
        row.addWidget(self._export)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(row)
        for widget in (self._title, self._steps, self._detail):
            column.addWidget(widget)
        column.addStretch(1)

    @property
    def press_id(self) -> str:
        """The press that is shown; empty for none."""
        return self._view.press_id

    def show_timeline(self, view: TimelineView) -> None:
        """Show a press; more steps of the same one come behind, and the chosen step stays chosen."""
        is_other = view.press_id != self._view.press_id
        self._view = view
        self._title.setText(view.title)
        self._steps.show_steps(view.rows)
        if is_other and view.rows:
            self._steps.setCurrentIndex(self._steps.model().index(0, 0))
            self._steps.scrollToTop()
        self._show_step(self._steps.currentIndex().row())

    def show_theme(self, theme: Theme) -> None:
        """Colour the cells for another theme."""
        self._steps.show_theme(theme)

    def inputs(self) -> tuple[QWidget, ...]:
        """What takes the focus, in order."""
        return self._back, self._export, self._steps

    def take_focus(self) -> None:
        """Begin with the steps, where the keyboard walks through them."""
        self._steps.setFocus()

    def _show_step(self, number: int) -> None:
        if not 0 <= number < len(self._view.rows):
            self._detail.setText("")
            return
        row = self._view.rows[number]
        text = "\n".join(part for part in (f"{row.after}  {row.time}", row.what, row.detail) if part)
        if self._detail.text() != text:
            self._detail.setText(text)
            self._detail.setAccessibleName(f"{captions.STEP_DETAIL}: {text}")

    def _on_row(self, current: QModelIndex) -> None:
        self._show_step(current.row())

    def _on_back(self) -> None:
        self.back_requested.emit()

    def _on_export(self) -> None:
        self.export_requested.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Cancel) or event.matches(QKeySequence.StandardKey.Back):
            event.accept()
            self.back_requested.emit()
            return
        super().keyPressEvent(event)
