"""One start that says when it was painted and live: `python -m tests.benchmarks.started …`.

`panel URL AUTHORITY`: the whole program, by its own entry point. `bare URL AUTHORITY`: a window with a
button, qasync and an httpx client. Painted: the button has been. Live: a press would need no handshake, and
what it is about was read. The moments are printed and the process is left at once.
"""

import json
import os
import sys
import time


def say(**moments: float) -> None:
    print(json.dumps(moments), flush=True)


def panel(url: str) -> None:
    from PySide6.QtCore import QTimer

    from crosstrade_panel import app
    from crosstrade_panel.main import main
    from crosstrade_panel.ui.press_button import PressButton
    from crosstrade_panel.ui.view import Look

    original = app.Program.show

    def show(self: app.Program) -> None:
        original(self)
        button = self._window.findChild(PressButton, "flattenButton")
        assert isinstance(button, PressButton)

        def look() -> None:
            gateway = self._gateway
            if gateway is None or button.look is not Look.READY:
                return
            if all(link.is_open for link in gateway._rest._links):
                say(live=time.monotonic())
                os._exit(0)

        watch_paint(button)
        timer = QTimer(self._window)
        timer.timeout.connect(look)
        timer.start(2)

    app.Program.show = show  # type: ignore[method-assign]
    sys.argv = ["crosstrade-panel", "--base-url", url]
    main()


def bare(url: str) -> None:
    import asyncio

    import httpx
    from PySide6.QtWidgets import QApplication, QPushButton

    import qasync  # type: ignore[import-untyped]  # isort: skip - after PySide6

    application = QApplication(["bare"])
    application.setStyle("Fusion")
    button = QPushButton("FLATTEN")
    button.show()
    watch_paint(button)

    async def main() -> None:
        async with httpx.AsyncClient() as client:
            answer = await client.get(f"{url}/v1/api/positions")
            assert answer.json()["positions"]
            say(live=time.monotonic())
            os._exit(0)

    with asyncio.Runner(loop_factory=lambda: qasync.QEventLoop(application)) as runner:
        runner.run(main())


def watch_paint(button: object) -> None:
    """Say when it has been painted for the first time."""
    from PySide6.QtCore import QEvent, QObject, QTimer
    from PySide6.QtWidgets import QWidget

    assert isinstance(button, QWidget)

    class Watcher(QObject):
        is_over = False

        def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
            if event.type() is QEvent.Type.Paint and not self.is_over:
                self.is_over = True
                # Once the event is over, what it drew is on the screen.
                QTimer.singleShot(0, lambda: say(painted=time.monotonic()))
            return False

    button.installEventFilter(Watcher(button))


if __name__ == "__main__":
    which, url_, authority = sys.argv[1:]
    import certifi

    certifi.where = lambda: authority
    (panel if which == "panel" else bare)(url_)
