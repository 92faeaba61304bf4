"""Simulators of the ports by which instances come in."""

import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from scanward.dicomstream.opening import open_dicom
from scanward.errors import DicomFormatError, NotDicomError
from scanward.model.instance import ByteSource
from scanward.model.study import Completion, Origin
from scanward.ports.intake import Receipt
from scanward.ports.peers import OwedReport, ProcedureStep

_SOP_CLASS, _SOP_INSTANCE, _STUDY = 0x00080016, 0x00080018, 0x0020000D


@dataclass
class MemoryIntake:
    """Keeps what it takes in memory (implements `scanward.ports.intake.Intake`).

    `before` runs at the start of each `take` and may raise, as a full store does.
    """

    before: Callable[[], None] = lambda: None
    taken: list[tuple[bytes, Origin]] = field(default_factory=list)
    quarantined: list[tuple[bytes, Origin]] = field(default_factory=list)
    completed: list[tuple[str, Completion]] = field(default_factory=list)
    known: set[tuple[str, str]] = field(default_factory=set)
    studies: set[str] = field(default_factory=set)
    study_of: dict[str, str] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, content: ByteSource, origin: Origin) -> Receipt:
        self.before()
        data = content.read(0, content.size)
        assert len(data) == content.size
        try:
            sop_class, instance, study = _read(content)
        except (DicomFormatError, NotDicomError):
            with self.lock:
                self.quarantined.append((data, origin))
            return Receipt(accepted=False, reason="not understood")
        with self.lock:
            self.taken.append((data, origin))
            self.known.add((sop_class, instance))
            self.studies.add(study)
            self.study_of[instance] = study
        return Receipt(accepted=True, sop_class_uid=sop_class, sop_instance_uid=instance, study_uid=study)

    def complete(self, study_uid: str, how: Completion) -> bool:
        with self.lock:
            if study_uid not in self.studies:
                return False
            self.completed.append((study_uid, how))
            return True

    def complete_instances(self, sop_instance_uids: Sequence[str], how: Completion) -> None:
        with self.lock:
            studies = {self.study_of[uid] for uid in sop_instance_uids if uid in self.study_of}
            self.completed += [(study, how) for study in sorted(studies)]

    def has(self, sop_class_uid: str, sop_instance_uid: str) -> bool:
        with self.lock:
            return (sop_class_uid, sop_instance_uid) in self.known


def _read(content: ByteSource) -> tuple[str, str, str]:
    start = open_dicom(content)
    found: dict[int, str] = {}
    offset = start.offset
    while offset < start.reader.size and len(found) < 3:
        element = start.reader.element(offset, start.encoding)
        if element.tag > _STUDY:
            break
        offset = start.reader.end(element, start.reader.size)
        if element.tag in (_SOP_CLASS, _SOP_INSTANCE, _STUDY):
            found[element.tag] = start.reader.read(element.value, element.length).rstrip(b"\0 ").decode("ascii")
    if len(found) < 3:
        raise DicomFormatError("an instance without its UIDs")
    return found[_SOP_CLASS], found[_SOP_INSTANCE], found[_STUDY]


@dataclass
class MemoryBook:
    """Keeps in memory what is owed to peers (implements `scanward.ports.peers.PeerBook`)."""

    reports: dict[str, tuple[OwedReport, datetime, datetime]] = field(default_factory=dict)
    """By id, with when it is due and since when it is owed."""
    steps: dict[str, tuple[ProcedureStep, datetime]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def owe_report(self, report_id: str, peer: str, content: str, at: datetime) -> None:
        with self.lock:
            owed = OwedReport(report_id=report_id, peer=peer, content=content, attempts=0)
            self.reports[report_id] = (owed, at, at)

    def claim_report(self, peers: Collection[str], now: datetime, until: datetime) -> OwedReport | None:
        with self.lock:
            due = [each for each in self.reports.values() if each[0].peer in peers and each[1] <= now]
            if not due:
                return None
            owed, _, since = min(due, key=lambda each: each[1])
            owed = replace(owed, attempts=owed.attempts + 1)
            self.reports[owed.report_id] = (owed, until, since)
            return owed

    def postpone_report(self, report_id: str, until: datetime) -> None:
        with self.lock:
            owed, _, since = self.reports[report_id]
            self.reports[report_id] = (owed, until, since)

    def settle_report(self, report_id: str) -> None:
        with self.lock:
            self.reports.pop(report_id, None)

    def hasten_reports(self, peers: Collection[str], now: datetime) -> int:
        with self.lock:
            theirs = [each for each in self.reports.values() if each[0].peer in peers]
            self.reports |= {owed.report_id: (owed, now, since) for owed, _, since in theirs}
            return len(theirs)

    def begin_step(self, step_uid: str, study_uids: Collection[str], at: datetime) -> bool:
        with self.lock:
            if step_uid in self.steps:
                return False
            self.steps[step_uid] = (ProcedureStep(study_uids=frozenset(study_uids), has_ended=False), at)
            return True

    def find_step(self, step_uid: str) -> ProcedureStep | None:
        with self.lock:
            return self.steps[step_uid][0] if step_uid in self.steps else None

    def end_step(self, step_uid: str, at: datetime) -> None:
        with self.lock:
            step, begun = self.steps[step_uid]
            self.steps[step_uid] = (replace(step, has_ended=True), begun)

    def forget(self, before: datetime) -> int:
        with self.lock:
            old = [report_id for report_id, (_, _, since) in self.reports.items() if since < before]
            for report_id in old:
                del self.reports[report_id]
            self.steps = {uid: each for uid, each in self.steps.items() if each[1] >= before}
            return len(old)
