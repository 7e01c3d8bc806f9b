"""From a bearer token to its actor, in one prepared statement: the hottest path of the REST and MCP doors."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from accounts.actor import Actor, Door
from accounts.models import User
from accounts.statements import fetch_prepared
from oauth import resources
from oauth.tokens import ACCESS_PREFIX, checksum

# What doors and services read of a person; any other column is fetched when it is asked for.
WANTED = {
    "id", "email", "handle", "display_name", "time_zone",
    "persona_enabled", "public_page_enabled", "is_staff", "is_superuser", "is_active",
}  # fmt: skip
PERSON = tuple(field.attname for field in User._meta.concrete_fields if field.attname in WANTED)
# Times are compared by the database's clock. A grant that is gone takes all tokens with it, hence the inner join.
FIND = f"""
select token.expires <= clock_timestamp(), jsonb_exists(token.resource, %(resource)s), token.scope,
       app.client_id, allowed.scopes, allowed.only_tags, allowed.ends_at,
       allowed.ends_at <= clock_timestamp(), allowed.paused_at is not null,
       {", ".join(f"person.{name}" for name in PERSON)}
from oauth2_provider_accesstoken token
join oauth_application app on app.id = token.application_id
join accounts_user person on person.id = token.user_id
join oauth_appgrant allowed on allowed.user_id = token.user_id and allowed.application_id = token.application_id
where token.token_checksum = %(checksum)s
"""  # noqa: S608  (constants)
MAX_CHARACTERS = 200


class TokenRefused(Exception):
    """The token lets nobody in (RFC 6750 3.1: invalid_token). `description` is for the app's developer."""

    error = "invalid_token"

    def __init__(self, description: str) -> None:
        super().__init__(description)
        self.description = description


class _Found(NamedTuple):
    is_expired: bool
    is_for_resource: bool
    scope: str
    client_id: str
    allowed_scopes: list[str]
    only_tags: list[UUID] | None
    ends_at: datetime | None
    has_ended: bool | None
    is_paused: bool


def authenticate(token: str, door: Door) -> Actor:
    """The app on its person's behalf, with what both the token and the person allow. Raises TokenRefused."""
    if not token.startswith(ACCESS_PREFIX) or len(token) > MAX_CHARACTERS or not token.isascii():
        raise TokenRefused("The access token is not one of this site.")
    values = {"checksum": checksum(token), "resource": resources.resource_of(door)}
    rows = fetch_prepared(FIND, values)
    if not rows:
        raise TokenRefused("The access token is unknown or was revoked.")
    width = len(_Found._fields)
    found, person = _Found(*rows[0][:width]), User.from_db("default", PERSON, rows[0][width:])
    if reason := _refusal(found, person):
        raise TokenRefused(reason)
    return Actor(
        user=person,
        door=door,
        scopes=frozenset(found.scope.split()) & frozenset(found.allowed_scopes),
        client_id=found.client_id,
        only_tags=None if found.only_tags is None else frozenset(found.only_tags),
        until=found.ends_at,
    )


def www_authenticate(door: Door, *, error: str = "", description: str = "", scope: str = "") -> str:
    """The header of a 401 or 403 (RFC 6750 3, RFC 9728 5.1). No `error` for a request that showed no token."""
    given = {
        "error": error,
        "error_description": description,
        "scope": scope,
        "resource_metadata": resources.metadata_url(resources.resource_of(door)),
    }
    return "Bearer " + ", ".join(f'{name}="{_quotable(value)}"' for name, value in given.items() if value)


def _refusal(found: _Found, person: User) -> str:
    """Why not, or nothing."""
    if found.is_expired:
        return "The access token has expired."
    if not found.is_for_resource:
        return "The access token was not issued for this resource."
    if not person.is_active:
        return "The account is not active."
    if found.has_ended:
        return "The person's permission has ended."
    if found.is_paused:
        return "The person has paused this app."
    return ""


def _quotable(value: str) -> str:
    return "".join(character for character in value if character.isprintable() and character not in '"\\')
