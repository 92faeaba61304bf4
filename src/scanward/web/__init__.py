"""The HTTP door: DICOMweb, JSON API and staff page; thin faces that do not lean on each other."""
