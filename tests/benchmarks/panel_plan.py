"""What a process with the whole program is to measure."""

import json
from dataclasses import asdict, dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Plan:
    """`rows`: "ours" and rods, once a round each; of `rounds`, those to warm up before them do not count.

    `stress`: what ours is clicked under, each once a round. `hurry`: what the waiting times after a press are
    multiplied by; `cadence`: the time from read to read. `idling_s`: how long nothing is done before a click;
    after `server_idle_s` the server closes a link. `is_first`: the first click of the process, and some more
    to compare it with. `watches_flat`: from the answer to FLAT on the screen, instead.
    """

    rows: tuple[str, ...] = ("ours",)
    rounds: int = 20
    warm_up: int = 3
    round_trip_s: float = 0.0
    uses_stream: bool = False
    accounts: int = 12
    positions: int = 12
    journalled: int = 0
    server_idle_s: float | None = None
    idling_s: float = 0.0
    hurry: float = 0.1
    cadence: float = 1.0
    stress: tuple[str, ...] = ("",)
    is_first: bool = False
    watches_flat: bool = False

    def as_json(self) -> str:
        """For an argument."""
        return json.dumps(asdict(self))

    @classmethod
    def of(cls, text: str) -> Self:
        """From an argument."""
        given: dict[str, Any] = json.loads(text)
        lists: dict[str, Any] = {name: tuple(each) for name, each in given.items() if isinstance(each, list)}
        return cls(**{**given, **lists})
