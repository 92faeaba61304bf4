"""What was found of the faces of a study, as JSON, for what is written down of a run while it goes on."""

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from scanward.model.faces import FaceFigures, FaceFinding, FaceVolume


def encode_volumes(volumes: Sequence[FaceVolume]) -> list[dict[str, Any]]:
    """Return what was found of volumes as JSON has it."""
    return [
        {
            "modality": one.modality,
            "instances": one.instances,
            "slices": one.slices,
            "finding": one.finding.name.lower(),
            "reasons": list(one.reasons),
            "figures": {name: value for name, value in asdict(one.figures).items() if value is not None},
            "before": b64encode(one.before).decode("ascii"),
            "after": b64encode(one.after).decode("ascii"),
        }
        for one in volumes
    ]


def decode_volumes(values: Sequence[Mapping[str, Any]]) -> tuple[FaceVolume, ...]:
    """Return the volumes that `encode_volumes` was given."""
    return tuple(
        FaceVolume(
            modality=one["modality"],
            instances=one["instances"],
            slices=one["slices"],
            finding=FaceFinding[one["finding"].upper()],
            reasons=tuple(one["reasons"]),
            figures=_figures(one["figures"]),
            before=b64decode(one["before"]),
            after=b64decode(one["after"]),
        )
        for one in values
    )


def _figures(values: Mapping[str, Any]) -> FaceFigures:
    scales = values.get("scales")
    return FaceFigures(**{**values, "scales": None if scales is None else (scales[0], scales[1])})
