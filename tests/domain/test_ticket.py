"""The reverse ticket: prices where the order type has them, on the tick, as typed."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosstrade_panel.domain.scope import ScopeError, Side
from crosstrade_panel.domain.ticket import (
    Action,
    OrderType,
    ReverseTicket,
    TimeInForce,
    read_price,
    read_quantity,
    tick_size_of,
)


def ticket(**fields: Any) -> ReverseTicket:
    usual: dict[str, Any] = {
        "account": "Sim101",
        "instrument": "MES 12-25",
        "leaving": Side.SHORT,
        "quantity": 2,
    }
    return ReverseTicket(**usual | fields)


def test_leaving_short_buys_and_leaving_long_sells() -> None:
    assert ticket().action is Action.BUY
    assert ticket().entering is Side.LONG
    assert ticket(leaving=Side.LONG).action is Action.SELL
    assert ticket(leaving=Side.LONG).entering is Side.SHORT


@pytest.mark.parametrize(
    "fields",
    [
        {"account": "\u200b"},
        {"instrument": ""},
        {"leaving": "short"},
        {"order_type": "market"},
        {"time_in_force": None},
        {"quantity": 0},
        {"quantity": -1},
        {"quantity": True},
        {"quantity": 1.0},
        {"oco_id": " "},
        {"strategy": ""},
        {"limit_price": Decimal(5000)},
        {"stop_price": Decimal(5000)},
        {"order_type": OrderType.LIMIT},
        {"order_type": OrderType.STOP_MARKET},
        {"order_type": OrderType.LIMIT, "limit_price": 5000.0},
        {"order_type": OrderType.LIMIT, "limit_price": Decimal("NaN")},
        {"order_type": OrderType.LIMIT, "limit_price": Decimal(-5000)},
        {"order_type": OrderType.LIMIT, "limit_price": Decimal("5000.10")},
        {"order_type": OrderType.LIMIT, "limit_price": Decimal("1e300")},
        {"order_type": OrderType.STOP_LIMIT, "limit_price": Decimal(5000)},
    ],
)
def test_a_ticket_that_cannot_be_meant_raises(fields: dict[str, Any]) -> None:
    with pytest.raises(ScopeError):
        ticket(**fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"order_type": OrderType.LIMIT, "limit_price": Decimal("5000.25")},
        {"order_type": OrderType.STOP_MARKET, "stop_price": Decimal("5000.50")},
        {"order_type": OrderType.STOP_LIMIT, "stop_price": Decimal(5000), "limit_price": Decimal(5001)},
        {"oco_id": "oco-1", "strategy": "ATM 1", "time_in_force": TimeInForce.GTC},
        {"instrument": "AAPL", "order_type": OrderType.LIMIT, "limit_price": Decimal("12.3456")},
    ],
)
def test_a_ticket_with_what_its_order_type_needs_is_made(fields: dict[str, Any]) -> None:
    assert ticket(**fields) == ticket(**fields)


@given(st.decimals(min_value="0.01", max_value="999999999", places=4))
def test_a_price_reads_back_as_typed_with_point_or_comma(price: Decimal) -> None:
    assert read_price(f" {price:f} ") == price
    assert read_price(f"{price:f}".replace(".", ",")) == price


@pytest.mark.parametrize(
    "text", ["", "0", "0,00", "-1", "1e3", "1.000,5", "1 000", "٣", "NaN", ".5", "5.", "+5"]
)
def test_what_is_no_plain_positive_number_is_no_price(text: str) -> None:
    with pytest.raises(ScopeError):
        read_price(text)


@pytest.mark.parametrize("text", ["", "0", "-1", "1.0", "٣", "two", "1e2", "1234567890"])
def test_what_is_no_whole_number_from_one_is_no_quantity(text: str) -> None:
    with pytest.raises(ScopeError):
        read_quantity(text)


def test_a_quantity_is_read_and_tick_sizes_are_known_by_root() -> None:
    assert read_quantity(" 12 ") == 12
    assert tick_size_of("ESZ25") == Decimal("0.25")
    assert tick_size_of("AAPL") is None


@pytest.mark.parametrize("text", ["20,000", "5,780", "1,234,567"])
def test_a_comma_that_may_part_thousands_is_refused_before_it_costs_a_fill(text: str) -> None:
    with pytest.raises(ScopeError, match=text.replace(",", "")):
        read_price(text)


def test_a_comma_before_three_digits_after_a_zero_is_a_decimal_comma() -> None:
    assert read_price("0,125") == Decimal("0.125")
    assert read_price("5780,25") == Decimal("5780.25")
