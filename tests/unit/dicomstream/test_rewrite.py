"""One element, rewritten."""

from __future__ import annotations

import pytest

from scanward.dicomstream.encoding import EXPLICIT_LITTLE, IMPLICIT_LITTLE, MAX_DEPTH, UNDEFINED_LENGTH
from scanward.dicomstream.rewrite import (
    MAX_HELD_BYTES,
    SMALL_RANGE_BYTES,
    Edit,
    Scope,
    gather,
    rewrite_element,
)
from scanward.errors import DicomFormatError, NestingError, TruncatedError
from scanward.model.instance import Content, Range
from tests.unit.dicomstream.datasets import (
    EXPLICIT,
    IMPLICIT,
    Item,
    Node,
    apply,
    by_plan,
    encode_as,
    encode_node,
    head,
    materialize,
    reader_of,
)

NAME = Node(0x00100010, "PN", b"A^B ")
ID = Node(0x00100020, "LO", b"123456")
STUDY = Node(0x00081030, "LO", b"HEAD")


def run(data: bytes, decide, *, encoding=EXPLICIT_LITTLE, scope: Scope | None = None) -> bytes:
    reader = reader_of(data)
    element = reader.element(0, encoding)
    pieces, end = rewrite_element(reader, element, limit=reader.size, scope=scope or Scope(), decide=decide)
    assert end == reader.size
    return materialize(reader, pieces)


def descend(element, _scope, reader):
    return Edit.DESCEND if reader.is_sequence(element) else Edit.KEEP


def test_lengths_around_a_change_are_counted_anew_and_others_stay() -> None:
    inner = Node(0x00081199, "SQ", items=(Item((STUDY, NAME)), Item((ID,), undefined=True)))
    node = Node(0x0040A730, "SQ", items=(Item((STUDY,)), Item((inner, NAME, ID))))
    plan = {
        (0x0040A730,): "descend",
        (0x0040A730, 0x00081199): "descend",
        (0x0040A730, 0x00081199, 0x00100010): "remove",
    }
    assert run(encode_node(node, False, True), by_plan(plan)) == encode_as(apply([node], plan), EXPLICIT)


def test_what_stays_is_one_range_however_much_was_looked_into() -> None:
    node = Node(0x0040A730, "SQ", items=tuple(Item((STUDY, NAME, ID)) for _ in range(50)))
    reader = reader_of(encode_node(node, False, True))
    element = reader.element(0, EXPLICIT_LITTLE)
    pieces, _ = rewrite_element(reader, element, limit=reader.size, scope=Scope(), decide=descend)
    assert pieces == [Range(0, reader.size)]


def test_emptying_leaves_no_items_and_removing_nothing() -> None:
    node = Node(0x0040A730, "SQ", items=(Item((NAME,)),), undefined=True)
    assert run(encode_node(node, False, True), lambda *_: b"") == head(0x0040A730, "SQ", 0, False, True)
    assert run(encode_node(node, False, True), lambda *_: Edit.REMOVE) == b""


def test_a_decision_sees_path_creators_and_character_set_of_its_item() -> None:
    creator = Node(0x00090010, "LO", b"ACME 1.0")
    item = Item((Node(0x00080005, "CS", b"ISO_IR 192"), creator, Node(0x00091001, "LO", b"x "), NAME))
    private = Node(0x00091040, "SQ", items=(item, Item((Node(0x00091001, "LO", b"y "),))), undefined=True)
    node = Node(0x0040A730, "SQ", items=(Item((creator, private)),))
    seen = []

    def decide(element, scope, reader):
        if element.tag == 0x00091001:
            seen.append((scope.path, scope.path_creators, scope.charset, scope.creator_of(element.tag)))
        return descend(element, scope, reader)

    run(encode_node(node, False, True), decide, scope=Scope(charset=b"ISO_IR 100"))
    path, creators = (0x0040A730, 0x00091040), (None, b"ACME 1.0")
    assert seen == [
        (path, creators, b"ISO_IR 192", b"ACME 1.0"),
        # Creators are each item's own; the character set falls back to that around it (PS3.3 C.12.1.1.2).
        (path, creators, b"ISO_IR 100", None),
    ]


def test_a_private_creator_is_known_when_it_is_decided_on() -> None:
    data = encode_node(Node(0x00090010, "LO", b"ACME 1.0"), False, True)
    seen = []

    def decide(_element, scope, _reader):
        seen.append(dict(scope.creators))
        return Edit.KEEP

    run(data, decide)
    assert seen == [{0x0009 << 8 | 0x10: b"ACME 1.0"}]


def test_a_character_set_of_any_size_is_not_read() -> None:
    reader = reader_of(head(0x00080005, "", 5000, True, True) + bytes(5000))
    element = reader.element(0, IMPLICIT_LITTLE)
    with pytest.raises(DicomFormatError, match=r"\(0008,0005\): expected at most 1024 bytes"):
        rewrite_element(reader, element, limit=reader.size, scope=Scope(), decide=lambda *_: Edit.KEEP)


def test_pieces_take_the_place_of_a_value() -> None:
    data = head(0x7FE00010, "OW", 6, False, True) + b"abcdef"
    written = run(data, lambda *_: (Range(12, 4, Content.NATIVE_PIXELS), b"\0\0"))
    assert written == head(0x7FE00010, "OW", 6, False, True) + b"abcd\0\0"


def test_ranges_of_different_content_are_not_merged() -> None:
    reader = reader_of(head(0x7FE00010, "OW", 6, False, True) + b"abcdef")
    ranges = (Range(12, 2, Content.NATIVE_PIXELS), Range(14, 4))
    pieces, _ = rewrite_element(
        reader, reader.element(0, EXPLICIT_LITTLE), limit=reader.size, scope=Scope(), decide=lambda *_: ranges
    )
    assert pieces[1:] == list(ranges)


def test_only_sequences_are_looked_into() -> None:
    with pytest.raises(DicomFormatError, match=r"\(0010,0010\): expected a sequence"):
        run(encode_node(NAME, False, True), lambda *_: Edit.DESCEND)


# --- lengths that lie


def sequence(body: bytes, length: int | None = None) -> bytes:
    return head(0x0040A730, "SQ", len(body) if length is None else length, False, True) + body


def item(body: bytes, length: int | None = None) -> bytes:
    return head(0xFFFEE000, "", len(body) if length is None else length, True, True) + body


ELEMENT = encode_node(NAME, False, True)


@pytest.mark.parametrize(
    "data",
    [
        sequence(item(ELEMENT), 100),
        sequence(item(ELEMENT[:-1])),
        sequence(item(ELEMENT, len(ELEMENT) - 1)),
        sequence(item(ELEMENT, len(ELEMENT) + 4) + bytes(3)),
        sequence(item(ELEMENT) + b"\0\0"),
        sequence(item(ELEMENT, UNDEFINED_LENGTH)),
        sequence(ELEMENT),
        sequence(item(item(b""))),
        sequence(item(ELEMENT), UNDEFINED_LENGTH),
        sequence(item(ELEMENT, 400), UNDEFINED_LENGTH),
        sequence(item(head(0xFFFEE00D, "", 0, True, True))),
        sequence(item(ELEMENT, len(ELEMENT) + 9) + bytes(3)),
    ],
)
def test_lengths_that_do_not_add_up_are_refused(data: bytes) -> None:
    with pytest.raises((DicomFormatError, TruncatedError)):
        run(data, descend)


def test_an_item_that_reaches_beyond_its_sequence_is_ended_and_put_right() -> None:
    assert run(sequence(item(ELEMENT, len(ELEMENT) + 24)), descend) == sequence(item(ELEMENT))


def nested(depth: int, *, defined: bool) -> bytes:
    if not defined:
        opening = head(0x0040A730, "SQ", UNDEFINED_LENGTH, False, True) + item(b"", UNDEFINED_LENGTH)
        closing = head(0xFFFEE00D, "", 0, True, True) + head(0xFFFEE0DD, "", 0, True, True)
        return opening * depth + closing * depth
    parts = []
    for level in range(depth):
        inside = 20 * (depth - level - 1)
        parts.append(head(0x0040A730, "SQ", inside + 8, False, True) + item(b"", inside))
    return b"".join(parts)


@pytest.mark.parametrize("defined", [True, False])
def test_depth_is_bounded(defined: bool) -> None:
    data = nested(MAX_DEPTH, defined=defined)
    assert run(data, descend) == data
    for depth in (MAX_DEPTH + 1, 10_000):
        with pytest.raises(NestingError):
            run(nested(depth, defined=defined), descend)


def test_a_sequence_of_defined_length_that_stays_is_not_looked_into() -> None:
    data = nested(10_000, defined=True)
    assert run(data, lambda *_: Edit.KEEP) == data


# --- gathering


def test_small_ranges_are_taken_into_memory_and_large_ones_and_samples_are_not() -> None:
    reader = reader_of(bytes(range(256)) * 512)
    large = Range(100, SMALL_RANGE_BYTES + 1)
    samples = Range(0, 10, Content.NATIVE_PIXELS)
    gathered = gather(reader, [b"a", Range(0, 2), b"b", large, Range(5, 1), samples, b"c"])
    assert gathered == [b"a\0\1b", large, b"\5", samples, b"c"]


def test_no_more_than_a_bound_is_taken_into_memory() -> None:
    reader = reader_of(bytes(SMALL_RANGE_BYTES))
    count = MAX_HELD_BYTES // SMALL_RANGE_BYTES
    gathered = gather(reader, [Range(0, SMALL_RANGE_BYTES)] * (count + 5))
    assert sum(len(piece) for piece in gathered if isinstance(piece, bytes)) == MAX_HELD_BYTES
    assert sum(isinstance(piece, Range) for piece in gathered) == 5


def test_an_element_without_vr_keeps_its_form_when_its_value_changes() -> None:
    node = Node(0x00091040, "SQ", items=(Item((STUDY, NAME)),), undefined=True, bare=True)
    plan = {(0x00091040,): "descend", (0x00091040, 0x00100010): "replace"}
    assert run(encode_node(node, False, True), by_plan(plan)) == encode_as(apply([node], plan), EXPLICIT)
    assert encode_as([node], EXPLICIT) == encode_as([node], IMPLICIT)
