"""The dataclasses of the program are those of the standard library in all that can be seen of them."""

import copy
import dataclasses
import inspect
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, InitVar, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosstrade_panel.domain.value import _dataclass, dataclass

Decorator = Callable[..., Any]
OPTIONS = [
    {"frozen": True, "slots": True},
    {"slots": True},
    {},
    {"frozen": True, "slots": True, "eq": False},
    {"frozen": True, "repr": False},
    {"eq": False, "slots": True},
]


def shapes(make: Decorator, options: dict[str, bool]) -> dict[str, Any]:
    """The same few classes, by whichever decorator."""

    class Nothing:
        pass

    class One:
        value: object

    class Three:
        first: object
        second: object = None
        third: object = field(default=0, compare=False, repr=False)

    class Owner:
        first: object

        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 7

        def __repr__(self) -> str:
            return "own"

    class Equal:  # noqa: PLW1641 - what becomes of its hash is the question
        first: object

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Equal)

    return {each.__name__: make(**options)(each) for each in (Nothing, One, Three, Owner, Equal)}


def seen_of(made: Any, arguments: tuple[object, ...], other: tuple[object, ...]) -> list[object]:
    """All that can be seen of two instances."""

    def told(look: Callable[[], object]) -> object:
        try:
            return look()
        except (TypeError, FrozenInstanceError, AttributeError) as error:
            return type(error)

    one, two, again = made(*arguments), made(*other), made(*arguments)

    def change() -> None:
        one.first = 5

    return [
        one == two,
        one != two,
        one == again,
        one == arguments,
        told(lambda: hash(one) == hash(again)),
        told(lambda: len({one, again})),
        repr(one) if made.__repr__ is not object.__repr__ else "",
        told(lambda: dataclasses.replace(one) == one),
        told(lambda: dataclasses.asdict(one)),
        told(change) is None,  # the library's own refusal is a TypeError where it meets a class with slots
        [each.name for each in dataclasses.fields(made)],
        made.__match_args__,
        getattr(made, "__slots__", None),
        str(inspect.signature(made)),
        made.__hash__ is None,
    ]


VALUES: st.SearchStrategy[object] = st.one_of(st.integers(-1, 1), st.text(max_size=1), st.just([]), st.none())


@pytest.mark.parametrize("options", OPTIONS)
@given(values=st.lists(VALUES, min_size=6, max_size=6))
def test_what_can_be_seen_of_a_value_is_what_the_standard_library_makes(
    options: dict[str, bool], values: list[object]
) -> None:
    ours, theirs = shapes(_dataclass, options), shapes(dataclasses.dataclass, options)
    for name, number in {"Nothing": 0, "One": 1, "Three": 3, "Owner": 1, "Equal": 1}.items():
        arguments, other = tuple(values[:number]), tuple(values[3 : 3 + number])
        assert seen_of(ours[name], arguments, other) == seen_of(theirs[name], arguments, other)


@dataclass(frozen=True, slots=True)
class Kept:
    """One of the usual kind."""

    name: str
    inner: tuple[int, ...] = ()


def test_a_value_is_copied_and_matched_by_place() -> None:
    one = Kept("a", (1, 2))
    assert copy.copy(one) == copy.deepcopy(one) == one
    assert pickle.loads(pickle.dumps(one)) == one  # noqa: S301 - our own
    match one:
        case Kept(name, inner):
            assert (name, inner) == ("a", (1, 2))


@pytest.mark.parametrize("name", ["One", "Three"])
def test_a_fact_that_is_the_same_object_is_equal_on_every_python(name: str) -> None:
    odd = float("nan")
    made = shapes(_dataclass, {"frozen": True, "slots": True})[name]
    arguments = (odd,) if name == "One" else (odd, 1)
    assert made(*arguments) == made(*arguments)  # the standard library's says no from 3.13 on


def test_a_decorator_without_parentheses_serves_as_well() -> None:
    @dataclass
    class Bare:
        number: int = 3

    assert Bare() == Bare(3)
    assert repr(Bare()).endswith("Bare(number=3)")


@dataclass(frozen=True, slots=True)
class Checked:
    """What looks at itself when it is made."""

    number: int
    seen: list[int] = field(default_factory=list)
    twice: int = field(default=2, init=False)
    made: dict[str, int] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        if self.number < 0:
            raise ValueError(self.number)
        self.seen.append(self.number)


def test_a_value_looks_at_itself_when_it_is_made_and_shares_no_default() -> None:
    one, other = Checked(1), Checked(2)
    assert (one.seen, other.seen, one.twice, one.made) == ([1], [2], 2, {})
    assert one.made is not other.made
    assert Checked(1, seen=[5]).seen == [5, 1]
    with pytest.raises(ValueError, match="-1"):
        Checked(-1)
    with pytest.raises(TypeError):
        Checked(1, twice=3)  # type: ignore[call-arg]


def test_a_frozen_value_is_neither_changed_nor_emptied() -> None:
    one = Kept("a")
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'name'"):
        one.name = "b"  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        one.other = "b"  # type: ignore[attr-defined]
    with pytest.raises(FrozenInstanceError, match="cannot delete field 'name'"):
        del one.name
    assert one == Kept("a")


def test_what_is_derived_from_a_frozen_value_has_attributes_of_its_own_and_the_same_frozen_fields() -> None:
    class Derived(Kept):
        pass

    one = Derived("a")
    one.more = 1  # type: ignore[attr-defined]
    del one.more  # type: ignore[attr-defined]
    with pytest.raises(FrozenInstanceError):
        one.name = "b"  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        del one.inner

    @dataclass(frozen=True, slots=True)
    class Longer(Kept):
        last: int = 0

    assert Longer("a", last=3) == Longer("a", (), 3)
    assert hash(Longer("a")) != hash(Longer("b"))


def test_fields_that_are_not_plain_are_refused_when_the_class_is_made() -> None:
    with pytest.raises(TypeError, match="only plain fields"):

        @dataclass(frozen=True, slots=True)
        class Named:
            number: int = field(kw_only=True)

    with pytest.raises(TypeError, match="only plain fields"):

        @dataclass(frozen=True, slots=True)
        class Passed:
            number: InitVar[int]


def test_a_frozen_class_that_would_make_itself_otherwise_is_refused() -> None:
    with pytest.raises(TypeError, match="made as all others"):

        @dataclass(frozen=True, slots=True)
        class Secretive:
            number: int

            def __getstate__(self) -> object:
                raise ValueError

    with pytest.raises(TypeError, match="made as all others"):

        @dataclass(frozen=True, slots=True, init=False)
        class Bare:
            number: int


def test_a_field_that_nobody_gives_a_value_has_none() -> None:
    @dataclass(frozen=True, slots=True)
    class Half:
        number: int = 3
        nothing: int = field(init=False)

    assert Half().number == 3
    assert not hasattr(Half(), "nothing")
