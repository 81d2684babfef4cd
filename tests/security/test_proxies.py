"""Proxies: only when allowed, only for https, and never told the token."""

import asyncio
import base64
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crosstrade_panel import texts
from crosstrade_panel.crosstrade import proxy as proxy_module
from crosstrade_panel.crosstrade.address import BaseUrl, parse_base_url
from crosstrade_panel.crosstrade.proxy import Proxy, read_proxy, system_has_proxy, system_proxy
from crosstrade_panel.domain.outcome import Cause, Reason
from crosstrade_panel.domain.scope import OneAccount
from crosstrade_panel.server_choice import AddressProblem, ServerChoice, practice_server, proxy_for
from crosstrade_panel.storage.settings import LoadedSettings, Settings, SettingsFile
from crosstrade_panel.trading.ports import NotSentError, ReadFailedError
from tests import contract_server as cs
from tests.contract_server import ContractServer
from tests.crosstrade.gateways import QUICK, gateway_to, strict_tls, until
from tests.security.fake_proxy import REFUSED, FakeProxy

SCOPE = OneAccount("Sim101", "MES 12-25")
TOKEN = "made-up-token-for-tunnels"
VENDOR = parse_base_url("https://panel.invalid")


@pytest.fixture(autouse=True)
def no_proxy_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "ftp_proxy"):
        for spelling in (name, name.upper()):
            monkeypatch.delenv(spelling, raising=False)


async def not_sent(base_url: str, proxy: Proxy, **options: Any) -> Reason:
    """Why a flatten, and a read, did not leave."""
    async with gateway_to(base_url, token=TOKEN, proxy=proxy, tls=strict_tls(), **options) as gateway:
        with pytest.raises(NotSentError) as caught:
            await gateway.flatten(SCOPE)
        with pytest.raises(ReadFailedError) as read:
            await gateway.positions()
    assert read.value.reason.cause is caught.value.reason.cause
    if caught.value.reason.cause is Cause.PROXY:
        assert not caught.value.may_try_elsewhere  # the other link has the same proxy
    return caught.value.reason


# -- the tunnel ---


@pytest.mark.anyio
async def test_a_press_goes_through_the_tunnel_and_the_proxy_never_sees_the_token() -> None:
    with ContractServer(tls=True) as server:
        async with FakeProxy(server.port) as proxy:
            address = proxy.address.replace("http://", "http://us%40er:p%3Aw@")
            async with gateway_to(server, proxy=read_proxy(address)) as gateway:
                await gateway.flatten(SCOPE)
                await gateway.positions()
        assert [call.header("authorization") for call in server.log] == [f"Bearer {server.token}"] * 2
        assert all(call.header("proxy-authorization") is None for call in server.log)
        login = base64.b64encode(b"us@er:p:w").decode()
        host = f"127.0.0.1:{server.port}"
        for head in proxy.heads:
            asked = f"CONNECT {host} HTTP/1.1\r\nHost: {host}\r\nProxy-Authorization: Basic {login}\r\n\r\n"
            assert head.decode() == asked
        seen = bytes(proxy.carried) + b"".join(proxy.heads)
        assert proxy.carried
        for form in (server.token.encode(), base64.b64encode(server.token.encode()), b"Bearer", b"flatten"):
            assert form not in seen


@pytest.mark.anyio
async def test_without_a_password_none_is_told() -> None:
    with ContractServer(tls=True) as server:
        async with FakeProxy(server.port) as proxy:
            async with gateway_to(server, proxy=read_proxy(proxy.address)) as gateway:
                await gateway.positions()
            assert b"Authorization" not in proxy.heads[0]


@pytest.mark.anyio
async def test_the_certificate_is_that_of_the_server_and_not_of_whoever_the_proxy_led_to() -> None:
    with ContractServer(tls=True) as server:
        async with FakeProxy(server.port) as proxy:
            async with gateway_to(
                "https://panel.invalid",
                token=TOKEN,
                proxy=read_proxy(proxy.address),
                tls=server.client_context(),
            ) as gateway:
                with pytest.raises(NotSentError) as caught:
                    await gateway.flatten(SCOPE)
            assert proxy.heads[0].startswith(b"CONNECT panel.invalid:443 HTTP/1.1\r\n")
        assert caught.value.reason.cause is Cause.CERTIFICATE
        assert server.log == []
        assert TOKEN.encode() not in proxy.carried


@pytest.mark.anyio
async def test_a_plain_connection_on_this_machine_never_goes_through_a_proxy() -> None:
    with ContractServer() as server:
        async with FakeProxy(server.port) as proxy:
            async with gateway_to(server, proxy=read_proxy(proxy.address)) as gateway:
                await gateway.flatten(SCOPE)
            assert proxy.heads == []
        assert len(server.presses) == 1


@pytest.mark.anyio
async def test_the_name_of_the_server_is_left_to_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: Any, **__: Any) -> Any:
        raise AssertionError("looked up")

    async with FakeProxy(answer=REFUSED) as proxy:
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", never)
        await not_sent("https://panel.invalid", read_proxy(proxy.address))


# -- a proxy that does not ---


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (REFUSED, "502 Bad Gateway"),
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "407 Proxy Authentication Required"),
        (b"HTTP/1.1 302 Found\r\nLocation: https://elsewhere.invalid/\r\n\r\n", "302 Found"),
        (b"HTTP/1.1 101 Switching\r\n\r\n", "101 Switching"),
        (b"HTTP/1.1 403 \x1b[31mNo\x07\xe2\x80\xae" + b"x" * 2000 + b"\r\n\r\n", None),
        (b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", ""),
        (b"HTTP/1.1 200 OK\r\n\r\n\r\n", ""),
        (b"HTTP/2 200\r\n\r\n", ""),
        (b"HTTP/1.1 2000 OK\r\n\r\n", ""),
        (b"\x16\x03\x01 what is this\r\n\r\n", ""),
        (b"x" * 40_000, ""),
        (b"HTTP/1.1 200 OK\r\nVia: cut", ""),
        (b"", ""),
    ],
)
async def test_a_proxy_that_does_not_say_yes_sends_nothing(answer: bytes, said: str | None) -> None:
    async with FakeProxy(answer=answer) as proxy:
        reason = await not_sent("https://panel.invalid", read_proxy(proxy.address))
        assert proxy.heads
        assert all(TOKEN.encode() not in head and b"Bearer" not in head for head in proxy.heads)
    assert reason.cause is Cause.PROXY
    if said is None:
        assert reason.said.startswith("403 [31mNo")
        assert reason.said.isprintable()
        assert len(reason.said) == 500
    else:
        assert reason.said == said


@pytest.mark.anyio
async def test_a_proxy_that_hangs_keeps_no_press_longer_than_connecting_may_take() -> None:
    async with FakeProxy(hangs=True) as proxy:
        began = asyncio.get_running_loop().time()
        reason = await not_sent("https://panel.invalid", read_proxy(proxy.address), pace=QUICK)
        assert asyncio.get_running_loop().time() - began < 4 * QUICK.connect_s
    assert reason.cause is Cause.CONNECT_TIMEOUT


@pytest.mark.anyio
async def test_a_proxy_whose_answer_has_no_end_is_given_up_before_the_time_is_over() -> None:
    async with FakeProxy(answer=b"HTTP/1.1 200 OK\r\nVia: " + b"x" * 100_000, hangs=True) as proxy:
        reason = await not_sent("https://panel.invalid", read_proxy(proxy.address))
    assert reason.cause is Cause.PROXY


@pytest.mark.anyio
async def test_a_proxy_that_drops_the_tunnel_in_the_handshake_sends_nothing() -> None:
    answer = b"HTTP/1.1 200 OK\r\n\r\n"
    async with FakeProxy(answer=answer) as proxy:
        reason = await not_sent("https://panel.invalid", read_proxy(proxy.address))
    assert reason.cause is Cause.CONNECT_FAILED


@pytest.mark.anyio
async def test_a_proxy_that_is_not_there_is_named_without_its_password() -> None:
    with cs.refusing_port() as port:
        reason = await not_sent(
            "https://panel.invalid", read_proxy(f"http://u:hushhush@127.0.0.1:{port.port}")
        )
    assert reason == Reason(Cause.PROXY, f"http://127.0.0.1:{port.port}")


@pytest.mark.anyio
async def test_a_proxy_whose_name_cannot_be_one_is_a_proxy_that_cannot_be_used() -> None:
    host = "x" * 70 + ".invalid"
    reason = await not_sent("https://panel.invalid", read_proxy(f"http://{host}:1"))
    assert reason == Reason(Cause.PROXY, f"http://{host}:1")


@pytest.mark.anyio
async def test_a_proxy_that_resets_sends_nothing() -> None:
    with cs.handshake_closing_port(reset=True, hello_first=False) as port:
        reason = await not_sent("https://panel.invalid", read_proxy(f"http://127.0.0.1:{port.port}"))
    assert reason.cause is Cause.PROXY


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("socks5://u:hushhush@10.0.0.1:1080", "socks5://10.0.0.1:1080"),
        ("socks4://proxy", "socks4://proxy"),
        ("https://proxy:443", "https://proxy:443"),
        ("http://pro xy:1", "http://pro xy:1"),
        ("http://proxy:0", "http://proxy:0"),
        ("http://proxy:99999", ""),
        ("http://[::1", ""),
        ("http://", "http://"),
    ],
)
async def test_a_proxy_of_another_kind_is_explained_and_sends_nothing(text: str, said: str) -> None:
    reason = await not_sent("https://panel.invalid", read_proxy(text))
    assert reason == Reason(Cause.PROXY, said)
    sentence = texts.reason_sentence(reason)
    assert "only a web proxy can be used" in sentence
    assert "hushhush" not in sentence


@pytest.mark.anyio
async def test_leaving_while_a_proxy_hangs_loses_no_socket() -> None:
    async with (
        FakeProxy(hangs=True) as proxy,
        gateway_to(VENDOR.origin, proxy=read_proxy(proxy.address), tls=strict_tls()) as gateway,
    ):
        press = asyncio.ensure_future(gateway.flatten(SCOPE))
        await until(lambda: bool(proxy.heads))
        press.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await press
    assert isinstance(caught.value.__cause__, NotSentError)


# -- which one ---


def test_an_address_is_read_with_its_login_apart_from_it() -> None:
    proxy = read_proxy(" HTTP://User:p%40ss@Proxy.Example:3128/ ")
    assert (proxy.address, proxy.host, proxy.port) == ("http://proxy.example:3128", "proxy.example", 3128)
    assert proxy.login is not None
    assert base64.b64decode(proxy.login.reveal()) == b"User:p@ss"
    assert "p@ss" not in f"{proxy!r} {proxy}"
    assert proxy.login.reveal() not in f"{proxy!r} {proxy}"
    assert read_proxy("proxy:8080") == Proxy("http://proxy:8080", "proxy", 8080)
    assert read_proxy("//proxy").host == ""
    assert read_proxy("proxy").port == 80
    assert read_proxy("http://[::1]:3").bare_host == "::1"
    assert read_proxy("http://user@proxy").login is not None


@pytest.mark.parametrize(
    ("environ", "url", "expected"),
    [
        ({}, "https://panel.invalid", None),
        ({"HTTPS_PROXY": "http://p:1"}, "https://panel.invalid", "http://p:1"),
        ({"https_proxy": "http://p:1"}, "https://panel.invalid", "http://p:1"),
        ({"ALL_PROXY": "socks5://p:1"}, "https://panel.invalid", "socks5://p:1"),
        ({"HTTPS_PROXY": "http://p:1", "ALL_PROXY": "http://q:1"}, "https://panel.invalid", "http://p:1"),
        ({"HTTP_PROXY": "http://p:1"}, "https://panel.invalid", None),
        ({"HTTPS_PROXY": ""}, "https://panel.invalid", None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "panel.invalid"}, "https://panel.invalid", None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "panel.invalid:443"}, "https://panel.invalid", None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": ".invalid"}, "https://panel.invalid", None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*"}, "https://panel.invalid", None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "other.invalid"}, "https://panel.invalid", "http://p:1"),
        ({"HTTPS_PROXY": "http://p:1"}, "http://127.0.0.1:1", None),
        ({"HTTPS_PROXY": "http://p:1", "HTTP_PROXY": "http://p:1"}, "http://[::1]:1", None),
        ({"HTTPS_PROXY": "http://p:1"}, "https://127.0.0.1:1", None),
        ({"HTTPS_PROXY": "http://p:1"}, "https://[::1]:1", None),
        ({"HTTPS_PROXY": "http://p:1"}, "https://localhost:1", None),
    ],
)
@pytest.mark.usefixtures("no_registry")
def test_the_system_says_which_proxy(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], url: str, expected: str | None
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    found = system_proxy(parse_base_url(url))
    assert (None if found is None else found.address) == expected
    allowed = proxy_for(ServerChoice(parse_base_url(url), "command"), _settings(use_system_proxy=True))
    assert allowed == found


@pytest.fixture
def no_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the environment counts, on Windows and macOS too."""
    import urllib.request

    monkeypatch.setattr(urllib.request, "getproxies", urllib.request.getproxies_environment)
    from_environment = urllib.request.proxy_bypass_environment  # type: ignore[attr-defined]
    monkeypatch.setattr(urllib.request, "proxy_bypass", from_environment)


def _settings(*, use_system_proxy: bool) -> Callable[[], LoadedSettings]:
    return lambda: LoadedSettings(Settings(use_system_proxy=use_system_proxy))


@pytest.mark.usefixtures("no_registry")
def test_no_proxy_is_used_unless_the_settings_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def not_asked() -> LoadedSettings:
        raise AssertionError("the settings were asked for nothing")

    vendor = ServerChoice(VENDOR, "vendor")
    assert Settings().use_system_proxy is False
    assert not system_has_proxy()
    assert proxy_for(vendor, not_asked) is None
    monkeypatch.setenv("HTTPS_PROXY", "http://p:1")
    assert proxy_for(vendor, _settings(use_system_proxy=False)) is None
    assert proxy_for(vendor, _settings(use_system_proxy=True)) == Proxy("http://p:1", "p", 1)
    for choice in (
        practice_server("http://127.0.0.1:1", "made-up"),
        ServerChoice(None, "command", problem=AddressProblem("")),
        ServerChoice(parse_base_url("http://127.0.0.1:1"), "command"),
        ServerChoice(VENDOR, "command", is_practice=True),
    ):
        assert proxy_for(choice, not_asked) is None


def test_nothing_but_one_function_reads_what_the_system_says() -> None:
    package = Path(proxy_module.__file__).parent
    readers = [path.name for path in package.glob("*.py") if "environ" in path.read_text("utf-8")]
    assert readers == ["proxy.py"]  # in words only: urllib reads it
    assert "os.environ" not in (package / "proxy.py").read_text("utf-8")


# -- the whole command ---


@pytest.mark.parametrize("allowed", [False, True])
def test_the_command_line_asks_the_settings(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    home_of_its_own: Path,
    *,
    allowed: bool,
) -> None:
    """The host exists nowhere: with the proxy it is asked for there, without it is looked up here."""
    from crosstrade_panel import cli
    from crosstrade_panel.crosstrade import pipe

    async def nowhere(of: BaseUrl | Proxy) -> list[Any]:
        if isinstance(of, BaseUrl):
            raise socket.gaierror(-2, "Name or service not known")
        return [(socket.AF_INET, ("127.0.0.1", of.port))]

    monkeypatch.setattr(pipe, "_addresses", nowhere)
    SettingsFile(home_of_its_own / "config" / "settings.toml").save({"use_system_proxy": allowed})
    monkeypatch.setenv("CROSSTRADE_TOKEN", TOKEN)
    with cs.handshake_closing_port() as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://u:hushhush@127.0.0.1:{port.port}")
        arguments = ("flatten", "--account", "Sim101", "--base-url", "https://panel.invalid", "--json")
        assert cli.run(arguments) == 4
        seen = b"".join(port.received)
    told = json.loads(capsys.readouterr().out)
    assert told["outcome"] == "not_sent"
    assert ("proxy" in told["detail"]) is allowed
    assert (b"CONNECT panel.invalid:443" in seen) is allowed
    assert TOKEN.encode() not in seen
    assert "hushhush" not in json.dumps(told)
