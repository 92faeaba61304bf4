"""What to write over a span."""

from scanward.deidentify.codestream.span import MetadataSpan, Read, SpanKind
from scanward.errors import DeidentificationError


def get_replacement(span: MetadataSpan) -> bytes:
    """Give the `span.length` bytes that take the place of the span, at most 1 MiB.

    Raises
    ------
    DeidentificationError
        The span is of a container that is not looked into, so that nothing can be blanked in it.
    """
    if span.kind is SpanKind.UNHANDLED:
        raise DeidentificationError(
            "Pixel Data: the video is in a container that is not looked into",
            remedy="Convert the video to MP4 or to an elementary stream, or leave the instance out.",
        )
    return span.fill * span.length if len(span.fill) == 1 else span.fill


def is_blank(read: Read, span: MetadataSpan) -> bool:
    """Tell if the span already holds its replacement."""
    return span.kind is not SpanKind.UNHANDLED and read(span.offset, span.length) == get_replacement(span)
