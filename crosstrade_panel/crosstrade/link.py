"""One connection of our own to the API: HTTP/1.1 without a pool, given up by reset.

A pool would be a second owner of the socket: it leaks slots when requests are cancelled under contention
(https://github.com/encode/httpcore/issues/1093), and it closes with a FIN where a reset is meant. So httpx
speaks through a transport that holds exactly one connection of httpcore.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Mapping

import httpcore
import httpx

from crosstrade_panel.crosstrade.address import BaseUrl
from crosstrade_panel.crosstrade.pipe import Dial, Pipe
from crosstrade_panel.domain.outcome import Cause
from crosstrade_panel.trading.ports import Clock


class TooLargeError(Exception):
    """The body of a reply is larger than we are willing to read."""


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
        self.connecting: asyncio.Timeout | None = None

    async def __call__(self, event: str, _info: Mapping[str, object]) -> None:
        """Note a step."""
        match event:
            case "http11.send_request_headers.started":
                self.left_at = self._clock.monotonic()
                self._mid_exchange(now=True).hold()
            case "http11.send_request_body.complete":
                await self._mid_exchange(now=True).let_go()
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
        elif self.connecting is not None and not self.connecting.expired():
            self.connecting.reschedule(asyncio.get_running_loop().time())

    @property
    def was_cut_off(self) -> bool:
        """Whether the connection ended before the reply did."""
        return self.pipe is not None and self.pipe.told_its_end

    def _mid_exchange(self, *, now: bool) -> Pipe:
        assert self.pipe is not None  # noqa: S101 - known before anything is sent
        self.pipe.mid_exchange = now
        return self.pipe


def _generator(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """What httpx and httpcore declare as an iterator is a generator, and wants to be closed in time."""
    assert isinstance(chunks, AsyncGenerator)  # noqa: S101
    return chunks


class _Body(httpx.AsyncByteStream):
    """The body of a reply: to be read from here, and closed in time.

    The generators of httpx and httpcore around it do not close one another. One that is broken off ends when
    it is collected, which on Qt's loop is in the middle of anything: it fails, and nobody can catch that.
    """

    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        stream = self._response.stream
        assert isinstance(stream, AsyncIterable)  # noqa: S101
        async with contextlib.aclosing(_generator(aiter(stream))) as chunks:
            async for chunk in chunks:
                yield chunk

    async def aclose(self) -> None:
        await self._response.aclose()


class _NoLock:
    """Stands in for the lock around httpcore's state, which costs a turn of the loop each time it is taken.

    A link carries one request at a time, and no turn passes while the state is looked at and changed.
    """

    async def __aenter__(self) -> None:
        """Nobody else is there."""

    async def __aexit__(self, *_: object) -> None:
        """Nobody waits."""


class _Connection(httpcore.AsyncHTTP11Connection):
    def __init__(self, origin: httpcore.Origin, pipe: Pipe) -> None:
        super().__init__(origin, pipe)
        self._state_lock = _NoLock()  # type: ignore[assignment]


class _OneConnection(httpx.AsyncBaseTransport):
    """A transport that speaks over the pipe it was given last."""

    def __init__(self, base_url: BaseUrl) -> None:
        self._origin = httpcore.Origin(base_url.scheme.encode(), base_url.host.encode(), base_url.port)
        self._http: httpcore.AsyncHTTP11Connection | None = None

    def use(self, pipe: Pipe) -> None:
        """Speak over this connection from now on."""
        self._http = _Connection(self._origin, pipe)

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
        body = _Body(response)
        return httpx.Response(
            response.status, headers=response.headers, stream=body, extensions={"body": body}
        )


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
        self._is_over = False
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
        if not self.is_open:  # a press mostly finds it open, and waits for no timer to be made
            async with asyncio.timeout(limit_s), self._opening:
                await self._connect()

    async def _connect(self) -> None:
        """Connect, unless another one did while this one waited."""
        if self.is_open:
            return
        if self._pipe is not None:
            await self._pipe.aclose()
        self._pipe = await self._dial.connect(lambda: self._on_lost(self))
        if self._is_over:  # meanwhile; nobody else would ever close it
            self._pipe.reset()
            raise ConnectionAbortedError
        self._transport.use(self._pipe)
        self.proven_at = self._clock.monotonic()

    async def exchange(
        self, request: httpx.Request, progress: Progress, *, connect_s: float, cap_bytes: int
    ) -> bytes:
        """Send a request once and return the body of its reply; status and headers are in the progress.

        Raises:
            Exception: whatever httpx, httpcore, TLS or the system say; the progress tells how far it got.
        """
        async with asyncio.timeout(None) as progress.connecting:
            await self.open(connect_s)
            progress.pipe = self._pipe
        if progress.given_up is not None:
            raise TimeoutError
        response = await self._client.send(request, stream=True)
        try:
            progress.status = response.status_code
            progress.headers = {name.lower(): value for name, value in response.headers.items()}
            # Raw: we ask for no compression; what comes compressed all the same is unreadable, and no bomb.
            body = bytearray()
            async with contextlib.aclosing(_generator(aiter(response.extensions["body"]))) as chunks:
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
        self._is_over = True
        if self._pipe is not None:
            self._pipe.mid_exchange = False
            await self._pipe.aclose()
        await self._client.aclose()

    def give_up(self, cause: Cause) -> None:
        """End the request under way, by reset."""
        assert self.progress is not None  # noqa: S101 - asked of a busy link only
        self.progress.give_up(cause)

    @property
    def was_connected(self) -> bool:
        """Whether it ever had a connection."""
        return self._pipe is not None

    def reset(self) -> None:
        """End the connection now, with an RST, and connect no more."""
        self._is_over = True
        if self._pipe is not None:
            self._pipe.reset()

    def abandon(self) -> None:
        """End it whatever it does; a request under way fails, as having no link."""
        if self.progress is not None:
            self.progress.give_up(Cause.NO_LINK)
        self.reset()
