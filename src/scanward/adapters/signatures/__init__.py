"""Signatures inside files: those of PS3.15 in DICOM, and manifests of C2PA in pictures."""
