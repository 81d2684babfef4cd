"""Both transports in one gateway: which of them a call takes, and that neither is needed by the other."""

import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection

from crosstrade_panel.crosstrade.address import parse_base_url
from crosstrade_panel.crosstrade.rest import RestGateway
from crosstrade_panel.crosstrade.stream import Stream, StreamState
from crosstrade_panel.crosstrade.stream_gateway import StreamGateway
from crosstrade_panel.domain.outcome import Cause
from crosstrade_panel.domain.scope import OneAccount, Side
from crosstrade_panel.domain.snapshot import Source
from crosstrade_panel.domain.ticket import ReverseTicket
from crosstrade_panel.simulator.book import Book
from crosstrade_panel.simulator.bucket import TokenBucket
from crosstrade_panel.simulator.server import PracticeExchange
from crosstrade_panel.trading.pace import Pace
from crosstrade_panel.trading.ports import Gateway, NotSentError, ReadFailedError, RefusedError, Way
from tests import contract_server as cs
from tests.crosstrade.gateways import QUICK, RealClock, until
from tests.crosstrade.streams import (
    DONE,
    HASTY,
    TOKEN,
    answering,
    asked,
    comes_to,
    scripted,
    silent,
    stream_to,
    tell,
)

pytestmark = pytest.mark.anyio

SCOPE = OneAccount("Sim101", "MES 12-25")
TICKET = ReverseTicket("Sim101", "MES 12-25", Side.SHORT, 2)
STREAM_FIRST = (Way.STREAM, Way.REST, Way.STREAM)
REST_FIRST = (Way.REST, Way.REST, Way.STREAM)


@pytest.fixture
def exchange() -> Iterator[PracticeExchange]:
    with PracticeExchange(book=Book(walking=False), budget=TokenBucket(capacity=1000)) as started:
        yield started


@contextlib.asynccontextmanager
async def both(
    rest_at: str, stream_at: str, token: str = TOKEN, pace: Pace | None = None
) -> AsyncIterator[tuple[StreamGateway, Stream]]:
    """A warm gateway whose transports may lead to different servers."""
    made: dict[str, Any] = {"clock": RealClock(), "pace": pace or Pace()}
    rest = RestGateway(parse_base_url(rest_at), token, **made)
    stream = Stream(parse_base_url(stream_at), token, **made)
    gateway = StreamGateway(rest, stream)
    await gateway.warm()
    try:
        yield gateway, stream
    finally:
        await gateway.aclose()


def state_of(gateway: StreamGateway) -> StreamState | None:
    return None if gateway.stream_state is None else gateway.stream_state.state


def paths(exchange: PracticeExchange) -> list[str]:
    """What arrived, but for the handshake."""
    return [call.method + " " + call.path for call in exchange.calls if call.path != "/ws/stream"]


async def test_it_is_a_gateway_and_warming_opens_everything(exchange: PracticeExchange) -> None:
    async with both(exchange.base_url, exchange.base_url, exchange.token) as (gateway, stream):
        as_port: Gateway = gateway
        assert as_port.ways == STREAM_FIRST
        assert gateway.origin == exchange.base_url
        assert state_of(gateway) is StreamState.OPEN
        assert paths(exchange) == []
    assert stream.report.state is StreamState.CLOSED
    assert as_port.ways == REST_FIRST


async def test_presses_go_the_way_they_are_told(exchange: PracticeExchange) -> None:
    async with both(exchange.base_url, exchange.base_url, exchange.token) as (gateway, _):
        await gateway.reverse(TICKET, Way.STREAM)
        assert len(exchange.calls.of("WS")) == 1
        assert exchange.wait_until(lambda book: len(book.positions()) == 4)
        await gateway.flatten(OneAccount("Sim101"), Way.STREAM)
        assert len(exchange.calls.of("WS")) == 2
        await gateway.flatten(OneAccount("Sim102"), Way.REST)
        with pytest.raises(RefusedError):
            await gateway.reverse(replace(TICKET, instrument="CL 12-25"))
        assert len(exchange.calls.of("WS")) == 2
        assert len(exchange.calls.of("POST")) == 2


async def test_whoever_presses_hears_of_the_receipt(exchange: PracticeExchange) -> None:
    told: list[float] = []

    async def handler(peer: ServerConnection) -> None:
        for number in (1, 2):
            frame = await asked(peer)
            await until(lambda number=number: len(told) == number)  # type: ignore[misc]
            await tell(peer, frame, **DONE)
        await silent(peer)

    async with (
        scripted(handler) as server,
        both(exchange.base_url, server.url, exchange.token) as (gateway, _),
    ):
        await gateway.flatten(SCOPE, Way.STREAM, told.append)
        await gateway.reverse(TICKET, Way.STREAM, told.append)
    assert len(told) == 2


async def test_positions_are_read_over_the_stream_and_everything_else_over_rest(
    exchange: PracticeExchange,
) -> None:
    async with both(exchange.base_url, exchange.base_url, exchange.token) as (gateway, _):
        assert (await gateway.positions()).source is Source.POSITIONS
        assert len(exchange.calls.of("WS")) == 1
        await gateway.snapshot()
        await gateway.accounts()
        orders = await gateway.orders("Sim102")
        assert gateway.report.failure is None
        await gateway.cancel_order("Sim102", orders.orders[-1].order_id or "")
        await gateway.cancel_orders("Sim101", "NQ 12-25")
    assert len(exchange.calls.of("WS")) == 1
    assert [call.partition(" ")[0] for call in paths(exchange)] == ["GET", "GET", "GET", "POST", "POST"]


async def test_without_the_stream_everything_is_there(exchange: PracticeExchange) -> None:
    with cs.refusing_port() as port:
        async with both(exchange.base_url, port.url("http"), exchange.token) as (gateway, _):
            assert state_of(gateway) is StreamState.WAITING
            assert gateway.ways == REST_FIRST
            assert len((await gateway.positions()).positions) == 4
            with pytest.raises(NotSentError) as error:
                await gateway.flatten(SCOPE, Way.STREAM)
            assert error.value.may_try_elsewhere
            await gateway.flatten(SCOPE, Way.REST)
    assert exchange.wait_until(lambda book: len(book.positions()) == 3)


async def lose_it(peer: ServerConnection) -> None:
    """Hears a call, and goes."""
    await asked(peer)


async def test_a_read_that_the_stream_loses_goes_over_rest(exchange: PracticeExchange) -> None:
    async with (
        scripted(lose_it) as server,
        both(exchange.base_url, server.url, exchange.token, QUICK) as (gateway, _),
    ):
        assert len((await gateway.positions()).positions) == 4
    assert paths(exchange) == ["GET /v1/api/positions?includeFlat=false"]


async def test_a_read_that_took_its_time_over_the_stream_is_given_up(exchange: PracticeExchange) -> None:
    async with (
        scripted(silent) as server,
        both(exchange.base_url, server.url, exchange.token, QUICK) as (gateway, _),
    ):
        with pytest.raises(ReadFailedError) as error:
            await gateway.positions()
        assert error.value.reason.cause is Cause.NO_ANSWER
    assert paths(exchange) == []


async def test_every_other_read_goes_over_rest_whose_links_have_to_stay_proven(
    exchange: PracticeExchange,
) -> None:
    async with both(exchange.base_url, exchange.base_url, exchange.token) as (gateway, _):
        for _ in range(4):
            await gateway.positions()
    assert len(exchange.calls.of("WS")) == 2
    assert len(paths(exchange)) == 2


async def test_the_stream_can_be_taken_up_and_put_away_while_it_runs(exchange: PracticeExchange) -> None:
    async with both(exchange.base_url, exchange.base_url, exchange.token) as (gateway, stream):
        assert gateway.use(None) is stream
        assert (gateway.ways, gateway.stream_state) == ((Way.REST, Way.REST), None)
        await gateway.warm()
        gateway.renew()
        gateway.reconnect()
        assert len((await gateway.positions()).positions) == 4
        for press in (gateway.flatten(SCOPE, Way.STREAM), gateway.reverse(TICKET, Way.STREAM)):
            with pytest.raises(NotSentError) as error:
                await press
            assert error.value.may_try_elsewhere
        assert gateway.use(stream) is None
        assert gateway.ways == STREAM_FIRST


async def test_without_a_stream_there_is_only_rest_to_be_closed(exchange: PracticeExchange) -> None:
    rest = RestGateway(parse_base_url(exchange.base_url), exchange.token, clock=RealClock(), pace=Pace())
    gateway = StreamGateway(rest)
    await gateway.aclose()


async def test_a_read_that_the_server_refuses_is_not_asked_again(exchange: PracticeExchange) -> None:
    async with (
        scripted(answering(error="Rate limit exceeded")) as server,
        both(exchange.base_url, server.url, exchange.token) as (gateway, _),
    ):
        with pytest.raises(ReadFailedError) as error:
            await gateway.positions()
        assert error.value.reason.cause is Cause.OVER_BUDGET
    assert paths(exchange) == []


async def test_taken_over_it_goes_on_over_rest_until_the_stream_is_asked_back(
    exchange: PracticeExchange,
) -> None:
    async with both(exchange.base_url, exchange.base_url, exchange.token, HASTY) as (gateway, stream):
        async with stream_to(exchange):
            await comes_to(stream, StreamState.TAKEN_OVER)
            assert gateway.ways == REST_FIRST
            await gateway.positions()
            await gateway.warm()
            assert state_of(gateway) is StreamState.TAKEN_OVER
        gateway.reconnect()
        await comes_to(stream, StreamState.OPEN)
        assert gateway.ways == STREAM_FIRST
    assert paths(exchange) == ["GET /v1/api/positions?includeFlat=false"]


async def test_after_a_sleep_both_begin_anew(exchange: PracticeExchange) -> None:
    async with both(exchange.base_url, exchange.base_url, exchange.token) as (gateway, stream):
        before = stream._session
        gateway.renew()
        assert gateway.ways == REST_FIRST
        await until(lambda: stream.is_open)
        assert stream._session is not before
