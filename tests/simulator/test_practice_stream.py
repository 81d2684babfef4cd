"""The practice exchange over its WebSocket."""

import json
import socket
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from crosstrade_panel.simulator.book import Book, FlattenRequest
from crosstrade_panel.simulator.faults import NoFaults
from crosstrade_panel.simulator.ledger import Order
from crosstrade_panel.simulator.server import PracticeExchange


def opened(exchange: PracticeExchange, token: str | None = None) -> ClientConnection:
    given = exchange.token if token is None else token
    return connect(
        exchange.stream_url,
        additional_headers={"Authorization": f"Bearer {given}"},
        proxy=None,
        open_timeout=5,
    )


def say(stream: ClientConnection, **frame: Any) -> None:
    stream.send(json.dumps(frame))


def hear(stream: ClientConnection) -> dict[str, Any]:
    frame = json.loads(stream.recv(timeout=5))
    assert isinstance(frame, dict)
    return frame


def ask(stream: ClientConnection, api: str, **args: Any) -> dict[str, Any]:
    say(stream, action="rpc", id="q", api=api, args=args)
    answer = hear(stream)
    assert set(answer) == {"id", "data"}
    assert answer["id"] == "q"
    data = answer["data"]
    assert isinstance(data, dict)
    return data


def test_the_stream_wants_the_token_too(exchange: PracticeExchange) -> None:
    with pytest.raises(InvalidStatus) as refused:
        opened(exchange, token="wrong")
    assert refused.value.response.status_code == 401
    assert json.loads(refused.value.response.body or b"") == {"error": "Unauthorized"}


def test_another_path_is_no_stream(exchange: PracticeExchange) -> None:
    with pytest.raises(InvalidStatus):
        connect(
            exchange.stream_url + "s",
            additional_headers={"Authorization": f"Bearer {exchange.token}"},
            proxy=None,
        )


def test_reads_answer_as_over_http(exchange: PracticeExchange) -> None:
    with opened(exchange) as stream:
        assert ask(stream, "GetAllPositions", includeFlat=False)["count"] == 4
        assert [row["name"] for row in ask(stream, "ListAccounts")["accounts"]][:2] == ["Sim101", "Sim102"]
        say(stream, action="ping")
        assert hear(stream) == {"type": "pong"}


def test_flatten_needs_filters_and_everything_needs_none(exchange: PracticeExchange) -> None:
    with opened(exchange) as stream:
        assert ask(stream, "Flatten") == {"error": "Invalid request"}
        assert ask(stream, "FlattenEverything", account="Sim101") == {"error": "Invalid request"}
        assert len(ask(stream, "Flatten", account="Sim101", marketPosition="short")["closedPositions"]) == 1
        assert exchange.wait_until(lambda book: len(book.positions()) == 3)
        assert len(ask(stream, "FlattenEverything")["closedPositions"]) == 3
    assert exchange.wait_until(lambda book: not book.positions())


def test_a_reverse_uses_the_streams_own_spelling(exchange: PracticeExchange) -> None:
    ticket = {"account": "sim101", "instrument": "MES 12-25", "quantity": 2}
    with opened(exchange) as stream:
        rest = {"action": "BUY", "orderType": "MARKET", "timeInForce": "DAY"}
        assert ask(stream, "ReversePosition", **ticket, **rest) == {"error": "Invalid request"}
        own = {"action": "Buy", "orderType": "Market", "timeInForce": "Gtc"}
        assert ask(stream, "ReversePosition", **ticket, **own)["success"] is True
    wanted = FlattenRequest("Sim101", "MES")
    assert exchange.wait_until(lambda book: [p.side for p in book.positions(wanted)] == ["Long"])


def test_what_comes_behind_a_slow_reverse_is_answered_first(exchange: PracticeExchange) -> None:
    class SlowFills(NoFaults):
        def fill_delay_s(self, order: Order, usual_s: float) -> float:
            return 0.5

    exchange.faults = SlowFills()
    ticket = {
        "account": "Sim101",
        "instrument": "MES",
        "quantity": 2,
        "action": "Buy",
        "orderType": "Market",
        "timeInForce": "Day",
    }
    with opened(exchange) as stream:
        say(stream, action="rpc", id="slow", api="ReversePosition", args=ticket)
        say(stream, action="rpc", id="quick", api="GetAllPositions", args={})
        assert [hear(stream)["id"], hear(stream)["id"]] == ["quick", "slow"]


def test_orders_are_cancelled_by_either_name_of_the_function(exchange: PracticeExchange) -> None:
    with exchange.book_now() as book:
        stop, target, entry = book.orders("Sim102")
    with opened(exchange) as stream:
        assert ask(stream, "Cancel", account="Sim102", orderId=entry.order_id)["orderId"] == entry.order_id
        assert ask(stream, "CancelOrder", account="Sim102", orderId=stop.order_id)["success"] is True
        assert exchange.wait_until(lambda book: not book.orders("Sim102"))
        gone = ask(stream, "Cancel", account="Sim102", orderId=target.order_id)
        assert gone == {"error": f"Order '{target.order_id}' not found or already terminal"}
        assert len(ask(stream, "CancelOrders", account="Sim101", instrument="NQ")["orderIds"]) == 2


@pytest.mark.parametrize("frame", ["", "hello", "[]", "{}", '{"action":"dance","id":"q"}'])
def test_a_frame_that_means_nothing_is_answered_with_an_error(exchange: PracticeExchange, frame: str) -> None:
    with opened(exchange) as stream:
        stream.send(frame)
        assert hear(stream)["error"] == "Invalid request"
        assert "did_you_mean" in ask(stream, "Flaten")
        say(stream, action="rpc", id="q", api="Flatten", args=[])
        assert hear(stream)["data"] == {"error": "Invalid request"}
    with exchange.book_now() as book:
        assert len(book.positions()) == 4


def test_a_second_stream_closes_the_first_and_says_why(exchange: PracticeExchange) -> None:
    with opened(exchange) as first, opened(exchange) as second:
        with pytest.raises(ConnectionClosed) as closed:
            first.recv(timeout=5)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.reason == "Session active elsewhere"
        assert ask(second, "GetAllPositions")["count"] == 4


def test_ten_violations_in_a_row_close_the_stream() -> None:
    with (
        PracticeExchange(book=Book(walking=False), clock=lambda: 50.0) as exchange,
        opened(exchange) as stream,
    ):
        for _ in range(19):
            assert ask(stream, "GetAllPositions")["count"] == 4
        for number in range(10):
            say(stream, action="rpc", id=number, api="FlattenEverything", args={})
            assert hear(stream) == {"id": number, "error": "Rate limit exceeded"}
        with pytest.raises(ConnectionClosed) as closed:
            stream.recv(timeout=5)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1008
        assert not [call for call in exchange.calls if call.acted]
        assert [call.status for call in exchange.calls.of("WS")] == [200] * 19 + [429] * 10


def test_http_and_stream_eat_from_one_budget() -> None:
    with (
        PracticeExchange(book=Book(walking=False), clock=lambda: 50.0) as exchange,
        opened(exchange) as stream,
    ):
        for _ in range(19):
            ask(stream, "GetAllPositions")
        assert exchange._refused_at_the_door(f"Bearer {exchange.token}") is not None


def test_a_client_that_drops_its_stream_behind_a_reverse_disturbs_nothing(exchange: PracticeExchange) -> None:
    ticket = {
        "account": "Sim101",
        "instrument": "MES",
        "quantity": 2,
        "action": "Buy",
        "orderType": "Market",
        "timeInForce": "Day",
    }
    with opened(exchange) as stream:
        say(stream, action="rpc", id="q", api="ReversePosition", args=ticket)
        assert exchange.wait_until(lambda _: len(exchange.calls) == 2)
        stream.socket.shutdown(socket.SHUT_RDWR)
    wanted = FlattenRequest("Sim101", "MES")
    assert exchange.wait_until(lambda book: [p.side for p in book.positions(wanted)] == ["Long"])
    with opened(exchange) as again:
        assert ask(again, "GetAllPositions")["count"] == 4


def test_it_stops_with_a_stream_open() -> None:
    with PracticeExchange() as exchange, opened(exchange) as stream:
        exchange.stop()
        with pytest.raises(ConnectionClosed):
            stream.recv(timeout=5)
