"""What the tests of the stream share: a stream that is closed again, servers that say what they are told."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, Self

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from crosstrade_panel.crosstrade.address import parse_base_url
from crosstrade_panel.crosstrade.stream import Stream, StreamState
from crosstrade_panel.simulator.server import PracticeExchange
from crosstrade_panel.trading.pace import Pace
from tests.crosstrade.gateways import RealClock, until

TOKEN = "made-up-token"
DONE = {"orderIds": ["order-7"], "closedPositions": [], "success": True}
HASTY = replace(Pace(), press_deadline_s=0.3, connect_s=0.5, stream_back_off_s=(0.02, 0.04, 0.08))
"""For what must be given up, and for what must come back."""

Handler = Callable[[ServerConnection], Awaitable[None]]


@contextlib.asynccontextmanager
async def stream_to(
    where: PracticeExchange | str, *, pace: Pace | None = None, is_open: bool = True, **options: Any
) -> AsyncIterator[Stream]:
    """A stream to an exchange or an address, closed afterwards; open unless told otherwise."""
    url = where.base_url if isinstance(where, PracticeExchange) else where
    options.setdefault("token", where.token if isinstance(where, PracticeExchange) else TOKEN)
    options.setdefault("clock", RealClock())
    stream = Stream(parse_base_url(url), pace=pace or Pace(), **options)
    try:
        if is_open:
            async with asyncio.timeout(10):  # longer than connecting may take: it fails, and does not hang
                await stream.warm()
            assert stream.report.state is StreamState.OPEN, stream.report
        yield stream
    finally:
        await stream.aclose()


@dataclass(slots=True)
class Scripted:
    """A server of the library's own, with what it was told at each handshake."""

    url: str = ""
    handshakes: list[Request] = field(default_factory=list)
    peers: list[ServerConnection] = field(default_factory=list)


@contextlib.asynccontextmanager
async def scripted(handler: Handler, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Scripted]:
    """A server that does with each connection what the handler does."""
    server = Scripted()

    async def handle(peer: ServerConnection) -> None:
        assert peer.request is not None
        server.handshakes.append(peer.request)
        server.peers.append(peer)
        handling, closing = asyncio.ensure_future(handler(peer)), asyncio.ensure_future(peer.wait_closed())
        await asyncio.wait([handling, closing], return_when=asyncio.FIRST_COMPLETED)
        # One that waits for something else must not keep a failed test waiting.
        await asyncio.wait([handling], timeout=0.5)
        handling.cancel()
        with contextlib.suppress(ConnectionClosed, asyncio.CancelledError):
            await handling
        closing.cancel()

    async with serve(handle, "127.0.0.1", 0, ssl=tls, ping_interval=None, close_timeout=0.2) as listening:
        port = next(iter(listening.sockets)).getsockname()[1]
        server.url = f"http{'' if tls is None else 's'}://127.0.0.1:{port}"
        yield server


async def asked(peer: ServerConnection) -> dict[str, Any]:
    """The next frame that was sent, which has to be a call of the API."""
    frame = json.loads(await peer.recv())
    assert set(frame) == {"action", "id", "api", "args"}
    assert frame["action"] == "rpc"
    return dict(frame)


async def tell(peer: ServerConnection, frame: dict[str, Any], **data: Any) -> None:
    """Answer a call."""
    await peer.send(json.dumps({"id": frame["id"], "data": data}))


def answering(**fields: Any) -> Handler:
    """Answers every call with an id and these fields."""

    async def handler(peer: ServerConnection) -> None:
        while True:
            frame = await asked(peer)
            await peer.send(json.dumps({"id": frame["id"], **fields}))

    return handler


async def silent(peer: ServerConnection) -> None:
    """Reads, and says nothing; pings are answered by the library."""
    await peer.wait_closed()


class RawPeer:
    """The server's end of one connection, of which the test decides about every byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.protocol = ServerProtocol()
        self.pongs: list[bytes] = []

    async def accept(self) -> Self:
        """Do the handshake."""
        while not (events := self.protocol.events_received()):
            self.protocol.receive_data(await self.reader.read(65536))
        [request] = events
        assert isinstance(request, Request)
        self.protocol.send_response(self.protocol.accept(request))
        self.writer.writelines(self.protocol.data_to_send())
        return self

    async def hear(self) -> dict[str, Any]:
        """The next call; pongs are made, and kept back."""
        while True:
            self.protocol.receive_data(await self.reader.read(65536))
            events = self.protocol.events_received()
            self.pongs += self.protocol.data_to_send()
            for event in events:
                if isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                    return dict(json.loads(bytes(event.data)))

    def say(self, text: str) -> None:
        """Send text; whatever else was due is kept back."""
        self.protocol.send_text(text.encode())
        self.writer.writelines(self.protocol.data_to_send())

    async def how_it_ended(self) -> bytes | Exception:
        """What is left to read, or the error that ended the connection."""
        try:
            return await self.reader.read()
        except OSError as error:
            return error


@contextlib.asynccontextmanager
async def raw(serve_one: Callable[[RawPeer], Awaitable[None]]) -> AsyncIterator[str]:
    """A server that reads and writes only as the test says."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await serve_one(await RawPeer(reader, writer).accept())

    async with _listening(handle) as url:
        yield url


@contextlib.asynccontextmanager
async def refusing(reply: bytes | None, heads: list[bytes] | None = None) -> AsyncIterator[str]:
    """A server that answers every handshake with the same bytes, then closes; without any it only reads."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if heads is not None:
            heads.append(head)
        if reply is None:
            await reader.read()
        else:
            writer.write(reply)

    async with _listening(handle) as url:
        yield url


@contextlib.asynccontextmanager
async def _listening(
    handle: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[str]:
    """A server on a port of its own, that ends when its last connection has."""
    under_way = 0

    async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal under_way
        under_way += 1
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await handle(reader, writer)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        under_way -= 1

    server = await asyncio.start_server(serve_one, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await until(lambda: under_way == 0)


def http(status: str, body: bytes = b"", *headers: str) -> bytes:
    """A reply of plain HTTP."""
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "Connection: close", "", ""]
    return "\r\n".join(lines).encode() + body


async def comes_to(stream: Stream, state: StreamState, within_s: float = 5.0) -> None:
    """Wait until the stream is in a state."""
    await until(lambda: stream.report.state is state, within_s)
