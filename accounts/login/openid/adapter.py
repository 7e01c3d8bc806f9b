"""The OpenID provider as django-allauth's log-in flows know it.

Its own provider class is not used: it trusts the token endpoint instead of the signature, has no nonce, follows
redirects, and stores every claim (decision 0048). Of django-allauth are the flows after the identity is proved: the
steps of a log-in, the second factor, closed accounts.
"""

from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialLogin
from allauth.socialaccount.providers.base import Provider, ProviderAccount
from django.conf import settings
from django.http import HttpRequest

from accounts.login.openid.signup import start_signup
from accounts.openid import connections
from accounts.openid.code_flow import Identity
from accounts.openid.connections import PROVIDER_ID


class OpenIDProvider(Provider):  # type: ignore[misc]
    id = PROVIDER_ID
    name = "OpenID Connect"
    account_class = ProviderAccount


class IdentityLogin(SocialLogin):  # type: ignore[misc]
    """A log-in whose identity is proved. An account is found by the identity alone, never by an address."""

    def __init__(self, request: HttpRequest, identity: Identity, next_url: str) -> None:
        super().__init__(
            account=SocialAccount(provider=PROVIDER_ID, uid=connections.compute_uid(identity)),
            provider=build_provider(request),
        )
        self.identity = identity
        self.state = {"process": "login", "next": next_url}

    def lookup(self) -> None:
        self._did_authenticate_by_email = None
        row = connections.find_account(self.identity)
        if row is not None:
            connections.record_use(row)
            self.account, self.user = row, row.user


class OpenIDAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """The one provider of the settings. Rows of django-allauth's tables of providers and tokens are never read."""

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        if not sociallogin.is_existing:
            assert isinstance(sociallogin, IdentityLogin)  # noqa: S101  (there is no other)
            raise ImmediateHttpResponse(
                start_signup(request, sociallogin.identity, sociallogin.state["next"])
            )

    def list_apps(self, *_args: object, **_kwargs: object) -> list[SocialApp]:
        return [_build_app()] if settings.OPENID.issuer else []

    def list_providers(self, request: HttpRequest) -> list[Provider]:
        return [build_provider(request)] if settings.OPENID.issuer else []

    def get_provider(self, request: HttpRequest, *_args: object, **_kwargs: object) -> Provider:
        return build_provider(request)

    def get_requests_session(self) -> Any:
        raise NotImplementedError("all requests to the provider are those of accounts/openid/provider.py")


def build_provider(request: HttpRequest) -> OpenIDProvider:
    return OpenIDProvider(request, app=_build_app())


def _build_app() -> SocialApp:
    return SocialApp(
        provider=PROVIDER_ID,
        provider_id=PROVIDER_ID,
        name=settings.OPENID.label,
        client_id=settings.OPENID.client_id,
    )
