"""Numbers of replies, the usual ones the short way: what comes out is what the rule says."""

from decimal import Decimal

from hypothesis import example, given
from hypothesis import strategies as st

from crosstrade_panel.crosstrade import untrusted

LARGEST = Decimal(10) ** 15


def believable(number: Decimal) -> Decimal | None:
    """The rule, word for word."""
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or abs(exponent) > 64:
        return None
    return number if abs(number) < LARGEST else None


@given(st.from_regex(r"-?[0-9]{1,20}(\.[0-9]{1,40})?([eE][-+]?[0-9]{1,6})?", fullmatch=True))
@example("0e-70")
@example("0e70")
@example("0.0")
@example("999999999999999.9")
@example("1e15")
@example("-1e15")
@example("0.01")
def test_a_number_is_kept_as_it_came_or_not_at_all(text: str) -> None:
    number = Decimal(text)
    found = untrusted.decimal(number)
    assert found is None if believable(number) is None else str(found) == text.upper() or found == number


def test_what_is_no_number_is_none() -> None:
    odd: list[untrusted.Json] = [True, False, None, "1", [1], {}]
    odd += [Decimal("NaN"), Decimal("Infinity"), Decimal("-Infinity")]
    for value in odd:
        assert untrusted.decimal(value) is None
        assert untrusted.whole(value) is None


@given(st.integers(-(10**17), 10**17))
@example(0)
@example(10**15 - 1)
@example(10**15)
@example(-1)
def test_a_whole_number_is_the_same_as_a_number_with_a_point_and_nothing_behind_it(number: int) -> None:
    wanted = number if 0 <= number < LARGEST else None
    assert untrusted.whole(number) == wanted
    assert untrusted.whole(Decimal(f"{number}.0")) == wanted
