"""The command line before the same server: a terminal obeys nothing of what it says, nor does a script."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from crosstrade_panel import cli
from tests import contract_server as cs
from tests.contract_server import ContractServer
from tests.security.hostile import ACTING, ALL, LONG, MARKUP, acts, row
from tests.wine import TRIED_PACE

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ContractServer]:
    with ContractServer() as server:
        monkeypatch.setenv("CROSSTRADE_TOKEN", server.token)
        monkeypatch.setenv("CROSSTRADE_PANEL_PACE", TRIED_PACE)
        yield server


@pytest.fixture
def run(server: ContractServer, capfd: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: str) -> tuple[int, str, str]:
        capfd.readouterr()
        code = cli.run([*arguments, "--base-url", server.base_url])
        printed = capfd.readouterr()
        for text in printed:
            assert acts(text, "\n") == []
            assert "x" * 501 not in text
        return code, printed.out, printed.err

    return call


PRESS = ("flatten", "--account", "Sim101", "--instrument", "MES 12-25")


@pytest.mark.parametrize("text", [*ACTING, ALL, LONG, ALL + LONG, "\ud800 lone"], ids=range(len(ACTING) + 4))
@pytest.mark.parametrize("status", [200, 400, 401, 429, 500])
def test_words_of_a_refusal_are_only_read(run: Run, server: ContractServer, text: str, status: int) -> None:
    spoken = {"success": False, "error": text, "detail": text, "did_you_mean": text}
    server.rule("press", cs.Reply(status, json.dumps(spoken).encode()))
    code, out, _ = run(*PRESS)
    assert code in {3, 4, 5, 6}
    assert out.count("REFUSED") + out.count("UNKNOWN") + out.count("STILL OPEN") >= 1
    code, out, _ = run(*PRESS, "--json")
    [line] = out.splitlines()
    assert out.isascii()
    told = json.loads(line)
    assert acts(told["detail"]) == []


def texts_in(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for key, each in value.items():
                yield key
                yield from texts_in(each)
        case list():
            for each in value:
                yield from texts_in(each)
        case _:
            pass


def test_what_a_press_reports_is_inert_in_words_and_in_json(run: Run, server: ContractServer) -> None:
    closed = [
        row(account=text, instrument=text, type=text, instrumentType=text) for text in (*ACTING, ALL, LONG)
    ]
    accepted = {
        "success": True,
        "orderIds": [*ACTING, ALL, LONG, 5, None, {"a": 1}],
        "closedPositions": closed,
        "warning": ALL + LONG,
    }
    server.rule("press", cs.Reply(200, json.dumps(accepted).encode(), act=True))
    _, out, _ = run(*PRESS)
    assert "HYPERLINK" in out
    server.set_positions(cs.Position("Sim101", "MES 12-25", "Short", 2))
    _, out, _ = run(*PRESS, "--json")
    told = json.loads(out)
    assert len(told["order_ids"]) == len(ACTING) + 2
    assert len(told["closed_positions"]) == len(closed)
    for text in texts_in(told):
        assert acts(text) == []
        assert len(text) <= 700


def test_orders_left_working_are_inert(
    run: Run, server: ContractServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Its reads have to be answered in time, which a twentieth of it is not on every machine.
    monkeypatch.setenv("CROSSTRADE_PANEL_PACE", "0.3")
    orders = [
        {"account": "Sim101", "orderId": f"id {number}", "instrument": "MES 12-25", "orderState": text,
         "orderType": text, "action": text, "ocoId": text, "quantity": 1}
        for number, text in enumerate((*ACTING, ALL, LONG))
    ]  # fmt: skip
    server.rule("orders", cs.Reply(200, json.dumps({"orders": orders, "success": True}).encode()))
    code, out, _ = run(*PRESS, "--json")
    told = json.loads(out)
    assert (code, told["outcome"]) == (6, "orders_working")
    assert all(acts(text) == [] for text in texts_in(told))
    server.set_positions(cs.Position("Sim101", "MES 12-25", "Short", 2))
    code, out, _ = run(*PRESS)
    assert "ORDERS WORKING" in out


def test_names_with_markup_are_shown_to_the_character(run: Run, server: ContractServer) -> None:
    server.set_accounts(cs.Account(MARKUP, provider=ALL), cs.Account("Sim101"))
    server.set_positions(cs.Position(MARKUP, f"{MARKUP} 12-25", "Long", 1))
    code, out, _ = run("status")
    assert code == 0
    assert f"{MARKUP} · LIVE" in out
    assert f"Long 1 {MARKUP} 12-25" in out
    code, out, _ = run("status", "--json")
    told = json.loads(out)
    assert [each["account"] for each in told["accounts"]] == [MARKUP, "Sim101"]
    assert all(acts(text) == [] for text in texts_in(told))


@pytest.mark.parametrize("text", [*ACTING[:-2], LONG], ids=range(len(ACTING) - 1))
@pytest.mark.parametrize(
    "verb", [("status",), ("status", "--json"), ("--diagnose",), PRESS, (*PRESS, "--json")]
)
def test_a_name_that_acts_is_no_name_anywhere(
    run: Run, server: ContractServer, text: str, verb: tuple[str, ...]
) -> None:
    rows = [row(account=text), row(instrument=text), row(marketPosition=text)]
    entry = {"account": {"name": text, "displayName": text, "provider": text}, "positions": rows}
    snapshot = {"type": text, "timestamp": text, "accounts": [entry]}
    positions = {"positions": rows, "success": True}
    server.rule(lambda call: call.path.endswith("/snapshot"), cs.Reply(200, json.dumps(snapshot).encode()))
    server.rule(lambda call: call.path.endswith("/positions"), cs.Reply(200, json.dumps(positions).encode()))
    code, _, _ = run(*verb)
    assert code in ({0, 5} if verb == ("--diagnose",) else {5, 6})


def test_neither_journal_nor_log_keeps_what_acts(
    run: Run, server: ContractServer, home_of_its_own: Path
) -> None:
    server.rule("press", cs.Reply(400, json.dumps({"error": ALL + LONG}).encode()))
    run(*PRESS)
    kept = b"".join(path.read_bytes() for path in home_of_its_own.rglob("*") if path.is_file())
    assert b"HYPERLINK" in kept
    for sign in (b"\x1b[31m", b"\\u001b", "\u202e".encode(), b"\\u202e", "\u200b".encode(), b"x" * 501):
        assert sign not in kept
