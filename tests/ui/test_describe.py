"""From what is known to what is shown: FLATTEN's second line, badge, preview, status line."""

from dataclasses import replace
from decimal import Decimal

import pytest

from crosstrade_panel import texts
from crosstrade_panel.domain.cancel import ListedOrders
from crosstrade_panel.domain.outcome import Cause, Fate, Outcome, Reason, Verdict
from crosstrade_panel.domain.scope import EveryAccount, OneAccount, Scope, Side
from crosstrade_panel.domain.snapshot import (
    Account,
    Flaws,
    Mode,
    Order,
    OrdersRead,
    Position,
    PositionsRead,
    Source,
    Stamp,
)
from crosstrade_panel.trading.pace import Pace
from crosstrade_panel.trading.press import FlattenLock, Lock, Phase, Press
from crosstrade_panel.trading.watch import Failing
from crosstrade_panel.ui import describe
from crosstrade_panel.ui.describe import Picture
from crosstrade_panel.ui.view import BannerAction, FlattenView, Gesture, Look, Tone
from tests.fakes import NOON, order, position

SIM101 = OneAccount("Sim101")
SIMS = (Account("Sim101", "Simulator"), Account("Sim102", "Simulator"))
APEX = Account("Apex-03", "Rithmic")
FREE = FlattenLock(Lock.FREE)


def picture(
    *rows: Position,
    age_s: float | None = 0.4,
    accounts: tuple[Account, ...] = SIMS,
    cause: Cause | None = None,
    flaws: Flaws | None = None,
    lists: bool = False,
) -> Picture:
    failing = None if cause is None else Failing(990.0, Reason(cause))
    if age_s is None:
        return Picture(None, None, accounts, failing)
    stamp = Stamp(1000.0 - age_s, 1000.038 - age_s)
    listed = accounts if lists else None
    read = PositionsRead(
        Source.SNAPSHOT if lists else Source.POSITIONS, stamp, rows, listed, flaws or Flaws()
    )
    return Picture(read, age_s, accounts, failing)


def button(scope: Scope, shown: Picture, lock: FlattenLock = FREE, *, missing: str = "") -> FlattenView:
    return describe.flatten_button(scope, shown, lock, Pace(), missing=missing)


# --- FLATTEN ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "lines"),
    [
        (SIM101, ("Sim101", "closes 2 positions and their orders (not\u00a0checked)")),
        (
            OneAccount("Sim101", "MES 12-25"),
            ("Sim101 · MES 12-25", "closes 1 position and its orders (not\u00a0checked)"),
        ),
        (
            OneAccount("Sim101", "MES 12-25", Side.SHORT),
            ("Sim101 · MES 12-25 · Short", "closes 1 position · orders may remain"),
        ),
        (
            OneAccount("Sim101", "MES 12-25", Side.LONG),
            ("Sim101 · MES 12-25 · Long", "nothing open in the last read"),
        ),
        (OneAccount("Sim103"), ("Sim103", "nothing open in the last read")),
        (
            EveryAccount(),
            (
                "All accounts",
                "closes 3 positions in 2 accounts and their orders (not\u00a0checked)",
                "hold 0.7 s",
            ),
        ),
        (
            EveryAccount("MES 12-25", Side.SHORT),
            ("All accounts · MES 12-25 · Short", "closes 1 position · orders may remain", "hold 0.7 s"),
        ),
    ],
)
def test_the_second_line_is_the_scope_and_what_a_press_would_close(
    scope: Scope, lines: tuple[str, ...]
) -> None:
    shown = picture(
        position(),
        position(instrument="ES 12-25", side=Side.LONG),
        position("Sim102", "NQ 12-25", Side.LONG),
        accounts=(*SIMS, Account("Sim103", "Simulator")),
    )
    view = button(scope, shown)
    assert view.lines == lines
    assert view.scope == scope
    assert view.look is Look.READY


@pytest.mark.parametrize(
    ("age_s", "hint"), [(0.4, "No open positions"), (14.0, "No open positions in the last read")]
)
def test_an_empty_preview_says_of_an_old_read_that_it_was_one(age_s: float, hint: str) -> None:
    shown = describe.preview(SIM101, picture(age_s=age_s))
    assert shown.hint == hint
    assert shown.is_stale is (age_s > 1)


def test_before_the_first_read_the_button_promises_no_number_and_fires() -> None:
    view = button(SIM101, picture(age_s=None))
    assert view.lines == ("Sim101", "not read yet — closes whatever is there")
    assert view.look is Look.READY


@pytest.mark.parametrize(
    "shown",
    [
        picture(flaws=Flaws(accounts=frozenset({"sim101"}))),
        picture(accounts=(SIMS[1],), lists=True),
        picture(accounts=(SIMS[1],)),
        picture(accounts=(replace(SIMS[0], connected=False),)),
        picture(accounts=(replace(SIMS[0], connected=False),), lists=True),
    ],
)
def test_a_read_that_does_not_speak_of_the_account_never_says_nothing_open(shown: Picture) -> None:
    assert button(SIM101, shown).lines[1] == texts.POSITIONS_NOT_TOLD
    assert describe.preview(SIM101, shown).summary == texts.PREVIEW_NOT_TOLD
    assert describe.preview(SIM101, shown).is_stale


@pytest.mark.parametrize("lists", [True, False], ids=["snapshot", "positions"])
@pytest.mark.parametrize(
    "scope", [SIM101, OneAccount("Sim101", "MES 12-25"), EveryAccount(), EveryAccount("ES")]
)
def test_where_no_accounts_are_listed_nothing_is_said_not_to_be_open(scope: Scope, lists: bool) -> None:
    shown = picture(accounts=(), lists=lists)
    assert button(scope, shown).lines[1] == texts.POSITIONS_NOT_TOLD
    preview = describe.preview(scope, shown)
    assert (preview.summary, preview.hint) == (texts.PREVIEW_NOT_TOLD, texts.PREVIEW_HINT_NOT_TOLD)
    assert preview.is_stale


@pytest.mark.parametrize("lists", [True, False], ids=["snapshot", "positions"])
@pytest.mark.parametrize("scope", [SIM101, EveryAccount()])
def test_an_account_that_is_listed_and_holds_nothing_has_no_open_positions(scope: Scope, lists: bool) -> None:
    shown = picture(lists=lists)
    assert button(scope, shown).lines[1] == "nothing open in the last read"
    preview = describe.preview(scope, shown)
    assert (preview.hint, preview.is_stale) == ("No open positions", False)
    assert preview.summary.startswith("In scope — nothing open")


@pytest.mark.parametrize("lists", [True, False], ids=["snapshot", "positions"])
@pytest.mark.parametrize("scope", [SIM101, EveryAccount()])
@pytest.mark.parametrize("phase", [Phase.SENDING, Phase.VERIFYING, Phase.CHECKING])
def test_on_its_way_a_press_is_not_shown_with_nothing_open_where_no_accounts_are_listed(
    scope: Scope, lists: bool, phase: Phase
) -> None:
    press = Press("1", scope, 998.0, NOON, phase=phase, shows=(), read_since_answer=True)

    def said(shown: Picture) -> str:
        return "\n".join(describe.banner(press, shown, 1000.0, is_practice=False).lines)

    assert "nothing open" in said(picture(lists=lists))
    assert "nothing open" not in said(picture(accounts=(), lists=lists))
    press.shows = (position(),)
    assert "shows Short 2 MES 12-25" in said(picture(accounts=(), lists=lists))


def test_rows_are_shown_and_counted_whoever_is_listed() -> None:
    shown = picture(position(), accounts=())
    assert button(EveryAccount(), shown).lines[1].startswith("closes 1 position")
    assert len(describe.preview(EveryAccount(), shown).rows) == 1


@pytest.mark.parametrize(
    ("shown", "line"),
    [
        (picture(age_s=2.0, cause=Cause.CONNECT_FAILED), "NOT CONNECTED — press to try anyway"),
        (picture(age_s=2.0, cause=Cause.NO_ANSWER), "NOT CONNECTED — press to try anyway"),
        (picture(age_s=12.0, cause=Cause.NINJATRADER_OFFLINE), "POSITIONS UNKNOWN (read 12 s ago)"),
        (picture(age_s=None, cause=Cause.TOKEN_REFUSED), "POSITIONS UNKNOWN"),
        (picture(age_s=7.0), "POSITIONS UNKNOWN (read 7.0 s ago)"),
        (picture(age_s=7.0, cause=Cause.OVER_BUDGET), "POSITIONS UNKNOWN (read 7.0 s ago)"),
    ],
)
def test_when_reads_fail_flatten_looks_dead_says_why_and_keeps_its_gesture(shown: Picture, line: str) -> None:
    view = button(SIM101, shown)
    assert view.look is Look.LOOKS_DEAD
    assert view.lines == ("Sim101", line)
    assert view.gesture is Gesture.CLICK


def test_too_many_requests_leave_a_young_picture_what_it_is() -> None:
    assert button(SIM101, picture(position(), age_s=1.0, cause=Cause.OVER_BUDGET)).look is Look.READY


@pytest.mark.parametrize("cause", list(Cause))
@pytest.mark.parametrize("age_s", [None, 0.0, 60.0])
def test_flatten_is_disabled_for_want_of_a_token_or_by_its_lock_and_by_nothing_else(
    cause: Cause, age_s: float | None
) -> None:
    shown = picture(age_s=age_s, cause=cause)
    assert button(SIM101, shown).look in {Look.READY, Look.LOOKS_DEAD}
    assert button(SIM101, shown, FlattenLock(Lock.LOCKED)).look is Look.LOCKED
    assert button(SIM101, shown, missing=texts.NO_TOKEN).look is Look.DISABLED


def test_again_is_held_and_says_that_the_first_may_still_act() -> None:
    view = button(SIM101, picture(position()), FlattenLock(Lock.AGAIN))
    assert (view.title, view.gesture, view.hold_s) == ("FLATTEN AGAIN", Gesture.HOLD, 0.5)
    assert view.lines[-1] == "hold 0.5 s · the first may still act"


def test_overlaps_and_a_reverse_on_its_way_are_said_and_lock_nothing() -> None:
    view = button(
        SIM101, picture(position()), FlattenLock(Lock.FREE, overlaps=True, reverse_may_enter_until=1.0)
    )
    assert view.look is Look.READY
    assert view.lines[-1] == "overlaps a press in flight · a reverse may still place its entry"


def test_what_a_screen_reader_hears_is_what_the_button_says() -> None:
    view = button(EveryAccount(), picture(position()))
    assert view.spoken == ", ".join(["hold to FLATTEN", *view.lines])


# --- whose money --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "shown", "mode"),
    [
        (SIM101, picture(), Mode.SIM),
        (OneAccount("sim101"), picture(), Mode.SIM),
        (EveryAccount(), picture(), Mode.SIM),
        (EveryAccount(), picture(accounts=(*SIMS, APEX)), Mode.LIVE),
        (SIM101, picture(accounts=(*SIMS, APEX)), Mode.SIM),
        (OneAccount("Apex-03"), picture(accounts=(*SIMS, APEX)), Mode.LIVE),
        (OneAccount("gone"), picture(), Mode.LIVE),
        (SIM101, picture(accounts=()), Mode.LIVE),
        (EveryAccount(), picture(accounts=()), Mode.LIVE),
        (EveryAccount(), picture(accounts=(Account("Sim101"),)), Mode.LIVE),
        (EveryAccount(), picture(position("not listed")), Mode.LIVE),
        (EveryAccount(), picture(replace(position(), account=None)), Mode.LIVE),
    ],
)
def test_the_badge_says_live_unless_every_account_in_scope_is_known_to_be_simulated(
    scope: Scope, shown: Picture, mode: Mode
) -> None:
    assert describe.mode_of(scope, shown, is_practice=False) is mode
    assert describe.mode_of(scope, shown, is_practice=True) is Mode.PRACTICE


def test_accounts_are_grouped_live_first_with_the_nickname_beside_the_name() -> None:
    named = Account("Sim102", "Simulator", display_name="second")
    choices = describe.account_choices((SIMS[0], named, APEX), None)
    assert [(choice.value, choice.group, choice.note) for choice in choices] == [
        (None, "", ""),
        ("Apex-03", "LIVE", ""),
        ("Sim101", "SIM", ""),
        ("Sim102", "SIM", "second"),
    ]


# --- the preview --------------------------------------------------------------------------------------------


def test_the_preview_has_its_total_and_its_age_first_and_rows_in_a_stable_order() -> None:
    rows = (position("Sim102", "NQ 12-25"), position(), position("Sim101", "ES 12-25"))
    one, other = (describe.preview(EveryAccount(), picture(*each)) for each in (rows, rows[::-1]))
    assert one.summary == "In scope — 3 positions, +$187.50 · read 0.4 s ago"
    assert one.rows == other.rows
    assert [row.key for row in one.rows] == [
        ("Sim101", "ES 12-25"), ("Sim101", "MES 12-25"), ("Sim102", "NQ 12-25"),
    ]  # fmt: skip


def test_the_preview_claims_no_total_when_a_row_has_none() -> None:
    row = replace(position(instrument="ES 12-25"), unrealized=None)
    assert "$" not in describe.preview(SIM101, picture(position(), row)).summary


def test_what_the_side_leaves_out_is_said() -> None:
    shown = picture(position(), position(instrument="ES 12-25", side=Side.LONG))
    assert describe.preview(OneAccount("Sim101", side=Side.SHORT), shown).leaves == (
        "leaves Long 2 ES 12-25 open — Any side?"
    )
    assert describe.preview(SIM101, shown).leaves == ""


def test_a_row_that_cannot_be_read_is_in_scope_and_cannot_be_clicked() -> None:
    row = replace(position(), account=None, side=None, quantity=None)
    [shown] = describe.preview(OneAccount("Sim102"), picture(row)).rows
    assert (shown.key, shown.account, shown.position) == (None, "?", "Unreadable ?")


def test_an_old_picture_is_marked() -> None:
    assert describe.preview(SIM101, picture(position(), age_s=5.1)).is_stale
    assert not describe.preview(SIM101, picture(position(), age_s=4.9)).is_stale


# --- the status line ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shown", "missing", "words", "tone"),
    [
        (picture(), "", "REST 38 ms", Tone.GOOD),
        (picture(age_s=12.0), "", "no read for 12 s", Tone.DOUBT),
        (picture(age_s=None), "", "connecting…", Tone.BUSY),
        (picture(cause=Cause.NINJATRADER_OFFLINE), "", "NinjaTrader not connected", Tone.BAD),
        (picture(cause=Cause.CONNECT_FAILED), "", "Offline 10 s", Tone.BAD),
        (picture(cause=Cause.TOKEN_REFUSED), "", "CrossTrade did not accept the token", Tone.BAD),
        (picture(age_s=None), texts.NO_TOKEN, "No token", Tone.BAD),
        (picture(age_s=None), texts.NO_TOKEN_YET, texts.NO_TOKEN_YET, Tone.BUSY),
    ],
)
def test_the_link_is_told_in_words(shown: Picture, missing: str, words: str, tone: Tone) -> None:
    view = describe.status(shown, 1000.0, budget=17.6, notes=(), missing=missing)
    assert (view.link, view.tone) == (words, tone)
    assert view.budget == ("" if missing else "budget ~17")


def test_after_a_sleep_what_was_read_before_it_is_no_picture_of_now() -> None:
    slept = replace(picture(position()), age_s=None)
    view = button(SIM101, slept)
    assert view.look is Look.LOOKS_DEAD
    assert view.lines[1] == texts.positions_unknown(None)
    assert describe.status(slept, 1000.0, budget=9.0, notes=()).link == texts.CONNECTING
    assert describe.preview(SIM101, slept).summary == texts.PREVIEW_UNREAD


# --- banner and result --------------------------------------------------------------------------------------


@pytest.mark.parametrize("verdict", list(Verdict))
def test_only_proved_good_news_is_green(verdict: Verdict) -> None:
    good = {Verdict.FLAT, Verdict.NOTHING_OPEN, Verdict.REVERSED, Verdict.CANCELLED}
    assert (describe.tone_of(verdict) is Tone.GOOD) is (verdict in good)


def test_a_banner_names_the_outcome_its_time_and_its_scope() -> None:
    press = Press("1", SIM101, 1000.0, NOON, phase=Phase.ENDED)
    press.outcome = Outcome(Verdict.FLAT, NOON, scope=SIM101)
    view = describe.banner(press, picture(), 1002.0, is_practice=False)
    assert view.title == f"FLAT {texts.clock_time(NOON)} · Sim101"
    assert view.lines == ("per NinjaTrader",)
    assert not view.may_acknowledge


def test_closed_positions_are_shown_as_reported_with_their_total() -> None:
    press = Press("1", SIM101, 1000.0, NOON, order_ids=("a", "b"))
    press.closed_positions = (
        position(),
        replace(position(instrument="ES 12-25"), unrealized=Decimal("-162.5")),
    )
    view = describe.result(press)
    assert view.order_ids == ("a", "b")
    assert [(row.instrument, row.position, row.profit, row.profit_sign) for row in view.closed] == [
        ("MES 12-25", "Short 2", "+62.50", 1),
        ("ES 12-25", "Short 2", "−162.50", -1),
    ]
    assert view.total == "−100.00"


def test_no_total_is_claimed_where_one_row_has_no_profit() -> None:
    press = Press("1", SIM101, 1000.0, NOON)
    press.closed_positions = (position(), replace(position(), unrealized=None))
    assert describe.result(press).total == "–"


# --- Orders that work after a flatten -----------------------------------------------------------------------


def left_working(*orders: Order) -> tuple[Press, Outcome]:
    scope = OneAccount("Sim101", "MES 12-25")
    fate = Fate("Sim101", Verdict.ORDERS_WORKING, working_orders=orders)
    ended = Outcome(Verdict.ORDERS_WORKING, NOON, (fate,), scope)
    return Press("p", scope, 998.0, NOON, outcome=ended), ended


def words_of(found: Press, shown: Picture, action: BannerAction | None) -> str:
    view = describe.banner(found, shown, 1000.0, is_practice=False, action=action)
    return "\n".join((*view.lines, *(() if view.action is None else view.action.lines)))


def test_orders_left_working_are_named_once_on_the_button_that_cancels_them_or_else_in_words() -> None:
    stop, limit = order(order_id="o1"), order(order_id="o2")
    found, ended = left_working(stop, limit)
    shown = picture()
    listed = describe.orders_to_cancel(ended, shown, 10.0)
    assert listed is not None
    cancel = describe.cancel_action(listed, Pace(), is_locked=False)
    named = texts.named([texts.order_text(stop), texts.order_text(limit)])
    said = words_of(found, shown, cancel)
    assert said.count(named) == 1
    assert "\n2 orders working\n" in f"\n{said}\n"
    # Of the same reads, without the button: a position came, or only one of them can be cancelled.
    assert f"2 orders working: {named}" in words_of(found, shown, None)
    one = describe.cancel_action(ListedOrders((stop,)), Pace(), is_locked=False)
    assert f"2 orders working: {named}" in words_of(found, shown, one)
    assert f"2 orders working: {named}" in words_of(found, shown, describe.stop_action())


@pytest.mark.parametrize(
    "shown",
    [
        picture(position()),
        picture(age_s=10.1),
        replace(picture(), age_s=None),
        picture(accounts=(replace(SIMS[0], connected=False), *SIMS[1:])),
        picture(accounts=SIMS[1:]),
        picture(accounts=()),
        picture(flaws=Flaws(accounts=frozenset({"sim101"}))),
    ],
)
def test_no_cancel_is_offered_where_a_position_may_be_open_in_the_pair(shown: Picture) -> None:
    _, ended = left_working(order(order_id="o1"))
    assert describe.orders_to_cancel(ended, picture(), 10.0) is not None
    assert describe.orders_to_cancel(ended, shown, 10.0) is None


def flat_press(**facts: object) -> Press:
    press = Press("1", SIM101, 998.0, NOON, phase=Phase.ENDED, answered_at=998.1, ended_at=999.9)
    press.outcome = Outcome(Verdict.FLAT, NOON, scope=SIM101)
    for name, value in facts.items():
        setattr(press, name, value)
    return press


@pytest.mark.parametrize(
    ("sent_at", "age_s", "facts", "is_told"),
    [
        (998.2, 0.4, {}, True),
        (998.0, 0.4, {}, False),
        (998.2, 6.0, {}, False),
        (998.2, 0.4, {"answered_at": None}, False),
        (999.95, 0.4, {"answered_at": None}, True),
        (998.2, 0.4, {"answered_at": None, "ended_at": None}, False),
    ],
    ids=["since", "before the answer", "was flat", "before the end", "after the end", "of another process"],
)
def test_flat_tells_of_orders_that_were_read_since_the_press_and_not_long_ago(
    sent_at: float, age_s: float, facts: dict[str, object], is_told: bool
) -> None:
    resting = OrdersRead(Stamp(sent_at, sent_at + 0.01), "Sim101", (order(instrument="YM 12-25"),))
    shown = replace(picture(age_s=age_s), orders={"sim101": resting})
    view = describe.banner(flat_press(**facts), shown, 1000.0, is_practice=False)
    assert any("1 order working in scope" in line for line in view.lines) is is_told


@pytest.mark.parametrize(
    ("verdicts", "facts", "words"),
    [
        ((Verdict.REOPENED,), {}, texts.FIRST_NOT_SEEN),
        ((Verdict.REOPENED, Verdict.FLAT), {}, texts.FIRST_NOT_SEEN),
        ((Verdict.ORDERS_WORKING,), {}, texts.FIRST_NOT_SEEN),
        ((Verdict.REOPENED, Verdict.STILL_OPEN), {}, texts.FIRST_MAY_STILL_ACT),
        ((Verdict.REOPENED,), {"answered_at": None}, texts.FIRST_MAY_STILL_ACT),
        ((Verdict.STILL_OPEN,), {}, texts.FIRST_MAY_STILL_ACT),
        ((Verdict.OVERFILLED,), {}, texts.FIRST_MAY_STILL_ACT),
        ((Verdict.UNKNOWN,), {}, texts.FIRST_MAY_STILL_ACT),
        ((), {"outcome": None}, texts.FIRST_MAY_STILL_ACT),
    ],
)
def test_why_flatten_again_is_held_is_true_of_what_was_pressed_first(
    verdicts: tuple[Verdict, ...], facts: dict[str, object], words: str
) -> None:
    fates = tuple(Fate(f"Sim10{number}", verdict) for number, verdict in enumerate(verdicts))
    first = flat_press(scope=EveryAccount())
    if verdicts:
        first.outcome = Outcome(verdicts[0], NOON, fates, EveryAccount())
    for name, value in facts.items():
        setattr(first, name, value)
    assert describe.why_locked(SIM101, [first], ()).again == words
    assert describe.why_locked(SIM101, [first], {first.id}).again == texts.FIRST_MAY_STILL_ACT
    unsure = Press("2", SIM101, 990.0, NOON, phase=Phase.ENDED)
    unsure.outcome = Outcome(Verdict.UNKNOWN, NOON)
    assert describe.why_locked(SIM101, [first, unsure], ()).again == texts.FIRST_MAY_STILL_ACT
