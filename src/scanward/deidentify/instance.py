"""One instance: its parts put together as a file, with the marks that tell what was done."""

from dataclasses import dataclass

from scanward import __version__
from scanward.deidentify.header.apply import Applier, ChangeSet, Part, encode_marks
from scanward.deidentify.header.scan import (
    BURNED_IN_ANNOTATION,
    MIME_TYPE,
    RECOGNIZABLE_VISUAL_FEATURES,
    SERIES_INSTANCE_UID,
    SOP_CLASS_UID,
    SOP_INSTANCE_UID,
    STUDY_INSTANCE_UID,
    InstanceFacts,
)
from scanward.deidentify.header.values import DATE_KEPT, DATE_SHIFTED, Context
from scanward.dicomstream.encoding import EXPLICIT_LITTLE, Encoding, encode_element, encode_item_header
from scanward.dicomstream.file_meta import IMPLEMENTATION_CLASS_UID
from scanward.dicomstream.opening import encoding_of
from scanward.dicomstream.part10 import MAGIC, PREAMBLE_BYTES, DataSetStart
from scanward.errors import DeidentificationError
from scanward.model.attribute import Tag
from scanward.model.decision import Permit
from scanward.model.instance import DeidentifiedInstance, Piece, Placement
from scanward.model.pixels import UNSEEN, PixelOutcome
from scanward.model.profile import BASIC_PROFILE_CODE, Option
from scanward.standard.confidentiality import EDITION
from scanward.standard.iods import attribute_type
from scanward.standard.uids import is_registered, is_well_formed_uid

PATIENT_IDENTITY_REMOVED = 0x00120062
DEIDENTIFICATION_METHOD = 0x00120063
DEIDENTIFICATION_METHOD_CODE_SEQUENCE = 0x00120064
LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED = 0x00280303

BREAKS = (PATIENT_IDENTITY_REMOVED, BURNED_IN_ANNOTATION)
"""Where marks are put in, so that runs of elements end there: no element between the marks of a group stays."""

_ABOUT_PIXELS = (BURNED_IN_ANNOTATION, RECOGNIZABLE_VISUAL_FEATURES)

_CLEAN_PIXELS = ("113101", "Clean Pixel Data Option")
_CLEAN_FEATURES = ("113102", "Clean Recognizable Visual Features Option")
"""Code Values and Meanings in CID 7050."""

_ITEM = 0xFFFEE000


@dataclass(frozen=True, slots=True)
class Deidentified:
    """An instance after the plan, and what was done to it."""

    instance: DeidentifiedInstance
    changes: tuple[ChangeSet, ...]


class Deidentifier:
    """De-identifies the instances of one study that share SOP Class and character set.

    Parameters
    ----------
    context
        What they have in common.
    permit
        The decision that they may leave, and for whom.
    """

    def __init__(self, context: Context, permit: Permit) -> None:
        if permit.profile != context.plan.profile.name:
            raise DeidentificationError("expected the profile that the permit names, got another")
        self._context = context
        self._applier = Applier(context, BREAKS)
        self._uids: dict[bytes, str] = {}
        self._file_metas: dict[tuple[bytes, str, int], tuple[bytes, bytes]] = {}
        self._marks: dict[tuple[int, Encoding, tuple[Tag, ...], bool, bool], list[tuple[Tag, bytes]]] = {}

    def deidentify(
        self, start: DataSetStart, facts: InstanceFacts, *, suspicious: bool = False, pixels: PixelOutcome = UNSEEN
    ) -> Deidentified:
        """Carry the plan out on one instance.

        Parameters
        ----------
        start
            The instance.
        facts
            What the scan found in it.
        suspicious
            Search every element as it is written; for an instance in which the check found something.
        pixels
            What looking at its pixels, or at the document in it, came to.

        Raises
        ------
        DicomFormatError, DeidentificationError
            Nothing of the instance may be released.
        """
        replacement = pixels.replacement
        document = None if pixels.document is None else pixels.document.data
        if suspicious or replacement is not None or facts.text(MIME_TYPE):
            parts = self._applier.apply_alone(
                start, facts, suspicious=suspicious, replacement=replacement, document=document
            )
        else:
            parts = self._applier.apply(start, facts)
        claims = 0
        for part in parts:
            claims |= part.claims
        placement = self._place(facts)
        syntax = facts.transfer_syntax_uid if replacement is None else replacement.transfer_syntax_uid
        if syntax != facts.transfer_syntax_uid:
            _require_same_encoding(start, syntax)
        pieces: list[Piece] = [*self._file_meta(facts, placement, syntax)]
        first = len(pieces)
        changes: list[ChangeSet] = []
        marks = self._marks_for(claims, start.encoding, facts, pixels)
        self._assemble(parts, marks, pieces, changes)
        instance = DeidentifiedInstance(
            pieces=pieces,
            deflate_from=first if start.is_deflated else None,
            source=start.reader.source,
            placement=placement,
        )
        return Deidentified(instance, tuple(changes))

    @staticmethod
    def _assemble(
        parts: list[Part], marks: list[tuple[Tag, bytes]], pieces: list[Piece], changes: list[ChangeSet]
    ) -> None:
        at = 0
        next_tag = marks[0][0]
        for part in parts:
            while part.tag >= next_tag:
                pieces.append(marks[at][1])
                at += 1
                next_tag = marks[at][0] if at < len(marks) else 1 << 32
            pieces.extend(part.pieces)
            changes.append(part.changes)
        pieces.extend(mark for _, mark in marks[at:])

    def _uid(self, raw: bytes) -> str:
        new = self._uids.get(raw)
        if new is None:
            uid = raw.strip(b" \0").decode("iso8859-1")
            retains = Option.RETAIN_UIDS in self._context.plan.profile.options and is_well_formed_uid(uid)
            new = self._uids[raw] = uid if retains or is_registered(uid) else self._context.pseudonyms.uid(uid)
        return new

    def _place(self, facts: InstanceFacts) -> Placement:
        values = facts.values
        return Placement(
            patient=self._context.patient,
            study_uid=self._uid(values[STUDY_INSTANCE_UID]),
            series_uid=self._uid(values[SERIES_INSTANCE_UID]),
            sop_instance_uid=self._uid(values[SOP_INSTANCE_UID]),
        )

    def _file_meta(self, facts: InstanceFacts, placement: Placement, syntax: str) -> tuple[bytes, bytes, bytes]:
        """Make File Meta Information anew (PS3.10 Section 7.1): nothing of the input's is taken over."""
        uid = encode_element(0x00020003, b"UI", placement.sop_instance_uid.encode("ascii"), EXPLICIT_LITTLE)
        key = (facts.values[SOP_CLASS_UID], syntax, len(uid))
        around = self._file_metas.get(key)
        if around is None:
            around = self._file_metas[key] = self._around_uid(facts, syntax, len(uid))
        return around[0], uid, around[1]

    def _around_uid(self, facts: InstanceFacts, syntax: str, uid_bytes: int) -> tuple[bytes, bytes]:
        """Return what stands before and behind the SOP Instance UID, which is all that differs in a series."""
        before = encode_marks(
            ((0x00020001, b"OB", b"\0\1"), (0x00020002, b"UI", self._uid(facts.values[SOP_CLASS_UID]).encode("ascii"))),
            EXPLICIT_LITTLE,
        )
        behind = encode_marks(
            (
                (0x00020010, b"UI", syntax.encode("ascii")),
                (0x00020012, b"UI", IMPLEMENTATION_CLASS_UID.encode("ascii")),
                (0x00020013, b"SH", f"SCANWARD {__version__}".encode("ascii")),
            ),
            EXPLICIT_LITTLE,
        )
        length_bytes = len(before) + uid_bytes + len(behind)
        length = encode_element(0x00020000, b"UL", length_bytes.to_bytes(4, "little"), EXPLICIT_LITTLE)
        return bytes(PREAMBLE_BYTES) + MAGIC + length + before, behind

    def _marks_for(
        self, claims: int, encoding: Encoding, facts: InstanceFacts, pixels: PixelOutcome
    ) -> list[tuple[Tag, bytes]]:
        required = tuple(tag for tag in _ABOUT_PIXELS if tag in facts.values and self._requires(tag))
        key = (claims, encoding, required, pixels.is_proven, pixels.is_faceless)
        marks = self._marks.get(key)
        if marks is None:
            marks = self._marks[key] = self._make_marks(
                claims, encoding, required, is_proven=pixels.is_proven, is_faceless=pixels.is_faceless
            )
        return marks

    def _requires(self, tag: Tag) -> bool:
        return attribute_type(self._context.plan.sop_class_uid, (tag,)) == "1"

    def _make_marks(
        self, claims: int, encoding: Encoding, required: tuple[Tag, ...], *, is_proven: bool, is_faceless: bool
    ) -> list[tuple[Tag, bytes]]:
        """Make the marks of what was done: options are claimed where they decided something (PS3.15 E.1, CID 7050)."""
        profile = self._context.plan.profile
        codes = [BASIC_PROFILE_CODE]
        codes += [(option.code, option.meaning) for number, option in enumerate(Option) if claims >> number & 1]
        if is_proven:
            codes.append(_CLEAN_PIXELS)
        if is_faceless:
            codes.append(_CLEAN_FEATURES)
        if claims & DATE_SHIFTED:
            temporal = b"MODIFIED"
        elif claims & DATE_KEPT and Option.RETAIN_FULL_DATES in profile.options:
            temporal = b"UNMODIFIED"
        else:
            temporal = b"REMOVED"
        method = f"Scanward {__version__}; profile {profile.name}; PS3.15 {EDITION}".encode("ascii")
        if is_proven:
            method += b"\\pixels looked at by machine, no text left"
        if is_faceless:
            method += b"\\volume looked at by machine, no face left"
        items = b"".join(_code_item(code, meaning, encoding) for code, meaning in codes)
        marks = [
            (PATIENT_IDENTITY_REMOVED, encode_element(PATIENT_IDENTITY_REMOVED, b"CS", b"YES", encoding)),
            (DEIDENTIFICATION_METHOD, encode_element(DEIDENTIFICATION_METHOD, b"LO", method, encoding)),
            (
                DEIDENTIFICATION_METHOD_CODE_SEQUENCE,
                encode_element(DEIDENTIFICATION_METHOD_CODE_SEQUENCE, b"SQ", items, encoding),
            ),
            (
                LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED,
                encode_element(LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED, b"CS", temporal, encoding),
            ),
        ]
        # Where nobody has looked at the pixels and the IOD demands a value, it is the careful one.
        about_pixels = dict.fromkeys(required, b"YES")
        if is_proven:
            about_pixels[BURNED_IN_ANNOTATION] = b"NO"
        if is_faceless:
            about_pixels[RECOGNIZABLE_VISUAL_FEATURES] = b"NO"
        marks += [(tag, encode_element(tag, b"CS", value, encoding)) for tag, value in about_pixels.items()]
        marks.sort()
        # No element of the input stays between the marks of a group, so they stand together where the first belongs.
        before_pixels = b"".join(mark for tag, mark in marks if tag < BREAKS[1])
        return [(BREAKS[0], before_pixels), (BREAKS[1], b"".join(mark for tag, mark in marks if tag >= BREAKS[1]))]


def _require_same_encoding(start: DataSetStart, syntax: str) -> None:
    """Refuse new Pixel Data in a Transfer Syntax that encodes the rest of the data set otherwise."""
    if encoding_of(syntax) != (start.encoding, start.is_deflated):
        raise DeidentificationError("expected a Transfer Syntax that fits the encoding of the instance, got another")


def _code_item(code: str, meaning: str, encoding: Encoding) -> bytes:
    body = encode_marks(
        (
            (0x00080100, b"SH", code.encode("ascii")),
            (0x00080102, b"SH", b"DCM"),
            (0x00080104, b"LO", meaning.encode("ascii")),
        ),
        encoding,
    )
    return encode_item_header(_ITEM, len(body), encoding) + body
