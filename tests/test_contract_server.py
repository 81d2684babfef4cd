"""The second server does on the wire what its behaviours say, and its log is right."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import socket
import ssl
import struct
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import pytest

from tests import contract_server
from tests.contract_server import (
    Account,
    Act,
    ActThenLate,
    BadChunk,
    BadGzip,
    Behaviour,
    Call,
    CertificateAuthority,
    ContractServer,
    DeepJson,
    Drip,
    DropAfterReading,
    DropBeforeReading,
    DropDuringReply,
    Empty,
    Garbage,
    GzipBomb,
    Hang,
    Honest,
    Html,
    HugeBody,
    HugeHeaders,
    InvalidUtf8,
    Late,
    MalformedJson,
    Order,
    Position,
    Redirect,
    Reply,
    ResetIdle,
    effects,
    expired_server,
    half_done,
    handshake_closing_port,
    handshake_hanging_port,
    over_budget,
    plain_http_port,
    refused,
    refusing_port,
    reply_json,
    unanswered_port,
    untrusted_server,
    wrong_host_server,
)
from tests.wine import sees_resets

FLATTEN = "/v1/api/positions/flatten"
POSITIONS = "/v1/api/positions?includeFlat=false"
REVERSE = "/v1/api/accounts/Sim101/positions/reverseposition"
MES = {"account": "Sim101", "instrument": "MES 12-25", "marketPosition": "short"}
TICKET = {
    "instrument": "MES 12-25",
    "action": "BUY",
    "quantity": 2,
    "orderType": "MARKET",
    "timeInForce": "DAY",
}
DEADLINE_S = 10.0
LINGER = "hh" if sys.platform == "win32" else "ii"


@dataclass(frozen=True)
class Got:
    """An answer as http.client saw it."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """A raw socket to the server, with http.client's parser behind it when an answer is well-formed."""

    def __init__(self, server: ContractServer) -> None:
        self.server = server
        raw = socket.create_connection(("127.0.0.1", server.port), DEADLINE_S)
        self.sock: socket.socket = raw
        if server.authority:
            self.sock = server.client_context().wrap_socket(raw, server_hostname="127.0.0.1")

    def send(
        self, method: str, path: str, body: bytes | dict[str, Any] | None = None, **headers: str
    ) -> None:
        content = json.dumps(body).encode() if isinstance(body, dict) else body or b""
        fields = {
            "Host": "x",
            "Authorization": f"Bearer {self.server.token}",
            "Content-Length": str(len(content)),
        }
        head = "".join(f"{key.replace('_', '-')}: {value}\r\n" for key, value in (fields | headers).items())
        self.sock.sendall(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + content)

    def receive(self, method: str = "GET") -> Got:
        response = http.client.HTTPResponse(self.sock, method=method)
        with contextlib.closing(response):
            response.begin()
            return Got(response.status, response.headers, response.read())

    def ask(self, method: str, path: str, body: bytes | dict[str, Any] | None = None, **headers: str) -> Got:
        self.send(method, path, body, **headers)
        return self.receive(method)

    def everything(self) -> bytes:
        """Return all bytes until the end."""
        data = b""
        while piece := self.sock.recv(65_536):
            data += piece
        return data

    def ending(self) -> str:
        """Return whether the link ends by ``fin`` or by ``rst``; below TLS, whose read cannot tell."""
        try:
            while socket.socket.recv(self.sock, 65_536):
                pass
        except ConnectionResetError:
            return "rst"
        return "fin"

    def reset(self) -> None:
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack(LINGER, 1, 0))
        self.sock.close()


@contextlib.contextmanager
def connected(server: ContractServer) -> Iterator[Client]:
    client = Client(server)
    with client.sock:
        yield client


@pytest.fixture(params=["http", "https"])
def server(request: pytest.FixtureRequest) -> Iterator[ContractServer]:
    before = threading.active_count()
    with ContractServer(tls=request.param == "https") as running:
        yield running
    assert threading.active_count() == before
    assert running.open_connections == 0


@pytest.fixture
def plain() -> Iterator[ContractServer]:
    with ContractServer() as running:
        yield running


@pytest.fixture
def client(server: ContractServer) -> Iterator[Client]:
    with connected(server) as open_client:
        yield open_client


def open_pairs(server: ContractServer) -> list[tuple[str, str, str, int]]:
    return [(p.account, p.instrument, p.side, p.quantity) for p in server.state.positions]


def flatten(client: Client, behaviour: Behaviour, body: dict[str, Any] = MES) -> None:
    client.server.rule("flatten", behaviour)
    client.send("POST", FLATTEN, body)


def was_acted_on(server: ContractServer) -> bool:
    return server.presses[-1].acted and "MES 12-25" not in {p.instrument for p in server.state.positions}


# -- the honest half -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "closed"),
    [
        ({"account": "sim101"}, {"MES 12-25", "ES 12-25"}),
        ({"account": "Sim101", "instrument": "MES 12-25"}, {"MES 12-25"}),
        ({"account": "Sim101", "instrument": "MES 12-25", "marketPosition": "long"}, set()),
        ({"account": "Sim101", "marketPosition": "long"}, {"ES 12-25"}),
        ({"marketPosition": "long"}, {"ES 12-25", "MNQ 12-25"}),
        ({"instrument": "MES"}, {"MES 12-25"}),
        ({"instrument": "MES1!"}, {"MES 12-25"}),
        ({"instrument": "MESZ25"}, {"MES 12-25"}),
        ({"account": ""}, {"MES 12-25", "ES 12-25", "MNQ 12-25"}),
        ({}, {"MES 12-25", "ES 12-25", "MNQ 12-25"}),
    ],
)
def test_a_flatten_closes_what_meets_all_filters(
    plain: ContractServer, body: dict[str, Any], closed: set[str]
) -> None:
    with connected(plain) as client:
        got = client.ask("POST", FLATTEN, body)
    assert got.status == 200
    assert {row["instrument"] for row in got.json["closedPositions"]} == closed
    assert {p.instrument for p in plain.state.positions} == {"MES 12-25", "ES 12-25", "MNQ 12-25"} - closed
    assert ("warning" in got.json) == (not closed)
    assert [call.json() for call in plain.presses] == [body]


def test_a_flatten_cancels_orders_only_where_it_closes_a_position(plain: ContractServer) -> None:
    with connected(plain) as client:
        got = client.ask("POST", FLATTEN, {"account": "Sim101"})
    assert got.json["orderIds"] == ["stop-of-mes", "target-of-mes"]
    assert [o.order_id for o in plain.state.orders if o.working] == ["resting-nq"]


def test_the_closed_positions_are_the_picture_before_the_close(plain: ContractServer) -> None:
    with connected(plain) as client:
        row = client.ask("POST", FLATTEN, MES).json["closedPositions"][0]
    assert row == {
        "type": "NinjaTrader.Cbi.Position",
        "account": "Sim101",
        "instrument": "MES 12-25",
        "instrumentType": "Future",
        "marketPosition": "Short",
        "quantity": 2,
        "averagePrice": 5780.25,
        "marketPrice": 5774.5,
        "unrealizedProfitLoss": 57.5,
    }


@pytest.mark.parametrize(
    "body",
    [b"[]", b"{", b'{"marketPosition": "Short"}', b'{"account": 7}', b'{"account": "Nobody"}'],
)
def test_a_flatten_with_bad_arguments_is_a_400_that_did_nothing(plain: ContractServer, body: bytes) -> None:
    before = plain.state
    with connected(plain) as client:
        got = client.ask("POST", FLATTEN, body)
    assert (got.status, got.json) == (400, {"error": "Invalid request"})
    assert not plain.presses[0].acted
    assert plain.state == before


def test_a_reverse_closes_and_enters_on_the_other_side(plain: ContractServer) -> None:
    with connected(plain) as client:
        got = client.ask("POST", REVERSE, TICKET)
    assert got.json == {"orderId": "order-0001", "success": True}
    assert ("Sim101", "MES 12-25", "Long", 2) in open_pairs(plain)
    assert [o.order_id for o in plain.state.orders if o.working] == ["resting-nq"]


def test_a_reverse_by_limit_leaves_its_entry_working(plain: ContractServer) -> None:
    with connected(plain) as client:
        got = client.ask(
            "POST", REVERSE, TICKET | {"orderType": "LIMIT", "limitPrice": 5770.25, "timeInForce": "GTC"}
        )
    assert got.status == 200
    assert "MES 12-25" not in {p.instrument for p in plain.state.positions}
    entry = plain.state.orders[-1]
    assert (entry.state, entry.order_type, entry.limit) == ("Working", "Limit", Decimal("5770.25"))


@pytest.mark.parametrize(
    "change",
    [
        {"instrument": None},
        {"action": "Buy"},
        {"quantity": 0},
        {"quantity": True},
        {"quantity": "2"},
        {"orderType": "LIMIT"},
        {"orderType": "STOPLIMIT", "stopPrice": 5770},
        {"orderType": "STOPMARKET", "stopPrice": "5770"},
        {"timeInForce": "Gtc"},
    ],
)
def test_a_reverse_with_bad_arguments_is_a_400(plain: ContractServer, change: dict[str, Any]) -> None:
    with connected(plain) as client:
        assert client.ask("POST", REVERSE, TICKET | change).status == 400
    assert not plain.presses[0].acted


def test_a_reverse_without_a_position_says_so_in_the_contracts_words(plain: ContractServer) -> None:
    with connected(plain) as client:
        got = client.ask(
            "POST", "/v1/api/accounts/sim101/positions/reverseposition", TICKET | {"instrument": "NQ 12-25"}
        )
    assert got.status == 400
    assert got.json == {"error": "No position found for instrument 'NQ 12-25' in account 'sim101'"}


def test_an_account_in_the_path_is_percent_decoded(plain: ContractServer) -> None:
    path = "/v1/api/accounts/APEX%201%2F2%233!/positions/reverseposition"
    with connected(plain) as client:
        got = client.ask("POST", path, TICKET | {"instrument": "MNQ 12-25", "action": "SELL", "quantity": 1})
    assert got.status == 200
    assert ("APEX 1/2#3!", "MNQ 12-25", "Short", 1) in open_pairs(plain)
    assert plain.presses[0].target == path


def test_a_reverse_can_close_first_and_enter_later(plain: ContractServer) -> None:
    plain.api.entry_s = 0.2
    with connected(plain) as client:
        client.ask("POST", REVERSE, TICKET)
    assert "MES 12-25" not in {p.instrument for p in plain.state.positions}
    assert plain.wait_for(lambda: ("Sim101", "MES 12-25", "Long", 2) in open_pairs(plain))


def test_the_reads_show_the_state_in_the_contracts_shapes(plain: ContractServer) -> None:
    with connected(plain) as client:
        positions = client.ask("GET", POSITIONS).json
        accounts = client.ask("GET", "/v1/api/accounts").json
        snapshot = client.ask("GET", "/v1/api/accounts/snapshot").json
        orders = client.ask("GET", "/v1/api/accounts/Sim101/orders?activeOnly=true").json
    assert (positions["count"], len(positions["positions"]), positions["success"]) == (3, 3, True)
    assert [row["name"] for row in accounts["accounts"]] == ["Sim101", "Sim102", "APEX 1/2#3!"]
    assert [row["isAccountFlat"] for row in accounts["accounts"]] == [False, True, False]
    assert snapshot["type"] == "snapshot"
    assert [len(entry["positions"]) for entry in snapshot["accounts"]] == [2, 0, 1]
    assert [row["orderId"] for row in orders["orders"]] == ["stop-of-mes", "target-of-mes", "resting-nq"]
    assert len(plain.reads) == 4
    assert plain.presses == []


def test_flat_rows_are_listed_when_asked_for(plain: ContractServer) -> None:
    with connected(plain) as client:
        client.ask("POST", FLATTEN, MES)
        rows = client.ask("GET", "/v1/api/positions?includeFlat=true").json["positions"]
    assert ("MES 12-25", "Flat", 0) in {(r["instrument"], r["marketPosition"], r["quantity"]) for r in rows}


@pytest.mark.parametrize("shape", ["data", "bare", "strings"])
def test_accounts_come_in_each_tolerated_shape(plain: ContractServer, shape: Any) -> None:
    plain.api.accounts_shape = shape
    with connected(plain) as client:
        body = client.ask("GET", "/v1/api/accounts").json
    first = {
        "data": lambda: body["data"][0]["name"],
        "bare": lambda: body[0]["name"],
        "strings": lambda: body["accounts"][0],
    }
    assert first[shape]() == "Sim101"


def test_terminal_orders_come_too_from_an_add_on_that_ignores_active_only(plain: ContractServer) -> None:
    plain.api.honours_active_only = False
    with connected(plain) as client:
        rows = client.ask("GET", "/v1/api/accounts/Sim101/orders?activeOnly=true").json["orders"]
    assert rows[-1]["orderState"] == "Filled"


def test_an_order_is_cancelled_once_and_then_already_terminal(plain: ContractServer) -> None:
    path = "/v1/api/accounts/Sim101/orders/resting-nq/cancel"
    with connected(plain) as client:
        assert client.ask("POST", path, {}).json == {"orderId": "resting-nq", "success": True}
        again = client.ask("POST", path, {})
    assert (again.status, again.json) == (400, {"error": "Order resting-nq not found or already terminal"})
    assert [call.acted for call in plain.presses] == [True, False]


def test_an_accounts_orders_are_cancelled_of_one_instrument_or_all(plain: ContractServer) -> None:
    path = "/v1/api/accounts/Sim101/orders/cancel"
    with connected(plain) as client:
        assert client.ask("POST", path, {"instrument": "MES 12-25"}).json["orderIds"] == [
            "stop-of-mes",
            "target-of-mes",
        ]
        assert client.ask("POST", path, {}).json["orderIds"] == ["resting-nq"]
    assert not [o for o in plain.state.orders if o.working]


def test_a_call_without_the_token_is_a_401_that_did_nothing(plain: ContractServer) -> None:
    with connected(plain) as client:
        assert client.ask("POST", FLATTEN, {}, Authorization="Bearer wrong").status == 401
        plain.api.pro_plan = False
        assert client.ask("POST", FLATTEN, {}).json["error"] == "api_requires_pro"
    assert len(plain.state.positions) == 3


def test_a_wrong_path_is_a_404_that_names_a_near_one(plain: ContractServer) -> None:
    plain.api.has_snapshot = False
    with connected(plain) as client:
        got = client.ask("POST", "/v1/api/position/flatten", {})
        assert client.ask("GET", "/v1/api/accounts/snapshot").status == 404
    assert (got.status, got.json["did_you_mean"]) == (404, FLATTEN)


def test_the_budget_runs_out_when_it_is_enforced(plain: ContractServer) -> None:
    plain.api.budget = True
    with connected(plain) as client:
        last = [client.ask("GET", POSITIONS) for _ in range(40)][-1]
    assert (last.status, last.json) == (429, {"error": "Rate limit exceeded"})
    assert last.headers["Retry-After"] == "1"


def test_a_change_shows_only_after_the_settling_and_the_lag() -> None:
    with ContractServer(settle_s=0.15, lag_s=0.15) as server, connected(server) as client:
        sent = time.monotonic()
        client.ask("POST", FLATTEN, {})
        assert client.ask("GET", POSITIONS).json["count"] == 3
        assert server.wait_for(lambda: not server.state.positions)
        assert time.monotonic() - sent >= 0.15
        assert server.wait_for(lambda: client.ask("GET", POSITIONS).json["count"] == 0)
        assert time.monotonic() - sent >= 0.3


def test_a_state_of_ones_own_replaces_the_default() -> None:
    accounts = [Account("A", connected=False)]
    with ContractServer(
        accounts, [Position("A", "CL 01-26", "Long", 3)], [Order("A", "CL 01-26", "o1")], "t"
    ) as server:
        with connected(server) as client:
            snapshot = client.ask("GET", "/v1/api/accounts/snapshot").json
        assert server.token == "t"
    assert snapshot["accounts"][0]["account"]["connectionStatus"] == "Disconnected"
    assert snapshot["accounts"][0]["positions"][0]["quantity"] == 3


# -- the log -------------------------------------------------------------------------------------------


def test_the_log_holds_the_exact_bytes_and_when_the_last_one_came(
    client: Client, server: ContractServer
) -> None:
    content = b'{ "account" :"Sim101" ,"x":"\xc3\xa9"}'
    head = f"POST {FLATTEN}?a=%20b HTTP/1.1\r\nAuthorization: Bearer {server.token}\r\nX-Odd:  1 \r\n"
    client.sock.sendall(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content[:5])
    assert server.wait_for(lambda: bool(server.log))
    assert not server.log[0].complete
    before_last = time.monotonic()
    client.sock.sendall(content[5:])
    client.receive("POST")
    call = server.log[0]
    assert (call.method, call.target, call.body) == ("POST", f"{FLATTEN}?a=%20b", content)
    assert call.header("x-odd") == "1"
    assert before_last <= call.arrived <= time.monotonic()
    assert call.acted
    assert call.complete
    assert call.status == 200


def test_the_log_knows_connections_and_chunked_bodies(plain: ContractServer) -> None:
    with connected(plain) as first, connected(plain) as second:
        first.ask("GET", POSITIONS)
        second.ask("GET", POSITIONS)
        head = f"POST {FLATTEN} HTTP/1.1\r\nAuthorization: Bearer {plain.token}\r\n"
        first.sock.sendall(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n")
        assert first.receive("POST").status == 200
    assert [(call.connection, call.number) for call in plain.log] == [(1, 1), (2, 2), (1, 3)]
    assert plain.log[-1].body == b"{}"
    assert plain.connections == 2


def test_a_request_that_comes_with_the_end_of_the_handshake_is_not_overlooked() -> None:
    coming, going = ssl.MemoryBIO(), ssl.MemoryBIO()
    with ContractServer(tls=True) as server, socket.create_connection(("127.0.0.1", server.port), 5.0) as raw:
        tls = server.client_context().wrap_bio(coming, going, server_hostname="127.0.0.1")
        shaken = False
        while not shaken:
            try:
                tls.do_handshake()
                shaken = True
            except ssl.SSLWantReadError:
                raw.sendall(going.read())
                coming.write(raw.recv(65_536))
        tls.write(b"GET /v1/api/accounts HTTP/1.1\r\n\r\n")
        raw.sendall(going.read())
        assert server.wait_for(lambda: [call.status for call in server.log] == [401])


# -- misbehaviour --------------------------------------------------------------------------------------


@pytest.mark.parametrize("act", [True, False])
@pytest.mark.parametrize("polite", [True, False])
def test_a_drop_after_reading_is_a_fin_without_a_byte(
    client: Client, server: ContractServer, *, act: bool, polite: bool
) -> None:
    flatten(client, DropAfterReading(act=act, polite=polite))
    assert client.everything() == b""
    assert client.ending() == "fin"
    assert was_acted_on(server) == act


@sees_resets
@pytest.mark.parametrize("act", [True, False])
def test_a_drop_after_reading_can_be_a_reset(client: Client, server: ContractServer, *, act: bool) -> None:
    flatten(client, DropAfterReading(act=act, reset=True))
    assert client.ending() == "rst"
    assert was_acted_on(server) == act


@sees_resets
def test_a_drop_before_reading_never_acts_and_never_has_the_body(
    client: Client, server: ContractServer
) -> None:
    flatten(client, DropBeforeReading())
    assert client.ending() == "rst"
    assert [(c.body, c.complete, c.acted) for c in server.presses] == [(b"", False, False)]


def test_a_drop_before_reading_can_be_a_fin(client: Client) -> None:
    flatten(client, DropBeforeReading(reset=False))
    assert client.ending() == "fin"


def test_a_new_connection_can_be_dropped_before_anything_is_read(plain: ContractServer) -> None:
    plain.rule("connect", DropBeforeReading(reset=False), times=1)
    with connected(plain) as client:
        client.send("POST", FLATTEN, MES)
        assert client.everything() == b""
    with connected(plain) as client:
        assert client.ask("GET", POSITIONS).status == 200
    assert plain.presses == []


def test_a_new_connection_can_be_left_unread(plain: ContractServer) -> None:
    plain.rule("connect", Hang())
    with connected(plain) as client:
        client.send("POST", FLATTEN, MES)
        client.sock.settimeout(0.1)
        with pytest.raises(TimeoutError):
            client.sock.recv(1)
    assert plain.wait_for(lambda: plain.open_connections == 0)
    assert plain.presses == []
    with pytest.raises(ValueError, match="dropped or left hanging"):
        plain.rule("connect", Empty())


def test_a_reply_is_cut_in_its_body(client: Client, server: ContractServer) -> None:
    flatten(client, DropDuringReply(sent=10))
    head, _, body = client.everything().partition(b"\r\n\r\n")
    assert len(body) == 10
    assert int(head.partition(b"Content-Length: ")[2].split()[0]) > 10
    assert was_acted_on(server)


def test_a_reply_is_cut_in_its_head(client: Client) -> None:
    flatten(client, DropDuringReply(sent=12, in_head=True))
    assert client.everything() == b"HTTP/1.1 200"


def test_garbage_is_no_http(client: Client, server: ContractServer) -> None:
    flatten(client, Garbage())
    with pytest.raises(http.client.BadStatusLine):
        client.receive("POST")
    assert was_acted_on(server)


def test_a_chunk_has_no_size(client: Client, server: ContractServer) -> None:
    flatten(client, BadChunk())
    with pytest.raises(http.client.IncompleteRead):
        client.receive("POST")
    assert was_acted_on(server)


def test_a_chunk_ends_early(client: Client) -> None:
    flatten(client, BadChunk(cut=True))
    assert b"\r\nff\r\n" in client.everything()


def test_what_claims_to_be_gzip_is_not(client: Client, server: ContractServer) -> None:
    flatten(client, BadGzip())
    got = client.receive("POST")
    assert got.headers["Content-Encoding"] == "gzip"
    with pytest.raises(zlib.error):
        zlib.decompress(got.body, wbits=31)
    assert was_acted_on(server)


def test_a_gzip_bomb_is_one_correct_stream_that_holds_the_honest_json(
    client: Client, server: ContractServer
) -> None:
    flatten(client, GzipBomb(total=20_000_000))
    got = client.receive("POST")
    decoded = zlib.decompress(got.body, wbits=31)
    assert len(got.body) < 100_000
    assert len(decoded) > 20_000_000
    assert json.loads(decoded)["closedPositions"][0]["instrument"] == "MES 12-25"
    assert was_acted_on(server)
    assert client.ask("GET", POSITIONS).status == 200


@pytest.mark.parametrize("chunked", [True, False])
def test_a_huge_body_ends_in_the_honest_json(client: Client, *, chunked: bool) -> None:
    flatten(client, HugeBody(total=3_000_000, chunked=chunked))
    got = client.receive("POST")
    assert len(got.body) > 3_000_000
    assert got.json["success"] is True
    assert ("Content-Length" in got.headers) != chunked


def test_a_header_is_huge(client: Client) -> None:
    flatten(client, HugeHeaders())
    data = b""
    while b"\r\n\r\n" not in data:
        data += client.sock.recv(65_536)
    assert len(data) > 300_000
    assert client.server.presses[0].acted


@pytest.mark.parametrize("act", [True, False])
@pytest.mark.parametrize("leave", ["fin", pytest.param("rst", marks=sees_resets)])
def test_a_hang_says_nothing_and_notes_how_the_client_left(
    plain: ContractServer, leave: str, *, act: bool
) -> None:
    with connected(plain) as client:
        flatten(client, Hang(act=act))
        assert plain.wait_for(lambda: bool(plain.presses) and plain.presses[0].complete)
        client.sock.settimeout(0.05)
        with pytest.raises(TimeoutError):
            client.sock.recv(1)
        client.reset() if leave == "rst" else client.sock.close()
        assert plain.wait_for(lambda: plain.presses[0].ended is not None)
    assert plain.presses[0].ended == leave
    assert was_acted_on(plain) == act


@sees_resets
def test_a_hang_over_tls_notes_a_reset_too(server: ContractServer) -> None:
    client = Client(server)
    flatten(client, Hang())
    assert server.wait_for(lambda: bool(server.presses) and server.presses[0].acted)
    client.reset()
    assert server.wait_for(lambda: server.presses[0].ended == "rst")


def test_a_hang_ends_with_the_server(server: ContractServer) -> None:
    with connected(server) as client:
        flatten(client, Hang())
        assert server.wait_for(lambda: bool(server.presses) and server.presses[0].acted)
        server.stop()
        assert client.everything() == b""
    assert server.presses[0].ended == "stopped"


@sees_resets
@pytest.mark.parametrize("in_headers", [True, False])
def test_a_drip_never_ends(client: Client, server: ContractServer, *, in_headers: bool) -> None:
    flatten(client, Drip(interval_s=0.002, in_headers=in_headers))
    seen = b""
    while len(seen) < 200:
        seen += client.sock.recv(1000)
    assert (b"\r\n\r\n" in seen) != in_headers
    client.reset()
    assert server.wait_for(lambda: server.presses[0].ended == "rst")
    assert was_acted_on(server)


@pytest.mark.parametrize(
    ("behaviour", "status", "error"),
    [
        (Html(), 200, json.JSONDecodeError),
        (Html(403), 403, json.JSONDecodeError),
        (Empty(), 200, json.JSONDecodeError),
        (Empty(204), 204, json.JSONDecodeError),
        (InvalidUtf8(), 200, UnicodeDecodeError),
        (MalformedJson(), 200, json.JSONDecodeError),
        (DeepJson(), 200, (RecursionError, json.JSONDecodeError)),
        (DeepJson(closed=True, status=500), 500, RecursionError),
    ],
)
def test_an_unreadable_body_comes_whole_after_acting(
    client: Client, server: ContractServer, behaviour: Behaviour, status: int, error: Any
) -> None:
    flatten(client, behaviour)
    got = client.receive("POST")
    assert got.status == status
    with pytest.raises(error):
        json.loads(got.body)
    assert was_acted_on(server)
    assert client.ask("GET", POSITIONS).status == 200


@pytest.mark.parametrize(
    ("behaviour", "status", "body"),
    [
        (refused(), 400, {"error": "Invalid request"}),
        (half_done(), 200, {"success": False, "error": "timed out", "orderIds": ["half-done-order"]}),
        (over_budget(0.35), 429, {"error": "Rate limit exceeded"}),
        (over_budget(0.35, in_body=True), 429, {"error": "Rate limit exceeded", "retryAfter": 0.35}),
        (
            contract_server.add_on_away(act=True),
            408,
            {"error": "NinjaTrader is not connected", "success": False},
        ),
        (reply_json(207, {"success": True}, act=True), 207, {"success": True}),
        (reply_json(599, [], act=effects.nothing), 599, []),
    ],
)
def test_any_status_and_body_can_be_answered(
    client: Client, server: ContractServer, behaviour: Reply, status: int, body: object
) -> None:
    flatten(client, behaviour)
    got = client.receive("POST")
    assert (got.status, got.json) == (status, body)
    assert server.presses[0].acted == (behaviour.act is not False)
    assert was_acted_on(server) == (behaviour.act is True)


def test_a_retry_after_is_a_header(client: Client) -> None:
    flatten(client, over_budget(0.35))
    assert client.receive("POST").headers["Retry-After"] == "0.35"


def test_a_redirect_names_its_target(client: Client) -> None:
    flatten(client, Redirect(307, "http://127.0.0.1:1/else"))
    got = client.receive("POST")
    assert (got.status, got.headers["Location"]) == (307, "http://127.0.0.1:1/else")


def test_an_answer_can_be_late_and_the_act_early(client: Client, server: ContractServer) -> None:
    sent = time.monotonic()
    flatten(client, ActThenLate(0.1))
    assert server.wait_for(lambda: bool(server.presses) and server.presses[0].acted)
    assert client.receive("POST").status == 200
    assert time.monotonic() - sent >= 0.1


@sees_resets
def test_a_late_act_happens_although_the_client_is_gone(client: Client, server: ContractServer) -> None:
    flatten(client, Late(0.2, Honest()))
    assert server.wait_for(lambda: bool(server.presses) and server.presses[0].complete)
    client.reset()
    assert server.wait_for(lambda: server.presses[0].acted)
    assert server.presses[0].ended == "rst"
    assert was_acted_on(server)


@sees_resets
def test_an_idle_link_is_reset_behind_an_answer(client: Client) -> None:
    flatten(client, ResetIdle(0.01))
    assert client.receive("POST").status == 200
    assert client.ending() == "rst"


def test_a_link_that_is_used_in_time_is_not_reset(client: Client, server: ContractServer) -> None:
    server.rule("positions", ResetIdle(5.0), times=1)
    assert client.ask("GET", POSITIONS).status == 200
    assert client.ask("GET", POSITIONS).status == 200


@sees_resets
def test_idle_links_can_be_cut_by_hand(server: ContractServer) -> None:
    with connected(server) as first, connected(server) as second:
        first.ask("GET", POSITIONS)
        second.ask("GET", POSITIONS)
        assert server.wait_for(lambda: server.cut_idle(reset=True) == 2)
        for client in first, second:
            assert client.ending() == "rst"


def test_a_server_that_closes_idle_links_does_it_with_a_fin() -> None:
    with ContractServer(idle_s=0.02) as server, connected(server) as client:
        assert client.ask("GET", POSITIONS).status == 200
        assert client.everything() == b""


def test_a_frozen_server_reads_later_what_was_sent_meanwhile(server: ContractServer) -> None:
    with connected(server) as client:
        client.ask("GET", POSITIONS)
        server.freeze()
        client.send("POST", FLATTEN, MES)
        client.sock.settimeout(0.1)
        with pytest.raises(TimeoutError):
            client.sock.recv(1)
        assert server.presses == []
        server.thaw()
        assert server.wait_for(lambda: bool(server.presses) and server.presses[0].acted)


def test_connection_close_is_heeded_both_ways(plain: ContractServer) -> None:
    with connected(plain) as client:
        assert client.ask("GET", POSITIONS, Connection="close").status == 200
        assert client.everything() == b""
    with connected(plain) as client:
        flatten(client, Reply(200, b"{}", (("Connection", "close"),)))
        assert client.everything().endswith(b"{}")


# -- rules, effects, scripts ---------------------------------------------------------------------------


def test_a_rule_skips_then_takes_so_many_then_stops(plain: ContractServer) -> None:
    rule = plain.rule("positions", Html(503), skip=1, times=2)
    with connected(plain) as client:
        statuses = [client.ask("GET", POSITIONS).status for _ in range(5)]
    assert statuses == [200, 503, 503, 200, 200]
    assert rule.hits == 2


@pytest.mark.parametrize(
    ("match", "statuses"),
    [
        ("any", [418, 418, 418]),
        ("read", [200, 418, 418]),
        ("press", [418, 200, 200]),
        ("accounts", [200, 200, 418]),
        (lambda call: b"Sim101" in call.body, [418, 200, 200]),
    ],
)
def test_a_rule_takes_only_what_matches(plain: ContractServer, match: Any, statuses: list[int]) -> None:
    plain.rule(match, refused("teapot", 418))
    with connected(plain) as client:
        got = [
            client.ask("POST", FLATTEN, MES),
            client.ask("GET", POSITIONS),
            client.ask("GET", "/v1/api/accounts"),
        ]
    assert [g.status for g in got] == statuses


def test_a_misspelt_match_is_refused(plain: ContractServer) -> None:
    with pytest.raises(ValueError, match="unknown match"):
        plain.rule("flaten", Empty())  # type: ignore[arg-type]


def test_honesty_can_be_restored(plain: ContractServer) -> None:
    plain.rule("any", Empty(500))
    plain.script_positions(["[]"])
    plain.be_honest()
    with connected(plain) as client:
        assert client.ask("GET", POSITIONS).json["count"] == 3


@pytest.mark.parametrize(
    ("effect", "left"),
    [
        (effects.nothing, {("MES 12-25", "Short", 2), ("ES 12-25", "Long", 1)}),
        (effects.overfill, {("MES 12-25", "Long", 2), ("ES 12-25", "Short", 1)}),
        (effects.close_half, {("MES 12-25", "Short", 1), ("ES 12-25", "Long", 1)}),
        (effects.close_everything, set()),
        (effects.keep_orders, set()),
        (effects.becomes(Position("Sim101", "NQ 12-25", "Long", 9)), {("NQ 12-25", "Long", 9)}),
    ],
)
def test_something_else_can_happen_than_was_asked(
    plain: ContractServer, effect: Act, left: set[tuple[str, str, int]]
) -> None:
    with connected(plain) as client:
        flatten(client, Honest(act=effect))
        assert client.receive("POST").json["success"] is True
    assert {
        (p.instrument, p.side, p.quantity) for p in plain.state.positions if p.account == "Sim101"
    } == left
    working = {o.order_id for o in plain.state.orders if o.working}
    assert ("stop-of-mes" in working) == (
        effect in {effects.nothing, effects.overfill, effects.close_half, effects.keep_orders}
    )


def test_an_honest_answer_can_be_patched(client: Client) -> None:
    flatten(client, Honest(status=201, patch={"success": False}, drop=("orderIds",)))
    got = client.receive("POST")
    assert got.status == 201
    assert got.json["success"] is False
    assert set(got.json) == {"closedPositions", "success"}


def test_scripted_reads_are_served_in_turn_and_the_last_one_stays(plain: ContractServer) -> None:
    wrong_count = '{"positions": [], "count": 2, "success": true}'
    plain.script_positions(
        [wrong_count, b"\xff", {"positions": [{"account": 7}], "success": True}, Html(502), "[]"]
    )
    with connected(plain) as client:
        got = [client.ask("GET", POSITIONS) for _ in range(6)]
    assert [g.status for g in got] == [200, 200, 200, 502, 200, 200]
    assert got[0].body == wrong_count.encode()
    assert got[1].body == b"\xff"
    assert got[2].json["positions"] == [{"account": 7}]
    assert got[4].body == got[5].body == b"[]"


def test_the_state_can_be_changed_by_hand_at_once_or_later(plain: ContractServer) -> None:
    plain.set_positions()
    assert open_pairs(plain) == []
    plain.set_positions(Position("Sim101", "NQ 12-25", "Short", 1), delay_s=0.05)
    plain.set_orders()
    plain.set_accounts(Account("Sim101", connected=False))
    assert plain.wait_for(lambda: len(plain.state.positions) == 1)
    plain.change(lambda state: replace(state, accounts=()))
    assert (plain.state.accounts, plain.state.orders) == ((), ())


def test_a_condition_that_never_holds_is_given_up(plain: ContractServer) -> None:
    assert not plain.wait_for(lambda: False, within_s=0.01)


def test_what_breaks_inside_the_server_is_told_at_its_stop() -> None:
    def broken(call: Call) -> bool:
        raise LookupError(call.target)

    server = ContractServer().start()
    server.rule(broken, Empty())
    with connected(server) as client:
        client.send("GET", POSITIONS)
        assert client.everything() == b""
    with pytest.raises(ExceptionGroup, match="the contract server broke"):
        server.stop()


def test_requests_are_served_side_by_side(plain: ContractServer) -> None:
    plain.rule("flatten", Hang())
    with connected(plain) as stuck, connected(plain) as free:
        stuck.send("POST", FLATTEN, MES)
        assert plain.wait_for(lambda: bool(plain.presses))
        assert free.ask("GET", POSITIONS).status == 200


# -- ports and certificates ----------------------------------------------------------------------------


def tls_error(port: int, context: ssl.SSLContext | None = None) -> OSError | None:
    trusting = context or CertificateAuthority().client_context()
    try:
        with (
            socket.create_connection(("127.0.0.1", port), 0.3) as raw,
            trusting.wrap_socket(raw, server_hostname="127.0.0.1"),
        ):
            return None
    except OSError as error:
        return error


def test_a_port_refuses() -> None:
    with refusing_port() as port:
        assert isinstance(tls_error(port.port), ConnectionRefusedError)
        assert port.url() == f"https://127.0.0.1:{port.port}"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems complete or refuse these connections")
def test_a_port_never_answers_the_first_packet() -> None:
    with unanswered_port() as port, pytest.raises(TimeoutError):
        socket.create_connection(("127.0.0.1", port.port), 0.2).close()


@pytest.mark.parametrize("hello_first", [True, False])
def test_a_port_closes_in_the_handshake(*, hello_first: bool) -> None:
    with handshake_closing_port(hello_first=hello_first) as port:
        assert isinstance(
            tls_error(port.port), ssl.SSLEOFError | ssl.SSLZeroReturnError | ConnectionResetError
        )
    assert [hello[:1] for hello in port.received] == [b"\x16"] * hello_first


@sees_resets
def test_a_port_resets_in_the_handshake() -> None:
    with handshake_closing_port(reset=True) as port:
        assert isinstance(tls_error(port.port), ConnectionResetError)


def test_a_port_hangs_in_the_handshake() -> None:
    with handshake_hanging_port() as port:
        assert isinstance(tls_error(port.port), TimeoutError)


def test_a_tls_port_speaks_plain_http() -> None:
    with plain_http_port() as port:
        error = tls_error(port.port)
    assert isinstance(error, ssl.SSLError)


def test_a_certificate_is_for_another_host() -> None:
    with wrong_host_server() as server:
        error = tls_error(server.port, server.client_context())
    assert isinstance(error, ssl.SSLCertVerificationError)
    assert "match" in error.verify_message


def test_a_certificate_is_from_nobody_known() -> None:
    with untrusted_server() as server:
        error = tls_error(server.port, server.client_context())
    assert isinstance(error, ssl.SSLCertVerificationError)
    assert "unable to get local issuer" in error.verify_message or "self-signed" in error.verify_message


def test_a_certificate_has_run_out() -> None:
    with expired_server() as server:
        error = tls_error(server.port, server.client_context())
    assert isinstance(error, ssl.SSLCertVerificationError)
    assert "expired" in error.verify_message


def test_the_throw_away_certificate_satisfies_a_strict_verifier_by_file_and_name() -> None:
    with ContractServer(tls=True) as server:
        context = ssl.create_default_context(cafile=server.ca_file)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        connection = http.client.HTTPSConnection(
            "localhost", server.port, context=context, timeout=DEADLINE_S
        )
        with contextlib.closing(connection):
            connection.request("GET", POSITIONS, headers={"Authorization": f"Bearer {server.token}"})
            assert connection.getresponse().read()
        folder = server.ca_file.parent
    assert not folder.exists()


def test_a_server_without_tls_has_nothing_to_trust(plain: ContractServer) -> None:
    with pytest.raises(ValueError, match="without TLS"):
        _ = plain.ca_file
    with pytest.raises(ValueError, match="without TLS"):
        plain.client_context()


# -- by hand -------------------------------------------------------------------------------------------


class Told(io.StringIO):
    """A stdout that can be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.changed = threading.Condition()

    def write(self, text: str) -> int:
        with self.changed:
            self.changed.notify_all()
            return super().write(text)

    def wait_for(self, text: str) -> str:
        with self.changed:
            assert self.changed.wait_for(lambda: text in self.getvalue(), DEADLINE_S)
            return self.getvalue()


def test_the_runnable_form_prints_where_it_is_and_behaves(monkeypatch: pytest.MonkeyPatch) -> None:
    told, stop = Told(), threading.Event()
    monkeypatch.setattr(sys, "stdout", told)
    arguments = ["--token", "t", "--behave", "flatten=drop-after-acting", "--behave", "accounts=503"]
    thread = threading.Thread(target=contract_server.main, args=(arguments, stop))
    thread.start()
    try:
        port = int(told.wait_for("token     t\n").split("127.0.0.1:")[1].split()[0])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S)
        with contextlib.closing(connection):
            connection.request("POST", FLATTEN, b'{"account":"Sim101"}', {"Authorization": "Bearer t"})
            with pytest.raises(http.client.RemoteDisconnected):
                connection.getresponse()
            connection.close()
            connection.request("GET", "/v1/api/accounts", headers={"Authorization": "Bearer t"})
            assert connection.getresponse().status == 503
        told.wait_for(f'POST {FLATTEN} {{"account":"Sim101"}}')
    finally:
        stop.set()
        thread.join(DEADLINE_S)


@pytest.mark.parametrize("argument", ["flatten=sulk", "breakfast=html"])
def test_the_runnable_form_refuses_what_it_does_not_know(
    argument: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        contract_server.main(["--behave", argument])
    assert argument.partition("=")[argument.startswith("flatten") * 2] in capsys.readouterr().err


def test_every_named_behaviour_can_be_made() -> None:
    assert all(isinstance(contract_server.behaviour_named(name), Behaviour) for name in contract_server.NAMED)
