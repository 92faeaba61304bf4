"""What a client takes of an instance (PS3.18 Section 8.7)."""

from collections.abc import Sequence
from dataclasses import dataclass

from scanward.web.multipart import parse_media_type
from scanward.web.problems import Problem


@dataclass(frozen=True, slots=True)
class Accepted:
    """One way in which instances may be sent: as parts of a body or alone, and in which Transfer Syntaxes."""

    multipart: bool
    transfer_syntax_uid: str

    def takes(self, transfer_syntax_uid: str) -> bool:
        """Whether it takes this Transfer Syntax; without one named, it takes instances as they are."""
        return self.transfer_syntax_uid in {"", "*", transfer_syntax_uid}


def parse_accept(header: str, *, single: bool) -> Sequence[Accepted]:
    """Return the ways in which a client takes instances; raises `Problem` 406 where there are none.

    Parameters
    ----------
    header
        Accept; empty takes anything.
    single
        Whether one instance is asked for, so that it may come alone.
    """
    found = []
    for text in _split(header or "*/*"):
        kind, parameters = parse_media_type(text)
        if parameters.get("q", "1").rstrip("0").rstrip(".") in {"0", ""}:
            continue
        syntax = parameters.get("transfer-syntax", "")
        wanted = parameters.get("type", "application/dicom").lower()
        if kind in {"*/*", "multipart/*"} or (kind == "multipart/related" and wanted in {"application/dicom", "*/*"}):
            found.append(Accepted(True, syntax))
        elif single and kind in {"application/dicom", "application/*"}:
            found.append(Accepted(False, syntax))
    if not found:
        raise Problem(406, 'expected to be asked for multipart/related; type="application/dicom"')
    return found


def _split(header: str) -> list[str]:
    """Return the elements of a list, parted by commas that are in no quotes."""
    parts, quoted = [""], False
    for character in header:
        if character == '"':
            quoted = not quoted
        if character == "," and not quoted:
            parts.append("")
        else:
            parts[-1] += character
    return parts
