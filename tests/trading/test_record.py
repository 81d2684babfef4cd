"""What the journal is told, field by field: another program, years later, reads nothing else."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from crosstrade_panel.domain.cancel import CancelRequest, ListedOrders
from crosstrade_panel.domain.outcome import Cause, Fate, Outcome, Reason, Timings, Verdict
from crosstrade_panel.domain.scope import EveryAccount, OneAccount, Side
from crosstrade_panel.domain.snapshot import (
    Account,
    AccountsRead,
    Flaws,
    OrdersRead,
    Position,
    PositionsRead,
    Source,
    Stamp,
)
from crosstrade_panel.domain.ticket import OrderType, ReverseTicket
from crosstrade_panel.trading.ports import EntryKind, Receipt, Way
from crosstrade_panel.trading.press import Press
from crosstrade_panel.trading.reads import FailedRead
from crosstrade_panel.trading.record import Record
from tests.fakes import NOON, MemoryJournal, order, position


class StoppedClock:
    def monotonic(self) -> float:
        return 1002.0

    def now(self) -> datetime:
        return NOON


def make() -> tuple[Record, MemoryJournal]:
    journal = MemoryJournal()
    return Record(journal, StoppedClock(), "https://example.test", is_practice=False), journal


def pressed(ticket: ReverseTicket | None = None, cancel: ListedOrders | None = None) -> Press:
    return Press("p1", OneAccount("Sim101", "MES 12-25", Side.SHORT), 1000.0, NOON, ticket, cancel)


POSITION = {
    "account": "Sim101",
    "instrument": "MES 12-25",
    "side": "short",
    "quantity": 2,
    "average_price": "5780.25",
    "market_price": "5774.00",
    "unrealized": "62.50",
}
ORDER = {
    "account": "Sim101",
    "order_id": "order-1",
    "instrument": "MES 12-25",
    "state": "Working",
    "order_type": "Stop Market",
    "action": "Buy",
    "quantity": 2,
    "filled": 0,
    "limit_price": "1.50",
    "stop_price": "2.25",
}
PRICED = replace(order(), limit_price=Decimal("1.50"), stop_price=Decimal("2.25"))
REASON = Reason(Cause.SERVER_FAILED, "Bad gateway", 502)
REASON_FACTS = {"cause": "server_failed", "said": "Bad gateway", "status": 502}
WHERE = {"origin": "https://example.test", "practice": False}


def test_an_intent_holds_the_scope_and_the_server() -> None:
    record, journal = make()
    record.intent(pressed())
    [entry] = journal.entries
    assert (entry.press_id, entry.kind, entry.after_s, entry.at) == ("p1", EntryKind.INTENT, 2.0, NOON)
    assert entry.facts == {
        "action": "flatten",
        "account": "Sim101",
        "instrument": "MES 12-25",
        "side": "short",
        **WHERE,
    }
    wide = Press("p2", EveryAccount(), 1000.0, NOON)
    record.intent(wide)
    assert journal.entries[1].facts == {
        "action": "flatten",
        "account": None,
        "instrument": None,
        "side": None,
        **WHERE,
    }


def test_the_intent_of_a_reverse_holds_all_of_its_order() -> None:
    record, journal = make()
    ticket = ReverseTicket(
        "Sim101",
        "MES 12-25",
        Side.LONG,
        3,
        OrderType.STOP_LIMIT,
        limit_price=Decimal("5780.50"),
        stop_price=Decimal("5781.00"),
        oco_id="group",
        strategy="template",
    )
    record.intent(pressed(ticket))
    assert journal.entries[0].facts == {
        "action": "reverse",
        "account": "Sim101",
        "instrument": "MES 12-25",
        **WHERE,
        "side": "long",
        "order_action": "sell",
        "quantity": 3,
        "order_type": "stop-limit",
        "time_in_force": "day",
        "limit_price": "5780.50",
        "stop_price": "5781.00",
        "oco_id": "group",
        "strategy": "template",
    }


def test_a_cancel_holds_its_orders_and_each_step_its_request() -> None:
    record, journal = make()
    press = pressed(cancel=ListedOrders((PRICED,)))
    request = CancelRequest("Sim101", None, "order-1", (PRICED,))
    record.intent(press)
    record.attempt(press, 1, Way.REST, request)
    record.answer(press, Receipt(("order-1",), None, "careful", 1000.5, 1001.0), request)
    record.failure(press, "refused", REASON, request)
    about = {"account": "Sim101", "instrument": None, "order_id": "order-1"}
    assert journal.entries[0].facts["action"] == "cancel"
    assert journal.entries[0].facts["orders"] == [ORDER]
    assert journal.entries[1].facts == {"number": 1, "way": "rest", **about}
    assert journal.entries[2].facts == {
        "result": "accepted",
        "order_ids": ["order-1"],
        "closed_positions": None,
        "warning": "careful",
        "sent_s": 0.5,
        "answered_s": 1.0,
        **about,
    }
    assert journal.entries[3].facts == {"result": "refused", **REASON_FACTS, **about}


def test_every_read_is_told_with_its_source_and_its_flaws() -> None:
    record, journal = make()
    press, stamp = pressed(), Stamp(1000.25, 1000.75, 7)
    flaws = Flaws("half of it", frozenset({"sim102", "sim101"}))
    record.read(press, PositionsRead(Source.SNAPSHOT, stamp, (position(),), (), flaws))
    record.read(press, AccountsRead(stamp, (Account("Sim101"),)))
    record.read(press, OrdersRead(stamp, "Sim101", (PRICED, replace(PRICED, state="Filled"))))
    record.read(press, FailedRead(Source.POSITIONS, REASON))
    record.read(press, FailedRead(Source.ORDERS, REASON, "Sim102"))
    tail: dict[str, object] = {"took_s": 0.5, "epoch_ms": 7, "flaw": None, "spoiled_accounts": []}
    assert [entry.facts for entry in journal.entries] == [
        {
            **tail,
            "source": "snapshot",
            "positions": [POSITION],
            "flaw": "half of it",
            "spoiled_accounts": ["sim101", "sim102"],
        },
        {**tail, "source": "accounts", "accounts": ["Sim101"]},
        {**tail, "source": "orders", "account": "Sim101", "working": [ORDER]},
        {"source": "positions", "failed": True, **REASON_FACTS},
        {"source": "orders", "failed": True, "account": "Sim102", **REASON_FACTS},
    ]


def test_a_position_of_which_nothing_could_be_read_is_written_down_as_such() -> None:
    record, journal = make()
    hidden = Position(None, None, None, None)
    record.read(pressed(), PositionsRead(Source.POSITIONS, Stamp(1000.0, 1000.5), (hidden,)))
    (facts,) = journal.facts(EntryKind.READ)
    assert facts["positions"] == [dict.fromkeys(POSITION)]


def test_an_outcome_holds_every_fate_and_every_time() -> None:
    record, journal = make()
    fates = (
        Fate("Sim101", Verdict.STILL_OPEN, (position(),), (PRICED,), REASON, ended_orders=(PRICED,)),
        Fate("Old", Verdict.CANNOT_TELL, takes_headline=False),
    )
    outcome = Outcome(
        Verdict.STILL_OPEN,
        NOON,
        fates,
        reason=REASON,
        timings=Timings(0.1, 0.2, 0.3, 0.4),
        elsewhere_open=3,
        orders_checked=(1, 2),
        late_s=31.0,
        flat_at=NOON,
    )
    record.outcome(pressed(), outcome)
    assert journal.entries[0].facts == {
        "verdict": "still_open",
        "fates": [
            {
                "account": "Sim101",
                "verdict": "still_open",
                "still_open": [POSITION],
                "working_orders": [ORDER],
                "ended_orders": [ORDER],
                "headline": True,
                **REASON_FACTS,
            },
            {
                "account": "Old",
                "verdict": "cannot_tell",
                "still_open": [],
                "working_orders": [],
                "ended_orders": [],
                "headline": False,
            },
        ],
        "sent_s": 0.1,
        "delivered_s": 0.2,
        "answered_s": 0.3,
        "proved_s": 0.4,
        "elsewhere_open": 3,
        "orders_checked": [1, 2],
        "late_s": 31.0,
        "flat_at": NOON.isoformat(),
        **REASON_FACTS,
    }
    record.note(pressed(), "journal late")
    record.acknowledged(pressed())
    assert [(entry.kind, entry.facts) for entry in journal.entries[1:]] == [
        (EntryKind.NOTE, {"text": "journal late"}),
        (EntryKind.ACKNOWLEDGED, {}),
    ]
