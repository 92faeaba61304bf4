"""Manifests of C2PA in PNG and JPEG: made for exports, and read in pictures of any origin.

Nothing is fetched: manifests that lie elsewhere, and answers on certificates, are left alone. A manifest is parsed by a
library in native code that gets bytes of anybody; pictures longer than `MAX_PICTURE_BYTES` are not given to it.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from io import BytesIO
from typing import TYPE_CHECKING, NoReturn

from scanward.adapters.signing.certificates import load_certificate, pem_of
from scanward.errors import EngineError, EvidenceError, SigningError
from scanward.model.declaration import AiDeclaration, AiSource, ManifestState, SignerTrust
from scanward.model.signing import KeyRecord, KeyUse
from scanward.ports.signing import Signer
from scanward.seal.signature_faults import SignatureFault
from scanward.seal.trust import verify_compromise

if TYPE_CHECKING:
    from types import ModuleType

SEAL_LABEL = "org.scanward.seal"
"""Of the assertion that has the commitment of a seal."""

MIME_TYPES = frozenset({"image/png", "image/jpeg"})
"""Of what is signed."""

MAX_PICTURE_BYTES = 256 * 1024 * 1024

COMMITMENT_BYTES = 32

_GENERATOR = "Scanward"
_SOURCE_PREFIX = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_C2PA_SOURCE_PREFIX = "http://c2pa.org/digitalsourcetype/"
_RENDERED = _SOURCE_PREFIX + "dataDrivenMedia"  # a picture drawn of data: no word on where the data came from
_MAX_TEXT = 100
_CHANGED_PICTURE = ("assertion.dataHash.", "assertion.bmffHash.", "assertion.boxesHash.", "assertion.collectionHash.")
_CHANGED_MANIFEST = ("claimSignature.", "assertion.hashedURI.mismatch", "assertion.missing", "claim.missing")
_REMEDY = "Do not rely on the manifest; compare the picture with the sealed original."


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """What the manifest of a picture says, checked as far as it can be without any network.

    Attributes
    ----------
    state
        Whether it is as it was signed, and of this picture.
    trust
        Whether its signer leads to an authority that was given as trusted.
    signer, generator
        The organisation in the certificate, and the program, by their own word.
    serial_number
        Of the signer's certificate.
    commitment
        The commitment of a seal, 32 bytes; None where there is none.
    declaration
        What it says of AI, in it or in any manifest that it builds on; None where nothing is said.
    """

    state: ManifestState
    trust: SignerTrust
    signer: str
    generator: str
    serial_number: int | None
    commitment: bytes | None
    declaration: AiDeclaration | None


def sign_c2pa(data: bytes, mime: str, signer: Signer, *, commitment: bytes, version: str) -> bytes:
    """Return a PNG or JPEG with a manifest that binds it to a seal. It carries no name, date or id of anybody.

    Parameters
    ----------
    data, mime
        The picture, and ``image/png`` or ``image/jpeg``.
    signer
        The key of use STATEMENTS, with its certificate.
    commitment
        32 bytes that tell nothing, such as the entry of the log for the statement on this export.
    version
        Of Scanward.

    Raises
    ------
    EvidenceError
        The picture has a manifest already, which would be lost with what it says; or it is no such picture.
    SigningError
        The key may not sign now.
    EngineError
        The library is missing.
    """
    _require(signer, mime, commitment)
    if read_manifest(data, mime) is not None:
        _refuse(SignatureFault.C2PA_MANIFEST, "expected a picture without a manifest, which would be lost, got one")
    c2pa = _library()
    definition = {
        "claim_generator_info": [{"name": _GENERATOR, "version": version}],
        "assertions": [
            {
                "label": "c2pa.actions.v2",
                "data": {"actions": [{"action": "c2pa.created", "digitalSourceType": _RENDERED}]},
            },
            {"label": SEAL_LABEL, "data": {"commitment": commitment.hex()}},
        ],
    }
    failed: list[SigningError] = []

    def sign(message: bytes) -> bytes:
        try:
            return signer.sign(message)
        except SigningError as error:
            failed.append(error)
            raise

    out = BytesIO()
    chain = pem_of(*signer.record.certificates[:1]).decode("ascii")
    try:
        with (
            c2pa.Signer.from_callback(sign, c2pa.C2paSigningAlg.ES256, chain, None) as native,
            c2pa.Builder(json.dumps(definition), context=_context(())) as builder,
        ):
            builder.sign(native, mime, BytesIO(data), out)
    except c2pa.C2paError:
        if failed:
            raise failed[0] from None
        _refuse(SignatureFault.C2PA_FORM, "expected a picture that can carry a manifest, got another")
    signed = out.getvalue()
    verify_c2pa(signed, mime, signer.record.certificates[1:], commitment=commitment)
    return signed


def verify_c2pa(
    data: bytes,
    mime: str,
    roots: Sequence[bytes],
    *,
    commitment: bytes | None = None,
    records: Sequence[KeyRecord] | None = None,
    attested: datetime | None = None,
) -> Manifest:
    """Return the manifest of an export of ours, once all of it holds.

    Parameters
    ----------
    data, mime
        The picture.
    roots
        Certificates (DER) of authorities that whoever checks trusts.
    commitment
        The one that it has to carry; None for any.
    records
        What is known of keys; then the signer has to be one of them, and not compromised.
    attested
        When somebody else saw the picture, where anybody did.

    Raises
    ------
    EvidenceError
        With the ``c2pa.*`` or ``key.*`` fault that says why not.
    """
    # 1. There is a manifest
    manifest = read_manifest(data, mime, roots)
    if manifest is None:
        _refuse(SignatureFault.C2PA_UNSIGNED, "expected a picture with a manifest, got one without")
    # 2. It is as it was signed, and of this picture
    if manifest.state is ManifestState.PICTURE_CHANGED:
        _refuse(SignatureFault.C2PA_CONTENT, "the picture was changed after its manifest was signed")
    if manifest.state is ManifestState.MANIFEST_CHANGED:
        _refuse(SignatureFault.C2PA_SIGNATURE, "the manifest was changed after it was signed")
    if manifest.state is not ManifestState.INTACT:
        _refuse(SignatureFault.C2PA_FORM, "expected a manifest that can be checked, got another")
    # 3. By a pinned authority
    if manifest.trust is not SignerTrust.TRUSTED:
        _refuse(SignatureFault.C2PA_UNTRUSTED, "expected a manifest by a pinned authority, got another's")
    # 4. By a key that was good
    if records is not None:
        _verify_key(manifest, records, attested)
    # 5. Of this seal
    if manifest.commitment is None or (commitment is not None and manifest.commitment != commitment):
        _refuse(SignatureFault.C2PA_COMMITMENT, "expected the commitment of this seal, got none or another")
    return manifest


def declaration_of(data: bytes, mime: str | None = None, roots: Sequence[bytes] = ()) -> AiDeclaration | None:
    """Return what a picture says of its making by a generative model; None where it says nothing of the kind.

    Raises
    ------
    EvidenceError
        There is a manifest that cannot be read.
    EngineError
        The library is missing.
    """
    manifest = read_manifest(data, mime, roots)
    return None if manifest is None else manifest.declaration


def read_manifest(data: bytes, mime: str | None = None, roots: Sequence[bytes] = ()) -> Manifest | None:
    """Return what the manifest of a picture says; None where there is none.

    Parameters
    ----------
    data
        The picture.
    mime
        Its type; None for the library to find out.
    roots
        Certificates (DER) of authorities that are trusted; without any, every signer is unknown.

    Raises
    ------
    EvidenceError
        It cannot be read.
    EngineError
        The library is missing.
    """
    c2pa = _library()
    if len(data) > MAX_PICTURE_BYTES:
        _refuse(SignatureFault.C2PA_FORM, f"expected a picture of at most {MAX_PICTURE_BYTES} bytes")
    try:
        reader = c2pa.Reader.try_create(mime, BytesIO(data), context=_context(roots))
        if reader is None:
            return None
        with reader:
            if not reader.is_embedded():
                return None
            document = json.loads(reader.json())
        return _manifest(document)
    except c2pa.C2paError.NotSupported:
        return None  # a kind of file that carries none
    except (c2pa.C2paError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        _refuse(SignatureFault.C2PA_FORM, "expected a manifest of C2PA, got one that cannot be read")


def _manifest(document: Mapping[str, object]) -> Manifest:
    """Return what the library's report of a manifest store says."""
    manifests = _mapping(document["manifests"])
    active = _mapping(manifests[str(document["active_manifest"])])
    codes = tuple(_codes(document))
    state, trust = _state(codes), _trust(codes)
    signature = _mapping(active.get("signature_info", {}))
    serial = str(signature.get("cert_serial_number", ""))
    return Manifest(
        state=state,
        trust=trust,
        signer=_clean(signature.get("issuer")),
        generator=_generator(active),
        serial_number=int(serial) if serial.isdecimal() else None,
        commitment=_commitment(active),
        declaration=_declaration(active, manifests, state, trust),
    )


def _codes(document: Mapping[str, object]) -> Iterator[tuple[str, bool]]:
    """Yield each code of the check of the active manifest, and whether it is a success."""
    results = _mapping(document.get("validation_results", {}))
    found = _mapping(results.get("activeManifest", {}))
    for kind in ("success", "failure"):
        for one in _list(found.get(kind, [])):
            yield str(_mapping(one).get("code", "")), kind == "success"


def _state(codes: Sequence[tuple[str, bool]]) -> ManifestState:
    """Return whether a manifest is as it was signed, by the codes of C2PA 2.2 Section 15.2; who signed is not asked."""
    failures = [code for code, success in codes if not success]
    successes = {code for code, success in codes if success}
    if any(code.startswith(_CHANGED_MANIFEST) for code in failures) or "claimSignature.validated" not in successes:
        return ManifestState.MANIFEST_CHANGED if failures else ManifestState.UNCHECKED
    if any(code.startswith(_CHANGED_PICTURE) for code in failures):
        return ManifestState.PICTURE_CHANGED
    bound = any(code.startswith(_CHANGED_PICTURE) and code.endswith(".match") for code in successes)
    return ManifestState.INTACT if bound else ManifestState.UNCHECKED


def _trust(codes: Sequence[tuple[str, bool]]) -> SignerTrust:
    refused = any(code.startswith("signingCredential.") for code, success in codes if not success)
    trusted = ("signingCredential.trusted", True) in codes
    return SignerTrust.TRUSTED if trusted and not refused else SignerTrust.UNKNOWN


def _declaration(
    active: Mapping[str, object], manifests: Mapping[str, object], state: ManifestState, trust: SignerTrust
) -> AiDeclaration | None:
    """Return the first declaration of AI: in the active manifest, else in one that it builds on."""
    others = (_mapping(one) for one in manifests.values())
    for manifest in (active, *others):
        for action in _actions(manifest):
            source = _source(action)
            if source is not None:
                agent = action.get("softwareAgent")
                named = agent.get("name") if isinstance(agent, dict) else agent
                return AiDeclaration(
                    source=source,
                    generator=_generator(manifest),
                    agent=_clean(named),
                    signer=_clean(_mapping(manifest.get("signature_info", {})).get("issuer")),
                    state=state,
                    trust=trust,
                )
    return None


def _actions(manifest: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    for assertion in _list(manifest.get("assertions", [])):
        label = str(_mapping(assertion).get("label", ""))
        if label.partition("__")[0] in {"c2pa.actions", "c2pa.actions.v2"}:
            for action in _list(_mapping(_mapping(assertion).get("data", {})).get("actions", [])):
                yield _mapping(action)


def _source(action: Mapping[str, object]) -> AiSource | None:
    """Return the AI source that an action names; older manifests have it among its parameters."""
    parameters = action.get("parameters")
    within = parameters.get("digitalSourceType") if isinstance(parameters, dict) else None
    for value in (action.get("digitalSourceType"), within):
        term = str(value or "").removeprefix(_SOURCE_PREFIX).removeprefix(_C2PA_SOURCE_PREFIX)
        if term in AiSource.__members__.values():
            return AiSource(term)
    return None


def _generator(manifest: Mapping[str, object]) -> str:
    for info in _list(manifest.get("claim_generator_info") or []):
        return _clean(_mapping(info).get("name"))
    return _clean(manifest.get("claim_generator"))


def _commitment(manifest: Mapping[str, object]) -> bytes | None:
    for assertion in _list(manifest.get("assertions", [])):
        if _mapping(assertion).get("label") == SEAL_LABEL:
            commitment = bytes.fromhex(str(_mapping(_mapping(assertion)["data"])["commitment"]))
            return commitment if len(commitment) == COMMITMENT_BYTES else None
    return None


def _verify_key(manifest: Manifest, records: Sequence[KeyRecord], attested: datetime | None) -> None:
    """Check that the signer is a known key for this, which nobody else had."""
    for record in records:
        serials = [load_certificate(one).serial_number for one in record.certificates[:1]]
        if serials == [manifest.serial_number]:
            if record.use is not KeyUse.STATEMENTS:
                _refuse(SignatureFault.KEY_USE, f"expected a key for statements, got one for {record.use}")
            verify_compromise(record, attested)
            return
    _refuse(SignatureFault.KEY_UNKNOWN, "expected a manifest by a known key, got one by another")


def _require(signer: Signer, mime: str, commitment: bytes) -> None:
    if signer.record.use is not KeyUse.STATEMENTS:
        _refuse(SignatureFault.KEY_USE, f"expected a key for statements, got one for {signer.record.use}")
    if len(signer.record.certificates) <= 1:
        _refuse(SignatureFault.CERTIFICATE_MISSING, "expected a key with the certificate of its authority")
    if mime not in MIME_TYPES or len(commitment) != COMMITMENT_BYTES:
        _refuse(SignatureFault.C2PA_FORM, f"expected PNG or JPEG and a commitment of {COMMITMENT_BYTES} bytes")


def _context(roots: Sequence[bytes]) -> object:
    """Return settings of the library: no network, trust in `roots` alone."""
    settings: dict[str, object] = {
        "verify": {
            "remote_manifest_fetch": False,
            "ocsp_fetch": False,
            "verify_trust": True,
            "verify_after_sign": False,
        },
        "builder": {"thumbnail": {"enabled": False}},
    }
    if roots:
        settings["trust"] = {"trust_anchors": pem_of(*roots).decode("ascii")}
    context: object = _library().Context.from_dict(settings)
    return context


def _library() -> "ModuleType":
    """Return the library; it loads native code, so it is loaded where a manifest is looked for."""
    try:
        return import_module("c2pa.c2pa")  # by name, as it has no types
    except ImportError:
        raise EngineError(
            "manifests of C2PA cannot be read or made: their library is missing",
            remedy='Install it: pip install "scanward[evidence]".',
        ) from None


def _clean(value: object) -> str:
    """Return a text of the file's maker, short and on one line."""
    text = value if isinstance(value, str) else ""
    return "".join(letter if letter.isprintable() else " " for letter in text[:_MAX_TEXT]).strip()


def _mapping(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise TypeError("no object")
    return value


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError("no list")
    return value


def _refuse(fault: SignatureFault, message: str) -> NoReturn:
    raise EvidenceError(fault, message, remedy=_REMEDY)
