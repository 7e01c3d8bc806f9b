"""What must happen to apps and tokens from time to time; the worker does it among its own (picard/composition.py)."""

from collections.abc import Callable
from datetime import timedelta

from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from oauth.diagnostics import client_errors
from oauth.models import TokenFamily
from oauth.registration import dynamic as dynamic_registration
from oauth.settings import FAMILY_S, REFRESH_IDLE_S
from oauth.tokens import refresh_retry
from oauth.tokens.families import AccessToken, AuthorizationCode, RefreshToken


def purge_tokens() -> int:
    """Codes and tokens that can be used no more. Revoked refresh tokens stay while a replay would tell something."""
    idle, family = timedelta(seconds=REFRESH_IDLE_S), timedelta(seconds=FAMILY_S)
    codes = AuthorizationCode.objects.filter(expires__lt=Now()).delete()[0]
    spent = Q(revoked__lt=Now() - family) | Q(revoked__isnull=True, access_token__expires__lt=Now() - idle)
    refresh = RefreshToken.objects.filter(spent | Q(created__lt=Now() - family - idle)).delete()[0]
    access = AccessToken.objects.filter(expires__lt=Now(), refresh_token__isnull=True).delete()[0]
    return int(codes + refresh + access)


def purge_token_families() -> int:
    """Families without a token."""
    member = RefreshToken.objects.filter(token_family=OuterRef("pk"))
    old = TokenFamily.objects.filter(~Exists(member), began_at__lt=Now() - timedelta(seconds=FAMILY_S))
    return int(old.delete()[0])


STEPS: dict[str, Callable[[], int]] = {
    "tokens": purge_tokens,
    "token families": purge_token_families,
    "rotation receipts": refresh_retry.purge_receipts,
    "unused apps": dynamic_registration.purge_unused_apps,
    "mistakes of apps": client_errors.purge_client_errors,
}
