"""What lies under deploy/ fits Dagster's schemas, the image, and one another."""

import importlib
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster._config import process_config, resolve_to_config_type
from dagster._core.instance import InstanceRef

from tests.paths import ROOT

DEPLOY = ROOT / "deploy"
LAUNCHERS = {"docker": "DockerRunLauncher", "celery": "CeleryRunLauncher", "kubernetes": "K8sRunLauncher"}
ENVIRONMENT = {
    "OBSERVE_DATABASE_URL": "postgresql://observe:sesame@db.example/observe",
    "OBSERVE_CELERY_URL": "redis://:sesame@broker.example:6379/0",
    "OBSERVE_NAMESPACE": "observe",
}
MANIFESTS = ("access", "migrate", "code-server", "webserver", "daemon", "network")


def documents(path: Path) -> list[Any]:
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def only(path: Path) -> Any:
    (document,) = documents(path)
    return document


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("kind", LAUNCHERS)
def test_an_instance_and_its_run_launcher_fit_dagsters_schemas(kind: str, environment: None) -> None:
    reference = InstanceRef.from_dir(str(DEPLOY / kind))
    launcher = reference.run_launcher_data
    assert launcher is not None
    assert launcher.class_name == LAUNCHERS[kind]
    made_of = getattr(importlib.import_module(launcher.module_name), launcher.class_name)
    processed = process_config(resolve_to_config_type(made_of.config_type()), yaml.safe_load(launcher.config_yaml))
    assert processed.success, processed.errors
    assert "sesame" not in str(reference.to_dict())


@pytest.mark.parametrize("kind", ["docker", "celery"])
def test_a_run_launcher_can_be_made(kind: str, environment: None) -> None:
    assert type(InstanceRef.from_dir(str(DEPLOY / kind)).run_launcher).__name__ == LAUNCHERS[kind]


@pytest.mark.parametrize("kind", LAUNCHERS)
def test_an_instance_differs_from_the_roots_in_what_it_says_only(kind: str) -> None:
    root, other = only(ROOT / "dagster.yaml"), only(DEPLOY / kind / "dagster.yaml")
    del other["run_launcher"]
    other["concurrency"]["runs"]["max_concurrent_runs"] = root["concurrency"]["runs"]["max_concurrent_runs"]
    assert other == root


def test_the_image_copies_what_there_is_and_installs_extras_that_there_are() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    kept = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    sources = [name for line in re.findall(r"^COPY (.+) \S+$", text, re.MULTILINE) for name in line.split()]
    assert sources
    for name in sources:
        assert (ROOT / name).exists(), name
        assert any(line[0] == "!" and f"{name}/".startswith(f"{line[1:]}/") for line in kept), name
    project = (ROOT / "pyproject.toml").read_text()
    for extra in ("docker", "celery", "k8s"):
        assert re.search(rf"^{extra} = \[", project, re.MULTILINE)
    assert re.search(r"^USER \d+$", text, re.MULTILINE)


COMPOSE = [DEPLOY / "docker-compose.yaml", DEPLOY / "docker" / "compose.yaml", DEPLOY / "celery" / "compose.yaml"]


def services(*files: Path) -> dict[str, dict[str, Any]]:
    """The services of Compose files, as Compose merges them as far as it matters here."""
    merged: dict[str, dict[str, Any]] = {}
    for file in files:
        for name, service in only(file)["services"].items():
            found = merged.setdefault(name, {})
            for key, value in service.items():
                found[key] = [*found.get(key, []), *value] if isinstance(value, list) and key == "volumes" else value
    return merged


@pytest.mark.parametrize(
    "files", [COMPOSE[:1], COMPOSE[:2], [COMPOSE[0], COMPOSE[2]]], ids=["plain", "docker", "celery"]
)
def test_compose_files_name_what_there_is(files: list[Path]) -> None:
    found = services(*files)
    volumes = {name for file in files for name in only(file).get("volumes", {})}
    for name, service in found.items():
        assert service.get("image") or service.get("build"), name
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            assert source.startswith("/") or source in volumes or (DEPLOY / source).exists(), mount
        for awaited in service.get("depends_on", {}):
            assert awaited in found, awaited
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), f"{name} is published to everyone: {port}"
    assert {"webserver"} == {name for name, service in found.items() if service.get("ports")}


def test_compose_files_hold_no_secret() -> None:
    for file in COMPOSE:
        for name, service in services(file).items():
            for variable, value in service.get("environment", {}).items():
                if re.search("PASSWORD|SECRET|TOKEN|URL", variable):
                    assert value.startswith("${"), f"{name}: {variable}"


def test_the_workspace_finds_the_code_server_of_each_deployment() -> None:
    (server,) = (entry["grpc_server"] for entry in only(DEPLOY / "workspace.yaml")["load_from"])
    assert server["host"] in services(COMPOSE[0])
    manifest = {document["kind"]: document for document in documents(DEPLOY / "kubernetes" / "code-server.yaml")}
    assert manifest["Service"]["metadata"]["name"] == server["host"]
    assert [port["port"] for port in manifest["Service"]["spec"]["ports"]] == [server["port"]]
    (container,) = manifest["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert str(server["port"]) in container["command"]
    assert f'"{server["port"]}"' in (DEPLOY / "Dockerfile").read_text()


def test_manifests_name_what_there_is_and_run_without_privileges() -> None:
    folder = DEPLOY / "kubernetes"
    root = only(folder / "kustomization.yaml")
    assert root["resources"] == [f"{name}.yaml" for name in MANIFESTS]
    config_maps = {each["name"] for each in root["configMapGenerator"]}
    accounts = {
        each["metadata"]["name"] for each in documents(folder / "access.yaml") if each["kind"] == "ServiceAccount"
    }
    pods = [
        document["spec"]["template"]["spec"]
        for name in MANIFESTS
        for document in documents(folder / f"{name}.yaml")
        if document["kind"] in ("Deployment", "Job")
    ]
    assert len(pods) == 4
    for pod in pods:
        (container,) = pod["containers"]
        assert container["image"] == root["images"][0]["name"]
        assert container["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod.get("serviceAccountName") in accounts or pod["automountServiceAccountToken"] is False
        assert {"secretRef": {"name": "observe"}} in container["envFrom"]
        named = [volume["configMap"]["name"] for volume in pod.get("volumes", [])]
        named += [each["configMapRef"]["name"] for each in container["envFrom"] if "configMapRef" in each]
        assert set(named) <= config_maps
    launcher = only(folder / "dagster.yaml")["run_launcher"]["config"]
    assert launcher["instance_config_map"] in config_maps
    assert set(launcher["env_config_maps"]) <= config_maps
    assert launcher["service_account_name"] in accounts
