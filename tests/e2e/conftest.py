"""End to end: the real window, the real program, real sockets, one loop."""

import gc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication

import qasync  # type: ignore[import-untyped]  # isort: skip - after PySide6


@pytest.fixture
def anyio_backend(qapp: QApplication) -> tuple[str, dict[str, Callable[[], Any]]]:
    qapp.setQuitOnLastWindowClosed(False)
    return ("asyncio", {"loop_factory": lambda: qasync.QEventLoop(qapp)})


def pytest_itemcollected(item: pytest.Item) -> None:
    """The screen that is none says so whenever a window is shown; nothing is wrong."""
    if item.path.parent.name == "e2e":
        item.add_marker(pytest.mark.qt_log_ignore("does not support propagateSizeHints", extend=True))


@pytest.fixture(autouse=True)
def collected_on_this_thread() -> Iterator[None]:
    """As `runtime.run` does: no other thread destroys what belongs to Qt's."""
    gc.disable()
    try:
        yield
        gc.collect()
    finally:
        gc.enable()
