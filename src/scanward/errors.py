"""Every exception that Scanward raises on purpose.

A message says what was expected and what was found and names the Attribute, never its value: messages reach logs,
reports and terminals. What a person should do stands apart, in :attr:`ScanwardError.remedy`.
"""

from enum import StrEnum


class ScanwardError(Exception):
    """Base of all errors of Scanward.

    Parameters
    ----------
    message
        What was expected and what was found. Carries no value of the data.
    remedy
        What a person can do about it, as a sentence; empty when there is nothing to do.
    """

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


class SourceError(ScanwardError):
    """An input cannot be read: missing, unreadable, a broken or hostile archive."""


class NotDicomError(SourceError):
    """The input is not DICOM; it is counted and left alone."""


class DicomFormatError(ScanwardError):
    """The bytes claim to be DICOM and are not well formed (PS3.5, PS3.10)."""


class TruncatedError(DicomFormatError):
    """An element says it is longer than what is there."""


class NestingError(DicomFormatError):
    """Sequences are nested deeper than :data:`scanward.dicomstream.encoding.MAX_DEPTH`."""


class UnsupportedSyntaxError(DicomFormatError):
    """The Transfer Syntax is unknown, so that its encoding cannot be vouched for."""


class ProfileError(ScanwardError):
    """A de-identification profile is not valid: an unknown key, option, Attribute or action."""


class DeidentificationError(ScanwardError):
    """The plan could not be carried out in full on an instance, so nothing of it is released."""


class HoldError(ScanwardError):
    """A person has to look at the instance before anything of it may leave; the message says why."""


class TextFoundError(HoldError):
    """Text was found in pixels and stays there: nobody has to look whether there is any."""


class PhotographError(HoldError):
    """The pixels may show a person from outside, which no machine tells for sure."""


class FaceError(HoldError):
    """A face can be rebuilt from the pixels, or may be, and stays there."""


class DocumentError(HoldError):
    """A document cannot be read, or not be cleaned for sure."""


class UnseenError(HoldError):
    """Nobody could look at the pixels: what looks is missing or failed its own test."""


class EngineError(ScanwardError):
    """An engine that finds or reads something is missing or failed its own test: its word means nothing."""


class ResidualIdentifierError(DeidentificationError):
    """A known identifier of the input is still in the output, so it is not released."""


class KeyStoreError(ScanwardError):
    """The folder of keys cannot be read, made or trusted."""


class OutputError(ScanwardError):
    """An output cannot be written: a full disk, no permission, a folder that must not be used."""


class JournalError(ScanwardError):
    """The record of a run cannot be read or does not belong to these sources and settings."""


class ConfigError(ScanwardError):
    """A setting is unknown or out of its range."""


class StoreError(ScanwardError):
    """A store cannot be reached, read, written or trusted."""


class StoreFullError(StoreError):
    """A store has no room left; nothing was written and nothing was deleted."""


class UnknownError(ScanwardError):
    """What was asked for is not there."""


class StateError(ScanwardError):
    """A move that the table of states does not have."""


class NetworkError(ScanwardError):
    """A peer cannot be reached, or does not answer as it should."""


class AgreementError(ScanwardError):
    """A recipient's document or a consent is not valid: an unknown key, code or value."""


class ResultError(ScanwardError):
    """A result of a recipient cannot be brought back: it matches nothing, or is not what was agreed."""


class AccessError(ScanwardError):
    """Whoever asks is not known or may not do this."""


class EvidenceError(ScanwardError):
    """Evidence does not hold: a proof, signature, seal or log entry is not what it has to be.

    Parameters
    ----------
    fault
        Which of the ways in which evidence can fail, so that a program can tell them apart: a member of a closed enum
        whose value is a dotted name, such as ``log.checkpoint.rolled-back``.
    message, remedy
        As for every error.
    """

    def __init__(self, fault: StrEnum, message: str, *, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.fault = fault


class SigningError(ScanwardError):
    """A key cannot sign: missing, expired, retired, or the device that holds it refuses."""
