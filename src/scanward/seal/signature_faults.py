"""The ways in which signatures, keys and what rests on them can fail; each refusal names one."""

from enum import StrEnum


class SignatureFault(StrEnum):
    """What is wrong with a statement, a key, a certificate, a time, or a signature inside a file."""

    # Custody statements: seal.statement
    STATEMENT_JSON = "statement.json"
    STATEMENT_DUPLICATE_KEY = "statement.json.duplicate-key"
    STATEMENT_FLOAT = "statement.json.float"
    STATEMENT_CANONICAL = "statement.json.not-canonical"
    STATEMENT_SIZE = "statement.size"
    STATEMENT_TYPE = "statement.type"
    STATEMENT_FIELDS = "statement.fields"
    STATEMENT_VALUE = "statement.value"
    STATEMENT_EVENT = "statement.event"
    STATEMENT_TIME = "statement.time"
    STATEMENT_BLINDING = "statement.blinding"
    STATEMENT_ENTRY = "statement.entry"
    LINK_SIZE = "statement.link.size"

    # Chains of them
    CHAIN_EMPTY = "chain.empty"
    CHAIN_OBJECT = "chain.object"
    CHAIN_GAP = "chain.gap"
    CHAIN_ORDER = "chain.order"
    CHAIN_FORK = "chain.fork"
    CHAIN_PREVIOUS = "chain.previous"
    CHAIN_CLOCK_BACK = "chain.clock-back"
    CHAIN_END = "chain.end"

    # Keys at times: seal.trust
    KEY_UNKNOWN = "key.unknown"
    KEY_RECORDS = "key.records"
    KEY_ID = "key.id"
    KEY_ALGORITHM = "key.algorithm"
    KEY_USE = "key.use"
    KEY_NOT_YET_VALID = "key.not-yet-valid"
    KEY_EXPIRED = "key.expired"
    KEY_RETIRED = "key.retired"
    KEY_COMPROMISED = "key.compromised"
    KEY_COMPROMISED_UNATTESTED = "key.compromised.no-attested-time"
    SIGNATURE_WRONG = "signature.wrong"
    TIME_AHEAD = "time.ahead"
    TIME_AFTER_ATTESTED = "time.after-attested"
    TIME_BACKDATED = "time.backdated"

    # Certificates, checked by adapters.signing
    CERTIFICATE_FORM = "certificate.form"
    CERTIFICATE_MISSING = "certificate.missing"
    CERTIFICATE_AUTHORITY = "certificate.authority"
    CERTIFICATE_EXPIRED = "certificate.expired"
    CERTIFICATE_NOT_YET_VALID = "certificate.not-yet-valid"
    CERTIFICATE_USE = "certificate.use"
    CERTIFICATE_KEY = "certificate.key"

    # Tokens of RFC 3161: adapters.signing.timestamps
    TOKEN_FORM = "token.form"  # noqa: S105 - not a password
    TOKEN_REFUSED = "token.refused"  # noqa: S105 - as above
    TOKEN_IMPRINT = "token.imprint"  # noqa: S105 - as above
    TOKEN_HASH = "token.hash"  # noqa: S105 - as above
    TOKEN_NONCE = "token.nonce"  # noqa: S105 - as above
    TOKEN_SIGNATURE = "token.signature"  # noqa: S105 - as above
    TOKEN_AUTHORITY = "token.authority"  # noqa: S105 - as above
    TOKEN_USE = "token.use"  # noqa: S105 - as above
    TOKEN_VALIDITY = "token.validity"  # noqa: S105 - as above
    TOKEN_CLOCK = "token.clock"  # noqa: S105 - as above
    TOKEN_POLICY = "token.policy"  # noqa: S105 - as above

    # Detached CMS: adapters.signing.cms
    CMS_FORM = "cms.form"
    CMS_CONTENT = "cms.content"
    CMS_SIGNATURE = "cms.signature"
    CMS_ALGORITHM = "cms.algorithm"

    # Digital signatures of PS3.15 in DICOM files: adapters.signatures.dicom
    DICOM_FORM = "dicom.form"
    DICOM_UNSIGNED = "dicom.unsigned"
    DICOM_ENCAPSULATED = "dicom.encapsulated"
    DICOM_UNSIGNABLE = "dicom.unsignable"
    DICOM_STOCK_LIMIT = "dicom.stock-limit"
    DICOM_SYNTAX = "dicom.syntax"
    DICOM_MAC_ALGORITHM = "dicom.mac-algorithm"
    DICOM_MAC_PARAMETERS = "dicom.mac-parameters"
    DICOM_TAG_LIST = "dicom.tag-list"
    DICOM_ELEMENT_REMOVED = "dicom.element-removed"
    DICOM_ELEMENT_ADDED = "dicom.element-added"
    DICOM_SIGNATURE = "dicom.signature"
    DICOM_CERTIFICATE_TYPE = "dicom.certificate-type"

    # Manifests of C2PA: adapters.signatures.c2pa
    C2PA_FORM = "c2pa.form"
    C2PA_UNSIGNED = "c2pa.unsigned"
    C2PA_CONTENT = "c2pa.content"
    C2PA_SIGNATURE = "c2pa.signature"
    C2PA_MANIFEST = "c2pa.manifest"
    C2PA_UNTRUSTED = "c2pa.untrusted"
    C2PA_COMMITMENT = "c2pa.commitment"
