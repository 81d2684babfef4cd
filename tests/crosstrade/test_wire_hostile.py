"""Whatever comes in, nothing but our own errors comes out, soon."""

import contextlib
import json
import math
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crosstrade_panel.crosstrade import untrusted, wire
from crosstrade_panel.crosstrade.untrusted import UnreadableError
from crosstrade_panel.domain.scope import ScopeError
from crosstrade_panel.trading.ports import GatewayError
from tests.crosstrade.gateways import answer
from tests.crosstrade.test_wire_reading import ORDER, ROW

READERS: list[Callable[[wire.Answer], object]] = [
    wire.read_positions,
    wire.read_snapshot,
    wire.read_accounts,
    lambda reply: wire.read_orders(reply, "Sim101"),
    wire.read_receipt,
]

KEYS = [
    *ROW, *ORDER, "success", "error", "detail", "warning", "data", "positions", "accounts", "orders", "count",
    "epoch", "timestamp", "orderIds", "orderId", "closedPositions", "name", "provider", "connectionStatus",
    "isAccountFlat", "displayName", "retryAfter", "did_you_mean",
]  # fmt: skip
VALID = [
    {"positions": [ROW, ROW], "count": 2, "success": True},
    {"type": "snapshot", "epoch": 5, "accounts": [{"account": {"name": "Sim101"}, "positions": [ROW]}]},
    {"accounts": [{"name": "Sim101", "connectionStatus": "Connected", "isAccountFlat": True}, "B2"]},
    {"orders": [ORDER], "success": True},
    {"orderIds": ["a"], "closedPositions": [ROW], "success": True},
    {"error": "Rate limit exceeded", "retryAfter": 0.5, "detail": "x"},
]

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20),
    st.sampled_from([*KEYS, "Long", "Flat", "Sim101", 10**25, 1e308, -0.0]),
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=25,
)
statuses = st.sampled_from([100, 200, 204, 302, 400, 401, 404, 408, 429, 500, 599, 999])


def digest(body: bytes, status: int = 200) -> None:
    """Read it in every way."""
    for read in READERS:
        try:
            read(answer(body, status, {"retry-after": body[:9].decode("latin-1")}))
        except GatewayError as error:
            assert len(error.reason.said) <= 500  # noqa: PT017 - it need not raise
    with contextlib.suppress(ScopeError):
        wire.scope_of_body(body)


@given(st.binary(max_size=200), statuses)
def test_any_bytes_are_digested(body: bytes, status: int) -> None:
    digest(body, status)


@given(values, statuses)
def test_any_json_is_digested(value: Any, status: int) -> None:
    digest(json.dumps(value).encode(), status)


def mutate(value: Any, draw: Callable[..., Any]) -> Any:
    """A valid answer with one thing at a random depth replaced, dropped or doubled."""
    if isinstance(value, dict) and value and draw(st.integers(0, 3)):
        key = draw(st.sampled_from(sorted(value)))
        return {**value, key: mutate(value[key], draw)}
    if isinstance(value, list) and value and draw(st.integers(0, 3)):
        index = draw(st.integers(0, len(value) - 1))
        return [*value[:index], mutate(value[index], draw), *value[index:]]
    return draw(values)


@given(st.data(), st.sampled_from(VALID), statuses)
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_any_mutation_of_a_good_answer_is_digested(data: st.DataObject, valid: Any, status: int) -> None:
    digest(json.dumps(mutate(valid, data.draw)).encode(), status)


tame = scalars.filter(lambda value: not isinstance(value, float) or math.isfinite(value))
spoilt_rows = st.lists(
    st.builds(lambda key, value: {**ROW, key: value}, st.sampled_from(sorted(ROW)), tame), max_size=4
)


@given(spoilt_rows, st.booleans())
def test_no_row_is_hidden_without_saying_flat_and_no_bad_one_leaves_the_read_good(
    rows: list[dict[str, Any]], nested: bool
) -> None:
    if nested:
        entry = {"account": {"name": "Sim101"}, "positions": rows}
        read = wire.read_snapshot(answer(json.dumps({"accounts": [entry]})))
    else:
        read = wire.read_positions(answer(json.dumps({"positions": rows})))
    # One field of each row was changed, so none both says Flat and has no quantity.
    assert len(read.positions) == len(rows)
    for position in read.positions:
        assert position.is_readable or read.flaws.spoil(position.account or "")


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 200_000,
        b'{"a":' * 200_000,
        b"[" * 200_000 + b"]" * 200_000,
        b'{"positions":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"epoch":' + b"9" * 1_000_000 + b"}",
        b'{"epoch":0.' + b"9" * 1_000_000 + b"}",
        b'{"positions":[{"averagePrice":1e' + b"9" * 1000 + b"}]}",
        b'{"positions":[{"quantity":1e-999999999}]}',
        b'{"accounts":["' + b"x" * 5_000_000 + b'"]}',
        b'{"error":"' + "\u202e".encode() * 1_000_000 + b'"}',
        b'{"error":"\\ud800"}',
        b"\xff\xfe{}",
        b"\xef\xbb\xbf{}",
        b'{"positions":[],"positions":[{}]}',
        b'{"count":NaN,"positions":[]}',
        b'{"count":Infinity,"positions":[]}',
        b"[" + b"{}," * 5_000_000 + b"{}]",
        b"[" + b"{}," * 20_000 + b"{}]",
        b"[" + b"1.5," * 4_000_000 + b"1]",
        b'{"timestamp":"' + b"1" * 1_000_000 + b'","positions":[]}',
        b"0" * 1_000_000,
        b"-" * 1_000_000,
        b" " * 1_000_000,
    ],
    ids=range(23),
)
@pytest.mark.parametrize("status", [200, 400, 429])
def test_known_horrors_are_digested_in_bounded_time(body: bytes, status: int) -> None:
    start = time.process_time()
    digest(body, status)
    assert time.process_time() - start < 5.0


def test_decoding_raises_only_its_own_error() -> None:
    for body in (b"[" * 200_000, b"\xff", b"nope", b""):
        with pytest.raises(UnreadableError):
            untrusted.decode(body)


@given(st.text())
def test_cleaned_text_is_inert(text: str) -> None:
    cleaned = untrusted.clean_text(text)
    assert len(cleaned) <= 500
    assert cleaned.isprintable()
    assert untrusted.clean_text(cleaned) == cleaned


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("a\u200bb\u202ec\u2066d\ufeffe", "abcde"),
        ("a\nb\tc\r\nd", "a b c d"),
        ("a\x00\x1b[31mb\x7f\x9b", "a[31mb"),
        ("\u3164\u115f\u2800", ""),
        ("<b>bold</b> & Ünïcode 账户", "<b>bold</b> & Ünïcode 账户"),
        ("x" * 501, "x" * 500),
        ("\u200b" * 400 + "x" * 5000, "x" * 500),
        ("a\u2028b\U000e0041c", "abc"),
    ],
)
def test_what_cannot_be_seen_is_removed_and_the_rest_is_kept(text: str, cleaned: str) -> None:
    assert untrusted.clean_text(text) == cleaned
