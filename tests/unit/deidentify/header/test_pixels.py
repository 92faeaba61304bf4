"""Native samples are told from what is behind them."""

from __future__ import annotations

import pytest

from scanward.deidentify.header.pixels import native_length_bytes, pixel_pieces
from scanward.deidentify.header.scan import (
    BITS_ALLOCATED,
    COLUMNS,
    NUMBER_OF_FRAMES,
    PHOTOMETRIC_INTERPRETATION,
    ROWS,
    SAMPLES_PER_PIXEL,
    InstanceFacts,
)
from scanward.dicomstream.encoding import EXPLICIT_LITTLE
from scanward.errors import DicomFormatError
from scanward.model.instance import Content, Range
from tests.unit.dicomstream.datasets import EXPLICIT, head, materialize, reader_of


def facts(
    rows=2, columns=3, bits=16, samples=1, frames=b"", photometric=b"MONOCHROME2 ", *, little=True
) -> InstanceFacts:
    numbers = {ROWS: rows, COLUMNS: columns, BITS_ALLOCATED: bits, SAMPLES_PER_PIXEL: samples}
    order = "little" if little else "big"
    values = {tag: number.to_bytes(2, order) for tag, number in numbers.items() if number is not None}
    values |= {NUMBER_OF_FRAMES: frames, PHOTOMETRIC_INTERPRETATION: photometric}
    return InstanceFacts(values, (), EXPLICIT, little=little)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (facts(), 12),
        (facts(frames=b"5 "), 60),
        (facts(bits=8, samples=3), 18),
        (facts(bits=1), 1),
        (facts(bits=1, rows=3, columns=3, frames=b"2"), 3),
        (facts(bits=8, samples=3, columns=4, photometric=b"YBR_FULL_422"), 16),
        (facts(rows=None), None),
        (facts(bits=0), None),
    ],
)
def test_the_length_of_samples_follows_from_the_header(given: InstanceFacts, expected: int | None) -> None:
    assert native_length_bytes(given) == expected


def test_frames_that_are_no_number_are_refused() -> None:
    with pytest.raises(DicomFormatError, match="Number of Frames"):
        native_length_bytes(facts(frames=b"many"))


def pieces_of(data: bytes, given: InstanceFacts):
    reader = reader_of(head(0x7FE00010, "OW", len(data), False, True) + data)
    pieces, blanked = pixel_pieces(reader, reader.element(0, EXPLICIT_LITTLE), given)
    return pieces, blanked, materialize(reader, pieces)


def test_samples_pass_as_one_range() -> None:
    pieces, blanked, data = pieces_of(b"abcdefghijkl", facts())
    assert pieces == [Range(12, 12, Content.NATIVE_PIXELS)]
    assert (blanked, data) == (False, b"abcdefghijkl")


def test_what_stands_behind_the_samples_is_zeroed() -> None:
    _, blanked, data = pieces_of(b"abcdefghijkl" + b"ROE^JANE", facts())
    assert (blanked, data) == (True, b"abcdefghijkl" + bytes(8))


def test_padding_is_zeroed_without_a_word() -> None:
    _, blanked, data = pieces_of(b"abc" + b"x", facts(rows=1, columns=3, bits=8))
    assert (blanked, data) == (False, b"abc\0")


@pytest.mark.parametrize(("behind", "blanked"), [(b"", False), (b"ROE^JANE", True)])
def test_the_last_sample_of_swapped_words_is_no_padding(behind: bytes, blanked: bool) -> None:
    pieces = pieces_of(b"ba-c" + behind, facts(rows=1, columns=3, bits=8, little=False))
    assert pieces[1:] == (blanked, b"ba-c" + bytes(len(behind)))


def test_fewer_samples_than_the_header_says_are_refused() -> None:
    with pytest.raises(DicomFormatError, match=r"\(7FE0,0010\): expected 12 bytes of samples, got 10"):
        pieces_of(b"abcdefghij", facts())


def test_without_rows_and_columns_everything_counts_as_samples() -> None:
    assert pieces_of(b"abcd", facts(rows=None))[2] == b"abcd"
