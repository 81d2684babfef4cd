"""Where a window may lie."""

import pytest

from crosstrade_panel.desktop.screens import Rect, Screen, fitting, layout_key

LEFT = Rect(0, 0, 1920, 1080)
RIGHT = Rect(1920, 0, 1280, 1024)
WINDOW = Rect(100, 100, 333, 740)


def screen(name: str, rect: Rect) -> Screen:
    return Screen(name, rect, rect)


def test_a_window_in_sight_stays_where_it_is() -> None:
    assert fitting(WINDOW, [LEFT, RIGHT]) == WINDOW


def test_a_window_may_span_two_screens() -> None:
    across = Rect(1800, 100, 333, 740)
    assert fitting(across, [LEFT, RIGHT]) == across


def test_a_window_on_a_screen_that_went_comes_to_the_nearest_one() -> None:
    assert fitting(Rect(2500, 100, 333, 740), [LEFT]) == Rect(1587, 100, 333, 740)
    assert fitting(Rect(2500, 100, 333, 740), [Rect(-1280, 0, 1280, 1024), LEFT]) == Rect(1587, 100, 333, 740)


def test_of_two_screens_the_one_that_has_most_of_it_takes_it() -> None:
    assert fitting(Rect(1800, 500, 333, 740), [LEFT, RIGHT]) == Rect(1920, 284, 333, 740)


@pytest.mark.parametrize(
    ("rect", "found"),
    [
        (Rect(-50, 100, 333, 740), Rect(0, 100, 333, 740)),
        (Rect(100, -700, 333, 740), Rect(100, 0, 333, 740)),
        (Rect(1900, 100, 333, 740), Rect(1587, 100, 333, 740)),
        (Rect(100, 1000, 333, 740), Rect(100, 340, 333, 740)),
        (Rect(-32000, -32000, 333, 740), Rect(0, 0, 333, 740)),
    ],
)
def test_a_window_over_the_edge_is_moved_no_further_than_it_must(rect: Rect, found: Rect) -> None:
    assert fitting(rect, [LEFT]) == found


def test_only_what_is_larger_than_the_screen_shrinks() -> None:
    assert fitting(Rect(10, 10, 333, 1200), [LEFT]) == Rect(10, 0, 333, 1080)
    assert fitting(Rect(10, 10, 4000, 3000), [LEFT]) == LEFT


def test_mirrored_screens_do_not_add_up() -> None:
    half_out = Rect(-166, 0, 332, 100)
    assert fitting(half_out, [LEFT, LEFT]) == Rect(0, 0, 332, 100)


def test_without_any_screen_nothing_moves() -> None:
    assert fitting(WINDOW, []) == WINDOW


def test_a_layout_is_the_same_in_any_order_and_another_with_other_places() -> None:
    one, two = screen("A", LEFT), screen("B", RIGHT)
    assert layout_key([one, two]) == layout_key([two, one])
    others = [[one], [two], [one, screen("B", Rect(1920, 56, 1280, 1024))], [screen("C", LEFT), two], []]
    keys = [layout_key(each) for each in [[one, two], *others]]
    assert len(set(keys)) == len(keys)


def test_a_bar_of_the_desktop_makes_no_other_layout() -> None:
    assert layout_key([Screen("A", LEFT, LEFT)]) == layout_key([Screen("A", LEFT, Rect(0, 30, 1920, 1050))])
