"""Tokens: how they look, how they are found, and how they end."""

import hashlib
import secrets
from uuid import UUID, uuid5

from oauth2_provider.models import get_access_token_model, get_grant_model, get_refresh_token_model

from accounts.models import User
from core.db.locks import lock_uuid_sql
from core.db.prepared import fetch_prepared
from oauth.models import Application

# Marks by which scanners of leaked secrets find them.
ACCESS_PREFIX = "picard_at_"
REFRESH_PREFIX = "picard_rt_"
FAMILY_NAMESPACE = UUID("4d1f6f3e-3a3e-4c53-9a0e-4f0f8b7d2c11")

LOCK_FAMILY_SQL = f"select {lock_uuid_sql('family')} from ({{}}) shown (family)"  # noqa: S608 - a constant # nosec B608
FIND_FAMILY_SQL = """
(select token_family from oauth2_provider_refreshtoken where token_checksum = %(checksum)s limit 1)
union
(select refresh.token_family from oauth2_provider_refreshtoken refresh
 join oauth2_provider_accesstoken access on access.id = refresh.access_token_id
 where access.token_checksum = %(checksum)s limit 1)
"""

AccessToken = get_access_token_model()
RefreshToken = get_refresh_token_model()
AuthorizationCode = (
    get_grant_model()
)  # the toolkit calls a code a grant; here a grant is what a person allowed


def new_access_token(_request: object) -> str:
    return ACCESS_PREFIX + secrets.token_urlsafe(32)


def new_refresh_token(_request: object) -> str:
    return REFRESH_PREFIX + secrets.token_urlsafe(32)


def compute_checksum(secret: str) -> str:
    """By which a token or a code is stored and found: 256 random bits need no slower hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


def derive_family_id(code: str) -> UUID:
    """The code names the family of its tokens, so that its second use finds them without a table of used codes."""
    return uuid5(FAMILY_NAMESPACE, compute_checksum(code))


def lock_family(family: UUID) -> None:
    """One act at a time on one family, until the end of the transaction: redeem, refresh, replay, revoke."""
    fetch_prepared(LOCK_FAMILY_SQL.format("values (%(family)s::uuid)"), {"family": family})


def lock_family_by_token(token: str) -> None:
    """The same, for the family of a refresh token, or of the one that goes with an access token."""
    fetch_prepared(LOCK_FAMILY_SQL.format(FIND_FAMILY_SQL), {"checksum": compute_checksum(token)})


def revoke_all_tokens(user: User, application: Application | None = None) -> None:
    """End every code and token of a person, or those of one app of theirs. Needs a transaction."""
    owned = {"user": user} if application is None else {"user": user, "application": application}
    # Refresh tokens are locked before access tokens, as when a family is revoked: no two acts wait for each other.
    list(RefreshToken.objects.filter(**owned).order_by("pk").select_for_update().values_list("pk"))
    AuthorizationCode.objects.filter(**owned).delete()
    AccessToken.objects.filter(**owned).delete()
    RefreshToken.objects.filter(**owned).delete()
