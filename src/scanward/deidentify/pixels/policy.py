"""The table ``[pixels]`` of a profile: what is done about text in pixels."""

from collections.abc import Mapping

from scanward.deidentify.words import word_of
from scanward.errors import ProfileError
from scanward.model.pixels import KeptText, PixelMode, PixelPolicy
from scanward.standard.modalities import MODALITIES

_KEYS = ("keep", "mode", "modes")


def parse_pixel_policy(table: Mapping[str, object], where: str) -> PixelPolicy:
    """Parse the table of a profile; an empty one is the default.

    Parameters
    ----------
    table
        ``mode``, ``keep`` and ``modes``, as TOML gives them.
    where
        The profile, for messages.

    Raises
    ------
    ProfileError
        A key, mode, Modality or kind of words is not known.
    """
    unknown = sorted(set(table) - set(_KEYS))
    if unknown:
        raise ProfileError(
            f"{where}: unknown key {unknown[0]!r} in 'pixels'", remedy=f"Known keys: {', '.join(_KEYS)}."
        )
    keep, modes = table.get("keep", []), table.get("modes", {})
    if not isinstance(keep, list):
        raise ProfileError(f"{where}: expected 'pixels.keep' as a list")
    if not isinstance(modes, dict):
        raise ProfileError(f"{where}: expected 'pixels.modes' as a table")
    for modality in modes:
        if modality not in MODALITIES:
            raise ProfileError(
                f"{where}: unknown Modality {modality!r} in 'pixels.modes'",
                remedy="Give Defined Terms of PS3.3 Section C.7.3.1.1.1, in capital letters.",
            )
    return PixelPolicy(
        mode=word_of(PixelMode, table.get("mode", PixelPolicy().mode.value), "pixels.mode", where),
        modes={modality: word_of(PixelMode, mode, "pixels.modes", where) for modality, mode in modes.items()},
        kept=frozenset(word_of(KeptText, kind, "pixels.keep", where) for kind in keep),
    )
