"""One connection: how it begins and ends, where it is dialled, and what its errors say."""

import asyncio
import socket
from asyncio.trsock import TransportSocket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpcore
import pytest

from crosstrade_panel.crosstrade import pipe as pipe_module
from crosstrade_panel.crosstrade.address import parse_base_url
from crosstrade_panel.crosstrade.pipe import Address, Dial, Pipe, connect_socket
from crosstrade_panel.crosstrade.proxy import Proxy, ProxyError, read_proxy
from tests import contract_server as cs
from tests.crosstrade.gateways import strict_tls, until

pytestmark = pytest.mark.anyio

Ends = asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]]


@asynccontextmanager
async def peer() -> AsyncIterator[tuple[int, Ends]]:
    """A server on a port, and the other end of each connection to it."""
    ends: Ends = asyncio.Queue()
    writers: list[asyncio.StreamWriter] = []

    def welcome(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        ends.put_nowait((reader, writer))

    server = await asyncio.start_server(welcome, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], ends
    finally:
        for _turn in range(9):  # one may be half welcomed
            await asyncio.sleep(0)
        for writer in writers:
            writer.transport.abort()
        server.close()
        await server.wait_closed()


def dial(base_url: str, proxy: Proxy | None = None) -> Dial:
    return Dial(parse_base_url(base_url), strict_tls, 3.0, proxy)


def is_reading(pipe: Pipe) -> object:
    """Asked again: for a type checker an attribute never changes."""
    return pipe._reading


async def connected(port: int) -> Pipe:
    return await dial(f"http://127.0.0.1:{port}").connect(lambda: None)


async def test_a_new_connection_is_idle_and_has_met_no_end() -> None:
    async with peer() as (port, ends):
        pipe = await connected(port)
        _, writer = await ends.get()
        assert (pipe.mid_exchange, pipe.told_its_end, pipe.is_open) == (False, False, True)
        writer.write(b"x" * 1000)
        assert await pipe.read(10) == b"x" * 10
        assert is_reading(pipe) is True  # a little does not make it stop reading
        assert pipe.told_its_end is False
        await pipe.aclose()


async def test_reading_goes_on_once_what_was_held_back_was_taken() -> None:
    async with peer() as (port, ends):
        pipe = await connected(port)
        _, writer = await ends.get()
        writer.write(b"x" * 1_000_000)
        await until(lambda: not pipe._reading)
        assert await pipe.read(10) == b"x" * 10
        assert is_reading(pipe) is False  # not before all of it was taken
        while not is_reading(pipe):
            await pipe.read(1_000_000)
        assert is_reading(pipe) is True
        await pipe.aclose()


async def test_an_idle_connection_is_closed_without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipe_module, "_GOODBYE_S", 60.0)
    async with peer() as (port, ends):
        pipe = await connected(port)
        reader, _ = await ends.get()
        await asyncio.wait_for(pipe.aclose(), 30.0)
        assert await reader.read() == b""
        await asyncio.wait_for(pipe.aclose(), 30.0)  # once more does no harm


async def test_a_lost_connection_says_so_with_the_cause() -> None:
    async with peer() as (port, ends):
        pipe = await connected(port)
        await ends.get()
        pipe.reset()
        await until(pipe._lost.is_set)
        with pytest.raises(httpcore.WriteError, match=r"\Aconnection lost\Z") as writing:
            await pipe.write(b"x")
        with pytest.raises(httpcore.ReadError, match=r"\Aconnection lost\Z") as reading:
            await pipe.read(1)
        assert (writing.value.__cause__, reading.value.__cause__) == (None, None)
        assert pipe.told_its_end is True
        error = OSError("made up")
        pipe._error = error
        with pytest.raises(httpcore.ReadError) as caused:
            await pipe.read(1)
        assert caused.value.__cause__ is error


async def test_leaving_the_program_in_mid_exchange_gives_nothing_up() -> None:
    async with peer() as (port, ends):
        pipe = await connected(port)
        reader, _ = await ends.get()
        pipe.mid_exchange = True
        reading = asyncio.ensure_future(pipe.read(1))
        await asyncio.sleep(0)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        assert pipe.mid_exchange is False
        await pipe.aclose()
        assert await reader.read() == b""  # a goodbye, and no reset


# -- dialling ---


async def test_https_goes_through_the_proxy_and_plain_http_never_does() -> None:
    async with peer() as (port, ends):
        proxy = read_proxy(f"http://user:word@127.0.0.1:{port}")
        dialling = asyncio.ensure_future(dial("https://panel.invalid:8443", proxy).connect_socket())
        reader, writer = await ends.get()
        asked = await reader.readuntil(b"\r\n\r\n")
        assert asked.startswith(b"CONNECT panel.invalid:8443 HTTP/1.1\r\nHost: panel.invalid:8443\r\n")
        assert b"Proxy-Authorization: Basic " in asked
        assert not dialling.done()
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        with await dialling as sock:
            assert sock.getpeername() == ("127.0.0.1", port)
        elsewhere = read_proxy("socks5://proxy.test:1")
        with await dial(f"http://127.0.0.1:{port}", elsewhere).connect_socket() as sock:
            assert sock.getpeername() == ("127.0.0.1", port)


async def test_a_proxy_that_cannot_be_used_or_reached_is_named() -> None:
    with pytest.raises(ProxyError) as unusable:
        await dial("https://panel.invalid", read_proxy("socks5://user:word@proxy.test:1")).connect_socket()
    assert unusable.value.said == "socks5://proxy.test:1"
    with cs.refusing_port() as refusing:
        address = f"http://127.0.0.1:{refusing.port}"
        with pytest.raises(ProxyError) as unreached:
            await dial("https://panel.invalid", read_proxy(address)).connect_socket()
    assert unreached.value.said == address
    assert isinstance(unreached.value.__cause__, OSError)


async def test_a_number_is_looked_up_by_nobody_and_a_name_by_the_system(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[Any] = []

    async def resolve(*args: Any, **options: Any) -> list[Any]:
        asked.append((args, options))
        return [
            (socket.AF_INET6, 1, 6, "", ("a6", 1)),
            (socket.AF_INET6, 1, 6, "", ("b6", 1)),
            (socket.AF_INET, 1, 6, "", ("c4", 1)),
        ]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    here = await pipe_module._addresses(parse_base_url("http://127.0.0.1:5"))
    assert (here, asked) == ([(socket.AF_INET, ("127.0.0.1", 5))], [])
    found = await pipe_module._addresses(parse_base_url("https://panel.invalid:8443"))
    assert asked == [(("panel.invalid", 8443), {"type": socket.SOCK_STREAM})]
    assert found == [
        (socket.AF_INET6, ("a6", 1)),
        (socket.AF_INET, ("c4", 1)),
        (socket.AF_INET6, ("b6", 1)),
    ]


async def test_a_name_that_this_machine_knows_is_no_number_either(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    async def resolve(*args: Any, **_: Any) -> list[Any]:
        asked.append(args)
        return [(socket.AF_INET, 1, 6, "", ("127.0.0.1", 5))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    # Looked up by the system in the loop's own thread, it could hold everything up.
    assert await pipe_module._addresses(parse_base_url("https://localhost:8443")) == [
        (socket.AF_INET, ("127.0.0.1", 5))
    ]
    assert asked == [("localhost", 8443)]


async def test_who_answers_within_its_head_start_is_the_only_one_that_is_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop = asyncio.get_running_loop()
    real, called = loop.sock_connect, []

    async def sock_connect(sock: socket.socket, address: Any) -> None:
        called.append(address)
        await real(sock, address)

    monkeypatch.setattr(loop, "sock_connect", sock_connect)
    async with peer() as (port, _), peer() as (other, _):
        where: list[Address] = [(socket.AF_INET, ("127.0.0.1", each)) for each in (port, other)]
        with await connect_socket(where, 60.0) as sock:
            assert sock.getpeername() == ("127.0.0.1", port)
    assert called == [("127.0.0.1", port)]


async def test_one_that_never_answers_keeps_nobody_waiting_for_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop = asyncio.get_running_loop()
    real, gate, called = loop.sock_connect, asyncio.Event(), []

    async def sock_connect(sock: socket.socket, address: Any) -> None:
        called.append(address)
        await (asyncio.Event() if len(called) == 1 else gate).wait()
        await real(sock, address)

    monkeypatch.setattr(loop, "sock_connect", sock_connect)
    async with peer() as (port, _), asyncio.timeout(10):
        where: list[Address] = [(socket.AF_INET, ("127.0.0.1", port))] * 2
        dialling = asyncio.ensure_future(connect_socket(where, 0.0))
        await until(lambda: len(called) == 2)
        for _turn in range(9):  # both head starts are over
            await asyncio.sleep(0)
        gate.set()
        with await dialling as sock:
            assert sock.getpeername() == ("127.0.0.1", port)


async def test_behind_one_that_failed_the_socket_that_came_second_is_closed_as_well(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop = asyncio.get_running_loop()
    real, gate, socks = loop.sock_connect, asyncio.Event(), []

    async def sock_connect(sock: socket.socket, address: Any) -> None:
        socks.append(sock)
        if len(socks) > 1:
            await gate.wait()
        await real(sock, address)

    monkeypatch.setattr(loop, "sock_connect", sock_connect)
    async with peer() as (port, _):
        with cs.refusing_port() as refusing:
            where = [("127.0.0.1", refusing.port), ("127.0.0.1", port), ("127.0.0.1", port)]
            dialling = asyncio.ensure_future(connect_socket([(socket.AF_INET, each) for each in where], 0.0))
            await until(lambda: len(socks) == 3)
            gate.set()
            with await dialling as sock:
                await until(lambda: sum(each.fileno() == -1 for each in socks) == 2)
                assert sock.getpeername() == ("127.0.0.1", port)


async def test_why_a_connection_was_lost_stays_known() -> None:
    async with peer() as (port, ends):
        pipe = await connected(port)
        _, writer = await ends.get()
        error = ConnectionResetError("made up")
        pipe.connection_lost(error)
        with pytest.raises(httpcore.ReadError) as caught:
            await pipe.read(1)
        assert caught.value.__cause__ is error
        pipe._connected.abort()
        writer.close()


async def test_https_is_spoken_to_an_https_origin_only() -> None:
    with cs.ContractServer(tls=True) as server:
        secure = await Dial(parse_base_url(server.base_url), server.client_context, 3.0).connect(lambda: None)
        assert secure._connected.get_extra_info("ssl_object") is not None
        await secure.aclose()
    async with peer() as (port, _):
        plain = await connected(port)
        assert plain._connected.get_extra_info("ssl_object") is None
        await plain.aclose()


# -- what the system is told ---


class NotingSocket:
    """A socket, or the transport of one, that notes what is set."""

    def __init__(self) -> None:
        self.noted: list[tuple[Any, ...]] = []

    def setsockopt(self, *option: Any) -> None:
        self.noted.append(option)

    def abort(self) -> None:
        self.noted.append(("abort",))


@pytest.mark.parametrize(("platform", "option"), [("linux", 18), ("darwin", 0x80), ("win32", 5)])
async def test_a_time_below_the_systems_unit_is_one_unit(platform: str, option: int) -> None:
    sock: Any = NotingSocket()
    pipe_module.notice_dead_peer(sock, 0.0001, platform)  # 0 would be the system's own time
    assert sock.noted == [(socket.IPPROTO_TCP, option, 1)]


@pytest.mark.parametrize("platform", ["linux", "win32"])
@pytest.mark.parametrize("is_wrapped", [False, True])
async def test_on_windows_a_reset_closes_the_socket_itself_wrapped_or_not(
    platform: str, *, is_wrapped: bool
) -> None:
    ours, its = socket.socketpair()
    with ours, its:
        tcp: Any = NotingSocket()
        pipe_module.reset(TransportSocket(ours) if is_wrapped else ours, tcp, platform)  # type: ignore[arg-type]
        assert tcp.noted == [("abort",)]
        assert (ours.fileno() == -1) == (platform == "win32")
