"""The few system packages that Qt, venv and the tests need on Debian and its descendants."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence

# Each list verified from an empty root. Every set-up asks for the first two: the stamp then holds for all
# verbs. The third is for the tests alone: a display of their own, and what a screen reader listens to.
OFFSCREEN = ("libegl1", "libgl1", "libglib2.0-0", "libdbus-1-3", "libfontconfig1", "libxkbcommon0")
SCREEN = (
    "libxcb-cursor0",
    "libxcb-icccm4",
    "libxcb-keysyms1",
    "libxcb-shape0",
    "libxcb-xkb1",
    "libxkbcommon-x11-0",
)
DISPLAY = ("xvfb", "openbox", "xdotool", "x11-utils", "dbus", "at-spi2-core")
INSTALL = ("apt-get", "install", "-y", "--no-install-recommends")
_LIST = ("dpkg-query", "-W", "-f=${db:Status-Status}\t${Package}\t${Provides}\n")


def is_here() -> bool:
    return sys.platform == "linux" and all(map(shutil.which, ("dpkg-query", "apt-get")))


def provided(listing: str) -> set[str]:
    """Names that installed packages bear or provide: libglib2.0-0 is libglib2.0-0t64 in newer releases."""
    names: set[str] = set()
    for line in listing.splitlines():
        status, _, rest = line.partition("\t")
        if status != "installed":
            continue
        package, _, provides = rest.partition("\t")
        names.add(package)
        names.update(each.split()[0] for each in provides.split(",") if each.strip())
    return names


def missing(wanted: Iterable[str]) -> list[str]:
    """Those of the wanted packages that dpkg does not know as installed."""
    listing = subprocess.run(_LIST, capture_output=True, text=True, check=False).stdout
    have = provided(listing)
    return [name for name in wanted if name not in have]


def line_to_type(packages: Sequence[str], *, sudo: bool) -> str:
    """One line that brings the packages, for a terminal."""
    prefix = "sudo " if sudo else ""
    return f"{prefix}apt-get update && {prefix}{' '.join([*INSTALL, *packages])}"


def advice(packages: Sequence[str], *, sudo: bool) -> str:
    """What a user who may not install packages is told."""
    who = "Type this line" if sudo else "Have this line typed as root"
    line = line_to_type(packages, sudo=sudo)
    return f"System packages are missing. {who}, then run the same command again:\n\n  {line}\n"


def install(packages: Sequence[str]) -> tuple[bool, str]:
    """Installs as root; true when it went well, and what apt-get said."""
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    # A failed update (one dead third-party source) need not matter: the install decides.
    update = _apt(["apt-get", "update"], environ)
    # An update of the system's own may hold the lock for a while.
    done = _apt([*INSTALL, "-o", "DPkg::Lock::Timeout=120", *packages], environ)
    return done.returncode == 0, (update.stdout if update.returncode else "") + done.stdout


def _apt(command: Sequence[str], environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
