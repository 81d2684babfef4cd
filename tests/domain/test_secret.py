"""A secret shows itself only when asked to."""

import copy
import pickle

import pytest

from crosstrade_panel.domain.secret import Secret


def test_no_text_form_of_a_secret_contains_it() -> None:
    secret = Secret("made-up")
    assert secret.reveal() == "made-up"
    assert "made-up" not in f"{secret} {secret!r} {secret:>40} {[secret]}"


def test_a_secret_is_compared_and_copied_but_never_pickled() -> None:
    secret = Secret("made-up")
    assert secret == Secret("made-up")
    assert secret != Secret("other")
    assert secret != "made-up"
    assert hash(secret) == hash(Secret("made-up"))
    assert copy.copy(secret) is secret
    assert copy.deepcopy(secret) is secret
    with pytest.raises(TypeError):
        pickle.dumps(secret)
