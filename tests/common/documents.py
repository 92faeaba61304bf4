"""Sample documents: structured reports, key objects, presentation states, an embedded PDF, an electrocardiogram."""

from __future__ import annotations

import zlib

import numpy as np
from pydicom.dataset import Dataset

from tests.common.images import CT_IMAGE
from tests.common.modules import code, item, make_instance, phantom, reference
from tests.common.patients import Study

BASIC_TEXT_SR = "1.2.840.10008.5.1.4.1.1.88.11"
COMPREHENSIVE_SR = "1.2.840.10008.5.1.4.1.1.88.33"
KEY_OBJECT = "1.2.840.10008.5.1.4.1.1.88.59"
GREYSCALE_STATE = "1.2.840.10008.5.1.4.1.1.11.1"
ENCAPSULATED_PDF = "1.2.840.10008.5.1.4.1.1.104.1"
ECG_WAVEFORM = "1.2.840.10008.5.1.4.1.1.9.1.1"


def content(relation: str, kind: str, concept: Dataset, **value: object) -> Dataset:
    """Make a content item of a structured report."""
    ds = item(RelationshipType=relation) if relation else Dataset()
    ds.ValueType = kind
    ds.ConceptNameCodeSequence = [concept]
    for keyword, held in item(**value).items():
        ds[keyword] = held
    return ds


def _report(study: Study, *, sop_class: str, series: str, title: Dataset, items: list[Dataset]) -> Dataset:
    modality = "KO" if sop_class == KEY_OBJECT else "SR"
    ds = make_instance(study, sop_class=sop_class, modality=modality, series=series, number=1, name=f"{series}/1")
    del ds.OperatorsName, ds.PerformingPhysicianName
    ds.ReferencedPerformedProcedureStepSequence = []
    if modality == "SR":
        ds.CompletionFlag, ds.VerificationFlag = "COMPLETE", "VERIFIED"
        ds.VerifyingObserverSequence = [
            item(VerifyingOrganization=study.hospital, VerificationDateTime=study.date + study.time[:6],
                 VerifyingObserverName=study.performing, VerifyingObserverIdentificationCodeSequence=[])
        ]  # fmt: skip
        ds.PerformedProcedureCodeSequence = []
    images = [reference(CT_IMAGE, study.uid("ct/1"))]
    ds.CurrentRequestedProcedureEvidenceSequence = [
        item(StudyInstanceUID=study.uid("study"), ReferencedSeriesSequence=[
            item(SeriesInstanceUID=study.uid("series CHEST 2.5mm LUNG"), ReferencedSOPSequence=images)])
    ]  # fmt: skip
    ds.ValueType, ds.ContinuityOfContent, ds.ConceptNameCodeSequence = "CONTAINER", "SEPARATE", [title]
    ds.ContentSequence = items
    return ds


def make_basic_text_sr(study: Study) -> Dataset:
    """Make a radiology report in plain text."""
    patient = study.patient
    findings = (
        f"{patient.given} {patient.family} was referred by Dr {study.referring.split('^')[0]}. "
        "There is a 7 mm nodule in the right upper lobe. No pleural effusion."
    )
    section = content("CONTAINS", "CONTAINER", code("121070", "DCM", "Findings"), ContinuityOfContent="SEPARATE")
    section.ContentSequence = [
        content("CONTAINS", "TEXT", code("121071", "DCM", "Finding"), TextValue=findings),
        content("CONTAINS", "IMAGE", code("121080", "DCM", "Best illustration of finding"),
                ReferencedSOPSequence=[reference(CT_IMAGE, study.uid("ct/1"))]),
    ]  # fmt: skip
    return _report(
        study,
        sop_class=BASIC_TEXT_SR,
        series="Report",
        title=code("18748-4", "LN", "Diagnostic imaging report"),
        items=[*_context(study), section],
    )


def _context(study: Study) -> list[Dataset]:
    return [
        content("HAS OBS CONTEXT", "CODE", code("121005", "DCM", "Observer Type"),
                ConceptCodeSequence=[code("121006", "DCM", "Person")]),
        content("HAS OBS CONTEXT", "PNAME", code("121008", "DCM", "Person Observer Name"),
                PersonName=study.performing),
        content("HAS OBS CONTEXT", "TEXT", code("121009", "DCM", "Person Observer's Organization Name"),
                TextValue=study.hospital),
    ]  # fmt: skip


def make_comprehensive_sr(study: Study) -> Dataset:
    """Make a measurement report in the manner of TID 1500, with every value type."""
    group = content("CONTAINS", "CONTAINER", code("125007", "DCM", "Measurement Group"), ContinuityOfContent="SEPARATE")
    spatial = content("INFERRED FROM", "SCOORD", code("111030", "DCM", "Image Region"),
                      GraphicType="POLYLINE", GraphicData=[4.0, 5.0, 9.0, 11.0])  # fmt: skip
    spatial.ContentSequence = [
        content("SELECTED FROM", "IMAGE", code("260753009", "SCT", "Source"),
                ReferencedSOPSequence=[reference(CT_IMAGE, study.uid("ct/1"))])
    ]  # fmt: skip
    length = content("CONTAINS", "NUM", code("410668003", "SCT", "Length"), MeasuredValueSequence=[
        item(NumericValue="7.1", MeasurementUnitsCodeSequence=[code("mm", "UCUM", "millimeter")])])  # fmt: skip
    length.ContentSequence = [spatial]
    group.ContentSequence = [
        content("HAS OBS CONTEXT", "TEXT", code("112039", "DCM", "Tracking Identifier"), TextValue="Nodule 1"),
        content("HAS OBS CONTEXT", "UIDREF", code("112040", "DCM", "Tracking Unique Identifier"),
                UID=study.uid("tracking")),
        length,
    ]  # fmt: skip
    measurements = content(
        "CONTAINS", "CONTAINER", code("126010", "DCM", "Imaging Measurements"), ContinuityOfContent="SEPARATE"
    )
    measurements.ContentSequence = [group]
    moments = [
        content("HAS OBS CONTEXT", "DATE", code("111060", "DCM", "Study Date"), Date=study.date),
        content("HAS OBS CONTEXT", "TIME", code("111061", "DCM", "Study Time"), Time=study.time[:6]),
        content("HAS OBS CONTEXT", "DATETIME", code("121126", "DCM", "DateTime of Recording"),
                DateTime=study.date + study.time[:6]),
    ]  # fmt: skip
    return _report(
        study,
        sop_class=COMPREHENSIVE_SR,
        series="Measurements",
        title=code("126000", "DCM", "Imaging Measurement Report"),
        items=[*_context(study), *moments, measurements],
    )


def make_key_object(study: Study) -> Dataset:
    """Make a Key Object Selection with a description."""
    items = [
        content("CONTAINS", "TEXT", code("113012", "DCM", "Key Object Description"), TextValue="Nodule right upper lobe"),
        item(RelationshipType="CONTAINS", ValueType="IMAGE",
             ReferencedSOPSequence=[reference(CT_IMAGE, study.uid("ct/1"))]),
    ]  # fmt: skip
    title = code("113000", "DCM", "Of Interest")
    return _report(study, sop_class=KEY_OBJECT, series="Key images", title=title, items=items)


def make_presentation_state(study: Study) -> Dataset:
    """Make a greyscale presentation state with text and a graphic."""
    ds = make_instance(study, sop_class=GREYSCALE_STATE, modality="PR", series="Annotations", number=1, name="pr/1")
    ds.PresentationCreationDate, ds.PresentationCreationTime = study.date, study.time
    ds.ContentLabel, ds.ContentDescription, ds.ContentCreatorName = "NODULE", "Nodule marked", study.performing
    images = [reference(CT_IMAGE, study.uid("ct/1"))]
    ds.ReferencedSeriesSequence = [
        item(SeriesInstanceUID=study.uid("series CHEST 2.5mm LUNG"), ReferencedImageSequence=images)
    ]
    ds.GraphicAnnotationSequence = [
        item(GraphicLayer="LAYER1",
             TextObjectSequence=[
                 item(UnformattedTextValue="Nodule 7 mm", AnchorPointAnnotationUnits="PIXEL",
                      AnchorPoint=[8.0, 9.0], AnchorPointVisibility="Y")],
             GraphicObjectSequence=[
                 item(GraphicAnnotationUnits="PIXEL", GraphicDimensions=2, NumberOfGraphicPoints=2,
                      GraphicData=[4.0, 5.0, 9.0, 11.0], GraphicType="POLYLINE", GraphicFilled="N")])
    ]  # fmt: skip
    ds.GraphicLayerSequence = [item(GraphicLayer="LAYER1", GraphicLayerOrder="1")]
    ds.DisplayedAreaSelectionSequence = [
        item(DisplayedAreaTopLeftHandCorner=[1, 1], DisplayedAreaBottomRightHandCorner=[32, 32],
             PresentationSizeMode="SCALE TO FIT", PresentationPixelAspectRatio=["1", "1"])
    ]  # fmt: skip
    ds.SoftcopyVOILUTSequence = [item(WindowCenter="-600", WindowWidth="1500")]
    ds.PresentationLUTShape, ds.Laterality = "IDENTITY", ""
    return ds


def make_pdf(lines: list[str], *, title: str, author: str, compress: bool = False) -> bytes:
    """Make a one-page PDF with text and an information dictionary."""

    def escape(text: str) -> str:
        return text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")

    page = "BT /F1 12 Tf 14 TL 50 780 Td " + " T* ".join(f"({escape(line)}) Tj" for line in lines) + " ET"
    stream = page.encode("latin-1")
    extra = ""
    if compress:
        stream, extra = zlib.compress(stream), "/Filter /FlateDecode "
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        f"<< {extra}/Length {len(stream)} >>\nstream\n".encode() + stream + b"\nendstream",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        f"<< /Title ({escape(title)}) /Author ({escape(author)}) >>".encode("latin-1"),
    ]
    out, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
    table = b"".join(f"{offset:010d} 00000 n \n".encode() for offset in offsets)
    return (
        out + f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode() + table
        + f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R /Info 6 0 R >>\nstartxref\n{len(out)}\n%%EOF\n".encode()
    )  # fmt: skip


def make_encapsulated_pdf(study: Study, pdf: bytes = b"") -> Dataset:
    """Make an encapsulated report."""
    ds = make_instance(study, sop_class=ENCAPSULATED_PDF, modality="DOC", series="Letter", number=1, name="pdf/1")
    ds.ConversionType, ds.BurnedInAnnotation, ds.DocumentTitle = "WSD", "YES", "Discharge letter"
    ds.AcquisitionDateTime = study.date + study.time[:6]
    ds.ConceptNameCodeSequence = [code("18842-5", "LN", "Discharge Summary")]
    ds.MIMETypeOfEncapsulatedDocument = "application/pdf"
    patient = study.patient
    pdf = pdf or make_pdf(
        [f"Patient: {patient.given} {patient.family}", f"Born: {patient.birth:%d.%m.%Y}", "Recovered well."],
        title=f"Letter {patient.family}",
        author=study.performing.split("^")[0],
    )
    ds.EncapsulatedDocument = pdf + b"\0" * (len(pdf) % 2)
    return ds


def make_ecg(study: Study, *, samples: int = 64) -> Dataset:
    """Make a twelve-lead electrocardiogram with an annotation."""
    ds = make_instance(study, sop_class=ECG_WAVEFORM, modality="ECG", series="Resting ECG", number=1, name="ecg/1")
    ds.AcquisitionDateTime = study.date + study.time[:6]
    ds.AcquisitionContextSequence = []
    leads = (
        ("2:1", "Lead I"), ("2:2", "Lead II"), ("2:61", "Lead III"), ("2:62", "Lead aVR"), ("2:63", "Lead aVL"),
        ("2:64", "Lead aVF"), ("2:3", "Lead V1"), ("2:4", "Lead V2"), ("2:5", "Lead V3"), ("2:6", "Lead V4"),
        ("2:7", "Lead V5"), ("2:8", "Lead V6"),
    )  # fmt: skip
    data = phantom(samples, len(leads), seed=12, low=-500, high=500)
    ds.WaveformSequence = [
        item(WaveformOriginality="ORIGINAL", NumberOfWaveformChannels=len(leads),
             NumberOfWaveformSamples=samples, SamplingFrequency="500", MultiplexGroupLabel="RHYTHM",
             ChannelDefinitionSequence=[
                 item(ChannelSourceSequence=[code(value, "MDC", meaning)], ChannelSensitivity="5",
                      ChannelSensitivityUnitsSequence=[code("uV", "UCUM", "microvolt")],
                      ChannelSensitivityCorrectionFactor="1", ChannelBaseline="0", WaveformBitsStored=16,
                      ChannelTimeSkew="0")
                 for value, meaning in leads],
             WaveformBitsAllocated=16, WaveformSampleInterpretation="SS",
             WaveformData=np.ascontiguousarray(data).tobytes())
    ]  # fmt: skip
    ds.WaveformSequence[0]["WaveformData"].VR = "OW"
    ds.WaveformAnnotationSequence = [
        item(AnnotationGroupNumber=0, UnformattedTextValue="Sinus rhythm", ReferencedWaveformChannels=[1, 0])
    ]
    return ds
