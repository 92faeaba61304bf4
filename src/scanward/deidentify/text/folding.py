"""Text without the differences under which a name is still the same name: case, accents, width, kana.

What is folded is compared as UTF-8 bytes, so that text and bytes are searched by the same machine.
"""

import re
import unicodedata
from array import array
from functools import lru_cache

_LIGATURES = {
    "ø": "o", "đ": "d", "ð": "d", "ł": "l", "ħ": "h", "ı": "i", "ŧ": "t", "þ": "th", "ß": "ss", "æ": "ae", "œ": "oe",
    "ĸ": "k", "ŋ": "n", "ſ": "s", "ς": "σ", "‐": "-", "‑": "-", "‒": "-", "–": "-", "—": "-", "’": "'", "‘": "'",
    "\u00a0": " ",
}  # fmt: skip
_RUNS = re.compile(r"[\x00-\x7f]+|[^\x00-\x7f]+")
_HIRAGANA = range(0x3041, 0x3097)
_HANGUL = range(0xAC00, 0xD7A4)
_KANA_SHIFT = 0x60

_GERMAN = {"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa", "æ": "ae", "œ": "oe"}


@lru_cache(maxsize=4096)
def fold_char(char: str) -> str:
    """Return what `char` is folded to: lower case, no accent, one width; empty for marks and invisible characters."""
    if ord(char) in _HANGUL:
        return char
    folded = []
    for part in unicodedata.normalize("NFKD", char).casefold():
        part = _LIGATURES.get(part, part)
        if len(part) == 1:
            if unicodedata.category(part) in {"Mn", "Cf"}:
                continue
            if ord(part) in _HIRAGANA:
                part = chr(ord(part) + _KANA_SHIFT)
        folded.append(part)
    return "".join(folded)


@lru_cache(maxsize=4096)
def _fold_coded(char: str) -> bytes:
    return fold_char(char).encode("utf-8", "surrogatepass")


def fold(text: str) -> str:
    """Return `text` folded, character by character."""
    return text.lower() if text.isascii() else "".join(map(fold_char, text))


def fold_map(text: str) -> "tuple[bytes, array[int] | None]":
    """Return `text` folded, as UTF-8, and for each byte the index of its character in `text`.

    The second is None where they are the same.
    """
    if text.isascii():
        return text.lower().encode(), None
    folded = bytearray()
    origin = array("l")
    for run in _RUNS.finditer(text):
        piece = run[0]
        if piece.isascii():
            folded += piece.lower().encode()
            origin.extend(range(run.start(), run.end()))
            continue
        for index, char in enumerate(piece, run.start()):
            coded = _fold_coded(char)
            folded += coded
            origin.extend((index,) * len(coded))
    return bytes(folded), origin


def spellings(text: str) -> tuple[str, ...]:
    """Return the ways in which `text` is folded: plain (muller) and as German and Danish spell it out (mueller)."""
    lowered = unicodedata.normalize("NFC", text).lower()
    found = {fold(text): None}
    if not lowered.isascii():
        found[fold("".join(_GERMAN.get(char, char) for char in lowered))] = None
    elif len(lowered) >= 5:
        short = lowered.replace("ae", "a").replace("oe", "o").replace("ue", "u")
        found[short] = None
    return tuple(found)
