"""A process that presses, and halts at one step of its press until its parent kills it. Not a test.

`stopping.py window|command flatten|reverse|cancel STEP BASE_URL`. It says `pressed` when the press has begun
and `halted` when it stands still at its step; the steps at which the exchange holds it have no halt.
"""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial, wraps
from typing import Any

from crosstrade_panel import wakefulness
from crosstrade_panel.storage.journal_file import JournalFile, Row
from crosstrade_panel.trading.desk import Desk
from crosstrade_panel.trading.pace import Pace
from crosstrade_panel.trading.ports import EntryKind
from crosstrade_panel.trading.press import Press
from crosstrade_panel.trading.record import Record

ACCOUNT, INSTRUMENT = "Sim101", "MES 12-25"
PACE = 0.25
HALTS = {
    "before the intent": (Record, "intent", "before"),
    "after the intent": (Desk, "begin_sending", "before"),
    "before the first byte": (Desk, "begin_sending", "after"),
    "after the answer": (Desk, "verify", "before"),
    "between the two reads": (Record, "read", "after"),
    "after the proof": (Record, "outcome", "before"),
    "after the outcome": (Record, "outcome", "after"),
}


def say(word: str) -> None:
    print(word, flush=True)


def halt() -> None:
    """Stand still: this thread does nothing more until the process is killed; the journal's goes on."""
    say("halted")
    while True:
        time.sleep(60)


def halt_at(step: str, action: str) -> None:
    """Make the program halt where a press of that kind comes to that step."""
    if step == "while the intent is written":
        hold_the_intent()
    elif step in HALTS:
        owner, name, side = HALTS[step]
        original: Callable[..., Any] = getattr(owner, name)

        @wraps(original)
        def halting(itself: object, press: Press, *rest: object, **options: object) -> object:
            meant = kind_of(press) == action
            if meant and side == "before":
                halt()
            done = original(itself, press, *rest, **options)
            if meant and side == "after":
                halt()
            return done

        setattr(owner, name, halting)


def hold_the_intent() -> None:
    """The disk takes no intent: the press goes out "journal late", and has no row when the process dies."""
    original = JournalFile.append

    def append(self: JournalFile, rows: Iterable[Row]) -> None:
        rows = tuple(rows)
        if any(row.kind is EntryKind.INTENT for row in rows):
            assert threading.current_thread() is not threading.main_thread()
            halt()
        original(self, rows)

    JournalFile.append = append  # type: ignore[method-assign]


def notice_short_sleeps() -> None:
    """A second is a sleep: no deadline of a read is over after it, as none is when the machine slept."""
    original = wakefulness.Wakefulness.__init__

    def begin(self: wakefulness.Wakefulness, *arguments: Any) -> None:
        original(self, *arguments, beat_s=0.2, slept_s=0.6)

    wakefulness.Wakefulness.__init__ = begin  # type: ignore[method-assign, assignment]


def kind_of(press: Press) -> str:
    if press.cancel is not None:
        return "cancel"
    return "reverse" if press.is_reverse else "flatten"


def hurried() -> Pace:
    """A quarter of every waiting time, but for the one that a press gives the disk."""
    return replace(Pace().scaled(PACE), journal_wait_s=Pace().journal_wait_s)


def command(action: str, base_url: str, *, is_drowsy: bool) -> int:
    from crosstrade_panel import cli

    os.environ["CROSSTRADE_PANEL_PACE"] = "1" if is_drowsy else str(PACE)
    side = ["--side", "short"] if action == "reverse" else []
    pair = ["--account", ACCOUNT, "--instrument", INSTRUMENT]
    return cli.run([action, *pair, *side, "--base-url", base_url, "--json"])


def window(action: str, base_url: str, *, is_drowsy: bool) -> int:
    from PySide6.QtCore import QTimer

    from crosstrade_panel import app
    from tests.e2e.trader import Trader

    if not is_drowsy:
        setattr(app, "Pace", hurried)  # noqa: B010 - the type checker takes it for a constant
    original = app.Program.show

    def show(self: app.Program) -> None:
        original(self)
        timer = QTimer(self._window)
        timer.timeout.connect(partial(Trader.act, Trader(self, action)))  # a bound method would not be kept
        timer.start(10)

    app.Program.show = show  # type: ignore[method-assign]
    return app.run_window(practice=False, base_url=base_url)


if __name__ == "__main__":
    program_, action_, step_, base_url_ = sys.argv[1:]
    halt_at(step_, action_)
    if step_ == "drowsy":
        notice_short_sleeps()
    run_it = window if program_ == "window" else command
    sys.exit(run_it(action_, base_url_, is_drowsy=step_ in {"drowsy", "at its own pace"}))
