"""The names of apps, as a user knows them."""

from collections.abc import Collection
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS

from core.db.prepared import fetch_prepared
from oauth.models import Application

COLUMNS = ["client_id", "name", "redirect_uris", "registration_source"]  # by which an app is called
SQL = f"""
select coalesce(granted.consented_name, ''), {", ".join(f"app.{name}" for name in COLUMNS)} from oauth_application app
left join oauth_appgrant granted on granted.application_id = app.id and granted.user_id = %(user)s
where app.client_id = any(%(client_ids)s)
"""  # noqa: S608 - put together from constants # nosec B608


def get_app_names(user_id: UUID, client_ids: Collection[str]) -> dict[str, str]:
    """Return the names of these apps by client id, without deleted apps; as the user allowed them, if any."""
    if not client_ids:
        return {}
    rows = fetch_prepared(SQL, {"user": user_id, "client_ids": sorted(client_ids)})
    return {row[0]: consented_name or _get_own_name(row) for consented_name, *row in rows}


def _get_own_name(row: list[str]) -> str:
    return row[1] or str(Application.from_db(DEFAULT_DB_ALIAS, COLUMNS, row))
