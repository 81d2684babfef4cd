"""The real program as a process that says what it shows and does what it is told, with its arguments.

Says, a line each time it changes: `window shown`, `window minimised`, `window hidden`, `card shown`,
`banner TITLE`. Hears on standard input: `minimise`, `close`, `pin`, `another`, `quit`.
"""

import queue
import sys
import threading

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QAbstractButton, QApplication, QPushButton, QToolButton, QWidget

from crosstrade_panel import main
from crosstrade_panel.desktop.silent_panel import SilentPanelCard
from crosstrade_panel.ui.banner import BannerCard
from crosstrade_panel.ui.main_window import MainWindow

heard: "queue.SimpleQueue[str]" = queue.SimpleQueue()
said: dict[str, str] = {}


def say(what: str, how: str) -> None:
    if said.get(what) != how:
        said[what] = how
        print(what, how, flush=True)


def look() -> None:
    for widget in QApplication.topLevelWidgets():
        if isinstance(widget, MainWindow):
            state = "minimised" if widget.isMinimized() else "shown"
            say("window", state if widget.isVisible() else "hidden")
            for card in widget.findChildren(BannerCard):
                say("banner", card.view.title)
        elif isinstance(widget, SilentPanelCard) and widget.isVisible():
            say("card", "shown")
    while not heard.empty():
        obey(heard.get())


def obey(word: str) -> None:
    for widget in QApplication.topLevelWidgets():
        if isinstance(widget, MainWindow) and word == "minimise":
            widget.showMinimized()
        elif isinstance(widget, MainWindow) and word == "close":
            widget.close()
        elif isinstance(widget, MainWindow) and word == "pin":
            click(widget, QToolButton, "pinButton")
        elif isinstance(widget, SilentPanelCard) and word in {"another", "quit"}:
            click(widget, QPushButton, "startAnotherButton" if word == "another" else "quitButton")


def click(window: QWidget, kind: type[QAbstractButton], name: str) -> None:
    button = window.findChild(kind, name)
    assert isinstance(button, QAbstractButton)
    button.click()


def listen() -> None:
    for line in sys.stdin:
        heard.put(line.strip())


timer = QTimer()
timer.timeout.connect(look)
original = QApplication.__init__


def start(self: QApplication, *arguments: object) -> None:
    original(self, *arguments)
    timer.start(10)


if __name__ == "__main__":
    QApplication.__init__ = start  # type: ignore[method-assign, assignment]
    threading.Thread(target=listen, daemon=True).start()
    sys.exit(main.main())
