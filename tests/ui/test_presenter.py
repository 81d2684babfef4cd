"""The rules of gestures that live behind the window, on a scripted API in virtual time."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from crosstrade_panel import texts
from crosstrade_panel.domain.outcome import Cause, Outcome, Reason, Verdict
from crosstrade_panel.domain.scope import EveryAccount, OneAccount, Scope, Side
from crosstrade_panel.domain.snapshot import Account, Mode, Source
from crosstrade_panel.domain.ticket import OrderType, ReverseTicket
from crosstrade_panel.trading.ports import NotSentError, RefusedError, UnknownOutcomeError
from crosstrade_panel.trading.press import Phase, Press
from crosstrade_panel.ui.view import Gesture, Look, PanelView, TicketFields
from tests.fakes import NOON, FakeGateway, VirtualTimeLoop, fail_reads, order, position
from tests.ui.rig import Rig

pytestmark = pytest.mark.anyio

SIM101 = OneAccount("Sim101")
HANGS_S = 100.0


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Callable[[], VirtualTimeLoop]]]:
    return ("asyncio", {"loop_factory": VirtualTimeLoop})


@pytest.fixture
async def rig() -> Rig:
    """Connected, Short 2 MES in Sim101 read, Sim101 chosen."""
    rig = Rig()
    rig.connect()
    await rig.read()
    rig.presenter.on_account("Sim101")
    return rig


def never(rig: Rig) -> None:
    assert rig.sent == []


def refuse(_gateway: FakeGateway, _what: object) -> Any:
    raise RefusedError(Reason(Cause.SERVER_SAID_NO, "No"), sent_at=1000.0, answered_at=1000.0)


def never_leave(_gateway: FakeGateway, _what: object) -> Any:
    raise NotSentError(Reason(Cause.CONNECT_FAILED))


def lose(_gateway: FakeGateway, _what: object) -> Any:
    raise UnknownOutcomeError(Reason(Cause.CONNECTION_LOST))


def leave_open(gateway: FakeGateway, _scope: object) -> Any:
    return gateway.receipt([], ("id-1",))


# --- before there is a server -------------------------------------------------------------------------------


async def test_until_the_keyring_has_answered_nothing_claims_that_there_is_no_token() -> None:
    rig = Rig()
    rig.presenter.refresh()
    assert rig.view().flatten.look is Look.DISABLED
    assert texts.NO_TOKEN not in rig.view().flatten.lines
    assert not rig.view().needs_token
    rig.presenter.ask_for_token("the keyring is locked")
    assert texts.NO_TOKEN in rig.view().flatten.lines
    assert (rig.view().needs_token, rig.view().token_problem) == (True, "The keyring is locked")
    assert rig.view().status.link == "No token"


async def test_a_press_without_a_server_sends_nothing() -> None:
    rig = Rig()
    rig.presenter.ask_for_token("")
    rig.presenter.on_flatten(EveryAccount())
    await rig.turn()
    assert rig.presenter.book.presses == ()


async def test_nothing_is_selected_by_itself() -> None:
    rig = Rig()
    rig.connect()
    await rig.read()
    assert rig.scope() == EveryAccount()
    assert (rig.view().account, rig.view().instrument, rig.view().side) == (None, None, None)


async def test_the_last_account_is_taken_up_again_only_when_the_api_reports_it() -> None:
    rig = Rig()
    rig.connect(last_account="sim101")
    assert rig.scope() == EveryAccount()
    await rig.watch.positions(Source.POSITIONS)  # lists no accounts
    await rig.turn()
    assert rig.scope() == EveryAccount()
    await rig.read()
    assert rig.scope() == OneAccount("Sim101")


async def test_a_last_account_that_is_not_reported_is_never_taken_up_later() -> None:
    rig = Rig()
    rig.connect(last_account="Apex-01")
    await rig.read()
    rig.gateway.accounts_listed.append(Account("Apex-01", "Rithmic", connected=True))
    await rig.read()
    assert rig.scope() == EveryAccount()


@pytest.mark.parametrize("gesture", ["instrument", "side", "all accounts", "flatten"])
async def test_a_trader_who_has_begun_keeps_the_scope_when_the_accounts_arrive(gesture: str) -> None:
    rig = Rig()
    rig.connect(last_account="Sim101")
    match gesture:
        case "instrument":
            rig.presenter.on_instrument("MES 12-25")
        case "side":
            rig.presenter.on_side(Side.SHORT)
        case "all accounts":
            rig.presenter.on_account(None)
        case _:
            rig.presenter.on_flatten(EveryAccount())
    await rig.read()
    assert isinstance(rig.scope(), EveryAccount)
    await rig.finish()


async def test_a_refused_token_is_asked_for_again_and_flatten_stays_alive(rig: Rig) -> None:
    rig.gateway.before_read = fail_reads(Source.POSITIONS, Source.SNAPSHOT, cause=Cause.TOKEN_REFUSED)
    with pytest.raises(Exception, match="token_refused"):
        await rig.read()
    await rig.turn()
    assert rig.view().needs_token
    assert rig.view().flatten.look is Look.LOOKS_DEAD
    rig.presenter.on_flatten(SIM101)
    await rig.turn()
    assert rig.sent == [SIM101]
    rig.presenter.refresh()
    assert not rig.view().needs_token, "not while a press is on its way"
    rig.gateway.before_read = None
    await rig.finish()


# --- flatten ------------------------------------------------------------------------------------------------


async def test_a_click_sends_the_scope_on_the_button_once_and_tells_what_was_proved(rig: Rig) -> None:
    assert rig.view().flatten.gesture is Gesture.CLICK
    rig.presenter.on_flatten(rig.view().flatten.scope)
    await rig.finish()
    assert rig.sent == [SIM101]
    assert rig.view().banners[0].title.startswith("FLAT ")
    assert rig.view().result.order_ids == ("id-1", "id-2")
    assert rig.alerts == []


async def test_a_press_for_another_scope_than_the_one_shown_is_not_sent_and_says_so(rig: Rig) -> None:
    for scope in (
        EveryAccount(),
        OneAccount("Sim102"),
        OneAccount("Sim101", "MES 12-25"),
        OneAccount("SIM101"),
    ):
        rig.presenter.on_flatten(scope)
        assert texts.BUTTON_CHANGED in rig.view().status.notes
    await rig.turn()
    never(rig)


async def test_the_scope_of_a_moment_ago_is_not_sent(rig: Rig) -> None:
    before = rig.view().flatten.scope
    rig.presenter.on_account("Sim102")
    rig.presenter.on_flatten(before)
    await rig.turn()
    never(rig)


async def test_a_storm_of_clicks_sends_one_press(rig: Rig) -> None:
    for _ in range(50):
        rig.presenter.on_flatten(SIM101)
    await rig.finish()
    assert rig.sent == [SIM101]


async def test_every_press_locks_its_scope_for_half_a_second_whatever_came_back(rig: Rig) -> None:
    rig.gateway.on_flatten = never_leave
    rig.gateway.latency_s = 0.0
    rig.presenter.on_flatten(SIM101)
    await rig.finish()
    assert rig.presenter.book.presses[-1].outcome is not None
    rig.presenter.refresh()
    assert rig.view().flatten.look is Look.LOCKED
    rig.presenter.on_flatten(SIM101)
    await rig.turn()
    assert len(rig.sent) == 1
    await rig.pass_time(0.5)
    assert rig.view().flatten.look is Look.READY
    rig.presenter.on_flatten(SIM101)
    await rig.finish()
    assert len(rig.sent) == 2


async def test_a_click_that_ends_when_the_book_says_again_is_not_sent(rig: Rig) -> None:
    rig.gateway.latency_s = HANGS_S
    rig.presenter.on_flatten(SIM101)
    await rig.turn()
    assert rig.view().flatten.gesture is Gesture.CLICK
    await asyncio.sleep(3.1)  # nobody has painted since: the button still shows a click
    rig.presenter.on_flatten(SIM101)
    await rig.turn()
    assert len(rig.sent) == 1
    assert texts.BUTTON_CHANGED in rig.view().status.notes
    assert rig.view().flatten.title == "FLATTEN AGAIN"
    assert rig.view().flatten.gesture is Gesture.HOLD
    assert any(texts.FIRST_MAY_STILL_ACT in line for line in rig.view().flatten.lines)
    # Held, it goes out.
    rig.presenter.on_flatten(SIM101)
    await rig.turn()
    assert len(rig.sent) == 2
    for task in rig.supervisor.tasks:
        task.cancel()


async def test_all_accounts_is_held_and_says_how_long() -> None:
    rig = Rig()
    rig.connect()
    await rig.read()
    assert rig.view().flatten.gesture is Gesture.HOLD
    assert rig.view().flatten.hold_s == 0.7
    assert any("hold 0.7 s" in line for line in rig.view().flatten.lines)
    rig.presenter.on_instrument("MES 12-25")
    assert rig.view().flatten.gesture is Gesture.HOLD
    rig.presenter.on_account("Sim101")
    assert not any("hold" in line for line in rig.view().flatten.lines)


async def test_flatten_needs_no_read_and_fires_when_it_looks_dead(rig: Rig) -> None:
    rig.gateway.before_read = fail_reads(*Source, cause=Cause.CONNECT_FAILED)
    with pytest.raises(Exception, match="connect_failed"):
        await rig.read()
    await rig.turn()
    assert rig.view().flatten.look is Look.LOOKS_DEAD
    assert texts.NOT_CONNECTED in rig.view().flatten.lines
    rig.presenter.on_flatten(SIM101)
    await rig.turn()
    assert rig.sent == [SIM101]
    await rig.finish()
    assert "NOT PROVED" in rig.view().banners[0].title


async def test_an_account_that_vanished_stays_selected_greyed_live_and_fires(rig: Rig) -> None:
    assert rig.view().mode is Mode.SIM
    del rig.gateway.accounts_listed[0]
    rig.gateway.open = []
    await rig.read()
    assert rig.scope() == SIM101
    chosen = next(choice for choice in rig.view().accounts if choice.value == "Sim101")
    assert chosen.greyed
    assert "Sim101 is not listed now; FLATTEN is still sent for it" in rig.view().status.notes
    assert rig.view().mode is Mode.LIVE
    rig.presenter.on_flatten(SIM101)
    await rig.finish()
    assert rig.sent == [SIM101]
    assert "CANNOT TELL" in rig.view().banners[0].title


async def test_a_row_narrows_the_scope_to_its_account_and_instrument() -> None:
    rig = Rig()
    rig.connect(last_account="Sim102")
    rig.presenter.on_row(("Sim101", "MES 12-25"))
    await rig.read()
    assert rig.scope() == OneAccount("Sim101", "MES 12-25")
    assert rig.committed == ["Sim101"]


async def test_a_typed_alias_becomes_the_open_contract_or_changes_nothing(rig: Rig) -> None:
    rig.presenter.on_instrument_typed("mes")
    assert rig.scope() == OneAccount("Sim101", "MES 12-25")
    rig.gateway.open = [position(), position(instrument="MES 03-26")]
    await rig.read()
    rig.presenter.on_instrument(None)
    for typed in ("MES", "CL"):
        rig.presenter.on_instrument_typed(typed)
        assert rig.scope() == SIM101
        assert any(typed in note for note in rig.view().status.notes)


# --- reverse ------------------------------------------------------------------------------------------------


async def test_reverse_fires_once_when_hold_and_fresh_read_are_complete(rig: Rig) -> None:
    before = len(rig.gateway.reads)
    ticket = rig.hold_reverse()
    await asyncio.sleep(0.5)
    assert len(rig.gateway.reads) == before + 1, "pressing down reads afresh"
    never(rig)
    rig.presenter.on_reverse_held(ticket)
    rig.presenter.on_reverse_held(ticket)
    assert rig.reverse_ends == 1
    rig.presenter.on_reverse_released()
    await rig.finish()
    assert rig.sent == [ReverseTicket("Sim101", "MES 12-25", Side.SHORT, 2)]
    assert "REVERSED" in rig.view().banners[0].title


async def test_the_entry_of_a_reverse_that_filled_is_not_counted_as_working(rig: Rig) -> None:
    rig.gateway.working["Sim101"] = [order(state="Submitted")]
    ticket = rig.hold_reverse()
    await asyncio.sleep(0.5)
    rig.presenter.on_reverse_held(ticket)
    await asyncio.sleep(0.5)
    await rig.watch.orders("Sim101")
    rig.presenter.refresh()
    assert len(rig.view().preview.orders) == 1
    await rig.finish()
    assert "REVERSED" in rig.view().banners[0].title
    assert rig.view().preview.orders == ()
    assert rig.view().flatten.lines[1] == "closes 1 position and its orders (not\u00a0checked)"
    rig.gateway.working.clear()
    await rig.watch.orders("Sim101")
    await rig.turn()
    assert rig.view().flatten.lines[1] == "closes 1 position, cancels 0 orders"


@pytest.mark.parametrize(
    ("scope", "verdict", "is_answered", "kept"),
    [
        (SIM101, Verdict.STILL_OPEN, True, []),
        (SIM101, None, True, []),
        (SIM101, None, False, []),
        (SIM101, Verdict.UNKNOWN, False, []),
        (SIM101, Verdict.NOT_SENT, False, ["sim101", "sim102"]),
        (SIM101, Verdict.REFUSED, True, ["sim101", "sim102"]),
        (EveryAccount(), Verdict.STILL_OPEN, True, []),
        (EveryAccount(), Verdict.UNKNOWN, False, []),
    ],
)
async def test_orders_read_before_a_press_that_may_have_changed_them_are_not_counted(
    rig: Rig, scope: Scope, verdict: Verdict | None, is_answered: bool, kept: list[str]
) -> None:
    for account in ("Sim101", "Sim102"):
        await rig.watch.orders(account)
    await asyncio.sleep(1.0)
    began = rig.clock.monotonic()
    press = Press("p1", scope, began, NOON)
    if verdict is not None:
        press.phase, press.outcome = Phase.ENDED, Outcome(verdict, NOON, scope=scope)
    press.answered_at = began + 0.1 if is_answered else None
    rig.presenter.book.open(press)
    rig.presenter.on_press_changed(press)
    await asyncio.sleep(0.1)
    touched = kept or ([] if scope == EveryAccount() else ["sim102"])
    assert sorted(rig.presenter._picture().orders) == touched
    await asyncio.sleep(1.0)
    await rig.watch.orders("Sim101")
    assert sorted(rig.presenter._picture().orders) == sorted({*touched, "sim101"})


async def test_reverse_waits_for_the_read_while_still_held(rig: Rig) -> None:
    rig.gateway.latency_s = 1.0
    ticket = rig.hold_reverse()
    await asyncio.sleep(0.5)
    rig.presenter.on_reverse_held(ticket)
    never(rig)
    await asyncio.sleep(0.6)
    assert rig.sent == [ticket]
    await rig.finish()


async def test_letting_go_before_the_read_came_sends_nothing(rig: Rig) -> None:
    rig.gateway.latency_s = 1.0
    ticket = rig.hold_reverse()
    await asyncio.sleep(0.5)
    rig.presenter.on_reverse_held(ticket)
    rig.presenter.on_reverse_released()
    await rig.finish()
    never(rig)
    assert texts.LET_GO in rig.view().reverse.lines


async def test_letting_go_before_the_hold_is_complete_sends_nothing(rig: Rig) -> None:
    ticket = rig.hold_reverse()
    await asyncio.sleep(0.3)
    rig.presenter.on_reverse_released()
    rig.presenter.on_reverse_held(ticket)
    await rig.finish()
    never(rig)


async def test_a_fresh_read_that_shows_another_size_cancels_and_says_what_changed(rig: Rig) -> None:
    rig.gateway.open = [position(quantity=3)]
    ticket = rig.hold_reverse()
    await asyncio.sleep(0.5)
    rig.presenter.on_reverse_held(ticket)
    await rig.finish()
    never(rig)
    assert rig.reverse_ends == 1
    assert any("Short 3 MES 12-25" in line for line in rig.view().reverse.lines[1:])


async def test_a_fresh_read_that_shows_another_size_cancels_though_the_quantity_was_typed(rig: Rig) -> None:
    rig.presenter.on_ticket(TicketFields(quantity="5"))
    rig.gateway.open = [position(quantity=3)]
    ticket = rig.hold_reverse()
    assert ticket.quantity == 5
    await asyncio.sleep(0.5)
    rig.presenter.on_reverse_held(ticket)
    await rig.finish()
    never(rig)


async def test_a_read_of_the_background_that_differs_cancels_what_is_held(rig: Rig) -> None:
    ticket = rig.hold_reverse()
    await asyncio.sleep(0.1)
    rig.gateway.open = [position(side=Side.LONG)]
    await rig.watch.positions(Source.POSITIONS)
    rig.presenter.on_reverse_held(ticket)
    await rig.finish()
    never(rig)
    assert any("Long 2 MES 12-25" in line for line in rig.view().reverse.lines[1:])
    assert texts.LET_GO not in rig.view().reverse.lines


async def test_a_fresh_read_that_fails_cancels(rig: Rig) -> None:
    ticket = rig.hold_reverse()
    rig.gateway.before_read = fail_reads(*Source)
    await asyncio.sleep(0.5)
    rig.presenter.on_reverse_held(ticket)
    await rig.finish()
    never(rig)
    assert any(texts.REVERSE_READ_FAILED in line for line in rig.view().reverse.lines)


async def test_a_read_that_takes_three_seconds_cancels(rig: Rig) -> None:
    rig.gateway.latency_s = 3.5
    ticket = rig.hold_reverse()
    rig.presenter.on_reverse_held(ticket)
    await asyncio.sleep(3.01)
    assert texts.REVERSE_READ_SLOW in rig.view().reverse.lines
    await rig.finish()
    never(rig)


async def test_a_hold_that_takes_three_seconds_cancels_because_the_read_is_old_by_then(rig: Rig) -> None:
    ticket = rig.hold_reverse()
    await asyncio.sleep(3.01)
    assert texts.REVERSE_HELD_TOO_LONG in rig.view().reverse.lines
    rig.presenter.on_reverse_held(ticket)
    await rig.finish()
    never(rig)


async def test_the_fresh_read_itself_has_to_agree_whatever_a_later_one_shows(rig: Rig) -> None:
    shown = iter((3, 2))

    def change(gateway: FakeGateway, _source: Source, _number: int) -> None:
        gateway.open = [position(quantity=next(shown))]

    rig.gateway.before_read = change
    ticket = rig.hold_reverse()
    await rig.turn()
    await rig.watch.positions(Source.POSITIONS)
    rig.presenter.on_reverse_held(ticket)
    await rig.finish()
    never(rig)


async def test_a_press_that_turns_up_while_reverse_is_held_locks_it(rig: Rig) -> None:
    ticket = rig.hold_reverse()
    await asyncio.sleep(0.3)
    rig.presenter.take_over(interrupted())
    rig.presenter.on_reverse_held(ticket)
    await rig.finish()
    never(rig)


async def test_after_a_stall_of_the_loop_the_read_is_too_old_to_fire_on(rig: Rig) -> None:
    ticket = rig.hold_reverse()
    await asyncio.sleep(0.3)
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    loop.virtual_now += 4
    rig.presenter.on_reverse_held(ticket)
    await rig.finish()
    never(rig)


async def test_a_flatten_of_the_position_overtakes_the_reverse(rig: Rig) -> None:
    ticket = rig.hold_reverse()
    await asyncio.sleep(0.3)
    rig.presenter.on_flatten(SIM101)
    assert rig.reverse_ends == 1, "at once, not when the hold is complete"
    await asyncio.sleep(0.04)
    assert texts.REVERSE_OVERTAKEN in rig.view().reverse.lines
    rig.presenter.on_reverse_held(ticket)
    await rig.finish()
    assert rig.sent == [SIM101]


async def test_a_flatten_that_overtakes_a_reverse_leaves_whatever_breaks_in_the_window(rig: Rig) -> None:
    ticket = rig.hold_reverse()
    await asyncio.sleep(0.3)

    def broken() -> None:
        raise RuntimeError

    rig.presenter._reverse_ended = broken
    with pytest.raises(RuntimeError):
        rig.presenter.on_flatten(SIM101)
    rig.presenter.on_reverse_held(ticket)
    await rig.finish()
    assert rig.sent == [SIM101]


async def test_a_change_of_scope_cancels_the_reverse(rig: Rig) -> None:
    ticket = rig.hold_reverse()
    await asyncio.sleep(0.1)
    rig.presenter.on_account("Sim102")
    rig.presenter.on_reverse_held(ticket)
    await rig.finish()
    never(rig)


async def test_another_ticket_than_the_one_shown_starts_nothing(rig: Rig) -> None:
    rig.presenter.on_reverse_started(ReverseTicket("Sim101", "MES 12-25", Side.SHORT, 20))
    rig.presenter.on_reverse_held(ReverseTicket("Sim101", "MES 12-25", Side.SHORT, 20))
    await rig.finish()
    never(rig)
    assert len(rig.gateway.reads) == 2


async def test_reverse_is_locked_while_a_press_of_its_pair_is_unresolved(rig: Rig) -> None:
    ticket = rig.view().reverse.ticket
    assert ticket is not None
    rig.gateway.on_flatten = leave_open
    rig.presenter.on_flatten(SIM101)
    await rig.finish()
    assert "STILL OPEN" in rig.view().banners[0].title
    assert rig.view().reverse.look is Look.LOCKED
    rig.presenter.on_reverse_started(ticket)
    rig.presenter.on_reverse_held(ticket)
    await rig.finish()
    assert rig.sent == [SIM101]
    rig.presenter.on_acknowledged(rig.view().banners[0].press_id)
    assert rig.view().reverse.look is Look.READY


async def test_reverse_stays_locked_for_20_s_after_one_whose_outcome_is_unknown(rig: Rig) -> None:
    rig.gateway.on_reverse = lose
    ticket = rig.hold_reverse()
    await asyncio.sleep(0.5)
    rig.presenter.on_reverse_held(ticket)
    sent_at = rig.clock.monotonic()
    await rig.finish()
    rig.presenter.on_acknowledged(rig.view().banners[0].press_id)
    await rig.read()
    assert rig.view().reverse.look is Look.LOCKED
    assert any(texts.REVERSE_MAY_ENTER in line for line in rig.view().flatten.lines)
    await rig.pass_time(sent_at + 20.1 - rig.clock.monotonic())
    await rig.read()
    assert rig.view().reverse.look is Look.READY


@pytest.mark.parametrize("name", ["MES", "MES1!", "MESZ5"])
async def test_reverse_never_takes_an_alias(rig: Rig, name: str) -> None:
    rig.presenter.on_instrument(name)
    assert rig.view().reverse.ticket is None
    assert texts.REVERSE_ALIAS in rig.view().reverse.lines


async def test_reverse_says_why_it_is_disabled(rig: Rig) -> None:
    def why() -> str:
        assert rig.view().reverse.ticket is None
        assert rig.view().reverse.look is Look.DISABLED
        return rig.view().reverse.lines[0]

    rig.presenter.on_side(Side.LONG)
    assert why() == texts.REVERSE_OTHER_SIDE
    rig.presenter.on_side(None)
    rig.presenter.on_account(None)
    assert why() == texts.REVERSE_NEEDS_ONE
    rig.presenter.on_account("Sim102")
    assert why() == texts.REVERSE_NEEDS_POSITION
    rig.gateway.open = [position(), position(instrument="ES 12-25")]
    rig.presenter.on_account("Sim101")
    await rig.read()
    assert why() == texts.reverse_one_of(2)
    rig.presenter.on_instrument("ES 12-25")
    assert rig.view().reverse.ticket is not None
    await rig.pass_time(10.1)
    assert why() == texts.REVERSE_NEEDS_READ


async def test_reverse_never_says_nothing_open_of_an_account_that_the_read_does_not_tell_of(rig: Rig) -> None:
    rig.gateway.open = []
    del rig.gateway.accounts_listed[0]
    # One kind of read lists the accounts, the other does not: what is said is the same.
    for source in (Source.SNAPSHOT, Source.POSITIONS, Source.SNAPSHOT, Source.POSITIONS):
        await rig.watch.positions(source)
        rig.presenter.refresh()
        assert rig.view().preview.hint == texts.PREVIEW_HINT_NOT_TOLD
        assert rig.view().flatten.lines[1] == texts.POSITIONS_NOT_TOLD
        assert rig.view().reverse.lines == (texts.REVERSE_NOT_TOLD,)


@pytest.mark.parametrize("account", ["Sim101", None])
async def test_an_add_on_that_lists_nobody_is_never_told_as_nothing_open_read_by_read(
    rig: Rig, account: str | None
) -> None:
    listed = list(rig.gateway.accounts_listed)
    rig.presenter.on_account(account)
    rig.gateway.open, rig.gateway.accounts_listed = [], []
    for source in (Source.SNAPSHOT, Source.POSITIONS, Source.SNAPSHOT, Source.POSITIONS):
        await rig.watch.positions(source)
        rig.presenter.refresh()
        assert rig.view().preview.hint == texts.PREVIEW_HINT_NOT_TOLD
        assert rig.view().flatten.lines[1] == texts.POSITIONS_NOT_TOLD
    rig.gateway.accounts_listed = listed
    await rig.read()
    assert rig.view().preview.hint == texts.PREVIEW_HINT_NONE


async def test_until_accounts_are_listed_a_read_without_rows_says_nothing_of_what_is_open() -> None:
    rig = Rig(FakeGateway())
    rig.connect()
    await rig.watch.positions(Source.POSITIONS)
    await rig.turn()
    assert rig.view().preview.hint == texts.PREVIEW_HINT_NOT_TOLD
    await rig.watch.positions(Source.SNAPSHOT)
    await rig.turn()
    assert rig.view().preview.hint == texts.PREVIEW_HINT_NONE


async def test_a_still_open_that_no_listing_names_any_more_is_never_shown_with_nothing_open(rig: Rig) -> None:
    rig.gateway.on_flatten = leave_open
    rig.presenter.on_flatten(rig.scope())
    await rig.finish()
    assert rig.view().banners[0].title.startswith("STILL OPEN")
    rig.gateway.open, rig.gateway.accounts_listed = [], []
    for source in (Source.SNAPSHOT, Source.POSITIONS, Source.SNAPSHOT, Source.POSITIONS):
        await rig.watch.positions(source)
        await rig.turn()
        [banner] = rig.view().banners
        assert banner.title.startswith("STILL OPEN")
        assert not any("nothing open" in line for line in banner.lines), banner.lines


# --- the ticket ---------------------------------------------------------------------------------------------

TYPED = TicketFields(quantity="4", order_type=OrderType.LIMIT, limit_price="5775,25")


async def test_the_ticket_is_sent_as_typed_and_a_mistake_in_it_disables_reverse(rig: Rig) -> None:
    rig.presenter.on_ticket(TYPED)
    assert rig.view().reverse.ticket == ReverseTicket(
        "Sim101", "MES 12-25", Side.SHORT, 4, OrderType.LIMIT, limit_price=Decimal("5775.25")
    )
    rig.presenter.on_ticket(TicketFields(quantity="0"))
    assert rig.view().reverse.ticket is None
    assert "'0'" in rig.view().ticket.problem


@pytest.mark.parametrize(
    "gesture", ["flatten", "refused", "account", "the same account", "instrument", "row"]
)
async def test_the_ticket_returns_to_market_after_every_press_and_change_of_scope(
    rig: Rig, gesture: str
) -> None:
    rig.presenter.on_ticket(TYPED)
    match gesture:
        case "flatten":
            rig.presenter.on_flatten(SIM101)
        case "refused":
            rig.gateway.on_flatten = refuse
            rig.presenter.on_flatten(SIM101)
        case "account":
            rig.presenter.on_account("Sim102")
        case "the same account":
            rig.presenter.on_account("Sim101")
        case "instrument":
            rig.presenter.on_instrument("MES 12-25")
        case _:
            rig.presenter.on_row(("Sim101", "MES 12-25"))
    await asyncio.sleep(0.04)
    assert rig.view().ticket.fields == TicketFields()
    await rig.finish()


async def test_the_ticket_returns_to_market_after_a_reverse(rig: Rig) -> None:
    rig.presenter.on_ticket(TicketFields(quantity="4"))
    ticket = rig.hold_reverse()
    await asyncio.sleep(0.5)
    rig.presenter.on_reverse_held(ticket)
    await asyncio.sleep(0.04)
    assert rig.view().ticket.fields == TicketFields()
    await rig.finish()


async def test_a_ticket_typed_for_one_contract_is_never_meant_for_another(rig: Rig) -> None:
    rig.presenter.on_ticket(TYPED)
    rig.gateway.open = [position(instrument="NQ 12-25")]
    await rig.read()
    assert rig.view().ticket.fields == TicketFields()
    assert rig.view().reverse.ticket == ReverseTicket("Sim101", "NQ 12-25", Side.SHORT, 2)


async def test_the_ticket_outlives_reads_and_the_direction(rig: Rig) -> None:
    rig.presenter.on_ticket(TYPED)
    await rig.read()
    rig.presenter.on_side(Side.SHORT)
    assert rig.view().ticket.fields == TYPED


# --- what is told -------------------------------------------------------------------------------------------


async def test_unresolved_presses_stay_stacked_until_each_is_acknowledged(rig: Rig) -> None:
    rig.gateway.on_flatten = leave_open
    for _ in range(2):
        rig.presenter.on_flatten(SIM101)
        await rig.finish()
    rig.presenter.on_account("Sim102")
    rig.presenter.on_flatten(OneAccount("Sim102"))
    await rig.finish()
    assert [banner.may_acknowledge for banner in rig.view().banners] == [False, True, True]
    sent = len(rig.sent)
    rig.presenter.on_acknowledged("press-1")
    rig.presenter.on_acknowledged("press-2")
    assert [banner.press_id for banner in rig.view().banners] == ["press-3"]
    assert len(rig.sent) == sent, "acknowledging sends nothing"


async def test_a_press_on_its_way_cannot_be_acknowledged(rig: Rig) -> None:
    rig.gateway.latency_s = 1.0
    rig.presenter.on_flatten(SIM101)
    await rig.turn()
    rig.presenter.on_acknowledged("press-1")
    assert rig.presenter.book.presses[0].is_unresolved
    await rig.finish()


async def test_a_loud_outcome_is_told_once_and_a_quiet_one_never(rig: Rig) -> None:
    rig.gateway.on_flatten = refuse
    rig.presenter.on_flatten(SIM101)
    await rig.finish()
    await rig.pass_time(1)
    assert [press.id for press in rig.alerts] == ["press-1"]
    rig.gateway.on_flatten = None
    rig.presenter.on_flatten(SIM101)
    await rig.finish()
    assert len(rig.alerts) == 1


async def test_after_a_second_without_an_answer_the_banner_says_so(rig: Rig) -> None:
    rig.gateway.latency_s = HANGS_S
    rig.presenter.on_flatten(SIM101)
    await rig.pass_time(0.8)
    assert rig.view().banners[0].lines == ()
    await rig.pass_time(0.4)
    assert rig.view().banners[0].lines[0].startswith("no answer yet")
    for task in rig.supervisor.tasks:
        task.cancel()


async def test_practice_says_per_the_practice_exchange_and_never_per_ninjatrader() -> None:
    rig = Rig()
    rig.connect(is_practice=True)
    await rig.read()
    assert rig.view().mode is Mode.PRACTICE
    rig.presenter.on_flatten(EveryAccount())
    await rig.finish()
    everything = repr(rig.views)
    assert "per the practice exchange" in everything
    assert "NinjaTrader" not in everything


async def test_a_window_that_cannot_paint_breaks_no_press(rig: Rig) -> None:
    broken: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: broken.append(context))
    rig.presenter.on_flatten(SIM101)

    def cannot_paint(_view: PanelView) -> None:
        raise ZeroDivisionError

    rig.presenter._show = cannot_paint
    await rig.finish()
    assert broken
    assert rig.presenter.book.presses[0].outcome is not None
    assert rig.presenter.book.presses[0].outcome.verdict is Verdict.FLAT


async def test_a_full_disk_is_told_beside_the_press(rig: Rig) -> None:
    rig.journal.problem = "disk full"
    rig.presenter.refresh()
    assert texts.journal_off("disk full") in rig.view().status.notes


def interrupted(scope: Scope = SIM101) -> Press:
    outcome = Outcome(Verdict.UNKNOWN, NOON, scope=scope, reason=Reason(Cause.INTERRUPTED))
    return Press("old", scope, 0.0, NOON, phase=Phase.ENDED, may_have_left=True, outcome=outcome)


async def test_a_press_of_an_earlier_run_is_unknown_until_acknowledged(rig: Rig) -> None:
    rig.presenter.take_over(interrupted())
    assert rig.view().banners[0].title.startswith("UNKNOWN")
    assert rig.view().flatten.gesture is Gesture.HOLD
    assert rig.view().reverse.look is Look.LOCKED
    assert not rig.alerts
    rig.presenter.on_acknowledged("old")
    assert rig.view().flatten.gesture is Gesture.CLICK
    never(rig)


async def test_practice_knows_nothing_of_a_press_that_touched_a_real_account() -> None:
    rig = Rig()
    rig.presenter.ask_for_token("")
    rig.presenter.take_over(interrupted())
    assert rig.view().banners
    rig.connect(is_practice=True)
    assert rig.view().banners == ()


# --- leaving ------------------------------------------------------------------------------------------------


async def test_the_window_closes_at_once_when_nothing_is_unresolved(rig: Rig) -> None:
    rig.presenter.on_flatten(SIM101)
    await rig.finish()
    assert rig.presenter.may_close()


async def test_close_with_a_press_unresolved_says_so_and_stays_and_a_second_close_leaves(rig: Rig) -> None:
    rig.gateway.on_flatten = leave_open
    rig.presenter.on_flatten(SIM101)
    await rig.turn()
    assert not rig.presenter.may_close()
    assert any("1 press unresolved" in note for note in rig.view().status.notes)
    assert rig.presenter.may_close()
    await rig.finish()


async def test_a_press_made_after_the_first_close_is_told_before_the_next_one(rig: Rig) -> None:
    rig.gateway.on_flatten = leave_open
    rig.presenter.on_flatten(SIM101)
    await rig.finish()
    assert not rig.presenter.may_close()
    rig.presenter.on_account("Sim102")
    rig.presenter.on_flatten(OneAccount("Sim102"))
    rig.presenter.on_acknowledged("press-1")
    assert not rig.presenter.may_close()
    assert rig.presenter.may_close()
    await rig.finish()
