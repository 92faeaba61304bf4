"""What is known of a file, as the API answers it and the staff page hands it out."""

import base64
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, Field

from scanward.model.comparison import Change, FrameFate, Standing
from scanward.model.seal import Grade, PixelKind
from scanward.model.verdict import Found, Outcome, SealFacts, Step, StepName, Verdict
from scanward.seal.locate import as_json


class SealFactsOut(BaseModel):
    """What is known of the seal that the file was compared with."""

    source: str = Field(description="Where the seal came from, in words.")
    sealed: datetime | None = Field(description="When it was sealed, as stated; null: nobody stated it.")
    is_copy: bool = Field(description="Whether it is the seal of a copy that left.")
    is_vouched: bool = Field(description="Whether the gateway vouches for the seal.")
    is_stated: bool = Field(description="Whether a signed statement names it; checked.")
    is_logged: bool = Field(description="Whether the log has that statement; checked.")
    log_index: int | None
    log_size: int | None
    attested: datetime | None = Field(description="When a witness or a timestamp saw it in the log; null: none did.")

    @classmethod
    def of(cls, facts: SealFacts) -> Self:
        """Return facts as the API shows them."""
        return cls(
            source=facts.source,
            sealed=facts.sealed,
            is_copy=facts.is_copy,
            is_vouched=facts.is_vouched,
            is_stated=facts.is_stated,
            is_logged=facts.is_logged,
            log_index=facts.log_index,
            log_size=facts.log_size,
            attested=facts.attested,
        )


class RegionOut(BaseModel):
    """A box around altered tiles, in pixels from the upper left."""

    x: int
    y: int
    width: int
    height: int
    tiles: int


class FrameChangeOut(BaseModel):
    """A frame that differs, counted from 1."""

    fate: FrameFate
    frame: int | None = Field(description="Of the file; null: it was removed.")
    sealed_frame: int | None = Field(description="Of the seal; null: it was added.")
    tiles: list[int] = Field(description="Tiles of 64 pixels that differ, counted row by row from 0.")
    regions: list[RegionOut]


class PixelsOut(BaseModel):
    """The pixels of the file beside those that were sealed."""

    sealed_as: PixelKind
    same: bool | None = Field(description="Null: nobody can say.")
    why_unreadable: str
    form_differs: list[str] = Field(description="What differs in how samples are, such as Rows.")
    coded_with_loss: bool
    original_coded_with_loss: bool = Field(
        description="Whether another decoder than that of the seal alone may be why pixels differ."
    )
    frames: int
    sealed_frames: int
    frames_that_differ: list[FrameChangeOut]


class HeaderChangeOut(BaseModel):
    """An Attribute that differs; its values are not told."""

    path: str
    name: str
    grade: Grade
    change: Change


class ComparisonOut(BaseModel):
    """The file beside its seal."""

    standing: Standing
    same_file: bool
    pixels: PixelsOut
    header: list[HeaderChangeOut]


class StepOut(BaseModel):
    """A step of looking, in the order of the strength of the evidence."""

    name: StepName
    found: Found
    says: str
    sees: str = Field(description="What it can see.")
    misses: str = Field(description="What it can't.")
    figures: Mapping[str, Any] = Field(description="Numbers behind it; others for each step.")

    @classmethod
    def of(cls, step: Step) -> Self:
        """Return a step as the API shows it."""
        return cls(
            name=step.name,
            found=step.found,
            says=step.says,
            sees=step.sees,
            misses=step.misses,
            figures=step.figures,
        )


class PictureOut(BaseModel):
    """A frame with what was altered drawn over it."""

    frame: int = Field(description="Counted from 1.")
    png: str = Field(description="The PNG in Base64.")


class VerdictOut(BaseModel):
    """What is known of a file. Without a seal it is evidence: that nothing was found does not mean that it is real."""

    outcome: Outcome
    seal: SealFactsOut | None
    comparison: ComparisonOut | None
    steps: list[StepOut]
    pictures: list[PictureOut] = Field(
        default=[], description="Where asked for; over a sealed original only for who may read identities."
    )

    @classmethod
    def of(cls, verdict: Verdict, *, with_pictures: bool = False) -> Self:
        """Return a verdict as the API shows it."""
        comparison = None if verdict.comparison is None else as_json(verdict.comparison)
        maps = sorted(verdict.heat_maps.items()) if with_pictures else ()
        return cls(
            outcome=verdict.outcome,
            seal=None if verdict.seal is None else SealFactsOut.of(verdict.seal),
            comparison=None if comparison is None else ComparisonOut.model_validate(comparison),
            steps=[StepOut.of(one) for one in verdict.steps],
            pictures=[PictureOut(frame=frame + 1, png=base64.b64encode(png).decode()) for frame, png in maps],
        )
