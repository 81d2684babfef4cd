"""Masked account names: everywhere, unique, stable, and without a change of what a click means."""

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QAbstractButton, QLabel, QLineEdit, QTableView, QWidget

from crosstrade_panel.domain.outcome import Cause, Reason
from crosstrade_panel.domain.scope import EveryAccount, OneAccount
from crosstrade_panel.trading.ports import READ_SOURCES, ReadFailedError, UnknownOutcomeError
from crosstrade_panel.ui.masks import Masks
from crosstrade_panel.ui.view import Choice, JournalPage, PanelView
from tests.fakes import FakeGateway, VirtualTimeLoop, fail_reads, order, position
from tests.ui import gallery
from tests.ui.conftest import Desk
from tests.ui.rig import Rig


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Callable[[], VirtualTimeLoop]]]:
    return ("asyncio", {"loop_factory": VirtualTimeLoop})


def test_a_mask_shows_the_beginning_and_never_the_length() -> None:
    masks = Masks()
    assert masks.name("Sim101") == "Sim1••"
    assert masks.name(gallery.LONG_NAME) == "APEX••"
    assert masks.name("ab") == "••"
    assert masks.name("abc") == "a••"


def test_two_accounts_never_share_a_mask_and_an_account_keeps_its_own() -> None:
    masks = Masks()
    masks.learn(["Sim102", "Sim101"])
    assert (masks.name("Sim101"), masks.name("Sim102")) == ("Sim1••", "Sim1••2")
    masks.learn(["Sim100"])
    assert (masks.name("Sim100"), masks.name("Sim101")) == ("Sim1••3", "Sim1••")
    assert masks.name("SIM101") == masks.name("Sim101")
    other = Masks()
    other.learn(["Sim101", "Sim102"])
    assert other.name("Sim102") == "Sim1••2"


def test_names_are_masked_in_sentences_as_whole_words_in_any_case() -> None:
    masks = Masks()
    masks.learn(["Sim", "Sim101", "A-7 (eval)"])
    assert masks.text("Sim101: SIM101 is not sim101x; Simon says A-7 (eval).") == (
        "Sim1••: Sim1•• is not sim101x; Simon says A-7 ••."
    )
    assert masks.text("8 flat · Sim still Long 2") == "8 flat · S•• still Long 2"


def shown_texts(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every text of a view that is shown, with where it stands."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, tuple):
        for each in value:
            yield from shown_texts(each, path)
    elif is_dataclass(value) and not isinstance(value, OneAccount | EveryAccount):
        for each in fields(value):
            if each.name not in {"value", "key", "scope", "ticket", "press_id", "order_ids"}:
                is_choice = isinstance(value, PanelView) and each.name == "account"
                if not is_choice:
                    yield from shown_texts(getattr(value, each.name), f"{path}.{each.name}")


@pytest.mark.parametrize("name", [name for name, _ in gallery.states() if name != "masked"])
def test_no_state_of_the_window_shows_a_name(name: str) -> None:
    masks = Masks()
    names = [choice.value for choice in gallery.ACCOUNTS if choice.value]
    view = dict(gallery.states())[name]
    names += [choice.value for choice in view.accounts if choice.value]
    for rows in (view.preview.rows, view.preview.orders, view.result.closed):
        names += [row.account for row in rows]
    masks.learn(names)
    masked = masks.view(view)
    for path, text in shown_texts(masked):
        for each in names:
            assert each not in text, (path, text)
    assert masked.flatten.scope == view.flatten.scope
    assert masked.reverse.ticket == view.reverse.ticket
    assert masked.account == view.account
    assert [row.key for row in masked.preview.rows] == [row.key for row in view.preview.rows]
    assert [each.action.means for each in masked.banners if each.action is not None] == [
        each.action.means for each in view.banners if each.action is not None
    ]


def test_a_chosen_account_that_is_not_listed_is_not_shown_by_its_name_either() -> None:
    masks = Masks()
    view = masks.view(replace(gallery.POSITIONS, account="Gone-1"))
    assert view.accounts[-1] == Choice("Gone-1", "Gone••")


def window_texts(window: QWidget) -> Iterator[str]:
    """Whatever the window shows, or says to a screen reader."""
    for widget in window.findChildren(QWidget):
        yield widget.toolTip()
        yield widget.accessibleName()
        yield widget.accessibleDescription()
        match widget:
            case QLabel() | QAbstractButton() | QLineEdit():
                yield widget.text()
            case QTableView():
                model = widget.model()
                for row in range(model.rowCount()):
                    for across in range(model.columnCount()):
                        index = model.index(row, across)
                        yield str(index.data())
                        yield str(index.data(3))  # the tooltip
            case _:
                pass


def test_a_masked_window_has_no_name_in_any_of_its_widgets(desk: Desk) -> None:
    masks = Masks()
    masks.learn(choice.value for choice in gallery.ACCOUNTS)
    desk.window.show_panel(masks.view(replace(gallery.POSITIONS, banners=(gallery.STILL_OPEN,))))
    desk.window.journal.show_page(JournalPage(masks.of(gallery.JOURNAL)))
    desk.window.journal.show_timeline(masks.of(gallery.TIMELINE))
    desk.window.settings.show_settings(
        replace(gallery.SETTINGS, accounts=masks.of(gallery.SETTINGS.accounts))
    )
    desk.settle()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)  # cards of before
    texts = list(window_texts(desk.window))
    assert any("Sim1••" in text for text in texts)
    for name in ("Sim101", "Sim102", "Apex-03", "Apex-07"):
        assert [text for text in texts if name in text] == []


@pytest.mark.anyio
async def test_the_presenter_masks_whatever_it_shows_and_a_press_means_what_it_meant() -> None:
    rig = Rig(FakeGateway(open=[position()], working={"Sim101": [order()]}))
    rig.connect()
    rig.presenter.mask_names(on=True)
    await rig.read()
    await rig.watch.orders("Sim101")
    rig.presenter.on_account("Sim101")
    rig.presenter.refresh()
    assert rig.view().flatten.lines[0] == "Sim1••"
    rig.presenter.on_flatten(rig.view().flatten.scope)
    await rig.finish()
    rig.presenter.refresh()
    assert rig.sent == [OneAccount("Sim101")]
    assert [text for _, text in shown_texts(rig.view()) if "Sim10" in text] == []
    assert [choice.label for choice in rig.presenter.account_choices] == ["Sim1••", "Sim1••2"]
    rig.presenter.mask_names(on=False)
    assert rig.view().flatten.lines[0] == "Sim101"


@pytest.mark.anyio
async def test_a_nickname_stands_beside_the_name_before_the_apis_own() -> None:
    rig = Rig()
    rig.connect()
    rig.presenter.know_nicknames({"SIM101": "practice"})
    await rig.read()
    assert [(each.label, each.note) for each in rig.view().accounts[1:]] == [
        ("Sim101", "practice"),
        ("Sim102", ""),
    ]


# The fallback card, as the presenter opens it


@pytest.mark.anyio
async def test_a_408_of_reads_opens_what_is_left_by_hand_until_they_are_good_again() -> None:
    rig = Rig(FakeGateway(open=[position()]))
    rig.connect()
    rig.presenter.know_broker("+1 555 0100", "https://desk.example")
    await rig.read()
    assert not rig.view().fallback.is_open
    rig.gateway.before_read = fail_reads(*READ_SOURCES, cause=Cause.NINJATRADER_OFFLINE)
    with pytest.raises(ReadFailedError):
        await rig.read()
    await rig.turn()
    fallback = rig.view().fallback
    assert (fallback.is_open, fallback.is_urgent) == (True, True)
    assert (fallback.phone, fallback.web) == ("+1 555 0100", "https://desk.example")
    rig.gateway.before_read = None
    await rig.pass_time(1.0)
    await rig.read()
    assert not rig.view().fallback.is_open
    assert not rig.view().fallback.is_urgent


@pytest.mark.anyio
async def test_a_408_of_a_press_opens_it_while_the_press_is_in_doubt() -> None:
    def offline(gateway: FakeGateway, _scope: object) -> Any:
        raise UnknownOutcomeError(Reason(Cause.NINJATRADER_OFFLINE), sent_at=gateway.now())

    rig = Rig(FakeGateway(open=[position()], on_flatten=offline))
    rig.connect()
    await rig.read()
    rig.presenter.on_flatten(EveryAccount())
    await rig.pass_time(1.0)
    assert rig.presenter.book.presses[-1].outcome is None
    assert rig.view().fallback.is_open
    rig.presenter.on_fallback_toggled()
    await rig.pass_time(3.0)
    assert not rig.view().fallback.is_open
    rig.gateway.open = []
    await rig.finish()
    await rig.pass_time(1.0)
    await rig.read()
    assert not rig.view().fallback.is_open


@pytest.mark.anyio
async def test_another_failure_opens_nothing_by_itself_but_is_urgent() -> None:
    rig = Rig(FakeGateway(open=[position()]))
    rig.connect()
    await rig.read()
    rig.gateway.before_read = fail_reads(*READ_SOURCES, cause=Cause.CONNECT_FAILED)
    with pytest.raises(ReadFailedError):
        await rig.read()
    await rig.turn()
    assert not rig.view().fallback.is_open
    assert rig.view().fallback.is_urgent
