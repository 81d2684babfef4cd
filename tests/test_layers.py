"""The arrows of the house, and the calls that break an event loop, read from the source; checked to bite."""

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = "crosstrade_panel"

# Who may import what of ours. A name stands for the module or package and everything in it.
EVERYTHING = frozenset({""})
COMMAND_LINE = frozenset({"trading", "crosstrade", "storage", "simulator", "texts", "domain"})
# Cut out of the two composition roots, app and cli, because both need them.
SHARED = frozenset({"elsewhere", "server_choice", "system_clock", "wakefulness"})
# The command line, cut along its steps: arguments → session → press → output.
CLI_PARTS = frozenset(
    {"cli_arguments", "cli_texts", "cli_output", "cli_press", "cli_session", "cli_diagnosis", "cli_shortcut"}
    | {"cli_errands", "cli_status", "cli_usage", "late"}
)
ARROWS: dict[str, frozenset[str]] = {
    "": frozenset(),
    "__main__": frozenset({"main"}),
    "main": frozenset(
        {"app", "cli", "cli_texts", "texts"}
        | {"storage.paths", "storage.instance", "desktop.identity", "desktop.session"}
    ),
    "app": EVERYTHING,
    "texts": frozenset({"domain", "trading"}),
    "runtime": frozenset({"texts"}),
    "domain": frozenset(),
    "trading": frozenset({"domain"}),
    "crosstrade": frozenset({"trading.ports", "domain"}),
    "storage": frozenset({"trading.ports", "domain", "system_clock"}),
    "desktop": frozenset({"trading.ports", "domain"}),
    "simulator": frozenset(),
    "cli": COMMAND_LINE | SHARED | CLI_PARTS,
    "cli_arguments": frozenset({"cli_usage", "cli_errands", "texts", "domain"}),
    "cli_errands": frozenset({"cli_arguments", "domain"}),
    "cli_usage": frozenset(),
    "late": frozenset(),
    "cli_press": (COMMAND_LINE | SHARED | CLI_PARTS) - {"simulator", "cli_diagnosis", "cli_status"},
    "cli_status": (COMMAND_LINE | SHARED | CLI_PARTS) - {"simulator", "cli_press"},
    "cli_session": COMMAND_LINE | SHARED | {"cli_arguments", "cli_texts", "late"},
    "cli_output": frozenset({"texts", "cli_texts", "crosstrade", "domain"}),
    "cli_diagnosis": frozenset(
        {"trading", "crosstrade", "storage", "domain", "texts", "cli_texts", "server_choice", "icon_files"}
    ),
    # Of the desktop only what needs no Qt.
    "cli_shortcut": frozenset(
        {"cli_output", "cli_texts", "desktop.autostart", "desktop.shortcut", "icon_files", "storage.paths"}
    ),
    "cli_texts": frozenset({"texts", "storage", "trading", "domain"}),
    "elsewhere": frozenset({"storage", "trading", "domain"}),
    # Cut out of app: the desktop, wired together.
    "manners": frozenset({"desktop", "storage", "trading", "texts", "ui"}),
    "hearsay": frozenset({"elsewhere", "storage", "trading", "domain"}),
    "server_choice": frozenset({"crosstrade", "storage", "trading.ports", "domain"}),
    "archive": frozenset(
        {"runtime", "storage", "trading", "domain", "texts", "ui.describe", "ui.masks", "ui.view"}
    ),
    "preferences": frozenset(
        {"runtime", "server_choice", "crosstrade", "storage", "domain", "texts", "ui.view"}
    ),
    "system_clock": frozenset(),
    "icon_files": frozenset(),
    "wakefulness": frozenset(),
    "stream_switch": frozenset({"crosstrade", "ui.view", "texts"}),
    "ui": frozenset({"trading", "domain", "texts", "icon_files"}),
}

# Where a library may be imported; others not listed may be imported anywhere but in the pure parts.
HOMES: dict[str, frozenset[str]] = {
    "PySide6": frozenset({"app", "runtime", "ui", "desktop"}),
    "shiboken6": frozenset({"app", "runtime", "ui", "desktop"}),
    "qasync": frozenset({"runtime"}),
    "httpx": frozenset({"crosstrade"}),
    "httpcore": frozenset({"crosstrade"}),
    "msgspec": frozenset({"crosstrade"}),
    "keyring": frozenset({"storage"}),
    "platformdirs": frozenset({"storage"}),
    "sqlite3": frozenset({"storage"}),
    "tomlkit": frozenset({"storage"}),
    "starlette": frozenset({"simulator"}),
    "uvicorn": frozenset({"simulator"}),
    "websockets": frozenset({"crosstrade", "simulator"}),
}
NO_QT = frozenset({"ui.presenter"})

# The pure parts take disk, network, wall clock and chance as parameters.
PURE = frozenset({"domain", "trading"})
IMPURE_MODULES = frozenset(
    {
        "glob",
        "io",
        "os",
        "pathlib",
        "random",
        "secrets",
        "select",
        "shutil",
        "signal",
        "socket",
        "sqlite3",
        "ssl",
    }
    | {"subprocess", "tempfile", "time", "uuid"}
)
WALL_CLOCK = frozenset({"now", "today", "utcnow", "fromtimestamp"})

NESTED_LOOPS = frozenset({"exec", "exec_", "processEvents"})
QASYNC_TRAPS = frozenset({"asyncSlot", "asyncClose"})


@dataclass(frozen=True, slots=True)
class Module:
    """One source file; `name` is relative to the package: "trading.flatten", "" for the package itself."""

    name: str
    tree: ast.Module
    is_package: bool = False

    @classmethod
    def of(cls, name: str, source: str, *, is_package: bool = False) -> "Module":
        return cls(name, ast.parse(source), is_package)

    @property
    def part(self) -> str:
        return self.name.partition(".")[0]


def modules(root: Path = ROOT / OURS) -> Iterator[Module]:
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        yield Module.of(
            ".".join(parts[:-1] if is_package else parts), path.read_text("utf-8"), is_package=is_package
        )


def imports(module: Module, nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Absolute dotted names; of `from a import b` both `a` and `a.b`, since b may be a module."""
    for node in nodes:
        match node:
            case ast.Import(names=names):
                yield from (each.name for each in names)
            case ast.ImportFrom(module=source, names=names, level=level):
                base = source or ""
                if level:
                    here = [OURS, *module.name.split(".")] if module.name else [OURS]
                    here = here[: len(here) - level + module.is_package]
                    base = ".".join([*here, *([source] if source else [])])
                yield base
                yield from (f"{base}.{each.name}" for each in names)
            case _:
                pass


def is_inside(name: str, places: Iterable[str]) -> bool:
    return any(place in {"", name} or name.startswith(place + ".") for place in places)


def broken_arrows(module: Module) -> list[str]:
    """Imports that the house does not allow, as sentences."""
    found: list[str] = []
    if module.part not in ARROWS:
        return [f"{module.name} has no place in the house"]
    for name in sorted(set(imports(module, ast.walk(module.tree)))):
        top, _, rest = name.partition(".")
        if top == OURS:
            own_part = is_inside(rest, [module.part]) if module.part else True
            # `from a import b` yields `a` too: that alone is no arrow.
            if rest and not own_part and not allowed(rest, ARROWS[module.part]):
                found.append(f"{module.name} imports {name}")
        else:
            found += [f"{module.name} imports {name}"] if not may_import(module, top) else []
    return found


def allowed(name: str, targets: frozenset[str]) -> bool:
    if is_inside(name, targets) or name.startswith("__"):
        return True
    # "trading" where "trading.ports" is allowed: the package on the way to it.
    return any(target.startswith(name + ".") for target in targets)


def may_import(module: Module, library: str) -> bool:
    if library == "__future__":
        return True
    if module.part in PURE and (library not in sys.stdlib_module_names or library in IMPURE_MODULES):
        return False
    if library == "PySide6" and module.name in NO_QT:
        return False
    return library not in HOMES or is_inside(module.name, HOMES[library])


def impure_calls(module: Module) -> list[str]:
    """The wall clock and the disk, reached without an import that tells."""
    if module.part not in PURE:
        return []
    found = []
    for node in ast.walk(module.tree):
        match node:
            case ast.Call(func=ast.Attribute(attr=name, value=ast.Name(id="datetime" | "date"))) if (
                name in WALL_CLOCK
            ):
                found.append(f"{module.name}:{node.lineno} reads the wall clock")
            case ast.Call(func=ast.Attribute(attr=name, value=ast.Attribute(attr="datetime" | "date"))) if (
                name in WALL_CLOCK
            ):
                found.append(f"{module.name}:{node.lineno} reads the wall clock")
            case ast.Call(func=ast.Name(id="open" | "input" | "print" as name)):
                found.append(f"{module.name}:{node.lineno} calls {name}()")
            case _:
                pass
    return found


def early_imports(module: Module) -> list[str]:
    """What is imported when the module is, rather than when a function of it is called."""

    def at_once(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
        for node in nodes:
            match node:
                case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                    continue
                case ast.If(
                    test=ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"), orelse=orelse
                ):
                    yield from at_once(orelse)
                case _:
                    yield node
                    yield from at_once(ast.iter_child_nodes(node))

    return sorted({name.partition(".")[0] for name in imports(module, at_once(module.tree.body))})


def loop_breakers(module: Module) -> list[str]:
    """Nested event loops, and what of qasync loses tasks."""
    found: list[str] = []
    for node in ast.walk(module.tree):
        match node:
            case ast.Call(func=ast.Attribute(attr=name)) if name in NESTED_LOOPS:
                found.append(f"{module.name}:{node.lineno} calls .{name}(): a nested loop")
            case ast.Attribute(attr="run_until_complete" as name) if module.name != "runtime":
                found.append(f"{module.name}:{node.lineno} uses {name}")
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.alias(name=name) if name in QASYNC_TRAPS:
                found.append(f"{module.name}:{getattr(node, 'lineno', 0)} uses {name}")
            case ast.AsyncFunctionDef():
                found += waits(module, node)
            case _:
                pass
    return found


def waits(module: Module, coroutine: ast.AsyncFunctionDef) -> Iterator[str]:
    for node in ast.walk(coroutine):
        match node:
            case ast.Call(func=ast.Attribute(attr=name)) if name.startswith("waitFor"):
                yield f"{module.name}:{node.lineno} calls .{name}() in a coroutine"
            case ast.Call(func=ast.Attribute(attr=name, value=ast.Name(id="qtbot"))) if name.startswith(
                "wait"
            ):
                yield f"{module.name}:{node.lineno} calls qtbot.{name}() in a coroutine"
            case _:
                pass


def test_imports_follow_the_arrows_of_the_house() -> None:
    assert [line for module in modules() for line in broken_arrows(module)] == []


def test_the_use_cases_reach_no_clock_disk_or_chance() -> None:
    assert [line for module in modules() for line in impure_calls(module)] == []


def test_the_entry_point_imports_only_the_standard_library_at_once() -> None:
    for module in modules():
        if module.name == "main":
            assert [each for each in early_imports(module) if each not in sys.stdlib_module_names] == []


def test_nothing_nests_an_event_loop() -> None:
    assert [line for module in modules() for line in loop_breakers(module)] == []


def test_no_test_nests_an_event_loop_inside_a_coroutine() -> None:
    found = []
    for path in sorted((ROOT / "tests").rglob("*.py")):
        module = Module.of(path.stem, path.read_text("utf-8"))
        for node in ast.walk(module.tree):
            if isinstance(node, ast.AsyncFunctionDef):
                inside = Module(module.name, ast.Module([node], []))
                found += [line for line in loop_breakers(inside) if "run_until_complete" not in line]
    assert found == []


def test_every_part_of_the_house_is_seen() -> None:
    assert {"", "domain", "trading"} <= {module.part for module in modules()}
    assert len(list(modules())) > len(ARROWS) // 2


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("domain.scope", "import httpx"),
        ("domain.scope", "from crosstrade_panel.trading import ports"),
        ("domain.scope", "from ..trading.ports import Gateway"),
        ("domain.scope", "from .. import texts"),
        ("trading.flatten", "import time"),
        ("trading.flatten", "from time import time as monotonic"),
        ("trading.flatten", "def f():\n    import random"),
        ("trading.flatten", "from PySide6.QtCore import QTimer"),
        ("trading.flatten", "import os.path"),
        ("trading.flatten", "from crosstrade_panel.crosstrade.rest import RestGateway"),
        ("trading.flatten", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ..ui import view"),
        ("crosstrade.rest", "from crosstrade_panel.trading.flatten import Flatten"),
        ("crosstrade.rest", "from crosstrade_panel.trading import flatten"),
        ("crosstrade.rest", "from ..storage import settings"),
        ("storage.journal", "import crosstrade_panel.crosstrade.wire"),
        ("storage.nudge", "from PySide6.QtNetwork import QLocalSocket"),
        ("desktop.tray", "from crosstrade_panel.ui import theme"),
        ("simulator.server", "from crosstrade_panel.domain.scope import OneAccount"),
        ("simulator.server", "from ..crosstrade import wire"),
        ("cli", "from crosstrade_panel.ui import presenter"),
        ("cli", "import qasync"),
        ("cli", "from PySide6 import QtCore"),
        ("texts", "from crosstrade_panel.ui import view"),
        ("ui.window", "from crosstrade_panel.crosstrade import rest"),
        ("ui.window", "from crosstrade_panel import app"),
        ("ui.presenter", "from PySide6.QtCore import QObject"),
        ("ui.window", "import qasync"),
        ("app", "import qasync"),
        ("main", "def main():\n    from crosstrade_panel.crosstrade import rest"),
        ("utils", ""),
    ],
)
def test_a_planted_import_is_found(name: str, source: str) -> None:
    assert len(broken_arrows(Module.of(name, source))) >= 1


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("domain.scope", "from __future__ import annotations\nfrom .names import is_blank\nimport decimal"),
        (
            "trading.flatten",
            "import asyncio\nfrom crosstrade_panel.domain.scope import Scope\nfrom . import ports",
        ),
        (
            "crosstrade.rest",
            "from crosstrade_panel.trading.ports import Gateway\nimport httpx\nfrom . import wire",
        ),
        ("crosstrade.rest", "from crosstrade_panel.trading import ports"),
        ("ui.window", "from crosstrade_panel import texts\nfrom PySide6.QtWidgets import QWidget"),
        ("app", "from crosstrade_panel.simulator.server import serve"),
        ("runtime", "import qasync"),
        ("cli", "from crosstrade_panel import __version__"),
    ],
)
def test_an_arrow_of_the_house_is_no_offence(name: str, source: str) -> None:
    assert broken_arrows(Module.of(name, source)) == []


def test_relative_imports_of_a_package_are_read_from_the_package() -> None:
    assert broken_arrows(Module.of("domain", "from .scope import Scope", is_package=True)) == []
    assert broken_arrows(Module.of("domain", "from ..trading import ports", is_package=True)) != []


@pytest.mark.parametrize(
    "source",
    [
        "from datetime import datetime\ndatetime.now(UTC)",
        "import datetime\ndatetime.datetime.now()",
        "from datetime import date\ndate.today()",
        "open('x')",
    ],
)
def test_a_planted_look_at_the_clock_or_the_disk_is_found(source: str) -> None:
    assert len(impure_calls(Module.of("trading.verify", source))) == 1
    assert impure_calls(Module.of("storage.journal", source)) == []


def test_a_planted_early_import_is_found() -> None:
    source = "import sys\nif sys.argv:\n    import httpx\ndef main():\n    import PySide6\n"
    assert early_imports(Module.of("main", source)) == ["httpx", "sys"]
    typing_only = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import PySide6"
    assert early_imports(Module.of("main", typing_only)) == ["typing"]


@pytest.mark.parametrize(
    "source",
    [
        "dialog.exec()",
        "QMessageBox(self).exec_()",
        "QApplication.processEvents()",
        "from qasync import asyncSlot",
        "import qasync\n@qasync.asyncClose\ndef f(): ...",
        "loop.run_until_complete(main())",
        "async def f():\n    process.waitForFinished()",
        "async def f():\n    def g():\n        qtbot.waitUntil(x)",
        "async def f():\n    qtbot.wait(10)",
    ],
)
def test_a_planted_nested_loop_is_found(source: str) -> None:
    assert loop_breakers(Module.of("ui.window", source)) != []


@pytest.mark.parametrize(
    "source", ["exec('x')", "async def f():\n    await asyncio.wait_for(x, 1)", "dialog.open()"]
)
def test_a_call_that_only_looks_like_a_nested_loop_is_left_alone(source: str) -> None:
    assert loop_breakers(Module.of("ui.window", source)) == []
