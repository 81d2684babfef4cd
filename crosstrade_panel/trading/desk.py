"""What every press needs, and how every press begins and ends."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import CancelledError, Future
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias

from crosstrade_panel.domain.cancel import CancelRequest
from crosstrade_panel.domain.outcome import Cause, Fate, Outcome, Reason, Timings, Verdict
from crosstrade_panel.domain.scope import Scope, account_of
from crosstrade_panel.domain.snapshot import Position, PositionsRead, in_scope, shown_in, tells_of_all
from crosstrade_panel.domain.value import dataclass
from crosstrade_panel.trading.pace import Pace
from crosstrade_panel.trading.ports import (
    READ_SOURCES,
    Clock,
    Gateway,
    GatewayError,
    NotSentError,
    ReadFailedError,
    Receipt,
    RefusedError,
    UnknownOutcomeError,
    Way,
)
from crosstrade_panel.trading.press import Phase, Press, PressBook, PressListener
from crosstrade_panel.trading.reads import FailedRead, Read
from crosstrade_panel.trading.record import Record
from crosstrade_panel.trading.watch import Watch

if TYPE_CHECKING:
    from crosstrade_panel.trading.evidence import Judgement, Proof

_log = logging.getLogger(__name__)

_AT_ONCE_S = 0.002

AfterIntent: TypeAlias = "Callable[[Desk, Press, Future[bool]], Awaitable[None]]"


@dataclass(frozen=True, slots=True)
class Desk:
    """One server with one token, and everything a press against it needs.

    `has_past`: reads were made before the press, so that accounts seen earlier count (the window; the command
    line has none). `on_change` is called after every change of a press and must not raise. `after_intent` is
    awaited between the intent (its future is handed on) and the sending; NotSentError from it forbids that.
    """

    gateway: Gateway
    watch: Watch
    record: Record
    book: PressBook
    clock: Clock
    pace: Pace
    on_change: PressListener
    has_past: bool = True
    after_intent: "AfterIntent | None" = None

    async def carry_out(self, press: Press, work: Coroutine[None, None, Outcome]) -> Outcome:
        """Run one press to its outcome, whatever happens. Never raises anything but a cancellation."""
        try:
            outcome = await work
        except asyncio.CancelledError as error:
            # The gateway puts the truth about the bytes behind the cancellation.
            if isinstance(error.__cause__, NotSentError):
                press.may_have_left = False
            self.close(press, self._broken_off(press, Cause.INTERRUPTED))
            raise
        except NotSentError as error:  # forbidden after the intent
            outcome = self.not_sent(press, error.reason)
        except Exception:  # noqa: BLE001 - whatever it is: a press that may have left is UNKNOWN, no traceback
            _log.exception("a press failed in a way that is not foreseen")
            outcome = self._broken_off(press, Cause.INTERNAL)
        return self.close(press, outcome)

    async def note_intent(self, press: Press) -> None:
        """Write the press down before its first byte leaves; no disk delays it for longer than 20 ms."""
        written = self.record.intent(press)
        # A healthy disk takes a tenth of this, the loop's waking of us more; a hanging one holds up no frame.
        with contextlib.suppress(TimeoutError, CancelledError):
            written.exception(_AT_ONCE_S)
        if not written.done():
            await self._wait_for(written)
        if not written.done():
            press.notes.append("journal late")
            self.record.note(press, "journal late")
        elif written.cancelled() or written.exception() is not None or not written.result():
            press.notes.append("journal off")
        if self.after_intent is not None:
            await self.after_intent(self, press, written)

    async def _wait_for(self, written: "Future[bool]") -> None:
        """Wait 20 ms at most. Not by `wrap_future`: its giving up would cancel the journal's own future."""
        loop = asyncio.get_running_loop()
        done = asyncio.Event()

        def tell(_: "Future[bool]") -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(done.set)

        written.add_done_callback(tell)
        timer = loop.call_later(self.pace.journal_wait_s, done.set)
        try:
            await done.wait()
        finally:
            timer.cancel()

    def begin_sending(
        self, press: Press, attempt: int, way: Way, request: CancelRequest | None = None
    ) -> None:
        """From here on bytes may have left, until the gateway says that none did."""
        self.record.attempt(press, attempt, way, request)
        press.may_have_left = True
        press.attempted_at = self.clock.monotonic()
        self.watch.budget.spend(press.attempted_at)

    def delivered(self, press: Press, at: float) -> None:
        """The request is known to have reached the other end."""
        press.delivered_at = at
        self.on_change(press)

    def change(self, press: Press, phase: Phase) -> None:
        """Move a press on and tell."""
        press.phase = phase
        self.on_change(press)

    def break_silence(self, press: Press) -> asyncio.TimerHandle:
        """Begin to read where no answer came for a second; the timer is to be cancelled with the answer."""
        loop = asyncio.get_running_loop()
        return loop.call_later(self.pace.silence_s, lambda: self.watch.start(self._read_while_silent(press)))

    async def _read_while_silent(self, press: Press) -> None:
        """Read what is open, until the press is answered or given up. No proof: it may act later yet."""
        if press.is_read_in_silence:  # over another way, which took as long
            return
        press.is_read_in_silence = True
        self.watch.begin_verifying()
        turn = 0
        try:
            while press.phase is Phase.SENDING:
                source = READ_SOURCES[turn % 2]
                turn += 1
                try:
                    read = await self.watch.positions(source)
                except ReadFailedError as error:
                    self.record.read(press, FailedRead(source, error.reason))
                else:
                    self.record.read(press, read)
                    shown = shown_in(press.scope, read)
                    if shown or (shown is not None and tells_of_all(press.scope, read, self.watch.accounts)):
                        press.shows = shown
                if press.phase is Phase.SENDING:
                    self.on_change(press)
                    await asyncio.sleep(self.pace.background_open_s)
        finally:
            press.is_read_in_silence = False
            self.watch.end_verifying()

    def await_late(self, press: Press, late: "Awaitable[Receipt]") -> None:
        """An answer can still come: it is recorded, and the press is told by it."""
        self.watch.wait_for(self._take_late(press, late))

    async def _take_late(self, press: Press, late: "Awaitable[Receipt]") -> None:
        try:
            receipt = await late
        except RefusedError as error:
            self.record.failure(press, "refused", error.reason)
            press.answered_at, press.late_reason = error.answered_at, error.reason
            press.notes.append("late answer")
            if press.outcome is not None and press.outcome.verdict is Verdict.UNKNOWN:
                self._upgrade(press, self.refused_late(press.outcome, error.reason))
        except UnknownOutcomeError as error:
            self.record.failure(press, "unknown", error.reason, receipt=error.receipt)
            if error.receipt is not None:
                self._take_report(press, error.receipt, doubt=error.reason)
        except GatewayError as error:
            self.record.failure(press, "unknown", error.reason)
        else:
            self.record.answer(press, receipt)
            self._take_report(press, receipt, doubt=None)
        self.on_change(press)

    def _take_report(self, press: Press, receipt: Receipt, *, doubt: Reason | None) -> None:
        """What a late answer reports; `doubt` where it tells of a half."""
        press.answered_at, press.late_reason = receipt.answered_at, None
        press.order_ids = receipt.order_ids
        press.closed_positions = receipt.closed_positions or ()
        press.notes.append("late answer")
        if press.proof is not None:
            press.proof.take_answer(receipt, doubt)
        outcome = press.outcome
        if outcome is not None:
            is_unknown = doubt is not None and outcome.verdict is Verdict.UNKNOWN
            self._upgrade(press, replace(outcome, reason=doubt) if is_unknown else outcome)

    def _upgrade(self, press: Press, outcome: Outcome) -> None:
        """Give a press the outcome that a late answer makes of it; what was acknowledged is final."""
        if not press.acknowledged:
            self.revise(press, self._completed(press, outcome))

    @staticmethod
    def refused_late(found: Outcome, reason: Reason) -> Outcome:
        """The outcome of a press whose refusal came when it had been read for already."""
        fates = tuple(
            fate if fate.verdict.is_resolved else replace(fate, verdict=Verdict.REFUSED, reason=reason)
            for fate in found.fates
        )
        return replace(found, verdict=Verdict.REFUSED, fates=fates, reason=reason)

    def begin_anew(self) -> None:
        """The machine slept, or the links are others: all proof starts again, with new links."""
        now = self.clock.monotonic()
        for press in self.book.presses:
            if press.proof is not None:
                press.proof.evidence.begin_anew(now)
        self.gateway.renew()
        self.watch.begin_anew()

    async def verify(self, press: Press, proof: "Proof", *, until: float = float("-inf")) -> "Judgement":
        """Read until the proof is complete or the window ends."""
        # Behind the sending, as in `Flatten`.
        from crosstrade_panel.trading.verify import Verification  # noqa: PLC0415

        press.proof = proof

        def on_read(read: Read) -> None:
            self.record.read(press, read)
            if not isinstance(read, FailedRead):
                press.read_since_answer = True

        def on_judgement(judgement: "Judgement") -> None:
            if proof.evidence.reads and press.cancel is None:
                press.shows = tuple(row for fate in judgement.fates for row in fate.still_open)
            press.interim = min(
                (fate.verdict for fate in judgement.fates if fate.takes_headline),
                key=lambda verdict: verdict.rank,
                default=None,
            )
            self.on_change(press)

        verification = Verification(
            proof,
            self.watch,
            self.clock,
            self.pace,
            on_judgement=on_judgement,
            on_read=on_read,
            until=until,
        )
        return await verification.run()

    async def look(self, press: Press) -> PositionsRead | None:
        """One read of the state, from the other endpoint if the first fails; None when neither answers soon.

        A "no" is not kept from the trader by reads that are stuck; they go on for the watch.
        """
        found: list[PositionsRead] = []

        async def read_on() -> None:
            found.extend([read] if (read := await self._look(press)) is not None else [])

        task = self.watch.start(read_on())
        await asyncio.wait({task}, timeout=self.pace.read_least_deadline_s)
        return found[0] if found else None

    async def _look(self, press: Press) -> PositionsRead | None:
        # Where nobody has listed the accounts yet, the one that does comes first.
        for source in READ_SOURCES if self.watch.accounts else reversed(READ_SOURCES):
            try:
                read = await self.watch.positions(source)
            except ReadFailedError as error:
                self.record.read(press, FailedRead(source, error.reason))
            else:
                self.record.read(press, read)
                press.read_since_answer = True
                return read
        return None

    def refused(self, press: Press, reason: Reason, read: PositionsRead | None) -> Outcome:
        """The server said no; what is open all the same is shown."""
        rows = () if read is None else in_scope(press.scope, read.positions)
        # That nothing is open is said of those alone of whom the read tells.
        tells = read is not None and (
            read.flaws.everything is None if rows else tells_of_all(press.scope, read, self.watch.accounts)
        )
        return Outcome(
            Verdict.REFUSED,
            self.clock.now(),
            fates=fates_of(press.scope, Verdict.REFUSED, rows, reason),
            reason=reason,
            elsewhere_open=len(read.positions) - len(rows) if read is not None and tells else None,
        )

    def not_sent(self, press: Press, reason: Reason) -> Outcome:
        """Nothing left the machine."""
        return Outcome(
            Verdict.NOT_SENT,
            self.clock.now(),
            fates=_fates_of_press(press, Verdict.NOT_SENT, (), reason),
            reason=reason,
        )

    def close(self, press: Press, outcome: Outcome) -> Outcome:
        """Give the press its outcome, write it down, and tell."""
        complete = self._completed(press, outcome)
        press.phase = Phase.ENDED
        press.ended_at = self.clock.monotonic()
        self.revise(press, complete)
        return complete

    def _completed(self, press: Press, outcome: Outcome) -> Outcome:
        """The outcome with everything that the press knows besides."""
        return replace(
            outcome,
            scope=press.scope,
            ticket=press.ticket,
            cancel=press.cancel,
            order_ids=press.order_ids,
            closed_positions=press.closed_positions,
            timings=self._timings(press, outcome),
        )

    def revise(self, press: Press, outcome: Outcome) -> None:
        """Give a press another outcome than it had, write that down too, and tell."""
        press.outcome = outcome
        press.written = self.record.outcome(press, outcome)
        self.on_change(press)

    def wall_time(self, at: float) -> datetime:
        """The wall time of a monotonic moment."""
        return self.clock.now() - timedelta(seconds=self.clock.monotonic() - at)

    def _broken_off(self, press: Press, cause: Cause) -> Outcome:
        if press.may_have_left:
            reason = Reason(cause)
            return Outcome(
                Verdict.UNKNOWN,
                self.clock.now(),
                fates=_fates_of_press(press, Verdict.UNKNOWN, press.shows or (), reason),
                reason=reason,
            )
        before = Cause.INTERRUPTED_BEFORE_SENDING if cause is Cause.INTERRUPTED else cause
        return self.not_sent(press, Reason(before))

    @staticmethod
    def _timings(press: Press, outcome: Outcome) -> Timings:
        def since(at: float | None) -> float | None:
            return None if at is None else max(0.0, at - press.began_at)

        return Timings(
            since(press.sent_at),
            since(press.delivered_at),
            since(press.answered_at),
            outcome.timings.proved_s,
        )


def _fates_of_press(
    press: Press, verdict: Verdict, rows: tuple[Position, ...], reason: Reason | None
) -> tuple[Fate, ...]:
    """As below; of a cancel, for every account that its orders name, whatever is open there."""
    if press.cancel is None:
        return fates_of(press.scope, verdict, rows, reason)
    return tuple(Fate(account, verdict, reason=reason) for account in press.cancel.accounts)


def fates_of(
    scope: Scope, verdict: Verdict, rows: tuple[Position, ...], reason: Reason | None
) -> tuple[Fate, ...]:
    """The same verdict for every account that a scope or the open rows in it name."""
    account = account_of(scope)
    names = dict.fromkeys(row.account for row in rows if row.account is not None)
    if account is not None:
        return (Fate(account, verdict, still_open=rows, reason=reason),)
    return tuple(
        Fate(name, verdict, still_open=tuple(row for row in rows if row.account == name), reason=reason)
        for name in names
    )
