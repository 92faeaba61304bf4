"""Standard Attributes to plant in, by host: what, where, and the text around it.

What is a kind in capitals for a token that stands only there, or the name of a known value of the same study
(`tests.common.host.known_values`) that comes back there.
"""

from __future__ import annotations

import re

_CT = """
NAME         PatientBirthName                          {}^Birgit
NAME         PatientMotherBirthName                    {}^Marta
NAME         OtherPatientNames                         {}^Alias
ID           OtherPatientIDsSequence.PatientID         {}
NAME         OtherPatientIDsSequence.IssuerOfPatientID {} HOSPITAL
NAME         IssuerOfPatientID                         {} CLINIC
ID           IssuerOfPatientIDQualifiersSequence.UniversalEntityID  {}
TIME         PatientBirthTime                          {}
ID           PatientBirthDateInAlternativeCalendar     {}
ID           PatientDeathDateInAlternativeCalendar     {}
PLACE        PatientAddress                            12 {} Street
PHONE        PatientTelephoneNumbers                   {}
NAME         PatientTelecomInformation                 mailto:{}@example.org
NAME         MilitaryRank                              Corporal {}
NAME         BranchOfService                           {} Regiment
ID           MedicalRecordLocator                      {}
NAME         MedicalAlerts                             Call {} first
NAME         Allergies                                 Latex says {}
PLACE        CountryOfResidence                        {}land
PLACE        RegionOfResidence                         {}shire
NAME         Occupation                                Baker at {}
NAME         AdditionalPatientHistory                  Sister {} had the same
NAME         PatientReligiousPreference                Church of {}
NAME         ResponsiblePerson                         {}^Guardian
NAME         ResponsibleOrganization                   {} Home
NAME         PatientComments                           Lives with {}
NAME         PatientInsurancePlanCodeSequence.CodeMeaning  {} Insurance
DATE         LastMenstrualDate                         {}
UID          ReferencedPatientSequence.ReferencedSOPInstanceUID  {}
UID          ReferencedPatientPhotoSequence.ReferencedSOPSequence.ReferencedSOPInstanceUID  {}
PLACE        PatientInstitutionResidence               Ward {}
NAME         CurrentPatientLocation                    Bed {}
NAME         PatientState                              Known to {}
NAME         SpecialNeeds                              Interpreter {}
NAME         VisitComments                             Visited by {}
ID           AdmissionID                               {}
NAME         IssuerOfAdmissionID                       {} ADM
ID           IssuerOfAdmissionIDSequence.UniversalEntityID  {}
ID           ServiceEpisodeID                          {}
NAME         ServiceEpisodeDescription                 Stay of {}
DATE         AdmittingDate                             {}
TIME         AdmittingTime                             {}
NAME         AdmittingDiagnosesDescription             Fall at {} house
NAME         AdmittingDiagnosesCodeSequence.CodeMeaning  Told by {}
DATE         DischargeDate                             {}
NAME         DischargeDiagnosisDescription             Sent to {}
NAME         ReferringPhysicianAddress                 {} Road 5
PHONE        ReferringPhysicianTelephoneNumbers        {}
NAME         ReferringPhysicianIdentificationSequence.InstitutionName  {} Practice
PLACE        ReferringPhysicianIdentificationSequence.PersonAddress  {} Lane
PHONE        ReferringPhysicianIdentificationSequence.PersonTelephoneNumbers  {}
NAME         ReferringPhysicianIdentificationSequence.PersonTelecomInformation  {}@example.org
NAME         ReferringPhysicianIdentificationSequence.PersonIdentificationCodeSequence.CodeMeaning  Dr. {}
ID           ReferringPhysicianIdentificationSequence.PersonIdentificationCodeSequence.CodeValue  {}
NAME         ReferringPhysicianIdentificationSequence.InstitutionCodeSequence.CodeMeaning  {} Institute
NAME         ConsultingPhysicianName                   {}^Consult
ID           ConsultingPhysicianIdentificationSequence.PersonIdentificationCodeSequence.CodeValue  {}
NAME         PhysiciansOfRecord                        {}^Record
NAME         PhysiciansOfRecordIdentificationSequence.PersonIdentificationCodeSequence.CodeMeaning  {}
NAME         NameOfPhysiciansReadingStudy              {}^Reader
NAME         PhysiciansReadingStudyIdentificationSequence.PersonIdentificationCodeSequence.CodeMeaning  {}
NAME         PerformingPhysicianIdentificationSequence.PersonIdentificationCodeSequence.CodeMeaning  {}
NAME         OperatorIdentificationSequence.PersonIdentificationCodeSequence.CodeMeaning  {}
INSTITUTION  InstitutionCodeSequence.CodeMeaning       {} Hospital
INSTITUTION  InstitutionalDepartmentTypeCodeSequence.CodeMeaning  {} Unit
INSTITUTION  InstitutionAddress                        {} Square 1
DEVICE       StationAETitle                            {}
DEVICE       DeviceUID                                 1.2.826.0.1.3680043.10.4{}
DEVICE       UDISequence.UniqueDeviceIdentifier        (01){}
DEVICE       GantryID                                  {}
DEVICE       DetectorID                                {}
DEVICE       PlateID                                   {}
DEVICE       CassetteID                                {}
DEVICE       GeneratorID                               {}
DATE         DateOfLastCalibration                     {}
TIME         TimeOfLastCalibration                     {}
NAME         AcquisitionDeviceProcessingDescription    Tuned by {}
NAME         AcquisitionComments                       Moved, says {}
NAME         FrameComments                             Frame for {}
NAME         DerivationDescription                     Derived for {}
"""

_ORDER = """
NAME         StudyDescription                          CT chest for Mrs. {}
NAME         SeriesDescription                         LUNG 2.5mm for Dr. {}
NAME         ProtocolName                              Chest routine by {}
NAME         RequestedProcedureDescription             CT chest, patient of Dr. {}
NAME         RequestedProcedureComments                Ask {}
ID           RequestedProcedureID                      {}
PLACE        RequestedProcedureLocation                House {}
NAME         ReasonForStudy                            Cough since visit to {}
NAME         ReasonForTheRequestedProcedure            Cough noticed by Mr. {}
NAME         ReasonForVisit                            Sent by {}
NAME         RequestingPhysician                       {}^Requests
NAME         RequestingPhysicianIdentificationSequence.PersonIdentificationCodeSequence.CodeMeaning  {}
INSTITUTION  RequestingService                         {} Ward
NAME         StudyComments                             Told {}
NAME         StudyIDIssuer                             {} IDS
DATE         StudyVerifiedDate                         {}
DATE         StudyReadDate                             {}
DATE         ScheduledStudyStartDate                   {}
DATE         StudyArrivalDate                          {}
DATE         StudyCompletionDate                       {}
DEVICE        ScheduledStudyLocation                    {} House
DEVICE           ScheduledStudyLocationAETitle             {}
NAME         InterpretationAuthor                      {}^Interprets
NAME         InterpretationText                        Read by {}
NAME         ScheduledPatientInstitutionResidence      Ward {}
NAME         OrderEnteredBy                            {}^Enters
PLACE        OrderEntererLocation                      Desk {}
PHONE        OrderCallbackPhoneNumber                  {}
ID           PlacerOrderNumberImagingServiceRequest    {}
ID           FillerOrderNumberImagingServiceRequest    {}
NAME         ImagingServiceRequestComments             Urgent says {}
NAME         NamesOfIntendedRecipientsOfResults        {}^Recipient
NAME         IntendedRecipientsOfResultsIdentificationSequence.PersonIdentificationCodeSequence.CodeMeaning  {}
NAME         ConfidentialityConstraintOnPatientDataDescription  Not to {}
NAME         IssuerOfAccessionNumberSequence.LocalNamespaceEntityID  {}
NAME         RequestAttributesSequence.RequestedProcedureDescription  Thorax for {}
NAME         RequestAttributesSequence.ScheduledProcedureStepDescription  Thorax of {}
ID           RequestAttributesSequence.ScheduledProcedureStepID  {}
NAME         RequestAttributesSequence.ReasonForTheRequestedProcedure  Asked by {}
NAME         RequestAttributesSequence.ScheduledProtocolCodeSequence.CodeMeaning  Protocol {}
NAME         RequestAttributesSequence.ScheduledProtocolCodeSequence.ProtocolContextSequence.TextValue  {}
NAME         RequestAttributesSequence.RequestedProcedureCodeSequence.CodeMeaning  Thorax {}
ID           RequestAttributesSequence.AccessionNumber  {}
UID          RequestAttributesSequence.ReferencedStudySequence.ReferencedSOPInstanceUID  {}
NAME         ScheduledPerformingPhysicianName          {}^Plans
DATE         ScheduledProcedureStepStartDate           {}
DATE         PerformedProcedureStepStartDate           {}
DATE         PerformedProcedureStepEndDate             {}
TIME         PerformedProcedureStepStartTime           {}
ID           PerformedProcedureStepID                  {}
NAME         PerformedProcedureStepDescription         Thorax, patient {}
PLACE        PerformedLocation                         Room {}
DEVICE       PerformedStationName                      {}
DEVICE       PerformedStationAETitle                   {}
NAME         CommentsOnThePerformedProcedureStep       Helped by {}
NAME         PerformedStationNameCodeSequence.CodeMeaning  Scanner {}
NAME         PerformedProtocolCodeSequence.CodeMeaning  Protocol of {}
NAME         ProcedureCodeSequence.CodeMeaning         Thorax of {}
NAME         ClinicalTrialSponsorName                  {} Pharma
ID           ClinicalTrialProtocolID                   {}
NAME         ClinicalTrialProtocolName                 {} Trial
ID           ClinicalTrialSiteID                       {}
INSTITUTION         ClinicalTrialSiteName                     {} Site
ID           ClinicalTrialSubjectID                    {}
ID           ClinicalTrialSubjectReadingID             {}
INSTITUTION         ClinicalTrialCoordinatingCenterName       {} Center
ID           ClinicalTrialTimePointID                  {}
NAME         ClinicalTrialTimePointDescription         After visit of {}
NAME         ClinicalTrialSeriesDescription            Read by {}
INSTITUTION         ClinicalTrialProtocolEthicsCommitteeName  {} Board
ID           ClinicalTrialProtocolEthicsCommitteeApprovalNumber  {}
NAME         ContrastBolusAgent                        IOHEXOL given by {}
NAME         ContrastBolusAgentSequence.CodeMeaning    Contrast of {}
NAME         IdentifyingComments                       Old comment on {}
NAME         ImageComments                             Motion, ask {}
"""

_PROVENANCE = """
DATE         InstanceCreationDate                      {}
TIME         InstanceCreationTime                      {}
UID          InstanceCreatorUID                        {}
DATE         SeriesDate                                {}
DATE         AcquisitionDate                           {}
DATE         ContentDate                               {}
DATE         AcquisitionDateTime                       {}081500.25
DATE         OverlayDate                               {}
DATE         CurveDate                                 {}
TIME         AcquisitionTime                           {}
UID          ReferencedStudySequence.ReferencedSOPInstanceUID  {}
UID          ReferencedPerformedProcedureStepSequence.ReferencedSOPInstanceUID  {}
UID          ReferencedImageSequence.ReferencedSOPInstanceUID  {}
UID          SourceImageSequence.ReferencedSOPInstanceUID  {}
UID          ReferencedInstanceSequence.ReferencedSOPInstanceUID  {}
UID          StudiesContainingOtherReferencedInstancesSequence.StudyInstanceUID  {}
UID          ConcatenationUID                          {}
UID          SynchronizationFrameOfReferenceUID        {}
UID          IrradiationEventUID                       {}
UID          RelatedFrameOfReferenceUID                {}
NAME         DigitalSignaturesSequence.CertificateOfSigner  0CN={},O=Hospital
UID          DigitalSignaturesSequence.DigitalSignatureUID  {}
DATE         DigitalSignaturesSequence.DigitalSignatureDateTime  {}120000
NAME         DigitalSignaturesSequence.Signature       sig{}
NAME         DigitalSignaturesSequence.CertifiedTimestamp  tsa{}
NAME         OriginalAttributesSequence.ModifiedAttributesSequence.PatientName  {}^Original
ID           OriginalAttributesSequence.ModifiedAttributesSequence.PatientID  {}
DATE         OriginalAttributesSequence.ModifiedAttributesSequence.PatientBirthDate  {}
NAME         OriginalAttributesSequence.ModifiedAttributesSequence.RequestAttributesSequence.RequestedProcedureComments  {}
NAME         OriginalAttributesSequence.SourceOfPreviousValues  {}
NAME         OriginalAttributesSequence.ModifyingSystem  {} PACS
DATE         OriginalAttributesSequence.AttributeModificationDateTime  {}090000
NAME         OriginalAttributesSequence#1.NonconformingModifiedAttributesSequence.NonconformingDataElementValue  {}
NAME         EncryptedAttributesSequence.EncryptedContent  {}
INSTITUTION  ContributingEquipmentSequence.InstitutionName  {} Hospital
INSTITUTION  ContributingEquipmentSequence.InstitutionAddress  {} Road
DEVICE       ContributingEquipmentSequence.StationName  {}
DEVICE       ContributingEquipmentSequence.DeviceSerialNumber  {}
NAME         ContributingEquipmentSequence.ContributionDescription  Reworked by {}
NAME         ContributingEquipmentSequence.OperatorsName  {}^Contributes
DATE         ContributingEquipmentSequence.ContributionDateTime  {}100000
ID           ModifyingDeviceID                         {}
NAME         ModifiedImageDescription                  Changed by {}
NAME         TextComments                              {}
UID          FailedSOPInstanceUIDList                  {}
NAME         ModifiedAttributesSequence.PatientName    {}^Modified
"""

_KNOWN = """
phone        PatientTelephoneNumbers                   {}
street       PatientAddress                            {}
FAMILY       BodyPartExamined                          {}
family       RetrieveAETitle                           {}
full         SeriesDescription                         T2 TSE SAG KNEE LEFT for {}
comma        StudyDescription                          MRI knee {}
glued        ProtocolName                              knee_{}_t2
lower        ImageComments                             Report goes to {}
initial      AdditionalPatientHistory                  {} fell on the knee
pn           PatientComments                           {}
email        PatientTelecomInformation                 {}
given        RequestedProcedureDescription             Knee of {}
pid          FilterType                                {}
pid          SequenceName                              {}
pid_digits   HeartRate                                 {}
pid_digits   SAR                                       {}
accession    ConvolutionKernel                         {}
study_id     ScanOptions                               {}
birth        ReceiveCoilName                           {}
birth_iso    RequestedContrastAgent                    born {}
birth_dots   ReasonForVisit                            geb. {}
birth_us     MedicalAlerts                             DOB {}
birth_words  AcquisitionDeviceProcessingDescription    {}
birth_mon    DerivationDescription                     {}
birth_uid    IrradiationEventUID                       {}
day_iso      CommentsOnThePerformedProcedureStep       Scan of {}
day_us       PerformedProcedureStepDescription         {} knee
phone        ReasonForTheRequestedProcedure            call {}
phone_digits  VisitComments                            {}
phone_dashes  SpecialNeeds                             ring {}
street       PatientState                              {}
hospital     ImagingServiceRequestComments             {} asked
station      TransmitCoilName                          {}
serial       DetectorConfiguration                      {}
serial       DeviceUID                                 1.2.826.0.1.3680043.10.5.{}
referring    InterpretationText                        {} agrees
performing   AcquisitionComments                       {} was there
operator     FrameComments                             by {}
full         ContributingEquipmentSequence.ContributionDescription  {}
full         RequestAttributesSequence.ScheduledProtocolCodeSequence.CodeMeaning  {}
family       RequestAttributesSequence.CodingSchemeIdentificationSequence.CodingSchemeName  {}
family       ReferencedImageSequence.PurposeOfReferenceCodeSequence.LongCodeValue  {}
family       ReferencedImageSequence.PurposeOfReferenceCodeSequence.URNCodeValue  urn:{}
family       RetrieveURL                               https://pacs.example.org/{}
"""

_OTHER = {
    "implicit": """
NAME         PatientComments                           {}
NAME         RequestAttributesSequence.ScheduledProcedureStepDescription  {}
family       ImageComments                             {}
UID          SourceImageSequence.ReferencedSOPInstanceUID  {}
""",
    "bigendian": """
NAME         PatientComments                           {}
NAME         RequestAttributesSequence.RequestedProcedureDescription  {}
family       ImageComments                             {}
DATE         SeriesDate                                {}
""",
    "deflated": """
NAME         PatientComments                           {}
NAME         RequestAttributesSequence.RequestedProcedureDescription  {}
family       ImageComments                             {}
""",
    "graphics": """
NAME         ImageComments                             {}
NAME         IconImageSequence.DerivationDescription   {}
""",
    "enhanced": """
DATE         PerFrameFunctionalGroupsSequence.FrameContentSequence.FrameAcquisitionDateTime  {}110000
DATE         PerFrameFunctionalGroupsSequence#1.FrameContentSequence.FrameReferenceDateTime  {}110000
NAME         PerFrameFunctionalGroupsSequence#1.FrameContentSequence.FrameComments  {}
NAME         PerFrameFunctionalGroupsSequence#2.FrameContentSequence.FrameLabel  {}
UID          PerFrameFunctionalGroupsSequence.ReferencedImageSequence.ReferencedSOPInstanceUID  {}
NAME         SharedFunctionalGroupsSequence.FrameAnatomySequence.AnatomicRegionSequence.CodeMeaning  Head of {}
UID          ReferencedImageEvidenceSequence.StudyInstanceUID  {}
NAME         DimensionIndexSequence.DimensionDescriptionLabel  {}
""",
    "report": """
NAME         VerifyingObserverSequence.VerifyingObserverName  {}^Verifier
INSTITUTION  VerifyingObserverSequence.VerifyingOrganization  {} Org
ID           VerifyingObserverSequence.VerifyingObserverIdentificationCodeSequence.CodeValue  {}
DATE         VerifyingObserverSequence.VerificationDateTime  {}120000
NAME         AuthorObserverSequence.PersonName         {}^Author
INSTITUTION  AuthorObserverSequence.InstitutionName    {}
NAME         ParticipantSequence.PersonName            {}^Participant
INSTITUTION  CustodialOrganizationSequence.InstitutionName  {}
UID          PredecessorDocumentsSequence.StudyInstanceUID  {}
ID           ReferencedRequestSequence.AccessionNumber  {}
NAME         ReferencedRequestSequence.RequestedProcedureDescription  for {}
ID           ReferencedRequestSequence.PlacerOrderNumberImagingServiceRequest  {}
NAME         CompletionFlagDescription                 Signed off by {}
DATE         ContentSequence#1.ObservationDateTime     {}100000
UID          ContentSequence#1.ObservationUID          {}
""",
    "state": """
NAME         ContentCreatorName                        {}^Creator
NAME         ContentDescription                        Marks for {}
ID           ContentCreatorIdentificationCodeSequence.CodeValue  {}
DATE         PresentationCreationDate                  {}
NAME         GraphicAnnotationSequence.TextObjectSequence.UnformattedTextValue  Shown to {}
family       GraphicAnnotationSequence#1.TextObjectSequence.UnformattedTextValue  {}
NAME         GraphicLayerSequence.GraphicLayerDescription  Layer of {}
UID          ReferencedSeriesSequence.ReferencedImageSequence.ReferencedSOPInstanceUID  {}
NAME         GraphicAnnotationSequence.CompoundGraphicSequence.CompoundGraphicType  {}
NAME         GraphicAnnotationSequence.GraphicObjectSequence.TrackingID  {}
""",
    "pdf": """
NAME         DocumentTitle                             Letter to {}
UID          SourceInstanceSequence.ReferencedSOPInstanceUID  {}
""",
    "directory": """
ID           FileSetID                                 {}
NAME         DirectoryRecordSequence.PatientName       {}^Directory
ID           DirectoryRecordSequence.PatientID         {}
NAME         DirectoryRecordSequence#1.StudyDescription  CT for {}
DATE         DirectoryRecordSequence#1.StudyDate       {}
ID           DirectoryRecordSequence#1.AccessionNumber  {}
INSTITUTION  DirectoryRecordSequence#2.InstitutionName  {}
NAME         DirectoryRecordSequence#3.ReferencedFileID  {}
UID          DirectoryRecordSequence#3.ReferencedSOPInstanceUIDInFile  {}
""",
    "ultrasound": """
DEVICE         TransducerIdentificationSequence.DeviceSerialNumber  {}
NAME         EventTimerNames                           {}
NAME         StageName                                 {}
NAME         ViewName                                  {}
""",
    "pet": """
DATE         RadiopharmaceuticalInformationSequence.RadiopharmaceuticalStartDateTime  {}070000
DATE         RadiopharmaceuticalInformationSequence.RadiopharmaceuticalStopDateTime  {}071500
NAME         RadiopharmaceuticalInformationSequence.Radiopharmaceutical  FDG for {}
UID          RadiopharmaceuticalInformationSequence.RadiopharmaceuticalAdministrationEventUID  {}
""",
    "structures": """
NAME         StructureSetLabel                         {}
NAME         StructureSetName                          Plan of {}
NAME         StructureSetDescription                   For {}
NAME         StructureSetROISequence.ROIName           {}
NAME         StructureSetROISequence.ROIDescription    {}
NAME         RTROIObservationsSequence.ROIInterpreter  {}^Interpreter
NAME         RTROIObservationsSequence.ROIObservationDescription  {}
NAME         ReviewerName                              {}^Reviewer
DATE         ReviewDate                                {}
""",
    "plan": """
NAME         RTPlanName                                {}
NAME         RTPlanDescription                         For {}
NAME         PrescriptionDescription                   By {}
DEVICE         BeamSequence.TreatmentMachineName         {}
NAME         BeamSequence.BeamDescription              {}
NAME         PatientSetupSequence.SetupTechniqueDescription  {}
DATE         RTPlanDate                                {}
""",
    "segmentation": """
NAME         ContentCreatorName                        {}^Segmenter
NAME         SegmentSequence.SegmentDescription        Drawn by {}
NAME         SegmentSequence.SegmentAlgorithmName      {} tool
NAME         SegmentSequence.TrackingID                {}
UID          SegmentSequence.TrackingUID               {}
""",
    "ecg": """
NAME         WaveformAnnotationSequence.UnformattedTextValue  Patient {}
NAME         WaveformSequence.MultiplexGroupLabel      {}
NAME         WaveformSequence.ChannelDefinitionSequence.ChannelLabel  {}
NAME         AcquisitionContextSequence.TextValue      {}
""",
    "slide": """
ID           ContainerIdentifier                       {}
ID           SpecimenDescriptionSequence.SpecimenIdentifier  {}
UID          SpecimenDescriptionSequence.SpecimenUID   {}
NAME         SpecimenDescriptionSequence.SpecimenShortDescription  {}
NAME         SpecimenDescriptionSequence.SpecimenDetailedDescription  From {}
NAME         SpecimenDescriptionSequence.SpecimenPreparationSequence.SpecimenPreparationStepContentItemSequence.TextValue  {}
NAME         LabelText                                 {}
ID           BarcodeValue                              {}
NAME         SlideIdentifier                           {}
""",
}


def _rows(table: str) -> tuple[tuple[str, str, str], ...]:
    rows = []
    for line in table.strip().splitlines():
        what, path, template = re.split(r"\s+", line, maxsplit=2)
        rows.append((what, path, template))
    return tuple(rows)


ELEMENTS: dict[str, tuple[tuple[str, str, str], ...]] = {
    name: _rows(table)
    for name, table in {"ct": _CT, "order": _ORDER, "provenance": _PROVENANCE, "known": _KNOWN, **_OTHER}.items()
}
