"""What a second start shows where the panel that runs already does not answer."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget


class SilentPanelCard(QWidget):
    """Says so, and offers to start another panel all the same. Decides nothing.

    Signals:
        another_requested: a panel is wanted in this process.
        quit_requested: no panel is wanted.
    """

    another_requested = Signal()
    quit_requested = Signal()

    def __init__(self, title: str, words: str, another: str, leave: str) -> None:
        """Make it, hidden."""
        super().__init__()
        self.setObjectName("silentPanelCard")
        self.setWindowTitle(title)
        self.setWindowFlag(Qt.WindowType.WindowStaysOnTopHint, True)
        label = QLabel(words)
        label.setObjectName("silentPanelWords")
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setWordWrap(True)
        self._another = QPushButton(another)
        self._another.setObjectName("startAnotherButton")
        self._another.clicked.connect(self._on_another)
        self._quit = QPushButton(leave)
        self._quit.setObjectName("quitButton")
        self._quit.clicked.connect(self._on_quit)
        row = QHBoxLayout()
        row.addWidget(self._another)
        row.addStretch(1)
        row.addWidget(self._quit)
        column = QVBoxLayout(self)
        column.addWidget(label)
        column.addStretch(1)
        column.addLayout(row)
        self.resize(360, 150)
        self._quit.setFocus()

    def closeEvent(self, event: QCloseEvent) -> None:
        event.ignore()
        self.quit_requested.emit()

    def _on_another(self) -> None:
        self.another_requested.emit()

    def _on_quit(self) -> None:
        self.quit_requested.emit()
