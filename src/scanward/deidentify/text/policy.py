"""The table ``[text]`` of a profile: what is done about text that people wrote."""

from collections.abc import Mapping

from scanward.deidentify.words import word_of
from scanward.errors import ProfileError
from scanward.model.text import DocumentMode, TextMode, TextPolicy

_KEYS = ("documents", "mode")


def parse_text_policy(table: Mapping[str, object], where: str) -> TextPolicy:
    """Parse the table of a profile; an empty one is the default.

    Parameters
    ----------
    table
        ``mode`` and ``documents``, as TOML gives them.
    where
        The profile, for messages.

    Raises
    ------
    ProfileError
        A key or a word is not known.
    """
    unknown = sorted(set(table) - set(_KEYS))
    if unknown:
        raise ProfileError(f"{where}: unknown key {unknown[0]!r} in 'text'", remedy=f"Known keys: {', '.join(_KEYS)}.")
    default = TextPolicy()
    return TextPolicy(
        mode=word_of(TextMode, table.get("mode", default.mode.value), "text.mode", where),
        documents=word_of(DocumentMode, table.get("documents", default.documents.value), "text.documents", where),
    )
