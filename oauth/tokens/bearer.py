"""Authentication of bearer tokens, the hottest path of apps: one prepared statement that also counts the request."""

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from accounts.actor import Actor, Channel
from accounts.models import User
from accounts.rate_limits import CONSUME_SQL, get_api_limit
from accounts.work_budget import Share, require_budget
from core.db.prepared import fetch_prepared
from oauth.diagnostics import client_errors
from oauth.error_hints import ErrorKind
from oauth.tokens import personal, resource_indicators
from oauth.tokens.families import ACCESS_PREFIX, compute_checksum

# The columns that channels and services read. Django loads others on access.
USER_FIELDS = {
    "id", "email", "handle", "display_name", "time_zone", "language", "former_languages",
    "persona_enabled", "public_page_enabled", "is_staff", "is_superuser", "is_active", "chat_provider",
    "embedding_provider",
}  # fmt: skip
USER_COLUMNS = tuple(field.attname for field in User._meta.concrete_fields if field.attname in USER_FIELDS)
# Why a token is rejected, for the app's developer, and what the user can do, to whom many apps show it.
REFUSAL_MESSAGES = {
    "expired": "The access token has expired.",
    "audience": "The access token was not issued for this resource.",
    "inactive": "The account is not active.",
    "ended": "The app's access has expired. The user can connect it again.",
    "paused": "The user has paused this app. They can resume it under Apps.",
}
PERSONAL_REFUSAL_MESSAGES = REFUSAL_MESSAGES | {
    "ended": "The personal access token has expired. Regenerate it under Apps > Access tokens.",
    "paused": "The user has paused this personal access token. Resume it under Apps > Access tokens.",
}
UNKNOWN_MESSAGE = "The access token is unknown or was revoked."
UNKNOWN_PERSONAL_MESSAGE = f"{UNKNOWN_MESSAGE} Create or regenerate one under Apps > Access tokens."
USE_RECORDED_EVERY = timedelta(minutes=5)
# Times are compared with the database's clock. A token is invalid without a grant, hence the inner join. Requests count
# against the limit of the app and user if the token is valid, or issued for another resource, to limit how often that
# error is recorded.
RATE_LIMIT_KEY_SQL = """
select %(limit)s || ':' || id || ':' || client_id from found where refusal is null or refusal = 'audience'
"""
FIND_TOKEN_SQL = f"""
with found as (
  select case when token.expires <= clock_timestamp() then 'expired'
              when not (app.is_personal_token or jsonb_exists(token.resource, %(resource)s)) then 'audience'
              when not person.is_active then 'inactive'
              when allowed.ends_at <= clock_timestamp() then 'ended'
              when allowed.paused_at is not null then 'paused' end as refusal,
         token.scope, app.client_id, allowed.scopes, allowed.only_tags, allowed.ends_at, allowed.asks_first,
         allowed.id as grant_id, allowed.used_at,
         {", ".join(f"person.{name}" for name in USER_COLUMNS)}
  from oauth2_provider_accesstoken token
  join oauth_application app on app.id = token.application_id
  join accounts_user person on person.id = token.user_id
  join oauth_appgrant allowed on allowed.user_id = token.user_id and allowed.application_id = token.application_id
  where token.token_checksum = %(checksum)s),
counted as (
  {CONSUME_SQL.replace("{key}", RATE_LIMIT_KEY_SQL)})
select exists (select from counted), found.* from found
"""  # noqa: S608  (constants) # nosec B608
# Without waiting for a page that changes the grant.
RECORD_USE_SQL = """
update oauth_appgrant set used_at = clock_timestamp()
where id = (select id from oauth_appgrant where id = %(grant)s for no key update skip locked)
returning 1
"""
MAX_CHARACTERS = 200


class InvalidAccessToken(Exception):
    """The access token is invalid (RFC 6750 3.1: invalid_token). `description` is for the app's developer."""

    error = "invalid_token"

    def __init__(self, description: str) -> None:
        super().__init__(description)
        self.description = description


class UnknownAccessToken(InvalidAccessToken):
    """This server did not issue the token, or has deleted it. Callers count it for the network.

    Not other refused tokens: all users of a hosted app share its addresses, and need the 401 to refresh or reconnect.
    """


class _TokenRow(NamedTuple):
    is_within_limit: bool
    refusal: str | None
    scope: str
    client_id: str
    allowed_scopes: list[str]
    only_tags: list[UUID] | None
    ends_at: datetime | None
    asks_first: bool
    grant_id: UUID
    used_at: datetime | None


def authenticate_token(token: str, channel: Channel) -> Actor:
    """Return the actor of the app, with the scopes that both its token and its grant have.

    Counts against the rate limit. Raises InvalidAccessToken, RateLimitExceeded.
    """
    is_personal = personal.is_personal_token(token)
    if is_personal:
        _check_personal_token(token)
    elif not token.startswith(ACCESS_PREFIX) or len(token) > MAX_CHARACTERS or not token.isascii():
        raise InvalidAccessToken("The access token was not issued by this server.")
    limit = get_api_limit()
    params: dict[str, object] = {
        "checksum": compute_checksum(token),
        "resource": resource_indicators.get_resource(channel),
        "limit": limit.name,
    }
    rows = fetch_prepared(FIND_TOKEN_SQL, params | limit.sql_params)
    if not rows:
        raise UnknownAccessToken(UNKNOWN_PERSONAL_MESSAGE if is_personal else UNKNOWN_MESSAGE)
    width = len(_TokenRow._fields)
    row, person = _TokenRow(*rows[0][:width]), User.from_db("default", USER_COLUMNS, rows[0][width:])
    if row.refusal == "audience" and row.is_within_limit:
        client_errors.record_client_error(row.client_id, ErrorKind.AUDIENCE)
    if row.refusal:
        raise InvalidAccessToken(
            (PERSONAL_REFUSAL_MESSAGES if is_personal else REFUSAL_MESSAGES)[row.refusal]
        )
    if not row.is_within_limit:
        raise limit.exceeded_error
    require_budget(person.pk, Share.APPS)
    if is_personal:
        _record_use(row)
    return Actor(
        user=person,
        door=channel,
        scopes=frozenset(row.scope.split()) & frozenset(row.allowed_scopes),
        client_id=row.client_id,
        only_tags=None if row.only_tags is None else frozenset(row.only_tags),
        until=row.ends_at,
        asks_first=row.asks_first,
    )


def _check_personal_token(token: str) -> None:
    """Raise InvalidAccessToken for a token that cannot be valid, whatever the database contains."""
    if not settings.PERSONAL_TOKENS:
        raise InvalidAccessToken("Personal access tokens are turned off on this server.")
    if not personal.has_valid_form(token):
        raise InvalidAccessToken("The personal access token is incomplete or mistyped.")


def _record_use(row: _TokenRow) -> None:
    """Record when the token was last used, but seldom."""
    if row.used_at is None or timezone.now() - row.used_at >= USE_RECORDED_EVERY:
        fetch_prepared(RECORD_USE_SQL, {"grant": row.grant_id})


def build_www_authenticate(
    channel: Channel, request: HttpRequest, *, error: str = "", description: str = "", scope: str = ""
) -> str:
    """Return the header of a 401 or 403 (RFC 6750 3, RFC 9728 5.1). No `error` for a request without a token.

    scope: by default what every app can request. Apps request exactly these, and most never request more.
    """
    params = {
        "error": error,
        "error_description": description,
        "scope": scope or " ".join(settings.OAUTH_SCOPES_FOR_EVERY_APP),
        "resource_metadata": resource_indicators.get_metadata_url(channel, request),
    }
    return "Bearer " + ", ".join(
        f'{name}="{_strip_unquotable(value)}"' for name, value in params.items() if value
    )


def _strip_unquotable(value: str) -> str:
    return "".join(character for character in value if character.isprintable() and character not in '"\\')
