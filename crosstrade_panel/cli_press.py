"""One press from the command line, from its locks to what is printed about it."""

import asyncio
import contextlib
import logging
import os
from concurrent.futures import Future
from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from crosstrade_panel.cli_arguments import FlattenCommand, ReverseCommand
from crosstrade_panel.cli_session import Interruption, Session, open_session
from crosstrade_panel.domain.outcome import Cause, Outcome, Reason, Verdict
from crosstrade_panel.domain.scope import OneAccount, Scope, overlap
from crosstrade_panel.domain.ticket import ReverseTicket
from crosstrade_panel.domain.value import dataclass
from crosstrade_panel.elsewhere import presses_of
from crosstrade_panel.late import late
from crosstrade_panel.storage.journal_view import PressRecord
from crosstrade_panel.system_clock import SystemClock
from crosstrade_panel.trading.desk import Desk, fates_of
from crosstrade_panel.trading.flatten import Flatten
from crosstrade_panel.trading.ports import NotSentError
from crosstrade_panel.trading.press import Lock, Phase, Press, PressBook

if TYPE_CHECKING:
    from crosstrade_panel import cli_output, cli_texts, texts
    from crosstrade_panel.trading.reverse import Held
else:
    cli_output, cli_texts, texts = late("cli_output"), late("cli_texts"), late("texts")

_log = logging.getLogger(__name__)

_SILENCE_S = 1.0
_NUDGE_S = 0.05


class _NotSentError(Exception):
    """Something forbids the press before it begins; `detail` is a sentence."""

    def __init__(self, cause: Cause, detail: str) -> None:
        super().__init__(cause.value)
        self.reason = Reason(cause)
        self.detail = detail


@dataclass(slots=True)
class Attempt:
    """One press. It outlives its event loop, so that nothing that breaks the loop loses the truth."""

    command: FlattenCommand | ReverseCommand
    press: Press | None = None
    outcome: Outcome | None = None
    detail: str = ""
    is_told: bool = False
    is_nudged: bool = False
    _data: Path | None = None
    _read_from: float = 0.0
    _said: set[str] = field(default_factory=set)
    _clock: SystemClock = field(default_factory=SystemClock)

    def run(self) -> int:
        """Carry it out, tell what became of it, and return the exit code."""
        with Interruption(self._is_sealed) as interruption:
            try:
                self._run(interruption)
            except (KeyboardInterrupt, asyncio.CancelledError):
                self._end(Cause.INTERRUPTED)
            except Exception:  # noqa: BLE001 - around one press: told as NOT SENT or UNKNOWN, never a traceback
                self._end(Cause.INTERNAL)
            with contextlib.suppress(KeyboardInterrupt):  # what happened has happened
                self._tell()
                self._nudge()  # the journal is closed: it has the outcome
            assert self.outcome is not None  # noqa: S101 - every way here gives it one
            return self.outcome.verdict.exit_code

    def _is_sealed(self) -> bool:
        """Whether a press may have left, or has its outcome: then there is only the truth to tell."""
        return self.outcome is not None or (self.press is not None and self.press.may_have_left)

    def _run(self, interruption: Interruption) -> None:
        with open_session(self.command.where) as session:
            self._data = session.paths.data
            reason = session.choice.reason
            if reason is not None:
                self._not_sent(reason, session.problem)
                return
            import crosstrade_panel.crosstrade.rest  # noqa: F401, PLC0415 - slow: before the loop runs

            try:
                interruption.run(lambda: self._carry_out(session))
            except _NotSentError as error:
                self._not_sent(error.reason, error.detail)

    async def _carry_out(self, session: Session) -> None:
        async def after_intent(desk: Desk, press: Press, written: "Future[bool]") -> None:
            records = await session.presses_around(press, written)
            self._give_way(desk, press, records, session.choice.origin)

        async with session.desk(self._on_change, after_intent) as desk:
            silence = asyncio.get_running_loop().call_later(_SILENCE_S, self._on_silence)
            try:
                match self.command:
                    case FlattenCommand():
                        await Flatten(desk)(self._begin(desk, self.command.scope))
                    case ReverseCommand():  # pragma: no branch - the types end here
                        await self._reverse(desk, self.command)
            except asyncio.CancelledError:
                self._end(Cause.INTERRUPTED)
            finally:
                silence.cancel()
            self._end(Cause.INTERNAL)  # without effect where the press has its outcome
            self._tell()  # before the links are closed: that may take a moment

    async def _reverse(self, desk: Desk, command: ReverseCommand) -> None:
        from crosstrade_panel.trading.reverse import Reverse  # noqa: PLC0415 - a flatten needs none of it

        reverse, wanted = Reverse(desk), command.wanted
        self._read_from = desk.clock.monotonic()
        held = await reverse.look(wanted.account, wanted.instrument)
        if isinstance(held, Reason):
            why = texts.reason_sentence(held, is_practice=command.where.practice)
            raise _NotSentError(held.cause, cli_texts.no_read(why))
        if held.side is not wanted.leaving:
            words = cli_texts.other_side(held.side, held.quantity, held.instrument, wanted.leaving)
            raise _NotSentError(Cause.NOT_AS_READ, words)
        ticket = _as_held(command, held)
        await reverse(self._begin(desk, OneAccount(held.account, held.instrument), ticket))

    def _give_way(self, desk: Desk, press: Press, records: list[PressRecord] | None, origin: str) -> None:
        """Take the presses of other processes into the book, unless one of them forbids this one.

        Of two that forbid each other, the one goes out that was journalled first.
        """
        if records is None:
            self._forbid(cli_texts.JOURNAL_UNREADABLE)
        rows = {record.press_id: record for record in records if record.verdict != Verdict.NOT_SENT.value}
        mine = rows.pop(press.id, None)
        now = desk.clock.monotonic()

        def is_locked(book: PressBook) -> bool:
            if press.ticket is None:
                return book.flatten_lock(press.scope, now).lock is Lock.LOCKED
            return book.reverse_is_locked(press.ticket.account, press.ticket.instrument, now)

        for other in presses_of(rows.values(), origin):
            row, alone = rows[other.id], PressBook(desk.pace)
            # A flatten never gives way to a reverse, so a later one may go out all the same.
            gives_way = mine is not None and row.seq > mine.seq and (other.is_reverse or not press.is_reverse)
            if not gives_way:
                alone.open(other)
            if is_locked(alone):
                self._forbid(cli_texts.locked_by(other, row.owner.pid, max(0.0, now - other.began_at)))
            if press.is_reverse and not gives_way and self._is_news(press, other, row):
                self._forbid(cli_texts.acted_since_read(other, row.owner.pid))
            desk.book.open(other)

    def _is_news(self, press: Press, other: Press, row: PressRecord) -> bool:
        """Whether a press may have changed the position after the fresh read of a reverse was sent."""
        ended_at = other.began_at + (row.ended_after_s or 0.0)
        return ended_at >= self._read_from and overlap(press.scope, other.scope)

    def _forbid(self, detail: str) -> NoReturn:
        self.detail = detail
        raise NotSentError(Reason(Cause.LOCKED))

    def _begin(self, desk: Desk, scope: Scope, ticket: ReverseTicket | None = None) -> Press:
        clock = desk.clock
        self.press = Press(os.urandom(16).hex(), scope, clock.monotonic(), clock.now(), ticket)
        desk.book.open(self.press)
        return self.press

    # what it came to

    def _end(self, cause: Cause) -> None:
        """Give it an outcome, where it has none: UNKNOWN once bytes may have left."""
        press = self.press
        if press is not None and self.outcome is None:
            self.outcome = press.outcome
        if self.outcome is not None:
            return
        if press is None or not press.may_have_left:
            before = Cause.INTERRUPTED_BEFORE_SENDING if cause is Cause.INTERRUPTED else cause
            self._not_sent(Reason(before), "")
            return
        reason = Reason(cause)
        fates = fates_of(press.scope, Verdict.UNKNOWN, press.shows or (), reason)
        now = self._clock.now()
        self.outcome = Outcome(Verdict.UNKNOWN, now, fates, press.scope, press.ticket, reason=reason)

    def _not_sent(self, reason: Reason, detail: str) -> None:
        match self.command:
            case FlattenCommand(scope=scope):
                ticket = None
            case ReverseCommand(wanted=wanted):  # pragma: no branch - the types end here
                ticket = wanted
                scope = OneAccount(wanted.account, wanted.instrument)
        fates = fates_of(scope, Verdict.NOT_SENT, (), reason)
        self.detail = detail
        self.outcome = Outcome(Verdict.NOT_SENT, self._clock.now(), fates, scope, ticket, reason=reason)
        _log.info("not sent: %s", reason.cause.value)

    def _tell(self) -> None:
        """Print the outcome, once."""
        outcome = self.outcome
        if outcome is None or self.is_told:
            return
        self.is_told = True
        practice, knows = self.command.where.practice, self._has_quantity()
        if self.command.json:
            value = cli_output.outcome_object(outcome, self.detail, is_practice=practice, has_quantity=knows)
            cli_output.say_json(value)
        else:
            lines = cli_output.outcome_lines(outcome, self.detail, is_practice=practice, has_quantity=knows)
            cli_output.say("\n".join(lines))

    def _has_quantity(self) -> bool:
        """Whether the size of a reverse's order is known: given, or taken from the position."""
        command = self.command
        return self.press is not None or (isinstance(command, ReverseCommand) and command.has_quantity)

    # progress

    def _on_change(self, press: Press) -> None:
        """Say what is new; nothing before the answer or a second of silence: no terminal holds up a press."""
        practice = self.command.where.practice
        if press.phase is Phase.SENDING and press.shows is not None:
            self._remark(texts.no_answer_yet(press.shows, is_practice=practice))
        if press.phase is Phase.REPEATING:
            self._remark(texts.repeating_title(press.scope))
        title = {
            Phase.VERIFYING: texts.verifying_title,
            Phase.CHECKING: texts.checking_title,
        }.get(press.phase)
        if title is not None:
            self._remark(title(press.scope, press.ticket))
            if press.shows:
                self._remark(texts.shows_text(press.shows, is_practice=practice))
        for note in press.notes:
            self._remark(note)
        press.notes.clear()
        if press.phase in {Phase.VERIFYING, Phase.CHECKING} and not self.is_nudged:
            self.is_nudged = True
            self._nudge(wait_s=0.0)

    def _nudge(self, wait_s: float = _NUDGE_S) -> None:
        """Have a running panel look at the press, once one may have left. Nothing depends on it."""
        if self._data is not None and self.press is not None and self.press.may_have_left:
            from crosstrade_panel.storage.nudge import nudge  # noqa: PLC0415 - behind the sending

            nudge(self._data, self.press.id, wait_s=wait_s)

    def _on_silence(self) -> None:
        if self.press is not None and self.press.phase is Phase.SENDING:
            self._remark(texts.no_answer_yet(None, is_practice=self.command.where.practice))

    def _remark(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            cli_output.remark(text)


def _as_held(command: ReverseCommand, held: "Held") -> ReverseTicket:
    """The ticket under the names that the position carries; the open size where no quantity was given."""
    wanted = command.wanted
    quantity = wanted.quantity if command.has_quantity else held.quantity
    return replace(wanted, account=held.account, instrument=held.instrument, quantity=quantity)
