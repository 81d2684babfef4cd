"""The step that only the frozen program has: what its starter and a desktop left in the environment."""

import os
import runpy
import sys
from pathlib import Path

import pytest

STEP = Path(__file__).resolve().parents[2] / "packaging" / "frozen_start.py"


def start(monkeypatch: pytest.MonkeyPatch, inside: Path) -> None:
    monkeypatch.setattr(sys, "_MEIPASS", str(inside), raising=False)
    runpy.run_path(str(STEP))


def test_what_the_panel_opens_finds_the_libraries_that_it_would_have_found_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    monkeypatch.setenv("LD_LIBRARY_PATH_ORIG", "/opt/broker/lib")
    start(monkeypatch, tmp_path)
    assert os.environ["LD_LIBRARY_PATH"] == "/opt/broker/lib"
    assert "LD_LIBRARY_PATH_ORIG" not in os.environ
    start(monkeypatch, tmp_path)
    assert "LD_LIBRARY_PATH" not in os.environ


def test_plugins_of_the_desktops_own_qt_do_not_come_before_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QT_PLUGIN_PATH", "/usr/lib/qt6/plugins")
    start(monkeypatch, tmp_path)
    named = Path(os.environ["QT_PLUGIN_PATH"])
    assert named.is_relative_to(tmp_path)
    assert named.name == "plugins"


def test_where_nothing_is_named_nothing_is_named_for_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("QT_PLUGIN_PATH", "LD_LIBRARY_PATH"):
        monkeypatch.delenv(name, raising=False)
    before = dict(os.environ)
    start(monkeypatch, tmp_path)
    assert dict(os.environ) == before
