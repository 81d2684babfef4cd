"""What the panel writes is the user's own, whatever the umask was and whatever lay there before."""

import logging
import os
import sqlite3
import stat
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from crosstrade_panel.storage.journal import SqliteJournal
from crosstrade_panel.storage.log import LogFile, Redactor
from crosstrade_panel.storage.paths import (
    Paths,
    find_paths,
    make_private_file,
    make_private_folder,
    narrow,
    refuse_foreign_link,
)
from crosstrade_panel.storage.settings import NoteKind, SettingsFile
from crosstrade_panel.trading.ports import Entry, EntryKind

pytestmark = pytest.mark.skipif(os.name != "posix", reason="elsewhere the folder's access list is inherited")

SOON_S = 10.0
SOMEBODY = 54321


@pytest.fixture(autouse=True)
def no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def modes(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): mode(path) for path in folder.rglob("*")}


def write_journal(path: Path, number: int = 1) -> SqliteJournal:
    journal = SqliteJournal(path)
    entry = Entry(f"p{number}", EntryKind.INTENT, 0.0, datetime.now(UTC), {})
    assert journal.write(entry).result(SOON_S) is True
    return journal


def write_log(path: Path, lines: int = 1, max_bytes: int = 1_000_000) -> LogFile:
    log = LogFile(path, Redactor(), max_bytes=max_bytes, backups=2)
    for number in range(lines):
        log.handle(logging.LogRecord("n", logging.INFO, "p", 1, "line %d" + "x" * 50, (number,), None))
    assert log.close_within(SOON_S)
    return log


def test_every_file_and_folder_is_private_from_its_first_moment(tmp_path: Path) -> None:
    home = tmp_path / "not" / "yet"
    paths = find_paths({"CROSSTRADE_PANEL_HOME": str(home)})
    journal = write_journal(paths.journal)
    for number in range(6):  # each opens a file that is too large, and rotates
        write_log(paths.log_of("panel"), lines=5 + number, max_bytes=1)
    assert SettingsFile(paths.settings).save({"theme": "dark"}) == ()
    found = modes(tmp_path)
    names = {name for name in found if not (tmp_path / name).is_dir()}
    assert {Path(name).name for name in names} >= {
        "journal.sqlite3", "journal.sqlite3-wal", "journal.sqlite3-shm", "panel.log", "settings.toml",
    }  # fmt: skip
    assert {name: bits for name, bits in found.items() if bits != (0o600 if name in names else 0o700)} == {}
    assert journal.close(SOON_S)


def test_rotated_logs_are_private_too(tmp_path: Path) -> None:
    path = tmp_path / "log" / "panel.log"
    log = LogFile(path, Redactor(), max_bytes=10, backups=2)
    rotated = path.with_name("panel.log.1")
    for number in range(200):
        log.handle(logging.LogRecord("n", logging.INFO, "p", 1, "line %d" + "x" * 50, (number,), None))
        if rotated.exists():
            break
    assert log.close_within(SOON_S)
    write_log(path)
    assert {mode(each) for each in path.parent.iterdir()} == {0o600}


def test_what_lay_there_too_open_is_narrowed_and_kept(tmp_path: Path) -> None:
    paths = find_paths({"CROSSTRADE_PANEL_HOME": str(tmp_path)})
    write_journal(paths.journal).close(SOON_S)
    keeper = sqlite3.connect(paths.journal)  # so that the log beside it stays
    keeper.execute("UPDATE upkeep SET opened = opened + 1")
    keeper.commit()
    write_log(paths.log_of("panel"))
    paths.log_of("panel").with_name("panel.log.1").write_text("older")
    SettingsFile(paths.settings).save({"theme": "dark"})
    for path in tmp_path.rglob("*"):
        path.chmod(0o777)
    journal = write_journal(paths.journal, 2)
    assert len(journal.recent(9).result(SOON_S)) == 2
    write_log(paths.log_of("panel"))
    assert SettingsFile(paths.settings).load().settings.theme == "dark"
    assert mode(paths.settings) == 0o600
    assert SettingsFile(paths.settings).save({"theme": "light"}) == ()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 6
    assert {path.name: mode(path) & 0o077 for path in files if mode(path) & 0o077} == {}
    assert {mode(folder) for folder in (paths.data, paths.config, paths.log)} == {0o700}
    journal.close(SOON_S)
    keeper.close()


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Paths, Path]:
    """Links in the places of our files to somebody's file; whoever made them, it was not this user."""
    target = tmp_path / "target"
    target.write_text("somebody's")
    target.chmod(0o644)
    paths = find_paths({"CROSSTRADE_PANEL_HOME": str(tmp_path / "home")})
    for path in (paths.journal, paths.settings, paths.log_of("panel")):
        path.parent.mkdir(parents=True)
        path.symlink_to(target)
        if os.geteuid() == 0:
            os.lchown(path, SOMEBODY, -1)
    if os.geteuid() != 0:  # then the links are ours, and we are somebody else
        monkeypatch.setattr(os, "geteuid", lambda: SOMEBODY)
    return paths, target


def test_a_link_that_somebody_else_planted_is_not_written_through(
    planted: tuple[Paths, Path], announce_log: Callable[..., None]
) -> None:
    announce_log("the journal is off")
    paths, target = planted
    journal = SqliteJournal(paths.journal)
    entry = Entry("p1", EntryKind.INTENT, 0.0, datetime.now(UTC), {})
    assert journal.write(entry).result(SOON_S) is False
    assert journal.problem
    journal.close(SOON_S)
    assert write_log(paths.log_of("panel")).problem == "Operation not permitted"
    notes = SettingsFile(paths.settings).save({"theme": "dark"})
    assert [note.kind for note in notes] == [NoteKind.SET_ASIDE] or notes[0].kind is NoteKind.CANNOT_WRITE
    assert target.read_text() == "somebody's"
    assert mode(target) == 0o644


def test_a_link_of_the_users_own_is_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "other-disk" / "panel.log"
    elsewhere.parent.mkdir()
    elsewhere.touch()
    link = tmp_path / "log" / "panel.log"
    link.parent.mkdir()
    link.symlink_to(elsewhere)
    write_log(link)
    assert link.is_symlink()
    assert "line 0" in elsewhere.read_text()
    assert mode(elsewhere) == 0o600


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes in folders")
def test_no_device_or_pipe_behind_a_link_is_narrowed(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o666)
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    narrow(tmp_path / "link", 0o600)
    assert mode(tmp_path / "pipe") == 0o666


def test_another_users_folder_is_left_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "folder"
    folder.mkdir(0o755)
    monkeypatch.setattr(os, "geteuid", lambda: SOMEBODY)
    make_private_folder(folder)
    assert mode(folder) == 0o755


def test_a_file_in_the_place_of_a_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="Not a directory"):
        make_private_folder(tmp_path / "file")


def test_where_modes_mean_nothing_nothing_breaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows: everything lies in the profile and inherits its access list."""
    monkeypatch.setattr(os, "name", "nt")
    monkeypatch.delattr(os, "geteuid")
    for _ in range(2):
        made = os.path.join(tmp_path, "a", "b")  # noqa: PTH118 - pathlib has gone for the moment
        os.makedirs(made, exist_ok=True)  # noqa: PTH103
        narrow(tmp_path, 0o600)
        refuse_foreign_link(tmp_path)
        make_private_file(tmp_path / "file", "-wal")
    assert mode(tmp_path / "file") == 0o600
