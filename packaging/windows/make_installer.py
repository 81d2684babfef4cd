"""Makes the installer of a frozen folder, after a look at its libraries. On Windows, and on Debian with nsis.

Use: python packaging/windows/make_installer.py FROZEN FOLDER [--version VERSION] [--quick]

makes FOLDER/CrossTrade-Panel-VERSION.exe. The version is the program's own when left out; --quick packs it
less tightly, for a try.
"""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent))

from freeze import version  # noqa: E402
from publisher import PUBLISHER  # noqa: E402
from windows.dlls import complaints  # noqa: E402

ICON = ROOT / "resources" / "icons" / "crosstrade-panel.ico"


def makensis() -> str:
    """Where NSIS is; its own installer puts it on no path."""
    beside = Path(os.environ.get("PROGRAMFILES(X86)", ""), "NSIS", "makensis.exe")
    found = shutil.which("makensis") or (str(beside) if beside.is_file() else None)
    if found is None:
        raise SystemExit("NSIS is missing: apt-get install nsis, or choco install nsis.")
    return found


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("frozen", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--version", default=version())
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args(arguments)
    frozen, folder = options.frozen.absolute(), options.folder.absolute()
    if problems := complaints(frozen):
        print("\n".join(problems))
        return 1
    folder.mkdir(parents=True, exist_ok=True)
    installer = folder / f"CrossTrade-Panel-{options.version}.exe"
    values = {"VERSION": options.version, "PUBLISHER": PUBLISHER}
    values |= {"SOURCE": str(frozen), "ICON": str(ICON), "OUTFILE": str(installer)}
    command = [makensis(), "-V1", *(f"-D{name}={value}" for name, value in values.items())]
    command += ["-DQUICK"] * options.quick
    # The parts for amd64 come with Debian's NSIS alone. The others install into the same folders.
    command += ["-DX86"] * (sys.platform == "win32")
    done = subprocess.run([*command, str(HERE / "installer.nsi")], check=False)
    if done.returncode == 0:
        print(f"{installer}: {installer.stat().st_size / 1e6:.1f} MB")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
