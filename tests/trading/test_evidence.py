"""The reads after a press, kept and compared: what two of them prove, and what is asked for next."""

from crosstrade_panel.domain.outcome import Cause, Reason, Verdict
from crosstrade_panel.domain.snapshot import Account, Flaws, OrdersRead, Position, Source, Stamp
from crosstrade_panel.trading.evidence import Evidence, Look, TwoReads, agreeing, two_reads
from tests.fakes import position, positions_read

FAILED = Reason(Cause.SERVER_FAILED)
CONNECTED, CUT_OFF = Account("Sim101", connected=True), Account("Sim101", connected=False)


def look(sent_at: float, source: Source = Source.POSITIONS, *, took_s: float = 0.1) -> Look:
    return Look(Stamp(sent_at, sent_at + took_s), source, is_clean=True, blocking=(), rows=())


def test_looks_that_have_nothing_in_common_make_no_claim_though_their_neighbours_agree() -> None:
    a, b, c = look(0.0), look(1.0), look(2.0)
    both, first, second = frozenset("AB"), frozenset("A"), frozenset("B")
    assert agreeing([(a, both), (b, first), (c, second)]) == ([c], None)
    assert agreeing([(a, first), (b, both), (c, second)]) == ([c], None)
    assert agreeing([(a, both), (b, first), (c, both)]) == ([a, b, c], b)


def test_a_first_read_that_was_slow_does_not_keep_a_quick_one_from_its_second() -> None:
    slow, quick = look(0.0, took_s=3.0), look(0.5, Source.SNAPSHOT)
    second = look(2.0)
    found = two_reads(
        [slow, quick, second], gap_s=1.0, not_before=float("-inf"), other_failed=lambda _source: False
    )
    assert found == TwoReads(quick, second)


def test_after_a_read_that_failed_the_other_endpoint_is_asked() -> None:
    evidence = Evidence(0.0)
    for failing, then in ((Source.POSITIONS, Source.SNAPSHOT), (Source.SNAPSHOT, Source.POSITIONS)):
        evidence.fail(failing, FAILED)
        assert evidence.next_source(None) is then


def test_the_second_half_is_asked_of_the_other_endpoint_unless_that_one_failed() -> None:
    evidence = Evidence(0.0)
    assert evidence.next_source(Source.POSITIONS) is Source.SNAPSHOT
    evidence.fail(Source.SNAPSHOT, FAILED)
    assert evidence.next_source(Source.POSITIONS) is Source.POSITIONS
    evidence.add_positions(positions_read(0.1, source=Source.SNAPSHOT))
    assert evidence.next_source(Source.POSITIONS) is Source.SNAPSHOT


def test_that_an_account_was_cut_off_is_not_forgotten_with_the_old_reads() -> None:
    evidence = Evidence(0.0)
    for sent_at, listed in ((0.5, CONNECTED), (1.0, CUT_OFF)):
        evidence.add_positions(positions_read(sent_at, source=Source.SNAPSHOT, listed=(listed,)))
        evidence.forget_old()
    assert evidence.there_from("SIM101") == float("inf")
    evidence.add_positions(positions_read(2.0, source=Source.SNAPSHOT, listed=(CONNECTED,)))
    evidence.forget_old()
    assert evidence.there_from("SIM101") == 2.0
    is_blind = [each.is_blind for each in evidence.looks("Sim101", lambda _row: True)]
    assert is_blind == [True, True, False]


def test_orders_count_from_the_very_moment_since_which_they_are_wanted() -> None:
    evidence = Evidence(0.0)
    read = OrdersRead(Stamp(1.0, 1.1), "Sim101", (), Flaws())
    evidence.add_orders(read)
    assert evidence.orders_since("SIM101", 1.0) is read
    assert evidence.orders_since("Sim101", 1.01) is None
    assert evidence.orders_since("Sim102", 1.0) is None


def test_rows_after_one_whose_account_is_unknown_are_not_lost() -> None:
    evidence, hidden = Evidence(0.0), Position(None, "NQ 12-25", None, None)
    evidence.add_positions(positions_read(0.1, hidden, position()))
    (found,) = evidence.looks("Sim101", lambda _row: True)
    assert (found.is_clean, set(found.rows)) == (False, {hidden, position()})


def test_a_snapshot_says_nothing_of_an_account_that_it_does_not_list_or_calls_disconnected() -> None:
    for listed, is_clean in (((CONNECTED,), True), ((CUT_OFF,), False), ((Account("Sim102"),), False)):
        evidence = Evidence(0.0)
        evidence.add_positions(positions_read(0.1, source=Source.SNAPSHOT, listed=listed))
        assert [each.is_clean for each in evidence.looks("Sim101", lambda _row: True)] == [is_clean]


def test_an_account_with_a_bad_row_in_the_newest_snapshot_is_not_listed_as_there() -> None:
    evidence = Evidence(0.0)
    spoiled = Flaws(accounts=frozenset({"sim101"}))
    evidence.add_positions(positions_read(0.1, source=Source.SNAPSHOT, flaws=spoiled))
    assert evidence.absence("Sim101") == (Verdict.NOT_PROVED, Reason(Cause.ROW_UNREADABLE))
    evidence.add_positions(positions_read(0.5, source=Source.SNAPSHOT))
    assert evidence.absence("Sim101") is None
