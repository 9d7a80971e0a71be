"""The compose file: valid by the specification, and of one piece with the program."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from console.services.run_file import RunFile
from console.services.scenario import DEMO_START, MOST_DAYS
from console.services.worker import Role

ROOT = Path(__file__).parents[1]
SCHEMA = ROOT / "tests" / "golden" / "compose-spec.json"
SERVERS = {"kafka", "redis"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, Any]:
    return compose["services"]


def test_the_file_is_valid_by_the_specification(compose: dict[str, Any]) -> None:
    # The file is the schema's only reader of "$schema"; the rules are those of draft 7.
    jsonschema.Draft7Validator(json.loads(SCHEMA.read_text())).validate(compose)


def test_a_misspelt_key_would_be_found(compose: dict[str, Any]) -> None:
    broken = compose | {"services": {"kafka": {"image": "x", "restrat": "always"}}}
    with pytest.raises(jsonschema.ValidationError, match="restrat"):
        jsonschema.Draft7Validator(json.loads(SCHEMA.read_text())).validate(broken)


def test_every_stage_of_a_run_over_kafka_has_its_service(services: dict[str, Any]) -> None:
    # Over Kafka a process runs one stage; the two that run several are for the embedded log.
    embedded_only = {Role.REDIS, Role.KAFKA, Role.PROCESSOR, Role.FORECASTER}
    assert set(services) - SERVERS == {role.value for role in Role if role not in embedded_only}
    for name in set(services) - SERVERS:
        assert services[name]["command"] == ["worker", name, "--run", "/etc/gridcast/run.json"]


def test_the_run_is_one_that_the_services_understand(compose: dict[str, Any]) -> None:
    run = RunFile.model_validate_json(compose["configs"]["run"]["content"])
    assert run.start == DEMO_START
    assert run.days <= MOST_DAYS
    assert str(run.directory) == "/var/lib/gridcast"


def test_images_are_pinned_to_a_full_version(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert re.search(r":\d+\.\d+\.\d+", service["image"]), name
    for line in (ROOT / "Dockerfile").read_text().splitlines():
        if line.startswith("FROM "):
            assert re.match(r"FROM python:3\.11\.\d+-slim-bookworm", line)


def test_ports_are_bound_to_loopback(services: dict[str, Any]) -> None:
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_every_service_has_limits_and_its_health_is_checked(services: dict[str, Any]) -> None:
    for name, service in services.items():
        limits = service["deploy"]["resources"]["limits"]
        assert {"cpus", "memory"} <= set(limits), name
        check = service["healthcheck"]
        if name != "prepare":  # which ends by itself, and whose end is waited for
            assert check["test"], name
        if name not in SERVERS | {"prepare"}:
            assert check["test"] == ["CMD", "gridcast", "health", name]


def test_services_run_without_rights(services: dict[str, Any]) -> None:
    for name in set(services) - SERVERS:
        service = services[name]
        assert service["user"] == "10001:10001"
        assert service["cap_drop"] == ["ALL"]
        assert service["read_only"] is True


def test_secrets_come_from_the_environment_and_must_be_given() -> None:
    files = ("docker-compose.yml", "docker-compose.postgresql.yml")
    text = "".join((ROOT / name).read_text() for name in files)
    required = set(re.findall(r"\$\{(\w+):\?", text))
    assert required == set(re.findall(r"\$\{(\w+)", text))
    example = (ROOT / ".env.example").read_text()
    assert set(re.findall(r"^(\w+)=$", example, re.M)) == required
    assert ".env" in (ROOT / ".gitignore").read_text().split()


def test_the_image_holds_every_package(services: dict[str, Any]) -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    ignored = (ROOT / ".dockerignore").read_text().split()
    for package in (path.parent.name for path in ROOT.glob("*/py.typed")):
        assert f"COPY {package} {package}" in dockerfile
        assert f"!{package}" in ignored


def test_both_files_name_one_version_of_kafka_and_of_uv(services: dict[str, Any]) -> None:
    from console.services.local_kafka import KAFKA_VERSION

    assert services["kafka"]["image"] == f"apache/kafka:{KAFKA_VERSION}"
    wanted = re.search(r"UV_VERSION +:= (\S+)", (ROOT / "Makefile").read_text())
    assert wanted is not None
    assert f"uv=={wanted[1]}" in (ROOT / "Dockerfile").read_text()


@pytest.fixture(scope="module")
def on_server() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "docker-compose.postgresql.yml").read_text())


def test_the_file_that_adds_a_historian_is_valid_too(on_server: dict[str, Any]) -> None:
    jsonschema.Draft7Validator(json.loads(SCHEMA.read_text())).validate(on_server)


def test_all_that_keep_or_read_history_get_its_address(
    services: dict[str, Any], on_server: dict[str, Any]
) -> None:
    added = on_server["services"]
    assert set(added) == {"historian", "prepare", "forecast", "recorder", "rebuild"}
    assert set(added) - {"historian"} <= set(services)
    for name in set(added) - {"historian"}:
        url = added[name]["environment"]["HISTORIAN_URL"]
        assert url.startswith("postgresql://gridcast:${HISTORIAN_PASSWORD:?")
        assert url.endswith("@historian:5432/gridcast")


def test_the_historian_is_on_loopback_pinned_limited_and_looked_after(
    on_server: dict[str, Any],
) -> None:
    server = on_server["services"]["historian"]
    assert all(port.startswith("127.0.0.1:") for port in server["ports"])
    assert re.search(r":\d+\.\d+\.\d+-pg\d+$", server["image"])
    assert {"cpus", "memory"} <= set(server["deploy"]["resources"]["limits"])
    assert server["healthcheck"]["test"]
    assert "--extra postgresql" in (ROOT / "Dockerfile").read_text()
