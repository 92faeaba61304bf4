"""What signing costs: statements against the bare signature, DICOM signatures against SHA-256; AI declarations told."""

import csv
import datetime as dt
import hashlib
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

from benchmarks.table import format_table

NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
REPEATS = 200
FEW = 5


def median_of(work: Callable[[], object], repeats: int) -> float:
    """Return the median time of a call in microseconds."""
    times = []
    for _ in range(repeats):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return sorted(times)[len(times) // 2] * 1e6


def measure_statements(folder: Path, rounds: int) -> list[tuple[str, float, float]]:
    """Return what statements cost, and how often that is the bare P-256 signature or check."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256

    from scanward.adapters.signing.cms import sign_cms, verify_cms
    from scanward.adapters.signing.folder import KeyRingFolder
    from scanward.model.custody import NO_STATEMENT, CustodyEvent, Statement
    from scanward.model.signing import KeyUse
    from scanward.seal.statement import entry_of, sign_statement, verify_statement

    ring = KeyRingFolder(folder / "home", lambda: NOW)
    signer = ring.signer(KeyUse.STATEMENTS)
    statement = Statement(
        object_id="0" * 32,
        number=0,
        previous=NO_STATEMENT,
        event=CustodyEvent.SEALED,
        at=NOW,
        actor="gateway",
        facts={"seal": "0" * 64, "instances": 1},
    )
    signed = sign_statement(statement, signer, bytes(32))
    records = ring.records()
    bare = ec.generate_private_key(ec.SECP256R1())
    signature = bare.sign(signed.body, ec.ECDSA(SHA256()))
    sign_limit = median_of(lambda: bare.sign(signed.body, ec.ECDSA(SHA256())), rounds)
    public = bare.public_key()
    verify_limit = median_of(lambda: public.verify(signature, signed.body, ec.ECDSA(SHA256())), rounds)
    cms = sign_cms(signed.body, signer, NOW)
    rows = [
        ("sign a statement", median_of(lambda: sign_statement(statement, signer, bytes(32)), rounds), sign_limit),
        ("verify a statement", median_of(lambda: verify_statement(signed, records, now=NOW), rounds), verify_limit),
        ("entry for the log", median_of(lambda: entry_of(signed), rounds), sign_limit),
        ("sign CMS", median_of(lambda: sign_cms(signed.body, signer, NOW), rounds), sign_limit),
        ("verify CMS", median_of(lambda: verify_cms(cms, signed.body, ring.authorities()), rounds), verify_limit),
    ]
    return [(name, micros, micros / limit) for name, micros, limit in rows]


def measure_dicom(folder: Path) -> list[tuple[str, float, float]]:
    """Return what signatures in DICOM files cost, and how often that is SHA-256 of the file."""
    import pydicom
    from pydicom.data import get_testdata_file

    from scanward.adapters.signatures.dicom import sign_dicom, verify_dicom
    from scanward.adapters.signing.folder import KeyRingFolder
    from scanward.model.signing import KeyUse

    ring = KeyRingFolder(folder / "dicom", lambda: NOW)
    signer = ring.signer(KeyUse.DICOM)
    rows = []
    for side in (512, 3000):
        ds = pydicom.dcmread(str(get_testdata_file("CT_small.dcm", download=False)))
        ds.Rows = ds.Columns = side
        ds.PixelData = bytes(2 * side * side)
        out = BytesIO()
        ds.save_as(out)
        data = out.getvalue()
        signed = sign_dicom(data, signer, NOW)
        limit = median_of(lambda data=data: hashlib.sha256(data).digest(), FEW)
        signing = median_of(lambda data=data: sign_dicom(data, signer, NOW), FEW)
        verifying = median_of(lambda signed=signed: verify_dicom(signed, ring.authorities(), now=NOW), FEW)
        rows.append((f"sign {side} x {side}", signing, signing / limit))
        rows.append((f"verify {side} x {side}", verifying, verifying / limit))
    return rows


def count_declarations(data: Path) -> dict[str, str]:
    """Return of how many films of the public set, made by a model or real, the manifest declares a model."""
    from scanward.adapters.signatures.c2pa import declaration_of

    counts: Counter[tuple[bool, bool]] = Counter()
    with (data / "inventory.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if "DeepFakeXRay" in row["file"]:
                declared = declaration_of((data / row["file"]).read_bytes()) is not None
                counts[row["note"].startswith("AI-generated"), declared] += 1
    told = {True: "films of a model that declare it", False: "real films that declare it"}
    return {told[kind]: f"{counts[kind, True]} of {counts[kind, True] + counts[kind, False]}" for kind in (True, False)}


def run(data: Path | None, *, quick: bool = False) -> dict[str, object]:
    """Measure all of it, print tables, and return plain values; `quick` with a tenth of the rounds."""
    rounds = REPEATS // 10 if quick else REPEATS
    with tempfile.TemporaryDirectory() as folder:
        statements = measure_statements(Path(folder), rounds)
        dicom = measure_dicom(Path(folder))
    print(format_table(("", "µs", "x bare P-256"), [(name, f"{a:,.0f}", f"{b:.2f}") for name, a, b in statements]))
    print(format_table(("", "µs", "x SHA-256"), [(name, f"{a:,.0f}", f"{b:.2f}") for name, a, b in dicom]))
    declarations = count_declarations(data) if data is not None else {}
    for name, count in declarations.items():
        print(f"{name}: {count}")
    return {
        "statements": {name: {"microseconds": a, "ratio": b} for name, a, b in statements},
        "dicom": {name: {"microseconds": a, "ratio": b} for name, a, b in dicom},
        "declarations": declarations,
    }
