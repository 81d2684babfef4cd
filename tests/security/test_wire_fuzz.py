"""A small part of the fuzz, the same each time; `python -m tests.fuzz_wire` is the whole of it."""

import json

import pytest

from crosstrade_panel.crosstrade import untrusted, wire
from crosstrade_panel.domain.outcome import Cause
from crosstrade_panel.domain.scope import EveryAccount
from crosstrade_panel.domain.snapshot import Flaws, Mode, OrdersRead, PositionsRead
from crosstrade_panel.trading.ports import ReadFailedError, RefusedError, UnknownOutcomeError
from tests import fuzz_wire
from tests.crosstrade.gateways import answer
from tests.crosstrade.test_wire_reading import ORDER, ROW

INPUTS = 20_000


@pytest.mark.parametrize("part", range(4))
def test_no_law_is_broken_by_a_hostile_reply(part: int) -> None:
    size = INPUTS // 4
    tally = fuzz_wire.run(7, range(part * size, (part + 1) * size))
    assert tally.broken == []
    assert tally.is_good
    assert tally.inputs == size
    assert tally.json >= size // 2
    # Every reader said yes at times, or nothing was tested.
    for reader in (
        "positions",
        "snapshot",
        "accounts",
        "orders",
        "receipt 200",
        "receipt",
        "scope",
        "frame scope",
    ):
        assert tally.outcomes[f"{reader}: read"] > 20, reader
    for ending in ("RefusedError", "UnknownOutcomeError"):
        assert tally.outcomes[f"receipt 200: {ending}"] > 20


def test_the_same_number_is_always_the_same_input() -> None:
    made = [fuzz_wire.make(7, number) for number in range(200)]
    assert made == [fuzz_wire.make(7, number) for number in range(200)]
    assert len(set(made)) > 150
    assert made != [fuzz_wire.make(8, number) for number in range(200)]


@pytest.mark.parametrize(
    ("reader", "broken", "law"),
    [
        ("read_positions", lambda read: lambda reply: _without_rows(read(reply)), "disappeared"),
        (
            "read_orders",
            lambda read: lambda reply, account: _without_orders(read(reply, account)),
            "disappeared",
        ),
        ("read_receipt", lambda _: lambda reply: wire._receipt(reply, {}), "accepted"),
        ("scope_of_body", lambda _: lambda body: EveryAccount(), "wider|without an object|another"),
    ],
)
def test_a_law_that_is_broken_is_found(
    monkeypatch: pytest.MonkeyPatch, reader: str, broken: object, law: str
) -> None:
    assert callable(broken)
    monkeypatch.setattr(wire, reader, broken(getattr(wire, reader)))
    tally = fuzz_wire.run(7, range(2_000))
    assert tally.broken_count > 20
    assert not tally.is_good
    assert any(word in line for line in tally.broken for word in law.split("|"))


def _without_rows(read: PositionsRead) -> PositionsRead:
    return PositionsRead(read.source, read.stamp, (), read.accounts, read.flaws)


def _without_orders(read: OrdersRead) -> OrdersRead:
    return OrdersRead(read.stamp, read.account, (), read.flaws)


# -- what the fuzz found, each by itself ---


@pytest.mark.parametrize("number", ["1e999999999999", "-1e999999999999", "1e-999999999999", "0e999999999999"])
@pytest.mark.parametrize("key", ["count", "epoch", "quantity", "averagePrice"])
def test_a_number_beyond_all_exponents_is_no_number(number: str, key: str) -> None:
    plain = json.dumps({"positions": [{**ROW, "quantity": 2, "averagePrice": 5}], "count": 1, "epoch": 3})
    body = plain.replace(
        f'"{key}": {json.loads(plain).get(key, {"quantity": 2, "averagePrice": 5}.get(key))}',
        f'"{key}":{number}',
    )
    assert number in body
    read = wire.read_positions(answer(body))
    assert len(read.positions) == 1
    assert untrusted.decimal(untrusted.decode(number.encode())) is None


@pytest.mark.parametrize("inner", [{"success": False}, {"error": "no"}, {"success": "false"}])
def test_a_no_counts_however_deep_it_is_wrapped(inner: dict[str, object]) -> None:
    body = json.dumps({"success": True, "data": {"data": {"data": inner}}})
    with pytest.raises(UnknownOutcomeError):
        wire.read_receipt(answer(body))
    with pytest.raises(ReadFailedError):
        wire.read_positions(answer(json.dumps({"positions": [], "data": {"data": inner}})))


def test_work_that_only_an_inner_level_reports_is_no_refusal() -> None:
    body = json.dumps({"success": False, "orderIds": None, "data": {"orderIds": ["a"]}})
    for status in (200, 400):
        with pytest.raises(UnknownOutcomeError) as caught:
            wire.read_receipt(answer(body, status))
        assert caught.value.reason.cause is Cause.HALF_DONE


def test_a_400_that_cannot_be_read_but_names_orders_is_unknown() -> None:
    with pytest.raises(UnknownOutcomeError):
        wire.read_receipt(answer(b'{"error":"\\ud800","orderIds":["a"]}', 400))
    with pytest.raises(RefusedError):
        wire.read_receipt(answer(b'{"error":"\\ud800"}', 400))


def test_two_lists_that_differ_are_no_read() -> None:
    for body in (
        {"positions": [], "data": {"positions": [ROW]}},
        {"positions": [ROW], "data": {"positions": []}},
        {"positions": [ROW], "data": {"positions": None}},
    ):
        with pytest.raises(ReadFailedError) as caught:
            wire.read_positions(answer(json.dumps(body)))
        assert caught.value.reason.cause is Cause.UNREADABLE
    same = wire.read_positions(answer(json.dumps({"positions": [ROW], "data": {"positions": [ROW]}})))
    assert len(same.positions) == 1


@pytest.mark.parametrize(
    "said", ["Simu\u200blator", "\u017fimulator", "Simulator\n", "Simulator" + " " * 600]
)
def test_what_only_looks_like_the_simulator_is_live(said: str) -> None:
    read = wire.read_accounts(answer(json.dumps({"accounts": [{"name": "A1", "provider": said}]})))
    assert read.accounts[0].mode is Mode.LIVE


@pytest.mark.parametrize("said", ["Fil\u200bled", "\ufb01lled", "Filled\n", "Reje\u00adcted"])
def test_what_only_looks_like_the_end_of_an_order_is_working(said: str) -> None:
    read = wire.read_orders(answer(json.dumps({"orders": [{**ORDER, "orderState": said}]})), "Sim101")
    assert read.orders[0].is_working


def test_what_only_looks_flat_is_a_row() -> None:
    row = {**ROW, "marketPosition": "\ufb02at", "quantity": 0}
    read = wire.read_positions(answer(json.dumps({"positions": [row]})))
    assert len(read.positions) == 1
    assert read.flaws != Flaws()


def test_a_stream_that_says_yes_and_too_many_at_once_is_no_refusal() -> None:
    frame = json.dumps({"id": "1", "success": True, "error": "Rate limit exceeded"}).encode()
    with pytest.raises(UnknownOutcomeError):
        wire.read_receipt(wire.answer_of_frame(frame, 1.0, 2.0))
