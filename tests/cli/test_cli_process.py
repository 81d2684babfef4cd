"""The real program, as a process, against the independent server."""

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract_server import ContractServer, Hang, Position

if TYPE_CHECKING:
    from tests.cli.conftest import Run

NARROW = ["flatten", "--account", "Sim101", "--instrument", "MES 12-25", "--side", "short"]
Program = Callable[..., list[str]]
Rows = Callable[[], list[tuple[str, str, dict[str, Any]]]]
# SIGHUP is POSIX's alone.
ENDINGS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
on_posix = pytest.mark.skipif(sys.platform == "win32", reason="signals of another process")


def test_the_command_sends_exactly_the_body_once_and_says_flat(
    process: "Run", server: ContractServer
) -> None:
    done = process(*NARROW, "--base-url", server.base_url, "--json", CROSSTRADE_PANEL_PACE="1")
    assert (done.code, done.json["outcome"]) == (0, "flat")
    [press] = server.presses
    assert press.body == b'{"account":"Sim101","instrument":"MES 12-25","marketPosition":"short"}'
    assert press.header("authorization") == f"Bearer {server.token}"
    # the second of the two reads comes a second after the first
    assert done.json["timings_ms"]["proved"] >= 1000


@on_posix
@pytest.mark.parametrize("number", ENDINGS)
def test_a_signal_during_a_hang_is_unknown_and_is_journalled(
    server: ContractServer, program: Program, journal: Rows, number: signal.Signals
) -> None:
    server.rule("flatten", Hang())
    with subprocess.Popen(
        program(*NARROW, "--base-url", server.base_url, "--json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "CROSSTRADE_PANEL_PACE": "1"},
    ) as running:
        assert server.wait_for(lambda: any(call.acted for call in server.presses), 30)
        running.send_signal(number)
        out, err = running.communicate(timeout=20)
    assert (running.returncode, json.loads(out)["outcome"]) == (5, "unknown")
    assert "Traceback" not in err
    assert len(server.presses) == 1
    assert [(kind, facts.get("verdict")) for _, kind, facts in journal()][-1] == ("outcome", "unknown")


@on_posix
def test_ctrl_c_held_down_is_unknown_and_told_once(server: ContractServer, program: Program) -> None:
    server.rule("flatten", Hang())
    with subprocess.Popen(
        program(*NARROW, "--base-url", server.base_url, "--json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert server.wait_for(lambda: any(call.acted for call in server.presses), 30)
        with pytest.raises(subprocess.TimeoutExpired):  # else it ended without being asked
            running.wait(0.01)
        while running.poll() is None:
            running.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                running.wait(0.001)
        out, err = running.communicate(timeout=20)
    assert (running.returncode, json.loads(out)["outcome"]) == (5, "unknown")
    assert "Traceback" not in err


def test_of_two_reverses_at_once_one_leaves(server: ContractServer, program: Program) -> None:
    server.api.entry_s = 0.2
    reverse = ["reverse", "--account", "Sim101", "--instrument", "MES 12-25", "--side", "short", "--json"]
    running = [
        subprocess.Popen(program(*reverse, "--base-url", server.base_url), stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [json.loads(process.communicate(timeout=60)[0]) for process in running]
    assert sorted(process.returncode for process in running) == [0, 4]
    assert sorted(one["outcome"] for one in said) == ["not_sent", "reversed"]
    assert len(server.presses) == 1


@on_posix
def test_a_killed_press_is_left_in_the_journal_without_an_outcome(
    server: ContractServer, program: Program, home: Path, journal: Rows
) -> None:
    def kinds() -> list[str]:
        return [kind for _, kind, _ in journal() if kind != "note"]

    server.rule("flatten", Hang())
    with subprocess.Popen(program(*NARROW, "--base-url", server.base_url), env=dict(os.environ)) as running:
        assert server.wait_for(lambda: any(call.acted for call in server.presses), 30)
        # Written while the request is on its way: a moment later than the server may have it.
        assert server.wait_for(lambda: len(kinds()) > 1)
        running.kill()
        running.wait(20)
    assert kinds() == ["intent", "attempt"]


@pytest.mark.parametrize("arguments", [[*NARROW, "--json"], NARROW])
def test_a_closed_stdout_does_not_change_the_exit_code(
    server: ContractServer, program: Program, arguments: list[str]
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            program(*arguments, "--base-url", server.base_url),
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
            # buffered, as it is by default: then Python flushes once more at its exit
            env={name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"},
        )
    finally:
        os.close(writing)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


@on_posix
def test_no_streams_at_all_do_not_change_the_exit_code(server: ContractServer, program: Program) -> None:
    server.set_positions(Position("Sim102", "MES 12-25", "Short", 2))
    words = " ".join(f"'{word}'" for word in program("status", "--base-url", server.base_url))
    line = f"exec {words} >&- 2>&-"
    assert subprocess.run(["/bin/sh", "-c", line], timeout=60, check=False).returncode == 0


def test_a_terminal_that_knows_ascii_only_gets_question_marks(process: "Run", server: ContractServer) -> None:
    done = process(*NARROW, "--base-url", server.base_url, PYTHONIOENCODING="ascii")
    assert done.code == 0
    assert "Sim101 ? MES 12-25 ? Short" in done.out


def test_the_token_is_nowhere_but_on_the_wire(
    server: ContractServer, program: Program, process: "Run", home: Path
) -> None:
    token = server.token
    texts = []
    for arguments in (NARROW, ["status"], ["--diagnose"], [*NARROW, "--json"]):
        done = process(*arguments, "--base-url", server.base_url)
        texts += [done.out, done.err, " ".join(program(*arguments))]
    bad = process(*NARROW, "--base-url", server.base_url, XTRADE_TOKEN=f"{token} {token}")
    assert bad.code == 4
    texts += [bad.out, bad.err]
    assert not [text for text in texts if token in text]
    files = [path for path in home.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} >= {".log", ".sqlite3"}
    assert not [path for path in files if token.encode() in path.read_bytes()]
    database = sqlite3.connect(home / "data" / "journal.sqlite3")
    assert token not in "\n".join(database.iterdump())
    database.close()


WITH_MODULES = """
import json, sys
from crosstrade_panel.main import main
sys.argv = ["crosstrade-panel", *sys.argv[1:]]
code = main()
sys.stderr.write("\\nMODULES " + json.dumps(sorted(sys.modules)) + "\\n")
sys.exit(code)
"""


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (NARROW, 0),
        (["flatten", "--account", "Sim101", "--practice", "--json"], 0),
        (["reverse", "--account", "Sim101", "--instrument", "MES 12-25", "--side", "short"], 0),
        (["status"], 0),
        (["status", "--practice", "--json"], 0),
        (["simulator", "--port", "TAKEN"], 1),
        (["--diagnose"], 0),
        (["--version"], 0),
        (["--help"], 0),
        (["flatten"], 2),
    ],
)
def test_no_verb_loads_qt_or_qasync(server: ContractServer, arguments: list[str], code: int) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        given = [str(taken.getsockname()[1]) if word == "TAKEN" else word for word in arguments]
        done = subprocess.run(
            [sys.executable, "-c", WITH_MODULES, *given],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "CROSSTRADE_BASE_URL": server.base_url, "CROSSTRADE_PANEL_PACE": "0.3"},
        )
    assert done.returncode == code, done.stderr
    found = re.search(r"^MODULES (.*)$", done.stderr, re.MULTILINE)
    assert found is not None
    tops = {name.partition(".")[0] for name in json.loads(found[1])}
    assert not tops & {"PySide6", "shiboken6", "qasync", "PyQt6"}
    ours = {name for name in json.loads(found[1]) if name.startswith("crosstrade_panel.")}
    assert not {name for name in ours if name.split(".")[1] in {"ui", "desktop", "app", "runtime"}}
    # nothing slow for nothing: the keyring only without a token or to name it, the exchange only for practice
    assert ("keyring" in tops) == (arguments == ["--diagnose"])
    if "--practice" not in arguments and "simulator" not in arguments:
        assert "uvicorn" not in tops


@on_posix
def test_a_thread_that_hangs_does_not_hold_up_the_exit() -> None:
    hanging = (
        "import sys, threading; threading.Thread(target=threading.Event().wait).start();"
        "sys.argv = ['crosstrade-panel', '--version'];"
        "from crosstrade_panel.main import main; sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", hanging], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout[:16]) == (0, "crosstrade-panel")
