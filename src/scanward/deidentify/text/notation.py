"""What is searched: a :class:`Notation` of an identifier, and how far it may be looked for.

The shorter and the more ordinary a notation is, the nearer to readable text it stays: four random bytes are a name
somewhere in any image, and a patient called Head must not cost a study its body part.
"""

from enum import Enum, IntEnum
from typing import NamedTuple

from scanward.model.identifier import IdentifierKind


class SearchContext(IntEnum):
    """What is searched; a notation is looked for in all contexts up to the one that it names."""

    TEXT = 0
    """Decoded text."""
    HEADER = 1
    """Bytes of elements: mostly short text, between them tags, lengths and numbers."""
    BINARY = 2
    """Bytes that may hold text: private elements, lookup tables, waveforms, documents."""
    CODESTREAM = 3
    """Entropy-coded bytes, which look random."""


class Edge(Enum):
    """What may stand beside a hit."""

    WORD = "no letter"
    LOOSE = "letters, unless they make an ordinary word of it"
    TOKEN = "no letter and no digit"  # noqa: S105 - a word of text, not of passing
    NUMBER = "no digit, unless the run of digits is hardly longer than the hit"
    DATE = "digits of a time after it only"
    DOTTED = "no component of a UID"


class Gap(Enum):
    """What may stand between the parts of a hit, and within them."""

    FREE = "separators between the parts"
    PARTED = "at least one separator between the parts"
    GROUPED = "separators between the parts; blanks, dashes, dots or slashes group the digits within"
    PHONE = "separators anywhere"
    WRAPPED = "line breaks anywhere"


class Notation(NamedTuple):
    """One way to write an identifier.

    Attributes
    ----------
    parts
        What must follow each other, folded, as UTF-8 without separators.
    kind
        What is identified.
    reach
        The last context in which it is looked for.
    edge, gap
        What may stand beside and between.
    """

    parts: tuple[bytes, ...]
    kind: IdentifierKind
    reach: SearchContext
    edge: Edge
    gap: Gap


class Encoded(NamedTuple):
    """An identifier in bytes that are not ASCII text: looked for as they are, but for the case of ASCII letters."""

    raw: bytes
    kind: IdentifierKind
    reach: SearchContext


class WeakWord(NamedTuple):
    """A word of a name that tells nothing alone: it counts beside another word of the same name, or after a cue."""

    word: str
    name: int
    kind: IdentifierKind
    cued: bool
    """Whether a cue such as ``Mr`` is enough; not for initials, particles and words of protocols."""


SEPARATORS = b"\0\t\n\r '\"()+,-./:;=@\\^_|&"
"""What people and formats put between the parts of a name, a date or a number."""
