"""P14: the frozen program beside the packages that it was made of: its size, its window, its command line.

CROSSTRADE_FROZEN names the folder of a frozen program that this very Python was frozen into; without it one
is made first, which takes a minute or two. "Painted" is seen from outside, on an X server of its own, by the
server's memory: what is frozen has nothing in it that could tell.
"""

import mmap
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.command import as_installed
from tests.benchmarks.ends import ROOT, TOKEN, Ends
from tests.benchmarks.table import Figure, Goal, Row, ratio

VARIABLE = "CROSSTRADE_FROZEN"
NAME = "crosstrade-panel"
AS_IT_IS = "unfrozen"
_FULL, _QUICK = 40, 3
_PATIENCE_S = 60.0
_MB = 1e6
_COLOUR = 12  # bytes of an XWDColor
_STEP = 4001  # about one pixel of each line, each further on
# The program trusts the roots that it ships and no variable: the unfrozen one is told of the throw-away one.
_UNFROZEN = (
    "import sys, certifi; certifi.where = lambda: {authority!r}; sys.argv[0] = 'crosstrade-panel'; "
    "from crosstrade_panel.main import main; sys.exit(main())"
)
Commands = Mapping[str, Sequence[str]]


def run(quick: bool) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="benchmark-") as scratch:
        given = os.environ.get(VARIABLE)
        return compare({"frozen": Path(given) if given else freeze(Path(scratch))}, quick=quick)


def freeze(folder: Path) -> Path:
    """Freeze with this very Python: another one would be compared as well."""
    script = str(ROOT / "packaging" / "freeze.py")
    subprocess.run([sys.executable, script, str(folder)], check=True, stdout=sys.stderr)
    return folder / NAME


def compare(folders: Mapping[str, Path], *, quick: bool) -> list[Figure]:
    """Every one of these frozen folders, in turns with the program as it is."""
    rounds = _QUICK if quick else _FULL
    sizes = [Row(name, (size_of(folder) / _MB,), "MB") for name, folder in folders.items()]
    figures = [
        Figure(
            "P14",
            "frozen: size of the folder",
            tuple(sizes),
            tuple(Goal(row.name, row.median, must=150.0, unit="MB", is_ratio=False) for row in sizes),
        )
    ]
    with tempfile.TemporaryDirectory(prefix="benchmark-") as scratch, Ends(Path(scratch)) as ends:
        ends.tell(fill=[["Sim-000"], 1])
        environ = {
            **as_installed(Path(scratch)),
            "XTRADE_TOKEN": TOKEN,
            "CROSSTRADE_PANEL_HOME": f"{scratch}/panel",
            "CROSSTRADE_PANEL_PACE": "0.1",  # after the press
            "CROSSTRADE_BASE_URL": ends.base_url,
        }
        code = _UNFROZEN.format(authority=str(ends.authority))
        commands = {AS_IT_IS: [sys.executable, "-P", "-c", code]}
        for number, (name, folder) in enumerate(folders.items()):
            trusting = trusting_copy(folder, ends.authority, Path(scratch, f"frozen-{number}"))
            commands[name] = [str(trusting / NAME)]
        title = "frozen: command line started → last byte at the server"
        figures.append(_figure("command line", title, commands, _commanded(commands, ends, environ, rounds)))
        if missing := [tool for tool in ("Xvfb",) if shutil.which(tool) is None]:
            figures.append(Figure("P14", "frozen: painted", (), notes=(f"needs {', '.join(missing)}",)))
        else:
            title = "frozen: process started → first paint on the screen"
            figures.append(_figure("painted", title, commands, _painted(commands, environ, rounds)))
    return figures


def _figure(what: str, title: str, commands: Commands, found: Mapping[str, list[float]]) -> Figure:
    rows = {name: Row(name, tuple(found[name])) for name in commands}
    base = rows[AS_IT_IS]
    goals = tuple(
        Goal(f"{name}, {what}: p50 against {AS_IT_IS}", ratio(row, base), must=1.3)
        for name, row in rows.items()
        if row is not base
    )
    return Figure("P14", title, tuple(rows.values()), goals, base.name)


def size_of(folder: Path) -> int:
    """Bytes of its files."""
    return sum(each.stat().st_size for each in folder.rglob("*") if each.is_file() and not each.is_symlink())


def trusting_copy(frozen: Path, authority: Path, place: Path) -> Path:
    """The same program, with other roots than those that it ships; nothing of the original changes."""
    shutil.copytree(frozen, place, symlinks=True)
    [roots] = place.rglob("certifi/cacert.pem")
    roots.write_bytes(authority.read_bytes())
    return place


def _commanded(
    commands: Commands, ends: Ends, environ: dict[str, str], rounds: int
) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, command in commands.items():
            ends.tell(open="Sim-000")
            ends.forget()
            began = time.monotonic()
            asked = [*command, "flatten", "--account", "Sim-000"]
            done = subprocess.run(
                asked, cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=_PATIENCE_S
            )
            if not ends.arrived:
                raise RuntimeError(f"{name}: {done.stdout} {done.stderr}")
            if number:  # the first one reads the disk, and writes what Python compiles
                found[name].append((ends.arrived[0] - began) * 1000)
    return found


def _painted(commands: Commands, environ: dict[str, str], rounds: int) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {name: [] for name in commands}
    with a_screen() as screen:
        own = {name: each for name, each in environ.items() if name not in {"WAYLAND_DISPLAY", "XAUTHORITY"}}
        own |= {"DISPLAY": screen.display, "QT_QPA_PLATFORM": "xcb"}
        for number in range(rounds + 1):
            for name, command in commands.items():
                screen.wait_for(black=True)
                began = time.monotonic()
                with subprocess.Popen(
                    command, cwd=ROOT, env=own, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
                ) as process:
                    try:
                        painted = screen.wait_for(black=False)
                    finally:
                        process.kill()
                if number:
                    found[name].append((painted - began) * 1000)
    return found


@dataclass(frozen=True, slots=True)
class Screen:
    """The memory of an X server of our own; no window manager puts a pixel on it, only the program."""

    display: str
    memory: mmap.mmap
    start: int

    def wait_for(self, *, black: bool) -> float:
        """The moment at which all of it was black, or the first of it was not any more."""
        end = time.monotonic() + _PATIENCE_S
        while any(self.memory[self.start :: _STEP]) is black:
            if time.monotonic() > end:
                raise RuntimeError(f"the screen never became {'black' if black else 'anything else'}")
            time.sleep(0.0005)
        return time.monotonic()


@contextmanager
def a_screen() -> Iterator[Screen]:
    """Xvfb on a free number, for as long as the `with` lasts."""
    with tempfile.TemporaryDirectory(prefix="ctp-") as folder:
        read, write = os.pipe()
        command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1024x1000x24", "-fbdir", folder]
        command += ["-nolisten", "tcp", "-noreset", "-nocursor", "-br"]
        with subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL) as server:
            os.close(write)
            try:
                with os.fdopen(read) as told:
                    display = f":{int(told.readline())}"
                with (
                    Path(folder, "Xvfb_screen0").open("rb") as file,
                    mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as memory,
                ):
                    header = struct.unpack_from(">25I", memory)  # XWDFileHeader of X11/XWDFile.h
                    yield Screen(display, memory, header[0] + header[19] * _COLOUR)
            finally:
                server.terminate()
