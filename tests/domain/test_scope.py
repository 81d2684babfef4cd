"""Scopes: a narrow one is never made blank, and within, overlap and outside keep their laws."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosstrade_panel.domain.names import is_name
from crosstrade_panel.domain.scope import (
    EveryAccount,
    OneAccount,
    Scope,
    ScopeError,
    Side,
    account_of,
    is_outside,
    is_within,
    overlap,
)

ACCOUNTS = ["Sim101", "sim101", "Sim102"]
INSTRUMENTS = ["ES 12-25", "ESZ25", "ES", "ES 03-26", "MES 12-25"]
SIDES = [Side.LONG, Side.SHORT]


def scopes() -> st.SearchStrategy[Scope]:
    instrument = st.none() | st.sampled_from(INSTRUMENTS)
    side = st.none() | st.sampled_from(SIDES)
    return st.builds(OneAccount, st.sampled_from(ACCOUNTS), instrument, side) | st.builds(
        EveryAccount, instrument, side
    )


@given(st.text())
def test_no_narrow_scope_can_be_made_with_a_blank_name(text: str) -> None:
    if is_name(text):
        return
    with pytest.raises(ScopeError):
        OneAccount(text)
    with pytest.raises(ScopeError):
        OneAccount("Sim101", text)
    with pytest.raises(ScopeError):
        EveryAccount(text)


@given(st.text(st.characters(categories=["Lu", "Ll", "Nd", "Po"]), min_size=1).map(lambda text: f"{text}1"))
def test_a_name_is_kept_unaltered(text: str) -> None:
    assert OneAccount(text, text).account == text
    assert OneAccount(text, text).instrument == text


@pytest.mark.parametrize("wrong", [None, 0, 101, b"Sim101", ["Sim101"], object()])
def test_a_name_that_is_no_text_raises(wrong: object) -> None:
    with pytest.raises(ScopeError):
        OneAccount(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [0, "", "long", True])
def test_a_side_that_is_no_side_raises(wrong: object) -> None:
    with pytest.raises(ScopeError):
        OneAccount("Sim101", None, wrong)  # type: ignore[arg-type]
    with pytest.raises(ScopeError):
        EveryAccount(None, wrong)  # type: ignore[arg-type]


def test_only_one_account_names_an_account() -> None:
    assert account_of(OneAccount("Sim101")) == "Sim101"
    assert account_of(EveryAccount("ES")) is None
    assert Side.LONG.opposite is Side.SHORT
    assert Side.SHORT.opposite is Side.LONG


@given(scopes())
def test_a_scope_is_within_itself_and_within_everything(scope: Scope) -> None:
    assert is_within(scope, scope)
    assert is_within(scope, EveryAccount())
    assert overlap(scope, scope)


@given(scopes(), scopes(), scopes())
def test_within_is_transitive(one: Scope, two: Scope, three: Scope) -> None:
    if is_within(one, two) and is_within(two, three):
        assert is_within(one, three)


@given(scopes(), scopes())
def test_what_is_within_overlaps_and_overlap_does_not_depend_on_the_order(one: Scope, other: Scope) -> None:
    assert overlap(one, other) == overlap(other, one)
    assert overlap(one, other) or not is_within(one, other)


@given(scopes(), st.sampled_from(ACCOUNTS), st.sampled_from(INSTRUMENTS), st.sampled_from(SIDES))
def test_a_row_inside_a_scope_is_outside_only_of_scopes_that_do_not_overlap_it(
    scope: Scope, account: str, instrument: str, side: Side
) -> None:
    row = OneAccount(account, instrument, side)
    assert is_outside(scope, account, instrument, side) == (not overlap(scope, row))


@given(scopes(), st.sampled_from(ACCOUNTS), st.sampled_from(INSTRUMENTS), st.sampled_from(SIDES), scopes())
def test_a_wider_scope_leaves_nothing_outside_that_a_narrower_one_holds(
    inner: Scope, account: str, instrument: str, side: Side, outer: Scope
) -> None:
    # An alias may mean less than it may match, so the law holds for names with a month.
    if "ES" in (inner.instrument, outer.instrument, instrument):
        return
    if is_within(inner, outer) and not is_outside(inner, account, instrument, side):
        assert not is_outside(outer, account, instrument, side)


@given(scopes(), st.sampled_from([None, *ACCOUNTS]), st.sampled_from([None, *INSTRUMENTS]))
def test_a_row_whose_fields_are_unknown_is_inside_wherever_the_known_ones_do_not_speak_against_it(
    scope: Scope, account: str | None, instrument: str | None
) -> None:
    assert not is_outside(scope, None, None, None)
    for side in SIDES:
        # Knowing less never shows a row to be outside.
        if is_outside(scope, account, instrument, None):
            assert is_outside(scope, account, instrument, side)


@pytest.mark.parametrize(
    ("inner", "outer", "expected"),
    [
        (OneAccount("sim101"), OneAccount("Sim101"), True),
        (OneAccount("Sim101"), EveryAccount(), True),
        (EveryAccount(), OneAccount("Sim101"), False),
        (OneAccount("Sim102"), OneAccount("Sim101"), False),
        (OneAccount("Sim101", "ESZ25"), OneAccount("Sim101", "ES 12-25"), True),
        (OneAccount("Sim101"), OneAccount("Sim101", "ES 12-25"), False),
        (OneAccount("Sim101", "ES"), OneAccount("Sim101", "ES 12-25"), False),
        (OneAccount("Sim101", None, Side.LONG), OneAccount("Sim101"), True),
        (OneAccount("Sim101"), OneAccount("Sim101", None, Side.LONG), False),
    ],
)
def test_a_scope_is_within_another_only_if_that_certainly_holds_all_of_it(
    inner: Scope, outer: Scope, expected: bool
) -> None:
    assert is_within(inner, outer) is expected


def test_a_row_is_outside_only_by_a_field_that_is_known_and_differs() -> None:
    scope = OneAccount("Sim101", "ES 12-25", Side.LONG)
    assert not is_outside(scope, "SIM101", "ES", None)
    assert not is_outside(scope, None, None, None)
    assert is_outside(scope, "Sim102", None, None)
    assert is_outside(scope, None, "NQ 12-25", None)
    assert is_outside(scope, None, None, Side.SHORT)


def test_scopes_overlap_unless_account_instrument_or_side_keep_them_apart() -> None:
    scope = OneAccount("Sim101", "ES 12-25", Side.LONG)
    assert overlap(scope, EveryAccount("ES"))
    assert not overlap(scope, OneAccount("Sim102"))
    assert not overlap(scope, EveryAccount("NQ 12-25"))
    assert not overlap(scope, EveryAccount(None, Side.SHORT))
