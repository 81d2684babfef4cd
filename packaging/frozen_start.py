"""Runs first in the frozen program, which alone has such a step."""

import os
import sys

# The starter told the loader of our own libraries; that is done. Whatever the panel opens, a browser with the
# broker's web platform, must find its own.
if "LD_LIBRARY_PATH" in os.environ:
    before = os.environ.pop("LD_LIBRARY_PATH_ORIG", None)
    if before is None:
        del os.environ["LD_LIBRARY_PATH"]
    else:
        os.environ["LD_LIBRARY_PATH"] = before
# A desktop may name the plugins of its own Qt, which would come before ours, and be of another version.
if "QT_PLUGIN_PATH" in os.environ:
    inside = ("PySide6", "plugins") if os.name == "nt" else ("PySide6", "Qt", "plugins")
    os.environ["QT_PLUGIN_PATH"] = os.path.join(sys._MEIPASS, *inside)  # type: ignore[attr-defined] # noqa: PTH118, SLF001
