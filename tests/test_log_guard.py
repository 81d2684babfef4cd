"""The guard bites: tried on small test files, in a pytest of their own."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# What a test does, and what it must be told; nothing: it passes.
CASES = {
    "warned": ("def test_it(): logging.getLogger('a').warning('disk %s', 'full')", "WARNING a: disk full"),
    "silent": ("def test_it(announce_log): announce_log('never')", "announced, but did not come: never"),
    "worse": (
        "def test_it(announce_log): announce_log('disk'); logging.critical('disk full')",
        "CRITICAL root: disk",
    ),
    "thread": (
        "def test_it():\n t = threading.Thread(target=logging.error, args=['late'])\n t.start()\n t.join()",
        "ERROR root: late",
    ),
    "cleanup": (
        "@pytest.fixture\ndef f():\n yield\n logging.error('at the end')\ndef test_it(f): pass",
        "ERROR root: at the end",
    ),
    "announced": (
        "def test_it(announce_log): announce_log('disk .*full'); logging.warning('disk is full')",
        "",
    ),
    "perhaps": ("def test_it(announce_log): announce_log('disk', must_come=False)", ""),
    "unimportant": ("def test_it(): logging.info('disk full')", ""),
}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The whole output of one run over all cases."""
    folder = tmp_path_factory.mktemp("guarded")
    for name, (body, _) in CASES.items():
        (folder / f"test_{name}.py").write_text(f"import logging, threading, pytest\n{body}\n", "utf-8")
    command = [sys.executable, "-m", "pytest", "-rA", "-p", "tests.log_guard", "-p", "no:cacheprovider", "."]
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    environ.pop("PYTEST_XDIST_WORKER", None)
    return subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, check=False
    ).stdout


@pytest.mark.parametrize("name", [name for name, (_, sign) in CASES.items() if sign])
def test_a_record_and_its_announcement_must_match(said: str, name: str) -> None:
    assert re.search(rf"^(FAILED|ERROR) test_{name}\.py::test_it", said, re.MULTILINE), said
    assert CASES[name][1] in said


@pytest.mark.parametrize("name", [name for name, (_, sign) in CASES.items() if not sign])
def test_an_announced_record_and_an_unimportant_one_pass(said: str, name: str) -> None:
    assert re.search(rf"^PASSED test_{name}\.py::test_it", said, re.MULTILINE), said
    assert not re.search(rf"^(FAILED|ERROR) test_{name}\.py", said, re.MULTILINE)
