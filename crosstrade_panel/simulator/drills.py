"""The catalogue of drills: everything that the exchange can be told to get wrong, by name.

Their texts stand beside them and not with the program's others: the exchange imports nothing of it.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from crosstrade_panel.simulator.drills_account import ACCOUNT
from crosstrade_panel.simulator.drills_answers import ANSWERS
from crosstrade_panel.simulator.drills_book import MARKET
from crosstrade_panel.simulator.drills_cancels import CANCELS
from crosstrade_panel.simulator.drills_links import CONNECTION
from crosstrade_panel.simulator.drills_reads import READS
from crosstrade_panel.simulator.drills_stream import STREAM

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crosstrade_panel.simulator.drill import Drill

DRILLS: Mapping[str, Drill] = {
    drill.name: drill for drill in (*ANSWERS, *CONNECTION, *MARKET, *CANCELS, *READS, *ACCOUNT, *STREAM)
}


def like(name: str) -> list[str]:
    """Names of drills that were probably meant."""
    return difflib.get_close_matches(name.casefold(), DRILLS, n=4, cutoff=0.5)


def table() -> tuple[str, ...]:
    """Every drill in a line, in the order of a menu."""
    width = max(map(len, DRILLS))
    return tuple(f"{drill.name:<{width}} – {drill.description}" for drill in DRILLS.values())
