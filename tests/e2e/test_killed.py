"""A program that is killed while its press is on the way, and the next start."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication

from crosstrade_panel import app
from crosstrade_panel.storage.journal import SqliteJournal
from crosstrade_panel.trading.ports import EntryKind
from crosstrade_panel.ui.view import Gesture, Look
from tests.contract_server import ContractServer, Hang
from tests.e2e.panel import running, until

pytestmark = pytest.mark.anyio

PRESSING = Path(__file__).with_name("pressing.py")


def wait_for_the_press(server: ContractServer, deadline_s: float = 20.0) -> None:
    end = time.monotonic() + deadline_s
    while not [call for call in server.log if call.complete and call.method == "POST"]:
        assert time.monotonic() < end, "no press arrived"
        time.sleep(0.01)


def remember_sim101(home: Path) -> None:
    settings = home / "config" / "settings.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text('last_account = "Sim101"\n', "utf-8")


def press_and_be_killed(server: ContractServer) -> None:
    """A process of its own presses; it is killed when the request has arrived."""
    killed = subprocess.Popen([sys.executable, PRESSING, server.base_url], env=dict(os.environ))
    try:
        wait_for_the_press(server)
    finally:
        killed.send_signal(signal.SIGKILL)
        killed.wait(10)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
async def test_a_press_that_was_on_its_way_when_the_program_was_killed_is_unknown_at_the_next_start(
    qapp: QApplication, home_of_its_own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember_sim101(home_of_its_own)
    with ContractServer() as server:
        monkeypatch.setenv("XTRADE_TOKEN", server.token)
        server.rule("flatten", Hang(act=False))
        press_and_be_killed(server)
        assert [call.body for call in server.log if call.method == "POST"] == [b'{"account":"Sim101"}']
        server.be_honest()

        async with running(qapp, base_url=server.base_url) as panel:
            await panel.is_read()
            said = await panel.says("UNKNOWN ")
            assert "Sim101" in said
            assert "per NinjaTrader" not in said, "nobody has read anything for it"
            assert panel.flatten.face.gesture is Gesture.HOLD
            assert panel.reverse.look is not Look.READY
            await until(lambda: panel.rows("journalView"), "the journal")
            assert panel.rows("journalView")[0][1] == "FLATTEN Sim101"
            assert panel.rows("journalView")[0][2].endswith("no outcome")
            panel.press_button("acknowledgeButton")
            await until(lambda: panel.flatten.face.gesture is Gesture.CLICK, "an ordinary button again")
        assert len([call for call in server.log if call.method == "POST"]) == 1, "nothing is sent again"

    journal = SqliteJournal(home_of_its_own / "data" / "journal.sqlite3")
    [press] = journal.recent().result(5)
    kinds = [entry.kind for entry in journal.timeline(press.press_id).result(5)]
    assert kinds == [EntryKind.INTENT, EntryKind.ATTEMPT, EntryKind.ACKNOWLEDGED]
    assert journal.close()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGTERM")
def test_a_session_that_ends_while_a_press_is_on_its_way_is_not_held_up_and_the_journal_says_unknown(
    home_of_its_own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember_sim101(home_of_its_own)
    with ContractServer() as server:
        monkeypatch.setenv("XTRADE_TOKEN", server.token)
        server.rule("flatten", Hang(act=False))
        process = subprocess.Popen(
            [sys.executable, PRESSING, server.base_url],
            env=dict(os.environ),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        wait_for_the_press(server)
        began = time.monotonic()
        process.terminate()
        _, errors = process.communicate(timeout=20)
        assert time.monotonic() - began < 8
        assert process.returncode == 128 + signal.SIGTERM
        assert "Traceback" not in errors
        assert "Task was destroyed" not in errors
        log = (home_of_its_own / "log" / "panel.log").read_text("utf-8")
        assert "Traceback" not in log, log
    journal = SqliteJournal(home_of_its_own / "data" / "journal.sqlite3")
    [press] = journal.recent().result(5)
    assert press.verdict == "unknown"
    assert journal.close()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
async def test_a_press_of_another_living_process_locks_the_window_and_a_dead_ones_does_not(
    qapp: QApplication, home_of_its_own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember_sim101(home_of_its_own)
    with ContractServer() as server:
        monkeypatch.setenv("XTRADE_TOKEN", server.token)
        server.rule("flatten", Hang(act=False), times=1)
        async with running(qapp, base_url=server.base_url) as panel:
            await panel.is_read()
            command = ["flatten", "--account", "Sim101", "--base-url", server.base_url]
            other = subprocess.Popen(  # noqa: ASYNC220 - waits for nothing
                [sys.executable, "-m", "crosstrade_panel", *command]
            )
            try:
                await until(lambda: panel.flatten.look is Look.LOCKED, "the lock of another process")
                assert panel.reverse.look is not Look.READY
                await panel.click(panel.flatten)
                await until(lambda: panel.flatten.face.gesture is Gesture.HOLD, "AGAIN, by hold")
            finally:
                other.send_signal(signal.SIGKILL)
                other.wait(10)
            await until(lambda: panel.flatten.face.gesture is Gesture.CLICK, "an ordinary button again")
        assert len([call for call in server.log if call.method == "POST"]) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
async def test_of_two_reverses_at_once_the_windows_gives_way_at_the_last_step(
    qapp: QApplication, home_of_its_own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where the look in the background has not seen the other one yet."""
    remember_sim101(home_of_its_own)
    monkeypatch.setattr(app, "_ELSEWHERE_S", 3600.0)
    with ContractServer() as server:
        monkeypatch.setenv("XTRADE_TOKEN", server.token)
        server.rule("reverse", Hang(act=False))
        async with running(qapp, base_url=server.base_url) as panel:
            await panel.is_read()
            account, instrument = "Sim101", "MES 12-25"
            await panel.choose(account, instrument)
            await until(lambda: panel.reverse.look is Look.READY, "REVERSE, ready")
            pair = ["--account", account, "--instrument", instrument, "--side", "short"]
            other = subprocess.Popen(  # noqa: ASYNC220 - waits for nothing
                [sys.executable, "-m", "crosstrade_panel", "reverse", *pair, "--base-url", server.base_url]
            )
            try:
                await until(lambda: server.presses, "the other one's request")
                await panel.hold(panel.reverse)
                said = await panel.says("NOT SENT ")
                assert "another press of this scope is in flight" in said.lower()
                assert "safe" not in said
            finally:
                other.send_signal(signal.SIGKILL)
                other.wait(10)
        assert len(server.presses) == 1
