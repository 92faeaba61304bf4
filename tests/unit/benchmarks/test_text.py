"""The benchmark of free text: how identifiers and other words are counted, and that made reports stay as they are."""

from benchmarks.text import planted
from benchmarks.text.corpora import Document, Gold
from benchmarks.text.scoring import score

TEXT = "Dr. Okonkwo's clinic saw Anna S. in 2021."


def document(*gold):
    return Document("one", TEXT, gold)


def test_an_identifier_counts_where_each_letter_and_digit_was_found():
    gold = Gold(TEXT.index("Anna"), TEXT.index("Anna") + 7, "NAME")
    whole = score([document(gold)], {"one": [(gold.start, gold.end - 1)]})
    part = score([document(gold)], {"one": [(gold.start, gold.start + 4)]})
    assert (whole.recall, part.recall) == (1.0, 0.0)
    assert (part.entities, part.touched) == (1, 1)


def test_other_words_that_were_taken_are_counted_but_titles_and_genitives():
    gold = Gold(4, 11, "NAME")
    result = score([document(gold)], {"one": [(0, 20)]})
    assert result.recall == 1.0
    assert result.taken == 1
    assert [TEXT[start:end] for _, start, end in result.wrong] == ["clinic"]


def test_texts_without_identifiers_are_touched_or_not():
    assert score([document()], {"one": []}).clean_share == 0.0
    assert score([document()], {"one": [(0, 2)]}).clean_share == 1.0


def test_made_reports_are_the_same_for_the_same_seed_and_hold_what_is_marked():
    first, again = (planted.make(planted.STYLES + planted.HELD, 2, seed=3) for _ in range(2))
    assert first == again
    assert len({one.name for one in first}) == len(first)
    assert all(one.gold and one.text[gold.start : gold.end].strip() for one in first for gold in one.gold)
    assert {style.language for style in planted.HELD} == {"en", "es", "de", "fr", "pt"}


def test_findings_are_sorted_by_language():
    found = planted.by_language(
        ["The lungs are clear and the heart is normal.", "Kein Nachweis und keine Raumforderung."]
    )
    assert {language: len(texts) for language, texts in found.items()} == {"en": 1, "de": 1}
