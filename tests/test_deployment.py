"""What an operator deploys by is as promised: compose, Render, the image, the licences."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from core.version import VERSION
from picard.config.paths import PROJECT
from tests.test_docs import variables

BIN = Path(sys.executable).parent
NOTES = "docs/examples/notes"
COPYLEFT = re.compile(r"\bA?L?GPL|MPL|Mozilla Public|EUPL|Affero")


def loaded(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((PROJECT / name).read_text(encoding="utf-8"))
    return content


def test_the_compose_file_keeps_its_specification() -> None:
    from jsonschema import Draft202012Validator  # takes seconds

    [package] = find_spec("check_jsonschema").submodule_search_locations  # type: ignore[union-attr, misc]
    schema = json.loads(
        (Path(package) / "builtin_schemas/vendor/compose-spec.json").read_text(encoding="utf-8")
    )
    assert list(Draft202012Validator(schema).iter_errors(loaded("docker-compose.yml"))) == []


def test_in_compose_only_the_web_server_has_a_port_and_only_for_this_machine() -> None:
    services = loaded("docker-compose.yml")["services"]
    ports = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert ports
    assert all(port.startswith("127.0.0.1:") for each in ports.values() for port in each)
    assert "database" not in ports


@pytest.mark.parametrize("name", ["migrate", "web", "worker", "notes-register", "notes"])
def test_in_compose_our_containers_have_no_rights(name: str) -> None:
    service = loaded("docker-compose.yml")["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_in_compose_a_long_file_lies_in_the_volume_while_it_is_read() -> None:
    image = (PROJECT / "Dockerfile").read_text(encoding="utf-8").rpartition("\nFROM ")[2]
    [folder] = re.findall(r"\bTMPDIR=(\S+)", image)  # /tmp is memory
    assert f"\nVOLUME {folder}\n" in image
    assert f"mkdir {folder} && chown" in image
    assert loaded("docker-compose.yml")["services"]["web"]["volumes"] == [f"home:{folder}"]


def test_with_systemd_a_long_file_lies_on_the_disk_while_it_is_read() -> None:
    assert {"PrivateTmp=yes", "Environment=TMPDIR=/var/tmp"} <= set(
        units()["picard-web.service"].splitlines()
    )


def test_in_compose_the_worker_sees_the_letters_that_it_has_to_delete() -> None:
    services = loaded("docker-compose.yml")["services"]
    assert services["worker"]["volumes"] == services["web"]["volumes"]


def test_in_compose_no_log_fills_the_disk() -> None:
    for service in loaded("docker-compose.yml")["services"].values():
        assert service["logging"]["driver"] == "local"
        assert {"max-size", "max-file"} == service["logging"]["options"].keys()


def test_in_compose_nothing_starts_before_the_migrations() -> None:
    services = loaded("docker-compose.yml")["services"]
    for name in ("web", "worker"):
        assert services[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert services["migrate"]["depends_on"]["database"] == {"condition": "service_healthy"}


def test_in_compose_the_example_app_comes_only_when_asked_for_and_gets_nothing_of_picards() -> None:
    services = loaded("docker-compose.yml")["services"]
    assert services["notes"]["profiles"] == services["notes-register"]["profiles"] == ["notes"]
    assert "env_file" not in services["notes"]
    assert all(name.startswith("NOTES_") for name in services["notes"]["environment"])
    assert services["notes"]["volumes"] == services["notes-register"]["volumes"] == ["notes:/data"]


def test_render_runs_the_example_app_from_its_own_folder() -> None:
    [service] = loaded(f"{NOTES}/render.yaml")["services"]
    assert (service["type"], service["runtime"]) == ("web", "docker")
    assert (service["dockerContext"], service["dockerfilePath"]) == (f"./{NOTES}", f"./{NOTES}/Dockerfile")
    read = set(
        re.findall(r'env\("(\w+)"', (PROJECT / NOTES / "notes/settings.py").read_text(encoding="utf-8"))
    )
    assert {each["key"] for each in service["envVars"]} == read


def test_the_example_app_installs_what_it_names() -> None:
    named = set(re.findall(r"^[a-z0-9-]+", (PROJECT / NOTES / "requirements.in").read_text(), re.MULTILINE))
    installed = re.findall(
        r"^([a-z0-9-]+)==", (PROJECT / NOTES / "requirements.txt").read_text(), re.MULTILINE
    )
    assert named <= set(installed)
    modules = (PROJECT / NOTES / "notes").glob("*.py")
    imports = {
        name
        for path in modules
        for name in re.findall(r"^(?:import|from) (\w+)", path.read_text(), re.MULTILINE)
    }
    needed = imports - sys.stdlib_module_names - {"notes"}
    assert {{"environ": "django-environ"}.get(name, name) for name in needed} <= named


def test_render_migrates_before_each_deploy_and_asks_whether_the_server_lives() -> None:
    web, worker = loaded("render.yaml")["services"]
    assert (web["type"], worker["type"]) == ("web", "worker")
    assert web["healthCheckPath"] == "/healthz"
    for service in (web, worker):
        assert service["preDeployCommand"] == "python manage.py migrate --no-input"
        assert service["runtime"] == "docker"  # `env` was its name before, and is refused
        assert "env" not in service
        assert service["autoDeployTrigger"] == "commit"


def test_render_makes_no_master_key_and_publishes_no_database() -> None:
    [database] = loaded("render.yaml")["databases"]
    [group] = loaded("render.yaml")["envVarGroups"]
    assert database["ipAllowList"] == []
    assert {"key": "SECRET_KEY", "generateValue": True} in group["envVars"]
    assert not [each for each in group["envVars"] if "sync" in each]  # Render disregards them in a group
    web, worker = (
        {each.get("key"): each for each in service["envVars"]}
        for service in loaded("render.yaml")["services"]
    )
    assert web.keys() == worker.keys()
    for asked in ("FIELD_ENCRYPTION_KEY", "PUBLIC_URL"):
        assert web[asked] == {"key": asked, "sync": False}
        assert worker[asked]["fromService"] == {"type": "web", "name": "picard", "envVarKey": asked}


def test_render_sets_only_variables_that_exist() -> None:
    blueprint = loaded("render.yaml")
    everywhere = [*blueprint["services"], *blueprint["envVarGroups"]]
    keys = {each["key"] for place in everywhere for each in place["envVars"] if "key" in each}
    assert keys <= variables().keys()


def test_the_images_have_nothing_to_object_to() -> None:
    done = subprocess.run(
        [BIN / "hadolint", "Dockerfile", f"{NOTES}/Dockerfile"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("folder", [".", NOTES])
def test_an_image_runs_without_rights_and_takes_in_only_what_it_needs(folder: str) -> None:
    dockerfile = (PROJECT / folder / "Dockerfile").read_text(encoding="utf-8")
    assert re.search(r"^USER \d+:\d+$", dockerfile, re.MULTILINE)
    taken = (PROJECT / folder / ".dockerignore").read_text(encoding="utf-8").split()
    assert taken[0] == "*"
    assert all((PROJECT / folder / each.removeprefix("!")).exists() for each in taken if each.startswith("!"))


@pytest.mark.parametrize("name", ["run", "check-deploy", "slim-environment"])
def test_the_scripts_of_ci_are_scripts(name: str) -> None:
    shell = (PROJECT / ".ci" / name).read_text(encoding="utf-8").splitlines()[0].removeprefix("#!").split()
    subprocess.run([*shell, "-n", PROJECT / ".ci" / name], check=True)


def test_the_version_is_the_same_everywhere() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    releases = re.findall(
        r"^## \[(\d[\d.]+)\]", (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert project["version"] == VERSION == releases[0]


def test_the_workflow_runs_what_ci_runs() -> None:
    [job] = loaded(".github/workflows/ci.yml")["jobs"].values()
    assert [step["run"] for step in job["steps"] if "run" in step] == [".ci/run"]


def test_the_devcontainer_has_what_ci_installs() -> None:
    container = json.loads((PROJECT / ".devcontainer/devcontainer.json").read_text(encoding="utf-8"))
    script = (PROJECT / ".ci/run").read_text(encoding="utf-8")
    packages = {name for each in re.findall(r"missing\+=\(([^)]+)\)", script) for name in each.split()}
    assert len(packages) > 5
    assert packages - {"npm"} <= set(container["postCreateCommand"].split())
    assert any("/node:" in feature for feature in container["features"])


def test_the_image_holds_what_the_server_imports_and_neither_benchmarks_nor_tests() -> None:
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


def test_everything_vendored_has_its_licence_and_is_in_the_notice() -> None:
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


def test_the_notice_names_every_package_whose_licence_asks_for_more_than_a_mention() -> None:
    notice = (PROJECT / "NOTICE").read_text(encoding="utf-8")
    assert {name for name in pinned() if COPYLEFT.search(licence(name))} <= set(re.findall(r"[\w-]+", notice))
    named = re.findall(r"^  ([a-z][\w-]+) (\d[\d.]+\d):", notice, re.MULTILINE)
    assert {name: pinned()[name] for name, _version in named} == dict(named)


def licence(name: str) -> str:
    """What an installed package says of itself; nothing for those that this machine does not need."""
    try:
        about = metadata(name)
    except PackageNotFoundError:
        return ""
    said = [said for name in ("License-Expression", "License") for said in about.get_all(name, [])]
    return " ".join([*(each[:80] for each in said), *about.get_all("Classifier", [])])


def pinned() -> dict[str, str]:
    """Each package that Picard installs, with its version."""
    lines = (PROJECT / "requirements.txt").read_text(encoding="utf-8")
    return dict(re.findall(r"^([\w.-]+)(?:\[[^]]+\])?==([\w.]+)", lines, re.MULTILINE))


@pytest.mark.slow
def test_the_bill_of_materials_names_every_pinned_package(tmp_path: Path) -> None:
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
    named = {(each["name"], each["version"]) for each in json.loads(bill.read_text())["components"]}
    assert len(pinned()) > 50
    assert set(pinned()) <= {name for name, _ in named}


def units() -> dict[str, str]:
    """Of the documentation: each file of systemd's that it has, by its name."""
    page = (PROJECT / "docs/deployment.md").read_text(encoding="utf-8")
    named = r"`/etc/systemd/system/([\w-]+\.(?:service|timer))`:\n\n```\n(.*?)```"
    return dict(re.findall(named, page, re.DOTALL))


def test_a_database_that_is_away_at_boot_is_tried_again() -> None:
    web = units()["picard-web.service"]
    assert "Requires=" not in web  # of a unit that failed, and nothing would start this one again
    assert "StartLimitIntervalSec=0\n" in web
    assert "Restart=always\n" in web
    assert re.search(r"^ExecStartPre=\S+ manage.py migrate --no-input$", web, re.MULTILINE)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is missing")
def test_the_units_of_the_documentation_are_units(tmp_path: Path) -> None:
    assert set(units()) == {"picard-web.service", "picard-backup.service", "picard-backup.timer"}
    for name, content in units().items():
        (tmp_path / name).write_text(re.sub(r"(ExecStart\w*)=\S+", r"\1=/bin/true", content))
    names = [str(tmp_path / name) for name in units()]
    done = subprocess.run(["systemd-analyze", "verify", *names], capture_output=True, text=True, check=False)
    unknown = [line for line in done.stderr.splitlines() if "Unknown" in line or "Failed to parse" in line]
    assert unknown == []
