"""What happens to the first press on its way, and to the stream."""

import socket
import struct
import sys
import time
from http.client import RemoteDisconnected
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.simulator.drilling import (
    ACCOUNTS,
    FLATTEN,
    MES,
    REVERSE,
    SCALE,
    TICKET,
    ask,
    becomes,
    dialled,
    drilled,
    flatten,
    hear,
    held,
    read,
    request_bytes,
    say,
    stays,
    streaming,
    wired,
)
from tests.wine import sees_resets

HOLE_S = 18 * SCALE
EVERYTHING: dict[str, Any] = {}


def leave_with_a_reset(line: socket.socket) -> None:
    """Close so that the other side gets a RST, as a client does that takes back what it sent."""
    line.setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
    )
    line.close()


# ---- drops


def test_idle_links_are_closed_when_the_drill_is_armed() -> None:
    with drilled() as exchange, dialled(exchange) as line, streaming(exchange) as stream:
        assert ask(exchange, "GET", ACCOUNTS, line=line).status == 200
        exchange.drill = "link-closed-idle"
        assert line.sock.recv(1) == b""
        with pytest.raises(ConnectionClosed) as closed:
            stream.recv(timeout=5)
        assert closed.value.rcvd is None
        assert flatten(exchange).status == 200


@sees_resets
@pytest.mark.parametrize(
    ("name", "logged", "acts"),
    [
        ("link-dropped-before", False, False),
        ("link-dropped-during", True, False),
        ("link-dropped-after", True, True),
    ],
)
def test_a_link_is_reset_before_during_or_after_the_press(name: str, logged: bool, acts: bool) -> None:
    with drilled(name) as exchange, wired(exchange) as line:
        line.sendall(request_bytes(exchange))
        with pytest.raises(ConnectionResetError):
            line.recv(1)
        assert [(c.acted, c.status) for c in exchange.calls] == ([(acts, None)] if logged else [])
        assert becomes(exchange, 0) if acts else stays(exchange, -2, 0.2)
        assert len(flatten(exchange, account="Sim102").json["closedPositions"]) == 1


@pytest.mark.parametrize(
    ("name", "logged", "acts"),
    [
        ("link-dropped-before", False, False),
        ("link-dropped-during", True, False),
        ("link-dropped-after", True, True),
    ],
)
def test_over_the_stream_the_same_ends_it(name: str, logged: bool, acts: bool) -> None:
    with drilled(name) as exchange, streaming(exchange) as stream:
        # A read and a ping in front of it are no press.
        say(stream, "GetAllPositions", EVERYTHING)
        assert hear(stream)["data"]["count"] == 4
        stream.ping()
        say(stream)
        with pytest.raises(ConnectionClosed) as closed:
            stream.recv(timeout=5)
        assert closed.value.rcvd is None
        frames = exchange.calls.of("WS")[1:]
        assert [(c.acted, c.status) for c in frames] == ([(acts, None)] if logged else [])
        assert becomes(exchange, 0) if acts else stays(exchange, -2, 0.2)


@sees_resets
def test_a_press_in_pieces_is_reset_at_its_first_piece() -> None:
    with drilled("link-dropped-before") as exchange, wired(exchange) as line:
        line.sendall(request_bytes(exchange).partition(b"\r\n\r\n")[0] + b"\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            line.recv(1)


def test_a_link_with_a_request_under_way_is_not_idle() -> None:
    with drilled("slow-fills-9") as exchange, wired(exchange) as line:
        line.sendall(request_bytes(exchange, REVERSE, TICKET))
        assert exchange.wait_until(lambda _: len(exchange.calls) == 1 and exchange.calls[0].acted)
        exchange.drill = "link-closed-idle"
        assert line.recv(4096).startswith(b"HTTP/1.1 200 OK")


# ---- black holes


def test_a_press_in_a_black_hole_acts_when_it_heals() -> None:
    with drilled("black-hole-out") as exchange, wired(exchange) as line:
        began = time.monotonic()
        line.sendall(request_bytes(exchange))
        assert stays(exchange, -2, HOLE_S / 2)
        assert len(exchange.calls) == 0
        # Other connections are in no hole.
        assert read(exchange, "/v1/api/positions")["count"] == 4
        assert line.recv(4096).startswith(b"HTTP/1.1 200 OK")
        assert time.monotonic() - began >= HOLE_S
        assert becomes(exchange, 0)
        [press] = exchange.calls.of("POST")
        assert press.began_at is not None
        assert press.at - press.began_at >= HOLE_S


@sees_resets
def test_a_press_in_a_black_hole_dies_with_a_client_that_resets() -> None:
    with drilled("black-hole-out") as exchange, wired(exchange) as line:
        line.sendall(request_bytes(exchange))
        assert stays(exchange, -2, HOLE_S / 3)
        leave_with_a_reset(line)
        assert stays(exchange, -2, HOLE_S)
        assert len(exchange.calls) == 0


def test_a_press_in_a_black_hole_outlives_a_client_that_only_closes() -> None:
    with drilled("black-hole-out") as exchange:
        with wired(exchange) as line:
            line.sendall(request_bytes(exchange))
            assert stays(exchange, -2, HOLE_S / 3)
        assert becomes(exchange, 0)
        assert exchange.wait_until(lambda _: not exchange._links)


def test_a_client_that_only_stops_sending_is_answered_out_of_the_hole_and_then_left() -> None:
    with drilled("black-hole-out") as exchange, wired(exchange) as line:
        line.sendall(request_bytes(exchange))
        line.shutdown(socket.SHUT_WR)
        got = b""
        while part := line.recv(4096):
            got += part
        assert got.startswith(b"HTTP/1.1 200 OK")
        assert got.endswith(b'"success":true}')


def test_a_press_over_the_stream_falls_into_the_same_hole() -> None:
    with drilled("black-hole-out") as exchange, streaming(exchange) as stream:
        say(stream)
        say(stream, "GetAllPositions", EVERYTHING, "behind it")
        with pytest.raises(TimeoutError):
            stream.recv(timeout=HOLE_S / 2)
        assert held(exchange) == -2
        assert [hear(stream)["id"], hear(stream)["id"]] == ["q", "behind it"]
        assert becomes(exchange, 0)


def test_a_press_over_the_stream_outlives_a_client_that_only_closes() -> None:
    with drilled("black-hole-out") as exchange, streaming(exchange) as stream:
        say(stream)
        assert stays(exchange, -2, HOLE_S / 3)
        stream.socket.shutdown(socket.SHUT_WR)
        assert becomes(exchange, 0)


def test_an_answer_in_a_black_hole_comes_when_it_heals() -> None:
    with drilled("black-hole-back") as exchange, wired(exchange) as line:
        began = time.monotonic()
        line.sendall(request_bytes(exchange))
        assert becomes(exchange, 0)
        assert line.recv(4096).startswith(b"HTTP/1.1 200 OK")
        assert time.monotonic() - began >= HOLE_S
        [call] = exchange.calls
        assert call.answered_at is not None
        assert call.answered_at - call.at >= HOLE_S - time.get_clock_info("monotonic").resolution


def test_in_a_black_hole_back_the_stream_hears_nothing_at_all_until_it_heals() -> None:
    with drilled("black-hole-back") as exchange, streaming(exchange) as stream:
        say(stream)
        assert becomes(exchange, 0)
        pong = stream.ping()
        say(stream, "GetAllPositions", EVERYTHING, "read")
        assert not pong.wait(HOLE_S / 2)
        with pytest.raises(TimeoutError):
            stream.recv(timeout=0.05)
        assert pong.wait(5)
        assert {hear(stream)["id"], hear(stream)["id"]} == {"q", "read"}


def test_a_hole_ends_with_the_exchange() -> None:
    with drilled("black-hole-out", scale=1.0) as exchange, wired(exchange) as line:
        line.sendall(request_bytes(exchange))
        assert exchange.wait_until(lambda _: any(link._held for link in exchange._links.values()))
        began = time.monotonic()
        exchange.stop()
        assert time.monotonic() - began < 2.0


# ---- the stream


def test_the_stream_is_taken_when_the_drill_is_armed() -> None:
    with drilled() as exchange, streaming(exchange) as stream:
        exchange.drill = "stream-taken"
        with pytest.raises(ConnectionClosed) as closed:
            stream.recv(timeout=5)
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4000, "Session active elsewhere")
        with streaming(exchange) as again:
            say(again)
            assert hear(again)["data"]["success"]


def test_the_stream_is_taken_as_soon_as_one_opens_and_once() -> None:
    with drilled("stream-taken") as exchange:
        with streaming(exchange) as stream, pytest.raises(ConnectionClosed):
            stream.recv(timeout=5)
        with streaming(exchange) as again:
            say(again)
            assert hear(again)["data"]["success"]


@pytest.mark.parametrize(
    ("name", "code", "reason", "acts"),
    [
        ("stream-taken-at-press", 4000, "Session active elsewhere", True),
        ("stream-closed-1008", 1008, "Rate limit exceeded", False),
    ],
)
def test_a_press_over_the_stream_is_never_answered_because_the_stream_is_closed(
    name: str, code: int, reason: str, acts: bool
) -> None:
    with drilled(name) as exchange, streaming(exchange) as stream:
        say(stream, "GetAllPositions", EVERYTHING)
        assert hear(stream)["data"]["count"] == 4
        say(stream)
        with pytest.raises(ConnectionClosed) as closed:
            stream.recv(timeout=5)
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (code, reason)
        assert becomes(exchange, 0) if acts else stays(exchange, -2, 0.2)


@pytest.mark.parametrize("name", ["stream-taken-at-press", "stream-closed-1008", "stream-taken-later"])
def test_a_press_over_http_closes_the_stream_too_and_is_answered(name: str) -> None:
    with drilled(name) as exchange, streaming(exchange) as stream:
        assert flatten(exchange).json["success"]
        with pytest.raises(ConnectionClosed):
            stream.recv(timeout=5)
        assert becomes(exchange, 0)


def test_the_stream_is_taken_some_time_after_the_press() -> None:
    with drilled("stream-taken-later", scale=0.3) as exchange, streaming(exchange) as stream:
        began = time.monotonic()
        say(stream)
        assert hear(stream)["data"]["success"]
        with pytest.raises(ConnectionClosed):
            stream.recv(timeout=5)
        assert time.monotonic() - began >= 0.28  # a clock may go in steps of 16 ms


# ---- the token


def test_a_token_revoked_at_the_press_refuses_it_and_everything_after_it() -> None:
    with drilled("token-revoked") as exchange:
        assert read(exchange, ACCOUNTS)["success"]
        got = flatten(exchange)
        assert (got.status, got.json) == (401, {"error": "Unauthorized"})
        assert ask(exchange, "GET", ACCOUNTS).status == 401
        with pytest.raises(InvalidStatus), streaming(exchange):
            pass
        assert held(exchange) == -2
        exchange.drill = None
        assert flatten(exchange).status == 200


def test_a_token_revoked_after_the_press_lets_it_act_and_answer() -> None:
    with drilled("token-revoked-after") as exchange:
        assert flatten(exchange).status == 200
        assert ask(exchange, "GET", ACCOUNTS).status == 401
        assert flatten(exchange, account="Sim102").status == 401
        assert becomes(exchange, 0)


@pytest.mark.parametrize(("name", "acts"), [("token-revoked", False), ("token-revoked-after", True)])
def test_over_the_stream_a_revoked_token_is_an_error_frame(name: str, acts: bool) -> None:
    refusal = {"id": "q", "error": "Unauthorized"}
    with drilled(name) as exchange, streaming(exchange) as stream:
        say(stream, "GetAllPositions", EVERYTHING)
        assert hear(stream)["data"]["count"] == 4
        say(stream)
        answer = hear(stream)
        assert answer["data"]["success"] if acts else answer == refusal
        say(stream, "GetAllPositions", EVERYTHING)
        assert hear(stream) == refusal
        assert becomes(exchange, 0 if acts else -2)


def test_without_a_drill_a_connection_is_left_alone() -> None:
    with drilled() as exchange, dialled(exchange) as line:
        for _ in range(3):
            assert ask(exchange, "POST", FLATTEN, MES, line).status == 200
        exchange.drill = "link-dropped-after"
        with pytest.raises((ConnectionResetError, RemoteDisconnected)):
            ask(exchange, "POST", FLATTEN, MES, line)
