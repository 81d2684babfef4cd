"""Writes requirements.lock from pyproject.toml (needs uv), or checks it (needs the test environment).

Use:

python packaging/lock.py             keep the pins that still satisfy
python packaging/lock.py --upgrade   newest of everything
python packaging/lock.py --check     no network
"""

import argparse
import hashlib
import json
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from environment import LOCK, RUNTIME, TESTS, parse_lock
from sentences import SetUpError

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = ROOT / "pyproject.toml"
OLDEST_PYTHON = "3.11"
_HEADER = """\
# Written by packaging/lock.py from pyproject.toml. Do not edit.
# inputs: {inputs}
"""
# Whatever machine wrote the lock, nothing of it may stay inside.
_FOREIGN = re.compile(r"^\s*-|://|@ |file:")


def wanted(pyproject: str) -> tuple[list[str], list[str]]:
    """Direct requirements of the program, and of its tests."""
    table = tomllib.loads(pyproject)
    return table["project"]["dependencies"], table["dependency-groups"]["dev"]


def fingerprint(pyproject: str) -> str:
    """Digest of everything in pyproject.toml that the lock depends on."""
    runtime, tests = wanted(pyproject)
    python = tomllib.loads(pyproject)["project"]["requires-python"]
    text = json.dumps([python, sorted(runtime), sorted(tests)])
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def compile_lock(*, upgrade: bool) -> str:
    """The new text of the lock; both sections come from one resolution, so that they agree."""
    with tempfile.TemporaryDirectory() as folder:
        every, runtime = Path(folder, "every.txt"), Path(folder, "runtime.txt")
        if LOCK.exists() and not upgrade:
            every.write_text(LOCK.read_text("utf-8"), "utf-8")
        _uv("--group", "dev", "--output-file", str(every))
        _uv("--constraint", str(every), "--output-file", str(runtime))
        entries = _entries(runtime.read_text("utf-8"))
        more = [entry for entry in _entries(every.read_text("utf-8")) if entry not in entries]
    head = _HEADER.format(inputs=fingerprint(PYPROJECT.read_text("utf-8")))
    return f"{head}{RUNTIME}\n{''.join(entries)}{TESTS}\n{''.join(more)}"


def problems(pyproject: str, text: str) -> list[str]:
    """What is wrong with the lock, in sentences; empty when it satisfies pyproject.toml."""
    try:
        lock = parse_lock(text)
    except SetUpError as error:
        return [str(error)]
    found = [f"not a pin, or of one machine only: {line.strip()}" for line in _foreign(text)]
    if f"# inputs: {fingerprint(pyproject)}" not in text.splitlines():
        found.append("pyproject.toml changed after the lock was written")
    found += [f"{entry.split()[0]} has no hash" for entry in _entries(text) if "--hash=sha256:" not in entry]
    runtime, tests = wanted(pyproject)
    found += _unsatisfied(runtime, lock.runtime)
    found += _unsatisfied(tests, lock.runtime + lock.tests)
    return found


def _unsatisfied(requirements: list[str], section: str) -> list[str]:
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    pins: dict[str, list[str]] = {}
    for entry in _entries(section):
        name, _, rest = entry.partition("==")
        pins.setdefault(canonicalize_name(name.partition("[")[0]), []).append(re.split(r"[\s;\\]", rest)[0])
    found = []
    for requirement in map(Requirement, requirements):
        versions = pins.get(canonicalize_name(requirement.name), [])
        if not versions or not all(requirement.specifier.contains(each) for each in versions):
            found.append(f"{requirement} is not met by {versions or 'anything'}")
    return found


def _foreign(text: str) -> list[str]:
    expected = ("#", "    --hash=sha256:")
    return [line for line in text.splitlines() if not line.startswith(expected) and _FOREIGN.search(line)]


def _entries(text: str) -> list[str]:
    """One string per requirement, its hashes included."""
    entries: list[str] = []
    for line in text.splitlines(keepends=True):
        if line.startswith("#") or not line.strip():
            continue
        if line[0].isspace():
            entries[-1] += line
        else:
            entries.append(line)
    return entries


def _uv(*options: str) -> None:
    command = ["uv", "pip", "compile", str(PYPROJECT), "--universal", "--python-version", OLDEST_PYTHON]
    command += ["--generate-hashes", "--no-annotate", "--no-header", "--no-emit-index-url", "--quiet"]
    subprocess.run([*command, "--no-emit-find-links", *options], check=True, stdout=subprocess.DEVNULL)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--upgrade", action="store_true")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args(arguments)
    if not options.check:
        LOCK.write_text(compile_lock(upgrade=options.upgrade), "utf-8", newline="\n")
    found = problems(PYPROJECT.read_text("utf-8"), LOCK.read_text("utf-8"))
    for problem in found:
        print(f"requirements.lock: {problem}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
