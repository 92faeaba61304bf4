"""What stands in for an encapsulated document that is removed: valid, the same each time, and saying nothing."""

_NOTICE = "Document removed by de-identification"

_CDA = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<ClinicalDocument xmlns="urn:hl7-org:v3">\n'
    '  <realmCode nullFlavor="NI"/>\n'
    '  <typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>\n'
    '  <id nullFlavor="MSK"/>\n'
    '  <code code="34133-9" codeSystem="2.16.840.1.113883.6.1"/>\n'
    f"  <title>{_NOTICE}</title>\n"
    '  <effectiveTime nullFlavor="MSK"/>\n'
    '  <confidentialityCode code="N" codeSystem="2.16.840.1.113883.5.25"/>\n'
    '  <recordTarget><patientRole><id nullFlavor="MSK"/></patientRole></recordTarget>\n'
    '  <author><time nullFlavor="MSK"/><assignedAuthor><id nullFlavor="MSK"/></assignedAuthor></author>\n'
    "  <custodian><assignedCustodian><representedCustodianOrganization>"
    '<id nullFlavor="MSK"/></representedCustodianOrganization></assignedCustodian></custodian>\n'
    f"  <component><nonXMLBody><text>{_NOTICE}</text></nonXMLBody></component>\n"
    "</ClinicalDocument>\n"
)


def blank_pdf() -> bytes:
    """Give a PDF 1.4 (ISO 32000) of one page that says that the document was removed."""
    text = f"BT /F1 18 Tf 72 720 Td ({_NOTICE}) Tj ET"
    fonts = "/Resources << /Font << /F1 5 0 R >> >>"
    objects = (
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R {fonts} >>",
        f"<< /Length {len(text)} >>\nstream\n{text}\nendstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    )
    data = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"
    table = "0000000000 65535 f \n"
    for number, body in enumerate(objects, 1):
        table += f"{len(data):010d} 00000 n \n"
        data += f"{number} 0 obj\n{body}\nendobj\n".encode("ascii")
    size = len(objects) + 1
    end = f"xref\n0 {size}\n{table}trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{len(data)}\n%%EOF\n"
    return _even(data + end.encode("ascii"), b"\n")


def blank_document(mime_type: str) -> bytes | None:
    """Give what stands in for a document of a type that DICOM encapsulates (PS3.3 C.24.2, MIME Type of (0042,0012)).

    Parameters
    ----------
    mime_type
        MIME Type of Encapsulated Document; case and parameters do not matter.

    Returns
    -------
    bytes or None
        A valid document of even length; None for a type that is not known.
    """
    kind = mime_type.partition(";")[0].strip(" \x00").lower()
    if kind == "application/pdf":
        return blank_pdf()
    if kind in {"text/xml", "application/xml", "application/hl7-cda+xml"}:
        return _even(_CDA.encode("ascii"), b"\n")
    if kind in {"model/stl", "model/x.stl-binary", "application/sla", "application/vnd.ms-pki.stl"}:
        return bytes(84)  # a binary STL: 80 bytes of header and a count of 0 triangles
    if kind in {"model/obj", "model/mtl", "text/plain"}:
        return _even(f"# {_NOTICE}\n".encode("ascii"), b"\n")
    return None


def _even(data: bytes, padding: bytes) -> bytes:
    return data + padding * (len(data) % 2)
