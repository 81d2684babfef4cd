"""A wall clock that is set while a press is on its way, the panel's own and the exchange's."""

import itertools
import re
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication

from crosstrade_panel import app
from crosstrade_panel.system_clock import SystemClock
from crosstrade_panel.ui.view import Look
from tests.contract.api import Answer, Api
from tests.contract_server import ContractServer
from tests.e2e import stopping
from tests.e2e.children import reading, wait_for_story
from tests.e2e.panel import Panel, running, until
from tests.e2e.test_killed import STEPS, kill_at

pytestmark = pytest.mark.anyio


class SetClock(SystemClock):
    """The system's clock, whose wall time somebody sets; its seconds go on."""

    off_by = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + SetClock.off_by


@pytest.fixture(autouse=True)
def somebody_sets_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "SystemClock", SetClock)
    monkeypatch.setattr(SetClock, "off_by", timedelta(0))


def set_once_read(server: ContractServer, jump: timedelta) -> Callable[[], bool]:
    """Sets the clock as soon as the first read after the press was made; whether that has happened."""

    def is_set() -> bool:
        log = server.log
        posts = [number for number, call in enumerate(log) if call.method == "POST" and call.status]
        if SetClock.off_by != jump and posts and any(call.status for call in log[posts[0] + 1 :]):
            SetClock.off_by = jump
        return SetClock.off_by == jump

    return is_set


def told_time(said: str) -> timedelta:
    """The time of day in a headline, local."""
    found = re.search(r"(\d\d):(\d\d):(\d\d)\.(\d{3})", said)
    assert found is not None, said
    hours, minutes, seconds, thousandths = map(int, found.groups())
    return timedelta(hours=hours, minutes=minutes, seconds=seconds, milliseconds=thousandths)


def newest(home: Path) -> sqlite3.Row:
    with reading(home) as base:
        base.row_factory = sqlite3.Row
        row = base.execute(
            "SELECT p.at began, s.at ended, s.after_s after_s, json_extract(s.facts, '$.proved_s') proved_s"
            " FROM presses p JOIN steps s USING (press_id) WHERE s.kind = 'outcome' ORDER BY s.seq DESC"
        ).fetchone()
    assert isinstance(row, sqlite3.Row)
    return row


async def flatten(panel: Panel, server: ContractServer, jump: timedelta) -> str:
    """Press, have the clock set between the two reads of the proof, and hear what is told."""
    is_set = set_once_read(server, jump)
    await panel.click(panel.flatten)
    await until(is_set, "the clock is set")
    return await panel.says("FLAT ")


@pytest.mark.parametrize("hours", [-24, -1, 1, 24])
async def test_a_clock_that_is_set_during_a_press_changes_times_of_day_and_nothing_else(
    qapp: QApplication, monkeypatch: pytest.MonkeyPatch, home_of_its_own: Path, hours: int
) -> None:
    jump = timedelta(hours=hours)
    with ContractServer() as server:
        monkeypatch.setenv("XTRADE_TOKEN", server.token)
        async with running(qapp, base_url=server.base_url) as panel:
            await panel.is_read()
            await panel.choose("Sim101")
            said = await flatten(panel, server, jump)
            now = (datetime.now(UTC) + jump).astimezone()
            proved = told_time(said)
            since = timedelta(hours=now.hour, minutes=now.minute, seconds=now.second) - proved
            assert abs(since) < timedelta(seconds=5), "the time of day at which it was proved, as now set"
            found = re.search(r"proved (\d+\.\d) s", said)
            assert found is not None, said
            assert 1.0 <= float(found[1]) < 5.0
            [press] = panel.program._presenter.book.presses
            assert press.written is not None
            await until(press.written.done, "the outcome in the journal")
            age_s = panel.program._presenter._desk.watch.age_s()  # type: ignore[union-attr]
            assert age_s is not None
            assert 0 <= age_s < 5, "how old the read is has nothing to do with the time of day"
            assert panel.flatten.look is Look.READY, "nor has a lock"
        row = newest(home_of_its_own)
        lasted = datetime.fromisoformat(row["ended"]) - datetime.fromisoformat(row["began"])
        assert abs(lasted - jump) < timedelta(seconds=5), "wall times are told as they were"
        assert 1.0 <= row["proved_s"] <= row["after_s"] < 5.0
        assert len(server.presses) == 1


async def test_presses_are_listed_as_they_were_pressed_whatever_the_clock_says(
    qapp: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ContractServer() as server:
        monkeypatch.setenv("XTRADE_TOKEN", server.token)
        async with running(qapp, base_url=server.base_url) as panel:
            await panel.is_read()
            accounts = [account.name for account in server.state.accounts][:3]
            assert len(accounts) == 3
            for number, account in enumerate(accounts):
                SetClock.off_by = timedelta(hours=-number)
                await panel.choose(account)
                await until(lambda: panel.flatten.look is Look.READY, "FLATTEN, ready")
                await panel.click(panel.flatten)
                await until(lambda number=number: len(server.presses) == number + 1, "a press")  # type: ignore[misc]
            lines = [f"FLATTEN {account}" for account in reversed(accounts)]
            await until(lambda: [row[1] for row in panel.rows("journalView")] == lines, "three lines")
            times = [row[0] for row in panel.rows("journalView")]
            hours = [int(time.rpartition(" ")[2].partition(":")[0]) for time in times]  # behind a day, maybe
            assert [(later - first) % 24 for first, later in itertools.pairwise(hours)] == [1, 1]


async def test_a_press_left_open_before_the_clock_was_set_is_as_old_as_it_is(
    qapp: QApplication, monkeypatch: pytest.MonkeyPatch, home_of_its_own: Path
) -> None:
    """The boot is the same: its seconds count. After another boot there is only the time of day."""
    monkeypatch.setattr(app, "Pace", stopping.hurried)
    [step] = [each for each in STEPS if each.name == "after the exchange acted"]
    with ContractServer() as server:
        monkeypatch.setenv("XTRADE_TOKEN", server.token)
        kill_at(step, "command", "flatten", server, home_of_its_own)
        SetClock.off_by = timedelta(hours=-1)
        async with running(qapp, base_url=server.base_url) as panel:
            said = await panel.says("FLAT (late, ")
            age = re.search(r"late, ([\d.]+) s\)", said)
            assert age is not None, said
            assert float(age[1]) < 20
        wait_for_story(home_of_its_own, [*step.kinds, "outcome"])

        with sqlite3.connect(home_of_its_own / "data" / "journal.sqlite3") as base:
            base.execute("UPDATE presses SET boot = 'an earlier one', system_s = system_s + 99999")
            base.execute("DELETE FROM steps WHERE kind = 'outcome'")
        base.close()
        SetClock.off_by = timedelta(hours=2)
        async with running(qapp, base_url=server.base_url) as panel:
            await panel.says("FLAT (late, 120 min)")


async def test_an_exchange_whose_clock_goes_back_delays_a_proof_by_one_read_and_no_more(
    qapp: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ContractServer() as server:
        monkeypatch.setenv("XTRADE_TOKEN", server.token)
        monkeypatch.setattr(app, "Pace", stopping.hurried)
        set_back_ms = 0
        honest = Api._snapshot

        def snapshot(api: Api) -> Answer:
            answer = honest(api)
            assert isinstance(answer.body, dict)
            epoch = answer.body["epoch"]
            assert isinstance(epoch, int)
            return replace(answer, body={**answer.body, "epoch": epoch - set_back_ms})

        monkeypatch.setattr(Api, "_snapshot", snapshot)
        async with running(qapp, base_url=server.base_url) as panel:
            await panel.is_read()
            await panel.choose("Sim101")
            await until(lambda: len(server.reads) > 2, "reads with the time before")
            set_back_ms = 3_600_000
            await panel.click(panel.flatten)
            said = await panel.says("FLAT ")
            assert "late" not in said
            [press] = panel.program._presenter.book.presses
            assert press.outcome is not None
            assert press.outcome.timings.proved_s is not None
            assert press.outcome.timings.proved_s < 2.5, "before the end of the window"
        assert len(server.presses) == 1
