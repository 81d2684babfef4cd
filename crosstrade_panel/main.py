"""The entry points: they pick the window or the command line, and import only that half."""

import gc
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crosstrade_panel.storage.instance import Instance, Other

NOT_SENT = 4
"""The exit code of a command that ended before anything was sent."""

COMMAND_VARIABLE = "CROSSTRADE_PANEL_COMMAND"
"""Environment variable in which a launcher says how it was called."""

_X_PORT = 6000
_PROBE_S = 2.0


def main() -> int:
    """`crosstrade-panel`: the command line, or without a verb the window."""
    arguments = sys.argv[1:]
    window = _window_arguments(arguments)
    if window is not None:
        practice, base_url = window
        return _open_window(practice=practice, base_url=base_url)
    try:
        code = _command_line()(arguments)
    except KeyboardInterrupt:  # only before a press exists; later it is the command line's own affair
        return NOT_SENT
    _leave_if_held_up(code)
    return code


def _command_line() -> Callable[[Sequence[str]], int]:
    """Load it; Ctrl-C meanwhile ends the process at once, as Python could lose or print what it raises."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, lambda _number, _frame: os._exit(NOT_SENT))
    try:
        from crosstrade_panel import cli

        return cli.run
    finally:
        if before is signal.default_int_handler:
            signal.signal(signal.SIGINT, before)


def main_gui() -> int:
    """`crosstrade-panel-gui`: the same, started without a console."""
    return main()


def _window_arguments(arguments: Sequence[str]) -> tuple[bool, str | None] | None:
    """(practice, base URL) where the arguments ask for nothing but the window; else None.

    The command line's own parser says so too, but takes longer to load than all of this file.
    """
    match list(arguments):
        case []:
            return False, None
        case ["--practice"]:
            return True, None
        case ["--base-url", base_url] if not base_url.startswith("-"):
            return False, base_url
        case [one] if one.startswith("--base-url="):
            return False, one.partition("=")[2]
        case _:
            return None


def _open_window(*, practice: bool, base_url: str | None) -> int:
    from crosstrade_panel.desktop import identity
    from crosstrade_panel.storage.instance import Instance, Other, claim
    from crosstrade_panel.storage.paths import find_paths

    identity.yield_the_front()
    claimed = claim(find_paths().data, startup_id=identity.startup_id())
    if claimed is Other.ANSWERED:
        if sys.stderr is not None:
            from crosstrade_panel import texts

            print(texts.PANEL_RUNS, file=sys.stderr)
        return 0
    try:
        return _open_claimed(claimed, practice=practice, base_url=base_url)
    finally:
        if isinstance(claimed, Instance):
            claimed.close()


def _open_claimed(claimed: "Instance | Other", *, practice: bool, base_url: str | None) -> int:
    """Open the window of the only panel, or of one beside a panel that does not answer."""
    from crosstrade_panel import texts
    from crosstrade_panel.storage.instance import Other

    problem = _screen_problem(os.environ, sys.platform)
    if problem is not None:
        _say(f"{texts.PANEL_SILENT}\n{problem}" if claimed is Other.SILENT else problem)
        return 1
    # Nothing that is loaded now is garbage; the window's loop collects by itself.
    gc.disable()
    try:
        from crosstrade_panel.app import run_window
    except ImportError as error:
        if (error.name or "").partition(".")[0] == "crosstrade_panel":
            raise  # a bug, and no missing library
        from crosstrade_panel import cli_texts

        _say(cli_texts.no_window(str(error), _command(os.environ)))
        return 1
    way = _qt_arguments(os.environ, sys.platform)
    return run_window(practice=practice, base_url=base_url, claimed=claimed, qt_arguments=way)


def _qt_arguments(environ: Mapping[str, str], platform: str) -> tuple[str, ...]:
    """What Qt is told of the way to the screen; XWayland only where it would really come up."""
    from crosstrade_panel.desktop.session import Way, choose_way

    is_x = choose_way(environ, platform) is Way.XWAYLAND and _x_problem(environ) is None
    return ("-platform", "xcb") if is_x else ()


def _command(environ: Mapping[str, str]) -> str:
    """How the trader started us, for examples that can be typed."""
    return environ.get(COMMAND_VARIABLE) or "crosstrade-panel"


def _screen_problem(environ: Mapping[str, str], platform: str) -> str | None:
    """Why Qt could not draw: found out before, because Qt itself would end the process with an abort."""
    if platform in {"win32", "darwin"} or environ.get("QT_QPA_PLATFORM"):
        return None
    from pathlib import Path

    wayland = environ.get("WAYLAND_DISPLAY", "")
    if wayland and _answers("AF_UNIX", str(Path(environ.get("XDG_RUNTIME_DIR", ""), wayland))):
        return None
    return _x_problem(environ)


def _x_problem(environ: Mapping[str, str]) -> str | None:
    """Why Qt could not draw through X."""
    from crosstrade_panel import cli_texts

    display = environ.get("DISPLAY", "")
    if not display:
        return cli_texts.no_display(_command(environ))
    if not _x_server_answers(display):
        return cli_texts.no_display(_command(environ), display)
    if not _can_load("libxcb-cursor.so.0"):
        return cli_texts.no_window("libxcb-cursor0", _command(environ))
    return None


def _x_server_answers(display: str) -> bool:
    """Whether something listens where a DISPLAY points; a form that we cannot read is left to Qt."""
    import re

    match = re.fullmatch(r"([\w.-]*):(\d{1,4})(?:\.\d+)?", display, re.ASCII)
    if match is None:
        return True
    host, number = match.group(1), int(match.group(2))
    if host not in {"", "unix"}:
        return _answers("AF_INET", (host, _X_PORT + number))
    path = f"/tmp/.X11-unix/X{number}"  # noqa: S108 - where every X server has it
    return _answers("AF_UNIX", path) or _answers("AF_UNIX", f"\0{path}")


def _answers(family: str, address: str | tuple[str, int]) -> bool:
    import socket

    with socket.socket(socket.AddressFamily[family], socket.SOCK_STREAM) as probe:
        probe.settimeout(_PROBE_S)
        try:
            probe.connect(address)
        except OSError:
            return False
        return True


def _can_load(library: str) -> bool:
    import ctypes

    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _say(text: str) -> None:
    """Print to standard error; started from a menu of Windows there is none, then a box says it."""
    if sys.stderr is not None:
        print(text, file=sys.stderr)
    elif sys.platform == "win32":
        import ctypes

        ctypes.windll.user32.MessageBoxW(None, text, "CrossTrade Panel", 0x10)


def _leave_if_held_up(code: int) -> None:
    """End the process where a thread would hold it up: looking up a host may hang for half a minute."""
    import threading

    if all(thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
        return
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            try:
                stream.flush()
            except (OSError, ValueError):
                continue
    os._exit(code)
