"""Trees of digests, shaped as those of RFC 6962 Section 2.1, over leaves that are digests already.

Every digest of a seal begins with a byte and a name that no other kind begins with, so that none can stand for another:
a tile for an inner node, an Attribute for a tile, a frame for an instance.
"""

from hashlib import sha256

from scanward.model.seal import DIGEST_BYTES

_NODE = b"\1"


def tree_root(digests: bytes) -> bytes:
    """Return the root over joined digests, in their order; that of none is the digest of nothing.

    Pairing neighbours and carrying an odd one up gives the tree of RFC 6962, whose left half is the largest power of
    two. The number of leaves has to be bound by the caller, and is, in what is made of the root.
    """
    level = [digests[at : at + DIGEST_BYTES] for at in range(0, len(digests), DIGEST_BYTES)]
    if not level:
        return sha256(b"").digest()
    while len(level) > 1:
        above = [sha256(_NODE + left + right).digest() for left, right in zip(level[::2], level[1::2], strict=False)]
        if len(level) % 2:
            above.append(level[-1])
        level = above
    return level[0]
