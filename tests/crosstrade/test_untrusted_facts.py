"""The bounds of what is taken from outside, met exactly, and what is said of what lies beyond them."""

from decimal import Decimal

import pytest

from crosstrade_panel.crosstrade import untrusted
from crosstrade_panel.crosstrade.untrusted import UnreadableError

LARGEST = 10**15


def test_a_body_of_just_the_most_values_is_read_and_one_more_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(untrusted, "_MOST_VALUES", 6)
    assert untrusted.decode(b'[{"a":[1,2]},{"b":3}]') == [{"a": [1, 2]}, {"b": 3}]
    with pytest.raises(UnreadableError, match=r"\Atoo many values\Z"):
        untrusted.decode(b'[{"a":[1,2,3]},{"b":3}]')


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"no JSON", "DecodeError"),
        (b'"\xff"', "UnicodeDecodeError"),
        (b"", "DecodeError"),
        (b"[" * 100_000, "RecursionError"),
    ],
)
def test_what_cannot_be_read_is_named_by_its_error(body: bytes, said: str) -> None:
    with pytest.raises(UnreadableError, match=rf"\A{said}\Z") as caught:
        untrusted.decode(body)
    assert type(caught.value.__cause__).__name__ == said


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (0, 0),
        (LARGEST - 1, LARGEST - 1),
        (LARGEST, None),
        (-1, None),
        (Decimal("0.0"), 0),
        (Decimal("0.5"), None),
        (Decimal("1.0"), 1),
        (Decimal("1.5"), None),
        (Decimal("-1.0"), None),
        (Decimal(LARGEST - 1), LARGEST - 1),
        (Decimal(LARGEST), None),
        (True, None),
        ("1", None),
    ],
)
def test_a_whole_number_begins_at_nothing_and_ends_below_the_largest(
    value: untrusted.Json, found: int | None
) -> None:
    read = untrusted.whole(value)
    assert (read, type(read)) == (found, type(found))


@pytest.mark.parametrize(
    ("value", "is_one"),
    [
        (Decimal(LARGEST) - Decimal("0.1"), True),
        (Decimal(LARGEST), False),
        (-Decimal(LARGEST), False),
        (-Decimal(LARGEST) + 1, True),
        (Decimal("1e-64"), True),
        (Decimal("1e-65"), False),
        (Decimal("0.01"), True),
        (Decimal("0.1"), True),
    ],
)
def test_a_number_is_of_a_size_that_can_be_believed(value: Decimal, is_one: bool) -> None:
    assert untrusted.decimal(value) == (value if is_one else None)


def test_a_number_in_a_body_has_at_most_sixty_four_digits() -> None:
    digits = "1." + "1" * 63
    assert untrusted.decode(digits.encode()) == Decimal(digits)
    longer = untrusted.decode(digits.encode() + b"1")
    assert isinstance(longer, Decimal)
    assert longer.is_nan()


@pytest.mark.parametrize(
    "misfit", ["1e9999999", "1e-9999999", "0e-9999999", f"0.{'3' * 65}", f"1.{'0' * 64}"]
)
def test_one_number_out_of_all_bounds_costs_the_others_nothing(misfit: str) -> None:
    body = untrusted.decode(f"[5780.25, {misfit}, -612.50, 1E+2, 3]".encode())
    assert isinstance(body, list)
    assert [untrusted.decimal(each) for each in body] == [
        Decimal("5780.25"),
        None,
        Decimal("-612.50"),
        Decimal(100),
        Decimal(3),
    ]
    assert str(body[2]) == "-612.50"


def test_a_name_has_at_most_two_hundred_characters_and_a_word_five_hundred() -> None:
    assert untrusted.name("x" * 200) == "x" * 200
    assert untrusted.name("x" * 201) is None
    assert untrusted.word("x" * 500) == "x" * 500
    assert untrusted.word("x" * 501) is None
    assert untrusted.text("x" * 501) == "x" * 500


def test_text_of_any_length_is_cleaned_the_same_way() -> None:
    for length in (1, 499, 500, 501):
        assert untrusted.text("\u202e" * length) == ""
        assert untrusted.text("\ta" * length) == " ".join("a" * length)[:500]
