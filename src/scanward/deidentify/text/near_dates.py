"""Known dates in the notations that only prose has: the 12th of March, March 1967, 3/12 after a cue."""

from collections.abc import Iterable, Iterator
from datetime import date

from scanward.deidentify.text.folding import fold
from scanward.deidentify.text.lookalikes import as_digits
from scanward.deidentify.text.months import is_long_name, month_words, names_of_month
from scanward.deidentify.text.passage import Capitals, Passage
from scanward.deidentify.text.variants import DATE_KINDS
from scanward.dicomstream.dates import parse_da
from scanward.model.identifier import Identifier, IdentifierKind

_JOINTS = frozenset("of de del den di the le dia day".split())
_ORDINALS = ("st", "nd", "rd", "th", "er", "ste", "de", "o", "a", "")
_CUES = frozenset(
    "dob born birth birthday bday birthdate geb geboren geborene geburtstag geburtsdatum nacido nacida nacimiento nac "
    "nasc nascimento nascido nascida ne nee naissance anniversaire cumpleanos aniversario db".split()
)
_WEAK_CUES = frozenset("on dated since am vom el le em".split())
_COUNTED = frozenset(
    "of image images slice slices series view views cut cuts level levels cm mm ml mg x week weeks teeth strength "
    "power frames bilder bild imagenes coupes".split()
)
_SHORT_OR_WORD = frozenset("mar may mai set ago out gen dic dez mag jun sep ene abr mars maio mayo".split())
_PARTED = frozenset(
    ("-", "/", ".", "_", "- ", "/ ", ". ", " / ", " - ", " . ", " ", ", ", ",", "'", " '", "-'", "/'", ".'")
)
_FIRM = frozenset(("-", "/", ".", "_", "- ", "/ ", ". ", " / ", " - ", " . "))
_JOINED = frozenset((" ", "  ", "-", ".", ". ", "/", ", ", ",", "_", " '", "\n", "-'", "", " - "))


class NearDates:
    """The known dates, ready to be told in prose.

    Parameters
    ----------
    identifiers
        What is known; only dates count here, and a birth date counts without its day or its year as well.
    """

    def __init__(self, identifiers: Iterable[Identifier]) -> None:
        self._days: dict[date, IdentifierKind] = {}
        for identifier in identifiers:
            if identifier.kind in DATE_KINDS:
                try:
                    day = parse_da(identifier.value[:10] if "." in identifier.value[:8] else identifier.value[:8])
                except ValueError:
                    continue
                if self._days.get(day) is not IdentifierKind.BIRTH_DATE:
                    self._days[day] = identifier.kind
        self._by_year: dict[str, list[date]] = {}
        for day in self._days:
            for year in (f"{day.year:04d}", f"{day.year % 100:02d}"):
                self._by_year.setdefault(year, []).append(day)
        self._births = [day for day, kind in self._days.items() if kind is IdentifierKind.BIRTH_DATE]
        self.month_words: dict[str, list[date]] = {}
        for day in self._days:
            for name in {fold(name) for name in names_of_month(day.month)}:
                if name.isascii():
                    self.month_words.setdefault(name, []).append(day)

    def __bool__(self) -> bool:
        return bool(self._days)

    def find(self, passage: Passage, numeric: list[int]) -> Iterator[tuple[int, int, IdentifierKind]]:
        """Yield where known dates are in figures; `numeric` are the words of the passage that have digits."""
        words = passage.words
        values = {index: as_digits(words[index]) for index in numeric if len(words[index]) <= 4}
        for index in numeric:
            if index not in values or index + 1 not in values:
                continue
            span = self._three(passage, values, index) or self._two(passage, values, index)
            if span is not None:
                last, kind = span
                yield passage.starts[index], passage.end(last), kind

    def _three(self, passage: Passage, values: dict[int, str], index: int) -> tuple[int, IdentifierKind] | None:
        if index + 2 not in values:
            return None
        first, second, third = values[index], values[index + 1], values[index + 2]
        days = self._by_year.get(third, ()) or self._by_year.get(first, ())
        if not days or passage.gap(index) not in _PARTED or passage.gap(index + 1) not in _PARTED:
            return None
        full = len(first) == 4 or len(third) == 4
        if not full and not (passage.gap(index) in _FIRM and passage.gap(index + 1).rstrip("'") in _FIRM):
            return None
        if not (first.isdigit() and second.isdigit() and third.isdigit()):
            return None
        if sum(map(str.isdigit, "".join(passage.words[index : index + 3]))) < 4:
            return None
        for day in (*self._by_year.get(third, ()), *self._by_year.get(first, ())):
            year = (f"{day.year:04d}", f"{day.year % 100:02d}")
            figures = (day.day, day.month)
            if third in year and (int(first), int(second)) in {figures, figures[::-1]}:
                return index + 2, self._days[day]
            if first in year and (int(second), int(third)) in {figures, figures[::-1]}:
                return index + 2, self._days[day]
        return None

    def _two(self, passage: Passage, values: dict[int, str], index: int) -> tuple[int, IdentifierKind] | None:
        """Take a month and year, or after a cue a day and month, for the birth date."""
        if not self._births or (index - 1 in values and passage.gap(index - 1) in _FIRM):
            return None
        gap = passage.gap(index)
        if index + 2 in values and passage.gap(index + 1).strip() == gap.strip():
            return None
        first, second = values[index], values[index + 1]
        if gap not in _FIRM or not first.isdigit() or not second.isdigit():
            return None
        for day in self._births:
            year = f"{day.year:04d}"
            if (second == year and int(first) == day.month) or (first == year and int(second) == day.month):
                return index + 1, IdentifierKind.BIRTH_DATE
            same = (int(first), int(second)) in {(day.day, day.month), (day.month, day.day)}
            if same and len(first) <= 2 and len(second) <= 2 and _is_cued(passage, index):
                return index + 1, IdentifierKind.BIRTH_DATE
        return None

    def find_named(self, passage: Passage, months: list[int]) -> Iterator[tuple[int, int, IdentifierKind]]:
        """Yield where known dates are with the name of their month; `months` are the words that name one."""
        for index in months:
            for day in self.month_words.get(passage.words[index], ()):
                span = _around_month(passage, index, day, birth=self._days[day] is IdentifierKind.BIRTH_DATE)
                if span is not None:
                    yield passage.starts[span[0]], passage.end(span[1]), self._days[day]
                    break


def _around_month(passage: Passage, index: int, day: date, *, birth: bool) -> tuple[int, int] | None:
    """Return the first and last word of `day` around the name of its month."""
    before, joint = _step(passage, index, -1)
    after, _ = _step(passage, index, 1)
    year_after = after is not None and _is_year(passage, after, day)
    if before is not None and _is_day(passage.words[before], day):
        if year_after and after is not None:
            return before, after
        further, _ = _step(passage, before, -1)
        if further is not None and _is_year(passage, further, day):
            return further, index
        plain = after is None or not (_is_any_year(passage.words[after]))
        if birth and plain and _is_date_alone(passage, index, before, joint=joint):
            return before, index
        return None
    if after is not None and _is_day(passage.words[after], day):
        further, _ = _step(passage, after, 1)
        if further is not None and _is_year(passage, further, day):
            return index, further
        if before is not None and _is_year(passage, before, day):
            return before, after
        plain = further is None or not _is_any_year(passage.words[further])
        if birth and plain and _is_date_alone(passage, index, after, joint=False):
            return index, after
        return None
    if birth and year_after and after is not None and len(passage.words[after]) == 4:
        return index, after
    if birth and after is None and before is not None and passage.words[before] == f"{day.year:04d}":
        return before, index
    return None


def _step(passage: Passage, index: int, step: int) -> tuple[int | None, bool]:
    """Return the next word that is no joint such as ``of``, and whether there was one between."""
    joint = False
    for _ in range(3):
        left, right = (index - 1, index) if step < 0 else (index, index + 1)
        if left < 0 or right >= len(passage.words) or passage.gap(left) not in _JOINED:
            return None, joint
        index += step
        if passage.words[index] not in _JOINTS:
            return index, joint
        joint = True
    return None, joint


def _is_day(word: str, day: date) -> bool:
    number = word[: 2 if word[1:2].isdigit() else 1]
    return number.isdigit() and int(number) == day.day and word[len(number) :] in _ORDINALS


def _is_year(passage: Passage, index: int, day: date) -> bool:
    word = passage.words[index]
    return word in (f"{day.year:04d}", f"{day.year % 100:02d}")


def _is_any_year(word: str) -> bool:
    return word.isdigit() and len(word) == 4 and word[:2] in {"18", "19", "20"}


def _is_date_alone(passage: Passage, index: int, day: int, *, joint: bool) -> bool:
    """Tell a day and month from a number beside a word: 12 mar, may 3."""
    word = passage.words[index]
    if is_long_name(word) or joint or not passage.words[day].isdigit():
        return True
    if word in _SHORT_OR_WORD or word not in month_words():
        return _is_cued(passage, min(index, day))
    return passage.capitals(index) is not Capitals.NONE or len(word) > 3


def _is_cued(passage: Passage, index: int) -> bool:
    words = passage.words
    before = [words[at] for at in range(max(0, index - 3), index)]
    if any(word in _CUES for word in before):
        return True
    following = words[index + 2] if index + 2 < len(words) else ""
    cued = index > 0 and words[index - 1] in _WEAK_CUES and passage.gap(index - 1) in {" ", ": "}
    return cued and following not in _COUNTED
