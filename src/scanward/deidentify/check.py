"""The check: every byte of an output but native pixel samples, searched for what identified the input.

It looks at the bytes that would be written, not at what was meant to be done.
"""

import re

from scanward.deidentify.pseudonym import UID_PATTERN_BYTES, Pseudonyms
from scanward.deidentify.text.known import KnownIdentifiers, SearchContext
from scanward.errors import ResidualIdentifierError
from scanward.model.instance import _SEAL, ByteSource, CheckedInstance, Content, DeidentifiedInstance, Range
from scanward.standard.uids import is_registered

CHUNK_BYTES = 1024 * 1024
OVERLAP_BYTES = 1024
"""Ranges are searched in chunks that overlap by more than the longest identifier."""

REMEMBERED_BYTES = 16
"""Pieces from this length on are remembered once they were found clean: elements and runs that instances share."""

REMEMBERED_PIECES = 4096

MIN_UID_DOTS = 5
"""Shorter ones are version numbers; see :data:`scanward.deidentify.pseudonym.UID_PATTERN`."""

_DOTTED_NUMBERS = re.compile(rb"[0-9.]{11,}")

_CODE_SYSTEMS = frozenset({b"2.16.840.1.113883.1.3", b"2.16.840.1.113883.6.1", b"2.16.840.1.113883.5.25"})
"""HL7's own identifiers of its message types, of LOINC and of confidentiality codes, which blank documents name."""

_GAP = b"\0\0"


class Checker:
    """Checks the instances of one study.

    Parameters
    ----------
    known
        What must not be in an output.
    pseudonyms
        Tells new UIDs from those of the input.
    retains_uids
        Whether the profile keeps the UIDs of the input.
    """

    def __init__(self, known: KnownIdentifiers, pseudonyms: Pseudonyms, *, retains_uids: bool) -> None:
        self._known = known
        self._pseudonyms = pseudonyms
        self._retains_uids = retains_uids
        self._clean: set[bytes] = set()

    def check(self, instance: DeidentifiedInstance) -> CheckedInstance:
        """Return the instance as checked.

        Raises
        ------
        ResidualIdentifierError
            An identifier of the input is in the output; the message names its kind only.
        """
        clean = self._clean
        novel: list[bytes] = []
        for piece in instance.pieces:
            if isinstance(piece, bytes):
                if piece not in clean:
                    novel.append(piece)
            elif piece.content is not Content.NATIVE_PIXELS:
                self._check_range(piece.source_in(instance.source), piece)
        if novel:
            self._check_bytes(_GAP.join(novel), SearchContext.HEADER)
            if len(clean) > REMEMBERED_PIECES:
                clean.clear()
            clean.update(piece for piece in novel if len(piece) >= REMEMBERED_BYTES)
        return CheckedInstance(instance, _seal=_SEAL)

    def _check_range(self, source: ByteSource, piece: Range) -> None:
        context = SearchContext.CODESTREAM if piece.content is Content.CODESTREAM else SearchContext.BINARY
        for at in range(0, piece.length, CHUNK_BYTES):
            length = min(CHUNK_BYTES + OVERLAP_BYTES, piece.length - at)
            self._check_bytes(source.read(piece.offset + at, length), context)

    def _check_bytes(self, data: bytes, context: SearchContext) -> None:
        spans = self._known.find_in_bytes(data, context) if self._known.contains(data, context) else []
        if spans:
            kinds = ", ".join(sorted({span.kind.value for span in spans}))
            raise ResidualIdentifierError(f"the output still holds: {kinds}")
        if context is SearchContext.HEADER and not self._retains_uids:
            for numbers in _DOTTED_NUMBERS.findall(data):
                if numbers.count(b".") >= MIN_UID_DOTS:
                    self._check_uids(numbers)

    def _check_uids(self, numbers: bytes) -> None:
        for uid in UID_PATTERN_BYTES.findall(numbers):
            if uid in _CODE_SYSTEMS or self._pseudonyms.is_made(uid) or is_registered(uid.decode("ascii")):
                continue
            raise ResidualIdentifierError("the output still holds: unique identifier")
