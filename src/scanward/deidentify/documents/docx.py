"""Word documents (DOCX): written anew from the parts that are understood, text cleaned across runs.

Properties, comments, deleted passages, pictures, attachments, fields, links, names of bookmarks and revisions go.
"""

import io
import posixpath
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from lxml import etree

from scanward.deidentify.documents.docx_elements import (
    CONTENT_TYPES,
    KEPT,
    MAIN_TYPE,
    MAIN_TYPES,
    PACKAGE,
    PART_TYPES,
    RELATIONSHIPS,
    SILENT,
    SPACE,
    TOLD,
    TOLD_PARTS,
    UNWRAPPED,
    R,
    W,
)
from scanward.deidentify.documents.fields import BREAK, Fields
from scanward.deidentify.documents.kinds import CleanedDocument, DocumentFacts
from scanward.deidentify.documents.markup import Element, local_name, parse_xml, to_bytes
from scanward.deidentify.documents.plain import facts_of
from scanward.deidentify.text.prose import TextCleaner
from scanward.errors import DocumentError
from scanward.model.identifier import Identifier, IdentifierKind

MAX_BYTES: Final = 128 << 20
MAX_PARTS: Final = 4096
MAX_PART_BYTES: Final = 64 << 20
MAX_TOTAL_BYTES: Final = 256 << 20
"""Limits of what is unpacked, whatever the directory of the archive says."""

_STORIES = ("header", "footer", "footnotes", "endnotes")
_CREATORS = frozenset({"creator", "lastModifiedBy", "manager"})
_DATE: Final = (1980, 1, 1, 0, 0, 0)
_REMEDY = "Open it in Word and save it as a Word document (.docx)."
_REVISION = re.compile(r"rsid\w*")
_BREAKS = {"tab": "\t", "br": "\n", "cr": "\n", "ptab": "\t", "noBreakHyphen": "-"}


class _Part(NamedTuple):
    """A part that stays: its relationship to the document, and what is in it."""

    kind: str
    old_id: str
    root: Element


class _Package(NamedTuple):
    """What is understood of a document, and the parts that are not."""

    main: Element
    parts: list[_Part]
    left_out: list[str]
    authors: frozenset[str]


def read_facts(data: bytes) -> DocumentFacts:
    """Return what a document says behind labels (``Patient: ...``), and who wrote and changed it.

    Parameters
    ----------
    data
        The document.

    Raises
    ------
    DocumentError
        It cannot be read.
    """
    package = _open(data)
    stories = [package.main, *(part.root for part in package.parts if part.kind in _STORIES)]
    for story in stories:
        _tidy(story, lambda _: None)
    found = facts_of("\n".join("".join(text for _, text in _pieces(story)) for story in stories))
    authors = (Identifier(IdentifierKind.PERSON_NAME, author) for author in package.authors)
    return DocumentFacts(
        identifiers=found.identifiers | frozenset(authors),
        patient_ids=found.patient_ids,
        accession_numbers=found.accession_numbers,
        study_uids=found.study_uids,
    )


def clean(data: bytes, cleaner: TextCleaner) -> CleanedDocument:
    """Return a document written anew with its text cleaned.

    Parameters
    ----------
    data
        The document.
    cleaner
        What cleans its text.

    Raises
    ------
    DocumentError
        It cannot be read, or something known stays.
    """
    package = _open(data)
    fields = Fields(cleaner)
    for what in package.left_out:
        fields.leave_out(what)
    roots = [package.main, *(part.root for part in package.parts)]
    for root in roots:
        _tidy(root, fields.leave_out)
        etree.cleanup_namespaces(root, keep_ns_prefixes=["w", "r"])
        _clean_story(root, fields)
    return fields.document(_write(package), BREAK.join(text for root in roots for text in _texts(root)))


# Reading


def _open(data: bytes) -> _Package:
    if len(data) > MAX_BYTES:
        raise DocumentError(f"expected a document of {MAX_BYTES >> 20} MB at most, got {len(data) >> 20} MB")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _read(_Archive(archive))
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError, ValueError):
        # Broken, encrypted, or packed in a way that is not known: RuntimeError is what encryption raises.
        raise DocumentError(
            "expected a Word document, got an archive that cannot be unpacked", remedy=_REMEDY
        ) from None


class _Archive:
    """The members of an archive, each read once and up to limits."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        infos = archive.infolist()
        names = [info.filename for info in infos]
        if len(infos) > MAX_PARTS or len({name.lower() for name in names}) != len(names):
            raise DocumentError("expected parts with different names, not too many of them", remedy=_REMEDY)
        self._archive = archive
        self._infos = {info.filename: info for info in infos}
        self._left = MAX_TOTAL_BYTES

    def read(self, name: str) -> Element | None:
        """Return a part parsed; None where there is none of that name."""
        info = self._infos.get(name)
        if info is None:
            return None
        limit = min(MAX_PART_BYTES, self._left)
        with self._archive.open(info) as stream:
            data = stream.read(limit + 1)
        if len(data) > limit:
            raise DocumentError("a part of the document is too large when it is unpacked", remedy=_REMEDY)
        self._left -= len(data)
        return parse_xml(data)

    def relationships(self, part: str) -> Iterator[tuple[str, str, str]]:
        """Yield the last word of the type, the ID and the target of what a part refers to within the package."""
        folder, name = posixpath.split(part)
        root = self.read(posixpath.join(folder, "_rels", f"{name}.rels"))
        for one in root if root is not None else ():
            kind = one.get("Type", "").rpartition("/")[2]
            if one.tag == f"{PACKAGE}Relationship" and one.get("TargetMode") != "External":
                target = one.get("Target", "")
                path = target.lstrip("/") if target.startswith("/") else posixpath.join(folder, target)
                yield kind, one.get("Id", ""), posixpath.normpath(path)


def _read(archive: _Archive) -> _Package:
    packaged = {kind: path for kind, _, path in archive.relationships("")}
    main_path = packaged.get("officeDocument", "")
    main = archive.read(main_path)
    types = archive.read("[Content_Types].xml")
    if main is None or types is None or not _is_main(types, main_path) or main.tag != f"{W}document":
        raise DocumentError("expected a Word document, got another package", remedy=_REMEDY)
    parts: list[_Part] = []
    left_out: list[str] = []
    authors: set[str] = set()
    for kind, old_id, path in archive.relationships(main_path):
        root = archive.read(path) if kind in PART_TYPES or kind == "comments" else None
        if root is not None and kind in PART_TYPES:
            if not root.tag.startswith(W):
                raise DocumentError("expected a Word document, got parts of another namespace", remedy=_REMEDY)
            parts.append(_Part(kind, old_id, root))
            authors |= _authors(root)
        elif kind == "comments" and root is not None:
            left_out += ["comment"] * len(root)
            authors |= _authors(root)
        elif kind in TOLD_PARTS:
            left_out.append(TOLD_PARTS[kind])
    for kind in ("core-properties", "extended-properties"):
        properties = archive.read(packaged.get(kind, ""))
        for one in properties if properties is not None else ():
            if local_name(one) in _CREATORS and (one.text or "").strip():
                authors.add(str(one.text).strip())
    return _Package(main, parts, left_out, frozenset(authors | _authors(main)))


def _is_main(types: Element, path: str) -> bool:
    return any(
        one.tag == f"{CONTENT_TYPES}Override"
        and one.get("PartName") == f"/{path}"
        and one.get("ContentType") in MAIN_TYPES
        for one in types
    )


def _authors(root: Element) -> set[str]:
    found = {one.get(f"{W}author", "").strip() for one in root.iter()}
    return {author for author in found if author}


# Cleaning


def _tidy(element: Element, leave_out: Callable[[str], None]) -> None:
    """Take out of an element what does not stay, at every depth."""
    for child in list(element):
        name = local_name(child)
        is_word = child.tag.startswith(W)
        if is_word and name in UNWRAPPED:
            _tidy(child, leave_out)
            place = element.index(child)
            for inner in list(child):
                element.insert(place, inner)
                place += 1
            element.remove(child)
        elif is_word and name in KEPT:
            _tidy(child, leave_out)
        else:
            # In a namespace of its own, an element of a later version of Word: nothing that is read.
            if name in TOLD and name not in SILENT:
                leave_out(TOLD[name])
            elif is_word and name not in SILENT:
                leave_out("element")
            element.remove(child)
        child.tail = None
    for name in list(element.attrib):
        bare = name.rpartition("}")[2]
        stays = name.startswith(W) and not _REVISION.fullmatch(bare)
        if not (stays or name == SPACE or (name == f"{R}id" and local_name(element).endswith("Reference"))):
            del element.attrib[name]
    if element.tag != f"{W}t":
        element.text = None


def _clean_story(root: Element, fields: Fields) -> None:
    """Clean the text of a part as one, across its runs."""
    pieces = _pieces(root)
    texts = [text for _, text in pieces]
    if not any(text.strip() for text in texts):
        return
    for (element, old), new in zip(pieces, fields.pieces(texts, joint=""), strict=True):
        if element is not None and old != new:
            element.text = new
            element.set(SPACE, "preserve")


def _pieces(root: Element) -> list[tuple[Element | None, str]]:
    """Return the runs of text in order, and between them what parts them for a reader, which has no element."""
    found: list[tuple[Element | None, str]] = []
    for event, element in etree.iterwalk(root, events=("start", "end")):
        name = local_name(element)
        if event == "start":
            if name == "t":
                found.append((element, element.text or ""))
            elif name in _BREAKS and local_name(element.getparent()) == "r":
                found.append((None, _BREAKS[name]))
        elif name == "p":
            found.append((None, "\t" if _is_before_cell(element) else "\n"))
    return found


def _is_before_cell(paragraph: Element) -> bool:
    """Say whether a paragraph is the last of a cell with another one to its right, as a label and its value."""
    cell = paragraph.getparent()
    if cell is None or local_name(cell) != "tc" or paragraph.getnext() is not None:
        return False
    return cell.getnext() is not None


def _texts(root: Element) -> Iterator[str]:
    """Yield all that a reader or a program could take something from."""
    yield "".join(text for _, text in _pieces(root))
    for element in root.iter():
        yield from map(str, element.attrib.values())


# Writing


def _write(package: _Package) -> bytes:
    """Return a package of the parts that stay, under names of our own."""
    members: list[tuple[str, bytes]] = []
    links: list[tuple[str, str, str]] = []
    types = [("word/document.xml", MAIN_TYPE)]
    new_ids: dict[str, str] = {}
    for number, part in enumerate(package.parts, start=1):
        name = f"{part.kind}{number}.xml"
        new_ids[part.old_id] = f"rId{number}"
        links.append((f"rId{number}", part.kind, name))
        types.append((f"word/{name}", PART_TYPES[part.kind]))
        members.append((f"word/{name}", to_bytes(part.root)))
    for element in list(package.main.iter(f"{W}headerReference", f"{W}footerReference")):
        new = new_ids.get(element.get(f"{R}id", ""))
        if new is None:
            element.getparent().remove(element)
        else:
            element.set(f"{R}id", new)
    members = [
        ("[Content_Types].xml", _content_types(types)),
        ("_rels/.rels", _links([("rId1", "officeDocument", "word/document.xml")])),
        ("word/document.xml", to_bytes(package.main)),
        ("word/_rels/document.xml.rels", _links(links)),
        *members,
    ]
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            info = zipfile.ZipInfo(name, _DATE)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    return target.getvalue()


def _content_types(types: Sequence[tuple[str, str]]) -> bytes:
    root = etree.Element(f"{CONTENT_TYPES}Types", nsmap={None: CONTENT_TYPES.strip("{}")})
    default = {"Extension": "rels", "ContentType": "application/vnd.openxmlformats-package.relationships+xml"}
    etree.SubElement(root, f"{CONTENT_TYPES}Default", default)
    etree.SubElement(root, f"{CONTENT_TYPES}Default", {"Extension": "xml", "ContentType": "application/xml"})
    for name, kind in types:
        etree.SubElement(root, f"{CONTENT_TYPES}Override", {"PartName": f"/{name}", "ContentType": kind})
    return to_bytes(root)


def _links(links: Sequence[tuple[str, str, str]]) -> bytes:
    root = etree.Element(f"{PACKAGE}Relationships", nsmap={None: PACKAGE.strip("{}")})
    for identifier, kind, target in links:
        attributes = {"Id": identifier, "Type": f"{RELATIONSHIPS}{kind}", "Target": target}
        etree.SubElement(root, f"{PACKAGE}Relationship", attributes)
    return to_bytes(root)
