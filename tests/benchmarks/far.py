"""A line of some length, `python -m tests.benchmarks.far PORT DELAY` delays each way.

Loopback connects in no time, a distant host after a round trip: the first that a new connection sends waits
for that one, too. It is counted from there: whoever connects from afar does nothing else meanwhile, such as
making a TLS context. So the client's last byte arrives when it would from afar.
"""

import asyncio
import json
import selectors
import sys
import threading


class End(asyncio.Protocol):
    """One end of a connection; what it hears the other end says, later."""

    def __init__(self, delay_s: float) -> None:
        self._delay_s = delay_s
        self.other: End | None = None
        self._early: list[bytes] = []
        self._owed_s = 0.0
        self._not_before = 0.0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        for data in self._early:
            transport.write(data)

    def handshake(self) -> None:
        """Count the round trip of connecting: nothing leaves before."""
        self._owed_s = 2 * self._delay_s

    def data_received(self, data: bytes) -> None:
        loop, other = asyncio.get_running_loop(), self.other
        assert other is not None
        if self._owed_s:
            self._not_before, self._owed_s = loop.time() + self._owed_s, 0.0
        loop.call_at(max(loop.time(), self._not_before) + self._delay_s, other.say, data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.other is not None:
            asyncio.get_running_loop().call_later(self._delay_s, self.other.end)

    def say(self, data: bytes) -> None:
        if self._transport is None:
            self._early.append(data)
        elif not self._transport.is_closing():
            self._transport.write(data)

    def end(self) -> None:
        if self._transport is not None:
            self._transport.close()


async def serve(port: int, delay_s: float) -> None:
    loop = asyncio.get_running_loop()
    connecting: set[asyncio.Task[object]] = set()

    def welcome() -> End:
        near, far = End(delay_s), End(delay_s)
        near.other, far.other = far, near
        near.handshake()
        task: asyncio.Task[object] = loop.create_task(loop.create_connection(lambda: far, "127.0.0.1", port))
        connecting.add(task)
        task.add_done_callback(connecting.discard)
        return near

    listening = await loop.create_server(welcome, "127.0.0.1", 0)
    print(json.dumps({"port": listening.sockets[0].getsockname()[1]}), flush=True)
    over = asyncio.Event()
    threading.Thread(
        target=lambda: (sys.stdin.read(), loop.call_soon_threadsafe(over.set)), daemon=True
    ).start()
    await over.wait()


if __name__ == "__main__":
    # select() takes a fraction of a millisecond for what it is; epoll would round it up.
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selectors.SelectSelector())) as runner:
        runner.run(serve(int(sys.argv[1]), float(sys.argv[2])))
