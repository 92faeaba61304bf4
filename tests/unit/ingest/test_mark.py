"""Marks: the same content is told again behind any head, and the first head comes back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanward.dicomstream.opening import open_dicom
from scanward.ingest.mark import MAX_HEAD_BYTES, Mark, Reheaded, decode_mark, head_of, is_same, marked_bytes
from scanward.model.instance import BytesSource
from tests.common.gateway import bytes_of
from tests.common.studies import make_ct_series


@given(st.binary(min_size=1, max_size=32), st.binary(max_size=MAX_HEAD_BYTES), st.binary(max_size=300))
def test_a_mark_comes_back(fingerprint, head, known):
    mark = Mark(fingerprint=fingerprint, head=head)
    assert decode_mark(mark.encode(known), known) == mark


def test_a_usual_head_takes_little():
    (sample,) = make_ct_series(slices=1, size=16, seed=3)
    source = BytesSource(bytes_of(sample.ds))
    head = head_of(open_dicom(source), source)
    assert head is not None
    known = f"{sample.ds.SOPClassUID}|{sample.ds.SOPInstanceUID}|{sample.ds.file_meta.TransferSyntaxUID}|".encode()
    assert len(Mark(fingerprint=bytes(16), head=head).encode(known)) < len(head) / 1.5


@pytest.mark.parametrize("text", ["", "A", "no base64!", "AAAA", "EA=="])
def test_what_is_no_mark(text):
    assert decode_mark(text, b"known") is None


def test_a_mark_of_other_known_bytes():
    assert decode_mark(Mark(fingerprint=b"f", head=b"head").encode(b"one"), b"other") is None


def test_a_head_that_grows_in_the_mark_is_refused():
    assert decode_mark(Mark(fingerprint=b"f", head=bytes(MAX_HEAD_BYTES + 1)).encode(b""), b"") is None


@given(st.binary(max_size=40), st.binary(max_size=60), st.data())
def test_a_file_with_another_head(head, content, data):
    offset = data.draw(st.integers(0, len(content)))
    whole = head + content[offset:]
    source = Reheaded(head, BytesSource(content), offset)
    start, length = data.draw(st.integers(0, 120)), data.draw(st.integers(0, 120))
    assert source.size == len(whole)
    assert source.read(start, length) == whole[start : start + length]


def test_the_same_behind_another_head():
    (sample,) = make_ct_series(slices=1, size=16, seed=3)
    first = bytes_of(sample.ds)
    sample.ds.file_meta.SourceApplicationEntityTitle = "ANOTHER"
    again = bytes_of(sample.ds)
    sample.ds.PatientComments = "another"
    other = bytes_of(sample.ds)
    one, two, three = (open_dicom(BytesSource(data)) for data in (first, again, other))
    assert is_same(one, two)
    assert not is_same(one, three)
    assert b"".join(marked_bytes(one)) == b"".join(marked_bytes(two)) != b"".join(marked_bytes(three))
    assert Reheaded(first[: one.offset], BytesSource(again), two.offset).read(0, 10**6) == first
