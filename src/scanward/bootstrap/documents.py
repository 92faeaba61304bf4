"""Makes who reads and cleans documents, and what recognises identifiers in text, once in each process."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from scanward.deidentify.documents.kinds import DocumentKind
from scanward.errors import DocumentError
from scanward.model.profile import Profile
from scanward.model.text import DocumentMode, TextMode

if TYPE_CHECKING:
    from scanward.flow.documents import Carrier, Carriers
    from scanward.ports.recognisers import Recogniser


def with_text(profile: Profile, mode: str, documents: str) -> Profile:
    """Return `profile` with another mode for text and for documents; as it is where these are empty."""
    text = profile.text
    if mode:
        text = replace(text, mode=TextMode(mode))
    if documents:
        text = replace(text, documents=DocumentMode(documents))
    return profile if text is profile.text else replace(profile, text=text)


def make_carriers() -> "Carriers":
    """Return who reads and cleans documents; what that takes is loaded where there is one."""
    return _Carriers()


def make_recogniser() -> "Recogniser | None":
    """Return what recognises identifiers in text that nobody told of."""
    return None


class _Carriers:
    """Finds who cleans documents of a kind (implements :class:`scanward.flow.documents.Carriers`)."""

    def tell(self, name: str, start: bytes) -> DocumentKind | None:
        """Return how a file is written, by its name and first bytes; None for what is no document."""
        return None

    def find(self, kind: DocumentKind) -> "Carrier":
        """Return who cleans documents of a kind; raises `EngineError` where something for it is missing."""
        return _find(kind)


@cache
def _find(kind: DocumentKind) -> "Carrier":
    make = _MAKERS.get(kind)
    if make is None:
        raise DocumentError(f"nothing is set up that cleans a {kind.value}")
    return make()


_MAKERS: "dict[DocumentKind, Callable[[], Carrier]]" = {}
