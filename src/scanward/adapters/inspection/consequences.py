"""What follows from the findings of an inspection, in words for people who know no DICOM."""

from collections.abc import Callable, Mapping, Sequence

from scanward.adapters.inspection.findings import Category, Finding

_HEADS = frozenset({"HEAD", "BRAIN", "SKULL", "FACE", "HEADNECK", "SINUS", "ORBIT", "JAW", "MAXILLA"})
_VOLUMES = frozenset({"CT", "MR", "PT"})
_NUMBERS = frozenset({"PatientID", "AccessionNumber", "OtherPatientIDs", "StudyID", "AdmissionID"})
_DIRECT = frozenset({"PatientName", "OtherPatientNames", "PatientBirthName", "PatientMotherBirthName"})


def find_consequences(findings: Sequence[Finding], facts: Mapping[str, str]) -> list[str]:
    """Return what someone who gets the file can do with it, the gravest first."""
    names = {finding.attribute.rpartition(".")[2] for finding in findings}
    by_category = {category: [one for one in findings if one.category is category] for category in Category}
    repeated = [one for one in findings if "repeats" in one.note]
    private = sum("elements" in one.note for one in by_category[Category.PRIVATE])
    rules: list[tuple[Callable[[], bool], str]] = [
        (lambda: bool(names & _DIRECT), "It names the patient: whoever opens it knows whose scan it is."),
        (
            lambda: bool(names & _NUMBERS),
            "Its numbers lead to the patient's record for anyone who can ask the hospital's systems.",
        ),
        (
            lambda: "PatientBirthDate" in names,
            "A birth date with sex and a rough address singles out most people (Sweeney 2000: 87% in the USA).",
        ),
        (
            lambda: bool(by_category[Category.WHEN]) and bool(by_category[Category.WHERE]),
            "Dates and the place together leave only those few who were scanned there on that day.",
        ),
        (lambda: bool(by_category[Category.CONTACT]), "Addresses or phone numbers lead to a door or a telephone."),
        (
            lambda: (
                any(one.category is Category.WHO and one.attribute not in _DIRECT | _NUMBERS for one in findings)
                and bool({one for one in names if "Physician" in one or "Operator" in one or "Performing" in one})
            ),
            "It names members of staff.",
        ),
        (
            lambda: bool(repeated),
            "Identifiers are repeated in other places, so that emptying the usual fields would not remove them.",
        ),
        (
            lambda: bool(private),
            "Vendors' private elements hold data that no public document describes; some name patients and staff.",
        ),
        (
            lambda: bool(by_category[Category.HIDDEN]),
            "Some of it stands in places that most viewers and de-identification tools never look at.",
        ),
        (
            lambda: bool(by_category[Category.UID]),
            "Its unique identifiers lead back to the study in the archive, and join this copy with every other one.",
        ),
        (lambda: bool(by_category[Category.PIXELS]), "The picture itself may show text. Only looking at it tells."),
        (
            lambda: facts.get("Modality", "") in _VOLUMES and _part(facts) in _HEADS,
            "A scan of a head holds the face: it can be rebuilt from the slices and recognised. --faces draws it.",
        ),
        (
            lambda: facts.get("Modality", "") in _VOLUMES and _part(facts) not in _HEADS,
            "If the head is in its slices, whatever the header says, the face can be rebuilt. --faces draws it.",
        ),
    ]
    return [text for applies, text in rules if applies()]


def _part(facts: Mapping[str, str]) -> str:
    return facts.get("BodyPartExamined", "").strip().upper()
