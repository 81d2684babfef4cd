"""What is left when nothing else works: NinjaTrader by hand, the broker's desk and web platform."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication, QKeyEvent
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from crosstrade_panel import texts
from crosstrade_panel.ui import captions
from crosstrade_panel.ui.fit import WrapLabel
from crosstrade_panel.ui.view import FallbackView

PHONE = "broker_phone"
WEB = "broker_web"


class FallbackCard(QFrame):
    """Inline, beneath the outcomes: it covers nothing, and nothing above FLATTEN gives way to it.

    Signals:
        close_requested: the trader has seen it.
        broker_edited: the name of the setting, and the text as typed.
        web_requested: the address that was shown, and confirmed.
    """

    close_requested = Signal()
    broker_edited = Signal(str, str)
    web_requested = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("fallbackCard")
        self.setAccessibleName(captions.BY_HAND)
        self._view = FallbackView()
        self._make_parts()
        self._lay_out()
        self.hide()

    def _make_parts(self) -> None:
        self._title = QLabel(f"! {captions.BY_HAND}")
        self._title.setTextFormat(Qt.TextFormat.PlainText)
        self._title.setProperty("tone", "doubt")
        font = self._title.font()
        font.setBold(True)
        self._title.setFont(font)
        self._close = self._button("fallbackCloseButton", captions.CLOSE, captions.CLOSE)
        self._by_hand = WrapLabel(texts.FALLBACK)
        self._by_hand.setObjectName("fallbackByHand")
        self._phone = self._edit("brokerPhone", captions.PHONE, captions.PHONE_HINT)
        self._web = self._edit("brokerWeb", captions.WEB, captions.WEB_HINT)
        self._copy = self._button("copyPhoneButton", captions.COPY_PHONE, captions.COPY_PHONE_SPOKEN)
        self._open = self._button("openWebButton", captions.OPEN_WEB, captions.OPEN_WEB_SPOKEN)
        self._problem = WrapLabel()
        self._problem.setObjectName("brokerProblem")
        self._problem.setProperty("tone", "bad")
        self._question = WrapLabel()
        self._question.setObjectName("webQuestion")
        self._confirm = self._button("confirmWebButton", captions.OPEN_WEB_NOW, captions.OPEN_WEB_NOW)
        for each in (self._problem, self._question, self._confirm):
            each.hide()
        self._phone.editingFinished.connect(self._on_phone)
        self._web.editingFinished.connect(self._on_web)
        self._web.textEdited.connect(self._withdraw)
        self._copy.clicked.connect(self._on_copy)
        self._open.clicked.connect(self._on_open)
        self._confirm.clicked.connect(self._on_confirm)
        self._close.clicked.connect(self._on_close)

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.addWidget(self._title, 1)
        top.addWidget(self._close)
        grid = QGridLayout()
        grid.setHorizontalSpacing(6)
        grid.setVerticalSpacing(2)
        grid.setColumnStretch(0, 1)
        for row, (edit, button) in enumerate(((self._phone, self._copy), (self._web, self._open))):
            label = QLabel(edit.accessibleName())
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setProperty("dim", True)
            label.setBuddy(edit)
            grid.addWidget(label, row * 2, 0, 1, 2)
            grid.addWidget(edit, row * 2 + 1, 0)
            grid.addWidget(button, row * 2 + 1, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 5, 8, 8)
        column.setSpacing(4)
        column.addLayout(top)
        column.addWidget(self._by_hand)
        column.addLayout(grid)
        for each in (self._problem, self._question):
            column.addWidget(each)
        column.addWidget(self._confirm, 0, Qt.AlignmentFlag.AlignRight)

    @staticmethod
    def _button(name: str, text: str, spoken: str) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(name)
        button.setAccessibleName(spoken)
        button.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        return button

    @staticmethod
    def _edit(name: str, caption: str, hint: str) -> QLineEdit:
        edit = QLineEdit()
        edit.setObjectName(name)
        edit.setAccessibleName(caption)
        edit.setPlaceholderText(hint)
        edit.setMaxLength(500)
        return edit

    def show_fallback(self, view: FallbackView) -> None:
        """Show it or hide it; a text being typed stays as it is."""
        old, self._view = self._view, view
        for edit, text, was in ((self._phone, view.phone, old.phone), (self._web, view.web, old.web)):
            # What was refused stays to be corrected; what was taken comes back as it is kept.
            if text != was or not (edit.hasFocus() or edit.isModified()):
                edit.setText(text)
                edit.setModified(False)
        self.setVisible(view.is_open)

    def show_problem(self, text: str) -> None:
        """Why what was typed was not taken; empty once it is."""
        self._problem.setText(text)
        self._problem.setVisible(bool(text))

    def inputs(self) -> tuple[QWidget, ...]:
        """What takes the focus, in order."""
        return self._close, self._phone, self._copy, self._web, self._open, self._confirm

    def _on_phone(self) -> None:
        self._hand_out(PHONE, self._phone, self._view.phone)

    def _on_web(self) -> None:
        self._hand_out(WEB, self._web, self._view.web)

    def _hand_out(self, name: str, edit: QLineEdit, known: str) -> None:
        if edit.text().strip() != known:
            self.broker_edited.emit(name, edit.text().strip())
        else:
            edit.setModified(False)
            self.show_problem("")

    def _on_copy(self) -> None:
        if text := self._phone.text().strip():
            QGuiApplication.clipboard().setText(text)

    def _on_open(self) -> None:
        """Say first where it leads: the address may have been typed long ago, by somebody else."""
        address = self._view.web
        is_web = address.startswith("https://")
        self._question.setText(texts.web_question(address) if is_web else texts.web_refused(address))
        self._question.show()
        self._confirm.setVisible(is_web)
        if is_web:
            self._confirm.setFocus()

    def _on_confirm(self) -> None:
        address = self._view.web
        is_as_shown = self._question.text() == texts.web_question(address)
        self._withdraw()
        if is_as_shown and address.startswith("https://"):
            self.web_requested.emit(address)

    def _withdraw(self) -> None:
        self._question.hide()
        self._confirm.hide()

    def _on_close(self) -> None:
        self.close_requested.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            event.accept()
            self.close_requested.emit()
            return
        super().keyPressEvent(event)
