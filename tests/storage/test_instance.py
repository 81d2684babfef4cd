"""One panel per user and data folder, however the other one ended, and whoever else calls."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from crosstrade_panel.storage import instance, nudge
from crosstrade_panel.storage.instance import Instance, Other, claim
from crosstrade_panel.storage.nudge import SOCKET, Look, Raise, encode, tell
from tests.log_guard import AnnounceLog
from tests.storage.test_nudge import PRESS, Heard, hung_up

on_posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and sockets of POSIX")
_HOLDER = """
import sys, time
from pathlib import Path
from crosstrade_panel.storage.instance import claim
claimed = claim(Path(sys.argv[1]))
claimed.attach(lambda _id, answer: answer(), lambda _: None)
print("holds", flush=True)
time.sleep(60)
"""


@pytest.fixture
def heard(tmp_path: Path) -> Iterator[Heard]:
    made = Heard(tmp_path / "data")
    yield made
    made.instance.close()


@pytest.fixture
def data(heard: Heard, tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def holder(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process that is the panel of `tmp_path / "data"`."""
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(tmp_path / "data")], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "holds\n"
        yield process
        process.kill()


def test_a_second_start_raises_the_first_and_is_no_panel(heard: Heard, data: Path) -> None:
    assert claim(data, startup_id="id-1") is Other.ANSWERED
    assert heard.raised == ["id-1"]


def test_panels_of_different_folders_do_not_see_each_other(heard: Heard, tmp_path: Path) -> None:
    other = claim(tmp_path / "other")
    assert isinstance(other, Instance)
    assert other.is_heard
    other.close()
    assert heard.raised == []


def test_one_that_does_not_answer_is_silent_after_a_second(heard: Heard, data: Path) -> None:
    heard.instance.attach(lambda *_: None, lambda _: None)
    began = time.monotonic()
    assert claim(data) is Other.SILENT
    assert 0.9 <= time.monotonic() - began < 2.0


def test_a_panel_that_is_just_starting_answers_by_itself(tmp_path: Path) -> None:
    first = claim(tmp_path)
    assert isinstance(first, Instance)
    try:
        assert claim(tmp_path) is Other.ANSWERED
    finally:
        first.close()


def test_a_start_that_takes_too_long_is_not_answered_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instance, "_STARTING_S", 0.0)
    first = claim(tmp_path)
    assert isinstance(first, Instance)
    try:
        assert claim(tmp_path, patience_s=0.1) is Other.SILENT
    finally:
        first.close()


def test_once_the_first_has_left_the_next_start_is_the_panel(heard: Heard, data: Path) -> None:
    heard.instance.close()
    second = claim(data)
    assert isinstance(second, Instance)
    assert second.is_heard
    second.close()


def test_a_start_while_the_first_is_leaving_waits_for_that(heard: Heard, data: Path) -> None:
    ear = heard.instance._ear
    assert ear is not None
    # Nobody is answered any more, and the lock is still held.
    if sys.platform == "win32":
        ear.path.unlink()  # a listening socket cannot be shut down there
    else:
        ear.socket.shutdown(socket.SHUT_RDWR)
    timer = threading.Timer(0.3, heard.instance.close)
    timer.start()
    second = claim(data)
    timer.join()
    assert isinstance(second, Instance)
    second.close()


@on_posix
def test_a_killed_panel_leaves_nothing_that_stands_in_the_way(
    holder: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    holder.kill()
    holder.wait()
    assert (tmp_path / "data" / SOCKET).exists()
    second = Heard(tmp_path / "data")
    try:
        nudge.nudge(tmp_path / "data", PRESS, wait_s=1.0)
        assert second.hears() == [PRESS]
    finally:
        second.instance.close()


@on_posix
def test_a_stopped_panel_keeps_its_place_and_is_silent(
    holder: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    holder.send_signal(signal.SIGSTOP)
    os.waitpid(holder.pid, os.WUNTRACED)  # it stands still a moment after it was told to
    assert claim(tmp_path / "data") is Other.SILENT
    holder.send_signal(signal.SIGCONT)
    assert claim(tmp_path / "data", patience_s=5.0) is Other.ANSWERED


@on_posix
def test_a_folder_in_the_sockets_place_only_makes_it_listen_elsewhere(tmp_path: Path) -> None:
    (tmp_path / SOCKET).mkdir()
    heard = Heard(tmp_path)
    try:
        assert heard.instance.is_heard
    finally:
        heard.instance.close()


def test_a_disk_without_place_for_a_lock_hides_the_panel_and_stops_nothing(
    tmp_path: Path, announce_log: AnnounceLog
) -> None:
    announce_log("no lock on the data folder")
    (tmp_path / "data").write_text("a file")
    for _ in range(2):
        found = claim(tmp_path / "data")
        assert isinstance(found, Instance)
        assert not found.is_heard
        found.close()


def test_a_disk_that_hangs_hides_the_panel_and_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()
    late = Instance(None, None)

    def hanging(*_: object) -> Instance:
        release.wait(30)
        return late

    monkeypatch.setattr(instance, "_claim", hanging)
    monkeypatch.setattr(instance, "_DISK_S", 0.05)
    found = claim(tmp_path, patience_s=0.05)
    assert isinstance(found, Instance)
    assert found is not late
    release.set()
    found.close()


def call(data: Path) -> socket.socket:
    line = socket.socket(socket.AF_UNIX)
    line.settimeout(5)
    line.connect(str(data / SOCKET))
    return line


def assert_still_heard(heard: Heard, data: Path) -> None:
    before = len(heard.raised)
    assert tell(data, Raise(), 2.0, wants_answer=True)
    assert len(heard.raised) == before + 1


@on_posix
def test_ten_thousand_bytes_of_nonsense_are_hung_up_on(heard: Heard, data: Path) -> None:
    for nonsense in (b"\xff" * 10_000, b"press " * 1_700, os.urandom(10_000), b"a" * 10_000 + b"\nraise\n"):
        with call(data) as line:
            try:
                line.sendall(nonsense)
            except ConnectionError:
                continue
            assert hung_up(line)
    assert heard.raised == []
    assert heard.looked == []
    assert_still_heard(heard, data)


@on_posix
def test_a_slow_caller_is_hung_up_on_and_keeps_nobody_waiting(heard: Heard, data: Path) -> None:
    with call(data) as slow:
        slow.sendall(b"pre")
        began = time.monotonic()
        assert_still_heard(heard, data)
        assert time.monotonic() - began < 0.4
        assert hung_up(slow)
        assert time.monotonic() - began < 2.0


@on_posix
def test_one_that_never_ends_its_line_is_not_listened_to_for_ever(
    heard: Heard, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instance, "_LINE_S", 60.0)
    with call(data) as line:
        line.sendall(b"raise x" + b"y" * 300)
        assert hung_up(line)
    assert heard.raised == []


@on_posix
def test_a_word_in_pieces_is_heard_as_one(heard: Heard, data: Path) -> None:
    with call(data) as line:
        for piece in (b"pre", b"ss ", PRESS.encode(), b"\n"):
            line.sendall(piece)
        assert heard.hears() == [PRESS]


@on_posix
def test_after_its_word_a_caller_can_say_no_more(heard: Heard, data: Path) -> None:
    with call(data) as line:
        line.sendall(encode(Raise()))
        assert line.recv(10) == b"ok\n"
        line.sendall(encode(Look(PRESS)))
        assert hung_up(line)
    assert heard.looked == []


@on_posix
def test_a_thousand_callers_who_say_nothing_keep_nobody_out(heard: Heard, data: Path) -> None:
    lines = []
    try:
        for _ in range(1000):
            line = socket.socket(socket.AF_UNIX)
            line.setblocking(False)
            lines.append(line)
            try:
                line.connect(str(data / SOCKET))
            except BlockingIOError:  # the queue is full: what a flood does to itself
                time.sleep(0.002)
        assert claim(data, patience_s=5.0) is Other.ANSWERED
        assert len(heard.instance._callers) <= 17
    finally:
        for line in lines:
            line.close()
    assert claim(data, patience_s=5.0) is Other.ANSWERED
