"""What a process of its own does with the real window: chooses, waits until it may, presses, and says so."""

import time
from functools import partial

from PySide6.QtCore import Qt, QTimer
from PySide6.QtTest import QTest

from crosstrade_panel.app import Program
from crosstrade_panel.domain.outcome import Verdict
from crosstrade_panel.ui.press_button import PressButton
from crosstrade_panel.ui.view import Gesture, Look

_LEFT = Qt.MouseButton.LeftButton
ACCOUNT, INSTRUMENT = "Sim101", "MES 12-25"


class Trader:
    """Looks at the window again and again; presses once. `action`: flatten, reverse, cancel, hold, stall.

    "cancel" flattens first and cancels what works on; "hold" begins the hold of FLATTEN for every account and
    never lets go; "stall" too, and holds the event loop up for six seconds soon after.
    """

    def __init__(self, program: Program, action: str) -> None:
        self._program = program
        self._window = program._window
        self._presenter = program._presenter
        self._action = action
        self._is_over = False

    def act(self) -> None:
        """Do the next thing that can be done."""
        if self._is_over or self._presenter._shown is None:
            return
        if self._action == "reverse":
            self._reverse()
        elif self._action in {"hold", "stall"}:
            self._hold()
        elif not self._presenter.book.presses:
            self._flatten()
        else:
            self._cancel()

    def _flatten(self) -> None:
        button = self._button("flattenButton")
        if not self._chosen() or button.look is not Look.READY or "not read" in button.face.lines[1]:
            return
        if button.face.gesture is Gesture.CLICK:
            self._pressed(self._action != "cancel")
            QTest.mouseClick(button, _LEFT)

    def _cancel(self) -> None:
        press = self._presenter.book.presses[0]
        view = self._presenter._shown
        assert view is not None
        if press.outcome is None or press.outcome.verdict is not Verdict.ORDERS_WORKING:
            return
        action = view.banners[0].action
        if action is not None and action.look is Look.READY:
            self._pressed()
            self._window.banner_action_requested.emit(press.id, action)

    def _reverse(self) -> None:
        button = self._button("reverseButton")
        if self._chosen() and button.look is Look.READY:
            self._pressed()
            QTest.mousePress(button, _LEFT)

    def _hold(self) -> None:
        button = self._button("flattenButton")
        if button.look is Look.READY and button.face.gesture is Gesture.HOLD:
            QTest.mousePress(button, _LEFT)
            self._pressed()
            if self._action == "stall":
                QTimer.singleShot(100, partial(time.sleep, 6.0))

    def _chosen(self) -> bool:
        """Whether account and instrument are chosen; they are, as soon as they were read."""
        view = self._presenter._shown
        assert view is not None
        if not view.preview.rows:
            return False
        if (view.account, view.instrument) != (ACCOUNT, INSTRUMENT):
            self._window.account_chosen.emit(ACCOUNT)
            self._window.instrument_chosen.emit(INSTRUMENT)
            return False
        return True

    def _button(self, name: str) -> PressButton:
        button = self._window.findChild(PressButton, name)
        assert isinstance(button, PressButton)
        return button

    def _pressed(self, is_over: bool = True) -> None:
        self._is_over = is_over
        print("pressed", flush=True)
