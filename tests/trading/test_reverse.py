"""Reverse, from the fresh read to the outcome, on a scripted API in virtual time."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from crosstrade_panel.domain.outcome import Cause, Outcome, Reason, Verdict
from crosstrade_panel.domain.scope import Side
from crosstrade_panel.domain.snapshot import Account, Flaws, Order, Position, Source
from crosstrade_panel.domain.ticket import OrderType, ReverseTicket
from crosstrade_panel.trading.ports import EntryKind, NotSentError, Receipt, RefusedError, UnknownOutcomeError
from crosstrade_panel.trading.reverse import Held, Reverse
from tests.fakes import FakeGateway, fail_reads, order, position

pytestmark = pytest.mark.anyio

Make = Callable[..., Any]
MARKET = ReverseTicket("Sim101", "MES 12-25", Side.SHORT, 2)
LIMIT = ReverseTicket("Sim101", "MES 12-25", Side.SHORT, 2, OrderType.LIMIT, limit_price=Decimal("5000.25"))
NEW = position(side=Side.LONG)


def raising(error: Exception) -> Callable[[FakeGateway, ReverseTicket], Receipt]:
    def on_reverse(_gateway: FakeGateway, _ticket: ReverseTicket) -> Receipt:
        raise error

    return on_reverse


def leaving(*rows: Position, entry: str | None = None) -> Callable[[FakeGateway, ReverseTicket], Receipt]:
    """The server accepts; afterwards these rows are open and the entry is in that state."""

    def on_reverse(gateway: FakeGateway, ticket: ReverseTicket) -> Receipt:
        gateway.open = list(rows)
        gateway.working = {} if entry is None else {ticket.account: [order(state=entry, order_id="entry-1")]}
        return gateway.receipt(None, ("entry-1",))

    return on_reverse


async def reverse(panel: Any, ticket: ReverseTicket = MARKET) -> Outcome:
    outcome: Outcome = await Reverse(panel.desk)(panel.reverse_press(ticket))
    return outcome


async def test_short_two_becomes_long_two_and_says_so_by_proof(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position()]))
    outcome = await reverse(panel)
    assert (outcome.verdict, outcome.ticket, outcome.order_ids) == (Verdict.REVERSED, MARKET, ("entry-1",))
    assert outcome.timings.proved_s == pytest.approx(1.03, abs=0.02)
    assert panel.gateway.sent == [MARKET]
    (intent,) = panel.journal.facts(EntryKind.INTENT)
    assert intent["order_action"] == "buy"
    assert intent["side"] == "short"


async def test_a_resting_entry_is_reverse_working(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position()], on_reverse=leaving(entry="Working")))
    outcome = await reverse(panel, LIMIT)
    assert outcome.verdict is Verdict.REVERSE_WORKING
    assert panel.journal.facts(EntryKind.INTENT)[0]["limit_price"] == "5000.25"


async def test_flat_with_the_entry_rejected_is_a_mismatch(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position()], on_reverse=leaving(entry="Rejected")))
    assert (await reverse(panel)).verdict is Verdict.REVERSE_MISMATCH
    assert panel.clock.monotonic() < 1002.0


async def test_flat_without_an_entry_is_a_mismatch_at_the_end_of_the_window(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position()], on_reverse=leaving()))
    assert (await reverse(panel)).verdict is Verdict.REVERSE_MISMATCH
    assert panel.clock.monotonic() >= 1010.0


async def test_an_entry_that_comes_after_five_seconds_is_reversed(make_panel: Make) -> None:
    gateway = FakeGateway(open=[position()], on_reverse=leaving())
    panel = make_panel(gateway)

    def enter(_gateway: FakeGateway, _source: Source, _number: int) -> None:
        if gateway.now() >= 1005.0:
            gateway.open = [NEW]

    gateway.before_read = enter
    assert (await reverse(panel)).verdict is Verdict.REVERSED


async def test_another_size_is_a_mismatch_that_lists_what_was_found(make_panel: Make) -> None:
    found = position(side=Side.LONG, quantity=1)
    panel = make_panel(FakeGateway(open=[position()], on_reverse=leaving(found)))
    outcome = await reverse(panel)
    assert outcome.verdict is Verdict.REVERSE_MISMATCH
    assert outcome.fates[0].still_open == (found,)


async def test_a_reverse_is_never_sent_again_even_if_it_never_left(make_panel: Make) -> None:
    error = NotSentError(Reason(Cause.CONNECT_FAILED), may_try_elsewhere=True)
    panel = make_panel(FakeGateway(open=[position()], on_reverse=raising(error)))
    assert (await reverse(panel)).verdict is Verdict.NOT_SENT
    assert len(panel.gateway.sent) == 1


async def test_a_refused_reverse_shows_what_is_open(make_panel: Make) -> None:
    error = RefusedError(Reason(Cause.NO_POSITION, "No position", 400), sent_at=1000.0, answered_at=1000.01)
    panel = make_panel(FakeGateway(open=[position()], on_reverse=raising(error)))
    outcome = await reverse(panel)
    assert (outcome.verdict, outcome.fates[0].still_open) == (Verdict.REFUSED, (position(),))


async def test_a_lost_answer_is_reversed_by_proof_or_stays_unknown(make_panel: Make) -> None:
    def lost(*rows: Position) -> Callable[[FakeGateway, ReverseTicket], Receipt]:
        def on_reverse(gateway: FakeGateway, _ticket: ReverseTicket) -> Receipt:
            gateway.open = list(rows)
            raise UnknownOutcomeError(Reason(Cause.NO_ANSWER), sent_at=gateway.now())

        return on_reverse

    proved = make_panel(FakeGateway(open=[position()], on_reverse=lost(NEW)))
    assert (await reverse(proved)).verdict is Verdict.REVERSED
    for rows in ((position(),), ()):
        unproved = make_panel(FakeGateway(open=[position()], on_reverse=lost(*rows)))
        outcome = await reverse(unproved)
        assert (outcome.verdict, outcome.reason) == (Verdict.UNKNOWN, Reason(Cause.NO_ANSWER))
        assert len(unproved.gateway.sent) == 1


async def test_half_done_keeps_the_order_id(make_panel: Make) -> None:
    def half(gateway: FakeGateway, _ticket: ReverseTicket) -> Receipt:
        gateway.open = [NEW]
        raise UnknownOutcomeError(Reason(Cause.HALF_DONE), receipt=gateway.receipt(None, ("entry-9",)))

    outcome = await reverse(make_panel(FakeGateway(open=[position()], on_reverse=half)))
    assert (outcome.verdict, outcome.order_ids) == (Verdict.REVERSED, ("entry-9",))


async def test_reads_that_fail_leave_a_reverse_not_proved(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(before_read=fail_reads(*Source)))
    outcome = await reverse(panel)
    assert (outcome.verdict, outcome.reason) == (Verdict.NOT_PROVED, Reason(Cause.SERVER_FAILED))


async def test_a_disconnected_account_cannot_be_told(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(accounts_listed=[Account("Sim101", connected=False)]))
    assert (await reverse(panel)).verdict is Verdict.CANNOT_TELL


# -- the fresh read before ---


async def test_the_fresh_read_shows_the_one_position_there_is(make_panel: Make) -> None:
    panel = make_panel(FakeGateway(open=[position(), position("Sim102")]))
    found = await Reverse(panel.desk).look("SIM101", "MESZ25")
    assert found == Held("Sim101", "MES 12-25", Side.SHORT, 2)


@pytest.mark.parametrize(
    ("rows", "instrument", "flaws", "cause"),
    [
        ([], "MES 12-25", Flaws(), Cause.NO_POSITION),
        ([position(), position(instrument="MES 03-26")], "MES", Flaws(), Cause.READS_DISAGREE),
        ([position()], "MES", Flaws(), Cause.ALIAS),
        ([position(side=None)], "MES 12-25", Flaws(), Cause.ROW_UNREADABLE),
        ([position()], "MES 12-25", Flaws("count"), Cause.ROW_UNREADABLE),
    ],
)
async def test_without_exactly_one_clear_position_there_is_no_reverse(
    make_panel: Make, rows: list[Position], instrument: str, flaws: Flaws, cause: Cause
) -> None:
    panel = make_panel(FakeGateway(open=rows, flaws=lambda _source, _number: flaws))
    assert await Reverse(panel.desk).look("Sim101", instrument) == Reason(cause)


async def test_the_fresh_read_takes_the_other_endpoint_where_one_fails(make_panel: Make) -> None:
    one = make_panel(FakeGateway(open=[position()], before_read=fail_reads(Source.POSITIONS)))
    assert await Reverse(one.desk).look("Sim101", "MES 12-25") == Held("Sim101", "MES 12-25", Side.SHORT, 2)
    both = make_panel(FakeGateway(before_read=fail_reads(*Source)))
    assert await Reverse(both.desk).look("Sim101", "MES 12-25") == Reason(Cause.SERVER_FAILED)


async def test_an_order_without_a_filled_count_that_was_cancelled_is_given_up(make_panel: Make) -> None:
    def cancelled(gateway: FakeGateway, ticket: ReverseTicket) -> Receipt:
        gateway.open = []
        gateway.working = {ticket.account: [Order(ticket.account, "entry-1", ticket.instrument, "Cancelled")]}
        return gateway.receipt(None, ("entry-1",))

    panel = make_panel(FakeGateway(open=[position()], on_reverse=cancelled))
    assert (await reverse(panel)).verdict is Verdict.REVERSE_MISMATCH
