"""Simulators of the flow's ports that keep everything in memory."""

import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from scanward.deidentify.profile import load_profile
from scanward.errors import SourceError
from scanward.flow.worker import Unit, UnitResult, Worker, facts_of
from scanward.model.instance import ByteSource, BytesSource, CheckedInstance, Placement
from scanward.model.profile import Profile
from scanward.model.source import RefusedFile, SourceFile

STUDY_INSTANCE_UID = 0x0020000D


class MemorySources:
    """Inputs by name (implements `scanward.ports.Sources`)."""

    def __init__(self, inputs: Mapping[str, bytes]) -> None:
        self._inputs = inputs

    def find(self) -> Iterator[SourceFile | RefusedFile]:
        for name, data in self._inputs.items():
            yield SourceFile(path=name, size=len(data), modified_ns=0)

    @contextmanager
    def open(self, file: SourceFile) -> Iterator[ByteSource]:
        if file.path not in self._inputs:
            raise SourceError("an input is not there")
        yield BytesSource(self._inputs[file.path])


class MemoryFolder:
    """Outputs by path (implements `scanward.ports.ReleaseFolder`)."""

    def __init__(self) -> None:
        self.outputs: dict[str, bytes] = {}

    def write(self, checked: CheckedInstance) -> str:
        instance = checked.instance
        parts = [
            piece if isinstance(piece, bytes) else piece.source_in(instance.source).read(piece.offset, piece.length)
            for piece in instance.pieces
        ]
        if instance.deflate_from is not None:
            engine = zlib.compressobj(wbits=-zlib.MAX_WBITS)
            body = engine.compress(b"".join(parts[instance.deflate_from :])) + engine.flush()
            parts = [*parts[: instance.deflate_from], body, b"\0" * (len(body) % 2)]
        path = _path(instance.placement)
        self.outputs[path] = b"".join(parts)
        return path

    def withdraw(self, placement: Placement) -> None:
        self.outputs.pop(_path(placement), None)


def _path(place: Placement) -> str:
    return f"{place.patient}/{place.study_uid}/{place.series_uid}/{place.sop_instance_uid}.dcm"


def deidentify_in_memory(
    inputs: Mapping[str, bytes],
    spool: Path,
    *,
    profile: Profile | str = "basic",
    key: bytes = b"k" * 32,
    recipient: str = "test",
) -> tuple[dict[str, bytes], dict[str, str]]:
    """De-identify `inputs`, and return the outputs by the name of their input, and why the others were stopped."""
    profile = load_profile(profile) if isinstance(profile, str) else profile
    sources, folder = MemorySources(inputs), MemoryFolder()
    worker = Worker(
        sources=sources,
        output=folder,
        profile=profile,
        recipient=recipient,
        recipient_key=key,
        release_unchecked_pixels=True,
        spool=spool,
    )
    files = [file for file in sources.find() if isinstance(file, SourceFile)]
    scanned = worker.scan(enumerate(files))
    stopped = {files[one.index].path: one.reason for one in scanned.stopped}
    studies: dict[str, list[tuple[int, SourceFile, int, bytes]]] = {}
    for index, number, uid in scanned.instances:
        study = facts_of(scanned.facts[number]).text(STUDY_INSTANCE_UID)
        studies.setdefault(study, []).append((index, files[index], number, uid))
    outputs = {}
    for number, (study, instances) in enumerate(studies.items()):
        facts = {place: scanned.facts[place] for _, _, place, _ in instances}
        result: UnitResult = worker.deidentify(
            Unit(number, instances, facts, frozenset(scanned.identifiers.get(study, ())))
        )
        stopped |= {files[one.index].path: one.reason for one in result.stopped}
        outputs |= {files[index].path: folder.outputs[path] for index, path in result.released}
    return outputs, stopped
