"""`crosstrade-panel flatten` against a server that shares no code with it, whatever that server does."""

import asyncio
import itertools
import json
import logging
import signal
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from crosstrade_panel import cli, cli_output, cli_press, cli_session
from crosstrade_panel.cli_press import Attempt
from crosstrade_panel.crosstrade.address import parse_base_url
from crosstrade_panel.domain.outcome import Cause, Verdict
from crosstrade_panel.server_choice import ServerChoice
from crosstrade_panel.storage.journal import SqliteJournal
from crosstrade_panel.storage.log import LogFile, end_log
from crosstrade_panel.trading.flatten import Flatten
from tests.contract_server import (
    NAMED,
    Account,
    BadChunk,
    ContractServer,
    DropBeforeReading,
    Hang,
    Honest,
    Position,
    half_done,
    kind_of,
    refused,
    reply_json,
)

if TYPE_CHECKING:
    from tests.cli.conftest import Run
    from tests.log_guard import AnnounceLog

NARROW = ["flatten", "--account", "Sim101", "--instrument", "MES 12-25", "--side", "short"]
BODY = b'{"account":"Sim101","instrument":"MES 12-25","marketPosition":"short"}'

# What the server does with the flatten → what is true afterwards.
EXPECTED: dict[str, tuple[str, int]] = {
    "honest": ("flat", 0),
    "drop-before-reading": ("still_open", 6),
    "drop-after-reading": ("still_open", 6),
    "drop-after-acting": ("flat", 0),
    "reset-after-reading": ("still_open", 6),
    "reset-after-acting": ("flat", 0),
    "cut-reply": ("flat", 0),
    "cut-headers": ("flat", 0),
    "garbage": ("flat", 0),
    "bad-chunk": ("flat", 0),
    "bad-gzip": ("flat", 0),
    "gzip-bomb": ("flat", 0),
    "hang": ("still_open", 6),
    "hang-after-acting": ("flat", 0),
    "drip": ("flat", 0),
    "drip-headers": ("flat", 0),
    "huge-body": ("flat", 0),
    "huge-headers": ("flat", 0),
    "html": ("flat", 0),
    "html-403": ("refused", 3),
    "empty": ("flat", 0),
    "invalid-utf8": ("flat", 0),
    "malformed-json": ("flat", 0),
    "deep-json": ("flat", 0),
    "redirect": ("refused", 3),
    "refused": ("refused", 3),
    "success-false": ("refused", 3),
    "half-done": ("flat", 0),
    "says-nothing": ("flat", 0),
    "add-on-away": ("still_open", 6),
    "over-budget": ("refused", 3),
    "late": ("flat", 0),
    "act-late": ("still_open", 6),
    "accept-only": ("still_open", 6),
    "overfill": ("overfilled", 6),
    "close-everything": ("flat", 0),
    "keep-orders": ("orders_working", 6),
}


def test_the_table_leaves_no_behaviour_out() -> None:
    assert EXPECTED.keys() == NAMED.keys()


@pytest.mark.parametrize("behaviour", sorted(NAMED))
def test_the_body_goes_out_once_and_the_truth_is_told_whatever_the_server_does(
    run: "Run", server: ContractServer, behaviour: str
) -> None:
    server.rule("flatten", NAMED[behaviour]())
    done = run(*NARROW, "--json", "--base-url", server.base_url)
    outcome, code = EXPECTED[behaviour]
    assert (done.json["outcome"], done.code) == (outcome, code)
    [press] = server.presses
    assert (press.method, press.target) == ("POST", "/v1/api/positions/flatten")
    assert press.body == (b"" if behaviour == "drop-before-reading" else BODY)
    assert done.json["scope"] == {"account": "Sim101", "instrument": "MES 12-25", "side": "short"}
    is_open = any(row.instrument == "MES 12-25" for row in server.state.positions)
    assert bool(done.json["accounts"][0]["still_open"]) == (is_open and outcome != "orders_working")


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        (NAMED["honest"](), ("not_proved", 5)),
        (NAMED["drop-after-acting"](), ("unknown", 5)),
        (NAMED["hang-after-acting"](), ("unknown", 5)),
        (half_done(), ("unknown", 5)),
        (refused("Rate limit exceeded", 503), ("unknown", 5)),
        (refused("Invalid request"), ("refused", 3)),
    ],
)
@pytest.mark.parametrize("reads", [Hang(act=False), BadChunk(act=False), refused("no", 500)])
def test_without_reads_nothing_is_claimed(
    run: "Run", server: ContractServer, behaviour: Honest, expected: tuple[str, int], reads: Hang
) -> None:
    server.rule("flatten", behaviour)
    server.rule("read", reads)
    done = run(*NARROW, "--json", "--base-url", server.base_url)
    assert (done.json["outcome"], done.code) == expected
    assert done.json["timings_ms"]["proved"] is None
    assert len(server.presses) == 1


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([{"success": True}], "flat"),  # the snapshot alone proves
        ([{"success": True, "positions": []}], "flat"),
        ([{"success": True, "positions": [], "count": 2}], "not_proved"),
        ([{"success": False, "positions": []}], "flat"),
        ([{"success": True, "positions": [{"account": "Sim101"}], "count": 1}], "not_proved"),
    ],
)
def test_a_read_that_is_not_clean_proves_nothing(
    run: "Run", server: ContractServer, answers: list[Any], expected: str
) -> None:
    server.script_positions(answers)
    done = run(*NARROW, "--json", "--base-url", server.base_url)
    assert done.json["outcome"] == expected


# Where a side is asked for and the other one is open elsewhere: no read before the press explains that one.
SCOPES: list[tuple[list[str], bytes]] = [
    (["--account", "Sim101"], b'{"account":"Sim101"}'),
    (["--account", "Sim101", "--instrument", "MES 12-25"], b'{"account":"Sim101","instrument":"MES 12-25"}'),
    (["--account", "Sim101", "--instrument", "MES 12-25", "--side", "short"], BODY),
    (["--account", "Sim101", "--side", "long"], b'{"account":"Sim101","marketPosition":"long"}'),
    (["--everything", "--instrument", "MES 12-25"], b'{"instrument":"MES 12-25"}'),
    (
        ["--everything", "--instrument", "MES 12-25", "--side", "long"],
        b'{"instrument":"MES 12-25","marketPosition":"long"}',
    ),
    (["--everything", "--side", "long"], b'{"marketPosition":"long"}'),
    (["--everything"], b"{}"),
]


@pytest.mark.parametrize(("arguments", "body"), SCOPES)
def test_each_scope_has_exactly_its_body(
    run: "Run", server: ContractServer, arguments: list[str], body: bytes
) -> None:
    done = run("flatten", *arguments, "--json", "--base-url", server.base_url)
    assert [call.body for call in server.presses] == [body]
    other_side_is_open = "long" in arguments
    assert done.json["outcome"] == ("not_proved" if other_side_is_open else "flat")
    given = dict(itertools.pairwise(arguments))
    assert done.json["scope"] == {
        "account": given.get("--account"),
        "instrument": given.get("--instrument"),
        "side": given.get("--side"),
    }


def test_the_first_request_is_the_press_itself(run: "Run", server: ContractServer) -> None:
    run(*NARROW, "--base-url", server.base_url)
    assert kind_of(server.log[0]) == "flatten"


def test_the_json_object_holds_all_that_is_known(run: "Run", server: ContractServer) -> None:
    done = run(*NARROW, "--json", "--base-url", server.base_url)
    told = done.json
    assert list(told) == [
        "outcome",
        "detail",
        "scope",
        "accounts",
        "order_ids",
        "closed_positions",
        "timings_ms",
    ]
    assert "MES 12-25 · Short · per NinjaTrader" in told["detail"]
    assert told["accounts"] == [
        {"account": "Sim101", "outcome": "flat", "still_open": [], "working_orders": []}
    ]
    assert set(told["order_ids"]) == {"stop-of-mes", "target-of-mes"}
    assert told["closed_positions"] == [
        {
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
    ]
    times = told["timings_ms"]
    assert 0 < times["sent"] <= times["answered"] < times["proved"]


def test_the_words_hold_the_same_facts(run: "Run", server: ContractServer) -> None:
    done = run(*NARROW, "--base-url", server.base_url)
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[0].startswith("FLAT ")
    assert lines[0].endswith(" · Sim101 · MES 12-25 · Short")
    assert lines[1].startswith("per NinjaTrader · orders checked 1 of 1")
    assert "Reported order ids: stop-of-mes, target-of-mes" in lines
    assert "Reported closed: Sim101 · Short 2 MES 12-25 at 5780.25, market 5774.5, +57.50" in lines
    assert done.err.startswith("Answered, checking · Sim101 · MES 12-25 · Short\n")


def test_working_orders_are_told_under_the_apis_names(run: "Run", server: ContractServer) -> None:
    server.rule("flatten", NAMED["keep-orders"]())
    done = run(*NARROW, "--json", "--base-url", server.base_url)
    [order, _] = done.json["accounts"][0]["working_orders"]
    assert order == {
        "account": "Sim101",
        "orderId": "stop-of-mes",
        "instrument": "MES 12-25",
        "orderType": "StopMarket",
        "orderState": "Accepted",
        "action": "Buy",
        "quantity": 2,
        "filled": 0,
        "limitPrice": 0,
        "stopPrice": 5790,
        "ocoId": "b1",
    }


def test_a_wide_press_tells_every_account_and_the_worst_as_its_outcome(
    run: "Run", server: ContractServer
) -> None:
    server.set_accounts(Account("Sim101"), Account("Sim102"), Account("Away", connected=False))
    server.rule("flatten", Honest(lambda state, _: state))
    server.set_positions(Position("Sim102", "ES 12-25", "Long", 1))
    server.set_orders()
    done = run("flatten", "--everything", "--json", "--base-url", server.base_url)
    fates = {fate["account"]: fate["outcome"] for fate in done.json["accounts"]}
    assert fates["Sim102"] == "still_open"
    assert fates["Away"] == "cannot_tell"
    assert (done.json["outcome"], done.code) == ("still_open", 6)


def test_a_press_is_journalled_step_by_step(
    run: "Run", server: ContractServer, journal: Callable[[], list[tuple[str, str, dict[str, Any]]]]
) -> None:
    run(*NARROW, "--base-url", server.base_url)
    rows = [row for row in journal() if row[1] != "note"]  # "journal late" on a slow machine
    assert [kind for _, kind, _ in rows][:3] == ["intent", "attempt", "answer"]
    assert rows[-1][1] == "outcome"
    assert rows[-1][2]["verdict"] == "flat"
    assert rows[0][2]["origin"] == server.base_url
    assert rows[0][2]["practice"] is False


def test_a_journal_that_cannot_be_opened_never_stops_a_flatten(
    run: "Run",
    server: ContractServer,
    home: Path,
    announce_log: "AnnounceLog",
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    announce_log("the journal is off")
    monkeypatch.setenv("CROSSTRADE_PANEL_PACE", "1")  # it is given 20 ms to find that out
    home.mkdir()
    (home / "data").write_text("in the way", encoding="utf-8")
    done = run(*NARROW, "--base-url", server.base_url)
    assert done.code == 0
    # On a loaded machine the 20 ms end before the journal has found out.
    assert "journal off" in done.err or "journal late" in done.err


def test_practice_says_who_says_so_and_journals_that_it_was_practice(
    run: "Run",
    monkeypatch: pytest.MonkeyPatch,
    journal: Callable[[], list[tuple[str, str, dict[str, Any]]]],
) -> None:
    monkeypatch.setenv("CROSSTRADE_TOKEN", "a-live-token")
    monkeypatch.setenv("CROSSTRADE_PANEL_PACE", "0.5")
    done = run("flatten", "--account", "sim101", "--practice")
    assert done.code == 0
    assert "per the practice exchange" in done.out
    assert "NinjaTrader" not in done.out + done.err
    assert journal()[0][2]["practice"] is True


# --- nothing leaves


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "there is no token for https://app.crosstrade.io:443"),
        ({"XTRADE_TOKEN": "two words"}, "the environment variable XTRADE_TOKEN holds a space inside"),
        ({"CROSSTRADE_BASE_URL": "http://example.com"}, "the server's address cannot be used: plain http"),
    ],
)
def test_without_a_server_or_token_the_outcome_is_not_sent(
    run: "Run", monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], said: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    done = run(*NARROW, "--json")
    assert (done.code, done.json["outcome"]) == (4, "not_sent")
    assert said in done.json["detail"]
    assert done.json["accounts"] == [
        {"account": "Sim101", "outcome": "not_sent", "still_open": [], "working_orders": []}
    ]
    assert done.json["timings_ms"] == {"sent": None, "answered": None, "proved": None}
    words = run(*NARROW)
    assert words.code == 4
    assert words.out.startswith("NOT SENT ")
    assert said.casefold() in words.out.casefold()


def test_a_bad_base_url_of_the_command_line_is_not_sent(run: "Run") -> None:
    for url in ("", "http://example.com", "https://app.crosstrade.io/v1"):
        done = run(*NARROW, "--json", "--base-url", url)
        assert (done.code, done.json["outcome"]) == (4, "not_sent")


def test_a_refused_connection_is_not_sent_and_tried_over_one_other_link_only(
    run: "Run", monkeypatch: pytest.MonkeyPatch, journal: Callable[[], list[tuple[str, str, dict[str, Any]]]]
) -> None:
    monkeypatch.setenv("CROSSTRADE_TOKEN", "made-up")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        done = run(*NARROW, "--json", "--base-url", f"http://127.0.0.1:{closed.getsockname()[1]}")
    assert (done.code, done.json["outcome"]) == (4, "not_sent")
    assert [kind for _, kind, _ in journal()].count("attempt") == 2


def test_a_connection_cut_before_anything_was_read_is_not_called_not_sent(
    run: "Run", server: ContractServer, journal: Callable[[], list[tuple[str, str, dict[str, Any]]]]
) -> None:
    server.rule("connect", DropBeforeReading(), times=1)
    done = run(*NARROW, "--json", "--base-url", server.base_url)
    answers = [facts["result"] for _, kind, facts in journal() if kind == "answer"]
    # The reset may come while it is still connecting: then nothing left, and the other link carried it.
    assert (done.json["outcome"], answers) in [
        ("still_open", ["unknown"]),
        ("unknown", ["unknown"]),
        ("flat", ["not_sent", "accepted"]),
    ]


# --- broken off


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_after_sending_is_unknown(
    run: "Run",
    server: ContractServer,
    number: signal.Signals,
    journal: Callable[[], list[tuple[str, str, dict[str, Any]]]],
) -> None:
    server.rule("flatten", Hang())

    def interrupt() -> None:
        assert server.wait_for(lambda: any(call.acted for call in server.presses))
        signal.pthread_kill(threading.main_thread().ident or 0, number)

    thread = threading.Thread(target=interrupt)
    thread.start()
    done = run(*NARROW, "--json", "--base-url", server.base_url)
    thread.join()
    assert (done.code, done.json["outcome"]) == (5, "unknown")
    assert "stopped after the request may have left" in done.json["detail"]
    assert journal()[-1][2]["verdict"] == "unknown"
    assert server.wait_for(lambda: server.presses[0].ended == "fin")
    assert len(server.presses) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_signal_while_connecting_is_not_sent(
    run: "Run", monkeypatch: pytest.MonkeyPatch, journal: Callable[[], list[tuple[str, str, dict[str, Any]]]]
) -> None:
    monkeypatch.setenv("CROSSTRADE_TOKEN", "made-up")
    monkeypatch.setenv("CROSSTRADE_PANEL_PACE", "1")
    real = Flatten._send

    async def interrupted(self: Flatten, press: Any) -> Any:
        signal.raise_signal(signal.SIGINT)
        return await real(self, press)

    monkeypatch.setattr(Flatten, "_send", interrupted)
    done = run(*NARROW, "--json", "--base-url", "https://127.0.0.1:1")
    assert (done.code, done.json["outcome"]) == (4, "not_sent")
    assert journal()[-1][2]["verdict"] == "not_sent"


@pytest.mark.parametrize("breaking", [KeyboardInterrupt(), RuntimeError("made up")])
def test_what_breaks_before_the_press_is_not_sent(
    run: "Run", monkeypatch: pytest.MonkeyPatch, breaking: BaseException
) -> None:
    def fail() -> None:
        raise breaking

    monkeypatch.setattr(cli_session, "find_paths", fail)
    done = run(*NARROW, "--json")
    assert (done.code, done.json["outcome"]) == (4, "not_sent")
    assert done.err == ""


@pytest.mark.parametrize(("may_have_left", "expected"), [(True, ("unknown", 5)), (False, ("not_sent", 4))])
def test_a_loop_that_breaks_under_the_press_does_not_lose_the_truth(
    run: "Run",
    server: ContractServer,
    monkeypatch: pytest.MonkeyPatch,
    may_have_left: bool,
    expected: tuple[str, int],
) -> None:
    async def broken(_self: Flatten, press: Any) -> None:
        press.may_have_left = may_have_left
        raise KeyboardInterrupt  # as a second Ctrl-C does

    monkeypatch.setattr(Flatten, "__call__", broken)
    done = run(*NARROW, "--json", "--base-url", server.base_url)
    assert (done.json["outcome"], done.code) == expected


def test_an_outcome_that_was_told_is_not_taken_back_by_what_breaks_later(
    run: "Run", server: ContractServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("made up")

    monkeypatch.setattr(cli_session, "end_log", broken)
    done = run(*NARROW, "--json", "--base-url", server.base_url)
    assert (done.json["outcome"], done.code) == ("flat", 0)
    for handler in logging.getLogger().handlers[:]:
        if isinstance(handler, LogFile):
            end_log(handler)


@pytest.mark.parametrize("words", [["--json"], []])
def test_a_signal_while_the_outcome_is_printed_changes_no_exit_code(
    run: "Run", server: ContractServer, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli_output, "say", interrupted)
    server.rule("flatten", NAMED["overfill"]())
    assert run(*NARROW, *words, "--base-url", server.base_url).code == 6
    assert run(*NARROW, *words, "--base-url", "").code == 4


def test_silence_is_said(run: "Run", server: ContractServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli_press, "_SILENCE_S", 0.05)
    server.rule("flatten", NAMED["hang-after-acting"]())
    done = run(*NARROW, "--json", "--base-url", server.base_url)
    said = [line for line in done.err.splitlines() if line != "journal late"]  # on a slow machine
    assert said == [
        "no answer yet",
        "no answer yet — NinjaTrader shows nothing open (one read)",
        "No usable answer, checking · Sim101 · MES 12-25 · Short",
    ]
    monkeypatch.setattr(cli_press, "_SILENCE_S", 0.0)
    server.be_honest()
    assert "no answer yet" not in run("status", "--base-url", server.base_url).err


def test_what_one_read_shows_is_said_as_such(run: "Run", server: ContractServer) -> None:
    server.rule("flatten", NAMED["accept-only"]())
    done = run(*NARROW, "--base-url", server.base_url)
    assert "NinjaTrader shows Short 2 MES 12-25 (one read)" in done.err
    assert "NinjaTrader shows Short 2 MES 12-25\n" in done.out


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_no_further_signal_breaks_a_press_that_may_have_left(
    run: "Run", server: ContractServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def stubborn(self: Flatten, press: Any) -> None:
        press.may_have_left = True
        try:
            signal.raise_signal(signal.SIGINT)
            await asyncio.sleep(60)
        finally:
            signal.raise_signal(signal.SIGTERM)
            press.notes.append("closed in peace")
            self._desk.on_change(press)

    real = Attempt._end

    def interrupted(self: Attempt, cause: Cause) -> None:
        signal.raise_signal(signal.SIGINT)
        real(self, cause)

    monkeypatch.setattr(Flatten, "__call__", stubborn)
    monkeypatch.setattr(Attempt, "_end", interrupted)
    done = run(*NARROW, "--json", "--base-url", server.base_url)
    assert (done.json["outcome"], done.code) == ("unknown", 5)
    assert "closed in peace" in done.err
    signal.raise_signal(signal.SIGINT)  # and until the process ends
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_second_signal_before_sending_ends_it_at_once_and_a_third_is_ignored(
    run: "Run", server: ContractServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def stubborn(self: Flatten, _press: Any) -> None:
        loop = asyncio.get_running_loop()
        signal.raise_signal(signal.SIGINT)
        loop.call_later(0.01, signal.raise_signal, signal.SIGTERM)
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(60)
        finally:
            signal.raise_signal(signal.SIGTERM)

    real = Attempt._end

    def interrupted(self: Attempt, cause: Cause) -> None:
        signal.raise_signal(signal.SIGINT)
        real(self, cause)

    monkeypatch.setattr(Flatten, "__call__", stubborn)
    monkeypatch.setattr(Attempt, "_end", interrupted)
    done = run(*NARROW, "--json", "--base-url", server.base_url)
    assert (done.json["outcome"], done.code) == ("not_sent", 4)


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_first_signal_on_top_of_a_failure_does_not_lose_the_truth(
    run: "Run", server: ContractServer, monkeypatch: pytest.MonkeyPatch, announce_log: "AnnounceLog"
) -> None:
    async def broken(_self: Flatten, press: Any) -> None:
        press.may_have_left = True
        raise RuntimeError("made up")

    real = Attempt._end

    def interrupted(self: Attempt, cause: Cause) -> None:
        signal.raise_signal(signal.SIGINT)
        real(self, cause)

    announce_log("not foreseen")
    monkeypatch.setattr(Flatten, "__call__", broken)
    monkeypatch.setattr(Attempt, "_end", interrupted)
    done = run(*NARROW, "--json", "--base-url", server.base_url)
    assert (done.json["outcome"], done.code) == ("unknown", 5)


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_signal_between_the_press_and_its_report_changes_nothing(
    run: "Run", server: ContractServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        signal.raise_signal(signal.SIGINT)

    real = Attempt._tell

    def late(self: Attempt) -> None:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            signal.raise_signal(signal.SIGINT)
            real(self)

    monkeypatch.setattr(Attempt, "_tell", late)
    monkeypatch.setattr(SqliteJournal, "close", interrupted)
    done = run(*NARROW, "--json", "--base-url", server.base_url)
    assert (done.json["outcome"], done.code) == ("flat", 0)


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_signal_that_the_parent_had_ignored_stays_ignored(
    run: "Run", server: ContractServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Flatten._send

    async def interrupted(self: Flatten, press: Any) -> Any:
        signal.raise_signal(signal.SIGINT)
        return await real(self, press)

    monkeypatch.setattr(Flatten, "_send", interrupted)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert run(*NARROW, "--base-url", server.base_url).code == 0
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_in_a_thread_that_sees_no_signals_it_works_all_the_same(server: ContractServer) -> None:
    codes: list[int] = []
    thread = threading.Thread(target=lambda: codes.append(cli.run([*NARROW, "--base-url", server.base_url])))
    thread.start()
    thread.join()
    assert codes == [0]


def test_a_token_that_somebody_logs_or_journals_is_hidden(
    run: "Run", server: ContractServer, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    real = Flatten._send

    async def talkative(self: Flatten, press: Any) -> Any:
        logging.getLogger("crosstrade_panel.made_up").info("bad idea: %s", server.token)
        self._desk.record.note(press, f"bad idea: {server.token}")
        return await real(self, press)

    monkeypatch.setattr(Flatten, "_send", talkative)
    assert run(*NARROW, "--base-url", server.base_url).code == 0
    log = (home / "log" / "command.log").read_text(encoding="utf-8")
    assert "bad idea: (hidden)" in log
    for path in home.rglob("*"):
        assert path.is_dir() or server.token.encode() not in path.read_bytes()


# --- the pace


@pytest.mark.parametrize(
    ("url", "value", "factor"),
    [
        ("http://127.0.0.1:1", "0.1", 0.1),
        ("http://[::1]:1", "0.02", 0.02),
        ("http://127.0.0.1:1", "0.01", 1),
        ("http://127.0.0.1:1", "2", 1),
        ("http://127.0.0.1:1", "nan", 1),
        ("http://127.0.0.1:1", "fast", 1),
        ("https://app.crosstrade.io", "0.1", 1),
        ("https://127.0.0.1.example.com", "0.1", 1),
    ],
)
def test_only_a_server_on_this_machine_is_proved_at_a_quicker_pace(
    url: str, value: str, factor: float
) -> None:
    choice = ServerChoice(parse_base_url(url), "command")
    pace = cli_session._pace(choice, {cli_session.PACE_VARIABLE: value})
    assert pace.window_s == pytest.approx(10 * factor)
    assert cli_session._pace(choice, {}).window_s == 10


def test_every_outcome_has_an_exit_code_of_the_table() -> None:
    assert {verdict.exit_code for verdict in Verdict} == {0, 3, 4, 5, 6, 7, 8}


def test_a_reply_of_rows_that_nobody_can_read_is_told_without_a_crash(
    run: "Run", server: ContractServer
) -> None:
    row: dict[str, Any] = {"account": None, "marketPosition": "Sideways", "quantity": "many"}
    server.rule("flatten", reply_json(200, {"success": True, "closedPositions": [row, 7]}))
    done = run(*NARROW, "--json", "--base-url", server.base_url)
    assert done.code in {5, 6}
    assert json.loads(done.out)["closed_positions"][0]["quantity"] is None
    assert run(*NARROW, "--base-url", server.base_url).code in {5, 6}


def test_an_order_without_prices_is_told_with_nulls(run: "Run", server: ContractServer) -> None:
    closed = Position("Sim101", "MES 12-25", "Short", 2)
    server.set_positions()
    server.rule("flatten", reply_json(200, {"success": True, "closedPositions": [closed.row()]}))
    rows: list[Any] = [{"orderId": "o1", "instrument": "MES 12-25"}]
    server.rule("orders", reply_json(200, {"success": True, "orders": rows}))
    done = run(*NARROW, "--json", "--base-url", server.base_url)
    assert (done.json["outcome"], done.code) == ("orders_working", 6)
    [order] = done.json["accounts"][0]["working_orders"]
    assert (order["orderId"], order["limitPrice"], order["orderState"]) == ("o1", None, None)
