"""Freezes both commands into one folder that needs no Python: the one way to do it, on Linux and on Windows.

Use: python packaging/freeze.py FOLDER [--here]

makes FOLDER/crosstrade-panel with the interpreter that runs this, from the packages that requirements.lock
and packaging/freeze.lock name, checked by hash, in an environment that is thrown away afterwards. With --here
it takes the packages of this interpreter as they are, for a Python that cannot make environments.
"""

import argparse
import base64
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from environment import LOCK, ROOT, parse_lock
from sentences import SetUpError, failure, reason, say

SPEC = ROOT / "packaging" / "crosstrade-panel.spec"
FREEZE_LOCK = ROOT / "packaging" / "freeze.lock"
NAME = "crosstrade-panel"
"""Of the folder that comes of it, and of the command in it."""

TRAVELLING = ("LICENSE", "resources/THIRD-PARTY-NOTICES.txt")
"""Beside the program in every artefact."""


def freeze(folder: Path, *, here: bool = False) -> Path:
    """The folder with the frozen program, made anew.

    Raises:
        SetUpError: with a sentence, and the last lines of the tool that failed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / NAME
    with tempfile.TemporaryDirectory(prefix="crosstrade-freeze-") as scratch:
        python = Path(sys.executable) if here else _program_environment(Path(scratch, "venv"))
        shutil.rmtree(made, ignore_errors=True)
        say("Freezing …")
        work = str(Path(scratch, "work"))
        command = [str(python), "-m", "PyInstaller", "--noconfirm", "--log-level", "WARN"]
        run([*command, "--distpath", str(folder), "--workpath", work, str(SPEC)], "It could not be frozen.")
    check_roots(made)
    for each in TRAVELLING:
        shutil.copy2(ROOT / each, made)
    return made


def check_roots(made: Path) -> None:
    """Raise SetUpError where the roots that TLS trusts are not those that certifi published.

    Some machines add one of their own to every environment, so that a proxy may read along; that must not
    travel to a trader.
    """
    [roots], [record] = made.rglob("certifi/cacert.pem"), made.rglob("certifi-*.dist-info/RECORD")
    digest = base64.urlsafe_b64encode(hashlib.sha256(roots.read_bytes()).digest()).rstrip(b"=").decode()
    if f"certifi/cacert.pem,sha256={digest}," not in record.read_text("utf-8"):
        shutil.rmtree(made)
        raise SetUpError("The trusted roots of this environment were changed on this machine.")


def version() -> str:
    """The program's, from the one place that has it."""
    text = (ROOT / "crosstrade_panel" / "__init__.py").read_text("utf-8")
    found = re.search(r'^__version__ = "([^"]+)"$', text, re.MULTILINE)
    if found is None:
        raise SetUpError("crosstrade_panel/__init__.py has no version.")
    return found[1]


def size_of(folder: Path) -> int:
    """Bytes of all files in it."""
    return sum(each.stat().st_size for each in folder.rglob("*") if each.is_file() and not each.is_symlink())


def make_environment(place: Path, *locks: Path) -> Path:
    """A virtual environment with what these files pin, checked by hash; its interpreter."""
    say(f"Making an environment for Python {sys.version.partition(' ')[0]} …")
    run([sys.executable, "-m", "venv", str(place)], "The environment could not be made.")
    python = place / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    command = [str(python), "-m", "pip", "install", "--require-hashes", "--no-deps", "--no-input"]
    command += ["--only-binary", ":all:", "--disable-pip-version-check", "--progress-bar", "off"]
    run([*command, *(word for lock in locks for word in ("-r", str(lock)))])
    return python


def run(command: Sequence[str], sentence: str = "") -> None:
    """Run a tool to its end.

    Raises:
        SetUpError: it failed; with this sentence, or what pip's own words mean, and its last lines.
    """
    # One seed, so that two builds of one commit differ as little as they can.
    environ = {name: value for name, value in os.environ.items() if name not in {"PYTHONHOME", "PYTHONPATH"}}
    done = subprocess.run(
        command,
        env={**environ, "PYTHONHASHSEED": "1", "PYTHONUTF8": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise SetUpError(failure(sentence or reason(done.stdout), done.stdout))


def _program_environment(place: Path) -> Path:
    runtime = place.with_name("runtime.txt")
    runtime.write_text(parse_lock(LOCK.read_text("utf-8")).runtime, "utf-8")
    return make_environment(place, runtime, FREEZE_LOCK)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--here", action="store_true", help="with the packages of this interpreter")
    options = parser.parse_args(arguments)
    try:
        made = freeze(options.folder.absolute(), here=options.here)
    except SetUpError as error:
        say(str(error))
        return 1
    say(f"{made}: {size_of(made) / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
