"""Names: what is blank, what is visible, and when two instruments are the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosstrade_panel.domain.names import (
    Contract,
    fold,
    is_alias,
    is_blank,
    is_name,
    may_be_same_instrument,
    read_contract,
    same_instrument,
)

INVISIBLE = [
    "\u200b",
    "\ufeff",
    "\u2060",
    "\u00ad",
    "\u3164",
    "\u115f",
    "\u1160",
    "\uffa0",
    "\u2800",
    "\ufe0f",
    "\u034f",
    "\u180e",
    "\u202e",
    "\x00",
    "\n",
    "\t",
    " ",
    "\u00a0",
    "\u2028",
    "\U000e0100",
    "\U000e0041",
    "\U00013441",
]
INSTRUMENTS = st.sampled_from(
    [
        "ES 12-25",
        "ES 03-26",
        "ES",
        "ES1!",
        "ESZ25",
        "ESH6",
        "MES 12-25",
        "MES",
        "NQ 12-25",
        "/ESZ5",
        "AAPL",
        "BTC-USD",
    ]
)


@pytest.mark.parametrize(
    "text", ["", "   ", *INVISIBLE, "".join(INVISIBLE), "-", "!#/", None, 5, b"Sim101", ["Sim101"]]
)
def test_what_shows_no_letter_and_no_digit_is_blank_and_no_name(text: object) -> None:
    assert is_blank(text)
    assert not is_name(text)


@pytest.mark.parametrize("text", ["Sim101", "APEX 1/2#3!", "é", "1", "Кот", "口座", "a b"])
def test_a_visible_name_is_a_name(text: str) -> None:
    assert not is_blank(text)
    assert is_name(text)


@pytest.mark.parametrize("hidden", [each for each in INVISIBLE if each not in " \u00a0\U00013441"])
def test_a_name_with_an_invisible_character_in_it_is_no_name(hidden: str) -> None:
    assert not is_name(f"Sim{hidden}101")


@given(st.text(alphabet=st.characters(categories=["Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"])))
def test_nothing_made_of_separators_and_formats_is_ever_a_name(text: str) -> None:
    assert is_blank(text)


@given(st.text())
def test_whatever_is_a_name_shows_a_letter_or_digit(text: str) -> None:
    if is_name(text):
        assert any(character.isalnum() for character in text)


def test_accounts_are_compared_without_case() -> None:
    assert fold("SIM101") == fold("sim101")


@pytest.mark.parametrize(
    ("name", "contract"),
    [
        ("ES 09-26", Contract("ES", (26, 9))),
        ("es  09-26", Contract("ES", (26, 9))),
        ("ESU26", Contract("ES", (26, 9))),
        ("M2KZ25", Contract("M2K", (25, 12))),
        ("ES", Contract("ES", None)),
        ("ES1!", Contract("ES", None)),
        ("ESH6", Contract("ES", None)),
        ("ES 13-26", Contract("ES1326", None, is_known_form=False)),
        ("/ESZ5", Contract("ESZ5", None, is_known_form=False)),
    ],
)
def test_all_forms_of_an_instrument_are_read(name: str, contract: Contract) -> None:
    assert read_contract(name) == contract


def test_a_root_or_a_continuous_name_is_an_alias_and_a_month_is_none() -> None:
    assert [is_alias(name) for name in ("ES", "ES1!", "ESH6", "ES 12-25", "ESZ25")] == [
        True,
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("one", "other", "same", "may_be"),
    [
        ("ES 12-25", "es 12-25", True, True),
        ("ES 12-25", "ESZ25", True, True),
        ("ES 12-25", "ES 03-26", False, False),
        ("ES", "ES 12-25", False, True),
        ("ES1!", "ESZ25", False, True),
        ("ES", "MES 12-25", False, False),
        ("ES 12-25", "MES 12-25", False, False),
        ("/ESZ5", "ES 12-25", False, True),
        ("BTC-USD", "ES 12-25", False, False),
        ("ES 12-25", "BTC-USD", False, False),
    ],
)
def test_two_instruments_are_the_same_or_may_be_or_are_not(
    one: str, other: str, same: bool, may_be: bool
) -> None:
    assert same_instrument(one, other) is same
    assert may_be_same_instrument(one, other) is may_be


@given(INSTRUMENTS, INSTRUMENTS)
def test_sameness_does_not_depend_on_the_order_and_what_is_the_same_may_be_the_same(
    one: str, other: str
) -> None:
    assert same_instrument(one, other) == same_instrument(other, one)
    assert may_be_same_instrument(one, other) == may_be_same_instrument(other, one)
    assert may_be_same_instrument(one, other) or not same_instrument(one, other)


@pytest.mark.parametrize("other", ["SIM101", "Sim101 ", " Sim101", "Sim\uff11\uff10\uff11"])
def test_names_that_look_the_same_are_the_same_account(other: str) -> None:
    assert fold(other) == fold("Sim101")
    assert fold("Apex  1") == fold("Apex 1") != fold("Apex1")
