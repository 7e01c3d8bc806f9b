"""The names of apps, as a user knows them."""

from collections.abc import Collection, Iterable, Sequence
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS

from accounts.actor import Actor, InsufficientScope
from core.db.prepared import fetch_prepared
from oauth.models import Application

COLUMNS = ["client_id", "name", "redirect_uris", "registration_source"]  # by which an app is called
SQL = f"""
select coalesce(granted.consented_name, ''), {", ".join(f"app.{name}" for name in COLUMNS)} from oauth_application app
left join oauth_appgrant granted on granted.application_id = app.id and granted.user_id = %(user)s
where app.client_id = any(%(client_ids)s)
"""  # noqa: S608 - put together from constants # nosec B608

CONNECTED = f"""
select granted.consented_name, {", ".join(f"app.{name}" for name in COLUMNS)} from oauth_appgrant granted
join oauth_application app on app.id = granted.application_id
where granted.user_id = %s order by granted.consented_at desc
"""  # noqa: S608 - put together from constants # nosec B608


def get_connected_names(actor: Actor) -> dict[str, str]:
    """Return the names of the user's connected apps by client id, newest first. Raises InsufficientScope for an app."""
    if actor.is_app:
        raise InsufficientScope("sign-in")
    return _parse_names(fetch_prepared(CONNECTED, [actor.person.pk]))


def get_app_names(user_id: UUID, client_ids: Collection[str]) -> dict[str, str]:
    """Return the names of these apps by client id, without deleted apps; as the user allowed them, if any."""
    if not client_ids:
        return {}
    return _parse_names(fetch_prepared(SQL, {"user": user_id, "client_ids": sorted(client_ids)}))


def _parse_names(rows: Iterable[Sequence[str]]) -> dict[str, str]:
    return {row[0]: consented_name or _get_own_name(row) for consented_name, *row in rows}


def _get_own_name(row: Sequence[str]) -> str:
    return row[1] or str(Application.from_db(DEFAULT_DB_ALIAS, COLUMNS, row))
