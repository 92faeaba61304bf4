"""Manifests of C2PA on exports, and what pictures declare of their making."""

import datetime as dt
import io
import json
import struct
import sys
import zlib
from dataclasses import replace

import pytest

from scanward.adapters.signatures.c2pa import declaration_of, read_manifest, sign_c2pa, verify_c2pa
from scanward.adapters.signing.certificates import pem_of
from scanward.errors import EngineError, EvidenceError, SigningError
from scanward.model.declaration import AiSource, ManifestState, SignerTrust
from scanward.model.signing import KeyUse
from scanward.seal.signature_faults import SignatureFault
from tests.common.signing import Clock, make_ring, refused

c2pa = pytest.importorskip("c2pa.c2pa", reason="c2pa-python is missing (scanward[evidence])")
Image = pytest.importorskip("PIL.Image")

COMMITMENT = bytes(range(32))
MIMES = {"image/png": "PNG", "image/jpeg": "JPEG"}


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@pytest.fixture(scope="module")
def ring(tmp_path_factory):
    return make_ring(tmp_path_factory.mktemp("ring") / "home", now)


def picture(mime: str = "image/png", grey: int = 77) -> bytes:
    out = io.BytesIO()
    film = Image.linear_gradient("L").resize((200, 120)).point(lambda value: (value + grey) % 256)
    film.save(out, MIMES[mime])
    return out.getvalue()


def sign(ring, mime: str = "image/png", data: bytes | None = None) -> bytes:
    signer = ring.signer(KeyUse.STATEMENTS)
    return sign_c2pa(picture(mime) if data is None else data, mime, signer, commitment=COMMITMENT, version="1")


@pytest.fixture(scope="module")
def signed(ring):
    return {mime: sign(ring, mime) for mime in MIMES}


def verify(data: bytes, ring, mime: str = "image/png", **options):
    return verify_c2pa(data, mime, ring.authorities(), **{"records": ring.records(), **options})


def chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """The chunks of a PNG."""
    found, place = [], 8
    while place < len(data):
        (length,) = struct.unpack(">I", data[place : place + 4])
        found.append((data[place + 4 : place + 8], data[place + 8 : place + 8 + length]))
        place += 12 + length
    return found


def png(parts) -> bytes:
    """A PNG of chunks."""
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in parts
    )


def declared(
    ring, source: str, *, agent: object = "Model", label: str = "c2pa.actions.v2", within: bool = False
) -> bytes:
    """A picture whose manifest says this of its making, signed by somebody."""
    record = ring.signer(KeyUse.STATEMENTS).record
    action = {"action": "c2pa.created", "softwareAgent": agent}
    action |= {"parameters": {"digitalSourceType": source}} if within else {"digitalSourceType": source}
    definition = {
        "claim_generator_info": [{"name": "Generator\u200b\n" + "x" * 200, "version": "1"}],
        "assertions": [{"label": label, "data": {"actions": [action]}}],
    }
    out = io.BytesIO()
    context = c2pa.Context.from_dict({"verify": {"verify_after_sign": False}})
    with (
        c2pa.Signer.from_callback(
            ring.signer(KeyUse.STATEMENTS).sign,
            c2pa.C2paSigningAlg.ES256,
            pem_of(record.certificates[0]).decode(),
            None,
        ) as signer,
        c2pa.Builder(json.dumps(definition), context=context) as builder,
    ):
        builder.sign(signer, "image/png", io.BytesIO(picture()), out)
    return out.getvalue()


@pytest.mark.parametrize("mime", MIMES)
def test_an_export_holds_and_is_bound_to_its_seal(ring, signed, mime):
    found = verify(signed[mime], ring, mime, commitment=COMMITMENT)

    assert found.state is ManifestState.INTACT
    assert found.trust is SignerTrust.TRUSTED
    assert found.generator == "Scanward"
    assert found.declaration is None


@pytest.mark.parametrize("mime", MIMES)
def test_the_picture_stays_as_it_was(signed, mime):
    assert Image.open(io.BytesIO(signed[mime])).tobytes() == Image.open(io.BytesIO(picture(mime))).tobytes()


def test_it_tells_nothing_but_the_commitment(signed):
    context = c2pa.Context.from_dict({"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}})
    with c2pa.Reader("image/png", io.BytesIO(signed["image/png"]), context=context) as reader:
        manifest = json.loads(reader.json())
    active = manifest["manifests"][manifest["active_manifest"]]
    assert {one["label"]: one["data"] for one in active["assertions"]}["org.scanward.seal"] == {
        "commitment": COMMITMENT.hex()
    }
    assert len(active["assertions"]) == 2
    assert "thumbnail" not in active
    assert "ingredients" not in active
    assert not active.get("title")


def test_without_roots_the_signer_is_unknown_and_the_state_told_apart(signed):
    found = read_manifest(signed["image/png"])

    assert found.trust is SignerTrust.UNKNOWN
    assert found.state is ManifestState.INTACT
    assert found.commitment == COMMITMENT


class TestTampered:
    def test_a_stripped_manifest(self, ring, signed):
        parts = [part for part in chunks(signed["image/png"]) if part[0] != b"caBX"]
        assert png(parts) == picture()
        with refused(SignatureFault.C2PA_UNSIGNED):
            verify(png(parts), ring)

    @pytest.mark.parametrize("mime", MIMES)
    def test_a_picture_drawn_anew(self, ring, signed, mime):
        out = io.BytesIO()
        Image.open(io.BytesIO(signed[mime])).save(out, MIMES[mime])
        with refused(SignatureFault.C2PA_UNSIGNED):
            verify(out.getvalue(), ring, mime)

    def test_changed_pixels(self, ring, signed):
        other = dict(chunks(picture(grey=5)))[b"IDAT"]
        parts = [(kind, other if kind == b"IDAT" else body) for kind, body in chunks(signed["image/png"])]
        with refused(SignatureFault.C2PA_CONTENT):
            verify(png(parts), ring)

    def test_the_manifest_of_another_picture(self, ring, signed):
        manifest = next(part for part in chunks(signed["image/png"]) if part[0] == b"caBX")
        first, *others = chunks(picture(grey=5))
        with refused(SignatureFault.C2PA_CONTENT):
            verify(png([first, manifest, *others]), ring)

    def test_changed_bytes_of_jpeg(self, ring, signed):
        data = bytearray(signed["image/jpeg"])
        data[-100] ^= 1
        with refused(SignatureFault.C2PA_CONTENT):
            verify(bytes(data), ring, "image/jpeg")

    def test_a_changed_commitment(self, ring, signed):
        manifest = next(body for kind, body in chunks(signed["image/png"]) if kind == b"caBX")
        text = COMMITMENT.hex().encode()
        assert text in manifest
        changed = manifest.replace(text, text[::-1])
        parts = [(kind, changed if kind == b"caBX" else body) for kind, body in chunks(signed["image/png"])]
        with refused(SignatureFault.C2PA_SIGNATURE):
            verify(png(parts), ring)

    def test_a_changed_signature(self, ring, signed):
        data = signed["image/png"]
        serial = chunks(data)
        manifest = bytearray(next(body for kind, body in serial if kind == b"caBX"))
        place = manifest.rindex(b"c2pa.signature")
        for offset in range(place + 1100, len(manifest) - 1, 97):
            manifest[offset] ^= 0xFF
        parts = [(kind, bytes(manifest) if kind == b"caBX" else body) for kind, body in serial]
        with pytest.raises(EvidenceError) as raised:
            verify(png(parts), ring)
        assert raised.value.fault in {SignatureFault.C2PA_SIGNATURE, SignatureFault.C2PA_FORM}

    def test_the_seal_of_another(self, ring, signed):
        with refused(SignatureFault.C2PA_COMMITMENT):
            verify(signed["image/png"], ring, commitment=bytes(32))

    def test_no_seal_at_all(self, ring):
        with refused(SignatureFault.C2PA_COMMITMENT):
            verify(declared(ring, "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"), ring)

    def test_resealed_by_another(self, ring, tmp_path):
        with refused(SignatureFault.C2PA_UNTRUSTED):
            verify(sign(make_ring(tmp_path / "home", now)), ring)

    def test_an_unknown_key_of_the_same_authority(self, ring, signed):
        with refused(SignatureFault.KEY_UNKNOWN):
            verify(signed["image/png"], ring, records=[])

    def test_a_key_of_another_use(self, ring, signed):
        records = [replace(one, use=KeyUse.DICOM) for one in ring.records()]
        with refused(SignatureFault.KEY_USE):
            verify(signed["image/png"], ring, records=records)

    def test_a_compromised_key(self, ring, signed):
        records = [replace(one, compromised=now()) for one in ring.records()]
        with refused(SignatureFault.KEY_COMPROMISED_UNATTESTED):
            verify(signed["image/png"], ring, records=records)
        assert verify(signed["image/png"], ring, records=records, attested=now() - dt.timedelta(hours=1))
        with refused(SignatureFault.KEY_COMPROMISED):
            verify(signed["image/png"], ring, records=records, attested=now() + dt.timedelta(hours=1))

    def test_no_cut_makes_it_raise_anything_else(self, signed):
        for mime, data in signed.items():
            for length in range(0, len(data), len(data) // 40):
                try:
                    read_manifest(data[:length], mime)
                except EvidenceError as error:
                    assert error.fault is SignatureFault.C2PA_FORM  # noqa: PT017 - either is right


class TestSigning:
    def test_a_picture_with_a_manifest_is_not_signed_over(self, ring, signed):
        with refused(SignatureFault.C2PA_MANIFEST):
            sign(ring, data=signed["image/png"])

    def test_a_key_of_another_use_signs_none(self, ring):
        with refused(SignatureFault.KEY_USE):
            sign_c2pa(picture(), "image/png", ring.signer(KeyUse.DICOM), commitment=COMMITMENT, version="1")

    @pytest.mark.parametrize(("mime", "data"), [("image/gif", b"GIF89a"), ("image/png", b"junk"), ("image/jpeg", b"")])
    def test_what_is_no_such_picture_is_not_signed(self, ring, mime, data):
        with refused(SignatureFault.C2PA_FORM):
            sign(ring, mime, data)

    def test_a_key_that_may_not_sign_is_said_as_such(self, tmp_path):
        clock = Clock(now())
        ring = make_ring(tmp_path / "home", clock)
        signer = ring.signer(KeyUse.STATEMENTS)
        clock.forward(days=4000)
        with pytest.raises(SigningError):
            sign_c2pa(picture(), "image/png", signer, commitment=COMMITMENT, version="1")


class TestDeclaration:
    @pytest.mark.parametrize("source", AiSource)
    def test_each_source_that_means_a_model_is_told(self, ring, source):
        found = declaration_of(declared(ring, f"http://cv.iptc.org/newscodes/digitalsourcetype/{source}"))

        assert found.source is source
        assert found.agent == "Model"
        assert found.state is ManifestState.INTACT
        assert found.trust is SignerTrust.UNKNOWN
        assert found.signer == "Scanward"

    def test_who_is_trusted_is_told_apart(self, ring):
        data = declared(ring, "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia")
        assert declaration_of(data, roots=ring.authorities()).trust is SignerTrust.TRUSTED

    def test_older_manifests_have_it_among_parameters(self, ring):
        source = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
        data = declared(ring, source, label="c2pa.actions", within=True, agent={"name": "Model 2"})
        found = declaration_of(data)
        assert found.source is AiSource.TRAINED
        assert found.agent == "Model 2"

    @pytest.mark.parametrize("source", ["digitalCapture", "computationalCapture", "algorithmicMedia", "humanEdits"])
    def test_other_sources_declare_nothing(self, ring, source):
        assert declaration_of(declared(ring, f"http://cv.iptc.org/newscodes/digitalsourcetype/{source}")) is None

    def test_names_are_short_and_on_one_line(self, ring):
        found = declaration_of(declared(ring, "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"))
        assert len(found.generator) <= 100
        assert found.generator.isprintable()

    @pytest.mark.parametrize("data", [b"", b"junk", picture(), picture("image/jpeg"), b"\0" * 128 + b"DICM"])
    def test_what_has_no_manifest_declares_nothing(self, data):
        assert declaration_of(data) is None

    def test_a_missing_library_is_said(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "c2pa.c2pa", None)
        with pytest.raises(EngineError) as raised:
            declaration_of(b"")
        assert "evidence" in raised.value.remedy
