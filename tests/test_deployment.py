"""Deployment files: Compose, Render, container images, systemd units and licences."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, metadata, packages_distributions
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.utils import canonicalize_name

from core.version import VERSION
from picard.config.paths import PROJECT
from tests.test_docs import find_variables

BIN = Path(sys.executable).parent
NOTES = "docs/examples/notes"
COPYLEFT = re.compile(r"\bA?L?GPL|MPL|Mozilla Public|EUPL|Affero")


def load_yaml(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((PROJECT / name).read_text(encoding="utf-8"))
    return content


def test_compose_file_matches_the_compose_specification() -> None:
    from jsonschema import Draft202012Validator  # importing it takes seconds

    [package] = find_spec("check_jsonschema").submodule_search_locations  # type: ignore[union-attr, misc]
    schema = json.loads(
        (Path(package) / "builtin_schemas/vendor/compose-spec.json").read_text(encoding="utf-8")
    )
    assert list(Draft202012Validator(schema).iter_errors(load_yaml("docker-compose.yml"))) == []


def test_compose_publishes_only_loopback_ports_and_not_the_database() -> None:
    services = load_yaml("docker-compose.yml")["services"]
    ports = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert ports
    assert all(port.startswith("127.0.0.1:") for each in ports.values() for port in each)
    assert "database" not in ports


@pytest.mark.parametrize("name", ["migrate", "web", "worker", "notes-register", "notes"])
def test_compose_containers_have_no_privileges(name: str) -> None:
    service = load_yaml("docker-compose.yml")["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_compose_stores_large_uploads_in_the_volume() -> None:
    image = (PROJECT / "Dockerfile").read_text(encoding="utf-8").rpartition("\nFROM ")[2]
    [folder] = re.findall(r"\bTMPDIR=(\S+)", image)  # /tmp is in memory
    assert f"\nVOLUME {folder}\n" in image
    assert f"mkdir {folder} && chown" in image
    assert load_yaml("docker-compose.yml")["services"]["web"]["volumes"] == [f"home:{folder}"]


def test_systemd_stores_large_uploads_on_disk() -> None:
    assert {"PrivateTmp=yes", "Environment=TMPDIR=/var/tmp"} <= set(
        read_systemd_units()["picard-web.service"].splitlines()
    )


def test_compose_worker_shares_the_volume_of_stored_emails() -> None:
    services = load_yaml("docker-compose.yml")["services"]
    assert services["worker"]["volumes"] == services["web"]["volumes"]


def test_compose_limits_log_sizes() -> None:
    for service in load_yaml("docker-compose.yml")["services"].values():
        assert service["logging"]["driver"] == "local"
        assert {"max-size", "max-file"} == service["logging"]["options"].keys()


def test_compose_migrates_before_anything_starts() -> None:
    services = load_yaml("docker-compose.yml")["services"]
    for name in ("web", "worker"):
        assert services[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert services["migrate"]["depends_on"]["database"] == {"condition": "service_healthy"}


def test_compose_example_app_is_optional_and_isolated_from_picard() -> None:
    services = load_yaml("docker-compose.yml")["services"]
    assert services["notes"]["profiles"] == services["notes-register"]["profiles"] == ["notes"]
    assert "env_file" not in services["notes"]
    assert all(name.startswith("NOTES_") for name in services["notes"]["environment"])
    assert services["notes"]["volumes"] == services["notes-register"]["volumes"] == ["notes:/data"]


def test_render_runs_the_example_app_from_its_folder() -> None:
    [service] = load_yaml(f"{NOTES}/render.yaml")["services"]
    assert (service["type"], service["runtime"]) == ("web", "docker")
    assert (service["dockerContext"], service["dockerfilePath"]) == (f"./{NOTES}", f"./{NOTES}/Dockerfile")
    used_variables = set(
        re.findall(r'env\("(\w+)"', (PROJECT / NOTES / "notes/settings.py").read_text(encoding="utf-8"))
    )
    assert {each["key"] for each in service["envVars"]} == used_variables


def test_example_app_requirements_are_complete() -> None:
    names = set(re.findall(r"^[a-z0-9-]+", (PROJECT / NOTES / "requirements.in").read_text(), re.MULTILINE))
    installed = re.findall(
        r"^([a-z0-9-]+)==", (PROJECT / NOTES / "requirements.txt").read_text(), re.MULTILINE
    )
    assert names <= set(installed)
    modules = (PROJECT / NOTES / "notes").glob("*.py")
    imports = {
        name
        for path in modules
        for name in re.findall(r"^(?:import|from) (\w+)", path.read_text(), re.MULTILINE)
    }
    needed = imports - sys.stdlib_module_names - {"notes"}
    assert {{"environ": "django-environ"}.get(name, name) for name in needed} <= names


# Parts of a named library, and one that is imported to be turned off.
COMPANIONS = {"mcp-types": "mcp", "pydantic-core": "pydantic", "langsmith": "langchain-core"}


def test_requirements_name_every_imported_library() -> None:
    text = (PROJECT / "requirements.in").read_text(encoding="utf-8")
    named = {canonicalize_name(name) for name in re.findall(r"^[\w.-]+", text, re.MULTILINE)}
    distributions = packages_distributions()
    missing = set()
    for package in ("accounts", "core", "memories", "oauth", "picard"):
        for path in (PROJECT / package).rglob("*.py"):
            modules = re.findall(r"^\s*(?:import|from) (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
            for module in set(modules) & distributions.keys():
                owners = {canonicalize_name(name) for name in distributions[module]}
                owners |= {canonicalize_name(COMPANIONS[name]) for name in owners & COMPANIONS.keys()}
                missing |= set() if owners & named else {module}
    assert missing == {"django_stubs_ext"}  # for type checkers only


def test_render_migrates_before_each_deploy_and_checks_health() -> None:
    web, worker = load_yaml("render.yaml")["services"]
    assert (web["type"], worker["type"]) == ("web", "worker")
    assert web["healthCheckPath"] == "/healthz"
    for service in (web, worker):
        assert service["preDeployCommand"] == "python manage.py migrate --no-input"
        assert service["runtime"] == "docker"  # the old name, `env`, is rejected
        assert "env" not in service
        assert service["autoDeployTrigger"] == "commit"


def test_render_hides_the_owner_of_the_tables_from_what_runs() -> None:
    web, worker = load_yaml("render.yaml")["services"]
    image = (PROJECT / "Dockerfile").read_text(encoding="utf-8")
    assert f"CMD {json.dumps(web['dockerCommand'].split()[3:])}" in image
    for service in (web, worker):
        assert service["dockerCommand"].startswith("env -u MIGRATE_DATABASE_URL ")
        secrets = {each.get("key") for each in service["envVars"] if "connectionString" in str(each)}
        assert secrets == {"MIGRATE_DATABASE_URL"}


def test_render_generates_no_master_key_and_publishes_no_database() -> None:
    [database] = load_yaml("render.yaml")["databases"]
    [group] = load_yaml("render.yaml")["envVarGroups"]
    assert database["ipAllowList"] == []
    assert {"key": "SECRET_KEY", "generateValue": True} in group["envVars"]
    assert not [each for each in group["envVars"] if "sync" in each]  # Render ignores it in a group
    web, worker = (
        {each.get("key"): each for each in service["envVars"]}
        for service in load_yaml("render.yaml")["services"]
    )
    assert web.keys() == worker.keys()
    for name in ("FIELD_ENCRYPTION_KEY", "PUBLIC_URL"):
        assert web[name] == {"key": name, "sync": False}
        assert worker[name]["fromService"] == {"type": "web", "name": "picard", "envVarKey": name}


def test_render_sets_only_variables_that_exist() -> None:
    blueprint = load_yaml("render.yaml")
    parts = [*blueprint["services"], *blueprint["envVarGroups"]]
    keys = {each["key"] for part in parts for each in part["envVars"] if "key" in each}
    assert keys <= find_variables().keys()


def test_dockerfiles_pass_hadolint() -> None:
    result = subprocess.run(
        [BIN / "hadolint", "Dockerfile", f"{NOTES}/Dockerfile"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("folder", [".", NOTES])
def test_image_runs_unprivileged_with_a_minimal_build_context(folder: str) -> None:
    dockerfile = (PROJECT / folder / "Dockerfile").read_text(encoding="utf-8")
    assert re.search(r"^USER \d+:\d+$", dockerfile, re.MULTILINE)
    patterns = (PROJECT / folder / ".dockerignore").read_text(encoding="utf-8").split()
    assert patterns[0] == "*"
    assert all(
        (PROJECT / folder / each.removeprefix("!")).exists() for each in patterns if each.startswith("!")
    )


@pytest.mark.parametrize("name", ["run", "check-deploy", "slim-environment"])
def test_ci_scripts_have_valid_syntax(name: str) -> None:
    shell = (PROJECT / ".ci" / name).read_text(encoding="utf-8").splitlines()[0].removeprefix("#!").split()
    subprocess.run([*shell, "-n", PROJECT / ".ci" / name], check=True)


def test_the_version_is_the_same_everywhere() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    releases = re.findall(
        r"^## \[(\d[\d.]+)\]", (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert project["version"] == VERSION == releases[0]


def test_the_workflow_runs_what_ci_runs() -> None:
    [job] = load_yaml(".github/workflows/ci.yml")["jobs"].values()
    assert [step["run"] for step in job["steps"] if "run" in step] == [".ci/run"]


def test_the_devcontainer_has_what_ci_installs() -> None:
    container = json.loads((PROJECT / ".devcontainer/devcontainer.json").read_text(encoding="utf-8"))
    script = (PROJECT / ".ci/run").read_text(encoding="utf-8")
    packages = {name for each in re.findall(r"missing\+=\(([^)]+)\)", script) for name in each.split()}
    assert len(packages) > 5
    assert packages - {"npm"} <= set(container["postCreateCommand"].split())
    assert any("/node:" in feature for feature in container["features"])


def test_image_contains_all_packages_except_benchmarks_and_tests() -> None:
    folders = {path.parent.name for path in PROJECT.glob("*/__init__.py")}
    copied = set(re.findall(r"^COPY (\w+) \1$", (PROJECT / "Dockerfile").read_text(), re.MULTILINE))
    in_context = set(re.findall(r"^!(\w+)$", (PROJECT / ".dockerignore").read_text(), re.MULTILINE))
    packages = folders - {"benchmarks", "tests"}
    assert packages <= copied == in_context
    for package in packages:
        for path in (PROJECT / package).rglob("*.py"):
            imported = re.findall(
                r"^\s*(?:from|import) (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE
            )
            assert not {"benchmarks", "tests"} & set(imported), path


def test_vendored_files_have_licences_and_are_in_the_notice() -> None:
    notice = (PROJECT / "NOTICE").read_text(encoding="utf-8")
    folders = [path for path in (PROJECT / "static/vendor").iterdir() if path.is_dir()]
    assert folders
    for folder in folders:
        assert (folder / "LICENSE").exists()
        assert f"static/vendor/{folder.name}" in notice
    own = {path.name for path in (PROJECT / "static").iterdir()} - {"vendor"}
    assert all(f"static/{name}" in notice for name in own)
    data = {path.name for path in (PROJECT / "memories/index/data").glob("*.txt")}
    assert all(f"memories/index/data/{name}" in notice for name in data)
    readme = (PROJECT / "static/vendor/README.md").read_text(encoding="utf-8")
    versions = re.findall(r"^\| \w+ \| [\w.-]+ \| ([\d.]+) \|", readme, re.MULTILINE)
    assert len(versions) == len(folders)
    assert all(version in notice for version in versions)


def test_notice_names_every_copyleft_package() -> None:
    notice = (PROJECT / "NOTICE").read_text(encoding="utf-8")
    assert {name for name in get_pinned_versions() if COPYLEFT.search(get_licence(name))} <= set(
        re.findall(r"[\w-]+", notice)
    )
    versions = re.findall(r"^  ([a-z][\w-]+) (\d[\d.]+\d):", notice, re.MULTILINE)
    assert {name: get_pinned_versions()[name] for name, _version in versions} == dict(versions)


def get_licence(name: str) -> str:
    """Return the licence metadata of a package; empty if it is not installed on this platform."""
    try:
        about = metadata(name)
    except PackageNotFoundError:
        return ""
    licences = [text for name in ("License-Expression", "License") for text in about.get_all(name, [])]
    return " ".join([*(each[:80] for each in licences), *about.get_all("Classifier", [])])


def get_pinned_versions() -> dict[str, str]:
    """Map each pinned package to its version."""
    lines = (PROJECT / "requirements.txt").read_text(encoding="utf-8")
    return dict(re.findall(r"^([\w.-]+)(?:\[[^]]+\])?==([\w.]+)", lines, re.MULTILINE))


@pytest.mark.slow
def test_bill_of_materials_names_every_pinned_package(tmp_path: Path) -> None:
    bill = tmp_path / "sbom.json"
    command = [
        str(BIN / "cyclonedx-py"),
        "requirements",
        "--no-validate",
        "--of",
        "JSON",
        "-o",
        str(bill),
        "requirements.txt",
    ]
    subprocess.run(command, cwd=PROJECT, capture_output=True, check=True)
    components = {(each["name"], each["version"]) for each in json.loads(bill.read_text())["components"]}
    assert len(get_pinned_versions()) > 50
    assert set(get_pinned_versions()) <= {name for name, _ in components}


def read_systemd_units() -> dict[str, str]:
    """Map the name of each systemd unit in the documentation to its contents."""
    page = (PROJECT / "docs/deployment.md").read_text(encoding="utf-8")
    pattern = r"`/etc/systemd/system/([\w-]+\.(?:service|timer))`:\n\n```\n(.*?)```"
    return dict(re.findall(pattern, page, re.DOTALL))


def test_service_retries_while_the_database_is_unavailable_at_boot() -> None:
    web = read_systemd_units()["picard-web.service"]
    assert "Requires=" not in web  # if that unit failed once, nothing would start this one again
    assert "StartLimitIntervalSec=0\n" in web
    assert "Restart=always\n" in web
    assert re.search(r"^ExecStartPre=\S+ manage.py migrate --no-input$", web, re.MULTILINE)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is missing")
def test_documented_systemd_units_are_valid(tmp_path: Path) -> None:
    assert set(read_systemd_units()) == {"picard-web.service", "picard-backup.service", "picard-backup.timer"}
    for name, content in read_systemd_units().items():
        (tmp_path / name).write_text(re.sub(r"(ExecStart\w*)=\S+", r"\1=/bin/true", content))
    names = [str(tmp_path / name) for name in read_systemd_units()]
    result = subprocess.run(
        ["systemd-analyze", "verify", *names], capture_output=True, text=True, check=False
    )
    unknown = [line for line in result.stderr.splitlines() if "Unknown" in line or "Failed to parse" in line]
    assert unknown == []


# --- Base images ----------------------------------------------------------------------------------------


def pin_images(folder: Path, answer: str) -> subprocess.CompletedProcess[str]:
    """Run .ci/pin-images on copies of the files, with a `docker` that answers this."""
    docker = folder / "bin" / "docker"
    docker.parent.mkdir(exist_ok=True)
    docker.write_text(f"#!/bin/sh\n{answer}\n")
    docker.chmod(0o755)
    return subprocess.run(
        [sys.executable, str(PROJECT / ".ci/pin-images")],
        cwd=folder,
        env={"PATH": f"{docker.parent}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def image_files(tmp_path: Path) -> Path:
    for name in ("Dockerfile", f"{NOTES}/Dockerfile", "docker-compose.yml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / name, tmp_path / name)
    return tmp_path


def test_images_are_pinned_by_the_digests_that_docker_finds(image_files: Path) -> None:
    for digit in "ab":  # the second time, the digests of the first are replaced
        digest = f"sha256:{digit * 64}"
        assert pin_images(image_files, f"echo {digest}").returncode == 0
        for name in ("Dockerfile", f"{NOTES}/Dockerfile"):
            [image] = re.findall(r"^ARG PYTHON_IMAGE=(.+)$", (image_files / name).read_text(), re.MULTILINE)
            assert re.fullmatch(rf"python:[\w.-]+@{digest}", image)
        services = yaml.safe_load((image_files / "docker-compose.yml").read_text())["services"]
        assert services["database"]["image"].endswith(f"@{digest}")
        assert services["web"]["image"] == "picard"


@pytest.mark.parametrize("answer", ["echo no such image >&2; exit 1", "echo <no value>"])
def test_images_stay_as_they_are_if_docker_finds_no_digest(image_files: Path, answer: str) -> None:
    before = {path: path.read_text() for path in image_files.rglob("*ocker*") if path.is_file()}
    process = pin_images(image_files, answer)
    assert process.returncode == 1
    assert "did not find its digest" in process.stderr
    assert all(path.read_text() == text for path, text in before.items() if path.parent.name != "bin")
