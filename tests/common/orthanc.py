"""Orthanc as a peer: an archive with DIMSE, DICOMweb and a REST interface of its own."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.common.ports import free_port, is_listening, wait_until

PROGRAM = "/usr/sbin/Orthanc"
DICOM_WEB = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"


@dataclass(frozen=True)
class Orthanc:
    """A running Orthanc; `http` asks its REST interface, whose DICOMweb root is ``/dicom-web``."""

    dicom_port: int
    http_port: int
    ae_title: str
    http: httpx.Client

    def upload(self, file: Path) -> None:
        """Store an instance."""
        self.http.post("/instances", content=file.read_bytes()).raise_for_status()

    def instances(self) -> list[str]:
        """Orthanc's own ids of all its instances."""
        found: list[str] = self.http.get("/instances").raise_for_status().json()
        return found

    def file(self, instance: str) -> bytes:
        """The file of an instance as Orthanc holds it."""
        return self.http.get(f"/instances/{instance}/file").raise_for_status().content


@contextmanager
def run_orthanc(
    folder: Path,
    *,
    ae_title: str = "ORTHANC",
    modalities: Mapping[str, tuple[str, int]] | None = None,
    dicom_web_servers: Mapping[str, str] | None = None,
    **settings: Any,
) -> Iterator[Orthanc]:
    """Run Orthanc with its database in `folder` and end it on leaving.

    `modalities` are the AEs it knows, AE Title -> (host, port): C-MOVE goes to them only. `dicom_web_servers` are
    name -> URL of the servers it may send to by STOW. `settings` are further ones of its configuration.
    """
    folder.mkdir(parents=True, exist_ok=True)
    dicom_port, http_port = free_port(), free_port()
    configuration = {
        "Name": "scanward test",
        "StorageDirectory": str(folder / "db"),
        "IndexDirectory": str(folder / "db"),
        "DicomPort": dicom_port,
        "DicomAet": ae_title,
        "HttpPort": http_port,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomModalities": {name: [name, host, port] for name, (host, port) in (modalities or {}).items()},
        "DicomAlwaysAllowStore": True,
        "DicomAlwaysAllowFind": True,
        "DicomAlwaysAllowMove": True,
        "DicomAlwaysAllowGet": True,
        "UnknownSopClassAccepted": True,
        "Plugins": [DICOM_WEB],
        "DicomWeb": {"Enable": True, "Servers": {name: [url] for name, url in (dicom_web_servers or {}).items()}},
        "HttpsVerifyPeers": False,
        "ConcurrentJobs": 2,
        **settings,
    }
    path = folder / "orthanc.json"
    path.write_text(json.dumps(configuration), encoding="utf-8")
    environment = {**os.environ, "TCP_NODELAY": "1"}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([PROGRAM, str(path)], env=environment, stdout=log, stderr=log)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{http_port}", timeout=30.0, trust_env=False) as http:
            wait_until(
                lambda: process.poll() is not None or (is_listening(http_port) and is_listening(dicom_port)),
                "Orthanc listens",
                seconds=60.0,
            )
            assert process.poll() is None, (folder / "log").read_text(errors="replace")[-2000:]
            yield Orthanc(dicom_port, http_port, ae_title, http)
    finally:
        process.kill()
        process.wait()
