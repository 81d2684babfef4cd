"""The window on bad days: drills of the practice exchange, chosen from its menu, and the stream."""

import asyncio

import pytest
from PySide6.QtWidgets import QApplication, QLabel, QWidget

from crosstrade_panel.ui.press_button import PressButton
from crosstrade_panel.ui.view import BannerView, Look, PanelView
from tests.e2e.panel import Panel, running, until

pytestmark = pytest.mark.anyio

_SETTLED_S = 0.35
"""A button that has just appeared takes no press; a finger may have been on its way to something else."""


def shown(panel: Panel) -> PanelView:
    view = panel.program._presenter._shown
    assert view is not None
    return view


def banners(panel: Panel) -> tuple[BannerView, ...]:
    return shown(panel).banners


async def drill(panel: Panel, name: str) -> None:
    panel.window.drill_chosen.emit(name)
    await until(lambda: panel.exchange.drill == name, "the drill, armed")


async def press_action(panel: Panel) -> None:
    """Press the newest banner's own button, as its gesture asks."""
    await asyncio.sleep(_SETTLED_S)
    button = panel.find("bannerActionButton", PressButton)
    action = banners(panel)[0].action
    assert action is not None
    presses = len(panel.program._presenter.book.presses)
    if action.gesture.value == "click":
        await panel.click(button)
    else:
        await panel.hold(button)
    await until(lambda: len(panel.program._presenter.book.presses) > presses, "a press from the banner")


async def test_an_order_that_survives_is_offered_and_cancelled_and_the_flatten_becomes_flat(
    qapp: QApplication,
) -> None:
    async with running(qapp, practice=True) as panel:
        await panel.is_read()
        await drill(panel, "surviving-order")
        await until(lambda: "surviv" in panel.find("drillChip", QLabel).text().lower(), "the drill's chip")
        await panel.choose("Sim101", "MES 12-25")
        await panel.click(panel.flatten)
        await panel.says("FLAT, ORDERS WORKING ", 20)
        action = banners(panel)[0].action
        assert action is not None
        assert action.title == "CANCEL 1 ORDER"
        await press_action(panel)
        await panel.says("CANCELLED ", 20)
        first = panel.program._presenter.book.presses[0]
        await until(
            lambda: first.outcome is not None and first.outcome.verdict.value == "flat", "FLAT, late", 20
        )
        assert [call.path.rpartition("/")[2] for call in panel.exchange.calls.of("POST")] == [
            "flatten",
            "cancel",
        ]


async def test_what_opens_again_is_loud_and_its_flatten_closes_it(qapp: QApplication) -> None:
    async with running(qapp, practice=True) as panel:
        await panel.is_read()
        await drill(panel, "refill")
        await panel.choose("Sim101", "MES 12-25")
        await panel.click(panel.flatten)
        await panel.says("REOPENED ", 25)
        assert any(line.startswith("was flat ") for line in banners(panel)[0].lines)
        panel.window.drill_chosen.emit(None)
        await until(lambda: panel.exchange.drill is None, "no drill")
        await press_action(panel)
        await panel.says("FLAT ", 20)


async def test_presses_go_over_the_stream_once_it_is_chosen_and_over_rest_when_it_is_taken(
    qapp: QApplication,
) -> None:
    async with running(qapp, practice=True) as panel:
        await panel.is_read()
        panel.window.stream_toggled.emit(True)
        await until(lambda: shown(panel).status.link.startswith("Stream "), "the stream, open")
        assert shown(panel).stream.is_wanted
        await panel.choose("Sim101", "MES 12-25")
        await panel.click(panel.flatten)
        await panel.says("FLAT ", 20)
        assert panel.exchange.calls.of("POST") == []
        await drill(panel, "stream-taken")
        await until(lambda: shown(panel).stream.may_reconnect, "the stream, taken over")
        assert "taken over" in shown(panel).stream.state
        await panel.choose("Sim101", "NQ 12-25")
        await until(lambda: panel.flatten.look is Look.READY, "FLATTEN, ready")
        await panel.click(panel.flatten)
        await until(
            lambda: (
                banners(panel)[0].press_id == panel.program._presenter.book.presses[-1].id
                and len(panel.program._presenter.book.presses) == 2
            ),
            "the banner of the second press",
        )
        await panel.says("FLAT ", 20)
        [_] = panel.exchange.calls.of("POST")
        panel.window.drill_chosen.emit(None)
        await until(lambda: panel.exchange.drill is None, "no drill")
        panel.window.stream_reconnect_requested.emit()
        await until(lambda: shown(panel).status.link.startswith("Stream "), "the stream, back")
        panel.window.stream_toggled.emit(False)
        await until(lambda: shown(panel).status.link.startswith("REST "), "REST again")
        assert not shown(panel).stream.is_wanted


async def test_practice_starts_over(qapp: QApplication) -> None:
    async with running(qapp, practice=True) as panel:
        await panel.is_read()
        with panel.exchange.book_now() as book:
            before = len(book.positions())
        await panel.choose("Sim101")
        await panel.click(panel.flatten)
        await panel.says("FLAT ", 20)
        panel.window.practice_reset_requested.emit()
        await until(
            lambda: panel.exchange.wait_until(lambda book: len(book.positions()) == before, 0), "all of it"
        )
        assert panel.find("outcomeBanner", QWidget) is not None
