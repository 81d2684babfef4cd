"""What the journal is told of a press: every step as a row of its own, in plain facts."""

from concurrent.futures import Future
from decimal import Decimal

from crosstrade_panel.domain.cancel import CancelRequest
from crosstrade_panel.domain.outcome import Outcome, Reason
from crosstrade_panel.domain.scope import account_of
from crosstrade_panel.domain.snapshot import AccountsRead, Order, Position, PositionsRead
from crosstrade_panel.trading.ports import Clock, Entry, EntryKind, Fact, Journal, Receipt, Way
from crosstrade_panel.trading.press import Press
from crosstrade_panel.trading.reads import FailedRead, Read


class Record:
    """Writes the story of a press. `origin` and `is_practice` say against which server it was made."""

    def __init__(self, journal: Journal, clock: Clock, origin: str, *, is_practice: bool) -> None:
        """Write to that journal."""
        self._journal = journal
        self._clock = clock
        self.origin = origin
        self._is_practice = is_practice

    @property
    def problem(self) -> str | None:
        """Why nothing is being written just now; None while all is well."""
        return self._journal.problem

    def intent(self, press: Press) -> "Future[bool]":
        """What is about to be sent; done once it is committed, or cannot be."""
        facts: dict[str, Fact] = {
            "action": _action(press),
            "account": account_of(press.scope),
            "instrument": press.scope.instrument,
            "side": None if press.scope.side is None else press.scope.side.value,
            "origin": self.origin,
            "practice": self._is_practice,
        }
        if press.ticket is not None:
            ticket = press.ticket
            facts |= {
                "side": ticket.leaving.value,
                "order_action": ticket.action.value,
                "quantity": ticket.quantity,
                "order_type": ticket.order_type.value,
                "time_in_force": ticket.time_in_force.value,
                "limit_price": _number(ticket.limit_price),
                "stop_price": _number(ticket.stop_price),
                "oco_id": ticket.oco_id,
                "strategy": ticket.strategy,
            }
        if press.cancel is not None:
            facts["orders"] = [order_facts(order) for order in press.cancel.orders]
        return self._write(press, EntryKind.INTENT, facts)

    def attempt(self, press: Press, number: int, way: Way, request: CancelRequest | None = None) -> None:
        """The request is handed to the link now; of a cancel, which one."""
        self._write(press, EntryKind.ATTEMPT, {"number": number, "way": way.value, **_request_facts(request)})

    def answer(self, press: Press, receipt: Receipt, request: CancelRequest | None = None) -> None:
        """The server accepted."""
        facts: dict[str, Fact] = {
            "result": "accepted",
            **_report_facts(receipt),
            "sent_s": receipt.sent_at - press.began_at,
            "answered_s": receipt.answered_at - press.began_at,
            **_request_facts(request),
        }
        self._write(press, EntryKind.ANSWER, facts)

    def failure(
        self,
        press: Press,
        result: str,
        reason: Reason,
        request: CancelRequest | None = None,
        *,
        receipt: Receipt | None = None,
    ) -> None:
        """No accepted answer: not sent, refused, or unknown; `receipt`: what it reported all the same."""
        report = {} if receipt is None else _report_facts(receipt)
        facts = {"result": result, **report, **reason_facts(reason), **_request_facts(request)}
        self._write(press, EntryKind.ANSWER, facts)

    def read(self, press: Press, read: Read) -> None:
        """What one read after the press showed."""
        self._write(press, EntryKind.READ, read_facts(read))

    def note(self, press: Press, text: str) -> None:
        """Something that belongs to the story."""
        self._write(press, EntryKind.NOTE, {"text": text})

    def outcome(self, press: Press, outcome: Outcome) -> "Future[bool]":
        """How it ended, as told to the trader; done once it is committed, or cannot be."""
        timings = outcome.timings
        facts: dict[str, Fact] = {
            "verdict": outcome.verdict.value,
            "fates": [
                {
                    "account": fate.account,
                    "verdict": fate.verdict.value,
                    "still_open": [position_facts(row) for row in fate.still_open],
                    "working_orders": [order_facts(order) for order in fate.working_orders],
                    "ended_orders": [order_facts(order) for order in fate.ended_orders],
                    "headline": fate.takes_headline,
                    **({} if fate.reason is None else reason_facts(fate.reason)),
                }
                for fate in outcome.fates
            ],
            "sent_s": timings.sent_s,
            "delivered_s": timings.delivered_s,
            "answered_s": timings.answered_s,
            "proved_s": timings.proved_s,
            "elsewhere_open": outcome.elsewhere_open,
            "orders_checked": list(outcome.orders_checked),
            "late_s": outcome.late_s,
            "flat_at": None if outcome.flat_at is None else outcome.flat_at.isoformat(),
        }
        if outcome.reason is not None:
            facts |= reason_facts(outcome.reason)
        return self._write(press, EntryKind.OUTCOME, facts)

    def acknowledged(self, press: Press) -> None:
        """The trader has seen the outcome."""
        self._write(press, EntryKind.ACKNOWLEDGED, {})

    def _write(self, press: Press, kind: EntryKind, facts: dict[str, Fact]) -> "Future[bool]":
        after_s = self._clock.monotonic() - press.began_at
        return self._journal.write(Entry(press.id, kind, after_s, self._clock.now(), facts))


def _action(press: Press) -> str:
    if press.cancel is not None:
        return "cancel"
    return "reverse" if press.is_reverse else "flatten"


def _report_facts(receipt: Receipt) -> dict[str, Fact]:
    closed = receipt.closed_positions
    return {
        "order_ids": list(receipt.order_ids),
        "closed_positions": None if closed is None else [position_facts(row) for row in closed],
        "warning": receipt.warning,
    }


def _request_facts(request: CancelRequest | None) -> dict[str, Fact]:
    """Which of a cancel's requests a row is about."""
    if request is None:
        return {}
    return {"account": request.account, "instrument": request.instrument, "order_id": request.order_id}


def _number(value: Decimal | None) -> str | None:
    return None if value is None else f"{value:f}"


def reason_facts(reason: Reason) -> dict[str, Fact]:
    """A reason as plain facts."""
    return {"cause": reason.cause.value, "said": reason.said, "status": reason.status}


def position_facts(row: Position) -> dict[str, Fact]:
    """A position as plain facts; prices as text, so that none is rounded."""
    return {
        "account": row.account,
        "instrument": row.instrument,
        "side": None if row.side is None else row.side.value,
        "quantity": row.quantity,
        "average_price": _number(row.average_price),
        "market_price": _number(row.market_price),
        "unrealized": _number(row.unrealized),
    }


def order_facts(order: Order) -> dict[str, Fact]:
    """An order as plain facts."""
    return {
        "account": order.account,
        "order_id": order.order_id,
        "instrument": order.instrument,
        "state": order.state,
        "order_type": order.order_type,
        "action": order.action,
        "quantity": order.quantity,
        "filled": order.filled,
        "limit_price": _number(order.limit_price),
        "stop_price": _number(order.stop_price),
    }


def read_facts(read: Read) -> dict[str, Fact]:
    """A read as plain facts: where from, when, what it listed, and what was wrong with it."""
    match read:
        case FailedRead(source=source, reason=reason, account=account):
            whose: dict[str, Fact] = {} if account is None else {"account": account}
            return {"source": source.value, "failed": True, **whose, **reason_facts(reason)}
        case PositionsRead():
            rows: list[Fact] = [position_facts(row) for row in read.positions]
            facts: dict[str, Fact] = {"source": read.source.value, "positions": rows}
        case AccountsRead():
            facts = {"source": "accounts", "accounts": [account.name for account in read.accounts]}
        case _:  # the orders
            working: list[Fact] = [order_facts(order) for order in read.orders if order.is_working]
            facts = {"source": "orders", "account": read.account, "working": working}
    spoiled: list[Fact] = [*sorted(read.flaws.accounts)]
    return facts | {
        "took_s": read.stamp.answered_at - read.stamp.sent_at,
        "epoch_ms": read.stamp.epoch_ms,
        "flaw": read.flaws.everything,
        "spoiled_accounts": spoiled,
    }
