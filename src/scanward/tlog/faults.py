"""Each way in which a log, or a proof from it, can fail to hold."""

from enum import StrEnum


class LogFault(StrEnum):
    """What does not hold; a fault of `scanward.errors.EvidenceError`."""

    NOTE_TOO_LONG = "log.note.too-long"
    NOTE_NOT_UTF8 = "log.note.not-utf-8"
    NOTE_CONTROL_CHARACTER = "log.note.control-character"
    NOTE_FORM = "log.note.form"
    NOTE_SIGNATURE_LINE = "log.note.signature-line"
    NOTE_TOO_MANY_SIGNATURES = "log.note.too-many-signatures"

    KEY_FORM = "log.key.form"
    KEY_ID = "log.key.id"
    KEY_ALGORITHM = "log.key.algorithm"

    CHECKPOINT_FORM = "log.checkpoint.form"
    CHECKPOINT_SIZE = "log.checkpoint.size"
    CHECKPOINT_ROOT = "log.checkpoint.root"
    CHECKPOINT_ORIGIN = "log.checkpoint.origin"
    CHECKPOINT_MISSING = "log.checkpoint.missing"
    ROLLED_BACK = "log.checkpoint.rolled-back"
    SPLIT_VIEW = "log.checkpoint.split-view"
    INCONSISTENT = "log.checkpoint.inconsistent"

    SIGNATURE_FORGED = "log.signature.forged"
    SIGNATURE_MISSING = "log.signature.missing"
    SIGNATURE_UNKNOWN_KEY = "log.signature.unknown-key"
    SIGNATURE_THRESHOLD = "log.signature.threshold"

    COSIGNATURE_FORM = "log.cosignature.form"
    COSIGNATURE_FORGED = "log.cosignature.forged"
    COSIGNATURE_MISSING = "log.cosignature.missing"
    COSIGNATURE_UNKNOWN_WITNESS = "log.cosignature.unknown-witness"
    COSIGNATURE_THRESHOLD = "log.cosignature.threshold"
    COSIGNATURE_FUTURE = "log.cosignature.future"

    PROOF_FORM = "log.proof.form"
    PROOF_EXTRA = "log.proof.extra"
    PROOF_INDEX = "log.proof.index"
    PROOF_HASH = "log.proof.hash"
    PROOF_TOO_SHORT = "log.proof.too-short"
    PROOF_TOO_LONG = "log.proof.too-long"
    PROOF_OUTSIDE = "log.proof.outside"
    PROOF_MISMATCH = "log.proof.mismatch"
    CONSISTENCY_TOO_SHORT = "log.consistency.too-short"
    CONSISTENCY_TOO_LONG = "log.consistency.too-long"
    CONSISTENCY_OLD_ROOT = "log.consistency.old-root"
    CONSISTENCY_NEW_ROOT = "log.consistency.new-root"
    CONSISTENCY_SIZES = "log.consistency.sizes"

    TILE_PATH = "log.tile.path"
    TILE_TRUNCATED = "log.tile.truncated"
    TILE_OVERSIZED = "log.tile.oversized"
    TILE_MISMATCH = "log.tile.mismatch"
    EDGE_MISMATCH = "log.tile.edge-mismatch"
    BUNDLE_TRUNCATED = "log.entries.truncated"
    BUNDLE_OVERSIZED = "log.entries.oversized"
    ENTRY_MISMATCH = "log.entries.mismatch"

    JOURNAL_MISSING = "log.journal.missing"
    JOURNAL_HEAD = "log.journal.head"
    JOURNAL_CORRUPT = "log.journal.corrupt"
    CHECKPOINT_AHEAD = "log.journal.checkpoint-ahead"
    CHECKPOINT_BEHIND = "log.journal.checkpoint-behind"
    CHECKPOINT_FORKED = "log.journal.checkpoint-forked"
