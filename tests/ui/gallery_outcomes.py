"""States of the window in the program's own words: every outcome, every look of the buttons, every link."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from crosstrade_panel import texts
from crosstrade_panel.domain.cancel import ListedOrders
from crosstrade_panel.domain.outcome import Cause, Fate, Outcome, Reason, Timings, Verdict
from crosstrade_panel.domain.scope import EveryAccount, OneAccount, Scope, Side, account_of
from crosstrade_panel.domain.snapshot import (
    Account,
    Mode,
    Order,
    OrdersRead,
    Position,
    PositionsRead,
    Source,
    Stamp,
)
from crosstrade_panel.domain.ticket import ReverseTicket
from crosstrade_panel.trading.flatten import PROVED
from crosstrade_panel.trading.pace import Pace
from crosstrade_panel.trading.press import FlattenLock, Lock, OpenedAgain, Phase, Press
from crosstrade_panel.trading.watch import Failing
from crosstrade_panel.ui import describe
from crosstrade_panel.ui.describe import Picture
from crosstrade_panel.ui.view import (
    BannerAction,
    BannerView,
    Choice,
    Look,
    PanelView,
    ResultView,
    ReverseView,
    StatusView,
    TicketFields,
    TicketView,
    Tone,
)

NOW = 1000.0
AT = datetime(2026, 11, 20, 14, 31, 7, 412_000, tzinfo=UTC)
PAIR = OneAccount("Sim101", "MES 12-25")
APEX = OneAccount("Apex-03", "MES 12-25")
EVERY = EveryAccount()
TICKET = ReverseTicket("Sim101", "MES 12-25", Side.SHORT, 2)
TIMINGS = Timings(0.002, None, 0.038, 1.4)
_PROVED = PROVED | {Verdict.REVERSED, Verdict.CANCELLED}
ACCOUNTS = (
    Account("Apex-03", "Rithmic", connected=True),
    Account("Apex-07", "Rithmic", connected=False),
    Account("Sim101", "Simulator", connected=True),
)


def _row(account: str, instrument: str, side: Side, quantity: int, profit: str = "-62.50") -> Position:
    prices = Decimal("5780.25"), Decimal("5774.00"), Decimal(profit)
    return Position(account, instrument, side, quantity, *prices)


def _order(account: str, kind: str, number: int) -> Order:
    resting = Decimal("5790.25")
    return Order(
        account,
        f"{number:032x}",
        "MES 12-25",
        "Working",
        kind,
        "Sell",
        2,
        0,
        limit_price=resting if kind == "Limit" else None,
        stop_price=None if kind == "Limit" else resting,
    )


LONG_2 = _row("Apex-03", "MES 12-25", Side.LONG, 2)
SHORT_2 = _row("Sim101", "MES 12-25", Side.SHORT, 2, "612.50")
STOP = _order("Sim101", "Stop Market", 1)
LIMIT = _order("Sim101", "Limit", 2)


def picture(
    *rows: Position, age_s: float | None = 0.4, cause: Cause | None = None, orders: Sequence[Order] = ()
) -> Picture:
    """What the watch knows: these rows, read so long ago."""
    failing = None if cause is None else Failing(NOW - 12, Reason(cause))
    if age_s is None:
        return Picture(None, None, (), failing)
    stamp = Stamp(NOW - age_s - 0.038, NOW - age_s)
    read = PositionsRead(Source.SNAPSHOT, stamp, rows, ACCOUNTS)
    by_account = {"sim101": OrdersRead(stamp, "Sim101", tuple(orders))} if orders else {}
    return Picture(read, age_s, ACCOUNTS, failing, by_account)


def press(scope: Scope, outcome: Outcome | None = None, **facts: object) -> Press:
    """A press that began two seconds ago."""
    found = Press("p1", scope, NOW - 2, AT, outcome=outcome)
    for name, value in facts.items():
        setattr(found, name, value)
    return found


def outcome(verdict: Verdict, *fates: Fate, scope: Scope = PAIR, **facts: object) -> Outcome:
    """An outcome with plausible times: only what was proved has a time of its proof."""
    timings = TIMINGS if verdict in _PROVED else replace(TIMINGS, proved_s=None)
    elsewhere = 0 if isinstance(scope, EveryAccount) else 1
    made = Outcome(verdict, AT, fates, scope, timings=timings, elsewhere_open=elsewhere)
    return replace(made, **facts)  # type: ignore[arg-type]


def _fate(verdict: Verdict, account: str = "Sim101", **facts: object) -> Fate:
    return replace(Fate(account, verdict), **facts)  # type: ignore[arg-type]


def outcomes() -> Iterator[tuple[str, Press, tuple[Position, ...]]]:
    """Every outcome of a press, with what is open just now."""
    verdict = Verdict
    flat = _fate(verdict.FLAT)
    yield "flat", press(PAIR, outcome(verdict.FLAT, flat, orders_checked=(1, 1))), ()
    late = outcome(verdict.FLAT, flat, late_s=31.0, orders_checked=(1, 1))
    yield "flat_late", press(PAIR, late), ()
    yield "nothing_open", press(PAIR, outcome(verdict.NOTHING_OPEN, _fate(verdict.NOTHING_OPEN))), ()
    unchecked = outcome(
        verdict.FLAT_ORDERS_NOT_CHECKED,
        scope=EVERY,
        orders_checked=(14, 50),
        reason=Reason(Cause.ORDERS_UNREAD),
    )
    yield "orders_not_checked", press(EVERY, unchecked), ()
    working = _fate(verdict.ORDERS_WORKING, working_orders=(STOP, LIMIT))
    yield "orders_working", press(PAIR, outcome(verdict.ORDERS_WORKING, working, orders_checked=(1, 1))), ()
    still = _fate(verdict.STILL_OPEN, "Apex-03", still_open=(LONG_2,))
    yield "still_open", press(APEX, outcome(verdict.STILL_OPEN, still, scope=APEX)), (LONG_2,)
    over = _fate(verdict.OVERFILLED, "Apex-03", still_open=(LONG_2,))
    yield "overfilled", press(APEX, outcome(verdict.OVERFILLED, over, scope=APEX)), (LONG_2,)
    more = _fate(verdict.CLOSED_MORE_THAN_ASKED, "Apex-07")
    more_outcome = outcome(
        verdict.CLOSED_MORE_THAN_ASKED,
        flat,
        more,
        closed_positions=(SHORT_2, replace(LONG_2, account="Apex-07")),
    )
    yield (
        "closed_more_than_asked",
        press(PAIR, more_outcome, closed_positions=more_outcome.closed_positions),
        (),
    )
    reopened = _fate(verdict.REOPENED, "Apex-03", still_open=(LONG_2,))
    opened = outcome(verdict.REOPENED, reopened, scope=APEX, flat_at=AT, at=AT + timedelta(seconds=12))
    yield "reopened", press(APEX, opened), (LONG_2,)
    quiet = press(APEX, outcome(verdict.FLAT, _fate(verdict.FLAT, "Apex-03"), scope=APEX))
    quiet.opened_again = OpenedAgain((LONG_2,), AT + timedelta(minutes=20))
    yield "opened_again_later", quiet, (LONG_2,)
    other = _fate(verdict.NOT_PROVED, "Apex-03", still_open=(LONG_2,), reason=Reason(Cause.OTHER_SIDE))
    not_proved = outcome(verdict.NOT_PROVED, other, scope=APEX, reason=Reason(Cause.OTHER_SIDE))
    yield "not_proved", press(APEX, not_proved), (LONG_2,)
    unread = outcome(verdict.NOT_PROVED, scope=APEX, reason=Reason(Cause.READS_FAILED), elsewhere_open=None)
    yield "not_proved_unread", press(APEX, unread), ()
    away = _fate(verdict.CANNOT_TELL, "Apex-07", reason=Reason(Cause.NOT_CONNECTED))
    cannot = outcome(
        verdict.CANNOT_TELL, away, scope=OneAccount("Apex-07"), reason=Reason(Cause.NOT_CONNECTED)
    )
    yield "cannot_tell", press(OneAccount("Apex-07"), cannot), ()
    for name, cause in (("408", Cause.NINJATRADER_OFFLINE), ("lost", Cause.CONNECTION_LOST),
                        ("no_answer", Cause.NO_ANSWER)):  # fmt: skip
        unknown = outcome(
            verdict.UNKNOWN, scope=APEX, reason=Reason(cause), elsewhere_open=None, timings=Timings(0.002)
        )
        yield f"unknown_{name}", press(APEX, unknown, shows=(LONG_2,)), (LONG_2,)
    said = Reason(Cause.SERVER_SAID_NO, "Account 'Apex-03' is locked by the risk desk until 15:00.", 400)
    open_yet = _fate(verdict.REFUSED, "Apex-03", still_open=(LONG_2,))
    no = outcome(verdict.REFUSED, open_yet, scope=APEX, reason=said, timings=Timings(0.002, None, 0.038))
    yield "refused", press(APEX, no), (LONG_2,)
    bad = outcome(
        verdict.REFUSED, scope=APEX, reason=Reason(Cause.TOKEN_REFUSED, "", 401), elsewhere_open=None
    )
    yield "refused_token", press(APEX, bad), ()
    for name, cause in (("offline", Cause.CONNECT_FAILED), ("locked", Cause.LOCKED)):
        unsent = outcome(verdict.NOT_SENT, reason=Reason(cause), elsewhere_open=None, timings=Timings())
        yield f"not_sent_{name}", press(PAIR, unsent), ()
    yield from _reverse_outcomes()
    yield from _cancel_outcomes()
    yield "ten_fates", press(EVERY, ten_fates()), (LONG_2,)


def _reverse_outcomes() -> Iterator[tuple[str, Press, tuple[Position, ...]]]:
    verdict, now_long = Verdict, _row("Sim101", "MES 12-25", Side.LONG, 2)
    reversed_ = outcome(verdict.REVERSED, _fate(verdict.REVERSED, still_open=(now_long,)), ticket=TICKET)
    yield "reversed", press(PAIR, reversed_, ticket=TICKET), (now_long,)
    entry = _fate(verdict.REVERSE_WORKING, working_orders=(replace(LIMIT, action="Buy"),))
    yield (
        "reverse_working",
        press(PAIR, outcome(verdict.REVERSE_WORKING, entry, ticket=TICKET), ticket=TICKET),
        (),
    )
    half = _row("Sim101", "MES 12-25", Side.LONG, 1)
    wrong = outcome(
        verdict.REVERSE_MISMATCH, _fate(verdict.REVERSE_MISMATCH, still_open=(half,)), ticket=TICKET
    )
    yield "reverse_mismatch", press(PAIR, wrong, ticket=TICKET), (half,)


def _cancel_outcomes() -> Iterator[tuple[str, Press, tuple[Position, ...]]]:
    verdict, listed = Verdict, ListedOrders((STOP, LIMIT))
    done = outcome(verdict.CANCELLED, _fate(verdict.CANCELLED, ended_orders=(STOP, LIMIT)), cancel=listed)
    yield "cancelled", press(PAIR, done, cancel=listed), ()
    partly = outcome(
        verdict.STILL_WORKING,
        _fate(verdict.STILL_WORKING, working_orders=(STOP,), ended_orders=(LIMIT,)),
        cancel=listed,
    )
    yield "still_working", press(PAIR, partly, cancel=listed), ()


def ten_fates() -> Outcome:
    """A wide press: eight flat, one still open, one that nobody can tell of."""
    fates = (
        *(_fate(Verdict.FLAT, f"Apex-{number:02d}") for number in (1, 2, 4, 5, 6, 8, 9, 10)),
        _fate(Verdict.STILL_OPEN, "Apex-03", still_open=(LONG_2,)),
        _fate(Verdict.CANNOT_TELL, "Apex-07", reason=Reason(Cause.NOT_CONNECTED)),
    )
    return outcome(Verdict.STILL_OPEN, *fates, scope=EVERY, orders_checked=(8, 9))


def _action(found: Press, shown: Picture) -> BannerAction | None:
    """As the program offers it."""
    ended = found.outcome
    if ended is None:
        return None
    listed = describe.orders_to_cancel(ended, shown, Pace().orders_fresh_s)
    if listed is not None and ended.verdict in {Verdict.ORDERS_WORKING, Verdict.STILL_WORKING}:
        return describe.cancel_action(listed, Pace(), is_locked=False)
    scope = describe.flatten_again(found, ended)
    if scope is None:
        return None
    lock = FlattenLock(Lock.AGAIN if ended.verdict is Verdict.STILL_OPEN else Lock.FREE)
    return describe.flatten_action(describe.flatten_button(scope, shown, lock, Pace(), missing=""))


def banner(found: Press, shown: Picture, *, is_practice: bool = False) -> BannerView:
    """A press as the program shows it, with its button."""
    return describe.banner(found, shown, NOW, is_practice=is_practice, action=_action(found, shown))


def panel(
    base: PanelView,
    scope: Scope,
    shown: Picture,
    *,
    lock: FlattenLock | None = None,
    why: describe.WhyLocked | None = None,
    missing: str = "",
    banners: tuple[BannerView, ...] = (),
    reverse: str = "",
    notes: tuple[str, ...] = (),
) -> PanelView:
    """A whole window in the program's words, for a scope and what is known."""
    account = account_of(scope)
    no_reverse = replace(base.reverse, ticket=None, look=Look.DISABLED, lines=(reverse,))
    return replace(
        base,
        mode=describe.mode_of(scope, shown, is_practice=False),
        status=describe.status(shown, NOW, budget=17.0, notes=notes, missing=missing),
        accounts=describe.account_choices(shown.accounts, account),
        account=account,
        instruments=describe.instrument_choices(shown.positions, None, (), scope.instrument),
        instrument=scope.instrument,
        side=scope.side,
        preview=describe.preview(scope, shown),
        flatten=describe.flatten_button(
            scope, shown, lock or FlattenLock(Lock.FREE), Pace(), missing=missing, why=why
        ),
        reverse=no_reverse if reverse else base.reverse,
        banners=banners,
        result=ResultView(),
    )


def _reverse(found: Press, shown: Picture, rows: Sequence[Position], base: ReverseView) -> ReverseView:
    """REVERSE beside an outcome, as the program has it: what it would leave, or why there is nothing."""
    if isinstance(found.scope, EveryAccount):
        why = texts.REVERSE_NEEDS_ONE
    elif shown.failing is not None:
        why = texts.REVERSE_NEEDS_READ
    elif not rows and not describe.tells_of(found.scope, shown):
        why = texts.REVERSE_NOT_TOLD
    elif not rows:
        why = texts.REVERSE_NEEDS_POSITION
    elif found.is_unresolved:
        why = texts.REVERSE_LOCKED
    else:
        row = rows[0]
        assert row.account
        assert row.instrument
        assert row.side
        assert row.quantity
        ticket = ReverseTicket(row.account, row.instrument, row.side, row.quantity)
        return replace(base, ticket=ticket, lines=(texts.reverse_text(ticket, row.quantity),))
    return replace(base, ticket=None, look=Look.DISABLED, lines=(why,))


def states(base: PanelView) -> Iterator[tuple[str, PanelView]]:
    """Every state with its name."""
    unread = {
        "not_proved_unread": Cause.NO_ANSWER,
        "refused_token": Cause.TOKEN_REFUSED,
        "not_sent_offline": Cause.CONNECT_FAILED,
    }
    for name, found, rows in outcomes():
        cause = unread.get(name)
        shown = picture(*rows) if cause is None else picture(LONG_2, SHORT_2, age_s=14.0, cause=cause)
        view = banner(found, shown)
        made = panel(base, found.scope, shown, banners=(view,))
        yield f"is_{name}", replace(made, reverse=_reverse(found, shown, rows, base.reverse))
    yield from _told_beside(base)
    yield from _on_its_way(base)
    yield from _links(base)
    yield from _buttons(base)


def _told_beside(base: PanelView) -> Iterator[tuple[str, PanelView]]:
    """What is known beside an outcome: why there was no answer, what FLAT leaves, why it is held again."""
    ended = {each[0]: each for each in outcomes()}
    away = Reason(Cause.NINJATRADER_OFFLINE)
    for name in ("still_open", "flat_late"):
        _, found, rows = ended[name]
        shown = picture(*rows)
        view = describe.banner(found, shown, NOW, is_practice=False, action=_action(found, shown), doubt=away)
        yield (
            f"after_408_{name}",
            panel(base, found.scope, shown, banners=(view,), reverse=texts.REVERSE_LOCKED),
        )
    _, found, _ = ended["flat"]
    wide = replace(found, scope=EVERY, answered_at=NOW - 1.9, outcome=outcome(Verdict.FLAT, scope=EVERY))
    shown = picture(orders=(replace(LIMIT, instrument="YM 12-25"),))
    view = banner(wide, shown)
    yield "flat_beside_an_order", panel(base, EVERY, shown, banners=(view,), reverse=texts.REVERSE_NEEDS_ONE)
    _, found, rows = ended["reopened"]
    shown, again = picture(*rows), FlattenLock(Lock.AGAIN)
    why = describe.WhyLocked(again=texts.FIRST_NOT_SEEN)
    action = describe.flatten_action(describe.flatten_button(APEX, shown, again, Pace(), missing="", why=why))
    view = describe.banner(found, shown, NOW, is_practice=False, action=action)
    yield (
        "again_after_reopened",
        panel(base, APEX, shown, lock=again, why=why, banners=(view,), reverse=texts.REVERSE_LOCKED),
    )


def _on_its_way(base: PanelView) -> Iterator[tuple[str, PanelView]]:
    shown = picture(LONG_2)
    wait = FlattenLock(Lock.LOCKED)
    for name, found in (
        ("sent", press(APEX, began_at=NOW - 0.3)),
        ("delivered", press(APEX, began_at=NOW - 0.3, delivered_at=NOW - 0.28)),
        ("no_answer_yet", press(APEX, shows=(LONG_2,))),
        ("no_answer_unread", press(APEX, began_at=NOW - 3.0)),
        ("checking", press(APEX, phase=Phase.CHECKING, shows=(LONG_2,), read_since_answer=True)),
        ("answered", press(APEX, phase=Phase.VERIFYING, shows=(), read_since_answer=True)),
        ("answered_unread", press(APEX, phase=Phase.VERIFYING, answered_at=NOW - 0.1)),
        ("reverse_sent", press(PAIR, ticket=TICKET, began_at=NOW - 0.3)),
    ):
        known = picture(LONG_2, age_s=4.0) if name == "no_answer_unread" else shown
        view = banner(found, known)
        why = describe.why_locked(APEX, [found], ())
        yield (
            f"way_{name}",
            panel(base, APEX, known, lock=wait, why=why, banners=(view,), reverse=texts.REVERSE_LOCKED),
        )
    again = replace(banner(press(APEX, phase=Phase.REPEATING), shown), action=describe.stop_action())
    yield "way_repeating", panel(base, APEX, shown, lock=wait, banners=(again,), reverse=texts.REVERSE_LOCKED)
    _, gone, _ = next(each for each in outcomes() if each[0] == "flat")
    old = picture(age_s=14.0, cause=Cause.NO_ANSWER)
    yield (
        "was_flat_not_read_since",
        panel(base, PAIR, old, banners=(banner(gone, old),), reverse=texts.REVERSE_NEEDS_READ),
    )


def _links(base: PanelView) -> Iterator[tuple[str, PanelView]]:
    away = texts.REVERSE_NEEDS_READ
    yield "connecting", panel(base, EVERY, picture(age_s=None), reverse=texts.REVERSE_NEEDS_ONE)
    yield (
        "looking_for_token",
        panel(base, EVERY, picture(age_s=None), missing=texts.NO_TOKEN_YET, reverse=texts.REVERSE_NEEDS_ONE),
    )
    first_run = panel(
        base, EVERY, picture(age_s=None), missing=texts.NO_TOKEN, reverse=texts.REVERSE_NEEDS_ONE
    )
    yield "first_run", replace(first_run, needs_token=True)
    yield (
        "first_run_no_keyring",
        replace(
            first_run,
            needs_token=True,
            keeps_token=False,
            token_problem=texts.as_sentence(
                texts.no_token_here("https://app.crosstrade.io:443", "none_here", environment_ignored=False)
            ),
        ),
    )
    yield (
        "first_run_refused",
        replace(first_run, needs_token=True, token_problem=texts.as_sentence(texts.TOKEN_REFUSED)),
    )
    for name, cause, age_s in (
        ("unreachable", Cause.CONNECT_FAILED, 2.0),
        ("no_answer", Cause.NO_ANSWER, 12.0),
        ("ninjatrader_away", Cause.NINJATRADER_OFFLINE, 12.0),
        ("token_refused", Cause.TOKEN_REFUSED, 12.0),
        ("reads_fail", Cause.SERVER_FAILED, 12.0),
        ("never_read", Cause.NINJATRADER_OFFLINE, None),
    ):
        shown = picture(LONG_2, age_s=age_s, cause=cause)
        yield f"dead_{name}", panel(base, APEX, shown, reverse=away)
    yield "dead_stale", panel(base, APEX, picture(LONG_2, age_s=7.0), reverse=away)
    yield (
        "journal_late",
        panel(base, APEX, picture(LONG_2), notes=(texts.journal_off("it did not answer in time"),)),
    )
    choices = (
        *base.accounts[:-2],
        Choice("Apex-09", "Apex-09", note=texts.NOT_LISTED_NOW, greyed=True),
    )
    vanished = panel(base, OneAccount("Apex-09"), picture(LONG_2), reverse=texts.REVERSE_NOT_TOLD)
    yield (
        "account_gone",
        replace(
            vanished,
            accounts=choices,
            status=replace(vanished.status, notes=(texts.account_gone("Apex-09"),)),
        ),
    )


def _buttons(base: PanelView) -> Iterator[tuple[str, PanelView]]:
    read = picture(SHORT_2, LONG_2, orders=(STOP, LIMIT))
    yield "all_accounts", panel(base, EVERY, read, reverse=texts.REVERSE_NEEDS_ONE)
    yield "one_account_orders_read", panel(base, OneAccount("Sim101"), read)
    yield "overlapping", panel(base, EVERY, read, lock=FlattenLock(Lock.FREE, overlaps=True),
                               reverse=texts.REVERSE_LOCKED)  # fmt: skip
    yield (
        "reverse_may_enter",
        panel(
            base,
            PAIR,
            read,
            lock=FlattenLock(Lock.AGAIN, overlaps=True, reverse_may_enter_until=NOW + 9),
            reverse=texts.REVERSE_LOCKED,
        ),
    )
    filled = TicketView(TicketFields("3", base.ticket.fields.order_type, "5780.25"), "2")
    for name, line in (
        ("reading", texts.REVERSE_CHECKING),
        ("changed", texts.reverse_changed("Long 1 MES 12-25")),
        ("let_go", texts.LET_GO),
        ("too_long", texts.REVERSE_HELD_TOO_LONG),
        ("read_failed", f"{texts.REVERSE_READ_FAILED}: {texts.cause_words(Cause.NO_ANSWER)}"),
        ("overtaken", texts.REVERSE_OVERTAKEN),
    ):
        lines = (*base.reverse.lines, line)
        yield f"reverse_{name}", replace(base, reverse=replace(base.reverse, lines=lines), ticket=filled)
    for name, why in (
        ("other_side", texts.REVERSE_OTHER_SIDE),
        ("two_positions", texts.reverse_one_of(2)),
        ("alias", texts.REVERSE_ALIAS),
        ("locked", texts.REVERSE_LOCKED),
    ):
        yield f"no_reverse_{name}", panel(base, PAIR, picture(SHORT_2), reverse=why)
    practice = banner(next(each[1] for each in outcomes() if each[0] == "reversed"), read, is_practice=True)
    yield (
        "practice_outcome",
        replace(
            base,
            mode=Mode.PRACTICE,
            status=StatusView("REST 1 ms", Tone.GOOD, "budget ~20"),
            banners=(practice,),
        ),
    )
