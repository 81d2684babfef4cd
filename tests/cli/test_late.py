"""What no press needs, and what only prints or proves, is not loaded before a press has left."""

import subprocess
import sys
from pathlib import Path

import pytest

from crosstrade_panel import late as late_module
from crosstrade_panel import texts
from crosstrade_panel.late import late

LATE = (
    *("texts", "cli_texts", "cli_output", "trading.evidence", "trading.flat_proof", "trading.verify"),
    *("cli_errands", "cli_status", "storage.journal_list", "storage.nudge", "storage.settings"),
)


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_press_from_the_command_line_loads_nothing_before_it_leaves_that_it_needs_only_later() -> None:
    code = (
        "import sys, crosstrade_panel.cli_press, crosstrade_panel.cli, crosstrade_panel.crosstrade.rest;"
        "from types import ModuleType;"
        "names = ['crosstrade_panel.' + name for name in " + repr(LATE) + "];"
        "print([name for name in names if type(sys.modules.get(name)) is ModuleType])"
    )
    assert run(code) == "[]"


def test_a_late_module_is_the_module_and_is_loaded_by_the_first_look() -> None:
    code = (
        "import sys; from crosstrade_panel.late import late;"
        "module = late('cli_usage'); again = late('cli_usage');"
        "from types import ModuleType; before = type(module) is ModuleType;"
        "from crosstrade_panel import cli_usage;"
        "print(before, module is again is cli_usage, module.LIST_DRILLS, type(module) is ModuleType)"
    )
    assert run(code) == "False True list True"


def test_a_module_that_is_loaded_already_is_that_one() -> None:
    assert late("texts") is texts


def test_a_module_that_there_is_not_is_told_at_once() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"crosstrade_panel\.nowhere"):
        late("nowhere")
    assert Path(late_module.__file__).name == "late.py"
