"""Fictional patients, and the studies they are in; everything follows from a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import date, timedelta

ORG_ROOT = "1.2.826.0.1.3680043.10.54321"
"""A made-up branch below the root that Medical Connections gives out for free use."""

_FAMILY = (
    "Roe", "Sample", "Mustermann", "Novak", "Lindqvist", "Okonkwo", "Ferrante", "Delacroix", "Haverford", "Quillon",
    "Brannigan", "Oyelaran", "Szymanski", "Thackeray", "Vandermeer", "Whitlock", "Ashdown", "Castellane",
)  # fmt: skip
_FEMALE = ("Jane", "Erika", "Ingrid", "Amara", "Lucia", "Odile", "Prudence", "Mireille", "Tamsin", "Wanda")
_MALE = ("John", "Max", "Henrik", "Chidi", "Marco", "Etienne", "Barnaby", "Leopold", "Cedric", "Piotr")
_STREETS = ("Larkspur Lane", "Old Mill Road", "Juniper Court", "Harbour View", "Quarry Street", "Thistledown Close")
_TOWNS = ("Springfield", "Ravenholt", "Eastmere", "Kingsbrook", "Port Ellery", "Fairhollow")
_HOSPITALS = ("St. Elsewhere General Hospital", "Ravenholt University Clinic", "Kingsbrook Regional Medical Center")


@dataclass(frozen=True, kw_only=True)
class Patient:
    """A person who does not exist."""

    family: str
    given: str
    middle: str
    patient_id: str
    birth: date
    sex: str
    weight_kg: float
    height_m: float
    street: str
    town: str
    phone: str
    mother_family: str

    @property
    def name(self) -> str:
        """Name in DICOM form."""
        return f"{self.family}^{self.given}^{self.middle}"

    @property
    def birth_date(self) -> str:
        """Birth date as DA."""
        return self.birth.strftime("%Y%m%d")


@dataclass(kw_only=True)
class Study:
    """One study of a patient; hands out UIDs that carry the scanner's serial number and the date, as real ones do."""

    patient: Patient
    day: date
    time: str
    accession: str
    study_id: str
    hospital: str
    department: str
    station: str
    serial: str
    referring: str
    performing: str
    operator: str
    description: str
    _count: int = field(default=0)
    _uids: dict[str, str] = field(default_factory=dict)

    @property
    def date(self) -> str:
        """Study date as DA."""
        return self.day.strftime("%Y%m%d")

    @property
    def age(self) -> str:
        """Age at the study as AS."""
        years = self.day.year - self.patient.birth.year
        years -= (self.day.month, self.day.day) < (self.patient.birth.month, self.patient.birth.day)
        return f"{years:03d}Y"

    def new_uid(self) -> str:
        """Return the next UID of this study."""
        self._count += 1
        return f"{ORG_ROOT}.{self.serial}.{self.date}{self.time[:6]}.{self._count}"

    def uid(self, name: str) -> str:
        """Return the UID known under `name` in this study; the same name gives the same UID."""
        if name not in self._uids:
            self._uids[name] = self.new_uid()
        return self._uids[name]

    def all_uids(self) -> tuple[str, ...]:
        """Return every UID that was given a name in this study."""
        return tuple(self._uids.values())


def make_patient(rng: random.Random) -> Patient:
    """Make a patient up."""
    sex = rng.choice("FM")
    return Patient(
        family=rng.choice(_FAMILY),
        given=rng.choice(_FEMALE if sex == "F" else _MALE),
        middle=rng.choice("ABCDEGHKLMPQRSTVW"),
        patient_id=f"MRN{rng.randrange(10**6, 10**7)}",
        birth=date(1931, 1, 1) + timedelta(days=rng.randrange(365 * 70)),
        sex=sex,
        weight_kg=round(rng.uniform(45, 110), 1),
        height_m=round(rng.uniform(1.5, 1.95), 2),
        street=f"{rng.randrange(1, 200)} {rng.choice(_STREETS)}",
        town=rng.choice(_TOWNS),
        phone=f"+1 555 {rng.randrange(200, 999)} {rng.randrange(1000, 9999)}",
        mother_family=rng.choice(_FAMILY),
    )


def make_study(rng: random.Random, patient: Patient, description: str) -> Study:
    """Make a study of `patient` up."""
    return Study(
        patient=patient,
        day=date(2018, 1, 2) + timedelta(days=rng.randrange(2000)),
        time=f"{rng.randrange(7, 19):02d}{rng.randrange(60):02d}{rng.randrange(60):02d}.{rng.randrange(10**6):06d}",
        accession=f"ACC{rng.randrange(10**7, 10**8)}",
        study_id=f"ST{rng.randrange(10**4, 10**5)}",
        hospital=rng.choice(_HOSPITALS),
        department="Radiology West",
        station=f"SCAN{rng.randrange(10, 99)}WEST",
        serial=str(rng.randrange(10**4, 10**5)),
        referring=f"{rng.choice(_FAMILY)}^{rng.choice(_FEMALE)}^^Dr",
        performing=f"{rng.choice(_FAMILY)}^{rng.choice(_MALE)}^^Dr",
        operator=f"{rng.choice(_FAMILY)}^{rng.choice(_FEMALE)}",
        description=description,
    )
