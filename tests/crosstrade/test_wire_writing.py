"""What is asked is exactly what is meant, byte by byte."""

import json
from decimal import Decimal
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosstrade_panel.crosstrade import wire
from crosstrade_panel.domain.names import is_name
from crosstrade_panel.domain.scope import EveryAccount, OneAccount, Scope, ScopeError, Side
from crosstrade_panel.domain.snapshot import Position
from crosstrade_panel.domain.ticket import OrderType, ReverseTicket, TimeInForce

BODIES = [
    (OneAccount("Sim101"), b'{"account":"Sim101"}'),
    (OneAccount("Sim101", "MES 12-25"), b'{"account":"Sim101","instrument":"MES 12-25"}'),
    (
        OneAccount("Sim101", "MES 12-25", Side.SHORT),
        b'{"account":"Sim101","instrument":"MES 12-25","marketPosition":"short"}',
    ),
    (OneAccount("Sim101", side=Side.LONG), b'{"account":"Sim101","marketPosition":"long"}'),
    (EveryAccount("MES 12-25"), b'{"instrument":"MES 12-25"}'),
    (EveryAccount("MES 12-25", Side.LONG), b'{"instrument":"MES 12-25","marketPosition":"long"}'),
    (EveryAccount(side=Side.LONG), b'{"marketPosition":"long"}'),
    (EveryAccount(), b"{}"),
]

names = st.text(min_size=1, max_size=30).filter(is_name)
sides = st.sampled_from([None, Side.LONG, Side.SHORT])
scopes: st.SearchStrategy[Scope] = st.one_of(
    st.builds(OneAccount, names, st.none() | names, sides), st.builds(EveryAccount, st.none() | names, sides)
)


@pytest.mark.parametrize(("scope", "body"), BODIES)
def test_each_scope_has_exactly_its_body(scope: Scope, body: bytes) -> None:
    assert wire.flatten_body(scope) == body
    assert wire.scope_of_body(body) == scope


@given(scopes)
def test_no_scope_yields_a_wider_body(scope: Scope) -> None:
    body = wire.flatten_body(scope)
    assert wire.scope_of_body(body) == scope
    assert (body == b"{}") == (scope == EveryAccount())
    # A second reader, that shares nothing with ours.
    plain = json.loads(body)
    assert plain.get("account") == (scope.account if isinstance(scope, OneAccount) else None)
    assert plain.get("instrument") == scope.instrument
    assert plain.get("marketPosition") == (scope.side.value if scope.side else None)


def test_names_go_out_unaltered() -> None:
    body = wire.flatten_body(OneAccount('Kontó "1"\\ Ünïcode 账户'))
    assert body == '{"account":"Kontó \\"1\\"\\\\ Ünïcode 账户"}'.encode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b'"Sim101"',
        b'{"account":1}',
        b'{"account":null}',
        b'{"account":""}',
        b'{"account":"\\u200b"}',
        b'{"acount":"Sim101"}',
        b'{"instrument":"MES 12-25","side":"long"}',
        b'{"marketPosition":"Long"}',
        b'{"marketPosition":"flat"}',
    ],
)
def test_a_body_that_no_scope_makes_is_no_scope(body: bytes) -> None:
    with pytest.raises(ScopeError):
        wire.scope_of_body(body)


def test_a_market_reverse_has_the_five_required_fields_in_rest_spelling() -> None:
    ticket = ReverseTicket("Sim101", "MES 12-25", Side.SHORT, 2)
    assert wire.reverse_body(ticket) == (
        b'{"instrument":"MES 12-25","action":"BUY","quantity":2,"orderType":"MARKET","timeInForce":"DAY"}'
    )


def test_a_full_reverse_has_all_nine_fields() -> None:
    ticket = ReverseTicket(
        "Sim101",
        "MES 12-25",
        Side.LONG,
        3,
        OrderType.STOP_LIMIT,
        TimeInForce.GTC,
        Decimal("5780.25"),
        Decimal("5781.00"),
        "bracket 1",
        "my ATM",
    )
    assert wire.reverse_body(ticket) == (
        b'{"instrument":"MES 12-25","action":"SELL","quantity":3,"orderType":"STOPLIMIT","timeInForce":"GTC",'
        b'"limitPrice":5780.25,"stopPrice":5781.00,"ocoId":"bracket 1","strategy":"my ATM"}'
    )


@pytest.mark.parametrize(
    ("order_type", "spelling"),
    [(OrderType.LIMIT, b'"orderType":"LIMIT"'), (OrderType.STOP_MARKET, b'"orderType":"STOPMARKET"')],
)
def test_order_types_are_spelt_as_rest_wants_them(order_type: OrderType, spelling: bytes) -> None:
    limit = Decimal(5780) if order_type.needs_limit_price else None
    stop = Decimal(5780) if order_type.needs_stop_price else None
    ticket = ReverseTicket(
        "Sim101", "MES 12-25", Side.LONG, 1, order_type, limit_price=limit, stop_price=stop
    )
    body = wire.reverse_body(ticket)
    assert spelling in body
    assert (b"limitPrice" in body, b"stopPrice" in body) == (limit is not None, stop is not None)


@given(
    st.decimals(min_value=Decimal("1e-9"), max_value=Decimal("1e12"), allow_nan=False, allow_infinity=False)
)
def test_a_price_is_a_plain_number_equal_to_the_one_typed(price: Decimal) -> None:
    ticket = ReverseTicket("A", "ZZZ 12-25", Side.LONG, 1, OrderType.LIMIT, limit_price=price)
    raw = wire.reverse_body(ticket).partition(b'"limitPrice":')[2].rstrip(b"}")
    assert set(raw) <= set(b"0123456789.")
    assert Decimal(raw.decode()) == price


def test_a_round_price_is_not_written_with_an_exponent() -> None:
    ticket = ReverseTicket("A", "ZZZ 12-25", Side.LONG, 1, OrderType.LIMIT, limit_price=Decimal("1E+2"))
    assert b'"limitPrice":100}' in wire.reverse_body(ticket)


def test_the_account_is_percent_encoded_in_the_path() -> None:
    ticket = ReverseTicket("APEX 1/2#3!", "MES 12-25", Side.LONG, 1)
    assert wire.reverse_path(ticket) == "/v1/api/accounts/APEX%201%2F2%233%21/positions/reverseposition"
    assert wire.orders_path("a?b&c%20") == "/v1/api/accounts/a%3Fb%26c%2520/orders?activeOnly=true"


def test_a_cancel_names_its_account_and_order_in_the_path_and_its_instrument_in_the_body() -> None:
    assert wire.cancel_path("APEX 1/2#3!", "a/b c%20") == (
        "/v1/api/accounts/APEX%201%2F2%233%21/orders/a%2Fb%20c%2520/cancel"
    )
    assert wire.cancel_orders_path("APEX 1/2#3!") == "/v1/api/accounts/APEX%201%2F2%233%21/orders/cancel"
    assert wire.cancel_orders_body("MES 12-25") == b'{"instrument":"MES 12-25"}'


@pytest.mark.parametrize("blank", ["", " ", "\u200b", "\u3164", ".", ".."])
def test_a_blank_or_a_dot_never_makes_a_cancel_wider(blank: str) -> None:
    with pytest.raises(ScopeError):
        wire.cancel_path("Sim101", blank)
    with pytest.raises(ScopeError):
        wire.cancel_path(blank, "order-1")
    with pytest.raises(ScopeError):
        wire.cancel_orders_path(blank)
    with pytest.raises(ScopeError):
        wire.cancel_orders_body(blank)


@given(names, names)
def test_a_cancelled_order_is_one_segment_of_the_path(account: str, order_id: str) -> None:
    *before, segment, orders, order, verb = wire.cancel_path(account, order_id).split("/")
    assert (before, orders, verb) == (["", "v1", "api", "accounts"], "orders", "cancel")
    assert (unquote(segment), unquote(order)) == (account, order_id)


@given(names)
def test_every_account_is_one_segment_of_the_path(account: str) -> None:
    path = wire.reverse_path(ReverseTicket(account, "MES 12-25", Side.LONG, 1))
    *before, segment, _, _ = path.split("/")
    assert before == ["", "v1", "api", "accounts"]
    assert unquote(segment) == account
    assert path.isascii()


def test_a_position_goes_back_under_the_names_of_the_api() -> None:
    row = Position(
        "Sim101", "ES 12-25", Side.SHORT, 2, Decimal("5780.125"), Decimal("5774.0"), Decimal("612.5")
    )
    assert wire.position_fields(row) == {
        "type": None,
        "account": "Sim101",
        "instrument": "ES 12-25",
        "instrumentType": None,
        "marketPosition": "Short",
        "quantity": 2,
        "averagePrice": 5780.125,
        "marketPrice": 5774,
        "unrealizedProfitLoss": 612.5,
    }
    assert wire.position_fields(Position(None, None, None, None))["marketPosition"] is None
