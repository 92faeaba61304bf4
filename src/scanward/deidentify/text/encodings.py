"""Identifiers as other bytes than ASCII text: in the character sets of DICOM, UTF-16, base64, hexadecimal, escapes."""

import html.entities
import unicodedata
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator

from scanward.deidentify.text.names import PersonName, parse_person_names
from scanward.deidentify.text.notation import Encoded, SearchContext
from scanward.model.identifier import IdentifierKind

_UNICODE = ("utf-8", "utf-16-le", "utf-16-be", "gb18030")
_EAST_ASIAN = (*_UNICODE, "shift_jis", "euc_jp", "iso2022_jp_2", "euc_kr", "big5")
CHARSETS: tuple[tuple[int, tuple[str, ...]], ...] = (
    # The zero bytes of UTF-16 are left out of a search, so that characters of Latin-1 need no notation for it.
    (0x0100, ("utf-8", "iso8859_1", "iso8859_2", "iso8859_3", "iso8859_4", "iso8859_9", "iso8859_15", "gb18030")),
    (0x0250, (*_UNICODE, "iso8859_2", "iso8859_3", "iso8859_4", "iso8859_9", "iso8859_15")),
    (0x0370, _UNICODE),
    (0x0400, (*_EAST_ASIAN, "iso8859_7")),
    (0x0530, (*_EAST_ASIAN, "iso8859_5", "koi8_r", "cp1251")),
    (0x0600, (*_UNICODE, "iso8859_8")),
    (0x0700, (*_UNICODE, "iso8859_6")),
    (0x0E00, _UNICODE),
    (0x0E80, (*_UNICODE, "tis_620")),
    (0x1100, _UNICODE),
    (0x1200, _EAST_ASIAN),
    (0x2E80, _UNICODE),
    (0x110000, _EAST_ASIAN),
)
"""For scripts, by the end of their range in Unicode: Python's names of the Specific Character Sets (PS3.3 C.12.1.1.2)
that hold them, and of what documents inside of elements use.

The sets of ISO 2022 IR 149 and IR 58 have the same bytes as euc_kr and gb18030.
"""

_JAPANESE = "iso2022_jp_2"
_ESCAPE = b"\x1b"
_ESCAPE_LENGTH = 3
_SHORTEST_BYTES = 4
_SHORTEST_RANDOM = 6
_SHORTEST_BASE64 = 6
_SHORTEST_HEX = 5


def encoded_words(kind: IdentifierKind, words: Iterable[str]) -> Iterator[Encoded]:
    """Yield `words` that are not ASCII in every character set that has their characters, in each case."""
    for word in words:
        if word.isascii():
            continue
        for form in _cases(word):
            for charset in _charsets(form):
                raw = _encode(form, charset)
                if raw is None:
                    continue
                yield from _usable(kind, raw)
            for raw in _escapes(form):
                yield from _usable(kind, raw)


def _charsets(text: str) -> tuple[str, ...]:
    last = max(map(ord, text))
    return next(charsets for end, charsets in CHARSETS if last < end)


def _usable(kind: IdentifierKind, raw: bytes) -> Iterator[Encoded]:
    """Yield bytes that are long enough; those of ISO 2022 in ASCII range only with their escape sequence before."""
    if len(raw) >= _SHORTEST_BYTES:
        reach = SearchContext.CODESTREAM if len(raw) >= _SHORTEST_RANDOM else SearchContext.HEADER
        yield Encoded(raw, kind, reach)
    bare = raw[_ESCAPE_LENGTH:]
    if raw.startswith(_ESCAPE) and len(bare) >= _SHORTEST_RANDOM:
        # In the middle of a run of kanji there is no escape sequence before the name.
        yield Encoded(bare, kind, SearchContext.BINARY)


def _encode(text: str, charset: str) -> bytes | None:
    try:
        raw = text.encode(charset)
    except UnicodeEncodeError:
        return None
    if charset == _JAPANESE:
        # From the escape sequence on; the one at the end belongs to what follows.
        start, end = raw.find(_ESCAPE), raw.rfind(_ESCAPE)
        raw = raw[start:end] if end > start else raw[start:]
    return raw


def _cases(word: str) -> dict[str, None]:
    composed = unicodedata.normalize("NFC", word)
    forms = (composed, composed.upper(), composed.lower(), composed.title())
    return dict.fromkeys((*forms, unicodedata.normalize("NFD", composed)))


def _escapes(word: str) -> Iterator[bytes]:
    """Yield `word` with its characters beyond ASCII escaped as XML, HTML, JSON, C and URLs do."""
    yield _escaped(word, lambda code: f"&#{code};")
    yield _escaped(word, lambda code: f"&#x{code:x};")
    if any(ord(char) in html.entities.codepoint2name for char in word):
        yield _escaped(word, lambda code: f"&{html.entities.codepoint2name.get(code, '')};")
    yield _escaped(word, _json)
    if all(ord(char) < 0x100 for char in word):
        yield _escaped(word, lambda code: f"\\x{code:02x}")
        yield _escaped(word, lambda code: f"%{code:02x}")
    yield _escaped(word, lambda code: "".join(f"%{byte:02x}" for byte in chr(code).encode()))
    yield _escaped(word, lambda code: "".join(f"={byte:02x}" for byte in chr(code).encode()))


def _json(code: int) -> str:
    units = chr(code).encode("utf-16-be")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def _escaped(word: str, escape: Callable[[int], str]) -> bytes:
    return "".join(char if char.isascii() else escape(ord(char)) for char in word).encode()


def wrapped_names(kind: IdentifierKind, value: str) -> Iterator[Encoded]:
    """Yield the name `value` as base64 and hexadecimal digits of the ways in which it is written most."""
    for name in parse_person_names(value):
        for text in _written(name, whole=kind is IdentifierKind.PATIENT_NAME):
            yield from wrapped_text(kind, text)


def _written(name: PersonName, *, whole: bool) -> dict[str, None]:
    family, given = " ".join(name.family), " ".join(name.given[:1])
    forms = [family, given] if whole else [family]
    if family and given:
        forms.append(f"{family}^{given}")
        if whole:
            forms += [f"{given} {family}", f"{family}, {given}", f"{family} {given}"]
    cased = [form for text in forms for form in (text, text.upper(), text.title())]
    return dict.fromkeys(text for text in cased if len(text) >= _SHORTEST_HEX)


def wrapped_text(kind: IdentifierKind, text: str) -> Iterator[Encoded]:
    """Yield `text` as base64 at each of its three alignments, and as hexadecimal digits."""
    data = text.encode()
    if len(data) >= _SHORTEST_BASE64:
        for shift in range(3):
            # The first and last digits depend on the neighbours unless they lie on a border of bytes.
            digits = b64encode(bytes(shift) + data)
            first = -(-shift * 8 // 6)
            yield Encoded(digits[first : (shift + len(data)) * 8 // 6], kind, SearchContext.BINARY)
    if len(data) >= _SHORTEST_HEX:
        yield Encoded(data.hex().encode(), kind, SearchContext.CODESTREAM)
