"""An HTTP proxy on a real socket that keeps what it was sent, and answers as a test says."""

import asyncio
import contextlib
from typing import Self

REFUSED = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 3\r\n\r\nno\n"


class FakeProxy:
    """Tunnels to `target`, whatever host was asked for; or says `answer` instead, or `hangs` (after it).

    `heads`: every CONNECT as it came. `carried`: all bytes that clients sent into a tunnel.
    """

    def __init__(
        self, target: int | None = None, *, answer: bytes | None = None, hangs: bool = False
    ) -> None:
        self._target = target
        self._answer = answer
        self._hangs = hangs
        self.heads: list[bytes] = []
        self.carried = bytearray()
        self.port = 0
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._welcome, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._tasks.add(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                self.heads.append(await reader.readuntil(b"\r\n\r\n"))
                if self._answer is not None:
                    writer.write(self._answer)
                    await writer.drain()
                if self._hangs:
                    await reader.read()
                elif self._answer is None:
                    await self._tunnel(reader, writer)
        finally:
            writer.transport.abort() if self._hangs else writer.close()

    async def _tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_connection("127.0.0.1", self._target)
        try:
            writer.write(b"HTTP/1.1 200 Connection established\r\nVia: 1.1 fake\r\n\r\n")

            async def upstream() -> None:
                while data := await reader.read(65536):
                    self.carried += data
                    forth.write(data)

            async def downstream() -> None:
                while data := await back.read(65536):
                    writer.write(data)

            ways = [asyncio.ensure_future(upstream()), asyncio.ensure_future(downstream())]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        finally:
            forth.close()
