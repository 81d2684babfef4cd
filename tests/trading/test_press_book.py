"""The book of presses: what is locked, for how long, and what is never locked."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosstrade_panel.domain.cancel import ListedOrders
from crosstrade_panel.domain.outcome import Outcome, Verdict
from crosstrade_panel.domain.scope import EveryAccount, OneAccount, Scope, Side, is_within
from crosstrade_panel.domain.ticket import ReverseTicket
from crosstrade_panel.trading.pace import Pace
from crosstrade_panel.trading.press import Lock, Press, PressBook
from tests.fakes import NOON, order

SIM101 = OneAccount("Sim101")
MES = OneAccount("Sim101", "MES 12-25")
TICKET = ReverseTicket("Sim101", "MES 12-25", Side.SHORT, 2)


def press_of(
    scope: Scope, at: float = 0.0, verdict: Verdict | None = None, ticket: ReverseTicket | None = None
) -> Press:
    press = Press(f"{at}", scope, at, NOON + timedelta(seconds=at), ticket)
    if verdict is not None:
        press.outcome = Outcome(verdict, NOON)
    return press


def book(*presses: Press) -> PressBook:
    made = PressBook(Pace())
    for press in presses:
        made.open(press)
    return made


def test_an_empty_book_locks_nothing() -> None:
    assert book().flatten_lock(SIM101, 0.0).lock is Lock.FREE
    assert not book().reverse_is_locked("Sim101", "MES 12-25", 0.0)


@pytest.mark.parametrize("verdict", [Verdict.NOT_SENT, Verdict.REFUSED, Verdict.FLAT, Verdict.NOTHING_OPEN])
def test_every_press_locks_its_scope_for_half_a_second_whatever_came_back(verdict: Verdict) -> None:
    made = book(press_of(SIM101, verdict=verdict))
    assert made.flatten_lock(SIM101, 0.49).lock is Lock.LOCKED
    assert made.flatten_lock(SIM101, 0.5).lock is Lock.FREE
    assert made.reverse_is_locked("Sim101", "MES 12-25", 0.49)
    assert not made.reverse_is_locked("Sim101", "MES 12-25", 0.5)


def test_an_unresolved_press_locks_until_three_seconds_after_sending() -> None:
    press = press_of(SIM101)
    made = book(press)
    assert made.flatten_lock(SIM101, 2.99).lock is Lock.LOCKED
    assert made.flatten_lock(MES, 2.99).lock is Lock.LOCKED
    assert made.flatten_lock(SIM101, 3.0).lock is Lock.AGAIN
    press.sent_at = 1.0
    assert made.flatten_lock(SIM101, 3.99).lock is Lock.LOCKED
    assert made.flatten_lock(SIM101, 4.0).lock is Lock.AGAIN


def test_what_goes_out_again_locks_until_three_seconds_after_its_newest_attempt() -> None:
    press = press_of(SIM101)
    press.attempted_at = 2.9
    assert book(press).flatten_lock(SIM101, 5.89).lock is Lock.LOCKED
    assert book(press).flatten_lock(SIM101, 5.9).lock is Lock.AGAIN


def test_an_answer_and_one_read_after_it_unlock_earlier_but_a_read_without_an_answer_does_not() -> None:
    press = press_of(SIM101)
    made = book(press)
    press.read_since_answer = True
    assert made.flatten_lock(SIM101, 1.0).lock is Lock.LOCKED
    press.answered_at = 0.6
    assert made.flatten_lock(SIM101, 0.4).lock is Lock.LOCKED
    assert made.flatten_lock(SIM101, 1.0).lock is Lock.AGAIN
    press.read_since_answer = False
    assert made.flatten_lock(SIM101, 1.0).lock is Lock.LOCKED


def test_a_wider_or_overlapping_scope_is_never_locked_and_says_so() -> None:
    made = book(press_of(MES))
    for scope in (SIM101, EveryAccount(), EveryAccount("MES 12-25"), OneAccount("Sim101", None, Side.LONG)):
        found = made.flatten_lock(scope, 0.1)
        assert (found.lock, found.overlaps) == (Lock.FREE, True)
    apart = made.flatten_lock(OneAccount("Sim102"), 0.1)
    assert (apart.lock, apart.overlaps) == (Lock.FREE, False)
    resolved = book(press_of(MES, verdict=Verdict.FLAT)).flatten_lock(SIM101, 0.1)
    assert not resolved.overlaps


def test_the_strictest_of_several_locks_counts() -> None:
    older, newer = press_of(SIM101, 0.0), press_of(EveryAccount(), 2.0)
    assert book(older, newer).flatten_lock(SIM101, 3.5).lock is Lock.LOCKED
    assert book(older, press_of(SIM101, 1.0, Verdict.FLAT)).flatten_lock(SIM101, 3.5).lock is Lock.AGAIN


def test_acknowledging_ends_a_lock_and_only_what_has_ended_can_be_acknowledged() -> None:
    press = press_of(SIM101)
    made = book(press)
    assert made.acknowledge(press.id) is None
    press.outcome = Outcome(Verdict.UNKNOWN, NOON)
    assert made.acknowledge("another") is None
    assert made.flatten_lock(SIM101, 1.0).lock is Lock.LOCKED
    assert made.acknowledge(press.id) is press
    assert made.flatten_lock(SIM101, 1.0).lock is Lock.FREE


def test_a_reverse_never_locks_a_flatten_but_says_until_when_it_may_enter() -> None:
    made = book(press_of(MES, ticket=TICKET), press_of(MES, 1.0, ticket=TICKET))
    found = made.flatten_lock(SIM101, 2.0)
    assert (found.lock, found.reverse_may_enter_until) == (Lock.FREE, 21.0)
    assert made.flatten_lock(SIM101, 21.0).reverse_may_enter_until is None
    assert made.flatten_lock(OneAccount("Sim102"), 2.0).reverse_may_enter_until is None


def test_a_reverse_that_is_known_to_be_through_cannot_enter_any_more() -> None:
    made = book(press_of(MES, verdict=Verdict.REVERSED, ticket=TICKET))
    assert made.flatten_lock(SIM101, 1.0).reverse_may_enter_until is None
    sent = press_of(MES, verdict=Verdict.UNKNOWN, ticket=TICKET)
    sent.sent_at = 2.0
    assert book(sent).flatten_lock(SIM101, 3.0).reverse_may_enter_until == 22.0


def test_a_reverse_is_locked_by_anything_unresolved_that_touches_its_pair() -> None:
    assert book(press_of(EveryAccount())).reverse_is_locked("Sim101", "MES 12-25", 100.0)
    assert not book(press_of(OneAccount("Sim102"))).reverse_is_locked("Sim101", "MES 12-25", 100.0)


@pytest.mark.parametrize("verdict", [Verdict.UNKNOWN, Verdict.NOT_PROVED, Verdict.CANNOT_TELL])
def test_a_reverse_is_locked_for_twenty_seconds_after_one_of_unknown_outcome(verdict: Verdict) -> None:
    press = press_of(MES, verdict=verdict, ticket=TICKET)
    press.acknowledged = True
    made = book(press)
    assert made.reverse_is_locked("sim101", "MESZ25", 19.9)
    assert not made.reverse_is_locked("Sim101", "MES 12-25", 20.0)
    known = press_of(MES, verdict=Verdict.REVERSE_MISMATCH, ticket=TICKET)
    known.acknowledged = True
    assert not book(known).reverse_is_locked("Sim101", "MES 12-25", 1.0)


def test_old_presses_are_forgotten_but_never_an_unresolved_one_or_a_reverse_that_may_still_enter() -> None:
    unknown, reverse = press_of(SIM101), press_of(MES, verdict=Verdict.UNKNOWN, ticket=TICKET)
    reverse.acknowledged = True
    made = book(unknown, reverse, *(press_of(SIM101, 0.1 * number, Verdict.FLAT) for number in range(1, 70)))
    assert made.presses[:2] == (unknown, reverse)
    assert len(made.presses) == 52
    made.open(press_of(SIM101, 30.0))
    assert reverse not in made.presses


def test_beyond_twenty_what_was_acknowledged_is_forgotten_before_what_was_not() -> None:
    flat = [press_of(SIM101, 0.1 * number, Verdict.FLAT) for number in range(40)]
    seen = [press_of(SIM101, 10 + 0.1 * number, Verdict.FLAT) for number in range(40)]
    for press in seen:
        press.acknowledged = True
    last = press_of(SIM101, 30.0)
    assert book(*flat, *seen, last).presses == (*flat[10:], *seen[20:], last)


def test_a_cancel_is_locked_while_one_of_its_orders_is_being_cancelled_and_for_half_a_second() -> None:
    one, two, three = order(order_id="a"), order(order_id="b"), order("SIM101", order_id="b")
    press = press_of(MES)
    press.cancel = ListedOrders((one, two))
    made = book(press, press_of(MES))
    assert made.cancel_is_locked(ListedOrders((three,)), 100.0)
    assert not made.cancel_is_locked(ListedOrders((order(order_id="c"),)), 0.1)
    assert not made.cancel_is_locked(ListedOrders((order("Sim102", order_id="a"),)), 0.1)
    press.outcome = Outcome(Verdict.STILL_WORKING, NOON)
    assert made.cancel_is_locked(ListedOrders((one,)), 0.49)
    assert not made.cancel_is_locked(ListedOrders((one,)), 0.5)


def test_a_cancel_locks_no_flatten_and_a_reverse_while_it_is_unresolved() -> None:
    press = press_of(MES)
    press.cancel = ListedOrders((order(),))
    made = book(press)
    found = made.flatten_lock(MES, 0.1)
    assert (found.lock, found.overlaps) == (Lock.FREE, False)
    assert made.reverse_is_locked("Sim101", "MES 12-25", 100.0)
    press.outcome = Outcome(Verdict.CANCELLED, NOON)
    assert not made.reverse_is_locked("Sim101", "MES 12-25", 100.0)


def test_a_cancel_or_a_reverse_pressed_before_does_not_hide_the_lock_of_a_flatten() -> None:
    cancel, reverse = press_of(MES), press_of(MES, ticket=TICKET)
    cancel.cancel = ListedOrders((order(),))
    for other in (cancel, reverse):
        assert book(other, press_of(SIM101)).flatten_lock(SIM101, 1.0).lock is Lock.LOCKED
        assert book(other, press_of(MES, 0.5)).flatten_lock(SIM101, 1.0).overlaps


SCOPES = st.builds(
    OneAccount, st.sampled_from(["A", "B"]), st.none() | st.sampled_from(["ES 12-25", "NQ 12-25"])
)
STEPS = st.lists(
    st.tuples(
        SCOPES | st.builds(EveryAccount),
        st.floats(0.0, 2.0),
        st.booleans(),
        st.none() | st.sampled_from([Verdict.FLAT, Verdict.UNKNOWN, Verdict.NOT_SENT]),
    ),
    max_size=25,
)


@settings(deadline=None)
@given(STEPS)
def test_no_two_presses_of_one_scope_ever_go_out_within_the_lock(
    steps: list[tuple[Scope, float, bool, Verdict | None]],
) -> None:
    made, now = PressBook(Pace()), 100.0
    let_through: list[Press] = []
    for scope, pause_s, is_read, verdict in steps:
        now += pause_s
        for press in let_through:
            press.read_since_answer = press.read_since_answer or is_read
        lock = made.flatten_lock(scope, now)
        holders = [press for press in let_through if is_within(scope, press.scope)]
        if not holders:
            assert lock.lock is Lock.FREE  # a wider scope is never locked
        for press in holders:
            age_s = now - press.began_at
            freed = press.answered_at is not None and press.read_since_answer
            if age_s < 0.5 or (press.is_unresolved and age_s < 3.0 and not freed):
                assert lock.lock is Lock.LOCKED
            elif press.is_unresolved:
                assert lock.lock is not Lock.FREE
        if lock.lock is not Lock.LOCKED:
            press = press_of(scope, now, verdict)
            press.answered_at = now if is_read else None
            made.open(press)
            let_through.append(press)
