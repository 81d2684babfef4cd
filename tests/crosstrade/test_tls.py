"""A context that is made while something else is being done."""

import ssl
import threading

import pytest

from crosstrade_panel.crosstrade import tls


def test_a_context_made_ahead_is_made_once_beside_the_caller_and_checks_as_any_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    makers: list[threading.Thread] = []
    original = tls.default_tls

    def noting() -> ssl.SSLContext:
        makers.append(threading.current_thread())
        return original()

    monkeypatch.setattr(tls, "default_tls", noting)
    take = tls.made_ahead()
    context = take()
    assert take() is context
    assert len(makers) == 1
    assert makers[0] is not threading.current_thread()
    assert makers[0].daemon  # no exit waits for it
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


def test_what_goes_wrong_ahead_is_raised_where_the_context_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken() -> ssl.SSLContext:
        raise FileNotFoundError("no roots")

    monkeypatch.setattr(tls, "default_tls", broken)
    take = tls.made_ahead()
    with pytest.raises(FileNotFoundError, match="no roots"):
        take()
