"""What the tests of the client share: a clock that is real, a gateway that is closed again, quick paces."""

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from crosstrade_panel.crosstrade.address import parse_base_url
from crosstrade_panel.crosstrade.rest import RestGateway
from crosstrade_panel.crosstrade.wire import Answer
from crosstrade_panel.trading.pace import Pace
from tests.contract_server import ContractServer

QUICK = replace(
    Pace(), press_deadline_s=0.6, connect_s=0.6, read_least_deadline_s=0.6, read_most_deadline_s=1.5
)
"""For what must be given up."""


class RealClock:
    """The system's."""

    def monotonic(self) -> float:
        return time.monotonic()

    def now(self) -> datetime:
        return datetime.now(UTC)


@contextlib.asynccontextmanager
async def gateway_to(
    server: ContractServer | str, *, token: str | None = "", pace: Pace | None = None, **options: Any
) -> AsyncIterator[RestGateway]:
    """A gateway to a server or an address, closed afterwards; with the server's own token unless told."""
    if isinstance(server, ContractServer):
        token = server.token if token == "" else token
        if server.authority is not None:
            options.setdefault("tls", server.client_context())
        server = server.base_url
    gateway = RestGateway(
        parse_base_url(server),
        "made-up-token" if token == "" else token,
        clock=RealClock(),
        pace=pace or Pace(),
        **options,
    )
    try:
        yield gateway
    finally:
        await gateway.aclose()


def strict_tls() -> ssl.SSLContext:
    """A context that trusts nobody."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


async def until(condition: Callable[[], bool], within_s: float = 5.0) -> None:
    """Wait, without blocking the loop, until something holds."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - of another thread's state, which sets no event
            await asyncio.sleep(0.002)


def answer(body: bytes | str = b"", status: int = 200, headers: dict[str, str] | None = None) -> Answer:
    """A reply as the link hands it over."""
    content = body.encode() if isinstance(body, str) else body
    return Answer(status, content, 10.0, 11.0, headers or {})


@contextlib.asynccontextmanager
async def raw_server(*replies: bytes, stay: bool = False) -> AsyncIterator[str]:
    """A server of one connection that answers each request with the next bytes, then closes (or stays)."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            for reply in replies:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
                await reader.readexactly(int(length or 0))
                writer.write(reply)
                await writer.drain()
            if stay:
                await reader.read()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
