"""The check looks at bytes, whatever was meant to be done, and is the only way to a checked instance."""

import pytest

from scanward.deidentify.check import Checker
from scanward.deidentify.pseudonym import Pseudonyms
from scanward.deidentify.text.known import KnownIdentifiers
from scanward.errors import ResidualIdentifierError
from scanward.model.identifier import Identifier, IdentifierKind
from scanward.model.instance import BytesSource, CheckedInstance, Content, DeidentifiedInstance, Piece, Placement, Range

KNOWN = KnownIdentifiers(
    [
        Identifier(IdentifierKind.PATIENT_NAME, "Quillfeather^Ottoline"),
        Identifier(IdentifierKind.PATIENT_ID, "MRN8842917"),
    ]
)
PLACEMENT = Placement(patient="SW-A", study_uid="2.25.1", series_uid="2.25.2", sop_instance_uid="2.25.3")


def instance(*pieces: Piece, source: bytes = b"") -> DeidentifiedInstance:
    return DeidentifiedInstance(
        pieces=pieces, deflate_from=None, source=BytesSource(source), placement=PLACEMENT
    )  # fmt: skip


def checker(*, retains_uids: bool = False) -> Checker:
    return Checker(KNOWN, Pseudonyms(b"k" * 32), retains_uids=retains_uids)


def test_clean_instance_is_checked() -> None:
    clean = instance(b"\x08\x00\x30\x10LO\x04\x00KNEE")
    assert checker().check(clean).instance is clean


@pytest.mark.parametrize(
    "leak", [b"for Quillfeather", b"QUILLFEATHER^OTTOLINE", b"mrn8842917", "Quillfeather".encode("utf-16-le")]
)
def test_known_identifier_in_new_bytes_is_found(leak: bytes) -> None:
    with pytest.raises(ResidualIdentifierError) as error:
        checker().check(instance(b"\x08\x00\x30\x10LO", leak))
    assert "Quillfeather" not in str(error.value)
    assert "8842917" not in str(error.value)


@pytest.mark.parametrize("content", [Content.HEADER, Content.CODESTREAM])
def test_known_identifier_in_what_passes_through_is_found(content: Content) -> None:
    # Across the border of two chunks, where a careless search would miss it.
    for offset in (10, (1 << 20) - 6, (1 << 20) - 1):
        source = b"\1" * offset + b" QUILLFEATHER " + b"\1" * (1 << 20)
        with pytest.raises(ResidualIdentifierError):
            checker().check(instance(b"", Range(0, len(source), content), source=source))


def test_known_identifier_in_what_was_made_aside_is_found() -> None:
    aside = BytesSource(b"\1\1 QUILLFEATHER ")
    with pytest.raises(ResidualIdentifierError):
        checker().check(instance(Range(0, aside.size, Content.CODESTREAM, aside), source=bytes(aside.size)))
    samples = Range(0, aside.size, Content.NATIVE_PIXELS, aside)
    assert checker().check(instance(samples, source=b"QUILLFEATHER"))


def test_native_samples_are_not_searched() -> None:
    source = b"QUILLFEATHER"
    assert checker().check(instance(Range(0, len(source), Content.NATIVE_PIXELS), source=source))


def test_uid_that_was_not_made_here_is_found() -> None:
    with pytest.raises(ResidualIdentifierError):
        checker().check(instance(b"1.2.826.0.1.3680043.8.498.1"))
    # One that looks like ours and is not.
    with pytest.raises(ResidualIdentifierError):
        checker().check(instance(b"2.25.1.2.3.4.5"))


def test_uids_of_the_standard_and_kept_ones_pass() -> None:
    assert checker().check(instance(b"1.2.840.10008.5.1.4.1.1.2"))
    assert checker(retains_uids=True).check(instance(b"1.2.826.0.1.3680043.8.498.1"))


def test_piece_found_clean_for_one_study_is_searched_again_for_another() -> None:
    piece = b"seen by Quillfeather in the morning"
    assert Checker(KnownIdentifiers([]), Pseudonyms(b"k" * 32), retains_uids=False).check(instance(piece))
    with pytest.raises(ResidualIdentifierError):
        checker().check(instance(piece))


def test_nobody_else_makes_a_checked_instance() -> None:
    with pytest.raises(TypeError):
        CheckedInstance(instance(b""), _seal=object())
