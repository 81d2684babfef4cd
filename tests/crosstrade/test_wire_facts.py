"""What is asked and what is read, field by field: names with slashes, bounds of numbers, what spoils what."""

import json
import time
from decimal import Decimal
from typing import Any

import pytest

from crosstrade_panel.crosstrade import untrusted, wire
from crosstrade_panel.domain.outcome import Cause, Reason
from crosstrade_panel.domain.scope import OneAccount, ScopeError, Side
from crosstrade_panel.domain.snapshot import Account, Flaws, Order, OrdersRead, Position
from crosstrade_panel.domain.ticket import ReverseTicket
from crosstrade_panel.trading.ports import ReadFailedError, Receipt, RefusedError, UnknownOutcomeError
from tests.crosstrade.gateways import answer

WIDER = "needs a visible name: {!r} would mean a wider scope"


def orders(*rows: Any, account: str = "Sim101", **more: Any) -> OrdersRead:
    return wire.read_orders(answer(json.dumps({"orders": rows, **more})), account)


def said(body: dict[str, Any], status: int = 400) -> Reason:
    with pytest.raises(RefusedError) as caught:
        wire.read_receipt(answer(json.dumps(body), status))
    return caught.value.reason


# -- paths and frames ---


def test_no_character_of_a_name_reaches_out_of_its_place_in_a_path() -> None:
    ticket = ReverseTicket("a/b?c d", "MES 12-25", Side.LONG, 1)
    assert wire.reverse_path(ticket) == "/v1/api/accounts/a%2Fb%3Fc%20d/positions/reverseposition"
    assert wire.orders_path("a/b?c d") == "/v1/api/accounts/a%2Fb%3Fc%20d/orders?activeOnly=true"
    assert wire.cancel_orders_path("a/b?c d") == "/v1/api/accounts/a%2Fb%3Fc%20d/orders/cancel"
    assert wire.cancel_path("a/b", "c/d") == "/v1/api/accounts/a%2Fb/orders/c%2Fd/cancel"
    assert wire.cancel_orders_body("MES 12-25") == b'{"instrument":"MES 12-25"}'


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: wire.cancel_path(" ", "id"), "account " + WIDER.format(" ")),
        (lambda: wire.cancel_path("Sim101", ""), "order id " + WIDER.format("")),
        (lambda: wire.cancel_orders_path(""), "account " + WIDER.format("")),
        (lambda: wire.cancel_orders_body(""), "instrument " + WIDER.format("")),
        (lambda: wire.scope_of_body(b"{"), "the body is no JSON"),
        (lambda: wire.scope_of_body(b"[]"), "the body is no object"),
        (lambda: wire.scope_of_body(b'{"x":"y"}'), "the body has a field that a scope does not have"),
        (lambda: wire.scope_of_body(b'{"marketPosition":"x"}'), "the body names a side that does not exist"),
        (lambda: wire.scope_of_frame(b"{"), "the frame is no JSON"),
        (lambda: wire.scope_of_frame(b"{}"), "the frame is no flatten"),
        (
            lambda: wire.scope_of_frame(wire.flatten_frame("1", OneAccount("a")).replace(b"Flatten", b"X")),
            "the function is not the one of that scope",
        ),
    ],
)
def test_what_cannot_be_asked_says_why(make: Any, message: str) -> None:
    with pytest.raises(ScopeError) as caught:
        make()
    assert str(caught.value) == message


def test_a_position_for_scripts_has_whole_numbers_where_they_are_whole() -> None:
    position = Position("Sim101", "MES 12-25", Side.LONG, 2, Decimal("5780.00"), Decimal("5774.25"), None)
    assert json.dumps(wire.position_fields(position)) == (
        '{"type": null, "account": "Sim101", "instrument": "MES 12-25", "instrumentType": null, '
        '"marketPosition": "Long", "quantity": 2, "averagePrice": 5780, "marketPrice": 5774.25, '
        '"unrealizedProfitLoss": null}'
    )


# -- what the server said ---


def test_the_words_of_an_answer_are_told_in_order_and_wherever_they_lie() -> None:
    body = {"error": "Unknown account", "detail": "Sim1o1", "did_you_mean": "Sim101"}
    assert said(body).said == "Unknown account: Sim1o1: did you mean Sim101?"
    assert said({"data": body}).said == "Unknown account: Sim1o1: did you mean Sim101?"
    assert said({"error": "a", "data": {"error": "b", "data": {"detail": "c"}}}).said == "a: b: c"
    assert said({"error": 5, "detail": ["x"], "did_you_mean": ""}).said == ""


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        (0, 0.0),
        ("0", 0.0),
        (" 2.5 ", 2.5),
        (86_400, 86_400.0),
        (86_401, None),
        (-1, None),
        ("-1", None),
        ("1e3", None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        (True, None),
        ("1234567890", None),
    ],
)
def test_a_wait_is_taken_from_the_body_or_the_header_within_a_day(told: Any, seconds: float | None) -> None:
    assert said({"error": "Rate limit", "retryAfter": told}, 429).retry_after_s == seconds
    assert said({"data": {"error": "Rate limit", "retryAfter": told}}, 429).retry_after_s == seconds
    if isinstance(told, str):
        with pytest.raises(RefusedError) as caught:
            wire.read_receipt(answer("{}", 429, {"retry-after": told}))
        assert caught.value.reason.retry_after_s == seconds


def test_only_a_reply_that_is_over_budget_says_how_long_to_wait() -> None:
    body = '{"error": "Bad gateway", "retryAfter": 7}'
    for status, cause in ((502, Cause.SERVER_FAILED), (408, Cause.NINJATRADER_OFFLINE)):
        with pytest.raises(UnknownOutcomeError) as caught:
            wire.read_receipt(answer(body, status, {"retry-after": "7"}))
        assert caught.value.reason == Reason(cause, "Bad gateway", status)


def test_the_header_says_how_long_to_wait_before_the_body_does() -> None:
    body = '{"error": "Rate limit", "retryAfter": 7}'
    for header, seconds in (("3", 3.0), ("soon", 7.0)):
        with pytest.raises(RefusedError) as caught:
            wire.read_receipt(answer(body, 429, {"retry-after": header}))
        assert caught.value.reason == Reason(Cause.OVER_BUDGET, "Rate limit", 429, seconds)


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (299, None),
        (300, Cause.REDIRECTED),
        (399, Cause.REDIRECTED),
        (400, Cause.SERVER_SAID_NO),
        (401, Cause.TOKEN_REFUSED),
        (403, Cause.TOKEN_REFUSED),
        (404, Cause.WRONG_PATH),
        (408, Cause.NINJATRADER_OFFLINE),
        (429, Cause.OVER_BUDGET),
        (499, Cause.SERVER_SAID_NO),
        (500, Cause.SERVER_FAILED),
        (599, Cause.SERVER_FAILED),
        (600, Cause.UNREADABLE),
        (199, Cause.UNREADABLE),
    ],
)
def test_every_status_has_its_cause(status: int, cause: Cause | None) -> None:
    reply = answer('{"success":true,"orderIds":[]}', status)
    if cause is None:
        assert wire.read_receipt(reply) == Receipt((), None, "", 10.0, 11.0)
        return
    may_have_acted = cause in {Cause.NINJATRADER_OFFLINE, Cause.SERVER_FAILED, Cause.UNREADABLE}
    with pytest.raises((UnknownOutcomeError, RefusedError)) as caught:
        wire.read_receipt(reply)
    assert isinstance(caught.value, UnknownOutcomeError if may_have_acted else RefusedError)
    assert (caught.value.reason.cause, caught.value.reason.status) == (cause, status)
    assert (caught.value.sent_at, caught.value.answered_at) == (10.0, 11.0)
    assert wire.reason_of(reply).cause is cause
    assert wire.decides_alone(status) == (not may_have_acted and status != 400)


def test_a_good_status_and_a_silent_one_never_decide_alone() -> None:
    assert not any(wire.decides_alone(status) for status in (100, 200, 204, 299, 400, 408, 500, 503))


@pytest.mark.parametrize(
    ("success", "error", "cause"),
    [
        (None, None, Cause.SAYS_NOTHING),
        ("yes", None, Cause.SAYS_NOTHING),
        (1, None, Cause.SAYS_NOTHING),
        ("no", "not now", None),
        (False, None, None),
    ],
)
def test_what_is_neither_yes_nor_no_is_a_doubt_unless_an_error_explains_it(
    success: Any, error: str | None, cause: Cause | None
) -> None:
    body = {"success": success, "error": error}
    for wrapped in (body, {"data": body}, {"data": {"data": body}}):
        with pytest.raises(RefusedError if cause is None else UnknownOutcomeError) as caught:
            wire.read_receipt(answer(json.dumps(wrapped)))
        assert caught.value.reason.cause is (cause or Cause.SERVER_SAID_NO)


@pytest.mark.parametrize("nothing", [None, "", [], {}, False])
@pytest.mark.parametrize("key", ["orderIds", "closedPositions", "orderId"])
def test_a_no_that_names_no_work_is_a_no_and_one_that_names_any_is_half_done(key: str, nothing: Any) -> None:
    for status in (200, 400):
        body = {"success": False, "error": "x", key: nothing}
        with pytest.raises(RefusedError):
            wire.read_receipt(answer(json.dumps(body), status))
        for something in ("id", ["id"], {"id": 1}, True, 7):
            for named in ({**body, key: something}, {**body, "data": {key: something}}):
                with pytest.raises(UnknownOutcomeError) as caught:
                    wire.read_receipt(answer(json.dumps(named), status))
                assert caught.value.reason.cause is Cause.HALF_DONE


def test_a_receipt_has_the_ids_the_closed_rows_and_the_warning() -> None:
    row = {"account": "Sim101", "instrument": "MES 12-25", "marketPosition": "Long", "quantity": 1}
    body = {"success": True, "orderIds": ["a", "", 5, "b"], "orderId": "c", "closedPositions": [row]}
    read = wire.read_receipt(answer(json.dumps({**body, "warning": " care\nful "})))
    closed = Position("Sim101", "MES 12-25", Side.LONG, 1)
    assert read == Receipt(("a", "b", "c"), (closed,), "care ful", 10.0, 11.0)
    plain = wire.read_receipt(answer('{"success":true,"orderIds":"a","closedPositions":"x"}'))
    assert plain == Receipt((), None, "", 10.0, 11.0)


def test_a_no_that_cannot_be_read_whole_but_names_work_is_half_done() -> None:
    for key in ("orderIds", "closedPositions", "orderId"):
        with pytest.raises(UnknownOutcomeError) as caught:
            wire.read_receipt(answer(f'{{"error":"x","{key}":["a"],', 400))
        assert caught.value.reason.cause is Cause.HALF_DONE
        assert caught.value.receipt == Receipt((), None, "", 10.0, 11.0)
    with pytest.raises(RefusedError):
        wire.read_receipt(answer('{"error":"x",', 400))
    with pytest.raises(UnknownOutcomeError) as half:
        wire.read_receipt(answer('{"error":"x","orderIds":["a"],"warning":"w"}', 400))
    assert half.value.receipt == Receipt(("a",), None, "w", 10.0, 11.0)


def test_an_accepted_answer_that_cannot_be_read_is_a_doubt() -> None:
    for body in ("", "{", "[]", "null", "OK"):
        with pytest.raises(UnknownOutcomeError) as caught:
            wire.read_receipt(answer(body))
        assert caught.value.reason == Reason(Cause.UNREADABLE, "", 200)


# -- over the stream ---


@pytest.mark.parametrize(
    ("frame", "status"),
    [
        ({"error": "request timed out"}, 408),
        ({"success": False, "error": "NinjaTrader is not running"}, 408),
        ({"success": False, "detail": "request timed out"}, 408),
        ({"error": "Rate limit exceeded"}, 429),
        ({"error": "Bad gateway"}, 500),
        ({"error": "no such account"}, 200),
        ({"success": True, "error": "timed out"}, 200),
        ({"data": {"success": True}, "error": "timed out"}, 200),
        ({"error": "timed out", "orderIds": ["a"]}, 200),
        ({"success": True, "said": "timed out"}, 200),
    ],
)
def test_an_error_over_the_stream_gets_the_status_that_its_words_have(
    frame: dict[str, Any], status: int
) -> None:
    read = wire.answer_of_frame(json.dumps(frame).encode(), 1.0, 2.0)
    assert (read.status, read.sent_at, read.answered_at) == (status, 1.0, 2.0)


# -- orders ---

ROW = {
    "account": "Sim101",
    "orderId": "a",
    "instrument": "MES 12-25",
    "orderState": "Working",
    "orderType": "StopLimit",
    "action": "Sell",
    "quantity": 3,
    "filled": 1,
    "limitPrice": 5780.25,
    "stopPrice": 5781.5,
    "ocoId": "group",
}
READ = Order(
    "Sim101",
    "a",
    "MES 12-25",
    "Working",
    "StopLimit",
    "Sell",
    3,
    1,
    Decimal("5780.25"),
    Decimal("5781.5"),
    "group",
)
SPOILED = Flaws(None, frozenset({"sim101"}))


def test_an_order_is_read_whole() -> None:
    read = orders(ROW, count=1, epoch=5)
    assert (read.account, read.orders, read.flaws) == ("Sim101", (READ,), Flaws())
    assert (read.stamp.sent_at, read.stamp.answered_at, read.stamp.epoch_ms) == (10.0, 11.0, 5)


def test_an_order_that_is_no_object_or_lacks_a_name_is_kept_as_one_of_the_account() -> None:
    assert orders(5).orders == (Order("Sim101", None, None, None),)
    assert orders(5).flaws == SPOILED
    for lost in ("orderId", "instrument"):
        read = orders({key: value for key, value in ROW.items() if key != lost})
        assert (read.orders[0].account, read.orders[0].state) == ("Sim101", "Working")
        assert read.flaws == SPOILED
    assert orders({}).orders[0].instrument is None
    assert orders({**ROW, "account": None}).orders == (READ,)


def test_an_order_of_another_account_spoils_both_and_one_of_none_all() -> None:
    other = orders({**ROW, "account": "Sim102"})
    assert other.orders[0].account == "Sim102"
    assert other.flaws == Flaws(None, frozenset({"sim101", "sim102"}))
    nameless = orders({**ROW, "account": " "})
    assert nameless.orders[0].account == "Sim101"
    assert nameless.flaws == Flaws("a row names no account", frozenset({"sim101"}))
    assert orders({**ROW, "account": "SIM101"}).flaws == Flaws()


# -- positions and accounts ---


def test_what_is_wrong_with_all_of_a_list_is_said_and_the_first_such_thing_stays() -> None:
    def flaws(body: dict[str, Any]) -> Flaws:
        return wire.read_positions(answer(json.dumps(body))).flaws

    assert flaws({"positions": [5]}) == Flaws("a row is no object")
    assert flaws({"positions": [{"quantity": 1}]}) == Flaws("a row names no account")
    assert flaws({"positions": [], "count": 1}) == Flaws("count differs from the rows")
    assert flaws({"positions": [5], "count": 2}) == Flaws("count differs from the rows")
    assert flaws({"positions": [5, {}]}) == Flaws("a row is no object")


def test_in_a_snapshot_a_bad_row_spoils_the_account_it_stands_under() -> None:
    def flaws(*entries: Any) -> Flaws:
        return wire.read_snapshot(answer(json.dumps({"accounts": entries}))).flaws

    assert flaws({"name": "Sim101", "positions": [5]}) == SPOILED
    assert flaws({"name": "Sim101"}) == SPOILED
    assert flaws({"positions": []}) == Flaws("an account has no name")
    assert flaws({"name": "Sim101", "positions": []}, {"name": "SIM101", "positions": []}) == SPOILED
    row = {"account": "Sim102", "instrument": "MES 12-25", "marketPosition": "Long", "quantity": 1}
    assert flaws({"name": "Sim101", "positions": [row]}) == Flaws(None, frozenset({"sim101", "sim102"}))


@pytest.mark.parametrize(
    ("entry", "account"),
    [
        ("Sim101", Account("Sim101")),
        ({"name": "Sim101"}, Account("Sim101")),
        ({"account": "Sim101"}, Account("Sim101")),
        ({"account": {"name": "Sim101"}}, Account("Sim101")),
        (
            {
                "name": "Sim101",
                "provider": "Simulator",
                "connectionStatus": "CONNECTED",
                "isAccountFlat": True,
                "displayName": "My account",
            },
            Account("Sim101", "Simulator", connected=True, is_flat=True, display_name="My account"),
        ),
        (
            {"name": "Sim101", "connectionStatus": "Connecting", "isAccountFlat": False},
            Account("Sim101", connected=False, is_flat=False),
        ),
        ({"name": "Sim101", "connectionStatus": 1, "isAccountFlat": "true"}, Account("Sim101")),
    ],
)
def test_an_account_is_read_from_every_form_that_it_has(entry: Any, account: Account) -> None:
    read = wire.read_accounts(answer(json.dumps({"accounts": [entry], "count": 1, "epoch": 7})))
    assert (read.accounts, read.flaws, read.stamp.epoch_ms) == ((account,), Flaws(), 7)


def test_a_list_of_accounts_has_the_flaws_of_a_list() -> None:
    def flaws(body: Any) -> Flaws:
        return wire.read_accounts(answer(json.dumps(body))).flaws

    assert flaws([5]) == Flaws("an account has no name")
    assert flaws([None]) == Flaws("an account has no name")
    assert flaws({"accounts": [[]]}) == Flaws("an account has no name")
    assert flaws({"accounts": ["Sim101"], "count": 2}) == Flaws("count differs from the rows")
    assert flaws({"data": ["Sim101", "sim101"]}) == SPOILED


@pytest.mark.parametrize(
    ("body", "status", "cause"),
    [
        ('{"positions":[]}', 204, Cause.UNREADABLE),
        ('{"positions":[]}', 503, Cause.SERVER_FAILED),
        ("{", 200, Cause.UNREADABLE),
        ("[]", 200, Cause.UNREADABLE),
        ('{"positions":[],"error":"x"}', 200, Cause.SERVER_SAID_NO),
        ('{"positions":{}}', 200, Cause.SAYS_NOTHING),
        ('{"positions":[],"data":{"positions":[1]}}', 200, Cause.UNREADABLE),
    ],
)
def test_a_read_that_shows_nothing_says_why(body: str, status: int, cause: Cause) -> None:
    with pytest.raises(ReadFailedError) as caught:
        wire.read_positions(answer(body, status))
    assert (caught.value.reason.cause, caught.value.reason.status) == (cause, status)
    assert caught.value.reason.said == ("x" if cause is Cause.SERVER_SAID_NO else "")


def test_a_list_counts_wherever_it_lies_alone() -> None:
    row = {"account": "Sim101", "instrument": "MES 12-25", "marketPosition": "Long", "quantity": 1}
    for body in ({"positions": [row], "data": {}}, {"data": {"positions": [row]}}, {"positions": [row]}):
        read = wire.read_positions(answer(json.dumps(body)))
        assert read.positions == (Position("Sim101", "MES 12-25", Side.LONG, 1),)


@pytest.mark.parametrize(
    ("fields", "epoch_ms"),
    [
        ({"epoch": 1234}, 1234),
        ({"epoch": 1234, "timestamp": "2026-11-20T12:00:00Z"}, 1234),
        ({"timestamp": "2026-11-20T12:00:00"}, 1795176000000),
        ({"timestamp": "2026-11-20T12:00:00.250+00:00"}, 1795176000250),
        ({"timestamp": "2026-11-20T13:00:00+01:00"}, 1795176000000),
        ({"timestamp": "noon"}, None),
        ({"timestamp": 5}, None),
        ({}, None),
    ],
)
def test_the_servers_time_is_milliseconds_since_the_epoch(fields: Any, epoch_ms: int | None) -> None:
    read = wire.read_positions(answer(json.dumps({"positions": [], **fields})))
    assert read.stamp.epoch_ms == epoch_ms


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="this system takes no zone from the environment")
def test_a_time_without_a_zone_is_utc_wherever_the_computer_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        monkeypatch.setenv("TZ", "JST-9")
        time.tzset()
        body = '{"positions":[],"timestamp":"2026-11-20T12:00:00"}'
        assert wire.read_positions(answer(body)).stamp.epoch_ms == 1795176000000
    finally:
        monkeypatch.undo()
        time.tzset()


# -- values from outside ---


def test_text_is_one_line_and_clipped_after_it_was_cleaned() -> None:
    assert untrusted.clean_text("a\tb\r\nc") == "a b c"
    assert untrusted.clean_text("a\u202eb\x00c") == "abc"
    assert untrusted.clean_text("XX") == "XX"
    assert len(untrusted.clean_text("x" * 600)) == 500
    # Of a long one only the beginning is looked at, however little of it is to be seen.
    assert untrusted.clean_text("\u200b" * 1999 + "ab") == "a"
    assert untrusted.text("x" * 500) == "x" * 500
    assert untrusted.text(None) is None


def test_a_word_is_taken_as_it_came_or_not_at_all() -> None:
    assert untrusted.word("x" * 500) == "x" * 500
    assert untrusted.word("x" * 501) is None
    assert untrusted.word("\ufb01lled") is None
    assert untrusted.word("Fil\u200bled") is None
    assert untrusted.word(5) is None


def test_names_and_numbers_have_their_bounds() -> None:
    assert untrusted.name("x" * 200) == "x" * 200
    assert untrusted.name("x" * 201) is None
    assert untrusted.decimal(Decimal(10) ** 15) is None
    assert untrusted.decimal(10**15 - 1) == 10**15 - 1
    assert untrusted.decimal(Decimal("1e-64")) == Decimal("1e-64")
    assert untrusted.decimal(Decimal("1e-65")) is None
    assert untrusted.decimal(True) is None
    assert untrusted.whole(Decimal("3.0")) == 3
    assert untrusted.whole(Decimal("3.5")) is None
    assert untrusted.whole(-1) is None
    assert untrusted.whole(0) == 0
    digits = "1." + "1" * 63
    assert untrusted.decode(digits.encode()) == Decimal(digits)
    assert untrusted.decimal(untrusted.decode(f"{digits}1".encode())) is None


@pytest.mark.parametrize("value", [b"{}", b"[]"])
def test_more_values_than_anybody_has_are_not_decoded(value: bytes) -> None:
    with pytest.raises(untrusted.UnreadableError, match=r"\Atoo many values\Z"):
        untrusted.decode(b"[" + (value + b",") * 250_000 + value + b"]")
    assert untrusted.decode(b"[" + (value + b",") * 10 + value + b"]")


def test_lines_and_columns_of_a_text_become_spaces_and_what_cannot_be_seen_goes() -> None:
    assert untrusted.clean_text("a\tb\nc\rd\x07e\u200bf") == "a b c def"
