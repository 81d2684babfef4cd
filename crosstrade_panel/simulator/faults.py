"""Where the exchange may be made to misbehave: asked at fixed points. The default is a good day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import asyncio

    from crosstrade_panel.simulator.ledger import Order


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back: over HTTP the whole answer, over the stream only its body, as one text frame."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it arrived, and what became of it. Never holds a header, so never a token.

    `method` is the HTTP method, or `WS` for a frame of the stream; `path` is raw (still percent-encoded) with
    its query; `at` and `answered_at` are monotonic seconds (last byte read, answer handed to the socket);
    `status` stays None while nothing was answered; `acted` says that the book carried out a change for it.
    """

    number: int
    method: str
    path: str
    body: bytes
    at: float
    status: int | None = None
    answered_at: float | None = None
    acted: bool = False


class Faults(Protocol):
    """What goes wrong on purpose. The server asks from its own loop, the book with its lock held."""

    async def before(self, call: Call, link: asyncio.Transport | None) -> Reply | None:
        """Before anything acts: an answer to give instead of acting, or None to go on."""

    async def after(self, call: Call, reply: Reply, link: asyncio.Transport | None) -> Reply | None:
        """After acting: the answer to give. None sends nothing and leaves the link to who decided so."""

    def fill_delay_s(self, order: Order, usual_s: float) -> float:
        """How long a market order takes to fill."""

    def cancel_delay_s(self, order: Order, usual_s: float) -> float:
        """How long an order stays in CancelPending."""


class NoFaults:
    """A good day."""

    async def before(self, call: Call, link: asyncio.Transport | None) -> Reply | None:
        """Let the request act."""
        del call, link
        return None

    async def after(self, call: Call, reply: Reply, link: asyncio.Transport | None) -> Reply | None:
        """Give the true answer."""
        del call, link
        return reply

    def fill_delay_s(self, order: Order, usual_s: float) -> float:
        """As usual."""
        del order
        return usual_s

    def cancel_delay_s(self, order: Order, usual_s: float) -> float:
        """As usual."""
        del order
        return usual_s
