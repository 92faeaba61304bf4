"""XML and XHTML read without entities, networks or depth, and text cleaned across the elements that it is in."""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Final, TypeAlias

from lxml import etree

from scanward.deidentify.documents.fields import Fields
from scanward.errors import DocumentError

MAX_BYTES: Final = 64 << 20
MAX_DEPTH: Final = 200
"""The parser refuses deeper ones than 256 itself."""

MAX_ELEMENTS: Final = 2_000_000

XHTML: Final = "{http://www.w3.org/1999/xhtml}"

_REMEDY = "Have the system that wrote it write it anew."

Element: TypeAlias = etree._Element  # noqa: SLF001 - the name of the class of elements
"""An element."""

Slot = tuple[Element, str]
"""A place of text: an element, and ``text`` (within it) or ``tail`` (after it)."""


def parse_xml(data: bytes) -> Element:
    """Parse a document.

    Parameters
    ----------
    data
        The document.

    Raises
    ------
    DocumentError
        It is not well formed, too large or deep, or has a document type, by which it could name other files or grow.
    """
    if len(data) > MAX_BYTES:
        raise DocumentError(
            f"expected XML of {MAX_BYTES >> 20} MB at most, got {len(data) >> 20} MB", remedy="Split it."
        )
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False, recover=False,
        remove_comments=True, remove_pis=True,
    )  # fmt: skip
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError, LookupError):
        # What the parser says quotes the document.
        raise DocumentError("expected well-formed XML, got something else", remedy=_REMEDY) from None
    if root.getroottree().docinfo.doctype:
        raise DocumentError("expected XML without a document type (DOCTYPE), got one", remedy=_REMEDY)
    _bound(root)
    return root


def _bound(root: Element) -> None:
    depth = count = 0
    for event, element in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        count += event == "start"
        if depth > MAX_DEPTH or count > MAX_ELEMENTS:
            raise DocumentError(
                f"expected XML of {MAX_DEPTH} levels and {MAX_ELEMENTS:,} elements at most, got more", remedy=_REMEDY
            )
        if event == "start" and not isinstance(element.tag, str):
            raise DocumentError("expected XML without entities, got one", remedy=_REMEDY)


def to_bytes(root: Element) -> bytes:
    """Return a document in UTF-8."""
    return bytes(etree.tostring(root, encoding="UTF-8", xml_declaration=True))


def local_name(element: Element) -> str:
    """Return the name of an element without its namespace."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def slots_of(block: Element, *, is_block: Callable[[Element], bool]) -> Iterator[list[Slot]]:
    """Yield the places of text that are read as one each, in order: a paragraph, a cell, a line.

    Parameters
    ----------
    block
        The element whose text it is.
    is_block
        Whether an element begins and ends a line of its own.
    """
    lines: list[list[Slot]] = [[(block, "text")]]
    for event, element in etree.iterwalk(block, events=("start", "end")):
        if element is block:
            continue
        if event == "start":
            if is_block(element):
                lines.append([])
            lines[-1].append((element, "text"))
        else:
            if is_block(element):
                lines.append([])
            lines[-1].append((element, "tail"))
    for line in lines:
        held = [slot for slot in line if _text(slot)]
        if held:
            yield held


def clean_slots(lines: Sequence[Sequence[Slot]], fields: Fields) -> None:
    """Clean text in its places, all of it as one text with a line end between lines.

    Raises
    ------
    DocumentError
        Something known stays.
    """
    places = [slot for line in lines for slot in line]
    pieces = [_text(slot) for slot in places]
    last = -1
    for line in lines:
        last += len(line)
        pieces[last] += "\n"
    if not any(piece.strip() for piece in pieces):
        return
    for (element, place), piece, text in zip(places, pieces, fields.pieces(pieces, joint=""), strict=True):
        shown = text.removesuffix("\n") if piece.endswith("\n") else text
        if place == "text":
            element.text = shown
        else:
            element.tail = shown


def _text(slot: Slot) -> str:
    element, place = slot
    return (element.text if place == "text" else element.tail) or ""


def drop(element: Element) -> None:
    """Take an element out, with what is in it; the text after it stays."""
    parent = element.getparent()
    if parent is None:
        return
    if element.tail:
        before = element.getprevious()
        if before is not None:
            before.tail = (before.tail or "") + element.tail
        else:
            parent.text = (parent.text or "") + element.tail
    parent.remove(element)


def keep_attributes(element: Element, allowed: Collection[str]) -> None:
    """Take all attributes away but those named."""
    for name in list(element.attrib):
        if name not in allowed:
            del element.attrib[name]
