"""What is kept of the reads once nothing more is told of a press."""

from collections.abc import Callable
from typing import Any

import pytest

from crosstrade_panel.domain.outcome import Verdict
from crosstrade_panel.domain.scope import OneAccount
from crosstrade_panel.domain.snapshot import Source
from crosstrade_panel.trading.evidence import Evidence
from crosstrade_panel.trading.flatten import Flatten
from crosstrade_panel.trading.press import Press
from crosstrade_panel.trading.vigil import Vigil
from tests.fakes import FakeGateway, position

pytestmark = pytest.mark.anyio

Make = Callable[..., Any]


async def flat_press(panel: Any) -> Press:
    press: Press = panel.press(OneAccount("Sim101"))
    await Flatten(panel.desk)(press)
    assert press.outcome is not None
    assert press.outcome.verdict is Verdict.FLAT
    return press


def evidence_of(press: Press) -> Evidence:
    assert press.proof is not None
    return press.proof.evidence


async def test_what_was_acknowledged_keeps_no_read_but_its_outcome(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position()]))
    Vigil(panel.desk)
    await panel.look()
    press = await flat_press(panel)
    told = press.outcome
    await panel.desk.watch.positions(Source.POSITIONS)
    assert evidence_of(press).reads
    panel.desk.book.acknowledge(press.id)
    await panel.desk.watch.positions(Source.SNAPSHOT)
    assert press.proof is None
    assert press.outcome is told


async def test_a_press_that_is_watched_keeps_its_reads_while_another_one_is_forgotten(
    make_panel: Make,
) -> None:
    panel = make_panel(FakeGateway(open=[position()]))
    Vigil(panel.desk)
    await panel.look()
    first, second = await flat_press(panel), await flat_press_again(panel)
    panel.desk.book.acknowledge(first.id)
    await panel.desk.watch.positions(Source.POSITIONS)
    assert first.proof is None
    assert len(evidence_of(second).reads) > 1, "more than what has just come"


async def flat_press_again(panel: Any) -> Press:
    panel.gateway.open = [position()]
    await panel.look()
    return await flat_press(panel)
