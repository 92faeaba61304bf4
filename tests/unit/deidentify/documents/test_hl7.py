"""HL7 v2: what the table says stays or is replaced, what it does not know goes, and the rest is byte for byte."""

import base64
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanward.deidentify.documents import hl7
from scanward.deidentify.documents.embedded import with_pdf
from scanward.deidentify.documents.hl7_message import Separators, parse_message
from scanward.deidentify.documents.kinds import CleanedDocument, DocumentFacts
from scanward.deidentify.pseudonym import Pseudonyms
from scanward.errors import DocumentError
from scanward.model.identifier import Identifier, IdentifierKind
from scanward.model.text import TextMode
from tests.common.reports import CLINICAL, HL7_MESSAGE, SECRETS, STUDY_UID, assert_nothing_of, cleaner_for

K = IdentifierKind
MARKS = Separators("|", "^", "~", "\\", "&")


def cleaned(data=HL7_MESSAGE, *more, mode=TextMode.LABEL, **options):
    return hl7.clean(data, cleaner_for(hl7.read_facts(data), *more, mode=mode), **options)


def rows(data):
    return [line.split("|") for line in data.decode().split("\r") if line]


def shown(data=HL7_MESSAGE, mode=TextMode.LABEL):
    """Return the fields of the first of each segment by name."""
    found = {}
    for row in rows(cleaned(data, mode=mode).data):
        found.setdefault(row[0], row)
    return found


@pytest.mark.parametrize("mode", list(TextMode))
def test_nothing_of_the_patient_stays(mode):
    done = cleaned(mode=mode)
    text = done.data.decode()
    documents = [row[5] for row in rows(done.data) if row[2:3] == ["ED"] and row[5]]
    attached = [base64.b64decode(document.split("^")[4]).decode() for document in documents]
    assert_nothing_of(SECRETS, "\n".join([text, *attached]))
    assert CLINICAL in text
    assert [row[0] for row in rows(done.data)] == [row[0] for row in rows(HL7_MESSAGE) if row[0] != "ZZZ"]
    assert attached[0].endswith("The lung is clear.")
    assert done.removed == ("1 attachment", "5 fields", "1 segment")


def test_fields_are_the_facts():
    facts = hl7.read_facts(HL7_MESSAGE)
    assert facts.patient_ids == {"0012345"}
    assert facts.accession_numbers == {"CT-2024-777", "P777"}
    assert facts.study_uids == {STUDY_UID}
    assert facts.identifiers >= {
        Identifier(K.PATIENT_NAME, "García^Ana^M"),
        Identifier(K.BIRTH_DATE, "19600215"),
        Identifier(K.PERSON_NAME, "O'Brien^Peter"),
        Identifier(K.PERSON_NAME, "Quintero^Rita"),
        Identifier(K.PERSON_NAME, "García^Luis"),
        Identifier(K.PHONE, "(617)234-9876"),
        Identifier(K.EMAIL, "ana@example.com"),
        Identifier(K.ADDRESS, "12 Larkspur St^^Springfield^IL^62704".replace("^^", "^")),
    }


def test_codes_numbers_and_structure_stay():
    fields = shown(mode=TextMode.REMOVE)
    assert fields["MSH"][8:12] == ["ORU^R01^ORU_R01", "1", "P", "2.5.1"]
    assert fields["MSH"][6] == "2024"
    assert fields["PID"][8] == "F"
    assert fields["OBR"][4] == "24627-2^CT chest^LN"
    observations = [row for row in rows(cleaned(mode=TextMode.REMOVE).data) if row[0] == "OBX"]
    assert observations[2][5:8] == ["3", "mm", "1-5"]
    assert observations[3][5].startswith("27925004^nodule seen by ")
    assert observations[3][5].endswith("^SCT")
    assert observations[7][5] == ""


def test_labels_stand_where_text_may():
    fields = shown()
    assert fields["PID"][3] == "[ID]^^^^MR"
    assert fields["PID"][5] == "[PATIENT]"
    assert fields["PID"][7] == ""
    assert fields["PV1"][7] == "[ID]^[NAME]"
    assert fields["OBR"][32] == "[ID]&[NAME]"


def test_surrogates_fill_the_same_components():
    done = cleaned(mode=TextMode.SURROGATE)
    fields = {row[0]: row for row in reversed(rows(done.data))}
    assert fields["PID"][5].count("^") == 2
    assert len(fields["PID"][7]) == len("19600215")
    family = fields["PID"][5].split("^")[0]
    assert fields["NK1"][2].split("^")[0] == family
    assert f"{family}: {CLINICAL}" in done.data.decode() or f"\\.br\\{family}" in done.data.decode()
    physician = fields["PV1"][7].split("^")[1:]
    assert fields["OBR"][16].split("^")[1:] == physician
    assert fields["OBR"][13] == f"Pain, seen by Dr. {physician[0]}"


def test_uids_are_the_recipient_s():
    uid = Pseudonyms(b"k" * 32).uid(STUDY_UID)
    done = cleaned()
    assert shown()["ZDS"][1] == f"{uid}^^Application^DICOM"
    assert f"||{uid}||||||F" in done.data.decode()


@pytest.mark.parametrize(
    ("head", "tail"), [(b"", b""), (b"\x0b", b"\r\x1c\r"), (b"\xef\xbb\xbf", b"\r"), (b"\x0b", b"\x1c\r")]
)
def test_frames_stay(head, tail):
    body = HL7_MESSAGE.rstrip(b"\r")
    done = cleaned(head + body + tail)
    assert done.data.startswith(head + b"MSH|")
    assert done.data.endswith(tail)


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_line_ends_stay(end):
    done = cleaned(HL7_MESSAGE.decode().replace("\r", end).encode())
    assert done.data.decode().count(end) == HL7_MESSAGE.count(b"\r") - 1
    if end == "\n":
        assert b"\r" not in done.data


def test_what_does_not_identify_is_byte_for_byte():
    data = (
        rb"MSH|^~\&|||||||ORU^R01|1|P|2.3" b"\r"
        rb'OBX|1|FT|1^x||Two \T\ three \.br\ \H\lines\N\ \X0A\ more|||""||F' b"\r"
        rb"NTE|1||a\E\b\F\c ~ \S\ " b"\r"
    )  # fmt: skip
    assert cleaned(data).data == data


def test_other_separators_are_read():
    data = HL7_MESSAGE.replace(b"|^~\\&|", b"#$*?@#", 1).replace(b"|", b"#").replace(b"^", b"$")
    data = data.replace(b"~", b"*").replace(b"\\", b"?").replace(b"Marienthal&1.2.3.4.5.6&ISO", b"M@1@I")
    data = data.replace(b"55&Quintero&Rita", b"55@Quintero@Rita").replace(b"&", b"@")
    text = cleaned(data).data.decode()
    assert_nothing_of(SECRETS, text)
    assert "#[PATIENT]#" in text
    assert CLINICAL in text


@pytest.mark.parametrize(
    ("name", "encoding"), [("8859/1", "latin-1"), ("UNICODE UTF-8", "utf-8"), ("", "utf-8"), ("", "cp1252")]
)
def test_character_sets(name, encoding):
    text = HL7_MESSAGE.decode().replace("UNICODE UTF-8", name).replace("Findings for Ana", "größer als")
    done = cleaned(text.encode(encoding))
    assert "größer als" in done.data.decode(encoding)
    assert_nothing_of(SECRETS, done.data.decode(encoding))


def test_a_name_across_two_lines_is_found():
    data = b"MSH|^~\\&|||||||ORU^R01|1|P|2.3\rOBX|1|TX|1||Seen was Ana\rOBX|2|TX|1||Brownlow with a fracture\r"
    done = cleaned(data, Identifier(K.PATIENT_NAME, "Brownlow^Ana"))
    assert b"Ana" not in done.data
    assert b"Brownlow" not in done.data
    assert b"with a fracture" in done.data


def test_codes_that_are_known_do_not_stay():
    data = b"MSH|^~\\&|||||||ORU^R01|1|P|2.3\rOBX|1|NM|7654321^x||7654321||||||F\r"
    done = cleaned(data, Identifier(K.PATIENT_ID, "7654321"))
    assert b"7654321" not in done.data


def test_pdf_inside_is_cleaned_by_what_cleans_pdf():
    seen = []

    def clean_pdf(data, cleaner):
        seen.append(data)
        return CleanedDocument(data=b"%PDF-clean")

    data = HL7_MESSAGE.replace(b"^application^octet-stream^", b"^application^pdf^")
    done = cleaned(data, embedded=with_pdf(clean_pdf))
    assert seen == [b"%PDF-"]
    assert base64.b64encode(b"%PDF-clean") in done.data


def test_a_pdf_inside_that_cannot_be_cleaned_is_left_out():
    def refuse(data, cleaner):
        raise DocumentError("encrypted")

    data = HL7_MESSAGE.replace(b"^application^octet-stream^", b"^application^pdf^")
    assert "1 attachment" in cleaned(data, embedded=with_pdf(refuse)).removed


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PID|1|",
        b"MSH",
        b"MSH|^~\r",
        b"MSH|^^\\&|\r",
        b"MSHA^~\\&A\r",
        b"MSH|^~\\&|\rno segment\r",
        b"MSH|^~\\&|\rpid|1\r",
        b"\x0bMSH|^~\\&|\r\x1c\r\x0bMSH|^~\\&|\r\x1c\r",
        b"MSH|^~\\&||||||||||||||||ISO IR87\r",
        b"MSH|^~\\&||||||||||||||||ASCII\rNTE|1||caf\xe9\r",
        b"MSH|^~\\&|\rNTE|1||caf\xe9 caf\xc3\xa9\r",
        b"MSH|^~\\&|\rNTE|1||not \\closed\r",
        b"MSH|^~\\&|\rNTE|1||\\Zunknown\\\r",
        b"MSH|^~\\&|\rNTE|1||\\XFF\\\r",
    ],
)
def test_what_is_not_understood_is_held(data):
    with pytest.raises(DocumentError):
        hl7.clean(data, cleaner_for(DocumentFacts()))


def test_too_many_segments_are_held(monkeypatch):
    monkeypatch.setattr("scanward.deidentify.documents.hl7_message.MAX_SEGMENTS", 2)
    with pytest.raises(DocumentError, match="segments"):
        hl7.read_facts(HL7_MESSAGE)


@pytest.mark.parametrize("mode", list(TextMode))
def test_another_parser_reads_the_same_structure(mode):
    library = pytest.importorskip("hl7")
    ours, theirs = library.parse(cleaned(mode=mode).data.decode()), library.parse(HL7_MESSAGE.decode())
    kept = [segment for segment in theirs if str(segment[0]) != "ZZZ"]
    assert [str(segment[0]) for segment in ours] == [str(segment[0]) for segment in kept]
    assert [len(segment) for segment in ours] == [len(segment) for segment in kept]
    assert ours.unescape(str(ours.segments("OBX")[1][5])).count("&") == 1


@given(st.text("ab|^~\\& \n", max_size=40))
def test_escapes_round_trip(text):
    assert MARKS.unescape(MARKS.escaped(text), "utf-8") == text


@given(st.lists(st.text("ab|^~& ", max_size=12), max_size=8), st.sampled_from(["\r", "\n", "\r\n"]))
def test_messages_round_trip(lines, end):
    data = end.join(["MSH|^~\\&|x", *(f"NTE|{line}" for line in lines), ""]).encode()
    message = parse_message(data)
    assert message.encode("".join(map(str, message.segments))) == data


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_held(data):
    for one in (data, b"MSH|^~\\&|" + data):
        with suppress(DocumentError):
            hl7.clean(one, cleaner_for(hl7.read_facts(one)))
