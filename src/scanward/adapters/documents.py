"""Documents about recipients (TOML) and provisions (JSON), read into frozen values; whatever is not known is refused.

What is valid and permits nothing is accepted: an agreement that has ended, no purposes, no regions. So a recipient
can be stopped by writing so.
"""

import hashlib
import tomllib
from collections.abc import Mapping
from datetime import datetime

from scanward.adapters.document_endpoints import read_endpoint
from scanward.adapters.document_fields import Fields, refuse
from scanward.adapters.regions import REGIONS
from scanward.deidentify.profile import SHIPPED, load_profile
from scanward.errors import AgreementError, ProfileError
from scanward.model.agreement import Agreement, Basis, DataScope, Obligation, Recipient, ResultScope
from scanward.model.consent import Effect, Provision
from scanward.standard.act_reasons import is_care, is_patient_request, is_purpose
from scanward.standard.dictionary import tag_of
from scanward.standard.modalities import MODALITIES
from scanward.standard.uids import find_sop_classes

MAX_DOCUMENT_BYTES = 256 * 1024
"""A longer document is none."""

MAX_RETENTION_DAYS = 36525
"""A hundred years."""

MAX_PRIORS = 100

ANY = frozenset({"*"})

_RECIPIENT_ID = r"[a-z0-9][a-z0-9-]{0,62}"
_BODY_PART = r"[A-Z0-9][A-Z0-9_ ]{0,15}"

_BASES = {basis.name.lower().replace("_", "-"): basis for basis in Basis}
_OBLIGATIONS = {obligation.name.lower().replace("_", "-"): obligation for obligation in Obligation}
_EFFECTS = {effect.value: effect for effect in Effect}


def parse_recipient_document(text: str) -> Recipient:
    """Parse the TOML document about a recipient and its agreement.

    Raises
    ------
    AgreementError
        It is not TOML, a key is missing, unknown or has a value that is not allowed; the message names the key.
    """
    canonical = canonical_text(text)
    if len(canonical) > MAX_DOCUMENT_BYTES:
        raise AgreementError(f"expected a document of at most {MAX_DOCUMENT_BYTES} bytes, got {len(canonical)}")
    try:
        content = tomllib.loads(canonical.decode())
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        # The message of the parser tells where; it shows nothing of the line.
        place = str(error) if isinstance(error, tomllib.TOMLDecodeError) else "nested too deeply"
        raise AgreementError(f"expected TOML: {place}") from None
    fields = Fields(content)
    recipient = _read_recipient(fields, hashlib.sha256(canonical).hexdigest())
    fields.end()
    _check_basis(recipient)
    return recipient


def canonical_text(text: str) -> bytes:
    """Return the bytes of a document that its version is the digest of: UTF-8, LF, one line end at the end."""
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n")
    try:
        return f"{lines.rstrip()}\n".encode()
    except UnicodeEncodeError:
        raise AgreementError("expected a document of Unicode text, got half a character") from None


def _read_recipient(fields: Fields, version: str) -> Recipient:
    agreement = fields.find_table("agreement")
    recipient = Recipient(
        recipient_id=fields.text("id", pattern=_RECIPIENT_ID, expected="up to 63 lower-case letters, digits, dashes"),
        name=fields.text("name"),
        address=fields.text("address"),
        purpose=_read_purpose(fields, "purpose"),
        endpoint=read_endpoint(fields.table("endpoint")),
        agreement=_read_agreement(agreement) if agreement is not None else None,
        allowed_regions=frozenset(
            _read_region(fields, "allowed_regions", code) for code in fields.texts("allowed_regions")
        ),
        basis=fields.choice("basis", _BASES),
        version=version,
    )
    if agreement is not None:
        agreement.end()
    return recipient


def _read_agreement(fields: Fields) -> Agreement:
    data, results = fields.table("data"), fields.find_table("results")
    agreement = Agreement(
        purposes=frozenset(_known_purpose(fields, "purposes", code) for code in fields.texts("purposes")),
        data=_read_scope(data),
        region=_read_region(fields, "region", fields.text("region")),
        starts=fields.date("starts"),
        ends=fields.date("ends"),
        retention_days=fields.number("retention_days", least=1, most=MAX_RETENTION_DAYS),
        obligations=frozenset(fields.choices("obligations", _OBLIGATIONS, default=tuple(_OBLIGATIONS))),
        human_approval=fields.flag("human_approval", default=False),
        profile=_read_profile(fields),
        unchecked_pixels=fields.flag("unchecked_pixels", default=False),
        priors=fields.number("priors", least=0, most=MAX_PRIORS, default=0),
        results=ResultScope(sop_classes=_read_sop_classes(results)) if results is not None else ResultScope(),
    )
    if agreement.ends < agreement.starts:
        raise refuse(fields.named("ends"), "a day not before 'starts'", "an earlier one")
    data.end()
    if results is not None:
        results.end()
    return agreement


def _read_scope(fields: Fields) -> DataScope:
    modalities = _any_or(fields, "modalities", fields.texts("modalities"))
    for modality in modalities - ANY - MODALITIES:
        raise refuse(fields.named("modalities"), "values of Modality that PS3.3 defines, or * alone", repr(modality))
    body_parts = fields.texts("body_parts", default=("*",), pattern=rf"\*|{_BODY_PART}", expected="a Code String, or *")
    attributes = _any_or(fields, "attributes", fields.texts("attributes", default=("*",)))
    for keyword in attributes - ANY:
        if tag_of(keyword) is None:
            raise refuse(fields.named("attributes"), "keywords of PS3.6, or * alone", repr(keyword))
    return DataScope(
        modalities=modalities,
        body_parts=_any_or(fields, "body_parts", body_parts),
        sop_classes=_read_sop_classes(fields, default=("*",)),
        attributes=attributes,
    )


def _read_sop_classes(fields: Fields, default: tuple[str, ...] | None = None) -> frozenset[str]:
    named = _any_or(fields, "sop_classes", fields.texts("sop_classes", default=default))
    if named == ANY and default is None:
        raise refuse(fields.named("sop_classes"), "SOP Classes by name", "*")
    found: set[str] = set()
    for one in named:
        uids = find_sop_classes(one) if one != "*" else ANY
        if not uids:
            raise refuse(fields.named("sop_classes"), "keywords or UIDs of Storage SOP Classes", repr(one))
        found |= uids
    return frozenset(found)


def _any_or(fields: Fields, key: str, values: tuple[str, ...]) -> frozenset[str]:
    if "*" in values and len(values) > 1:
        raise refuse(fields.named(key), "* alone, or a list without it", "* among others")
    return frozenset(values)


def _read_purpose(fields: Fields, key: str) -> str:
    return _known_purpose(fields, key, fields.text(key))


def _known_purpose(fields: Fields, key: str, code: str) -> str:
    if not is_purpose(code):
        raise refuse(fields.named(key), "a code of HL7 v3 ActReason below PurposeOfUse", repr(code))
    return code


def _read_region(fields: Fields, key: str, code: str) -> str:
    if code not in REGIONS:
        raise refuse(fields.named(key), "a country code of ISO 3166-1 alpha-2, in upper case", repr(code))
    return code


def _read_profile(fields: Fields) -> str:
    name = fields.text("profile", default="ai-inference")
    try:
        load_profile(name)
    except ProfileError as error:
        known = ", ".join(SHIPPED)
        raise AgreementError(f"{fields.named('profile')}: {error}", remedy=f"Known profiles: {known}.") from None
    return name


def _check_basis(recipient: Recipient) -> None:
    """Refuse a basis that would keep a disclosure out of the statutory accounting without reason."""
    if recipient.basis is Basis.TREATMENT and not is_care(recipient.purpose):
        raise refuse("'basis'", "another basis than treatment for a purpose that is none", "treatment")
    if recipient.basis is Basis.INDIVIDUAL and not is_patient_request(recipient.purpose):
        raise refuse("'basis'", "another basis than individual for a purpose that is not PATRQT or below", "individual")


def parse_provision(content: Mapping[str, object]) -> Provision:
    """Parse a provision as the API takes it, a JSON object.

    Keys: ``effect`` (permit, deny), ``purposes``, and optionally ``recipients`` (default ``["*"]``), ``starts`` and
    ``ends`` (ISO 8601 with an offset, or null).

    Raises
    ------
    AgreementError
        A key is missing, unknown or has a value that is not allowed.
    """
    fields = Fields(content)
    effect = fields.choice("effect", _EFFECTS)
    purposes = _any_or(fields, "purposes", fields.texts("purposes"))
    if not purposes:
        raise refuse(fields.named("purposes"), "at least one purpose", "none")
    if purposes == ANY and effect is Effect.PERMIT:
        raise refuse(fields.named("purposes"), "purposes by name in a permit; * is for denials", "*")
    for code in purposes - ANY:
        _known_purpose(fields, "purposes", code)
    expected = "recipients' ids, or * alone"
    recipients = fields.texts("recipients", default=("*",), pattern=rf"\*|{_RECIPIENT_ID}", expected=expected)
    if not recipients:
        raise refuse(fields.named("recipients"), expected, "none")
    provision = Provision(
        effect=effect,
        purposes=purposes,
        recipients=_any_or(fields, "recipients", recipients),
        starts=fields.find_moment("starts"),
        ends=fields.find_moment("ends"),
    )
    fields.end()
    if provision.starts is not None and provision.ends is not None and provision.ends <= provision.starts:
        raise refuse(fields.named("ends"), "a time after 'starts'", "one that is not")
    return provision


def provision_as_json(provision: Provision) -> dict[str, object]:
    """Return a provision as `parse_provision` takes it."""
    return {
        "effect": provision.effect.value,
        "purposes": sorted(provision.purposes),
        "recipients": sorted(provision.recipients),
        "starts": _written(provision.starts),
        "ends": _written(provision.ends),
    }


def _written(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment is not None else None
