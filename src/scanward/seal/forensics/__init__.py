"""What is known of a copy: which sealed film it comes from, where it differs, and who it was given to."""

from enum import StrEnum


class ForensicsFault(StrEnum):
    """How looking at a picture can fail."""

    PICTURE_UNFIT = "forensics.picture.unfit"
    """It is no grey picture of a size that can be compared."""

    FILM_MALFORMED = "forensics.film.malformed"
    """The kept description of a sealed film is not what was kept."""

    NOT_ALIGNED = "forensics.difference.not-aligned"
    """Two pictures cannot be laid over each other: nothing can be said of differences."""

    NOT_EIGHT_BIT = "forensics.fingerprint.not-eight-bit"
    """Only exports, which have 8 bits, are marked."""

    KEY_UNFIT = "forensics.fingerprint.key-unfit"
    """A key of a recipient is too short or is there twice."""

    CAPACITY = "forensics.reversible.capacity"
    """A picture has no room for so much, bit for bit reversible."""

    RANGE = "forensics.reversible.range"
    """A picture has values beyond what its Bits Stored allow, or is of no kind that can carry a payload."""

    PAYLOAD = "forensics.reversible.payload"
    """A picture carries no payload, or one that was damaged."""
