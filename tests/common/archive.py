"""An archive of pynetdicom that answers queries and sends what it is asked for, up to where a test cuts it off."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pydicom import config
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, build_context, evt
from pynetdicom.sop_class import (
    CTImageStorage,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelMove,
)

TITLE = "PACS"


@dataclass
class PynetArchive:
    """What it has, and how it behaves.

    `match` gets the identifier of a query as it came, and its bytes; it yields a status and an answer each.
    """

    instances: list[Dataset] = field(default_factory=list)
    destination_port: int = 0
    sends: list[int] = field(default_factory=list)
    """How many instances it sends before it aborts, each time; all once these are used up."""
    match: Callable[[Dataset, bytes], Iterator[tuple[int, Dataset]]] | None = None
    queries: list[bytes] = field(default_factory=list)
    moves: int = 0
    port: int = 0

    def find(self, event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        raw = event.request.Identifier.getvalue()
        self.queries.append(raw)
        yield from (self.match or self.match_all)(event.identifier, raw)

    def match_all(self, asked: Dataset, _: bytes) -> Iterator[tuple[int, Dataset]]:
        """Answer with every study that it has of the patient."""
        studies = {ds.StudyInstanceUID: ds for ds in self.instances if ds.PatientID == asked.PatientID}
        for uid, ds in studies.items():
            count = sum(one.StudyInstanceUID == uid for one in self.instances)
            yield 0xFF00, answer(uid, ds.PatientID, ds.get("IssuerOfPatientID", ""), ds.StudyDate, count)

    def move(self, event: evt.Event) -> Iterator[Any]:
        self.moves += 1
        stops_at = self.sends.pop(0) if self.sends else None
        wanted = [ds for ds in self.instances if ds.StudyInstanceUID == event.identifier.StudyInstanceUID]
        context = build_context(CTImageStorage, [ExplicitVRLittleEndian])
        yield "127.0.0.1", self.destination_port, {"contexts": [context]}
        yield len(wanted)
        for number, ds in enumerate(wanted):
            if number == stops_at:
                event.assoc.abort()
                return
            yield 0xFF00, ds


def answer(
    uid: str, patient: str, issuer: str | None, day: str, count: int | None = None, charset: str = ""
) -> Dataset:
    """Return an answer to a query at study level."""
    ds = Dataset()
    if charset:
        ds.SpecificCharacterSet = charset.split("\\")
    ds.QueryRetrieveLevel, ds.StudyInstanceUID, ds.PatientID = "STUDY", uid, patient
    with config.disable_value_validation():  # hostile on purpose
        ds.StudyDate = day
    if issuer is not None:
        ds.IssuerOfPatientID = issuer
    if count is not None:
        ds.NumberOfStudyRelatedInstances = count
    return ds


@contextmanager
def run_archive(archive: PynetArchive, instances: Sequence[Dataset] = ()) -> Iterator[PynetArchive]:
    """Run it, and end it on leaving."""
    archive.instances.extend(instances)
    ae = AE(TITLE)
    for sop_class in (StudyRootQueryRetrieveInformationModelFind, StudyRootQueryRetrieveInformationModelMove):
        ae.add_supported_context(sop_class, ImplicitVRLittleEndian)
    ae.add_requested_context(CTImageStorage, ExplicitVRLittleEndian)
    handlers = [(evt.EVT_C_FIND, archive.find), (evt.EVT_C_MOVE, archive.move)]
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    archive.port = server.server_address[1]
    try:
        yield archive
    finally:
        server.shutdown()
        ae.shutdown()
