"""Panels and commands as processes of their own: the second start, and what the command line pressed."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import pytest

from crosstrade_panel import texts
from crosstrade_panel.storage.nudge import nudge
from tests.contract_server import ContractServer, Hang

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="stops and continues processes")

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 20.0
NARROW = ("flatten", "--account", "Sim101", "--instrument", "MES 12-25", "--side", "short")


class Running:
    """A panel; killed at the end, whatever becomes of the test."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.desktop.panel_process", *arguments],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: list[str] = []
        self.errors: list[str] = []
        self._news = threading.Condition()
        self._listeners = [
            threading.Thread(target=self._listen, args=each)
            for each in ((self._process.stdout, self.lines), (self._process.stderr, self.errors))
        ]
        for listener in self._listeners:
            listener.start()

    def _listen(self, pipe: "IO[str] | None", lines: list[str]) -> None:
        assert pipe is not None
        for line in pipe:
            with self._news:
                lines.append(line.rstrip("\n"))
                self._news.notify_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self.ends()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            assert pipe is not None
            pipe.close()

    def says(self, line: str, times: int = 1) -> None:
        """Until it has said so, so often."""
        with self._news:
            came = self._news.wait_for(lambda: self.lines.count(line) >= times, PATIENCE_S)
        assert came, (line, self.lines, self.errors)

    def says_like(self, *words: str) -> str:
        """Until it has said a line with all these words in it; that line."""

        def found() -> str | None:
            return next((each for each in self.lines if all(word in each for word in words)), None)

        with self._news:
            self._news.wait_for(found, PATIENCE_S)
            line = found()
        assert line is not None, (words, self.lines, self.errors)
        return line

    def tell(self, word: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def ends(self) -> int:
        code = self._process.wait(PATIENCE_S)
        for listener in self._listeners:
            listener.join(PATIENCE_S)
        return code


def test_a_second_start_brings_the_first_back_from_minimised_and_ends(home_of_its_own: Path) -> None:
    with Running("--practice") as first:
        first.says("window shown")
        first.tell("minimise")
        first.says("window minimised")
        with Running("--practice") as second:
            assert second.ends() == 0
            assert second.lines == []
            assert texts.PANEL_RUNS in second.errors
        first.says("window shown", times=2)
        first.tell("close")
        assert first.ends() == 0
    assert [each.name for each in (home_of_its_own / "data").glob("panel.*")] == ["panel.lock"]


def test_beside_a_panel_that_does_not_answer_the_trader_is_asked() -> None:
    with Running("--practice") as first:
        first.says("window shown")
        first.signal(signal.SIGSTOP)
        with Running("--practice") as second, Running("--practice") as third:
            for each in (second, third):
                each.says("card shown")
                assert each.lines == ["card shown"]
            second.tell("quit")
            assert second.ends() == 0
            assert second.lines == ["card shown"]
            third.tell("another")
            third.says("window shown")
            first.signal(signal.SIGCONT)
            third.tell("close")
            assert third.ends() == 0
        first.tell("close")
        assert first.ends() == 0


def test_another_panel_is_the_one_that_is_found_once_the_stuck_one_is_gone() -> None:
    with Running("--practice") as first:
        first.says("window shown")
        first.signal(signal.SIGSTOP)
        with Running("--practice") as second:
            second.says("card shown")
            first.signal(signal.SIGKILL)
            first.ends()
            second.tell("another")
            second.says("window shown")
            second.tell("minimise")
            second.says("window minimised")
            with Running("--practice") as third:
                assert third.ends() == 0
                assert third.lines == []
            second.says("window shown", times=2)


def test_without_a_screen_a_panel_that_does_not_answer_is_a_sentence() -> None:
    with Running("--practice") as first:
        first.says("window shown")
        first.signal(signal.SIGSTOP)
        done = subprocess.run(
            [sys.executable, "-m", "crosstrade_panel"],
            cwd=ROOT,
            env={**os.environ, "DISPLAY": "", "WAYLAND_DISPLAY": "", "QT_QPA_PLATFORM": ""},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        first.signal(signal.SIGCONT)
        assert done.returncode == 1
        assert done.stderr.startswith(f"{texts.PANEL_SILENT}\n")
        assert "Traceback" not in done.stderr


def press_by_command(server: ContractServer) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "crosstrade_panel", *NARROW, "--base-url", server.base_url, "--json"],
        cwd=ROOT,
        env={**os.environ, "CROSSTRADE_PANEL_PACE": "0.1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_what_the_command_line_pressed_is_shown_by_the_panel_which_sends_nothing(
    home_of_its_own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ContractServer() as server:
        monkeypatch.setenv("CROSSTRADE_TOKEN", server.token)
        with Running("--base-url", server.base_url) as panel:
            panel.says("window shown")
            assert server.wait_for(lambda: len(server.reads) > 0, 20)
            nudge(home_of_its_own / "data", "f" * 32, wait_s=1.0)  # no such press: nothing comes of it
            with press_by_command(server) as command:
                out, _ = command.communicate(timeout=PATIENCE_S)
            assert '"outcome":"flat"' in out.replace(" ", "")
            shown = panel.says_like("FLAT", "Sim101", texts.ANOTHER_PROCESS)
            assert shown.startswith("banner ")
            assert all(texts.ANOTHER_PROCESS in line for line in panel.lines if line.startswith("banner"))
            panel.tell("close")
            assert panel.ends() == 0
        assert len(server.presses) == 1


def test_a_press_whose_command_was_killed_is_shown_as_unknown(
    home_of_its_own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ContractServer() as server:
        monkeypatch.setenv("CROSSTRADE_TOKEN", server.token)
        server.rule("flatten", Hang())
        with Running("--base-url", server.base_url) as panel:
            panel.says("window shown")
            with press_by_command(server) as command:
                assert server.wait_for(lambda: any(call.acted for call in server.presses), 20)
                panel_knows(panel, home_of_its_own, "UNKNOWN", command)
        assert len(server.presses) == 1


def panel_knows(panel: Running, home: Path, word: str, command: "subprocess.Popen[str]") -> None:
    """Kill the command, say that there is something to look at, and wait for the banner."""
    from tests.e2e.children import reading

    command.kill()
    command.wait()
    end = time.monotonic() + PATIENCE_S
    while True:
        with reading(home) as base:
            rows = base.execute("SELECT press_id FROM presses").fetchall()
        if rows:
            break
        assert time.monotonic() < end
    nudge(home / "data", rows[0][0], wait_s=1.0)
    panel.says_like(word, texts.ANOTHER_PROCESS)
