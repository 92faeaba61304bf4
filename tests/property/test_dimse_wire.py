"""What is written on an association is read back the same, and what is not well formed is refused as such."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanward.adapters import dimse_data_sets as data_sets
from scanward.adapters import dimse_messages as dimse
from scanward.adapters import upper_layer
from scanward.adapters.dimse_messages import _sized
from scanward.adapters.upper_layer import Answer, AssociationRequest, Proposal
from scanward.errors import NetworkError

UIDS = st.from_regex(r"\A[1-9][0-9]{0,8}(\.[1-9][0-9]{0,8}){1,5}\Z").filter(lambda uid: len(uid) <= 64)
TITLES = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=16)
FIXED = 6 + 68


def body_of(pdu: bytes) -> memoryview:
    return memoryview(pdu)[6:]


@given(
    called=TITLES,
    calling=TITLES,
    contexts=st.lists(st.tuples(UIDS, st.lists(UIDS, min_size=1, max_size=4)), max_size=128),
    roles=st.dictionaries(UIDS, st.tuples(st.integers(0, 1), st.integers(0, 1)), max_size=3),
)
def test_association_requests(called, calling, contexts, roles):
    proposals = tuple(
        Proposal(context_id=2 * number + 1, abstract_syntax=abstract, transfer_syntaxes=tuple(syntaxes))
        for number, (abstract, syntaxes) in enumerate(contexts)
    )
    request = AssociationRequest(called_ae=called, calling_ae=calling, proposals=proposals, roles=roles)
    assert upper_layer.parse_request(body_of(upper_layer.associate_request(request))) == request


@given(answers=st.lists(st.tuples(st.integers(0, 4), UIDS), max_size=128))
def test_association_answers(answers):
    sent = [
        Answer(context_id=2 * number + 1, result=result, transfer_syntax=syntax)
        for number, (result, syntax) in enumerate(answers)
    ]
    read = upper_layer.parse_accept(body_of(upper_layer.associate_accept(bytes(74), sent, {})))
    assert [(each.context_id, each.result) for each in read.answers] == [
        (each.context_id, each.result) for each in sent
    ]
    assert all(
        got.transfer_syntax == each.transfer_syntax
        for got, each in zip(read.answers, sent, strict=True)
        if each.result == upper_layer.ACCEPTED
    )


@given(data=st.binary(max_size=400), head=st.booleans())
def test_parsers_raise_nothing_but_network_errors(data, head):
    body = memoryview(b"\0\1" + bytes(66) + data if head else data)
    for parse in (
        upper_layer.parse_request,
        upper_layer.parse_accept,
        lambda body: list(upper_layer.fragments(body)),
        lambda body: dimse.parse_command(bytes(body)),
        lambda body: data_sets.parse(bytes(body)),
    ):
        try:
            parse(body)
        except NetworkError:
            continue


@given(
    chunks=st.lists(st.binary(max_size=40), max_size=12),
    size=st.integers(1, 17),
)
def test_fragments_hold_all_there_is_and_no_short_one_but_the_last(chunks, size):
    parts = [bytes(part) for part in _sized(iter(chunks), size)]
    assert b"".join(parts) == b"".join(chunks)
    assert all(len(part) == size for part in parts[:-1])


@given(number=st.integers(0, 0xFFFF), uid=UIDS)
def test_command_sets(number, uid):
    encoded = dimse.encode_command({dimse.MESSAGE_ID: number, dimse.AFFECTED_SOP_CLASS_UID: uid})
    command = dimse.parse_command(encoded)
    assert command.number(dimse.MESSAGE_ID) == number
    assert command.uid(dimse.AFFECTED_SOP_CLASS_UID) == uid
    assert len(encoded) == 12 + int.from_bytes(encoded[8:12], "little")


@given(uid=UIDS, name=st.text(st.characters(min_codepoint=32, max_codepoint=0x2FFF), max_size=16), items=st.lists(UIDS))
def test_data_sets(uid, name, items):
    elements = {0x0020000D: uid, 0x00100020: name.strip(), 0x00081199: [{0x00081155: item} for item in items]}
    found = data_sets.parse(data_sets.encode(elements))
    assert data_sets.text_of(found, 0x0020000D) == uid
    assert data_sets.text_of(found, 0x00100020) == name.strip().strip("\0 ")
    assert [data_sets.text_of(item, 0x00081155) for item in data_sets.items_of(found, 0x00081199)] == items


def test_items_of_undefined_length_and_nesting_without_end():
    item = b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    ends = b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0"
    sequence = b"\x08\x00\x99\x11\xff\xff\xff\xff"
    value = b"\x08\x00\x55\x11\x04\0\0\x001.2\0"
    found = data_sets.parse(sequence + item + value + ends)
    assert [data_sets.text_of(each, 0x00081155) for each in data_sets.items_of(found, 0x00081199)] == ["1.2"]
    with pytest.raises(NetworkError):
        data_sets.parse((sequence + item) * 50 + ends * 50)
