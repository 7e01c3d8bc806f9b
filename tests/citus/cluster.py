"""The test database on a cluster, instead of the embedded server: PICARD_CITUS_URL.

It is a superuser's URL of a database of the coordinator, which has Citus and its nodes. The nodes must let each other
in without a password, and have pgvector.
"""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any, LiteralString
from urllib.parse import quote

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from core.db.roles import Role, acting_as_system
from picard.postgres.logins import grant_membership, write_login
from picard.postgres.manager import EXTENSIONS, ROLES
from tests.chaos.template import file_lock

URL = os.environ.get("PICARD_CITUS_URL", "")
PASSWORD = "picard"  # of the roles of the tests
SHARDS = 4
Node = tuple[str, int]


def describe() -> str:
    """Return the line of pytest's header."""
    if not URL:
        return "citus: skipped, since PICARD_CITUS_URL is not set"
    return f"citus: the test database is distributed over {len(list_nodes())} nodes"


def use_cluster(test_role: str) -> None:
    """Let Django connect to the cluster. Call it before connecting."""
    server = conninfo_to_dict(URL)
    logins = {role: build_login(user) for role, user in ROLES.items()}
    logins[Role.WEB] = logins[Role.SYSTEM] = build_login(test_role)
    changed = {
        "EMBEDDED_HOME": None,
        "LOGINS": logins,
        "HOST": str(server.get("host", "")),
        "PORT": str(server.get("port", "")),
    }
    settings.DATABASES["default"] |= changed
    wrapper: Any = connection
    wrapper.settings_dict |= changed
    wrapper.server = None


def build_login(user: str) -> dict[str, Any]:
    return {"USER": user, "PASSWORD": PASSWORD, "NAME": "picard"}


def build_url(user: str, database: str) -> str:
    server = conninfo_to_dict(URL)
    return f"postgresql://{user}:{PASSWORD}@{server['host']}:{server['port']}/{quote(database, safe='')}"


def list_nodes() -> list[Node]:
    """Return host and port of each node with shards."""
    with connect() as superuser:
        return superuser.execute(
            "select nodename, nodeport from pg_dist_node where shouldhaveshards and isactive order by 2"
        ).fetchall()


def connect(database: str = "", node: Node | None = None) -> "closing[psycopg.Connection[Any]]":
    """Connect as the superuser to a database of the coordinator, or of a node."""
    host, port = node or (None, None)
    conninfo = make_conninfo(URL, host=host, port=port, dbname=database or None)
    return closing(psycopg.connect(conninfo, autocommit=True))


@contextmanager
def cluster_database(name: str, test_role: str) -> Iterator[None]:
    """Create a database on all nodes; migrate, distribute and at the end drop it."""
    with file_lock("cluster.lock"):
        _create_roles(test_role)
        _drop_database(name)
        _create_database(name)
    connection.settings_dict["NAME"] = settings.DATABASES["default"]["NAME"] = name
    with acting_as_system(Role.OWNER):
        call_command("migrate", verbosity=0)
        call_command("createcachetable", verbosity=0)
        with connection.cursor() as cursor:
            cursor.execute(f"grant truncate on all tables in schema public to {test_role}")
        call_command("distribute", shards=SHARDS, verbosity=0)
    with connect(name) as superuser:
        # A test is one transaction. After a parallel read, Citus refuses to write a reference table in it.
        _execute(superuser, "alter database {} set citus.multi_shard_modify_mode = 'sequential'", name)
        _execute(superuser, "alter database {} set citus.enable_stat_counters = on", name)
    yield
    connection.close()
    _drop_database(name)


def _create_roles(test_role: str) -> None:
    with connect() as superuser:
        for user in (*ROLES.values(), test_role):
            write_login(superuser, user, PASSWORD)
        _execute(superuser, "alter role {} createdb", ROLES[Role.OWNER])
        grant_membership(superuser, [ROLES[Role.WEB], ROLES[Role.SYSTEM]], ROLES[Role.OWNER])
        grant_membership(superuser, [ROLES[Role.WEB], ROLES[Role.SYSTEM]], test_role)
        _execute(superuser, "grant {} to {} with inherit false", ROLES[Role.OWNER], test_role)


def _create_database(name: str) -> None:
    """Citus sends statements to the databases of the same name, which have to know the same extensions."""
    coordinator = conninfo_to_dict(URL)
    nodes = list_nodes()
    for node in (None, *nodes):
        with connect(node=node) as superuser:
            superuser.execute("set citus.enable_create_database_propagation = off")
            _execute(superuser, "create database {} owner {}", name, ROLES[Role.OWNER])
        with connect(name, node) as superuser:
            superuser.execute("set client_min_messages = error")
            for extension in ("citus", *EXTENSIONS):
                _execute(superuser, "create extension {}", extension)
    with connect(name) as superuser:
        superuser.execute(
            "select citus_set_coordinator_host(%s, %s)", [coordinator["host"], int(str(coordinator["port"]))]
        )
        for host, port in nodes:
            superuser.execute("select citus_add_node(%s, %s)", [host, port])


def _drop_database(name: str) -> None:
    for node in (None, *list_nodes()):
        with connect(node=node) as superuser:
            superuser.execute("set citus.enable_create_database_propagation = off")
            _execute(superuser, "drop database if exists {} with (force)", name)


def _execute(superuser: "psycopg.Connection[Any]", statement: LiteralString, *names: str) -> None:
    superuser.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
