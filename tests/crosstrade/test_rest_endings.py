"""Every way in which a press can end, against a real socket that really misbehaves."""

import asyncio
import contextlib
import socket
import sys
import traceback
from dataclasses import replace
from typing import Any

import httpx
import pytest

from crosstrade_panel.crosstrade import wire
from crosstrade_panel.crosstrade.rest import RestGateway
from crosstrade_panel.domain.outcome import Cause
from crosstrade_panel.domain.scope import EveryAccount, OneAccount, Scope, ScopeError, Side
from crosstrade_panel.domain.ticket import ReverseTicket
from crosstrade_panel.trading.ports import (
    GatewayError,
    NotSentError,
    ReadFailedError,
    Receipt,
    RefusedError,
    UnknownOutcomeError,
)
from tests import contract_server as cs
from tests.contract_server import ContractServer
from tests.crosstrade.gateways import QUICK, gateway_to, raw_server, strict_tls, until
from tests.wine import sees_resets

pytestmark = pytest.mark.anyio

SCOPE = OneAccount("Sim101", "MES 12-25")
TICKET = ReverseTicket("Sim101", "MES 12-25", Side.SHORT, 2)


async def ending(gateway: RestGateway, scope: Scope = SCOPE) -> GatewayError | Receipt:
    try:
        return await gateway.flatten(scope)
    except GatewayError as error:
        return error


def shape(error: GatewayError | Receipt) -> tuple[type, Cause]:
    assert isinstance(error, GatewayError)
    return type(error), error.reason.cause


UNKNOWN, REFUSED, NOT_SENT = UnknownOutcomeError, RefusedError, NotSentError

# Behaviour → (how it ends, whether the server acted).
AFTER_SENDING: list[tuple[str, cs.Behaviour, type, Cause]] = [
    ("success false", cs.reply_json(200, {"success": False}), REFUSED, Cause.SERVER_SAID_NO),
    ("half done", cs.half_done(), UNKNOWN, Cause.HALF_DONE),
    ("half done 400", cs.half_done(400), UNKNOWN, Cause.HALF_DONE),
    ("says nothing", cs.reply_json(200, {"hello": "there"}), UNKNOWN, Cause.SAYS_NOTHING),
    ("400", cs.refused(), REFUSED, Cause.SERVER_SAID_NO),
    ("no position", cs.refused("No position found for instrument 'X'"), REFUSED, Cause.NO_POSITION),
    ("401", cs.refused("api_requires_pro", 401), REFUSED, Cause.TOKEN_REFUSED),
    ("403 html", cs.Html(403, act=False), REFUSED, Cause.TOKEN_REFUSED),
    ("404", cs.refused("Not found", 404), REFUSED, Cause.WRONG_PATH),
    ("409", cs.refused("busy", 409), REFUSED, Cause.SERVER_SAID_NO),
    ("408 that did not act", cs.add_on_away(), UNKNOWN, Cause.NINJATRADER_OFFLINE),
    ("408 that acted", cs.add_on_away(act=True), UNKNOWN, Cause.NINJATRADER_OFFLINE),
    ("429", cs.over_budget(), REFUSED, Cause.OVER_BUDGET),
    ("500", cs.refused("oops", 500), UNKNOWN, Cause.SERVER_FAILED),
    ("502 html", cs.Html(502), UNKNOWN, Cause.SERVER_FAILED),
    ("503", cs.refused("oops", 503), UNKNOWN, Cause.SERVER_FAILED),
    ("504", cs.refused("oops", 504), UNKNOWN, Cause.SERVER_FAILED),
    ("302", cs.Redirect(302), REFUSED, Cause.REDIRECTED),
    ("303 elsewhere", cs.Redirect(303, "https://elsewhere.invalid/"), REFUSED, Cause.REDIRECTED),
    ("307", cs.Redirect(307), REFUSED, Cause.REDIRECTED),
    ("fin after reading", cs.DropAfterReading(), UNKNOWN, Cause.CONNECTION_LOST),
    ("rst after reading", cs.DropAfterReading(reset=True), UNKNOWN, Cause.CONNECTION_LOST),
    ("rst before acting", cs.DropAfterReading(act=False, reset=True), UNKNOWN, Cause.CONNECTION_LOST),
    ("rst before reading", cs.DropBeforeReading(), UNKNOWN, Cause.CONNECTION_LOST),
    ("fin before reading", cs.DropBeforeReading(reset=False), UNKNOWN, Cause.CONNECTION_LOST),
    ("cut head", cs.DropDuringReply(in_head=True), UNKNOWN, Cause.CONNECTION_LOST),
    ("cut body", cs.DropDuringReply(), UNKNOWN, Cause.CONNECTION_LOST),
    ("cut body by rst", cs.DropDuringReply(reset=True), UNKNOWN, Cause.CONNECTION_LOST),
    ("garbage", cs.Garbage(), UNKNOWN, Cause.UNREADABLE),
    ("bad chunk", cs.BadChunk(), UNKNOWN, Cause.UNREADABLE),
    ("cut chunk", cs.BadChunk(cut=True), UNKNOWN, Cause.CONNECTION_LOST),
    ("bad gzip", cs.BadGzip(), UNKNOWN, Cause.UNREADABLE),
    ("gzip bomb", cs.GzipBomb(), UNKNOWN, Cause.UNREADABLE),
    ("huge body", cs.HugeBody(), UNKNOWN, Cause.TOO_LARGE),
    ("huge chunked body", cs.HugeBody(chunked=True), UNKNOWN, Cause.TOO_LARGE),
    ("huge headers", cs.HugeHeaders(), UNKNOWN, Cause.UNREADABLE),
    ("html 200", cs.Html(), UNKNOWN, Cause.UNREADABLE),
    ("empty 200", cs.Empty(), UNKNOWN, Cause.UNREADABLE),
    ("empty 204", cs.Empty(204), UNKNOWN, Cause.UNREADABLE),
    ("invalid utf-8", cs.InvalidUtf8(), UNKNOWN, Cause.UNREADABLE),
    ("malformed", cs.MalformedJson(), UNKNOWN, Cause.UNREADABLE),
    ("deep", cs.DeepJson(), UNKNOWN, Cause.UNREADABLE),
    ("deep and closed", cs.DeepJson(closed=True), UNKNOWN, Cause.UNREADABLE),
]
NEVER_ENDING: list[tuple[str, cs.Behaviour]] = [
    ("no answer", cs.Hang(act=False)),
    ("no answer, but acted", cs.Hang()),
    ("a byte at a time", cs.Drip(0.02)),
    ("a byte of the head at a time", cs.Drip(0.02, in_headers=True)),
    ("late answer", cs.ActThenLate(30.0)),
]


@pytest.mark.parametrize(
    ("behaviour", "kind", "cause"), [pytest.param(*row[1:], id=row[0]) for row in AFTER_SENDING]
)
async def test_a_press_that_left_ends_as_the_contract_says(
    behaviour: cs.Behaviour, kind: type, cause: Cause
) -> None:
    with ContractServer() as server:
        server.rule("press", behaviour)
        async with gateway_to(server) as gateway:
            error = await ending(gateway)
            assert shape(error) == (kind, cause)
        assert len(server.presses) == 1


@sees_resets
@pytest.mark.parametrize("behaviour", [pytest.param(row[1], id=row[0]) for row in NEVER_ENDING])
async def test_a_press_that_gets_no_whole_answer_is_given_up_by_reset(behaviour: cs.Behaviour) -> None:
    with ContractServer() as server:
        server.rule("press", behaviour)
        async with gateway_to(server, pace=QUICK) as gateway:
            error = await ending(gateway)
            assert shape(error) == (UNKNOWN, Cause.NO_ANSWER)
            assert isinstance(error, UnknownOutcomeError)
            assert error.sent_at is not None
            assert error.reason.status in {None, 200}
            await until(lambda: server.presses[0].ended is not None)
        assert [call.ended for call in server.presses] == ["rst"]


async def test_an_accepted_press_is_a_receipt_with_its_times() -> None:
    with ContractServer() as server:
        async with gateway_to(server) as gateway:
            receipt = await gateway.flatten(SCOPE)
        call = server.presses[0]
        assert call.body == b'{"account":"Sim101","instrument":"MES 12-25"}'
        assert call.target == "/v1/api/positions/flatten"
        assert receipt.sent_at <= call.arrived + 0.05
        assert receipt.sent_at <= receipt.answered_at
        assert receipt.order_ids == ("stop-of-mes", "target-of-mes")
        assert receipt.closed_positions is not None
        assert [row.side for row in receipt.closed_positions] == [Side.SHORT]


@pytest.mark.parametrize("account", ["Sim101", "APEX 1/2#3!"])
async def test_a_reverse_reaches_the_account_it_names(account: str) -> None:
    with ContractServer() as server:
        held = next(row for row in server.state.positions if row.account == account)
        leaving = Side(held.side.lower())
        async with gateway_to(server) as gateway:
            receipt = await gateway.reverse(ReverseTicket(account, held.instrument, leaving, held.quantity))
        assert len(receipt.order_ids) == 1
        now = {row.pair: row.side for row in server.state.positions}
        assert now[held.pair] == leaving.opposite.value.capitalize()


async def test_what_goes_over_the_wire_is_what_the_contract_asks_for() -> None:
    with ContractServer() as server:
        async with gateway_to(server) as gateway:
            await gateway.flatten(SCOPE)
            await gateway.orders("APEX 1/2#3!")
        press, read = server.log
        for call in (press, read):
            assert call.header("authorization") == f"Bearer {server.token}"
            assert call.header("accept-encoding") == "identity"
            assert call.header("host") == f"127.0.0.1:{server.port}"
        assert press.header("content-type") == "application/json"
        assert read.target == "/v1/api/accounts/APEX%201%2F2%233%21/orders?activeOnly=true"


# -- cancels ---


async def test_a_cancel_of_one_order_names_it_in_the_path_and_nothing_in_the_body() -> None:
    odd = cs.Order("APEX 1/2#3!", "MNQ 12-25", "7/8 ä#?", "Sell", "StopMarket", "Accepted", 1)
    with ContractServer(orders=[odd]) as server:
        async with gateway_to(server) as gateway:
            receipt = await gateway.cancel_order(odd.account, odd.order_id)
        (call,) = server.log
        assert call.target == "/v1/api/accounts/APEX%201%2F2%233%21/orders/7%2F8%20%C3%A4%23%3F/cancel"
        assert (call.method, call.body) == ("POST", b"{}")
        assert receipt.order_ids == (odd.order_id,)
        assert [order.state for order in server.state.orders] == ["Cancelled"]


async def test_a_cancel_of_a_pair_names_the_instrument_in_the_body() -> None:
    with ContractServer() as server:
        async with gateway_to(server) as gateway:
            receipt = await gateway.cancel_orders("Sim101", "MES 12-25")
        (call,) = server.log
        assert call.target == "/v1/api/accounts/Sim101/orders/cancel"
        assert (call.method, call.body) == ("POST", b'{"instrument":"MES 12-25"}')
        assert receipt.order_ids == ("stop-of-mes", "target-of-mes")
        assert [order.order_id for order in server.state.orders if order.working] == ["resting-nq"]


@pytest.mark.parametrize("blank", ["", " ", "\u200b", "."])
async def test_a_blank_never_leaves_as_a_wider_cancel(blank: str) -> None:
    with ContractServer() as server:
        async with gateway_to(server) as gateway:
            for cancel in (
                gateway.cancel_orders("Sim101", blank),
                gateway.cancel_orders(blank, "MES 12-25"),
                gateway.cancel_order("Sim101", blank),
                gateway.cancel_order(blank, "stop-of-mes"),
            ):
                with pytest.raises(ScopeError):
                    await cancel
        assert (server.connections, server.log) == (0, [])


async def test_an_order_that_had_ended_is_said_to_be_gone() -> None:
    with ContractServer() as server:
        async with gateway_to(server) as gateway:
            for order_id in ("filled-long-ago", "never-there"):
                with pytest.raises(RefusedError) as caught:
                    await gateway.cancel_order("Sim101", order_id)
                assert caught.value.reason.cause is Cause.ORDER_GONE
                assert "not found or already terminal" in (caught.value.reason.said or "")


@pytest.mark.parametrize(
    ("behaviour", "kind", "cause"),
    [
        (cs.refused("Order x not found or already terminal"), REFUSED, Cause.ORDER_GONE),
        (cs.refused("no permission to cancel"), REFUSED, Cause.SERVER_SAID_NO),
        (cs.add_on_away(), UNKNOWN, Cause.NINJATRADER_OFFLINE),
        (cs.DropAfterReading(), UNKNOWN, Cause.CONNECTION_LOST),
    ],
)
async def test_a_cancel_ends_as_every_press_and_is_sent_once(
    behaviour: cs.Behaviour, kind: type, cause: Cause
) -> None:
    with ContractServer() as server:
        server.rule("press", behaviour)
        async with gateway_to(server) as gateway:
            for cancel in (
                gateway.cancel_order("Sim101", "stop-of-mes"),
                gateway.cancel_orders("Sim101", "MES 12-25"),
            ):
                with pytest.raises(GatewayError) as caught:
                    await cancel
                assert shape(caught.value) == (kind, cause)
        assert len(server.presses) == 2


# -- nothing left ---


async def test_a_refused_connection_is_not_sent() -> None:
    with cs.refusing_port() as port:
        async with gateway_to(port.url("http")) as gateway:
            error = await ending(gateway)
    assert shape(error) == (NOT_SENT, Cause.CONNECT_FAILED)
    assert isinstance(error, NotSentError)
    assert error.may_try_elsewhere


@pytest.mark.skipif(sys.platform != "linux", reason="a full backlog drops SYNs on Linux only")
async def test_a_connection_that_is_never_answered_is_not_sent() -> None:
    with cs.unanswered_port() as port:
        async with gateway_to(port.url("http"), pace=QUICK) as gateway:
            error = await ending(gateway)
    assert shape(error) == (NOT_SENT, Cause.CONNECT_TIMEOUT)
    assert isinstance(error, NotSentError)
    assert error.may_try_elsewhere


async def test_a_host_that_does_not_exist_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    async with gateway_to("https://panel.invalid", tls=strict_tls) as gateway:

        async def not_found(*_: Any, **__: Any) -> Any:
            raise socket.gaierror(-2, "Name or service not known")

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", not_found)
        assert shape(await ending(gateway)) == (NOT_SENT, Cause.CONNECT_FAILED)


async def test_a_host_that_cannot_be_one_is_not_sent() -> None:
    async with gateway_to(f"https://{'x' * 70}.invalid", tls=strict_tls) as gateway:
        error = await ending(gateway)
    assert shape(error) == (NOT_SENT, Cause.BAD_ADDRESS)
    assert isinstance(error, NotSentError)
    assert not error.may_try_elsewhere


@pytest.mark.parametrize("make", [cs.expired_server, cs.untrusted_server, cs.wrong_host_server])
async def test_a_bad_certificate_is_not_sent_and_not_tried_elsewhere(make: Any) -> None:
    with make() as server:
        async with gateway_to(server) as gateway:
            error = await ending(gateway)
        assert server.log == []
    assert shape(error) == (NOT_SENT, Cause.CERTIFICATE)
    assert isinstance(error, NotSentError)
    assert not error.may_try_elsewhere


@pytest.mark.parametrize(
    ("port", "cause"),
    [
        (cs.handshake_closing_port, Cause.CONNECT_FAILED),
        (lambda: cs.handshake_closing_port(reset=True), Cause.CONNECT_FAILED),
        (lambda: cs.handshake_closing_port(hello_first=False), Cause.CONNECT_FAILED),
        (cs.plain_http_port, Cause.CONNECT_FAILED),
        (cs.handshake_hanging_port, Cause.CONNECT_TIMEOUT),
    ],
)
async def test_a_handshake_that_fails_is_not_sent(port: Any, cause: Cause) -> None:
    with port() as bad:
        async with gateway_to(bad.url(), pace=QUICK, tls=strict_tls()) as gateway:
            error = await ending(gateway)
        assert all(b"POST" not in seen for seen in bad.received)
    assert shape(error) == (NOT_SENT, cause)
    assert isinstance(error, NotSentError)
    assert error.may_try_elsewhere


@pytest.mark.parametrize(
    ("token", "cause"),
    [(None, Cause.NO_TOKEN), ("  ", Cause.BAD_TOKEN), ("tökén", Cause.BAD_TOKEN), ("a\nb", Cause.BAD_TOKEN)],
)
async def test_without_a_usable_token_nothing_is_tried(token: str | None, cause: Cause) -> None:
    with ContractServer() as server:
        async with gateway_to(server, token=token) as gateway:
            error = await ending(gateway)
            assert shape(error) == (NOT_SENT, cause)
            assert isinstance(error, NotSentError)
            assert not error.may_try_elsewhere
            with pytest.raises(ReadFailedError) as caught:
                await gateway.positions()
            assert caught.value.reason.cause is cause
        assert server.connections == 0


async def test_a_wrong_token_is_refused_and_named_so() -> None:
    with ContractServer() as server:
        async with gateway_to(server, token="something-else") as gateway:
            assert shape(await ending(gateway)) == (REFUSED, Cause.TOKEN_REFUSED)


async def test_a_body_that_is_not_the_shown_scope_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    with ContractServer() as server:
        async with gateway_to(server) as gateway:
            for body in (b"{}", b'{"account":"Sim101"}', b"rubbish"):
                monkeypatch.setattr(wire, "flatten_body", lambda _scope, body=body: body)
                error = await ending(gateway)
                assert shape(error) == (NOT_SENT, Cause.SCOPE_CHANGED)
        assert server.connections == 0


async def test_an_unforeseen_error_before_sending_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise ImportError("no such package")

    with ContractServer() as server:
        async with gateway_to(server) as gateway:
            monkeypatch.setattr(httpx, "URL", lambda _: (_ for _ in ()).throw(httpx.InvalidURL("no")))
            assert shape(await ending(gateway)) == (NOT_SENT, Cause.BAD_ADDRESS)
            monkeypatch.undo()
            monkeypatch.setattr(httpx, "Request", broken)
            assert shape(await ending(gateway)) == (NOT_SENT, Cause.NO_LINK)
        assert server.log == []


async def test_an_unforeseen_error_after_sending_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("what is this")

    with ContractServer() as server:
        async with gateway_to(server) as gateway:
            monkeypatch.setattr(httpx, "Response", broken)
            assert shape(await ending(gateway)) == (UNKNOWN, Cause.INTERNAL)
            monkeypatch.undo()
            monkeypatch.setattr(wire, "read_receipt", broken)
            error = await ending(gateway)
            assert shape(error) == (UNKNOWN, Cause.INTERNAL)
            assert isinstance(error, UnknownOutcomeError)
            assert error.answered_at is not None
        assert len(server.presses) == 2


async def test_a_closed_gateway_sends_nothing() -> None:
    with ContractServer() as server:
        async with gateway_to(server) as gateway:
            await gateway.aclose()
            assert shape(await ending(gateway)) == (NOT_SENT, Cause.NO_LINK)
            with pytest.raises(ReadFailedError):
                await gateway.accounts()
            await gateway.warm()
        assert (server.connections, server.log) == (0, [])


# -- the status decides ---


@pytest.mark.parametrize(
    ("head", "kind", "cause"),
    [
        (b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 99\r\n\r\n{", REFUSED, Cause.TOKEN_REFUSED),
        (b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 99\r\n\r\n", REFUSED, Cause.REDIRECTED),
        (b"HTTP/1.1 400 Bad\r\nContent-Length: 99\r\n\r\n{", UNKNOWN, Cause.CONNECTION_LOST),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", UNKNOWN, Cause.CONNECTION_LOST),
        (b"HTTP/1.1 500 Oops\r\nContent-Length: 99\r\n\r\n{", UNKNOWN, Cause.CONNECTION_LOST),
    ],
)
async def test_a_cut_reply_counts_only_where_its_status_says_all(
    head: bytes, kind: type, cause: Cause
) -> None:
    async with raw_server(head) as url, gateway_to(url) as gateway:
        assert shape(await ending(gateway)) == (kind, cause)


async def test_a_reply_without_a_length_ends_with_its_connection() -> None:
    reply = b'HTTP/1.0 200 OK\r\n\r\n{"success":true,"orderIds":["a"]}'
    async with raw_server(reply) as url, gateway_to(url) as gateway:
        assert (await gateway.flatten(SCOPE)).order_ids == ("a",)


async def test_interim_replies_are_passed_over() -> None:
    reply = b'HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{"success":true}'
    async with raw_server(reply) as url, gateway_to(url) as gateway:
        assert (await gateway.flatten(SCOPE)).order_ids == ()


async def test_a_protocol_upgrade_that_nobody_asked_for_is_unknown() -> None:
    reply = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"
    async with raw_server(reply) as url, gateway_to(url, pace=QUICK) as gateway:
        kind, _ = shape(await ending(gateway))
        assert kind is UNKNOWN


async def test_a_large_reply_below_the_cap_is_read() -> None:
    with ContractServer() as server:
        server.rule("press", cs.HugeBody(total=1_000_000))
        async with gateway_to(server, cap_bytes=1_100_000) as gateway:
            assert (await gateway.flatten(SCOPE)).order_ids
        async with gateway_to(server, cap_bytes=1_000_000) as gateway:
            assert shape(await ending(gateway)) == (UNKNOWN, Cause.TOO_LARGE)


@pytest.mark.parametrize("in_body", [False, True])
async def test_a_429_tells_how_long_to_wait(*, in_body: bool) -> None:
    with ContractServer() as server:
        server.rule("press", cs.over_budget(0.75, in_body=in_body))
        async with gateway_to(server) as gateway:
            error = await ending(gateway)
    assert isinstance(error, RefusedError)
    assert error.reason.retry_after_s == 0.75
    assert error.reason.said == "Rate limit exceeded"


# -- cancelled from outside ---


@pytest.mark.parametrize("tls", [False, True])
async def test_a_press_left_after_sending_is_not_called_back_and_says_unknown(*, tls: bool) -> None:
    with ContractServer(tls=tls) as server:
        server.rule("press", cs.Hang())
        async with gateway_to(server) as gateway:
            press = asyncio.ensure_future(catch_cancelled(gateway))
            await until(lambda: bool(server.presses) and server.presses[0].complete)
            press.cancel()
            error = await press
            assert shape(error) == (UNKNOWN, Cause.INTERRUPTED)
            assert isinstance(error, UnknownOutcomeError)
            assert error.sent_at is not None
            await until(lambda: server.presses[0].ended is not None)
            await until(lambda: server.connections == 2)  # the next press has a link again
        assert server.presses[0].ended == "fin"


async def test_a_press_cancelled_while_connecting_says_not_sent() -> None:
    with cs.handshake_hanging_port() as port:
        async with gateway_to(port.url(), tls=strict_tls()) as gateway:
            press = asyncio.ensure_future(catch_cancelled(gateway))
            await until(lambda: bool(port.received))
            press.cancel()
            assert shape(await press) == (NOT_SENT, Cause.INTERRUPTED_BEFORE_SENDING)


async def catch_cancelled(gateway: RestGateway) -> GatewayError:
    with pytest.raises(asyncio.CancelledError) as caught:
        await gateway.flatten(EveryAccount())
    cause = caught.value.__cause__
    assert isinstance(cause, GatewayError)
    return cause


async def test_a_cancelled_press_still_counts_as_cancelled() -> None:
    with ContractServer() as server:
        server.rule("press", cs.Hang())
        async with gateway_to(server) as gateway:
            press = asyncio.ensure_future(gateway.flatten(SCOPE))
            await until(lambda: bool(server.presses))
            press.cancel()
            with pytest.raises(asyncio.CancelledError):
                await press
            assert press.cancelled()


# -- the token ---


async def test_the_token_shows_in_no_error_and_no_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    shown: list[str] = []

    def leaking(*_: Any, **options: Any) -> Any:
        raise ValueError(f"bad header {options['headers']}")

    with ContractServer(token="hidden-word") as server:
        async with gateway_to(server, pace=QUICK) as gateway:
            server.rule("press", cs.DropAfterReading(), times=1)
            shown += await told(gateway)
            server.rule("press", cs.refused("no", 401), times=1)
            shown += await told(gateway)
            await gateway.flatten(SCOPE)
            monkeypatch.setattr(httpx, "Request", leaking)
            shown += await told(gateway)
            shown.append(repr(vars(gateway)))
    assert len(shown) == 4
    assert "hidden-word" not in "".join(shown)
    assert "hidden-word" not in caplog.text


async def told(gateway: RestGateway) -> list[str]:
    """What a crash report would print."""
    try:
        await gateway.flatten(SCOPE)
    except GatewayError as error:
        return ["".join(traceback.format_exception(error)) + repr(error)]
    return []


# -- reads ---


@pytest.mark.parametrize(
    ("behaviour", "cause"),
    [pytest.param(row[1], row[3], id=row[0]) for row in AFTER_SENDING if "half" not in row[0]],
)
async def test_a_read_that_shows_nothing_fails_and_nothing_else(
    behaviour: cs.Behaviour, cause: Cause
) -> None:
    cause = Cause.SERVER_SAID_NO if cause is Cause.NO_POSITION else cause
    with ContractServer() as server:
        server.rule("read", behaviour)
        async with gateway_to(server) as gateway:
            for read in (
                gateway.positions,
                gateway.snapshot,
                gateway.accounts,
                lambda: gateway.orders("Sim101"),
            ):
                with pytest.raises(ReadFailedError) as caught:
                    await read()
                # A 204 is no read whatever it holds; a chunk cut at a later byte is one with a wrong end.
                assert caught.value.reason.cause in {cause, Cause.UNREADABLE}


@pytest.mark.parametrize("behaviour", [pytest.param(row[1], id=row[0]) for row in NEVER_ENDING])
async def test_a_read_that_does_not_end_is_given_up(behaviour: cs.Behaviour) -> None:
    with ContractServer() as server:
        server.rule("read", behaviour)
        async with gateway_to(server, pace=QUICK) as gateway:
            with pytest.raises(ReadFailedError) as caught:
                await gateway.positions()
            assert caught.value.reason.cause is Cause.NO_ANSWER


async def test_reads_show_what_the_server_holds() -> None:
    with ContractServer(tls=True) as server:
        async with gateway_to(server) as gateway:
            listed, shown = await gateway.positions(), await gateway.snapshot()
            accounts, orders = await gateway.accounts(), await gateway.orders("Sim101")
        assert listed.positions == shown.positions
        assert len(listed.positions) == len(server.state.positions)
        assert accounts.accounts == shown.accounts
        assert {order.order_id for order in orders.orders} <= {
            order.order_id for order in server.state.orders
        }
        assert shown.stamp.epoch_ms is not None


async def test_a_press_is_given_up_while_it_still_waits_for_a_connection() -> None:
    slow_connect = replace(QUICK, connect_s=30.0)
    with cs.handshake_hanging_port() as port:
        async with gateway_to(port.url(), pace=slow_connect, tls=strict_tls()) as gateway:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(5):
                    error = await ending(gateway)
    assert shape(error) == (NOT_SENT, Cause.CONNECT_TIMEOUT)
