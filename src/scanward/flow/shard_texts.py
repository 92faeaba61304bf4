"""Shares, units and their results as JSON texts, by which they travel between workers.

The same value has one text only: a shard that an interrupted run has done is found by it.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from scanward.deidentify.documents.kinds import DocumentKind
from scanward.flow.document_texts import decode_documents, decode_found, encode_documents, encode_found
from scanward.flow.face_texts import decode_volumes, encode_volumes
from scanward.flow.pixel_texts import decode_pixels, encode_pixels
from scanward.flow.processes import Share
from scanward.flow.worker import FactsKey, ScanResult, Stopped, Unit, UnitResult
from scanward.model.attribute import Action, Reason
from scanward.model.identifier import Identifier, IdentifierKind
from scanward.model.instance import Placement
from scanward.model.report import Change, Outcome
from scanward.model.source import SourceFile


@dataclass(frozen=True, kw_only=True, slots=True)
class PutAside:
    """A unit that was carried out and whose outputs are not in their places yet.

    Attributes
    ----------
    result
        What became of it.
    folder
        Name of the folder of its outputs.
    withdrawn
        What must not be among the outputs of an earlier run either.
    """

    result: UnitResult
    folder: str
    withdrawn: Sequence[Placement]


def _dump(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))  # ASCII: names of files need not be valid Unicode


# Tasks


def encode_share(share: Share) -> str:
    """Return a share of the first pass as a text."""
    return _dump(["scan", [[index, *_file(file)] for index, file in share]])


def encode_unit(unit: Unit) -> str:
    """Return a unit of the second pass as a text; facts are numbered as they come, whatever their numbers were."""
    numbers: dict[int, int] = {}
    files = [
        [index, *_file(file), numbers.setdefault(number, len(numbers)), _from_bytes(uid)]
        for index, file, number, uid in unit.files
    ]
    for number in sorted(unit.facts.keys() - numbers.keys()):
        numbers[number] = len(numbers)  # a unit of documents has the facts of an instance that is not among them
    facts = [_facts(unit.facts[number]) for number in numbers]
    documents = [[index, *_file(file), kind.value] for index, file, kind in unit.documents]
    return _dump(["deidentify", unit.study, files, facts, _identifiers(unit.identifiers), documents])


def decode_task(text: str) -> Share | Unit:
    """Return the share or unit of a text."""
    kind, *values = json.loads(text)
    if kind == "scan":
        return [(index, _to_file(file)) for index, *file in values[0]]
    study, files, facts, identifiers, documents = values
    return Unit(
        study,
        [(index, _to_file(file), number, _to_bytes(uid)) for index, *file, number, uid in files],
        dict(enumerate(map(_to_facts, facts))),
        frozenset(_to_identifiers(identifiers)),
        [(index, _to_file(file), DocumentKind(kind)) for index, *file, kind in documents],
    )


# Results


def encode_scan(result: ScanResult) -> str:
    """Return what a share said as a text."""
    return _dump(
        {
            "facts": [_facts(one) for one in result.facts],
            "instances": [[index, number, _from_bytes(uid)] for index, number, uid in result.instances],
            "identifiers": {study: _identifiers(found) for study, found in result.identifiers.items()},
            "stopped": _stopped(result.stopped),
            "unread": result.unread,
            "documents": [encode_found(one) for one in result.documents],
        }
    )


def decode_scan(text: str) -> ScanResult:
    """Return what a share said."""
    value = json.loads(text)
    return ScanResult(
        facts=[_to_facts(one) for one in value["facts"]],
        instances=[(index, number, _to_bytes(uid)) for index, number, uid in value["instances"]],
        identifiers={study: set(_to_identifiers(found)) for study, found in value["identifiers"].items()},
        stopped=_to_stopped(value["stopped"]),
        unread=value["unread"],
        documents=[decode_found(one) for one in value["documents"]],
    )


def encode_put_aside(done: PutAside) -> str:
    """Return what became of a unit as a text."""
    result = done.result
    return _dump(
        {
            "folder": done.folder,
            "withdrawn": [[one.patient, one.study_uid, one.series_uid, one.sop_instance_uid] for one in done.withdrawn],
            "study": result.study,
            "released": result.released,
            "stopped": _stopped(result.stopped),
            "changes": [
                [one.attribute, one.tag, one.action.value, one.reason.value, count]
                for one, count in result.changes.items()
            ],
            "bytes_released": result.bytes_released,
            "unread": result.unread,
            "pixels": encode_pixels(result.pixels),
            "faces": encode_volumes(result.faces),
            "documents": encode_documents(result.documents),
        }
    )


def decode_put_aside(text: str) -> PutAside:
    """Return what became of a unit."""
    value = json.loads(text)
    return PutAside(
        result=UnitResult(
            study=value["study"],
            released=[(index, path) for index, path in value["released"]],
            stopped=_to_stopped(value["stopped"]),
            changes=Counter(
                {
                    Change(attribute, tag, Action(action), Reason(reason)): count
                    for attribute, tag, action, reason, count in value["changes"]
                }
            ),
            bytes_released=value["bytes_released"],
            unread=value["unread"],
            pixels=decode_pixels(value["pixels"]),
            faces=decode_volumes(value["faces"]),
            documents=decode_documents(value["documents"]),
        ),
        folder=value["folder"],
        withdrawn=[
            Placement(patient=patient, study_uid=study, series_uid=series, sop_instance_uid=instance)
            for patient, study, series, instance in value["withdrawn"]
        ],
    )


# Parts of them


def _file(file: SourceFile) -> tuple[str, str, int, int]:
    return file.path, file.member, file.size, file.modified_ns


def _to_file(value: Sequence[Any]) -> SourceFile:
    path, member, size, modified_ns = value
    return SourceFile(path=path, member=member, size=size, modified_ns=modified_ns)


def _from_bytes(data: bytes) -> str:
    return data.decode("latin-1")


def _to_bytes(text: str) -> bytes:
    return text.encode("latin-1")


def _facts(key: FactsKey) -> list[object]:
    values, transfer_syntax_uid, little = key
    return [[[tag, _from_bytes(value)] for tag, value in values], transfer_syntax_uid, little]


def _to_facts(value: Sequence[Any]) -> FactsKey:
    values, transfer_syntax_uid, little = value
    return tuple((tag, _to_bytes(one)) for tag, one in values), transfer_syntax_uid, little


def _identifiers(found: frozenset[Identifier] | set[Identifier]) -> list[tuple[str, str]]:
    return sorted((one.kind.value, one.value) for one in found)


def _to_identifiers(values: Sequence[Any]) -> list[Identifier]:
    return [Identifier(IdentifierKind(kind), value) for kind, value in values]


def _stopped(stopped: Sequence[Stopped]) -> list[tuple[int, str, str]]:
    return [(one.index, one.outcome.value, one.reason) for one in stopped]


def _to_stopped(values: Sequence[Any]) -> list[Stopped]:
    return [Stopped(index, Outcome(outcome), reason) for index, outcome, reason in values]
