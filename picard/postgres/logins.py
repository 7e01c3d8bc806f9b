"""Database roles that log in, created by whoever may: the embedded server's superuser, or the owner that migrates."""

import psycopg
from psycopg import sql


def has_role(connection: psycopg.Connection, user: str) -> bool:
    return (
        connection.execute("select from pg_catalog.pg_roles where rolname = %s", [user]).fetchone()
        is not None
    )


def write_login(connection: psycopg.Connection, user: str, password: str) -> None:
    """Create the role, or change its password. Without a password, one is neither set nor removed."""
    name = sql.Identifier(user)
    if not has_role(connection, user):
        connection.execute(sql.SQL("create role {}").format(name))
    verifier: sql.Composable = sql.SQL("")
    if password:  # only its verifier is sent, so that no log can contain it
        secret = connection.pgconn.encrypt_password(password.encode(), user.encode(), b"scram-sha-256")
        verifier = sql.SQL(" password {}").format(sql.Literal(secret.decode()))
    connection.execute(sql.SQL("alter role {} login{}").format(name, verifier))


def grant_membership(connection: psycopg.Connection, users: list[str], member: str) -> None:
    """Let the member see and end the sessions of these users."""
    names = sql.SQL(", ").join(map(sql.Identifier, users))
    connection.execute(sql.SQL("grant {} to {}").format(names, sql.Identifier(member)))


def may_administer(connection: psycopg.Connection, user: str) -> bool:
    """Return whether the current role may change this existing role, or create it if it does not exist."""
    row = connection.execute(
        "select me.rolsuper or me.rolcreaterole and not coalesce(other.rolsuper, false) and (other.oid is null"
        " or current_setting('server_version_num')::int < 160000"
        " or pg_has_role(me.rolname, other.oid, 'member with admin option'))"
        " from pg_catalog.pg_roles me left join pg_catalog.pg_roles other on other.rolname = %s"
        " where me.rolname = current_user",
        [user],
    ).fetchone()
    return row == (True,)
