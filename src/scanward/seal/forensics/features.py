"""Describes a radiograph so that a copy of it is known again: a perceptual hash, and what stands in some places.

Perceptual hash: PDQ (Facebook 2019), 256 bits of a cosine transform. Places: SIFT (Lowe 2004) in its Hellinger form
(Arandjelovic and Zisserman 2012), a byte for each number. Inverting or mirroring a film only reorders the numbers of
such a place (Zhao and Ngo 2013), so that a film is described once and compared in all its forms.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import cv2
import numpy as np
import pdqhash  # type: ignore[import-untyped]
from numpy.typing import NDArray

from scanward.errors import EvidenceError
from scanward.seal.forensics import ForensicsFault

SIDE: Final = 768
"""Pixels of the longer side of a film as it is looked at."""

MOST_FEATURES: Final = 600
"""Of a film; they are its strongest, spread over it."""

HASH_BYTES: Final = 32
FEATURE_NUMBERS: Final = 128
MOST_PIXELS: Final = 65_535
"""Of a side, as in DICOM: Rows and Columns are two bytes."""

LEAST_SIDE: Final = 32
"""Pixels of the shorter side: in a narrower strip no feature has room."""

_MAGIC: Final = b"SWF1"
_HEAD: Final = struct.Struct(f">4sHHB{HASH_BYTES}sH")
_POINT_STEPS: Final = 64
"""Steps to a pixel in which a point is kept: 768 of them fit two bytes."""

_BYTE: Final = 512
"""What a number of unit length is multiplied by; hardly one in a thousand is beyond a byte."""

_BAND: Final = (0.5, 99.5)
_TILES: Final = (8, 8)
_LIMIT: Final = 2.0
_LEAST_CONTRAST: Final = 0.01
_FINE: Final = 3.5
"""Pixels across: smaller features are often noise, and do not live through JPEG or a smaller size."""

_CELLS: Final = 12
"""Across the longer side: each cell gives its strongest features in turn, so that a part of a film has enough."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Film:
    """What is known of a film.

    Attributes
    ----------
    rows, columns
        Its size in pixels.
    quality
        Of the hash, 0 to 100: below 50 the picture is too flat for it (PDQ).
    fingerprint
        PDQ hash as it stands.
    points
        (features, 2): where, x and y, in pixels of the film at `SIDE`.
    descriptors
        (features, 128): what stands there.
    """

    rows: int
    columns: int
    quality: int
    fingerprint: bytes = field(repr=False)
    points: NDArray[np.float32] = field(repr=False)
    descriptors: NDArray[np.uint8] = field(repr=False)

    @property
    def scale(self) -> float:
        """Pixels at `SIDE` for one of the film."""
        return SIDE / max(self.rows, self.columns)


def describe(picture: NDArray[np.generic]) -> Film:
    """Return what is known of a film.

    Parameters
    ----------
    picture
        (rows, columns): grey values of any range.

    Raises
    ------
    EvidenceError
        It is no grey picture, too small, too large, or has values that are no numbers.
    """
    values = check_picture(picture)
    shown = show(values)
    bits, quality = pdqhash.compute(cv2.cvtColor(shown, cv2.COLOR_GRAY2RGB))
    points, descriptors = find_features(even_contrast(shown), MOST_FEATURES)
    return Film(
        rows=values.shape[0],
        columns=values.shape[1],
        quality=int(quality),
        fingerprint=np.packbits(np.asarray(bits, np.bool_)).tobytes(),
        points=points,
        descriptors=descriptors,
    )


def describe_coarsely(picture: NDArray[np.generic]) -> Film:
    """Return a film by what can be seen of it at half the `SIDE`: a part of a larger film shows it in that size."""
    values = check_picture(picture)
    shown = show(values)
    half = cv2.resize(shown, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    points, descriptors = find_features(even_contrast(np.asarray(half, np.uint8)), MOST_FEATURES)
    # A pixel of the half has its centre between those of two.
    doubled = (points * 2 + 0.5).astype(np.float32)
    return Film(
        rows=values.shape[0],
        columns=values.shape[1],
        quality=0,
        fingerprint=bytes(HASH_BYTES),
        points=doubled,
        descriptors=descriptors,
    )


def hashes_of(picture: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Return the 16 hashes of a film turned, mirrored and inverted: (16, 32)."""
    shown = show(check_picture(picture))
    turned, _ = pdqhash.compute_dihedral(cv2.cvtColor(shown, cv2.COLOR_GRAY2RGB))
    upright = np.packbits(np.asarray(turned, np.bool_), axis=1)
    # Inverting a picture turns the sign of each number that a bit of the hash compares with their median.
    return np.vstack([upright, ~upright])


def check_picture(picture: NDArray[np.generic]) -> NDArray[np.float32]:
    """Return grey values as numbers; raises `EvidenceError` for what is no grey picture of a size that can be used."""
    if picture.ndim != 2 or not LEAST_SIDE <= min(picture.shape) <= max(picture.shape) <= MOST_PIXELS:
        raise EvidenceError(
            ForensicsFault.PICTURE_UNFIT,
            f"expected one grey picture of {LEAST_SIDE} to {MOST_PIXELS} pixels a side, got shape {picture.shape}",
            remedy="Compare single frames; colour has to be made grey before.",
        )
    values = np.ascontiguousarray(picture, np.float32)
    if not np.isfinite(values).all():
        raise EvidenceError(ForensicsFault.PICTURE_UNFIT, "expected grey values, got some that are no numbers")
    return values


def show(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return a film at `SIDE`, from black to white."""
    scale = SIDE / max(values.shape)
    size = (max(round(values.shape[1] * scale), 1), max(round(values.shape[0] * scale), 1))
    sized = cv2.resize(values, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    low, high = (float(one) for one in np.percentile(sized, _BAND))
    if not high > low:
        return np.zeros(sized.shape, np.uint8)
    return np.asarray(np.clip((sized - low) / (high - low), 0, 1) * 255, np.uint8)


def even_contrast(shown: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a picture with its contrast evened, as windows and viewers do it more or less."""
    return np.asarray(cv2.createCLAHE(_LIMIT, _TILES).apply(shown), np.uint8)


def find_features(shown: NDArray[np.uint8], most: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Return points (features, 2) and descriptors (features, 128) of a picture, its strongest ones spread over it."""
    detector = cv2.SIFT.create(contrastThreshold=_LEAST_CONTRAST)
    found = _spread(detector.detect(shown, None), max(shown.shape) / _CELLS, most)
    kept, numbers = detector.compute(shown, found) if found else ((), None)
    if numbers is None or not kept:
        return np.zeros((0, 2), np.float32), np.zeros((0, FEATURE_NUMBERS), np.uint8)
    total = np.maximum(numbers.sum(axis=1, keepdims=True), 1e-6)
    unit = np.sqrt(numbers / total)
    steps = np.rint(np.clip(np.array([one.pt for one in kept]), 0, SIDE - 1) * _POINT_STEPS)
    return (steps / _POINT_STEPS).astype(np.float32), np.minimum(np.rint(unit * _BYTE), 255).astype(np.uint8)


def _spread(found: Sequence[cv2.KeyPoint], cell: float, most: int) -> list[cv2.KeyPoint]:
    """Return the strongest of each cell, then the second strongest, and so on; in each cell the fine ones last."""
    strongest = sorted(found, key=lambda one: (one.size < _FINE, -one.response, one.pt, one.angle))
    seen: dict[tuple[int, int], int] = {}
    ranks = []
    for one in strongest:
        place = int(one.pt[0] // cell), int(one.pt[1] // cell)
        ranks.append(seen.get(place, 0))
        seen[place] = ranks[-1] + 1
    order = np.argsort(ranks, kind="stable")[:most]
    return [strongest[int(one)] for one in order]


def _reorder() -> NDArray[np.intp]:
    numbers = np.arange(FEATURE_NUMBERS).reshape(4, 4, 8)
    # Inverted, the direction that a place is described along points the other way, and so does every other direction:
    # the cells are seen from the other side. Mirrored, one axis and the sense of turning change.
    inverted = numbers[::-1, ::-1]
    mirrored = numbers[::-1][:, :, (-np.arange(8)) % 8]
    both = inverted[::-1][:, :, (-np.arange(8)) % 8]
    return np.stack([one.ravel() for one in (numbers, inverted, mirrored, both)])


FORMS: Final = _reorder()
"""(4, 128): how the numbers of a place of a film stand in the film as it is, inverted, mirrored, and both."""


def encode_film(film: Film) -> bytes:
    """Return a film as bytes; they tell what it looks like, so they are as secret as the film."""
    head = _HEAD.pack(_MAGIC, film.rows, film.columns, film.quality, film.fingerprint, len(film.points))
    points = np.rint(film.points * _POINT_STEPS).astype(">u2")
    return head + points.tobytes() + film.descriptors.tobytes()


def parse_film(data: bytes) -> Film:
    """Return the film that `encode_film` made bytes of; raises `EvidenceError` for anything else."""
    if len(data) < _HEAD.size:
        raise _malformed("is cut off")
    magic, rows, columns, quality, fingerprint, count = _HEAD.unpack_from(data)
    if magic != _MAGIC:
        raise _malformed("is of another kind or version")
    if min(rows, columns) < LEAST_SIDE or quality > 100 or count > MOST_FEATURES:
        raise _malformed("says what no film can be")
    if len(data) != _HEAD.size + count * (4 + FEATURE_NUMBERS):
        raise _malformed("is of another length than it says")
    steps = np.frombuffer(data, ">u2", count * 2, _HEAD.size).reshape(count, 2)
    points = (steps / _POINT_STEPS).astype(np.float32)
    if float(points.max(initial=0.0)) > SIDE:
        raise _malformed("has a point outside of the film")
    descriptors = np.frombuffer(data, np.uint8, count * FEATURE_NUMBERS, _HEAD.size + count * 4)
    return Film(
        rows=rows,
        columns=columns,
        quality=quality,
        fingerprint=fingerprint,
        points=points,
        descriptors=descriptors.reshape(count, FEATURE_NUMBERS),
    )


def _malformed(how: str) -> EvidenceError:
    return EvidenceError(
        ForensicsFault.FILM_MALFORMED,
        f"expected the description of a sealed film, got one that {how}",
        remedy="Describe the original anew; a store that gives other bytes than it was given is not to be trusted.",
    )
