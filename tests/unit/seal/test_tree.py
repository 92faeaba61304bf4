"""Roots over digests: the tree of RFC 6962, and nothing that two sets of leaves share."""

from __future__ import annotations

from hashlib import sha256

import pytest

from scanward.seal.digest import series_root
from scanward.seal.tree import tree_root


def leaves(count: int) -> list[bytes]:
    return [sha256(bytes((number,))).digest() for number in range(count)]


def by_the_book(digests: list[bytes]) -> bytes:
    """RFC 6962 Section 2.1, over leaves that are hashed already."""
    if not digests:
        return sha256(b"").digest()
    if len(digests) == 1:
        return digests[0]
    half = 1
    while 2 * half < len(digests):
        half *= 2
    return sha256(b"\1" + by_the_book(digests[:half]) + by_the_book(digests[half:])).digest()


@pytest.mark.parametrize("count", [*range(20), 31, 32, 33, 64, 65])
def test_the_tree_is_that_of_rfc_6962(count):
    assert tree_root(b"".join(leaves(count))) == by_the_book(leaves(count))


def test_the_root_of_a_series_does_not_depend_on_the_order_of_its_instances():
    assert series_root(leaves(5)) == series_root(reversed(leaves(5)))


def test_the_root_of_a_series_shows_an_instance_more_less_and_twice():
    roots = [series_root(leaves(4)), series_root(leaves(5)), series_root([*leaves(4), leaves(1)[0]]), series_root([])]
    assert len(set(roots)) == 4


def test_the_root_of_one_instance_is_not_that_of_its_series():
    root = leaves(1)[0]
    assert series_root([root]) not in (root, tree_root(root))
