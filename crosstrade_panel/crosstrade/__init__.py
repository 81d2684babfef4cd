"""The client of the CrossTrade API: how it is spoken to, and what may be believed of its answers."""

import sys
from types import ModuleType


def _main() -> None:
    """What httpx has in the place of its own command line, where that cannot be loaded."""


def _spare_the_command_line_of_httpx() -> None:
    """Have httpx not load its own command line, as far as it is installed: 15 ms of every start."""
    stand_in = ModuleType("httpx._main")
    stand_in.main = _main  # type: ignore[attr-defined]
    sys.modules.setdefault("httpx._main", stand_in)


_spare_the_command_line_of_httpx()
