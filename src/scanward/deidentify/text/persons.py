"""Names of persons by what stands beside them: titles, cues, initials, degrees."""

import re
from collections.abc import Iterator

from scanward.deidentify.text.folding import fold
from scanward.deidentify.text.lexicon import core_words, is_clinical, is_name
from scanward.deidentify.text.shapes import Shape
from scanward.deidentify.text.wording import Wording
from scanward.model.identifier import IdentifierKind

_PARTICLE = (
    r"(?:van der|van den|van de|von der|de la|de las|de los|"
    r"van|von|de|der|del|della|di|da|dos|la|le|el|al|bin|ter|ten|zu|zur|mc|st\.)"
)
_NAME_WORD = r"[^\W\d_][^\W\d_'’.]*(?:['’][^\W\d_]+)?(?:-[^\W\d_]+)*\.?"
_NAME = rf"(?P<name>(?:{_PARTICLE}\s)*{_NAME_WORD}(?:(?:,?[ \t]+|,|\^)(?:{_PARTICLE}\s)*{_NAME_WORD}){{0,3}})"

_TITLE = re.compile(
    r"(?<![^\W_])(?P<title>(?:Dr|Drs|DR|Prof|PROF|Mr|Mrs|MRS|Ms|Miss|MISS|Mister|Herrn?|HERRN?|Frau|FRAU|Mme|"
    r"MME|Mlle|Sr|Sra|SRA|Srta|SRTA|"
    r"Dra|DRA|Dott|DOTT|Dott\.ssa|Doctor|DOCTOR|Professor|PROFESSOR|Nurse|NURSE|Sgt|Capt|Rev|Oberarzt|OA|"
    r"Chefarzt|CA)(?P<dot>\.)?|(?:MR|MS|SR)\."
    r"(?P<dot2>))(?:[ \t]*(?:med|phil|habil|rer|nat)\.){0,4}[ \t]+(?:(?:Dr|DR|Prof|med)\.?[ \t]+){0,4}" + _NAME
)
_CUE = re.compile(
    r"(?<![^\W_])(?P<cue>patient'?s?[ _]?name|pat(?:ient)?|pt|name|first name|last name|surname|"
    r"(?:referr(?:ed|al|ing)|order(?:ed|ing)|request(?:ed|ing)|"
    r"perform(?:ed|ing)|report(?:ed|ing)|dictat(?:ed|ing)|sign(?:ed|ing)|transcribed|read(?:ing)?|review(?:ed|"
    r"ing)|attend(?:ed|ing)|verified|scanned|"
    r"acquired|examined|approved|supervis(?:ed|ing)|seen|treated|interpreted|entered|created|edited|typed|"
    r"drawn|planned|contoured)"
    r"(?:[ _](?:by|physicians?|provider|md|doctor|dr|radiologist|from))*|"
    r"ref(?:\.|[ _](?:by|phys(?:ician)?|md|dr))?|req(?:\.|[ _](?:by|md|dr))|perf(?:\.|[ _]by)|tech(?:nologist|"
    r"nician|\.)?|operator|op|radiologist|"
    r"radiographer|sonographer|physician|surgeon|attn|cc|for|by|from|to|mother|father|husband|wife|son|"
    r"daughter|brother|sister|spouse|contact|next of kin|nok|"
    r"mta|mtra|mtr|arzt|ärztin|überweiser|zuweiser|einsender|untersucher|befunder|patientin|nachname|vorname|"
    r"für|von|durch|"
    r"nom|prénom|médecin|prescripteur|pour|par|manip|nombre|apellidos?|paciente|médico|remitido por|"
    r"solicitado por|realizado por|técnico|para|por|"
    r"nome|cognome|paziente|medico|eseguito da|tecnico|per|arts|aanvrager|laborant|voor|door)"
    r"(?P<mark>\s?[:=#]\s?|[ \t]+)" + _NAME,
    re.IGNORECASE,
)
_WEAK_CUES = frozenset(
    "for by from to pat patient pt ref op tech cc für von durch pour par para por per voor door son seen read "
    "reading name nom nome".split()
)
_TITLE_WORDS = frozenset(
    "dr drs prof mr mrs ms miss mister herr herrn frau mme mlle sr sra srta dra dott doctor professor nurse "
    "sgt capt rev oberarzt oa chefarzt ca".split()
)
_CUE_WORDS = frozenset(
    "patient pat pt name first last surname referred referral referring ordered ordering requested requesting "
    "performed performing reported reporting "
    "dictated dictating signed signing transcribed read reading reviewed reviewing attended attending "
    "verified scanned acquired examined approved "
    "supervised supervising seen treated interpreted entered created edited typed drawn planned contoured ref "
    "req perf tech technologist technician operator op "
    "radiologist radiographer sonographer physician surgeon attn cc for by from to mother father husband wife "
    "son daughter brother sister spouse contact next nok "
    "mta mtra mtr arzt ärztin überweiser zuweiser einsender untersucher befunder patientin nachname vorname "
    "für von durch nom prénom médecin prescripteur pour "
    "par manip nombre apellido apellidos paciente médico remitido solicitado realizado técnico para por nome "
    "cognome paziente medico eseguito tecnico per arts "
    "aanvrager laborant voor door".split()
)
_DEGREE_WORDS = frozenset("md m do d phd ph pa rn r rt frcr mbbs dr facr bsn cnmt rdms rdcs".split())
_DEGREE = re.compile(
    r"(?<=[ \t,])(?:M\.?D\.?|D\.?O\.?|Ph\.?D\.?|PA-C|R\.N\.|RN|RT\(R\)|FRCR|MBBS|Dr\.? ?med\.?|FACR|BSN|CNMT|"
    r"RDMS|RDCS)(?![^\W_])"
)
_BEFORE_DEGREE = re.compile(rf"(?P<name>{_NAME_WORD}(?:[ \t]+{_NAME_WORD}){{0,2}}),?[ \t]+$")
_LONGEST_NAME = 60
_INITIAL_FIRST = re.compile(
    rf"(?<![^\W_])(?:[A-ZΑ-ΩА-Я]\.[ -]?){{1,3}}(?:{_PARTICLE}[ ])*(?P<name>[A-ZÀ-ÞΑ-ΩА-Я][^\W\d_]+(?:-[^\W\d_]+)*)"
)
_INITIAL_LAST = re.compile(
    r"(?<![^\W_])(?P<name>[A-ZÀ-ÞΑ-ΩА-Я][^\W\d_'’-]{2,}),?[ ^](?:[A-ZΑ-ΩА-Я]\.?[ ]?){1,2}(?=\.|,|\)|$|\s[A-Z]{2}|[ ;:])"
)
_CASE = re.compile(r"[ \t,^]+")


def find_titled(wording: Wording) -> Iterator[Shape]:
    """Yield names behind a title, with the title."""
    for match in wording.matches(_TITLE, _TITLE_WORDS):
        dotted = match["dot"] or match["dot2"] is not None or not match["title"].isupper()
        end = _name_end(match, strict=not dotted)
        if end is not None:
            yield Shape(match.start(), end, IdentifierKind.PERSON_NAME)


def find_persons(wording: Wording) -> Iterator[Shape]:
    """Yield names that a title, a cue, an initial or a degree beside them makes names of.

    Names without any of these are found word by word (:mod:`scanward.deidentify.text.words`).
    """
    text = wording.text
    yield from find_titled(wording)
    for match in wording.matches(_CUE, _CUE_WORDS):
        weak = match["cue"].lower() in _WEAK_CUES and not match["mark"].strip()
        end = _name_end(match, strict=True, weak=weak)
        if end is not None:
            yield Shape(match.start("name"), end, IdentifierKind.PERSON_NAME)
    for match in wording.matches(_DEGREE, _DEGREE_WORDS):
        yield from _before_degree(text, match)
    before = -1
    for start, word in wording.words:
        if len(word) == 1 and text[start].isupper():
            first = _INITIAL_FIRST.match(text, start)
            if first is not None and _is_no_term(first["name"]):
                yield Shape(*first.span(), IdentifierKind.PERSON_NAME)
            last = _INITIAL_LAST.match(text, before) if before >= 0 else None
            if last is not None and _is_before_initial(last["name"]):
                yield Shape(*last.span(), IdentifierKind.PERSON_NAME)
        before = start


def _is_before_initial(word: str) -> bool:
    return is_name(fold(word)) or (not word.isupper() and _is_no_term(word))


def _is_no_term(word: str) -> bool:
    folded = fold(word)
    return is_name(folded) or not is_clinical(folded)


def _name_end(match: re.Match[str], *, strict: bool, weak: bool = False) -> int | None:
    """Return where the name ends that `match` begins, or None when what follows is no name.

    Strict keeps every clinical word; otherwise the first word after a title, and after initials behind it, is a name
    whatever it is. After a weak cue (``for``) only a word that is capitalised, or a listed name, begins a name.
    """
    end = alone = None
    offset = match.start("name")
    initials = 0
    for number, piece in enumerate(_pieces(match["name"])):
        word = piece[1].strip(".")
        folded = fold(word)
        if folded in _PARTICLES:
            continue
        if end is not None and _DEGREE.match(match.string, offset + piece[0]):
            break
        capital = word[:1].isupper()
        if not strict and number == initials and capital and len(word) == 1:
            initials += 1
            if folded not in core_words():
                alone = offset + piece[0] + 1
            continue
        clinical = is_clinical(folded) and not is_name(folded)
        if number == initials and not strict:
            is_code = word.isupper() and len(word) <= 3 and folded in core_words()
            accepted = capital and not is_code and folded not in _FORM_WORDS
        elif weak or number > 1:
            accepted = not clinical and (is_name(folded) or (capital and (len(word) > 1 or end is not None)))
        else:
            accepted = not clinical and (capital or not weak)
        if not accepted or (word.isupper() and len(word) <= 3 and not is_name(folded) and len(word) > 1):
            break
        end = offset + piece[0] + len(piece[1].rstrip("."))
    return alone if end is None else end


_FORM_WORDS = frozenset(
    "name names id ids notes note information info unique visit visits practitioner summary signature office number "
    "details comments instructions".split()
)
"""What follows a title in headings and forms (Doctor Notes, Nurse Name), and is nobody's name there."""

_PARTICLES = frozenset("van von de der den del della di da dos la le las los el al bin ter ten zu zur mc st".split())


def _pieces(name: str) -> list[tuple[int, str]]:
    found, at = [], 0
    for piece in _CASE.split(name):
        start = name.index(piece, at)
        at = start + len(piece)
        if piece:
            found.append((start, piece))
    return found


def _before_degree(text: str, degree: re.Match[str]) -> Iterator[Shape]:
    """Yield the name before a degree, as far back as no clinical word stands."""
    match = _BEFORE_DEGREE.search(text, max(0, degree.start() - _LONGEST_NAME), degree.start())
    start = degree.end()
    for place, piece in reversed(_pieces(match["name"])) if match else ():
        folded = fold(piece.strip("."))
        term = folded in core_words() or (is_clinical(folded) and not is_name(folded))
        if not piece[:1].isupper() or (len(folded) > 2 and term):
            break
        start = (match.start("name") if match else 0) + place
    if start < degree.end():
        yield Shape(start, degree.end(), IdentifierKind.PERSON_NAME)
