"""What a person asks of a command, checked once, as frozen values."""

import os
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from scanward.errors import ConfigError

MAX_WORKERS = 1024
"""More worker processes than this is a slip of the finger, not a machine."""

MAX_NAME_LENGTH = 128
"""Longest name of a recipient, in characters."""


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
    """

    sources: tuple[Path, ...]
    out: Path
    profile: str = "basic"
    recipient: str = "default"
    workers: int = 1
    home: Path | None = None
    release_unchecked_pixels: bool = False

    def __post_init__(self) -> None:
        """Refuse what no run could carry out."""
        if not self.sources:
            raise ConfigError("expected at least one source", remedy="Name a folder, a file or a zip archive.")
        if not 1 <= self.workers <= MAX_WORKERS:
            raise ConfigError(f"expected 1 to {MAX_WORKERS} workers, got {self.workers}")
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
