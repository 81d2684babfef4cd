"""One TCP or TLS connection: made, used by httpcore, and ended politely or by reset."""

import asyncio
import contextlib
import itertools
import socket
import ssl
import struct
import sys
from collections.abc import Callable
from typing import Any, TypeAlias

import httpcore

from crosstrade_panel.crosstrade.address import BaseUrl
from crosstrade_panel.crosstrade.proxy import Proxy, ProxyError, open_tunnel
from crosstrade_panel.domain.value import dataclass

# Two unsigned shorts on Windows, two ints elsewhere: on, and zero seconds to linger; a close is then a reset.
_LINGER = struct.pack("HH" if sys.platform == "win32" else "ii", 1, 0)
Address: TypeAlias = "tuple[int, tuple[Any, ...]]"
"""Family and what the socket module takes for an address of it."""

_HIGH_WATER = 256 * 1024
_HEAD_START_S = 0.25
_GOODBYE_S = 0.25

# How long sent bytes may stay unacknowledged before the system gives the connection up:
# platform → (protocol level, option, units in a second). Neither is in the socket module everywhere.
_DEAD_PEER_OPTIONS = {
    "linux": (socket.IPPROTO_TCP, 18, 1000),  # TCP_USER_TIMEOUT
    "darwin": (socket.IPPROTO_TCP, 0x80, 1),  # TCP_RXT_CONNDROPTIME
    "win32": (socket.IPPROTO_TCP, 5, 1),  # TCP_MAXRT
}


def notice_dead_peer(sock: socket.socket, seconds: float, platform: str = sys.platform) -> None:
    """Have the system end the connection when sent bytes stay unacknowledged for so long, where it can."""
    option = _DEAD_PEER_OPTIONS.get(platform)
    if option is not None:
        level, name, units = option
        with contextlib.suppress(OSError):  # an old Windows: then the deadline finds out
            sock.setsockopt(level, name, max(1, round(seconds * units)))


def reset(sock: socket.socket, transport: asyncio.Transport, platform: str = sys.platform) -> None:
    """End a connection now, with an RST: what has not left this machine never will."""
    with contextlib.suppress(OSError):  # gone already
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
    transport.abort()
    if platform == "win32":
        # There the transport says goodbye before it closes, which would be no reset; and it closes later.
        getattr(sock, "_sock", sock).close()


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
        self._held: bytearray | None = None
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
            await self._unless_left(self._news)
        taken = bytes(self._buffer[:max_bytes])
        del self._buffer[:max_bytes]
        if not self._reading and not self._buffer and not self._lost.is_set():
            self._reading = True
            self._connected.resume_reading()
        return taken

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002, ASYNC109
        """Hand bytes to the system, or keep them while they are held."""
        if self._connected.is_closing():
            raise httpcore.WriteError("connection lost") from self._error
        if self._held is not None:
            self._held += buffer
            return
        self._connected.write(buffer)
        await self._unless_left(self._writable)

    async def _unless_left(self, event: asyncio.Event) -> None:
        try:
            await event.wait()
        except asyncio.CancelledError:
            # The program is being left, which gives nothing up: what was written may still arrive.
            self.mid_exchange = False
            raise

    async def aclose(self) -> None:
        """Close: a goodbye when idle, a reset in the middle of an exchange."""
        if self.mid_exchange:
            self.reset()
        elif (
            not self._connected.is_closing()
        ):  # Python 3.11.2's TLS transport does not survive a second close
            self._connected.close()
        # A peer that does not answer the goodbye is not waited for.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GOODBYE_S):
                await self._lost.wait()
        self._connected.abort()

    # what the link calls

    def hold(self) -> None:
        """Keep what is written until `let_go`: head and body leave as one record, in one call."""
        self._held = bytearray()

    async def let_go(self) -> None:
        """Hand over what was held."""
        held, self._held = self._held, None
        if held:
            await self.write(bytes(held))

    @property
    def is_open(self) -> bool:
        """Whether a request could go out now: connected, not ended, nothing there that nobody asked for."""
        return not (self._buffer or self._ended or self._lost.is_set() or self._connected.is_closing())

    def reset(self) -> None:
        """End it now, with an RST: what has not left this machine never will."""
        reset(self.sock, self._connected)

    @property
    def sock(self) -> socket.socket:
        """The socket beneath."""
        assert self._sock is not None  # noqa: S101 - as below
        return self._sock

    @property
    def _connected(self) -> asyncio.Transport:
        assert self._transport is not None  # noqa: S101 - a pipe is handed out connected
        return self._transport


@dataclass(frozen=True, slots=True)
class Dial:
    """How connections are made. `tls` is asked for at the first connection; seconds throughout.

    `proxy`: what https goes through, None for straight ahead. Plain http, to this machine, never does.
    """

    base_url: BaseUrl
    tls: Callable[[], ssl.SSLContext]
    dead_peer_s: float
    proxy: Proxy | None = None

    async def connect(self, on_lost: Callable[[], None]) -> Pipe:
        """Connect, TLS included.

        Raises:
            OSError: it failed; certificate problems are ssl.SSLCertVerificationError.
            UnicodeError: the host cannot be the name of one.
            ProxyError: the proxy did not let it through.
        """
        secure = self.base_url.is_secure
        tls = self.tls() if secure else None
        sock = await self.connect_socket()
        _, pipe = await asyncio.get_running_loop().create_connection(
            lambda: Pipe(on_lost),
            sock=sock,
            ssl=tls,
            server_hostname=self.base_url.bare_host if secure else None,
        )
        notice_dead_peer(sock, self.dead_peer_s)
        return pipe

    async def connect_socket(self) -> socket.socket:
        """A socket on which the server listens, through the proxy where there is one; no TLS yet.

        Raises:
            OSError, UnicodeError, ProxyError: as `connect`.
        """
        proxy = self.proxy if self.base_url.is_secure else None
        if proxy is None:
            return await connect_socket(await _addresses(self.base_url))
        if not proxy.host:
            raise ProxyError(proxy.address)
        try:
            sock = await connect_socket(await _addresses(proxy))
        except (OSError, UnicodeError) as error:
            raise ProxyError(proxy.address) from error
        try:
            await open_tunnel(sock, proxy, self.base_url)
        except BaseException:
            sock.close()
            raise
        return sock


async def _addresses(of: BaseUrl | Proxy) -> list[Address]:
    """Where the host is: of each family in turn, beginning with the one the system prefers."""
    host, port = of.bare_host, of.port
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    preferred = [(each[0], each[4]) for each in found if each[0] == found[0][0]]
    others = [(each[0], each[4]) for each in found if each[0] != found[0][0]]
    in_turn = itertools.zip_longest(preferred, others)
    return [address for pair in in_turn for address in pair if address is not None]


async def connect_socket(addresses: list[Address], head_start_s: float = _HEAD_START_S) -> socket.socket:
    """A socket connected to the first address that answers; each gets a head start on the next.

    asyncio can do so itself (`happy_eyeballs_delay`), and leaks the socket when it is cancelled just as one
    connects.

    Raises:
        OSError: none answered.
    """
    attempts: list[asyncio.Task[socket.socket]] = []
    chosen: socket.socket | None = None
    try:
        for address in addresses:
            attempts.append(asyncio.create_task(_connect_to(address)))
            chosen = await _first(attempts, head_start_s)
            if chosen is not None:
                return chosen
        while any(not attempt.done() for attempt in attempts):
            chosen = await _first(attempts, None)
            if chosen is not None:
                return chosen
        raise attempts[0].exception() or OSError
    finally:
        # Nothing is awaited here: a second cancellation could strike, and a socket would be lost.
        for attempt in attempts:
            if attempt.cancel() or attempt.cancelled() or attempt.exception() is not None:
                continue
            if attempt.result() is not chosen:
                attempt.result().close()


async def _first(attempts: list[asyncio.Task[socket.socket]], within_s: float | None) -> socket.socket | None:
    """The socket of the first attempt that succeeds; None once another one ends or the time is over."""
    waiting = [attempt for attempt in attempts if not attempt.done()]
    done, _ = await asyncio.wait(waiting, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
    return next((attempt.result() for attempt in done if attempt.exception() is None), None)


async def _connect_to(address: Address) -> socket.socket:
    family, where = address
    # With the protocol named: only then asyncio turns Nagle's algorithm off, which costs a press 40 ms.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setblocking(False)  # noqa: FBT003
        await asyncio.get_running_loop().sock_connect(sock, where)
    except BaseException:
        sock.close()
        raise
    return sock
