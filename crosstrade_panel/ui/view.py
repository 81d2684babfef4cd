"""Everything the window shows, as plain values: the presenter makes them, the window paints them.

All texts are finished sentences or cells, to be shown as plain text.
"""

from collections.abc import Mapping
from dataclasses import field
from datetime import date
from enum import Enum
from typing import TypeAlias

from crosstrade_panel.domain.scope import Scope, Side
from crosstrade_panel.domain.snapshot import Mode
from crosstrade_panel.domain.ticket import OrderType, ReverseTicket, TimeInForce
from crosstrade_panel.domain.value import dataclass


class Look(Enum):
    """How a press button looks. Only LOCKED and DISABLED swallow a gesture."""

    READY = "ready"
    LOOKS_DEAD = "looks_dead"
    """Grey and hatched, says why, and still fires."""
    LOCKED = "locked"
    """A press of this scope is in flight; a gesture is swallowed and the swallowing shown."""
    DISABLED = "disabled"


class Gesture(Enum):
    """What completes a press."""

    CLICK = "click"
    HOLD = "hold"


class Tone(Enum):
    """How a line is meant; each has a colour and a symbol, never a colour alone."""

    GOOD = "good"
    BAD = "bad"
    DOUBT = "doubt"
    BUSY = "busy"
    NEUTRAL = "neutral"


@dataclass(frozen=True, slots=True)
class FlattenView:
    """The FLATTEN button. `scope` is what its gesture hands out: exactly what `lines` say."""

    scope: Scope
    title: str
    lines: tuple[str, ...]
    look: Look
    gesture: Gesture
    hold_s: float
    spoken: str


@dataclass(frozen=True, slots=True)
class ReverseView:
    """The REVERSE button. `ticket` is None while it is disabled; then `lines` say why.

    `notice`: the line of them that says what became of a gesture a moment ago; empty where none does.
    """

    ticket: ReverseTicket | None
    title: str
    lines: tuple[str, ...]
    look: Look
    hold_s: float
    spoken: str
    notice: str = ""


@dataclass(frozen=True, slots=True)
class TicketFields:
    """The reverse ticket as typed; empty text is "not given", an empty quantity is "the open size"."""

    quantity: str = ""
    order_type: OrderType = OrderType.MARKET
    limit_price: str = ""
    stop_price: str = ""
    time_in_force: TimeInForce = TimeInForce.DAY
    oco_id: str = ""
    strategy: str = ""


@dataclass(frozen=True, slots=True)
class TicketView:
    """The ticket under REVERSE. `problem` explains in words what is wrong with it, empty when nothing is."""

    fields: TicketFields = field(default_factory=TicketFields)
    open_quantity: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """One entry of a picker. `value` None is "all" or "any"; `group` is a heading (LIVE, SIM) or empty.

    `note` is a nickname or why it is greyed; a greyed entry can still be chosen.
    """

    value: str | None
    label: str
    group: str = ""
    note: str = ""
    greyed: bool = False


@dataclass(frozen=True, slots=True)
class PositionRow:
    """One row of "in scope now". `key` is (account, instrument) as the API reported them."""

    key: tuple[str, str] | None
    account: str
    instrument: str
    position: str
    average: str
    profit: str
    profit_sign: int
    badge: str = ""


@dataclass(frozen=True, slots=True)
class OrderRow:
    """One working order in scope, beneath the positions. `key` as for a position."""

    key: tuple[str, str] | None
    account: str
    instrument: str
    what: str
    price: str
    state: str


@dataclass(frozen=True, slots=True)
class PreviewView:
    """What the pickers select just now; `leaves` is what the side leaves out, one click to take it in.

    Positions first, then working orders: as many lines as there are, six of them in sight.
    """

    summary: str
    rows: tuple[PositionRow, ...] = ()
    orders: tuple[OrderRow, ...] = ()
    leaves: str = ""
    is_stale: bool = False
    hint: str = ""
    """What stands in the place of rows where there are none."""


class ActionKind(Enum):
    """What the button in a banner does."""

    FLATTEN = "flatten"
    CANCEL_ORDERS = "cancel_orders"
    STOP = "stop"
    """Stop repeating a flatten that was answered "too many requests"."""


@dataclass(frozen=True, slots=True)
class BannerAction:
    """The one button of a banner. `lines` say what it does, as exactly as FLATTEN's own.

    `scope` is set for FLATTEN; `order_ids` name the orders of CANCEL n ORDERS. STOP is always a click.
    """

    kind: ActionKind
    title: str
    lines: tuple[str, ...]
    gesture: Gesture
    hold_s: float
    look: Look
    spoken: str
    scope: Scope | None = None
    order_ids: tuple[str, ...] = ()

    @property
    def means(self) -> tuple[object, ...]:
        """What a gesture on it asks for; its lines may tell of newer reads meanwhile."""
        return (self.kind, self.scope, self.order_ids, self.gesture)


@dataclass(frozen=True, slots=True)
class BannerView:
    """The outcome of one press: a title and small lines beneath. A loud one has to be acknowledged."""

    press_id: str
    tone: Tone
    title: str
    lines: tuple[str, ...]
    may_acknowledge: bool
    action: BannerAction | None = None


@dataclass(frozen=True, slots=True)
class ClosedRow:
    """One closed position as the server reported it."""

    account: str
    instrument: str
    position: str
    average: str
    market: str
    profit: str
    profit_sign: int


@dataclass(frozen=True, slots=True)
class ResultView:
    """What the server reported about the last press."""

    caption: str = ""
    order_ids: tuple[str, ...] = ()
    closed: tuple[ClosedRow, ...] = ()
    total: str = ""


@dataclass(frozen=True, slots=True)
class JournalRow:
    """One press in the journal list. `full_time` is the whole of `time`."""

    press_id: str
    time: str
    what: str
    outcome: str
    tone: Tone
    full_time: str = ""


class JournalSortKey(Enum):
    """What the journal's list is sorted by; within it the newest press is first."""

    TIME = "time"
    ACCOUNT = "account"
    OUTCOME = "outcome"


@dataclass(frozen=True, slots=True)
class JournalSorting:
    """The order of the journal's list. `is_falling`: newest first, from Z to A, the best outcome first."""

    key: JournalSortKey = JournalSortKey.TIME
    is_falling: bool = True


@dataclass(frozen=True, slots=True)
class JournalFilter:
    """What the journal's list is narrowed to, and its order.

    `account` and `outcome`: "" for all accounts, no outcome.
    """

    text: str = ""
    account: str | None = None
    outcome: str | None = None
    day: date | None = None
    sorting: JournalSorting = JournalSorting()


@dataclass(frozen=True, slots=True)
class JournalPage:
    """Lines of the journal's list, sorted so; `has_more` where those behind them can be asked for."""

    rows: tuple[JournalRow, ...] = ()
    has_more: bool = False
    sorting: JournalSorting = JournalSorting()


@dataclass(frozen=True, slots=True)
class JournalChoices:
    """What the list can be narrowed to: values as a JournalFilter has them (a day in ISO spelling)."""

    accounts: tuple[Choice, ...] = ()
    outcomes: tuple[Choice, ...] = ()
    days: tuple[Choice, ...] = ()


@dataclass(frozen=True, slots=True)
class TimelineRow:
    """One step of a press: seconds since the press, time of day, what happened, and everything about it."""

    after: str
    time: str
    what: str
    detail: str = ""
    tone: Tone = Tone.NEUTRAL


@dataclass(frozen=True, slots=True)
class TimelineView:
    """The whole story of one press."""

    press_id: str
    title: str
    rows: tuple[TimelineRow, ...] = ()


@dataclass(frozen=True, slots=True)
class FallbackView:
    """What is left when nothing else works. `is_urgent`: FLATTEN looks dead, or NinjaTrader is away."""

    is_open: bool = False
    is_urgent: bool = False
    phone: str = ""
    web: str = ""


SettingValue: TypeAlias = bool | float | str


@dataclass(frozen=True, slots=True)
class TokenView:
    """The token of one server, never shown: where it is kept, and what became of the last try."""

    origin: str = ""
    state: str = ""
    note: str = ""
    tone: Tone = Tone.NEUTRAL
    is_busy: bool = False
    may_remove: bool = False


@dataclass(frozen=True, slots=True)
class SettingsView:
    """The settings as they hold. `notes`: what is to be said beneath a setting, by its name."""

    values: Mapping[str, SettingValue] = field(default_factory=dict)
    nicknames: Mapping[str, str] = field(default_factory=dict)
    accounts: tuple[Choice, ...] = ()
    token: TokenView = field(default_factory=TokenView)
    notes: Mapping[str, str] = field(default_factory=dict)
    server_warning: str = ""


@dataclass(frozen=True, slots=True)
class StatusView:
    """The status line: link in words, budget estimate, and whatever is off (journal, token)."""

    link: str
    tone: Tone
    budget: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DrillChoice:
    """One drill of the practice exchange, for the Practice menu; `group` is a submenu."""

    name: str
    title: str
    description: str
    group: str


@dataclass(frozen=True, slots=True)
class PracticeView:
    """What the Practice menu offers; there is none without the embedded exchange."""

    drills: tuple[DrillChoice, ...] = ()
    armed: str | None = None


@dataclass(frozen=True, slots=True)
class StreamView:
    """The choice of the stream. `state` is a sentence, empty while REST is used as asked.

    `may_reconnect`: another tool took it over; it comes back only when asked.
    """

    is_wanted: bool = False
    state: str = ""
    may_reconnect: bool = False


@dataclass(frozen=True, slots=True)
class PanelView:
    """The whole window. `keeps_token`: there is a keyring here that a token could be kept in."""

    mode: Mode
    status: StatusView
    accounts: tuple[Choice, ...]
    account: str | None
    instruments: tuple[Choice, ...]
    instrument: str | None
    side: Side | None
    preview: PreviewView
    flatten: FlattenView
    reverse: ReverseView
    ticket: TicketView
    banners: tuple[BannerView, ...] = ()
    result: ResultView = field(default_factory=ResultView)
    fallback: FallbackView = field(default_factory=FallbackView)
    practice: PracticeView | None = None
    stream: StreamView = field(default_factory=StreamView)
    needs_token: bool = False
    token_problem: str = ""
    keeps_token: bool = True
