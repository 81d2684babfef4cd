"""What a person presses, in a real window with a real pointer; what was sent is read from the exchange."""

from crosstrade_panel.simulator.server import PracticeExchange
from tests.person.conftest import Start
from tests.person.desktop import Desktop, until
from tests.person.sent import sent, wait_for_reads


def test_one_account_is_flattened_by_one_click(
    exchange: PracticeExchange, start: Start, desktop: Desktop
) -> None:
    panel = start("--base-url", exchange.base_url, XTRADE_TOKEN=exchange.token)
    panel.is_ready("All accounts")
    panel.choose("Sim101")
    panel.is_ready("Sim101")
    rect = panel.rect("flattenButton")
    panel.hands.point(rect)
    before = desktop.pixels(rect)
    with panel.hands.holding(rect):
        until(lambda: desktop.pixels(rect) != before, "it does not look pressed")
        assert sent(exchange) == []
    told = panel.tells("FLAT ", "Sim101", "proved")
    panel.save_picture("flat")
    assert "per NinjaTrader" in told
    assert sent(exchange) == [("flatten", {"account": "Sim101"})]
    with exchange.book_now() as book:
        assert {row.account for row in book.positions()} == {"Sim102", "APEX-04417-01"}


def test_all_accounts_take_a_whole_hold_and_one_let_go_early_sends_nothing(
    exchange: PracticeExchange, start: Start, desktop: Desktop
) -> None:
    panel = start("--base-url", exchange.base_url, XTRADE_TOKEN=exchange.token)
    panel.is_ready("All accounts")
    rect = panel.rect("flattenButton")
    panel.hands.hold(rect, 0.35)
    panel.hands.hold(rect, 0.35)
    wait_for_reads(exchange)
    assert sent(exchange) == []
    before = desktop.pixels(rect)
    with panel.hands.holding(rect):
        until(lambda: desktop.pixels(rect) != before, "the hold does not show")
        until(lambda: sent(exchange), "a whole hold sends nothing")
        panel.save_picture("held")
    panel.tells("FLAT ", "All accounts")
    assert sent(exchange) == [("flatten", {})]
    with exchange.book_now() as book:
        assert book.positions() == ()


def test_reverse_turns_the_position_that_its_button_names(exchange: PracticeExchange, start: Start) -> None:
    panel = start("--base-url", exchange.base_url, XTRADE_TOKEN=exchange.token)
    panel.is_ready("All accounts")
    panel.choose("Sim101", "MES 12-25")
    panel.shows("reverseButton", "Short 2", "BUY 2 MES 12-25")
    rect = panel.rect("reverseButton")
    with panel.hands.holding(rect):
        until(lambda: sent(exchange), "a whole hold sends nothing")
    told = panel.tells("REVERSED", "Long 2")
    panel.save_picture("reversed")
    assert "MES 12-25" in told
    [(_, body)] = sent(exchange)
    assert isinstance(body, dict)
    assert (body["instrument"], body["quantity"], body["action"].lower()) == ("MES 12-25", 2, "buy")
    with exchange.book_now() as book:
        held = {(row.account, row.contract.name): (row.side, row.quantity) for row in book.positions()}
    assert held["Sim101", "MES 12-25"] == ("Long", 2)


def test_an_order_that_survives_is_cancelled_from_its_outcome(
    exchange: PracticeExchange, start: Start
) -> None:
    exchange.drill = "surviving-order"
    panel = start("--base-url", exchange.base_url, XTRADE_TOKEN=exchange.token)
    panel.is_ready("All accounts")
    panel.choose("Sim101", "MES 12-25")
    panel.click("flattenButton")
    panel.tells("ORDERS WORKING")
    panel.save_picture("orders-working")
    panel.shows("bannerActionButton", "CANCEL 1 ORDER")

    def is_cancelled() -> bool:
        # One that has only just come to lie there takes no press: a person clicks again.
        panel.click("bannerActionButton")
        return len(sent(exchange)) > 1

    until(is_cancelled, "CANCEL sends nothing")
    panel.tells("CANCELLED")
    assert [path for path, _ in sent(exchange)] == ["flatten", "cancel"]
