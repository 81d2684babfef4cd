"""The real window before a server whose every text wants to act."""

import json
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QAbstractItemModel, QAbstractListModel, QModelIndex, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QApplication, QComboBox, QLabel, QLineEdit, QWidget

from tests import contract_server as cs
from tests.contract_server import ContractServer
from tests.e2e.conftest import anyio_backend, collected_on_this_thread  # noqa: F401 - fixtures: Qt's own loop
from tests.e2e.panel import Panel, running, until
from tests.security.hostile import ACTING, ALL, LONG, MARKUP, acts, row

OWN = "\n\u00ad\u200b"
"""What the program itself puts into its texts: line breaks, and places to break a long name at."""

_ROLES = (
    Qt.ItemDataRole.DisplayRole,
    Qt.ItemDataRole.EditRole,
    Qt.ItemDataRole.ToolTipRole,
    Qt.ItemDataRole.StatusTipRole,
    Qt.ItemDataRole.AccessibleTextRole,
    Qt.ItemDataRole.AccessibleDescriptionRole,
)
_TIPS = (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.StatusTipRole)


def _cells(model: QAbstractItemModel) -> Iterator[tuple[str, str]]:
    # A list has one column, and keeps the method private.
    columns = 1 if isinstance(model, QAbstractListModel) else model.columnCount(QModelIndex())
    for line in range(model.rowCount(QModelIndex())):
        for column in range(columns):
            index = model.index(line, column)
            for role in _ROLES:
                value = model.data(index, role)
                if isinstance(value, str) and value:
                    yield ("tip" if role in _TIPS else "text"), value


def shown(window: QWidget) -> Iterator[tuple[str, str]]:
    """Every text of the window, with how Qt takes it: `text`, or `tip` where it guesses at markup."""
    for widget in [window, *window.findChildren(QWidget)]:
        yield "tip", widget.toolTip()
        yield "text", widget.accessibleName()
        yield "text", widget.accessibleDescription()
        yield "text", widget.statusTip()
        yield "text", widget.windowTitle()
        if isinstance(widget, QLabel):
            plain = widget.textFormat() is Qt.TextFormat.PlainText
            yield ("text" if plain else "tip"), widget.text()
        if isinstance(widget, QLineEdit):
            yield "text", widget.text()
        if isinstance(widget, QComboBox):
            yield from _cells(widget.model())
    for model in window.findChildren(QAbstractItemModel):
        yield from _cells(model)
    for action in window.findChildren(QAction):
        yield "text", action.text()
        yield "tip", action.toolTip()


def complaints(window: QWidget) -> list[str]:
    found = []
    for kind, text in shown(window):
        if acts(text, OWN):
            found.append(f"acts: {text[:80]!r}")
        if kind == "tip" and ("<b>" in text or "<img" in text):
            found.append(f"markup: {text[:80]!r}")
        if "x" * 501 in text.replace("\u200b", ""):
            found.append(f"not clipped: {len(text)} characters")
    return found


def everything(panel: Panel) -> str:
    return "\n".join(text for _, text in shown(panel.window))


ACCOUNT, INSTRUMENT = f"Live {MARKUP}", f"{MARKUP} 12-25"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ContractServer]:
    with ContractServer() as server:
        monkeypatch.setenv("CROSSTRADE_TOKEN", server.token)
        server.set_accounts(cs.Account(ACCOUNT, provider=ALL), cs.Account("Sim101"))
        server.set_positions(
            cs.Position(ACCOUNT, INSTRUMENT, "Long", 1), cs.Position("Sim101", "MES 12-25", "Short", 2)
        )
        yield server


@pytest.mark.anyio
async def test_names_are_shown_to_the_character_and_obeyed_by_nothing(
    qapp: QApplication, server: ContractServer
) -> None:
    async with running(qapp, base_url=server.base_url) as panel:
        await panel.is_read()
        await panel.choose(ACCOUNT, INSTRUMENT)
        await until(
            lambda: ACCOUNT in everything(panel),
            "the account",
        )
        assert complaints(panel.window) == []
        assert "Live <b>Sim</b>" in everything(panel)
        assert panel.badge == "LIVE"
        await panel.click(panel.flatten)
        await panel.says("FLAT ")
        assert [call.json() for call in server.presses] == [{"account": ACCOUNT, "instrument": INSTRUMENT}]
        assert complaints(panel.window) == []


@pytest.mark.anyio
@pytest.mark.parametrize("text", [*ACTING, ALL, LONG, ALL + LONG], ids=range(len(ACTING) + 3))
async def test_what_the_server_says_of_a_press_is_only_read(
    qapp: QApplication, server: ContractServer, text: str
) -> None:
    spoken = {"error": text, "detail": text, "did_you_mean": text}
    server.rule("press", cs.Reply(400, json.dumps(spoken).encode()))
    async with running(qapp, base_url=server.base_url) as panel:
        await panel.is_read()
        await panel.choose("Sim101", "MES 12-25")
        await panel.click(panel.flatten)
        await panel.says("REFUSED")
        assert complaints(panel.window) == []


@pytest.mark.anyio
async def test_what_is_reported_is_inert_in_table_journal_and_clipboard(
    qapp: QApplication, server: ContractServer
) -> None:
    closed = [
        row(account=text, instrument=text, type=text, instrumentType=text) for text in (*ACTING, ALL, LONG)
    ]
    accepted = {
        "success": True,
        "orderIds": [*ACTING, ALL, LONG, "\ud83d\ude00", 5, None],
        "closedPositions": closed,
        "warning": ALL + LONG,
    }
    server.rule("press", cs.Reply(200, json.dumps(accepted).encode(), act=True))
    async with running(qapp, base_url=server.base_url) as panel:
        await panel.is_read()
        await panel.choose("Sim101")
        await panel.click(panel.flatten)
        await until(lambda: panel.banner and "sent" not in panel.banner.splitlines()[0], "an outcome")
        await until(lambda: panel.rows("closedPositions"), "closed positions")
        await until(lambda: panel.rows("journalView"), "the journal")
        assert complaints(panel.window) == []
        assert "HYPERLINK" in everything(panel)


@pytest.mark.anyio
@pytest.mark.parametrize("text", [*ACTING[:-2], "Sim\ud800", LONG], ids=range(len(ACTING)))
async def test_a_name_that_acts_is_none_and_its_row_still_counts(
    qapp: QApplication, server: ContractServer, text: str
) -> None:
    rows = [
        row(account=text),
        row(instrument=text, account="Sim101"),
        row(marketPosition=text),
        row(quantity=text),
    ]
    body = json.dumps({"positions": rows, "success": True}).encode()
    server.rule(lambda call: call.path.endswith("/positions"), cs.Reply(200, body))
    accounts = json.dumps({"accounts": [{"account": {"name": text, "displayName": text}, "positions": rows}]})
    server.rule(lambda call: call.path.endswith("/snapshot"), cs.Reply(200, accounts.encode()))
    listed = json.dumps({"accounts": [{"name": "Sim101", "displayName": text, "provider": text}, text]})
    server.rule(lambda call: call.path.endswith("/accounts"), cs.Reply(200, listed.encode()))
    async with running(qapp, base_url=server.base_url) as panel:
        await until(lambda: len(server.reads) >= 4, "reads")
        assert complaints(panel.window) == []
        assert panel.badge != "SIM"
