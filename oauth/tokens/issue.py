"""Issues tokens for a code or a refresh token in two statements, where the toolkit's models need 12 to 24.

Apps refresh every 15 minutes. Invalid credentials are simply not found here; the validator then determines why, and
revokes the family on reuse.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from core.db.prepared import fetch_prepared
from oauth.models import Application
from oauth.settings import ACCESS_TOKEN_S, FAMILY_S, REFRESH_IDLE_S
from oauth.tokens.families import compute_checksum

# The presented credential and whether its user is active with a valid grant. Locks the grant, so that a concurrent
# revocation waits for the new tokens or prevents them.
FIND = """
with shown as materialized ({}),
allowed as materialized (
  select allowed.id from oauth_appgrant allowed
  join shown on allowed.user_id = shown.user_id and allowed.application_id = shown.application_id
  join accounts_user person on person.id = allowed.user_id
  where person.is_active and (allowed.ends_at is null or allowed.ends_at > clock_timestamp())
  for no key update of allowed)
select allowed.id is not null, shown.* from shown left join allowed on true
"""
# Times are compared with the database's clock.
FIND_CODE = FIND.format("""
  select id, scope, resource, user_id, application_id, redirect_uri, code_challenge, code_challenge_method
  from oauth2_provider_grant
  where code = %(checksum)s and application_id = %(application)s and expires > clock_timestamp()""")
FIND_REFRESH = FIND.format("""
  select token.id, coalesce(nullif(family.scope, ''), access.scope), token.resource, token.user_id,
    token.application_id, token.access_token_id
  from oauth2_provider_refreshtoken token
  join oauth2_provider_accesstoken access on access.id = token.access_token_id
  join oauth_tokenfamily family on family.id = token.token_family
  where token.token_checksum = %(checksum)s and token.application_id = %(application)s and token.revoked is null
    and access.expires > clock_timestamp() - %(idle)s::float8 * interval '1 second'
    and family.began_at > clock_timestamp() - %(family)s::float8 * interval '1 second'""")
FIND_DEVICE_CODE = FIND.format("""
  select id, scope, resource, user_id, application_id from oauth_deviceauthorization
  where digest = %(checksum)s and application_id = %(application)s and status = 'allowed'
    and expires_at > clock_timestamp()""")
# Replaces the credential in `ended` by a new pair, stored as digests. Returns no row if it was revoked concurrently.
# A request can narrow the access token only: the refresh token keeps what was granted (RFC 6749 6, RFC 8707 2.2).
ISSUE = """
with ended as ({}),
access as (
  insert into oauth2_provider_accesstoken (user_id, application_id, source_refresh_token_id, token, token_checksum,
    scope, resource, expires, created, updated)
  select user_id, application_id, refresh_token_id, '', %(access_checksum)s, %(scope)s, %(resource)s::jsonb,
    clock_timestamp() + %(access_s)s::float8 * interval '1 second', clock_timestamp(), clock_timestamp()
  from ended returning id)
insert into oauth2_provider_refreshtoken (user_id, application_id, access_token_id, token, token_checksum, token_family,
  resource, created, updated)
select user_id, application_id, access.id, '', %(refresh_checksum)s, token_family, %(granted_resource)s::jsonb,
  clock_timestamp(), clock_timestamp()
from ended cross join access
returning 1
"""
REDEEM = """
  delete from {} where id = %(id)s
  returning user_id, application_id, null::bigint as refresh_token_id, %(family)s::uuid as token_family),
family as (
  insert into oauth_tokenfamily (id, scope) select token_family, %(granted_scope)s from ended"""
REDEEM_CODE = ISSUE.format(REDEEM.format("oauth2_provider_grant"))
REDEEM_DEVICE_CODE = ISSUE.format(REDEEM.format("oauth_deviceauthorization"))
# In the lock order of revocation: the refresh token, then its access token.
ROTATE = ISSUE.format("""
  update oauth2_provider_refreshtoken
  set revoked = clock_timestamp(), updated = clock_timestamp(), access_token_id = null
  where id = %(id)s and revoked is null
  returning user_id, application_id, id as refresh_token_id, token_family),
gone as (
  delete from oauth2_provider_accesstoken where id = %(access_token)s and exists (select from ended)""")


@dataclass(frozen=True)
class PresentedCredential:
    """A single-use credential that a client presents.

    is_allowed: whether its user is active with a valid grant. scope, resource: what was granted.
    """

    is_allowed: bool
    id: int
    scope: str
    resource: list[str]


@dataclass(frozen=True)
class PresentedCode(PresentedCredential):
    redirect_uri: str
    code_challenge: str
    code_challenge_method: str


@dataclass(frozen=True)
class PresentedDeviceCode(PresentedCredential):
    pass


@dataclass(frozen=True)
class PresentedRefreshToken(PresentedCredential):
    access_token_id: int


def find_code(digest: str, client: Application) -> PresentedCode | None:
    """Return the code, None if it is unknown, expired, or of another client. Needs a transaction."""
    rows = fetch_prepared(FIND_CODE, {"checksum": digest, "application": client.pk})
    for is_allowed, pk, scope, resource, _user, _app, *fields in rows:
        return PresentedCode(is_allowed, pk, scope, json.loads(resource), *fields)
    return None


def find_device_code(digest: str, client: Application) -> PresentedDeviceCode | None:
    """Return the device code that the user allowed, None if there is none of this client. Needs a transaction."""
    rows = fetch_prepared(FIND_DEVICE_CODE, {"checksum": digest, "application": client.pk})
    for is_allowed, pk, scope, resource, _user, _app in rows:
        return PresentedDeviceCode(is_allowed, pk, scope, json.loads(resource))
    return None


def find_refresh_token(token: str, client: Application) -> PresentedRefreshToken | None:
    """Return the refresh token, None if it is unknown, used, expired, or of another client. Needs a transaction."""
    params = {"checksum": compute_checksum(token), "application": client.pk}
    rows = fetch_prepared(FIND_REFRESH, params | {"idle": REFRESH_IDLE_S, "family": FAMILY_S})
    for is_allowed, pk, scope, resource, _user, _app, access_token_id in rows:
        return PresentedRefreshToken(is_allowed, pk, scope, json.loads(resource), access_token_id)
    return None


def redeem_code(
    code: PresentedCode | PresentedDeviceCode, family: UUID, token: Mapping[str, str], resource: list[str]
) -> bool:
    """Replace the code by the first token pair of its family; return False if the code was used concurrently."""
    sql = REDEEM_CODE if isinstance(code, PresentedCode) else REDEEM_DEVICE_CODE
    return _issue_tokens(sql, code, token, resource, family=family)


def rotate_refresh_token(old: PresentedRefreshToken, token: Mapping[str, str], resource: list[str]) -> bool:
    """Replace the old token pair by the new one; return False if the old one was used or revoked concurrently."""
    return _issue_tokens(ROTATE, old, token, resource, access_token=old.access_token_id)


def _issue_tokens(
    sql: str, credential: PresentedCredential, token: Mapping[str, str], resource: list[str], **more: object
) -> bool:
    params: dict[str, object] = {
        "id": credential.id,
        "access_checksum": compute_checksum(token["access_token"]),
        "refresh_checksum": compute_checksum(token["refresh_token"]),
        "scope": token["scope"],
        "granted_scope": credential.scope,
        "resource": json.dumps(resource),
        "granted_resource": json.dumps(credential.resource),
        "access_s": token.get("expires_in", ACCESS_TOKEN_S),
    }
    return bool(fetch_prepared(sql, params | more))
