"""What the first press may be answered with instead of the truth, over HTTP and over the stream."""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING

from crosstrade_panel.simulator.faults import Raw, Reply
from crosstrade_panel.simulator.spells import FirstPress

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from crosstrade_panel.simulator.faults import Call
    from crosstrade_panel.simulator.link import Link

    Making = Callable[[Call, Reply], Reply | Raw]

GIGABYTE = 1 << 30
DEPTH = 200_000
_MEGABYTE = 1 << 20
_CRC_OF_A_GIGABYTE_OF_SPACES = 0x9AC47FA6
_HEAD = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
_NOT_YET = Reply(0, b"")
# First bytes of a frame (RFC 6455 §5.2): whole text, beginning of a text, a bit of it, compressed text.
_TEXT, _BEGINNING, _MORE, _COMPRESSED = 0x81, 0x01, 0x00, 0xC1


class OneAnswer(FirstPress):
    """The first press is answered with something else, after it acted or (`acts=False`) instead of acting."""

    def __init__(self, make: Making, *, acts: bool) -> None:
        super().__init__()
        self._make = make
        self._acts = acts

    async def before(self, call: Call, link: Link | None) -> Reply | Raw | None:
        del link
        return self._make(call, _NOT_YET) if self.is_first(call) and not self._acts else None

    async def after(self, call: Call, reply: Reply, link: Link | None) -> Reply | Raw | None:
        del link
        return self._make(call, reply) if self.is_first(call) else reply


class LateAnswer(FirstPress):
    """It acts at once, and the answer comes late."""

    def __init__(self, late_s: float) -> None:
        super().__init__()
        self._late_s = late_s

    async def after(self, call: Call, reply: Reply, link: Link | None) -> Reply | None:
        if not self.is_first(call):
            return reply
        return None if link is None or await link.pause(self._late_s) else reply


class AnswerLost(FirstPress):
    """It acts, and no answer ever comes."""

    async def after(self, call: Call, reply: Reply, link: Link | None) -> Reply | Raw:
        del link
        return Raw("hang") if self.is_first(call) else reply


# ---- whole answers


def said(status: int, body: bytes, *headers: tuple[str, str]) -> Making:
    """This status and body, whatever was asked."""
    return lambda _call, _reply: Reply(status, body, headers)


def error(status: int, text: str, *headers: tuple[str, str]) -> Making:
    """A failure in the vendor's envelope."""
    return said(status, json.dumps({"error": text}).encode(), *headers)


def but(**changes: object) -> Making:
    """The true answer with some fields changed. Over the stream too."""

    def make(_: Call, reply: Reply) -> Reply:
        return Reply(reply.status, json.dumps(json.loads(reply.body) | changes).encode(), reply.headers)

    return make


def empty(call: Call, _: Reply) -> Reply | Raw:
    """A 200 and not one byte; over the stream a frame of no length."""
    return Raw("hang", 200, _bytes(_frame(0))) if call.method == "WS" else Reply(200, b"")


def malformed(_: Call, reply: Reply) -> Reply:
    """JSON that ends in its middle, and says that it is complete."""
    return Reply(200, reply.body[: len(reply.body) // 2])


def deep(_: Call, __: Reply) -> Reply:
    """Lists within lists."""
    return Reply(200, b"[" * DEPTH + b"]" * DEPTH)


def not_utf8(call: Call, reply: Reply) -> Reply | Raw:
    """The true answer, with bytes that are no text in a string of it."""
    spoilt = reply.body[:-1] + b',"message":"\xff\xfe\xe2\x28\xa1"}'
    if call.method != "WS":
        return Reply(200, spoilt)
    body = _enveloped(call, spoilt)
    return Raw("hang", 200, _bytes(_frame(len(body)), body))


# ---- by hand


def truncated(call: Call, reply: Reply) -> Raw:
    """Half of what was announced, then the end of the connection."""
    if call.method == "WS":
        body = _enveloped(call, reply.body)
        return Raw("close", 200, _bytes(_frame(len(body)), body[: len(body) // 2]))
    head = f"{_HEAD}content-length: {len(reply.body)}\r\n\r\n".encode()
    return Raw("close", reply.status, _bytes(head, reply.body[: len(reply.body) // 2]))


def huge(call: Call, _: Reply) -> Raw:
    """A gigabyte of JSON, never held in memory."""
    before, after = _envelope(call, b'{"success":true,"note":"', b'"}')

    async def parts(link: Link) -> AsyncGenerator[bytes, None]:
        del link
        size = len(before) + GIGABYTE + len(after)
        yield _frame(size) if call.method == "WS" else f"{_HEAD}content-length: {size}\r\n\r\n".encode()
        yield before
        block = b" " * _MEGABYTE
        for _number in range(GIGABYTE // _MEGABYTE):
            yield block
        yield after

    return Raw("hang" if call.method == "WS" else "close", 200, parts)


def gzip_bomb(call: Call, _: Reply) -> Raw:
    """A megabyte that unpacks to a gigabyte; over the stream a compressed frame that nobody agreed on."""
    if call.method == "WS":
        packed = zlib.compress(b" " * _MEGABYTE)
        return Raw("hang", 200, _bytes(_frame(len(packed), _COMPRESSED), packed))

    async def parts(link: Link) -> AsyncGenerator[bytes, None]:
        del link
        head = f"{_HEAD}content-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n"
        yield head.encode()
        yield _chunk(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff")
        squeeze = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
        # Flushed in full, a block stands for itself: the same bytes serve a thousand times.
        block = _chunk(squeeze.compress(b" " * _MEGABYTE) + squeeze.flush(zlib.Z_FULL_FLUSH))
        for _number in range(GIGABYTE // _MEGABYTE):
            yield block
        end = squeeze.flush() + _CRC_OF_A_GIGABYTE_OF_SPACES.to_bytes(4, "little")
        yield _chunk(end + GIGABYTE.to_bytes(4, "little")) + b"0\r\n\r\n"

    return Raw("hang", 200, parts)


def endless_headers(every_s: float) -> Making:
    """A header that never ends, a byte at a time; over the stream a frame of 64 KB, a byte at a time."""

    def make(call: Call, _: Reply) -> Raw:
        async def parts(link: Link) -> AsyncGenerator[bytes, None]:
            yield _frame(64_000) if call.method == "WS" else f"{_HEAD}x-note: ".encode()
            while not await link.pause(every_s):
                yield b"."

        return Raw("hang", 200, parts)

    return make


def endless_body(every_s: float) -> Making:
    """A body that never ends, a byte at a time; over the stream a message in pieces without a last one."""

    def make(call: Call, _: Reply) -> Raw:
        is_stream = call.method == "WS"

        async def parts(link: Link) -> AsyncGenerator[bytes, None]:
            if is_stream:
                yield _frame(1, _BEGINNING) + b"{"
            else:
                yield f"{_HEAD}transfer-encoding: chunked\r\n\r\n".encode() + _chunk(b"{")
            while not await link.pause(every_s):
                yield _frame(1, _MORE) + b" " if is_stream else _chunk(b" ")

        return Raw("hang", 200, parts)

    return make


def _bytes(*pieces: bytes) -> Callable[[Link], AsyncGenerator[bytes, None]]:
    async def parts(link: Link) -> AsyncGenerator[bytes, None]:
        del link
        for piece in pieces:
            yield piece

    return parts


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _frame(length: int, kind: int = _TEXT) -> bytes:
    """The head of a frame from the server."""
    if length < 126:
        return bytes((kind, length))
    if length < 1 << 16:
        return bytes((kind, 126)) + length.to_bytes(2)
    return bytes((kind, 127)) + length.to_bytes(8)


def _envelope(call: Call, before: bytes, after: bytes) -> tuple[bytes, bytes]:
    if call.method != "WS":
        return before, after
    name = json.dumps(json.loads(call.body).get("id")).encode()
    return b'{"id":%b,"data":%b' % (name, before), after + b"}"


def _enveloped(call: Call, body: bytes) -> bytes:
    return b"".join(_envelope(call, body, b""))
