"""Who the program is to the desktop: what groups its windows and finds its icon. No Qt."""

import sys

DESKTOP_FILE = "crosstrade-panel"
"""Name of the Linux menu entry, without its ending; windows carry it."""

WINDOWS_APP_ID = "CrossTradePanel.Panel"
"""Of the process and of the Start-menu shortcut alike, or the taskbar shows two icons."""

_ANY_PROCESS = 0xFFFFFFFF


def name_process() -> None:
    """Tell Windows who this process is; before the first window."""
    if sys.platform == "win32":
        import ctypes  # noqa: PLC0415 - this system only

        ctypes.windll.shell32.SetCurrentProcessExplicitAppUserModelID(WINDOWS_APP_ID)


def yield_the_front() -> None:
    """Let another process, the panel that runs already, take the focus that Windows gave to this one."""
    if sys.platform == "win32":
        import ctypes  # noqa: PLC0415 - this system only

        ctypes.windll.user32.AllowSetForegroundWindow(_ANY_PROCESS)


def startup_id(environ: "dict[str, str] | None" = None) -> str:
    """The desktop's leave to take the focus, given to whom it started."""
    import os  # noqa: PLC0415 - seldom asked

    given = os.environ if environ is None else environ
    return given.get("XDG_ACTIVATION_TOKEN") or given.get("DESKTOP_STARTUP_ID") or ""
