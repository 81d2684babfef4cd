"""What a few large replies leave behind in memory: nothing, where the C library is glibc."""

import subprocess
import sys

import pytest

from tests.soaking import gauges

_LEAVES_BEHIND = """
import ctypes, sys
from crosstrade_panel.runtime import give_large_blocks_back
from tests.soaking.gauges import blocks
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
if sys.argv[1] == "told":
    give_large_blocks_back()
for _ in range(3):  # from the second on, a block of that size is no large one any more by itself
    reply, beside = libc.malloc(16 << 20), libc.malloc(64 << 10)
    libc.free(reply)
print(blocks().fordblks)
"""


def left_behind(told: str) -> int:
    """Bytes that the library keeps for itself behind replies of 16 MB."""
    command = [sys.executable, "-c", _LEAVES_BEHIND, told]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@pytest.mark.skipif(not gauges.in_use(), reason="only glibc keeps large blocks, and tells of it")
def test_large_replies_leave_nothing_behind() -> None:
    assert left_behind("told") < 2 << 20
    assert left_behind("not told") > 8 << 20
