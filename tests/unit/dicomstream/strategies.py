"""Data sets, plans and series of data sets for hypothesis."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from tests.unit.dicomstream.datasets import LAYOUTS, Item, Node, encode, paths_of

CREATORS = (b"ACME 1.0", b"ACME 2.0", b"OTHER CO")
"""Of one length, so that only the bytes of the creator tell them apart."""

_STANDARD = {
    0x00080008: "CS", 0x00080018: "UI", 0x00080020: "DA", 0x00080060: "CS", 0x00081030: "LO", 0x00100010: "PN",
    0x00101010: "AS", 0x00180050: "DS", 0x00189073: "FD", 0x00200013: "IS", 0x00204000: "LT", 0x00280010: "US",
    0x00281201: "OW", 0x00400244: "DA", 0x00420011: "OB", 0x00700006: "ST", 0x00700022: "FL", 0x00189219: "SS",
    0x00280009: "AT", 0x00081199: "SQ", 0x00081140: "SQ", 0x00081115: "SQ", 0x0040A730: "SQ", 0x00400275: "SQ",
    0x0040A160: "UT", 0x00080119: "UC",
}  # fmt: skip
_PRIVATE = {0x00091001: "LO", 0x00091002: "UN", 0x00091040: "SQ", 0x001110FF: "OB", 0x00111041: "SQ", 0x00091003: "DS"}
_CREATOR_TAGS = (0x00090010, 0x00110010)

_TEXT = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E, exclude_characters="\\^="), max_size=20)
_VALUES = {
    "UI": st.sampled_from([b"1.2.3\0", b"1.2.840.1\0", b"2.25.7", b"1.2.34"]),
    "DA": st.sampled_from([b"", b"20240229", b"19991231"]),
    "AS": st.sampled_from([b"", b"045Y", b"003M"]),
    "DS": st.sampled_from([b"", b"1.5 ", b"12", b"-3\\4", b"7"]),
    "IS": st.sampled_from([b"", b"1 ", b"12", b"345"]),
    "CS": st.sampled_from([b"", b"CT", b"A\\B ", b"ODD"]),
    "FD": st.sampled_from([b"", bytes(8), b"\0\0\0\0\0\0\xf0\x3f"]),
    "FL": st.sampled_from([b"", bytes(4), bytes(12)]),
    "US": st.sampled_from([b"", b"\1\0", b"\0\2\3\4"]),
    "SS": st.sampled_from([b"", b"\1\0"]),
    "AT": st.sampled_from([b"", b"\x08\0\x18\0"]),
    "OW": st.integers(0, 40).map(lambda words: b"\xab\xcd" * words),
    "OB": st.binary(max_size=60),
    "UN": st.binary(max_size=30),
}
_ANY_TEXT = _TEXT.map(lambda text: text.encode("ascii"))


@st.composite
def nodes(draw: st.DrawFn, depth: int = 3, *, as_un: bool = True, bare: bool = True) -> tuple[Node, ...]:
    """A data set or item: ascending tags, private elements behind their creator, sequences of every kind."""
    tags = draw(st.sets(st.sampled_from([*_STANDARD, *_PRIVATE]), max_size=6))
    found: list[Node] = []
    groups = {tag >> 16 for tag in tags}
    found += [Node(tag, "LO", draw(st.sampled_from(CREATORS))) for tag in _CREATOR_TAGS if tag >> 16 in groups]
    for tag in tags:
        vr = _STANDARD.get(tag) or _PRIVATE[tag]
        if vr != "SQ":
            found.append(Node(tag, vr, draw(_VALUES.get(vr, _ANY_TEXT))))
        elif depth:
            found.append(draw(sequences(tag, depth - 1, as_un=as_un, bare=bare)))
    return tuple(sorted(found, key=lambda node: node.tag))


@st.composite
def sequences(draw: st.DrawFn, tag: int, depth: int, *, as_un: bool, bare: bool) -> Node:
    items = draw(
        st.lists(st.builds(Item, nodes(depth, as_un=as_un, bare=bare), undefined=st.booleans()), max_size=3).map(tuple)
    )
    is_private = bool(tag & 0x10000)
    form = draw(st.sampled_from(["plain", "plain", *["un"] * as_un, *["bare"] * (bare and is_private)]))
    # Nothing but an undefined length or the dictionary tells that UN or a private element is a sequence.
    undefined = draw(st.booleans()) or (is_private and form != "plain")
    return Node(tag, "SQ", items=items, undefined=undefined, as_un=form == "un", bare=form == "bare")


def for_implicit(found: tuple[Node, ...]) -> tuple[Node, ...]:
    """The same with every private sequence of undefined length: in implicit VR nothing else tells that it is one."""
    return tuple(
        node
        if node.items is None
        else replace(
            node,
            items=tuple(replace(item, nodes=for_implicit(item.nodes)) for item in node.items),
            undefined=node.undefined or bool(node.tag & 0x10000),
        )
        for node in found
    )


@st.composite
def planned(draw: st.DrawFn) -> tuple[tuple[Node, ...], dict[tuple[int, ...], str], str]:
    """A data set, a plan for it, and the Transfer Syntax to encode it in."""
    syntax = draw(st.sampled_from(sorted(LAYOUTS)))
    found = draw(nodes().filter(bool))
    # UN and elements without VR hold implicit VR, and so does everything inside them.
    found = for_implicit(found)
    edits = st.sampled_from(["keep", "remove", "replace", "descend", "descend", "descend"])
    plan = {path: draw(edits) for path in paths_of(found)}
    return found, {path: edit for path, edit in plan.items() if edit != "keep"}, syntax


@st.composite
def series(draw: st.DrawFn) -> list[bytes]:
    """Bare data sets, explicit VR little endian, each made of the one before by a few changes."""
    now = list(draw(nodes(2).filter(bool)))
    made = [encode(now, False, True)]
    for _ in range(draw(st.integers(1, 7))):
        for _ in range(draw(st.integers(0, 2))):
            now = draw(changed(now))
        data = encode(now, False, True)
        end = draw(st.sampled_from([b""] * 6 + [bytes(8), bytes(3), b"trailing bytes, of no use", b"\x10\0\x10\0PN"]))
        made.append(data + end)
        if draw(st.integers(0, 9)) == 0:
            made.append(data[: draw(st.integers(0, len(data)))])
    return made


@st.composite
def changed(draw: st.DrawFn, now: list[Node]) -> list[Node]:
    """`now` with one element changed, gone, new, or moved, or with another private creator."""
    found = list(now)
    kind = draw(st.sampled_from(["value", "value", "gone", "new", "creator", "large", "pixels", "moved", "twice"]))
    at = draw(st.integers(0, len(found) - 1)) if found else None
    if kind == "new" or at is None:
        known = {node.tag for node in found}
        found += [node for node in draw(nodes(1)) if node.tag not in known]
    elif kind == "gone":
        del found[at]
    elif kind == "value" and found[at].items is None:
        found[at] = replace(found[at], value=draw(_VALUES.get(found[at].vr, _ANY_TEXT)))
    elif kind == "creator":
        creators = [index for index, node in enumerate(found) if node.tag in _CREATOR_TAGS]
        if creators:
            one = draw(st.sampled_from(creators))
            found[one] = replace(found[one], value=draw(st.sampled_from(CREATORS)))
    elif kind == "large":
        found = [node for node in found if node.tag != 0x00204000]
        found.append(Node(0x00204000, "LT", b"x" * draw(st.sampled_from([40, 80, 300]))))
    elif kind == "pixels":
        found = [node for node in found if node.tag != 0x7FE00010]
        found.append(Node(0x7FE00010, "OW", draw(st.binary(max_size=200))))
    elif kind in ("moved", "twice"):
        node = found[at] if kind == "twice" else found.pop(at)
        found.sort(key=lambda each: each.tag)
        found.insert(draw(st.integers(0, len(found))), node)
        return found
    return sorted(found, key=lambda node: node.tag)
