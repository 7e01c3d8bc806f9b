"""Apps that somebody registers by hand: made here for the developer console and `register_client` alike."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from oauth import client_secrets
from oauth.models import Application

SECRET_OVERLAP = timedelta(days=7)  # how long the secret before a new one goes on working


@dataclass(frozen=True, repr=False)
class RegisteredApp:
    """A fresh app; its secret can be read only here, and is empty for a public one."""

    application: Application
    secret: str


@transaction.atomic
def register_app(
    *, name: str, redirect_uris: Iterable[str], is_public: bool = False, user: User | None = None
) -> RegisteredApp:
    """Raises ValidationError (redirect_uris, name)."""
    secret = client_secrets.new_secret()
    application = Application(
        name=name.strip(),
        redirect_uris=" ".join(redirect_uris),
        client_type=Application.CLIENT_PUBLIC if is_public else Application.CLIENT_CONFIDENTIAL,
        authorization_grant_type=Application.GRANT_AUTHORIZATION_CODE,
        client_secret=secret,
        user=user,
    )
    application.full_clean()
    application.save()
    return RegisteredApp(application, "" if is_public else secret)


@transaction.atomic
def update_app(application: Application, *, name: str, redirect_uris: Iterable[str]) -> None:
    """Raises ValidationError (redirect_uris, name)."""
    application.name, application.redirect_uris = name.strip(), " ".join(redirect_uris)
    application.full_clean()
    application.save(update_fields=["name", "redirect_uris", "updated"])


def get_redirect_uri_error(redirect_uri: str) -> str:
    """Why an app cannot have this address, empty if it can."""
    draft = Application(
        redirect_uris=redirect_uri, authorization_grant_type=Application.GRANT_AUTHORIZATION_CODE
    )
    try:
        draft.clean()
    except ValidationError as error:
        return " ".join(error.messages)
    return ""


def get_app_names(client_ids: Collection[str]) -> Mapping[str, str]:
    """What people know these apps by, where there still is such an app."""
    known = Application.objects.filter(client_id__in=client_ids)
    return {application.client_id: str(application) for application in known}


@transaction.atomic
def rotate_client_secret(application: Application) -> str:
    """A new secret; the one before it works on for OVERLAP, so that nothing stops while it is changed."""
    secret = client_secrets.new_secret()
    application.previous_secret = application.client_secret
    application.previous_secret_until = timezone.now() + SECRET_OVERLAP
    application.client_secret = secret
    application.save(update_fields=["client_secret", "previous_secret", "previous_secret_until", "updated"])
    return secret
