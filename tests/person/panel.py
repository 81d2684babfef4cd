"""The real program, as a process of its own, on a desktop of ours."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.person.accessible import SHOWING, GoneError, Hearing, Node
from tests.person.desktop import PATIENCE_S, Desktop, until
from tests.person.hands import Hands
from tests.person.pixels import Rect

ROOT = Path(__file__).resolve().parents[2]


class Program:
    """`python -m crosstrade_panel …`; ended at the end, whatever becomes of the test."""

    def __init__(self, desktop: Desktop, home: Path, *arguments: str, **environment: str) -> None:
        self._log = home.parent / f"program-{time.monotonic_ns()}.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "crosstrade_panel", *arguments],
                cwd=ROOT,
                env={**desktop.environ, "CROSSTRADE_PANEL_HOME": str(home), **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(PATIENCE_S)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def output(self) -> str:
        return self._log.read_text("utf-8", "replace")

    def ends(self) -> int:
        """Wait for its own end; its exit code."""
        return self.process.wait(PATIENCE_S)

    def kill(self) -> None:
        """As a crash: it says goodbye to nobody."""
        os.kill(self.pid, signal.SIGKILL)
        self.process.wait(PATIENCE_S)


class Panel(Program):
    """The window, found by what a screen reader is told of it, and used with hands."""

    def __init__(self, desktop: Desktop, home: Path, *arguments: str, **environment: str) -> None:
        super().__init__(desktop, home, *arguments, **environment)
        self._desktop = desktop
        self.hands = Hands(desktop.environ)
        self._known: dict[str, Node] = {}
        self._hearing = desktop.bus.hear()

    def __enter__(self) -> Self:
        try:
            until(self._is_up, lambda: self.output)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.hands.let_go()
        finally:
            self._hearing.__exit__(kind, error, trace)
            super().__exit__(kind, error, trace)

    def _is_up(self) -> bool:
        assert self.process.poll() is None, self.output
        for program in self._desktop.bus.programs():
            try:
                if self._desktop.bus.process_of(program) != self.pid:
                    continue
            except GoneError:
                continue
            for window in program.children():
                if window.is_showing:
                    self._known["mainWindow"] = window
                    return True
        return False

    @property
    def window(self) -> Node:
        return self._known["mainWindow"]

    @property
    def hearing(self) -> Hearing:
        """What was announced since it started."""
        return self._hearing

    def find(self, name: str) -> Node:
        """The thing with this object name; a list or a table is not looked into."""
        known = self._known.get(name)
        if known is not None and known.is_in():
            return known
        fresh: dict[str, Node] = {}
        for node in self.outline():
            with suppress(GoneError):
                # The first of a name: parts of a widget bear that of the whole.
                fresh.setdefault(node.identifier, node)
        self._known.update(fresh)
        assert name in self._known, (name, sorted(self._known))
        return self._known[name]

    def outline(self, *, showing: bool = False) -> list[Node]:
        """Everything but the insides of tables and lists; `showing`: but for what is hidden."""
        return _outline(self.window, showing=showing)

    def rect(self, name: str) -> Rect:
        return self.find(name).rect

    def name_of(self, name: str) -> str:
        return self.find(name).name

    def shows(self, name: str, *words: str) -> str:
        """Until that thing is in sight, with all these words in its name; that name."""
        found = ""

        def does() -> bool:
            nonlocal found
            try:
                node = self.find(name)
                found = node.name
                return node.is_in(SHOWING) and all(word in found for word in words)
            except GoneError:
                return False

        until(does, lambda: f"{name} never showed {words}, but {found!r}\n{self.output}")
        return found

    def is_ready(self, *words: str) -> None:
        """Until positions were read and FLATTEN says so."""
        self.shows("flattenButton", "closes", *words)

    def banners(self) -> list[str]:
        """Title and lines of each press that is shown, the newest first."""
        return [card.name for card in self.find("outcomeBanner").children() if card.is_showing]

    def tells(self, *words: str) -> str:
        """Until the newest outcome has all these words; all of it."""
        found = [""]

        def does() -> bool:
            found[:] = self.banners() or [""]
            return all(word in found[0] for word in words)

        until(does, lambda: f"no outcome said {words}, but {found}\n{self.output}")
        return found[0]

    def choose(self, account: str, instrument: str | None = None) -> None:
        """As a person does: a click into the picker, the name, Enter."""
        for picker, value in (("accountPicker", account), ("instrumentPicker", instrument)):
            if value is not None:
                self.hands.click(self.rect(picker))
                self.hands.do("key", "ctrl+a", "type", "--delay", 5, value)
                self.hands.key("Return")
                self.shows("flattenButton", value)

    def press_tab(self) -> Node:
        """Press the Tab key; where the focus is then."""
        heard = self._hearing.focused
        self._hearing.drain()
        heard.clear()
        self.hands.key("Tab")
        self._hearing.until(lambda: heard, lambda: "Tab goes nowhere")
        self.window.states()  # answered when the key is dealt with
        self._hearing.drain()
        # A table speaks for its current cell, too; the last word is that of what has the focus.
        return Node(self._desktop.bus, heard[-1])

    def page(self, caption: str) -> Node:
        """One of the tabs below."""
        tabs = [node for node in self.find("resultTabBar").children() if node.name == caption]
        assert tabs, caption
        return tabs[0]

    def cells(self, name: str) -> list[str]:
        """What a table has, row by row."""
        return [node.name for node in self.find(name).children() if node.role in {"table cell", "cell"}]

    def click(self, name: str) -> None:
        self.hands.click(self.rect(name))

    def close(self) -> int:
        """With the keys of the window manager; the exit code."""
        self.hands.key("alt+F4")
        return self.ends()

    def save_picture(self, name: str) -> None:
        """For eyes: into the folder that CROSSTRADE_PANEL_PICTURES names, where it does."""
        if folder := os.environ.get("CROSSTRADE_PANEL_PICTURES"):
            self._desktop.picture().save(Path(folder, f"{name}.png"), self.window.rect.grown(24))


def _outline(node: Node, *, showing: bool) -> list[Node]:
    found = [node]
    for child in node.children():
        try:
            role = child.role
        except GoneError:
            continue
        if showing and not child.is_showing:
            continue
        if role in {"table", "list", "tree table", "combo box"}:
            found.append(child)
        else:
            found += _outline(child, showing=showing)
    return found
