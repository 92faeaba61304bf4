"""Makes the registry of UIDs of PS3.6 Annex A."""

from sources import Sources, read_assignments, write_json

ROOT = "1.2.840.10008."

# Registered after the edition of the dictionary: PS3.6 2025a, Annex A.
_NEWER = {
    "1.2.840.10008.1.2.4.110": "JPEG XL Lossless",
    "1.2.840.10008.1.2.4.111": "JPEG XL JPEG Recompression",
    "1.2.840.10008.1.2.4.112": "JPEG XL",
    "1.2.840.10008.1.2.8.1": "Deflated Image Frame Compression",
    "1.2.840.10008.5.1.4.1.1.9.100.1": "Waveform Presentation State Storage",
    "1.2.840.10008.5.1.4.1.1.9.100.2": "Waveform Acquisition Presentation State Storage",
    "1.2.840.10008.5.1.4.1.1.66.7": "Label Map Segmentation Storage",
    "1.2.840.10008.5.1.4.1.1.66.8": "Height Map Segmentation Storage",
}


def make(sources: Sources) -> None:
    """Write ``uids.json``: UID without DICOM's root -> name."""
    edition = read_assignments(sources.pydicom / "_version.py")["__dicom_version__"]
    dictionary = read_assignments(sources.pydicom / "_uid_dict.py")["UID_dictionary"]
    registry = {uid: row[0] for uid, row in dictionary.items()}
    if strangers := [uid for uid in registry if not uid.startswith(ROOT)]:
        raise ValueError(f"UIDs outside DICOM's root: {strangers}")
    names = {uid.removeprefix(ROOT): name for uid, name in sorted((_NEWER | registry).items())}
    write_json(sources.data / "uids.json", {"edition": edition, "names": names})
