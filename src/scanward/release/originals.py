"""What the vault keeps of a study for one recipient, so that results find the way back.

It is recorded when a study is prepared for a recipient, before anything leaves, under the new Study Instance UID.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from scanward.errors import StoreError

FACT_PREFIX = "fact:"
"""Before the names of facts in the mapping; the other keys are UIDs, which have no colon."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Originals:
    """What stands for what in one study as one recipient got it.

    Attributes
    ----------
    uids
        New UID to original UID: of the study, its series, instances and frames of reference, and every other UID that
        was replaced. Empty under a profile that keeps UIDs.
    study_uid
        The original Study Instance UID.
    pseudonym
        What stands in Patient ID (0010,0020) of what went out.
    offset_days
        By how many days dates were moved, negative; 0 where they were kept or taken out.
    patient_id, issuer, patient_name, birth_date, sex
        Patient ID, Issuer of Patient ID, Patient's Name, Patient's Birth Date and Patient's Sex as received, decoded;
        empty where missing.
    study_date, study_time, study_id, study_description, accession_number, referring_physician
        Study Date, Study Time, Study ID, Study Description, Accession Number and Referring Physician's Name as
        received, decoded; empty where missing.
    """

    uids: Mapping[str, str]
    study_uid: str
    pseudonym: str
    offset_days: int = 0
    patient_id: str = ""
    issuer: str = ""
    patient_name: str = ""
    birth_date: str = ""
    sex: str = ""
    study_date: str = ""
    study_time: str = ""
    study_id: str = ""
    study_description: str = ""
    accession_number: str = ""
    referring_physician: str = ""
    originals: frozenset[str] = field(init=False, compare=False)
    """The original UIDs that were replaced, which a recipient cannot know."""

    def __post_init__(self) -> None:
        """Note the originals."""
        replaced = frozenset(original for new, original in self.uids.items() if original != new)
        object.__setattr__(self, "originals", replaced - self.uids.keys())

    def __repr__(self) -> str:
        """Show nothing of it."""
        return f"Originals(<{len(self.uids)} UIDs>)"

    def to_mapping(self) -> dict[str, str]:
        """Return what :meth:`scanward.ports.stores.Vault.record_originals` takes."""
        facts = {FACT_PREFIX + name: str(getattr(self, name)) for name in _FACTS}
        return {**self.uids, **facts}

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, str]) -> "Originals":
        """Return what `mapping`, as the vault gave it, says; facts of a later edition are left alone.

        Raises
        ------
        StoreError
            It lacks the study or the pseudonym, without which nothing can be matched.
        """
        facts = {name: mapping.get(FACT_PREFIX + name, "") for name in _FACTS}
        if not facts["study_uid"] or not facts["pseudonym"]:
            raise StoreError(
                "expected the study and the patient's pseudonym among what was recorded of a study, got neither",
                remedy="Run `scanward fsck`, which compares the vault with the ledger.",
            )
        offset_days = int(facts.pop("offset_days") or 0)
        uids = {new: original for new, original in mapping.items() if not new.startswith(FACT_PREFIX)}
        return cls(uids=uids, offset_days=offset_days, **facts)


_FACTS = tuple(entry.name for entry in fields(Originals) if entry.init and entry.name != "uids")
