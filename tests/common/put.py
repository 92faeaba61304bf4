"""Ways of putting a text somewhere into a host; each returns what `tests.common.planter.Place` calls."""

from __future__ import annotations

import base64
import re
import struct
import zlib
from collections.abc import Callable

from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.sequence import Sequence
from pydicom.tag import Tag
from pydicom.uid import UID

from tests.common.documents import make_pdf
from tests.common.host import Host
from tests.common.modules import item

Put = Callable[[Host, str], None]


def walk_to(ds: Dataset, keywords: list[str]) -> Dataset:
    """Return the Data Set inside the sequences named, with sequences and items made where they lack."""
    for keyword in keywords:
        name, _, index = keyword.partition("#")
        if name not in ds or not getattr(ds, name):
            setattr(ds, name, Sequence([Dataset()]))
        items = getattr(ds, name)
        while len(items) <= int(index or 0):
            items.append(Dataset())
        ds = items[int(index or 0)]
    return ds


def element_path(path: str) -> str:
    """Return "A.B#1.C" in the form of element paths: "gggg,eeee" parts joined by "/", without item numbers."""
    keywords = [part.partition("#")[0] for part in path.split(".")]
    return "/".join(f"{tag_for_keyword(keyword) or 0:08X}" for keyword in keywords)


def at(path: str) -> Put:
    """Set the standard Attribute at `path`, keywords joined by dots; ``#n`` after a sequence picks its item."""
    *parents, last = path.split(".")
    vr = dictionary_VR(last).split(" ")[0]

    def put(host: Host, text: str) -> None:
        ds = walk_to(host.ds, parents)
        value: object = text
        if vr in {"OB", "OW", "UN"}:
            value = text.encode() + b"\0" * (len(text.encode()) % 2)
        elif vr == "AT":
            value = int(text, 16)
        ds.add_new(tag_for_keyword(last), vr, value)

    return put


def second_value(path: str, first: str) -> Put:
    """Set a text Attribute with several values of which the last is the text."""
    keyword = path

    def put(host: Host, text: str) -> None:
        setattr(host.ds, keyword, [first, text])

    return put


def component(keyword: str, pattern: str) -> Put:
    """Set one component of a person name that else stays; `pattern` holds the name with ``{}``."""

    def put(host: Host, text: str) -> None:
        name = str(host.ds.get(keyword, ""))
        host.ds.add_new(tag_for_keyword(keyword), "PN", pattern.format(text, old=name))

    return put


def meta(keyword: str) -> Put:
    """Set an Attribute of the File Meta Information."""

    def put(host: Host, text: str) -> None:
        value: object = text.encode() + b"\0" * (len(text) % 2) if keyword == "PrivateInformation" else text
        if keyword == "PrivateInformation":
            host.ds.file_meta.PrivateInformationCreatorUID = UID("1.2.826.0.1.3680043.10.999")
        setattr(host.ds.file_meta, keyword, value)

    return put


def private(creator: str, group: int, offset: int, vr: str, encode: Callable[[str], object] | None = None) -> Put:
    """Put an element into the private block of `creator`."""

    def put(host: Host, text: str) -> None:
        value: object = text
        if encode is not None:
            value = encode(text)
        elif vr in {"OB", "OW", "UN"}:
            value = text.encode()
        if isinstance(value, bytes):
            value += b"\0" * (len(value) % 2)
        host.ds.private_block(group, creator, create=True).add_new(offset, vr, value)

    return put


def private_items(creator: str, offset: int, path: str) -> Put:
    """Put a standard Attribute inside a private sequence; `path` may lead through further sequences."""

    def put(host: Host, text: str) -> None:
        outer = Dataset()
        *parents, last = path.split(".")
        ds = walk_to(outer, parents)
        ds.add_new(tag_for_keyword(last), dictionary_VR(last), text)
        host.ds.private_block(0x0029, creator, create=True).add_new(offset, "SQ", Sequence([outer]))

    return put


def private_in(path: str, group: int, offset: int, vr: str) -> Put:
    """Put a private element into an item of a standard sequence."""

    def put(host: Host, text: str) -> None:
        ds = walk_to(host.ds, path.split("."))
        block = ds.private_block(group, "ACME NESTED", create=True)
        block.add_new(offset, vr, text.encode() + b"\0" * (len(text) % 2) if vr in {"OB", "UN"} else text)

    return put


def _implicit_element(tag: int, value: bytes) -> bytes:
    value += b" " * (len(value) % 2)
    return struct.pack("<HHI", tag >> 16, tag & 0xFFFF, len(value)) + value


def unknown_sequence(tag: int, inner: int, *, undefined: bool) -> Put:
    """Put a sequence in VR UN, whose items are in Implicit VR (PS3.5 Section 6.2.2), with text in `inner`."""

    def put(host: Host, text: str) -> None:
        element = _implicit_element(inner, text.encode())
        if undefined:
            value = struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF) + element + struct.pack("<HHI", 0xFFFE, 0xE00D, 0)
            head = struct.pack("<HH2sHI", tag >> 16, tag & 0xFFFF, b"UN", 0, 0xFFFFFFFF)
            host.raw.append((tag, head + value + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)))
        else:
            host.add_raw(tag, "UN", struct.pack("<HHI", 0xFFFE, 0xE000, len(element)) + element)

    return put


def raw(tag: int, vr: str, *, second: bool = False) -> Put:
    """Put an element with this VR at this tag, legal or not; as a second one with that tag when asked."""

    def put(host: Host, text: str) -> None:
        if tag in host.ds and not second:
            del host.ds[tag]
        host.add_raw(tag, vr, text.encode())

    return put


def padded(tag: int, vr: str, front: str) -> Put:
    """Put an element whose value ends at a NUL for those who read C strings, and has text after it."""

    def put(host: Host, text: str) -> None:
        if tag in host.ds:
            del host.ds[tag]
        host.add_raw(tag, vr, front.encode() + b"\0" + text.encode())

    return put


def preamble(front: bytes = b"") -> Put:
    """Put text into the 128 bytes before DICM."""

    def put(host: Host, text: str) -> None:
        host.preamble = (front + text.encode())[:128].ljust(128, b"\0")

    return put


def tail(host: Host, text: str) -> None:
    """Put text right behind the Data Set, where the next element would begin."""
    host.tail += text.encode() + b"\0" * (len(text.encode()) % 2)


def tail_after_zeros(host: Host, text: str) -> None:
    """Put text behind 512 zeros behind the Data Set, as media that pad to sectors leave it."""
    host.tail += bytes(512) + text.encode() + b"\0" * (len(text.encode()) % 2)


def csa(text: str) -> bytes:
    """Return a blob in the manner of Siemens' CSA header with one text entry."""
    entry = b"PatientNameSeen".ljust(64, b"\0") + struct.pack("<I4sIII", 1, b"LO\0\0", 19, 1, 77)
    value = text.encode().ljust(64, b"\0")
    return b"SV10\4\3\2\1" + struct.pack("<II", 1, 77) + entry + struct.pack("<4I", len(value), 0, 77, 0) + value


def utf16(text: str) -> bytes:
    """Return text the way Windows programs store it."""
    return b"\1\0\0\0" + text.encode("utf-16-le") + b"\0\0"


def deflated(text: str) -> bytes:
    """Return text inside a zlib stream."""
    return b"ZBLB" + zlib.compress(("<report><seen>" + text + "</seen></report>").encode())


def base64_blob(text: str) -> bytes:
    """Return text inside base64."""
    return b'{"note": "' + base64.b64encode(b"seen by " + text.encode() + b" today") + b'"}'


def xml_blob(text: str) -> bytes:
    """Return text inside XML."""
    return f"<?xml version='1.0'?><Exam><Operator name='{text}'/></Exam>".encode()


def nested_file(text: str) -> bytes:
    """Return a small Part 10 file with the text as patient name, as vendors embed them."""
    name = text.encode() + b" " * (len(text.encode()) % 2)
    syntax = b"1.2.840.10008.1.2.1\0"
    meta_info = struct.pack("<HH2sH", 2, 0x10, b"UI", len(syntax)) + syntax
    group = struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(meta_info))
    return bytes(128) + b"DICM" + group + meta_info + struct.pack("<HH2sH", 0x10, 0x10, b"PN", len(name)) + name


def ascii_in(keyword_or_tag: str | int, vr: str, size: int) -> Put:
    """Put text into the middle of binary data of `size` bytes."""

    def put(host: Host, text: str) -> None:
        tag = tag_for_keyword(keyword_or_tag) if isinstance(keyword_or_tag, str) else keyword_or_tag
        data = bytes(size // 2) + text.encode()
        host.ds.add(DataElement(Tag(tag), vr, data.ljust(size, b"\0")))

    return put


def overlay(group: int) -> Put:
    """Put text into the bits of an overlay plane of 40 x 32."""

    def put(host: Host, text: str) -> None:
        base = group << 16
        for element, vr, value in (
            (0x10, "US", 40), (0x11, "US", 32), (0x40, "CS", "G"), (0x50, "SS", [1, 1]), (0x100, "US", 1), (0x102, "US", 0),
        ):  # fmt: skip
            host.ds.add_new(base | element, vr, value)
        host.ds.add(DataElement(Tag(base | 0x3000), "OW", (bytes(60) + text.encode()).ljust(160, b"\0")))

    return put


def curve(host: Host, text: str) -> None:
    """Put text into the data of a retired curve."""
    base = 0x50000000
    for element, vr, value in (
        (0x05, "US", 2), (0x10, "US", 4), (0x20, "CS", "ECG"), (0x103, "US", 0),
    ):  # fmt: skip
        host.ds.add_new(base | element, vr, value)
    host.ds.add(DataElement(Tag(base | 0x3000), "OW", (bytes(8) + text.encode()).ljust(64, b"\0")))


def icon(host: Host, text: str) -> None:
    """Put text into the pixels of an icon image of 16 x 16."""
    small = item(
        SamplesPerPixel=1, PhotometricInterpretation="MONOCHROME2", Rows=16, Columns=16, BitsAllocated=8, BitsStored=8,
        HighBit=7, PixelRepresentation=0,
    )  # fmt: skip
    small.add(DataElement(Tag(0x7FE00010), "OB", (bytes(64) + text.encode()).ljust(256, b"\0")))
    icon_item = walk_to(host.ds, ["IconImageSequence"])
    for element in small:
        icon_item.add(element)


def pixel_excess(host: Host, text: str) -> None:
    """Put text behind the last pixel, inside the value of Pixel Data."""
    host.ds.PixelData += text.encode() + b"\0" * (len(text.encode()) % 2)


def _segment(marker: int, payload: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def exif(text: str) -> bytes:
    """Return an EXIF payload with the text as Artist."""
    value = text.encode() + b"\0"
    directory = struct.pack("<HHHIII", 1, 0x013B, 2, len(value), 26, 0)
    return b"Exif\0\0" + b"II*\0" + struct.pack("<I", 8) + directory + value


def xmp(text: str) -> bytes:
    """Return an XMP payload with the text as creator."""
    return b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta><dc:creator>" + text.encode() + b"</dc:creator></x:xmpmeta>"


def _frames(host: Host) -> list[bytes]:
    count = int(host.ds.get("NumberOfFrames", 1))
    return list(generate_frames(host.ds.PixelData, number_of_frames=count))


def jpeg_segment(marker: int, payload: Callable[[str], bytes]) -> Put:
    """Put a segment behind the start of image of the first JPEG frame."""

    def put(host: Host, text: str) -> None:
        first, *rest = _frames(host)
        first = first[:2] + _segment(marker, payload(text)) + first[2:]
        host.ds.PixelData = encapsulate([first, *rest])

    return put


def jpeg2000_comment(host: Host, text: str) -> None:
    """Put a COM segment (ISO/IEC 15444-1 A.9.2) before the first tile part."""
    first, *rest = _frames(host)
    tile = first.index(b"\xff\x90")
    first = first[:tile] + _segment(0x64, b"\0\1" + text.encode()) + first[tile:]
    host.ds.PixelData = encapsulate([first, *rest])


def after_codestream(host: Host, text: str) -> None:
    """Put text behind the end of the codestream, inside the fragment."""
    *rest, last = _frames(host)
    data = last + text.encode()
    host.ds.PixelData = encapsulate([*rest, data + b"\0" * (len(data) % 2)])


def pdf(part: str, *, compress: bool = False) -> Put:
    """Put text into an encapsulated PDF: its "text", "title" or "author"; texts of several calls add up."""

    def put(host: Host, text: str) -> None:
        host.pdf_parts[part].append(text)
        host.pdf_packed |= compress
        parts = host.pdf_parts
        data = make_pdf(
            parts["text"], title=" ".join(parts["title"]), author=" ".join(parts["author"]), compress=host.pdf_packed
        )
        host.ds.EncapsulatedDocument = data + b"\0" * (len(data) % 2)

    return put


def cda(host: Host, text: str) -> None:
    """Put text into an encapsulated HL7 document."""
    document = f"<ClinicalDocument><patient><name><family>{text}</family></name></patient></ClinicalDocument>".encode()
    host.ds.EncapsulatedDocument = document + b"\0" * (len(document) % 2)


def file_name(pattern: str) -> Put:
    """Name the file with the text."""

    def put(host: Host, text: str) -> None:
        host.file_name = pattern.format(re.sub(r"[^\w.-]", "_", text))

    return put


def folder_name(pattern: str) -> Put:
    """Name the folder with the text."""

    def put(host: Host, text: str) -> None:
        host.folder = pattern.format(re.sub(r"[^\w.-]", "_", text))

    return put


def sidecar(name: str) -> Put:
    """Lay a file that is not DICOM beside the instance."""

    def put(host: Host, text: str) -> None:
        host.sidecars[name] = text.encode()

    return put


def content_item(kind: str, keyword: str, *, deep: int = 0) -> Put:
    """Append a content item to a structured report, `deep` containers down."""

    def put(host: Host, text: str) -> None:
        held = item(RelationshipType="CONTAINS", ValueType=kind)
        held.ConceptNameCodeSequence = [item(CodeValue="121106", CodingSchemeDesignator="DCM", CodeMeaning="Comment")]
        parent = walk_to(held, keyword.split(".")[:-1])
        setattr(parent, keyword.rsplit(".", maxsplit=1)[-1], text)
        for _ in range(deep):
            outer = item(RelationshipType="CONTAINS", ValueType="CONTAINER", ContinuityOfContent="SEPARATE")
            outer.ConceptNameCodeSequence = [
                item(CodeValue="121070", CodingSchemeDesignator="DCM", CodeMeaning="Findings")
            ]
            outer.ContentSequence = [held]
            held = outer
        host.ds.ContentSequence.append(held)

    return put
