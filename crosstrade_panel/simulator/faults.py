"""Where the exchange may be made to misbehave: asked at fixed points. The default is a good day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from crosstrade_panel.simulator.book import Book, Flattened, FlattenRequest
    from crosstrade_panel.simulator.instruments import Contract
    from crosstrade_panel.simulator.ledger import AccountPicture, Order, PositionPicture
    from crosstrade_panel.simulator.link import Link

ReadKind = Literal["positions", "accounts", "snapshot", "orders"]
Row = dict[str, object]


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back: over HTTP the whole answer, over the stream only its body, as one text frame."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Raw:
    """What goes back byte by byte, past every encoder, and how the connection ends behind it.

    Without `parts` nothing goes back. `hang` leaves the connection open and silent until the client goes.
    `status` is for the log, None for no answer.
    """

    ending: Literal["hang", "close", "reset"]
    status: int | None = None
    parts: Callable[[Link], AsyncGenerator[bytes, None]] | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it arrived, and what became of it. Never holds a header, so never a token.

    `method` is the HTTP method, or `WS` for a frame of the stream; `path` is raw (still percent-encoded) with
    its query. Times are monotonic seconds: `began_at` first byte read, `at` last byte read, `answered_at`
    answer handed to the socket. `status` stays None while nothing was answered; `acted` says that the book
    carried out a change for it. `answer` is the body handed over, over the stream the frame's text; where a
    fault wrote by hand, every byte of that, status line included. It ends at 64 KiB, `answer_size` does not.
    """

    number: int
    method: str
    path: str
    body: bytes
    at: float
    status: int | None = None
    answered_at: float | None = None
    acted: bool = False
    began_at: float | None = None
    answer: bytes = b""
    answer_size: int = 0


class View(Protocol):
    """What reads are answered from: the book itself, or a picture of it."""

    def accounts(self) -> tuple[AccountPicture, ...]: ...

    def positions(self, *, include_flat: bool = False) -> tuple[PositionPicture, ...]: ...

    def orders(self, account: str | None = None, *, active_only: bool = True) -> tuple[Order, ...]: ...


class Floor(Protocol):
    """What a fault may do to the exchange around the book. Safe from any thread."""

    @property
    def has_stream(self) -> bool:
        """Whether a stream is open."""

    def close_stream(self, code: int, reason: str, after_s: float = 0.0) -> None:
        """Close the stream that is open then, if one is."""

    def close_idle_links(self) -> None:
        """Close every connection that carries no request just now, streams too."""


class Faults(Protocol):
    """What goes wrong on purpose. The server asks from its own loop, the book with its lock held.

    Whatever takes a `Book` is asked with that lock held.
    """

    def arm(self, book: Book, floor: Floor) -> None:
        """Once, when it becomes the exchange's: prepare the book."""

    # ---- connections

    def incoming(self, data: bytes, link: Link) -> bool:
        """Bytes came and nobody read them yet. False drops them."""

    def stream_opened(self) -> None:
        """A stream's handshake is done."""

    def door(self, call: Call) -> str | None:
        """The token is right: the error of a 401 to turn the call away with all the same, or None."""

    async def before(self, call: Call, link: Link | None) -> Reply | Raw | None:
        """Before anything acts: an answer to give instead of acting, or None to go on."""

    async def after(self, call: Call, reply: Reply, link: Link | None) -> Reply | Raw | None:
        """After acting: the answer to give. None sends nothing and leaves the link to who decided so."""

    # ---- reads

    def view(self, book: Book) -> View:
        """What a read is answered from."""

    def read(self, book: Book, kind: ReadKind, account: str, data: Row) -> Row:
        """The fields of a read's answer, as they go out; BookError refuses. `account` where it is of one."""

    # ---- the book

    def flattening(self, book: Book, request: FlattenRequest) -> None:
        """A flatten is about to act."""

    def flattened(self, book: Book, request: FlattenRequest, done: Flattened) -> Flattened:
        """A flatten acted: what it says it did."""

    def reversing(self, book: Book, account: str, contract: Contract) -> None:
        """A reverse is about to act on this pair."""

    def cancelling(self, book: Book, orders: Sequence[Order]) -> Sequence[Order]:
        """A cancel of these: the ones that really are. BookError refuses."""

    def changed(self, book: Book, account: str, contract: Contract) -> None:
        """A fill or an order changed something on this pair. To act, use `book.later`."""

    def survives(self, order: Order) -> bool:
        """Whether a flatten or a reverse forgets to cancel this order."""

    def rejects(self, order: Order) -> bool:
        """Whether the broker rejects this order when it is placed."""

    def fill_delay_s(self, order: Order, usual_s: float) -> float:
        """How long a market order takes to fill."""

    def cancel_delay_s(self, order: Order, usual_s: float) -> float:
        """How long an order stays in CancelPending."""


class NoFaults:
    """A good day."""

    def arm(self, book: Book, floor: Floor) -> None:
        """Nothing to prepare."""

    def incoming(self, data: bytes, link: Link) -> bool:
        """Let it through."""
        del data, link
        return True

    def stream_opened(self) -> None:
        """Nothing follows."""

    def door(self, call: Call) -> str | None:
        """Let it in."""
        del call
        return None

    async def before(self, call: Call, link: Link | None) -> Reply | Raw | None:
        """Let the request act."""
        del call, link
        return None

    async def after(self, call: Call, reply: Reply, link: Link | None) -> Reply | Raw | None:
        """Give the true answer."""
        del call, link
        return reply

    def view(self, book: Book) -> View:
        """The truth."""
        return book

    def read(self, book: Book, kind: ReadKind, account: str, data: Row) -> Row:
        """All of it."""
        del book, kind, account
        return data

    def flattening(self, book: Book, request: FlattenRequest) -> None:
        """Nothing comes in between."""

    def flattened(self, book: Book, request: FlattenRequest, done: Flattened) -> Flattened:
        """What was done."""
        del book, request
        return done

    def reversing(self, book: Book, account: str, contract: Contract) -> None:
        """Nothing comes in between."""

    def cancelling(self, book: Book, orders: Sequence[Order]) -> Sequence[Order]:
        """All of them."""
        del book
        return orders

    def changed(self, book: Book, account: str, contract: Contract) -> None:
        """Nothing follows."""

    def survives(self, order: Order) -> bool:
        """None is forgotten."""
        del order
        return False

    def rejects(self, order: Order) -> bool:
        """None is rejected."""
        del order
        return False

    def fill_delay_s(self, order: Order, usual_s: float) -> float:
        """As usual."""
        del order
        return usual_s

    def cancel_delay_s(self, order: Order, usual_s: float) -> float:
        """As usual."""
        del order
        return usual_s
