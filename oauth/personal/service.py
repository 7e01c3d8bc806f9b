"""Personal access tokens: a user's own tokens for scripts and devices, without OAuth.

Each has an application of its own, which is no client, and a grant as apps have. So its scopes, tags, end, approval,
pause, limits and activity are those of an app. The token is a bearer token of that application without an end of its
own: the grant ends it (docs/decisions/0043-personal-access-tokens.md).
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from oauth2_provider.models import set_token_value

from accounts.actor import Actor
from accounts.models import User
from accounts.rate_limits import enforce_rate_limit
from oauth import rate_limits
from oauth.access import grants
from oauth.models import AppGrant, Application
from oauth.tokens import families, personal

NO_END = datetime(9999, 1, 1, tzinfo=UTC)


class TokenExists(Exception):
    """The form was submitted before, and its token was shown then."""


@dataclass(frozen=True)
class IssuedToken:
    """A new token. `secret` is the token itself, which is not stored."""

    grant: AppGrant
    secret: str


def create_token(user: User, name: str, options: grants.GrantOptions, *, form_id: UUID) -> IssuedToken:
    """Create a token. form_id: a random id, by which the same form creates one token only.

    Raises ValidationError (name), TokenExists, grants.TooManyApps, grants.SessionEnded, RateLimitExceeded.
    """
    application = Application(
        client_id=f"token-{uuid5(user.pk, form_id.hex).hex}",
        name=name.strip(),
        user=user,
        is_personal_token=True,
        client_secret="",
        client_type=Application.CLIENT_CONFIDENTIAL,
        authorization_grant_type=Application.GRANT_AUTHORIZATION_CODE,
    )
    application.full_clean(validate_unique=False, validate_constraints=False)
    if Application.objects.filter(client_id=application.client_id).exists():
        raise TokenExists
    enforce_rate_limit(rate_limits.PERSONAL_TOKENS, str(user.pk))
    with transaction.atomic():
        try:
            with transaction.atomic():
                application.save(force_insert=True)
        except IntegrityError:
            raise TokenExists from None
        grants.grant_access(user, application, options)
        return _issue_secret(AppGrant.objects.get(user=user, application=application))


def regenerate_token(user: User, grant: AppGrant, ends_at: datetime | None) -> IssuedToken:
    """Replace the token, which ends at once, by another with the same access until `ends_at`. It is not paused.

    Raises grants.SessionEnded, grants.AppNotFound, RateLimitExceeded.
    """
    enforce_rate_limit(rate_limits.PERSONAL_TOKENS, str(user.pk))
    with transaction.atomic():
        grants.renew_grant(
            user, grant, ends_at
        )  # locks the user, so that one of two at once ends the other's token
        families.revoke_all_tokens(user, grant.application)
        return _issue_secret(grant)


def list_token_grants(actor: Actor) -> QuerySet[AppGrant]:
    """Return the grants of the user's tokens, newest first. Raises InsufficientScope for an app."""
    return grants.list_grants(actor).filter(application__is_personal_token=True)


def purge_revoked_tokens() -> int:
    """Delete the names of tokens that were revoked AUDIT_DAYS ago, when no line of the activity has them any more."""
    old = Application.objects.filter(
        is_personal_token=True,
        grants__isnull=True,
        disconnected_at__lt=Now() - timedelta(days=settings.AUDIT_DAYS),
    )
    return int(old.delete()[1].get("oauth.Application", 0))


def _issue_secret(grant: AppGrant) -> IssuedToken:
    secret = personal.new_personal_token()
    token = families.AccessToken(
        user=grant.user,
        application=grant.application,
        scope=" ".join(grant.scopes),
        resource=[],  # it is valid for all, also if PUBLIC_URL changes (oauth/tokens/bearer.py)
        expires=NO_END,
    )
    set_token_value(token, secret)
    token.save(force_insert=True)
    return IssuedToken(grant, secret)
