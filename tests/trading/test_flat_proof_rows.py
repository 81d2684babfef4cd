"""Which rows, orders and accounts stand in the way of flat, and which do not, field by field."""

from crosstrade_panel.domain.outcome import Cause, Fate, Reason, Verdict
from crosstrade_panel.domain.scope import EveryAccount, OneAccount, Side
from crosstrade_panel.domain.snapshot import Account, Position
from crosstrade_panel.trading.roster import Seen
from tests.fakes import order, position, positions_read
from tests.trading.test_flat_proof import (
    CONNECTED,
    FLAT_TWICE,
    LONG,
    SHORT,
    SIM101,
    case,
    only,
    orders,
    proof,
    receipt,
    snapshot,
)

SHORTS, MES = OneAccount("Sim101", side=Side.SHORT), OneAccount("Sim101", "MES 12-25")
NQ, NQ_LONG = position(instrument="NQ 12-25"), position(instrument="NQ 12-25", side=Side.LONG)
HIDDEN = Position(None, "NQ 12-25", Side.LONG, 1)
NOT_CONNECTED = Reason(Cause.NOT_CONNECTED)


# -- a side that was left as asked ---


def test_what_was_left_as_asked_and_is_now_on_the_side_asked_is_still_open_and_no_overfill() -> None:
    flipped = proof(case(SHORTS, LONG), positions_read(8.0, SHORT), snapshot(9.3, SHORT))
    assert only(flipped.judge(final=True)) == Fate("Sim101", Verdict.STILL_OPEN, still_open=(SHORT,))


def test_what_was_left_as_asked_and_has_no_readable_side_any_more_is_shown_as_open() -> None:
    sideless = position(side=None)
    fate = only(proof(case(SHORTS, LONG), positions_read(8.0, sideless)).judge(final=True))
    assert (fate.reason, fate.still_open) == (Reason(Cause.ROW_UNREADABLE), (sideless,))


def test_the_stop_of_what_was_left_as_asked_does_not_keep_the_rest_from_being_flat() -> None:
    stop = order(instrument="NQ 12-25")
    reads = (positions_read(0.1, NQ_LONG), snapshot(1.3, NQ_LONG), orders(0.3, stop))
    judgement = proof(case(SHORTS, SHORT, NQ_LONG), *reads).judge(final=False)
    assert judgement.fates == (Fate("Sim101", Verdict.FLAT),)


def test_a_row_closed_on_the_side_that_was_not_asked_is_closed_more_than_asked() -> None:
    made = case(SHORTS, SHORT, receipt=receipt(SHORT, NQ_LONG))
    judgement = proof(made, *FLAT_TWICE, orders(0.3)).judge(final=False)
    assert only(judgement).verdict is Verdict.CLOSED_MORE_THAN_ASKED


# -- the other side, instrument by instrument ---


def test_each_instrument_is_overfilled_by_its_own_side_and_by_no_others() -> None:
    over = proof(case(SIM101, SHORT), positions_read(0.1, NQ_LONG, LONG), snapshot(0.3, NQ_LONG, LONG))
    assert only(over.judge(final=False)).verdict is Verdict.OVERFILLED
    still = proof(case(SIM101, SHORT), positions_read(0.1, SHORT, NQ_LONG), snapshot(0.3, SHORT, NQ_LONG))
    assert only(still.judge(final=False)).verdict is Verdict.STILL_OPEN


# -- a row of nobody knows whose account ---


def test_a_row_of_another_instrument_whose_account_is_unknown_does_not_break_the_proof() -> None:
    reads = (positions_read(0.1), positions_read(0.6, HIDDEN), snapshot(1.3), orders(0.3))
    assert only(proof(case(MES, SHORT), *reads).judge(final=False)).verdict is Verdict.FLAT


def test_a_row_whose_account_is_unknown_breaks_the_proof_of_an_account_closed_without_asking() -> None:
    both = (CONNECTED, Account("Sim102", connected=True))
    made = case(SIM101, SHORT, receipt=receipt(SHORT, position("Sim102", "ES 12-25")))
    reads = (positions_read(0.1), positions_read(0.6, HIDDEN), snapshot(1.3, listed=both))
    fates = {fate.account: fate for fate in proof(made, *reads).judge(final=True).fates}
    assert fates["Sim102"] == Fate(
        "Sim102", Verdict.CLOSED_MORE_THAN_ASKED, reason=Reason(Cause.ROW_UNREADABLE)
    )


# -- an account that is not there ---


def test_an_account_never_connected_is_named_with_why_and_asked_for_alone_it_takes_the_headline() -> None:
    reads = (positions_read(0.1), snapshot(1.3, listed=(CONNECTED, Account("Old", connected=False))))
    seen = {"old": Seen("Old")}
    wide = proof(case(EveryAccount(), SHORT, seen=seen), *reads).judge(final=True)
    assert wide.fates[0] == Fate("Old", Verdict.CANNOT_TELL, reason=NOT_CONNECTED, takes_headline=False)
    alone = proof(case(OneAccount("Old"), seen=seen), *reads).judge(final=True)
    assert alone.fates == (Fate("Old", Verdict.CANNOT_TELL, reason=NOT_CONNECTED),)


def test_an_account_of_which_the_listing_does_not_say_whether_it_is_connected_is_judged_by_its_reads() -> (
    None
):
    listed = (CONNECTED, Account("Bare"))
    reads = (positions_read(0.1), snapshot(1.3, listed=listed), orders(0.3), orders(0.3, account="Bare"))
    seen = {"sim101": Seen("Sim101"), "bare": Seen("Bare")}
    judgement = proof(case(EveryAccount(), SHORT, seen=seen), *reads).judge(final=False)
    assert judgement.fates == (Fate("Sim101", Verdict.FLAT), Fate("Bare", Verdict.FLAT))


def test_an_account_never_connected_in_which_a_position_is_read_takes_the_headline() -> None:
    listed, held = (CONNECTED, Account("Old", connected=False)), position("Old")
    reads = (positions_read(0.1, held), snapshot(1.3, held, listed=listed), orders(0.3))
    made = case(EveryAccount(), SHORT, seen={"sim101": Seen("Sim101"), "old": Seen("Old")})
    fates = {fate.account: fate for fate in proof(made, *reads).judge(final=True).fates}
    assert fates["Old"] == Fate("Old", Verdict.CANNOT_TELL, still_open=(held,), reason=NOT_CONNECTED)


def test_an_account_called_not_flat_is_explained_by_what_the_newest_read_shows_elsewhere() -> None:
    not_flat = (Account("Sim101", connected=True, is_flat=False),)
    reads = (positions_read(0.1), snapshot(1.3, listed=not_flat), positions_read(2.5, NQ), orders(0.3))
    assert only(proof(case(MES, SHORT), *reads).judge(final=False)).verdict is Verdict.FLAT


# -- names ---


def test_orders_are_asked_for_as_the_listing_spells_the_account_and_without_one_as_the_rows_do() -> None:
    asked = case(OneAccount("sim101"), SHORT)
    listed = proof(asked, positions_read(0.1, position("SIM101")), snapshot(1.3)).judge(final=False)
    assert listed.orders_wanted == ("Sim101",)
    unlisted = proof(asked, positions_read(0.1, position("SIM101")), positions_read(1.3)).judge(final=False)
    assert unlisted.orders_wanted == ("SIM101",)


# -- in the same moment ---


def test_a_clear_read_sent_in_the_same_moment_as_one_that_shows_it_open_is_no_half_of_a_proof() -> None:
    reads = (positions_read(0.1, SHORT), snapshot(0.1), positions_read(1.3), orders(0.3))
    assert only(proof(case(SIM101, SHORT), *reads).judge(final=True)).verdict is Verdict.NOT_PROVED


def test_what_opened_again_counts_from_the_reads_that_were_sent_after_the_proof() -> None:
    made = proof(case(SIM101, SHORT), *FLAT_TWICE)
    assert only(made.judge(final=False)).verdict is Verdict.FLAT_ORDERS_NOT_CHECKED
    proved_at = FLAT_TWICE[-1].stamp.answered_at
    made.evidence.add_positions(positions_read(proved_at, SHORT))
    made.evidence.add_positions(snapshot(proved_at + 0.3, SHORT))
    assert only(made.judge(final=False)).verdict is Verdict.STILL_OPEN
    seen = made.opened_again(Fate("Sim101", Verdict.FLAT), proved_at)
    assert seen is not None
    assert (seen.first.stamp.sent_at, seen.is_proved) == (proved_at + 0.3, False)


def test_where_no_pair_was_known_only_what_opens_in_the_scope_is_open_again() -> None:
    made = proof(case(MES), *FLAT_TWICE)
    fate = only(made.judge(final=False))
    assert fate.verdict is Verdict.NOTHING_OPEN
    proved_at = FLAT_TWICE[-1].stamp.answered_at
    for read in (positions_read(2.0, NQ), snapshot(2.3, NQ)):
        made.evidence.add_positions(read)
    assert made.opened_again(fate, proved_at) is None
    for read in (positions_read(3.0, NQ, SHORT), snapshot(3.3, NQ, SHORT)):
        made.evidence.add_positions(read)
    seen = made.opened_again(fate, proved_at)
    assert seen is not None
    assert (seen.first.stamp.sent_at, seen.rows, seen.is_proved) == (3.0, (SHORT,), True)
