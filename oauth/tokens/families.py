"""Token families: format, lookup, locking and revocation of codes and tokens."""

import hashlib
import secrets
from uuid import UUID, uuid5

from oauth2_provider.models import get_access_token_model, get_grant_model, get_refresh_token_model

from accounts.models import User
from accounts.rate_limits import RateLimit, enforce_rate_limit_of
from core.db.locks import lock_uuid_sql
from core.db.prepared import fetch_prepared
from oauth.models import Application, DeviceAuthorization

# Prefixes that let secret scanners recognise leaked tokens.
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

# The user for whom a code or token was issued, as text.
CREDENTIAL_USER_SQL = """coalesce(
  (select user_id from oauth2_provider_refreshtoken where token_checksum = %(checksum)s limit 1),
  (select user_id from oauth2_provider_accesstoken where token_checksum = %(checksum)s),
  (select user_id from oauth2_provider_grant where code = %(checksum)s))::text"""
# Nobody has answered a device code yet, so it counts for itself: many devices of a network may wait at once.
DEVICE_CODE_SQL = """
  (select coalesce(user_id::text, 'device-' || id) from oauth_deviceauthorization where digest = %(checksum)s)"""

AccessToken = get_access_token_model()
RefreshToken = get_refresh_token_model()
AuthorizationCode = get_grant_model()  # the toolkit calls codes grants; here a grant is a user's consent


def new_access_token(_request: object) -> str:
    return ACCESS_PREFIX + secrets.token_urlsafe(32)


def new_refresh_token(_request: object) -> str:
    return REFRESH_PREFIX + secrets.token_urlsafe(32)


def compute_checksum(secret: str) -> str:
    """Return the digest by which a token or code is stored. With 256 random bits a fast hash is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()


def derive_family_id(code: str) -> UUID:
    """Return the id of the family of the code's tokens, by which a second use finds them without the code's row."""
    return uuid5(FAMILY_NAMESPACE, compute_checksum(code))


def enforce_credential_limit(limit: RateLimit, credential: str, network: str) -> None:
    """Count the request for the user of the code or token; for the network if this server does not know it.

    Raises RateLimitExceeded.
    """
    who = f"coalesce({CREDENTIAL_USER_SQL}, {DEVICE_CODE_SQL}, %(network)s)"
    enforce_rate_limit_of(limit, who, {"checksum": compute_checksum(credential), "network": network})


def lock_family(family: UUID) -> None:
    """Lock the family until the end of the transaction, to serialise redeem, refresh, replay and revoke."""
    fetch_prepared(LOCK_FAMILY_SQL.format("values (%(family)s::uuid)"), {"family": family})


def lock_family_by_token(token: str) -> None:
    """Lock the family of a refresh token or of an access token."""
    fetch_prepared(LOCK_FAMILY_SQL.format(FIND_FAMILY_SQL), {"checksum": compute_checksum(token)})


def revoke_all_tokens(user: User, application: Application | None = None) -> None:
    """Delete all codes and tokens of a user, or only those of one app. Needs a transaction."""
    owned = {"user": user} if application is None else {"user": user, "application": application}
    # Lock refresh tokens before access tokens, as revoking a family does, to avoid deadlocks.
    list(RefreshToken.objects.filter(**owned).order_by("pk").select_for_update().values_list("pk"))
    AuthorizationCode.objects.filter(**owned).delete()
    DeviceAuthorization.objects.filter(**owned).delete()
    AccessToken.objects.filter(**owned).delete()
    RefreshToken.objects.filter(**owned).delete()
