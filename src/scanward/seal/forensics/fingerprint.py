"""Marks an export for whom it is given to, and tells from a leaked copy who that was.

Only 8-bit pictures made for export are marked, never archived samples. Small patches of the picture get a little
brighter or darker by the bits of a key (spread spectrum, Cox and others 1997), more where the picture is busy. Whoever
looks later has the original: the copy is laid over it, and what differs is compared with the bits of each key.

What the decision rests on: a copy that was made without a key does not depend on its bits, which to whoever has no key
are coin flips. So the score of such a key exceeds t with a probability of at most exp(-t**2 / 2) (Hoeffding 1963),
whatever the copy shows, and that of any of N keys N times as often.
"""

import hashlib
import hmac
import math
from collections.abc import Mapping
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from scanward.errors import EvidenceError
from scanward.model.evidence import FingerprintFinding, RecipientScore
from scanward.seal.forensics import ForensicsFault
from scanward.seal.forensics.features import check_picture
from scanward.seal.forensics.register import Registered, register
from scanward.seal.forensics.tone import fit_plainly

LEAST_KEY_BYTES: Final = 16
FALSE_ACCUSATIONS: Final = 1e-6
"""How often, at most, somebody is named for a copy that none of the keys marked."""

SIGNAL_TO_NOISE_DB: Final = 44.5
"""Peak signal to noise of a marked picture; rounding takes less than half of one."""

GRID: Final = 800
"""Pixels of the longer side as a copy is looked at."""

_PATCHES: Final = 160
"""Along the longer side: 4 to 5 pixels of a picture of 700, which JPEG and scaling leave."""

_ABOUT: Final = b"scanward export fingerprint 1\0"
_ACTIVITY: Final = (0.5, 2.0)
_MOST: Final = 3.0
"""Standard deviations beyond which a patch counts no more: something else is there."""


def mark_export(picture: NDArray[np.uint8], key: bytes, about: bytes = b"") -> NDArray[np.uint8]:
    """Return a picture marked for a recipient.

    Parameters
    ----------
    picture
        (rows, columns), 8 bits.
    key
        Secret of the holder, one for each recipient: who has it can find the mark and take it out.
    about
        Of what it is an export, such as its opaque id: then the marks of two exports have nothing in common, and
        nobody finds one by laying exports over each other.

    Raises
    ------
    EvidenceError
        It has no 8 bits or the key is too short.
    """
    if picture.dtype != np.uint8:
        raise EvidenceError(
            ForensicsFault.NOT_EIGHT_BIT,
            f"expected an export of 8 bits, got {picture.dtype}",
            remedy="Archived samples are never marked: make the picture for export first.",
        )
    values = check_picture(picture)
    bits = _bits(key, about, _grid(values.shape))
    pattern = cv2.resize(bits, values.shape[::-1], interpolation=cv2.INTER_CUBIC) * _activity(values)
    wanted = 255 / 10 ** (SIGNAL_TO_NOISE_DB / 20)
    strength = wanted / max(float(np.sqrt(np.mean(pattern**2))), 1e-6)
    return np.asarray(np.clip(np.rint(values + strength * pattern), 0, 255), np.uint8)


def find_recipient(
    original: NDArray[np.generic],
    suspect: NDArray[np.generic],
    keys: Mapping[str, bytes],
    about: bytes = b"",
    *,
    rate: float = FALSE_ACCUSATIONS,
    registered: Registered | None = None,
) -> FingerprintFinding:
    """Return for whom a copy was marked, if for any of these.

    Parameters
    ----------
    original
        The picture before it was marked.
    suspect
        A copy of it.
    keys
        Of all who may have had it, by name.
    about
        As when it was marked.
    rate
        How often somebody may be named for a copy that none of the keys marked.
    registered
        The copy as it lies over the original, where that is known already.

    Raises
    ------
    EvidenceError
        The two cannot be laid over each other, or keys are too short or there twice.
    """
    if not keys or len(set(keys.values())) != len(keys) or not 0 < rate < 1:
        raise EvidenceError(
            ForensicsFault.KEY_UNFIT, "expected keys, each another one, and a rate between 0 and 1, got none such"
        )
    laid = registered or register(original, suspect, GRID)
    patches = _grid(original.shape)
    seen = _patches_of(laid, patches)
    length = float(np.sqrt((seen**2).sum()))
    scores = [
        RecipientScore(name=name, score=float((_bits(key, about, patches) * seen).sum()) / length if length else 0.0)
        for name, key in keys.items()
    ]
    scores.sort(key=lambda one: (-one.score, one.name))
    least = math.sqrt(2 * math.log(len(keys) / rate))
    return FingerprintFinding(
        scores=tuple(scores),
        least_score=least,
        false_accusation_rate=rate,
        recipient=scores[0].name if scores[0].score >= least else None,
    )


def _grid(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return how many patches a picture has: down and across."""
    side = max(shape)
    return max(round(_PATCHES * shape[0] / side), 1), max(round(_PATCHES * shape[1] / side), 1)


def _bits(key: bytes, about: bytes, patches: tuple[int, int]) -> NDArray[np.float32]:
    """Return 1 or -1 for each patch: HMAC-SHA-256 of a counter."""
    if len(key) < LEAST_KEY_BYTES:
        raise EvidenceError(
            ForensicsFault.KEY_UNFIT, f"expected a key of {LEAST_KEY_BYTES} bytes or more, got {len(key)}"
        )
    count = patches[0] * patches[1]
    own = hmac.new(key, _ABOUT + about, hashlib.sha256).digest()
    blocks = (hmac.digest(own, number.to_bytes(4, "big"), "sha256") for number in range(-(-count // 256)))
    drawn = np.unpackbits(np.frombuffer(b"".join(blocks), np.uint8))[:count]
    return (drawn.astype(np.float32) * 2 - 1).reshape(patches)


def _activity(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how much more a picture may change in a place without anyone's seeing it."""
    edges = cv2.GaussianBlur(np.abs(cv2.Laplacian(values, cv2.CV_32F)), (0, 0), max(values.shape) / 300)
    usual = max(float(np.median(edges)), 1e-3)
    return np.asarray(np.clip(edges / usual, *_ACTIVITY), np.float32)


def _patches_of(laid: Registered, patches: tuple[int, int]) -> NDArray[np.float32]:
    """Return how much brighter or darker each patch of a copy is than it should be, as far as that says anything."""
    left = fit_plainly(laid.original, laid.suspect, laid.mask)
    patch = max(left.shape) / _PATCHES
    left = (left - cv2.GaussianBlur(left, (0, 0), 2 * patch)) * laid.mask
    usual = np.sqrt(cv2.GaussianBlur(left * left, (0, 0), 3 * patch)) + np.float32(0.3)
    weighed = np.clip(left / usual, -_MOST, _MOST) * (_activity(laid.original) / usual)
    means = cv2.resize(np.asarray(weighed, np.float32), patches[::-1], interpolation=cv2.INTER_AREA)
    spread = 1.4826 * float(np.median(np.abs(means)))
    return np.asarray(np.clip(means, -_MOST * spread, _MOST * spread) if spread else means, np.float32)
