"""Words of replies, which are the same in thousands of rows."""

from crosstrade_panel.crosstrade import untrusted


def test_a_word_that_comes_again_is_cleaned_once_and_a_long_text_is_kept_nowhere() -> None:
    untrusted._cleaned_again.cache_clear()  # the test may have run in this process before
    before = untrusted._cleaned_again.cache_info()
    assert [untrusted.text("Fut\u200bure of its own") for _ in range(3)] == ["Future of its own"] * 3
    after = untrusted._cleaned_again.cache_info()
    assert (after.misses - before.misses, after.hits - before.hits) == (1, 2)
    assert untrusted.text("x" * 100_000) == "x" * untrusted.LONGEST_TEXT
    assert untrusted._cleaned_again.cache_info().misses == after.misses
