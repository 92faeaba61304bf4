"""Makes what looks at the scans of studies: the engines once in each process, and a planner for each policy."""

import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from scanward.errors import EngineError
from scanward.model.bodies import BodyPolicy
from scanward.model.faces import FaceMode, FacePolicy
from scanward.model.profile import Profile

if TYPE_CHECKING:
    from scanward.deidentify.bodies.study import BodyPlanner, ScanPlanner
    from scanward.deidentify.faces.findings import FaceEngines
    from scanward.deidentify.faces.study import FacePlanner
    from scanward.ports.engines import FaceEngine

_loading = threading.Lock()
_loaded: "list[FaceEngines]" = []

_PACKAGES = ("numpy", "opencv-python-headless", "scipy", "simpleitk")
"""What looking at heads takes."""


def with_faces(profile: Profile, mode: str) -> Profile:
    """Return `profile` with one mode for faces; as it is where `mode` is empty."""
    if not mode:
        return profile
    return replace(profile, faces=replace(profile.faces, mode=FaceMode(mode)))


def planner_maker(spool: Path) -> "Callable[[FacePolicy, BodyPolicy], ScanPlanner]":
    """Return what makes planners that put aside in `spool` what is too much for memory; it can be pickled."""
    return partial(_make_planner, spool)


def face_sight() -> str:
    """Return what looks at heads in this process, by names and versions; empty where something of it is missing."""
    packages = (*_PACKAGES, "dlib-bin") if find_spec("dlib") else _PACKAGES
    try:
        return ", ".join(f"{name} {metadata.version(name)}" for name in packages)
    except metadata.PackageNotFoundError:
        return ""


def _make_planner(spool: Path, policy: FacePolicy, body: BodyPolicy) -> "ScanPlanner":
    # Whoever only cuts bodies does without what finds faces.
    faces = None if policy.mode is FaceMode.OFF else _make_face_planner(spool, policy)
    bodies = None if body.keep is None else _make_body_planner(spool, body)
    from scanward.deidentify.bodies.study import ScanPlanner

    return ScanPlanner(faces, bodies)


def _make_face_planner(spool: Path, policy: FacePolicy) -> "FacePlanner":
    engines = load_face_engines()
    from scanward.deidentify.faces.study import FacePlanner

    return FacePlanner(engines, policy, folder=spool)


def _make_body_planner(spool: Path, body: BodyPolicy) -> "BodyPlanner":
    try:
        import scipy.ndimage  # noqa: F401 - with which a body is found

        from scanward.adapters.engines.frames import ImageCodec
        from scanward.deidentify.bodies.study import BodyPlanner
    except ModuleNotFoundError as error:
        raise _missing(error) from None
    return BodyPlanner(ImageCodec(), body, folder=spool)


def load_face_engines() -> "FaceEngines":
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


def _load() -> "FaceEngines":
    try:
        from scanward.adapters.engines.frames import ImageCodec
        from scanward.adapters.engines.head_faces import HeadFaceFinder
        from scanward.adapters.engines.heads import HeadAligner
        from scanward.adapters.engines.turns import PlacesInTurn
        from scanward.deidentify.faces.atlas import load_atlas
        from scanward.deidentify.faces.findings import FaceEngines
    except ModuleNotFoundError as error:
        raise _missing(error) from None
    return FaceEngines(
        codec=ImageCodec(),
        aligner=HeadAligner(),
        detector=PlacesInTurn(_find_detector(HeadFaceFinder()), threading.Lock()),
        atlas=load_atlas(),
    )


def _find_detector(cascade: "FaceEngine") -> "FaceEngine":
    """Return the cascade that OpenCV has, and beside it the detector of the extra `dlib`, where that is installed."""
    if find_spec("dlib") is None:
        return cascade
    from scanward.adapters.engines.dlib_faces import AnyFaceFinder, DlibFaceFinder

    return AnyFaceFinder((cascade, DlibFaceFinder()))


def _missing(error: ModuleNotFoundError) -> EngineError:
    package = (error.name or "").partition(".")[0]
    if package in ("", "scanward"):
        raise error  # a defect of ours
    return EngineError(
        f"expected the package {package}, found none",
        remedy="Install what looking at head scans needs: pip install 'scanward[faces,pixels]'.",
    )
