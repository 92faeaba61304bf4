"""The table ``[faces]`` of a profile: what is done about faces in head scans."""

from collections.abc import Mapping

from scanward.deidentify.words import word_of
from scanward.errors import ProfileError
from scanward.model.faces import FaceFill, FaceMode, FacePolicy, FaceUnsure

_KEYS = ("fill", "mode", "unsure")


def parse_face_policy(table: Mapping[str, object], where: str) -> FacePolicy:
    """Parse the table of a profile; an empty one is the default.

    Parameters
    ----------
    table
        ``mode``, ``fill`` and ``unsure``, as TOML gives them.
    where
        The profile, for messages.

    Raises
    ------
    ProfileError
        A key or a word is not known.
    """
    unknown = sorted(set(table) - set(_KEYS))
    if unknown:
        raise ProfileError(f"{where}: unknown key {unknown[0]!r} in 'faces'", remedy=f"Known keys: {', '.join(_KEYS)}.")
    default = FacePolicy()
    return FacePolicy(
        mode=word_of(FaceMode, table.get("mode", default.mode.value), "faces.mode", where),
        fill=word_of(FaceFill, table.get("fill", default.fill.value), "faces.fill", where),
        unsure=word_of(FaceUnsure, table.get("unsure", default.unsure.value), "faces.unsure", where),
    )
