"""Who may use an environment, and who may change it: file locks, which die with their holders."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from sentences import say


@dataclass(frozen=True, slots=True)
class Hold:
    """A shared claim on an environment: while it lasts, nobody takes it apart."""

    file: IO[bytes]

    def outlive_exec(self) -> None:
        os.set_inheritable(self.file.fileno(), True)  # noqa: FBT003


@contextmanager
def claim(path: Path, *, shared: bool) -> Iterator[bool]:
    with path.open("ab") as file:
        yield lock_file(file, shared=shared)


@contextmanager
def turn(path: Path) -> Iterator[None]:
    """One set-up at a time; a second one waits for the first."""
    with path.open("ab") as file:
        waited = False
        while not lock_file(file, shared=False, even_on_windows=True):
            if not waited:
                say("Waiting for another set-up to end …")
            waited = True
            time.sleep(0.2)
        # Killed, we leave a tool behind that still writes: nobody's turn comes before it ends.
        os.set_inheritable(file.fileno(), True)  # noqa: FBT003
        yield


def lock_file(file: IO[bytes], *, shared: bool, even_on_windows: bool = False) -> bool:
    """Claims the file without waiting; closing it, or dying, gives it back."""
    if sys.platform == "win32":
        import msvcrt

        if not even_on_windows:  # where files in use cannot be moved anyway
            return True
        try:
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
