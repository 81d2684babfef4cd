"""The button that an outcome offers: pressed as FLATTEN is, and never where it has only just come to lie."""

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QFocusEvent, QMouseEvent, QMoveEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QPushButton, QWidget

from crosstrade_panel.ui import captions
from crosstrade_panel.ui.button_paint import Weight, height_for
from crosstrade_panel.ui.press_button import Environment, Face, Phase, PressButton, Source
from crosstrade_panel.ui.view import ActionKind, BannerAction, Gesture, Look

HEIGHT = 64
_MOST_HEIGHT = 160
_NOTHING = Face(None, "", (), Look.DISABLED, Gesture.CLICK, 0.0, "")


def action_face(action: BannerAction) -> Face:
    """An action as a face: it hands out itself, and new words for the same act do not cancel a gesture."""
    return Face(
        action,
        action.title,
        action.lines,
        action.look,
        action.gesture,
        action.hold_s,
        action.spoken,
        meaning=action.means,
    )


def has_moved(event: QMoveEvent) -> bool:
    """Whether it lies elsewhere now: Qt sends the event after a mere change of size too."""
    return event.pos() != event.oldPos()


class Settling:
    """Whether something lies still: a press on what has just come under the pointer was aimed at another."""

    def __init__(self, least_s: float, clock: Callable[[], float]) -> None:
        self._least_s = least_s
        self._clock = clock
        self._moved_at = clock()

    def disturb(self) -> None:
        """It moved, or came into sight."""
        self._moved_at = self._clock()

    @property
    def is_settled(self) -> bool:
        """Whether it has been in its place long enough to be aimed at."""
        return self._clock() - self._moved_at >= self._least_s


class ActionButton(PressButton):
    """FLATTEN AGAIN, FLATTEN, CANCEL n ORDERS or STOP in a banner; hands out the BannerAction it showed.

    A gesture under way ends when the button moves: the finger is where it was.

    It grows downward where a name is so long that its lines would be smaller than those around it, and stays
    as high while other words come: what lies beneath it is not to come up under the pointer.
    """

    def __init__(self, environment: Environment, parent: QWidget | None = None) -> None:
        super().__init__(_NOTHING, HEIGHT, environment, parent, weight=Weight.ACTION)
        self._settling = Settling(environment.pace.row_moved_s, environment.clock)
        self.setObjectName("bannerActionButton")
        self.setToolTip(captions.ACTION_CHORD)
        self.hide()

    def show_action(self, action: BannerAction | None) -> None:
        """Show an action, or none; its lock outlasts its absence."""
        if action is None:
            self.hide()
            self.cancel()
            self.setEnabled(False)
            return
        self._grow(action.title, action.lines, at_least=self.minimumHeight())
        self.show_face(action_face(action))
        self.setEnabled(action.look is not Look.DISABLED)
        self.show()

    def _grow(self, title: str, lines: tuple[str, ...], *, at_least: int) -> None:
        needed = height_for(title, lines, self.font().family(), self.width(), Weight.ACTION)
        height = min(max(needed, at_least), _MOST_HEIGHT)
        if height != self.minimumHeight():
            self.setFixedHeight(height)
            self._settling.disturb()

    def note_move(self) -> None:
        """It lies elsewhere now than a moment ago, whoever moved it."""
        self._settling.disturb()
        if self.phase is not Phase.IDLE and self._source is Source.POINTER:
            self.let_go()

    def _tell(self, text: str) -> None:
        payload = self.face.payload
        # STOP sends nothing anyway, and what it stops goes on.
        if not (isinstance(payload, BannerAction) and payload.kind is ActionKind.STOP):
            super()._tell(text)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        is_first = event.button() is Qt.MouseButton.LeftButton and self.phase is Phase.IDLE
        if is_first and not self._settling.is_settled:
            event.accept()
            self._swallow(Source.POINTER)
            return
        super().mousePressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        # Its chord is that of the button with the focus.
        self.release_chord()

    def moveEvent(self, event: QMoveEvent) -> None:
        super().moveEvent(event)
        if has_moved(event):
            self.note_move()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._grow(self.face.title, self.face.lines, at_least=HEIGHT)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.note_move()


class AcknowledgeButton(QPushButton):
    """Acknowledges one press; ignores a press of the mouse where it has only just come to lie."""

    def __init__(self, environment: Environment, parent: QWidget | None = None) -> None:
        super().__init__(captions.ACKNOWLEDGE, parent)
        self._settling = Settling(environment.pace.row_moved_s, environment.clock)
        self.setObjectName("acknowledgeButton")

    def note_move(self) -> None:
        """It lies elsewhere now than a moment ago, whoever moved it."""
        self._settling.disturb()
        self.setDown(False)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if self._settling.is_settled:
            super().mousePressEvent(event)
        else:
            event.accept()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.mousePressEvent(event)

    def moveEvent(self, event: QMoveEvent) -> None:
        super().moveEvent(event)
        if has_moved(event):
            self.note_move()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.note_move()
