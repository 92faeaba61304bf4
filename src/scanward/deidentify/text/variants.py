"""All notations in which an identifier could reappear, each with how far it may be looked for."""

import re
from collections.abc import Iterator
from functools import lru_cache

from scanward.deidentify.text import encodings, names, numbers, places
from scanward.deidentify.text.notation import Encoded, Notation
from scanward.model.identifier import Identifier, IdentifierKind

NAME_KINDS = frozenset({IdentifierKind.PATIENT_NAME, IdentifierKind.PERSON_NAME})
"""Kinds whose value is a PN."""

DATE_KINDS = frozenset({IdentifierKind.BIRTH_DATE, IdentifierKind.DATE})
"""Kinds whose value is a date."""

ID_KINDS = frozenset(
    {IdentifierKind.PATIENT_ID, IdentifierKind.ACCESSION, IdentifierKind.OTHER_ID, IdentifierKind.DEVICE}
)
"""Kinds whose value is a number or code of somebody's."""

_WRAPPED_KINDS = frozenset({IdentifierKind.PATIENT_ID, IdentifierKind.ACCESSION, IdentifierKind.BIRTH_DATE})
_SHORTEST_NUMBER = 5

_NOTATIONS = {
    IdentifierKind.PATIENT_NAME: names.name_notations,
    IdentifierKind.PERSON_NAME: names.name_notations,
    IdentifierKind.PATIENT_ID: numbers.id_notations,
    IdentifierKind.ACCESSION: numbers.id_notations,
    IdentifierKind.OTHER_ID: numbers.id_notations,
    IdentifierKind.DEVICE: numbers.id_notations,
    IdentifierKind.BIRTH_DATE: numbers.date_notations,
    IdentifierKind.DATE: numbers.date_notations,
    IdentifierKind.PHONE: numbers.phone_notations,
    IdentifierKind.UID: numbers.uid_notations,
    IdentifierKind.ADDRESS: places.address_notations,
    IdentifierKind.INSTITUTION: places.institution_notations,
    IdentifierKind.EMAIL: places.email_notations,
}


@lru_cache(maxsize=1 << 12)
def notations(identifier: Identifier) -> tuple[Notation, ...]:
    """Return the notations of `identifier` that are text; none when its value is a placeholder or says nothing."""
    return tuple(dict.fromkeys(_NOTATIONS[identifier.kind](identifier.kind, identifier.value)))


@lru_cache(maxsize=1 << 12)
def encoded(identifier: Identifier) -> tuple[Encoded, ...]:
    """Return the notations of `identifier` that are other bytes than ASCII text."""
    return tuple(dict.fromkeys(_encoded(identifier.kind, identifier.value)))


def _encoded(kind: IdentifierKind, value: str) -> Iterator[Encoded]:
    if kind in NAME_KINDS:
        yield from encodings.wrapped_names(kind, value)
        if not value.isascii():
            yield from encodings.encoded_words(kind, _name_words(value))
    elif kind in _WRAPPED_KINDS and notations(Identifier(kind, value)):
        yield from encodings.wrapped_text(kind, value.strip())
    if kind not in NAME_KINDS and not value.isascii():
        words = [word for word in re.findall(r"[^\W\d_]+", value) if len(word) > 1]
        yield from encodings.encoded_words(kind, words)


def _name_words(value: str) -> Iterator[str]:
    """Yield what of a PN is looked for beyond ASCII: words of two characters or more, and both names together."""
    for name in names.parse_person_names(value):
        yield from (word for word in name.words if len(word) > 1)
        family, given = "".join(name.family), "".join(name.given)
        if names.is_spaceless(family + given):
            yield family + given
            yield f"{family} {given}"
            yield f"{family}^{given}"


def numbers_alone(identifier: Identifier) -> Iterator[str]:
    """Yield the numbers that, as the whole value of a numeric Attribute, would be `identifier` itself."""
    if identifier.kind in ID_KINDS or identifier.kind is IdentifierKind.BIRTH_DATE:
        value = identifier.value.strip()
        if value.isdigit() and value.isascii():
            bare = value.lstrip("0")
            if len(bare) >= _SHORTEST_NUMBER:
                yield bare
