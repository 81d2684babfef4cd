"""A person's hands: a real pointer and real keys, through the X server."""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tests.person.pixels import Rect

LEFT, MIDDLE, RIGHT = 1, 2, 3


class Hands:
    """Everything goes through the X server's own test extension: no window can tell it from a device."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = dict(environ)
        self._down: set[int] = set()

    def do(self, *words: object) -> str:
        """One chain of xdotool's commands, as one process: no start of another falls between."""
        done = subprocess.run(
            ["xdotool", *map(str, words)],  # noqa: S607 - wherever it is
            env=self._environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, (words, done.stderr)
        return done.stdout

    def point(self, rect: Rect) -> None:
        self.do("mousemove", *rect.centre)

    def click(self, rect: Rect, button: int = LEFT) -> None:
        self.do("mousemove", *rect.centre, "click", button)

    def press(self, rect: Rect, button: int = LEFT) -> None:
        """Down, and stay down."""
        self._down.add(button)
        self.do("mousemove", *rect.centre, "mousedown", button)

    def release(self, button: int = LEFT) -> None:
        self._down.discard(button)
        self.do("mouseup", button)

    def hold(self, rect: Rect, seconds: float, *then: object) -> None:
        """Down for so long, then something else, then up: one chain, so that nothing stretches it."""
        self.do("mousemove", *rect.centre, "mousedown", LEFT, "sleep", seconds, *then, "mouseup", LEFT)

    @contextmanager
    def holding(self, rect: Rect, button: int = LEFT) -> Iterator[None]:
        """Down for as long as the `with` lasts."""
        self.press(rect, button)
        try:
            yield
        finally:
            self.release(button)

    def storm(self, rect: Rect, clicks: int, *, every_ms: int = 20, button: int = LEFT) -> None:
        """So many clicks, one after another."""
        self.do("mousemove", *rect.centre, "click", "--repeat", clicks, "--delay", every_ms, button)

    def key(self, *keys: str) -> None:
        self.do("key", "--clearmodifiers", *keys)

    def type(self, text: str) -> None:
        self.do("type", "--delay", 5, text)

    def let_go(self) -> None:
        """No finger of a test that failed stays on the next one's window."""
        for button in sorted(self._down):
            self.release(button)
        self.do("keyup", "ctrl", "keyup", "alt", "keyup", "f", "keyup", "r")
