"""One connection, piece by piece."""

import asyncio
import socket
import ssl
from contextlib import suppress
from typing import Any, Self

import httpcore
import pytest

from crosstrade_panel.crosstrade import pipe as pipe_module
from crosstrade_panel.crosstrade.address import parse_base_url
from crosstrade_panel.crosstrade.pipe import Dial, Pipe, connect_socket, notice_dead_peer
from crosstrade_panel.crosstrade.tls import default_tls
from tests import contract_server as cs
from tests.crosstrade.gateways import until
from tests.wine import IS_WINE, sees_resets

pytestmark = pytest.mark.anyio

HERE: int = socket.AF_INET


def is_open(pipe: Pipe) -> bool:
    """Asked again: for a type checker a property never changes."""
    return pipe.is_open


def _reading(writer: asyncio.StreamWriter) -> asyncio.Transport:
    assert isinstance(writer.transport, asyncio.Transport)
    return writer.transport


class Peer:
    """A server that keeps the other end of each connection."""

    def __init__(self) -> None:
        self.ends: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._welcome, "127.0.0.1", 0)
        self.address = self._server.sockets[0].getsockname()
        return self

    def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        self.ends.put_nowait((reader, writer))

    async def __aexit__(self, *_: object) -> None:
        for _turn in range(9):  # one may be half welcomed
            await asyncio.sleep(0)
        for writer in self._writers:
            writer.transport.abort()
        self._server.close()
        await self._server.wait_closed()

    async def connect(self) -> tuple[Pipe, asyncio.StreamReader, asyncio.StreamWriter, list[str]]:
        lost: list[str] = []
        dial = Dial(parse_base_url(f"http://127.0.0.1:{self.address[1]}"), default_tls, 3.0)
        made = await dial.connect(lambda: lost.append("lost"))
        return (made, *await self.ends.get(), lost)


async def test_bytes_pass_both_ways_and_the_end_is_told() -> None:
    async with Peer() as peer:
        pipe, reader, writer, lost = await peer.connect()
        assert pipe.is_open
        await pipe.write(b"ping")
        assert await reader.readexactly(4) == b"ping"
        writer.write(b"pong")
        assert await pipe.read(2) == b"po"
        assert await pipe.read(9) == b"ng"
        writer.close()
        assert await pipe.read(9) == b""
        assert await pipe.read(9) == b""
        assert pipe.told_its_end
        await until(lambda: lost == ["lost"])
        assert not is_open(pipe)
        with pytest.raises(httpcore.WriteError):
            await pipe.write(b"more")
        await pipe.aclose()
        pipe.reset()


@sees_resets
async def test_a_reset_by_the_peer_is_an_error_of_reading() -> None:
    async with Peer() as peer:
        pipe, _, writer, lost = await peer.connect()
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, pipe_module._LINGER)
        writer.transport.abort()
        with pytest.raises(httpcore.ReadError):
            await pipe.read(9)
        assert pipe.told_its_end
        assert lost == ["lost"]
        await pipe.aclose()


async def test_nothing_waits_for_an_acknowledgement_before_it_is_sent() -> None:
    async with Peer() as peer:
        pipe, _, writer, _ = await peer.connect()
        assert pipe.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
        await pipe.aclose()
        writer.close()


async def test_bytes_that_nobody_asked_for_make_it_unusable() -> None:
    async with Peer() as peer:
        pipe, _, writer, _ = await peer.connect()
        writer.write(b"surprise")
        await until(lambda: not pipe.is_open)
        await pipe.aclose()
        writer.close()


async def test_a_flood_is_read_no_faster_than_it_is_asked_for() -> None:
    total = 8 * 1024 * 1024
    async with Peer() as peer:
        pipe, _, writer, _ = await peer.connect()
        writer.write(b"x" * total)
        await until(lambda: not pipe._reading)
        assert len(pipe._buffer) < total // 2
        got = 0
        while got < total:
            got += len(await pipe.read(1_000_000))
        assert got == total
        await pipe.aclose()
        writer.close()


async def test_what_came_before_the_end_is_read_though_reading_was_paused() -> None:
    async with Peer() as peer:
        pipe, _, writer, lost = await peer.connect()
        writer.write(b"x" * 1_000_000)
        await until(lambda: not pipe._reading)
        pipe.reset()
        await until(lambda: lost == ["lost"])
        held = len(pipe._buffer)
        assert len(await pipe.read(2_000_000)) == held
        with pytest.raises(httpcore.ReadError):
            await pipe.read(1)
        writer.close()


async def test_writing_waits_while_the_peer_does_not_read() -> None:
    async with Peer() as peer:
        pipe, reader, writer, _ = await peer.connect()
        _reading(writer).pause_reading()
        writing = asyncio.ensure_future(pipe.write(b"x" * 20_000_000))
        await until(lambda: not pipe._writable.is_set())
        assert not writing.done()
        _reading(writer).resume_reading()
        read = asyncio.ensure_future(reader.readexactly(20_000_000))
        await writing
        await read
        await pipe.aclose()
        writer.close()


@sees_resets
async def test_an_idle_close_is_a_fin_and_one_in_mid_exchange_a_reset() -> None:
    async with Peer() as peer:
        pipe, reader, writer, _ = await peer.connect()
        await pipe.aclose()
        assert await reader.read() == b""
        writer.close()
        pipe, reader, writer, _ = await peer.connect()
        pipe.mid_exchange = True
        await pipe.aclose()
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()


async def test_unsent_bytes_die_with_a_reset() -> None:
    async with Peer() as peer:
        pipe, reader, writer, _ = await peer.connect()
        _reading(writer).pause_reading()
        writing = asyncio.ensure_future(pipe.write(b"x" * 20_000_000))
        await until(lambda: not pipe._writable.is_set())
        pipe.reset()
        await writing
        _reading(writer).resume_reading()
        with pytest.raises(asyncio.IncompleteReadError if IS_WINE else ConnectionResetError):
            await reader.readexactly(20_000_000)
        writer.close()


async def test_where_a_transport_says_goodbye_first_the_socket_is_closed_before_it_can() -> None:
    async with Peer() as peer:
        pipe, reader, writer, _ = await peer.connect()
        pipe_module.reset(pipe.sock, pipe._connected, "win32")
        assert pipe.sock.fileno() == -1
        with suppress(ConnectionResetError) if IS_WINE else pytest.raises(ConnectionResetError):
            assert await reader.read(1) == b""
        writer.close()


async def test_a_goodbye_that_is_not_answered_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipe_module, "_GOODBYE_S", 0.02)
    with cs.ContractServer(tls=True) as server:
        lost: list[str] = []
        dial = Dial(parse_base_url(server.base_url), server.client_context, 3.0)
        pipe = await dial.connect(lambda: lost.append("lost"))
        await until(lambda: server.open_connections == 1)
        server.freeze()
        await pipe.aclose()
        await until(lambda: lost == ["lost"])


# -- connecting ---


async def test_the_first_address_that_answers_is_taken() -> None:
    async with Peer() as peer:
        with cs.refusing_port() as refusing:
            sock = await connect_socket([(HERE, ("127.0.0.1", refusing.port)), (HERE, peer.address)])
        assert sock.getpeername() == peer.address
        sock.close()
        (await peer.ends.get())[1].close()


async def test_a_silent_address_does_not_hold_up_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Peer() as peer:
        with cs.unanswered_port() as silent:
            sock = await connect_socket([(HERE, ("127.0.0.1", silent.port)), (HERE, peer.address)], 0.02)
        assert sock.getpeername() == peer.address
        sock.close()
        (await peer.ends.get())[1].close()


class Gate:
    """A loop's `sock_connect` that connects when told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        loop = asyncio.get_running_loop()
        self.real = loop.sock_connect
        self.open: dict[Any, asyncio.Event] = {}
        self.socks: list[socket.socket] = []
        monkeypatch.setattr(loop, "sock_connect", self.sock_connect)

    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
        self.socks.append(sock)
        await self.open.setdefault(address, asyncio.Event()).wait()
        await self.real(sock, address)


async def test_a_late_address_is_waited_for_when_there_is_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Peer() as peer:
        gate = Gate(monkeypatch)
        with cs.refusing_port() as refusing:
            there = ("127.0.0.1", refusing.port)
            connecting = asyncio.ensure_future(connect_socket([(HERE, peer.address), (HERE, there)], 0.0))
            await until(lambda: len(gate.open) == 2)
            gate.open[there].set()
            await until(lambda: gate.socks[1].fileno() == -1)
            gate.open[peer.address].set()
            sock = await connecting
        assert sock.getpeername() == peer.address
        sock.close()
        (await peer.ends.get())[1].close()


async def test_of_two_that_connect_at_once_one_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Peer() as one, Peer() as other:
        gate = Gate(monkeypatch)
        addresses: list[pipe_module.Address] = [(HERE, one.address), (HERE, other.address)]
        connecting = asyncio.ensure_future(connect_socket(addresses, 0.0))
        await until(lambda: len(gate.open) == 2)
        for event in gate.open.values():
            event.set()
        sock = await connecting
        await until(lambda: sum(each.fileno() == -1 for each in gate.socks) == 1)
        assert sock.fileno() != -1
        sock.close()
        (await one.ends.get())[1].close()
        (await other.ends.get())[1].close()


@pytest.mark.parametrize("turns", range(6))
async def test_no_socket_is_lost_when_connecting_is_cancelled(
    monkeypatch: pytest.MonkeyPatch, turns: int
) -> None:
    """At whatever turn of the loop the cancellation strikes; an unclosed socket is a warning, and fails."""
    async with Peer() as peer:
        gate = Gate(monkeypatch)
        connecting = asyncio.ensure_future(connect_socket([(HERE, peer.address)]))
        await until(lambda: bool(gate.open))
        gate.open[peer.address].set()
        for _ in range(turns):
            await asyncio.sleep(0)
        connecting.cancel()
        (result,) = await asyncio.gather(connecting, return_exceptions=True)
        if isinstance(result, socket.socket):
            result.close()
        await until(lambda: gate.socks[0].fileno() == -1)


async def test_when_no_address_answers_the_first_one_says_why() -> None:
    with cs.refusing_port() as port, pytest.raises(ConnectionRefusedError):
        await connect_socket([(HERE, ("127.0.0.1", port.port))] * 2)


async def test_families_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    async def resolve(*_: Any, **__: Any) -> list[Any]:
        six, four = socket.AF_INET6, socket.AF_INET
        return [(six, 1, 6, "", ("a6", 1)), (six, 1, 6, "", ("b6", 1)), (four, 1, 6, "", ("c4", 1))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    found = await pipe_module._addresses(parse_base_url("https://panel.invalid"))
    assert [where[0] for _, where in found] == ["a6", "c4", "b6"]


@pytest.mark.parametrize(
    ("platform", "option"),
    [("linux", (6, 18, 3000)), ("darwin", (6, 0x80, 3)), ("win32", (6, 5, 3)), ("sunos5", None)],
)
def test_each_system_is_told_to_notice_a_dead_peer_in_its_own_way(platform: str, option: Any) -> None:
    told: list[Any] = []

    class Sock:
        def setsockopt(self, *args: int) -> None:
            told.append(args)
            raise OSError("too old")

    notice_dead_peer(Sock(), 3.0, platform)  # type: ignore[arg-type]
    assert told == ([] if option is None else [option])


def test_the_default_context_checks_certificates_and_names() -> None:
    context = default_tls()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.cert_store_stats()["x509_ca"] > 50


async def test_what_is_held_leaves_in_one_piece_when_it_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Peer() as peer:
        pipe, reader, writer, _ = await peer.connect()
        written: list[bytes] = []
        monkeypatch.setattr(pipe, "_transport", Noting(pipe._connected, written))
        pipe.hold()
        await pipe.write(b"head, ")
        await pipe.write(b"body")
        await pipe.write(b"")
        assert written == []
        await pipe.let_go()
        assert written == [b"head, body"]
        assert await reader.readexactly(10) == b"head, body"
        await pipe.write(b"more")
        assert written == [b"head, body", b"more"]
        pipe.hold()
        await pipe.let_go()
        assert len(written) == 2
        await pipe.aclose()
        writer.close()


async def test_what_is_held_dies_with_a_reset() -> None:
    async with Peer() as peer:
        pipe, reader, _, _ = await peer.connect()
        pipe.hold()
        await pipe.write(b"never to be seen")
        pipe.reset()
        with pytest.raises(httpcore.WriteError):
            await pipe.let_go()
        with pytest.raises(ConnectionResetError):
            await reader.readexactly(1)
        await pipe.aclose()


class Noting:
    """A transport whose writes are written down."""

    def __init__(self, transport: asyncio.Transport, written: list[bytes]) -> None:
        self._transport = transport
        self._written = written

    def write(self, data: bytes) -> None:
        self._written.append(data)
        self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
