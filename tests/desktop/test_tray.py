"""The icon in the tray tells by shapes, and offers nothing that acts."""

from datetime import UTC, datetime
from itertools import combinations
from typing import cast

import pytest
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication

from crosstrade_panel import texts
from crosstrade_panel.desktop.tray import SIZES, Tray, TrayState, TrayWords, draw_icon
from crosstrade_panel.domain.outcome import Outcome, Verdict
from crosstrade_panel.domain.scope import OneAccount
from crosstrade_panel.manners import tray_state
from crosstrade_panel.trading.press import Press
from crosstrade_panel.trading.watch import Watch
from crosstrade_panel.ui import theme
from tests.fakes import position

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
WORDS = TrayWords(texts.SHOW_PANEL, texts.QUIT, {state: texts.TRAY_TIPS[state.value] for state in TrayState})


@pytest.fixture
def tray(qapp: QApplication) -> Tray:
    return Tray(theme.icon_path("crosstrade-panel.svg"), WORDS)


def outline(icon: QIcon, size: int, background: int) -> set[tuple[int, int]]:
    """Where a pixel is bright: what is left of an icon without its colours."""
    image = icon.pixmap(size, size).toImage()
    found = set()
    for x in range(image.width()):
        for y in range(image.height()):
            colour = image.pixelColor(x, y)
            shade = colour.lightness() * colour.alpha() // 255 + background * (255 - colour.alpha()) // 255
            if shade > 128:
                found.add((x, y))
    return found


@pytest.mark.parametrize("size", [16, 24, 48])
@pytest.mark.parametrize("background", [0, 255])
def test_each_state_has_a_shape_of_its_own_without_any_colour(
    qapp: QApplication, size: int, background: int
) -> None:
    plain = QIcon(str(theme.icon_path("crosstrade-panel.svg")))
    shapes = {state: outline(draw_icon(plain, state), size, background) for state in TrayState}
    for one, other in combinations(TrayState, 2):
        differing = len(shapes[one] ^ shapes[other])
        assert differing >= size * size // 40, (one, other, differing)


def test_the_icon_is_there_in_every_size_a_tray_asks_for(qapp: QApplication) -> None:
    icon = draw_icon(QIcon(str(theme.icon_path("crosstrade-panel.svg"))), TrayState.LOUD)
    assert {size.width() for size in icon.availableSizes()} == set(SIZES)


def test_the_menu_shows_and_quits_and_has_nothing_that_acts(tray: Tray) -> None:
    heard: list[str] = []
    tray.show_requested.connect(lambda: heard.append("show"))
    tray.quit_requested.connect(lambda: heard.append("quit"))
    actions = [action for action in tray.menu.actions() if not action.isSeparator()]
    assert [action.text() for action in actions] == [texts.SHOW_PANEL, texts.QUIT]
    for action in actions:
        action.trigger()
    assert heard == ["show", "quit"]


def test_without_a_tray_nothing_breaks(tray: Tray) -> None:
    tray.show()
    for state in TrayState:
        tray.show_state(state)
        assert tray.state is state
    tray.tell("STILL OPEN", texts.TRAY_LOUD)
    tray.hide()


def test_every_state_has_words_of_its_own() -> None:
    assert len(set(WORDS.tips.values())) == len(TrayState)


def press(verdict: Verdict | None, *, acknowledged: bool = False) -> Press:
    outcome = None if verdict is None else Outcome(verdict, NOON)
    return Press("p", OneAccount("Sim101"), 1.0, NOON, outcome=outcome, acknowledged=acknowledged)


class Read:
    def __init__(self, *rows: object) -> None:
        self.positions = rows


class Watched:
    """A watch, as far as the tray asks it."""

    def __init__(self, latest: Read | None) -> None:
        self.latest = latest


@pytest.mark.parametrize(
    ("presses", "latest", "state"),
    [
        ([], None, TrayState.IDLE),
        ([], Read(), TrayState.IDLE),
        ([], Read(position()), TrayState.OPEN),
        ([press(None)], Read(position()), TrayState.IN_FLIGHT),
        ([press(Verdict.FLAT)], Read(), TrayState.IDLE),
        ([press(Verdict.STILL_OPEN)], Read(position()), TrayState.LOUD),
        ([press(Verdict.UNKNOWN), press(None)], None, TrayState.LOUD),
        ([press(None), press(Verdict.UNKNOWN)], None, TrayState.LOUD),
        ([press(Verdict.UNKNOWN, acknowledged=True)], Read(position()), TrayState.OPEN),
        ([press(Verdict.REFUSED)], Read(), TrayState.IDLE),
    ],
)
def test_the_most_urgent_is_told(presses: list[Press], latest: Read | None, state: TrayState) -> None:
    assert tray_state(presses, cast("Watch", Watched(latest))) is state


def test_before_there_is_a_server_nothing_is_claimed() -> None:
    assert tray_state([], None) is TrayState.IDLE
