"""Radiology reports of made-up people: every identifier in them is known, because it was put there.

The styles differ in how reports are laid out and where they name people. Two of them, `HELD`, were written after the
patterns were, with names of their own; neither they nor any sentence of them is among the templates that the
recogniser is trained on (``tools/recogniser``).
"""

import random
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from text.corpora import Document, Gold

_FIELD = re.compile(r"\{(\w+)\}")

GIVEN = {
    "en": "Margaret Devon Alice Thaddeus Imogen Kwame Priya Ross Beatrix Omar Leona Tobias Sunniva Grace Eamon Mark "
    "Xiomara Delphine Jasper Wren Anneliese Ravi Bo Holly Isolde Ngozi Siobhan Kelvin April Rosalind".split(),
    "es": "Marisol Íñigo Candela Joaquín Rocío Ximena Aitor Begoña Nuria Casimiro Lucía Ander Yolanda Gumersindo".split(),
    "de": "Hannelore Jürgen Wiebke Ottmar Käthe Torsten Friederike Uwe Ingeborg Malte Dörte Sieglinde Björn Anke".split(),
    "fr": "Maëlle Thibault Geneviève Loïc Océane Bastien Solène Hervé Ghislaine Anaïs Corentin Mireille Yannick".split(),
    "pt": "Conceição Thiago Iracema Anselmo Luzia Caetano Beatriz Odair Joana Vitória Edivaldo Marlene Rui".split(),
}
SURNAMES = {
    "en": "Whitcombe Nakamura Okonkwo Fairbrother Delgado Pemberley Zhao Ashworth O'Driscoll Baptiste Lindqvist Long "
    "Varga Abernathy Mensah St. Clair Haverford Tran Cartwright Winterbourne Young Kowalczyk Ramanathan McAllister Bell "
    "Thistlewood Van Houten Gupta Brackenridge Underhill Ferrante Price".replace("St. Clair", "St._Clair")
    .replace("Van Houten", "Van_Houten")
    .split(),
    "es": "Arizmendi Quiroga Zubizarreta Palomares Echeverría Cifuentes Barrenechea Olmedo Ybarra Sotomayor Lizarraga "
    "Monforte Urdiales Villaseñor".split(),
    "de": "Brinkmann Möllendorf Achterberg Schnieders Küppersbusch Wallenstein Hagedorn Oelrichs Strathmann Pfannkuch "
    "Grünwald Terborg Kalthoff Rüsing".split(),
    "fr": "Delacroix Beaumarchais Lefrançois Quénard Montreuil Vauquelin Castaing Pelletreau Guérin Saint-Amand "
    "Desjardins Kerbrat Lhermitte Bonnaud".split(),
    "pt": "Figueiredo Vasconcelos Brandão Queiroz Assunção Tavares Bittencourt Magalhães Carvalhal Lacerda Nogueira "
    "Portela Quintanilha Sarmento".split(),
}
CITIES = {
    "en": "Dunmore,Cedar Rapids,Albany,Fort Collins,Leicester,Scranton,Galway,Wichita,Eau Claire,Baton Rouge,Tacoma,"
    "Duluth,Brighton,Halifax".split(","),
    "es": "Albacete,Cuenca,Getafe,Reus,Logroño,Badajoz,Mérida,Alcalá de Henares,Cali,Rosario".split(","),
    "de": "Oldenburg,Göttingen,Bad Tölz,Passau,Kiel,Wuppertal,Graz,Winterthur,Cottbus,Fulda".split(","),
    "fr": "Quimper,Angers,Saint-Étienne,Nîmes,Colmar,Pau,Limoges,Namur,Lausanne,Dunkerque".split(","),
    "pt": "Coimbra,Aveiro,Uberlândia,Londrina,Santarém,Braga,Niterói,Sorocaba,Évora,Maceió".split(","),
}
HOSPITALS = {
    "en": "St. Brendan's Hospital;Marlowe Medical Center;Ridgefield Community Hospital;Harbor View Clinic;Tennyson "
    "Imaging Center;Royal Wexcombe Infirmary;Larkspur Health Center;Children's Hospital of Northfield".split(";"),
    "es": "Hospital Universitario Puerta Nueva;Clínica Santa Águeda;Hospital General de Valdelamar;Centro de Salud Los "
    "Almendros;Hospital Comarcal de Vinaroz".split(";"),
    "de": "Klinikum Oberfeld;St. Josefs-Krankenhaus Rheine;Universitätsklinikum Marburg;Radiologische Praxis am Markt;"
    "Kreiskrankenhaus Lüchow".split(";"),
    "fr": "CHU de Poitiers;Hôpital Saint-Luc;Clinique des Tilleuls;Centre Hospitalier de Montluçon;Hôpital Lariboisière".split(
        ";"
    ),
    "pt": "Hospital São Bento;Hospital Distrital de Tomar;Clínica Boa Esperança;Santa Casa de Ourinhos;Hospital da "
    "Luz Sul".split(";"),
}
STREETS = {
    "en": "48 Larkfield Road;1207 W Orchard Street;9 Priory Close, Flat 2;5518 Juniper Ave Apt 12;PO Box 4471".split(
        ";"
    ),
    "es": "Calle del Olmo, 14, 2º B;Avda. de la Constitución 120;Plaza de los Fueros, 3;C/ Mayor 7, 1º Dcha;Paseo de "
    "Ronda, 88".split(";"),
    "de": "Lindenstraße 17;Am Alten Markt 4a;Goethestr. 112;Kastanienallee 9;Bergweg 33".split(";"),
    "fr": "12 rue des Lilas;8 bis avenue de Verdun;144 boulevard Voltaire;3 place de la Mairie;27 chemin du Moulin".split(
        ";"
    ),
    "pt": "Rua das Flores, 210;Avenida Paulista 1450;Travessa do Carmo, 8;Rua 25 de Abril, 31;Praça da República 6".split(
        ";"
    ),
}
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


STYLES = (
    Style(
        name="fields",
        language="en",
        templates=(
            "PATIENT NAME: {NAME}\nMRN: {MRN}\nDOB: {DOB}\nACCESSION: {ACC}\nEXAM DATE: {DATE}\nREFERRING PHYSICIAN: "
            "{TDOC}\n\nFINDINGS:\n{body}\n\nIMPRESSION: No acute abnormality.\n\nElectronically signed by {DOC}, MD on "
            "{DATE} at 14:32.\n",
            "Name: {NAME2}   Sex: F   Age: 47\nAddress: {STREET}, {CITY}, {STZIP}\nHome phone: {PHONE}\nInsurance ID: "
            "{ID}\nOrdering provider: {DOC} MD (NPI {NPI})\n\nHISTORY: Pain.\nFINDINGS: {body}\nDictated by: {DOC}\n"
            "Transcribed: {DATE} by {INITIALS}\n",
        ),
    ),
    Style(
        name="letter",
        language="en",
        templates=(
            "Dear {TDOC},\n\nThank you for referring {TNAME}, whom I saw on {DATE} at {HOSPITAL}. {body} {SURTITLE} lives in "
            "{CITY} with a daughter, {GIVEN}, who can be reached at {PHONE}.\n\nYours sincerely,\n{DOC}, FRCR\n",
            "RE: {NAME}, DOB {DOB}, MRN {MRN}\n\nI had the pleasure of seeing {TNAME} in clinic. {body}\nCopy to: {TDOC}, "
            "{HOSPITAL}, {STREET}, {CITY}\nEmail: {EMAIL}\n",
        ),
    ),
    Style(
        name="running",
        language="en",
        templates=(
            "TECHNIQUE: CT of the chest. COMPARISON: CT from {HOSPITAL} dated {DATE}. {body} These results were called to "
            "{TDOC} by {TDOC} on {DATE} at 3:45 pm. Patient {NAME} (MRN {MRN}) was informed.",
            "{body} The patient, {NAME}, a {AGE90}-year-old woman, was transferred from {HOSPITAL} on {DATE}. Results discussed with "
            "{DOC}, NP, pager {PAGER}. Images sent to {EMAIL}. Scanner serial number {SERIAL}.",
        ),
    ),
    Style(
        name="informe",
        language="es",
        templates=(
            "Paciente: {NAME}\nNHC: {MRN}\nFecha de nacimiento: {DOB}\nDomicilio: {STREET}, {CITY}\nMédico solicitante: "
            "{TDOC}\n\nHALLAZGOS: {body}\n\nFdo.: {DOC}\n{HOSPITAL}, {DATE}\n",
        ),
    ),
    Style(
        name="Befund",
        language="de",
        templates=(
            "Patient: {NAME2}, geb. {DOB}\nFall-Nr.: {MRN}\nAnschrift: {STREET}, {ZIP} {CITY}\n\nSehr geehrte Frau Kollegin "
            "{SURDOC},\n\nvielen Dank für die Überweisung von {TNAME}. Befund vom {DATE}: {body}\n\nMit freundlichen "
            "kollegialen Grüßen\n{TDOC}\n{HOSPITAL}, Tel. {PHONE}\n",
        ),
    ),
    Style(
        name="compte rendu",
        language="fr",
        templates=(
            "Patient : {TNAME}, né(e) le {DOB}\nIPP : {MRN}\nMédecin prescripteur : {TDOC}\n\nRésultats : {body}\n\n"
            "Demeurant {STREET}, {ZIP} {CITY}. Tél. : {PHONE}\n{HOSPITAL}, le {DATE}\n{TDOC}\n",
        ),
    ),
    Style(
        name="laudo",
        language="pt",
        templates=(
            "Paciente: {NAME}\nData de nascimento: {DOB}\nProntuário: {MRN}\nMédico solicitante: {TDOC}\n\nAchados: {body}\n\n"
            "Endereço: {STREET}, {CITY}. Telefone: {PHONE}\n{HOSPITAL}, {DATE}\nDr(a). {DOC}\n",
        ),
    ),
)
"""Styles like those that patterns were written for."""

HELD = (
    Style(
        name="held: dictated",
        language="en",
        templates=(
            "this is a follow up study on {NAME} medical record number {MRN} who was last here {DATE}. {body} i spoke with "
            "{TDOC} about this just now, and the family, {GIVEN} and {GIVEN}, will drive up from {CITY} tomorrow. dictated "
            "by {DOC}.",
            "{NAME}'s wife {GIVEN} phoned from {PHONE}. {body} Compared with the outside films of {DATE} that "
            "{HOSPITAL} sent over. Reviewed together with {DOC} and {DOC}. Please page {TDOC} (beeper {PAGER}) with "
            "questions about {SURNAME}.",
        ),
    ),
    Style(
        name="held: tabular",
        language="en",
        templates=(
            "| Pt | {NAME3} | {MRN} | b. {DOB} |\n| Req | {DOC} | {HOSPITAL} | {PHONE} |\n| Acq | {DATE} | Tech {GIVEN} | "
            "S/N {SERIAL} |\n\n{body}\n\n-- {DOC} / {INITIALS} / {DATE}\n",
            "<<{NAME2}>> <<{MRN}>> <<{DOB}>>\nExamination performed {DATE}; clinical contact {DOC} ({EMAIL}).\n{body}\nAddendum "
            "{DATE}: discussed w/ {TDOC}; pt resides at {STREET}, {CITY}. License plate {PLATE} noted for parking.\n",
        ),
    ),
    Style(
        name="held: nota",
        language="es",
        templates=(
            "Se trata de {NAME}, remitida desde {HOSPITAL} por {TDOC} el {DATE}. {body} Contactar con su hija {GIVEN} en el "
            "{PHONE}. Vive en {CITY}. Informado por {DOC}, nº de colegiado {ID}.",
        ),
    ),
    Style(
        name="held: Kurzbrief",
        language="de",
        templates=(
            "Über {TNAME} (*{DOB}), wohnhaft {STREET} in {CITY}: {body} Rücksprache mit Oberarzt {SURDOC} am {DATE} erfolgt; "
            "die Tochter {GIVEN} ist unter {PHONE} erreichbar. gez. {DOC}",
        ),
    ),
    Style(
        name="held: note",
        language="fr",
        templates=(
            "Vu ce jour {TNAME} (dossier {MRN}), adressée par {TDOC} de {HOSPITAL}. {body} Contact : sa fille {GIVEN}, {PHONE}. "
            "Relu le {DATE} par {DOC}.",
        ),
    ),
    Style(
        name="held: nota pt",
        language="pt",
        templates=(
            "Trata-se de {NAME}, residente em {CITY}, encaminhada por {TDOC} ({HOSPITAL}) em {DATE}. {body} Contato com a filha "
            "{GIVEN}: {PHONE}. Liberado por {DOC}.",
        ),
    ),
)
"""Styles that neither patterns nor the recogniser were made with."""

_TITLES = {
    "en": (("Mrs.", "Mr.", "Ms."), ("Dr.", "Dr", "Prof.")),
    "es": (("D.", "Dña.", "Sra."), ("Dr.", "Dra.")),
    "de": (("Frau", "Herrn", "Herr"), ("Dr.", "Prof. Dr.", "Dr. med.")),
    "fr": (("Mme", "M.", "Monsieur"), ("Dr", "Pr", "Docteur")),
    "pt": (("Sra.", "Sr.", "D."), ("Dr.", "Dra.")),
}


class _Person:
    """Draws values for one report; what is asked twice of the patient is the same."""

    def __init__(self, rng: random.Random, language: str) -> None:
        self.rng, self.language = rng, language
        self.given, self.surname = self._given(), self._surname()
        self.mrn = self._digits(rng.choice(("{d7}", "{d8}", "00{d6}", "{l2}{d6}", "{d3}-{d2}-{d4}", "{d6}-{d2}")))

    def _given(self) -> str:
        return self.rng.choice(GIVEN[self.language])

    def _surname(self) -> str:
        one = self.rng.choice(SURNAMES[self.language]).replace("_", " ")
        if self.language in {"es", "pt"} and self.rng.random() < 0.6:
            one += " " + self.rng.choice(SURNAMES[self.language])
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
            "STREET": lambda: rng.choice(STREETS[language]),
            "CITY": lambda: rng.choice(CITIES[language]),
            "ZIP": lambda: digits("{d5}"),
            "STZIP": lambda: rng.choice(("PA", "IA", "CO", "NY")) + " " + digits("{d5}"),
            "HOSPITAL": lambda: rng.choice(HOSPITALS[language]),
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
            made.append(_filled(f"{style.name} {number}", template, _Person(rng, style.language), findings, rng))
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
