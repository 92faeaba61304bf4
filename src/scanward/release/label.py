"""Marks a result as what it is, so that nobody takes it for a person's finding.

Marks go where the IOD has a place for them, beside what the recipient wrote and never in its stead.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from scanward import __version__
from scanward.dicomstream.encoding import ITEM, Encoding, encode_element, encode_item_header
from scanward.errors import ResultError
from scanward.model.attribute import Tag, format_tag
from scanward.release.putback import MAX_CHARACTERS
from scanward.release.read import VERIFYING_OBSERVER_SEQUENCE, ResultFacts
from scanward.standard.iods import attribute_type, is_known_sop_class

SERIES_DESCRIPTION = 0x0008103E
CONTRIBUTING_EQUIPMENT_SEQUENCE = 0x0018A001
IMAGE_COMMENTS = 0x00204000
CONTENT_DESCRIPTION = 0x00700081

PREFIX = "AI result: "
"""What descriptions begin with."""

COMMENT = "AI result, not verified by a person."
"""What Image Comments begin with."""

MAX_COMMENT_CHARACTERS = 10240
"""LT (PS3.5 Table 6.2-1)."""

MAX_DESCRIPTION_BYTES = 1024
"""ST."""

PURPOSE_OF_REFERENCE_CODE_SEQUENCE = 0x0040A170

PROCESSING_EQUIPMENT = ("109102", "Processing Equipment")
MODIFYING_EQUIPMENT = ("109103", "Modifying Equipment")
"""Codes of CID 7005, Contributing Equipment Purposes of Reference (PS3.16)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Labelling:
    """What labels say.

    Attributes
    ----------
    recipient_name
        Who made the result, as the hospital names it.
    release_id, agreement_version
        For which release and under which agreement; no identifiers.
    received
        When the result came, aware UTC.
    """

    recipient_name: str
    release_id: str
    agreement_version: str
    received: datetime


def refuse_attested(facts: ResultFacts) -> None:
    """Refuse a result that says that a person verified or approved it.

    It is held and not rewritten: who really verified it is asked for, and a document that says so and was signed by
    somebody is not ours to alter in silence, while an archive that takes it shows it as a physician's.

    Raises
    ------
    ResultError
        It says so.
    """
    if facts.attested:
        names = ", ".join("Verifying Observer Sequence" if tag == VERIFYING_OBSERVER_SEQUENCE else format_tag(tag)
                          for tag in sorted(facts.attested))  # fmt: skip
        raise ResultError(
            f"{names}: expected a result that nobody has verified or approved, got one that says a person did",
            remedy="Ask the recipient to send it unverified (UNVERIFIED, UNAPPROVED); people verify in the hospital.",
        )


def labelled_texts(facts: ResultFacts) -> dict[Tag, tuple[bytes, str]]:
    """Return the text Attributes that are labelled even where the recipient left them out: VR, and text alone."""
    sop_class = facts.sop_class_uid
    texts = {}
    # PS3.3 has Series Description in the General Series module, which IODs that are not known have too.
    if not is_known_sop_class(sop_class) or attribute_type(sop_class, (SERIES_DESCRIPTION,)) is not None:
        texts[SERIES_DESCRIPTION] = (b"LO", PREFIX.strip(" :"))
    if attribute_type(sop_class, (IMAGE_COMMENTS,)) is not None:
        texts[IMAGE_COMMENTS] = (b"LT", COMMENT)
    return texts


def label_text(tag: Tag, text: str) -> str:
    """Return the value of a labelled Attribute that has `text`, cut to the length that it may have."""
    text = text.strip()
    if tag == IMAGE_COMMENTS:
        return (text if text.startswith(COMMENT) else f"{COMMENT} {text}".strip())[:MAX_COMMENT_CHARACTERS]
    labelled = text if text.startswith(PREFIX) else PREFIX + text
    return labelled[: MAX_CHARACTERS["LO"]].strip() if text else PREFIX.strip(" :")


def institution_name(labelling: Labelling) -> str:
    """Return the recipient's name as a single value of VR LO."""
    return labelling.recipient_name.replace("\\", "/").strip()[: MAX_CHARACTERS["LO"]]


def equipment_items(labelling: Labelling, name: bytes, encoding: Encoding) -> bytes:
    """Return items of Contributing Equipment Sequence (PS3.3 C.12.1): who made the result, and that we changed it.

    Parameters
    ----------
    labelling
        What to say.
    name
        The recipient's name in the character set of the result.
    encoding
        Of the items.
    """
    moment = labelling.received.astimezone(UTC).strftime("%Y%m%d%H%M%S+0000").encode("ascii")
    description = (
        "Patient and study put back in place of pseudonyms; "
        f"release {labelling.release_id}; agreement {labelling.agreement_version}"
    )
    made = [
        (0x00080070, b"LO", name),
        (0x00080080, b"LO", name),
        (0x0018A003, b"ST", COMMENT.encode("ascii")),
    ]
    changed = [
        (0x00080070, b"LO", b"Scanward"),
        (0x00081090, b"LO", b"Scanward"),
        (0x00181020, b"LO", __version__.encode("ascii")),
        (0x0018A002, b"DT", moment),
        (0x0018A003, b"ST", description.encode("ascii", "replace")[:MAX_DESCRIPTION_BYTES]),
    ]
    return _item(made, PROCESSING_EQUIPMENT, encoding) + _item(changed, MODIFYING_EQUIPMENT, encoding)


def _item(elements: list[tuple[Tag, bytes, bytes]], purpose: tuple[str, str], encoding: Encoding) -> bytes:
    code, meaning = purpose
    coded = (
        (0x00080100, b"SH", code.encode("ascii")),
        (0x00080102, b"SH", b"DCM"),
        (0x00080104, b"LO", meaning.encode("ascii")),
    )
    purposes = _enclose(b"".join(encode_element(tag, vr, value, encoding) for tag, vr, value in coded), encoding)
    body = b"".join(encode_element(tag, vr, value, encoding) for tag, vr, value in elements)
    return _enclose(body + encode_element(PURPOSE_OF_REFERENCE_CODE_SEQUENCE, b"SQ", purposes, encoding), encoding)


def _enclose(body: bytes, encoding: Encoding) -> bytes:
    return encode_item_header(ITEM, len(body), encoding) + body
