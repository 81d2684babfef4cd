"""A desktop for a whole run: what takes a second to start is started once for each worker."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from crosstrade_panel.simulator.server import PracticeExchange

if sys.platform != "linux":
    collect_ignore_glob = ["test_*.py"]
else:
    from tests.person.desktop import Desktop, missing
    from tests.person.panel import Panel

    @pytest.fixture(scope="session")
    def desktop() -> Iterator[Desktop]:
        """An X server, a window manager, and the bus of screen readers."""
        lacking = missing()
        if lacking:
            said = f"a real window is not tried here: {', '.join(lacking)} missing"
            if os.environ.get("CI"):
                pytest.fail(said)
            pytest.skip(said)
        with Desktop() as made:
            yield made

    Start = Callable[..., Panel]

    @pytest.fixture
    def start(desktop: Desktop, home_of_its_own: Path) -> Iterator[Start]:
        """Start the program; all of them have the same files, and end with the test."""
        desktop.mend()
        with ExitStack() as stack:

            def run(*arguments: str, **environment: str) -> Panel:
                panel = Panel(desktop, home_of_its_own, *arguments, **environment)
                return stack.enter_context(panel)

            yield run


@pytest.fixture
def exchange() -> Iterator[PracticeExchange]:
    """Reached over a real socket by a program that takes it for the vendor's; its log is read here."""
    with PracticeExchange() as made:
        yield made
