"""What the exchange shows is not what is so, or cannot be read."""

import time
from typing import Any

import pytest

from crosstrade_panel.simulator.server import PracticeExchange
from tests.simulator.drilling import (
    ACCOUNTS,
    ORDERS,
    POSITIONS,
    SCALE,
    SNAPSHOT,
    ask,
    becomes,
    drilled,
    eventually,
    flatten,
    hear,
    held,
    read,
    reverse,
    rows,
    say,
    stays,
    streaming,
)

SPELL_S = 20 * SCALE
BOTH = [POSITIONS, SNAPSHOT]


def account(exchange: PracticeExchange, name: str = "Sim101") -> list[Any]:
    return [row for row in read(exchange, ACCOUNTS)["accounts"] if row["name"] == name]


@pytest.mark.parametrize("first", ["flatten", "reverse"])
def test_every_second_read_hides_the_position_that_is_open(first: str) -> None:
    with drilled("flicker") as exchange:
        assert [len(rows(read(exchange, path))) for path in BOTH * 2] == [1, 1, 1, 1]
        if first == "flatten":
            assert flatten(exchange).status == 200
        else:
            with streaming(exchange) as stream:
                ticket = {"action": "Buy", "orderType": "Market", "timeInForce": "Day", "quantity": 2}
                say(stream, "ReversePosition", {"account": "Sim101", "instrument": "MES 12-25"} | ticket)
                assert eventually(lambda: exchange.calls[-1].acted)
        answers = [read(exchange, path) for path in BOTH * 2]
        assert [len(rows(answer)) for answer in answers] == [1, 0, 1, 0]
        assert [answer["count"] for answer in answers[::2]] == [4, 4]
        assert held(exchange) == -2
        # Others are seen all the while, and in the end it is so.
        assert all(rows(answer, "Sim102", "ES 12-25") for answer in answers)
        assert becomes(exchange, 0 if first == "flatten" else 2)
        assert len({len(rows(read(exchange, path))) for path in BOTH * 2}) == 1


def test_over_the_stream_positions_flicker_too() -> None:
    with drilled("flicker") as exchange, streaming(exchange) as stream:
        say(stream)
        hear(stream)
        for _ in range(3):
            say(stream, "GetAllPositions", {})
        assert [hear(stream)["data"]["count"] for _ in range(3)] == [4, 3, 4]


def test_a_read_without_its_list_still_says_success() -> None:
    with drilled("list-missing") as exchange:
        assert rows(read(exchange, POSITIONS))
        flatten(exchange)
        assert becomes(exchange, 0)
        answer = read(exchange, POSITIONS)
        assert (answer.keys(), answer["success"]) == ({"count", "success"}, True)
        entries = read(exchange, SNAPSHOT)["accounts"]
        assert [entry.keys() for entry in entries] == [{"account"}] * 3
        assert len(account(exchange)) == 1


def test_a_row_is_left_out_and_counted_while_the_position_stays_open() -> None:
    with drilled("row-left-out") as exchange:
        flatten(exchange)
        answer = read(exchange, POSITIONS)
        assert (len(answer["positions"]), answer["count"], rows(answer)) == (3, 4, [])
        assert len(rows(read(exchange, SNAPSHOT))) == 1
        assert held(exchange) == -2
        assert becomes(exchange, 0)
        answer = read(exchange, POSITIONS)
        assert len(answer["positions"]) == answer["count"] == 3


def test_a_list_is_cut_after_its_first_row() -> None:
    with drilled("list-truncated") as exchange:
        answer = read(exchange, POSITIONS)
        assert (len(answer["positions"]), answer["count"]) == (1, 6)
        ask(exchange, "POST", "/v1/api/positions/flatten", {})
        assert exchange.wait_until(lambda book: not book.positions())
        answer = read(exchange, POSITIONS)
        assert (answer["positions"], answer["count"]) == ([], 2)
        with streaming(exchange) as stream:
            say(stream, "GetAllPositions", {})
            assert hear(stream)["data"]["count"] == 2


def test_one_row_cannot_be_read() -> None:
    with drilled("bad-row") as exchange:
        assert read(exchange, POSITIONS)["count"] == 4
        flatten(exchange)
        assert becomes(exchange, 0)
        answer = read(exchange, POSITIONS)
        bad = {"account": "Sim101", "instrument": 17, "marketPosition": "Sideways", "quantity": "two"}
        assert answer["positions"][-1] == bad
        assert answer["count"] == len(answer["positions"]) == 4
        entries = {e["account"]["name"]: e["positions"] for e in read(exchange, SNAPSHOT)["accounts"]}
        assert entries["Sim101"][-1] == bad
        assert bad not in entries["Sim102"]


def test_every_snapshot_after_the_press_is_the_same_one() -> None:
    with drilled("repeated-epoch") as exchange:
        first, second = read(exchange, SNAPSHOT), read(exchange, SNAPSHOT)
        assert first["epoch"] < second["epoch"]
        flatten(exchange)
        third = read(exchange, SNAPSHOT)
        assert third["epoch"] > second["epoch"]
        assert becomes(exchange, 0)
        assert read(exchange, SNAPSHOT) == third
        assert rows(read(exchange, POSITIONS)) == []


def test_reads_show_what_was_so_two_seconds_ago() -> None:
    with drilled("lagging-reads", scale=0.2) as exchange:
        with streaming(exchange) as stream:
            flatten(exchange)
            assert becomes(exchange, 0)
            flat_at = time.monotonic()
            assert len(rows(read(exchange, POSITIONS))) == len(rows(read(exchange, SNAPSHOT))) == 1
            assert len([r for r in read(exchange, ORDERS)["orders"] if r["instrument"] == "MES 12-25"]) == 2
            assert not account(exchange)[0]["isAccountFlat"]
            say(stream, "GetAllPositions", {})
            assert len(rows(hear(stream)["data"])) == 1
        assert eventually(lambda: not rows(read(exchange, POSITIONS)))
        assert time.monotonic() - flat_at >= 0.35
        assert eventually(
            lambda: not [r for r in read(exchange, ORDERS)["orders"] if r["instrument"] == "MES 12-25"]
        )
        assert ask(exchange, "GET", "/v1/api/accounts/Sim999/orders").status == 400


def test_positions_orders_and_answers_spell_the_account_otherwise() -> None:
    with drilled("other-case") as exchange:
        assert len(rows(read(exchange, POSITIONS), "sIM101")) == 1
        assert len(rows(read(exchange, SNAPSHOT), "sIM101")) == 1
        assert {row["account"] for row in read(exchange, ORDERS)["orders"]} == {"sIM101"}
        assert len(account(exchange)) == 1
        assert read(exchange, SNAPSHOT)["accounts"][0]["account"]["name"] == "Sim101"
        assert [row["account"] for row in flatten(exchange).json["closedPositions"]] == ["sIM101"]
        assert flatten(exchange, account="nobody").json == {"error": "Invalid request"}
        assert becomes(exchange, 0)
        with streaming(exchange) as stream:
            say(stream, args={"account": "Sim102"})
            assert [row["account"] for row in hear(stream)["data"]["closedPositions"]] == ["sIM102"]


# ---- accounts


def test_an_account_without_its_broker_looks_flat_and_is_not() -> None:
    with drilled("account-disconnected") as exchange:
        assert account(exchange)[0]["connectionStatus"] == "Connected"
        assert flatten(exchange).json["success"]
        [shown] = account(exchange)
        assert (shown["connectionStatus"], shown["isAccountFlat"]) == ("Disconnected", True)
        assert account(exchange, "Sim102")[0]["connectionStatus"] == "Connected"
        entries = {e["account"]["name"]: e for e in read(exchange, SNAPSHOT)["accounts"]}
        assert entries["Sim101"]["account"]["connectionStatus"] == "Disconnected"
        assert entries["Sim101"]["positions"] == []
        answer = read(exchange, POSITIONS)
        assert (answer["count"], rows(answer)) == (2, [])
        assert stays(exchange, -2, SPELL_S / 3)
        assert becomes(exchange, 0)
        assert account(exchange)[0]["connectionStatus"] == "Connected"


def test_an_account_vanishes_from_every_list_and_comes_back() -> None:
    with drilled("account-vanished") as exchange:
        assert flatten(exchange).json["success"]
        assert account(exchange) == []
        assert [e["account"]["name"] for e in read(exchange, SNAPSHOT)["accounts"]] == [
            "Sim102",
            "APEX-04417-01",
        ]
        assert read(exchange, POSITIONS)["count"] == 2
        assert ask(exchange, "GET", ORDERS).status == 400
        assert ask(exchange, "GET", ORDERS.replace("Sim101", "Sim102")).status == 200
        assert stays(exchange, -2, SPELL_S / 3)
        assert becomes(exchange, 0)
        assert len(account(exchange)) == 1
        assert ask(exchange, "GET", ORDERS).status == 200


def test_an_offline_add_on_says_success_and_shows_nothing_while_all_is_open() -> None:
    with drilled("add-on-offline") as exchange:
        assert read(exchange, POSITIONS)["count"] == 4
        got = flatten(exchange)
        assert (got.status, got.json) == (200, {"orderIds": [], "closedPositions": [], "success": True})
        assert not exchange.calls[-1].acted
        assert read(exchange, POSITIONS) == {"positions": [], "count": 0, "success": True}
        assert read(exchange, ACCOUNTS) == {"accounts": [], "success": True}
        assert read(exchange, SNAPSHOT)["accounts"] == []
        assert read(exchange, ORDERS) == {"orders": [], "success": True}
        assert reverse(exchange).status == 408
        cancelled = ask(exchange, "POST", "/v1/api/accounts/Sim101/orders/cancel", {})
        assert cancelled.json == {"orderIds": [], "success": True}
        with streaming(exchange) as stream:
            say(stream)
            assert hear(stream)["data"]["closedPositions"] == []
            say(stream, "ListAccounts", {})
            assert hear(stream)["data"]["accounts"] == []
        assert held(exchange) == -2
        assert eventually(lambda: read(exchange, POSITIONS)["count"] == 4)
        assert len(flatten(exchange).json["closedPositions"]) == 1
