"""Which scopes an app may ask for at all. What it gets is for the person to say."""

from collections.abc import Collection, Mapping

from django.conf import settings
from django.utils.translation import gettext
from oauth2_provider.scopes import SettingsScopes

from oauth.models import Application


class ClientScopes(SettingsScopes):  # type: ignore[misc]
    def get_available_scopes(
        self, application: Application | None = None, request: object = None, *args: object, **kwargs: object
    ) -> list[str]:
        # Metadata name no app, and advertise what all may have: some clients ask for everything that is advertised.
        if application is None or application.is_self_registered:
            return list(settings.OAUTH_SCOPES_FOR_EVERY_APP)
        return [
            name
            for name in settings.OAUTH2_PROVIDER["SCOPES"]
            if application.may_manage or name not in settings.OAUTH_SCOPES_BY_ADMINISTRATOR
        ]


def can_request_scopes(client_id: str | None, wanted: Collection[str]) -> bool:
    """Whether this app could have these scopes, its person willing. If not, sending it there for them leads nowhere."""
    application = Application.objects.filter(client_id=client_id).first()
    return application is not None and set(wanted) <= set(ClientScopes().get_available_scopes(application))


def get_scope_descriptions() -> Mapping[str, str]:
    """Of every scope, in words for a person, in their language."""
    return {scope: gettext(words) for scope, words in settings.OAUTH2_PROVIDER["SCOPES"].items()}
