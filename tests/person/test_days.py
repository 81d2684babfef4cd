"""A first day and bad ones: no token, a link that dies, a program that is killed, a press from elsewhere."""

from pathlib import Path

from crosstrade_panel import texts
from crosstrade_panel.simulator.alone import TOKEN_VARIABLE
from crosstrade_panel.simulator.server import PracticeExchange
from tests.person.accessible import SHOWING
from tests.person.conftest import Start
from tests.person.desktop import Desktop, until
from tests.person.file_keyring import BACKEND, VARIABLE, kept
from tests.person.panel import Program
from tests.person.sent import sent


def test_on_the_first_day_practice_is_one_click_away_and_says_so(start: Start) -> None:
    panel = start()
    panel.shows("tokenField")
    panel.save_picture("first-run")
    assert texts.NO_TOKEN in panel.name_of("flattenButton")
    panel.click("practiceButton")
    panel.shows("modeBadge", "PRACTICE")
    panel.is_ready("All accounts")
    until(lambda: not panel.find("firstRunCard").is_in(SHOWING), "the card stays")
    assert panel.close() == 0


def test_a_token_is_typed_refused_typed_again_kept_and_found_at_the_next_start(
    exchange: PracticeExchange, start: Start, tmp_path: Path
) -> None:
    keyring = tmp_path / "keyring.json"
    environment = {"PYTHON_KEYRING_BACKEND": BACKEND, VARIABLE: str(keyring)}
    panel = start("--base-url", exchange.base_url, **environment)
    panel.shows("tokenField")
    panel.click("tokenField")
    panel.hands.type("mistyped")
    panel.hands.key("Return")
    panel.shows("tokenProblem", texts.TOKEN_REFUSED)
    panel.save_picture("token-refused")
    assert kept(keyring) == {}
    panel.click("tokenField")
    panel.hands.do("key", "ctrl+a", "type", exchange.token)
    panel.click("saveTokenButton")
    panel.is_ready("All accounts")
    until(lambda: exchange.token in kept(keyring).values(), "the token is not kept")
    assert panel.close() == 0
    again = start("--base-url", exchange.base_url, **environment)
    again.is_ready("All accounts")
    assert not again.find("firstRunCard").is_in(SHOWING)
    assert sent(exchange) == []


def test_with_a_dead_link_flatten_looks_dead_says_so_fires_and_tells_what_is_left(
    start: Start, desktop: Desktop, home_of_its_own: Path
) -> None:
    token = "a-token-of-practice"
    with Program(desktop, home_of_its_own, "simulator", **{TOKEN_VARIABLE: token}) as simulator:
        until(lambda: "Practice exchange on" in simulator.output, lambda: simulator.output)
        base_url = simulator.output.partition("Practice exchange on ")[2].partition(" ")[0]
        panel = start("--base-url", base_url, XTRADE_TOKEN=token)
        panel.is_ready("All accounts")
        panel.choose("Sim101")
        panel.is_ready("Sim101")
        rect = panel.rect("flattenButton")
        alive = desktop.picture().share_of_red(rect)
        simulator.kill()
    panel.shows("flattenButton", "press to try anyway")
    panel.shows("linkStatus", "Offline")
    panel.save_picture("dead")
    dead = desktop.picture().share_of_red(rect)
    assert alive > 0.5, alive
    assert dead < 0.05, dead
    panel.click("flattenButton")
    panel.tells("NOT SENT", "Sim101")
    panel.click("byHandButton")
    panel.shows("fallbackCard")
    said = [node.name for node in panel.find("fallbackCard").walk(showing=True)]
    assert any("Control Center" in name and "Flatten Everything" in name for name in said), said
    panel.save_picture("by-hand")


def test_after_a_crash_the_open_press_is_unknown_and_the_journal_has_both(
    exchange: PracticeExchange, start: Start
) -> None:
    panel = start("--base-url", exchange.base_url, XTRADE_TOKEN=exchange.token)
    panel.is_ready("All accounts")
    panel.choose("Sim102")
    panel.click("flattenButton")
    panel.tells("FLAT ", "Sim102")
    exchange.drill = "slow-fills-30"
    panel.choose("Sim101")
    panel.is_ready("Sim101")
    panel.click("flattenButton")
    until(lambda: len(sent(exchange)) == 2, "the second press is not sent")
    panel.kill()
    again = start("--base-url", exchange.base_url, XTRADE_TOKEN=exchange.token)
    again.tells("UNKNOWN", "Sim101")
    again.hands.click(again.page("Journal").rect)
    again.save_picture("restarted")
    until(lambda: "FLATTEN Sim102" in again.cells("journalView"), lambda: str(again.cells("journalView")))
    cells = again.cells("journalView")
    assert cells.index("FLATTEN Sim101") < cells.index("FLATTEN Sim102"), "the newest first"
    assert "✓ FLAT" in cells
    assert len(sent(exchange)) == 2


def test_a_press_from_the_command_line_appears_in_the_window(
    exchange: PracticeExchange, start: Start, desktop: Desktop, home_of_its_own: Path
) -> None:
    panel = start("--base-url", exchange.base_url, XTRADE_TOKEN=exchange.token)
    panel.is_ready("All accounts")
    command = ["flatten", "--account", "Sim101", "--base-url", exchange.base_url]
    with Program(desktop, home_of_its_own, *command, XTRADE_TOKEN=exchange.token) as elsewhere:
        assert elsewhere.ends() == 0
        assert "FLAT" in elsewhere.output
    told = panel.tells("FLAT ", "Sim101")
    panel.save_picture("nudged")
    assert texts.ANOTHER_PROCESS in told
    panel.hearing.announces("FLAT ", "Sim101")
    assert sent(exchange) == [("flatten", {"account": "Sim101"})]
