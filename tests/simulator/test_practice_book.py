"""The rules of the practice exchange, without a socket and without a clock."""

from decimal import Decimal

import pytest

from crosstrade_panel.simulator.book import Book, BookError, FlattenRequest, PendingReverse, ReverseRequest
from crosstrade_panel.simulator.bucket import TokenBucket
from crosstrade_panel.simulator.faults import NoFaults
from crosstrade_panel.simulator.instruments import Listing, listed_contracts
from crosstrade_panel.simulator.ledger import Order, PracticeAccount


class Delays(NoFaults):
    """Fills and cancels that take as long as a test wants."""

    def __init__(self, fill_s: float = 0.1, cancel_s: float = 0.02) -> None:
        self.fill_s = fill_s
        self.cancel_s = cancel_s

    def fill_delay_s(self, order: Order, usual_s: float) -> float:
        return self.fill_s

    def cancel_delay_s(self, order: Order, usual_s: float) -> float:
        return self.cancel_s


@pytest.fixture
def book() -> Book:
    """The opening state, with prices that stand still."""
    opened = Book(walking=False)
    opened.advance(100.0)
    return opened


@pytest.fixture
def empty() -> Book:
    """The default accounts, holding nothing, with prices that stand still."""
    opened = Book(openings=(), walking=False, faults=Delays())
    opened.advance(100.0)
    return opened


def held(book: Book, account: str, instrument: str) -> int:
    """Contracts held, negative when short."""
    return sum(
        picture.quantity if picture.side == "Long" else -picture.quantity
        for picture in book.positions(FlattenRequest(account, instrument))
    )


def placed(pending: PendingReverse) -> bool:
    """Whether the entry of a reverse is placed."""
    return pending.entry is not None


def market(instrument: str, action: str, quantity: int = 1, **more: object) -> ReverseRequest:
    return ReverseRequest(instrument, action, quantity, "Market", "Day", **more)  # type: ignore[arg-type]


# ---- names


@pytest.mark.parametrize("name", ["MES 12-25", "MES", "MES1!", "MESZ25", "MESZ5", "mes 12-25", "mes1!"])
def test_every_form_of_a_name_means_the_same_contract(book: Book, name: str) -> None:
    assert book.contract(name).name == "MES 12-25"


@pytest.mark.parametrize("name", ["", " ", "MES 13-25", "XYZ", "MES2!", "MES1!1!", "1!", "MESZ", "MESZ24"])
def test_a_name_nobody_listed_means_nothing(book: Book, name: str) -> None:
    with pytest.raises(BookError, match="Invalid request"):
        book.contract(name)


def test_a_single_digit_year_that_fits_two_months_means_nothing() -> None:
    this = next(c for c in listed_contracts() if c.name == "ES 12-25")
    in_ten_years = type(this)("ES", 12, 2035, this.tick, this.point_value, "ES", Decimal(0))
    listing = Listing((this, in_ten_years))
    assert listing.find("ESZ5") is None
    assert listing.find("ESZ25") is this


def test_at_a_roll_the_root_moves_and_the_exact_name_stays(book: Book) -> None:
    book.listing.roll("MES 03-26")
    assert book.contract("MES").name == book.contract("MES1!").name == "MES 03-26"
    assert book.contract("MES 12-25").name == "MES 12-25"


def test_every_promised_future_is_listed_with_its_tick_and_point_value() -> None:
    facts = {c.root: (str(c.tick), str(c.point_value)) for c in listed_contracts()}
    assert facts == {
        "ES": ("0.25", "50"),
        "MES": ("0.25", "5"),
        "NQ": ("0.25", "20"),
        "MNQ": ("0.25", "2"),
        "YM": ("1", "5"),
        "MYM": ("1", "0.5"),
        "RTY": ("0.1", "50"),
        "M2K": ("0.1", "5"),
        "CL": ("0.01", "1000"),
        "GC": ("0.1", "100"),
    }


# ---- prices


def test_one_seed_walks_one_way_whatever_is_asked_meanwhile() -> None:
    quiet, busy = Book(seed=7), Book(seed=7)
    quiet.advance(0.0)
    busy.advance(0.0)
    for second in range(1, 31):
        busy.advance(float(second))
        if second == 9:
            busy.flatten(FlattenRequest())
    quiet.advance(30.0)
    assert [quiet.price(c) for c in listed_contracts()] == [busy.price(c) for c in listed_contracts()]
    unmoved = Book(seed=7)
    assert [quiet.price(c) for c in listed_contracts()] != [unmoved.price(c) for c in listed_contracts()]


def test_another_seed_walks_another_way() -> None:
    one, two = Book(seed=1), Book(seed=2)
    for each in (one, two):
        each.advance(0.0)
        each.advance(30.0)
    assert [one.price(c) for c in listed_contracts()] != [two.price(c) for c in listed_contracts()]


def test_prices_stay_on_the_tick_and_the_micro_follows_its_big_brother() -> None:
    book = Book()
    book.advance(0.0)
    for quarter in range(1, 400):
        book.advance(quarter / 4)
        assert all(book.price(c) % c.tick == 0 for c in listed_contracts())
        assert book.price(book.contract("MES")) == book.price(book.contract("ES"))


def test_an_hour_of_walking_touches_no_opening_bracket() -> None:
    book = Book()
    book.advance(0.0)
    before = book.orders()
    for minute in range(1, 61):
        book.advance(minute * 60.0)
    assert book.orders() == before
    assert len(book.positions()) == 4


def test_time_that_goes_back_changes_nothing(book: Book) -> None:
    book.flatten(FlattenRequest("Sim101"))
    book.advance(50.0)
    assert len(book.positions()) == 4
    book.advance(101.0)
    assert len(book.positions()) == 2


# ---- opening


def test_it_opens_with_positions_brackets_and_one_entry_without_a_position(book: Book) -> None:
    positions = {(p.account, p.contract.name, p.side, p.quantity) for p in book.positions()}
    assert positions == {
        ("Sim101", "MES 12-25", "Short", 2),
        ("Sim101", "NQ 12-25", "Long", 1),
        ("Sim102", "ES 12-25", "Long", 3),
        ("APEX-04417-01", "CL 01-26", "Short", 1),
    }
    brackets = [order for order in book.orders() if order.oco_id]
    assert len(brackets) == 6
    assert {order.order_type for order in brackets} == {"StopMarket", "Limit"}
    [entry] = [order for order in book.orders() if not order.oco_id]
    assert (entry.account, entry.contract.name) == ("Sim102", "YM 12-25")


def test_accounts_of_ones_own_replace_the_opening_ones() -> None:
    book = Book(accounts=[PracticeAccount("APEX 1/2#3!", provider="Rithmic")])
    assert [account.name for account in book.accounts()] == ["APEX 1/2#3!"]
    assert book.positions() == ()


# ---- flatten


def test_a_flatten_without_criteria_closes_every_position_everywhere(book: Book) -> None:
    done = book.flatten(FlattenRequest())
    assert len(done.closed) == 4
    book.advance(101.0)
    assert book.positions() == ()
    assert all(account.is_flat for account in book.accounts())


def test_the_criteria_of_a_flatten_all_have_to_be_met(book: Book) -> None:
    assert book.flatten(FlattenRequest("Sim101", "MES 12-25", "Long")).closed == ()
    assert book.flatten(FlattenRequest("Sim102", "MES 12-25")).closed == ()
    book.advance(101.0)
    assert len(book.positions()) == 4
    [closed] = book.flatten(FlattenRequest("sim101", "MES1!", "Short")).closed
    assert (closed.account, closed.contract.name, closed.quantity) == ("Sim101", "MES 12-25", 2)
    book.advance(102.0)
    assert {p.contract.name for p in book.positions()} == {"NQ 12-25", "ES 12-25", "CL 01-26"}


def test_a_side_alone_closes_that_side_in_every_account(book: Book) -> None:
    done = book.flatten(FlattenRequest(side="Long"))
    assert {(p.account, p.contract.name) for p in done.closed} == {
        ("Sim101", "NQ 12-25"),
        ("Sim102", "ES 12-25"),
    }
    book.advance(101.0)
    assert {p.side for p in book.positions()} == {"Short"}


def test_a_flatten_reports_the_picture_before_the_close(book: Book) -> None:
    before = book.positions(FlattenRequest("Sim101"))
    assert book.flatten(FlattenRequest("Sim101")).closed == before
    assert before[0].unrealized == Decimal("22.5")


def test_a_position_is_still_there_when_the_answer_comes_and_gone_a_moment_later(book: Book) -> None:
    book.flatten(FlattenRequest("Sim101"))
    assert len(book.positions(FlattenRequest("Sim101"))) == 2
    book.advance(100.04)
    assert len(book.positions(FlattenRequest("Sim101"))) == 2
    book.advance(100.151)
    assert book.positions(FlattenRequest("Sim101")) == ()


def test_a_flatten_cancels_the_orders_of_what_it_closes_and_names_them(book: Book) -> None:
    expected = {order.order_id for order in book.orders("Sim101") if order.contract.name == "MES 12-25"}
    done = book.flatten(FlattenRequest("Sim101", "MES 12-25"))
    assert set(done.order_ids) == expected
    book.advance(101.0)
    assert {order.contract.name for order in book.orders("Sim101")} == {"NQ 12-25"}
    states = {o.order_id: o.state for o in book.orders("Sim101", active_only=False)}
    assert {states[order_id] for order_id in expected} == {"Cancelled"}


def test_an_order_without_a_position_survives_even_the_widest_flatten(book: Book) -> None:
    book.flatten(FlattenRequest())
    book.advance(101.0)
    assert [order.contract.name for order in book.orders()] == ["YM 12-25"]


def test_a_flatten_of_nothing_does_nothing(book: Book) -> None:
    done = book.flatten(FlattenRequest("Sim102", "GC"))
    assert (done.closed, done.order_ids) == ((), ())


@pytest.mark.parametrize("request_", [FlattenRequest("Sim999"), FlattenRequest(None, "XYZ 12-25")])
def test_a_flatten_of_an_unknown_name_is_invalid_and_does_nothing(
    book: Book, request_: FlattenRequest
) -> None:
    with pytest.raises(BookError, match=r"^Invalid request$"):
        book.flatten(request_)
    book.advance(101.0)
    assert len(book.positions()) == 4


def test_a_second_flatten_in_flight_overfills_as_the_real_one_does(empty: Book) -> None:
    empty.open_position("Sim101", "ES", 2)
    empty.flatten(FlattenRequest("Sim101"))
    empty.advance(100.05)
    empty.flatten(FlattenRequest("Sim101"))
    empty.advance(101.0)
    assert held(empty, "Sim101", "ES") == -2


def test_the_pace_of_fills_can_be_set(empty: Book) -> None:
    empty.faults = Delays(fill_s=9.0)
    empty.open_position("Sim101", "ES", 2)
    empty.flatten(FlattenRequest("Sim101"))
    empty.advance(108.9)
    assert held(empty, "Sim101", "ES") == 2
    empty.advance(109.1)
    assert held(empty, "Sim101", "ES") == 0


# ---- reverse


def test_a_reverse_closes_then_opens_the_other_side(book: Book) -> None:
    pending = book.begin_reverse("sim101", market("MES 12-25", "Buy", 2))
    assert not placed(pending)
    book.advance(100.2)
    assert placed(pending)
    book.advance(101.0)
    assert held(book, "Sim101", "MES") == 2
    assert [order for order in book.orders("Sim101") if order.contract.name == "MES 12-25"] == []


def test_a_reverse_without_a_position_says_so_in_the_callers_own_words(book: Book) -> None:
    expected = "^No position found for instrument 'ES 12-25' in account 'sim101'$"
    with pytest.raises(BookError, match=expected):
        book.begin_reverse("sim101", market("ES 12-25", "Buy"))
    assert len(book.orders()) == 7


def test_the_entry_waits_until_the_old_orders_are_gone(empty: Book) -> None:
    empty.faults = Delays(fill_s=0.1, cancel_s=2.0)
    empty.open_position("Sim101", "ES", 1)
    empty.rest_order("Sim101", "ES", "Sell", 1, stop_price=Decimal(6000))
    pending = empty.begin_reverse("Sim101", market("ES", "Sell"))
    empty.advance(101.9)
    assert not placed(pending)
    empty.advance(102.1)
    assert placed(pending)


def test_after_five_seconds_the_entry_is_placed_anyway(empty: Book) -> None:
    empty.faults = Delays(fill_s=30.0)
    empty.open_position("Sim101", "ES", 1)
    pending = empty.begin_reverse("Sim101", market("ES", "Sell"))
    empty.advance(104.99)
    assert not placed(pending)
    empty.advance(105.0)
    assert placed(pending)
    empty.advance(131.0)
    assert held(empty, "Sim101", "ES") == 0
    empty.advance(136.0)
    assert held(empty, "Sim101", "ES") == -1


def test_the_same_side_again_is_a_re_entry(book: Book) -> None:
    book.begin_reverse("Sim101", market("NQ", "Buy", 4))
    book.advance(101.0)
    assert held(book, "Sim101", "NQ") == 4


def test_a_limit_entry_rests_until_the_price_comes_to_it(empty: Book) -> None:
    empty.open_position("Sim101", "ES", 1)
    price = empty.price(empty.contract("ES"))
    wanted = ReverseRequest("ES", "Sell", 3, "Limit", "Gtc", limit_price=price + 5)
    pending = empty.begin_reverse("Sim101", wanted)
    empty.advance(101.0)
    assert pending.entry is not None
    assert (pending.entry.state, held(empty, "Sim101", "ES")) == ("Working", 0)
    empty.set_price("ES 12-25", price + Decimal("4.75"))
    assert held(empty, "Sim101", "ES") == 0
    empty.set_price("ES 12-25", price + 5)
    assert (pending.entry.state, held(empty, "Sim101", "ES")) == ("Filled", -3)


def test_a_stop_entry_rests_until_the_price_runs_through_it(empty: Book) -> None:
    empty.open_position("Sim101", "ES", 1)
    price = empty.price(empty.contract("ES"))
    wanted = ReverseRequest("ES", "Sell", 3, "StopMarket", "Day", stop_price=price - 5)
    pending = empty.begin_reverse("Sim101", wanted)
    empty.advance(101.0)
    assert pending.entry is not None
    assert pending.entry.state == "Accepted"
    empty.set_price("ES", price - 6)
    assert (pending.entry.fill_price, held(empty, "Sim101", "ES")) == (price - 6, -3)


def test_a_stop_limit_entry_needs_its_stop_first_and_its_limit_then(empty: Book) -> None:
    price = empty.price(empty.contract("ES"))
    order = empty.rest_order("Sim101", "ES", "Buy", 1, limit_price=price + 6, stop_price=price + 5)
    assert order.state == "Accepted"
    empty.set_price("ES", price + 8)
    assert held(empty, "Sim101", "ES") == 0
    empty.set_price("ES", price + 6)
    assert held(empty, "Sim101", "ES") == 1


def test_an_entry_off_the_tick_is_invalid_and_closes_nothing(book: Book) -> None:
    wanted = ReverseRequest("MES", "Buy", 2, "Limit", "Day", limit_price=Decimal("6000.10"))
    with pytest.raises(BookError, match="Invalid request"):
        book.begin_reverse("Sim101", wanted)
    book.advance(101.0)
    assert held(book, "Sim101", "MES") == -2


def test_an_atm_strategy_attaches_a_stop_and_a_target_that_cancel_each_other(book: Book) -> None:
    book.begin_reverse("Sim101", market("MES", "Buy", 2, strategy="My ATM"))
    book.advance(101.0)
    stop, target = (o for o in book.orders("Sim101") if o.contract.name == "MES 12-25")
    assert (stop.order_type, target.order_type, stop.action, stop.quantity) == (
        "StopMarket",
        "Limit",
        "Sell",
        2,
    )
    assert stop.oco_id == target.oco_id != ""
    assert target.limit_price is not None
    book.set_price("MES", target.limit_price)
    assert (target.state, stop.state) == ("Filled", "Cancelled")
    assert held(book, "Sim101", "MES") == 0


def test_an_entry_joins_the_oco_group_it_names(empty: Book) -> None:
    empty.open_position("Sim101", "ES", 1)
    friend = empty.rest_order("Sim101", "NQ", "Buy", 1, limit_price=Decimal(20000), oco_id="mine")
    empty.begin_reverse("Sim101", market("ES", "Sell", oco_id="mine"))
    empty.advance(101.0)
    assert held(empty, "Sim101", "ES") == -1
    assert friend.state == "Cancelled"


def test_an_oco_id_means_nothing_in_another_account(empty: Book) -> None:
    stranger = empty.rest_order("Sim102", "NQ", "Buy", 1, limit_price=Decimal(20000), oco_id="mine")
    mine = empty.rest_order("Sim101", "NQ", "Buy", 1, limit_price=Decimal(20000), oco_id="mine")
    empty.cancel("Sim101", mine.order_id)
    empty.advance(101.0)
    assert (mine.state, stranger.state) == ("Cancelled", "Working")


# ---- cancels


def test_an_order_being_cancelled_still_counts_as_working_and_no_longer_fills(empty: Book) -> None:
    order = empty.rest_order("Sim101", "ES", "Buy", 1, limit_price=Decimal(6000))
    empty.cancel("sim101", order.order_id)
    assert [o.state for o in empty.orders("Sim101")] == ["CancelPending"]
    empty.set_price("ES", Decimal(5999))
    assert held(empty, "Sim101", "ES") == 0
    empty.advance(101.0)
    assert empty.orders("Sim101") == ()


def test_a_closing_order_cancelled_in_flight_leaves_the_position_open(empty: Book) -> None:
    empty.faults = Delays(fill_s=0.1, cancel_s=1.0)
    empty.open_position("Sim101", "ES", 2)
    empty.flatten(FlattenRequest("Sim101"))
    [closing] = empty.cancel_all("Sim101")
    empty.advance(105.0)
    assert (closing.order_type, closing.state, held(empty, "Sim101", "ES")) == ("Market", "Cancelled", 2)


def test_an_order_that_is_gone_or_anothers_cannot_be_cancelled(book: Book) -> None:
    order = book.orders("Sim101")[0]
    with pytest.raises(BookError, match=r"^Order '.+' not found or already terminal$"):
        book.cancel("Sim102", order.order_id)
    book.cancel("Sim101", order.order_id)
    book.advance(101.0)
    with pytest.raises(BookError, match="already terminal"):
        book.cancel("Sim101", order.order_id)


def test_the_cancel_of_one_instrument_leaves_the_others_orders(book: Book) -> None:
    cancelled = book.cancel_all("Sim101", "NQ1!")
    assert {order.contract.name for order in cancelled} == {"NQ 12-25"}
    book.advance(101.0)
    assert {order.contract.name for order in book.orders("Sim101")} == {"MES 12-25"}
    assert len(book.orders("Sim102")) == 3


def test_the_cancel_of_an_account_takes_all_its_orders_and_no_others(book: Book) -> None:
    assert len(book.cancel_all("SIM102")) == 3
    book.advance(101.0)
    assert book.orders("Sim102") == ()
    assert len(book.orders("Sim101")) == 4


# ---- reads


def test_flat_rows_name_what_was_held_once(book: Book) -> None:
    book.flatten(FlattenRequest("Sim101", "NQ"))
    book.advance(101.0)
    [flat] = [p for p in book.positions(include_flat=True) if p.side == "Flat"]
    assert (flat.contract.name, flat.quantity, flat.average_price, flat.unrealized) == (
        "NQ 12-25",
        0,
        Decimal(0),
        Decimal(0),
    )


def test_the_stamp_of_a_snapshot_always_grows(book: Book) -> None:
    assert [book.next_epoch(ms) for ms in (5000, 5000, 4000, 6000)] == [5000, 5001, 5002, 6000]


# ---- budget


def test_the_bucket_holds_twenty_and_refills_three_a_second() -> None:
    bucket = TokenBucket()
    assert [bucket.take(50.0) for _ in range(20)] == [0.0] * 20
    assert bucket.take(50.0) == pytest.approx(1 / 3)
    assert bucket.take(51.0) == 0.0
    assert bucket.level(51.0) == pytest.approx(2.0)
    assert bucket.level(1000.0) == 20.0
    assert bucket.level(900.0) == 20.0
