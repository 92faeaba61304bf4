"""De-identifies and checks the instances of one study for one recipient; nothing leaves here."""

from collections.abc import Callable, Iterable

from scanward.deidentify.check import Checker
from scanward.deidentify.header.plan import Plan
from scanward.deidentify.header.scan import SOP_CLASS_UID, InstanceFacts
from scanward.deidentify.header.values import DUMMY_TEXTS, Context
from scanward.deidentify.instance import Deidentified, Deidentifier
from scanward.deidentify.pseudonym import Pseudonyms
from scanward.deidentify.text.known import KnownIdentifiers
from scanward.deidentify.text.prose import TextCleaner
from scanward.deidentify.text.replace import make_replacer
from scanward.dicomstream.dates import shift_da
from scanward.dicomstream.part10 import DataSetStart
from scanward.errors import ResidualIdentifierError
from scanward.model.decision import Permit
from scanward.model.identifier import Identifier, IdentifierKind
from scanward.model.instance import CheckedInstance, Placement
from scanward.model.pixels import UNSEEN, PixelOutcome
from scanward.model.profile import Option, Profile
from scanward.ports.recognisers import Recogniser


class StudyDeidentifier:
    """De-identifies one study; keeps what its instances have in common.

    Parameters
    ----------
    profile
        How.
    pseudonyms
        The recipient's; what they made before is forgotten.
    identifiers
        What the instances of the study identify somebody by: none of it may be in an output.
    patient_key
        Whose study it is (:func:`scanward.model.study.patient_key`).
    refused
        Called with the placement of an instance in which the check found something twice.
    recogniser
        Finds in text what nobody told of; None for what is known and what has the shape of an identifier only.
    """

    def __init__(
        self,
        *,
        profile: Profile,
        pseudonyms: Pseudonyms,
        identifiers: frozenset[Identifier],
        patient_key: str,
        refused: Callable[[Placement], None] | None = None,
        recogniser: Recogniser | None = None,
    ) -> None:
        pseudonyms.forget()
        self.identifiers = identifiers
        self.patient = pseudonyms.patient(patient_key)
        self.offset_days = pseudonyms.offset_days(patient_key)
        self.profile = profile
        self._pseudonyms = pseudonyms
        self._refused = refused
        self._deidentifiers: dict[tuple[bytes, bytes], Deidentifier] = {}
        self.known = KnownIdentifiers(searched_identifiers(identifiers, profile, self.offset_days))
        self._patient_key = patient_key
        self._recogniser = recogniser
        self.cleaner = self.cleaner_for(self.known)
        retains_uids = Option.RETAIN_UIDS in profile.options
        self._checker = Checker(self.known, pseudonyms, retains_uids=retains_uids)

    def cleaner_for(self, known: KnownIdentifiers) -> TextCleaner:
        """Return what cleans text of the study, or of a document that names more than the study does."""
        options = self.profile.options
        replacer = make_replacer(
            self.profile.text.mode,
            self._pseudonyms,
            known,
            self._patient_key,
            retain_uids=Option.RETAIN_UIDS in options,
        )
        return TextCleaner(
            known,
            replacer,
            recogniser=self._recogniser,
            shift_days=self.offset_days if Option.RETAIN_MODIFIED_DATES in options else None,
            retain_dates=Option.RETAIN_FULL_DATES in options,
            retain_institution=Option.RETAIN_INSTITUTION_IDENTITY in options,
        )

    def with_more(self, identifiers: Iterable[Identifier]) -> TextCleaner:
        """Return what cleans a document that names `identifiers` besides what is known of the study."""
        more = searched_identifiers(identifiers, self.profile, self.offset_days) - set(self.known.identifiers)
        return self.cleaner_for(KnownIdentifiers((*self.known.identifiers, *more))) if more else self.cleaner

    def document_name(self, digest: str) -> str:
        """Return what a document of the study is called, by a digest of what it was made from."""
        return self._pseudonyms.document(digest)

    def deidentify(
        self, start: DataSetStart, facts: InstanceFacts, permit: Permit, *, pixels: PixelOutcome = UNSEEN
    ) -> tuple[CheckedInstance, Deidentified]:
        """De-identify and check; an instance that fails the check gets one more, element by element, try.

        Parameters
        ----------
        start, facts
            The instance.
        permit
            The decision that it may leave.
        pixels
            What looking at its pixels, or cleaning the document in it, came to.

        Raises
        ------
        ScanwardError
            Nothing of the instance may leave.
        """
        deidentifier = self._deidentifier(facts, permit)
        done = deidentifier.deidentify(start, facts, pixels=pixels)
        try:
            return self._checker.check(done.instance), done
        except ResidualIdentifierError:
            done = deidentifier.deidentify(start, facts, suspicious=True, pixels=pixels)
        try:
            return self._checker.check(done.instance), done
        except ResidualIdentifierError:
            if self._refused is not None:
                self._refused(done.instance.placement)
            raise

    def _deidentifier(self, facts: InstanceFacts, permit: Permit) -> Deidentifier:
        key = (facts.values[SOP_CLASS_UID], facts.charset)
        found = self._deidentifiers.get(key)
        if found is None:
            context = Context(
                plan=Plan(self.profile, facts.text(SOP_CLASS_UID)),
                pseudonyms=self._pseudonyms,
                known=self.known,
                cleaner=self.cleaner,
                patient=self.patient,
                offset_days=self.offset_days,
                charset=facts.charset,
            )
            found = self._deidentifiers[key] = Deidentifier(context, permit)
        return found


def searched_identifiers(
    identifiers: Iterable[Identifier], profile: Profile, offset_days: int
) -> frozenset[Identifier]:
    """Return which identifiers of the input must not be in the output, as far as the profile does not keep them."""
    kept: set[IdentifierKind] = set()
    if Option.RETAIN_INSTITUTION_IDENTITY in profile.options:
        kept.add(IdentifierKind.INSTITUTION)
    if Option.RETAIN_DEVICE_IDENTITY in profile.options:
        kept.add(IdentifierKind.DEVICE)
    if Option.RETAIN_FULL_DATES in profile.options:
        kept.add(IdentifierKind.DATE)
    if Option.RETAIN_UIDS in profile.options:
        kept.add(IdentifierKind.UID)
    identifiers = set(identifiers)
    dates = {one.value for one in identifiers if one.kind is IdentifierKind.DATE}
    # A date that is the new date of another cannot be told from it; and one that a profile keeps is no find.
    ambiguous = set(DUMMY_TEXTS)
    if Option.RETAIN_FULL_DATES in profile.options:
        ambiguous |= dates
    if Option.RETAIN_MODIFIED_DATES in profile.options:
        ambiguous |= {_moved(date, offset_days) for date in dates}
    return frozenset(one for one in identifiers if one.kind not in kept and one.value not in ambiguous)


def _moved(date: str, offset_days: int) -> str:
    try:
        return shift_da(date, offset_days)
    except ValueError:
        return ""
