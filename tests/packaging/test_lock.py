"""The lock satisfies pyproject.toml, and its check bites."""

import sys
from pathlib import Path

import lock
import pytest

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = (ROOT / "pyproject.toml").read_text("utf-8")
TEXT = (ROOT / "requirements.lock").read_text("utf-8")


def test_the_lock_satisfies_pyproject() -> None:
    assert lock.problems(PYPROJECT, TEXT) == []


@pytest.mark.parametrize(
    ("pyproject", "text", "sign"),
    [
        (PYPROJECT.replace('"msgspec>=0.20"', '"msgspec>=99"'), TEXT, "msgspec>=99 is not met"),
        (PYPROJECT.replace('"msgspec>=0.20"', '"left-pad>=1"'), TEXT, "left-pad>=1 is not met"),
        (PYPROJECT.replace('    "types-psutil",\n', ""), TEXT, "changed after the lock"),
        (PYPROJECT, TEXT.replace("pyside6-essentials==6.11.3", "pyside6-essentials==6.12.0"), "is not met"),
        (PYPROJECT, TEXT.replace("# --- tests ---", ""), "damaged"),
        (PYPROJECT, TEXT + "idna==3.0\n", "idna==3.0 has no hash"),
        (PYPROJECT, "--find-links /home/x\n" + TEXT, "--find-links /home/x"),
        (PYPROJECT, TEXT + "x @ file:///x --hash=sha256:0\n", "of one machine only"),
        (PYPROJECT, TEXT + "--index-url https://example.invalid/simple\n", "of one machine only"),
    ],
)
def test_what_is_wrong_with_a_lock_is_named(pyproject: str, text: str, sign: str) -> None:
    assert (pyproject, text) != (PYPROJECT, TEXT)
    assert any(sign in problem for problem in lock.problems(pyproject, text)), lock.problems(pyproject, text)


@pytest.mark.skipif(sys.platform == "win32", reason="one look is enough")
def test_the_lock_covers_the_three_systems() -> None:
    for name in ("pywin32-ctypes", "secretstorage", "colorama"):
        assert f"\n{name}==" in TEXT
    qt = TEXT.partition("\npyside6-essentials==")[2].partition("\nqasync==")[0]
    assert qt.count("--hash=sha256:") >= 4  # Linux twice, macOS, Windows
