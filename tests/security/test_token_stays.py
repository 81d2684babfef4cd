"""The token goes to the origin it was entered for, over a connection proved to lead there, or nowhere."""

import ast
import json
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest

from crosstrade_panel.cli_arguments import parse
from crosstrade_panel.crosstrade import pipe
from crosstrade_panel.crosstrade.tls import default_tls
from crosstrade_panel.domain.outcome import Cause
from crosstrade_panel.domain.scope import OneAccount
from crosstrade_panel.server_choice import NoToken, choose_server
from crosstrade_panel.storage.credentials import StoreProblem
from crosstrade_panel.storage.settings import SETTINGS, LoadedSettings, Settings, SettingsFile
from crosstrade_panel.trading.ports import NotSentError, ReadFailedError, RefusedError
from tests import contract_server as cs
from tests.contract_server import ContractServer
from tests.crosstrade.gateways import gateway_to

SCOPE = OneAccount("Sim101", "MES 12-25")
TOKEN = "made-up-token-that-stays"
PACKAGE = Path(pipe.__file__).parent.parent


# -- redirects ---


@pytest.mark.anyio
@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 305, 307, 308])
@pytest.mark.parametrize("to", ["port", "scheme", "name", "no scheme", "itself", "userinfo"])
async def test_a_redirect_is_followed_nowhere(status: int, to: str) -> None:
    with ContractServer() as server, ContractServer() as other, ContractServer(tls=True) as secure:
        where = {
            "port": f"{other.base_url}/v1/api/positions/flatten",
            "scheme": f"{secure.base_url}/v1/api/positions/flatten",
            "name": f"http://localhost:{other.port}/v1/api/positions",
            "no scheme": f"//127.0.0.1:{other.port}/v1/api/positions",
            "itself": "/v1/api/positions/flatten",
            "userinfo": f"http://127.0.0.1:{server.port}@127.0.0.1:{other.port}/",
        }[to]
        server.rule("any", cs.Redirect(status, where))
        async with gateway_to(server, token=TOKEN) as gateway:
            with pytest.raises(RefusedError) as press:
                await gateway.flatten(SCOPE)
            with pytest.raises(ReadFailedError) as read:
                await gateway.positions()
        assert press.value.reason.cause is Cause.REDIRECTED
        assert read.value.reason.cause is Cause.REDIRECTED
        assert [call.method for call in server.log] == ["POST", "GET"]
        assert (other.connections, secure.connections) == (0, 0)


@pytest.mark.anyio
@pytest.mark.parametrize(
    "headers",
    [
        (("Refresh", "0; url={other}"),),
        (("Alt-Svc", 'h2="127.0.0.1:{port}"; ma=86400, h3="127.0.0.1:{port}"'),),
        (("Link", "<{other}/v1/api/accounts>; rel=preload"), ("Content-Location", "{other}/")),
        (("Location", "{other}/"),),
    ],
)
async def test_no_other_header_leads_elsewhere_either(headers: tuple[tuple[str, str], ...]) -> None:
    with ContractServer() as server, ContractServer() as other:
        said = tuple((name, value.format(other=other.base_url, port=other.port)) for name, value in headers)
        server.rule("any", cs.Reply(200, b'{"positions":[],"success":true}', said))
        async with gateway_to(server, token=TOKEN) as gateway:
            for _ in range(3):
                await gateway.positions()
            await gateway.flatten(SCOPE)
        assert len(server.log) == 4
        assert other.connections == 0


@pytest.mark.anyio
async def test_what_a_server_wants_remembered_is_not_sent_back() -> None:
    with ContractServer() as server:
        body, cookie = b'{"positions":[],"success":true}', ("Set-Cookie", "session=1; Path=/")
        server.rule("any", cs.Reply(200, body, (cookie, ("WWW-Authenticate", "Basic"))))
        async with gateway_to(server, token=TOKEN) as gateway:
            await gateway.positions()
            await gateway.positions()
        assert all(call.header("cookie") is None for call in server.log)
        assert {call.header("authorization") for call in server.log} == {f"Bearer {TOKEN}"}


# -- another server ---


@pytest.mark.anyio
async def test_a_name_that_leads_to_another_machine_gets_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """As when somebody answers for the vendor's name with an address of his own."""

    async def rebound(_: Any) -> list[Any]:
        return [(socket.AF_INET, ("127.0.0.1", server.port))]

    with ContractServer(tls=True) as server:
        monkeypatch.setattr(pipe, "_addresses", rebound)
        async with gateway_to("https://panel.invalid", token=TOKEN, tls=server.client_context()) as gateway:
            with pytest.raises(NotSentError) as caught:
                await gateway.flatten(SCOPE)
        assert caught.value.reason.cause is Cause.CERTIFICATE
        assert server.log == []


class Keyring:
    """A keyring in memory."""

    problem: StoreProblem | None = None

    def __init__(self, **tokens: str) -> None:
        self.tokens = tokens

    def load(self, origin: str) -> str | None:
        return self.tokens.get(origin)

    def save(self, origin: str, token: str) -> None:
        self.tokens[origin] = token


HOME = "https://panel.invalid:443"


@pytest.mark.parametrize(
    "url",
    [
        "https://panel.invalid:444",
        "https://panel.invalid.elsewhere.invalid",
        "https://elsewhere.invalid",
        "https://sub.panel.invalid",
        "https://panel-invalid",
        "http://127.0.0.1:443",
    ],
)
def test_another_base_url_needs_a_token_of_its_own(url: str) -> None:
    keyring = Keyring(**{HOME: TOKEN})

    def choose(url: str, environ: dict[str, str]) -> Any:
        loaded = LoadedSettings(Settings(base_url=url))
        return choose_server(base_url=None, environ=environ, settings=lambda: loaded, store=keyring)

    mine = choose("HTTPS://Panel.Invalid/", {})
    assert mine.token is not None
    assert mine.token.secret.reveal() == TOKEN
    # Changed at run time, and asked again.
    other = choose(url, {"CROSSTRADE_TOKEN": TOKEN})
    assert (other.token, other.problem) == (None, NoToken(environment_ignored=True))


def test_a_command_never_takes_a_token_to_a_server_that_only_the_settings_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], home_of_its_own: Path
) -> None:
    from crosstrade_panel import cli, cli_session

    with ContractServer() as server, ContractServer() as mine:
        keyring = Keyring(**{mine.base_url: TOKEN})
        monkeypatch.setattr(cli_session, "KeyringStore", lambda: keyring)
        monkeypatch.setenv("XTRADE_TOKEN", TOKEN)
        settings = SettingsFile(home_of_its_own / "config" / "settings.toml")
        assert settings.save({"base_url": server.base_url}) == ()
        assert cli.run(["flatten", "--everything", "--json"]) == 4
        assert json.loads(capsys.readouterr().out)["outcome"] == "not_sent"
        assert (server.connections, mine.connections) == (0, 0)


# -- the certificate ---


@pytest.mark.anyio
async def test_a_server_is_trusted_by_its_certificate_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Not by what the environment says is to be trusted, nor are the keys of the connection written down.

    SSL_CERT_FILE, SSL_CERT_DIR and SSLKEYLOGFILE are not honoured, on purpose: each would let whoever sets a
    variable read the token. (OPENSSL_CONF, LD_PRELOAD and the like cannot be refused by a program.)
    """
    keys = tmp_path / "keys"
    with ContractServer(tls=True) as server:
        folder = tmp_path / "roots"
        folder.mkdir()
        for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
            monkeypatch.setenv(name, str(server.ca_file))
        monkeypatch.setenv("SSL_CERT_DIR", str(server.ca_file.parent))
        monkeypatch.setenv("SSLKEYLOGFILE", str(keys))
        async with gateway_to(server.base_url, token=TOKEN, tls=default_tls) as gateway:
            with pytest.raises(NotSentError) as caught:
                await gateway.flatten(SCOPE)
        assert caught.value.reason.cause is Cause.CERTIFICATE
        # One that does trust it, to see that the variable would have shown.
        async with gateway_to(server, tls=_trusting(server)) as gateway:
            await gateway.positions()
        assert not keys.exists()
        assert len(server.log) == 1


def _trusting(server: ContractServer) -> ssl.SSLContext:
    context = default_tls()
    context.load_verify_locations(server.ca_file)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # the throw-away authority is a plain one
    return context


def test_the_context_is_strict() -> None:
    context = default_tls()
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert not context.keylog_filename
    assert context.verify_flags & ssl.VERIFY_X509_STRICT
    assert {str(each["protocol"]) for each in context.get_ciphers()} <= {
        "TLSv1.2",
        "TLSv1.3",
        "TLSv1.0",
        "SSLv3",
    }


@pytest.mark.anyio
@pytest.mark.parametrize("make", [cs.expired_server, cs.untrusted_server, cs.wrong_host_server])
async def test_a_certificate_problem_stops_reads_too_and_is_asked_again_each_time(make: Any) -> None:
    with make() as server:
        async with gateway_to(server, token=TOKEN) as gateway:
            for _ in range(3):
                with pytest.raises(ReadFailedError) as caught:
                    await gateway.snapshot()
                assert caught.value.reason.cause is Cause.CERTIFICATE
                with pytest.raises(NotSentError):
                    await gateway.flatten(SCOPE)
        assert server.log == []


def test_nothing_turns_the_check_off() -> None:
    """No setting, no option, and nothing in the source that could."""
    telling = ("verify", "insecure", "cert", "tls", "ssl", "trust")
    assert [name for name in SETTINGS if any(part in name for part in telling)] == []
    for option in ("--insecure", "-k", "--no-verify"):
        with pytest.raises(SystemExit):
            parse(["status", option])
    assert _loopholes(Path(pipe.__file__).read_text("utf-8") + "\ncontext.check_hostname = False") != []
    for path in PACKAGE.rglob("*.py"):
        assert _loopholes(path.read_text("utf-8")) == [], path


def _loopholes(source: str) -> list[str]:
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(attr="CERT_NONE" | "CERT_OPTIONAL" | "_create_unverified_context" as name):
                found.append(name)
            case ast.Assign(targets=[ast.Attribute(attr="check_hostname" | "verify_mode" as name)]):
                found.append(name)
            case ast.keyword(
                arg="verify" | "follow_redirects" | "trust_env", value=ast.Constant(value=value)
            ):
                found += [f"{node.arg}={value!r}"] if value is not False or node.arg == "verify" else []
            case _:
                pass
    return found


def test_the_loopholes_are_known() -> None:
    for source in (
        "x.verify_mode = ssl.CERT_NONE",
        "f(verify=False)",
        "f(follow_redirects=True)",
        "f(trust_env=True)",
    ):
        assert _loopholes(source), source
    assert _loopholes("f(trust_env=False, follow_redirects=False)") == []
