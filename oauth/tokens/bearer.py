"""From a bearer token to its actor, in one prepared statement that counts against its limit: the apps' hottest path."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from accounts.actor import Actor, Channel
from accounts.models import User
from accounts.rate_limits import CONSUME_SQL, get_api_limit
from core.db.prepared import fetch_prepared
from oauth.diagnostics import client_errors
from oauth.error_hints import ErrorKind
from oauth.tokens import resource_indicators
from oauth.tokens.families import ACCESS_PREFIX, compute_checksum

# What doors and services read of a person; any other column is fetched when it is asked for.
USER_FIELDS = {
    "id", "email", "handle", "display_name", "time_zone",
    "persona_enabled", "public_page_enabled", "is_staff", "is_superuser", "is_active", "chat_provider",
    "embedding_provider",
}  # fmt: skip
USER_COLUMNS = tuple(field.attname for field in User._meta.concrete_fields if field.attname in USER_FIELDS)
# Why a token lets nobody in, for the app's developer.
REFUSAL_MESSAGES = {
    "expired": "The access token has expired.",
    "audience": "The access token was not issued for this resource.",
    "inactive": "The account is not active.",
    "ended": "The person's permission has ended.",
    "paused": "The person has paused this app.",
}
# Times are compared by the database's clock. A grant that is gone takes all tokens with it, hence the inner join. The
# request of a token that is good counts against the app's share with this person; and that of one for another resource,
# so that it is noted no oftener.
RATE_LIMIT_KEY_SQL = """
select %(limit)s || ':' || id || ':' || client_id from found where refusal is null or refusal = 'audience'
"""
FIND_TOKEN_SQL = f"""
with found as (
  select case when token.expires <= clock_timestamp() then 'expired'
              when not jsonb_exists(token.resource, %(resource)s) then 'audience'
              when not person.is_active then 'inactive'
              when allowed.ends_at <= clock_timestamp() then 'ended'
              when allowed.paused_at is not null then 'paused' end as refusal,
         token.scope, app.client_id, allowed.scopes, allowed.only_tags, allowed.ends_at, allowed.asks_first,
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
MAX_CHARACTERS = 200


class InvalidAccessToken(Exception):
    """The token lets nobody in (RFC 6750 3.1: invalid_token). `description` is for the app's developer."""

    error = "invalid_token"

    def __init__(self, description: str) -> None:
        super().__init__(description)
        self.description = description


class _TokenRow(NamedTuple):
    is_within_limit: bool
    refusal: str | None
    scope: str
    client_id: str
    allowed_scopes: list[str]
    only_tags: list[UUID] | None
    ends_at: datetime | None
    asks_first: bool


def authenticate_token(token: str, door: Channel) -> Actor:
    """The app on its person's behalf, with what both the token and the person allow.

    Counts as one of its requests. Raises TokenRefused, and LimitReached when it asked too often.
    """
    if not token.startswith(ACCESS_PREFIX) or len(token) > MAX_CHARACTERS or not token.isascii():
        raise InvalidAccessToken("The access token is not one of this site.")
    limit = get_api_limit()
    asked: dict[str, object] = {
        "checksum": compute_checksum(token),
        "resource": resource_indicators.get_resource(door),
        "limit": limit.name,
    }
    rows = fetch_prepared(FIND_TOKEN_SQL, asked | limit.sql_params)
    if not rows:
        raise InvalidAccessToken("The access token is unknown or was revoked.")
    width = len(_TokenRow._fields)
    found, person = _TokenRow(*rows[0][:width]), User.from_db("default", USER_COLUMNS, rows[0][width:])
    if found.refusal == "audience" and found.is_within_limit:
        client_errors.record_client_error(found.client_id, ErrorKind.AUDIENCE)
    if found.refusal:
        raise InvalidAccessToken(REFUSAL_MESSAGES[found.refusal])
    if not found.is_within_limit:
        raise limit.exceeded_error
    return Actor(
        user=person,
        door=door,
        scopes=frozenset(found.scope.split()) & frozenset(found.allowed_scopes),
        client_id=found.client_id,
        only_tags=None if found.only_tags is None else frozenset(found.only_tags),
        until=found.ends_at,
        asks_first=found.asks_first,
    )


def build_www_authenticate(door: Channel, *, error: str = "", description: str = "", scope: str = "") -> str:
    """The header of a 401 or 403 (RFC 6750 3, RFC 9728 5.1). No `error` for a request that showed no token."""
    given = {
        "error": error,
        "error_description": description,
        "scope": scope,
        "resource_metadata": resource_indicators.get_metadata_url(resource_indicators.get_resource(door)),
    }
    return "Bearer " + ", ".join(
        f'{name}="{_strip_unquotable(value)}"' for name, value in given.items() if value
    )


def _strip_unquotable(value: str) -> str:
    return "".join(character for character in value if character.isprintable() and character not in '"\\')
