"""Looks whether a frozen folder has every library it needs, and none that only a test bed has.

Use: python packaging/windows/dlls.py FOLDER

Prints what is wrong, a line each; 1 where there is anything.
"""

import struct
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

# What every Windows 10 from 1809 on brings by itself. The C runtime of Visual C++ is not among it.
_NAMES = (
    "advapi32", "authz", "bcrypt", "bcryptprimitives", "cfgmgr32", "comctl32", "comdlg32", "crypt32",
    "cryptbase", "d3d11", "d3d12", "d3d9", "dbghelp", "dcomp", "dnsapi", "dwmapi", "dwrite", "dxgi",
    "gdi32", "icuuc", "imm32", "iphlpapi", "kernel32", "mpr", "mscms", "msvcrt", "ncrypt", "netapi32",
    "ntdll", "ole32", "oleacc", "oleaut32", "opengl32", "pdh", "powrprof", "propsys", "psapi", "rpcrt4",
    "secur32", "setupapi", "shcore", "shell32", "shlwapi", "uiautomationcore", "user32", "userenv",
    "usp10", "uxtheme", "version", "winhttp", "wininet", "winmm", "ws2_32", "wtsapi32",
)  # fmt: skip
SYSTEM = frozenset({"winspool.drv", *(f"{name}.dll" for name in _NAMES)})
SYSTEM_SETS = ("api-ms-win-", "ext-ms-win-")
WINE = (b"Wine builtin DLL", b"Wine placeholder DLL")

_IMPORTS, _DELAYED = 1, 13
_HEAD_OF = {0x10B: 96, 0x20B: 112}  # PE32, PE32+: where the table of directories begins


class NotAProgramError(Exception):
    """A file that is no Windows program or library."""


def imports(data: bytes) -> Iterator[str]:
    """The libraries that a program or library asks for, at once or later; as it spells them.

    https://learn.microsoft.com/windows/win32/debug/pe-format

    Raises:
        NotAProgramError: it is none.
    """
    try:
        yield from _imports(data)
    except struct.error as error:
        raise NotAProgramError("it ends too early") from error


def _imports(data: bytes) -> Iterator[str]:
    start = _number(data, 0x3C)
    if data[:2] != b"MZ" or data[start : start + 4] != b"PE\0\0":
        raise NotAProgramError("it does not begin as one")
    sections, optional_size = struct.unpack_from("<2xH12xH", data, start + 4)
    optional = start + 24
    directories = optional + _HEAD_OF[struct.unpack_from("<H", data, optional)[0]]
    table = optional + optional_size
    spans = [struct.unpack_from("<8xIIII", data, table + 40 * each) for each in range(sections)]

    def place(address: int) -> int:
        for size, begin, raw_size, raw in spans:
            if begin <= address < begin + max(size, raw_size):
                return int(address - begin + raw)
        raise NotAProgramError("an address leads nowhere")

    for directory, row_size, name_at in ((_IMPORTS, 20, 12), (_DELAYED, 32, 4)):
        address = _number(data, directories + 8 * directory)
        row = place(address) if address else 0
        while address and (name := _number(data, row + name_at)):
            begin = place(name)
            yield data[begin : data.index(b"\0", begin)].decode("ascii")
            row += row_size


def _number(data: bytes, at: int) -> int:
    return int(struct.unpack_from("<I", data, at)[0])


def is_system(name: str) -> bool:
    """Whether every Windows has it."""
    return name.casefold() in SYSTEM or name.casefold().startswith(SYSTEM_SETS)


def complaints(folder: Path) -> list[str]:
    """What is wrong with a frozen folder, as sentences."""
    files = [each for each in sorted(folder.rglob("*")) if each.is_file()]
    there = {each.name.casefold() for each in files}
    found = []
    programs = 0
    for each in files:
        data = each.read_bytes()
        name = each.relative_to(folder).as_posix()
        found += [f"{name} is Wine's" for mark in WINE if mark in data[:4096]]
        if each.suffix.casefold() not in {".exe", ".dll", ".pyd"}:
            continue
        programs += 1
        try:
            needed = list(imports(data))
        except NotAProgramError as error:
            found.append(f"{name} is no program: {error}")
            continue
        missing = [dll for dll in needed if dll.casefold() not in there and not is_system(dll)]
        found += [f"{name} needs {dll}, which is not there" for dll in missing]
    return found if programs else [*found, f"there is no program in {folder}"]


def main(arguments: Sequence[str]) -> int:
    found = complaints(Path(arguments[0]))
    for each in found:
        print(each)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
