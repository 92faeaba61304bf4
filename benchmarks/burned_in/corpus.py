"""Burns words into pictures, so that it is known of each pixel whether it belongs to one.

All is made anew in each run, and is the same each time: a case depends on its name alone. Backgrounds are real scans
where ``SCANWARD_TEST_DATA`` names some, and pictures that ``synthetic`` makes.
"""

import random
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from burned_in import synthetic
from burned_in.burn import FAINT, Draw, Sheet, burn, compress, measured, quiet, saturated
from burned_in.case import Case, Pixels, colour8, monochrome8, render, stored_range
from burned_in.real import make_real
from burned_in.scans import read_scan
from burned_in.textfree import REGIONS, make_textfree

SEED = 41
COUNTS = {"main": 240, "subvisual": 90, "window": 80, "cine": 24, "volume": 12, "scripts": 90}
"""Subset -> cases."""
SUBSETS = (*COUNTS, "textfree", "real")
"""All subsets."""

_REAL_CINE = ("dicom/pydicom__pydicom/examples_ybr_color.dcm#all", (20, 20, 280, 205))
_REAL_VOLUMES = (
    ("heads/neurolabusc__dcm_qa_ct/GE_headCT_dicom.zip#{}", range(28)),
    (
        "heads/neurolabusc__dcm_qa_xa30/0001_1.3.12.2.1107.5.2.43.67093.2022071112080825794102791.dcm#{}",
        range(8, 88, 2),
    ),
    ("heads/niivue__niivue/otsu.nii.gz#z{}", range(20, 140, 3)),
)
"""File, and numbers of the slices."""

SIZES = (8, 10, 12, 14, 18, 24, 36, 48, 60)
STYLES = ("plain",) * 7 + ("white",) * 3 + ("black",) * 2 + ("white on black", "black on white", "outlined", "coloured")
ROTATIONS = ("0",) * 15 + ("90", "270", "180", "3", "-4", "5", "-5", "arc")
_KINDS = ("CT",) * 4 + ("MR",) * 4 + ("CR",) * 4 + ("US",) * 4 + ("photograph", "PT", "NM")
_SMALLEST, _LARGEST = 120, 1024
"""Pixels of an edge of a real background."""


def make_cases(subset: str, *, data: Path | None, step: int = 1) -> Iterator[Case]:
    """Yield the cases of one of the `SUBSETS`, or each `step`-th of them."""
    if subset == "textfree":
        yield from make_textfree(data, step=step)
    elif subset == "real":
        yield from make_real(data, step=step)
    else:
        for number in range(0, COUNTS[subset], step):
            yield make_case(subset, number, data=data)


def make_case(subset: str, number: int, *, data: Path | None) -> Case:
    """Make one case of a subset that is burned in."""
    name = f"{subset}-{number:03}"
    seed = zlib.crc32(f"{SEED} {name}".encode())
    sheet = _MAKERS[subset](random.Random(seed), np.random.default_rng(seed), data)
    return Case(
        name=name, subset=subset, background=sheet.background, frames=sheet.frames, attributes=sheet.attributes,
        words=tuple(sheet.words),
    )  # fmt: skip


# --- subsets ---------------------------------------------------------------------------------------------------------


def _main(rng: random.Random, noise: np.random.Generator, data: Path | None) -> Sheet:
    sheet = _background(rng, noise, data)
    for _ in range(rng.randrange(3, 9)):
        how = _choose(rng, "latin")
        if how.style == "coloured" and not sheet.is_colour:
            how = replace(how, style="plain")
        burn(rng, sheet, how)
    if sheet.frames.dtype == np.uint8 and rng.random() < 0.3:
        compress(sheet, rng.choice([60, 75, 80, 90]))
    return measured(sheet)


def _scripts(rng: random.Random, noise: np.random.Generator, data: Path | None) -> Sheet:
    sheet = _background(rng, noise, data)
    script = rng.choice(["japanese", "arabic", "cyrillic"])
    for _ in range(rng.randrange(3, 7)):
        how = _choose(rng, script)
        burn(rng, sheet, replace(how, style="plain") if how.style == "coloured" and not sheet.is_colour else how)
    return measured(sheet)


def _subvisual(rng: random.Random, noise: np.random.Generator, data: Path | None) -> Sheet:
    sheet = _background(rng, noise, data, bits=8)
    for _ in range(rng.randrange(1, 4)):
        how = Draw(
            script="latin", size=rng.choice([14, 18, 20, 24, 30, 40]), style="faint", rotation="0",
            antialias=rng.random() < 0.7, contrast=FAINT,
        )  # fmt: skip
        burn(rng, sheet, how, where=quiet)
    return measured(sheet)


def _window(rng: random.Random, noise: np.random.Generator, data: Path | None) -> Sheet:
    """Words whose values lie outside the default window, as those around them do."""
    sheet = _background(rng, noise, data, bits=16)
    while not sheet.words:  # not every picture has room for one outside its window
        sheet = _narrowed(rng, _background(rng, noise, data, bits=16))
        for _ in range(rng.randrange(1, 4)):
            how = Draw(
                script="latin", size=rng.choice([10, 12, 14, 18, 24, 36]), style="hidden", rotation="0",
                antialias=False, contrast=0.0,
            )  # fmt: skip
            burn(rng, sheet, how, where=saturated)
    return sheet


def _narrowed(rng: random.Random, sheet: Sheet) -> Sheet:
    """Return `sheet` with a default window that shows a part of its values only."""
    values = sheet.frames * float(sheet.attributes["RescaleSlope"]) + float(sheet.attributes["RescaleIntercept"])
    low, high = np.percentile(values, rng.choice([(25, 75), (40, 95), (5, 60), (50, 99)]))
    window = {"WindowCenter": float(low + high) / 2, "WindowWidth": max(20.0, float(high - low))}
    return Sheet(sheet.frames, {**sheet.attributes, **window}, sheet.background)


def _cine(rng: random.Random, noise: np.random.Generator, data: Path | None) -> Sheet:
    """Words in single frames of a cine, and in all of them."""
    if data is not None and rng.random() < 0.25:
        scan = read_scan(data, *_REAL_CINE)
        frames = [cv2.resize(frame, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC) for frame in scan.frames]
        sheet = Sheet(np.stack(frames), scan.attributes, f"US {_REAL_CINE[0]}")
    else:
        still = _background(rng, noise, data, bits=8, largest=512)
        frames = _move(noise, still.frames[0], rng.choice([12, 20, 30]))
        sheet = Sheet(frames, still.attributes, f"{still.background}, moving")
    _burn_into_some(rng, sheet)
    return measured(sheet)


def _volume(rng: random.Random, noise: np.random.Generator, data: Path | None) -> Sheet:
    """Words in single slices of a volume of 16 bit, and in all of them."""
    if data is not None and rng.random() < 0.75:
        source, slices = rng.choice(_REAL_VOLUMES)
        scans = [read_scan(data, source.format(number)) for number in slices]
        frames = np.concatenate([scan.frames for scan in scans])
        sheet = Sheet(frames.copy(), scans[0].attributes, source.partition("#")[0])
        while min(sheet.taken.shape) < 320:
            enlarged = [cv2.resize(frame, None, fx=2, fy=2) for frame in sheet.frames]
            sheet = Sheet(np.stack(enlarged), sheet.attributes, sheet.background)
    else:
        first = _synthetic(rng, noise, 16)
        grain = noise.normal(0, 8, (24, *first.taken.shape))
        frames = np.clip(first.frames + grain, *stored_range(first.attributes)).astype(first.frames.dtype)
        sheet = Sheet(frames, first.attributes, f"{first.background}, 24 slices")
    _burn_into_some(rng, sheet)
    return measured(sheet)


def _burn_into_some(rng: random.Random, sheet: Sheet) -> None:
    count = sheet.frames.shape[0]
    for number in range(rng.randrange(2, 5)):
        how = replace(_choose(rng, "latin"), size=rng.choice([10, 14, 20, 28]), rotation="0")
        how = replace(how, contrast=max(how.contrast, 30.0))
        how = replace(how, style="plain") if how.style == "coloured" and not sheet.is_colour else how
        in_all = number == 0 and rng.random() < 0.5
        burn(rng, sheet, how, frames=tuple(range(count)) if in_all else (rng.randrange(count),))


_MAKERS: dict[str, Callable[[random.Random, np.random.Generator, Path | None], Sheet]] = {
    "main": _main, "subvisual": _subvisual, "window": _window, "cine": _cine, "volume": _volume, "scripts": _scripts,
}  # fmt: skip


def _choose(rng: random.Random, script: str) -> Draw:
    size = rng.choice(SIZES)
    return Draw(
        script=script, size=size, style=rng.choice(STYLES), rotation=rng.choice(ROTATIONS),
        antialias=rng.random() < 0.7, contrast=8 * 2 ** rng.uniform(0, 4),
    )  # fmt: skip


# --- backgrounds -----------------------------------------------------------------------------------------------------


def _background(
    rng: random.Random,
    noise: np.random.Generator,
    data: Path | None,
    *,
    bits: int | None = None,
    largest: int = _LARGEST,
) -> Sheet:
    """Return a picture without text: real in three of four cases where there are real ones, otherwise a made one.

    Parameters
    ----------
    bits
        8 or 16; otherwise real ones as they are.
    """
    if data is not None and rng.random() < 0.75:
        sheet = _real(rng, data, bits, largest)
    else:
        sheet = _synthetic(rng, noise, bits or rng.choice([8, 8, 16]))
    if bits == 8 or (bits is None and sheet.frames.dtype != np.uint8 and rng.random() < 0.4):
        sheet = _to_8_bit(sheet)
    if bits is None and sheet.frames.dtype == np.uint8 and not sheet.is_colour and rng.random() < 0.3:
        sheet = Sheet(np.repeat(sheet.frames[..., None], 3, axis=3), colour8(), sheet.background)
    return sheet


def _real(rng: random.Random, data: Path, bits: int | None, largest: int) -> Sheet:
    while True:
        kind = rng.choice(_KINDS)
        region = rng.choice([region for region in REGIONS if region.kind == kind])
        scan = read_scan(data, region.source, region.crop)
        frame = scan.frames[0]
        if min(frame.shape[:2]) >= _SMALLEST and (bits != 16 or frame.dtype != np.uint8):
            break
    while min(frame.shape[:2]) < 320:
        frame = cv2.resize(frame, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    rows, columns = frame.shape[:2]
    # One in eight stays as large as it is; of the others a part is taken.
    if max(rows, columns) > largest and (largest < _LARGEST or rng.random() > 1 / 8):
        upper, left = rng.randrange(max(1, rows - largest)), rng.randrange(max(1, columns - largest))
        frame = frame[upper : upper + largest, left : left + largest]
    return Sheet(np.ascontiguousarray(frame)[None].copy(), scan.attributes, f"{kind} {region.source}")


def _synthetic(rng: random.Random, noise: np.random.Generator, bits: int) -> Sheet:
    name = rng.choice(sorted(synthetic.MAKERS))
    rows, columns = rng.choice([(384, 512), (512, 512), (600, 800), (768, 1024)])
    grey = synthetic.MAKERS[name](noise, rows, columns)
    if bits == 8:
        attributes = monochrome8(inverted=rng.random() < 0.2)
        grey = 255 - grey if attributes["PhotometricInterpretation"] == "MONOCHROME1" else grey
        return Sheet(np.rint(grey).astype(np.uint8)[None], attributes, name)
    signed = rng.random() < 0.5
    attributes = {
        **monochrome8("CT" if signed else "DX", inverted=not signed and rng.random() < 0.5),
        "BitsStored": 16 if signed else rng.choice([10, 12, 14]), "PixelRepresentation": int(signed),
        "RescaleIntercept": -1024.0 if signed else 0.0,
    }  # fmt: skip
    top = 3000.0 if signed else float(stored_range(attributes)[1])
    # The default window shows the middle half of what is stored.
    stored = grey / 255 * top
    attributes["WindowCenter"] = top / 2 + float(attributes["RescaleIntercept"])
    attributes["WindowWidth"] = top / 2
    return Sheet(np.rint(stored).astype(np.int16 if signed else np.uint16)[None], attributes, f"{name}, 16 bit")


def _to_8_bit(sheet: Sheet) -> Sheet:
    if sheet.frames.dtype == np.uint8:
        return sheet
    shown = np.stack([render(frame, sheet.attributes)[..., 0] for frame in sheet.frames])
    return Sheet(shown, monochrome8(str(sheet.attributes["Modality"])), f"{sheet.background}, as 8 bit")


def _move(noise: np.random.Generator, still: Pixels, count: int) -> Pixels:
    """Return frames in which a picture beats like a heart, with speckle of its own in each."""
    rows, columns = still.shape[:2]
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    frames = []
    for number in range(count):
        swing = 4 * np.sin(2 * np.pi * number / count)
        there = (x + swing * np.sin(y / 40)).astype(np.float32), (y + swing * np.cos(x / 50)).astype(np.float32)
        moved = cv2.remap(still, *there, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        grain = cv2.GaussianBlur(noise.normal(0, 0.25, (rows, columns)).astype(np.float32), (0, 0), 1.0)
        grain = grain[..., None] if moved.ndim == 3 else grain
        frames.append(np.clip(moved * (1 + grain), 0, 255).astype(np.uint8))
    return np.stack(frames)
