"""Taking instances in: what is DICOM, what is not, and what cannot be understood."""
