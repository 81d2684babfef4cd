"""Writes resources/THIRD-PARTY-NOTICES.txt: whose work travels with the program, under which licences.

Use: python packaging/notices.py     after a change of requirements.lock (fetches what it names, once)

Read from the metadata of every package of the lock, those of other systems too. A test holds the file's list
against the lock.
"""

import re
import subprocess
import sys
import sysconfig
import tempfile
import textwrap
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path

from environment import LOCK, ROOT, parse_lock

NOTICES = ROOT / "resources" / "THIRD-PARTY-NOTICES.txt"
_RULE = "=" * 78
_TEXTS = Path("/usr/share/common-licenses")  # Debian's; the LGPL refers to the GPL, so both
_LICENCE_FILE = re.compile(r"licen[cs]e|copying|notice|authors", re.IGNORECASE)
_HEAD = """\
CrossTrade Panel: third-party notices

CrossTrade Panel itself is under the MIT licence (LICENSE). It uses the packages below.

Qt and Qt for Python (PySide6-Essentials, shiboken6) are used under the GNU Lesser General Public License,
version 3, whose text, with that of the GNU General Public License to which it refers, is at the end of this
file. They are used unmodified, as libraries of their own in the folder PySide6, which you may replace by
others of the same interface. Their source is at https://download.qt.io/official_releases/ under QtForPython
and qt, in the version named below; what Qt itself contains is listed at
https://doc.qt.io/qt-6/licenses-used-in-qt.html

A frozen program (installer, .deb, archive) also carries Python (PSF licence, text below) and, by system,
libraries that Python and Qt ask for: OpenSSL (Apache-2.0, https://openssl.org), SQLite (public domain,
https://sqlite.org), ICU (Unicode-3.0, https://icu.unicode.org), zlib (Zlib), Zstandard (BSD-3-Clause),
XZ Utils (0BSD), bzip2 (bzip2-1.0.6), libffi (MIT), util-linux' libuuid (BSD-3-Clause), XCB and libxkbcommon
(MIT). Its starter is PyInstaller's (https://pyinstaller.org), under the Apache licence, version 2.0, or the
GPL with an exception that lets it start programs of any licence.
"""


def names(runtime: str) -> list[tuple[str, str]]:
    """(name, version) of every package of a section of the lock."""
    return re.findall(r"^([\w.-]+)==([\w.+!-]+)", runtime, re.MULTILINE)


def title(name: str, version: str) -> str:
    """The line that heads a package's part."""
    return f"{name} {version}"


def compose(packages: Path, runtime: str) -> str:
    """The whole text, from the packages that lie in a folder."""
    found = {_canonical(each.metadata["Name"]): each for each in distributions(path=[str(packages)])}
    parts = [_HEAD]
    for name, version in names(runtime):
        parts.append("\n".join([_RULE, title(name, version), *_about(found[name])]))
    python = Path(sysconfig.get_path("stdlib"), "LICENSE.txt").read_text("utf-8")
    texts = {"Python": python, **{each: (_TEXTS / each).read_text("utf-8") for each in ("LGPL-3", "GPL-3")}}
    parts += [f"{_RULE}\n{name}\n\n{text.strip()}\n" for name, text in texts.items()]
    return "\n".join(parts)


def _about(package: Distribution) -> Iterator[str]:
    licence = _value(package, "License-Expression")
    if not licence:
        classified = [each for each in package.metadata.get_all("Classifier") or () if "License ::" in each]
        named = "; ".join(each.rpartition(" :: ")[2] for each in classified)
        licence = named or _value(package, "License")
    yield f"Licence: {textwrap.shorten(licence, 100)}"
    yield f"Home: {_home(package)}"
    yield ""
    for file in sorted(package.files or (), key=str):
        if ".dist-info" in file.parts[0] and _LICENCE_FILE.search(file.name):
            text = Path(str(file.locate())).read_text("utf-8", errors="replace").strip()
            yield from (f"--- {file.name}", "", text, "")


def _home(package: Distribution) -> str:
    urls = [each.partition(", ") for each in package.metadata.get_all("Project-URL") or ()]
    labelled = {label.casefold(): url for label, _, url in urls}
    labels = ("homepage", "source", "source code", "repository", "github", "documentation")
    chosen = [labelled[label] for label in labels if label in labelled]
    name = package.metadata["Name"]
    return _value(package, "Home-page") or next(iter(chosen), f"https://pypi.org/project/{name}/")


def _value(package: Distribution, key: str) -> str:
    return next(iter(package.metadata.get_all(key) or ()), "")


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> int:
    runtime = parse_lock(LOCK.read_text("utf-8")).runtime
    everywhere = re.sub(r" ;[^\\\n]*(?=\\)", " ", runtime)  # those of the other systems, too
    with tempfile.TemporaryDirectory() as folder:
        wanted, packages = Path(folder, "wanted.txt"), Path(folder, "packages")
        wanted.write_text(everywhere, "utf-8")
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--require-hashes", "--no-deps"]
        command += ["--only-binary", ":all:", "--target", str(packages), "-r", str(wanted)]
        subprocess.run(command, check=True)
        NOTICES.write_text(compose(packages, runtime), "utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
