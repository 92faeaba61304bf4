"""Makes what looks at pixels: the engines once in each process, and a cleaner for each policy."""

import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from scanward.errors import EngineError
from scanward.model.pixels import PixelMode, PixelPolicy
from scanward.model.profile import Profile

if TYPE_CHECKING:
    from scanward.deidentify.pixels.clean import Engines, PixelCleaner

_loading = threading.Lock()
_loaded: "list[Engines]" = []


def with_mode(profile: Profile, mode: str) -> Profile:
    """Return `profile` with one mode for pixels of all modalities; as it is where `mode` is empty."""
    if not mode:
        return profile
    return replace(profile, pixels=replace(profile.pixels, mode=PixelMode(mode), modes={}))


def cleaner_maker(spool: Path) -> "Callable[[PixelPolicy], PixelCleaner]":
    """Return what makes cleaners that put aside in `spool` what is too much for memory; it can be pickled."""
    return partial(_make_cleaner, spool)


def _make_cleaner(spool: Path, policy: PixelPolicy) -> "PixelCleaner":
    try:
        from scanward.deidentify.pixels.clean import PixelCleaner
    except ModuleNotFoundError as error:
        raise _missing(error) from None
    return PixelCleaner(load_engines, policy, folder=spool)


def load_engines() -> "Engines":
    """Return the engines of this process, made by whoever asks first.

    Raises
    ------
    EngineError
        Something of it is not installed, or not what was measured.
    """
    with _loading:
        if not _loaded:
            _loaded.append(_load())
        return _loaded[0]


def _load() -> "Engines":
    try:
        from scanward.adapters.engines import barcodes, faces, frames, text
        from scanward.adapters.engines.turns import InTurn, PlacesInTurn
        from scanward.deidentify.pixels.clean import Engines
    except ModuleNotFoundError as error:
        raise _missing(error) from None
    first, second = text.load_engines()
    turn = threading.Lock()
    return Engines(
        text=InTurn(first, turn),
        second=InTurn(second, turn),
        barcodes=PlacesInTurn(barcodes.BarcodeReader(), turn),
        faces=PlacesInTurn(faces.FaceFinder(), turn),
        codec=frames.ImageCodec(),
    )


def _missing(error: ModuleNotFoundError) -> EngineError:
    package = (error.name or "").partition(".")[0]
    if package in ("", "scanward"):
        raise error  # a defect of ours
    return EngineError(
        f"expected the package {package}, found none",
        remedy="Install what looking at pixels needs: pip install 'scanward[pixels]'.",
    )
