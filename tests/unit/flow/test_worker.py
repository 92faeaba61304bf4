"""What a worker makes of inputs that are whole, strange or broken."""

import io
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from scanward.deidentify.profile import load_profile, parse_profile
from scanward.errors import DeidentificationError, OutputError
from scanward.flow.study import searched_identifiers
from scanward.flow.worker import Unit, Worker
from scanward.model.identifier import Identifier, IdentifierKind
from scanward.model.report import Outcome
from scanward.model.source import SourceFile
from tests.common.memory import MemoryFolder, MemorySources, deidentify_in_memory
from tests.property.test_deidentify import encode, make_instance


def ct(**changes: object) -> Dataset:
    from datetime import date

    ds = make_instance(
        family="QUILLFEATHER", given_name="OTTOLINE", patient_id="884291755", day=date(2020, 2, 3),
        study="1.2.826.0.1.98.1", sop="1.2.826.0.1.97.1",
    )  # fmt: skip
    for keyword, value in changes.items():
        setattr(ds, keyword, value)
    return ds


def data(ds: Dataset) -> bytes:
    return encode(ds, ExplicitVRLittleEndian)


def worker(inputs: dict[str, bytes], folder: object, tmp_path: Path, *, release: bool = True) -> Worker:
    return Worker(
        sources=MemorySources(inputs), output=folder, profile=load_profile("basic"), recipient="test",
        recipient_key=b"k" * 32, release_unchecked_pixels=release, spool=tmp_path,
    )  # fmt: skip


def test_modality_with_burned_in_text_is_held_with_a_word(tmp_path: Path) -> None:
    inputs = {"us": data(ct(Modality="US", SOPClassUID="1.2.840.10008.5.1.4.1.1.6.1"))}
    held = worker(inputs, MemoryFolder(), tmp_path, release=False)
    files = list(MemorySources(inputs).find())
    scanned = held.scan(enumerate(files))
    result = held.deidentify(
        Unit(0, [(0, files[0], 0, scanned.instances[0][2])], dict(enumerate(scanned.facts)), frozenset())
    )
    assert [one.outcome for one in result.stopped] == [Outcome.HELD]
    assert "--release-unchecked-pixels" in result.stopped[0].reason
    assert not result.released


@pytest.mark.parametrize("content", ["nothing", "pixels", "document"])
def test_only_what_has_pixels_or_a_document_is_held_for_them(tmp_path: Path, content: str) -> None:
    ds = ct(Modality="US", BurnedInAnnotation="YES")
    if content != "pixels":
        del ds.Rows, ds.Columns
        ds.PixelData = b""
    if content == "document":
        ds.EncapsulatedDocument = b"%PDF"
    inputs = {"it": data(ds)}
    held = worker(inputs, MemoryFolder(), tmp_path, release=False)
    files = list(MemorySources(inputs).find())
    scanned = held.scan(enumerate(files))
    result = held.deidentify(
        Unit(0, [(0, files[0], 0, scanned.instances[0][2])], dict(enumerate(scanned.facts)), frozenset())
    )
    assert len(result.released) == (content == "nothing")
    assert [one.outcome for one in result.stopped] == [Outcome.HELD] * (content != "nothing")


def test_full_disk_stops_the_run_and_not_the_instance(tmp_path: Path) -> None:
    class FullFolder:
        def write(self, checked: object) -> str:
            raise OutputError("no room left on the disk of the outputs")

        def withdraw(self, placement: object) -> None:
            raise OutputError("no room left on the disk of the outputs")

    inputs = {"ct": data(ct())}
    full = worker(inputs, FullFolder(), tmp_path)
    files = list(MemorySources(inputs).find())
    scanned = full.scan(enumerate(files))
    with pytest.raises(OutputError):
        full.deidentify(
            Unit(0, [(0, files[0], 0, scanned.instances[0][2])], dict(enumerate(scanned.facts)), frozenset())
        )


def test_what_another_instance_tells_is_taken_out_of_this_one(tmp_path: Path) -> None:
    nameless = ct(PatientName="", SOPInstanceUID="1.2.826.0.1.97.2", ImageComments="T1 for Quillfeather")
    outputs, stopped = deidentify_in_memory({"a": data(nameless), "b": data(ct())}, tmp_path)
    assert not stopped
    assert pydicom.dcmread(io.BytesIO(outputs["a"])).ImageComments == "T1"


def test_broken_inputs_are_named_without_their_values(tmp_path: Path) -> None:
    whole = data(ct())
    outputs, stopped = deidentify_in_memory(
        {"cut": whole[:-4], "text": b"Dear Dr Quillfeather, " * 20, "empty": b""},
        tmp_path,
    )
    assert not outputs
    assert set(stopped) == {"cut", "text", "empty"}
    assert "Quillfeather" not in " ".join(stopped.values())


def test_pixels_beyond_the_image_are_zeroed_and_more_frames_are_not(tmp_path: Path) -> None:
    padded = ct()
    padded.PixelData = b"\1\2" * 4 + b"QUILLFEATHER"
    outputs, stopped = deidentify_in_memory({"a": data(padded)}, tmp_path)
    assert not stopped
    assert pydicom.dcmread(io.BytesIO(outputs["a"])).PixelData == b"\1\2" * 4 + bytes(12)
    frames = ct()
    frames.PixelData = b"\1\2" * 4 * 2000
    outputs, stopped = deidentify_in_memory({"a": data(frames)}, tmp_path)
    assert not outputs
    assert "expected 8 bytes" in stopped["a"]


def test_rule_of_a_profile_goes_before_the_table(tmp_path: Path) -> None:
    profile = parse_profile(
        'name = "own"\ndescription = "drops a thickness"\n[rules]\nPatientComments = "K"\n"(0018,0050)" = "X"\nStudyDate = "K"'
    )
    inputs = {"a": data(ct(SliceThickness="2.5", PatientComments="wheelchair"))}
    outputs, stopped = deidentify_in_memory(inputs, tmp_path, profile=profile)
    assert not stopped
    ds = pydicom.dcmread(io.BytesIO(outputs["a"]))
    assert ds.PatientComments == "wheelchair"
    assert "SliceThickness" not in ds
    # A rule says what is planned; what identifies is searched for all the same, and taken out where it is found.
    assert ds.StudyDate == ""


def private(ds: Dataset) -> dict[int, object]:
    return {int(element.tag): element.value for element in ds if element.tag.is_private}


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_safe_private_elements_keep_their_creator_and_others_go_with_theirs(tmp_path: Path, syntax: str) -> None:
    inputs = {}
    for number in range(4):
        ds = ct(SOPInstanceUID=f"1.2.826.0.1.97.{number + 1}", InstanceNumber=number)
        safe = ds.private_block(0x0019, "GEMS_ACQU_01", create=True)
        safe.add_new(0x02, "SL", 912)
        safe.add_new(0x03, "DS", f"{number}.5")
        ds.private_block(0x0021, "QUILLFEATHER SYSTEMS", create=True).add_new(0x01, "LO", "for nobody")
        inputs[str(number)] = encode(ds, syntax)
    kept, stopped = deidentify_in_memory(inputs, tmp_path, profile="research")
    assert not stopped
    for number in range(4):
        found = private(pydicom.dcmread(io.BytesIO(kept[str(number)])))
        assert found.keys() == {0x00190010, 0x00191002, 0x00191003}
        assert found[0x00190010] == "GEMS_ACQU_01"
        assert float(str(found[0x00191003])) == number + 0.5
    removed, stopped = deidentify_in_memory(inputs, tmp_path, profile="basic")
    assert not stopped
    assert not any(private(pydicom.dcmread(io.BytesIO(data))) for data in removed.values())


def test_permit_is_for_one_profile() -> None:
    from scanward.deidentify.header.plan import Plan
    from scanward.deidentify.header.values import Context
    from scanward.deidentify.instance import Deidentifier
    from scanward.deidentify.pseudonym import Pseudonyms
    from scanward.deidentify.text.known import KnownIdentifiers
    from scanward.deidentify.text.prose import TextCleaner
    from scanward.deidentify.text.replace import Nothing
    from scanward.model.decision import Permit

    context = Context(
        plan=Plan(load_profile("basic"), CTImageStorage), pseudonyms=Pseudonyms(b"k" * 32),
        known=KnownIdentifiers(), cleaner=TextCleaner(KnownIdentifiers(), Nothing()), patient="SW-A", offset_days=-1,
        charset=b"",
    )  # fmt: skip
    with pytest.raises(DeidentificationError):
        Deidentifier(context, Permit(recipient="x", profile="research"))


def test_what_a_profile_keeps_is_not_searched_for() -> None:
    found = {
        Identifier(IdentifierKind.DATE, "20200203"),
        Identifier(IdentifierKind.INSTITUTION, "Ravenholt Clinic"),
        Identifier(IdentifierKind.DEVICE, "SN-771204"),
        Identifier(IdentifierKind.PATIENT_ID, "884291755"),
        Identifier(IdentifierKind.PATIENT_NAME, "REMOVED"),
    }
    assert {one.kind for one in searched_identifiers(found, load_profile("patient-copy"), -5)} == {
        IdentifierKind.PATIENT_ID
    }
    assert len(searched_identifiers(found, load_profile("basic"), -5)) == 4
    # A date that is another's new one cannot be told from it.
    both = {Identifier(IdentifierKind.DATE, "20200203"), Identifier(IdentifierKind.DATE, "20200129")}
    left = searched_identifiers(both, load_profile("research"), -5)
    assert {one.value for one in left} == {"20200203"}


def test_names_of_files_are_never_shown() -> None:
    assert "Quillfeather" not in repr(SourceFile(path="/in/Quillfeather.dcm", size=1, modified_ns=0))


def test_what_an_earlier_run_released_is_withdrawn_when_it_does_not_pass_any_more(tmp_path: Path) -> None:
    # A UID that is kept and holds the patient's number, which only another instance tells.
    first = ct(PatientID="", SOPInstanceUID="1.2.826.0.1.884291755.1")
    folder = MemoryFolder()
    for inputs in ({"a": data(first)}, {"a": data(first), "b": data(ct())}):
        runner = Worker(
            sources=MemorySources(inputs), output=folder, profile=load_profile("patient-copy"), recipient="test",
            recipient_key=b"k" * 32, release_unchecked_pixels=True, spool=tmp_path,
        )  # fmt: skip
        files = [file for file in MemorySources(inputs).find() if isinstance(file, SourceFile)]
        scanned = runner.scan(enumerate(files))
        (identifiers,) = scanned.identifiers.values()
        instances = [(index, files[index], number, uid) for index, number, uid in scanned.instances]
        result = runner.deidentify(Unit(0, instances, dict(enumerate(scanned.facts)), frozenset(identifiers)))
    assert [one.outcome for one in result.stopped] == [Outcome.QUARANTINED]
    assert [path for path in folder.outputs if "884291755" in path] == []
