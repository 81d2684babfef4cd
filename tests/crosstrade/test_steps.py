"""A read of thousands of rows is made in steps: it says the same, and others have their turn meanwhile."""

import asyncio
import json
from collections.abc import Callable, Generator
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosstrade_panel.crosstrade import untrusted, wire
from crosstrade_panel.crosstrade.steps import at_once, in_turns
from crosstrade_panel.crosstrade.untrusted import UnreadableError
from crosstrade_panel.crosstrade.wire import Answer
from crosstrade_panel.trading.ports import ReadFailedError

Steps = Generator[None, None, Any]
STEP = wire._ROWS_A_STEP


def position(number: int, account: str = "Sim101") -> dict[str, Any]:
    named = {"account": account, "instrument": f"MES {number:04}"}
    return {**named, "marketPosition": "Long", "quantity": number + 1}


def of_positions(count: int) -> Any:
    return {"positions": [position(number) for number in range(count)], "success": True}


def of_accounts(count: int) -> Any:
    return {"accounts": [{"name": f"Sim{number}"} for number in range(count)], "success": True}


def of_orders(count: int) -> Any:
    rows = [{"orderId": str(number), "instrument": "MES 12-25"} for number in range(count)]
    return {"orders": rows, "success": True}


def of_snapshot(count: int) -> Any:
    held = [position(number, f"Sim{number // 20}") for number in range(count)]
    entries = [
        {"account": {"name": f"Sim{start // 20}"}, "positions": held[start : start + 20]}
        for start in range(0, count, 20)
    ]
    return {"accounts": entries, "success": True}


Read = tuple[Callable[[Answer], Any], Callable[[Answer], Steps], Callable[[int], Any]]
READS: dict[str, Read] = {
    "positions": (wire.read_positions, wire.positions_in_steps, of_positions),
    "snapshot": (wire.read_snapshot, wire.snapshot_in_steps, of_snapshot),
    "accounts": (wire.read_accounts, wire.accounts_in_steps, of_accounts),
    "orders": (
        lambda answer: wire.read_orders(answer, "Sim101"),
        lambda answer: wire.orders_in_steps(answer, "Sim101"),
        of_orders,
    ),
}


def answer(body: Any) -> Answer:
    return Answer(200, json.dumps(body).encode(), 1.0, 2.0, {})


def turns_of(steps: Steps) -> int:
    """How often others could have come in between."""
    return sum(1 for _ in steps)


@pytest.mark.parametrize("name", READS)
def test_a_read_of_one_step_takes_no_turn_and_one_of_thousands_many(name: str) -> None:
    _, in_steps, of = READS[name]
    assert turns_of(in_steps(answer(of(0)))) == 0
    assert turns_of(in_steps(answer(of(STEP - 20)))) == 0
    assert turns_of(in_steps(answer(of(8 * STEP)))) >= 7


@pytest.mark.parametrize("name", READS)
@pytest.mark.parametrize("count", [0, 1, STEP, STEP + 1, 2 * STEP + 1])
def test_in_steps_it_says_what_it_says_at_once(name: str, count: int) -> None:
    whole, in_steps, of = READS[name]
    said = answer(of(count))
    assert at_once(in_steps(said)) == whole(said) == asyncio.run(in_turns(in_steps(said)))
    rows = getattr(whole(said), "positions" if name == "snapshot" else name)
    assert len(rows) == count


def test_a_bad_row_in_a_later_step_spoils_the_read_as_one_in_the_first() -> None:
    body = of_positions(2 * STEP)
    body["positions"][-1] = 7
    assert wire.read_positions(answer(body)).flaws.everything == "a row is no object"


@pytest.mark.anyio
async def test_others_have_their_turn_between_the_steps() -> None:
    seen: list[str] = []

    def steps() -> Generator[None, None, str]:
        for number in range(3):
            seen.append(f"step {number}")
            asyncio.get_running_loop().call_soon(seen.append, f"turn {number}")
            yield
        return "done"

    assert await in_turns(steps()) == "done"
    assert seen == ["step 0", "turn 0", "step 1", "turn 1", "step 2", "turn 2"]


@pytest.mark.anyio
async def test_an_error_in_a_step_is_the_errors_own() -> None:
    with pytest.raises(ReadFailedError):
        await in_turns(wire.positions_in_steps(answer({"success": False})))


# -- decoding ---

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats()
    | st.text('a\\"é[]{},:1', max_size=6),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.sampled_from(["data", "a", "é"]), inner),
    max_leaves=30,
)
EDITS = st.lists(st.tuples(st.integers(0, 400), st.sampled_from(b' "\\[]{},:-.019eaNn')), max_size=2)


def whole(body: bytes) -> str:
    """What is read, types and all; of an error only that it is one: which comes first may differ."""
    try:
        return repr(untrusted.decode(body))
    except UnreadableError:
        return "unreadable"


def in_pieces(body: bytes, piece: int) -> str:
    with patch.multiple(untrusted, _PIECE=piece, _A_ROW=1):
        try:
            return repr(at_once(untrusted.decode_in_steps(body)))
        except UnreadableError:
            return "unreadable"


@given(VALUES, EDITS, st.integers(1, 40))
def test_a_body_in_pieces_says_what_it_says_in_one(
    value: Any, edits: list[tuple[int, int]], piece: int
) -> None:
    body = bytearray(json.dumps(value, ensure_ascii=False).encode())
    for place, byte in edits:
        body[place % len(body)] = byte
    assert in_pieces(bytes(body), piece) == whole(bytes(body))


@pytest.mark.parametrize("skipped", ["1", '"1"', "[1, 2]", '[{"a": "b"}]', "01", '"\xff"', "[[1, 2], nul]"])
@pytest.mark.parametrize("piece", [1, 9, 200])
def test_of_two_fields_of_one_name_the_first_must_be_readable_too(skipped: str, piece: int) -> None:
    body = f'{{"positions": {skipped}, "positions": [1, 2, 3], "count": 3}}'.encode("latin-1")
    assert in_pieces(body, piece) == whole(body)


def longest_step_bytes(body: bytes) -> int:
    """The most that is decoded between two turns."""
    decode, steps = untrusted._decode, [0]

    def counted(text: Any) -> Any:
        steps[-1] += len(text)
        return decode(text)

    with patch.object(untrusted, "_decode", counted):
        reading = untrusted.decode_in_steps(body)
        while next(reading, "over") is None:
            steps.append(0)
    assert at_once(untrusted.decode_in_steps(body)) == untrusted.decode(body)
    return max(steps)


MANY = [position(number) for number in range(4_000)]


@pytest.mark.parametrize(
    "body",
    [
        MANY,
        {"positions": MANY},
        {"a": 1, "data": {"positions": MANY, "b": None}},
        {"accounts": [{"name": "Sim101", "positions": MANY}]},
        {"data": {"accounts": [{"name": "A", "positions": MANY}, *({"name": "B"} for _ in range(999))]}},
        {"accounts": [*({"name": "B"} for _ in range(999)), {"name": "A", "positions": MANY}]},
        [0] * 120_000,
    ],
)
def test_a_long_list_is_decoded_in_pieces_wherever_the_api_has_it(body: Any) -> None:
    made = json.dumps(body).encode()
    assert len(made) > 4 * untrusted._PIECE
    assert longest_step_bytes(made) <= untrusted._PIECE
    assert turns_of(untrusted.decode_in_steps(made)) >= len(made) // untrusted._PIECE


def test_an_object_of_more_fields_than_the_api_has_is_decoded_at_once() -> None:
    body = json.dumps({str(number): 0 for number in range(20_000)}).encode()
    assert longest_step_bytes(body) == len(body)
    assert turns_of(untrusted.decode_in_steps(body)) == 1


def test_after_what_is_long_and_no_list_others_have_a_turn_too() -> None:
    body = json.dumps({"a": "x" * 2 * untrusted._PIECE}).encode()
    assert turns_of(untrusted.decode_in_steps(body)) == 1
    assert turns_of(untrusted.decode_in_steps(b" " + body)) == 1


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (b'"\xff"', "UnicodeDecodeError"),
        (b"1e9999999999", None),
        (b"01", "DecodeError"),
        (b"[" * 100_000, "RecursionError"),
        (b"9" * 5_000, "ValidationError"),
    ],
)
def test_a_row_that_cannot_be_read_spoils_a_long_list_as_a_short_one(broken: bytes, why: str | None) -> None:
    for rows in (1, 10_000):
        body = b"[%b]" % b",".join([b'"0123456789"'] * rows + [broken])
        if why is None:
            assert str(at_once(untrusted.decode_in_steps(body))[-1]) == "NaN"  # type: ignore[index]
        else:
            with pytest.raises(UnreadableError, match=rf"\A{why}\Z"):
                at_once(untrusted.decode_in_steps(body))


def test_of_a_long_body_too_the_values_are_counted_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(untrusted, "_MOST_VALUES", 6_000)
    body = b"[%b]" % b",".join([b'"' + b"x" * 20 + b'"'] * 6_000)
    assert len(at_once(untrusted.decode_in_steps(body))) == 6_000  # type: ignore[arg-type]
    with pytest.raises(UnreadableError, match=r"\Atoo many values\Z"):
        at_once(untrusted.decode_in_steps(body[:-1] + b",1]"))
