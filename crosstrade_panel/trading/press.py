"""One press, and the book of presses that decides what is locked."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import field
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

from crosstrade_panel.domain.cancel import ListedOrders
from crosstrade_panel.domain.names import fold
from crosstrade_panel.domain.outcome import Outcome, Reason, Verdict
from crosstrade_panel.domain.scope import OneAccount, Scope, is_within, overlap
from crosstrade_panel.domain.snapshot import Position
from crosstrade_panel.domain.ticket import ReverseTicket
from crosstrade_panel.domain.value import dataclass
from crosstrade_panel.trading.pace import Pace

if TYPE_CHECKING:
    from crosstrade_panel.trading.evidence import Proof


class Phase(Enum):
    """Where a press is."""

    SENDING = "sending"
    REPEATING = "repeating"
    """Answered "too many requests": it goes out again in a moment, unless it is stopped."""
    VERIFYING = "verifying"
    CHECKING = "checking"
    ENDED = "ended"


@dataclass(slots=True)
class Press:
    """One completed gesture and what has become of it so far. Times are monotonic seconds.

    `written` is done once the journal has the outcome, or cannot take it.
    `shows` is what the last read since the press listed in its scope: one read, not proof; None before
    the first.
    `attempted_at`: when the newest attempt was handed to its link.
    `read_since_answer`: a read answered that was sent after the answer, or after the sending without one.
    `cancel`: the orders that it cancels. `proof`: the reads since, judged; kept on while more may be told.
    `stop` ends the repeating. `opened_again`: what opened in it long after it was proved flat, and when.
    """

    id: str
    scope: Scope
    began_at: float
    began: datetime
    ticket: ReverseTicket | None = None
    cancel: ListedOrders | None = None
    phase: Phase = Phase.SENDING
    may_have_left: bool = False
    sent_at: float | None = None
    delivered_at: float | None = None
    answered_at: float | None = None
    read_since_answer: bool = False
    order_ids: tuple[str, ...] = ()
    closed_positions: tuple[Position, ...] = ()
    shows: tuple[Position, ...] | None = None
    interim: Verdict | None = None
    outcome: Outcome | None = None
    acknowledged: bool = False
    notes: list[str] = field(default_factory=list)
    ended_at: float | None = None
    written: "Future[bool] | None" = None
    proof: "Proof | None" = None
    late_reason: Reason | None = None
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    opened_again: "OpenedAgain | None" = None
    is_read_in_silence: bool = False
    attempted_at: float | None = None

    @property
    def is_reverse(self) -> bool:
        """Whether it reverses; else it flattens."""
        return self.ticket is not None

    @property
    def is_unresolved(self) -> bool:
        """Sent or being sent, not acknowledged, and not ended in a way that leaves nothing to decide."""
        if self.acknowledged:
            return False
        return self.outcome is None or not self.outcome.verdict.is_resolved


@dataclass(frozen=True, slots=True)
class OpenedAgain:
    """What was found open long after flat had been proved, by two reads, and since when."""

    rows: tuple[Position, ...]
    at: datetime


PressListener: TypeAlias = Callable[[Press], None]


class Lock(Enum):
    """What the book says to a gesture."""

    FREE = "free"
    LOCKED = "locked"
    AGAIN = "again"
    """A press of that scope is unresolved, and long enough ago: by hold, saying `the first may still act`."""


@dataclass(frozen=True, slots=True)
class FlattenLock:
    """The lock on a flatten scope and what the button adds to its second line."""

    lock: Lock
    overlaps: bool = False
    reverse_may_enter_until: float | None = None


_DOUBTFUL = frozenset({Verdict.UNKNOWN, Verdict.NOT_PROVED, Verdict.CANNOT_TELL})
_KEPT = 50
"""Presses that are over."""
_KEPT_SEEN = 20
"""Of those, the acknowledged: nothing more is told of them, and each is looked at before a press leaves."""


class PressBook:
    """All presses of this program since its start, and those that an earlier one left open.

    `elsewhere`: what other living processes pressed lately. It locks like one's own; the outcome is theirs.
    """

    def __init__(self, pace: Pace) -> None:
        """Start empty."""
        self._pace = pace
        self._presses: list[Press] = []
        self.elsewhere: tuple[Press, ...] = ()

    @property
    def presses(self) -> tuple[Press, ...]:
        """Oldest first."""
        return tuple(self._presses)

    def open(self, press: Press) -> None:
        """Enter a press. Old ones that are over are dropped."""
        self._presses.append(press)
        over = [
            each
            for each in self._presses
            # A reverse that the trader acknowledged may still place its entry.
            if not each.is_unresolved and not (each.is_reverse and press.began_at < self._reverse_end(each))
        ]
        seen = [each for each in over if each.acknowledged]
        for each in seen[:-_KEPT_SEEN] or over[:-_KEPT]:
            self._presses.remove(each)

    def acknowledge(self, press_id: str) -> Press | None:
        """The trader has seen it. Sends nothing; a press still on its way cannot be acknowledged."""
        for press in self._presses:
            if press.id == press_id and press.outcome is not None:
                press.acknowledged = True
                return press
        return None

    def flatten_lock(self, scope: Scope, now: float) -> FlattenLock:
        """Whether a flatten of that scope may go out."""
        lock, overlaps = Lock.FREE, False
        until: float | None = None
        for press in (*self._presses, *self.elsewhere):
            if press.cancel is not None:
                continue
            if press.is_reverse:
                tail = self._reverse_tail(press, now)
                if tail is not None and overlap(scope, press.scope):
                    until = max(tail, until or tail)
                continue
            is_new, is_unresolved = self._is_new(press, now), press.is_unresolved
            if not (is_new or is_unresolved):
                continue
            if is_within(scope, press.scope):
                found = Lock.LOCKED if is_new else self._lock_of(press, now)
                if found is Lock.LOCKED or lock is Lock.FREE:
                    lock = found
            elif is_unresolved and overlap(scope, press.scope):
                overlaps = True
        return FlattenLock(lock, overlaps, until)

    def reverse_is_locked(self, account: str, instrument: str, now: float) -> bool:
        """Whether a reverse of that pair has to wait for something that may still act."""
        pair = OneAccount(account, instrument)
        return any(
            press.is_unresolved
            or self._is_new(press, now)
            or (press.is_reverse and self._is_doubtful(press) and now < self._reverse_end(press))
            for press in (*self._presses, *self.elsewhere)
            if overlap(pair, press.scope)
        )

    def cancel_is_locked(self, listed: ListedOrders, now: float) -> bool:
        """Whether a cancel of any of these orders is on its way, or was pressed a moment ago."""
        ids = {(fold(order.account), order.order_id) for order in listed.orders}
        return any(
            (press.outcome is None or self._is_new(press, now))
            and any((fold(order.account), order.order_id) in ids for order in press.cancel.orders)
            for press in self._presses
            if press.cancel is not None
        )

    def _is_new(self, press: Press, now: float) -> bool:
        """Whether it was made so short a time ago that another one would be the same gesture twice."""
        return now < press.began_at + self._pace.least_lock_s

    def _lock_of(self, press: Press, now: float) -> Lock:
        """What an unresolved press says to another one of its scope."""
        sent_at = _sent_at(press)
        was_answered_and_read = press.answered_at is not None and press.read_since_answer
        if was_answered_and_read or now >= sent_at + self._pace.most_lock_s:
            return Lock.AGAIN
        return Lock.LOCKED

    def _reverse_end(self, press: Press) -> float:
        return _sent_at(press) + self._pace.reverse_lock_s

    def _reverse_tail(self, press: Press, now: float) -> float | None:
        """Until when a reverse may still place its entry; None when it cannot any more."""
        verdict = None if press.outcome is None else press.outcome.verdict
        over = verdict is not None and verdict.is_resolved
        end = self._reverse_end(press)
        return None if over or now >= end else end

    @staticmethod
    def _is_doubtful(press: Press) -> bool:
        return press.outcome is None or press.outcome.verdict in _DOUBTFUL


def _sent_at(press: Press) -> float:
    """When it was sent, as far as that is known: without an answer, when it went out last."""
    return next(at for at in (press.sent_at, press.attempted_at, press.began_at) if at is not None)
