"""Walks that remember."""

from __future__ import annotations

import functools
import operator

import pytest

from scanward.dicomstream import similar
from scanward.dicomstream.rewrite import Edit
from scanward.dicomstream.similar import MAX_ELEMENTS, SimilarDataSets
from scanward.errors import DicomFormatError, TruncatedError
from tests.unit.dicomstream.datasets import (
    BIG,
    EXPLICIT,
    IMPLICIT,
    Item,
    Node,
    encode_as,
    file_of,
    head,
    open_bytes,
    rewriter,
)

CT = (
    Node(0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.2\0"),
    Node(0x00080018, "UI", b"1.2.3.1\0"),
    Node(0x00090010, "LO", b"ACME 1.0"),
    Node(0x00091001, "LO", b"private "),
    Node(0x00100010, "PN", b"A^B "),
    Node(0x00200013, "IS", b"1 "),
    Node(0x00280010, "US", b"\2\0"),
)
PIXELS = Node(0x7FE00010, "OW", bytes(8))
CONTENT = Node(0x0040A730, "SQ", items=(Item(()),))


def keep(*_):
    return Edit.KEEP


def walk(nodes, end: bytes = b"", walker=None, syntax: str = EXPLICIT) -> list[tuple[int, bytes | None]]:
    data = file_of(encode_as(nodes, syntax) + end, syntax)
    results = (walker or rewriter(keep)).process(open_bytes(data))
    return [seen for one in results for seen in one.seen]


def tags(nodes) -> list[int]:
    return [node.tag for node in nodes]


def seen_tags(*args, **settings) -> list[int]:
    return [tag for tag, _ in walk(*args, **settings)]


class Counting:
    """Counts what is processed anew."""

    def __init__(self, **settings) -> None:
        self.processed: list[int] = []
        self.walker = SimilarDataSets(
            self.process, lambda results: functools.reduce(operator.iadd, results, []), **settings
        )

    def process(self, _reader, element, _end, creator):
        self.processed.append(element.tag)
        return [(element.tag, creator)]

    def of(self, nodes, end: bytes = b"") -> list[tuple[int, bytes | None]]:
        self.processed.clear()
        return functools.reduce(
            operator.iadd, self.walker.process(open_bytes(file_of(encode_as(nodes, EXPLICIT) + end, EXPLICIT))), []
        )


def slices(count: int):
    for number in range(1, count + 1):
        yield [
            Node(
                node.tag,
                node.vr,
                {0x00080018: b"1.2.3.%d\0", 0x00200013: b"%d "}.get(node.tag, b"") % number or node.value,
            )
            if node.tag in (0x00080018, 0x00200013)
            else node
            for node in (*CT, PIXELS)
        ]


def test_of_a_series_only_what_differs_is_processed_again() -> None:
    counting = Counting()
    for number, nodes in enumerate(slices(9)):
        assert [tag for tag, _ in counting.of(nodes)] == tags(nodes)
        if number:
            assert counting.processed == [0x00080018, 0x00200013, 0x7FE00010]


def test_runs_of_what_does_not_differ_are_one_result_and_end_at_breaks() -> None:
    for breaks, expected in [((), 6), ((0x00100000, 0x00280301), 7)]:
        walker = rewriter(keep, breaks)
        for nodes in slices(4):
            results = walker.process(open_bytes(file_of(encode_as(nodes, EXPLICIT), EXPLICIT)))
        assert len(results) == expected


def test_equal_bytes_under_another_creator_are_not_equal() -> None:
    counting = Counting()
    other = [Node(0x00090010, "LO", b"OTHER CO") if node.tag == 0x00090010 else node for node in CT]
    for nodes, creator in [
        (CT, b"ACME 1.0"),
        (CT, b"ACME 1.0"),
        (other, b"OTHER CO"),
        (CT, b"ACME 1.0"),
        (other, b"OTHER CO"),
    ]:
        assert (0x00091001, creator) in counting.of(nodes)


def test_creators_before_a_large_element_are_known_behind_it() -> None:
    large = [
        *CT[:3],
        Node(0x00091001, "UN", bytes(similar.CACHED_ELEMENT_BYTES)),
        Node(0x00091002, "LO", b"x "),
        *CT[4:],
    ]
    counting = Counting()
    for _ in range(4):
        seen = counting.of(large)
        assert (0x00091001, b"ACME 1.0") in seen
        assert (0x00091002, b"ACME 1.0") in seen


def test_equal_bytes_in_another_encoding_are_not_equal() -> None:
    """An empty element reads in both byte orders, as two Attributes."""
    walker = rewriter(keep)
    one, other = [Node(0x08000500, "CS", b"")], [Node(0x00080005, "CS", b"")]
    assert encode_as(one, EXPLICIT) == encode_as(other, BIG)
    for _ in range(3):
        assert walk(one, walker=walker) == [(0x08000500, None)]
        assert walk(other, walker=walker, syntax=BIG) == [(0x00080005, None)]


def test_memory_is_bounded_in_bytes_and_number(monkeypatch) -> None:
    monkeypatch.setattr(similar, "MEMORY_BYTES", 4000)
    monkeypatch.setattr(similar, "MEMORY_ELEMENTS", 50)
    counting = Counting()
    for number in range(200):
        counting.of(
            [Node(0x00204000, "LT", b"%d" % number + bytes(number)), Node(0x00280010, "US", b"%02d" % (number % 99))]
        )
        memory = counting.walker._memory
        assert sum(len(raw) for _, raw in memory) <= 4000
        assert len(memory) <= 50


def test_more_elements_than_any_instance_has_are_refused() -> None:
    many = b"".join(head(0x00100000 + number, "LO", 0, False, True) for number in range(1, MAX_ELEMENTS + 2))
    with pytest.raises(DicomFormatError, match=f"at most {MAX_ELEMENTS} elements"):
        walk((), many)


# --- what does not ascend


def test_elements_out_of_order_are_put_in_order() -> None:
    walker = rewriter(keep)
    shuffled = [CT[4], *CT[:4], *CT[5:], PIXELS]
    for _ in range(3):
        assert seen_tags(shuffled, walker=walker) == sorted(tags(shuffled))
        assert seen_tags([*CT, PIXELS], walker=walker) == tags([*CT, PIXELS])
        # Behind what was matched.
        assert seen_tags([*CT, PIXELS, Node(0x00281050, "DS", b"1 ")], walker=walker) == [
            *tags(CT),
            0x00281050,
            0x7FE00010,
        ]


def test_an_element_that_comes_twice_is_refused() -> None:
    walker = rewriter(keep)
    for _ in range(3):
        walk(CT, walker=walker)
        for nodes in ([*CT, CT[4]], [*CT[:5], *CT[4:]]):
            with pytest.raises(DicomFormatError, match=r"\(0010,0010\): expected it once"):
                walk(nodes, walker=walker)


# --- what trails


TRAILING = [bytes(1), bytes(7), bytes(500), b"\0" * 9 + b"x", b"left over from something else", b"\xff" * 30, b"\r\n"]


@pytest.mark.parametrize("end", TRAILING)
@pytest.mark.parametrize("last", [PIXELS, CONTENT], ids=["pixels", "content"])
def test_what_trails_the_content_is_left_out_each_time(last: Node, end: bytes) -> None:
    walker = rewriter(keep)
    for nodes in ([*CT, last], [*CT, last], [*CT[:-1], last], [*CT, last]):
        assert seen_tags(nodes, end, walker=walker) == tags(nodes)


CUT_SHORT = [
    head(0x00280011, "US", 2, False, True)[:5],
    head(0x7FE00010, "OW", 1000, False, True) + bytes(20),
    head(0x7FE00010, "OW", 1000, False, True)[:6],
    head(0x00420011, "OB", 0xFFFFFFFF, False, True) + bytes(8),
    head(0x00410010, "LO", 90, False, True) + b"ACME",
]


@pytest.mark.parametrize("end", CUT_SHORT, ids=range(len(CUT_SHORT)))
def test_an_element_cut_short_is_damage_wherever_it_is_but_behind_pixels(end: bytes) -> None:
    walker = rewriter(keep)
    for nodes in (CT, [*CT, CONTENT]):
        for _ in range(3):
            walk(nodes, walker=walker)
            with pytest.raises(DicomFormatError):
                walk(nodes, end, walker=walker)
    assert seen_tags([*CT, PIXELS], end, walker=walker) == tags([*CT, PIXELS])


def test_a_private_element_cut_short_is_damage_where_its_creator_is_known() -> None:
    creator = Node(0x00410010, "LO", b"ACME 1.0")
    end = head(0x00411001, "OB", 1000, False, True) + bytes(20)
    with pytest.raises(TruncatedError):
        walk([*CT, CONTENT, creator], end)
    assert seen_tags([*CT, CONTENT], end) == tags([*CT, CONTENT])


def test_an_item_outside_of_a_sequence_is_refused_and_says_what_to_do() -> None:
    """As real files have that lost the header of a private or regions Sequence."""
    with pytest.raises(DicomFormatError, match=r"got \(FFFE,E000\), which belongs to no Sequence") as caught:
        walk(CT, b"\xfe\xff\x00\xe0\x08\0\0\0" + head(0x00186012, "US", 2, False, True) + b"\1\0")
    assert "Export" in caught.value.remedy


@pytest.mark.parametrize("end", TRAILING)
def test_bytes_that_are_no_element_are_damage_before_any_content(end: bytes) -> None:
    with pytest.raises(DicomFormatError):
        walk(CT, end)


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG])
def test_a_stray_item_does_not_end_the_data_set(syntax: str) -> None:
    """What is behind it would be lost without a word."""
    little = syntax != BIG
    stray = head(0xFFFEE000, "", 0, True, little)
    data = file_of(encode_as(CT, syntax) + stray + encode_as([PIXELS], syntax), syntax)
    with pytest.raises(DicomFormatError, match=r"got \(FFFE,E000\)"):
        rewriter(keep).process(open_bytes(data))


def test_a_damaged_element_in_a_series_is_found_though_the_rest_is_remembered() -> None:
    walker = rewriter(keep)
    *_, last = slices(4)
    for nodes in slices(4):
        walk(nodes, walker=walker)
    data = bytearray(file_of(encode_as(last, EXPLICIT), EXPLICIT))
    at = data.index(b"IS\2\0") + 2
    data[at : at + 2] = b"\xff\xff"
    with pytest.raises(TruncatedError, match=r"\(0020,0013\)"):
        walker.process(open_bytes(bytes(data)))
    assert seen_tags(last, walker=walker) == tags(last)
