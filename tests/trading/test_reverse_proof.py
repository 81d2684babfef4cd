"""The judgement of a reverse, read by read, without a clock: Short 2 is to become Long 2."""

from decimal import Decimal
from typing import Any

import pytest

from crosstrade_panel.domain.outcome import Cause, Reason, Verdict
from crosstrade_panel.domain.scope import Side
from crosstrade_panel.domain.snapshot import (
    Account,
    Flaws,
    Order,
    OrdersRead,
    Position,
    PositionsRead,
    Source,
    Stamp,
)
from crosstrade_panel.domain.ticket import OrderType, ReverseTicket
from crosstrade_panel.trading.evidence import Evidence, Judgement
from crosstrade_panel.trading.ports import Receipt
from crosstrade_panel.trading.reverse_proof import ReverseCase, ReverseProof
from tests.fakes import order, position, positions_read

MARKET = ReverseTicket("sim101", "MES 12-25", Side.SHORT, 2)
LIMIT = ReverseTicket("sim101", "MES 12-25", Side.SHORT, 2, OrderType.LIMIT, limit_price=Decimal(5000))
STOP = ReverseTicket("sim101", "MES 12-25", Side.SHORT, 2, OrderType.STOP_MARKET, stop_price=Decimal(5000))
ACCEPTED = Receipt(("entry",), None, "", 0.0, 0.0)
DOUBT = Reason(Cause.NO_ANSWER)
OLD, NEW = position(), position(side=Side.LONG)
SPOILED = Flaws(accounts=frozenset({"sim101"}))


def snapshot(sent_at: float, *rows: Position, **fields: Any) -> PositionsRead:
    return positions_read(sent_at, *rows, source=Source.SNAPSHOT, **fields)


def twice(*rows: Position, at: float = 0.1) -> tuple[PositionsRead, PositionsRead]:
    return positions_read(at, *rows), snapshot(at + 1.2, *rows)


def orders(sent_at: float, *rows: Order) -> OrdersRead:
    return OrdersRead(Stamp(sent_at, sent_at + 0.1), "Sim101", rows)


def entry(state: str, filled: int = 0) -> Order:
    return Order("Sim101", "entry", "MES 12-25", state, filled=filled)


def proof(
    *reads: PositionsRead | OrdersRead | Source,
    ticket: ReverseTicket = MARKET,
    receipt: Receipt | None = ACCEPTED,
    doubt: Reason | None = None,
    ended_at: float | None = None,
) -> ReverseProof:
    made = ReverseProof(ReverseCase(ticket, receipt, doubt), Evidence(0.0, ended_at=ended_at))
    for read in reads:
        match read:
            case PositionsRead():
                made.evidence.add_positions(read)
            case OrdersRead():
                made.evidence.add_orders(read)
            case Source():
                made.evidence.fail(read, Reason(Cause.SERVER_FAILED))
    return made


def told(judgement: Judgement) -> tuple[Verdict, bool]:
    return judgement.fates[0].verdict, judgement.settled


def test_the_expected_side_and_size_by_two_reads_and_a_listing_is_reversed() -> None:
    judgement = proof(*twice(NEW)).judge(final=False)
    assert told(judgement) == (Verdict.REVERSED, True)
    assert judgement.fates[0].still_open == ()
    assert judgement.proved_at == pytest.approx(1.4)


def test_one_read_never_says_reversed_or_mismatch() -> None:
    for rows in ((NEW,), (OLD,), ()):
        judgement = proof(snapshot(0.1, *rows)).judge(final=True)
        assert told(judgement) == (Verdict.NOT_PROVED, True)
        assert judgement.fates[0].reason == Reason(Cause.READS_DISAGREE)
        assert judgement.fates[0].still_open == rows


def test_a_first_read_asks_for_its_second() -> None:
    judgement = proof(positions_read(0.1, NEW)).judge(final=False)
    assert judgement.candidate_at == pytest.approx(0.2)
    assert judgement.candidate_source is Source.POSITIONS
    assert judgement.orders_wanted == ()


def test_nothing_read_is_not_proved_and_after_doubt_unknown() -> None:
    assert told(proof().judge(final=True)) == (Verdict.NOT_PROVED, True)
    assert told(proof(doubt=DOUBT, receipt=None).judge(final=True)) == (Verdict.UNKNOWN, True)
    failed = proof(Source.POSITIONS).judge(final=True)
    assert failed.fates[0].reason == Reason(Cause.SERVER_FAILED)
    bad = proof(positions_read(0.1, NEW, flaws=SPOILED)).judge(final=True)
    assert bad.fates[0].still_open == (NEW,)


def test_another_size_another_side_or_a_second_row_is_a_mismatch_at_the_end_only() -> None:
    for rows in ((position(side=Side.LONG, quantity=1),), (OLD,), (NEW, position(instrument="MES"))):
        assert told(proof(*twice(*rows)).judge(final=False)) == (Verdict.NOT_PROVED, False)
        assert told(proof(*twice(*rows)).judge(final=True)) == (Verdict.REVERSE_MISMATCH, True)


def test_flat_is_a_mismatch_only_where_the_orders_show_that_the_entry_is_gone() -> None:
    assert told(proof(*twice()).judge(final=True)) == (Verdict.NOT_PROVED, True)
    assert told(proof(*twice(), orders(0.3)).judge(final=True)) == (Verdict.REVERSE_MISMATCH, True)


def test_a_row_that_only_may_be_the_instrument_is_not_the_expected_one() -> None:
    judgement = proof(*twice(position(instrument="MES", side=Side.LONG))).judge(final=True)
    assert told(judgement)[0] is Verdict.REVERSE_MISMATCH


def test_a_mismatch_read_long_before_the_end_is_not_claimed() -> None:
    assert told(proof(*twice(OLD), ended_at=10.0).judge(final=True)) == (Verdict.NOT_PROVED, True)
    assert told(proof(*twice(OLD, at=7.0), ended_at=10.0).judge(final=True)) == (
        Verdict.REVERSE_MISMATCH,
        True,
    )


def test_a_resting_entry_that_works_under_its_id_is_reverse_working() -> None:
    for ticket in (LIMIT, STOP):
        judgement = proof(*twice(), orders(0.3, entry("Working")), ticket=ticket).judge(final=False)
        assert told(judgement) == (Verdict.REVERSE_WORKING, True)
        assert [each.order_id for each in judgement.fates[0].working_orders] == ["entry"]


def test_a_limit_entry_filled_in_part_is_reverse_working() -> None:
    part = position(side=Side.LONG, quantity=1)
    judgement = proof(*twice(part), orders(0.3, entry("PartFilled", 1)), ticket=LIMIT).judge(final=False)
    assert told(judgement) == (Verdict.REVERSE_WORKING, True)
    assert judgement.fates[0].still_open == (part,)


def test_a_market_entry_that_still_works_is_waited_for() -> None:
    made = proof(*twice(), orders(0.3, entry("Accepted")))
    assert told(made.judge(final=False)) == (Verdict.REVERSE_WORKING, False)
    assert made.judge(final=False).orders_wanted == ("Sim101",)
    assert told(made.judge(final=True)) == (Verdict.REVERSE_WORKING, True)


def test_flat_with_the_entry_rejected_is_a_mismatch_at_once() -> None:
    assert told(proof(*twice(), orders(0.3, entry("Rejected"))).judge(final=False)) == (
        Verdict.REVERSE_MISMATCH,
        True,
    )


def test_flat_with_the_entry_filled_waits_because_positions_may_lag() -> None:
    assert told(proof(*twice(), orders(0.3, entry("Filled", 2))).judge(final=False)) == (
        Verdict.NOT_PROVED,
        False,
    )
    assert told(proof(*twice(), orders(0.3, entry("Cancelled", 1))).judge(final=False)) == (
        Verdict.NOT_PROVED,
        False,
    )


def test_a_resting_entry_nobody_looked_for_is_not_called_gone() -> None:
    assert told(proof(*twice(), ticket=LIMIT).judge(final=True)) == (Verdict.NOT_PROVED, True)
    assert told(proof(*twice(), orders(0.3), ticket=LIMIT).judge(final=True)) == (
        Verdict.REVERSE_MISMATCH,
        True,
    )
    before = orders(0.05, entry("Working"))
    assert told(proof(before, *twice(), ticket=LIMIT).judge(final=True)) == (Verdict.NOT_PROVED, True)
    no_id = proof(*twice(), orders(0.3, order()), ticket=LIMIT, receipt=Receipt((), None, "", 0.0, 0.0))
    assert no_id.judge(final=False).orders_wanted == ()
    assert told(no_id.judge(final=True)) == (Verdict.REVERSE_MISMATCH, True)


def test_after_doubt_flat_or_the_old_side_is_unknown_and_the_expected_side_is_reversed() -> None:
    for rows, ticket, verdict in (
        ((), MARKET, Verdict.UNKNOWN),
        ((OLD,), MARKET, Verdict.UNKNOWN),
        ((NEW,), MARKET, Verdict.REVERSED),
        ((position(side=Side.LONG, quantity=1),), MARKET, Verdict.REVERSE_MISMATCH),
        ((position(side=Side.LONG, quantity=1),), LIMIT, Verdict.UNKNOWN),
    ):
        judgement = proof(*twice(*rows), doubt=DOUBT, receipt=None, ticket=ticket).judge(final=True)
        assert told(judgement) == (verdict, True)


def test_an_account_that_is_not_listed_or_not_connected_cannot_be_told() -> None:
    for listed, cause in (
        ((Account("Sim102"),), Cause.NOT_LISTED),
        ((Account("Sim101", connected=False),), Cause.NOT_CONNECTED),
        ((), Cause.NOTHING_LISTED),
    ):
        judgement = proof(positions_read(0.1, NEW), snapshot(1.3, NEW, listed=listed)).judge(final=True)
        assert told(judgement) == (Verdict.CANNOT_TELL, True)
        assert judgement.fates[0].reason == Reason(cause)
    alone = proof(positions_read(0.1, NEW), Source.SNAPSHOT, positions_read(1.3, NEW))
    assert told(alone.judge(final=True)) == (Verdict.CANNOT_TELL, True)
    assert alone.judge(final=False).wants_listing


def test_a_read_that_shows_something_else_breaks_the_proof() -> None:
    between = (positions_read(0.1, NEW), positions_read(0.6), snapshot(1.3, NEW))
    assert told(proof(*between).judge(final=False))[0] is Verdict.NOT_PROVED
    bad = (positions_read(0.1, NEW), positions_read(0.6, OLD, flaws=SPOILED), snapshot(1.3, NEW))
    assert told(proof(*bad).judge(final=False))[0] is Verdict.NOT_PROVED
    newest = (*twice(NEW), positions_read(2.0, OLD, flaws=SPOILED))
    assert told(proof(*newest).judge(final=False))[0] is Verdict.NOT_PROVED


def test_a_spoiled_read_that_shows_the_same_or_nothing_does_not_break_the_proof() -> None:
    for rows in ((NEW,), ()):
        reads = (positions_read(0.1, NEW), positions_read(0.6, *rows, flaws=SPOILED), snapshot(1.3, NEW))
        assert told(proof(*reads).judge(final=False)) == (Verdict.REVERSED, True)


def test_other_rows_of_the_account_are_none_of_the_pairs_own() -> None:
    others = position(instrument="NQ 12-25"), position("Sim102")
    judgement = proof(*twice(NEW, *others)).judge(final=False)
    assert told(judgement) == (Verdict.REVERSED, True)
    assert (judgement.fates[0].still_open, judgement.orders_wanted) == ((), ())
    assert (judgement.candidate_at, judgement.candidate_source) == (None, None)
    assert judgement.proved_at == pytest.approx(1.4)


def test_a_late_answer_lifts_the_doubt_and_names_the_entry() -> None:
    made = proof(receipt=None, doubt=DOUBT)
    made.take_answer(Receipt(("entry",), None, "", 0.0, 5.0))
    for read in twice(at=5.1):
        made.evidence.add_positions(read)
    made.evidence.add_orders(orders(6.5, entry("Rejected")))
    judgement = made.judge(final=False)
    assert (told(judgement), judgement.fates[0].reason) == ((Verdict.REVERSE_MISMATCH, True), None)
    unread = proof(receipt=None, doubt=DOUBT)
    unread.take_answer(ACCEPTED)
    assert unread.judge(final=True).fates[0].verdict is Verdict.NOT_PROVED


def test_what_is_not_what_was_asked_for_says_that_the_reads_disagree_until_the_end() -> None:
    reason = Reason(Cause.READS_DISAGREE)
    waits = proof(*twice(OLD)).judge(final=False).fates[0]
    assert (waits.verdict, waits.reason, waits.still_open) == (Verdict.NOT_PROVED, reason, (OLD,))
    once = proof(positions_read(0.1, OLD)).judge(final=True).fates[0]
    assert (once.verdict, once.reason) == (Verdict.NOT_PROVED, reason)


def test_what_was_not_read_at_all_says_so_and_the_last_failure_says_more() -> None:
    assert proof().judge(final=True).fates[0].reason == Reason(Cause.READS_FAILED)
    failed = proof(positions_read(0.1, NEW), Source.SNAPSHOT).judge(final=True).fates[0]
    assert failed.reason == Reason(Cause.SERVER_FAILED)


def test_an_entry_nobody_looked_for_leaves_the_reverse_unread() -> None:
    fate = proof(*twice()).judge(final=True).fates[0]
    assert (fate.verdict, fate.reason) == (Verdict.NOT_PROVED, Reason(Cause.ENTRY_UNREAD))


def test_only_an_entry_that_works_is_shown_as_working() -> None:
    works = proof(*twice(), orders(1.5, entry("Working")), ticket=LIMIT).judge(final=False)
    assert (told(works), works.fates[0].working_orders) == (
        (Verdict.REVERSE_WORKING, True),
        (entry("Working"),),
    )
    ended = proof(*twice(), orders(1.5, entry("Rejected")), ticket=LIMIT).judge(final=False)
    assert (told(ended), ended.fates[0].working_orders) == ((Verdict.REVERSE_MISMATCH, True), ())


@pytest.mark.parametrize(
    ("state", "filled", "is_over"),
    [
        ("Cancelled", 0, True),
        ("CANCELLED", 0, True),
        ("Rejected", 0, True),
        ("Cancelled", 1, False),
        ("Filled", 2, False),
        ("Filled", 0, False),
    ],
)
def test_flat_is_told_at_once_only_where_the_entry_ended_without_a_fill(
    state: str, filled: int, is_over: bool
) -> None:
    judgement = proof(*twice(), orders(1.5, entry(state, filled))).judge(final=False)
    assert judgement.settled == is_over
    assert (judgement.fates[0].verdict is Verdict.REVERSE_MISMATCH) == is_over


def test_a_first_read_that_was_contradicted_is_not_the_one_that_wants_its_second() -> None:
    made = proof(positions_read(0.1, OLD), snapshot(0.5, NEW))
    judgement = made.judge(final=False)
    assert judgement.candidate_at == pytest.approx(0.6)
    assert judgement.candidate_source is Source.SNAPSHOT
    assert judgement.fates[0].still_open == (NEW,)
    assert made.judge(final=True).candidate_at is None
    proved = proof(*twice(OLD)).judge(final=False)
    assert (proved.settled, proved.candidate_at, proved.candidate_source) == (False, None, None)


def test_the_newest_rows_are_shown_also_where_no_read_is_clean_and_the_run_s_where_one_is() -> None:
    unclean = proof(positions_read(0.1, OLD, flaws=SPOILED)).judge(final=True).fates[0]
    assert unclean.still_open == (OLD,)
    cheaper = position(quantity=1)
    run = proof(positions_read(0.1, NEW), snapshot(0.5, flaws=SPOILED)).judge(final=True).fates[0]
    assert run.still_open == (NEW,)
    broken = proof(positions_read(0.1, NEW), snapshot(0.5, cheaper, flaws=SPOILED)).judge(final=True)
    assert broken.fates[0].still_open == (cheaper,)
    assert proof().judge(final=True).fates[0].still_open == ()


def test_a_mismatch_that_only_the_orders_show_takes_two_reads_of_them_one_after_the_other() -> None:
    def beyond_doubt(*reads: OrdersRead, rows: tuple[Position, ...] = ()) -> bool:
        return proof(*reads, ticket=LIMIT).is_mismatch_beyond_doubt(rows)

    listed, ended = entry("Working"), entry("Cancelled")
    other = order(order_id="of somebody else")
    assert beyond_doubt(orders(0.1), orders(0.3))
    assert beyond_doubt(orders(0.1, other), orders(0.3, other))  # another order works, and not this one
    assert beyond_doubt(orders(0.1, ended), orders(0.3, ended))
    assert beyond_doubt(orders(0.1, listed), orders(0.3), orders(0.5))
    assert beyond_doubt(orders(0.1), orders(0.2))
    assert not beyond_doubt()
    assert not beyond_doubt(orders(0.1))
    assert not beyond_doubt(orders(0.1), orders(0.15))  # they overlap
    assert not beyond_doubt(orders(0.1), orders(0.3, listed))
    assert not beyond_doubt(orders(0.1, listed), orders(0.3))
    assert not beyond_doubt(rows=(NEW,))
    assert beyond_doubt(orders(0.1), orders(0.3), rows=(NEW,))
    assert beyond_doubt(rows=(OLD,))
    assert beyond_doubt(rows=(NEW, OLD))


def test_a_read_is_recent_up_to_the_limit_before_the_reading_ends() -> None:
    reads = positions_read(0.25, OLD), snapshot(1.5, OLD)
    assert told(proof(*reads, ended_at=4.5).judge(final=True))[0] is Verdict.REVERSE_MISMATCH
    assert told(proof(*reads, ended_at=4.51).judge(final=True))[0] is Verdict.NOT_PROVED
