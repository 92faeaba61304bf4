"""What is done about the faces of studies in the gateway, found once for all units of work on a study."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from scanward.deidentify.faces.kinds import is_known_class
from scanward.deidentify.header.scan import SOP_CLASS_UID, InstanceFacts
from scanward.dicomstream.part10 import DataSetStart
from scanward.errors import OutputError, ScanwardError, StoreError
from scanward.flow.faces import NOT_LOOKED_AT, FaceLooker, MakePlanner, StudyFaces
from scanward.flow.pixels import Opener
from scanward.model.bodies import BodyPolicy
from scanward.model.faces import FacePolicy, FaceVolume
from scanward.model.pixels import PixelOutcome
from scanward.model.study import StoredInstance, Study

REMEMBERED_STUDIES = 2
"""What is done about so many studies is kept in memory: masks of their volumes, up to some 100 MB each."""


@dataclass(frozen=True, kw_only=True, slots=True)
class InstanceFace:
    """What is done about the face in one instance.

    Attributes
    ----------
    faces
        What is done about those of its study.
    place
        Its place among the instances of the study.
    """

    faces: StudyFaces
    place: int

    @property
    def left_out(self) -> str:
        """Why it is left out, as :meth:`scanward.flow.faces.StudyFaces.left_out`."""
        return self.faces.left_out(self.place)

    def require_leave(self) -> None:
        """Raise where the instance is held, as :meth:`scanward.flow.faces.StudyFaces.require_leave`."""
        self.faces.require_leave(self.place)

    def apply(self, start: DataSetStart, facts: InstanceFacts, pixels: PixelOutcome) -> PixelOutcome:
        """Take the face out and cut it, as :meth:`scanward.flow.faces.StudyFaces.apply`."""
        return self.faces.apply(self.place, start, facts, pixels)

    def cut(self, start: DataSetStart, facts: InstanceFacts, pixels: PixelOutcome) -> PixelOutcome:
        """Cut it where a person lets its face go, as :meth:`scanward.flow.faces.StudyFaces.cut`."""
        return self.faces.cut(self.place, start, facts, pixels)


class FacesOfStudy:
    """What is done about the faces of one study, by instance.

    Parameters
    ----------
    faces
        The same by place.
    instances
        Those of the study, in the order that `faces` knows them by.
    """

    def __init__(self, faces: StudyFaces, instances: Sequence[StoredInstance]) -> None:
        self._faces = faces
        self._places = {one.instance_id: place for place, one in enumerate(instances)}

    @property
    def volumes(self) -> tuple[FaceVolume, ...]:
        """What was found of each volume."""
        return self._faces.volumes

    def of(self, instance: StoredInstance) -> InstanceFace:
        """Return what is done about an instance of the study.

        Raises
        ------
        StoreError
            It came after the study was looked at; the unit is done over.
        """
        place = self._places.get(instance.instance_id)
        if place is None:
            raise StoreError("expected an instance that was there when its study was looked at, got a later one")
        return InstanceFace(faces=self._faces, place=place)


class FaceSurveyor:
    """Finds what is done about the faces of studies; for any number of threads, of which one at a time looks.

    Parameters
    ----------
    make_planner
        Makes what looks at faces; None where nobody looks.
    """

    def __init__(self, make_planner: MakePlanner | None) -> None:
        self._make_planner = make_planner
        self._found: OrderedDict[Hashable, FacesOfStudy] = OrderedDict()
        self._turn = threading.Lock()

    def survey(
        self,
        study: Study,
        policy: FacePolicy,
        sight: str,
        make_opener: Callable[[StoredInstance], Opener],
        *,
        body: BodyPolicy,
    ) -> FacesOfStudy:
        """Return what is done about faces and bodies in all instances of a study that are there now, of whatever batch.

        Parameters
        ----------
        study
            Which.
        policy
            What the profile says of faces.
        sight
            What looks, by names and versions.
        make_opener
            Opens an instance.
        body
            What the profile keeps of bodies.

        Raises
        ------
        StoreError, OutputError
            An instance could not be opened, or there is no room; the unit is done over later.
        """
        looker = FaceLooker(self._make_planner, policy, body)
        if not looker.looks:
            return FacesOfStudy(NOT_LOOKED_AT, study.instances)
        key = (study.study_id, len(study.instances), policy, body, sight)
        with self._turn:
            found = self._found.get(key)
            if found is None:
                openers = [make_opener(one) for one in study.instances]
                faces = looker.look(openers, list(map(_facts_of, study.instances, openers)))
                found = self._found[key] = FacesOfStudy(faces, study.instances)
                if len(self._found) > REMEMBERED_STUDIES:
                    self._found.popitem(last=False)
            self._found.move_to_end(key)
        return found


def _facts_of(instance: StoredInstance, opener: Opener) -> InstanceFacts:
    """Return what tells whether an instance may show a head; mostly its SOP Class does."""
    facts = InstanceFacts({SOP_CLASS_UID: instance.sop_class_uid.encode("ascii")}, (), "", little=True)
    if not is_known_class(instance.sop_class_uid):
        try:
            with opener() as (_, facts):
                pass
        except (StoreError, OutputError):
            raise
        except ScanwardError:
            return facts  # it is told when it is its turn
    return facts
