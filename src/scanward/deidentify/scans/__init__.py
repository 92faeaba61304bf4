"""Scans of the head that come as volumes, not as DICOM instances."""
