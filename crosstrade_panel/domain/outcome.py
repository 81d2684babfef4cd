"""The outcomes of a press, and what each one claims."""

from dataclasses import field
from datetime import datetime
from enum import Enum

from crosstrade_panel.domain.cancel import ListedOrders
from crosstrade_panel.domain.scope import Scope
from crosstrade_panel.domain.snapshot import Order, Position
from crosstrade_panel.domain.ticket import ReverseTicket
from crosstrade_panel.domain.value import dataclass


class Verdict(Enum):
    """How a press ended, worst first; the value is its spelling in JSON and in the journal."""

    OVERFILLED = "overfilled"
    CLOSED_MORE_THAN_ASKED = "closed_more_than_asked"
    REOPENED = "reopened"
    STILL_OPEN = "still_open"
    REVERSE_MISMATCH = "reverse_mismatch"
    UNKNOWN = "unknown"
    NOT_PROVED = "not_proved"
    CANNOT_TELL = "cannot_tell"
    ORDERS_WORKING = "orders_working"
    STILL_WORKING = "still_working"
    REVERSE_WORKING = "reverse_working"
    FLAT_ORDERS_NOT_CHECKED = "flat_orders_not_checked"
    REFUSED = "refused"
    NOT_SENT = "not_sent"
    FLAT = "flat"
    REVERSED = "reversed"
    CANCELLED = "cancelled"
    NOTHING_OPEN = "nothing_open"

    @property
    def rank(self) -> int:
        """Its place in the order of badness; 0 is the worst."""
        return _RANKS[self]

    @property
    def exit_code(self) -> int:
        """The exit code of the command line."""
        return _EXIT_CODES[self]

    @property
    def is_loud(self) -> bool:
        """Whether the trader must be alerted beyond the window."""
        return self not in {Verdict.FLAT, Verdict.REVERSED, Verdict.NOTHING_OPEN, Verdict.CANCELLED}

    @property
    def is_resolved(self) -> bool:
        """Whether a press that ended so leaves nothing to decide and locks nothing."""
        return self in _RESOLVED


_RANKS = {verdict: rank for rank, verdict in enumerate(Verdict)}
_RESOLVED = frozenset(
    {
        Verdict.NOT_SENT,
        Verdict.REFUSED,
        Verdict.FLAT,
        Verdict.NOTHING_OPEN,
        Verdict.REVERSED,
        Verdict.CANCELLED,
    }
)
_EXIT_CODES = {
    Verdict.FLAT: 0,
    Verdict.NOTHING_OPEN: 0,
    Verdict.REVERSED: 0,
    Verdict.CANCELLED: 0,
    Verdict.REFUSED: 3,
    Verdict.NOT_SENT: 4,
    Verdict.UNKNOWN: 5,
    Verdict.NOT_PROVED: 5,
    Verdict.CANNOT_TELL: 5,
    Verdict.OVERFILLED: 6,
    Verdict.CLOSED_MORE_THAN_ASKED: 6,
    Verdict.REOPENED: 6,
    Verdict.STILL_OPEN: 6,
    Verdict.ORDERS_WORKING: 6,
    Verdict.STILL_WORKING: 6,
    Verdict.REVERSE_MISMATCH: 6,
    Verdict.FLAT_ORDERS_NOT_CHECKED: 7,
    Verdict.REVERSE_WORKING: 8,
}


class Cause(Enum):
    """Why something was not sent, refused, not known or not proved; `texts` turns it into a sentence."""

    # nothing left the machine
    NO_TOKEN = "no_token"  # noqa: S105 - the name of a cause
    BAD_TOKEN = "bad_token"  # noqa: S105 - the name of a cause
    BAD_ADDRESS = "bad_address"
    CONNECT_FAILED = "connect_failed"
    CONNECT_TIMEOUT = "connect_timeout"
    CERTIFICATE = "certificate"
    NO_LINK = "no_link"
    PROXY = "proxy"
    STREAM_NOT_OPEN = "stream_not_open"
    SCOPE_CHANGED = "scope_changed"
    LOCKED = "locked"
    NOT_AS_READ = "not_as_read"
    NOT_READ = "not_read"
    INTERRUPTED_BEFORE_SENDING = "interrupted_before_sending"
    # the server said no
    SERVER_SAID_NO = "server_said_no"
    NO_POSITION = "no_position"
    ORDER_GONE = "order_gone"
    TOKEN_REFUSED = "token_refused"  # noqa: S105 - the name of a cause
    WRONG_PATH = "wrong_path"
    REDIRECTED = "redirected"
    OVER_BUDGET = "over_budget"
    # it may have acted
    NINJATRADER_OFFLINE = "ninjatrader_offline"
    SERVER_FAILED = "server_failed"
    NO_ANSWER = "no_answer"
    CONNECTION_LOST = "connection_lost"
    UNREADABLE = "unreadable"
    TOO_LARGE = "too_large"
    SAYS_NOTHING = "says_nothing"
    HALF_DONE = "half_done"
    INTERRUPTED = "interrupted"
    INTERNAL = "internal"
    # not proved
    READS_FAILED = "reads_failed"
    ROW_UNREADABLE = "row_unreadable"
    NOT_LISTED = "not_listed"
    NOTHING_LISTED = "nothing_listed"
    NOT_CONNECTED = "not_connected"
    OTHER_SIDE = "other_side"
    FLAG_CONTRADICTS = "flag_contradicts"
    ALIAS = "alias"
    READS_DISAGREE = "reads_disagree"
    ORDERS_UNREAD = "orders_unread"
    ENTRY_UNREAD = "entry_unread"
    ORDER_FILLED = "order_filled"


@dataclass(frozen=True, slots=True)
class Reason:
    """A cause with the facts that belong to it. `said` is the server's own, untrusted text."""

    cause: Cause
    said: str = ""
    status: int | None = None
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds from the completed gesture: last byte handed to the system, answer read, proof complete.

    `delivered_s`: when it was known, before the answer, that the request had reached the other end.
    """

    sent_s: float | None = None
    delivered_s: float | None = None
    answered_s: float | None = None
    proved_s: float | None = None


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one account.

    `takes_headline` is False for an account that was never connected and held nothing: it is named, no more.
    `ended_orders`: orders that were to be cancelled and work no more.
    """

    account: str
    verdict: Verdict
    still_open: tuple[Position, ...] = ()
    working_orders: tuple[Order, ...] = ()
    reason: Reason | None = None
    takes_headline: bool = True
    ended_orders: tuple[Order, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a press ended, and everything that is claimed about it.

    `order_ids` and `closed_positions` are what the server reported, not proof. `elsewhere_open` counts rows
    outside the scope in the last clean read; None when there was none. `at` is the time of the proof, or of
    the end. `orders_checked` is (accounts whose orders were read, accounts that needed it). `late_s`: how
    long after the gesture it was found, where the press had another outcome before. `flat_at`: when flat had
    been proved before something opened again. `cancel`: the orders that were to be cancelled.
    """

    verdict: Verdict
    at: datetime
    fates: tuple[Fate, ...] = ()
    scope: Scope | None = None
    ticket: ReverseTicket | None = None
    order_ids: tuple[str, ...] = ()
    closed_positions: tuple[Position, ...] = ()
    reason: Reason | None = None
    warning: str = ""
    timings: Timings = field(default_factory=Timings)
    elsewhere_open: int | None = None
    orders_checked: tuple[int, int] = (0, 0)
    late_s: float | None = None
    flat_at: datetime | None = None
    cancel: ListedOrders | None = None


def headline(fates: tuple[Fate, ...]) -> Verdict | None:
    """The worst verdict among the fates that count; None when none does."""
    counting = [fate.verdict for fate in fates if fate.takes_headline]
    return min(counting, key=lambda verdict: verdict.rank, default=None)
