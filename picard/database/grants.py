"""Rights of the database roles, given after each migration by the owner of the tables."""

from collections.abc import Collection

from django.conf import settings
from django.db import connection

from core.db.roles import Role
from core.db.row_security import build_system_function

ROWS = "select, insert, update, delete"
# Every table not listed here: ROWS for both roles.
RIGHTS = {
    "django_migrations": {Role.WEB: "select", Role.SYSTEM: "select"},
    # The provider is in the settings, and its tokens are not stored. Deleting a user looks into the second one.
    "socialaccount_socialapp": {Role.WEB: "select", Role.SYSTEM: "select"},
    "socialaccount_socialtoken": {Role.WEB: "select, delete", Role.SYSTEM: "select, delete"},
    "memories_auditevent": {Role.WEB: "select, insert", Role.SYSTEM: "select, insert, delete"},
    # A trigger of the tables' owner writes it.
    "memories_vectorchange": {Role.WEB: "select", Role.SYSTEM: "select, delete"},
    # Only people add these, and those who act for them.
    "memories_memory": {Role.SYSTEM: "select, update, delete"},
    "memories_memorytag": {Role.SYSTEM: "select, update, delete"},
    "memories_memoryrevision": {Role.SYSTEM: "select, update, delete"},
    "memories_tag": {Role.SYSTEM: "select, update, delete"},
    "memories_savedfilter": {Role.SYSTEM: "select, update, delete"},
    "memories_keptpair": {Role.SYSTEM: "select, update, delete"},
    "memories_proposal": {Role.SYSTEM: "select, update, delete"},
    "memories_importbatch": {Role.SYSTEM: "select, update, delete"},
    "memories_stagedmemories": {Role.SYSTEM: "select, update, delete"},
    "memories_storedanswer": {Role.SYSTEM: "select, update, delete"},
}


def get_user(role: Role) -> str:
    """Return the name in which a role logs in."""
    return str(settings.DATABASE_LOGINS[role]["USER"])


def grant_rights() -> None:
    """Give each role its rights, and let all but the web server's act as the system. The owner runs this."""
    owner, web, system = get_user(Role.OWNER), get_user(Role.WEB), get_user(Role.SYSTEM)
    run_statements([build_system_function(list_system_users())])
    if web != owner:
        run_statements(build_grants(web, {Role.WEB, Role.SYSTEM} if system == web else {Role.WEB}))
    if system not in (owner, web):
        run_statements(build_grants(system, {Role.SYSTEM}))


def trust_owner() -> None:
    """Let the owner act as the system before migrations: a restored database names the roles of its former server."""
    with connection.cursor() as cursor:
        cursor.execute("select to_regprocedure('picard_is_system()') is not null")
        exists = cursor.fetchone() == (True,)
    if exists:
        run_statements([build_system_function(list_system_users())])


def list_system_users() -> list[str]:
    return sorted({_get_current_user(), get_user(Role.OWNER), get_user(Role.SYSTEM)})


def build_grants(user: str, roles: Collection[Role]) -> list[str]:
    """Return the statements that give a user the rights of these roles in the present tables, and no others."""
    name = connection.ops.quote_name(user)
    statements = [
        f"grant usage on schema public to {name}",
        f"revoke all on all tables in schema public from {name}",
        f"grant {ROWS} on all tables in schema public to {name}",
        f"grant usage, select on all sequences in schema public to {name}",
    ]
    present = set(connection.introspection.table_names())
    for table in sorted(RIGHTS.keys() & present):
        rights = {right for role in roles for right in RIGHTS[table].get(role, ROWS).split(", ")}
        missing = ", ".join(sorted(set(ROWS.split(", ")) - rights))
        if missing:
            statements.append(f"revoke {missing} on {table} from {name}")
    return statements


def run_statements(statements: Collection[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def _get_current_user() -> str:
    with connection.cursor() as cursor:
        cursor.execute("select current_user")
        return str(cursor.fetchone()[0])
