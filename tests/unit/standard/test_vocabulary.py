"""The word lists keep clinical words and let no common name through."""

import pytest

from scanward.standard.vocabulary import ambiguous_words, given_names, standard_words, surnames


@pytest.mark.parametrize(
    "word", ["abdomen", "brain", "bone", "contrast", "axial", "flair", "without", "tumor", "wirbelsaeule", "doppler"]
)
def test_clinical_and_technical_words_are_standard(word: str) -> None:
    assert word in standard_words()


@pytest.mark.parametrize("word", ["head", "long", "white", "brown", "small", "young", "wall"])
def test_words_that_are_common_names_are_ambiguous(word: str) -> None:
    assert word in ambiguous_words()


@pytest.mark.parametrize(
    "name", ["smith", "johnson", "garcia", "nguyen", "mary", "patricia", "wilson", "kaposi", "magnus"]
)
def test_names_and_eponyms_are_not_standard(name: str) -> None:
    assert name not in standard_words()


def test_no_word_is_both_standard_and_ambiguous() -> None:
    assert not standard_words() & ambiguous_words()


def test_frequent_names_are_not_standard() -> None:
    # The lists are sorted by letter, so that the most frequent ones are sampled by hand.
    frequent = {"james", "robert", "linda", "elizabeth", "jones", "miller", "davis", "martinez", "lee", "king", "may"}
    assert frequent <= given_names() | surnames()
    assert not frequent & standard_words()


@pytest.mark.parametrize("name", ["jürgen", "hüseyin", "giuseppe", "søren", "anneliese"])
def test_given_names_of_many_countries_are_known(name: str) -> None:
    assert name in given_names()


@pytest.mark.parametrize("name", ["müller", "yılmaz", "fernández", "dubois", "chatterjee", "jansen", "korhonen"])
def test_surnames_of_many_countries_are_known(name: str) -> None:
    assert name in surnames()


def test_counts_are_those_of_the_generator() -> None:
    assert len(given_names()) >= 2000
    assert len(surnames()) >= 5000
    assert len(standard_words()) > 8000


def test_every_word_is_lower_case_letters() -> None:
    for words in (standard_words(), ambiguous_words(), given_names(), surnames()):
        assert all(word.isalpha() and word == word.lower() and len(word) >= 2 for word in words)
