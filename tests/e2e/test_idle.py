"""The window that nobody touches: what it says of ages stays true, whatever goes wrong."""

import asyncio
import re

import pytest
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from crosstrade_panel.trading.watch import Watch
from tests.e2e.panel import Panel, running, until

pytestmark = pytest.mark.anyio


def age_s(panel: Panel) -> float:
    """How old the window says that the newest read is."""
    found = re.search(r"read ([\d.]+) s ago", panel.find("scopeSummary", QLabel).text())
    return -1.0 if found is None else float(found[1])


async def no_read(panel: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    await panel.is_read()
    await panel.choose("Sim101")
    monkeypatch.setattr(Watch, "positions", lambda *_, **__: asyncio.get_running_loop().create_future())


async def test_ages_grow_while_no_read_comes(qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(qapp, practice=True) as panel:
        await no_read(panel, monkeypatch)
        told = [age_s(panel)]

        def is_old() -> bool:
            told.append(age_s(panel))
            return told[-1] >= 2.0

        await until(is_old, "an age of two seconds")
        assert len({age for age in told if 0.3 < age < 2.0}) >= 2, "it grew in steps"


async def test_ages_go_on_growing_after_a_look_that_failed(
    qapp: QApplication, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(qapp, practice=True) as panel:
        await no_read(panel, monkeypatch)
        looks: list[int] = []

        def look() -> None:
            looks.append(1)
            raise RuntimeError("made up for the test")

        with monkeypatch.context() as broken, qtbot.capture_exceptions() as raised:
            broken.setattr(panel.program._presenter, "look_again", look)
            await until(lambda: len(looks) > 1, "a second look")
        assert raised
        await until(lambda: age_s(panel) >= 1.0, "an age")
