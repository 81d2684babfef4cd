"""Pictures of the real program in practice: `python -m tests.e2e.screenshots FOLDER`.

On the display that there is, else offscreen. Nothing of the user's own files is touched.
"""

import asyncio
import os
import sys
import tempfile
from pathlib import Path

import keyring
from keyring.backend import KeyringBackend
from PySide6.QtWidgets import QApplication, QTabWidget, QWidget

from crosstrade_panel.runtime import run
from tests.e2e.panel import Panel, running, until

_TALL = 960
"""So that the closed positions are in the picture, too."""


class EmptyKeyring(KeyringBackend):
    """A keyring as a newcomer has it: it works, and there is nothing in it."""

    priority = 1.0

    def get_password(self, service: str, username: str) -> str | None:
        """Nothing."""
        return None

    def set_password(self, service: str, username: str, password: str) -> None:
        """Keep nothing."""


async def _settle() -> None:
    # Layouts, fonts, and a read that is young.
    await asyncio.sleep(0.3)


async def _save(panel: Panel, folder: Path, name: str, height: int = 756) -> None:
    panel.window.resize(panel.window.width(), height)
    if (focused := QApplication.focusWidget()) is not None:
        focused.clearFocus()  # a ring that the last click left distracts
    await _settle()
    path = folder / f"{name}.png"
    if not panel.picture().save(str(path)):
        raise OSError(f"{path} could not be written")


async def _dark(app: QApplication, folder: Path) -> None:
    async with running(app, practice=True) as panel:
        panel.window.apply_theme("dark")
        await panel.is_read()
        await _save(panel, folder, "start")
        await panel.choose("Sim101")
        await _save(panel, folder, "one-account")
        await panel.click(panel.flatten)
        await panel.says("FLAT ")
        await _save(panel, folder, "flat", _TALL)
        panel.find("resultTabs", QTabWidget).setCurrentIndex(1)
        await until(lambda: panel.rows("journalView"), "the journal")
        await _save(panel, folder, "journal", _TALL)
    async with running(app, practice=True) as panel:
        panel.window.apply_theme("dark")
        await panel.is_read()
        await panel.choose("Sim101", "MES 12-25")
        await _save(panel, folder, "before-reverse")
        await panel.hold(panel.reverse)
        await panel.says("REVERSED ")
        await _save(panel, folder, "reversed", 820)


async def _light(app: QApplication, folder: Path) -> None:
    async with running(app, practice=True) as panel:
        panel.window.apply_theme("light")
        await panel.is_read()
        await panel.choose("Sim101")
        await panel.click(panel.flatten)
        await panel.says("FLAT ")
        await _save(panel, folder, "flat-light", _TALL)
    async with running(app) as panel:
        panel.window.apply_theme("dark")
        await until(panel.find("firstRunCard", QWidget).isVisible, "the card of the first run")
        await _save(panel, folder, "first-run")


def main() -> int:
    """Take them all."""
    if not any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")):
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    keyring.set_keyring(EmptyKeyring())  # type: ignore[no-untyped-call]
    for name in ("XTRADE_TOKEN", "CROSSTRADE_TOKEN", "CROSSTRADE_BASE_URL"):
        os.environ.pop(name, None)
    [folder] = (Path(argument) for argument in sys.argv[1:])
    folder.mkdir(parents=True, exist_ok=True)
    app = QApplication([])
    app.setStyle("Fusion")

    async def take() -> int:
        await _dark(app, folder)
        await _light(app, folder)
        return 0

    with tempfile.TemporaryDirectory() as home:
        os.environ["CROSSTRADE_PANEL_HOME"] = home
        return run(app, take)


if __name__ == "__main__":
    sys.exit(main())
