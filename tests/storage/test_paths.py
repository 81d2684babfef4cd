"""Where things are kept."""

import os
import stat
from pathlib import Path

import pytest

from crosstrade_panel.storage.paths import find_paths, make_private_file, make_private_folder


def test_one_variable_puts_everything_under_one_folder(tmp_path: Path) -> None:
    paths = find_paths({"CROSSTRADE_PANEL_HOME": f" {tmp_path} "})
    assert (paths.data, paths.config, paths.log) == (tmp_path / "data", tmp_path / "config", tmp_path / "log")
    assert paths.journal == tmp_path / "data" / "journal.sqlite3"
    assert paths.settings == tmp_path / "config" / "settings.toml"
    assert paths.log_of("panel") == tmp_path / "log" / "panel.log"
    assert list(tmp_path.iterdir()) == []


def test_a_relative_home_does_not_move_with_the_working_folder() -> None:
    assert find_paths({"CROSSTRADE_PANEL_HOME": "here"}).data == Path.cwd() / "here" / "data"


@pytest.mark.parametrize("environ", [{}, {"CROSSTRADE_PANEL_HOME": "  "}])
def test_otherwise_the_platform_says_where(environ: dict[str, str]) -> None:
    paths = find_paths(environ)
    for folder in (paths.data, paths.config, paths.log):
        assert folder.is_absolute()
        assert "crosstrade-panel" in folder.parts
    assert find_paths().data.is_absolute()


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")
def test_an_existing_file_loses_the_rights_of_others_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "journal"
    file.write_text("content")
    file.chmod(0o664)
    make_private_file(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.chmod(0o400)
    make_private_file(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o400
    assert file.read_text() == "content"


def test_a_folder_is_made_with_those_above_it(tmp_path: Path) -> None:
    make_private_folder(tmp_path / "a" / "b")
    make_private_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
