"""Makes labelled texts of templates, with names and numbers of nobody."""

import random
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from scanward.deidentify.text.lexicon import doubtful_words, listed_given, listed_surnames, name_words

TEMPLATES = Path(__file__).parent / "templates.txt"

_FIELD = re.compile(r"\{(\w)\}")
_LETTERS = "BCDFGHJKLMNPRSTVWZ"
_SPLICED = 0.45
_DOUBTFUL = 0.1


class Labelled(NamedTuple):
    """A text and the labels of its parts, as (start, end, label)."""

    text: str
    spans: tuple[tuple[int, int, str], ...]


LABELS = {
    "P": "PERSON", "T": "PERSON", "I": "PERSON", "L": "PERSON", "G": "PERSON", "N": "PERSON", "H": "ORG",
    "C": "PLACE", "A": "PLACE", "Z": "PLACE", "D": "DATE", "M": "ID", "F": "CONTACT", "E": "CONTACT",
}  # fmt: skip

_MONTHS = {
    "en": "January February March April May June July August September October November December".split(),
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre".split(),
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember".split(),
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre".split(),
    "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro".split(),
}
_DATES = {
    "en": (
        "{m}/{d}/{y}",
        "{m:02}/{d:02}/{yy:02}",
        "{B} {d}, {y}",
        "{B} {d}th, {y}",
        "{d} {b} {y}",
        "{y}-{m:02}-{d:02}",
    ),
    "es": ("{d:02}/{m:02}/{y}", "{d} de {B} de {y}", "{d}-{m}-{y}"),
    "de": ("{d:02}.{m:02}.{y}", "{d}. {B} {y}", "{d}.{m}.{yy:02}"),
    "fr": ("{d:02}/{m:02}/{y}", "{d} {B} {y}"),
    "pt": ("{d:02}/{m:02}/{y}", "{d} de {B} de {y}"),
}
_TITLES = {
    "en": ("Dr.", "Dr", "Mr.", "Mrs.", "Ms.", "Prof.", "Doctor", "Nurse"),
    "es": ("Dr.", "Dra.", "D.", "Dña.", "Sr.", "Sra.", "Don", "Doña"),
    "de": ("Dr.", "Herr", "Frau", "Prof. Dr.", "Dr. med.", "Herrn", "Oberarzt"),
    "fr": ("Dr", "Mme", "M.", "Pr", "Docteur", "Monsieur", "Madame"),
    "pt": ("Dr.", "Dra.", "Sr.", "Sra.", "Dona"),
}
_HOSPITALS = {
    "en": (
        "{x} Hospital;{x} Medical Center;St. {g}'s Hospital;{x} Clinic;{x} General Hospital;{x} Health;"
        "{x} Imaging Center;"
        "{x} Cancer Institute;University of {x} Hospital;{c} Clinic;{x} {y} Hospital;{x} clinic;"
        "{x} Radiology Associates;"
        "St. {g} Medical Center;{c} Children's Hospital;{x} Memorial;{x} Urgent Care;{x} Nursing Home;Mount {x};{c} VA;"
        "{c} office;{x} Orthopedics;{x} ED;{x} Healthcare in {c}"
    ).split(";"),
    "es": (
        "Hospital {x};Hospital Universitario {x};Hospital General de {c};Clínica {x};Centro de Salud {x};"
        "Hospital Virgen de {x};Hospital {x} {y};Hospital Universitario {x} {y}"
    ).split(";"),
    "de": (
        "Klinikum {x};{x}-Klinik;Krankenhaus {x};Universitätsklinikum {c};St. {g}-Krankenhaus;Praxis {x};MVZ {x};"
        "Uniklinik {c}"
    ).split(";"),
    "fr": ("CHU de {c};Hôpital {x};Clinique {x};Clinique Saint-{g};Centre Hospitalier de {c};Hôpital Saint-{g}").split(
        ";"
    ),
    "pt": ("Hospital {x};Hospital São {g};Clínica {x};Santa Casa de {c};Hospital Municipal de {c};UBS {x}").split(";"),
}
_STREETS = {
    "en": ("{n} {x} Street", "{n} {x} Ave", "{n} {x} Road Apt {d}", "{n} W {x} Blvd", "{n} {x} Lane", "P.O. Box {n}"),
    "es": (
        "Calle {x}, {d}, {d}º A",
        "Avda. de {x} {d}",
        "Plaza {x}, {d}",
        "C/ {x} {d}",
        "Paseo de {x}, {d} - {d}º Dcha",
    ),
    "de": ("{x}straße {d}", "{x}weg {d}a", "Am {x} {d}", "{x} Allee {d}", "{x}platz {d}"),
    "fr": ("{d} rue de {x}", "{d} avenue {x}", "{d} bis boulevard {x}", "{d} place {x}", "{d} chemin des {x}"),
    "pt": ("Rua {x}, {d}", "Avenida {x} {d}", "Travessa {x}, {d}", "Praça {x} {d}"),
}
_PHONES = {
    "en": ("###-###-####", "(###) ###-####", "###-####", "+1 ### ### ####", "x####"),
    "es": ("9## ## ## ##", "6########", "+34 9## ### ###", "9## ### ###"),
    "de": ("0##/#######", "+49 ### #######", "0####-#####", "0### ######"),
    "fr": ("0# ## ## ## ##", "+33 # ## ## ## ##", "0#.##.##.##.##"),
    "pt": ("(##) 9####-####", "+351 21 ### ####", "## ####-####"),
}
_NUMBERS = (
    "#######", "########", "######", "@@######", "@@-######", "###-##-####", "@@@-######", "#####",
    "@######", "##-#####",
    "######-##", "@@@#########", "####-#####", "@#########", "## ######## ##", "#@#######",
)  # fmt: skip


def read_templates() -> dict[str, list[str]]:
    """Return the templates by language."""
    found: dict[str, list[str]] = {}
    language = ""
    for line in TEMPLATES.read_text(encoding="utf-8").splitlines():
        if re.fullmatch(r"\[\w\w\]", line):
            language = line[1:-1]
        elif line and language:
            found.setdefault(language, []).append(line)
    return found


class Maker:
    """Draws values of nobody.

    Parameters
    ----------
    rng
        What draws.
    towns
        Names of towns.
    """

    def __init__(self, rng: random.Random, towns: list[str]) -> None:
        self._rng = rng
        self._towns = towns
        self._given = sorted(word for word in listed_given() & name_words() if word.isascii() and len(word) > 2)
        self._surnames = sorted(word for word in listed_surnames() & name_words() if word.isascii() and len(word) > 2)
        self._doubtful = sorted(
            word for word in doubtful_words() & (listed_given() | listed_surnames()) if len(word) > 2
        )

    def _name(self, names: list[str]) -> str:
        """Return a listed name, one spliced of two, or an ordinary word that is a name too."""
        rng = self._rng
        draw = rng.random()
        if draw < _SPLICED:
            left, right = rng.choice(names), rng.choice(names)
            name = left[: max(2, len(left) // 2)] + right[len(right) // 2 :]
        elif draw < _SPLICED + _DOUBTFUL:
            name = rng.choice(self._doubtful)
        else:
            name = rng.choice(names)
        return name.capitalize()

    def given(self) -> str:
        """Return a given name."""
        return self._name(self._given)

    def surname(self) -> str:
        """Return a surname, seldom of two."""
        one = self._name(self._surnames)
        draw = self._rng.random()
        if draw < 0.05:
            return f"{one}-{self._name(self._surnames)}"
        if draw < 0.08:
            return f"O'{one}"
        if draw < 0.1:
            return f"van {one}"
        return one

    def person(self, language: str) -> str:
        """Return a full name in one of the ways in which they are written."""
        rng = self._rng
        given, surname = self.given(), self.surname()
        if language in {"es", "pt"} and rng.random() < 0.7:
            surname += " " + self.surname()
        forms = (f"{given} {surname}",) * 5 + (
            f"{surname}, {given}", f"{given} {rng.choice(_LETTERS)}. {surname}", f"{rng.choice(_LETTERS)}. {surname}",
            f"{given} {self.given()} {surname}", f"{surname.upper()}, {given.upper()}", f"{surname} {given}",
        )  # fmt: skip
        return rng.choice(forms)

    def digits(self, form: str) -> str:
        """Return `form` with a digit for each ``#`` and a letter for each ``@``."""
        rng = self._rng
        return "".join(
            rng.choice("0123456789") if char == "#" else rng.choice(_LETTERS) if char == "@" else char for char in form
        )

    def _filled(self, form: str) -> str:
        rng = self._rng
        return form.format(
            x=self._name(self._surnames), y=self._name(self._surnames), g=self.given(), c=rng.choice(self._towns),
            n=rng.randint(1, 9999), d=rng.randint(1, 150),
        )  # fmt: skip

    def date(self, language: str) -> str:
        """Return a date."""
        rng = self._rng
        year, month, day = rng.randint(1930, 2026), rng.randint(1, 12), rng.randint(1, 28)
        name = _MONTHS[language][month - 1]
        return rng.choice(_DATES[language]).format(y=year, yy=year % 100, m=month, d=day, B=name, b=name[:3])

    def values(self, language: str) -> Mapping[str, Callable[[], str]]:
        """Return what draws the value of each field."""
        rng = self._rng
        return {
            "P": lambda: self.person(language),
            "T": lambda: f"{rng.choice(_TITLES[language])} {rng.choice((self.surname(), self.person(language)))}",
            "I": lambda: f"{self.given()} {rng.choice(_LETTERS)}.",
            "L": self.surname,
            "G": self.given,
            "N": lambda: self.digits(rng.choice(("@@", "@@@"))),
            "H": lambda: self._filled(rng.choice(_HOSPITALS[language])),
            "C": lambda: rng.choice(self._towns) if rng.random() < 0.6 else self._name(self._surnames),
            "A": lambda: self._filled(rng.choice(_STREETS[language])),
            "Z": lambda: self.digits("#####"),
            "D": lambda: self.date(language),
            "M": lambda: self.digits(rng.choice(_NUMBERS)),
            "F": lambda: self.digits(rng.choice(_PHONES[language])),
            "E": lambda: f"{self.given().lower()}.{self.surname().lower()}@{self._name(self._surnames).lower()}.org",
        }


def make(count: int, *, seed: int, towns: list[str]) -> list[Labelled]:
    """Return `count` texts of a few lines each; the same for the same seed."""
    rng = random.Random(seed)
    maker = Maker(rng, towns)
    templates = read_templates()
    languages = ["en", "en", "en", "es", "de", "fr", "pt"]
    made = []
    for _ in range(count):
        language = rng.choice(languages)
        lines = rng.sample(templates[language], rng.randint(3, 7))
        joint = rng.choice(("\n", "\n", " "))
        text, spans = "", []
        for line in lines:
            piece, inside = _fill(line, maker.values(language))
            spans += [(len(text) + start, len(text) + end, label) for start, end, label in inside]
            text += piece + joint
        draw = rng.random()
        if draw < 0.08:
            text = text.lower() if len(text.lower()) == len(text) else text
        elif draw < 0.14:
            text = text.upper() if len(text.upper()) == len(text) else text
        made.append(Labelled(text, tuple(spans)))
    return made


def _fill(line: str, values: Mapping[str, Callable[[], str]]) -> tuple[str, list[tuple[int, int, str]]]:
    text, spans, at = "", [], 0
    for match in _FIELD.finditer(line):
        text += line[at : match.start()]
        value = values[match[1]]()
        spans.append((len(text), len(text) + len(value), LABELS[match[1]]))
        text += value
        at = match.end()
    return text + line[at:], spans
