"""The pickers of account, instrument and direction. They show what is committed and ask for another."""

from collections.abc import Callable

from PySide6.QtCore import (
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPoint,
    QSize,
    QSortFilterProxyModel,
    Qt,
    Signal,
)
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QFont,
    QFontMetrics,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
    QCompleter,
    QHBoxLayout,
    QLineEdit,
    QListView,
    QPushButton,
    QSizePolicy,
    QStyledItemDelegate,
    QWidget,
)

from crosstrade_panel.domain.scope import Side
from crosstrade_panel.ui import captions
from crosstrade_panel.ui.fit import plain_tip
from crosstrade_panel.ui.view import Choice

VALUE_ROLE = Qt.ItemDataRole.UserRole
SEARCH_ROLE = Qt.ItemDataRole.UserRole + 1

Index = QModelIndex | QPersistentModelIndex
Heading = str

LIST_WIDTH = 260


class ChoiceModel(QAbstractListModel):
    """Choices under their group headings; a heading cannot be selected."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: tuple[Choice | Heading, ...] = ()
        self._dim = QColor(128, 128, 128)
        # The list takes the slant of its box, which says something of the committed choice alone.
        self._upright, self._slanted = QFont(), QFont()
        self._upright.setStyle(QFont.Style.StyleNormal)
        self._slanted.setStyle(QFont.Style.StyleItalic)

    def show_choices(self, choices: tuple[Choice, ...]) -> None:
        """Replace all rows; consecutive choices of one group get its heading above them."""
        rows: list[Choice | Heading] = []
        group = ""
        for choice in choices:
            if choice.group and choice.group != group:
                rows.append(choice.group)
            group = choice.group
            rows.append(choice)
        self.beginResetModel()
        self._rows = tuple(rows)
        self.endResetModel()

    def show_dim(self, colour: QColor) -> None:
        """Colour of headings and greyed choices."""
        self._dim = colour

    def choice_at(self, row: int) -> Choice | None:
        """The choice in a row; None for a heading or no row."""
        if not 0 <= row < len(self._rows):
            return None
        found = self._rows[row]
        return found if isinstance(found, Choice) else None

    def row_of(self, value: str | None) -> int:
        """The row of a value, -1 when it is not listed."""
        for row, found in enumerate(self._rows):
            if isinstance(found, Choice) and found.value == value:
                return row
        return -1

    def find_typed(self, text: str) -> Choice | None:
        """The one choice whose label or value is exactly the typed text, without regard to case."""
        wanted = text.strip().casefold()
        found = [
            row
            for row in self._rows
            if isinstance(row, Choice)
            and wanted in {row.label.casefold(), (row.value or row.label).casefold()}
        ]
        # Two names that differ by case only are two choices: then the list has to be used.
        return found[0] if len(found) == 1 else None

    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._rows)

    def flags(self, index: Index) -> Qt.ItemFlag:
        if self.choice_at(index.row()) is None:
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not 0 <= index.row() < len(self._rows):
            return None
        found = self._rows[index.row()]
        if isinstance(found, str):
            if role == Qt.ItemDataRole.FontRole:
                return self._upright
            return found if role == Qt.ItemDataRole.DisplayRole else self._dim_for(role, is_dim=True)
        match role:
            case Qt.ItemDataRole.FontRole:
                return self._slanted if found.greyed else self._upright
            case Qt.ItemDataRole.EditRole:
                return found.label
            case Qt.ItemDataRole.DisplayRole | Qt.ItemDataRole.ToolTipRole:
                text = f"{found.label} · {found.note}" if found.note else found.label
                return plain_tip(text) if role == Qt.ItemDataRole.ToolTipRole else text
            case _ if role == SEARCH_ROLE:
                return f"{found.label} {found.note}"
            case _ if role == VALUE_ROLE:
                return found.value
            case _:
                return self._dim_for(role, is_dim=found.greyed)

    def _dim_for(self, role: int, *, is_dim: bool) -> object:
        return self._dim if is_dim and role == Qt.ItemDataRole.ForegroundRole else None


class _FilterModel(QSortFilterProxyModel):
    """The choices that contain the typed text; no headings."""

    def __init__(self, source: ChoiceModel, parent: QObject) -> None:
        super().__init__(parent)
        self._source = source
        self.setSourceModel(source)

    def filterAcceptsRow(self, source_row: int, _source_parent: Index) -> bool:
        return self._source.choice_at(source_row) is not None


class PickerEdit(QLineEdit):
    """The text of a picker. Text that was typed counts only by Enter; leaving it puts the committed back.

    A click is one that goes down and up in it without a drag: a drag marks text. On going down nothing opens,
    so that no list takes the release for its own.

    Signals:
        text_committed: Enter on typed text.
        text_dropped: Escape, or the focus left.
        clicked: with the left button, or a finger, while nothing is typed.
    """

    text_committed = Signal()
    text_dropped = Signal()
    clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._down: QPoint | None = None

    def mousePressEvent(self, event: QMouseEvent) -> None:
        is_click = event.button() is Qt.MouseButton.LeftButton and not self.isModified()
        self._down = event.position().toPoint() if is_click else None
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._down is not None:
            way = event.position().toPoint() - self._down
            if way.manhattanLength() >= QApplication.startDragDistance():
                self._down = None
        super().mouseMoveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        is_click = self._down is not None and event.button() is Qt.MouseButton.LeftButton
        self._down = None
        super().mouseReleaseEvent(event)
        if is_click and self.rect().contains(event.position().toPoint()):
            self.clicked.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        match event.key():
            case Qt.Key.Key_Return | Qt.Key.Key_Enter:
                # Not handed on: Qt's combo box would choose by itself on returnPressed.
                event.accept()
                self.text_committed.emit()
            case Qt.Key.Key_Escape:
                event.accept()
                self.text_dropped.emit()
            case _:
                super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        # Before Qt's own: on editingFinished a combo box would choose a typed text that it knows.
        if event.reason() is not Qt.FocusReason.PopupFocusReason:
            self.text_dropped.emit()
        super().focusOutEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        width = self.width() - 4
        metrics = QFontMetrics(self.font())
        if self.isModified() or metrics.horizontalAdvance(self.text()) <= width:
            super().paintEvent(event)
            return
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        shown = metrics.elidedText(self.text(), Qt.TextElideMode.ElideMiddle, width)
        painter.drawText(self.rect().adjusted(2, 0, -2, 0), Qt.AlignmentFlag.AlignVCenter, shown)
        painter.end()


class Picker(QComboBox):
    """A list to choose from, with a filter to type. Shows the committed choice, whatever was picked or typed.

    Signals:
        value_chosen: a listed choice was picked: its value (text, or None for "all").
        text_entered: Enter on text that is no listed choice.
    """

    value_chosen = Signal(object)
    text_entered = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._choices: tuple[Choice, ...] = ()
        self._waiting: tuple[Choice, ...] | None = None
        self._value: str | None = None
        self._rows = ChoiceModel(self)
        self._edit = PickerEdit()
        self.setModel(self._rows)
        self.setEditable(True)
        self.setLineEdit(self._edit)
        self.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(6)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMaxVisibleItems(14)
        # Qt's own delegate of a combo box knows nothing of the stylesheet.
        self.setItemDelegate(QStyledItemDelegate(self))
        self.view().setMinimumWidth(LIST_WIDTH)
        self.view().setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self._completer = self._make_completer()
        self._filtered = QListView()
        self._filtered.setObjectName("pickerFilter")
        self._filtered.setMinimumWidth(LIST_WIDTH)
        self._filtered.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self._completer.setPopup(self._filtered)
        self._filtered.installEventFilter(self)
        self.view().installEventFilter(self)
        self.view().window().installEventFilter(self)
        self.setCompleter(self._completer)
        self.activated.connect(self._on_activated)
        self._edit.text_committed.connect(self._on_text_committed)
        self._edit.text_dropped.connect(self._on_text_dropped)
        self._edit.clicked.connect(self.showPopup)

    def _make_completer(self) -> QCompleter:
        completer = QCompleter(_FilterModel(self._rows, self), self)
        completer.setCompletionMode(QCompleter.CompletionMode.PopupCompletion)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.setCompletionRole(SEARCH_ROLE)
        completer.setMaxVisibleItems(10)
        return completer

    def show_choices(self, choices: tuple[Choice, ...], value: str | None) -> None:
        """Show the list and the committed value; text being typed and an open list stay as they are."""
        changed = value != self._value
        self._value = value
        if choices != self._choices:
            if self._is_list_open():
                # Rows must not move under the pointer.
                self._waiting = choices
            else:
                self._take_choices(choices)
                changed = True
        if changed and not self._is_typing():
            self.show_committed()

    def name(self, caption: str) -> None:
        """Tell a screen reader what it is for."""
        self.setAccessibleName(caption)
        self._edit.setAccessibleName(caption)

    def show_dim(self, colour: QColor) -> None:
        """Colour of headings and greyed choices."""
        self._rows.show_dim(colour)

    def show_sheet(self, sheet: str) -> None:
        """Style the list of what was typed: a window of its own, which the window's sheet does not reach."""
        self._filtered.setStyleSheet(sheet)

    def show_committed(self) -> None:
        """Drop what was typed or highlighted; show the committed choice."""
        row = self._rows.row_of(self._value)
        self.setCurrentIndex(row)
        choice = self._rows.choice_at(row)
        text = choice.label if choice is not None else (self._value or "")
        if self._edit.text() != text:
            self._edit.setText(text)
        self._edit.setModified(False)
        self._edit.setCursorPosition(0)
        self._grey(is_grey=choice is not None and choice.greyed)
        note = choice.note if choice is not None else captions.NOT_IN_LIST if text else ""
        self.setToolTip(plain_tip(f"{text} · {note}" if note else text))
        self._edit.update()

    def _grey(self, *, is_grey: bool) -> None:
        # Of the box and not of its text: to a stylesheet the two are one.
        if bool(self.property("greyed")) is not is_grey:
            self.setProperty("greyed", is_grey)
            for widget in (self, self._edit):
                self.style().unpolish(widget)
                self.style().polish(widget)

    def _take_choices(self, choices: tuple[Choice, ...]) -> None:
        typed = self._edit.text() if self._is_typing() else None
        self._choices = choices
        self._rows.show_choices(choices)
        if typed is not None:
            self._edit.setText(typed)
            self._edit.setModified(True)

    def _is_typing(self) -> bool:
        return self._edit.isModified()

    def _is_list_open(self) -> bool:
        return self.view().isVisible() or self._filtered.isVisible()

    def _on_activated(self, row: int) -> None:
        choice = self._rows.choice_at(row)
        self._ask_for(choice)

    def _ask_for(self, choice: Choice | None) -> None:
        # What is shown stays the committed one until the next view says otherwise.
        self.show_committed()
        if choice is not None:
            self.value_chosen.emit(choice.value)

    def _on_text_dropped(self) -> None:
        self.show_committed()
        self._filtered.hide()

    def _on_text_committed(self) -> None:
        is_open = self._filtered.isVisible()
        highlighted = self._filtered.currentIndex() if is_open else QModelIndex()
        # Read before the list is hidden: where the focus is not here just then, that drops the text.
        typed, was_typing = self._edit.text().strip(), self._is_typing()
        self._filtered.hide()
        if highlighted.isValid():
            value = highlighted.data(VALUE_ROLE)
            self._ask_for(self._rows.choice_at(self._rows.row_of(value)))
            return
        if not was_typing:
            return
        choice = self._rows.find_typed(typed)
        if choice is not None:
            self._ask_for(choice)
        elif typed:
            self.show_committed()
            self.text_entered.emit(typed)
        else:
            self.show_committed()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        # While its list is open, Qt's completer keeps the loss of the focus from the text.
        if watched is self._filtered and event.type() is QEvent.Type.Hide and not self._edit.hasFocus():
            self.show_committed()
        if watched is self.view() and isinstance(event, QKeyEvent) and self._is_typed(event):
            self._type_on(event)
            return True
        if watched is self.view().window() and isinstance(event, QMouseEvent):
            is_here = self.rect().contains(self.mapFromGlobal(event.globalPosition().toPoint()))
            # Qt may play the click that closes a list again to what lies beneath: that would open it again.
            watched.setAttribute(Qt.WidgetAttribute.WA_NoMouseReplay, is_here)
        return super().eventFilter(watched, event)

    @staticmethod
    def _is_typed(event: QKeyEvent) -> bool:
        is_press = event.type() is QEvent.Type.KeyPress
        return is_press and event.text().isprintable() and bool(event.text().strip())

    def _type_on(self, event: QKeyEvent) -> None:
        """What is typed while the list is open filters, as if it were closed."""
        self.hidePopup()
        self._edit.setFocus(Qt.FocusReason.OtherFocusReason)
        self._edit.selectAll()
        QApplication.sendEvent(self._edit, event)

    def hidePopup(self) -> None:
        super().hidePopup()
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            self._take_choices(waiting)
            self.show_committed()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        match event.key():
            case Qt.Key.Key_Up | Qt.Key.Key_Down | Qt.Key.Key_PageUp | Qt.Key.Key_PageDown | Qt.Key.Key_F4:
                # Qt would step through the choices, and choose each.
                event.accept()
                self.showPopup()
            case Qt.Key.Key_Return | Qt.Key.Key_Enter | Qt.Key.Key_Escape:
                self._edit.keyPressEvent(event)
            case _:
                super().keyPressEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Nothing: turning the wheel over a closed picker changes no scope."""
        event.ignore()

    def sizeHint(self) -> QSize:
        return QSize(120, 30)

    def minimumSizeHint(self) -> QSize:
        return QSize(60, 30)


class PlainCombo(QComboBox):
    """A closed list that the mouse wheel does not change."""

    def name(self, caption: str) -> None:
        """Tell a screen reader what it is for; beyond Windows the name that it is given is the choice."""
        self.setAccessibleName(caption)
        self.setAccessibleDescription(caption)

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()


class SidePicker(QWidget):
    """Any side, Long, Short: three segments, one of them committed.

    Signals:
        side_chosen: a segment was clicked: its side, or None for any.
    """

    side_chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        self._side: Side | None = None
        self._segments: dict[Side | None, QPushButton] = {}
        for side, caption, name in (
            (None, captions.ANY_SIDE, "sideAny"),
            (Side.LONG, captions.LONG, "sideLong"),
            (Side.SHORT, captions.SHORT, "sideShort"),
        ):
            segment = QPushButton(caption)
            segment.setObjectName(name)
            segment.setAccessibleName(f"{captions.DIRECTION}: {caption}")
            segment.setCheckable(True)
            segment.setProperty("segment", name)
            segment.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            segment.setFixedHeight(28)
            segment.clicked.connect(self._asker(side))
            self._segments[side] = segment
            row.addWidget(segment, 1)
        self.show_side(None)

    def show_side(self, side: Side | None) -> None:
        """Show the committed side."""
        self._side = side
        # No button group: in one, the keyboard reaches the checked segment only.
        for each, segment in self._segments.items():
            if segment.isChecked() is not (each is side):
                segment.setChecked(each is side)

    def _asker(self, side: Side | None) -> Callable[[], None]:
        def ask() -> None:
            self.show_side(self._side)
            self.side_chosen.emit(side)

        return ask

    def event(self, event: QEvent) -> bool:
        if event.type() is QEvent.Type.Wheel:
            event.ignore()
            return True
        return super().event(event)
