"""What a screen reader is told of the window, and what its own press does."""

import time

from crosstrade_panel.simulator.server import PracticeExchange
from tests.person.accessible import ASSERTIVE, ENABLED, FOCUSABLE, Node
from tests.person.conftest import Start
from tests.person.desktop import until
from tests.person.panel import Panel
from tests.person.sent import sent

_INTERACTIVE = {
    "push button": "Press",
    "toggle button": "Toggle",
    "check box": "Toggle",
    "combo box": "ShowMenu",
    "text": "SetFocus",
    "password text": "SetFocus",
    "page tab list": "SetFocus",
    "page tab": "Press",
    "table": "SetFocus",
}
"""Roles of what a person uses, with the action that a screen reader finds on it."""
_ARMED_S = 3.0
_CAPTIONS = {
    "journalAccount": "Account of the press",
    "journalOutcome": "Outcome of the press",
    "journalDay": "Day of the press",
    "setting_theme": "Theme",
}


def is_named(node: Node) -> bool:
    """Whether somebody who hears it knows what it is for; a combo box's name is its value."""
    if node.role == "combo box":
        return bool(node.description.strip()) or any(node.labels)
    return bool(node.name.strip())


def press(panel: Panel, name: str) -> None:
    panel.find(name).act("Press")


def test_everything_that_can_be_used_has_a_name_a_role_and_an_action(
    exchange: PracticeExchange, start: Start
) -> None:
    panel = start("--base-url", exchange.base_url, XTRADE_TOKEN=exchange.token)
    panel.is_ready("All accounts")
    for page in ("journalSearch", "nicknameField"):  # made a moment after the first paint
        until(lambda page=page: page in {node.identifier for node in panel.outline()}, page)  # type: ignore[misc]
    nameless: list[object] = []
    useless: list[object] = []
    found: set[str] = set()
    parts = panel.outline()
    parts += [each for node in parts if node.role == "combo box" for each in node.children()[1:]]
    for node in parts:
        if node.role not in _INTERACTIVE:
            if node.is_in(FOCUSABLE):
                useless.append(
                    (node.role, node.identifier, "can be focused, and is nothing that can be used")
                )
            continue
        found.add(node.identifier)
        if not is_named(node):
            nameless.append((node.role, node.identifier, node.name))
        if node.is_in(ENABLED) and _INTERACTIVE[node.role] not in node.actions():
            useless.append((node.role, node.identifier, node.actions()))
    assert nameless == []
    assert useless == []
    assert found >= {
        "accountPicker", "instrumentPicker", "sideAny", "sideLong", "sideShort", "scopePreview",
        "flattenButton", "reverseButton", "ticketToggle", "byHandButton", "pinButton",
        "menuButton", "journalSearch",
    }  # fmt: skip
    said = {name: panel.find(name).description for name in _CAPTIONS}
    assert said == _CAPTIONS
    assert panel.find("accountPicker").labels == ["Account"]
    assert panel.find("instrumentPicker").labels == ["Instrument"]
    assert panel.name_of("modeBadge") == "Mode: LIVE", "one of the accounts is"
    assert panel.window.name == "CrossTrade Panel"


def test_a_press_of_a_screen_reader_arms_for_three_seconds_and_a_second_one_fires(
    exchange: PracticeExchange, start: Start
) -> None:
    panel = start("--base-url", exchange.base_url, XTRADE_TOKEN=exchange.token)
    panel.is_ready("All accounts")
    panel.choose("Sim101")
    panel.is_ready("Sim101")
    press(panel, "flattenButton")
    said = panel.hearing.announces("armed", "Sim101", "within 3 s")
    armed_at = time.monotonic()
    assert said.politeness == ASSERTIVE
    panel.save_picture("armed")
    until(lambda: time.monotonic() - armed_at > _ARMED_S)  # it is about the clock
    panel.hearing.said.clear()
    press(panel, "flattenButton")
    panel.hearing.announces("armed", "Sim101")
    assert sent(exchange) == [], "the first one had expired"
    press(panel, "flattenButton")
    until(lambda: sent(exchange), "the second one sends nothing")
    panel.tells("FLAT ", "Sim101")
    assert sent(exchange) == [("flatten", {"account": "Sim101"})]
    panel.hearing.announces("FLAT ", "Sim101")


def test_good_news_is_announced_politely_and_bad_news_at_once(
    exchange: PracticeExchange, start: Start
) -> None:
    panel = start("--base-url", exchange.base_url, XTRADE_TOKEN=exchange.token)
    panel.is_ready("All accounts")
    panel.choose("Sim102")
    panel.click("flattenButton")
    assert panel.hearing.announces("FLAT ", "Sim102").politeness < ASSERTIVE
    exchange.drill = "success-false"
    panel.choose("Sim101")
    panel.click("flattenButton")
    assert panel.hearing.announces("REFUSED", "Sim101").politeness == ASSERTIVE
    panel.tells("REFUSED", "Sim101")
    card = panel.find("outcomeBanner").children()[0]
    names = [node.name for node in card.walk(showing=True) if node.role == "push button"]
    assert all("REFUSED" in name for name in names if name.startswith("ACKNOWLEDGE")), names
    assert panel.find("flattenButton").is_in(ENABLED)
