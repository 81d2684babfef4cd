"""A program that is stopped and goes on, a machine that sleeps, a loop that is held up."""

import asyncio
import json
import sys
import time
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from crosstrade_panel import app
from crosstrade_panel.system_clock import SystemClock, system_seconds
from crosstrade_panel.ui.view import Gesture
from tests.contract_server import Call, ContractServer, Late, kind_of
from tests.e2e.children import PATIENCE_S, Child, reading
from tests.e2e.panel import running, until

pytestmark = pytest.mark.anyio
on_posix = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGSTOP")
ASLEEP_S = 6.0
LEFT = Qt.MouseButton.LeftButton


def steps(home: Path, kind: str) -> list[tuple[datetime, dict[str, Any]]]:
    with reading(home) as base:
        rows = base.execute("SELECT at, facts FROM steps WHERE kind = ? ORDER BY seq", (kind,)).fetchall()
    return [(datetime.fromisoformat(at), json.loads(facts)) for at, facts in rows]


def reads_after_the_press(server: ContractServer) -> list[Call]:
    log = server.log
    posts = [number for number, call in enumerate(log) if call.method == "POST"]
    looks = {"positions", "snapshot"}
    return [call for call in log[posts[0] :] if kind_of(call) in looks and call.complete] if posts else []


@on_posix
@pytest.mark.parametrize("program", ["window", "command"])
def test_a_read_whose_answer_lay_there_through_a_sleep_proves_nothing(
    home_of_its_own: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    """The second read is on its way when the process is stopped; its answer comes before it goes on."""
    with ContractServer() as server:
        monkeypatch.setenv("XTRADE_TOKEN", server.token)

        def is_second_read(call: Call) -> bool:
            posts = [each for each in server._log if each.method == "POST" and each.status is not None]
            after = [each for each in server._log if posts and each.number > posts[0].number]
            looks = [each for each in after if kind_of(each) in {"positions", "snapshot"}]
            seconds = [each for each in looks if looks and each.target != looks[0].target]
            return bool(seconds) and seconds[0].number == call.number

        server.rule(is_second_read, Late(0.8), times=1)
        with Child(program, "flatten", "drowsy", server.base_url) as child:
            second_waits = server.wait_for(
                lambda: len({call.target for call in reads_after_the_press(server)}) == 2, PATIENCE_S
            )
            assert second_waits
            child.stop()
            connections = server.connections
            assert server.wait_for(lambda: all(call.status for call in reads_after_the_press(server)), 5)
            time.sleep(1.2)  # what passes while it is stopped is the test
            assert not steps(home_of_its_own, "outcome")
            awake_at, awake = time.monotonic(), datetime.now().astimezone()
            child.go_on()
            assert server.wait_for(lambda: bool(steps(home_of_its_own, "outcome")), PATIENCE_S)
            [(told_at, outcome)] = steps(home_of_its_own, "outcome")
        assert outcome["verdict"] == "flat"
        assert (told_at - awake).total_seconds() >= 1.0, "two reads, a second apart, since"
        later = [call for call in server.reads if call.arrived > awake_at]
        proving = [call for call in later if call.connection > connections]
        assert {kind_of(call) for call in proving} >= {"positions", "snapshot"}
        assert len(server.presses) == 1


@on_posix
def test_six_seconds_of_standing_still_fire_no_hold_and_lose_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once: a hold that is stopped, one whose loop is held up, a press that waits for its answer."""
    with ExitStack() as stack:
        servers = {
            action: stack.enter_context(ContractServer(token="one-for-all"))
            for action in ("hold", "stall", "flatten")
        }
        monkeypatch.setenv("XTRADE_TOKEN", "one-for-all")
        homes = {action: tmp_path / action for action in servers}
        for home in homes.values():
            (home / "config").mkdir(parents=True)
            (home / "config" / "settings.toml").write_text("hold_wide_s = 2.0\n", "utf-8")
        servers["flatten"].rule("flatten", Late(0.5))
        children = {
            action: stack.enter_context(
                Child(
                    "window",
                    action,
                    "at its own pace",
                    server.base_url,
                    CROSSTRADE_PANEL_HOME=str(homes[action]),
                )
            )
            for action, server in servers.items()
        }
        connections = {}
        for action in ("hold", "flatten"):
            children[action].hears("pressed")
            if action == "flatten":
                assert servers[action].wait_for(lambda: bool(servers["flatten"].presses), PATIENCE_S)
            children[action].stop()
            connections[action] = servers[action].connections
        children["stall"].hears("pressed")
        began = time.monotonic()
        time.sleep(ASLEEP_S)  # what passes meanwhile is the test
        awake_at = time.monotonic()
        for action in ("hold", "flatten"):
            children[action].go_on()

        for action in ("hold", "stall"):
            server, since = servers[action], awake_at if action == "hold" else began + ASLEEP_S
            assert server.wait_for(
                lambda server=server, since=since: any(  # type: ignore[misc]
                    call.arrived > since + 2.5 for call in server.reads
                ),
                PATIENCE_S,
            ), "it goes on reading, longer than the hold"
            assert server.presses == [], action
        late = [call.connection for call in servers["hold"].reads if call.arrived > awake_at + 1.5]
        assert min(late) > connections["hold"], "over links that were made since"

        home = homes["flatten"]
        assert servers["flatten"].wait_for(lambda: bool(steps(home, "outcome")), PATIENCE_S)
        assert [facts["result"] for _, facts in steps(home, "answer")] == ["accepted"]
        assert steps(home, "outcome")[0][1]["verdict"] == "flat"
        assert len(servers["flatten"].presses) == 1


class LeapingClock(SystemClock):
    """The system's clock, after nights that the machine slept through."""

    leaps_s = 0.0

    def monotonic(self) -> float:
        return system_seconds() + LeapingClock.leaps_s


async def test_a_night_in_the_middle_of_a_verification_begins_the_proof_anew(
    qapp: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "SystemClock", LeapingClock)
    monkeypatch.setattr(LeapingClock, "leaps_s", 0.0)
    with ContractServer() as server:
        monkeypatch.setenv("XTRADE_TOKEN", server.token)
        async with running(qapp, base_url=server.base_url) as panel:
            await panel.is_read()
            await panel.choose("Sim101")
            await panel.click(panel.flatten)
            await until(lambda: reads_after_the_press(server), "the first read of the proof")
            connections, night = server.connections, 8 * 3600.0
            LeapingClock.leaps_s = night
            asleep_at = time.monotonic()
            said = await panel.says("FLAT ")
            assert "late" not in said.splitlines()[0], "the window of the verification began anew, too"
            [press] = panel.program._presenter.book.presses
            assert press.proof is not None
            assert press.proof.evidence.beginnings == 2
            since = [call for call in reads_after_the_press(server) if call.arrived > asleep_at]
            proving = [call for call in since if call.connection > connections]
            assert {kind_of(call) for call in proving} == {"positions", "snapshot"}
            assert proving[-1].arrived - proving[0].arrived >= 1.0


async def test_a_night_in_the_middle_of_a_hold_lets_go(
    qapp: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "SystemClock", LeapingClock)
    monkeypatch.setattr(LeapingClock, "leaps_s", 0.0)
    with ContractServer() as server:
        monkeypatch.setenv("XTRADE_TOKEN", server.token)
        async with running(qapp, base_url=server.base_url) as panel:
            await panel.is_read()
            assert panel.flatten.face.gesture is Gesture.HOLD
            QTest.mousePress(panel.flatten, LEFT)
            await until(lambda: panel.flatten.share_held > 0.3, "a third of the hold")
            LeapingClock.leaps_s = 60.0
            await until(lambda: panel.flatten.share_held == 0.0, "let go")
            await asyncio.sleep(0.9)  # longer than the hold: that nothing comes is the test
            assert server.presses == []


async def test_a_loop_that_stalls_again_and_again_never_completes_a_hold(
    qapp: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ContractServer() as server:
        monkeypatch.setenv("XTRADE_TOKEN", server.token)
        async with running(qapp, base_url=server.base_url) as panel:
            await panel.is_read()
            stalls: list[float] = []

            def stall() -> None:
                time.sleep(0.2)
                stalls.append(panel.flatten.share_held)

            timer = QTimer()
            timer.timeout.connect(stall)
            timer.start(0)
            QTest.mousePress(panel.flatten, LEFT)
            await until(lambda: len(stalls) > 7, "more than a second of it")
            timer.stop()
            assert max(stalls) < 0.3
            assert server.presses == []
