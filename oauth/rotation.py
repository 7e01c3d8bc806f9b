"""A refresh in two statements, where the toolkit's models need twenty: what an app does every quarter of an hour.

Whatever is not wholly in order is left to the toolkit, which knows why, and what it ends.
"""

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from accounts.statements import fetch_prepared
from oauth.models import Application
from oauth.settings import ACCESS_TOKEN_S, FAMILY_S, REFRESH_IDLE_S
from oauth.tokens import checksum

# A token that may be used, by the database's clock. Of a person who let the app the grant is locked, so that taking it
# back waits or wins.
FIND = """
with shown as materialized (
  select token.id, token.user_id, token.application_id, token.access_token_id, token.token_family, token.resource,
         access.scope
  from oauth2_provider_refreshtoken token
  join oauth2_provider_accesstoken access on access.id = token.access_token_id
  join oauth_tokenfamily family on family.id = token.token_family
  where token.token_checksum = %(checksum)s and token.application_id = %(application)s and token.revoked is null
    and access.expires > clock_timestamp() - %(idle)s::float8 * interval '1 second'
    and family.began_at > clock_timestamp() - %(family)s::float8 * interval '1 second'),
allowed as materialized (
  select allowed.id from oauth_appgrant allowed
  join shown on allowed.user_id = shown.user_id and allowed.application_id = shown.application_id
  join accounts_user person on person.id = allowed.user_id
  where person.is_active and (allowed.ends_at is null or allowed.ends_at > clock_timestamp())
  for no key update of allowed)
select shown.id, shown.access_token_id, shown.token_family, shown.resource, shown.scope, allowed.id is not null
from shown left join allowed on true
"""
# In the order of revoking: the refresh token, then its access token. No row: it was taken back meanwhile.
ROTATE = """
with ended as (
  update oauth2_provider_refreshtoken
  set revoked = clock_timestamp(), updated = clock_timestamp(), access_token_id = null
  where id = %(id)s and revoked is null
  returning id, user_id, application_id, token_family),
gone as (
  delete from oauth2_provider_accesstoken where id = %(access_token)s and exists (select from ended)),
access as (
  insert into oauth2_provider_accesstoken (user_id, application_id, source_refresh_token_id, token, token_checksum,
    scope, resource, expires, created, updated)
  select user_id, application_id, id, '', %(access_checksum)s, %(scope)s, %(resource)s::jsonb,
    clock_timestamp() + %(access_s)s::float8 * interval '1 second', clock_timestamp(), clock_timestamp()
  from ended returning id)
insert into oauth2_provider_refreshtoken (user_id, application_id, access_token_id, token, token_checksum, token_family,
  resource, created, updated)
select user_id, application_id, access.id, '', %(refresh_checksum)s, token_family, %(resource)s::jsonb,
  clock_timestamp(), clock_timestamp()
from ended cross join access
returning 1
"""


@dataclass(frozen=True)
class Refreshable:
    """A refresh token that may be used. is_allowed: its person is there, and still lets the app."""

    id: int
    access_token_id: int
    token_family: UUID
    resource: list[str]
    scope: str
    is_allowed: bool


def find(refresh_token: str, client: Application) -> Refreshable | None:
    """None for one that is unknown, used, ended, or another client's. Needs a transaction."""
    rows = fetch_prepared(
        FIND,
        {
            "checksum": checksum(refresh_token),
            "application": client.pk,
            "idle": REFRESH_IDLE_S,
            "family": FAMILY_S,
        },
    )
    for pk, access_token_id, family, resource, scope, is_allowed in rows:
        return Refreshable(pk, access_token_id, family, json.loads(resource), scope, is_allowed)
    return None


def rotate(old: Refreshable, token: dict[str, Any], resource: list[str]) -> bool:
    """End the pair and store that of this answer in its place, as digests; says whether it was still there."""
    given = {
        "id": old.id,
        "access_token": old.access_token_id,
        "access_checksum": checksum(token["access_token"]),
        "refresh_checksum": checksum(token["refresh_token"]),
        "scope": token["scope"],
        "resource": json.dumps(resource),
        "access_s": token.get("expires_in", ACCESS_TOKEN_S),
    }
    return bool(fetch_prepared(ROTATE, given))
