"""The planter: puts fictional identifiers into every kind of place a DICOM file has.

Two kinds of token: *known* ones stand in an identifying Attribute of the same file and come back elsewhere, so that a tool
can find them by looking; *orphans* stand in that one place only, so that a tool has to know the place.

>>> planted = plant_studies(folder, seed=7)  # doctest: +SKIP
>>> leaks = find_leaks(planted, outputs)  # doctest: +SKIP  (tests.common.leaks)
"""

from __future__ import annotations

import hashlib
import random
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydicom import config
from pydicom.dataset import Dataset

from tests.common.host import Host, known_values
from tests.common.patients import ORG_ROOT, Study, make_patient, make_study
from tests.common.studies import set_transfer_syntax
from tests.common.tokens import Kind, TokenMaker, byte_variants

__all__ = ["Host", "Kind", "Place", "Plant", "PlantedFile", "make_host", "plant_studies", "put_place"]


@dataclass(frozen=True, kw_only=True)
class Place:
    """Somewhere an identifier can stand.

    Attributes
    ----------
    name
        Unique; what a leak is called by.
    host
        Name of the host that has such a place, one of `tests.common.hosts.HOSTS`.
    what
        A `Kind` for an orphan, the name of a known value (see `known_values`) for a known one, or a fixed token.
    template
        Text around the token, which stands for ``{}``.
    path
        Element path where it has one ("00400275/00321060"), to tell places of the same token apart.
    """

    name: str
    host: str
    what: str
    put: Callable[[Host, str], None]
    template: str = "{}"
    path: str = ""
    kind: Kind | None = None
    charset: str = ""

    @property
    def is_known(self) -> bool:
        """Whether the token also stands in an identifying Attribute."""
        return self.kind is None and self.what not in Kind.__members__


@dataclass(frozen=True, kw_only=True)
class Plant:
    """A token that was put somewhere.

    Attributes
    ----------
    place, kind, path
        Where, and what it is.
    token
        As text.
    raw
        Bytes, ASCII in lower case, by which it is found.
    known
        Whether it also stands in an identifying Attribute of the file.
    """

    place: str
    token: str
    kind: Kind
    raw: tuple[bytes, ...]
    known: bool
    path: str = ""


@dataclass(frozen=True, kw_only=True)
class PlantedFile:
    """A file with planted identifiers.

    Attributes
    ----------
    places
        What was planted on purpose.
    identity
        What stands in the identifying Attributes anyway: name, IDs, dates, UIDs of the host's own study.
    signature
        By which an output is known to come from this file; see `signature`.
    study_date
        DA in the input, by which a shift of dates is measured.
    """

    path: Path
    name: str
    places: tuple[Plant, ...]
    identity: tuple[Plant, ...]
    signature: str
    study_date: str


@dataclass(kw_only=True)
class _Planting:
    host: Host
    plants: list[Plant]


def make_study_of_tokens(tokens: TokenMaker, description: str) -> Study:
    """Make a study all of whose identifying values are tokens."""
    rng = random.Random(f"{tokens.seed} {description}")
    make = tokens.make
    patient = replace(
        make_patient(rng),
        family=make(Kind.NAME),
        given=make(Kind.NAME),
        middle=make(Kind.NAME),
        patient_id=make(Kind.ID),
        birth=tokens.birth(),
        street=make(Kind.PLACE),
        town=make(Kind.PLACE),
        phone=make(Kind.PHONE),
        mother_family=make(Kind.NAME),
    )
    study = make_study(rng, patient, description)
    study.accession, study.study_id = make(Kind.ID), make(Kind.ID)
    study.hospital, study.department = f"{make(Kind.INSTITUTION)} Hospital", f"{make(Kind.INSTITUTION)} Radiology"
    study.station, study.serial = make(Kind.NAME).upper(), make(Kind.ID)[1:]
    study.referring, study.performing, study.operator = (f"{make(Kind.NAME)}^{make(Kind.NAME)}" for _ in range(3))
    return study


def make_host(name: str, tokens: TokenMaker) -> Host:
    """Make the host called `name` with an own fictional patient."""
    from tests.common.hosts import FILE_NAMES, HOSTS

    syntax, make = HOSTS[name]
    study = make_study_of_tokens(tokens, "Routine examination")
    ds = make(study)
    set_transfer_syntax(ds, syntax)
    return Host(name=name, study=study, ds=ds, file_name=FILE_NAMES.get(name, ""))


def put_place(host: Host, place: Place, tokens: TokenMaker) -> Plant:
    """Put an identifier into `place` of `host`."""
    if place.kind is not None:
        kind, token, text = place.kind, place.what, place.what
    elif place.is_known:
        kind, token, text = known_values(host.study)[place.what]
    else:
        kind = Kind[place.what]
        token = text = tokens.make(kind)
    with config.disable_value_validation(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        place.put(host, place.template.format(text))
    return Plant(
        place=place.name,
        token=token,
        kind=kind,
        raw=byte_variants(kind, token, place.charset),
        known=place.is_known,
        path=place.path,
    )


def identity_plants(host: Host) -> list[Plant]:
    """Return what the host's own study gives away without any planting."""
    study = host.study
    patient = study.patient
    listed = [
        (Kind.NAME, [patient.family, patient.given]),
        (Kind.NAME, [part for name in (study.referring, study.performing, study.operator) for part in name.split("^")]),
        (Kind.ID, [patient.patient_id, study.accession, study.study_id]),
        (Kind.DATE, [patient.birth_date, study.date]),
        (Kind.INSTITUTION, [study.hospital.split()[0], study.department.split()[0]]),
        (Kind.DEVICE, [study.station, study.serial]),
        (Kind.UID, [ORG_ROOT, *study.all_uids()]),
    ]
    return [
        Plant(place=f"{host.name}: identity {kind}", token=token, kind=kind, raw=byte_variants(kind, token), known=True)
        for kind, values in listed
        for token in values
    ]


def signature(ds: Dataset) -> str:
    """Return what de-identification leaves as it is and no two hosts share: SOP Class, size and pixels in the middle."""
    pixels = bytes(ds.get("PixelData", b""))
    middle = pixels[len(pixels) // 4 : len(pixels) // 4 + 512]
    return f"{ds.get('SOPClassUID', '')} {ds.get('Rows', 0)} {hashlib.sha256(middle).hexdigest()[:16]}"


def plant_studies(folder: Path, *, seed: int = 7, places: Sequence[Place] | None = None) -> list[PlantedFile]:
    """Write every host with every place planted below `folder`.

    Returns
    -------
    list of PlantedFile
        One for each file; a plant of a folder name or a sidecar file belongs to the file beside it.
    """
    from tests.common.hosts import HOSTS
    from tests.common.places import PLACES

    tokens = TokenMaker(seed)
    chosen = PLACES if places is None else places
    plantings = {name: _Planting(host=make_host(name, tokens), plants=[]) for name in HOSTS}
    for place in chosen:
        planting = plantings[place.host]
        planting.plants.append(put_place(planting.host, place, tokens))
    return [_write(planting, folder, number) for number, planting in enumerate(plantings.values(), 1)]


def _write(planting: _Planting, folder: Path, number: int) -> PlantedFile:
    host = planting.host
    path = folder / (host.folder or f"host{number:02d}") / (host.file_name or f"IM{number:04d}.dcm")
    path.parent.mkdir(parents=True, exist_ok=True)
    with config.disable_value_validation(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path.write_bytes(host.encode())
    for name, data in host.sidecars.items():
        (path.parent / name).write_bytes(data)
    return PlantedFile(
        path=path,
        name=host.name,
        places=tuple(planting.plants),
        identity=tuple(identity_plants(host)),
        signature=signature(host.ds),
        study_date=host.study.date,
    )
