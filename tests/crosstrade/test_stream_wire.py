"""Frames of the stream: what is asked is exactly what is meant, and what comes is judged as over HTTP."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosstrade_panel.crosstrade import wire
from crosstrade_panel.domain.names import is_name
from crosstrade_panel.domain.scope import EveryAccount, OneAccount, Scope, ScopeError, Side
from crosstrade_panel.domain.ticket import OrderType, ReverseTicket, TimeInForce

names = st.text(min_size=1, max_size=30).filter(is_name)
sides = st.sampled_from([None, Side.LONG, Side.SHORT])
scopes: st.SearchStrategy[Scope] = st.one_of(
    st.builds(OneAccount, names, st.none() | names, sides), st.builds(EveryAccount, st.none() | names, sides)
)
TICKET = ReverseTicket("Sim 1/#", "MES 12-25", Side.LONG, 3)


@given(st.text(max_size=20), scopes)
def test_no_filter_ever_yields_flatten_everything(frame_id: str, scope: Scope) -> None:
    frame = wire.flatten_frame(frame_id, scope)
    assert wire.scope_of_frame(frame) == scope
    # A second reader, that shares nothing with ours.
    plain = json.loads(frame)
    assert set(plain) == {"action", "id", "api", "args"}
    assert (plain["action"], plain["id"]) == ("rpc", frame_id)
    assert (plain["api"] == "FlattenEverything") == (scope == EveryAccount()) == (plain["args"] == {})
    assert plain["api"] in {"Flatten", "FlattenEverything"}
    assert plain["args"].get("account") == (scope.account if isinstance(scope, OneAccount) else None)
    assert plain["args"].get("instrument") == scope.instrument
    assert plain["args"].get("marketPosition") == (scope.side.value if scope.side else None)
    assert wire.id_of_frame(frame) == frame_id


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b'{"action":"rpc","id":"1","api":"Flatten"}',
        b'{"action":"rpc","id":"1","api":"Flatten","args":{}}',
        b'{"action":"rpc","id":"1","api":"Flatten","args":null}',
        b'{"action":"rpc","id":"1","api":"Flatten","args":[]}',
        b'{"action":"rpc","id":"1","api":"Flatten","args":{"account":""}}',
        b'{"action":"rpc","id":"1","api":"Flatten","args":{"account":"a","also":"b"}}',
        b'{"action":"rpc","id":"1","api":"FlattenEverything","args":{"account":"a"}}',
        b'{"action":"rpc","id":"1","api":"flatten","args":{"account":"a"}}',
        b'{"action":"rpc","id":"1","api":"Cancel","args":{"account":"a"}}',
        b'{"action":"rpc","id":1,"api":"Flatten","args":{"account":"a"}}',
        b'{"action":"ping","id":"1","api":"Flatten","args":{"account":"a"}}',
        b'{"action":"rpc","id":"1","api":"Flatten","args":{"account":"a"},"account":"b"}',
    ],
)
def test_anything_but_a_flatten_is_none(frame: bytes) -> None:
    with pytest.raises(ScopeError):
        wire.scope_of_frame(frame)


def test_a_flatten_frame_byte_by_byte() -> None:
    narrow = wire.flatten_frame("7-a", OneAccount("Sim101", side=Side.LONG))
    args = b'{"account":"Sim101","marketPosition":"long"}'
    assert narrow == b'{"action":"rpc","id":"7-a","api":"Flatten","args":' + args + b"}"
    wide = wire.flatten_frame("8-b", EveryAccount())
    assert wide == b'{"action":"rpc","id":"8-b","api":"FlattenEverything","args":{}}'


def test_a_read_frame_byte_by_byte() -> None:
    frame = wire.positions_frame("1-a")
    assert frame == b'{"action":"rpc","id":"1-a","api":"GetAllPositions","args":{"includeFlat":false}}'


@pytest.mark.parametrize(
    ("ticket", "fields"),
    [
        (TICKET, b'"action":"Sell","quantity":3,"orderType":"Market","timeInForce":"Day"'),
        (
            replace(TICKET, leaving=Side.SHORT, time_in_force=TimeInForce.GTC),
            b'"action":"Buy","quantity":3,"orderType":"Market","timeInForce":"Gtc"',
        ),
        (
            replace(TICKET, order_type=OrderType.LIMIT, limit_price=Decimal("1E+2"), strategy="s"),
            b'"action":"Sell","quantity":3,"orderType":"Limit","timeInForce":"Day","limitPrice":100,"strategy":"s"',
        ),
        (
            replace(TICKET, order_type=OrderType.STOP_MARKET, stop_price=Decimal("9.50"), oco_id="o"),
            b'"action":"Sell","quantity":3,"orderType":"StopMarket","timeInForce":"Day","stopPrice":9.50,"ocoId":"o"',
        ),
        (
            replace(TICKET, order_type=OrderType.STOP_LIMIT, stop_price=Decimal(9), limit_price=Decimal(8)),
            b'"action":"Sell","quantity":3,"orderType":"StopLimit","timeInForce":"Day","limitPrice":8,"stopPrice":9',
        ),
    ],
)
def test_a_reverse_frame_byte_by_byte(ticket: ReverseTicket, fields: bytes) -> None:
    head = b'{"action":"rpc","id":"1-a","api":"ReversePosition","args":{"account":"Sim 1/#","instrument":'
    assert wire.reverse_frame("1-a", ticket) == head + b'"MES 12-25",' + fields + b"}}"


@given(st.binary(max_size=60))
def test_whose_answer_a_frame_is_can_be_asked_of_any_bytes(frame: bytes) -> None:
    assert wire.id_of_frame(frame) is None or b"id" in frame


@given(st.binary(max_size=60))
def test_any_bytes_can_be_an_answer(noise: bytes) -> None:
    assert wire.answer_of_frame(b'{"error":"' + noise, 1.0, 2.0).status in {200, 408, 429, 500}


@pytest.mark.parametrize(
    ("frame", "status"),
    [
        (b'{"id":"1","data":{"positions":[]}}', 200),
        (b'{"id":"1","error":"Rate limit exceeded"}', 429),
        (b'{"id":"1","data":{"error":"rate LIMIT exceeded, slow down"}}', 429),
        (b'{"id":"1","error":"Rate limit exceeded","data":{"orderIds":["a"]}}', 200),
        (b'{"id":"1","error":"Corporate limit exceeded"}', 200),
        (b'{"id":"1","error":"Order rejected","detail":"broker rate limit"}', 200),
        (b'{"id":"1","error":"Order rejected","detail":"Rate limit exceeded"}', 200),
        (b'{"id":"1","error":"Order rejected: rate limit exceeded"}', 200),
        (b'{"id":"1","success":false,"detail":"Rate limit exceeded"}', 200),
        (b'{"id":"1","error":"Request timed out"}', 408),
        (b'{"id":"1","error":"timeout"}', 408),
        (b'{"id":"1","error":"NinjaTrader is not running"}', 408),
        (b'{"id":"1","data":{"error":"Internal server error"}}', 500),
        (b'{"id":"1","data":{"error":"Internal error"}}', 500),
        (b'{"id":"1","data":{"error":"502 Bad Gateway"}}', 500),
        (b'{"id":"1","data":{"error":"Service unavailable"}}', 500),
        (b'{"id":"1","data":{"error":"Service Temporarily Unavailable"}}', 500),
        (b'{"id":"1","data":{"error":"Instrument is not available"}}', 200),
        (b'{"id":"1","error":"Add-on offline","data":{"orderId":"a"}}', 200),
        (b'{"id":"1","data":{"success":true,"error":"","detail":"one account is not connected"}}', 200),
        (b'{"id":"1","data":{"success":false,"error":"Invalid request"}}', 200),
        (b'["error"]', 200),
        (b'{"error', 200),
    ],
)
def test_words_stand_in_for_the_status_that_the_stream_does_not_have(frame: bytes, status: int) -> None:
    answer = wire.answer_of_frame(frame, 1.0, 2.0)
    assert (answer.status, answer.body, answer.sent_at, answer.answered_at) == (status, frame, 1.0, 2.0)


@pytest.mark.parametrize(
    ("reason", "is_taken_over"),
    [
        ("Session active elsewhere", True),
        ("closed: session ACTIVE elsewhere.", True),
        ("", False),
        ("Session", False),
        ("going away", False),
    ],
)
def test_another_tool_took_over_only_where_the_reason_says_so(reason: str, *, is_taken_over: bool) -> None:
    assert wire.is_taken_over(reason) is is_taken_over
