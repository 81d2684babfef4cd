"""Words between processes of one user: how they travel, and what is not heard."""

import os
import socket
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from crosstrade_panel.storage import nudge
from crosstrade_panel.storage.instance import Instance, claim
from crosstrade_panel.storage.nudge import PORT, SOCKET, Look, Raise, decode, encode, tell

PRESS = "0123456789abcdef" * 2
on_posix = pytest.mark.skipif(sys.platform == "win32", reason="sockets and modes of POSIX")


class Heard:
    """What a listening panel was told; it answers every raise."""

    def __init__(self, data: Path) -> None:
        claimed = claim(data)
        assert isinstance(claimed, Instance)
        self.instance = claimed
        self.raised: list[str] = []
        self.looked: list[str] = []
        self._news = threading.Condition()
        claimed.attach(self._raise, self._look)

    def _raise(self, startup_id: str, answer: Callable[[], None]) -> None:
        self.raised.append(startup_id)
        answer()

    def _look(self, press_id: str) -> None:
        with self._news:
            self.looked.append(press_id)
            self._news.notify_all()

    def hears(self, number: int = 1) -> list[str]:
        with self._news:
            assert self._news.wait_for(lambda: len(self.looked) >= number, 5)
            return self.looked


@pytest.fixture(params=["unix", "loopback"])
def panel(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Heard]:
    """A panel that listens, on a Unix socket and as on Windows."""
    if request.param == "loopback":
        monkeypatch.setattr(nudge, "has_unix_sockets", lambda: False)
    elif sys.platform == "win32":
        pytest.skip("no Unix sockets")
    heard = Heard(tmp_path / "data")
    yield heard
    heard.instance.close()


def data_of(panel: Heard) -> Path:
    ear = panel.instance._ear
    assert ear is not None
    return ear.path.parent


@pytest.mark.parametrize("word", [Look(PRESS), Raise(), Raise("wm-4711_TIME12")])
def test_a_word_is_read_as_it_was_written(word: nudge.Word) -> None:
    assert decode(encode(word).removesuffix(b"\n")) == word


@pytest.mark.parametrize("startup_id", ["two words", "ü", "x" * 200, "line\nbreak"])
def test_a_start_up_id_that_cannot_be_said_is_left_out(startup_id: str) -> None:
    assert encode(Raise(startup_id)) == b"raise\n"


@pytest.mark.parametrize(
    "line",
    [
        b"", b"press", b"press ", b"press " + b"g" * 32, b"press " + b"a" * 31, b"press " + b"a" * 33,
        b" press " + b"a" * 32, b"press " + b"a" * 32 + b" ", b"PRESS " + b"a" * 32, b"raise ", b"raise a b",
        b"flatten", b"flatten " + b"a" * 32, b"quit", b"\x00" * 40, b"\xff" * 40,
    ],
)  # fmt: skip
def test_anything_else_is_no_word(line: bytes) -> None:
    assert decode(line) is None


def test_a_nudge_reaches_the_panel(panel: Heard) -> None:
    nudge.nudge(data_of(panel), PRESS, wait_s=1.0)
    assert panel.hears() == [PRESS]
    assert panel.raised == []


def test_a_second_start_is_answered_once_the_window_is_raised(panel: Heard) -> None:
    assert tell(data_of(panel), Raise("token-1"), 5.0, wants_answer=True)
    assert (panel.raised, panel.looked) == (["token-1"], [])


def test_without_a_panel_a_nudge_is_nothing_and_takes_no_time(tmp_path: Path) -> None:
    began = time.monotonic()
    nudge.nudge(tmp_path / "nowhere", PRESS, wait_s=5.0)
    assert time.monotonic() - began < 1.0


def test_a_disk_that_hangs_holds_a_nudge_up_no_longer_than_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()
    monkeypatch.setattr(nudge, "tell", lambda *_: release.wait(30))
    began = time.monotonic()
    nudge.nudge(tmp_path, PRESS, wait_s=0.05)
    assert time.monotonic() - began < 0.5
    release.set()


@on_posix
def test_only_the_user_can_reach_the_socket(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        heard = Heard(tmp_path / "data")
    finally:
        os.umask(before)
    try:
        about = (tmp_path / "data" / SOCKET).stat()
        assert stat.S_ISSOCK(about.st_mode)
        assert stat.S_IMODE(about.st_mode) == 0o600
        assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
    finally:
        heard.instance.close()
    assert sorted(each.name for each in (tmp_path / "data").iterdir()) == ["panel.lock"]


@on_posix
def test_the_secret_of_the_port_is_for_the_user_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nudge, "has_unix_sockets", lambda: False)
    before = os.umask(0)
    try:
        heard = Heard(tmp_path)
    finally:
        os.umask(before)
    try:
        assert stat.S_IMODE((tmp_path / PORT).stat().st_mode) == 0o600
    finally:
        heard.instance.close()
    assert not (tmp_path / PORT).exists()


def test_who_does_not_know_the_secret_of_the_port_is_not_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nudge, "has_unix_sockets", lambda: False)
    heard = Heard(tmp_path)
    try:
        port = int((tmp_path / PORT).read_bytes().split()[0])
        for secret in (b"", b"0" * 32 + b" "):
            for word in (Raise(), Look(PRESS)):
                with socket.create_connection(("127.0.0.1", port), 5) as line:
                    line.sendall(secret + encode(word))
                    assert hung_up(line)
        nudge.nudge(tmp_path, PRESS, wait_s=1.0)
        assert heard.hears() == [PRESS]
        assert heard.raised == []
    finally:
        heard.instance.close()


def hung_up(line: socket.socket) -> bool:
    line.settimeout(5)
    try:
        return line.recv(10) == b""
    except ConnectionError:  # what it had not read yet was thrown away
        return True


@on_posix
def test_another_users_panel_is_told_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard = Heard(tmp_path)
    try:
        monkeypatch.setattr(nudge, "_me", lambda: os.geteuid() + 1)
        with pytest.raises(PermissionError):
            tell(tmp_path, Look(PRESS), 1.0)
        monkeypatch.undo()
        nudge.nudge(tmp_path, "f" * 32, wait_s=1.0)
        assert heard.hears() == ["f" * 32]
    finally:
        heard.instance.close()


@on_posix
def test_another_users_word_is_not_heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard = Heard(tmp_path)
    try:
        monkeypatch.setattr(nudge, "_me", lambda: os.geteuid() + 1)
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(tmp_path / SOCKET))
            with suppress(BrokenPipeError):  # hung up before a word was said
                line.sendall(encode(Look(PRESS)))
            assert hung_up(line)
        monkeypatch.undo()
        nudge.nudge(tmp_path, "f" * 32, wait_s=1.0)
        assert heard.hears() == ["f" * 32]
    finally:
        heard.instance.close()


@on_posix
def test_a_folder_too_deep_for_a_socket_is_reached_all_the_same(tmp_path: Path) -> None:
    data = tmp_path / ("deep" * 30)
    heard = Heard(data)
    try:
        assert not (data / SOCKET).exists()
        nudge.nudge(data, PRESS, wait_s=1.0)
        assert heard.hears() == [PRESS]
    finally:
        heard.instance.close()


@pytest.mark.parametrize("told", [b"", b"nonsense", b"99999 " + b"0" * 32 + b"\n", b"7 " + b"g" * 32 + b"\n"])
def test_a_port_file_with_nonsense_means_nobody_listens(tmp_path: Path, told: bytes) -> None:
    (tmp_path / PORT).write_bytes(told)
    with pytest.raises((FileNotFoundError, ConnectionError)):
        tell(tmp_path, Look(PRESS), 0.5)
    nudge.nudge(tmp_path, PRESS, wait_s=1.0)  # and is quiet
