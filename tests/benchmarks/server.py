"""The other end, in a process of its own: says when the last byte of each press arrived.

`python -m tests.benchmarks.server RECORD CA` takes one JSON object a line (see `Server.obey`). RECORD gets a
line for each press; its clock is the machine's monotonic one, the same for every process. CA is where the
throw-away authority is written, behind everything that the program trusts anyway.
"""

import asyncio
import json
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import certifi
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from tests.contract.certificates import CertificateAuthority
from tests.contract.state import Account, Position

HOSTS = ("127.0.0.1", "10.77.0.2")
INSTRUMENT = "MES 12-25"


def encode(value: object) -> bytes:
    return json.dumps(value, default=float).encode()


class Exchange:
    """Accounts and their positions; every picture is encoded once and kept until something changes."""

    def __init__(self) -> None:
        self._accounts: dict[str, list[dict[str, Any]]] = {}
        self._pictures: dict[str, bytes] = {}

    def fill(self, accounts: Iterable[str], positions: int) -> None:
        """So many positions, dealt out over these accounts."""
        names = list(accounts)
        self._accounts = {name: [] for name in names}
        for number in range(positions):
            name = names[number % len(names)]
            instrument = INSTRUMENT if number < len(names) else f"MES {number // len(names):02}-26"
            self._accounts[name].append(dict(Position(name, instrument, "Long", 1).row()))
        self._pictures.clear()

    def open(self, account: str) -> None:
        self._accounts[account] = [dict(Position(account, INSTRUMENT, "Long", 1).row())]
        self._pictures.clear()

    def flatten(self, body: dict[str, Any]) -> bytes:
        """Close what one account holds."""
        closed = self._accounts.get(body["account"], [])
        if closed:
            self._accounts[body["account"]] = []
            self._pictures.clear()
        return encode({"orderIds": [f"order-{id(closed)}"], "closedPositions": closed, "success": True})

    def picture(self, path: str) -> bytes:
        """What a read of that path shows."""
        if path not in self._pictures:
            self._pictures[path] = encode(self._draw(path.partition("?")[0]))
        return self._pictures[path]

    def _draw(self, path: str) -> dict[str, Any]:
        rows = [row for held in self._accounts.values() for row in held]
        match path:
            case "/v1/api/positions":
                return {"positions": rows, "count": len(rows), "success": True}
            case "/v1/api/accounts/snapshot":
                accounts = [{"account": self._row(n), "positions": p} for n, p in self._accounts.items()]
                return {"type": "snapshot", "accounts": accounts}
            case "/v1/api/accounts":
                return {"accounts": [self._row(name) for name in self._accounts], "success": True}
            case _:
                return {"orders": [], "success": True}

    def _row(self, name: str) -> dict[str, Any]:
        row = dict(Account(name).row(()))
        return {**row, "isAccountFlat": not self._accounts[name]}


class Peer(asyncio.Protocol):
    """One connection: HTTP, and after an upgrade frames."""

    def __init__(self, server: "Server") -> None:
        self._server = server
        self._buffer = b""
        self._frames: ServerProtocol | None = None
        self._closing: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        at = time.monotonic()
        if self._closing is not None:
            self._closing.cancel()
        if self._frames is not None:
            self._take_frames(data, at)
            return
        self._buffer += data
        while b"\r\n\r\n" in self._buffer:
            head, _, rest = self._buffer.partition(b"\r\n\r\n")
            first, *lines = head.decode().split("\r\n")
            fields = {
                name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
            }
            if "upgrade" in fields:
                self._frames = ServerProtocol()
                self._take_frames(self._buffer, at)
                return
            size = int(fields.get("content-length", "0"))
            if len(rest) < size:
                return
            self._buffer = rest[size:]
            method, path, _ = first.split(" ")
            self._answer(method, path, rest[:size], at)

    def _answer(self, method: str, path: str, body: bytes, at: float) -> None:
        server = self._server
        if method == "POST":
            server.note(at, "rest")
            self._reply(server.exchange.flatten(json.loads(body)))
        elif server.reads_are_stuck:
            server.stuck.append(lambda: self._reply(server.exchange.picture(path)))
        else:
            self._reply(server.exchange.picture(path))

    def _reply(self, body: bytes) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        if not self._transport.is_closing():
            self._transport.write(head.encode() + body)
        if self._server.idle_s is not None:
            self._closing = asyncio.get_running_loop().call_later(self._server.idle_s, self._transport.close)

    def _take_frames(self, data: bytes, at: float) -> None:
        frames = self._frames
        assert frames is not None
        frames.receive_data(data)
        for event in frames.events_received():
            if isinstance(event, Request):
                frames.send_response(frames.accept(event))
            elif isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                frames.send_text(self._rpc(json.loads(bytes(event.data)), at))
        self._transport.writelines(frames.data_to_send())
        if frames.close_expected():
            self._transport.close()

    def _rpc(self, call: dict[str, Any], at: float) -> bytes:
        exchange = self._server.exchange
        if call["api"] == "Flatten":
            self._server.note(at, "stream")
            data = exchange.flatten(call["args"])
        else:
            data = exchange.picture("/v1/api/positions")
        return b'{"id":%b,"data":%b}' % (encode(call["id"]), data)


class Server:
    """Listens with TLS on a free port, and does as it is told."""

    def __init__(self, record: Path, authority: Path) -> None:
        made = CertificateAuthority()
        self._tls: ssl.SSLContext = made.server_context(HOSTS)
        authority.write_text(f"{Path(certifi.where()).read_text('ascii')}\n{made.pem}", encoding="ascii")
        self._record = record.open("a", buffering=1)
        self.exchange = Exchange()
        self.idle_s: float | None = None
        self.reads_are_stuck = False
        self.stuck: list[Callable[[], None]] = []

    def note(self, at: float, way: str) -> None:
        self._record.write(json.dumps({"at": at, "way": way}) + "\n")

    def obey(self, order: dict[str, Any]) -> None:
        """`fill`: accounts, number of positions; `open`: an account; `idle_s`; `stick`: answer no read."""
        match order:
            case {"fill": [accounts, positions]}:
                self.exchange.fill(accounts, positions)
            case {"open": account}:
                self.exchange.open(account)
            case {"idle_s": idle_s}:
                self.idle_s = idle_s
            case {"stick": is_stuck}:
                self.reads_are_stuck = is_stuck
                stuck, self.stuck = self.stuck, []
                for answer in stuck:
                    answer()
            case _:
                raise ValueError(order)

    async def serve(self, host: str) -> None:
        loop = asyncio.get_running_loop()
        listening = await loop.create_server(lambda: Peer(self), host, 0, ssl=self._tls)
        print(json.dumps({"port": listening.sockets[0].getsockname()[1]}), flush=True)
        over = asyncio.Event()

        def listen() -> None:
            for line in sys.stdin:
                loop.call_soon_threadsafe(self.obey, json.loads(line))
            loop.call_soon_threadsafe(over.set)

        threading.Thread(target=listen, daemon=True).start()
        await over.wait()


if __name__ == "__main__":
    asyncio.run(Server(Path(sys.argv[1]), Path(sys.argv[2])).serve(sys.argv[3]))
