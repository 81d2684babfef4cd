"""The practice exchange as a program of its own."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading

import httpx
import pytest

from crosstrade_panel.simulator.alone import serve_alone

PROGRAM = (
    "import sys; from crosstrade_panel.simulator.alone import serve_alone; "
    "sys.exit(serve_alone(port=int(sys.argv[1]), seed=3, out=lambda line: print(line, flush=True)))"
)


@pytest.mark.skipif(sys.platform == "win32", reason="signals of another process")
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_it_says_how_to_reach_it_and_leaves_when_asked(ending: signal.Signals) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "XTRADE_TOKEN"}
    environment["CROSSTRADE_PRACTICE_TOKEN"] = "made up"
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "0"], stdout=subprocess.PIPE, text=True, env=environment
    ) as program:
        assert program.stdout is not None
        first, curl, panel = (program.stdout.readline().strip() for _ in range(3))
        url = re.search(r"http://127\.0\.0\.1:\d+", first)
        assert url is not None
        assert curl == f"curl -H 'Authorization: Bearer made up' {url[0]}/v1/api/positions"
        assert panel == f"CROSSTRADE_TOKEN='made up' crosstrade-panel status --base-url {url[0]}"
        headers = {"Authorization": "Bearer made up"}
        answer = httpx.get(f"{url[0]}/v1/api/positions", headers=headers, trust_env=False)
        assert answer.json()["count"] == 4
        program.send_signal(ending)
        rest, _ = program.communicate(timeout=10)
        assert (program.returncode, rest) == (0, "Practice exchange closed.\n")


def test_a_port_in_use_ends_it_with_a_plain_line() -> None:
    said: list[str] = []
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert serve_alone(port=taken.getsockname()[1], seed=1, out=said.append) == 1
    assert len(said) == 1
    assert said[0].startswith("the practice exchange cannot listen on 127.0.0.1:")


def test_a_token_that_no_header_can_carry_ends_it_with_a_plain_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSTRADE_PRACTICE_TOKEN", "zwölf")
    said: list[str] = []
    assert serve_alone(port=0, seed=1, out=said.append) == 1
    assert said == ["CROSSTRADE_PRACTICE_TOKEN may hold printable ASCII characters only."]


def test_the_line_for_the_panel_uses_the_variable_that_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XTRADE_TOKEN", "somebody's own")
    said: list[str] = []
    before = signal.getsignal(signal.SIGINT)

    def end_after_the_directions(line: str) -> None:
        said.append(line)
        if "status" in line:
            raise KeyboardInterrupt

    assert serve_alone(port=0, seed=1, out=end_after_the_directions) == 0
    assert "XTRADE_TOKEN=" in said[2]
    assert "somebody" not in "".join(said)
    assert signal.getsignal(signal.SIGINT) is before
    assert "practice exchange" not in [thread.name for thread in threading.enumerate()]


def test_the_rules_of_the_exchange_load_neither_starlette_nor_uvicorn() -> None:
    program = (
        "import sys, crosstrade_panel.simulator.api\n"
        "print([m for m in sys.modules if m.partition('.')[0] in {'starlette', 'uvicorn', 'anyio'}])\n"
        "print([m for m in sys.modules if m.startswith('crosstrade_panel.') and '.simulator' not in m])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["[]", "[]"]
