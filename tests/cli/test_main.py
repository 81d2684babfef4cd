"""The entry points."""

import importlib.abc
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
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

    def run_window(*, practice: bool, base_url: str | None) -> int:
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


@pytest.mark.skipif(sys.platform != "linux", reason="only there a program can be without a screen")
def test_without_a_display_it_says_so_and_offers_the_command_line(process: "Run") -> None:
    done = process("--practice", **NO_SCREEN)
    assert (done.code, done.out) == (1, "")
    assert "there is no display" in done.err
    assert "crosstrade-panel status --practice" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("platform", "environ", "has"),
    [
        ("linux", {}, False),
        ("linux", {"DISPLAY": ""}, False),
        ("linux", {"DISPLAY": ":0"}, True),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, True),
        ("linux", {"QT_QPA_PLATFORM": "offscreen"}, True),
        ("win32", {}, True),
        ("darwin", {}, True),
    ],
)
def test_where_there_is_a_display(platform: str, environ: dict[str, str], has: bool) -> None:
    assert main._has_display(environ, platform) is has


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
