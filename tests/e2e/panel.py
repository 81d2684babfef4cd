"""The real program in this process: its window, its clicks, and what it says."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from PySide6.QtCore import QCoreApplication, QEvent, QPoint, Qt
from PySide6.QtGui import QPixmap
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QPushButton, QWidget

from crosstrade_panel.app import Program
from crosstrade_panel.simulator.server import PracticeExchange
from crosstrade_panel.storage.instance import Instance
from crosstrade_panel.storage.log import Redactor
from crosstrade_panel.storage.paths import find_paths
from crosstrade_panel.ui.main_window import MainWindow
from crosstrade_panel.ui.press_button import PressButton
from crosstrade_panel.ui.tables import LineTable
from crosstrade_panel.ui.view import Look

_LEFT = Qt.MouseButton.LeftButton
_W = TypeVar("_W", bound=QWidget)


async def until(condition: Callable[[], object], what: str, deadline_s: float = 15.0) -> None:
    """Wait for a condition; looked at every few milliseconds, because Qt's widgets tell nobody."""
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, f"it never came: {what}"
        await asyncio.sleep(0.01)


class Panel:
    """One run of the program, as the trader sees it."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.window: MainWindow = program._window

    @property
    def exchange(self) -> PracticeExchange:
        """The practice exchange inside the program."""
        assert self.program._exchange is not None
        return self.program._exchange

    def find(self, name: str, kind: type[_W]) -> _W:
        found = self.window.findChild(kind, name)
        if found is None:  # on a page that would be made in a second
            _ = self.window.journal, self.window.settings
            found = self.window.findChild(kind, name)
        assert isinstance(found, kind), name
        return found

    @property
    def flatten(self) -> PressButton:
        return self.find("flattenButton", PressButton)

    @property
    def reverse(self) -> PressButton:
        return self.find("reverseButton", PressButton)

    @property
    def badge(self) -> str:
        return self.find("modeBadge", QLabel).text()

    @property
    def banner(self) -> str:
        """Title and lines of the newest outcome, in one text."""
        view = self.program._presenter._shown
        banners = () if view is None else view.banners
        if not banners:
            return ""
        # What is painted, not only what was meant.
        shown = self.find("outcomeBanner", QWidget).accessibleDescription()
        assert shown == banners[0].title, (shown, banners[0].title)
        return "\n".join((banners[0].title, *banners[0].lines))

    def rows(self, name: str) -> list[tuple[str, ...]]:
        """The cells of a table."""
        lines = self.find(name, LineTable).line_model.lines
        return [tuple(cell.text for cell in line.cells) for line in lines]

    async def is_read(self) -> None:
        """Until positions were read and FLATTEN may be pressed."""
        await until(lambda: self.rows("scopePreview"), "positions")
        await until(lambda: self.flatten.look is Look.READY, "FLATTEN, ready")

    async def choose(self, account: str | None, instrument: str | None = None) -> None:
        """As from the lists of the pickers."""
        self.window.account_chosen.emit(account)
        self.window.instrument_chosen.emit(instrument)
        await until(lambda: self.reverse.look in Look, "anything")

    async def click(self, button: QWidget) -> None:
        QTest.mousePress(button, _LEFT)
        await asyncio.sleep(0.02)
        QTest.mouseRelease(button, _LEFT)

    async def hold(self, button: PressButton, deadline_s: float = 6.0) -> None:
        """Until the button shows that the gesture is over, or the deadline."""
        presses = len(self.program._presenter.book.presses)
        QTest.mousePress(button, _LEFT)
        try:
            await until(
                lambda: len(self.program._presenter.book.presses) > presses, "a press by hold", deadline_s
            )
        finally:
            QTest.mouseRelease(button, _LEFT)

    async def says(self, words: str, deadline_s: float = 15.0) -> str:
        """Until the newest outcome says so."""
        await until(lambda: self.banner.startswith(words), f"{words!r}, but: {self.banner!r}", deadline_s)
        return self.banner

    def press_button(self, name: str) -> None:
        self.find(name, QPushButton).click()

    def type_token(self, token: str) -> None:
        self.find("tokenField", QLineEdit).setText(token)
        self.press_button("saveTokenButton")

    def picture(self) -> QPixmap:
        return self.window.grab()


@asynccontextmanager
async def running(
    app: QApplication,
    *,
    practice: bool = False,
    base_url: str | None = None,
    instance: Instance | None = None,
) -> AsyncIterator[Panel]:
    """The program from its first paint to the end of its clean-up."""
    redact = Redactor()
    program = Program(app, find_paths(), redact, practice=practice, base_url=base_url, instance=instance)
    program.show()
    panel = Panel(program)
    main = asyncio.ensure_future(program.main())
    try:
        yield panel
    finally:
        for button in (panel.flatten, panel.reverse):
            QTest.mouseRelease(button, _LEFT, pos=QPoint(-50, -50))
        program._closed.set()
        await asyncio.wait_for(main, 15)
        app.commitDataRequest.disconnect(program._on_session_ends)
        panel.window.deleteLater()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
