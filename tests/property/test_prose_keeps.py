"""Whatever a report says of sides, sizes and what is not there is still said when it has been cleaned."""

import random
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.text.bodies import BODIES, expand
from scanward.deidentify.text.known import KnownIdentifiers
from scanward.deidentify.text.prose import TextCleaner
from scanward.deidentify.text.recogniser.crf import load_recogniser
from scanward.deidentify.text.replace import Labels
from scanward.model.identifier import Identifier, IdentifierKind

MEASURED = re.compile(
    r"\d+(?:[.,]\d+)?(?:\s?x\s?\d+(?:[.,]\d+)?)*\s?(?:mm|cm|m[lL]|HU|%|percent|mGy|MBq|Gy|ms|degrees)(?!\w)"
)
SIDED = re.compile(
    r"(?<!\w)(?:left|right|bilateral|no|not|without|negative|absent|normal|intact|links?e?[nrsm]?|rechte?[nrsm]?|kein\w*|ohne|"
    r"nicht|izquierd[oa]s?|derech[oa]s?|sin|gauche|droite?|pas|sans|esquerd[oa]s?|direit[oa]s?|sem|não)(?!\w)",
    re.IGNORECASE,
)
KNOWN = [
    Identifier(IdentifierKind.PATIENT_NAME, "Whitcombe^Imogen"),
    Identifier(IdentifierKind.PATIENT_ID, "00580730"),
    Identifier(IdentifierKind.BIRTH_DATE, "19670312"),
    Identifier(IdentifierKind.DATE, "20190304"),
]


@given(
    index=st.integers(0, len(BODIES) - 1),
    seed=st.integers(0, 10_000),
    patient=st.sampled_from(["Imogen Whitcombe", "Mrs. Whitcombe", "WHITCOMBE, IMOGEN"]),
    shift=st.one_of(st.none(), st.integers(-300, 300)),
)
@settings(max_examples=60, deadline=None)
def test_sizes_sides_and_negations_stay(index, seed, patient, shift):
    body = expand(BODIES[index], random.Random(seed))
    text = f"{patient}, MRN 00580730, born 03/12/1967, seen 03/04/2019.\n{body}\nReviewed by Dr. Okonkwo."
    cleaner = TextCleaner(KnownIdentifiers(KNOWN), Labels(), recogniser=load_recogniser(), shift_days=shift)
    cleaned = cleaner.clean(text).text
    assert MEASURED.findall(cleaned) == MEASURED.findall(text)
    assert SIDED.findall(cleaned) == SIDED.findall(text)
    assert "hitcombe" not in cleaned.lower()
    assert "00580730" not in cleaned
    assert "kwo" not in cleaned
