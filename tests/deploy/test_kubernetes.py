"""The manifests are valid, fit together, and let a container do no more than it needs."""

from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from scanward.adapters.settings import parse_settings
from scanward.web.health import router

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "kubernetes"
FILES = sorted(FOLDER.glob("*.yaml"))


def read(path: Path) -> list[dict]:
    return [one for one in yaml.safe_load_all(path.read_text(encoding="utf-8")) if one]


def everything() -> list[dict]:
    return [one for path in FILES for one in read(path) if one["kind"] != "Kustomization"]


def of_kind(kind: str) -> dict[str, dict]:
    return {one["metadata"]["name"]: one for one in everything() if one["kind"] == kind}


def pods() -> list[tuple[str, dict]]:
    return [(name, one["spec"]["template"]["spec"]) for name, one in of_kind("Deployment").items()]


def containers() -> list[tuple[str, dict]]:
    return [(name, one) for name, pod in pods() for one in [*pod.get("initContainers", ()), *pod["containers"]]]


@pytest.mark.parametrize("manifest", everything(), ids=lambda one: f"{one['kind']}-{one['metadata']['name']}")
def test_manifests_are_valid(manifest):
    kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)


def test_a_misspelt_key_would_be_found():
    wrong = of_kind("Deployment")["worker"]
    wrong["spec"]["replica"] = 2
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, kubernetes_validate.latest_version(), strict=True)


def test_kustomization_lists_every_manifest_but_the_secrets():
    (kustomization,) = read(FOLDER / "kustomization.yaml")
    assert sorted(kustomization["resources"]) == sorted(
        path.name for path in FILES if path.name not in {"kustomization.yaml", "secret.example.yaml"}
    )
    (namespace,) = of_kind("Namespace")
    assert kustomization["namespace"] == namespace


def test_secrets_hold_no_value():
    secrets = of_kind("Secret")
    assert secrets
    for secret in secrets.values():
        assert set(secret["stringData"].values()) == {""}
        assert "data" not in secret


def test_settings_are_valid_for_workers():
    settings = parse_settings(of_kind("ConfigMap")["scanward"]["data"]["scanward.toml"])
    assert settings.ledger_url.startswith("postgresql")
    assert settings.vault_url.startswith("postgresql")
    assert settings.ledger_url != settings.vault_url
    assert settings.blobs_url


def test_commands_exist(check_command):
    commands = {name: check_command(container["args"]).name for name, container in containers()}
    assert commands == {"gateway": "serve", "worker": "worker"}


def test_what_is_mounted_exists():
    for _, pod in pods():
        volumes = {one["name"]: one for one in pod["volumes"]}
        for volume in volumes.values():
            if "configMap" in volume:
                assert volume["configMap"]["name"] in of_kind("ConfigMap")
            if "secret" in volume:
                assert volume["secret"]["secretName"] in of_kind("Secret")
        for container in pod["containers"]:
            assert {one["name"] for one in container["volumeMounts"]} == set(volumes)


@pytest.mark.parametrize(("name", "container"), containers())
def test_settings_name_paths_that_are_there(name, container):
    settings = parse_settings(of_kind("ConfigMap")["scanward"]["data"]["scanward.toml"])
    assert settings.dimse is not None
    assert settings.http is not None
    mounts = {one["mountPath"]: one["name"] for one in container["volumeMounts"]}
    home = next(one["value"] for one in container["env"] if one["name"] == "SCANWARD_HOME")
    assert home.startswith("/var/lib/scanward/")  # below the volume: its own mode is open
    secret = of_kind("Secret")
    for path in (settings.dimse.certificate, settings.dimse.key, settings.http.certificate, settings.http.key):
        folder, _, file = path.rpartition("/")
        assert mounts[folder] == "tls"
        assert file in secret["scanward-tls"]["stringData"]
    assert "sslrootcert=/etc/scanward/tls/database-ca.crt" in settings.ledger_url
    assert "database-ca.crt" in secret["scanward-tls"]["stringData"]
    # Copied by deploy/enter.sh, since it has to be closed to others.
    folder, _, file = settings.blobs_options_file.rpartition("/")
    assert folder == f"{home}/secrets"
    assert file in secret["scanward"]["stringData"]


@pytest.mark.parametrize(("name", "pod"), pods())
def test_pods_are_restricted(name, pod):
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 10001
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert set(container["resources"]["requests"]) >= {"cpu", "memory"}
        assert "memory" in container["resources"]["limits"]


def test_probes_ask_for_what_is_answered():
    paths = {route.path for route in router.routes}
    gateway = dict(containers())["gateway"]
    ports = {one["name"]: one["containerPort"] for one in gateway["ports"]}
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        asked = gateway[probe]["httpGet"]
        assert asked["path"] in paths
        assert asked["port"] in ports
        assert asked["scheme"] == "HTTPS"
    assert gateway["readinessProbe"]["httpGet"]["path"] == "/health/ready"
    settings = parse_settings(of_kind("ConfigMap")["scanward"]["data"]["scanward.toml"])
    assert settings.dimse is not None
    assert settings.http is not None
    assert ports == {"dicom": settings.dimse.port, "https": settings.http.port}


def test_selectors_find_pods():
    labels = {name: one["spec"]["template"]["metadata"]["labels"] for name, one in of_kind("Deployment").items()}
    for name, one in of_kind("Deployment").items():
        assert one["spec"]["selector"]["matchLabels"] == labels[name]
    for service in of_kind("Service").values():
        assert service["spec"]["selector"] == labels["gateway"]
        for port in service["spec"]["ports"]:
            assert port["targetPort"] in {one["name"] for one in dict(containers())["gateway"]["ports"]}
    assert of_kind("PodDisruptionBudget")["worker"]["spec"]["selector"]["matchLabels"] == labels["worker"]
    policies = of_kind("NetworkPolicy")
    for policy in policies.values():
        wanted = policy["spec"]["podSelector"].get("matchLabels", {})
        assert any(wanted.items() <= found.items() for found in labels.values())
    assert policies["nothing"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
