"""The loopback socket of the practice exchange: uvicorn, told to be quick and to survive a dead listener."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from crosstrade_panel.simulator.link import Link

if TYPE_CHECKING:
    from collections.abc import Callable

    from crosstrade_panel.simulator.faults import Faults

HOST = "127.0.0.1"
Links = dict[tuple[str, int], Link]
"""Open connections by the client's address."""

_TICK_S = 0.1
_GRACE_S = 0.2
_HANG_UP_S = 1.0


class PracticeError(Exception):
    """The practice exchange could not be started; the text may be shown."""


class LoopbackServer(uvicorn.Server):
    """uvicorn, made to start and stop in milliseconds and to notice a listener that died."""

    def __init__(self, config: uvicorn.Config, port: int, tick: Callable[[], None]) -> None:
        super().__init__(config)
        self._port = port
        self.ready = threading.Event()
        self._tick = tick
        self._loop: asyncio.AbstractEventLoop | None = None
        self._leaving = asyncio.Event()

    def leave(self) -> None:
        """Ask it to stop, from any thread."""
        self.should_exit = True
        self.soon(self._leaving.set)

    def soon(self, act: Callable[[], None]) -> None:
        """Let its loop do something, from any thread; nothing where it does not run."""
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed already
                self._loop.call_soon_threadsafe(act)

    async def main_loop(self) -> None:
        """Tick until asked to leave."""
        self._loop = asyncio.get_running_loop()
        await self.on_tick(0)
        self.ready.set()
        while not self.should_exit:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._leaving.wait(), _TICK_S)
            self._tick()
            await self._listen_again()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Hang up on everybody, at once."""
        for server in self.servers:
            server.close()
        for listening in sockets or ():
            listening.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        await self._finish_tasks(_GRACE_S)
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await self._finish_tasks(_HANG_UP_S)
        for task in list(self.server_state.tasks):
            task.cancel()
        # One turn of the loop for the transports to say that they are gone.
        await asyncio.sleep(0)

    async def _finish_tasks(self, timeout_s: float) -> None:
        tasks = set(self.server_state.tasks)
        if tasks:
            await asyncio.wait(tasks, timeout=timeout_s)

    async def _listen_again(self) -> None:
        """On Windows an accept that fails can close the listener for good (CPython #93821)."""
        if self.should_exit or not self.servers:
            return
        [server] = self.servers
        if all(listening.fileno() != -1 for listening in server.sockets):
            return
        with suppress(ValueError, OSError):
            server.close()
        # A port that is not free yet is tried again at the next tick.
        with suppress(PracticeError):
            await self.startup(sockets=[listening_socket(self._port)])


def connection_type(
    links: Links, faults_now: Callable[[], Faults], clock: Callable[[], float]
) -> type[asyncio.Protocol]:
    """A connection of uvicorn's behind a link that a fault can find and bend."""

    class Connection(Link):
        def __init__(self, **wanted: Any) -> None:  # noqa: ANN401  # as uvicorn makes its protocols
            super().__init__(H11Protocol(**wanted), faults_now, clock)

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            # Windows' way to accept forgets the protocol by which asyncio would do so.
            transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            links[transport.get_extra_info("peername")] = self

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            # The number may belong to a new connection by now.
            if links.get(self.get_extra_info("peername")) is self:
                del links[self.get_extra_info("peername")]

    return Connection


def listening_socket(port: int) -> socket.socket:
    # With the protocol named: asyncio switches Nagle off only then, and each answer would take 40 ms.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform == "win32":
            # There SO_REUSEADDR would let two programs share one port.
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((HOST, port))
        listening.listen(128)
    except (OSError, OverflowError) as error:
        listening.close()
        raise PracticeError(f"the practice exchange cannot listen on {HOST}:{port}: {error}") from error
    return listening
