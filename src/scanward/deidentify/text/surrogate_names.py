"""Who the words of names belong to, and the names that stand for them, in the notation of the text."""

import re
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import NamedTuple

from scanward.deidentify.text.folding import fold, spellings
from scanward.deidentify.text.known import KnownIdentifiers
from scanward.deidentify.text.lexicon import listed_given, listed_surnames
from scanward.deidentify.text.names import PARTICLES, TITLES, PersonName, parse_person_names
from scanward.deidentify.text.surrogate_words import pool_for
from scanward.deidentify.text.variants import NAME_KINDS
from scanward.model.identifier import IdentifierKind

Draw = Callable[[str, str], int]
"""Returns a number of 256 bits for a purpose and a value: for a patient and recipient always the same."""

MOST_ATTEMPTS = 256
"""So many candidates are drawn for a word; each is refused for good reasons, so more would not help."""

_TOKEN = re.compile(r"[^\W_]+(?:['’][^\W\d_]+)*")
_POSSESSIVE = re.compile(r"['’]s$", re.IGNORECASE)
_HONORIFICS = frozenset(
    "dr drs prof professor doctor mr mrs ms miss mister sir madam herr herrn hr frau mme mlle sr sra srta senor senora "
    "dra don dona dott dottssa sig rev nurse med dipl patient patientin paciente by".split()
)
_POSTFIXES = frozenset(
    "md mbbs phd jr sr ii iii iv rn do pa np rt frcr frcs facr bsc msc ba bsn ma esq dvm dds dmd cnmt".split()
)
_LETTERS = "ABCDEFGHIJKLMNOPRSTVW"
_SHORTEST_NEAR, _TWO_FAULTS = 5, 8
_SHORTEST_LOGIN = 4


class Role(StrEnum):
    """What a word is in a name."""

    FAMILY = "family"
    GIVEN = "given"


class Part(NamedTuple):
    """A word of a name, apart from how it is written.

    Attributes
    ----------
    role
        What it is in the name.
    word
        The word, folded, as in the name that is known.
    """

    role: Role
    word: str


class NameBook:
    """The words of the names that are known, each with its role.

    Parameters
    ----------
    known
        The names of the patient and of those around them.
    """

    def __init__(self, known: KnownIdentifiers) -> None:
        self._parts: dict[str, Part] = {}
        self._sole: set[str] = set()
        self._people: list[tuple[bool, tuple[Part, ...]]] = []
        ordered = sorted(known.identifiers, key=lambda one: one.kind is not IdentifierKind.PATIENT_NAME)
        for identifier in ordered:
            if identifier.kind in NAME_KINDS:
                for name in parse_person_names(identifier.value):
                    self._add(identifier.kind, name)

    def _add(self, kind: IdentifierKind, name: PersonName) -> None:
        parts = []
        for role, words in ((Role.GIVEN, name.given + name.middle), (Role.FAMILY, name.family)):
            for word in words:
                part = self._parts.get(fold(word)) or Part(role, fold(word))
                parts.append(part)
                for spelled in spellings(word):
                    self._parts.setdefault(spelled, part)
            if len(words) == 1:
                self._sole.add(fold(words[0]))
        self._people.append((kind is IdentifierKind.PATIENT_NAME, tuple(parts)))

    def is_particle(self, folded: str) -> bool:
        """Say whether a folded word belongs to the name behind it; not where it is somebody's only one (Le, Do)."""
        return len(folded) > 1 and folded in PARTICLES and folded not in self._sole

    def find(self, folded: str) -> Part | None:
        """Return the part that a folded word is, as it is known or spelled out."""
        return self._parts.get(folded)

    def resolve(self, word: str, kind: IdentifierKind) -> Part:
        """Return the part that a word is or is a misspelling of, else one of its own."""
        folded = fold(word)
        part = self._parts.get(folded) or next(
            (self._parts[spelled] for spelled in spellings(word) if spelled in self._parts), None
        )
        listed = folded in listed_given() or folded in listed_surnames()
        if part is None and (kind is IdentifierKind.PATIENT_NAME or not listed):
            part = self._near(folded)
        if part is not None:
            return part
        is_given = folded in listed_given() and not (folded in listed_surnames() and folded.endswith("s"))
        if is_given and kind is IdentifierKind.PATIENT_NAME:
            # Found as the patient's, and a given name: a short form of theirs.
            part = self._first_given()
        return part or Part(Role.GIVEN if is_given else Role.FAMILY, folded)

    def _near(self, folded: str) -> Part | None:
        if len(folded) < _SHORTEST_NEAR - 1:
            return None
        for word, part in self._parts.items():
            allowed = 0 if len(word) < _SHORTEST_NEAR else 1 if len(word) < _TWO_FAULTS else 2
            if allowed and abs(len(word) - len(folded)) <= allowed and distance(word, folded) <= allowed:
                return part
        return None

    def _first_given(self) -> Part | None:
        patients = (parts for is_patient, parts in self._people if is_patient)
        return next((part for parts in patients for part in parts if part.role is Role.GIVEN), None)

    def by_initial(self, letter: str, beside: Sequence[Part], kind: IdentifierKind) -> Part | None:
        """Return whose initial `letter` is: of somebody with the words beside it, or of the patient."""
        for is_patient, parts in self._people:
            if any(part in parts for part in beside) or (kind is IdentifierKind.PATIENT_NAME and is_patient):
                for part in parts:
                    if part.word.startswith(letter) and part not in beside:
                        return part
        return None

    def split(self, folded: str) -> tuple[str, ...] | None:
        """Return the known words and the initial that a word is joined of (``agarcia``, ``garciaana``), or None."""
        if len(folded) < _SHORTEST_LOGIN:
            return None
        for cut in range(1, len(folded)):
            left, right = folded[:cut], folded[cut:]
            if (left in self._parts and right in self._parts) or self._is_login(left, right):
                return left, right
            if self._is_login(right, left):
                return left, right
        return None

    def _is_login(self, initial: str, word: str) -> bool:
        part = self._parts.get(word)
        return (
            len(initial) == 1
            and part is not None
            and any(
                part in parts and any(other is not part and other.word.startswith(initial) for other in parts)
                for _, parts in self._people
            )
        )


class SurrogateNames:
    """Writes other names where names were.

    Parameters
    ----------
    book
        Whose words are known.
    draw
        Numbers of this patient and recipient.
    is_free
        Whether a word is nobody's who is known.
    """

    def __init__(self, book: NameBook, draw: Draw, is_free: Callable[[str], bool]) -> None:
        self._book = book
        self._draw = draw
        self._is_free = is_free
        self._made: dict[Part, str] = {}

    def replace(self, kind: IdentifierKind, value: str) -> str:
        """Return `value` with other names in the same notation: order, case, initials, titles and separators."""
        tokens = list(_TOKEN.finditer(value))
        kept = {index for index in range(len(tokens)) if self._is_kept(value, tokens, index)}
        if len(kept) == len(tokens):
            kept = set()
        words = [
            _POSSESSIVE.sub("", token[0])
            for index, token in enumerate(tokens)
            if index not in kept and len(token[0]) > 1 and not token[0].isdigit()
        ]
        beside = [self._book.resolve(word, kind) for word in words]
        pieces, at, index = [], 0, 0
        while index < len(tokens):
            token = tokens[index]
            after = index + 1
            if index not in kept:
                joined = self._joined(value, tokens, index) if after < len(tokens) and after not in kept else None
                if joined is not None:
                    after += 1
                shown = joined if joined is not None else self._word(token[0], kind, beside)
                pieces += [value[at : token.start()], shown]
                at = tokens[after - 1].end()
            index = after
        return "".join(pieces) + value[at:]

    def _is_kept(self, value: str, tokens: Sequence[re.Match[str]], index: int) -> bool:
        """Say whether a token is a title, a degree behind a name or a particle before one."""
        folded = fold(tokens[index][0])
        if folded in _HONORIFICS:
            return index + 1 < len(tokens) or index > 0
        if folded in _POSTFIXES and index > 0:
            return index + 1 == len(tokens) or fold(tokens[index + 1][0]) in _POSTFIXES | TITLES
        if self._book.is_particle(folded) and index + 1 < len(tokens):
            gap = value[tokens[index].end() : tokens[index + 1].start()]
            return gap.strip(" ") in {"", ".", "'"} and fold(tokens[index + 1][0]) not in TITLES
        return False

    def _joined(self, value: str, tokens: Sequence[re.Match[str]], index: int) -> str | None:
        """Return what stands for two tokens that are one known word, split by a blank or dash."""
        left, right = tokens[index], tokens[index + 1]
        gap = value[left.end() : right.start()]
        if gap not in {" ", "-"} or min(len(left[0]), len(right[0])) < 2:
            return None
        part = self._book.find(fold(left[0] + right[0]))
        if part is None or self._book.find(fold(left[0])) or self._book.find(fold(right[0])):
            return None
        return _in_case(left[0], self.name(part))

    def _word(self, token: str, kind: IdentifierKind, beside: Sequence[Part]) -> str:
        possessive = _POSSESSIVE.search(token)
        if possessive is not None and possessive.start() > 1:
            return self._word(token[: possessive.start()], kind, beside) + possessive[0]
        if "'" in token or "’" in token:
            return self._word(max(re.split("['’]", token), key=len), kind, beside)
        folded = fold(token)
        if len(token) == 1:
            return token if token.isdigit() else self._initial(token, kind, beside)
        if token.isdigit():
            return str(self._draw("digits", token))[-len(token) :]
        parts = None if self._book.find(folded) else self._book.split(folded)
        if parts is not None:
            # O'Brien, written as one word, is Brien as it is with its apostrophe.
            told = tuple(piece for piece in parts if piece not in PARTICLES) or parts
            shown = "".join(self._of_login(piece, told) for piece in told)
            return shown.upper() if token.isupper() else shown.capitalize() if token[0].isupper() else shown
        return _in_case(token, self.name(self._book.resolve(token, kind)))

    def _of_login(self, piece: str, parts: tuple[str, ...]) -> str:
        if len(piece) > 1:
            part = self._book.find(piece)
            return self.name(part) if part is not None else ""
        others = [part for part in map(self._book.find, parts) if part is not None]
        owner = self._book.by_initial(piece, others, IdentifierKind.PERSON_NAME)
        return self.name(owner)[0] if owner is not None else ""

    def _initial(self, letter: str, kind: IdentifierKind, beside: Sequence[Part]) -> str:
        part = self._book.by_initial(fold(letter), beside, kind)
        if part is not None:
            shown = self.name(part)[0]
        else:
            letters = _LETTERS.replace(letter.upper(), "")
            shown = letters[
                self._draw("initial", " ".join([letter.upper(), *(one.word for one in beside)])) % len(letters)
            ]
        return shown.upper() if letter.isupper() else shown.lower()

    def name(self, part: Part) -> str:
        """Return the word that stands for a part of a name, in lower case where its script has cases."""
        made = self._made.get(part)
        if made is None:
            pool = pool_for(part.word, is_given=part.role is Role.GIVEN)
            candidates = (
                pool[self._draw(part.role, f"{part.word}|{attempt}") % len(pool)].lower()
                for attempt in range(MOST_ATTEMPTS)
            )
            made = next((one for one in candidates if one[0] != part.word[0] and self._is_free(one)), "")
            self._made[part] = made = made or "Nn"
        return made


def _in_case(token: str, name: str) -> str:
    if token.isupper():
        return name.upper()
    return name if token.islower() else name.capitalize()


def distance(left: str, right: str) -> int:
    """Return how many letters are to be changed, put in, left out or swapped with their neighbour between two words."""
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, char in enumerate(left, start=1):
        older, before, row = before, row, [i]
        for j, other in enumerate(right, start=1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (char != other))
            if i > 1 and j > 1 and char == right[j - 2] and left[i - 2] == other:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
    return row[-1]
