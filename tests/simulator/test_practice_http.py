"""The practice exchange over real HTTP."""

import asyncio
import socket
import threading
import time
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import uvicorn

from crosstrade_panel.simulator.book import Book, FlattenRequest
from crosstrade_panel.simulator.bucket import TokenBucket
from crosstrade_panel.simulator.faults import Call, NoFaults, Reply
from crosstrade_panel.simulator.ledger import Order
from crosstrade_panel.simulator.listener import PracticeError
from crosstrade_panel.simulator.server import PracticeExchange

FLATTEN = "/v1/api/positions/flatten"
ODD_NAME = "APEX 1/2#3!"
INVALID = {"error": "Invalid request"}


def reverse_path(account: str) -> str:
    return f"/v1/api/accounts/{quote(account, safe='')}/positions/reverseposition"


def ticket(**changes: Any) -> dict[str, Any]:
    fields = {
        "instrument": "MES 12-25",
        "action": "BUY",
        "quantity": 2,
        "orderType": "MARKET",
        "timeInForce": "DAY",
    } | changes
    return {key: value for key, value in fields.items() if value is not None}


# ---- the door


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer wrong", "Basic {token}", "{token}", "Bearer {token}x"]
)
def test_without_its_token_nothing_is_answered_and_nothing_acts(
    exchange: PracticeExchange, header: str | None
) -> None:
    headers = {} if header is None else {"Authorization": header.format(token=exchange.token)}
    answer = httpx.post(exchange.base_url + FLATTEN, json={}, headers=headers, trust_env=False)
    assert (answer.status_code, answer.json()) == (401, {"error": "Unauthorized"})
    with exchange.book_now() as book:
        assert len(book.positions()) == 4


def test_two_exchanges_do_not_share_a_token(exchange: PracticeExchange) -> None:
    assert PracticeExchange().token != exchange.token
    assert PracticeExchange(token="one-of-mine").token == "one-of-mine"


def test_over_budget_is_a_429_with_retry_after_and_does_not_act() -> None:
    book = Book(walking=False)
    with PracticeExchange(book=book, clock=lambda: 50.0) as exchange:
        headers = {"Authorization": f"Bearer {exchange.token}"}
        with httpx.Client(base_url=exchange.base_url, headers=headers, trust_env=False) as client:
            assert {client.get("/v1/api/positions").status_code for _ in range(20)} == {200}
            answer = client.post(FLATTEN, json={})
            assert (answer.status_code, answer.json()) == (429, {"error": "Rate limit exceeded"})
            assert answer.headers["Retry-After"] == "1"
            assert len(exchange.calls) == 21
            assert not exchange.calls[20].acted


def test_strangers_do_not_eat_the_users_budget() -> None:
    with PracticeExchange(clock=lambda: 50.0) as exchange:
        with httpx.Client(base_url=exchange.base_url, trust_env=False) as stranger:
            assert {stranger.get("/v1/api/positions").status_code for _ in range(25)} == {401}
        headers = {"Authorization": f"Bearer {exchange.token}"}
        answer = httpx.get(exchange.base_url + "/v1/api/positions", headers=headers, trust_env=False)
        assert answer.status_code == 200


def test_a_wrong_path_is_told_what_was_probably_meant(client: httpx.Client) -> None:
    answer = client.get("/v1/api/position")
    assert answer.status_code == 404
    assert answer.json()["did_you_mean"][0] == "/v1/api/positions"
    answer = client.post("/v1/api/accounts/Sim101/positions/reverse", json={})
    assert answer.json()["did_you_mean"][0] == reverse_path("Sim101")


def test_a_wrong_method_is_refused(client: httpx.Client) -> None:
    assert client.get(FLATTEN).status_code == 405


# ---- flatten


def test_a_flatten_answers_with_the_cancelled_orders_and_the_picture_before(client: httpx.Client) -> None:
    working = client.get("/v1/api/accounts/Sim101/orders?activeOnly=true").json()["orders"]
    answer = client.post(
        FLATTEN, json={"account": "sim101", "instrument": "MES 12-25", "marketPosition": "short"}
    ).json()
    assert answer == {
        "orderIds": [row["orderId"] for row in working if row["instrument"] == "MES 12-25"],
        "closedPositions": [
            {
                "type": "NinjaTrader.Cbi.Position",
                "account": "Sim101",
                "instrument": "MES 12-25",
                "instrumentType": "Future",
                "marketPosition": "Short",
                "quantity": 2,
                "averagePrice": 6014.5,
                "marketPrice": 6012.25,
                "unrealizedProfitLoss": 22.5,
            }
        ],
        "success": True,
    }


def test_a_flatten_of_nothing_succeeds_with_a_warning(client: httpx.Client) -> None:
    answer = client.post(FLATTEN, json={"account": "Sim102", "instrument": "GC"})
    assert answer.status_code == 200
    assert answer.json() == {
        "orderIds": [],
        "closedPositions": [],
        "warning": "No open positions match",
        "success": True,
    }


def test_an_empty_object_closes_everything(exchange: PracticeExchange, client: httpx.Client) -> None:
    assert len(client.post(FLATTEN, json={}).json()["closedPositions"]) == 4
    assert exchange.wait_until(lambda book: not book.positions())
    assert client.get("/v1/api/positions").json() == {"positions": [], "count": 0, "success": True}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b'"Sim101"',
        b"{",
        b"\xff\xfe\xfd",
        b"[" * 100_000,
        b'{"account":null}',
        b'{"account":""}',
        b'{"account":" "}',
        b'{"account":["Sim101"]}',
        b'{"account":"Sim999"}',
        b'{"acount":"Sim101"}',
        b'{"instrument":"XYZ"}',
        b'{"marketPosition":"Short"}',
        b'{"marketPosition":"flat"}',
        b'{"marketPosition":NaN}',
    ],
)
def test_a_flatten_that_is_not_exactly_right_is_invalid_and_closes_nothing(
    exchange: PracticeExchange, client: httpx.Client, body: bytes
) -> None:
    answer = client.post(FLATTEN, content=body)
    assert (answer.status_code, answer.json()) == (400, INVALID)
    with exchange.book_now() as book:
        assert len(book.positions()) == 4
        assert {order.state for order in book.orders()} == {"Accepted", "Working"}


# ---- reverse


def test_a_reverse_answers_with_its_entry_once_the_old_side_is_gone(
    exchange: PracticeExchange, client: httpx.Client
) -> None:
    answer = client.post(reverse_path("Sim101"), json=ticket()).json()
    assert answer == {"orderId": answer["orderId"], "success": True}
    wanted = FlattenRequest("Sim101", "MES")
    assert exchange.wait_until(lambda book: [p.side for p in book.positions(wanted)] == ["Long"])
    rows = client.get("/v1/api/accounts/Sim101/orders").json()["orders"]
    [entry] = [row for row in rows if row["orderId"] == answer["orderId"]]
    assert (entry["action"], entry["orderType"], entry["orderState"], entry["filled"]) == (
        "Buy",
        "Market",
        "Filled",
        2,
    )


def test_a_reverse_without_a_position_says_which(client: httpx.Client) -> None:
    answer = client.post(reverse_path("sim101"), json=ticket(instrument="ES 12-25"))
    assert (answer.status_code, answer.json()) == (
        400,
        {"error": "No position found for instrument 'ES 12-25' in account 'sim101'"},
    )


def test_all_nine_fields_of_a_reverse_are_understood(
    exchange: PracticeExchange, client: httpx.Client
) -> None:
    fields = ticket(
        orderType="STOPLIMIT",
        timeInForce="GTC",
        stopPrice=6020.25,
        limitPrice=6021,
        ocoId="mine",
        strategy="My ATM",
    )
    order_id = client.post(reverse_path("Sim101"), json=fields).json()["orderId"]
    rows = client.get("/v1/api/accounts/Sim101/orders?activeOnly=true").json()["orders"]
    [entry] = [row for row in rows if row["orderId"] == order_id]
    assert entry == {
        "account": "Sim101",
        "orderId": order_id,
        "instrument": "MES 12-25",
        "action": "Buy",
        "orderType": "StopLimit",
        "orderState": "Accepted",
        "quantity": 2,
        "filled": 0,
        "limitPrice": 6021.0,
        "stopPrice": 6020.25,
        "averageFillPrice": 0,
        "timeInForce": "Gtc",
        "ocoId": "mine",
        "strategy": "My ATM",
    }
    with exchange.book_now() as book:
        assert book.positions(FlattenRequest("Sim101", "MES")) == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"instrument": None},
        {"instrument": "XYZ"},
        {"action": None},
        {"action": "Buy"},
        {"action": "buy"},
        {"quantity": None},
        {"quantity": 0},
        {"quantity": -1},
        {"quantity": 1.0},
        {"quantity": "1"},
        {"quantity": True},
        {"orderType": None},
        {"orderType": "Market"},
        {"orderType": "STOP"},
        {"timeInForce": None},
        {"timeInForce": "Day"},
        {"timeInForce": "IOC"},
        {"limitPrice": 6000},
        {"orderType": "LIMIT"},
        {"orderType": "LIMIT", "limitPrice": "6000"},
        {"orderType": "LIMIT", "limitPrice": True},
        {"orderType": "LIMIT", "limitPrice": 0},
        {"orderType": "LIMIT", "limitPrice": 6000.1},
        {"orderType": "LIMIT", "limitPrice": 1e30},
        {"orderType": "LIMIT", "limitPrice": 6000, "stopPrice": 6000},
        {"orderType": "STOPMARKET", "limitPrice": 6000},
        {"orderType": "STOPLIMIT", "limitPrice": 6000},
        {"orderType": "STOPLIMIT", "stopPrice": 6000},
        {"ocoId": ""},
        {"strategy": 7},
        {"account": "Sim101"},
    ],
)
def test_a_reverse_with_one_wrong_field_is_invalid_and_closes_nothing(
    exchange: PracticeExchange, client: httpx.Client, changes: dict[str, Any]
) -> None:
    answer = client.post(reverse_path("Sim101"), json=ticket(**changes))
    assert (answer.status_code, answer.json()) == (400, INVALID)
    with exchange.book_now() as book:
        assert [p.side for p in book.positions(FlattenRequest("Sim101", "MES"))] == ["Short"]


def test_an_awkward_account_name_is_reached_percent_encoded(
    exchange: PracticeExchange, client: httpx.Client
) -> None:
    with exchange.book_now() as book:
        book.open_position(ODD_NAME, "MES 12-25", -2)
    path = reverse_path(ODD_NAME)
    assert path == "/v1/api/accounts/APEX%201%2F2%233%21/positions/reverseposition"
    assert client.post(path, json=ticket()).status_code == 200
    wanted = FlattenRequest(ODD_NAME)
    assert exchange.wait_until(lambda book: [p.side for p in book.positions(wanted)] == ["Long"])
    assert exchange.calls[0].path == path
    assert client.get(f"/v1/api/accounts/{quote(ODD_NAME, safe='')}/orders").status_code == 200


def test_an_unencoded_slash_in_a_name_reaches_no_account(client: httpx.Client) -> None:
    assert client.get("/v1/api/accounts/APEX%201/2%233%21/orders").status_code == 404


def test_a_reverse_whose_caller_hangs_up_still_places_its_entry(exchange: PracticeExchange) -> None:
    class SlowFills(NoFaults):
        def fill_delay_s(self, order: Order, usual_s: float) -> float:
            return 0.4 if order.action == "BuyToCover" else 0.0

    exchange.faults = SlowFills()
    headers = {"Authorization": f"Bearer {exchange.token}"}
    url = exchange.base_url + reverse_path("Sim101")
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(url, json=ticket(), headers=headers, timeout=0.1, trust_env=False)
    wanted = FlattenRequest("Sim101", "MES")
    assert exchange.wait_until(lambda book: [p.side for p in book.positions(wanted)] == ["Long"])


# ---- reads and cancels


def test_the_reads_carry_the_fields_of_the_contract(client: httpx.Client) -> None:
    positions = client.get("/v1/api/positions?includeFlat=false").json()
    assert positions["count"] == len(positions["positions"]) == 4
    assert set(positions["positions"][0]) == {
        "type",
        "account",
        "instrument",
        "instrumentType",
        "marketPosition",
        "quantity",
        "averagePrice",
        "marketPrice",
        "unrealizedProfitLoss",
        "tag",
    }
    accounts = client.get("/v1/api/accounts").json()["accounts"]
    assert accounts[0] == {
        "name": "Sim101",
        "displayName": "Practice 1",
        "provider": "Simulator",
        "status": "Enabled",
        "connectionStatus": "Connected",
        "isAccountFlat": False,
        "item": {
            "cashValue": 50000.0,
            "netLiquidation": 50092.5,
            "realizedProfitLoss": 0,
            "unrealizedProfitLoss": 92.5,
        },
    }
    assert [(row["name"], row["provider"]) for row in accounts[2:]] == [
        ("APEX-04417-01", "Rithmic"),
        (ODD_NAME, "Rithmic"),
    ]


def test_a_snapshot_holds_the_accounts_their_positions_and_a_growing_stamp(client: httpx.Client) -> None:
    first, second = (client.get("/v1/api/accounts/snapshot").json() for _ in range(2))
    assert first["type"] == "snapshot"
    assert second["epoch"] > first["epoch"] > 1_700_000_000_000
    assert second["timestamp"] >= first["timestamp"]
    held = {row["account"]["name"]: len(row["positions"]) for row in first["accounts"]}
    assert held == {"Sim101": 2, "Sim102": 1, "APEX-04417-01": 1, ODD_NAME: 0}


def test_flat_rows_are_listed_only_when_asked_for(exchange: PracticeExchange, client: httpx.Client) -> None:
    client.post(FLATTEN, json={"account": "Sim102"})
    assert exchange.wait_until(lambda book: len(book.positions()) == 3)
    assert client.get("/v1/api/positions").json()["count"] == 3
    rows = client.get("/v1/api/positions?includeFlat=true").json()["positions"]
    assert [row["quantity"] for row in rows if row["marketPosition"] == "Flat"] == [0]
    assert client.get("/v1/api/positions?includeFlat=perhaps").status_code == 400


def test_an_order_is_cancelled_once_and_then_not_found(
    exchange: PracticeExchange, client: httpx.Client
) -> None:
    row = client.get("/v1/api/accounts/Sim102/orders?activeOnly=true").json()["orders"][-1]
    path = f"/v1/api/accounts/sim102/orders/{row['orderId']}/cancel"
    assert client.post(path, json={}).json() == {"orderId": row["orderId"], "success": True}
    assert exchange.wait_until(lambda book: len(book.orders("Sim102")) == 2)
    answer = client.post(path, json={})
    assert answer.status_code == 400
    assert answer.json() == {"error": f"Order '{row['orderId']}' not found or already terminal"}
    everything = client.get("/v1/api/accounts/Sim102/orders").json()["orders"]
    assert [r["orderState"] for r in everything if r["orderId"] == row["orderId"]] == ["Cancelled"]


def test_the_orders_of_an_account_are_cancelled_by_instrument_or_all(
    exchange: PracticeExchange, client: httpx.Client
) -> None:
    path = "/v1/api/accounts/Sim101/orders/cancel"
    assert len(client.post(path, json={"instrument": "NQ 12-25"}).json()["orderIds"]) == 2
    assert exchange.wait_until(lambda book: len(book.orders("Sim101")) == 2)
    assert len(client.post(path, json={}).json()["orderIds"]) == 2
    assert exchange.wait_until(lambda book: not book.orders("Sim101"))
    assert client.post(path, json={}).json() == {"orderIds": [], "success": True}
    assert client.post(path, json={"orderId": "x"}).json() == INVALID


# ---- the log, the seam, the socket


def test_the_log_holds_the_bytes_the_times_and_what_acted_but_no_token(
    exchange: PracticeExchange, client: httpx.Client
) -> None:
    body = b'{ "account" : "Sim101" }'
    before = time.monotonic()
    client.post(FLATTEN, content=body)
    client.get("/v1/api/positions?includeFlat=false")
    client.post(FLATTEN, content=b"[]")
    flatten, read, invalid = exchange.calls
    assert (flatten.method, flatten.path, flatten.body, flatten.status) == ("POST", FLATTEN, body, 200)
    assert flatten.answered_at is not None
    assert before <= flatten.at <= flatten.answered_at <= time.monotonic()
    assert (flatten.acted, read.acted, invalid.acted) == (True, False, False)
    assert read.path == "/v1/api/positions?includeFlat=false"
    assert exchange.calls.of("GET", "/positions") == [read]
    assert exchange.token not in repr(list(exchange.calls))


def test_a_fault_may_answer_instead_of_acting_and_change_or_drop_an_answer(
    exchange: PracticeExchange, client: httpx.Client
) -> None:
    class Trouble(NoFaults):
        """408 before the first request acts, another body for the second, a reset for the third."""

        async def before(self, call: Call, link: asyncio.Transport | None) -> Reply | None:
            return Reply(408, b"nothing was done", (("X-Drill", "yes"),)) if call.number == 0 else None

        async def after(self, call: Call, reply: Reply, link: asyncio.Transport | None) -> Reply | None:
            if call.number == 1:
                return Reply(reply.status, b"<html>")
            assert link is not None
            link.abort()
            return None

    exchange.faults = Trouble()
    refused = client.post(FLATTEN, json={"account": "Sim102"})
    assert (refused.status_code, refused.headers["X-Drill"]) == (408, "yes")
    assert client.post(FLATTEN, json={"account": "Sim101"}).text == "<html>"
    with pytest.raises(httpx.TransportError):
        client.post(FLATTEN, json={"account": "APEX-04417-01"})
    assert [(call.status, call.acted) for call in exchange.calls] == [(408, False), (200, True), (None, True)]
    assert exchange.wait_until(lambda book: [p.account for p in book.positions()] == ["Sim102"])


def test_it_stops_at_once_while_a_request_hangs_and_leaves_nothing_behind() -> None:
    class Hanging(NoFaults):
        async def after(self, call: Call, reply: Reply, link: asyncio.Transport | None) -> Reply | None:
            return None

    exchange = PracticeExchange(faults=Hanging())
    exchange.start()
    threads = threading.active_count()
    host, port = exchange.base_url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as client:
        head = f"GET /v1/api/positions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {exchange.token}\r\n\r\n"
        client.sendall(head.encode())
        assert exchange.wait_until(lambda _: len(exchange.calls) == 1)
        started = time.monotonic()
        exchange.stop()
        exchange.stop()
        assert time.monotonic() - started < 2.0
        with suppress(ConnectionResetError):
            assert client.recv(1) == b""
    assert threading.active_count() == threads - 1
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), timeout=5)


def test_a_port_in_use_is_a_plain_error(exchange: PracticeExchange) -> None:
    port = int(exchange.base_url.rpartition(":")[2])
    with pytest.raises(PracticeError, match=rf"cannot listen on 127\.0\.0\.1:{port}"):
        PracticeExchange(port=port).start()
    with pytest.raises(PracticeError, match="cannot listen"):
        PracticeExchange(port=70_000).start()


def test_it_is_started_once_and_may_be_stopped_without_a_start(exchange: PracticeExchange) -> None:
    with pytest.raises(PracticeError, match="once"):
        exchange.start()
    never = PracticeExchange()
    never.stop()
    with pytest.raises(PracticeError, match="not started"):
        _ = never.base_url


def test_it_listens_on_loopback_only(exchange: PracticeExchange) -> None:
    assert exchange._socket is not None
    assert exchange._socket.getsockname()[0] == "127.0.0.1"


def test_a_listener_that_died_is_replaced_on_the_same_port(
    exchange: PracticeExchange, client: httpx.Client
) -> None:
    server = exchange._server
    assert server is not None
    loop = server._loop
    assert loop is not None
    dead = threading.Event()

    def lose_the_socket() -> None:
        # What Windows' accept leaves behind (CPython #93821): the object is there, its descriptor is gone.
        [listening] = server.servers[0].sockets
        loop.remove_reader(listening.fileno())
        listening._sock.close()  # type: ignore[attr-defined]
        dead.set()

    loop.call_soon_threadsafe(lose_the_socket)
    assert dead.wait(5)
    # For a moment there is no listener at all.
    assert exchange.wait_until(
        lambda _: any(each.fileno() != -1 for listener in server.servers for each in listener.sockets)
    )
    answer = httpx.get(exchange.base_url + "/v1/api/positions", trust_env=False)
    assert answer.status_code == 401


def test_answers_are_not_held_back_by_nagle(exchange: PracticeExchange, client: httpx.Client) -> None:
    client.get("/v1/api/positions")
    [link] = list(exchange._links.values())
    raw = link.get_extra_info("socket")
    assert raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_prices_move_with_the_clock() -> None:
    with PracticeExchange(budget=TokenBucket(1000)) as exchange:
        with exchange.book_now() as book:
            contracts = book.listing.contracts
            before = [book.price(contract) for contract in contracts]
        assert exchange.wait_until(lambda book: [book.price(c) for c in contracts] != before)


def test_an_exchange_that_is_stopped_while_it_comes_up_says_so_and_begins_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    exchange = PracticeExchange()
    config = exchange._config

    def stopped_meanwhile() -> uvicorn.Config:
        exchange.stop()
        return config()

    monkeypatch.setattr(exchange, "_config", stopped_meanwhile)
    with pytest.raises(PracticeError, match="stopped before it came up"):
        exchange.start()
    assert exchange._thread is None
