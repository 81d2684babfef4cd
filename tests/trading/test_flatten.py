"""Flatten, from the gesture to the outcome, on a scripted API in virtual time."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.fakes import FakeGateway, order, position

from crosstrade_panel.domain.outcome import Verdict
from crosstrade_panel.domain.scope import EveryAccount, OneAccount, Side
from crosstrade_panel.domain.snapshot import Source
from crosstrade_panel.trading.flatten import Flatten

pytestmark = pytest.mark.anyio


async def test_flat_is_said_after_two_clean_reads_a_second_apart_from_both_endpoints(
    make_panel: Callable[..., Any],
) -> None:
    panel = make_panel(FakeGateway(open=[position()]))
    await panel.look()
    before = len(panel.gateway.reads)

    outcome = await Flatten(panel.desk)(panel.press(OneAccount("Sim101")))

    assert outcome.verdict is Verdict.FLAT
    reads = [(source, at) for source, at in panel.gateway.reads[before:] if source is not Source.ORDERS]
    assert reads[-1][1] - reads[0][1] >= 1.0
    assert {source for source, _ in reads} == {Source.POSITIONS, Source.SNAPSHOT}
    assert outcome.timings.proved_s == pytest.approx(1.03, abs=0.02)


async def test_nothing_open_is_said_when_nothing_was_open_before(make_panel: Callable[..., Any]) -> None:
    panel = make_panel()
    await panel.look()
    outcome = await Flatten(panel.desk)(panel.press(OneAccount("Sim101")))
    assert outcome.verdict is Verdict.NOTHING_OPEN


async def test_every_account_gets_its_own_fate_and_the_headline_is_the_worst(
    make_panel: Callable[..., Any],
) -> None:
    stays = position("Sim102", "ES 12-25", Side.LONG, 3)

    def close_one(gateway: FakeGateway, _scope: object) -> Any:
        closed, gateway.open = gateway.open, [stays]
        return gateway.receipt(closed)

    panel = make_panel(FakeGateway(open=[position(), stays], on_flatten=close_one))
    await panel.look()
    outcome = await Flatten(panel.desk)(panel.press(EveryAccount()))
    assert outcome.verdict is Verdict.STILL_OPEN
    assert {fate.account: fate.verdict for fate in outcome.fates} == {
        "Sim101": Verdict.FLAT,
        "Sim102": Verdict.STILL_OPEN,
    }


async def test_a_working_order_in_a_watched_pair_is_told_as_orders_working(
    make_panel: Callable[..., Any],
) -> None:
    panel = make_panel(FakeGateway(open=[position()], working={"Sim101": [order()]}))
    await panel.look()
    outcome = await Flatten(panel.desk)(panel.press(OneAccount("Sim101")))
    assert outcome.verdict is Verdict.ORDERS_WORKING
    assert [each.order_id for each in outcome.fates[0].working_orders] == ["order-1"]
