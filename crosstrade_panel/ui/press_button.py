"""The button of a press: every rule of gestures lives here, and nothing about what a press means."""

import time
from collections.abc import Callable
from dataclasses import field
from enum import Enum, auto

from PySide6.QtCore import QEvent, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QFocusEvent,
    QHideEvent,
    QKeyEvent,
    QMouseEvent,
    QPaintEvent,
)
from PySide6.QtWidgets import QApplication, QPushButton, QSizePolicy, QWidget

from crosstrade_panel import texts
from crosstrade_panel.domain.value import dataclass
from crosstrade_panel.trading.pace import Pace
from crosstrade_panel.ui import captions
from crosstrade_panel.ui.button_paint import Painting, Weight, paint_button
from crosstrade_panel.ui.hold import HoldCount, QtTicks, Ticks
from crosstrade_panel.ui.speech import announce
from crosstrade_panel.ui.theme import DARK, Theme
from crosstrade_panel.ui.view import Gesture, Look

FLASH_S = 0.6
TOLD_S = 6.0
"""As long as REVERSE says why nothing was sent."""
REPEAT_S = 0.06
"""A key that is down again within this time was repeated by the keyboard, not pressed again."""


@dataclass(frozen=True, slots=True)
class Face:
    """What a press button shows, and what its gesture hands out: `payload` is exactly what the lines say.

    `meaning` is what must stay the same during a gesture, where that is less than all of the payload.
    """

    payload: object
    title: str
    lines: tuple[str, ...]
    look: Look
    gesture: Gesture
    hold_s: float
    spoken: str
    meaning: object = None

    @property
    def means(self) -> object:
        """What a press does, without the words for it."""
        return self.payload if self.meaning is None else self.meaning

    def means_the_same(self, other: "Face") -> bool:
        """Whether a gesture begun on the one may be completed on the other."""
        return (self.means, self.gesture, self.hold_s) == (other.means, other.gesture, other.hold_s)

    @property
    def swallows(self) -> bool:
        """Whether a gesture does nothing."""
        return self.payload is None or self.look in {Look.LOCKED, Look.DISABLED}


class Phase(Enum):
    """Where a gesture is."""

    IDLE = auto()
    DOWN = auto()
    """A click: fires when released inside."""
    HOLDING = auto()
    SPENT = auto()
    """Complete, and still held."""


class Source(Enum):
    """What the trader presses with."""

    POINTER = auto()
    CHORD = auto()
    ASSISTIVE = auto()


@dataclass(frozen=True, slots=True)
class Environment:
    """What a press button measures with; tests bring their own."""

    pace: Pace = field(default_factory=Pace)
    clock: Callable[[], float] = time.monotonic
    ticks: Callable[[QWidget], Ticks] = QtTicks
    buttons: Callable[[], Qt.MouseButton] = QApplication.mouseButtons


class PressButton(QPushButton):
    """A button that fires by one deliberate gesture and by nothing else.

    `keeps_held`: a completed gesture stays pressed until let go or `let_go()` (REVERSE); else it is over at
    once for a click and at the release for a hold (FLATTEN). Such a button also says by itself, in its own
    lines, that a gesture which was begun sent nothing; REVERSE may be late for other reasons, and is told.

    `clicked` is emitted by an assistive technology's "Press" only: pointer and keys never reach Qt's own
    button logic. It arms; a second one within `pace.armed_s` fires.

    Signals:
        gesture_began: pressed down, with the payload shown.
        gesture_completed: the gesture for that payload is complete.
        gesture_ended: let go or cancelled; exactly one for each `gesture_began`.
        gesture_swallowed: a gesture met a lock; with this button's object name.
    """

    gesture_began = Signal(object)
    gesture_completed = Signal(object)
    gesture_ended = Signal()
    gesture_swallowed = Signal(str)

    def __init__(
        self,
        face: Face,
        height: int,
        environment: Environment,
        parent: QWidget | None = None,
        *,
        weight: Weight = Weight.MAIN,
        keeps_held: bool = False,
    ) -> None:
        super().__init__(parent)
        self._face = face
        self._environment = environment
        self._pace = environment.pace
        self._weight = weight
        self._keeps_held = keeps_held
        self._ticks = environment.ticks(self)
        self._phase = Phase.IDLE
        self._source = Source.POINTER
        self._began: Face | None = None
        self._count: HoldCount | None = None
        self._locked_until: float | None = None
        self._flash_until: float | None = None
        self._armed_until: float | None = None
        self._doubted_at: float | None = None
        self._told = ""
        self._told_until: float | None = None
        self._theme = DARK
        self._refresh = QTimer(self)
        self._refresh.setSingleShot(True)
        self._refresh.timeout.connect(self._expire)
        self.setFixedHeight(height)
        self.setMinimumWidth(120)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._shows_focus = False
        self.setAttribute(Qt.WidgetAttribute.WA_Hover, True)
        self.clicked.connect(self._on_assistive_press)
        self.setEnabled(face.look is not Look.DISABLED)
        self._name_face()

    # What it shows

    @property
    def face(self) -> Face:
        """What is shown just now."""
        return self._face

    @property
    def weight(self) -> Weight:
        """How much it stands out."""
        return self._weight

    @property
    def phase(self) -> Phase:
        """Where the gesture is."""
        return self._phase

    @property
    def look(self) -> Look:
        """The look as painted: locked too for a moment after each press, before anybody says so."""
        is_over = self._phase is Phase.IDLE and self._is_self_locked()
        if self._face.look is not Look.DISABLED and is_over:
            return Look.LOCKED
        return self._face.look

    @property
    def is_armed(self) -> bool:
        """Whether one more press by an assistive technology fires."""
        return self._armed_until is not None and self._environment.clock() < self._armed_until

    @property
    def is_flashing(self) -> bool:
        """Whether a swallowed gesture is being shown."""
        return self._flash_until is not None and self._environment.clock() < self._flash_until

    @property
    def told(self) -> str:
        """What became of a gesture a moment ago that sent nothing; empty when there is nothing to say."""
        is_new = self._told_until is not None and self._environment.clock() < self._told_until
        return self._told if is_new else ""

    @property
    def share_held(self) -> float:
        """How much of a hold is done, 0 to 1."""
        if self._phase is Phase.SPENT:
            return 1.0
        return self._count.share if self._count is not None else 0.0

    def show_face(self, face: Face) -> None:
        """Show something else. A gesture in progress survives only what means the same."""
        old = self._face
        if face == old:
            return
        self._face = face
        if not face.means_the_same(old):
            self._armed_until = None
        if face.means != old.means:
            self._locked_until = None
        if face.swallows or face.means != old.means:
            self.hush()
        if self._phase is not Phase.IDLE and (face.swallows or not face.means_the_same(old)):
            # Locked meanwhile: something else was sent, and says so itself.
            self._end("" if face.swallows else texts.CANCELLED_GESTURE)
        if self.isEnabled() is (face.look is Look.DISABLED):
            self.setEnabled(face.look is not Look.DISABLED)
        self._name_face()
        if face.means != old.means:
            # What a click hands out must be what is on the screen already.
            self.repaint()
        else:
            self.update()

    def show_theme(self, theme: Theme) -> None:
        """Paint in other colours."""
        self._theme = theme
        self.update()

    def _name_face(self) -> None:
        name = f"{self._face.title}. {self._face.spoken}"
        if self.accessibleName() != name:
            self.setAccessibleName(name)

    # The gesture

    def let_go(self) -> None:
        """End whatever gesture is in progress, as if released: nothing more comes of it."""
        if self._phase is not Phase.IDLE:
            self._end(texts.CANCELLED_GESTURE)

    def hush(self) -> None:
        """Say no more that a gesture sent nothing: another one has by now, or it was about something else."""
        if self._told_until is not None:
            self._told_until = None
            self.update()

    def cancel(self) -> None:
        """End whatever is in progress or armed: nothing that was begun before this may fire after it."""
        self._armed_until = None
        if self._phase is not Phase.IDLE:
            self._end("")
        self.update()

    def press_chord(self) -> None:
        """The keys of its chord went down."""
        if self._phase is not Phase.IDLE:
            return
        if not self._begin(Source.CHORD):
            return
        if self._face.gesture is Gesture.CLICK:
            self._complete()

    def release_chord(self) -> None:
        """The keys of its chord went up."""
        if self._source is Source.CHORD and self._phase is not Phase.IDLE:
            self._end(texts.LET_GO)

    def press_hot_key(self) -> bool:
        """A key came from outside the window: a click is complete, a hold is not begun; whether it fired.

        Not while another gesture is in progress.
        """
        if self._face.gesture is not Gesture.CLICK:
            self._swallow(Source.CHORD)
            return False
        if self._phase is not Phase.IDLE or not self._begin(Source.CHORD):
            return False
        self._complete()
        self.let_go()
        return True

    def doubt_chord(self) -> None:
        """The letter of its chord went up, or the keyboard repeats it: nothing completes until it is clear.

        X servers announce a repetition by a release that cannot always be told from a real one.
        """
        if self._source is not Source.CHORD or self._phase is Phase.IDLE:
            return
        if self._phase is Phase.HOLDING:
            self._doubted_at = self._environment.clock()
        else:
            self._end(texts.LET_GO)

    def resume_chord(self) -> None:
        """It was a repetition: the hold goes on, as after a gap."""
        if self._doubted_at is not None and self._count is not None:
            self._count.interrupt(self._environment.clock())
        self._doubted_at = None

    def _begin(self, source: Source) -> bool:
        if self._phase is not Phase.IDLE:
            self._end(texts.CANCELLED_GESTURE)
            return False
        if self._face.swallows or self._is_self_locked():
            self._swallow(source)
            return False
        self._armed_until = None
        self.hush()
        self._source = source
        self._began = self._face
        self._phase = Phase.DOWN if self._face.gesture is Gesture.CLICK else Phase.HOLDING
        if self._phase is Phase.HOLDING:
            now = self._environment.clock()
            self._count = HoldCount(self._face.hold_s, self._pace.hold_gap_s, now)
            self._ticks.start(self._on_tick)
        # Painted before anything else happens: a press is seen within a frame.
        self.repaint()
        self.gesture_began.emit(self._face.payload)
        return True

    def _complete(self) -> None:
        began = self._began
        if began is None or self._face.swallows or not self._face.means_the_same(began):
            self.let_go()
            return
        self._phase = Phase.SPENT
        self._lock_self()
        self.update()
        self.gesture_completed.emit(began.payload)

    def _end(self, came_to_nothing: str) -> None:
        """The gesture is over; what to say where it was not complete."""
        is_incomplete = self._phase in {Phase.DOWN, Phase.HOLDING}
        self._phase = Phase.IDLE
        self._count = None
        self._began = None
        self._doubted_at = None
        self._ticks.stop()
        self.update()
        self.gesture_ended.emit()
        if is_incomplete and came_to_nothing and not self._keeps_held:
            self._tell(came_to_nothing)

    def _tell(self, text: str) -> None:
        now = self._environment.clock()
        self._told, self._told_until = text, now + TOLD_S
        self._refresh_in(TOLD_S)
        self.update()
        self.announce(text)

    def _on_tick(self) -> None:
        count = self._count
        if count is None or self._phase not in {Phase.HOLDING, Phase.SPENT}:
            self._ticks.stop()
            return
        now = self._environment.clock()
        if self._doubted_at is not None:
            if now - self._doubted_at > REPEAT_S:
                self._end(texts.LET_GO)
            return
        done = count.tick(now)
        if count.slept:
            self._end(texts.CANCELLED_GESTURE)
        elif not self._is_still_held():
            self._end(texts.LET_GO)
        elif self._phase is Phase.HOLDING and done:
            self._complete()
        else:
            self.update()

    def _is_still_held(self) -> bool:
        match self._source:
            case Source.POINTER:
                return bool(self._environment.buttons() & Qt.MouseButton.LeftButton)
            case Source.CHORD:
                return True
            case Source.ASSISTIVE:
                # Nothing is held; the reading that REVERSE waits for has this long.
                return self._count is not None and self._count.counted_s < self._pace.reverse_read_s

    def _on_assistive_press(self) -> None:
        if self._face.swallows or self._is_self_locked():
            self._swallow(Source.ASSISTIVE)
        elif not self.is_armed:
            self._armed_until = self._environment.clock() + self._pace.armed_s
            self._refresh_in(self._pace.armed_s)
            self.update()
            self.announce(f"{self._face.title}. {self._face.spoken} — {self._armed_line()}")
        elif self._begin(Source.ASSISTIVE):
            self._complete()
            if not self._keeps_held:
                self.let_go()

    def _armed_line(self) -> str:
        return captions.ARMED.format(seconds=self._pace.armed_s)

    def announce(self, text: str) -> None:
        """Have a screen reader say something now."""
        announce(self, text)

    # Locks

    def _lock_self(self) -> None:
        # Until the view says LOCKED itself: no second press of a storm may slip in between.
        self._locked_until = self._environment.clock() + self._pace.least_lock_s
        self._refresh_in(self._pace.least_lock_s)

    def _is_self_locked(self) -> bool:
        return self._locked_until is not None and self._environment.clock() < self._locked_until

    def _swallow(self, source: Source) -> None:
        if source is not Source.POINTER:  # who has no pointer may not see the flash either
            self.announce(self._face.spoken)
        self._flash_until = self._environment.clock() + FLASH_S
        self._refresh_in(FLASH_S)
        self.repaint()
        self.gesture_swallowed.emit(self.objectName())

    def _refresh_in(self, seconds: float) -> None:
        wait_ms = int(seconds * 1000) + 20
        if not self._refresh.isActive() or self._refresh.remainingTime() > wait_ms:
            self._refresh.start(wait_ms)

    def _expire(self) -> None:
        now = self._environment.clock()
        due = [
            at
            for at in (self._locked_until, self._flash_until, self._armed_until, self._told_until)
            if at is not None and at > now
        ]
        self.update()
        if due:
            self._refresh_in(min(due) - now)

    # Qt's events

    def mousePressEvent(self, event: QMouseEvent) -> None:
        event.accept()
        if event.button() is not Qt.MouseButton.LeftButton:
            # A second button while the left one is down: not what a deliberate press looks like.
            self.let_go()
            return
        self._shows_focus = False
        self._begin(Source.POINTER)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        # To Qt the second press of a double click; to us a press like any other.
        self.mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        event.accept()
        if self._phase is Phase.IDLE or self._source is not Source.POINTER:
            return
        is_down = bool(event.buttons() & Qt.MouseButton.LeftButton)
        # Once off it stays cancelled, even if the pointer comes back within the same press.
        if not self.rect().contains(event.position().toPoint()):
            self._end(texts.CANCELLED_GESTURE)
        elif not is_down:
            self._end(texts.LET_GO)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        event.accept()
        if event.button() is not Qt.MouseButton.LeftButton or self._source is not Source.POINTER:
            return
        is_inside = self.rect().contains(event.position().toPoint())
        if self._phase is Phase.DOWN and is_inside:
            self._complete()
        if self._phase is not Phase.IDLE:
            self._end(texts.LET_GO if is_inside else texts.CANCELLED_GESTURE)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """No key presses it by having the focus: Enter and Space go past."""
        event.ignore()

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        event.ignore()

    def focusInEvent(self, event: QFocusEvent) -> None:
        # A ring for who goes by keyboard; after a click the button itself shows what happened.
        if event.reason() is not Qt.FocusReason.ActiveWindowFocusReason:
            # The window was woken, by a click perhaps: as before.
            self._shows_focus = event.reason() is not Qt.FocusReason.MouseFocusReason
        super().focusInEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        if self._source is Source.POINTER:
            self._cancel_hold()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        if self._phase is not Phase.IDLE:
            self._end("")
        self.hush()

    def event(self, event: QEvent) -> bool:
        match event.type():
            case QEvent.Type.UngrabMouse:
                self.let_go()
            case QEvent.Type.Leave | QEvent.Type.WindowDeactivate:
                self._cancel_hold()
            case _:
                pass
        return super().event(event)

    def _cancel_hold(self) -> None:
        if self._face.gesture is Gesture.HOLD and self._source is not Source.ASSISTIVE:
            self.let_go()

    def sizeHint(self) -> QSize:
        return QSize(280, self.height())

    def minimumSizeHint(self) -> QSize:
        return QSize(120, self.height())

    def paintEvent(self, _event: QPaintEvent) -> None:
        lines = (*self._face.lines, self._armed_line()) if self.is_armed else self._face.lines
        paint_button(
            self,
            Painting(
                title=self._face.title,
                lines=lines,
                look=self.look,
                is_pressed=self._phase is not Phase.IDLE or self.isDown(),
                share_held=self.share_held if self._face.gesture is Gesture.HOLD else 0.0,
                is_hold=self._face.gesture is Gesture.HOLD,
                is_flashing=self.is_flashing,
                weight=self._weight,
                has_focus=self.hasFocus() and self._shows_focus,
                is_hovered=self.underMouse(),
                told="" if self.is_armed else self.told,
            ),
            self._theme,
        )
