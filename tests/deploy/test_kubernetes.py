"""The manifests: valid, runnable as they stand, and with no more rights than they need."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from rotator.cli.parser import make_parser
from rotator.config import Tables, load
from rotator.formats import FORMATS
from rotator.sinks import installed

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
FOLDER = ROOT / "deploy" / "kubernetes"
MANIFESTS = sorted(FOLDER.glob("*.yaml"))
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def documents(name: str) -> dict[str, Any]:
    """The documents of one manifest by their kinds, of which it has one each."""
    found = list(YAML(typ="safe").load_all((FOLDER / name).read_text(encoding="utf-8")))
    by_kind = {document["kind"]: document for document in found}
    assert len(by_kind) == len(found)
    return by_kind


def workloads() -> list[tuple[str, dict[str, Any]]]:
    """What runs pods, by kind, with the specification of its pods."""
    kinds = {**documents("store.yaml"), **documents("rotator.yaml")}
    return [(kind, kinds[kind]["spec"]["template"]["spec"]) for kind in ("Job", "StatefulSet")]


WORKLOADS = [pytest.param(pod, id=kind) for kind, pod in workloads()]


def validated(path: Path) -> int:
    """The verdict of a validator that knows the schemas of Kubernetes, and no field besides."""
    command = [str(BIN / "kubernetes-validate"), "--strict", str(path)]
    return subprocess.run(command, capture_output=True, check=False, timeout=60).returncode


@pytest.mark.slow
@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_manifests_are_valid(path: Path) -> None:
    """An API server would take each of them."""
    assert validated(path) == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        pytest.param("readOnlyRootFilesystem:", "readonlyRootFilesystem:", id="a misspelt field"),
        pytest.param("replicas: 1", "replicas: one", id="a word for a number"),
        pytest.param("port: 9180, ", "", id="a field that is missing"),
    ],
)
def test_a_broken_manifest_goes_red(right: str, wrong: str, tmp_path: Path) -> None:
    """The validator sees what a person overlooks."""
    text = (FOLDER / "rotator.yaml").read_text(encoding="utf-8")
    assert right in text
    broken = tmp_path / "broken.yaml"
    broken.write_text(text.replace(right, wrong), encoding="utf-8")

    assert validated(broken) != 0


def test_policies_load_and_only_observe(tmp_path: Path) -> None:
    """Whoever applies the manifest as it stands changes nothing in AWS."""
    written = documents("rotator.yaml")["ConfigMap"]["data"]
    for name, text in written.items():
        (tmp_path / name).write_text(text, encoding="utf-8")

    tables = Tables(sinks=installed(), formats=FORMATS)
    loaded = load(tmp_path, environ={}, tables=tables)

    assert [policy.mode.value for policy in loaded.policies] == ["observe"]
    assert list(loaded.warnings) == []


def test_the_kubelet_reaches_the_health_check(tmp_path: Path) -> None:
    """The daemon listens beyond loopback, at the port that the pod names."""
    text = documents("rotator.yaml")["ConfigMap"]["data"]["policies.yaml"]
    (tmp_path / "policies.yaml").write_text(text, encoding="utf-8")
    (container,) = documents("rotator.yaml")["StatefulSet"]["spec"]["template"]["spec"][
        "containers"
    ]
    (port,) = container["ports"]

    http = YAML(typ="safe").load(text)["http"]
    probed = {
        name: probe["httpGet"]["path"] for name, probe in container.items() if "Probe" in name
    }

    assert http["listen"] == f"0.0.0.0:{port['containerPort']}"
    assert probed == {
        "startupProbe": "/healthz",
        "livenessProbe": "/healthz",
        "readinessProbe": "/readyz",
    }


def test_there_is_never_a_second_daemon_on_the_store() -> None:
    """One replica of a kind that ends the old pod before it starts the new one."""
    kinds = documents("rotator.yaml")

    assert "Deployment" not in kinds
    assert kinds["StatefulSet"]["spec"]["replicas"] == 1
    assert kinds["StatefulSet"]["spec"]["serviceName"] == kinds["Service"]["metadata"]["name"]


def test_only_a_person_makes_a_store() -> None:
    """What is applied again and again never makes one; what is created once never does it twice."""
    applied = (FOLDER / "rotator.yaml").read_text(encoding="utf-8")
    commands = [line for line in applied.splitlines() if not line.lstrip().startswith("#")]
    (container,) = documents("store.yaml")["Job"]["spec"]["template"]["spec"]["containers"]

    assert "init" not in "\n".join(commands)
    assert container["args"] == ["state", "init"]


@pytest.mark.parametrize("pod", WORKLOADS)
def test_pods_may_do_no_more_than_they_need(pod: dict[str, Any]) -> None:
    """What the restricted Pod Security Standard asks for, and a root file system that is sealed."""
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]["memory"]


@pytest.mark.parametrize("pod", WORKLOADS)
def test_pods_fit_the_image(pod: dict[str, Any]) -> None:
    """The same number for the user, and the store on the volume that the image keeps for it."""
    (container,) = pod["containers"]
    variables = {one["name"]: one["value"] for one in container["env"]}
    mounts = {mount["mountPath"] for mount in container["volumeMounts"]}

    assert f"USER {pod['securityContext']['runAsUser']}:" in DOCKERFILE
    assert f"ROTATOR_STATE={variables['ROTATOR_STATE']}" in DOCKERFILE
    assert "/data" in mounts


@pytest.mark.parametrize("pod", WORKLOADS)
def test_pods_run_commands_that_exist(pod: dict[str, Any]) -> None:
    """The parser understands what each container is started with."""
    (container,) = pod["containers"]

    assert make_parser().parse_args(container["args"]).command == container["args"][0]


def test_a_stopping_pod_has_time_to_deliver(tmp_path: Path) -> None:
    """Kubernetes waits for longer than the daemon takes at most."""
    text = documents("rotator.yaml")["ConfigMap"]["data"]["policies.yaml"]
    (tmp_path / "policies.yaml").write_text(text, encoding="utf-8")
    pod = documents("rotator.yaml")["StatefulSet"]["spec"]["template"]["spec"]

    timing = load(tmp_path, environ={}, tables=Tables(sinks=installed(), formats=FORMATS)).timing

    assert pod["terminationGracePeriodSeconds"] > timing.shutdown_timeout.total_seconds()
