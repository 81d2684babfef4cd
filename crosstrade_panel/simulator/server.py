"""The practice exchange on a loopback socket of its own, in a thread of its own."""

from __future__ import annotations

import asyncio
import math
import secrets
import threading
import time
from contextlib import aclosing, contextmanager, suppress
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
from crosstrade_panel.simulator.drills import DRILLS
from crosstrade_panel.simulator.faults import Call, Faults, NoFaults, Raw, Reply
from crosstrade_panel.simulator.ledger import DEFAULT_ACCOUNTS, PracticeAccount, StateChange
from crosstrade_panel.simulator.link import Link
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
    from types import TracebackType

    from starlette.types import Receive, Scope, Send

_POLL_S = 0.01
_START_DEADLINE_S = 10.0
_STOP_DEADLINE_S = 5.0
_VIOLATIONS_IN_A_ROW = 10
_POLICY_VIOLATION = 1008
_TAKEN_OVER = 4000


class PracticeExchange:
    """One exchange: a book, a budget, a token and the socket they are reached over.

    `clock` gives monotonic seconds; the book moves only as it does. `calls` is the log of what arrived.
    `time_scale` multiplies every delay of the book and of the drills; a given book has its own.
    """

    def __init__(  # noqa: PLR0913  # everything has a default
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
        time_scale: float = 1.0,
    ) -> None:
        self.token = secrets.token_hex(16) if token is None else token
        self.calls = CallLog()
        self._book = Book(seed=seed, accounts=accounts, time_scale=time_scale) if book is None else book
        self._drill: str | None = None
        self._api = Api(self._book)
        self._clock = clock
        self._budget = TokenBucket() if budget is None else budget
        self._wanted_port = port
        self._keep_alive_s = keep_alive_s
        self._lock = threading.RLock()
        self._socket: socket.socket | None = None
        self._is_stopped = False
        self._port: int | None = None
        self._server: LoopbackServer | None = None
        self._thread: threading.Thread | None = None
        self._session: WebSocket | None = None
        self._goodbyes: set[asyncio.Task[None]] = set()
        self._links = Links()
        if faults is not None:
            self.faults = faults

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
        self._arm(None, faults)

    @property
    def drill(self) -> str | None:
        """The name of the drill that is armed, of `DRILLS`; None on a good day.

        May be set at any moment, from any thread; setting the same name again arms it afresh. Disarming
        changes no position and no order. ValueError for a name that no drill has.
        """
        return self._drill

    @drill.setter
    def drill(self, name: str | None) -> None:
        if name is not None and name not in DRILLS:
            raise ValueError(f"no drill is called {name!r}")
        self._arm(name, NoFaults() if name is None else DRILLS[name].make(self._clock, self._book.time_scale))

    def story(self) -> tuple[StateChange, ...]:
        """What every position and every working order became, and when; the last 10,000 changes."""
        with self.book_now() as book:
            return book.story()

    def reset(self) -> None:
        """Positions, orders and money as at the start; an armed drill is armed afresh."""
        with self._lock:
            with self.book_now() as book:
                book.reset()
            if self._drill is not None:
                self.drill = self._drill

    @property
    def has_stream(self) -> bool:
        """Whether a stream is open."""
        return self._session is not None

    def close_stream(self, code: int, reason: str, after_s: float = 0.0) -> None:
        """Close the stream that is open then, if one is. Safe from any thread."""

        async def goodbye() -> None:
            await asyncio.sleep(after_s)
            if self._session is not None:
                with suppress(RuntimeError, WebSocketDisconnect):
                    await self._session.close(code, reason)

        def begin() -> None:
            task = asyncio.get_running_loop().create_task(goodbye())
            self._goodbyes.add(task)
            task.add_done_callback(self._goodbyes.discard)

        self._in_loop(begin)

    def close_idle_links(self) -> None:
        """Close every connection that carries no request just now, streams too. Safe from any thread."""

        def close() -> None:
            for link in list(self._links.values()):
                if not link.busy:
                    link.close()

        self._in_loop(close)

    def start(self) -> None:
        """Listen; returns when requests are answered. PracticeError when it cannot."""
        if self._thread is not None:
            raise PracticeError("the practice exchange is started once")
        self._socket = listening_socket(self._wanted_port)
        self._port = self._socket.getsockname()[1]
        with self.book_now():
            pass
        self._server = LoopbackServer(self._config(), self._port, self._tick)
        if self._is_stopped:  # before there was a server that could be asked to leave
            self._socket.close()
            raise PracticeError("the practice exchange was stopped before it came up")
        self._thread = threading.Thread(target=self._run, name="practice exchange", daemon=True)
        self._thread.start()
        if not self._server.ready.wait(_START_DEADLINE_S) or not self._thread.is_alive():
            self.stop()
            raise PracticeError(f"the practice exchange did not come up on {HOST}:{self._port}")

    def stop(self) -> None:
        """Close everything and wait for the thread. Harmless when stopped already, or never started."""
        self._is_stopped = True
        if self._server is not None:
            self._server.leave()
        if (
            self._thread is not None and self._thread.ident is not None
        ):  # else it is about to begin, and leaves
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

    def _arm(self, name: str | None, faults: Faults) -> None:
        with self.book_now() as book:
            book.faults, self._drill = faults, name
            faults.arm(book, self)

    def _in_loop(self, act: Callable[[], None]) -> None:
        """Where nothing runs yet, or any more, there is nothing to act on."""
        if self._server is not None:
            self._server.soon(act)

    # ---- in its thread

    def _config(self) -> uvicorn.Config:
        app = Starlette(routes=[WebSocketRoute("/ws/stream", self._stream), Mount("/", app=self._http)])
        return uvicorn.Config(
            app,
            http=connection_type(self._links, lambda: self.faults, self._clock),
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
        except Exception:
            if not server.should_exit:  # asked to leave while it was still coming up: nothing is lost
                raise
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
        link = self._link(scope)
        whole = f"{path}?{query}" if query else path
        call = self._arrived(link, request.method, whole, body)
        authorization = request.headers.get("authorization", "")
        with _busy(link):
            reply = await self._carried_out(
                call,
                link,
                lambda: self._refused_at_the_door(authorization, call),
                lambda: self._api.rest(request.method, path, query, body, _wall_ms()),
            )
            if isinstance(reply, Reply):
                response = Response(
                    reply.body, reply.status, dict(reply.headers), media_type="application/json"
                )
                self.calls.answered(call, reply.status, self._clock(), reply.body)
                await response(scope, receive, send)
                return
            if reply is not None:
                await self._write_raw(call, reply, link)
            # Somebody decided that nothing more is sent: the link is theirs until it is gone.
            while (await receive())["type"] != "http.disconnect":
                pass

    def _link(self, scope: Scope) -> Link | None:
        return self._links.get(scope["client"])

    def _arrived(self, link: Link | None, method: str, path: str, body: bytes) -> Call:
        at = self._clock()
        began_at = at if link is None or link.began_at is None else link.began_at
        if link is not None:
            link.began_at = None
        return self.calls.arrived(method, path, body, at, began_at)

    async def _write_raw(self, call: Call, raw: Raw, link: Link | None) -> None:
        if link is None:
            return
        if raw.status is not None:
            self.calls.answered(call, raw.status, self._clock())
        if raw.parts is not None:
            async with aclosing(raw.parts(link)) as parts:
                async for part in parts:
                    if link.is_closing():
                        return
                    link.write(part)
                    self.calls.wrote(call, part)
                    await link.drain()
        if raw.ending == "close":
            link.close()
        elif raw.ending == "reset":
            link.reset()

    def _refused_at_the_door(self, authorization: str, call: Call | None = None) -> Reply | None:
        if not self._is_authorized(authorization):
            return _reply(Answer(401, {"error": "Unauthorized"}))
        turned_away = None if call is None else self.faults.door(call)
        if turned_away is not None:
            return _reply(Answer(401, {"error": turned_away}))
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
        self,
        call: Call,
        link: Link | None,
        refused: Callable[[], Reply | None],
        act: Callable[[], Answer | PendingReverse],
    ) -> Reply | Raw | None:
        """The one way from a request to its answer, for both transports: door, fault, act, wait, fault."""
        at_the_door = refused()
        if at_the_door is not None:
            return at_the_door
        # The same all the way: what is armed meanwhile begins with the next request.
        faults = self.faults
        instead = await faults.before(call, link)
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
        return await faults.after(call, _reply(answer), link)

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
        link = self._link(stream.scope)
        handshake = self._arrived(link, "GET", "/ws/stream", b"")
        refused = self._refused_at_the_door(stream.headers.get("authorization", ""), handshake)
        if refused is not None:
            self.calls.answered(handshake, refused.status, self._clock(), refused.body)
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
        self.faults.stream_opened()
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
        violations, link = 0, self._link(stream.scope)
        while (message := await stream.receive())["type"] == "websocket.receive":
            raw: bytes = message.get("bytes") or (message.get("text") or "").encode()
            call = self._arrived(link, "WS", "/ws/stream", raw)
            try:
                frame = wire.body_object(raw)
            except BookError:
                frame = {}
            turned_away = self.faults.door(call)
            if turned_away is not None:
                await self._say(stream, call, 401, {"id": frame.get("id"), "error": turned_away})
                continue
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
        link = self._link(stream.scope)
        with _busy(link):
            reply = await self._carried_out(call, link, lambda: None, lambda: self._api.rpc(function, args))
            if isinstance(reply, Reply):
                body = b'{"id":%b,"data":%b}' % (wire.encode(frame.get("id")), reply.body)
                await self._send(stream, call, reply.status, body)
            elif reply is not None:
                await self._write_raw(call, reply, link)

    async def _say(self, stream: WebSocket, call: Call, status: int, data: wire.Row) -> None:
        await self._send(stream, call, status, wire.encode(data))

    async def _send(self, stream: WebSocket, call: Call, status: int, body: bytes) -> None:
        # Taken before: who is answered may act on it before this thread goes on.
        at = self._clock()
        # Closed by us or by the client meanwhile: there is nobody to tell.
        with suppress(RuntimeError, WebSocketDisconnect):
            await stream.send_text(body.decode(errors="replace"))
            self.calls.answered(call, status, at, body)


@contextmanager
def _busy(link: Link | None) -> Iterator[None]:
    """A request on this link is being answered."""
    if link is None:
        yield
        return
    link.busy += 1
    try:
        yield
    finally:
        link.busy -= 1


def _reply(answer: Answer) -> Reply:
    return Reply(answer.status, wire.encode(answer.data))


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000
