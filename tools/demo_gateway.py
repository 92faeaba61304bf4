"""The second part of ``make demo``: studies through the gateway to a receiving DICOM node, and its results back.

Starts `scanward serve` on a home folder of its own, an AI that receives and answers, and an archive that gets the
answers; all on this machine, with pynetdicom as the other side. The gateway goes on running for a while, so that its
staff page can be looked at.
"""

import copy
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid
from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, AllStoragePresentationContexts, evt
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
HOME = ROOT / "build" / "demo" / "gateway"
PID_FILE = ROOT / "build" / "demo-gateway.pid"
LIFETIME_SECONDS = 3600
"""The gateway of a demo ends by itself after this."""

PATIENCE_SECONDS = 120
BASIC_TEXT_SR = "1.2.840.10008.5.1.4.1.1.88.11"
SUCCESS = 0x0000
NOT_AS_SEALED = 3
"""Exit code of `scanward verify`."""

SETTINGS = """\
quiet_seconds = 1
min_free_bytes = 0
[dimse]
port = 0
[[dimse.peers]]
name = "archive"
ae_title = "PACS"
[[dimse.peers]]
name = "lung AI"
ae_title = "LUNGAI"
recipient = "lung-ai"
[http]
port = 0
[archive]
host = "127.0.0.1"
port = {archive_port}
ae_title = "PACS"
"""

RECIPIENT = """\
id = "{recipient_id}"
name = "{name}"
address = "1 Harbour Street, Dublin, Ireland"
purpose = "{purpose}"
allowed_regions = ["IE"]
basis = "{basis}"

[endpoint]
kind = "dimse"
host = "127.0.0.1"
port = {port}
called_ae = "LUNGAI"

[agreement]
purposes = ["{purpose}"]
region = "IE"
starts = {year}-01-01
ends = {later}-12-31
retention_days = 30
profile = "ai-inference"
human_approval = {approval}

[agreement.data]
modalities = ["CT", "MR", "PT"]

[agreement.results]
sop_classes = ["{sr}"]
"""


RECIPIENTS = (
    ("lung-ai", "Lung AI Ltd", "TREAT", "treatment", "false"),
    ("train-ai", "Big Model Inc", "MLTRAINING", "research", "false"),
    ("second-reader", "Second Reader GmbH", "TREAT", "treatment", "true"),
)
"""Id, name, purpose, basis, and whether a person has to approve."""

AT_REST = {
    "done": "each instance sent, or held with the reason",
    "denied": "the staff page says why",
    "awaiting approval": "on the staff page",
}


class Node:
    """A DICOM node: keeps what it gets."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.received: list[Dataset] = []
        self._ae = AE(ae_title=title)
        for context in AllStoragePresentationContexts:
            if context.abstract_syntax is not None:
                self._ae.add_supported_context(context.abstract_syntax, ALL_TRANSFER_SYNTAXES)
        server = self._ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, self._keep)])
        if server is None:
            raise SystemExit(f"the node {title} does not listen")
        self._server = server
        self.port: int = server.server_address[1]

    def _keep(self, event: Any) -> int:
        ds = event.dataset
        ds.file_meta = event.file_meta
        self.received.append(ds)
        return SUCCESS

    def stop(self) -> None:
        """Stop listening."""
        self._server.shutdown()


def send(data_sets: Iterable[Dataset], *, title: str, port: int) -> int:
    """Send instances to the gateway as the application `title`; return how many it took."""
    taken = 0
    for ds in data_sets:
        ae = AE(ae_title=title)
        ae.add_requested_context(ds.SOPClassUID, ds.file_meta.TransferSyntaxUID)
        association = ae.associate("127.0.0.1", port, ae_title="SCANWARD")
        if not association.is_established:
            raise SystemExit("the gateway does not answer")
        status = association.send_c_store(ds)
        association.release()
        taken += bool(status) and status.Status == SUCCESS
    return taken


def make_report(image: Dataset) -> Dataset:
    """Make what the AI answers: a structured report that refers to the image it got."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = UID(BASIC_TEXT_SR)
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    for keyword in ("PatientID", "PatientName", "StudyInstanceUID", "StudyDate", "StudyTime", "AccessionNumber"):
        setattr(ds, keyword, image.get(keyword, ""))
    now = datetime.now(UTC)
    ds.PatientBirthDate, ds.PatientSex, ds.ReferringPhysicianName, ds.StudyID = "", "", "", ""
    ds.SeriesInstanceUID, ds.Modality, ds.SeriesNumber, ds.InstanceNumber = generate_uid(), "SR", 900, 1
    ds.Manufacturer, ds.ContentDate, ds.ContentTime = "Lung AI Ltd", f"{now:%Y%m%d}", f"{now:%H%M%S}"
    ds.CompletionFlag, ds.VerificationFlag, ds.ValueType, ds.ContinuityOfContent = (
        "COMPLETE", "UNVERIFIED", "CONTAINER", "SEPARATE"
    )  # fmt: skip
    ds.ConceptNameCodeSequence = Sequence([_code("18748-4", "LN", "Diagnostic imaging report")])
    text, picture, reference = Dataset(), Dataset(), Dataset()
    text.RelationshipType, text.ValueType, text.TextValue = (
        "CONTAINS",
        "TEXT",
        "Nodule of 7 mm in the right upper lobe.",
    )
    text.ConceptNameCodeSequence = Sequence([_code("121071", "DCM", "Finding")])
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = image.SOPClassUID, image.SOPInstanceUID
    picture.RelationshipType, picture.ValueType = "CONTAINS", "IMAGE"
    picture.ReferencedSOPSequence = Sequence([reference])
    ds.ContentSequence = Sequence([text, picture])
    ds.ReferencedPerformedProcedureStepSequence, ds.PerformedProcedureCodeSequence = Sequence(), Sequence()
    return ds


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def scanward(*words: str, may_end_with: int = 0) -> str:
    """Run a command of Scanward on the demo's home folder; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "scanward", *words, "--home", str(HOME)],
        check=False, capture_output=True, text=True, cwd=ROOT, env=_environment(),
    )  # fmt: skip
    if done.returncode not in {0, may_end_with}:
        raise SystemExit(f"scanward {words[0]} ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])}


def stop_earlier() -> None:
    """End the gateway of an earlier demo, if it still runs."""
    try:
        pid = int(PID_FILE.read_text())
        if b"scanward" in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.killpg(pid, signal.SIGTERM)
            wait_for(lambda: not Path(f"/proc/{pid}").exists(), "the earlier gateway to end", seconds=30)
    except (OSError, ValueError):
        return
    finally:
        PID_FILE.unlink(missing_ok=True)


def start_gateway() -> tuple[subprocess.Popen[bytes], dict[str, Any]]:
    """Start `scanward serve`; return its process and where it listens."""
    command = [sys.executable, "-m", "scanward", "serve", "--home", str(HOME)]
    with (HOME / "serve.log").open("wb") as log:
        process = subprocess.Popen(
            ["timeout", str(LIFETIME_SECONDS), *command],
            cwd=ROOT, env=_environment(), stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    PID_FILE.write_text(str(process.pid))
    running = HOME / "serve.json"
    wait_for(lambda: running.exists() or process.poll() is not None, "the gateway to listen")
    if process.poll() is not None:
        raise SystemExit(f"the gateway did not start: see {HOME / 'serve.log'}")
    return process, json.loads(running.read_text("utf-8"))


def wait_for(is_so: Any, what: str, *, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until something is so; give up with a word on what did not come."""
    until = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > until:
            raise SystemExit(f"waited {seconds:.0f} s in vain for {what}; see {HOME / 'serve.log'}")
        time.sleep(0.1)


def run(samples: list[Dataset], console: Console) -> None:
    """Run the gateway's part of the demo on sample instances of three patients."""
    HOME.mkdir(parents=True, mode=0o700)
    archive, ai = Node("PACS"), Node("LUNGAI")
    try:
        _set_up(archive, ai)
        _, running = start_gateway()
        port = int(running["dicom_port"])
        console.print(f"[bold]scanward serve[/] listens for DICOM on {port} and for HTTP on {running['http_port']}.\n")
        taken = send(samples, title="PACS", port=port)
        console.print(f"{taken:6d} of {len(samples)} instances taken in from the archive, each durable before success")
        studies = len({ds.StudyInstanceUID for ds in samples})
        with _open_api(running) as api:
            wait_for(lambda: _is_at_rest(api, studies), "the AI to receive what was agreed")
            answer(ai, archive, port, console)
            _print_rows(ai, archive, samples, console)
            _print_releases(api, console)
            verify_copies(samples, ai, console)
    finally:
        threading.Thread(target=ai.stop, daemon=True).start()
        threading.Thread(target=archive.stop, daemon=True).start()
    link = scanward("token", "--login", "--role", "privacy-officer", "--subject", "demo").strip()
    console.print("\nThe staff page is open for an hour; this link signs you in once, within ten minutes:\n")
    console.print(f"  {link}", style="bold", soft_wrap=True)
    words = f"scanward token --login --role privacy-officer --subject you --home {HOME.relative_to(ROOT)}"
    console.print(f"\n  a new link   .venv/bin/{words}", soft_wrap=True)
    console.print(f"  stop it      kill {PID_FILE.read_text()}", soft_wrap=True)


def _set_up(archive: Node, ai: Node) -> None:
    (HOME / "scanward.toml").write_text(SETTINGS.format(archive_port=archive.port), "utf-8")
    scanward("init")
    year = datetime.now(UTC).year
    for recipient_id, name, purpose, basis, approval in RECIPIENTS:
        document = HOME / f"{recipient_id}.toml"
        document.write_text(
            RECIPIENT.format(
                recipient_id=recipient_id, name=name, purpose=purpose, basis=basis, port=ai.port, approval=approval,
                year=year, later=year + 1, sr=BASIC_TEXT_SR,
            ),
            "utf-8",
        )  # fmt: skip
        scanward("recipient", "add", str(document))


def answer(ai: Node, archive: Node, port: int, console: Console) -> None:
    """Have the AI answer on one image of each study, and wait until the archive has the answers."""
    console.print(f"{len(ai.received):6d} de-identified instances received by the AI; no name, no ID, no original UID")
    first = {ds.StudyInstanceUID: ds for ds in ai.received}
    sent = send([make_report(ds) for ds in first.values()], title="LUNGAI", port=port)
    wait_for(lambda: len(archive.received) >= sent, "the results to reach the archive")
    console.print(f"{sent:6d} reports sent back by the AI, {len(archive.received)} of them in the archive")


def verify_copies(samples: list[Dataset], ai: Node, console: Console) -> None:
    """Verify an original, what the AI got of it, and a copy in which one pixel was changed, against their seals."""
    original = next(ds for ds in samples if ds.Modality == "CT")
    wait_for(lambda: _is_sealed(original.SOPInstanceUID), "the scans to be sealed and in the log")
    altered = copy.deepcopy(original)
    octets = bytearray(original.PixelData)
    octets[len(octets) // 2] ^= 4
    altered.PixelData = bytes(octets)
    folder = HOME.parent / "copies"
    folder.mkdir()
    copies = {
        "the original": original,
        "what the AI got of it": next(ds for ds in ai.received if ds.Modality == "CT"),
        "a copy with one pixel changed": altered,
    }
    console.print()
    for number, (what, ds) in enumerate(copies.items()):
        path = folder / f"{number}.dcm"
        ds.save_as(path, enforce_file_format=True)
        verdict = json.loads(scanward("verify", str(path), "--out", str(folder), "--json", may_end_with=NOT_AS_SEALED))
        where = f", see {Path(verdict['pictures'][0]).relative_to(ROOT)}" if verdict["pictures"] else ""
        console.print(f"       {what}: [bold]{verdict['outcome']}[/]{where}", soft_wrap=True)


def _is_sealed(uid: str) -> bool:
    report = json.loads(scanward("custody", uid, "--json", may_end_with=1) or "{}")
    places = [one["log_index"] for chain in report.get("objects", ()) for one in chain["statements"]]
    return bool(places) and None not in places


def _print_rows(ai: Node, archive: Node, samples: list[Dataset], console: Console) -> None:
    result = archive.received[0]
    original = next(ds for ds in samples if ds.StudyInstanceUID == result.StudyInstanceUID)
    references = [
        item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        for item in result.ContentSequence
        if "ReferencedSOPSequence" in item
    ]
    seen = next(ds for ds in ai.received if ds.Modality == original.Modality)
    table = Table(box=None, pad_edge=False, header_style="bold", expand=True)
    for head in ("", "in the archive", "at the AI", "its report, back in the archive"):
        table.add_column(head, overflow="fold")
    for keyword in ("PatientName", "PatientID", "StudyInstanceUID", "AccessionNumber", "SeriesDescription"):
        table.add_row(keyword, str(original.get(keyword, "")), str(seen.get(keyword, "")), str(result.get(keyword, "")))
    known = {ds.SOPInstanceUID for ds in samples}
    table.add_row("refers to", "", "", "the original image" if set(references) <= known else "something unknown")
    console.print()
    console.print(table)


def _open_api(running: dict[str, Any]) -> httpx.Client:
    token = scanward("token", "--role", "privacy-officer", "--subject", "demo", "--hours", "1").strip()
    return httpx.Client(
        base_url=f"http://127.0.0.1:{running['http_port']}/api/v1",
        headers={"Authorization": f"Bearer {token}"},
        trust_env=False,
    )


def _releases(api: httpx.Client) -> list[dict[str, Any]]:
    releases: list[dict[str, Any]] = api.get("/releases", params={"limit": 100}).raise_for_status().json()
    return releases


def _is_at_rest(api: httpx.Client, studies: int) -> bool:
    releases = _releases(api)
    return len(releases) == studies * len(RECIPIENTS) and all(one["state"] in AT_REST for one in releases)


def _print_releases(api: httpx.Client, console: Console) -> None:
    counts = Counter((one["recipient"], one["state"]) for one in _releases(api))
    console.print()
    for (recipient, state), count in sorted(counts.items()):
        console.print(f"{count:6d} studies for {recipient}: {state}, {AT_REST[state]}")
