"""The stream without a network: why it is not open, and what becomes of the calls of one connection."""

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Any

import pytest
from websockets.datastructures import Headers
from websockets.exceptions import InvalidStatus
from websockets.http11 import Response
from websockets.protocol import State

from crosstrade_panel.crosstrade import stream
from crosstrade_panel.crosstrade.proxy import ProxyError
from crosstrade_panel.crosstrade.session import Call, Goodbye, Session, receipt_of
from crosstrade_panel.crosstrade.stream import StreamState
from crosstrade_panel.crosstrade.stream_gateway import StreamGateway
from crosstrade_panel.crosstrade.wire import Answer
from crosstrade_panel.domain.outcome import Cause, Reason
from crosstrade_panel.trading.ports import NotSentError, ReadFailedError, Receipt, RefusedError, Way
from tests.crosstrade.gateways import RealClock, until

DONE = b'{"id":"1","success":true,"orderIds":["a"]}'


# -- why it is not open ---


@pytest.mark.parametrize(
    ("goodbye", "state", "reason", "is_slow"),
    [
        (
            Goodbye(1008, "Session active elsewhere"),
            StreamState.TAKEN_OVER,
            Reason(Cause.CONNECTION_LOST, "Session active elsewhere"),
            False,
        ),
        (
            Goodbye(1000, "session ACTIVE elsewhere"),
            StreamState.TAKEN_OVER,
            Reason(Cause.CONNECTION_LOST, "session ACTIVE elsewhere"),
            False,
        ),
        (Goodbye(1008, "too fast"), StreamState.WAITING, Reason(Cause.OVER_BUDGET, "too fast"), True),
        (Goodbye(1001, "going"), StreamState.WAITING, Reason(Cause.CONNECTION_LOST, "going"), False),
        (Goodbye(1006, ""), StreamState.WAITING, Reason(Cause.CONNECTION_LOST), False),
    ],
)
def test_how_it_was_closed_says_what_to_do_next(
    goodbye: Goodbye, state: StreamState, reason: Reason, is_slow: bool
) -> None:
    ending = stream._why_ended(goodbye)
    assert (ending.state, ending.reason, ending.is_slow) == (state, reason, is_slow)


@pytest.mark.parametrize(
    ("status", "headers", "state", "reason", "is_slow"),
    [
        (401, {}, StreamState.REFUSED, Reason(Cause.TOKEN_REFUSED, "no", 401), True),
        (403, {}, StreamState.REFUSED, Reason(Cause.TOKEN_REFUSED, "no", 403), True),
        (429, {"Retry-After": "7"}, StreamState.WAITING, Reason(Cause.OVER_BUDGET, "no", 429, 7.0), True),
        (404, {}, StreamState.WAITING, Reason(Cause.WRONG_PATH, "no", 404), False),
        (302, {}, StreamState.WAITING, Reason(Cause.REDIRECTED, "no", 302), False),
        (503, {"Retry-After": "7"}, StreamState.WAITING, Reason(Cause.SERVER_FAILED, "no", 503), False),
    ],
)
def test_how_the_handshake_was_refused_says_what_to_do_next(
    status: int, headers: dict[str, str], state: StreamState, reason: Reason, is_slow: bool
) -> None:
    error = InvalidStatus(Response(status, "", Headers(headers), b'{"error":"no"}'))
    ending = stream._why_not_connected(error)
    assert (ending.state, ending.reason, ending.is_slow) == (state, reason, is_slow)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ProxyError("at 10.0.0.1"), Reason(Cause.PROXY, "at 10.0.0.1")),
        (TimeoutError(), Reason(Cause.CONNECT_TIMEOUT)),
        (UnicodeError(), Reason(Cause.BAD_ADDRESS)),
        (OSError(), Reason(Cause.CONNECT_FAILED)),
        (KeyError(), Reason(Cause.CONNECT_FAILED)),
    ],
)
def test_why_it_could_not_connect_is_told_and_tried_again(error: Exception, reason: Reason) -> None:
    ending = stream._why_not_connected(error)
    assert (ending.state, ending.reason, ending.is_slow) == (StreamState.WAITING, reason, False)


# -- the calls of one connection ---


class Tcp:
    """A transport that only notes its end."""

    def __init__(self) -> None:
        self.aborted = 0

    def abort(self) -> None:
        self.aborted += 1


class LoopbackConnection:
    """A connection that keeps what is sent, hands over what the test says, and answers pings when told."""

    def __init__(self) -> None:
        self.state = State.OPEN
        self.sent: list[tuple[bytes, bool | None]] = []
        self.pongs: list[asyncio.Future[float]] = []
        self.transport = Tcp()

    async def send(self, frame: bytes, *, text: bool | None = None) -> None:
        self.sent.append((frame, text))

    async def ping(self) -> "asyncio.Future[float]":
        pong: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self.pongs.append(pong)
        return pong


def session_over(connection: LoopbackConnection, on_reset: Callable[[], None] = lambda: None) -> Session:
    made: Any = connection
    with socket.socket() as sock:  # closed already: all that is asked of it is an option
        return Session(made, sock, RealClock(), ping_s=60.0, dead_s=60.0, on_reset=on_reset)


@pytest.mark.anyio
async def test_a_press_is_sent_as_text_with_a_ping_behind_it_and_a_read_without_one() -> None:
    connection = LoopbackConnection()
    session = session_over(connection)
    before = RealClock().monotonic()
    press, read = Call("1", is_press=True), Call("2", is_press=False)
    delivered: list[float] = []
    await session.send(press, b"press", delivered.append)
    await session.send(read, b"read", delivered.append)
    assert connection.sent == [(b"press", True), (b"read", True)]
    assert len(connection.pongs) == 1
    assert session.carries_press
    assert press.sent_at is not None
    assert before <= press.sent_at <= RealClock().monotonic()
    assert not press.is_delivered
    connection.pongs[0].set_result(0.01)
    await until(lambda: press.is_delivered)
    assert not read.is_delivered
    assert len(delivered) == 1
    assert press.sent_at <= delivered[0] <= RealClock().monotonic()
    session.forget(press)
    assert not session.carries_press


@pytest.mark.anyio
async def test_a_pong_after_the_answer_is_no_news_and_one_that_never_comes_no_receipt() -> None:
    connection = LoopbackConnection()
    session = session_over(connection)
    delivered: list[float] = []
    answered, lost = Call("1", is_press=True), Call("2", is_press=True)
    await session.send(answered, b"", delivered.append)
    await session.send(lost, b"", delivered.append)
    session._take(DONE)
    connection.pongs[0].set_result(0.01)
    connection.pongs[1].set_exception(ConnectionError())
    await asyncio.sleep(0.01)
    assert delivered == []
    assert (answered.is_delivered, lost.is_delivered) == (False, False)


@pytest.mark.anyio
async def test_an_answer_goes_to_the_call_of_its_id_and_to_no_other_one() -> None:
    session = session_over(LoopbackConnection())
    one, two = Call("1", is_press=False), Call("2", is_press=False)
    await session.send(one, b"")
    await session.send(two, b"")
    session._take(b'{"push":true}')
    session._take(b"no JSON")
    session._take(b'{"id":"3"}')
    assert not one.answer.done()
    session._take(DONE)
    session._take(DONE)  # a second one answers nothing any more
    assert (await one.answer).body == DONE
    assert (await one.answer).status == 200
    assert (await one.answer).sent_at == one.sent_at
    assert (await one.answer).answered_at <= RealClock().monotonic()
    assert not two.answer.done()


@pytest.mark.anyio
async def test_a_late_answer_is_what_it_says_and_none_when_the_connection_goes() -> None:
    tcp_resets: list[bool] = []
    connection = LoopbackConnection()
    session = session_over(connection, lambda: tcp_resets.append(True))
    calls = [Call(str(number), is_press=True) for number in range(1, 5)]
    for call in calls:
        await session.send(call, b"")
    accepted, refused, unwanted, lost = (session.late(call) for call in calls)
    session._take(DONE)
    session._take(b'{"id":"2","success":false,"error":"no"}')
    assert (await accepted).order_ids == ("a",)
    with pytest.raises(RefusedError):
        await refused
    unwanted.cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert list(session._calls) == ["4"]
    session.reset()
    session.reset()
    with pytest.raises(asyncio.CancelledError):
        await lost
    assert (tcp_resets, connection.transport.aborted) == ([True], 1)
    assert not session.is_open


def test_what_an_answer_to_a_press_says_keeps_its_times() -> None:
    assert receipt_of(Answer(200, DONE, 1.0, 2.0)) == Receipt(("a",), None, "", 1.0, 2.0)


# -- both transports ---


class ScriptedStream:
    """A stream that notes what it is asked, and whose reads end as the test says."""

    def __init__(self, ends: list[Exception | None]) -> None:
        self.is_open = True
        self.ends = ends
        self.asked: list[object] = []

    async def positions(self, limit_s: float) -> str:
        self.asked.append(limit_s)
        end = self.ends.pop(0)
        if end is not None:
            raise end
        return "over the stream"

    async def flatten(self, *asked: object) -> str:
        self.asked.append(asked)
        return "over the stream"

    reverse = flatten


class ScriptedRest:
    """REST that notes what it is asked."""

    read_deadline_s = 4.5

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []

    async def positions(self) -> str:
        self.asked.append(())
        return "over REST"

    async def flatten(self, *asked: object) -> str:
        self.asked.append(asked)
        return "over REST"

    reverse = cancel_order = cancel_orders = orders = flatten


@pytest.mark.anyio
async def test_what_goes_over_either_way_goes_as_it_was_asked() -> None:
    rest, over_stream = ScriptedRest(), ScriptedStream([])
    gateway: Any = StreamGateway(rest, over_stream)  # type: ignore[arg-type]
    scope, ticket, told = object(), object(), object()
    assert await gateway.flatten(scope, Way.REST, told) == "over REST"
    assert await gateway.reverse(ticket, Way.REST, told) == "over REST"
    assert await gateway.cancel_order("Sim101", "id") == "over REST"
    assert await gateway.cancel_orders("Sim101", "MES 12-25") == "over REST"
    assert await gateway.orders("Sim101") == "over REST"
    assert rest.asked == [
        (scope, Way.REST, told),
        (ticket, Way.REST, told),
        ("Sim101", "id"),
        ("Sim101", "MES 12-25"),
        ("Sim101",),
    ]
    assert await gateway.flatten(scope, Way.STREAM, told) == "over the stream"
    assert await gateway.reverse(ticket, Way.STREAM, told) == "over the stream"
    assert over_stream.asked == [(scope, told), (ticket, told)]
    assert gateway.use(None) is over_stream
    for press in (gateway.flatten, gateway.reverse):
        with pytest.raises(NotSentError) as caught:
            await press(scope, Way.STREAM)
        assert caught.value.reason == Reason(Cause.STREAM_NOT_OPEN)
        assert caught.value.may_try_elsewhere


@pytest.mark.anyio
async def test_positions_are_read_in_turn_and_over_rest_where_the_stream_goes_meanwhile(
    caplog: pytest.LogCaptureFixture,
) -> None:
    gone, failed = Reason(Cause.CONNECTION_LOST), Reason(Cause.SERVER_SAID_NO)
    over_stream = ScriptedStream([None, ReadFailedError(gone), ReadFailedError(failed)])
    gateway: Any = StreamGateway(ScriptedRest(), over_stream)  # type: ignore[arg-type]
    with caplog.at_level(logging.INFO):
        read = [await gateway.positions() for _ in range(4)]
    assert read == ["over the stream", "over REST", "over REST", "over REST"]
    assert caplog.messages == ["positions not read over the stream: connection_lost"]
    assert over_stream.asked == [4.5, 4.5]
    with pytest.raises(ReadFailedError):
        await gateway.positions()
    over_stream.is_open = False
    assert [await gateway.positions() for _ in range(2)] == ["over REST"] * 2
