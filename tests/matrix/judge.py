"""Decides whether what was told of a press may be told, from what the exchange logged and nothing else.

It knows the contract by itself: bodies are read here once more, rows are counted here once more. It imports
nothing that it judges; verdicts are words.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal
from urllib.parse import unquote

from crosstrade_panel.simulator.faults import Call
from crosstrade_panel.simulator.ledger import StateChange

GAP_S = 1.0
DEADLINE_S = 15.0
WINDOW_S = 10.0
STRETCH_S = 2.0
LAST_READ_S = 3.0
REPEATING_S = 3.0
_HANDING_OVER_S = 0.1
"""What may pass between the exchange handing an answer over and somebody having read it."""

_FLAT_WORDS = frozenset({"flat", "flat_orders_not_checked", "nothing_open", "orders_working"})
_PROVED_WORDS = _FLAT_WORDS | {"reversed", "cancelled"}
_OTHER_SIDE = {"Long": "Short", "Short": "Long"}
_ENDED_ORDERS = frozenset({"Filled", "Cancelled", "Rejected"})
_FUNCTIONS = {
    "Flatten": "flatten",
    "FlattenEverything": "flatten",
    "ReversePosition": "reverse",
    "Cancel": "cancel",
    "CancelOrder": "cancel",
    "CancelOrders": "cancel",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What was pressed. No account: every account; no instrument: every one. `enters`: side and size."""

    kind: Literal["flatten", "reverse", "cancel"]
    account: str | None = None
    instrument: str | None = None
    enters: tuple[str, int] | None = None
    order_id: str | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """What was told at a moment: the headline, and the word for each account."""

    at: float
    verdict: str
    fates: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Played:
    """One press with everything that the exchange knows of it. Times are monotonic seconds of one clock.

    `allowance_s`: how late this machine may be, beyond what is promised.
    """

    asked: Asked
    scale: float
    pressed_at: float
    calls: tuple[Call, ...]
    story: tuple[StateChange, ...]
    claims: tuple[Claim, ...]
    allowance_s: float = 1.0

    @cached_property
    def presses(self) -> list["Request"]:
        """Every request that was no read, in its order of arrival."""
        return [request for request in map(_request, self.calls) if request is not None]

    @cached_property
    def reads(self) -> list["Served"]:
        """Every read that was answered, by arrival."""
        served = [read for read in map(_served, self.calls) if read is not None]
        served.sort(key=lambda each: each.arrived)
        known: set[int] = set()
        for number, read in enumerate(served):
            if read.epoch is not None and read.epoch in known:
                served[number] = replace(read, is_whole=False)
            elif read.epoch is not None:
                known.add(read.epoch)
        return served


# ---- requests


@dataclass(frozen=True, slots=True)
class Request:
    """A press as it arrived: what it asks for in `Asked`'s words, None where nobody understands it."""

    call: Call
    asks: Asked | None
    kind: str

    @property
    def refusal(self) -> bool:
        """Whether it was answered with a no, and nothing of work in it."""
        status, fields = self.call.status, _answer_of(self.call)
        if status is None:
            return False
        if self.call.method != "WS" and 300 <= status < 500 and status not in {400, 408}:
            return True
        if fields is None or any(fields.get(key) for key in ("orderIds", "orderId", "closedPositions")):
            return False
        return bool(fields.get("error")) or fields.get("success") is False

    @property
    def too_many(self) -> bool:
        """Whether it was the API itself that said "too many"."""
        fields = _answer_of(self.call)
        return self.call.status == 429 and fields is not None and bool(fields.get("error"))

    @property
    def closed(self) -> list["Row"]:
        """What its answer reports as closed."""
        fields = _answer_of(self.call) or {}
        listed = fields.get("closedPositions")
        return [row for row in map(_row, listed if isinstance(listed, list) else []) if row is not None]


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _answer_of(call: Call) -> dict[str, Any] | None:
    """The fields of an answer, out of its frame where it came in one."""
    fields = _json(call.answer)
    if call.method == "WS" and isinstance(fields, dict):
        # An error may stand beside the id instead of inside the data.
        inner = fields.get("data")
        return inner if isinstance(inner, dict) else fields
    return fields if isinstance(fields, dict) else None


def _request(call: Call) -> Request | None:
    path = call.path.partition("?")[0]
    if call.method == "POST":
        parts = [unquote(part) for part in path.split("/")]
        body = _json(call.body)
        match parts[3:]:
            case ["positions", "flatten"]:
                return Request(call, _flatten_asks(body), "flatten")
            case ["accounts", account, "positions", "reverseposition"]:
                return Request(call, _reverse_asks(account, body, "BUY", "MARKET"), "reverse")
            case ["accounts", account, "orders", order_id, "cancel"]:
                return Request(call, _cancel_asks(account, order_id, body), "cancel")
            case _:
                return Request(call, None, "strange")
    if call.method != "WS":
        return None
    frame = _json(call.body)
    function = frame.get("api") if isinstance(frame, dict) else None
    kind = _FUNCTIONS.get(str(function))
    if kind is None:
        return None
    args = frame.get("args")
    asks: Asked | None = None
    if function == "Flatten" and args:  # with filters; without any it is another function
        asks = _flatten_asks(args)
    elif function == "FlattenEverything" and args == {}:
        asks = Asked("flatten")
    elif function == "ReversePosition" and isinstance(args, dict):
        body = {key: value for key, value in args.items() if key != "account"}
        asks = _reverse_asks(args.get("account"), body, "Buy", "Market")
    return Request(call, asks, kind)


def _cancel_asks(account: str, order_id: str, body: Any) -> Asked | None:
    return Asked("cancel", account, order_id=order_id) if body == {} else None


def _flatten_asks(body: Any) -> Asked | None:
    if not isinstance(body, dict) or not body.keys() <= {"account", "instrument"}:
        return None
    return Asked("flatten", body.get("account"), body.get("instrument"))


def _reverse_asks(account: Any, body: Any, buy: str, market: str) -> Asked | None:
    wanted = {"instrument", "action", "quantity", "orderType", "timeInForce"}
    if not isinstance(body, dict) or body.keys() != wanted or body["orderType"] != market:
        return None
    side = "Long" if body["action"] == buy else "Short"
    return Asked("reverse", account, body["instrument"], (side, body["quantity"]))


# ---- reads


@dataclass(frozen=True, slots=True)
class Row:
    """An open position as an answer listed it."""

    account: str
    instrument: str
    side: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Served:
    """A read that was answered. `is_whole`: nothing spoils all of it; `spoilt`: for these accounts it is.

    `connected`, `listed`: the accounts, where it lists them. `has_failed`: no list was in it.
    """

    kind: str
    arrived: float
    answered: float
    rows: tuple[Row, ...] = ()
    is_whole: bool = True
    spoilt: frozenset[str] = frozenset()
    listed: frozenset[str] | None = None
    connected: frozenset[str] = frozenset()
    has_failed: bool = False
    epoch: int | None = None
    account: str = ""
    orders: tuple[tuple[str, str, str], ...] = ()

    def speaks_of(self, account: str) -> bool:
        """Whether it is not a snapshot from which an account is missing, or in which it is cut off."""
        return self.kind != "snapshot" or self.has_failed or account in self.connected

    def is_clean_for(self, account: str) -> bool:
        """Whether something can be concluded from it for an account."""
        return (
            self.speaks_of(account) and not self.has_failed and self.is_whole and account not in self.spoilt
        )


def _row(raw: Any) -> Row | None:
    if not isinstance(raw, dict):
        return None
    account, instrument = raw.get("account"), raw.get("instrument")
    side, quantity = raw.get("marketPosition"), raw.get("quantity")
    if not isinstance(account, str) or not isinstance(instrument, str) or side not in {"Long", "Short"}:
        return None
    if type(quantity) is not int or quantity < 1:
        return None
    return Row(account.casefold(), instrument, side, quantity)


def _served(call: Call) -> Served | None:
    kind, account = _kind_of_read(call)
    if kind is None or call.answered_at is None:
        return None
    # Over the stream the first byte may be that of a ping before.
    arrived = call.at if call.began_at is None or call.method == "WS" else call.began_at
    bare = Served(kind, arrived, call.answered_at, account=account)
    fields = _answer_of(call)
    key = "accounts" if kind == "snapshot" else kind
    listed = None if fields is None else fields.get(key)
    if call.status != 200 or fields is None or fields.get("success") is False or fields.get("error"):
        return replace(bare, has_failed=True)
    if not isinstance(listed, list):
        return replace(bare, has_failed=True)
    if fields.get("count", len(listed)) != len(listed):
        bare = replace(bare, is_whole=False)
    match kind:
        case "positions":
            return _with_rows(bare, listed)
        case "orders":
            orders = tuple((str(o["orderId"]), str(o["instrument"]), str(o["orderState"])) for o in listed)
            return replace(bare, orders=orders)
        case "accounts":
            return _with_accounts(bare, listed)
        case _:
            details = [entry.get("account") for entry in listed]
            bare = _with_accounts(replace(bare, epoch=fields.get("epoch")), details)
            silent = [
                d["name"].casefold() for d, e in zip(details, listed, strict=True) if "positions" not in e
            ]
            bare = replace(bare, spoilt=bare.spoilt | frozenset(silent))
            return _with_rows(bare, [row for entry in listed for row in entry.get("positions", ())])


def _with_rows(read: Served, raw: Sequence[Any]) -> Served:
    rows = [_row(each) for each in raw]
    bad = [each for each, row in zip(raw, rows, strict=True) if row is None]
    named = [each.get("account") for each in bad if isinstance(each, dict)]
    names = frozenset(name.casefold() for name in named if isinstance(name, str))
    is_whole = read.is_whole and len(names) == len({str(name) for name in named}) and len(named) == len(bad)
    good = tuple(row for row in rows if row is not None)
    return replace(read, rows=good, is_whole=is_whole, spoilt=read.spoilt | names)


def _with_accounts(read: Served, details: Sequence[Any]) -> Served:
    names = [str(each["name"]).casefold() for each in details]
    there = [str(each["name"]).casefold() for each in details if str(each["connectionStatus"]) == "Connected"]
    return replace(read, listed=frozenset(names), connected=frozenset(there))


def _kind_of_read(call: Call) -> tuple[str | None, str]:
    if call.method == "WS":
        frame = _json(call.body)
        is_list = isinstance(frame, dict) and frame.get("api") == "GetAllPositions"
        return ("positions" if is_list else None), ""
    parts = [unquote(part) for part in call.path.partition("?")[0].split("/")]
    match (call.method, parts[3:]):
        case ("GET", ["positions"]):
            return "positions", ""
        case ("GET", ["accounts", "snapshot"]):
            return "snapshot", ""
        case ("GET", ["accounts"]):
            return "accounts", ""
        case ("GET", ["accounts", account, "orders"]):
            return "orders", account.casefold()
        case _:
            return None, ""


# ---- the laws


@dataclass
class Judge:
    """One press before the court; `breaches` are sentences."""

    played: Played
    breaches: list[str] = field(default_factory=list)
    _told_before: dict[str, str] = field(default_factory=dict)

    def judge(self, *, acts: int) -> list[str]:
        """Everything that is wrong with what was sent and told. `acts`: how many requests may act."""
        self._sent(acts)
        for claim in self.played.claims:
            self._told(claim)
        self._in_time()
        return self.breaches

    def _require(self, holds: bool, sentence: str) -> None:
        if not holds and sentence not in self.breaches:
            self.breaches.append(sentence)

    # -- what was sent ---

    def _sent(self, acts: int) -> None:
        played, asked = self.played, self.played.asked
        acted = sum(request.call.acted for request in played.presses)
        self._require(acted <= 1, f"{acted} requests acted")
        self._require(acted == acts, f"{acted} requests acted instead of {acts}")
        for number, request in enumerate(played.presses):
            wanted = _folded(asked)
            got = None if request.asks is None else _folded(request.asks)
            self._require(
                got == wanted, f"asked for {request.asks or request.call.body!r} instead of {asked}"
            )
            later = played.presses[number + 1 :]
            may_come_again = request.too_many and request.kind == "flatten"
            self._require(not later or may_come_again, "sent again, although the first may have acted")

    # -- what was told ---

    def _told(self, claim: Claim) -> None:
        match claim.verdict:
            case "not_sent":
                arrived = [r for r in self.played.presses if r.call.at <= claim.at]
                self._require(not self.played.presses, f"NOT SENT, and {len(arrived)} requests arrived")
                return
            case "refused":
                said_no = [r for r in self._answered(claim.at) if r.refusal]
                self._require(bool(said_no), "REFUSED, and nobody said no")
                acted = any(request.call.acted for request in self.played.presses)
                self._require(not acted, "REFUSED, and it acted")
                return
            case _:
                pass  # told of single accounts
        wants_all = claim.verdict in _PROVED_WORDS
        fates = {account.casefold(): word for account, word in claim.fates}
        if wants_all:
            for account in self._accounts_meant(claim.at):
                word = fates.get(account)
                self._require(word in _PROVED_WORDS, f"{claim.verdict}, and of {account} {word} was told")
        worst = min((_RANK.index(word) for word in fates.values()), default=None)
        if worst is not None:
            self._require(
                _RANK[worst] == claim.verdict or claim.verdict in {"unknown", "cannot_tell"},
                f"the headline {claim.verdict} is not the worst of {claim.fates}",
            )
        for account, word in fates.items():
            self._told_of(account, word, claim)
        self._told_before = fates

    def _told_of(self, account: str, word: str, claim: Claim) -> None:
        before = self._told_before.get(account)
        if word == before:
            return  # a statement about the moment in which it was told; only something beside it changed
        match word:
            case "flat" | "flat_orders_not_checked" | "nothing_open" | "orders_working":
                self._flat(account, word, claim)
            case "reversed":
                self._reversed(account, claim)
            case "cancelled":
                self._cancelled(account, claim)
            case "overfilled":
                held = self._before(account)
                self._agree(account, word, claim, lambda row: (row.instrument, _OTHER_SIDE[row.side]) in held)
            case "reopened":
                self._reopened(account, claim)
            case "reverse_mismatch":
                self._mismatch(account, claim)
            case "still_open":
                clean = [r for r in self._positions_since(claim.at) if r.is_clean_for(account)]
                shows = bool(clean) and any(self._shown_open(account, clean[-1]))
                late = bool(clean) and any(self._shown_open(account, r) for r in clean[-2:])
                self._require(shows or late, f"{account} STILL OPEN, and the newest clean read shows nothing")
            case "still_working":
                shown = [r for r in self._orders_of(account, claim.at) if self._is_listed(r)]
                self._require(len(shown) >= 2, f"{account} STILL WORKING by {len(shown)} reads")
            case _:
                pass  # claims nothing

    # -- flat ---

    def _flat(self, account: str, word: str, claim: Claim) -> None:
        def is_flat(read: Served) -> bool | None:
            # A snapshot without the account, or with it cut off, ends whatever was read before.
            if any(self._shown_open(account, read)) or not read.speaks_of(account):
                return False
            return True if read.is_clean_for(account) else None

        if self._told_before.get(account) not in _FLAT_WORDS:
            pair = self._two_reads(account, claim, is_flat)
            self._require(pair is not None, f"{account} {word} without two reads that show it")
            self._listed(account, word, claim)
            settled_at = claim.at if pair is None else pair[1].answered
            for instrument in self._instruments(account):
                held = self._state(account, instrument, settled_at).signed
                self._require(held == 0, f"{account} {word}, and {held} {instrument} are held")
        reads = self._orders_of(account, claim.at)
        working = [[order[1] for order in read.orders if order[2] not in _ENDED_ORDERS] for read in reads]
        if word == "flat":
            self._require(bool(working), f"{account} flat, and nobody looked at its orders")
            left = self._watched_before(account) & set(working[-1] if working else ())
            self._require(not left, f"{account} flat, and orders were shown working")
        if word == "orders_working":
            self._require(any(working), f"{account} orders_working, and none was shown")

    def _watched_before(self, account: str) -> set[str]:
        """Where orders count in any case: what both last reads before showed, and what it closed."""
        asked = self.played.asked
        shown = [
            {row.instrument for row in read.rows if row.account == account}
            for read in self._reads_before(account)
        ]
        common = set.intersection(*shown) if shown else set()
        meant = {each for each in common if asked.instrument in {None, each}}
        return meant | {
            row.instrument
            for request in self.played.presses
            for row in request.closed
            if row.account == account
        }

    def _instruments(self, account: str) -> set[str]:
        """The instruments of an account that are meant: asked for, held before, or reported closed."""
        asked = self.played.asked
        rows = [row for request in self.played.presses for row in request.closed]
        found = {row.instrument for row in rows if row.account == account}
        if asked.instrument is not None:
            return found | {asked.instrument}
        held = {c.instrument for c in self.played.story if c.account.casefold() == account and c.signed}
        return found | held

    def _shown_open(self, account: str, read: Served) -> Iterator[Row]:
        """The rows of an account that stand against "flat"."""
        asked = self.played.asked
        for row in read.rows:
            is_meant = asked.account is None or asked.account.casefold() == account
            is_asked_for = is_meant and asked.instrument in {None, row.instrument}
            if row.account == account and (is_asked_for or row.instrument in self._instruments(account)):
                yield row

    def _two_reads(
        self, account: str, claim: Claim, says: Callable[[Served], bool | None]
    ) -> tuple[Served, Served] | None:
        """Two reads, a gap apart and of both endpoints, that say it, with nothing after the first against it.

        Of one endpoint where the other one failed. What was read while the account was cut off says nothing.
        """
        there_from = self._there_from(account, claim.at)
        reads = [read for read in self._positions_since(claim.at) if read.arrived >= there_from]
        failed = {read.kind for read in reads if read.has_failed}
        silent = {"positions", "snapshot"} - {read.kind for read in reads}
        against = [read for read in reads if says(read) is False]
        for first in reads:
            for second in reads:
                if not says(first) or not says(second):
                    continue
                if second.arrived < first.answered + GAP_S * self.played.scale:
                    continue
                if first.kind == second.kind and not (failed | silent) - {first.kind}:
                    continue
                if any(
                    first.arrived < each.arrived and each.answered <= claim.at - _HANDING_OVER_S
                    for each in against
                ):
                    continue
                return first, second
        return None

    def _listings(self, until: float) -> list[Served]:
        return [
            read
            for read in self._since(until)
            if read.kind in {"snapshot", "accounts"} and read.is_whole and not read.has_failed
        ]

    def _there_from(self, account: str, until: float) -> float:
        """Since when every listing has named an account connected; the beginning where none failed to."""
        there_from = 0.0
        for read in self._listings(until - _HANDING_OVER_S):
            if account not in read.connected:
                there_from = float("inf")
            elif there_from == float("inf"):
                there_from = read.arrived
        return there_from

    def _listed(self, account: str, word: str, claim: Claim) -> None:
        is_named = any(account in read.connected for read in self._listings(claim.at))
        self._require(is_named, f"{account} {word}, and no listing since names it connected")

    # -- the others ---

    def _reversed(self, account: str, claim: Claim) -> None:
        asked = self.played.asked

        def is_as_asked(read: Served) -> bool | None:
            rows = [(row.side, row.quantity) for row in self._shown_open(account, read)]
            if not read.speaks_of(account):
                return False
            if not read.is_clean_for(account):
                return None if not rows or rows == [asked.enters] else False
            return rows == [asked.enters]

        pair = self._two_reads(account, claim, is_as_asked)
        self._require(pair is not None, f"{account} REVERSED without two reads that show it")
        self._listed(account, "REVERSED", claim)
        if pair is not None and asked.enters is not None and asked.instrument is not None:
            side, size = asked.enters
            held = self._state(account, asked.instrument, pair[1].answered).signed
            wanted = size if side == "Long" else -size
            self._require(held == wanted, f"{account} REVERSED, and {held} are held")

    def _cancelled(self, account: str, claim: Claim) -> None:
        reads = self._orders_of(account, claim.at)
        gone = [not self._is_listed(read) for read in reads]
        proved = any(
            all(gone[first:]) and second.arrived >= reads[first].answered + GAP_S * self.played.scale
            for first in range(len(reads))
            for second in reads[first + 1 :]
        )
        self._require(proved, f"{account} CANCELLED without two reads that show it")
        self._listed(account, "CANCELLED", claim)
        still = {
            order for change in self._newest_states(account, claim.at) for order in change.working_orders
        }
        self._require(self.played.asked.order_id not in still, f"{account} CANCELLED, and the order works")

    def _is_listed(self, read: Served) -> bool:
        """Whether a read of the orders shows the one that was to be cancelled as one that works."""
        is_told_gone = any(
            "already terminal" in str((_answer_of(request.call) or {}).get("error"))
            for request in self.played.presses
        )
        ended = _ENDED_ORDERS | ({"Unknown"} if is_told_gone else set())
        return any(
            order_id == self.played.asked.order_id and state not in ended
            for order_id, _, state in read.orders
        )

    def _agree(
        self, account: str, word: str, claim: Claim, is_bad: Callable[[Row], bool], since: float = 0.0
    ) -> None:
        """Bad news, too, needs two reads."""
        clean = [
            read
            for read in self._positions_since(claim.at)
            if read.is_clean_for(account) and read.arrived >= since
        ]
        shown = [read for read in clean if any(map(is_bad, self._shown_open(account, read)))]
        agree = any(second.arrived >= first.answered for first in shown for second in shown)
        self._require(agree, f"{account} {word} by fewer than two reads")

    def _reopened(self, account: str, claim: Claim) -> None:
        flat = [
            read
            for read in self._positions_since(claim.at)
            if read.is_clean_for(account) and not any(self._shown_open(account, read))
        ]
        last = max((read.arrived for read in flat), default=claim.at)
        apart = bool(flat) and last >= flat[0].answered + GAP_S * self.played.scale
        self._require(apart, f"{account} REOPENED, and flat was never shown twice")
        self._agree(account, "REOPENED", claim, lambda _: True, since=last)

    def _mismatch(self, account: str, claim: Claim) -> None:
        asked = self.played.asked
        clean = [r for r in self._positions_since(claim.at) if r.is_clean_for(account)][-2:]
        shown = {tuple((r.side, r.quantity) for r in self._shown_open(account, read)) for read in clean}
        agree = len(clean) == 2 and len(shown) == 1 and shown != {(asked.enters,)}
        self._require(agree, f"{account} MISMATCH, and the last two reads show {shown}")

    def _before(self, account: str) -> set[tuple[str, str]]:
        """What an account held, by instrument and side: by the last reads before, and what it closed."""
        closed = [row for request in self.played.presses for row in request.closed]
        shown = [row for read in self._reads_before(account) for row in read.rows]
        return {(row.instrument, row.side) for row in (*closed, *shown) if row.account == account}

    def _reads_before(self, account: str) -> list[Served]:
        """The two newest clean reads of an account before the press."""
        reads = [read for read in self.played.reads if read.kind in {"positions", "snapshot"}]
        return [r for r in reads if r.answered <= self.played.pressed_at and r.is_clean_for(account)][-2:]

    # -- what was served ---

    def _earliest(self, until: float) -> float:
        """Reads count from the answer of the press; from its arrival where there was none by then."""
        arrived = [request.call.at for request in self.played.presses if request.call.at <= until]
        answered = [request.call.answered_at for request in self._answered(until)]
        return max([self.played.pressed_at, *arrived, *(at for at in answered if at is not None)])

    def _answered(self, until: float) -> list[Request]:
        return [
            request
            for request in self.played.presses
            if request.call.answered_at is not None and request.call.answered_at <= until
        ]

    def _since(self, until: float) -> list[Served]:
        earliest = self._earliest(until)
        return [r for r in self.played.reads if r.arrived >= earliest and r.answered <= until]

    def _positions_since(self, until: float) -> list[Served]:
        return [read for read in self._since(until) if read.kind in {"positions", "snapshot"}]

    def _orders_of(self, account: str, until: float) -> list[Served]:
        return [
            read
            for read in self._since(until)
            if read.kind == "orders" and read.account == account and not read.has_failed and read.is_whole
        ]

    def _accounts_meant(self, until: float) -> set[str]:
        asked = self.played.asked
        if asked.account is not None:
            return {asked.account.casefold()}
        reads = [read for read in self.played.reads if read.answered <= until]
        return {name for read in reads for name in read.listed or ()}

    def _state(self, account: str, instrument: str, at: float) -> StateChange:
        nothing = StateChange(0.0, account, instrument, 0, ())
        known = [
            change
            for change in self.played.story
            if change.account.casefold() == account and change.instrument == instrument and change.at <= at
        ]
        return known[-1] if known else nothing

    def _newest_states(self, account: str, at: float) -> list[StateChange]:
        instruments = {c.instrument for c in self.played.story if c.account.casefold() == account}
        return [self._state(account, instrument, at) for instrument in instruments]

    # -- in time ---

    def _in_time(self) -> None:
        played = self.played
        if not played.claims:
            self._require(False, "nothing was ever told")
            return
        told_s = (played.claims[0].at - played.pressed_at - played.allowance_s) / played.scale
        reading_s = WINDOW_S + STRETCH_S + LAST_READ_S
        repeating_s = REPEATING_S if any(request.too_many for request in played.presses) else 0.0
        most_s = repeating_s + DEADLINE_S + reading_s
        self._require(told_s <= most_s, f"told after {told_s:.1f} s")
        whole = [
            r.call.answered_at
            for r in played.presses
            if r.call.answered_at is not None and (_answer_of(r.call) or {}).get("success") is True
        ]
        if whole:
            since_s = (played.claims[0].at - max(whole) - played.allowance_s) / played.scale
            late = f"told {since_s:.1f} s after the answer"
            # An answer that was handed over need not have come through.
            self._require(since_s <= reading_s or told_s <= most_s, late)


_RANK = (
    "overfilled",
    "closed_more_than_asked",
    "reopened",
    "still_open",
    "reverse_mismatch",
    "unknown",
    "not_proved",
    "cannot_tell",
    "orders_working",
    "still_working",
    "reverse_working",
    "flat_orders_not_checked",
    "refused",
    "not_sent",
    "flat",
    "reversed",
    "cancelled",
    "nothing_open",
)


def _folded(asked: Asked) -> Asked:
    """Account names compare case-insensitively; everything else is sent as it was read."""
    return replace(asked, account=None if asked.account is None else asked.account.casefold())


def judge(played: Played, *, acts: int) -> list[str]:
    """What is wrong with a press, as sentences; empty where nothing is."""
    return Judge(played).judge(acts=acts)


def worst_first(words: Iterable[str]) -> list[str]:
    """Words in the order of badness."""
    return sorted(words, key=_RANK.index)
