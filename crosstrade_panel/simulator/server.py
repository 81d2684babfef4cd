"""The practice exchange on a loopback socket of its own, in a thread of its own."""

from __future__ import annotations

import asyncio
import math
import os
import secrets
import shlex
import signal
import sys
import threading
import time
from contextlib import contextmanager, suppress
from hmac import compare_digest
from http import HTTPStatus
from typing import TYPE_CHECKING, Self

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Mount, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from uvicorn.protocols.utils import ClientDisconnected

from crosstrade_panel.simulator import wire
from crosstrade_panel.simulator.api import Answer, Api
from crosstrade_panel.simulator.book import Book, BookError, PendingReverse
from crosstrade_panel.simulator.bucket import TokenBucket
from crosstrade_panel.simulator.calls import CallLog
from crosstrade_panel.simulator.faults import Call, Faults, Reply
from crosstrade_panel.simulator.ledger import DEFAULT_ACCOUNTS, PracticeAccount
from crosstrade_panel.simulator.listener import (
    HOST,
    Links,
    LoopbackServer,
    PracticeError,
    connection_type,
    listening_socket,
)

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator, Sequence
    from types import FrameType, TracebackType

    from starlette.types import Receive, Scope, Send

    _SignalHandler = Callable[[int, FrameType | None], object] | int | signal.Handlers | None

TOKEN_VARIABLE = "CROSSTRADE_PRACTICE_TOKEN"  # noqa: S105  # the name of a variable

_POLL_S = 0.01
_START_DEADLINE_S = 10.0
_STOP_DEADLINE_S = 5.0
_VIOLATIONS_IN_A_ROW = 10
_POLICY_VIOLATION = 1008
_TAKEN_OVER = 4000


class PracticeExchange:
    """One exchange: a book, a budget, a token and the socket they are reached over.

    `clock` gives monotonic seconds; the book moves only as it does. `calls` is the log of what arrived.
    """

    def __init__(
        self,
        *,
        seed: int = 1,
        port: int = 0,
        token: str | None = None,
        accounts: Sequence[PracticeAccount] = DEFAULT_ACCOUNTS,
        book: Book | None = None,
        clock: Callable[[], float] = time.monotonic,
        budget: TokenBucket | None = None,
        faults: Faults | None = None,
        keep_alive_s: int = 75,
    ) -> None:
        self.token = secrets.token_hex(16) if token is None else token
        self.calls = CallLog()
        self._book = Book(seed=seed, accounts=accounts) if book is None else book
        if faults is not None:
            self._book.faults = faults
        self._api = Api(self._book)
        self._clock = clock
        self._budget = TokenBucket() if budget is None else budget
        self._wanted_port = port
        self._keep_alive_s = keep_alive_s
        self._lock = threading.RLock()
        self._socket: socket.socket | None = None
        self._port: int | None = None
        self._server: LoopbackServer | None = None
        self._thread: threading.Thread | None = None
        self._session: WebSocket | None = None
        self._links = Links()

    # ---- for its owner

    @property
    def base_url(self) -> str:
        """`http://127.0.0.1:PORT`, once started."""
        if self._port is None:
            raise PracticeError("the practice exchange was not started")
        return f"http://{HOST}:{self._port}"

    @property
    def stream_url(self) -> str:
        """`ws://127.0.0.1:PORT/ws/stream`, once started."""
        return f"ws{self.base_url.removeprefix('http')}/ws/stream"

    @property
    def faults(self) -> Faults:
        """What goes wrong on purpose; may be replaced at any moment."""
        return self._book.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._book.faults = faults

    def start(self) -> None:
        """Listen; returns when requests are answered. PracticeError when it cannot."""
        if self._thread is not None:
            raise PracticeError("the practice exchange is started once")
        self._socket = listening_socket(self._wanted_port)
        self._port = self._socket.getsockname()[1]
        with self.book_now():
            pass
        self._server = LoopbackServer(self._config(), self._port, self._tick)
        self._thread = threading.Thread(target=self._run, name="practice exchange", daemon=True)
        self._thread.start()
        if not self._server.ready.wait(_START_DEADLINE_S) or not self._thread.is_alive():
            self.stop()
            raise PracticeError(f"the practice exchange did not come up on {HOST}:{self._port}")

    def stop(self) -> None:
        """Close everything and wait for the thread. Harmless when stopped already, or never started."""
        if self._server is not None:
            self._server.leave()
        if self._thread is not None:
            self._thread.join(_STOP_DEADLINE_S)
        if self._socket is not None:
            self._socket.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @contextmanager
    def book_now(self) -> Iterator[Book]:
        """The book as of this moment, held still: nobody else touches it meanwhile."""
        with self._lock:
            self._book.advance(self._clock())
            yield self._book

    def wait_until(self, condition: Callable[[Book], bool], timeout_s: float = 5.0) -> bool:
        """Wait until the book meets a condition. False when the time is over first."""
        deadline = time.monotonic() + timeout_s
        while True:
            with self.book_now() as book:
                if condition(book):
                    return True
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL_S)

    # ---- in its thread

    def _config(self) -> uvicorn.Config:
        app = Starlette(routes=[WebSocketRoute("/ws/stream", self._stream), Mount("/", app=self._http)])
        return uvicorn.Config(
            app,
            http=connection_type(self._links),
            ws="websockets-sansio",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            ws_ping_interval=None,
            ws_per_message_deflate=False,
            timeout_keep_alive=self._keep_alive_s,
        )

    def _run(self) -> None:
        server, listening = self._server, self._socket
        assert server is not None  # noqa: S101  # set by start
        assert listening is not None  # noqa: S101
        try:
            # The selector loop everywhere: Windows' other one can lose a listening socket (CPython #93821).
            with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
                runner.run(server.serve(sockets=[listening]))
        finally:
            server.ready.set()

    def _tick(self) -> None:
        with self.book_now():
            pass

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await WebSocket(scope, receive, send).close()
            return
        request = Request(scope, receive)
        try:
            body = await request.body()
        except ClientDisconnect:
            return
        path, query = scope["raw_path"].decode("latin-1"), scope["query_string"].decode("latin-1")
        call = self.calls.arrived(request.method, f"{path}?{query}" if query else path, body, self._clock())
        link = self._link(scope)
        reply = self._refused_at_the_door(request.headers.get("authorization", ""))
        if reply is None:
            reply = await self._carried_out(
                call, link, lambda: self._api.rest(request.method, path, query, body, _wall_ms())
            )
        if reply is None:
            # Somebody decided that nothing is sent: the link is theirs until it is gone.
            while (await receive())["type"] != "http.disconnect":
                pass
            return
        response = Response(reply.body, reply.status, dict(reply.headers), media_type="application/json")
        self.calls.answered(call, reply.status, self._clock())
        await response(scope, receive, send)

    def _link(self, scope: Scope) -> asyncio.Transport | None:
        return self._links.get(scope["client"])

    def _refused_at_the_door(self, authorization: str) -> Reply | None:
        if not self._is_authorized(authorization):
            return _reply(Answer(401, {"error": "Unauthorized"}))
        wait_s = self._over_budget()
        if wait_s:
            reply = _reply(Answer(429, {"error": "Rate limit exceeded"}))
            return Reply(reply.status, reply.body, (("Retry-After", str(math.ceil(wait_s))),))
        return None

    def _is_authorized(self, authorization: str) -> bool:
        scheme, _, given = authorization.partition(" ")
        return compare_digest(given.encode(), self.token.encode()) and scheme.lower() == "bearer"

    def _over_budget(self) -> float:
        with self._lock:
            return self._budget.take(self._clock())

    async def _carried_out(
        self, call: Call, link: asyncio.Transport | None, act: Callable[[], Answer | PendingReverse]
    ) -> Reply | None:
        """The one way from a request to its answer, for both transports: fault, act, wait, fault."""
        instead = await self.faults.before(call, link)
        if instead is not None:
            return instead
        with self.book_now():
            answer = act()
        if isinstance(answer, PendingReverse):
            # Under way: it happened, whether or not anybody waits for the answer.
            self.calls.acted(call)
            answer = await self._reversed(answer)
        elif answer.acted:
            self.calls.acted(call)
        return await self.faults.after(call, _reply(answer), link)

    async def _reversed(self, pending: PendingReverse) -> Answer:
        server = self._server
        while server is not None and not server.should_exit:
            with self.book_now():
                answer = self._api.reversed(pending)
            if answer is not None:
                return answer
            await asyncio.sleep(_POLL_S)
        return Answer(503, wire.refusal("The practice exchange is closing"))

    # ---- the stream

    async def _stream(self, stream: WebSocket) -> None:
        handshake = self.calls.arrived("GET", "/ws/stream", b"", self._clock())
        refused = self._refused_at_the_door(stream.headers.get("authorization", ""))
        if refused is not None:
            self.calls.answered(handshake, refused.status, self._clock())
            denial = Response(
                refused.body, refused.status, dict(refused.headers), media_type="application/json"
            )
            await stream.send_denial_response(denial)
            # Returning would be logged as a handshake never completed; uvicorn takes this for the end.
            raise ClientDisconnected
        await stream.accept()
        self.calls.answered(handshake, HTTPStatus.SWITCHING_PROTOCOLS, self._clock())
        previous, self._session = self._session, stream
        if previous is not None:
            with suppress(RuntimeError, WebSocketDisconnect):
                await previous.close(_TAKEN_OVER, "Session active elsewhere")
        answering: set[asyncio.Task[None]] = set()
        try:
            await self._converse(stream, answering)
        finally:
            if self._session is stream:
                self._session = None
            for task in answering:
                task.cancel()
            await asyncio.gather(*answering, return_exceptions=True)

    async def _converse(self, stream: WebSocket, answering: set[asyncio.Task[None]]) -> None:
        violations = 0
        while (message := await stream.receive())["type"] == "websocket.receive":
            raw: bytes = message.get("bytes") or (message.get("text") or "").encode()
            call = self.calls.arrived("WS", "/ws/stream", raw, self._clock())
            try:
                frame = wire.body_object(raw)
            except BookError:
                frame = {}
            if self._over_budget():
                violations += 1
                await self._say(stream, call, 429, {"id": frame.get("id"), "error": "Rate limit exceeded"})
                if violations >= _VIOLATIONS_IN_A_ROW:
                    await stream.close(_POLICY_VIOLATION, "Rate limit exceeded")
                    return
                continue
            violations = 0
            if frame.get("action") == "rpc":
                # A reverse takes seconds; what comes behind it is answered meanwhile.
                task = asyncio.create_task(self._answer_rpc(stream, call, frame))
                answering.add(task)
                task.add_done_callback(answering.discard)
            elif frame.get("action") == "ping":
                await self._say(stream, call, 200, {"type": "pong"})
            else:
                await self._say(stream, call, 400, {"id": frame.get("id"), "error": "Invalid request"})

    async def _answer_rpc(self, stream: WebSocket, call: Call, frame: wire.Row) -> None:
        function, args = frame.get("api"), frame.get("args", {})
        reply = await self._carried_out(call, self._link(stream.scope), lambda: self._api.rpc(function, args))
        if reply is not None:
            body = b'{"id":%b,"data":%b}' % (wire.encode(frame.get("id")), reply.body)
            await self._send(stream, call, reply.status, body)

    async def _say(self, stream: WebSocket, call: Call, status: int, data: wire.Row) -> None:
        await self._send(stream, call, status, wire.encode(data))

    async def _send(self, stream: WebSocket, call: Call, status: int, body: bytes) -> None:
        # Closed by us or by the client meanwhile: there is nobody to tell.
        with suppress(RuntimeError, WebSocketDisconnect):
            await stream.send_text(body.decode(errors="replace"))
            self.calls.answered(call, status, self._clock())


def _reply(answer: Answer) -> Reply:
    return Reply(answer.status, wire.encode(answer.data))


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


def serve_alone(*, port: int, seed: int, out: Callable[[str], None]) -> int:
    """Run one exchange until Ctrl-C or SIGTERM, saying how a client reaches it. The exit code."""
    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    if not (token.isascii() and token.replace(" ", "?").isprintable()):
        out(f"{TOKEN_VARIABLE} may hold printable ASCII characters only.")
        return 1
    exchange = PracticeExchange(seed=seed, port=port, token=token or None)
    try:
        exchange.start()
    except PracticeError as error:
        out(f"{error}.")
        return 1
    over = threading.Event()
    before = _on_signals(lambda _number, _frame: over.set())
    try:
        for line in _directions(exchange):
            out(line)
        # Short waits: on Windows a signal is seen only between them.
        while not over.wait(0.25):
            pass
    except KeyboardInterrupt:
        pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        exchange.stop()
    out("Practice exchange closed.")
    return 0


def _on_signals(handler: Callable[[int, FrameType | None], None]) -> dict[signal.Signals, _SignalHandler]:
    """Install a handler for both ways of being asked to end. What was there before; nothing elsewhere."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    return {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}


def _directions(exchange: PracticeExchange) -> tuple[str, ...]:
    url, token = exchange.base_url, exchange.token
    # The panel looks at XTRADE_TOKEN first: where that is set, it would overrule the other one.
    variable = "XTRADE_TOKEN" if "XTRADE_TOKEN" in os.environ else "CROSSTRADE_TOKEN"
    panel = f"crosstrade-panel status --base-url {url}"
    return (
        f"Practice exchange on {url} - Ctrl-C ends it. Clients pass its token like this:",
        f"curl -H {shlex.quote(f'Authorization: Bearer {token}')} {url}/v1/api/positions",
        f"$env:{variable}='{token}'; {panel}"
        if sys.platform == "win32"
        else f"{variable}={shlex.quote(token)} {panel}",
    )
