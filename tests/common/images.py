"""Sample images: what each modality sends."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.filereader import dcmread
from pydicom.uid import UID, JPEG2000Lossless, JPEGBaseline8Bit, JPEGLSLossless

from tests.common.modules import (
    add_acquisition,
    add_frame_of_reference,
    add_pixels,
    add_plane,
    code,
    item,
    make_instance,
    phantom,
)
from tests.common.patients import Study

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4"
ENHANCED_MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4.1"
US_IMAGE = "1.2.840.10008.5.1.4.1.1.6.1"
US_MULTIFRAME_IMAGE = "1.2.840.10008.5.1.4.1.1.3.1"
CR_IMAGE = "1.2.840.10008.5.1.4.1.1.1"
DX_IMAGE = "1.2.840.10008.5.1.4.1.1.1.1"
MG_IMAGE = "1.2.840.10008.5.1.4.1.1.1.2"
NM_IMAGE = "1.2.840.10008.5.1.4.1.1.20"
PT_IMAGE = "1.2.840.10008.5.1.4.1.1.128"
SC_IMAGE = "1.2.840.10008.5.1.4.1.1.7"
VL_PHOTO = "1.2.840.10008.5.1.4.1.1.77.1.4"
WSI_IMAGE = "1.2.840.10008.5.1.4.1.1.77.1.6"


def make_ct(study: Study, number: int, *, size: int = 32, seed: int = 0) -> Dataset:
    """Make an axial CT slice of size x size at 16 bits; 512 gives the usual 525 KB."""
    name = "CHEST 2.5mm LUNG"
    ds = make_instance(study, sop_class=CT_IMAGE, modality="CT", series=name, number=number, name=f"ct/{number}")
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    add_acquisition(ds, study, "Chest routine w/ contrast")
    add_frame_of_reference(ds, study)
    add_plane(ds, z=number * 2.5, spacing=round(400 / size, 4))
    add_pixels(ds, phantom(size, size, seed=seed + number, low=-1024, high=1500), stored_bits=16)
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = "0", "1", "HU"
    ds.WindowCenter, ds.WindowWidth = "-600", "1500"
    ds.PatientPosition = "HFS"
    ds.KVP, ds.XRayTubeCurrent, ds.ExposureTime, ds.Exposure = "120", "240", "500", "120"
    ds.BodyPartExamined = "CHEST"
    ds.ContrastBolusAgent = "IOHEXOL 350"
    ds.ConvolutionKernel = "LUNG"
    ds.ScanOptions = "HELICAL MODE"
    ds.GantryDetectorTilt = "0"
    ds.TableHeight = "142.5"
    ds.ReconstructionDiameter = "400"
    ds.ImageComments = "Breath hold in full inspiration"
    ds.RequestAttributesSequence = [
        item(RequestedProcedureID=study.study_id, ScheduledProcedureStepID=study.study_id + "S",
             RequestedProcedureDescription="CT chest with contrast", AccessionNumber=study.accession),
    ]  # fmt: skip
    return ds


def make_mr(study: Study, number: int, *, size: int = 32) -> Dataset:
    """Make an MR slice whose series description carries clinical words that have to stay."""
    name = "T2 TSE SAG KNEE LEFT"
    ds = make_instance(study, sop_class=MR_IMAGE, modality="MR", series=name, number=number, name=f"mr/{number}")
    ds.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND", "NORM"]
    add_acquisition(ds, study, "knee_t2_tse_sag")
    add_frame_of_reference(ds, study)
    add_plane(ds, z=number * 3.0, spacing=0.5, thickness=3.0)
    add_pixels(ds, phantom(size, size, seed=number, high=1023).astype(np.uint16), stored_bits=12)
    ds.ScanningSequence, ds.SequenceVariant, ds.ScanOptions, ds.MRAcquisitionType = "SE", "SK", "FS", "2D"
    ds.SequenceName = "*tse2d1_9"
    ds.RepetitionTime, ds.EchoTime, ds.EchoTrainLength, ds.FlipAngle = "3500", "84", "9", "150"
    ds.MagneticFieldStrength, ds.ImagingFrequency, ds.SpacingBetweenSlices = "1.5", "63.6", "3.3"
    ds.PatientPosition, ds.Laterality, ds.BodyPartExamined = "FFS", "L", "KNEE"
    ds.WindowCenter, ds.WindowWidth = "400", "800"
    return ds


def make_enhanced_mr(study: Study, *, frames: int = 3, size: int = 16) -> Dataset:
    """Make an enhanced multi-frame MR with shared and per-frame functional groups."""
    name = "ep2d diff trace"
    ds = make_instance(
        study, sop_class=ENHANCED_MR_IMAGE, modality="MR", series=name, number=1, name="enhanced mr/1"
    )  # fmt: skip
    ds.ImageType = ["DERIVED", "PRIMARY", "DIFFUSION", "NONE"]
    ds.PatientPosition = "HFS"
    add_frame_of_reference(ds, study)
    pixels = np.stack([phantom(size, size, seed=frame, high=1023) for frame in range(frames)]).astype(np.uint16)
    add_pixels(ds, pixels, stored_bits=12)
    moment = study.date + study.time
    ds.AcquisitionDateTime, ds.AcquisitionDuration, ds.AcquisitionNumber = moment, 12.5, "1"
    ds.AcquisitionContrast, ds.ResonantNucleus, ds.KSpaceFiltering = "DIFFUSION", "1H", "NONE"
    ds.PixelPresentation, ds.VolumetricProperties = "MONOCHROME", "VOLUME"
    ds.VolumeBasedCalculationTechnique, ds.ComplexImageComponent = "NONE", "MAGNITUDE"
    ds.MagneticFieldStrength, ds.ApplicableSafetyStandardAgency = "3", "IEC"
    ds.ContentQualification, ds.BurnedInAnnotation, ds.LossyImageCompression = "PRODUCT", "NO", "00"
    ds.PresentationLUTShape = "IDENTITY"
    ds.AcquisitionContextSequence = []
    organization = study.uid("dimension organization")
    ds.DimensionOrganizationSequence = [item(DimensionOrganizationUID=organization)]
    ds.DimensionIndexSequence = [
        item(DimensionIndexPointer=0x00209057, FunctionalGroupPointer=0x00209111, DimensionOrganizationUID=organization)
    ]
    ds.SharedFunctionalGroupsSequence = [_shared_mr_groups()]
    ds.PerFrameFunctionalGroupsSequence = [_frame_groups(study, frame, moment) for frame in range(frames)]
    return ds


def _shared_mr_groups() -> Dataset:
    return item(
        PixelMeasuresSequence=[item(PixelSpacing=["1.8", "1.8"], SliceThickness="5")],
        PlaneOrientationSequence=[item(ImageOrientationPatient=["1", "0", "0", "0", "1", "0"])],
        FrameAnatomySequence=[item(FrameLaterality="U", AnatomicRegionSequence=[code("69536005", "SCT", "Head")])],
        PixelValueTransformationSequence=[item(RescaleIntercept="0", RescaleSlope="1", RescaleType="US")],
        FrameVOILUTSequence=[item(WindowCenter="400", WindowWidth="800")],
        MRTimingAndRelatedParametersSequence=[
            item(RepetitionTime="4000", FlipAngle="90", EchoTrainLength="1", RFEchoTrainLength=0,
                 GradientEchoTrainLength=36,
                 SpecificAbsorptionRateSequence=[
                     item(SpecificAbsorptionRateDefinition="IEC_WHOLE_BODY", SpecificAbsorptionRateValue=0.4)],
                 OperatingModeSequence=[
                     item(OperatingModeType="STATIC FIELD", OperatingMode="IEC_NORMAL")])
        ],
    )  # fmt: skip


def _frame_groups(study: Study, frame: int, moment: str) -> Dataset:
    return item(
        FrameContentSequence=[
            item(FrameAcquisitionNumber=1, FrameReferenceDateTime=moment, FrameAcquisitionDateTime=moment,
                 FrameAcquisitionDuration=1.5, DimensionIndexValues=[frame + 1], StackID="1",
                 InStackPositionNumber=frame + 1, TemporalPositionIndex=1)
        ],
        PlanePositionSequence=[item(ImagePositionPatient=["-14.4", "-14.4", f"{frame * 5}"])],
        MRImageFrameTypeSequence=[
            item(FrameType=["DERIVED", "PRIMARY", "DIFFUSION", "NONE"], PixelPresentation="MONOCHROME",
                 VolumetricProperties="VOLUME", VolumeBasedCalculationTechnique="NONE",
                 ComplexImageComponent="MAGNITUDE", AcquisitionContrast="DIFFUSION")
        ],
        MREchoSequence=[item(EffectiveEchoTime=89.0)],
        MRAveragesSequence=[item(NumberOfAverages="1")],
        MRDiffusionSequence=[item(DiffusionDirectionality="NONE", DiffusionBValue=0.0)],
    )  # fmt: skip


def make_us(study: Study, *, frames: int = 1, size: tuple[int, int] = (48, 64)) -> Dataset:
    """Make a colour ultrasound image (or clip) with region calibration."""
    sop_class = US_IMAGE if frames == 1 else US_MULTIFRAME_IMAGE
    name = "Abdomen B-mode"
    ds = make_instance(study, sop_class=sop_class, modality="US", series=name, number=frames, name=f"us/{frames}")
    ds.ImageType = ["ORIGINAL", "PRIMARY", "ABDOMINAL", "0001"]
    grey = np.stack([phantom(*size, seed=frame, high=255) for frame in range(frames)]).astype(np.uint8)
    pixels = np.repeat(grey[..., None], 3, axis=-1)
    add_pixels(ds, pixels if frames > 1 else pixels[0], photometric="RGB")
    ds.LossyImageCompression, ds.BurnedInAnnotation = "00", "YES"
    ds.TransducerData = ["C5-1", "", ""]
    ds.PatientOrientation, ds.Laterality = "", ""
    ds.SequenceOfUltrasoundRegions = [
        item(RegionSpatialFormat=1, RegionDataType=1, RegionFlags=2, RegionLocationMinX0=4, RegionLocationMinY0=8,
             RegionLocationMaxX1=size[1] - 1, RegionLocationMaxY1=size[0] - 1, PhysicalUnitsXDirection=3,
             PhysicalUnitsYDirection=3, PhysicalDeltaX=0.02, PhysicalDeltaY=0.02)
    ]  # fmt: skip
    if frames > 1:
        ds.FrameTime = "33.3"
        ds.FrameIncrementPointer = 0x00181063
    return ds


def make_cr(study: Study) -> Dataset:
    """Make a computed radiograph."""
    ds = make_instance(study, sop_class=CR_IMAGE, modality="CR", series="Hand AP", number=1, name="cr/1")
    ds.ImageType = ["ORIGINAL", "PRIMARY"]
    add_acquisition(ds, study, "HAND AP RIGHT")
    add_pixels(ds, phantom(40, 32, seed=5).astype(np.uint16), photometric="MONOCHROME1", stored_bits=12)
    ds.BodyPartExamined, ds.ViewPosition, ds.Laterality = "HAND", "AP", "R"
    ds.PatientOrientation = ["L", "F"]
    ds.PlateID, ds.CassetteID = "PL004711", "CA000815"
    ds.ImagerPixelSpacing = ["0.1", "0.1"]
    return ds


def make_dx(study: Study, *, mammography: bool = False) -> Dataset:
    """Make a digital radiograph or mammogram for presentation."""
    sop_class, modality, series = (
        (MG_IMAGE, "MG", "L MLO Tomo routine") if mammography else (DX_IMAGE, "DX", "Chest PA erect")
    )
    ds = make_instance(study, sop_class=sop_class, modality=modality, series=series, number=1, name=f"{modality}/1")
    ds.ImageType = ["ORIGINAL", "PRIMARY", ""]
    add_acquisition(ds, study, "MLO left" if mammography else "CHEST PA")
    add_pixels(ds, phantom(40, 40, seed=6).astype(np.uint16), stored_bits=12)
    ds.PresentationIntentType = "FOR PRESENTATION"
    ds.PixelIntensityRelationship, ds.PixelIntensityRelationshipSign = "LOG", -1
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = "0", "1", "US"
    ds.PresentationLUTShape, ds.LossyImageCompression, ds.BurnedInAnnotation = "IDENTITY", "00", "NO"
    ds.WindowCenter, ds.WindowWidth = "2048", "4096"
    ds.ImagerPixelSpacing, ds.PixelSpacing = ["0.1", "0.1"], ["0.1", "0.1"]
    ds.DetectorType, ds.DetectorID, ds.PositionerType = "DIRECT", "DET-48213", "NONE"
    ds.AcquisitionContextSequence = []
    ds.KVP, ds.ExposureInuAs, ds.DistanceSourceToDetector = "70", "1200", "1800"
    if mammography:
        _add_breast(ds)
    else:
        ds.ImageLaterality, ds.BodyPartExamined, ds.ViewPosition = "U", "CHEST", "PA"
        ds.PatientOrientation = ["L", "F"]
        ds.AnatomicRegionSequence = [code("51185008", "SCT", "Chest")]
    return ds


def _add_breast(ds: Dataset) -> None:
    ds.ImageLaterality, ds.BodyPartExamined, ds.ViewPosition = "L", "BREAST", "MLO"
    ds.PatientOrientation, ds.OrganExposed, ds.PositionerType = ["A", "FR"], "BREAST", "MAMMOGRAPHIC"
    ds.AnatomicRegionSequence = [code("76752008", "SCT", "Breast")]
    view = code("399368009", "SCT", "medio-lateral oblique")
    view.ViewModifierCodeSequence = []
    ds.ViewCodeSequence = [view]
    ds.BreastImplantPresent, ds.PartialView, ds.QualityControlImage = "NO", "NO", "NO"
    ds.BodyPartThickness, ds.CompressionForce, ds.PositionerPrimaryAngle = "52", "98", "45"


def make_nm(study: Study) -> Dataset:
    """Make a static nuclear medicine image of two detectors."""
    ds = make_instance(study, sop_class=NM_IMAGE, modality="NM", series="Bone scan WB", number=1, name="nm/1")
    ds.ImageType = ["ORIGINAL", "PRIMARY", "STATIC", "EMISSION"]
    add_acquisition(ds, study, "Bone scan late")
    add_pixels(ds, np.stack([phantom(32, 16, seed=n, high=999) for n in (1, 2)]).astype(np.uint16), stored_bits=16)
    ds.PixelSpacing = ["2.4", "2.4"]
    ds.FrameIncrementPointer = [0x00540010, 0x00540020]
    ds.EnergyWindowVector, ds.DetectorVector = [1, 1], [1, 2]
    ds.Laterality = ""
    ds.NumberOfEnergyWindows, ds.NumberOfDetectors = 1, 2
    ds.CountsAccumulated, ds.ActualFrameDuration, ds.PatientOrientationCodeSequence = (
        "612345", "600000",
        [item(CodeValue="102538003", CodingSchemeDesignator="SCT", CodeMeaning="recumbent",
              PatientOrientationModifierCodeSequence=[code("40199007", "SCT", "supine")])],
    )  # fmt: skip
    ds.PatientGantryRelationshipCodeSequence = [code("102540008", "SCT", "headfirst")]
    ds.EnergyWindowInformationSequence = [
        item(EnergyWindowName="Tc99m", EnergyWindowRangeSequence=[
            item(EnergyWindowLowerLimit="126", EnergyWindowUpperLimit="154")])
    ]  # fmt: skip
    ds.RadiopharmaceuticalInformationSequence = [
        item(RadionuclideCodeSequence=[code("72454003", "SCT", "^99m^Technetium")], Radiopharmaceutical="MDP",
             RadiopharmaceuticalStartTime="080000", RadionuclideTotalDose="600")
    ]  # fmt: skip
    ds.DetectorInformationSequence = [
        item(CollimatorType="PARA", CollimatorGridName="LEHR", StartAngle=angle, FieldOfViewShape="RECTANGLE",
             ImagePositionPatient=["0", "0", "0"], ImageOrientationPatient=["1", "0", "0", "0", "0", "-1"])
        for angle in ("0", "180")
    ]  # fmt: skip
    return ds


def make_pt(study: Study, number: int = 1) -> Dataset:
    """Make a PET slice; radiopharmaceutical times are tied to the study date."""
    ds = make_instance(study, sop_class=PT_IMAGE, modality="PT", series="PET WB AC", number=number, name=f"pt/{number}")
    ds.ImageType = ["ORIGINAL", "PRIMARY"]
    add_acquisition(ds, study, "FDG whole body")
    add_frame_of_reference(ds, study)
    add_plane(ds, z=number * 3.0, spacing=4.0, thickness=3.0)
    add_pixels(ds, phantom(32, 32, seed=8, high=9000), stored_bits=16)
    ds.RescaleIntercept, ds.RescaleSlope, ds.Units = "0", "0.73", "BQML"
    ds.Laterality = ""
    ds.SeriesType, ds.CountsSource, ds.NumberOfSlices = ["STATIC", "IMAGE"], "EMISSION", 1
    ds.CorrectedImage = ["DECY", "ATTN", "SCAT"]
    ds.DecayCorrection, ds.CollimatorType = "START", "NONE"
    ds.ActualFrameDuration, ds.FrameReferenceTime, ds.DecayFactor = "120000", "60000", "1.01"
    ds.DoseCalibrationFactor, ds.ScatterFractionFactor, ds.ImageIndex = "1", "0.3", 1
    ds.PatientOrientationCodeSequence = [
        item(CodeValue="102538003", CodingSchemeDesignator="SCT", CodeMeaning="recumbent",
             PatientOrientationModifierCodeSequence=[code("40199007", "SCT", "supine")])
    ]  # fmt: skip
    ds.PatientGantryRelationshipCodeSequence = [code("102540008", "SCT", "headfirst")]
    ds.RadiopharmaceuticalInformationSequence = [
        item(RadionuclideCodeSequence=[code("77004003", "SCT", "^18^Fluorine")], Radiopharmaceutical="FDG",
             RadiopharmaceuticalStartTime="070000", RadiopharmaceuticalStartDateTime=study.date + "070000",
             RadionuclideTotalDose="370000000", RadionuclideHalfLife="6586.2", RadionuclidePositronFraction="0.97")
    ]  # fmt: skip
    return ds


def make_sc(study: Study, *, number: int = 1) -> Dataset:
    """Make a secondary capture in colour."""
    ds = make_instance(
        study, sop_class=SC_IMAGE, modality="OT", series="Screen save", number=number, name=f"sc/{number}"
    )
    ds.ConversionType = "WSD"
    ds.PatientOrientation = ""
    ds.Laterality = ""
    ds.SecondaryCaptureDeviceManufacturer = "Fictional Imaging"
    ds.DateOfSecondaryCapture, ds.TimeOfSecondaryCapture = study.date, study.time
    grey = phantom(33, 31, seed=9, high=255).astype(np.uint8)
    add_pixels(ds, np.repeat(grey[..., None], 3, axis=-1), photometric="RGB")
    return ds


_ENCAPSULATED = {
    "jpeg": ("SC_rgb_jpeg_dcmtk.dcm", JPEGBaseline8Bit),
    "jpeg2000": ("MR_small_jp2klossless.dcm", JPEG2000Lossless),
    "jpegls": ("MR_small_jpeg_ls_lossless.dcm", JPEGLSLossless),
}


def make_encapsulated(study: Study, kind: str) -> Dataset:
    """Make an image whose compressed pixels are those of an example in pydicom's wheel.

    Parameters
    ----------
    kind
        "jpeg" (a colour secondary capture), "jpeg2000" or "jpegls" (an MR slice).
    """
    file, syntax = _ENCAPSULATED[kind]
    example = dcmread(str(get_testdata_file(file, download=False)))
    ds = make_sc(study, number=2) if kind == "jpeg" else make_mr(study, 10 if kind == "jpeg2000" else 11)
    for keyword in ("Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration",
                    "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"):  # fmt: skip
        if keyword in example:
            setattr(ds, keyword, getattr(example, keyword))
    ds.PixelData = example.PixelData
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    ds.file_meta.TransferSyntaxUID = UID(syntax)
    if kind == "jpeg":
        ds.PhotometricInterpretation = "YBR_FULL_422"
        ds.LossyImageCompression, ds.LossyImageCompressionRatio = "01", "10"
        ds.LossyImageCompressionMethod = "ISO_10918_1"
        ds.DerivationDescription = "Lossy compression"
    return ds


def make_photo(study: Study) -> Dataset:
    """Make a photograph of skin."""
    ds = make_instance(study, sop_class=VL_PHOTO, modality="XC", series="Left forearm", number=1, name="photo/1")
    ds.ImageType = ["ORIGINAL", "PRIMARY"]
    grey = phantom(36, 36, seed=10, high=255).astype(np.uint8)
    add_pixels(ds, np.repeat(grey[..., None], 3, axis=-1), photometric="RGB")
    ds.LossyImageCompression = "00"
    ds.PatientOrientation, ds.Laterality = "", "L"
    ds.AcquisitionContextSequence = []
    ds.AnatomicRegionSequence = [code("14975008", "SCT", "Forearm")]
    return ds


def make_wsi(study: Study) -> Dataset:
    """Make a tile-wise whole-slide image, labels and container included."""
    ds = make_instance(study, sop_class=WSI_IMAGE, modality="SM", series="Biopsy HE", number=1, name="wsi/1")
    ds.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    add_frame_of_reference(ds, study)
    ds.PositionReferenceIndicator = "SLIDE_CORNER"
    tile = np.repeat(phantom(16, 16, seed=11, high=255).astype(np.uint8)[..., None], 3, axis=-1)
    add_pixels(ds, np.stack([tile] * 4), photometric="RGB")
    moment = study.date + study.time
    ds.AcquisitionDateTime, ds.BurnedInAnnotation, ds.LossyImageCompression = moment, "NO", "00"
    ds.ImagedVolumeWidth, ds.ImagedVolumeHeight, ds.ImagedVolumeDepth = 8.0, 8.0, 0.001
    ds.TotalPixelMatrixColumns = ds.TotalPixelMatrixRows = 32
    ds.TotalPixelMatrixOriginSequence = [item(XOffsetInSlideCoordinateSystem="0", YOffsetInSlideCoordinateSystem="0")]
    ds.ImageOrientationSlide = ["0", "-1", "0", "-1", "0", "0"]
    ds.SpecimenLabelInImage, ds.FocusMethod, ds.ExtendedDepthOfField = "NO", "AUTO", "NO"
    ds.VolumetricProperties, ds.DimensionOrganizationType = "VOLUME", "TILED_FULL"
    ds.NumberOfOpticalPaths, ds.TotalPixelMatrixFocalPlanes = 1, 1
    ds.AcquisitionContextSequence = []
    ds.ContainerIdentifier, ds.IssuerOfTheContainerIdentifierSequence = f"SLIDE-{study.accession}", []
    ds.ContainerTypeCodeSequence = [code("433466003", "SCT", "Microscope slide")]
    ds.SpecimenDescriptionSequence = [
        item(SpecimenIdentifier=f"SP-{study.accession}", SpecimenUID=study.uid("specimen"),
             IssuerOfTheSpecimenIdentifierSequence=[], SpecimenPreparationSequence=[])
    ]  # fmt: skip
    ds.OpticalPathSequence = [
        item(OpticalPathIdentifier="1", IlluminationTypeCodeSequence=[
                 code("111744", "DCM", "Brightfield illumination")],
             IlluminationColorCodeSequence=[code("371251000", "SCT", "White")],
             ICCProfile=_icc_profile())
    ]  # fmt: skip
    organization = study.uid("dimension organization")
    ds.DimensionOrganizationSequence = [item(DimensionOrganizationUID=organization)]
    ds.DimensionIndexSequence = [
        item(DimensionIndexPointer=pointer, FunctionalGroupPointer=0x0048021A, DimensionOrganizationUID=organization)
        for pointer in (0x0048021E, 0x0048021F)
    ]
    ds.SharedFunctionalGroupsSequence = [
        item(PixelMeasuresSequence=[item(PixelSpacing=["0.25", "0.25"], SliceThickness="0.001")],
             WholeSlideMicroscopyImageFrameTypeSequence=[
                 item(FrameType=["ORIGINAL", "PRIMARY", "VOLUME", "NONE"])],
             OpticalPathIdentificationSequence=[item(OpticalPathIdentifier="1")])
    ]  # fmt: skip
    return ds


def _icc_profile() -> bytes:
    data = Path(str(get_testdata_file("crayons.icc", download=False))).read_bytes()
    return data + b"\0" * (len(data) % 2)
