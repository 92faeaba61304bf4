"""What a person asks of a command, checked once, as frozen values."""

import os
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from scanward.errors import ConfigError

MAX_WORKERS = 1024
"""More worker processes than this is a slip of the finger, not a machine."""

MAX_NAME_LENGTH = 128
"""Longest name of a recipient, in characters."""

PROCESSES = "processes"
QUEUE = "queue"
ENGINES = (PROCESSES, QUEUE)
"""What carries out `scanward deidentify`."""

PIXEL_MODES = ("off", "detect", "clean")
"""What may be done about text in pixels (:class:`scanward.model.pixels.PixelMode`)."""


FACE_MODES = ("off", "detect", "remove")
"""What may be done about faces in head scans (:class:`scanward.model.faces.FaceMode`)."""


TEXT_MODES = ("remove", "label", "surrogate")
"""What may stand where an identifier was in text (:class:`scanward.model.text.TextMode`)."""

DOCUMENT_MODES = ("clean", "hold", "remove")
"""What may become of documents (:class:`scanward.model.text.DocumentMode`)."""


def default_workers() -> int:
    """Return the number of cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else (os.cpu_count() or 1)


def parse_recipient(name: str) -> str:
    """Return `name` in Unicode NFC without outer blanks, so that what looks the same is the same recipient.

    Raises
    ------
    ConfigError
        When it is empty, too long or holds characters that cannot be printed.
    """
    normal = unicodedata.normalize("NFC", name).strip()
    if not normal or len(normal) > MAX_NAME_LENGTH or not normal.isprintable():
        raise ConfigError(
            f"expected the recipient's name to be 1 to {MAX_NAME_LENGTH} printable characters",
            remedy="Give a short name such as --recipient university-ai.",
        )
    return normal


@dataclass(frozen=True, kw_only=True)
class DeidentifyRequest:
    """What `scanward deidentify` is asked to do.

    Attributes
    ----------
    sources
        Folders, files and archives to read; at least one.
    out
        Folder for the outputs; outside of every source.
    profile
        Name of a shipped profile, or path of a TOML file.
    recipient
        For whom: pseudonyms, UIDs and date offsets are one set per recipient.
    workers
        Number of worker processes, 1 to `MAX_WORKERS`.
    home
        Folder of keys, journals and reports; None takes ``SCANWARD_HOME`` or the platform's user data folder.
    release_unchecked_pixels
        Release instances whose pixels are likely to carry burned-in text and that would be held otherwise.
    engine
        `PROCESSES` of this machine, or `QUEUE`: the gateway's durable queue, shared with its workers.
    pixels
        What is done about text in pixels of all modalities, one of `PIXEL_MODES`; empty: what the profile says.
    faces
        What is done about faces in head scans, one of `FACE_MODES`; empty: what the profile says.
    text
        What stands where an identifier was in text, one of `TEXT_MODES`; empty: what the profile says.
    documents
        What becomes of documents, one of `DOCUMENT_MODES`; empty: what the profile says.
    recogniser
        Folder of a model of one's own that recognises identifiers in text; None for none.
    layouts
        A table of screens of devices and what is always filled on them; None: only that which comes with Scanward.
    """

    sources: tuple[Path, ...]
    out: Path
    profile: str = "basic"
    recipient: str = "default"
    workers: int = 1
    home: Path | None = None
    release_unchecked_pixels: bool = False
    engine: str = PROCESSES
    pixels: str = ""
    faces: str = ""
    text: str = ""
    documents: str = ""
    recogniser: Path | None = None
    layouts: Path | None = None

    def __post_init__(self) -> None:
        """Refuse what no run could carry out."""
        if not self.sources:
            raise ConfigError("expected at least one source", remedy="Name a folder, a file or a zip archive.")
        if not 1 <= self.workers <= MAX_WORKERS:
            raise ConfigError(f"expected 1 to {MAX_WORKERS} workers, got {self.workers}")
        if self.engine not in ENGINES:
            raise ConfigError(f"expected the engine to be one of {', '.join(ENGINES)}")
        if self.pixels and self.pixels not in PIXEL_MODES:
            raise ConfigError(f"expected what is done about pixels to be one of {', '.join(PIXEL_MODES)}")
        if self.faces and self.faces not in FACE_MODES:
            raise ConfigError(f"expected what is done about faces to be one of {', '.join(FACE_MODES)}")
        if self.text and self.text not in TEXT_MODES:
            raise ConfigError(f"expected what is done about text to be one of {', '.join(TEXT_MODES)}")
        if self.documents and self.documents not in DOCUMENT_MODES:
            raise ConfigError(f"expected what becomes of documents to be one of {', '.join(DOCUMENT_MODES)}")
        object.__setattr__(self, "recipient", parse_recipient(self.recipient))


READING = "reading"
"""Phase of a run in which headers are read for the identifiers they hold."""

DEIDENTIFYING = "de-identifying"
"""Phase of a run in which instances are rewritten, checked and released."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """How far a run has come; totals are 0 while they are not known.

    Attributes
    ----------
    phase
        `READING` or `DEIDENTIFYING`.
    done_files, total_files
        Inputs of this phase.
    done_bytes, total_bytes
        The same in bytes.
    """

    phase: str
    done_files: int
    total_files: int = 0
    done_bytes: int = 0
    total_bytes: int = 0


# The gateway

_STRICT = {"extra": "forbid"}
"""Read by pydantic in :mod:`scanward.adapters.settings`: an unknown key is refused."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PeerSettings:
    """A DICOM application that may call us; every other one is refused.

    Attributes
    ----------
    name
        What it is called in records.
    ae_title
        Calling AE Title, up to 16 characters.
    hosts
        Addresses it may call from; empty: any.
    certificate_sha256
        SHA-256 of its certificate (DER), hexadecimal; empty: any that the authority signed.
    recipient
        Id of the recipient whose results it sends; empty for an archive or modality.
    report_port
        Port on which it takes storage commitment reports; 0: on the association on which it asks for them.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT

    name: str
    ae_title: str
    hosts: tuple[str, ...] = ()
    certificate_sha256: str = ""
    recipient: str = ""
    report_port: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class DimseSettings:
    """Our Storage SCP.

    Attributes
    ----------
    host, port
        Where it listens; port 0 takes a free one, and None in `GatewaySettings.dimse` listens nowhere.
    ae_title
        Ours; associations to another called AE Title are refused.
    certificate, key, authority
        PEM files for TLS; with `authority` the peer has to show a certificate (mutual TLS). Empty: no TLS.
    peers
        Who may call.
    max_associations
        At once; further ones are turned away for the moment.
    max_instance_bytes
        A larger instance is refused.
    idle_seconds
        An association on which nothing comes for so long is aborted.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT

    host: str = "127.0.0.1"
    port: int = 11112
    ae_title: str = "SCANWARD"
    certificate: str = ""
    key: str = ""
    authority: str = ""
    peers: tuple[PeerSettings, ...] = ()
    max_associations: int = 64
    max_instance_bytes: int = 8 * 1024**3
    idle_seconds: float = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class OidcSettings:
    """Whose bearer tokens are taken (OpenID Connect; RFC 9068).

    Attributes
    ----------
    issuer, audience
        What ``iss`` and ``aud`` have to be.
    jwks_url, jwks_file
        Where the issuer's keys are; one of the two.
    roles_claim
        Claim that lists roles; a dot goes into an object, as in ``realm_access.roles``.
    recipient_claim
        Claim that names the recipient, for the role ``recipient``.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT

    issuer: str
    audience: str
    jwks_url: str = ""
    jwks_file: str = ""
    roles_claim: str = "roles"
    recipient_claim: str = "recipient"


@dataclass(frozen=True, kw_only=True, slots=True)
class HttpSettings:
    """Our HTTP door: DICOMweb, JSON API, staff page.

    Attributes
    ----------
    host, port
        Where it listens; port 0 takes a free one.
    certificate, key
        PEM files for TLS; empty: none, for behind a proxy on the same machine.
    oidc
        Whose tokens are taken besides those that `scanward token` issues.
    max_body_bytes
        A larger request is refused.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT

    host: str = "127.0.0.1"
    port: int = 8042
    certificate: str = ""
    key: str = ""
    oidc: OidcSettings | None = None
    max_body_bytes: int = 16 * 1024**3


@dataclass(frozen=True, kw_only=True, slots=True)
class WatchSettings:
    """A folder whose files are taken in and then removed, or moved to ``refused`` below it.

    Attributes
    ----------
    path
        The folder.
    name
        What it is called in records.
    recipient
        Id of the recipient whose results come there; empty for studies.
    settle_seconds
        A file that has not changed for so long is whole.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT

    path: str
    name: str
    recipient: str = ""
    settle_seconds: float = 2.0


@dataclass(frozen=True, kw_only=True, slots=True)
class ArchiveSettings:
    """The hospital's archive: where results go, and what studies and priors are fetched from.

    Attributes
    ----------
    host, port, ae_title
        Its Query/Retrieve and Storage SCP.
    calling_ae
        Our AE Title when calling it; the archive has to know it, and where it listens, for C-MOVE.
    certificate, key, authority
        PEM files for TLS; empty: none.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT

    host: str
    port: int
    ae_title: str
    calling_ae: str = "SCANWARD"
    certificate: str = ""
    key: str = ""
    authority: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class WitnessSettings:
    """A witness: it cosigns checkpoints of the log, once it has seen that they extend those before.

    Attributes
    ----------
    url
        Where it is asked (C2SP tlog-witness), without ``/add-checkpoint``.
    key
        Its verifier key (C2SP signed-note), as its operator publishes it.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT

    url: str
    key: str


@dataclass(frozen=True, kw_only=True, slots=True)
class LogSignerSettings:
    """A key that signs checkpoints besides the gateway's own, held by a program: a hardware module, a key service.

    Attributes
    ----------
    command
        The program and its arguments: it gets what is signed on standard input and answers with the signature, raw.
    public_key
        PEM file of its public half, Ed25519.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT

    command: tuple[str, ...]
    public_key: str


@dataclass(frozen=True, kw_only=True, slots=True)
class LogSettings:
    """The transparency log.

    Attributes
    ----------
    origin
        Name of the log, the first line of its checkpoints: a URL without its scheme; empty: made of the id of the key.
    path
        Folder of the log; empty: ``log`` in the home folder. Several gateways of one ledger share one folder.
    witnesses
        Who cosigns checkpoints.
    signers
        Keys that sign checkpoints besides the gateway's own.
    threshold
        How many keys have to have signed a checkpoint for it to be believed.
    timestamp_url
        RFC 3161 timestamp authority that is asked for a token on checkpoints; empty: none.
    timestamp_authority
        PEM file of the certificates that vouch for it.
    timestamp_seconds
        A checkpoint gets a token when the last one is so old.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT

    origin: str = ""
    path: str = ""
    witnesses: tuple[WitnessSettings, ...] = ()
    signers: tuple[LogSignerSettings, ...] = ()
    threshold: int = 1
    timestamp_url: str = ""
    timestamp_authority: str = ""
    timestamp_seconds: float = 3600.0


@dataclass(frozen=True, kw_only=True, slots=True)
class GatewaySettings:
    """What ``scanward.toml`` in the home folder says.

    Attributes
    ----------
    ledger_url, vault_url
        SQLAlchemy URLs; empty: SQLite files in the home folder.
    blobs_url
        As fsspec takes it; empty: a folder in the home folder.
    blobs_options_file
        JSON file of mode 0600 with fsspec's options.
    dimse, http, watch, archive
        The doors; None or empty: closed.
    quiet_seconds
        A study to which nothing came for so long is complete.
    attempts
        How often sending an instance is tried.
    backoff_seconds, backoff_max_seconds
        Wait after the first failed try; doubled each time up to the second.
    shard_instances
        Unit of work, 100 to 1000 instances.
    min_free_bytes
        New instances are refused while the disk of the blobs has less room.
    recogniser
        Folder of a model of one's own that recognises identifiers in text; empty: none.
    log
        The transparency log.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = _STRICT

    ledger_url: str = ""
    vault_url: str = ""
    blobs_url: str = ""
    blobs_options_file: str = ""
    dimse: DimseSettings | None = field(default_factory=DimseSettings)
    http: HttpSettings | None = field(default_factory=HttpSettings)
    watch: tuple[WatchSettings, ...] = ()
    archive: ArchiveSettings | None = None
    quiet_seconds: float = 60.0
    attempts: int = 12
    backoff_seconds: float = 5.0
    backoff_max_seconds: float = 3600.0
    shard_instances: int = 250
    min_free_bytes: int = 1024**3
    recogniser: str = ""
    log: LogSettings = field(default_factory=LogSettings)
