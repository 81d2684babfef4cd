"""The cells of the matrix: every drill × what is pressed × the way it goes out. Plain words only."""

from dataclasses import dataclass
from typing import Literal

from crosstrade_panel.simulator.drills import DRILLS

Action = Literal["narrow", "wide", "reverse", "cancel"]
Over = Literal["REST", "stream"]
ACTIONS: tuple[Action, ...] = ("narrow", "wide", "reverse", "cancel")
OVER: tuple[Over, ...] = ("REST", "stream")
TITLES: dict[Action, str] = {
    "narrow": "flatten one pair",
    "wide": "flatten everything",
    "reverse": "reverse",
    "cancel": "cancel an order",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One drill, one press."""

    drill: str
    action: Action
    over: Over

    def __str__(self) -> str:
        return f"{self.drill} · {self.action} · {self.over}"

    @property
    def why_not(self) -> str:
        """Why it is not played; empty where it is."""
        kind = "flatten" if self.action in {"narrow", "wide"} else self.action
        presses = DRILLS[self.drill].presses
        if presses and kind not in presses:
            return f"the drill is brought about by {' or '.join(presses)} only"
        return ""


def cells_of(*drills: str) -> list[Cell]:
    """Every cell of these drills that is played; of all drills where none is named."""
    cells = [Cell(drill, action, over) for drill in drills or DRILLS for action in ACTIONS for over in OVER]
    return [cell for cell in cells if not cell.why_not]
