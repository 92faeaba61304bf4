"""Has the pixels of instances looked at before these leave, on the way of files and of releases alike.

The first look loads the engines, so that a run without pixels does not wait for them.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from scanward.deidentify.header.scan import (
    BITS_ALLOCATED,
    COLUMNS,
    MODALITY,
    NUMBER_OF_FRAMES,
    PHOTOMETRIC_INTERPRETATION,
    ROWS,
    SAMPLES_PER_PIXEL,
    SERIES_INSTANCE_UID,
    InstanceFacts,
)
from scanward.deidentify.pixels.header import read_pixel_header
from scanward.deidentify.text.known import KnownIdentifiers
from scanward.dicomstream.part10 import DataSetStart
from scanward.errors import (
    DicomFormatError,
    EngineError,
    HoldError,
    OutputError,
    ScanwardError,
    TextFoundError,
    UnseenError,
)
from scanward.model.pixels import AS_THEY_ARE, UNSEEN, PixelMode, PixelOutcome, PixelPolicy

if TYPE_CHECKING:
    from scanward.deidentify.pixels.clean import PixelCleaner
    from scanward.deidentify.pixels.stack import Stack

MakeCleaner = Callable[[PixelPolicy], "PixelCleaner"]
"""Makes what cleans pixels as a policy says; what it looks with is loaded once in each process."""

Opener = Callable[[], AbstractContextManager[tuple[DataSetStart, InstanceFacts]]]
"""Opens an instance."""

STACKED = frozenset({"CT", "MR", "NM", "PT"})
"""Modalities whose series are slices of one volume: so much alike that text is looked for in many at once."""

FEWEST_STACKED = 8
"""Fewer slices are looked at one by one."""

_SHOWN = (0x00420011, 0x7FE00008, 0x7FE00009, 0x7FE00010)
"""Encapsulated Document; Float, Double Float and plain Pixel Data."""

_ALIKE = (SERIES_INSTANCE_UID, ROWS, COLUMNS, BITS_ALLOCATED, SAMPLES_PER_PIXEL, PHOTOMETRIC_INTERPRETATION)


NOBODY_LOOKS = "nothing is set up that looks at pixels"
NOT_AS_IT_IS = "no machine could take text out of it, and whoever let it go did not say that it may leave as it is"


class PixelLooker:
    """Looks at pixels, as far as a policy says and what it takes is there.

    Parameters
    ----------
    make_cleaner
        Makes what looks and cleans; None where nobody looks, whatever the policy says.
    policy
        What the profile does about text in pixels.
    """

    def __init__(self, make_cleaner: MakeCleaner | None, policy: PixelPolicy) -> None:
        self._make_cleaner = make_cleaner
        self._policy = policy
        self._cleaner: PixelCleaner | None = None
        self.missing: EngineError | None = None

    def looks_at(self, modality: str) -> bool:
        """Return whether the policy has instances of a Modality looked at."""
        return self._make_cleaner is not None and self._policy.mode_of(modality) is not PixelMode.OFF

    @property
    def names(self) -> tuple[str, ...]:
        """What looks, for the report; empty before the first look."""
        if self._cleaner is None:
            return ()
        engines = self._cleaner.engines
        return engines.text.name, engines.second.name

    def look(
        self,
        start: DataSetStart,
        facts: InstanceFacts,
        known: KnownIdentifiers,
        *,
        stack: "Stack | None" = None,
        may_stay_unseen: bool = False,
    ) -> PixelOutcome:
        """Return what looking at an instance came to; `UNSEEN` where nobody could.

        Parameters
        ----------
        start, facts
            The instance.
        known
            What is known of the patient and study.
        stack
            What `look_through` returned for the slices that it is one of.
        may_stay_unseen
            Whether it may leave where it cannot be looked at: a person has taken that upon them.

        Raises
        ------
        HoldError
            A person has to look: there is text that stays, or it is not known whether there is any.
        DicomFormatError
            The pixels cannot be decoded.
        """
        if not self.looks_at(facts.text(MODALITY)):
            return UNSEEN
        cleaner = self._find_cleaner()
        if cleaner is None:
            return UNSEEN
        try:
            return cleaner.clean(start, facts, known, stack=stack)
        except TextFoundError:
            raise
        except EngineError as error:
            if may_stay_unseen:
                return UNSEEN
            raise UnseenError(str(error), remedy=error.remedy) from None
        except (HoldError, DicomFormatError):
            if may_stay_unseen:
                return UNSEEN
            raise

    def look_as_far(
        self, start: DataSetStart, facts: InstanceFacts, known: KnownIdentifiers, *, as_it_is: bool
    ) -> PixelOutcome:
        """Take out of an instance that a person lets go what can be taken out, whatever the policy says.

        Parameters
        ----------
        start, facts, known
            As `look`.
        as_it_is
            Whether the person lets its pixels leave as they are, where nobody can look at them.

        Raises
        ------
        HoldError, DicomFormatError
            Nobody can look at them, and the person did not say so.
        """
        try:
            outcome = self._clean_as_far(start, facts, known)
        except (HoldError, DicomFormatError):
            if as_it_is:
                return AS_THEY_ARE
            raise
        return outcome

    def _clean_as_far(self, start: DataSetStart, facts: InstanceFacts, known: KnownIdentifiers) -> PixelOutcome:
        cleaner = self._find_cleaner()
        if cleaner is None:
            missing = self.missing or EngineError(NOBODY_LOOKS)
            raise UnseenError(f"{NOT_AS_IT_IS}: {missing}", remedy=missing.remedy)
        try:
            outcome = cleaner.clean_as_far(start, facts, known)
        except EngineError as error:
            raise UnseenError(f"{NOT_AS_IT_IS}: {error}", remedy=error.remedy) from None
        if outcome is UNSEEN:
            raise HoldError(f"{NOT_AS_IT_IS}: there is a document and no pixels")
        return outcome

    def look_through(self, instances: Iterable[Opener]) -> "Stack | None":
        """Look at slices of one volume together; None where that cannot be done, and each has to be looked at alone.

        Raises
        ------
        OutputError
            There is no room for what has to be put aside.
        """
        cleaner = self._find_cleaner()
        if cleaner is None:
            return None
        try:
            return cleaner.look_through(instances)
        except OutputError:
            raise
        except ScanwardError:
            return None  # whichever it is, it is found again when it is looked at alone

    def _find_cleaner(self) -> "PixelCleaner | None":
        if self._cleaner is None and self.missing is None and self._make_cleaner is not None:
            try:
                cleaner = self._make_cleaner(self._policy)
                _ = cleaner.engines
            except EngineError as error:
                self.missing = error
            else:
                self._cleaner = cleaner
        return self._cleaner


class Stacks:
    """Slices of one volume among the instances of a unit, looked at together when the first of them is reached.

    Parameters
    ----------
    looker
        Looks.
    facts
        What the headers say of the instances; None where that is not known.
    openers
        Open them.
    """

    def __init__(self, looker: PixelLooker, facts: Sequence[InstanceFacts | None], openers: Sequence[Opener]) -> None:
        self._looker = looker
        self._openers = openers
        self._found: dict[int, Stack | None] = {}
        self._group_of = {place: group for group in find_stacks(looker, facts) for place in group}

    def find(self, place: int) -> "Stack | None":
        """Return what looking at the slices came to that an instance is one of; None where it is none.

        Raises
        ------
        OutputError
            There is no room for what has to be put aside.
        """
        group = self._group_of.get(place)
        if group is None:
            return None
        first = group[0]
        if first not in self._found:
            self._found[first] = self._looker.look_through([self._openers[one] for one in group])
        stack = self._found[first]
        if place == group[-1]:
            del self._found[first]
        return stack


def find_stacks(looker: PixelLooker, instances: Sequence[InstanceFacts | None]) -> list[list[int]]:
    """Return which instances are slices of one volume, by their places; those that are looked at alone are left out."""
    looked_at = {modality for modality in STACKED if looker.looks_at(modality)}
    if not looked_at:
        return []
    groups: dict[Hashable, list[int]] = {}
    for place, facts in enumerate(instances):
        if facts is None or facts.text(NUMBER_OF_FRAMES) not in ("", "1") or not has_pixels(facts):
            continue
        if facts.text(MODALITY).upper() in looked_at:
            groups.setdefault(tuple(facts.values.get(tag, b"") for tag in _ALIKE), []).append(place)
    return [places for places in groups.values() if len(places) >= FEWEST_STACKED]


def shows_nothing(start: DataSetStart) -> bool:
    """Return whether there are no pixels and no document in an instance: then no text can stand in them.

    Text in its Attributes, overlays and pixels inside of sequences go with the header.
    """
    header = read_pixel_header(start)
    return not any((element := header.find(tag)) is not None and element.length for tag in _SHOWN)


def has_pixels(facts: InstanceFacts) -> bool:
    """Return whether an instance says that it has pixels."""
    return bool(facts.number(ROWS))
