"""Builds what cleans documents, and carries `scanward text` out."""

import contextlib
import hashlib
import os
import stat
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from scanward import __version__
from scanward.adapters.home import find_home, make_private_folder
from scanward.adapters.keys import KeyFolder
from scanward.adapters.known_file import Known, read_known
from scanward.adapters.send.flat_folder import FlatFolder
from scanward.bootstrap.documents import make_carriers, recogniser_maker
from scanward.config import DEIDENTIFYING, Progress, parse_recipient
from scanward.deidentify.documents.kinds import CleanedDocument, DocumentFacts, DocumentKind
from scanward.deidentify.profile import load_profile
from scanward.deidentify.pseudonym import Pseudonyms
from scanward.errors import DocumentError, OutputError, ProfileError, ScanwardError
from scanward.flow.documents import HEAD_BYTES, MOST_BYTES, suffix_of
from scanward.flow.study import StudyDeidentifier
from scanward.model.cleaned_texts import CleanedText, TextOutcome, TextReport
from scanward.model.identifier import IdentifierKind
from scanward.model.pixels import PixelMode
from scanward.model.profile import Option, Profile
from scanward.model.study import patient_key
from scanward.model.text import TextMode

if TYPE_CHECKING:
    from scanward.deidentify.text.prose import TextCleaner
    from scanward.flow.documents import Carriers
    from scanward.ports.recognisers import Recogniser

STANDARD_INPUT = Path("-")
"""Stands for the standard input among sources, and for the standard output as `out`."""


class DateMode(StrEnum):
    """What becomes of dates but the birth date."""

    SHIFT = "shift"
    """All of a patient's move by the same number of days."""
    REMOVE = "remove"
    KEEP = "keep"


_DATE_OPTIONS = {
    DateMode.SHIFT: frozenset({Option.RETAIN_MODIFIED_DATES}),
    DateMode.REMOVE: frozenset(),
    DateMode.KEEP: frozenset({Option.RETAIN_FULL_DATES}),
}


@dataclass(frozen=True, kw_only=True)
class TextRequest:
    """What `scanward text` is asked to do.

    Attributes
    ----------
    sources
        Files to read, or `STANDARD_INPUT`; at least one.
    out
        Folder for the outputs, or `STANDARD_INPUT` for the standard output, with one source.
    profile
        Name or path of a profile: what stays of institutions, and what `mode` and `dates` are where they are None.
    mode
        What stands where an identifier was.
    dates
        What becomes of dates.
    known
        Files that say who the documents are about.
    recipient
        For whom: surrogates and names of outputs are one set for each.
    home
        Folder of keys and reports; None takes ``SCANWARD_HOME`` or the platform's user data folder.
    recogniser
        Folder of a model of one's own that recognises identifiers in text; None for none.
    """

    sources: tuple[Path, ...]
    out: Path
    profile: str = "basic"
    mode: TextMode | None = None
    dates: DateMode | None = None
    known: tuple[Path, ...] = ()
    recipient: str = "default"
    home: Path | None = None
    recogniser: Path | None = None

    def __post_init__(self) -> None:
        """Refuse what no run could carry out."""
        object.__setattr__(self, "recipient", parse_recipient(self.recipient))
        if self.out == STANDARD_INPUT and len(self.sources) > 1:
            raise OutputError(
                "expected one file for the standard output, got several", remedy="Name a folder with --out."
            )

    def choose_profile(self) -> Profile:
        """Return the profile with what the request says besides.

        Raises
        ------
        ProfileError
            There is none of that name, or what is asked for cannot be.
        """
        profile = load_profile(self.profile)
        mode = self.mode or profile.text.mode
        dates = self.dates or _dates_of(profile, mode)
        if mode is TextMode.SURROGATE and dates is DateMode.REMOVE:
            raise ProfileError(
                "surrogates stand for dates, too, so that dates cannot be removed",
                remedy="Choose --dates shift or keep, or another --mode.",
            )
        options = profile.options - {Option.RETAIN_FULL_DATES, Option.RETAIN_MODIFIED_DATES}
        return replace(profile, options=options | _DATE_OPTIONS[dates], text=replace(profile.text, mode=mode))


def _dates_of(profile: Profile, mode: TextMode) -> DateMode:
    if Option.RETAIN_FULL_DATES in profile.options:
        return DateMode.KEEP
    moves = Option.RETAIN_MODIFIED_DATES in profile.options or mode is TextMode.SURROGATE
    return DateMode.SHIFT if moves else DateMode.REMOVE


def clean_files(
    request: TextRequest,
    progress: Callable[[Progress], None],
    keep: Callable[[TextReport], None] = lambda _: None,
    *,
    stdin: BinaryIO | None = None,
    stdout: BinaryIO | None = None,
) -> TextReport:
    """Carry out `scanward text`.

    Parameters
    ----------
    request
        What to do.
    progress
        Called as the run goes on.
    keep
        Puts the report where it stays; called whatever ended the run, with what was done until then.
    stdin, stdout
        The standard input and output; those of the process where they are None.

    Raises
    ------
    ScanwardError
        The run as a whole cannot be done.
    """
    home = find_home(request.home)
    make_private_folder(home)
    profile = request.choose_profile()
    known = _joined(map(read_known, request.known))
    recogniser = recogniser_maker(request.recogniser)()
    report = TextReport(
        version=__version__,
        profile=profile.name,
        text=profile.text.in_words,
        dates=_dates_of(profile, profile.text.mode).value,
        recipient=request.recipient,
        looked_by=recogniser.name,
        started=_now(),
    )
    with contextlib.ExitStack() as stack:
        output = _Output(request.out, stdout or sys.stdout.buffer)
        output.prepare()
        stack.callback(output.close)
        stack.callback(_finish, report, keep)
        work = _Work(
            profile=profile,
            pseudonyms=Pseudonyms(KeyFolder(home).recipient_key(request.recipient)),
            known=known,
            recogniser=recogniser,
            carriers=make_carriers(profile.pixels.mode is not PixelMode.OFF),
            output=output,
            stdin=stdin or sys.stdin.buffer,
        )
        total = len(request.sources)
        for number, source in enumerate(request.sources):
            progress(Progress(phase=DEIDENTIFYING, done_files=number, total_files=total))
            report.files.append(work.treat(source))
        progress(Progress(phase=DEIDENTIFYING, done_files=total, total_files=total))
        output.sync()
    return report


def _finish(report: TextReport, keep: Callable[[TextReport], None]) -> None:
    report.finished = _now()
    keep(report)


def _joined(known: Iterable[Known]) -> Known:
    """Join what several files know; they are about one patient, whom the first instance tells."""
    found = list(known)
    key = next((one.patient_key for one in found if one.patient_key), "")
    return Known(frozenset().union(*(one.identifiers for one in found)), key)


class _Output:
    """Where cleaned documents go: a folder, or the standard output."""

    def __init__(self, out: Path, stdout: BinaryIO) -> None:
        self._folder = None if out == STANDARD_INPUT else FlatFolder(out)
        self._stdout = stdout

    def prepare(self) -> None:
        if self._folder is not None:
            self._folder.prepare()

    def close(self) -> None:
        if self._folder is not None:
            self._folder.close()

    def sync(self) -> None:
        if self._folder is not None:
            self._folder.sync()

    def withdraw(self, stem: str) -> None:
        """Take away what an earlier run wrote of a document: what this one does not release must not stay."""
        if self._folder is not None:
            self._folder.withdraw(f"{stem}.*")

    def write(self, data: bytes, name: str) -> str:
        if self._folder is not None:
            self._folder.put(name, lambda path: path.write_bytes(data))
            return name
        try:
            self._stdout.write(data)
            self._stdout.flush()
        except OSError as error:
            raise OutputError(f"the output cannot be written: {os.strerror(error.errno or 0)}") from None
        return str(STANDARD_INPUT)


@dataclass(frozen=True, kw_only=True)
class _Work:
    """What treats one document after the other."""

    profile: Profile
    pseudonyms: Pseudonyms
    known: Known
    recogniser: "Recogniser"
    output: _Output
    stdin: BinaryIO
    carriers: "Carriers"

    def treat(self, source: Path) -> CleanedText:
        """Return what became of a document; raises only where no other could be treated either."""
        kind: DocumentKind | None = None
        try:
            data = self._read(source)
            stem = self.pseudonyms.document(hashlib.sha256(data).hexdigest())
            self.output.withdraw(stem)
            kind = self.carriers.tell("" if source == STANDARD_INPUT else source.name, data[:HEAD_BYTES])
            if kind is None:
                raise DocumentError(
                    "it is no document of a kind that is read here",
                    remedy="Plain text (.txt), HL7 v2, FHIR, CDA, DOCX, PDF are. For DICOM, use scanward deidentify.",
                )
            done = self._clean(data, kind)
        except OutputError:
            raise
        except ScanwardError as error:
            return CleanedText(
                source=str(source),
                outcome=TextOutcome.HELD,
                kind=kind.value if kind is not None else "",
                reason=str(error),
                remedy=error.remedy,
            )
        return CleanedText(
            source=str(source),
            outcome=TextOutcome.RELEASED,
            output=self.output.write(done.data, f"{stem}{suffix_of(kind, done.data)}"),
            kind=kind.value,
            replaced={which.value: count for which, count in done.replaced.items()},
            removed=done.removed,
        )

    def _read(self, source: Path) -> bytes:
        try:
            if source == STANDARD_INPUT:
                data = self.stdin.read(MOST_BYTES + 1)
            else:
                # Not to wait for a pipe that nobody writes to.
                with os.fdopen(os.open(source, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as stream:
                    data = stream.read(MOST_BYTES + 1) if stat.S_ISREG(os.fstat(stream.fileno()).st_mode) else b""
        except OSError as error:
            raise DocumentError(f"it cannot be read: {os.strerror(error.errno or 0)}") from None
        if len(data) > MOST_BYTES:
            raise DocumentError(f"expected a document of {MOST_BYTES >> 20} MB at most, got a larger one")
        return data

    def _clean(self, data: bytes, kind: DocumentKind) -> CleanedDocument:
        carrier = self.carriers.find(kind)
        facts = carrier.read_facts(data)
        return carrier.clean(data, self._cleaner(data, facts))

    def _cleaner(self, data: bytes, facts: DocumentFacts) -> "TextCleaner":
        study = StudyDeidentifier(
            profile=self.profile,
            pseudonyms=self.pseudonyms,
            identifiers=self.known.identifiers | facts.identifiers,
            patient_key=self.known.patient_key or _key_of(facts, data),
            recogniser=self.recogniser,
        )
        return study.cleaner


def _key_of(facts: DocumentFacts, data: bytes) -> str:
    """Return what tells the patient of a document: what it says of them, else the document itself."""

    def only(kind: IdentifierKind) -> str:
        values = sorted(one.value for one in facts.identifiers if one.kind is kind)
        return values[0] if values else ""

    return patient_key(
        patient_id=min(facts.patient_ids, default=""),
        issuer="",
        name=only(IdentifierKind.PATIENT_NAME),
        birth_date=only(IdentifierKind.BIRTH_DATE),
        study_uid=min(facts.study_uids, default=hashlib.sha256(data).hexdigest()),
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
