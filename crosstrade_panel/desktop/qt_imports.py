"""Keeps PySide from reading the source of every module that is imported after it.

It looks there for its own name, to know where its `__feature__` switches could be used: that takes a
twentieth of a start, and each source stays in memory, 11 MB. This program uses no such switch.
"""

import sys

from PySide6 import QtCore  # noqa: F401 - it begins to look


def _uses_no_switch(_module: object) -> bool:
    return False


_feature = sys.modules.get("shibokensupport.feature")
if hasattr(_feature, "_mod_uses_pyside"):
    setattr(_feature, "_mod_uses_pyside", _uses_no_switch)  # noqa: B010 - it offers no other way
