"""What others worked out before us: trees, tiles, notes and keys, with where they are from."""

import base64

import pytest

from scanward.tlog.checkpoint import parse_checkpoint
from scanward.tlog.merkle import (
    EMPTY_ROOT,
    leaf_hash,
    make_consistency_proof,
    make_inclusion_proof,
    range_hash,
    tree_hash,
    verify_consistency,
    verify_inclusion,
)
from scanward.tlog.note import NoteAlgorithm, NoteKey, parse_note
from scanward.tlog.proof import parse_proof
from scanward.tlog.tile import parse_tile_path, tile_path, tiles_of

# Leaves and roots of google/certificate-transparency (merkletree/merkle_tree_test.cc), which transparency-dev/merkle
# (testonly/constants.go) and others go on using.
LEAVES = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]

# golang.org/x/mod/sumdb/note, example_test.go.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETERS_NOTE = """\
If you think cryptography is the answer to your problem,
then you don't know what your problem is.

— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
""".encode()

# C2SP tlog-cosignature: the checkpoint and the message that a witness signs.
SOFA = """\
example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
"""


def node_of(height, index):
    width = 1 << height
    return tree_hash([leaf_hash(leaf) for leaf in LEAVES[index * width : (index + 1) * width]])


@pytest.mark.parametrize("size", range(9))
def test_roots(size):
    root = bytes.fromhex(ROOTS[size])
    assert tree_hash([leaf_hash(leaf) for leaf in LEAVES[:size]]) == root
    assert range_hash(0, size, node_of) == root


def test_proofs_of_the_known_trees():
    for size in range(1, 9):
        root = bytes.fromhex(ROOTS[size])
        for index in range(size):
            proof = make_inclusion_proof(index, size, node_of)
            verify_inclusion(leaf_hash(LEAVES[index]), index, size, proof, root)
        for old in range(size + 1):
            proof = make_consistency_proof(old, size, node_of)
            verify_consistency(old, bytes.fromhex(ROOTS[old]), size, root, proof)


def test_a_proof_is_what_others_make_of_it():
    # google/certificate-transparency, merkle_tree_test.cc: the path of leaf 5 (from 0) of 8, and from 6 to 8 leaves.
    assert [one.hex() for one in make_inclusion_proof(5, 8, node_of)] == [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]
    assert [one.hex() for one in make_consistency_proof(6, 8, node_of)] == [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


def test_proofs_ask_for_what_is_there():
    with pytest.raises(ValueError, match="within the tree"):
        make_inclusion_proof(8, 8, node_of)
    with pytest.raises(ValueError, match="up to the new one"):
        make_consistency_proof(9, 8, node_of)
    assert range_hash(3, 3, node_of) == EMPTY_ROOT


def test_a_path_of_the_specification():
    # C2SP tlog-tiles, "Merkle Tree".
    assert tile_path(0, 1234067) == "tile/0/x001/x234/067"
    assert tile_path(None, 0, 5) == "tile/entries/000.p/5"
    assert parse_tile_path("tile/2/x001/x234/067.p/8") == (2, 1234067, 8)


def test_the_tiles_of_the_tree_of_the_specification():
    # C2SP tlog-tiles, "Partial Tiles": 70,000 entries, and 256.
    tiles = list(tiles_of(70_000))
    assert [one for one in tiles if one[0] == 0 and one[2] == 256] == [(0, index, 256) for index in range(273)]
    assert [one for one in tiles if one[0] or one[2] < 256] == [(0, 273, 112), (1, 0, 256), (1, 1, 17), (2, 0, 1)]
    assert list(tiles_of(256)) == [(0, 0, 256), (1, 0, 1)]
    assert list(tiles_of(0)) == []


def test_a_note_of_another_implementation():
    key = NoteKey.parse(PETER)
    note = parse_note(PETERS_NOTE)
    (signature,) = note.signatures
    assert key.text() == PETER
    assert key.has_made(signature)
    assert key.is_valid(note.text, signature)
    assert not key.is_valid(note.text + "more\n", signature)
    assert note.encode() == PETERS_NOTE


def test_the_cosigned_checkpoint_of_the_specification_is_read():
    note = parse_note(SOFA.encode())
    checkpoint = parse_checkpoint(note.text)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert checkpoint.text() == note.text
    assert [one.name for one in note.signatures] == ["example.com/behind-the-sofa", "witness.example.com/w1"]
    assert [len(one.signature) for one in note.signatures] == [64, 72]
    assert int.from_bytes(note.signatures[1].signature[:8], "big") == 1679315147, "the time that it is explained with"
    assert note.encode() == SOFA.encode()


def test_a_proof_as_the_specification_lays_it_out():
    # C2SP tlog-proof, "Format", with whole hashes and signatures in place of those that it cuts short.
    hashes = ["gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=", "B95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA="]
    text = "\n".join(["c2sp.org/tlog-proof@v1", "extra AQI=", "index 73894", *hashes, "", SOFA])
    proof = parse_proof(text.encode())
    assert (proof.index, proof.extra) == (73894, b"\x01\x02")
    assert [base64.b64encode(one).decode() for one in proof.hashes] == hashes
    assert proof.checkpoint == SOFA.encode()
    assert proof.encode() == text.encode()


def test_keys_of_one_name_differ_by_what_they_sign():
    # C2SP signed-note, "Signatures": the type of the signature is part of the id.
    key = NoteKey.parse(PETER)
    other = NoteKey(name=key.name, public_key=key.public_key, algorithm=NoteAlgorithm.COSIGNATURE)
    assert other.key_id != key.key_id
    assert NoteKey.parse(other.text()) == other
