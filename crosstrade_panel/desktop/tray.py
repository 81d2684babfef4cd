"""The icon in the tray: what is open, on its way or wrong, told by a shape."""

from collections.abc import Mapping
from enum import Enum
from pathlib import Path

from PySide6.QtCore import QObject, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QGuiApplication, QIcon, QPainter, QPen, QPixmap, QPolygonF
from PySide6.QtWidgets import QMenu, QSystemTrayIcon

from crosstrade_panel.domain.value import dataclass

SIZES = (16, 22, 24, 32, 48, 64)


class TrayState(Enum):
    """What the icon tells, the most urgent last."""

    IDLE = "idle"
    """Nothing open that was read, or nothing read at all: it claims nothing."""
    OPEN = "open"
    IN_FLIGHT = "in flight"
    LOUD = "loud"


@dataclass(frozen=True, slots=True)
class TrayWords:
    """The captions of its menu, and what it says of each state."""

    show: str
    quit: str
    tips: Mapping[TrayState, str]


class Tray(QObject):
    """The icon and its menu. On a desktop without a tray it is not to be seen, and nothing else changes.

    Signals:
        show_requested: the window is wanted.
        quit_requested: the trader wants to leave, as by closing the window.
    """

    show_requested = Signal()
    quit_requested = Signal()

    def __init__(self, icon: Path, words: TrayWords, parent: QObject | None = None) -> None:
        """Make it, hidden."""
        super().__init__(parent)
        self._plain = QIcon(str(icon))
        self._words = words
        self._icons: dict[TrayState, QIcon] = {}
        self._state: TrayState | None = None
        self._menu = QMenu()
        self._menu.setObjectName("trayMenu")
        self._menu.addAction(words.show, self._on_show)
        self._menu.addSeparator()
        self._menu.addAction(words.quit, self._on_quit)
        self._tray = QSystemTrayIcon(self)
        self._tray.setContextMenu(self._menu)
        self._tray.activated.connect(self._on_activated)
        self.show_state(TrayState.IDLE)

    @property
    def menu(self) -> QMenu:
        """What the right button opens."""
        return self._menu

    @property
    def state(self) -> TrayState | None:
        """What it tells now."""
        return self._state

    def show(self) -> None:
        """Show it; a tray that comes later than the panel, as at login, takes it up then."""
        # Only X waits for a tray; Qt would look for X's on platforms that have none.
        if QGuiApplication.platformName() == "xcb" or QSystemTrayIcon.isSystemTrayAvailable():
            self._tray.show()

    def hide(self) -> None:
        """Take it away: some desktops would keep it after the end."""
        self._tray.hide()

    def show_state(self, state: TrayState) -> None:
        """Tell another state."""
        if state is self._state:
            return
        self._state = state
        if state not in self._icons:
            self._icons[state] = draw_icon(self._plain, state)
        self._tray.setIcon(self._icons[state])
        self._tray.setToolTip(self._words.tips[state])

    def tell(self, title: str, text: str) -> None:
        """Show a message beside it. Words of our own alone: some desktops read marks in them."""
        if self._tray.isVisible() and QSystemTrayIcon.supportsMessages():
            self._tray.showMessage(title, text, QSystemTrayIcon.MessageIcon.Warning)

    def _on_activated(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        if reason in {QSystemTrayIcon.ActivationReason.Trigger, QSystemTrayIcon.ActivationReason.DoubleClick}:
            self.show_requested.emit()

    def _on_show(self) -> None:
        self.show_requested.emit()

    def _on_quit(self) -> None:
        self.quit_requested.emit()


def draw_icon(plain: QIcon, state: TrayState) -> QIcon:
    """The icon with the mark of a state: a square, a triangle, an exclamation mark in a rhombus; or none."""
    if state is TrayState.IDLE:
        return plain
    icon = QIcon()
    for size in SIZES:
        pixmap = QPixmap(size, size)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        plain.paint(painter, pixmap.rect())
        _draw_mark(painter, state, float(size))
        painter.end()
        icon.addPixmap(pixmap)
    return icon


def _draw_mark(painter: QPainter, state: TrayState, size: float) -> None:
    edge = QPen(QColor("white"), max(1.0, size / 16))
    edge.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
    painter.setPen(edge)
    half = size / 2
    room = QRectF(half, half, half - edge.widthF() / 2, half - edge.widthF() / 2)
    if state is TrayState.OPEN:
        painter.setBrush(QColor("#1f6feb"))
        painter.drawRect(room)
    elif state is TrayState.IN_FLIGHT:
        painter.setBrush(QColor("#8250df"))
        corners = [room.topLeft(), QPointF(room.right(), room.center().y()), room.bottomLeft()]
        painter.drawPolygon(QPolygonF(corners))
    else:
        _draw_alarm(painter, edge, size)


def _draw_alarm(painter: QPainter, edge: QPen, size: float) -> None:
    room = QRectF(0, 0, size, size).adjusted(*(each * edge.widthF() for each in (1, 1, -1, -1)))
    middle = room.center()
    painter.setBrush(QColor("#b91c1c"))
    painter.drawPolygon(
        QPolygonF(
            [
                QPointF(middle.x(), room.top()),
                QPointF(room.right(), middle.y()),
                QPointF(middle.x(), room.bottom()),
                QPointF(room.left(), middle.y()),
            ]
        )
    )
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor("white"))
    width = size / 7
    painter.drawRect(QRectF(middle.x() - width / 2, size * 0.24, width, size * 0.30))
    painter.drawRect(QRectF(middle.x() - width / 2, size * 0.62, width, width))
