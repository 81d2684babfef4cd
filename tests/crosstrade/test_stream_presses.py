"""What goes out over the stream, what comes back, and what is known when nothing does."""

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any, NoReturn

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosedError
from websockets.protocol import State

from crosstrade_panel.crosstrade import wire
from crosstrade_panel.crosstrade.stream import StreamState
from crosstrade_panel.domain.outcome import Cause
from crosstrade_panel.domain.scope import EveryAccount, OneAccount, Side
from crosstrade_panel.domain.snapshot import Source
from crosstrade_panel.domain.ticket import OrderType, ReverseTicket, TimeInForce
from crosstrade_panel.simulator.book import Book, FlattenRequest
from crosstrade_panel.simulator.bucket import TokenBucket
from crosstrade_panel.simulator.server import PracticeExchange
from crosstrade_panel.trading.pace import Pace
from crosstrade_panel.trading.ports import (
    GatewayError,
    NotSentError,
    ReadFailedError,
    Receipt,
    RefusedError,
    UnknownOutcomeError,
)
from tests.crosstrade.gateways import until
from tests.crosstrade.streams import (
    DONE,
    HASTY,
    RawPeer,
    answering,
    asked,
    comes_to,
    raw,
    scripted,
    silent,
    stream_to,
    tell,
)
from tests.wine import sees_resets

pytestmark = pytest.mark.anyio

SCOPE = OneAccount("Sim101", "MES 12-25", Side.SHORT)
TICKET = ReverseTicket("Sim101", "MES 12-25", Side.SHORT, 2)


@pytest.fixture
def exchange() -> Iterator[PracticeExchange]:
    with PracticeExchange(book=Book(walking=False), budget=TokenBucket(capacity=1000)) as started:
        yield started


def frames_of(exchange: PracticeExchange) -> list[dict[str, Any]]:
    return [json.loads(call.body) for call in exchange.calls.of("WS")]


async def refused_by(server: str) -> GatewayError:
    """What a flatten over a fresh stream raises."""
    async with stream_to(server) as stream:
        with pytest.raises(GatewayError) as error:
            await stream.flatten(SCOPE)
        return error.value


# -- going out


async def test_a_narrow_flatten_closes_what_it_names_and_no_more(exchange: PracticeExchange) -> None:
    async with stream_to(exchange) as stream:
        receipt = await stream.flatten(SCOPE)
    [frame] = frames_of(exchange)
    assert frame.pop("id")
    assert frame == {
        "action": "rpc",
        "api": "Flatten",
        "args": {"account": "Sim101", "instrument": "MES 12-25", "marketPosition": "short"},
    }
    assert receipt.closed_positions is not None
    assert [(each.instrument, each.quantity) for each in receipt.closed_positions] == [("MES 12-25", 2)]
    assert receipt.sent_at <= receipt.answered_at
    assert exchange.wait_until(lambda book: len(book.positions()) == 3)


async def test_only_the_widest_scope_flattens_everything(exchange: PracticeExchange) -> None:
    async with stream_to(exchange) as stream:
        await stream.flatten(EveryAccount(side=Side.SHORT))
        assert exchange.wait_until(lambda book: len(book.positions()) == 3)
        await stream.flatten(EveryAccount())
    assert exchange.wait_until(lambda book: not book.positions())
    assert [(frame["api"], frame["args"]) for frame in frames_of(exchange)] == [
        ("Flatten", {"marketPosition": "short"}),
        ("FlattenEverything", {}),
    ]


@pytest.mark.parametrize(
    "mistake",
    [
        lambda frame_id, _: wire.flatten_frame(frame_id, EveryAccount()),
        lambda frame_id, _: wire.flatten_frame(frame_id, OneAccount("Sim101")),
        lambda frame_id, scope: wire.flatten_frame(frame_id, scope).replace(
            b'"Flatten"', b'"FlattenEverything"'
        ),
        lambda _, __: b"not even JSON",
    ],
)
async def test_a_frame_that_is_not_what_the_button_says_is_not_sent(
    mistake: Any, exchange: PracticeExchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = {scope: mistake("1-a", scope) for scope in (SCOPE,)}
    monkeypatch.setattr(wire, "flatten_frame", lambda _, scope: built[scope])
    async with stream_to(exchange) as stream:
        with pytest.raises(NotSentError) as error:
            await stream.flatten(SCOPE)
    assert error.value.reason.cause is Cause.SCOPE_CHANGED
    assert not error.value.may_try_elsewhere
    assert frames_of(exchange) == []


async def test_a_reverse_speaks_as_the_stream_wants_it(exchange: PracticeExchange) -> None:
    ticket = replace(
        TICKET,
        order_type=OrderType.STOP_LIMIT,
        time_in_force=TimeInForce.GTC,
        limit_price=Decimal("5790.50"),
        stop_price=Decimal("5.79E+3"),
        oco_id="pair",
        strategy="Bracket",
    )
    async with stream_to(exchange) as stream:
        assert len((await stream.reverse(TICKET)).order_ids) == 1
        wanted = FlattenRequest("Sim101", "MES")
        assert exchange.wait_until(lambda book: [p.side for p in book.positions(wanted)] == ["Long"])
        await stream.reverse(replace(ticket, leaving=Side.LONG))
    raw_frame = exchange.calls.of("WS")[1].body
    first, second = (frame["args"] for frame in frames_of(exchange))
    assert first == {
        "account": "Sim101",
        "instrument": "MES 12-25",
        "action": "Buy",
        "quantity": 2,
        "orderType": "Market",
        "timeInForce": "Day",
    }
    assert (second["action"], second["orderType"], second["timeInForce"]) == ("Sell", "StopLimit", "Gtc")
    assert (second["ocoId"], second["strategy"]) == ("pair", "Bracket")
    assert b'"limitPrice":5790.50,"stopPrice":5790,' in raw_frame


async def test_ids_are_never_used_twice_and_cannot_be_guessed(exchange: PracticeExchange) -> None:
    async with stream_to(exchange) as stream:
        for _ in range(5):
            await stream.positions(3.0)
        await stream.flatten(SCOPE)
    ids = [frame["id"] for frame in frames_of(exchange)]
    assert len(set(ids)) == 6
    assert len({each.partition("-")[2][:8] for each in ids}) == 6


# -- reading


async def test_positions_are_read_as_over_http(exchange: PracticeExchange) -> None:
    async with stream_to(exchange) as stream:
        read = await stream.positions(3.0)
    assert read.source is Source.POSITIONS
    assert len(read.positions) == 4
    assert read.stamp.sent_at < read.stamp.answered_at
    assert not read.flaws.everything
    [frame] = frames_of(exchange)
    assert (frame["api"], frame["args"]) == ("GetAllPositions", {"includeFlat": False})


async def test_positions_of_a_stream_that_is_not_open_are_not_read() -> None:
    async with stream_to("http://127.0.0.1:9", is_open=False) as stream:
        with pytest.raises(ReadFailedError) as error:
            await stream.positions(3.0)
        assert error.value.reason.cause is Cause.STREAM_NOT_OPEN


async def test_a_read_is_given_up_and_the_connection_is_kept() -> None:
    async def handler(peer: ServerConnection) -> None:
        first = await asked(peer)
        second = await asked(peer)
        await tell(peer, first, positions=[], success=True)
        await tell(peer, second, positions=[], count=0, success=True)
        await silent(peer)

    async with scripted(handler) as server, stream_to(server.url) as stream:
        with pytest.raises(ReadFailedError) as error:
            await stream.positions(0.05)
        assert error.value.reason.cause is Cause.NO_ANSWER
        assert (await stream.positions(3.0)).positions == ()
        assert len(server.handshakes) == 1


async def test_a_read_whose_connection_goes_fails() -> None:
    async def handler(peer: ServerConnection) -> None:
        await asked(peer)

    async with scripted(handler) as server, stream_to(server.url) as stream:
        with pytest.raises(ReadFailedError) as error:
            await stream.positions(3.0)
        assert error.value.reason.cause is Cause.CONNECTION_LOST


async def test_a_read_that_was_refused_is_none() -> None:
    async with scripted(answering(error="Rate limit exceeded")) as server, stream_to(server.url) as stream:
        with pytest.raises(ReadFailedError) as error:
            await stream.positions(3.0)
        assert error.value.reason.cause is Cause.OVER_BUDGET


async def test_a_read_that_cannot_be_sent_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    async with scripted(silent) as server, stream_to(server.url) as stream:
        monkeypatch.setattr(ClientConnection, "send", _broken_send)
        with pytest.raises(ReadFailedError) as error:
            await stream.positions(3.0)
        assert error.value.reason.cause is Cause.CONNECTION_LOST
        assert stream._session is not None
        assert stream._session._calls == {}


async def _broken_send(*_: object, **__: object) -> NoReturn:
    raise ConnectionClosedError(None, None)


# -- the answer


async def test_answers_are_matched_by_id_in_whatever_order() -> None:
    async def handler(peer: ServerConnection) -> None:
        calls = [await asked(peer) for _ in range(3)]
        for call in reversed(calls):
            await tell(peer, call, orderIds=[call["args"]["account"]], success=True)
        await silent(peer)

    async with scripted(handler) as server, stream_to(server.url) as stream:
        accounts = ["Sim101", "Sim102", "Sim103"]
        receipts = await asyncio.gather(*(stream.flatten(OneAccount(each)) for each in accounts))
    assert [receipt.order_ids for receipt in receipts] == [("Sim101",), ("Sim102",), ("Sim103",)]


@pytest.mark.parametrize(
    ("fields", "kind", "cause"),
    [
        ({"error": "Invalid request"}, RefusedError, Cause.SERVER_SAID_NO),
        ({"data": {"error": "Invalid request"}}, RefusedError, Cause.SERVER_SAID_NO),
        ({"data": {"success": False}}, RefusedError, Cause.SERVER_SAID_NO),
        ({"data": {"error": "No position found for x"}}, RefusedError, Cause.NO_POSITION),
        ({"error": "Rate limit exceeded"}, RefusedError, Cause.OVER_BUDGET),
        ({"data": {"error": "Rate limit exceeded"}}, RefusedError, Cause.OVER_BUDGET),
        ({"data": {"success": False, "orderIds": ["a"]}}, UnknownOutcomeError, Cause.HALF_DONE),
        ({"error": "Rate limit exceeded", "data": {"orderId": "a"}}, UnknownOutcomeError, Cause.HALF_DONE),
        ({"error": "x", "data": {"success": True}}, UnknownOutcomeError, Cause.HALF_DONE),
        ({"data": {}}, UnknownOutcomeError, Cause.SAYS_NOTHING),
        ({"data": None}, UnknownOutcomeError, Cause.SAYS_NOTHING),
        ({}, UnknownOutcomeError, Cause.SAYS_NOTHING),
        ({"data": {"success": "perhaps"}}, UnknownOutcomeError, Cause.SAYS_NOTHING),
        ({"error": "Request timed out"}, UnknownOutcomeError, Cause.NINJATRADER_OFFLINE),
        ({"data": {"error": "NinjaTrader is not connected"}}, UnknownOutcomeError, Cause.NINJATRADER_OFFLINE),
    ],
)
async def test_an_error_reply_is_judged_as_over_http(
    fields: dict[str, Any], kind: type[GatewayError], cause: Cause
) -> None:
    async with scripted(answering(**fields)) as server:
        error = await refused_by(server.url)
    assert type(error) is kind
    assert error.reason.cause is cause


async def test_over_budget_says_how_long_and_in_whose_words() -> None:
    fields = {"error": "Rate limit exceeded", "retryAfter": 0.5}
    async with scripted(answering(**fields)) as server:
        error = await refused_by(server.url)
    assert error.reason.retry_after_s == 0.5
    assert error.reason.said == "Rate limit exceeded"


async def test_a_mistake_of_ours_in_reading_is_unknown(
    exchange: PracticeExchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(_: object) -> NoReturn:
        raise KeyError

    monkeypatch.setattr(wire, "read_receipt", stumble)
    async with stream_to(exchange) as stream:
        with pytest.raises(UnknownOutcomeError) as error:
            await stream.flatten(SCOPE)
    assert error.value.reason.cause is Cause.INTERNAL
    assert error.value.sent_at is not None
    assert error.value.answered_at is not None


# -- the receipt


async def test_the_pong_of_a_ping_behind_the_frame_is_the_receipt() -> None:
    told: list[float] = []
    is_told = asyncio.Event()

    def note(at: float) -> None:
        told.append(at)
        is_told.set()

    async def handler(peer: ServerConnection) -> None:
        frame = await asked(peer)
        await is_told.wait()
        await tell(peer, frame, **DONE)
        await silent(peer)

    async with scripted(handler) as server, stream_to(server.url) as stream:
        receipt = await stream.flatten(SCOPE, note)
    assert len(told) == 1
    assert receipt.sent_at <= told[0] <= receipt.answered_at


async def test_an_answer_before_the_receipt_makes_it_superfluous() -> None:
    told: list[float] = []

    async def serve_one(peer: RawPeer) -> None:
        frame = await peer.hear()
        peer.say(json.dumps({"id": frame["id"], "data": DONE}))
        while len(peer.pongs) < 2:  # of the press, and of the stream itself
            peer.protocol.receive_data(await peer.reader.read(65536))
            peer.protocol.events_received()
            peer.pongs += peer.protocol.data_to_send()
        peer.writer.writelines(peer.pongs)
        await peer.how_it_ended()

    async with raw(serve_one) as url, stream_to(url) as stream:
        await stream.flatten(SCOPE, told.append)
        await until(lambda: stream.report.round_trip_s is not None)
        await asyncio.sleep(0)
    assert told == []


async def test_no_receipt_is_told_when_the_connection_goes() -> None:
    told: list[float] = []

    async def serve_one(peer: RawPeer) -> None:
        await peer.hear()

    async with raw(serve_one) as url, stream_to(url) as stream:
        with pytest.raises(UnknownOutcomeError) as error:
            await stream.flatten(SCOPE, told.append)
        assert error.value.reason.cause is Cause.CONNECTION_LOST
        assert error.value.sent_at is not None
    assert told == []


# -- no answer


async def test_before_it_is_open_nothing_leaves_and_another_link_may_do_better() -> None:
    async with stream_to("http://127.0.0.1:9", is_open=False) as stream:
        for press in (stream.flatten(SCOPE), stream.reverse(TICKET)):
            with pytest.raises(NotSentError) as error:
                await press
            assert error.value.reason.cause is Cause.STREAM_NOT_OPEN
            assert error.value.may_try_elsewhere


async def test_a_connection_that_is_closing_is_not_open_any_more() -> None:
    async def handler(peer: ServerConnection) -> None:
        await peer.send("anything")
        peer.protocol.send_close(1001)
        peer.send_data()  # TCP stays
        await silent(peer)

    async with scripted(handler) as server, stream_to(server.url) as stream:
        assert stream._session is not None
        connection = stream._session._connection
        await until(lambda: connection.state is not State.OPEN)
        with pytest.raises(NotSentError):
            await stream.flatten(SCOPE)


async def test_an_exception_from_sending_proves_nothing(
    exchange: PracticeExchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = ClientConnection.send

    async def sent_all_the_same(self: ClientConnection, *what: Any, **how: Any) -> NoReturn:
        await send(self, *what, **how)
        raise ConnectionClosedError(None, None)

    async with stream_to(exchange) as stream:
        monkeypatch.setattr(ClientConnection, "send", sent_all_the_same)
        with pytest.raises(UnknownOutcomeError) as error:
            await stream.flatten(SCOPE)
        assert error.value.reason.cause is Cause.CONNECTION_LOST
        assert exchange.wait_until(lambda book: len(book.positions()) == 3)


async def test_a_press_that_was_taken_over_is_unknown_and_is_not_sent_again() -> None:
    async def handler(peer: ServerConnection) -> None:
        await asked(peer)
        await peer.close(4000, "Session active elsewhere")

    async with scripted(handler) as server, stream_to(server.url, pace=HASTY) as stream:
        with pytest.raises(UnknownOutcomeError) as error:
            await stream.flatten(SCOPE)
        assert error.value.reason.cause is Cause.CONNECTION_LOST
        await comes_to(stream, StreamState.TAKEN_OVER)


async def test_a_reconnect_sends_nothing_again() -> None:
    heard: list[dict[str, Any]] = []

    async def handler(peer: ServerConnection) -> None:
        heard.append(await asked(peer))
        if len(heard) == 1:
            peer.transport.abort()
        else:
            await tell(peer, heard[-1], **DONE)
            await silent(peer)

    async with scripted(handler) as server, stream_to(server.url, pace=HASTY) as stream:
        with pytest.raises(UnknownOutcomeError):
            await stream.reverse(TICKET)
        await until(lambda: len(server.handshakes) == 2 and stream.is_open)
        await stream.flatten(SCOPE)
    assert [frame["api"] for frame in heard] == ["ReversePosition", "Flatten"]


async def test_after_the_deadline_a_delivered_frame_is_left_alone_and_its_late_answer_is_told() -> None:
    go_on = asyncio.Event()

    async def handler(peer: ServerConnection) -> None:
        frame = await asked(peer)
        await go_on.wait()
        await tell(peer, frame, **DONE)
        await silent(peer)

    async with scripted(handler) as server, stream_to(server.url, pace=HASTY) as stream:
        began = time.monotonic()
        with pytest.raises(UnknownOutcomeError) as error:
            await stream.flatten(SCOPE)
        assert 0.25 < time.monotonic() - began < 0.8
        assert error.value.reason.cause is Cause.NO_ANSWER
        assert error.value.sent_at is not None
        assert stream.is_open
        assert error.value.late is not None
        go_on.set()
        receipt = await error.value.late
        assert isinstance(receipt, Receipt)
        assert receipt.order_ids == ("order-7",)
        assert receipt.answered_at > error.value.sent_at + 0.25
        assert len(server.handshakes) == 1


async def test_a_late_no_is_told_and_asked_for_by_nobody_is_no_mistake() -> None:
    go_on = asyncio.Event()

    async def handler(peer: ServerConnection) -> None:
        calls = [await asked(peer) for _ in range(2)]
        await go_on.wait()
        for call in calls:
            await tell(peer, call, error="No position found")
        await silent(peer)

    async with scripted(handler) as server, stream_to(server.url, pace=HASTY) as stream:
        errors = await asyncio.gather(
            stream.flatten(SCOPE), stream.flatten(EveryAccount()), return_exceptions=True
        )
        go_on.set()
        assert isinstance(errors[0], UnknownOutcomeError)
        assert errors[0].late is not None
        with pytest.raises(RefusedError):
            await errors[0].late
        other = errors[1]
        assert isinstance(other, UnknownOutcomeError)
        assert isinstance(other.late, asyncio.Future)
        await until(other.late.done)
        late: Any = other.late
        assert not late._log_traceback  # else asyncio complains when it is collected


async def test_a_mistake_of_ours_in_reading_a_late_answer_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(_: object) -> NoReturn:
        raise KeyError

    async def handler(peer: ServerConnection) -> None:
        frame = await asked(peer)
        await go_on.wait()
        await tell(peer, frame, **DONE)
        await silent(peer)

    go_on = asyncio.Event()
    monkeypatch.setattr(wire, "read_receipt", stumble)
    async with scripted(handler) as server, stream_to(server.url, pace=HASTY) as stream:
        with pytest.raises(UnknownOutcomeError) as error:
            await stream.flatten(SCOPE)
        assert error.value.late is not None
        go_on.set()
        with pytest.raises(UnknownOutcomeError) as late:
            await error.value.late
    assert late.value.reason.cause is Cause.INTERNAL


async def test_what_cannot_come_any_more_is_cancelled() -> None:
    async with scripted(silent) as server, stream_to(server.url, pace=HASTY) as stream:
        with pytest.raises(UnknownOutcomeError) as error:
            await stream.flatten(SCOPE)
        assert isinstance(error.value.late, asyncio.Future)
        await server.peers[0].close()
        with pytest.raises(asyncio.CancelledError):
            await error.value.late


async def test_a_late_answer_that_nobody_wants_any_more_is_dropped() -> None:
    go_on = asyncio.Event()

    async def handler(peer: ServerConnection) -> None:
        frame = await asked(peer)
        await go_on.wait()
        await tell(peer, frame, **DONE)
        await tell(peer, await asked(peer), positions=[], success=True)
        await silent(peer)

    async with scripted(handler) as server, stream_to(server.url, pace=HASTY) as stream:
        with pytest.raises(UnknownOutcomeError) as error:
            await stream.flatten(SCOPE)
        assert isinstance(error.value.late, asyncio.Future)
        error.value.late.cancel()
        go_on.set()
        await stream.positions(3.0)
        assert stream._session is not None
        assert not stream._session.carries_press


async def test_a_late_answer_met_by_its_owner_letting_go_is_dropped() -> None:
    async with scripted(silent) as server, stream_to(server.url, pace=HASTY) as stream:
        with pytest.raises(UnknownOutcomeError) as error:
            await stream.flatten(SCOPE)
        assert isinstance(error.value.late, asyncio.Future)
        assert stream._session is not None
        [call] = stream._session._calls.values()
        # Both in one turn of the loop, the answer first.
        stream._session._take(json.dumps({"id": call.frame_id, "data": DONE}).encode())
        error.value.late.cancel()
        await asyncio.sleep(0.01)
        assert error.value.late.cancelled()


@sees_resets
async def test_after_the_deadline_an_undelivered_frame_dies_with_its_connection() -> None:
    ends: list[bytes | Exception] = []

    async def serve_one(peer: RawPeer) -> None:
        await peer.hear()
        ends.append(await peer.how_it_ended())

    pace = replace(HASTY, stream_dead_s=60.0, press_deadline_s=0.1)
    async with raw(serve_one) as url, stream_to(url, pace=pace) as stream:
        with pytest.raises(UnknownOutcomeError) as error:
            await stream.flatten(SCOPE)
        assert error.value.reason.cause is Cause.NO_ANSWER
        assert error.value.late is None
        assert not stream.is_open
        await until(lambda: ends != [])
    assert isinstance(ends[0], ConnectionResetError)


async def test_leaving_during_a_press_tells_the_truth_and_calls_nothing_back() -> None:
    heard: list[dict[str, Any]] = []

    async def handler(peer: ServerConnection) -> None:
        heard.append(await asked(peer))
        await silent(peer)

    async with scripted(handler) as server, stream_to(server.url) as stream:
        pressing = asyncio.ensure_future(stream.flatten(SCOPE))
        await until(lambda: heard != [])
        pressing.cancel()
        with pytest.raises(asyncio.CancelledError) as cancelled:
            await pressing
        truth = cancelled.value.__cause__
        assert isinstance(truth, UnknownOutcomeError)
        assert truth.reason.cause is Cause.INTERRUPTED
        assert truth.sent_at is not None
        assert stream.is_open
        assert stream._session is not None
        assert not stream._session.carries_press


async def test_closing_during_a_press_ends_it_as_unknown() -> None:
    heard: list[dict[str, Any]] = []
    ends: list[int | None] = []

    async def handler(peer: ServerConnection) -> None:
        heard.append(await asked(peer))
        await peer.wait_closed()
        ends.append(peer.close_code)

    async with scripted(handler) as server, stream_to(server.url) as stream:
        pressing = asyncio.ensure_future(stream.flatten(SCOPE))
        await until(lambda: heard != [])
        await stream.aclose()
        with pytest.raises(UnknownOutcomeError):
            await pressing
        await until(lambda: ends == [1000])


# -- hostile


@pytest.mark.parametrize(
    "frame",
    [
        "x" * 1_000_000,
        "[" * 200_000,
        '{"id":' * 50_000,
        b"\x00\x01",
        b"\xff\xfe",
        "[]",
        "null",
        '"text"',
        "17",
        "",
        "{}",
        '{"id":5}',
        '{"id":null,"error":"x"}',
        '{"id":{"a":1}}',
        '{"id":"not asked for","data":{"success":true}}',
        '{"type":"pnlUpdate","epoch":1,"accounts":[]}',
        '{"type":"marketData","quotes":[]}',
    ],
)
async def test_a_frame_that_answers_nothing_changes_nothing(
    frame: str | bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def handler(peer: ServerConnection) -> None:
        call = await asked(peer)
        await peer.send(frame)
        await tell(peer, call, **DONE)
        await tell(peer, call, error="a duplicate")
        await silent(peer)

    with caplog.at_level("INFO", "crosstrade_panel"):
        async with scripted(handler) as server, stream_to(server.url) as stream:
            assert (await stream.flatten(SCOPE)).order_ids == ("order-7",)
            await until(lambda: len(caplog.records) == 2)
            assert len(server.handshakes) == 1
    assert {record.levelname for record in caplog.records} == {"INFO"}
    assert all(record.getMessage().startswith("a frame of ") for record in caplog.records)
    assert "duplicate" not in caplog.text


async def test_bad_utf_8_in_a_text_frame_is_no_end_and_json_in_a_binary_one_is_an_answer() -> None:
    async def handler(peer: ServerConnection) -> None:
        call = await asked(peer)
        await peer.send(b'{"id":"\xff"}', text=True)
        await peer.send(json.dumps({"id": call["id"], "data": DONE}).encode())
        await silent(peer)

    async with scripted(handler) as server, stream_to(server.url) as stream:
        assert (await stream.flatten(SCOPE)).order_ids == ("order-7",)


async def test_an_answer_with_more_values_than_can_be_is_unreadable() -> None:
    async def handler(peer: ServerConnection) -> None:
        call = await asked(peer)
        await peer.send(f'{{"id":"{call["id"]}","error":"x","data":[{"0," * 600_000}0]}}')
        await silent(peer)

    async with scripted(handler) as server:
        error = await refused_by(server.url)
    assert error.reason.cause is Cause.UNREADABLE


async def test_a_frame_beyond_all_size_ends_the_connection() -> None:
    async def handler(peer: ServerConnection) -> None:
        await asked(peer)
        await peer.send(b"0" * (16 * 1024 * 1024 + 1))
        await silent(peer)

    async with scripted(handler) as server:
        error = await refused_by(server.url)
    assert isinstance(error, UnknownOutcomeError)
    assert error.reason.cause is Cause.CONNECTION_LOST


async def test_a_flood_of_pushes_delays_no_answer() -> None:
    async def handler(peer: ServerConnection) -> None:
        call = await asked(peer)
        for _ in range(2_000):
            await peer.send('{"type":"pnlUpdate"}')
        await tell(peer, call, **DONE)
        await silent(peer)

    async with (
        scripted(handler) as server,
        stream_to(server.url, pace=replace(Pace(), stream_dead_s=5)) as stream,
    ):
        assert (await stream.flatten(SCOPE)).order_ids == ("order-7",)
