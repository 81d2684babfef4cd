"""The exchange's log of calls, after a day of practice."""

import pytest

from crosstrade_panel.simulator import calls
from crosstrade_panel.simulator.calls import CallLog


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "MOST_CALLS", 10)
    monkeypatch.setattr(calls, "MOST_ANSWERS", 4)


def filled(count: int) -> CallLog:
    log = CallLog()
    for number in range(count):
        call = log.arrived("GET", f"/{number}", b"", float(number))
        log.answered(call, 200, float(number), b"answer")
    return log


def test_the_oldest_calls_are_forgotten_and_the_numbers_go_on() -> None:
    log = filled(1005)
    assert len(log) == 1005
    kept = list(log)
    assert 10 <= len(kept) <= 20
    assert [call.number for call in kept] == list(range(1005 - len(kept), 1005))
    assert log[1004].path == "/1004"
    assert log[-1].path == "/1004"
    with pytest.raises(IndexError):
        log[0]


def test_only_the_newest_calls_keep_the_bytes_of_their_answers() -> None:
    log = filled(15)
    assert [call.answer for call in log][-4:] == [b"answer"] * 4
    assert not any(call.answer for call in list(log)[:-4])
    assert {call.answer_size for call in log} == {6}


def test_what_comes_late_to_a_forgotten_call_is_noted_nowhere() -> None:
    log = CallLog()
    slow = log.arrived("POST", "/slow", b"", 0.0)
    for number in range(40):
        log.arrived("GET", f"/{number}", b"", 1.0)
    log.acted(slow)
    log.answered(slow, 200, 2.0, b"late")
    assert not any(call.acted or call.status is not None for call in log)
