"""Fields of documents: text in pieces, dates in their notations, and a second look."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanward.deidentify.documents import fields as module
from scanward.deidentify.documents.fields import Fields, require_clean
from scanward.deidentify.documents.kinds import DocumentFacts
from scanward.deidentify.text.known import KnownIdentifiers
from scanward.deidentify.text.prose import TextCleaner
from scanward.errors import DocumentError
from scanward.model.identifier import Identifier, IdentifierKind
from scanward.model.text import TextMode
from tests.common.reports import cleaner_for

K = IdentifierKind
KNOWN = (
    Identifier(K.PATIENT_NAME, "Brownlow^Mary"),
    Identifier(K.BIRTH_DATE, "19600215"),
    Identifier(K.DATE, "20240131"),
)


def fields(mode=TextMode.LABEL, **more):
    return Fields(cleaner_for(DocumentFacts(), *KNOWN, mode=mode, **more))


@given(
    st.lists(st.sampled_from(["lung", " ", "\n", "of the ", ""]), min_size=1, max_size=8), st.sampled_from(["", "\n"])
)
def test_pieces_without_identifiers_stay(texts, joint):
    assert fields().pieces(texts, joint) == texts


@given(st.integers(0, 7), st.integers(0, 7))
def test_a_name_is_found_wherever_it_is_cut(first, second):
    name = "Brownlow"
    cuts = sorted((first, second))
    pieces = [f"seen was {name[: cuts[0]]}", name[cuts[0] : cuts[1]], f"{name[cuts[1] :]} again"]
    shown = fields().pieces(pieces, "")
    assert "".join(shown) == "seen was [PATIENT] again"


def test_groups_are_cut_at_line_ends(monkeypatch):
    monkeypatch.setattr(module, "GROUP_CHARACTERS", 10)
    texts = ["seen ", "was Mary ", "Brownlow\n", "and seen ", "today\n"] * 3
    assert "".join(fields().pieces(texts, "")) == "seen was [PATIENT]\nand seen today\n" * 3


def test_too_much_text_is_held(monkeypatch):
    monkeypatch.setattr(module, "MAX_CHARACTERS", 10)
    with pytest.raises(DocumentError, match="characters"):
        fields().prose("a long report")


@pytest.mark.parametrize(
    ("value", "length"),
    [
        ("20240131", 8),
        ("202401311015", 12),
        ("20240131101500.123+0100", 23),
        ("202401", 6),
        ("2024", 4),
        ("2024-01-31", 10),
        ("2024-01", 7),
        ("2024-01-31T10:15:00.000Z", 24),
        ("2024-01-31T10:15:00+01:00", 25),
    ],
)
def test_dates_move_in_their_notation(value, length):
    shown = fields(TextMode.SURROGATE).date(value)
    assert shown != value
    assert len(shown) == length
    assert [char for char in shown if not char.isdigit()] == [char for char in value if not char.isdigit()]
    assert shown[10:] == value[10:] or "-" not in value
    assert fields().date(value) == ""


@pytest.mark.parametrize("value", ["", " ", "yesterday", "2024-1-3", "31.01.2024", "20241301", "Brownlow"])
def test_other_dates_go(value):
    assert fields(TextMode.SURROGATE).date(value) == ""


def test_a_birth_date_moves_with_surrogates_only():
    assert fields(shift=True).date("19600215", K.BIRTH_DATE) == ""
    assert len(fields(TextMode.SURROGATE).date("19600215", K.BIRTH_DATE)) == len("19600215")


class Stubborn:
    """Puts back what was there."""

    def replace(self, kind, value):
        return value


def test_what_stays_is_held():
    cleaner = TextCleaner(KnownIdentifiers(KNOWN), Stubborn())
    with pytest.raises(DocumentError, match="found again"):
        Fields(cleaner).prose("Seen was Brownlow.")
    with pytest.raises(DocumentError, match="found again"):
        Fields(cleaner).document(b"", "Brownlow")
    with pytest.raises(DocumentError, match="found again"):
        require_clean("Brownlow", cleaner)
    require_clean("Nobody on 31.01.2024", cleaner)


def test_a_moved_date_that_is_known_by_chance_is_no_find():
    found = fields(TextMode.SURROGATE)
    moved = found.date("20240131")
    cleaner = cleaner_for(DocumentFacts(), *KNOWN, Identifier(K.DATE, moved), mode=TextMode.SURROGATE)
    again = Fields(cleaner)
    assert again.date("20240131") == moved
    assert again.document(b"x", f"on {moved}").data == b"x"


def test_what_was_left_out_is_told_in_words():
    found = fields()
    found.leave_out("picture")
    found.leave_out("element", 2)
    assert found.document(b"", "").removed == ("2 elements", "1 picture")
