"""One connection of the exchange, as a fault can bend it: held, muted, reset, written to by hand.

It stands between the socket and uvicorn: a protocol to the one, a transport to the other.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from crosstrade_panel.simulator.faults import Faults

_AFTER_A_GOODBYE_S = 0.25
_RESET = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)


class Link(asyncio.Transport, asyncio.Protocol):
    """A connection. All but `is_closing` and what `Faults` may read belongs to the exchange's own loop.

    `is_stream` after the upgrade; `busy` counts the requests being answered; `began_at` is when the first
    byte of the request came that is being read, or None between requests.
    """

    def __init__(
        self,
        inner: asyncio.Protocol,
        faults_now: Callable[[], Faults],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self.is_stream = False
        self.busy = 0
        self.began_at: float | None = None
        self._inner: asyncio.BaseProtocol = inner
        self._faults_now = faults_now
        self._clock = clock
        self._socket_side: asyncio.Transport | None = None
        self._lost = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._held: list[bytes] | None = None
        self._held_goodbye = False
        self._muted: list[bytes] | None = None
        self._timers: list[asyncio.TimerHandle] = []

    # ---- for a fault

    def hold(self, for_s: float) -> None:
        """Read nothing for a while, then what came meanwhile: a black hole towards the exchange that heals.

        In a real one the bytes wait in the client's machine. So a client that resets its connection takes
        them back, and one that closes it properly does not: they arrive after all.
        """
        if self._held is None:
            self._held = []
            self._later(for_s, self._release)

    def mute(self, for_s: float) -> None:
        """Send nothing for a while, then what was written meanwhile."""
        if self._muted is None:
            self._muted = []
            self._later(for_s, self._speak)

    def reset(self) -> None:
        """End it with a RST; what is unsent dies."""
        raw = self.get_extra_info("socket")
        with suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.abort()

    async def pause(self, for_s: float) -> bool:
        """Wait. True, and at once, when the connection is gone."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._lost.wait(), for_s)
        return self._lost.is_set()

    async def drain(self) -> None:
        """Wait until the socket takes more, or is gone. Others get their turn in any case."""
        await asyncio.sleep(0)
        await self._writable.wait()

    # ---- as uvicorn's transport

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        if self._muted is not None:
            self._muted.append(bytes(data))
        else:
            self._real.write(data)

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview[Any]]) -> None:
        for data in list_of_data:
            self.write(data)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._inner = protocol
        self.is_stream = True

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._inner

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # noqa: ANN401  # as asyncio has it
        return self._real.get_extra_info(name, default)

    def is_closing(self) -> bool:
        return self._real.is_closing()

    def close(self) -> None:
        self._real.close()

    def abort(self) -> None:
        self._real.abort()

    def is_reading(self) -> bool:
        return self._real.is_reading()

    def pause_reading(self) -> None:
        self._real.pause_reading()

    def resume_reading(self) -> None:
        self._real.resume_reading()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._real.set_write_buffer_limits(high, low)

    def get_write_buffer_size(self) -> int:
        return self._real.get_write_buffer_size()

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._real.get_write_buffer_limits()

    def can_write_eof(self) -> bool:
        return self._real.can_write_eof()

    def write_eof(self) -> None:
        self._real.write_eof()

    # ---- as the socket's protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # a stream socket's
        self._socket_side = transport
        self._inner.connection_made(self)

    def connection_lost(self, exc: Exception | None) -> None:
        # With them dies what is held: a reset takes it back.
        for timer in self._timers:
            timer.cancel()
        self._lost.set()
        self._writable.set()
        self._inner.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.began_at is None:
            self.began_at = self._clock()
        if self._held is None and not self._faults_now().incoming(data, self):
            return
        if self._held is not None:
            self._held.append(data)
        else:
            self._protocol.data_received(data)

    def eof_received(self) -> bool | None:
        if self._held is None:
            return self._protocol.eof_received()
        self._held_goodbye = True
        return True  # not yet: what it sent before has to arrive first

    def pause_writing(self) -> None:
        self._writable.clear()
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._writable.set()
        self._inner.resume_writing()

    # ---- inside

    @property
    def _real(self) -> asyncio.Transport:
        assert self._socket_side is not None  # noqa: S101  # nobody has a link before it is connected
        return self._socket_side

    @property
    def _protocol(self) -> asyncio.Protocol:
        assert isinstance(self._inner, asyncio.Protocol)  # noqa: S101  # both of uvicorn's are
        return self._inner

    def _release(self) -> None:
        held, self._held = self._held, None
        if held:
            self._protocol.data_received(b"".join(held))
        if self._held_goodbye:
            self._later(_AFTER_A_GOODBYE_S, self.close)

    def _speak(self) -> None:
        muted, self._muted = self._muted, None
        for data in muted or ():
            self.write(data)

    def _later(self, delay_s: float, act: Callable[[], None]) -> None:
        self._timers.append(asyncio.get_running_loop().call_later(delay_s, act))
