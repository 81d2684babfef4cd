"""Reverse: a fresh read, sent once, never again; told only by the side and size that were read."""

from crosstrade_panel.domain.names import same_instrument
from crosstrade_panel.domain.outcome import Cause, Outcome, Reason, Timings, Verdict
from crosstrade_panel.domain.scope import OneAccount, Side
from crosstrade_panel.domain.snapshot import Position, PositionsRead, in_scope
from crosstrade_panel.domain.ticket import ReverseTicket
from crosstrade_panel.domain.value import dataclass
from crosstrade_panel.trading.desk import Desk
from crosstrade_panel.trading.evidence import Evidence
from crosstrade_panel.trading.ports import (
    READ_SOURCES,
    NotSentError,
    ReadFailedError,
    Receipt,
    RefusedError,
    UnknownOutcomeError,
)
from crosstrade_panel.trading.press import Phase, Press
from crosstrade_panel.trading.reverse_proof import ReverseCase, ReverseProof


@dataclass(frozen=True, slots=True)
class Held:
    """The one position that a reverse may leave, as a read showed it."""

    account: str
    instrument: str
    side: Side
    quantity: int


def held_position(read: PositionsRead, account: str, instrument: str) -> Held | Reason:
    """The position of exactly that account and instrument, or why there is not exactly one, clearly read."""
    if read.flaws.spoil(account):
        return Reason(Cause.ROW_UNREADABLE)
    rows = in_scope(OneAccount(account, instrument), read.positions)
    if not rows:
        return Reason(Cause.NO_POSITION)
    if len(rows) > 1:
        return Reason(Cause.READS_DISAGREE)
    return _held(rows[0], instrument)


def _held(row: Position, instrument: str) -> Held | Reason:
    if row.account is None or row.instrument is None or row.side is None or row.quantity is None:
        return Reason(Cause.ROW_UNREADABLE)
    if not same_instrument(row.instrument, instrument):
        return Reason(Cause.ALIAS)
    return Held(row.account, row.instrument, row.side, row.quantity)


class Reverse:
    """Reverses the position of a press's ticket."""

    def __init__(self, desk: Desk) -> None:
        """Work at that desk."""
        self._desk = desk

    async def look(self, account: str, instrument: str) -> Held | Reason:
        """The fresh read that every reverse begins with. It is part of the press and waits for no budget."""
        reason = Reason(Cause.READS_FAILED)
        for source in READ_SOURCES:
            try:
                read = await self._desk.watch.positions(source)
            except ReadFailedError as error:
                reason = error.reason
            else:
                return held_position(read, account, instrument)
        return reason

    async def __call__(self, press: Press) -> Outcome:
        """Carry out a press that is in the book already; its outcome is also left in it."""
        return await self._desk.carry_out(press, self._run(press))

    async def _run(self, press: Press) -> Outcome:
        desk = self._desk
        ticket = press.ticket
        if ticket is None:
            raise AssertionError  # pragma: no cover - the caller makes reverses with a ticket
        await desk.note_intent(press)
        try:
            receipt = await self._send(press, ticket)
        except NotSentError as error:
            press.may_have_left = False
            desk.record.failure(press, "not_sent", error.reason)
            return desk.not_sent(press, error.reason)
        except RefusedError as error:
            desk.record.failure(press, "refused", error.reason)
            desk.watch.back_off(error.reason)
            press.sent_at, press.answered_at = error.sent_at, error.answered_at
            return desk.refused(press, error.reason, await desk.look(press))
        except UnknownOutcomeError as error:
            desk.record.failure(press, "unknown", error.reason, receipt=error.receipt)
            press.sent_at, press.answered_at = error.sent_at, error.answered_at
            press.order_ids = () if error.receipt is None else error.receipt.order_ids
            if error.late is not None:
                desk.await_late(press, error.late)
            case = self._case(ticket, error.receipt, error.reason)
            return await self._verify(press, case, Phase.CHECKING)
        desk.record.answer(press, receipt)
        press.sent_at, press.answered_at = receipt.sent_at, receipt.answered_at
        press.order_ids = receipt.order_ids
        return await self._verify(press, self._case(ticket, receipt, None), Phase.VERIFYING)

    async def _send(self, press: Press, ticket: ReverseTicket) -> Receipt:
        """Send it, once and over one way: a second one would flip back."""
        desk = self._desk
        way = desk.gateway.ways[0]
        desk.begin_sending(press, 1, way)
        silence = desk.break_silence(press)
        try:
            return await desk.gateway.reverse(ticket, way, lambda at: desk.delivered(press, at))
        finally:
            silence.cancel()

    def _case(self, ticket: ReverseTicket, receipt: Receipt | None, doubt: Reason | None) -> ReverseCase:
        pace = self._desk.pace
        return ReverseCase(ticket, receipt, doubt, pace.second_read_s, pace.read_least_deadline_s)

    async def _verify(self, press: Press, case: ReverseCase, phase: Phase) -> Outcome:
        desk = self._desk
        desk.change(press, phase)
        earliest = next(at for at in (press.answered_at, press.sent_at, press.began_at) if at is not None)
        judgement = await desk.verify(press, ReverseProof(case, Evidence(earliest)))
        fate = judgement.fates[0]
        if press.late_reason is not None and fate.verdict is not Verdict.REVERSED:
            return desk.refused_late(Outcome(fate.verdict, desk.clock.now(), (fate,)), press.late_reason)
        proved = judgement.proved_at if fate.verdict is Verdict.REVERSED else None
        return Outcome(
            fate.verdict,
            desk.clock.now() if proved is None else desk.wall_time(proved),
            fates=judgement.fates,
            reason=fate.reason,
            warning="" if case.receipt is None else case.receipt.warning,
            timings=Timings(proved_s=None if proved is None else proved - press.began_at),
        )
