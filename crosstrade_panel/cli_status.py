"""The verbs that only look: `status` and `--diagnose`. They send nothing."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from crosstrade_panel import cli_output, cli_texts, texts
from crosstrade_panel.cli_arguments import Where
from crosstrade_panel.cli_errands import StatusCommand
from crosstrade_panel.cli_session import Interruption, Session, open_session
from crosstrade_panel.domain.outcome import Cause, Reason
from crosstrade_panel.domain.snapshot import Account, Flaws, Position, Source
from crosstrade_panel.domain.value import dataclass
from crosstrade_panel.trading.ports import ReadFailedError

_T = TypeVar("_T")

FAILED_READ = 5


@dataclass(frozen=True, slots=True)
class _Status:
    """One clean read, or why there is none (`read_s` is None then)."""

    accounts: tuple[Account, ...] = ()
    positions: tuple[Position, ...] = ()
    read_s: float | None = None
    detail: str = ""


def status(command: StatusCommand) -> int:
    """Read once, print it, and return the exit code."""
    practice = command.where.practice
    found = _guarded(
        lambda interruption: _find_status(command, interruption), lambda why: _Status(detail=why)
    )
    if found.read_s is None:
        detail, lines = found.detail, [cli_texts.status_failed(found.detail)]
    else:
        lines = cli_output.status_lines(found.accounts, found.positions, is_practice=practice)
        detail = lines[0]
    if command.json:
        value = cli_output.status_object(
            found.accounts, found.positions, is_practice=practice, detail=detail, read_s=found.read_s
        )
        cli_output.say_json(value)
    else:
        cli_output.say("\n".join(lines))
    return FAILED_READ if found.read_s is None else 0


def _find_status(command: StatusCommand, interruption: Interruption) -> _Status:
    with open_session(command.where) as session:
        if session.choice.problem is not None:
            return _Status(detail=session.problem)
        return interruption.run(lambda: _read_status(session))


async def _read_status(session: Session) -> _Status:
    """The snapshot, or where that is no clean read positions and accounts."""
    practice = session.choice.is_practice
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
            return _Status(detail=texts.reason_sentence(error.reason, is_practice=practice))
        if read.flaws != Flaws() or listing.flaws != Flaws():
            return _Status(detail=cli_texts.READ_FLAWED)
        if not listing.accounts:  # an add-on that is offline lists none, and no positions either
            return _Status(detail=texts.reason_sentence(Reason(Cause.NOTHING_LISTED), is_practice=practice))
        return _Status(listing.accounts, read.positions, desk.clock.monotonic() - began_at)


def diagnose(where: Where) -> int:
    """Print what is found around the program, and return the exit code."""
    from crosstrade_panel import cli_diagnosis  # noqa: PLC0415 - a status needs none of it

    def look(interruption: Interruption) -> str:
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
    from crosstrade_panel import cli_diagnosis  # noqa: PLC0415 - as above

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
