"""The whole program on a disk that is full, read-only, corrupt or hangs: presses go out, and it is said."""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication, QWidget

from crosstrade_panel.storage.journal_file import JournalFile
from tests.contract_server import ContractServer
from tests.e2e.children import PATIENCE_S, stories
from tests.e2e.panel import Panel, running, until
from tests.log_guard import AnnounceLog

pytestmark = pytest.mark.anyio
SOON_S = 0.3
"""The 20 ms that a press gives the disk, and what a loaded machine takes."""


def run(program: str, *arguments: str) -> bool:
    found = shutil.which(program)
    return found is not None and subprocess.run([found, *arguments], check=False).returncode == 0


@pytest.fixture
def small_disk(home_of_its_own: Path) -> Iterator[Path]:
    """The folder of the journal as a file system of 64 KiB."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("mounting a tmpfs needs Linux and root")
    data = home_of_its_own / "data"
    data.mkdir(parents=True)
    if not run("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(data)):
        pytest.skip("this machine lets nobody mount")
    yield data
    assert run("umount", "-l", str(data))


def spoil(disk: Path, how: str) -> None:
    if how == "disk full":
        with (disk / "filler").open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(b"x" * 4096)
        assert shutil.disk_usage(disk).free == 0
    else:
        assert run("mount", "-o", "remount,ro", str(disk))


async def press(panel: Panel) -> str:
    await panel.choose("Sim101")
    await panel.click(panel.flatten)
    said = await panel.says("FLAT ")
    [pressed] = panel.program._presenter.book.presses
    assert pressed.sent_at is not None
    assert pressed.sent_at - pressed.began_at < SOON_S
    return said


def notes(panel: Panel) -> str:
    view = panel.program._presenter._shown
    assert view is not None
    assert panel.find("statusNotes", QWidget) is not None
    return " ".join(view.status.notes)


@pytest.mark.parametrize("how", ["disk full", "read-only"])
async def test_a_press_of_the_window_goes_out_from_a_disk_that_takes_nothing(
    qapp: QApplication,
    small_disk: Path,
    monkeypatch: pytest.MonkeyPatch,
    announce_log: AnnounceLog,
    how: str,
) -> None:
    announce_log(f"the journal is off: {how}|the journal could not be read", must_come=True)
    announce_log("the journal did not close", must_come=False)
    spoil(small_disk, how)
    with ContractServer() as server:
        monkeypatch.setenv("XTRADE_TOKEN", server.token)
        async with running(qapp, base_url=server.base_url) as panel:
            await panel.is_read()
            said = await press(panel)
            assert "journal off" in said or "journal late" in said
            await until(lambda: f"journal off ({how}" in notes(panel) or how in notes(panel), "why")
        assert len(server.presses) == 1


def test_a_press_of_the_command_line_goes_out_from_a_full_disk(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(small_disk, "disk full")
    with ContractServer() as server:
        monkeypatch.setenv("XTRADE_TOKEN", server.token)
        monkeypatch.setenv("CROSSTRADE_PANEL_PACE", "0.25")
        done = subprocess.run(
            [
                *(sys.executable, "-m", "crosstrade_panel", "flatten", "--account", "Sim101"),
                *("--base-url", server.base_url, "--json"),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )
        assert (done.returncode, json.loads(done.stdout)["outcome"]) == (0, "flat"), done
        assert "journal off" in done.stderr or "journal late" in done.stderr
        assert json.loads(done.stdout)["timings_ms"]["sent"] < SOON_S * 1000
        assert len(server.presses) == 1


async def test_a_corrupt_journal_is_set_aside_whole_and_the_press_is_in_a_new_one(
    qapp: QApplication, home_of_its_own: Path, monkeypatch: pytest.MonkeyPatch, announce_log: AnnounceLog
) -> None:
    announce_log("the journal was corrupt and is now")
    announce_log("the journal could not be read", must_come=False)
    data = home_of_its_own / "data"
    data.mkdir(parents=True)
    rubbish = b"SQLite format 3\x00" + bytes(range(256)) * 64
    (data / "journal.sqlite3").write_bytes(rubbish)
    with ContractServer() as server:
        monkeypatch.setenv("XTRADE_TOKEN", server.token)
        async with running(qapp, base_url=server.base_url) as panel:
            await panel.is_read()
            said = await press(panel)
            assert "journal off" not in said
            await until(lambda: panel.rows("journalView"), "the press in the new journal")
    [aside] = data.glob("journal.corrupt-*.sqlite3")
    assert aside.read_bytes() == rubbish
    assert [told[0] for told in stories(home_of_its_own)] == ["intent"]


async def test_a_disk_that_hangs_in_its_sync_is_said_and_keeps_no_press_waiting(
    qapp: QApplication, monkeypatch: pytest.MonkeyPatch, announce_log: AnnounceLog
) -> None:
    announce_log("journal", must_come=False)
    release, real = threading.Event(), JournalFile.sync

    def hang(file: JournalFile) -> None:
        release.wait(PATIENCE_S)
        real(file)

    monkeypatch.setattr(JournalFile, "sync", hang)
    with ContractServer() as server:
        monkeypatch.setenv("XTRADE_TOKEN", server.token)
        async with running(qapp, base_url=server.base_url) as panel:
            await panel.is_read()
            await press(panel)  # its sync hangs: from here on no row is taken
            await until(lambda: "hangs" in notes(panel), "why the journal is off")
            await panel.choose("Sim102")
            await panel.click(panel.flatten)
            await until(lambda: "Sim102" in panel.banner and "proved" in panel.banner, "its outcome")
            assert "journal late" in panel.banner
            second = panel.program._presenter.book.presses[-1]
            assert second.sent_at is not None
            assert second.sent_at - second.began_at < SOON_S
            release.set()
            await until(lambda: len(panel.rows("journalView")) == 2, "both, once the disk goes on")
        assert len(server.presses) == 2
