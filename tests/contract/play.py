"""Puts a behaviour on the wire."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from http import HTTPStatus

from tests.contract.api import Answer, Api
from tests.contract.behaviours import (
    Act,
    ActThenLate,
    BadChunk,
    BadGzip,
    Behaviour,
    Call,
    DeepJson,
    Drip,
    DropAfterReading,
    DropBeforeReading,
    DropDuringReply,
    Empty,
    Garbage,
    GzipBomb,
    Hang,
    Headers,
    Honest,
    Html,
    HugeBody,
    HugeHeaders,
    InvalidUtf8,
    Late,
    MalformedJson,
    Redirect,
    Reply,
    ResetIdle,
)
from tests.contract.wire import ClientGoneError, Connection

_JSON: Headers = (("Content-Type", "application/json"),)
_CHUNKED: Headers = (*_JSON, ("Transfer-Encoding", "chunked"))
_MEBIBYTE = 1 << 20
_PAGE = b"<!DOCTYPE html><html><head><title>CrossTrade</title></head><body>Attention required</body></html>"


def head_bytes(status: int, headers: Headers) -> bytes:
    """Return a status line and header fields."""
    known = {item.value: item.phrase for item in HTTPStatus}
    lines = [
        f"HTTP/1.1 {status} {known.get(status, 'Unknown')}",
        *(f"{key}: {value}" for key, value in headers),
        "",
        "",
    ]
    return "\r\n".join(lines).encode("latin-1")


def drop_unread(link: Connection, *, reset: bool) -> bool:
    """Cut a link on which bytes may wait unread; return that it does not stay open."""
    if not reset:
        link.drain()
    link.end(reset=reset)
    return False


class Play:
    """Performs behaviours for one connection; calls ``noticed`` whenever the call's record has changed."""

    def __init__(self, api: Api, connection: Connection, noticed: Callable[[], None]) -> None:
        self._api = api
        self._link = connection
        self._noticed = noticed

    def perform(self, call: Call, behaviour: Behaviour) -> bool:  # noqa: C901, PLR0912 - one arm each
        """Answer ``call`` (its body read) so; return whether the connection stays open.

        Raises:
            ClientGoneError: the client ended the connection meanwhile.
        """
        match behaviour:
            case Honest():
                return self._honest(call, behaviour)
            case Reply(status, body, headers, act):
                return self._reply(call, act, status, body, headers)
            case DropBeforeReading(reset):
                return drop_unread(self._link, reset=reset)
            case DropAfterReading(act, reset, polite):
                self._act(call, act)
                return self._end(reset=reset, polite=polite)
            case DropDuringReply():
                return self._cut_reply(call, behaviour)
            case Garbage(act, data):
                self._act(call, act)
                self._link.send(data)
                return self._end()
            case BadChunk(act, cut):
                return self._bad_chunk(call, act, cut=cut)
            case BadGzip(act):
                return self._reply(
                    call, act, 200, b"\x1f\x8bnot gzip at all", (*_JSON, ("Content-Encoding", "gzip"))
                )
            case GzipBomb(total, act):
                body = self._act(call, act)
                return self._stream(call, _bomb(total, body), (*_CHUNKED, ("Content-Encoding", "gzip")))
            case Hang(act):
                self._act(call, act)
                self._link.wait(None)
                return self._end()
            case Drip():
                return self._drip(call, behaviour)
            case HugeBody(total, chunked, act):
                body = self._act(call, act)
                length = ("Content-Length", str(total + len(body)))
                return self._stream(
                    call, _then(_spaces(total), body), _CHUNKED if chunked else (*_JSON, length)
                )
            case HugeHeaders(total, act):
                body = self._act(call, act)
                return self._reply(call, False, 200, body, (*_JSON, ("X-Padding", "x" * total)))
            case Html(status, act):
                return self._reply(call, act, status, _PAGE, (("Content-Type", "text/html; charset=utf-8"),))
            case Empty(status, act):
                return self._reply(call, act, status, b"", _JSON)
            case InvalidUtf8(status, act):
                return self._reply(call, act, status, b'{"success": true, "orderIds": ["\xff\xc3"]}', _JSON)
            case MalformedJson(status, act):
                return self._reply(call, act, status, b'{"success": true, "orderIds": [', _JSON)
            case DeepJson(depth, closed, status, act):
                return self._reply(call, act, status, b"[" * depth + b"]" * (depth * closed), _JSON)
            case Redirect(status, to, act):
                return self._reply(call, act, status, b"", (("Location", to),))
            case Late(seconds, then):
                call.ended = self._link.pause(seconds)
                if call.ended == "stopped":
                    raise ClientGoneError(call.ended)
                return self.perform(call, then)
            case ActThenLate(seconds, act):
                answer = self._answer(call, act)
                self._link.wait(seconds)
                return self._send(call, answer)
            case ResetIdle(after_s, reset):
                self._honest(call, Honest())
                return self._end(reset=reset) if self._link.quiet(after_s) else True

    # -- what it did -----------------------------------------------------------------------------------

    def _answer(self, call: Call, act: Act) -> Answer:
        answer = self._api.answer(call, act)
        self._noticed()
        return answer

    def _act(self, call: Call, act: Act) -> bytes:
        return self._answer(call, act).encoded()

    # -- what it says ----------------------------------------------------------------------------------

    def _honest(self, call: Call, behaviour: Honest) -> bool:
        answer = self._answer(call, behaviour.act)
        body = answer.body
        if isinstance(body, dict):
            body = {key: value for key, value in body.items() if key not in behaviour.drop} | behaviour.patch
        return self._send(call, Answer(behaviour.status or answer.status, body, answer.headers))

    def _send(self, call: Call, answer: Answer) -> bool:
        return self._whole(call, answer.status, answer.encoded(), (*_JSON, *answer.headers))

    def _reply(self, call: Call, act: Act, status: int, body: bytes, headers: Headers) -> bool:
        if act is not False:
            self._act(call, act)
        return self._whole(call, status, body, headers)

    def _whole(self, call: Call, status: int, body: bytes, headers: Headers) -> bool:
        names = {key.lower(): value.lower() for key, value in headers}
        bare = status in {204, 304}
        if not bare and "content-length" not in names and "transfer-encoding" not in names:
            headers = (*headers, ("Content-Length", str(len(body))))
        call.status = status
        self._noticed()
        # From here on the test may know that the answer came, and count the link as idle.
        self._link.idle = True
        self._link.send(head_bytes(status, headers) + (b"" if bare else body))
        wishes = {names.get("connection"), (call.header("connection") or "").lower()}
        return self._end(polite=True) if "close" in wishes else True

    def _stream(self, call: Call, pieces: Iterator[bytes], headers: Headers) -> bool:
        chunked = headers[: len(_CHUNKED)] == _CHUNKED
        call.status = 200
        self._noticed()
        self._link.send(head_bytes(200, headers))
        for piece in pieces:
            if piece:
                self._link.send(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
        if chunked:
            self._link.send(b"0\r\n\r\n")
        return True

    def _cut_reply(self, call: Call, behaviour: DropDuringReply) -> bool:
        body = self._act(call, behaviour.act)
        head = head_bytes(200, (*_JSON, ("Content-Length", str(len(body)))))
        kept = head[: behaviour.sent] if behaviour.in_head else head + body[: behaviour.sent]
        self._link.send(kept)
        return self._end(reset=behaviour.reset)

    def _bad_chunk(self, call: Call, act: Act, *, cut: bool) -> bool:
        body = self._act(call, act)
        half = body[: len(body) // 2]
        bad = b"ff\r\n" + body[len(half) :] if cut else b"zz\r\n" + body[len(half) :] + b"\r\n0\r\n\r\n"
        self._link.send(head_bytes(200, _CHUNKED) + b"%x\r\n%s\r\n" % (len(half), half) + bad)
        return self._end()

    def _drip(self, call: Call, behaviour: Drip) -> bool:
        self._act(call, behaviour.act)
        if behaviour.in_headers:
            self._link.send(b"HTTP/1.1 200 OK\r\nX-Drip: ")
        else:
            self._link.send(head_bytes(200, (*_JSON, ("Content-Length", "1000000000"))))
        while True:
            self._link.send(b"x" if behaviour.in_headers else b" ")
            self._link.wait(behaviour.interval_s)

    def _end(self, *, reset: bool = False, polite: bool = False) -> bool:
        self._link.end(reset=reset, polite=polite)
        return False


def _spaces(total: int) -> Iterator[bytes]:
    while total > 0:
        yield b" " * min(total, _MEBIBYTE)
        total -= _MEBIBYTE


def _then(pieces: Iterator[bytes], last: bytes) -> Iterator[bytes]:
    yield from pieces
    yield last


def _bomb(total: int, body: bytes) -> Iterator[bytes]:
    """Yield one gzip stream of ``total`` spaces and ``body``.

    A full flush forgets what came before, so that one compressed mebibyte can be sent again and again.
    """
    mebibyte, rest = b" " * _MEBIBYTE, b" " * (total % _MEBIBYTE) + body
    squeezer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    block = squeezer.compress(mebibyte) + squeezer.flush(zlib.Z_FULL_FLUSH)
    yield b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"
    checksum = 0
    for _ in range(total // _MEBIBYTE):
        checksum = zlib.crc32(mebibyte, checksum)
        yield block
    squeezer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    yield squeezer.compress(rest) + squeezer.flush()
    yield struct.pack("<II", zlib.crc32(rest, checksum), (total + len(body)) & 0xFFFFFFFF)
