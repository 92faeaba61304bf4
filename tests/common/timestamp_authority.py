"""A timestamp authority on this machine: `openssl ts -reply` behind HTTP (RFC 3161)."""

import datetime as dt
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CONFIGURATION = """
[tsa]
default_tsa = one
[one]
serial = {folder}/serial
signer_digest = sha256
digests = sha256, sha512
default_policy = 1.3.6.1.4.1.99999.1
other_policies = 1.3.6.1.4.1.99999.2
ess_cert_id_alg = sha256
"""


class TimestampMachine:
    """An authority whose root, key and certificate lie in `folder`.

    `days` says from when to when its certificate is valid, from now.
    """

    def __init__(
        self,
        folder: Path,
        *,
        days: tuple[int, int] = (-30, 30),
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        root_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Time root")])
        root = (
            _builder(root_name, root_name, root_key, (-400, 400))
            .serial_number(x509.random_serial_number())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(root_key, hashes.SHA256())
        )
        self._root_key, self._key, self._root_name, self._days = root_key, key, root_name, days
        certificate = self._certify((ExtendedKeyUsageOID.TIME_STAMPING,), critical=True)
        self.root = root.public_bytes(serialization.Encoding.DER)
        (folder / "root.pem").write_bytes(root.public_bytes(serialization.Encoding.PEM))
        (folder / "tsa.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        (folder / "tsa.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        (folder / "serial").write_text("01\n")
        (folder / "tsa.cnf").write_text(CONFIGURATION.format(folder=folder))

    def _certify(self, usages: Sequence[x509.ObjectIdentifier], *, critical: bool) -> x509.Certificate:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Time")])
        return (
            _builder(name, self._root_name, self._key, self._days)
            .serial_number(4711)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=critical)
            .sign(self._root_key, hashes.SHA256())
        )

    def other_certificate(self, usages: Sequence[x509.ObjectIdentifier], *, critical: bool) -> bytes:
        """A certificate (DER) of the same key, name and number, which openssl would make no token with."""
        return self._certify(usages, critical=critical).public_bytes(serialization.Encoding.DER)

    def reply(self, query: bytes) -> bytes:
        """Return what the authority answers to a query, both DER."""
        (self.folder / "query.tsq").write_bytes(query)
        command = ["openssl", "ts", "-reply", "-config", "tsa.cnf", "-section", "one", "-queryfile", "query.tsq"]
        command += ["-signer", "tsa.pem", "-inkey", "tsa.key", "-out", "reply.tsr"]
        subprocess.run(command, cwd=self.folder, check=True, capture_output=True)
        return (self.folder / "reply.tsr").read_bytes()


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: tuple[int, int]
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .not_valid_before(now + dt.timedelta(days=days[0]))
        .not_valid_after(now + dt.timedelta(days=days[1]))
    )


@contextmanager
def serve(reply: Callable[[bytes], bytes], status: int = 200) -> Iterator[str]:
    """Answer queries over HTTP on the loopback interface, and give the URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            answer = reply(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args: object) -> None:
            """Nothing: tests read no log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
