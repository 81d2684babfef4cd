"""Cancel the listed orders: each request sent once, and told only by what was read of them."""

import asyncio
from collections.abc import Coroutine

from crosstrade_panel.domain.cancel import CancelRequest, ListedOrders, cancel_requests
from crosstrade_panel.domain.names import fold
from crosstrade_panel.domain.outcome import Cause, Outcome, Reason, Timings, Verdict, headline
from crosstrade_panel.domain.scope import OneAccount
from crosstrade_panel.domain.snapshot import OrdersRead, PositionsRead, in_scope, tells_of_all
from crosstrade_panel.domain.value import dataclass
from crosstrade_panel.trading.cancel_proof import CancelCase, CancelProof, Sent
from crosstrade_panel.trading.desk import Desk
from crosstrade_panel.trading.evidence import Evidence
from crosstrade_panel.trading.ports import NotSentError, Receipt, RefusedError, UnknownOutcomeError, Way
from crosstrade_panel.trading.press import Phase, Press

_AT_ONCE = 4
"""Requests under way at the same time; the API takes 20 in a burst from all of a user's tools together."""


@dataclass(frozen=True, slots=True)
class _Result:
    """What came of one request; the times are None where nothing left or nothing came back."""

    request: CancelRequest
    sent: Sent
    reason: Reason | None = None
    sent_at: float | None = None
    answered_at: float | None = None
    order_ids: tuple[str, ...] = ()


class Cancel:
    """Cancels the orders of a press."""

    def __init__(self, desk: Desk) -> None:
        """Work at that desk."""
        self._desk = desk
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def __call__(self, press: Press) -> Outcome:
        """Carry out a press that is in the book already; its outcome is also left in it."""
        return await self._desk.carry_out(press, self._run(press))

    async def _run(self, press: Press) -> Outcome:
        desk, listed = self._desk, press.cancel
        if listed is None:
            raise AssertionError  # pragma: no cover - the caller makes cancels with their orders
        await desk.note_intent(press)
        if self._newest() is None:
            await desk.look(press)
            press.read_since_answer = False
        if (why := self._why_not(listed)) is not None:
            raise NotSentError(Reason(why))
        requests = cancel_requests(listed, self._fresh_orders())
        silence = desk.break_silence(press)
        left: set[int] = set()
        try:
            results = await _all_of(
                [self._send(press, number, request, left) for number, request in enumerate(requests, 1)]
            )
        except asyncio.CancelledError:
            # Whichever was broken off last speaks for itself only, not for the others.
            press.may_have_left = bool(left)
            raise asyncio.CancelledError from None
        finally:
            silence.cancel()
        self._take(press, results)
        if all(result.sent is Sent.NOT for result in results):
            return desk.not_sent(press, results[0].reason or Reason(Cause.INTERNAL))
        return await self._verify(press, listed, results)

    def _why_not(self, listed: ListedOrders) -> Cause | None:
        """Whether a position may be open in a pair of these orders: one of them may be what closes it."""
        latest = self._newest()
        if latest is None:
            return Cause.NOT_READ
        pairs = {OneAccount(order.account, order.instrument) for order in listed.orders}
        if any(in_scope(pair, latest.positions) for pair in pairs):
            return Cause.NOT_AS_READ
        is_told = all(tells_of_all(pair, latest, self._desk.watch.accounts) for pair in pairs)
        return None if is_told else Cause.NOT_READ

    def _newest(self) -> PositionsRead | None:
        """The newest read of the positions, where it is young enough to say what is open now."""
        age_s = self._desk.watch.age_s()
        return None if age_s is None or age_s > self._desk.pace.fresh_s else self._desk.watch.latest

    def _fresh_orders(self) -> dict[str, OrdersRead]:
        """The newest reads of the orders that are young enough to say that no other order works in a pair."""
        watch = self._desk.watch
        fresh_from = max(self._desk.clock.monotonic() - self._desk.pace.fresh_s, watch.anew_at)
        return {key: read for key, read in watch.orders_read.items() if read.stamp.sent_at >= fresh_from}

    async def _send(self, press: Press, number: int, request: CancelRequest, left: set[int]) -> _Result:
        """Send one request, once; `left` keeps the numbers of those that may have left."""
        desk = self._desk
        async with self._turns:
            desk.begin_sending(press, number, Way.REST, request)
            left.add(number)
            try:
                receipt = await self._call(request)
            except asyncio.CancelledError as error:
                if isinstance(error.__cause__, NotSentError):
                    left.discard(number)
                raise
            except NotSentError as error:
                left.discard(number)
                reason, result = error.reason, _Result(request, Sent.NOT, error.reason)
            except RefusedError as error:
                is_gone = error.reason.cause is Cause.ORDER_GONE
                sent = Sent.GONE if is_gone else Sent.REFUSED
                reason = error.reason
                result = _Result(request, sent, error.reason, error.sent_at, error.answered_at)
            except UnknownOutcomeError as error:
                reason = error.reason
                result = _Result(request, Sent.DOUBTFUL, error.reason, error.sent_at, error.answered_at)
            else:
                desk.record.answer(press, receipt, request)
                ids = receipt.order_ids
                return _Result(request, Sent.ACCEPTED, None, receipt.sent_at, receipt.answered_at, ids)
        desk.record.failure(press, result.sent.value, reason, request)
        desk.watch.back_off(reason)
        if result.sent is Sent.GONE and request.order_id is not None:
            desk.watch.ended_orders.add(request.order_id)
        return result

    async def _call(self, request: CancelRequest) -> Receipt:
        if request.instrument is not None:
            return await self._desk.gateway.cancel_orders(request.account, request.instrument)
        return await self._desk.gateway.cancel_order(request.account, request.order_id or "")

    @staticmethod
    def _take(press: Press, results: list[_Result]) -> None:
        sent = [result.sent_at for result in results if result.sent_at is not None]
        answered = [result.answered_at for result in results]
        press.sent_at = min(sent, default=None)
        # Answered is what all of it is; one request without an answer leaves the press without one.
        press.answered_at = None
        if answered and None not in answered:
            press.answered_at = max(at for at in answered if at is not None)
        press.order_ids = tuple(dict.fromkeys(each for result in results for each in result.order_ids))
        press.may_have_left = any(result.sent is not Sent.NOT for result in results)

    async def _verify(self, press: Press, listed: ListedOrders, results: list[_Result]) -> Outcome:
        desk = self._desk
        in_doubt = any(result.sent is Sent.DOUBTFUL for result in results)
        desk.change(press, Phase.CHECKING if in_doubt else Phase.VERIFYING)
        by_account: dict[str, list[tuple[Sent, Reason | None]]] = {}
        for result in results:
            by_account.setdefault(fold(result.request.account), []).append((result.sent, result.reason))
        sent = {key: tuple(each) for key, each in by_account.items()}
        case = CancelCase(listed, sent, desk.pace.second_read_s)
        now = desk.clock.monotonic()
        judgement = await desk.verify(press, CancelProof(case, Evidence(now)))
        verdict = headline(judgement.fates) or Verdict.NOT_PROVED
        proved_at = judgement.proved_at if verdict is Verdict.CANCELLED else None
        return Outcome(
            verdict,
            desk.clock.now() if proved_at is None else desk.wall_time(proved_at),
            fates=judgement.fates,
            reason=next((fate.reason for fate in judgement.fates if fate.verdict is verdict), None),
            timings=Timings(proved_s=None if proved_at is None else proved_at - press.began_at),
        )


async def _all_of(sending: list[Coroutine[None, None, _Result]]) -> list[_Result]:
    """What came of all of them; where one failed in a way that is not foreseen, not before the others end."""
    ended = await asyncio.gather(*sending, return_exceptions=True)
    failures = [each for each in ended if isinstance(each, BaseException)]
    if failures:
        raise failures[0]
    return [each for each in ended if not isinstance(each, BaseException)]
