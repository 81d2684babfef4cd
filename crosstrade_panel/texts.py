"""Every sentence that the trader reads, in the window and on the command line: what is known, and by whom.

Pure functions over domain values. Nothing here claims more than its arguments do.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache

from crosstrade_panel.domain.cancel import ListedOrders
from crosstrade_panel.domain.outcome import Cause, Fate, Outcome, Reason, Timings, Verdict
from crosstrade_panel.domain.scope import EveryAccount, OneAccount, Scope, Side, is_outside
from crosstrade_panel.domain.snapshot import Order, Position
from crosstrade_panel.domain.ticket import OrderType, ReverseTicket, TimeInForce
from crosstrade_panel.trading.ports import EntryKind, Fact

FALLBACK = "NinjaTrader: Control Center › Positions › right-click › Flatten Everything"

ALL_ACCOUNTS = "All accounts"
_MOST_NAMED = 3
_MOST_ACCOUNTS = 8
_A_SECOND_MS = 1000
_TENTHS_BELOW_S = 10
_MINUTES_FROM_S = 120

_VERDICTS = {
    Verdict.OVERFILLED: "OVERFILLED",
    Verdict.CLOSED_MORE_THAN_ASKED: "CLOSED MORE THAN ASKED",
    Verdict.REOPENED: "REOPENED",
    Verdict.STILL_OPEN: "STILL OPEN",
    Verdict.REVERSE_MISMATCH: "REVERSE MISMATCH",
    Verdict.UNKNOWN: "UNKNOWN",
    Verdict.NOT_PROVED: "NOT PROVED",
    Verdict.CANNOT_TELL: "CANNOT TELL",
    Verdict.ORDERS_WORKING: "FLAT, ORDERS WORKING",
    Verdict.STILL_WORKING: "STILL WORKING",
    Verdict.REVERSE_WORKING: "REVERSE WORKING",
    Verdict.FLAT_ORDERS_NOT_CHECKED: "FLAT, ORDERS NOT CHECKED",
    Verdict.REFUSED: "REFUSED",
    Verdict.NOT_SENT: "NOT SENT",
    Verdict.FLAT: "FLAT",
    Verdict.REVERSED: "REVERSED",
    Verdict.CANCELLED: "CANCELLED",
    Verdict.NOTHING_OPEN: "NOTHING OPEN",
}

_CAUSES = {
    Cause.NO_TOKEN: "there is no token for this server",
    Cause.BAD_TOKEN: "the token has characters that no token has; enter it again",
    Cause.BAD_ADDRESS: "the server's address cannot be used",
    Cause.CONNECT_FAILED: "no connection to CrossTrade",
    Cause.CONNECT_TIMEOUT: "CrossTrade could not be reached in time",
    Cause.CERTIFICATE: "the server's certificate is not trusted",
    Cause.NO_LINK: "no link was free",
    Cause.PROXY: (
        "no connection through the proxy that this computer names (only a web proxy can be used, no SOCKS); "
        "the settings turn it off"
    ),
    Cause.STREAM_NOT_OPEN: "the stream was not open",
    Cause.SCOPE_CHANGED: "the request was not what the button showed",
    Cause.LOCKED: "another press of this scope is in flight",
    Cause.NOT_READ: "no read just now tells whether a position is open",
    Cause.NOT_AS_READ: "the position is not the one that was shown",
    Cause.INTERRUPTED_BEFORE_SENDING: "stopped before anything was sent",
    Cause.SERVER_SAID_NO: "CrossTrade said no",
    Cause.NO_POSITION: "CrossTrade found no such position",
    Cause.ORDER_GONE: "the order was gone already",
    Cause.TOKEN_REFUSED: "CrossTrade did not accept the token",
    Cause.WRONG_PATH: "CrossTrade does not know this request",
    Cause.REDIRECTED: "the server pointed elsewhere; that is never followed",
    Cause.OVER_BUDGET: "too many requests with this token just now",
    Cause.NINJATRADER_OFFLINE: "NinjaTrader did not answer CrossTrade",
    Cause.SERVER_FAILED: "CrossTrade failed while it had the request",
    Cause.NO_ANSWER: "no answer came",
    Cause.CONNECTION_LOST: "the connection broke after the request may have left",
    Cause.UNREADABLE: "the answer could not be read",
    Cause.TOO_LARGE: "the answer was too large to be true",
    Cause.SAYS_NOTHING: "the answer said neither yes nor no",
    Cause.HALF_DONE: "CrossTrade reported a failure and work done at once",
    Cause.INTERRUPTED: "stopped after the request may have left",
    Cause.INTERNAL: "an error in this program; its log has the details",
    Cause.READS_FAILED: "the positions could not be read twice",
    Cause.ROW_UNREADABLE: "a row of the positions could not be read",
    Cause.NOT_LISTED: "the account is not listed any more",
    Cause.NOTHING_LISTED: "no accounts were listed, so nobody knows which there are",
    Cause.NOT_CONNECTED: "the account is not connected to its broker",
    Cause.OTHER_SIDE: "the other side is open, and nothing read before explains it",
    Cause.FLAG_CONTRADICTS: "the account says it is not flat, but lists no position",
    Cause.ALIAS: "the instrument's name may mean another month",
    Cause.READS_DISAGREE: "the reads do not agree",
    Cause.ORDERS_UNREAD: "the orders could not be read twice",
    Cause.ENTRY_UNREAD: "the order that enters could not be looked for",
    Cause.ORDER_FILLED: "an order was filled before it could be cancelled",
}

# When the API cannot carry a press, NinjaTrader itself still can.
_NO_WAY_THROUGH = frozenset(
    {
        Cause.CONNECT_FAILED,
        Cause.CONNECT_TIMEOUT,
        Cause.PROXY,
        Cause.NINJATRADER_OFFLINE,
        Cause.NO_ANSWER,
        Cause.SERVER_FAILED,
        Cause.TOKEN_REFUSED,
    }
)

# Outcomes that are nothing but what reads showed.
_FROM_READS = frozenset(
    {
        Verdict.FLAT,
        Verdict.NOTHING_OPEN,
        Verdict.FLAT_ORDERS_NOT_CHECKED,
        Verdict.ORDERS_WORKING,
        Verdict.REVERSED,
        Verdict.REVERSE_WORKING,
        Verdict.REVERSE_MISMATCH,
        Verdict.REOPENED,
        Verdict.CANCELLED,
        Verdict.STILL_WORKING,
    }
)

_NEXT_STEPS = {
    Verdict.OVERFILLED: "The other side is open now. Flatten that instrument with Any side.",
    Verdict.CLOSED_MORE_THAN_ASKED: "Look in NinjaTrader at what was closed outside the scope.",
    Verdict.STILL_OPEN: "Flatten again, or in NinjaTrader.",
    Verdict.UNKNOWN: "It may have acted. Look in NinjaTrader before anything else.",
    Verdict.NOT_PROVED: "Look in NinjaTrader.",
    Verdict.CANNOT_TELL: "Look in NinjaTrader.",
    Verdict.ORDERS_WORKING: "These orders can open a position again.",
    Verdict.FLAT_ORDERS_NOT_CHECKED: "An order that was not checked can open a position again.",
    Verdict.REOPENED: "Something opened it again: a strategy, an alert, or an order that rested.",
    Verdict.STILL_WORKING: "Cancel again, or in NinjaTrader.",
    Verdict.REFUSED: "Put right what it names, then press again.",
    Verdict.NOT_SENT: "Nothing left this computer. It is safe to press again.",
    Verdict.REVERSE_MISMATCH: "Look in NinjaTrader. FLATTEN closes what is open.",
    Verdict.REVERSE_WORKING: "The old side is closed. The entry order waits for its price.",
}


_AFTER_A_REFUSAL = {
    Cause.TOKEN_REFUSED: "Enter the token again, then press again.",
    Cause.NO_POSITION: "Look in NinjaTrader whether it is flat.",
    Cause.ORDER_GONE: "Look in NinjaTrader which orders work.",
    Cause.OVER_BUDGET: "Wait a few seconds, then press again.",
    Cause.WRONG_PATH: "Look at the server's address in the settings.",
    Cause.REDIRECTED: "Look at the server's address in the settings.",
}


def side_word(side: Side | None) -> str:
    """A side as the platform spells it."""
    if side is None:
        return "Unreadable"
    return "Long" if side is Side.LONG else "Short"


def verdict_word(verdict: Verdict) -> str:
    """An outcome as the trader reads it."""
    return _VERDICTS[verdict]


def holder(*, is_practice: bool) -> str:
    """Who says so."""
    return "per the practice exchange" if is_practice else "per NinjaTrader"


def position_text(row: Position) -> str:
    """`Short 2 MES 12-25`."""
    quantity = "?" if row.quantity is None else str(row.quantity)
    return f"{side_word(row.side)} {quantity} {row.instrument or 'unreadable instrument'}"


def order_text(order: Order) -> str:
    """`Buy 2 MES 12-25 Stop Market (Working)`."""
    return f"{_order_itself(order)} ({order.state or 'state unreadable'})"


def _order_itself(order: Order) -> str:
    """`Buy 2 MES 12-25 Stop Market`."""
    parts = [
        order.action,
        None if order.quantity is None else str(order.quantity),
        order.instrument or "unreadable instrument",
        order.order_type,
    ]
    return " ".join(part for part in parts if part)


def scope_text(scope: Scope) -> str:
    """`Sim101 · MES 12-25 · Short`; a part that is left open is left out."""
    match scope:
        case OneAccount(account=account):
            first = account
        case EveryAccount():
            first = ALL_ACCOUNTS
    parts = [first, scope.instrument, None if scope.side is None else side_word(scope.side)]
    return " · ".join(part for part in parts if part is not None)


def count(number: int, noun: str) -> str:
    """`1 position`, `2 positions`, `2 presses`."""
    return f"{number} {noun if number == 1 else plural(noun)}"


def plural(noun: str) -> str:
    """`positions`, `presses`."""
    return f"{noun}es" if noun.casefold().endswith(("s", "x", "sh", "ch")) else f"{noun}s"


def amount(value: Decimal | None) -> str:
    """An amount of money with its sign: `+612.50`, `−62.50`."""
    if value is None:
        return "–"
    sign = "−" if value < 0 else "+" if value > 0 else ""
    return f"{sign}{abs(value):,.2f}"


def money(value: Decimal | None) -> str:
    """As `amount`, with the currency: `+$612.50`."""
    text = amount(value)
    return text if text == "–" else f"{text[0]}${text[1:]}" if text[0] in "+−" else f"${text}"


def price(value: Decimal | None) -> str:
    """A price in plain notation, as the API gave it."""
    return "–" if value is None else f"{value:f}"


def duration(seconds: float) -> str:
    """`<1 ms`, `2 ms`, `1.4 s`, `12 s`, `3 min`."""
    if seconds * 1000 < 1:
        return "<1 ms"
    if round(seconds * 1000) < _A_SECOND_MS:
        return f"{seconds * 1000:.0f} ms"
    if round(seconds, 1) < _TENTHS_BELOW_S:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < _MINUTES_FROM_S else f"{seconds / 60:.0f} min"


def age(seconds: float) -> str:
    """How old something is: `0.4 s`, `12 s`, `3 min`."""
    return f"{seconds:.1f} s" if seconds < _TENTHS_BELOW_S else duration(seconds)


def clock_time(at: datetime) -> str:
    """Local time with milliseconds: `14:31:07.412`."""
    local = at.astimezone()
    return f"{local:%H:%M:%S}.{local.microsecond // 1000:03d}"


def reason_sentence(reason: Reason, *, is_practice: bool = False) -> str:
    """Why, in plain words, with the server's own words behind."""
    sentence = cause_words(reason.cause, is_practice=is_practice)
    return f"{sentence}: “{reason.said}”" if reason.said else sentence


def cause_words(cause: Cause, *, is_practice: bool = False) -> str:
    """Why, without the server's words; in practice nobody real is blamed."""
    words = _CAUSES[cause]
    if is_practice:
        words = words.replace("CrossTrade", "the practice exchange").replace("NinjaTrader", "its NinjaTrader")
    return words


def timings_text(timings: Timings) -> str:
    """`sent 2 ms · answered 38 ms · proved 1.4 s`."""
    steps = (
        ("sent", timings.sent_s),
        ("delivered", timings.delivered_s),
        ("answered", timings.answered_s),
        ("proved", timings.proved_s),
    )
    return " · ".join(f"{word} {duration(seconds)}" for word, seconds in steps if seconds is not None)


def ticket_text(ticket: ReverseTicket) -> str:
    """`BUY 2 MES 12-25 · Market · Day`, with prices where there are any."""
    parts = [
        f"{ticket.action.value.upper()} {ticket.quantity} {ticket.instrument}",
        order_type_word(ticket.order_type),
        None if ticket.limit_price is None else f"limit {price(ticket.limit_price)}",
        None if ticket.stop_price is None else f"stop {price(ticket.stop_price)}",
        time_in_force_word(ticket.time_in_force),
        None if ticket.oco_id is None else f"OCO {ticket.oco_id}",
        None if ticket.strategy is None else f"ATM {ticket.strategy}",
    ]
    return " · ".join(part for part in parts if part is not None)


def order_type_word(order_type: OrderType) -> str:
    """`Stop market`."""
    return order_type.value.replace("-", " ").capitalize()


def time_in_force_word(time_in_force: TimeInForce) -> str:
    """`Day`, `GTC`."""
    return "GTC" if time_in_force is TimeInForce.GTC else "Day"


# --- outcomes ---


def outcome_title(outcome: Outcome) -> str:
    """`FLAT 14:31:07.412 · Sim101 · MES 12-25`; found late: `FLAT (late, 31 s) 14:31:38.004 · Sim101`."""
    word = verdict_word(outcome.verdict)
    if outcome.late_s is not None:
        word = f"{word} (late, {duration(outcome.late_s)})"
    return f"{word} {clock_time(outcome.at)}{_of_scope(outcome)}"


def was_flat_title(outcome: Outcome) -> str:
    """`was flat 14:31:07 — not read since · Sim101`: a statement about a moment, and nothing newer."""
    was = "nothing was open" if outcome.verdict is Verdict.NOTHING_OPEN else "was flat"
    return f"{was} {_to_the_second(outcome.at)} — not read since{_of_scope(outcome)}"


def opened_again_title(outcome: Outcome, rows: Sequence[Position], since: datetime) -> str:
    """`was flat 14:31:07 · Long 2 MES 12-25 since 14:51 · Sim101`: later, and said quietly."""
    opened = f"{_positions(rows)} since {_to_the_second(since)[:5]}"
    return f"was flat {_to_the_second(outcome.at)} · {opened}{_of_scope(outcome)}"


def _of_scope(outcome: Outcome) -> str:
    return "" if outcome.scope is None else f" · {scope_text(outcome.scope)}"


def _to_the_second(at: datetime) -> str:
    return clock_time(at)[:8]


def outcome_lines(
    outcome: Outcome, *, is_practice: bool, are_orders_named: bool = False, doubt: Reason | None = None
) -> tuple[str, ...]:
    """What else is known: by whom, why, per account, what to do next, and the times.

    `are_orders_named`: the orders of a single account stand beside it already. `doubt`: why the press itself
    had no usable answer, however the reads settled it.
    """
    lines = [_authority(outcome, is_practice=is_practice)]
    if outcome.flat_at is not None and outcome.verdict is Verdict.REOPENED:
        lines.append(f"was flat {clock_time(outcome.flat_at)}")
    if outcome.reason is not None:
        lines.append(_sentence(reason_sentence(outcome.reason, is_practice=is_practice)))
    if doubt is not None and (outcome.reason is None or outcome.reason.cause is not doubt.cause):
        lines.append(without_answer(doubt, is_practice=is_practice))
    if outcome.warning:
        lines.append(f"Warning: “{outcome.warning}”")
    if outcome.ticket is not None:
        lines.append(_reverse_line(outcome, outcome.ticket))
    lines.extend(_fate_lines(outcome, is_practice=is_practice, are_orders_named=are_orders_named))
    if outcome.verdict is Verdict.CLOSED_MORE_THAN_ASKED:
        lines.append(_closed_outside(outcome))
    if outcome.verdict is Verdict.REFUSED:
        lines.append(_refused_line(outcome, is_practice=is_practice))
    lines.append(_next_step(outcome))
    why = outcome.reason or (doubt if outcome.verdict.is_loud else None)
    if why is not None and why.cause in _NO_WAY_THROUGH and not is_practice:
        lines.append(FALLBACK)
    lines.append(timings_text(outcome.timings))
    return tuple(line for line in lines if line)


def without_answer(doubt: Reason, *, is_practice: bool) -> str:
    """Why the press had no usable answer; all else that is told of it comes from the reads."""
    return f"{_sentence(cause_words(doubt.cause, is_practice=is_practice))}; the reads show this"


def working_in_scope(orders: Sequence[Order], scope: Scope) -> str:
    """`1 order working in scope: Buy 1 YM 12-25 Limit`: beside a flat, which speaks of other pairs."""
    is_wide = isinstance(scope, EveryAccount)
    first = [
        f"{_order_itself(order)} in {order.account}" if is_wide else _order_itself(order)
        for order in orders[:_MOST_NAMED]
    ]
    return f"{count(len(orders), 'order')} working in scope: {_first_of(first, len(orders))}"


def _closed_outside(outcome: Outcome) -> str:
    """What the answer reports as closed though the scope leaves it out."""
    scope = outcome.scope
    found = [
        f"{position_text(row)} in {row.account or 'an unreadable account'}"
        for row in outcome.closed_positions
        if scope is not None and is_outside(scope, row.account, row.instrument, row.side)
    ]
    return f"Reported closed outside the scope: {named(found)}" if found else ""


def _next_step(outcome: Outcome) -> str:
    """What to do now. "Safe to press again" only where no other press is in flight and all was as read."""
    cause = None if outcome.reason is None else outcome.reason.cause
    if outcome.verdict is Verdict.REFUSED and _names_nothing(outcome.reason):
        return "It does not say what is wrong. Check account and instrument, then press again."
    if outcome.verdict is Verdict.REFUSED and cause in _AFTER_A_REFUSAL:
        return _AFTER_A_REFUSAL[cause]
    if outcome.verdict is Verdict.NOT_SENT and cause is Cause.LOCKED:
        return "This press sent nothing. Wait for the outcome of the other one."
    if outcome.verdict is Verdict.NOT_SENT and cause is Cause.NOT_AS_READ:
        return "This press sent nothing. Look at the position first."
    return _NEXT_STEPS.get(outcome.verdict, "")


def _names_nothing(reason: Reason | None) -> bool:
    """A "no" that fits anything: so the API answers an account or an instrument that it does not know."""
    if reason is None or reason.cause is not Cause.SERVER_SAID_NO:
        return False
    return reason.said.strip(" .").casefold() in {"", "invalid request", "bad request"}


def _authority(outcome: Outcome, *, is_practice: bool) -> str:
    """Who says so, how far the orders were checked, and what is open elsewhere."""
    if not was_read(outcome):
        return ""
    parts = [holder(is_practice=is_practice)]
    checked, needed = outcome.orders_checked
    if needed:
        parts.append(f"orders checked {checked} of {needed}")
    if outcome.elsewhere_open:
        parts.append(f"elsewhere {outcome.elsewhere_open} open")
    return " · ".join(parts)


def was_read(outcome: Outcome) -> bool:
    """Whether anything in the outcome comes from a read made after the press."""
    return (
        outcome.verdict in _FROM_READS
        or outcome.elsewhere_open is not None
        or any(fate.still_open or fate.working_orders for fate in outcome.fates)
    )


def _refused_line(outcome: Outcome, *, is_practice: bool) -> str:
    """What the read after a refusal showed, or that none says it."""
    if any(fate.still_open for fate in outcome.fates):
        return ""  # told row by row
    if was_read(outcome):
        return shows_text((), is_practice=is_practice)
    return "No read since says whether anything is open"


def _reverse_line(outcome: Outcome, ticket: ReverseTicket) -> str:
    expected = f"{side_word(ticket.entering)} {ticket.quantity} {ticket.instrument}"
    if outcome.verdict is Verdict.REVERSED:
        return f"{expected} as of {_to_the_second(outcome.at)}"
    found = [position_text(row) for fate in outcome.fates for row in fate.still_open]
    if outcome.verdict is Verdict.REVERSE_MISMATCH:
        return f"expected {expected}, found {', '.join(found) or 'flat'}"
    return f"expected {expected}"


def _fate_lines(outcome: Outcome, *, is_practice: bool, are_orders_named: bool = False) -> list[str]:
    """One line for a single account's facts; for many: how many are well, and each that is not."""
    if outcome.ticket is not None and outcome.verdict in {Verdict.REVERSED, Verdict.REVERSE_MISMATCH}:
        return []
    if outcome.cancel is not None:
        return _cancel_lines(outcome, is_practice=is_practice)
    if len(outcome.fates) == 1:
        fate = outcome.fates[0]
        return _facts_of(fate, is_practice=is_practice, are_orders_named=are_orders_named)
    well = [fate for fate in outcome.fates if fate.verdict in {Verdict.FLAT, Verdict.NOTHING_OPEN}]
    away = [
        fate for fate in outcome.fates if fate.reason is not None and fate.reason.cause is Cause.NOT_CONNECTED
    ]
    parts = []
    told = len(outcome.fates) - len(away)
    if well:
        parts.append(f"{len(well)} flat of {told} connected" if away else f"{len(well)} flat")
    if away:
        parts.append(f"{len(away)} not connected, cannot tell: {_accounts(fate.account for fate in away)}")
    lines = [" · ".join(parts)] if parts else []
    alike: dict[str, list[str]] = {}
    for fate in outcome.fates:
        facts = _facts_of(fate, is_practice=is_practice)
        if facts and fate not in well:  # each for itself, however many: there is something to do in it
            lines.append(f"{fate.account}: {'; '.join(facts)}")
        elif fate not in well and fate not in away:
            why = "" if fate.reason is None else cause_words(fate.reason.cause, is_practice=is_practice)
            alike.setdefault(why or verdict_word(fate.verdict), []).append(fate.account)
    return [*lines, *(f"{_accounts(names)}: {words}" for words, names in alike.items())]


def _accounts(names: Iterable[str]) -> str:
    """More of them than of other things: which account it is decides what to do."""
    every = list(names)
    return _first_of(every[:_MOST_ACCOUNTS], len(every))


def _cancel_lines(outcome: Outcome, *, is_practice: bool) -> list[str]:
    """Every order that was to be cancelled, with what became of it."""
    lines: list[str] = []
    for fate in outcome.fates:
        head = f"{fate.account}: " if len(outcome.fates) > 1 else ""
        why = "" if fate.reason is None else f" — {cause_words(fate.reason.cause, is_practice=is_practice)}"
        lines.extend(f"{head}{order_text(order)}: still works" for order in fate.working_orders)
        # Without the state, which was read before.
        lines.extend(f"{head}{_order_itself(order)}: works no more" for order in fate.ended_orders)
        if why and len(outcome.fates) > 1:
            lines.append(f"{head}{verdict_word(fate.verdict)}{why}")
    return lines


def _facts_of(fate: Fate, *, is_practice: bool, are_orders_named: bool = False) -> list[str]:
    shower = "the practice exchange" if is_practice else "NinjaTrader"
    lines = []
    if fate.still_open:
        lines.append(f"{shower} shows {_positions(fate.still_open)}")
    if fate.working_orders:
        working = f"{count(len(fate.working_orders), 'order')} working"
        orders = named(order_text(order) for order in fate.working_orders)
        lines.append(working if are_orders_named else f"{working}: {orders}")
    return lines


def named(texts: Iterable[str]) -> str:
    """The first few, and how many more."""
    every = list(texts)
    return _first_of(every[:_MOST_NAMED], len(every))


def _first_of(first: Sequence[str], number: int) -> str:
    rest = number - len(first)
    return ", ".join(first) + (f" and {rest} more" if rest > 0 else "")


def _positions(rows: Sequence[Position]) -> str:
    """As `named`; of thousands, only what is named is put into words."""
    return _first_of([position_text(row) for row in rows[:_MOST_NAMED]], len(rows))


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def as_sentence(text: str) -> str:
    """A reason as a sentence of its own, as `The keyring is locked`."""
    return _sentence(text)


# --- a press on its way ---


def sending_title(scope: Scope, ticket: ReverseTicket | None, cancel: ListedOrders | None = None) -> str:
    """While the request is out and unanswered."""
    if ticket is not None:
        return f"REVERSE sent · {ticket.account} · {ticket_text(ticket)}"
    what = FLATTEN if cancel is None else cancel_title(len(cancel.orders))
    return f"{what} sent · {scope_text(scope)}"


def repeating_title(scope: Scope) -> str:
    """The API was too busy for a flatten; nothing was done, and it goes out again."""
    return f"Too many requests, trying again · {scope_text(scope)}"


def delivered_text(delivered_s: float) -> str:
    """`delivered 21 ms`: the request reached the other end; nothing is known of what it did."""
    return f"delivered {duration(delivered_s)}"


def verifying_title(scope: Scope, ticket: ReverseTicket | None) -> str:
    """After the answer, before the proof."""
    what = scope_text(scope) if ticket is None else f"{ticket.account} · {ticket.instrument}"
    return f"Answered, checking · {what}"


def checking_title(scope: Scope, ticket: ReverseTicket | None) -> str:
    """No usable answer; state is being read."""
    what = scope_text(scope) if ticket is None else f"{ticket.account} · {ticket.instrument}"
    return f"No usable answer, checking · {what}"


def shows_text(rows: Sequence[Position], *, is_practice: bool, is_one_of_many: bool = False) -> str:
    """What one read showed, the last one of many perhaps; no proof."""
    shower = "the practice exchange" if is_practice else "NinjaTrader"
    which = "last read" if is_one_of_many else "one read"
    return f"{shower} shows {_positions(rows) or 'nothing open'} ({which})"


SHOWS_NOT_TOLD = "The last read does not tell what is open"


def no_answer_yet(rows: Sequence[Position] | None, *, is_practice: bool, is_one_of_many: bool = False) -> str:
    """A second after sending without an answer."""
    if rows is None:
        return "no answer yet"
    return f"no answer yet — {shows_text(rows, is_practice=is_practice, is_one_of_many=is_one_of_many)}"


# --- the buttons ---

FLATTEN = "FLATTEN"
FLATTEN_AGAIN = "FLATTEN AGAIN"
REVERSE = "REVERSE"
FIRST_MAY_STILL_ACT = "the first may still act"
FIRST_NOT_SEEN = "the first is not acknowledged"
"""It was proved flat, and what came after it is still to be looked at."""
OVERLAPS = "overlaps a press in flight"
REVERSE_MAY_ENTER = "a reverse may still place its entry"
LOCKED = "press in flight — wait for its answer"
LOCKED_UNREAD = "press in flight — wait for one read"
LOCKED_A_MOMENT = "pressed just now — wait a moment"
NO_TOKEN = "NO TOKEN"  # noqa: S105 - words, not a token
NO_TOKEN_YET = "looking for the token…"  # noqa: S105 - words, not a token
BUTTON_CHANGED = "not sent — the button had changed: look, and press again"
NOT_CONNECTED = "NOT CONNECTED — press to try anyway"
STOP = "STOP"
STOP_LINE = "stop trying again"


def closes_text(
    positions: Sequence[Position] | None, scope: Scope, cancels: int | None = None, leaves: int | None = None
) -> str:
    """What FLATTEN will do, as far as the last reads know.

    `cancels`: working orders on the pairs that have a position; None where they are not all read. `leaves`:
    working orders in scope on pairs without one.
    """
    if positions is None:
        return "not read yet — closes whatever is there"
    rest = f" · leaves {count(leaves, 'order')} working" if leaves else ""
    if not positions:
        return f"nothing open in the last read{rest}"
    what = count(len(positions), "position")
    accounts = {row.account for row in positions}
    if isinstance(scope, EveryAccount) and len(accounts) > 1:
        what = f"{what} in {len(accounts)} accounts"
    if scope.side is not None:
        return f"closes {what} · orders may remain"
    if cancels is not None:
        return f"closes {what}, cancels {count(cancels, 'order')}{rest}"
    whose = "its" if len(positions) == 1 else "their"
    return f"closes {what} and {whose} orders (not\u00a0checked){rest}"


def cancel_title(number: int) -> str:
    """`CANCEL 2 ORDERS`."""
    return f"CANCEL {count(number, 'ORDER').upper()}"


NO_STOP = "no stop"
"""The orders of the account were read, and none protects the position."""


def order_what(order: Order) -> str:
    """`Sell 2 Stop Market`, in a row of its own."""
    parts = [order.action, None if order.quantity is None else str(order.quantity), order.order_type]
    return " ".join(part for part in parts if part) or "order"


_BRIEF_WORDS = tuple(
    (re.compile(pattern, re.IGNORECASE), brief)
    for pattern, brief in (
        (r"^buy ?to ?cover\b", "Buy"),
        (r"^sell ?short\b", "Sell"),
        (r"\bstop ?limit$", "STP LMT"),
        (r"\bstop( ?market)?$", "STP"),
        (r"\blimit$", "LMT"),
        (r"\bmarket$", "MKT"),
    )
)


@lru_cache(maxsize=512)
def order_brief(what: str) -> str:
    """`Sell 2 STP` for `Sell 2 Stop Market`: what a chart trader calls it; other words stay as they are."""
    for pattern, brief in _BRIEF_WORDS:
        what = pattern.sub(brief, what)
    return what


def order_price(order: Order) -> str:
    """At which prices it rests: `5760.25`, `5760.25 / 5761.00` for stop and limit."""
    prices = [price(each) for each in (order.stop_price, order.limit_price) if each]
    return " / ".join(prices) or "–"


POSITIONS_NOT_TOLD = "the last read does not tell what is open — closes whatever is there"


def hold_line(seconds: float) -> str:
    """How long a button has to be held: `hold 0.7 s`."""
    return f"hold {seconds:.1f} s"


def positions_unknown(age_s: float | None) -> str:
    """The reads fail, but the link may still carry a press."""
    return "POSITIONS UNKNOWN" if age_s is None else f"POSITIONS UNKNOWN (read {age(age_s)} ago)"


def reverse_one_of(positions: int) -> str:
    """REVERSE leaves one position, and several are in scope."""
    return f"{count(positions, 'position')} in scope — choose one"


def hold_to(title: str) -> str:
    """A button that is held."""
    return f"hold to {title}"


def reverse_text(ticket: ReverseTicket, held: int) -> str:
    """`Short 2 → BUY 2 MES 12-25 · Market · Day`."""
    return f"{side_word(ticket.leaving)} {held} → {ticket_text(ticket)}"


REVERSE_NEEDS_ONE = "choose one account and one instrument"
REVERSE_NEEDS_POSITION = "nothing open to reverse"
REVERSE_NOT_TOLD = "the last read does not tell what is open"
REVERSE_NEEDS_READ = "needs a read of the positions first"
REVERSE_OTHER_SIDE = "the position is on the other side"
REVERSE_ALIAS = "choose the exact contract month"
REVERSE_LOCKED = "wait — a press may still act here"
REVERSE_CHECKING = "reading the position…"


def reverse_changed(now: str) -> str:
    """The fresh read showed something else; nothing was sent."""
    return f"not sent — the position changed: {now}"


REVERSE_NOT_SENT = "not sent"
REVERSE_HELD_TOO_LONG = "not sent — more than 3 s went by; press again"
REVERSE_READ_FAILED = "not sent — the position could not be read"
REVERSE_READ_SLOW = "not sent — the read took too long"
LET_GO = "let go too early — nothing was sent"
CANCELLED_GESTURE = "cancelled — nothing was sent"
REVERSE_OVERTAKEN = "not sent — a flatten of this position came first"


# --- scope, preview, status ---


def preview_summary(rows: Sequence[Position], total: Decimal | None, age_s: float, orders: int = 0) -> str:
    """`In scope — 1 position, 2 orders, +$612.50 · read 0.4 s ago`."""
    what = count(len(rows), "position") if rows else "nothing open"
    if orders:
        what = f"{what}, {count(orders, 'order')}"
    profit = f", {money(total)}" if rows and total is not None else ""
    return f"In scope — {what}{profit} · read {age(age_s)} ago"


PREVIEW_UNREAD = "In scope — not read yet"
PREVIEW_NOT_TOLD = "In scope — the last read does not tell all"
PREVIEW_HINT_UNREAD = "Positions show here after the first read"
PREVIEW_HINT_NONE = "No open positions"
PREVIEW_HINT_WAS_NONE = "No open positions in the last read"
PREVIEW_HINT_NOT_TOLD = "What is open here cannot be told"


def leaves_text(rows: Sequence[Position]) -> str:
    """What the side filter leaves out."""
    return f"leaves {_positions(rows)} open — Any side?"


def link_text(round_trip_s: float) -> str:
    """`REST 38 ms`."""
    return f"REST {duration(round_trip_s)}"


def stream_text(round_trip_s: float | None) -> str:
    """`Stream 31 ms`."""
    return "Stream" if round_trip_s is None else f"Stream {duration(round_trip_s)}"


STREAM_CONNECTING = "stream: connecting — presses go over REST"
STREAM_TAKEN_OVER = "stream taken over by another tool — presses go over REST"
STREAM_REFUSED = "stream refused — presses go over REST"
STREAM_WAITING = "stream lost — presses go over REST until it is back"


CONNECTING = "connecting…"
LINK_NO_TOKEN = "No token"  # noqa: S105 - words, not a token
NINJATRADER_AWAY = "NinjaTrader not connected"


def offline_text(since_s: float) -> str:
    """`Offline 12 s`."""
    return f"Offline {duration(since_s)}"


TOKEN_REFUSED = "CrossTrade did not accept the token; enter it again"  # noqa: S105 - words, not a token


def wrong_entry(fault: str) -> str:
    """What was entered is no token; it is never shown. `fault` is the value of a TokenFault."""
    what = {
        "empty": "it is empty",
        "too_long": "it has more characters than a token has",
        "space_inside": "there is a space inside it",
        "not_ascii": "it has characters that no token has",
        "not_printable": "it has characters that cannot be seen",
    }[fault]
    return f"that is no token: {what}"


def no_token_here(origin: str, store: str | None, *, environment_ignored: bool) -> str:
    """Why the window asks for a token. `store` is the value of a StoreProblem, None where it has none."""
    if environment_ignored:
        return f"the token in the environment is not used for {origin}, which only the settings name"
    if store is None:
        return ""
    return {
        "none_here": "this system has no keyring",
        "not_private": "no keyring here keeps secrets",
        "locked": "the keyring is locked",
        "timed_out": "the keyring did not answer",
        "failed": "the keyring failed",
    }[store]


def token_untested(server: str, cause: Cause, *, keeps_token: bool) -> str:
    """A token that was pasted while no read with it is answered. `keeps_token`: there is a keyring for it."""
    if cause in {Cause.CONNECT_FAILED, Cause.CONNECT_TIMEOUT, Cause.NO_LINK}:
        why = f"{server} cannot be reached"
    elif cause in {Cause.NO_ANSWER, Cause.CONNECTION_LOST}:
        why = f"{server} does not answer"
    else:
        why = f"{server}: {cause_words(cause)}"
    return f"token not tested yet: {why}{' — it is kept once a read is answered' if keeps_token else ''}"


def no_read_text(age_s: float) -> str:
    """No read has failed, but none has come for a while either."""
    return f"no read for {duration(age_s)}"


def budget_text(level: float) -> str:
    """Our estimate: other tools share the budget."""
    return f"budget ~{max(0, int(level))}"


def alias_several(typed: str, found: Sequence[str]) -> str:
    """A typed name that may mean several open contracts."""
    return f"{typed} may be {named(found)} — pick one"


def alias_none(typed: str) -> str:
    """A typed name that no open position carries; it was not taken."""
    return f"no open position matches {typed}; the choice is unchanged"


def journal_off(problem: str) -> str:
    """Presses go out all the same."""
    return f"journal off: {problem}"


NOT_LISTED_NOW = "not listed now"


def account_gone(name: str) -> str:
    """A chosen account that the API lists no more."""
    return f"{name} is not listed now; FLATTEN is still sent for it"


def unresolved_at_close(number: int) -> str:
    """The first attempt to close the window with something open to decide."""
    return f"{count(number, 'press')} unresolved — close again to leave"


SHOW_PANEL = "Show the panel"
QUIT = "Quit"
TRAY_LOUD = "Look at the panel: a press needs your eye"
TRAY_TIPS = {
    "idle": "CrossTrade Panel",
    "open": "CrossTrade Panel — positions open",
    "in flight": "CrossTrade Panel — a press is on its way",
    "loud": f"CrossTrade Panel — {TRAY_LOUD[0].lower()}{TRAY_LOUD[1:]}",
}
"""What the tray icon says, by the value of its state."""

PANEL_RUNS = "A panel is running already; it was brought to the front."
PANEL_SILENT = "A panel is already running and does not answer."
PANEL_SILENT_MORE = (
    "It may be stuck. What it sent may still act. Another panel sends presses of its own, over connections"
    " of its own; both write the same journal."
)
START_ANOTHER = "START ANOTHER"
ON_WAYLAND = "Wayland without XWayland: the window cannot stay on top by itself, nor return to its place"
ANOTHER_PROCESS = "from another process"
NO_OUTCOME_YET = "no outcome in the journal yet"


def told_by_that_process(at: datetime) -> str:
    """Whose word the rest of a card is, and of when."""
    return f"As that process told it at {clock_time(at)}"


def elsewhere_title(title: str) -> str:
    """The title of a press that another process made."""
    return f"{title} · {ANOTHER_PROCESS}"


def not_at_login(why: str) -> str:
    """The desktop was not told to start the panel at login, or no longer to."""
    return f"start at login could not be changed: {why}"


def hot_key_note(combination: str, problem: str | None) -> str:
    """What the key of the whole desktop does, or why there is none: "taken", "refused", "not here"."""
    match problem:
        case None:
            if combination == "off":
                return ""
            return (
                f"{combination} presses FLATTEN from any program, at once, for the scope on the button; only "
                "while that is one account and asks for a click. What asks to be held, it does not press."
            )
        case "taken":
            return f"Another program has {combination}: it does nothing here. Choose another one."
        case "refused":
            return f"Windows did not give {combination}: it does nothing here."
        case _:
            return "This system has no such key."


HOT_KEY_HOLDS = "The hot key presses what asks for a click. This asks to be held: nothing was sent."
NO_NEIGHBOUR = "No window of NinjaTrader is to be seen on this desktop."


def interrupted(scope_words: str) -> str:
    """A press of an earlier run that never got its outcome."""
    return f"{scope_words}: the program ended before its outcome was known"


NO_OUTCOME = "no outcome"


# --- the journal ---

_MOST_DETAIL = 4000
JOURNAL_UNREADABLE = "the journal could not be read"
EXPORT_RUNNING = "exporting…"
LIST_COLUMNS = (
    "time (UTC)", "time (local)", "action", "account", "instrument", "side", "outcome", "acknowledged",
    "press", "server",
)  # fmt: skip
PRACTICE_SERVER = "practice"
TIMELINE_COLUMNS = ("seconds after the press", "time (UTC)", "time (local)", "step", "what", "detail")
_WAYS = {"rest": "REST", "stream": "the stream"}
_SOURCES = {
    "positions": "positions",
    "snapshot": "accounts and positions",
    "accounts": "accounts",
    "orders": "orders",
}


def journal_time(full: str, today: date) -> str:
    """`14:31:07` of a full time; with the day in front where that is another one: `11-20 14:31`."""
    if full.startswith(today.isoformat()):
        return full[11:19]
    return full[5:16] if full.startswith(f"{today.year:04}") else full[:10]


def full_time(at: datetime) -> str:
    """`2026-11-20 14:31:07.412`, local."""
    return at.astimezone().isoformat(" ", "milliseconds")[:23]


def press_words(
    action: str,
    account: str | None,
    instrument: str | None,
    side: str | None,
    *,
    is_practice: bool = False,
) -> str:
    """`FLATTEN Sim101 · MES 12-25 · Short · practice`, from what the journal holds."""
    kept = side.capitalize() if side in {"long", "short"} and action == "flatten" else None
    parts = [account or ALL_ACCOUNTS, instrument, kept, PRACTICE_SERVER if is_practice else None]
    return f"{action.upper()} {' · '.join(_plain(part) for part in parts if part)}".strip()


def listed_verdict(verdict: str | None) -> str:
    """The outcome of a press in the list; one that another version wrote is shown as it is spelled."""
    if verdict is None:
        return NO_OUTCOME
    try:
        return verdict_word(Verdict(verdict))
    except ValueError:
        return _plain(verdict)


def verdicts_meant(text: str) -> tuple[str, ...]:
    """The outcomes whose words contain a text that is searched for."""
    wanted = text.strip().casefold()
    return tuple(each.value for each in Verdict if wanted and wanted in verdict_word(each).casefold())


def journal_count(shown: int, total: int | None) -> str:
    """`12 presses`, `200 of 100,000 presses`."""
    if total is None or total <= shown:
        return f"{shown:,} {'press' if shown == 1 else plural('press')}"
    return f"{shown:,} of {total:,} {plural('press')}"


def journal_first(shown: int, *, is_newest: bool = True) -> str:
    """`the latest 200 presses`, in another order `the first 200`: nobody counted the others yet."""
    return f"the {'latest' if is_newest else 'first'} {shown:,} presses"


def day_words(day: date, today: date) -> str:
    """`2026-11-20`, and what today is."""
    return f"{day.isoformat()} (today)" if day == today else day.isoformat()


def exported(name: str, rows: int) -> str:
    """A file was written."""
    return f"exported {rows:,} {'row' if rows == 1 else 'rows'} to {name}"


def not_exported(why: str) -> str:
    """A file was not written."""
    return f"not exported: {why}"


def after_text(seconds: float) -> str:
    """Seconds since the press: `+0.038 s`; empty where nobody knows."""
    return "" if seconds != seconds else f"+{max(0.0, seconds):,.3f} s"  # noqa: PLR0124 - not a number


def step_words(kind: EntryKind, facts: Mapping[str, Fact]) -> tuple[str, str]:
    """One step of a press as the journal holds it: in a few words, and everything about it.

    Facts come from a file: whatever does not fit is shown as it is, or not at all.
    """
    match kind:
        case EntryKind.INTENT:
            found = _intent_words(facts)
        case EntryKind.ATTEMPT:
            way = _WAYS.get(_word(facts.get("way")), _word(facts.get("way")))
            found = (f"attempt {_word(facts.get('number'))} over {way}", _request_words(facts))
        case EntryKind.ANSWER:
            found = _answer_words(facts)
        case EntryKind.READ:
            found = _read_words(facts)
        case EntryKind.NOTE:
            found = (_word(facts.get("text")) or "note", "" if "text" in facts else _rest(facts))
        case EntryKind.OUTCOME:
            found = _outcome_words(facts)
        case EntryKind.ACKNOWLEDGED:
            found = ("acknowledged", "")
    what, detail = found
    return _plain(what), _plain(detail)[:_MOST_DETAIL]


def _intent_words(facts: Mapping[str, Fact]) -> tuple[str, str]:
    names = [facts.get(key) for key in ("account", "instrument", "side")]
    account, instrument, side = (each if isinstance(each, str) else None for each in names)
    words = press_words(_word(facts.get("action")), account, instrument, side)
    order = [
        _word(facts.get(key)).upper() if key == "order_action" else _word(facts.get(key))
        for key in ("order_action", "quantity", "order_type", "limit_price", "stop_price", "time_in_force",
                    "oco_id", "strategy")
    ]  # fmt: skip
    practice = "practice exchange" if facts.get("practice") is True else ""
    orders = [_order_words(row) for row in _rows(facts.get("orders"))]
    parts = [" ".join(part for part in order if part), *orders, f"to {_word(facts.get('origin'))}", practice]
    return f"pressed: {words}", "; ".join(part for part in parts if part)


def _answer_words(facts: Mapping[str, Fact]) -> tuple[str, str]:
    result, about = _word(facts.get("result")), _request_words(facts)
    ids = [_word(each) for each in _list(facts.get("order_ids"))]
    closed = [_position_words(row) for row in _rows(facts.get("closed_positions"))]
    warning = _word(facts.get("warning"))
    reported = (
        f"order ids: {', '.join(ids)}" if ids else "",
        f"reported closed: {', '.join(closed)}" if closed else "",
        f"warning: “{warning}”" if warning else "",
    )
    if result == "accepted":
        head, parts = f"accepted, {count(len(ids), 'order id')}", [about, *reported]
        parts.append(_times(facts, ("sent_s", "answered_s")))
    else:
        head, parts = f"{result.replace('_', ' ')}: {_cause_of(facts)}", [about, _status(facts), *reported]
    return head, "; ".join(part for part in parts if part)


def _read_words(facts: Mapping[str, Fact]) -> tuple[str, str]:
    source = _word(facts.get("source"))
    name = _SOURCES.get(source, source)
    if facts.get("failed") is True:
        return f"read of {name} failed: {_cause_of(facts)}", _status(facts)
    if source == "accounts":
        rows = [_word(each) for each in _list(facts.get("accounts"))]
        shown = f"{count(len(rows), 'account')} listed"
    elif source == "orders":
        rows = [_order_words(row) for row in _rows(facts.get("working"))]
        name = f"orders of {_word(facts.get('account'))}"
        shown = f"{count(len(rows), 'order')} working" if rows else "none working"
    else:
        rows = [_position_words(row) for row in _rows(facts.get("positions"))]
        shown = named(rows) if rows else "nothing open"
    spoiled = [_word(each) for each in _list(facts.get("spoiled_accounts"))]
    parts = [
        ", ".join(rows),
        f"spoiled: {_word(facts.get('flaw'))}" if facts.get("flaw") else "",
        f"spoiled for {', '.join(spoiled)}" if spoiled else "",
        _times(facts, ("took_s",)),
    ]
    return f"read of {name}: {shown}", "; ".join(part for part in parts if part)


def _outcome_words(facts: Mapping[str, Fact]) -> tuple[str, str]:
    word = listed_verdict(_word(facts.get("verdict")))
    late = facts.get("late_s")
    if isinstance(late, int | float):
        word = f"{word} (late, {duration(late)})"
    fates = []
    for fate in _rows(facts.get("fates")):
        open_rows = [_position_words(row) for row in _rows(fate.get("still_open"))]
        working = [_order_words(row) for row in _rows(fate.get("working_orders"))]
        why = _cause_of(fate) if "cause" in fate else ""
        said = ", ".join(part for part in (*open_rows, *working, why) if part)
        verdict = listed_verdict(_word(fate.get("verdict")))
        fates.append(f"{_word(fate.get('account'))}: {verdict}{f' ({said})' if said else ''}")
    why = _cause_of(facts) if "cause" in facts else ""
    elsewhere = facts.get("elsewhere_open")
    parts = [
        why,
        *fates,
        f"elsewhere {elsewhere} open" if isinstance(elsewhere, int) else "",
        _times(facts, ("sent_s", "delivered_s", "answered_s", "proved_s")),
    ]
    return word, "; ".join(part for part in parts if part)


def _position_words(row: Mapping[str, Fact]) -> str:
    side = _word(row.get("side")).capitalize() or "Unreadable"
    quantity = _word(row.get("quantity")) or "?"
    return f"{side} {quantity} {_word(row.get('instrument')) or '?'} in {_word(row.get('account')) or '?'}"


def _order_words(row: Mapping[str, Fact]) -> str:
    keys = (
        "action",
        "quantity",
        "instrument",
        "order_type",
        "stop_price",
        "limit_price",
        "state",
        "order_id",
    )
    return " ".join(part for part in (_word(row.get(key)) for key in keys) if part)


def _request_words(facts: Mapping[str, Fact]) -> str:
    found = (_word(facts.get(key)) for key in ("account", "instrument", "order_id"))
    return " · ".join(part for part in found if part)


def _cause_of(facts: Mapping[str, Fact]) -> str:
    said = _word(facts.get("said"))
    try:
        words = cause_words(Cause(_word(facts.get("cause"))))
    except ValueError:  # written by another version
        words = _word(facts.get("cause")) or "no reason given"
    return f"{words}: “{said}”" if said else words


def _status(facts: Mapping[str, Fact]) -> str:
    status = facts.get("status")
    return f"code {status}" if isinstance(status, int) else ""


def _times(facts: Mapping[str, Fact], keys: Sequence[str]) -> str:
    found = [(key.removesuffix("_s"), facts.get(key)) for key in keys]
    return " · ".join(f"{word} {duration(each)}" for word, each in found if isinstance(each, int | float))


def _rest(facts: Mapping[str, Fact]) -> str:
    return ", ".join(f"{key}: {_word(value)}" for key, value in facts.items())


def _word(fact: Fact) -> str:
    return "" if fact is None else fact if isinstance(fact, str) else str(fact)


def _list(fact: Fact) -> list[Fact]:
    return fact if isinstance(fact, list) else []


def _rows(fact: Fact) -> list[dict[str, Fact]]:
    return [each for each in _list(fact) if isinstance(each, dict)]


def _plain(text: str) -> str:
    """Nothing that acts on the terminal or on the direction of writing, whoever put it into the file."""
    return text if text.isprintable() else "".join(each if each.isprintable() else " " for each in text)


# --- what is left when nothing else works ---


def web_question(address: str) -> str:
    """Before the browser is sent there."""
    return f"This opens {address}"


def web_refused(address: str) -> str:
    """An address that no browser is sent to."""
    return f"not opened: {address} does not begin with https://" if address else "there is no address yet"


# --- settings ---

AFTER_RESTART = "Holds after a restart."
TOKEN_TESTING = "Testing it by a read…"  # noqa: S105 - words, not a token
TOKEN_REMOVED = "Removed. This session goes on with it until the panel is closed."  # noqa: S105 - words
TOKEN_KEPT_NOW = "It works, and is kept and used from now on."  # noqa: S105 - words, not a token
TOKEN_KEPT_LATER = "It works, and is kept. It is used after a restart."  # noqa: S105 - words, not a token
TOKEN_NINJATRADER_AWAY = "CrossTrade took it, but NinjaTrader did not answer."  # noqa: S105 - words
TOKEN_SESSION_ONLY = "The keyring did not keep it: it serves until the panel is closed."  # noqa: S105 - words
TOKEN_NOT_REMOVED = "The keyring did not say that it removed it."  # noqa: S105 - words, not a token
TOKEN_NO_ADDRESS = "The address cannot be used; correct it first."  # noqa: S105 - words, not a token


def wrong_setting(detail: str) -> str:
    """Why a value was not taken; the setting is what it was."""
    return f"Not taken: it {detail}."


def wrong_server(detail: str) -> str:
    """Why an address was not taken; it is not repeated."""
    return f"Not taken: {detail}."


def setting_not_saved(detail: str) -> str:
    """It holds now, but not at the next start."""
    return f"Not saved ({detail}): it holds until the panel is closed."


def setting_saved_anew(name: str) -> str:
    """The file was broken: another one took its place, with this setting alone."""
    return f"Saved in a new file. The old one could not be read; it is {name} now."


SERVER_LOST = "The settings file may name a server and is not usable: enter the address, or mend the file."


def settings_lost(detail: str) -> str:
    """The file of the settings is of no use: all of them are as if it were not there."""
    return f"none of your settings holds: their file cannot be read ({detail})"


def token_failed(why: str) -> str:
    """A token that was tested and not kept."""
    return f"Not kept: {why}."


def token_state(place: str, origin: str) -> str:
    """Where the token of a server is. `place`: "store", "session", "environment" or ""."""
    where = {
        "store": "in this computer's keyring",
        "session": "for this session only",
        "environment": "from the environment",
    }
    if not origin:
        return "No address, no token."
    return f"There is one {where[place]}, for {origin}." if place in where else f"There is none for {origin}."


def other_server(origin: str) -> str:
    """The address is not the vendor's: whoever runs that server gets every press, and the token."""
    return (
        f"NOT CROSSTRADE'S OWN SERVER. After a restart every press goes to {origin}, with the token that is "
        "entered for it: whoever runs it can trade your accounts. It needs a token of its own."
    )


def server_named_elsewhere(who: str) -> str:
    """The address in the settings is not the one in use. `who`: "command" or "environment"."""
    place = "the command line" if who == "command" else "the environment"
    return f"{place} names the server of this session; the address here is not used."
