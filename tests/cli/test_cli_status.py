"""The verbs that send nothing."""

import json
import signal
import sys
import threading
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from crosstrade_panel import cli_diagnosis, cli_output, cli_session, cli_status
from crosstrade_panel.simulator.listener import PracticeError
from crosstrade_panel.simulator.server import PracticeExchange
from crosstrade_panel.storage.credentials import StoreProblem
from crosstrade_panel.storage.paths import find_paths
from tests.contract_server import Account, ContractServer, Hang, Html, Position, refused, reply_json

if TYPE_CHECKING:
    from tests.cli.conftest import Run
    from tests.log_guard import AnnounceLog


def test_status_is_one_read_and_sends_nothing(run: "Run", server: ContractServer) -> None:
    done = run("status", "--base-url", server.base_url)
    assert done.code == 0
    assert done.out.splitlines() == [
        "3 accounts, 3 positions open, per NinjaTrader (one read)",
        "Sim101 · SIM · connected",
        "  Short 2 MES 12-25 at 5780.25, market 5774.5, +57.50",
        "  Long 1 ES 12-25 at 5770.125, market 5774.5, +218.75",
        "Sim102 · SIM · connected",
        "APEX 1/2#3! · LIVE · connected",
        "  Long 1 MNQ 12-25 at 20110.5, market 20100.25, −20.50",
    ]
    assert [call.path for call in server.log] == ["/v1/api/accounts/snapshot"]


def test_the_json_of_a_status_is_one_object(run: "Run", server: ContractServer) -> None:
    server.set_accounts(Account("Sim101"), Account("Gone", connected=False))
    done = run("status", "--json", "--base-url", server.base_url)
    assert done.code == 0
    assert done.json["clean"] is True
    assert done.json["accounts"] == [
        {"account": "Sim101", "mode": "sim", "provider": "Simulator", "connected": True, "flat": False},
        {"account": "Gone", "mode": "sim", "provider": "Simulator", "connected": False, "flat": True},
    ]
    assert [row["instrument"] for row in done.json["positions"]][:1] == ["MES 12-25"]
    assert done.json["timings_ms"]["read"] > 0


def test_without_a_snapshot_status_reads_positions_and_accounts(run: "Run", server: ContractServer) -> None:
    server.api.has_snapshot = False
    assert run("status", "--base-url", server.base_url).code == 0
    assert [call.path for call in server.log][1:] == ["/v1/api/positions", "/v1/api/accounts"]


def test_positions_of_an_account_that_is_not_listed_are_shown_all_the_same(
    run: "Run", server: ContractServer
) -> None:
    server.api.has_snapshot = False
    server.set_accounts(Account("Sim102"))
    server.set_positions(Position("Sim101", "MES 12-25", "Short", 2, Decimal("6000.25"), Decimal("6000.25")))
    done = run("status", "--base-url", server.base_url)
    assert "Sim101: Short 2 MES 12-25 at 6000.25, market 6000.25, 0.00" in done.out


def test_an_empty_listing_is_no_status(run: "Run", server: ContractServer) -> None:
    server.set_accounts()  # as an add-on does that is offline
    server.set_positions()
    done = run("status", "--json", "--base-url", server.base_url)
    assert (done.code, done.json["clean"]) == (5, False)
    assert "no accounts were listed" in done.json["detail"]
    assert run("status", "--base-url", server.base_url).out.startswith("CANNOT TELL: ")


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        (refused("No token", 401), "CrossTrade did not accept the token"),
        (Html(200, act=False), "the answer could not be read"),
        (reply_json(200, {"success": True}), "the answer"),
        (Hang(act=False), "no answer came"),
        (refused("not connected", 408), "NinjaTrader did not answer CrossTrade"),
    ],
)
def test_without_a_clean_read_status_ends_with_5(
    run: "Run", server: ContractServer, behaviour: Hang, said: str
) -> None:
    server.rule("read", behaviour)
    done = run("status", "--json", "--base-url", server.base_url)
    assert done.code == 5
    assert done.json["clean"] is False
    assert said in done.json["detail"]
    assert (done.json["accounts"], done.json["positions"]) == ([], [])
    assert run("status", "--base-url", server.base_url).out.startswith("CANNOT TELL: ")


@pytest.mark.parametrize("kind", ["positions", "accounts"])
def test_a_read_that_contradicts_itself_is_not_clean(run: "Run", server: ContractServer, kind: str) -> None:
    bad_row: dict[str, Any] = {"accounts": [{"account": {"name": "Sim101"}, "positions": [7]}]}
    server.rule("snapshot", reply_json(200, bad_row))
    if kind == "positions":
        server.rule("positions", reply_json(200, {"success": True, "positions": [], "count": 3}))
    else:
        server.rule("accounts", reply_json(200, {"success": True, "accounts": [{"no": "name"}]}))
    done = run("status", "--base-url", server.base_url)
    assert (done.code, done.out) == (
        5,
        "CANNOT TELL: the answer contradicts itself or has rows that cannot be read\n",
    )


def test_status_without_a_token_says_so(run: "Run") -> None:
    done = run("status", "--json")
    assert done.code == 5
    assert done.json["detail"].startswith("there is no token for https://app.crosstrade.io:443.")


@pytest.mark.parametrize("breaking", [KeyboardInterrupt(), RuntimeError("made up")])
def test_a_status_that_breaks_ends_with_5_and_no_traceback(
    run: "Run",
    server: ContractServer,
    monkeypatch: pytest.MonkeyPatch,
    breaking: BaseException,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise breaking

    monkeypatch.setattr(cli_session, "find_paths", fail)
    done = run("status", "--base-url", server.base_url)
    assert done.code == 5
    assert done.out.startswith(("CANNOT TELL: stopped\n", "CANNOT TELL: an error in this program"))
    assert done.err == ""


def test_practice_is_an_exchange_of_its_own_and_fresh_each_time(
    run: "Run", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSSTRADE_BASE_URL", "https://127.0.0.1:1")
    monkeypatch.setenv("CROSSTRADE_TOKEN", "a-live-token")
    for _ in range(2):
        done = run("status", "--practice", "--json")
        assert done.code == 0
        assert done.json["detail"] == "3 accounts, 4 positions open, per the practice exchange (one read)"
        assert {account["mode"] for account in done.json["accounts"]} == {"practice"}


def test_a_practice_exchange_that_does_not_start_is_not_replaced_by_anything(
    run: "Run", monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: PracticeExchange) -> None:
        raise PracticeError("no socket")

    monkeypatch.setenv("CROSSTRADE_TOKEN", "a-live-token")
    monkeypatch.setattr(PracticeExchange, "start", fail)
    done = run("flatten", "--account", "Sim101", "--practice", "--json")
    assert (done.code, done.json["outcome"]) == (4, "not_sent")
    assert "practice is not possible: no socket" in done.json["detail"]
    assert run("--diagnose", "--practice").out.count("no socket") == 1
    monkeypatch.undo()


def test_a_diagnosis_of_practice_says_so(run: "Run") -> None:
    done = run("--diagnose", "--practice")
    assert "token: made for this practice exchange" in done.out
    assert "  account 1: PRACTICE, connected" in done.out


def test_the_version_is_printed(run: "Run") -> None:
    assert run("--version").out.startswith("crosstrade-panel 0.")


def test_the_simulator_gets_its_port_and_seed(run: "Run", monkeypatch: pytest.MonkeyPatch) -> None:
    from crosstrade_panel.simulator import alone as simulator

    asked: list[tuple[int, int, str | None]] = []

    def serve_alone(*, port: int, seed: int, out: object, drill: str | None) -> int:
        asked.append((port, seed, drill))
        return 0 if out is cli_output.say else 1

    monkeypatch.setattr(simulator, "serve_alone", serve_alone)
    assert run("simulator", "--port", "8123", "--seed", "7").code == 0
    assert run("simulator", "--drill", "refill").code == 0
    assert asked == [(8123, 7, None), (0, 1, "refill")]


def test_the_drills_can_be_listed_with_what_they_do(run: "Run") -> None:
    done = run("simulator", "--drill", "list")
    assert done.code == 0
    lines = done.out.splitlines()
    assert len(lines) > 50
    [refill] = [line for line in lines if line.startswith("refill ")]
    assert refill.endswith(
        " – Three seconds after everything is flat, a forgotten entry stop opens the position again."
    )


def test_a_drill_that_does_not_exist_is_a_usage_error_that_names_what_is_near(run: "Run") -> None:
    done = run("simulator", "--drill", "late-anser")
    assert (done.code, done.out) == (2, "")
    assert "no drill is called 'late-anser'; did you mean late-answer" in done.err
    done = run("simulator", "--drill", "xyzzy")
    assert (done.code, done.out) == (2, "")
    assert "no drill is called 'xyzzy' (--drill list prints them all)" in done.err


def test_a_diagnosis_names_what_is_there_and_neither_token_nor_account(
    run: "Run", server: ContractServer
) -> None:
    done = run("--diagnose", "--base-url", server.base_url)
    assert done.code == 0
    assert f"server: {server.base_url} (from --base-url)" in done.out
    assert "token: from the environment variable CROSSTRADE_TOKEN" in done.out
    assert "  account 1: SIM, connected, 2 positions" in done.out
    assert "  account 3: LIVE, connected, 1 position" in done.out
    assert "orders of account 1: " in done.out
    assert "journal: working" in done.out
    for secret in (server.token, "Sim101", "APEX"):
        assert secret not in done.out + done.err
    assert server.presses == []


def test_a_diagnosis_says_what_fails_without_the_servers_words(run: "Run", server: ContractServer) -> None:
    server.rule("snapshot", refused("nothing for Sim101", 403))
    server.rule("positions", reply_json(200, {"success": True, "positions": [], "count": 2}))
    done = run("--diagnose", "--base-url", server.base_url)
    assert "accounts/snapshot: failed, CrossTrade did not accept the token (HTTP 403)" in done.out
    assert "but the answer contradicts itself" in done.out
    assert "  account 1: SIM" in done.out
    assert "Sim101" not in done.out


def test_a_diagnosis_of_a_server_that_does_not_answer_ends(run: "Run", server: ContractServer) -> None:
    server.rule("any", Hang(act=False))
    done = run("--diagnose", "--base-url", server.base_url)
    assert "accounts: failed, no answer came\n" in done.out
    assert "account 1" not in done.out


def test_a_diagnosis_without_a_server_says_why(run: "Run", monkeypatch: pytest.MonkeyPatch) -> None:
    settings = find_paths().settings
    settings.parent.mkdir(parents=True)
    settings.write_text('base_url = "http://example.com"\ntheme = "pink"\n', encoding="utf-8")
    done = run("--diagnose")
    assert "server: none that can be used (from the settings file)" in done.out
    assert "settings: bad_value theme must be one of" in done.out
    settings.unlink()
    store = type("Locked", (), {"problem": StoreProblem.LOCKED, "load": lambda *_: None})
    monkeypatch.setattr(cli_session, "KeyringStore", store)
    assert "token: none: there is no token for https://app.crosstrade.io:443; the keyring is locked" in (
        run("--diagnose").out
    )


def test_a_diagnosis_says_which_token_is_used_and_which_is_not(
    run: "Run", server: ContractServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = find_paths().settings
    settings.parent.mkdir(parents=True)
    settings.write_text(f'base_url = "{server.base_url}"\n', encoding="utf-8")
    assert "the token in the environment is not used for" in run("--diagnose").out
    assert server.log == []
    store = type("Kept", (), {"problem": None, "load": lambda *_: server.token})
    monkeypatch.setattr(cli_session, "KeyringStore", store)
    done = run("--diagnose")
    assert f"server: {server.base_url} (from the settings file)\ntoken: from the keyring\n" in done.out
    assert server.token not in done.out


def test_a_diagnosis_that_breaks_says_so(
    run: "Run", server: ContractServer, monkeypatch: pytest.MonkeyPatch, announce_log: "AnnounceLog"
) -> None:
    def fail(*_: object) -> list[str]:
        raise RuntimeError("made up")

    announce_log("not foreseen")
    monkeypatch.setattr(cli_diagnosis, "surroundings", fail)
    done = run("--diagnose", "--base-url", server.base_url)
    assert (done.code, done.out) == (5, "an error in this program; its log has the details\n")


def test_a_diagnosis_names_the_parts_that_packaging_may_lose(
    process: "Run", home: Path, server: ContractServer
) -> None:
    done = process("--diagnose", "--base-url", server.base_url)
    lines = dict(line.partition(": ")[::2] for line in done.out.splitlines())
    assert int(lines["trusted roots"].partition(",")[0]) > 50
    assert lines["keyring"] == "none: this system has no keyring that keeps secrets"
    assert int(lines["icons"].partition(" ")[0]) > 5
    assert "iconengines/qsvgicon" in lines["Qt plugins"]
    assert "platforms/qoffscreen" in lines["Qt plugins"]


def test_a_diagnosis_names_the_parts_that_are_not_there(
    run: "Run", monkeypatch: pytest.MonkeyPatch, server: ContractServer
) -> None:
    def fail() -> None:
        raise FileNotFoundError("cacert.pem")

    named = type("Named", (), {"problem": None, "backend_name": lambda _: "Vault of a test"})
    monkeypatch.setattr(cli_diagnosis, "default_tls", fail)
    monkeypatch.setattr(cli_diagnosis, "find_spec", lambda _: None)
    monkeypatch.setattr(cli_diagnosis, "KeyringStore", named)
    done = run("--diagnose", "--base-url", server.base_url)
    assert "trusted roots: none: cacert.pem\nkeyring: Vault of a test\n" in done.out
    assert "Qt plugins: none\n" in done.out


def test_a_library_that_is_not_installed_is_named(run: "Run", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli_diagnosis, "LIBRARIES", ("no-such-library",))
    assert "no-such-library not installed" in run("--diagnose").out


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_ctrl_c_during_a_read_is_no_answer(run: "Run", server: ContractServer) -> None:
    server.rule("any", Hang(act=False))

    def press_ctrl_c() -> None:
        assert server.wait_for(lambda: len(server.log) == 1)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    thread = threading.Thread(target=press_ctrl_c)
    thread.start()
    done = run("status", "--json", "--base-url", server.base_url)
    thread.join()
    assert (done.code, json.loads(done.out)["detail"]) == (5, "stopped")


def test_what_is_not_foreseen_is_in_the_log_with_its_traceback(
    run: "Run",
    server: ContractServer,
    home: Path,
    announce_log: "AnnounceLog",
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    announce_log("not foreseen")

    async def break_down(_session: object) -> None:
        raise ZeroDivisionError("of our own making")

    monkeypatch.setattr(cli_status, "_read_status", break_down)
    done = run("status", "--base-url", server.base_url)
    assert done.code == 5
    assert "of our own making" not in done.out + done.err
    [log] = home.rglob("command.log")
    assert "ZeroDivisionError: of our own making" in log.read_text(encoding="utf-8")
