"""Gives a matched result its patient, study, references and dates back, and labels it.

What is put back has been recorded when the study was prepared; nothing is looked up by what the recipient says but by
the UIDs and the pseudonym that it was given. Pixels pass as ranges of the source.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from scanward.dicomstream.charset import decode_text, encode_text
from scanward.dicomstream.encoding import Encoding, encode_element, encode_header
from scanward.dicomstream.file_meta import encode_file_meta
from scanward.dicomstream.opening import vr_bytes_of
from scanward.dicomstream.part10 import DataSetStart
from scanward.dicomstream.reader import Element, Reader
from scanward.dicomstream.rewrite import MAX_HELD_BYTES, Edit, Scope, gather, rewrite_element
from scanward.dicomstream.similar import FIRST_PIXEL_TAG, SimilarDataSets
from scanward.errors import DicomFormatError, ResultError
from scanward.model.attribute import Tag, format_tag
from scanward.model.instance import ByteSource, Content, Piece, Range
from scanward.release.label import (
    CONTENT_DESCRIPTION,
    CONTRIBUTING_EQUIPMENT_SEQUENCE,
    IMAGE_COMMENTS,
    SERIES_DESCRIPTION,
    Labelling,
    equipment_items,
    institution_name,
    label_text,
    labelled_texts,
    refuse_attested,
)
from scanward.release.match import Match
from scanward.release.putback import UNICODE, ValueRestorer, encode_strictly
from scanward.release.read import SPECIFIC_CHARACTER_SET, ResultFacts
from scanward.release.residue import refuse_residue

_PUT_BACK: Mapping[Tag, tuple[bytes, str]] = {
    0x00080020: (b"DA", "study_date"),
    0x00080030: (b"TM", "study_time"),
    0x00080050: (b"SH", "accession_number"),
    0x00080090: (b"PN", "referring_physician"),
    0x00081030: (b"LO", "study_description"),
    0x00100010: (b"PN", "patient_name"),
    0x00100020: (b"LO", "patient_id"),
    0x00100021: (b"LO", "issuer"),
    0x00100030: (b"DA", "birth_date"),
    0x00100040: (b"CS", "sex"),
    0x00200010: (b"SH", "study_id"),
}
"""Attributes of patient and study that are written as they were received, whatever the recipient wrote: VR, and which
of :class:`~scanward.release.originals.Originals`."""

_ONLY_WITH_VALUE = frozenset((0x00081030, 0x00100021))
"""Those that are optional (Type 3); the others may be empty and have to be there."""

_OTHER_IDENTITY = frozenset(
    (
        0x00080051,  # Issuer of Accession Number Sequence
        0x00100022,  # Type of Patient ID
        0x00100024,  # Issuer of Patient ID Qualifiers Sequence
        0x00101000,  # Other Patient IDs
        0x00101001,  # Other Patient Names
        0x00101002,  # Other Patient IDs Sequence
        0x00201070,  # Other Study Numbers
    )
)
"""What would say that the patient or study is another's as well. None of it went out, so a recipient cannot know it."""

_UNTRUE_NOW = frozenset(
    (
        0x00120062,  # Patient Identity Removed
        0x00120063,  # De-identification Method
        0x00120064,  # De-identification Method Code Sequence
        0x00280303,  # Longitudinal Temporal Information Modified
        0x4FFE0001,  # MAC Parameters Sequence
        0xFFFAFFFA,  # Digital Signatures Sequence: of bytes that are not the same any more
    )
)

_ENCRYPTED_ATTRIBUTES_SEQUENCE = 0x04000500

_GROUPS_OF_STRUCTURE = frozenset((0x0000, 0x0002, 0x0004, 0x0006, 0xFFFC))

_DELIMITER_BYTES = 8

_LABELLED_TEXTS = frozenset((SERIES_DESCRIPTION, IMAGE_COMMENTS, CONTENT_DESCRIPTION))

_Part = tuple[Tag, tuple[Piece, ...]]


@dataclass(frozen=True, kw_only=True, slots=True)
class ReidentifiedResult:
    """A result with its patient's identity, ready to be delivered to the archive.

    Attributes
    ----------
    pieces
        The whole file in order: preamble, File Meta Information, Data Set.
    deflate_from
        Index of the first piece that has to be deflated when written (Deflated Explicit VR), or None.
    source
        What the ranges among `pieces` refer to: the result as it came, or what that inflates to.
    study_uid, series_uid, sop_instance_uid
        Where it belongs in the archive.
    sop_class_uid, transfer_syntax_uid
        What it is.
    """

    pieces: Sequence[Piece]
    deflate_from: int | None
    source: ByteSource
    study_uid: str
    series_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str

    def __repr__(self) -> str:
        """Show the kind only."""
        return f"ReidentifiedResult({self.sop_class_uid})"


class Reidentifier:
    """Re-identifies and labels results.

    Parameters
    ----------
    labelling
        What labels say.
    """

    def __init__(self, labelling: Labelling) -> None:
        self._labelling = labelling

    def apply(self, start: DataSetStart, facts: ResultFacts, match: Match) -> ReidentifiedResult:
        """Return the result as it goes to the archive.

        Parameters
        ----------
        start
            The result as it came.
        facts, match
            What it says of itself and what it belongs to.

        Raises
        ------
        ResultError
            It cannot be put back safely or in full, or says that a person verified it.
        DicomFormatError
            It is not well formed.
        """
        refuse_attested(facts)
        parts = _Rewrite(self._labelling, start, facts, match).parts()
        study_uid = match.uids.get(facts.study_uid, facts.study_uid)
        meta = encode_file_meta(
            sop_class_uid=facts.sop_class_uid,
            sop_instance_uid=facts.sop_instance_uid,
            transfer_syntax_uid=start.transfer_syntax_uid,
        )
        result = ReidentifiedResult(
            pieces=[meta, *_joined(parts)],
            deflate_from=1 if start.is_deflated else None,
            source=start.reader.source,
            study_uid=study_uid,
            series_uid=facts.series_uid,
            sop_instance_uid=facts.sop_instance_uid,
            sop_class_uid=facts.sop_class_uid,
            transfer_syntax_uid=start.transfer_syntax_uid,
        )
        refuse_residue(result.pieces, result.source, match)
        return result


def _joined(parts: list[_Part]) -> list[Piece]:
    """Return pieces in order, with what is in memory joined."""
    pieces: list[Piece] = []
    held: list[bytes] = []
    for _, part in parts:
        for piece in part:
            if isinstance(piece, bytes):
                held.append(piece)
                continue
            pieces.append(b"".join(held))
            held = []
            pieces.append(piece)
    pieces.append(b"".join(held))
    return [piece for piece in pieces if piece]


class _Rewrite:
    """The rewriting of one result."""

    def __init__(self, labelling: Labelling, start: DataSetStart, facts: ResultFacts, match: Match) -> None:
        self._labelling = labelling
        self._start = start
        self._facts = facts
        self._originals = match.originals
        self._name = institution_name(labelling)
        texts = [getattr(match.originals, name) for _, name in _PUT_BACK.values()]
        self._recode = any(encode_strictly(text, facts.charset) is None for text in (*texts, self._name))
        self._charset = UNICODE if self._recode else facts.charset
        self._restorer = ValueRestorer(match, received_on=labelling.received.date(), recode=self._recode)

    def parts(self) -> list[_Part]:
        """Return the elements of the new data set by ascending tag.

        Raises
        ------
        ResultError, DicomFormatError
            Nothing of it may be used.
        """
        parts = SimilarDataSets(self._process, _join).process(self._start)
        present = {tag for tag, pieces in parts if pieces}
        added = [(tag, vr, self._encode_text(text)) for tag, vr, text in self._texts_put_back()]
        if self._recode:
            added.append((SPECIFIC_CHARACTER_SET, b"CS", UNICODE))
        added += [(tag, vr, text.encode("ascii")) for tag, (vr, text) in labelled_texts(self._facts).items()]
        added.append((CONTRIBUTING_EQUIPMENT_SEQUENCE, b"SQ", self._equipment(self._start.encoding)))
        for tag, vr, value in added:
            if tag not in present:
                parts.append((tag, (encode_element(tag, vr, value, self._start.encoding),)))
        parts.sort(key=lambda part: part[0])
        return parts

    def _texts_put_back(self) -> Iterator[tuple[Tag, bytes, str]]:
        for tag, (vr, name) in _PUT_BACK.items():
            text: str = getattr(self._originals, name)
            if text or tag not in _ONLY_WITH_VALUE:
                yield tag, vr, text

    def _encode_text(self, text: str) -> bytes:
        encoded = encode_strictly(text, self._charset)
        if encoded is None:
            raise ResultError("expected a character set that has what is put back, got one that has not")
        return encoded

    def _equipment(self, encoding: Encoding) -> bytes:
        return equipment_items(self._labelling, self._encode_text(self._name), encoding)

    # Elements of the top level

    def _process(self, reader: Reader, element: Element, end: int, _creator: bytes | None) -> _Part:
        tag = element.tag
        if tag in _PUT_BACK or tag in _OTHER_IDENTITY:
            return tag, ()
        if tag >= FIRST_PIXEL_TAG and tag >> 16 == FIRST_PIXEL_TAG >> 16:
            return tag, _pixels(element, end)
        if tag in _LABELLED_TEXTS and not reader.is_sequence(element):
            return tag, (self._label(element, reader),)
        if tag == CONTRIBUTING_EQUIPMENT_SEQUENCE:
            return tag, (self._extend_equipment(element, reader, end),) if reader.is_sequence(element) else ()
        return tag, tuple(gather(reader, self._walk(element, reader, end)))

    def _walk(self, element: Element, reader: Reader, end: int) -> list[Piece]:
        scope = Scope(charset=self._facts.charset)
        pieces, after = rewrite_element(reader, element, limit=reader.size, scope=scope, decide=self._decide)
        if after != end:
            raise DicomFormatError(f"{format_tag(element.tag)}: expected it to end elsewhere")
        return pieces

    def _decide(self, element: Element, scope: Scope, reader: Reader) -> Edit | bytes:
        tag = element.tag
        if not tag & 0xFFFF or tag >> 16 in _GROUPS_OF_STRUCTURE or tag in _UNTRUE_NOW:
            return Edit.REMOVE
        if tag == _ENCRYPTED_ATTRIBUTES_SEQUENCE:
            raise ResultError(f"{format_tag(tag)}: expected Attributes that can be read, got encrypted ones")
        if reader.is_sequence(element):
            return Edit.DESCEND
        return self._restorer.restore(element, scope, reader)

    def _label(self, element: Element, reader: Reader) -> bytes:
        """Return a description or comment with the label before what the recipient wrote."""
        restored = self._restorer.restore(element, Scope(charset=self._facts.charset), reader)
        if isinstance(restored, bytes):
            text = decode_text(restored, self._charset)
        else:
            text = decode_text(reader.read(element.value, element.length), self._facts.charset)
        # Bytes that the character set does not have stay what they are: the label adds ASCII only.
        value = encode_text(label_text(element.tag, text), self._charset)
        if value is None:
            raise ResultError(
                f"{format_tag(element.tag)}: expected text in its Specific Character Set, got other bytes"
            )
        return encode_element(element.tag, vr_bytes_of(element.tag), value, element.encoding)

    def _extend_equipment(self, element: Element, reader: Reader, end: int) -> bytes:
        """Return Contributing Equipment Sequence with our items behind those that are there."""
        if end - element.start > MAX_HELD_BYTES:
            raise ResultError(f"{format_tag(element.tag)}: expected at most {MAX_HELD_BYTES} bytes")
        pieces = self._walk(element, reader, end)
        data = b"".join(
            piece if isinstance(piece, bytes) else piece.source_in(reader.source).read(piece.offset, piece.length)
            for piece in pieces
        )
        items = data[len(encode_header(element.tag, element.vr, 0, element.encoding)) :]
        if element.is_undefined:
            items = items[:-_DELIMITER_BYTES]
        items += self._equipment(reader.inner_encoding(element))
        return encode_element(element.tag, element.vr, items, element.encoding)


def _join(parts: list[_Part]) -> _Part:
    return parts[0][0], tuple(piece for _, pieces in parts for piece in pieces)


def _pixels(element: Element, end: int) -> tuple[Piece, ...]:
    """Return Pixel Data as it came: a new header, and the value as a range."""
    header = encode_header(element.tag, element.vr, element.length, element.encoding)
    content = Content.CODESTREAM if element.is_undefined else Content.NATIVE_PIXELS
    return header, Range(element.value, end - element.value, content)
