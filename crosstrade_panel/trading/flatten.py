"""Flatten: write down, send once, and tell only what was proved."""

import asyncio
import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from crosstrade_panel.domain.outcome import Cause, Fate, Outcome, Reason, Timings, Verdict, headline
from crosstrade_panel.trading.desk import Desk
from crosstrade_panel.trading.ports import NotSentError, Receipt, RefusedError, UnknownOutcomeError
from crosstrade_panel.trading.press import Phase, Press
from crosstrade_panel.trading.watch import Picture

if TYPE_CHECKING:
    from crosstrade_panel.trading.evidence import Judgement
    from crosstrade_panel.trading.flat_proof import FlattenCase

_MOST_REPEATS = 5
PROVED = frozenset(
    {Verdict.FLAT, Verdict.NOTHING_OPEN, Verdict.FLAT_ORDERS_NOT_CHECKED, Verdict.ORDERS_WORKING}
)

UNTOLD = frozenset({Cause.NOT_CONNECTED, Cause.NOT_LISTED, Cause.NOTHING_LISTED})
"""Why nothing could be told of an account: "no position" says nothing of it, and it may come back."""
_WORSE_THAN_A_REFUSAL = frozenset({Verdict.OVERFILLED, Verdict.CLOSED_MORE_THAN_ASKED, Verdict.REOPENED})


class Flatten:
    """Closes the positions of a press's scope."""

    def __init__(self, desk: Desk) -> None:
        """Work at that desk."""
        self._desk = desk

    async def __call__(self, press: Press) -> Outcome:
        """Carry out a press that is in the book already; its outcome is also left in it."""
        return await self._desk.carry_out(press, self._run(press))

    async def _run(self, press: Press) -> Outcome:
        desk = self._desk
        picture = desk.watch.picture()
        await desk.note_intent(press)  # may enter presses of other processes in the book
        reverse_until = desk.book.flatten_lock(press.scope, press.began_at).reverse_may_enter_until
        try:
            receipt = await self._send(press)
        except NotSentError as error:
            return desk.not_sent(press, error.reason)
        except RefusedError as error:
            press.sent_at, press.answered_at = error.sent_at, error.answered_at
            return await self._refused(press, picture, error, reverse_until)
        except UnknownOutcomeError as error:
            desk.record.failure(press, "unknown", error.reason, receipt=error.receipt)
            press.sent_at, press.answered_at = error.sent_at, error.answered_at
            self._take(press, error.receipt)
            if error.late is not None:
                desk.await_late(press, error.late)
            case = self._case(press, picture, receipt=error.receipt, doubt=error.reason, until=reverse_until)
            return await self._verify(press, case, Phase.CHECKING)
        desk.record.answer(press, receipt)
        press.sent_at, press.answered_at = receipt.sent_at, receipt.answered_at
        self._take(press, receipt)
        case = self._case(press, picture, receipt=receipt, until=reverse_until)
        return await self._verify(press, case, Phase.VERIFYING)

    async def _send(self, press: Press) -> Receipt:
        """Send it; a flatten that the API itself answered "too many requests" goes out again, for 3 s."""
        desk = self._desk
        last_at = desk.clock.monotonic() + desk.pace.repeat_window_s
        numbers = itertools.count(1)
        for repeat in range(_MOST_REPEATS + 1):
            try:
                return await self._send_over_any_way(press, numbers)
            except RefusedError as error:
                desk.record.failure(press, "refused", error.reason)
                pause_s = self._pause_s(error, last_at)
                if repeat == _MOST_REPEATS or pause_s is None:
                    desk.watch.back_off(error.reason)
                    raise
                desk.watch.budget.back_off(desk.clock.monotonic(), pause_s)  # the tokens are for the press
                desk.change(press, Phase.REPEATING)
                if await self._is_stopped_within(press, pause_s):
                    raise
                desk.change(press, Phase.SENDING)
        raise AssertionError  # pragma: no cover - the last repeat returns or raises

    def _pause_s(self, error: RefusedError, last_at: float) -> float | None:
        """How long to wait before it goes out again; None where it must not, or the wait does not fit."""
        reason, pace = error.reason, self._desk.pace
        # Without words it was not the API's own answer, but somebody's on the way.
        if reason.cause is not Cause.OVER_BUDGET or not reason.said:
            return None
        pause_s = pace.repeat_pause_s if reason.retry_after_s is None else reason.retry_after_s
        return pause_s if self._desk.clock.monotonic() + pause_s <= last_at else None

    @staticmethod
    async def _is_stopped_within(press: Press, pause_s: float) -> bool:
        stopped = asyncio.ensure_future(press.stop.wait())
        try:
            await asyncio.wait({stopped}, timeout=pause_s)
        finally:
            stopped.cancel()
        # Not by which of the two ended it: both may in the same moment.
        return press.stop.is_set()

    async def _send_over_any_way(self, press: Press, numbers: Iterator[int]) -> Receipt:
        """Send it; what provably never left goes out once more over each other way."""
        desk = self._desk
        errors: list[NotSentError] = []
        for way in desk.gateway.ways:
            desk.begin_sending(press, next(numbers), way)
            silence = desk.break_silence(press)
            try:
                return await desk.gateway.flatten(press.scope, way, lambda at: desk.delivered(press, at))
            except NotSentError as error:
                press.may_have_left = False
                desk.record.failure(press, "not_sent", error.reason)
                errors.append(error)
                if not error.may_try_elsewhere:
                    break
            finally:
                silence.cancel()
        raise errors[0]  # the first choice says most

    @staticmethod
    def _take(press: Press, receipt: Receipt | None) -> None:
        """Keep what the server reported."""
        if receipt is not None:
            press.order_ids = receipt.order_ids
            press.closed_positions = receipt.closed_positions or ()

    def _case(
        self,
        press: Press,
        picture: Picture,
        *,
        receipt: Receipt | None = None,
        doubt: Reason | None = None,
        nothing_to_close: bool = False,
        until: float | None = None,
    ) -> "FlattenCase":
        # What proves is loaded behind the sending: from the command line a press leaves a tenth sooner.
        from crosstrade_panel.trading.flat_proof import FlattenCase  # noqa: PLC0415

        pace = self._desk.pace
        shown = picture.last_good(press.scope)
        fresh_from = max(press.began_at - pace.fresh_s, self._desk.watch.anew_at)
        return FlattenCase(
            scope=press.scope,
            before={key: each.rows for key, each in shown.items()},
            fresh=frozenset(key for key, each in shown.items() if each.stamp.sent_at >= fresh_from),
            seen=picture.seen if self._desk.has_past else None,
            receipt=receipt,
            doubt=doubt,
            nothing_to_close=nothing_to_close,
            prove_from=float("-inf") if until is None else until,
            gap_s=pace.second_read_s,
            recent_s=pace.read_least_deadline_s,
        )

    async def _verify(self, press: Press, case: "FlattenCase", phase: Phase) -> Outcome:
        from crosstrade_panel.trading.evidence import Evidence  # noqa: PLC0415
        from crosstrade_panel.trading.flat_proof import FlattenProof  # noqa: PLC0415

        desk = self._desk
        desk.change(press, phase)
        proof = FlattenProof(case, Evidence(self._earliest(press)))
        until = case.prove_from + desk.pace.second_read_s + desk.pace.stretch_s
        judgement = await desk.verify(press, proof, until=until)
        case = proof.case  # a late answer may have ended the doubt
        verdict, reason = headline_of(case, judgement)
        if press.late_reason is not None and verdict not in PROVED | _WORSE_THAN_A_REFUSAL:
            return desk.refused_late(Outcome(verdict, desk.clock.now(), judgement.fates), press.late_reason)
        # Where one account keeps the others from a good end, the press ended when the reading did.
        proved_at = judgement.proved_at if verdict in PROVED else None
        has_opened = verdict is Verdict.REOPENED
        told_at = judgement.opened_at if has_opened else proved_at
        return Outcome(
            verdict,
            desk.clock.now() if told_at is None else desk.wall_time(told_at),
            flat_at=desk.wall_time(judgement.flat_since)
            if has_opened and judgement.flat_since is not None
            else None,
            fates=judgement.fates,
            reason=reason,
            warning="" if case.receipt is None else case.receipt.warning,
            timings=Timings(proved_s=None if proved_at is None else proved_at - press.began_at),
            elsewhere_open=judgement.elsewhere_open,
            orders_checked=judgement.orders_checked,
        )

    @staticmethod
    def _earliest(press: Press) -> float:
        return next(at for at in (press.answered_at, press.sent_at, press.began_at) if at is not None)

    async def _refused(
        self, press: Press, picture: Picture, error: RefusedError, until: float | None
    ) -> Outcome:
        """The state is read all the same; "no position" with proof is as good as nothing open."""
        if error.reason.cause is not Cause.NO_POSITION:
            return self._desk.refused(press, error.reason, await self._desk.look(press))
        case = self._case(press, picture, nothing_to_close=True, until=until)
        proved = await self._verify(press, case, Phase.VERIFYING)
        if proved.verdict in PROVED:
            return proved
        is_away = proved.reason is not None and proved.reason.cause in UNTOLD
        if proved.verdict in _WORSE_THAN_A_REFUSAL or is_away:
            return replace(proved, warning=error.reason.said)
        fates = tuple(
            Fate(fate.account, Verdict.REFUSED, still_open=fate.still_open, reason=error.reason)
            for fate in proved.fates
        )
        return Outcome(
            Verdict.REFUSED,
            self._desk.clock.now(),
            fates=fates,
            reason=error.reason,
            elsewhere_open=proved.elsewhere_open,
        )


def headline_of(case: "FlattenCase", judgement: "Judgement") -> tuple[Verdict, Reason | None]:
    """The worst fate, and why; "every account" also needs to know which accounts there are."""
    worst = headline(judgement.fates)
    if judgement.scope_reason is not None or worst is None:
        general = Verdict.CANNOT_TELL if case.doubt is None else Verdict.UNKNOWN
        if worst is None or general.rank < worst.rank:
            return general, case.doubt or judgement.scope_reason or Reason(Cause.NOT_CONNECTED)
    counting = (fate for fate in judgement.fates if fate.takes_headline)
    return worst, next((fate.reason for fate in counting if fate.verdict is worst), None)
