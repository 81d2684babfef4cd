"""Which way to the screen: Wayland keeps windows from being on top and from choosing their place. No Qt."""

from collections.abc import Mapping
from enum import Enum


class Way(Enum):
    """How Qt is to reach the screen."""

    AS_QT_CHOOSES = "as Qt chooses"
    XWAYLAND = "through XWayland"
    WAYLAND = "Wayland"
    """Without XWayland: the panel says what cannot be done there."""


def choose_way(environ: Mapping[str, str], platform: str) -> Way:
    """Through XWayland where a Wayland session has it; what the trader set himself stays."""
    asked = environ.get("QT_QPA_PLATFORM", "")
    if platform != "linux":
        return Way.AS_QT_CHOOSES
    if asked:
        return Way.WAYLAND if asked.startswith("wayland") else Way.AS_QT_CHOOSES
    display = environ.get("DISPLAY", "")
    if environ.get("XDG_SESSION_TYPE", "").casefold() == "wayland":
        return Way.XWAYLAND if display else Way.WAYLAND
    return Way.WAYLAND if environ.get("WAYLAND_DISPLAY") and not display else Way.AS_QT_CHOOSES
