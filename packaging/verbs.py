"""What packaging/bootstrap.py can be told to do."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence

import checks
from environment import Environment, Interpreter
from sentences import SetUpError, say, sentence

USAGE = """\
usage: bootstrap.py practice [ARGUMENTS]      the panel on the embedded practice exchange
       bootstrap.py run [ARGUMENTS]           the panel, or its command line
       bootstrap.py test [--fast]             every check
       bootstrap.py test PYTEST-ARGUMENTS     only these tests
"""
SCRIPT = os.path.join("packaging", "bootstrap.py")  # noqa: PTH118 - as it is typed on this system
STOPPED = 130
MISUSED = 2


def main(arguments: Sequence[str]) -> int:
    """Does what was asked; whatever goes wrong ends in a sentence and an exit code."""
    try:
        match list(arguments):
            case []:
                return run(["--practice"])
            case ["practice", *rest]:
                return run([*rest, "--practice"])
            case ["run", *rest]:
                return run(rest)
            case ["test", *rest]:
                return checks.run(rest)
            case ["-h" | "--help"]:
                sys.stdout.write(USAGE)
                return 0
            case _:
                sys.stderr.write(USAGE)
                return MISUSED
    except SetUpError as error:
        say(str(error))
        return 1
    except OSError as error:
        say(sentence(error))
        return 1
    except KeyboardInterrupt:
        say("Stopped.")
        return STOPPED


def run(arguments: Sequence[str]) -> int:
    """Becomes the program."""
    own = Environment.default(Interpreter.current())
    hold = own.prepare(tests=False)
    # -P: nothing in the folder where the trader happens to stand is imported.
    command = [str(own.python), "-P", "-m", "crosstrade_panel", *arguments]
    if os.name == "posix":
        hold.outlive_exec()
        sys.stdout.flush()
        sys.stderr.flush()
        os.execve(command[0], command, program_environment(os.environ))  # noqa: S606
    return _wait_for(command)


def program_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The caller's, without what would lead another Python's packages into the locked set.

    With it goes how we were called, so that the program's examples can be typed as they stand.
    """
    kept = {name: value for name, value in environ.items() if name not in {"PYTHONHOME", "PYTHONPATH"}}
    return {**kept, "CROSSTRADE_PANEL_COMMAND": f"{'py' if os.name == 'nt' else 'python3'} {SCRIPT} run"}


def _wait_for(command: Sequence[str]) -> int:
    """Windows has no exec; Ctrl-C goes to the program as well, which decides what becomes of it."""
    with subprocess.Popen(command, env=program_environment(os.environ)) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue
