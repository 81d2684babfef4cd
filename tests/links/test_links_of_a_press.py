"""A press on a real wire: which link it takes, what it pays for it, and how soon is known what is open."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import pytest

from crosstrade_panel.domain.outcome import Cause, Verdict
from crosstrade_panel.trading.flatten import Flatten
from crosstrade_panel.trading.pace import Pace
from crosstrade_panel.trading.ports import EntryKind, ReadFailedError
from crosstrade_panel.trading.press import Phase, Press
from tests import contract_server as cs
from tests.crosstrade.gateways import strict_tls, until
from tests.links.distant import SCOPE, DistantServer, Figure, Panel, panel_at, server_on
from tests.links.wire import FAR, Line

pytestmark = pytest.mark.anyio

REAL = Pace()
QUICK = Pace().scaled(0.2)
PATIENT = replace(REAL, link_busy_s=60.0)
"""No stand-in in the time of a test."""
ROUND_TRIP_S = 0.04
HANDSHAKE_S = 2 * ROUND_TRIP_S
"""One round trip for TCP, one for TLS 1.3."""
MACHINE_S = 0.25
"""What a loaded machine may add."""


@pytest.fixture
def far_away(line: Line) -> Line:
    """The wire, 40 ms there and back."""
    line.wire.delay_s = ROUND_TRIP_S / 2
    return line


@asynccontextmanager
async def pressing(panel: Panel) -> AsyncIterator[Press]:
    """A flatten under way; broken off at the end."""
    press = panel.press()
    task = asyncio.create_task(Flatten(panel.desk)(press))
    try:
        yield press
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def was_there(server: DistantServer, call: cs.Call, pressed: float) -> bool:
    """Whether a call came over a connection that was made before."""
    return server.opened[call.connection] < pressed


def known_after_doubt(panel: Panel) -> float:
    """How long it took from the doubt until what is open was shown."""
    doubt = next(each.at for each in panel.shown if each.phase is Phase.CHECKING)
    return next(each.at for each in panel.shown if each.rows is not None) - doubt


# -- doubt ---


async def test_after_a_silent_close_the_state_is_read_at_once_on_the_other_link(
    far_away: Line, figure: Figure
) -> None:
    with server_on(far_away) as server:
        async with panel_at(server, REAL) as panel:
            taken, other = await panel.prove_both()
            number, other_number = server.number_of(taken), server.number_of(other)
            server.forget(number)
            reads_before = len(server.reads)
            async with pressing(panel) as press:
                await until(lambda: press.shows is not None)
                read = server.reads[reads_before]
            assert press.sent_at is not None
            assert press.may_have_left
            assert press.outcome is not None
            assert press.outcome.verdict is Verdict.UNKNOWN
            assert read.connection == other_number
            assert [(row.account, row.instrument) for row in press.shows or ()] == [("Sim101", "MES 12-25")]
            took_s = known_after_doubt(panel)
            figure("known after the doubt", took_s)
            assert took_s < 2 * ROUND_TRIP_S + MACHINE_S
        assert server.presses == []


async def test_with_the_other_link_stuck_the_state_is_known_one_handshake_later(
    far_away: Line, figure: Figure
) -> None:
    with server_on(far_away) as server:
        server.rule("read", cs.Hang(), skip=2, times=1)
        async with panel_at(server, PATIENT) as panel:
            taken, other = await panel.prove_both()
            stuck = asyncio.ensure_future(panel.gateway.positions())
            await until(lambda: len(server.reads) == 3)
            assert not other.is_idle
            server.forget(server.number_of(taken))
            async with pressing(panel) as press:
                await until(lambda: press.shows is not None)
            took_s = known_after_doubt(panel)
            figure("known after the doubt", took_s)
            assert HANDSHAKE_S < took_s < 2 * ROUND_TRIP_S + HANDSHAKE_S + MACHINE_S
            assert not stuck.done()
            stuck.cancel()
            await asyncio.gather(stuck, return_exceptions=True)
            await panel.watch.stop()


# -- what a press pays ---


@pytest.mark.parametrize("reset", [True, False])
async def test_links_that_the_server_ends_while_idle_are_replaced_before_the_press(
    far_away: Line, figure: Figure, *, reset: bool
) -> None:
    with server_on(far_away) as server:
        async with panel_at(server, REAL) as panel:
            await panel.prove_both()
            cut = time.monotonic()
            assert await asyncio.to_thread(server.cut_idle, reset=reset) == 2
            links = panel.gateway._links
            await until(lambda: server.connections == 4 and all(link.is_open for link in links))
            figure("both replaced after", time.monotonic() - cut)
            pressed = time.monotonic()
            await panel.gateway.flatten(SCOPE)
            figure("arrived after", server.presses[0].arrived - pressed)
            assert was_there(server, server.presses[0], pressed)
            assert not any(packet.syn for packet in far_away.wire.sent(pressed))
            assert server.presses[0].arrived - pressed < ROUND_TRIP_S / 2 + MACHINE_S


async def test_a_press_without_an_idle_link_pays_a_handshake_and_waits_for_no_read(
    far_away: Line, figure: Figure
) -> None:
    with server_on(far_away) as server:
        server.rule("read", cs.Hang(), skip=2)
        async with panel_at(server, PATIENT) as panel:
            await panel.prove_both()
            reads = [asyncio.ensure_future(panel.gateway.positions()) for _ in range(2)]
            await until(lambda: len(server.reads) == 4)
            pressed = time.monotonic()
            await panel.gateway.flatten(SCOPE)
            figure("arrived after", server.presses[0].arrived - pressed)
            assert server.presses[0].arrived - pressed < HANDSHAKE_S + ROUND_TRIP_S / 2 + MACHINE_S
            assert not was_there(server, server.presses[0], pressed)
            assert len([read for read in reads if read.done()]) == 1
            for read in reads:
                read.cancel()
            ends = await asyncio.gather(*reads, return_exceptions=True)
            given_up = [end for end in ends if isinstance(end, ReadFailedError)]
            assert [end.reason.cause for end in given_up] == [Cause.NO_LINK]


async def test_a_link_busy_for_three_hundred_milliseconds_is_stood_in_for_at_once(
    far_away: Line, figure: Figure
) -> None:
    with server_on(far_away) as server:
        server.rule("read", cs.Hang(), skip=2)
        async with panel_at(server, REAL) as panel:
            await panel.prove_both()
            began = time.monotonic()
            reads = [asyncio.ensure_future(panel.gateway.positions()) for _ in range(2)]
            await until(lambda: len([each for each in far_away.wire.sent(began) if each.syn]) == 2)
            after_s = [each.at - began for each in far_away.wire.sent(began) if each.syn]
            figure("first stand-in after", after_s[0])
            assert REAL.link_busy_s - 0.01 <= after_s[0] < REAL.link_busy_s + MACHINE_S
            await until(lambda: sum(link.is_idle and link.is_open for link in panel.gateway._links) == 2)
            pressed = time.monotonic()
            await panel.gateway.flatten(SCOPE)
            figure("arrived after", server.presses[0].arrived - pressed)
            assert was_there(server, server.presses[0], pressed)
            assert server.presses[0].arrived - pressed < ROUND_TRIP_S / 2 + MACHINE_S
            assert not any(read.done() for read in reads)
            for read in reads:
                read.cancel()
            await asyncio.gather(*reads, return_exceptions=True)


async def test_after_an_idle_second_that_ended_every_link_the_press_finds_them_replaced(
    far_away: Line, figure: Figure
) -> None:
    with server_on(far_away, idle_s=1.0) as server:
        async with panel_at(server, REAL) as panel:
            await panel.prove_both()
            links = panel.gateway._links
            await until(lambda: server.connections == 4 and all(link.is_open for link in links))
            pressed = time.monotonic()
            await panel.gateway.flatten(SCOPE)
            figure("arrived after", server.presses[0].arrived - pressed)
            assert was_there(server, server.presses[0], pressed)
            assert not any(packet.syn for packet in far_away.wire.sent(pressed))


async def test_a_server_that_ends_links_idle_for_five_seconds_costs_no_press_a_handshake(
    line: Line, figure: Figure
) -> None:
    """All times a fifth of the real ones, the wire's too: the reads come more often than that."""
    line.wire.delay_s = ROUND_TRIP_S / 2 / 5
    with server_on(line, idle_s=5.0 / 5) as server:
        async with panel_at(server, replace(QUICK, link_busy_s=60.0), watching=True) as panel:
            links = panel.gateway._links
            await until(lambda: len(server.reads) >= 2 and sum(link.is_open for link in links) == 2)
            moments = []
            for number in range(20):
                # Steps that share no rhythm with the beat.
                await asyncio.sleep(0.137)
                moments.append(time.monotonic())
                await panel.gateway.flatten(SCOPE)
                assert len(server.presses) == number + 1
        waits_s = [call.arrived - at for call, at in zip(server.presses, moments, strict=True)]
        figure("arrived after at most", max(waits_s))
        assert all(was_there(server, *each) for each in zip(server.presses, moments, strict=True))


@pytest.mark.parametrize("is_flat", [False, True])
async def test_every_link_is_used_at_least_every_three_seconds(
    line: Line, figure: Figure, *, is_flat: bool
) -> None:
    """All times a fifth of the real ones, but for the stand-ins that a loaded machine would call for."""
    with server_on(line) as server:
        if is_flat:
            server.set_positions()
        async with panel_at(server, replace(QUICK, link_busy_s=60.0), watching=True) as panel:
            await panel.gateway.warm()
            await until(lambda: len(server.reads) >= 12)
            assert server.connections == 2
        gaps_s = [
            later.arrived - earlier.arrived
            for number in (1, 2)
            for earlier, later in itertools.pairwise(server.calls_on(number))
        ]
        figure("longest pause of a link (times five)", 5 * max(gaps_s))
        assert len(gaps_s) == 10
        assert max(gaps_s) < 3.0 / 5 + MACHINE_S / 2


# -- nothing leaves ---


@pytest.mark.parametrize(
    ("trouble", "cause"),
    [
        ("no such host", Cause.CONNECT_FAILED),
        ("no network", Cause.CONNECT_FAILED),
        ("no name", Cause.CONNECT_FAILED),
        ("nobody listens", Cause.CONNECT_FAILED),
        ("no answer", Cause.CONNECT_TIMEOUT),
    ],
)
async def test_what_cannot_be_reached_is_not_sent_and_tried_twice_at_most(
    line: Line, figure: Figure, trouble: str, cause: Cause
) -> None:
    address = f"https://{FAR}:9"
    match trouble:
        case "no such host":
            line.wire.is_unreachable = True
        case "no network":
            line.near.set_up(up=False)
        case "no name":
            address = "https://panel.invalid"
        case "no answer":
            line.wire.cut()
        case _:
            pass
    async with panel_at(address, QUICK, tls=strict_tls()) as panel:
        began = time.monotonic()
        outcome = await Flatten(panel.desk)(panel.press())
        figure("told after", time.monotonic() - began)
        assert outcome.verdict is Verdict.NOT_SENT
        assert outcome.reason is not None
        assert outcome.reason.cause is cause
        assert panel.journal.kinds().count(EntryKind.ATTEMPT) == 2
        assert not any(packet.payload for packet in line.wire.sent(began) if packet.flow)
        if cause is Cause.CONNECT_FAILED:  # later, reads begin: they connect as well
            assert len({packet.flow for packet in line.wire.sent(began) if packet.syn}) <= 2
        assert time.monotonic() - began < 2 * QUICK.connect_s + MACHINE_S


async def test_a_press_on_a_network_that_went_away_is_unknown_and_not_delivered_when_it_returns(
    line: Line, figure: Figure
) -> None:
    """The links were open: the bytes were handed to the system, and nobody can tell how far they got."""
    with server_on(line) as server:
        async with panel_at(server, QUICK) as panel:
            await panel.prove_both()
            line.near.set_up(up=False)
            began = time.monotonic()
            async with pressing(panel) as press:
                await until(lambda: press.phase is Phase.CHECKING)
                figure("doubted after", time.monotonic() - began)
                line.near.set_up(up=True)
                await until(lambda: press.shows is not None)
                figure("known after the doubt", known_after_doubt(panel))
                assert len(press.shows or ()) == 1
        assert server.presses == []
