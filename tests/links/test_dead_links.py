"""Links that die in silence: what was given up stays given up, and a dead link is noticed in time."""

import asyncio
import time
from dataclasses import replace

import pytest

from crosstrade_panel.crosstrade.pipe import Pipe
from crosstrade_panel.domain.outcome import Cause, Verdict
from crosstrade_panel.trading.flatten import Flatten
from crosstrade_panel.trading.pace import Pace
from crosstrade_panel.trading.ports import UnknownOutcomeError
from tests.crosstrade.gateways import until
from tests.links.distant import SCOPE, Figure, Panel, flow_of, panel_at, passing, server_on
from tests.links.namespace import sockets_of
from tests.links.wire import Line

pytestmark = pytest.mark.anyio

QUICK = Pace().scaled(0.2)
GIVES_UP_ITSELF = replace(QUICK, press_deadline_s=0.5, read_least_deadline_s=30.0)
"""Our deadline strikes long before the system's own for unacknowledged bytes."""
REAL = Pace()
MACHINE_S = 0.25
"""What a loaded machine may add."""


async def press_into_the_dark(line: Line, panel: Panel) -> int:
    """Press on links that have just died, until it is given up; the port it went out from."""
    link, _ = await panel.prove_both()
    flow = flow_of(link)
    line.wire.cut()
    began = time.monotonic()
    with pytest.raises(UnknownOutcomeError) as caught:
        await panel.gateway.flatten(SCOPE)
    assert caught.value.reason.cause in {Cause.NO_ANSWER, Cause.CONNECTION_LOST}
    assert any(packet.payload and packet.lost for packet in line.wire.sent(began, flow))
    await passing(0.02)  # the loop closes the socket in its next turn
    return flow


async def test_a_press_given_up_on_a_dead_line_is_not_delivered_when_the_line_heals(
    line: Line, figure: Figure
) -> None:
    with server_on(line) as server:
        async with panel_at(server, GIVES_UP_ITSELF) as panel:
            began = time.monotonic()
            flow = await press_into_the_dark(line, panel)
            figure("given up after", time.monotonic() - began)
            assert sockets_of(flow) == []  # the system has nothing left to deliver
            healed = time.monotonic()
            line.wire.heal()
            await panel.gateway.positions()
            await passing(1.5)  # the control below needs less
            # The system answers what the server still says there, with a reset.
            assert [each for each in line.wire.sent(healed, flow) if not each.rst] == []
        assert server.presses == []


async def test_without_the_reset_that_press_is_delivered_after_the_line_healed(
    line: Line, figure: Figure, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: it shows that the test above could fail."""
    monkeypatch.setattr(Pipe, "reset", lambda self: self._connected.abort())
    with server_on(line) as server:
        async with panel_at(server, GIVES_UP_ITSELF) as panel:
            flow = await press_into_the_dark(line, panel)
            assert len(sockets_of(flow)) == 1
            healed = time.monotonic()
            line.wire.heal()
            await until(lambda: bool(server.presses) and server.presses[0].complete)
            figure("delivered after healing by", server.presses[0].arrived - healed)


async def test_a_press_that_the_system_gives_up_is_not_delivered_either(line: Line, figure: Figure) -> None:
    with server_on(line) as server:
        async with panel_at(server, QUICK) as panel:
            began = time.monotonic()
            flow = await press_into_the_dark(line, panel)
            took_s = time.monotonic() - began
            figure("noticed after", took_s)
            assert took_s < QUICK.read_least_deadline_s + 2 * MACHINE_S  # and not the press's 15 s, scaled
            assert sockets_of(flow) == []
            line.wire.heal()
            await panel.gateway.positions()
            await passing(1.0)
        assert server.presses == []


async def test_a_lost_answer_claims_nothing_before_reads_do_and_is_proved_after_healing(
    line: Line, figure: Figure
) -> None:
    with server_on(line) as server:
        async with panel_at(server, QUICK) as panel:
            await panel.prove_both()
            line.wire.cut(up=False)
            press = panel.press()
            pressing = asyncio.create_task(Flatten(panel.desk)(press))
            await until(lambda: bool(server.presses) and server.presses[0].acted)
            await until(lambda: press.sent_at is not None and press.answered_at is None)
            await passing(0.3)
            assert (press.outcome, press.shows, press.order_ids) == (None, None, ())
            healed = time.monotonic()
            line.wire.heal()
            outcome = await pressing
            figure("proved after healing by", time.monotonic() - healed)
        assert outcome.verdict in {Verdict.FLAT, Verdict.FLAT_ORDERS_NOT_CHECKED}
        assert len(server.presses) == 1
        proving = [call for call in server.reads if call.arrived > healed]
        assert len(proving) >= 2


async def test_a_flow_that_a_nat_forgot_is_noticed_and_presses_take_the_working_link(
    line: Line, figure: Figure
) -> None:
    """Each link carries every second read, so after one beat the working one is the one proven last."""
    pace = QUICK
    with server_on(line) as server:
        async with panel_at(server, pace, watching=True) as panel:
            gateway = panel.gateway
            await gateway.warm()
            await until(lambda: len(server.reads) == 2 and all(link.carried for link in gateway._links))
            working, dead = sorted(gateway._links, key=lambda link: link.proven_at)
            lost, links_before = flow_of(dead), set(gateway._links)
            line.wire.lost_flows.add(lost)
            began = time.monotonic()
            await until(lambda: working.proven_at > began)
            figure("no press takes it after", working.proven_at - began)
            assert working.proven_at - began < pace.background_open_s + MACHINE_S
            receipt = await gateway.flatten(SCOPE)
            assert server.number_of(working) == server.presses[0].connection
            assert receipt.answered_at - receipt.sent_at < MACHINE_S
            await until(lambda: any(link.is_open for link in set(gateway._links) - links_before), within_s=10)
            took_s = time.monotonic() - began
            figure("another stands in after", took_s)
            assert took_s < pace.background_open_s + pace.read_least_deadline_s + MACHINE_S
            pressed = time.monotonic()
            await gateway.flatten(SCOPE)  # while the read on the dead link is still waited for
            assert not dead.is_idle
            assert not any(packet.payload > 200 for packet in line.wire.sent(pressed, lost))
            figure("answered then after", time.monotonic() - pressed)
            await until(lambda: dead not in gateway._links, within_s=10)
            figure("thrown away after", time.monotonic() - began)
        assert len(server.presses) == 2


@pytest.mark.parametrize(
    ("pace", "reads"),
    [
        pytest.param(REAL, 2, id="real"),
        *(pytest.param(QUICK, reads, id=f"scaled-{reads}") for reads in (2, 3, 4)),
    ],
)
async def test_a_line_that_dies_while_idle_is_told_within_a_beat_and_three_seconds(
    line: Line, figure: Figure, pace: Pace, reads: int
) -> None:
    """Whatever read comes next: of positions, a snapshot or orders."""
    line.wire.delay_s = 0.02
    with server_on(line) as server:
        async with panel_at(server, pace, watching=True) as panel:
            gateway = panel.gateway
            await until(lambda: len(server.reads) == reads and all(link.is_idle for link in gateway._links))
            line.wire.cut()
            began = time.monotonic()
            await until(
                lambda: gateway.report.offline_since is not None and panel.watch.failing is not None,
                within_s=10,
            )
            took_s = time.monotonic() - began
            figure("said so after", took_s)
            figure("may take", pace.background_open_s + pace.read_least_deadline_s)
            # A scaled beat is shorter than what a loaded machine adds.
            slack_s = MACHINE_S if pace is REAL else QUICK.background_open_s / 2
            assert took_s < pace.background_open_s + pace.read_least_deadline_s + slack_s
            assert gateway.report.failure is not None
            assert gateway.report.failure.cause in {Cause.NO_ANSWER, Cause.CONNECTION_LOST}
