"""A program that is killed while its press is on the way, and the next start."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from PySide6.QtWidgets import QApplication

from crosstrade_panel import app
from crosstrade_panel.storage.journal import SqliteJournal
from crosstrade_panel.trading.ports import EntryKind
from crosstrade_panel.ui.view import Gesture, Look
from tests.contract_server import ContractServer, Hang, Honest, Position, effects, kind_of
from tests.e2e import stopping
from tests.e2e.children import PATIENCE_S, Child, assert_sound, stories, wait_for_story
from tests.e2e.panel import running, until

pytestmark = pytest.mark.anyio
on_posix = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")

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


def press_and_be_killed(server: ContractServer, home: Path) -> None:
    """A process of its own presses; it is killed when the request has arrived, and its journal knows."""
    killed = subprocess.Popen([sys.executable, PRESSING, server.base_url], env=dict(os.environ))
    try:
        wait_for_the_press(server)
        wait_for_story(home, ["intent", "attempt"])
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
        press_and_be_killed(server, home_of_its_own)
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
    told = [kind for kind in kinds if kind is not EntryKind.READ]  # reads go on: what they show is told, too
    assert told == [EntryKind.INTENT, EntryKind.ATTEMPT, EntryKind.ACKNOWLEDGED]
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


# --- killed at every step


@dataclass(frozen=True, slots=True)
class Step:
    """Where the program is killed. `kinds`: what its journal holds by then; `told`: what the next start says.

    `requests` have left by then; `holds`: what the exchange does with them where the program does not halt.
    """

    name: str
    kinds: tuple[str, ...]
    requests: int
    told: str
    reads: int = 0
    holds: Hang | None = None


NOTHING, STILL_UNKNOWN, LATE = "", "UNKNOWN ", "{good} (late, "
STEPS = [
    Step("before the intent", (), 0, NOTHING),
    # "Journal late": the one press that a crash may lose (product section 4).
    Step("while the intent is written", (), 1, NOTHING, holds=Hang()),
    Step("after the intent", ("intent",), 0, STILL_UNKNOWN),
    Step("before the first byte", ("intent", "attempt"), 0, STILL_UNKNOWN),
    Step("while the request is out", ("intent", "attempt"), 1, STILL_UNKNOWN, holds=Hang(act=False)),
    Step("after the exchange acted", ("intent", "attempt"), 1, LATE, holds=Hang()),
    Step("after the answer", ("intent", "attempt", "answer"), 1, LATE),
    Step("between the two reads", ("intent", "attempt", "answer"), 1, LATE, reads=1),
    Step("after the proof", ("intent", "attempt", "answer"), 1, LATE, reads=2),
    Step("after the outcome", ("intent", "attempt", "answer", "outcome"), 1, NOTHING, reads=2),
]
REVERSED_IN_THE_WINDOW = {
    "after the intent",
    "after the exchange acted",
    "between the two reads",
    "after the outcome",
}
GOOD = {"flatten": "FLAT", "reverse": "REVERSED"}
KIND: dict[str, Literal["flatten", "reverse", "cancel_all"]] = {
    "flatten": "flatten",
    "reverse": "reverse",
    "cancel": "cancel_all",
}


def kill_at(
    step: Step, program: str, action: str, server: ContractServer, home: Path, *, number: int = 0
) -> None:
    """A process of its own presses, the `number`th of that journal, and is killed there."""
    earlier = len(server.log)
    server.rule(KIND[action], step.holds or Honest())
    with Child(program, action, step.name, server.base_url) as child:
        if step.holds is None or not step.kinds:
            child.hears("halted")
        if step.requests:
            act = step.holds is None or step.holds.act is True

            def arrived() -> bool:
                whole = [
                    call for call in server.log[earlier:] if kind_of(call) == KIND[action] and call.complete
                ]
                return any(call.acted or not act for call in whole)

            assert server.wait_for(arrived, PATIENCE_S), "no press arrived"
        if step.kinds:
            wait_for_story(home, list(step.kinds), number=number, reads=step.reads)
    server.be_honest()


def sent(server: ContractServer) -> list[tuple[str, bytes]]:
    return [(call.path, call.body) for call in server.presses]


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The window's waiting times, a quarter of what they are."""
    monkeypatch.setattr(app, "Pace", stopping.hurried)


async def assert_the_next_start_tells(
    step: Step, action: str, qapp: QApplication, server: ContractServer, home: Path
) -> None:
    before = sent(server)
    assert len(before) == step.requests
    server.freeze()  # what is known before anything is read
    async with running(qapp, base_url=server.base_url) as panel:
        presenter = panel.program._presenter
        if step.told == NOTHING:
            server.thaw()
            await panel.is_read()
            await until(lambda: panel.rows("journalView") or not step.kinds, "the journal")
            assert presenter.book.presses == ()
            assert panel.banner == ""
        else:
            said = await panel.says("UNKNOWN ")
            assert "Sim101" in said
            assert "per NinjaTrader" not in said, "nobody has read anything for it"
            [press] = presenter.book.presses
            assert press.is_unresolved
            server.thaw()
            await panel.is_read()
            said = await panel.says(step.told.format(good=GOOD[action]))
            if step.told == LATE:
                age = re.search(r"\(late, ([\d.]+) s\)", said)
                assert age is not None, said
                assert float(age[1]) < PATIENCE_S
                assert press.written is not None
                await until(press.written.done, "the outcome in the journal")
            else:
                await until(lambda: panel.banner.find("NinjaTrader shows Short 2") > 0, "what is read")
            assert press.is_unresolved is (step.told == STILL_UNKNOWN)
    assert sent(server) == before, "nothing is sent again"
    kinds = [*step.kinds, *(["outcome"] if step.told == LATE else [])]
    assert stories(home) == ([kinds] if kinds else [])
    assert_sound(home)


@on_posix
@pytest.mark.parametrize(
    ("step", "action"),
    [
        pytest.param(step, action, id=f"{action}, {step.name}")
        for step in STEPS
        for action in ("flatten", "reverse")
        # Each takes two starts of the window; the command line goes through all of them for both.
        if action == "flatten" or step.name in REVERSED_IN_THE_WINDOW
    ],
)
async def test_a_window_killed_at_any_step_of_a_press_tells_what_is_known_at_its_next_start(
    qapp: QApplication,
    home_of_its_own: Path,
    monkeypatch: pytest.MonkeyPatch,
    hurried: None,
    step: Step,
    action: str,
) -> None:
    with ContractServer() as server:
        monkeypatch.setenv("XTRADE_TOKEN", server.token)
        kill_at(step, "window", action, server, home_of_its_own)
        await assert_the_next_start_tells(step, action, qapp, server, home_of_its_own)


@on_posix
@pytest.mark.parametrize("action", ["flatten", "reverse"])
async def test_a_command_killed_at_any_step_of_a_press_is_told_by_the_window(
    qapp: QApplication,
    home_of_its_own: Path,
    monkeypatch: pytest.MonkeyPatch,
    hurried: None,
    action: str,
) -> None:
    """All in one journal: what dead commands left open locks no later one, and is told all at once."""
    remember_sim101(home_of_its_own)
    left: list[Step] = []
    with ContractServer() as server:
        monkeypatch.setenv("XTRADE_TOKEN", server.token)
        # A reverse of the command line is not sent without its row in the journal.
        for step in [each for each in STEPS if action == "flatten" or each.kinds or not each.requests]:
            server.set_positions(Position("Sim101", "MES 12-25", "Short", 2))
            before = len(server.presses)
            kill_at(step, "command", action, server, home_of_its_own, number=len(left))
            assert len(server.presses) == before + step.requests, step
            left += [step] if step.kinds else []
        assert stories(home_of_its_own) == [list(step.kinds) for step in left]

        before_start = sent(server)
        async with running(qapp, base_url=server.base_url) as panel:
            await panel.is_read()
            book = panel.program._presenter.book
            assert len(book.presses) == sum("outcome" not in step.kinds for step in left)
            word = GOOD[action].lower()
            await until(
                lambda: all(
                    press.outcome is not None and press.outcome.verdict.value == word and press.outcome.late_s
                    for press in book.presses
                ),
                "everything proved by two reads of the next start",
            )
        assert sent(server) == before_start, "nothing is sent again"
    assert stories(home_of_its_own) == [
        [*step.kinds, *(() if "outcome" in step.kinds else ("outcome",))] for step in left
    ]
    assert_sound(home_of_its_own)


@on_posix
async def test_a_killed_cancel_of_orders_is_told_by_what_works_on(
    qapp: QApplication,
    home_of_its_own: Path,
    monkeypatch: pytest.MonkeyPatch,
    hurried: None,
) -> None:
    [step] = [each for each in STEPS if each.name == "after the exchange acted"]
    with ContractServer() as server:
        monkeypatch.setenv("XTRADE_TOKEN", server.token)
        server.rule("flatten", Honest(effects.keep_orders))
        remember_sim101(home_of_its_own)
        kill_at(step, "window", "cancel", server, home_of_its_own, number=1)
        before = sent(server)
        async with running(qapp, base_url=server.base_url) as panel:
            await panel.is_read()
            [press] = panel.program._presenter.book.presses
            assert press.cancel is not None
            await panel.says("CANCELLED (late, ")
        assert sent(server) == before, "nothing is sent again"
    assert_sound(home_of_its_own)


@on_posix
async def test_what_was_pressed_at_another_server_is_told_there_and_not_proved_here(
    qapp: QApplication, home_of_its_own: Path, monkeypatch: pytest.MonkeyPatch, hurried: None
) -> None:
    token = "a-token-of-both-servers"
    [step] = [each for each in STEPS if each.name == "while the request is out"]
    monkeypatch.setenv("XTRADE_TOKEN", token)
    with ContractServer(token=token) as there, ContractServer(token=token) as here:
        here.set_positions()
        kill_at(step, "command", "flatten", there, home_of_its_own)
        async with running(qapp, base_url=here.base_url) as panel:
            await until(lambda: panel.rows("journalView"), "the journal")
            await until(lambda: len(here.reads) > 3, "reads that show nothing open here")
            assert panel.program._presenter.book.presses == ()
        async with running(qapp, base_url=there.base_url) as panel:
            await panel.says("UNKNOWN ")
    assert stories(home_of_its_own) == [["intent", "attempt"]]


# --- the other process is alive


@on_posix
async def test_a_press_of_a_living_window_is_not_told_as_unknown_elsewhere_and_locks(
    qapp: QApplication, home_of_its_own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember_sim101(home_of_its_own)
    with ContractServer() as server:
        monkeypatch.setenv("XTRADE_TOKEN", server.token)
        server.rule("flatten", Hang(act=False))
        with Child("window", "flatten", "nowhere", server.base_url) as other:
            other.hears("pressed")
            assert server.wait_for(lambda: bool(server.presses), PATIENCE_S)
            wait_for_story(home_of_its_own, ["intent", "attempt"])
            command = ["flatten", "--account", "Sim101", "--instrument", "MES 12-25"]
            command += ["--base-url", server.base_url, "--json"]
            done = subprocess.run(  # noqa: ASYNC221 - no window runs in here yet
                [sys.executable, "-m", "crosstrade_panel", *command],
                capture_output=True,
                text=True,
                check=False,
                timeout=PATIENCE_S,
            )
            assert done.returncode == 4, done
            assert f"process {other.pid}" in json.loads(done.stdout)["detail"]
            async with running(qapp, base_url=server.base_url) as panel:
                await panel.is_read()
                await until(lambda: panel.program._presenter.book.elsewhere, "the other one's press")
                assert panel.banner == "", "it is still theirs to tell"
                await panel.choose("Sim101", "MES 12-25")
                assert panel.reverse.look is not Look.READY
                assert panel.flatten.look is Look.LOCKED or panel.flatten.face.gesture is Gesture.HOLD
        assert len(server.presses) == 1
