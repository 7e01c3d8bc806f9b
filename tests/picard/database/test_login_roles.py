"""Roles of a database that a hosting service provides, whose user may create roles and is no superuser."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest
import yaml
from django.conf import settings
from psycopg import sql

from picard.config.paths import PROJECT
from picard.postgres.manager import EmbeddedPostgres

RIGHTS = """
import django, sys
django.setup()
from django.conf import settings
from django.core.checks import run_checks
from django.db import connection
from core.db.roles import Role, connected_as
from picard.database.login_roles import find_powerful_web_user
for role in Role:
    with connected_as(role), connection.cursor() as cursor:
        cursor.execute("select current_user, pg_has_role(current_user, relowner, 'member') from pg_class"
                       " where relname = 'memories_memory'")
        print(*cursor.fetchone())
print([each.id for each in run_checks()], find_powerful_web_user())
"""


class Host:
    """A hosting service with one database, and what render.yaml says of it."""

    def __init__(self, name: str) -> None:
        self.owner, self.database = f"{name}_owner", f"{name}_database"
        self.web, self.system, self.power = f"{name}_web", f"{name}_system", f"{name}_power"
        self.server = EmbeddedPostgres(settings.PICARD_HOME / "postgres")
        self.server.ensure_running()
        self.passwords = {"WEB_DATABASE_PASSWORD": "web+/=@:", "SYSTEM_DATABASE_PASSWORD": "system '\""}
        self.blueprint: dict[str, Any] = yaml.safe_load((PROJECT / "render.yaml").read_text())

    def create(self, rights: str) -> None:
        with self.connect_superuser() as raw:
            raw.execute(
                sql.SQL("create role {} login nosuperuser createdb password 'pass' {}").format(
                    sql.Identifier(self.owner),
                    sql.SQL(rights),
                )
            )
            raw.execute(
                sql.SQL("create database {} owner {}").format(
                    *map(sql.Identifier, (self.database, self.owner))
                )
            )

    def drop(self) -> None:
        with self.connect_superuser() as raw:
            raw.execute(
                sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(self.database))
            )
            for user in (self.web, self.system, self.power, self.owner):
                raw.execute(sql.SQL("drop role if exists {}").format(sql.Identifier(user)))

    def connect_superuser(self) -> "closing[psycopg.Connection[Any]]":
        return closing(self.server._connect_superuser("postgres"))

    def run(self, service: str, command: str) -> "subprocess.CompletedProcess[str]":
        """Run a command as this service does, with the environment that render.yaml gives it."""
        words = [sys.executable if word == "python" else word for word in shlex.split(command)]
        return subprocess.run(
            words,
            cwd=PROJECT,
            env=self.environment(service),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def environment(self, service: str) -> dict[str, str]:
        [found] = [each for each in self.blueprint["services"] if each["type"] == service]
        groups = {group["name"]: group["envVars"] for group in self.blueprint["envVarGroups"]}
        variables = [
            variable for each in found["envVars"] for variable in groups.get(each.get("fromGroup"), [each])
        ]
        return {
            "PATH": os.environ["PATH"],
            "PICARD_HOME": str(settings.PICARD_HOME),
            "PICARD_ENV_FILE": "",
            "DJANGO_SETTINGS_MODULE": "picard.settings",
            **{variable["key"]: self.evaluate(variable) for variable in variables},
        }

    def evaluate(self, variable: dict[str, Any]) -> str:
        known = {
            "SECRET_KEY": settings.SECRET_KEY,
            "FIELD_ENCRYPTION_KEY": settings.FIELD_ENCRYPTION_KEY[0],
            "PUBLIC_URL": "http://127.0.0.1:8000",
            **self.passwords,
        }
        if "value" in variable:
            return re.sub(
                r"\bpicard_(web|system)\b", lambda found: getattr(self, found[1]), variable["value"]
            )
        if "fromDatabase" not in variable:
            return known[variable["key"]]
        folder = str(self.server.socket_folder)
        url = f"postgresql://{self.owner}:pass@/{self.database}?host={folder}"
        properties = {"host": folder, "port": "5432", "database": self.database, "connectionString": url}
        return properties[variable["fromDatabase"]["property"]]

    def migrate(self) -> "subprocess.CompletedProcess[str]":
        return self.run("web", self.blueprint["services"][0]["preDeployCommand"])


@pytest.fixture
def host() -> Iterator[Host]:
    host = Host(f"host{os.getpid()}")
    host.drop()
    yield host
    host.drop()


def test_render_runs_with_three_roles(host: Host) -> None:
    host.create("createrole")
    migrated = host.migrate()
    assert (migrated.returncode, migrated.stderr[-2000:]) == (0, "")
    [program] = re.findall(r"^(env .*?)gunicorn ", host.blueprint["services"][0]["dockerCommand"])
    process = host.run("web", f"{program} python -c {shlex.quote(RIGHTS)}")
    assert process.stdout.splitlines() == [
        f"{host.web} False",
        f"{host.system} False",
        f"{host.web} False",  # the owner's login is not in this process
        "[] ",
    ], process.stderr
    with host.connect_superuser() as raw:
        rights = "rolsuper or rolbypassrls or rolcreaterole or rolcreatedb"
        query = f"select bool_or({rights}) from pg_roles where rolname = any(%s)"
        assert raw.execute(query, [[host.web, host.system]]).fetchone() == (False,)
        power, web = sql.Identifier(host.power), sql.Identifier(host.web)
        raw.execute(sql.SQL("create role {} bypassrls").format(power))
        raw.execute(sql.SQL("grant {} to {}").format(power, web))
    process = host.run("web", f"{program} python -c {shlex.quote(RIGHTS)}")
    assert process.stdout.splitlines()[-1] == f"[] {host.web}"  # which can become the other
    host.passwords["WEB_DATABASE_PASSWORD"] = "another"
    assert host.migrate().returncode == 0
    login = psycopg.connect(
        host=str(host.server.socket_folder), dbname=host.database, user=host.web, password="another"
    )
    login.close()


def test_owner_who_may_not_create_roles_gets_a_hint(host: Host) -> None:
    host.create("nocreaterole")
    process = host.migrate()
    assert process.returncode == 1
    assert f'no role "{host.system}"' in process.stderr
    assert "Traceback" not in process.stderr
