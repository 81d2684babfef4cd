"""The entry in the menu, as the desktop reads it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from crosstrade_panel.cli_shortcut import WORDS
from crosstrade_panel.desktop import identity
from crosstrade_panel.desktop.shortcut import (
    MARK,
    ForeignEntryError,
    ShortcutError,
    entry_text,
    install,
    remove,
)
from crosstrade_panel.icon_files import icon_path

ICONS = icon_path("crosstrade-panel.svg").parent
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="desktop entries are Linux's")
windows_only = pytest.mark.skipif(sys.platform != "win32", reason="shortcuts are Windows'")


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"XDG_DATA_HOME": str(tmp_path / "data")}


def files(folder: Path) -> list[str]:
    return sorted(str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file())


@linux_only
def test_installed_it_is_an_entry_with_its_icons_and_removed_nothing_is_left(
    environ: dict[str, str], tmp_path: Path
) -> None:
    path = install(("/opt/x/crosstrade-panel-gui",), ICONS, WORDS, environ)
    assert path == tmp_path / "data" / "applications" / "crosstrade-panel.desktop"
    assert "Exec=/opt/x/crosstrade-panel-gui\n" in path.read_text("utf-8")
    assert path.stat().st_mode & 0o777 == 0o644
    found = files(tmp_path / "data")
    assert "icons/hicolor/scalable/apps/crosstrade-panel.svg" in found
    assert "icons/hicolor/16x16/apps/crosstrade-panel.png" in found
    assert len(found) == 9
    assert remove(WORDS, environ) == path
    assert not (tmp_path / "data" / "applications").exists()
    assert not (tmp_path / "data" / "icons").exists()
    assert remove(WORDS, environ) is None


@linux_only
def test_what_others_keep_in_the_same_folders_stays(environ: dict[str, str], tmp_path: Path) -> None:
    theirs = tmp_path / "data" / "icons" / "hicolor" / "16x16" / "apps" / "another.png"
    theirs.parent.mkdir(parents=True)
    theirs.touch()
    install(("/x",), ICONS, WORDS, environ)
    remove(WORDS, environ)
    assert files(tmp_path / "data") == [str(theirs.relative_to(tmp_path / "data"))]


@linux_only
def test_installed_again_it_follows_a_program_that_moved(environ: dict[str, str]) -> None:
    install(("/old",), ICONS, WORDS, environ)
    text = install(("/new",), ICONS, WORDS, environ).read_text("utf-8")
    assert "Exec=/new\n" in text
    assert "/old" not in text


@linux_only
def test_an_entry_made_by_hand_is_left_alone(environ: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "data" / "applications" / "crosstrade-panel.desktop"
    path.parent.mkdir(parents=True)
    path.write_text("[Desktop Entry]\nExec=mine\n", "utf-8")
    with pytest.raises(ForeignEntryError) as install_refused:
        install(("/x",), ICONS, WORDS, environ)
    assert install_refused.value.path == path
    with pytest.raises(ForeignEntryError):
        remove(WORDS, environ)
    assert files(tmp_path / "data") == ["applications/crosstrade-panel.desktop"]
    assert path.read_text("utf-8") == "[Desktop Entry]\nExec=mine\n"


@linux_only
def test_a_name_that_would_break_the_file_is_refused(environ: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(ShortcutError):
        install(("/a\nExec=evil",), ICONS, WORDS, environ)
    assert not (tmp_path / "data").exists()


@linux_only
def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(ShortcutError):
        install(("/x",), ICONS, WORDS, {"XDG_DATA_HOME": str(tmp_path / "data")})


@linux_only
@pytest.mark.parametrize("command", [("/opt/my panels/$x/gui",), ("env", "A=b c", "/x/python", "-m", "y")])
def test_the_entry_is_one_that_the_desktop_accepts(tmp_path: Path, command: tuple[str, ...]) -> None:
    tool = shutil.which("desktop-file-validate")
    if tool is None:
        pytest.skip("no desktop-file-validate")
    path = tmp_path / "crosstrade-panel.desktop"
    path.write_text(entry_text(command, WORDS, MARK), "utf-8")
    done = subprocess.run([tool, str(path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@linux_only
def test_its_one_action_is_practice(environ: dict[str, str]) -> None:
    text = install(("/x/gui",), ICONS, WORDS, environ).read_text("utf-8")
    assert text.partition("[Desktop Action Practice]\n")[2] == "Name=Practice\nExec=/x/gui --practice\n"


if sys.platform == "win32":
    from crosstrade_panel.desktop import shell_link, shortcut

    @pytest.fixture
    def menu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
        """A Start menu of the test's own."""
        monkeypatch.setattr(shell_link, "programs_folder", lambda: tmp_path / "Programs ü")
        return tmp_path / "Programs ü" / "CrossTrade Panel.lnk"


@windows_only
def test_a_shortcut_holds_what_was_written_and_removed_nothing_is_left(menu: Path) -> None:
    if sys.platform == "win32":
        assert remove(WORDS) is None
        assert install((sys.executable, "-m", "crosstrade_panel"), ICONS, WORDS) == menu
        found = shell_link.read(menu)
        assert os.path.normcase(found.target) == os.path.normcase(sys.executable)
        assert found.arguments == ("-m", "crosstrade_panel")
        assert os.path.normcase(found.icon) == os.path.normcase(str(ICONS / "crosstrade-panel.ico"))
        assert found.about == WORDS.about
        # Wine keeps no AppUserModelID.
        assert found.app_id in {identity.WINDOWS_APP_ID, ""}
        assert install((sys.executable,), ICONS, WORDS) == menu
        assert shell_link.read(menu).arguments == ()
        assert remove(WORDS) == menu
        assert not menu.exists()


@windows_only
def test_the_taskbar_knows_the_shortcut_by_the_name_of_the_process(menu: Path) -> None:
    if sys.platform == "win32":
        import ctypes

        if hasattr(ctypes.WinDLL("ntdll"), "wine_get_version"):
            pytest.skip("Wine keeps no AppUserModelID")
        install((sys.executable,), ICONS, WORDS)
        assert shell_link.read(menu).app_id == identity.WINDOWS_APP_ID


@windows_only
def test_a_start_menu_that_cannot_be_written_is_said(menu: Path) -> None:
    menu.parent.write_text("a file")
    with pytest.raises(ShortcutError):
        install((sys.executable,), ICONS, WORDS)


@windows_only
def test_the_start_menu_is_this_users() -> None:
    if sys.platform == "win32":
        place = shortcut.link_path(WORDS)
        assert place.name == "CrossTrade Panel.lnk"
        assert place.parent.parts[-1] == "Programs"
