"""The least of everything that can be ordered is not too little."""

from decimal import Decimal

import pytest

from crosstrade_panel.domain.scope import OneAccount, ScopeError, Side
from crosstrade_panel.domain.snapshot import in_scope
from crosstrade_panel.domain.ticket import OrderType, ReverseTicket, read_price, read_quantity
from tests.fakes import position


def limit(price: str, quantity: int = 1) -> ReverseTicket:
    """In an instrument whose tick is not known, so that any price above zero may be meant."""
    return ReverseTicket(
        "Sim101", "XYZ 12-25", Side.LONG, quantity, OrderType.LIMIT, limit_price=Decimal(price)
    )


def test_one_contract_is_a_quantity_and_none_is_not() -> None:
    assert limit("1", 1).quantity == 1
    assert read_quantity("1") == 1
    for quantity in (0, -1):
        with pytest.raises(ScopeError, match="quantity is a whole number of contracts from 1"):
            limit("1", quantity)


def test_a_price_below_one_is_a_price_and_zero_is_not() -> None:
    assert limit("0.5").limit_price == Decimal("0.5")
    assert limit("1").limit_price == 1
    assert read_price("0.5") == Decimal("0.5")
    for price in ("0", "-0.5", "NaN", "Infinity"):
        with pytest.raises(ScopeError, match="limit price is a positive number"):
            limit(price)


def test_only_rows_of_the_side_that_was_asked_for_are_in_a_scope_of_one_side() -> None:
    rows = (position(side=Side.LONG), position(side=Side.SHORT))
    assert in_scope(OneAccount("Sim101", side=Side.LONG), rows) == rows[:1]
    assert in_scope(OneAccount("Sim101"), rows) == rows
