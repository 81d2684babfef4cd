"""A desktop of our own: X server, window manager, session bus, and the bus of the screen readers.

Nothing of whoever runs the tests is touched: neither their display nor their buses nor their files.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.person.accessible import Bus, bus_of_screen_readers
from tests.person.pixels import Picture, Rect

PATIENCE_S = 60.0
"""For what never comes: a busy machine takes its time."""
TOOLS = ("Xvfb", "openbox", "xdotool", "dbus-daemon")
_LAUNCHER = "at-spi-bus-launcher"
_FOLDERS = ("/usr/libexec", "/usr/lib/at-spi2-core", "/usr/lib/at-spi2")
WIDTH, HEIGHT = 1280, 1024
# Nothing else is started by asking for it: no keyring of this machine comes up with a prompt.
_BUS = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <keep_umask/>
  <listen>unix:dir={folder}</listen>
  <auth>EXTERNAL</auth>
  <servicedir>{folder}</servicedir>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""
_SERVICE = "[D-BUS Service]\nName=org.a11y.Bus\nExec={launcher}\n"


def missing() -> list[str]:
    """What such a desktop needs and this machine has not."""
    if sys.platform != "linux":
        return ["Linux"]
    found = [name for name in TOOLS if shutil.which(name) is None]
    if _launcher() is None:
        found.append(_LAUNCHER)
    return found


def _launcher() -> Path | None:
    """What starts the bus of screen readers; on no PATH."""
    return next((path for folder in _FOLDERS if (path := Path(folder, _LAUNCHER)).exists()), None)


def until(condition: Callable[[], object], what: Callable[[], str] | str = "it never came") -> None:
    """Look every few milliseconds: an X server and a window tell nobody when they are done."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, what if isinstance(what, str) else what()
        time.sleep(0.01)


class Desktop:
    """Runs while its `with` does.

    `environ` is what a program that is started on it gets, `bus` is where screen readers listen.
    """

    def __init__(self) -> None:
        self._stack = ExitStack()
        self.environ: dict[str, str] = {}
        self.folder = Path()
        self._log = Path()
        self.bus: Bus

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            # A short name: the path of a socket has at most some hundred characters.
            self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ctp-", dir="/tmp")))
            self._log = self.folder / "desktop.log"
            dropped = ("DBUS_", "XDG_", "QT_", "WAYLAND_", "AT_SPI_", "GTK_")
            self.environ = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
            for name in ("HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
                place = self.folder / name.lower()
                place.mkdir(mode=0o700)
                self.environ[name] = str(place)
            self.environ |= {"QT_QPA_PLATFORM": "xcb", "QT_LINUX_ACCESSIBILITY_ALWAYS_ON": "1"}
            self._start_screen(stack)
            self._start_bus(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def display(self) -> str:
        """As in `DISPLAY`."""
        return self.environ["DISPLAY"]

    def picture(self) -> Picture:
        """What is on the screen at this moment."""
        return Picture.of_screen(self.folder / "Xvfb_screen0")

    def pixels(self, rect: Rect) -> bytes:
        """The same of a part, to be compared."""
        return self.picture().part(rect)

    def _start_screen(self, stack: ExitStack) -> None:
        read, write = os.pipe()
        self._run(
            stack,
            # Its memory is a file that we read: no client, no grab, no tool for pictures. Without -noreset it
            # begins anew when the last client leaves, and a window manager that comes at that moment is lost.
            [
                *("Xvfb", "-displayfd", str(write), "-screen", "0", f"{WIDTH}x{HEIGHT}x24"),
                *("-fbdir", str(self.folder), "-nolisten", "tcp", "-noreset", "-nocursor"),
            ],
            passed=write,
        )
        os.close(write)
        with os.fdopen(read) as told:
            self.environ["DISPLAY"] = f":{int(told.readline())}"
        self._start_manager(stack)

    def mend(self) -> None:
        """Another window manager where the one before is gone: it is not what is tried here."""
        if self._manager.poll() is not None:
            print(f"the window manager ended with {self._manager.returncode}: {self._complaint()}")
            self._start_manager(self._stack)

    def _start_manager(self, stack: ExitStack) -> None:
        self._manager = self._run(stack, ["openbox", "--sm-disable"])
        until(lambda: self._ask("xdotool", "get_num_desktops").strip(), self._complaint)

    def _start_bus(self, stack: ExitStack) -> None:
        rules = self.folder / "bus.conf"
        rules.write_text(_BUS.format(folder=self.folder), "utf-8")
        service = self.folder / "org.a11y.Bus.service"
        service.write_text(_SERVICE.format(launcher=_launcher()), "utf-8")
        read, write = os.pipe()
        command = ["dbus-daemon", f"--config-file={rules}", "--nofork", "--nopidfile"]
        self._run(stack, [*command, f"--print-address={write}"], passed=write)
        os.close(write)
        with os.fdopen(read) as told:
            self.environ["DBUS_SESSION_BUS_ADDRESS"] = told.readline().strip()
        address = bus_of_screen_readers(self.environ["DBUS_SESSION_BUS_ADDRESS"])
        self.bus = stack.enter_context(Bus(address))

    def _run(
        self, stack: ExitStack, command: list[str], passed: int | None = None
    ) -> "subprocess.Popen[bytes]":
        with self._log.open("ab") as log:
            process = subprocess.Popen(
                command,
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[] if passed is None else [passed],
                start_new_session=True,  # Ctrl-C is for the tests, which take all of it down in order
            )

        def end() -> None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(PATIENCE_S)

        stack.callback(end)
        return process

    def _ask(self, *command: str) -> str:
        done = subprocess.run(
            command,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            check=False,
        )
        return done.stdout

    def _complaint(self) -> str:
        return self._log.read_text("utf-8", "replace")
