"""A process with the real window that presses FLATTEN once it may, and says so: `pressing.py BASE_URL`."""

import sys

from PySide6.QtCore import Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from crosstrade_panel.app import run_window
from crosstrade_panel.ui.press_button import PressButton
from crosstrade_panel.ui.view import Gesture, Look


def press() -> None:
    """Press as soon as one account is shown and the button is ready."""
    for window in QApplication.topLevelWidgets():
        button = window.findChild(PressButton, "flattenButton")
        if isinstance(button, PressButton) and button.look is Look.READY:
            if button.face.gesture is not Gesture.CLICK or "not read" in button.face.lines[1]:
                continue
            timer.stop()
            QTest.mouseClick(button, Qt.MouseButton.LeftButton)
            print("pressed", flush=True)


timer = QTimer()
timer.timeout.connect(press)
# Once there is an application: a timer needs one.
original = QApplication.__init__


def start(self: QApplication, *arguments: object) -> None:
    original(self, *arguments)
    timer.start(20)


if __name__ == "__main__":
    QApplication.__init__ = start  # type: ignore[method-assign, assignment]
    sys.exit(run_window(practice=False, base_url=sys.argv[1]))
