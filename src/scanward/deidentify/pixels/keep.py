"""Which words a site may let stay in pixels: closed lists, read twice alike, near nothing that goes.

The default is that everything goes. A word stays only if the site allows its kind, two models of different makes read
the same with high confidence, the whole line that it stands in is made of words of the list and short numbers, nothing
in it is known of the patient or study, and, for numbers, nothing that goes stands around it: a day and a month of a
birth date that is cut in three look like two marks of a scale.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from scanward.deidentify.pixels.rectangle import Rectangle, hull
from scanward.deidentify.text.known import KnownIdentifiers
from scanward.model.identifier import IdentifierKind
from scanward.model.pixels import KeptText
from scanward.ports.engines import ReadText

CONFIDENT = 0.9
"""Mean confidence that each reading has at least: nine of ten drawn words of 10 pixels and more are read with it."""

FEWEST_READINGS = 2
"""By models of different makes."""

LONGEST = 24
"""Characters of the longest line that may stay: three measurements of a volume."""

MAX_REGIONS = 1000
"""Of more regions in one picture none stays."""

_GAP = 2.5
"""Regions nearer to each other than so many of their heights stand in one line."""

_ABOVE = 1.0
"""What goes may not stand nearer than so many heights above or below a number."""

_TALL = 1.5
"""More than one character in a region so many times as high as wide was read turned."""

_SAME = 0.5
"""Of two regions that share more than this of the smaller one, the larger is read."""

_LONGEST_INITIALS = 5

_WIDE = str.maketrans({**{0xFF01 + at: 0x21 + at for at in range(94)}, 0x3000: 0x20, 0x2212: 0x2D, 0x00D7: 0x78})
"""Full-width forms, the minus sign and the multiplication sign, which models write for plain ones."""

_NUMBER = r"(?:0|[1-9]\d{0,2})(?:\.\d{1,2})?"
_BARE = re.compile(r"[+-]?(?:0|[1-9]\d{0,2})(?:\.\d)?")
"""Without a leading zero, which days, months and IDs have, and without a second decimal: 24.12 is a day."""

_WEEKS = re.compile(r"\d{1,2} ?w(?:k|ks)? ?(?:\d ?d)?(?: ?[+±] ?\d{1,2} ?d)?")
_DIGITS = re.compile(r"\d+")
_WORD = re.compile(r"[^\W\d_]+|\d+")
_LONG_RUN = re.compile(r"\d{4}")

_NAMES = frozenset((IdentifierKind.PATIENT_NAME, IdentifierKind.PERSON_NAME))
_UNSPOKEN = frozenset((IdentifierKind.UID, IdentifierKind.DATE, IdentifierKind.BIRTH_DATE))
"""Kinds whose single parts say nothing: a day of the month is a number like any other."""


@dataclass(frozen=True, slots=True)
class TextRegion:
    """A region of text, and what it reads as.

    Attributes
    ----------
    box
        Where it is.
    readings
        One by each model.
    """

    box: Rectangle
    readings: tuple[ReadText, ...]


@dataclass(frozen=True, slots=True)
class _Grammar:
    marker: re.Pattern[str]
    scale: re.Pattern[str]
    measurement: re.Pattern[str]


def find_kept(
    regions: Sequence[TextRegion], allowed: frozenset[KeptText], known: KnownIdentifiers
) -> list[KeptText | None]:
    """Say of each region of one picture which kind of words it is that stay, or None where it goes.

    Parameters
    ----------
    regions
        All regions in which text was found, also those that cannot be read: a number beside one of them goes.
    allowed
        The kinds that the site keeps.
    known
        What is known of the patient and study.
    """
    kinds: list[KeptText | None] = [None] * len(regions)
    if not allowed or len(regions) > MAX_REGIONS:
        return kinds
    texts = [agreed_text(region) for region in regions]
    boxes = [region.box for region in regions]
    lines = _lines(boxes)
    for line in lines:
        words = _words(line, boxes, texts)
        kind = kind_of(" ".join(words), allowed, known) if all(words) else None
        for index in line:
            kinds[index] = kind
    _drop_beside(kinds, boxes, lines)
    return kinds


def agreed_text(region: TextRegion) -> str:
    """Return what all models read alike and surely, tidied; empty where they do not."""
    if len(region.readings) < FEWEST_READINGS or any(reading.confidence < CONFIDENT for reading in region.readings):
        return ""
    texts = {_tidy(reading.text) for reading in region.readings}
    # Some models leave spaces out, and small and capital letters of some shapes are the same.
    if len({_squeezed(text) for text in texts}) != 1:
        return ""
    text = max(texts, key=lambda item: (item.count(" "), item))
    turned = region.box.height > _TALL * region.box.width and len(text) > 1
    return "" if turned else text


def kind_of(text: str, allowed: frozenset[KeptText], known: KnownIdentifiers) -> KeptText | None:
    """Say which kind of words that stay a line is as a whole, or None where it goes.

    Parameters
    ----------
    text
        A line as read.
    allowed
        The kinds that the site keeps.
    known
        What is known of the patient and study.
    """
    text = _tidy(text)
    if not text or len(text) > LONGEST or _LONG_RUN.search(text) or _tells(text, known):
        return None
    grammar = _grammar()
    for kind, pattern in (
        (KeptText.LATERALITY, grammar.marker),
        (KeptText.MEASUREMENT, grammar.measurement),
        (KeptText.SCALE, grammar.scale),
    ):
        if kind in allowed and pattern.fullmatch(text):
            return kind
    return None


def _tidy(text: str) -> str:
    return " ".join(text.translate(_WIDE).split())


def _tells(text: str, known: KnownIdentifiers) -> bool:
    """Whether anything known of the patient or study is in `text`, initials and single words of names included."""
    told = known.memo.get(_told_words)
    if not isinstance(told, frozenset):
        told = known.memo[_told_words] = _told_words(known)
    words = [word.casefold() for word in _WORD.findall(text)]
    if "".join(words) in told or any(len(word) > 1 and word in told for word in words):
        return True
    return bool(known.find_closely(text)) or any(known.find_in_number_text(run) for run in _DIGITS.findall(text))


def _told_words(known: KnownIdentifiers) -> frozenset[str]:
    """Return whole values without what parts them, words of two characters and more, and initials of names."""
    told: set[str] = set()
    for identifier in known.identifiers:
        if identifier.kind in _UNSPOKEN:
            continue
        words = [word.casefold() for word in _WORD.findall(identifier.value)]
        told.add("".join(words))
        told.update(word for word in words if len(word) > 1)
        if identifier.kind in _NAMES:
            told.update(_initials([word[0] for word in words if not word.isdigit()]))
    return frozenset(word for word in told if len(word) > 1)


def _initials(letters: list[str]) -> Iterable[str]:
    """Yield initials in the order of the name, turned round, and with the family name last."""
    for count in range(2, min(len(letters), _LONGEST_INITIALS) + 1):
        some = letters[:count]
        yield "".join(some)
        yield "".join(reversed(some))
        yield "".join([*some[1:], some[0]])


def _words(line: Sequence[int], boxes: Sequence[Rectangle], texts: Sequence[str]) -> list[str]:
    """Return what a line reads from left to right, each word once: detection finds some again, whole or in part."""
    chosen: list[int] = []
    for index in sorted(line, key=lambda item: (-boxes[item].area, item)):
        around = [other for other in chosen if boxes[other].common(boxes[index]).area > _SAME * boxes[index].area]
        if not around:
            chosen.append(index)
        elif not texts[index] or not any(_squeezed(texts[index]) in _squeezed(texts[other]) for other in around):
            # The same place, read otherwise: nobody knows what stands there.
            return [""]
    return [texts[index] for index in sorted(chosen, key=lambda item: boxes[item].x)]


def _squeezed(text: str) -> str:
    return text.replace(" ", "").casefold()


def _lines(boxes: Sequence[Rectangle]) -> list[list[int]]:
    """Return the regions that stand in one line, each from left to right."""
    line_of = list(range(len(boxes)))

    def root(index: int) -> int:
        while line_of[index] != index:
            line_of[index] = line_of[line_of[index]]
            index = line_of[index]
        return index

    order = sorted(range(len(boxes)), key=lambda index: boxes[index].x)
    for position, left in enumerate(order):
        for right in order[position + 1 :]:
            if _in_line(boxes[left], boxes[right]):
                line_of[root(right)] = root(left)
    lines: dict[int, list[int]] = {}
    for index in order:
        lines.setdefault(root(index), []).append(index)
    return list(lines.values())


def _in_line(left: Rectangle, right: Rectangle) -> bool:
    shared = min(left.bottom, right.bottom) - max(left.y, right.y)
    if shared < min(left.height, right.height) / 2:
        return False
    return right.x - left.right <= _GAP * max(left.height, right.height)


def _drop_beside(kinds: list[KeptText | None], boxes: Sequence[Rectangle], lines: Sequence[Sequence[int]]) -> None:
    """Let numbers go that stand beside what goes, and what stands beside those."""
    going = [boxes[index] for index, kind in enumerate(kinds) if kind is None]
    open_lines = [line for line in lines if kinds[line[0]] not in (None, KeptText.LATERALITY)]
    while going:
        now = going
        going = []
        rest = []
        for line in open_lines:
            box = hull(boxes[index] for index in line)
            height = max(boxes[index].height for index in line)
            around = box.grown(round(_GAP * height), round(_ABOVE * height))
            if any(around.meets(other) for other in now):
                going.extend(boxes[index] for index in line)
                for index in line:
                    kinds[index] = None
            else:
                rest.append(line)
        open_lines = rest


@cache
def vocabulary() -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    """Return the closed lists by kind and name, as `kept_words.toml` has them."""
    text = (resources.files("scanward.deidentify.pixels") / "kept_words.toml").read_text("utf-8")
    return {kind: {name: tuple(words) for name, words in lists.items()} for kind, lists in tomllib.loads(text).items()}


@cache
def _grammar() -> _Grammar:
    words = {kind: {name: _any_of(some) for name, some in lists.items()} for kind, lists in vocabulary().items()}
    marker, scale, measure = words["laterality"], words["scale"], words["measurement"]
    glued = f"(?:[LR] ?-? ?{marker['mammography']})"
    parts = f"(?:{glued}|{marker['sides']}|{marker['views']}|{marker['mammography']}|{marker['positions']})"
    number = f"[+-]?{_NUMBER}"
    sizes = f"{_NUMBER}(?: ?x ?{_NUMBER}){{0,2}}"
    unit = f" ?{measure['units']}"
    label = f"(?:[+x*] ?)?(?:\\d )?{measure['labels']}(?: ?\\d)? ?[:=]? ?"
    ratio = f"{measure['ratios']} ?[:=]? ?{_NUMBER}(?: ?%)?"
    age = f"(?:{measure['ages']} ?[:=]? ?)?{_WEEKS.pattern}"
    return _Grammar(
        marker=_pattern(f"{marker['orientations']}|{parts}(?: {parts}){{0,2}}"),
        scale=_pattern(
            f"{_BARE.pattern}|{number} ?{scale['units']}|{scale['units']}|"
            f"{scale['labels']} ?[:=]? ?[<>]?{number}(?: ?{scale['units']})?"
        ),
        measurement=_pattern(f"{label}{sizes}{unit}|{sizes}{unit}|{ratio}|{age}"),
    )


def _pattern(text: str) -> re.Pattern[str]:
    # Of ASCII alone: other letters and digits look like these and are none of the list.
    return re.compile(f"(?:{text})", re.IGNORECASE | re.ASCII)


def _any_of(words: Iterable[str]) -> str:
    longest_first = sorted(words, key=lambda word: (-len(word), word))
    return "(?:" + "|".join(re.escape(word).replace("\\ ", " ?") for word in longest_first) + ")"
