"""Merkle trees (RFC 6962 section 2.1): hashes, a tree that grows, and proofs, made and verified."""

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256

from scanward.errors import EvidenceError
from scanward.tlog.faults import LogFault

HASH_BYTES = 32
"""SHA-256."""

EMPTY_ROOT = sha256(b"").digest()
"""Root of a tree without leaves."""

TILE_HEIGHT = 8
"""Levels of the tree that a tile spans (C2SP tlog-tiles)."""

MAX_SIZE = 1 << 62
"""A larger tree is none: it keeps a hostile size from costing anything."""

NodeOf = Callable[[int, int], bytes]
"""Gives the hash of a complete subtree: height 0 for a leaf, and its index among those of that height."""


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of an entry."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of two subtrees side by side."""
    return sha256(b"\x01" + left + right).digest()


def tree_hash(leaves: Sequence[bytes]) -> bytes:
    """Return the root over hashes of leaves."""
    tree = GrowingTree()
    tree.extend(leaves)
    return tree.root()


class GrowingTree:
    """A tree that is only ever extended; it keeps the hashes of its right edge, one for each bit of its size."""

    def __init__(self) -> None:
        self._waiting: list[bytes | None] = []
        self._size = 0

    @classmethod
    def from_edges(cls, edges: Sequence[Sequence[bytes]]) -> "GrowingTree":
        """Return the tree whose last tile of each level, none of them full, has these hashes."""
        tree = cls()
        for level, hashes in enumerate(edges):
            if len(hashes) >> TILE_HEIGHT:
                raise ValueError("expected fewer hashes than a full tile has")
            part = cls()
            part.extend(hashes)
            waiting = part._waiting
            tree._waiting += [*waiting, *[None] * (TILE_HEIGHT - len(waiting))]
            tree._size += len(hashes) << (TILE_HEIGHT * level)
        return tree

    @property
    def size(self) -> int:
        """How many leaves there are."""
        return self._size

    def extend(self, leaves: Sequence[bytes]) -> list[list[bytes]]:
        """Add hashes of leaves.

        Returns
        -------
        list of list of bytes
            By level of tiles, the hashes that are complete now and were not before: those that its tiles grow by.
        """
        self._size += len(leaves)
        added, grown, height = list(leaves), [], 0
        while added:
            if height % TILE_HEIGHT == 0:
                grown.append(added)
            if height == len(self._waiting):
                self._waiting.append(None)
            first = self._waiting[height]
            row = added if first is None else [first, *added]
            self._waiting[height] = row[-1] if len(row) % 2 else None
            added = [sha256(b"\x01" + left + right).digest() for left, right in zip(row[::2], row[1::2], strict=False)]
            height += 1
        return grown

    def root(self) -> bytes:
        """Return the root of the tree as it is."""
        root = None
        for left in self._waiting:
            if left is not None:
                root = left if root is None else node_hash(left, root)
        return EMPTY_ROOT if root is None else root


# Making proofs


def range_hash(start: int, stop: int, node_of: NodeOf) -> bytes:
    """Return the root over the leaves of a range that begins where RFC 6962 splits a tree."""
    if start == stop:
        return EMPTY_ROOT
    parts = []
    while start < stop:
        height = (stop - start).bit_length() - 1
        parts.append(node_of(height, start >> height))
        start += 1 << height
    root = parts.pop()
    while parts:
        root = node_hash(parts.pop(), root)
    return root


def _split(start: int, stop: int) -> int:
    """Return where RFC 6962 splits a range of two leaves or more."""
    return start + (1 << ((stop - start - 1).bit_length() - 1))


def _inclusion_ranges(index: int, size: int) -> Iterator[tuple[int, int]]:
    start, stop = 0, size
    while stop - start > 1:
        middle = _split(start, stop)
        if index < middle:
            yield middle, stop
            stop = middle
        else:
            yield start, middle
            start = middle


def make_inclusion_proof(index: int, size: int, node_of: NodeOf) -> tuple[bytes, ...]:
    """Return the hashes from beside the leaf to below the root (RFC 6962 section 2.1.1); raises `ValueError`."""
    if not 0 <= index < size:
        raise ValueError("expected an index within the tree")
    return tuple(reversed([range_hash(start, stop, node_of) for start, stop in _inclusion_ranges(index, size)]))


def make_consistency_proof(old_size: int, size: int, node_of: NodeOf) -> tuple[bytes, ...]:
    """Return the hashes that show the old tree to begin the new one (RFC 6962 section 2.1.2); raises `ValueError`."""
    if not 0 <= old_size <= size:
        raise ValueError("expected an old size up to the new one")
    if old_size in {0, size}:
        return ()
    proof: list[bytes] = []
    start, stop, whole = 0, size, True
    while old_size != stop:
        middle = _split(start, stop)
        if old_size <= middle:
            proof.append(range_hash(middle, stop, node_of))
            stop = middle
        else:
            proof.append(range_hash(start, middle, node_of))
            start, whole = middle, False
    if not whole:
        proof.append(range_hash(start, stop, node_of))
    return tuple(reversed(proof))


# Verifying proofs


def _chain(seed: bytes, proof: Sequence[bytes], path: int) -> bytes:
    for bit, sibling in enumerate(proof):
        seed = node_hash(sibling, seed) if path >> bit & 1 else node_hash(seed, sibling)
    return seed


def _chain_left(seed: bytes, proof: Sequence[bytes]) -> bytes:
    for sibling in proof:
        seed = node_hash(sibling, seed)
    return seed


def _shape(index: int, size: int) -> tuple[int, int]:
    """Return how many siblings of a leaf lie below its fork from the right edge, and how many beside that edge."""
    inner = (index ^ (size - 1)).bit_length()
    return inner, (index >> inner).bit_count()


def _check_hashes(hashes: Sequence[bytes]) -> None:
    if any(len(one) != HASH_BYTES for one in hashes):
        raise EvidenceError(LogFault.PROOF_HASH, f"expected hashes of {HASH_BYTES} bytes in a proof")


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """See that a leaf is in the tree of this size and root, at this index.

    Raises
    ------
    EvidenceError
        PROOF_OUTSIDE, PROOF_HASH, PROOF_TOO_SHORT, PROOF_TOO_LONG or PROOF_MISMATCH.
    """
    if not 0 <= index < size <= MAX_SIZE:
        raise EvidenceError(LogFault.PROOF_OUTSIDE, "expected an index within the tree, got one outside")
    _check_hashes([leaf, root, *proof])
    inner, border = _shape(index, size)
    if len(proof) != inner + border:
        fault = LogFault.PROOF_TOO_SHORT if len(proof) < inner + border else LogFault.PROOF_TOO_LONG
        raise EvidenceError(fault, f"expected an inclusion proof of {inner + border} hashes, got {len(proof)}")
    if _chain_left(_chain(leaf, proof[:inner], index), proof[inner:]) != root:
        raise EvidenceError(LogFault.PROOF_MISMATCH, "the inclusion proof does not lead from the entry to the root")


def verify_consistency(old_size: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> None:
    """See that a tree begins with an older one.

    Raises
    ------
    EvidenceError
        CONSISTENCY_SIZES, PROOF_HASH, CONSISTENCY_TOO_SHORT, CONSISTENCY_TOO_LONG, CONSISTENCY_OLD_ROOT or
        CONSISTENCY_NEW_ROOT; SPLIT_VIEW where the sizes are the same and the roots are not.
    """
    # 1. Sizes.
    if not 0 <= old_size <= size <= MAX_SIZE:
        raise EvidenceError(LogFault.CONSISTENCY_SIZES, "expected the older tree to be no larger than the newer one")
    _check_hashes([old_root, root, *proof])
    # 2. Trees for which nothing is to be shown.
    if old_size in {0, size} and proof:
        raise EvidenceError(LogFault.CONSISTENCY_TOO_LONG, f"expected no hashes, got {len(proof)}")
    if old_size == size:
        if old_root != root:
            raise EvidenceError(LogFault.SPLIT_VIEW, "two trees of the same size have different roots")
        return
    if old_size == 0:
        if old_root != EMPTY_ROOT:
            raise EvidenceError(LogFault.CONSISTENCY_OLD_ROOT, "the root of the empty tree is another one")
        return
    # 3. How long the proof is: the old root itself begins it where the old tree is one complete subtree.
    shift = (old_size & -old_size).bit_length() - 1
    inner, border = _shape(old_size - 1, size)
    inner -= shift
    own = 0 if old_size == 1 << shift else 1
    if len(proof) != own + inner + border:
        fault = LogFault.CONSISTENCY_TOO_SHORT if len(proof) < own + inner + border else LogFault.CONSISTENCY_TOO_LONG
        raise EvidenceError(fault, f"expected a proof of {own + inner + border} hashes, got {len(proof)}")
    seed, rest = (proof[0], proof[1:]) if own else (old_root, proof)
    # 4. It leads to the old root: only what lies to the left belongs to the old tree.
    path = (old_size - 1) >> shift
    left = [sibling for bit, sibling in enumerate(rest[:inner]) if path >> bit & 1]
    if _chain_left(seed, [*left, *rest[inner:]]) != old_root:
        raise EvidenceError(LogFault.CONSISTENCY_OLD_ROOT, "the consistency proof does not lead to the older root")
    # 5. And to the new one.
    if _chain_left(_chain(seed, rest[:inner], path), rest[inner:]) != root:
        raise EvidenceError(LogFault.CONSISTENCY_NEW_ROOT, "the consistency proof does not lead to the newer root")
