"""What an operator deploys by is as promised: compose, Render, the image, the licences."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from picard.home import PROJECT
from tests.test_docs import variables

BIN = Path(sys.executable).parent


def loaded(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((PROJECT / name).read_text(encoding="utf-8"))
    return content


def test_the_compose_file_keeps_its_specification() -> None:
    check = [str(BIN / "check-jsonschema"), "--builtin-schema", "vendor.compose-spec", "docker-compose.yml"]
    done = subprocess.run(check, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_in_compose_only_the_web_server_has_a_port_and_only_for_this_machine() -> None:
    services = loaded("docker-compose.yml")["services"]
    ports = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert ports
    assert all(port.startswith("127.0.0.1:") for each in ports.values() for port in each)
    assert "database" not in ports


@pytest.mark.parametrize("name", ["migrate", "web", "worker"])
def test_in_compose_our_containers_have_no_rights(name: str) -> None:
    service = loaded("docker-compose.yml")["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_in_compose_nothing_starts_before_the_migrations() -> None:
    services = loaded("docker-compose.yml")["services"]
    for name in ("web", "worker"):
        assert services[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert services["migrate"]["depends_on"]["database"] == {"condition": "service_healthy"}


def test_render_migrates_before_each_deploy_and_asks_whether_the_server_lives() -> None:
    web, worker = loaded("render.yaml")["services"]
    assert (web["type"], worker["type"]) == ("web", "worker")
    assert web["preDeployCommand"] == "python manage.py migrate --no-input"
    assert web["healthCheckPath"] == "/healthz"
    for service in (web, worker):
        assert service["runtime"] == "docker"  # `env` was its name before, and is refused
        assert "env" not in service
        assert service["autoDeployTrigger"] == "commit"
        assert web["envVars"] == worker["envVars"]


def test_render_makes_no_master_key_and_publishes_no_database() -> None:
    [database] = loaded("render.yaml")["databases"]
    [group] = loaded("render.yaml")["envVarGroups"]
    given = {each["key"]: each for each in group["envVars"]}
    assert database["ipAllowList"] == []
    assert given["FIELD_ENCRYPTION_KEY"] == {"key": "FIELD_ENCRYPTION_KEY", "sync": False}
    assert given["SECRET_KEY"]["generateValue"] is True


def test_render_sets_only_variables_that_exist() -> None:
    blueprint = loaded("render.yaml")
    everywhere = [*blueprint["services"], *blueprint["envVarGroups"]]
    keys = {each["key"] for place in everywhere for each in place["envVars"] if "key" in each}
    assert keys <= variables().keys()


def test_the_image_has_nothing_to_object_to() -> None:
    done = subprocess.run(
        [BIN / "hadolint", "Dockerfile"], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_the_image_runs_without_rights_and_takes_in_only_what_it_needs() -> None:
    dockerfile = (PROJECT / "Dockerfile").read_text(encoding="utf-8")
    assert re.search(r"^USER \d+:\d+$", dockerfile, re.MULTILINE)
    taken = (PROJECT / ".dockerignore").read_text(encoding="utf-8").split()
    assert taken[0] == "*"
    assert all((PROJECT / each.removeprefix("!")).exists() for each in taken if each.startswith("!"))


def test_every_vendored_folder_has_its_licence_and_is_in_the_notice() -> None:
    notice = (PROJECT / "NOTICE").read_text(encoding="utf-8")
    folders = [path for path in (PROJECT / "static/vendor").iterdir() if path.is_dir()]
    assert folders
    for folder in folders:
        assert (folder / "LICENSE").exists()
        assert f"static/vendor/{folder.name}" in notice
    readme = (PROJECT / "static/vendor/README.md").read_text(encoding="utf-8")
    versions = re.findall(r"^\| \w+ \| [\w.-]+ \| ([\d.]+) \|", readme, re.MULTILINE)
    assert len(versions) == len(folders)
    assert all(version in notice for version in versions)


@pytest.mark.slow
def test_the_bill_of_materials_names_every_pinned_package(tmp_path: Path) -> None:
    bill = tmp_path / "sbom.json"
    command = [str(BIN / "cyclonedx-py"), "requirements", "--of", "JSON", "-o", str(bill), "requirements.txt"]
    subprocess.run(command, cwd=PROJECT, capture_output=True, check=True)
    named = {(each["name"], each["version"]) for each in json.loads(bill.read_text())["components"]}
    pinned = re.findall(
        r"^([\w.-]+)(?:\[[^]]+\])?==([\w.]+)", (PROJECT / "requirements.txt").read_text(), re.MULTILINE
    )
    assert pinned
    assert {name for name, _ in pinned} <= {name for name, _ in named}


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is missing")
def test_the_units_of_the_documentation_are_units(tmp_path: Path) -> None:
    page = (PROJECT / "docs/deployment.md").read_text(encoding="utf-8")
    units = re.findall(r"`/etc/systemd/system/([\w-]+\.service)`:\n\n```\n(.*?)```", page, re.DOTALL)
    assert len(units) == 2
    for name, content in units:
        (tmp_path / name).write_text(re.sub(r"ExecStart=\S+", "ExecStart=/bin/true", content))
    names = [str(tmp_path / name) for name, _ in units]
    done = subprocess.run(["systemd-analyze", "verify", *names], capture_output=True, text=True, check=False)
    unknown = [line for line in done.stderr.splitlines() if "Unknown" in line or "Failed to parse" in line]
    assert unknown == []
