"""Finds the sealed film that a picture is a copy of.

1. The hash: films whose hash is nearest to that of the picture, turned, mirrored and inverted.
2. If none of these holds, the places: each that is described alike in a film is a vote for it, and for one form of it.
   That finds parts of films, and films within other pictures, whose hash is another one.
3. What was named is compared place by place. One film is the other if one plausible map lays enough places of one over
   those of the other, all over the part that both show.

A match says that one film is a copy of the other. No match says nothing.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from scanward.model.evidence import FilmMatch, FoundBy
from scanward.seal.forensics.features import FORMS, HASH_BYTES, SIDE, Film, describe, describe_coarsely, hashes_of

LEAST_PLACES: Final = 40
"""Places that agree, each counted once: what a map has to lay over each other."""

_PLACE: Final = 8.0
"""Pixels of the side of a place: several features on one edge of a marker are one."""

_CLEARLY: Final = 0.8
"""The second best match is so much worse (Lowe 2004)."""

_REACH: Final = 4.0
"""Pixels at `SIDE` that a place may be off."""

_SCALES: Final = (0.1, 10.0)
_MOST_STRETCH: Final = 1.25
_LEAST_SPREAD: Final = 0.04
"""Standard deviation of the places across the narrower way, as a share of the longer side: a ruler, a line of text and
a marker are narrower."""

_FEWEST: Final = 8
_HASHED: Final = 6
"""So many films with the nearest hashes are compared place by place."""

_HASH_FORMS: Final = np.repeat([0, 2, 1, 3], 4)
"""Form of each of the 16 hashes: four turned, four turned and mirrored, then these inverted."""

_MOST_BITS_OFF: Final = 96
"""Of 256: farther hashes, of which two films by chance have 128, are not looked at."""

_LEAST_QUALITY: Final = 50
"""Below, the hash says nothing (PDQ)."""

_VOTED: Final = 12
"""So many films with the most votes are compared place by place."""

_SIGNATURE_BITS: Final = 64
_TABLES: Final = 8
_KEY_BITS: Final = 18
_MOST_SIGNATURE_BITS_OFF: Final = 14
_MOST_IN_BUCKET: Final = 512
"""Of a bucket, what is common (noise, straight edges) tells no film apart."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Query:
    """What is known of a picture that is looked up.

    Attributes
    ----------
    film
        The picture as a film.
    coarse
        It as it would be within a film of twice its size.
    hashes
        (16, 32): turned, mirrored and inverted.
    """

    film: Film
    coarse: Film
    hashes: NDArray[np.uint8] = field(repr=False)


def describe_query(picture: NDArray[np.generic]) -> Query:
    """Return what is known of a picture that is looked up; raises as `describe`."""
    return Query(film=describe(picture), coarse=describe_coarsely(picture), hashes=hashes_of(picture))


class Index:
    """Sealed films, by what is known of them.

    Of each film it keeps 32 bytes of hash and 50 bytes or so for each place; the rest is asked for where a film is
    compared. Adding is cheap; the first look after it puts all places in order anew.

    Parameters
    ----------
    load
        Gives the film of a name that was added.
    """

    def __init__(self, load: Callable[[str], Film]) -> None:
        self._load = load
        self._names: list[str] = []
        self._hashes: list[bytes] = []
        self._flat: list[bool] = []
        self._signatures: list[NDArray[np.uint64]] = []
        self._places = _Places.of([])
        self._hash_rows = np.zeros((0, HASH_BYTES), np.uint8)

    def __len__(self) -> int:
        return len(self._names)

    def add(self, name: str, film: Film) -> None:
        """Take a film up."""
        self._names.append(name)
        self._hashes.append(film.fingerprint)
        self._flat.append(film.quality < _LEAST_QUALITY)
        self._signatures.append(sign(film.descriptors))

    def find(self, query: Query) -> tuple[FilmMatch, ...]:
        """Return the films that a picture is a copy of, the one with the most places first; mostly one or none."""
        self._order()
        found = self._compare(query.film, self._near(query), FoundBy.HASH)
        for film in (query.film, query.coarse):
            found = found or self._compare(film, self._vote(film), FoundBy.PLACES)
        return tuple(sorted(found, key=lambda one: (-one.places, one.name)))

    def _order(self) -> None:
        if len(self._hash_rows) != len(self._names):
            self._hash_rows = np.frombuffer(b"".join(self._hashes), np.uint8).reshape(-1, HASH_BYTES)
            self._places = _Places.of(self._signatures)

    def _near(self, query: Query) -> list[tuple[int, int]]:
        """Return the films with the nearest hashes, and the form in which each is."""
        if not self._names or query.film.quality < _LEAST_QUALITY:
            return []
        wide = self._hash_rows.view(np.uint64)
        each = [np.bitwise_count(wide ^ one).sum(axis=1, dtype=np.int64) for one in query.hashes.view(np.uint64)]
        off, form = np.min(each, axis=0), _HASH_FORMS[np.argmin(each, axis=0)]
        off[np.array(self._flat)] = HASH_BYTES * 8
        nearest = np.argsort(off, kind="stable")[:_HASHED]
        return [(int(one), int(form[one])) for one in nearest if off[one] <= _MOST_BITS_OFF]

    def _vote(self, film: Film) -> list[tuple[int, int]]:
        """Return the films with the most votes, and the form of the picture that got them."""
        votes = np.zeros((len(FORMS), len(self._names)), np.int64)
        for number, form in enumerate(FORMS):
            votes[number] = self._places.vote(sign(film.descriptors[:, form]), len(self._names))
        most, form = votes.max(axis=0, initial=0), votes.argmax(axis=0)
        voted = np.argsort(-most, kind="stable")[:_VOTED]
        return [(int(one), int(form[one])) for one in voted if most[one] >= _FEWEST]

    def _compare(self, picture: Film, candidates: Iterable[tuple[int, int]], found_by: FoundBy) -> list[FilmMatch]:
        found = []
        for one, form in candidates:
            overlay = compare(picture, self._load(self._names[one]), (form,))
            if overlay is not None:
                found.append(overlay.named(self._names[one], found_by))
        return found


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Overlay:
    """How a picture lies over a film.

    Attributes
    ----------
    places
        How many places agree.
    is_inverted
        Whether black and white are exchanged.
    to_film
        (2, 3): from x and y in the picture to those in the film, both in their own pixels.
    """

    places: int
    is_inverted: bool
    to_film: NDArray[np.float64]

    def named(self, name: str, found_by: FoundBy) -> FilmMatch:
        """Return it as a value."""
        (a, b, c), (d, e, f) = ((float(one) for one in row) for row in self.to_film)
        return FilmMatch(
            name=name,
            places=self.places,
            is_inverted=self.is_inverted,
            is_mirrored=a * e - b * d < 0,
            to_film=(a, b, c, d, e, f),
            found_by=found_by,
        )


def compare(picture: Film, film: Film, forms: Sequence[int] = range(len(FORMS))) -> Overlay | None:
    """Return how a picture lies over a film if it is a copy of it.

    Parameters
    ----------
    picture, film
        What is known of the two.
    forms
        In which forms the picture is tried: places in `FORMS`.
    """
    if min(len(picture.points), len(film.points)) < _FEWEST:
        return None
    pairs = {form: _match(picture.descriptors[:, FORMS[form]], film.descriptors) for form in forms}
    best = max(pairs, key=lambda one: len(pairs[one][0]))
    ours, theirs = pairs[best]
    if len(ours) < LEAST_PLACES:
        return None
    fitted = _fit(picture.points[ours], film.points[theirs])
    if fitted is None:
        return None
    places, to_film = fitted
    is_mirrored = float(np.linalg.det(to_film[:, :2])) < 0
    if is_mirrored != (best >= 2):
        return None
    return Overlay(places=places, is_inverted=best % 2 == 1, to_film=_in_own_pixels(to_film, picture, film))


def _match(ours: NDArray[np.uint8], theirs: NDArray[np.uint8]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return which places are clearly nearest to each other."""
    # Whole numbers below 2**24 in every step, so that no order of summing changes anything.
    left, right = ours.astype(np.float32), theirs.astype(np.float32)
    apart = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1)[None, :] - 2 * (left @ right.T)
    nearest = apart.argmin(axis=1)
    rows = np.arange(len(ours))
    best = apart[rows, nearest]
    apart[rows, nearest] = np.inf
    clear = best < _CLEARLY**2 * apart.min(axis=1)
    return rows[clear], nearest[clear]


def _fit(ours: NDArray[np.float32], theirs: NDArray[np.float32]) -> tuple[int, NDArray[np.float64]] | None:
    """Return how many places a plausible map lays over each other, and the map."""
    fitted, inside = cv2.estimateAffine2D(ours, theirs, ransacReprojThreshold=_REACH, maxIters=4000, confidence=0.999)
    found = np.asarray(fitted, np.float64)
    if found.shape != (2, 3) or not _is_plausible(found[:, :2]):
        return None
    kept = np.asarray(inside).ravel() > 0
    # A place that many of the other picture fall on agrees once, whichever of the two it is in.
    places = min(_count_places(ours[kept]), _count_places(theirs[kept]))
    if places < LEAST_PLACES or min(_spread_of(ours[kept]), _spread_of(theirs[kept])) < _LEAST_SPREAD:
        return None
    return places, found


def _is_plausible(linear: NDArray[np.float64]) -> bool:
    """Whether a map scales and stretches as a copy of a film may be."""
    long, short = (float(one) for one in np.linalg.svd(linear, compute_uv=False))
    return _SCALES[0] < short and long < _SCALES[1] and long < _MOST_STRETCH * short


def _count_places(points: NDArray[np.float32]) -> int:
    return len(np.unique((points // _PLACE).astype(np.int64), axis=0))


def _spread_of(points: NDArray[np.float32]) -> float:
    return float(np.sqrt(max(np.linalg.eigvalsh(np.cov(points.T.astype(np.float64)))[0], 0.0))) / SIDE


def _in_own_pixels(to_film: NDArray[np.float64], picture: Film, film: Film) -> NDArray[np.float64]:
    """Return a map between films at `SIDE` as one between their own pixels, of which the centres are whole numbers."""
    full = np.vstack([to_film, [0.0, 0.0, 1.0]])
    return np.asarray((np.linalg.inv(_to_side(film)) @ full @ _to_side(picture))[:2], np.float64)


def _to_side(film: Film) -> NDArray[np.float64]:
    across = max(round(film.columns * film.scale), 1) / film.columns
    down = max(round(film.rows * film.scale), 1) / film.rows
    return np.array([[across, 0, (across - 1) / 2], [0, down, (down - 1) / 2], [0, 0, 1.0]])


def sign(descriptors: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Return 64 bits of each place, of which alike places have most in common."""
    sides = (descriptors.astype(np.float32) - _MEAN) @ _PLANES
    packed = np.packbits(sides > 0, axis=1)
    return np.ascontiguousarray(packed).view(np.uint64).ravel()


def _make_planes() -> NDArray[np.float32]:
    # Sums of twelve bytes lie as a normal distribution does. Orthogonal in two halves: bits that tell different things.
    # Whole numbers, so that no order of summing matters.
    shape = FORMS.shape[1], _SIGNATURE_BITS
    octets = np.frombuffer(hashlib.shake_128(b"scanward places v1").digest(12 * shape[0] * shape[1]), np.uint8)
    drawn = octets.reshape(12, *shape).sum(axis=0) - 12 * 127.5
    return np.asarray(np.rint(np.linalg.qr(drawn)[0] * 1000), np.float32)


_PLANES: Final = _make_planes()
_MEAN: Final = np.float32(36.0)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Places:
    """The places of all films, in order of several parts of their signatures."""

    signatures: NDArray[np.uint64]
    owners: NDArray[np.int32]
    orders: tuple[NDArray[np.int32], ...]
    starts: tuple[NDArray[np.int32], ...]

    @classmethod
    def of(cls, films: list[NDArray[np.uint64]]) -> "_Places":
        signatures = np.concatenate([np.zeros(0, np.uint64), *films])
        owners = np.repeat(np.arange(len(films), dtype=np.int32), [len(one) for one in films])
        orders, starts = [], []
        for table in range(_TABLES):
            keys = _key(signatures, table)
            orders.append(np.argsort(keys, kind="stable").astype(np.int32))
            counts = np.bincount(keys, minlength=1 << _KEY_BITS)
            starts.append(np.concatenate([[0], np.cumsum(counts)]).astype(np.int32))
        return cls(signatures=signatures, owners=owners, orders=tuple(orders), starts=tuple(starts))

    def vote(self, signatures: NDArray[np.uint64], films: int) -> NDArray[np.int64]:
        """Return how many places of each film are like one of these; each of these counts once for a film."""
        pairs = []
        for table, (order, start) in enumerate(zip(self.orders, self.starts, strict=True)):
            keys = _key(signatures, table)
            first, count = start[keys], start[keys + 1] - start[keys]
            count = np.where(count <= _MOST_IN_BUCKET, count, 0)
            ours = np.repeat(np.arange(len(keys)), count)
            within = np.arange(len(ours)) - np.repeat(np.cumsum(count) - count, count)
            theirs = order[np.repeat(first, count) + within]
            near = np.bitwise_count(signatures[ours] ^ self.signatures[theirs]) <= _MOST_SIGNATURE_BITS_OFF
            pairs.append(ours[near].astype(np.int64) * films + self.owners[theirs[near]])
        owners = np.unique(np.concatenate(pairs)) % max(films, 1)
        return np.bincount(owners, minlength=films)


def _key(signatures: NDArray[np.uint64], table: int) -> NDArray[np.int64]:
    """Return some bits of signatures, others for each table."""
    turn = np.uint64(table * _SIGNATURE_BITS // _TABLES)
    turned = (signatures << turn) | (signatures >> (np.uint64(_SIGNATURE_BITS) - turn)) if turn else signatures
    return (turned & np.uint64((1 << _KEY_BITS) - 1)).astype(np.int64)
