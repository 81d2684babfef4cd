"""Which requests cancel which orders: never one more than was listed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosstrade_panel.domain.cancel import CancelRequest, ListedOrders, cancel_requests
from crosstrade_panel.domain.names import fold, may_be_same_instrument
from crosstrade_panel.domain.scope import EveryAccount, OneAccount, ScopeError
from crosstrade_panel.domain.snapshot import Flaws, Order, OrdersRead, Stamp
from tests.fakes import order

ONE, TWO = order(order_id="a"), order(order_id="b")


def read(*orders: Order, account: str = "Sim101", flaws: Flaws | None = None) -> dict[str, OrdersRead]:
    return {fold(account): OrdersRead(Stamp(1.0, 1.1), account, orders, flaws or Flaws())}


def by_id(*orders: Order) -> tuple[CancelRequest, ...]:
    return tuple(CancelRequest(each.account, None, each.order_id, (each,)) for each in orders)


def test_all_orders_of_a_pair_are_one_request() -> None:
    found = cancel_requests(ListedOrders((ONE, TWO)), read(ONE, TWO))
    assert found == (CancelRequest("Sim101", "MES 12-25", None, (ONE, TWO)),)


@pytest.mark.parametrize(
    "more",
    [
        order(order_id="c"),
        order(order_id="c", instrument=None),
        order(order_id="c", instrument="MESZ25"),
        order(order_id="c", instrument="MES"),
        order(order_id="c", state="Unknown"),
        order(order_id="c", state=None),
    ],
)
def test_where_another_order_may_work_in_the_pair_each_goes_by_its_id(more: Order) -> None:
    assert cancel_requests(ListedOrders((ONE, TWO)), read(ONE, TWO, more)) == by_id(ONE, TWO)


def test_an_order_that_ended_or_lies_in_another_instrument_does_not_stand_in_the_way() -> None:
    others = (order(order_id="c", state="Filled"), order(order_id="d", instrument="NQ 12-25"))
    assert len(cancel_requests(ListedOrders((ONE, TWO)), read(ONE, TWO, *others))) == 1


def test_one_order_alone_or_an_account_not_read_cleanly_goes_by_id() -> None:
    assert cancel_requests(ListedOrders((ONE,)), read(ONE)) == by_id(ONE)
    assert cancel_requests(ListedOrders((ONE, TWO)), {}) == by_id(ONE, TWO)
    spoiled = read(ONE, TWO, flaws=Flaws(accounts=frozenset({"sim101"})))
    assert cancel_requests(ListedOrders((ONE, TWO)), spoiled) == by_id(ONE, TWO)


def test_a_name_that_moves_at_a_roll_never_stands_for_a_pair() -> None:
    roots = tuple(order(instrument="MES", order_id=each) for each in "ab")
    assert cancel_requests(ListedOrders(roots), read(*roots)) == by_id(*roots)


def test_two_spellings_of_one_contract_are_each_cancelled_once() -> None:
    orders = (ONE, TWO, order(instrument="MESZ25", order_id="c"))
    assert cancel_requests(ListedOrders(orders), read(*orders)) == by_id(*orders)


def test_what_cannot_be_named_or_is_nothing_or_twice_cannot_be_listed() -> None:
    for orders in (
        (),
        (ONE, ONE),
        (ONE, order("SIM101", order_id="a")),
        (order(instrument=None),),
        (order("\u200b"),),
        (order(order_id="\u3164"),),
    ):
        with pytest.raises(ScopeError):
            ListedOrders(orders)


def test_the_scope_of_listed_orders_is_the_narrowest_that_holds_them() -> None:
    other = order("Sim102", order_id="c")
    assert ListedOrders((ONE, TWO)).scope == OneAccount("Sim101", "MES 12-25")
    assert ListedOrders((ONE, order(instrument="NQ 12-25", order_id="c"))).scope == OneAccount("Sim101")
    assert ListedOrders((ONE, other)).scope == EveryAccount("MES 12-25")
    mixed = ListedOrders((ONE, order("SIM101", order_id="z"), other))
    assert mixed.accounts == ("Sim101", "Sim102")
    assert len(mixed.of("sim101")) == 2


ORDERS = st.lists(
    st.builds(
        order,
        st.sampled_from(["Sim101", "SIM101", "Sim102"]),
        st.sampled_from(["MES 12-25", "MESZ25", "MES", "MES 03-26", "NQ 12-25", None]),
        st.sampled_from(["Working", "Unknown", "CancelPending", "Filled", None]),
        st.sampled_from([f"id-{number}" for number in range(8)]),
    ),
    max_size=8,
    unique_by=lambda each: (fold(each.account), each.order_id),
)


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_what_the_requests_can_touch_is_never_more_than_was_listed_and_each_order_is_named_once(
    data: st.DataObject,
) -> None:
    there = data.draw(ORDERS)
    nameable = [each for each in there if each.instrument is not None]
    if not nameable:
        return
    chosen = tuple(data.draw(st.lists(st.sampled_from(nameable), min_size=1, unique=True)))
    listed = ListedOrders(chosen)
    known = {
        key: OrdersRead(
            Stamp(1.0, 1.1), key, tuple(each for each in there if fold(each.account) == key), Flaws()
        )
        for key in data.draw(st.sets(st.sampled_from(["sim101", "sim102"])))
    }
    requests = cancel_requests(listed, known)
    assert sorted(order.order_id or "" for request in requests for order in request.orders) == sorted(
        order.order_id or "" for order in chosen
    )
    for request in requests:
        assert (request.instrument is None) != (request.order_id is None)  # never the whole account
        touched = {
            each.order_id
            for each in there
            if fold(each.account) == fold(request.account)
            and each.is_working
            and (
                each.order_id == request.order_id
                if request.instrument is None
                else each.instrument is None or may_be_same_instrument(each.instrument, request.instrument)
            )
        }
        assert touched <= {each.order_id for each in request.orders} <= {each.order_id for each in chosen}
