"""The scopes that an app can request. The user decides which it gets."""

from collections.abc import Collection, Mapping

from django.conf import settings
from django.utils.translation import gettext
from oauth2_provider.scopes import SettingsScopes

from oauth.models import Application


class ClientScopes(SettingsScopes):  # type: ignore[misc]
    def get_available_scopes(
        self, application: Application | None = None, request: object = None, *args: object, **kwargs: object
    ) -> list[str]:
        # For metadata, without an app, only scopes that every app can have: some clients request all advertised ones.
        if application is None or application.is_self_registered:
            return list(settings.OAUTH_SCOPES_FOR_EVERY_APP)
        return [
            name
            for name in settings.OAUTH2_PROVIDER["SCOPES"]
            if application.may_manage or name not in settings.OAUTH_SCOPES_BY_ADMINISTRATOR
        ]


def can_request_scopes(client_id: str | None, wanted: Collection[str]) -> bool:
    """Return whether the app could get these scopes with the user's consent, so that requesting them makes sense."""
    application = Application.objects.filter(client_id=client_id).first()
    return application is not None and set(wanted) <= set(ClientScopes().get_available_scopes(application))


def get_scope_descriptions() -> Mapping[str, str]:
    """Return the description of every scope in the current language."""
    return {scope: gettext(text) for scope, text in settings.OAUTH2_PROVIDER["SCOPES"].items()}
