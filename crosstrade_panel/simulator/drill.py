"""What a drill is: one thing that goes wrong, and the words that a menu has for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from crosstrade_panel.simulator.faults import Faults
    from crosstrade_panel.simulator.presses import PressKind

    # The exchange's monotonic clock, and what every time of the drill is multiplied by.
    Make = Callable[[Callable[[], float], float], Faults]

Group = Literal["answers", "connection", "market", "reads", "account", "stream"]
GROUPS: tuple[Group, ...] = ("answers", "connection", "market", "reads", "account", "stream")
"""In the order of a menu."""

SPELL_S = 20.0
"""How long most states last that begin with a press."""

ONCE = "the first press after it is armed"
FROM_PRESS = "from the first flatten or reverse on, until disarmed"
FOR_A_WHILE = f"from the first flatten or reverse on, for {SPELL_S:g} s"
ALWAYS = "from the moment it is armed, until disarmed"
ANY: tuple[PressKind, ...] = ("flatten", "reverse", "cancel")
CLOSING: tuple[PressKind, ...] = ("flatten", "reverse")

AS_DATA = "the same body inside the answer's frame"
NO_JSON = "a frame that is no JSON"


@dataclass(frozen=True, slots=True)
class Drill:
    """One thing that goes wrong.

    `title` is for a menu, `description` one sentence for a trader; `applies` says when it happens and for how
    long, `over_stream` what it is where the press or the read goes over the stream, `needs` what has to be
    there or what arming adds, empty where any press will do; `presses` are the kinds that bring it about,
    none where it needs no press. `make(clock, scale)` gives faults to be used once.
    """

    name: str
    group: Group
    title: str
    description: str
    make: Make
    applies: str = ONCE
    over_stream: str = "the same"
    needs: str = ""
    presses: tuple[PressKind, ...] = ANY

    @property
    def line(self) -> str:
        """`name – what goes wrong`."""
        return f"{self.name} – {self.description}"
