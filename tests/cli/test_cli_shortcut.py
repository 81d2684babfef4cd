"""The two verbs that change the menu: what they say, and how they end."""

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from crosstrade_panel.cli_arguments import parse
from crosstrade_panel.cli_errands import ShortcutCommand
from crosstrade_panel.desktop import shortcut

if TYPE_CHECKING:
    from tests.cli.conftest import Run

needs_entries = pytest.mark.skipif(sys.platform != "linux", reason="desktop entries are Linux's")


@pytest.fixture(autouse=True)
def entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the menu of this test has it."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    return tmp_path / "share" / "applications" / "crosstrade-panel.desktop"


def test_the_verbs() -> None:
    assert parse(["install-shortcut"]) == ShortcutCommand(wanted=True)
    assert parse(["remove-shortcut"]) == ShortcutCommand(wanted=False)
    with pytest.raises(SystemExit):
        parse(["install-shortcut", "--practice"])


@needs_entries
def test_the_menu_gets_the_window_and_loses_it_again(run: "Run", entry: Path, home: Path) -> None:
    done = run("install-shortcut")
    assert (done.code, done.out) == (0, f'"CrossTrade Panel" is in the menu: {entry}\n')
    # A portable panel's entry finds the same folder.
    line = f"Exec=env CROSSTRADE_PANEL_HOME={home} {sys.executable} -m crosstrade_panel\n"
    assert line in entry.read_text("utf-8")
    done = run("remove-shortcut")
    assert (done.code, done.out) == (0, f'"CrossTrade Panel" is out of the menu: {entry}\n')
    assert not entry.exists()
    done = run("remove-shortcut")
    assert (done.code, done.out) == (0, "the menu had no entry of this program\n")


@needs_entries
def test_an_entry_of_others_is_named_and_left(run: "Run", entry: Path) -> None:
    entry.parent.mkdir(parents=True)
    entry.write_text("[Desktop Entry]\n", "utf-8")
    for verb in ("install-shortcut", "remove-shortcut"):
        done = run(verb)
        assert (done.code, done.out) == (1, "")
        assert done.err.endswith(f"which is left alone: {entry}\n")
    assert entry.read_text("utf-8") == "[Desktop Entry]\n"


@needs_entries
@pytest.mark.parametrize("verb", ["install-shortcut", "remove-shortcut"])
def test_neither_verb_loads_qt(verb: str) -> None:
    code = (
        "import sys; from crosstrade_panel import cli; code = cli.run(sys.argv[1:]);"
        "sys.exit(code or 'PySide6' in sys.modules or 'qasync' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, verb], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "the menu" in done.stdout


def test_what_fails_is_said(run: "Run", monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise shortcut.ShortcutError("no room")

    monkeypatch.setattr(shortcut, "install", fail)
    done = run("install-shortcut")
    assert (done.code, done.out, done.err) == (1, "", "the menu could not be changed: no room\n")
