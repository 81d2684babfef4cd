"""JSON to domain and back: the only place that knows the API's field names.

Tolerant in what is read (extra fields, `data` wrappers, several shapes of a list), never of absence: a list
key that is not there is a failed read and no empty list. Strict in what is written.
"""

import contextlib
import re
from collections.abc import Generator, Iterator, Mapping
from dataclasses import field
from datetime import UTC, datetime
from decimal import Decimal
from typing import TypeAlias
from urllib.parse import quote

import msgspec

from crosstrade_panel.crosstrade import untrusted
from crosstrade_panel.crosstrade.steps import at_once
from crosstrade_panel.crosstrade.untrusted import Json, Object, UnreadableError
from crosstrade_panel.domain.names import fold
from crosstrade_panel.domain.outcome import Cause, Reason
from crosstrade_panel.domain.scope import (
    EveryAccount,
    OneAccount,
    Scope,
    ScopeError,
    Side,
    account_of,
    require_name,
)
from crosstrade_panel.domain.snapshot import (
    Account,
    AccountsRead,
    Flaws,
    Order,
    OrdersRead,
    Position,
    PositionsRead,
    Source,
    Stamp,
)
from crosstrade_panel.domain.ticket import Action, OrderType, ReverseTicket, TimeInForce
from crosstrade_panel.domain.value import dataclass
from crosstrade_panel.trading.ports import ReadFailedError, Receipt, RefusedError, UnknownOutcomeError

FLATTEN_PATH = "/v1/api/positions/flatten"
POSITIONS_PATH = "/v1/api/positions?includeFlat=false"
SNAPSHOT_PATH = "/v1/api/accounts/snapshot"
ACCOUNTS_PATH = "/v1/api/accounts"
STREAM_PATH = "/ws/stream"

_SIDES = {"long": Side.LONG, "short": Side.SHORT}
_FLAT = "flat"
_ROWS_A_STEP = 250
# Each transport is sent the spelling that its own page shows.
_Words: TypeAlias = Mapping[Action | OrderType | TimeInForce, str]
_REST_WORDS: _Words = {
    Action.BUY: "BUY",
    Action.SELL: "SELL",
    OrderType.MARKET: "MARKET",
    OrderType.LIMIT: "LIMIT",
    OrderType.STOP_MARKET: "STOPMARKET",
    OrderType.STOP_LIMIT: "STOPLIMIT",
    TimeInForce.DAY: "DAY",
    TimeInForce.GTC: "GTC",
}
_STREAM_WORDS: _Words = {
    Action.BUY: "Buy",
    Action.SELL: "Sell",
    OrderType.MARKET: "Market",
    OrderType.LIMIT: "Limit",
    OrderType.STOP_MARKET: "StopMarket",
    OrderType.STOP_LIMIT: "StopLimit",
    TimeInForce.DAY: "Day",
    TimeInForce.GTC: "Gtc",
}
_ORDER_GONE = re.compile(r"\balready terminal\b", re.IGNORECASE)
_NO_POSITION = re.compile(r"\bno (?:open )?positions?\b", re.IGNORECASE)
# What a press reports to have done. A flatten has the lists, a reverse the one id.
_DONE_KEYS = ("orderIds", "closedPositions", "orderId")
# What stands in for a status over the stream, where an error has only words.
_RATE_LIMIT = re.compile(r"rate limit exceeded\b", re.IGNORECASE)
"""The API's own words, first in its error; the limit of somebody behind it stands elsewhere, or later."""
_NOT_HEARD = re.compile(
    r"\btim(?:ed?|ing)[ -]?out\b|\bnot (?:connected|running)\b|\boffline\b", re.IGNORECASE
)
_SERVER_FAILED = re.compile(
    r"\binternal (?:server )?error\b|\bbad gateway\b|\bservice (?:temporarily )?unavailable\b", re.IGNORECASE
)
_TAKEN_OVER = re.compile(r"\bsession active elsewhere\b", re.IGNORECASE)
_SECONDS = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")
_LONGEST_RETRY_S = 86_400


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole reply. Header names are lower case; the times are monotonic seconds.

    `sent_at`: last byte of the request handed to the system. `answered_at`: last byte of the reply read.
    """

    status: int
    body: bytes
    sent_at: float
    answered_at: float
    headers: Mapping[str, str] = field(default_factory=dict)


# -- writing ---


def flatten_body(scope: Scope) -> bytes:
    """The body that asks for exactly this scope; `{}` means everything, and only that scope has it."""
    body: dict[str, str] = {}
    account = account_of(scope)
    if account is not None:
        body["account"] = account
    if scope.instrument is not None:
        body["instrument"] = scope.instrument
    if scope.side is not None:
        body["marketPosition"] = scope.side.value
    return msgspec.json.encode(body)


def scope_of_body(body: bytes) -> Scope:
    """The scope that a flatten body asks for, read as strictly as possible.

    Raises:
        ScopeError: it is not a body that `flatten_body` makes.
    """
    try:
        fields = untrusted.decode(body)
    except UnreadableError as error:
        raise ScopeError("the body is no JSON") from error
    return _scope_of(fields)


def _scope_of(fields: Json) -> Scope:
    if not isinstance(fields, dict):
        raise ScopeError("the body is no object")
    texts: dict[str, str] = {}
    for key, value in fields.items():
        if key not in {"account", "instrument", "marketPosition"} or not isinstance(value, str):
            raise ScopeError("the body has a field that a scope does not have")
        texts[key] = value
    side = None
    if "marketPosition" in texts:
        side = _SIDES.get(texts["marketPosition"])
        if side is None:
            raise ScopeError("the body names a side that does not exist")
    if "account" in texts:
        return OneAccount(texts["account"], texts.get("instrument"), side)
    return EveryAccount(texts.get("instrument"), side)


def reverse_path(ticket: ReverseTicket) -> str:
    """The path of a reverse, the account percent-encoded in it."""
    return f"/v1/api/accounts/{quote(ticket.account, safe='')}/positions/reverseposition"


def reverse_body(ticket: ReverseTicket) -> bytes:
    """The body of a reverse; what is not set is left out, prices are plain numbers equal to those typed."""
    return msgspec.json.encode(_reverse_fields(ticket, _REST_WORDS))


def _reverse_fields(ticket: ReverseTicket, words: _Words) -> dict[str, str | int | msgspec.Raw]:
    body: dict[str, str | int | msgspec.Raw] = {
        "instrument": ticket.instrument,
        "action": words[ticket.action],
        "quantity": ticket.quantity,
        "orderType": words[ticket.order_type],
        "timeInForce": words[ticket.time_in_force],
    }
    if ticket.limit_price is not None:
        body["limitPrice"] = _plain(ticket.limit_price)
    if ticket.stop_price is not None:
        body["stopPrice"] = _plain(ticket.stop_price)
    if ticket.oco_id is not None:
        body["ocoId"] = ticket.oco_id
    if ticket.strategy is not None:
        body["strategy"] = ticket.strategy
    return body


def _plain(price: Decimal) -> msgspec.Raw:
    # msgspec writes a Decimal as a string, or as 1E+2; neither is a price to another parser.
    return msgspec.Raw(format(price, "f").encode())


def orders_path(account: str) -> str:
    """The path of the orders of one account, terminal ones left out as far as the server does that."""
    return f"/v1/api/accounts/{quote(account, safe='')}/orders?activeOnly=true"


def cancel_path(account: str, order_id: str) -> str:
    """The path that cancels one order; its body is `{}`.

    Raises:
        ScopeError: a blank or a dot in place of a name: what is left could be the path of all orders.
    """
    require_name("account", account)
    require_name("order id", order_id)
    return f"/v1/api/accounts/{quote(account, safe='')}/orders/{quote(order_id, safe='')}/cancel"


def cancel_orders_path(account: str) -> str:
    """The path that cancels the orders of an account; the body narrows it to an instrument.

    Raises:
        ScopeError: a blank account.
    """
    require_name("account", account)
    return f"/v1/api/accounts/{quote(account, safe='')}/orders/cancel"


def cancel_orders_body(instrument: str) -> bytes:
    """The body that narrows a cancel to one instrument; without it all of the account would be meant.

    Raises:
        ScopeError: a blank instrument.
    """
    require_name("instrument", instrument)
    return msgspec.json.encode({"instrument": instrument})


def flatten_frame(frame_id: str, scope: Scope) -> bytes:
    """The frame that asks for exactly this scope. Here everything has a function of its own."""
    return _frame(frame_id, _flatten_function(scope), msgspec.Raw(flatten_body(scope)))


def scope_of_frame(frame: bytes) -> Scope:
    """The scope that a flatten frame asks for, read as strictly as possible.

    Raises:
        ScopeError: it is not a frame that `flatten_frame` makes.
    """
    try:
        fields = untrusted.decode(frame)
    except UnreadableError as error:
        raise ScopeError("the frame is no JSON") from error
    match fields:
        case {"action": "rpc", "id": str(), "api": str() as function, "args": args, **others} if not others:
            scope = _scope_of(args)
        case _:
            raise ScopeError("the frame is no flatten")
    if function != _flatten_function(scope):
        raise ScopeError("the function is not the one of that scope")
    return scope


def reverse_frame(frame_id: str, ticket: ReverseTicket) -> bytes:
    """The frame of a reverse: the account among the arguments, the words in the stream's own case."""
    arguments = {"account": ticket.account, **_reverse_fields(ticket, _STREAM_WORDS)}
    return _frame(frame_id, "ReversePosition", arguments)


def positions_frame(frame_id: str) -> bytes:
    """The frame that asks for all open positions."""
    return _frame(frame_id, "GetAllPositions", {"includeFlat": False})


def _flatten_function(scope: Scope) -> str:
    return "FlattenEverything" if scope == EveryAccount() else "Flatten"


def _frame(frame_id: str, function: str, arguments: object) -> bytes:
    return msgspec.json.encode({"action": "rpc", "id": frame_id, "api": function, "args": arguments})


def position_fields(position: Position) -> dict[str, str | int | float | None]:
    """A position under the API's own field names, for people's scripts; null where a field was not read."""
    return {
        "type": position.row_type,
        "account": position.account,
        "instrument": position.instrument,
        "instrumentType": position.instrument_type,
        "marketPosition": position.side.value.capitalize() if position.side is not None else None,
        "quantity": position.quantity,
        "averagePrice": _as_number(position.average_price),
        "marketPrice": _as_number(position.market_price),
        "unrealizedProfitLoss": _as_number(position.unrealized),
    }


def _as_number(value: Decimal | None) -> int | float | None:
    if value is None:
        return None
    return int(value) if value == value.to_integral_value() else float(value)


# -- the envelope ---


def _fields(answer: Json) -> Object:
    """The fields of an answer, flat or under `data`; the outer one wins.

    Raises:
        UnreadableError: it is no object.
    """
    if not isinstance(answer, dict):
        raise UnreadableError("no object")
    data = answer.get("data")
    return {**data, **answer} if isinstance(data, dict) else answer


def _levels(answer: Object) -> Iterator[Object]:
    """The answer, what its `data` holds, and so on: a no counts however deep it is wrapped."""
    level: Json | Object = answer
    while isinstance(level, dict):
        yield level
        level = level.get("data")


def _says_failure(answer: Object) -> bool:
    """Whether any level says `success` and means no, or has an `error`."""
    return any(
        (level.get("success") is not None and level["success"] is not True) or bool(level.get("error"))
        for level in _levels(answer)
    )


def _says_neither(answer: Object) -> bool:
    """Whether `success` is something that is neither yes nor no, and no `error` explains it."""
    said = [level.get("success") for level in _levels(answer)]
    odd = any(each is not None and not isinstance(each, bool) for each in said)
    return odd and not any(level.get("error") for level in _levels(answer))


def _says_success(answer: Object) -> bool:
    return any(level.get("success") is True for level in _levels(answer))


def _words(body: bytes) -> str:
    """What the server said: `error`, `detail`, `did_you_mean`; empty where it is not the API's JSON."""
    try:
        answer = untrusted.decode(body)
    except UnreadableError:
        return ""
    if not isinstance(answer, dict):
        return ""
    words: list[str] = []
    for level in _levels(answer):
        parts = (untrusted.text(level.get(key)) for key in ("error", "detail"))
        words += [part for part in parts if part]
        hint = untrusted.text(level.get("did_you_mean"))
        words += [f"did you mean {hint}?"] if hint else []
    return untrusted.clean_text(": ".join(words))


def _retry_after_s(answer: Answer) -> float | None:
    """Seconds to wait as the header or the body says; None where neither can be read (a date is not)."""
    told: list[Json] = [answer.headers.get("retry-after")]
    with contextlib.suppress(UnreadableError):
        told.append(_fields(untrusted.decode(answer.body)).get("retryAfter"))
    return next((seconds for seconds in map(_seconds, told) if seconds is not None), None)


def _seconds(value: Json) -> float | None:
    if isinstance(value, str) and _SECONDS.fullmatch(value.strip()):
        value = Decimal(value.strip())
    seconds = untrusted.decimal(value)
    return float(seconds) if seconds is not None and 0 <= seconds <= _LONGEST_RETRY_S else None


def _cause_of_status(status: int) -> Cause:
    """What a status other than success means."""
    match status:
        case 401 | 403:
            return Cause.TOKEN_REFUSED
        case 404:
            return Cause.WRONG_PATH
        case 408:
            return Cause.NINJATRADER_OFFLINE
        case 429:
            return Cause.OVER_BUDGET
        case _ if 300 <= status < 400:  # noqa: PLR2004 - the classes of HTTP
            return Cause.REDIRECTED
        case _ if 400 <= status < 500:  # noqa: PLR2004
            return Cause.SERVER_SAID_NO
        case _ if 500 <= status < 600:  # noqa: PLR2004
            return Cause.SERVER_FAILED
        case _:
            return Cause.UNREADABLE


def _reason(answer: Answer, cause: Cause | None = None) -> Reason:
    cause = cause or _cause_of_status(answer.status)
    retry_after_s = _retry_after_s(answer) if cause is Cause.OVER_BUDGET else None
    return Reason(cause, _words(answer.body), answer.status, retry_after_s)


def reason_of(answer: Answer) -> Reason:
    """Why a reply is none that was hoped for, by its status, in the server's words."""
    return _reason(answer)


# -- frames of the stream ---


class _Envelope(msgspec.Struct):
    """What is looked at in every frame; the rest is skipped without being made into objects."""

    id: str | None = None


_ENVELOPE = msgspec.json.Decoder(_Envelope)


def id_of_frame(frame: bytes) -> str | None:
    """Whose answer a frame is; None for a push, or for what is no frame of the API."""
    try:
        return _ENVELOPE.decode(frame).id
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def answer_of_frame(frame: bytes, sent_at: float, answered_at: float) -> Answer:
    """An answer of the stream as if it had come over HTTP, so that both are judged by one table.

    The stream has no status. Where the error says so in words it gets the one that HTTP would have had: over
    budget; no word from NinjaTrader, or a server that broke, after either of which it may have acted. Every
    other one is a 200, of which the body decides.
    """
    # Looked for before anything is decoded: a list of positions is long and has neither.
    has_words = b"error" in frame or b"detail" in frame
    status = _status_of_error(frame) if has_words else 200
    return Answer(status, frame, sent_at, answered_at)


def _status_of_error(frame: bytes) -> int:
    try:
        fields = _fields(untrusted.decode(frame))
    except UnreadableError:
        return 200
    said = _words(frame)
    if _says_failure(fields) and not _reports_work(fields) and not _says_success(fields):
        if _NOT_HEARD.search(said):
            return 408
        if _RATE_LIMIT.match(untrusted.text(fields.get("error")) or ""):
            return 429
        if _SERVER_FAILED.search(said):
            return 500
    return 200


def is_taken_over(reason: str) -> bool:
    """Whether the reason of a close says that another connection of this user took its place."""
    return _TAKEN_OVER.search(reason) is not None


# -- the answer to a press ---

_UNKNOWN_CAUSES = frozenset({Cause.NINJATRADER_OFFLINE, Cause.SERVER_FAILED, Cause.UNREADABLE})


def decides_alone(status: int) -> bool:
    """Whether the status of a reply to a press says all, so that its body may be missing."""
    return 300 <= status < 500 and status not in {400, 408}  # noqa: PLR2004 - the classes of HTTP


def read_receipt(answer: Answer) -> Receipt:
    """What the server answered to a press, by the table of the contract's section 2.

    In a refusal over budget `said` is empty unless the API itself answered (JSON with an `error`); a press is
    only ever repeated after such a one.

    Raises:
        RefusedError: the server said no and reported nothing done.
        UnknownOutcomeError: it may have acted.
    """
    if 200 <= answer.status < 300:  # noqa: PLR2004 - the classes of HTTP
        return _read_accepted(answer)
    cause = _cause_of_status(answer.status)
    if cause in _UNKNOWN_CAUSES:
        raise _unknown(answer, _reason(answer))
    if answer.status == 400:  # noqa: PLR2004 - the one refusal that may come after half of the work
        try:
            fields = _fields(untrusted.decode(answer.body))
        except UnreadableError:
            fields = {}
            # One bad character, and behind it the orders that it closed.
            names_work = any(key.encode() in answer.body for key in _DONE_KEYS)
        else:
            names_work = _reports_work(fields)
        if names_work:
            raise _unknown(answer, _reason(answer, Cause.HALF_DONE), _receipt(answer, fields))
    raise _refused(answer)


def _read_accepted(answer: Answer) -> Receipt:
    try:
        decoded = untrusted.decode(answer.body)
        fields = _fields(decoded)
    except UnreadableError as error:
        raise _unknown(answer, _reason(answer, Cause.UNREADABLE)) from error
    if _says_neither(fields):
        raise _unknown(answer, _reason(answer, Cause.SAYS_NOTHING), _receipt(answer, fields))
    if _says_failure(fields):
        # Both at once contradict each other: it may well have acted.
        if _reports_work(fields) or _says_success(fields):
            raise _unknown(answer, _reason(answer, Cause.HALF_DONE), _receipt(answer, fields))
        raise _refused(answer)
    if not _says_success(fields) and not any(fields.get(key) is not None for key in _DONE_KEYS):
        raise _unknown(answer, _reason(answer, Cause.SAYS_NOTHING))
    return _receipt(answer, fields)


def _refused(answer: Answer) -> RefusedError:
    reason = _reason(answer)
    if reason.cause in {Cause.SERVER_SAID_NO, Cause.UNREADABLE}:  # a 400, or a 200 that says no
        reason = Reason(_cause_of_words(reason.said), reason.said, reason.status)
    return RefusedError(reason, sent_at=answer.sent_at, answered_at=answer.answered_at)


def _cause_of_words(said: str) -> Cause:
    if _ORDER_GONE.search(said):
        return Cause.ORDER_GONE
    return Cause.NO_POSITION if _NO_POSITION.search(said) else Cause.SERVER_SAID_NO


def _unknown(answer: Answer, reason: Reason, receipt: Receipt | None = None) -> UnknownOutcomeError:
    return UnknownOutcomeError(
        reason, sent_at=answer.sent_at, answered_at=answer.answered_at, receipt=receipt
    )


def _reports_work(fields: Object) -> bool:
    """Whether any level of the answer names an order or a closed position, in whatever form."""
    return any(
        level.get(key) not in (None, "", [], {}, False) for level in _levels(fields) for key in _DONE_KEYS
    )


def _receipt(answer: Answer, fields: Object) -> Receipt:
    listed = fields.get("orderIds")
    ids: list[Json] = [*(listed if isinstance(listed, list) else []), fields.get("orderId")]
    cleaned = (untrusted.text(each) for each in ids)
    closed = fields.get("closedPositions")
    return Receipt(
        order_ids=tuple(each for each in cleaned if each),
        closed_positions=tuple(_Rows().read(closed)) if isinstance(closed, list) else None,
        warning=untrusted.text(fields.get("warning")) or "",
        sent_at=answer.sent_at,
        answered_at=answer.answered_at,
    )


# -- reads ---


@dataclass(slots=True)
class _Blemishes:
    """What was found wrong while rows were read."""

    everything: str | None = None
    accounts: set[str] = field(default_factory=set)

    def spoil(self, account: str | None, why: str) -> None:
        """Note a bad row; one that names no account spoils all."""
        if account is None:
            self.everything = self.everything or why
        else:
            self.accounts.add(fold(account))

    def count(self, fields: Object, rows: list[Json]) -> None:
        """Note a `count` that is not the number of rows."""
        if "count" in fields and untrusted.whole(fields["count"]) != len(rows):
            self.everything = self.everything or "count differs from the rows"

    def flaws(self) -> Flaws:
        return Flaws(self.everything, frozenset(self.accounts))


class _Rows:
    """Reads rows of positions. A bad one is kept, None for what it does not say, and spoils its account."""

    def __init__(self, blemishes: _Blemishes | None = None) -> None:
        self._blemishes = blemishes or _Blemishes()

    def read(self, rows: list[Json], parent: str | None = None) -> list[Position]:
        """The open rows of a list; those without an account of their own belong to the parent."""
        read = (self._row(row, parent) for row in rows)
        return [position for position in read if position is not None]

    def _row(self, row: Json, parent: str | None) -> Position | None:
        if not isinstance(row, dict):
            self._blemishes.spoil(parent, "a row is no object")
            return Position(parent, None, None, None)
        account = parent if row.get("account") is None else untrusted.name(row["account"])
        if parent is not None and account is not None and fold(account) != fold(parent):
            self._blemishes.spoil(parent, "")
            self._blemishes.spoil(account, "")
        instrument = untrusted.name(row.get("instrument"))
        quantity = untrusted.whole(row.get("quantity"))
        said = row.get("marketPosition")
        said = said.lower() if isinstance(said, str) else None  # casefold would read a ligature as Flat
        if said == _FLAT and quantity == 0 and account is not None:
            return None
        side = _SIDES.get(said) if said is not None else None
        if account is None or instrument is None or side is None or not quantity:
            self._blemishes.spoil(account, "a row names no account")
        return Position(
            account=account,
            instrument=instrument,
            side=side,
            quantity=quantity or None,
            average_price=untrusted.decimal(row.get("averagePrice")),
            market_price=untrusted.decimal(row.get("marketPrice")),
            unrealized=untrusted.decimal(row.get("unrealizedProfitLoss")),
            instrument_type=untrusted.text(row.get("instrumentType")),
            row_type=untrusted.text(row.get("type")),
        )


def read_positions(answer: Answer) -> PositionsRead:
    """The list of open positions.

    Raises:
        ReadFailedError: it shows nothing.
    """
    return at_once(positions_in_steps(answer))


def positions_in_steps(answer: Answer) -> Generator[None, None, PositionsRead]:
    """`read_positions`, so many rows a step: of thousands each takes less than half a frame."""
    fields, rows = yield from _list_of(answer, "positions")
    blemishes = _Blemishes()
    blemishes.count(fields, rows)
    reader = _Rows(blemishes)
    positions = reader.read(rows[:_ROWS_A_STEP])
    for start in range(_ROWS_A_STEP, len(rows), _ROWS_A_STEP):
        yield
        positions += reader.read(rows[start : start + _ROWS_A_STEP])
    stamp = _stamp(answer, fields)
    return PositionsRead(Source.POSITIONS, stamp, tuple(positions), None, blemishes.flaws())


def read_snapshot(answer: Answer) -> PositionsRead:
    """All accounts with their open positions.

    Raises:
        ReadFailedError: it shows nothing.
    """
    return at_once(snapshot_in_steps(answer))


def snapshot_in_steps(answer: Answer) -> Generator[None, None, PositionsRead]:
    """`read_snapshot`, some accounts a step."""
    fields, entries = yield from _list_of(answer, "accounts")
    blemishes = _Blemishes()
    blemishes.count(fields, entries)
    rows = _Rows(blemishes)
    positions: list[Position] = []
    accounts: list[Account] = []
    in_this_step = 0
    for entry in entries:
        if in_this_step >= _ROWS_A_STEP:
            in_this_step = 0
            yield
        in_this_step += 1
        account = _account(entry)
        account_name = account.name if account is not None else None
        if account is not None:
            accounts.append(account)
        else:
            blemishes.spoil(None, "an account has no name")
        held = entry.get("positions") if isinstance(entry, dict) else None
        if isinstance(held, list):
            positions += rows.read(held, account_name)
            in_this_step += len(held)
        else:
            blemishes.spoil(account_name, "an account has no name")
    _spoil_doubles(accounts, blemishes)
    stamp = _stamp(answer, fields)
    return PositionsRead(Source.SNAPSHOT, stamp, tuple(positions), tuple(accounts), blemishes.flaws())


def read_accounts(answer: Answer) -> AccountsRead:
    """The list of accounts: `{"accounts": […]}`, `{"data": […]}` or a bare list, of objects or of names.

    Raises:
        ReadFailedError: it shows nothing.
    """
    return at_once(accounts_in_steps(answer))


def accounts_in_steps(answer: Answer) -> Generator[None, None, AccountsRead]:
    """`read_accounts`, so many rows a step."""
    fields, rows = yield from _list_of(answer, "accounts", "data", bare=True)
    blemishes = _Blemishes()
    blemishes.count(fields, rows)
    accounts: list[Account] = []
    for number, row in enumerate(rows):
        if number and number % _ROWS_A_STEP == 0:
            yield
        account = _account(row)
        if account is not None:
            accounts.append(account)
        else:
            blemishes.spoil(None, "an account has no name")
    _spoil_doubles(accounts, blemishes)
    return AccountsRead(_stamp(answer, fields), tuple(accounts), blemishes.flaws())


def read_orders(answer: Answer, account: str) -> OrdersRead:
    """The orders of one account, terminal ones included where the server lists them.

    An order without a readable state still works; without id or instrument it spoils the account.

    Raises:
        ReadFailedError: it shows nothing.
    """
    return at_once(orders_in_steps(answer, account))


def orders_in_steps(answer: Answer, account: str) -> Generator[None, None, OrdersRead]:
    """`read_orders`, so many rows a step."""
    fields, rows = yield from _list_of(answer, "orders", bare=True)
    blemishes = _Blemishes()
    blemishes.count(fields, rows)
    orders: list[Order] = []
    for number, row in enumerate(rows):
        if number and number % _ROWS_A_STEP == 0:
            yield
        orders.append(_order(row, account, blemishes))
    return OrdersRead(_stamp(answer, fields), account, tuple(orders), blemishes.flaws())


def _list_of(
    answer: Answer, *keys: str, bare: bool = False
) -> Generator[None, None, tuple[Object, list[Json]]]:
    """The fields of a read and the rows under the first key that holds a list.

    Raises:
        ReadFailedError: status, envelope or list are not those of a good read.
    """
    if answer.status != 200:  # noqa: PLR2004 - nothing else is a read
        raise ReadFailedError(_reason(answer))
    try:
        decoded = yield from untrusted.decode_in_steps(answer.body)
        if bare and isinstance(decoded, list):
            return {}, decoded
        fields = _fields(decoded)
    except UnreadableError as error:
        raise ReadFailedError(_reason(answer, Cause.UNREADABLE)) from error
    if _says_failure(fields):
        raise ReadFailedError(_reason(answer, Cause.SERVER_SAID_NO))
    for key in keys:
        rows = fields.get(key)
        if isinstance(rows, list):
            data = fields.get("data")
            wrapped = data.get(key, rows) if isinstance(data, dict) else rows
            if wrapped != rows:  # two lists, and nobody knows which is true
                raise ReadFailedError(_reason(answer, Cause.UNREADABLE))
            return fields, rows
    raise ReadFailedError(_reason(answer, Cause.SAYS_NOTHING))


def _account(row: Json) -> Account | None:
    """An account from an entry of the snapshot, an object of the listing or a bare name; None if nameless."""
    if isinstance(row, dict):
        inner = row.get("account", row)
        row = inner if isinstance(inner, dict | str) else None
    if isinstance(row, str):
        row = {"name": row}
    if row is None or isinstance(row, bool | int | Decimal | list):
        return None
    account_name = untrusted.name(row.get("name"))
    if account_name is None:
        return None
    status, flat = row.get("connectionStatus"), row.get("isAccountFlat")
    return Account(
        name=account_name,
        provider=untrusted.word(row.get("provider")),
        connected=status.lower() == "connected" if isinstance(status, str) else None,
        is_flat=flat if isinstance(flat, bool) else None,
        display_name=untrusted.text(row.get("displayName")),
    )


def _spoil_doubles(accounts: list[Account], blemishes: _Blemishes) -> None:
    """An account listed twice has two pictures, and nobody knows which is true."""
    seen: set[str] = set()
    for account in accounts:
        folded = fold(account.name)
        if folded in seen:
            blemishes.accounts.add(folded)
        seen.add(folded)


def _order(row: Json, account: str, blemishes: _Blemishes) -> Order:
    if not isinstance(row, dict):
        blemishes.spoil(account, "")
        return Order(account, None, None, None)
    own = account if row.get("account") is None else untrusted.name(row["account"])
    order_id, instrument = untrusted.name(row.get("orderId")), untrusted.name(row.get("instrument"))
    if own is None or fold(own) != fold(account):
        blemishes.spoil(own, "a row names no account")
        blemishes.spoil(account, "")
    if order_id is None or instrument is None:
        blemishes.spoil(account, "")
    return Order(
        account=own or account,
        order_id=order_id,
        instrument=instrument,
        state=untrusted.word(row.get("orderState")),
        order_type=untrusted.text(row.get("orderType")),
        action=untrusted.text(row.get("action")),
        quantity=untrusted.whole(row.get("quantity")),
        filled=untrusted.whole(row.get("filled")),
        limit_price=untrusted.decimal(row.get("limitPrice")),
        stop_price=untrusted.decimal(row.get("stopPrice")),
        oco_id=untrusted.text(row.get("ocoId")),
    )


def _stamp(answer: Answer, fields: Object) -> Stamp:
    return Stamp(answer.sent_at, answer.answered_at, _epoch_ms(fields))


def _epoch_ms(fields: Object) -> int | None:
    """The server's time: `epoch` in milliseconds, else `timestamp` in ISO 8601 (UTC if it names no zone)."""
    epoch = untrusted.whole(fields.get("epoch"))
    if epoch is not None:
        return epoch
    timestamp = fields.get("timestamp")
    if not isinstance(timestamp, str):
        return None
    try:
        moment = datetime.fromisoformat(timestamp)
    except ValueError:
        return None
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return int(aware.timestamp() * 1000)
