"""The commands of the bootstrap, as a newcomer types them."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import checks
import debian
import pytest
import verbs
from checks import Verdict
from sentences import SetUpError

ROOT = Path(__file__).resolve().parents[2]
BOOTSTRAP = ROOT / "packaging" / "bootstrap.py"


class FakePanel:
    """Notes what it is started with."""

    def __init__(self) -> None:
        self.started: list[list[str]] = []
        self.error: BaseException | None = None

    def __call__(self, arguments: list[str]) -> int:
        if self.error:
            raise self.error
        self.started.append(list(arguments))
        return 0


@pytest.fixture
def panel(monkeypatch: pytest.MonkeyPatch) -> FakePanel:
    fake = FakePanel()
    monkeypatch.setattr(verbs, "run", fake)
    return fake


@pytest.mark.parametrize(
    ("typed", "started"),
    [
        ([], ["--practice"]),
        (["practice"], ["--practice"]),
        (["practice", "status", "--json"], ["status", "--json", "--practice"]),
        (["run"], []),
        (["run", "flatten", "--everything"], ["flatten", "--everything"]),
    ],
)
def test_practice_is_added_only_by_its_own_verb(
    panel: FakePanel, typed: list[str], started: list[str]
) -> None:
    assert verbs.main(typed) == 0
    assert panel.started == [started]


def test_an_unknown_verb_starts_nothing(panel: FakePanel, capsys: pytest.CaptureFixture[str]) -> None:
    assert verbs.main(["flatten", "--everything"]) == 2
    assert panel.started == []
    assert "usage" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (SetUpError("The disk is full."), 1, "The disk is full."),
        (PermissionError(13, "Permission denied", "/x"), 1, "This may not be written or run (/x)."),
        (KeyboardInterrupt(), 130, "Stopped."),
    ],
)
def test_whatever_goes_wrong_is_a_sentence_on_stderr(
    panel: FakePanel, capsys: pytest.CaptureFixture[str], error: BaseException, code: int, said: str
) -> None:
    panel.error = error
    assert verbs.main(["run"]) == code
    assert capsys.readouterr() == ("", said + "\n")


def test_the_program_does_not_see_the_packages_of_another_python() -> None:
    given = {"PYTHONPATH": "/ros", "PYTHONHOME": "/opt", "XTRADE_TOKEN": "t", "PATH": "/bin"}
    seen = verbs.program_environment(given)
    assert seen.pop("CROSSTRADE_PANEL_COMMAND").endswith("bootstrap.py run")
    assert seen == {"XTRADE_TOKEN": "t", "PATH": "/bin"}


def test_an_old_python_gets_one_plain_sentence() -> None:
    # The guard stands first, in words that every Python reads; nothing newer may come into the file.
    source = BOOTSTRAP.read_text("utf-8")
    tree = ast.parse(source, feature_version=(3, 4))
    first, second = tree.body[1:3]
    assert isinstance(first, ast.Import)
    assert isinstance(second, ast.If)
    old = source.replace("sys.version_info < (3, 11)", "sys.version_info < (99, 0)")
    done = subprocess.run([sys.executable, "-c", old], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert re.fullmatch(
        r"CrossTrade Panel needs Python 3\.11 or newer; this is Python 3\.\d+\.\n", done.stderr
    )


def test_the_test_environment_hides_what_is_the_users_own(tmp_path: Path) -> None:
    own = {
        "HOME": "/home/trader",
        "XTRADE_TOKEN": "t",
        "CROSSTRADE_BASE_URL": "https://example.invalid",
        "https_proxy": "http://proxy",
        "PYTHONOPTIMIZE": "2",
        "QT_SCALE_FACTOR": "2",
        "DBUS_SESSION_BUS_ADDRESS": "unix:path=/run/bus",
        "LANG": "de_DE.UTF-8",
        "PATH": "/bin",
    }
    quiet = checks.quiet_environment(own, tmp_path)
    assert quiet["PATH"] == "/bin"
    assert quiet["QT_QPA_PLATFORM"] == "offscreen"
    assert quiet["LC_ALL"] == "C.UTF-8"
    assert not {name for name in own if name not in {"HOME", "PATH"}} & quiet.keys()
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "APPDATA"):
        assert Path(quiet[name]).is_dir()
        assert Path(quiet[name]).is_relative_to(tmp_path)
    assert checks.quiet_environment({"QT_QPA_PLATFORM": "xcb"}, tmp_path)["QT_QPA_PLATFORM"] == "xcb"


@pytest.mark.parametrize("fast", [True, False])
def test_only_the_fast_checks_leave_out_what_takes_a_wire_and_root(*, fast: bool) -> None:
    (tests,) = (check for check in checks.own_checks("python", fast=fast) if check.name == "pytest")
    assert (f"--ignore={checks.LINKS}" in tests.command) is fast
    assert (ROOT / checks.LINKS).is_dir()


def test_what_is_left_out_elsewhere_is_there_and_is_run_once() -> None:
    own = {check.name: check.command for check in checks.own_checks("python", fast=False)}
    ignored = {each.removeprefix("--ignore=") for each in own["pytest"] if each.startswith("--ignore")}
    assert (
        ignored == set(own["pytest, the long proofs"]) & set(checks.ONCE) == set(checks.ONCE) - {checks.LINKS}
    )
    assert [each for each in (*checks.ONCE, *checks.ELSEWHERE) if not (ROOT / each).exists()] == []


@pytest.mark.parametrize(("passed", "code"), [([True, True], 0), ([True, False], 1), ([False, True], 1)])
def test_one_failed_check_fails_the_command(passed: list[bool], code: int) -> None:
    assert checks.report([Verdict(str(number), each, 1.0) for number, each in enumerate(passed)]) == code


@pytest.mark.skipif(os.name != "posix", reason="a shell script")
def test_a_shim_that_does_not_work_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    version = "{}.{}".format(*sys.version_info[:2])
    shim = tmp_path / "bin" / f"python{version}"
    real = tmp_path / "home" / ".pyenv" / "versions" / f"{version}.1" / "bin" / "python"
    for path, line in ((shim, "exit 127"), (real, f'exec "{sys.executable}" "$@"')):
        path.parent.mkdir(parents=True)
        path.write_text(f"#!/bin/sh\n{line}\n", "utf-8")
        path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{shim.parent}:/bin:/usr/bin")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    found = checks.find(version)
    assert found is not None
    assert found.version == version
    real.unlink()
    assert checks.find(version) is None


def test_ci_only_calls_the_test_command() -> None:
    lines = (ROOT / ".ci" / "run").read_text("utf-8").splitlines()
    assert lines[:2] == ["#!/bin/bash", "set -eu"]
    assert lines[-1] == 'exec python3 packaging/bootstrap.py test "$@"'
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8")
    assert "packaging/bootstrap.py test" in workflow
    for name in [*debian.OFFSCREEN, *debian.SCREEN, *debian.DISPLAY]:
        assert f" {name}" in workflow
