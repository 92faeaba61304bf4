"""Tells which output was made from which input."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scanward.crosscheck.reading import Reading

_TECHNICAL_VRS = frozenset({"CS", "DS", "IS", "US", "SS", "UL", "SL", "FL", "FD", "AT"})
MAX_CANDIDATES = 200
"""Instances of one kind that are compared with each other; beyond that, order decides."""


@dataclass(frozen=True, slots=True)
class _Pair:
    output: Path
    source: Reading
    certain: bool


def match(
    inputs: Sequence[Reading], outputs: Sequence[Reading], mapping: Mapping[Path, Path] | None
) -> tuple[dict[Path, Reading], frozenset[Path]]:
    """Tell the input of each output: by `mapping` (input to output), else by pixels, else by technical Attributes.

    Returns
    -------
    tuple of dict and frozenset
        The input by the output's path, and the outputs of which this is certain: no other input looks as much like it.
    """
    found: dict[Path, Reading] = {}
    if mapping:
        by_path = {reading.path: reading for reading in inputs}
        found = {out: by_path[src] for src, out in mapping.items() if src in by_path}
    certain = set(found)
    used = {reading.path for reading in found.values()}
    free_in = [reading for reading in inputs if reading.path not in used]
    free_out = [reading for reading in outputs if reading.path not in found]
    for group_in, group_out in _groups(free_in, free_out):
        for pair in _pairs(group_in, group_out):
            found[pair.output] = pair.source
            if pair.certain:
                certain.add(pair.output)
    return found, frozenset(certain)


def _groups(inputs: Sequence[Reading], outputs: Sequence[Reading]) -> Iterator[tuple[list[Reading], list[Reading]]]:
    """Yield inputs and outputs that can belong together: the same pixels, else the same SOP Class without pixels."""
    pixels: dict[tuple[str, str], tuple[list[Reading], list[Reading]]] = defaultdict(lambda: ([], []))
    for side, readings in enumerate((inputs, outputs)):
        for reading in readings:
            pixels[(reading.text("SOPClassUID"), reading.pixel_hash)][side].append(reading)
    left: dict[str, tuple[list[Reading], list[Reading]]] = defaultdict(lambda: ([], []))
    for (sop_class, _), (one, other) in pixels.items():
        if one and other:
            yield one, other
        else:
            left[sop_class][0].extend(one)
            left[sop_class][1].extend(other)
    yield from ((one, other) for one, other in left.values() if one and other)


def _pairs(inputs: list[Reading], outputs: list[Reading]) -> Iterator[_Pair]:
    if len(inputs) == 1 and len(outputs) == 1:
        yield _Pair(outputs[0].path, inputs[0], certain=True)
        return
    if max(len(inputs), len(outputs)) > MAX_CANDIDATES:
        inputs, outputs = sorted(inputs, key=_order), sorted(outputs, key=_order)
        yield from (_Pair(out.path, src, certain=False) for src, out in zip(inputs, outputs, strict=False))
        return
    prints = {reading.path: _print(reading) for reading in (*inputs, *outputs)}
    scores = {(src.path, out.path): _alike(prints[src.path], prints[out.path]) for src in inputs for out in outputs}
    by_path = {reading.path: reading for reading in inputs}
    used: set[Path] = set()
    for (src, out), score in sorted(scores.items(), key=lambda row: (-row[1], str(row[0]))):
        if score > 0 and src not in used and out not in used:
            used |= {src, out}
            rivals = [other for pair, other in scores.items() if out in pair or src in pair]
            yield _Pair(out, by_path[src], certain=rivals.count(score) == 1)


def _order(reading: Reading) -> tuple[int, str]:
    number = reading.text("InstanceNumber")
    return (int(number) if number.isdigit() else 0, str(reading.path))


def _print(reading: Reading) -> frozenset[tuple[str, str]]:
    return frozenset(
        (value.place, text) for value in reading.values if value.vr in _TECHNICAL_VRS for text in value.texts
    )


def _alike(one: frozenset[tuple[str, str]], other: frozenset[tuple[str, str]]) -> float:
    return len(one & other) / (len(one | other) or 1)
