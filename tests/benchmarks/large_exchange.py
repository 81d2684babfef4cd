"""An exchange of many accounts in a process of its own: what a read costs it must not be measured with us.

`python -m tests.benchmarks.large_exchange ACCOUNTS INSTRUMENTS PORT_FILE` renders its answers once, by the
practice exchange's own book, and serves them in turn: in each one every price differs from the one before. A
press is answered 500: it may have acted, and the reads go on showing what is open.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import unquote

from crosstrade_panel.simulator import wire
from crosstrade_panel.simulator.api import Answer, Api
from crosstrade_panel.simulator.book import Book
from crosstrade_panel.simulator.instruments import listed_contracts
from crosstrade_panel.simulator.ledger import PracticeAccount

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "made-up-for-the-benchmarks"
ACCOUNTS, INSTRUMENTS = 100, 20
_PICTURES = 12
_STEPS_S = 30.0
_EPOCH = 1_765_000_000_000
_STOPS = 5
_REFUSED = b'{"error":"internal error","success":false}'
_START_S = 60.0


class Answers:
    """Every answer, rendered; asked for again and again, the newest read is never the same as the last."""

    def __init__(self, accounts: int, instruments: int) -> None:
        names = [f"APEX-{number:05d}-01" for number in range(accounts)]
        known = [PracticeAccount(name, "Rithmic") for name in names]
        book = self._book = Book(accounts=known, openings=())
        self._api = Api(book)
        contracts = listed_contracts()[:instruments]
        for place, name in enumerate(names):
            for number, contract in enumerate(contracts):
                size = (-2, -1, 1, 3)[(place + number) % 4]
                book.open_position(name, contract.name, size)
                if number < _STOPS:
                    price = book.price(contract)
                    far = price * 9 // 10 if size > 0 else price * 11 // 10
                    book.rest_order(name, contract.name, "Sell" if size > 0 else "Buy", 1, stop_price=far)
        self._listing = self._render("/v1/api/accounts")
        self._orders = {name: self._render(f"/v1/api/accounts/{name}/orders") for name in names}
        self._pictures = [
            (self._render("/v1/api/positions"), self._render("/v1/api/accounts/snapshot"))
            for _ in self._walk(book)
        ]
        self._turn = count()

    def _walk(self, book: Book) -> Iterator[None]:
        for number in range(_PICTURES):
            book.advance(number * _STEPS_S)
            yield

    def _render(self, path: str) -> bytes:
        answer = self._api.rest("GET", path, "", b"", _EPOCH)
        assert isinstance(answer, Answer)
        assert answer.status == 200, answer
        return wire.encode(answer.data)

    def of(self, path: str) -> bytes:
        path = path.partition("?")[0]
        if path == "/v1/api/accounts":
            return self._listing
        if path.endswith("/orders"):
            return self._orders[unquote(path.split("/")[4])]
        positions, snapshot = self._pictures[next(self._turn) % _PICTURES]
        if path == "/v1/api/positions":
            return positions
        head, _, tail = snapshot.partition(b'"epoch":')
        return b'%b"epoch":%d%b' % (head, time.time_ns() // 1_000_000, tail[tail.index(b",") :])


async def _serve(answers: Answers, port_file: Path) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                method, path, _ = head.split(" ", 2)
                if method == "POST":
                    fields = dict(line.lower().split(": ", 1) for line in head.splitlines()[1:] if line)
                    await reader.readexactly(int(fields.get("content-length", "0")))
                body = _REFUSED if method == "POST" else answers.of(path)
                status = "500 Internal Server Error" if method == "POST" else "200 OK"
                writer.write(
                    f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n"
                    f"Content-Length: {len(body)}\r\n\r\n".encode()
                )
                writer.write(body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    beside = port_file.with_suffix(".part")
    beside.write_text(str(server.sockets[0].getsockname()[1]))
    beside.replace(port_file)
    await server.serve_forever()


@contextmanager
def large_exchange(accounts: int = ACCOUNTS, instruments: int = INSTRUMENTS) -> Iterator[str]:
    """Its address, while it runs."""
    with TemporaryDirectory() as folder:
        port_file = Path(folder) / "port"
        command = [sys.executable, "-m", __name__, str(accounts), str(instruments), str(port_file)]
        process = subprocess.Popen(command, cwd=ROOT, env=os.environ)
        try:
            end = time.monotonic() + _START_S
            while not port_file.exists():
                assert process.poll() is None, "the exchange ended"
                assert time.monotonic() < end, "the exchange does not come up"
                time.sleep(0.02)
            yield f"http://127.0.0.1:{port_file.read_text()}"
        finally:
            process.kill()
            process.wait(10)


if __name__ == "__main__":
    asyncio.run(_serve(Answers(int(sys.argv[1]), int(sys.argv[2])), Path(sys.argv[3])))
