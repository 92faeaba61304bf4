"""Makes what leaves of the instances of a unit: looks at their pixels, de-identifies, checks, and stores recipes."""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from scanward.deidentify.header.scan import MODALITY, SOP_CLASS_UID, InstanceFacts, Scanner
from scanward.deidentify.pseudonym import Pseudonyms
from scanward.dicomstream.opening import open_dicom
from scanward.dicomstream.part10 import DataSetStart
from scanward.dicomstream.texts import read_texts
from scanward.errors import DeidentificationError, OutputError, ScanwardError, StoreError, UnknownError
from scanward.flow.documents import Documents, MakeCarriers, MakeRecogniser
from scanward.flow.face_plans import FacesOfStudy, FaceSurveyor
from scanward.flow.faces import MakePlanner
from scanward.flow.forms import read_form
from scanward.flow.holding import HeldError, Terms, look_or_hold, why_not_now
from scanward.flow.pixels import FEWEST_STACKED, STACKED, MakeCleaner, Opener, PixelLooker, Stacks
from scanward.flow.screens import fill_screens, form_with, seen_in
from scanward.flow.study import StudyDeidentifier
from scanward.flow.survey import MOST_PRIORS, Surveyor, known_before
from scanward.model.agreement import PullEndpoint, Recipient
from scanward.model.decision import Permit
from scanward.model.faces import FaceVolume
from scanward.model.holds import LetGo, PixelHold
from scanward.model.instance import CheckedInstance
from scanward.model.pixels import PixelOutcome
from scanward.model.profile import Option
from scanward.model.release import ItemState, OutboxItem, Release, Setback
from scanward.model.screens import Layout, SeenImage
from scanward.model.study import StoredInstance, Study
from scanward.ports.files import Keys
from scanward.ports.ledger import Ledger
from scanward.ports.stores import Blobs, Vault
from scanward.release.originals import Originals
from scanward.release.recipe import encode_recipes, length_bytes, made_bytes

STUDY_TIME = 0x00080030
REFERRING_PHYSICIAN_NAME = 0x00080090
PATIENT_SEX = 0x00100040
STUDY_ID = 0x00200010

_TEXTS = (STUDY_TIME, REFERRING_PHYSICIAN_NAME, PATIENT_SEX, STUDY_ID)
"""What is put back into results and the ledger does not keep."""

MAX_WAITING_BYTES = 256 * 1024 * 1024
"""So much that was made anew waits for its recipe; a unit in which more is made has several blobs of them."""

MAX_BOXES = 1000
"""So many boxes of an instance go into the ledger."""


@dataclass(frozen=True, slots=True)
class WhatFor:
    """What is made, for whom, and as what."""

    release: Release
    recipient: Recipient
    permit: Permit
    instances: Sequence[StoredInstance]
    layouts: Sequence[Layout] = ()

    @property
    def is_pull(self) -> bool:
        """Whether its recipient fetches."""
        return isinstance(self.recipient.endpoint, PullEndpoint)


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """What became of the instances of a unit.

    Attributes
    ----------
    items
        What the outbox shall hold.
    setbacks
        What goes no further.
    pseudonym
        The patient's.
    form
        How it was de-identified (:attr:`scanward.flow.decisions.Standing.form`).
    let_go
        What of it a person had let go when it was made.
    screens
        Where text was found, as far as the screen is known.
    volumes
        What was found of the volumes of its study that may show a head.
    """

    items: Sequence[OutboxItem]
    setbacks: Sequence[Setback]
    pseudonym: str
    form: str
    let_go: Mapping[str, LetGo]
    screens: Sequence[SeenImage]
    volumes: Sequence[FaceVolume] = ()


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A checked instance, of which it was made, the length of its file, its encoding, and what its pixels came to."""

    instance: StoredInstance
    checked: CheckedInstance
    size_bytes: int
    transfer_syntax_uid: str
    pixels: PixelOutcome


@dataclass(slots=True)
class _Work:
    """A unit under way; `waiting` is in no recipe yet."""

    key: bytes
    form: str
    terms: Terms
    deidentifier: StudyDeidentifier
    looker: PixelLooker
    faces: FacesOfStudy
    let_go: Mapping[str, LetGo]
    documents: Documents
    items: list[OutboxItem] = field(default_factory=list)
    setbacks: list[Setback] = field(default_factory=list)
    waiting: list[_Prepared] = field(default_factory=list)
    waiting_bytes: int = 0
    screens: list[SeenImage] = field(default_factory=list)
    first: StoredInstance | None = None


class Maker:
    """Makes units; for any number of threads.

    Parameters
    ----------
    ledger, blobs, vault, keys
        The stores.
    spool
        Folder for what is put aside, as secret as the instances.
    make_cleaner
        Makes what looks at pixels; None where nobody looks.
    make_planner
        Makes what looks at faces; None where nobody looks.
    make_carriers
        Makes who cleans documents; None where nobody does.
    make_recogniser
        Makes what recognises identifiers in text; None for none.
    sight
        Tells what that is, by names and versions; empty where nothing is there.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        blobs: Blobs,
        vault: Vault,
        keys: Keys,
        spool: Path,
        make_cleaner: MakeCleaner | None = None,
        make_planner: MakePlanner | None = None,
        make_carriers: MakeCarriers | None = None,
        make_recogniser: MakeRecogniser | None = None,
        sight: Callable[[], str] = lambda: "",
    ) -> None:
        self._ledger = ledger
        self._blobs = blobs
        self._vault = vault
        self._keys = keys
        self._spool = spool
        self._make_cleaner = make_cleaner
        self._sight = sight
        self._surveyor = Surveyor(spool)
        self._faces = FaceSurveyor(make_planner)
        self._make_carriers = make_carriers
        self._make_recogniser = make_recogniser

    def make(self, unit: WhatFor) -> Made:
        """Make what leaves of a unit, and store recipes and the way back; nothing has left and nothing is on record.

        Raises
        ------
        ProfileError
            The profile cannot be read.
        StoreError, OutputError
            A store could not be read or written; the unit is done over later.
        """
        release = unit.release
        study = self._ledger.get_study(release.study_id)
        key = self._vault.find_data_key(release.study_id)
        if key is None:
            raise UnknownError("the study's data key was destroyed: nothing of it can leave")
        profile, form = read_form(unit.permit)
        profile = fill_screens(profile, unit.layouts)
        pseudonyms = Pseudonyms(self._keys.recipient_key(unit.recipient.recipient_id))
        deidentifier = StudyDeidentifier(
            profile=profile,
            pseudonyms=pseudonyms,
            identifiers=self._surveyor.survey(study, lambda one: self._blobs.open(key, one.blob))
            | known_before(self._ledger.other_studies(study, MOST_PRIORS)),
            patient_key=study.patient.key,
            recogniser=self._make_recogniser() if self._make_recogniser is not None else None,
        )
        sight = self._sight()
        scanner = Scanner()
        work = _Work(
            key=key,
            form=form_with(form, unit.layouts),
            terms=Terms(
                # The permit names a profile of one's own by its path; whoever applies it compares the names.
                permit=replace(unit.permit, profile=profile.name),
                form=form,
                sight=sight,
                known=deidentifier.known,
                key=key,
            ),
            deidentifier=deidentifier,
            looker=PixelLooker(self._make_cleaner, profile.pixels),
            faces=self._faces.survey(
                study, profile.faces, sight, lambda one: self._opener(key, one, scanner), body=profile.body
            ),
            let_go=self._ledger.let_go_of(release.release_id),
            documents=Documents(self._make_carriers, profile),
        )
        try:
            self._deidentify(work, unit.instances)
            # The way back is there before anything can leave.
            self._record_originals(release, study, work, pseudonyms.made())
        except BaseException:
            for recipe in sorted({item.recipe for item in work.items}):
                with contextlib.suppress(StoreError):  # left over; fsck finds it
                    self._blobs.delete(recipe)
            raise
        return Made(
            items=work.items,
            setbacks=work.setbacks,
            pseudonym=deidentifier.patient,
            form=work.form,
            let_go=work.let_go,
            screens=work.screens,
            volumes=work.faces.volumes,
        )

    def _deidentify(self, work: _Work, instances: Sequence[StoredInstance]) -> None:
        scanner = Scanner()
        openers = [self._opener(work.key, one, scanner) for one in instances]
        stacks = Stacks(work.looker, _slices(work.looker, instances, openers), openers)
        for place, instance in enumerate(instances):
            why_not = why_not_now(work.terms.permit, instance) or work.faces.of(instance).left_out or None
            if why_not is not None:
                work.setbacks.append(_setback(instance, ItemState.EXCLUDED, why_not))
                continue
            try:
                stack = stacks.find(place)
                with openers[place]() as (start, facts):
                    _require_same(facts, instance)
                    let_go = work.let_go.get(instance.instance_id)
                    pixels = look_or_hold(
                        work.terms,
                        work.looker,
                        instance,
                        start,
                        facts,
                        face=work.faces.of(instance),
                        stack=stack,
                        let_go=let_go,
                        clean_document=partial(work.documents.clean_inside, study=work.deidentifier),
                    )
                    checked, _ = work.deidentifier.deidentify(start, facts, work.terms.permit, pixels=pixels)
                    _add(work, instance, checked, start, pixels)
                if work.waiting_bytes > MAX_WAITING_BYTES:
                    self._store(work)
            except (StoreError, OutputError):
                raise  # no fault of the instance: the unit is done over
            except HeldError as error:
                work.setbacks.append(_setback(instance, ItemState.EXCLUDED, str(error), error.hold))
            except ScanwardError as error:
                work.setbacks.append(_setback(instance, ItemState.QUARANTINED, str(error)))
        self._store(work)

    def _opener(self, key: bytes, instance: StoredInstance, scanner: Scanner) -> Opener:
        @contextlib.contextmanager
        def open_instance() -> Iterator[tuple[DataSetStart, InstanceFacts]]:
            with self._blobs.open(key, instance.blob) as source:
                start = open_dicom(source, self._spool)
                yield start, scanner.scan(start)

        return open_instance

    def _store(self, work: _Work) -> None:
        """Store the recipes of what waits in one blob, and note what the outbox shall hold."""
        if not work.waiting:
            return
        recipe = self._blobs.put(work.key, encode_recipes([one.checked for one in work.waiting]))
        work.items += [
            OutboxItem(
                instance_id=one.instance.instance_id,
                sop_instance_uid=one.checked.instance.placement.sop_instance_uid,
                series_uid=one.checked.instance.placement.series_uid,
                study_uid=one.checked.instance.placement.study_uid,
                patient=one.checked.instance.placement.patient,
                sop_class_uid=one.instance.sop_class_uid,
                transfer_syntax_uid=one.transfer_syntax_uid,
                modality=one.instance.modality,
                size_bytes=one.size_bytes,
                recipe=recipe,
                index=index,
                form=work.form,
                pixels=one.pixels,
            )
            for index, one in enumerate(work.waiting)
        ]
        work.waiting = []
        work.waiting_bytes = 0

    def _record_originals(self, release: Release, study: Study, work: _Work, uids: dict[str, str]) -> None:
        """Record what the recipient's results will be put back to, under each new Study Instance UID (mostly one)."""
        if work.first is None:
            return
        with self._blobs.open(work.key, work.first.blob) as source:
            texts = read_texts(open_dicom(source, self._spool), _TEXTS)
        made = work.deidentifier
        shifts = Option.RETAIN_MODIFIED_DATES in made.profile.options
        originals = Originals(
            uids=uids,
            study_uid=study.study_uid,
            pseudonym=made.patient,
            offset_days=made.offset_days if shifts else 0,
            patient_id=study.patient.patient_id,
            issuer=study.patient.issuer,
            patient_name=study.patient.name,
            birth_date=study.patient.birth_date,
            sex=texts[PATIENT_SEX],
            study_date=study.study_date,
            study_time=texts[STUDY_TIME],
            study_id=texts[STUDY_ID],
            study_description=study.study_description,
            accession_number=study.accession_number,
            referring_physician=texts[REFERRING_PHYSICIAN_NAME],
        ).to_mapping()
        for study_uid in sorted({item.study_uid for item in work.items}):
            self._vault.record_originals(release.recipient, study_uid, release.release_id, originals)


def _slices(
    looker: PixelLooker, instances: Sequence[StoredInstance], openers: Sequence[Opener]
) -> list[InstanceFacts | None]:
    """Return what the headers say of instances that may be slices of one volume, and None for the others."""
    counts = Counter(one.series_id for one in instances)
    facts: list[InstanceFacts | None] = []
    for one, opener in zip(instances, openers, strict=True):
        facts.append(None)
        if one.modality in STACKED and counts[one.series_id] >= FEWEST_STACKED and looker.looks_at(one.modality):
            try:
                with opener() as (_, facts[-1]):
                    pass
            except (StoreError, OutputError):
                raise
            except ScanwardError:
                continue  # it is told when it is its turn
    return facts


def _add(
    work: _Work, instance: StoredInstance, checked: CheckedInstance, start: DataSetStart, pixels: PixelOutcome
) -> None:
    made = checked.instance
    syntax = start.transfer_syntax_uid if pixels.replacement is None else pixels.replacement.transfer_syntax_uid
    size_bytes = length_bytes(made.pieces, made.deflate_from, made.source)
    told = replace(pixels, replacement=None, document=None, screen=None, boxes=pixels.boxes[:MAX_BOXES])
    work.waiting.append(_Prepared(instance, checked, size_bytes, syntax, told))
    work.waiting_bytes += made_bytes(checked)
    seen = seen_in(instance.instance_id, pixels)
    if seen is not None:
        work.screens.append(seen)
    work.first = work.first or instance


def _setback(instance: StoredInstance, state: ItemState, reason: str, hold: PixelHold | None = None) -> Setback:
    return Setback(instance_id=instance.instance_id, state=state, reason=reason, hold=hold)


def _require_same(facts: InstanceFacts, instance: StoredInstance) -> None:
    """Refuse where what is read is not what was decided on."""
    if facts.text(SOP_CLASS_UID) != instance.sop_class_uid or facts.text(MODALITY).upper() != instance.modality:
        raise DeidentificationError("expected the SOP Class and Modality that were decided on, got others")
