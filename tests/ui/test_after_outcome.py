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
from crosstrade_panel.trading.ports import RefusedError
from crosstrade_panel.trading.press import Press
from crosstrade_panel.ui.view import ActionKind, BannerAction, BannerView, Gesture, Look, Tone
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
    rig.presenter.on_banner_action(banner(rig).press_id, offered)
    await rig.finish()
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
    assert "NinjaTrader shows Short 1 MES 12-25 (one read)" in banner(rig).lines
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
    assert "no answer yet — NinjaTrader shows Short 2 MES 12-25 (one read)" in banner(rig).lines
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
