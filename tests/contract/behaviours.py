"""The ways in which the server can answer one request, honest and otherwise.

``act`` says what happens to the state: ``False`` nothing, ``True`` what the contract says, a function of
the state and the call anything else.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from tests.contract.state import Json, State

End = Literal["fin", "rst", "stopped"]
Headers = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Call:
    """One request as it arrived.

    ``arrived`` is monotonic seconds at its last byte read; ``complete`` is False where the server dropped
    the link before the body was read; ``ended`` is how the client left while the server was withholding the
    answer.
    """

    number: int
    connection: int
    method: str
    target: str
    headers: Headers
    body: bytes = b""
    arrived: float = 0.0
    complete: bool = False
    acted: bool = False
    status: int | None = None
    ended: End | None = None

    @property
    def path(self) -> str:
        """The raw path, still percent-encoded."""
        return self.target.partition("?")[0]

    def header(self, name: str) -> str | None:
        """Return the first header of that name, or None."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def json(self) -> Json:
        """Return the decoded body."""
        decoded: Json = json.loads(self.body)
        return decoded


Effect = Callable[[State, Call], State]
Act = bool | Effect


@dataclass(frozen=True, slots=True)
class Honest:
    """The contract's answer with another effect or status, keys changed (``patch``) or gone (``drop``)."""

    act: Act = True
    status: int | None = None
    patch: dict[str, Json] = field(default_factory=dict)
    drop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """Exactly this answer."""

    status: int
    body: bytes = b""
    headers: Headers = (("Content-Type", "application/json"),)
    act: Act = False


@dataclass(frozen=True, slots=True)
class DropBeforeReading:
    """The link is cut before the body is read; with the match ``connect``, before anything is."""

    reset: bool = True


@dataclass(frozen=True, slots=True)
class DropAfterReading:
    """The link is cut after the whole request, without an answer. ``polite``: with a TLS close_notify."""

    act: Act = True
    reset: bool = False
    polite: bool = False


@dataclass(frozen=True, slots=True)
class DropDuringReply:
    """The link is cut ``sent`` bytes into the answer's body, or into its head."""

    act: Act = True
    sent: int = 10
    in_head: bool = False
    reset: bool = False


@dataclass(frozen=True, slots=True)
class Garbage:
    """An answer that is no HTTP."""

    act: Act = True
    data: bytes = b"\x00\xff\xfe this is no http\r\n\r\n"


@dataclass(frozen=True, slots=True)
class BadChunk:
    """A chunked answer whose second chunk has no size, or (``cut``) that ends inside a chunk."""

    act: Act = True
    cut: bool = False


@dataclass(frozen=True, slots=True)
class BadGzip:
    """``Content-Encoding: gzip`` around something that is not."""

    act: Act = True


@dataclass(frozen=True, slots=True)
class GzipBomb:
    """A correct gzip answer: ``total`` spaces, then the honest JSON."""

    total: int = 1 << 30
    act: Act = True


@dataclass(frozen=True, slots=True)
class Hang:
    """No answer until the client ends the connection or the server stops."""

    act: Act = True


@dataclass(frozen=True, slots=True)
class Drip:
    """One byte each ``interval_s``, for ever, of the body or of the head."""

    interval_s: float = 1.0
    in_headers: bool = False
    act: Act = True


@dataclass(frozen=True, slots=True)
class HugeBody:
    """``total`` spaces, then the honest JSON; with a content length, or ``chunked``."""

    total: int = 1 << 30
    chunked: bool = False
    act: Act = True


@dataclass(frozen=True, slots=True)
class HugeHeaders:
    """The honest answer under one header field of ``total`` bytes."""

    total: int = 300_000
    act: Act = True


@dataclass(frozen=True, slots=True)
class Html:
    """A page of the marketing site, or of a firewall."""

    status: int = 200
    act: Act = True


@dataclass(frozen=True, slots=True)
class Empty:
    """An answer without a body."""

    status: int = 200
    act: Act = True


@dataclass(frozen=True, slots=True)
class InvalidUtf8:
    """JSON but for one byte that is no UTF-8."""

    status: int = 200
    act: Act = True


@dataclass(frozen=True, slots=True)
class MalformedJson:
    """JSON that stops in the middle, with the right content length."""

    status: int = 200
    act: Act = True


@dataclass(frozen=True, slots=True)
class DeepJson:
    """Arrays ``depth`` deep."""

    depth: int = 200_000
    closed: bool = False
    status: int = 200
    act: Act = True


@dataclass(frozen=True, slots=True)
class Redirect:
    """A redirect."""

    status: int = 302
    to: str = "/"
    act: Act = False


@dataclass(frozen=True, slots=True)
class Late:
    """Another behaviour after ``seconds``; it happens although the client may be gone by then."""

    seconds: float
    then: Behaviour = field(default_factory=Honest)


@dataclass(frozen=True, slots=True)
class ActThenLate:
    """The honest effect at once, the honest answer after ``seconds``."""

    seconds: float
    act: Act = True


@dataclass(frozen=True, slots=True)
class ResetIdle:
    """The honest answer; then the idle link is cut after ``after_s``, unless a request comes first."""

    after_s: float = 0.0
    reset: bool = True


Behaviour = (
    Honest
    | Reply
    | DropBeforeReading
    | DropAfterReading
    | DropDuringReply
    | Garbage
    | BadChunk
    | BadGzip
    | GzipBomb
    | Hang
    | Drip
    | HugeBody
    | HugeHeaders
    | Html
    | Empty
    | InvalidUtf8
    | MalformedJson
    | DeepJson
    | Redirect
    | Late
    | ActThenLate
    | ResetIdle
)


def reply_json(status: int, body: Json, *, headers: Headers = (), act: Act = False) -> Reply:
    """Return a :class:`Reply` with a JSON body."""
    encoded = json.dumps(body, default=float).encode()
    return Reply(status, encoded, (("Content-Type", "application/json"), *headers), act)


def refused(error: str = "Invalid request", status: int = 400) -> Reply:
    """Return a plain refusal: a 400 whose body holds only ``error``."""
    return reply_json(status, {"error": error})


def half_done(status: int = 200, *, act: Act = True) -> Reply:
    """Return a failure that names orders and so did something."""
    return reply_json(
        status, {"success": False, "error": "timed out", "orderIds": ["half-done-order"]}, act=act
    )


def over_budget(retry_after: float | None = None, *, in_body: bool = False) -> Reply:
    """Return the API's own 429, with the pause in the header or in the body."""
    if retry_after is None:
        return reply_json(429, {"error": "Rate limit exceeded"})
    if in_body:
        return reply_json(429, {"error": "Rate limit exceeded", "retryAfter": retry_after})
    return reply_json(429, {"error": "Rate limit exceeded"}, headers=(("Retry-After", f"{retry_after:g}"),))


def add_on_away(*, act: Act = False) -> Reply:
    """Return the 408 of an NT8 that is not connected."""
    return reply_json(408, {"error": "NinjaTrader is not connected", "success": False}, act=act)
