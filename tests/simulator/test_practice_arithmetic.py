"""What holds for the practice exchange whatever is done to it."""

from decimal import Decimal
from typing import Literal

from hypothesis import given
from hypothesis import strategies as st

from crosstrade_panel.simulator.book import Book, FlattenRequest, ReverseRequest
from crosstrade_panel.simulator.instruments import listed_contracts
from crosstrade_panel.simulator.ledger import DEFAULT_ACCOUNTS, Position, PositionPicture

NAMES = [account.name for account in DEFAULT_ACCOUNTS]
CONTRACTS = [contract.name for contract in listed_contracts() if contract.root in {"ES", "MES", "CL"}]
SIDES: list[Literal["Long", "Short"]] = ["Long", "Short"]

fills = st.lists(
    st.tuples(
        st.integers(-5, 5).filter(bool), st.integers(1, 4000).map(lambda ticks: ticks * Decimal("0.25"))
    ),
    max_size=30,
)
holdings = st.lists(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(CONTRACTS), st.integers(-5, 5).filter(bool)), max_size=8
)
requests = st.builds(
    FlattenRequest,
    st.none() | st.sampled_from(NAMES),
    st.none() | st.sampled_from(CONTRACTS),
    st.none() | st.sampled_from(SIDES),
)


def opened(held: list[tuple[str, str, int]]) -> Book:
    """A book with these holdings, a stop on each, and one resting entry per account; prices stand still."""
    book = Book(openings=(), walking=False)
    book.advance(0.0)
    for account, contract, quantity in held:
        book.open_position(account, contract, quantity)
        book.rest_order(account, contract, "Sell", 1, stop_price=Decimal("0.25"))
    for account in NAMES:
        book.rest_order(account, "GC", "Buy", 1, limit_price=Decimal(1))
    return book


def meets(picture: PositionPicture, request: FlattenRequest) -> bool:
    return (
        request.account in {None, picture.account}
        and request.instrument in {None, picture.contract.name}
        and request.side in {None, picture.side}
    )


@given(fills)
def test_realized_and_open_profit_are_what_the_fills_cost(sequence: list[tuple[int, Decimal]]) -> None:
    contract = next(c for c in listed_contracts() if c.root == "MES")
    position = Position("Sim101", contract)
    realized = sum((position.fill(quantity, price) for quantity, price in sequence), Decimal(0))
    last = Decimal("512.75")
    signed = sum(quantity for quantity, _ in sequence)
    paid = sum((quantity * price for quantity, price in sequence), Decimal(0))
    assert position.signed == signed
    assert realized + position.unrealized(last) == (signed * last - paid) * contract.point_value
    assert len({quantity > 0 for quantity, _ in position.lots}) <= 1


@given(holdings, requests)
def test_a_flatten_closes_all_that_meets_its_criteria_and_touches_nothing_else(
    held: list[tuple[str, str, int]], request: FlattenRequest
) -> None:
    book = opened(held)
    positions, orders = book.positions(), book.orders()
    inside = tuple(p for p in positions if meets(p, request))
    pairs = {(p.account, p.contract) for p in inside}
    done = book.flatten(request)
    book.advance(1.0)
    assert done.closed == inside
    assert book.positions() == tuple(p for p in positions if not meets(p, request))
    assert set(done.order_ids) == {o.order_id for o in orders if (o.account, o.contract) in pairs}
    assert set(map(id, book.orders())) == {id(o) for o in orders if (o.account, o.contract) not in pairs}


@given(
    holdings,
    st.lists(
        st.tuples(
            st.sampled_from(["flatten", "reverse", "cancel", "wait", "price"]),
            st.sampled_from(NAMES),
            st.sampled_from(CONTRACTS),
            st.integers(1, 4),
        ),
        max_size=15,
    ),
)
def test_whatever_is_pressed_quantities_stay_positive_and_money_adds_up(
    held: list[tuple[str, str, int]], presses: list[tuple[str, str, str, int]]
) -> None:
    book = opened(held)
    now = 0.0
    for kind, account, contract, number in presses:
        match kind:
            case "flatten":
                book.flatten(FlattenRequest(account))
            case "reverse" if book.positions(FlattenRequest(account, contract)):
                book.begin_reverse(
                    account, ReverseRequest(contract, "Buy", number, "Market", "Day", strategy="ATM")
                )
            case "cancel":
                book.cancel_all(account, contract)
            case "price":
                listed = book.contract(contract)
                book.set_price(contract, book.price(listed) + (number * 20 - 50) * listed.tick)
            case _:
                now += number * 0.07
                book.advance(now)
        assert all(p.quantity > 0 and p.side in SIDES for p in book.positions())
        for picture in book.accounts():
            open_now = [p for p in book.positions() if p.account == picture.name]
            assert picture.is_flat is (not open_now)
            assert picture.unrealized == sum((p.unrealized for p in open_now), Decimal(0))
            assert picture.cash == Decimal(100_000 if picture.name == "Sim102" else 50_000) + picture.realized
    book.advance(now + 10.0)
    assert not [order for order in book.orders() if order.state in {"Submitted", "CancelPending"}]
