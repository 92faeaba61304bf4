"""Places of a frame that show the same detail, turned, scaled or compressed anew.

Key points (SIFT, Lowe 2004) are matched with others of the same frame. Each match alone says how the one place would
lie on the other; the one that most matches agree on is tried on the pixels: only where the fine detail, down to the
noise, follows it too is there a copy. Anatomy repeats itself in its outlines, not in its noise.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from scanward.model.signs import Copy, CopyKind, Place

MAX_POINTS = 4000
MAX_MATCHES = 800
RATIO = 0.85
"""Of the distance to the best match and to the next one."""

MIN_APART = 24.0
"""Pixels between a point and its match."""

TOLERANCE = 4.0
"""Pixels by which a match may miss where the others put it."""

MIN_MATCHES = 2
MIN_SCALE, MAX_SCALE = 0.5, 2.0
FINE, COARSE = 0.8, 2.5
"""Sigmas of the band of fine detail."""

SPREAD = 4.0
"""Sigma of the neighbourhood that detail is compared in."""

MIN_LIKENESS = 0.7
MIN_PIXELS = 350
MIN_DETAIL = 0.2
"""Grey levels (of 255) of fine detail below which a pixel is flat."""

MIN_TEXTURE = 0.7
"""Share of the pixels around one that must not be flat: drawn text has less."""

CLIP = 1.5
"""Detail is cut off at so many times its median, so that strong edges, which anatomy repeats, count as noise does."""

CALM = 2.0
"""Pixels with less than so many times the cut-off are noise, not edges."""

MIN_CALM = 0.4
"""Share of them around a pixel: next to drawn text there are fewer."""

MIN_NOISE_LIKENESS = 0.45
"""That the calm pixels alone must reach."""

MAX_COHERENCE = 0.78
"""How far detail may run one way (structure tensor): along one edge it does, and edges look alike anywhere."""

MAX_LOUDNESS = 12.0
"""Detail of a region, in medians of the frame's: drawn text is louder."""

MAX_FLAT = 0.1
"""Share of pixels of a region that are one whole grey with the 8 around: between drawn letters there are more."""

CORE = 9
"""Side of the square that has to fit into a region at many places: what is thinner is a line."""

MIN_CORE = 60

MAX_TRIES = 40
MARGIN = 48
"""Pixels around the matched points that are compared at first; the whole frame is where they agree."""

MAX_SIDE = 2048
"""Larger frames are halved first."""

Greys = NDArray[np.float32]
Points = NDArray[np.complex128]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Similarity:
    """q = factor * p + offset, with x + iy as one complex number."""

    factor: complex
    offset: complex


def find_changed(greys: Greys, frame: int) -> list[Copy]:
    """Return changed copies within a frame of grey values from 0 to 255."""
    shrink = 1
    while max(greys.shape) > MAX_SIDE * shrink:
        shrink *= 2
    if shrink > 1:
        size = greys.shape[1] // shrink, greys.shape[0] // shrink
        greys = np.asarray(cv2.resize(greys, size, interpolation=cv2.INTER_AREA), np.float32)
    source, target, hypotheses = _match(greys)
    fine = np.abs(_detail(greys))
    loud = MAX_LOUDNESS * float(np.median(fine[fine > MIN_DETAIL])) if (fine > MIN_DETAIL).any() else 0.0
    copies: list[Copy] = []
    for _ in range(MAX_TRIES):
        if len(source) < MIN_MATCHES:
            break
        chosen = _most_agreed(source, target, hypotheses)
        if chosen.sum() < MIN_MATCHES:
            break
        fitted = _fit(source[chosen], target[chosen])
        if fitted is not None:
            copies += _confirm(greys, fitted, source[chosen], frame, shrink, loud)
        source, target, hypotheses = source[~chosen], target[~chosen], hypotheses[~chosen]
    return copies


def _match(greys: Greys) -> tuple[Points, Points, Points]:
    """Return matched points as complex numbers: where from, where to, and the factor each match says."""
    nothing = np.zeros(0, np.complex128)
    sift = cv2.SIFT_create(contrastThreshold=0.01)  # type: ignore[attr-defined]  # newer than the stubs
    found, descriptors = sift.detectAndCompute(np.rint(greys).astype(np.uint8), None)
    if descriptors is None or len(found) < 2 * MIN_MATCHES:
        return nothing, nothing, nothing
    order = sorted(range(len(found)), key=lambda i: (-found[i].response, found[i].pt, found[i].angle))[:MAX_POINTS]
    at = np.array([complex(*found[i].pt) for i in order])
    turn = np.array([found[i].size * np.exp(1j * np.deg2rad(found[i].angle)) for i in order])
    first, second, third = _nearest(at, np.asarray(descriptors, np.float32)[order])
    good = np.flatnonzero(second < RATIO**2 * third)
    good = good[np.argsort(second[good], kind="stable")][:MAX_MATCHES]
    other = first[good]
    factor = turn[other] / turn[good]
    scale = np.abs(factor)
    fits = (scale > MIN_SCALE) & (scale < MAX_SCALE)
    return at[good][fits], at[other][fits], factor[fits]


def _nearest(
    at: Points, descriptors: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]]:
    """Return for each point its best match far from it, and the squared distances of that and of the next one."""
    # Descriptors are whole numbers under 256: the sums are exact in 32-bit floats, in whatever order they are made.
    norms = (descriptors**2).sum(1)
    best = np.zeros(len(at), np.int64)
    nearest, next_one = np.zeros(len(at), np.float32), np.zeros(len(at), np.float32)
    for begin in range(0, len(at), 500):
        rows = slice(begin, begin + 500)
        gap = norms[rows, None] + norms[None] - 2 * descriptors[rows] @ descriptors.T
        gap[np.abs(at[rows, None] - at[None]) < MIN_APART] = np.inf
        best[rows] = gap.argmin(1)
        nearest[rows] = gap.min(1)
        # The next one must lie elsewhere: a corner often has two key points on one spot.
        gap[np.abs(at[best[rows]][:, None] - at[None]) < MIN_APART / 4] = np.inf
        next_one[rows] = gap.min(1)
    nearest[~np.isfinite(nearest)] = np.float32(1e30)
    next_one[~np.isfinite(next_one)] = np.float32(1e30)
    return best, nearest, next_one


def _most_agreed(source: Points, target: Points, factor: Points) -> NDArray[np.bool_]:
    """Return the matches that fit the match which most others fit."""
    missed = np.abs(target[None] - target[:, None] - factor[:, None] * (source[None] - source[:, None]))
    near = np.abs(source[None] - source[:, None]) < 200
    agree = (missed < TOLERANCE) & near & (np.abs(factor[None] / factor[:, None] - 1) < 0.35)
    return np.asarray(agree[agree.sum(1).argmax()])


def _fit(source: Points, target: Points) -> _Similarity | None:
    from_mean, to_mean = source.mean(), target.mean()
    spread = (np.abs(source - from_mean) ** 2).sum()
    if spread < 1:
        return None
    factor = complex(((target - to_mean) * np.conj(source - from_mean)).sum() / spread)
    if not MIN_SCALE < abs(factor) < MAX_SCALE:
        return None
    return _Similarity(factor=factor, offset=complex(to_mean - factor * from_mean))


def _detail(greys: Greys) -> Greys:
    return np.asarray(cv2.GaussianBlur(greys, (0, 0), FINE) - cv2.GaussianBlur(greys, (0, 0), COARSE), np.float32)


def _confirm(greys: Greys, fitted: _Similarity, points: Points, frame: int, shrink: int, loud: float) -> list[Copy]:
    """Return the copy if fine detail follows the fit, over enough pixels around the points matched."""
    near = _around(points, greys.shape, MARGIN)
    found = _compare(greys, near, fitted, points, loud)
    if found is None:
        return []
    whole = _compare(greys, _around(points, greys.shape, 8 * MARGIN), fitted, points, loud) or found
    top, left, bottom, right = whole.box
    first = Place(frame=frame, top=top * shrink, left=left * shrink, bottom=bottom * shrink, right=right * shrink)
    return [
        Copy(
            kind=CopyKind.CHANGED,
            first=first,
            second=_moved_place(first, fitted, shrink, greys.shape),
            pixels=whole.pixels * shrink * shrink,
            likeness=round(whole.likeness, 3),
            angle_degrees=round(float(np.degrees(np.angle(fitted.factor))), 1),
            scale=round(abs(fitted.factor), 3),
        )
    ]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Alike:
    """A region that is alike: its box (top, left, bottom, right), its pixels, and how alike they are."""

    box: tuple[int, int, int, int]
    pixels: int
    likeness: float


def _around(points: Points, shape: tuple[int, ...], margin: int) -> tuple[slice, slice]:
    top, bottom = int(points.imag.min()) - margin, int(points.imag.max()) + margin
    left, right = int(points.real.min()) - margin, int(points.real.max()) + margin
    return slice(max(top, 0), min(bottom, shape[0])), slice(max(left, 0), min(right, shape[1]))


def _compare(
    greys: Greys, near: tuple[slice, slice], fitted: _Similarity, points: Points, loud: float
) -> _Alike | None:
    """Return the region around the points whose fine detail is where the fit puts it, or None."""
    part = np.ascontiguousarray(greys[near])
    corner = complex(near[1].start, near[0].start)
    f, t = fitted.factor, fitted.factor * corner + fitted.offset
    matrix = np.array([[f.real, -f.imag, t.real], [f.imag, f.real, t.imag]])
    size = part.shape[1], part.shape[0]
    # The second place, drawn where the first is: the inverse map reads q = factor * p + offset.
    how = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    edge = cv2.BORDER_CONSTANT
    moved = np.asarray(cv2.warpAffine(greys, matrix, size, flags=how, borderMode=edge, borderValue=0), np.float32)
    detail = _detail(part)
    likeness = _likeness(detail, _detail(moved))
    mask = (likeness > MIN_LIKENESS).astype(np.uint8)
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    rows = np.clip(np.rint(points.imag).astype(int) - near[0].start, 0, mask.shape[0] - 1)
    columns = np.clip(np.rint(points.real).astype(int) - near[1].start, 0, mask.shape[1] - 1)
    votes = np.bincount(labels[rows, columns], minlength=count)
    votes[0] = 0
    best = int(votes.argmax())
    x, y, width, height, area = (int(one) for one in boxes[best])
    if votes[best] < MIN_MATCHES or area < MIN_PIXELS or _is_onto_itself(labels == best, f, t - corner):
        return None
    if _is_drawn(part, labels == best) or not _is_texture(detail, labels == best, loud):
        return None
    top, left = y + near[0].start, x + near[1].start
    return _Alike(
        box=(top, left, top + height, left + width), pixels=area, likeness=float(likeness[labels == best].mean())
    )


def _is_drawn(part: Greys, mask: NDArray[np.bool_]) -> bool:
    """Whether a region has flat ground between its strokes."""
    whole, kernel = np.rint(part), np.ones((3, 3), np.uint8)
    flat = cv2.dilate(whole, kernel) == cv2.erode(whole, kernel)
    return float(flat[mask].mean()) > MAX_FLAT


def _is_texture(detail: Greys, mask: NDArray[np.bool_], loud: float) -> bool:
    """Whether a region shows noise or texture, not one edge or drawn text."""
    core = cv2.erode(mask.astype(np.uint8), np.ones((CORE, CORE), np.uint8))
    if core.sum() < MIN_CORE or float(np.sqrt((detail[mask] ** 2).mean())) > loud:
        return False
    across, down = cv2.Sobel(detail, cv2.CV_32F, 1, 0), cv2.Sobel(detail, cv2.CV_32F, 0, 1)
    xx, yy, xy = (cv2.GaussianBlur(one, (0, 0), SPREAD) for one in (across**2, down**2, across * down))
    coherence = np.hypot(xx - yy, 2 * xy) / np.maximum(xx + yy, 1e-9)
    return float(coherence[mask].mean()) < MAX_COHERENCE


def _is_onto_itself(mask: NDArray[np.bool_], factor: complex, offset: complex) -> bool:
    """Whether more than a quarter of a region lies on itself once moved: a symmetry, not a copy."""
    matrix = np.array([[factor.real, -factor.imag, offset.real], [factor.imag, factor.real, offset.imag]])
    size = mask.shape[1], mask.shape[0]
    there = cv2.warpAffine(mask.astype(np.uint8), matrix, size, flags=cv2.INTER_NEAREST) > 0
    return bool((mask & there).sum() > 0.25 * mask.sum())


def _likeness(one: Greys, other: Greys) -> Greys:
    """Return the local correlation of two bands, the lower of whole and clipped detail; 0 where either is flat."""

    def mean(values: Greys) -> Greys:
        return np.asarray(cv2.GaussianBlur(values, (0, 0), SPREAD), np.float32)

    def correlate(a: Greys, b: Greys) -> Greys:
        a, b = a - mean(a), b - mean(b)
        return np.asarray(mean(a * b) / np.sqrt(np.maximum(mean(a * a) * mean(b * b), 1e-12)), np.float32)

    bumpy = np.abs(one) > MIN_DETAIL, np.abs(other) > MIN_DETAIL
    if not bumpy[0].any():
        return np.zeros_like(one)
    cut = CLIP * float(np.median(np.abs(one[bumpy[0]])))
    texture = np.minimum(mean(bumpy[0].astype(np.float32)), mean(bumpy[1].astype(np.float32)))
    likeness = np.minimum(correlate(one, other), correlate(np.clip(one, -cut, cut), np.clip(other, -cut, cut)))
    calm = (np.abs(one) < CALM * cut) & (np.abs(other) < CALM * cut)
    share = mean(calm.astype(np.float32))
    noise = correlate(np.where(calm, one, np.float32(0)), np.where(calm, other, np.float32(0)))
    usable = (texture > MIN_TEXTURE) & (share > MIN_CALM)
    return np.where(usable & (noise > MIN_NOISE_LIKENESS), likeness, np.float32(0))


def _moved_place(first: Place, fitted: _Similarity, shrink: int, shape: tuple[int, ...]) -> Place:
    corners = [
        fitted.factor * complex(x, y) / shrink + fitted.offset
        for x in (first.left, first.right)
        for y in (first.top, first.bottom)
    ]
    columns = np.clip([one.real for one in corners], 0, shape[1]) * shrink
    rows = np.clip([one.imag for one in corners], 0, shape[0]) * shrink
    return Place(
        frame=first.frame,
        top=int(rows.min()),
        left=int(columns.min()),
        bottom=int(np.ceil(rows.max())),
        right=int(np.ceil(columns.max())),
    )
