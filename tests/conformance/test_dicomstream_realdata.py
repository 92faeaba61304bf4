"""The element stream on real files, with pydicom as the reference."""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from scanward.dicomstream.rewrite import Edit
from scanward.errors import DicomFormatError, NotDicomError, ScanwardError, TruncatedError
from tests.conftest import find_test_data
from tests.unit.dicomstream import reference
from tests.unit.dicomstream.datasets import DEFLATED, EXPLICIT, by_plan, file_of, open_bytes, rewrite, rewriter

pytestmark = pytest.mark.realdata

FOLDERS = ("dicom", "burnedin")

UNREADABLE: dict[str, tuple[type[ScanwardError], str]] = {
    "rtplan_truncated.dcm": (
        TruncatedError,
        "cut short inside Beam Sequence; dcmdump refuses it, pydicom returns what is left of it without a word",
    ),
    "emri_small_jpeg_2k_lossless_too_short.dcm": (
        TruncatedError,
        "ends behind a fragment, without Sequence Delimitation Item; dcmdump refuses it, pydicom returns no element",
    ),
    "GH364.dcm": (
        DicomFormatError,
        "an item stands where an element should: a sequence lost its header; dcmdump, gdcminfo and pydicom fail too",
    ),
}
"""DICOM files that are refused, why, and what others make of them."""

REPAIRED = {
    "DICOMDIR-nooffset": "its last item claims to be 24 bytes longer than the sequence; written with its true length"
}
"""DICOM files that are read in spite of a defect, which is not written again."""

NOT_DICOM = frozenset({".png", ".jpg", ".json", ".zip"})


def files() -> list[Path]:
    folder = find_test_data()
    if folder is None:
        return []
    return sorted(path for name in FOLDERS for path in (folder / name).rglob("*") if path.is_file())


def is_dicom(path: Path) -> bool:
    return path.suffix not in NOT_DICOM


READABLE = [path for path in files() if is_dicom(path) and path.name not in UNREADABLE]

readable = pytest.mark.parametrize("path", READABLE, ids=lambda path: path.name)


class HashedPlan:
    """Random decisions that are the same each time: they depend on the path and a seed only."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def get(self, path: tuple[int, ...]) -> str | None:
        tag = path[-1]
        if tag in (0x00080005, 0x00280103) or (tag & 0x10000 and tag & 0xFFFF < 0x100):
            return None  # what pydicom reads others by
        choice = zlib.crc32(repr((self.seed, path)).encode()) % 10
        return "remove" if choice < 2 else "replace" if choice < 4 else "descend"


def with_data_set(data: bytes, data_set: bytes) -> bytes:
    """The file `data` with another data set in place of its own."""
    start = open_bytes(data)
    return file_of(data_set, EXPLICIT) if start.is_deflated else data[: start.offset] + data_set


def test_there_is_something_to_read() -> None:
    assert len(READABLE) > 150


@readable
def test_keeping_everything_gives_the_same_bytes(path: Path) -> None:
    data = path.read_bytes()
    start = open_bytes(data)
    source = start.reader.source
    assert rewrite(data, lambda *_: Edit.KEEP) == source.read(start.offset, source.size)


@readable
def test_looking_into_every_sequence_gives_the_same_bytes(path: Path) -> None:
    data = path.read_bytes()
    start = open_bytes(data)
    source = start.reader.source

    def decide(element, _scope, reader):
        return Edit.DESCEND if reader.is_sequence(element) else Edit.KEEP

    written = rewrite(data, decide)
    if path.name in REPAIRED:
        assert written != source.read(start.offset, source.size)
        assert reference.differences(reference.read(data), reference.read(with_data_set(data, written))) == []
    else:
        assert written == source.read(start.offset, source.size)


@readable
@pytest.mark.parametrize("seed", range(3))
def test_a_plan_has_the_result_that_it_has_with_pydicom(path: Path, seed: int) -> None:
    data = path.read_bytes()
    plan = HashedPlan(seed)
    expected = reference.apply(reference.read(data), plan.get)
    written = reference.read(with_data_set(data, rewrite(data, by_plan(plan))))
    assert reference.differences(expected, written) == []


def test_a_walk_that_remembers_gives_what_a_plain_one_gives() -> None:
    """All files through one memory, each twice in a row and in an order of its own."""
    plan = by_plan(HashedPlan(0))
    remembering = rewriter(plan)
    shuffled = [*READABLE]
    random.Random(1).shuffle(shuffled)
    for path in shuffled:
        data = path.read_bytes()
        plain = rewrite(data, plan)
        for _ in range(2):
            assert b"".join(one.data for one in remembering.process(open_bytes(data))) == plain, path.name


@pytest.mark.parametrize("name", sorted(UNREADABLE))
def test_what_cannot_be_read_is_refused_with_a_word(name: str) -> None:
    (path,) = (path for path in files() if path.name == name)
    error, reason = UNREADABLE[name]
    assert reason
    with pytest.raises(error) as caught:
        rewrite(path.read_bytes(), lambda *_: Edit.KEEP)
    assert "expected" in str(caught.value)


def test_other_formats_are_not_taken_for_dicom() -> None:
    others = [path for path in files() if not is_dicom(path)]
    assert others
    for path in others:
        with pytest.raises(NotDicomError):
            open_bytes(path.read_bytes())


# --- damage


def mutants(data: bytes, rng: random.Random, count: int) -> Iterator[bytes]:
    """Copies with some bytes changed, taken out, doubled, or the end missing; mostly in the header."""
    reach = min(len(data), 8192)
    for _ in range(count):
        copy = bytearray(data)
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(min(reach, len(copy)) or 1)
            match rng.randrange(5):
                case 0:
                    copy[at : at + 1] = rng.randbytes(1)
                case 1:
                    copy[at : at + 4] = rng.choice(
                        (b"\xff\xff\xff\xff", bytes(4), b"\xfe\xff\x00\xe0", b"\xff\xff\xff\x7f")
                    )
                case 2:
                    del copy[at : at + rng.randint(1, 16)]
                case 3:
                    copy[at:at] = copy[at : at + rng.randint(1, 64)]
                case _:
                    del copy[rng.randrange(len(copy) + 1) :]
        yield bytes(copy)


def test_damaged_files_end_in_errors_of_our_own() -> None:
    rng = random.Random(20261120)
    plan = by_plan(HashedPlan(1))
    remembering = rewriter(plan)
    small = [path for path in READABLE if path.stat().st_size < 600_000]
    for path in rng.sample(small, len(small)):
        for mutant in mutants(path.read_bytes(), rng, 100):
            try:
                start = open_bytes(mutant)
                remembering.process(start)
            except ScanwardError:
                continue
            if not start.is_deflated:
                assert start.offset <= len(mutant)


@pytest.mark.parametrize(
    "name",
    [
        "priv_SQ.dcm", "nested_priv_SQ.dcm", "meta_missing_tsyntax.dcm", "UN_sequence.dcm", "empty_charset_LEI.dcm",
        "no_meta_group_length.dcm", "rtplan.dcm", "SC_rgb_small_odd_big_endian.dcm", "ExplVR_BigEndNoMeta.dcm",
    ],
)  # fmt: skip
def test_cut_at_every_byte_a_file_is_refused_or_read(name: str) -> None:
    path = next(path for path in files() if path.name == name)
    data = path.read_bytes()
    plan = by_plan(HashedPlan(2))
    remembering = rewriter(plan)
    whole = remembering.process(open_bytes(data))
    names = [tag for one in whole for tag, _ in one.seen]
    for length in range(min(len(data), 4096)):
        try:
            start = open_bytes(data[:length])
            results = remembering.process(start)
        except ScanwardError:
            continue
        # What is there came through whole, and nothing was made up.
        seen = [tag for one in results for tag, _ in one.seen]
        assert seen == names[: len(seen)]
        assert start.transfer_syntax_uid == DEFLATED or length >= start.offset
