"""A wire for each test, where the system has such things; elsewhere these tests do not exist."""

import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.links.distant import Figure
    from tests.links.wire import Line

# The rules are the same everywhere; only Linux has the means to prove them on a wire of one's own.
collect_ignore_glob = [] if sys.platform == "linux" else ["test_*.py"]


@pytest.fixture
def line() -> "Iterator[Line]":
    """Two hosts and a wire; the test runs on the near one. A namespace that cannot be made fails the test."""
    from tests.links.wire import Line

    with Line() as made:
        yield made


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> "Figure":
    """Notes a measured time in the test's record, and prints it (`pytest -s`)."""

    def note(name: str, seconds: float) -> None:
        record_property(name, round(seconds * 1000, 1))
        print(f"\n  {name}: {seconds * 1000:.1f} ms", end="")

    return note
