"""A reply that is given up half-way, on the loop that the window runs on."""

import gc

import pytest
from PySide6.QtWidgets import QApplication

from crosstrade_panel.crosstrade.address import parse_base_url
from crosstrade_panel.crosstrade.rest import RestGateway
from crosstrade_panel.domain.outcome import Cause
from crosstrade_panel.domain.scope import EveryAccount
from crosstrade_panel.simulator.server import PracticeExchange
from crosstrade_panel.system_clock import SystemClock
from crosstrade_panel.trading.pace import Pace
from crosstrade_panel.trading.ports import ReadFailedError, UnknownOutcomeError

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("drill", ["huge", "gzip-bomb"])
async def test_what_is_left_of_a_reply_that_is_too_large_is_closed_and_not_collected(
    qapp: QApplication, drill: str
) -> None:
    """A generator that is collected half-way fails where nobody can catch it, which fails this test."""
    with PracticeExchange(token="made-up") as exchange:
        gateway = RestGateway(
            parse_base_url(exchange.base_url),
            exchange.token,
            clock=SystemClock(),
            pace=Pace(),
            cap_bytes=200,
        )
        try:
            with pytest.raises(ReadFailedError) as read:
                await gateway.snapshot()
            assert read.value.reason.cause is Cause.TOO_LARGE
            exchange.drill = drill
            with pytest.raises(UnknownOutcomeError) as pressed:
                await gateway.flatten(EveryAccount())
            assert pressed.value.reason.cause is Cause.TOO_LARGE
            gc.collect()
        finally:
            await gateway.aclose()
