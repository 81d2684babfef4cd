"""The verb `test`: every check, one after another, each with its time, and a verdict at the end."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from environment import ROOT, Environment, Interpreter
from sentences import SetUpError, say

VERSIONS = ("3.11", "3.12", "3.13")
# Where a forgotten await or a slow callback matters; the window's tests would pay for it and show nothing.
CORE = ("domain", "trading", "crosstrade", "storage")
# A wire between two network namespaces: takes Linux, a right that is root's, and most of a minute.
LINKS = "tests/links"
# Long proofs of what the program does, which no other interpreter does otherwise: made once.
ONCE = (
    LINKS,
    "tests/matrix",
    "tests/trading/test_budget_hour.py",
    "tests/security/test_wire_fuzz.py",
    "tests/e2e/test_killed.py",
    "tests/e2e/test_sleep.py",
    "tests/e2e/test_disk.py",
    "tests/e2e/test_soak.py",
    "tests/person",
)
# What other interpreters are asked besides: the window, the loop and the signals.
ELSEWHERE = (
    "tests/ui",
    "tests/e2e/test_panel.py",
    "tests/e2e/test_token.py",
    "tests/cli/test_cli_process.py",
    "tests/cli/test_main.py",
    "tests/test_hazards.py",
    "tests/test_runtime.py",
)
_MOST_WORKERS = 8
# Prints what Interpreter holds; on a shim that does not work it prints nothing.
_PROBE = """
import importlib.util, sys, sysconfig
print("%d.%d" % sys.version_info[:2])
print(sys.implementation.name, "%d.%d" % sys.version_info[:2], sysconfig.get_platform(), sys.base_prefix)
print(all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")))
print(sys.executable)
"""
_PROBE_LINES = 4
_TESTS_FAILED = 1  # pytest's exit code
_STUCK_S = 1800.0


@dataclass(frozen=True, slots=True)
class Check:
    """One command and what is added to its environment."""

    name: str
    command: tuple[str, ...]
    more: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one check went."""

    name: str
    passed: bool
    took_s: float


def run(arguments: Sequence[str]) -> int:
    """All checks, or with pytest arguments only these tests."""
    fast = "--fast" in arguments
    chosen = [each for each in arguments if each != "--fast"]
    interpreter = Interpreter.current()
    own = Environment.default(interpreter)
    hold = own.prepare(tests=True)
    verdicts: list[Verdict] = []
    with hold.file, _scratch() as scratch:
        environ = quiet_environment(os.environ, scratch)
        python = str(own.python)
        if chosen:
            return _pass(Check("pytest", (python, "-m", "pytest", *chosen)), environ).passed is False
        verdicts += [_pass(check, environ) for check in own_checks(python, fast=fast)]
        if not fast:
            elsewhere = list(_elsewhere(interpreter, environ))
            # Once, and not on the interpreter that has run everything already, where there is another one.
            if not elsewhere:
                elsewhere.append(_pass(in_development_mode(python), environ))
            verdicts += elsewhere
    return report(verdicts)


def own_checks(python: str, *, fast: bool) -> list[Check]:
    """What runs on the interpreter that was called, most telling first; `fast`: without the links' wire."""
    tool = (python, "-m")
    # The wire tells of branches that nothing else reaches; the other long proofs would only be slowed down.
    counted = [each for each in left_out() if fast or not each.endswith(LINKS)]
    once = [each for each in ONCE if each != LINKS]
    return [
        Check("ruff check", (*tool, "ruff", "check", ".")),
        Check("ruff format", (*tool, "ruff", "format", "--check", ".")),
        Check("mypy", (*tool, "mypy")),
        Check("lock", (python, "packaging/lock.py", "--check")),
        Check("pytest", (*tool, "coverage", "run", "-m", "pytest", *parallel(), *counted)),
        Check("pytest, the long proofs", (*tool, "pytest", *parallel(), *once)),
        Check("coverage, collected", (*tool, "coverage", "combine", "--quiet")),
        Check("coverage of what money passes", (*tool, "coverage", "report")),
        # Prints the ratios; fails only where one is off by twice what it must be.
        Check("benchmarks, a smoke check", (*tool, "tests.benchmarks", "--quick")),
    ]


def in_development_mode(python: str, version: str = "") -> Check:
    """The core with everything that asyncio and the interpreter can complain about."""
    command = (python, "-X", "dev", "-m", "pytest", *parallel(), *left_out(), *_core())
    name = f"pytest in development mode{version and f' on Python {version}'}"
    return Check(name, command, {"PYTHONASYNCIODEBUG": "1"})


def _core() -> list[str]:
    return [f"tests/{name}" for name in CORE]


def left_out() -> tuple[str, ...]:
    """What tells pytest to leave out the proofs that are made once."""
    return tuple(f"--ignore={each}" for each in ONCE)


def parallel() -> tuple[str, ...]:
    """One worker per processor that we may use; a file's tests stay together and in order."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 2
    workers = str(max(2, min(count, _MOST_WORKERS)))
    return ("-q", "-n", workers, "--dist", "loadfile", "--cache-clear")


def quiet_environment(environ: Mapping[str, str], scratch: Path) -> dict[str, str]:
    """An environment in which no test finds the user's home, keyring, token, proxy, screen or language."""
    dropped = ("PYTHON", "PYTEST_", "QT_", "XDG_", "DBUS_", "LC_", "XTRADE_", "CROSSTRADE_", "COVERAGE_")
    kept = {
        name: value
        for name, value in environ.items()
        if not name.startswith(dropped)
        and not name.lower().endswith("_proxy")
        and name not in {"LANG", "LANGUAGE", "VIRTUAL_ENV"}
    }
    folders = {
        "HOME": "home",
        "USERPROFILE": "home",
        "APPDATA": "home/roaming",
        "LOCALAPPDATA": "home/local",
        "XDG_CONFIG_HOME": "home/config",
        "XDG_DATA_HOME": "home/data",
        "XDG_STATE_HOME": "home/state",
        "XDG_CACHE_HOME": "home/cache",
        "XDG_RUNTIME_DIR": "run",
    }
    for name in folders.values():
        (scratch / name).mkdir(mode=0o700, parents=True, exist_ok=True)
    return {
        **kept,
        **{variable: str(scratch / name) for variable, name in folders.items()},
        "LC_ALL": "C.UTF-8",
        "PYTHONUTF8": "1",
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
        "QT_QPA_PLATFORM": environ.get("QT_QPA_PLATFORM", "offscreen"),
        "COVERAGE_FILE": str(scratch / "coverage"),
    }


def find(version: str) -> Interpreter | None:
    """An interpreter of that version that really runs; a pyenv shim is often there and does not."""
    on_path = shutil.which(f"python{version}")
    candidates = [[on_path]] if on_path else []
    candidates += [
        [str(path)] for path in sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    ]
    if os.name == "nt" and (launcher := shutil.which("py")):
        candidates.append([launcher, f"-{version}"])
    return next((found for each in candidates if (found := _probe(each, version))), None)


def report(verdicts: Sequence[Verdict]) -> int:
    """The verdicts in a table; 1 if any check failed."""
    say("")
    for verdict in verdicts:
        say(f"{'passed' if verdict.passed else 'FAILED'}  {verdict.took_s:6.1f} s  {verdict.name}")
    failed = [verdict.name for verdict in verdicts if not verdict.passed]
    say(
        f"{len(failed)} of {len(verdicts)} checks failed."
        if failed
        else f"All {len(verdicts)} checks passed."
    )
    return 1 if failed else 0


def _elsewhere(own: Interpreter, environ: Mapping[str, str]) -> Iterator[Verdict]:
    is_first = True
    for version in VERSIONS:
        if version == own.version:
            continue
        found = find(version)
        if found is None:
            say(f"\nPython {version} is not installed here: not tried.")
            continue
        if not found.has_venv:
            say(f"\nPython {version} at {found.path} cannot make environments: not tried.")
            continue
        name = f"pytest on Python {version}"
        began = time.monotonic()
        try:
            other = Environment.default(found, f"-{version}")
            hold = other.prepare(tests=True)
        except SetUpError as error:
            say(str(error))
            yield Verdict(name, passed=False, took_s=time.monotonic() - began)
            continue
        python = str(other.python)
        with hold.file:
            if is_first:
                yield _pass(in_development_mode(python, version), environ)
            tests = (*parallel(), *left_out(), *([] if is_first else _core()), *ELSEWHERE)
            yield _pass(Check(name, (python, "-m", "pytest", *tests)), environ)
        is_first = False


def _pass(check: Check, environ: Mapping[str, str]) -> Verdict:
    began = time.monotonic()
    environ = {**environ, **check.more}
    name = check.name
    code = _call(name, check.command, environ)
    if code == _TESTS_FAILED and "--dist" in check.command:
        # A busy machine turns a test that waits for a process. Alone it has to pass, and the table says so.
        name += ", some tests only when alone"
        pytest = check.command[: check.command.index("pytest") + 1]
        code = _call(name, (*pytest, "-q", "--last-failed", "--last-failed-no-failures", "none"), environ)
    return Verdict(name, code == 0, time.monotonic() - began)


def _call(name: str, command: Sequence[str], environ: Mapping[str, str]) -> int:
    say(f"\n=== {name}: {' '.join(command)}")
    try:
        return subprocess.run(command, cwd=ROOT, env=environ, check=False, timeout=_STUCK_S).returncode
    except subprocess.TimeoutExpired:
        say(f"\n{name} was stuck for {_STUCK_S / 60:.0f} minutes and was ended.")
        return 1 + _TESTS_FAILED


def _probe(command: Sequence[str], version: str) -> Interpreter | None:
    try:
        done = subprocess.run(
            [*command, "-c", _PROBE], capture_output=True, text=True, check=False, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = done.stdout.splitlines()
    if done.returncode or len(lines) != _PROBE_LINES or lines[0] != version:
        return None
    return Interpreter(lines[3], version, lines[1], lines[2] == "True")


@contextmanager
def _scratch() -> Iterator[Path]:
    """A folder whose name is short: sockets in it have at most some hundred characters."""
    parent = "/tmp" if sys.platform == "darwin" else None  # noqa: S108
    folder = Path(tempfile.mkdtemp(prefix="ctp-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
