"""Bringing the window to the front when it is asked for again."""

import os

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QWidget

_TOKEN = "XDG_ACTIVATION_TOKEN"  # noqa: S105 - a variable's name: the leave to take the focus, no secret


def bring_to_front(window: QWidget, startup_id: str = "") -> None:
    """Show, raise and focus a window, from minimised too; where the system keeps the focus, it is pointed at.

    `startup_id`: with it a Wayland desktop lets the window have the focus; Qt takes it from the environment.
    """
    if startup_id and QGuiApplication.platformName().startswith("wayland"):
        os.environ[_TOKEN] = startup_id
    window.setWindowState(
        (window.windowState() & ~Qt.WindowState.WindowMinimized) | Qt.WindowState.WindowActive
    )
    window.show()
    window.raise_()
    window.activateWindow()
    if not window.isActiveWindow():
        QApplication.alert(window)
