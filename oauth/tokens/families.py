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
FAMILIES = UUID("4d1f6f3e-3a3e-4c53-9a0e-4f0f8b7d2c11")

LOCK = f"select {lock_uuid_sql('family')} from ({{}}) shown (family)"  # noqa: S608 - a constant # nosec B608
ITS_FAMILY = """
(select token_family from oauth2_provider_refreshtoken where token_checksum = %(checksum)s limit 1)
union
(select refresh.token_family from oauth2_provider_refreshtoken refresh
 join oauth2_provider_accesstoken access on access.id = refresh.access_token_id
 where access.token_checksum = %(checksum)s limit 1)
"""

AccessToken = get_access_token_model()
RefreshToken = get_refresh_token_model()
Code = get_grant_model()  # the toolkit calls a code a grant; here a grant is what a person allowed


def new_access_token(_request: object) -> str:
    return ACCESS_PREFIX + secrets.token_urlsafe(32)


def new_refresh_token(_request: object) -> str:
    return REFRESH_PREFIX + secrets.token_urlsafe(32)


def checksum(secret: str) -> str:
    """By which a token or a code is stored and found: 256 random bits need no slower hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


def family_of_code(code: str) -> UUID:
    """The code names the family of its tokens, so that its second use finds them without a table of used codes."""
    return uuid5(FAMILIES, checksum(code))


def lock_family(family: UUID) -> None:
    """One act at a time on one family, until the end of the transaction: redeem, refresh, replay, revoke."""
    fetch_prepared(LOCK.format("values (%(family)s::uuid)"), {"family": family})


def lock_family_of(token: str) -> None:
    """The same, for the family of a refresh token, or of the one that goes with an access token."""
    fetch_prepared(LOCK.format(ITS_FAMILY), {"checksum": checksum(token)})


def revoke_all(user: User, application: Application | None = None) -> None:
    """End every code and token of a person, or those of one app of theirs. Needs a transaction."""
    owned = {"user": user} if application is None else {"user": user, "application": application}
    # Refresh tokens are locked before access tokens, as when a family is revoked: no two acts wait for each other.
    list(RefreshToken.objects.filter(**owned).order_by("pk").select_for_update().values_list("pk"))
    Code.objects.filter(**owned).delete()
    AccessToken.objects.filter(**owned).delete()
    RefreshToken.objects.filter(**owned).delete()
