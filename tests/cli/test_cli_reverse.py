"""`crosstrade-panel reverse`: a fresh read, sent once, and told by what is read afterwards."""

import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from crosstrade_panel import cli_session
from tests.contract_server import NAMED, ContractServer, Hang, Honest, Position, kind_of, refused, reply_json

if TYPE_CHECKING:
    from tests.cli.conftest import Run

REVERSE = ["reverse", "--account", "sim101", "--instrument", "MESZ25", "--side", "short"]
PATH = "/v1/api/accounts/Sim101/positions/reverseposition"


@pytest.fixture(autouse=True)
def patient_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow disk of the machine that tests must not refuse a reverse."""
    monkeypatch.setattr(cli_session, "_JOURNAL_READ_S", 5.0)


def test_the_open_size_is_reversed_under_the_names_that_the_position_carries(
    run: "Run", server: ContractServer
) -> None:
    done = run(*REVERSE, "--json", "--base-url", server.base_url)
    assert (done.json["outcome"], done.code) == ("reversed", 0)
    [press] = server.presses
    assert press.target == PATH
    assert press.json() == {
        "instrument": "MES 12-25",
        "action": "BUY",
        "quantity": 2,
        "orderType": "MARKET",
        "timeInForce": "DAY",
    }
    assert done.json["scope"] == {"account": "Sim101", "instrument": "MES 12-25", "side": "short"}
    assert done.json["ticket"] == {
        "action": "buy",
        "quantity": 2,
        "order_type": "market",
        "limit_price": None,
        "stop_price": None,
        "time_in_force": "day",
        "oco_id": None,
        "strategy": None,
    }
    assert len(done.json["order_ids"]) == 1
    assert [kind_of(call) for call in server.log][:2] == ["positions", "reverse"]


def test_the_words_of_a_reverse(run: "Run", server: ContractServer) -> None:
    done = run(*REVERSE, "--quantity", "3", "--base-url", server.base_url)
    assert done.code == 0
    assert done.out.startswith("REVERSED ")
    assert f"\nLong 3 MES 12-25 as of {done.out.split()[1][:8]}\n" in done.out


def test_an_account_with_odd_characters_is_encoded_in_the_path(run: "Run", server: ContractServer) -> None:
    done = run(
        "reverse",
        "--account",
        "APEX 1/2#3!",
        "--instrument",
        "MNQ 12-25",
        "--side",
        "long",
        "--json",
        "--base-url",
        server.base_url,
    )
    assert done.json["outcome"] == "reversed"
    assert server.presses[0].path == "/v1/api/accounts/APEX%201%2F2%233%21/positions/reverseposition"


def test_a_decimal_comma_is_a_point_on_the_wire_and_in_what_is_told(
    run: "Run", server: ContractServer
) -> None:
    arguments = [*REVERSE, "--order-type", "stop-limit", "--limit-price", "5780,25", "--stop-price", "5780"]
    done = run(*arguments, "--time-in-force", "gtc", "--json", "--base-url", server.base_url)
    assert (done.json["outcome"], done.code) == ("reverse_working", 8)
    assert b'"limitPrice":5780.25,"stopPrice":5780}' in server.presses[0].body
    assert done.json["ticket"]["limit_price"] == 5780.25
    assert done.json["ticket"]["stop_price"] == 5780
    server.set_positions(Position("Sim101", "MES 12-25", "Short", 2))
    words = run(*arguments, "--base-url", server.base_url).out
    assert "\nFrom Short: BUY 2 MES 12-25 · Stop limit · limit 5780.25 · stop 5780 · Day\n" in words


@pytest.mark.parametrize(
    ("positions", "said"),
    [
        ([Position("Sim101", "MES 12-25", "Long", 2)], "MES 12-25 is Long 2, not Short; nothing was sent"),
        ([], "could not be made out: CrossTrade found no such position"),
        ([Position("Sim101", "NQ 12-25", "Short", 2)], "no such position"),
        (
            [Position("Sim101", "MES 12-25", "Short", 2), Position("Sim101", "MES 12-25", "Long", 1)],
            "the reads do not agree",
        ),
    ],
)
def test_a_position_that_is_not_the_one_to_leave_is_not_sent(
    run: "Run", server: ContractServer, positions: list[Position], said: str
) -> None:
    server.set_positions(*positions)
    done = run(*REVERSE, "--json", "--base-url", server.base_url)
    assert (done.json["outcome"], done.code) == ("not_sent", 4)
    assert said in done.json["detail"]
    assert done.json["ticket"]["quantity"] is None
    assert server.presses == []
    words = run(*REVERSE, "--base-url", server.base_url).out
    assert "BUY" not in words
    assert "Long 1" not in words  # no size that nobody named
    asked = run(*REVERSE, "--quantity", "4", "--json", "--base-url", server.base_url)
    assert asked.json["ticket"]["quantity"] == 4


@pytest.mark.parametrize("reads", [Hang(act=False), refused("no", 500), reply_json(200, {"success": True})])
def test_without_a_read_a_reverse_is_not_sent(run: "Run", server: ContractServer, reads: Hang) -> None:
    server.rule("read", reads)
    done = run(*REVERSE, "--json", "--base-url", server.base_url)
    assert (done.json["outcome"], done.code) == ("not_sent", 4)
    assert server.presses == []


def test_a_second_reverse_of_a_bouncing_key_does_not_flip_back(run: "Run", server: ContractServer) -> None:
    first = run(*REVERSE, "--json", "--base-url", server.base_url)
    second = run(*REVERSE, "--json", "--base-url", server.base_url)
    assert (first.json["outcome"], second.json["outcome"]) == ("reversed", "not_sent")
    assert len(server.presses) == 1


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        ("honest", ("reversed", 0)),
        ("drop-after-acting", ("reversed", 0)),
        ("hang-after-acting", ("reversed", 0)),
        ("malformed-json", ("reversed", 0)),
        ("html", ("reversed", 0)),
        ("drop-after-reading", ("unknown", 5)),
        ("hang", ("unknown", 5)),
        ("add-on-away", ("unknown", 5)),
        ("500", ("unknown", 5)),
        ("refused", ("refused", 3)),
        ("redirect", ("refused", 3)),
        ("over-budget", ("refused", 3)),
        ("accept-only", ("reverse_mismatch", 6)),
        ("close-everything", ("reverse_mismatch", 6)),
    ],
)
def test_a_reverse_goes_out_once_and_the_truth_is_told(
    run: "Run", server: ContractServer, behaviour: str, expected: tuple[str, int]
) -> None:
    server.rule("reverse", refused("broken", 500) if behaviour == "500" else NAMED[behaviour]())
    done = run(*REVERSE, "--json", "--base-url", server.base_url)
    assert (done.json["outcome"], done.code) == expected
    assert len(server.presses) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_signal_during_the_fresh_read_is_not_sent(run: "Run", server: ContractServer) -> None:
    server.rule("read", Hang(act=False))

    def interrupt() -> None:
        assert server.wait_for(lambda: len(server.log) == 1)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    done = run(*REVERSE, "--json", "--base-url", server.base_url)
    thread.join()
    assert (done.json["outcome"], done.code) == ("not_sent", 4)
    assert "stopped before anything was sent" in done.json["detail"]
    assert server.presses == []


def test_a_reverse_is_journalled_with_its_ticket(
    run: "Run", server: ContractServer, journal: Callable[[], list[tuple[str, str, dict[str, Any]]]]
) -> None:
    run(*REVERSE, "--base-url", server.base_url)
    rows = journal()
    intent = rows[0][2]
    assert (intent["action"], intent["side"], intent["quantity"]) == ("reverse", "short", 2)
    assert rows[-1][2]["verdict"] == "reversed"


def test_without_a_token_the_ticket_has_no_quantity_yet(run: "Run") -> None:
    done = run(*REVERSE, "--json")
    assert (done.json["outcome"], done.code) == ("not_sent", 4)
    assert done.json["ticket"]["quantity"] is None
    assert done.json["scope"] == {"account": "sim101", "instrument": "MESZ25", "side": "short"}


def test_a_state_that_changes_between_read_and_press_is_told_by_what_is_read_then(
    run: "Run", server: ContractServer
) -> None:
    def another_size(state: Any, _call: object) -> Any:
        return replace(state, positions=(Position("Sim101", "MES 12-25", "Long", 5),))

    server.rule("reverse", Honest(another_size))
    done = run(*REVERSE, "--base-url", server.base_url)
    assert done.code == 6
    assert "expected Long 2 MES 12-25, found Long 5 MES 12-25" in done.out
