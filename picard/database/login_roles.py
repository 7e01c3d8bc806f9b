"""The roles of DATABASE_URL and SYSTEM_DATABASE_URL, created by the owner of the tables where it may."""

from typing import cast

import psycopg
from django.conf import settings
from django.db import connection

from core.db.roles import Role, connected_as
from picard.database.grants import get_user
from picard.postgres.logins import grant_membership, has_role, may_administer, write_login


class MissingRoleError(Exception):
    """The role that the message names does not exist, and the owner may not create it."""


def create_roles() -> None:
    """Create what is missing, and set the passwords of the settings in all roles that the owner administers.

    Raises MissingRoleError. The embedded server has created its roles itself.
    """
    if settings.EMBEDDED:
        return
    owner = get_user(Role.OWNER)
    passwords = {
        get_user(role): settings.DATABASE_LOGINS[role]["PASSWORD"] for role in (Role.WEB, Role.SYSTEM)
    }
    others = sorted(passwords.keys() - {"", owner})
    connection.ensure_connection()
    raw = cast(psycopg.Connection, connection.connection)
    own = [user for user in others if may_administer(raw, user)]
    for user in others:
        if user in own:
            write_login(raw, user, passwords[user])
        elif not has_role(raw, user):
            raise MissingRoleError(user)
    if own:
        grant_membership(raw, own, owner)


def find_powerful_web_user() -> str:
    """Return the web server's role if it can do more than read and write rows, else an empty text.

    Also by another role, which it can become (SET ROLE): a hosting service's user often has such ones.
    """
    with connected_as(Role.WEB), connection.cursor() as cursor:
        cursor.execute(
            "select current_user where exists (select from pg_catalog.pg_roles power"
            " where pg_catalog.pg_has_role(current_user, power.oid, 'member') and (rolsuper or rolbypassrls"
            " or rolcreaterole or power.oid = (select relowner from pg_catalog.pg_class"
            " where oid = to_regclass('memories_memory'))))"
        )
        found = cursor.fetchone()
    return str(found[0]) if found else ""
