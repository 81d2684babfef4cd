"""Which requests are presses: told from a logged call, and from raw bytes before anybody read them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crosstrade_panel.simulator.faults import Call

PressKind = Literal["flatten", "reverse", "cancel"]

_FUNCTIONS: dict[str, PressKind] = {
    "Flatten": "flatten",
    "FlattenEverything": "flatten",
    "ReversePosition": "reverse",
    "Cancel": "cancel",
    "CancelOrder": "cancel",
    "CancelOrders": "cancel",
}
_PATH_ENDS: dict[str, PressKind] = {
    "/positions/flatten": "flatten",
    "/positions/reverseposition": "reverse",
    "/cancel": "cancel",
}
_REQUEST_LINE = re.compile(rb"(\S+) (\S+) HTTP/1\.[01]\r\n")
_TEXT, _BINARY = 1, 2


def press_of(call: Call) -> PressKind | None:
    """The kind of press that a call is; None for a read."""
    return _press_in_frame(call.body) if call.method == "WS" else _press_on_path(call.method, call.path)


def press_in(data: bytes, *, is_stream: bool) -> PressKind | None:
    """The kind of press that begins in these bytes: a request line, or masked frames of a stream."""
    if not is_stream:
        line = _REQUEST_LINE.match(data)
        return line and _press_on_path(line[1].decode("latin-1"), line[2].decode("latin-1"))
    return next((kind for kind in map(_press_in_frame, _payloads(data)) if kind is not None), None)


def _press_on_path(method: str, path: str) -> PressKind | None:
    bare = path.partition("?")[0]
    if method != "POST":
        return None
    return next((kind for end, kind in _PATH_ENDS.items() if bare.endswith(end)), None)


def _press_in_frame(body: bytes) -> PressKind | None:
    try:
        frame = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(frame, dict) or frame.get("action") != "rpc":
        return None
    return _FUNCTIONS.get(str(frame.get("api")))


def _payloads(data: bytes) -> Iterator[bytes]:
    """Payloads of the whole, unfragmented messages in a run of frames from a client (RFC 6455 §5.2)."""
    at = 0
    while at + 6 <= len(data):
        kind, length = data[at] & 0x0F, data[at + 1] & 0x7F
        at += 2
        for marker, size in ((126, 2), (127, 8)):
            if length == marker:
                length = int.from_bytes(data[at : at + size])
                at += size
                break
        mask, masked = data[at : at + 4], data[at + 4 : at + 4 + length]
        at += 4 + length
        if kind in {_TEXT, _BINARY} and len(masked) == length:
            yield bytes(byte ^ mask[number % 4] for number, byte in enumerate(masked))
