"""The entry points: they pick the window or the command line, and import only that half."""

import os
import sys
import threading
from collections.abc import Mapping, Sequence

NOT_SENT = 4
"""The exit code of a command that ended before anything was sent."""


def main() -> int:
    """`crosstrade-panel`: the command line, or without a verb the window."""
    arguments = sys.argv[1:]
    window = _window_arguments(arguments)
    if window is not None:
        practice, base_url = window
        return _open_window(practice=practice, base_url=base_url)
    try:
        from crosstrade_panel import cli

        code = cli.run(arguments)
    except KeyboardInterrupt:  # while it was loading; later it is the command line's own affair
        return NOT_SENT
    _leave_if_held_up(code)
    return code


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
    if not _has_display(os.environ, sys.platform):
        from crosstrade_panel import cli_texts

        _say(cli_texts.NO_DISPLAY)
        return 1
    try:
        from crosstrade_panel.app import run_window
    except ImportError as error:
        if (error.name or "").partition(".")[0] == "crosstrade_panel":
            raise  # a bug, and no missing library
        from crosstrade_panel import cli_texts

        _say(cli_texts.no_window(str(error)))
        return 1
    return run_window(practice=practice, base_url=base_url)


def _has_display(environ: Mapping[str, str], platform: str) -> bool:
    """Whether Qt has somewhere to draw; without, it would end the process with an abort."""
    if platform in {"win32", "darwin"}:
        return True
    return any(environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"))


def _say(text: str) -> None:
    """Print to standard error; started from a menu of Windows there is none, then a box says it."""
    if sys.stderr is not None:
        print(text, file=sys.stderr)
    elif sys.platform == "win32":
        import ctypes

        ctypes.windll.user32.MessageBoxW(None, text, "CrossTrade Panel", 0x10)


def _leave_if_held_up(code: int) -> None:
    """End the process where a thread would hold it up: looking up a host may hang for half a minute."""
    if all(thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
        return
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            try:
                stream.flush()
            except (OSError, ValueError):
                continue
    os._exit(code)
