"""Makes what looks at pixels: the engines once in each process, and a cleaner for each policy."""

import hashlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from scanward.errors import ConfigError, EngineError
from scanward.model.pixels import PixelMode, PixelPolicy
from scanward.model.profile import Profile

if TYPE_CHECKING:
    from scanward.deidentify.pixels.clean import Engines, PixelCleaner
    from scanward.model.screens import Layout

_loading = threading.Lock()
_loaded: "list[Engines]" = []

_PACKAGES = ("imagecodecs", "numpy", "opencv-python-headless", "openvino", "rapidocr", "zxing-cpp")
"""What looking takes, whichever Python it is."""


def with_mode(profile: Profile, mode: str) -> Profile:
    """Return `profile` with one mode for pixels of all modalities; as it is where `mode` is empty."""
    if not mode:
        return profile
    return replace(profile, pixels=replace(profile.pixels, mode=PixelMode(mode), modes={}))


def read_layouts(path: Path | None) -> str:
    """Return the text of a site's table of screens; empty where there is none.

    Raises
    ------
    ConfigError
        It cannot be read, or has no layout.
    """
    if path is None:
        return ""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeError):
        raise ConfigError("cannot read the table of layouts", remedy="Check the path after --layouts.") from None
    if not _parse(text):
        raise ConfigError(
            "expected a table of layouts with one [[layout]] at least",
            remedy="scanward layouts shipped shows the form, scanward layouts propose proposes some.",
        )
    return text


def with_layouts(profile: Profile, text: str) -> Profile:
    """Return `profile` with a site's table of screens; as it is where the table is empty.

    Raises
    ------
    ConfigError
        The table is not valid, or the profile has no text taken out, so that nothing of it would be filled.
    """
    if not text:
        return profile
    layouts = _parse(text)
    pixels = profile.pixels
    if PixelMode.CLEAN not in {pixels.mode, *pixels.modes.values()}:
        raise ConfigError(
            "expected text to be taken out of pixels where a table of layouts is given",
            remedy="Leave out --layouts, or have pixels cleaned.",
        )
    return replace(profile, pixels=replace(pixels, layouts=layouts))


def _parse(text: str) -> "tuple[Layout, ...]":
    from scanward.deidentify.pixels.layouts import parse_layouts  # most runs have no table of their own

    return parse_layouts(text, where="layouts")


def cleaner_maker(spool: Path) -> "Callable[[PixelPolicy], PixelCleaner]":
    """Return what makes cleaners that put aside in `spool` what is too much for memory; it can be pickled."""
    return partial(_make_cleaner, spool)


def _make_cleaner(spool: Path, policy: PixelPolicy) -> "PixelCleaner":
    try:
        from scanward.deidentify.pixels.clean import PixelCleaner
    except ModuleNotFoundError as error:
        raise _missing(error) from None
    return PixelCleaner(load_engines, policy, folder=spool)


def sight_of(layouts: "Sequence[Layout]") -> str:
    """Return what looks at pixels in this process, by names and versions; empty where something of it is missing.

    Parameters
    ----------
    layouts
        What the site has filled on its devices' screens.
    """
    found: dict[str, str] = {}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            return ""
    parts = [f"{name} {version}" for name, version in found.items()]
    if layouts:
        told = [
            (one.manufacturer, one.model, sorted(one.sop_classes), one.rows, one.columns, one.boxes) for one in layouts
        ]
        parts.append(f"layouts {hashlib.sha256(repr(told).encode()).hexdigest()[:12]}")
    return ", ".join(parts)


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
