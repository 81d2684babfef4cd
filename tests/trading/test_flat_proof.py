"""The judgement of a flatten, read by read, without a clock."""

from collections.abc import Mapping
from typing import Any

import pytest

from crosstrade_panel.domain.outcome import Cause, Fate, Reason, Verdict
from crosstrade_panel.domain.scope import EveryAccount, OneAccount, Scope, Side
from crosstrade_panel.domain.snapshot import (
    Account,
    AccountsRead,
    Flaws,
    Order,
    OrdersRead,
    Position,
    PositionsRead,
    Source,
    Stamp,
)
from crosstrade_panel.trading.evidence import Evidence, Judgement
from crosstrade_panel.trading.flat_proof import FlattenCase, FlattenProof
from crosstrade_panel.trading.ports import Receipt
from crosstrade_panel.trading.roster import Seen
from tests.fakes import order, position, positions_read

SIM101 = OneAccount("Sim101")
SHORT, LONG = position(), position(side=Side.LONG)
SPOILED = Flaws(accounts=frozenset({"sim101"}))
DOUBT = Reason(Cause.NO_ANSWER)
CONNECTED, DISCONNECTED = Account("Sim101", connected=True), Account("Sim101", connected=False)
SNAPSHOT = Source.SNAPSHOT


def receipt(*closed: Position) -> Receipt:
    return Receipt((), closed, "", 0.0, 0.0)


def case(scope: Scope = SIM101, *before: Position, **fields: Any) -> FlattenCase:
    """A case in which the read before the press showed these rows, and Sim101 for one."""
    by_account: dict[str, tuple[Position, ...]] = {"sim101": ()}
    for row in before:
        key = (row.account or "").casefold()
        by_account[key] = (*by_account.get(key, ()), row)
    facts: Mapping[str, Any] = {"before": by_account, "fresh": frozenset(by_account), "seen": None} | fields
    return FlattenCase(scope, **facts)


def proof(of: FlattenCase, *reads: PositionsRead | AccountsRead | OrdersRead | Source) -> FlattenProof:
    """Reads taken in, in that order; a source stands for a read of it that failed."""
    made = FlattenProof(of, Evidence(0.0))
    for read in reads:
        match read:
            case PositionsRead():
                made.evidence.add_positions(read)
            case AccountsRead():
                made.evidence.add_listing(read)
            case OrdersRead():
                made.evidence.add_orders(read)
            case Source():
                made.evidence.fail(read, Reason(Cause.SERVER_FAILED))
    return made


def orders(sent_at: float, *rows: Order, account: str = "Sim101", flaws: Flaws | None = None) -> OrdersRead:
    return OrdersRead(Stamp(sent_at, sent_at + 0.1), account, rows, flaws or Flaws())


def listing(sent_at: float, *accounts: Account, flaws: Flaws | None = None) -> AccountsRead:
    return AccountsRead(Stamp(sent_at, sent_at + 0.1), accounts, flaws or Flaws())


def snapshot(sent_at: float, *rows: Position, **fields: Any) -> PositionsRead:
    return positions_read(sent_at, *rows, source=SNAPSHOT, **fields)


def only(judgement: Judgement) -> Fate:
    (fate,) = judgement.fates
    return fate


FLAT_TWICE = (positions_read(0.1), snapshot(1.3))


# -- two reads ---


def test_one_clean_read_never_proves_flat() -> None:
    judgement = proof(case(SIM101, SHORT), snapshot(0.1), orders(0.2)).judge(final=True)
    assert only(judgement).verdict is Verdict.NOT_PROVED


def test_two_clean_reads_of_both_endpoints_and_the_orders_prove_flat() -> None:
    judgement = proof(case(SIM101, SHORT), *FLAT_TWICE, orders(0.3)).judge(final=False)
    assert judgement.settled
    assert only(judgement).verdict is Verdict.FLAT
    assert judgement.proved_at == pytest.approx(1.4)
    assert judgement.orders_checked == (1, 1)


def test_a_second_read_sent_too_early_does_not_count() -> None:
    judgement = proof(case(SIM101, SHORT), positions_read(0.1), snapshot(1.19), orders(0.3)).judge(final=True)
    assert only(judgement).verdict is Verdict.NOT_PROVED
    assert only(judgement).reason == Reason(Cause.READS_FAILED)


def test_two_reads_of_one_endpoint_do_not_count_while_the_other_one_answers() -> None:
    reads = (snapshot(0.1), snapshot(1.3), orders(0.3))
    assert only(proof(case(SIM101, SHORT), *reads).judge(final=True)).verdict is Verdict.NOT_PROVED
    failed = proof(case(SIM101, SHORT), *reads, Source.POSITIONS)
    assert only(failed.judge(final=True)).verdict is Verdict.FLAT


def test_an_endpoint_that_answers_again_is_asked_for_its_half() -> None:
    reads = (Source.SNAPSHOT, positions_read(0.1), snapshot(0.5, flaws=SPOILED), positions_read(1.3))
    judgement = proof(case(SIM101, SHORT), *reads, orders(0.3)).judge(final=True)
    assert only(judgement).verdict is Verdict.NOT_PROVED
    assert only(judgement).reason == Reason(Cause.ROW_UNREADABLE)


def test_reads_sent_before_the_answer_are_no_evidence() -> None:
    made = FlattenProof(case(SIM101, SHORT), Evidence(5.0))
    made.evidence.add_positions(snapshot(4.9))
    made.evidence.add_listing(listing(4.9, CONNECTED))
    made.evidence.add_orders(orders(4.9))
    assert not made.evidence.reads
    assert made.evidence.listing is None
    assert not made.evidence.orders


def test_an_open_read_between_two_clear_ones_breaks_the_proof() -> None:
    reads = (positions_read(0.1), positions_read(0.6, SHORT), snapshot(1.3), orders(1.4))
    judgement = proof(case(SIM101, SHORT), *reads).judge(final=True)
    assert only(judgement).verdict is Verdict.NOT_PROVED
    assert only(judgement).reason == Reason(Cause.READS_DISAGREE)


def test_an_open_read_that_was_sent_between_and_comes_late_still_breaks_the_proof() -> None:
    made = proof(case(SIM101, SHORT), *FLAT_TWICE, orders(0.3))
    assert only(made.judge(final=False)).verdict is Verdict.FLAT
    made.evidence.add_positions(positions_read(0.7, SHORT, took_s=4.0))
    assert only(made.judge(final=False)).verdict is not Verdict.FLAT


def test_an_open_row_in_a_read_that_is_not_clean_breaks_the_proof() -> None:
    reads = (positions_read(0.1), positions_read(0.6, position(side=None)), snapshot(1.3), orders(1.4))
    assert only(proof(case(SIM101, SHORT), *reads).judge(final=True)).verdict is Verdict.NOT_PROVED


def test_a_bad_row_spoils_its_account_and_no_other() -> None:
    both = (CONNECTED, Account("Sim102", connected=True))
    bad = position("Sim102", "ES 12-25", side=None)
    reads = (positions_read(0.1, bad), snapshot(1.3, listed=both), positions_read(2.5, bad), orders(0.3))
    judgement = proof(case(EveryAccount(), SHORT), *reads).judge(final=True)
    assert {fate.account: fate.verdict for fate in judgement.fates} == {
        "Sim101": Verdict.FLAT,
        "Sim102": Verdict.NOT_PROVED,
    }


def test_a_row_whose_account_cannot_be_read_spoils_the_read_for_all() -> None:
    hidden = Position(None, "NQ 12-25", Side.LONG, 1)
    judgement = proof(
        case(OneAccount("Sim101", "MES 12-25"), SHORT), positions_read(0.1, hidden), snapshot(1.3)
    ).judge(final=True)
    assert only(judgement).verdict is Verdict.NOT_PROVED
    assert judgement.elsewhere_open == 0


def test_a_read_with_a_flaw_in_all_of_it_is_no_half_of_a_proof() -> None:
    reads = (positions_read(0.1, flaws=Flaws("count")), snapshot(1.3), orders(1.4))
    assert only(proof(case(SIM101, SHORT), *reads).judge(final=True)).verdict is Verdict.NOT_PROVED


# -- the listing ---


def test_without_a_listing_nobody_can_tell() -> None:
    reads = (positions_read(0.1), Source.SNAPSHOT, positions_read(1.3), orders(0.3))
    judgement = proof(case(SIM101, SHORT), *reads).judge(final=True)
    assert only(judgement).verdict is Verdict.CANNOT_TELL
    assert only(judgement).reason == Reason(Cause.NOTHING_LISTED)
    assert judgement.wants_listing


def test_the_accounts_endpoint_lists_where_the_snapshot_fails() -> None:
    reads = (positions_read(0.1), Source.SNAPSHOT, positions_read(1.3), listing(0.7, CONNECTED), orders(0.3))
    assert only(proof(case(SIM101, SHORT), *reads).judge(final=True)).verdict is Verdict.FLAT


def test_a_listing_with_a_flaw_lists_nothing() -> None:
    reads = (positions_read(0.1), Source.SNAPSHOT, positions_read(1.3), orders(0.3))
    spoiled = proof(case(SIM101, SHORT), *reads, listing(0.7, CONNECTED, flaws=Flaws("count")))
    assert only(spoiled.judge(final=True)).verdict is Verdict.CANNOT_TELL
    twice = proof(case(SIM101, SHORT), *reads, listing(0.7, CONNECTED, flaws=SPOILED))
    assert only(twice.judge(final=True)).reason == Reason(Cause.ROW_UNREADABLE)


def test_an_account_that_is_not_listed_cannot_be_told() -> None:
    other = (Account("Sim102", connected=True),)
    judgement = proof(case(SIM101, SHORT), positions_read(0.1), snapshot(1.3, listed=other)).judge(final=True)
    assert only(judgement).verdict is Verdict.CANNOT_TELL
    assert only(judgement).reason == Reason(Cause.NOT_LISTED)


def test_an_empty_listing_proves_nothing() -> None:
    for scope in (SIM101, EveryAccount()):
        judgement = proof(
            case(scope, SHORT, seen={"sim101": Seen("Sim101")}), positions_read(0.1), snapshot(1.3, listed=())
        )
        fate = only(judgement.judge(final=True))
        assert fate.verdict is Verdict.CANNOT_TELL
        assert fate.reason == Reason(Cause.NOTHING_LISTED)


def test_everything_is_not_settled_before_somebody_said_which_accounts_there_are() -> None:
    nothing = proof(case(EveryAccount(), before={}), positions_read(0.1))
    assert nothing.judge(final=False).scope_reason == Reason(Cause.NOTHING_LISTED)
    assert not nothing.judge(final=False).settled
    failed = proof(case(EveryAccount(), before={}), Source.SNAPSHOT)
    assert failed.judge(final=True).scope_reason == Reason(Cause.SERVER_FAILED)


def test_a_disconnected_account_cannot_be_told_flat_or_open() -> None:
    flat = (positions_read(0.1), snapshot(1.3, listed=(DISCONNECTED,)))
    still = (positions_read(0.1, SHORT), snapshot(1.3, SHORT, listed=(DISCONNECTED,)))
    for reads in (flat, still):
        fate = only(proof(case(SIM101, SHORT), *reads).judge(final=True))
        assert fate.verdict is Verdict.CANNOT_TELL
        assert fate.reason == Reason(Cause.NOT_CONNECTED)


def test_an_account_never_connected_that_held_nothing_is_named_and_takes_no_headline() -> None:
    seen = {"sim101": Seen("Sim101", ever_connected=True), "old": Seen("Old")}
    listed = (CONNECTED, Account("Old", connected=False))
    reads = (positions_read(0.1), snapshot(1.3, listed=listed), orders(0.3))
    judgement = proof(case(EveryAccount(), SHORT, seen=seen), *reads).judge(final=False)
    assert judgement.settled
    assert [(fate.account, fate.verdict, fate.takes_headline) for fate in judgement.fates] == [
        ("Sim101", Verdict.FLAT, True),
        ("Old", Verdict.CANNOT_TELL, False),
    ]


def test_an_account_that_was_there_and_is_not_takes_the_headline() -> None:
    listed = (CONNECTED, Account("Old", connected=False))
    reads = (positions_read(0.1), snapshot(1.3, listed=listed), orders(0.3))
    connected = {"old": Seen("Old", ever_connected=True)}
    held = {"old": Seen("Old", ever_held=True)}
    for facts in ({"seen": connected}, {"seen": held}, {"seen": None}):
        judgement = proof(case(EveryAccount(), SHORT, **facts), *reads).judge(final=True)
        fates = {fate.account: fate for fate in judgement.fates}
        assert fates["Old"].verdict is Verdict.CANNOT_TELL
        assert fates["Old"].takes_headline
    closed = position("Old")
    made = case(EveryAccount(), seen={"old": Seen("Old")}, receipt=receipt(closed))
    judgement = proof(made, *reads).judge(final=True)
    assert {fate.account: fate.takes_headline for fate in judgement.fates}["Old"]


def test_an_account_that_was_connected_in_a_read_after_the_press_is_not_passed_over() -> None:
    there, gone = Account("Old", connected=True), Account("Old", connected=False)
    reads = (
        snapshot(0.1, listed=(CONNECTED, there)),
        positions_read(0.5),
        snapshot(1.3, listed=(CONNECTED, gone)),
    )
    judgement = proof(case(EveryAccount(), SHORT, seen={}), *reads).judge(final=True)
    assert {fate.account: fate.takes_headline for fate in judgement.fates}["Old"]


def test_an_account_that_was_listed_after_the_press_and_is_gone_again_still_counts() -> None:
    both = (CONNECTED, Account("Sim102", connected=True))
    reads = (snapshot(0.1, listed=both), positions_read(0.5), snapshot(1.7))
    judgement = proof(case(EveryAccount(), SHORT), *reads).judge(final=True)
    verdicts = {fate.account: fate.verdict for fate in judgement.fates}
    assert verdicts["Sim102"] is Verdict.CANNOT_TELL


def test_a_listing_that_contradicts_the_positions_ends_not_proved() -> None:
    contradicting = (Account("Sim101", connected=True, is_flat=False),)
    judgement = proof(case(SIM101, SHORT), positions_read(0.1), snapshot(1.3, listed=contradicting)).judge(
        final=True
    )
    assert only(judgement).verdict is Verdict.NOT_PROVED
    assert only(judgement).reason == Reason(Cause.FLAG_CONTRADICTS)


def test_an_open_row_elsewhere_explains_that_the_account_is_not_flat() -> None:
    elsewhere = position(instrument="NQ 12-25")
    listed = (Account("Sim101", connected=True, is_flat=False),)
    reads = (positions_read(0.1, elsewhere), snapshot(1.3, elsewhere, listed=listed), orders(0.3))
    judgement = proof(case(OneAccount("Sim101", "MES 12-25"), SHORT), *reads).judge(final=True)
    assert only(judgement).verdict is Verdict.FLAT
    assert judgement.elsewhere_open == 1


# -- doubt ---


def test_after_doubt_what_is_not_proved_is_unknown_and_proof_is_still_proof() -> None:
    doubtful = {"doubt": DOUBT}
    nothing_read = proof(case(SIM101, SHORT, **doubtful)).judge(final=True)
    assert (only(nothing_read).verdict, only(nothing_read).reason) == (Verdict.UNKNOWN, DOUBT)
    unlisted = proof(
        case(SIM101, SHORT, **doubtful), positions_read(0.1), Source.SNAPSHOT, positions_read(1.3)
    )
    assert only(unlisted.judge(final=True)).verdict is Verdict.UNKNOWN
    proved = proof(case(SIM101, SHORT, **doubtful), *FLAT_TWICE, orders(0.3)).judge(final=True)
    assert only(proved).verdict is Verdict.FLAT
    still_open = proof(case(SIM101, SHORT, **doubtful), positions_read(9.0, SHORT)).judge(final=True)
    assert only(still_open).verdict is Verdict.STILL_OPEN


# -- nothing open ---


def test_nothing_open_needs_a_fresh_read_before_or_the_servers_word() -> None:
    assert only(proof(case(), *FLAT_TWICE).judge(final=False)).verdict is Verdict.NOTHING_OPEN
    old = proof(case(fresh=frozenset()), *FLAT_TWICE).judge(final=True)
    assert only(old).verdict is Verdict.FLAT_ORDERS_NOT_CHECKED
    reported = proof(case(before={}, receipt=receipt()), *FLAT_TWICE).judge(final=False)
    assert only(reported).verdict is Verdict.NOTHING_OPEN
    unreported = Receipt((), None, "", 0.0, 0.0)
    silent = proof(case(before={}, receipt=unreported), *FLAT_TWICE).judge(final=True)
    assert only(silent).verdict is Verdict.FLAT_ORDERS_NOT_CHECKED
    refused = proof(case(before={}, nothing_to_close=True), *FLAT_TWICE).judge(final=False)
    assert only(refused).verdict is Verdict.NOTHING_OPEN


# -- orders ---


def test_orders_count_only_if_they_were_read_since_the_positions_are_flat() -> None:
    reads = (orders(0.05), *FLAT_TWICE)
    judgement = proof(case(SIM101, SHORT), *reads).judge(final=False)
    assert only(judgement).verdict is Verdict.FLAT_ORDERS_NOT_CHECKED
    assert judgement.orders_wanted == ("Sim101",)
    assert judgement.orders_checked == (0, 1)
    assert not judgement.settled


def test_orders_are_asked_for_with_the_first_clean_flat_read_under_the_name_the_api_reported() -> None:
    judgement = proof(case(OneAccount("SIM101"), SHORT), snapshot(0.1)).judge(final=False)
    assert judgement.orders_wanted == ("Sim101",)
    unlisted = proof(case(OneAccount("SIM101"), SHORT), positions_read(0.1)).judge(final=False)
    assert unlisted.orders_wanted == ("SIM101",)
    assert proof(case(), snapshot(0.1)).judge(final=False).orders_wanted == ()


def test_accounts_that_had_positions_have_their_orders_read_first() -> None:
    both = (Account("Sim100", connected=True), CONNECTED)
    reads = (positions_read(0.1), snapshot(1.3, listed=both))
    judgement = proof(case(EveryAccount(), SHORT), *reads).judge(final=False)
    assert judgement.orders_wanted == ("Sim101", "Sim100")


def test_a_working_order_in_a_watched_pair_is_named_and_one_elsewhere_is_not() -> None:
    rows = (
        order(order_id="1"),
        order(order_id="2", instrument="NQ 12-25"),
        order(order_id="3", state="Filled"),
        order(order_id="4", instrument="MESZ25"),
        order(order_id="5", instrument=None),
    )
    judgement = proof(case(SIM101, SHORT), *FLAT_TWICE, orders(0.3, *rows)).judge(final=True)
    assert only(judgement).verdict is Verdict.ORDERS_WORKING
    assert [each.order_id for each in only(judgement).working_orders] == ["1", "4", "5"]


def test_without_a_watched_pair_every_working_order_in_scope_counts() -> None:
    made = proof(
        case(OneAccount("Sim101", "MES 12-25"), before={}),
        *FLAT_TWICE,
        orders(0.3, order(order_id="1"), order(order_id="2", instrument="NQ 12-25")),
    )
    assert [each.order_id for each in only(made.judge(final=True)).working_orders] == ["1"]


def test_orders_that_are_not_clean_are_as_good_as_none() -> None:
    judgement = proof(case(SIM101, SHORT), *FLAT_TWICE, orders(0.3, flaws=SPOILED)).judge(final=True)
    assert only(judgement).verdict is Verdict.FLAT_ORDERS_NOT_CHECKED


# -- what was left, and what was not ---


def test_the_other_side_is_left_as_asked_only_if_the_read_before_showed_it() -> None:
    shorts = OneAccount("Sim101", None, Side.SHORT)
    held = position(instrument="NQ 12-25", side=Side.LONG)
    reads = (positions_read(0.1, held), snapshot(1.3, held), orders(0.3))
    known = proof(case(shorts, SHORT, held), *reads).judge(final=True)
    assert only(known).verdict is Verdict.FLAT
    assert known.elsewhere_open == 1
    unknown = proof(case(shorts, SHORT), *reads).judge(final=True)
    assert only(unknown).verdict is Verdict.NOT_PROVED
    assert only(unknown).reason == Reason(Cause.OTHER_SIDE)
    assert only(unknown).still_open == (held,)


def test_what_the_server_closed_is_not_left_as_asked_on_its_other_side() -> None:
    shorts = OneAccount("Sim101", None, Side.SHORT)
    made = case(shorts, LONG, receipt=receipt(SHORT))
    judgement = proof(made, positions_read(0.1, LONG), positions_read(0.2, LONG, took_s=0.05)).judge(
        final=False
    )
    assert only(judgement).verdict is Verdict.OVERFILLED


def test_a_row_that_the_server_reports_closed_without_a_side_says_nothing_of_sides() -> None:
    made = case(SIM101, SHORT, receipt=receipt(position(side=None)))
    judgement = proof(made, positions_read(0.1, LONG), positions_read(0.3, LONG)).judge(final=False)
    assert only(judgement).verdict is Verdict.OVERFILLED


def test_rows_outside_the_scope_do_not_stand_in_the_way() -> None:
    scope = OneAccount("Sim101", "MES 12-25")
    other = position(instrument="NQ 12-25")
    reads = (positions_read(0.1, other), snapshot(1.3, other), orders(0.3))
    assert only(proof(case(scope, SHORT, other), *reads).judge(final=False)).verdict is Verdict.FLAT


def test_a_row_of_unknown_instrument_stands_in_the_way_of_every_scope() -> None:
    scope = OneAccount("Sim101", "MES 12-25")
    reads = (positions_read(8.0, position(instrument=None)),)  # type: ignore[arg-type]
    judgement = proof(case(scope, SHORT), *reads).judge(final=True)
    assert only(judgement).verdict is Verdict.NOT_PROVED
    assert only(judgement).reason == Reason(Cause.ROW_UNREADABLE)


def test_a_bad_read_after_a_clear_one_does_not_count_as_still_open() -> None:
    reads = (snapshot(8.0), positions_read(9.0, position(side=None)))
    judgement = proof(case(SIM101, SHORT), *reads).judge(final=True)
    assert only(judgement).verdict is Verdict.NOT_PROVED
    assert only(judgement).reason == Reason(Cause.ROW_UNREADABLE)


# -- aliases ---


def test_an_unresolved_alias_matches_by_root_and_is_not_proved_unless_the_account_holds_nothing() -> None:
    alias = OneAccount("Sim101", "ES")
    held = position(instrument="ES 12-25")
    open_row = proof(case(alias), positions_read(8.0, held)).judge(final=True)
    assert (only(open_row).verdict, only(open_row).reason) == (Verdict.NOT_PROVED, Reason(Cause.ALIAS))
    other = position(instrument="NQ 12-25")
    reads = (positions_read(0.1, other), snapshot(1.3, other))
    holds_another = proof(case(alias), *reads).judge(final=False)
    assert (only(holds_another).verdict, holds_another.settled) == (Verdict.NOT_PROVED, True)
    assert only(proof(case(alias), *FLAT_TWICE).judge(final=False)).verdict is Verdict.NOTHING_OPEN


def test_a_name_without_a_month_that_the_rows_carry_is_no_alias() -> None:
    stock = OneAccount("Sim101", "AAPL")
    other = position(instrument="NQ 12-25")
    reads = (positions_read(0.1, other), snapshot(1.3, other), orders(0.3))
    assert (
        only(proof(case(stock, position(instrument="AAPL")), *reads).judge(final=True)).verdict
        is Verdict.FLAT
    )


# -- still open, overfilled, closed more ---


def test_the_same_side_still_open_at_the_end_is_still_open() -> None:
    made = proof(case(SIM101, SHORT), positions_read(0.1, SHORT), snapshot(8.0, SHORT))
    assert not made.judge(final=False).settled
    made.evidence.ended_at = 10.0
    judgement = made.judge(final=True)
    assert only(judgement).verdict is Verdict.STILL_OPEN
    assert only(judgement).still_open == (SHORT,)


def test_an_open_row_read_long_before_the_end_is_shown_but_not_claimed_to_be_still_open() -> None:
    for failing, cause in ((True, Cause.SERVER_FAILED), (False, Cause.READS_FAILED)):
        made = proof(case(SIM101, SHORT), positions_read(0.1, SHORT))
        if failing:
            made.evidence.fail(SNAPSHOT, Reason(Cause.SERVER_FAILED))
        made.evidence.ended_at = 10.0
        judgement = made.judge(final=True)
        assert only(judgement).verdict is Verdict.NOT_PROVED
        assert only(judgement).reason == Reason(cause)
        assert only(judgement).still_open == (SHORT,)


def test_overfilled_needs_a_second_clean_read_that_agrees() -> None:
    made = proof(case(SIM101, SHORT), positions_read(0.1, LONG))
    first = made.judge(final=False)
    assert only(first).verdict is Verdict.STILL_OPEN
    assert first.bad_news_at == pytest.approx(0.2)
    assert only(made.judge(final=True)).verdict is Verdict.NOT_PROVED
    assert only(made.judge(final=True)).reason == Reason(Cause.READS_DISAGREE)
    made.evidence.add_positions(snapshot(0.25, LONG))
    second = made.judge(final=False)
    assert only(second).verdict is Verdict.OVERFILLED
    assert only(second).still_open == (LONG,)
    assert second.settled


def test_reads_that_overlap_disagree_or_are_broken_by_a_clear_one_do_not_agree_on_an_overfill() -> None:
    more = position(side=Side.LONG, quantity=3)
    for reads in (
        (positions_read(0.1, LONG), snapshot(0.15, LONG)),
        (positions_read(0.1, LONG), snapshot(0.3, more)),
        (positions_read(0.1, LONG), snapshot(0.3), positions_read(0.5, LONG)),
        (positions_read(0.1, LONG), snapshot(0.3, LONG, flaws=SPOILED)),
    ):
        assert only(proof(case(SIM101, SHORT), *reads).judge(final=False)).verdict is Verdict.STILL_OPEN


def test_an_opposite_row_beside_one_still_open_is_told_as_still_open() -> None:
    other = position(instrument="NQ 12-25")
    judgement = proof(case(SIM101, SHORT, other), positions_read(9.0, LONG, other)).judge(final=True)
    assert only(judgement).verdict is Verdict.STILL_OPEN


def test_a_closed_row_outside_the_scope_is_closed_more_than_asked_and_still_watched() -> None:
    scope = OneAccount("Sim101", "MES 12-25")
    more = position(instrument="NQ 12-25")
    made = case(scope, SHORT, receipt=receipt(SHORT, more))
    judgement = proof(made, *FLAT_TWICE, orders(0.3)).judge(final=False)
    assert only(judgement).verdict is Verdict.CLOSED_MORE_THAN_ASKED
    again = proof(made, positions_read(0.1), snapshot(1.3, more)).judge(final=False)
    assert only(again).still_open == (more,)


def test_a_closed_row_of_another_account_gets_a_fate_of_its_own_that_minds_only_that_pair() -> None:
    elsewhere, old = position("Sim102", "NQ 12-25"), position("Sim102", "ES 12-25")
    both = (CONNECTED, Account("Sim102", connected=True))
    reads = (
        positions_read(0.1, old),
        snapshot(1.3, old, listed=both),
        orders(0.3),
        orders(0.3, account="Sim102"),
    )
    judgement = proof(case(SIM101, SHORT, receipt=receipt(SHORT, elsewhere)), *reads).judge(final=False)
    assert {fate.account: (fate.verdict, fate.still_open) for fate in judgement.fates} == {
        "Sim101": (Verdict.FLAT, ()),
        "Sim102": (Verdict.CLOSED_MORE_THAN_ASKED, ()),
    }


def test_a_closed_row_without_an_account_counts_for_the_account_that_was_asked() -> None:
    hidden = Position(None, "NQ 12-25", Side.SHORT, 1)
    scope = OneAccount("Sim101", "MES 12-25")
    judgement = proof(case(scope, SHORT, receipt=receipt(hidden)), *FLAT_TWICE, orders(0.3)).judge(
        final=False
    )
    assert only(judgement).verdict is Verdict.CLOSED_MORE_THAN_ASKED
    wide = proof(case(EveryAccount(), SHORT, receipt=receipt(hidden)), *FLAT_TWICE, orders(0.3)).judge(
        final=False
    )
    assert only(wide).verdict is Verdict.FLAT


def test_overfilled_is_worse_than_closed_more_than_asked() -> None:
    scope = OneAccount("Sim101", "MES 12-25")
    made = case(scope, SHORT, receipt=receipt(position(instrument="NQ 12-25")))
    judgement = proof(made, positions_read(0.1, LONG), snapshot(0.3, LONG)).judge(final=False)
    assert only(judgement).verdict is Verdict.OVERFILLED


def test_the_second_read_must_come_after_a_reverse_can_no_longer_enter() -> None:
    made = case(SIM101, SHORT, prove_from=20.0)
    judgement = proof(made, *FLAT_TWICE, orders(0.3)).judge(final=False)
    assert not judgement.settled
    assert judgement.second_from == 20.0
    assert (
        only(proof(made, *FLAT_TWICE, orders(0.3), positions_read(20.0)).judge(final=False)).verdict
        is Verdict.FLAT
    )


def test_judging_a_hundred_accounts_again_asks_no_row_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"Apex-{number:02}" for number in range(100)]
    rows = [position(name, f"ES {month:02}-26") for name in names for month in range(1, 13)]
    made = proof(case(EveryAccount(), *rows), positions_read(0.1, *rows))
    made.judge(final=False)
    asked = 0
    ask = made._blocks

    def count(*arguments: Any) -> bool:
        nonlocal asked
        asked += 1
        return ask(*arguments)

    monkeypatch.setattr(made, "_blocks", count)
    made.evidence.add_positions(snapshot(1.3, *rows[:24], listed=tuple(Account(name) for name in names)))
    made.judge(final=False)
    assert asked == 24


def test_reads_that_overlap_their_neighbours_confirm_what_the_first_of_them_showed() -> None:
    slow = [positions_read(at, LONG, took_s=2.0) for at in (0.5, 1.7, 2.9)]
    for count, verdict in ((1, Verdict.STILL_OPEN), (2, Verdict.STILL_OPEN), (3, Verdict.OVERFILLED)):
        judgement = proof(case(SIM101, SHORT), *slow[:count]).judge(final=False)
        assert judgement.fates[0].verdict is verdict


# -- opened again within the window ---


def opened_again(*later: PositionsRead) -> FlattenProof:
    """Two reads had shown nothing, the orders were still to be read, and then came these reads."""
    made = proof(case(SIM101, SHORT), *FLAT_TWICE)
    assert only(made.judge(final=False)).verdict is Verdict.FLAT_ORDERS_NOT_CHECKED
    for read in later:
        made.evidence.add_positions(read)
    return made


def test_one_read_of_what_opened_again_is_not_called_reopened_not_even_at_the_end() -> None:
    made = opened_again(positions_read(2.0, SHORT))
    early = made.judge(final=False)
    assert only(early).verdict is Verdict.STILL_OPEN
    assert early.bad_news_at == pytest.approx(2.1)
    assert not early.settled
    fate = only(made.judge(final=True))
    assert (fate.verdict, fate.reason) == (Verdict.NOT_PROVED, Reason(Cause.READS_DISAGREE))
    assert fate.still_open == (SHORT,)


def test_two_reads_that_agree_call_it_reopened() -> None:
    made = opened_again(positions_read(2.0, SHORT), snapshot(2.2, SHORT))
    judgement = made.judge(final=False)
    assert (only(judgement).verdict, judgement.settled) == (Verdict.REOPENED, True)
    assert only(judgement).still_open == (SHORT,)
