"""One connection of our own to the API: HTTP/1.1 without a pool, given up by reset.

A pool would be a second owner of the socket: it leaks slots when requests are cancelled under contention
(https://github.com/encode/httpcore/issues/1093), and it closes with a FIN where a reset is meant. So httpx
speaks through a transport that holds exactly one connection of httpcore, over a stream that knows how to die.
"""

import asyncio
import contextlib
import socket
import ssl
import struct
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from dataclasses import dataclass

import httpcore
import httpx

from crosstrade_panel.crosstrade.address import BaseUrl
from crosstrade_panel.domain.outcome import Cause
from crosstrade_panel.trading.ports import Clock

# Two unsigned shorts on Windows, two ints elsewhere: on, and zero seconds to linger; a close is then a reset.
_LINGER = struct.pack("HH" if sys.platform == "win32" else "ii", 1, 0)
_HIGH_WATER = 256 * 1024
_HAPPY_EYEBALLS_S = 0.25
_GOODBYE_S = 0.25
_PLAIN_ENCODINGS = frozenset({"", "identity"})

# How long sent bytes may stay unacknowledged before the system gives the connection up:
# platform → (protocol level, option, units in a second). Neither is in the socket module everywhere.
_DEAD_PEER_OPTIONS = {
    "linux": (socket.IPPROTO_TCP, 18, 1000),  # TCP_USER_TIMEOUT
    "darwin": (socket.IPPROTO_TCP, 0x80, 1),  # TCP_RXT_CONNDROPTIME
    "win32": (socket.IPPROTO_TCP, 5, 1),  # TCP_MAXRT
}


def default_tls() -> ssl.SSLContext:
    """A context that trusts what httpx ships; 20–110 ms of work, so make it once and off the event loop."""
    return httpx.create_ssl_context(trust_env=False)


class TooLargeError(Exception):
    """The body of a reply is larger than we are willing to read."""


class EncodedError(Exception):
    """The body of a reply is compressed although we asked for it plain."""


def notice_dead_peer(sock: socket.socket, seconds: float, platform: str = sys.platform) -> None:
    """Have the system end the connection when sent bytes stay unacknowledged for so long, where it can."""
    option = _DEAD_PEER_OPTIONS.get(platform)
    if option is not None:
        level, name, units = option
        with contextlib.suppress(OSError):  # an old Windows: then the deadline finds out
            sock.setsockopt(level, name, max(1, round(seconds * units)))


class Pipe(asyncio.Protocol, httpcore.AsyncNetworkStream):
    """One TCP or TLS connection as httpcore wants it.

    `mid_exchange`: a request is under way; whatever closes the connection then resets it, so that no byte
    which still waits in this machine is delivered later. `told_its_end`: the reader has met the end.
    """

    def __init__(self, on_lost: Callable[[], None]) -> None:
        """Not connected yet; `on_lost` is called once when the connection is gone."""
        self.mid_exchange = False
        self._on_lost = on_lost
        self._transport: asyncio.Transport | None = None
        self._sock: socket.socket | None = None
        self._buffer = bytearray()
        self._ended = False
        self._lost = asyncio.Event()
        self._error: Exception | None = None
        self._news = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._reading = True
        self.told_its_end = False

    # what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - create_connection makes no other
        self._transport = transport
        # Remembered, because a TLS transport forgets it before it is gone.
        self._sock = transport.get_extra_info("socket")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._reading and len(self._buffer) > _HIGH_WATER:
            self._reading = False
            self._connected.pause_reading()
        self._news.set()

    def eof_received(self) -> None:
        self._ended = True
        self._news.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._error = exc
        self._lost.set()
        self._news.set()
        self._writable.set()
        self._on_lost()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    # what httpcore calls

    # The time limits that httpcore passes are not kept here: the gateway's deadline is over the whole call.

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002, ASYNC109
        """The next bytes; none at the end of the stream."""
        while not self._buffer:
            self.told_its_end = self._ended or self._lost.is_set()
            if self._ended:
                return b""
            if self._lost.is_set():
                raise httpcore.ReadError("connection lost") from self._error
            self._news.clear()
            await self._news.wait()
        taken = bytes(self._buffer[:max_bytes])
        del self._buffer[:max_bytes]
        if not self._reading and not self._buffer and not self._lost.is_set():
            self._reading = True
            self._connected.resume_reading()
        return taken

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002, ASYNC109
        """Hand bytes to the system."""
        if self._connected.is_closing():
            raise httpcore.WriteError("connection lost") from self._error
        self._connected.write(buffer)
        await self._writable.wait()

    async def aclose(self) -> None:
        """Close: a goodbye when idle, a reset in the middle of an exchange."""
        if self.mid_exchange:
            self.reset()
        else:
            self._connected.close()
        # A peer that does not answer the goodbye is not waited for.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GOODBYE_S):
                await self._lost.wait()
        self._connected.abort()

    # what the link calls

    @property
    def is_open(self) -> bool:
        """Whether a request could go out now: connected, not ended, nothing there that nobody asked for."""
        return not (self._buffer or self._ended or self._lost.is_set() or self._connected.is_closing())

    def reset(self) -> None:
        """End it now, with an RST: what has not left this machine never will."""
        with contextlib.suppress(OSError):  # gone already
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
        self._connected.abort()

    @property
    def sock(self) -> socket.socket:
        """The socket beneath."""
        assert self._sock is not None  # noqa: S101 - as below
        return self._sock

    @property
    def _connected(self) -> asyncio.Transport:
        assert self._transport is not None  # noqa: S101 - a pipe is handed out connected
        return self._transport


class Progress:
    """How far one request got; httpcore calls it at every step (its `trace` extension).

    Monotonic seconds: `left_at` when the first byte may have left, `sent_at` when the last was handed over.
    `answered_at` when the last byte of the reply was read. `given_up`: why we stopped waiting, if we did.
    `status` and `headers` are those of the reply, 0 before there is one.
    """

    def __init__(self, clock: Clock) -> None:
        """Nothing has happened yet."""
        self._clock = clock
        self.pipe: Pipe | None = None
        self.left_at: float | None = None
        self.sent_at: float | None = None
        self.status = 0
        self.headers: Mapping[str, str] = {}
        self.answered_at: float | None = None
        self.given_up: Cause | None = None

    async def __call__(self, event: str, _info: Mapping[str, object]) -> None:
        """Note a step."""
        match event:
            case "http11.send_request_headers.started":
                self.left_at = self._clock.monotonic()
                self._mid_exchange(now=True)
            case "http11.send_request_body.complete":
                self.sent_at = self._clock.monotonic()
            case "http11.receive_response_body.complete":
                self.answered_at = self._clock.monotonic()
                self._mid_exchange(now=False)
            case _:
                pass

    @property
    def may_have_left(self) -> bool:
        """Whether any byte of the request may have left the machine."""
        return self.left_at is not None

    def give_up(self, cause: Cause) -> None:
        """Stop waiting: reset the connection, at once; the request then fails by itself."""
        self.given_up = cause
        if self.pipe is not None:
            self.pipe.reset()

    @property
    def was_cut_off(self) -> bool:
        """Whether the connection ended before the reply did."""
        return self.pipe is not None and self.pipe.told_its_end

    def _mid_exchange(self, *, now: bool) -> None:
        if self.pipe is not None:
            self.pipe.mid_exchange = now


def _generator(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """What httpx and httpcore declare as an iterator is a generator, and wants to be closed in time."""
    assert isinstance(chunks, AsyncGenerator)  # noqa: S101
    return chunks


class _Body(httpx.AsyncByteStream):
    """The body of a reply, as httpx wants it."""

    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async with contextlib.aclosing(_generator(self._response.aiter_stream())) as chunks:
            async for chunk in chunks:
                yield chunk

    async def aclose(self) -> None:
        await self._response.aclose()


class _OneConnection(httpx.AsyncBaseTransport):
    """A transport that speaks over the pipe it was given last."""

    def __init__(self, base_url: BaseUrl) -> None:
        self._origin = httpcore.Origin(base_url.scheme.encode(), base_url.host.encode(), base_url.port)
        self._http: httpcore.AsyncHTTP11Connection | None = None

    def use(self, pipe: Pipe) -> None:
        """Speak over this connection from now on."""
        self._http = httpcore.AsyncHTTP11Connection(self._origin, pipe)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        assert self._http is not None  # noqa: S101 - a link opens before it sends
        assert isinstance(request.stream, httpx.AsyncByteStream)  # noqa: S101
        response = await self._http.handle_async_request(
            httpcore.Request(
                request.method,
                httpcore.URL(
                    scheme=self._origin.scheme,
                    host=self._origin.host,
                    port=self._origin.port,
                    target=request.url.raw_path,
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(response.status, headers=response.headers, stream=_Body(response))


@dataclass(frozen=True, slots=True)
class Dial:
    """How connections are made. `tls` is asked for at the first connection; seconds throughout."""

    base_url: BaseUrl
    tls: Callable[[], ssl.SSLContext]
    dead_peer_s: float

    async def connect(self, on_lost: Callable[[], None]) -> Pipe:
        """Connect, TLS included.

        Raises:
            OSError: it failed; certificate problems are ssl.SSLCertVerificationError.
        """
        base_url = self.base_url
        _, pipe = await asyncio.get_running_loop().create_connection(
            lambda: Pipe(on_lost),
            base_url.bare_host,
            base_url.port,
            ssl=self.tls() if base_url.is_secure else None,
            happy_eyeballs_delay=_HAPPY_EYEBALLS_S,
        )
        notice_dead_peer(pipe.sock, self.dead_peer_s)
        return pipe


class Link:
    """A connection that carries one request at a time, opened when needed; thrown away after any failure.

    `used_at`, `proven_at`: monotonic seconds of the last request and of the last sign of life. `is_slow`: the
    request it carries takes longer than the others should wait for it.
    """

    def __init__(self, dial: Dial, clock: Clock, on_lost: Callable[["Link"], None]) -> None:
        """Not connected yet; `on_lost` is called whenever its connection is gone."""
        self._dial = dial
        self._clock = clock
        self._on_lost = on_lost
        self._opening = asyncio.Lock()
        self._pipe: Pipe | None = None
        self._transport = _OneConnection(dial.base_url)
        # The deadlines are the gateway's, over the whole call; httpx's would start anew with every byte.
        self._client = httpx.AsyncClient(
            transport=self._transport,
            trust_env=False,
            timeout=None,  # noqa: S113
        )
        self.progress: Progress | None = None
        self.carries_press = False
        self.carried = 0
        self.is_slow = False
        self.used_at = -1.0
        self.proven_at = -1.0

    @property
    def is_idle(self) -> bool:
        """Whether it carries no request."""
        return self.progress is None

    @property
    def is_opening(self) -> bool:
        """Whether it is being connected."""
        return self._opening.locked()

    @property
    def is_open(self) -> bool:
        """Whether a request would need no handshake."""
        return self._pipe is not None and self._pipe.is_open

    def take(self, progress: Progress) -> None:
        """Reserve it for one request."""
        self.progress = progress
        self.used_at = self._clock.monotonic()

    def release(self) -> None:
        """Free it after a request."""
        self.progress = None
        self.is_slow = False

    async def open(self, limit_s: float) -> None:
        """Connect, unless it is connected.

        Raises:
            TimeoutError: not in time.
            OSError: it failed.
        """
        async with asyncio.timeout(limit_s), self._opening:
            if self.is_open:
                return
            if self._pipe is not None:
                await self._pipe.aclose()
            self._pipe = await self._dial.connect(lambda: self._on_lost(self))
            self._transport.use(self._pipe)
            self.proven_at = self._clock.monotonic()

    async def exchange(
        self, request: httpx.Request, progress: Progress, *, connect_s: float, cap_bytes: int
    ) -> bytes:
        """Send a request once and return the body of its reply; status and headers are in the progress.

        Raises:
            Exception: whatever httpx, httpcore, TLS or the system say; the progress tells how far it got.
        """
        await self.open(connect_s)
        progress.pipe = self._pipe
        if progress.given_up is not None:
            raise TimeoutError
        response = await self._client.send(request, stream=True)
        try:
            progress.status = response.status_code
            progress.headers = {name.lower(): value for name, value in response.headers.items()}
            if response.headers.get("content-encoding", "").lower() not in _PLAIN_ENCODINGS:
                raise EncodedError
            body = bytearray()
            async with contextlib.aclosing(_generator(response.aiter_raw())) as chunks:
                async for chunk in chunks:
                    body += chunk
                    if len(body) > cap_bytes:
                        raise TooLargeError
        finally:
            await response.aclose()
        self.carried += 1
        self.proven_at = self._clock.monotonic()
        return bytes(body)

    async def close(self) -> None:
        """Say goodbye; a request that is under way is not called back."""
        if self._pipe is not None:
            self._pipe.mid_exchange = False
            await self._pipe.aclose()
        await self._client.aclose()

    def give_up(self, cause: Cause) -> None:
        """End the request under way, by reset."""
        if self.progress is not None:
            self.progress.give_up(cause)

    def reset(self) -> bool:
        """End the connection now, with an RST; tell whether it ever had one."""
        if self._pipe is None:
            return False
        self._pipe.reset()
        return True
