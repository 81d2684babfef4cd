"""Start at login, as the desktop reads it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from crosstrade_panel.desktop.autostart import AutostartError, command_of, entry_path, start_at_login

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="desktop entries are Linux's")

SETTINGS = Path("/home/trader/.config/crosstrade-panel/settings.toml")
COMMAND = ("/opt/crosstrade-panel/crosstrade-panel-gui",)


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"XDG_CONFIG_HOME": str(tmp_path / "config")}


def follow(
    environ: dict[str, str], *, wanted: bool, settings: Path = SETTINGS, command: tuple[str, ...] = COMMAND
) -> None:
    start_at_login(wanted, command, settings, environ)


def test_switched_on_it_is_an_entry_and_switched_off_there_is_none(
    environ: dict[str, str], tmp_path: Path
) -> None:
    follow(environ, wanted=True)
    path = tmp_path / "config" / "autostart" / "crosstrade-panel.desktop"
    assert path == entry_path(environ)
    assert "Exec=/opt/crosstrade-panel/crosstrade-panel-gui\n" in path.read_text("utf-8")
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    follow(environ, wanted=False)
    assert not path.exists()


def test_off_by_default_nothing_is_made(environ: dict[str, str], tmp_path: Path) -> None:
    follow(environ, wanted=False)
    assert not (tmp_path / "config").exists()


def test_what_is_so_already_is_not_written_again(environ: dict[str, str]) -> None:
    follow(environ, wanted=True)
    before = entry_path(environ).stat()
    follow(environ, wanted=True)
    after = entry_path(environ).stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_a_program_that_moved_is_found_where_it_is_now(environ: dict[str, str]) -> None:
    follow(environ, wanted=True)
    follow(environ, wanted=True, command=("/new/place",))
    assert "Exec=/new/place\n" in entry_path(environ).read_text("utf-8")


def test_an_entry_made_by_hand_is_left_alone(environ: dict[str, str]) -> None:
    path = entry_path(environ)
    path.parent.mkdir(parents=True)
    path.write_text("[Desktop Entry]\nExec=mine\n", "utf-8")
    for wanted in (True, False):
        follow(environ, wanted=wanted)
        assert path.read_text("utf-8") == "[Desktop Entry]\nExec=mine\n"


def test_only_the_settings_that_asked_for_it_take_it_away(environ: dict[str, str]) -> None:
    follow(environ, wanted=True)
    follow(environ, wanted=False, settings=Path("/elsewhere/settings.toml"))
    assert entry_path(environ).exists()


@pytest.mark.parametrize(
    "word", ["/a b/panel", '/a"b', "/a$HOME`x`", "/back\\slash", "/100%f", "/ü/panel", "-m", "A=b c"]
)
def test_an_argument_comes_back_as_it_was_given(environ: dict[str, str], word: str) -> None:
    follow(environ, wanted=True, command=(word, "last"))
    [line] = [
        each for each in entry_path(environ).read_text("utf-8").splitlines() if each.startswith("Exec=")
    ]
    value = line.removeprefix("Exec=").replace("%%", "%").replace("\\\\", "\\")
    # The rules for quoted arguments are the shell's.
    said = subprocess.run(["/bin/sh", "-c", f'printf "%s\\n" {value}'], capture_output=True, check=True)
    assert said.stdout.decode() == f"{word}\nlast\n"


def test_a_name_that_would_break_the_file_is_refused(environ: dict[str, str]) -> None:
    with pytest.raises(AutostartError):
        follow(environ, wanted=True, command=("/a\nExec=evil",))
    assert not entry_path(environ).exists()


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("a file")
    with pytest.raises(AutostartError):
        follow({"XDG_CONFIG_HOME": str(tmp_path / "config")}, wanted=True)


def test_the_entry_is_one_that_the_desktop_accepts(environ: dict[str, str]) -> None:
    follow(environ, wanted=True)
    tool = shutil.which("desktop-file-validate")
    if tool is None:
        pytest.skip("no desktop-file-validate")
    done = subprocess.run([tool, str(entry_path(environ))], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_command_is_the_one_beside_the_program_or_python_with_the_package(tmp_path: Path) -> None:
    assert command_of(str(tmp_path / "crosstrade-panel")) == (sys.executable, "-m", "crosstrade_panel")
    (tmp_path / "crosstrade-panel-gui").touch()
    beside = str(tmp_path / "crosstrade-panel-gui")
    assert command_of(str(tmp_path / "crosstrade-panel")) == (beside,)
    portable = command_of(str(tmp_path / "crosstrade-panel"), "/media/stick/my panel")
    assert portable == ("env", "CROSSTRADE_PANEL_HOME=/media/stick/my panel", beside)


def test_a_frozen_program_is_started_by_its_command_without_a_console(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "crosstrade-panel"))
    assert command_of("whatever") == (str(tmp_path / "crosstrade-panel"),)
    (tmp_path / "crosstrade-panel-gui").touch()
    assert command_of("whatever") == (str(tmp_path / "crosstrade-panel-gui"),)
