"""Risks that lie in what images show: what no work on a header, and no search for text, can take away."""

from typing import Final

from scanward.deidentify.residual import sources
from scanward.deidentify.residual.advice import LOOK_UP, NAMED_PEOPLE, NO_COMPARING, ONLY_NEEDED
from scanward.deidentify.residual.kinds import Applies, RiskKind, StudyView
from scanward.model.faces import FaceFinding, FaceMode
from scanward.model.risks import ImageKind, Region

_VOLUMES: Final = (ImageKind.CT, ImageKind.MR, ImageKind.PET)
_BONY: Final = (ImageKind.RADIOGRAPH, ImageKind.CT, ImageKind.LOCALIZER, ImageKind.FLUOROSCOPY)
_ANY: Final = tuple(one for one in ImageKind if one not in (ImageKind.OTHER, ImageKind.VOICE))
_NOTHING: Final = "Nothing: the images need it, and nothing that leaves them of use takes it away."


def _maybe(applies: Applies) -> Applies:
    """Return that it may apply, as nobody looks whether it does."""
    return Applies.MAYBE if applies is Applies.YES else applies


# Heads


def _face_done(view: StudyView) -> str:
    if view.profile.faces.mode is FaceMode.OFF:
        return "Nothing: the profile has no faces looked for."
    findings = view.findings
    if not findings:
        return "Nothing: no volume was looked at."
    parts = []
    if FaceFinding.FACE_REMOVED in findings:
        parts.append(
            "The face was taken out, and the result rendered and looked at by machine; the study has the figures."
        )
    if findings & {FaceFinding.ALREADY_FACELESS, FaceFinding.SKULL_STRIPPED, FaceFinding.NO_FACE_IN_VIEW}:
        parts.append("The machine found a head, and no face in it to take out.")
    if findings & {FaceFinding.FACE_FOUND, FaceFinding.REFUSED}:
        parts.append("Volumes in which a face is or may be, and was not taken out, were held.")
    return " ".join(parts)


_FACE: Final = RiskKind(
    risk_id="face",
    title="Face in a head scan",
    statement="If the head is in the volume, a face can be rebuilt from its skin and compared with photographs.",
    evidence="Face recognition matched 83% of 84 volunteers to their photographs by MR (2019), 97% of 157 (2021), and "
    "by CT 78% of the volunteers of a third study (2022). After popular programs had taken faces out, 28 to 38% were "
    "still matched.",
    applies=lambda view: view.has_head(*_VOLUMES),
    done=_face_done,
    remains="Where the face was taken out: the shape of the skull and of whatever lies behind the cut. A better "
    "recogniser than those tried may make more of it. Where it was not: the face.",
    advice=("Take faces out, or hold head scans: --faces remove or detect.", NO_COMPARING, NAMED_PEOPLE),
    sources=(sources.FACE_2019, sources.FACE_2021, sources.FACE_2022, sources.HIPAA, sources.PS315),
)

_BRAIN: Final = RiskKind(
    risk_id="brain",
    title="Shape of the brain",
    statement="The folds of a brain are as much its owner's as a fingerprint: whoever has another scan of the same "
    "person with a name to it can tell that these are the same.",
    evidence="By the shape of the brain alone, MR of 215 people were matched to an earlier one of theirs in all cases "
    "(Takao 2015); 191 people could be told apart by measures of cortex and volume (Valizadeh 2018).",
    applies=lambda view: view.has_head(ImageKind.MR, ImageKind.CT),
    done="Nothing: the brain is what the scan is for, and taking out a face leaves it untouched.",
    remains="All of it. It needs another scan of the same person to compare with, which few have.",
    advice=(NO_COMPARING, NAMED_PEOPLE),
    sources=(sources.BRAIN_2015, sources.BRAIN_2018),
)


def _teeth_apply(view: StudyView) -> Applies:
    jaws = frozenset({Region.JAW})
    found = (
        view.has(ImageKind.DENTAL),
        view.has(ImageKind.RADIOGRAPH, ImageKind.CT, regions=jaws),
    )
    if Applies.YES in found:
        return Applies.YES
    heads = view.has_head(ImageKind.CT, ImageKind.LOCALIZER), view.has(ImageKind.RADIOGRAPH)
    return Applies.MAYBE if set(heads) - {Applies.NO} else Applies.NO


def _teeth_done(view: StudyView) -> str:
    if FaceFinding.FACE_REMOVED in view.findings:
        return "Front teeth and the front of the jaws went with the face. Back teeth stayed."
    return "Nothing. Where faces are looked for, panoramic and cone-beam dental studies are held as never anonymous."


_TEETH: Final = RiskKind(
    risk_id="teeth",
    title="Teeth and jaws",
    statement="Teeth, fillings and roots tell a person: whoever has a dentist's image of them can find the match.",
    evidence="Comparing teeth is one of the primary means by which the dead are identified (INTERPOL). A program "
    "without learning found 43 of 43 people by their panoramic radiographs among 33,206 patients (Heinrich 2020), and "
    "59 to 100% of people, by region, by one slice of a head CT among more than 700 (Heinrich 2024).",
    applies=_teeth_apply,
    done=_teeth_done,
    remains="Teeth that are in view, sinuses and jaws behind them.",
    advice=("Hold dental studies.", ONLY_NEEDED, NO_COMPARING, NAMED_PEOPLE),
    sources=(sources.TEETH_DVI, sources.TEETH_2020, sources.HEAD_SLICE_2024),
)

# Chest, trunk and bones

_CHEST: Final = RiskKind(
    risk_id="chest-radiograph",
    title="Chest radiograph",
    statement="A machine that was taught to can tell that two chest radiographs are of one patient, years apart too. "
    "Whoever has another one with a name to it, or a public set, can join the two, and what is known of each.",
    evidence="Area under the curve .9940 for whether two are of one patient, with 95.55% right; in a public set the "
    "nearest image was of the same patient in 99.6% (Packhäuser 2022), and it works across sets and years "
    "(Macpherson 2023).",
    applies=lambda view: view.has(ImageKind.RADIOGRAPH, regions=frozenset({Region.CHEST})),
    done="Nothing: there is no remedy that leaves the radiograph of use, and none without a trained model to prove "
    "that it works.",
    remains="All of it.",
    advice=(NAMED_PEOPLE, NO_COMPARING, LOOK_UP),
    sources=(sources.CHEST_2022, sources.CHEST_2023),
)


def _body_applies(view: StudyView) -> Applies:
    if FaceFinding.NO_HEAD in view.findings:
        return Applies.YES
    if view.are_faces_looked_for and view.has_head(*_VOLUMES) is Applies.YES:
        # Every volume is a head, by its pixels.
        return view.has(ImageKind.OUTLINE, ImageKind.LOCALIZER)
    trunk = frozenset({Region.TRUNK, Region.CHEST, Region.SPINE})
    return view.has(*_VOLUMES, ImageKind.LOCALIZER, ImageKind.OUTLINE, regions=trunk)


def _body_done(view: StudyView) -> str:
    policy = view.profile.body
    if policy.keep is None:
        return "Nothing: what lies outside of the region that the purpose needs was not cut away."
    return (
        f"{policy.in_words} Localisers, contours, segments, doses, captures and slices that cannot be cut were held; "
        "radiographs, ultrasound and whatever else is no scan in slices were not cut."
    )


_BODY: Final = RiskKind(
    risk_id="body",
    title="Outline and composition of the body",
    statement="Height, girth, fat, muscle, a breast, scars and missing limbs can be measured in a scan of the trunk. "
    "None names anybody; together with age, sex and place they may single a person out.",
    evidence="It follows from how rare a combination is; we know of no published rate for outlines alone. By the bones "
    "of one projection of a chest CT, a program without learning found the same person among 8,177 in 98.7% of 300 "
    "cases (Heinrich 2025).",
    applies=_body_applies,
    done=_body_done,
    remains="All that was not cut away.",
    advice=(
        "Keep a box of the body: [body] in the profile that was agreed on.",
        "Send only the series and slices that the purpose needs.",
        "Leave out localisers, contours and surfaces of the body.",
        NO_COMPARING,
    ),
    sources=(sources.TRUNK_2025, sources.UNIQUE_2006),
)

_BONES: Final = RiskKind(
    risk_id="bones",
    title="Structure of bones",
    statement="Hands, spines, ribs, breastbones and frontal sinuses differ so much that forensic experts identify by "
    "them: whoever has another image of the same bones with a name to it can find the match.",
    evidence="Outlines of frontal sinuses tell people apart with measured likelihoods (Christensen 2005); hands were "
    "matched by experts (Koot 2005); bones of a chest CT by a program without learning, 98.7% of 300 among 8,177 "
    "(Heinrich 2025).",
    applies=lambda view: view.has(*_BONY),
    done=_NOTHING,
    remains="All of it. It needs another image of the same bones to compare with.",
    advice=(NAMED_PEOPLE, NO_COMPARING, LOOK_UP),
    sources=(sources.BONES_2018, sources.SINUS_2005, sources.HAND_2005, sources.TRUNK_2025),
)


def _implants_done(view: StudyView) -> str:
    if view.study.pixels.looked_at:
        return (
            "Text was looked for in pixels. A marking that X-rays show on a device is small and seldom reads as text, "
            "and the shape of the device was not looked at."
        )
    return "Nothing: pixels were not looked at."


_IMPLANTS: Final = RiskKind(
    risk_id="implants",
    title="Implants and devices",
    statement="A pacemaker, joint, plate or pump may show its make and model, and at times a marking or a serial "
    "number: registries and makers know who carries it. A rare device tells even without.",
    evidence="Serial numbers of devices are identifiers by law (45 CFR 164.514(b)(2)(i)(M)); forensic experts identify "
    "by orthopaedic devices (Ubelaker 2018). How often a number can be read in an image, nobody has published.",
    applies=lambda view: _maybe(view.has(*_BONY, ImageKind.MAMMOGRAM)),
    done=_implants_done,
    remains="The device, its shape and place.",
    advice=("Look at images with devices, and have a marking that can be read filled.", NO_COMPARING),
    sources=(sources.HIPAA, sources.BONES_2018),
)

# Surfaces, eyes, films, curves, slides


def _pictures_done(view: StudyView) -> str:
    if view.are_faces_looked_for:
        return "Beside a head they are left out. Others were looked at for text only."
    return "Nothing but a search for text."


_PICTURES: Final = RiskKind(
    risk_id="pictures",
    title="Renderings and captured screens",
    statement="A rendering, projection or captured screen may show the surface of the body, the face too.",
    evidence="PS3.15 asks for what can be recognised to be cleaned from pixels (Clean Recognizable Visual Features).",
    applies=lambda view: _maybe(view.has(ImageKind.PICTURE)),
    done=_pictures_done,
    remains="Whatever surface they show.",
    advice=("Leave out renderings and captures; the slices have what they show.",),
    sources=(sources.PS315, sources.HIPAA),
)


def _photographs_apply(view: StudyView) -> Applies:
    return Applies.YES if view.has(ImageKind.PHOTOGRAPH) is Applies.YES else _maybe(view.has(ImageKind.ENDOSCOPY))


_PHOTOGRAPHS: Final = RiskKind(
    risk_id="photographs",
    title="Photographs of the body",
    statement="A tattoo, scar, birthmark, piercing, ring, garment or face in a photograph tells who it is to whoever "
    "knows the person, and can be found in pictures on the internet.",
    evidence="Full-face photographs and comparable images, and any unique characteristic, are identifiers by law "
    "(45 CFR 164.514(b)(2)(i)(Q) and (R)).",
    applies=_photographs_apply,
    done="Photographs from outside and films are held, unless a person let them go. In others a face seen from the "
    "front is looked for; one that is turned, small or covered is missed, and a tattoo or scar is not looked for.",
    remains="Whatever the photographs show.",
    advice=("Look at every photograph before it leaves.", "Have them cut to the finding.", NAMED_PEOPLE),
    sources=(sources.HIPAA,),
)

_EYES: Final = RiskKind(
    risk_id="eyes",
    title="Retina and iris",
    statement="The vessels of a retina and the pattern of an iris are a person's own: machines that open doors use "
    "them. Age and sex can be estimated from them besides.",
    evidence="Known of the retina since 1935 (Simon); an iris is compared by machine (Daugman 2004). From photographs "
    "of the retina sex was told with an area under the curve of .97, and age within 3.3 years (Poplin 2018). Retina "
    "and iris scans are biometric identifiers in United States law (28 CFR 202.204).",
    applies=lambda view: view.has(ImageKind.EYE),
    done=_NOTHING,
    remains="All of it. It needs another image of the same eye to compare with.",
    advice=(NAMED_PEOPLE, NO_COMPARING),
    sources=(sources.RETINA_1935, sources.IRIS_2004, sources.RETINA_2018, sources.BIOMETRICS),
)


def _sound_applies(view: StudyView) -> Applies:
    if view.has(ImageKind.VOICE) is Applies.YES:
        return Applies.YES
    return Applies.MAYBE if any(one.is_video for one in view.shown) else Applies.NO


_SOUND: Final = RiskKind(
    risk_id="sound",
    title="Voice and sound",
    statement="A recording may hold voices of patient and staff: what they say, and who they are to those who know "
    "them.",
    evidence="Voice prints are identifiers by law (45 CFR 164.514(b)(2)(i)(P)).",
    applies=_sound_applies,
    done="Nothing: sound is not listened to, and stays as it is.",
    remains="Whatever was recorded.",
    advice=("Have films exported without sound.", "Listen before it leaves."),
    sources=(sources.HIPAA, sources.BIOMETRICS),
)

_MOVEMENT: Final = RiskKind(
    risk_id="movement",
    title="Movement",
    statement="How somebody walks, speaks or moves a face can be seen in a film of it, and is a person's own.",
    evidence="Gait is a biometric identifier in United States law (28 CFR 202.204). We know of no published rate for "
    "clinical films.",
    applies=lambda view: (
        Applies.MAYBE if any(one.is_moving and one.kind is ImageKind.PHOTOGRAPH for one in view.shown) else Applies.NO
    ),
    done="Films from outside are held, unless a person let them go.",
    remains="Whatever the film shows.",
    advice=("Send single frames where these do.", NAMED_PEOPLE),
    sources=(sources.BIOMETRICS,),
)

_HEART: Final = RiskKind(
    risk_id="heart-curve",
    title="Electrocardiogram",
    statement="The shape of a heartbeat's curve can be matched with another recording of the same person.",
    evidence="People could be identified by a few features of one resting curve in a small group (Biel 2001).",
    applies=lambda view: view.has(ImageKind.HEART_CURVE),
    done="Nothing: the curve is what it is for.",
    remains="All of it. It needs another recording to compare with.",
    advice=(NO_COMPARING,),
    sources=(sources.ECG_2001,),
)

_SLIDES: Final = RiskKind(
    risk_id="slides",
    title="Slides of tissue",
    statement="A machine can tell of some slides that they are of one patient, and slides are in public sets under "
    "another name.",
    evidence="The patient of a slide was found with an F1 score of 50 to 62% among those of a set (Ganz 2024).",
    applies=lambda view: view.has(ImageKind.SLIDE),
    done="Nothing but a search for text and labels.",
    remains="All of it.",
    advice=(NO_COMPARING, NAMED_PEOPLE),
    sources=(sources.SLIDES_2024,),
)

# Any image

_TRAITS: Final = RiskKind(
    risk_id="traits",
    title="Traits that pixels tell",
    statement="What the header no longer says, pixels may: a machine can estimate sex, age and origin from them, and "
    "join them with whatever else is known.",
    evidence="Models told the race that patients had given from radiographs, mammograms and CT, where experts see "
    "nothing (Gichoya 2022), and sex and age from the retina (Poplin 2018).",
    applies=lambda view: view.has(ImageKind.RADIOGRAPH, ImageKind.MAMMOGRAM, ImageKind.CT, ImageKind.EYE),
    done=_NOTHING,
    remains="All of it: a trait narrows down, and names nobody.",
    advice=(NO_COMPARING,),
    sources=(sources.TRAITS_2022, sources.RETINA_2018, sources.UNIQUE_2006),
)

_RARE: Final = RiskKind(
    risk_id="rare-finding",
    title="Rare findings",
    statement="A rare disease, malformation, injury or operation can be enough for whoever heard of it, or read of it "
    "in the news.",
    evidence="It follows from how few people have it.",
    applies=lambda view: _maybe(view.has(*_ANY)),
    done="Nothing: whether a finding is rare is not looked at.",
    remains="The finding.",
    advice=("Judge rare findings by whom they go to.", NAMED_PEOPLE),
)

_COPIES: Final = RiskKind(
    risk_id="copies",
    title="Other copies of the image",
    statement="Whoever has the original, or another copy of the same image, finds the pair by its pixels.",
    evidence="Pixels keep their bits wherever nothing had to be filled.",
    applies=lambda view: view.has(*_ANY),
    done="Nothing: images are of use only as they are.",
    remains="All of it, for those who have a copy.",
    advice=("Send to nobody who has access to the archive under another name.", LOOK_UP),
)

IMAGE_RISKS: Final = (
    _FACE, _CHEST, _PHOTOGRAPHS, _TEETH, _BRAIN, _EYES, _SOUND, _BONES, _BODY, _IMPLANTS, _PICTURES, _MOVEMENT,
    _HEART, _SLIDES, _TRAITS, _RARE, _COPIES,
)  # fmt: skip
"""The worst first."""
