"""Views of many states of the window, and pictures of them."""

import argparse
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from crosstrade_panel.domain.scope import EveryAccount, OneAccount, Side
from crosstrade_panel.domain.snapshot import Mode
from crosstrade_panel.domain.ticket import OrderType, ReverseTicket
from crosstrade_panel.simulator.drills import DRILLS as CATALOGUE
from crosstrade_panel.ui.masks import Masks
from crosstrade_panel.ui.view import (
    ActionKind,
    BannerAction,
    BannerView,
    Choice,
    ClosedRow,
    DrillChoice,
    FallbackView,
    FlattenView,
    Gesture,
    JournalChoices,
    JournalPage,
    JournalRow,
    Look,
    OrderRow,
    PanelView,
    PositionRow,
    PracticeView,
    PreviewView,
    ResultView,
    ReverseView,
    SettingsView,
    StatusView,
    StreamView,
    TicketFields,
    TicketView,
    TimelineRow,
    TimelineView,
    TokenView,
    Tone,
)
from tests.ui import gallery_outcomes

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from crosstrade_panel.ui.main_window import MainWindow

LONG_NAME = "APEX-PA-12345-EVAL-100K-TRADER-NUMBER-07"
IDS = (
    "adb3868865de4b59b0e147b8300e4a29",
    "2141df9fc0254ba9b34c8a5e38722249",
    "16f6774e302748ce962f2d60b58b2eb1",
)
ACCOUNTS = (
    Choice(None, "All accounts"),
    Choice("Apex-03", "Apex-03", "LIVE", "evaluation"),
    Choice("Apex-07", "Apex-07", "LIVE", "not connected", greyed=True),
    Choice("Sim101", "Sim101", "SIM"),
    Choice("Sim102", "Sim102", "SIM", "second"),
)
INSTRUMENTS = (Choice(None, "All"), Choice("MES 12-25", "MES 12-25"), Choice("NQ 12-25", "NQ 12-25"))
SCOPE = OneAccount("Sim101", "MES 12-25", Side.SHORT)
TICKET = ReverseTicket("Sim101", "MES 12-25", Side.SHORT, 2)
FLATTEN = FlattenView(
    SCOPE,
    "FLATTEN",
    ("Sim101 · MES 12-25 · Short", "closes 1 position · orders may remain"),
    Look.READY,
    Gesture.CLICK,
    0.7,
    "Sim101, MES 12-25, Short. Closes 1 position, orders may remain",
)
REVERSE = ReverseView(
    TICKET,
    "REVERSE",
    ("Short 2 → BUY 2 MES 12-25 · Market · Day",),
    Look.READY,
    0.5,
    "Short 2, buy 2 MES 12-25, market, day",
)
ROW = PositionRow(("Sim101", "MES 12-25"), "Sim101", "MES 12-25", "Short 2", "5780.125", "+612.50", 1)
FLAT_BANNER = BannerView(
    "p1",
    Tone.GOOD,
    "FLAT 14:31:07.412 · Sim102 · NQ 12-25",
    ("per NinjaTrader · elsewhere 1 open", "sent 2 ms · answered 38 ms · proved 1.2 s"),
    may_acknowledge=False,
)
RESULT = ResultView(
    "", IDS, (ClosedRow("Sim102", "NQ 12-25", "Short 2", "5780.125", "5774.00", "+612.50", 1),), "+612.50"
)
JOURNAL = (
    JournalRow("p1", "14:31:07", "FLATTEN Sim102 · NQ 12-25", "FLAT", Tone.GOOD),
    JournalRow("p0", "14:12:44", "REVERSE Sim101 · MES 12-25", "REVERSE MISMATCH", Tone.BAD),
    JournalRow("o9", "13:02:10", "FLATTEN All accounts", "UNKNOWN", Tone.DOUBT),
)
POSITIONS = PanelView(
    mode=Mode.SIM,
    status=StatusView("REST 38 ms", Tone.GOOD, "budget ~17"),
    accounts=ACCOUNTS,
    account="Sim101",
    instruments=INSTRUMENTS,
    instrument="MES 12-25",
    side=Side.SHORT,
    preview=PreviewView("In scope — 1 position, +$612.50 · read 0.4 s ago", (ROW,)),
    flatten=FLATTEN,
    reverse=REVERSE,
    ticket=TicketView(TicketFields(), "2"),
    banners=(FLAT_BANNER,),
    result=RESULT,
)


FALLBACK = FallbackView(
    is_open=True, is_urgent=True, phone="+1 555 0100", web="https://desk.broker.example/login"
)
CHOICES = JournalChoices(
    (Choice("", "All accounts"), Choice("Apex-03", "Apex-03"), Choice("Sim101", "Sim101")),
    (Choice("flat", "FLAT"), Choice("unknown", "UNKNOWN"), Choice("", "no outcome")),
    (Choice("2026-11-21", "2026-11-21 (today)"), Choice("2026-11-20", "2026-11-20")),
)
TIMELINE = TimelineView(
    "p1",
    "pressed: FLATTEN Sim102 · NQ 12-25",
    (
        TimelineRow(
            "+0.000 s",
            "14:31:06.200",
            "pressed: FLATTEN Sim102 · NQ 12-25",
            "to https://app.crosstrade.io:443",
        ),
        TimelineRow("+0.001 s", "14:31:06.201", "attempt 1 over REST"),
        TimelineRow(
            "+0.038 s",
            "14:31:06.238",
            "accepted, 3 order ids",
            f"order ids: {', '.join(IDS)}; sent 2 ms · answered 38 ms",
        ),
        TimelineRow("+0.061 s", "14:31:06.261", "read of positions: nothing open", "took 21 ms"),
        TimelineRow(
            "+0.540 s",
            "14:31:06.740",
            "read of accounts and positions failed: no answer came",
            "",
            Tone.DOUBT,
        ),
        TimelineRow(
            "+1.212 s", "14:31:07.412", "FLAT", "sent 2 ms · answered 38 ms · proved 1.2 s", Tone.GOOD
        ),
        TimelineRow("+31.004 s", "14:31:37.204", "acknowledged"),
    ),
)
SETTINGS = SettingsView(
    {
        "base_url": "", "use_system_proxy": False, "use_stream": False, "last_account": "",
        "always_on_top": True, "theme": "dark", "sound": True, "mask_names": False, "hold_wide_s": 0.7,
        "hold_narrow_s": 0.5, "broker_phone": "+1 555 0100", "broker_web": "", "start_at_login": False,
    },
    {"Apex-03": "evaluation"},
    (Choice("Apex-03", "Apex-03"), Choice("Sim101", "Sim101")),
    TokenView("https://app.crosstrade.io:443",
              "There is one in this computer's keyring, for https://app.crosstrade.io:443.", may_remove=True),
)  # fmt: skip
OTHER_SERVER = replace(
    SETTINGS,
    values={**SETTINGS.values, "base_url": "https://api.example.test", "theme": "light"},
    server_warning=(
        "NOT CROSSTRADE'S OWN SERVER. After a restart every press goes to https://api.example.test:443, with "
        "the token that is entered for it: whoever runs it can trade your accounts. It needs its own token."
    ),
    notes={"base_url": "Holds after a restart."},
    token=TokenView(
        "https://api.example.test:443",
        "There is none for https://api.example.test:443.",
        "Not kept: CrossTrade did not accept the token.",
        Tone.BAD,
    ),
)


def many_rows(count: int) -> tuple[PositionRow, ...]:
    """Rows of ten accounts, losses and gains, some without a stop."""
    return tuple(
        PositionRow(
            (f"Apex-{n:02d}", "MES 12-25"),
            f"Apex-{n:02d}",
            "MES 12-25",
            "Long 12" if n % 2 else "Short 3",
            "21,345.25",
            "−123,456.75" if n % 3 else "+1,020.00",
            -1 if n % 3 else 1,
            "no stop" if n % 4 == 0 else "",
        )
        for n in range(count)
    )


def _everything(text: str = "closes 30 positions and their orders (not\u00a0checked)") -> FlattenView:
    return replace(
        FLATTEN,
        scope=EveryAccount(),
        lines=("All accounts", text, "hold 0.7 s"),
        gesture=Gesture.HOLD,
    )


def _no_reverse(why: str) -> ReverseView:
    return replace(REVERSE, ticket=None, look=Look.DISABLED, lines=(why,))


def _banner(number: int, tone: Tone, title: str, *lines: str) -> BannerView:
    return BannerView(f"b{number}", tone, title, lines, may_acknowledge=tone is not Tone.GOOD)


BANNERS = (
    _banner(
        1,
        Tone.BUSY,
        "FLATTEN sent · Sim101 · MES 12-25 · Short",
        "no answer yet — NinjaTrader shows Short 2 MES 12-25 (last read)",
    ),
    _banner(
        2,
        Tone.BAD,
        "STILL OPEN 14:31:17.412 · Apex-03",
        "per NinjaTrader",
        "NinjaTrader shows Long 2 MES 12-25",
        "Flatten again, or in NinjaTrader.",
        "sent 2 ms · answered 38 ms",
    ),
    _banner(
        3,
        Tone.DOUBT,
        "UNKNOWN 14:31:17.412 · All accounts",
        "per NinjaTrader",
        "No answer came",
        "8 flat of 9 connected · 1 not connected, cannot tell: Apex-07",
        "Apex-03: NinjaTrader shows Long 2 MES 12-25",
        "It may have acted. Look in NinjaTrader before anything else.",
        "sent 2 ms",
    ),
    _banner(
        4,
        Tone.NEUTRAL,
        "NOT SENT 14:31:07.412 · Sim101",
        "There is no token for this server",
        "Nothing left this computer. It is safe to press again.",
    ),
)


FLATTEN_REOPENED = BannerAction(
    ActionKind.FLATTEN,
    "FLATTEN",
    ("Sim101 · MES 12-25", "closes 1 position, cancels 2 orders"),
    Gesture.CLICK,
    0.5,
    Look.READY,
    "Sim101, MES 12-25. Closes 1 position, cancels 2 orders",
    scope=OneAccount("Sim101", "MES 12-25"),
)
FLATTEN_AGAIN = replace(
    FLATTEN_REOPENED,
    title="FLATTEN AGAIN",
    lines=(
        "Apex-03",
        "closes 1 position and its orders (not checked)",
        "hold 0.5 s · the first may still act",
    ),
    gesture=Gesture.HOLD,
    spoken="Hold FLATTEN AGAIN, Apex-03. The first may still act",
    scope=OneAccount("Apex-03"),
)
CANCEL_ORDERS = BannerAction(
    ActionKind.CANCEL_ORDERS,
    "CANCEL 2 ORDERS",
    (
        "Sim101 · MES 12-25",
        "Sell 2 MES 12-25 Stop Market (Working), Sell 2 MES 12-25 Limit (Working)",
    ),
    Gesture.CLICK,
    0.7,
    Look.READY,
    "CANCEL 2 ORDERS, Sim101 · MES 12-25, Sell 2 MES 12-25 Stop Market (Working), "
    "Sell 2 MES 12-25 Limit (Working)",
    order_ids=IDS[:2],
)
STOP = BannerAction(
    ActionKind.STOP,
    "STOP",
    ("no further attempt",),
    Gesture.CLICK,
    0.0,
    Look.READY,
    "Stop trying again",
)
REOPENED = BannerView(
    "p7",
    Tone.BAD,
    "REOPENED 14:31:19 · Sim101 · MES 12-25",
    (
        "flat was proved 14:31:07.412, then NinjaTrader shows Long 2 MES 12-25",
        "per NinjaTrader · elsewhere 1 open",
        "sent 2 ms · answered 38 ms · proved 1.2 s",
    ),
    may_acknowledge=True,
    action=FLATTEN_REOPENED,
)
ORDERS_WORKING = BannerView(
    "p8",
    Tone.BAD,
    "FLAT, ORDERS WORKING 14:31:07.412 · Sim101 · MES 12-25",
    (
        "per NinjaTrader · orders checked 1 of 1",
        "2 orders working",
        "These orders can open a position again.",
    ),
    may_acknowledge=True,
    action=CANCEL_ORDERS,
)
TOO_MANY = BannerView(
    "p9",
    Tone.BUSY,
    "FLATTEN sent · Sim101 · MES 12-25",
    ("too many requests with this token just now: attempt 3 of 5 in 0.4 s",),
    may_acknowledge=False,
    action=STOP,
)
STILL_OPEN = BannerView(
    "p6",
    Tone.BAD,
    "STILL OPEN 14:30:55.031 · Apex-03",
    ("NinjaTrader shows Long 2 MES 12-25", "Flatten again, or in NinjaTrader."),
    may_acknowledge=True,
    action=FLATTEN_AGAIN,
)
NO_STOP = (
    replace(ROW, badge="no stop"),
    replace(
        ROW,
        key=("Sim101", "NQ 12-25"),
        instrument="NQ 12-25",
        position="Long 1",
        average="21,345.25",
        profit="−1,212.50",
        profit_sign=-1,
    ),
)
ORDERS = (
    OrderRow(("Sim101", "MES 12-25"), "Sim101", "MES 12-25", "Buy 2 Limit", "5760.00", "Working"),
    OrderRow(("Sim101", "NQ 12-25"), "Sim101", "NQ 12-25", "Sell 1 Stop market", "21,300.25", "Accepted"),
    OrderRow(("Sim101", "NQ 12-25"), "Sim101", "NQ 12-25", "Sell 1 Limit", "21,400.00", "Working"),
)
DRILLS = (
    DrillChoice("reply-lost", "the reply is lost", "The flatten is done; its answer never comes.", "Answers"),
    DrillChoice("408", "408: NinjaTrader is away", "The gateway says 408; it may have acted.", "Answers"),
    DrillChoice("429", "429, three times", "Too many requests, then it works.", "Answers"),
    DrillChoice("reopens", "a strategy opens it again", "Flat, and 4 s later open again.", "Positions"),
)
REAL_DRILLS = tuple(
    DrillChoice(drill.name, drill.title, drill.description, drill.group) for drill in CATALOGUE.values()
)
"""As the program offers them."""
STREAM_TAKEN = StreamView(
    is_wanted=True,
    state="Another tool took the stream over; presses go over REST",
    may_reconnect=True,
)


def states() -> Iterator[tuple[str, PanelView]]:
    """Every state with its name."""
    yield "positions", POSITIONS
    yield from _quiet_states()
    yield from _press_states()
    yield from _crowded_states()
    yield from _order_states()
    yield from _action_states()
    yield from _practice_and_stream_states()
    yield from gallery_outcomes.states(POSITIONS)
    yield "fallback", replace(POSITIONS, fallback=FALLBACK)
    yield (
        "fallback_offered",
        replace(
            dict(_quiet_states())["looks_dead"], fallback=replace(FALLBACK, is_open=False, phone="", web="")
        ),
    )
    yield "fallback_beneath_outcomes", replace(POSITIONS, banners=(BANNERS[2],), fallback=FALLBACK)
    masks = Masks()
    masks.learn([LONG_NAME, *(choice.value for choice in ACCOUNTS)])
    yield "masked", masks.view(replace(POSITIONS, banners=(STILL_OPEN, FLAT_BANNER)))


def _order_states() -> Iterator[tuple[str, PanelView]]:
    summary = "In scope — 2 positions, 3 orders, −$600.00 · read 0.4 s ago"
    yield "orders", replace(POSITIONS, preview=PreviewView(summary, NO_STOP, ORDERS))
    yield (
        "orders_of_many",
        replace(
            POSITIONS,
            mode=Mode.LIVE,
            account=None,
            instrument=None,
            side=None,
            preview=PreviewView(
                "In scope — 4 positions in 50 accounts, 5 orders, −$123,456.75 · read 0.4 s ago",
                (*NO_STOP, *many_rows(2)),
                (
                    *ORDERS,
                    replace(ORDERS[0], key=("Apex-01", "MES 12-25"), account="Apex-01"),
                    replace(ORDERS[1], key=(LONG_NAME, "NQ 12-25"), account=LONG_NAME),
                ),
            ),
            flatten=_everything(),
            reverse=_no_reverse("choose one account and one instrument"),
        ),
    )
    yield (
        "orders_left",
        replace(
            POSITIONS,
            preview=PreviewView(summary, NO_STOP, ORDERS, "leaves Long 2 MES open — Any side?"),
        ),
    )


def _action_states() -> Iterator[tuple[str, PanelView]]:
    yield "action_reopened", replace(POSITIONS, banners=(REOPENED,))
    yield "action_cancel", replace(POSITIONS, banners=(ORDERS_WORKING,))
    yield "action_stop", replace(POSITIONS, banners=(TOO_MANY,))
    yield (
        "action_stacked",
        replace(
            POSITIONS, banners=(STILL_OPEN, replace(ORDERS_WORKING, title="FLAT, ORDERS WORKING"), TOO_MANY)
        ),
    )
    locked = replace(FLATTEN_REOPENED, look=Look.LOCKED, lines=("sent 0.4 s ago — waiting for the answer",))
    dead = replace(FLATTEN_REOPENED, look=Look.LOOKS_DEAD, lines=("NOT CONNECTED — press to try anyway",))
    off = replace(CANCEL_ORDERS, look=Look.DISABLED, lines=("a position is open in the pair",))
    yield (
        "action_looks",
        replace(
            POSITIONS,
            banners=(
                replace(REOPENED, press_id="l1", lines=("b",), action=locked),
                replace(REOPENED, press_id="l2", lines=("b",), action=dead),
                replace(ORDERS_WORKING, press_id="l3", title="FLAT", lines=("b",), action=off),
            ),
        ),
    )
    yield (
        "action_long_names",
        replace(
            POSITIONS,
            banners=(
                replace(
                    STILL_OPEN,
                    title=f"STILL OPEN 14:30:55.031 · {LONG_NAME} · MES 12-25 · Short",
                    action=replace(
                        FLATTEN_AGAIN,
                        lines=(f"{LONG_NAME} · MES 12-25 · Short", *FLATTEN_AGAIN.lines[1:]),
                        scope=OneAccount(LONG_NAME, "MES 12-25", Side.SHORT),
                        spoken=f"Hold FLATTEN AGAIN, {LONG_NAME}, MES 12-25, Short. The first may still act",
                    ),
                ),
            ),
        ),
    )


def _practice_and_stream_states() -> Iterator[tuple[str, PanelView]]:
    practice = replace(POSITIONS, mode=Mode.PRACTICE, practice=PracticeView(DRILLS))
    yield "drill_none", practice
    yield "drill_armed", replace(practice, practice=PracticeView(DRILLS, "reply-lost"))
    yield "drill_long", replace(practice, practice=PracticeView(DRILLS, "reopens"))
    yield "drills_of_the_program", replace(practice, practice=PracticeView(REAL_DRILLS, "late-answer"))
    yield "stream_taken", replace(POSITIONS, stream=STREAM_TAKEN)
    yield (
        "stream_connecting",
        replace(
            POSITIONS,
            status=replace(POSITIONS.status, notes=("journal off: the disk is full",)),
            stream=StreamView(is_wanted=True, state="The stream is connecting; presses go over REST"),
        ),
    )


def _quiet_states() -> Iterator[tuple[str, PanelView]]:
    yield (
        "flat",
        replace(
            POSITIONS,
            instrument=None,
            side=None,
            preview=PreviewView("In scope — nothing open · read 0.4 s ago"),
            flatten=replace(
                FLATTEN, scope=OneAccount("Sim101"), lines=("Sim101", "nothing open · orders not checked")
            ),
            reverse=_no_reverse("nothing open to reverse"),
            banners=(),
            result=ResultView(),
        ),
    )
    yield (
        "needs_token",
        replace(
            POSITIONS,
            mode=Mode.LIVE,
            account=None,
            instrument=None,
            side=None,
            accounts=ACCOUNTS[:1],
            instruments=INSTRUMENTS[:1],
            status=StatusView("No token", Tone.BAD, "", ("journal off: the disk is full",)),
            preview=PreviewView("In scope — not read: no token"),
            flatten=replace(
                _everything(), look=Look.DISABLED, lines=("All accounts", "no token: paste one below")
            ),
            reverse=_no_reverse("choose one account and one instrument"),
            banners=(),
            result=ResultView(),
            needs_token=True,
            token_problem="The address refused this token (401).",
        ),
    )
    yield (
        "practice",
        replace(POSITIONS, mode=Mode.PRACTICE, status=StatusView("REST 1 ms", Tone.GOOD, "budget ~20")),
    )
    yield (
        "looks_dead",
        replace(
            POSITIONS,
            mode=Mode.LIVE,
            status=StatusView(
                "NinjaTrader not connected", Tone.BAD, "budget ~17", ("journal off: the disk is full",)
            ),
            preview=replace(
                POSITIONS.preview, summary="In scope — 1 position, +$612.50 · read 12 s ago", is_stale=True
            ),
            flatten=replace(
                FLATTEN,
                look=Look.LOOKS_DEAD,
                lines=(
                    FLATTEN.lines[0],
                    "NOT CONNECTED — press to try anyway",
                    "POSITIONS UNKNOWN (read 12 s ago)",
                ),
            ),
            reverse=_no_reverse("needs a read of the positions first"),
        ),
    )
    yield (
        "leaves",
        replace(
            POSITIONS,
            preview=replace(
                POSITIONS.preview, rows=many_rows(7), leaves="leaves Long 2 MES open — Any side?"
            ),
        ),
    )


def _press_states() -> Iterator[tuple[str, PanelView]]:
    yield (
        "locked",
        replace(
            POSITIONS,
            flatten=replace(
                FLATTEN, look=Look.LOCKED, lines=(FLATTEN.lines[0], "press in flight — wait for its answer")
            ),
            reverse=replace(REVERSE, look=Look.LOCKED, lines=("wait — a press may still act here",)),
            banners=BANNERS[:1],
        ),
    )
    yield (
        "again",
        replace(
            POSITIONS,
            flatten=replace(
                FLATTEN,
                title="FLATTEN AGAIN",
                gesture=Gesture.HOLD,
                lines=(FLATTEN.lines[0], "hold · the first may still act"),
            ),
            banners=BANNERS[2:3],
        ),
    )
    for banner in BANNERS:
        yield f"outcome_{banner.tone.value}", replace(POSITIONS, banners=(banner,))
    yield "stacked", replace(POSITIONS, banners=BANNERS)
    yield (
        "ticket_problem",
        replace(
            POSITIONS,
            ticket=TicketView(
                TicketFields("3", OrderType.STOP_LIMIT, "5780.30", "5781"),
                "2",
                "limit price 5780.30 is not on the tick: MES 12-25 moves in steps of 0.25",
            ),
            reverse=_no_reverse("the ticket is not complete: see beneath"),
        ),
    )


def _crowded_states() -> Iterator[tuple[str, PanelView]]:
    accounts = (
        ACCOUNTS[0],
        *(Choice(f"Apex-{n:02d}", f"Apex-{n:02d}", "LIVE", f"trader {n}") for n in range(50)),
    )
    yield (
        "everything",
        replace(
            POSITIONS,
            mode=Mode.LIVE,
            accounts=accounts,
            account=None,
            instrument=None,
            side=None,
            preview=PreviewView(
                "In scope — 30 positions in 50 accounts, −$123,456.75 · read 12 s ago", many_rows(30)
            ),
            flatten=_everything(),
            reverse=_no_reverse("choose one account and one instrument"),
        ),
    )
    row = PositionRow(
        (LONG_NAME, "MES 12-25"),
        LONG_NAME,
        "MES 12-25",
        "Short 123",
        "21,345.25",
        "−123,456.75",
        -1,
        "no stop",
    )
    yield (
        "long_names",
        replace(
            POSITIONS,
            mode=Mode.PRACTICE,
            accounts=(*ACCOUNTS, Choice(LONG_NAME, LONG_NAME, "LIVE", "a long nickname too")),
            account=LONG_NAME,
            status=StatusView("NinjaTrader not connected", Tone.BAD, "budget ~17"),
            preview=PreviewView(
                "In scope — 12 positions, 24 working orders, −$123,456.75 · read 0.4 s ago",
                tuple(replace(row, key=(LONG_NAME, str(n))) for n in range(9)),
                leaves=f"leaves Long 2 MES 12-25 of {LONG_NAME} open — Any side?",
            ),
            flatten=replace(
                FLATTEN,
                scope=OneAccount(LONG_NAME, "MES 12-25", Side.SHORT),
                lines=(
                    f"{LONG_NAME} · MES 12-25 · Short",
                    "closes 12 positions, cancels 24 orders · leaves 1 order working",
                ),
            ),
            reverse=replace(
                REVERSE,
                ticket=replace(TICKET, account=LONG_NAME),
                lines=(f"{LONG_NAME}: Short 123 → BUY 123 MES 12-25 · Limit 21,345.25 · GTC · OCO exit-1",),
            ),
            banners=(
                _banner(
                    1,
                    Tone.BAD,
                    f"REVERSE MISMATCH · {LONG_NAME} · MES 12-25",
                    "x" * 120,
                    "expected Long 2, found flat",
                ),
            ),
            result=ResultView(
                "reported by the server",
                IDS,
                tuple(
                    ClosedRow(
                        LONG_NAME, "MES 12-25", "Short 123", "21,345.25", "21,340.00", "−123,456.75", -1
                    )
                    for _ in "123"
                ),
                "−370,370.25",
            ),
        ),
    )


def _open_tab(window: "MainWindow", number: int) -> None:
    from PySide6.QtWidgets import QTabWidget

    tabs = window.findChild(QTabWidget, "resultTabs")
    assert tabs is not None
    tabs.setCurrentIndex(number)


def show_journal(window: "MainWindow") -> None:
    """The page of the journal with many presses."""
    names = ("Apex-03", "Sim101 · MES 12-25", "All accounts", f"{LONG_NAME} · NQ 12-25")
    rows = tuple(
        replace(
            JOURNAL[n % 3],
            press_id=f"q{n}",
            what=f"FLATTEN {names[n % 4]}",
            time="11-20 14:31" if n > 9 else "14:31:07",
        )
        for n in range(40)
    )
    window.journal.show_choices(CHOICES)
    window.journal.show_page(JournalPage(rows, has_more=True))
    window.journal.show_count("40 of 100,000 presses")
    _open_tab(window, 1)


def show_timeline(window: "MainWindow") -> None:
    """The page of the journal with one press opened."""
    show_journal(window)
    window.journal.show_timeline(TIMELINE)


def show_settings(window: "MainWindow") -> None:
    """The page of the settings, in a window high enough for all of it."""
    window.resize(window.width(), 1420)
    window.settings.show_settings(SETTINGS)
    window.open_settings()


def show_wrong_settings(window: "MainWindow") -> None:
    """The same with what may be wrong."""
    from PySide6.QtTest import QTest
    from PySide6.QtWidgets import QLineEdit

    show_settings(window)
    window.settings.show_settings(OTHER_SERVER)
    window.settings.check = lambda _name, _value: "Not taken: it must lie between 0.3 and 5.0."
    field = window.findChild(QLineEdit, "setting_hold_wide_s")
    assert field is not None
    QTest.keyClicks(field, "1")


PAGES = {
    "page_journal": show_journal,
    "page_timeline": show_timeline,
    "page_settings": show_settings,
    "page_settings_wrong": show_wrong_settings,
}


def show(name: str, *, theme_choice: str, width: int) -> tuple["MainWindow", list["QWidget"]]:
    """A window in one of the states, and the windows that it opened."""
    from PySide6.QtCore import QCoreApplication

    from crosstrade_panel.ui.main_window import MainWindow
    from tests.ui.gallery_pages import SCENES

    scene = SCENES.get(name)
    window = MainWindow(theme_choice=theme_choice)
    window.resize(width, 756)
    window.show_panel(states_by_name().get(name if scene is None else scene.state, POSITIONS))
    window.show()
    for _ in range(6):
        QCoreApplication.sendPostedEvents()
    if name in PAGES:
        PAGES[name](window)
    opened = [] if scene is None else scene.act(window)
    for _ in range(6):
        QCoreApplication.sendPostedEvents()
    return window, opened


def shown(theme_choice: str, width: int = 333) -> "Iterator[tuple[str, list[QWidget]]]":
    """Every state in turn, and the windows in which it is to be seen."""
    from PySide6.QtCore import QCoreApplication

    from crosstrade_panel.ui.main_window import MainWindow
    from tests.ui.gallery_pages import SCENES, close

    window = MainWindow(theme_choice=theme_choice)
    window.resize(width, 1000)
    window.show()
    for name, view in states_by_name().items():
        window.show_panel(view)
        for _ in range(4):
            QCoreApplication.sendPostedEvents()
        yield name, [window]
    close(window, [])
    for name in (*PAGES, *SCENES):
        made, opened = show(name, theme_choice=theme_choice, width=width)
        yield name, [made, *(each for each in opened if each.isVisible())]
        close(made, opened)


@cache
def states_by_name() -> dict[str, PanelView]:
    """Every state by its name."""
    return dict(states())


def save_pictures(
    folder: Path,
    widths: Sequence[int] = (320, 420),
    themes: Sequence[str] = ("dark", "light"),
    only: str = "",
) -> None:
    """Paint every state into PNG files."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtWidgets import QApplication

    from tests.ui.gallery_pages import SCENES, close, picture

    app = QApplication.instance() or QApplication([])
    folder.mkdir(parents=True, exist_ok=True)
    for theme in themes:
        for width in widths:
            for name in (*states_by_name(), *PAGES, *SCENES):
                if only and only not in name:
                    continue
                window, opened = show(name, theme_choice=theme, width=width)
                picture(window, opened).save(str(folder / f"{name}-{theme}-{width}.png"))
                close(window, opened)
    del app


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Paint every state of the window.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", help="states whose name contains this")
    parser.add_argument("--widths", type=int, nargs="+", default=(320, 420))
    parser.add_argument("--themes", nargs="+", choices=("dark", "light"), default=("dark", "light"))
    given = parser.parse_args()
    save_pictures(given.folder, given.widths, given.themes, given.only)
