"""Documents inside of documents: attachments of messages and resources, bodies that are no XML."""

from collections.abc import Mapping
from functools import partial

from scanward.deidentify.documents import plain
from scanward.deidentify.documents.fields import Embedded
from scanward.deidentify.documents.kinds import CleanDocument, CleanedDocument
from scanward.deidentify.text.prose import TextCleaner
from scanward.errors import DocumentError


def text_alone(media_type: str, data: bytes, cleaner: TextCleaner) -> CleanedDocument | None:
    """Clean an attachment that is plain text and can be read; leave others out."""
    return _clean({"text/plain": plain.clean}, media_type, data, cleaner)


def with_pdf(clean_pdf: CleanDocument) -> Embedded:
    """Return what cleans attachments that are plain text or PDF, where they can be read; others are left out.

    Parameters
    ----------
    clean_pdf
        Cleans PDF.
    """
    return partial(_clean, {"text/plain": plain.clean, "application/pdf": clean_pdf})


def _clean(
    carriers: Mapping[str, CleanDocument], media_type: str, data: bytes, cleaner: TextCleaner
) -> CleanedDocument | None:
    carrier = carriers.get(media_type.partition(";")[0].strip().lower())
    try:
        return carrier(data, cleaner) if carrier is not None else None
    except DocumentError:
        return None
