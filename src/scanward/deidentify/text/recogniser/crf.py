"""Recognises identifiers by their words, how they are written, and the words around them.

The model is trained by ``tools/recogniser/train.py``. Here its weights are read and applied: all features belong to
single words, so that what a word says of itself and of its neighbours is added up once for each word that is met.
"""

import gzip
import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from functools import cache
from math import exp, log
from operator import mul
from typing import TypedDict

from scanward.deidentify.text.folding import fold
from scanward.deidentify.text.prose_lexicon import Sense, sense_of
from scanward.deidentify.text.recogniser.features import EDGE, FAR, OFFSETS, TOKEN, features_of
from scanward.errors import EngineError
from scanward.model.identifier import IdentifierKind
from scanward.ports.recognisers import Recognised

MODEL = "model.json.gz"
MODEL_SHA256 = "b1ba886dbfd62bf150b4e7546c32ad9131f4685a560130206ccdfcfa961dda22"
"""Of the file beside this one; another is not read."""

_FOLDER = os.path.dirname(__file__)  # noqa: PTH120 - start-up time

OUTSIDE = "O"
KINDS = {
    "PERSON": IdentifierKind.PERSON_NAME,
    "DATE": IdentifierKind.DATE,
    "ID": IdentifierKind.OTHER_ID,
    "CONTACT": IdentifierKind.PHONE,
    "PLACE": IdentifierKind.ADDRESS,
    "ORG": IdentifierKind.INSTITUTION,
}
"""Labels of the model, and what they are."""

THRESHOLD = 0.08
"""From which certainty on a word that is in no list, or listed as a name, is recognised."""

_LEAST_ORDINARY = 0.5
_LEAST_SMALL = 0.6
_LEAST_ACRONYM = 0.4
_LEAST_NUMBER = 0.25
"""From which certainty on others are: ordinary words, words written small, short ones in capitals, numbers."""

_LONGEST_ACRONYM = 5

_REACH = 3
"""How many words before and after a word that could be an identifier are looked at."""

_BESIDE = 4
"""How near to what others found a word is looked at too, in characters."""

_AROUND = 64
"""How many characters around a word that could be an identifier are split into words."""

_CANDIDATE = re.compile(r"(?<![^\W\d_])[A-ZÀ-ÖØ-ÞĀ-Ž][^\W\d_]*|\d+")
_SENTENCE_ENDS = frozenset({". ", "! ", "? ", "; ", ": ", ") ", "- "})

_NOWHERE = (1 << 62, 1 << 62)
_MOST_REMEMBERED = 1 << 16
_FEWEST_DIGITS = 4
_HEADS = frozenset(
    "hospital clinic center centre medical health healthcare institute university memorial general mercy county office "
    "infirmary imaging radiology associates group klinik klinikum krankenhaus praxis hôpital clinique centro clínica "
    "street st ave avenue road rd blvd lane drive calle avda plaza rua avenida rue mount saint".split()
)
_MAYBE = Sense.UNKNOWN | Sense.GIVEN | Sense.SURNAME | Sense.PLACE | Sense.PLACE_TOO | Sense.DOUBTFUL
_LINK = re.compile(r"[ \t.,'’&/#-]{0,3}")

Row = tuple[float, ...]


class Model(TypedDict):
    """What was trained: ``model.json.gz``.

    Attributes
    ----------
    labels
        The first is that of words outside identifiers.
    steps
        What the steps between labels of neighbouring words weigh, by the labels but the first: to ``enter`` one from
        outside, to ``leave`` it, to ``stay`` in it; each over that of staying outside. Other steps weigh nothing.
    vocabulary
        Words that are ordinary in the texts that were trained on, folded.
    state
        For each feature its weights, as thousandths, by the number of the label.
    """

    labels: list[str]
    steps: dict[str, list[float]]
    vocabulary: list[str]
    state: dict[str, dict[str, int]]


class CrfRecogniser:
    """A linear-chain conditional random field.

    Parameters
    ----------
    model
        What was trained.
    threshold
        From which certainty on a word is recognised.
    name
        Model and version.
    """

    def __init__(self, model: Model, *, threshold: float = THRESHOLD, name: str = "crf") -> None:
        self._kinds = tuple(KINDS[label] for label in model["labels"][1:])
        self._state = model["state"]
        self._size = len(model["labels"])
        self._vocabulary = frozenset(model["vocabulary"])
        steps = model["steps"]
        self._enter, self._leave = ([exp(one) for one in steps[name]] for name in ("enter", "leave"))
        # A step between labels of two kinds weighs nothing; it is counted for all, so for staying only what is over it.
        self._stay = [exp(one) - 1 for one in steps["stay"]]
        self._threshold = threshold
        self._clear = _margin(steps, threshold)
        self._rows: dict[str, tuple[Row, ...]] = {}
        self._worth: dict[str, Worth] = {}
        self._least: dict[str, float] = {}
        self._name = name

    @property
    def name(self) -> str:
        """Model and version."""
        return self._name

    def recognise(self, text: str) -> list[Recognised]:
        """Return the words of `text` that are in identifiers; neighbours of one kind together."""
        return self.recognise_beside(text, ())

    def recognise_beside(self, text: str, taken: Sequence[tuple[int, int]]) -> list[Recognised]:
        """Return the words of `text` that are in identifiers, looking only around those that are not in `taken`."""
        found: list[Recognised] = []
        for places in _grouped(self._candidates(text, taken)):
            first, last = max(0, places[0] - _AROUND), places[-1] + _AROUND
            tokens = [(match.start(), match.end(), match[0]) for match in TOKEN.finditer(text, first, last)]
            for start, end in _windows(tokens, places):
                for index, (kind, certainty) in self._read(tokens, start, end):
                    _add(found, text, Recognised(tokens[index][0], tokens[index][1], kind, certainty))
        return found

    def _candidates(self, text: str, taken: Sequence[tuple[int, int]]) -> Iterator[int]:
        """Yield where words start that could be in an identifier and are not taken."""
        spans = iter(taken)
        gone, until = next(spans, _NOWHERE)
        before = -_BESIDE - 1
        for match in _CANDIDATE.finditer(text):
            start, end = match.span()
            while start >= until:
                before = until
                gone, until = next(spans, _NOWHERE)
            if start >= gone:
                continue
            # What others found may be only a part: what stands beside it counts however ordinary it is.
            behind, ahead = start - before, gone - end
            between = text[end:gone] if ahead <= _BESIDE else text[before:start] if behind <= _BESIDE else "\n"
            near = "\n" not in between and not _opens_sentence(text, start, end)
            if near or self._is_worth_a_look(match[0], text, start, end):
                yield start

    def _is_worth_a_look(self, token: str, text: str, start: int, end: int) -> bool:
        worth = self._worth.get(token)
        if worth is None:
            worth = _worth_of(token)
            if len(self._worth) < _MOST_REMEMBERED:
                self._worth[token] = worth
        return worth is Worth.YES or (worth is Worth.INSIDE and not _opens_sentence(text, start, end))

    def _read(
        self, tokens: Sequence[tuple[int, int, str]], start: int, end: int
    ) -> Iterator[tuple[int, tuple[IdentifierKind, float]]]:
        """Yield what is recognised among the tokens from `start` to `end` (forward and backward sums: Rabiner 1989)."""
        count = len(tokens)
        rows = [self._row(tokens[index][2] if 0 <= index < count else EDGE) for index in range(start - FAR, end + FAR)]
        scores = [
            [
                a + b + c + d + e + f + g
                for a, b, c, d, e, f, g in zip(
                    rows[at][0], rows[at - 1][1], rows[at + 1][2], rows[at - 2][3], rows[at + 2][4], rows[at - 3][5],
                    rows[at + 3][6], strict=True,
                )
            ]
            for at in range(FAR, FAR + end - start)
        ]  # fmt: skip
        if all(max(row) == row[0] and max(row[1:]) < row[0] - self._clear for row in scores):
            return
        emitted = [list(map(exp, row)) for row in scores]
        forward = self._forward(emitted)
        stay, enter, leave = self._stay, self._enter, self._leave
        # What follows the stretch is outside.
        after, after_out = leave, 1.0
        for at in range(len(emitted) - 1, -1, -1):
            inside, out = forward[at]
            joint = [one * other for one, other in zip(inside, after, strict=True)]
            weight = sum(joint)
            certainty = weight / (weight + out * after_out)
            if certainty >= self._threshold and certainty >= self._least_for(tokens[start + at][2]):
                yield start + at, (self._kinds[joint.index(max(joint))], certainty)
            row = emitted[at]
            own_out = row[0] * after_out
            weighed = [one * own for one, own in zip(after, row[1:], strict=True)]
            crossed = sum(weighed)
            after_out = own_out + sum(map(mul, weighed, enter))
            after = [
                gone * own_out + one * kept + crossed for gone, one, kept in zip(leave, weighed, stay, strict=True)
            ]
            largest = max(after_out, *after)
            after_out /= largest
            after = [one / largest for one in after]

    def _forward(self, emitted: Sequence[Sequence[float]]) -> list[tuple[list[float], float]]:
        """Return for each word how likely each label, and being outside, is by what stands before it and in it."""
        stay, enter, leave = self._stay, self._enter, self._leave
        inside, out = [0.0] * len(stay), 1.0
        found = []
        for row in emitted:
            crossed = sum(inside)
            left = sum(map(mul, inside, leave))
            inside = [
                (out * into + one * kept + crossed) * own
                for into, one, kept, own in zip(enter, inside, stay, row[1:], strict=True)
            ]
            out = (out + left) * row[0]
            total = out + sum(inside)
            inside = [one / total for one in inside]
            out /= total
            found.append((inside, out))
        return found

    def _least_for(self, token: str) -> float:
        least = self._least.get(token)
        if least is None:
            least = self._least[token] = max(self._threshold, _least_for(token, self._vocabulary))
        return least

    def _row(self, token: str) -> tuple[Row, ...]:
        """Return what `token` says of itself and its neighbours: a weight for each label, by :data:`OFFSETS`."""
        row = self._rows.get(token)
        if row is None:
            near, far = features_of(token, self._vocabulary)
            row = tuple(
                # What stands three before a word counts for it as its feature "-3:...".
                self._summed(f"{offset}:{feature}" for feature in (far if abs(offset) == FAR else near))
                for offset in OFFSETS
            )
            if len(self._rows) < _MOST_REMEMBERED:
                self._rows[token] = row
        return row

    def _summed(self, attributes: Iterator[str]) -> Row:
        sums = [0] * self._size
        for attribute in attributes:
            for label, weight in self._state.get(attribute, {}).items():
                sums[int(label)] += weight
        return tuple(value / 1000 for value in sums)


def _margin(steps: Mapping[str, Sequence[float]], threshold: float) -> float:
    """Return by how much being outside must lead at each word of a stretch, so that nothing in it is recognised.

    A word alone is recognised where its lead is less than what the step into a label and out of it gains; in a row the
    steps between words of one label gain too.
    """
    alone = max(one + other for one, other in zip(steps["enter"], steps["leave"], strict=True))
    return max(alone, 0.0) + max(*steps["stay"], 0.0) + log(1 / threshold - 1)


class Worth(Enum):
    """Whether a word could be in an identifier."""

    NO = 0
    INSIDE = 1
    """Not as the first of a sentence: it is an ordinary word too."""
    YES = 2


def _worth_of(token: str) -> Worth:
    if token.isdigit():
        return Worth.YES if len(token) >= _FEWEST_DIGITS else Worth.NO
    lowered = token.lower()
    sense = sense_of(lowered)
    if sense & _MAYBE:
        return Worth.INSIDE if sense & (Sense.WORD | Sense.CORE) else Worth.YES
    return Worth.INSIDE if lowered in _HEADS else Worth.NO


def _opens_sentence(text: str, start: int, end: int) -> bool:
    """Say whether a word is the first of a line or sentence, and small letters follow."""
    if text[end : end + 1] != " " or not text[end + 1 : end + 2].islower():
        return False
    return start == 0 or text[start - 1] == "\n" or text[max(0, start - 2) : start] in _SENTENCE_ENDS


def _grouped(places: Iterable[int]) -> Iterator[list[int]]:
    """Yield runs of `places` that are so near each other that they are looked at together."""
    group: list[int] = []
    for place in places:
        if group and place - group[-1] > 2 * _AROUND:
            yield group
            group = []
        group.append(place)
    if group:
        yield group


def _windows(tokens: Sequence[tuple[int, int, str]], places: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the stretches of words around those that start at `places`."""
    wanted = frozenset(places)
    start = end = -1
    for index, (place, _, _) in enumerate(tokens):
        if place in wanted:
            if index - _REACH > end:
                if end >= 0:
                    yield start, min(end, len(tokens))
                start = max(0, index - _REACH)
            end = index + _REACH + 1
    if end >= 0:
        yield start, min(end, len(tokens))


def _least_for(token: str, vocabulary: frozenset[str]) -> float:
    """Return from which certainty on `token` is recognised, by what else it could be."""
    if not token[0].isalpha():
        return _LEAST_NUMBER
    sense = sense_of(token.lower())
    if token.islower():
        given = sense & Sense.GIVEN and sense & Sense.NAME and not sense & Sense.WORD
        return _LEAST_NUMBER if given and fold(token) not in vocabulary else _LEAST_SMALL
    if sense & (Sense.WORD | Sense.CORE) or fold(token) in vocabulary:
        return _LEAST_ORDINARY
    if token.isupper() and len(token) <= _LONGEST_ACRONYM and not sense & Sense.NAME:
        return _LEAST_ACRONYM
    return 0.0


def _add(found: list[Recognised], text: str, one: Recognised) -> None:
    """Add `one`, which is before or behind what was found last, to it where only a mark or blank is between them."""
    if found:
        last = found[-1]
        left, right = (last, one) if last.start < one.start else (one, last)
        if last.kind is one.kind and _LINK.fullmatch(text, left.end, right.start):
            found[-1] = Recognised(left.start, right.end, one.kind, max(last.certainty, one.certainty))
            return
    found.append(one)


@cache
def load_recogniser() -> CrfRecogniser:
    """Return the recogniser of this project; read once for each process.

    Raises
    ------
    EngineError
        The model is not the one that belongs to this version.
    """
    path = os.path.join(_FOLDER, MODEL)  # noqa: PTH118 - start-up time
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - start-up time
            data = file.read()
    except OSError as error:
        raise EngineError("the model of the recogniser cannot be read", remedy="install Scanward anew") from error
    digest = hashlib.sha256(data).hexdigest()
    if digest != MODEL_SHA256:
        raise EngineError(
            f"the model of the recogniser has SHA-256 {digest}, expected {MODEL_SHA256}", remedy="install Scanward anew"
        )
    return CrfRecogniser(json.loads(gzip.decompress(data)), name=f"crf-{digest[:8]}")
