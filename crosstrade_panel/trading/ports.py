"""What the use cases need from the world outside, and the errors it may answer with."""

from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from dataclasses import field
from datetime import datetime
from enum import Enum
from typing import Protocol, TypeAlias

from crosstrade_panel.domain.outcome import Cause, Reason
from crosstrade_panel.domain.scope import Scope
from crosstrade_panel.domain.snapshot import AccountsRead, OrdersRead, Position, PositionsRead, Source
from crosstrade_panel.domain.ticket import ReverseTicket
from crosstrade_panel.domain.value import dataclass


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the server answered to a press: its report, not proof.

    `closed_positions` is the picture before the close; None when the answer did not have the list at all.
    `sent_at` and `answered_at` are monotonic seconds: last byte handed to the system, answer read.
    """

    order_ids: tuple[str, ...]
    closed_positions: tuple[Position, ...] | None
    warning: str
    sent_at: float
    answered_at: float


class Way(Enum):
    """Over what a press goes out."""

    REST = "rest"
    STREAM = "stream"


OnDelivered: TypeAlias = Callable[[float], None]
"""Told once, with a monotonic time, when it is known that the request reached the other end."""


class GatewayError(Exception):
    """A call that did not end in an accepted answer."""

    def __init__(self, reason: Reason) -> None:
        """Keep the reason; its text form is the cause and the server's words."""
        super().__init__(reason.cause.value, reason.said)
        self.reason = reason


class NotSentError(GatewayError):
    """Provably nothing left the machine.

    `may_try_elsewhere` is True where another link could do better (no connection, not a bad token).
    """

    def __init__(self, reason: Reason, *, may_try_elsewhere: bool = False) -> None:
        """Keep the reason and whether another link could do better."""
        super().__init__(reason)
        self.may_try_elsewhere = may_try_elsewhere


class RefusedError(GatewayError):
    """The server said no, and reported nothing done. `sent_at`, `answered_at` as in a receipt."""

    def __init__(self, reason: Reason, *, sent_at: float, answered_at: float) -> None:
        """Keep the reason and the times."""
        super().__init__(reason)
        self.sent_at = sent_at
        self.answered_at = answered_at


class UnknownOutcomeError(GatewayError):
    """Bytes may have left, and no usable answer came.

    `receipt` is what an answer reported all the same (half done: ids or closed positions beside a failure).
    `sent_at` is None when it is not known that the last byte was handed over. `late` ends with the answer, if
    one can still come (over the stream): a receipt or a GatewayError; cancelled when none can any more.
    """

    def __init__(
        self,
        reason: Reason,
        *,
        sent_at: float | None = None,
        answered_at: float | None = None,
        receipt: Receipt | None = None,
        late: "Awaitable[Receipt] | None" = None,
    ) -> None:
        """Keep the reason, the times, the partial report and what may still come."""
        super().__init__(reason)
        self.late = late
        self.sent_at = sent_at
        self.answered_at = answered_at
        self.receipt = receipt


class ReadFailedError(GatewayError):
    """A read that shows nothing: not answered, not 200, `success: false`, list missing, too large."""


class Gateway(Protocol):
    """The CrossTrade API. Every call is made once; nothing is ever repeated in here.

    Reads raise ReadFailedError only. Presses raise NotSentError, RefusedError or UnknownOutcomeError only.
    A call that is cancelled gives its link up by reset; so does a press that meets its deadline. A press over
    the stream that is known to be delivered does neither: its answer may come late, and is wanted then.
    """

    @property
    def ways(self) -> tuple[Way, ...]:
        """Over what a press goes out now, first choice first; the rest is for a flatten that never left.

        A way may be named twice: its second turn is over another link.
        """

    async def flatten(
        self, scope: Scope, way: Way = Way.REST, on_delivered: OnDelivered | None = None
    ) -> Receipt:
        """Close the positions of a scope."""

    async def reverse(
        self, ticket: ReverseTicket, way: Way = Way.REST, on_delivered: OnDelivered | None = None
    ) -> Receipt:
        """Close the position of a ticket and place its order; the receipt has the one order id."""

    async def cancel_order(self, account: str, order_id: str) -> Receipt:
        """Cancel one order; refused with the cause ORDER_GONE where it had ended already."""

    async def cancel_orders(self, account: str, instrument: str) -> Receipt:
        """Cancel every order of one account in one instrument."""

    def renew(self) -> None:
        """Begin with new links, after a sleep of the machine; a press under way keeps its own."""

    async def positions(self) -> PositionsRead:
        """All open positions."""

    async def snapshot(self) -> PositionsRead:
        """All accounts with their open positions."""

    async def accounts(self) -> AccountsRead:
        """All accounts."""

    async def orders(self, account: str) -> OrdersRead:
        """The orders of one account, under the name that the API reported."""


class EntryKind(Enum):
    """What a row of the journal records."""

    INTENT = "intent"
    ATTEMPT = "attempt"
    ANSWER = "answer"
    READ = "read"
    NOTE = "note"
    OUTCOME = "outcome"
    ACKNOWLEDGED = "acknowledged"


Fact: TypeAlias = "bool | int | float | str | list[Fact] | dict[str, Fact] | None"


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the journal. `after_s` is monotonic seconds since the press; `at` is aware UTC."""

    press_id: str
    kind: EntryKind
    after_s: float
    at: datetime
    facts: Mapping[str, Fact] = field(default_factory=dict)


class Journal(Protocol):
    """Where every press is written before it is sent. It never raises and never blocks."""

    @property
    def problem(self) -> str | None:
        """Why nothing is being written just now; None while all is well."""

    def write(self, entry: Entry) -> "Future[bool]":
        """Queue one row; done with True once it is committed, with False if it could not be."""


class Clock(Protocol):
    """Time, as a parameter."""

    def monotonic(self) -> float:
        """Seconds that never go back."""

    def now(self) -> datetime:
        """The wall clock, aware UTC."""


class CredentialStore(Protocol):
    """Where tokens are kept, each bound to the origin it was entered for."""

    def load(self, origin: str) -> str | None:
        """The token for that origin; None when there is none."""

    def save(self, origin: str, token: str) -> None:
        """Keep the token for that origin.

        Raises:
            CredentialError: it is not a token, or it could not be kept (it then serves this session only).
        """


class CredentialError(Exception):
    """A token that cannot be used or kept; its text never contains the token."""


READ_SOURCES = (Source.POSITIONS, Source.SNAPSHOT)
"""The two endpoints that list positions."""


def failed(cause: Cause) -> ReadFailedError:
    """A read that failed for a cause without further facts."""
    return ReadFailedError(Reason(cause))
