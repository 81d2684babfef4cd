"""The practice exchange as a program of its own."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import threading
from typing import TYPE_CHECKING

from crosstrade_panel.simulator.drills import DRILLS
from crosstrade_panel.simulator.listener import PracticeError
from crosstrade_panel.simulator.server import PracticeExchange

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    _SignalHandler = Callable[[int, FrameType | None], object] | int | signal.Handlers | None

TOKEN_VARIABLE = "CROSSTRADE_PRACTICE_TOKEN"  # noqa: S105  # the name of a variable


def serve_alone(*, port: int, seed: int, out: Callable[[str], None], drill: str | None = None) -> int:
    """Run one exchange until Ctrl-C or SIGTERM, saying how a client reaches it. The exit code.

    `drill` is armed before the first request can come; ValueError for a name that no drill has.
    """
    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    if not (token.isascii() and token.replace(" ", "?").isprintable()):
        out(f"{TOKEN_VARIABLE} may hold printable ASCII characters only.")
        return 1
    exchange = PracticeExchange(seed=seed, port=port, token=token or None)
    exchange.drill = drill
    try:
        exchange.start()
    except PracticeError as error:
        out(f"{error}.")
        return 1
    over = threading.Event()
    before = _on_signals(lambda _number, _frame: over.set())
    try:
        for line in _directions(exchange):
            out(line)
        # Short waits: on Windows a signal is seen only between them.
        while not over.wait(0.25):
            pass
    except KeyboardInterrupt:
        pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        exchange.stop()
    out("Practice exchange closed.")
    return 0


def _on_signals(handler: Callable[[int, FrameType | None], None]) -> dict[signal.Signals, _SignalHandler]:
    """Install a handler for both ways of being asked to end. What was there before; nothing elsewhere."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    return {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}


def _directions(exchange: PracticeExchange) -> tuple[str, ...]:
    url, token = exchange.base_url, exchange.token
    # The panel looks at XTRADE_TOKEN first: where that is set, it would overrule the other one.
    variable = "XTRADE_TOKEN" if "XTRADE_TOKEN" in os.environ else "CROSSTRADE_TOKEN"
    panel = f"crosstrade-panel status --base-url {url}"
    lines = (
        f"Practice exchange on {url} - Ctrl-C ends it. Clients pass its token like this:",
        f"curl -H {shlex.quote(f'Authorization: Bearer {token}')} {url}/v1/api/positions",
        f"$env:{variable}='{token}'; {panel}"
        if sys.platform == "win32"
        else f"{variable}={shlex.quote(token)} {panel}",
    )
    return lines if exchange.drill is None else (*lines, f"Drill armed: {DRILLS[exchange.drill].line}")
