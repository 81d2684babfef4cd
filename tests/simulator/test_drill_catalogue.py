"""The catalogue, arming and disarming, and what the exchange remembers."""

import re
import threading
import time

import pytest

from crosstrade_panel.simulator.drill import GROUPS
from crosstrade_panel.simulator.drills import DRILLS, like, table
from crosstrade_panel.simulator.faults import Call, NoFaults
from crosstrade_panel.simulator.presses import press_in, press_of
from crosstrade_panel.simulator.server import PracticeExchange
from tests.simulator.drilling import (
    FLATTEN,
    POSITIONS,
    REVERSE,
    becomes,
    drilled,
    flatten,
    held,
    read,
    request_bytes,
    say,
    streaming,
    wired,
)


def test_every_drill_has_the_words_that_a_menu_needs() -> None:
    assert len(DRILLS) == 70
    for name, drill in DRILLS.items():
        assert drill.name == name
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)
        assert drill.group in GROUPS
        assert 3 < len(drill.title) <= 32
        assert drill.description[0].isupper()
        assert re.fullmatch(r"[^.]+\.", drill.description)
        assert drill.applies
        assert drill.over_stream
    assert len({drill.title for drill in DRILLS.values()}) == len(DRILLS)
    assert {drill.group for drill in DRILLS.values()} == set(GROUPS)
    # A menu shows group by group.
    groups = [drill.group for drill in DRILLS.values()]
    assert list(dict.fromkeys(groups)) == list(GROUPS)
    assert groups == sorted(groups, key=GROUPS.index)


def test_the_table_has_a_line_for_each_and_a_slip_of_the_pen_finds_its_drill() -> None:
    assert len(table()) == len(DRILLS)
    assert all(" – " in line for line in table())
    assert like("Late-Answr")[0] == "late-answer"
    assert like("xyzzy") == []


@pytest.mark.parametrize("name", DRILLS)
def test_every_drill_can_be_armed_and_disarmed_before_and_after_the_start(name: str) -> None:
    exchange = PracticeExchange()
    exchange.drill = name
    exchange.drill = None
    exchange.drill = name
    with exchange:
        assert exchange.drill == name
        exchange.drill = None
        assert exchange.drill is None
        exchange.drill = name
        exchange.reset()
        assert exchange.drill == name
        exchange.drill = None
        exchange.reset()
        with exchange.book_now() as book:
            assert len(book.positions()) == 4
            assert len(book.orders()) == 7


def test_a_name_that_no_drill_has_changes_nothing() -> None:
    exchange = PracticeExchange()
    exchange.drill = "deep"
    with pytest.raises(ValueError, match="no drill is called 'deeep'"):
        exchange.drill = "deeep"
    assert exchange.drill == "deep"


def test_faults_of_ones_own_are_no_drill() -> None:
    exchange = PracticeExchange()
    exchange.drill = "deep"
    exchange.faults = faults = NoFaults()
    assert exchange.faults is faults
    armed: str | None = exchange.drill
    assert armed is None


def test_arming_once_more_begins_afresh() -> None:
    with drilled("error-500") as exchange:
        assert [flatten(exchange).status for _ in range(2)] == [500, 200]
        exchange.drill = "error-500"
        assert [flatten(exchange).status for _ in range(2)] == [500, 200]
        exchange.drill = "error-500"
        exchange.drill = None
        assert flatten(exchange).status == 200


def test_arming_from_many_threads_while_requests_come_breaks_nothing() -> None:
    names = [name for name, drill in DRILLS.items() if drill.group in {"market", "reads"}]
    with drilled() as exchange:

        def arm() -> None:
            for name in names:
                exchange.drill = name

        threads = [threading.Thread(target=arm) for _ in range(3)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            assert "success" in read(exchange, POSITIONS)
        for thread in threads:
            thread.join()
        exchange.drill = None
        exchange.reset()
        assert read(exchange, POSITIONS)["count"] == 4


# ---- what it remembers


def test_the_story_tells_what_every_fill_and_order_made_of_a_pair() -> None:
    with drilled() as exchange:
        opening = exchange.story()
        assert {(c.account, c.instrument) for c in opening} == {
            ("Sim101", "MES 12-25"),
            ("Sim101", "NQ 12-25"),
            ("Sim102", "ES 12-25"),
            ("APEX-04417-01", "CL 01-26"),
            ("Sim102", "YM 12-25"),
        }
        flatten(exchange)
        assert becomes(exchange, 0)
        assert exchange.wait_until(
            lambda book: not [o for o in book.orders("Sim101") if o.state == "CancelPending"]
        )
        mine = [c for c in exchange.story()[len(opening) :] if c.instrument == "MES 12-25"]
        [press] = exchange.calls
        assert all(press.at <= change.at for change in mine)
        assert [change.at for change in mine] == sorted(change.at for change in mine)
        assert mine[-1].signed == 0
        assert mine[-1].working_orders == ()
        assert max(len(change.working_orders) for change in mine) == 3


def test_the_story_keeps_the_last_ten_thousand_changes() -> None:
    with drilled() as exchange:
        with exchange.book_now() as book:
            for number in range(10_050):
                book.open_position("Sim101", "GC", 1 if number % 2 else -1)
        story = exchange.story()
        assert len(story) == 10_000
        assert {change.instrument for change in story} == {"GC 02-26"}


def test_a_call_knows_when_its_first_and_its_last_byte_came_and_what_was_answered() -> None:
    with drilled() as exchange, wired(exchange) as line:
        whole = request_bytes(exchange)
        line.sendall(whole[:40])
        assert not exchange.wait_until(lambda _: len(exchange.calls) > 0, 0.2)
        resumed_at = time.monotonic()
        line.sendall(whole[40:])
        answer = b""
        while not answer.endswith(b'"success":true}'):
            answer += line.recv(65536)
        [call] = exchange.calls
        assert call.began_at is not None
        assert call.answered_at is not None
        assert call.began_at < resumed_at <= call.at
        assert call.answered_at >= call.at
        assert answer.endswith(call.answer)
        assert call.answer_size == len(call.answer) > 0
        line.sendall(whole)
        assert line.recv(65536)
        second = exchange.calls[1]
        assert second.began_at is not None
        assert second.began_at > call.answered_at


def test_a_frame_is_logged_with_its_answer() -> None:
    with drilled() as exchange, streaming(exchange) as stream:
        say(stream)
        heard = stream.recv(timeout=5)
        assert isinstance(heard, str)
        assert exchange.wait_until(lambda _: exchange.calls[1].answered_at is not None)
        call = exchange.calls[1]
        assert call.answer == heard.encode()
        assert call.acted


# ---- what a press is


@pytest.mark.parametrize(
    ("method", "path", "body", "kind"),
    [
        ("POST", FLATTEN, b"{}", "flatten"),
        ("POST", FLATTEN + "?x=1", b"{}", "flatten"),
        ("POST", REVERSE, b"{}", "reverse"),
        ("POST", "/v1/api/accounts/a/orders/b/cancel", b"{}", "cancel"),
        ("POST", "/v1/api/accounts/a/orders/cancel", b"{}", "cancel"),
        ("GET", FLATTEN, b"", None),
        ("GET", POSITIONS, b"", None),
        ("WS", "/ws/stream", b'{"action":"rpc","api":"FlattenEverything"}', "flatten"),
        ("WS", "/ws/stream", b'{"action":"rpc","api":"ReversePosition"}', "reverse"),
        ("WS", "/ws/stream", b'{"action":"rpc","api":"CancelOrders"}', "cancel"),
        ("WS", "/ws/stream", b'{"action":"rpc","api":"GetAllPositions"}', None),
        ("WS", "/ws/stream", b'{"action":"ping"}', None),
        ("WS", "/ws/stream", b"[", None),
        ("WS", "/ws/stream", b"[]", None),
    ],
)
def test_presses_are_told_from_everything_else(method: str, path: str, body: bytes, kind: str | None) -> None:
    assert press_of(Call(0, method, path, body, 0.0)) == kind


@pytest.mark.parametrize("size", [0, 200, 70_000])
def test_a_press_is_found_in_masked_frames_of_every_length_behind_others(size: int) -> None:
    def frame(payload: bytes, kind: int = 1) -> bytes:
        mask = b"\x01\x02\x03\x04"
        length = len(payload)
        head = (
            bytes((0x80 | kind, 0x80 | length))
            if length < 126
            else bytes((0x80 | kind, 0xFE)) + length.to_bytes(2)
            if length < 1 << 16
            else bytes((0x80 | kind, 0xFF)) + length.to_bytes(8)
        )
        return head + mask + bytes(byte ^ mask[n % 4] for n, byte in enumerate(payload))

    press = frame(b'{"action":"rpc","api":"Flatten","args":{"account":"%b"}}' % (b"x" * size))
    data = frame(b"", 9) + frame(b'{"action":"ping"}') + press
    assert press_in(data, is_stream=True) == "flatten"
    assert press_in(data[:-1], is_stream=True) is None
    assert press_in(b"", is_stream=True) is None
    assert press_in(b"POST /x", is_stream=False) is None


def test_disarming_leaves_positions_and_orders_as_they_are() -> None:
    with drilled("surviving-order") as exchange:
        with exchange.book_now() as book:
            before = [order.order_id for order in book.orders()]
        assert len(before) == 11
        exchange.drill = None
        with exchange.book_now() as book:
            assert [order.order_id for order in book.orders()] == before
        assert held(exchange) == -2
