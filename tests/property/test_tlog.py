"""Proofs verify at every tree size, and nothing else does; no parser of a log leaks a foreign exception."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanward.adapters.tlog.check import check_log
from scanward.adapters.tlog.reader import FolderReader, VerifiedLog
from scanward.errors import EvidenceError
from scanward.tlog.checkpoint import parse_checkpoint
from scanward.tlog.merkle import (
    EMPTY_ROOT,
    GrowingTree,
    leaf_hash,
    make_consistency_proof,
    make_inclusion_proof,
    node_hash,
    tree_hash,
    verify_consistency,
    verify_inclusion,
)
from scanward.tlog.note import NoteKey, parse_note
from scanward.tlog.proof import LogProof, parse_proof
from scanward.tlog.tile import (
    GrowingTiles,
    TiledTree,
    parse_bundle,
    parse_tile,
    parse_tile_path,
    tile_path,
    tiles_of,
    write_bundle,
)
from tests.common.logs import POLICY, make_entries, make_text, open_log, sign_checkpoint

MOST = 600
LEAVES = [leaf_hash(entry) for entry in make_entries(MOST)]


# RFC 6962 section 2.1, word for word: what the code under test is held against.


def mth(leaves):
    if not leaves:
        return EMPTY_ROOT
    if len(leaves) == 1:
        return leaves[0]
    k = 1 << ((len(leaves) - 1).bit_length() - 1)
    return node_hash(mth(leaves[:k]), mth(leaves[k:]))


def path(m, leaves):
    if len(leaves) == 1:
        return []
    k = 1 << ((len(leaves) - 1).bit_length() - 1)
    if m < k:
        return [*path(m, leaves[:k]), mth(leaves[k:])]
    return [*path(m - k, leaves[k:]), mth(leaves[:k])]


def subproof(m, leaves, whole):
    n = len(leaves)
    if m == n:
        return [] if whole else [mth(leaves)]
    k = 1 << ((n - 1).bit_length() - 1)
    if m <= k:
        return [*subproof(m, leaves[:k], whole), mth(leaves[k:])]
    return [*subproof(m - k, leaves[k:], whole=False), mth(leaves[:k])]


class Tiles(dict):
    """All tiles that a growing tree gives out."""

    def __init__(self, size, step):
        growing = GrowingTiles()
        for start in range(0, size, step):
            for level, index, data in growing.grow(LEAVES[start : min(size, start + step)]):
                self[level, index, 256] = data
        for level, index, width, data in growing.partial():
            self[level, index, width] = data
        self.tree = TiledTree(lambda *key: parse_tile(self[key], key[2]))
        self.size = size

    def node(self, height, index):
        return self.tree.node(height, index, self.size)


def mutations(proof):
    """Proofs that differ a little."""
    yield (*proof, bytes(32))
    yield (bytes(32), *proof)
    for at in range(len(proof)):
        yield proof[:at] + proof[at + 1 :]
        yield (*proof[:at], bytes([proof[at][0] ^ 1]) + proof[at][1:], *proof[at + 1 :])
        yield (*proof[:at], proof[at], *proof[at:])
        if at and proof[at] != proof[at - 1]:
            yield (*proof[: at - 1], proof[at], proof[at - 1], *proof[at + 1 :])


def refused(verify, *arguments):
    with pytest.raises(EvidenceError):
        verify(*arguments)


def test_every_size_up_to_some_hundreds_has_the_root_of_the_rfc():
    for size in [*range(140), 255, 256, 257, 511, 512, 513, MOST]:
        assert tree_hash(LEAVES[:size]) == mth(LEAVES[:size])


def test_every_entry_of_every_small_tree_is_proved():
    for size in range(1, 40):
        tiles, root = Tiles(size, 7), mth(LEAVES[:size])
        for index in range(size):
            proof = make_inclusion_proof(index, size, tiles.node)
            assert list(proof) == path(index, LEAVES[:size])
            verify_inclusion(LEAVES[index], index, size, proof, root)


def test_every_pair_of_small_trees_is_consistent():
    for size in range(1, 40):
        tiles, root = Tiles(size, size), mth(LEAVES[:size])
        for old in range(1, size + 1):
            proof = make_consistency_proof(old, size, tiles.node)
            assert list(proof) == subproof(old, LEAVES[:size], whole=True)
            verify_consistency(old, mth(LEAVES[:old]), size, root, proof)


@given(st.data())
@settings(max_examples=60)
def test_inclusion_is_proved_at_any_size_and_nothing_else_is(data):
    size = data.draw(st.integers(1, MOST))
    index = data.draw(st.integers(0, size - 1))
    tiles, root = Tiles(size, data.draw(st.integers(1, MOST))), mth(LEAVES[:size])
    proof = make_inclusion_proof(index, size, tiles.node)
    assert list(proof) == path(index, LEAVES[:size])
    verify_inclusion(LEAVES[index], index, size, proof, root)
    for mutated in mutations(proof):
        refused(verify_inclusion, LEAVES[index], index, size, mutated, root)
    other = data.draw(st.integers(0, size - 1).filter(lambda one: one != index)) if size > 1 else index + 1
    refused(verify_inclusion, LEAVES[index], other, size, proof, root)
    refused(verify_inclusion, LEAVES[index - 1], index, size, proof, root)
    refused(verify_inclusion, LEAVES[index], index, size, proof, mth(LEAVES[: size - 1]))
    refused(verify_inclusion, LEAVES[index], index - size, size, proof, root)


@given(st.data())
@settings(max_examples=60)
def test_consistency_is_proved_at_any_two_sizes_and_nothing_else_is(data):
    size = data.draw(st.integers(2, MOST))
    old = data.draw(st.integers(1, size - 1))
    tiles, root, old_root = Tiles(size, 100), mth(LEAVES[:size]), mth(LEAVES[:old])
    proof = make_consistency_proof(old, size, tiles.node)
    assert list(proof) == subproof(old, LEAVES[:size], whole=True)
    verify_consistency(old, old_root, size, root, proof)
    for mutated in mutations(proof):
        refused(verify_consistency, old, old_root, size, root, mutated)
    refused(verify_consistency, old, root, size, root, proof)
    refused(verify_consistency, old, old_root, size, old_root, proof)
    refused(verify_consistency, old + 1, old_root, size, root, proof)
    refused(verify_consistency, size, root, old, old_root, proof)


@given(st.integers(0, MOST), st.lists(st.integers(1, 300), max_size=8))
def test_a_tree_is_the_same_however_it_grows_and_goes_on_from_its_tiles(size, steps):
    growing, at = GrowingTiles(), 0
    for step in steps:
        step = min(step, size - at)
        list(growing.grow(LEAVES[at : at + step]))
        at += step
        growing = GrowingTiles(growing.edges)
        assert growing.tree.size == at
        assert growing.tree.root() == tree_hash(LEAVES[:at])
    assert sorted(Tiles(at, 256)) == sorted(tiles_of(at))


def test_edges_are_narrower_than_tiles():
    with pytest.raises(ValueError, match="fewer hashes"):
        GrowingTree.from_edges([LEAVES[:256]])


@given(st.one_of(st.none(), st.integers(0, 63)), st.integers(0, 10**10), st.integers(1, 256))
def test_paths_of_tiles_come_back(level, index, width):
    assert parse_tile_path(tile_path(level, index, width)) == (level, index, width)


@given(st.lists(st.binary(max_size=70), max_size=256), st.binary(max_size=3), st.integers(0, 300))
def test_bundles_come_back_and_others_are_refused(entries, more, cut):
    data = write_bundle(entries)
    assert parse_bundle(data, len(entries)) == entries
    if more:
        refused(parse_bundle, data + more, len(entries))
    if cut < len(data):
        refused(parse_bundle, data[:cut], len(entries))


SAMPLES = [
    sign_checkpoint(make_text(3)),
    LogProof(index=1, hashes=(bytes(32),), checkpoint=sign_checkpoint(make_text(2)), extra=b"x").encode(),
    POLICY.keys[0].text().encode(),
    b"tile/0/x001/234.p/17",
]


@given(st.sampled_from(SAMPLES), st.data())
@settings(max_examples=300)
def test_no_parser_leaks_a_foreign_exception(sample, data):
    at = data.draw(st.integers(0, len(sample)))
    until = data.draw(st.integers(at, len(sample)))
    mutated = sample[:at] + data.draw(st.binary(max_size=8)) + sample[until:]
    text = mutated.decode("utf-8", "replace")
    parsers = [
        lambda: parse_note(mutated),
        lambda: parse_checkpoint(text),
        lambda: parse_proof(mutated),
        lambda: NoteKey.parse(text),
        lambda: parse_tile_path(text),
        lambda: POLICY.verify(mutated),
        lambda: parse_proof(mutated).verify(b"", POLICY),
    ]
    for parser in parsers:
        with suppress(EvidenceError):
            parser()


@given(st.sampled_from(SAMPLES[:1]), st.data())
@settings(max_examples=100)
def test_no_changed_checkpoint_is_accepted(sample, data):
    at = data.draw(st.integers(0, len(sample) - 1))
    mutated = sample[:at] + bytes([sample[at] ^ (1 << data.draw(st.integers(0, 7)))]) + sample[at + 1 :]
    refused(POLICY.verify, mutated)


@given(st.lists(st.tuples(st.integers(1, 400), st.booleans()), min_size=1, max_size=5))
@settings(max_examples=10)
def test_a_log_keeps_what_it_is_given_in_order_and_proves_it(tmp_path_factory, steps):
    folder = tmp_path_factory.mktemp("log")
    entries = make_entries(sum(count for count, _ in steps))
    log, at, known = open_log(folder), 0, None
    try:
        for count, is_reopened in steps:
            assert log.append(entries[at : at + count]) == range(at, at + count)
            at += count
            reading = VerifiedLog.open(FolderReader(folder), POLICY)
            assert reading.checkpoint.size == log.size == at
            assert reading.checkpoint.root == mth([leaf_hash(entry) for entry in entries[:at]])
            assert list(reading.entries(0, at)) == entries[:at] == list(log.entries(0, at))
            if known is not None:
                reading.follow(known)
            known = reading.checkpoint
            for index in {0, at // 2, at - 1}:
                parse_proof(log.proof(index).encode()).verify(entries[index], POLICY)
                assert reading.inclusion_proof(index).hashes == log.inclusion_proof(index)
            if is_reopened:
                log.close()
                log = open_log(folder)
    finally:
        log.close()
    assert list(check_log(folder, POLICY)) == []
