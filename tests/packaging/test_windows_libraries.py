"""What a frozen folder for Windows needs and has, read from files that are made here."""

import struct
from collections.abc import Sequence
from pathlib import Path

import pytest
from windows.dlls import NotAProgramError, complaints, imports, is_system

_RAW, _ADDRESS = 0x400, 0x1000


def library(at_once: Sequence[str], later: Sequence[str] = ()) -> bytes:
    """A library with nothing in it but what it asks for."""
    names, places = b"", {}
    for each in (*at_once, *later):
        places[each] = _ADDRESS + 0x200 + len(names)
        names += each.encode() + b"\0"
    now = b"".join(struct.pack("<12xII", places[each], 1) for each in at_once) + bytes(20)
    delayed = b"".join(struct.pack("<II24x", 1, places[each]) for each in later) + bytes(32)
    body = (now + delayed).ljust(0x200, b"\0") + names.ljust(0x200, b"\0")
    directories = bytearray(16 * 8)
    struct.pack_into("<II", directories, 8, _ADDRESS if at_once else 0, len(now))
    struct.pack_into("<II", directories, 13 * 8, _ADDRESS + len(now) if later else 0, len(delayed))
    optional = struct.pack("<H110x", 0x20B) + directories
    section = struct.pack("<8sIIII16x", b".rdata", len(body), _ADDRESS, len(body), _RAW)
    head = struct.pack("<HH12xH2x", 0x8664, 1, len(optional))
    start = struct.pack("<2s58xI", b"MZ", 64)
    return (start + b"PE\0\0" + head + optional + section).ljust(_RAW, b"\0") + body


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "panel.exe").write_bytes(library(["KERNEL32.dll", "Qt6Core.dll"], ["OLE32.dll"]))
    (tmp_path / "_internal").mkdir()
    (tmp_path / "_internal" / "qt6core.dll").write_bytes(library(["api-ms-win-crt-heap-l1-1-0.dll"]))
    return tmp_path


def test_what_it_asks_for_at_once_and_later_is_read() -> None:
    assert list(imports(library(["A.dll", "b.DLL"], ["c.dll"]))) == ["A.dll", "b.DLL", "c.dll"]
    assert list(imports(library([]))) == []


@pytest.mark.parametrize("data", [b"", b"MZ", b"\x7fELF".ljust(200, b"\0"), library(["a.dll"])[:700]])
def test_what_is_no_program_is_told(data: bytes) -> None:
    with pytest.raises(NotAProgramError):
        list(imports(data))


def test_a_whole_folder_has_nothing_wrong(folder: Path) -> None:
    assert complaints(folder) == []


def test_a_library_that_is_not_there_is_named_with_who_wants_it(folder: Path) -> None:
    (folder / "_internal" / "x.pyd").write_bytes(library(["python3.dll"], ["VCRUNTIME140.dll"]))
    assert complaints(folder) == [
        "_internal/x.pyd needs python3.dll, which is not there",
        "_internal/x.pyd needs VCRUNTIME140.dll, which is not there",
    ]


def test_a_library_of_wine_is_named(folder: Path) -> None:
    path = folder / "_internal" / "icuuc.dll"
    path.write_bytes(library([])[:64] + b"Wine builtin DLL" + library([])[80:])
    assert "_internal/icuuc.dll is Wine's" in complaints(folder)


def test_a_broken_file_and_an_empty_folder_are_told(folder: Path, tmp_path: Path) -> None:
    (folder / "half.dll").write_bytes(b"MZ")
    assert complaints(folder) == ["half.dll is no program: it ends too early"]
    (tmp_path / "empty").mkdir()
    assert complaints(tmp_path / "empty") != []


def test_the_runtime_of_visual_c_is_no_part_of_windows() -> None:
    assert is_system("KERNEL32.DLL")
    assert is_system("WINSPOOL.DRV")
    assert not is_system("vcruntime140.dll")
    assert not is_system("msvcp140.dll")
