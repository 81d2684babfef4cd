"""What Wine does otherwise than Windows; tests that would meet it say so."""

import sys

import pytest


def _is_wine() -> bool:
    if sys.platform == "win32":
        import ctypes

        return hasattr(ctypes.WinDLL("ntdll"), "wine_get_version")
    return False


IS_WINE = _is_wine()

sees_resets = pytest.mark.skipif(
    IS_WINE, reason="Wine sends a FIN before the reset of a lingering socket; unsent bytes die all the same"
)

TRIED_PACE = "0.15" if IS_WINE else "0.05"
"""Of a command that is only to be told something: for Wine a twentieth is too short to open a link in."""
