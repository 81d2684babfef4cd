"""What an answer says, and what may not be concluded from it."""

import json
from decimal import Decimal
from typing import Any

import pytest

from crosstrade_panel.crosstrade import wire
from crosstrade_panel.domain.outcome import Cause
from crosstrade_panel.domain.scope import EveryAccount, OneAccount, Side
from crosstrade_panel.domain.snapshot import Account, Flaws, Position, PositionsRead, Source, in_scope
from crosstrade_panel.trading.ports import GatewayError, ReadFailedError, RefusedError, UnknownOutcomeError
from tests.crosstrade.gateways import answer

ROW = {
    "type": "NinjaTrader.Cbi.Position",
    "account": "Sim101",
    "instrument": "ES 12-25",
    "instrumentType": "Future",
    "marketPosition": "Short",
    "quantity": 2,
    "averagePrice": 5780.125,
    "marketPrice": 5774.0,
    "unrealizedProfitLoss": 612.5,
    "tag": "x",
}
READ = Position(
    "Sim101",
    "ES 12-25",
    Side.SHORT,
    2,
    Decimal("5780.125"),
    Decimal("5774.0"),
    Decimal("612.5"),
    "Future",
    "NinjaTrader.Cbi.Position",
)


def row(**changes: Any) -> dict[str, Any]:
    """The row with fields changed; None takes one away."""
    return {key: value for key, value in {**ROW, **changes}.items() if value is not None}


def positions(rows: Any, **more: Any) -> PositionsRead:
    return wire.read_positions(answer(json.dumps({"positions": rows, "success": True, **more})))


def snapshot(*entries: Any, **more: Any) -> PositionsRead:
    return wire.read_snapshot(answer(json.dumps({"type": "snapshot", "accounts": entries, **more})))


# -- positions ---


def test_the_documented_list_is_read_whole() -> None:
    read = positions([ROW], count=1)
    assert read.positions == (READ,)
    assert read.source is Source.POSITIONS
    assert read.flaws == Flaws()
    assert (read.stamp.sent_at, read.stamp.answered_at, read.stamp.epoch_ms) == (10.0, 11.0, None)


def test_prices_do_not_pass_through_binary_fractions() -> None:
    read = wire.read_positions(answer('{"positions":[{"averagePrice":0.1000000000000000055}]}'))
    assert read.positions[0].average_price == Decimal("0.1000000000000000055")


def test_the_list_may_lie_under_data() -> None:
    read = wire.read_positions(
        answer(json.dumps({"data": {"positions": [ROW], "count": 1}, "success": True}))
    )
    assert read.positions == (READ,)


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        ('{"success":true}', Cause.SAYS_NOTHING),
        ('{"success":true,"positions":null}', Cause.SAYS_NOTHING),
        ('{"success":true,"positions":{}}', Cause.SAYS_NOTHING),
        ('{"positions":[],"success":false}', Cause.SERVER_SAID_NO),
        ('{"positions":[],"success":"true"}', Cause.SERVER_SAID_NO),
        ('{"positions":[],"success":1}', Cause.SERVER_SAID_NO),
        ('{"positions":[],"success":[]}', Cause.SERVER_SAID_NO),
        ('{"positions":[],"error":"no"}', Cause.SERVER_SAID_NO),
        ('{"positions":[],"success":true,"data":{"success":false}}', Cause.SERVER_SAID_NO),
        ('{"positions":[],"success":true,"data":{"error":"no"}}', Cause.SERVER_SAID_NO),
        ("[]", Cause.UNREADABLE),
        ("", Cause.UNREADABLE),
        ("<html>", Cause.UNREADABLE),
        ('{"positions":[', Cause.UNREADABLE),
        ('{"positions":[NaN]}', Cause.UNREADABLE),
    ],
)
def test_absence_and_failure_are_never_an_empty_list(body: str, cause: Cause) -> None:
    with pytest.raises(ReadFailedError) as caught:
        wire.read_positions(answer(body))
    assert caught.value.reason.cause is cause


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (100, Cause.UNREADABLE),
        (201, Cause.UNREADABLE),
        (204, Cause.UNREADABLE),
        (302, Cause.REDIRECTED),
        (400, Cause.SERVER_SAID_NO),
        (401, Cause.TOKEN_REFUSED),
        (403, Cause.TOKEN_REFUSED),
        (404, Cause.WRONG_PATH),
        (408, Cause.NINJATRADER_OFFLINE),
        (418, Cause.SERVER_SAID_NO),
        (429, Cause.OVER_BUDGET),
        (500, Cause.SERVER_FAILED),
        (503, Cause.SERVER_FAILED),
        (700, Cause.UNREADABLE),
    ],
)
def test_only_a_200_is_a_read(status: int, cause: Cause) -> None:
    body = json.dumps({"positions": [], "success": True})
    with pytest.raises(ReadFailedError) as caught:
        wire.read_positions(answer(body, status))
    assert (caught.value.reason.cause, caught.value.reason.status) == (cause, status)


@pytest.mark.parametrize("count", [0, 2, -1, "1", None, True, 1.5, [], 10**30])
def test_a_wrong_count_spoils_the_whole_read(count: Any) -> None:
    flaws = positions([ROW], count=count).flaws
    assert flaws.everything is not None
    assert flaws.spoil("Sim101")


@pytest.mark.parametrize(
    "changes",
    [
        {"instrument": None},
        {"instrument": ""},
        {"instrument": "\u200b"},
        {"instrument": 5},
        {"instrument": "X" * 201},
        {"marketPosition": None},
        {"marketPosition": "Sideways"},
        {"marketPosition": 1},
        {"marketPosition": "Flat"},
        {"quantity": None},
        {"quantity": 0},
        {"quantity": -2},
        {"quantity": 1.5},
        {"quantity": True},
        {"quantity": "2"},
        {"quantity": [2]},
        {"quantity": 10**30},
        {"marketPosition": "Flat", "quantity": None},
    ],
)
def test_a_bad_row_is_kept_inside_and_spoils_its_account_only(changes: dict[str, Any]) -> None:
    read = positions([row(**changes), row(account="Sim102")])
    bad, good = read.positions
    assert not bad.is_readable
    assert bad.account == "Sim101"
    assert good.is_readable
    assert in_scope(OneAccount("Sim101"), read.positions) == (bad,)
    assert read.flaws.everything is None
    assert read.flaws.spoil("SIM101")
    assert not read.flaws.spoil("Sim102")


@pytest.mark.parametrize("account", [None, "", " ", "\u3164", 7, ["Sim101"], "a\u202eb"])
def test_a_row_whose_account_cannot_be_read_spoils_everything(account: Any) -> None:
    read = positions([row(account=account)])
    assert read.positions[0].account is None
    assert read.flaws.spoil("anybody")
    assert in_scope(OneAccount("Sim102", "ES 12-25", Side.SHORT), read.positions) == read.positions


@pytest.mark.parametrize("rubbish", [None, 1, "Sim101", [], True])
def test_a_row_that_is_no_object_may_be_anybodys_position(rubbish: Any) -> None:
    read = positions([rubbish])
    assert read.positions == (Position(None, None, None, None),)
    assert read.flaws.everything is not None


def test_a_flat_row_is_no_position() -> None:
    read = positions([row(marketPosition="Flat", quantity=0)], count=1)
    assert (read.positions, read.flaws) == ((), Flaws())


def test_a_flat_row_of_nobody_proves_nothing() -> None:
    read = positions([row(marketPosition="Flat", quantity=0, account=None)])
    assert len(read.positions) == 1
    assert read.flaws.everything is not None


def test_a_whole_quantity_may_be_written_as_a_fraction_and_sides_in_any_case() -> None:
    read = positions([row(quantity=3.0, marketPosition="LONG")])
    assert (read.positions[0].quantity, read.positions[0].side) == (3, Side.LONG)
    assert read.flaws == Flaws()


@pytest.mark.parametrize(
    "price",
    ["1e999", "1e99999999999999999999999", "-1e15", "1e-999999", '"5780"', "true", "null", "1" * 70 + ".5"],
)
def test_a_price_that_nobody_can_believe_is_unknown_and_spoils_nothing(price: str) -> None:
    body = json.dumps({"positions": [ROW]}).replace("5780.125", price)
    read = wire.read_positions(answer(body))
    assert read.positions[0].average_price is None
    assert read.positions[0].is_readable
    assert read.flaws == Flaws()


# -- the server's clock ---


@pytest.mark.parametrize(
    ("fields", "epoch_ms"),
    [
        ({"epoch": 1700000000123}, 1700000000123),
        ({"epoch": 1700000000123.0}, 1700000000123),
        ({"epoch": "soon", "timestamp": "2023-11-14T22:13:20Z"}, 1700000000000),
        ({"timestamp": "2023-11-14T22:13:20.1234567Z"}, 1700000000123),
        ({"timestamp": "2023-11-14T22:13:20"}, 1700000000000),
        ({"timestamp": "2023-11-14T23:13:20+01:00"}, 1700000000000),
        ({"timestamp": "0001-01-01T00:00:00+23:00"}, None),
        ({"timestamp": "yesterday"}, None),
        ({"timestamp": 5}, None),
        ({}, None),
    ],
)
def test_the_servers_time_is_read_where_it_is_told(fields: dict[str, Any], epoch_ms: int | None) -> None:
    told = positions([], **fields).stamp.epoch_ms
    if "0001" in str(fields):
        assert told is not None  # whatever it is, it is no crash
    else:
        assert told == epoch_ms


# -- the snapshot ---


def test_a_snapshot_lists_accounts_and_their_positions() -> None:
    account = {
        "name": "Sim101",
        "displayName": "Sim\u202e 101",
        "provider": "Simulator",
        "connectionStatus": "connected",
        "isAccountFlat": False,
        "item": {"cashValue": 1},
    }
    read = snapshot({"account": account, "positions": [row(account=None)]}, epoch=5, count=1)
    assert read.accounts == (
        Account("Sim101", "Simulator", connected=True, is_flat=False, display_name="Sim 101"),
    )
    assert read.positions == (READ,)
    assert (read.source, read.stamp.epoch_ms, read.flaws) == (Source.SNAPSHOT, 5, Flaws())


def test_an_entry_may_be_flat_or_name_its_account_only() -> None:
    read = snapshot({"name": "A1", "positions": []}, {"account": "B2", "positions": []})
    assert [account.name for account in read.accounts or ()] == ["A1", "B2"]
    assert read.flaws == Flaws()


def test_a_row_that_contradicts_its_parent_spoils_both_accounts() -> None:
    read = snapshot(
        {"account": {"name": "Sim102"}, "positions": [ROW]}, {"account": "Sim103", "positions": []}
    )
    assert read.positions == (READ,)
    assert [read.flaws.spoil(name) for name in ("Sim101", "Sim102", "Sim103")] == [True, True, False]


def test_a_row_that_agrees_with_its_parent_but_for_case_spoils_nothing() -> None:
    assert snapshot({"account": {"name": "SIM101"}, "positions": [ROW]}).flaws == Flaws()


def test_a_row_with_an_unreadable_account_is_not_its_parents() -> None:
    read = snapshot({"account": {"name": "Sim101"}, "positions": [row(account=5)]})
    assert read.positions[0].account is None
    assert read.flaws.everything is not None


def test_rubbish_under_an_account_spoils_that_account() -> None:
    read = snapshot({"account": "Sim101", "positions": [7]}, {"account": "Sim102", "positions": []})
    assert read.positions == (Position("Sim101", None, None, None),)
    assert read.flaws == Flaws(None, frozenset({"sim101"}))


@pytest.mark.parametrize("held", [None, {}, "none", 0])
def test_an_account_without_its_list_of_positions_is_spoilt(held: Any) -> None:
    read = snapshot({"account": "Sim101", "positions": held}, {"account": "Sim102", "positions": []})
    assert read.flaws == Flaws(None, frozenset({"sim101"}))


@pytest.mark.parametrize(
    "entry",
    [
        None,
        5,
        [],
        {},
        {"positions": []},
        {"account": {}, "positions": []},
        {"account": 5, "positions": [ROW]},
    ],
)
def test_an_entry_without_a_readable_account_spoils_everything(entry: Any) -> None:
    assert snapshot(entry).flaws.everything is not None


def test_a_snapshot_without_its_list_shows_nothing() -> None:
    with pytest.raises(ReadFailedError):
        wire.read_snapshot(answer('{"type":"snapshot","positions":[]}'))


def test_an_account_listed_twice_is_spoilt() -> None:
    read = snapshot({"account": "Sim101", "positions": []}, {"account": "SIM101", "positions": []})
    assert read.flaws == Flaws(None, frozenset({"sim101"}))


# -- accounts ---


@pytest.mark.parametrize(
    "body",
    [
        {"accounts": [{"name": "A1"}, {"name": "B2"}], "success": True},
        {"data": [{"name": "A1"}, {"name": "B2"}], "success": True},
        {"data": {"accounts": ["A1", "B2"]}},
        [{"name": "A1"}, {"name": "B2"}],
        ["A1", "B2"],
        {"accounts": ["A1", {"account": {"name": "B2"}}]},
    ],
)
def test_accounts_are_read_in_every_known_shape(body: Any) -> None:
    read = wire.read_accounts(answer(json.dumps(body)))
    assert [account.name for account in read.accounts] == ["A1", "B2"]
    assert read.flaws == Flaws()


@pytest.mark.parametrize(
    "body", ["{}", '{"data":{}}', '{"accounts":null}', '{"success":true}', "null", '"A1"']
)
def test_an_absent_listing_is_a_failed_read(body: str) -> None:
    with pytest.raises(ReadFailedError):
        wire.read_accounts(answer(body))


def test_an_empty_listing_is_what_it_is() -> None:
    assert wire.read_accounts(answer('{"accounts":[]}')).accounts == ()


@pytest.mark.parametrize(
    "bad", [None, 5, True, {}, {"name": ""}, {"name": None}, "", "\u200b", [], {"account": None}]
)
def test_an_account_that_cannot_be_read_spoils_the_listing(bad: Any) -> None:
    read = wire.read_accounts(answer(json.dumps({"accounts": ["A1", bad]})))
    assert read.flaws.everything is not None
    assert [account.name for account in read.accounts] == ["A1"]


def test_doubles_and_counts_are_checked_in_the_listing_too() -> None:
    read = wire.read_accounts(answer('{"accounts":["A1","a1"],"count":3}'))
    assert read.flaws.everything is not None
    assert read.flaws.accounts == {"a1"}


@pytest.mark.parametrize(
    ("status", "connected"),
    [("Connected", True), ("CONNECTED", True), ("Disconnected", False), ("", False), (None, None), (1, None)],
)
def test_an_account_is_connected_only_when_the_server_says_so(status: Any, *, connected: bool | None) -> None:
    read = wire.read_accounts(
        answer(json.dumps([{"name": "A1", "connectionStatus": status, "isAccountFlat": 1}]))
    )
    assert read.accounts[0].connected is connected
    assert read.accounts[0].is_flat is None


# -- orders ---

ORDER = {
    "account": "sim101",
    "orderId": "abc",
    "instrument": "ES 12-25",
    "orderType": "StopLimit",
    "orderState": "Accepted",
    "quantity": 2,
    "filled": 0,
    "limitPrice": 5780.25,
    "stopPrice": 5781,
    "action": "Buy",
    "ocoId": "b1",
}


@pytest.mark.parametrize(
    "body", [{"orders": [ORDER], "success": True, "count": 1}, [ORDER], {"data": {"orders": [ORDER]}}]
)
def test_orders_are_read_in_every_known_shape(body: Any) -> None:
    read = wire.read_orders(answer(json.dumps(body)), "Sim101")
    assert read.flaws == Flaws()
    assert read.account == "Sim101"
    order = read.orders[0]
    assert (order.order_id, order.state, order.quantity, order.filled) == ("abc", "Accepted", 2, 0)
    assert (order.limit_price, order.stop_price, order.oco_id) == (Decimal("5780.25"), Decimal(5781), "b1")
    assert (order.order_type, order.action, order.is_working) == ("StopLimit", "Buy", True)


@pytest.mark.parametrize("body", ["{}", '{"data":[]}', '{"success":true}', '{"orders":{}}'])
def test_an_absent_list_of_orders_is_a_failed_read(body: str) -> None:
    with pytest.raises(ReadFailedError):
        wire.read_orders(answer(body), "Sim101")


def test_an_order_without_an_account_belongs_to_the_one_asked_for() -> None:
    read = wire.read_orders(answer(json.dumps([{**ORDER, "account": None}])), "Sim101")
    assert (read.orders[0].account, read.flaws) == ("Sim101", Flaws())


def test_an_order_of_another_account_spoils_both() -> None:
    read = wire.read_orders(answer(json.dumps([{**ORDER, "account": "Sim102"}])), "Sim101")
    assert read.orders[0].account == "Sim102"
    assert read.flaws.accounts == {"sim101", "sim102"}


def test_an_order_of_nobody_spoils_everything() -> None:
    read = wire.read_orders(answer(json.dumps([{**ORDER, "account": 5}])), "Sim101")
    assert read.orders[0].account == "Sim101"
    assert read.flaws.everything is not None


@pytest.mark.parametrize("bad", [None, 5, "abc", {**ORDER, "orderId": None}, {**ORDER, "instrument": ""}])
def test_an_order_that_cannot_be_read_still_works_and_spoils_its_account(bad: Any) -> None:
    read = wire.read_orders(answer(json.dumps({"orders": [bad]})), "Sim101")
    assert read.orders[0].is_working
    assert read.flaws.spoil("Sim101")


@pytest.mark.parametrize("state", [None, 5, "Unknown", "CancelPending", "nonsense"])
def test_an_order_in_no_terminal_state_works_and_is_no_flaw(state: Any) -> None:
    read = wire.read_orders(answer(json.dumps([{**ORDER, "orderState": state}])), "Sim101")
    assert read.orders[0].is_working
    assert read.flaws == Flaws()


def test_orders_with_a_wrong_count_are_spoilt() -> None:
    assert wire.read_orders(answer('{"orders":[],"count":1}'), "Sim101").flaws.everything is not None


# -- the answer to a press ---


def ending(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> GatewayError:
    content = body if isinstance(body, bytes | str) else json.dumps(body)
    with pytest.raises((RefusedError, UnknownOutcomeError)) as caught:
        wire.read_receipt(answer(content, status, headers))
    error = caught.value
    assert isinstance(error, RefusedError | UnknownOutcomeError)
    assert (error.sent_at, error.answered_at) == (10.0, 11.0)
    assert error.reason.status == status
    return error


def test_the_documented_flatten_answer_is_accepted() -> None:
    closed = {key: value for key, value in ROW.items() if key != "tag"}
    body = {"orderIds": ["adb3", "2141"], "closedPositions": [closed], "success": True, "warning": "w\u202e"}
    receipt = wire.read_receipt(answer(json.dumps(body)))
    assert receipt.order_ids == ("adb3", "2141")
    assert receipt.closed_positions == (READ,)
    assert (receipt.warning, receipt.sent_at, receipt.answered_at) == ("w", 10.0, 11.0)


@pytest.mark.parametrize(
    ("body", "ids", "closed"),
    [
        ({"success": True}, (), None),
        ({"orderId": "cb1f", "success": True}, ("cb1f",), None),
        ({"orderId": "cb1f"}, ("cb1f",), None),
        ({"orderIds": []}, (), None),
        ({"closedPositions": []}, (), ()),
        ({"data": {"orderIds": ["a"]}, "success": True}, ("a",), None),
        ({"data": {"orderIds": ["a"], "success": True}}, ("a",), None),
        ({"success": True, "orderIds": "a", "closedPositions": {}}, (), None),
        ({"success": True, "orderIds": ["a", 5, "", None]}, ("a",), None),
        ({"success": True, "error": None}, (), None),
        ({"success": True, "error": ""}, (), None),
    ],
)
@pytest.mark.parametrize("status", [200, 201, 299])
def test_success_or_the_expected_fields_without_an_error_are_accepted(
    body: Any, ids: tuple[str, ...], closed: Any, status: int
) -> None:
    receipt = wire.read_receipt(answer(json.dumps(body), status))
    assert (receipt.order_ids, receipt.closed_positions) == (ids, closed)


def test_a_closed_row_that_cannot_be_read_is_kept() -> None:
    receipt = wire.read_receipt(answer('{"success":true,"closedPositions":[5]}'))
    assert receipt.closed_positions == (Position(None, None, None, None),)
    assert in_scope(EveryAccount(), receipt.closed_positions) == receipt.closed_positions


@pytest.mark.parametrize(
    "body", [{"success": False}, {"error": "no"}, {"success": False, "orderIds": [], "closedPositions": []}]
)
def test_a_200_that_says_no_and_did_nothing_is_refused(body: Any) -> None:
    error = ending(body)
    assert isinstance(error, RefusedError)
    assert error.reason.cause is Cause.SERVER_SAID_NO


@pytest.mark.parametrize(
    "done",
    [
        {"orderIds": ["a"]},
        {"closedPositions": [ROW]},
        {"orderId": "a"},
        {"orderIds": "a"},
        {"orderIds": [None]},
    ],
)
@pytest.mark.parametrize(
    ("status", "failure"), [(200, {"success": False}), (400, {}), (400, {"error": "timed out"})]
)
def test_a_failure_that_names_work_is_half_done(done: Any, status: int, failure: Any) -> None:
    error = ending({**failure, **done}, status)
    assert isinstance(error, UnknownOutcomeError)
    assert error.reason.cause is Cause.HALF_DONE
    assert error.receipt is not None


def test_what_a_half_done_press_reported_is_kept() -> None:
    error = ending({"success": False, "orderIds": ["a"], "closedPositions": [ROW]})
    assert isinstance(error, UnknownOutcomeError)
    assert error.receipt is not None
    assert (error.receipt.order_ids, error.receipt.closed_positions) == (("a",), (READ,))


def test_success_and_error_at_once_are_no_success() -> None:
    error = ending({"success": True, "error": "timed out"})
    assert isinstance(error, UnknownOutcomeError)
    assert error.reason.cause is Cause.HALF_DONE


@pytest.mark.parametrize(
    "body", [{}, {"hello": "there"}, {"orderIds": None}, {"success": None, "warning": "x"}]
)
def test_a_200_that_says_nothing_is_unknown(body: Any) -> None:
    error = ending(body)
    assert isinstance(error, UnknownOutcomeError)
    assert error.reason.cause is Cause.SAYS_NOTHING


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"null", b"true", b'{"success":true', b'{"success":"\xff"}']
)
def test_a_200_that_cannot_be_read_is_unknown(body: bytes) -> None:
    error = ending(body)
    assert isinstance(error, UnknownOutcomeError)
    assert error.reason.cause is Cause.UNREADABLE


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (301, Cause.REDIRECTED),
        (302, Cause.REDIRECTED),
        (307, Cause.REDIRECTED),
        (400, Cause.SERVER_SAID_NO),
        (401, Cause.TOKEN_REFUSED),
        (403, Cause.TOKEN_REFUSED),
        (404, Cause.WRONG_PATH),
        (409, Cause.SERVER_SAID_NO),
        (422, Cause.SERVER_SAID_NO),
        (429, Cause.OVER_BUDGET),
        (499, Cause.SERVER_SAID_NO),
    ],
)
@pytest.mark.parametrize(
    "body", [b"", b"<html>", b'{"error":"Invalid request"}', b'{"success":true}', b"[1]"]
)
def test_a_refusing_status_is_refused_whatever_the_body(status: int, cause: Cause, body: bytes) -> None:
    error = ending(body, status)
    assert isinstance(error, RefusedError)
    assert error.reason.cause is cause


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (100, Cause.UNREADABLE),
        (408, Cause.NINJATRADER_OFFLINE),
        (500, Cause.SERVER_FAILED),
        (502, Cause.SERVER_FAILED),
        (599, Cause.SERVER_FAILED),
        (600, Cause.UNREADABLE),
    ],
)
@pytest.mark.parametrize("body", [b"", b'{"error":"x","success":false}', b'{"success":true}'])
def test_a_doubtful_status_is_unknown_whatever_the_body(status: int, cause: Cause, body: bytes) -> None:
    error = ending(body, status)
    assert isinstance(error, UnknownOutcomeError)
    assert error.reason.cause is cause


@pytest.mark.parametrize("status", [200, 400])
def test_no_position_is_told_apart(status: int) -> None:
    error = ending({"error": "No position found for instrument 'ES 12-25' in account 'sim101'"}, status)
    assert isinstance(error, RefusedError)
    assert error.reason.cause is Cause.NO_POSITION
    assert "ES 12-25" in error.reason.said


def test_the_servers_words_are_kept_and_made_inert() -> None:
    error = ending({"error": "Bad\u202e \x1b[31mthing", "detail": "line\nbreak " + "x" * 9999}, 400)
    assert error.reason.said.startswith("Bad [31mthing: line break x")
    assert len(error.reason.said) == 500
    assert ending({"error": "Not found", "did_you_mean": "/v1/api/x"}, 404).reason.said == (
        "Not found: did you mean /v1/api/x?"
    )
    assert ending({"data": {"error": "inside"}}, 400).reason.said == "inside"
    assert ending({"error": {"code": 5}}, 400).reason.said == ""


@pytest.mark.parametrize(
    ("body", "headers", "seconds"),
    [
        ({"error": "Rate limit exceeded"}, {"retry-after": "2"}, 2.0),
        ({"error": "Rate limit exceeded"}, {"retry-after": " 0.35 "}, 0.35),
        ({"error": "Rate limit exceeded", "retryAfter": 0.5}, {}, 0.5),
        ({"error": "Rate limit exceeded", "retryAfter": "7"}, {}, 7.0),
        ({"data": {"error": "Rate limit exceeded", "retryAfter": 3}}, {}, 3.0),
        ({"error": "x", "retryAfter": 9}, {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, 9.0),
        ({"error": "x"}, {"retry-after": "-1"}, None),
        ({"error": "x"}, {"retry-after": "inf"}, None),
        ({"error": "x"}, {"retry-after": "1e9"}, None),
        ({"error": "x"}, {"retry-after": "99999999"}, None),
        ({"error": "x", "retryAfter": True}, {}, None),
        ({"error": "x", "retryAfter": -3}, {}, None),
        ({"error": "x", "retryAfter": {}}, {}, None),
        ({"error": "x"}, {}, None),
        ([], {"retry-after": "4"}, 4.0),
        ("<html>", {}, None),
    ],
)
def test_the_pause_after_too_many_requests_is_read_where_it_is_told(
    body: Any, headers: dict[str, str], seconds: float | None
) -> None:
    reason = ending(body, 429, headers).reason
    assert (reason.cause, reason.retry_after_s) == (Cause.OVER_BUDGET, seconds)
    # An edge's own 429 is no JSON of the API: it has no words, and nothing is repeated after it.
    assert bool(reason.said) == isinstance(body, dict)


def test_a_pause_is_no_part_of_any_other_answer() -> None:
    assert ending({"error": "x"}, 400, {"retry-after": "2"}).reason.retry_after_s is None


@pytest.mark.parametrize(
    ("status", "decides"),
    [(200, False), (302, True), (400, False), (401, True), (408, False), (429, True), (500, False)],
)
def test_some_statuses_need_no_body(status: int, *, decides: bool) -> None:
    assert wire.decides_alone(status) is decides


@pytest.mark.parametrize("said", ["true", 1, 0, "no", [], {}])
def test_a_success_that_is_neither_yes_nor_no_is_unknown(said: object) -> None:
    body = json.dumps({"success": said, "orderIds": ["a"], "closedPositions": []}).encode()
    with pytest.raises(UnknownOutcomeError) as caught:
        wire.read_receipt(wire.Answer(200, body, 1.0, 2.0))
    assert caught.value.reason.cause is Cause.SAYS_NOTHING
    assert caught.value.receipt is not None
    assert caught.value.receipt.order_ids == ("a",)


def test_two_lists_that_differ_are_no_read_and_two_alike_are_one() -> None:
    row = {"account": "Sim101", "instrument": "MES 12-25", "marketPosition": "Long", "quantity": 1}
    with pytest.raises(ReadFailedError) as error:
        wire.read_positions(answer(json.dumps({"positions": [], "data": {"positions": [row]}})))
    assert error.value.reason.cause is Cause.UNREADABLE
    alike = wire.read_positions(answer(json.dumps({"positions": [row], "data": {"positions": [row]}})))
    assert len(alike.positions) == 1
