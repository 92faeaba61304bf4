"""What a header says of its patient and study."""

from __future__ import annotations

import pytest

from scanward.deidentify.header.scan import (
    NUMBER_OF_FRAMES,
    PATIENT_ID,
    PATIENT_NAME,
    ROWS,
    SOP_CLASS_UID,
    SOP_INSTANCE_UID,
    STUDY_INSTANCE_UID,
    InstanceFacts,
    RawIdentifier,
    Scanner,
    decode_identifiers,
)
from scanward.dicomstream.encoding import EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE
from scanward.dicomstream.opening import encoding_of, open_dicom
from scanward.errors import DicomFormatError
from scanward.model.identifier import Identifier, IdentifierKind
from tests.unit.dicomstream.datasets import (
    BIG,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    Item,
    MemorySource,
    Node,
    encode_as,
    file_of,
)

CT = "1.2.840.10008.5.1.4.1.1.2"
UIDS = (
    Node(0x00080016, "UI", CT.encode() + b"\0"),
    Node(0x00080018, "UI", b"1.2.3.4\0"),
    Node(0x0020000D, "UI", b"1.2.3.5\0"),
    Node(0x0020000E, "UI", b"1.2.3.6\0"),
)
NAME = Node(0x00100010, "PN", b"ROE^JANE")


def data_set(*nodes: Node, without: int = 0) -> list[Node]:
    own = {node.tag for node in nodes}
    return sorted(
        [*nodes, *(node for node in UIDS if node.tag not in own and node.tag != without)], key=lambda node: node.tag
    )


def scan(nodes, syntax: str = EXPLICIT, scanner: Scanner | None = None) -> InstanceFacts:
    data = file_of(encode_as(nodes, syntax), syntax)
    return (scanner or Scanner()).scan(open_dicom(MemorySource(data)))


def identifiers(facts: InstanceFacts) -> set[tuple[str, str]]:
    found = decode_identifiers([one for part in facts.identifiers for one in part], facts.charset)
    return {(one.kind.name, one.value) for one in found}


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG, DEFLATED])
def test_facts_are_the_same_in_every_encoding(syntax: str) -> None:
    rows = Node(0x00280010, "US", b"\1\2" if syntax != BIG else b"\2\1")
    facts = scan(data_set(NAME, Node(0x00100020, "LO", b"P-1 "), rows, Node(0x00280008, "IS", b"3 ")), syntax)
    assert facts.number(ROWS) == 513
    assert facts.text(NUMBER_OF_FRAMES) == "3"
    assert facts.text(SOP_CLASS_UID).rstrip("\0") == CT
    assert (facts.transfer_syntax_uid, facts.little) == (syntax, syntax != BIG)
    assert identifiers(facts) == {("PATIENT_NAME", "ROE^JANE"), ("PATIENT_ID", "P-1")}


def test_identifiers_are_found_at_every_depth_and_in_the_character_set_of_their_item() -> None:
    cyrillic = Item(
        (Node(0x00080005, "CS", b"ISO_IR 144"), Node(0x0040A123, "PN", "Иванов^Иван".encode("iso8859-5") + b" "))
    )
    plain = Item((Node(0x0040A123, "PN", "Müller^Jörg".encode("iso8859-1") + b" "),))
    content = Node(0x0040A730, "SQ", items=(Item((Node(0x0040A730, "SQ", items=(cyrillic, plain), undefined=True),)),))
    facts = scan(data_set(Node(0x00080005, "CS", b"ISO_IR 100"), content))
    assert identifiers(facts) == {("PERSON_NAME", "Иванов^Иван"), ("PERSON_NAME", "Müller^Jörg")}


def test_every_value_of_an_attribute_is_one() -> None:
    facts = scan(data_set(Node(0x00101000, "LO", b"A1\\\\B2 "), Node(0x00101001, "PN", b"ROE^J\\DOE^J ")))
    assert identifiers(facts) == {
        ("PATIENT_ID", "A1"), ("PATIENT_ID", "B2"), ("PATIENT_NAME", "ROE^J"), ("PATIENT_NAME", "DOE^J"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"19700131", {"19700131"}),
        (b"1970.01.31", {"19700131"}),
        (b"19700131120000.5", {"19700131"}),
        (b"19700131\\19800229", {"19700131", "19800229"}),
        (b"1970", set()),
        (b"unknown ", set()),
        (b"", set()),
    ],
)
def test_dates_are_read_in_old_and_new_notation(raw: bytes, expected: set[str]) -> None:
    found = decode_identifiers([RawIdentifier(IdentifierKind.DATE, None, raw)], b"")
    assert {one.value for one in found} == expected


def test_private_elements_and_long_texts_are_no_identifiers() -> None:
    creator, private = Node(0x00090010, "LO", b"ACME"), Node(0x00091001, "PN", b"ROE^JANE")
    facts = scan(data_set(creator, private, Node(0x00101040, "LO", b"x" * 2000)))
    assert identifiers(facts) == set()


def test_instances_of_a_series_do_not_mix() -> None:
    scanner = Scanner()
    for number in (1, 2, 3, 1, 2, 3):
        name, sop = Node(0x00100010, "PN", b"ROE^%d " % number), Node(0x00080018, "UI", b"1.2.3.%d\0" % number)
        facts = scan(data_set(name, sop), scanner=scanner)
        assert identifiers(facts) == {("PATIENT_NAME", f"ROE^{number}")}
        assert facts.values[SOP_INSTANCE_UID].strip(b"\0") == b"1.2.3.%d" % number


@pytest.mark.parametrize(("tag", "name"), [(SOP_CLASS_UID, "SOP Class UID"), (SOP_INSTANCE_UID, "SOP Instance UID")])
@pytest.mark.parametrize("empty", [True, False])
def test_an_instance_without_its_uids_is_refused(tag: int, name: str, empty: bool) -> None:
    nodes = data_set(Node(tag, "UI", b"\0\0")) if empty else data_set(NAME, without=tag)
    with pytest.raises(DicomFormatError, match=f"expected {name}, got none") as caught:
        scan(nodes)
    assert caught.value.remedy


def test_file_meta_stands_in_for_the_uids_of_the_instance() -> None:
    body = encode_as(data_set(NAME, without=SOP_INSTANCE_UID), EXPLICIT)
    meta = b"\2\0\3\0UI\x08\x009.8.7.6\0" + b"\2\0\x10\0UI\x14\x00" + EXPLICIT.encode() + b"\0"
    facts = Scanner().scan(open_dicom(MemorySource(bytes(128) + b"DICM" + meta + body)))
    assert facts.values[SOP_INSTANCE_UID] == b"9.8.7.6"


def test_an_instance_without_study_is_a_study_of_its_own() -> None:
    facts = scan(data_set(NAME, without=STUDY_INSTANCE_UID))
    assert facts.values[STUDY_INSTANCE_UID] == facts.values[SOP_INSTANCE_UID]


ISSUER = 0x00100021
BIRTH_DATE = 0x00100030


def patient_key(values: dict[int, bytes]) -> str:
    return InstanceFacts(values, (), EXPLICIT, little=True).patient_key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({PATIENT_ID: b"P1 ", PATIENT_NAME: b"ROE^JANE"}, {PATIENT_ID: b"P1", PATIENT_NAME: b"ROE^J"}),
        (
            {PATIENT_NAME: b"ROE^JANE", BIRTH_DATE: b"19700131"},
            {PATIENT_ID: b"  ", PATIENT_NAME: b"ROE^JANE ", BIRTH_DATE: b"19700131"},
        ),
        ({STUDY_INSTANCE_UID: b"1.2.3\0"}, {STUDY_INSTANCE_UID: b"1.2.3"}),
    ],
)
def test_a_patient_is_known_by_id_or_name_or_else_by_the_study(one: dict[int, bytes], other: dict[int, bytes]) -> None:
    assert patient_key(one) == patient_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({PATIENT_ID: b"P1"}, {PATIENT_ID: b"P2"}),
        ({PATIENT_ID: b"A|B"}, {PATIENT_ID: b"A", ISSUER: b"B"}),
        ({PATIENT_ID: b"ROE^JANE"}, {PATIENT_NAME: b"ROE^JANE"}),
        ({PATIENT_NAME: b"1.2.3"}, {STUDY_INSTANCE_UID: b"1.2.3"}),
        ({PATIENT_NAME: b"ROE^JANE", BIRTH_DATE: b"19700131"}, {PATIENT_NAME: b"ROE^JANE", BIRTH_DATE: b"19700201"}),
    ],
)
def test_two_patients_are_never_one(one: dict[int, bytes], other: dict[int, bytes]) -> None:
    assert patient_key(one) != patient_key(other)


def test_nothing_that_identifies_is_shown() -> None:
    raw = RawIdentifier(IdentifierKind.PATIENT_NAME, None, b"ROE^JANE")
    assert "ROE" not in repr(raw)
    assert "ROE" not in repr(decode_identifiers([raw], b""))
    assert decode_identifiers([raw], b"") == {Identifier(IdentifierKind.PATIENT_NAME, "ROE^JANE")}


@pytest.mark.parametrize(
    ("uid", "expected"),
    [
        (IMPLICIT, (IMPLICIT_LITTLE, False)),
        (EXPLICIT, (EXPLICIT_LITTLE, False)),
        (BIG, (EXPLICIT_BIG, False)),
        (DEFLATED, (EXPLICIT_LITTLE, True)),
        ("1.2.840.10008.1.2.4.90", (EXPLICIT_LITTLE, False)),
        ("1.2.840.10008.1.2.4.999", None),
        ("", None),
    ],
)
def test_transfer_syntaxes_are_those_of_the_standard(uid: str, expected: object) -> None:
    assert encoding_of(uid) == expected
