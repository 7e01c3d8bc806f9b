"""Periodic clean-up of apps and tokens. The worker runs these steps with its own (picard/composition.py)."""

from collections.abc import Callable
from datetime import timedelta

from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from oauth.diagnostics import client_errors
from oauth.models import TokenFamily
from oauth.personal.service import purge_revoked_tokens
from oauth.registration import dynamic as dynamic_registration
from oauth.settings import FAMILY_S, REFRESH_IDLE_S
from oauth.tokens import device_codes, refresh_retry
from oauth.tokens.families import AccessToken, AuthorizationCode, RefreshToken


def purge_tokens() -> int:
    """Delete unusable codes and tokens. Keep revoked refresh tokens as long as their reuse must be detected."""
    idle, family = timedelta(seconds=REFRESH_IDLE_S), timedelta(seconds=FAMILY_S)
    codes = AuthorizationCode.objects.filter(expires__lt=Now()).delete()[0]
    unusable = Q(revoked__lt=Now() - family) | Q(revoked__isnull=True, access_token__expires__lt=Now() - idle)
    refresh = RefreshToken.objects.filter(unusable | Q(created__lt=Now() - family - idle)).delete()[0]
    access = AccessToken.objects.filter(expires__lt=Now(), refresh_token__isnull=True).delete()[0]
    return int(codes + refresh + access)


def purge_token_families() -> int:
    """Delete families without tokens."""
    member = RefreshToken.objects.filter(token_family=OuterRef("pk"))
    old = TokenFamily.objects.filter(~Exists(member), began_at__lt=Now() - timedelta(seconds=FAMILY_S))
    return int(old.delete()[0])


STEPS: dict[str, Callable[[], int]] = {
    "tokens": purge_tokens,
    "device codes": device_codes.purge_device_codes,
    "token families": purge_token_families,
    "rotation receipts": refresh_retry.purge_receipts,
    "unused apps": dynamic_registration.purge_unused_apps,
    "revoked personal tokens": purge_revoked_tokens,
    "mistakes of apps": client_errors.purge_client_errors,
}
