"""Long work in steps: a press or the window may have its turn between two of them."""

import asyncio
from collections.abc import Generator
from typing import TypeVar

T = TypeVar("T")


def at_once(steps: Generator[None, None, T]) -> T:
    """Do all of it now."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            done: T = end.value
            return done


async def in_turns(steps: Generator[None, None, T]) -> T:
    """Do it a step in each turn of the loop; what is done in one step takes no turn."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            done: T = end.value
            return done
        await asyncio.sleep(0)
