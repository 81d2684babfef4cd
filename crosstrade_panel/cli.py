"""The command line: the same use cases as the window, for one command. It imports neither Qt nor qasync."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from crosstrade_panel import __version__, cli_usage
from crosstrade_panel.cli_arguments import FlattenCommand, ReverseCommand, parse
from crosstrade_panel.cli_press import Attempt

if TYPE_CHECKING:
    from crosstrade_panel.cli_errands import Errand, SimulatorCommand

USAGE = 2


def run(arguments: Sequence[str]) -> int:
    """Carry out one command and return its exit code. Never raises but for a bug in the output itself."""
    _prepare_streams()
    try:
        command = parse(arguments)
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else USAGE
    if isinstance(command, FlattenCommand | ReverseCommand):
        return Attempt(command).run()
    return _run_errand(command)


def _prepare_streams() -> None:
    """Print what the terminal cannot show as a question mark, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


# Whatever is no press is imported only here: a press would wait for it.


def _run_errand(errand: "Errand") -> int:
    from crosstrade_panel import cli_errands, cli_output

    match errand:
        case cli_errands.StatusCommand():
            from crosstrade_panel import cli_status

            return cli_status.status(errand)
        case cli_errands.SimulatorCommand():
            return _simulator(errand)
        case cli_errands.ShortcutCommand(wanted=wanted):
            from crosstrade_panel import cli_shortcut

            return cli_shortcut.run(wanted=wanted)
        case cli_errands.DiagnoseCommand(where=where):
            from crosstrade_panel import cli_status

            return cli_status.diagnose(where)
        case cli_errands.VersionCommand():  # pragma: no branch - the types end here
            cli_output.say(f"crosstrade-panel {__version__}")
            return 0


def _simulator(command: "SimulatorCommand") -> int:
    from crosstrade_panel import cli_output
    from crosstrade_panel.simulator import drills

    drill = command.drill
    if drill == cli_usage.LIST_DRILLS:
        cli_output.say("\n".join(drills.table()))
        return 0
    if drill is not None and drill not in drills.DRILLS:
        cli_output.remark(cli_usage.unknown_drill(drill, drills.like(drill)))
        return USAGE
    from crosstrade_panel.simulator.alone import serve_alone

    return serve_alone(port=command.port, seed=command.seed, out=cli_output.say, drill=drill)
