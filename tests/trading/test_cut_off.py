"""What is read while an account is cut off is half of no proof, whatever it shows."""

from crosstrade_panel.domain.cancel import ListedOrders
from crosstrade_panel.domain.outcome import Verdict
from crosstrade_panel.domain.scope import OneAccount, Side
from crosstrade_panel.domain.snapshot import Account, AccountsRead, OrdersRead, Source, Stamp
from crosstrade_panel.domain.ticket import ReverseTicket
from crosstrade_panel.trading.cancel_proof import CancelCase, CancelProof, Sent
from crosstrade_panel.trading.evidence import Evidence
from crosstrade_panel.trading.flat_proof import FlattenCase, FlattenProof
from crosstrade_panel.trading.reverse_proof import ReverseCase, ReverseProof
from tests.fakes import order, position, positions_read

CONNECTED = (Account("Sim101", "Simulator", connected=True),)
CUT_OFF = (Account("Sim101", "Simulator", connected=False),)
MES = OneAccount("Sim101", "MES 12-25")
BEFORE = {"sim101": (position(),)}


def snapshot(sent_at: float, listed: tuple[Account, ...], evidence: Evidence, *rows: object) -> None:
    evidence.add_positions(
        positions_read(sent_at, *rows, source=Source.SNAPSHOT, listed=listed)  # type: ignore[arg-type]
    )


def orders_read(sent_at: float, *state: str) -> OrdersRead:
    return OrdersRead(Stamp(sent_at, sent_at + 0.1), "Sim101", tuple(order(state=each) for each in state))


def test_flat_is_not_half_proved_by_a_list_from_the_time_without_the_broker() -> None:
    evidence = Evidence(0.0)
    proof = FlattenProof(FlattenCase(MES, BEFORE, {}), evidence)
    snapshot(1.0, CUT_OFF, evidence)
    evidence.add_positions(positions_read(2.0))
    evidence.add_orders(orders_read(2.5))
    assert [fate.verdict for fate in proof.judge(final=True).fates] == [Verdict.CANNOT_TELL]
    snapshot(3.5, CONNECTED, evidence)
    evidence.add_orders(orders_read(3.7))
    assert proof.judge(final=False).fates[0].verdict is Verdict.NOT_PROVED
    evidence.add_positions(positions_read(5.0))
    assert proof.judge(final=False).fates[0].verdict is Verdict.FLAT


def test_an_account_that_is_missing_from_a_listing_is_cut_off_as_well() -> None:
    evidence = Evidence(0.0)
    proof = FlattenProof(FlattenCase(MES, BEFORE, {}), evidence)
    evidence.add_listing(AccountsRead(Stamp(0.5, 0.6), (Account("Sim102", connected=True),)))
    evidence.add_positions(positions_read(1.0))
    evidence.add_orders(orders_read(1.5))
    snapshot(2.5, CONNECTED, evidence)
    assert proof.judge(final=False).fates[0].verdict is Verdict.NOT_PROVED
    # Listings come in the order in which they were asked for, not in which they are answered.
    assert evidence.there_from("SIM101") == 2.5
    evidence.add_listing(AccountsRead(Stamp(0.7, 9.0), CONNECTED))
    assert evidence.there_from("Sim101") == 0.7


def test_what_is_open_counts_all_the_same() -> None:
    evidence = Evidence(0.0)
    proof = FlattenProof(FlattenCase(MES, BEFORE, {}), evidence)
    snapshot(1.0, CUT_OFF, evidence)
    evidence.add_positions(positions_read(2.0, position()))
    snapshot(3.5, CONNECTED, evidence, position())
    assert proof.judge(final=True).fates[0].verdict is Verdict.STILL_OPEN


def test_a_reverse_is_not_half_proved_by_the_last_picture_of_an_account() -> None:
    evidence = Evidence(0.0)
    proof = ReverseProof(ReverseCase(ReverseTicket("Sim101", "MES 12-25", Side.SHORT, 2)), evidence)
    entered = position(side=Side.LONG)
    snapshot(1.0, CUT_OFF, evidence)
    evidence.add_positions(positions_read(2.0, entered))
    snapshot(3.5, CONNECTED, evidence, entered)
    assert proof.judge(final=False).fates[0].verdict is Verdict.NOT_PROVED
    evidence.add_positions(positions_read(5.0, entered))
    assert proof.judge(final=False).fates[0].verdict is Verdict.REVERSED


def test_an_order_is_not_half_proved_gone_by_a_list_from_the_time_without_the_broker() -> None:
    evidence = Evidence(0.0)
    listed = ListedOrders((order(),))
    proof = CancelProof(CancelCase(listed, {"sim101": ((Sent.ACCEPTED, None),)}), evidence)
    snapshot(0.5, CUT_OFF, evidence)
    evidence.add_orders(orders_read(1.0))
    evidence.add_listing(AccountsRead(Stamp(2.0, 2.1), CONNECTED))
    evidence.add_orders(orders_read(3.0))
    assert proof.judge(final=False).fates[0].verdict is not Verdict.CANCELLED
    evidence.add_orders(orders_read(4.5))
    assert proof.judge(final=False).fates[0].verdict is Verdict.CANCELLED


def test_the_story_of_the_listings_is_forgotten_with_the_reads() -> None:
    evidence = Evidence(0.0)
    evidence.add_listing(AccountsRead(Stamp(1.0, 1.1), CUT_OFF))
    assert evidence.there_from("Sim101") == float("inf")
    for number in range(8):
        evidence.add_listing(AccountsRead(Stamp(2.0 + number, 2.1 + number), CONNECTED))
    assert evidence.there_from("Sim101") == 2.0
    evidence.forget_old()
    assert evidence.there_from("Sim101") == float("-inf")
    evidence.add_listing(AccountsRead(Stamp(20.0, 20.1), CUT_OFF))
    evidence.begin_anew(21.0)
    assert evidence.there_from("Sim101") == float("-inf")
