"""The journal's page: its list with filters, the timeline of a press, and their export."""

from collections.abc import Callable, Sequence
from datetime import date

from PySide6.QtCore import QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QGuiApplication, QShowEvent
from PySide6.QtWidgets import (
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from crosstrade_panel.ui import captions
from crosstrade_panel.ui.fit import FitLabel
from crosstrade_panel.ui.journal_table import JournalTable, journal_lines
from crosstrade_panel.ui.pickers import PlainCombo
from crosstrade_panel.ui.theme import Theme
from crosstrade_panel.ui.timeline import Timeline
from crosstrade_panel.ui.view import (
    Choice,
    JournalChoices,
    JournalFilter,
    JournalPage,
    JournalRow,
    JournalSorting,
    JournalSortKey,
    TimelineView,
)

_BEGIN_FALLING = frozenset({JournalSortKey.TIME})
"""Sorted by these, it is the other end that is shown first: the newest press."""


class JournalPanel(QWidget):
    """The page of the journal. Shows what it is given, a batch at a time; asks for the rest.

    Signals:
        filter_changed: a JournalFilter.
        more_requested: the list was scrolled to its end, and there is more.
        press_opened: the press whose timeline is wanted.
        list_export_requested: a path, for what is listed.
        timeline_export_requested: a press id, and a path.
        looked_at: the page came into sight.
    """

    filter_changed = Signal(object)
    more_requested = Signal()
    press_opened = Signal(str)
    list_export_requested = Signal(str)
    timeline_export_requested = Signal(str, str)
    looked_at = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: tuple[JournalRow, ...] = ()
        self._choices = JournalChoices()
        self._sorting = JournalSorting()
        self._dialog: QFileDialog | None = None
        self._make_filters()
        self._table = JournalTable()
        self._table.press_opened.connect(self.press_opened)
        self._table.heading_chosen.connect(self._on_heading)
        self._table.line_model.more_wanted.connect(self.more_requested)
        self._timeline = Timeline()
        self._timeline.back_requested.connect(self.show_list)
        self._timeline.export_requested.connect(self._on_timeline_export)
        self._stack = QStackedWidget()
        self._stack.addWidget(self._make_list())
        self._stack.addWidget(self._timeline)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 5, 0, 0)
        column.addWidget(self._stack)
        self.show_choices(JournalChoices())

    def _make_filters(self) -> None:
        self._text = QLineEdit()
        self._text.setObjectName("journalSearch")
        self._text.setAccessibleName(captions.JOURNAL_FILTER)
        self._text.setPlaceholderText(captions.JOURNAL_FILTER)
        self._text.setClearButtonEnabled(True)
        if (clear := self._text.findChild(QToolButton)) is not None:
            clear.setAccessibleName(captions.CLEAR_SEARCH)
        self._text.setMaxLength(100)
        self._text.textChanged.connect(self._on_filter)
        self._export = QPushButton(captions.EXPORT)
        self._export.setObjectName("journalExportButton")
        self._export.setToolTip(captions.EXPORT_TIP)
        self._export.clicked.connect(self._on_list_export)
        self._account = self._combo("journalAccount", captions.JOURNAL_ACCOUNT)
        self._outcome = self._combo("journalOutcome", captions.JOURNAL_OUTCOME)
        self._day = self._combo("journalDay", captions.JOURNAL_DAY)
        self._count = FitLabel(15, (11, 10, 9, 8))
        self._count.setObjectName("journalCount")
        self._count.setProperty("dim", True)

    def _combo(self, name: str, caption: str) -> PlainCombo:
        combo = PlainCombo()
        combo.setObjectName(name)
        combo.name(caption)
        combo.setToolTip(caption)
        combo.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        combo.setMaxVisibleItems(14)
        combo.view().setMinimumWidth(180)
        combo.activated.connect(self._on_filter)
        return combo

    def _make_list(self) -> QWidget:
        page = QWidget()
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(4)
        top = QHBoxLayout()
        top.addWidget(self._text, 1)
        top.addWidget(self._export)
        grid.addLayout(top, 0, 0, 1, 3)
        for across, combo in enumerate((self._account, self._outcome, self._day)):
            grid.addWidget(combo, 1, across)
            grid.setColumnStretch(across, 1)
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        column.addLayout(grid)
        column.addWidget(self._table, 1)
        column.addWidget(self._count)
        return page

    # What is shown

    @property
    def filter(self) -> JournalFilter:
        """What the list is narrowed to, as chosen and typed, and how it is to be sorted."""
        day = self._day.currentData()
        return JournalFilter(
            self._text.text().strip(),
            self._account.currentData(),
            self._outcome.currentData(),
            None if day is None else date.fromisoformat(day),
            self._sorting,
        )

    @property
    def timeline_of(self) -> str:
        """The press whose timeline is in sight; empty while the list is."""
        return self._timeline.press_id if self._stack.currentWidget() is self._timeline else ""

    def show_page(self, page: JournalPage) -> None:
        """Show another list from its top, or the same with newer lines."""
        self._rows = page.rows
        self._table.line_model.has_more = page.has_more
        self._table.make_room(page.rows)
        self._table.show_lines(journal_lines(page.rows))
        self._table.show_order(page.sorting)

    def append_page(self, page: JournalPage) -> None:
        """Show older lines beneath those that there are."""
        self._rows = (*self._rows, *page.rows)
        self._table.line_model.has_more = page.has_more
        self._table.line_model.append_lines(journal_lines(self._rows, self._table.line_model.lines))
        self._table.make_room(page.rows, is_more=True)

    def show_count(self, text: str) -> None:
        """How many there are, or what became of an export."""
        self._count.setText(text)
        self._count.setToolTip(text)
        self._count.setAccessibleName(f"{captions.JOURNAL_COUNT}: {text}")

    def show_choices(self, choices: JournalChoices) -> None:
        """Offer other filters; what is chosen stays, offered or not."""
        self._choices = choices
        for combo, anything, offered in (
            (self._account, captions.ANY_ACCOUNT, choices.accounts),
            (self._outcome, captions.ANY_OUTCOME, choices.outcomes),
            (self._day, captions.ANY_DAY, choices.days),
        ):
            self._offer(combo, (Choice(None, anything), *offered))

    @staticmethod
    def _offer(combo: PlainCombo, choices: Sequence[Choice]) -> None:
        chosen, label = combo.currentData(), combo.currentText()
        found = [(choice.label, choice.value) for choice in choices]
        if chosen is not None and all(value != chosen for _, value in found):
            found.append((label, chosen))
        if found == [(combo.itemText(n), combo.itemData(n)) for n in range(combo.count())]:
            return
        if combo.view().isVisible():
            return  # rows must not move under the pointer
        combo.clear()
        for text, value in found:
            combo.addItem(text, value)
        combo.setCurrentIndex(max(0, combo.findData(chosen) if chosen is not None else 0))

    def show_timeline(self, view: TimelineView) -> None:
        """Show a press in place of the list."""
        is_new = self.timeline_of != view.press_id
        self._timeline.show_timeline(view)
        self._stack.setCurrentWidget(self._timeline)
        if is_new:
            self._timeline.take_focus()

    def show_list(self) -> None:
        """Show the list again, as it was left."""
        self._stack.setCurrentIndex(0)
        self._table.setFocus()

    def show_theme(self, theme: Theme) -> None:
        """Colour the cells for another theme."""
        self._table.show_theme(theme)
        self._timeline.show_theme(theme)

    def inputs(self) -> tuple[QWidget, ...]:
        """What takes the focus, in order."""
        filters = (self._text, self._export, self._account, self._outcome, self._day)
        return *filters, self._table, *self._timeline.inputs()

    # What the trader does

    def _on_filter(self) -> None:
        self.filter_changed.emit(self.filter)

    def _on_heading(self, key: JournalSortKey) -> None:
        """Sort by it; by the same again: the other way round. What is chosen stays narrowed as it is."""
        was = self._sorting
        is_falling = not was.is_falling if key is was.key else key in _BEGIN_FALLING
        self._sorting = JournalSorting(key, is_falling=is_falling)
        self._on_filter()

    def _on_list_export(self) -> None:
        self._ask_where("journal.csv", self.list_export_requested.emit)

    def _on_timeline_export(self) -> None:
        press_id = self._timeline.press_id
        self._ask_where("press.csv", lambda path: self.timeline_export_requested.emit(press_id, path))

    def _ask_where(self, name: str, then: Callable[[str], None]) -> None:
        """Ask for a file, in a window that blocks nothing and lies beside this one.

        Not the system's own dialog: Windows shows that one modal. Not `open()`: that blocks the window.
        """
        if self._dialog is not None:
            self._dialog.close()
        dialog = self._dialog = QFileDialog(self.window(), captions.EXPORT_TITLE)
        dialog.setObjectName("exportDialog")
        dialog.setOption(QFileDialog.Option.DontUseNativeDialog)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilter(captions.CSV_FILES)
        dialog.setDefaultSuffix("csv")
        dialog.selectFile(name)
        dialog.setWindowModality(Qt.WindowModality.NonModal)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(then)
        dialog.destroyed.connect(self._on_dialog_gone)
        dialog.resize(520, 380)
        dialog.move(beside(self.window().frameGeometry(), dialog.size()))
        dialog.show()

    def _on_dialog_gone(self) -> None:
        self._dialog = None

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.looked_at.emit()


def beside(window: QRect, size: QSize) -> QPoint:
    """Where a window of that size covers least of another one: left, right, or at the far edge."""
    screen = QGuiApplication.screenAt(window.center()) or QGuiApplication.primaryScreen()
    room = screen.availableGeometry()
    top = max(room.top(), min(window.top(), room.bottom() - size.height()))
    if window.left() - size.width() >= room.left():
        return QPoint(window.left() - size.width(), top)
    if window.right() + size.width() <= room.right():
        return QPoint(window.right() + 1, top)
    is_left = window.center().x() < room.center().x()
    return QPoint(room.right() - size.width() if is_left else room.left(), top)
