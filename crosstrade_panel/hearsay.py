"""What others say of presses: looked up in the journal, which alone is believed."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import TypeAlias

from crosstrade_panel.domain.outcome import Cause, Fate, Outcome, Reason, Timings, Verdict
from crosstrade_panel.domain.scope import Side
from crosstrade_panel.domain.snapshot import Order, Position
from crosstrade_panel.elsewhere import presses_of
from crosstrade_panel.storage.journal_file import JournalFileError
from crosstrade_panel.storage.journal_view import PressRecord
from crosstrade_panel.storage.owner import this_process
from crosstrade_panel.trading.ports import Clock, Fact
from crosstrade_panel.trading.press import Phase, Press

_log = logging.getLogger(__name__)

Recent: TypeAlias = "Callable[[int], Future[list[PressRecord]]]"

_ROWS = 100
_WAIT_S = 5.0
_BREATH_S = 0.1
_MOST_IDS = 32
_AGAIN_S = 1.0
_OLDEST_S = 120.0
"""A press lasts half a minute at most; what is older was seen, or is in the journal's list."""


class Hearsay:
    """Presses that somebody said to look at.

    Whoever says so may lie, repeat itself, or say it a thousand times: shown is only what the journal has as
    another process's press against this server, of late and not acknowledged.
    """

    def __init__(self, recent: Recent, clock: Clock) -> None:
        """`recent` asks the journal for its latest presses."""
        self._recent = recent
        self._clock = clock
        self._ids: set[str] = set()
        self._news = asyncio.Event()

    def hear(self, press_id: str) -> None:
        """Look at this press, soon."""
        if len(self._ids) < _MOST_IDS:
            self._ids.add(press_id)
            self._news.set()

    async def run(self, origin: str, show: Callable[[Press], None]) -> None:
        """Look up what is heard, until cancelled; `show` is handed each press that is to be shown.

        The word at a press's end may be lost, so one without an outcome is looked up again until it has one.
        """
        still_open: set[str] = set()
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_AGAIN_S if still_open else None):
                    await self._news.wait()
            self._news.clear()
            heard, self._ids = self._ids, set()
            found = self._found(heard | still_open, origin, await self._records())
            still_open = {press.id for press in found if press.outcome is None}
            for press in found:
                if press.id in heard or press.outcome is not None:
                    show(press)
            await asyncio.sleep(_BREATH_S)

    async def _records(self) -> list[PressRecord]:
        try:
            async with asyncio.timeout(_WAIT_S):
                return await asyncio.wrap_future(self._recent(_ROWS))
        except (TimeoutError, JournalFileError) as error:
            _log.info("a press of another process could not be looked up: %r", error)
            return []

    def _found(self, wanted: set[str], origin: str, records: list[PressRecord]) -> list[Press]:
        me, oldest = this_process(), self._clock.monotonic() - _OLDEST_S
        rows = {
            record.press_id: record
            for record in records
            if record.press_id in wanted
            and record.owner != me
            and (record.owner_alive or record.owner.is_of_this_boot())
            and record.began_system_s >= oldest
            and not record.acknowledged
        }
        return [_told(press, rows[press.id]) for press in presses_of(rows.values(), origin)]


def _told(press: Press, record: PressRecord) -> Press:
    """The press with all that its rows tell of the outcome; one whose process died without is UNKNOWN."""
    outcome = press.outcome
    if outcome is not None:
        outcome = _complete(outcome, record.ended_facts)
    elif not record.owner_alive:
        reason = Reason(Cause.INTERRUPTED)
        outcome = Outcome(Verdict.UNKNOWN, record.at, (), press.scope, press.ticket, reason=reason)
    return replace(press, outcome=outcome, phase=press.phase if outcome is None else Phase.ENDED)


def _complete(outcome: Outcome, facts: Mapping[str, Fact]) -> Outcome:
    return replace(
        outcome,
        fates=tuple(_fate(row) for row in _rows(facts.get("fates"))),
        reason=_reason(facts),
        timings=Timings(
            *(_number(facts.get(f"{name}_s")) for name in ("sent", "delivered", "answered", "proved"))
        ),
        elsewhere_open=_whole(facts.get("elsewhere_open")),
        late_s=_number(facts.get("late_s")),
    )


def _fate(row: Mapping[str, Fact]) -> Fate:
    account = _text(row.get("account")) or "?"
    return Fate(
        account,
        _verdict(row.get("verdict")),
        tuple(_position(each) for each in _rows(row.get("still_open"))),
        tuple(_order(each, account) for each in _rows(row.get("working_orders"))),
        reason=_reason(row),
        takes_headline=row.get("headline") is not False,
    )


def _rows(value: Fact) -> list[Mapping[str, Fact]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _order(row: Mapping[str, Fact], account: str) -> Order:
    return Order(
        _text(row.get("account")) or account,
        _text(row.get("order_id")),
        _text(row.get("instrument")),
        _text(row.get("state")),
        _text(row.get("order_type")),
        _text(row.get("action")),
        quantity=_whole(row.get("quantity")),
        filled=_whole(row.get("filled")),
        limit_price=_decimal(row.get("limit_price")),
        stop_price=_decimal(row.get("stop_price")),
    )


def _position(row: Mapping[str, Fact]) -> Position:
    side = row.get("side")
    return Position(
        account=_text(row.get("account")),
        instrument=_text(row.get("instrument")),
        side=Side(side) if side in {each.value for each in Side} else None,
        quantity=_whole(row.get("quantity")),
        average_price=_decimal(row.get("average_price")),
    )


def _verdict(value: Fact) -> Verdict:
    try:
        return Verdict(value)
    except ValueError:  # written by another version
        return Verdict.UNKNOWN


def _reason(facts: Mapping[str, Fact]) -> Reason | None:
    try:
        cause = Cause(facts.get("cause"))
    except ValueError:
        return None
    return Reason(cause, _text(facts.get("said")) or "", _whole(facts.get("status")))


def _text(value: Fact) -> str | None:
    return value if isinstance(value, str) else None


def _whole(value: Fact) -> int | None:
    return value if isinstance(value, int) else None


def _number(value: Fact) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _decimal(value: Fact) -> Decimal | None:
    try:
        return Decimal(value) if isinstance(value, str) else None
    except InvalidOperation:
        return None
