"""Where the program's icons lie. No Qt."""

from pathlib import Path

import crosstrade_panel


def icon_path(name: str) -> Path:
    """Inside the package once installed or frozen, beside it in a checkout."""
    inside = Path(crosstrade_panel.__file__).parent
    for folder in (inside / "resources", inside.parent / "resources"):
        path = folder / "icons" / name
        if path.is_file():
            return path
    return inside / "resources" / "icons" / name
