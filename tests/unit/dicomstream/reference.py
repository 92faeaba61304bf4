"""pydicom as the reference: the same plan carried out on its data sets, and both compared element by element."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable

from pydicom import Dataset, dcmread
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

from tests.unit.dicomstream.datasets import REPLACEMENT, Plan


def read(data: bytes) -> Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return dcmread(io.BytesIO(data), force=True)


def apply(ds: Dataset, plan: Plan | Callable[[tuple[int, ...]], str | None], value: bytes = REPLACEMENT) -> Dataset:
    """Edit `ds` in place."""
    get = plan if callable(plan) else plan.get
    stack: list[tuple[tuple[int, ...], Dataset]] = [((), ds)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        while stack:
            outer, inner = stack.pop()
            for tag in list(inner.keys()):
                path = (*outer, int(tag))
                edit = get(path)
                if edit == "remove":
                    del inner[tag]
                elif edit == "replace":
                    _replace(inner, tag, value)
                elif edit == "descend" and inner[tag].VR == "SQ":
                    stack.extend((path, item) for item in inner[tag].value)
    return ds


def _replace(ds: Dataset, tag: int, value: bytes) -> None:
    vr = ds[tag].VR
    value = b"" if vr == "SQ" else value
    implicit, little = ds.original_encoding
    if vr == "SQ" or vr in ("UN", "OB", "OW", "OB or OW"):
        ds[tag].value = [] if vr == "SQ" else value
    else:
        raw = RawDataElement(Tag(tag), None if implicit else vr, len(value), value, 0, bool(implicit), bool(little))
        ds[tag] = raw


def differences(first: Dataset, second: Dataset) -> list[str]:
    """Where two data sets differ, by tags only; empty when they are equal at every depth."""
    found: list[str] = []
    stack = [("", first, second)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        while stack:
            where, one, two = stack.pop()
            tags, others = {int(tag) for tag, _ in one.items()}, {int(tag) for tag, _ in two.items()}
            found += [f"{where}/{tag:08X}: only in one" for tag in tags ^ others]
            for tag in sorted(tags & others):
                found += _compare(f"{where}/{tag:08X}", one, two, tag, stack)
    return found


def _compare(where: str, one: Dataset, two: Dataset, tag: int, stack: list[tuple[str, Dataset, Dataset]]) -> list[str]:
    raw, other_raw = one.get_item(tag), two.get_item(tag)
    are_raw = isinstance(raw, RawDataElement) and isinstance(other_raw, RawDataElement)
    if are_raw and raw.value != other_raw.value and one[tag].VR != "SQ":
        return [f"{where}: value"]
    element, other = one[tag], two[tag]
    if element.VR == "SQ" and other.VR == "UN" and not element.value and not other.value:
        return []  # a sequence as UN, emptied: nothing tells any more that it was one
    if element.VR != other.VR:
        return [f"{where}: VR {element.VR} and {other.VR}"]
    if element.VR == "SQ":
        if len(element.value) != len(other.value):
            return [f"{where}: {len(element.value)} and {len(other.value)} items"]
        stack.extend((where, *pair) for pair in zip(element.value, other.value, strict=True))
        return []
    return [] if repr(element.value) == repr(other.value) else [f"{where}: value"]
