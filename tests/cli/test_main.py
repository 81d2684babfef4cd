"""The entry points."""

import importlib.abc
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from crosstrade_panel import cli, main

if TYPE_CHECKING:
    from tests.cli.conftest import Run

NO_SCREEN = {"DISPLAY": "", "WAYLAND_DISPLAY": "", "QT_QPA_PLATFORM": ""}


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[tuple[bool, str | None]]:
    """What the window was opened with; it ends with 7."""
    asked: list[tuple[bool, str | None]] = []

    def run_window(*, practice: bool, base_url: str | None, **_: object) -> int:
        asked.append((practice, base_url))
        return 7

    app = ModuleType("crosstrade_panel.app")
    app.run_window = run_window  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "crosstrade_panel.app", app)
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    return asked


@pytest.mark.parametrize("entry", [main.main, main.main_gui])
@pytest.mark.parametrize(
    ("arguments", "window"),
    [
        ([], (False, None)),
        (["--practice"], (True, None)),
        (["--base-url", "http://127.0.0.1:1"], (False, "http://127.0.0.1:1")),
        (["--base-url=http://127.0.0.1:1"], (False, "http://127.0.0.1:1")),
        (["--base-url="], (False, "")),
    ],
)
def test_without_a_verb_the_window_opens(
    monkeypatch: pytest.MonkeyPatch,
    opened: list[tuple[bool, str | None]],
    entry: Callable[[], int],
    arguments: list[str],
    window: tuple[bool, str | None],
) -> None:
    monkeypatch.setattr(sys, "argv", ["crosstrade-panel", *arguments])
    assert entry() == 7
    assert opened == [window]


@pytest.mark.parametrize(
    "arguments",
    [
        ["status"],
        ["--practice", "flatten", "--everything"],
        ["--practice", "--base-url", "x"],
        ["--base-url"],
        ["--base-url", "--practice"],
        ["--help"],
        ["--practise"],
    ],
)
def test_everything_else_is_the_command_lines(
    monkeypatch: pytest.MonkeyPatch, opened: list[tuple[bool, str | None]], arguments: list[str]
) -> None:
    taken: list[Sequence[str]] = []

    def run(given: Sequence[str]) -> int:
        taken.append(given)
        return 3

    monkeypatch.setattr(cli, "run", run)
    monkeypatch.setattr(sys, "argv", ["crosstrade-panel", *arguments])
    monkeypatch.setattr(main, "_leave_if_held_up", lambda _: None)
    assert main.main() == 3
    assert (taken, opened) == ([arguments], [])


def test_ctrl_c_while_the_command_line_loads_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: Sequence[str]) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "run", interrupted)
    monkeypatch.setattr(sys, "argv", ["crosstrade-panel", "flatten", "--everything"])
    assert main.main() == 4


_LOST_CTRL_C = """
import signal, sys
from crosstrade_panel.main import main

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "crosstrade_panel.cli":
            Dying()

class Dying:
    def __del__(self):  # where Python prints an exception and goes on
        signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Finder())
sys.argv = ["crosstrade-panel", "flatten", "--everything"]
sys.exit(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_no_ctrl_c_while_the_command_line_loads_is_lost_or_shown_as_a_traceback() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _LOST_CTRL_C], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (4, "", "")


@pytest.mark.skipif(sys.platform != "linux", reason="only there a program can be without a screen")
def test_without_a_display_it_says_so_and_offers_the_command_line(process: "Run") -> None:
    done = process("--practice", **NO_SCREEN)
    assert (done.code, done.out) == (1, "")
    assert "there is no display" in done.err
    assert "crosstrade-panel status --practice" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("platform", "environ"),
    [
        ("linux", {"QT_QPA_PLATFORM": "offscreen"}),
        ("win32", {}),
        ("darwin", {}),
        pytest.param(
            "linux",
            {"DISPLAY": "/private/tmp/launch/org.xquartz:0"},
            marks=pytest.mark.skipif(sys.platform == "win32", reason="no library of X there"),
        ),
    ],
)
def test_where_a_screen_is_taken_for_granted(platform: str, environ: dict[str, str]) -> None:
    assert main._screen_problem(environ, platform) is None


@pytest.mark.skipif(sys.platform == "win32", reason="no sockets with a path there")
@pytest.mark.parametrize("environ", [{}, {"DISPLAY": ""}, {"WAYLAND_DISPLAY": "nobody-there"}])
def test_without_any_display_it_is_said(environ: dict[str, str]) -> None:
    assert "there is no display" in str(main._screen_problem(environ, "linux"))


@pytest.mark.skipif(sys.platform == "win32", reason="there a screen is taken for granted")
def test_a_display_where_nothing_answers_is_named_and_qt_does_not_abort(process: "Run") -> None:
    done = process("--practice", **{**NO_SCREEN, "DISPLAY": ":4711"})
    assert (done.code, done.out) == (1, "")
    assert "the display :4711 does not answer" in done.err


@pytest.mark.skipif(sys.platform == "win32", reason="no sockets with a path there")
def test_a_display_that_answers_is_a_screen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as compositor:
        compositor.bind(str(tmp_path / "wayland-0"))
        compositor.listen()
        environ = {"WAYLAND_DISPLAY": "wayland-0", "XDG_RUNTIME_DIR": str(tmp_path)}
        assert main._screen_problem(environ, "linux") is None


def test_an_x_server_on_another_host_is_asked_at_its_port(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(main, "_X_PORT", server.getsockname()[1] - 3)
        assert main._x_server_answers("127.0.0.1:3.0")
        monkeypatch.setattr(main, "_can_load", lambda _: True)
        assert main._screen_problem({"DISPLAY": "127.0.0.1:3"}, "linux") is None
        monkeypatch.setattr(main, "_can_load", lambda _: False)
        assert "libxcb-cursor0" in str(main._screen_problem({"DISPLAY": "127.0.0.1:3"}, "linux"))


def test_a_library_can_be_loaded_or_not() -> None:
    assert not main._can_load("libnobody-has-this.so.0")


@pytest.mark.skipif(sys.platform == "win32", reason="there a screen is taken for granted")
def test_the_examples_can_be_typed_as_the_trader_started_it(process: "Run") -> None:
    done = process("--practice", **NO_SCREEN, CROSSTRADE_PANEL_COMMAND="python3 packaging/bootstrap.py run")
    assert "python3 packaging/bootstrap.py run status --practice" in done.err


class _Missing(importlib.abc.MetaPathFinder):
    """Importing the window fails as it does without a system library, or for a mistake of ours."""

    def __init__(self, error: ImportError) -> None:
        self.error = error

    def find_spec(self, fullname: str, *_: Any) -> None:
        if fullname == "crosstrade_panel.app":
            raise self.error


def test_a_missing_system_library_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = ImportError("libEGL.so.1: cannot open shared object file", name="PySide6.QtGui")
    monkeypatch.delitem(sys.modules, "crosstrade_panel.app", raising=False)
    monkeypatch.setattr(sys, "meta_path", [_Missing(missing), *sys.meta_path])
    monkeypatch.setattr(sys, "argv", ["crosstrade-panel"])
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    assert main.main() == 1
    said = capsys.readouterr().err
    assert "this is missing: libEGL.so.1: cannot open shared object file" in said
    assert "crosstrade-panel status --practice" in said


def test_a_mistake_of_our_own_is_not_called_a_missing_library(monkeypatch: pytest.MonkeyPatch) -> None:
    mistake = ImportError("cannot import name", name="crosstrade_panel.texts")
    monkeypatch.delitem(sys.modules, "crosstrade_panel.app", raising=False)
    monkeypatch.setattr(sys, "meta_path", [_Missing(mistake), *sys.meta_path])
    monkeypatch.setattr(sys, "argv", ["crosstrade-panel"])
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    with pytest.raises(ImportError):
        main.main()


def test_without_a_stream_nothing_is_said_and_nothing_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.platform == "win32":
        pytest.skip("a message box would wait")
    monkeypatch.setattr(main, "sys", SimpleNamespace(stderr=None, platform=sys.platform))
    main._say("unheard")


def test_the_module_is_the_program() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "crosstrade_panel", "--version"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=dict(os.environ),
    )
    assert (done.returncode, done.stderr) == (0, "")
