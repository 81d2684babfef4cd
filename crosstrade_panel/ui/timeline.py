"""The story of one press: every step with its times, and the chosen one in full."""

from collections.abc import Sequence

from PySide6.QtCore import QModelIndex, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from crosstrade_panel.ui import captions
from crosstrade_panel.ui.fit import WrapLabel
from crosstrade_panel.ui.lines import Cell, Line, Lines
from crosstrade_panel.ui.tables import LineTable
from crosstrade_panel.ui.theme import SYMBOLS, Theme
from crosstrade_panel.ui.view import TimelineRow, TimelineView, Tone

_NOTHING = TimelineView("", "")


def timeline_lines(rows: Sequence[TimelineRow]) -> Lines:
    """Steps as lines; a step never changes, and more only come behind."""

    def make(number: int) -> Line:
        row = rows[number]
        tip = f"{row.after} {row.time} · {row.what}" + (f" · {row.detail}" if row.detail else "")
        tone = None if row.tone is Tone.NEUTRAL else row.tone
        what = row.what if tone is None else f"{SYMBOLS[row.tone]} {row.what}"
        return Line(number, (Cell(row.after), Cell(row.time), Cell(what, tone=tone, tip=tip)))

    return Lines(range(len(rows)), tuple(rows), make)


class StepTable(LineTable):
    """The steps. Its last column takes the room; what is copied has the details too."""

    def __init__(self) -> None:
        super().__init__(captions.TIMELINE_HEADINGS, (62, 86, 120))
        self.setObjectName("timelineSteps")
        self.setAccessibleName(captions.TIMELINE)

    def weights_for(self, width: int) -> tuple[int, ...]:
        first, second, last = self.weights
        return (first, second, max(last, width - first - second))


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
        self._steps.fit_height(6, 12)
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
        self._steps.show_lines(timeline_lines(view.rows))
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
