"""What each path and each stream function does with the book. No sockets: a request in, an answer out."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import parse_qs, unquote

from crosstrade_panel.simulator import wire
from crosstrade_panel.simulator.book import BookError, PendingReverse

if TYPE_CHECKING:
    from collections.abc import Callable

    from crosstrade_panel.simulator.book import Book
    from crosstrade_panel.simulator.faults import ReadKind, View
    from crosstrade_panel.simulator.wire import Row

_Argument = TypeVar("_Argument")


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and the fields of its body. `acted` where the book carried out a change."""

    status: int
    data: Row
    acted: bool = False


@dataclass(frozen=True, slots=True)
class _Request:
    names: tuple[str, ...]
    query: str
    body: bytes
    wall_ms: int

    def fields(self) -> Row:
        return wire.body_object(self.body)

    def flag(self, key: str, *, default: bool) -> bool:
        values = parse_qs(self.query, keep_blank_values=True).get(key)
        return wire.flag(None if values is None else values[-1], default=default)


class Api:
    """The contract's functions over one book. Its caller holds the lock and has advanced the book."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._routes: dict[tuple[str, str], Callable[[_Request], Answer | PendingReverse]] = {
            ("GET", "/v1/api/accounts"): self._accounts,
            ("GET", "/v1/api/accounts/snapshot"): self._snapshot,
            ("GET", "/v1/api/accounts/{account}/orders"): self._orders,
            ("POST", "/v1/api/accounts/{account}/orders/cancel"): self._cancel_orders,
            ("POST", "/v1/api/accounts/{account}/orders/{orderId}/cancel"): self._cancel,
            ("POST", "/v1/api/accounts/{account}/positions/reverseposition"): self._reverse,
            ("GET", "/v1/api/positions"): self._positions,
            ("POST", "/v1/api/positions/flatten"): self._flatten,
        }
        self._functions: dict[str, Callable[[Row], Answer | PendingReverse]] = {
            "GetAllPositions": lambda args: self._all_positions(
                wire.flag(args.get("includeFlat"), default=False)
            ),
            "ListAccounts": lambda _: self._all_accounts(),
            "Flatten": self._flatten_with_filters,
            "FlattenEverything": self._flatten_everything,
            "ReversePosition": self._reverse_by_name,
            "Cancel": self._cancel_by_name,
            "CancelOrder": self._cancel_by_name,
            "CancelOrders": self._cancel_orders_by_name,
        }

    def rest(
        self, method: str, raw_path: str, query: str, body: bytes, wall_ms: int
    ) -> Answer | PendingReverse:
        """Answer an HTTP request. The path comes in raw: a name may hold an encoded slash."""
        allowed: set[str] = set()
        for (known_method, template), function in self._routes.items():
            names = _match(template, raw_path)
            if names is None:
                continue
            if known_method == method:
                return _answered(function, _Request(names, query, body, wall_ms))
            allowed.add(known_method)
        if allowed:
            return Answer(405, wire.refusal("Method not allowed"))
        return Answer(404, {"error": "Not found", "did_you_mean": self._near(raw_path)})

    def rpc(self, function: object, args: object) -> Answer | PendingReverse:
        """Answer a frame of the stream. The caller chose the function: `Flatten` never means everything."""
        known = self._functions.get(function) if isinstance(function, str) else None
        if known is None:
            near = difflib.get_close_matches(str(function)[:100], self._functions, n=3)
            return Answer(404, {"error": f"Unknown api '{str(function)[:100]}'", "did_you_mean": near})
        if not isinstance(args, dict):
            return Answer(400, wire.refusal("Invalid request"))
        return _answered(known, args)

    def reversed(self, pending: PendingReverse) -> Answer | None:
        """The answer to a reverse, as soon as its entry is placed."""
        if pending.dropped:
            return Answer(503, wire.refusal("The practice exchange was reset"))
        return None if pending.entry is None else Answer(200, wire.order_placed(pending.entry), acted=True)

    # ---- over HTTP

    def _accounts(self, _: _Request) -> Answer:
        return self._all_accounts()

    def _snapshot(self, request: _Request) -> Answer:
        epoch, view = self._book.next_epoch(request.wall_ms), self._view
        return self._seen("snapshot", wire.snapshot(epoch, view.accounts(), view.positions()))

    def _positions(self, request: _Request) -> Answer:
        return self._all_positions(request.flag("includeFlat", default=False))

    def _orders(self, request: _Request) -> Answer:
        active_only = request.flag("activeOnly", default=False)
        account = self._book.account(request.names[0]).name
        return self._seen("orders", wire.orders(self._view.orders(account, active_only=active_only)), account)

    def _flatten(self, request: _Request) -> Answer:
        done = self._book.flatten(wire.flatten_request(request.fields()))
        return Answer(200, wire.flattened(done), acted=bool(done.closed))

    def _reverse(self, request: _Request) -> PendingReverse:
        wanted = wire.reverse_request(request.fields(), wire.REST_WORDS)
        return self._book.begin_reverse(request.names[0], wanted)

    def _cancel(self, request: _Request) -> Answer:
        wire.no_fields(request.fields())
        return self._cancel_one(*request.names)

    def _cancel_orders(self, request: _Request) -> Answer:
        return self._cancel_many(request.names[0], wire.cancel_orders_instrument(request.fields()))

    # ---- over the stream

    def _flatten_with_filters(self, args: Row) -> Answer:
        if not args:
            raise BookError
        done = self._book.flatten(wire.flatten_request(args))
        return Answer(200, wire.flattened(done), acted=bool(done.closed))

    def _flatten_everything(self, args: Row) -> Answer:
        wire.no_fields(args)
        done = self._book.flatten(wire.flatten_request({}))
        return Answer(200, wire.flattened(done), acted=bool(done.closed))

    def _reverse_by_name(self, args: Row) -> PendingReverse:
        account = wire.text(args, "account")
        rest = {key: value for key, value in args.items() if key != "account"}
        return self._book.begin_reverse(account, wire.reverse_request(rest, wire.STREAM_WORDS))

    def _cancel_by_name(self, args: Row) -> Answer:
        return self._cancel_one(wire.text(args, "account"), wire.text(args, "orderId"))

    def _cancel_orders_by_name(self, args: Row) -> Answer:
        account = wire.text(args, "account")
        rest = {key: value for key, value in args.items() if key != "account"}
        return self._cancel_many(account, wire.cancel_orders_instrument(rest))

    # ---- over both

    def _all_positions(self, include_flat: bool) -> Answer:  # noqa: FBT001  # a field of the wire
        return self._seen("positions", wire.positions(self._view.positions(include_flat=include_flat)))

    def _all_accounts(self) -> Answer:
        return self._seen("accounts", wire.accounts(self._view.accounts()))

    def _cancel_one(self, account: str, order_id: str) -> Answer:
        order = self._book.cancel(account, order_id)
        return Answer(200, wire.order_placed(order), acted=order.state == "CancelPending")

    def _cancel_many(self, account: str, instrument: str | None) -> Answer:
        orders = self._book.cancel_all(account, instrument)
        acted = any(order.state == "CancelPending" for order in orders)
        return Answer(200, wire.orders_cancelled(orders), acted=acted)

    @property
    def _view(self) -> View:
        return self._book.faults.view(self._book)

    def _seen(self, kind: ReadKind, data: Row, account: str = "") -> Answer:
        return Answer(200, self._book.faults.read(self._book, kind, account, data))

    def _near(self, raw_path: str) -> list[str]:
        segments = raw_path.split("/")
        known = {_filled_in(template, segments) for _, template in self._routes}
        return difflib.get_close_matches(raw_path[:300], sorted(known), n=3, cutoff=0.5)


def _answered(
    function: Callable[[_Argument], Answer | PendingReverse], argument: _Argument
) -> Answer | PendingReverse:
    try:
        return function(argument)
    except BookError as error:
        return Answer(400, wire.refusal(error.error))


def _match(template: str, raw_path: str) -> tuple[str, ...] | None:
    """The decoded names of a raw path that fits the template."""
    wanted, given = template.split("/"), raw_path.split("/")
    if len(wanted) != len(given):
        return None
    names: list[str] = []
    for part, segment in zip(wanted, given, strict=True):
        if part.startswith("{"):
            if not segment:
                return None
            names.append(unquote(segment, errors="replace"))
        elif part != segment:
            return None
    return tuple(names)


def _filled_in(template: str, segments: list[str]) -> str:
    """A template with its placeholders taken from the path that was asked for."""
    return "/".join(
        segments[index] if part.startswith("{") and index < len(segments) else part
        for index, part in enumerate(template.split("/"))
    )
