import tracemalloc

import pytest
from pydicom import dcmread
from pydicom.errors import InvalidDicomError

from scanward.deidentify.codestream.blank import get_replacement
from scanward.deidentify.codestream.metadata import find_metadata
from scanward.errors import DicomFormatError, UnsupportedSyntaxError
from tests.unit.deidentify.codestream.streams import (
    EOI,
    JPEG,
    JPEG_2000,
    RLE,
    SECRET,
    blank,
    blank_frame,
    encapsulate,
    find,
    item,
    jpeg,
    jpeg_2000,
    segment,
    split,
)


def test_an_unknown_transfer_syntax_is_refused():
    with pytest.raises(UnsupportedSyntaxError):
        find(encapsulate(jpeg()), "1.2.3")


def test_an_image_under_the_wrong_syntax_is_still_looked_into():
    assert SECRET not in blank_frame(jpeg(segment(0xFE, SECRET)), JPEG_2000)


def test_unused_bytes_of_an_rle_header_go():
    head = (1).to_bytes(4, "little") + (70).to_bytes(4, "little")
    frame = head + SECRET.ljust(62, b"x") + b"\x01ab"
    assert blank_frame(frame, RLE) == head + bytes(62) + b"\x01ab"
    for bad in (bytes(64), b"\x10" + bytes(63), head[:4] + bytes(60), head):
        with pytest.raises(DicomFormatError):
            find(encapsulate(bad), RLE)


@pytest.mark.parametrize("behind", [b"", b"\x80\x80", SECRET])
def test_samples_that_an_rle_segment_has_too_many_go(behind):
    head = (1).to_bytes(4, "little") + (64).to_bytes(4, "little") + bytes(56)
    run = bytes([4 + len(SECRET) - 1]) + b"abcd"
    value = encapsulate(head + run + SECRET + behind)
    spans = list(find_metadata(lambda at, size: value[at : at + size], 0, len(value), RLE, segment_samples=4))
    data = bytearray(value)
    for span in spans:
        data[span.offset : span.offset + span.length] = get_replacement(span)
    assert SECRET not in data
    assert head + run + bytes(len(SECRET + behind)) in data
    cut = encapsulate(head + run + SECRET[:-1])
    with pytest.raises(DicomFormatError):
        list(find_metadata(lambda at, size: cut[at : at + size], 0, len(cut), RLE, segment_samples=4))


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.8.1", "1.2.840.10008.1.2.1.98"])
def test_syntaxes_that_hold_samples_only_have_their_items_checked(syntax):
    assert find(encapsulate(b"abcd"), syntax) == []
    with pytest.raises(DicomFormatError):
        find(encapsulate(b"abcd")[:-1], syntax)


def test_items_after_the_last_codestream_are_checked_too():
    with pytest.raises(DicomFormatError):
        find(item(b"") + item(jpeg()) + b"\xfe\xff\xdd\xe0", JPEG)


def test_memory_does_not_grow_with_the_stream():
    head, tail = jpeg(segment(0xFE, SECRET), end=b""), EOI + SECRET
    size = 3 << 30
    prefix = item(b"") + b"\xfe\xff\x00\xe0" + (len(head) + size + len(tail)).to_bytes(4, "little") + head
    suffix = tail + b"\xfe\xff\xdd\xe0" + bytes(4)
    end = len(prefix) + size + len(suffix)
    reads = []

    def read(offset: int, length: int) -> bytes:
        reads.append(length)
        length = min(length, end - offset)
        first = prefix[offset : offset + length]
        last = suffix[max(offset - len(prefix) - size, 0) : max(offset + length - len(prefix) - size, 0)]
        return first + bytes(length - len(first) - len(last)) + last

    tracemalloc.start()
    spans = list(find_metadata(read, 0, end, JPEG))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(spans) == 2
    assert max(reads) <= 1 << 20
    assert peak < 8 << 20


def test_many_small_fragments_cost_little_memory():
    frame = jpeg(end=EOI + SECRET * 3000)
    value = encapsulate(*split(frame, 1))
    tracemalloc.start()
    total = sum(span.length for span in find_metadata(lambda at, size: value[at : at + size], 0, len(value), JPEG))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert total == 3000 * len(SECRET)
    assert peak < 2 << 20


def _iter_encapsulated(folder):
    for path in sorted(path for name in ("dicom", "burnedin") for path in (folder / name).rglob("*") if path.is_file()):
        with path.open("rb") as file:
            try:
                ds = dcmread(file, stop_before_pixels=True)
            except (InvalidDicomError, NotImplementedError, OSError):
                continue
            start = file.tell() + 12
        data = path.read_bytes()
        if "too_short" in path.name:
            continue  # cut off on purpose: refused, see test_fragments.py
        if data[start - 12 : start - 8] == b"\xe0\x7f\x10\x00" and data[start - 4 : start] == b"\xff" * 4:
            yield path, data, start, ds


@pytest.mark.realdata
@pytest.mark.filterwarnings("ignore")
def test_real_scans_decode_to_the_same_samples(test_data, tmp_path):
    np = pytest.importorskip("numpy")
    count, changed, decoded = 0, 0, 0
    for path, data, start, ds in _iter_encapsulated(test_data):
        count += 1
        syntax, frames = ds.file_meta.TransferSyntaxUID, int(ds.get("NumberOfFrames") or 1)
        done = data[:start] + blank(data[start:], syntax, frames)
        if done == data:
            continue
        changed += 1
        assert not any(word in done[start:] for word in (b"OpenJPEG", b"Kakadu", b"Intel(R)", b"MITRA")), path.name
        copy = tmp_path / "copy.dcm"
        copy.write_bytes(done)
        before, after = dcmread(path), dcmread(copy)
        try:
            samples = before.pixel_array
        except (RuntimeError, ValueError, AttributeError, NotImplementedError):
            continue  # no decoder here reads it even as it came
        assert np.array_equal(samples, after.pixel_array), path.name
        decoded += 1
    assert count > 60
    assert changed > 15
    if not decoded:
        pytest.skip("no decoder for encapsulated Pixel Data is installed")
    assert decoded > 10


@pytest.mark.realdata
@pytest.mark.filterwarnings("ignore")
def test_what_is_planted_into_real_scans_goes_and_the_rest_stays(test_data):
    jpegs, jpeg_2000s = 0, 0
    for path, data, start, ds in _iter_encapsulated(test_data):
        syntax, frames = str(ds.file_meta.TransferSyntaxUID), int(ds.get("NumberOfFrames") or 1)
        clean = blank(data[start:], syntax, frames)
        at = 8 + int.from_bytes(clean[4:8], "little") + 8
        size = int.from_bytes(clean[at - 4 : at], "little")
        if clean.startswith(b"\xff\xd8", at):
            add, cut, jpegs = segment(0xFE, SECRET) + segment(0xE1, b"Exif\x00\x00" + SECRET), 2, jpegs + 1
            left = segment(0xFE, b" " * len(SECRET)) + segment(0xE1, bytes(6 + len(SECRET)))
        elif clean.startswith(b"\xff\x4f", at):
            cut = 4 + int.from_bytes(clean[at + 4 : at + 6], "big")
            text, jpeg_2000s = b"\x00\x01" + SECRET, jpeg_2000s + 1
            add = b"\xff\x64" + (len(text) + 2).to_bytes(2, "big") + text
            left = add[:6] + b" " * len(SECRET)
        else:
            continue
        head = item(b"") + b"\xfe\xff\x00\xe0" + (size + len(add)).to_bytes(4, "little") + clean[at : at + cut]
        assert blank(head + add + clean[at + cut :], syntax, frames) == head + left + clean[at + cut :], path.name
    assert jpegs > 25
    assert jpeg_2000s > 15


def test_a_codestream_without_metadata_is_left_alone():
    assert find(encapsulate(jpeg()), JPEG) == find(encapsulate(jpeg_2000()), JPEG_2000) == []
