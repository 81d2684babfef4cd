"""The documented chords: Ctrl+Alt+F for FLATTEN, Ctrl+Alt+R for REVERSE, Ctrl+Alt+B for a banner's button."""

from collections.abc import Callable, Mapping

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent

from crosstrade_panel.ui.press_button import REPEAT_S, PressButton

_CHORD = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier
_REAL_MODIFIERS = _CHORD | Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.MetaModifier


class Chords:
    """Which button's keys are down; one press each time they go down, however the keyboard repeats them.

    `buttons`: for each key, the button that it means at that moment, or none.
    """

    def __init__(
        self, buttons: Mapping[Qt.Key, Callable[[], PressButton | None]], clock: Callable[[], float]
    ) -> None:
        self._buttons = {key.value: button for key, button in buttons.items()}
        self._held_key: int | None = None
        self._clock = clock
        self._held: PressButton | None = None
        self._up_at: float | None = None

    def takes(self, event: QKeyEvent) -> bool:
        """Take a key event that belongs to a chord; whether it did."""
        key = event.key()
        is_ours = key in self._buttons
        is_with = event.modifiers() & _REAL_MODIFIERS == _CHORD
        match event.type():
            case QEvent.Type.ShortcutOverride if is_ours and is_with:
                event.accept()
                return True
            case QEvent.Type.KeyPress if is_ours and is_with:
                if not event.isAutoRepeat():
                    self._press(key)
                return True
            case QEvent.Type.KeyRelease if not event.isAutoRepeat():
                return self._release(key)
            case _:
                return False

    def _press(self, key: int) -> None:
        now = self._clock()
        button = self._buttons[key]()
        if button is not None and button is self._held:
            is_repeated = self._up_at is not None and now - self._up_at <= REPEAT_S
            if is_repeated or self._up_at is None:
                self._up_at = None
                button.resume_chord()
                return
        elif self._held is not None and self._up_at is None:
            return
        self.let_go()
        if button is not None:
            self._held, self._held_key = button, key
            button.press_chord()

    def _release(self, key: int) -> bool:
        if self._held is None:
            return False
        if key in {Qt.Key.Key_Control, Qt.Key.Key_Alt, Qt.Key.Key_AltGr}:
            # Modifiers are not repeated.
            self.let_go()
        elif key == self._held_key:
            self._up_at = self._clock()
            self._held.doubt_chord()
            return True
        return False

    def let_go(self) -> None:
        """The keys are no longer ours: minimised, or the keyboard went to another window."""
        held, self._held = self._held, None
        self._held_key = self._up_at = None
        if held is not None:
            held.release_chord()
