"""What is said of an address that cannot be used, and of a secret, word for word."""

import pickle

import pytest

from crosstrade_panel.crosstrade.address import AddressError, Secret, parse_base_url

CHARACTER = "the base URL has a character that does not belong into one"
EXTRAS = "the base URL must have no query or fragment"
UNREAD = "the base URL cannot be read"
HTTPS = "the base URL must begin with https://"
USER = "the base URL must have no user name or password"
PATH = "the base URL must have no path"
HOST = "the base URL has no host that can be read"
PORT = "the base URL has a port that does not exist"
PLAIN = "plain http goes to 127.0.0.1 or [::1] only; anywhere else it must be https"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("https://bücher.test", CHARACTER),
        ("https://exa\x00mple.test", CHARACTER),
        ("https://exa mple.test", CHARACTER),
        ("https://example.test\\other", CHARACTER),
        ("https://example.test?x", EXTRAS),
        ("https://example.test#x", EXTRAS),
        ("https://[::1", UNREAD),
        ("https://example.test:x", UNREAD),
        ("app.crosstrade.io", HTTPS),
        ("ftp://example.test", HTTPS),
        ("https://user@example.test", USER),
        ("https://example.test/path", PATH),
        ("https://", HOST),
        ("https://:443", HOST),
        ("https://exam*ple.test", HOST),
        ("https://example.test:0", PORT),
        ("http://example.test", PLAIN),
    ],
)
def test_it_says_what_is_wrong_with_an_address(text: str, said: str) -> None:
    with pytest.raises(AddressError) as caught:
        parse_base_url(text)
    assert str(caught.value) == said


def test_a_token_says_only_that_it_is_one() -> None:
    secret = Secret("made-up")
    assert repr(secret) == str(secret) == "Secret(…)"
    with pytest.raises(TypeError, match=r"\Aa secret is not written anywhere\Z"):
        pickle.dumps(secret)


class TextError(Exception):
    def __repr__(self) -> str:
        return "TextError()"


class ReprError(Exception):
    def __str__(self) -> str:
        return "failed"


@pytest.mark.parametrize("kind", [TextError, ReprError])
def test_a_token_is_found_in_what_an_exception_prints_either_way(kind: type[Exception]) -> None:
    assert Secret("made-up").is_in(kind("Bearer made-up"))
    assert not Secret("made-up").is_in(kind("Bearer another"))


def test_a_token_is_found_behind_several_exceptions_at_once() -> None:
    outer, cause, context, deep = (Exception(word) for word in ("a", "b", "c", "made-up"))
    outer.__cause__, outer.__context__ = cause, context
    context.__context__ = deep
    assert Secret("made-up").is_in(outer)
    context.__context__, cause.__cause__ = None, deep
    assert Secret("made-up").is_in(outer)
