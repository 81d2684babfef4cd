"""The first press is answered with something else than the truth; what it did is a matter of its own."""

import http.client
import json
import socket
import time
import zlib
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode

from crosstrade_panel.simulator.drills import DRILLS
from crosstrade_panel.simulator.server import PracticeExchange
from tests.simulator.drilling import (
    FLATTEN,
    MES,
    SCALE,
    TICKET,
    ask,
    becomes,
    dialled,
    drilled,
    flatten,
    hear,
    held,
    request_bytes,
    reverse,
    say,
    stays,
    streaming,
    wired,
)

NOTHING: dict[str, Any] = {}
WHOLE = [
    ("timeout-408", 408, False),
    ("timeout-408-acted", 408, True),
    ("limit-header", 429, False),
    ("limit-body", 429, False),
    ("limit-bare", 429, False),
    ("limit-html", 429, False),
    ("error-500", 500, False),
    ("error-500-acted", 500, True),
    ("error-502", 502, False),
    ("error-502-acted", 502, True),
    ("error-503", 503, False),
    ("error-503-acted", 503, True),
    ("error-504", 504, False),
    ("error-504-acted", 504, True),
    ("redirect", 307, False),
    ("html", 200, True),
    ("empty", 200, True),
    ("malformed", 200, True),
    ("deep", 200, True),
    ("invalid-utf8", 200, True),
    ("success-false", 200, False),
    ("success-false-acted", 200, True),
    ("no-fields", 200, True),
    ("warning", 200, True),
]
UNREADABLE = {"limit-html", "redirect", "html", "empty", "malformed"}


def test_every_drill_of_an_answer_is_tried_here() -> None:
    by_hand = {"truncated", "huge", "gzip-bomb", "endless-headers", "endless-body"}
    silent = {"late-answer", "answer-lost", "reverse-answer-lost"}
    assert {d.name for d in DRILLS.values() if d.group == "answers"} == {
        name for name, _, _ in WHOLE
    } | by_hand | silent


@pytest.mark.parametrize(("name", "status", "acts"), WHOLE)
def test_one_press_is_answered_so_over_http_and_the_next_one_is_not(
    name: str, status: int, acts: bool
) -> None:
    with drilled(name) as exchange:
        got = flatten(exchange)
        [call] = exchange.calls
        assert (got.status, call.status, call.acted) == (status, status, acts)
        assert (call.answer, call.answer_size) == (got.body[: 64 * 1024], len(got.body))
        assert becomes(exchange, 0) if acts else held(exchange) == -2
        again = flatten(exchange, account="Sim102")
        assert (again.status, len(again.json["closedPositions"])) == (200, 1)


# A client ends the stream over invalid UTF-8: see below.
@pytest.mark.parametrize(("name", "status", "acts"), [each for each in WHOLE if each[0] != "invalid-utf8"])
def test_one_press_is_answered_so_over_the_stream_and_the_next_one_is_not(
    name: str, status: int, acts: bool
) -> None:
    with drilled(name) as exchange, streaming(exchange) as stream:
        say(stream)
        frame = stream.recv(timeout=5)
        assert isinstance(frame, str)
        assert len(frame) == 400_018 or name != "deep"
        if name in UNREADABLE:
            with pytest.raises(json.JSONDecodeError):
                json.loads(frame)
        elif name != "deep":
            answer = json.loads(frame)
            assert answer["id"] == "q"
            assert ("error" in answer["data"]) is (status != 200 or name.startswith("success-false"))
        assert exchange.wait_until(lambda _: exchange.calls[1].status is not None)
        call = exchange.calls[1]
        assert (call.status, call.acted) == (status, acts)
        assert becomes(exchange, 0) if acts else held(exchange) == -2
        say(stream, args={"account": "Sim102"}, name="second")
        answer = hear(stream)
        assert (answer["id"], len(answer["data"]["closedPositions"])) == ("second", 1)


@pytest.mark.parametrize(
    ("name", "header", "in_body"),
    [("limit-header", "1", None), ("limit-body", None, 1), ("limit-bare", None, None)],
)
def test_a_limit_says_when_to_come_back_where_it_says_so(
    name: str, header: str | None, in_body: int | None
) -> None:
    with drilled(name, scale=1.0) as exchange:
        got = flatten(exchange)
        assert got.json["error"] == "Rate limit exceeded"
        assert (got.headers.get("retry-after"), got.json.get("retryAfter")) == (header, in_body)


def test_the_bodies_are_what_their_names_say() -> None:
    bodies = {}
    for name in ("limit-html", "redirect", "html", "malformed", "deep", "invalid-utf8", "no-fields"):
        with drilled(name) as exchange:
            bodies[name] = flatten(exchange)
    for name in ("limit-html", "redirect", "html"):
        assert bodies[name].headers["content-type"].startswith("text/html")
        assert bodies[name].body.startswith(b"<!doctype html>")
    assert bodies["redirect"].headers["location"].startswith("http://elsewhere.invalid/")
    assert bodies["malformed"].body.startswith(b'{"orderIds":[')
    with pytest.raises(json.JSONDecodeError):
        _ = bodies["malformed"].json
    assert bodies["deep"].body.startswith(b"[" * 200_000 + b"]")
    with pytest.raises(RecursionError):
        _ = bodies["deep"].json
    with pytest.raises(UnicodeDecodeError):
        bodies["invalid-utf8"].body.decode()
    assert bodies["no-fields"].json == {}


def test_success_false_says_what_was_done_where_something_was() -> None:
    with drilled("success-false") as exchange:
        assert flatten(exchange).json == {"success": False, "error": "Order rejected"}
    with drilled("success-false-acted") as exchange:
        got = flatten(exchange).json
        assert got["success"] is False
        assert [row["instrument"] for row in got["closedPositions"]] == ["MES 12-25"]
        assert len(got["orderIds"]) == 2
    with drilled("warning") as exchange:
        got = flatten(exchange).json
        assert (got["success"], got["warning"]) == (True, "Some orders took longer than usual")
        assert len(got["closedPositions"]) == 1


@pytest.mark.parametrize("name", ["timeout-408-acted", "no-fields", "success-false-acted"])
def test_a_reverse_is_a_press_too(name: str) -> None:
    with drilled(name) as exchange:
        got = reverse(exchange)
        assert got.status == (408 if name.startswith("timeout") else 200)
        assert ("orderId" in got.json) is (name == "success-false-acted")
        assert becomes(exchange, 2)


def test_reads_are_left_alone_until_the_press_comes() -> None:
    with drilled("error-500") as exchange, dialled(exchange) as line:
        for _ in range(3):
            line.request("GET", "/v1/api/positions", headers={"Authorization": f"Bearer {exchange.token}"})
            with line.getresponse() as answer:
                assert (answer.status, json.loads(answer.read())["count"]) == (200, 4)
        assert flatten(exchange).status == 500


# ---- bytes written by hand


def received(line: socket.socket, at_least: int) -> bytes:
    """What comes, until it is that much or the connection ends."""
    parts = []
    while at_least > 0 and (part := line.recv(1 << 20)):
        parts.append(part)
        at_least -= len(part)
    return b"".join(parts)


def test_a_truncated_answer_ends_before_its_length() -> None:
    with drilled("truncated") as exchange, dialled(exchange) as line:
        with pytest.raises(http.client.IncompleteRead) as cut:
            ask(exchange, "POST", FLATTEN, MES, line)
        assert cut.value.partial.startswith(b'{"orderIds":[')
        assert becomes(exchange, 0)
        [call] = exchange.calls
        assert (call.status, call.acted) == (200, True)
        assert call.answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert call.answer.endswith(cut.value.partial)


def test_a_huge_answer_is_a_gigabyte_and_the_exchange_does_not_hold_it() -> None:
    with drilled("huge") as exchange, wired(exchange) as line:
        line.sendall(request_bytes(exchange))
        head = received(line, 200)
        assert b"content-length: 1073741850\r\n" in head
        assert exchange.wait_until(lambda _: exchange.calls[0].answer_size > 2 << 20)
        # The client reads no further: what is under way fits into the socket's buffers.
        [link] = list(exchange._links.values())
        assert link.get_write_buffer_size() <= 2 << 20
        assert len(received(line, 50 << 20)) >= 50 << 20
        [call] = exchange.calls
        assert len(call.answer) == 64 * 1024
        assert becomes(exchange, 0)


def test_a_gzip_bomb_is_a_megabyte_that_unpacks_to_a_gigabyte() -> None:
    with drilled("gzip-bomb") as exchange:
        got = flatten(exchange)
        assert got.headers["content-encoding"] == "gzip"
        assert len(got.body) < 2 << 20
        unpack, size, packed = zlib.decompressobj(zlib.MAX_WBITS | 16), 0, got.body
        while not unpack.eof:
            size += len(unpack.decompress(packed, 64 << 20))
            packed = unpack.unconsumed_tail
        assert (size, unpack.unused_data) == (1 << 30, b"")
        assert becomes(exchange, 0)


@pytest.mark.parametrize("name", ["endless-headers", "endless-body"])
def test_an_endless_answer_comes_a_byte_at_a_time_until_the_client_goes(name: str) -> None:
    with drilled(name) as exchange:
        with wired(exchange) as line:
            line.sendall(request_bytes(exchange))
            head = line.recv(4096)
            assert head.startswith(b"HTTP/1.1 200 OK\r\n")
            assert (b"\r\n\r\n" in head) is (name == "endless-body")
            began = time.monotonic()
            dribble = [line.recv(4096) for _ in range(6)]
            assert time.monotonic() - began >= 5 * SCALE
            assert set(dribble) == ({b"."} if name == "endless-headers" else {b"1\r\n \r\n"})
            assert becomes(exchange, 0)
        assert exchange.wait_until(lambda _: not list(exchange._links.values()))
        written = exchange.calls[0].answer_size
        assert not exchange.wait_until(lambda _: exchange.calls[0].answer_size > written, 4 * SCALE)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("truncated", None),
        ("huge", CloseCode.MESSAGE_TOO_BIG),
        ("gzip-bomb", CloseCode.PROTOCOL_ERROR),
        ("invalid-utf8", CloseCode.INVALID_DATA),
    ],
)
def test_over_the_stream_such_an_answer_ends_the_stream(name: str, code: CloseCode | None) -> None:
    with drilled(name) as exchange, streaming(exchange) as stream:
        say(stream)
        with pytest.raises(ConnectionClosed) as closed:
            stream.recv(timeout=5)
        assert (closed.value.sent.code if closed.value.sent else None) == code
        assert exchange.calls[1].acted
        assert becomes(exchange, 0)


@pytest.mark.parametrize("name", ["endless-headers", "endless-body"])
def test_an_endless_answer_over_the_stream_never_becomes_a_message(name: str) -> None:
    with drilled(name) as exchange, streaming(exchange) as stream:
        say(stream)
        with pytest.raises(TimeoutError):
            stream.recv(timeout=6 * SCALE)
        assert exchange.calls[1].answer_size > 4
        assert becomes(exchange, 0)


# ---- silence


def test_a_late_answer_comes_after_the_deed_and_is_the_true_one() -> None:
    with drilled("late-answer") as exchange:
        began = time.monotonic()
        with wired(exchange) as line:
            line.sendall(request_bytes(exchange))
            assert becomes(exchange, 0)
            assert exchange.calls[0].status is None
            assert line.recv(4096).startswith(b"HTTP/1.1 200 OK\r\n")
            assert time.monotonic() - began >= 4 * SCALE
        with streaming(exchange) as stream:
            exchange.drill = "late-answer"
            say(stream, args={"account": "Sim102"})
            say(stream, "GetAllPositions", NOTHING, "quick")
            assert [hear(stream)["id"], hear(stream)["id"]] == ["quick", "q"]


@pytest.mark.parametrize("name", ["answer-lost", "reverse-answer-lost"])
def test_a_lost_answer_never_comes_and_the_press_acted(name: str) -> None:
    with drilled(name) as exchange, wired(exchange, 0.4) as line:
        line.sendall(request_bytes(exchange, "/v1/api/accounts/Sim101/positions/reverseposition", TICKET))
        assert becomes(exchange, 2)
        with pytest.raises(TimeoutError):
            line.recv(1)
        [call] = exchange.calls
        assert (call.acted, call.status, call.answer) == (True, None, b"")
        # The next one is answered.
        assert flatten(exchange, account="Sim102").status == 200
    with drilled(name) as exchange, streaming(exchange) as stream:
        stream_ticket = {"action": "Buy", "orderType": "Market", "timeInForce": "Day"}
        say(stream, "ReversePosition", TICKET | stream_ticket | {"account": "Sim101"})
        say(stream, "GetAllPositions", NOTHING, "read")
        assert hear(stream)["id"] == "read"
        with pytest.raises(TimeoutError):
            stream.recv(timeout=0.2)
        assert becomes(exchange, 2)


def test_the_answer_of_a_flatten_is_not_lost_in_the_drill_of_a_reverse() -> None:
    with drilled("reverse-answer-lost") as exchange:
        assert flatten(exchange).status == 200


def test_a_press_that_does_not_act_leaves_everything_as_it_was() -> None:
    with drilled("error-504") as exchange:
        flatten(exchange)
        assert stays(exchange, -2, 0.2)
        with exchange.book_now() as book:
            assert {order.state for order in book.orders()} == {"Accepted", "Working"}


def test_the_exchange_stops_at_once_in_the_middle_of_an_endless_answer() -> None:
    with drilled("endless-body", scale=1.0) as exchange, wired(exchange) as line:
        line.sendall(request_bytes(exchange))
        assert line.recv(4096)
        began = time.monotonic()
        exchange.stop()
        assert time.monotonic() - began < 2.0
    assert isinstance(exchange, PracticeExchange)
