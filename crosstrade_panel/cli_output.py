"""What the command line prints: the same facts as plain lines or as one JSON object."""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import TextIO, TypeAlias

from crosstrade_panel import cli_texts, texts
from crosstrade_panel.domain.names import fold
from crosstrade_panel.domain.outcome import Outcome, Timings
from crosstrade_panel.domain.scope import Scope, Side, account_of
from crosstrade_panel.domain.snapshot import Account, Order, Position
from crosstrade_panel.domain.ticket import ReverseTicket

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | dict[str, Json] | None"


def say(text: str) -> None:
    """Print to standard output. Whoever closed it changes nothing of what happened, nor the exit code."""
    _write(sys.stdout, text)


def remark(text: str) -> None:
    """Print progress to standard error."""
    _write(sys.stderr, text)


def say_json(value: dict[str, Json]) -> None:
    """Print one object on one line, in ASCII."""
    say(json.dumps(value))


def _write(stream: TextIO | None, text: str) -> None:
    if stream is None:  # started without one (pythonw, a service)
        return
    try:
        stream.write(f"{text}\n")
        stream.flush()
    except (OSError, ValueError):
        # At exit Python would flush it again, complain, and exit with 120.
        with suppress(OSError, ValueError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stream.fileno())
            os.close(null)


# --- an outcome


def outcome_lines(
    outcome: Outcome, detail: str, *, is_practice: bool, has_quantity: bool = True
) -> list[str]:
    """An outcome in words; `detail` stands for the reason where the command line knows more than that.

    `has_quantity`: the quantity of a reverse is known; without it nothing can be said of its order.
    """
    told = replace(outcome, reason=None) if detail else outcome
    told = told if has_quantity else replace(told, ticket=None)
    lines = [texts.outcome_title(told)]
    if told.ticket is not None:
        lines.append(cli_texts.ticket_line(told.ticket))
    if detail:
        lines.append(detail[:1].upper() + detail[1:])
    lines.extend(texts.outcome_lines(told, is_practice=is_practice))
    if outcome.order_ids:
        lines.append(cli_texts.order_ids(outcome.order_ids))
    lines.extend(cli_texts.closed_line(row) for row in outcome.closed_positions)
    return lines


def outcome_object(
    outcome: Outcome, detail: str, *, is_practice: bool, has_quantity: bool = True
) -> dict[str, Json]:
    """An outcome as `--json` prints it. `has_quantity`: the quantity of a reverse is known."""
    ticket = outcome.ticket
    side = outcome.scope.side if outcome.scope is not None else None
    value: dict[str, Json] = {
        "outcome": outcome.verdict.value,
        "detail": _detail(outcome, detail, is_practice=is_practice),
        "scope": _scope(outcome.scope, side if ticket is None else ticket.leaving),
        "accounts": [
            {
                "account": fate.account,
                "outcome": fate.verdict.value,
                "still_open": positions_json(fate.still_open),
                "working_orders": [_order(order) for order in fate.working_orders],
            }
            for fate in outcome.fates
        ],
        "order_ids": list(outcome.order_ids),
        "closed_positions": positions_json(outcome.closed_positions),
        "timings_ms": _timings(outcome.timings),
    }
    if ticket is not None:
        value["ticket"] = _ticket(ticket, has_quantity=has_quantity)
    return value


def _detail(outcome: Outcome, detail: str, *, is_practice: bool) -> str:
    title = texts.outcome_title(outcome)
    if not detail and outcome.reason is not None:
        detail = texts.reason_sentence(outcome.reason, is_practice=is_practice)
    if detail:
        return f"{title}: {detail}"
    return f"{title} · {texts.holder(is_practice=is_practice)}" if texts.was_read(outcome) else title


def _scope(scope: Scope | None, side: Side | None) -> dict[str, Json]:
    return {
        "account": None if scope is None else account_of(scope),
        "instrument": None if scope is None else scope.instrument,
        "side": None if side is None else side.value,
    }


def _timings(timings: Timings) -> dict[str, Json]:
    def ms(seconds: float | None) -> float | None:
        return None if seconds is None else round(seconds * 1000, 1)

    return {"sent": ms(timings.sent_s), "answered": ms(timings.answered_s), "proved": ms(timings.proved_s)}


def _ticket(ticket: ReverseTicket, *, has_quantity: bool) -> dict[str, Json]:
    """The new order, in the words of the command line's own options."""
    return {
        "action": ticket.action.value,
        "quantity": ticket.quantity if has_quantity else None,
        "order_type": ticket.order_type.value,
        "limit_price": number(ticket.limit_price),
        "stop_price": number(ticket.stop_price),
        "time_in_force": ticket.time_in_force.value,
        "oco_id": ticket.oco_id,
        "strategy": ticket.strategy,
    }


def _order(order: Order) -> dict[str, Json]:
    """A working order under the API's field names."""
    return {
        "account": order.account,
        "orderId": order.order_id,
        "instrument": order.instrument,
        "orderType": order.order_type,
        "orderState": order.state,
        "action": order.action,
        "quantity": order.quantity,
        "filled": order.filled,
        "limitPrice": number(order.limit_price),
        "stopPrice": number(order.stop_price),
        "ocoId": order.oco_id,
    }


def positions_json(rows: Iterable[Position]) -> list[Json]:
    """Positions under the API's field names; null where a field was not read."""
    # Slow to import, and a press has loaded it anyway.
    from crosstrade_panel.crosstrade.wire import position_fields  # noqa: PLC0415

    return [dict(position_fields(row)) for row in rows]


def number(value: Decimal | None) -> int | float | None:
    """A price as a JSON number."""
    if value is None:
        return None
    return int(value) if value == value.to_integral_value() else float(value)


# --- a status


def status_lines(
    accounts: Sequence[Account], positions: Sequence[Position], *, is_practice: bool
) -> list[str]:
    """Every account with its open positions beneath."""
    lines = [cli_texts.status_title(len(accounts), len(positions), is_practice=is_practice)]
    left = list(positions)
    for account in accounts:
        mine = [row for row in left if row.account is not None and fold(row.account) == fold(account.name)]
        left = [row for row in left if row not in mine]
        lines.append(cli_texts.account_line(account, is_practice=is_practice))
        lines.extend(f"  {cli_texts.open_line(row)}" for row in mine)
    lines.extend(f"{row.account}: {cli_texts.open_line(row)}" for row in left)
    return lines


def status_object(
    accounts: Sequence[Account],
    positions: Sequence[Position],
    *,
    is_practice: bool,
    detail: str,
    read_s: float | None,
) -> dict[str, Json]:
    """A status as `--json` prints it; `read_s` None: there was no clean read, and the lists are empty."""
    return {
        "clean": read_s is not None,
        "detail": detail,
        "accounts": [
            {
                "account": account.name,
                "mode": cli_texts.mode_word(account, is_practice=is_practice).lower(),
                "provider": account.provider,
                "connected": account.connected,
                "flat": account.is_flat,
            }
            for account in accounts
        ],
        "positions": positions_json(positions),
        "timings_ms": {"read": None if read_s is None else round(read_s * 1000, 1)},
    }
