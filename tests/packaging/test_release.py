"""What a release is made from agrees with itself; the builds themselves are another matter's."""

import ast
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path

import freeze
import notices
import publisher
import pytest
import release
from environment import parse_lock
from sentences import SetUpError

import crosstrade_panel

ROOT = Path(__file__).resolve().parents[2]
RUNTIME = parse_lock((ROOT / "requirements.lock").read_text("utf-8")).runtime


def test_the_version_has_one_place() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["hatch"]["version"]["path"] == "crosstrade_panel/__init__.py"
    assert freeze.version() == crosstrade_panel.__version__


def test_a_tag_of_another_version_is_not_built() -> None:
    release.check_tag(f"v{crosstrade_panel.__version__}")
    with pytest.raises(SetUpError):
        release.check_tag("v0.0.0")


def unnoticed(text: str, runtime: str) -> list[str]:
    lines = set(text.splitlines())
    titles = (notices.title(name, version) for name, version in notices.names(runtime))
    return [each for each in titles if each not in lines]


def test_the_notices_name_every_package_of_the_lock_and_carry_the_licences_of_qt() -> None:
    """Else: python packaging/notices.py."""
    text = notices.NOTICES.read_text("utf-8")
    assert len(notices.names(RUNTIME)) > 20
    assert unnoticed(text, RUNTIME) == []
    assert unnoticed(text, RUNTIME.replace("qasync==0", "qasync==9")) != []
    for licence in ("GNU LESSER GENERAL PUBLIC LICENSE", "GNU GENERAL PUBLIC LICENSE", "PYTHON SOFTWARE"):
        assert licence in text


@pytest.mark.parametrize("name", ["freeze.lock", "build.lock"])
def test_the_tools_are_pinned_by_hash(name: str) -> None:
    text = (ROOT / "packaging" / name).read_text("utf-8")
    entries = re.findall(r"^\S.*==.*\\\n(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+", text, re.MULTILINE)
    assert len(entries) == len(re.findall("^[^# ]+==", text, re.MULTILINE)) > 5
    assert "://" not in text


def test_the_plan_of_the_frozen_program_can_be_read_and_names_files_that_are_there() -> None:
    text = (ROOT / "packaging" / "crosstrade-panel.spec").read_text("utf-8")
    ast.parse(text)
    assert "onefile" not in text
    assert re.findall(r"upx=(\w+)", text) == ["False", "False"]
    for each in ("resources/icons/crosstrade-panel.ico", "packaging/frozen_start.py", *freeze.TRAVELLING):
        assert (ROOT / each).is_file()


def test_roots_that_were_added_on_the_building_machine_do_not_travel(tmp_path: Path) -> None:
    roots = tmp_path / "_internal" / "certifi" / "cacert.pem"
    record = tmp_path / "_internal" / "certifi-1.dist-info" / "RECORD"
    for each in (roots, record):
        each.parent.mkdir(parents=True)
    roots.write_bytes(b"x")
    record.write_text("certifi/cacert.pem,sha256=LXEWQrcmsEQBYnyp-6wy9chTD7GQPMTbAiWHF5IaSIE,1\n")
    freeze.check_roots(tmp_path)
    roots.write_bytes(b"x and one more")
    with pytest.raises(SetUpError):
        freeze.check_roots(tmp_path)
    assert not tmp_path.exists()


def test_the_list_of_checksums_is_one_that_the_tool_accepts(tmp_path: Path) -> None:
    files = [tmp_path / "b c.whl", tmp_path / "a.deb"]
    for each in files:
        each.write_bytes(each.name.encode())
    assert release.write_sums(tmp_path, files).name == "SHA256SUMS"
    if tool := shutil.which("sha256sum"):
        assert subprocess.run([tool, "-c", "SHA256SUMS"], cwd=tmp_path, check=False).returncode == 0
        files[0].write_bytes(b"other")
        assert subprocess.run([tool, "-c", "SHA256SUMS"], cwd=tmp_path, check=False).returncode != 0


def test_two_archives_of_one_folder_are_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    folder = tmp_path / "crosstrade-panel"
    (folder / "inside").mkdir(parents=True)
    (folder / "inside" / "file").write_text("x")
    first = release.pack(folder, tmp_path / "1.tar.xz").read_bytes()
    (folder / "inside" / "file").touch()
    assert release.pack(folder, tmp_path / "2.tar.xz").read_bytes() == first
    with tarfile.open(tmp_path / "1.tar.xz") as tar:
        assert tar.getnames() == [
            "crosstrade-panel",
            "crosstrade-panel/inside",
            "crosstrade-panel/inside/file",
        ]


def test_what_a_publisher_fills_in_stands_in_one_place() -> None:
    values = (publisher.APPSTREAM_ID, publisher.MAINTAINER_ADDRESS)
    folders = ("packaging", "resources", "crosstrade_panel", "tests", ".github")
    kinds = {".nsi", ".py", ".sh", ".spec", ".svg", ".txt", ".xml", ".yml"}
    found = {
        each.relative_to(ROOT).as_posix()
        for folder in folders
        for each in (ROOT / folder).rglob("*")
        if each.suffix in kinds and any(value in each.read_text("utf-8") for value in values)
    }
    assert found == {"packaging/publisher.py"}


@pytest.mark.skipif(sys.platform != "linux", reason="its metadata is Linux's")
def test_the_package_for_debian_has_metadata_that_validate(tmp_path: Path) -> None:
    """Laid out around an empty program."""
    frozen, tree = tmp_path / "crosstrade-panel", tmp_path / "tree"
    frozen.mkdir()
    (frozen / "THIRD-PARTY-NOTICES.txt").touch()
    code = f"""
import sys; sys.path.insert(0, {str(ROOT / "packaging" / "linux")!r})
from pathlib import Path
import make_deb
make_deb.lay_out(Path({str(frozen)!r}), Path({str(tree)!r}), "1.2.3")
print(make_deb.control("1.2.3", "amd64", "2.35", 1))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "\nVersion: 1.2.3\n" in done.stdout
    assert "libglib2.0-0t64 | libglib2.0-0" in done.stdout
    share = tree / "usr" / "share"
    [entry], [metainfo] = (share / "applications").iterdir(), (share / "metainfo").iterdir()
    assert "Exec=crosstrade-panel-gui\n" in entry.read_text("utf-8")
    assert '<release version="1.2.3" date="' in metainfo.read_text("utf-8")
    assert metainfo.name == f"{publisher.APPSTREAM_ID}.metainfo.xml"
    assert f"<id>{publisher.APPSTREAM_ID}</id>" in metainfo.read_text("utf-8")
    assert "@" not in metainfo.read_text("utf-8")
    assert f"\nMaintainer: {publisher.PUBLISHER} <{publisher.MAINTAINER_ADDRESS}>\n" in done.stdout
    assert (share / "icons/hicolor/scalable/apps/crosstrade-panel.svg").is_file()
    assert (tree / "usr/lib/crosstrade-panel/THIRD-PARTY-NOTICES.txt").read_text("utf-8").count("LGPL") > 0
    for name, *words in (
        ("desktop-file-validate", str(entry)),
        ("appstreamcli", "validate", "--no-net", str(metainfo)),
    ):
        if tool := shutil.which(name):
            checked = subprocess.run([tool, *words], capture_output=True, text=True, check=False)
            assert checked.returncode == 0, checked.stdout
