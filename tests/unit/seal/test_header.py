"""The leaves of a header: the same in every encoding, one for each Attribute, none for what is about the encoding."""

from __future__ import annotations

import io
import struct

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from scanward.dicomstream.opening import open_dicom
from scanward.errors import DicomFormatError, NestingError
from scanward.model.instance import BytesSource
from scanward.model.seal import Grade
from scanward.seal import header
from scanward.seal.grades import Form
from scanward.seal.header import Fold, fold_of, header_root, seal_header
from scanward.standard.dictionary import find_attribute
from tests.common.sealing import KEY, OTHER_KEY
from tests.common.transcoding import fill_header


def instance(fill=lambda ds: None) -> Dataset:
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", "2.25.1"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = "2.25.2", "2.25.3"
    ds.Modality, ds.Rows = "OT", 3
    fill(ds)
    return ds


def written(ds: Dataset, syntax: str = ExplicitVRLittleEndian) -> bytes:
    stream = io.BytesIO(b"")
    stream.write(b"\0" * 128 + b"DICM")
    uid = syntax.encode() + b"\0" * (len(syntax) % 2)
    stream.write(struct.pack("<HH2sH", 2, 0x10, b"UI", len(uid)) + uid)
    ds.save_as(stream, implicit_vr=syntax == ImplicitVRLittleEndian, little_endian=syntax != ExplicitVRBigEndian)
    return stream.getvalue()


def leaves(data: bytes, *, key: bytes = KEY, form: Form = Form.AS_IT_IS, **options: object):
    return seal_header(open_dicom(BytesSource(data)), key, form, **options)


def paths(data: bytes, **options: object) -> list[str]:
    return [leaf.path for leaf in leaves(data, **options)]


def element(tag: int, vr: bytes, value: bytes) -> bytes:
    if vr in (b"UN", b"SQ", b"OB", b"OW"):
        return struct.pack("<HH2sxxI", tag >> 16, tag & 0xFFFF, vr, len(value)) + value
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr, len(value)) + value


def of_elements(*elements: bytes) -> bytes:
    uid = b"1.2.840.10008.1.2.1\0"
    start = element(0x00080016, b"UI", b"1.2.840.10008.5.1.4.1.1.7\0") + element(0x00080018, b"UI", b"2.25.1")
    return b"\0" * 128 + b"DICM" + element(0x00020010, b"UI", uid) + start + b"".join(elements)


def item(*elements: bytes) -> bytes:
    return struct.pack("<HHI", 0xFFFE, 0xE000, sum(map(len, elements))) + b"".join(elements)


def test_every_encoding_has_the_same_leaves():
    ds = instance(fill_header)
    explicit, implicit, big = (
        leaves(written(ds, syntax)) for syntax in (ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian)
    )
    assert explicit == implicit
    assert explicit == big


def test_nested_and_private_attributes_have_their_paths():
    found = paths(written(instance(fill_header)))
    for path in (
        "00081140",
        "00081140[0].00081155",
        "00400275",
        '0029"SCANWARD TEST"',
        '0029"SCANWARD TEST"01',
        '0029"SCANWARD TEST"04[0].00080104',
    ):
        assert path in found


def test_leaves_ascend_by_path_and_stand_once():
    found = paths(written(instance(fill_header)))
    assert found == sorted(set(found))


def test_the_block_of_a_private_creator_does_not_matter():
    one = of_elements(element(0x00290010, b"LO", b"ACME"), element(0x00291001, b"US", b"\1\0"))
    two = of_elements(element(0x00290042, b"LO", b"ACME"), element(0x00294201, b"US", b"\1\0"))
    assert leaves(one) == leaves(two)


def test_the_creator_of_a_private_attribute_does():
    one = of_elements(element(0x00290010, b"LO", b"ACME"), element(0x00291001, b"US", b"\1\0"))
    two = of_elements(element(0x00290010, b"LO", b"ACMF"), element(0x00291001, b"US", b"\1\0"))
    assert set(paths(one)) ^ set(paths(two)) == {'0029"ACME"', '0029"ACME"01', '0029"ACMF"', '0029"ACMF"01'}


def test_two_blocks_of_one_creator_are_two():
    data = of_elements(
        element(0x00290010, b"LO", b"ACME"),
        element(0x00290011, b"LO", b"ACME"),
        element(0x00291001, b"US", b"\1\0"),
        element(0x00291101, b"US", b"\2\0"),
    )
    assert [path for path in paths(data) if "ACME" in path] == [
        '0029"ACME"', '0029"ACME"#2', '0029"ACME"01', '0029"ACME"01#2',
    ]  # fmt: skip


def test_a_creator_with_characters_of_a_path_is_escaped():
    data = of_elements(element(0x00290010, b"LO", b'A"[0].\xc3%'), element(0x00291001, b"US", b"\1\0"))
    assert '0029"A%22%5B0%5D.%C3%25"01' in paths(data)


def test_a_private_sequence_whose_vr_was_lost_is_one():
    inner = element(0x00080100, b"SH", b"1 ")
    known = of_elements(element(0x00290010, b"LO", b"ACME"), element(0x00291001, b"SQ", item(inner)))
    implicit = struct.pack("<HHI", 8, 0x0100, 2) + b"1 "
    lost = of_elements(element(0x00290010, b"LO", b"ACME"), element(0x00291001, b"UN", item(implicit)))
    assert leaves(known) == leaves(lost)


def test_what_only_looks_like_a_private_sequence_is_a_value():
    data = of_elements(element(0x00290010, b"LO", b"ACME"), element(0x00291001, b"OB", b"\xfe\xff\0\xe0\x90\0\0\0"))
    assert '0029"ACME"01' in paths(data)


def test_an_empty_sequence_is_one_however_its_length_is_told():
    told = of_elements(element(0x00081140, b"SQ", b""))
    open_end = struct.pack("<HH2sxxI", 8, 0x1140, b"SQ", 0xFFFFFFFF) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    assert leaves(told) == leaves(of_elements(open_end))


def test_an_empty_item_more_shows():
    one = of_elements(element(0x00081140, b"SQ", item()))
    two = of_elements(element(0x00081140, b"SQ", item() + item()))
    assert paths(one) == paths(two)
    assert leaves(one) != leaves(two)


@pytest.mark.parametrize(
    "ignored",
    [
        element(0x00080000, b"UL", b"\x22\0\0\0"),
        element(0x00080005, b"CS", b"ISO_IR 192"),
        element(0x4FFE0001, b"SQ", item()),
        element(0xFFFAFFFA, b"SQ", item()),
        element(0xFFFCFFFC, b"OB", b"\0" * 8),
    ],
    ids=lambda one: one[:4].hex(),
)
def test_what_is_about_the_encoding_has_no_leaf(ignored):
    data = of_elements()
    elements = sorted([data[len(data) :], ignored])
    bare = leaves(of_elements())
    if ignored[:2] == b"\x08\0":
        # In its place, before what is there.
        at = data.index(element(0x00080016, b"UI", b"1.2.840.10008.5.1.4.1.1.7\0"))
        assert leaves(data[:at] + ignored + data[at:]) == bare
    else:
        assert leaves(of_elements(*elements)) == bare


def test_a_group_length_that_is_no_length_has_a_leaf():
    assert "00100000" in paths(of_elements(element(0x00100000, b"LO", b"hidden")))


def test_the_same_value_under_two_tags_has_two_digests():
    found = leaves(of_elements(element(0x00100010, b"PN", b"A^"), element(0x00100020, b"LO", b"A^")))
    digests = [leaf.digest for leaf in found if leaf.path.startswith("0010")]
    assert len(set(digests)) == 2


def test_another_key_shares_no_digest():
    data = written(instance(fill_header))
    assert {leaf.digest for leaf in leaves(data)}.isdisjoint(leaf.digest for leaf in leaves(data, key=OTHER_KEY))


def test_how_samples_lie_in_words_is_sealed_only_where_they_are_not_decoded():
    def fill(ds):
        ds.BitsAllocated, ds.HighBit, ds.BitsStored, ds.PlanarConfiguration = 16, 11, 12, 0

    data = written(instance(fill))
    words = {"00280100", "00280102", "00280006"}
    assert words <= set(paths(data))
    assert words.isdisjoint(paths(data, form=Form.DECODED))
    assert "00280101" in paths(data, form=Form.DECODED)


def test_the_colours_of_decoded_samples_stand_for_those_of_the_header():
    one = written(instance(lambda ds: setattr(ds, "PhotometricInterpretation", "YBR_RCT")))
    two = written(instance(lambda ds: setattr(ds, "PhotometricInterpretation", "RGB")))
    assert leaves(one, photometric="RGB") == leaves(two, photometric="RGB")
    assert leaves(one) != leaves(two)


@pytest.mark.parametrize(
    ("keyword", "grade"),
    [
        ("SOPInstanceUID", Grade.IMMUTABLE),
        ("StudyInstanceUID", Grade.IMMUTABLE),
        ("FrameOfReferenceUID", Grade.IMMUTABLE),
        ("PixelSpacing", Grade.IMMUTABLE),
        ("ImagePositionPatient", Grade.IMMUTABLE),
        ("ImageOrientationPatient", Grade.IMMUTABLE),
        ("RescaleSlope", Grade.IMMUTABLE),
        ("WindowCenter", Grade.IMMUTABLE),
        ("VOILUTSequence", Grade.IMMUTABLE),
        ("Laterality", Grade.IMMUTABLE),
        ("PatientOrientation", Grade.IMMUTABLE),
        ("SliceThickness", Grade.IMMUTABLE),
        ("PhotometricInterpretation", Grade.IMMUTABLE),
        ("BitsStored", Grade.IMMUTABLE),
        ("PerFrameFunctionalGroupsSequence", Grade.IMMUTABLE),
        ("ReferencedImageSequence", Grade.IMMUTABLE),
        ("ContentSequence", Grade.IMMUTABLE),
        ("WaveformSequence", Grade.IMMUTABLE),
        ("ROIContourSequence", Grade.IMMUTABLE),
        ("DoseGridScaling", Grade.IMMUTABLE),
        ("ImageType", Grade.IMMUTABLE),
        ("Modality", Grade.IMMUTABLE),
        ("PatientName", Grade.COERCIBLE),
        ("PatientID", Grade.COERCIBLE),
        ("PatientBirthDate", Grade.COERCIBLE),
        ("OtherPatientIDsSequence", Grade.COERCIBLE),
        ("AccessionNumber", Grade.COERCIBLE),
        ("StudyID", Grade.COERCIBLE),
        ("StudyDate", Grade.COERCIBLE),
        ("StudyDescription", Grade.COERCIBLE),
        ("ReferringPhysicianName", Grade.COERCIBLE),
        ("InstitutionName", Grade.COERCIBLE),
        ("DeviceSerialNumber", Grade.COERCIBLE),
        ("RequestAttributesSequence", Grade.COERCIBLE),
        ("OriginalAttributesSequence", Grade.COERCIBLE),
        ("IconImageSequence", Grade.COERCIBLE),
    ],
)
def test_grades_of_what_everybody_knows(keyword, grade):
    from scanward.seal.grades import grade_of
    from scanward.standard.dictionary import tag_of

    assert grade_of(tag_of(keyword), Form.DECODED) is grade


def test_tables_name_attributes_of_the_standard_and_each_once():
    from scanward.seal.grades import COERCIBLE, FORM, IGNORED, IMMUTABLE

    tags = [tag for rule in (*IGNORED, *IMMUTABLE, *COERCIBLE, *FORM) for tag in rule.tags]
    assert len(tags) == len(set(tags))
    assert [f"{tag:08X}" for tag in tags if find_attribute(tag) is None] == []


def test_the_root_shows_a_leaf_less_another_grade_and_another_order_of_digests():
    found = leaves(written(instance(fill_header)))
    from dataclasses import replace

    others = [
        found,
        found[:-1],
        (replace(found[0], grade=Grade.COERCIBLE), *found[1:]),
        (replace(found[0], digest=found[1].digest), replace(found[1], digest=found[0].digest), *found[2:]),
        (replace(found[0], path="00080017"), *found[1:]),
    ]
    assert len({header_root(one) for one in others}) == len(others)


def test_too_many_attributes_are_joined_item_by_item_and_then_all(monkeypatch):
    def fill(ds):
        ds.PerFrameFunctionalGroupsSequence = [Dataset() for _ in range(20)]
        for number, group in enumerate(ds.PerFrameFunctionalGroupsSequence):
            plane = Dataset()
            plane.ImagePositionPatient = [0, 0, number]
            group.PlanePositionSequence = [plane]

    data = written(instance(fill))
    whole = leaves(data)
    assert fold_of(whole) is Fold.NONE
    monkeypatch.setattr(header, "MAX_LEAVES", 40)
    by_item = leaves(data)
    assert fold_of(by_item) is Fold.ITEMS
    assert "52009230[17]" in {leaf.path for leaf in by_item}
    assert by_item == leaves(data, fold=Fold.ITEMS)
    monkeypatch.setattr(header, "MAX_LEAVES", 15)
    at_once = leaves(data)
    assert fold_of(at_once) is Fold.SEQUENCES
    assert "52009230[*]" in {leaf.path for leaf in at_once}
    moved = dcmread(io.BytesIO(data))
    moved.PerFrameFunctionalGroupsSequence[17].PlanePositionSequence[0].ImagePositionPatient = [0, 0, 99]
    changed = leaves(written(instance(lambda ds: ds.update(moved))), fold=Fold.ITEMS)
    assert {one.path for one, two in zip(by_item, changed, strict=True) if one != two} == {"52009230[17]"}
    monkeypatch.setattr(header, "MAX_LEAVES", 3)
    with pytest.raises(DicomFormatError):
        leaves(data, fold=Fold.NONE)


def test_sequences_without_end_are_refused():
    inner = element(0x00100010, b"PN", b"A^")
    for _ in range(200):
        inner = element(0x00081140, b"SQ", item(inner)) if len(inner) < 60000 else inner
    with pytest.raises(NestingError):
        leaves(of_elements(inner))


@pytest.mark.parametrize(
    "bad",
    [
        element(0x00081140, b"SQ", struct.pack("<HHI", 0xFFFE, 0xE000, 99)),
        element(0x00081140, b"SQ", struct.pack("<HHI", 8, 0x18, 0)),
        element(0x00081140, b"SQ", item(b"\x08\0")),
        element(0x00081140, b"SQ", item(struct.pack("<HHI", 0xFFFE, 0xE000, 0))),
    ],
)
def test_damaged_sequences_raise_our_error(bad):
    with pytest.raises(DicomFormatError):
        leaves(of_elements(bad))


def test_long_texts_and_long_private_values_are_digested_as_they_stand(monkeypatch):
    monkeypatch.setattr(header, "MAX_TEXT_BYTES", 4)
    monkeypatch.setattr(header, "CHUNK_BYTES", 4)
    one = of_elements(
        element(0x00104000, b"LT", b"123456"),
        element(0x00290010, b"LO", b"ACME"),
        element(0x00291001, b"UN", b"abcdefghij"),
    )
    two = one.replace(b"abcdefghij", b"abcdefghiJ")
    assert [left.path for left, right in zip(leaves(one), leaves(two), strict=True) if left != right] == [
        '0029"ACME"01'
    ]


def test_an_element_twice_in_an_item_is_two_and_many_are_no_burden():
    name = element(0x00100010, b"PN", b"A^")
    data = of_elements(element(0x00081140, b"SQ", item(name, name)))
    assert "00081140[0].00100010#2" in paths(data)
    many = of_elements(element(0x00081140, b"UN", item(*[struct.pack("<HHI", 0x10, 0x10, 2) + b"A^"] * 30_000)))
    assert "00081140[0].00100010#30000" in paths(many)


def deep(depth: int, end: bytes) -> bytes:
    """Return private sequences in each other, whose names are as long as names can be."""
    inner = end
    creator = struct.pack("<HHI", 0x29, 0x10, 64) + b"%" * 64
    for _ in range(depth):
        whole = item(creator, inner)
        inner = struct.pack("<HHI", 0x29, 0x1001, len(whole)) + whole
    return of_elements(element(0x00290010, b"LO", b"%" * 64), element(0x00291001, b"UN", item(creator, inner)))


def test_paths_beyond_all_length_are_joined_and_still_show_every_edit():
    one, two, three = (
        leaves(deep(depth, struct.pack("<HHI", 0x10, 0x10, 2) + end))
        for depth, end in ((90, b"A^"), (90, b"B^"), (89, b"A^"))
    )
    assert fold_of(one) is Fold.SEQUENCES
    assert len({header_root(found) for found in (one, two, three)}) == 3
    assert max(len(leaf.path) for leaf in one) < header.MAX_PATH_CHARACTERS


def test_uids_that_only_the_file_meta_information_has_are_sealed():
    meta = element(0x00020003, b"UI", b"2.25.7")
    at = 132
    bare = of_elements().replace(element(0x00080018, b"UI", b"2.25.1"), b"")
    one, two = (leaves(bare[:at] + one + bare[at:]) for one in (meta, meta.replace(b"25.7", b"25.8")))
    assert {leaf.path for leaf in one} == {"00080016", "00080018"}
    assert one != two
    assert leaves(of_elements()) == leaves(of_elements()[:at] + meta + of_elements()[at:])


@pytest.mark.parametrize("vr", [b"SQ", b"UN"])
def test_a_private_sequence_that_is_not_well_formed_is_a_value(vr):
    bad = struct.pack("<HHI", 0xFFFE, 0xE000, 99) + b"123456"
    one = of_elements(element(0x00290010, b"LO", b"ACME"), element(0x00291001, vr, bad))
    two = of_elements(element(0x00290010, b"LO", b"ACME"), element(0x00291001, vr, bad[:-1] + b"7"))
    assert paths(one) == paths(two) == ["00080016", "00080018", '0029"ACME"', '0029"ACME"01']
    assert leaves(one) != leaves(two)
