"""Wherever something is written or shown, the token is not in it, in none of its spellings."""

import base64
import faulthandler
import json
import logging
import os
import string
import subprocess
import sys
import textwrap
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote, quote_plus

import httpcore
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosstrade_panel import cli, cli_session
from crosstrade_panel.crosstrade.address import Secret as HeaderSecret
from crosstrade_panel.crosstrade.address import parse_base_url
from crosstrade_panel.crosstrade.link import Progress
from crosstrade_panel.crosstrade.proxy import read_proxy
from crosstrade_panel.crosstrade.rest import RestGateway, _Call
from crosstrade_panel.crosstrade.untrusted import clean_text
from crosstrade_panel.domain.scope import OneAccount
from crosstrade_panel.domain.secret import Secret
from crosstrade_panel.server_choice import choose_server, practice_server
from crosstrade_panel.storage.credentials import KeyringStore, NotATokenError, Token, TokenSource, read_token
from crosstrade_panel.storage.log import Redactor, end_log, start_log
from crosstrade_panel.storage.settings import LoadedSettings, Settings
from crosstrade_panel.trading.pace import Pace
from crosstrade_panel.trading.ports import GatewayError
from tests import contract_server as cs
from tests.contract_server import ContractServer
from tests.crosstrade.gateways import RealClock, gateway_to

TOKEN = "made-up/Token+with%odd&signs=1~2"
SCOPE = OneAccount("Sim101", "MES 12-25")


def spellings(token: str = TOKEN) -> dict[str, str]:
    """How a token may turn up in something that a library or a server writes."""
    plain = token.encode()
    return {
        "plain": token,
        "percent": quote(token, safe=""),
        "percent, lower": quote(token, safe="")
        .replace("%2F", "%2f")
        .replace("%2B", "%2b")
        .replace("%25", "%25"),
        "percent, slashes": quote(token),
        "percent, plus": quote_plus(token),
        "percent, every byte": "".join(f"%{each:02x}" for each in plain),
        "percent, twice": quote(quote(token, safe=""), safe=""),
        "json": json.dumps(token)[1:-1],
        "python": repr(token)[1:-1],
        "base64": base64.b64encode(plain).decode(),
        "base64 of a header": base64.b64encode(b"Bearer " + plain).decode(),
        "base64 of a login": base64.b64encode(b"u:" + plain).decode(),
        "base64 behind one": base64.b64encode(b"x" + plain + b"y").decode(),
        "base64 for addresses": base64.urlsafe_b64encode(b"zz" + plain).decode(),
    }


def telling(text: str, token: str = TOKEN) -> list[str]:
    """The spellings of which a telling part is in a text: sixteen characters, wherever cut."""
    found = []
    for name, spelling in spellings(token).items():
        pieces = [spelling[start : start + 16] for start in range(2, len(spelling) - 18)] or [spelling]
        found += [name] if any(piece in text for piece in pieces) else []
    return found


@pytest.fixture
def redact() -> Redactor:
    redactor = Redactor()
    redactor.hide(Secret(TOKEN))
    return redactor


def test_every_spelling_is_hidden_and_the_rest_is_kept(redact: Redactor) -> None:
    for name, spelling in spellings().items():
        shown = redact(f"before {spelling} behind")
        assert telling(shown) == [], name
        assert (shown[:7], shown[-7:]) == ("before ", " behind"), name
        assert "(hidden)" in shown
    harmless = "Sim101 MES 12-25 TWFkZSB1cA== %2F made up token"
    assert redact(harmless) == harmless


class Thorough(Redactor):
    """Looks at every text for every spelling."""

    def _may_hold_one(self, text: str) -> bool:
        return True


TOKENS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)
PLAIN = st.text(string.ascii_letters + string.digits, min_size=8, max_size=40)


# No deadline: forty searches, and a token of one repeated character is found slowly where it is escaped.
@settings(deadline=None)
@given(token=TOKENS | PLAIN, around=st.text(max_size=20))
def test_a_text_that_is_let_through_unsearched_holds_no_spelling(token: str, around: str) -> None:
    quick, thorough = Redactor(), Thorough()
    for redactor in (quick, thorough):
        redactor.hide(Secret(token))
    escaped = "".join(f"\\u{ord(each):04x}" for each in token)
    for whole in (*spellings(token).values(), escaped):
        for end in {len(whole), *range(len(whole) // 2 - 1, len(whole) // 2 + 2)}:
            text = f"{around}{whole[:end]} {around}"
            assert quick(text) == thorough(text)


@pytest.mark.parametrize("spelling", spellings().values(), ids=spellings())
def test_a_clipped_text_tells_less_than_half_of_it(redact: Redactor, spelling: str) -> None:
    for room in range(len(spelling)):
        clipped = clean_text("x" * (499 - room) + " " + spelling)
        shown = redact(clipped).partition(" ")[2]
        assert not telling(shown) or len(shown) < len(spelling) / 2 + 12, shown


def test_a_long_token_is_hidden_as_quickly_as_a_short_one() -> None:
    redactor = Redactor()
    redactor.hide(Secret(TOKEN * 100))
    redactor.hide(Secret("\u00e9\\"))
    assert telling(redactor(f"it said {TOKEN * 100} twice")) == []
    text = (TOKEN[:-1] + "%4D") * 20_000
    began = time.process_time()
    redactor(text)
    assert time.process_time() - began < 2.0


def test_a_short_token_hides_no_innocent_text() -> None:
    redactor = Redactor()
    redactor.hide(Secret("abc"))
    assert redactor("abc") == "(hidden)"
    assert redactor("YWJj YW Jj") == "YWJj YW Jj"


# -- objects ---


def _holders() -> Iterator[tuple[str, object]]:
    gateway = RestGateway(parse_base_url("https://panel.invalid"), TOKEN, clock=RealClock(), pace=Pace())
    request = gateway._request(
        _Call("POST", "/v1/api/positions/flatten", b"{}", 1.0, 1.0), Progress(RealClock())
    )
    token = Token(Secret(TOKEN), TokenSource.ENVIRONMENT, "XTRADE_TOKEN")
    store = KeyringStore()
    store._session["https://panel.invalid:443"] = Secret(TOKEN)
    chosen = choose_server(
        base_url="https://panel.invalid",
        environ={"XTRADE_TOKEN": TOKEN},
        settings=lambda: LoadedSettings(Settings()),
        store=store,
    )
    assert chosen.token is not None
    yield "gateway", gateway
    yield "request", request
    yield "its headers", request.headers
    yield "response", httpx.Response(401, request=request)
    yield "error", httpx.ReadError("x", request=request)
    yield "httpcore request", httpcore.Request("GET", "https://x.invalid", headers=request.headers.raw)
    yield "header secret", HeaderSecret(TOKEN)
    yield "secret", Secret(TOKEN)
    yield "token", token
    yield "choice", chosen
    yield "practice", practice_server("http://127.0.0.1:9", TOKEN)
    yield "store", store
    yield "proxy", read_proxy(f"http://user:{quote(TOKEN, safe='')}@proxy:1")
    yield "settings", Settings()


@pytest.mark.parametrize("holder", [pytest.param(each, id=name) for name, each in _holders()])
def test_no_object_that_holds_it_shows_it(holder: object) -> None:
    for text in (repr(holder), str(holder), f"{holder}", repr([holder]), repr({"x": (holder,)})):
        assert telling(text) == []


@pytest.mark.parametrize("text", [TOKEN + "\n" + TOKEN, TOKEN + " x", TOKEN + "ö", TOKEN * 200])
def test_a_token_that_is_refused_is_not_repeated(text: str) -> None:
    with pytest.raises(NotATokenError) as caught:
        read_token(text)
    assert telling("".join(traceback.format_exception(caught.value))) == []


@pytest.mark.anyio
@pytest.mark.parametrize(
    "behaviour",
    [
        cs.Reply(401, json.dumps({"error": f"bad token {TOKEN}"}).encode()),
        cs.Reply(200, json.dumps({"success": False, "error": TOKEN}).encode()),
        cs.Garbage(data=f"HTTP/1.1 200 {TOKEN}\r\nX: {TOKEN}\r\n{TOKEN}\r\n\r\n".encode()),
        cs.Garbage(data=TOKEN.encode() + b"\r\n\r\n"),
        cs.DropAfterReading(),
        cs.MalformedJson(),
        cs.Redirect(302, f"https://elsewhere.invalid/?t={quote(TOKEN)}"),
    ],
)
async def test_an_error_of_the_connection_has_no_token_in_its_traceback(behaviour: cs.Behaviour) -> None:
    """Of what was sent. What a server says of it is its own words, redacted where they are written down."""
    with ContractServer(token=TOKEN) as server:
        server.rule("any", behaviour)
        async with gateway_to(server) as gateway:
            with pytest.raises(GatewayError) as caught:
                await gateway.flatten(SCOPE)
    caught.value.reason = None  # type: ignore[assignment]
    told = "".join(traceback.format_exception(caught.value)).replace(repr(caught.value), "")
    redacted = Redactor()
    redacted.hide(Secret(TOKEN))
    assert telling(redacted(told)) == []
    for line in traceback.format_exception(caught.value)[:-1]:
        assert telling(line) == []


# -- files ---


def everything_below(folder: Path) -> str:
    return "".join(path.read_bytes().decode("latin-1") for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def own_log(home_of_its_own: Path) -> Iterator[Callable[[], str]]:
    redactor = Redactor()
    redactor.hide(Secret(TOKEN))
    level = logging.getLogger().level
    log = start_log(home_of_its_own / "log" / "panel.log", redactor, level=logging.DEBUG)

    def text() -> str:
        assert end_log(log, timeout_s=10)
        return everything_below(home_of_its_own)

    yield text
    end_log(log, timeout_s=10)
    logging.getLogger().setLevel(level)


def test_the_crash_hooks_write_a_traceback_without_it(
    own_log: Callable[[], str],
    announce_log: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    import threading

    from crosstrade_panel.runtime import install_crash_hooks

    announce_log("an error that nobody", level=logging.CRITICAL)
    for name in ("excepthook", "unraisablehook"):
        monkeypatch.setattr(sys, name, getattr(sys, name))
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    install_crash_hooks()
    try:
        _fail_with(base64.b64encode(f"Bearer {TOKEN}".encode()).decode())
    except ValueError as error:
        trace: TracebackType | None = error.__traceback__
        sys.excepthook(ValueError, error, trace)
        sys.unraisablehook(_Unraisable(error))  # type: ignore[arg-type]
        threading.excepthook(threading.ExceptHookArgs((ValueError, error, trace, threading.current_thread())))
    text = own_log()
    assert text.count("Traceback") >= 3
    assert text.count("(hidden)") >= 3
    assert telling(text) == []
    assert capfd.readouterr() == ("", "")


class _Unraisable:
    exc_type, exc_traceback, err_msg, object = ValueError, None, None, None

    def __init__(self, error: ValueError) -> None:
        self.exc_value = error


def _fail_with(text: str) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    raise ValueError(f"illegal header {headers} {text} {quote(TOKEN, safe='')}") from OSError(TOKEN.encode())


def test_a_dump_of_the_stacks_names_places_and_no_values(tmp_path: Path) -> None:
    """What `faulthandler` writes when a process dies: files, lines and functions only."""

    def holds(token: str, _header: str) -> None:
        with (tmp_path / "dump").open("w") as file:
            faulthandler.dump_traceback(file)
            assert token

    holds(TOKEN, f"Bearer {TOKEN}")
    dump = (tmp_path / "dump").read_text()
    assert "test_redaction.py" in dump
    assert telling(dump) == []


def test_neither_journal_nor_log_nor_output_of_a_command_has_it(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], home_of_its_own: Path
) -> None:
    """The server repeats the token in every spelling, wherever it may say something."""
    monkeypatch.setenv("XTRADE_TOKEN", TOKEN)
    monkeypatch.setenv("CROSSTRADE_PANEL_PACE", "0.05")
    level = logging.getLogger().level
    half = len(spellings()) // 2
    said = " ".join([*spellings().values()][:half])
    more = " ".join([*spellings().values()][half:])
    assert max(len(said), len(more)) < 500
    accepted = {"success": True, "orderIds": [TOKEN], "closedPositions": [], "warning": more}
    with ContractServer(token=TOKEN) as server:
        for answer in (
            cs.Reply(400, json.dumps({"error": said}).encode()),
            cs.Reply(200, json.dumps(accepted).encode(), act=True),
            cs.Reply(500, json.dumps({"error": TOKEN}).encode()),
        ):
            server.be_honest()
            server.rule("press", answer, times=1)
            cli.run(
                ["flatten", "--account", "Sim101", "--instrument", "MES 12-25", "--base-url", server.base_url]
            )
        server.be_honest()
        server.rule("read", cs.Reply(500, json.dumps({"error": said}).encode()))
        assert cli.run(["--diagnose", "--base-url", server.base_url]) == 0
    logging.getLogger().setLevel(level)
    kept = everything_below(home_of_its_own)
    assert "flatten" in kept
    assert telling(kept) == []
    assert "XTRADE_TOKEN" in capfd.readouterr().out


def test_what_breaks_in_a_command_is_told_without_it(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    home_of_its_own: Path,
    announce_log: Callable[..., None],
) -> None:
    announce_log("not foreseen")
    monkeypatch.setenv("XTRADE_TOKEN", TOKEN)
    level = logging.getLogger().level

    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError(f"{TOKEN} {base64.b64encode(TOKEN.encode())!r}")

    monkeypatch.setattr(cli_session.Session, "desk", broken)
    for arguments in (["status"], ["flatten", "--everything"], ["--diagnose"]):
        cli.run([*arguments, "--base-url", "http://127.0.0.1:9"])
    logging.getLogger().setLevel(level)
    printed = "".join(capfd.readouterr())
    assert telling(printed) == []
    assert telling(everything_below(home_of_its_own)) == []


def test_a_process_does_not_hand_it_on_in_its_arguments(home_of_its_own: Path) -> None:
    """`ps` shows arguments to everybody; there is no option that takes a token."""
    program = textwrap.dedent(
        """
        import sys
        from crosstrade_panel.cli_arguments import parse
        for option in ("--token", "--api-key", "--bearer"):
            try:
                parse(["status", option, "x"])
            except SystemExit:
                continue
            sys.exit(9)
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, env=dict(os.environ), check=False
    )
    assert done.returncode == 0, done.stderr
