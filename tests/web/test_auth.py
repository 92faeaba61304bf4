"""Tokens: whose are taken, and whose never."""

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from datetime import timedelta

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, OKPKey, RSAKey
from structlog.testing import capture_logs

from scanward.config import HttpSettings, OidcSettings
from scanward.errors import AccessError, ConfigError, NetworkError
from scanward.web.auth import AUDIENCE_LOGIN, JwksSource, TokenReader, issue_token
from scanward.web.roles import ALLOWED, Operation, Role, is_allowed
from tests.common.desk import NOW
from tests.web.conftest import TOKEN_KEY, Client, make_world

ISSUER = "https://id.hospital.example"
KEYS = {
    "RS256": RSAKey.generate_key(2048, {"kid": "rsa"}),
    "ES256": ECKey.generate_key("P-256", {"kid": "ec"}),
    "Ed25519": OKPKey.generate_key("Ed25519", {"kid": "ed"}),
}


def b64(content: object) -> str:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@pytest.fixture
def oidc(tmp_path):
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps(KeySet(list(KEYS.values())).as_dict(private=False)))
    return OidcSettings(issuer=ISSUER, audience="scanward-gw", jwks_file=str(path), roles_claim="realm_access.roles")


@pytest.fixture
def reader(oidc):
    return TokenReader(TOKEN_KEY, oidc, lambda: NOW, lambda: 0.0)


def claims(**changes) -> dict:
    now = int(NOW.timestamp())
    return {
        "iss": ISSUER,
        "aud": ["account", "scanward-gw"],
        "sub": "u-1",
        "exp": now + 60,
        "iat": now,
        "realm_access": {"roles": ["auditor", "offline_access"]},
        **changes,
    }


def foreign(alg="RS256", key=None, **changes) -> str:
    key = key or KEYS[alg]
    return jwt.encode({"alg": alg, "kid": key.kid}, claims(**changes), key, algorithms=[alg])


@pytest.mark.parametrize("alg", KEYS)
def test_a_token_of_the_issuer_is_taken(reader, alg):
    principal = reader.read(foreign(alg))
    assert principal.subject == "u-1"
    assert principal.roles == {Role.AUDITOR}


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://elsewhere.example"},
        {"aud": "another"},
        {"aud": None},
        {"exp": int(NOW.timestamp()) - 61},
        {"exp": None},
        {"exp": "tomorrow"},
        {"nbf": int(NOW.timestamp()) + 120},
        {"sub": None},
        {"sub": 7},
    ],
    ids=lambda changes: f"{changes}"[:40],
)
def test_a_token_for_something_else_is_refused(reader, changes):
    with pytest.raises(AccessError):
        reader.read(foreign(**changes))


def test_a_minute_of_clock_skew_is_borne(reader):
    assert reader.read(foreign(exp=int(NOW.timestamp()) - 30)).subject == "u-1"


def test_a_signature_of_another_key_is_refused(reader):
    other = RSAKey.generate_key(2048, {"kid": "rsa"})
    with pytest.raises(AccessError):
        reader.read(foreign(key=other))


@pytest.mark.parametrize("alg", ["none", "None", "HS256"])
def test_no_signature_and_public_keys_as_secrets_are_refused(reader, alg):
    secret = KEYS["RS256"].as_pem(private=False)
    signed = f"{b64({'alg': alg, 'kid': 'rsa'})}.{b64(claims())}"
    signature = b"" if alg.lower() == "none" else hmac.new(secret, signed.encode(), hashlib.sha256).digest()
    with pytest.raises(AccessError):
        reader.read(f"{signed}.{b64(signature)}")


def test_a_local_token_signed_by_the_issuer_is_refused(reader):
    with pytest.raises(AccessError):
        reader.read(foreign(iss="urn:scanward:local", aud="scanward", roles=["privacy-officer"]))


def test_a_key_that_the_token_brings_along_is_not_taken(reader):
    mine = RSAKey.generate_key(2048)
    header = {"alg": "RS256", "jwk": mine.as_dict(private=False), "jku": "https://evil.example/jwks"}
    with pytest.raises(AccessError):
        reader.read(jwt.encode(header, claims(), mine, algorithms=["RS256"]))


@pytest.mark.parametrize("token", ["", ".", "..", "a.b.c", "é.é.é", "x" * 20_000, b64({}) * 3, f"{b64([])}.{b64([])}."])
def test_what_is_no_token_is_refused(reader, token):
    with pytest.raises(AccessError):
        reader.read(token)


def test_local_tokens_come_back_as_issued(reader):
    issued = issue_token(TOKEN_KEY, "vendor", [Role.RECIPIENT], "acme-ai", timedelta(hours=1), now=NOW)
    principal = reader.read(issued)
    assert (principal.subject, principal.roles, principal.recipient) == ("vendor", {Role.RECIPIENT}, "acme-ai")
    for token, audience in ((issued, AUDIENCE_LOGIN), (issued[:-3] + "AAA", "scanward")):
        with pytest.raises(AccessError):
            reader.read(token, audience)


def test_a_token_of_another_gateway_is_refused(reader):
    with pytest.raises(AccessError):
        reader.read(issue_token(b"o" * 32, "x", [Role.AUDITOR], "", timedelta(hours=1), now=NOW))


@pytest.mark.parametrize(
    ("roles", "recipient", "lifetime"),
    [
        ([], "", timedelta(1)),
        ([Role.RECIPIENT], "", timedelta(1)),
        ([Role.AUDITOR], "acme", timedelta(1)),
        ([Role.RECIPIENT], "../acme", timedelta(1)),
        ([Role.AUDITOR], "", timedelta(0)),
        ([Role.AUDITOR], "", timedelta(400)),
    ],
)
def test_worthless_tokens_are_not_issued(roles, recipient, lifetime):
    with pytest.raises(AccessError):
        issue_token(TOKEN_KEY, "x", roles, recipient, lifetime)


def test_a_recipient_without_its_name_has_no_role(reader):
    principal = reader.read(foreign(realm_access={"roles": ["recipient"]}))
    assert principal.roles == set()
    principal = reader.read(foreign(realm_access={"roles": ["recipient"]}, recipient="acme-ai"))
    assert principal.recipient == "acme-ai"
    principal = reader.read(foreign(recipient="acme-ai"))
    assert principal.recipient == ""


def test_keys_are_read_again_for_a_new_key_but_not_for_every_token(oidc, tmp_path):
    seconds = [0.0]
    source = JwksSource(oidc, lambda: seconds[0])
    assert {key.kid for key in source.keys("rsa").keys} == {"rsa", "ec", "ed"}
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps({"keys": [ECKey.generate_key("P-256", {"kid": "new"}).as_dict(private=False)]}))
    seconds[0] = 30.0
    assert len(source.keys("new").keys) == 3
    seconds[0] = 61.0
    assert [key.kid for key in source.keys("new").keys] == ["new"]


def test_keys_that_cannot_be_had_are_no_fault_of_the_token(oidc, tmp_path):
    (tmp_path / "jwks.json").write_text("no keys")
    with pytest.raises(NetworkError):
        JwksSource(oidc, lambda: 0.0).keys("rsa")
    (tmp_path / "jwks.json").unlink()
    with pytest.raises(NetworkError):
        JwksSource(oidc, lambda: 0.0).keys("rsa")


@pytest.mark.parametrize("url", ["http://id.hospital.example/jwks", "http://localhost.evil.example/", "file:///x"])
def test_keys_are_fetched_from_where_nobody_can_change_them(oidc, url):
    with pytest.raises(ConfigError):
        JwksSource(replace(oidc, jwks_file="", jwks_url=url), lambda: 0.0)


# Through the door


def test_every_route_refuses_without_a_token(world, client):
    open_to_all = {"/health/live", "/health/ready", "/metrics", "/api/v1/openapi.json"}
    asked = 0
    for path, methods in client.get("/api/v1/openapi.json").json()["paths"].items():
        if path in open_to_all or path.startswith("/staff"):
            continue
        for method in methods:
            asked += 1
            answer = client.request(method, path.replace("{", "").replace("}", ""))
            assert answer.status_code == 401, (method, path)
            assert answer.headers["www-authenticate"].startswith("Bearer")
    assert asked > 25


def test_401_is_for_tokens_and_403_for_roles(world, client):
    expired = world.bearer(Role.PRIVACY_OFFICER, now=NOW - timedelta(hours=2))
    assert client.get("/api/v1/studies", headers=expired).status_code == 401
    assert 'error="invalid_token"' in client.get("/api/v1/studies", headers=expired).headers["www-authenticate"]
    recipient = world.bearer(Role.RECIPIENT, recipient="acme-ai")
    assert client.get("/api/v1/studies", headers=recipient).status_code == 403
    assert client.get("/api/v1/studies", headers=world.officer).status_code == 200


def test_refusals_are_counted_and_logged_without_the_token(world, client):
    token = world.token(Role.AUDITOR, now=NOW - timedelta(hours=2))
    with capture_logs() as logs:
        client.get("/api/v1/studies?patient_id=PID-SECRET", headers={"Authorization": f"Bearer {token}"})
    assert [line["why"] for line in logs if line["event"] == "access_refused"] == ["token expired"]
    assert token not in repr(logs)
    assert "PID-SECRET" not in repr(logs)
    assert b'scanward_http_refused_total{why="token expired"} 1.0' in world.app.state.metrics.render()


def test_the_issuers_tokens_open_the_door(tmp_path, oidc):
    client = Client(make_world(tmp_path, HttpSettings(oidc=oidc)).app)
    try:
        assert client.get("/api/v1/studies", headers={"Authorization": f"Bearer {foreign()}"}).status_code == 200
        # The keys are kept for a while; but another issuer's token is still no good.
        other = {"Authorization": f"Bearer {foreign(iss='https://elsewhere.example')}"}
        assert client.get("/api/v1/studies", headers=other).status_code == 401
    finally:
        client.close()


def test_the_table_lets_no_recipient_see_the_hospital():
    assert ALLOWED[Role.RECIPIENT] == {Operation.STORE_RESULTS, Operation.RETRIEVE_RELEASED}
    for role in Role:
        for operation in (Operation.READ_IDENTITIES, Operation.DECIDE_RELEASES, Operation.MANAGE_CONSENTS):
            assert is_allowed([role], operation) == (role is Role.PRIVACY_OFFICER)
    assert not is_allowed([], Operation.READ_STUDIES)


def test_a_secret_key_is_no_key_of_the_issuer(oidc, tmp_path):
    secret = OctKey.import_key(b"s" * 32, {"kid": "hs"})
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": [secret.as_dict()]}))
    token = jwt.encode({"alg": "HS256", "kid": "hs"}, claims(), secret, algorithms=["HS256"])
    with pytest.raises(AccessError):
        TokenReader(TOKEN_KEY, oidc, lambda: NOW, lambda: 0.0).read(token)
