"""What reached an exchange, as it noted it itself."""

import json

from crosstrade_panel.simulator.server import PracticeExchange
from tests.person.desktop import until


def sent(exchange: PracticeExchange) -> list[tuple[str, object]]:
    """Everything that asked for an act: the end of its path, and what it said."""
    return [
        (call.path.rpartition("/")[2], json.loads(call.body or b"{}"))
        for call in list(exchange.calls)
        if call.method != "GET"
    ]


def wait_for_reads(exchange: PracticeExchange, count: int = 1) -> None:
    """Until the program has read again: what it did before that has arrived, too."""
    before = len(exchange.calls.of("GET"))
    until(lambda: len(exchange.calls.of("GET")) >= before + count, "it reads no more")
