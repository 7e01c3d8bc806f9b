"""Manual registration of apps, for the developer console and the `register_client` command."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from oauth import client_secrets
from oauth.models import Application

SECRET_OVERLAP = timedelta(days=7)  # how long the previous secret stays valid after a rotation


@dataclass(frozen=True, repr=False)
class RegisteredApp:
    """A new app and its client secret, which is available only here; empty for a public client."""

    application: Application
    secret: str


@transaction.atomic
def register_app(
    *,
    name: str,
    redirect_uris: Iterable[str],
    is_public: bool = False,
    device_flow: bool = False,
    user: User | None = None,
) -> RegisteredApp:
    """Register an app. Raises ValidationError (redirect_uris, name).

    device_flow: whether it can ask by a code (RFC 8628), and so needs no redirect URI.
    """
    secret = client_secrets.new_secret()
    application = Application(
        name=name.strip(),
        client_type=Application.CLIENT_PUBLIC if is_public else Application.CLIENT_CONFIDENTIAL,
        client_secret=secret,
        user=user,
    )
    application.set_redirection(redirect_uris, device_flow=device_flow)
    application.full_clean()
    application.save()
    return RegisteredApp(application, "" if is_public else secret)


@transaction.atomic
def update_app(
    application: Application, *, name: str, redirect_uris: Iterable[str], device_flow: bool
) -> None:
    """Change name and redirection of an app. Raises ValidationError (redirect_uris, name)."""
    application.name = name.strip()
    application.set_redirection(redirect_uris, device_flow=device_flow)
    application.full_clean()
    application.save(
        update_fields=["name", "redirect_uris", "device_flow", "authorization_grant_type", "updated"]
    )


@transaction.atomic
def rotate_client_secret(application: Application) -> str:
    """Replace the client secret and return the new one. The previous one stays valid for SECRET_OVERLAP."""
    secret = client_secrets.new_secret()
    application.previous_secret = application.client_secret
    application.previous_secret_until = timezone.now() + SECRET_OVERLAP
    application.client_secret = secret
    application.save(update_fields=["client_secret", "previous_secret", "previous_secret_until", "updated"])
    return secret
