"""The program's own virtual environment: made once, known again by a stamp, never taken for whole when half.

    .venv/crosstrade-panel.lock     marks the folder as ours; held by whoever sets it up
    .venv/crosstrade-panel.use      held, shared, by every program that runs from it
    .venv/crosstrade-panel.stamp    written last; one line per section of requirements.lock that is installed

The program runs from the tree, through one .pth file: an editable install would fetch a build tool that no
hash pins.
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import debian
from claims import Hold, claim, lock_file, turn
from sentences import SetUpError, failure, reason, say

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
RUNTIME = "# --- runtime ---"
TESTS = "# --- tests ---"
PLACE_VARIABLE = "CROSSTRADE_PANEL_VENV"
OURS, USE, STAMP = "crosstrade-panel.lock", "crosstrade-panel.use", "crosstrade-panel.stamp"
_LAYOUT = "1"  # raise it when what set-up does changes
_ROOM_MB = 600  # with the packages of the tests


@dataclass(frozen=True, slots=True)
class Lock:
    """The two sections of requirements.lock, as pip reads them."""

    runtime: str
    tests: str


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python that environments are made from."""

    path: str
    version: str  # "3.11"
    tag: str  # differs whenever packages installed for one would not do for the other
    has_venv: bool

    @classmethod
    def current(cls) -> "Interpreter":
        version = "{}.{}".format(*sys.version_info[:2])
        has_venv = all(importlib.util.find_spec(name) for name in ("venv", "ensurepip"))
        tag = f"{sys.implementation.name} {version} {sysconfig.get_platform()} {sys.base_prefix}"
        return cls(sys.executable, version, tag, has_venv)


@dataclass(frozen=True, slots=True)
class Environment:
    """One virtual environment at one place."""

    place: Path
    interpreter: Interpreter
    lock: Lock

    @classmethod
    def default(cls, interpreter: Interpreter, suffix: str = "") -> "Environment":
        """`.venv` in the project, or another where that one is somebody else's."""
        chosen = os.environ.get(PLACE_VARIABLE)
        place = Path(chosen).absolute() if chosen else ROOT / ".venv"
        place = place.with_name(place.name + suffix)
        if is_foreign(place):
            if chosen:
                raise SetUpError(
                    f"{place} holds something else already. Name another folder in {PLACE_VARIABLE}."
                )
            place = place.with_name(place.name + "-panel")
        return cls(place, interpreter, parse_lock(_read_lock()))

    @property
    def python(self) -> Path:
        return self.place / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    def keys(self, *, tests: bool) -> list[str]:
        """The lines that the stamp must hold."""
        sections = [self.lock.runtime, self.lock.tests] if tests else [self.lock.runtime]
        facts = [_LAYOUT, self.interpreter.tag, str(ROOT), *sections[:1]]
        keys = ["runtime " + _digest(facts)]
        # With the system's packages: where more of them are asked for, an old stamp must not hold.
        wanted = [*facts, self.lock.tests, *debian.DISPLAY]
        return [*keys, "tests " + _digest(wanted)] if tests else keys

    def is_ready(self, *, tests: bool) -> bool:
        stamp = self._stamped()
        return all(key in stamp for key in self.keys(tests=tests)) and self.python.exists()

    def prepare(self, *, tests: bool) -> Hold:
        """Makes the environment whole, if it is not; the answer keeps it so.

        Raises SetUpError with a sentence for the user.
        """
        if self.is_ready(tests=tests) and (hold := self._hold()) is not None:
            # Looked at again under the claim: it may have been taken apart in between.
            if self.is_ready(tests=tests):
                return hold
            hold.file.close()
        self._require_system_packages(tests=tests)
        self.place.mkdir(parents=True, exist_ok=True)
        with turn(self.place / OURS):
            if not self.is_ready(tests=tests):
                self._set_up(tests=tests)
            hold = self._hold()
        if hold is None:
            raise SetUpError(f"{self.place} is being changed by another program. Try again.")
        return hold

    def _set_up(self, *, tests: bool) -> None:
        began = time.monotonic()
        if not self.is_ready(tests=False):
            say(f"Setting up {self.place} for Python {self.interpreter.version}, once.")
            self._clear()
            self._make()
            say("Fetching the program's packages …")
            self._install(self.lock.runtime)
        self._stamp(tests=False)
        if tests:
            say(f"Fetching the packages of the tests for Python {self.interpreter.version} …")
            self._install(self.lock.tests)
            self._stamp(tests=True)
        self._try_qt()
        say(f"Ready after {time.monotonic() - began:.0f} s.")

    def _require_system_packages(self, *, tests: bool) -> None:
        if debian.is_here():
            wanted = [*debian.OFFSCREEN, *debian.SCREEN, *(debian.DISPLAY if tests else ())]
            if not self.interpreter.has_venv:
                wanted.append(f"python{self.interpreter.version}-venv")
            packages = debian.missing(wanted)
            if packages:
                provide(packages)
        elif not self.interpreter.has_venv:
            raise SetUpError(
                f"{self.interpreter.path} comes without its modules venv and ensurepip: install these."
            )

    def _clear(self) -> None:
        """Empties the folder, but for the two locks; refuses while a program runs from it."""
        with claim(self.place / USE, shared=False) as free:
            if not free:
                raise SetUpError(_in_use(self.place))
            (self.place / STAMP).unlink(missing_ok=True)
            kept = {OURS, USE}
            for child in [each for each in self.place.iterdir() if each.name not in kept]:
                gone = child
                if not child.name.startswith(".old-"):
                    # Windows refuses this while a file inside is in use: then nothing is torn yet.
                    gone = child.with_name(f".old-{child.name}")
                    _rename(child, gone)
                if gone.is_dir() and not gone.is_symlink():
                    shutil.rmtree(gone)
                else:
                    gone.unlink()

    def _make(self) -> None:
        say("Making the environment …")
        done = _call([self.interpreter.path, "-m", "venv", str(self.place)])
        if done.returncode:
            sentence = "The virtual environment could not be made." + self._room()
            raise SetUpError(failure(sentence, done.stdout))
        version = self.interpreter.version
        folder = "Lib/site-packages" if os.name == "nt" else f"lib/python{version}/site-packages"
        line = f"import sys; sys.path.append({str(ROOT)!a})\n"  # as code, so that any path fits ASCII
        (self.place / folder / "crosstrade_panel.pth").write_text(line, "ascii")

    def _install(self, section: str) -> None:
        command = [str(self.python), "-m", "pip", "install", "--require-hashes", "--no-deps", "--no-input"]
        command += ["--only-binary", ":all:", "--disable-pip-version-check", "--progress-bar", "off"]
        with tempfile.TemporaryDirectory() as folder:
            wanted = Path(folder, "requirements.txt")
            wanted.write_text(section, "utf-8")
            done = _call([*command, "--retries", "2", "-r", str(wanted)])
        if done.returncode:
            raise SetUpError(failure(reason(done.stdout) + self._room(), done.stdout))

    def _room(self) -> str:
        free_mb = shutil.disk_usage(self.place).free // 1_000_000
        return f" Only {free_mb} MB are free in {self.place}." if free_mb < _ROOM_MB else ""

    def _stamped(self) -> list[str]:
        try:
            return (self.place / STAMP).read_text("utf-8").splitlines()
        except (OSError, ValueError):
            return []

    def _stamp(self, *, tests: bool) -> None:
        """Last, and at once: a stamp is there whole or not at all."""
        new = self.place / (STAMP + ".new")
        new.write_text("\n".join(self.keys(tests=tests)) + "\n", "utf-8")
        new.replace(self.place / STAMP)

    def _hold(self) -> Hold | None:
        try:
            file = (self.place / USE).open("ab")
        except OSError:  # a tree that may only be read: nobody takes that apart either
            return Hold(Path(os.devnull).open("rb"))
        if lock_file(file, shared=True):
            return Hold(file)
        file.close()
        return None

    def _try_qt(self) -> None:
        done = _call([str(self.python), "-c", "import PySide6.QtWidgets"])
        if done.returncode:
            names = " ".join([*debian.OFFSCREEN, *debian.SCREEN])
            say(failure("Qt does not load here. A system library may be missing.", done.stdout))
            say(f"On Debian they are in: {names}")


def parse_lock(text: str) -> Lock:
    """Splits the lock at its two marker lines."""
    lines = text.splitlines()
    if lines.count(RUNTIME) != 1 or lines.count(TESTS) != 1 or lines.index(RUNTIME) > lines.index(TESTS):
        raise SetUpError(
            "requirements.lock is damaged: its two sections are not marked. Fetch the project again."
        )
    first, second = lines.index(RUNTIME), lines.index(TESTS)
    runtime, tests = lines[first + 1 : second], lines[second + 1 :]
    if not any(runtime) or not any(tests):
        raise SetUpError("requirements.lock is damaged: a section is empty. Fetch the project again.")
    return Lock("\n".join(runtime) + "\n", "\n".join(tests) + "\n")


def is_foreign(place: Path) -> bool:
    """Something is there, and set-up did not put it there."""
    try:
        return any(place.iterdir()) and not (place / OURS).exists()
    except FileNotFoundError:
        return False
    except NotADirectoryError:
        return True


def provide(packages: Sequence[str]) -> None:
    """Installs system packages as root, else says how."""
    if os.name != "posix" or os.geteuid() != 0:
        raise SetUpError(debian.advice(packages, sudo=shutil.which("sudo") is not None))
    say(f"Installing system packages: {' '.join(packages)} …")
    went_well, said = debian.install(packages)
    if not went_well:
        line = debian.line_to_type(packages, sudo=False)
        raise SetUpError(
            failure(f"System packages could not be installed. The line was:\n\n  {line}\n", said)
        )


def _read_lock() -> str:
    try:
        return LOCK.read_text("utf-8")
    except FileNotFoundError:
        raise SetUpError("requirements.lock is missing. Fetch the project again.") from None


def _digest(facts: Sequence[str]) -> str:
    return hashlib.sha256("\0".join(facts).encode("utf-8", "surrogateescape")).hexdigest()


def _in_use(place: Path) -> str:
    return f"The panel is running from {place}, which must be renewed. Close it and try again."


def _rename(child: Path, gone: Path) -> None:
    try:
        child.rename(gone)
    except PermissionError as error:
        if os.name == "nt":
            raise SetUpError(_in_use(child.parent)) from error
        raise


def _call(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    dropped = {"PYTHONHOME", "PYTHONPATH", "__PYVENV_LAUNCHER__", "PIP_TARGET", "PIP_PREFIX"}
    environ = {name: value for name, value in os.environ.items() if name not in dropped}
    return subprocess.run(
        command,
        env={**environ, "PIP_USER": "0", "PYTHONIOENCODING": "utf-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
        close_fds=False,  # so that a tool which outlives us goes on holding its turn
    )
