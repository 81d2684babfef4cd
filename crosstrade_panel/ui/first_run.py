"""The card of the first run: a token, or practice."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from crosstrade_panel import texts
from crosstrade_panel.ui import captions
from crosstrade_panel.ui.fit import WrapLabel


class FirstRunCard(QFrame):
    """Asks for a token, inline; never stands in the way.

    Signals:
        token_entered: the text as typed.
        practice_requested: the trader chose the practice exchange.
    """

    token_entered = Signal(str)
    practice_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("firstRunCard")
        self.setAccessibleName(texts.NO_TOKEN)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 6, 8, 8)
        column.setSpacing(5)
        title = WrapLabel(f"! {texts.NO_TOKEN}")
        title.setProperty("tone", "doubt")
        font = title.font()
        font.setBold(True)
        title.setFont(font)
        self._text = WrapLabel(captions.HOW_TO_START)
        self._text.setObjectName("howToStart")
        self._text.setProperty("dim", True)
        self._token = QLineEdit()
        self._token.setObjectName("tokenField")
        self._token.setAccessibleName(captions.TOKEN)
        self._token.setPlaceholderText(captions.TOKEN)
        self._token.setEchoMode(QLineEdit.EchoMode.Password)
        self._token.returnPressed.connect(self._on_save)
        self._problem = WrapLabel()
        self._problem.setObjectName("tokenProblem")
        self._problem.setProperty("tone", "bad")
        self._problem.hide()
        self._save = QPushButton(captions.SAVE)
        self._save.setObjectName("saveTokenButton")
        self._save.clicked.connect(self._on_save)
        self._practice = QPushButton(captions.PRACTICE)
        self._practice.setObjectName("practiceButton")
        self._practice.clicked.connect(self._on_practice)
        row = QHBoxLayout()
        row.addWidget(self._save, 1)
        row.addWidget(self._practice, 1)
        for each in (title, self._text, self._token, self._problem):
            column.addWidget(each)
        column.addLayout(row)

    def show_needed(self, is_needed: bool, problem: str, keeps_token: bool) -> None:  # noqa: FBT001 - a view's fields
        """Show or hide the card; a token that was typed is forgotten with it.

        `keeps_token`: there is a keyring for it; where there is none, nothing is promised of one.
        """
        words = captions.HOW_TO_START if keeps_token else captions.HOW_TO_START_UNKEPT
        if self._text.text() != words:
            self._text.setText(words)
        if not is_needed:
            self._token.clear()
        if self._problem.text() != problem:
            self._problem.setText(problem)
        self._problem.setVisible(bool(problem))
        self.setVisible(is_needed)

    def inputs(self) -> tuple[QWidget, ...]:
        """What takes the focus, in order."""
        return self._token, self._save, self._practice

    def _on_save(self) -> None:
        if text := self._token.text().strip():
            self.token_entered.emit(text)

    def _on_practice(self) -> None:
        self.practice_requested.emit()
