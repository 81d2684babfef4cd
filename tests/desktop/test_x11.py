"""On a real X server with a window manager: on top without a flicker, and back to the front focused."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.desktop.test_processes import PATIENCE_S, Running

_TOOLS = ("Xvfb", "openbox", "xprop", "xdotool")
pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or any(shutil.which(each) is None for each in _TOOLS),
    reason=f"needs {', '.join(_TOOLS)}",
)


@pytest.fixture
def display(tmp_path: Path) -> Iterator[str]:
    """An X server of our own, with a window manager on it."""
    read, write = os.pipe()
    # Without -noreset it begins anew when its last client leaves, and loses a window manager that comes then.
    arguments = ["Xvfb", "-displayfd", str(write), "-noreset", "-screen", "0", "1600x1200x24"]
    with ExitStack() as stack:
        server = stack.enter_context(subprocess.Popen(arguments, pass_fds=[write], stderr=subprocess.DEVNULL))
        stack.callback(server.terminate)
        os.close(write)
        with os.fdopen(read) as told:
            display = f":{int(told.readline())}"
        manager = stack.enter_context(
            subprocess.Popen(
                ["openbox", "--sm-disable"],  # noqa: S607 - wherever it is
                env={**os.environ, "DISPLAY": display, "HOME": str(tmp_path)},
                stderr=subprocess.DEVNULL,
            )
        )
        stack.callback(manager.terminate)
        until(lambda: "window id" in ask(display, "xprop", "-root", "_NET_SUPPORTING_WM_CHECK"))
        yield display


def ask(display: str, *command: str) -> str:
    done = subprocess.run(
        command,
        env={**os.environ, "DISPLAY": display},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=False,
    )
    return done.stdout


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def window_of(display: str) -> str:
    """The panel's window; a tray icon and what Qt keeps for itself are none."""
    found: list[str] = []

    def is_there() -> bool:
        listed = ask(display, "xprop", "-root", "_NET_CLIENT_LIST")
        found[:] = re.findall(r"0x[0-9a-f]+", listed)
        return len(found) == 1

    until(is_there)
    return found[0]


def state_of(display: str, window: str) -> str:
    return ask(display, "xprop", "-id", window, "_NET_WM_STATE")


def active(display: str) -> str:
    return ask(display, "xprop", "-root", "_NET_ACTIVE_WINDOW").rpartition(" ")[2].strip()


def test_it_is_on_top_with_a_name_and_comes_back_with_the_focus(display: str) -> None:
    environment = {"DISPLAY": display, "QT_QPA_PLATFORM": "xcb", "WAYLAND_DISPLAY": ""}
    with Running("--practice", **environment) as first:
        first.says("window shown")
        window = window_of(display)
        until(lambda: "ABOVE" in state_of(display, window))
        assert "crosstrade-panel" in ask(display, "xprop", "-id", window, "WM_CLASS")
        assert "crosstrade-panel" in ask(display, "xprop", "-id", window, "_KDE_NET_WM_DESKTOP_FILE")
        first.tell("minimise")
        first.says("window minimised")
        until(lambda: "HIDDEN" in state_of(display, window))
        with Running("--practice", **environment) as second:
            assert second.ends() == 0
        first.says("window shown", times=2)
        until(lambda: active(display) == window)
        assert "HIDDEN" not in state_of(display, window)
        first.tell("close")
        assert first.ends() == 0


def test_the_pin_is_toggled_without_a_flicker(display: str) -> None:
    """A window that is hidden and shown again loses its WM_STATE in between; and it would lose the focus."""
    environment = {"DISPLAY": display, "QT_QPA_PLATFORM": "xcb", "WAYLAND_DISPLAY": ""}
    with Running("--practice", **environment) as panel:
        panel.says("window shown")
        window = window_of(display)
        until(lambda: active(display) == window)
        with subprocess.Popen(
            ["xprop", "-spy", "-id", window, "WM_STATE", "_NET_WM_STATE"],  # noqa: S607 - as above
            env={**os.environ, "DISPLAY": display},
            stdout=subprocess.PIPE,
            text=True,
        ) as spy:
            for _ in range(2):
                panel.tell("pin")
                until(lambda: "ABOVE" not in state_of(display, window))
                panel.tell("pin")
                until(lambda: "ABOVE" in state_of(display, window))
            spy.terminate()
            told, _ = spy.communicate()
        assert told.count("WM_STATE(WM_STATE)") == 1, told
        assert told.count("window state: Normal") == 1
        assert "window hidden" not in panel.lines
        assert active(display) == window
        panel.tell("close")
        assert panel.ends() == 0
