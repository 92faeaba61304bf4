"""What is found in a codestream: a run of bytes that says something and is not needed to decode."""

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

Read = Callable[[int, int], bytes]
"""``read(offset, length)``: the bytes there; fewer only at the end of the input."""

MAX_SPAN_BYTES = 1 << 20
"""Longer runs are given as several spans, so that a replacement always fits in memory."""


class SpanKind(StrEnum):
    """Why a span is written over; reports name the kind, never the bytes."""

    COMMENT = "comment"
    APPLICATION = "application segment"
    SEGMENT = "unknown marker segment"
    ICC_TEXT = "text of an ICC profile"
    SLACK = "unused bytes"
    EXTRANEOUS = "bytes between segments"
    TRAILING = "bytes after the codestream"
    BOX = "metadata box"
    TIME = "creation or modification time"
    NAME = "handler or compressor name"
    USER_DATA = "MPEG user data"
    SEI = "supplemental enhancement information"
    UNHANDLED = "container that is not looked into"


class MetadataSpan(NamedTuple):
    """Bytes of the input that have to be overwritten.

    Attributes
    ----------
    offset
        First byte, counted as the reader counts.
    length
        Bytes, 1 to :data:`MAX_SPAN_BYTES`; never reaches over the end of a fragment. For
        :attr:`SpanKind.UNHANDLED` any length.
    kind
        What it is.
    fill
        One byte to repeat, or exactly `length` bytes; empty for :attr:`SpanKind.UNHANDLED`, which can't be blanked.
    """

    offset: int
    length: int
    kind: SpanKind
    fill: bytes
