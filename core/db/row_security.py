"""Row security: PostgreSQL itself gives a person no row of another, even to a statement without a filter.

Every table with rows of a person has the policies `own` (their rows) and `system` (all rows, for the roles that
picard_is_system names), and `public` where others may read public rows. All policies read the settings of
core/db/principal.py. They are FORCEd, so that they hold for the owner of the tables too. Subqueries, because PostgreSQL
evaluates them once per statement instead of once per row.
"""

from collections.abc import Sequence

OWN = "{owner} = (select nullif(current_setting('picard.owner', true), '')::uuid)"
PUBLIC_OF = "{owner} = (select nullif(current_setting('picard.public_of', true), '')::uuid)"
IS_SYSTEM = "(select picard_is_system())"
POLICIES = ("own", "public", "system")


def build_system_function(roles: Sequence[str]) -> str:
    """Return the statement that lets only these database roles, and their members, act as the system.

    Without roles every one can, until the first migration has ended. The function names them without depending on
    them, so that a backup can be restored where they do not exist.

    Its body is parsed when it is called, so all names in it have their schema: a temporary table of the caller could
    otherwise take the place of pg_roles.
    """
    names = ", ".join("'" + name.replace("'", "''") + "'" for name in roles)
    by_role = (
        f" and exists (select from pg_catalog.pg_roles where rolname = any(array[{names}]::pg_catalog.name[])"
        " and pg_catalog.pg_has_role(current_user, oid, 'usage'))"  # nosec B608 - names of roles from the settings
    )
    # Not in SQL: PostgreSQL would parse and inline it anew for each table of each statement that it plans.
    return (
        "create or replace function picard_is_system() returns boolean language plpgsql stable as $$begin "
        "return coalesce(pg_catalog.current_setting('picard.system', true), '') = 'on'"
        f"{by_role if names else ''}; end$$"
    )


def build_policies(table: str, *, owner: str = "owner_id", public: str = "") -> list[str]:
    """Return the statements that put a table under row security. Repeating them changes nothing.

    owner: the column with the person. public: the condition of rows that others may read.
    """
    own, is_theirs = OWN.format(owner=owner), PUBLIC_OF.format(owner=owner)
    statements = [
        *drop_policies(table),
        f"create policy own on {table} using ({own})",
        f"create policy system on {table} using ({IS_SYSTEM})",
        f"alter table {table} enable row level security",
        f"alter table {table} force row level security",
    ]
    if public:
        statements.append(f"create policy public on {table} for select using ({public} and {is_theirs})")
    return statements


def drop_policies(table: str) -> list[str]:
    return [
        *(f"drop policy if exists {policy} on {table}" for policy in POLICIES),
        f"alter table {table} no force row level security",
        f"alter table {table} disable row level security",
    ]
