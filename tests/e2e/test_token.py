"""The first run, the token, and what is kept from one run to the next."""

import asyncio
import logging
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keyring
import pytest
from keyring.backends import fail
from PySide6.QtWidgets import QApplication, QLabel, QWidget

from crosstrade_panel import app, cli_texts, texts
from crosstrade_panel.domain.outcome import Cause, Reason
from crosstrade_panel.storage import credentials
from crosstrade_panel.storage.log import end_log, start_log
from crosstrade_panel.storage.paths import find_paths
from crosstrade_panel.ui import captions
from crosstrade_panel.ui.view import Look
from tests.contract_server import ContractServer, refused
from tests.e2e.panel import Panel, running, until
from tests.log_guard import AnnounceLog

pytestmark = pytest.mark.anyio


@pytest.fixture
def server() -> Iterator[ContractServer]:
    with ContractServer() as server:
        yield server


def files_in(folder: Path) -> dict[Path, bytes]:
    """Everything that was written."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


async def test_without_a_token_the_window_says_so_and_practice_begins_only_when_chosen(
    qapp: QApplication,
) -> None:
    async with running(qapp) as panel:
        card = panel.find("firstRunCard", QWidget)
        await until(card.isVisible, "the card of the first run")
        assert panel.flatten.look is Look.DISABLED
        assert texts.NO_TOKEN in panel.flatten.face.lines
        assert panel.badge == "LIVE"
        assert panel.program._exchange is None
        panel.press_button("practiceButton")
        await panel.is_read()
        assert panel.badge == "PRACTICE"
        assert not card.isVisible()


@pytest.fixture
def taken() -> Iterator[socket.socket]:
    """A port of this machine that refuses every connection; once closed, a server can have it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken


@pytest.fixture
def nobody_listens(taken: socket.socket) -> str:
    """The address of that port."""
    return f"http://127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture
def no_keyring() -> Iterator[None]:
    """As on a machine without one, whatever a test before has made of it."""
    before = keyring.get_keyring()
    keyring.set_keyring(fail.Keyring())  # type: ignore[no-untyped-call]
    yield
    keyring.set_keyring(before)


@pytest.fixture
def a_keyring(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A keyring with nothing in it, in which tokens are kept by the server."""
    kept: dict[str, str] = {}

    def name(store: credentials.KeyringStore) -> str:
        store.problem = None
        return "made up"

    def load(store: credentials.KeyringStore, origin: str) -> str | None:
        store.problem = None
        return kept.get(origin)

    monkeypatch.setattr(credentials.KeyringStore, "load", load)
    monkeypatch.setattr(
        credentials.KeyringStore, "save", lambda _, origin, token: kept.update({origin: token})
    )
    monkeypatch.setattr(credentials.KeyringStore, "backend_name", name)
    return kept


def asking(panel: Panel) -> tuple[str, str]:
    """What the card says: how to start, and the problem."""
    return panel.find("howToStart", QLabel).text(), panel.find("tokenProblem", QLabel).text()


@pytest.mark.usefixtures("no_keyring")
async def test_where_no_keyring_is_the_card_says_so_and_goes_on_saying_it(
    qapp: QApplication, nobody_listens: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "_ASK_AFTER_S", 0.3)
    async with running(qapp, base_url=nobody_listens) as panel:
        await until(panel.find("firstRunCard", QWidget).isVisible, "the card of the first run")
        none_here = texts.no_token_here("", "none_here", environment_ignored=False)
        told = captions.HOW_TO_START_UNKEPT, texts.as_sentence(none_here)
        await until(lambda: asking(panel) == told, "that it serves until the panel is closed")
        await until(
            lambda: all(task.get_name() != "ask for a token" for task in asyncio.all_tasks()),
            "the card that is shown while a keyring does not answer",
        )
        assert asking(panel) == told
        panel.type_token("two words")
        assert asking(panel)[0] == captions.HOW_TO_START_UNKEPT


async def test_a_keyring_that_is_there_is_promised(
    qapp: QApplication, nobody_listens: str, a_keyring: dict[str, str]
) -> None:
    async with running(qapp, base_url=nobody_listens) as panel:
        await until(panel.find("firstRunCard", QWidget).isVisible, "the card of the first run")
        assert asking(panel) == (captions.HOW_TO_START, "")
        assert not a_keyring


async def test_after_a_refused_token_of_the_environment_no_keyring_is_promised_where_none_is(
    qapp: QApplication, server: ContractServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XTRADE_TOKEN", "mistyped")
    async with running(qapp, base_url=server.base_url) as panel:
        await until(panel.find("firstRunCard", QWidget).isVisible, "the card, after the token was refused")
        await until(lambda: asking(panel)[0] == captions.HOW_TO_START_UNKEPT, "no promise")


@pytest.mark.parametrize("has_keyring", [True, False])
async def test_until_a_read_was_answered_a_pasted_token_is_said_to_be_neither_tested_nor_kept(
    qapp: QApplication,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    taken: socket.socket,
    nobody_listens: str,
    has_keyring: bool,
) -> None:
    kept: dict[str, str] = request.getfixturevalue("a_keyring") if has_keyring else {}
    monkeypatch.setattr(app, "_TEST_AGAIN_S", 60.0)  # the first read of the panel's own ends the waiting
    async with running(qapp, base_url=nobody_listens) as panel:
        await until(panel.find("firstRunCard", QWidget).isVisible, "the card of the first run")
        notes = panel.find("statusNotes", QLabel)
        panel.type_token("made-up")
        said = texts.token_untested(nobody_listens, Cause.CONNECT_FAILED, keeps_token=has_keyring)
        assert nobody_listens in said
        assert ("kept" in said) is has_keyring
        await until(lambda: said in notes.text(), "what is not known yet")
        assert not kept
        port = taken.getsockname()[1]
        taken.close()
        with ContractServer(token="made-up", port=port):
            await panel.is_read()
            await until(lambda: "not tested" not in notes.text(), "a note that is gone")
            if has_keyring:
                await until(lambda: kept, "a token that is kept")
                assert kept == {nobody_listens: "made-up"}


async def test_practice_that_does_not_start_says_so_and_can_be_chosen_again(
    qapp: QApplication, monkeypatch: pytest.MonkeyPatch, announce_log: AnnounceLog
) -> None:
    from crosstrade_panel.simulator.listener import PracticeError
    from crosstrade_panel.simulator.server import PracticeExchange

    announce_log("practice did not start")
    original = PracticeExchange.start

    def fail(self: PracticeExchange) -> None:
        raise PracticeError("no port is free")

    monkeypatch.setattr(PracticeExchange, "start", fail)
    async with running(qapp) as panel:
        card = panel.find("firstRunCard", QWidget)
        await until(card.isVisible, "the card of the first run")
        panel.press_button("practiceButton")
        problem = panel.find("tokenProblem", QLabel)
        await until(
            lambda: problem.text() == texts.as_sentence(cli_texts.no_practice("no port is free")), "why not"
        )
        assert panel.badge == "LIVE"
        monkeypatch.setattr(PracticeExchange, "start", original)
        panel.press_button("practiceButton")
        await panel.is_read()


async def test_a_token_that_the_keyring_does_not_keep_serves_this_session_and_is_written_nowhere(
    qapp: QApplication,
    server: ContractServer,
    home_of_its_own: Path,
    caplog: pytest.LogCaptureFixture,
    announce_log: AnnounceLog,
) -> None:
    announce_log("boom")
    async with running(qapp, base_url=server.base_url) as panel:
        log = start_log(find_paths().log_of("panel"), panel.program._redact, level=logging.DEBUG)
        caplog.set_level(logging.DEBUG)
        try:
            await until(panel.find("firstRunCard", QWidget).isVisible, "the card of the first run")
            panel.type_token("two words")
            assert panel.find("tokenProblem", QLabel).text() == texts.as_sentence(
                texts.wrong_entry("space_inside")
            )
            panel.type_token(server.token)
            await panel.is_read()
            notes = panel.find("statusNotes", QLabel)
            await until(lambda: cli_texts.TOKEN_FOR_SESSION in notes.text(), "for this session only")
            await panel.choose("Sim101")
            server.rule("flatten", refused(f"no such token: {server.token}", 403), times=1)
            await panel.click(panel.flatten)
            await panel.says("REFUSED")
            logging.getLogger("crosstrade_panel").error(
                "boom", exc_info=RuntimeError(f"Authorization: Bearer {server.token}")
            )
        finally:
            end_log(log)
    written = files_in(home_of_its_own)
    assert {"journal.sqlite3", "panel.log"} <= {path.name for path in written}
    for path, content in written.items():
        assert server.token.encode() not in content, path
    # Our own records; that error is the test's.
    said = [record.getMessage() for record in caplog.records]
    assert not any(server.token in line for line in said)


async def test_a_refused_token_can_be_entered_again(qapp: QApplication, server: ContractServer) -> None:
    async with running(qapp, base_url=server.base_url) as panel:
        card = panel.find("firstRunCard", QWidget)
        await until(card.isVisible, "the card of the first run")
        panel.type_token("mistyped")
        problem = panel.find("tokenProblem", QLabel)
        await until(lambda: problem.text() == texts.TOKEN_REFUSED, "the token, refused")
        assert panel.flatten.look is Look.LOOKS_DEAD
        panel.type_token(server.token)
        await panel.is_read()
        await until(lambda: not card.isVisible(), "the card, gone")


async def test_the_keyring_keeps_a_token_only_once_a_read_with_it_was_answered(
    qapp: QApplication, server: ContractServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[tuple[str, str]] = []
    monkeypatch.setattr(
        credentials.KeyringStore, "save", lambda _store, origin, token: kept.append((origin, token))
    )
    monkeypatch.setattr(app, "_TEST_AGAIN_S", 0.05)
    tested: list[Reason | None] = []
    test_token = app.Program._test_token

    async def test(program: app.Program, *asked: Any) -> Reason | None:
        # The first test finds no server; the others ask the real one.
        found = await test_token(program, *asked) if tested else Reason(Cause.CONNECT_FAILED)
        tested.append(found)
        return found

    monkeypatch.setattr(app.Program, "_test_token", test)
    async with running(qapp, base_url=server.base_url) as panel:
        await until(panel.find("firstRunCard", QWidget).isVisible, "the card of the first run")
        panel.type_token("mistyped")
        problem = panel.find("tokenProblem", QLabel)
        await until(lambda: problem.text() == texts.as_sentence(texts.TOKEN_REFUSED), "the token, refused")
        await until(lambda: len(tested) == 2, "the second test")
        assert tested[1] is not None
        assert tested[1].cause is Cause.TOKEN_REFUSED
        tested.clear()
        panel.type_token(server.token)
        await panel.is_read()
        await until(lambda: kept, "a token that is kept")
        assert len(tested) == 2
        assert [token for _, token in kept] == [server.token]


async def test_the_account_is_restored_at_the_next_start_and_nothing_else(
    qapp: QApplication, server: ContractServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XTRADE_TOKEN", server.token)
    async with running(qapp, base_url=server.base_url) as panel:
        await panel.is_read()
        await panel.choose("Sim101", "MES 12-25")
        settings = find_paths().settings
        await until(lambda: settings.exists() and "Sim101" in settings.read_text("utf-8"), "a setting")
    async with running(qapp, base_url=server.base_url) as panel:
        await panel.is_read()
        assert panel.flatten.face.lines[0] == "Sim101"
        assert panel.badge == "SIM"


async def test_a_keyring_that_waits_for_a_prompt_holds_up_neither_practice_nor_the_end(
    qapp: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, answered = threading.Event(), threading.Event()

    def hang(_store: object, _origin: str) -> str:
        asked.set()
        answered.wait(30)
        return "too-late-a-token"

    monkeypatch.setattr(credentials.KeyringStore, "load", hang)
    async with running(qapp) as panel:
        await until(asked.is_set, "the question to the keyring")
        assert texts.NO_TOKEN not in panel.flatten.face.lines
        await until(panel.find("firstRunCard", QWidget).isVisible, "the card, all the same")
        panel.press_button("practiceButton")
        await panel.is_read()
        answered.set()
        reads = len(panel.exchange.calls)
        await until(lambda: len(panel.exchange.calls) > reads, "another read")
        assert panel.badge == "PRACTICE", "the token that came late changes nothing"


async def test_a_keyring_that_never_answers_does_not_keep_the_window(
    qapp: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()
    monkeypatch.setattr(credentials.KeyringStore, "load", lambda *_: release.wait(30) and None)
    async with running(qapp) as panel:
        await until(panel.find("firstRunCard", QWidget).isVisible, "the card")
    # running() gives the clean-up 15 s; the thread is still waiting.
    assert any(thread.name == "token" for thread in threading.enumerate())
    release.set()
