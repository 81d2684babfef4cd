"""Where a window may lie: pure geometry of screens."""

from collections.abc import Sequence
from hashlib import sha256

from crosstrade_panel.domain.value import dataclass


@dataclass(frozen=True, slots=True)
class Rect:
    """A rectangle in the desktop's (logical) pixels."""

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """The first column that is not inside any more."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """The first row that is not inside any more."""
        return self.y + self.height

    def shared_with(self, other: "Rect") -> int:
        """How many pixels lie in both."""
        width = min(self.right, other.right) - max(self.x, other.x)
        height = min(self.bottom, other.bottom) - max(self.y, other.y)
        return max(0, width) * max(0, height)

    def distance_to(self, other: "Rect") -> int:
        """How far apart they lie, as steps along the axes; 0 where they touch."""
        across = max(self.x - other.right, other.x - self.right, 0)
        along = max(self.y - other.bottom, other.y - self.bottom, 0)
        return across + along


@dataclass(frozen=True, slots=True)
class Screen:
    """A screen: all of it, and what bars of the desktop leave of it."""

    name: str
    whole: Rect
    available: Rect


def layout_key(screens: Sequence[Screen]) -> str:
    """A name for these screens in these places; the same whatever their order."""
    told = sorted(
        (each.name, each.whole.x, each.whole.y, each.whole.width, each.whole.height) for each in screens
    )
    return sha256(repr(told).encode()).hexdigest()[:16]


def fitting(rect: Rect, screens: Sequence[Rect]) -> Rect:
    """The rectangle where all of it can be seen: as it is, or moved, and shrunk only where it is too large.

    It may span screens. Moved, it goes to the screen that has most of it, else to the nearest one.
    """
    if not screens or _is_seen(rect, screens):
        return rect
    best = max(screens, key=lambda screen: (rect.shared_with(screen), -rect.distance_to(screen)))
    width, height = min(rect.width, best.width), min(rect.height, best.height)
    return Rect(
        min(max(rect.x, best.x), best.right - width),
        min(max(rect.y, best.y), best.bottom - height),
        width,
        height,
    )


def _is_seen(rect: Rect, screens: Sequence[Rect]) -> bool:
    area = rect.width * rect.height
    shares = [rect.shared_with(screen) for screen in screens]
    # Only beside each other do screens add up; mirrored ones show the same pixels twice.
    are_apart = all(
        not one.shared_with(other) for place, one in enumerate(screens) for other in screens[:place]
    )
    return area in shares or (are_apart and sum(shares) == area)
