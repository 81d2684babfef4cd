"""Without a mouse: everything is reached, in an order, and it can be seen where one is."""

from crosstrade_panel.simulator.server import PracticeExchange
from tests.person.accessible import ENABLED, FOCUSABLE, GoneError, Node
from tests.person.conftest import Start
from tests.person.desktop import Desktop, until
from tests.person.panel import Panel
from tests.person.pixels import Picture
from tests.person.sent import sent, wait_for_reads

_MOST_STOPS = 80
_INSIDE = {"page tab", "list item", "cell"}
"""Reached by the arrows, from what they are parts of."""


def stops_of(panel: Panel, desktop: Desktop) -> list[Node]:
    """Tab until the first stop comes again; each stop must be seen."""
    found: list[Node] = []
    for _ in range(_MOST_STOPS):
        before = desktop.picture()
        node = panel.press_tab()
        if found and node.ref == found[0].ref:
            return found
        assert node.ref not in {each.ref for each in found}, [each.identifier for each in found]
        found.append(node)
        _wait_until_seen(desktop, node, before)
    raise AssertionError("no end of it")


def _wait_until_seen(desktop: Desktop, node: Node, before: Picture) -> None:
    place = node.rect
    until(
        lambda: desktop.pixels(place) != before.part(place),
        lambda: f"nobody sees that {node.identifier} has the focus",
    )


def reachable(panel: Panel) -> set[str]:
    """What a person can use at this moment."""
    found = set()
    for node in panel.outline(showing=True):
        try:
            if node.is_in(FOCUSABLE, ENABLED) and node.role not in _INSIDE:
                found.add(node.identifier)
        except GoneError:
            continue
    return found


def still(exchange: PracticeExchange) -> None:
    """Prices stand still, so that nothing in the window changes by itself but ages."""
    with exchange.book_now() as book:
        book.walking = False


def test_tab_reaches_everything_that_can_be_used_and_shows_where_it_is(
    exchange: PracticeExchange, start: Start, desktop: Desktop
) -> None:
    still(exchange)
    panel = start("--base-url", exchange.base_url, XTRADE_TOKEN=exchange.token)
    panel.is_ready("All accounts")
    panel.choose("Sim101", "MES 12-25")
    panel.shows("reverseButton", "BUY 2")
    panel.click("ticketToggle")
    panel.shows("ticketForm")
    panel.click("byHandButton")
    panel.shows("fallbackCard")
    wanted = reachable(panel)
    stops = [node.identifier for node in stops_of(panel, desktop)]
    panel.save_picture("tabbed")
    assert wanted - set(stops) == set()
    order = ["accountPicker", "instrumentPicker", "sideAny", "scopePreview", "flattenButton", "reverseButton"]
    first = stops.index(order[0])
    stops = stops[first:] + stops[:first]
    assert [each for each in stops if each in order] == order
    assert sent(exchange) == []


def test_the_other_pages_are_reached_by_tab_and_arrows(
    exchange: PracticeExchange, start: Start, desktop: Desktop
) -> None:
    still(exchange)
    panel = start("--base-url", exchange.base_url, XTRADE_TOKEN=exchange.token)
    panel.is_ready("All accounts")
    for page, part in (("Journal", "journalSearch"), ("Settings", "setting_theme")):
        stops = [node.identifier for node in stops_of(panel, desktop)]
        for _ in range(stops.index("resultTabBar")):  # from the first stop, where that ended
            panel.press_tab()
        panel.hands.key("Right")
        panel.shows(part)
        wanted = reachable(panel)
        assert part in wanted
        found = {node.identifier for node in stops_of(panel, desktop)}
        panel.save_picture(f"tabbed-{page.lower()}")
        assert wanted - found == set(), page


def test_a_press_takes_no_mouse(exchange: PracticeExchange, start: Start, desktop: Desktop) -> None:
    still(exchange)
    panel = start("--base-url", exchange.base_url, XTRADE_TOKEN=exchange.token)
    panel.is_ready("All accounts")
    hands = panel.hands
    hands.do("keydown", "ctrl", "keydown", "alt", "keydown", "f", "sleep", 0.3)
    hands.do("keyup", "f", "keyup", "alt", "keyup", "ctrl")
    wait_for_reads(exchange)
    assert sent(exchange) == [], "a hold was due"
    stops = [node.identifier for node in stops_of(panel, desktop)]
    for _ in range(stops.index("accountPicker")):  # from the first stop, where that ended
        panel.press_tab()
    hands.type("Sim101")
    hands.key("Return")
    panel.is_ready("Sim101")
    hands.key("Return", "space")
    hands.key("ctrl+alt+f")
    panel.tells("FLAT ", "Sim101")
    assert sent(exchange) == [("flatten", {"account": "Sim101"})]
    panel.save_picture("by-keys")
