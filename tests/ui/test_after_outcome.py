"""What the window says and offers after the outcome: orders, late news, and the button in the banner."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from crosstrade_panel import texts
from crosstrade_panel.domain.outcome import Cause, Reason, Verdict
from crosstrade_panel.domain.scope import OneAccount, Side
from crosstrade_panel.domain.snapshot import Source
from crosstrade_panel.trading.ports import ReadFailedError, RefusedError, UnknownOutcomeError
from crosstrade_panel.trading.press import Press
from crosstrade_panel.ui.view import ActionKind, BannerAction, BannerView, Gesture, Look, TicketFields, Tone
from tests.fakes import FakeGateway, VirtualTimeLoop, fail_reads, order, position
from tests.ui.rig import Rig

pytestmark = pytest.mark.anyio

PAIR = OneAccount("Sim101", "MES 12-25")


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Callable[[], VirtualTimeLoop]]]:
    return ("asyncio", {"loop_factory": VirtualTimeLoop})


@pytest.fixture
async def rig() -> Rig:
    """Connected, Short 2 MES in Sim101 read, its orders too, and chosen."""
    rig = Rig(FakeGateway(open=[position()], working={"Sim101": []}))
    rig.connect()
    await rig.read()
    rig.presenter.on_account("Sim101")
    rig.presenter.on_instrument("MES 12-25")
    return rig


async def read_orders(rig: Rig, account: str = "Sim101") -> None:
    await rig.watch.orders(account)
    await rig.turn()
    rig.presenter.refresh()


async def look(rig: Rig, times: int = 2) -> None:
    """The background, reading on: both endpoints in turn, a good second apart."""
    for number in range(times):
        await rig.pass_time(1.2)
        await rig.watch.positions((Source.SNAPSHOT, Source.POSITIONS)[number % 2])
        await rig.turn()


async def flatten(rig: Rig, until: Callable[[], Any] | None = None) -> Press:
    rig.presenter.on_flatten(rig.view().flatten.scope)
    press = rig.presenter.book.presses[-1]
    await rig.finish()
    return press


def banner(rig: Rig, number: int = 0) -> BannerView:
    rig.presenter.refresh()
    return rig.view().banners[number]


def action(rig: Rig, number: int = 0) -> BannerAction:
    found = banner(rig, number).action
    assert found is not None
    return found


def fail_orders(_gateway: FakeGateway, source: Source, _number: int) -> None:
    if source is Source.ORDERS:
        raise ReadFailedError(Reason(Cause.SERVER_FAILED))


def leave_order(gateway: FakeGateway, _scope: object) -> Any:
    closed, gateway.open = gateway.open, []
    gateway.working = {"Sim101": [order()]}
    return gateway.receipt(closed)


# --- orders before the press --------------------------------------------------------------------------------


async def test_the_button_counts_the_orders_of_the_pairs_that_have_a_position(rig: Rig) -> None:
    assert rig.view().flatten.lines[1] == "closes 1 position and its orders (not\u00a0checked)"
    rig.gateway.working = {"Sim101": [order(order_id="a"), order(order_id="b"), order(instrument="NQ 12-25")]}
    await read_orders(rig)
    assert rig.view().flatten.lines[1] == "closes 1 position, cancels 2 orders"
    rig.presenter.on_instrument(None)
    assert rig.view().flatten.lines[1] == "closes 1 position, cancels 2 orders · leaves 1 order working"


async def test_with_a_side_the_orders_may_remain(rig: Rig) -> None:
    rig.gateway.working = {"Sim101": [order()]}
    await read_orders(rig)
    rig.presenter.on_side(Side.SHORT)
    assert rig.view().flatten.lines[1] == "closes 1 position · orders may remain"


async def test_orders_read_half_a_minute_ago_are_not_checked(rig: Rig) -> None:
    await read_orders(rig)
    assert rig.view().flatten.lines[1] == "closes 1 position, cancels 0 orders"
    await rig.pass_time(29)
    await rig.read()
    assert "cancels 0 orders" in rig.view().flatten.lines[1]
    await rig.pass_time(2)
    await rig.read()
    assert "(not\u00a0checked)" in rig.view().flatten.lines[1]


async def test_orders_of_one_of_two_accounts_are_not_all_of_them(rig: Rig) -> None:
    rig.gateway.open.append(position("Sim102"))
    await rig.read()
    await read_orders(rig)
    rig.presenter.on_account(None)
    assert "(not\u00a0checked)" in rig.view().flatten.lines[1]
    await read_orders(rig, "Sim102")
    assert "cancels 0 orders" in rig.view().flatten.lines[1]


@pytest.mark.parametrize(
    ("working", "badge"),
    [
        ([], texts.NO_STOP),
        ([order()], ""),
        ([replace(order(), action="Sell")], texts.NO_STOP),
        ([replace(order(), order_type="Limit")], texts.NO_STOP),
        ([replace(order(), state="Filled")], texts.NO_STOP),
        ([order(instrument="NQ 12-25")], texts.NO_STOP),
        ([replace(order(), action="BuyToCover", order_type="StopLimit")], ""),
        # What cannot be read may protect.
        ([replace(order(), action=None)], ""),
        ([replace(order(), order_type=None)], ""),
        ([replace(order(), instrument=None)], ""),
    ],
)
async def test_no_stop_is_said_only_where_orders_were_read_and_none_protects(
    rig: Rig, working: list[Any], badge: str
) -> None:
    assert rig.view().preview.rows[0].badge == ""
    rig.gateway.working = {"Sim101": working}
    await read_orders(rig)
    assert rig.view().preview.rows[0].badge == badge


async def test_working_orders_in_scope_are_rows_beneath_the_positions(rig: Rig) -> None:
    done = replace(order(order_id="c"), state="Cancelled")
    rig.gateway.working = {"Sim101": [order(), order(instrument="NQ 12-25", order_id="b"), done]}
    await read_orders(rig)
    [row] = rig.view().preview.orders
    assert (row.key, row.what, row.state) == (("Sim101", "MES 12-25"), "Buy 2 Stop Market", "Working")
    assert "1 position, 1 order," in rig.view().preview.summary
    rig.presenter.on_instrument(None)
    assert len(rig.view().preview.orders) == 2


# --- the button in the banner -------------------------------------------------------------------------------


async def test_orders_that_work_on_are_offered_to_be_cancelled_and_the_cancel_is_told(rig: Rig) -> None:
    rig.gateway.on_flatten = leave_order
    await flatten(rig)
    assert banner(rig).title.startswith("FLAT, ORDERS WORKING ")
    offered = action(rig)
    assert (offered.kind, offered.title, offered.gesture) == (
        ActionKind.CANCEL_ORDERS,
        "CANCEL 1 ORDER",
        Gesture.CLICK,
    )
    assert offered.lines == ("Sim101 · MES 12-25", "Buy 2 MES 12-25 Stop Market (Working)")
    rig.presenter.on_ticket(TicketFields(quantity="4"))
    rig.presenter.on_banner_action(banner(rig).press_id, offered)
    await rig.finish()
    assert rig.view().ticket.fields == TicketFields()
    assert rig.gateway.cancelled == [("Sim101", None, "order-1")]
    assert banner(rig).title.startswith("CANCELLED ")
    assert "Buy 2 MES 12-25 Stop Market: works no more" in banner(rig).lines
    # The flatten whose orders these were learns of it, too.
    await read_orders(rig)
    await look(rig)
    assert [press.outcome.verdict for press in rig.presenter.book.presses if press.outcome] == [
        Verdict.FLAT,
        Verdict.CANCELLED,
    ]


async def test_no_order_is_offered_while_a_position_is_open_in_its_pair(rig: Rig) -> None:
    rig.gateway.on_flatten = leave_order
    press = await flatten(rig)
    assert action(rig).kind is ActionKind.CANCEL_ORDERS
    rig.gateway.open = [position(quantity=1)]
    await rig.watch.positions(Source.POSITIONS)
    assert press.outcome is not None
    assert banner(rig).action is None


async def test_a_cancel_on_its_way_locks_its_button(rig: Rig) -> None:
    rig.gateway.on_flatten = leave_order
    await flatten(rig)
    offered = action(rig)
    first = banner(rig).press_id
    rig.presenter.on_banner_action(first, offered)
    assert action(rig, 1).look is Look.LOCKED
    rig.presenter.on_banner_action(first, offered)
    await rig.finish()
    assert len(rig.gateway.cancelled) == 1


async def test_orders_of_several_accounts_are_held(rig: Rig) -> None:
    def leave_two(gateway: FakeGateway, _scope: object) -> Any:
        closed, gateway.open = gateway.open, []
        gateway.working = {"Sim101": [order()], "Sim102": [order("Sim102", order_id="order-2")]}
        return gateway.receipt(closed)

    rig.gateway.open.append(position("Sim102"))
    await rig.read()
    rig.presenter.on_account(None)
    rig.gateway.on_flatten = leave_two
    await flatten(rig)
    offered = action(rig)
    assert (offered.title, offered.gesture, offered.hold_s) == ("CANCEL 2 ORDERS", Gesture.HOLD, 0.7)
    assert offered.lines[-1] == "hold 0.7 s"


async def test_a_button_that_says_something_else_by_now_sends_nothing(rig: Rig) -> None:
    rig.gateway.on_flatten = leave_order
    await flatten(rig)
    old = replace(action(rig), order_ids=("another",))
    rig.presenter.on_banner_action(banner(rig).press_id, old)
    rig.presenter.on_banner_action("nobody", action(rig))
    await rig.finish()
    assert rig.gateway.cancelled == []
    assert texts.BUTTON_CHANGED in rig.view().status.notes


async def test_still_open_offers_flatten_again_for_the_same_scope(rig: Rig) -> None:
    rig.gateway.on_flatten = lambda gateway, _scope: gateway.receipt([position()], ("id-1",))
    press = await flatten(rig)
    assert banner(rig).title.startswith("STILL OPEN ")
    offered = action(rig)
    assert (offered.kind, offered.title, offered.scope) == (ActionKind.FLATTEN, "FLATTEN AGAIN", press.scope)
    assert offered.gesture is Gesture.HOLD
    rig.gateway.on_flatten = None
    rig.presenter.on_banner_action(press.id, offered)
    await rig.finish()
    assert rig.sent == [PAIR, PAIR]
    assert banner(rig).title.startswith("FLAT ")


async def test_overfilled_offers_the_pair_with_any_side(rig: Rig) -> None:
    def overfill(gateway: FakeGateway, _scope: object) -> Any:
        closed, gateway.open = gateway.open, [position(side=Side.LONG, quantity=1)]
        return gateway.receipt(closed)

    rig.presenter.on_instrument(None)
    rig.presenter.on_side(Side.SHORT)
    rig.gateway.on_flatten = overfill
    await flatten(rig)
    assert banner(rig).title.startswith("OVERFILLED ")
    assert action(rig).scope == PAIR


async def test_stop_ends_the_repeating_of_a_flatten(rig: Rig) -> None:
    def too_many(_gateway: FakeGateway, _scope: object) -> Any:
        reason = Reason(Cause.OVER_BUDGET, "Rate limit exceeded", 429, 1.0)
        raise RefusedError(reason, sent_at=1000.0, answered_at=1000.0)

    rig.gateway.on_flatten = too_many
    rig.presenter.on_flatten(rig.view().flatten.scope)
    await asyncio.sleep(0.2)
    assert banner(rig).title == "Too many requests, trying again · Sim101 · MES 12-25"
    offered = action(rig)
    assert (offered.kind, offered.title, offered.gesture) == (ActionKind.STOP, "STOP", Gesture.CLICK)
    rig.presenter.on_banner_action(banner(rig).press_id, offered)
    assert banner(rig).action is None
    await rig.finish()
    assert len(rig.sent) == 1
    assert banner(rig).title.startswith("REFUSED ")


# --- later --------------------------------------------------------------------------------------------------


async def test_flat_is_said_of_a_moment_and_grows_old_without_reads(rig: Rig) -> None:
    await flatten(rig)
    assert banner(rig).title.startswith("FLAT ")
    at = banner(rig).title.split()[1][:8]
    await rig.pass_time(5.5)
    assert banner(rig).title == f"was flat {at} — not read since · Sim101 · MES 12-25"
    assert banner(rig).tone is Tone.DOUBT
    await look(rig)
    assert banner(rig).title.startswith("FLAT ")


async def test_reopened_is_loud_and_offers_flatten_for_what_opened(rig: Rig) -> None:
    press = await flatten(rig)
    assert rig.alerts == []
    rig.gateway.open = [position(side=Side.LONG, quantity=3)]
    await look(rig)
    shown = banner(rig)
    assert shown.title.startswith("REOPENED ")
    assert shown.tone is Tone.BAD
    assert any(line.startswith("was flat ") for line in shown.lines)
    assert "NinjaTrader shows Long 3 MES 12-25" in shown.lines
    assert shown.may_acknowledge
    assert action(rig).scope == PAIR
    assert rig.alerts == [press]


async def test_long_after_the_proof_it_is_a_quiet_line(rig: Rig) -> None:
    await flatten(rig)
    for _ in range(55):
        await look(rig)
    rig.gateway.open = [position(side=Side.LONG, quantity=3)]
    await look(rig)
    assert " · Long 3 MES 12-25 since " in banner(rig).title
    assert banner(rig).title.startswith("was flat ")
    assert rig.alerts == []
    rig.gateway.open = []
    await look(rig)
    assert banner(rig).title.startswith("FLAT ")


async def test_what_was_still_open_becomes_flat_late(rig: Rig) -> None:
    rig.gateway.on_flatten = lambda gateway, _scope: gateway.receipt([position()], ("id-1",))
    press = await flatten(rig)
    rig.gateway.open = [position(quantity=1)]
    await look(rig, 1)
    assert "NinjaTrader shows Short 1 MES 12-25 (last read)" in banner(rig).lines
    rig.gateway.open = []
    await look(rig, 3)
    await read_orders(rig)
    await look(rig, 1)
    assert banner(rig).title.startswith("FLAT (late, 1")
    assert not press.is_unresolved
    assert [each.outcome.verdict for each in rig.alerts if each.outcome] == [Verdict.FLAT]


async def test_silence_is_told_with_what_is_read(rig: Rig) -> None:
    rig.gateway.latency_s = 4.0
    before = rig.gateway.before_read

    def quick(gateway: FakeGateway, _source: Source, _number: int) -> None:
        gateway.latency_s = 0.01

    rig.gateway.before_read = quick
    rig.presenter.on_flatten(rig.view().flatten.scope)
    await rig.pass_time(1.3)
    assert "no answer yet — NinjaTrader shows Short 2 MES 12-25 (last read)" in banner(rig).lines
    rig.gateway.before_read = before
    await rig.finish()


async def test_a_refused_press_stays_final(rig: Rig) -> None:
    def refuse(_gateway: FakeGateway, _scope: object) -> Any:
        raise RefusedError(Reason(Cause.SERVER_SAID_NO, "No"), sent_at=1000.0, answered_at=1000.0)

    rig.gateway.on_flatten = refuse
    press = await flatten(rig)
    rig.gateway.open = []
    await look(rig, 4)
    assert press.outcome is not None
    assert press.outcome.verdict is Verdict.REFUSED


async def test_reads_that_fail_leave_a_flat_what_it_was(rig: Rig) -> None:
    press = await flatten(rig)
    rig.gateway.before_read = fail_reads(Source.POSITIONS, Source.SNAPSHOT)
    for _ in range(3):
        await rig.pass_time(1.2)
        with pytest.raises(Exception, match="server_failed"):
            await rig.watch.positions(Source.POSITIONS)
    assert press.outcome is not None
    assert press.outcome.verdict is Verdict.FLAT


# --- what the card and the lock say of the press itself -----------------------------------------------------

AWAY = Reason(Cause.NINJATRADER_OFFLINE, "NinjaTrader is not connected", 408)
NO_ANSWER_FROM_IT = "NinjaTrader did not answer CrossTrade; the reads show this"


def answer_408(gateway: FakeGateway, _scope: object) -> Any:
    """CrossTrade did answer: that it cannot know."""
    raise UnknownOutcomeError(AWAY, sent_at=gateway.now() - 0.01, answered_at=gateway.now())


async def test_after_a_408_the_card_keeps_why_there_was_no_answer_and_by_hand_stays_open(rig: Rig) -> None:
    rig.gateway.on_flatten = answer_408
    await flatten(rig)
    assert banner(rig).title.startswith("STILL OPEN ")
    assert NO_ANSWER_FROM_IT in banner(rig).lines
    assert texts.FALLBACK in banner(rig).lines
    await look(rig, 2)
    assert rig.view().fallback.is_open
    rig.presenter.on_acknowledged(banner(rig).press_id)
    await look(rig, 2)
    assert not rig.view().fallback.is_open


async def test_what_a_408_left_open_ends_with_flat_and_so_does_by_hand(rig: Rig) -> None:
    rig.gateway.on_flatten = answer_408
    await flatten(rig)
    rig.gateway.open = []
    await look(rig, 3)
    await read_orders(rig)
    await look(rig, 2)
    assert banner(rig).title.startswith("FLAT (late")
    assert NO_ANSWER_FROM_IT in banner(rig).lines
    assert texts.FALLBACK not in banner(rig).lines
    assert not rig.view().fallback.is_open
    # Open again later: NinjaTrader has answered ever since, and "by hand" stays where it is.
    rig.gateway.open = [position(side=Side.LONG)]
    await look(rig, 3)
    assert banner(rig).title.startswith("REOPENED ")
    assert NO_ANSWER_FROM_IT in banner(rig).lines
    assert not rig.view().fallback.is_open


async def test_closed_by_the_trader_by_hand_stays_closed_when_still_open_comes(rig: Rig) -> None:
    rig.gateway.on_flatten = answer_408
    rig.presenter.on_flatten(rig.view().flatten.scope)
    await rig.pass_time(0.5)
    assert rig.view().fallback.is_open
    rig.presenter.on_fallback_toggled()
    await rig.finish()
    assert banner(rig).title.startswith("STILL OPEN ")
    await look(rig, 2)
    assert not rig.view().fallback.is_open


async def test_an_answer_that_comes_late_ends_what_is_said_of_there_being_none(rig: Rig) -> None:
    late: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def be_late(gateway: FakeGateway, _scope: object) -> Any:
        raise UnknownOutcomeError(Reason(Cause.NO_ANSWER), sent_at=gateway.now() - 0.01, late=late)

    rig.gateway.on_flatten = be_late
    await flatten(rig)
    assert "No answer came; the reads show this" in banner(rig).lines
    late.set_result(rig.gateway.receipt([position()], ("id-1",)))
    rig.gateway.open = []
    await look(rig, 3)
    await read_orders(rig)
    await look(rig, 1)
    assert banner(rig).title.startswith("FLAT ")
    assert not any("o answer came" in line for line in banner(rig).lines)


async def test_a_reverse_without_an_answer_keeps_the_reason_when_it_is_proved(rig: Rig) -> None:
    def lose(gateway: FakeGateway, _ticket: object) -> Any:
        gateway.open = [position(side=Side.LONG)]
        raise UnknownOutcomeError(Reason(Cause.CONNECTION_LOST), sent_at=gateway.now())

    rig.gateway.on_reverse = lose
    ticket = rig.hold_reverse()
    await asyncio.sleep(0.5)
    rig.presenter.on_reverse_held(ticket)
    await rig.finish()
    wanted = "The connection broke after the request may have left; the reads show this"
    for _ in range(2):  # its proof is not kept, once it is told
        assert banner(rig).title.startswith("REVERSED ")
        assert wanted in banner(rig).lines
        await look(rig, 2)


async def test_while_it_is_locked_flatten_says_what_it_waits_for(rig: Rig) -> None:
    rig.gateway.latency_s = 0.3
    rig.gateway.on_flatten = lambda gateway, _scope: gateway.receipt([position()], ("id-1",))
    rig.presenter.on_flatten(rig.view().flatten.scope)
    seen = set()
    for _ in range(30):
        await rig.pass_time(0.02)
        view = rig.view()
        title = view.banners[0].title.partition(" · ")[0]
        if view.flatten.look is Look.LOCKED:
            seen.add((title, view.flatten.lines[1]))
    assert ("FLATTEN sent", texts.LOCKED) in seen
    assert ("Answered, checking", texts.LOCKED_UNREAD) in seen
    assert ("Answered, checking", texts.LOCKED) not in seen
    await rig.finish()


async def test_a_lock_without_anything_to_wait_for_is_a_moment(rig: Rig) -> None:
    def refuse(_gateway: FakeGateway, _scope: object) -> Any:
        raise RefusedError(Reason(Cause.SERVER_SAID_NO, "No"), sent_at=1000.0, answered_at=1000.0)

    rig.gateway.on_flatten = refuse
    rig.presenter.on_flatten(rig.view().flatten.scope)
    await rig.finish()
    rig.presenter.refresh()
    assert banner(rig).title.startswith("REFUSED ")
    assert rig.view().flatten.look is Look.LOCKED
    assert rig.view().flatten.lines[1] == texts.LOCKED_A_MOMENT


async def test_again_after_reopened_is_held_and_does_not_say_that_the_first_may_still_act(rig: Rig) -> None:
    await flatten(rig)
    rig.gateway.open = [position(side=Side.LONG, quantity=3)]
    await look(rig)
    assert banner(rig).title.startswith("REOPENED ")
    for lines in (rig.view().flatten.lines, action(rig).lines):
        assert lines[-1] == f"hold 0.5 s · {texts.FIRST_NOT_SEEN}"
    assert rig.view().flatten.gesture is Gesture.HOLD


async def test_again_says_that_the_first_may_still_act_where_it_may(rig: Rig) -> None:
    rig.gateway.on_flatten = lambda gateway, _scope: gateway.receipt([position()], ("id-1",))
    await flatten(rig)
    assert banner(rig).title.startswith("STILL OPEN ")
    assert action(rig).lines[-1] == f"hold 0.5 s · {texts.FIRST_MAY_STILL_ACT}"
    assert rig.view().flatten.lines[-1] == action(rig).lines[-1]


async def test_a_press_without_an_answer_may_still_act_though_flat_was_proved_after_it(rig: Rig) -> None:
    def lose(gateway: FakeGateway, _scope: object) -> Any:
        gateway.open = []
        return answer_408(gateway, _scope)

    rig.gateway.on_flatten = lose
    await flatten(rig)
    rig.gateway.open = [position(side=Side.LONG, quantity=3)]
    await look(rig)
    assert banner(rig).title.startswith("REOPENED ")
    assert action(rig).lines[-1] == f"hold 0.5 s · {texts.FIRST_MAY_STILL_ACT}"


# --- orders that FLAT does not speak of ---------------------------------------------------------------------


async def test_flat_names_the_orders_in_scope_that_were_left_on_pairs_without_a_position(rig: Rig) -> None:
    rig.presenter.on_instrument(None)
    rig.gateway.working = {"Sim101": [order(order_id="far", instrument="YM 12-25")]}
    await read_orders(rig)
    press = await flatten(rig)
    await read_orders(rig)
    assert banner(rig).title.startswith("FLAT ")
    assert banner(rig).tone is Tone.GOOD
    assert press.outcome is not None
    assert press.outcome.verdict.exit_code == 0
    assert banner(rig).lines[0].startswith("per NinjaTrader")
    assert banner(rig).lines[1] == "1 order working in scope: Buy 2 YM 12-25 Stop Market"
    rig.gateway.working = {}
    await read_orders(rig)
    assert not any("working" in line for line in banner(rig).lines)


async def test_orders_outside_the_scope_or_read_before_the_answer_are_not_told_of_it(rig: Rig) -> None:
    rig.gateway.working = {"Sim101": [order(order_id="far", instrument="YM 12-25")]}
    await flatten(rig)
    await read_orders(rig)
    assert not any("working" in line for line in banner(rig).lines)
    rig.presenter.on_acknowledged(banner(rig).press_id)
    rig.presenter.on_instrument(None)
    await look(rig)
    await read_orders(rig)
    rig.gateway.before_read = fail_orders
    await flatten(rig)
    assert not any("working in scope" in line for line in banner(rig).lines)


async def test_nothing_open_in_all_accounts_names_whose_orders_work(rig: Rig) -> None:
    rig.gateway.open = []
    await look(rig)
    rig.presenter.on_account(None)
    rig.presenter.on_instrument(None)
    rig.gateway.working = {"Sim101": [], "Sim102": [order("Sim102", order_id="far", instrument="YM 12-25")]}
    await flatten(rig)
    await read_orders(rig, "Sim102")
    assert banner(rig).title.startswith("NOTHING OPEN ")
    assert "1 order working in scope: Buy 2 YM 12-25 Stop Market in Sim102" in banner(rig).lines


async def test_one_read_is_called_one_and_a_later_one_the_last(rig: Rig) -> None:
    rig.gateway.on_flatten = lambda gateway, _scope: gateway.receipt([position()], ("id-1",))
    rig.presenter.on_flatten(rig.view().flatten.scope)
    await rig.pass_time(0.2)
    assert "NinjaTrader shows Short 2 MES 12-25 (one read)" in banner(rig).lines
    await rig.pass_time(2.0)
    assert "NinjaTrader shows Short 2 MES 12-25 (last read)" in banner(rig).lines
    await rig.finish()
