"""Tells whether two radiographs are one film, by local features and without any learned weights.

AKAZE features (Alcantarilla 2013) of a film with evened contrast are matched, and those kept that one affine map lays
over each other. That is how Heinrich and others (2020, 2025) find people by radiographs; here a film is looked for
first, which needs far fewer features in far more exact places. A model that was trained for it finds the same patient
on other films much better than this: no match proves nothing.
"""

import hashlib
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from scanward.model.lookups import Comparison, Likeness

SIDE: Final = 768
"""Pixels of the longer side of a film as it is looked at."""

LEAST_PLACES: Final = 25
"""Places that agree in films that match: of 43 films, two that differ agreed in 19 at most, copies in 31 and more, but
for halves, squashed ones, and a film of which most is white."""

MOST_SHIFT: Final = 1.5
"""Pixels: places of one film agree to less than one, where it was scaled down to 224 too; of others, to two or more."""

_LEAST_SIDE: Final = 48
"""Pixels of the shorter side: in a narrower strip no feature has room."""

_MOST_FEATURES: Final = 800
_LEAST_RESPONSE: Final = 5e-4
_CLEARLY: Final = 0.8
"""The second best match is so much worse (Lowe 2004)."""

_REACH: Final = 6.0
_PLACE: Final = 24
"""Pixels of the side of a place: many features on one marker are one place."""

_FEWEST: Final = 8
_AFFINE: Final = (2, 3)
_MOST_STRETCH: Final = 2.0
_SCALES: Final = (0.2, 5.0)
_BAND: Final = (0.5, 99.5)
_TILES: Final = (8, 8)
_LIMIT: Final = 3.0


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Film:
    """What is known of a film.

    Attributes
    ----------
    points
        (features, 2): where, in pixels of a film of `SIDE`.
    descriptors
        (features, bytes): what stands there.
    digest
        Hash of its values.
    """

    points: NDArray[np.float32]
    descriptors: NDArray[np.uint8]
    digest: bytes


class FilmMatcher:
    """Describes films and compares them; the same films always come to the same."""

    def __init__(self) -> None:
        self._detector = cv2.AKAZE.create(threshold=_LEAST_RESPONSE)
        self._matcher = cv2.BFMatcher(cv2.NORM_HAMMING)
        self._contrast = cv2.createCLAHE(_LIMIT, _TILES)

    def describe(self, values: NDArray[np.float32]) -> Film:
        """Return what is known of a film.

        Parameters
        ----------
        values
            (rows, columns): grey values of any range.
        """
        return self._describe(self._prepare(values), digest_of(values))

    def describe_turned(self, values: NDArray[np.float32]) -> tuple[Film, ...]:
        """Return a film as it is, inverted, mirrored and both, as a copy of it may be; rotation changes nothing."""
        picture, digest = self._prepare(values), digest_of(values)
        mirrored = np.ascontiguousarray(picture[:, ::-1])
        return tuple(self._describe(one, digest) for one in (picture, 255 - picture, mirrored, 255 - mirrored))

    def compare(self, query: tuple[Film, ...], reference: Film) -> Comparison:
        """Return how alike a film, in its turned forms, is to another."""
        if query[0].digest == reference.digest:
            return Comparison(likeness=Likeness.SAME_PIXELS)
        return max((self._compare(one, reference) for one in query), key=_rank)

    def _prepare(self, values: NDArray[np.float32]) -> NDArray[np.uint8]:
        low, high = np.percentile(values, _BAND)
        if not high > low:
            return np.zeros((1, 1), np.uint8)
        scale = SIDE / max(values.shape)
        size = (max(round(values.shape[1] * scale), 1), max(round(values.shape[0] * scale), 1))
        sized = cv2.resize(values, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        shown = np.clip((sized - low) / (high - low), 0, 1) * 255
        return np.asarray(self._contrast.apply(shown.astype(np.uint8)), np.uint8)

    def _describe(self, picture: NDArray[np.uint8], digest: bytes) -> Film:
        nothing = Film(points=np.zeros((0, 2), np.float32), descriptors=np.zeros((0, 61), np.uint8), digest=digest)
        if min(picture.shape) < _LEAST_SIDE:
            return nothing
        found, descriptors = self._detector.detectAndCompute(picture, None)
        if not found:
            return nothing
        best = np.argsort([-one.response for one in found], kind="stable")[:_MOST_FEATURES]
        points = np.array([found[int(place)].pt for place in best], np.float32)
        return Film(points=points, descriptors=np.asarray(descriptors, np.uint8)[best], digest=digest)

    def _compare(self, query: Film, reference: Film) -> Comparison:
        nothing = Comparison(likeness=Likeness.NO_MATCH)
        if min(len(query.points), len(reference.points)) < _FEWEST:
            return nothing
        pairs = self._matcher.knnMatch(query.descriptors, reference.descriptors, k=2)
        clear = [one[0] for one in pairs if len(one) > 1 and one[0].distance < _CLEARLY * one[1].distance]
        if len(clear) < _FEWEST:
            return nothing
        ours = query.points[[one.queryIdx for one in clear]]
        theirs = reference.points[[one.trainIdx for one in clear]]
        fitted, inside = cv2.estimateAffine2D(ours, theirs, ransacReprojThreshold=_REACH)
        found = np.asarray(fitted, np.float64)  # a number without a shape where nothing fits
        if found.shape != _AFFINE or not _is_plausible(found[:, :2]):
            return nothing
        kept = inside.ravel() > 0
        shifts = np.linalg.norm(ours[kept] @ found[:, :2].T + found[:, 2] - theirs[kept], axis=1)
        # A place of one film that many places of the other fall on agrees once.
        places = min(_count_places(ours[kept]), _count_places(theirs[kept]))
        shift = float(np.median(shifts))
        return Comparison(likeness=_judge(places, shift), places=places, shift=round(shift, 2))


def digest_of(values: NDArray[np.float32]) -> bytes:
    """Return a hash of the values of a film, and of its shape."""
    return hashlib.sha256(repr(values.shape).encode() + np.ascontiguousarray(values).tobytes()).digest()


def _judge(places: int, shift: float) -> Likeness:
    if places < LEAST_PLACES:
        return Likeness.NO_MATCH
    return Likeness.SAME_FILM if shift <= MOST_SHIFT else Likeness.ALIKE


def _rank(one: Comparison) -> tuple[int, int]:
    return -list(Likeness).index(one.likeness), one.places


def _count_places(points: NDArray[np.float32]) -> int:
    return len(np.unique((points // _PLACE).astype(np.int64), axis=0))


def _is_plausible(linear: NDArray[np.float64]) -> bool:
    """Whether a map scales, turns and stretches as a copy of a film may be."""
    long, short = np.linalg.svd(linear, compute_uv=False)
    return bool(_SCALES[0] < short and long < _SCALES[1] and long < _MOST_STRETCH * short)
