"""What a read shows: modes, rows in scope, working orders, and how far a read can be believed."""

from dataclasses import replace
from decimal import Decimal

from crosstrade_panel.domain.scope import EveryAccount, OneAccount, Side
from crosstrade_panel.domain.snapshot import (
    Account,
    Flaws,
    Mode,
    Position,
    PositionsRead,
    Source,
    Stamp,
    find_account,
    in_scope,
    protects,
    same_rows,
    shown_in,
    tells_of_all,
    total_unrealized,
)
from tests.fakes import order, position


def test_only_ninjatraders_own_simulator_is_sim_and_whatever_is_unknown_is_live() -> None:
    assert Account("a", "simulator").mode is Mode.SIM
    assert Account("a", "Rithmic").mode is Mode.LIVE
    assert Account("a").mode is Mode.LIVE


def test_a_row_of_unknown_account_belongs_to_every_account() -> None:
    mine, hidden = position(), Position(None, "ES 12-25", None, None)
    read = PositionsRead(Source.POSITIONS, Stamp(0, 1), (mine, hidden, position("Sim102")))
    assert read.of("SIM101") == (mine, hidden)
    assert hidden.pair is None
    assert not hidden.is_readable
    assert mine.pair == ("sim101", "mes 12-25")
    assert mine.is_readable


def test_a_row_that_cannot_be_shown_to_be_outside_is_in_scope() -> None:
    rows = (position(), position("Sim102"), Position(None, None, None, None), position(side=None))
    assert in_scope(OneAccount("Sim101", None, Side.SHORT), rows) == (rows[0], rows[2], rows[3])
    assert in_scope(EveryAccount(), rows) == rows


def test_every_account_with_a_filter_is_not_everything() -> None:
    rows = (position(), position(instrument="NQ 12-25"), position(side=Side.LONG))
    assert in_scope(EveryAccount(side=Side.SHORT), rows) == rows[:2]
    assert in_scope(EveryAccount(side=Side.LONG), rows) == rows[2:]
    assert in_scope(EveryAccount("NQ 12-25"), rows) == rows[1:2]
    assert in_scope(EveryAccount("MES 12-25", Side.LONG), rows) == rows[2:]


def test_an_order_works_unless_its_state_is_terminal() -> None:
    states = ["Working", "CancelPending", "Unknown", None, "Filled", "CANCELLED", "rejected"]
    assert [order(state=state).is_working for state in states] == [
        True,
        True,
        True,
        True,
        False,
        False,
        False,
    ]


def test_a_flaw_spoils_one_account_or_all() -> None:
    assert Flaws(accounts=frozenset({"sim101"})).spoil("Sim101")
    assert not Flaws(accounts=frozenset({"sim101"})).spoil("Sim102")
    assert Flaws("count").spoil("Sim102")


def test_a_total_is_said_only_when_every_row_says_its_part() -> None:
    assert total_unrealized([position(), position()]) == Decimal("125.00")
    assert total_unrealized([position(), Position("a", "b", Side.LONG, 1)]) is None


def test_an_account_is_found_without_regard_to_case() -> None:
    accounts = (Account("Sim101"), Account("Sim102"))
    assert find_account(accounts, "SIM102") == accounts[1]
    assert find_account(accounts, "Sim103") is None


def test_a_read_shows_nothing_of_an_account_that_it_does_not_list_or_that_is_spoiled() -> None:
    rows, listed = (position(), position("Sim102")), (Account("SIM101"),)
    stamp = Stamp(0, 1)
    whole = PositionsRead(Source.POSITIONS, stamp, rows)
    assert shown_in(OneAccount("sim101"), whole) == rows[:1]
    assert shown_in(OneAccount("Sim103"), whole) == ()
    assert shown_in(EveryAccount(), whole) == rows
    snapshot = PositionsRead(Source.SNAPSHOT, stamp, rows, listed)
    assert shown_in(OneAccount("Sim101"), snapshot) == rows[:1]
    assert shown_in(OneAccount("Sim102"), snapshot) is None
    spoiled = replace(whole, flaws=Flaws(accounts=frozenset({"sim101"})))
    assert shown_in(OneAccount("Sim101"), spoiled) is None
    assert shown_in(OneAccount("Sim102"), spoiled) == rows[1:]
    assert shown_in(EveryAccount(), replace(whole, flaws=Flaws("count"))) is None


def test_rows_are_the_same_whatever_their_order_and_their_prices() -> None:
    one, two = position(), position("Sim102")
    moved = replace(one, unrealized=Decimal(1), market_price=None)
    assert same_rows((one, two), (one, two))
    assert same_rows((one, two), (two, moved))
    both = (one, two)
    assert same_rows(both, both)
    for other in ((one,), (one, one), (one, replace(two, quantity=3)), (one, position("Sim102", side=None))):
        assert not same_rows((one, two), other)


def test_rows_that_differ_in_one_field_are_not_the_same() -> None:
    row = position()
    for other in (
        position("Sim102"),
        position(instrument="NQ 12-25"),
        position(side=Side.LONG),
        position(quantity=3),
    ):
        assert not same_rows((row,), (other,))
        assert not same_rows((row, row), (row, other))
        assert not same_rows((row, other), (other, other))


def test_a_stop_on_the_other_side_protects_and_so_may_what_cannot_be_read() -> None:
    short, long = position(), position(side=Side.LONG)
    stop = order()  # buys at a stop
    assert protects(stop, short)
    assert not protects(stop, long)
    assert protects(replace(stop, action="SellShort"), long)
    assert not protects(replace(stop, state="Filled"), short)
    assert not protects(replace(stop, order_type="Limit"), short)
    assert not protects(replace(stop, instrument="NQ 12-25"), short)
    for unread in ({"order_type": None}, {"action": None}, {"instrument": None}):
        assert protects(replace(stop, **unread), short)  # type: ignore[arg-type]
    assert protects(stop, position(side=None))
    assert protects(stop, position(instrument=None))  # type: ignore[arg-type]


def test_nothing_open_may_be_concluded_only_for_accounts_that_are_listed_readable_and_not_away() -> None:
    one, everyone = OneAccount("sim101"), EveryAccount()
    listed = (Account("SIM101", connected=True), Account("Sim102", connected=False), Account("Sim103"))
    read = PositionsRead(Source.POSITIONS, Stamp(0, 1), ())
    assert tells_of_all(one, read, listed)
    assert tells_of_all(OneAccount("Sim103"), read, listed), "nobody said that it is away"
    assert tells_of_all(everyone, read, listed)
    assert not tells_of_all(OneAccount("Sim102"), read, listed)
    assert not tells_of_all(OneAccount("Sim104"), read, listed)
    for scope in (one, everyone):
        assert not tells_of_all(scope, read, ())
        assert not tells_of_all(scope, replace(read, accounts=()), listed), "its own list counts"
        assert not tells_of_all(scope, replace(read, flaws=Flaws("count")), listed)
        assert not tells_of_all(scope, replace(read, flaws=Flaws(accounts=frozenset({"sim101"}))), listed)
