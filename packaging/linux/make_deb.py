"""Makes the package for Debian and Ubuntu from a frozen folder, with plain dpkg-deb.

Use: python packaging/linux/make_deb.py FROZEN-FOLDER OUTPUT-FOLDER

The program goes to /usr/lib/crosstrade-panel as it is; the rest is its menu entry, its icon in the theme's
sizes, its AppStream metadata and its notices. Nothing runs at installation or removal: menus and icon caches
are kept by dpkg's own triggers.
"""

import argparse
import gzip
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "packaging")]
from freeze import NAME, TRAVELLING, size_of, version  # noqa: E402 - the path first
from publisher import APPSTREAM_ID, MAINTAINER_ADDRESS, PUBLISHER  # noqa: E402

from crosstrade_panel.cli_shortcut import WORDS  # noqa: E402
from crosstrade_panel.desktop.shortcut import ICON_SIZES, entry_text  # noqa: E402

COMMANDS = ("crosstrade-panel", "crosstrade-panel-gui")
METAINFO = ROOT / "packaging" / "linux" / "metainfo.xml"
# What the frozen folder leaves to the system; newer releases have other names for some.
DEPENDS = (
    "libc6 (>= {libc})",
    "libdbus-1-3",
    "libegl1",
    "libfontconfig1",
    "libfreetype6",
    "libgcc-s1",
    "libgl1",
    "libglib2.0-0t64 | libglib2.0-0",
    "libstdc++6",
    "libwayland-client0",  # where there is no XWayland
    "libwayland-cursor0",
    "libx11-6",
    "libx11-xcb1",
    "libxcb-randr0",
    "libxcb-render0",
    "libxcb-shm0",
    "libxcb-sync1",
    "libxcb-xfixes0",
    "libxcb1",
    "libxkbcommon0",
)
RECOMMENDS = ("fonts-dejavu-core | fonts-liberation | fonts-noto-core", "gnome-keyring | kwalletmanager")
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_LIBC = re.compile(rb"GLIBC_2\.(\d+)")


def control(version: str, architecture: str, libc: str, installed_kb: int) -> str:
    """The package's description."""
    depends = ", ".join(DEPENDS).format(libc=libc)
    return f"""\
Package: {NAME}
Version: {version}
Section: misc
Priority: optional
Architecture: {architecture}
Maintainer: {PUBLISHER} <{MAINTAINER_ADDRESS}>
Installed-Size: {installed_kb}
Depends: {depends}
Recommends: {", ".join(RECOMMENDS)}
Description: {WORDS.about}
 A small always-on-top window that a futures trader keeps beside NinjaTrader 8.
 Before a press the button says exactly what will happen; afterwards the window
 tells only what was proved by reading the positions again, twice.
 .
 An exchange to practise on is built in: no account, no token, nothing real.
 Not affiliated with CrossTrade or NinjaTrader.
"""


def least_libc(folder: Path) -> str:
    """The oldest C library that all programs and libraries of a folder run with."""
    found = [
        int(number)
        for each in folder.rglob("*")
        if each.is_file() and (".so" in each.name or os.access(each, os.X_OK))
        for number in _LIBC.findall(each.read_bytes())
    ]
    return f"2.{max(found)}"


def metainfo(version: str, day: str) -> str:
    """The AppStream metadata of this release."""
    text = METAINFO.read_text("utf-8")
    facts = {"ID": APPSTREAM_ID, "PUBLISHER": PUBLISHER, "VERSION": version, "DATE": day}
    for name, value in facts.items():
        text = text.replace(f"@{name}@", value)
    return text


def lay_out(frozen: Path, tree: Path, version: str) -> None:
    """Everything where it will be on the user's disk."""
    share, program = tree / "usr" / "share", tree / "usr" / "lib" / NAME
    shutil.copytree(frozen, program, symlinks=True)
    commands = tree / "usr" / "bin"
    commands.mkdir(parents=True)
    for command in COMMANDS:
        (commands / command).symlink_to(f"../lib/{NAME}/{command}")
    _write(share / "applications" / f"{NAME}.desktop", entry_text(("crosstrade-panel-gui",), WORDS))
    day = datetime.fromtimestamp(_now(), UTC).date().isoformat()
    _write(share / "metainfo" / f"{APPSTREAM_ID}.metainfo.xml", metainfo(version, day))
    icons, theme = ROOT / "resources" / "icons", share / "icons" / "hicolor"
    _copy(icons / f"{NAME}.svg", theme / "scalable" / "apps" / f"{NAME}.svg")
    for size in ICON_SIZES:
        _copy(icons / f"{NAME}-{size}.png", theme / f"{size}x{size}" / "apps" / f"{NAME}.png")
    papers = share / "doc" / NAME
    _write(papers / "copyright", (ROOT / "LICENSE").read_text("utf-8"))
    for each in TRAVELLING[1:]:
        name = Path(each).name
        (program / name).unlink()
        (program / name).symlink_to(f"../../share/doc/{NAME}/{name}")
        _copy(ROOT / each, papers / name)
    changes = (ROOT / "CHANGELOG.md").read_bytes()
    (papers / "changelog.gz").write_bytes(gzip.compress(changes, mtime=0))


def make(frozen: Path, output: Path) -> Path:
    """The package, made anew; where it is."""
    architecture = _ARCHITECTURES[platform.machine()]
    output.mkdir(parents=True, exist_ok=True)
    made = output / f"{NAME}_{version()}_{architecture}.deb"
    with tempfile.TemporaryDirectory(prefix="crosstrade-deb-") as scratch:
        tree = Path(scratch, "tree")
        tree.mkdir(mode=0o755)
        lay_out(frozen, tree, version())
        text = control(version(), architecture, least_libc(frozen), size_of(tree) // 1024 + 1)
        _write(tree / "DEBIAN" / "control", text)
        for each in tree.rglob("*"):  # whatever the umask was
            if not each.is_symlink():
                each.chmod(0o755 if each.is_dir() or os.access(each, os.X_OK) else 0o644)
        command = ["dpkg-deb", "--root-owner-group", "-Zxz", "--build", str(tree), str(made)]
        environ = {**os.environ, "SOURCE_DATE_EPOCH": str(_now())}
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environ)
    return made


def _now() -> int:
    """The time of the commit where the release says so, so that two builds of it are alike."""
    return int(os.environ.get("SOURCE_DATE_EPOCH") or datetime.now(UTC).timestamp())


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def _copy(source: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, place)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("frozen", type=Path)
    parser.add_argument("output", type=Path)
    options = parser.parse_args(arguments)
    print(make(options.frozen.absolute(), options.output.absolute()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
