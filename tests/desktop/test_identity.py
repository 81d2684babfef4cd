"""Who the program is to the desktop."""

import subprocess
import sys

import pytest

from crosstrade_panel.desktop import identity


@pytest.mark.parametrize(
    ("environ", "found"),
    [
        ({}, ""),
        ({"DESKTOP_STARTUP_ID": "x11-1"}, "x11-1"),
        ({"XDG_ACTIVATION_TOKEN": "wl-1", "DESKTOP_STARTUP_ID": "x11-1"}, "wl-1"),
    ],
)
def test_the_desktops_leave_to_take_the_focus_is_handed_on(environ: dict[str, str], found: str) -> None:
    assert identity.startup_id(environ) == found


def test_what_is_asked_before_the_window_imports_no_qt() -> None:
    code = (
        "import sys\n"
        "from crosstrade_panel.desktop import identity, session, autostart, screens\n"
        "from crosstrade_panel.storage import instance, nudge\n"
        "print([each for each in sys.modules if each.startswith(('PySide6', 'qasync', 'asyncio'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_naming_the_process_is_harmless_where_there_is_nothing_to_name() -> None:
    identity.name_process()
    identity.yield_the_front()
