"""Sample segmentation and radiotherapy objects."""

from __future__ import annotations

import numpy as np
from pydicom.dataset import Dataset

from tests.common.images import CT_IMAGE
from tests.common.modules import (
    add_frame_of_reference,
    add_pixels,
    add_plane,
    code,
    item,
    make_instance,
    phantom,
    reference,
)
from tests.common.patients import Study

SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
RT_STRUCTURE_SET = "1.2.840.10008.5.1.4.1.1.481.3"
RT_PLAN = "1.2.840.10008.5.1.4.1.1.481.5"
RT_DOSE = "1.2.840.10008.5.1.4.1.1.481.2"


def make_segmentation(study: Study, *, size: int = 16) -> Dataset:
    """Make a binary segmentation of two slices."""
    ds = make_instance(study, sop_class=SEGMENTATION, modality="SEG", series="Nodule SEG", number=1, name="seg/1")
    add_frame_of_reference(ds, study)
    ds.ImageType = ["DERIVED", "PRIMARY"]
    mask = np.stack([phantom(size, size, seed=20 + n) > 1500 for n in range(2)])
    add_pixels(ds, mask.astype(np.uint8))
    ds.PixelData = np.packbits(mask.ravel(), bitorder="little").tobytes()
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 1, 1, 0
    ds.LossyImageCompression, ds.SegmentationType, ds.BurnedInAnnotation = "00", "BINARY", "NO"
    ds.SegmentsOverlap = "NO"
    ds.ContentLabel, ds.ContentDescription, ds.ContentCreatorName = "NODULE", "Lung nodule", study.performing
    ds.SegmentSequence = [
        item(SegmentNumber=1, SegmentLabel="Nodule", SegmentAlgorithmType="MANUAL",
             SegmentedPropertyCategoryCodeSequence=[
                 code("49755003", "SCT", "Morphologically Abnormal Structure")],
             SegmentedPropertyTypeCodeSequence=[code("27925004", "SCT", "Nodule")],
             TrackingID="nodule 1", TrackingUID=study.uid("tracking"))
    ]  # fmt: skip
    organization = study.uid("dimension organization seg")
    ds.DimensionOrganizationSequence = [item(DimensionOrganizationUID=organization)]
    ds.DimensionIndexSequence = [
        item(DimensionIndexPointer=0x00200032, FunctionalGroupPointer=0x00209113, DimensionOrganizationUID=organization)
    ]
    series = item(SeriesInstanceUID=study.uid("series CHEST 2.5mm LUNG"))
    series.ReferencedInstanceSequence = [reference(CT_IMAGE, study.uid(f"ct/{n}")) for n in (1, 2)]
    ds.ReferencedSeriesSequence = [series]
    ds.SharedFunctionalGroupsSequence = [
        item(PixelMeasuresSequence=[item(PixelSpacing=["0.9", "0.9"], SliceThickness="2.5")],
             PlaneOrientationSequence=[item(ImageOrientationPatient=["1", "0", "0", "0", "1", "0"])],
             SegmentIdentificationSequence=[item(ReferencedSegmentNumber=1)])
    ]  # fmt: skip
    ds.PerFrameFunctionalGroupsSequence = [_frame(study, number) for number in (1, 2)]
    return ds


def _frame(study: Study, number: int) -> Dataset:
    source = reference(
        CT_IMAGE, study.uid(f"ct/{number}"),
        PurposeOfReferenceCodeSequence=[code("121322", "DCM", "Source image for image processing operation")],
    )  # fmt: skip
    derivation = item(DerivationCodeSequence=[code("113076", "DCM", "Segmentation")], SourceImageSequence=[source])
    return item(
        FrameContentSequence=[item(DimensionIndexValues=[number])],
        PlanePositionSequence=[item(ImagePositionPatient=["-7", "-7", f"{number * 2.5}"])],
        DerivationImageSequence=[derivation],
    )


def make_structure_set(study: Study) -> Dataset:
    """Make an RT Structure Set with one contour."""
    ds = make_instance(
        study, sop_class=RT_STRUCTURE_SET, modality="RTSTRUCT", series="Contours", number=1, name="rtss/1"
    )
    add_frame_of_reference(ds, study)
    ds.StructureSetLabel, ds.StructureSetName = "PLANNING", "Lung plan"
    ds.StructureSetDate, ds.StructureSetTime = study.date, study.time
    ds.ApprovalStatus = "UNAPPROVED"
    images = [reference(CT_IMAGE, study.uid("ct/1"))]
    series = item(SeriesInstanceUID=study.uid("series CHEST 2.5mm LUNG"), ContourImageSequence=images)
    parent = item(
        ReferencedSOPClassUID="1.2.840.10008.3.1.2.3.1", ReferencedSOPInstanceUID=study.uid("study"),
        RTReferencedSeriesSequence=[series],
    )  # fmt: skip
    frame = study.uid("frame of reference")
    ds.ReferencedFrameOfReferenceSequence = [item(FrameOfReferenceUID=frame, RTReferencedStudySequence=[parent])]
    ds.StructureSetROISequence = [
        item(ROINumber="1", ReferencedFrameOfReferenceUID=frame, ROIName="GTV", ROIGenerationAlgorithm="MANUAL")
    ]
    ds.ROIContourSequence = [
        item(ROIDisplayColor=["255", "0", "0"], ReferencedROINumber="1", ContourSequence=[
            item(ContourImageSequence=images, ContourGeometricType="CLOSED_PLANAR", NumberOfContourPoints="3",
                 ContourData=["1", "1", "2.5", "4", "1", "2.5", "4", "4", "2.5"])])
    ]  # fmt: skip
    ds.RTROIObservationsSequence = [
        item(
            ObservationNumber="1", ReferencedROINumber="1", RTROIInterpretedType="GTV", ROIInterpreter=study.performing
        )
    ]
    return ds


def make_plan(study: Study) -> Dataset:
    """Make an RT Plan with one static beam."""
    ds = make_instance(study, sop_class=RT_PLAN, modality="RTPLAN", series="Plan", number=1, name="rtplan/1")
    add_frame_of_reference(ds, study)
    ds.RTPlanLabel, ds.RTPlanName, ds.RTPlanGeometry = "LUNG1", "Lung 60Gy", "PATIENT"
    ds.RTPlanDate, ds.RTPlanTime, ds.ApprovalStatus = study.date, study.time, "UNAPPROVED"
    ds.ReferencedStructureSetSequence = [reference(RT_STRUCTURE_SET, study.uid("rtss/1"))]
    ds.FractionGroupSequence = [
        item(FractionGroupNumber="1", NumberOfFractionsPlanned="30", NumberOfBeams="1",
             NumberOfBrachyApplicationSetups="0",
             ReferencedBeamSequence=[item(BeamDose="2.0", BeamMeterset="180", ReferencedBeamNumber="1")])
    ]  # fmt: skip
    ds.PatientSetupSequence = [item(PatientPosition="HFS", PatientSetupNumber="1")]
    jaws = [item(RTBeamLimitingDeviceType=axis, NumberOfLeafJawPairs="1") for axis in ("X", "Y")]
    positions = [item(RTBeamLimitingDeviceType=axis, LeafJawPositions=["-50", "50"]) for axis in ("X", "Y")]
    first = item(
        ControlPointIndex="0", NominalBeamEnergy="6", DoseRateSet="400", BeamLimitingDevicePositionSequence=positions,
        GantryAngle="0", GantryRotationDirection="NONE", BeamLimitingDeviceAngle="0",
        BeamLimitingDeviceRotationDirection="NONE", PatientSupportAngle="0", PatientSupportRotationDirection="NONE",
        TableTopEccentricAngle="0", TableTopEccentricRotationDirection="NONE", TableTopVerticalPosition="",
        TableTopLongitudinalPosition="", TableTopLateralPosition="", IsocenterPosition=["0", "0", "0"],
        CumulativeMetersetWeight="0",
    )  # fmt: skip
    ds.BeamSequence = [
        item(Manufacturer="Fictional Imaging", InstitutionName=study.hospital, TreatmentMachineName="LINAC WEST",
             DeviceSerialNumber=study.serial, PrimaryDosimeterUnit="MU", SourceAxisDistance="1000",
             BeamLimitingDeviceSequence=jaws, BeamNumber="1", BeamName="AP", BeamType="STATIC",
             RadiationType="PHOTON", TreatmentDeliveryType="TREATMENT", NumberOfWedges="0",
             NumberOfCompensators="0", NumberOfBoli="0", NumberOfBlocks="0", FinalCumulativeMetersetWeight="1",
             NumberOfControlPoints="2", ReferencedPatientSetupNumber="1",
             ControlPointSequence=[first, item(ControlPointIndex="1", CumulativeMetersetWeight="1")])
    ]  # fmt: skip
    return ds


def make_dose(study: Study) -> Dataset:
    """Make an RT Dose grid."""
    ds = make_instance(study, sop_class=RT_DOSE, modality="RTDOSE", series="Dose", number=1, name="rtdose/1")
    add_frame_of_reference(ds, study)
    add_plane(ds, z=0, spacing=4.0)
    ds.SliceThickness = ""
    add_pixels(ds, np.stack([phantom(16, 16, seed=30 + n) for n in range(3)]).astype(np.uint16))
    ds.FrameIncrementPointer = 0x3004000C
    ds.GridFrameOffsetVector = ["0", "4", "8"]
    ds.DoseUnits, ds.DoseType, ds.DoseSummationType, ds.DoseGridScaling = "GY", "PHYSICAL", "PLAN", "0.001"
    ds.TissueHeterogeneityCorrection = "IMAGE"
    ds.ReferencedRTPlanSequence = [reference(RT_PLAN, study.uid("rtplan/1"))]
    return ds
