"""Known identifiers are found wherever and however they are written, and nothing else is."""

import base64
import pickle  # noqa: TID251 - workers of a process pool are sent these

import pytest

from scanward.deidentify.text.known import KnownIdentifiers, SearchContext
from scanward.model.identifier import Identifier, IdentifierKind

K = IdentifierKind
NAME = "Quillfeather^Ottoline^Jane"
KNOWN = KnownIdentifiers(
    [
        Identifier(K.PATIENT_NAME, NAME),
        Identifier(K.PATIENT_NAME, "Müßiggänger-Ørsted^Zoë"),
        Identifier(K.PERSON_NAME, "Doe^Jo^^Dr"),
        Identifier(K.PERSON_NAME, "Head^Brown"),
        Identifier(K.PERSON_NAME, "Li^Wei"),
        Identifier(K.PATIENT_ID, "MRN-00738291"),
        Identifier(K.ACCESSION, "A2020/887731"),
        Identifier(K.OTHER_ID, "4711"),
        Identifier(K.OTHER_ID, "31754"),
        Identifier(K.BIRTH_DATE, "19670312"),
        Identifier(K.PHONE, "+49 89 5551234"),
        Identifier(K.ADDRESS, "56 Walnut Drive^^Marrowbridge^TX^75001"),
        Identifier(K.INSTITUTION, "Hollowmere General Hospital"),
        Identifier(K.EMAIL, "o.quill@example.org"),
        Identifier(K.UID, "1.2.840.113619.2.55.3.2831.19"),
    ]
)


def found(text, known=KNOWN):
    return [text[span.start : span.end] for span in known.find_in_text(text)]


@pytest.mark.parametrize(
    "text",
    [
        "Quillfeather", "QUILLFEATHER", "quillfeather", "Ottoline Quillfeather", "QUILLFEATHER, OTTOLINE",
        "Quillfeather^Ottoline^Jane", "Quillfeather_Ottoline", "OTTOLINE-JANE-QUILLFEATHER", "QuillfeatherOttoline",
        "O. Quillfeather", "Quillfeather, O.", "O Quillfeather", "Jane Quillfeather", "Ｑｕｉｌｌｆｅａｔｈｅｒ", "Quillféather",
        "Müßiggänger", "MUESSIGGAENGER", "mussigganger", "MÜẞIGGÄNGER-ØRSTED", "Oersted", "orsted", "Mu\u0308ßigga\u0308nger",
        "00738291", "738291", "MRN00738291", "MRN 00738291", "738-291", "00 73 82 91",
        "A2020/887731", "a2020887731", "887731", "A2020-887731", "31754",
        "19670312", "1967-03-12", "1967/03/12", "1967.03.12", "12.03.1967", "12/03/1967", "03/12/1967", "3/12/1967", "12.3.1967",
        "12-MAR-1967", "12 Mar 1967", "March 12, 1967", "12 March 1967", "12. März 1967", "12 mars 1967", "12 de marzo de 1967",
        "12 marzo 1967", "12 maart 1967", "12 de março de 1967", "March 12th, 1967", "12-MAR-67", "670312", "120367", "12.03.67",
        "+49 89 5551234", "(89) 555-1234", "555 1234", "555-1234", "5551234",
        "56 Walnut Drive", "Walnut Drive", "Marrowbridge", "MARROWBRIDGE", "75001", "Hollowmere", "Hollowmere General Hospital",
        "HOLLOWMERE_GENERAL", "o.quill@example.org", "O.QUILL@EXAMPLE.ORG", "1.2.840.113619.2.55.3.2831.19",
    ],
)  # fmt: skip
def test_every_notation_is_found_in_text(text):
    assert [part.strip("(") for part in found(f"CT {text} pelvis")] == [text.strip("+(.")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("KNEE_QUILLFEATHEROTTOLINE_20200101", ["QUILLFEATHEROTTOLINE"]),
        ("xQuillfeatherx", ["xQuillfeatherx"]),
        ("DT19670312", ["19670312"]),
        ("19670312101500", ["19670312"]),
        ("JoDoe", ["JoDoe"]),
        ("J. Doe", ["J. Doe"]),
        ("Dr. Brown", ["Brown"]),
        ("BROWN^HEAD", ["BROWN^HEAD"]),
        ("Wei Li", ["Wei Li"]),
        ("Mr Wei", ["Wei"]),
        ("Doe, Jo and Quillfeather", ["Doe, Jo", "Quillfeather"]),
    ],
)
def test_what_stands_together_is_found_together(text, expected):
    assert found(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "HEAD", "CT HEAD", "Brown fat", "head and neck", "LI lobe", "does it hurt", "doer", "weight", "General Hospital", "hospital", "drive",
        "4711", "47110", "0.31754", "1.31754.2", "131754", "12/67", "12.03", "55512", "1234", "2020", "T1 1967", "march", "Jo", "MRN", "Q", "o.", "2831.19",
    ],
)  # fmt: skip
def test_ordinary_words_and_short_numbers_are_left_alone(text):
    assert found(f"CT {text} of pelvis") == []


@pytest.mark.parametrize(
    "value", ["", "Anonymous", "ANON^PATIENT", "^^^^", "Unknown", "Test^Patient", "None", "N/A", "XXXX", "X^Y"]
)
def test_placeholders_identify_nobody(value):
    known = KnownIdentifiers([Identifier(kind, value) for kind in K])
    assert known.find_in_text(f"CT chest for test patient anonymous unknown none {value}") == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "山田太郎様の胸部"),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "ヤマダ タロウ"),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "ﾔﾏﾀﾞ^ﾀﾛｳ"),
        ("Hong^Gildong=洪^吉洞=홍^길동", "홍길동 환자"),
        ("Wang^XiaoDong=王^小东", "患者王小东胸部"),
        ("Люкceмбypг", "ЛЮКCEМБYPГ"),
        ("Διονυσιος", "διονύσιος"),
        ("قباني^لنزار", "المريض قباني"),
        ("שרון^דבורה", "שרון דבורה"),
        ("สมชาย^ใจดี", "สมชาย"),
    ],
)
def test_names_in_other_scripts_are_found_in_text(name, text):
    assert KnownIdentifiers([Identifier(K.PATIENT_NAME, name)]).find_in_text(text)


SCRIPTS = [
    ("Müßiggänger^Jörg", ["latin-1", "utf-8", "iso8859_15", "iso8859_9", "utf-16-le", "utf-16-be", "gb18030"]),
    ("Dvořák^Žofie", ["iso8859_2", "utf-8", "utf-16-le", "utf-16-be"]),
    ("Ångström^Åsa", ["latin-1", "iso8859_4", "utf-8"]),
    ("Люксембург^Роза", ["iso8859_5", "utf-8", "koi8_r", "cp1251", "utf-16-le"]),
    ("Διονυσίου^Ελένη", ["iso8859_7", "utf-8", "utf-16-be"]),
    ("قباني^لنزار", ["iso8859_6", "utf-8"]),
    ("שרוני^דבורה", ["iso8859_8", "utf-8"]),
    ("สมชาย^ใจดี", ["tis_620", "utf-8"]),
    ("山田^太郎", ["shift_jis", "iso2022_jp", "euc_jp", "utf-8", "gb18030", "utf-16-le", "utf-16-be"]),
    ("王^小东", ["gb18030", "gbk", "utf-8", "utf-16-le"]),
    ("홍^길동", ["euc_kr", "utf-8", "utf-16-be"]),
    ("ﾔﾏﾀﾞ^ﾀﾛｳ", ["shift_jis", "utf-8"]),
]


@pytest.mark.parametrize(("name", "charset"), [(name, charset) for name, charsets in SCRIPTS for charset in charsets])
@pytest.mark.parametrize("separator", ["^", " ", ""])
def test_names_are_found_in_every_character_set(name, charset, separator):
    known = KnownIdentifiers([Identifier(K.PATIENT_NAME, name)])
    family, given = name.split("^")
    for text in (f"{family}{separator}{given}", f"{family}{separator}{given}".upper()):
        try:
            raw = text.encode(charset)
        except UnicodeEncodeError:
            continue
        for data in (raw, b"\x08\x00\x70\x10PN\x10\x00" + raw + b"\x10\x00", b"note: " + raw + b" seen"):
            assert known.contains(data, SearchContext.HEADER)
            spans = known.find_in_bytes(data, SearchContext.HEADER)
            assert all(0 <= span.start < span.end <= len(data) for span in spans)


def test_a_dicom_name_with_escape_sequences_is_found():
    # PS3.5 Annex H.3.2: a PN in ISO 2022 IR 87; K.2.2: the same in IR 149.
    japanese = b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B"
    known = KnownIdentifiers([Identifier(K.PATIENT_NAME, "X^X=山田^太郎")])
    assert known.contains(japanese, SearchContext.HEADER)
    korean = b"Hong^Gildong=\x1b$)C\xd1\xce^\x1b$)C\xd4\xd7\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf"
    assert KnownIdentifiers([Identifier(K.PATIENT_NAME, "X^X=X^X=홍^길동")]).contains(korean, SearchContext.HEADER)


@pytest.mark.parametrize(
    "data",
    [
        b"QUILLFEATHER^OTTOLINE", b"quillfeather", "Quillfeather".encode("utf-16-le"), "Quillfeather".encode("utf-16-be"),
        b"Quillfeather".hex().encode(), b"QUILLFEATHER".hex().upper().encode(), b"51 75 69 6c 6c 66 65 61 74 68 65 72",
        base64.b64encode(b"Quillfeather^Ottoline"), base64.b64encode(b"x Ottoline Quillfeather."), base64.b64encode(b"xy QUILLFEATHER y"),
        base64.encodebytes(b"report of the examination of Ottoline Quillfeather on monday")[:90],
        b"M&#xFC;&#xDF;igg&#xE4;nger", b"M&#252;&#223;igg&#228;nger", b"M&uuml;&szlig;igg&auml;nger", b"M\\u00fc\\u00dfigg\\u00e4nger",
        b"M\\xfc\\xdfigg\\xe4nger", b"M%C3%BC%C3%9Figg%C3%A4nger", b"M%fc%dfigg%e4nger", b"M=C3=BC=C3=9Figg=C3=A4nger",
        b"1967-03-12", b"19670312", b"12.03.1967", b"12-MAR-1967", "19670312".encode("utf-16-le"), base64.b64encode(b"MRN-00738291"),
        b"A2020/887731", b"887731", b"1.2.840.113619.2.55.3.2831.19\0", b"555-1234", b"56 Walnut Drive", b"o.quill@example.org",
    ],
)  # fmt: skip
@pytest.mark.parametrize("context", [SearchContext.HEADER, SearchContext.BINARY])
def test_bytes_are_searched_in_every_encoding(data, context):
    # Seven digits of a phone number are chance in binary data.
    expected = context is SearchContext.HEADER or b"555" not in data
    for around in (b"", b"\x00\x01\xff\x7f"):
        assert KNOWN.contains(around + data + around, context) is expected


@pytest.mark.parametrize(
    ("data", "reach"),
    [
        (b"DOE", SearchContext.HEADER),
        (b"DOE^JO", SearchContext.HEADER),
        (b"31754", SearchContext.HEADER),
        (b"738291", SearchContext.CODESTREAM),
        (b"QUILLFEATHER", SearchContext.CODESTREAM),
        (b"19670312", SearchContext.CODESTREAM),
    ],
)
def test_short_notations_are_not_looked_for_where_bytes_are_random(data, reach):
    for context in (SearchContext.HEADER, SearchContext.BINARY, SearchContext.CODESTREAM):
        assert KNOWN.contains(b"\x01" + data + b"\x02", context) is (context <= reach)


def test_offsets_in_bytes_are_right_whatever_is_left_out():
    filler = bytes(range(256)) * 40 + b"\0" * 5000 + b"...---" * 700
    data = filler + b"Quillfeather^Ottoline" + filler + b"DOE" + filler
    spans = KNOWN.find_in_bytes(data, SearchContext.HEADER)
    assert [data[span.start : span.end] for span in spans] == [b"Quillfeather^Ottoline", b"DOE"]


def test_a_large_buffer_is_searched_in_parts_without_a_seam():
    size = 1 << 20
    data = bytearray(b"\xaa" * (2 * size + 100))
    for at in (size - 6, 2 * size - 1):
        data[at : at + 12] = b"QUILLFEATHER"
    starts = {span.start for span in KNOWN.find_in_bytes(bytes(data), SearchContext.CODESTREAM)}
    assert starts == {size - 6, 2 * size - 1}


@pytest.mark.parametrize(
    "data",
    [
        b"0.48828125\\0.31754", b"2.25.317548291738291738", b"CHALLENGE", b"HEAD\\FFS\\BROWN", b"1.2.840.10008.5.1.4.1.1.2",
        b"1.2.840.113619.2.55.3.2831.190", b"LO\x04\x00LEFT", b"12.3\\19.67", b"7.38291", b"73\\82\\91",
    ],
)  # fmt: skip
def test_numbers_and_words_of_a_header_are_no_hits(data):
    assert not KNOWN.contains(data, SearchContext.HEADER)


def test_a_uid_of_the_standard_is_no_identifier():
    known = KnownIdentifiers([Identifier(K.UID, "1.2.840.10008.5.1.4.1.1.2")])
    assert not known.contains(b"1.2.840.10008.5.1.4.1.1.2", SearchContext.HEADER)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("31754", True),
        (" 31754 ", True),
        ("031754", True),
        ("4711", False),
        ("31754.5", False),
        ("131754", False),
        ("", False),
        ("19670312", True),
    ],
)
def test_a_number_is_an_identifier_only_as_a_whole(value, expected):
    assert KNOWN.find_in_number_text(value) is expected


def test_nothing_shows_a_value():
    assert "Quill" not in repr(KNOWN)
    assert "Quill" not in repr(KNOWN.identifiers)


def test_they_are_a_value():
    again = pickle.loads(pickle.dumps(KNOWN))
    assert again == KNOWN
    assert hash(again) == hash(KNOWN)
    assert found("Quillfeather", again) == ["Quillfeather"]
    assert len(KNOWN.without(K.UID)) == len(KNOWN) - 1
    assert KNOWN.without(K.UID) != KNOWN


def test_without_identifiers_nothing_is_found():
    empty = KnownIdentifiers()
    assert empty.find_in_text("Quillfeather") == []
    assert empty.find_in_bytes(b"Quillfeather", SearchContext.HEADER) == []
    assert not empty.contains(b"Quillfeather", SearchContext.HEADER)
    assert not empty.find_in_number_text("31754")


def test_kinds_are_told():
    kinds = [span.kind for span in KNOWN.find_in_text("Quillfeather, 12.03.1967, A2020/887731, Hollowmere")]
    assert kinds == [K.PATIENT_NAME, K.BIRTH_DATE, K.ACCESSION, K.INSTITUTION]
