"""What the status line has no room for: notes, the state of the stream, the drill that is armed."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from crosstrade_panel.ui import captions
from crosstrade_panel.ui.fit import FitLabel, WrapLabel, plain_tip
from crosstrade_panel.ui.speech import announce
from crosstrade_panel.ui.theme import SYMBOLS, mark
from crosstrade_panel.ui.view import StatusView, StreamView, Tone


class StatusNotes(QWidget):
    """Whatever is off, and where the stream stands.

    Signals:
        stream_reconnect_requested: the stream shall be taken back.
    """

    stream_reconnect_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._told: tuple[str, ...] = ()
        self._notes = WrapLabel()
        self._notes.setObjectName("statusNotes")
        self._notes.setProperty("tone", "doubt")
        self._notes.hide()
        self._stream = WrapLabel()
        self._stream.setObjectName("streamState")
        self._stream.hide()
        self._take_back = QPushButton(captions.TAKE_STREAM_BACK)
        self._take_back.setObjectName("takeStreamBackButton")
        self._take_back.setProperty("link", True)
        self._take_back.setToolTip(captions.TAKE_STREAM_BACK_TIP)
        self._take_back.setAutoDefault(False)
        self._take_back.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._take_back.clicked.connect(self._on_take_back)
        self._take_back.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(1)
        for each in (self._notes, self._stream):
            column.addWidget(each)
        column.addWidget(self._take_back, 0, Qt.AlignmentFlag.AlignLeft)
        self.hide()

    def show_notes(self, status: StatusView, stream: StreamView) -> bool:
        """Show the notes, or nothing at all; whether one was not there before."""
        added = [note for note in status.notes if note not in self._told]
        for note in added:
            announce(self, note)
        self._told = status.notes
        self._notes.setText("\n".join(f"! {note}" for note in status.notes))
        self._notes.setVisible(bool(status.notes))
        tone = Tone.DOUBT if stream.may_reconnect else Tone.NEUTRAL
        self._stream.setText(f"{SYMBOLS[tone]} {stream.state}" if stream.state else "")
        mark(self._stream, tone=tone.value, dim=tone is Tone.NEUTRAL)
        self._stream.setVisible(bool(stream.state))
        self._take_back.setVisible(stream.may_reconnect)
        self.setVisible(bool(status.notes or stream.state or stream.may_reconnect))
        return bool(added)

    def inputs(self) -> tuple[QWidget, ...]:
        """What takes the focus."""
        return (self._take_back,)

    def _on_take_back(self) -> None:
        self.stream_reconnect_requested.emit()


class StatusRow(QWidget):
    """The link as wide as its words, the budget at the other end; where there is no room for both, the link.

    Its words are long when something is wrong: then nobody counts requests, and the link's tooltip does.
    """

    SPACING = 4
    HEIGHT = 24

    def __init__(
        self, link: FitLabel, budget: FitLabel, ends: tuple[QWidget, ...], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._link = link
        self._budget = budget
        self._ends = ends
        self.setFixedHeight(self.HEIGHT)
        self._pill = QFrame()
        self._pill.setObjectName("linkPill")
        inside = QHBoxLayout(self._pill)
        inside.setContentsMargins(8, 0, 8, 0)
        inside.addWidget(link)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(self.SPACING)
        row.addWidget(self._pill)
        row.addStretch(1)
        for widget in (budget, *ends):
            row.addWidget(widget)

    def share(self) -> None:
        """Share the row anew: after other words, or at another width."""
        taken = sum(max(each.sizeHint().width(), each.minimumWidth()) + self.SPACING for each in self._ends)
        room = self.width() - taken - self.SPACING
        link, budget = self._link.wished_width + 16, self._budget.wished_width
        has_budget = 0 < budget <= room - link - self.SPACING
        self._budget.set_width(max(budget, 1))
        self._budget.setVisible(has_budget)
        self._pill.setFixedWidth(max(min(link, room), 20))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.share()


class DrillChip(FitLabel):
    """The drill that is armed, in the colours of the practice badge; its tooltip has all of its title."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(15, (10, 9, 8), parent)
        self.setObjectName("drillChip")
        self.setContentsMargins(6, 0, 6, 0)
        self.set_centred()
        self._ground = QColor()
        self._ink = QColor()
        self.hide()

    def show_drill(self, title: str) -> None:
        """Name the drill; empty for none."""
        text = captions.DRILL.format(title=title) if title else ""
        self.setText(text)
        self.setToolTip(plain_tip(text))
        self.setAccessibleName(text)
        self.setVisible(bool(title))

    def show_colours(self, ground: str, ink: str) -> None:
        """Paint in other colours."""
        self._ground, self._ink = QColor(ground), QColor(ink)
        self.update()

    @property
    def wished_width(self) -> int:
        """The width of its words at their largest, in pixels."""
        return super().wished_width + 12

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._ground)
        painter.drawRoundedRect(self.rect(), 4, 4)
        painter.setPen(self._ink)
        self.paint_text(painter)
        painter.end()


class CaptionRow(QWidget):
    """A caption with the drill chip beside it; where there is no room for both, the chip is what is said."""

    def __init__(self, caption: QLabel, chip: DrillChip, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._caption = caption
        self._chip = chip
        self.setFixedHeight(15)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        row.addWidget(caption)
        row.addStretch(1)
        row.addWidget(chip)

    def share(self) -> None:
        """Share the row anew: after another drill, or at another width."""
        wished = self._chip.wished_width
        room = self.width() - self._caption.sizeHint().width() - 6
        is_alone = self._chip.isVisibleTo(self) and wished > room
        self._caption.setVisible(not is_alone)
        self._chip.set_width(max(20, min(wished, self.width())))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.share()
