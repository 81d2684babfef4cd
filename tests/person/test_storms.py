"""Hands that shake, slip and lean on the mouse: one press at most, and none that was not meant."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from crosstrade_panel.simulator.server import PracticeExchange
from tests.person.conftest import Start
from tests.person.desktop import PATIENCE_S, Desktop, until
from tests.person.hands import LEFT, MIDDLE, RIGHT
from tests.person.panel import ROOT
from tests.person.sent import sent, wait_for_reads

_OTHER = "Another window"
_OTHER_PROGRAM = f"""
from PySide6.QtWidgets import QApplication, QWidget
app = QApplication(["other"])
window = QWidget()
window.setWindowTitle({_OTHER!r})
window.setGeometry(20, 20, 80, 60)
window.show()
app.exec()
"""


@pytest.fixture
def other_window(desktop: Desktop) -> Iterator[str]:
    """A window of another program, as X numbers it."""
    with subprocess.Popen([sys.executable, "-c", _OTHER_PROGRAM], cwd=ROOT, env=desktop.environ) as process:
        found: list[str] = []

        def is_there() -> bool:
            done = subprocess.run(
                ["xdotool", "search", "--onlyvisible", "--name", f"^{_OTHER}$"],  # noqa: S607
                env=desktop.environ,
                capture_output=True,
                text=True,
                check=False,
            )
            found[:] = done.stdout.split()
            return bool(found)

        until(is_there)
        try:
            yield found[0]
        finally:
            process.kill()
            process.wait(PATIENCE_S)


def test_a_hundred_clicks_at_fifty_a_second_are_one_press(exchange: PracticeExchange, start: Start) -> None:
    exchange.drill = "slow-fills-30"  # not proved meanwhile: a storm has no second turn
    panel = start("--base-url", exchange.base_url, XTRADE_TOKEN=exchange.token)
    panel.is_ready("All accounts")
    panel.choose("Sim101")
    rect = panel.rect("flattenButton")
    panel.hands.storm(rect, 100)
    panel.save_picture("storm")
    wait_for_reads(exchange, 2)
    assert sent(exchange) == [("flatten", {"account": "Sim101"})]
    panel.shows("flattenButton", "FLATTEN AGAIN")
    panel.hands.storm(rect, 20)
    wait_for_reads(exchange)
    assert len(sent(exchange)) == 1
    assert len(panel.banners()) == 1


def test_a_double_or_a_triple_click_is_one_press(exchange: PracticeExchange, start: Start) -> None:
    panel = start("--base-url", exchange.base_url, XTRADE_TOKEN=exchange.token)
    panel.is_ready("All accounts")
    for clicks, account in ((2, "Sim101"), (3, "Sim102")):
        panel.choose(account)
        panel.is_ready(account)
        panel.hands.storm(panel.rect("flattenButton"), clicks, every_ms=60)
        panel.tells("FLAT ", account)
    assert sent(exchange) == [("flatten", {"account": "Sim101"}), ("flatten", {"account": "Sim102"})]


def test_what_is_no_click_presses_nothing(exchange: PracticeExchange, start: Start) -> None:
    panel = start("--base-url", exchange.base_url, XTRADE_TOKEN=exchange.token)
    panel.is_ready("All accounts")
    panel.choose("Sim101")
    hands, rect, beside = panel.hands, panel.rect("flattenButton"), panel.rect("scopePreview")
    hands.click(rect, RIGHT)
    hands.click(rect, MIDDLE)
    hands.storm(rect, 10, button=RIGHT)
    # Slid off, slid off and back, and slid in.
    x, y = rect.centre
    off_x, off_y = rect.x + rect.width // 2, rect.y + rect.height + 6
    hands.do("mousemove", x, y, "mousedown", LEFT, "mousemove", off_x, off_y, "mouseup", LEFT)
    hands.do("mousemove", x, y, "mousedown", LEFT, "mousemove", off_x, off_y, "sleep", 0.3)
    hands.do("mousemove", x, y, "mouseup", LEFT)
    hands.do("mousemove", *beside.centre, "mousedown", LEFT, "mousemove", x, y, "mouseup", LEFT)
    # A second button while the first is down.
    hands.do("mousemove", x, y, "mousedown", LEFT, "mousedown", RIGHT, "mouseup", RIGHT, "mouseup", LEFT)
    # The wheel, and keys where it has the focus.
    hands.do("mousemove", x, y, "click", 4, "click", 5)
    hands.key("space", "Return", "KP_Enter")
    wait_for_reads(exchange)
    assert sent(exchange) == []
    panel.is_ready("Sim101")
    panel.click("flattenButton")
    panel.tells("FLAT ", "Sim101")
    assert len(sent(exchange)) == 1


def test_a_hold_ends_with_the_focus_the_loop_or_the_button(
    exchange: PracticeExchange, start: Start, other_window: str, desktop: Desktop
) -> None:
    panel = start("--base-url", exchange.base_url, XTRADE_TOKEN=exchange.token)
    panel.is_ready("All accounts")
    hands, rect = panel.hands, panel.rect("flattenButton")
    hands.storm(rect, 40)  # clicks, where a hold is due
    hands.hold(rect, 0.3, "windowfocus", other_window, "sleep", 1)
    wait_for_reads(exchange)
    assert sent(exchange) == [], "the focus was stolen"
    x, y = rect.centre
    # Long enough there for the window to see it: of two moves in its queue, Qt takes the later one.
    hands.hold(rect, 0.2, "mousemove", x, rect.y - 40, "sleep", 0.3, "mousemove", x, y, "sleep", 1)
    wait_for_reads(exchange)
    assert sent(exchange) == [], "it was left, and came back"
    hands.point(rect)
    before = desktop.pixels(rect)
    with hands.holding(rect):
        until(lambda: desktop.pixels(rect) != before, "the hold does not show")
        os.kill(panel.pid, signal.SIGSTOP)
        reads = len(exchange.calls)
        hands.do("sleep", 1, "mouseup", LEFT)
        os.kill(panel.pid, signal.SIGCONT)
        until(lambda: len(exchange.calls) > reads + 1)
    assert sent(exchange) == [], "the finger was up when the loop went on"
    with hands.holding(rect):
        until(lambda: sent(exchange), "a whole hold sends nothing")
    assert sent(exchange) == [("flatten", {})]
