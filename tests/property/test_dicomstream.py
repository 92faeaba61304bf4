"""Whatever the data set and the plan: what is written is what the plan says, and nothing else."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from scanward.dicomstream import part10, similar
from scanward.dicomstream.reader import Element, Reader
from scanward.dicomstream.rewrite import Edit, Scope
from scanward.errors import ScanwardError
from tests.unit.dicomstream import reference
from tests.unit.dicomstream.datasets import (
    BIG,
    DEFLATED,
    EXPLICIT,
    LAYOUTS,
    Item,
    Node,
    Plan,
    apply,
    by_plan,
    encode_as,
    file_of,
    open_bytes,
    paths_of,
    rewrite,
    rewriter,
)
from tests.unit.dicomstream.strategies import nodes, planned, series

thorough = settings(max_examples=120, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def plain(found: tuple[Node, ...], *, keep_un: bool) -> tuple[Node, ...]:
    """The same without elements that lack their VR, sequences without items, and, if so wanted, sequences as UN."""
    return tuple(
        node
        if node.items is None
        else replace(
            node,
            # An empty private one is no sequence to pydicom.
            items=tuple(replace(item, nodes=plain(item.nodes, keep_un=keep_un)) for item in node.items or (Item(()),)),
            as_un=node.as_un and keep_un,
            bare=False,
        )
        for node in found
    )


Planned = tuple[tuple[Node, ...], dict[tuple[int, ...], str], str]


@thorough
@given(planned())
def test_written_bytes_are_those_of_the_plan_carried_out_on_the_tree(case: Planned) -> None:
    found, plan, syntax = case
    written = rewrite(file_of(encode_as(found, syntax), syntax), by_plan(plan))
    assert written == encode_as(apply(found, plan), syntax)


@thorough
@given(planned(), st.binary(max_size=9))
def test_values_of_any_length_are_padded_and_counted(case: Planned, value: bytes) -> None:
    found, plan, syntax = case
    # In implicit VR nothing tells the VR of a private element, and so not its padding either.
    plan = {path: edit for path, edit in plan.items() if not path[-1] & 0x10000}
    written = rewrite(file_of(encode_as(found, syntax), syntax), by_plan(plan, value))
    assert written == encode_as(apply(found, plan, value), syntax)


@thorough
@given(planned())
def test_a_plan_has_the_result_that_it_has_with_pydicom(case: Planned) -> None:
    found, plan, syntax = case
    # pydicom knows no element without VR among others that have one, and reads UN by the byte order around it, which
    # PS3.5 Section 6.2.2 Note 4 says not to.
    found = plain(found, keep_un=syntax != BIG)
    data = file_of(encode_as(found, syntax), syntax)
    # pydicom reads some elements by others as it goes; these stay in both.
    plan = {path: edit for path, edit in plan.items() if path[-1] not in (0x00090010, 0x00110010)}
    written = rewrite(data, by_plan(plan))
    out = reference.read(file_of(written, EXPLICIT if syntax == DEFLATED else syntax))
    expected = reference.apply(reference.read(data), plan)
    assert reference.differences(expected, out) == []


@thorough
@given(planned())
def test_a_plan_that_keeps_everything_changes_no_byte(case: Planned) -> None:
    found, _, syntax = case
    data_set = encode_as(found, syntax)
    everything = dict.fromkeys(paths_of(found), "descend")
    assert rewrite(file_of(data_set, syntax), by_plan({})) == data_set
    assert rewrite(file_of(data_set, syntax), by_plan(everything)) == data_set


# --- similar data sets


def by_creator(plan: Plan) -> object:
    """Decide by the private creator too, as safe private elements are."""
    inner = by_plan(plan)

    def decide(element: Element, scope: Scope, reader: Reader) -> Edit | bytes:
        if element.tag & 0x10000 and element.tag & 0xFFFF > 0xFF:
            creator = scope.creator_of(element.tag)
            if creator is None:
                return Edit.REMOVE
            if not reader.is_sequence(element):
                return creator
        return inner(element, scope, reader)

    return decide


def outcome(process, data: bytes) -> object:
    try:
        results = process(data)
    except ScanwardError as error:
        return type(error)
    return b"".join(one.data for one in results), [seen for one in results for seen in one.seen]


@thorough
@given(series(), st.randoms(use_true_random=False), st.sampled_from([(), (0x00100010,), (0x00090011, 0x00280000)]))
def test_a_walk_that_remembers_gives_what_a_plain_one_gives(
    made: list[bytes], random: object, breaks: tuple[int, ...]
) -> None:
    edits = ("remove", "replace", "descend", "descend")
    plan = {(tag,): random.choice(edits) for tag in (0x00080018, 0x00100010, 0x00081140, 0x0040A730, 0x00204000)}
    decide = by_creator(plan)
    with pytest.MonkeyPatch.context() as patch:
        # Small limits, so that small data sets meet them.
        patch.setattr(similar, "CACHED_ELEMENT_BYTES", 64)
        patch.setattr(similar, "MEMORY_BYTES", 1000)
        remembering = rewriter(decide, breaks)
        # Each comes again at the end, when much is remembered.
        for data in [*made, *made]:
            if not data:
                continue
            try:
                open_bytes(data)
            except ScanwardError:
                continue
            plain = outcome(lambda data: rewriter(decide).process(open_bytes(data)), data)
            assert outcome(lambda data: remembering.process(open_bytes(data)), data) == plain


@thorough
@given(st.lists(planned(), min_size=2, max_size=4))
def test_what_is_remembered_of_one_encoding_is_not_used_in_another(cases: list[Planned]) -> None:
    plan: dict[tuple[int, ...], str] = {}
    for _, one, _ in cases:
        plan.update(one)
    remembering = rewriter(by_plan(plan))
    for found, _, _ in [*cases, *cases]:
        for syntax in sorted(LAYOUTS):
            data = file_of(encode_as(found, syntax), syntax)
            results = remembering.process(open_bytes(data))
            assert b"".join(one.data for one in results) == encode_as(apply(found, plan), syntax)


# --- anything


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(nodes(), st.sampled_from(sorted(LAYOUTS)), st.data())
def test_damage_ends_in_errors_of_our_own(found: tuple[Node, ...], syntax: str, data: st.DataObject) -> None:
    whole = bytearray(file_of(encode_as(found, syntax), syntax))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(whole) - 1))
        whole[at : at + data.draw(st.integers(0, 4))] = data.draw(
            st.sampled_from([b"", b"\xff\xff\xff\xff", b"\xfe\xff\x00\xe0", b"\xfe\xff\x0d\xe0", b"\0", b"SQ", b"UN"])
            | st.binary(max_size=8)
        )
    everything = dict.fromkeys(paths_of(found), "descend")
    with contextlib.suppress(ScanwardError):
        rewrite(bytes(whole), by_plan(everything))


@settings(max_examples=300)
@given(st.binary(max_size=400), st.sampled_from([b"", bytes(128) + b"DICM", b"\x08\0\x05\0CS", b"\x02\0\0\0UL\4\0"]))
@example(b"", bytes(128) + b"DICM")
def test_any_bytes_end_in_errors_of_our_own(data: bytes, start: bytes) -> None:
    with contextlib.suppress(ScanwardError):
        rewrite(start + data, lambda *_: Edit.KEEP)


@settings(max_examples=200)
@given(st.binary(max_size=5000), st.integers(1, 50))
def test_inflating_gives_back_what_was_deflated_whatever_the_chunks(data: bytes, chunk: int) -> None:
    source = open_bytes(file_of(encode_as([Node(0x00420011, "OB", data)], EXPLICIT), EXPLICIT)).reader.source
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(part10, "INFLATE_CHUNK_BYTES", chunk)
        start = open_bytes(file_of(source.data, DEFLATED))
    assert start.reader.source.read(0, start.reader.size) == source.data


def test_one_item_in_every_form_is_counted() -> None:
    """A change at the bottom reaches the length of everything around it that has one."""
    node = Node(0x00100010, "PN", b"A^B ")
    for depth in range(4):
        node = Node(0x0040A730, "SQ", items=(Item((node,), undefined=depth == 1), Item(())), undefined=depth == 2)
    for syntax in LAYOUTS:
        plan = {path: "remove" if path[-1] == 0x00100010 else "descend" for path in paths_of([node])}
        written = rewrite(file_of(encode_as([node], syntax), syntax), by_plan(plan))
        assert written == encode_as(apply([node], plan), syntax)
