"""DICOMweb (PS3.18): STOW-RS for those who send, QIDO-RS and WADO-RS for recipients."""
