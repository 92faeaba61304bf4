"""Private elements."""

from __future__ import annotations

import pytest

from scanward.deidentify.header.plan import Method
from scanward.deidentify.header.private import PrivatePlan
from scanward.dicomstream.rewrite import Edit
from scanward.model.profile import Option, Profile
from tests.unit.dicomstream.datasets import EXPLICIT, Item, Node, encode_as, file_of, rewrite

SAFE = Option.RETAIN_SAFE_PRIVATE

CREATOR = Node(0x00190010, "LO", b"SIEMENS MR HEADER ")
B_VALUE = Node(0x0019100C, "IS", b"1000")
UNSAFE = Node(0x00191099, "LO", b"nobody knows")


def methods(nodes, *options: Option) -> dict[tuple[int, ...], Method]:
    plan = PrivatePlan(Profile(name="test", description="test", options=frozenset(options)))
    found: dict[tuple[int, ...], Method] = {}

    def decide(element, scope, reader):
        if element.tag & 0x10000:
            found[(*scope.path, element.tag)] = plan.operation(element, scope).method
        return Edit.DESCEND if reader.is_sequence(element) else Edit.KEEP

    data_set = encode_as(nodes, EXPLICIT)
    assert rewrite(file_of(data_set, EXPLICIT), decide) == data_set
    return found


def test_all_go_where_the_profile_does_not_keep_safe_ones() -> None:
    assert set(methods([CREATOR, B_VALUE, UNSAFE]).values()) == {Method.REMOVE}


def test_safe_ones_stay_with_their_creator() -> None:
    """Without the creator nobody could tell what they are."""
    assert methods([CREATOR, B_VALUE, UNSAFE], SAFE) == {
        (CREATOR.tag,): Method.KEEP,
        (B_VALUE.tag,): Method.KEEP_CHECKED,
        (UNSAFE.tag,): Method.REMOVE,
    }


def test_the_creator_decides_and_not_the_block() -> None:
    moved = [Node(0x001900E1, "LO", b"SIEMENS MR HEADER "), Node(0x0019E10C, "IS", b"1000")]
    assert set(methods(moved, SAFE).values()) == {Method.KEEP, Method.KEEP_CHECKED}
    other = [Node(0x00190010, "LO", b"ROE^JANE"), B_VALUE]
    assert set(methods(other, SAFE).values()) == {Method.REMOVE}


def test_without_creator_nothing_stays() -> None:
    assert methods([B_VALUE], SAFE) == {(B_VALUE.tag,): Method.REMOVE}
    # The creator of another item does not count.
    items = (Item((CREATOR,)), Item((B_VALUE,)))
    found = methods([Node(0x00081140, "SQ", items=items)], SAFE)
    assert found[(0x00081140, B_VALUE.tag)] is Method.REMOVE


def test_in_items_the_whole_path_has_to_be_known() -> None:
    found = methods([Node(0x00081140, "SQ", items=(Item((CREATOR, B_VALUE)),), undefined=True)], SAFE)
    assert found == {
        (0x00081140, CREATOR.tag): Method.KEEP,
        (0x00081140, B_VALUE.tag): Method.REMOVE,
    }


@pytest.mark.parametrize("tag", [0x00190000, 0x00190001, 0x0019000F])
def test_group_lengths_and_numbers_below_the_blocks_go(tag: int) -> None:
    assert methods([Node(tag, "UL", bytes(4))], SAFE) == {(tag,): Method.REMOVE}
