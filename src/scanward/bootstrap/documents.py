"""Makes who reads and cleans documents, and what recognises identifiers in text, once in each process."""

from dataclasses import replace
from functools import cache, partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from scanward.deidentify.documents.kinds import DocumentKind
from scanward.errors import ConfigError, EngineError
from scanward.model.profile import Profile
from scanward.model.text import DocumentMode, TextMode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from scanward.deidentify.documents.kinds import CleanedDocument
    from scanward.deidentify.text.prose import TextCleaner
    from scanward.flow.documents import Carrier, Carriers
    from scanward.ports.recognisers import Recognised, Recogniser, SparingRecogniser


def with_text(profile: Profile, mode: str, documents: str) -> Profile:
    """Return `profile` with another mode for text and for documents; as it is where these are empty."""
    text = profile.text
    if mode:
        text = replace(text, mode=TextMode(mode))
    if documents:
        text = replace(text, documents=DocumentMode(documents))
    return profile if text is profile.text else replace(profile, text=text)


def make_carriers(looks: bool) -> "Carriers":  # noqa: FBT001 - the one thing that it depends on
    """Return who reads and cleans documents; what that takes is loaded where there is one.

    Parameters
    ----------
    looks
        Whether pages may be looked at as pictures. Else only PDF of plain text can be cleaned.
    """
    return _Carriers(looks=looks)


def recogniser_maker(brought: Path | None = None) -> "Callable[[], Recogniser]":
    """Return what makes who recognises identifiers in text that nobody told of; it can be pickled.

    Parameters
    ----------
    brought
        Folder of a model that a site brings, which is asked besides; None for none.

    Raises
    ------
    ConfigError
        There is no such folder.
    """
    if brought is not None and not brought.is_dir():
        raise ConfigError(
            "expected a folder with the model of a recogniser, found none",
            remedy="Name the folder that holds model.onnx, tokenizer.json and config.json.",
        )
    return partial(_Recognisers, None if brought is None else brought.absolute())


class _Recognisers:
    """Our own recogniser, and one that a site brings; loaded where there is prose, which most runs have none of."""

    def __init__(self, brought: Path | None) -> None:
        self._brought = brought

    @property
    def name(self) -> str:
        """Models and versions, for the report."""
        other = self._find_brought()
        return self._find().name if other is None else f"{self._find().name}, {other.name}"

    def recognise(self, text: str) -> "list[Recognised]":
        """Return what looks like an identifier in `text`."""
        return self.recognise_beside(text, ())

    def recognise_beside(self, text: str, taken: "Sequence[tuple[int, int]]") -> "list[Recognised]":
        """Return what looks like an identifier in `text`; words within `taken` need not be looked at."""
        found = self._find().recognise_beside(text, taken)
        other = self._find_brought()
        return found if other is None else sorted((*found, *other.recognise(text)))

    def _find_brought(self) -> "Recogniser | None":
        return None if self._brought is None else _load_brought(self._brought)

    @staticmethod
    def _find() -> "SparingRecogniser":
        from scanward.deidentify.text.recogniser.crf import load_recogniser

        return load_recogniser()


@cache
def _load_brought(folder: Path) -> "Recogniser":
    try:
        from scanward.adapters.engines.token_classifier import TokenClassifier
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        raise EngineError(
            f"expected the package {package}, found none",
            remedy="Install what runs a model of your own: pip install 'scanward[recogniser]'.",
        ) from None
    return TokenClassifier(folder)


_PACKAGES = ("lxml", "pikepdf", "pypdfium2")
"""What reading and writing documents takes."""


def document_sight() -> str:
    """Return what reads documents in this process, by names and versions; empty where something of it is missing."""
    try:
        return ", ".join(f"{name} {metadata.version(name)}" for name in _PACKAGES)
    except metadata.PackageNotFoundError:
        return ""


class _Carriers:
    """Finds who cleans documents of a kind (implements :class:`scanward.flow.documents.Carriers`)."""

    def __init__(self, *, looks: bool) -> None:
        self._looks = looks

    def tell(self, name: str, start: bytes) -> DocumentKind | None:
        """Return how a file is written, by its name and first bytes; None for what is no document."""
        from scanward.deidentify.documents.tell import tell_kind

        return tell_kind(name, start)

    def find(self, kind: DocumentKind) -> "Carrier":
        """Return who cleans documents of a kind; raises `EngineError` where something for it is missing."""
        return _find(kind, looks=self._looks)


@cache
def _find(kind: DocumentKind, *, looks: bool) -> "Carrier":
    try:
        if kind is DocumentKind.PDF:
            return _make_pdf_cleaner(looks=looks)
        from scanward.deidentify.documents.tell import carrier_of

        return carrier_of(kind, embedded=partial(_clean_embedded, looks=looks))
    except ModuleNotFoundError as error:
        raise _missing(error) from None


def _clean_embedded(media_type: str, data: bytes, cleaner: "TextCleaner", *, looks: bool) -> "CleanedDocument | None":
    """Clean a document inside of another; what cleans PDF is loaded where there is one."""
    from scanward.deidentify.documents.embedded import text_alone, with_pdf

    if media_type.partition(";")[0].strip().lower() != "application/pdf":
        return text_alone(media_type, data, cleaner)
    try:
        pdf = _find(DocumentKind.PDF, looks=looks)
    except EngineError:
        return None  # left out, and told
    return with_pdf(pdf.clean)(media_type, data, cleaner)


def _make_pdf_cleaner(*, looks: bool) -> "Carrier":
    from scanward.adapters.engines.pdf import PdfiumEngine
    from scanward.bootstrap.pixels import load_engines
    from scanward.deidentify.documents.pdf import PdfCleaner

    engine = PdfiumEngine()
    if not looks:
        return PdfCleaner(engine, None)
    try:
        engines = load_engines()
    except EngineError:
        # Pages of plain text can be cleaned without; for others it is missed, and said so.
        return PdfCleaner(engine, None)
    return PdfCleaner(engine, engines.text, second=engines.second, barcodes=engines.barcodes, faces=engines.faces)


def _missing(error: ModuleNotFoundError) -> EngineError:
    package = (error.name or "").partition(".")[0]
    if package in ("", "scanward"):
        raise error  # a defect of ours
    return EngineError(
        f"expected the package {package}, found none",
        remedy="Install what reading documents needs: pip install 'scanward[documents]'.",
    )
