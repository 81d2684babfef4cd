"""The set-up: what makes an environment whole, and what is said when it can not be made. No network."""

import errno
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import claims
import debian
import environment
import pytest
import sentences
from environment import OURS, STAMP, USE, Environment, Interpreter, Lock
from sentences import SetUpError

PYTHON = Interpreter("/opt/python3.11", "3.11", "cpython 3.11 linux-x86_64 /opt", has_venv=True)
LOCK = Lock("httpx==0.28.1 --hash=sha256:00\n", "pytest==9.0 --hash=sha256:11\n")
DEBIAN_LISTING = "".join(f"installed\t{name}\t\n" for name in [*debian.OFFSCREEN, *debian.SCREEN])

posix_only = pytest.mark.skipif(os.name != "posix", reason="files in use are protected by Windows itself")


@dataclass
class FakeTools:
    """Stands for venv and pip: makes the files that they would, or fails as told."""

    fail_at: str = ""
    said: str = ""
    interrupt_at: str = ""
    made: int = 0
    installed: list[str] = field(default_factory=list)

    def __call__(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        step = "venv" if "venv" in command else "pip" if "pip" in command else "qt"
        if step == self.interrupt_at:
            raise KeyboardInterrupt
        if step == self.fail_at:
            return subprocess.CompletedProcess(command, 1, self.said)
        if step == "venv":
            self.made += 1
            place = Path(command[-1])
            for folder in ("bin", "lib/python3.11/site-packages", "Scripts", "Lib/site-packages"):
                (place / folder).mkdir(parents=True, exist_ok=True)
            for python in ("bin/python", "Scripts/python.exe"):
                (place / python).touch()
        if step == "pip":
            self.installed.append(Path(command[-1]).read_text("utf-8"))
        return subprocess.CompletedProcess(command, 0, "")

    def interrupt(self, *_: object) -> None:
        raise KeyboardInterrupt


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch) -> FakeTools:
    fake = FakeTools()
    monkeypatch.setattr(environment, "_call", fake)
    monkeypatch.setattr(debian, "is_here", lambda: False)
    return fake


@pytest.fixture
def own(tmp_path: Path) -> Environment:
    return Environment(tmp_path / ".venv", PYTHON, LOCK)


def prepare(own: Environment, *, tests: bool = False) -> None:
    own.prepare(tests=tests).file.close()


def test_a_second_run_calls_no_tool(tools: FakeTools, own: Environment) -> None:
    prepare(own)
    assert (tools.made, tools.installed) == (1, [LOCK.runtime])
    prepare(own)
    assert (tools.made, len(tools.installed)) == (1, 1)


def test_the_panel_does_not_wait_for_the_packages_of_the_tests(tools: FakeTools, own: Environment) -> None:
    prepare(own)
    assert own.is_ready(tests=False)
    assert not own.is_ready(tests=True)
    prepare(own, tests=True)
    assert (tools.made, tools.installed) == (1, [LOCK.runtime, LOCK.tests])
    assert own.is_ready(tests=True)
    assert own.is_ready(tests=False)


@pytest.mark.parametrize(
    "other",
    [
        Environment(Path(), PYTHON, Lock(LOCK.runtime + "idna==1\n", LOCK.tests)),
        Environment(
            Path(), Interpreter(PYTHON.path, "3.11", "cpython 3.11 macosx /opt", has_venv=True), LOCK
        ),
        Environment(
            Path(), Interpreter(PYTHON.path, "3.11", "cpython 3.12 linux-x86_64 /opt", has_venv=True), LOCK
        ),
    ],
)
def test_another_lock_python_or_platform_makes_the_environment_anew(
    tools: FakeTools, own: Environment, other: Environment
) -> None:
    prepare(own)
    left = own.place / "lib" / "left.py"
    left.touch()
    prepare(Environment(own.place, other.interpreter, other.lock))
    assert tools.made == 2
    assert not left.exists()


def test_a_moved_tree_makes_the_environment_anew(
    tools: FakeTools, own: Environment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    prepare(own)
    monkeypatch.setattr(environment, "ROOT", tmp_path / "elsewhere")
    prepare(own)
    assert tools.made == 2


def test_a_new_lock_for_the_tests_leaves_the_panel_alone(tools: FakeTools, own: Environment) -> None:
    prepare(own, tests=True)
    newer = Environment(own.place, PYTHON, Lock(LOCK.runtime, "pytest==10 --hash=sha256:22\n"))
    assert newer.is_ready(tests=False)
    prepare(newer, tests=True)
    assert tools.made == 1
    assert newer.is_ready(tests=True)


@pytest.mark.parametrize("step", ["venv", "pip"])
def test_an_interrupted_set_up_is_never_taken_for_whole(
    tools: FakeTools, own: Environment, step: str
) -> None:
    tools.interrupt_at = step
    with pytest.raises(KeyboardInterrupt):
        own.prepare(tests=False)
    assert not own.is_ready(tests=False)
    (own.place / "half").mkdir()
    tools.interrupt_at = ""
    prepare(own)
    assert own.is_ready(tests=False)
    assert not (own.place / "half").exists()


def test_an_interrupted_renewal_is_never_taken_for_whole(tools: FakeTools, own: Environment) -> None:
    prepare(own)
    newer = Environment(own.place, PYTHON, Lock("idna==1 --hash=sha256:33\n", LOCK.tests))
    tools.interrupt_at = "pip"
    with pytest.raises(KeyboardInterrupt):
        newer.prepare(tests=False)
    assert not newer.is_ready(tests=False)
    assert not own.is_ready(tests=False)


def test_an_interrupted_renewal_of_the_tests_leaves_no_trace_of_the_old_ones(
    tools: FakeTools, own: Environment
) -> None:
    prepare(own, tests=True)
    newer = Environment(own.place, PYTHON, Lock(LOCK.runtime, "pytest==10 --hash=sha256:22\n"))
    tools.interrupt_at = "pip"
    with pytest.raises(KeyboardInterrupt):
        newer.prepare(tests=True)
    assert own.is_ready(tests=False)
    assert not own.is_ready(tests=True)


def test_an_environment_half_taken_apart_is_never_taken_for_whole(
    tools: FakeTools, own: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(own)
    newer = Environment(own.place, PYTHON, Lock("idna==1 --hash=sha256:33\n", LOCK.tests))
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", tools.interrupt)
        with pytest.raises(KeyboardInterrupt):
            newer.prepare(tests=False)
    assert not own.is_ready(tests=False)
    prepare(own)
    assert own.is_ready(tests=False)


@pytest.mark.parametrize("stamp", [b"", b"runtime", b"\xff\xfe", b"runtime 0000\n"])
def test_a_damaged_stamp_makes_the_environment_anew(tools: FakeTools, own: Environment, stamp: bytes) -> None:
    prepare(own)
    (own.place / STAMP).write_bytes(stamp)
    prepare(own)
    assert tools.made == 2


def test_a_stamp_without_its_python_makes_the_environment_anew(tools: FakeTools, own: Environment) -> None:
    prepare(own)
    own.python.unlink()
    prepare(own)
    assert tools.made == 2


@posix_only
def test_an_environment_that_a_program_runs_from_is_not_taken_apart(
    tools: FakeTools, own: Environment
) -> None:
    running = own.prepare(tests=False)
    newer = Environment(own.place, PYTHON, Lock("idna==1 --hash=sha256:33\n", LOCK.tests))
    with running.file, pytest.raises(SetUpError, match="Close it"):
        newer.prepare(tests=False)
    assert own.is_ready(tests=False)
    prepare(newer)
    assert newer.is_ready(tests=False)


@posix_only
def test_a_tool_that_outlives_a_killed_set_up_keeps_its_turn(tmp_path: Path) -> None:
    path = tmp_path / OURS
    with claims.turn(path):
        left_behind = environment._call(["/bin/sh", "-c", "sleep 60 >/dev/null 2>&1 & echo $!"])
    tool = int(left_behind.stdout)
    try:
        with claims.claim(path, shared=False) as free:
            assert not free
    finally:
        os.kill(tool, signal.SIGKILL)
    with claims.turn(path):
        pass


@posix_only
def test_the_claim_outlives_the_change_into_the_program(tools: FakeTools, own: Environment) -> None:
    hold = own.prepare(tests=False)
    hold.outlive_exec()
    number = str(hold.file.fileno())
    command = [sys.executable, "-c", "print('up', flush=True); input()"]
    with subprocess.Popen(
        command, close_fds=False, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as program:
        hold.file.close()
        assert program.stdout is not None
        assert program.stdout.readline() == "up\n", number
        newer = Environment(own.place, PYTHON, Lock("idna==1 --hash=sha256:33\n", LOCK.tests))
        with pytest.raises(SetUpError, match="Close it"):
            newer.prepare(tests=False)
        program.communicate("\n")
    prepare(newer)


def test_the_tree_is_importable_from_anywhere_whatever_its_path(
    tools: FakeTools, own: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "ROOT", Path("/home/jürgen 'x'/パネル"))
    prepare(own)
    folder = "Lib/site-packages" if os.name == "nt" else "lib/python3.11/site-packages"
    line = (own.place / folder / "crosstrade_panel.pth").read_text("ascii")
    assert line.startswith("import sys; ")
    before = list(sys.path)
    try:
        exec(line, {})  # noqa: S102
        assert sys.path == [*before, str(Path("/home/jürgen 'x'/パネル"))]
    finally:
        sys.path[:] = before


NO_NETWORK = """\
WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(': Failed to establish')'
ERROR: Could not find a version that satisfies the requirement anyio==4.16.0 (from versions: none)
ERROR: No matching distribution found for anyio==4.16.0
"""


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (NO_NETWORK, "could not be reached"),
        ("socket.gaierror: [Errno -3] Temporary failure in name resolution", "could not be reached"),
        (
            "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
            "disk is full",
        ),
        (
            "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.",
            "not the one that was locked",
        ),
        (
            "ERROR: No matching distribution found for pyside6-essentials==6.11.3",
            "not to be had for this Python",
        ),
        ("Traceback (most recent call last):\nValueError: x", "could not be installed"),
    ],
)
def test_what_pip_could_not_do_is_said_in_a_sentence_with_its_last_lines(
    tools: FakeTools, own: Environment, said: str, sentence: str
) -> None:
    tools.fail_at, tools.said = "pip", said
    with pytest.raises(SetUpError) as caught:
        own.prepare(tests=False)
    first, *rest = str(caught.value).splitlines()
    assert sentence in first
    assert rest == [f"  | {line}" for line in said.splitlines()]
    assert not own.is_ready(tests=False)


def test_only_the_last_lines_of_a_tool_are_shown() -> None:
    shown = sentences.failure("It failed.", "\n".join(str(number) for number in range(100)) + "\n\n")
    assert shown.splitlines() == ["It failed.", *(f"  | {number}" for number in range(92, 100))]


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "The disk is full (/x)."),
        (errno.EROFS, "This may not be written or run (/x)."),
        (errno.EIO, "Input/output error (/x)."),
    ],
)
def test_an_error_of_the_system_is_said_in_a_sentence(number: int, said: str) -> None:
    assert sentences.sentence(OSError(number, os.strerror(number), "/x")) == said


def test_a_python_without_venv_is_named(tools: FakeTools, own: Environment) -> None:
    bare = Interpreter("/opt/python3.11", "3.11", "x", has_venv=False)
    with pytest.raises(SetUpError, match=r"python3\.11 comes without"):
        Environment(own.place, bare, LOCK).prepare(tests=False)
    assert not own.place.exists()


def test_a_qt_that_does_not_load_is_a_hint_and_no_stop(
    tools: FakeTools, own: Environment, capsys: pytest.CaptureFixture[str]
) -> None:
    tools.fail_at, tools.said = "qt", "ImportError: libEGL.so.1: cannot open shared object file"
    prepare(own)
    said = capsys.readouterr()
    assert "libEGL.so.1" in said.err
    assert "libegl1" in said.err
    assert said.out == ""


def test_nothing_that_somebody_else_made_is_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    monkeypatch.delenv(environment.PLACE_VARIABLE, raising=False)
    theirs = tmp_path / ".venv"
    assert Environment.default(PYTHON).place == theirs
    theirs.mkdir()
    assert Environment.default(PYTHON).place == theirs
    (theirs / "pyvenv.cfg").touch()
    assert Environment.default(PYTHON).place == tmp_path / ".venv-panel"
    (theirs / OURS).touch()
    assert Environment.default(PYTHON).place == theirs
    assert Environment.default(PYTHON, "-3.12").place == tmp_path / ".venv-3.12"


def test_a_chosen_place_is_used_or_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(environment.PLACE_VARIABLE, str(tmp_path / "mine"))
    assert Environment.default(PYTHON).place == tmp_path / "mine"
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    with pytest.raises(SetUpError, match="holds something else"):
        Environment.default(PYTHON)


def test_the_lock_is_read_by_its_marker_lines() -> None:
    text = "# head\n# --- runtime ---\nhttpx==1 \\\n    --hash=sha256:00\n# --- tests ---\npytest==9\n"
    assert environment.parse_lock(text) == Lock("httpx==1 \\\n    --hash=sha256:00\n", "pytest==9\n")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "httpx==1\n",
        "# --- runtime ---\nhttpx==1\n",
        "# --- tests ---\npytest==9\n# --- runtime ---\nhttpx==1\n",
        "# --- runtime ---\n# --- tests ---\npytest==9\n",
        "# --- runtime ---\nhttpx==1\n# --- tests ---\n",
        "# --- runtime ---\nhttpx==1\n# --- tests ---\npytest==9\n# --- tests ---\npytest==9\n",
    ],
)
def test_a_damaged_lock_is_named(text: str) -> None:
    with pytest.raises(SetUpError, match="is damaged"):
        environment.parse_lock(text)


class FakeDebian:
    """A Debian on which some packages are installed; apt-get installs, or fails as told."""

    def __init__(self, listing: str, *, works: bool = True) -> None:
        self.have = debian.provided(listing)
        self.works = works
        self.asked: list[list[str]] = []

    def is_here(self) -> bool:
        return True

    def missing(self, wanted: Sequence[str]) -> list[str]:
        return [name for name in wanted if name not in self.have]

    def install(self, packages: Sequence[str]) -> tuple[bool, str]:
        self.asked.append(list(packages))
        if self.works:
            self.have |= set(packages)
        return self.works, "" if self.works else "E: Unable to locate package libegl1\n"

    def put_on(self, monkeypatch: pytest.MonkeyPatch, *, user: int) -> None:
        for name in ("is_here", "missing", "install"):
            monkeypatch.setattr(debian, name, getattr(self, name))
        monkeypatch.setattr(os, "geteuid", lambda: user, raising=False)


@posix_only
def test_a_user_is_told_the_exact_line_and_nothing_is_made(
    tools: FakeTools, own: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = FakeDebian(DEBIAN_LISTING.replace("installed\tlibegl1\t", "config-files\tlibegl1\t"))
    system.put_on(monkeypatch, user=1000)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    bare = Environment(own.place, Interpreter("/usr/bin/python3", "3.11", "x", has_venv=False), LOCK)
    with pytest.raises(SetUpError) as caught:
        bare.prepare(tests=False)
    line = "sudo apt-get update && sudo apt-get install -y --no-install-recommends libegl1 python3.11-venv"
    assert line in [each.strip() for each in str(caught.value).splitlines()]
    assert not own.place.exists()
    assert system.asked == []


@posix_only
def test_root_gets_what_is_missing_and_only_that(
    tools: FakeTools, own: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = FakeDebian(DEBIAN_LISTING.replace("libxcb-cursor0", "other"))
    system.put_on(monkeypatch, user=0)
    prepare(own)
    assert system.asked == [["libxcb-cursor0"]]
    prepare(own)
    assert len(system.asked) == 1


@posix_only
def test_only_the_tests_ask_for_a_display_of_their_own(
    tools: FakeTools, own: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = FakeDebian(DEBIAN_LISTING)
    system.put_on(monkeypatch, user=0)
    prepare(own)
    assert system.asked == []
    prepare(own, tests=True)
    assert system.asked == [list(debian.DISPLAY)]
    prepare(own, tests=True)
    assert len(system.asked) == 1


def test_a_longer_list_of_the_tests_is_asked_for_where_an_older_one_was_installed(
    tools: FakeTools, own: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(own, tests=True)
    monkeypatch.setattr(debian, "DISPLAY", (*debian.DISPLAY, "another"))
    assert own.is_ready(tests=False)
    assert not own.is_ready(tests=True)


@posix_only
def test_a_failing_apt_get_is_a_sentence_with_its_last_lines(
    tools: FakeTools, own: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    FakeDebian("", works=False).put_on(monkeypatch, user=0)
    with pytest.raises(SetUpError) as caught:
        own.prepare(tests=False)
    assert str(caught.value).startswith("System packages could not be installed")
    assert str(caught.value).endswith("  | E: Unable to locate package libegl1")
    assert tools.made == 0


def test_a_renamed_library_counts_by_the_name_that_it_provides() -> None:
    listing = "installed\tlibglib2.0-0t64\tlibglib2.0-0 (= 2.80.0-6)\n"
    listing += "installed\tlibgl1\t\nnot-installed\tlibegl1\t\n"
    assert debian.provided(listing) == {"libglib2.0-0t64", "libglib2.0-0", "libgl1"}


def test_the_two_locks_and_the_stamp_are_all_that_marks_an_environment(
    tools: FakeTools, own: Environment
) -> None:
    prepare(own)
    assert {OURS, USE, STAMP} <= {child.name for child in own.place.iterdir()}
    assert not list(own.place.glob("*.new"))
    assert not list(own.place.glob(".old-*"))
