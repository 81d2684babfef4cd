"""Dataclasses as the standard library makes them, in a third of the time: every start waits for a hundred.

The library compiles six methods for each class, one after the other (Python 3.11: 0.5 to 1 ms a class). Only
the one that makes an instance needs code of its own: the others are shared, and mean the same. On every
Python a fact that is the same object is equal, as the library had it up to 3.12.
"""

import dataclasses
import sys
from collections.abc import Callable
from dataclasses import MISSING, Field, FrozenInstanceError
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any

_SHARED = frozenset({"__eq__", "__hash__", "__repr__"})
_MADE = frozenset({"__init__", "__setattr__", "__delattr__", "__getstate__", "__setstate__"})


def _dataclass(cls: type[Any] | None = None, /, **options: bool) -> object:
    """`dataclasses.dataclass` with its options; what is frozen and has slots has only plain fields.

    Raises:
        TypeError: there is `InitVar`, `ClassVar`, a field by keyword only, or a method that is made here.
    """
    if cls is None:
        return partial(_dataclass, **options)
    own = {name for name in _SHARED & vars(cls).keys() if vars(cls)[name] is not None}
    is_compared, is_shown = options.pop("eq", True), options.pop("repr", True)
    is_frozen = options.get("frozen", False)
    is_usual = is_frozen and options.get("slots", False) and cls.__bases__ == (object,)
    if is_usual and (_MADE & vars(cls).keys() or not options.get("init", True)):
        raise TypeError(f"{cls.__qualname__}: it is made as all others are")
    how = {**options, "frozen": False, "init": False} if is_usual else options
    made: Any = dataclasses.dataclass(cls, eq=False, repr=False, **how)
    fields = dataclasses.fields(made)
    if is_usual:
        _freeze(made, fields)
    facts = _facts_of([field.name for field in fields if field.compare])
    if is_compared and "__eq__" not in own:
        made.__eq__ = _equality(facts)
    if is_compared and "__hash__" not in own:  # Python gives None to a class that only compares
        made.__hash__ = _hash(facts) if is_frozen else None
    if is_shown and "__repr__" not in own:
        made.__repr__ = _representation([field.name for field in fields if field.repr])
    return made


def _freeze(made: type[Any], fields: tuple[Field[Any], ...]) -> None:
    """Give a class with slots what it has when it is frozen."""
    names = [field.name for field in fields]
    if [*made.__dataclass_fields__] != names or any(field.kw_only for field in fields):
        raise TypeError(f"{made.__qualname__}: only plain fields")

    def refuse_to_set(self: object, name: str, value: object) -> None:
        if type(self) is made or name in names:
            raise FrozenInstanceError(f"cannot assign to field {name!r}")
        super(made, self).__setattr__(name, value)

    def refuse_to_delete(self: object, name: str) -> None:
        if type(self) is made or name in names:
            raise FrozenInstanceError(f"cannot delete field {name!r}")
        super(made, self).__delattr__(name)

    def state(self: object) -> list[object]:
        return [getattr(self, name) for name in names]

    def restore(self: object, state: list[object]) -> None:
        for name, value in zip(names, state, strict=True):
            object.__setattr__(self, name, value)

    own: Any = made
    own.__init__ = _initializer(made, fields)
    own.__setattr__, own.__delattr__ = refuse_to_set, refuse_to_delete
    own.__getstate__, own.__setstate__ = state, restore
    own.__dataclass_params__.frozen = own.__dataclass_params__.init = True


def _initializer(made: type[Any], fields: tuple[Field[Any], ...]) -> Callable[..., None]:
    """Names and defaults of a class, put together as the standard library does it."""
    given: dict[str, object] = {"_MISSING": MISSING}
    arguments, body = ["self"], []
    for number, field in enumerate(fields):
        name, default = field.name, f"_default_{number}"
        argument = value = name
        if field.default is not MISSING:
            given[default] = field.default
            argument, value = f"{name}={default}", name if field.init else default
        elif field.default_factory is not MISSING:
            given[default] = field.default_factory
            argument = f"{name}=_MISSING"
            value = f"{default}() if {name} is _MISSING else {name}" if field.init else f"{default}()"
        elif not field.init:
            continue  # nobody gives it a value
        if field.init:
            arguments.append(argument)
        given[f"_set_{number}"] = getattr(made, name).__set__  # of its slot: past the refusal
        body.append(f"  _set_{number}(self, {value})")
    if hasattr(made, "__post_init__"):
        body.append("  self.__post_init__()")
    head = [f"def make({', '.join(given)}):", f" def __init__({', '.join(arguments)}):"]
    done: dict[str, Any] = {}
    lines = [*head, *body, "  return", " return __init__"]
    exec("\n".join(lines), vars(sys.modules[made.__module__]), done)  # noqa: S102 - the names are those of a class
    init: Callable[..., None] = done["make"](**given)
    init.__qualname__ = f"{made.__qualname__}.__init__"
    init.__annotations__ = {field.name: field.type for field in fields if field.init} | {"return": None}
    return init


def _facts_of(names: list[str]) -> Callable[[object], tuple[object, ...]]:
    """What two instances are compared by: always a tuple, in which the same object equals itself."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda each: tuple(getattr(each, name) for name in names)


def _equality(facts: Callable[[object], tuple[object, ...]]) -> Callable[[object, object], object]:
    def equal(self: object, other: object) -> object:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return facts(self) == facts(other)

    return equal


def _hash(facts: Callable[[object], tuple[object, ...]]) -> Callable[[object], int]:
    return lambda self: hash(facts(self))


def _representation(names: list[str]) -> Callable[[object], str]:
    def representation(self: object) -> str:
        told = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"{self.__class__.__qualname__}({told})"

    return representation


if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass  # noqa: PLC0414 - taken from here, and seen as what it is
else:
    dataclass = _dataclass
