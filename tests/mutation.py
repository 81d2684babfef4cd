"""Mutation testing: mutmut breaks the code that money passes everywhere it knows how; the tests must notice.

    python -m tests.mutation              every module
    python -m tests.mutation MODULE …     those whose path contains one of the words, e.g. trading/desk.py
    python -m tests.mutation --children 4 --folder FOLDER MODULE …

Nothing is changed here: the tree is copied to a folder (a throw-away one, or the one named, in which a run
that was stopped goes on), and mutmut is installed there, where it sees the packages of this environment.
A run over everything takes hours. It prints each survivor and then a table; such a table, and what the
survivors are, is kept in `tests/records/mutation.txt`. Needs `fork`, so not Windows.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import venv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MUTMUT = "mutmut==3.8.1"
_PACKAGE = "crosstrade_panel"
_LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "*.egg-info", "pictures")
_COPIED = ("crosstrade_panel", "tests", "packaging", "resources")

# mutmut's exit codes of a mutant's tests.
_KILLED, _NO_TESTS = frozenset({1, 3}), frozenset({5, 33})
_TIMEOUT = frozenset({36, -24, 24, 152, 255, -9})


@dataclass(frozen=True, slots=True)
class Group:
    """Modules that the same tests are to notice. `ignored`: too slow to be asked of every mutant."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]
    ignored: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name of its folder."""
        return self.modules[0].replace("/", "-").removesuffix(".py").removesuffix("-*")


def _crosstrade(module: str, *tests: str) -> Group:
    return Group((f"crosstrade/{module}.py",), tuple(f"tests/{test}.py" for test in tests))


_ENDINGS = ("crosstrade/test_rest_endings", "crosstrade/test_rest_links")
_STREAM = ("crosstrade/test_stream_facts", "crosstrade/test_stream", "crosstrade/test_stream_presses")
_BOUNDS = ("crosstrade/test_untrusted_facts", "crosstrade/test_usual_numbers", "crosstrade/test_usual_words")
_WIRE = (
    "test_steps",
    "test_wire_reading",
    "test_wire_writing",
    "test_wire_facts",
    "test_wire_hostile",
    "test_stream_wire",
)
GROUPS = (
    Group(
        ("domain/*", "trading/*"),
        ("tests/domain", "tests/trading"),
        (
            "tests/trading/test_laws.py",
            "tests/trading/test_laws_after.py",
            "tests/trading/test_budget_hour.py",
        ),
    ),
    _crosstrade("address", "crosstrade/test_address", "crosstrade/test_address_said"),
    _crosstrade("untrusted", *_BOUNDS, *(f"crosstrade/{test}" for test in _WIRE)),
    _crosstrade("wire", *(f"crosstrade/{test}" for test in _WIRE)),
    _crosstrade("proxy", "crosstrade/test_proxy_facts", "security/test_proxies"),
    _crosstrade("pipe", "crosstrade/test_pipe", "crosstrade/test_pipe_facts"),
    _crosstrade("tls", "crosstrade/test_tls", "crosstrade/test_pipe"),
    _crosstrade("link", "crosstrade/test_link_facts", *_ENDINGS),
    _crosstrade("rest", "crosstrade/test_rest_facts", *_ENDINGS),
    _crosstrade("session", *_STREAM),
    _crosstrade("stream", *_STREAM),
    _crosstrade("stream_gateway", "crosstrade/test_stream_gateway", *_STREAM),
)


@dataclass(slots=True)
class Score:
    """What became of the mutants of one module."""

    module: str
    killed: int = 0
    timeouts: int = 0
    survived: int = 0
    untested: int = 0
    unfinished: int = 0

    @property
    def tried(self) -> int:
        """How many were run, or found to be run by no test at all."""
        return self.killed + self.timeouts + self.survived + self.untested

    @property
    def share(self) -> float:
        """Percent of the tried that were killed; a mutant that hangs its tests is."""
        return 100.0 * (self.killed + self.timeouts) / self.tried if self.tried else 0.0

    def add(self, other: "Score") -> None:
        """Count another module's as well."""
        self.killed += other.killed
        self.timeouts += other.timeouts
        self.survived += other.survived
        self.untested += other.untested
        self.unfinished += other.unfinished


def _copy(to: Path) -> None:
    for name in _COPIED:
        shutil.copytree(ROOT / name, to / name, ignore=_LEFT_OUT, dirs_exist_ok=True)
    for name in ("README.md", "requirements.lock"):
        shutil.copy2(ROOT / name, to / name)


def _configure(tree: Path, group: Group, words: Sequence[str]) -> None:
    """Write what mutmut is to do there, behind the project's own settings."""
    modules = [module for module in _modules(group) if _is_chosen(module, words)]
    settings = {
        "source_paths": [_PACKAGE],
        "only_mutate": [f"{_PACKAGE}/{module}" for module in modules],
        "also_copy": ["tests", "packaging", "README.md", "resources"],
        "pytest_add_cli_args_test_selection": list(group.tests),
        # No random examples: a mutant that is killed is killed the next time as well.
        "pytest_add_cli_args": [
            *(f"--ignore={each}" for each in group.ignored),
            "--hypothesis-profile=ci",
            "-p",
            "no:cacheprovider",
        ],
        "timeout_multiplier": 5.0,
    }
    own = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    lines = [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
    text = "\n".join([own, "[tool.mutmut]", *lines, ""])
    (tree / "pyproject.toml").write_text(text, encoding="utf-8")


def _modules(group: Group) -> list[str]:
    """Its modules, below the package."""
    top = ROOT / _PACKAGE
    paths = (path for pattern in group.modules for path in top.glob(pattern) if path.suffix == ".py")
    return sorted(path.relative_to(top).as_posix() for path in paths if path.name != "__init__.py")


def _is_chosen(module: str, words: Sequence[str]) -> bool:
    return not words or any(word in module for word in words)


def _environment(folder: Path) -> Path:
    """The Python of an environment that has mutmut besides the packages of this one."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        site = next(folder.glob("lib/python*/site-packages"))
        (site / "outer.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
        subprocess.run([python, "-m", "pip", "install", "--quiet", MUTMUT], check=True)
    return python


def _run(python: Path, tree: Path, children: int) -> bool:
    command = [str(python), "-m", "mutmut", "run", "--max-children", str(children)]
    root = tree / "temporary"  # pytest clears away what other runs of the same user have in theirs
    root.mkdir(exist_ok=True)
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "PYTEST_DEBUG_TEMPROOT": str(root)}
    with (tree / "mutmut.log").open("w", encoding="utf-8") as log:
        done = subprocess.run(command, cwd=tree, env=environment, stdout=log, stderr=log, check=False)
    if done.returncode:
        print((tree / "mutmut.log").read_text(encoding="utf-8")[-3000:])
    return done.returncode == 0


def _scores(tree: Path, modules: Iterable[str]) -> tuple[list[Score], list[str]]:
    """What is known of every module of a tree, and the names of the mutants that no test noticed."""
    scores: list[Score] = []
    alive: list[str] = []
    for module in modules:
        known = tree / "mutants" / _PACKAGE / f"{module}.meta"
        if not known.exists():
            continue
        score = Score(module)
        for name, code in json.loads(known.read_text(encoding="utf-8"))["exit_code_by_key"].items():
            if code == 0:
                score.survived += 1
                alive.append(name)
            elif code in _NO_TESTS:
                score.untested += 1
                alive.append(name)
            elif code in _TIMEOUT:
                score.timeouts += 1
            elif code in _KILLED:
                score.killed += 1
            else:  # not run yet, or broken off
                score.unfinished += 1
        if score.tried or score.unfinished:
            scores.append(score)
    return scores, alive


def _table(scores: list[Score]) -> str:
    total = Score("all")
    for score in scores:
        total.add(score)
    head = f"{'module':<32}{'mutants':>9}{'killed':>9}{'timeout':>9}{'survived':>10}{'untested':>10}{'%':>8}"
    rows = [
        f"{each.module:<32}{each.tried:>9}{each.killed:>9}{each.timeouts:>9}{each.survived:>10}"
        f"{each.untested:>10}{each.share:>8.1f}" + (f"  {each.unfinished} not run" if each.unfinished else "")
        for each in (*scores, total)
    ]
    return "\n".join([head, *rows])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run mutmut over the chosen modules; print the survivors and a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description="mutation testing")
    parser.add_argument("words", nargs="*", metavar="MODULE", help="only paths that contain one of these")
    parser.add_argument("--children", type=int, default=2, help="tests run at the same time (2)")
    parser.add_argument("--folder", type=Path, help="where; kept, and gone on with when it is there already")
    parser.add_argument("--table", action="store_true", help="run nothing, print what the folder has")
    options = parser.parse_args(arguments)
    folder = options.folder or Path(tempfile.mkdtemp(prefix="mutation-"))
    scores: list[Score] = []
    try:
        python = None if options.table else _environment(folder / "environment")
        for group in GROUPS:
            modules = [module for module in _modules(group) if _is_chosen(module, options.words)]
            if not modules:
                continue
            tree = folder / group.name
            if python is not None:
                _copy(tree)
                _configure(tree, group, options.words)
                if not _run(python, tree, options.children):
                    print(f"{group.name}: mutmut did not come to an end")
            found, alive = _scores(tree, modules)
            scores += found
            print("\n".join(f"survived: {name}" for name in alive), flush=True)
        print(_table(scores))
    finally:
        if options.folder is None:
            shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
