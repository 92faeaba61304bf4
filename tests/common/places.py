"""Every place that identifiers are planted in."""

from __future__ import annotations

from tests.common import put as p
from tests.common.charsets import CHARSETS
from tests.common.place_tables import ELEMENTS
from tests.common.planter import Kind, Place


def _elements() -> list[Place]:
    return [
        Place(
            name=f"{host}: {path}" + (f" ({what})" if what not in Kind.__members__ else ""),
            host=host,
            what=what,
            put=p.at(path),
            template=template,
            path=p.element_path(path),
        )
        for host, rows in ELEMENTS.items()
        for what, path, template in rows
    ]


def _one(host: str, what: str, name: str, put: p.Put, template: str = "{}") -> Place:
    return Place(name=f"{host}: {name}", host=host, what=what, put=put, template=template)


def _names() -> list[Place]:
    return [
        _one("ct", "given", "PatientName, known given name alone in a comment", p.at("PatientTransportArrangements")),
        _one("ct", "NAME", "PatientName suffix", p.component("PatientName", "{old}^^{}")),
        _one("ct", "NAME", "PatientName ideographic", p.component("PatientName", "{old}={}^太郎")),
        _one("ct", "NAME", "PatientName phonetic", p.component("PatientName", "{old}={}^たろう")),
        _one("order", "NAME", "OperatorsName, second value", p.component("OperatorsName", "{old}\\{}^Second")),
        _one("order", "ID", "OtherPatientIDs, second value", p.second_value("OtherPatientIDs", "UNKNOWN")),
    ]


def _private() -> list[Place]:
    acme, siemens = "ACME 1.1", "SIEMENS CSA HEADER"
    rows: list[tuple[str, str, p.Put, str]] = [
        ("NAME", "private LO", p.private(acme, 0x0029, 0x10, "LO"), "seen by {}"),
        ("NAME", "private PN", p.private(acme, 0x0029, 0x11, "PN"), "{}^Wilhelmina"),
        ("DATE", "private DA", p.private(acme, 0x0029, 0x12, "DA"), "{}"),
        ("DATE", "private DT", p.private(acme, 0x0029, 0x13, "DT"), "{}101500"),
        ("ID", "private SH", p.private(acme, 0x0029, 0x14, "SH"), "{}"),
        ("NAME", "private LT", p.private(acme, 0x0029, 0x15, "LT"), "Referred by {}\r\nsecond line"),
        ("NAME", "private UT", p.private(acme, 0x0029, 0x16, "UT"), "Letter to {} and family"),
        ("NAME", "private UC", p.private(acme, 0x0029, 0x17, "UC"), "{}"),
        ("NAME", "private UR", p.private(acme, 0x0029, 0x18, "UR"), "https://ris.example.org/?patient={}"),
        ("UID", "private UI", p.private(acme, 0x0029, 0x19, "UI"), "{}"),
        ("NAME", "private AE", p.private(acme, 0x0029, 0x1A, "AE"), "{}"),
        ("pid_digits", "private DS with the patient ID", p.private(acme, 0x0029, 0x1B, "DS"), "{}"),
        ("pid_digits", "private IS with the patient ID", p.private(acme, 0x0029, 0x1C, "IS"), "{}"),
        ("NAME", "private OB, ASCII", p.private(acme, 0x0029, 0x20, "OB"), "\x01\x02\x03{}\x00\x01"),
        ("NAME", "private OB, UTF-16", p.private(acme, 0x0029, 0x21, "OB", p.utf16), "{}"),
        ("NAME", "private OB, zlib", p.private(acme, 0x0029, 0x22, "OB", p.deflated), "{}"),
        ("NAME", "private OB, base64", p.private(acme, 0x0029, 0x23, "OB", p.base64_blob), "{}"),
        ("NAME", "private OB, XML", p.private(acme, 0x0029, 0x24, "OB", p.xml_blob), "{}"),
        ("NAME", "private OB, DICOM file inside", p.private(acme, 0x0029, 0x25, "OB", p.nested_file), "{}^Ida"),
        ("NAME", "private OW", p.private(acme, 0x0029, 0x26, "OW"), "{}"),
        ("NAME", "private CSA header", p.private(siemens, 0x0029, 0x10, "OB", p.csa), "{}"),
        ("family", "private CSA header, known name", p.private(siemens, 0x0029, 0x20, "OB", p.csa), "{}"),
        ("NAME", "private UN, defined length", p.private(acme, 0x0029, 0x30, "UN"), "{}"),
        ("NAME", "private SQ with a standard Attribute", p.private_items(acme, 0x31, "PatientName"), "{}^Nested"),
        ("NAME", "private SQ, 3 deep",
         p.private_items(acme, 0x32, "RequestAttributesSequence.ReferencedStudySequence.PatientComments"), "{}"),
        ("NAME", "private creator", p.raw(0x002B0010, "LO"), "WS {}"),
        ("NAME", "private element without creator", p.raw(0x000D1001, "LO"), "{}"),
        ("NAME", "private UN without creator", p.raw(0x000B1002, "UN"), "{}"),
        ("NAME", "private SQ in UN, defined length",
         p.unknown_sequence(0x00291040, 0x00100010, undefined=False), "{}^Un"),
        ("NAME", "private SQ in UN, undefined length",
         p.unknown_sequence(0x00291041, 0x00100010, undefined=True), "{}^Un"),
        ("NAME", "private in a standard sequence", p.private_in("RequestAttributesSequence", 0x0029, 0x10, "LO"), "{}"),
        ("NAME", "private blob in a standard sequence",
         p.private_in("RequestAttributesSequence", 0x0029, 0x11, "OB"), "bin{}"),
        ("ID", "private, trial tool's block", p.private("CTP", 0x0013, 0x13, "LO"), "{}"),
        ("NAME", "private, GEMS block", p.private("GEMS_PETD_01", 0x0009, 0x01, "LO"), "{}"),
    ]  # fmt: skip
    places = [_one("private", what, name, put, template) for what, name, put, template in rows]
    for what, name, put, template in rows[:6]:
        places.append(_one("implicit", what, f"{name} in Implicit VR", put, template))
    nested = p.private_items(acme, 0x31, "PatientName")
    places.append(_one("implicit", "NAME", "private SQ in Implicit VR", nested, "{}^Nested"))
    places.append(_one("bigendian", "NAME", "private LO in big endian", p.private(acme, 0x29, 0x10, "LO"), "{}"))
    places.append(_one("bigendian", "NAME", "private OW in big endian", p.private(acme, 0x29, 0x11, "OW"), "{}"))
    places.append(_one("deflated", "NAME", "private LO in a deflated file", p.private(acme, 0x29, 0x10, "LO"), "{}"))
    return places


def _structure() -> list[Place]:
    rows: list[tuple[str, str, p.Put, str]] = [
        ("NAME", "preamble", p.preamble(), "Exported for {} by PACS"),
        ("NAME", "Data Set Trailing Padding", p.raw(0xFFFCFFFC, "OB"), "{}"),
        ("NAME", "group length with text", p.raw(0x00100000, "LO"), "{}"),
        ("NAME", "unknown public Attribute", p.raw(0x00109999, "LO"), "{}"),
        ("NAME", "unknown public Attribute in UN", p.raw(0x00189F31, "UN"), "{}"),
        ("NAME", "public Attribute in UN", p.raw(0x00104000, "UN"), "Comment of {}"),
        ("NAME", "public sequence in UN", p.unknown_sequence(0x00400275, 0x00321060, undefined=False), "for {}"),
        ("NAME", "public sequence in UN, undefined length",
         p.unknown_sequence(0x00081110, 0x00081150, undefined=True), "{}"),
        ("NAME", "behind the NUL of a CS", p.padded(0x00180015, "CS", "HEAD"), "{}"),
        ("NAME", "behind the NUL of a LO", p.padded(0x00181030, "LO", "t2_tse"), "{}"),
        ("NAME", "behind the NUL of a UI", p.padded(0x00081195, "UI", "1.2.3"), "{}"),
        ("pid_digits", "IS that holds the patient ID", p.raw(0x00200012, "IS"), "{}"),
        ("birth", "SH that holds the birth date", p.raw(0x00181060, "SH"), "{}"),
        ("NAME", "DS that holds a name", p.raw(0x00180088, "DS"), "{}"),
        ("NAME", "excess bytes of Pixel Data", p.pixel_excess, "{}"),
        ("ID", "file meta: source AE title", p.meta("SourceApplicationEntityTitle"), "{}"),
        ("ID", "file meta: sending AE title", p.meta("SendingApplicationEntityTitle"), "{}"),
        ("ID", "file meta: receiving AE title", p.meta("ReceivingApplicationEntityTitle"), "{}"),
        ("NAME", "file meta: private information", p.meta("PrivateInformation"), "written for {}"),
        ("ID", "file meta: implementation version name", p.meta("ImplementationVersionName"), "V{}"),
        ("UID", "file meta: implementation class UID", p.meta("ImplementationClassUID"), "{}"),
        ("UID", "file meta: SOP Instance UID unlike the Data Set's", p.meta("MediaStorageSOPInstanceUID"), "{}"),
        ("full", "file name", p.file_name("{}_chest.dcm"), "{}"),
        ("pid", "folder name", p.folder_name("patient_{}"), "{}"),
        ("NAME", "file that is not DICOM beside it", p.sidecar("notes.txt"), "Call {} about the results"),
    ]  # fmt: skip
    malformed: list[tuple[str, str, p.Put, str]] = [
        ("NAME", "illegal group 0003", p.raw(0x00030010, "LO"), "{}"),
        ("NAME", "illegal group 0005", p.raw(0x00051010, "LO"), "{}"),
        ("NAME", "illegal group FFFF", p.raw(0xFFFF0010, "LO"), "{}"),
        ("UID", "command element in the Data Set", p.raw(0x00001000, "UI"), "{}"),
        ("NAME", "US with odd length that holds a name", p.raw(0x00280120, "US"), "{}"),
    ]
    return [
        *(_one("structure", *row[:2], row[2], row[3]) for row in rows),
        *(_one("malformed", *row[:2], row[2], row[3]) for row in malformed),
        _one("twice", "NAME", "second element with a tag that is there", p.raw(0x00180015, "LO", second=True)),
        _one("tail", "NAME", "bytes behind the Data Set", p.tail),
        _one("tail zeros", "NAME", "text behind zeros behind the Data Set", p.tail_after_zeros),
        _one("tail implicit", "NAME", "bytes behind the Data Set, Implicit VR", p.tail),
        _one("deflated", "NAME", "preamble of a deflated file", p.preamble(b"II*\0"), "{}"),
        _one("deflated", "NAME", "unknown public Attribute, deflated", p.raw(0x00109999, "LO"), "{}"),
        _one("bigendian", "NAME", "unknown public Attribute, big endian", p.raw(0x00109999, "LO"), "{}"),
        _one("implicit", "NAME", "unknown public Attribute, Implicit VR", p.raw(0x00109999, "LO"), "{}"),
    ]


def _graphics() -> list[Place]:
    rows: list[tuple[str, str, p.Put, str]] = [
        ("NAME", "overlay data", p.overlay(0x6000), "{}"),
        ("NAME", "second overlay data", p.overlay(0x6002), "{}"),
        ("NAME", "overlay description", p.raw(0x60000022, "LO"), "Marks by {}"),
        ("NAME", "overlay label", p.raw(0x60001500, "LO"), "{}"),
        ("NAME", "overlay comments, retired", p.raw(0x60004000, "LT"), "{}"),
        ("NAME", "curve data", p.curve, "{}"),
        ("NAME", "curve description", p.raw(0x50000022, "LO"), "{}"),
        ("NAME", "curve label", p.raw(0x50002500, "LO"), "{}"),
        ("NAME", "curve, axis labels", p.raw(0x50000040, "SH"), "{}"),
        ("NAME", "audio sample data", p.raw(0x5000200C, "OB"), "RIFF{}"),
        ("NAME", "audio comments", p.raw(0x5000200E, "LT"), "{}"),
        ("NAME", "icon pixels", p.icon, "{}"),
        ("NAME", "text group 4000, retired", p.raw(0x40004000, "LT"), "{}"),
    ]
    return [_one("graphics", *row[:2], row[2], row[3]) for row in rows]


def _documents() -> list[Place]:
    item = p.content_item
    rows: list[tuple[str, str, str, p.Put, str]] = [
        ("report", "NAME", "PNAME", item("PNAME", "PersonName"), "{}^Ludmilla"),
        ("report", "NAME", "TEXT, unknown name", item("TEXT", "TextValue"), "Discussed with Dr. {} by phone"),
        ("report", "full", "TEXT, patient's name", item("TEXT", "TextValue"), "{} has a stable nodule"),
        ("report", "birth_dots", "TEXT, birth date", item("TEXT", "TextValue"), "Patient born {}, nodule stable"),
        ("report", "day_words", "TEXT, study date", item("TEXT", "TextValue"), "Compared to the scan of {}"),
        ("report", "DATE", "DATE", item("DATE", "Date"), "{}"),
        ("report", "DATE", "DATETIME", item("DATETIME", "DateTime"), "{}103000"),
        ("report", "TIME", "TIME", item("TIME", "Time"), "{}"),
        ("report", "UID", "UIDREF", item("UIDREF", "UID"), "{}"),
        ("report", "NAME", "TEXT 3 deep", item("TEXT", "TextValue", deep=3), "Mother is {}"),
        ("report", "NAME", "PNAME 3 deep", item("PNAME", "PersonName", deep=3), "{}^Deep"),
        ("report", "UID", "COMPOSITE reference", item("COMPOSITE", "ReferencedSOPSequence.ReferencedSOPInstanceUID"), "{}"),
        ("report", "NAME", "code meaning", item("CODE", "ConceptCodeSequence.CodeMeaning"), "Referred by {}"),
        ("report", "pid", "code value", item("CODE", "ConceptCodeSequence.CodeValue"), "{}"),
        ("report", "UID", "code, context UID", item("CODE", "ConceptCodeSequence.ContextGroupExtensionCreatorUID"), "{}"),
        ("keys", "full", "key object description", item("TEXT", "TextValue"), "For the board: {}"),
        ("keys", "NAME", "observer name", item("PNAME", "PersonName"), "{}^Observer"),
        ("pdf", "full", "PDF text, patient's name", p.pdf("text"), "Patient: {}"),
        ("pdf", "NAME", "PDF text, unknown name", p.pdf("text"), "Copy to Dr. {}"),
        ("pdf", "birth_dots", "PDF text, birth date", p.pdf("text"), "Born {}"),
        ("pdf", "NAME", "PDF title", p.pdf("title"), "Letter about {}"),
        ("pdf", "NAME", "PDF author", p.pdf("author"), "{}"),
        ("pdf", "NAME", "PDF text, compressed", p.pdf("text", compress=True), "Aunt {} was told"),
        ("cda", "NAME", "HL7 document", p.cda, "{}"),
        ("jpeg", "NAME", "JPEG comment", p.jpeg_segment(0xFE, str.encode), "Image of {}"),
        ("jpeg", "NAME", "JPEG EXIF artist", p.jpeg_segment(0xE1, p.exif), "{}"),
        ("jpeg", "NAME", "JPEG XMP creator", p.jpeg_segment(0xE1, p.xmp), "{}"),
        ("jpeg", "NAME", "JPEG APP13", p.jpeg_segment(0xED, lambda text: b"Photoshop 3.0\0" + text.encode()), "{}"),
        ("jpeg", "family", "JPEG comment, known name", p.jpeg_segment(0xFE, str.encode), "{}"),
        ("jpeg", "NAME", "behind the end of the JPEG", p.after_codestream, "{}"),
        ("jpeg2000", "NAME", "JPEG 2000 comment", p.jpeg2000_comment, "{}"),
        ("jpeg2000", "NAME", "behind the end of the JPEG 2000 codestream", p.after_codestream, "{}"),
        ("rle", "NAME", "behind the end of an RLE segment", p.after_codestream, "{}"),
    ]  # fmt: skip
    return [_one(host, what, name, put, template) for host, what, name, put, template in rows]


def _charsets() -> list[Place]:
    places = []
    for name, charset in CHARSETS.items():
        host, (family, given) = f"charset {name}", charset.patient

        def add(
            label: str, token: str, put: p.Put, template: str, host: str = host, codec: str = charset.codec
        ) -> None:
            places.append(
                Place(name=f"{host}: {label}", host=host, what=token, put=put, template=template, kind=Kind.NAME,
                      charset=codec)
            )  # fmt: skip

        wide = name in {"japanese", "korean"}
        # In multi-byte sets without ASCII the first group has to be in the default repertoire (PS3.5 Section 6.2.1.1).
        add("family name", family, p.at("PatientName"), f"Yamada^Tarou={{}}^{given}" if wide else f"{{}}^{given}")
        add("family name in a description", family, p.at("StudyDescription"), "Kontrolle {}")
        add("unknown name in private text", charset.other, p.private("ACME 1.1", 0x29, 0x10, "LO"), "{}")
    return places


def _make() -> tuple[Place, ...]:
    made = [
        *_elements(), *_names(), *_private(), *_structure(), *_graphics(), *_documents(), *_charsets(),
    ]  # fmt: skip
    names = [place.name for place in made]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"places named twice: {sorted(twice)}")
    return tuple(made)


PLACES: tuple[Place, ...] = _make()
