"""The stream without a network: why it is not open, and what becomes of the calls of one connection."""

import asyncio
import json
import logging
import socket
import ssl
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.http11 import Response
from websockets.protocol import State

from crosstrade_panel import __version__
from crosstrade_panel.crosstrade import session as session_module
from crosstrade_panel.crosstrade import stream
from crosstrade_panel.crosstrade.address import parse_base_url
from crosstrade_panel.crosstrade.pipe import Dial
from crosstrade_panel.crosstrade.proxy import ProxyError, read_proxy
from crosstrade_panel.crosstrade.session import Call, Goodbye, Session, receipt_of
from crosstrade_panel.crosstrade.stream import Stream, StreamReport, StreamState
from crosstrade_panel.crosstrade.stream_gateway import StreamGateway
from crosstrade_panel.crosstrade.wire import Answer
from crosstrade_panel.domain.outcome import Cause, Reason
from crosstrade_panel.domain.scope import OneAccount, Side
from crosstrade_panel.domain.ticket import ReverseTicket
from crosstrade_panel.trading.pace import Pace
from crosstrade_panel.trading.ports import (
    NotSentError,
    ReadFailedError,
    Receipt,
    RefusedError,
    UnknownOutcomeError,
    Way,
)
from tests.crosstrade.gateways import RealClock, strict_tls, until
from tests.fakes import LoopClock, VirtualTimeLoop

SCOPE = OneAccount("Sim101", "MES 12-25")
TICKET = ReverseTicket("Sim101", "MES 12-25", Side.SHORT, 2)
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


# -- how it connects ---


def test_it_dials_its_origin_through_its_proxy_and_makes_its_context_once() -> None:
    made_contexts: list[ssl.SSLContext] = []

    def make() -> ssl.SSLContext:
        made_contexts.append(strict_tls())
        return made_contexts[-1]

    origin, proxy = parse_base_url("https://panel.invalid"), read_proxy("http://proxy.test:3128")
    made = Stream(origin, "made-up-token", clock=RealClock(), pace=Pace(), tls=make, proxy=proxy)
    assert made._dial == Dial(origin, made._tls_context, Pace().read_least_deadline_s, proxy)
    assert made_contexts == []
    assert made._tls_context() is made._tls_context() is made_contexts[0]
    assert len(made_contexts) == 1
    assert made.report == StreamReport(StreamState.CLOSED)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("origin", "url", "is_secure"),
    [
        ("http://127.0.0.1:8443", "ws://127.0.0.1:8443/ws/stream", False),
        ("https://panel.invalid", "wss://panel.invalid:443/ws/stream", True),
    ],
)
async def test_the_handshake_goes_straight_to_its_origin_with_limits_of_our_own(
    monkeypatch: pytest.MonkeyPatch, origin: str, url: str, *, is_secure: bool
) -> None:
    asked: list[tuple[str, dict[str, Any]]] = []
    unacknowledged: list[tuple[object, float]] = []
    ours, its = socket.socketpair()

    async def connect_socket(_: Dial) -> socket.socket:
        return ours

    async def handshake(url: str, **options: Any) -> LoopbackConnection:
        asked.append((url, options))
        return LoopbackConnection()

    monkeypatch.setattr(Dial, "connect_socket", connect_socket)
    monkeypatch.setattr(stream, "notice_dead_peer", lambda *noted: unacknowledged.append(noted))
    monkeypatch.setattr(stream, "_Handshake", handshake)
    tls = strict_tls()
    pace = replace(Pace(), stream_ping_s=7.0, stream_dead_s=8.0, read_least_deadline_s=9.0)
    made = Stream(parse_base_url(origin), "made-up-token", clock=RealClock(), pace=pace, tls=lambda: tls)
    with ours, its:
        session: Any = await made._connect()
    [(where, options)] = asked
    assert where == url
    assert options.pop("logger").disabled is True  # the library would write the token into its own
    assert options == {
        "sock": ours,
        "ssl": tls if is_secure else None,
        "proxy": None,
        "additional_headers": {"Authorization": "Bearer made-up-token"},
        "user_agent_header": f"crosstrade-panel/{__version__}",
        "compression": None,
        "open_timeout": None,
        "ping_interval": None,
        "close_timeout": 0.25,
        "max_size": 16 * 1024 * 1024,
        "max_queue": 16,
        "write_limit": 16 * 1024 * 1024,
    }
    assert unacknowledged == [(ours, 9.0)]
    assert (session._sock, session._ping_s, session._dead_s) == (ours, 7.0, 8.0)


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
        self.received: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.answers_pings = False
        self.close_code: int | None = None
        self.close_reason: str | None = None

    async def send(self, frame: bytes, *, text: bool | None = None) -> None:
        self.sent.append((frame, text))

    async def ping(self) -> "asyncio.Future[float]":
        pong: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self.pongs.append(pong)
        if self.answers_pings:
            pong.set_result(0.01)
        return pong

    async def recv(self, *, decode: bool | None = None) -> bytes:
        assert decode is False
        frame = await self.received.get()
        if frame is None:
            raise ConnectionClosedError(None, None)
        return frame


def session_over(
    connection: LoopbackConnection, on_reset: Callable[[], None] = lambda: None, *, dead_s: float = 60.0
) -> Session:
    made: Any = connection
    with socket.socket() as sock:  # closed already: all that is asked of it is an option
        return Session(made, sock, RealClock(), ping_s=60.0, dead_s=dead_s, on_reset=on_reset)


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
async def test_an_answer_that_is_quicker_than_the_sending_counts_from_its_own_moment() -> None:
    connection = LoopbackConnection()
    session = session_over(connection)
    call = Call("1", is_press=True)

    async def send(*_: object, **__: object) -> None:
        session._take(DONE)

    connection.send = send  # type: ignore[method-assign]
    before = RealClock().monotonic()
    await session.send(call, b"")
    answer = await call.answer
    assert before <= answer.sent_at == answer.answered_at <= RealClock().monotonic()
    assert connection.pongs == []  # answered: no receipt is worth asking for


@pytest.mark.anyio
async def test_what_answers_nothing_is_logged_by_its_size_alone(caplog: pytest.LogCaptureFixture) -> None:
    session = session_over(LoopbackConnection())
    with caplog.at_level(logging.INFO):
        session._take(b'{"push":true}')
        session._take(b'{"id":"3"}')
    said = "a frame of %d bytes answers nothing that was asked"
    assert caplog.messages == [said % 13, said % 10]


@pytest.mark.anyio
async def test_a_ping_without_an_answer_ends_the_connection_once_and_answered_ones_never_do(
    caplog: pytest.LogCaptureFixture,
) -> None:
    resets: list[bool] = []
    connection = LoopbackConnection()
    session = session_over(connection, lambda: resets.append(True), dead_s=0.0)
    with caplog.at_level(logging.INFO):
        for _ in range(2):
            (await session._ping()).set_result(0.01)
        await asyncio.sleep(2 * session_module._GRACE_S)
        assert (resets, session.is_open) == ([], True)
        for _ in range(2):
            await session._ping()
        await until(lambda: bool(resets))
        await asyncio.sleep(2 * session_module._GRACE_S)
    assert (resets, connection.transport.aborted, session.is_open) == ([True], 1, False)
    assert set(caplog.messages) == {"a ping was not answered: the connection is dead"}


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


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("code", "said", "goodbye"),
    [
        (1000, "going\u202e away\n", Goodbye(1000, "going away")),
        (1006, "", Goodbye(1006, "")),
        (None, None, Goodbye(0, "")),
    ],
)
async def test_listening_ends_with_what_was_said_and_leaves_no_call_and_no_task_behind(
    code: int | None, said: str | None, goodbye: Goodbye
) -> None:
    connection = LoopbackConnection()
    connection.close_code, connection.close_reason = code, said
    session = session_over(connection)
    answered, left = Call("1", is_press=False), Call("2", is_press=True)
    for call in (answered, left):
        await session.send(call, b"")
    tasks = asyncio.all_tasks()
    for frame in (DONE, None):
        connection.received.put_nowait(frame)
    async with asyncio.timeout(10):  # no task of its own, in which a turn would pass
        ended = await session.listen()
        assert asyncio.all_tasks() == tasks
    assert ended == goodbye
    assert (await answered.answer).body == DONE
    assert left.answer.cancelled()
    assert not session.is_open
    assert connection.transport.aborted == 0  # it has ended by itself


@pytest.mark.anyio
async def test_one_that_can_be_pinged_no_more_is_reset_although_its_reader_hears_nothing() -> None:
    connection, is_reset = LoopbackConnection(), asyncio.Event()

    async def ping() -> "asyncio.Future[float]":
        raise ConnectionClosedError(None, None)

    connection.ping = ping  # type: ignore[method-assign]
    session = session_over(connection, is_reset.set)
    listening = asyncio.ensure_future(session.listen())
    await asyncio.wait_for(is_reset.wait(), 10.0)
    assert connection.transport.aborted == 1
    connection.received.put_nowait(None)
    assert await asyncio.wait_for(listening, 10.0) == Goodbye(0, "")


def test_what_an_answer_to_a_press_says_keeps_its_times() -> None:
    assert receipt_of(Answer(200, DONE, 1.0, 2.0)) == Receipt(("a",), None, "", 1.0, 2.0)


# -- the calls of one stream ---


def stream_over(connection: LoopbackConnection, **pace: Any) -> Stream:
    """A stream that is open as far as its calls can tell."""
    quicker = replace(Pace(), **({"press_deadline_s": 5.0} | pace))
    made = Stream(parse_base_url("http://127.0.0.1:1"), "made-up-token", clock=RealClock(), pace=quicker)
    made._session = session_over(connection, made._on_reset)
    return made


async def sent(connection: LoopbackConnection, number: int = 1) -> dict[str, Any]:
    """The call that was sent as the so many-th."""
    await until(lambda: len(connection.sent) >= number)
    return dict(json.loads(connection.sent[number - 1][0]))


def told(frame: dict[str, Any], **fields: Any) -> bytes:
    """An answer to a call."""
    return json.dumps({"id": frame["id"], **fields}).encode()


@pytest.mark.anyio
@pytest.mark.parametrize("press", ["flatten", "reverse"])
async def test_whoever_presses_is_told_of_the_delivery_and_gets_the_answer(press: str) -> None:
    connection = LoopbackConnection()
    stream = stream_over(connection)
    delivered: list[float] = []
    asked = SCOPE if press == "flatten" else TICKET
    pressing = asyncio.ensure_future(getattr(stream, press)(asked, delivered.append))
    frame = await sent(connection)
    await until(lambda: bool(connection.pongs))
    assert delivered == []
    connection.pongs[0].set_result(0.01)
    await until(lambda: bool(delivered))
    assert stream._session is not None
    stream._session._take(told(frame, success=True, orderIds=["a"]))
    receipt = await pressing
    assert (receipt.order_ids, len(delivered)) == (("a",), 1)
    assert receipt.sent_at <= delivered[0] <= receipt.answered_at
    assert not stream._session.carries_press


@pytest.mark.anyio
@pytest.mark.parametrize("is_delivered", [False, True])
async def test_a_press_without_an_answer_says_when_it_was_sent_and_only_a_delivered_one_may_come_late(
    is_delivered: bool,
) -> None:
    connection = LoopbackConnection()
    connection.answers_pings = is_delivered
    stream = stream_over(connection, press_deadline_s=0.05)
    session = stream._session
    assert session is not None
    before = RealClock().monotonic()
    pressing = asyncio.ensure_future(stream.flatten(SCOPE))
    frame = await sent(connection)
    after = RealClock().monotonic()
    with pytest.raises(UnknownOutcomeError) as caught:
        await pressing
    error = caught.value
    assert error.reason == Reason(Cause.NO_ANSWER)
    assert error.sent_at is not None
    assert before <= error.sent_at <= after
    assert (error.late is not None, session.is_open) == (is_delivered, is_delivered)
    if error.late is not None:
        assert session.carries_press
        session._take(told(frame, success=True, orderIds=["a"]))
        assert (await error.late).order_ids == ("a",)


@pytest.mark.anyio
@pytest.mark.parametrize("fails", ["send", "ping"])
async def test_a_press_that_fails_while_it_is_sent_is_unknown_and_says_when_it_was_if_it_was(
    monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    connection, error = LoopbackConnection(), ConnectionClosedError(None, None)

    async def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(connection, fails, fail)
    stream = stream_over(connection)
    with pytest.raises(UnknownOutcomeError) as caught:
        await stream.flatten(SCOPE)
    assert caught.value.reason == Reason(Cause.CONNECTION_LOST)
    assert caught.value.__cause__ is error
    assert (caught.value.sent_at is not None, len(connection.sent)) == (fails == "ping", fails == "ping")
    assert caught.value.late is None
    assert stream._session is not None
    assert not stream._session.carries_press


@pytest.mark.anyio
async def test_a_connection_that_was_reset_is_no_way_any_more_and_says_so_at_once() -> None:
    changes: list[StreamState] = []
    connection = LoopbackConnection()
    stream = stream_over(connection)
    stream._on_change = changes.append
    pressing = asyncio.ensure_future(stream.flatten(SCOPE))
    reading = asyncio.ensure_future(stream.positions(30.0))
    await sent(connection, 2)
    session: Any = stream._session
    session.reset()
    assert [stream._session, stream.is_open] == [None, False]
    assert stream.report == StreamReport(StreamState.WAITING, reason=Reason(Cause.CONNECTION_LOST))
    with pytest.raises(UnknownOutcomeError) as unknown:
        await pressing
    assert unknown.value.reason == Reason(Cause.CONNECTION_LOST)
    assert unknown.value.sent_at is not None
    with pytest.raises(ReadFailedError) as failed:
        await reading
    assert failed.value.reason == Reason(Cause.CONNECTION_LOST)
    assert changes == [StreamState.WAITING]
    with pytest.raises(NotSentError) as refused:
        await stream.flatten(SCOPE)
    assert refused.value.may_try_elsewhere
    assert len(connection.sent) == 2


# -- one life of it, and the next ---


@pytest.mark.anyio
async def test_a_life_is_open_until_it_ends_and_is_logged_by_its_code_alone(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = LoopbackConnection()
    connection.close_code, connection.close_reason = 1008, "session active elsewhere"
    session = session_over(connection)
    stream = stream_over(connection)
    stream._session = None

    async def connect() -> Session:
        return session

    monkeypatch.setattr(stream, "_connect", connect)
    with caplog.at_level(logging.INFO):
        living = asyncio.ensure_future(stream._live_once())
        await until(lambda: stream.is_open)
        assert stream.report == StreamReport(StreamState.OPEN)
        await until(lambda: bool(connection.pongs))
        connection.pongs[0].set_result(0.25)
        await until(lambda: stream.report.round_trip_s is not None)
        assert stream.report == StreamReport(StreamState.OPEN, 0.25)
        connection.received.put_nowait(None)
        ending = await asyncio.wait_for(living, 10.0)
    assert ending.state is StreamState.TAKEN_OVER
    assert caplog.messages == ["the stream ended with code 1008"]
    assert [stream._session, stream.is_open] == [None, False]


@pytest.mark.anyio
async def test_what_was_left_before_it_began_never_begins() -> None:
    made = Stream(parse_base_url("http://127.0.0.1:9"), "made-up-token", clock=RealClock(), pace=Pace())
    await made.aclose()
    made.reconnect()
    made.renew()
    async with asyncio.timeout(10):
        await made.warm()
    assert made._task is None
    assert made.report == StreamReport(StreamState.CLOSED)


@pytest.mark.anyio
async def test_a_life_that_does_not_begin_is_logged_by_its_cause_alone(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = stream_over(LoopbackConnection(), connect_s=0.01)
    stream._session = None

    async def connect() -> Session:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(stream, "_connect", connect)
    with caplog.at_level(logging.INFO):
        living = asyncio.ensure_future(stream._live_once())
        await asyncio.wait([living], timeout=10.0)
        assert living.done()
    assert (await living).reason == Reason(Cause.CONNECT_TIMEOUT)
    assert caplog.messages == ["the stream did not open: connect_timeout"]


def test_only_what_lasted_as_long_as_the_longest_wait_begins_the_waits_anew() -> None:
    lives = [
        (0.0, False),
        (0.0, False),
        (29.5, False),
        (30.0, False),
        (0.0, False),
        (0.0, True),
        (0.0, False),
    ]
    waits: list[float] = []
    pace = replace(Pace(), stream_back_off_s=(1.0, 2.0, 4.0, 30.0))

    async def main() -> None:
        made = Stream(parse_base_url("http://127.0.0.1:9"), "made-up-token", clock=LoopClock(), pace=pace)
        loop, is_over = asyncio.get_running_loop(), asyncio.Event()
        ended_at = 0.0

        async def live_once() -> Any:
            nonlocal ended_at
            if ended_at:
                waits.append(loop.time() - ended_at)
            if not lives:
                is_over.set()
                await asyncio.Event().wait()
            lasts_s, is_slow = lives.pop(0)
            await asyncio.sleep(lasts_s)
            ended_at = loop.time()
            return stream._Ending(StreamState.WAITING, Reason(Cause.CONNECTION_LOST), is_slow=is_slow)

        made._live_once = live_once  # type: ignore[method-assign]
        made.reconnect()
        await is_over.wait()
        await made.aclose()

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(main())
    assert waits == [1.0, 2.0, 4.0, 1.0, 2.0, 30.0, 30.0]


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


class Noting:
    """One of the two, and what it is told to do."""

    def __init__(self) -> None:
        self.told: list[str] = []

    async def warm(self) -> None:
        self.told.append("warm")

    async def aclose(self) -> None:
        self.told.append("aclose")

    def renew(self) -> None:
        self.told.append("renew")


@pytest.mark.anyio
@pytest.mark.parametrize("has_stream", [True, False])
async def test_both_ways_are_warmed_renewed_and_closed_and_rest_alone_where_there_is_no_other(
    *, has_stream: bool
) -> None:
    rest, over_stream = Noting(), Noting()
    gateway: Any = StreamGateway(rest, over_stream if has_stream else None)  # type: ignore[arg-type]
    await gateway.warm()
    gateway.renew()
    await gateway.aclose()
    assert rest.told == ["warm", "renew", "aclose"]
    assert over_stream.told == (rest.told if has_stream else [])
