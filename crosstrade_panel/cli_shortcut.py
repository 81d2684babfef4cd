"""`install-shortcut` and `remove-shortcut`: the window in the system's menu, for who installed with pip."""

import os
import sys

from crosstrade_panel import cli_output, cli_texts
from crosstrade_panel.desktop import shortcut
from crosstrade_panel.desktop.autostart import command_of
from crosstrade_panel.icon_files import icon_path
from crosstrade_panel.storage.paths import HOME_VARIABLE

WORDS = shortcut.Words(
    name=cli_texts.SHORTCUT_NAME,
    kind=cli_texts.SHORTCUT_KIND,
    about=cli_texts.SHORTCUT_ABOUT,
    practice=cli_texts.SHORTCUT_PRACTICE,
    keywords=cli_texts.SHORTCUT_KEYWORDS,
)
FAILED = 1


def run(*, wanted: bool) -> int:
    """Put it there or take it away; 0 when the menu is then as it was asked to be."""
    try:
        said = _install() if wanted else _remove()
    except shortcut.ForeignEntryError as error:
        cli_output.remark(cli_texts.shortcut_of_others(str(error.path)))
        return FAILED
    except shortcut.ShortcutError as error:
        cli_output.remark(cli_texts.shortcut_failed(str(error)))
        return FAILED
    cli_output.say(said)
    return 0


def _install() -> str:
    command = command_of(sys.argv[0], os.environ.get(HOME_VARIABLE, "").strip())
    path = shortcut.install(command, icon_path("crosstrade-panel.svg").parent, WORDS)
    return cli_texts.shortcut_made(str(path))


def _remove() -> str:
    path = shortcut.remove(WORDS)
    return cli_texts.NO_SHORTCUT if path is None else cli_texts.shortcut_removed(str(path))
