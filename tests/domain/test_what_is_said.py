"""What is said of a scope, a ticket or a list that cannot be meant, word for word: the trader reads it."""

import pickle
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from crosstrade_panel.domain.cancel import ListedOrders
from crosstrade_panel.domain.scope import EveryAccount, OneAccount, ScopeError, Side
from crosstrade_panel.domain.secret import Secret
from crosstrade_panel.domain.ticket import OrderType, ReverseTicket, read_price, read_quantity
from tests.fakes import order

TICKET = ReverseTicket("Sim101", "MES 12-25", Side.LONG, 2)
WIDER = "needs a visible name: {!r} would mean a wider scope"


def ticket(**changes: Any) -> Callable[[], object]:
    return lambda: replace(TICKET, **changes)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: OneAccount(" "), "account " + WIDER.format(" ")),
        (lambda: OneAccount("Sim101", "\u200b"), "instrument " + WIDER.format("\u200b")),
        (lambda: EveryAccount(""), "instrument " + WIDER.format("")),
        (lambda: EveryAccount(None, "long"), "side is long or short, not 'long'"),  # type: ignore[arg-type]
        (ticket(account=""), "account " + WIDER.format("")),
        (ticket(instrument=""), "instrument " + WIDER.format("")),
        (ticket(leaving="long"), "side cannot be 'long'"),
        (ticket(order_type="market"), "order type cannot be 'market'"),
        (ticket(time_in_force="day"), "time in force cannot be 'day'"),
        (ticket(quantity=0), "quantity is a whole number of contracts from 1, not 0"),
        (ticket(quantity=True), "quantity is a whole number of contracts from 1, not True"),
        (ticket(order_type=OrderType.LIMIT), "a limit order needs a limit price"),
        (ticket(order_type=OrderType.STOP_MARKET), "a stop-market order needs a stop price"),
        (ticket(limit_price=Decimal(1)), "a market order takes no limit price"),
        (ticket(stop_price=Decimal(1)), "a market order takes no stop price"),
        (
            ticket(order_type=OrderType.LIMIT, limit_price=Decimal(-1)),
            "limit price is a positive number, not -1",
        ),
        (
            ticket(order_type=OrderType.STOP_MARKET, stop_price=Decimal("1.1")),
            "stop price 1.1 is not on the tick: MES 12-25 moves in steps of 0.25",
        ),
        (ticket(oco_id=" "), "OCO id is left out or has a visible name, not ' '"),
        (ticket(strategy=""), "ATM strategy is left out or has a visible name, not ''"),
        (
            lambda: read_price("5,780"),
            "'5,780' may mean 5780 or 5.780: type what is meant, without a comma",
        ),
        (
            lambda: read_price("1,234,567"),
            "'1,234,567' may mean 1234567: type what is meant, without a comma",
        ),
        (
            lambda: read_price("1e3"),
            "'1e3' is not a price: digits with at most one decimal point or comma, above zero",
        ),
        (
            lambda: read_price("0"),
            "'0' is not a price: digits with at most one decimal point or comma, above zero",
        ),
        (lambda: read_quantity("0"), "'0' is not a number of contracts: a whole number from 1"),
        (lambda: read_quantity("two"), "'two' is not a number of contracts: a whole number from 1"),
        (lambda: ListedOrders(()), "no order is listed, and none must never mean all"),
        (lambda: ListedOrders((order(), order())), "an order is listed twice"),
        (lambda: ListedOrders((replace(order(), account=""),)), "account " + WIDER.format("")),
        (lambda: ListedOrders((order(instrument=None),)), "instrument " + WIDER.format(None)),
        (lambda: ListedOrders((replace(order(), order_id=None),)), "order id " + WIDER.format(None)),
    ],
)
def test_it_says_what_is_wrong_and_with_what(make: Callable[[], object], said: str) -> None:
    with pytest.raises(ScopeError) as error:
        make()
    assert str(error.value) == said


def test_a_secret_says_only_that_it_is_one() -> None:
    secret = Secret("made-up")
    assert (repr(secret), str(secret), f"{secret}", f"{secret:>10}") == (
        "Secret(hidden)",
        "(hidden)",
        "(hidden)",
        "  (hidden)",
    )
    assert hash(secret) == hash(Secret("made-up")) != hash(Secret("another"))
    with pytest.raises(TypeError, match=r"\Aa secret is not pickled\Z"):
        pickle.dumps(secret)
