"""What is on record, in plain words."""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta

from scanward.flow.foresight import Change
from scanward.model.agreement import (
    Agreement,
    DataScope,
    DimseEndpoint,
    Endpoint,
    FolderEndpoint,
    ObjectStoreEndpoint,
    PackageEndpoint,
    PullEndpoint,
    Recipient,
    StowEndpoint,
)
from scanward.model.consent import Provision
from scanward.model.pixels import PixelOutcome
from scanward.standard.act_reasons import name_of as purpose_name
from scanward.standard.uids import name_of

BOXES_SHOWN = 4
"""So many boxes of an instance are shown; the API gives them all."""


def when(moment: datetime) -> str:
    """Return a time as people write it."""
    return f"{day(moment.astimezone(UTC))}, {moment.astimezone(UTC):%H:%M} UTC"


def day(one: date) -> str:
    """Return a day as people write it."""
    return f"{one.day} {one:%b %Y}"


def plainly(detail: str) -> str:
    """Return what a history says of an event, without the state where it is what was decided."""
    return re.sub(r"^(permitted|denied), \1: ", r"\1: ", detail)


def dicom_day(value: str) -> str:
    """Return a day of an instance (VR DA) as people write it, or as it stands where it is none."""
    try:
        return day(date.fromisoformat(value)) if len(value) == len("YYYYMMDD") else value
    except ValueError:
        return value


def person(name: str) -> str:
    """Return a Person Name (VR PN) as people write it: family name, then the others."""
    family, *others = name.partition("=")[0].split("^")
    given = " ".join(one.strip() for one in others[:2] if one.strip())
    return ", ".join(one for one in (family.strip(), given) if one) or name.partition("=")[2]


def size(length_bytes: int) -> str:
    """Return a size with a unit."""
    value = float(length_bytes)
    for unit in ("bytes", "KB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            return f"{value:,.0f} {unit}" if unit == "bytes" else f"{value:,.1f} {unit}"
        value /= 1000
    raise AssertionError("unreachable")


def plural(count: int, one: str, many: str = "") -> str:
    """Return a count with its noun."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def pixels(outcome: PixelOutcome) -> str:
    """Return what looking at the pixels of an instance came to."""
    if outcome.has_none:
        return "no pixels"
    if not outcome.is_proven and not outcome.is_let_go:
        return "not looked at"
    if outcome.is_let_go:
        filled = f", {plural(len(outcome.boxes), 'region')} filled" if outcome.boxes else ""
        return f"let go by a person{filled}"
    if not outcome.boxes:
        return "none found"
    some = "; ".join(f"{box.width} x {box.height} at ({box.x}, {box.y})" for box in outcome.boxes[:BOXES_SHOWN])
    return f"{plural(len(outcome.boxes), 'region')} filled: {some}{' ...' if len(outcome.boxes) > BOXES_SHOWN else ''}"


def is_digest(value: object) -> bool:
    """Whether a fact is a digest or an id, of which people compare the first digits."""
    return isinstance(value, str) and re.fullmatch(r"[0-9a-f]{32,}", value) is not None


def listed(values: Iterable[str], joint: str = "and") -> str:
    """Return values as a list in a sentence."""
    words = sorted(values)
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {joint} {words[-1]}"


def purpose(code: str) -> str:
    """Return what staff call a purpose: HL7's name of it."""
    words = _purpose(code)
    return words[:1].upper() + words[1:]


def _purpose(code: str) -> str:
    return purpose_name(code) or f"{code}, which is no known purpose"


def period(provision: Provision) -> str:
    """Say when a provision holds."""
    if provision.starts is None and provision.ends is None:
        return "without end"
    begins = "" if provision.starts is None else f"from {_moment(provision.starts)}"
    if provision.ends is None:
        return begins
    # The end is not included: who reads of a day takes it for included.
    midnight = provision.ends.astimezone(UTC).time() == time()
    last = day((provision.ends - timedelta(days=1)).astimezone(UTC)) if midnight else when(provision.ends)
    return f"{begins} until {last}{', included' if midnight else ''}".strip()


def becomes(change: Change) -> str:
    """Say what a release would be after a change of consent."""
    return _BECOMES[change]


_BECOMES = {
    Change.STOPPED: "stopped",
    Change.KEPT: "denied",
    Change.LET_GO: "let go",
    Change.LEFT: "as it is: it left",
    Change.STAYS_REFUSED: "as it is: refused by a person",
    Change.STAYS_STOPPED: "as it is: stopped",
}


def _moment(moment: datetime) -> str:
    return day(moment.astimezone(UTC)) if moment.astimezone(UTC).time() == time() else when(moment)


def sop_class(uid: str) -> str:
    """Return the name of a SOP Class, or its UID."""
    return name_of(uid).removesuffix(" Storage") or uid


def delivery(endpoint: Endpoint) -> str:
    """Say how studies get to a recipient."""
    match endpoint:
        case DimseEndpoint(host=host, port=port, called_ae=title, tls=tls):
            return f"Sent by C-STORE to {title} at {host}:{port}{', over TLS' if tls is not None else ''}"
        case StowEndpoint(url=url):
            return f"Sent by STOW-RS to {url}"
        case FolderEndpoint(path=path):
            return f"Put into the folder {path}"
        case ObjectStoreEndpoint(url=url):
            return f"Put into the object store {url}"
        case PackageEndpoint(path=path):
            return f"Put into {path} as packages encrypted with age"
        case PullEndpoint():
            return "Fetched by the recipient, with QIDO-RS and WADO-RS"


def agreement_in_words(recipient: Recipient, today: date) -> Sequence[str]:
    """Return what was agreed with a recipient, a sentence for each point."""
    agreed = recipient.agreement
    if agreed is None:
        return ["Nothing was agreed, so nothing leaves."]
    used = listed(map(_purpose, agreed.purposes))
    results = listed(map(sop_class, agreed.results.sop_classes))
    sentences = [
        f"May be used for {used}." if used else "May be used for nothing.",
        _data(agreed.data),
        _term(agreed, today),
        f"The data stays in {agreed.region}. Each copy is deleted within {plural(agreed.retention_days, 'day')}.",
        f"Promised: {listed(agreed.obligations)}." if agreed.obligations else "Promised nothing.",
        "A person approves each release." if agreed.human_approval else "Nobody has to approve a release.",
        _pixels(agreed),
    ]
    if agreed.priors:
        earlier = plural(agreed.priors, "earlier study", "earlier studies")
        sentences.append(f"With each study goes what was agreed of up to {earlier} of the patient.")
    sentences.append(f"Results may come back: {results}." if results else "No results may come back.")
    return sentences


def _data(scope: DataScope) -> str:
    kinds = "Any modality" if scope.modalities == {"*"} else listed(scope.modalities) or "Nothing"
    parts = "" if scope.body_parts == {"*"} else f", of {listed(part.lower() for part in scope.body_parts)}"
    classes = "" if scope.sop_classes == {"*"} else f"; only {listed(map(sop_class, scope.sop_classes))}"
    needed = "" if scope.attributes == {"*"} else "; optional Attributes only as far as the purpose needs them"
    return f"{kinds}{parts}{classes}{needed}."


def _term(agreed: Agreement, today: date) -> str:
    term = f"{day(agreed.starts)} to {day(agreed.ends)}"
    if today > agreed.ends:
        return f"In force from {term}: it is over, so nothing leaves."
    if today < agreed.starts:
        return f"In force from {term}: it has not begun, so nothing leaves."
    return f"In force from {term}."


def _pixels(agreed: Agreement) -> str:
    held = "may leave" if agreed.unchecked_pixels else "stay"
    return (
        f"De-identified by the profile {agreed.profile}. Images that are likely to show text and that cannot be looked "
        f"at {held}."
    )
