"""Where requests may go, and how the token hides."""

import copy
import pickle

import pytest

from crosstrade_panel.crosstrade.address import DEFAULT_BASE_URL, AddressError, Secret, parse_base_url


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        (DEFAULT_BASE_URL, "https://app.crosstrade.io:443"),
        (" HTTPS://App.CrossTrade.IO/ ", "https://app.crosstrade.io:443"),
        ("https://example.test:8443", "https://example.test:8443"),
        ("https://[2001:db8::1]", "https://[2001:db8::1]:443"),
        ("https://10.0.0.1:1", "https://10.0.0.1:1"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("http://127.0.0.1", "http://127.0.0.1:80"),
        ("http://[::1]:5000/", "http://[::1]:5000"),
    ],
)
def test_a_good_base_url_has_one_origin(text: str, origin: str) -> None:
    assert parse_base_url(text).origin == origin


@pytest.mark.parametrize(
    "text",
    [
        "",
        "app.crosstrade.io",
        "ftp://app.crosstrade.io",
        "wss://app.crosstrade.io",
        "http://app.crosstrade.io",
        "http://localhost:5000",
        "http://127.0.0.2",
        "http://127.1",
        "http://127.0.0.1.example.test",
        "http://0.0.0.0",
        "http://[::ffff:127.0.0.1]",
        "http://[::]",
        "https://",
        "https:///v1",
        "https://user@example.test",
        "https://user:hidden-word@example.test",
        "https://127.0.0.1@example.test",
        "https://example.test/path",
        "https://example.test//",
        "https://example.test?x=1",
        "https://example.test?",
        "https://example.test#x",
        "https://example.test:0",
        "https://example.test:99999",
        "https://example.test:x",
        "https://[::1",
        "https://[::1%25eth0]",
        "https://exa mple.test",
        "https://exa\nmple.test",
        "https://exa\tmple.test",
        "https://example.test\\@other.test",
        "https://bücher.test",
        "https://-example.test",
        "https://exam*ple.test",
    ],
)
def test_any_other_base_url_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(AddressError) as caught:
        parse_base_url(text)
    assert "hidden-word" not in str(caught.value)


def test_the_resolver_gets_the_host_without_brackets() -> None:
    assert parse_base_url("http://[::1]:1").bare_host == "::1"
    assert parse_base_url("https://example.test").bare_host == "example.test"
    assert parse_base_url("https://example.test").is_secure
    assert not parse_base_url("http://[::1]").is_secure


@pytest.mark.parametrize("text", ["abc", " abc\n", "a b", "x" * 999, "!~"])
def test_printable_ascii_is_a_token(text: str) -> None:
    secret = Secret(text)
    assert secret.is_usable
    assert secret.reveal() == text.strip()


@pytest.mark.parametrize("text", ["", " ", "\n", "a\nb", "a\x00b", "tökén", "a\u200bb", "a\x7f"])
def test_anything_else_is_no_token(text: str) -> None:
    assert not Secret(text).is_usable


def test_a_secret_shows_itself_nowhere() -> None:
    secret = Secret("made-up-token")
    assert "made-up" not in f"{secret} {secret!r} {[secret]}"
    for write in (pickle.dumps, copy.copy):
        with pytest.raises(TypeError):
            write(secret)


def test_a_secret_is_found_anywhere_in_a_chain_of_exceptions() -> None:
    secret = Secret("made-up-token")
    inner = ValueError("illegal header b'Bearer made-up-token'")
    outer = RuntimeError("failed")
    assert not secret.is_in(outer)
    outer.__cause__ = inner
    assert secret.is_in(outer)
    outer.__cause__, outer.__context__ = None, inner
    inner.__context__ = outer  # a circle
    assert secret.is_in(outer)
    assert secret.is_in(KeyError("made-up-token"))
    assert not Secret("").is_in(outer)
