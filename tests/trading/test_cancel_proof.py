"""The judgement of a cancel, read by read, without a clock."""

from dataclasses import replace
from typing import Any

import pytest

from crosstrade_panel.domain.cancel import ListedOrders
from crosstrade_panel.domain.outcome import Cause, Reason, Verdict
from crosstrade_panel.domain.snapshot import Account, AccountsRead, Order, OrdersRead, Stamp
from crosstrade_panel.trading.cancel_proof import CancelCase, CancelProof, Sent
from crosstrade_panel.trading.evidence import Evidence
from tests.fakes import order

ONE, TWO, OTHER = order(order_id="a"), order(order_id="b"), order("Sim102", order_id="c")
NO = Reason(Cause.SERVER_SAID_NO, "no", 400)
NEVER_LEFT = Reason(Cause.CONNECT_FAILED)
DOUBT = Reason(Cause.NO_ANSWER)


def read(sent_at: float, *rows: Order, account: str = "Sim101") -> OrdersRead:
    return OrdersRead(Stamp(sent_at, sent_at + 0.1), account, rows)


def listing(sent_at: float = 0.0) -> AccountsRead:
    accounts = (Account("Sim101", connected=True), Account("Sim102", connected=True))
    return AccountsRead(Stamp(sent_at, sent_at + 0.1), accounts)


def proof(
    *reads: OrdersRead,
    orders: tuple[Order, ...] = (ONE, TWO),
    sent: dict[str, tuple[tuple[Sent, Reason | None], ...]] | None = None,
    is_listed: bool = True,
    **case: Any,
) -> CancelProof:
    accepted = {"sim101": ((Sent.ACCEPTED, None),), "sim102": ((Sent.ACCEPTED, None),)}
    given = accepted if sent is None else sent
    made = CancelProof(CancelCase(ListedOrders(orders), given, **case), Evidence(0.0))
    if is_listed:
        made.evidence.add_listing(listing())
    for each in reads:
        made.evidence.add_orders(each)
    return made


def test_two_reads_without_the_orders_are_cancelled_at_the_second_and_name_what_ended() -> None:
    judgement = proof(read(0.2), read(1.3)).judge(final=False)
    assert judgement.fates[0].verdict is Verdict.CANCELLED
    assert judgement.fates[0].ended_orders == (ONE, TWO)
    assert (judgement.settled, judgement.orders_wanted) == (True, ())
    assert judgement.proved_at == pytest.approx(1.4)


def test_a_first_read_asks_for_its_second_and_says_when_it_was_answered() -> None:
    judgement = proof(read(0.2)).judge(final=False)
    assert not judgement.settled
    assert judgement.candidate_at == pytest.approx(0.3)
    assert judgement.orders_wanted == ("Sim101",)
    assert proof().judge(final=False).candidate_at is None


def test_the_earliest_first_read_of_all_accounts_wants_its_second_first() -> None:
    made = proof(read(0.5), read(0.2, account="Sim102"), orders=(ONE, OTHER))
    judgement = made.judge(final=False)
    assert judgement.candidate_at == pytest.approx(0.3)
    assert judgement.orders_wanted == ("Sim101", "Sim102")


def test_a_listing_is_wanted_until_there_is_one() -> None:
    assert proof(is_listed=False).judge(final=False).wants_listing is True
    assert proof().judge(final=False).wants_listing is False


def test_when_no_further_read_will_come_none_is_wanted() -> None:
    judgement = proof(read(0.2, ONE)).judge(final=True)
    assert (judgement.settled, judgement.orders_wanted) == (True, ())


def test_a_second_read_counts_from_the_gap_after_the_first_was_answered() -> None:
    first, gap_s = read(0.25), 0.5
    at = first.stamp.answered_at + gap_s
    early = proof(first, read(at - 0.01), gap_s=gap_s).judge(final=False)
    in_time = proof(first, read(at), gap_s=gap_s).judge(final=False)
    assert (early.settled, in_time.settled) == (False, True)


def test_a_read_that_shows_one_of_them_working_begins_the_count_again() -> None:
    made = proof(read(0.2), read(1.0, TWO), read(1.4), read(1.6))
    assert not made.judge(final=False).settled
    made.evidence.add_orders(read(2.5))
    assert made.judge(final=False).fates[0].verdict is Verdict.CANCELLED


def test_a_read_from_before_the_account_was_there_again_is_no_half_of_a_proof() -> None:
    made = proof(is_listed=False)
    away = AccountsRead(Stamp(0.1, 0.2), (Account("Sim101", connected=False),))
    made.evidence.add_listing(away)
    made.evidence.add_orders(read(0.3))
    made.evidence.add_listing(listing(1.0))
    made.evidence.add_orders(read(1.5))
    assert not made.judge(final=False).settled
    made.evidence.add_orders(read(2.7))
    assert made.judge(final=False).fates[0].verdict is Verdict.CANCELLED
    back = proof(is_listed=False)
    back.evidence.add_listing(away)
    back.evidence.add_listing(listing(1.0))
    for each in (read(1.0), read(2.2)):
        back.evidence.add_orders(each)
    assert back.judge(final=False).fates[0].verdict is Verdict.CANCELLED


@pytest.mark.parametrize(
    ("shown", "verdict"),
    [
        (replace(ONE, state="Filled", filled=2), Verdict.NOT_PROVED),
        (replace(ONE, state="FILLED", filled=None), Verdict.NOT_PROVED),
        (replace(ONE, state="Cancelled", filled=1), Verdict.NOT_PROVED),
        (replace(ONE, state="Cancelled", filled=0), Verdict.CANCELLED),
        (replace(ONE, state="Cancelled", filled=None), Verdict.CANCELLED),
        (replace(ONE, state="Rejected", filled=0), Verdict.CANCELLED),
        (order(order_id="of-somebody-else", state="Filled"), Verdict.CANCELLED),
    ],
)
def test_what_was_filled_is_never_called_cancelled(shown: Order, verdict: Verdict) -> None:
    fate = proof(read(0.2, shown), read(1.4, shown)).judge(final=True).fates[0]
    assert fate.verdict is verdict
    assert fate.reason == (Reason(Cause.ORDER_FILLED) if verdict is Verdict.NOT_PROVED else None)
    assert fate.ended_orders == (ONE, TWO)


def test_what_was_filled_before_it_was_listed_is_measured_from_there() -> None:
    for before, after, verdict in (
        (1, 1, Verdict.CANCELLED),
        (1, 2, Verdict.NOT_PROVED),
        (None, 0, Verdict.CANCELLED),
        (None, 1, Verdict.NOT_PROVED),
    ):
        shown = replace(ONE, state="Cancelled", filled=after)
        made = proof(read(0.2, shown), read(1.4), orders=(replace(ONE, filled=before),))
        assert made.judge(final=True).fates[0].verdict is verdict


@pytest.mark.parametrize(
    ("sent", "verdict", "reason"),
    [
        (((Sent.REFUSED, NO), (Sent.REFUSED, None)), Verdict.REFUSED, NO),
        (((Sent.REFUSED, None),), Verdict.REFUSED, Reason(Cause.SERVER_SAID_NO)),
        (((Sent.NOT, NEVER_LEFT),), Verdict.NOT_SENT, NEVER_LEFT),
        (((Sent.REFUSED, NO), (Sent.NOT, NEVER_LEFT)), Verdict.NOT_PROVED, Reason(Cause.ORDERS_UNREAD)),
        (((Sent.ACCEPTED, None), (Sent.DOUBTFUL, DOUBT)), Verdict.UNKNOWN, DOUBT),
    ],
)
def test_what_one_read_shows_working_is_told_with_what_the_server_said_of_all_of_it(
    sent: tuple[tuple[Sent, Reason | None], ...], verdict: Verdict, reason: Reason
) -> None:
    fate = proof(read(0.2, TWO), sent={"sim101": sent}).judge(final=True).fates[0]
    assert (fate.verdict, fate.reason, fate.working_orders) == (verdict, reason, (TWO,))
    # What one read alone no longer shows is not said to have ended, but where nothing was done at all.
    ended = (ONE,) if verdict in {Verdict.REFUSED, Verdict.NOT_SENT} else ()
    assert fate.ended_orders == ended


def test_of_an_account_without_a_request_nothing_is_said_but_what_was_read() -> None:
    made = proof(read(0.2, ONE), sent={})
    assert made.judge(final=True).fates[0].verdict is Verdict.NOT_PROVED
    made.evidence.add_orders(read(0.4))
    made.evidence.add_orders(read(1.6))
    fate = made.judge(final=True).fates[0]
    assert (fate.verdict, fate.reason) == (Verdict.CANCELLED, None)


def test_of_an_account_that_was_never_read_no_order_is_said_to_have_ended() -> None:
    for how, reason in ((Sent.REFUSED, NO), (Sent.NOT, NEVER_LEFT)):
        judgement = proof(sent={"sim101": ((how, reason),)}).judge(final=False)
        assert (judgement.fates[0].ended_orders, judgement.fates[0].working_orders) == ((), ())
        assert judgement.orders_wanted == ("Sim101",)  # a no is told when they are seen to work on


def test_still_working_takes_the_newest_two_reads_to_agree_on_an_order() -> None:
    agreed = proof(read(0.2, TWO), read(0.4, TWO)).judge(final=True).fates[0]
    assert (agreed.verdict, agreed.reason) == (Verdict.STILL_WORKING, None)
    assert (agreed.working_orders, agreed.ended_orders) == ((TWO,), (ONE,))
    made = proof(read(0.2, TWO), read(0.4), read(0.6, TWO))
    fate = made.judge(final=True).fates[0]
    assert (fate.verdict, fate.reason) == (Verdict.NOT_PROVED, Reason(Cause.READS_DISAGREE))
    assert (fate.working_orders, fate.ended_orders) == ((TWO,), ())
    differing = proof(read(0.2, ONE), read(0.4, TWO)).judge(final=True).fates[0]
    assert (differing.verdict, differing.reason) == (Verdict.NOT_PROVED, Reason(Cause.READS_DISAGREE))


def test_one_read_or_none_leaves_the_orders_unread_and_an_absent_account_untold() -> None:
    unread = Verdict.NOT_PROVED, Reason(Cause.ORDERS_UNREAD)
    for reads in ((), (read(0.2),), (read(0.2, ONE),), (read(0.2, ONE), read(0.4))):
        fate = proof(*reads).judge(final=True).fates[0]
        assert (fate.verdict, fate.reason) == unread
    nobody = proof(is_listed=False).judge(final=True).fates[0]
    assert (nobody.verdict, nobody.reason) == unread
    empty = proof(is_listed=False)
    empty.evidence.add_listing(AccountsRead(Stamp(0.0, 0.1), ()))
    fate = empty.judge(final=True).fates[0]
    assert (fate.verdict, fate.reason) == (Verdict.CANNOT_TELL, Reason(Cause.NOTHING_LISTED))
