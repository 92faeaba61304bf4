"""Radiology reports of made-up people: every identifier in them is known, because it was put there.

The styles differ in how reports are laid out and where they name people. Those of `HELD` were written when patterns and
recogniser were done, with names of their own; neither they nor any sentence of them is among the templates that the
recogniser is trained on (``tools/recogniser``).
"""

import random
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from .corpora import Document, Gold  # noqa: TID252 - tests and scripts know this package by two names

_FIELD = re.compile(r"\{(\w+)\}")


def _read_people() -> dict[str, dict[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = {}
    text = (Path(__file__).parent / "people.txt").read_text(encoding="utf-8")
    for match in re.finditer(r"^\[(\w\w) (\w+)\]\n([^\[]*)", text, re.MULTILINE):
        found.setdefault(match[2], {})[match[1]] = " ".join(match[3].split()).split("; ")
    return found


_PEOPLE = _read_people()
MONTHS = {
    "en": "January February March April May June July August September October November December".split(),
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre".split(),
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember".split(),
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre".split(),
    "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro".split(),
}
PHONES = {
    "en": ("{d3}-555-{d4}", "({d3}) 555-{d4}", "555-{d4}", "+1 {d3} 555 {d4}", "020 7946 0{d3}"),
    "es": ("+34 91 555 {d2} {d2}", "6{d2} {d3} {d3}", "91{d7}"),
    "de": ("0{d3}/{d7}", "+49 {d3} {d7}", "0{d4}-{d5}"),
    "fr": ("0{d1} {d2} {d2} {d2} {d2}", "+33 {d1} {d2} {d2} {d2} {d2}", "0{d1}.{d2}.{d2}.{d2}.{d2}"),
    "pt": ("(11) 9{d4}-{d4}", "+351 21 {d3} {d4}", "+55 11 9{d4}-{d4}"),
}

BODIES = {
    "en": (
        "Lungs are clear. No pleural effusion or pneumothorax. Heart size is normal.",
        "There is a 12 mm nodule in the right upper lobe (series 4, image 112), previously 9 mm. No adenopathy.",
        "Left Baker cyst measuring 3.4 x 1.2 cm. Mild chondromalacia patellae. The ACL and PCL are intact.",
        "Gleason 3+4 disease in the left mid gland, PI-RADS 4. No extraprostatic extension.",
        "LA enlargement with a left atrial volume index of 42 ml/m2. LVEF 55%. No regional wall motion abnormality.",
        "Hill-Sachs deformity and bony Bankart lesion. Rotator cuff is intact. AC joint arthrosis.",
        "Chiari I malformation with 9 mm tonsillar descent. No syrinx. Schmorl nodes at T11-T12.",
        "Foley catheter in place. Swan-Ganz catheter tip in the right pulmonary artery. ET tube 4 cm above the carina.",
    ),
    "es": (
        "No se observan lesiones focales hepáticas. Vesícula biliar sin litiasis. Riñones de tamaño normal.",
        "Nódulo de 8 mm en lóbulo superior derecho. Sin derrame pleural. Quiste de Baker de 3 cm.",
    ),
    "de": (
        "Kein Nachweis einer frischen Ischämie. Mittellinie nicht verlagert. Baker-Zyste links 3 cm.",
        "Herz nicht vergrößert, keine Stauung, kein Erguss. Kein Pneumothorax. Colles-Fraktur rechts.",
    ),
    "fr": (
        "Pas de lésion focale hépatique. Vésicule alithiasique. Kyste de Baker de 3 cm à gauche.",
        "Absence d'épanchement pleural. Nodule de 6 mm du lobe moyen. Maladie de Hodgkin connue.",
    ),
    "pt": (
        "Fígado de dimensões normais, sem lesões focais. Vesícula sem cálculos. Cisto de Baker à esquerda.",
        "Nódulo de 7 mm no lobo inferior direito. Sem derrame pleural. Hérnia de Bochdalek pequena.",
    ),
}
"""What stands between, where the caller brings nothing better: findings without identifiers."""


_TELLING = {
    "es": {"los", "las", "sin", "del", "hígado", "tras", "se"},
    "de": {"der", "die", "kein", "keine", "und", "mit", "des"},
    "fr": {"le", "les", "pas", "avec", "et", "du", "sans"},
    "pt": {"não", "há", "sem", "com", "do", "na", "da", "dimensões"},
    "en": {"the", "is", "of", "no", "and", "in", "with", "are"},
}


def by_language(texts: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Sort findings by their language, told by small words."""
    found: dict[str, list[str]] = {}
    for text in texts:
        words = re.findall(r"[^\W\d_]+", text.lower())
        language = max(_TELLING, key=lambda one: sum(word in _TELLING[one] for word in words))
        found.setdefault(language, []).append(text)
    return {language: tuple(some) for language, some in found.items()}


@dataclass(frozen=True, kw_only=True)
class Style:
    """How a report is laid out.

    Attributes
    ----------
    name, language
        Which it is.
    templates
        Texts with fields; ``{body}`` is findings.
    """

    name: str
    language: str
    templates: tuple[str, ...]

    @property
    def is_held(self) -> bool:
        """Whether it was kept from whom made patterns and recogniser."""
        return self.name.startswith("held")


def _read_styles() -> tuple[Style, ...]:
    styles = []
    text = (Path(__file__).parent / "styles.txt").read_text(encoding="utf-8")
    for match in re.finditer(r"^\[(\w\w) (.+)\]\n((?:(?!^\[\w\w ).*\n?)*)", text, re.MULTILINE):
        templates = tuple(one.strip("\n") + "\n" for one in re.split(r"^---$", match[3], flags=re.MULTILINE))
        styles.append(Style(name=match[2], language=match[1], templates=templates))
    return tuple(styles)


STYLES = tuple(style for style in _read_styles() if not style.is_held)
"""Styles like those that patterns were written for."""

HELD = tuple(style for style in _read_styles() if style.is_held)
"""Styles, with names of their own, on which nothing was trained; see ``styles.txt`` on what the first look found."""

_TITLES = {
    "en": (("Mrs.", "Mr.", "Ms."), ("Dr.", "Dr", "Prof.")),
    "es": (("D.", "Dña.", "Sra."), ("Dr.", "Dra.")),
    "de": (("Frau", "Herrn", "Herr"), ("Dr.", "Prof. Dr.", "Dr. med.")),
    "fr": (("Mme", "M.", "Monsieur"), ("Dr", "Pr", "Docteur")),
    "pt": (("Sra.", "Sr.", "D."), ("Dr.", "Dra.")),
}


class _Person:
    """Draws values for one report; what is asked twice of the patient is the same."""

    def __init__(self, rng: random.Random, style: Style) -> None:
        self.rng, self.language = rng, style.language
        self._held = "_held" if style.is_held else ""
        self.given, self.surname = self._given(), self._surname()
        self.mrn = self._digits(rng.choice(("{d7}", "{d8}", "00{d6}", "{l2}{d6}", "{d3}-{d2}-{d4}", "{d6}-{d2}")))

    def _one_of(self, table: str) -> str:
        return self.rng.choice(_PEOPLE[table + self._held][self.language])

    def _given(self) -> str:
        return self._one_of("given")

    def _surname(self) -> str:
        one = self._one_of("surnames")
        if self.language in {"es", "pt"} and self.rng.random() < 0.6:
            one += " " + self._one_of("surnames")
        return one

    def _digits(self, form: str) -> str:
        def drawn(match: re.Match[str]) -> str:
            kind, size = match[1][0], int(match[1][1:])
            letters = "0123456789" if kind == "d" else "BCDFGHJKLMNPRSTVWXYZ"
            return "".join(self.rng.choice(letters) for _ in range(size))

        return re.sub(r"\{([dl]\d)\}", drawn, form)

    def _day(self) -> tuple[int, int, int]:
        return self.rng.randint(2001, 2024), self.rng.randint(1, 12), self.rng.randint(1, 28)

    def date(self) -> str:
        """Return a date in one of the notations of the language."""
        year, month, day = self._day()
        name = MONTHS[self.language][month - 1]
        forms = {
            "en": (
                f"{month}/{day}/{year}",
                f"{month:02d}/{day:02d}/{year % 100:02d}",
                f"{name} {day}, {year}",
                f"{day} {name[:3]} {year}",
                f"{year}-{month:02d}-{day:02d}",
                f"{name} {day}",
                f"{day:02d}-{name[:3].upper()}-{year}",
            ),
            "es": (f"{day:02d}/{month:02d}/{year}", f"{day} de {name} de {year}", f"{day}-{month}-{year}"),
            "de": (f"{day:02d}.{month:02d}.{year}", f"{day}. {name} {year}", f"{day}.{month}.{year % 100:02d}"),
            "fr": (f"{day:02d}/{month:02d}/{year}", f"{day} {name} {year}"),
            "pt": (f"{day:02d}/{month:02d}/{year}", f"{day} de {name} de {year}"),
        }
        return self.rng.choice(forms[self.language])

    def values(self) -> Mapping[str, Callable[[], str]]:
        """Return what draws a value, by the name of the field."""
        rng, language, digits = self.rng, self.language, self._digits
        titles, doctors = _TITLES[language]
        return {
            "NAME": lambda: f"{self.given} {self.surname}",
            "NAME2": lambda: f"{self.surname}, {self.given}",
            "NAME3": lambda: f"{self.surname.upper()} {self.given.upper()}",
            "TNAME": lambda: f"{rng.choice(titles)} {rng.choice((self.surname, self.given + ' ' + self.surname))}",
            "SURTITLE": lambda: f"{titles[0]} {self.surname}",
            "SURNAME": lambda: self.surname,
            "GIVEN": self._given,
            "DOC": lambda: f"{self._given()} {self._surname()}",
            "TDOC": lambda: f"{rng.choice(doctors)} {rng.choice(('', self._given() + ' '))}{self._surname()}",
            "SURDOC": self._surname,
            "INITIALS": lambda: digits("{l2}"),
            "MRN": lambda: self.mrn,
            "ACC": lambda: digits(rng.choice(("A{d8}", "{d8}", "CT{d2}-{d6}", "{d4}-{d5}"))),
            "ID": lambda: digits(rng.choice(("{l3}{d9}", "{d9}", "{l2}-{d6}"))),
            "NPI": lambda: digits("1{d9}"),
            "SERIAL": lambda: digits(rng.choice(("{d5}", "{l2}{d6}", "{d4}-{l2}-{d3}"))),
            "PLATE": lambda: digits(rng.choice(("{l3} {d4}", "{l3}-{d3}", "{d1}{l3}{d3}"))),
            "PAGER": lambda: digits(rng.choice(("{d5}", "{d4}"))),
            "DOB": self.date,
            "DATE": self.date,
            "PHONE": lambda: digits(rng.choice(PHONES[language])),
            "EMAIL": lambda: (
                f"{self._given()[0].lower()}.{self._surname().split()[0].lower()}@clinic-{digits('{d2}')}.org"
            ),
            "STREET": lambda: self._one_of("streets"),
            "CITY": lambda: self._one_of("cities"),
            "ZIP": lambda: digits("{d5}"),
            "STZIP": lambda: rng.choice(("PA", "IA", "CO", "NY")) + " " + digits("{d5}"),
            "HOSPITAL": lambda: self._one_of("hospitals"),
            "AGE90": lambda: str(rng.randint(90, 104)),
        }


def make(
    styles: tuple[Style, ...], count: int, *, seed: int, bodies: Mapping[str, tuple[str, ...]] | None = None
) -> list[Document]:
    """Return `count` reports of each of `styles`; the same for the same seed.

    Parameters
    ----------
    styles
        How they are laid out.
    count
        How many of each.
    seed
        Of the draws.
    bodies
        Findings by language; where there are none, `BODIES`.
    """
    rng = random.Random(seed)
    made = []
    for style in styles:
        findings = (bodies or {}).get(style.language) or BODIES[style.language]
        for number in range(count):
            template = style.templates[number % len(style.templates)]
            made.append(_filled(f"{style.name} {number}", template, _Person(rng, style), findings, rng))
    return made


def _filled(name: str, template: str, person: _Person, findings: tuple[str, ...], rng: random.Random) -> Document:
    values = person.values()
    pieces: list[str] = []
    gold: list[Gold] = []
    at = size = 0
    for match in _FIELD.finditer(template):
        before = template[at : match.start()]
        value = rng.choice(findings) if match[1] == "body" else values[match[1]]()
        size += len(before)
        if match[1] != "body":
            gold.append(Gold(size, size + len(value), match[1]))
        size += len(value)
        pieces += [before, value]
        at = match.end()
    return Document(name, "".join(pieces) + template[at:], tuple(gold))


def label_of(gold: Gold) -> str:
    """Return the kind of a planted field."""
    return re.sub(r"\d$", "", gold.label)
