"""What becomes of an instance by what looking at its pixels came to: marks, new Pixel Data, what describes it."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLSLossless,
)

from scanward.deidentify.header.pixels import DESCRIBES_PIXELS
from scanward.deidentify.header.plan import Plan
from scanward.deidentify.header.scan import Scanner
from scanward.deidentify.header.values import Context
from scanward.deidentify.instance import Deidentifier
from scanward.deidentify.profile import load_profile
from scanward.deidentify.pseudonym import Pseudonyms
from scanward.deidentify.text.known import KnownIdentifiers
from scanward.deidentify.text.prose import TextCleaner
from scanward.deidentify.text.replace import Nothing
from scanward.dicomstream.opening import open_dicom
from scanward.errors import DeidentificationError
from scanward.model.decision import Permit
from scanward.model.instance import BytesSource, Content, Range
from scanward.model.pixels import UNSEEN, PixelOutcome, PixelReplacement
from tests.common.pixels import SECONDARY_CAPTURE, encapsulated_file_of, file_of, make_header

MULTI_FRAME_BYTE_CAPTURE = "1.2.840.10008.5.1.4.1.1.7.2"
LOSSY = {0x00282110: b"01"}


def deidentifier(sop_class: str) -> Deidentifier:
    pseudonyms = Pseudonyms(b"k" * 32)
    context = Context(
        plan=Plan(load_profile("basic"), sop_class), pseudonyms=pseudonyms, known=KnownIdentifiers(frozenset()),
        cleaner=TextCleaner(KnownIdentifiers(), Nothing()), patient="P", offset_days=0, charset=b"",
    )  # fmt: skip
    return Deidentifier(context, Permit(recipient="x", profile="basic"))


def deidentify(data: bytes, pixels: PixelOutcome, made: Deidentifier | None = None) -> Dataset:
    start = open_dicom(BytesSource(data))
    facts = Scanner().scan(start)
    made = made or deidentifier(facts.text(0x00080016))
    instance = made.deidentify(start, facts, pixels=pixels).instance
    return dcmread(io.BytesIO(b"".join(
        piece if isinstance(piece, bytes) else piece.source_in(instance.source).read(piece.offset, piece.length)
        for piece in instance.pieces
    )))  # fmt: skip


def codes(ds: Dataset) -> set[str]:
    return {one.CodeValue for one in ds.DeidentificationMethodCodeSequence}


def native(syntax: str = ExplicitVRLittleEndian, **more: object) -> bytes:
    ds = make_header(rows=4, columns=6)
    for keyword, value in more.items():
        setattr(ds, keyword, value)
    return file_of(ds, bytes(range(24)), syntax)


def swap_in(pieces: list[object], syntax: str, **more: object) -> PixelOutcome:
    values = {"is_encapsulated": False, "values": {}} | more
    return PixelOutcome(
        is_proven=True, replacement=PixelReplacement(transfer_syntax_uid=syntax, pieces=pieces, **values)
    )


def test_nothing_is_claimed_of_pixels_that_nobody_looked_at():
    ds = deidentify(native(BurnedInAnnotation="NO"), UNSEEN)
    assert "BurnedInAnnotation" not in ds
    assert "113101" not in codes(ds)
    assert ds["DeidentificationMethod"].VM == 1


@pytest.mark.parametrize("claim", ["YES", "NO", None])
def test_pixels_that_were_looked_at_are_marked(claim):
    data = native(**({"BurnedInAnnotation": claim} if claim else {}))
    ds = deidentify(data, PixelOutcome(is_proven=True))
    assert ds.BurnedInAnnotation == "NO"
    assert "113101" in codes(ds)
    assert [one.CodeMeaning for one in ds.DeidentificationMethodCodeSequence if one.CodeValue == "113101"] == [
        "Clean Pixel Data Option"
    ]
    assert "pixels" in ds.DeidentificationMethod[1]
    assert ds.PixelData == bytes(range(24))


def test_a_value_that_the_iod_demands_is_no_only_where_somebody_looked():
    data = file_of(
        make_header(rows=4, columns=6, sop_class=MULTI_FRAME_BYTE_CAPTURE), bytes(24), ExplicitVRLittleEndian
    )
    with_claim = dcmread(io.BytesIO(data))
    with_claim.BurnedInAnnotation = "NO"
    stream = io.BytesIO()
    with_claim.save_as(stream)
    assert deidentify(stream.getvalue(), UNSEEN).BurnedInAnnotation == "YES"
    assert deidentify(stream.getvalue(), PixelOutcome(is_proven=True)).BurnedInAnnotation == "NO"


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian])
def test_new_pixels_take_the_place_of_the_old_and_the_rest_is_as_it_was(syntax):
    data = native(syntax, SmallestImagePixelValue=0, ImageComments="left", WindowCenter="40")
    start = open_dicom(BytesSource(data))
    at = data.index(bytes(range(24)))
    pieces = [b"\7" * 8, Range(at + 8, 16, Content.NATIVE_PIXELS)]
    outcome = swap_in(pieces, start.transfer_syntax_uid, values={0x00280106: None, **LOSSY})
    ds, before = deidentify(data, outcome), deidentify(data, UNSEEN)
    assert ds.PixelData == b"\7" * 8 + bytes(range(8, 24))
    assert "SmallestImagePixelValue" in before
    assert "SmallestImagePixelValue" not in ds
    assert ds.LossyImageCompression == "01"
    added = {"BurnedInAnnotation", "LossyImageCompression"}
    told = {"DeidentificationMethod", "DeidentificationMethodCodeSequence", "PixelData"}
    for keyword in {one.keyword for one in ds} - added - told:
        assert ds[keyword].value == before[keyword].value, keyword
    assert {one.keyword for one in before} - {one.keyword for one in ds} == {"SmallestImagePixelValue"}
    assert [one.tag for one in ds] == sorted(one.tag for one in ds)


def test_coded_frames_may_become_native_ones():
    header = make_header(rows=4, columns=6, allocated=16, frames=1)
    data = encapsulated_file_of(header, [b"\xff\xd8" + bytes(20)], JPEGLSLossless)
    ds = deidentify(data, swap_in([bytes(48)], ExplicitVRLittleEndian))
    assert ds.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert ds["PixelData"].VR == "OW"
    assert not ds["PixelData"].is_undefined_length
    assert np.array_equal(ds.pixel_array, np.zeros((4, 6)))


def test_what_is_put_in_is_forgotten_with_the_instance():
    made = deidentifier(SECONDARY_CAPTURE)
    outcome = swap_in([b"\7" * 24], ExplicitVRLittleEndian, values=LOSSY)
    for number in range(6):
        data = native(InstanceNumber=str(number))
        changed = number % 3 == 1
        ds = deidentify(data, outcome if changed else UNSEEN, made)
        assert ds.PixelData == (b"\7" * 24 if changed else bytes(range(24)))
        assert ("LossyImageCompression" in ds) == changed
        assert (ds.get("BurnedInAnnotation") == "NO") == changed


@pytest.mark.parametrize(
    "outcome",
    [
        swap_in([bytes(24)], ExplicitVRLittleEndian, values={0x00100010: b"Moved^Name"}),
        swap_in([bytes(24)], ExplicitVRLittleEndian, values={0x00280301: b"NO"}),
        swap_in([bytes(24)], DeflatedExplicitVRLittleEndian),
        swap_in([bytes(24)], ImplicitVRLittleEndian),
        swap_in([bytes(24)], ExplicitVRLittleEndian, is_encapsulated=True),
        swap_in([Range(0, 0xFFFFFFFE, Content.NATIVE_PIXELS)], ExplicitVRLittleEndian, is_encapsulated=True),
    ],
    ids=["a name", "a mark", "deflated", "implicit", "fragments", "both"],
)
def test_nothing_but_what_describes_pixels_comes_with_them(outcome):
    with pytest.raises(DeidentificationError):
        deidentify(native(), outcome)


def test_new_pixels_of_an_instance_without_are_refused():
    ds = dcmread(io.BytesIO(native()))
    del ds.PixelData
    stream = io.BytesIO()
    ds.save_as(stream)
    with pytest.raises(DeidentificationError):
        deidentify(stream.getvalue(), swap_in([bytes(24)], ExplicitVRLittleEndian))


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(st.sampled_from(sorted(DESCRIBES_PIXELS - {0x7FE00001, 0x7FE00002})), st.booleans()),
    st.binary(min_size=24, max_size=24),
    st.booleans(),
)
def test_tags_ascend_and_every_value_is_where_it_was_put(values, pixels, proven):
    raw = {tag: (None if gone else b"\2\0") for tag, gone in values.items()}
    outcome = replace(swap_in([pixels], ExplicitVRLittleEndian, values=raw), is_proven=proven)
    ds = deidentify(native(), outcome)
    assert [one.tag for one in ds] == sorted(one.tag for one in ds)
    assert ds.PixelData == pixels
    for tag, value in raw.items():
        assert (tag in ds) == (value is not None)
    assert (ds.get("BurnedInAnnotation") == "NO") == proven
    assert ("113101" in codes(ds)) == proven
