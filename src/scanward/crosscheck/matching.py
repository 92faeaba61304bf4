"""Tells which output was made from which input."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from scanward.crosscheck.reading import Reading

_TECHNICAL_VRS = frozenset({"CS", "DS", "IS", "US", "SS", "UL", "SL", "FL", "FD", "AT"})
MAX_CANDIDATES = 200
"""Instances of one kind that are compared with each other; beyond that, order decides."""


def match(
    inputs: Sequence[Reading], outputs: Sequence[Reading], mapping: Mapping[Path, Path] | None
) -> dict[Path, Reading]:
    """Return the input of each output, by the output's path.

    Told by `mapping` (input to output), else by the pixels, else by what both say in technical Attributes.
    """
    found: dict[Path, Reading] = {}
    if mapping:
        by_path = {reading.path: reading for reading in inputs}
        found = {out: by_path[src] for src, out in mapping.items() if src in by_path}
    used = {reading.path for reading in found.values()}
    free_in = [reading for reading in inputs if reading.path not in used]
    free_out = [reading for reading in outputs if reading.path not in found]
    for group_in, group_out in _groups(free_in, free_out):
        found.update(_pair(group_in, group_out))
    return found


def _groups(inputs: Sequence[Reading], outputs: Sequence[Reading]) -> Iterator[tuple[list[Reading], list[Reading]]]:
    """Yield inputs and outputs that can belong together: the same pixels, else the same SOP Class without pixels."""
    pixels: dict[tuple[str, str], tuple[list[Reading], list[Reading]]] = defaultdict(lambda: ([], []))
    for side, readings in enumerate((inputs, outputs)):
        for reading in readings:
            pixels[(reading.text("SOPClassUID"), reading.pixel_hash)][side].append(reading)
    left: dict[str, tuple[list[Reading], list[Reading]]] = defaultdict(lambda: ([], []))
    for (sop_class, pixel_hash), (one, other) in pixels.items():
        if one and other:
            yield one, other
        else:
            left[sop_class][0].extend(one)
            left[sop_class][1].extend(other)
        del pixel_hash
    for one, other in left.values():
        if one and other:
            yield one, other


def _pair(inputs: list[Reading], outputs: list[Reading]) -> Iterator[tuple[Path, Reading]]:
    if len(inputs) == 1 and len(outputs) == 1:
        yield outputs[0].path, inputs[0]
        return
    if max(len(inputs), len(outputs)) > MAX_CANDIDATES:
        inputs, outputs = sorted(inputs, key=_order), sorted(outputs, key=_order)
        yield from ((out.path, src) for src, out in zip(inputs, outputs, strict=False))
        return
    prints = {reading.path: _print(reading) for reading in (*inputs, *outputs)}
    scored = sorted(
        ((_alike(prints[src.path], prints[out.path]), str(src.path), str(out.path), src, out)
         for src in inputs for out in outputs),
        key=lambda row: (-row[0], row[1], row[2]),
    )  # fmt: skip
    used: set[Path] = set()
    for score, _, _, src, out in scored:
        if score > 0 and src.path not in used and out.path not in used:
            used |= {src.path, out.path}
            yield out.path, src


def _order(reading: Reading) -> tuple[int, str]:
    number = reading.text("InstanceNumber")
    return (int(number) if number.isdigit() else 0, str(reading.path))


def _print(reading: Reading) -> frozenset[tuple[str, str]]:
    return frozenset(
        (value.place, text) for value in reading.values if value.vr in _TECHNICAL_VRS for text in value.texts
    )


def _alike(one: frozenset[tuple[str, str]], other: frozenset[tuple[str, str]]) -> float:
    return len(one & other) / (len(one | other) or 1)
