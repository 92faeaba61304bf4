"""Prose, cleaned: what nobody told of is found by its shape and by the words beside it, and the rest stays."""

import pytest

from scanward.deidentify.text.known import KnownIdentifiers
from scanward.deidentify.text.prose import TextCleaner
from scanward.deidentify.text.recogniser.crf import load_recogniser
from scanward.deidentify.text.replace import Labels
from scanward.model.identifier import Identifier, IdentifierKind

K = IdentifierKind


def cleaned(text, *, recogniser=True, known=(), **options):
    """The text as it may leave, with labels."""
    cleaner = TextCleaner(
        KnownIdentifiers(known), Labels(), recogniser=load_recogniser() if recogniser else None, **options
    )
    return cleaner.clean(text).text


@pytest.mark.parametrize("recogniser", [True, False], ids=["recogniser", "patterns only"])
@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("The patient, Imogen Whitcombe, was seen again.", "The patient, [NAME], was seen again."),
        ("Findings were discussed with Dr. Okonkwo at 3:45 pm.", "Findings were discussed with [NAME] at 3:45 pm."),
        ("Her daughter Sunniva drove her home.", "Her daughter [NAME] drove her home."),
        ("A 60-year-old man, Anna S., with hypertension.", "A 60-year-old man, [NAME]., with hypertension."),
        ("Comparison: CT of 03/12/2019.", "Comparison: CT of [DATE]."),
        ("She was first seen in March and again on June 18.", "She was first seen in [DATE] and again on [DATE]."),
        ("Prior study (MRN: SF-998877) is not available.", "Prior study (MRN: [ID]) is not available."),
        ("Call (212) 555-0123 or mail ann.lee@clinic.org with questions.", "Call [PHONE] or mail [EMAIL] with questions."),
        ("Please page me (beeper 8758) with questions.", "Please page me (beeper [PHONE]) with questions."),
        ("He lives at 48 Larkfield Road in Cedar Rapids, IA.", "He lives at [ADDRESS] in [ADDRESS]."),
        ("She was transferred from Ridgefield Community Hospital overnight.", "She was transferred from [INSTITUTION] overnight."),
        ("He visited our New York clinic last year.", "He visited our [INSTITUTION] last year."),
        ("Transcribed: 01/23/2015 by ZJ", "Transcribed: [DATE] by [NAME]"),
        ("Paciente: Marisol Quiroga Olmedo\nNHC: 2569870.\n", "Paciente: [NAME]\nNHC: [ID].\n"),
        ("Domicilio: Calle Carmen Romero, 23, 1D.\nEdad: 53 años.", "Domicilio: [ADDRESS].\nEdad: 53 años."),
        ("Sehr geehrte Frau Kollegin Küppersbusch,", "Sehr geehrte [NAME],"),
        ("Tél. : 05 56 12 34 56, adressée par le Dr Vauquelin.", "Tél. : [PHONE], adressée par le [NAME]."),
        ("Convênio 88231774, encaminhado pelo Hospital São Bento.", "Convênio [ID], encaminhado pelo [INSTITUTION]."),
    ],
)  # fmt: skip
def test_what_nobody_told_of_is_found(text, left, recogniser):
    assert cleaned(text, recogniser=recogniser) == left


@pytest.mark.parametrize(
    "text",
    [
        "Baker cyst measuring 3.4 x 1.2 cm. Hill-Sachs deformity and Bankart lesion.",
        "LA enlargement; the left atrial volume index is 42 ml/m2. LVEF 55%.",
        "Gleason 3+4=7 in the left mid gland. PI-RADS 4. PSA 4.5 ng/mL.",
        "Chiari I malformation. Schmorl nodes at T11-T12. May-Thurner configuration.",
        "Foley catheter in place. Swan-Ganz catheter tip in the right pulmonary artery.",
        "Hodgkin lymphoma, Ann Arbor stage II, Deauville 2. Child-Pugh B cirrhosis.",
        "Sonographic Murphy sign is negative. Free fluid in the pouch of Douglas is absent.",
        "Colles fracture with dorsal angulation. Monteggia variant is excluded.",
        "History of Crohn's disease, von Willebrand disease and Huntington's disease, diagnosed in 2021.",
        "Chaddock reflex is positive. Framingham risk score is high. HAS-BLED score of 3.",
        "A 74-year-old woman with AFib on apixaban and Eliquis, diagnosed last year.",
        "There is a 12 mm nodule (series 4, image 112), previously 9 mm; no change in 6 months.",
        "CTDIvol 12.4 mGy, 120 kVp, 80 ml Omnipaque 350, slice thickness 1.25 mm, TR 500 TE 12.",
        "Quiste de Baker. Enfermedad de Crohn. Grado 2 de Fuhrman. Signo de Murphy negativo.",
        "Baker-Zyste links. Morbus Crohn. Kein Nachweis einer Ischämie. Colles-Fraktur rechts.",
        "Kyste de Baker. Maladie de Hodgkin. Pas d'épanchement pleural. Foie homogène.",
        "Cisto de Baker. Doença de Crohn. Sinal de Murphy negativo. Sem derrame pleural.",
    ],
)
def test_terms_and_measurements_stay(text):
    assert cleaned(text) == text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("A 92-year-old woman.", "A 90+-year-old woman."),
        ("A 101 y/o man.", "A 90+ y/o man."),
        ("Paciente de 93 años.", "Paciente de 90+ años."),
        ("Eine 94-jährige Patientin.", "Eine 90+-jährige Patientin."),
        ("Patiente de 95 ans.", "Patiente de 90+ ans."),
        ("Age: 97", "Age: 90+"),
    ],
)
def test_ages_over_89_are_capped(text, left):
    assert cleaned(text) == left


@pytest.mark.parametrize(
    "text", ["A 89-year-old woman.", "within 90 years", "95 mm", "Stable over 92 days.", "stenosis of 95%", "EF 90"]
)
def test_other_numbers_are_no_ages(text):
    assert cleaned(text) == text


def test_dates_move_in_their_notation_but_a_birth_date():
    known = [Identifier(K.BIRTH_DATE, "19670312"), Identifier(K.DATE, "20190304")]
    text = "Born 12 March 1967. CT of 03/04/2019 at 14:30, compared with 2018-12-30 and with August 4."
    assert cleaned(text, known=known, shift_days=3) == (
        "Born [DATE]. CT of 03/07/2019 at 14:30, compared with 2019-01-02 and with [DATE]."
    )


def test_a_moved_date_that_becomes_the_birth_date_is_replaced_instead():
    known = [Identifier(K.BIRTH_DATE, "19670312")]
    assert cleaned("Seen on 1967-03-10.", known=known, shift_days=2) == "Seen on [DATE]."


def test_dates_and_institutions_stay_where_they_may():
    text = "Seen at Ridgefield Community Hospital on 03/12/2019 by Dr. Okonkwo."
    left = "Seen at Ridgefield Community Hospital on 03/12/2019 by [NAME]."
    assert cleaned(text, retain_dates=True, retain_institution=True) == left


def test_what_was_replaced_is_told():
    found = TextCleaner(KnownIdentifiers(), Labels()).clean("Seen by Dr. Okonkwo on 03/12/2019.")
    assert [(one.kind, one.shown) for one in found.replaced] == [(K.PERSON_NAME, "[NAME]"), (K.DATE, "[DATE]")]


def test_a_title_before_an_eponym_makes_it_a_name():
    assert cleaned("He was referred by Dr. Hodgkin for biopsy.") == "He was referred by [NAME] for biopsy."


def test_names_of_other_scripts_are_found():
    assert "Παπαδόπουλος" not in cleaned("The patient Γιώργος Παπαδόπουλος was seen.")


@pytest.mark.parametrize(
    "text",
    [
        "The plan of treatment is as follows: 4500 rad, 15 treatment sessions, using 100 kV radiation.",
        "Doctor Notes\nSubjective Observations: Patient reports stable blood sugar levels.",
        "Doctor Name:\nNurse Practitioner\nHospital ID:",
        "Vitamin B12 1000mcg once daily. Flu symptoms and a routine check-up.",
    ],
)
def test_doses_and_headings_of_forms_stay(text):
    cleaner = TextCleaner(KnownIdentifiers([]), Labels(), recogniser=load_recogniser())
    assert cleaner.clean(text).text == text
