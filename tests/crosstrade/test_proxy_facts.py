"""What a proxy's address means, and what is said to the proxy, byte by byte."""

import asyncio
import base64
import socket

import pytest

from crosstrade_panel.crosstrade.address import parse_base_url
from crosstrade_panel.crosstrade.proxy import (
    Proxy,
    ProxyError,
    open_tunnel,
    read_proxy,
    system_has_proxy,
    system_proxy,
)

VENDOR = parse_base_url("https://panel.invalid:8443")


@pytest.fixture(autouse=True)
def no_proxy_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        for spelling in (name, name.upper()):
            monkeypatch.delenv(spelling, raising=False)


def login_of(proxy: Proxy) -> str | None:
    return None if proxy.login is None else base64.b64decode(proxy.login.reveal()).decode()


@pytest.mark.parametrize(
    ("text", "shown", "host", "port", "login"),
    [
        ("http://proxy.test:3128", "http://proxy.test:3128", "proxy.test", 3128, None),
        ("http://proxy.test", "http://proxy.test", "proxy.test", 80, None),
        ("http://[::1]:3128", "http://[::1]:3128", "[::1]", 3128, None),
        ("http://us%40er:p%3Aw@proxy.test:1", "http://proxy.test:1", "proxy.test", 1, "us@er:p:w"),
        ("http://user@proxy.test:1", "http://proxy.test:1", "proxy.test", 1, "user:"),
        ("http://:word@proxy.test:1", "http://proxy.test:1", "proxy.test", 1, ":word"),
    ],
)
def test_an_address_of_a_proxy_is_read_and_shown_without_its_login(
    text: str, shown: str, host: str, port: int, login: str | None
) -> None:
    proxy = read_proxy(text)
    assert (proxy.address, proxy.host, proxy.port) == (shown, host, port)
    assert login_of(proxy) == login


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://-proxy.test:3128", "http://-proxy.test:3128"),
        ("http://pro xy.test:3128", "http://pro xy.test:3128"),
        ("http://pro\u200bxy.test:3128", "http://proxy.test:3128"),
        ("http://:3128", "http://:3128"),
        ("http://proxy.test:0", "http://proxy.test:0"),
        ("socks5://proxy.test:3128", "socks5://proxy.test:3128"),
        ("http://proxy.test:port", ""),
    ],
)
def test_an_address_that_cannot_be_spoken_to_is_shown_and_never_dialled(text: str, shown: str) -> None:
    assert read_proxy(text) == Proxy(shown)


def test_the_environment_names_the_proxy_for_https_and_who_is_reached_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert not system_has_proxy()
    assert system_proxy(VENDOR) is None
    monkeypatch.setenv("ALL_PROXY", "http://all.test:1")
    assert system_proxy(VENDOR) == read_proxy("http://all.test:1")
    monkeypatch.setenv("HTTPS_PROXY", "http://one.test:1")
    assert system_has_proxy()
    assert system_proxy(VENDOR) == read_proxy("http://one.test:1")
    for near in ("http://127.0.0.1:80", "https://127.0.0.1", "https://localhost", "https://[::1]"):
        assert system_proxy(parse_base_url(near)) is None
    monkeypatch.setenv("NO_PROXY", "panel.invalid:8443")
    assert system_proxy(VENDOR) is None
    assert system_proxy(parse_base_url("https://panel.invalid")) is not None


async def tunnel(*answers: bytes, proxy: str = "http://proxy.test:1") -> bytes:
    """What the proxy was asked that answers so."""
    loop = asyncio.get_running_loop()
    ours, its = socket.socketpair()
    with ours, its:
        ours.setblocking(False)
        its.setblocking(False)
        for answer in answers:
            await loop.sock_sendall(its, answer)
        its.shutdown(socket.SHUT_WR)
        await open_tunnel(ours, read_proxy(proxy), VENDOR)
        return await loop.sock_recv(its, 4096)


@pytest.mark.anyio
async def test_a_proxy_is_asked_for_the_origin_and_told_its_login_only() -> None:
    plain = b"CONNECT panel.invalid:8443 HTTP/1.1\r\nHost: panel.invalid:8443\r\n"
    assert await tunnel(b"HTTP/1.1 200 OK\r\n\r\n") == plain + b"\r\n"
    login = base64.b64encode(b"user:word")
    asked = await tunnel(b"HTTP/1.1 204 Yes\r\nX: y\r\n\r\n", proxy="http://user:word@proxy.test:1")
    assert asked == plain + b"Proxy-Authorization: Basic " + login + b"\r\n\r\n"
    assert await tunnel(b"HTTP/1.0 200 OK\r\n", b"\r\n")


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"", ""),
        (b"HTTP/1.1 200 OK\r\n", ""),
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "407 Proxy Authentication Required"),
        (b"HTTP/1.1 502 Bad\x07 gateway\r\n\r\n", "502 Bad gateway"),
        (b"HTTP/1.1 199 Hm\r\n\r\n", "199 Hm"),
        (b"SSH-2.0-x\r\n\r\n", ""),
        (b"HTTP/1.1 200 OK\r\n\r\nmore", ""),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", ""),
    ],
)
async def test_a_proxy_that_does_not_say_yes_is_an_error_with_its_words(answer: bytes, said: str) -> None:
    with pytest.raises(ProxyError) as caught:
        await tunnel(answer)
    assert caught.value.said == said
