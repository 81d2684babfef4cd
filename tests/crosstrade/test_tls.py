"""Whom we trust: as strictly as Python 3.13 does, on every Python, and made while something else is done."""

import ssl
import subprocess
import sys
import threading

import pytest

from crosstrade_panel.crosstrade import tls


def test_certificates_and_names_are_checked_strictly_and_a_pinned_one_is_enough() -> None:
    context = tls.default_tls()
    flags = context.verify_flags
    assert flags & ssl.VERIFY_X509_STRICT
    assert flags & ssl.VERIFY_X509_PARTIAL_CHAIN
    assert flags & ssl.VERIFY_X509_TRUSTED_FIRST  # the library's own, which stays
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_a_context_made_ahead_is_made_once_beside_the_caller_and_checks_as_any_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    makers: list[threading.Thread] = []
    original = tls.default_tls

    def noting() -> ssl.SSLContext:
        makers.append(threading.current_thread())
        return original()

    monkeypatch.setattr(tls, "default_tls", noting)
    take = tls.made_ahead().result
    context = take()
    assert take() is context
    assert len(makers) == 1
    assert makers[0] is not threading.current_thread()
    assert not makers[0].daemon  # waited for before the interpreter is taken down
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


def test_what_goes_wrong_ahead_is_raised_where_the_context_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken() -> ssl.SSLContext:
        raise FileNotFoundError("no roots")

    monkeypatch.setattr(tls, "default_tls", broken)
    take = tls.made_ahead().result
    with pytest.raises(FileNotFoundError, match="no roots"):
        take()


def test_a_program_that_ends_while_a_context_is_being_made_ends_cleanly() -> None:
    program = (
        "import time\n"
        "from crosstrade_panel.crosstrade.tls import made_ahead\n"
        "made_ahead()\n"
        "time.sleep({pause_s})\n"
    )
    # Loading the roots takes some ten milliseconds; where it is caught by the end is chance.
    for pause_ms in range(0, 24, 2):
        command = [sys.executable, "-c", program.format(pause_s=pause_ms / 1000)]
        assert subprocess.run(command, check=False).returncode == 0
