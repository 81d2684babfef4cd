"""The result of a run as Markdown: rows are drills, columns are presses."""

import platform
from collections.abc import Sequence
from datetime import UTC, datetime

from crosstrade_panel import __version__
from crosstrade_panel.simulator.drill import GROUPS
from crosstrade_panel.simulator.drills import DRILLS
from tests.matrix.cell import ACTIONS, OVER, TITLES, Cell
from tests.matrix.run import Result

_EXIT_CODES = {
    "flat": 0,
    "nothing_open": 0,
    "reversed": 0,
    "cancelled": 0,
    "refused": 3,
    "not_sent": 4,
    "unknown": 5,
    "not_proved": 5,
    "cannot_tell": 5,
    "flat_orders_not_checked": 7,
    "reverse_working": 8,
}
"""By product.md, section 3; every other outcome is 6."""


def markdown(results: Sequence[Result], *, command: str, scale: float, took_s: float) -> str:
    """The whole table, with what it was made by."""
    by_cell = {result.cell: result for result in results}
    red = [result for result in results if result.faults]
    loud = "none broke a law or its promise" if not red else f"**{len(red)} broke a law or its promise**"
    lines = [
        "# The matrix",
        "",
        "Every drill of the practice exchange × every press × both ways, played over a real socket, and",
        "judged by the exchange's own log of bytes, state and times (`tests/matrix/judge.py`) and by what",
        "the product promises (`tests/matrix/promised.py`).",
        "",
        f"`{command}` · scale {scale:g} · {len(results)} cells in {took_s:.0f} s · {loud}",
        "",
        f"{datetime.now(UTC):%Y-%m-%d} · crosstrade-panel {__version__} · {_machine()}",
        "",
        "A cell: the outcomes as they were told, the exit code of the last one, and the seconds from the",
        "press to the first. `–`: the drill is brought about by another press only.",
    ]
    for group in GROUPS:
        columns = [f"{TITLES[action]}, {over}" for action in ACTIONS for over in OVER]
        lines += ["", f"## {group}", "", "| drill | " + " | ".join(columns) + " |"]
        lines.append("|---" * (len(columns) + 1) + "|")
        for drill in (each for each in DRILLS.values() if each.group == group):
            cells = [Cell(drill.name, action, over) for action in ACTIONS for over in OVER]
            told = [_told(by_cell.get(cell)) for cell in cells]
            lines.append(f"| {drill.name} | " + " | ".join(told) + " |")
    if red:
        lines += ["", "## Broken", "", *(f"- {result}" for result in red)]
    return "\n".join(lines) + "\n"


def _machine() -> str:
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{python} · {platform.system()} {platform.machine()}"


def _told(result: Result | None) -> str:
    if result is None:
        return "–"
    if result.played is None or not result.words:
        return "**not played**"
    words = " → ".join(word.upper().replace("_", " ") for word in result.words)
    told = f"{words} ({_EXIT_CODES.get(result.words[-1], 6)}) {result.told_s:.1f} s"
    return f"**{told}**" if result.faults else told
