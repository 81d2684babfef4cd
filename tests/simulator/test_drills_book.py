"""The answers are true, and the orders do what nobody hoped for."""

import time
from decimal import Decimal
from typing import Any

import pytest

from crosstrade_panel.simulator.book import FlattenRequest
from crosstrade_panel.simulator.ledger import PracticeAccount
from crosstrade_panel.simulator.server import PracticeExchange
from tests.simulator.drilling import (
    MES,
    ORDERS,
    SCALE,
    ask,
    becomes,
    drilled,
    eventually,
    flatten,
    hear,
    held,
    read,
    reverse,
    rows,
    say,
    signed,
    stays,
    streaming,
)

_TICK_S = time.get_clock_info("monotonic").resolution + 1e-9


def working(exchange: PracticeExchange, instrument: str = "MES 12-25") -> list[Any]:
    return [row for row in read(exchange, ORDERS)["orders"] if row["instrument"] == instrument]


def cancel(exchange: PracticeExchange, order_id: str) -> Any:
    return ask(exchange, "POST", f"/v1/api/accounts/Sim101/orders/{order_id}/cancel", {})


# ---- flatten


def test_what_was_open_is_gone_a_moment_before_the_press() -> None:
    with drilled("nothing-open") as exchange:
        got = flatten(exchange).json
        assert (got["closedPositions"], got["orderIds"], got["success"]) == ([], [], True)
        assert "warning" in got
        assert held(exchange) == 0
        assert working(exchange) == []
        assert not exchange.calls[0].acted
        with exchange.book_now() as book:
            assert len(book.positions()) == 3
    with drilled("nothing-open") as exchange:
        got = reverse(exchange)
        assert (got.status, got.json["error"][:17]) == (400, "No position found")
        assert stays(exchange, 0, 0.2)


def test_a_resting_order_survives_the_flatten_and_can_be_cancelled() -> None:
    with drilled("surviving-order") as exchange:
        [entry] = [row for row in working(exchange) if not row["ocoId"]]
        assert (entry["action"], entry["orderType"], entry["quantity"]) == ("Sell", "StopMarket", 2)
        got = flatten(exchange).json
        assert entry["orderId"] not in got["orderIds"]
        assert len(got["orderIds"]) == 2
        assert becomes(exchange, 0)
        assert eventually(lambda: len(working(exchange)) == 1)
        assert stays(exchange, 0, 4 * SCALE)
        assert cancel(exchange, entry["orderId"]).status == 200
        assert eventually(lambda: working(exchange) == [])


def test_a_surviving_order_is_put_beside_a_position_that_came_later() -> None:
    with drilled("surviving-order") as exchange:
        with exchange.book_now() as book:
            book.open_position("Sim101", "GC", 1)
        flatten(exchange, account="Sim101", instrument="GC 02-26")
        assert exchange.wait_until(lambda book: not book.positions(FlattenRequest("Sim101", "GC")))
        [entry] = working(exchange, "GC 02-26")
        assert entry["action"] == "Buy"


def test_a_surviving_order_makes_a_reverse_wait_its_full_time() -> None:
    with drilled("surviving-order") as exchange:
        assert reverse(exchange).status == 200
        [call] = exchange.calls
        assert call.answered_at is not None
        assert call.answered_at - call.at >= 5 * SCALE
        assert becomes(exchange, 2)


def test_an_entry_stop_refills_three_seconds_after_flat_and_once() -> None:
    with drilled("refill") as exchange:
        assert flatten(exchange).status == 200
        assert becomes(exchange, 0)
        assert becomes(exchange, -2)
        mine = [c for c in exchange.story() if (c.account, c.instrument) == ("Sim101", "MES 12-25")]
        flat = next(c for c in mine if c.signed == 0)
        again = next(c for c in mine if c.signed == -2 and c.at > flat.at)
        # The book acts when it is due, however late anybody looks.
        assert again.at - flat.at == pytest.approx(3 * SCALE)
        assert flatten(exchange).status == 200
        assert becomes(exchange, 0)
        assert stays(exchange, 0, 5 * SCALE)


def test_an_entry_stop_that_was_cancelled_or_disarmed_in_time_does_not_refill() -> None:
    with drilled("refill", scale=0.2) as exchange:
        flatten(exchange)
        assert becomes(exchange, 0)
        [entry] = [row for row in working(exchange) if not row["ocoId"]]
        assert cancel(exchange, entry["orderId"]).status == 200
        flatten(exchange, account="Sim102")
        assert exchange.wait_until(lambda book: not book.positions(FlattenRequest("Sim102")))
        exchange.drill = None
        assert not exchange.wait_until(lambda book: len(book.positions()) != 2, 0.9)


@pytest.mark.parametrize(("account", "instrument", "before"), [("Sim101", "MES", -2), ("Sim102", "ES", 3)])
def test_a_target_fills_during_the_close_which_overfills(account: str, instrument: str, before: int) -> None:
    with drilled("overfill") as exchange:
        assert held(exchange, account, instrument) == before
        got = flatten(exchange, account=account, instrument=f"{instrument} 12-25").json
        assert len(got["closedPositions"]) == 1
        assert exchange.wait_until(lambda book: signed(book, account, instrument) == -before)
        path = [
            c.signed
            for c in exchange.story()
            if (c.account, c.instrument[:3].strip()) == (account, instrument)
        ]
        assert list(dict.fromkeys(path)) == [before, 0, -before]


def test_the_close_after_an_overfill_is_as_quick_as_ever() -> None:
    with drilled("overfill", scale=0.4) as exchange:
        flatten(exchange)
        assert becomes(exchange, 2)
        flatten(exchange, account="Sim101", instrument="MES 12-25")
        assert becomes(exchange, 0)
        assert exchange.story()[-1].at - exchange.calls[1].at < 0.3


def test_a_position_without_a_target_overfills_as_well() -> None:
    with drilled("overfill") as exchange:
        flatten(exchange, account="APEX-04417-01")
        assert exchange.wait_until(lambda book: signed(book, "APEX-04417-01", "CL") == 1)


def test_a_position_that_was_not_meant_is_closed_and_reported() -> None:
    with drilled("closed-outside") as exchange:
        got = flatten(exchange).json
        asked, other = got["closedPositions"]
        assert (asked["instrument"], other["instrument"]) == ("MES 12-25", "NQ 12-25")
        assert exchange.wait_until(lambda book: len(book.positions()) == 2)
        assert len(flatten(exchange, account="Sim102").json["closedPositions"]) == 1


def test_where_all_that_is_open_is_meant_another_account_gets_something_to_lose() -> None:
    openings: tuple[Any, ...] = ()
    with drilled("closed-outside", openings=openings) as exchange:
        with exchange.book_now() as book:
            book.open_position("Sim101", "MES 12-25", -2)
        got = flatten(exchange, account="Sim101").json
        assert [row["account"] for row in got["closedPositions"]] == ["Sim101", "Sim102"]
        assert exchange.wait_until(lambda book: not book.positions())
    with drilled("closed-outside") as exchange:
        got = ask(exchange, "POST", "/v1/api/positions/flatten", {}).json
        assert len(got["closedPositions"]) == 4


@pytest.mark.parametrize("seconds", [5, 9, 30])
def test_fills_are_as_slow_as_the_drill_says(seconds: int) -> None:
    with drilled(f"slow-fills-{seconds}", scale=0.02) as exchange:
        assert len(flatten(exchange).json["closedPositions"]) == 1
        assert becomes(exchange, 0)
        filled = next(c for c in exchange.story() if c.signed == 0 and c.instrument == "MES 12-25")
        # Windows' clock goes in steps of 16 ms up to Python 3.12.
        assert -_TICK_S <= filled.at - exchange.calls[0].at - seconds * 0.02 < 0.3


def test_two_accounts_have_different_fates_and_the_next_press_closes_the_other() -> None:
    with drilled("different-fates") as exchange:
        got = ask(exchange, "POST", "/v1/api/positions/flatten", {}).json
        assert len(got["closedPositions"]) == 4
        assert exchange.wait_until(lambda book: {p.account for p in book.positions()} == {"APEX-04417-01"})
        everything = read(exchange, "/v1/api/accounts/APEX-04417-01/orders")["orders"]
        assert [row["orderState"] for row in everything] == ["Rejected"]
        ask(exchange, "POST", "/v1/api/positions/flatten", {})
        assert exchange.wait_until(lambda book: not book.positions())


def test_two_fates_need_two_accounts_and_arming_sees_to_it() -> None:
    with drilled(openings=()) as exchange:
        exchange.drill = "different-fates"
        with exchange.book_now() as book:
            assert {p.account for p in book.positions()} == {"Sim101", "Sim102"}
        assert flatten(exchange, account="Sim101").status == 200
        assert exchange.wait_until(lambda book: {p.account for p in book.positions()} == {"Sim102"})


# ---- reverse


def test_the_wait_of_a_reverse_runs_out_and_both_orders_fill_in_the_end() -> None:
    with drilled("reverse-wait-over") as exchange:
        assert reverse(exchange, quantity=3).status == 200
        [call] = exchange.calls
        assert call.answered_at is not None
        assert 5 * SCALE <= call.answered_at - call.at < 9 * SCALE
        assert becomes(exchange, 3)
        path = list(dict.fromkeys(c.signed for c in exchange.story() if c.instrument == "MES 12-25"))
        assert path == [-2, 1, 3]
        # A flatten is as quick as ever, and so is the next reverse.
        assert reverse(exchange, action="SELL").status == 200
        assert becomes(exchange, -2)


def test_the_entry_of_a_reverse_is_rejected_and_it_says_nothing_of_it() -> None:
    with drilled("entry-rejected") as exchange:
        got = reverse(exchange).json
        assert got["success"] is True
        assert stays(exchange, 0, 0.2)
        everything = read(exchange, "/v1/api/accounts/Sim101/orders")["orders"]
        assert [r["orderState"] for r in everything if r["orderId"] == got["orderId"]] == ["Rejected"]
        with exchange.book_now() as book:
            book.open_position("Sim101", "MES 12-25", -2)
        reverse(exchange)
        assert becomes(exchange, 2)


def test_a_reverse_overfills_too_and_adds_its_entry_to_that() -> None:
    with drilled("overfill") as exchange:
        assert reverse(exchange).status == 200
        assert becomes(exchange, 4)


# ---- cancel


def test_a_cancel_is_accepted_and_the_order_goes_on_working() -> None:
    with drilled("cancel-ignored") as exchange:
        stop, _ = working(exchange)
        got = cancel(exchange, stop["orderId"])
        assert (got.status, got.json) == (200, {"orderId": stop["orderId"], "success": True})
        assert not exchange.calls[-1].acted
        assert not eventually(lambda: stop not in working(exchange), 0.2)
        cancel(exchange, stop["orderId"])
        assert eventually(lambda: working(exchange) == [])


def test_a_cancel_of_many_is_accepted_and_all_go_on_working() -> None:
    path = "/v1/api/accounts/Sim101/orders/cancel"
    with drilled("cancel-ignored") as exchange:
        got = ask(exchange, "POST", path, {"instrument": "MES 12-25"}).json
        assert (len(got["orderIds"]), got["success"]) == (2, True)
        assert not eventually(lambda: len(working(exchange)) != 2, 0.2)


def test_a_cancel_comes_too_late_and_lists_do_not_know() -> None:
    with drilled("cancel-too-late") as exchange:
        stop, target = working(exchange)
        got = cancel(exchange, stop["orderId"])
        assert got.status == 400
        assert got.json == {"error": f"Order '{stop['orderId']}' not found or already terminal"}
        listed = {row["orderId"]: row["orderState"] for row in working(exchange)}
        assert listed == {stop["orderId"]: "Unknown", target["orderId"]: "Working"}
        with exchange.book_now() as book:
            assert stop["orderId"] not in {order.order_id for order in book.orders("Sim101")}
        assert cancel(exchange, stop["orderId"]).status == 400
        assert cancel(exchange, target["orderId"]).status == 200


def test_a_cancel_is_refused_and_the_order_goes_on_working() -> None:
    with drilled("cancel-refused") as exchange:
        stop, _ = working(exchange)
        assert cancel(exchange, stop["orderId"]).json == {"error": "Order cannot be cancelled"}
        assert not eventually(lambda: stop not in working(exchange), 0.1)
        assert cancel(exchange, stop["orderId"]).status == 200


# ---- the stream, the alias


@pytest.mark.parametrize(("name", "after"), [("overfill", 2), ("nothing-open", 0), ("refill", -2)])
def test_what_the_orders_do_is_the_same_over_the_stream(name: str, after: int) -> None:
    with drilled(name) as exchange, streaming(exchange) as stream:
        say(stream)
        assert hear(stream)["data"]["success"] is True
        if name == "refill":
            assert becomes(exchange, 0)
        assert becomes(exchange, after)


def test_at_a_roll_the_account_holds_two_months_and_the_alias_means_the_front() -> None:
    with drilled("alias-at-roll") as exchange:
        listed = read(exchange, "/v1/api/positions")
        assert len(rows(listed)) == 1
        [later] = rows(listed, instrument="MES 03-26")
        assert (later["marketPosition"], later["quantity"]) == ("Short", 1)
        got = flatten(exchange, account="Sim101", instrument="MES").json
        assert [row["instrument"] for row in got["closedPositions"]] == ["MES 12-25"]
        assert becomes(exchange, 0)
        assert held(exchange, instrument="MES 03-26") == -1
        # Armed once more, nothing is added.
        exchange.drill = "alias-at-roll"
        with exchange.book_now() as book:
            assert sum(p.contract.name == "MES 03-26" for p in book.positions()) == 1


def test_reset_puts_everything_back_and_arms_the_drill_afresh() -> None:
    with drilled("overfill") as exchange:
        before = read(exchange, "/v1/api/positions")
        flatten(exchange)
        assert becomes(exchange, 2)
        exchange.reset()
        assert read(exchange, "/v1/api/positions") == before
        assert len(working(exchange)) == 2
        with exchange.book_now() as book:
            assert book.accounts()[0].realized == Decimal(0)
            assert len(book.orders()) == 7
        flatten(exchange)
        assert becomes(exchange, 2)


def test_reset_ends_a_reverse_under_way() -> None:
    with drilled("slow-fills-30", scale=1.0) as exchange:
        with streaming(exchange) as stream:
            ticket = {"action": "Buy", "orderType": "Market", "timeInForce": "Day", "quantity": 1}
            say(stream, "ReversePosition", {"account": "Sim101", "instrument": "MES 12-25"} | ticket)
            assert exchange.wait_until(lambda _: exchange.calls[-1].acted)
            exchange.reset()
            assert hear(stream)["data"] == {"error": "The practice exchange was reset"}
        exchange.drill = None
        assert stays(exchange, -2, 0.3)


def test_accounts_of_ones_own_can_be_drilled() -> None:
    accounts = [PracticeAccount("only one")]
    with drilled("different-fates", accounts=accounts) as exchange:
        assert flatten(exchange, account="only one").status == 200
    with drilled("closed-outside", accounts=accounts) as exchange:
        assert flatten(exchange, account="only one").json["closedPositions"] == []
    assert MES["account"] == "Sim101"
