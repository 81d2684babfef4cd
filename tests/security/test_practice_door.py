"""The practice exchange: on this machine only, and only for who has its token."""

import http.client
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator

import psutil
import pytest

from crosstrade_panel.crosstrade.address import AddressError
from crosstrade_panel.server_choice import practice_server
from crosstrade_panel.simulator.server import PracticeExchange
from tests.wine import IS_WINE


@pytest.fixture
def exchange() -> Iterator[PracticeExchange]:
    with PracticeExchange() as exchange:
        yield exchange


def port_of(exchange: PracticeExchange) -> int:
    return int(exchange.base_url.rpartition(":")[2])


@pytest.mark.skipif(IS_WINE, reason="Wine tells nobody which sockets listen")
def test_it_listens_on_the_loopback_address_and_nowhere_else(exchange: PracticeExchange) -> None:
    port = port_of(exchange)
    listening = [
        each.laddr
        for each in psutil.Process().net_connections("tcp")
        if each.status == psutil.CONN_LISTEN and each.laddr.port == port
    ]
    assert [address.ip for address in listening] == ["127.0.0.1"]


def _other_addresses() -> list[str]:
    return [
        address.address
        for addresses in psutil.net_if_addrs().values()
        for address in addresses
        if address.family == socket.AF_INET and not address.address.startswith("127.")
    ]


def test_at_another_address_of_this_machine_nobody_answers(exchange: PracticeExchange) -> None:
    # 127.0.0.2 is an interface of its own to a listener on 127.0.0.1, where the system knows it at all.
    for address in [*_other_addresses(), "127.0.0.2"]:
        with socket.socket() as knocking:
            knocking.settimeout(2)
            with pytest.raises(OSError):  # noqa: PT011 - each system has its own
                knocking.connect((address, port_of(exchange)))


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        "Basic {token}",
        "{token}",
        "Bearer {token}x",
        "Bearer x{token}",
        "Bearer {half}",
        "Bearer {upper}",
        "Bearer {token},Bearer {token}",
        "Bearer t\xf6ken",
    ],
)
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1/api/positions"), ("POST", "/v1/api/positions/flatten")]
)
def test_without_its_token_nobody_gets_in(
    exchange: PracticeExchange, authorization: str | None, method: str, path: str
) -> None:
    token = exchange.token
    connection = http.client.HTTPConnection("127.0.0.1", port_of(exchange), timeout=5)
    try:
        headers = {"Content-Type": "application/json"}
        if authorization is not None:
            text = authorization.format(token=token, half=token[: len(token) // 2], upper=token.upper())
            assert text != f"Bearer {token}"
            headers["Authorization"] = text
        connection.request(method, path, b"{}" if method == "POST" else None, headers)
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()
    assert answer.status == 401
    assert token.encode() not in body


def test_a_token_in_the_address_is_none(exchange: PracticeExchange) -> None:
    address = f"{exchange.base_url}/v1/api/positions?token={exchange.token}"
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(address, timeout=5)  # noqa: S310 - our own
    assert caught.value.code == 401
    caught.value.close()


def test_every_run_has_a_token_that_nobody_can_guess() -> None:
    tokens = {PracticeExchange().token for _ in range(50)}
    assert len(tokens) == 50
    assert all(len(token) >= 32 for token in tokens)


def test_the_practice_token_goes_to_no_other_machine(exchange: PracticeExchange) -> None:
    for url in ("https://app.crosstrade.io", "http://10.0.0.1:1", "http://localhost:1", "http://0.0.0.0:1"):
        with pytest.raises(AddressError):
            practice_server(url, exchange.token)
