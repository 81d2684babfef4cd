"""Every waiting time of the program in one place, so that all of them scale by one factor."""

from dataclasses import fields, replace
from typing import Any

from crosstrade_panel.domain.value import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds; the sources of the numbers are sections 2, 3 and 5 of the product's specification."""

    # one press
    journal_wait_s: float = 0.020
    press_deadline_s: float = 15.0
    connect_s: float = 3.0
    # reads
    read_least_deadline_s: float = 3.0
    read_most_deadline_s: float = 20.0
    link_busy_s: float = 0.3
    silence_s: float = 1.0
    background_open_s: float = 1.2
    background_flat_s: float = 1.5
    background_hidden_s: float = 10.0
    fresh_s: float = 10.0
    orders_fresh_s: float = 30.0
    back_off_s: float = 2.0
    # the stream
    stream_ping_s: float = 1.0
    stream_dead_s: float = 1.0
    stream_back_off_s: tuple[float, ...] = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0)
    # proof
    second_read_s: float = 1.0
    window_s: float = 10.0
    stretch_s: float = 2.0
    looks_s: tuple[float, ...] = (0.0, 0.5, 1.0, 2.0, 3.5, 5.5, 8.0, 10.0)
    reopened_loud_s: float = 60.0
    # a flatten that was answered "too many requests"
    repeat_pause_s: float = 0.35
    repeat_window_s: float = 3.0
    # locks
    least_lock_s: float = 0.5
    most_lock_s: float = 3.0
    reverse_lock_s: float = 20.0
    # gestures
    hold_wide_s: float = 0.7
    hold_narrow_s: float = 0.5
    hold_gap_s: float = 0.12
    reverse_read_s: float = 3.0
    armed_s: float = 3.0
    row_moved_s: float = 0.3

    def scaled(self, factor: float) -> "Pace":
        """The same pace, every time multiplied by a positive factor."""
        scaled: dict[str, Any] = {}
        for each in fields(self):
            value = getattr(self, each.name)
            is_many = isinstance(value, tuple)
            scaled[each.name] = tuple(each_s * factor for each_s in value) if is_many else value * factor
        return replace(self, **scaled)
