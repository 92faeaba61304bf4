"""Copies beside their seals: what a clinic, an archive or a forger did to them, and what is said of it."""

from __future__ import annotations

import io
import random
from dataclasses import replace

import imagecodecs
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, JPEGBaseline8Bit

from scanward.flow.scans import open_scan
from scanward.model.comparison import Change, FrameFate, Standing
from scanward.model.instance import BytesSource
from scanward.model.seal import Grade, PixelKind
from scanward.seal import make
from scanward.seal.compare import compare
from scanward.seal.make import make_seal, seal_root
from scanward.seal.scan import Scan
from tests.common import codestreams
from tests.common.documents import make_basic_text_sr, make_encapsulated_pdf
from tests.common.patients import make_patient, make_study
from tests.common.pixels import NoCodec, encapsulated_file_of, file_of, make_header
from tests.common.sealing import KEY, OTHER_KEY, compared, edited, opened, seal_of
from tests.common.transcoding import make_image

IMAGE = make_image(130, 200, frames=4, seed=2)
SEAL = seal_of(IMAGE)
GREY = make_image(130, 200, allocated=8, seed=3)


def samples_of(data: bytes) -> np.ndarray:
    return dcmread(io.BytesIO(data)).pixel_array.copy()


def with_samples(data: bytes, samples: np.ndarray) -> bytes:
    return edited(data, lambda ds: setattr(ds, "PixelData", samples.tobytes()))


def changes(data: bytes, seal=SEAL) -> list[tuple[str, str, str]]:
    found = compared(seal, data)
    assert found.are_pixels_same is True
    return [(change.name, change.change.value, change.grade.value) for change in found.header]


def test_the_file_itself_is_unchanged():
    found = compared(SEAL, IMAGE)
    assert (found.standing, found.is_same_file, found.are_pixels_same) == (Standing.UNCHANGED, True, True)
    assert found.frames == ()
    assert found.header == ()


def test_a_copy_written_anew_is_unchanged_but_not_the_same_file():
    found = compared(SEAL, IMAGE + b"\xfc\xff\xfc\xffOB\0\0\x02\0\0\0\0\0")
    assert (found.standing, found.is_same_file) == (Standing.UNCHANGED, False)


def coerce(ds):
    ds.PatientName, ds.PatientID, ds.AccessionNumber = "Right^Name", "42", "A1"
    ds.StudyDescription = "Head"
    del ds.InstitutionName
    ds.RequestAttributesSequence = [Dataset()]


def test_what_an_archive_puts_right_is_coerced_and_told_by_name():
    copy = edited(IMAGE, coerce)
    assert compared(SEAL, copy).standing is Standing.HEADER_COERCED
    assert set(changes(copy)) == {
        ("Patient's Name", "changed", "coercible"),
        ("Patient ID", "changed", "coercible"),
        ("Accession Number", "changed", "coercible"),
        ("Study Description", "changed", "coercible"),
        ("Institution Name", "removed", "coercible"),
        ("Request Attributes Sequence", "changed", "coercible"),
    }


def test_no_value_is_told():
    found = compared(SEAL, edited(IMAGE, coerce))
    assert "Right" not in repr(found)
    assert "House" not in repr(found)


def swap_references(ds):
    ds.ReferencedImageSequence[0].ReferencedSOPInstanceUID = "2.25.10"


def shrink(ds):
    del ds.ReferencedImageSequence[1]


def retag(ds):
    value = ds.PixelSpacing
    del ds.PixelSpacing
    ds.ImagerPixelSpacing = value


FORGED = {
    "spacing": (lambda ds: setattr(ds, "PixelSpacing", [0.6, 0.5]), {("Pixel Spacing", "changed")}),
    "position": (
        lambda ds: setattr(ds, "ImagePositionPatient", [1, 2, 3.25]),
        {("Image Position (Patient)", "changed")},
    ),
    "rescale": (lambda ds: setattr(ds, "RescaleIntercept", "0"), {("Rescale Intercept", "changed")}),
    "another instance": (lambda ds: setattr(ds, "SOPInstanceUID", "2.25.99"), {("SOP Instance UID", "changed")}),
    "another study": (lambda ds: setattr(ds, "StudyInstanceUID", "2.25.99"), {("Study Instance UID", "changed")}),
    "another frame of reference": (
        lambda ds: setattr(ds, "FrameOfReferenceUID", "2.25.99"),
        {("Frame of Reference UID", "changed")},
    ),
    "a side": (lambda ds: setattr(ds, "Laterality", "L"), {("Laterality", "added")}),
    "a window": (lambda ds: setattr(ds, "WindowCenter", "40"), {("Window Center", "added")}),
    "no spacing": (lambda ds: ds.pop("PixelSpacing"), {("Pixel Spacing", "removed")}),
    "a reference": (
        swap_references,
        {("Referenced Image Sequence > Referenced SOP Instance UID", "changed")},
    ),
    "a shrunken sequence": (shrink, {("Referenced Image Sequence", "changed")}),
    "a value under another tag": (retag, {("Pixel Spacing", "removed"), ("Imager Pixel Spacing", "added")}),
    "made primary": (lambda ds: setattr(ds, "ImageType", ["DERIVED", "PRIMARY", "AXIAL"]), {("Image Type", "changed")}),
}


@pytest.mark.parametrize("name", FORGED)
def test_what_nobody_may_change_is_altered_and_told_by_name(name):
    edit, expected = FORGED[name]
    copy = edited(IMAGE, edit)
    found = compared(SEAL, copy)
    assert found.standing is Standing.ALTERED
    assert {(change.name, change.change.value) for change in found.altered_header} == expected


def test_a_private_attribute_more_and_one_less_show():
    def edit(ds):
        block = ds.private_block(0x0029, "SCANWARD TEST")
        block.add_new(0x09, "LO", "new")
        del ds[0x0029, 0x1001]

    assert changes(edited(IMAGE, edit)) == [
        ("private Attribute (0029,xx01) of SCANWARD TEST", "removed", "coercible"),
        ("private Attribute (0029,xx09) of SCANWARD TEST", "added", "coercible"),
    ]


def test_a_private_creator_without_anything_shows():
    def edit(ds):
        ds.add_new(0x00290077, "LO", "HIDDEN")

    assert changes(edited(IMAGE, edit)) == [("Private Creator of group 0029", "added", "coercible")]


def test_the_least_edit_of_a_sample_is_found_in_its_tile():
    samples = samples_of(IMAGE)
    samples[2, 129, 64] ^= 1
    found = compared(SEAL, with_samples(IMAGE, samples))
    assert (found.standing, found.are_pixels_same) == (Standing.ALTERED, False)
    (change,) = found.frames
    assert (change.fate, change.frame, change.tiles) == (FrameFate.ALTERED, 2, (9,))
    assert found.header == ()


def test_swapped_frames_are_told():
    samples = samples_of(IMAGE)[[0, 3, 2, 1]]
    found = compared(SEAL, with_samples(IMAGE, samples))
    assert [(change.fate, change.frame, change.sealed) for change in found.frames] == [
        (FrameFate.MOVED, 1, 3),
        (FrameFate.MOVED, 3, 1),
    ]
    assert found.standing is Standing.ALTERED


@pytest.mark.parametrize("kept", [3, 2])
def test_frames_less_are_told_with_the_header_left_as_it_was_or_put_right(kept):
    samples = samples_of(IMAGE)[:kept]

    def edit(ds):
        ds.PixelData, ds.NumberOfFrames = samples.tobytes(), kept

    found = compared(SEAL, edited(IMAGE, edit))
    assert [change.sealed for change in found.frames] == list(range(kept, 4))
    assert found.form == ("Number of Frames",)
    assert found.standing is Standing.ALTERED


def test_the_pixels_of_another_patient_show_everywhere():
    other = make_image(130, 200, frames=4, seed=9)
    found = compared(SEAL, with_samples(IMAGE, samples_of(other)))
    assert [len(change.tiles) for change in found.frames] == [12] * 4
    back = compared(seal_of(other), with_samples(other, samples_of(IMAGE)))
    assert back.standing is Standing.ALTERED


@pytest.mark.parametrize(
    ("edit", "form"),
    [
        (lambda ds: (setattr(ds, "Rows", 200), setattr(ds, "Columns", 130)), {"Rows", "Columns"}),
        (lambda ds: setattr(ds, "PixelRepresentation", 1), {"Pixel Representation"}),
        (lambda ds: setattr(ds, "PhotometricInterpretation", "MONOCHROME1"), {"Photometric Interpretation"}),
        (lambda ds: (setattr(ds, "BitsStored", 15), setattr(ds, "HighBit", 14)), {"Bits Stored"}),
        (lambda ds: (setattr(ds, "Rows", 65), setattr(ds, "NumberOfFrames", 8)), {"Rows", "Number of Frames"}),
    ],
    ids=["turned", "signed", "inverted", "fewer bits", "cut"],
)
def test_the_same_bytes_read_in_another_way_are_altered(edit, form):
    found = compared(SEAL, edited(IMAGE, edit))
    assert (found.standing, found.are_pixels_same) == (Standing.ALTERED, False)
    assert set(found.form) == form


def test_samples_in_fewer_bits_are_compared_all_the_same():
    image = make_image(130, 200, stored=12, seed=4)
    found = compared(
        seal_of(image), edited(image, lambda ds: (setattr(ds, "BitsStored", 13), setattr(ds, "HighBit", 12)))
    )
    assert found.form == ("Bits Stored",)
    assert found.frames == ()
    assert found.standing is Standing.ALTERED


def lossy(data: bytes, quality: int) -> bytes:
    ds = dcmread(io.BytesIO(data))
    coded = imagecodecs.jpeg8_encode(np.ascontiguousarray(ds.pixel_array), level=quality)
    return encapsulated_file_of(ds, [coded], JPEGBaseline8Bit)


def test_coding_with_loss_is_altered_and_told_as_such():
    found = compared(seal_of(GREY), lossy(GREY, 60))
    assert (found.standing, found.is_lossy_copy) == (Standing.ALTERED, True)


def test_an_edit_of_what_was_coded_with_loss_before_it_was_sealed_is_no_such_coding():
    sealed = lossy(GREY, 60)
    ds = dcmread(io.BytesIO(sealed))
    samples = ds.pixel_array.copy()
    samples[10, 10] ^= 1
    found = compared(seal_of(sealed), file_of(ds, samples.tobytes(), ExplicitVRLittleEndian))
    assert [change.tiles for change in found.frames] == [(0,)]
    assert not found.is_lossy_copy
    assert found.is_of_lossy_original


def test_what_was_coded_with_loss_and_is_the_same_in_another_coding_is_unchanged():
    sealed = lossy(GREY, 60)
    ds = dcmread(io.BytesIO(sealed))
    found = compared(seal_of(sealed), file_of(ds, ds.pixel_array.tobytes(), ExplicitVRLittleEndian))
    assert found.standing is Standing.UNCHANGED
    assert not found.is_of_lossy_original


def test_loss_claimed_to_be_none_is_altered():
    samples = samples_of(GREY)
    near = imagecodecs.jpegls_decode(imagecodecs.jpegls_encode(samples, level=3))
    copy = encapsulated_file_of(
        dcmread(io.BytesIO(GREY)), [codestreams.make_codestream(near, codestreams.JPEG_LS)], codestreams.JPEG_LS
    )
    found = compared(seal_of(GREY), copy)
    assert found.standing is Standing.ALTERED
    assert len(found.frames[0].tiles) == 12


def test_a_copy_without_its_pixels_is_altered():
    found = compared(SEAL, edited(IMAGE, lambda ds: ds.pop("PixelData")))
    assert (found.standing, found.are_pixels_same, found.why_unreadable) == (
        Standing.ALTERED, False, "there are no pixels",
    )  # fmt: skip


def test_a_copy_cut_short_is_altered():
    found = compared(SEAL, edited(IMAGE, lambda ds: setattr(ds, "PixelData", ds.PixelData[:-2])))
    assert (found.standing, found.are_pixels_same) == (Standing.ALTERED, False)
    assert found.why_unreadable


def test_a_frame_that_no_longer_decodes_is_altered_and_told():
    samples = samples_of(IMAGE)
    coded = [codestreams.make_codestream(frame, codestreams.JPEG_LS) for frame in samples]
    coded[2] = coded[2][:40] + bytes(40) + coded[2][80:]
    found = compared(SEAL, encapsulated_file_of(dcmread(io.BytesIO(IMAGE)), coded, codestreams.JPEG_LS))
    assert found.standing is Standing.ALTERED
    assert [change.frame for change in found.frames] == [2]


def test_what_nobody_here_decodes_is_told_as_unreadable():
    samples = samples_of(IMAGE)
    coded = [codestreams.make_codestream(frame, codestreams.JPEG_LS) for frame in samples]
    copy = encapsulated_file_of(dcmread(io.BytesIO(IMAGE)), coded, codestreams.JPEG_LS)
    found = compare(SEAL, open_scan(BytesSource(copy), None, NoCodec()), BytesSource(copy))
    assert (found.standing, found.are_pixels_same) == (Standing.UNREADABLE, None)
    assert "decoder" in found.why_unreadable


def test_an_immutable_edit_shows_even_where_pixels_cannot_be_decoded():
    copy = edited(IMAGE, lambda ds: setattr(ds, "PixelSpacing", [1, 1]))
    found = compare(SEAL, open_scan(BytesSource(copy), None, None), BytesSource(copy))
    assert (found.standing, found.are_pixels_same) == (Standing.ALTERED, None)


def test_colours_that_are_not_decoded_are_no_change_of_the_header():
    image = make_image(70, 70, samples=3, allocated=8, photometric="RGB")
    copy = edited(image, lambda ds: setattr(ds, "PhotometricInterpretation", "YBR_RCT"))
    seal = seal_of(image)
    found = compare(seal, open_scan(BytesSource(copy), None, None), BytesSource(copy))
    assert (found.standing, found.header) == (Standing.UNREADABLE, ())


def overlaid(position: int = 12, plane: int = 1) -> bytes:
    ds = dcmread(io.BytesIO(make_image(70, 70, stored=12, seed=6)))
    ds.add_new(0x60000010, "US", 70)
    ds.add_new(0x60000011, "US", 70)
    ds.add_new(0x60000100, "US", 16)
    ds.add_new(0x60000102, "US", position)
    samples = (ds.pixel_array & 0x0FFF).astype("u2")
    samples[5:9, 5:9] |= plane << 12
    return file_of(ds, samples.tobytes(), ExplicitVRLittleEndian)


def test_an_overlay_in_unused_bits_is_part_of_the_header_and_not_of_the_samples():
    seal = seal_of(overlaid())
    found = compared(seal, overlaid(plane=0))
    assert found.are_pixels_same is True
    assert [(change.name, change.change) for change in found.header] == [("Overlay Bit Position", Change.CHANGED)]
    assert found.standing is Standing.ALTERED


def test_unused_bits_that_the_header_calls_nothing_do_not_matter():
    image = make_image(70, 70, stored=12, seed=6)
    samples = samples_of(image)
    samples[5:9, 5:9] |= 0x7000
    assert compared(seal_of(image), with_samples(image, samples)).standing is Standing.UNCHANGED


# What has no samples


STUDY = make_study(random.Random(4), make_patient(random.Random(4)), "report")


def written(ds: Dataset) -> bytes:
    stream = io.BytesIO()
    ds.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def test_a_document_is_sealed_as_it_stands():
    data = written(make_encapsulated_pdf(STUDY))
    seal = seal_of(data)
    assert seal.pixels.kind is PixelKind.BYTES
    assert compared(seal, edited(data, coerce)).standing is Standing.HEADER_COERCED

    def forge(ds):
        ds.EncapsulatedDocument = ds.EncapsulatedDocument.replace(b"%PDF", b"%PDf")

    found = compared(seal, edited(data, forge))
    assert (found.standing, found.are_pixels_same) == (Standing.ALTERED, False)


def test_a_report_is_sealed_item_by_item():
    data = written(make_basic_text_sr(STUDY))
    seal = seal_of(data)
    assert seal.pixels.kind is PixelKind.NONE

    def forge(ds):
        next(one for one in ds.ContentSequence if "TextValue" in one).TextValue = "Nothing found."

    found = compared(seal, edited(data, forge))
    assert found.standing is Standing.ALTERED
    assert [change.name for change in found.header] == ["Content Sequence > Text Value"]


def float_image(syntax: str) -> bytes:
    ds = make_header(rows=4, columns=4, allocated=32)
    ds.add_new(0x7FE00008, "OF", np.arange(16, dtype="<f4" if syntax != ExplicitVRBigEndian else ">f4").tobytes())
    data = file_of(ds, b"", syntax)
    return edited(data, lambda one: one.pop("PixelData"))


def test_floats_are_sealed_as_bytes_of_one_order():
    seal = seal_of(float_image(ExplicitVRLittleEndian))
    assert seal.pixels.kind is PixelKind.BYTES
    assert compared(seal, float_image(ExplicitVRBigEndian)).standing is Standing.UNCHANGED


def test_what_cannot_be_decoded_when_sealed_is_sealed_as_bytes_and_stays_so():
    samples = samples_of(IMAGE)
    coded = [codestreams.make_codestream(frame, codestreams.JPEG_LS) for frame in samples]
    data = encapsulated_file_of(dcmread(io.BytesIO(IMAGE)), coded, codestreams.JPEG_LS)
    source = BytesSource(data)
    seal = make_seal(open_scan(source, None, NoCodec()), source, KEY)
    assert seal.pixels.kind is PixelKind.BYTES
    assert compared(seal, edited(data, coerce)).standing is Standing.HEADER_COERCED
    assert compared(seal, IMAGE).are_pixels_same is False


def test_a_damaged_frame_is_sealed_as_bytes():
    coded = [codestreams.make_codestream(samples_of(GREY), codestreams.JPEG_LS)]
    data = encapsulated_file_of(
        dcmread(io.BytesIO(GREY)), [coded[0][:60] + bytes(900) + coded[0][960:]], codestreams.JPEG_LS
    )
    assert seal_of(data).pixels.kind is PixelKind.BYTES


def test_more_tiles_than_a_seal_may_have_are_sealed_as_bytes(monkeypatch):
    monkeypatch.setattr(make, "MAX_TILES", 47)
    assert seal_of(IMAGE).pixels.kind is PixelKind.BYTES


def test_pixels_put_where_there_were_none_show():
    data = written(make_basic_text_sr(STUDY))

    def edit(ds):
        ds.add_new(0x7FE00010, "OB", b"\1\2")

    found = compared(seal_of(data), edited(data, edit))
    assert (found.standing, found.are_pixels_same) == (Standing.ALTERED, False)


# Roots and keys


def test_the_root_covers_every_part():
    pixels = replace(SEAL.pixels, digests=SEAL.pixels.digests[32:] + SEAL.pixels.digests[:32])
    others = [
        SEAL,
        replace(SEAL, key=OTHER_KEY),
        replace(SEAL, pixels=pixels),
        replace(SEAL, pixels=replace(SEAL.pixels, photometric="MONOCHROME1")),
        replace(SEAL, header=SEAL.header[1:]),
        replace(SEAL, file_digest=bytes(32)),
        replace(SEAL, file_bytes=SEAL.file_bytes + 1),
        replace(SEAL, transfer_syntax_uid="1.2.840.10008.1.2"),
    ]
    assert len({seal_root(seal) for seal in others}) == len(others)


def test_two_seals_of_one_file_tell_nothing_of_each_other():
    one, two = SEAL, seal_of(IMAGE, OTHER_KEY)
    assert seal_root(one) != seal_root(two)
    assert {leaf.digest for leaf in one.header}.isdisjoint(leaf.digest for leaf in two.header)


def test_a_seal_of_another_key_matches_nothing():
    found = compared(replace(SEAL, key=OTHER_KEY, file_digest=bytes(32)), IMAGE)
    assert found.standing is Standing.ALTERED
    assert len(found.header) == len(SEAL.header)


@pytest.mark.parametrize("length", [0, 16, 31, 33, 64])
def test_a_key_of_another_length_is_refused(length):
    with pytest.raises(ValueError, match="32 bytes"):
        make_seal(opened(IMAGE), BytesSource(IMAGE), bytes(length))


def test_a_scan_opened_by_hand_is_compared_as_any():
    scan = opened(IMAGE)
    by_hand = Scan(start=scan.start, frames=scan.frames)
    assert compare(SEAL, by_hand, BytesSource(IMAGE + b"\0\0")).standing is Standing.UNCHANGED


def test_grades_come_with_changes():
    found = compared(SEAL, edited(IMAGE, lambda ds: (coerce(ds), setattr(ds, "PixelSpacing", [1, 1]))))
    assert {change.grade for change in found.coerced} == {Grade.COERCIBLE}
    assert [change.name for change in found.altered_header] == ["Pixel Spacing"]


@pytest.mark.parametrize(("source", "target"), [((0, 0, 0), (1, 0, 0)), ((0, 0, 0), (0, 1, 1)), ((3, 1, 2), (2, 0, 1))])
def test_a_tile_put_in_the_place_of_another_is_found_there(source, target):
    samples = samples_of(IMAGE)

    def tile_at(frame, row, column):
        return frame, slice(row * 64, row * 64 + 64), slice(column * 64, column * 64 + 64)

    samples[tile_at(*target)] = samples[tile_at(*source)]
    (change,) = compared(SEAL, with_samples(IMAGE, samples)).frames
    assert (change.frame, change.tiles) == (target[0], (target[1] * 4 + target[2],))
