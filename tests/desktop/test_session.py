"""Which way to the screen."""

import sys

import pytest

from crosstrade_panel import main
from crosstrade_panel.desktop.session import Way, choose_way

WAYLAND = {"XDG_SESSION_TYPE": "wayland", "WAYLAND_DISPLAY": "wayland-0"}


@pytest.mark.parametrize(
    ("environ", "way"),
    [
        ({"DISPLAY": ":0"}, Way.AS_QT_CHOOSES),
        ({"DISPLAY": ":0", "XDG_SESSION_TYPE": "x11"}, Way.AS_QT_CHOOSES),
        ({**WAYLAND, "DISPLAY": ":0"}, Way.XWAYLAND),
        ({"XDG_SESSION_TYPE": "Wayland", "DISPLAY": ":0"}, Way.XWAYLAND),
        (WAYLAND, Way.WAYLAND),
        ({"WAYLAND_DISPLAY": "wayland-1"}, Way.WAYLAND),
        ({"WAYLAND_DISPLAY": "wayland-1", "DISPLAY": ":0"}, Way.AS_QT_CHOOSES),
        ({**WAYLAND, "DISPLAY": ":0", "QT_QPA_PLATFORM": "wayland"}, Way.WAYLAND),
        ({**WAYLAND, "DISPLAY": ":0", "QT_QPA_PLATFORM": "wayland-egl"}, Way.WAYLAND),
        ({**WAYLAND, "DISPLAY": ":0", "QT_QPA_PLATFORM": "xcb"}, Way.AS_QT_CHOOSES),
        ({**WAYLAND, "DISPLAY": ":0", "QT_QPA_PLATFORM": "offscreen"}, Way.AS_QT_CHOOSES),
        ({}, Way.AS_QT_CHOOSES),
    ],
)
def test_a_wayland_session_is_left_through_xwayland_unless_the_trader_said_otherwise(
    environ: dict[str, str], way: Way
) -> None:
    assert choose_way(environ, "linux") is way


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_other_systems_have_no_wayland(platform: str) -> None:
    assert choose_way({**WAYLAND, "DISPLAY": ":0"}, platform) is Way.AS_QT_CHOOSES


@pytest.mark.skipif(sys.platform == "win32", reason="X servers listen on Unix sockets")
def test_xwayland_is_taken_only_where_its_server_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    environ = {**WAYLAND, "DISPLAY": ":0"}
    monkeypatch.setattr(main, "_can_load", lambda _: True)
    monkeypatch.setattr(main, "_x_server_answers", lambda _: True)
    assert main._qt_arguments(environ, "linux") == ("-platform", "xcb")
    monkeypatch.setattr(main, "_can_load", lambda _: False)
    assert main._qt_arguments(environ, "linux") == ()
    monkeypatch.setattr(main, "_can_load", lambda _: True)
    monkeypatch.setattr(main, "_x_server_answers", lambda _: False)
    assert main._qt_arguments(environ, "linux") == ()
    assert main._qt_arguments({"DISPLAY": ":0"}, "linux") == ()
