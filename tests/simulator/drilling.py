"""An exchange that is quick at everything, and plain ways to press it: nothing of the panel's own client."""

import http.client
import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from websockets.sync.client import ClientConnection, connect

from crosstrade_panel.simulator.book import Book, FlattenRequest
from crosstrade_panel.simulator.bucket import TokenBucket
from crosstrade_panel.simulator.server import PracticeExchange

SCALE = 0.05
FLATTEN = "/v1/api/positions/flatten"
REVERSE = "/v1/api/accounts/Sim101/positions/reverseposition"
POSITIONS = "/v1/api/positions?includeFlat=false"
SNAPSHOT = "/v1/api/accounts/snapshot"
ACCOUNTS = "/v1/api/accounts"
ORDERS = "/v1/api/accounts/Sim101/orders?activeOnly=true"
MES = {"account": "Sim101", "instrument": "MES 12-25", "marketPosition": "short"}
TICKET = {
    "instrument": "MES 12-25",
    "action": "BUY",
    "quantity": 2,
    "orderType": "MARKET",
    "timeInForce": "DAY",
}
PAIR = FlattenRequest("Sim101", "MES 12-25")


@dataclass(frozen=True, slots=True)
class Got:
    """An answer as http.client saw it."""

    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@contextmanager
def drilled(name: str | None = None, scale: float = SCALE, **more: Any) -> Iterator[PracticeExchange]:
    """The opening state with prices that stand still; the drill is armed when it listens."""
    book = Book(walking=False, time_scale=scale, **more)
    with PracticeExchange(book=book, budget=TokenBucket(capacity=10_000)) as exchange:
        exchange.drill = name
        yield exchange


def address(exchange: PracticeExchange) -> tuple[str, int]:
    host, port = exchange.base_url.removeprefix("http://").split(":")
    return host, int(port)


@contextmanager
def dialled(exchange: PracticeExchange, timeout_s: float = 10.0) -> Iterator[http.client.HTTPConnection]:
    with closing(http.client.HTTPConnection(*address(exchange), timeout=timeout_s)) as line:
        line.connect()
        yield line


def ask(
    exchange: PracticeExchange,
    method: str,
    path: str,
    fields: Any = None,
    line: http.client.HTTPConnection | None = None,
) -> Got:
    """One request on a connection of its own, or on one that is there."""
    if line is None:
        with dialled(exchange) as own:
            return ask(exchange, method, path, fields, own)
    body = None if fields is None else json.dumps(fields).encode()
    line.request(method, path, body, {"Authorization": f"Bearer {exchange.token}"})
    with line.getresponse() as answer:
        return Got(answer.status, answer.read(), {k.lower(): v for k, v in answer.getheaders()})


def read(exchange: PracticeExchange, path: str) -> Any:
    return ask(exchange, "GET", path).json


def flatten(exchange: PracticeExchange, **fields: Any) -> Got:
    return ask(exchange, "POST", FLATTEN, fields or MES)


def reverse(exchange: PracticeExchange, **changes: Any) -> Got:
    return ask(exchange, "POST", REVERSE, TICKET | changes)


def request_bytes(exchange: PracticeExchange, path: str = FLATTEN, fields: Any = None) -> bytes:
    """A press as it goes over the wire."""
    body = json.dumps(MES if fields is None else fields).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {exchange.token}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


@contextmanager
def wired(exchange: PracticeExchange, timeout_s: float = 10.0) -> Iterator[socket.socket]:
    with socket.create_connection(address(exchange), timeout=timeout_s) as line:
        yield line


@contextmanager
def streaming(exchange: PracticeExchange, **options: Any) -> Iterator[ClientConnection]:
    with connect(
        exchange.stream_url,
        additional_headers={"Authorization": f"Bearer {exchange.token}"},
        proxy=None,
        compression=None,
        open_timeout=5,
        close_timeout=0.2,
        ping_interval=None,
        **options,
    ) as stream:
        yield stream


def say(stream: ClientConnection, api: str = "Flatten", args: Any = None, name: str = "q") -> None:
    stream.send(json.dumps({"action": "rpc", "id": name, "api": api, "args": MES if args is None else args}))


def hear(stream: ClientConnection, timeout_s: float = 5.0) -> Any:
    return json.loads(stream.recv(timeout=timeout_s))


def held(exchange: PracticeExchange, account: str = "Sim101", instrument: str = "MES 12-25") -> int:
    """Contracts that the book holds, negative when short."""
    with exchange.book_now() as book:
        return signed(book, account, instrument)


def signed(book: Book, account: str = "Sim101", instrument: str = "MES 12-25") -> int:
    pictures = book.positions(FlattenRequest(account, instrument))
    return sum(p.quantity if p.side == "Long" else -p.quantity for p in pictures)


def becomes(exchange: PracticeExchange, quantity: int, account: str = "Sim101") -> bool:
    """Whether the book comes to hold this much of MES."""
    return exchange.wait_until(lambda book: signed(book, account) == quantity)


def stays(exchange: PracticeExchange, quantity: int, for_s: float) -> bool:
    """Whether the book holds this much of MES all the while."""
    deadline = time.monotonic() + for_s
    return not exchange.wait_until(lambda book: signed(book) != quantity, deadline - time.monotonic())


def rows(answer: Any, account: str = "Sim101", instrument: str = "MES 12-25") -> list[Any]:
    """Rows of the pair in a list of positions, or in a snapshot."""
    listed = answer.get("positions")
    if listed is None:
        listed = [row for entry in answer["accounts"] for row in entry["positions"]]
    return [row for row in listed if (row["account"], row["instrument"]) == (account, instrument)]


def eventually(condition: Callable[[], bool], timeout_s: float = 5.0) -> bool:
    """Whether something that is asked for over a socket comes about."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.01)
    return True
