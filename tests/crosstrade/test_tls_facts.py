"""The context that presses go out with is as strict as Python 3.13's own, on every Python."""

import ssl
import threading

import pytest

from crosstrade_panel.crosstrade import tls
from crosstrade_panel.crosstrade.tls import default_tls


def test_certificates_and_names_are_checked_strictly_and_a_pinned_one_is_enough() -> None:
    context = default_tls()
    flags = context.verify_flags
    assert flags & ssl.VERIFY_X509_STRICT
    assert flags & ssl.VERIFY_X509_PARTIAL_CHAIN
    assert flags & ssl.VERIFY_X509_TRUSTED_FIRST  # the library's own, which stays
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_a_context_made_ahead_is_made_once_and_beside_whatever_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    by: list[threading.Thread] = []

    def make() -> ssl.SSLContext:
        by.append(threading.current_thread())
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    monkeypatch.setattr(tls, "default_tls", make)
    made = tls.made_ahead()
    assert made() is made()
    assert len(by) == 1
    assert by[0] is not threading.current_thread()
    assert (by[0].daemon, by[0].name) == (True, "tls")


def test_why_a_context_could_not_be_made_is_raised_where_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail() -> ssl.SSLContext:
        raise OSError("no such file")

    monkeypatch.setattr(tls, "default_tls", fail)
    with pytest.raises(OSError, match="no such file"):
        tls.made_ahead()()
