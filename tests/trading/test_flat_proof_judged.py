"""A flatten judged whole: with the fate, what is still to be read and when, and what is counted."""

from dataclasses import replace

import pytest

from crosstrade_panel.domain.outcome import Cause, Fate, Reason, Verdict
from crosstrade_panel.domain.scope import EveryAccount, OneAccount, Side
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
from tests.fakes import order, position, positions_read

SIM101, PAIR = OneAccount("Sim101"), OneAccount("Sim101", "MES 12-25")
SHORT, LONG = position(), position(side=Side.LONG)
NQ, OTHER = position(instrument="NQ 12-25"), position("Sim102")
WORKS = order()
BOTH = (Account("Sim101", connected=True), Account("Sim102", connected=True))
FAILED = Reason(Cause.SERVER_FAILED)
Read = PositionsRead | OrdersRead | Source


def positions(sent_at: float, *rows: Position, flaws: Flaws | None = None) -> PositionsRead:
    return positions_read(sent_at, *rows, took_s=0.25, flaws=flaws)


def snapshot(
    sent_at: float,
    *rows: Position,
    flaws: Flaws | None = None,
    listed: tuple[Account, ...] = BOTH[:1],
) -> PositionsRead:
    return positions_read(sent_at, *rows, source=Source.SNAPSHOT, listed=listed, took_s=0.25, flaws=flaws)


def orders(sent_at: float, *rows: Order, account: str = "Sim101") -> OrdersRead:
    return OrdersRead(Stamp(sent_at, sent_at + 0.25), account, rows)


def judged(of: FlattenCase, *reads: Read) -> tuple[Judgement, Judgement]:
    """What the reads amount to while others may come, and when none will."""
    made = FlattenProof(of, Evidence(0.0))
    for read in reads:
        match read:
            case PositionsRead():
                made.evidence.add_positions(read)
            case OrdersRead():
                made.evidence.add_orders(read)
            case Source():
                made.evidence.fail(read, FAILED)
    return made.judge(final=False), made.judge(final=True)


SHORT_BEFORE = FlattenCase(SIM101, {"sim101": (SHORT,)}, None, fresh=frozenset({"sim101"}))
NONE_BEFORE = FlattenCase(SIM101, {"sim101": ()}, None, fresh=frozenset({"sim101"}))
WIDE = FlattenCase(EveryAccount(), {"sim101": (SHORT,), "sim102": (OTHER,)}, None)
IN_PAIR = replace(SHORT_BEFORE, scope=PAIR)


def fate(verdict: Verdict, cause: Cause | None = None, account: str = "Sim101", **more: object) -> Fate:
    return Fate(account, verdict, reason=None if cause is None else Reason(cause), **more)  # type: ignore[arg-type]


UNREAD = fate(Verdict.NOT_PROVED, Cause.READS_FAILED)
UNCHECKED, FLAT = fate(Verdict.FLAT_ORDERS_NOT_CHECKED), fate(Verdict.FLAT)
WORKING = fate(Verdict.ORDERS_WORKING, working_orders=(WORKS,))
PROVED = Judgement((FLAT,), settled=True, proved_at=2.0, elsewhere_open=0, orders_checked=(1, 1))
NOT_FLAT = (Account("Sim101", connected=True, is_flat=False),)
CONTRADICTED = fate(Verdict.NOT_PROVED, Cause.FLAG_CONTRADICTS)
ONE_SIDE_OVER = fate(Verdict.OVERFILLED, still_open=(LONG,))


@pytest.mark.parametrize(
    ("of", "reads", "now", "at_the_end"),
    [
        pytest.param(
            SHORT_BEFORE,
            (),
            Judgement((UNREAD,), settled=False, wants_listing=True),
            Judgement((UNREAD,), settled=True, wants_listing=True),
            id="nothing was read",
        ),
        pytest.param(
            SHORT_BEFORE,
            (snapshot(0.5),),
            Judgement(
                (UNREAD,),
                settled=False,
                candidate_at=0.75,
                candidate_source=Source.SNAPSHOT,
                orders_wanted=("Sim101",),
                elsewhere_open=0,
            ),
            Judgement((UNREAD,), settled=True, elsewhere_open=0),
            id="one clear read wants its second and the orders",
        ),
        pytest.param(
            SHORT_BEFORE,
            (Source.SNAPSHOT, positions(0.5)),
            Judgement(
                (fate(Verdict.NOT_PROVED, Cause.SERVER_FAILED),),
                settled=False,
                candidate_at=0.75,
                candidate_source=Source.POSITIONS,
                wants_listing=True,
                orders_wanted=("Sim101",),
                elsewhere_open=0,
            ),
            Judgement(
                (fate(Verdict.NOT_PROVED, Cause.SERVER_FAILED),),
                settled=True,
                wants_listing=True,
                elsewhere_open=0,
            ),
            id="after a failure the listing is wanted too",
        ),
        pytest.param(
            SHORT_BEFORE,
            (positions(0.5), snapshot(1.75)),
            Judgement(
                (UNCHECKED,),
                settled=False,
                orders_wanted=("Sim101",),
                proved_at=2.0,
                elsewhere_open=0,
                orders_checked=(0, 1),
            ),
            Judgement((UNCHECKED,), settled=True, proved_at=2.0, elsewhere_open=0, orders_checked=(0, 1)),
            id="flat without its orders",
        ),
        pytest.param(
            SHORT_BEFORE,
            (positions(0.5), orders(0.75), snapshot(1.75)),
            PROVED,
            PROVED,
            id="flat with its orders between the two reads",
        ),
        pytest.param(
            SHORT_BEFORE,
            (positions(0.5), snapshot(1.75), orders(2.0)),
            Judgement(
                (UNCHECKED,),
                settled=False,
                bad_news_at=2.25,
                proved_at=2.0,
                elsewhere_open=0,
                orders_checked=(0, 1),
            ),
            Judgement((UNCHECKED,), settled=True, proved_at=2.0, elsewhere_open=0, orders_checked=(0, 1)),
            id="after the orders the positions are wanted once more",
        ),
        pytest.param(
            SHORT_BEFORE,
            (positions(0.5), orders(0.75, WORKS), snapshot(1.75)),
            Judgement(
                (WORKING,),
                settled=False,
                orders_wanted=("Sim101",),
                proved_at=2.0,
                elsewhere_open=0,
                orders_checked=(1, 1),
            ),
            Judgement((WORKING,), settled=True, proved_at=2.0, elsewhere_open=0, orders_checked=(1, 1)),
            id="an order listed once is asked for again",
        ),
        pytest.param(
            SHORT_BEFORE,
            (positions(0.5), orders(0.75, WORKS), snapshot(1.75), orders(2.0, WORKS)),
            Judgement((WORKING,), settled=True, proved_at=2.0, elsewhere_open=0, orders_checked=(1, 1)),
            Judgement((WORKING,), settled=True, proved_at=2.0, elsewhere_open=0, orders_checked=(1, 1)),
            id="an order listed twice is told",
        ),
        pytest.param(
            NONE_BEFORE,
            (positions(0.5), snapshot(1.75)),
            Judgement((fate(Verdict.NOTHING_OPEN),), settled=True, proved_at=2.0, elsewhere_open=0),
            Judgement((fate(Verdict.NOTHING_OPEN),), settled=True, proved_at=2.0, elsewhere_open=0),
            id="nothing was open, and no orders are asked for",
        ),
        pytest.param(
            SHORT_BEFORE,
            (positions(0.5, SHORT), snapshot(1.75, SHORT, OTHER)),
            Judgement((fate(Verdict.STILL_OPEN, still_open=(SHORT,)),), settled=False, elsewhere_open=1),
            Judgement((fate(Verdict.STILL_OPEN, still_open=(SHORT,)),), settled=True, elsewhere_open=1),
            id="still open",
        ),
        pytest.param(
            SHORT_BEFORE,
            (positions(0.5, LONG),),
            Judgement(
                (fate(Verdict.STILL_OPEN, still_open=(LONG,)),),
                settled=False,
                bad_news_at=0.75,
                wants_listing=True,
                elsewhere_open=0,
            ),
            Judgement(
                (fate(Verdict.NOT_PROVED, Cause.READS_DISAGREE, still_open=(LONG,)),),
                settled=True,
                wants_listing=True,
                elsewhere_open=0,
            ),
            id="the other side by one read is bad news to be read again",
        ),
        pytest.param(
            SHORT_BEFORE,
            (positions(0.5, LONG), snapshot(1.0, LONG)),
            Judgement((ONE_SIDE_OVER,), settled=True, proved_at=1.25, elsewhere_open=0),
            Judgement((ONE_SIDE_OVER,), settled=True, proved_at=1.25, elsewhere_open=0),
            id="the other side by two reads",
        ),
        pytest.param(
            SHORT_BEFORE,
            (positions(0.5), snapshot(1.75, flaws=Flaws(accounts=frozenset({"sim101"})))),
            Judgement(
                (fate(Verdict.NOT_PROVED, Cause.ROW_UNREADABLE),),
                settled=False,
                candidate_at=0.75,
                candidate_source=Source.POSITIONS,
                orders_wanted=("Sim101",),
                elsewhere_open=0,
            ),
            Judgement((fate(Verdict.NOT_PROVED, Cause.ROW_UNREADABLE),), settled=True, elsewhere_open=0),
            id="a bad row",
        ),
        pytest.param(
            WIDE,
            (
                positions(0.5, OTHER),
                snapshot(1.75, OTHER, listed=BOTH),
                orders(2.0),
                positions(3.0, OTHER),
            ),
            Judgement(
                (fate(Verdict.STILL_OPEN, account="Sim102", still_open=(OTHER,)), FLAT),
                settled=False,
                proved_at=2.0,
                elsewhere_open=0,
                orders_checked=(1, 1),
            ),
            Judgement(
                (fate(Verdict.STILL_OPEN, account="Sim102", still_open=(OTHER,)), FLAT),
                settled=True,
                proved_at=2.0,
                elsewhere_open=0,
                orders_checked=(1, 1),
            ),
            id="two accounts with different fates",
        ),
        pytest.param(
            SHORT_BEFORE,
            (positions(0.5), snapshot(1.75, listed=NOT_FLAT)),
            Judgement((CONTRADICTED,), settled=False, proved_at=2.0, elsewhere_open=0),
            Judgement((CONTRADICTED,), settled=True, proved_at=2.0, elsewhere_open=0),
            id="a listing that contradicts may right itself until the end",
        ),
        pytest.param(
            WIDE,
            (positions(0.5), positions(1.75)),
            Judgement(
                (),
                settled=False,
                wants_listing=True,
                elsewhere_open=0,
                scope_reason=Reason(Cause.NOTHING_LISTED),
            ),
            Judgement(
                (),
                settled=False,
                wants_listing=True,
                elsewhere_open=0,
                scope_reason=Reason(Cause.NOTHING_LISTED),
            ),
            id="nobody said which accounts there are",
        ),
        pytest.param(
            IN_PAIR,
            (
                positions(0.5, NQ),
                snapshot(1.75, NQ, OTHER),
                orders(2.0, order(instrument="NQ 12-25")),
                positions(2.25, NQ, OTHER),
            ),
            replace(PROVED, elsewhere_open=2),
            replace(PROVED, elsewhere_open=2),
            id="what is open and what works elsewhere",
        ),
    ],
)
def test_what_the_reads_amount_to_now_and_at_the_end(
    of: FlattenCase, reads: tuple[Read, ...], now: Judgement, at_the_end: Judgement
) -> None:
    assert judged(of, *reads) == (now, at_the_end)


def opened_again(*later: PositionsRead, of: FlattenCase = SHORT_BEFORE) -> tuple[Judgement, Judgement]:
    """Flat by two reads, told while its orders are unread; then these reads."""
    made = FlattenProof(of, Evidence(0.0))
    for read in (positions(0.5), snapshot(1.75)):
        made.evidence.add_positions(read)
    assert made.judge(final=False).fates == (UNCHECKED,)
    for read in later:
        made.evidence.add_positions(read)
    return made.judge(final=False), made.judge(final=True)


def test_what_is_open_again_by_one_read_is_read_again_at_once_and_not_proved_at_the_end() -> None:
    assert opened_again(positions(2.25, SHORT)) == (
        Judgement(
            (fate(Verdict.STILL_OPEN, still_open=(SHORT,)),),
            settled=False,
            bad_news_at=2.5,
            elsewhere_open=0,
        ),
        Judgement(
            (fate(Verdict.NOT_PROVED, Cause.READS_DISAGREE, still_open=(SHORT,)),),
            settled=True,
            elsewhere_open=0,
        ),
    )
    doubt = Reason(Cause.NO_ANSWER)
    (unknown,) = opened_again(positions(2.25, SHORT), of=replace(SHORT_BEFORE, doubt=doubt))[1].fates
    assert unknown == Fate("Sim101", Verdict.UNKNOWN, still_open=(SHORT,), reason=doubt)


def test_what_is_open_again_by_two_reads_is_reopened_since_the_first_with_the_rows_of_the_last() -> None:
    more = replace(SHORT, quantity=3)
    told = Judgement(
        (fate(Verdict.REOPENED, still_open=(more,)),),
        settled=True,
        elsewhere_open=0,
        opened_at=2.5,
        flat_since=2.0,
    )
    assert opened_again(positions(2.25, SHORT), snapshot(2.75, more)) == (told, told)


def test_a_read_of_what_is_open_again_that_is_not_clean_is_shown_and_confirms_nothing() -> None:
    spoiled = Flaws(accounts=frozenset({"sim101"}))
    now, at_the_end = opened_again(positions(2.25, SHORT, flaws=spoiled))
    assert (now.fates, now.bad_news_at) == ((fate(Verdict.STILL_OPEN, still_open=(SHORT,)),), None)
    assert at_the_end.fates[0].verdict is Verdict.NOT_PROVED
    now, at_the_end = opened_again(positions(2.25, SHORT), snapshot(2.75, SHORT, flaws=spoiled))
    assert (now.settled, now.bad_news_at) == (False, 2.5)
    assert at_the_end.fates[0].verdict is Verdict.NOT_PROVED


def test_a_late_answer_makes_the_case_new_and_forgets_what_was_read() -> None:
    made = FlattenProof(replace(NONE_BEFORE, doubt=Reason(Cause.NO_ANSWER)), Evidence(0.0))
    made.evidence.add_positions(positions(0.5))
    made.evidence.ended_at = 0.75
    made.take_answer(Receipt(("id",), (SHORT,), "careful", 0.25, 1.0))
    assert made.evidence.beginnings == 2
    ended_at: float | None = made.evidence.ended_at
    assert ended_at is None
    assert made.evidence.earliest == 1.0
    assert not made.evidence.reads
    assert made.judge(final=True).fates == (UNREAD,)
    for read in (positions(0.75), positions(1.0), snapshot(2.25)):
        made.evidence.add_positions(read)
    assert len(made.evidence.reads) == 2
    assert made.judge(final=False).fates == (UNCHECKED,)  # not "nothing open": the answer names what closed


def test_a_listing_sent_before_the_answer_lists_nothing() -> None:
    evidence = Evidence(1.0)
    evidence.add_listing(AccountsRead(Stamp(0.5, 1.25), BOTH))
    assert evidence.listing is None
    evidence.add_listing(AccountsRead(Stamp(1.0, 1.25), BOTH))
    assert evidence.listed("SIM102") == BOTH[1]
    assert evidence.ever_connected == {"sim101", "sim102"}
    assert evidence.names == {"sim101": "Sim101", "sim102": "Sim102"}


def test_an_overfill_is_told_with_everything_that_the_newest_read_shows() -> None:
    _, told = judged(SHORT_BEFORE, positions(0.5, LONG), snapshot(1.0, LONG), positions(1.5, LONG, NQ))
    assert told.fates == (fate(Verdict.OVERFILLED, still_open=(LONG, NQ)),)


def test_at_the_end_a_clean_read_of_what_is_open_says_more_than_a_later_one_that_is_not() -> None:
    spoiled = Flaws(accounts=frozenset({"sim101"}))
    more = replace(SHORT, quantity=3)
    _, told = judged(SHORT_BEFORE, positions(0.5, SHORT), snapshot(1.75, more, flaws=spoiled))
    assert told.fates == (fate(Verdict.STILL_OPEN, still_open=(SHORT,)),)
    _, closed_first = judged(SHORT_BEFORE, positions(0.5), snapshot(1.75, more, flaws=spoiled))
    assert closed_first.fates == (fate(Verdict.NOT_PROVED, Cause.ROW_UNREADABLE, still_open=(more,)),)


def test_still_open_is_told_by_a_read_that_is_recent_up_to_the_limit() -> None:
    for ended_at, verdict in ((3.5, Verdict.STILL_OPEN), (3.51, Verdict.NOT_PROVED)):
        made = FlattenProof(SHORT_BEFORE, Evidence(0.0, ended_at=ended_at))
        made.evidence.add_positions(snapshot(0.5, SHORT))
        assert made.judge(final=True).fates[0].verdict is verdict


def test_orders_that_work_on_are_counted_from_the_first_clear_read() -> None:
    early = judged(SHORT_BEFORE, positions(0.5), orders(0.25, WORKS), snapshot(1.75), orders(2.0, WORKS))
    assert not early[0].settled  # the first listing may be from before it was flat
    on_time = judged(SHORT_BEFORE, positions(0.5), orders(0.5, WORKS), snapshot(1.75), orders(2.0, WORKS))
    assert on_time[0].settled
