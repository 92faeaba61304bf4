"""Identifiers of anybody by their shape: dates, contacts, IDs, addresses, institutions, persons beside a cue."""

from collections.abc import Collection
from datetime import date

from scanward.deidentify.text.addresses import find_addresses, find_institutions
from scanward.deidentify.text.persons import find_persons
from scanward.deidentify.text.shapes import Shape, find_contacts, find_ids, kept_uids
from scanward.deidentify.text.wording import Wording
from scanward.deidentify.text.written_dates import find_dates
from scanward.model.identifier import IdentifierKind

__all__ = ["Shape", "find_dates", "find_patterns"]


def find_patterns(
    text: str, *, known_days: Collection[date] = (), dates: bool = True, institutions: bool = True
) -> list[Shape]:
    """Return what looks like an identifier in `text`; spans may overlap.

    Parameters
    ----------
    text
        What is searched.
    known_days
        Dates of the study, which decide between two readings of a date.
    dates, institutions
        Whether dates and names of institutions are looked for.
    """
    wording = Wording(text)
    found: list[Shape] = []
    if dates:
        found += (Shape(item.start, item.end, IdentifierKind.DATE) for item in find_dates(wording, known_days))
    found += find_contacts(wording)
    found += find_ids(wording)
    found += find_addresses(wording)
    found += find_persons(wording)
    if institutions:
        found += find_institutions(wording)
    kept = kept_uids(text)
    if kept:
        found = [shape for shape in found if not any(shape.start < end and start < shape.end for start, end in kept)]
    return found
