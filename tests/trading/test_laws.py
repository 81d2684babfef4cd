"""Laws of proof and verification, on reads and moments that nobody chose."""

import asyncio
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crosstrade_panel.domain.names import fold
from crosstrade_panel.domain.outcome import Cause, Reason, Verdict
from crosstrade_panel.domain.scope import EveryAccount, OneAccount, Scope, Side, is_outside
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
from crosstrade_panel.domain.ticket import ReverseTicket
from crosstrade_panel.trading.evidence import Evidence
from crosstrade_panel.trading.flat_proof import FlattenCase, FlattenProof
from crosstrade_panel.trading.flatten import Flatten
from crosstrade_panel.trading.ports import ReadFailedError, Receipt, UnknownOutcomeError
from crosstrade_panel.trading.reverse import Reverse
from crosstrade_panel.trading.reverse_proof import ReverseCase, ReverseProof
from crosstrade_panel.trading.roster import Seen
from tests.fakes import FakeGateway, VirtualTimeLoop, fail_reads, order, position

GOOD = {Verdict.FLAT, Verdict.NOTHING_OPEN, Verdict.FLAT_ORDERS_NOT_CHECKED, Verdict.ORDERS_WORKING}
SLOW_MACHINES = [HealthCheck.too_slow]
NAMES = ["Sim101", "SIM101", "Sim102"]
MOMENTS = st.integers(0, 60).map(lambda tenths: tenths / 10)
ROWS = st.builds(
    Position,
    st.sampled_from([*NAMES, None]),
    st.sampled_from(["MES 12-25", "MESZ25", "NQ 12-25", "MES", None]),
    st.sampled_from([Side.LONG, Side.SHORT, None]),
    st.sampled_from([1, 2, None]),
)
GOOD_ROWS = st.builds(
    Position,
    st.sampled_from(NAMES),
    st.sampled_from(["MES 12-25", "MESZ25", "NQ 12-25"]),
    st.sampled_from([Side.LONG, Side.SHORT]),
    st.sampled_from([1, 2]),
)
ACCOUNTS = st.builds(
    Account,
    st.sampled_from(NAMES),
    connected=st.sampled_from([True, True, None, False]),
    is_flat=st.sampled_from([None, None, False, True]),
)
FLAWS = st.sampled_from([Flaws(), Flaws(), Flaws(), Flaws("count"), Flaws(accounts=frozenset({"sim101"}))])
STAMPS = st.builds(lambda at, took: Stamp(at, at + took), MOMENTS, st.sampled_from([0.0, 0.1, 2.0]))
MANY_ROWS = st.lists(ROWS, max_size=2).map(tuple) | st.just(())
LISTS = st.lists(ACCOUNTS, max_size=3).map(tuple) | st.just(
    (Account("Sim101", connected=True), Account("Sim102", connected=True))
)
READS = st.one_of(
    st.builds(PositionsRead, st.just(Source.POSITIONS), STAMPS, MANY_ROWS, st.none(), FLAWS),
    st.builds(PositionsRead, st.just(Source.SNAPSHOT), STAMPS, MANY_ROWS, LISTS, FLAWS),
    st.builds(AccountsRead, STAMPS, LISTS, FLAWS),
    st.builds(
        OrdersRead,
        STAMPS,
        st.sampled_from(NAMES),
        st.lists(
            st.builds(
                Order,
                st.just("Sim101"),
                st.just("entry"),
                st.sampled_from(["MES 12-25", None]),
                st.sampled_from(["Working", "Rejected", None]),
            ),
            max_size=2,
        ).map(tuple),
        FLAWS,
    ),
    st.sampled_from([Source.POSITIONS, Source.SNAPSHOT]),
)
SCOPES = st.one_of(
    st.builds(
        OneAccount,
        st.sampled_from(NAMES),
        st.sampled_from([None, "MES 12-25", "MES"]),
        st.sampled_from([None, Side.LONG, Side.SHORT]),
    ),
    st.builds(
        EveryAccount,
        st.sampled_from([None, "MES 12-25"]),
        st.sampled_from([None, Side.LONG, Side.SHORT]),
    ),
)
AnyRead = PositionsRead | AccountsRead | OrdersRead | Source


def take(evidence: Evidence, read: AnyRead) -> None:
    match read:
        case PositionsRead():
            evidence.add_positions(read)
        case AccountsRead():
            evidence.add_listing(read)
        case OrdersRead():
            evidence.add_orders(read)
        case Source():
            evidence.fail(read, Reason(Cause.SERVER_FAILED))


@st.composite
def cases(draw: st.DrawFn) -> FlattenCase:
    before = draw(st.lists(GOOD_ROWS, max_size=3))
    by_account: dict[str, tuple[Position, ...]] = {}
    for row in before:
        key = fold(row.account or "")
        by_account[key] = (*by_account.get(key, ()), row)
    closed = draw(st.none() | st.lists(ROWS, max_size=2).map(tuple))
    return FlattenCase(
        draw(SCOPES),
        by_account,
        draw(st.sampled_from([None, {}, {"sim101": Seen("Sim101", ever_connected=True)}])),
        receipt=Receipt((), closed, "", 0.0, 0.0),
        doubt=draw(st.sampled_from([None, Reason(Cause.NO_ANSWER)])),
        fresh=frozenset(by_account),
        prove_from=draw(st.sampled_from([float("-inf"), 3.0])),
    )


def shows_nothing(read: PositionsRead, case: FlattenCase, account: str) -> bool:
    """By the words of the product alone: clean for the account, and nothing open but what was to be left."""
    if read.flaws.everything is not None or fold(account) in read.flaws.accounts:
        return False
    left = {
        row.pair
        for row in case.before.get(fold(account), ())
        if case.scope.side is not None and row.side is case.scope.side.opposite
    }
    for row in read.positions:
        if row.account is None:
            return False
        if fold(row.account) != fold(account):
            continue
        if None in (row.instrument, row.side, row.quantity):
            return False
        is_left = row.pair in left and case.scope.side is not None and row.side is case.scope.side.opposite
        if not is_outside(case.scope, row.account, row.instrument, None) and not is_left:
            return False
    return True


@settings(max_examples=600, deadline=None, suppress_health_check=SLOW_MACHINES)
@given(cases(), st.lists(READS, max_size=9))
def test_no_good_end_is_ever_told_without_two_clean_reads_and_a_listing(
    case: FlattenCase, reads: list[AnyRead]
) -> None:
    proof = FlattenProof(case, Evidence(1.0))
    for count, read in enumerate(reads, 1):
        take(proof.evidence, read)
        for final in (False, True):
            judgement = proof.judge(final=final)
        assert not judgement.orders_wanted
        for fate in judgement.fates:
            if fate.verdict not in GOOD:
                continue
            clean = [
                each
                for each in reads[:count]
                if isinstance(each, PositionsRead)
                and each.stamp.sent_at >= 1.0
                and shows_nothing(each, case, fate.account)
            ]
            assert any(
                second.stamp.sent_at >= first.stamp.answered_at + 1.0
                and second.stamp.sent_at >= case.prove_from
                for first in clean
                for second in clean
            )
            listings = [
                each.accounts
                for each in reads[:count]
                if isinstance(each, AccountsRead | PositionsRead)
                and each.accounts is not None
                and each.stamp.sent_at >= 1.0
                and each.flaws.everything is None
            ]
            assert any(fold(account.name) == fold(fate.account) for listed in listings for account in listed)


@settings(max_examples=300, deadline=None, suppress_health_check=SLOW_MACHINES)
@given(cases(), st.lists(READS, max_size=8), st.sampled_from(NAMES))
def test_an_open_read_after_the_proof_never_leaves_it_standing(
    case: FlattenCase, reads: list[AnyRead], name: str
) -> None:
    proof = FlattenProof(case, Evidence(1.0))
    for read in reads:
        take(proof.evidence, read)
    proof.judge(final=False)
    row = Position(name, "MES 12-25", case.scope.side or Side.LONG, 1)
    take(proof.evidence, PositionsRead(Source.POSITIONS, Stamp(10.0, 10.1), (row,)))
    for fate in proof.judge(final=True).fates:
        if fold(fate.account) == fold(name) and not is_outside(case.scope, row.account, row.instrument, None):
            assert fate.verdict not in GOOD


@settings(max_examples=300, deadline=None, suppress_health_check=SLOW_MACHINES)
@given(
    st.lists(READS, max_size=9),
    st.sampled_from([None, Reason(Cause.NO_ANSWER)]),
    st.booleans(),
)
def test_reversed_is_never_told_without_two_clean_reads_of_the_expected_side_and_size(
    reads: list[AnyRead], doubt: Reason | None, has_id: bool
) -> None:
    ticket = ReverseTicket("sim101", "MES 12-25", Side.SHORT, 2)
    receipt = Receipt(("entry",) if has_id else (), None, "", 0.0, 0.0)
    proof = ReverseProof(ReverseCase(ticket, receipt, doubt), Evidence(1.0))
    for count, read in enumerate(reads, 1):
        take(proof.evidence, read)
        judgement = proof.judge(final=False)
        verdict = judgement.fates[0].verdict
        agreeing = [
            each.stamp
            for each in reads[:count]
            if isinstance(each, PositionsRead)
            and each.flaws.everything is None
            and [
                (row.side, row.quantity)
                for row in each.positions
                if row.account and fold(row.account) == "sim101" and "MES" in (row.instrument or "")
            ]
            == [(Side.LONG, 2)]
        ]
        if verdict is Verdict.REVERSED:
            assert any(b.sent_at >= a.answered_at + 1.0 for a in agreeing for b in agreeing)
        assert proof.judge(final=True).settled


# -- verification, in virtual time ---

LATENCIES = st.lists(st.sampled_from([0.0, 0.01, 0.3, 1.4, 3.0, 20.0]), min_size=1, max_size=12)
FATES_OF_READS = st.lists(
    st.sampled_from(["ok", "ok", "ok", "fail", "bug", "spoiled", "open", "closed"]), min_size=1, max_size=12
)


def restless(latencies: list[float], fates: list[str]) -> FakeGateway:
    """A server whose every read takes another time and ends another way."""
    gateway = FakeGateway(open=[position()], working={"Sim101": [order(state="Filled")]})

    def before_read(_gateway: FakeGateway, _source: Source, number: int) -> None:
        gateway.latency_s = latencies[number % len(latencies)]
        match fates[number % len(fates)]:
            case "fail":
                raise ReadFailedError(Reason(Cause.SERVER_FAILED))
            case "open":
                gateway.open = [position(side=Side.LONG if number % 3 else Side.SHORT)]
            case "closed":
                gateway.open = []
            case _:
                pass

    def flaws(_source: Source, number: int) -> Flaws:
        return Flaws(accounts=frozenset({"sim101"})) if fates[number % len(fates)] == "spoiled" else Flaws()

    gateway.before_read, gateway.flaws = before_read, flaws
    return gateway


def in_virtual_time(work: Callable[[], Any]) -> None:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(work())


@settings(max_examples=120, deadline=None, suppress_health_check=SLOW_MACHINES)
@given(
    LATENCIES,
    FATES_OF_READS,
    st.sampled_from([OneAccount("Sim101"), EveryAccount()]),
    st.booleans(),
    st.booleans(),
)
def test_every_verification_ends_in_time_with_few_reads(
    make_desk: Any, latencies: list[float], fates: list[str], scope: Scope, is_lost: bool, is_reverse: bool
) -> None:
    async def run() -> None:
        gateway = restless(latencies, fates)
        panel = make_desk(gateway)

        def lose(_gateway: FakeGateway, _what: object) -> Receipt:
            raise UnknownOutcomeError(Reason(Cause.NO_ANSWER))

        if is_lost:
            gateway.on_flatten = gateway.on_reverse = lose
        if is_reverse:
            ticket = ReverseTicket("Sim101", "MES 12-25", Side.SHORT, 2)
            outcome = await Reverse(panel.desk)(panel.reverse_press(ticket))
        else:
            outcome = await Flatten(panel.desk)(panel.press(scope))
        pace = panel.desk.pace
        took_s = panel.clock.monotonic() - 1000.0
        assert took_s <= 0.1 + pace.window_s + pace.stretch_s + pace.read_least_deadline_s + 0.1
        assert len(gateway.reads) <= 20 + 3 * took_s
        assert len(gateway.sent) == 1
        assert outcome is panel.desk.book.presses[0].outcome
        await panel.desk.watch.stop()

    in_virtual_time(run)


@settings(max_examples=60, deadline=None, suppress_health_check=SLOW_MACHINES)
@given(
    st.sampled_from(
        [(*Source,), (Source.SNAPSHOT,), (Source.POSITIONS,), (Source.ACCOUNTS, Source.SNAPSHOT)]
    ),
    st.integers(0, 12),
)
def test_no_failing_endpoint_makes_reads_a_storm_or_the_press_endless(
    make_desk: Any, failing: tuple[Source, ...], spent: int
) -> None:
    async def run() -> None:
        gateway = FakeGateway(open=[position()], latency_s=0.0, before_read=fail_reads(*failing))
        panel = make_desk(gateway)
        for _ in range(spent):
            panel.desk.watch.budget.spend(panel.clock.monotonic())
        await Flatten(panel.desk)(panel.press(OneAccount("Sim101")))
        assert len(gateway.reads) <= 60
        assert panel.clock.monotonic() <= 1015.2
        await panel.desk.watch.stop()

    in_virtual_time(run)
