"""Runs first in the frozen program, which alone has such a step."""

import os

# The starter told the loader of our own libraries; that is done. Whatever the panel opens, a browser with the
# broker's web platform, must find its own.
if "LD_LIBRARY_PATH" in os.environ:
    before = os.environ.pop("LD_LIBRARY_PATH_ORIG", None)
    if before is None:
        del os.environ["LD_LIBRARY_PATH"]
    else:
        os.environ["LD_LIBRARY_PATH"] = before
