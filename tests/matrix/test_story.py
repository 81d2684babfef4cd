"""Random presses, faults, fills and reads: the three sentences hold, and the journal tells the story."""

import asyncio
import itertools
from collections.abc import Coroutine, Iterable
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from crosstrade_panel.domain.cancel import ListedOrders
from crosstrade_panel.domain.outcome import Outcome
from crosstrade_panel.domain.scope import EveryAccount, OneAccount, Scope, account_of
from crosstrade_panel.domain.snapshot import Source
from crosstrade_panel.domain.ticket import ReverseTicket
from crosstrade_panel.simulator.faults import Call
from crosstrade_panel.trading import flat_proof
from crosstrade_panel.trading.budget import Budget
from crosstrade_panel.trading.cancel import Cancel
from crosstrade_panel.trading.desk import Desk
from crosstrade_panel.trading.evidence import Look, TwoReads
from crosstrade_panel.trading.flatten import Flatten
from crosstrade_panel.trading.pace import Pace
from crosstrade_panel.trading.ports import Entry, EntryKind
from crosstrade_panel.trading.press import Lock, Press, PressBook
from crosstrade_panel.trading.record import Record
from crosstrade_panel.trading.reverse import Held, Reverse
from crosstrade_panel.trading.vigil import Vigil
from crosstrade_panel.trading.watch import Watch
from tests.fakes import LoopClock, MemoryJournal, VirtualTimeLoop
from tests.matrix.judge import Asked, Claim, Judge, Played
from tests.matrix.world import PRESS_FAULTS, READ_FAULTS, World, press_under_way

ACCOUNTS = ("Sim101", "Sim102")
INSTRUMENTS = ("MES 12-25", "NQ 12-25", "ES 12-25")
SCOPES: list[Scope] = [
    EveryAccount(),
    EveryAccount("MES 12-25"),
    OneAccount("Sim101"),
    OneAccount("Sim101", "MES 12-25"),
    OneAccount("Sim102", "ES 12-25"),
]


class Story(RuleBasedStateMachine):
    """A trader, a market and a server that fails, in virtual time."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualTimeLoop()
        self.world = World()
        self.journal = MemoryJournal()
        self.claims: dict[str, list[Claim]] = {}
        self.told: dict[str, Outcome] = {}
        self.asked: dict[str, Asked] = {}
        self.presses: dict[str, Press] = {}
        self.numbers = itertools.count(1)
        self.tasks: list[asyncio.Task[Any]] = []
        self.do(self.begin())

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    async def begin(self) -> None:
        clock, pace = LoopClock(), Pace()
        watch = Watch(self.world, clock, Budget(clock.monotonic()), pace)
        self.desk = Desk(
            self.world,
            watch,
            Record(self.journal, clock, "https://example.test:443", is_practice=False),
            PressBook(pace),
            clock,
            pace,
            self.on_change,
        )
        Vigil(self.desk)
        self.world.advance()
        await watch.positions(Source.SNAPSHOT)
        self.start(watch.run())

    def start(self, work: Coroutine[Any, Any, Any]) -> None:
        self.tasks.append(self.loop.create_task(work))

    def on_change(self, press: Press) -> None:
        outcome = press.outcome
        if outcome is None or self.told.get(press.id) is outcome:
            return
        self.told[press.id] = outcome
        fates = tuple((fate.account, fate.verdict.value) for fate in outcome.fates if fate.takes_headline)
        claim = Claim(self.loop.time(), outcome.verdict.value, fates)
        self.claims.setdefault(press.id, []).append(claim)

    async def press(
        self,
        asked: Asked,
        use: Flatten | Reverse | Cancel,
        scope: Scope,
        ticket: ReverseTicket | None = None,
        listed: ListedOrders | None = None,
    ) -> None:
        """A completed gesture; what comes of it goes on while other things happen."""
        clock = self.desk.clock
        press = Press(f"press-{next(self.numbers)}", scope, clock.monotonic(), clock.now(), ticket, listed)
        self.asked[press.id], self.presses[press.id] = asked, press
        self.desk.book.open(press)
        press_under_way.set(press.id)
        self.start(use(press))
        press_under_way.set("")
        await asyncio.sleep(0)

    # -- the trader ---

    @rule(scope=st.sampled_from(SCOPES))
    def flatten(self, scope: Scope) -> None:
        lock = self.desk.book.flatten_lock(scope, self.loop.time()).lock
        if lock is not Lock.LOCKED:
            asked = Asked("flatten", account_of(scope), scope.instrument)
            self.do(self.press(asked, Flatten(self.desk), scope))

    @rule(account=st.sampled_from(ACCOUNTS), instrument=st.sampled_from(INSTRUMENTS))
    def reverse(self, account: str, instrument: str) -> None:
        self.do(self._reverse(account, instrument))

    async def _reverse(self, account: str, instrument: str) -> None:
        use = Reverse(self.desk)
        held = await use.look(account, instrument)
        is_locked = self.desk.book.reverse_is_locked(account, instrument, self.loop.time())
        if isinstance(held, Held) and not is_locked:
            ticket = ReverseTicket(account, instrument, held.side, held.quantity)
            enters = (ticket.entering.value.capitalize(), ticket.quantity)
            asked = Asked("reverse", account, instrument, enters)
            await self.press(asked, use, OneAccount(account, instrument), ticket)

    @rule(account=st.sampled_from(ACCOUNTS), number=st.integers(0, 5))
    def cancel(self, account: str, number: int) -> None:
        read = self.desk.watch.orders_read.get(account.casefold())
        working = [] if read is None else [order for order in read.orders if order.is_working]
        if working:
            order = working[number % len(working)]
            listed = ListedOrders((order,))
            if not self.desk.book.cancel_is_locked(listed, self.loop.time()):
                asked = Asked("cancel", account, order_id=order.order_id)
                self.do(self.press(asked, Cancel(self.desk), listed.scope, listed=listed))

    @precondition(lambda self: self.presses)
    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        press_id = data.draw(st.sampled_from(sorted(self.presses)))

        async def seen() -> None:
            press = self.desk.book.acknowledge(press_id)
            if press is not None:
                self.desk.record.acknowledged(press)

        self.do(seen())

    @precondition(lambda self: self.presses)
    @rule(data=st.data())
    def stop_repeating(self, data: st.DataObject) -> None:
        self.presses[data.draw(st.sampled_from(sorted(self.presses)))].stop.set()

    @rule()
    def sleep_of_the_machine(self) -> None:
        self.loop.call_soon(self.desk.begin_anew)
        self.do(asyncio.sleep(0))

    # -- the world ---

    @rule(seconds=st.sampled_from([0.1, 0.5, 1.0, 1.0, 3.0, 12.0, 30.0]))
    def wait(self, seconds: float) -> None:
        self.do(asyncio.sleep(seconds))

    @rule(faults=st.lists(st.sampled_from(PRESS_FAULTS), min_size=1, max_size=3))
    def next_presses_go_wrong(self, faults: list[str]) -> None:
        self.world.press_faults[:] = faults

    @rule(faults=st.lists(st.sampled_from(["", *READ_FAULTS]), min_size=1, max_size=6))
    def next_reads_go_wrong(self, faults: list[str]) -> None:
        self.world.read_faults[:] = faults

    @rule(
        account=st.sampled_from(ACCOUNTS),
        instrument=st.sampled_from(INSTRUMENTS),
        quantity=st.sampled_from([-2, -1, 1, 2]),
    )
    def a_strategy_trades(self, account: str, instrument: str, quantity: int) -> None:
        async def trade() -> None:
            self.world.advance()
            self.world.book.open_position(account, instrument, quantity)

        self.do(trade())

    @rule(number=st.integers(0, 9))
    def an_order_fills(self, number: int) -> None:
        async def fill() -> None:
            self.world.advance()
            live = [order for order in self.world.book.orders() if order.is_live]
            if live:
                self.world.book.fill(live[number % len(live)])

        self.do(fill())

    # -- what always holds ---

    @invariant()
    def the_three_sentences_hold(self) -> None:
        """Told once for each press by the judge, who knows nothing of the panel."""
        for press_id in self.presses:
            played = self.played(press_id)
            acted = sum(call.acted for call in played.calls)
            breaches = Judge(played).judge(acts=min(acted, 1)) if played.claims else []
            assert not breaches, (press_id, breaches, played.claims)

    @invariant()
    def the_journal_tells_the_whole_story(self) -> None:
        for press_id, press in self.presses.items():
            told = [entry for entry in self.journal.entries if entry.press_id == press_id]
            check_story(press, told, self.world, [claim.verdict for claim in self.claims.get(press_id, [])])

    def played(self, press_id: str) -> Played:
        """The press with all the reads, and no other press's requests."""
        calls: list[Call] = [
            call
            for call in self.world.calls
            if call.method == "GET" or self.world.of_press[call.number] == press_id
        ]
        press = self.presses[press_id]
        return Played(
            self.asked[press_id],
            1.0,
            press.began_at,
            tuple(calls),
            self.world.book.story(),
            tuple(self.claims.get(press_id, ())),
        )

    def teardown(self) -> None:
        """Wait until nothing more can happen, and look once more."""
        try:
            self.do(asyncio.sleep(60.0))
            self.the_three_sentences_hold()
            self.the_journal_tells_the_whole_story()
            for press_id in self.presses:
                assert self.claims.get(press_id), f"{press_id} never ended"
        finally:
            self.leave()

    def leave(self) -> None:
        """End everything that goes on."""
        for task in self.tasks:
            task.cancel()
        self.do(asyncio.sleep(0))
        self.do(self.desk.watch.stop())
        self.loop.close()


def check_story(press: Press, told: list[Entry], world: World, verdicts: list[str]) -> None:
    """The rows of one press: in order, complete, and enough to know how it stands."""
    kinds = [entry.kind for entry in told]
    assert kinds == [] or kinds[0] is EntryKind.INTENT
    assert kinds.count(EntryKind.INTENT) == (1 if kinds else 0)
    times = [entry.after_s for entry in told]
    assert times == sorted(times)
    arrived = [call for number, call in enumerate(world.calls) if world.of_press.get(number) == press.id]
    attempts = kinds.count(EntryKind.ATTEMPT)
    lost = world.never_left.count(press.id)
    # A request that was lost on its way is an attempt as well, and reached nobody.
    assert attempts >= len(arrived) + lost
    answers = [entry for entry in told if entry.kind is EntryKind.ANSWER]
    if press.outcome is not None:
        late = press.notes.count("late answer")
        assert len(answers) == attempts + late, "an attempt without its answer"
    assert sum(entry.facts["result"] == "not_sent" for entry in answers) == lost
    for number, kind in enumerate(kinds):
        if kind is EntryKind.ANSWER:
            assert kinds[:number].count(EntryKind.ATTEMPT) > kinds[:number].count(EntryKind.ANSWER)
    # How it stands, from these rows alone.
    outcomes = [entry.facts for entry in told if entry.kind is EntryKind.OUTCOME]
    assert [facts["verdict"] for facts in outcomes] == verdicts
    assert (EntryKind.ACKNOWLEDGED in kinds) == press.acknowledged
    if press.outcome is None:
        assert outcomes == []
        return
    last: Any = outcomes[-1]
    assert last["verdict"] == press.outcome.verdict.value
    assert [(fate["account"], fate["verdict"], len(fate["still_open"])) for fate in last["fates"]] == [
        (fate.account, fate.verdict.value, len(fate.still_open)) for fate in press.outcome.fates
    ]
    intent = told[0].facts
    assert (intent["account"], intent["instrument"]) == (account_of(press.scope), press.scope.instrument)
    assert (intent["action"] == "reverse") == press.is_reverse
    assert (intent["action"] == "cancel") == (press.cancel is not None)


def test_the_story_notices_a_state_that_was_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def one_read(agreeing: Iterable[Look], **_: Any) -> TwoReads:
        looks = list(agreeing)
        return TwoReads(looks[0], looks[0]) if looks else TwoReads()

    monkeypatch.setattr(flat_proof, "two_reads", one_read)
    with pytest.raises(AssertionError, match="without two reads that show it"):
        a_short_story()


def test_the_story_notices_a_row_that_the_journal_does_not_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Record, "answer", lambda *_: None)
    with pytest.raises(AssertionError, match="an attempt without its answer"):
        a_short_story()


def a_short_story() -> None:
    """One press on a good day."""
    story = Story()
    try:
        story.flatten(OneAccount("Sim101", "MES 12-25"))
        story.wait(3.0)
        story.the_three_sentences_hold()
        story.the_journal_tells_the_whole_story()
    finally:
        story.leave()


TestStory = Story.TestCase
TestStory.settings = settings(
    max_examples=40,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
