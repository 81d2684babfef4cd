"""Ports on which no HTTP request ever gets through."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.contract.server import ContractServer
from tests.contract.wire import ClientGoneError, Connection

_JOIN_S = 10.0


@dataclass(slots=True)
class BadPort:
    """A loopback port and what was tried on it. ``received`` holds each connection's first bytes."""

    port: int
    received: list[bytes] = field(default_factory=list)

    def url(self, scheme: str = "https") -> str:
        """Return the base URL."""
        return f"{scheme}://127.0.0.1:{self.port}"


@contextlib.contextmanager
def refusing_port() -> Iterator[BadPort]:
    """A port that refuses connections: bound, so that nobody else gets it, and not listening."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield BadPort(bound.getsockname()[1])


@contextlib.contextmanager
def unanswered_port() -> Iterator[BadPort]:
    """A port whose SYNs are dropped: the backlog is full and nobody accepts (Linux only)."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        port = listener.getsockname()[1]
        for _ in range(3):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filler.connect(("127.0.0.1", port))
        yield BadPort(port)


@contextlib.contextmanager
def handshake_closing_port(*, reset: bool = False, hello_first: bool = True) -> Iterator[BadPort]:
    """A port that closes in the TLS handshake, with a FIN or an RST, after the client's hello or before."""

    def treat(link: Connection, seen: list[bytes]) -> None:
        if hello_first:
            seen.append(link.read_some())
        elif not reset:
            link.drain()
        link.end(reset=reset)

    with _treating(treat) as port:
        yield port


@contextlib.contextmanager
def handshake_hanging_port() -> Iterator[BadPort]:
    """A port that accepts, reads the client's hello, and never says anything."""

    def treat(link: Connection, seen: list[bytes]) -> None:
        seen.append(link.read_some())
        link.wait(None)

    with _treating(treat) as port:
        yield port


@contextlib.contextmanager
def handshake_garbage_port() -> Iterator[BadPort]:
    """A port that answers the TLS hello with an HTTP error, as a plain server does."""

    def treat(link: Connection, seen: list[bytes]) -> None:
        seen.append(link.read_some())
        link.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        link.drain()

    with _treating(treat) as port:
        yield port


plain_http_port = handshake_garbage_port


def wrong_host_server() -> ContractServer:
    """Return a TLS server (not started) whose certificate is for another host."""
    return ContractServer(tls=True, hosts=("elsewhere.invalid",))


def untrusted_server() -> ContractServer:
    """Return a TLS server (not started) whose ``ca_file`` and ``client_context()`` do not vouch for it."""
    return ContractServer(tls=True, trusted=False)


def expired_server() -> ContractServer:
    """Return a TLS server (not started) whose certificate has run out."""
    return ContractServer(tls=True, expired=True)


class _Treated:
    """Accepts, and gives every connection to ``treat`` on a thread of its own."""

    def __init__(self, treat: Callable[[Connection, list[bytes]], None]) -> None:
        self._treat = treat
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        self._alarm, self._bell = socket.socketpair()
        self._links: list[tuple[Connection, threading.Thread]] = []
        self.port = BadPort(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._accept, name="contract-bad-port")
        self._thread.start()

    def stop(self) -> None:
        self._bell.send(b"!")
        self._thread.join(_JOIN_S)
        for link, thread in self._links:
            link.stop()
            thread.join(_JOIN_S)
        for sock in (self._listener, self._alarm, self._bell):
            sock.close()

    def _accept(self) -> None:
        while self._alarm not in (ready := select.select([self._listener, self._alarm], [], [])[0]):
            if ready:
                with contextlib.suppress(OSError):
                    link = Connection(self._listener.accept()[0], len(self._links) + 1, None)
                    thread = threading.Thread(target=self._serve, args=(link,), name="contract-bad-link")
                    self._links.append((link, thread))
                    thread.start()

    def _serve(self, link: Connection) -> None:
        with contextlib.suppress(ClientGoneError):
            self._treat(link, self.port.received)
        link.end()


@contextlib.contextmanager
def _treating(treat: Callable[[Connection, list[bytes]], None]) -> Iterator[BadPort]:
    treated = _Treated(treat)
    try:
        yield treated.port
    finally:
        treated.stop()
