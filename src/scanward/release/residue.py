"""The last look at a re-identified result: nothing of what stood in for the patient may be left in it.

A result that still names its patient by the pseudonym, or an instance by a UID that the archive does not know, was not
put back in full: somebody looks at it before it reaches the archive.
"""

import re
from collections.abc import Iterator, Sequence

from scanward.errors import ResultError
from scanward.model.instance import ByteSource, Content, Piece
from scanward.release.match import Match
from scanward.release.read import CHUNK_BYTES, OVERLAP_BYTES

_DOTTED = re.compile(rb"(?<![0-9.])[0-2]\.[0-9][0-9.]{3,}")


def refuse_residue(pieces: Sequence[Piece], source: ByteSource, match: Match) -> None:
    """Search every byte but pixels.

    Parameters
    ----------
    pieces, source
        The result as it would go to the archive.
    match
        What it belongs to.

    Raises
    ------
    ResultError
        A UID or the pseudonym that went out is still there.
    """
    uids = frozenset(new.encode("ascii", "replace") for new, original in match.uids.items() if new != original)
    lengths = sorted({len(uid) for uid in uids})
    pseudonym = match.originals.pseudonym.upper().encode("ascii", "replace")
    for data in _searched(pieces, source):
        if pseudonym in data.upper():
            raise ResultError(
                "expected no pseudonym in what goes to the archive, got one in a place that cannot be edited",
                remedy="Look at the result: a document or private element may have the pseudonym printed in it.",
            )
        if any(_begins_with_uid(found.group(), uids, lengths) for found in _DOTTED.finditer(data)):
            raise ResultError(
                "expected no UID that went out in what goes to the archive, got one in a place that cannot be edited",
                remedy="Look at the result: a private element or document may refer to what the recipient was sent.",
            )


def _searched(pieces: Sequence[Piece], source: ByteSource) -> Iterator[bytes]:
    for piece in pieces:
        if isinstance(piece, bytes):
            yield piece
        elif piece.content is Content.HEADER:
            counted_in = piece.source_in(source)
            for at in range(0, piece.length, CHUNK_BYTES):
                yield counted_in.read(piece.offset + at, min(CHUNK_BYTES + OVERLAP_BYTES, piece.length - at))


def _begins_with_uid(number: bytes, uids: frozenset[bytes], lengths: list[int]) -> bool:
    """Whether a dotted number is one of `uids`, or one with what happens to stand behind it.

    The next element may begin with a byte that reads as a digit. One with more components is another UID, such as a
    recipient makes of ours.
    """
    for length in lengths:
        if number[:length] in uids:
            rest = number[length : length + 2]
            return not (rest[:1] == b"." and rest[1:].isdigit())
    return False
