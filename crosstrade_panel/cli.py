"""The command line: the same use cases as the window, for one command. It imports neither Qt nor qasync."""

import asyncio
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from crosstrade_panel import __version__, cli_usage
from crosstrade_panel.cli_arguments import (
    DiagnoseCommand,
    FlattenCommand,
    ReverseCommand,
    ShortcutCommand,
    SimulatorCommand,
    StatusCommand,
    VersionCommand,
    Where,
    parse,
)
from crosstrade_panel.cli_press import Attempt
from crosstrade_panel.cli_session import Interruption, Session, open_session
from crosstrade_panel.domain.outcome import Cause, Reason
from crosstrade_panel.domain.snapshot import Account, Flaws, Position, Source
from crosstrade_panel.late import late
from crosstrade_panel.trading.ports import ReadFailedError

if TYPE_CHECKING:
    from crosstrade_panel import cli_output, cli_texts, texts
else:
    cli_output, cli_texts, texts = late("cli_output"), late("cli_texts"), late("texts")

_T = TypeVar("_T")

USAGE = 2
FAILED_READ = 5


def run(arguments: Sequence[str]) -> int:
    """Carry out one command and return its exit code. Never raises but for a bug in the output itself."""
    _prepare_streams()
    try:
        command = parse(arguments)
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else USAGE
    match command:
        case FlattenCommand() | ReverseCommand():
            return Attempt(command).run()
        case StatusCommand():
            return _status(command)
        case SimulatorCommand():
            return _simulator(command)
        case ShortcutCommand(wanted=wanted):
            from crosstrade_panel import cli_shortcut

            return cli_shortcut.run(wanted=wanted)
        case DiagnoseCommand(where=where):
            return _diagnose(where)
        case VersionCommand():  # pragma: no branch - the types end here
            cli_output.say(f"crosstrade-panel {__version__}")
            return 0


def _prepare_streams() -> None:
    """Print what the terminal cannot show as a question mark, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


# --- practice


def _simulator(command: SimulatorCommand) -> int:
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


# --- status and diagnosis


@dataclass(frozen=True, slots=True)
class _Status:
    """One clean read, or why there is none (`read_s` is None then)."""

    accounts: tuple[Account, ...] = ()
    positions: tuple[Position, ...] = ()
    read_s: float | None = None
    detail: str = ""


def _status(command: StatusCommand) -> int:
    practice = command.where.practice
    status = _guarded(
        lambda interruption: _find_status(command, interruption), lambda why: _Status(detail=why)
    )
    if status.read_s is None:
        detail, lines = status.detail, [cli_texts.status_failed(status.detail)]
    else:
        lines = cli_output.status_lines(status.accounts, status.positions, is_practice=practice)
        detail = lines[0]
    if command.json:
        value = cli_output.status_object(
            status.accounts, status.positions, is_practice=practice, detail=detail, read_s=status.read_s
        )
        cli_output.say_json(value)
    else:
        cli_output.say("\n".join(lines))
    return FAILED_READ if status.read_s is None else 0


def _find_status(command: StatusCommand, interruption: Interruption) -> _Status:
    with open_session(command.where) as session:
        if session.choice.problem is not None:
            return _Status(detail=session.problem)
        return interruption.run(lambda: _read_status(session))


async def _read_status(session: Session) -> _Status:
    """The snapshot, or where that is no clean read positions and accounts."""
    async with session.desk(lambda _: None) as desk:
        began_at = desk.clock.monotonic()
        try:
            read = await desk.watch.positions(Source.SNAPSHOT)
        except ReadFailedError:
            pass  # an older add-on may not know it; the others will say what is wrong
        else:
            if read.accounts and read.flaws == Flaws():
                return _Status(read.accounts, read.positions, desk.clock.monotonic() - began_at)
        try:
            read = await desk.watch.positions(Source.POSITIONS)
            listing = await desk.watch.list_accounts()
        except ReadFailedError as error:
            return _Status(detail=texts.reason_sentence(error.reason))
        if read.flaws != Flaws() or listing.flaws != Flaws():
            return _Status(detail=cli_texts.READ_FLAWED)
        if not listing.accounts:  # an add-on that is offline lists none, and no positions either
            return _Status(detail=texts.reason_sentence(Reason(Cause.NOTHING_LISTED)))
        return _Status(listing.accounts, read.positions, desk.clock.monotonic() - began_at)


def _diagnose(where: Where) -> int:
    def look(interruption: Interruption) -> str:
        from crosstrade_panel import cli_diagnosis

        with open_session(where) as session:
            lines = cli_diagnosis.surroundings(session.paths, session.choice, session.problem)
            cli_output.say("\n".join(lines))
            if session.choice.problem is None:
                lines = interruption.run(lambda: _diagnose_reads(session))
                cli_output.say("\n".join(lines))
            cli_output.say(cli_texts.journal_state(session.journal.problem))
        return ""

    failure = _guarded(look, str)
    if failure:
        cli_output.say(failure)
    return FAILED_READ if failure else 0


async def _diagnose_reads(session: Session) -> list[str]:
    from crosstrade_panel import cli_diagnosis

    async with session.desk(lambda _: None) as desk:
        return await cli_diagnosis.reads(desk.watch, is_practice=session.choice.is_practice)


def _guarded(work: Callable[[Interruption], _T], failed: Callable[[str], _T]) -> _T:
    """Run work that sends nothing; whatever breaks it becomes a sentence."""
    with Interruption() as interruption:
        try:
            return work(interruption)
        except (KeyboardInterrupt, asyncio.CancelledError):
            return failed(cli_texts.STOPPED)
        except Exception:  # noqa: BLE001 - nothing is sent here, and a trader reads no traceback
            return failed(cli_texts.BROKEN)
