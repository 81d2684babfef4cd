"""From what is known to what is shown: pure functions that make the parts of the view."""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from decimal import Decimal
from typing import Any, TypeVar

from crosstrade_panel import texts
from crosstrade_panel.domain.cancel import ListedOrders
from crosstrade_panel.domain.names import fold, may_be_same_instrument, same_instrument
from crosstrade_panel.domain.outcome import Cause, Outcome, Reason, Verdict
from crosstrade_panel.domain.scope import (
    EveryAccount,
    OneAccount,
    Scope,
    ScopeError,
    account_of,
    is_outside,
    is_within,
)
from crosstrade_panel.domain.snapshot import (
    Account,
    Mode,
    Order,
    OrdersRead,
    Position,
    PositionsRead,
    find_account,
    in_scope,
    protects,
    tells_of_all,
    total_unrealized,
)
from crosstrade_panel.domain.value import dataclass
from crosstrade_panel.trading.flatten import PROVED
from crosstrade_panel.trading.pace import Pace
from crosstrade_panel.trading.press import FlattenLock, Lock, Phase, Press
from crosstrade_panel.trading.watch import Failing
from crosstrade_panel.ui.view import (
    ActionKind,
    BannerAction,
    BannerView,
    Choice,
    ClosedRow,
    FlattenView,
    Gesture,
    Look,
    OrderRow,
    PositionRow,
    PreviewView,
    ResultView,
    StatusView,
    Tone,
)

_T = TypeVar("_T")

ALL_INSTRUMENTS = "All"

_NO_LINK = frozenset(
    {
        Cause.CONNECT_FAILED,
        Cause.CONNECT_TIMEOUT,
        Cause.CERTIFICATE,
        Cause.NO_LINK,
        Cause.NO_ANSWER,
        Cause.CONNECTION_LOST,
        Cause.BAD_ADDRESS,
    }
)
_STALE_S = 5.0
_SILENT_S = 1.0
_MOST_MADE = 100
_ROWS_A_STEP = 250

_TONES = {
    Verdict.FLAT: Tone.GOOD,
    Verdict.REVERSED: Tone.GOOD,
    Verdict.NOTHING_OPEN: Tone.GOOD,
    Verdict.CANCELLED: Tone.GOOD,
    Verdict.UNKNOWN: Tone.DOUBT,
    Verdict.NOT_PROVED: Tone.DOUBT,
    Verdict.CANNOT_TELL: Tone.DOUBT,
    Verdict.FLAT_ORDERS_NOT_CHECKED: Tone.DOUBT,
    Verdict.REVERSE_WORKING: Tone.DOUBT,
    Verdict.NOT_SENT: Tone.NEUTRAL,
    Verdict.REFUSED: Tone.DOUBT,
}


@dataclass(frozen=True, slots=True)
class Picture:
    """What the watch knows at one moment. `age_s` is the age of `read`.

    `orders`: the clean reads of orders that are young enough to be counted, by folded account. `made`: what
    was made of these reads already, whatever their age; a view is made many times between two reads.
    """

    read: PositionsRead | None
    age_s: float | None
    accounts: tuple[Account, ...]
    failing: Failing | None
    orders: Mapping[str, OrdersRead] = field(default_factory=dict)
    made: dict[object, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def positions(self) -> tuple[Position, ...]:
        """The open rows of the newest read."""
        return () if self.read is None else self.read.positions

    def after(self, earlier: "Picture") -> "Picture":
        """The same, with all that was made of an earlier picture where that was of the same reads."""
        is_same = (
            self.read is earlier.read
            and self.accounts is earlier.accounts
            and self.orders.keys() == earlier.orders.keys()
            and all(read is earlier.orders[key] for key, read in self.orders.items())
        )
        if is_same:
            self.made.update(earlier.made)
        return self

    def once(self, key: object, make: Callable[[], _T]) -> _T:
        """What `make` makes of the reads alone; the key says what that is."""
        if key not in self.made:
            if len(self.made) >= _MOST_MADE:  # a read that stays for hours, and is looked at in many ways
                self.made.clear()
            self.made[key] = make()
        found: _T = self.made[key]
        return found


def tone_of(verdict: Verdict) -> Tone:
    """How an outcome is meant; whatever is not known to be good is bad."""
    return _TONES.get(verdict, Tone.BAD)


def mode_of(scope: Scope, picture: Picture, *, is_practice: bool) -> Mode:
    """Whose money the scope touches; LIVE unless every account in it is known to be simulated."""
    if is_practice:
        return Mode.PRACTICE
    return picture.once(("mode", scope), lambda: _mode_of(scope, picture))


def _mode_of(scope: Scope, picture: Picture) -> Mode:
    name = account_of(scope)
    found: list[Account | None]
    if name is None:
        # A position of an account that is not listed, or cannot be read, is somebody's money too.
        listed = {fold(account.name): account for account in picture.accounts}
        holders = dict.fromkeys(row.account for row in picture.positions)
        owners = (None if holder is None else listed.get(fold(holder)) for holder in holders)
        found = [*picture.accounts, *owners]
    else:
        found = [find_account(picture.accounts, name)]
    if found and all(account is not None and account.mode is Mode.SIM for account in found):
        return Mode.SIM
    return Mode.LIVE


def account_choices(
    accounts: Sequence[Account], chosen: str | None, nicknames: Mapping[str, str] | None = None
) -> tuple[Choice, ...]:
    """All accounts, then LIVE, then SIM; a chosen one that is gone stays, greyed.

    Beside the name: what the trader calls it, else the API's other name for it.
    """
    called = {fold(name): nickname for name, nickname in (nicknames or {}).items()}
    choices = [Choice(None, texts.ALL_ACCOUNTS)]
    for mode in (Mode.LIVE, Mode.SIM):
        choices.extend(
            Choice(
                account.name,
                account.name,
                mode.value,
                called.get(fold(account.name))
                or ("" if account.display_name in {None, account.name} else account.display_name or ""),
            )
            for account in accounts
            if account.mode is mode
        )
    if chosen is not None and is_gone(chosen, accounts):
        choices.append(Choice(chosen, chosen, note=texts.NOT_LISTED_NOW, greyed=True))
    elif chosen is not None and not accounts:
        choices.append(Choice(chosen, chosen))
    return tuple(choices)


def is_gone(account: str, accounts: Sequence[Account]) -> bool:
    """Whether accounts are listed, and this one is not."""
    return bool(accounts) and find_account(accounts, account) is None


def instrument_choices(
    positions: Iterable[Position], account: str | None, recent: Iterable[str], chosen: str | None
) -> tuple[Choice, ...]:
    """All, then those of open positions, then recent ones."""
    open_names = [
        row.instrument
        for row in positions
        if row.instrument is not None
        and (account is None or row.account is None or fold(row.account) == fold(account))
    ]
    names = dict.fromkeys([*open_names, *recent, *([] if chosen is None else [chosen])])
    return (Choice(None, ALL_INSTRUMENTS), *(Choice(name, name) for name in names))


def position_row(
    row: Position, orders: OrdersRead | None = None, name: Callable[[str], str] = str
) -> PositionRow:
    """One row of "in scope now"; `orders` are those of its account, where they were read.

    `name`: what an account is called in the row; a mask, perhaps.
    """
    bare = orders is not None and not any(protects(order, row) for order in orders.orders)
    key = None if row.account is None or row.instrument is None else (row.account, row.instrument)
    quantity = "?" if row.quantity is None else str(row.quantity)
    return PositionRow(
        key,
        name(row.account) if row.account else "?",
        row.instrument or "?",
        f"{texts.side_word(row.side)} {quantity}",
        texts.price(row.average_price),
        texts.amount(row.unrealized),
        _sign(row),
        texts.NO_STOP if bare else "",
    )


def order_row(order: Order, name: Callable[[str], str] = str) -> OrderRow:
    """One working order of "in scope now"."""
    key = None if order.instrument is None else (order.account, order.instrument)
    what, state = texts.order_what(order), order.state or "?"
    shown = order.instrument or "?"
    return OrderRow(key, name(order.account), shown, what, texts.order_price(order), state)


def orders_in_scope(scope: Scope, picture: Picture) -> tuple[Order, ...]:
    """The working orders that lie in a scope, as far as they were read; the side says nothing of an order."""
    return picture.once(("orders", scope), lambda: _orders_in_scope(scope, picture))


def _orders_in_scope(scope: Scope, picture: Picture) -> tuple[Order, ...]:
    found = [
        order
        for read in picture.orders.values()
        for order in read.orders
        if order.is_working and not is_outside(scope, order.account, order.instrument, None)
    ]
    return tuple(sorted(found, key=lambda order: (fold(order.account), fold(order.instrument or ""))))


def _sign(row: Position) -> int:
    value = row.unrealized
    return 0 if value is None or value == 0 else 1 if value > 0 else -1


def preview(scope: Scope, picture: Picture, name: Callable[[str], str] = str) -> PreviewView:
    """What the pickers select, and what the side leaves out. `name`: what accounts are called in the rows."""
    if picture.read is None or picture.age_s is None:
        return PreviewView(texts.PREVIEW_UNREAD, is_stale=True, hint=texts.PREVIEW_HINT_UNREAD)
    rows = _rows_in_scope(scope, picture)
    tells = tells_of(scope, picture)
    orders = orders_in_scope(scope, picture)
    total = _total(scope, picture)
    summary = texts.preview_summary(rows, total, picture.age_s, len(orders))
    is_stale = not tells or picture.age_s > _STALE_S
    none = texts.PREVIEW_HINT_WAS_NONE if is_stale else texts.PREVIEW_HINT_NONE
    return PreviewView(
        summary if tells else texts.PREVIEW_NOT_TOLD,
        picture.once(("rows", scope, name), lambda: _position_rows(scope, picture, name)),
        orders=picture.once(
            ("order rows", scope, name), lambda: tuple(order_row(order, name) for order in orders)
        ),
        leaves=picture.once(("left", scope), lambda: _leaves(scope, rows, picture)),
        is_stale=is_stale,
        hint="" if rows or orders else none if tells else texts.PREVIEW_HINT_NOT_TOLD,
    )


def rows_in_steps(scope: Scope, picture: Picture, name: Callable[[str], str]) -> Iterator[None]:
    """Make the rows that `preview` will show, so many a step, and what is said of all of them in the last.

    What is missing when a view is made is made then.
    """
    yield from _fill(picture.once(("made rows", scope, name), list), scope, picture, name)
    if len(picture.positions) > _ROWS_A_STEP:
        yield
        _total(scope, picture)
        _closes(scope, picture)


def _position_rows(scope: Scope, picture: Picture, name: Callable[[str], str]) -> tuple[PositionRow, ...]:
    made: list[PositionRow] = picture.once(("made rows", scope, name), list)
    for _ in _fill(made, scope, picture, name):
        pass
    return tuple(made)


def _fill(
    made: list[PositionRow], scope: Scope, picture: Picture, name: Callable[[str], str]
) -> Iterator[None]:
    ordered = picture.once(("ordered", scope), lambda: sorted(_rows_in_scope(scope, picture), key=_order))
    if len(ordered) > _ROWS_A_STEP:
        yield
    while len(made) < len(ordered):
        next_ones = ordered[len(made) : len(made) + _ROWS_A_STEP]
        made += [position_row(row, _orders_of(row, picture), name) for row in next_ones]
        if len(made) < len(ordered):
            yield


def _rows_in_scope(scope: Scope, picture: Picture) -> tuple[Position, ...]:
    return picture.once(("in scope", scope), lambda: in_scope(scope, picture.positions))


def _leaves(scope: Scope, rows: Sequence[Position], picture: Picture) -> str:
    """What the side leaves out, in words."""
    if scope.side is None:
        return ""
    shown = set(map(id, rows))  # the very same rows: to compare each with all takes a second of thousands
    left = tuple(row for row in in_scope(any_side(scope), picture.positions) if id(row) not in shown)
    return texts.leaves_text(left) if left else ""


def _orders_of(row: Position, picture: Picture) -> OrdersRead | None:
    return None if row.account is None else picture.orders.get(fold(row.account))


def tells_of(scope: Scope, picture: Picture) -> bool:
    """Whether "nothing open" may be concluded from the last read for all of a scope."""
    return picture.read is not None and tells_of_all(scope, picture.read, picture.accounts)


def _order(row: Position) -> tuple[str, str]:
    """Rows keep their place whatever order the server lists them in."""
    return (fold(row.account or ""), fold(row.instrument or ""))


def any_side(scope: Scope) -> Scope:
    """The same scope without its side filter."""
    match scope:
        case OneAccount(account=account, instrument=instrument):
            return OneAccount(account, instrument)
        case EveryAccount(instrument=instrument):
            return EveryAccount(instrument)


def flatten_button(
    scope: Scope,
    picture: Picture,
    lock: FlattenLock,
    pace: Pace,
    *,
    missing: str,
    why: "WhyLocked | None" = None,
) -> FlattenView:
    """The button: its second line is the truth about what a press would do.

    `missing`: what there is instead of a server, empty where there is one. `why`: what the lock waits for.
    """
    why = why or WhyLocked()
    title = texts.FLATTEN_AGAIN if lock.lock is Lock.AGAIN else texts.FLATTEN
    gesture = gesture_of(scope, lock)
    hold_s = pace.hold_wide_s if isinstance(scope, EveryAccount) else pace.hold_narrow_s
    look, trouble = _look(picture, lock, missing, why)
    closes = trouble or _closes(scope, picture)
    lines = [texts.scope_text(scope), closes]
    notes = []
    if gesture is Gesture.HOLD and look in {Look.READY, Look.LOOKS_DEAD}:
        notes.append(texts.hold_line(hold_s))
    if lock.lock is Lock.AGAIN:
        notes.append(why.again)
    if lock.overlaps:
        notes.append(texts.OVERLAPS)
    if lock.reverse_may_enter_until is not None:
        notes.append(texts.REVERSE_MAY_ENTER)
    if notes:
        lines.append(" · ".join(notes))
    said = title if gesture is Gesture.CLICK else texts.hold_to(title)
    return FlattenView(scope, title, tuple(lines), look, gesture, hold_s, ", ".join([said, *lines]))


def gesture_of(scope: Scope, lock: FlattenLock) -> Gesture:
    """How FLATTEN is pressed: what is wide, or may act a second time, is held."""
    is_held = isinstance(scope, EveryAccount) or lock.lock is Lock.AGAIN
    return Gesture.HOLD if is_held else Gesture.CLICK


def _total(scope: Scope, picture: Picture) -> Decimal | None:
    return picture.once(("total", scope), lambda: total_unrealized(_rows_in_scope(scope, picture)))


def _closes(scope: Scope, picture: Picture) -> str:
    return picture.once(("closes", scope), lambda: _closes_text(scope, picture))


def _closes_text(scope: Scope, picture: Picture) -> str:
    read = picture.read
    if read is None:
        return texts.closes_text(None, scope)
    rows = _rows_in_scope(scope, picture)
    if not rows and not tells_of(scope, picture):
        return texts.POSITIONS_NOT_TOLD
    cancels, leaves = orders_touched(scope, rows, picture)
    return texts.closes_text(rows, scope, cancels, leaves)


def orders_touched(scope: Scope, rows: Sequence[Position], picture: Picture) -> tuple[int | None, int]:
    """How many working orders a flatten cancels, and how many in its scope it leaves.

    It cancels those on the pairs that have a position, no others; None where the orders of one were not read.
    """
    held: dict[str, set[str | None]] = {}
    for row in rows:
        if row.account is not None:
            held.setdefault(fold(row.account), set()).add(row.instrument)
    on_pairs = [
        order
        for order in orders_in_scope(scope, picture)
        if _is_on_one_of(order, held.get(fold(order.account), set()))
    ]
    leaves = len(orders_in_scope(scope, picture)) - len(on_pairs)
    is_read = all(_orders_of(row, picture) is not None for row in rows)
    return (len(on_pairs) if is_read else None), leaves


def _is_on_one_of(order: Order, instruments: set[str | None]) -> bool:
    """Whether an order may belong to a position in one of these instruments."""
    return order.instrument in instruments or any(
        order.instrument is None or instrument is None or may_be_same_instrument(order.instrument, instrument)
        for instrument in instruments
    )


def _look(picture: Picture, lock: FlattenLock, missing: str, why: "WhyLocked") -> tuple[Look, str]:
    if missing:
        return Look.DISABLED, missing
    if lock.lock is Lock.LOCKED:
        return Look.LOCKED, why.locked
    failing, age_s = picture.failing, picture.age_s
    if failing is not None and failing.reason.cause in _NO_LINK:
        return Look.LOOKS_DEAD, texts.NOT_CONNECTED
    is_old = age_s is None or age_s > _STALE_S
    # Too many requests just now says nothing of what a read showed a moment ago.
    if failing is not None and (is_old or failing.reason.cause is not Cause.OVER_BUDGET):
        return Look.LOOKS_DEAD, texts.positions_unknown(age_s)
    if picture.read is not None and is_old:
        return Look.LOOKS_DEAD, texts.positions_unknown(age_s)
    return Look.READY, ""


@dataclass(frozen=True, slots=True)
class WhyLocked:
    """What FLATTEN says while it is locked, and why it is held when it is FLATTEN AGAIN."""

    locked: str = texts.LOCKED
    again: str = texts.FIRST_MAY_STILL_ACT


def why_locked(scope: Scope, presses: Iterable[Press], doubted: Container[str]) -> WhyLocked:
    """Why the presses of a scope lock it. `doubted`: the ids of those without a usable answer."""
    concerned = [
        press
        for press in presses
        if press.cancel is None and press.ticket is None and is_within(scope, press.scope)
    ]
    under_way = [press for press in concerned if press.outcome is None]
    if any(press.phase in {Phase.SENDING, Phase.REPEATING} for press in under_way):
        locked = texts.LOCKED
    elif any(press.answered_at is not None and not press.read_since_answer for press in under_way):
        locked = texts.LOCKED_UNREAD
    else:
        locked = texts.LOCKED_A_MOMENT
    unresolved = [press for press in concerned if press.is_unresolved]
    is_over = unresolved and all(press.id not in doubted and _was_proved_flat(press) for press in unresolved)
    return WhyLocked(locked, texts.FIRST_NOT_SEEN if is_over else texts.FIRST_MAY_STILL_ACT)


def _was_proved_flat(press: Press) -> bool:
    """Whether the server answered, and every account was flat afterwards: the press itself is over."""
    outcome = press.outcome
    return (
        outcome is not None
        and press.answered_at is not None
        and outcome.verdict in _FLAT_BEFORE
        and all(fate.verdict in _FLAT_BEFORE for fate in outcome.fates if fate.takes_headline)
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Lines:
    """The lines of this very outcome: to compare two by what they say takes longer than to make them."""

    outcome: Outcome
    is_practice: bool
    are_orders_named: bool
    doubt: Reason | None

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, _Lines)
            and self.outcome is other.outcome
            and self.is_practice is other.is_practice
            and self.are_orders_named is other.are_orders_named
            and self.doubt == other.doubt
        )

    def __hash__(self) -> int:
        return hash((id(self.outcome), self.is_practice, self.are_orders_named))


_FLAT_BEFORE = PROVED | {Verdict.REOPENED}
_SPEAKS_OF_PAIRS = frozenset({Verdict.FLAT, Verdict.NOTHING_OPEN})
_WAS_FLAT = frozenset({Verdict.FLAT, Verdict.NOTHING_OPEN, Verdict.FLAT_ORDERS_NOT_CHECKED})
GOES_ON = frozenset({Verdict.STILL_OPEN, Verdict.UNKNOWN, Verdict.NOT_PROVED, Verdict.CANNOT_TELL})


def banner(
    press: Press,
    picture: Picture,
    now: float,
    *,
    is_practice: bool,
    action: BannerAction | None = None,
    doubt: Reason | None = None,
) -> BannerView:
    """One press in words, with the button that belongs to it. `doubt`: why it had no usable answer."""
    outcome = press.outcome
    if outcome is None:
        found = _banner_on_its_way(press, picture, now, is_practice=is_practice)
        return replace(found, action=action)
    title, tone = texts.outcome_title(outcome), tone_of(outcome.verdict)
    is_stale = picture.age_s is None or picture.age_s > _STALE_S
    if outcome.verdict in _WAS_FLAT and press.opened_again is not None:
        opened = press.opened_again
        title, tone = texts.opened_again_title(outcome, opened.rows, opened.at), Tone.NEUTRAL
    elif outcome.verdict in _WAS_FLAT and is_stale:
        title, tone = texts.was_flat_title(outcome), Tone.DOUBT
    is_named = _names_orders(action, outcome)
    said = picture.once(
        _Lines(outcome, is_practice, is_named, doubt),
        lambda: texts.outcome_lines(outcome, is_practice=is_practice, are_orders_named=is_named, doubt=doubt),
    )
    lines = [*said, *press.notes]
    if outcome.verdict in _SPEAKS_OF_PAIRS and not is_stale and (rest := _works_in_scope(press, picture)):
        lines.insert(1, rest)
    if outcome.verdict in GOES_ON and press.shows is not None and not is_stale:
        lines.insert(0, _shows(press, picture, is_practice=is_practice, is_one_of_many=True))
    return BannerView(press.id, tone, title, tuple(lines), press.is_unresolved, action)


def _works_in_scope(press: Press, picture: Picture) -> str:
    """What works in the scope of a flatten, on pairs that had no position: FLAT does not speak of these."""
    since = press.ended_at if press.answered_at is None else press.answered_at
    if since is None or press.ticket is not None or press.cancel is not None:
        return ""
    young = {key: read for key, read in picture.orders.items() if read.stamp.sent_at >= since}
    if not young:
        return ""
    orders = picture.once(
        ("beside", press.scope, since), lambda: _orders_in_scope(press.scope, replace(picture, orders=young))
    )
    return texts.working_in_scope(orders, press.scope) if orders else ""


def shown_since(press: Press, picture: Picture, *, is_practice: bool) -> tuple[str, ...]:
    """What the newest read shows in the scope of a press that somebody else tells of; nothing before one."""
    read = picture.read
    if read is None or read.stamp.sent_at <= press.began_at:
        return ()
    if picture.age_s is None or picture.age_s > _STALE_S:
        return ()
    rows = in_scope(press.scope, picture.positions)
    if not rows and not tells_of(press.scope, picture):
        return (texts.SHOWS_NOT_TOLD,)
    return (texts.shows_text(rows, is_practice=is_practice, is_one_of_many=True),)


def _shows(press: Press, picture: Picture, *, is_practice: bool, is_one_of_many: bool) -> str:
    """What one read since the press showed; that it was nothing only where it tells of the whole scope."""
    if not press.shows and not tells_of(press.scope, picture):
        return texts.SHOWS_NOT_TOLD
    return texts.shows_text(press.shows or (), is_practice=is_practice, is_one_of_many=is_one_of_many)


def _names_orders(action: BannerAction | None, outcome: Outcome) -> bool:
    """Whether the button names the very orders that work: they need not stand beneath it again."""
    if action is None or action.kind is not ActionKind.CANCEL_ORDERS:
        return False
    working = [order.order_id for fate in outcome.fates for order in fate.working_orders]
    return sorted(action.order_ids) == sorted(each or "" for each in working)


def flatten_again(press: Press, outcome: Outcome) -> Scope | None:
    """What the FLATTEN beside an outcome closes: exactly what is open, or what was asked; None: no button."""
    rows = [row for fate in outcome.fates if fate.verdict is outcome.verdict for row in fate.still_open]
    match outcome.verdict:
        case Verdict.STILL_OPEN:
            return press.scope
        case Verdict.OVERFILLED | Verdict.REOPENED | Verdict.REVERSE_MISMATCH if rows:
            return _pair_of(rows) or any_side(press.scope)
        case _:
            return None


def _pair_of(rows: Sequence[Position]) -> Scope | None:
    """The one account and instrument of these rows; None where there is not exactly one."""
    pairs = {row.pair: row for row in rows}
    row = next(iter(pairs.values()), None)
    if len(pairs) != 1 or row is None or row.account is None or row.instrument is None:
        return None
    return OneAccount(row.account, row.instrument)


def flatten_action(view: FlattenView) -> BannerAction:
    """The FLATTEN of a banner: the same as the big one, for its own scope."""
    return BannerAction(
        ActionKind.FLATTEN,
        view.title,
        view.lines,
        view.gesture,
        view.hold_s,
        view.look,
        view.spoken,
        scope=view.scope,
    )


def stop_action() -> BannerAction:
    """The STOP of a flatten that is tried again."""
    spoken = f"{texts.STOP}, {texts.STOP_LINE}"
    lines = (texts.STOP_LINE,)
    return BannerAction(ActionKind.STOP, texts.STOP, lines, Gesture.CLICK, 0.0, Look.READY, spoken)


def orders_to_cancel(outcome: Outcome, picture: Picture, recent_s: float) -> ListedOrders | None:
    """The orders that an outcome lists and that may be cancelled now; None where there are none.

    Not where a position is open in the pair, or no read of the last `recent_s` seconds tells: one of them may
    be what closes it. When it is pressed, a younger one is asked for.
    """
    if picture.age_s is None or picture.age_s > recent_s:
        return None
    found = []
    for fate in outcome.fates:
        for order in fate.working_orders:
            if order.instrument is None or order.order_id is None:
                continue
            pair = OneAccount(order.account, order.instrument)
            if tells_of(pair, picture) and not in_scope(pair, picture.positions):
                found.append(order)
    try:
        return ListedOrders(tuple(found)) if found else None
    except ScopeError:  # listed twice, or under a name that cannot be meant
        return None


def cancel_action(listed: ListedOrders, pace: Pace, *, is_locked: bool) -> BannerAction:
    """The CANCEL n ORDERS of a banner: held where it reaches several accounts."""
    wide = len(listed.accounts) > 1
    gesture = Gesture.HOLD if wide else Gesture.CLICK
    title = texts.cancel_title(len(listed.orders))
    lines = [texts.scope_text(listed.scope), texts.named(texts.order_text(order) for order in listed.orders)]
    if wide:
        lines.append(texts.hold_line(pace.hold_wide_s))
    look = Look.LOCKED if is_locked else Look.READY
    said = texts.hold_to(title) if wide else title
    return BannerAction(
        ActionKind.CANCEL_ORDERS,
        title,
        tuple(lines),
        gesture,
        pace.hold_wide_s,
        look,
        ", ".join([said, *lines]),
        order_ids=tuple(order.order_id or "" for order in listed.orders),
    )


def _banner_on_its_way(press: Press, picture: Picture, now: float, *, is_practice: bool) -> BannerView:
    lines: list[str] = []
    match press.phase:
        case Phase.REPEATING:
            title = texts.repeating_title(press.scope)
        case Phase.SENDING:
            title = texts.sending_title(press.scope, press.ticket, press.cancel)
            if press.delivered_at is not None:
                lines.append(texts.delivered_text(press.delivered_at - press.began_at))
            if now - press.began_at >= _SILENT_S:
                rows = press.shows
                if rows is None and picture.read is not None:
                    is_newer = picture.read.stamp.sent_at >= press.began_at
                    rows = in_scope(press.scope, picture.positions) if is_newer else None
                if not rows and not tells_of(press.scope, picture):
                    rows = None
                # Read again and again until it is answered.
                lines.append(texts.no_answer_yet(rows, is_practice=is_practice, is_one_of_many=True))
        case Phase.CHECKING:
            title = texts.checking_title(press.scope, press.ticket)
        case _:
            title = texts.verifying_title(press.scope, press.ticket)
    if press.phase is not Phase.SENDING and press.shows is not None and press.read_since_answer:
        is_one_of_many = press.proof is not None and len(press.proof.evidence.reads) > 1
        lines.append(_shows(press, picture, is_practice=is_practice, is_one_of_many=is_one_of_many))
    return BannerView(press.id, Tone.BUSY, title, (*lines, *press.notes), may_acknowledge=False)


def result(press: Press | None) -> ResultView:
    """What the server reported about a press; no proof of anything."""
    if press is None or not (press.order_ids or press.closed_positions):
        return ResultView()
    closed = press.closed_positions
    total = total_unrealized(closed)
    return ResultView(
        texts.scope_text(press.scope),
        press.order_ids,
        tuple(
            ClosedRow(
                row.account or "?",
                row.instrument or "?",
                f"{texts.side_word(row.side)} {'?' if row.quantity is None else row.quantity}",
                texts.price(row.average_price),
                texts.price(row.market_price),
                texts.amount(row.unrealized),
                _sign(row),
            )
            for row in closed
        ),
        texts.amount(total) if closed else "",
    )


def status(
    picture: Picture,
    now: float,
    *,
    budget: float,
    notes: tuple[str, ...],
    missing: str = "",
    stream_link: str = "",
    is_practice: bool = False,
) -> StatusView:
    """The link in words. `missing` as for the button; `stream_link` where presses go over the stream."""
    if missing:
        is_sure = missing == texts.NO_TOKEN
        words, tone = (texts.LINK_NO_TOKEN, Tone.BAD) if is_sure else (missing, Tone.BUSY)
        return StatusView(words, tone, "", notes)
    failing = picture.failing
    if failing is not None:
        cause = failing.reason.cause
        if cause is Cause.NINJATRADER_OFFLINE:
            words = texts.NINJATRADER_AWAY
        elif cause in _NO_LINK:
            words = texts.offline_text(now - failing.since)
        else:
            words = texts.reason_sentence(failing.reason, is_practice=is_practice)
        return StatusView(words, Tone.BAD, texts.budget_text(budget), notes)
    if picture.read is None or picture.age_s is None:
        return StatusView(texts.CONNECTING, Tone.BUSY, texts.budget_text(budget), notes)
    if picture.age_s > _STALE_S:
        return StatusView(texts.no_read_text(picture.age_s), Tone.DOUBT, texts.budget_text(budget), notes)
    stamp = picture.read.stamp
    words = stream_link or texts.link_text(stamp.answered_at - stamp.sent_at)
    return StatusView(words, Tone.GOOD, texts.budget_text(budget), notes)


def resolve_alias(typed: str, positions: Iterable[Position], account: str | None) -> tuple[str, ...]:
    """The instruments of open positions that a typed name may mean."""
    from_account = [
        row.instrument
        for row in positions
        if row.instrument is not None
        and (account is None or row.account is None or fold(row.account) == fold(account))
    ]
    exact = [name for name in from_account if same_instrument(name, typed)]
    return tuple(
        dict.fromkeys(exact or [name for name in from_account if may_be_same_instrument(name, typed)])
    )
