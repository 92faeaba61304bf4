"""What the header says of the pixels, read when they are looked at; the file command's first pass does without."""

from collections.abc import Iterator, Mapping
from typing import Literal

from scanward.dicomstream.encoding import ITEM, ITEM_DELIMITER, SEQUENCE_DELIMITER, UNDEFINED_LENGTH, Encoding
from scanward.dicomstream.part10 import DataSetStart
from scanward.dicomstream.reader import Element, Reader
from scanward.dicomstream.similar import SimilarDataSets
from scanward.errors import DicomFormatError, TruncatedError
from scanward.model.attribute import Tag, format_tag

MAX_VALUE_BYTES = 1 << 20
"""Longer values are not taken: a palette of 65,536 entries of 16 bits has 128 KiB."""

MAX_ITEMS = 100_000
"""Items of one sequence that are looked at."""


class Elements:
    """The elements of a data set or item by tag, with values read on demand.

    Parameters
    ----------
    reader
        Where the bytes are.
    elements
        Headers by tag.
    little
        Whether numbers are little endian.
    values
        Raw values that take the place of those that are there.
    """

    __slots__ = ("_elements", "_little", "_reader", "_values")

    def __init__(
        self,
        reader: Reader,
        elements: Mapping[Tag, Element],
        *,
        little: bool,
        values: Mapping[Tag, bytes] | None = None,
    ) -> None:
        self._reader = reader
        self._elements = elements
        self._little = little
        self._values = values or {}

    def with_values(self, values: Mapping[Tag, bytes | None]) -> "Elements":
        """Return these elements with other raw values; None takes one out."""
        elements = {tag: element for tag, element in self._elements.items() if values.get(tag, b"") is not None}
        new = {tag: value for tag, value in values.items() if value is not None}
        return Elements(self._reader, elements, little=self._little, values={**self._values, **new})

    def __contains__(self, tag: Tag) -> bool:
        """Whether there is such an element."""
        return tag in self._elements or tag in self._values

    def tags(self) -> Iterator[Tag]:
        """Give all tags."""
        return iter(self._elements)

    def find(self, tag: Tag) -> Element | None:
        """Return the header of an element, or None where it is missing."""
        return self._elements.get(tag)

    def raw(self, tag: Tag) -> bytes:
        """Return a value as it is; empty where it is missing, of undefined length or over `MAX_VALUE_BYTES`."""
        if tag in self._values:
            return self._values[tag]
        element = self._elements.get(tag)
        if element is None or element.length > MAX_VALUE_BYTES:
            return b""
        return self._reader.read(element.value, element.length)

    def text(self, tag: Tag) -> str:
        """Return a value of a VR with the basic character set, such as CS, UI or DS."""
        return self.raw(tag).decode("ascii", "replace").strip(" \0")

    def integers(self, tag: Tag, *, signed: bool = False) -> list[int]:
        """Return the numbers of an US, SS, UL or SL value.

        Parameters
        ----------
        tag
            Which.
        signed
            How to read 16 bits where the VR does not tell: those of "US or SS" in implicit VR.
        """
        element = self._elements.get(tag)
        raw = self.raw(tag)
        width = 2
        if element is not None:
            width = 4 if element.vr in (b"UL", b"SL") else 2
            signed = element.vr in (b"SS", b"SL") or (signed and (element.vr != b"US" or element.encoding.implicit))
        order: Literal["little", "big"] = "little" if self._little else "big"
        count = len(raw) // width
        return [int.from_bytes(raw[at * width : (at + 1) * width], order, signed=signed) for at in range(count)]

    def integer(self, tag: Tag) -> int | None:
        """Return the first number of an US or UL value, or None where there is none."""
        numbers = self.integers(tag)
        return numbers[0] if numbers else None

    def decimals(self, tag: Tag) -> list[float]:
        """Return the numbers of a DS or FD value, without those that are not finite or no numbers."""
        import math
        import struct

        element = self._elements.get(tag)
        raw = self.raw(tag)
        if element is not None and element.vr in (b"FD", b"FL"):
            width, code = (8, "d") if element.vr == b"FD" else (4, "f")
            count = len(raw) // width
            values = struct.unpack(f"{'<' if self._little else '>'}{count}{code}", raw[: count * width])
            return [value for value in values if math.isfinite(value)]
        found = []
        for part in raw.decode("ascii", "replace").strip(" \0").split("\\"):
            try:
                value = float(part)
            except ValueError:
                continue
            if math.isfinite(value):
                found.append(value)
        return found

    def items(self, tag: Tag) -> Iterator["Elements"]:
        """Give the items of a sequence; none where it is missing or no sequence.

        Raises
        ------
        DicomFormatError
            It is not well formed.
        """
        element = self._elements.get(tag)
        reader = self._reader
        if element is None or not reader.is_sequence(element):
            return
        encoding = reader.inner_encoding(element)
        end = reader.end(element, reader.size)
        offset = element.value
        for _ in range(MAX_ITEMS):
            if offset >= end:
                return
            item, length = reader.item(offset, encoding, end)
            if item == SEQUENCE_DELIMITER:
                return
            if item != ITEM:
                raise DicomFormatError(f"{format_tag(tag)}: expected an item, got {format_tag(item)}")
            inside = min(end, UNDEFINED_LENGTH if length == UNDEFINED_LENGTH else offset + 8 + length)
            elements, offset = _walk_item(reader, offset + 8, inside, encoding)
            yield Elements(reader, elements, little=encoding.little)


def _walk_item(reader: Reader, offset: int, end: int, encoding: Encoding) -> tuple[dict[Tag, Element], int]:
    """Return the elements of an item, and the offset behind it."""
    elements: dict[Tag, Element] = {}
    while offset < end:
        if offset + 8 > end:
            raise TruncatedError("expected an element or a delimiter in an item, got the end")
        element = reader.element(offset, encoding)
        if element.tag == ITEM_DELIMITER:
            return elements, offset + 8
        if element.tag in (ITEM, SEQUENCE_DELIMITER):
            raise DicomFormatError(f"expected an element in an item, got {format_tag(element.tag)}")
        offset = reader.end(element, end)
        elements[element.tag] = element
    return elements, offset


def read_pixel_header(start: DataSetStart) -> Elements:
    """Return the elements of the top level of an instance, which are those that de-identification walks.

    Raises
    ------
    DicomFormatError
        The data set is not well formed, or has an element twice.
    """
    similar: SimilarDataSets[Element] = SimilarDataSets(_keep, _first)
    elements = {element.tag: element for element in similar.process(start)}
    return Elements(start.reader, elements, little=start.encoding.little)


def _keep(_reader: Reader, element: Element, _end: int, _creator: bytes | None) -> Element:
    return element


def _first(elements: list[Element]) -> Element:
    return elements[0]
