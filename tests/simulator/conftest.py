"""A started exchange with room in its budget, and a client that holds its token."""

from collections.abc import Iterator

import httpx
import pytest

from crosstrade_panel.simulator.book import Book
from crosstrade_panel.simulator.bucket import TokenBucket
from crosstrade_panel.simulator.ledger import DEFAULT_ACCOUNTS, PracticeAccount
from crosstrade_panel.simulator.server import PracticeExchange

ODD_NAME = "APEX 1/2#3!"


@pytest.fixture
def exchange() -> Iterator[PracticeExchange]:
    """The opening state and an account with an awkward name; prices stand still."""
    accounts = [*DEFAULT_ACCOUNTS, PracticeAccount(ODD_NAME, provider="Rithmic")]
    book = Book(accounts=accounts, walking=False)
    with PracticeExchange(book=book, budget=TokenBucket(capacity=1000)) as started:
        yield started


@pytest.fixture
def client(exchange: PracticeExchange) -> Iterator[httpx.Client]:
    """Connected to the exchange, with its token."""
    headers = {"Authorization": f"Bearer {exchange.token}"}
    with httpx.Client(base_url=exchange.base_url, headers=headers, trust_env=False) as connected:
        yield connected
