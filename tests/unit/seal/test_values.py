"""Values in one form: what differs only by how it was written is the same, all else is not."""

from __future__ import annotations

import pytest

from scanward.seal.values import canonical_text, swapped, without_padding

LATIN, UTF8, GREEK = b"ISO_IR 100", b"ISO_IR 192", b"\\ISO 2022 IR 126"

SAME = [
    ("padding", b"LO", (b"abc", b""), (b"abc ", b"")),
    ("padding with NUL", b"UI", (b"1.2.3", b""), (b"1.2.3\0", b"")),
    ("blanks around each value", b"CS", (b"ORIGINAL\\PRIMARY", b""), (b" ORIGINAL \\PRIMARY ", b"")),
    ("character sets", b"PN", (b"M\xfcller^J\xf6rg", LATIN), ("Müller^Jörg".encode(), UTF8)),
    ("code extensions", b"PN", (b"\x1b\x2d\x46\xe1\xe2", GREEK), ("αβ".encode(), UTF8)),
    ("zeros of a decimal", b"DS", (b"0.500\\1", b""), (b"0.5\\1.0 ", b"")),
    ("exponents of a decimal", b"DS", (b"1e3", b""), (b"1000", b"")),
    ("a plus", b"IS", (b"+7", b""), (b"7 ", b"")),
]

OTHER = [
    ("another letter", b"LO", b"abc", b"abd"),
    ("case", b"CS", b"a", b"A"),
    ("order", b"CS", b"A\\B", b"B\\A"),
    ("an empty value more", b"LO", b"A", b"A\\"),
    ("a sign", b"DS", b"1.5", b"-1.5"),
    ("the last of many digits", b"DS", b"1.234567890123456789012345", b"1.234567890123456789012346"),
    ("what is no number", b"DS", b"nan", b"inf"),
    ("blanks at the front of a text", b"LT", b" a", b"a"),
    ("a backslash in a text", b"ST", b"a\\ b", b"a\\b"),
]


@pytest.mark.parametrize(("vr", "one", "two"), [row[1:] for row in SAME], ids=[row[0] for row in SAME])
def test_ways_of_writing_are_the_same(vr, one, two):
    assert canonical_text(one[0], vr, one[1]) == canonical_text(two[0], vr, two[1])


@pytest.mark.parametrize(("vr", "one", "two"), [row[1:] for row in OTHER], ids=[row[0] for row in OTHER])
def test_other_values_are_others(vr, one, two):
    assert canonical_text(one, vr, b"") != canonical_text(two, vr, b"")


def test_a_text_of_plain_vrs_does_not_depend_on_the_character_set():
    assert canonical_text(b"1.2\xfc", b"UI", LATIN) == canonical_text(b"1.2\xfc", b"UI", UTF8)


def test_numbers_beyond_all_digits_stay_text():
    assert canonical_text(b"1e999999999", b"DS", b"").startswith(b"T")


@pytest.mark.parametrize(
    ("raw", "bare"),
    [
        (b"odd ", b"odd"),
        (b"odd\0", b"odd"),
        (b"\1\0", b"\1\0"),
        (b"\0\0", b"\0\0"),
        (b"  ", b"  "),
        (b"", b""),
        (b"line\r\n ", b"line\r\n"),
        (b"\xff\xd8 ", b"\xff\xd8 "),
    ],
)
def test_only_what_reads_as_text_loses_padding(raw, bare):
    assert without_padding(raw) == bare


@pytest.mark.parametrize(("width", "swap"), [(1, b"abcdefgh"), (2, b"badcfehg"), (4, b"dcbahgfe"), (8, b"hgfedcba")])
def test_words_change_their_order(width, swap):
    assert swapped(b"abcdefgh", width) == swap


def test_what_is_left_over_stays():
    assert swapped(b"abcde", 2) == b"badce"
