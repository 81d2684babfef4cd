"""A press is journalled and sent within the release of the mouse."""

import asyncio

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from crosstrade_panel.crosstrade.link import Link
from crosstrade_panel.trading import desk
from tests.e2e.panel import Panel, running, until

pytestmark = pytest.mark.anyio

_LEFT = Qt.MouseButton.LeftButton


def links(panel: Panel) -> list[Link]:
    gateway = panel.program._gateway
    assert gateway is not None
    return gateway._rest._links


async def test_a_press_has_left_when_its_slot_returns_with_its_intent_committed_before(
    qapp: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "_AT_ONCE_S", 10.0)  # a busy machine may take longer than the usual 2 ms
    async with running(qapp, practice=True) as panel:
        await panel.is_read()
        await panel.choose("Sim101")
        await until(lambda: links(panel) and all(link.is_open for link in links(panel)), "both links")
        QTest.mousePress(panel.flatten, _LEFT)
        sent: list[bool] = []

        def release() -> None:
            QTest.mouseRelease(panel.flatten, _LEFT)
            sent.extend(
                link.progress is not None and link.progress.sent_at is not None
                for link in links(panel)
                if link.carries_press
            )

        asyncio.get_running_loop().call_soon(release)
        said = await panel.says("FLAT ")
        assert sent == [True]
        assert "journal" not in said


async def test_a_disk_that_takes_its_time_holds_up_no_frame(
    qapp: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not committed at once is waited for in turns of the loop, as long as a press waits at all."""
    monkeypatch.setattr(desk, "_AT_ONCE_S", 0.0)
    async with running(qapp, practice=True) as panel:
        await panel.is_read()
        await panel.choose("Sim101")
        QTest.mousePress(panel.flatten, _LEFT)
        asyncio.get_running_loop().call_soon(QTest.mouseRelease, panel.flatten, _LEFT)
        await panel.says("FLAT ")
        assert len(panel.exchange.calls.of("POST")) == 1
