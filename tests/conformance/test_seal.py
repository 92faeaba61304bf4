"""A seal beside other people's programs: silent for what they code anew without loss, loud for the least that differs."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from scanward.model.comparison import FrameFate
from scanward.seal.compare import compare_frames
from scanward.seal.digest import pixel_root, seal_pixels
from tests.common.sealing import KEY, Frames, compared, seal_of
from tests.common.transcoding import TRANSCODERS, is_lossless, made_images

FEWEST_COPIES = 500
FEWEST_TOOLKITS = 3
EDITS = 10_000

REAL = ("CT_small.dcm", "MR_small.dcm", "emri_small.dcm", "SC_rgb_small_odd.dcm", "examples_ybr_color.dcm")
"""Of `dicom/pydicom__pydicom*`, where there."""


def sweep(images: list[tuple[str, bytes]], folder: Path) -> tuple[Counter[str], Counter[str], list[str]]:
    """Return the copies of each toolkit that are lossless, those that are not, and what the seal said wrongly."""
    source, target = folder / "source.dcm", folder / "target.dcm"
    silent, loud, wrong = Counter[str](), Counter[str](), []
    for name, data in images:
        source.write_bytes(data)
        seal = seal_of(data)
        for one in TRANSCODERS:
            target.unlink(missing_ok=True)
            if not one.make(source, target):
                continue
            found = compared(seal, target.read_bytes())
            is_same = is_lossless(source, target)
            if is_same:
                silent[one.toolkit] += 1
                if not found.are_pixels_same or found.altered_header:
                    wrong.append(f"{name}: {one.toolkit} {one.name}: {found.form} {found.frames} {found.header}")
            elif is_same is False:
                loud[one.toolkit] += 1
                if found.are_pixels_same is not False:
                    wrong.append(f"{name}: {one.toolkit} {one.name}: loss not found")
            elif found.are_pixels_same:
                # No decoder of pydicom's: then both of ours agree.
                silent[one.toolkit] += 1
    return silent, loud, wrong


@pytest.mark.skipif(not Path("/usr/bin/dcmcjpls").exists(), reason="DCMTK is not installed")
def test_lossless_copies_of_at_least_three_toolkits_raise_no_alarm(tmp_path):
    silent, loud, wrong = sweep(list(made_images()), tmp_path)
    assert wrong == []
    assert len(silent) >= FEWEST_TOOLKITS
    assert silent.total() >= FEWEST_COPIES
    # Programs that take High Bit for Bits Stored less one lose bits; that shows.
    assert loud.total() > 0


@pytest.mark.skipif(not Path("/usr/bin/dcmcjpls").exists(), reason="DCMTK is not installed")
def test_lossless_copies_of_real_scans_raise_no_alarm(test_data, tmp_path):
    paths = [path for path in (test_data / "dicom").rglob("*.dcm") if path.name in REAL]
    assert paths
    silent, _, wrong = sweep([(path.name, path.read_bytes()) for path in sorted(paths)], tmp_path)
    assert wrong == []
    assert silent.total() > 0


RNG = np.random.default_rng(20260)


def noise(shape: tuple[int, ...], dtype: str, bits: int) -> np.ndarray:
    values = RNG.integers(0, 1 << bits, shape, np.int64)
    return values.astype(dtype) if dtype[0] == "u" else (values - (1 << bits - 1)).astype(dtype)


FORMS = {
    "8 bit": Frames(noise((3, 130, 150), "u1", 8)),
    "8 bit signed": Frames(noise((2, 130, 150), "i1", 8)),
    "16 bit": Frames(noise((3, 130, 150), "u2", 16)),
    "16 bit signed": Frames(noise((2, 65, 129), "i2", 16)),
    "12 of 16 bit": Frames(noise((2, 130, 150), "u2", 12), stored=12),
    "12 of 16 bit signed": Frames(noise((2, 130, 150), "i2", 12), stored=12),
    "12 bit at the top": Frames(noise((2, 130, 150), "u2", 12) << 4, stored=12, high=15),
    "32 bit": Frames(noise((2, 70, 90), "u4", 32)),
    "20 of 32 bit signed": Frames(noise((2, 70, 90), "i4", 20), stored=20),
    "single bits": Frames(noise((2, 130, 150), "u1", 1), stored=1),
    "colours": Frames(noise((2, 70, 130, 3), "u1", 8), photometric="RGB"),
    "colours of 16 bit": Frames(noise((1, 70, 130, 3), "u2", 16), photometric="RGB"),
    "one tile": Frames(noise((4, 64, 64), "u2", 16)),
    "one row": Frames(noise((2, 1, 700), "u2", 16)),
    "large": Frames(noise((1, 1500, 1100), "u2", 14), stored=14),
}

LARGE_EDITS = 60


@pytest.mark.parametrize("name", FORMS)
def test_the_least_edit_is_found_in_exactly_its_tile(name):
    """One to four samples, one bit of each that Bits Stored holds; the whole instance is digested anew each time."""
    frames = FORMS[name]
    layout, samples = frames.layout, frames.frames
    seal = seal_pixels(frames, KEY)
    root, across = pixel_root(seal), seal.grid[1]
    words = samples.view(f"u{samples.dtype.itemsize}")
    lowest = layout.high_bit + 1 - layout.bits_stored
    edits = LARGE_EDITS if name == "large" else -(-(EDITS - LARGE_EDITS) // (len(FORMS) - 1))
    missed = []
    for number in range(edits):
        before, expected = [], {}
        for _ in range(1 if number % 4 else RNG.integers(1, 5)):
            at = tuple(int(RNG.integers(0, size)) for size in samples.shape)
            if at in dict(before):
                continue
            before.append((at, words[at]))
            bit = lowest if number % 2 else int(RNG.integers(lowest, layout.high_bit + 1))
            words[at] ^= np.array(1 << bit, words.dtype)
            expected.setdefault(at[0], set()).add(at[1] // 64 * across + at[2] // 64)
        found = compare_frames(seal, frames, KEY, is_coded_with_loss=False)
        told = {change.frame: set(change.tiles) for change in found.frames if change.fate is FrameFate.ALTERED}
        if told != expected or found.are_pixels_same is not False or len(found.frames) != len(told):
            missed.append((expected, told))
        for at, word in before:
            words[at] = word
    assert missed == []
    assert pixel_root(seal_pixels(frames, KEY)) == root


def test_so_many_edits_were_tried():
    tried = sum(LARGE_EDITS if name == "large" else -(-(EDITS - LARGE_EDITS) // (len(FORMS) - 1)) for name in FORMS)
    assert tried >= EDITS
