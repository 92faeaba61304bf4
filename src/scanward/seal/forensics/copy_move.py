"""Copies of one part of a scan in another: exact ones, and ones turned, scaled or compressed anew."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from scanward.model.signs import Copy, CopySigns, Limits, Measured, Outcome
from scanward.seal.forensics import changed_copies, exact_copies
from scanward.seal.forensics.planes import Unfit, to_greys, to_plane, to_steps

MAX_REPORTED = 20

LIMITS = Limits(
    sees=(
        "a patch of 18 x 18 pixels or more that is the same, save for a constant, in two places of a frame",
        "the same between neighbouring frames, in one place or in two",
        "a patch of about 60 pixels across that was turned, scaled or compressed anew; fewer of the smaller ones",
    ),
    misses=(
        "copies out of another scan",
        "copies without noise or detail, and those that follow one edge",
        "mirrored copies",
        "what was painted, inpainted or generated",
        "whether what repeats was drawn so: letters, strokes, and blotches of a strong JPEG 2000 may give a sign",
    ),
    false_alarms=Measured(what="radiographs, and slices of CT and MR", hits=0, of=99),
    measured=(
        Measured(what="false alarms on all other files: screens, ultrasound, drawings", hits=2, of=112),
        Measured(what="exact copies of 20 pixels across and more", hits=20, of=20),
        Measured(what="copies of 64 pixels across, compressed anew or turned and scaled", hits=9, of=24),
    ),
)
"""Figures of ``benchmarks/seal/copy_move.py``."""


def find_copies(frames: Iterable[NDArray[np.generic]], *, exact_only: bool = False) -> CopySigns:
    """Return the copies found within each frame, and exact ones between neighbouring frames.

    Parameters
    ----------
    frames
        Samples of each frame in their order, (rows, columns) or with colours last; consumed one at a time.
    exact_only
        Leave out the search for changed copies, which takes most of the time.
    """
    copies: list[Copy] = []
    reasons: list[str] = []
    seen = 0
    before: exact_copies.Windows | None = None
    for number, samples in enumerate(frames):
        try:
            plane = to_plane(samples)
        except Unfit as unfit:
            reasons.append(str(unfit))
            before = None
            continue
        seen += 1
        windows = exact_copies.hash_windows(to_steps(plane))
        found = exact_copies.find_within(windows, number)
        if before is not None:
            found += exact_copies.find_between(before, windows, number)
        if not found and not exact_only:
            found = changed_copies.find_changed(to_greys(plane), number)
        copies += found
        before = windows
    if not seen:
        why = reasons[0] if reasons else "there is no frame"
        return CopySigns(outcome=Outcome.CANNOT_TELL, limits=LIMITS, why=why)
    copies = [one for one in copies if not _is_standing(one, copies, seen)]
    copies.sort(key=lambda one: -one.pixels)
    outcome = Outcome.SIGN if copies else Outcome.NO_SIGN
    return CopySigns(outcome=outcome, limits=LIMITS, copies=tuple(copies[:MAX_REPORTED]))


def _is_standing(copy: Copy, copies: list[Copy], frames: int) -> bool:
    """Whether a copy between frames shows what stands in place over many of them: text, scales, a frozen half."""
    if copy.first.frame == copy.second.frame or (copy.first.top, copy.first.left) != (
        copy.second.top,
        copy.second.left,
    ):
        return False
    return frames < 3 or any(
        other.first.frame not in {copy.first.frame, other.second.frame}
        and (other.first.top, other.first.left) == (other.second.top, other.second.left)
        and other.first.top < copy.first.bottom
        and copy.first.top < other.first.bottom
        and other.first.left < copy.first.right
        and copy.first.left < other.first.right
        for other in copies
    )
