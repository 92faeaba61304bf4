"""A scan as it is sealed and compared: opened, with frames that can be decoded or the reason why there are none."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scanward.dicomstream.part10 import DataSetStart

if TYPE_CHECKING:
    from scanward.ports.engines import FrameSource


@dataclass(frozen=True, kw_only=True, slots=True)
class Scan:
    """An opened instance.

    Attributes
    ----------
    start
        Its data set.
    frames
        Its frames; None where it has none that can be decoded.
    without_frames
        Why there are none; empty where there are some.
    is_unseen
        Whether there may be frames all the same, which nothing here decodes; otherwise there are none, or damaged ones.
    """

    start: DataSetStart
    frames: "FrameSource | None"
    without_frames: str = ""
    is_unseen: bool = False
