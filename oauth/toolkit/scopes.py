"""The scopes that an app can request. The user decides which it gets."""

from collections.abc import Collection, Iterable, Mapping

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


def select_scopes(requested: Collection[str], application: Application) -> list[str]:
    """Return the scopes to offer for this request, in its order; empty if it names only scopes of other apps.

    Names that do not exist here, such as `openid` and `offline_access`, and those that the app cannot have are ignored
    (RFC 6749 3.3): the token response says which scopes were granted. A request without any known name is one without
    scope, and gets the default.
    """
    names = dict.fromkeys(" ".join(requested).split())  # oauthlib splits only at single spaces
    wanted = _list_known_scopes(names) or settings.OAUTH2_PROVIDER["DEFAULT_SCOPES"]
    available = ClientScopes().get_available_scopes(application)
    return [name for name in wanted if name in available]


def drop_unknown_scopes(requested: str) -> str:
    """Return the known names in the scope parameter of a token request; empty means all that was granted."""
    return " ".join(_list_known_scopes(requested.split()))


def can_request_scopes(client_id: str | None, wanted: Collection[str]) -> bool:
    """Return whether the app could get these scopes with the user's consent, so that requesting them makes sense."""
    application = Application.find_client(client_id)
    return application is not None and set(wanted) <= set(ClientScopes().get_available_scopes(application))


def _list_known_scopes(names: Iterable[str]) -> list[str]:
    return [name for name in names if name in settings.OAUTH2_PROVIDER["SCOPES"]]


def get_scope_descriptions() -> Mapping[str, str]:
    """Return the description of every scope in the current language."""
    return {scope: gettext(text) for scope, text in settings.OAUTH2_PROVIDER["SCOPES"].items()}
