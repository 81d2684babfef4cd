"""Builds everything that this machine can build of a release, and its checksums.

Use: python3 packaging/release.py [FOLDER]          (dist/ when left out; emptied first)

Everywhere: the source archive and the wheel. On Linux: the frozen program as .tar.xz, and as .deb where
dpkg-deb is. On Windows: the installer, by packaging/windows/. The frozen program is made with the newest
Python of 3.11 to 3.13 that is installed here. The version is that of crosstrade_panel/__init__.py; a tag must
agree with it (--tag).
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import freeze
from checks import VERSIONS, find
from environment import ROOT
from sentences import SetUpError, say

SUMS = "SHA256SUMS"
BUILD_LOCK = ROOT / "packaging" / "build.lock"


def release(folder: Path) -> list[Path]:
    """What was built, the list of checksums last."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ.setdefault("SOURCE_DATE_EPOCH", _time_of_commit())
    made = list(_python(folder))
    with tempfile.TemporaryDirectory(prefix="crosstrade-release-") as scratch:
        if sys.platform == "linux":
            made += _linux(folder, Path(scratch))
        elif sys.platform == "win32":
            made += _windows(folder, Path(scratch))
    made.append(write_sums(folder, made))
    return made


def write_sums(folder: Path, made: Sequence[Path]) -> Path:
    """One line for each file, as `sha256sum -c` reads them."""
    lines = [f"{hashlib.sha256(each.read_bytes()).hexdigest()}  {each.name}\n" for each in sorted(made)]
    sums = folder / SUMS
    sums.write_text("".join(lines), "utf-8", newline="\n")
    return sums


def check_tag(tag: str) -> None:
    """Raise SetUpError where a tag names another version than the program."""
    if tag.removeprefix("v") != freeze.version():
        raise SetUpError(f"The tag {tag} is not the version {freeze.version()} of the program.")


def pack(frozen: Path, archive: Path) -> Path:
    """The frozen folder as one archive, owned by nobody in particular and of one time."""
    now = int(os.environ["SOURCE_DATE_EPOCH"])

    def plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        member.mtime = now
        return member

    with tarfile.open(archive, "w:xz") as tar:
        tar.add(frozen, frozen.name, recursive=False, filter=plain)
        for each in sorted(frozen.rglob("*")):
            tar.add(each, str(Path(frozen.name, each.relative_to(frozen))), recursive=False, filter=plain)
    return archive


def _python(folder: Path) -> Iterator[Path]:
    """The source archive, and the wheel that is built from it."""
    with tempfile.TemporaryDirectory(prefix="crosstrade-build-") as scratch:
        python = freeze.make_environment(Path(scratch, "venv"), BUILD_LOCK)
        say("Building the source archive and the wheel …")
        command = [str(python), "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
        freeze.run(command, "They could not be built.")
    yield from sorted(folder.iterdir())


def _linux(folder: Path, scratch: Path) -> Iterator[Path]:
    frozen = _freeze(scratch)
    machine = os.uname().machine
    say("Packing …")
    yield pack(frozen, folder / f"{freeze.NAME}-{freeze.version()}-linux-{machine}.tar.xz")
    if shutil.which("dpkg-deb"):
        script = str(ROOT / "packaging" / "linux" / "make_deb.py")
        freeze.run([sys.executable, script, str(frozen), str(folder)], "The .deb could not be made.")
        yield from folder.glob("*.deb")


def _windows(folder: Path, scratch: Path) -> Iterator[Path]:
    script = ROOT / "packaging" / "windows" / "make_installer.py"
    if script.exists():
        frozen = _freeze(scratch)
        freeze.run(
            [sys.executable, str(script), str(frozen), str(folder)], "The installer could not be made."
        )
        yield from folder.glob("*.exe")


def _freeze(scratch: Path) -> Path:
    """By the newest interpreter; it is what travels with the program."""
    for version in reversed(VERSIONS):
        found = find(version)
        if found is not None and found.has_venv:
            script = str(ROOT / "packaging" / "freeze.py")
            say(f"Freezing with Python {version}; this takes a minute or two …")
            freeze.run([found.path, script, str(scratch)], "It could not be frozen.")
            return scratch / freeze.NAME
    raise SetUpError(f"None of Python {', '.join(VERSIONS)} is installed here.")


def _time_of_commit() -> str:
    """Two builds of one commit carry one time."""
    done = subprocess.run(
        ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "0"


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT / "dist")
    parser.add_argument("--tag", default="", help="the tag that is built; it must name the version")
    options = parser.parse_args(arguments)
    try:
        if options.tag:
            check_tag(options.tag)
        made = release(options.folder.absolute())
    except SetUpError as error:
        say(str(error))
        return 1
    for each in made:
        print(f"{each.stat().st_size / 1e6:8.1f} MB  {each}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
