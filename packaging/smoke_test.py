"""Uses a packaged program as a trader would, in practice, and ends with 0 when everything was as promised.

Use: python packaging/smoke_test.py [OPTIONS] COMMAND [WINDOW-COMMAND]

COMMAND starts the command line, WINDOW-COMMAND the window (left out: the one beside it, with -gui); each may
be several words, as in "wine C:/…/crosstrade-panel.exe" or "chroot /srv/root crosstrade-panel". Any Python
3.11 will do, nothing of the project is imported. The window is pressed from outside, by real keys and a real
pointer: through X (xdotool; a server and a window manager of its own, Xvfb and openbox, where DISPLAY is not
set), which serves Wine's windows, too, or through Windows' own input.

Everything lies in a folder that is removed in the end. Where the program sees another name for it, as behind
a chroot, --home-here and --home-there say both.
"""

import argparse
import ctypes
import io
import json
import os
import shlex
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

TITLE = "CrossTrade Panel"
HOLD_S = 1.5  # all accounts: twice as long as is asked
PATIENCE_S = 60.0
MANY_ROOTS, MANY_ICONS = 50, 5
TRIES = 5
FLATTEN_AT = (0.50, 0.46, 0.54)
"""Where FLATTEN is, as a share of the window's height, by likelihood."""


class SmokeError(Exception):
    """Something was not as promised."""


def require(condition: object, sentence: str, *facts: object) -> None:
    if not condition:
        raise SmokeError(" | ".join([sentence, *map(str, facts)]))
    print(f"ok  {sentence}", flush=True)


def wait_for(look: Callable[[], Any], seconds: float) -> Any:  # noqa: ANN401 - what it looked for
    """What `look` finds, as soon as it finds something; else what it found last."""
    end = time.monotonic() + seconds
    while not (found := look()) and time.monotonic() < end:
        time.sleep(0.1)
    return found


# --- hands


class Hands(Protocol):
    """Keys and a pointer."""

    def find(self) -> int:
        """The panel's window; 0 while there is none."""

    def front(self, window: int) -> None:
        """Give it the keyboard."""

    def hold_chord(self, seconds: float) -> None:
        """Ctrl+Alt+F, down for so long."""

    def hold_pointer(self, window: int, down: float, seconds: float) -> None:
        """The left button in the middle of the window, at that share of its height, down for so long."""

    def close(self, window: int) -> None:
        """Alt+F4."""

    def picture(self, file: Path) -> None:
        """What the screen shows."""


class XHands:
    """Through an X server's test extension: no window can tell it from a device."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = dict(environ)

    def _do(self, *words: object) -> str:
        command = ["xdotool", *map(str, words)]
        done = subprocess.run(command, env=self._environ, capture_output=True, text=True, check=False)
        return done.stdout if done.returncode == 0 else ""

    def find(self) -> int:
        # A tray icon may have the same name: the panel is the largest.
        found = self._do("search", "--onlyvisible", "--name", f"^{TITLE}$").split()
        return max(map(int, found), key=self._height, default=0)

    def _height(self, window: int) -> int:
        return self._geometry(window)[3]

    def _geometry(self, window: int) -> tuple[int, int, int, int]:
        lines = self._do("getwindowgeometry", "--shell", window).splitlines()
        values = dict(line.split("=", 1) for line in lines if "=" in line)
        x, y, width, height = (int(values.get(name, 0)) for name in ("X", "Y", "WIDTH", "HEIGHT"))
        return x, y, width, height

    def front(self, window: int) -> None:
        self._do("windowactivate", "--sync", window)

    def hold_chord(self, seconds: float) -> None:
        self._do("keydown", "ctrl", "keydown", "alt", "keydown", "f", "sleep", seconds)
        self._do("keyup", "f", "keyup", "alt", "keyup", "ctrl")

    def hold_pointer(self, window: int, down: float, seconds: float) -> None:
        x, y, width, height = self._geometry(window)
        place = (x + width // 2, y + round(height * down))
        self._do("mousemove", *place, "sleep", 0.5, "mousedown", 1, "sleep", seconds, "mouseup", 1)

    def close(self, window: int) -> None:
        self.front(window)
        self._do("key", "alt+F4")

    def picture(self, file: Path) -> None:
        if tool := shutil.which("import"):  # ImageMagick's
            subprocess.run([tool, "-window", "root", str(file)], env=self._environ, check=False)


class WindowsHands:
    """Through SendInput's elders, which do the same and need no structures."""

    _CTRL, _ALT, _F, _F4 = 0x11, 0x12, 0x46, 0x73
    _UP, _LEFT_DOWN, _LEFT_UP = 2, 2, 4

    def __init__(self) -> None:
        self._user: Any = ctypes.windll.user32  # type: ignore[attr-defined] # this system only
        self._user.SetProcessDPIAware()

    def find(self) -> int:
        found = int(self._user.FindWindowW(None, TITLE))
        return found if found and self._user.IsWindowVisible(found) else 0

    def front(self, window: int) -> None:
        # Who has just pressed a key may choose the window in front.
        self._key(self._ALT)
        self._key(self._ALT, self._UP)
        self._user.SetForegroundWindow(window)
        time.sleep(0.5)

    def _key(self, code: int, flags: int = 0) -> None:
        self._user.keybd_event(code, 0, flags, 0)

    def hold_chord(self, seconds: float) -> None:
        for code in (self._CTRL, self._ALT, self._F):
            self._key(code)
        time.sleep(seconds)
        for code in (self._F, self._ALT, self._CTRL):
            self._key(code, self._UP)

    def hold_pointer(self, window: int, down: float, seconds: float) -> None:
        edges = (ctypes.c_long * 4)()
        self._user.GetWindowRect(window, ctypes.byref(edges))
        left, top, right, bottom = edges
        self._user.SetCursorPos((left + right) // 2, top + round((bottom - top) * down))
        time.sleep(0.5)
        self._user.mouse_event(self._LEFT_DOWN, 0, 0, 0, 0)
        time.sleep(seconds)
        self._user.mouse_event(self._LEFT_UP, 0, 0, 0, 0)

    def close(self, window: int) -> None:
        self.front(window)
        self._key(self._ALT)
        self._key(self._F4)
        self._key(self._F4, self._UP)
        self._key(self._ALT, self._UP)

    def picture(self, file: Path) -> None:
        """Not here."""


@contextmanager
def screen() -> Iterator[dict[str, str]]:
    """The environment with a screen: the one that is there, else a server and a window manager of our own."""
    environ = dict(os.environ)
    if sys.platform == "win32" or environ.get("DISPLAY"):
        yield environ
        return
    with ExitStack() as stack:
        read, write = os.pipe()
        command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1600x1200x24", "-noreset"]
        server = stack.enter_context(subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL))
        stack.callback(server.terminate)
        os.close(write)
        with os.fdopen(read) as told:
            environ["DISPLAY"] = f":{int(told.readline())}"
        manager = stack.enter_context(
            subprocess.Popen(["openbox", "--sm-disable"], env=environ, stderr=subprocess.DEVNULL)
        )
        stack.callback(manager.terminate)
        yield environ


# --- the program


@dataclass(frozen=True, slots=True)
class Program:
    """Both commands, and the folder that everything of theirs lies in, by its name here."""

    command: tuple[str, ...]
    window: tuple[str, ...]
    home: Path
    environ: Mapping[str, str]

    def run(self, *arguments: str) -> tuple[int, str]:
        """Exit code and standard output of the command line."""
        with subprocess.Popen(
            [*self.command, *arguments],
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        ) as process:
            try:
                out, said = process.communicate(timeout=PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                raise SmokeError(f"{arguments} did not end") from None
        print("\n".join(f"    {line}" for line in (out + said).splitlines()), flush=True)
        return process.returncode, out

    def outcomes(self) -> list[tuple[dict[str, Any], str, list[str]]]:
        """Of every press that has one, in order: what was asked, the verdict, the ways it took."""
        file = self.home / "data" / "journal.sqlite3"
        if not file.exists():
            return []
        with closing(sqlite3.connect(file, timeout=5)) as journal:
            rows = journal.execute(
                "SELECT press_id, presses.facts, steps.verdict FROM presses JOIN steps USING (press_id)"
                " WHERE steps.kind = 'outcome' GROUP BY press_id ORDER BY presses.seq"
            ).fetchall()
            ways = journal.execute(
                "SELECT press_id, facts FROM steps WHERE kind = 'attempt' ORDER BY seq"
            ).fetchall()
        return [
            (json.loads(asked), verdict, [json.loads(way)["way"] for owner, way in ways if owner == press])
            for press, asked, verdict in rows
        ]


def check_parts(program: Program, keyring: str, version: str) -> None:
    """Everything that a package may have been made without."""
    code, said = program.run("--version")
    require(code == 0 and said.split()[-1:] == [version or said.split()[-1]], "it says its version", said)
    code, said = program.run("--diagnose", "--practice")
    require(code == 0, "it can diagnose itself", code)
    lines = dict(line.partition(": ")[::2] for line in said.splitlines())
    roots = lines.get("trusted roots", "0").partition(",")[0]
    require(roots.isdecimal() and int(roots) >= MANY_ROOTS, "it has the roots that TLS trusts", roots)
    require("not installed" not in said, "it knows the versions of its libraries")
    icons = lines.get("icons", "0").partition(" ")[0]
    require(int(icons) >= MANY_ICONS, "it has its icons", icons)
    plugins = lines.get("Qt plugins", "")
    for needed in ("iconengines/qsvgicon", "platforms/"):
        require(needed in plugins, f"it has Qt's plugin {needed}", plugins)
    named = lines.get("keyring", "")
    if keyring:
        require(named == keyring, f"its keyring is {keyring}", named)
    else:
        require(named, f"it says what keyring it has: {named}")
    require("journal: working" in said, "its journal works")


def check_command_line(program: Program) -> None:
    for asked in (("--account", "Sim101"), ("--everything",)):
        before = len(program.outcomes())
        code, said = program.run("flatten", *asked, "--practice", "--json")
        require(code == 0, f"flatten {' '.join(asked)} ends with 0", code)
        answer = json.loads(said)
        require(answer["outcome"] == "flat" and answer["order_ids"], "… and is flat, by proof")
        found = program.outcomes()
        require(len(found) == before + 1 and found[-1][1] == "flat", "… and is in the journal", found)


def check_window(program: Program, hands: Hands, picture: Path | None) -> None:
    settings = program.home / "config" / "settings.toml"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text("use_stream = true\n", "utf-8")  # presses over the WebSocket
    before = len(program.outcomes())
    began = time.monotonic()
    with subprocess.Popen(
        [*program.window, "--practice"],
        env=program.environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            window = wait_for(lambda: hands.find() or process.poll() is not None, PATIENCE_S)
            require(window and process.poll() is None, "its window opens", process.poll())
            print(f"    after {time.monotonic() - began:.1f} s", flush=True)
            time.sleep(2)  # until a person has seen what it shows

            def use_chord(_number: int) -> None:
                hands.front(window)
                hands.hold_chord(HOLD_S)

            def use_pointer(number: int) -> None:
                hands.hold_pointer(window, FLATTEN_AT[number % len(FLATTEN_AT)], HOLD_S)

            asked, verdict, ways = _press_until(program, before, use_chord)
            require(asked["practice"] and asked["account"] is None, "the chord flattens all accounts", asked)
            require(verdict == "flat", "… flat, by proof", verdict)
            require(ways == ["stream"], "… over the WebSocket", ways)
            asked, verdict, _ = _press_until(program, before + 1, use_pointer)
            require(
                asked["action"] == "flatten" and asked["account"] is None, "the pointer does so, too", asked
            )
            require(verdict == "nothing_open", "… and nothing was open any more", verdict)
            if picture is not None:
                hands.picture(picture)
            hands.close(window)
            code = wait_for(lambda: None if process.poll() is None else (process.poll(),), 20)
            require(code == (0,), "it closes when asked to, with 0", code)
        finally:
            if process.poll() is None:
                process.kill()


def _press_until(
    program: Program, before: int, press: Callable[[int], None]
) -> tuple[dict[str, Any], str, list[str]]:
    """The first press beyond those before; on a slow machine the window may not have been ready for it."""
    for number in range(TRIES):
        press(number)
        if found := wait_for(lambda: program.outcomes()[before:], 15):
            require(len(found) == 1, "one gesture is one press", found)
            first: tuple[dict[str, Any], str, list[str]] = found[0]
            return first
    raise SmokeError("no gesture became a press")


def beside(command: Sequence[str]) -> tuple[str, ...]:
    """The window's command of the same folder."""
    *before, last = command
    stem, dot, ending = last.rpartition(".exe")
    return (*before, f"{stem}-gui{dot}" if dot and not ending else f"{last}-gui")


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("command", type=shlex.split)
    parser.add_argument("window", type=shlex.split, nargs="?")
    parser.add_argument("--keyring", default="", help="what --diagnose must say of it")
    parser.add_argument("--version", default="", help="what --version must say")
    parser.add_argument("--home-here", type=Path, help="an empty folder, to be used and removed")
    parser.add_argument("--home-there", default="", help="the same folder, as the program knows it")
    parser.add_argument("--picture", type=Path, help="where to put a picture of the screen after the presses")
    options = parser.parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # what the program says may not be in a console's code page
    home = options.home_here or Path(tempfile.mkdtemp(prefix="crosstrade-smoke-"))
    home.mkdir(parents=True, exist_ok=True)
    is_wine = Path(options.command[0]).name.startswith("wine")
    there = options.home_there or ("Z:" + str(home).replace("/", "\\") if is_wine else str(home))
    tokens = ("XTRADE_TOKEN", "CROSSTRADE_TOKEN", "CROSSTRADE_BASE_URL")
    try:
        with screen() as environ:
            kept = {name: value for name, value in environ.items() if name not in tokens}
            program = Program(
                tuple(options.command),
                tuple(options.window or beside(options.command)),
                home,
                {**kept, "CROSSTRADE_PANEL_HOME": there},
            )
            check_parts(program, options.keyring, options.version)
            check_command_line(program)
            hands: Hands = WindowsHands() if sys.platform == "win32" else XHands(environ)
            check_window(program, hands, options.picture)
    except SmokeError as error:
        print(f"NOT ok  {error}", flush=True)
        return 1
    finally:
        shutil.rmtree(home, ignore_errors=True)
    print("All as promised.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
